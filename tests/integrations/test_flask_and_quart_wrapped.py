"""A session for one view of Flask or Quart: `with_iron_session`."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from flask_login import user_logged_out

from iron_session import ConfigurationError, CookieTooLargeError, Session, unseal_data
from tests.contract import asgi_driver
from tests.contract.common_app import CrashError
from tests.contract.door import Answer, Visit
from tests.contract.logs import errors_in, lost_changes
from tests.helpers.flask_and_quart import ADMIN, BOTH, OPTIONS, Framework, View
from tests.helpers.frames import MARKER, leaks_of
from tests.helpers.frames import PASSWORD as SECRET
from tests.sessions.browser import FOREIGN, NAME, PASSWORD, make_options, saved

OWN = "session"
"""The cookie of Flask's and Quart's own session."""


def make_app(it: Framework, interface: Any = None, /, **views: View) -> Any:
    """Make an app with the framework's own session, or with an interface."""
    app = it.make_app(**views)
    app.session_interface = interface or it.own_interface
    app.secret_key = "it signs the framework's own session"
    return app


def wrapped(it: Framework, view: Any, options: Any = OPTIONS, **settings: Any) -> Any:
    return it.ours.with_iron_session(options, **settings)(view)


def data_of(answer: Answer, name: str = NAME) -> Any:
    """Give what is in the session that an answer sets."""
    password = PASSWORD if name == NAME else FOREIGN
    return unseal_data(answer.cookies[name].value, password=password)


def own_data(it: Framework, app: Any, answer: Answer) -> Any:
    """Give what is in the framework's own session that an answer sets."""
    return it.own_interface.get_signing_serializer(app).loads(answer.cookies[OWN].value)


def behind(it: Framework) -> Any:
    """Give the session that the framework's proxy stands for."""
    return it.session._get_current_object()


# --- the decorator -----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [None, "secret", {"cookie_name": NAME}])
def test_what_is_no_options_is_refused_at_once(it: Framework, options: Any) -> None:
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        it.ours.with_iron_session(options)


def test_a_class_is_refused_at_once(it: Framework) -> None:
    with pytest.raises(ConfigurationError, match="decorate the methods of Page"):

        @it.ours.with_iron_session(OPTIONS)
        class Page:
            pass


def test_a_view_stays_what_it_is(it: Framework) -> None:
    def page(number: int, *, name: str = "") -> str:
        """Show a page."""
        return str(number)

    async def page_async(number: int) -> str:
        return str(number)

    page.cached = True  # type: ignore[attr-defined]  # extensions mark views so
    decorate = it.ours.with_iron_session(OPTIONS)
    one = decorate(page)
    assert (one.__name__, one.__doc__, one.cached) == ("page", "Show a page.", True)
    assert inspect.signature(one) == inspect.signature(page)
    assert not inspect.iscoroutinefunction(one)
    assert inspect.iscoroutinefunction(decorate(page_async))


def test_methods_of_view_classes_are_decorated(it: Framework) -> None:
    method_view: Any = import_module(f"{it.own.__name__}.views").MethodView

    class Page(method_view):  # type: ignore[misc]  # that of either
        @it.ours.with_iron_session(OPTIONS)  # type: ignore[untyped-decorator]  # a module has no types
        def get(self) -> str:
            it.session["a"] = 1
            return "a page"

        @it.ours.with_iron_session(OPTIONS)  # type: ignore[untyped-decorator]  # a module has no types
        async def head(self) -> str:
            it.session["a"] = 2
            return ""

    app = make_app(it)
    app.add_url_rule("/page", view_func=Page.as_view("page"))
    answer = it.visit(app, "/page")
    assert (answer.body, data_of(answer)) == (b"a page", {"a": 1})


def test_what_a_view_returns_is_not_changed_on_its_way(it: Framework) -> None:
    """What is around the decorator finds what the view has returned."""
    found: list[Any] = []

    def view() -> Any:
        it.session["a"] = 1
        return {"some": "data"}, 201

    def around() -> Any:
        found.append(wrapped(it, view)())
        return found[0]

    answer = it.visit(make_app(it, view=around), "/view")
    assert found == [({"some": "data"}, 201)]
    assert (answer.status, answer.json, data_of(answer)) == (201, {"some": "data"}, {"a": 1})


