"""The common app in BlackSheep, with an integration that follows the page: `request.session`."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NoReturn

from blacksheep import Application, Request, Response, StreamedContent, TextContent, WebSocket
from blacksheep.exceptions import NotFound
from blacksheep.server.responses import file, see_other, text
from blacksheep.server.routing import Router

from iron_session import IronSessionError, Session, SessionOptions
from iron_session.http import RawHeaders, RequestSessions, ScopeHead, session_by_hand
from iron_session.integrations.asgi import IronSessionMiddleware
from tests.contract import asgi_driver
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

FAILURE = "tests.failure"


# --- the integration -----------------------------------------------------------------------------


class SessionMixin:
    """What `Application.extend` adds to an application."""

    async def handle(self: Any, request: Any) -> Any:
        request.session = request.scope["session"]
        response = await super().handle(request)  # type: ignore[misc]  # the application's
        try:
            RequestSessions.of(request.scope).commit()
        except IronSessionError as error:
            response = await self.handle_request_handler_exception(request, error)
        return response


def add_session(app: Application, options: SessionOptions) -> IronSessionMiddleware:
    """Give each request of an application a session; serve what this returns."""
    app.extend(SessionMixin)
    return IronSessionMiddleware(app, options, abandon_500=True)


def get_iron_session(request: Any, response: Any, options: SessionOptions) -> Session:
    """Give a session of which only `save()` and `destroy()` write, to this response."""
    scope, held = request.scope, response.headers
    return session_by_hand(scope, options, ScopeHead(scope), RawHeaders(held.values))


# --- the common app ------------------------------------------------------------------------------


class NotingApplication(Application):
    """Notes for the driver what nobody handled: BlackSheep only logs it."""

    async def log_unhandled_exc(self, request: Any, exc: Exception) -> None:
        request.scope[FAILURE] = exc


def make_application(kind: type[Application]) -> Application:
    """Make it where no test runs: it reads the source of all callers, which in pytest are many."""
    with ThreadPoolExecutor(1) as empty_stack:
        return empty_stack.submit(kind, router=Router()).result()


def make_app(options: Sequence[SessionOptions]) -> Any:
    """Build the app; a second session is the gateway once more."""
    app = make_application(NotingApplication)
    app.exceptions_handlers.update(dict.fromkeys(ANSWERED, answer_error))
    app.exceptions_handlers[HandledError] = answer_handled
    handlers = {
        "/": answer,
        "/async": answer,
        "/own": answer_with_own_headers,
        "/stream": stream,
        "/file": send_file,
        "/redirect": redirect,
        "/error": not_found,
        "/crash": crash,
        "/handled": fail,
    }
    for path, handler in handlers.items():
        app.router.add_get(path, handler)
    app.router.add_ws("/ws", accept)
    app.router.add_ws("/ws-close", close)
    served: Any = add_session(app, options[0])
    for one in options[1:]:
        served = IronSessionMiddleware(served, one, key=SCOPE_KEYS[1], abandon_500=True)
    return served


def make_explicit_app(options: SessionOptions) -> Application:
    """Build the app of the explicit form, without a session of the app's own."""
    app = make_application(Application)

    async def explicit(request: Request) -> Response:
        response = Response(200)
        session = get_iron_session(request, response, options)
        result = await call_of(request).perform_async(lambda _: session)
        return response.with_content(TextContent(json.dumps(result)))

    app.router.add_get("/explicit", explicit)
    return app


@contextmanager
def open_app(app: Any) -> Iterator[asgi_driver.RunningApp]:
    """Run the app in process; what it has noted is raised once it has answered."""

    async def telling(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        if FAILURE in scope:
            raise scope[FAILURE]

    with asgi_driver.run_in_process(telling) as running:
        yield running


def call_of(request: Request) -> Call:
    """Read what the handler is asked to do."""
    scope: Any = request.scope
    return Call.parse(scope["query_string"].decode())


def sessions_of(request: Request) -> SessionOf:
    """Give the way to a request's sessions, which goes on when the request has been disposed of."""
    scope: Any = request.scope
    return lambda position: scope[SCOPE_KEYS[position]] if position else request.session


async def perform(request: Request) -> Any:
    """Do what the request asks for."""
    return await call_of(request).perform_async(sessions_of(request))


async def answer_error(app: object, request: Request, error: Exception) -> Response:
    """Answer what the session raises."""
    return text(type(error).__name__, TOO_LARGE)


async def answer_handled(app: object, request: Request, error: Exception) -> Response:
    """Answer the application's own exception."""
    return text("handled", HANDLED)


async def answer(request: Request) -> Response:
    return text(json.dumps(await perform(request)))


async def answer_with_own_headers(request: Request) -> Response:
    response = await answer(request)
    for name, value in OWN_HEADERS:
        response.add_header(name.encode(), value.encode())
    return response


async def stream(request: Request) -> Response:
    await perform(request)
    call, sessions = call_of(request), sessions_of(request)

    async def parts() -> AsyncIterator[bytes]:
        yield STREAM_START.encode()
        yield call.perform_late(sessions).encode()

    return Response(200, content=StreamedContent(b"text/plain", parts))


async def send_file(request: Request) -> Response:
    await perform(request)
    return file(str(FILE), "text/x-python")


async def redirect(request: Request) -> Response:
    await perform(request)
    return see_other("/")


async def not_found(request: Request) -> NoReturn:
    await perform(request)
    raise NotFound


async def crash(request: Request) -> NoReturn:
    await perform(request)
    raise CrashError


async def fail(request: Request) -> NoReturn:
    await perform(request)
    raise HandledError


def talk_of(websocket: WebSocket) -> SessionOf:
    """Give the way to a WebSocket's sessions: BlackSheep calls no `handle` for it."""
    scope: Any = websocket.scope
    return lambda position: scope[SCOPE_KEYS[position]]


async def accept(websocket: WebSocket) -> None:
    call, sessions = call_of(websocket), talk_of(websocket)
    result = await call.perform_async(sessions)
    await websocket.accept()
    await websocket.send_text(json.dumps(result))
    await websocket.send_text(call.perform_late(sessions))
    await websocket.close()


async def close(websocket: WebSocket) -> None:
    await call_of(websocket).perform_async(talk_of(websocket))
    await websocket.close()


DOORS = [Door("blacksheep", make_app, open_app, make_explicit_app)]
