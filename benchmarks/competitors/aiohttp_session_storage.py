"""aiohttp_session's EncryptedCookieStorage: Fernet over JSON, from a session to its cookie."""

from collections.abc import Coroutine
from hashlib import sha256
from importlib.metadata import version
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp_session import Session
from aiohttp_session.cookie_storage import EncryptedCookieStorage

from benchmarks.sample import PASSWORD, TTL

NAME = "aiohttp_session's EncryptedCookieStorage"
VERSION = version("aiohttp-session")
COOKIE = "AIOHTTP_SESSION"

_storage = EncryptedCookieStorage(sha256(PASSWORD.encode()).digest(), max_age=TTL)
_request = make_mocked_request("GET", "/")


def seal(data: dict[str, Any]) -> str:
    session = Session(None, data=None, new=True, max_age=TTL)
    session.update(data)
    response = web.Response()
    _run(_storage.save_session(_request, response, session))
    return response.cookies[COOKIE].value


def unseal(text: str) -> Any:
    return dict(_run(_storage.load_session(cast(web.Request, _Request(text)))))


class _Request:
    """What the storage asks of a request; a real one takes longer to make than to read."""

    def __init__(self, text: str) -> None:
        self.cookies = {COOKIE: text}


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run what never waits, without a loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("it waited")
