"""What Flask and Quart have in common, proved in both."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask_login import (
    user_accessed,
    user_loaded_from_cookie,
    user_logged_in,
    user_logged_out,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    IronSessionError,
    SessionOptions,
    SessionUnavailableError,
)
from iron_session.integrations.flask import FlaskSession
from tests.contract.door import Answer
from tests.helpers.clock import Clock
from tests.helpers.flask_and_quart import (
    ADMIN,
    BOTH,
    OPTIONS,
    Client,
    Framework,
    View,
    awaited,
    entered,
    life_of,
    next_cookie,
    run_with_client,
)
from tests.sessions.browser import (
    FOREIGN,
    NAME,
    PASSWORD,
    TTL,
    Failures,
    make_options,
    saved,
    session_of,
)


class CrashError(Exception):
    """What a view raises that goes wrong."""


# --- a request ---------------------------------------------------------------------------------


@pytest.mark.parametrize("accessed", [False, True])
def test_rendering_a_template_reads_no_session_unless_the_template_does(
    it: Framework, accessed: bool
) -> None:
    """Both hand the session to every template."""
    failures = Failures()
    text = "{{ session.get('a') }}" if accessed else "hello {{ request.path }} {{ g }}"

    async def view() -> str:
        return str(await awaited(it.own.render_template_string(text)))

    app = it.make_app(make_options(on_unseal_error=failures), view=view)
    answer = it.visit(app, "/view", f"{NAME}=garbage")
    assert answer.status == 200
    assert len(failures) == (1 if accessed else 0)
    assert answer.vary == ("Cookie" if accessed else None)


@pytest.mark.parametrize("kind", [CrashError, Exception])
def test_a_handled_exception_commits(it: Framework, kind: type[Exception]) -> None:
    def crash() -> None:
        it.session["user"] = 2
        raise CrashError

    app = it.make_app(crash=crash)
    app.register_error_handler(kind, lambda error: ("we know", 200))
    answer = it.visit(app, "/crash", saved({"user": 1}))
    assert (answer.body, list(answer.cookies)) == (b"we know", [NAME])


@pytest.mark.parametrize("kind", [SessionUnavailableError, IronSessionError, Exception])
def test_a_handler_of_the_application_answers_an_ending_that_could_not_be_stored(
    it: Framework, kind: type[Exception]
) -> None:
    """And commits, as after any exception that it answers."""
    app = it.make_app(end=end_elsewhere(it))
    app.register_error_handler(kind, lambda error: ("we know", 200))
    answer = it.visit(app, "/end", saved({"user": 1}))
    assert (answer.body, list(answer.cookies)) == (b"we know", [NAME])


@pytest.mark.parametrize("kind", [503, HTTPException])
def test_a_handler_of_503_answers_an_ending_that_could_not_be_stored(
    it: Framework, kind: int | type[Exception]
) -> None:
    app = it.make_app(end=end_elsewhere(it))
    app.register_error_handler(kind, lambda error: ("come back", error.code))
    for _ in range(2):
        answer = it.visit(app, "/end", saved({"user": 1}))
        assert (answer.status, answer.body, answer.cookies) == (503, b"come back", {})


def test_a_handler_of_a_blueprint_answers_an_ending_that_could_not_be_stored(
    it: Framework,
) -> None:
    app = it.make_app()
    blueprint = it.own.Blueprint("account", __name__)
    blueprint.add_url_rule("/end", view_func=end_elsewhere(it), endpoint="end")
    blueprint.register_error_handler(Exception, lambda error: ("we know", 200))
    app.register_blueprint(blueprint)
    assert it.visit(app, "/end", saved({"user": 1})).body == b"we know"


def end_elsewhere(it: Framework) -> View:
    """Return a view that changes the session, and then can't reach the store of endings."""

    def view() -> None:
        it.session["user"] = 2
        raise SessionUnavailableError("the store can't be reached")

    return view


@pytest.mark.parametrize("status", [404, 403])
def test_http_errors_commit(it: Framework, status: int) -> None:
    def view() -> None:
        it.session["user"] = 1
        it.own.abort(status)

    answer = it.visit(it.make_app(view=view), "/view")
    assert (answer.status, list(answer.cookies)) == (status, [NAME])


