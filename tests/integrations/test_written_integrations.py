"""What is special to Falcon, Bottle, Tornado and Pyramid, with the integrations of the page.

The contract is proven for them in tests/contract.
"""

import asyncio
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from wsgiref.validate import validator

import bottle
import falcon
import falcon.asgi
import pytest
from tornado import web
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeadersAlreadySentError,
    IronSessionError,
)
from tests.contract import asgi_driver, tornado_driver, written, wsgi_driver
from tests.contract.door import Answer, Visit
from tests.contract.logs import lost_changes
from tests.helpers.clock import Clock
from tests.sessions.browser import NAME, make_options, saved

with warnings.catch_warnings():
    # Pyramid 2.1 imports pkg_resources, which says at once that it is deprecated.
    warnings.simplefilter("ignore")
    from pyramid.config import Configurator

from pyramid.csrf import get_csrf_token
from pyramid.interfaces import ISession
from pyramid.request import Request
from pyramid.response import Response
from zope.interface.verify import verifyObject  # type: ignore[import-untyped]  # it has no types

COOKIE = saved({"a": 1})


def ask(app: Any, target: str = "/", cookie: str | None = None) -> Answer:
    """Send one request to a WSGI application."""
    headers = [] if cookie is None else [("Cookie", cookie)]
    return wsgi_driver.request(validator(app), Visit(target=target, headers=headers))


def cookie_of(answer: Answer) -> str:
    """Give the Cookie header of a browser that had this answer."""
    return f"{NAME}={answer.cookies[NAME].value}"


# --- Falcon ------------------------------------------------------------------------------------


class Failing:
    """A Falcon resource that changes the session and raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def on_get(self, req: Any, resp: Any) -> NoReturn:
        req.context.session["a"] = 2
        raise self.error


class AsyncFailing(Failing):
    """The same as a coroutine."""

    async def on_get(self, req: Any, resp: Any) -> NoReturn:  # type: ignore[override]  # a coroutine in its place
        req.context.session["a"] = 2
        raise self.error


def falcon_answer(kind: str, error: Exception, prepare: Callable[[Any], object] = id) -> Answer:
    """Ask a Falcon application of a kind whose resource raises."""
    app: Any = falcon.App() if kind == "wsgi" else falcon.asgi.App()
    served = written.load("falcon_session").add_session(app, make_options())
    prepare(app)
    app.add_route("/", Failing(error) if kind == "wsgi" else AsyncFailing(error))
    if kind == "wsgi":
        return ask(served, cookie=COOKIE)
    visit = Visit(target="/", headers=[("Cookie", COOKIE)])
    return asyncio.run(asgi_driver.request(served, visit))


def answer_with(kind: str, status: int) -> Callable[..., Any]:
    """Give an error handler that answers with a status."""

    def handle(req: Any, resp: Any, error: Exception, params: object) -> None:
        resp.status = status

    async def handle_async(req: Any, resp: Any, error: Exception, params: object) -> None:
        resp.status = status

    return handle if kind == "wsgi" else handle_async


BOTH_KINDS = pytest.mark.parametrize("kind", ["wsgi", "asgi"])


@BOTH_KINDS
def test_falcon_commits_what_an_error_handler_of_the_application_answers(kind: str) -> None:
    answer = falcon_answer(
        kind, LookupError(), lambda app: app.add_error_handler(LookupError, answer_with(kind, 409))
    )
    assert (answer.status, list(answer.cookies)) == (409, [NAME])


@BOTH_KINDS
def test_falcon_commits_no_500_that_was_raised_whoever_wrote_its_page(kind: str) -> None:
    def prepare(app: Any) -> None:
        app.add_error_handler(Exception, answer_with(kind, 500))

    for answer in (
        falcon_answer(kind, LookupError()),
        falcon_answer(kind, LookupError(), prepare),
        falcon_answer(kind, falcon.HTTPInternalServerError()),
    ):
        assert (answer.status, answer.cookies) == (500, {})


@BOTH_KINDS
@pytest.mark.parametrize("error", [falcon.HTTPServiceUnavailable(), falcon.HTTPStatus(202)])
def test_falcon_commits_other_statuses_that_were_raised(kind: str, error: Exception) -> None:
    assert list(falcon_answer(kind, error).cookies) == [NAME]


class Unserialisable:
    """A Falcon resource whose answer can't be written as JSON."""

    def on_get(self, req: Any, resp: Any) -> None:
        req.context.session["a"] = 2
        resp.media = object()


class AsyncUnserialisable:
    """The same as a coroutine."""

    async def on_get(self, req: Any, resp: Any) -> None:
        req.context.session["a"] = 2
        resp.media = object()