# --- beside other sessions ---------------------------------------------------------------------


def test_without_a_secret_key_only_the_framework_s_own_session_fails(it: Framework) -> None:
    def view() -> str:
        it.session["a"] = 1
        return ""

    app = make_app(it, view=wrapped(it, view))
    app.secret_key = None
    assert data_of(it.visit(app, "/view")) == {"a": 1}


def test_the_framework_s_own_session_is_around_the_view_and_is_saved_without_ours(
    it: Framework,
) -> None:
    seen: list[tuple[str, Any]] = []

    def note(place: str) -> None:
        seen.append((place, isinstance(behind(it), Session)))
        it.session[place] = 1

    def around() -> str:
        note("before")
        answer: str = wrapped(it, view)()
        note("after")
        return answer

    def view() -> str:
        note("within")
        return ""

    def after(response: Any) -> Any:
        note("at the end")
        return response

    app = make_app(it, view=around)
    app.after_request(after)
    answer = it.visit(app, "/view")
    assert seen == [("before", False), ("within", True), ("after", False), ("at the end", False)]
    assert data_of(answer) == {"within": 1}
    assert own_data(it, app, answer) == {"before": 1, "after": 1, "at the end": 1}
    assert answer.vary == "Cookie"


def test_error_handlers_have_the_view_s_session_and_the_framework_saves_its_own(
    it: Framework,
) -> None:
    def view() -> None:
        it.session["a"] = 1
        raise CrashError

    def handle(_: CrashError) -> str:
        it.session["handled"] = True
        return "handled"

    def begin() -> None:
        it.session["own"] = 1

    app = make_app(it, view=wrapped(it, view))
    app.before_request(begin)
    app.register_error_handler(CrashError, handle)
    answer = it.visit(app, "/view")
    assert (answer.body, data_of(answer)) == (b"handled", {"a": 1, "handled": True})
    assert own_data(it, app, answer) == {"own": 1}


