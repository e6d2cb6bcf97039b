"""Sanic, in its ASGI mode; it has no session of its own."""

from importlib.metadata import version
from typing import Any

from sanic import HTTPResponse, Request, Sanic, text
from sanic.response import BaseHTTPResponse

from benchmarks.competitors.session import OPTIONS
from benchmarks.gateways import Entrance, asgi, start_lifespan
from benchmarks.sample import BODY, DATA
from benchmarks.visits import FLOOR, OURS, OWN
from iron_session.integrations.sanic import get_session, setup

NAME = "Sanic"
VERSION = version("sanic")
OWN_SESSION = ""
OWN_WRITES = frozenset[str]()


async def asgi_mode(app: Any) -> Entrance:
    await start_lifespan(app)
    return await asgi(app)


WAYS = {"called": asgi_mode}


def make_app(session: str) -> Sanic[Any, Any] | None:
    if session == OWN:
        return None
    app: Sanic[Any, Any] = Sanic(f"benchmark-{session}", configure_logging=False)
    # TOUCHUP would rewrite, for this app, classes that all of the process's apps share.
    app.config.update(MOTD=False, TOUCHUP=False)
    if session == FLOOR:
        app.register_middleware(does_nothing, "request")
        app.register_middleware(writes_nothing, "response")
    elif session == OURS:
        setup(app, OPTIONS)
    for page in (untouched, read, modified, fill):
        app.add_route(page, f"/{page.__name__}")
    return app


async def does_nothing(request: Request) -> None:
    """Do nothing, where a session would begin."""


async def writes_nothing(request: Request, response: BaseHTTPResponse) -> None:
    """Do nothing, where a session would be written."""


async def untouched(request: Request) -> HTTPResponse:
    return text(BODY)


async def read(request: Request) -> HTTPResponse:
    return text(f"{get_session(request)['visits']} visits")


async def modified(request: Request) -> HTTPResponse:
    get_session(request)["visits"] += 1
    return text(BODY)


async def fill(request: Request) -> HTTPResponse:
    get_session(request).update(DATA)
    return text(BODY)