def test_falcon_commits_nothing_when_the_answer_can_t_be_written() -> None:
    """Falcon finds that out after its middleware has seen the response."""
    add_session = written.load("falcon_session").add_session
    app, async_app = falcon.App(), falcon.asgi.App()
    served = add_session(app, make_options())
    async_served = add_session(async_app, make_options())
    app.add_route("/", Unserialisable())
    async_app.add_route("/", AsyncUnserialisable())
    visit = Visit(target="/", headers=[("Cookie", COOKIE)])
    for answer in (
        ask(served, cookie=COOKIE),
        asyncio.run(asgi_driver.request(async_served, visit)),
    ):
        assert (answer.status, answer.cookies) == (500, {})


# --- Bottle ------------------------------------------------------------------------------------


@pytest.fixture
def bottle_app() -> Any:
    """Give a Bottle application with a session."""
    app = bottle.Bottle()
    written.load("bottle_session").add_session(app, make_options())
    return app


def test_bottle_commits_what_a_generator_does_before_its_first_part(bottle_app: Any) -> None:
    """A handler may be one: Bottle runs it to there before it starts the response."""

    @bottle_app.route("/")  # type: ignore[untyped-decorator]  # Bottle has no types
    def handler() -> Iterator[str]:
        bottle.request.session["a"] = 2
        yield "text"

    answer = ask(bottle_app)
    assert (answer.body, list(answer.cookies)) == (b"text", [NAME])


def test_bottle_s_hooks_and_error_pages_have_the_session_too(bottle_app: Any) -> None:
    @bottle_app.hook("before_request")  # type: ignore[untyped-decorator]  # Bottle has no types
    def count() -> None:
        bottle.request.session["count"] = bottle.request.session.get("count", 0) + 1

    @bottle_app.error(404)  # type: ignore[untyped-decorator]  # Bottle has no types
    def not_found(error: object) -> str:
        return str(bottle.request.session["count"])

    answer = ask(bottle_app, "/nowhere")
    assert (answer.status, answer.body) == (404, b"1")
    assert ask(bottle_app, "/nowhere", cookie_of(answer)).body == b"2"


def test_bottle_without_catchall_raises_the_session_s_error(bottle_app: Any) -> None:
    bottle_app.catchall = False

    @bottle_app.route("/")  # type: ignore[untyped-decorator]  # Bottle has no types
    def handler() -> str:
        bottle.request.session["large"] = "x" * 8000
        return ""

    assert isinstance(ask(bottle_app).failure, CookieTooLargeError)


def test_bottle_has_one_session_for_a_cookie(bottle_app: Any) -> None:
    with pytest.raises(AttributeError, match="Plugin conflict"):
        written.load("bottle_session").add_session(bottle_app, make_options())


def test_of_mounted_bottles_the_outer_one_has_the_session(bottle_app: Any) -> None:
    inner, outer = bottle.Bottle(), bottle.Bottle()
    for app in (inner, bottle_app):
        app.route("/", callback=lambda: json.dumps(dict(bottle.request.session)))
    outer.mount("/within/", bottle_app)
    assert b"Attribute 'session' not defined" in bottle_failure(outer)
    bottle_app.mount("/within/", inner)
    assert ask(bottle_app, "/within/", COOKIE).json == {"a": 1}


def bottle_failure(app: Any) -> bytes:
    """Give what an application answers where the session is only within."""
    app.error(500)(lambda error: str(error.exception))
    return ask(app, "/within/").body


def test_bottle_s_explicit_form_sets_one_cookie_however_often_it_saves() -> None:
    app = bottle.Bottle()
    get_iron_session = written.load("bottle_session").get_iron_session

    @app.route("/")  # type: ignore[untyped-decorator]  # Bottle has no types
    def handler() -> str:
        bottle.response.add_header("Set-Cookie", "theme=dark")
        session = get_iron_session(bottle.response, make_options())
        for number in (2, 3):
            session["a"] = number
            session.save()
        return ""

    answer = ask(app, cookie=COOKIE)
    assert list(answer.cookies) == ["theme", NAME]


def test_bottle_s_explicit_form_refuses_the_app_s_cookie(bottle_app: Any) -> None:
    """Of two sessions in one request, the one could undo the other's logout."""
    get_iron_session = written.load("bottle_session").get_iron_session

    @bottle_app.route("/")  # type: ignore[untyped-decorator]  # Bottle has no types
    def handler() -> str:
        with pytest.raises(ConfigurationError, match="manages the cookie"):
            get_iron_session(bottle.response, make_options())
        return "refused"

    assert ask(bottle_app).body == b"refused"


# --- Tornado -----------------------------------------------------------------------------------


