"""FastAPI."""

from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from benchmarks.frameworks.starlette import MIDDLEWARE
from benchmarks.gateways import asgi, uvicorn
from benchmarks.sample import BODY, DATA

NAME = "FastAPI"
VERSION = version("fastapi")
OWN_SESSION = "Starlette's SessionMiddleware, which signs"
OWN_WRITES = frozenset({"modified"})
WAYS = {"called": asgi, "by uvicorn": uvicorn}


def make_app(session: str) -> FastAPI:
    app = FastAPI(default_response_class=PlainTextResponse, middleware=MIDDLEWARE[session])
    for page in (untouched, read, modified, fill):
        app.get(f"/{page.__name__}")(page)
    return app


async def untouched() -> str:
    return BODY


async def read(request: Request) -> str:
    return f"{request.session['visits']} visits"


async def modified(request: Request) -> str:
    request.session["visits"] += 1
    return BODY


async def fill(request: Request) -> str:
    request.session.update(DATA)
    return BODY
