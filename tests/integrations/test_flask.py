"""Flask: its settings, its error handlers, `permanent`, its test client, the explicit form."""

import gc
import weakref
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    copy_current_request_context,
    got_request_exception,
    make_response,
    request,
    send_file,
    session,
    stream_with_context,
)
from flask.sessions import SecureCookieSession
from flask.testing import FlaskClient
from werkzeug.exceptions import InternalServerError
from werkzeug.wrappers import Response as WerkzeugResponse

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeadersAlreadySentError,
    IronSessionError,
    Session,
    SessionOptions,
)
from iron_session.integrations import wsgi
from iron_session.integrations.flask import (
    FlaskSession,
    IronSessionInterface,
    get_iron_session,
    get_session,
)
from tests.contract import wsgi_driver
from tests.contract.door import Visit
from tests.contract.logs import lost_changes
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    NAME,
    TTL,
    ReceivedCookie,
    expiration_of,
    make_options,
    saved,
)

OPTIONS = make_options()
ADMIN = make_options(cookie_name="admin")
TOO_LARGE = "x" * 8000
DAY = 24 * 3600
MONTH = 31 * DAY
"""Flask's default for PERMANENT_SESSION_LIFETIME, in seconds."""

View = Callable[[], Any]


class CrashError(Exception):
    """What a view raises that goes wrong."""


def make_app(view: View, options: SessionOptions = OPTIONS, **settings: Any) -> Flask:
    """Make an app of one view on /, and one that shows the session."""
    app = Flask(__name__)
    app.config.update(settings)
    app.session_interface = IronSessionInterface(options)
    app.add_url_rule("/", "index", view)
    app.add_url_rule("/session", view_func=show)
    return app


def show() -> dict[str, Any]:
    """Answer what is in the session."""
    return dict(session)


def fill() -> str:
    """Put more into the session than a cookie takes."""
    session["large"] = TOO_LARGE
    return "done"


def log_in() -> str:
    """Write a little."""
    session["user"] = 1
    return "hello"


def look() -> str:
    """Only look."""
    return str(session.get("user"))


def crash() -> str:
    """Write, and fail."""
    session["user"] = 2
    raise CrashError


def leave_alone() -> str:
    """Have nothing to do with the session."""
    return "hello"


def browser(app: Flask, cookie: str | None = None) -> FlaskClient:
    """Make a client, of a browser that has this cookie."""
    client = app.test_client()
    if cookie is not None:
        name, _, value = cookie.partition("=")
        client.set_cookie(name, value)
    return client


def received(response: WerkzeugResponse) -> dict[str, ReceivedCookie]:
    """Read the cookies that a response sets."""
    cookies = [ReceivedCookie.parse(value) for value in response.headers.getlist("Set-Cookie")]
    assert len({cookie.name for cookie in cookies}) == len(cookies)
    return {cookie.name: cookie for cookie in cookies}


# --- flask.session ---------------------------------------------------------------------------


def test_get_session_gives_flask_s_own_session() -> None:
    def view() -> list[bool]:
        found = get_session()
        return [found is session._get_current_object(), isinstance(found, Session)]  # type: ignore[attr-defined]  # Werkzeug types the proxy as what it stands for

    assert browser(make_app(view)).get("/").json == [True, True]


def test_it_tells_what_flask_and_extensions_ask_of_a_session() -> None:
    def view() -> list[Any]:
        before = [session.new, session.modified, session.permanent]
        session["a"] = 1
        return [*before, session.modified, session.accessed]

    assert browser(make_app(view)).get("/").json == [True, False, False, True, True]
    there = browser(make_app(view), saved({"a": 1})).get("/")
    assert there.json == [False, False, False, False, True]


def test_a_session_that_was_marked_as_modified_is_written_again() -> None:
    """Extensions do so for sessions that see no change inside nested values."""

    def view() -> str:
        session.modified = True
        return ""

    assert list(received(browser(make_app(view), saved({"a": 1})).get("/"))) == [NAME]


