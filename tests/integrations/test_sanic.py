"""Sanic: its error handlers, middlewares and signals, its streams and files, the explicit form."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import sanic
from sanic import Blueprint, HTTPResponse, NotFound, Request, Sanic, SanicException, Websocket
from sanic.compat import Header
from sanic.exceptions import BadRequest, Forbidden, ServiceUnavailable
from sanic.response import BaseHTTPResponse, ResponseStream, file, file_stream, text
from sanic.server.protocols.websocket_protocol import WebSocketProtocol
from websockets.sync.client import connect

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeadersAlreadySentError,
    IronSessionError,
    NotSerializableError,
    Session,
)
from iron_session.integrations.sanic import get_iron_session, get_session, setup
from tests.contract import sanic_driver
from tests.contract.common_app import FILE, WAIT
from tests.contract.door import Answer, Handshake, Site, Visit
from tests.contract.integrations.sanic import new_app
from tests.contract.logs import lost_changes
from tests.contract.visitor import Visitor
from tests.contract.wire_driver import ServedApp, dial
from tests.sessions.browser import NAME, PASSWORD, Failures, make_options, saved

TOO_LARGE = "x" * 8000

App = Sanic[Any, Any]


class Browser(Visitor):
    """A visitor who goes to any path."""

    def get(self, path: str = "/", *more: tuple[str, str]) -> Answer:
        """Send a request with its cookies, and with more headers."""
        return self.receive(self.site.visit(self.visit(path, *more)))

    def visit(self, path: str, *more: tuple[str, str]) -> Visit:
        """Make such a request."""
        headers = [("Cookie", self.header)] if self.cookies else []
        return Visit(target=path, headers=[*headers, *more])

    def open(self, path: str) -> Handshake:
        """Open a WebSocket and read it to its end."""
        handshake = self.site.connect(self.visit(path))
        self.receive(handshake)
        return handshake

    @property
    def session(self) -> Any:
        """What the app of `make_app` shows of the session."""
        return self.get("/session").json


Browse = Callable[..., Browser]


@pytest.fixture(params=[sanic_driver.run, sanic_driver.run_in_process], ids=["server", "asgi"])
def browse(request: pytest.FixtureRequest) -> Iterator[Browse]:
    """Open an app, on Sanic's server and in its ASGI mode, and take a browser to it."""
    with ExitStack() as stack:

        def open_app(app: App, cookie: str | None = None) -> Browser:
            site: Site = stack.enter_context(request.param(app))
            cookies = {} if cookie is None else dict([cookie.split("=", 1)])
            return Browser(site, cookies)

        yield open_app


@pytest.fixture
def browse_server() -> Iterator[Browse]:
    """Open an app on Sanic's server, as it comes, and take a browser to it."""
    with ExitStack() as stack:

        def open_app(app: App) -> Browser:
            return Browser(stack.enter_context(sanic_driver.run(app, WebSocketProtocol)))

        yield open_app


def make_app(handler: Any = None, **options: Any) -> App:
    """Make an app with a session, of one route and one that shows the session."""
    app = new_app()
    setup(app, make_options(**options))
    app.add_route(show, "/session", name="show")
    if handler is not None:
        app.add_route(handler, "/", name="handler")
    return app


async def show(request: Request) -> HTTPResponse:
    """Answer what is in the session."""
    return sanic.json(dict(request.ctx.session))


async def log_in(request: Request) -> HTTPResponse:
    request.ctx.session["user"] = 1
    return text("done")


async def leave_alone(request: Request) -> HTTPResponse:
    return text("done")


async def fill(request: Request) -> HTTPResponse:
    """Put more into the session than a cookie takes."""
    request.ctx.session["large"] = TOO_LARGE
    return text("done")


async def respond(request: Request) -> HTTPResponse:
    """Begin a response, with its type known."""
    response = await request.respond()
    assert isinstance(response, HTTPResponse)
    return response


def raising(error: BaseException) -> Any:
    """Make a handler that logs in and then fails."""

    async def fail(request: Request) -> NoReturn:
        request.ctx.session["user"] = 1
        raise error

    return fail


def answer_400(request: Request, error: Exception) -> HTTPResponse:
    return text(type(error).__name__, status=400)


# --- setup and get_session ---------------------------------------------------------------------


def test_setup_refuses_what_is_no_options() -> None:
    app = new_app()
    before = app.request_class
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        setup(app, {"password": "x"})  # type: ignore[arg-type]  # that is what is tested
    assert app.request_class is before


@pytest.mark.parametrize(
    ("name", "key"), [(NAME, "admin"), (f"{NAME}.0", "admin"), ("other", "session")]
)
def test_setup_twice_for_a_cookie_or_a_key_is_refused_at_once(name: str, key: str) -> None:
    """A chunk's name is the cookie's too."""
    app = make_app()
    with pytest.raises(ConfigurationError, match="installed twice for the cookie") as caught:
        setup(app, make_options(cookie_name=name), key=key)
    assert repr(name) in str(caught.value)
    assert repr(key) in str(caught.value)


