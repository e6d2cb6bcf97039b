"""A session that can't be told, in each framework: its own handlers, and unusual requests."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
import sanic
from aiohttp import web
from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import override_settings
from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException as LitestarHTTPException
from litestar.testing import TestClient as LitestarClient
from quart import Quart
from sanic.exceptions import ServiceUnavailable as SanicServiceUnavailable
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from werkzeug.exceptions import HTTPException as WerkzeugHTTPException

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    IronSessionError,
    SessionOptions,
    SessionUnavailableError,
)
from iron_session.integrations.asgi import IronSessionMiddleware as AsgiMiddleware
from iron_session.integrations.channels import SessionMiddleware
from iron_session.integrations.django import IronSessionMiddleware
from iron_session.integrations.litestar import IronSessionConfig
from iron_session.integrations.quart import IronSessionInterface
from iron_session.integrations.wsgi import IronSessionMiddleware as WsgiMiddleware
from tests.contract import aiohttp_driver, asgi_driver, wsgi_driver
from tests.contract.common_app import ANSWERED
from tests.contract.door import Visit
from tests.contract.integrations import aiohttp, django, fastapi, flask, quart, starlette
from tests.contract.integrations import sanic as sanic_app
from tests.contract.visitor import Visitor
from tests.helpers.revoker import Ledger
from tests.integrations.django_site import project
from tests.sessions.browser import NAME, make_options, saved

TEAPOT = 418


@pytest.fixture
def ledger() -> Ledger:
    """What ends sessions here: it can tell nothing."""
    return Ledger(reachable=False)


@pytest.fixture
def options(ledger: Ledger) -> SessionOptions:
    """Options of sessions that can be ended."""
    return make_options(revocations=ledger, max_lifetime=30 * 24 * 3600)


@pytest.fixture(autouse=True)
def _answered() -> Iterator[None]:
    """Leave a session that can't be told to the handlers that a test adds."""
    before = [*ANSWERED]
    ANSWERED[:] = [CookieTooLargeError]
    yield
    ANSWERED[:] = before


def returning(visitor: Visitor) -> Visitor:
    """Give the visitor a session."""
    visitor.cookies[NAME] = saved({"a": 1})[len(f"{NAME}=") :]
    return visitor


# --- the application's own handlers ---


@pytest.mark.parametrize("make", [starlette.make_app, starlette.make_wrapped_app])
@pytest.mark.parametrize("key", [503, HTTPException, SessionUnavailableError, IronSessionError])
@pytest.mark.parametrize("action", ["update", "update and save"])
def test_in_starlette(options: SessionOptions, make: Any, key: Any, action: str) -> None:
    def answer(request: object, error: Exception) -> PlainTextResponse:
        assert "503" in str(error)
        return PlainTextResponse("", TEAPOT)

    app = make([options])
    app.add_exception_handler(key, answer)
    with asgi_driver.run_in_process(app) as site:
        assert returning(Visitor(site)).ask(action, {"b": 2}).status == TEAPOT


@pytest.mark.parametrize("action", ["update", "update and save"])
def test_a_middleware_of_starlette_that_writes_it_is_answered_too(
    options: SessionOptions, action: str
) -> None:
    """Starlette calls no handlers for what a middleware raises."""
    from starlette.middleware import Middleware

    class Writing:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["session"]["seen"] = True
            if action != "update":
                scope["session"].save()
            await self.app(scope, receive, send)

    app = starlette.make_app([options])
    app.user_middleware.append(Middleware(Writing))
    with asgi_driver.run_in_process(app) as site:
        answer = returning(Visitor(site)).ask()
    assert (answer.status, answer.body, answer.cookies) == (503, b"Service Unavailable", {})
    assert answer.failure is None


def test_in_fastapi(options: SessionOptions) -> None:
    """Its own answer is JSON."""
    for make in (fastapi.DOORS[0].make_app, fastapi.make_wrapped_app):
        with asgi_driver.run_in_process(make([options])) as site:
            for action in ("update", "update and save"):
                answer = returning(Visitor(site)).ask(action, {"b": 2})
                assert (answer.status, answer.json) == (503, {"detail": "Service Unavailable"})


@pytest.mark.parametrize("key", [503, WerkzeugHTTPException, SessionUnavailableError])
@pytest.mark.parametrize("action", ["update", "update and save"])
def test_in_flask_and_quart(options: SessionOptions, key: Any, action: str) -> None:
    def answer(error: Exception) -> tuple[str, int]:
        assert "overload" not in str(error.__notes__)
        return "", TEAPOT

    async def answer_async(error: Exception) -> tuple[str, int]:
        return answer(error)

    for make in (flask.make_app, flask.make_wrapped_app):
        app = make([options])
        app.register_error_handler(key, answer)
        with flask.run_in_process(app) as site:
            assert returning(Visitor(site)).ask(action, {"b": 2}).status == TEAPOT
    for make_quart in (quart.make_app, quart.make_wrapped_app):
        quart_app = make_quart([options])
        quart_app.register_error_handler(key, answer_async)
        with quart.DOORS[0].open(quart_app) as quart_site:
            assert returning(Visitor(quart_site)).ask(action, {"b": 2}).status == TEAPOT


