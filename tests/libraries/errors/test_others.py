"""Sentry beside aiohttp, aiohttp_session, Quart and Sanic."""

import asyncio
from typing import Any

import aiohttp_session
import pytest
import quart
import sanic
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from quart.testing.connections import WebsocketResponseError
from sanic_testing.testing import SanicTestClient

from iron_session import ConfigurationError
from iron_session.integrations import aiohttp as aiohttp_door
from iron_session.integrations import aiohttp_session as view_door
from iron_session.integrations import quart as quart_door
from iron_session.integrations import sanic as sanic_door
from tests.helpers.frames import MARKER
from tests.libraries.errors.actions import ACTIONS, HEADERS, KINDS, OPTIONS, OTHER, perform
from tests.libraries.errors.tracker import Tracker

# --- aiohttp -------------------------------------------------------------------------------------


async def aiohttp_handler(request: web.Request) -> web.Response:
    response = web.Response()
    perform(
        request.match_info["path"],
        lambda: aiohttp_door.get_session(request),
        lambda options: aiohttp_door.get_iron_session(request, response, options),
    )
    return response


async def late(request: web.Request) -> web.StreamResponse:
    session = aiohttp_door.get_session(request)
    response = web.StreamResponse()
    await response.prepare(request)
    session["more"] = MARKER[::-1]
    session.save()
    return response


async def stream_too_much(request: web.Request) -> web.StreamResponse:
    aiohttp_door.get_session(request)["big"] = MARKER * 200
    response = web.StreamResponse()
    await response.prepare(request)
    return response


async def view_handler(request: web.Request) -> web.Response:
    session = await aiohttp_session.get_session(request)
    ACTIONS[request.match_info["path"]][1](session)
    return web.Response()


def ask_aiohttp(app: web.Application, path: str) -> None:
    async def ask() -> None:
        async with TestClient(TestServer(app)) as client:
            await client.get(f"/{path}", headers=HEADERS)

    asyncio.run(ask())


@pytest.mark.parametrize("path", KINDS)
def test_aiohttp(path: str, tracker: Tracker) -> None:
    app = web.Application()
    aiohttp_door.setup(app, OPTIONS)
    app.router.add_get("/{path}", aiohttp_handler)
    ask_aiohttp(app, path)
    assert set(tracker.kinds()) == {KINDS[path]}
    assert tracker.leaks() == []


@pytest.mark.parametrize(
    ("handler", "kind"),
    [(late, "HeadersAlreadySentError"), (stream_too_much, "CookieTooLargeError")],
)
def test_aiohttps_streams(handler: Any, kind: str, tracker: Tracker) -> None:
    app = web.Application()
    aiohttp_door.setup(app, OPTIONS)
    app.router.add_get("/", handler)
    ask_aiohttp(app, "")
    assert set(tracker.kinds()) == {kind}
    assert tracker.leaks() == []


@pytest.mark.parametrize("path", ACTIONS)
def test_aiohttp_session(path: str, tracker: Tracker) -> None:
    app = web.Application()
    view_door.setup(app, OPTIONS)
    app.router.add_get("/{path}", view_handler)
    ask_aiohttp(app, path)
    assert set(tracker.kinds()) == {KINDS[path]}
    assert tracker.leaks() == []


# --- Quart ---------------------------------------------------------------------------------------


def quart_app() -> quart.Quart:
    app = quart.Quart(__name__)
    app.session_interface = quart_door.IronSessionInterface(OPTIONS)

    @app.get("/<path>")
    async def view(path: str) -> quart.Response:
        response = quart.Response("")
        perform(
            path,
            quart.session._get_current_object,  # type: ignore[attr-defined]  # of a proxy
            lambda options: quart_door.get_iron_session(
                quart.request._get_current_object(),  # type: ignore[attr-defined]  # of a proxy
                response,
                options,
            ),
        )
        return response

    @app.websocket("/ws")
    async def talk() -> None:
        quart.session["big"] = MARKER * 200
        await quart.websocket.accept()

    return app


@pytest.mark.parametrize("path", KINDS)
def test_quart(path: str, tracker: Tracker) -> None:
    asyncio.run(quart_app().test_client().get(f"/{path}", headers=HEADERS))
    assert set(tracker.kinds()) == {KINDS[path]}
    assert tracker.leaks() == []


def test_quarts_websockets(tracker: Tracker) -> None:
    async def talk() -> None:
        async with quart_app().test_client().websocket("/ws", headers=HEADERS) as socket:
            await socket.receive()

    with pytest.raises(WebsocketResponseError):
        asyncio.run(talk())
    assert set(tracker.kinds()) == {"CookieTooLargeError"}
    assert tracker.leaks() == []


def test_quarts_websockets_where_the_first_session_was_written(tracker: Tracker) -> None:
    """By then its new seal is in the headers that the handshake would have."""
    app = quart_app()
    app.session_interface = quart_door.IronSessionInterface(OPTIONS, basket=OTHER)

    @app.websocket("/both")
    async def both() -> None:
        quart.session["new"] = MARKER[::-1]
        quart_door.get_session(key="basket")["big"] = MARKER * 200
        await quart.websocket.accept()

    async def talk() -> None:
        async with app.test_client().websocket("/both", headers=HEADERS) as socket:
            await socket.receive()

    with pytest.raises(WebsocketResponseError):
        asyncio.run(talk())
    assert set(tracker.kinds()) == {"CookieTooLargeError"}
    assert tracker.leaks() == []


def test_quart_with_a_setting_that_contradicts_the_options(tracker: Tracker) -> None:
    app = quart_app()
    app.config["SESSION_COOKIE_NAME"] = "other"
    with pytest.raises(ConfigurationError):
        asyncio.run(app.test_client().get("/crash", headers=HEADERS))
    assert set(tracker.kinds()) == {"ConfigurationError"}
    assert tracker.leaks() == []


# --- Sanic ---------------------------------------------------------------------------------------


def ask_sanic(path: str) -> None:
    sanic.Sanic.test_mode = True
    app = sanic.Sanic(f"errors_{path.replace('-', '_')}")
    sanic_door.setup(app, OPTIONS)

    @app.get("/stream")
    async def stream(request: Any) -> Any:
        response = await request.respond()
        await response.send("begun")
        request.ctx.session["more"] = MARKER[::-1]
        request.ctx.session.save()

    @app.get("/replace")
    async def replace(request: Any) -> Any:
        request.ctx.session = {"secret": MARKER, "when": object()}
        return sanic.text("")

    @app.get("/<path>")
    async def view(request: Any, path: str) -> Any:
        response = sanic.text("")
        perform(
            path,
            lambda: request.ctx.session,
            lambda options: sanic_door.get_iron_session(request, response, options),
        )
        return response

    SanicTestClient(app).get(f"/{path}", headers=HEADERS)


@pytest.mark.parametrize("path", KINDS)
def test_sanic(path: str, tracker: Tracker) -> None:
    ask_sanic(path)
    assert set(tracker.kinds()) == {KINDS[path]}
    assert tracker.leaks() == []


@pytest.mark.parametrize(
    ("path", "kind"), [("stream", "HeadersAlreadySentError"), ("replace", "NotSerializableError")]
)
def test_sanic_where_the_response_begins(path: str, kind: str, tracker: Tracker) -> None:
    ask_sanic(path)
    assert kind in tracker.kinds()
    assert tracker.leaks() == []
