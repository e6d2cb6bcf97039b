"""ASGI without a framework: an app of one function, which has no session of its own."""

from collections.abc import Callable
from platform import python_version
from typing import Any

from benchmarks.competitors.session import OPTIONS
from benchmarks.gateways import WrapsSend, asgi, uvicorn
from benchmarks.sample import BODY, DATA
from benchmarks.visits import FLOOR, OURS, OWN
from iron_session.integrations.asgi import IronSessionMiddleware

NAME = "ASGI, no framework"
VERSION = python_version()
OWN_SESSION = ""
OWN_WRITES = frozenset[str]()
WAYS = {"called": asgi, "by uvicorn": uvicorn}


def make_app(session: str) -> Any:
    if session == OWN:
        return None
    if session == OURS:
        return IronSessionMiddleware(answer, OPTIONS)
    return WrapsSend(answer) if session == FLOOR else answer


async def answer(scope: Any, receive: Any, send: Any) -> None:
    body = PAGES[scope["path"]](scope).encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def untouched(scope: Any) -> str:
    return BODY


def read(scope: Any) -> str:
    return f"{scope['session']['visits']} visits"


def modified(scope: Any) -> str:
    scope["session"]["visits"] += 1
    return BODY


def fill(scope: Any) -> str:
    scope["session"].update(DATA)
    return BODY


PAGES: dict[str, Callable[[Any], str]] = {
    f"/{page.__name__}": page for page in (untouched, read, modified, fill)
}