@pytest.mark.parametrize("key", [503, LitestarHTTPException, SessionUnavailableError])
@pytest.mark.parametrize("saves", [False, True])
def test_in_litestar(options: SessionOptions, key: Any, saves: bool) -> None:
    @get("/")
    async def handler(request: Request[Any, Any, Any]) -> None:
        request.session["b"] = 2
        if saves:
            request.session.save()  # type: ignore[attr-defined]  # it is ours

    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[None]:
        return Response(None, status_code=TEAPOT)

    def ask(handlers: Any) -> Any:
        app = Litestar(
            [handler],
            middleware=[IronSessionConfig(options).middleware],
            exception_handlers=handlers,
            openapi_config=None,
        )
        with LitestarClient(app) as client:
            return client.get("/", headers={"cookie": saved({"a": 1})})

    assert ask({key: answer}).status_code == TEAPOT
    answered = ask({})
    assert answered.json() == {"status_code": 503, "detail": "Service Unavailable"}
    assert "set-cookie" not in answered.headers


@pytest.mark.parametrize("make", [aiohttp.make_app, aiohttp.make_app_of_wrapped_handlers])
@pytest.mark.parametrize("kind", [web.HTTPException, SessionUnavailableError])
@pytest.mark.parametrize("action", ["update", "update and save"])
def test_in_aiohttp(options: SessionOptions, make: Any, kind: Any, action: str) -> None:
    @web.middleware
    async def answer(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            return await handler(request)  # type: ignore[no-any-return]  # its type is known here
        except kind:
            return web.Response(status=TEAPOT)

    app = make([options])
    app.middlewares.insert(1, answer)
    with aiohttp_driver.run(app) as site:
        assert returning(Visitor(site)).ask(action, {"b": 2}).status == TEAPOT


@pytest.mark.parametrize("kind", [SanicServiceUnavailable, SessionUnavailableError])
@pytest.mark.parametrize("action", ["update", "update and save"])
def test_in_sanic(options: SessionOptions, kind: Any, action: str) -> None:
    for make in (sanic_app.make_app, sanic_app.make_app_of_wrapped_handlers):
        app = make([options])
        app.exception(kind)(lambda request, error: sanic.text("", status=TEAPOT))
        with sanic_app.DOORS[0].open(app) as site:
            assert returning(Visitor(site)).ask(action, {"b": 2}).status == TEAPOT


class WithPage(IronSessionMiddleware):
    """Answers in its own way."""

    def answer_unavailable(self, request: Any) -> Any:
        return HttpResponse(status=TEAPOT)


@pytest.mark.parametrize("manner", ["", "async"])
@pytest.mark.parametrize("action", ["update", "update and save"])
def test_in_django(options: SessionOptions, action: str, manner: str) -> None:
    with override_settings(MIDDLEWARE=[f"{__name__}.WithPage"], IRON_SESSION=options):
        app = WSGIHandler()
    with django.open_wsgi(app) as site:
        answer = returning(Visitor(site)).ask(action, {"b": 2}, manner=manner)
    assert (answer.status, answer.cookies, answer.failure) == (TEAPOT, {}, None)


def test_a_middleware_of_django_answers_what_a_view_raises(options: SessionOptions) -> None:
    ANSWERED[:] = [SessionUnavailableError]
    with django.open_wsgi(django.DOORS[0].make_app([options])) as site:
        assert returning(Visitor(site)).ask("save").status == 413
        assert returning(Visitor(site)).ask("update", {"b": 2}).status == 503  # no view raises


# --- ASGI and WSGI alone ---


def connect(app: Any, cookies: str, *, extensions: Any = None) -> asgi_driver.Connection:
    """Open a WebSocket, and return all that was sent."""
    visit = Visit(target="/", headers=[("cookie", cookies)])
    connection = asgi_driver.websocket(visit)
    connection.scope["extensions"] = extensions
    asyncio.run(connection.run(app))
    return connection


@pytest.mark.parametrize("extensions", [None, {}, {"websocket.http.response": {}}])
def test_a_websocket_is_refused(options: SessionOptions, extensions: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        scope["session"].save()

    connection = connect(AsgiMiddleware(app, options), saved({"a": 1}), extensions=extensions)
    first = connection.sent[0]
    if extensions:
        assert (first["type"], first["status"]) == ("websocket.http.response.start", 503)
    else:
        assert first == {"type": "websocket.close", "code": 1013}
    assert connection.failure is None


class Late(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Writes after the accept."""

    async def connect(self) -> None:
        await self.accept()
        scope: Any = self.scope
        scope["session"].save()


def test_once_it_was_accepted_the_server_hears_of_it(options: SessionOptions) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        scope["session"].save()

    plain = connect(AsgiMiddleware(app, options), saved({"a": 1}))
    with override_settings(SESSION_ENGINE=project.ENGINE, IRON_SESSION=options):
        consumer = connect(SessionMiddleware(Late.as_asgi()), saved({"a": 1}))
    for connection in (plain, consumer):
        assert isinstance(connection.failure, SessionUnavailableError)
        assert [one["type"] for one in connection.sent] == ["websocket.accept"]


def ask_wsgi(app: Any, options: SessionOptions, **how: Any) -> Any:
    visit = Visit(target="/", headers=[("cookie", saved({"a": 1}))])
    return wsgi_driver.request(WsgiMiddleware(app, options, **how), visit)


@pytest.mark.parametrize("saves", [False, True])
def test_a_wsgi_application_that_is_a_generator(options: SessionOptions, saves: bool) -> None:
    """The response starts with its first part."""

    def app(environ: Any, start: Any) -> Iterator[bytes]:
        environ["iron_session"]["b"] = 2
        if saves:
            environ["iron_session"].save()
        start("200 OK", [])
        yield b"never sent"

    answer = ask_wsgi(app, options)
    assert (answer.status, answer.body) == (503, b"Service Unavailable")
    assert (answer.cookies, answer.failure) == ({}, None)
    assert answer.cache_control == "no-store"


def test_a_wsgi_application_that_saves_after_the_start(options: SessionOptions) -> None:
    """Too late for an answer: the server hears of it."""

    def whole(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        environ["iron_session"].save()
        return []

    def parts(environ: Any, start: Any) -> Iterator[bytes]:
        yield from whole(environ, start)
        yield b""

    for app in (whole, parts):
        answer = ask_wsgi(app, options)
        assert isinstance(answer.failure, SessionUnavailableError)


def test_a_framework_s_own_500_becomes_a_503(options: SessionOptions) -> None:
    """Only if the session was its reason."""

    def wsgi(environ: Any, start: Any) -> Sequence[bytes]:
        with suppress(IronSessionError):
            environ["iron_session"].save()
        start("500 Internal Server Error", [])
        return [b"page"]

    assert ask_wsgi(wsgi, options, abandon_500=True).status == 503
    assert ask_wsgi(wsgi, options).status == 500
    assert ask_wsgi(wsgi, make_options(), abandon_500=True).status == 500

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        with suppress(IronSessionError):
            scope["session"].save()
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})

    for one, status in ((options, 503), (make_options(), 500)):
        visit = Visit(target="/", headers=[("cookie", saved({"a": 1}))])
        app = AsgiMiddleware(asgi, one, abandon_500=True)
        assert asyncio.run(asgi_driver.request(app, visit)).status == status


# --- when the server starts ---


async def idle(scope: Any, receive: Any, send: Any) -> None:
    """Do nothing."""


def start_asgi(options: SessionOptions) -> None:
    asyncio.run(AsgiMiddleware(idle, options)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]  # nobody calls these


def test_a_store_that_can_not_work_keeps_an_asgi_server_from_starting(
    options: SessionOptions, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers take an application that only raises for one without a lifespan."""

    async def fail(seconds: float) -> bool:
        raise ConfigurationError("the store forgets")

    monkeypatch.setattr(ledger, "await_until_ready", fail)
    incoming, sent = [{"type": "lifespan.startup"}], []

    async def receive() -> Any:
        return incoming.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    app = AsgiMiddleware(idle, options)
    with pytest.raises(ConfigurationError):
        asyncio.run(app({"type": "lifespan"}, receive, send))
    assert incoming == []
    assert sent == [{"type": "lifespan.startup.failed", "message": "the store forgets"}]


def test_other_scopes_pass(options: SessionOptions, ledger: Ledger) -> None:
    asyncio.run(AsgiMiddleware(idle, options)({"type": "another"}, None, None))  # type: ignore[arg-type]  # nobody calls these
    assert ledger.started == []


def start_litestar(options: SessionOptions) -> None:
    config = IronSessionConfig(options)
    with LitestarClient(Litestar(on_startup=[config.start], openapi_config=None)):
        pass


def start_quart(options: SessionOptions) -> None:
    app = Quart(__name__)
    IronSessionInterface(make_options(cookie_name="other"), second=options).init_app(app)
    asyncio.run(app.startup())


def start_aiohttp(options: SessionOptions) -> None:
    with aiohttp_driver.run(aiohttp.make_app([options])):
        pass


def start_sanic(options: SessionOptions) -> None:
    with sanic_app.DOORS[0].open(sanic_app.make_app([options])):
        pass


@pytest.mark.parametrize(
    "start", [start_asgi, start_litestar, start_quart, start_aiohttp, start_sanic]
)
def test_the_store_is_followed_from_the_start(
    start: Callable[[SessionOptions], None], options: SessionOptions, ledger: Ledger
) -> None:
    start(options)
    assert ledger.started == ["start", "await_until_ready"]
