"""Sanic: `with_iron_session` around one handler, on its own server and in its ASGI mode."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NoReturn

import pytest
import sanic
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import Forbidden, SanicException, ServiceUnavailable
from sanic.response import BaseHTTPResponse, ResponseStream, file_stream, text
from sanic.views import HTTPMethodView

from iron_session import ConfigurationError, CookieTooLargeError, Session, SessionOptions
from iron_session.integrations.sanic import (
    get_iron_session,
    get_session,
    setup,
    with_iron_session,
)
from tests.contract import sanic_driver
from tests.contract.common_app import FILE
from tests.contract.door import Answer, Handshake, Site, Visit
from tests.contract.integrations.sanic import new_app
from tests.contract.logs import lost_changes
from tests.sessions.browser import NAME, make_options, saved, session_of

OPTIONS = make_options()
OTHER = make_options(cookie_name="other")
TOO_LARGE = "x" * 8000

Open = Callable[[Any], Site]


@pytest.fixture(params=[sanic_driver.run, sanic_driver.run_in_process], ids=["server", "asgi"])
def serve(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open an app, on Sanic's server and in its ASGI mode."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(request.param(app))


def make_app(handler: Any) -> Sanic[Any, Any]:
    """Make an app of one route, whose handler is wrapped."""
    return bare_app(with_iron_session(OPTIONS)(handler))


def bare_app(handler: Any) -> Sanic[Any, Any]:
    app = new_app()
    app.add_route(handler, "/", name="handler")
    return app


def ask(site: Site, cookie: str | None = None) -> Answer:
    """Send a request."""
    return site.visit(Visit(target="/", headers=[("Cookie", cookie)] if cookie else []))


def written_by(answer: Answer, name: str = NAME) -> dict[str, Any]:
    """Give what the session holds that an answer sets."""
    return dict(session_of(f"{name}={answer.cookies[name].value}", cookie_name=name))


async def write(request: Request) -> HTTPResponse:
    request.ctx.session["a"] = 1
    return text("done")


def write_at_once(request: Request) -> HTTPResponse:
    request.ctx.session["a"] = 1
    return text("done")


async def fill(request: Request) -> HTTPResponse:
    """Put more into the session than a cookie takes."""
    request.ctx.session["large"] = TOO_LARGE
    return text("done")


def raising(error: Exception) -> Any:
    async def fail(request: Request) -> NoReturn:
        request.ctx.session["a"] = 1
        raise error

    return fail


# --- what can be decorated -------------------------------------------------------------------


def test_options_that_are_none_are_refused_at_once() -> None:
    options: Any = {"password": "x"}
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        with_iron_session(options)


def test_a_class_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="the methods of HTTPMethodView"):
        with_iron_session(OPTIONS)(HTTPMethodView)


@pytest.mark.parametrize("handler", [write, write_at_once])
def test_a_handler_keeps_its_name_and_signature_and_its_kind(handler: Any) -> None:
    wrapped = with_iron_session(OPTIONS)(handler)
    assert wrapped.__name__ == handler.__name__
    assert inspect.signature(wrapped) == inspect.signature(handler)
    assert inspect.iscoroutinefunction(wrapped) is inspect.iscoroutinefunction(handler)


class View(HTTPMethodView):
    @with_iron_session(OPTIONS)
    async def get(self, request: Request) -> HTTPResponse:
        return await write(request)


class PlainView(HTTPMethodView):
    @with_iron_session(OPTIONS)
    def get(self, request: Request) -> HTTPResponse:
        return write_at_once(request)


class DecoratedView(HTTPMethodView):
    decorators = [with_iron_session(OPTIONS)]  # noqa: RUF012 - as Sanic has it

    async def get(self, request: Request) -> HTTPResponse:
        return await write(request)


async def by_name(request: Request) -> HTTPResponse:
    return await with_iron_session(OPTIONS)(write)(request=request)


@pytest.mark.parametrize(
    "handler",
    [
        with_iron_session(OPTIONS)(write_at_once),
        View.as_view(),
        PlainView.as_view(),
        DecoratedView.as_view(),
        by_name,
    ],
)
def test_functions_and_methods_are_handlers_too(serve: Open, handler: Any) -> None:
    assert written_by(ask(serve(bare_app(handler)))) == {"a": 1}


def test_what_takes_no_request_is_refused_when_it_is_called() -> None:
    def handler() -> NoReturn:
        raise AssertionError("it was called")

    with pytest.raises(ConfigurationError, match="takes a request"):
        with_iron_session(OPTIONS)(handler)()


def test_what_the_route_takes_out_of_the_path_comes_through(serve: Open) -> None:
    @with_iron_session(OPTIONS)
    async def greet(request: Request, name: str) -> HTTPResponse:
        request.ctx.session["name"] = name
        return text("done")

    app = new_app()
    app.add_route(greet, "/<name:str>")
    answer = serve(app).visit(Visit(target="/ada", headers=[]))
    assert written_by(answer) == {"name": "ada"}


class SlottedRequest(Request[Any, Any]):
    __slots__ = ("own",)


class PlainRequest(Request[Any, Any]):
    own: str


@pytest.mark.parametrize("kind", [SlottedRequest, PlainRequest])
def test_the_application_s_own_request_class_stays(serve: Open, kind: Any) -> None:
    async def look(request: Any) -> HTTPResponse:
        is_current: object = Request.get_current() is request
        assert is_current
        assert isinstance(request, kind)
        request.own = "attribute"
        request.ctx.session["a"] = 1
        return sanic.json([request.own, type(request).__name__])

    app = make_app(look)
    app.request_class = kind
    answer = ask(serve(app))
    assert answer.json == ["attribute", kind.__name__]
    assert written_by(answer) == {"a": 1}


# --- beside others ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (OPTIONS, "again"),
        (OTHER, "session"),
        (make_options(cookie_name=f"{NAME}.0"), "chunk"),
    ],
)
@pytest.mark.parametrize("installed", [True, False])
def test_a_cookie_or_key_that_has_a_session_already_is_refused(
    serve: Open, options: SessionOptions, key: str, installed: bool
) -> None:
    handler: Any = with_iron_session(options, key=key)(write)
    app = bare_app(handler if installed else with_iron_session(OPTIONS)(handler))
    if installed:
        setup(app, OPTIONS)
    answer = ask(serve(app))
    assert answer.status == 500
    assert isinstance(answer.failure, ConfigurationError)
    assert "twice" in str(answer.failure)


async def write_both(request: Request) -> HTTPResponse:
    get_session(request)["a"] = 1
    get_session(request, key="other")["b"] = 2
    return text("done")


async def write_both_and_fail(request: Request) -> NoReturn:
    await write_both(request)
    raise LookupError("nobody expects it")


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize(
    ("handler", "status"),
    [(write_both, 200), (write_both_and_fail, 410), (write_both_and_fail, 500)],
)
def test_two_sessions_stand_side_by_side(
    serve: Open, handler: Any, status: int, installed: bool
) -> None:
    endpoint = with_iron_session(OTHER, key="other")(handler)
    app = bare_app(endpoint if installed else with_iron_session(OPTIONS)(endpoint))
    if installed:
        setup(app, OPTIONS)
    if status == 410:
        app.exception(LookupError)(lambda request, error: text("gone", status=410))
    answer = ask(serve(app))
    assert (answer.status, answer.vary) == (status, "Cookie")
    if status == 500:
        assert answer.cookies == {}
    else:
        assert written_by(answer) == {"a": 1}
        assert written_by(answer, "other") == {"b": 2}


def test_the_handlers_beside_it_have_no_session(serve: Open) -> None:
    app = make_app(write)

    async def look(request: Request) -> HTTPResponse:
        with pytest.raises(ConfigurationError):
            get_session(request)
        return text(str(hasattr(request.ctx, "session")))

    app.add_route(look, "/bare", name="bare")
    site = serve(app)
    assert written_by(ask(site)) == {"a": 1}
    assert site.visit(Visit(target="/bare", headers=[])).body == b"False"


def test_the_explicit_form_refuses_its_cookie(serve: Open) -> None:
    async def explicit(request: Request) -> HTTPResponse:
        response = text("done")
        with pytest.raises(ConfigurationError, match="already"):
            get_iron_session(request, response, OPTIONS)
        return response

    assert ask(serve(make_app(explicit))).status == 200


def test_a_session_in_chunks_has_as_many_as_sanic_takes_back(serve: Open) -> None:
    @with_iron_session(make_options(chunk=True))
    async def tell(request: Request) -> HTTPResponse:
        return text(str(request.ctx.session.most_chunks))

    assert ask(serve(bare_app(tell))).body == b"3"
    beside_another = with_iron_session(OTHER, key="other")(tell)
    assert ask(serve(bare_app(beside_another))).body == b"2"
    app = bare_app(tell)
    app.config.REQUEST_MAX_HEADER_SIZE = 8192
    answer = ask(serve(app))
    assert isinstance(answer.failure, ConfigurationError)
    assert "REQUEST_MAX_HEADER_SIZE" in str(answer.failure)


# --- exceptions, and who answers them --------------------------------------------------------


@pytest.mark.parametrize("error", [Forbidden("no"), SanicException("no", 409)])
def test_an_http_error_commits(serve: Open, error: SanicException) -> None:
    answer = ask(serve(make_app(raising(error))))
    assert (answer.status, written_by(answer)) == (error.status_code, {"a": 1})


@pytest.mark.parametrize("error", [KeyError("key"), ServiceUnavailable("later")])
def test_a_server_error_that_nobody_handles_commits_nothing(serve: Open, error: Exception) -> None:
    answer = ask(serve(make_app(raising(error))), saved({"b": 2}))
    assert (answer.status, answer.cookies) == (getattr(error, "status_code", 500), {})
    assert answer.vary == "Cookie"


def test_a_handler_that_answers_nothing_commits_nothing(serve: Open) -> None:
    async def say_nothing(request: Request) -> None:
        request.ctx.session["a"] = 1

    answer = ask(serve(make_app(say_nothing)))
    assert (answer.status, answer.cookies) == (500, {})


@pytest.mark.parametrize("is_async", [False, True])
def test_an_exception_that_the_application_handles_commits(serve: Open, is_async: bool) -> None:
    """Whatever its answer's status, and with what the handler of it changes."""

    def answer(request: Request, error: Exception) -> HTTPResponse:
        request.ctx.session["sorry"] = True
        return text("sorry", status=502)

    async def answer_async(request: Request, error: Exception) -> HTTPResponse:
        return answer(request, error)

    app = make_app(raising(KeyError("key")))
    app.exception(KeyError)(answer_async if is_async else answer)
    site = serve(app)
    for _ in range(2):
        received = ask(site)
        assert (received.status, written_by(received)) == (502, {"a": 1, "sorry": True})