def tornado_answer(
    get: Callable[[Any], Any], *cookies: str, write_error: Callable[..., Any] | None = None
) -> Answer:
    """Ask a Tornado application with this handler."""
    own = {"get": get} if write_error is None else {"get": get, "write_error": write_error}
    handler: Any = type("Handler", (written.load("tornado_session").SessionMixin,), own)
    sessions = {"session": make_options(), "admin": make_options(cookie_name="admin")}
    app = web.Application([("/", handler)], sessions=sessions)
    return asyncio.run(tornado_request(app, cookies))


async def tornado_request(app: web.Application, cookies: tuple[str, ...]) -> Answer:
    """Send one request with as many Cookie fields."""
    headers = HTTPHeaders({"Host": "testserver"})
    for cookie in cookies:
        headers.add("Cookie", cookie)
    connection = tornado_driver.Connection()
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    app(HTTPServerRequest(start_line=line, headers=headers, connection=connection))
    await connection.finished.wait()
    return tornado_driver.answer_of(connection)


def test_tornado_has_a_session_in_a_plain_function() -> None:
    def get(handler: Any) -> None:
        handler.session["a"] = 2
        handler.write(json.dumps(dict(handler.session)))

    answer = tornado_answer(get, COOKIE)
    assert (answer.json, list(answer.cookies)) == ({"a": 2}, [NAME])


def test_tornado_joins_the_cookie_fields_of_a_request() -> None:
    def get(handler: Any) -> None:
        handler.write(dict(handler.session))

    assert tornado_answer(get, "theme=dark", COOKIE).json == {"a": 1}


def test_tornado_s_second_session_is_an_attribute_as_well() -> None:
    def get(handler: Any) -> None:
        handler.admin["b"] = 2

    assert list(tornado_answer(get, COOKIE).cookies) == ["admin"]


def finish(handler: Any) -> NoReturn:
    handler.session["a"] = 2
    raise web.Finish("done")


def send_error(handler: Any) -> None:
    handler.session["a"] = 2
    handler.send_error(409)


@pytest.mark.parametrize(("get", "status"), [(finish, 200), (send_error, 409)])
def test_tornado_commits_what_is_ended_on_purpose(get: Callable[[Any], Any], status: int) -> None:
    answer = tornado_answer(get, COOKIE)
    assert (answer.status, list(answer.cookies)) == (status, [NAME])


def test_tornado_commits_an_accident_not_even_by_way_of_its_error_page() -> None:
    def get(handler: Any) -> None:
        handler.session["a"] = 2
        raise LookupError

    def write_error(handler: Any, status: int, **how: object) -> None:
        handler.session["b"] = 2
        handler.set_status(200)
        handler.finish("sorry")

    answer = tornado_answer(get, COOKIE, write_error=write_error)
    assert (answer.status, answer.body, answer.cookies) == (200, b"sorry", {})
    assert answer.vary == "Cookie"


