"""The common app in Sanic: `request.ctx.session`."""

import json
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NoReturn

import sanic
from sanic import HTTPResponse, NotFound, Request, Sanic, Websocket
from sanic.response import ResponseStream, file_stream, redirect, text

from iron_session import SessionOptions
from iron_session.integrations.sanic import (
    get_iron_session,
    get_session,
    setup,
    with_iron_session,
)
from tests.contract import sanic_driver
from tests.contract.common_app import (
    ANSWERED,
    FILE,
    HANDLED,
    OWN_HEADERS,
    SCOPE_KEYS,
    STREAM_START,
    TOO_LARGE,
    Call,
    CrashError,
    HandledError,
    SessionOf,
)
from tests.contract.door import Door

NUMBERS = count()


def new_app() -> Sanic[Any, Any]:
    """Make an app that leaves nothing behind in the process.

    Its name is free again at once, it has nothing to say about logging, and it does not rewrite
    Sanic's own classes, which all of a process's apps share.
    """
    app: Sanic[Any, Any] = Sanic(f"contract-{next(NUMBERS)}", configure_logging=False)
    Sanic.unregister_app(app)
    app.config.update(TOUCHUP=False, MOTD=False, REQUEST_MAX_HEADER_SIZE=16384)
    return app


def make_app(options: Sequence[SessionOptions]) -> Sanic[Any, Any]:
    """Build the app, with one `setup` for each session."""
    app = new_app()
    for key, one in zip(SCOPE_KEYS, options, strict=False):
        setup(app, one, key=key)
    add_routes(app, lambda handler: handler)
    return app


def make_app_of_wrapped_handlers(options: Sequence[SessionOptions]) -> Sanic[Any, Any]:
    """Build the app without `setup`: each handler has its sessions by itself."""

    def wrap(handler: Any) -> Any:
        for key, one in zip(SCOPE_KEYS, options, strict=False):
            handler = with_iron_session(one, key=key)(handler)
        return handler

    app = new_app()
    add_routes(app, wrap)
    return app


def add_routes(app: Sanic[Any, Any], wrap: Callable[[Any], Any]) -> None:
    """Add the handlers, each within what is wrapped around it."""
    app.exception(*ANSWERED)(answer_error)
    app.exception(HandledError)(answer_handled)
    for path, handler in ROUTES.items():
        app.add_route(wrap(handler), path, name=path.strip("/") or "home")
    app.add_websocket_route(wrap(talk), "/ws", name="ws")


def make_explicit_app(options: SessionOptions) -> Sanic[Any, Any]:
    """Build the app of the explicit form, without `setup`."""

    async def explicit(request: Request) -> HTTPResponse:
        response = sanic.json(None)
        session = get_iron_session(request, response, options)
        response.set_body(await call_of(request).perform_async(lambda _: session))
        return response

    app = new_app()
    app.add_route(explicit, "/explicit", name="explicit")
    return app


def call_of(request: Request) -> Call:
    """Read what the handler is asked to do."""
    return Call.parse(request.query_string)


def sessions_of(request: Request) -> SessionOf:
    """Return Sanic's own way to a session, and the typed one for a second."""
    return lambda position: (
        get_session(request, key=SCOPE_KEYS[position]) if position else request.ctx.session
    )


async def perform(request: Request) -> object:
    """Perform what the request asks for."""
    return await call_of(request).perform_async(sessions_of(request))


def answer_error(request: Request, error: Exception) -> HTTPResponse:
    """Answer what the session raises."""
    return text(type(error).__name__, status=TOO_LARGE)


def answer_handled(request: Request, error: Exception) -> HTTPResponse:
    """Answer the application's own exception."""
    return text("handled", status=HANDLED)


async def answer(request: Request) -> HTTPResponse:
    return sanic.json(await perform(request))


async def answer_with_own_headers(request: Request) -> HTTPResponse:
    response = sanic.json(await perform(request))
    for name, value in OWN_HEADERS:
        response.headers.add(name, value)
    return response


async def stream(request: Request) -> None:
    """Send two parts, and change the session between them."""
    await perform(request)
    response = await request.respond(content_type="text/plain")
    assert isinstance(response, HTTPResponse)
    await response.send(STREAM_START)
    await response.send(call_of(request).perform_late(sessions_of(request)))


async def send_file(request: Request) -> ResponseStream:
    await perform(request)
    return await file_stream(FILE)


async def go_home(request: Request) -> HTTPResponse:
    await perform(request)
    return redirect("/", status=303)


async def not_found(request: Request) -> NoReturn:
    await perform(request)
    raise NotFound


async def crash(request: Request) -> NoReturn:
    await perform(request)
    raise CrashError


async def fail(request: Request) -> NoReturn:
    await perform(request)
    raise HandledError


async def talk(request: Request, websocket: Websocket) -> None:
    """Change the session; the handshake has gone before."""
    await websocket.send(json.dumps(await perform(request)))
    await websocket.send(call_of(request).perform_late(sessions_of(request)))


async def deny(request: Request) -> HTTPResponse:
    return sanic.json(await perform(request), status=403)


ROUTES: dict[str, Any] = {
    "/": answer,
    "/async": answer,
    "/own": answer_with_own_headers,
    "/stream": stream,
    "/file": send_file,
    "/redirect": go_home,
    "/error": not_found,
    "/crash": crash,
    "/handled": fail,
    "/ws-deny": deny,
}

DOORS = [
    Door("sanic", make_app, sanic_driver.run, make_explicit_app, sanic_driver.serve),
    Door("sanic asgi", make_app, sanic_driver.run_in_process, make_explicit_app),
    Door(
        "sanic wrapped",
        make_app_of_wrapped_handlers,
        sanic_driver.run,
        make_explicit_app,
        sanic_driver.serve,
    ),
    Door(
        "sanic asgi wrapped",
        make_app_of_wrapped_handlers,
        sanic_driver.run_in_process,
        make_explicit_app,
    ),
]