def look_on(request: Request, error: Exception) -> None:
    """Leave the answer to Sanic."""


def fail_too(request: Request, error: Exception) -> NoReturn:
    raise KeyError("the handler is broken")


async def fail_too_later(request: Request, error: Exception) -> NoReturn:
    raise KeyError("the handler is broken")


@pytest.mark.parametrize("handler", [look_on, fail_too, fail_too_later])
def test_an_exception_handler_that_does_not_answer_commits_nothing(
    serve: Open, handler: Any
) -> None:
    app = make_app(raising(RuntimeError("crash")))
    app.exception(RuntimeError)(handler)
    answer = ask(serve(app))
    assert (answer.status, answer.cookies) == (500, {})


@pytest.mark.parametrize("is_handled", [False, True])
def test_a_response_that_could_not_be_sent_is_replaced_by_the_error_s(
    serve: Open, is_handled: bool
) -> None:
    async def break_it(request: Request) -> HTTPResponse:
        request.ctx.session["a"] = 1
        # Sanic's server refuses the status, and its ASGI mode the header.
        return text("done", status=100, headers={"Ü": "1"})

    def save_and_answer(request: Request, error: Exception) -> HTTPResponse:
        request.ctx.session["b"] = 2
        request.ctx.session.save()
        return text("sorry", status=400)

    app = make_app(break_it)
    if is_handled:
        app.exception(RuntimeError, UnicodeError)(save_and_answer)
    answer = ask(serve(app))
    assert answer.status == (400 if is_handled else 500)
    assert (written_by(answer) if answer.cookies else None) == (
        {"a": 1, "b": 2} if is_handled else None
    )