def test_nothing_of_a_request_waits_for_the_garbage_collector() -> None:
    """The session, and with it what the visitor has in it, goes with the request."""
    sessions: list[weakref.ref[Session]] = []

    def view() -> str:
        session["user"] = 1
        sessions.append(weakref.ref(get_session()))
        return ""

    client = browser(make_app(view))
    client.get("/").close()  # Flask makes some things at its first request
    gc.collect()
    gc.disable()
    try:
        client.get("/").close()
        assert sessions[1]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("data", [{"user": 1, "name": "Grüße"}, {}])
def test_a_view_may_return_the_session_as_any_dict(data: dict[str, Any], status: int) -> None:
    def view() -> Any:
        return session if status == 200 else (session, status)

    app = make_app(view)
    client = browser(app, saved(data))
    response, expected = client.get("/"), client.get("/session")
    assert (response.status_code, response.json) == (status, data)
    assert (response.data, response.mimetype) == (expected.data, expected.mimetype)
    assert response.content_length == len(expected.data)
    assert (response.headers["Vary"], received(response)) == ("Cookie", {})


def test_a_session_that_is_returned_is_written_too() -> None:
    def view() -> Any:
        session["user"] = 1
        return session

    client = browser(make_app(view))
    response = client.get("/")
    assert (response.json, list(received(response))) == ({"user": 1}, [NAME])


# --- installing ------------------------------------------------------------------------------


def test_the_key_of_flask_s_own_session_is_taken() -> None:
    with pytest.raises(ConfigurationError, match="'session'"):
        IronSessionInterface(OPTIONS, session=ADMIN)


def test_a_second_session_has_a_key() -> None:
    def view() -> dict[str, Any]:
        admin = get_session(key="admin")
        admin["name"] = "root"
        return {**admin, "options": admin.options is ADMIN}

    app = make_app(view)
    app.session_interface = IronSessionInterface(OPTIONS, admin=ADMIN)
    response = browser(app).get("/")
    assert response.json == {"name": "root", "options": True}
    assert list(received(response)) == ["admin"]


def test_get_session_outside_of_a_request_is_flask_s_own_error() -> None:
    with pytest.raises(RuntimeError, match="outside of request context"):
        get_session()


def test_a_session_that_could_not_begin_is_raised_to_a_test() -> None:
    app = make_app(log_in)
    app.testing = True
    app.wsgi_app = wsgi.IronSessionMiddleware(app.wsgi_app, OPTIONS)  # type: ignore[method-assign]  # as Flask says to
    with pytest.raises(ConfigurationError, match="installed twice"):
        browser(app).get("/")


def test_one_interface_serves_every_app_of_a_factory() -> None:
    interface = IronSessionInterface(OPTIONS)

    def create_app(name: str, view: View) -> Flask:
        app = Flask(name)
        app.config["SESSION_COOKIE_NAME"] = NAME
        interface.init_app(app)
        app.add_url_rule("/", view_func=view)
        return app

    assert received(browser(create_app("one", log_in)).get("/"))[NAME].max_age == TTL - 60
    failing = browser(create_app("two", crash), saved({"user": 1})).get("/")
    assert (failing.status_code, received(failing)) == (500, {})


def test_views_of_blueprints_have_the_session_and_their_handlers_its_errors() -> None:
    shop = Blueprint("shop", __name__, url_prefix="/shop")
    shop.add_url_rule("/log-in", view_func=log_in)
    shop.add_url_rule("/fill", view_func=fill)

    @shop.errorhandler(CookieTooLargeError)
    def answer(error: CookieTooLargeError) -> tuple[str, int]:
        return "the shop's", 413

    app = make_app(fill)
    app.register_blueprint(shop)
    client = browser(app)
    assert list(received(client.get("/shop/log-in"))) == [NAME]
    assert client.get("/shop/fill").text == "the shop's"
    assert client.get("/").status_code == 500