def test_a_setup_that_was_refused_leaves_the_first_as_it_was(browse: Browse) -> None:
    app = make_app(log_in)
    with pytest.raises(ConfigurationError):
        setup(app, make_options(cookie_name="other"))
    browser = browse(app)
    assert list(browser.get().cookies) == [NAME]


def test_two_applications_have_sessions_of_their_own(browse: Browse) -> None:
    """In one process, and each in the same request class of Sanic's."""
    first, second = browse(make_app(log_in)), browse(make_app(log_in, cookie_name="other"))
    assert list(first.get().cookies) == [NAME]
    assert list(second.get().cookies) == ["other"]


def test_get_session_gives_the_session_of_its_key(browse: Browse) -> None:
    def compare(request: Request) -> HTTPResponse:
        usual, admin = get_session(request), get_session(request, key="admin")
        assert usual is request.ctx.session
        assert admin is request.ctx.admin
        return sanic.json([usual.options.cookie_name, admin.options.cookie_name])

    app = make_app(compare)
    setup(app, make_options(cookie_name="admin"), key="admin")
    assert browse(app).get().json == [NAME, "admin"]


@pytest.mark.parametrize("has_another", [False, True])
def test_get_session_without_setup_names_the_line_to_add(browse: Browse, has_another: bool) -> None:
    app = new_app()
    if has_another:
        setup(app, make_options())

    async def look(request: Request) -> HTTPResponse:
        with pytest.raises(ConfigurationError, match=r"key 'admin': add setup\(app, options\)"):
            get_session(request, key="admin")
        return text("done")

    app.add_route(look, "/")
    assert browse(app).get().body == b"done"


def test_the_application_s_own_request_class_stays(browse: Browse) -> None:
    class OwnRequest(Request[Any, Any]):
        @staticmethod
        def make_context() -> Any:
            return SimpleNamespace(own="context")

        def greet(self) -> str:
            return "hello"

    async def look(request: Any) -> HTTPResponse:
        assert isinstance(request, OwnRequest)
        assert Request.get_current() is request
        request.ctx.session["a"] = 1
        return sanic.json([request.greet(), request.ctx.own, type(request).__name__])

    app = new_app()
    app.request_class = OwnRequest
    setup(app, make_options())
    app.add_route(look, "/")
    answer = browse(app).get()
    assert answer.json == ["hello", "context", "OwnRequest"]
    assert list(answer.cookies) == [NAME]


def test_a_plain_function_has_a_session_too(browse: Browse) -> None:
    def count(request: Request) -> HTTPResponse:
        request.ctx.session["visits"] = request.ctx.session.get("visits", 0) + 1
        return text(str(request.ctx.session["visits"]))

    browser = browse(make_app(count))
    assert [browser.get().body for _ in range(3)] == [b"1", b"2", b"3"]


def test_a_request_s_cookie_headers_are_all_read(browse: Browse) -> None:
    """HTTP/2 allows several, and proxies hand them on as they are."""
    browser = browse(make_app())
    answer = browser.get("/session", ("Cookie", "theme=dark"), ("cookie", saved({"a": 1})))
    assert answer.json == {"a": 1}


def test_a_look_at_ctx_alone_is_none_at_the_session(browse: Browse) -> None:
    failures = Failures()

    async def use_ctx(request: Request) -> HTTPResponse:
        request.ctx.user = 1
        return text("done")

    answer = browse(make_app(use_ctx, on_unseal_error=failures), f"{NAME}=garbage").get()
    assert (answer.vary, answer.cookies, failures) == (None, {}, [])


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_carries_the_cookie(browse: Browse, status: int) -> None:
    async def log_in_quietly(request: Request) -> HTTPResponse:
        request.ctx.session["user"] = 1
        return sanic.empty(status=status)

    answer = browse(make_app(log_in_quietly)).get()
    assert (answer.status, list(answer.cookies)) == (status, [NAME])


# --- ctx.session replaced ------------------------------------------------------------------------


def test_a_dict_in_the_session_s_place_becomes_its_data(browse: Browse) -> None:
    async def replace(request: Request) -> HTTPResponse:
        request.ctx.session = {"b": 2}
        return text("done")

    browser = browse(make_app(replace), saved({"a": 1}))
    assert list(browser.get().cookies) == [NAME]
    assert browser.session == {"b": 2}


def test_a_dict_that_json_can_t_carry_is_answered_by_the_handler(browse: Browse) -> None:
    """Which has the session as it was before, and the browser keeps its cookie."""
    seen: list[object] = []

    async def replace(request: Request) -> HTTPResponse:
        request.ctx.session = {"when": datetime(2024, 2, 29)}
        return text("done")

    def name(request: Request, error: NotSerializableError) -> HTTPResponse:
        seen.append(dict(request.ctx.session))
        return text(error.path, status=400)

    app = make_app(replace)
    app.exception(NotSerializableError)(name)
    browser = browse(app, saved({"a": 1}))
    answer = browser.get()
    assert (answer.status, answer.body, seen) == (400, b'session["when"]', [{"a": 1}])
    assert browser.session == {"a": 1}