def test_a_session_that_is_too_big_without_a_handler_is_a_500(serve: Open) -> None:
    answer = ask(serve(make_app(fill)), saved({"a": 1}))
    assert (answer.status, answer.cookies) == (500, {})
    assert isinstance(answer.failure, CookieTooLargeError)


def test_a_server_s_error_that_the_handler_answers_itself_commits(serve: Open) -> None:
    """Though the exception is still being handled, as it is with Sanic's own answer."""

    async def apologise(request: Request) -> None:
        request.ctx.session["a"] = 1
        try:
            raise LookupError
        except LookupError:
            response = await request.respond(status=500)
            assert response is not None
            await response.send("sorry")

    answer = ask(serve(make_app(apologise)))
    assert (answer.status, answer.body, written_by(answer)) == (500, b"sorry", {"a": 1})


@pytest.mark.parametrize("installed", [False, True])
def test_a_handler_that_is_tried_again_begins_anew(
    serve: Open, installed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[dict[str, Any]] = []

    @with_iron_session(OPTIONS)
    async def fail_once(request: Request) -> HTTPResponse:
        attempts.append(dict(request.ctx.session))
        request.ctx.session[f"attempt {len(attempts)}"] = True
        if len(attempts) == 1:
            raise LookupError("the first time")
        return text("done")

    async def try_again(request: Request) -> HTTPResponse:
        try:
            return await fail_once(request)
        except LookupError:
            return await fail_once(request)

    app = bare_app(try_again)
    if installed:
        setup(app, OTHER, key="other")
    answer = ask(serve(app), saved({"b": 2}))
    assert written_by(answer) == {"b": 2, "attempt 2": True}
    assert attempts == [{"b": 2}, {"b": 2}]
    assert lost_changes(caplog) == []


def test_a_handler_that_is_called_again_goes_on_with_its_session(serve: Open) -> None:
    @with_iron_session(OPTIONS)
    async def count(request: Request) -> HTTPResponse:
        session = request.ctx.session
        session["calls"] = session.get("calls", 0) + 1
        return text("done")

    async def call_twice(request: Request) -> HTTPResponse:
        await count(request)
        return await count(request)

    assert written_by(ask(serve(bare_app(call_twice)))) == {"calls": 2}


# --- responses -------------------------------------------------------------------------------


def test_a_response_s_middleware_has_the_session_and_may_replace_the_response(serve: Open) -> None:
    app = make_app(write)

    @app.on_response  # type: ignore[untyped-decorator]  # Sanic types it so
    async def replace(request: Request, response: BaseHTTPResponse) -> HTTPResponse:
        request.ctx.session["middleware"] = 1
        return text("another")

    answer = ask(serve(app))
    assert answer.body == b"another"
    assert written_by(answer) == {"a": 1, "middleware": 1}


def test_a_dict_in_the_session_s_place_becomes_its_data(serve: Open) -> None:
    async def replace(request: Request) -> HTTPResponse:
        request.ctx.session = {"b": 2}
        return text("done")

    assert written_by(ask(serve(make_app(replace)), saved({"a": 1}))) == {"b": 2}


def test_a_response_that_is_sent_again_has_nothing_of_the_request_before(serve: Open) -> None:
    shared = text("shared")

    async def answer(request: Request) -> HTTPResponse:
        if "a" in request.ctx.session:
            request.ctx.session["b"] = 2
        return shared

    site = serve(make_app(answer))
    assert written_by(ask(site, saved({"a": 1}))) == {"a": 1, "b": 2}
    assert ask(site).cookies == {}


def test_a_file_in_parts_carries_the_cookie(serve: Open) -> None:
    async def send_file(request: Request) -> ResponseStream:
        request.ctx.session["a"] = 1
        return await file_stream(FILE)

    answer = ask(serve(make_app(send_file)))
    assert (answer.body, written_by(answer)) == (FILE.read_bytes(), {"a": 1})


def test_a_response_that_was_begun_before_the_handler_carries_the_cookie(serve: Open) -> None:
    write_here = with_iron_session(OPTIONS)(write)

    async def stream(request: Request) -> None:
        response = await request.respond()
        assert response is not None
        await write_here(request)
        await response.send("part")

    answer = ask(serve(bare_app(stream)))
    assert (answer.body, written_by(answer)) == (b"part", {"a": 1})


def test_what_was_changed_in_a_stream_that_broke_is_logged_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def stream(request: Request) -> NoReturn:
        response = await request.respond()
        assert response is not None
        await response.send("part")
        request.ctx.session["late"] = 1
        raise KeyError("key")

    with sanic_driver.run(make_app(stream)) as site:
        answer = ask(site)
    assert (answer.body, answer.cookies) == (b"part", {})
    assert len(lost_changes(caplog)) == 1


def test_a_first_look_when_the_headers_have_gone_takes_no_change(
    serve: Open, caplog: pytest.LogCaptureFixture
) -> None:
    @with_iron_session(OPTIONS)
    async def look(request: Request) -> None:
        request.ctx.session["late"] = 1

    async def stream(request: Request) -> None:
        response = await request.respond()
        assert response is not None
        await response.send("part")
        await look(request)

    answer = ask(serve(bare_app(stream)))
    assert (answer.body, answer.cookies) == (b"part", {})
    assert len(lost_changes(caplog)) == 1


def test_a_change_after_the_request_is_logged_as_lost(
    serve: Open, caplog: pytest.LogCaptureFixture
) -> None:
    kept: list[Session] = []

    async def keep(request: Request) -> HTTPResponse:
        kept.append(get_session(request))
        kept[0]["a"] = 1
        return text("done")

    assert written_by(ask(serve(make_app(keep)))) == {"a": 1}
    assert lost_changes(caplog) == []
    kept[0]["late"] = 1
    assert len(lost_changes(caplog)) == 1


def test_a_request_that_came_over_no_connection_can_be_answered() -> None:
    """Tests of an application make such."""
    app = make_app(write)
    request: Any = Request(b"/", sanic.compat.Header(), "1.1", "GET", None, app)  # type: ignore[arg-type]  # as Sanic's server does

    async def call() -> Any:
        return await with_iron_session(OPTIONS)(write)(request)

    assert asyncio.run(call()).body == b"done"
    assert get_session(request) == {"a": 1}


# --- WebSockets ------------------------------------------------------------------------------


def connect(site: Site, cookie: str | None = None) -> Handshake:
    headers = [("Cookie", cookie)] if cookie else []
    return site.connect(Visit(target="/ws", headers=headers))


@pytest.mark.parametrize("installed", [False, True])
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_websocket_reads_the_session_and_its_changes_are_logged_as_lost(
    serve: Open, installed: bool, fails: bool, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The handshake has gone before the handler runs."""

    async def talk(request: Request, websocket: Any) -> None:
        await websocket.send(str(dict(request.ctx.session)))
        request.ctx.session["b"] = 2
        if fails:
            raise LookupError

    def talk_in_a_coroutine(request: Request, websocket: Any) -> Any:
        return talk(request, websocket)

    wrapped: Any = with_iron_session(OPTIONS)(talk if is_async else talk_in_a_coroutine)
    app = new_app()
    app.add_websocket_route(wrapped, "/ws", name="ws")
    if installed:
        setup(app, OTHER, key="other")
    handshake = connect(serve(app), saved({"a": 1}))
    assert handshake.texts == ["{'a': 1}"]
    assert handshake.cookies == {}
    assert len(lost_changes(caplog)) == 1
