"""The common app in Bottle, with the plugin of the page: `request.session`."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from bottle import Bottle, HTTPError, HTTPResponse, abort, redirect, request, response, static_file

from iron_session import IronSessionError, SessionOptions
from tests.contract import written
from tests.contract.common_app import (
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
from tests.contract.wsgi_driver import run_in_process

SessionPlugin = written.load("bottle_session").SessionPlugin
get_iron_session = written.load("bottle_explicit").get_iron_session


def make_app(options: Sequence[SessionOptions]) -> Bottle:
    """Build the app, with one plugin for all sessions."""
    app = Bottle()
    app.install(SessionPlugin(**dict(zip(SCOPE_KEYS, options, strict=False))))
    app.route("/", callback=answer)
    app.route("/sync", callback=answer)
    app.route("/own", callback=answer_with_own_headers)
    app.route("/stream", callback=stream)
    app.route("/file", callback=send_file)
    app.route("/redirect", callback=go_home)
    app.route("/error", callback=not_found)
    app.route("/crash", callback=crash)
    app.error(500, answer_error)
    return app


def make_explicit_app(options: SessionOptions) -> Bottle:
    """Build the app of the explicit form, without the plugin."""
    app = Bottle()

    @app.route("/explicit")  # type: ignore[untyped-decorator]  # Bottle has no types
    def explicit() -> str:
        session = get_iron_session(response, options)
        return json.dumps(call().perform(lambda _: session))

    return app


def call() -> Call:
    """Read what the handler is asked to do."""
    return Call.parse(request.query_string)


def sessions() -> SessionOf:
    """Give the way to this request's sessions, which goes on when `request` is another's."""
    environ = request.environ
    return lambda position: environ[f"bottle.request.ext.{SCOPE_KEYS[position]}"]


def perform() -> Any:
    """Do what the request asks for."""
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
    if not isinstance(error.exception, IronSessionError):
        return "broken"
    response.status = TOO_LARGE
    return type(error.exception).__name__


DOORS = [Door("bottle", make_app, run_in_process, make_explicit_app, serve_wsgi)]
