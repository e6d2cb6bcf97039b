"""What Starlette's SessionMiddleware does to a session: JSON, base64 and a signature."""

import json
from base64 import b64decode, b64encode
from importlib.metadata import version
from typing import Any

from itsdangerous import TimestampSigner

from benchmarks.sample import PASSWORD, TTL

NAME = "itsdangerous, as in Starlette (signs only)"
VERSION = version("itsdangerous")

_signer = TimestampSigner(PASSWORD)


def seal(data: dict[str, Any]) -> str:
    return _signer.sign(b64encode(json.dumps(data).encode())).decode()


def unseal(text: str) -> Any:
    return json.loads(b64decode(_signer.unsign(text, max_age=TTL)))
