"""The common app in Flask: `flask.session`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from flask import (
    Flask,
    Response,
    abort,
    got_request_exception,
    jsonify,
    redirect,
    request,
    send_file,
    session,
    stream_with_context,
)
from werkzeug.wrappers import Response as BaseResponse

from iron_session import IronSessionError, SessionOptions
from iron_session.integrations.flask import (
    IronSessionInterface,
    get_iron_session,
    get_session,
    with_iron_session,
)
from tests.contract import wsgi_driver
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
)
from tests.contract.door import Door
from tests.contract.server import serve_wsgi


def make_app(options: Sequence[SessionOptions]) -> Flask:
    """Build the app, with one interface for all of the sessions."""
    app = make_bare_app(VIEWS)
    more = dict(zip(SCOPE_KEYS[1:], options[1:], strict=False))
    app.session_interface = IronSessionInterface(options[0], **more)
    return app


def make_wrapped_app(options: Sequence[SessionOptions]) -> Flask:
    """Build the app with Flask's own session, and decorate each view, once for each session."""
    views = VIEWS
    for key, one in zip(SCOPE_KEYS, options, strict=False):
        decorate = with_iron_session(one, key=key)
        views = {path: decorate(view) for path, view in views.items()}
    app = make_bare_app(views)
    app.secret_key = "it signs Flask's own session"
    return app


def make_bare_app(views: dict[str, Any]) -> Flask:
    """Build the app without a session of ours."""
    app = Flask(__name__)
    for kind in ANSWERED:
        app.register_error_handler(kind, answer_error)
    app.register_error_handler(HandledError, answer_handled)
    for path, view in views.items():
        app.add_url_rule(f"/{path}", path or "root", view)
    return app


def make_explicit_app(options: SessionOptions) -> Flask:
    """Build the app of the explicit form, with Flask's own session."""
    app = Flask(__name__)

    @app.get("/explicit")
    def explicit() -> Response:
        response = jsonify()
        by_hand = get_iron_session(request, response, options)
        response.data = jsonify(the_call().perform(lambda _: by_hand)).data
        return response

    return app


def the_call() -> Call:
    """Read what the view is asked to do."""
    return Call.parse(request.query_string.decode())


def session_of(position: int) -> Any:
    """Return Flask's own way to a session, and ours to a second one."""
    return get_session(key=SCOPE_KEYS[position]) if position else session


def perform() -> Any:
    """Perform what the request asks for."""
    return the_call().perform(session_of)


def answer() -> Response:
    return jsonify(perform())


async def answer_async() -> Response:
    return jsonify(await the_call().perform_async(session_of))


def answer_with_own_headers() -> Response:
    response = answer()
    for name, value in OWN_HEADERS:
        response.headers.add(name, value)
    return response


def stream() -> Response:
    perform()

    def parts() -> Iterator[str]:
        yield STREAM_START
        yield the_call().perform_late(session_of)

    return Response(stream_with_context(parts()))


def send_a_file() -> Response:
    perform()
    response = send_file(FILE)
    del response.headers["Cache-Control"]  # Flask's own; the common app says nothing of caches
    return response


def redirect_to_start() -> BaseResponse:
    perform()
    return redirect("/", 303)


def not_found() -> NoReturn:
    perform()
    abort(404)


def crash() -> NoReturn:
    perform()
    raise CrashError


def fail() -> NoReturn:
    perform()
    raise HandledError


def answer_error(error: IronSessionError) -> tuple[str, int]:
    """Answer what the session raises."""
    return type(error).__name__, TOO_LARGE


def answer_handled(error: HandledError) -> tuple[str, int]:
    """Answer the application's own exception."""
    return "handled", HANDLED


VIEWS: dict[str, Any] = {
    "": answer,
    "async": answer_async,
    "sync": answer,
    "own": answer_with_own_headers,
    "stream": stream,
    "file": send_a_file,
    "redirect": redirect_to_start,
    "error": not_found,
    "crash": crash,
    "handled": fail,
}

TOLD: ContextVar[list[BaseException]] = ContextVar("what Flask tells of a request that it answers")


def hear(_app: Flask, exception: BaseException, **_: object) -> None:
    """Keep what Flask has caught, which no server sees."""
    TOLD.get().append(exception)


@contextmanager
def run_in_process(app: Flask) -> Iterator[wsgi_driver.RunningApp]:
    """Run the app; what it answers with a 500 is raised after that."""

    def telling(environ: Any, start: Any) -> Any:
        told: list[BaseException] = []
        TOLD.set(told)
        body: Any = app(environ, start)
        if told:
            body.close()
            raise told[0]
        return body

    with got_request_exception.connected_to(hear, app), wsgi_driver.run_in_process(telling) as site:
        yield site


DOORS = [
    Door("flask", make_app, run_in_process, make_explicit_app, serve_wsgi),
    Door("flask wrapped", make_wrapped_app, run_in_process, make_explicit_app, serve_wsgi),
]