def test_the_interface_knows_its_sessions() -> None:
    interface = IronSessionInterface(OPTIONS)
    app = make_app(leave_alone)
    app.session_interface = interface
    with app.test_request_context():
        ours = get_session()
        assert interface.should_set_cookie(app, ours) is False
        ours["a"] = 1
        assert interface.should_set_cookie(app, ours) is True
        assert interface.is_null_session(ours) is False
    assert interface.is_null_session(SecureCookieSession()) is True
    assert interface.is_null_session(None) is True


# --- permanent -------------------------------------------------------------------------------


def remember(permanent: bool | None) -> View:
    """Make a view that counts, and says whether the session is permanent."""

    def view() -> str:
        session["count"] = session.get("count", 0) + 1
        if permanent is not None:
            session.permanent = permanent
        return ""

    return view


def life_of(cookie: ReceivedCookie, clock: Clock) -> tuple[int | None, float]:
    """Give how long the browser keeps a cookie, and how long its seal opens, in seconds."""
    return cookie.max_age, ((expiration_of(cookie.value) or 0) - clock.now) / 1000


def test_permanent_stays_with_the_session(clock: Clock) -> None:
    """Also when another view writes it."""
    app = make_app(remember(True))
    app.add_url_rule("/later", view_func=remember(None))
    client = browser(app)
    client.get("/")
    clock.advance(20 * DAY)
    later = received(client.get("/later"))[NAME]
    assert life_of(later, clock) == (MONTH - 60, MONTH)


def test_a_session_that_is_permanent_no_more_lives_as_long_as_any_other(clock: Clock) -> None:
    app = make_app(remember(True))
    app.add_url_rule("/forget", view_func=remember(False))
    client = browser(app)
    client.get("/")
    assert life_of(received(client.get("/forget"))[NAME], clock) == (None, TTL)


def test_a_session_that_was_cleared_is_not_permanent(clock: Clock) -> None:
    def view() -> str:
        session.clear()
        session["user"] = 1
        return ""

    app = make_app(remember(True))
    app.add_url_rule("/again", view_func=view)
    client = browser(app)
    client.get("/")
    assert life_of(received(client.get("/again"))[NAME], clock) == (TTL - 60, TTL)


def test_a_lifetime_set_while_the_app_runs_counts(clock: Clock) -> None:
    """As in the recipe that many applications have."""
    app = make_app(remember(None))

    @app.before_request
    def make_permanent() -> None:
        session.permanent = True
        app.permanent_session_lifetime = timedelta(minutes=5)

    assert life_of(received(browser(app).get("/"))[NAME], clock) == (240, 300)


def test_saying_permanent_at_every_request_writes_it_once_where_no_refresh_is_wanted() -> None:
    app = make_app(look, SESSION_REFRESH_EACH_REQUEST=False)
    app.before_request(lambda: setattr(session, "permanent", True))
    client = browser(app)
    assert list(received(client.get("/"))) == [NAME]
    assert received(client.get("/")) == {}


def test_permanent_lives_no_longer_than_max_lifetime(clock: Clock) -> None:
    options = make_options(max_lifetime=20 * DAY)
    cookie = received(browser(make_app(remember(True), options)).get("/"))[NAME]
    assert life_of(cookie, clock) == (20 * DAY - 60, 20 * DAY)


def test_permanent_and_a_lifetime_of_nothing_at_run_time_is_an_error() -> None:
    app = make_app(remember(True))
    app.testing = True

    @app.before_request
    def shorten() -> None:
        app.permanent_session_lifetime = timedelta(0)

    with pytest.raises(ConfigurationError, match="PERMANENT_SESSION_LIFETIME"):
        browser(app).get("/")


# --- errors ----------------------------------------------------------------------------------


