"""The common app in Pyramid, with the session of the page: `request.session`."""

import json
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

with warnings.catch_warnings():
    # Pyramid 2.1 imports pkg_resources, which says at once that it is deprecated.
    warnings.simplefilter("ignore")
    from pyramid.config import Configurator

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import FileResponse, Response

from iron_session import SessionOptions
from iron_session.integrations.wsgi import IronSessionMiddleware, get_iron_session
from tests.contract import written
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

SECOND = "second_session"


def make_app(options: Sequence[SessionOptions]) -> Any:
    """Build the app; a second session is in the environ."""
    config = Configurator()
    views = {
        "/": answer,
        "/sync": answer,
        "/own": answer_with_own_headers,
        "/stream": stream,
        "/file": send_file,
        "/redirect": redirect,
        "/error": not_found,
        "/crash": crash,
        "/handled": fail,
    }
    for path, view in views.items():
        config.add_route(path, path)
        config.add_view(view, route_name=path)
    for kind in ANSWERED:
        config.add_exception_view(answer_error, context=kind)
    config.add_exception_view(answer_handled, context=HandledError)
    app = written.load("pyramid_session").make_app(config, options[0])
    for one in options[1:]:
        app = IronSessionMiddleware(app, one, key=SECOND)
    return app


def make_explicit_app(options: SessionOptions) -> Any:
    """Build the app of the explicit form, which is the gateway's."""

    def explicit(request: Any) -> Response:
        response = Response(content_type="application/json")
        session = get_iron_session(request.environ, response.headerlist, options)
        response.json = Call.parse(request.query_string).perform(lambda _: session)
        return response

    config = Configurator()
    config.add_route("explicit", "/explicit")
    config.add_view(explicit, route_name="explicit")
    return config.make_wsgi_app()


def sessions_of(request: Any) -> SessionOf:
    """Return the way to a request's sessions."""
    return lambda position: request.environ[SECOND] if position else request.session


def perform(request: Any) -> Any:
    """Perform what the request asks for."""
    return Call.parse(request.query_string).perform(sessions_of(request))


def answer_error(error: Exception, request: Any) -> Response:
    """Answer what the session raises."""
    return Response(type(error).__name__, status=TOO_LARGE)


def answer_handled(error: Exception, request: Any) -> Response:
    """Answer the application's own exception."""
    return Response("handled", status=HANDLED)


def answer(request: Any) -> Response:
    return Response(json.dumps(perform(request)))


def answer_with_own_headers(request: Any) -> Response:
    response = answer(request)
    for name, value in OWN_HEADERS:
        response.headers.add(name, value)
    return response


def stream(request: Any) -> Response:
    perform(request)
    return Response(app_iter=parts(request))


def parts(request: Any) -> Iterator[bytes]:
    """Send two parts, and change the session between them."""
    yield STREAM_START.encode()
    yield Call.parse(request.query_string).perform_late(sessions_of(request)).encode()


def send_file(request: Any) -> Response:
    perform(request)
    return FileResponse(FILE, request=request)


def redirect(request: Any) -> NoReturn:
    perform(request)
    raise HTTPSeeOther("/")


def not_found(request: Any) -> NoReturn:
    perform(request)
    raise HTTPNotFound


def crash(request: Any) -> NoReturn:
    perform(request)
    raise CrashError


def fail(request: Any) -> NoReturn:
    perform(request)
    raise HandledError


DOORS = [Door("pyramid", make_app, run_in_process, make_explicit_app, serve_wsgi)]
