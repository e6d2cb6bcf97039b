"""Starlette."""

from importlib.metadata import version

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.competitors.session import OPTIONS
from benchmarks.gateways import WrapsSend, asgi, uvicorn
from benchmarks.sample import BODY, DATA, PASSWORD
from benchmarks.visits import BARE, FLOOR, OURS, OWN
from iron_session.integrations.starlette import IronSessionMiddleware

NAME = "Starlette"
VERSION = version("starlette")
OWN_SESSION = "its SessionMiddleware, which signs"
OWN_WRITES = frozenset({"modified"})
WAYS = {"called": asgi, "by uvicorn": uvicorn}

MIDDLEWARE = {
    BARE: [],
    FLOOR: [Middleware(WrapsSend)],
    OURS: [Middleware(IronSessionMiddleware, options=OPTIONS)],
    OWN: [Middleware(SessionMiddleware, secret_key=PASSWORD, https_only=True)],
}


async def untouched(request: Request) -> Response:
    return PlainTextResponse(BODY)


async def read(request: Request) -> Response:
    return PlainTextResponse(f"{request.session['visits']} visits")


async def modified(request: Request) -> Response:
    request.session["visits"] += 1
    return PlainTextResponse(BODY)


async def fill(request: Request) -> Response:
    request.session.update(DATA)
    return PlainTextResponse(BODY)


ROUTES = [Route(f"/{page.__name__}", page) for page in (untouched, read, modified, fill)]


def make_app(session: str) -> Starlette:
    return Starlette(routes=ROUTES, middleware=MIDDLEWARE[session])
