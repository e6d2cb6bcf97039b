"""A decorated handler has the type that it had. Never run, as the file beside it."""

from typing import Any, assert_type

import sanic
from aiohttp import web

from iron_session import Passwords, Session, SessionOptions
from iron_session.integrations import aiohttp
from iron_session.integrations import sanic as our_sanic

options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")


@aiohttp.with_iron_session(options)
async def page(request: web.Request) -> web.Response:
    session = aiohttp.get_session(request)
    session.set("visits", 1)
    session.unset("visits")
    assert_type(session, Session[Any])
    return web.Response()


class View(web.View):
    @aiohttp.with_iron_session(options, key="admin")
    async def get(self) -> web.Response:
        return await page(self.request)


@our_sanic.with_iron_session(options)
def plain(request: sanic.Request) -> sanic.HTTPResponse:
    return sanic.empty()


@our_sanic.with_iron_session(options)
async def greet(request: sanic.Request, name: str) -> sanic.HTTPResponse:
    assert_type(plain(request), sanic.HTTPResponse)
    return sanic.text(name)


async def what_a_type_checker_knows(request: web.Request, other: sanic.Request) -> None:
    assert_type(await page(request), web.Response)
    assert_type(await View(request).get(), web.Response)
    assert_type(await greet(other, "Ada"), sanic.HTTPResponse)
    # Each of these is wrong on purpose; should a checker take one, it finds the comment unused.
    await page(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await greet(other, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