def test_a_dict_in_the_session_s_place_does_not_hide_why_a_request_failed(browse: Browse) -> None:
    async def replace_and_crash(request: Request) -> NoReturn:
        request.ctx.session = {"when": datetime(2024, 2, 29)}
        raise RuntimeError("crash")

    app = make_app(replace_and_crash)
    app.exception(IronSessionError)(answer_400)
    answer = browse(app).get()
    assert (answer.status, answer.cookies) == (500, {})
    assert isinstance(answer.failure, RuntimeError)


# --- exceptions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Forbidden("no"), NotFound("no"), SanicException("no", 409)])
def test_an_http_error_that_was_raised_commits(browse: Browse, error: SanicException) -> None:
    browser = browse(make_app(raising(error)))
    assert browser.get().status == error.status_code
    assert browser.session == {"user": 1}


@pytest.mark.parametrize(
    "error", [RuntimeError("crash"), SanicException("crash"), ServiceUnavailable("later")]
)
def test_a_server_error_that_nobody_handles_commits_nothing(
    browse: Browse, error: Exception
) -> None:
    """Sanic raises such itself: for a handler that took too long, or answered nothing."""
    browser = browse(make_app(raising(error)), saved({"a": 1}))
    answer = browser.get()
    assert (answer.status, answer.cookies) == (getattr(error, "status_code", 500), {})
    assert answer.vary == "Cookie"
    assert browser.session == {"a": 1}


def test_a_handler_that_answers_nothing_commits_nothing(browse: Browse) -> None:
    async def say_nothing(request: Request) -> None:
        request.ctx.session["user"] = 1

    answer = browse(make_app(say_nothing)).get()
    assert (answer.status, answer.cookies) == (500, {})


@pytest.mark.parametrize("kind", [LookupError, KeyError, Exception])
@pytest.mark.parametrize("error", [KeyError("key"), ServiceUnavailable("later")])
def test_an_exception_that_the_application_handles_commits(
    browse: Browse, error: Exception, kind: type[Exception]
) -> None:
    """Whichever class the handler is registered for, and whatever its answer's status."""
    app = make_app(raising(error))
    app.exception(kind)(lambda request, error: text("handled", status=502))
    browser = browse(app)
    handled = isinstance(error, kind)
    assert browser.get().status == (502 if handled else 503)
    assert browser.session == ({"user": 1} if handled else {})


def test_a_blueprint_s_handler_is_for_its_own_routes(browse: Browse) -> None:
    blueprint = Blueprint("part", url_prefix="/part")
    blueprint.add_route(raising(KeyError("key")), "/", name="fail")
    blueprint.exception(KeyError)(answer_400)
    app = make_app(raising(KeyError("key")))
    app.blueprint(blueprint)
    browser = browse(app)
    assert (browser.get().status, browser.session) == (500, {})
    assert (browser.get("/part/").status, browser.session) == (400, {"user": 1})


@pytest.mark.parametrize("is_async", [False, True])
def test_an_error_handler_s_own_changes_are_written(browse: Browse, is_async: bool) -> None:
    """And it may save by hand, though the response before had its headers already."""

    def flash(request: Request, error: Exception) -> HTTPResponse:
        request.ctx.session["flash"] = "sorry"
        request.ctx.session.save()
        return text("sorry", status=400)

    async def flash_async(request: Request, error: Exception) -> HTTPResponse:
        return flash(request, error)

    app = make_app(raising(KeyError("key")))
    app.exception(KeyError)(flash_async if is_async else flash)
    browser = browse(app)
    assert list(browser.get().cookies) == [NAME]
    assert browser.session == {"user": 1, "flash": "sorry"}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_an_exception_handler_that_fails_itself_commits_nothing(
    browse: Browse, is_async: bool, times: int
) -> None:
    """Sanic answers 500 for it, and the next time as well."""

    def fail(request: Request, error: Exception) -> NoReturn:
        request.ctx.session["flash"] = "sorry"
        raise KeyError("the handler is broken")

    async def fail_async(request: Request, error: Exception) -> NoReturn:
        fail(request, error)

    app = make_app(raising(LookupError("crash")))
    app.exception(LookupError)(fail_async if is_async else fail)
    browser = browse(app, saved({"a": 1}))
    for _ in range(times):
        answer = browser.get()
        assert (answer.status, answer.cookies) == (500, {})
        assert answer.body == b"An error occurred while handling an error"
    assert browser.session == {"a": 1}