def test_an_unhandled_exception_commits_nothing_though_flask_answers_it() -> None:
    """With a page of the application, and the headers of a page that looked at the session."""
    app = make_app(crash)
    app.register_error_handler(InternalServerError, lambda error: ("sorry", 500))
    response = browser(app, saved({"user": 1})).get("/")
    assert (response.status_code, response.text) == (500, "sorry")
    assert (received(response), response.headers["Vary"]) == ({}, "Cookie")


def test_no_session_of_a_request_that_failed_is_committed() -> None:
    def view() -> str:
        session["user"] = get_session(key="admin")["user"] = 2
        get_session(key="admin").save()
        raise CrashError

    app = make_app(view)
    app.session_interface = IronSessionInterface(OPTIONS, admin=ADMIN)
    assert received(browser(app).get("/")) == {}


def test_an_exception_of_an_after_request_function_commits_nothing() -> None:
    def fail(response: Response) -> Response:
        if response.status_code == 200:
            raise CrashError
        return response

    app = make_app(log_in)
    app.after_request(fail)
    response = browser(app).get("/")
    assert (response.status_code, received(response)) == (500, {})


def test_somebody_else_s_signal_outside_of_a_request_does_no_harm() -> None:
    app = make_app(look)
    browser(app).get("/")
    got_request_exception.send(app, exception=CrashError())


def test_an_error_is_raised_to_a_test() -> None:
    app = make_app(fill)
    app.testing = True
    with pytest.raises(CookieTooLargeError):
        browser(app).get("/")


def too_large_app(view: View, answer: Callable[[IronSessionError], Any]) -> Flask:
    """Make an app with a handler for what a session raises."""
    app = make_app(view)
    app.register_error_handler(IronSessionError, answer)
    return app


class Body:
    """A body that notes when it is closed."""

    def __init__(self, name: str, closed: list[str]) -> None:
        self.name, self.closed = name, closed

    def __iter__(self) -> Iterator[str]:
        return iter([self.name, "'s body"])

    def close(self) -> None:
        self.closed.append(f"{self.name}'s body")


def make_watched(name: str, closed: list[str], **settings: Any) -> Response:
    """Make a response that notes, beside its body, when it is closed."""
    response = Response(Body(name, closed), headers={"X-By": name}, **settings)
    response.call_on_close(lambda: closed.append(name))
    return response


def test_a_response_and_the_handler_s_answer_in_its_place_are_each_closed_once() -> None:
    """The body that nobody gets at once, all else when the server is done."""
    closed: list[str] = []

    def view() -> Response:
        fill()
        return make_watched("view", closed, status=201)

    def answer(error: IronSessionError) -> Response:
        return make_watched("handler", closed, status="413 Too Large")

    with browser(too_large_app(view, answer)).get("/") as response:
        assert (response.status, response.data) == ("413 Too Large", b"handler's body")
        assert response.headers.getlist("X-By") == ["handler"]
        assert (response.headers["Vary"], received(response)) == ("Cookie", {})
        assert closed == ["view's body"]
    assert sorted(closed) == ["handler", "handler's body", "view", "view's body"]


def test_the_handler_s_answer_takes_the_place_of_a_file_too() -> None:
    """Which servers send by themselves, as it is."""

    def view() -> Response:
        fill()
        return send_file(__file__)

    app = too_large_app(view, lambda error: Response(["too ", "large"], status=413))
    with wsgi_driver.run_in_process(app) as site:
        sent = site.visit(Visit(target="/", headers=[]))
    assert (sent.status, sent.body, sent.failure) == (413, b"too large", None)


def test_the_handler_s_answer_is_processed_as_every_response() -> None:
    """As Flask does with the answer to any other error."""

    def add(response: Response) -> Response:
        response.headers["X-Processed"] = str(response.status_code)
        return response

    app = too_large_app(fill, lambda error: ("", 413))
    app.after_request(add)
    assert browser(app).get("/").headers["X-Processed"] == "413"


