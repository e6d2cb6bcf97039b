"""aiohttp: an app can't be called without its server, so the server is fed with bytes."""

from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import aiohttp_session
from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp_session.cookie_storage import EncryptedCookieStorage

from benchmarks.competitors.session import OPTIONS
from benchmarks.gateways import Entrance, fed
from benchmarks.sample import BODY, DATA, PASSWORD
from benchmarks.visits import FLOOR, OURS, OWN
from iron_session.integrations.aiohttp import get_session, setup

NAME = "aiohttp"
VERSION = version("aiohttp")
OWN_SESSION = "aiohttp_session's EncryptedCookieStorage, which encrypts (Fernet)"
OWN_WRITES = frozenset({"modified"})

SECRET = sha256(PASSWORD.encode()).digest()


async def server(app: web.Application) -> Entrance:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    return fed(runner.server())


WAYS = {"by its server": server}


@web.middleware
async def does_nothing(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await handler(request)


async def writes_nothing(request: web.Request, response: web.StreamResponse) -> None:
    """Do nothing, where a session would be written."""


def make_app(session: str) -> web.Application:
    app = web.Application()
    if session == FLOOR:
        app.middlewares.append(does_nothing)
        app.on_response_prepare.append(writes_nothing)
    elif session == OURS:
        setup(app, OPTIONS)
    elif session == OWN:
        aiohttp_session.setup(app, EncryptedCookieStorage(SECRET, secure=True))
    add_pages(app, OWN_PAGES if session == OWN else PAGES)
    return app


def add_pages(app: web.Application, pages: Sequence[Any]) -> None:
    for page in pages:
        app.router.add_get(f"/{page.__name__.removeprefix('own_')}", page)


async def untouched(request: web.Request) -> web.Response:
    return web.Response(text=BODY)


async def read(request: web.Request) -> web.Response:
    return web.Response(text=f"{get_session(request)['visits']} visits")


async def modified(request: web.Request) -> web.Response:
    get_session(request)["visits"] += 1
    return web.Response(text=BODY)


async def fill(request: web.Request) -> web.Response:
    get_session(request).update(DATA)
    return web.Response(text=BODY)


async def own_read(request: web.Request) -> web.Response:
    session = await aiohttp_session.get_session(request)
    return web.Response(text=f"{session['visits']} visits")


async def own_modified(request: web.Request) -> web.Response:
    session = await aiohttp_session.get_session(request)
    session["visits"] += 1
    return web.Response(text=BODY)


async def own_fill(request: web.Request) -> web.Response:
    session = await aiohttp_session.get_session(request)
    session.update(DATA)
    return web.Response(text=BODY)


PAGES = (untouched, read, modified, fill)
OWN_PAGES = (untouched, own_read, own_modified, own_fill)
