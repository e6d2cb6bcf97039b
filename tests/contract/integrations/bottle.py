"""The common app in Bottle, with the code of the page: `request.session`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from bottle import Bottle, HTTPError, HTTPResponse, abort, redirect, request, response, static_file

from iron_session import IronSessionError, SessionOptions
from iron_session.integrations.wsgi import IronSessionMiddleware
from tests.contract import written
from tests.contract.common_app import (
    ANSWERED,
    FILE,
    OWN_HEADERS,
    SCOPE_KEYS,
    STREAM_START,
    TOO_LARGE,
    Call,
    CrashError,
    SessionOf,
)
from tests.contract.door import Door
from tests.contract.server import serve_wsgi
from tests.contract.wsgi_driver import RunningApp, run_in_process

add_session = written.load("bottle_session").add_session
get_iron_session = written.load("bottle_session").get_iron_session


def make_app(options: Sequence[SessionOptions]) -> Any:
    """Build the app; a second session is the gateway once more."""
    app = Bottle()
    add_session(app, options[0])
    app.route("/", callback=answer)
    app.route("/sync", callback=answer)
    app.route("/own", callback=answer_with_own_headers)
    app.route("/stream", callback=stream)
    app.route("/file", callback=send_file)
    app.route("/redirect", callback=go_home)
    app.route("/error", callback=not_found)
    app.route("/crash", callback=crash)
    app.error(500, answer_error)
    served: Any = app
    for one in options[1:]:
        served = IronSessionMiddleware(served, one, key=f"bottle.request.ext.{SCOPE_KEYS[1]}")
    return served


def make_explicit_app(options: SessionOptions) -> Bottle:
    """Build the app of the explicit form, without a session of the app's own."""
    app = Bottle()

    @app.route("/explicit")  # type: ignore[untyped-decorator]  # Bottle has no types
    def explicit() -> str:
        session = get_iron_session(response, options)
        return json.dumps(call().perform(lambda _: session))

    return app


@contextmanager
def open_app(app: Any) -> Iterator[RunningApp]:
    """Run the app in process; its server hears of an error that the page for 500 has answered."""

    def telling(environ: Any, start: Any) -> Any:
        def begin(status: str, headers: Any, exc_info: Any = None) -> Any:
            is_answered = exc_info is not None and isinstance(exc_info[1], IronSessionError)
            return start(status, headers, None if is_answered else exc_info)

        return app(environ, begin)

    with run_in_process(telling) as running:
        yield running


def call() -> Call:
    """Read what the handler is asked to do."""
    return Call.parse(request.query_string)


def sessions() -> SessionOf:
    """Return the way to this request's sessions, even after `request` is another one."""
    environ = request.environ
    return lambda position: environ[f"bottle.request.ext.{SCOPE_KEYS[position]}"]


def perform() -> Any:
    """Perform what the request asks for."""
    return call().perform(lambda position: getattr(request, SCOPE_KEYS[position]))


def answer() -> str:
    return json.dumps(perform())


def answer_with_own_headers() -> HTTPResponse:
    own = HTTPResponse(json.dumps(perform()))
    for name, value in OWN_HEADERS:
        own.add_header(name, value)
    return own


def stream() -> Iterator[str]:
    perform()
    return parts(call(), sessions())


def parts(asked: Call, sessions: SessionOf) -> Iterator[str]:
    """Send two parts, and change the session between them."""
    yield STREAM_START
    yield asked.perform_late(sessions)


def send_file() -> HTTPResponse:
    perform()
    return static_file(FILE.name, root=FILE.parent)


def go_home() -> None:
    perform()
    redirect("/", 303)


def not_found() -> None:
    perform()
    abort(404)


def crash() -> NoReturn:
    perform()
    raise CrashError


def answer_error(error: HTTPError) -> str:
    """Answer what the session raises; of any other error Bottle's page would show it."""
    if not isinstance(error.exception, tuple(ANSWERED)):
        return "broken"
    response.status = TOO_LARGE
    return type(error.exception).__name__


DOORS = [Door("bottle", make_app, open_app, make_explicit_app, serve_wsgi)]
