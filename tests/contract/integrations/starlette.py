"""The common app in Starlette, behind the middleware: `request.session`."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NoReturn

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from iron_session import SessionOptions
from iron_session.integrations.starlette import (
    IronSessionMiddleware,
    get_iron_session,
    with_iron_session,
)
from tests.contract.asgi_driver import run_in_process
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

Decorator = Callable[[Any], Any]


def make_app(options: Sequence[SessionOptions]) -> Starlette:
    """Build the app, with one middleware for each session."""
    return Starlette(
        routes=make_routes(lambda handler: handler),
        middleware=[
            Middleware(IronSessionMiddleware, options=one, key=key)
            for key, one in zip(SCOPE_KEYS, options, strict=False)
        ],
        exception_handlers={**dict.fromkeys(ANSWERED, answer_error), HandledError: answer_handled},
    )


def make_wrapped_app(options: Sequence[SessionOptions]) -> Starlette:
    """Build the app, with one decorator for each session around each handler."""

    def wrap(handler: Any) -> Any:
        for key, one in zip(SCOPE_KEYS, options, strict=False):
            handler = with_iron_session(one, key=key)(handler)
        return handler

    return Starlette(
        routes=make_routes(wrap),
        exception_handlers={**dict.fromkeys(ANSWERED, answer_error), HandledError: answer_handled},
    )


def make_routes(wrap: Decorator) -> list[BaseRoute]:
    """Make the routes to the handlers, each of which is decorated."""
    return [
        Route("/", wrap(answer)),
        Route("/async", wrap(answer)),
        Route("/sync", wrap(answer_sync)),
        Route("/own", wrap(answer_with_own_headers)),
        Route("/stream", wrap(stream)),
        Route("/file", wrap(send_file)),
        Route("/redirect", wrap(redirect)),
        Route("/error", wrap(not_found)),
        Route("/crash", wrap(crash)),
        Route("/handled", wrap(fail)),
        WebSocketRoute("/ws", wrap(accept)),
        WebSocketRoute("/ws-close", wrap(close)),
        WebSocketRoute("/ws-deny", wrap(deny)),
    ]


def make_explicit_app(options: SessionOptions) -> Starlette:
    """Build the app of the explicit form, without middleware."""

    async def explicit(request: Request) -> Response:
        response = PlainTextResponse("")
        session = get_iron_session(request, response, options)
        result = await call_of(request).perform_async(lambda _: session)
        response.body = JSONResponse(result).body
        response.headers["content-length"] = str(len(response.body))
        return response

    return Starlette(routes=[Route("/explicit", explicit)])


def call_of(connection: HTTPConnection) -> Call:
    """Read what the handler is asked to do."""
    return Call.parse(connection.url.query)


def sessions_of(connection: HTTPConnection) -> SessionOf:
    """Return Starlette's own way to a session, and the scope's for a second one."""
    return lambda position: (
        connection.scope[SCOPE_KEYS[position]] if position else connection.session
    )


async def perform(connection: HTTPConnection) -> object:
    """Perform what the request asks for."""
    return await call_of(connection).perform_async(sessions_of(connection))


def add_own_headers(response: Response) -> Response:
    """Add the headers of an application that knows what it wants."""
    for name, value in OWN_HEADERS:
        response.headers.append(name, value)
    return response


def streamed(request: Request, sessions: SessionOf) -> StreamingResponse:
    """Send two parts, and change the session between them."""

    async def parts() -> AsyncIterator[str]:
        yield STREAM_START
        yield call_of(request).perform_late(sessions)

    return StreamingResponse(parts())


async def talk(websocket: WebSocket, result: object, sessions: SessionOf) -> None:
    """Accept, and change the session after that."""
    await websocket.accept()
    await websocket.send_json(result)
    await websocket.send_text(call_of(websocket).perform_late(sessions))
    await websocket.close()


def answer_error(request: Request, error: Exception) -> Response:
    """Answer what the session raises."""
    return PlainTextResponse(type(error).__name__, status_code=TOO_LARGE)


def answer_handled(request: Request, error: Exception) -> Response:
    """Answer the application's own exception."""
    return PlainTextResponse("handled", status_code=HANDLED)


async def answer(request: Request) -> Response:
    return JSONResponse(await perform(request))


def answer_sync(request: Request) -> Response:
    return JSONResponse(call_of(request).perform(sessions_of(request)))


async def answer_with_own_headers(request: Request) -> Response:
    return add_own_headers(JSONResponse(await perform(request)))


async def stream(request: Request) -> Response:
    await perform(request)
    return streamed(request, sessions_of(request))


async def send_file(request: Request) -> Response:
    await perform(request)
    return FileResponse(FILE)


async def redirect(request: Request) -> Response:
    await perform(request)
    return RedirectResponse("/", status_code=303)


async def not_found(request: Request) -> NoReturn:
    await perform(request)
    raise HTTPException(404)


async def crash(request: Request) -> NoReturn:
    await perform(request)
    raise CrashError


async def fail(request: Request) -> NoReturn:
    await perform(request)
    raise HandledError


async def accept(websocket: WebSocket) -> None:
    await talk(websocket, await perform(websocket), sessions_of(websocket))


async def close(websocket: WebSocket) -> None:
    await perform(websocket)
    await websocket.close()


async def deny(websocket: WebSocket) -> None:
    result = await perform(websocket)
    await websocket.send_denial_response(JSONResponse(result, status_code=403))


DOORS = [
    Door("starlette", make_app, run_in_process, make_explicit_app),
    Door("starlette wrapped", make_wrapped_app, run_in_process),
]