def test_a_view_that_crashes_writes_nothing_of_ours_anywhere(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    def view() -> None:
        it.session["secret"] = 1
        raise CrashError

    def begin() -> None:
        it.session["own"] = 1

    app = make_app(it, view=wrapped(it, view))
    app.before_request(begin)
    answer = it.visit(app, "/view", saved({"a": 1}))
    assert answer.status == 500
    assert list(answer.cookies) == [OWN]
    assert own_data(it, app, answer) == {"own": 1}
    assert lost_changes(caplog) == []


@pytest.mark.parametrize(("options", "key"), [(OPTIONS, "second"), (ADMIN, "session")])
def test_the_interface_for_the_same_cookie_or_key_is_refused(
    it: Framework, options: Any, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    interface = it.ours.IronSessionInterface(OPTIONS)
    app = make_app(it, interface, view=wrapped(it, lambda: "", options, key=key))
    app.register_error_handler(ConfigurationError, str)
    assert b"installed twice" in it.visit(app, "/view").body


@pytest.mark.parametrize("is_used", [True, False])
def test_the_interface_for_another_cookie_writes_both(it: Framework, is_used: bool) -> None:
    def view() -> str:
        if is_used:
            it.ours.get_session(key="admin")["b"] = 1
        return ""

    interface = it.ours.IronSessionInterface(OPTIONS)
    app = make_app(it, interface, view=wrapped(it, view, ADMIN, key="admin"))
    answer = it.visit(app, "/view")
    assert list(answer.cookies) == (["admin"] if is_used else [])
    assert answer.vary == ("Cookie" if is_used else None)


def test_two_cookies_of_one_key_and_one_cookie_of_two_keys_are_refused(it: Framework) -> None:
    view = wrapped(it, lambda: "")
    app = make_app(
        it,
        key=wrapped(it, view, ADMIN),
        cookie=wrapped(it, view, make_options(password=FOREIGN), key="admin"),
    )
    app.register_error_handler(ConfigurationError, str)
    assert b"installed twice" in it.visit(app, "/key").body
    assert b"installed twice" in it.visit(app, "/cookie").body


def test_get_session_finds_both(it: Framework) -> None:
    def view() -> str:
        assert it.ours.get_session() is behind(it)
        it.ours.get_session()["a"] = 1
        it.ours.get_session(key="admin")["b"] = 2
        return ""

    answer = it.visit(
        make_app(it, view=wrapped(it, wrapped(it, view, ADMIN, key="admin"))), "/view"
    )
    assert (data_of(answer), data_of(answer, "admin")) == ({"a": 1}, {"b": 2})


def test_under_another_key_the_framework_s_own_session_stays_where_it_is(it: Framework) -> None:
    def view() -> str:
        it.session["own"] = 1
        it.ours.get_session(key="admin")["b"] = 2
        return ""

    app = make_app(it, view=wrapped(it, view, ADMIN, key="admin"))
    answer = it.visit(app, "/view")
    assert own_data(it, app, answer) == {"own": 1}
    assert data_of(answer, "admin") == {"b": 2}


def test_views_that_call_each_other_share_the_session(it: Framework) -> None:
    def inner() -> str:
        it.session["inner"] = 1
        return ""

    def outer() -> str:
        it.session["outer"] = 1
        answer: str = wrapped(it, inner)()
        it.session["later"] = 1
        return answer

    answer = it.visit(make_app(it, outer=wrapped(it, outer)), "/outer")
    assert data_of(answer) == {"outer": 1, "inner": 1, "later": 1}


def test_an_error_handler_that_is_decorated_too_shares_the_session(it: Framework) -> None:
    def view() -> None:
        it.session["a"] = 1
        it.own.abort(404)

    def page(_: Exception) -> tuple[str, int]:
        it.session["missed"] = 1
        return "not here", 404

    app = make_app(it, view=wrapped(it, view))
    app.register_error_handler(404, wrapped(it, page))
    answer = it.visit(app, "/view")
    assert (answer.status, data_of(answer)) == (404, {"a": 1, "missed": 1})
    assert data_of(it.visit(app, "/nowhere")) == {"missed": 1}


# --- what the response could not carry ---------------------------------------------------------


def another(it: Framework, response: Any) -> Any:
    return it.own.current_app.response_class("another")


def without_cookies(it: Framework, response: Any) -> Any:
    del response.headers["Set-Cookie"]
    return response


@pytest.mark.parametrize("change", [another, without_cookies])
def test_a_cookie_that_a_later_function_takes_away_is_logged_as_lost(
    it: Framework, change: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    def view() -> str:
        it.session["a"] = 1
        return ""

    app = make_app(it, view=wrapped(it, view))
    app.after_request(lambda response: change(it, response))
    assert it.visit(app, "/view").cookies == {}
    (message,) = lost_changes(caplog)
    assert "returned another response" in message


def test_a_change_after_the_view_is_logged_as_lost(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    def after(response: Any) -> Any:
        it.ours.get_session()["late"] = 1
        return response

    def view() -> str:
        it.session["a"] = 1
        return ""

    app = make_app(it, view=wrapped(it, view))
    app.after_request(after)
    assert data_of(it.visit(app, "/view")) == {"a": 1}
    assert len(lost_changes(caplog)) == 1


def test_a_session_that_is_only_looked_at_is_not_logged(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(it, view=wrapped(it, lambda: str(len(it.session))))
    app.after_request(lambda response: another(it, response))
    it.visit(app, "/view", saved({"a": 1}))
    assert errors_in(caplog) == []


def test_an_after_request_function_that_crashes_leaves_the_browser_s_session(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    def view() -> str:
        it.session["a"] = 2
        return ""

    def after(response: Any) -> Any:
        if response.status_code < 500:
            raise CrashError
        return response

    app = make_app(it, view=wrapped(it, view))
    app.after_request(after)
    answer = it.visit(app, "/view", saved({"a": 1}))
    assert (answer.status, answer.cookies) == (500, {})
    assert lost_changes(caplog) == []


def test_an_error_handler_can_mend_a_session_that_is_too_large(it: Framework) -> None:
    def view() -> str:
        it.session["large"] = "x" * 8000
        return ""

    def start_over(_: CookieTooLargeError) -> str:
        it.session.clear()
        it.session["fresh"] = True
        return "mended"

    app = make_app(it, view=wrapped(it, view))
    app.register_error_handler(CookieTooLargeError, start_over)
    answer = it.visit(app, "/view", saved({"a": 1}))
    assert (answer.body, data_of(answer)) == (b"mended", {"fresh": True})
    assert list(answer.cookies) == [NAME]


def test_two_sessions_that_are_too_large_are_each_answered_once(it: Framework) -> None:
    def view() -> str:
        for key in ("session", "admin"):
            it.ours.get_session(key=key)["large"] = "x" * 8000
        return ""

    told: list[Exception] = []

    def handle(error: CookieTooLargeError) -> tuple[str, int]:
        told.append(error)
        return "too large", 413

    app = make_app(it, view=wrapped(it, wrapped(it, view, ADMIN, key="admin")))
    app.register_error_handler(CookieTooLargeError, handle)
    answer = it.visit(app, "/view")
    assert (answer.status, answer.cookies, len(told)) == (413, {}, 2)
    assert answer.vary == "Cookie"


@pytest.mark.parametrize("key", ["session", "admin"])
def test_a_session_that_is_too_large_without_a_handler_fails(it: Framework, key: str) -> None:
    def view() -> str:
        it.ours.get_session(key=key)["large"] = "x" * 8000
        return ""

    answer = it.visit(make_app(it, view=wrapped(it, view, key=key)), "/view")
    assert (answer.status, answer.cookies) == (500, {})


def test_a_response_that_is_kept_gives_nobody_the_cookie_of_another(it: Framework) -> None:
    kept: list[Any] = []

    def view() -> Any:
        if it.own.request.args:
            it.session["a"] = 1
        kept.extend([] if kept else [it.own.current_app.response_class("kept")])
        return kept[0]

    app = make_app(it, view=wrapped(it, view))
    assert list(it.visit(app, "/view?write=1").cookies) == [NAME]
    assert it.visit(app, "/view").cookies == {}


# --- what looks at the session by itself -------------------------------------------------------


@pytest.mark.parametrize("secret", [PASSWORD, FOREIGN])
def test_a_logout_of_flask_login_expires_a_session_that_can_t_be_read(
    it: Framework, secret: str
) -> None:
    def log_out() -> str:
        user_logged_out.send(app, user=None)
        return ""

    app = make_app(it, logout=wrapped(it, log_out))
    answer = it.visit(app, "/logout", saved({"cart": 1}, password=secret))
    expired = {name: cookie.max_age for name, cookie in answer.cookies.items()}
    assert expired == ({NAME: 0} if secret == FOREIGN else {})


@pytest.mark.parametrize("is_async", [False, True])
def test_no_frame_shows_a_secret(
    it: Framework, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def view() -> None:
        raise CrashError(it.session["secret"] == MARKER)

    async def view_async() -> None:
        view()

    options = make_options(password=SECRET)
    app = make_app(it, view=wrapped(it, view_async if is_async else view, options))
    it.visit(app, "/view", saved({"secret": MARKER}, password=SECRET))
    (error,) = [one.exc_info[1] for one in caplog.records if one.exc_info]
    assert isinstance(error, CrashError)
    assert error.args == (True,)
    assert leaks_of(error) == []


# --- Flask alone -------------------------------------------------------------------------------

FLASK, QUART = BOTH["flask"], BOTH["quart"]


def test_a_view_of_flask_may_return_the_session() -> None:
    def view() -> Any:
        it.session["a"] = 1
        return it.session, 201

    it = FLASK
    answer = it.visit(make_app(it, view=wrapped(it, view)), "/view")
    assert (answer.status, answer.json, data_of(answer)) == (201, {"a": 1}, {"a": 1})


@pytest.mark.parametrize("reader", ["list", "one part", "nobody"])
def test_a_streamed_body_that_is_read_early_leaves_flask_s_own_session_to_flask(
    reader: str, caplog: pytest.LogCaptureFixture
) -> None:
    it = FLASK
    seen: list[str] = []

    def parts() -> Iterator[str]:
        try:
            seen.append(type(behind(it)).__name__)
            yield str(it.session["a"])
            yield "!"
        finally:
            seen.append(type(behind(it)).__name__)

    def view() -> Any:
        it.session["a"] = 1
        return it.own.stream_with_context(parts())

    def after(response: Any) -> Any:
        if reader == "list":
            response.get_data()
        elif reader == "one part":
            next(response.response)
        it.session["own"] = 1
        return response

    app = make_app(it, view=wrapped(it, view))
    app.after_request(after)
    answer = it.visit(app, "/view")
    assert answer.body == (b"!" if reader == "one part" else b"1!")
    assert seen == ["FlaskSession"] * 2
    assert data_of(answer) == {"a": 1}
    assert own_data(it, app, answer) == {"own": 1}
    assert lost_changes(caplog) == []


def test_a_body_of_flask_s_that_has_no_close_is_streamed_too() -> None:
    it = FLASK
    app = make_app(it, view=wrapped(it, lambda: map(str, [len(it.session), 2])))
    assert it.visit(app, "/view").body == b"02"


def test_applications_of_flask_that_are_asked_one_after_the_other_each_have_their_session() -> None:
    """As with an application that asks another where it has no page itself."""
    it = FLASK

    def view() -> Any:
        it.session["count"] = it.session.get("count", 0) + 1
        it.own.abort(404)

    first = make_app(it, view=wrapped(it, view))
    second = make_app(it, view=wrapped(it, lambda: dict(it.session)))

    def cascade(environ: Any, start: Any) -> Any:
        first(environ, lambda *_: lambda _: None).close()
        return second(environ, start)

    assert it.visit(cascade, "/view", saved({"count": 1})).json == {"count": 1}


# --- Quart alone -------------------------------------------------------------------------------


def connect(app: Any, path: str) -> Any:
    return asyncio.run(asgi_driver.connect(app, Visit(target=path, headers=[])))


@pytest.mark.parametrize("with_interface", [False, True])
def test_a_websocket_of_quart_s_writes_at_its_accept(with_interface: bool) -> None:
    it = QUART

    async def socket() -> None:
        it.ours.get_session(key="admin")["b"] = 1
        await it.own.websocket.accept()
        await it.own.websocket.send("hello")

    interface = it.ours.IronSessionInterface(OPTIONS) if with_interface else None
    app = make_app(it, interface)
    app.add_websocket("/ws", view_func=wrapped(it, socket, ADMIN, key="admin"))
    handshake = connect(app, "/ws")
    assert (handshake.texts, list(handshake.cookies)) == (["hello"], ["admin"])


@pytest.mark.parametrize("action", ["leave", "crash", "refuse"])
def test_quart_s_own_session_is_around_a_websocket(
    action: str, caplog: pytest.LogCaptureFixture
) -> None:
    it = QUART
    seen: list[bool] = []

    async def socket() -> Any:
        it.session["large"] = "x" * (8000 if action == "refuse" else 1)
        if action == "crash":
            raise CrashError
        return ("no", 403) if action == "refuse" else None

    async def after(response: Any) -> Any:
        seen.append(isinstance(behind(it), Session))
        return response

    app = make_app(it)
    app.add_websocket("/ws", view_func=wrapped(it, socket))
    app.after_websocket(after)
    app.register_error_handler(CookieTooLargeError, lambda _: ("too large", 413))
    handshake = connect(app, "/ws")
    assert seen == [False]
    assert handshake.cookies == {}
    assert handshake.status == {"refuse": 413, "crash": 500}.get(action, handshake.status)
    assert len(lost_changes(caplog)) == (1 if action == "leave" else 0)