def test_the_handler_may_change_the_session() -> None:
    def answer(error: IronSessionError) -> tuple[str, int]:
        session.clear()
        session["error"] = "too large"
        return "", 413

    client = browser(too_large_app(fill, answer), saved({"user": 1}))
    assert list(received(client.get("/"))) == [NAME]
    assert client.get("/session").json == {"error": "too large"}


def test_a_handler_that_fails_is_the_application_s_failure() -> None:
    def answer(error: IronSessionError) -> str:
        raise CrashError

    response = browser(too_large_app(fill, answer)).get("/")
    assert (response.status_code, received(response)) == (500, {})


def test_a_handler_s_late_changes_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    def answer(error: IronSessionError) -> Response:
        def parts() -> Iterator[str]:
            session["late"] = True
            yield "too large"

        session["large"] = "cut"  # so that there is something to write, and nothing to tell
        return Response(stream_with_context(parts()), status=413)

    client = browser(too_large_app(fill, answer), saved({"user": 1}))
    assert client.get("/", buffered=True).text == "too large"
    assert len(lost_changes(caplog)) == 1


def test_each_session_s_error_is_told_and_the_last_answer_is_sent() -> None:
    told: list[IronSessionError] = []

    def view() -> str:
        get_session(key="admin")["large"] = TOO_LARGE
        return fill()

    def answer(error: IronSessionError) -> tuple[str, int]:
        told.append(error)
        return f"answer {len(told)}", 413

    app = too_large_app(view, answer)
    app.session_interface = IronSessionInterface(OPTIONS, admin=ADMIN)
    response = browser(app).get("/")
    assert (response.text, received(response)) == ("answer 2", {})
    assert told[0] is not told[1]


def test_a_session_that_fits_is_written_though_the_other_does_not() -> None:
    def view() -> str:
        get_session(key="admin")["large"] = TOO_LARGE
        return log_in()

    app = too_large_app(view, lambda error: ("", 413))
    app.session_interface = IronSessionInterface(OPTIONS, admin=ADMIN)
    response = browser(app).get("/")
    assert response.status_code == 413
    assert list(received(response)) == [NAME]


# --- tests of applications -------------------------------------------------------------------


def test_session_transaction_takes_a_second_session_too() -> None:
    app = make_app(lambda: dict(get_session(key="admin")))
    app.session_interface = IronSessionInterface(OPTIONS, admin=ADMIN)
    client = browser(app)
    with client.session_transaction() as ours:
        assert isinstance(ours, FlaskSession)
        with app.test_request_context():
            get_session(key="admin")["of"] = "another request"
    assert client.get("/").json == {}


def test_a_request_context_of_a_test_has_a_session() -> None:
    app = make_app(log_in)
    with app.test_request_context("/", headers={"Cookie": saved({"user": 7})}):
        assert dict(session) == {"user": 7}
        response = app.process_response(make_response(log_in()))
    assert list(received(response)) == [NAME]


def test_a_request_that_is_sent_again_has_a_session_again() -> None:
    client = browser(make_app(remember(None)))
    first = client.get("/")
    assert client.open(first.request).status_code == 200
    assert list(received(client.open(first.request))) == [NAME]


def test_an_app_within_a_view_of_another_has_its_own_session() -> None:
    """Though both have one environ."""
    inner = make_app(log_in, ADMIN)

    def view() -> WerkzeugResponse:
        session["outer"] = 1
        return Response.from_app(inner.wsgi_app, request.environ)

    assert set(received(browser(make_app(view)).get("/"))) == {NAME, "admin"}


# --- streams and copied contexts -------------------------------------------------------------


def test_a_stream_within_a_stream_has_the_session(caplog: pytest.LogCaptureFixture) -> None:
    def inner() -> Iterator[str]:
        yield str(session["user"])

    def outer() -> Iterator[str]:
        yield "user "
        yield from stream_with_context(inner())
        with pytest.raises(HeadersAlreadySentError):
            get_session().save()

    def view() -> Response:
        look()
        return Response(stream_with_context(outer()))

    client = browser(make_app(view), saved({"user": 7}))
    assert client.get("/", buffered=True).text == "user 7"
    assert lost_changes(caplog) == []