def test_tornado_logs_that_an_http_error_could_not_carry_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It takes the place of the error that was to be answered."""

    def get(handler: Any) -> NoReturn:
        handler.session["large"] = "x" * 8000
        raise web.HTTPError(404)

    answer = tornado_answer(get)
    assert (answer.status, answer.cookies) == (500, {})
    logged = [one.exc_info[1] for one in caplog.records if one.exc_info]
    assert [type(error) for error in logged] == [CookieTooLargeError]


def test_a_session_that_tornado_s_handler_first_touches_in_a_stream_can_t_be_saved(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def get(handler: Any) -> None:
        handler.write("started ")
        await handler.flush()
        handler.session["a"] = 2
        with pytest.raises(HeadersAlreadySentError):
            handler.session.save()
        handler.admin["b"] = 2
        handler.write("done")

    answer = tornado_answer(get, COOKIE)
    assert (answer.body, answer.cookies) == (b"started done", {})
    (message,) = lost_changes(caplog)
    assert "'admin'" in message


# --- Pyramid -----------------------------------------------------------------------------------


class Shop:
    """A Pyramid application under construction."""

    def __init__(self, **options: Any) -> None:
        self.config = Configurator()
        self.options = make_options(**options)

    def view(self, path: str, view: Callable[[Any], Any]) -> None:
        """Answer a path with what a view gives, as JSON."""
        self.config.add_route(path, path)
        self.config.add_view(view, route_name=path, renderer="json")

    @contextmanager
    def opened(self) -> Iterator[Callable[..., Any]]:
        """Give a browser for it: it sends back the cookie that it has."""
        app = written.load("pyramid_session").make_app(self.config, self.options)
        cookies: list[str] = [COOKIE]

        def send(path: str, **how: Any) -> Any:
            request = Request.blank(path, headers={"Cookie": cookies[-1]}, **how)
            answer = request.get_response(app)
            cookies.extend(value.partition(";")[0] for value in answer.headers.getall("Set-Cookie"))
            return answer

        yield send


def test_pyramid_s_session_is_what_pyramid_asks_for() -> None:
    shop = Shop()
    shop.view("/", lambda request: verifyObject(ISession, request.session))
    with shop.opened() as send:
        assert send("/").json is True


def test_pyramid_s_flash_messages_wait_for_the_next_request() -> None:
    shop = Shop()

    def put(request: Any) -> None:
        request.session.flash("one")
        request.session.flash("one", allow_duplicate=False)
        request.session.flash("two", allow_duplicate=False)
        request.session.flash("other", "queue")

    shop.view("/put", put)
    shop.view("/peek", lambda request: request.session.peek_flash())
    shop.view("/pop", lambda request: request.session.pop_flash())
    shop.view("/queue", lambda request: request.session.pop_flash("queue"))
    with shop.opened() as send:
        assert send("/pop").json == []
        send("/put")
        assert send("/peek").json == ["one", "two"]
        assert send("/pop").json == ["one", "two"]
        assert send("/peek").json == []
        assert send("/queue").json == ["other"]


def test_pyramid_checks_csrf_tokens_against_the_session() -> None:
    shop = Shop()
    shop.config.set_default_csrf_options(require_csrf=True)
    shop.view("/token", get_csrf_token)
    shop.view("/order", lambda request: "ordered")
    with shop.opened() as send:
        token = send("/token").json
        assert send("/token").json == token
        ordered = send("/order", POST={"csrf_token": token})
        assert ordered.json == "ordered"
        assert send("/order", POST={"csrf_token": "another"}).status_code == 400
        assert send("/order", POST={"a": "1"}).status_code == 400


def test_pyramid_s_session_can_be_invalidated_and_begun_anew() -> None:
    shop = Shop()

    def login(request: Any) -> None:
        request.session.invalidate()
        request.session["user"] = 1

    shop.view("/login", login)
    shop.view("/logout", lambda request: request.session.invalidate())
    shop.view("/", lambda request: [request.session.new, dict(request.session)])
    with shop.opened() as send:
        assert send("/").json == [False, {"a": 1}]
        send("/login")
        assert send("/").json == [False, {"user": 1}]
        send("/logout")
        assert send("/").json == [True, {}]


def test_pyramid_writes_a_session_that_is_said_to_have_changed() -> None:
    shop = Shop()
    shop.view("/", lambda request: request.session.changed())
    with shop.opened() as send:
        assert "Set-Cookie" in send("/").headers


def test_pyramid_is_told_when_a_session_was_created(clock: Clock) -> None:
    """Where `max_lifetime` has it written down; else it is the time of the request."""
    shop = Shop(max_lifetime=30 * 24 * 3600)
    shop.view("/", lambda request: [request.session.created, request.session.get("a")])
    with shop.opened() as send:
        began = clock.now // 1000
        send("/")
        clock.advance(1000)
        assert send("/").json == [began, 1]


def test_pyramid_s_created_is_a_time_for_every_session() -> None:
    shop = Shop()
    shop.view("/", lambda request: request.session.created)
    with shop.opened() as send:
        assert isinstance(send("/").json, int)


def test_pyramid_commits_what_an_exception_view_answers() -> None:
    shop = Shop()

    def fail(request: Any) -> NoReturn:
        request.session["a"] = 2
        raise LookupError

    shop.view("/", fail)
    shop.config.add_exception_view(lambda error, request: Response("lost"), context=LookupError)
    with shop.opened() as send:
        answer = send("/")
        assert (answer.text, list(answer.headers).count("Set-Cookie")) == ("lost", 1)


def test_pyramid_raises_the_session_s_error_where_no_view_answers_it() -> None:
    shop = Shop()
    shop.view("/", lambda request: request.session.update(large="x" * 8000))
    with shop.opened() as send, pytest.raises(CookieTooLargeError):
        send("/")


def test_pyramid_s_subrequest_shares_the_session_that_it_is_given() -> None:
    shop = Shop()

    def ask_within(request: Any) -> Any:
        within = Request.blank("/within")
        within.environ["iron_session"] = request.session
        return request.invoke_subrequest(within).json

    shop.view("/", ask_within)
    shop.view("/within", lambda request: request.session.setdefault("b", 2))
    with shop.opened() as send:
        answer = send("/")
        assert answer.json == 2
        assert "Set-Cookie" in answer.headers


# --- all of them -------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [None, "options", {}])
def test_options_that_are_none_are_refused_when_they_are_installed(wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        written.load("falcon_session").add_session(falcon.App(), wrong)
    with pytest.raises(ConfigurationError):
        written.load("bottle_session").add_session(bottle.Bottle(), wrong)
    with pytest.raises(ConfigurationError):
        written.load("pyramid_session").make_app(Configurator(), wrong)


def test_errors_of_the_session_have_one_root() -> None:
    """What the page's integrations let through, and the applications' handlers are for."""
    assert issubclass(CookieTooLargeError, IronSessionError)
