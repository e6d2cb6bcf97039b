"""What Litestar's cookie backend does to a session: AES-GCM by one key for all, over its JSON."""

from hashlib import sha256
from importlib.metadata import version
from typing import Any

from litestar.middleware.session.client_side import ClientSideSessionBackend, CookieBackendConfig

from benchmarks.sample import PASSWORD, TTL

NAME = "Litestar's cookie backend"
VERSION = version("litestar")

_config = CookieBackendConfig(secret=sha256(PASSWORD.encode()).digest(), max_age=TTL)
_backend = ClientSideSessionBackend(_config)


def seal(data: dict[str, Any]) -> str:
    return b",".join(_backend.dump_data(data)).decode()


def unseal(text: str) -> Any:
    return _backend.load_data(text.encode().split(b","))
