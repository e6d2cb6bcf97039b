"""The common app without a framework, behind the WSGI gateway."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

from iron_session import SessionOptions
from iron_session.integrations.wsgi import (
    IronSessionMiddleware,
    get_iron_session,
    get_session,
    with_iron_session,
)
from tests.contract.common_app import (
    ANSWERED,
    FILE,
    HANDLED,
    OWN_HEADERS,
    STREAM_START,
    TOO_LARGE,
    Call,
    CrashError,
    HandledError,
    SessionOf,
)
from tests.contract.door import Door
from tests.contract.server import serve_wsgi
from tests.contract.wsgi_driver import run_in_process

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

KEYS = ("iron_session", "second_session")
Headers = Iterable[tuple[str, str]]


def make_app(options: Sequence[SessionOptions]) -> "WSGIApplication":
    """Wrap the app in one gateway for each session."""
    app: WSGIApplication = answer_errors
    for key, one in zip(KEYS, options, strict=False):
        app = IronSessionMiddleware(app, one, key=key)
    return app


def make_wrapped_app(options: Sequence[SessionOptions]) -> "WSGIApplication":
    """Decorate the app, once for each session."""
    app: WSGIApplication = answer_errors
    for key, one in zip(KEYS, options, strict=False):
        app = with_iron_session(one, key=key)(app)
    return app


def make_explicit_app(options: SessionOptions) -> "WSGIApplication":
    """Build the app of the explicit form, without the gateway."""

    def explicit(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        headers = [("Content-Type", "application/json")]
        session = get_iron_session(environ, headers, options)
        result = Call.parse(environ["QUERY_STRING"]).perform(lambda _: session)
        start("200 OK", headers)
        return [json.dumps(result).encode()]

    return explicit


def answer_errors(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    """Run the handler, and answer what it raises."""
    try:
        return handle(environ, start)
    except tuple(ANSWERED) as error:
        return respond(start, type(error).__name__, status=f"{TOO_LARGE} Too Large")
    except HandledError:
        return respond(start, "handled", status=f"{HANDLED} Conflict")


def handle(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    """Answer in the manner that the path names."""
    call = Call.parse(environ["QUERY_STRING"])

    def session_of(position: int) -> Any:
        return get_session(environ, key=KEYS[position])

    result = json.dumps(call.perform(session_of))
    match environ["PATH_INFO"].strip("/"):
        case "" | "sync":
            return respond(start, result)
        case "own":
            return respond(start, result, headers=OWN_HEADERS)
        case "redirect":
            return respond(start, "", status="303 See Other", headers=[("Location", "/")])
        case "error":
            return respond(start, "not found", status="404 Not Found")
        case "handled":
            raise HandledError
        case "stream":
            start("200 OK", [("Content-Type", "text/plain")])
            return stream(call, session_of)
        case "file":
            start("200 OK", [("Content-Type", "text/plain")])
            return environ.get("wsgi.file_wrapper", FileWrapper)(FILE.open("rb"))  # type: ignore[no-any-return]  # of any type, says WSGI
        case manner:
            assert manner == "crash"
            raise CrashError


def respond(
    start: "StartResponse", text: str, *, status: str = "200 OK", headers: Headers = ()
) -> Iterable[bytes]:
    """Send a whole response."""
    start(status, [("Content-Type", "text/plain"), *headers])
    return [text.encode()]


def stream(call: Call, session_of: SessionOf) -> Iterator[bytes]:
    """Send two parts, and change the session between them."""
    yield STREAM_START.encode()
    yield call.perform_late(session_of).encode()


DOORS = [
    Door("wsgi", make_app, run_in_process, make_explicit_app, serve_wsgi),
    Door("wsgi wrapped", make_wrapped_app, run_in_process, make_explicit_app, serve_wsgi),
]
