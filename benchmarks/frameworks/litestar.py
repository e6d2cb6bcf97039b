"""Litestar."""

from hashlib import sha256
from importlib.metadata import version
from typing import Any

from litestar import Litestar, MediaType, Request, get
from litestar.middleware import DefineMiddleware
from litestar.middleware.session.client_side import CookieBackendConfig

from benchmarks.competitors.session import OPTIONS
from benchmarks.gateways import WrapsSend, asgi, uvicorn
from benchmarks.sample import BODY, DATA, PASSWORD
from benchmarks.visits import BARE, FLOOR, OURS, OWN
from iron_session.integrations.litestar import IronSessionConfig

NAME = "Litestar"
VERSION = version("litestar")
OWN_SESSION = "its CookieBackendConfig, which encrypts, by one key for all, at every response"
OWN_WRITES = frozenset({"untouched", "read", "modified"})
WAYS = {"called": asgi, "by uvicorn": uvicorn}

SECRET = sha256(PASSWORD.encode()).digest()
MIDDLEWARE = {
    BARE: [],
    FLOOR: [DefineMiddleware(WrapsSend)],
    OURS: [IronSessionConfig(OPTIONS).middleware],
    OWN: [CookieBackendConfig(secret=SECRET, secure=True).middleware],
}


def make_app(session: str) -> Litestar:
    return Litestar([untouched, read, modified, fill], middleware=MIDDLEWARE[session])


@get("/untouched", media_type=MediaType.TEXT)
async def untouched() -> str:
    return BODY


@get("/read", media_type=MediaType.TEXT)
async def read(request: Request[Any, Any, Any]) -> str:
    return f"{request.session['visits']} visits"


@get("/modified", media_type=MediaType.TEXT)
async def modified(request: Request[Any, Any, Any]) -> str:
    request.session["visits"] += 1
    return BODY


@get("/fill", media_type=MediaType.TEXT)
async def fill(request: Request[Any, Any, Any]) -> str:
    request.session.update(DATA)
    return BODY