def test_an_exception_handler_that_only_looks_on_commits_nothing(browse: Browse) -> None:
    """It leaves the answer to Sanic."""
    app = make_app(raising(RuntimeError("crash")))
    app.exception(RuntimeError)(lambda request, error: None)
    browser = browse(app)
    assert (browser.get().status, browser.session) == (500, {})


def test_an_exception_handler_that_raises_a_client_error_commits(browse: Browse) -> None:
    """As a handler of a request does that raises one."""

    async def refuse(request: Request, error: Exception) -> NoReturn:
        raise Forbidden("no")

    app = make_app(raising(RuntimeError("crash")))
    app.exception(RuntimeError)(refuse)
    browser = browse(app)
    assert (browser.get().status, browser.session) == (403, {"user": 1})


def test_an_exception_handler_may_stream_its_answer(browse: Browse) -> None:
    async def stream(request: Request, error: Exception) -> None:
        response = await request.respond(status=503)
        assert response is not None
        await response.send("later")

    app = make_app(raising(RuntimeError("crash")))
    app.exception(RuntimeError)(stream)
    browser = browse(app)
    answer = browser.get()
    assert (answer.status, answer.body) == (503, b"later")
    assert browser.session == {"user": 1}


def test_an_application_without_a_session_may_share_the_exception_handlers() -> None:
    app, other = make_app(), new_app()
    app.exception(NotFound)(answer_400)
    other.error_handler = app.error_handler
    other.add_route(leave_alone, "/")
    with sanic_driver.run_in_process(app) as site:
        assert Browser(site).get("/nowhere").status == 400
    with sanic_driver.run_in_process(other) as site:
        assert Browser(site).get("/nowhere").status == 400


def test_the_answer_to_an_unknown_path_commits_too(browse: Browse) -> None:
    app = make_app()

    @app.on_request
    async def count(request: Request) -> None:
        request.ctx.session["visits"] = request.ctx.session.get("visits", 0) + 1

    browser = browse(app)
    assert browser.get("/nowhere").status == 404
    assert browser.session == {"visits": 2}


def test_a_request_that_can_t_be_read_is_answered_all_the_same(browse_server: Browse) -> None:
    """Sanic makes up a request for its error handlers then: one with an empty session."""
    app = make_app()
    app.exception(BadRequest)(lambda request, error: text(f"{dict(request.ctx.session)}"))
    browser = browse_server(app)
    assert isinstance(browser.site, sanic_driver.RunningApp)
    assert browser.site.server is not None
    with dial(browser.site.server.address) as connection:
        connection.sendall(b"GET / HTTP/9\r\n\r\n")
        assert connection.makefile("rb").read().endswith(b"\r\n\r\n{}")


def test_a_session_that_is_too_big_without_a_handler_is_a_500(browse: Browse) -> None:
    browser = browse(make_app(fill), saved({"a": 1}))
    answer = browser.get()
    assert (answer.status, answer.cookies) == (500, {})
    assert isinstance(answer.failure, CookieTooLargeError)
    assert browser.session == {"a": 1}


def test_of_two_sessions_the_one_that_fits_is_written(browse: Browse) -> None:
    async def change_both(request: Request) -> HTTPResponse:
        request.ctx.session["user"] = 1
        request.ctx.admin["large"] = TOO_LARGE
        return text("done")

    app = make_app(change_both)
    setup(app, make_options(cookie_name="admin"), key="admin")
    app.exception(CookieTooLargeError)(answer_400)
    answer = browse(app).get()
    assert (answer.status, answer.body) == (400, b"CookieTooLargeError")
    assert list(answer.cookies) == [NAME]


# --- a response that is kept and sent again ------------------------------------------------------


@pytest.mark.parametrize("make", [text, sanic.json])
@pytest.mark.parametrize("is_read", [False, True])
def test_a_response_that_is_sent_again_has_nothing_of_the_request_before(
    browse: Browse, make: Callable[..., HTTPResponse], is_read: bool
) -> None:
    """Whether the next visitor's session is looked at or not."""
    shared = make("shared", headers={"Vary": "Accept"})

    async def answer(request: Request) -> HTTPResponse:
        if "user" in request.args:
            request.ctx.session["user"] = 1
        elif is_read:
            assert "user" not in request.ctx.session
        return shared

    browser = browse(make_app(answer))
    first = browser.get("/?user=1")
    assert (first.vary, first.cache_control) == ("Accept, Cookie", "no-store")
    second = Browser(browser.site).get()
    assert (second.status, second.body, second.cookies) == (200, first.body, {})
    assert second.vary == ("Accept, Cookie" if is_read else "Accept")
    assert second.cache_control is None
    assert browser.session == {"user": 1}


# --- middlewares and signals ---------------------------------------------------------------------


