"""The common app in FastAPI, twice: `request.session`, and the session as a dependency."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, StreamingResponse

from iron_session import Session, SessionOptions
from iron_session.integrations.fastapi import (
    IronSessionMiddleware,
    SessionDependency,
    get_iron_session,
    with_iron_session,
)
from tests.contract.asgi_driver import run_in_process
from tests.contract.common_app import (
    ANSWERED,
    FILE,
    SCOPE_KEYS,
    CrashError,
    HandledError,
    SessionOf,
)
from tests.contract.door import Door
from tests.contract.integrations.starlette import (
    add_own_headers,
    answer_error,
    answer_handled,
    call_of,
    sessions_of,
    streamed,
    talk,
)

SessionsDependency = Callable[..., Awaitable[SessionOf]]
DependencyFactory = Callable[[Sequence[SessionOptions]], SessionsDependency]


def by_request(options: Sequence[SessionOptions]) -> SessionsDependency:
    """Reach the sessions by `request.session`."""

    async def sessions(connection: HTTPConnection) -> SessionOf:
        return sessions_of(connection)

    return sessions


def by_dependency(options: Sequence[SessionOptions]) -> SessionsDependency:
    """Reach the sessions by `Annotated[Session, Depends(SessionDependency(options))]`."""

    async def sessions(
        first: Annotated[Session, Depends(SessionDependency(options[0]))],
        last: Annotated[Session, Depends(SessionDependency(options[-1]))],
    ) -> SessionOf:
        return lambda position: last if position else first

    return sessions


def make_app(dependency: DependencyFactory, options: Sequence[SessionOptions]) -> FastAPI:
    """Build the app, with one middleware for each session."""
    app = FastAPI()
    for kind in ANSWERED:
        app.add_exception_handler(kind, answer_error)
    app.add_exception_handler(HandledError, answer_handled)
    for key, one in zip(SCOPE_KEYS, options, strict=False):
        app.add_middleware(IronSessionMiddleware, options=one, key=key)
    add_routes(app, dependency(options))
    add_websockets(app, dependency(options))
    return app


class WrappingApp:
    """Takes path operations for an app, with one decorator for each session around each."""

    def __init__(self, app: FastAPI, options: Sequence[SessionOptions]) -> None:
        self.app = app
        self.options = options

    def get(self, path: str) -> Callable[[Any], Any]:
        return partial(self._add, self.app.get(path))

    def websocket(self, path: str) -> Callable[[Any], Any]:
        return partial(self._add, self.app.websocket(path))

    def _add(self, add: Callable[[Any], Any], handler: Any) -> Any:
        wrapped = handler
        for key, one in zip(SCOPE_KEYS, self.options, strict=False):
            wrapped = with_iron_session(one, key=key)(wrapped)
        add(wrapped)
        return handler  # as it was, for a second path


def make_wrapped_app(options: Sequence[SessionOptions]) -> FastAPI:
    """Build the app without middleware."""
    app = FastAPI()
    for kind in ANSWERED:
        app.add_exception_handler(kind, answer_error)
    app.add_exception_handler(HandledError, answer_handled)
    add_routes(WrappingApp(app, options), by_request(options))
    add_websockets(WrappingApp(app, options), by_request(options))
    return app


def make_explicit_app(options: SessionOptions) -> FastAPI:
    """Build the app of the explicit form, without middleware."""
    app = FastAPI()

    @app.get("/explicit")
    async def explicit(request: Request, response: Response) -> Any:
        session = get_iron_session(request, response, options)
        return await call_of(request).perform_async(lambda _: session)

    return app


def add_routes(app: FastAPI | WrappingApp, dependency: SessionsDependency) -> None:
    """Add the handlers of requests."""

    @app.get("/")
    @app.get("/async")
    async def answer(request: Request, sessions: Annotated[SessionOf, Depends(dependency)]) -> Any:
        return await call_of(request).perform_async(sessions)

    @app.get("/sync")
    def answer_sync(request: Request, sessions: Annotated[SessionOf, Depends(dependency)]) -> Any:
        return call_of(request).perform(sessions)

    @app.get("/own")
    async def answer_with_own_headers(
        request: Request, sessions: Annotated[SessionOf, Depends(dependency)]
    ) -> Response:
        return add_own_headers(JSONResponse(await call_of(request).perform_async(sessions)))

    @app.get("/stream")
    async def stream(
        request: Request, sessions: Annotated[SessionOf, Depends(dependency)]
    ) -> StreamingResponse:
        await call_of(request).perform_async(sessions)
        return streamed(request, sessions)

    @app.get("/file")
    async def send_file(
        request: Request, sessions: Annotated[SessionOf, Depends(dependency)]
    ) -> FileResponse:
        await call_of(request).perform_async(sessions)
        return FileResponse(FILE)

    @app.get("/redirect")
    async def redirect(
        request: Request, sessions: Annotated[SessionOf, Depends(dependency)]
    ) -> RedirectResponse:
        await call_of(request).perform_async(sessions)
        return RedirectResponse("/", status_code=303)

    @app.get("/error")
    async def not_found(
        request: Request, sessions: Annotated[SessionOf, Depends(dependency)]
    ) -> None:
        await call_of(request).perform_async(sessions)
        raise HTTPException(404)

    @app.get("/crash")
    async def crash(request: Request, sessions: Annotated[SessionOf, Depends(dependency)]) -> None:
        await call_of(request).perform_async(sessions)
        raise CrashError

    @app.get("/handled")
    async def fail(request: Request, sessions: Annotated[SessionOf, Depends(dependency)]) -> None:
        await call_of(request).perform_async(sessions)
        raise HandledError


def add_websockets(app: FastAPI | WrappingApp, dependency: SessionsDependency) -> None:
    """Add the handlers of WebSockets."""

    @app.websocket("/ws")
    async def accept(
        websocket: WebSocket, sessions: Annotated[SessionOf, Depends(dependency)]
    ) -> None:
        await talk(websocket, await call_of(websocket).perform_async(sessions), sessions)

    @app.websocket("/ws-close")
    async def close(
        websocket: WebSocket, sessions: Annotated[SessionOf, Depends(dependency)]
    ) -> None:
        await call_of(websocket).perform_async(sessions)
        await websocket.close()

    @app.websocket("/ws-deny")
    async def deny(
        websocket: WebSocket, sessions: Annotated[SessionOf, Depends(dependency)]
    ) -> None:
        result = await call_of(websocket).perform_async(sessions)
        await websocket.send_denial_response(JSONResponse(result, status_code=403))


DOORS = [
    Door("fastapi", partial(make_app, by_request), run_in_process, make_explicit_app),
    Door("fastapi dependency", partial(make_app, by_dependency), run_in_process, make_explicit_app),
    Door("fastapi wrapped", make_wrapped_app, run_in_process),
]