def test_an_error_without_a_handler_is_the_application_s_failure(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, and the browser keeps what it has."""
    answer = it.visit(it.make_app(fill=it.fill), "/fill", saved({"user": 1}))
    assert answer.cookies == {}
    assert isinstance(error_of(answer, caplog), CookieTooLargeError)


def error_of(answer: Answer, caplog: pytest.LogCaptureFixture) -> BaseException:
    """Give the error that the framework has logged for its answer of 500."""
    assert answer.status == 500
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    return record.exc_info[1]


def test_an_exception_after_the_session_was_written_commits_nothing_either(it: Framework) -> None:
    """The framework starts another response then; the one with the cookie is never sent."""

    def fail(_app: Any, response: Any) -> None:
        if response.status_code == 200:
            raise CrashError

    app = it.make_app(OPTIONS, None, log_in=it.log_in)
    with it.own.request_finished.connected_to(fail, app):
        answer = it.visit(app, "/log_in")
    assert (answer.status, answer.cookies, answer.vary) == (500, {}, "Cookie")


# --- the handler of an error of ours -----------------------------------------------------------


def too_large_app(it: Framework, view: View, answer: Callable[[IronSessionError], Any]) -> Any:
    """Make an app with a view on /view, and a handler for what a session raises."""
    app = it.make_app(OPTIONS, None, view=view)
    app.register_error_handler(IronSessionError, answer)
    return app


RESPONSES: dict[str, Callable[[Framework, str], Any]] = {
    "the framework's own": lambda it, name: it.own.Response(f"{name}'s body"),
    "Werkzeug's, as its HTTP errors are": lambda _, name: WerkzeugResponse(f"{name}'s body"),
    "streamed": lambda it, name: it.own.Response(it.in_parts(name, "'s body")),
}


def make_response(it: Framework, kind: str, name: str, status: int) -> Any:
    """Make a response of this kind that tells, in a header and its body, whose it is."""
    response = RESPONSES[kind](it, name)
    response.status_code = status
    response.headers[f"X-{name}"] = "1"
    return response


@pytest.mark.parametrize("second", RESPONSES)
@pytest.mark.parametrize("first", RESPONSES)
def test_the_handler_s_answer_takes_the_place_of_the_response(
    it: Framework, first: str, second: str
) -> None:
    """Status, headers and body, whatever kinds of responses the two are."""

    def view() -> Any:
        it.fill()
        return make_response(it, first, "view", 201)

    def answer(error: IronSessionError) -> Any:
        return make_response(it, second, "handler", 413)

    sent = it.visit(too_large_app(it, view, answer), "/view")
    assert (sent.status, sent.body) == (413, b"handler's body")
    assert (sent.all("x-view"), sent.all("x-handler")) == ([], ["1"])
    is_stream = second == "streamed" and it is BOTH["flask"]  # Quart's is read before it is sent
    assert sent.all("content-length") == ([] if is_stream else ["14"])
    assert (sent.cookies, sent.vary) == ({}, "Cookie")


# --- a response that is kept -------------------------------------------------------------------


def keeping_app(it: Framework, body: Any, admin: SessionOptions | None = None) -> Any:
    """Make an app that sends one response object, whatever is done to the session before."""
    kept = it.own.Response(body)
    kept.set_cookie("theme", "dark")

    def view(act: str) -> Any:
        if act == "change":
            it.session["user"] = it.own.request.args["user"]
        elif act == "read":
            it.session.get("user")
        elif act == "fill":
            it.fill()
        elif act == "log-out":
            it.session.clear()
        return kept

    def answer(error: CookieTooLargeError) -> tuple[str, int]:
        it.session.clear()
        it.session["user"] = "told so"
        return "too large", 413

    app = it.make_app(OPTIONS, admin)
    app.add_url_rule("/kept/<act>", view_func=view)
    app.register_error_handler(CookieTooLargeError, answer)
    return app


@pytest.mark.parametrize("act", ["leave-alone", "read"])
@pytest.mark.parametrize("before", ["change?user=eve", "log-out", "fill"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("admin", [None, ADMIN])
def test_a_response_that_is_sent_again_has_no_cookie_of_the_visitor_before(
    it: Framework, act: str, before: str, streamed: bool, admin: SessionOptions | None
) -> None:
    body = it.in_parts("the same for all") if streamed else "the same for all"
    app = keeping_app(it, body, admin)
    own = set() if before == "fill" else {"theme"}  # the error's answer has taken its place
    first = it.visit(app, f"/kept/{before}", saved({"user": "alice"}))
    assert set(first.cookies) == {NAME, *own}
    for _ in range(2):
        again = it.visit(app, f"/kept/{act}", saved({"user": "bob"}))
        assert set(again.cookies) == own


def test_a_response_that_is_sent_again_has_this_visitor_s_cookie_only(it: Framework) -> None:
    app = keeping_app(it, "the same for all")
    for user in ("alice", "bob"):
        answer = it.visit(app, f"/kept/change?user={user}")
        assert set(answer.cookies) == {"theme", NAME}
        assert session_of(next_cookie(answer)) == {"user": user}


# --- installing --------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [None, "secret", {"cookie_name": NAME}])
def test_what_is_no_options_is_refused_at_once(it: Framework, options: Any) -> None:
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        it.ours.IronSessionInterface(options)
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        it.ours.IronSessionInterface(OPTIONS, admin=options)


@pytest.mark.parametrize("name", [NAME, f"{NAME}.0"])
def test_two_sessions_for_one_cookie_are_refused_at_once(it: Framework, name: str) -> None:
    """And for one whose chunk would have the name of the other."""
    with pytest.raises(ConfigurationError, match="installed twice for the cookie"):
        it.ours.IronSessionInterface(OPTIONS, admin=make_options(cookie_name=name))


@pytest.mark.parametrize("key", ["session", "admin"])
def test_get_session_says_what_is_missing(it: Framework, key: str) -> None:
    def view() -> str:
        with pytest.raises(ConfigurationError, match=r"app\.session_interface = IronSessionInt"):
            it.ours.get_session(key=key)
        return "told"

    app = it.make_app(view=view)
    app.session_interface = it.own_interface
    assert it.visit(app, "/view").body == b"told"


def test_behind_a_gateway_for_the_same_cookie_it_refuses_to_work(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    """Flask logs the error that tells why, and no other; Quart raises it to the server."""
    app = it.make_app(OPTIONS, None, log_in=it.log_in)
    answer = it.visit(it.gateway(app, OPTIONS), "/log_in")
    assert (answer.status, answer.cookies) == (500, {})
    error = answer.failure if it is BOTH["quart"] else error_of(answer, caplog)
    assert isinstance(error, ConfigurationError)
    assert "installed twice" in str(error)


def test_beside_a_gateway_for_another_cookie_both_work(it: Framework) -> None:
    def view() -> str:
        it.outer_session()["b"] = 2
        return it.log_in()

    app = it.make_app(OPTIONS, None, view=view)
    answer = it.visit(it.gateway(app, ADMIN), "/view")
    assert set(answer.cookies) == {NAME, "admin"}


# --- what the frameworks keep in the data ------------------------------------------------------


@pytest.mark.parametrize("value", [None, 0, 1, 1.5, "", "true", [], [True], {}, {"a": 1}])
def test_permanent_of_another_type_leaves_it_to_the_options(
    it: Framework, clock: Clock, value: Any
) -> None:
    """JavaScript, or a visitor's own dict, may have put it there."""

    def act() -> list[Any]:
        it.session["count"] = 1
        return [it.session.permanent]

    app = it.make_app(act=act)
    answer = it.visit(app, "/act", saved({"_permanent": value}))
    assert answer.json == [False]
    cookie = answer.cookies[NAME]
    assert life_of(cookie, clock) == (TTL - 60, TTL)


ODD: dict[str, Any] = {
    "None": None,
    "a number": 7,
    "text": "hello",
    "an object": {"error": ["wrong"]},
    "a list of text": ["hello", "message"],
    "a list of numbers": [1, 2],
    "a list of None": [None],
    "a list of objects": [{"category": "error", "message": "wrong"}],
    "an empty pair": [[]],
    "half a pair": [["error"]],
    "a pair and a half": [["error", "wrong", "x"]],
    "a category that is a list": [[["error"], "wrong"]],
    "a category that is an object": [[{"error": 1}, "wrong"]],
}
GOOD = ["info", "good"]


@pytest.mark.parametrize("kept", ODD)
@pytest.mark.parametrize("filtered", [False, True])
def test_odd_messages_are_not_shown_and_break_no_page(
    it: Framework, kept: str, filtered: bool
) -> None:
    """Of a valid seal, written by JavaScript."""

    def page() -> Any:
        categories = {"info", "error"} if filtered else ()
        shown = it.own.get_flashed_messages(with_categories=True, category_filter=categories)
        return it.own.jsonify([shown, it.own.get_flashed_messages()])

    app, odd = it.make_app(page=page), ODD[kept]
    assert it.visit(app, "/page", saved({"_flashes": odd})).json == [[], []]
    among = [GOOD, *odd, GOOD] if isinstance(odd, list) else [GOOD, odd, GOOD]
    answer = it.visit(app, "/page", saved({"_flashes": among, "user": 1}))
    assert answer.json == [[GOOD, GOOD], ["good", "good"]]
    assert it.visit(app, "/show", next_cookie(answer)).json == {"user": 1}


@pytest.mark.parametrize("kept", ODD)
def test_a_message_can_be_flashed_beside_odd_ones(it: Framework, kept: str) -> None:
    async def act() -> str:
        await it.flash("new", "info")
        return ""

    app = it.make_app(act=act)
    answer = it.visit(app, "/act", saved({"_flashes": ODD[kept]}))
    assert it.visit(app, "/show", next_cookie(answer)).json == {"_flashes": [["info", "new"]]}


def test_a_look_at_odd_messages_writes_nothing(it: Framework) -> None:
    """They may be of use to the application that wrote them."""
    answer = it.visit(it.make_app(), "/show", saved({"_flashes": {"error": ["wrong"]}}))
    assert (answer.json, answer.cookies) == ({"_flashes": []}, {})


def test_messages_are_changed_in_place_as_any_list(it: Framework) -> None:
    def act() -> str:
        it.session["_flashes"].append(["info", "more"])
        return ""

    app = it.make_app(act=act)
    answer = it.visit(app, "/act", saved({"_flashes": [GOOD]}))
    shown = it.visit(app, "/show", next_cookie(answer)).json
    assert shown == {"_flashes": [GOOD, ["info", "more"]]}


# --- a logout by Flask-Login -------------------------------------------------------------------


@pytest.mark.parametrize("secret", [FOREIGN, PASSWORD])
def test_flask_login_s_signal_expires_what_can_t_be_read_and_nothing_else(
    it: Framework, secret: str
) -> None:
    """What can be read was taken out already, but for what is no login's."""

    def log_out() -> str:
        user_logged_out.send(app, user=None)
        return ""

    app = it.make_app(logout=log_out)
    answer = it.visit(app, "/logout", saved({"cart": 1}, password=secret))
    expired = {name: cookie.max_age for name, cookie in answer.cookies.items()}
    assert expired == ({NAME: 0} if secret == FOREIGN else {})
    assert answer.vary == "Cookie"


def test_flask_login_s_signal_begins_the_session_of_who_is_in_it(it: Framework) -> None:
    def log_in() -> Any:
        it.session["_user_id"] = 42
        user_logged_in.send(app, user=None)
        return [it.ours.get_session().user_id, it.session["cart"]]

    app = it.make_app(login=log_in)
    answer = it.visit(app, "/login", saved({"cart": 1}))
    assert answer.json == ["42", 1]
    assert list(answer.cookies) == [NAME]


@pytest.mark.parametrize("is_ended", [False, True])
def test_a_user_whom_flask_login_remembers_is_refused_after_an_ending(
    it: Framework, is_ended: bool
) -> None:
    """By the note that `logout_user()` leaves, which has Flask-Login ignore its cookie."""

    def visit() -> Any:
        user_accessed.send(app)
        if it.session.get("_remember") != "clear":
            it.session["_user_id"] = 42
            user_loaded_from_cookie.send(app, user=None)
        session = it.ours.get_session()
        return [session.user_id, session.logged_in_at, session.get("_remember")]

    options = make_options(accept=lambda data, about: not is_ended)
    app = it.make_app(options, visit=visit)
    answer = it.visit(app, "/visit", f"{saved({'cart': 1})}; remember_token=x")
    assert answer.json == ([None, None, "clear"] if is_ended else ["42", None, None])
    answer = it.visit(app, "/visit", saved({"cart": 1}))
    assert answer.json == ["42", None, None]


# --- a session is no dict ----------------------------------------------------------------------

TAKEN_FOR_A_DICT: dict[str, Callable[[Framework], Any]] = {
    "returned": lambda it: it.ours.get_session(),
    "returned with a status": lambda it: (it.ours.get_session(), 201),
    "written by jsonify": lambda it: it.own.jsonify(it.session),
    "written by jsonify, within": lambda it: it.own.jsonify({"session": it.ours.get_session()}),
    "written by json": lambda it: json.dumps(it.session),
}


@pytest.mark.parametrize("kind", TAKEN_FOR_A_DICT)
def test_the_error_of_a_session_that_was_taken_for_a_dict_names_the_mend(
    it: Framework, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = it.make_app(act=lambda: TAKEN_FOR_A_DICT[kind](it))
    error = error_of(it.visit(app, "/act", saved({"user": 1})), caplog)
    assert isinstance(error, TypeError)
    assert error.__notes__ == ["If this is the session: write dict(session)"]


@pytest.mark.parametrize("error", [TypeError("no FlaskSessions here"), ValueError("LocalProxy")])
def test_any_other_error_is_left_as_it_is(
    it: Framework, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    assert error_of(it.visit(it.make_app(act=fail), "/act"), caplog) is error
    assert not hasattr(error, "__notes__")


# --- installed in a wrong way ------------------------------------------------------------------

WRONG_ARGUMENTS: dict[str, tuple[Callable[[Any], tuple[Any, ...]], str]] = {
    "the app first": (lambda app: (app, OPTIONS), r"init_app\(app\)"),
    "the app last": (lambda app: (OPTIONS, app), r"init_app\(app\)"),
    "the app alone": (lambda app: (app,), r"init_app\(app\)"),
    "a second session without a key": (lambda _: (OPTIONS, ADMIN), "admin=admin_options"),
}


@pytest.mark.parametrize("kind", WRONG_ARGUMENTS)
def test_arguments_that_an_extension_would_take_are_refused_with_the_mend(
    it: Framework, kind: str
) -> None:
    arguments, mend = WRONG_ARGUMENTS[kind]
    with pytest.raises(ConfigurationError, match=mend):
        it.ours.IronSessionInterface(*arguments(it.make_app()))


def test_an_app_as_a_named_argument_is_refused_with_the_mend(it: Framework) -> None:
    with pytest.raises(ConfigurationError, match=r"init_app\(app\)"):
        it.ours.IronSessionInterface(OPTIONS, app=it.make_app())


def test_the_class_in_the_place_of_an_interface_is_named_at_the_first_request(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    app = it.make_app()
    app.session_interface = it.ours.IronSessionInterface
    answer = it.visit(app, "/show")
    (error,) = [one.exc_info[1] for one in caplog.records if one.exc_info] or [answer.failure]
    assert isinstance(error, ConfigurationError)
    assert "set it to IronSessionInterface(options)" in str(error)
    assert answer.status == 500


def other_of(it: Framework) -> Framework:
    """Give the other one of the two."""
    return BOTH["quart" if it is BOTH["flask"] else "flask"]


def test_an_interface_of_the_other_framework_is_refused_by_init_app(it: Framework) -> None:
    other = other_of(it)
    kind, mend = other.own.__name__.capitalize(), rf"integrations\.{it.own.__name__}$"
    with pytest.raises(ConfigurationError, match=f"is for {kind} applications only: .*{mend}"):
        other.ours.IronSessionInterface(OPTIONS).init_app(it.make_app())


@pytest.mark.parametrize("path", ["/still", "/show"])
def test_an_interface_of_the_other_framework_is_named_at_the_first_request(
    it: Framework, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = it.make_app(still=lambda: "hello")
    app.session_interface = other_of(it).ours.IronSessionInterface(OPTIONS)
    answer = it.visit(app, path)
    errors = [one.exc_info[1] for one in caplog.records if one.exc_info] or [answer.failure]
    assert isinstance(errors[-1], ConfigurationError)
    assert str(errors[-1]).endswith(f"iron_session.integrations.{it.own.__name__}")
    assert answer.status == 500


def test_init_app_takes_nothing_but_an_application(it: Framework) -> None:
    own = it.own.__name__.capitalize()
    with pytest.raises(ConfigurationError, match=f"is for {own} applications only$"):
        it.ours.IronSessionInterface(OPTIONS).init_app(OPTIONS)


def test_an_application_s_own_class_is_as_good(it: Framework) -> None:
    kind = type("Shop", (type(it.make_app()),), {"__module__": "shop"})
    app = kind(__name__)
    it.ours.IronSessionInterface(OPTIONS).init_app(app)
    with pytest.raises(ConfigurationError, match=rf"integrations\.{it.own.__name__}$"):
        other_of(it).ours.IronSessionInterface(OPTIONS).init_app(app)


# --- tests of applications ---------------------------------------------------------------------


def test_session_transaction_reads_and_writes_the_client_s_session(it: Framework) -> None:
    async def test(client: Client) -> None:
        async with entered(client.own.session_transaction()) as before:
            assert isinstance(before, FlaskSession)
            assert dict(before) == {}
            before["cart"] = {"items": ["tea"]}
        await client.get("/log_in")
        async with entered(client.own.session_transaction()) as after:
            assert dict(after) == {"cart": {"items": ["tea"]}, "user": 1}
            after["cart"]["items"].append("milk")
        shown = await client.get("/show")
        assert shown == {"cart": {"items": ["tea", "milk"]}, "user": 1}
        async with entered(client.own.session_transaction()) as last:
            last.clear()
        assert not client.has_cookie(NAME)

    run_with_client(it.make_app(OPTIONS, None, log_in=it.log_in), test)


def test_session_transaction_tells_the_test_what_can_t_be_written(it: Framework) -> None:
    """The application's handler is not asked: a test would not see its answer."""

    async def test(client: Client) -> None:
        with pytest.raises(CookieTooLargeError):
            async with entered(client.own.session_transaction()) as ours:
                ours["large"] = "x" * 8000

    run_with_client(too_large_app(it, it.show, lambda error: ("", 413)), test)


def test_a_context_that_the_client_preserves_has_the_session(it: Framework) -> None:
    async def test(client: Client) -> None:
        async with entered(client.own):
            await client.get("/log_in")
            assert it.session["user"] == 1
            assert it.ours.get_session()["user"] == 1
            await client.get("/show")
            assert dict(it.session) == {"user": 1}

    run_with_client(it.make_app(OPTIONS, None, log_in=it.log_in), test)


# --- by hand -----------------------------------------------------------------------------------


def by_hand(it: Framework) -> View:
    """Make a view that writes by hand, to a response of its own."""

    async def view() -> Any:
        response = await awaited(it.own.make_response("hello"))
        ours = it.ours.get_iron_session(it.own.request, response, OPTIONS)
        ours["user"] = 1
        ours.save()
        return response

    return view


def test_by_hand_a_cookie_that_the_interface_serves_is_refused(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    answer = it.visit(it.make_app(OPTIONS, None, view=by_hand(it)), "/view")
    error = error_of(answer, caplog)
    assert isinstance(error, ConfigurationError)
    assert "already manages the cookie" in str(error)
    assert answer.cookies == {}


def test_by_hand_another_cookie_than_the_interface_s_is_fine(it: Framework) -> None:
    answer = it.visit(it.make_app(ADMIN, None, view=by_hand(it)), "/view")
    assert list(answer.cookies) == [NAME]