def test_a_middleware_that_answers_a_request_has_a_session(browse: Browse) -> None:
    """Whatever its priority: the session is there before all of them."""
    app = make_app(leave_alone)

    @app.on_request(priority=sys.maxsize)  # type: ignore[untyped-decorator, call-arg]  # Sanic types it so
    async def redirect(request: Request) -> HTTPResponse | None:
        if request.path == "/session":
            return None
        request.ctx.session["next"] = request.path
        return sanic.redirect("/login")

    browser = browse(app)
    assert browser.get().status == 302
    assert browser.session == {"next": "/"}


@pytest.mark.parametrize("priority", [0, -sys.maxsize, sys.maxsize])
def test_a_middleware_that_replaces_the_response_keeps_the_session(
    browse: Browse, priority: int
) -> None:
    """Sanic calls no other middleware after such a one."""
    app = make_app(log_in)

    @app.on_response(priority=priority)  # type: ignore[no-untyped-call, untyped-decorator]  # Sanic types it so
    async def replace(request: Request, response: BaseHTTPResponse) -> HTTPResponse | None:
        return text("another") if request.path == "/" else None

    browser = browse(app)
    answer = browser.get()
    assert (answer.body, list(answer.cookies)) == (b"another", [NAME])
    assert browser.session == {"user": 1}


def test_what_a_middleware_changes_of_the_session_is_written(browse: Browse) -> None:
    """In the last of the response's middlewares, and in the last signal before it goes."""
    app = make_app(leave_alone)

    @app.on_response(priority=sys.maxsize)  # type: ignore[no-untyped-call, untyped-decorator]  # Sanic types it so
    async def last(request: Request, response: BaseHTTPResponse) -> None:
        if request.path == "/":
            request.ctx.session["middleware"] = 1

    @app.signal("http.lifecycle.response")
    async def very_last(request: Request, response: BaseHTTPResponse) -> None:
        if request.path == "/":
            request.ctx.session["signal"] = 1

    browser = browse(app)
    browser.get()
    assert browser.session == {"middleware": 1, "signal": 1}


def test_a_session_is_there_from_the_first_signal_on(browse: Browse) -> None:
    """And may be saved by hand there, though no connection is in sight yet."""
    app = make_app(leave_alone)

    @app.signal("http.lifecycle.request")
    async def count(request: Request) -> None:
        request.ctx.session["signals"] = 1
        request.ctx.session.save()

    assert list(browse(app).get().cookies) == [NAME]


def test_a_request_that_came_over_no_connection_can_be_answered() -> None:
    """Tests of an application make such."""
    app = make_app()
    request = app.request_class(b"/", Header(), "1.1", "GET", None, app)  # type: ignore[arg-type]  # as Sanic's server does
    app.router.finalize()

    async def respond_to_it() -> object:
        return await request.respond(text("done"))

    response = asyncio.run(respond_to_it())
    assert isinstance(response, HTTPResponse)
    assert response.stream is None


def test_a_middleware_that_fails_costs_no_session(browse: Browse) -> None:
    """Sanic logs what a response's middleware raises, and sends the response."""
    app = make_app(log_in)

    @app.on_response  # type: ignore[untyped-decorator]  # Sanic types it so
    async def fail(request: Request, response: BaseHTTPResponse) -> None:
        raise RuntimeError("the middleware is broken")

    browser = browse(app)
    assert list(browser.get().cookies) == [NAME]


@pytest.mark.parametrize("is_handled", [False, True])
def test_a_response_that_could_not_be_sent_is_replaced_by_the_error_s(
    browse: Browse, is_handled: bool
) -> None:
    """An answer to an error has no middlewares, and the session all the same."""

    async def break_it(request: Request) -> HTTPResponse:
        request.ctx.session["user"] = 1
        # Sanic's server refuses the status, and its ASGI mode the header.
        return text("done", status=100, headers={"Ü": "1"})

    def save_and_answer(request: Request, error: Exception) -> HTTPResponse:
        request.ctx.session["flash"] = "sorry"
        request.ctx.session.save()
        return text("sorry", status=400)

    app = make_app(break_it)
    if is_handled:
        app.exception(RuntimeError, UnicodeError)(save_and_answer)
    browser = browse(app)
    assert browser.get().status == (400 if is_handled else 500)
    assert browser.session == ({"user": 1, "flash": "sorry"} if is_handled else {})


def test_a_response_that_could_not_be_sent_has_no_session_that_was_left_alone(
    browse: Browse,
) -> None:
    async def break_it(request: Request) -> HTTPResponse:
        return text("done", status=100, headers={"Ü": "1"})

    answer = browse(make_app(break_it)).get()
    assert (answer.status, answer.cookies, answer.vary) == (500, {}, None)


# --- streams and files ---------------------------------------------------------------------------


def test_a_change_before_the_first_part_of_a_stream_is_written(browse: Browse) -> None:
    """`respond()` begins the response, its headers go with the first part."""

    async def stream(request: Request) -> None:
        response = await respond(request)
        request.ctx.session["user"] = 1
        request.ctx.session.save()
        await response.send("part")

    browser = browse(make_app(stream))
    answer = browser.get()
    assert (answer.body, list(answer.cookies)) == (b"part", [NAME])
    assert browser.session == {"user": 1}


