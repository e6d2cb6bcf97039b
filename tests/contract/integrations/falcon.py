"""The common app in Falcon, of both kinds, with the middleware of the page."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import falcon
import falcon.asgi

from iron_session import IronSessionError, SessionOptions
from iron_session.integrations import asgi, wsgi
from tests.contract import asgi_driver, written, wsgi_driver
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
from tests.contract.server import serve_wsgi

FAILURE = "tests.failure"


def add_sessions(app: Any, options: Sequence[SessionOptions]) -> Any:
    """Add the session of the page, and the gateway once more for a second one."""
    served = written.load("falcon_session").add_session(app, options[0])
    gateway: Any = asgi if isinstance(served, asgi.IronSessionMiddleware) else wsgi
    for one in options[1:]:
        served = gateway.IronSessionMiddleware(served, one, key=SCOPE_KEYS[1], abandon_500=True)
    return served


def make_app(options: Sequence[SessionOptions]) -> Any:
    """Build the WSGI app."""
    app = falcon.App()
    served = add_sessions(app, options)
    app.add_error_handler(tuple(ANSWERED), answer_error)
    app.add_error_handler(HandledError, answer_handled)
    app.set_error_reporter(report)
    app.set_error_serializer(answer_http_error)
    app.add_route("/", Answer())
    app.add_route("/{manner}", Answer())
    return served


def make_asgi_app(options: Sequence[SessionOptions]) -> Any:
    """Build the ASGI app."""
    app = falcon.asgi.App()
    served = add_sessions(app, options)
    for kind in ANSWERED:
        app.add_error_handler(kind, answer_error_async)
    app.add_error_handler(HandledError, answer_handled_async)
    app.set_error_reporter(report)
    app.set_error_serializer(answer_http_error)
    app.add_route("/", AsyncAnswer())
    app.add_route("/{manner}", AsyncAnswer())
    return served


def report(req: Any, error: Exception, params: object, handled: bool) -> None:
    """Keep what nobody handled: Falcon answers it itself, and only logs it."""
    if not isinstance(error, (falcon.HTTPError, falcon.HTTPStatus, IronSessionError, HandledError)):
        carrier = req.scope if isinstance(req, falcon.asgi.Request) else req.env
        carrier[FAILURE] = error


@contextmanager
def open_wsgi(app: Any) -> Iterator[wsgi_driver.RunningApp]:
    """Run the app in process; what it has kept is raised once it has answered."""

    def telling(environ: Any, start: Any) -> Any:
        body = app(environ, start)
        if FAILURE in environ:
            raise environ[FAILURE]
        return body

    with wsgi_driver.run_in_process(telling) as running:
        yield running


@contextmanager
def open_asgi(app: Any) -> Iterator[asgi_driver.RunningApp]:
    """Run the app in process; what it has kept is raised once it has answered."""

    async def telling(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        if FAILURE in scope:
            raise scope[FAILURE]

    with asgi_driver.run_in_process(telling) as running:
        yield running


def call_of(req: falcon.Request) -> Call:
    """Read what the handler is asked to do."""
    return Call.parse(req.query_string)


def sessions_of(req: falcon.Request) -> SessionOf:
    """Return the way to a request's sessions."""
    return lambda position: getattr(req.context, SCOPE_KEYS[position])


def answer_error(req: Any, resp: Any, error: Exception, params: object) -> None:
    """Answer what the session raises; of the response that failed Falcon keeps the stream."""
    if hasattr(resp.stream, "close"):
        resp.stream.close()
    resp.stream, resp.status = None, TOO_LARGE
    resp.text = type(error).__name__


def answer_http_error(req: Any, resp: Any, error: falcon.HTTPError) -> None:
    """Write the body of a 404; Falcon's own way varies it by the request's Accept."""
    resp.text = error.title


async def answer_error_async(req: Any, resp: Any, error: Exception, params: object) -> None:
    if isinstance(resp.stream, AsyncFile):
        await resp.stream.close()
    resp.stream = None
    answer_error(req, resp, error, params)


def answer_handled(req: Any, resp: Any, error: Exception, params: object) -> None:
    """Answer the application's own exception."""
    resp.status, resp.text = HANDLED, "handled"


async def answer_handled_async(req: Any, resp: Any, error: Exception, params: object) -> None:
    answer_handled(req, resp, error, params)


class Answer:
    """Answers in the manner that the path names."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, manner: str = "") -> None:
        resp.text = json.dumps(call_of(req).perform(sessions_of(req)))
        answer_in(manner, resp)
        if manner == "stream":
            resp.text, resp.stream = None, parts(req)
        elif manner == "file":
            resp.text = None
            resp.set_stream(FILE.open("rb"), FILE.stat().st_size)


class AsyncAnswer:
    """The same in a coroutine, and in WebSockets."""

    async def on_get(self, req: falcon.asgi.Request, resp: Any, manner: str = "") -> None:
        resp.text = json.dumps(await call_of(req).perform_async(sessions_of(req)))
        answer_in(manner, resp)
        if manner == "stream":
            resp.text, resp.stream = None, parts_async(req)
        elif manner == "file":
            resp.text, resp.stream = None, AsyncFile()

    async def on_websocket(
        self, req: falcon.asgi.Request, ws: falcon.asgi.WebSocket, manner: str
    ) -> None:
        result = await call_of(req).perform_async(sessions_of(req))
        if manner == "ws-close":
            await ws.close()
            return
        await ws.accept()
        await ws.send_text(json.dumps(result))
        await ws.send_text(call_of(req).perform_late(sessions_of(req)))
        await ws.close()


def answer_in(manner: str, resp: falcon.Response) -> None:
    """Perform what both kinds have in common."""
    match manner:
        case "own":
            for name, value in OWN_HEADERS:
                resp.append_header(name, value)
        case "redirect":
            raise falcon.HTTPSeeOther("/")
        case "error":
            raise falcon.HTTPNotFound
        case "crash":
            raise CrashError
        case "handled":
            raise HandledError


def parts(req: falcon.Request) -> Iterator[bytes]:
    """Send two parts, and change the session between them."""
    yield STREAM_START.encode()
    yield call_of(req).perform_late(sessions_of(req)).encode()


async def parts_async(req: falcon.Request) -> AsyncIterator[bytes]:
    for part in parts(req):
        yield part


class AsyncFile:
    """The file, as `falcon.asgi` takes one."""

    def __init__(self) -> None:
        self._file = FILE.open("rb")

    async def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    async def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        """Close it where Falcon has answered something else, and keeps the stream."""
        self._file.close()


DOORS = [
    Door("falcon", make_app, open_wsgi, serve=serve_wsgi),
    Door("falcon asgi", make_asgi_app, open_asgi),
]
