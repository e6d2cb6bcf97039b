"""The common app in Quart: `quart.session`."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from socket import create_server
from typing import Any, NoReturn
from weakref import WeakSet

import hypercorn.asyncio
from quart import (
    Quart,
    Response,
    abort,
    got_request_exception,
    got_websocket_exception,
    has_request_context,
    jsonify,
    redirect,
    request,
    send_file,
    session,
    stream_with_context,
    websocket,
)
from quart.wrappers.response import FileBody
from werkzeug.wrappers import Response as BaseResponse

from iron_session import IronSessionError, SessionOptions
from iron_session.integrations.quart import (
    IronSessionInterface,
    get_iron_session,
    get_session,
    with_iron_session,
)
from tests.contract import asgi_driver
from tests.contract.common_app import (
    ANSWERED,
    FILE,
    HANDLED,
    OWN_HEADERS,
    SCOPE_KEYS,
    STREAM_START,
    TOO_LARGE,
    WAIT,
    Call,
    CrashError,
    HandledError,
)
from tests.contract.door import Door


class ClosedFile(FileBody):
    """A file that is always closed: Quart may leave it open if the visitor is quick."""

    async def __aexit__(self, *exc_info: Any) -> None:
        await asyncio.shield(super().__aexit__(*exc_info))


class FileClosingResponse(Response):
    """A response with such files."""

    file_body_class = ClosedFile


def make_app(options: Sequence[SessionOptions]) -> Quart:
    """Build the app, with one interface for all of the sessions."""
    app = make_bare_app(VIEWS, WEBSOCKETS)
    more = dict(zip(SCOPE_KEYS[1:], options[1:], strict=False))
    app.session_interface = IronSessionInterface(options[0], **more)
    return app


def make_wrapped_app(options: Sequence[SessionOptions]) -> Quart:
    """Build the app with Quart's own session, and decorate each view, once for each session."""
    views, websockets = VIEWS, WEBSOCKETS
    for key, one in zip(SCOPE_KEYS, options, strict=False):
        decorate = with_iron_session(one, key=key)
        views = {path: decorate(view) for path, view in views.items()}
        websockets = {path: decorate(view) for path, view in websockets.items()}
    app = make_bare_app(views, websockets)
    app.secret_key = "it signs Quart's own session"
    return app


def make_bare_app(views: dict[str, Any], websockets: dict[str, Any]) -> Quart:
    """Build the app without a session of ours."""
    app = Quart(__name__)
    app.response_class = FileClosingResponse
    for kind in ANSWERED:
        app.register_error_handler(kind, answer_error)
    app.register_error_handler(HandledError, answer_handled)
    for path, view in views.items():
        app.add_url_rule(f"/{path}", path or "root", view)
    for path, view in websockets.items():
        app.add_websocket(f"/{path}", path, view)
    return app


def make_explicit_app(options: SessionOptions) -> Quart:
    """Build the app of the explicit form, with Quart's own session."""
    app = Quart(__name__)

    @app.get("/explicit")
    async def explicit() -> Response:
        response = jsonify()
        by_hand = get_iron_session(request, response, options)
        result = await the_call().perform_async(lambda _: by_hand)
        response.set_data(await jsonify(result).get_data())
        return response

    return app


def the_call() -> Call:
    """Read what the view is asked to do."""
    return Call.parse((request if has_request_context() else websocket).query_string.decode())


def session_of(position: int) -> Any:
    """Return Quart's own way to a session, and ours to a second one."""
    return get_session(key=SCOPE_KEYS[position]) if position else session


async def perform() -> Any:
    """Perform what the request asks for."""
    return await the_call().perform_async(session_of)


async def answer() -> Response:
    return jsonify(await perform())


def answer_sync() -> Response:
    return jsonify(the_call().perform(session_of))


async def answer_with_own_headers() -> Response:
    response = await answer()
    for name, value in OWN_HEADERS:
        response.headers.add(name, value)
    return response


async def stream() -> Response:
    await perform()

    @stream_with_context
    async def parts() -> AsyncIterator[str]:
        yield STREAM_START
        yield the_call().perform_late(session_of)

    return Response(parts())


async def send_a_file() -> Response:
    await perform()
    response = await send_file(FILE)
    del response.headers["Cache-Control"]  # Quart's own; the common app says nothing of caches
    return response


async def redirect_to_start() -> BaseResponse:
    await perform()
    return redirect("/", 303)


async def not_found() -> NoReturn:
    await perform()
    abort(404)


async def crash() -> NoReturn:
    await perform()
    raise CrashError


async def fail() -> NoReturn:
    await perform()
    raise HandledError


async def accept() -> None:
    result = await perform()
    await websocket.accept()
    await websocket.send_json(result)
    await websocket.send(the_call().perform_late(session_of))
    await websocket.close(1000)


async def close() -> None:
    await perform()
    await websocket.close(1000)


async def deny() -> tuple[Any, int]:
    return jsonify(await perform()), 403


async def answer_error(error: IronSessionError) -> tuple[str, int]:
    """Answer what the session raises."""
    return type(error).__name__, TOO_LARGE


async def answer_handled(error: HandledError) -> tuple[str, int]:
    """Answer the application's own exception."""
    return "handled", HANDLED


VIEWS: dict[str, Any] = {
    "": answer,
    "async": answer,
    "sync": answer_sync,
    "own": answer_with_own_headers,
    "stream": stream,
    "file": send_a_file,
    "redirect": redirect_to_start,
    "error": not_found,
    "crash": crash,
    "handled": fail,
}
WEBSOCKETS: dict[str, Any] = {"ws": accept, "ws-close": close, "ws-deny": deny}

THREADS = 20
"""How many plain functions run at once; by default there are fewer, by the number of processors."""

TOLD: ContextVar[list[BaseException]] = ContextVar("what Quart tells of a request that it answers")


async def hear(_app: Quart, exception: BaseException, **_: object) -> None:
    """Keep what Quart has caught, which no server sees."""
    TOLD.get().append(exception)


@contextmanager
def run_in_process(app: Quart) -> Iterator[asgi_driver.RunningApp]:
    """Run the app; what it answers with a 500 is raised after that."""
    prepared: WeakSet[asyncio.AbstractEventLoop] = WeakSet()

    async def telling(scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()
        if loop not in prepared:
            prepared.add(loop)
            loop.set_default_executor(ThreadPoolExecutor(THREADS))
        told: list[BaseException] = []
        TOLD.set(told)
        await app(scope, receive, send)
        if told:
            raise told[0]

    with (
        got_request_exception.connected_to(hear, app),
        got_websocket_exception.connected_to(hear, app),
        asgi_driver.run_in_process(telling) as site,
    ):
        yield site


@contextmanager
def serve(app: Quart) -> Iterator[str]:
    """Serve the app by hypercorn for the length of a block; yields host and port."""
    listener = create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = hypercorn.Config()
    config.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
    config.errorlog = None
    config.graceful_timeout = 5
    stop = threading.Event()

    async def serve_until_stopped() -> None:
        await hypercorn.asyncio.serve(
            app, config, shutdown_trigger=lambda: asyncio.to_thread(stop.wait)
        )

    thread = threading.Thread(target=asyncio.run, args=(serve_until_stopped(),), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        stop.set()
        thread.join(WAIT)
        assert not thread.is_alive(), "the server did not stop"


DOORS = [
    Door("quart", make_app, run_in_process, make_explicit_app, serve),
    Door("quart wrapped", make_wrapped_app, run_in_process, make_explicit_app, serve),
]