def test_a_stream_without_parts_carries_the_cookie(browse: Browse) -> None:
    async def stream(request: Request) -> None:
        await request.respond()
        request.ctx.session["user"] = 1

    browser = browse(make_app(stream))
    assert list(browser.get().cookies) == [NAME]


def test_a_streaming_handler_can_answer_itself_that_the_session_is_too_big(browse: Browse) -> None:
    async def stream(request: Request) -> None:
        request.ctx.session["large"] = TOO_LARGE
        response = await respond(request)
        with pytest.raises(CookieTooLargeError):
            await response.send("part")
        request.ctx.session["large"] = "small"
        await response.send("part")

    browser = browse(make_app(stream))
    assert browser.get().body == b"part"
    assert browser.session == {"large": "small"}


@pytest.mark.parametrize("is_handled", [False, True])
def test_an_exception_before_the_first_part_of_a_stream(browse: Browse, is_handled: bool) -> None:
    """It is answered as any other: no byte has gone yet."""

    async def stream(request: Request) -> NoReturn:
        request.ctx.session["user"] = 1
        await request.respond()
        raise KeyError("key")

    app = make_app(stream)
    if is_handled:
        app.exception(KeyError)(answer_400)
    browser = browse(app)
    assert browser.get().status == (400 if is_handled else 500)
    assert browser.session == ({"user": 1} if is_handled else {})


def test_what_was_changed_in_a_stream_that_broke_is_logged_as_lost(
    browse_server: Browse, caplog: pytest.LogCaptureFixture
) -> None:
    async def stream(request: Request) -> NoReturn:
        response = await respond(request)
        await response.send("part")
        request.ctx.session["user"] = 1
        raise KeyError("key")

    browser = browse_server(make_app(stream))
    assert browser.get().body == b"part"
    assert len(lost_changes(caplog)) == 1


@pytest.mark.parametrize("late", [dict, Session.save])
def test_a_session_that_is_first_looked_at_in_a_stream_takes_no_change(
    browse: Browse, caplog: pytest.LogCaptureFixture, late: Callable[[Session], object]
) -> None:
    """It is read as any other."""

    async def stream(request: Request) -> None:
        response = await respond(request)
        await response.send("part ")
        session = request.ctx.session
        try:
            session["b"] = 2
            late(session)
        except HeadersAlreadySentError as error:
            await response.send(f"{type(error).__name__} ")
        await response.send(str(dict(session)))
        await response.send("", end_stream=True)  # as Sanic does once more after the handler

    browser = browse(make_app(stream), saved({"a": 1}))
    answer = browser.get()
    told = "HeadersAlreadySentError " if late is Session.save else ""
    assert answer.body.decode() == f"part {told}{{'a': 1, 'b': 2}}"
    assert len(lost_changes(caplog)) == (0 if told else 1)
    assert browser.session == {"a": 1}


def test_a_session_that_is_first_looked_at_after_its_request_takes_no_change(
    browse: Browse, caplog: pytest.LogCaptureFixture
) -> None:
    """As by a task that goes on in the background."""
    kept: list[Request] = []

    async def keep(request: Request) -> HTTPResponse:
        kept.append(request)
        return text("done")

    browser = browse(make_app(keep), saved({"a": 1}))
    assert browser.get().status == 200
    session = kept[0].ctx.session
    assert session == {"a": 1}
    session["b"] = 2
    assert len(lost_changes(caplog)) == 1
    with pytest.raises(HeadersAlreadySentError):
        session.save()


async def send_file(request: Request) -> HTTPResponse:
    request.ctx.session["user"] = 1
    return await file(FILE, request_headers=request.headers)


def test_a_file_in_one_piece_carries_the_cookie(browse: Browse) -> None:
    """What Sanic says of caching it is respected."""
    answer = browse(make_app(send_file)).get()
    assert answer.body == FILE.read_bytes()
    assert list(answer.cookies) == [NAME]
    assert (answer.vary, answer.cache_control) == ("Cookie", "private, no-cache")


def test_a_file_in_parts_carries_the_cookie(browse: Browse) -> None:
    async def send_in_parts(request: Request) -> ResponseStream:
        request.ctx.session["user"] = 1
        return await file_stream(FILE, chunk_size=100)

    answer = browse(make_app(send_in_parts)).get()
    assert answer.body == FILE.read_bytes()
    assert list(answer.cookies) == [NAME]
    assert (answer.vary, answer.cache_control) == ("Cookie", "no-store")


def test_a_file_that_has_not_changed_carries_the_cookie(browse: Browse) -> None:
    later = "Thu, 31 Dec 2099 23:59:59 GMT"
    answer = browse(make_app(send_file)).get("/", ("If-Modified-Since", later))
    assert (answer.status, answer.body) == (304, b"")
    assert list(answer.cookies) == [NAME]