def test_a_stream_that_breaks_off_reports_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    """The visitor went away, and the server closes the response."""

    def parts() -> Iterator[str]:
        session["late"] = True
        yield "one"
        yield "two"

    def view() -> Response:
        look()
        return Response(stream_with_context(parts()))

    with browser(make_app(view)).get("/") as response:
        next(response.iter_encoded())
    assert len(lost_changes(caplog)) == 1


def test_a_copied_context_has_the_same_session() -> None:
    def view() -> str:
        @copy_current_request_context
        def work() -> None:
            session["by"] = "a copy"

        work()
        return str(session["by"])

    client = browser(make_app(view))
    assert client.get("/").text == "a copy"
    assert client.get("/session").json == {"by": "a copy"}


@pytest.mark.parametrize("touched", [True, False])
def test_what_a_copied_context_changes_after_the_request_is_reported(
    caplog: pytest.LogCaptureFixture, touched: bool
) -> None:
    """As a thread that the view has started may do."""
    works: list[Callable[[], None]] = []

    def view() -> str:
        if touched:
            log_in()

        @copy_current_request_context
        def work() -> None:
            session["late"] = True

        works.append(work)
        return "done"

    browser(make_app(view), saved({"user": 7})).get("/", buffered=True).close()
    assert lost_changes(caplog) == []
    works.pop()()
    (message,) = lost_changes(caplog)
    assert "after the request had ended" in message


# --- by hand ---------------------------------------------------------------------------------


def explicit_view() -> Response:
    """Write by hand, to a response of one's own."""
    response = make_response("hello")
    by_hand = get_iron_session(request, response, OPTIONS)
    by_hand["user"] = 1
    by_hand.save()
    return response


def test_by_hand_beside_flask_s_own_session() -> None:
    app = Flask(__name__)
    app.secret_key = "not ours"
    app.add_url_rule("/", view_func=explicit_view)
    response = browser(app).get("/")
    assert list(received(response)) == [NAME]


def test_by_hand_options_are_needed() -> None:
    app = Flask(__name__)
    options: Any = {"password": "x"}
    with app.test_request_context(), pytest.raises(ConfigurationError, match="SessionOptions"):
        get_iron_session(request, make_response(""), options)


# --- one request, several contexts -------------------------------------------------------------


def test_another_context_over_the_same_request_has_a_session_of_its_own() -> None:
    """As tools make one that render a page within a request."""
    app = Flask(__name__)
    app.session_interface = IronSessionInterface(make_options())

    @app.get("/")
    def home() -> dict[str, object]:
        session["a"] = 1
        with app.request_context(request.environ):
            return {"within": dict(session)}

    response = app.test_client().get("/", base_url="https://testserver")
    assert response.get_json() == {"within": {}}
    assert response.headers["Set-Cookie"].startswith(f"{NAME}=Fe26.2*")


def test_applications_that_are_asked_one_after_the_other_each_have_their_session() -> None:
    """The one that knows the path answers, from the same environ."""
    first, second = Flask("first"), Flask("second")
    for app in (first, second):
        app.session_interface = IronSessionInterface(make_options())

    @second.get("/here")
    def here() -> str:
        session["a"] = 1
        return "found"

    def cascade(environ: Any, start: Any) -> Any:
        earlier = wsgi_driver.Response()
        body: Any = first.wsgi_app(environ, earlier.start)
        body.close()
        assert earlier.status == 404
        return second.wsgi_app(environ, start)

    answer = wsgi_driver.request(cascade, Visit(target="/here", headers=[]))
    assert (answer.status, answer.body) == (200, b"found")
    assert list(answer.cookies) == [NAME]
