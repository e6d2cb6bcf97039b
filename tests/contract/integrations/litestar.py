"""The common app in Litestar, behind the middleware: `request.session`."""

from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from litestar import Litestar, MediaType, Request, Response, WebSocket, get, websocket
from litestar.concurrency import set_asyncio_executor
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.response import File, Redirect, Stream
from litestar.types import Middleware, Receive, Scope, Send

from iron_session import SessionOptions
from iron_session.integrations.litestar import (
    IronSessionConfig,
    get_iron_session,
    get_session,
    with_iron_session,
)
from tests.contract.asgi_driver import RunningApp, run_in_process
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

THREADS = 10

AnyConnection = ASGIConnection[Any, Any, Any, Any]
AnyRequest = Request[Any, Any, Any]
AnyWebSocket = WebSocket[Any, Any, Any]


def make_app(options: Sequence[SessionOptions]) -> Litestar:
    """Build the app, with one middleware for each session."""
    return build(
        HANDLERS,
        [
            IronSessionConfig(one, scope_key=key).middleware
            for key, one in zip(SCOPE_KEYS, options, strict=False)
        ],
    )


def make_wrapped_app(options: Sequence[SessionOptions]) -> Litestar:
    """Build the app, with one decorator for each session above each handler."""
    handlers = deepcopy(UNUSED_HANDLERS)
    for key, one in zip(SCOPE_KEYS, options, strict=False):
        handlers = [with_iron_session(one, key=key)(handler) for handler in handlers]
    return build(handlers, [])


def build(handlers: Sequence[BaseRouteHandler], middleware: Sequence[Middleware]) -> Litestar:
    """Build an app of these handlers."""
    return Litestar(
        handlers,
        middleware=middleware,
        exception_handlers={**dict.fromkeys(ANSWERED, answer_error), HandledError: answer_handled},
        after_exception=[note_crash],
        logging_config=None,  # its own takes the handlers of the root logger away
        openapi_config=None,  # nobody asks for it, and it takes longer than all the rest
    )


def make_explicit_app(options: SessionOptions) -> Litestar:
    """Build the app of the explicit form, without middleware."""

    @get("/explicit")
    async def explicit(request: AnyRequest) -> Response[Any]:
        response: Response[Any] = Response(None, media_type=MediaType.JSON)
        session = get_iron_session(request, response, options)
        response.content = await call_of(request).perform_async(lambda _: session)
        return response

    return Litestar([explicit], logging_config=None)


def call_of(connection: AnyConnection) -> Call:
    """Read what the handler is asked to do."""
    return Call.parse(connection.scope["query_string"].decode())


def sessions_of(connection: AnyConnection) -> SessionOf:
    """Return Litestar's own way to a session, and `get_session` for a second one."""
    return lambda position: (
        get_session(connection, key=SCOPE_KEYS[position]) if position else connection.session
    )


async def perform(connection: AnyConnection) -> Any:
    """Perform what the request asks for."""
    return await call_of(connection).perform_async(sessions_of(connection))


def in_json(result: object) -> Response[Any]:
    """Answer with JSON, also with null."""
    return Response(result, media_type=MediaType.JSON)


def add_own_headers(response: Response[Any]) -> Response[Any]:
    """Add the headers of an application that knows what it wants."""
    for name, value in OWN_HEADERS:
        if name == "set-cookie":
            key, _, text = value.partition(";")[0].partition("=")
            response.set_cookie(key, text)
        else:
            response.set_header(name, value)
    return response


def answer_error(request: AnyRequest, error: Exception) -> Response[str]:
    """Answer what the session raises."""
    return Response(type(error).__name__, status_code=TOO_LARGE, media_type=MediaType.TEXT)


def answer_handled(request: AnyRequest, error: Exception) -> Response[str]:
    """Answer the application's own exception."""
    return Response("handled", status_code=HANDLED, media_type=MediaType.TEXT)


async def note_crash(error: Exception, scope: Scope) -> None:
    """Keep the application's own error: Litestar answers it, and calls this with it."""
    if isinstance(error, CrashError):
        scope["state"]["crash"] = error


@contextmanager
def run_and_tell(app: Litestar) -> Iterator[RunningApp]:
    """Run the app with threads for many at once, and raise the errors that Litestar only reported.

    How many threads Litestar has by itself depends on the machine.
    """

    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        if "crash" in scope["state"]:
            raise scope["state"]["crash"]

    with ThreadPoolExecutor(THREADS) as pool, run_in_process(tell) as site:
        set_asyncio_executor(pool)
        try:
            yield site
        finally:
            set_asyncio_executor(None)


@get(["/", "/async"])
async def answer(request: AnyRequest) -> Response[Any]:
    return in_json(await perform(request))


@get("/sync", sync_to_thread=True)
def answer_sync(request: AnyRequest) -> Response[Any]:
    return in_json(call_of(request).perform(sessions_of(request)))


@get("/own")
async def answer_with_own_headers(request: AnyRequest) -> Response[Any]:
    return add_own_headers(in_json(await perform(request)))


@get("/stream")
async def stream(request: AnyRequest) -> Stream:
    """Send two parts, and change the session between them."""
    await perform(request)

    async def parts() -> AsyncIterator[str]:
        yield STREAM_START
        yield call_of(request).perform_late(sessions_of(request))

    return Stream(parts())


@get("/file")
async def send_file(request: AnyRequest) -> File:
    await perform(request)
    return File(FILE)


@get("/redirect", status_code=303)
async def redirect(request: AnyRequest) -> Redirect:
    await perform(request)
    return Redirect("/", status_code=303)


@get("/error")
async def not_found(request: AnyRequest) -> None:
    await perform(request)
    raise NotFoundException


@get("/crash")
async def crash(request: AnyRequest) -> None:
    await perform(request)
    raise CrashError


@get("/handled")
async def fail(request: AnyRequest) -> None:
    await perform(request)
    raise HandledError


@websocket("/ws")
async def accept(socket: AnyWebSocket) -> None:
    """Accept, and change the session after that."""
    result = await perform(socket)
    await socket.accept()
    await socket.send_json(result)
    await socket.send_text(call_of(socket).perform_late(sessions_of(socket)))
    await socket.close()


@websocket("/ws-close")
async def close(socket: AnyWebSocket) -> None:
    await perform(socket)
    await socket.close()


@websocket("/ws-deny")
async def deny(socket: AnyWebSocket) -> None:
    """Refuse by ASGI's own messages: Litestar has no method for it."""
    body = in_json(await perform(socket)).render(None, MediaType.JSON)
    await socket.send({"type": "websocket.http.response.start", "status": 403, "headers": []})
    await socket.send({"type": "websocket.http.response.body", "body": body, "more_body": False})


HANDLERS: list[BaseRouteHandler] = [
    answer,
    answer_sync,
    answer_with_own_headers,
    stream,
    send_file,
    redirect,
    not_found,
    crash,
    fail,
    accept,
    close,
    deny,
]

UNUSED_HANDLERS = deepcopy(HANDLERS)  # what an app has taken knows that app, and is changed by it

DOORS = [
    Door("litestar", make_app, run_and_tell, make_explicit_app),
    Door("litestar wrapped", make_wrapped_app, run_and_tell),
]