# --- cookies of the application ------------------------------------------------------------------


def test_the_application_s_cookies_stay_and_one_of_the_session_s_name_is_replaced(
    browse: Browse,
) -> None:
    async def set_cookies(request: Request) -> HTTPResponse:
        request.ctx.session["user"] = 1
        response = text("done")
        response.add_cookie("theme", "dark")
        response.add_cookie(NAME, "another")
        response.delete_cookie("old")
        return response

    browser = browse(make_app(set_cookies))
    answer = browser.get()
    assert list(answer.cookies) == ["theme", "old", NAME]
    assert browser.session == {"user": 1}


def test_the_application_s_cookies_can_be_worked_with_beside_a_session_by_hand(
    browse: Browse,
) -> None:
    """`response.cookies` takes all that stands in Set-Cookie for cookies of its own."""

    async def by_hand(request: Request) -> HTTPResponse:
        response = text("done")
        response.add_cookie("theme", "dark")
        response.add_cookie(NAME, "another")
        session = get_iron_session(request, response, make_options())
        session["user"] = 1
        session.save()
        assert response.cookies.has_cookie("theme")
        assert not response.cookies.has_cookie(NAME)
        response.delete_cookie("theme")
        response.delete_cookie("old")
        session.save()
        return response

    app = new_app()
    app.add_route(by_hand, "/")
    answer = browse(app).get()
    assert list(answer.cookies) == ["theme", "old", NAME]
    assert answer.cookies["theme"].max_age == 0
    assert answer.cookies[NAME].value.startswith("Fe26.2*")


# --- the explicit form ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [NAME, f"{NAME}.3"])
def test_the_explicit_form_refuses_a_cookie_that_setup_serves(browse: Browse, name: str) -> None:
    async def by_hand(request: Request) -> HTTPResponse:
        response = text("done")
        with pytest.raises(ConfigurationError, match="manages the cookie"):
            get_iron_session(request, response, make_options(cookie_name=name))
        return response

    assert browse(make_app(by_hand)).get().body == b"done"


def test_the_explicit_form_refuses_what_is_no_options(browse: Browse) -> None:
    async def by_hand(request: Request) -> HTTPResponse:
        response = text("done")
        with pytest.raises(ConfigurationError, match="SessionOptions"):
            get_iron_session(request, response, "options")  # type: ignore[arg-type]  # wrong on purpose
        return response

    app = new_app()
    app.add_route(by_hand, "/")
    assert browse(app).get().body == b"done"


def test_the_explicit_form_writes_into_a_stream_until_its_first_part(browse: Browse) -> None:
    async def by_hand(request: Request) -> None:
        response = await respond(request)
        session = get_iron_session(request, response, make_options())
        session["user"] = 1
        session.save()
        await response.send("part")
        with pytest.raises(HeadersAlreadySentError):
            session.save()

    app = new_app()
    app.add_route(by_hand, "/")
    answer = browse(app).get()
    assert (answer.body, list(answer.cookies)) == (b"part", [NAME])


def test_the_explicit_form_reads_all_of_a_request_s_cookie_headers(browse: Browse) -> None:
    async def by_hand(request: Request) -> HTTPResponse:
        response = sanic.json(None)
        response.set_body(dict(get_iron_session(request, response, make_options())))
        return response

    app = new_app()
    app.add_route(by_hand, "/")
    answer = browse(app).get("/", ("Cookie", "theme=dark"), ("cookie", saved({"a": 1})))
    assert answer.json == {"a": 1}


# --- WebSockets ----------------------------------------------------------------------------------


def make_websocket_app(handler: Any) -> App:
    """Make an app of one WebSocket, and one route that shows the session."""
    app = make_app()
    app.add_websocket_route(handler, "/ws", name="ws")
    return app


async def say_hello(request: Request, websocket: Websocket) -> None:
    await websocket.send("hello")


@pytest.mark.parametrize("how", ["update", "save", "destroy"])
def test_what_a_middleware_writes_before_a_handshake_is_logged_as_lost(
    browse: Browse, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """It did not come too late: Sanic's handshake has no room for it."""
    app = make_websocket_app(say_hello)

    @app.on_request
    async def change(request: Request) -> None:
        if request.path == "/ws":
            request.ctx.session["b"] = 2
            if how != "update":
                getattr(request.ctx.session, how)()

    browser = browse(app, saved({"a": 1}))
    handshake = browser.open("/ws")
    assert (handshake.texts, handshake.cookies) == (["hello"], {})
    (message,) = lost_changes(caplog)
    assert repr(NAME) in message
    assert "Sanic sends handshakes without cookies" in message
    assert browser.session == {"a": 1}


def test_a_websocket_that_the_client_closes_has_its_late_change_logged_too(
    browse_server: Browse, caplog: pytest.LogCaptureFixture
) -> None:
    """Sanic cancels its handler."""

    async def listen(request: Request, websocket: Websocket) -> None:
        while message := await websocket.recv():
            request.ctx.session["last"] = message
            await websocket.send("heard")

    browser = browse_server(make_websocket_app(listen))
    assert isinstance(browser.site, sanic_driver.RunningApp)
    server = browser.site.server
    assert server is not None
    with connect(f"ws://{server.address}/ws", sock=dial(server.address)) as websocket:
        websocket.send("tea")
        assert websocket.recv(WAIT) == "heard"
    server.settle()
    assert len(lost_changes(caplog)) == 1


def test_a_websocket_whose_handler_fails_has_its_late_change_logged_too(
    browse: Browse, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: Request, websocket: Websocket) -> NoReturn:
        request.ctx.session["a"] = 1
        raise KeyError("key")

    assert browse(make_websocket_app(fail)).open("/ws").accepted
    assert len(lost_changes(caplog)) == 1


def test_a_websocket_that_is_left_alone_has_nothing_logged(
    browse: Browse, caplog: pytest.LogCaptureFixture
) -> None:
    assert browse(make_websocket_app(say_hello), saved({"a": 1})).open("/ws").texts == ["hello"]
    assert lost_changes(caplog) == []


def test_a_middleware_that_refuses_a_websocket_carries_the_cookie(browse_server: Browse) -> None:
    """On Sanic's own server: in ASGI mode it sends an answer that servers don't take."""
    app = make_websocket_app(say_hello)

    @app.on_request
    async def refuse(request: Request) -> None:
        if request.path == "/ws":
            request.ctx.session["refused"] = True
            raise Forbidden("no")

    browser = browse_server(app)
    handshake = browser.open("/ws")
    assert (handshake.accepted, handshake.status) == (False, 403)
    assert browser.session == {"refused": True}


# --- Sanic's server ------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [4500, 8000])
def test_sanic_s_server_takes_as_many_chunks_as_a_session_may_have(
    browse_server: Browse, length: int
) -> None:
    """Of four it would answer 413 to every request, a logout too, until the cookies expire."""
    browser = browse_server(make_app(log_in, chunk=True))
    browser.cookies = dict(
        pair.split("=") for pair in saved({"a": "x" * length}, chunk=True).split("; ")
    )
    assert browser.get("/session").status == 200


def test_a_session_that_sanic_s_server_would_not_take_back_is_refused(
    browse_server: Browse,
) -> None:
    async def grow(request: Request) -> Any:
        request.ctx.session["a"] = "x" * int(request.args["length"][0])
        return text("")

    browser = browse_server(make_app(grow, chunk=True))
    assert browser.get("/?length=8000").status == 200
    assert len(browser.cookies) == 3
    assert browser.get("/?length=10000").status == 500
    assert len(browser.cookies) == 3


@pytest.mark.parametrize(
    ("limit", "sessions", "most"),
    [
        (8192, [True], None),
        (8192, [False, False], 4),
        (16384, [True], 3),
        (100_000, [True], 3),
        (12_288, [True], 2),
        (16384, [True, False], 2),
        (16384, [True, False, False], None),
        (16384, [True, True], None),
    ],
)
def test_chunks_beyond_sanic_s_ceiling_are_refused_at_set_up(
    limit: int, sessions: list[bool], most: int | None
) -> None:
    app = new_app()
    app.config.REQUEST_MAX_HEADER_SIZE = limit

    def set_up() -> None:
        for number, chunk in enumerate(sessions):
            options = make_options(
                cookie_name=f"s{number}", chunk=chunk, password=f"{number}{PASSWORD}"
            )
            setup(app, options, key=f"s{number}")

    if most is None:
        with pytest.raises(ConfigurationError, match="REQUEST_MAX_HEADER_SIZE = 16384"):
            set_up()
    else:
        set_up()
        kind: Any = app.request_class
        assert kind.session_type.most_chunks == most


PROGRAM = """
import socket
from sanic import Sanic, text
from iron_session.integrations.sanic import setup
from tests.sessions.browser import make_options

app = Sanic("myapp")
setup(app, make_options())

@app.get("/<action:str>")
async def act(request, action):
    request.ctx.session["visits"] = request.ctx.session.get("visits", 0) + 1
    if action == "crash":
        raise RuntimeError
    return text(str(request.ctx.session["visits"]))

if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    app.run(sock=listener, single_process=True, motd=False)
"""


def test_the_session_works_as_sanic_runs_in_production(tmp_path: Path) -> None:
    """It rewrites its own classes then, and leaves out all that it takes for unused."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, process.communicate(timeout=WAIT)[1]
        browser = Browser(ServedApp(f"127.0.0.1:{port}"))
        try:
            answers = [browser.get(path) for path in ("/count", "/crash", "/count")]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=WAIT)
    assert [answer.status for answer in answers] == [200, 500, 200]
    assert [list(answer.cookies) for answer in answers] == [[NAME], [], [NAME]]
    assert answers[2].body == b"2"
