"""`session.permanent` in Flask and Quart: how long such a session lives, and how it slides."""

from datetime import timedelta
from typing import Any

import pytest

from iron_session import ConfigurationError, CookieTooLargeError
from tests.contract.door import Visit
from tests.contract.logs import errors_in
from tests.helpers.clock import Clock
from tests.helpers.flask_and_quart import (
    DAY,
    MONTH,
    OPTIONS,
    Framework,
    life_of,
    next_cookie,
)
from tests.sessions.browser import FOREIGN, NAME, TTL, expiration_of, make_options, saved


@pytest.mark.parametrize(
    ("permanent", "life"),
    [(None, (TTL - 60, TTL)), (True, (MONTH - 60, MONTH)), (False, (None, TTL))],
)
@pytest.mark.parametrize("max_age", ["auto", None, 3600])
def test_permanent_decides_how_long_this_session_lives(
    it: Framework,
    clock: Clock,
    permanent: bool | None,
    life: tuple[int | None, float],
    max_age: Any,
) -> None:
    """Where the view has not said, the options decide."""

    def act() -> str:
        it.session["user"] = 1
        if permanent is not None:
            it.session.permanent = permanent
        return ""

    options = make_options(cookie_options={"max_age": max_age})
    answer = it.visit(it.make_app(options, act=act), "/act")
    if permanent is None and max_age != "auto":
        life = (max_age, TTL)
    assert life_of(answer.cookies[NAME], clock) == life


# --- permanent sessions slide ------------------------------------------------------------------

PERMANENT = {"_permanent": True, "user": 1}


def test_a_permanent_session_is_written_by_each_response_that_looks_at_it(
    it: Framework, clock: Clock
) -> None:
    """By Flask's default, SESSION_REFRESH_EACH_REQUEST; no cache may keep the cookie."""
    app, cookie = it.make_app(), saved(PERMANENT)
    for _ in range(3):
        clock.advance(10 * DAY)
        answer = it.visit(app, "/show", cookie)
        assert life_of(answer.cookies[NAME], clock) == (MONTH - 60, MONTH)
        assert (answer.vary, answer.cache_control) == ("Cookie", "no-store")
        cookie = next_cookie(answer)
    assert it.visit(app, "/show", cookie).json == PERMANENT


def test_a_visitor_who_stays_away_is_logged_out_by_the_recipe_of_many_applications(
    it: Framework, clock: Clock
) -> None:
    """Five minutes after the last request."""
    app = it.make_app()

    @app.before_request  # type: ignore[untyped-decorator]  # the app is Any
    def make_permanent() -> None:
        it.session.permanent = True
        app.permanent_session_lifetime = timedelta(minutes=5)

    cookie = saved({"user": 1})
    for _ in range(4):
        answer = it.visit(app, "/show", cookie)
        assert answer.json["user"] == 1
        cookie = next_cookie(answer)
        clock.advance(299)
    clock.advance(120)
    assert it.visit(app, "/show", cookie).json == {"_permanent": True}


@pytest.mark.parametrize("permanent", [True, False, None])
@pytest.mark.parametrize("refresh", [True, False])
@pytest.mark.parametrize("change", [True, False])
def test_a_session_that_is_looked_at_is_written_where_the_framework_writes_its_own(
    it: Framework, permanent: bool | None, refresh: bool, change: bool
) -> None:
    def begin() -> str:
        it.session["user"] = 1
        if permanent is not None:
            it.session.permanent = permanent
        return ""

    def look() -> str:
        user = it.session["user"]
        if change:
            it.session["user"] = user + 1
        return str(it.session["user"])

    written = []
    for interface in (it.ours.IronSessionInterface(OPTIONS), it.own_interface):
        app = it.make_app(begin=begin, look=look)
        app.session_interface = interface
        app.config.update(
            SECRET_KEY="signs", SESSION_COOKIE_NAME=NAME, SESSION_REFRESH_EACH_REQUEST=refresh
        )
        answer = it.visit(app, "/look", next_cookie(it.visit(app, "/begin")))
        written.append((answer.body, list(answer.cookies)))
    assert written[0] == written[1]


STILL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing was said": ({"user": 1}, {}),
    "it ends with the browser": ({"_permanent": False, "user": 1}, {}),
    "of another type": ({"_permanent": 1, "user": 1}, {}),
    "not wanted": (PERMANENT, {"SESSION_REFRESH_EACH_REQUEST": False}),
}


@pytest.mark.parametrize("kind", STILL)
def test_any_other_session_that_was_only_read_is_not_written(it: Framework, kind: str) -> None:
    data, settings = STILL[kind]
    app = it.make_app()
    app.config.update(settings)
    answer = it.visit(app, "/show", saved(data))
    assert (answer.json, answer.cookies) == (data, {})


def test_a_page_that_leaves_a_permanent_session_alone_neither_reads_nor_writes_it(
    it: Framework,
) -> None:
    """Static files stay cacheable, and cost nothing."""
    opened: list[Any] = []
    app = it.make_app(make_options(on_unseal=opened.append), still=lambda: "hello")
    answer = it.visit(app, "/still", saved(PERMANENT))
    assert (answer.cookies, answer.vary, answer.cache_control) == ({}, None, None)
    assert opened == []
    it.visit(app, "/show", saved(PERMANENT))
    assert len(opened) == 1


def test_asking_whether_a_session_is_permanent_writes_none_where_there_is_none(
    it: Framework,
) -> None:
    answer = it.visit(it.make_app(ask=lambda: [it.session.permanent]), "/ask")
    assert (answer.json, answer.cookies) == ([False], {})


@pytest.mark.parametrize("refresh", [True, False])
def test_renew_after_decides_how_often_a_permanent_session_is_written(
    it: Framework, clock: Clock, refresh: bool
) -> None:
    """Each writing can undo what another tab has written meanwhile; so some want fewer."""
    app = it.make_app(make_options(renew_after=DAY), set=lambda: it.session.update(PERMANENT) or "")
    cookie = next_cookie(it.visit(app, "/set"))
    app.config["SESSION_REFRESH_EACH_REQUEST"] = refresh  # checked at the first request
    assert it.visit(app, "/show", cookie).cookies == {}
    clock.advance(3 * DAY)
    renewed = it.visit(app, "/show", cookie).cookies[NAME]
    assert life_of(renewed, clock) == (MONTH - 60, MONTH)


def test_a_permanent_session_slides_no_further_than_max_lifetime(
    it: Framework, clock: Clock
) -> None:
    options = make_options(max_lifetime=40 * DAY)
    app = it.make_app(options, set=lambda: it.session.update(PERMANENT) or "")
    cookie = next_cookie(it.visit(app, "/set"))
    clock.advance(30 * DAY)
    cookie_of_then = it.visit(app, "/show", cookie).cookies[NAME]
    assert life_of(cookie_of_then, clock) == (10 * DAY - 60, 10 * DAY)


@pytest.mark.parametrize("mode", [None, "navigate", "cors", "no-cors", "websocket"])
def test_what_a_page_loads_makes_a_permanent_session_slide_once_in_a_tenth_of_its_life(
    it: Framework, clock: Clock, mode: str | None
) -> None:
    """Such requests come many at a time; each that writes can undo a logout in another tab."""
    app = it.make_app()
    cookie = next_cookie(it.visit(app, "/show", saved(PERMANENT)))
    fetch = [] if mode is None else [("Sec-Fetch-Mode", mode)]
    at_any_time = mode in (None, "navigate")
    for seconds, is_time in ((0, False), (MONTH / 10 - 1, False), (2, True)):
        clock.advance(seconds)
        answer = it.send(app, Visit(target="/show", headers=[("Cookie", cookie), *fetch]))
        assert list(answer.cookies) == ([NAME] if at_any_time or is_time else [])


def test_a_permanent_session_without_an_end_slides_by_any_request(it: Framework) -> None:
    """JavaScript may have sealed it so; here it gets its end."""
    cookie = saved(PERMANENT, ttl=0)
    headers = [("Cookie", cookie), ("Sec-Fetch-Mode", "cors")]
    answer = it.send(it.make_app(), Visit(target="/show", headers=headers))
    assert expiration_of(answer.cookies[NAME].value) is not None


@pytest.mark.parametrize("change", [True, False])
def test_a_permanent_session_that_was_saved_already_is_not_sealed_again(
    it: Framework, change: bool
) -> None:
    def act() -> list[str | None]:
        session = it.ours.get_session()
        if change:
            session["count"] = 1
        session.save()
        return [session.seal]

    answer = it.visit(it.make_app(act=act), "/act", saved(PERMANENT))
    assert answer.json == [answer.cookies[NAME].value]


def test_a_permanent_session_that_nobody_has_read_is_not_read_to_slide(it: Framework) -> None:
    """Flask notes an access already where code asks for the session itself."""
    opened: list[Any] = []

    def ask() -> str:
        it.ours.get_session().mark_accessed()
        return ""

    app = it.make_app(make_options(on_unseal=opened.append), ask=ask)
    answer = it.visit(app, "/ask", saved(PERMANENT))
    assert (answer.cookies, answer.vary, opened) == ({}, "Cookie", [])


def test_a_permanent_session_that_was_abandoned_is_not_sealed(it: Framework) -> None:
    jars: list[Any] = []

    def act() -> str:
        session = it.ours.get_session()
        session.get("user")
        session.abandon()
        jars.append(session.jar)
        return ""

    assert it.visit(it.make_app(act=act), "/act", saved(PERMANENT)).cookies == {}
    assert jars[0].set_cookie_headers == []


def test_a_second_session_that_is_permanent_slides_too(it: Framework, clock: Clock) -> None:
    app = it.make_app(look=lambda: dict(it.ours.get_session(key="admin")))
    answer = it.visit(app, "/look", saved(PERMANENT, cookie_name="admin", password=FOREIGN))
    assert answer.json == PERMANENT
    assert list(answer.cookies) == ["admin"]
    assert life_of(answer.cookies["admin"], clock) == (MONTH - 60, MONTH)


def test_a_request_that_failed_does_not_make_a_permanent_session_slide(it: Framework) -> None:
    def fail() -> None:
        it.session.get("user")
        raise ZeroDivisionError

    answer = it.visit(it.make_app(fail=fail), "/fail", saved(PERMANENT))
    assert (answer.status, answer.cookies) == (500, {})


def test_a_permanent_session_that_does_not_fit_any_more_is_kept_as_it_is(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    """The visitor did nothing wrong: it came in chunks, which the options take no more."""
    large = {**PERMANENT, "large": "x" * 4000}
    answer = it.visit(it.make_app(), "/show", saved(large, chunk=True))
    assert (answer.status, answer.json, answer.cookies) == (200, large, {})
    (message,) = errors_in(caplog)
    assert "was not renewed" in message


def test_what_could_not_be_written_is_not_tried_again_because_it_is_permanent(
    it: Framework,
) -> None:
    """The application's handler answers, once."""
    told: list[Exception] = []

    def fill() -> str:
        it.session["large"] = "x" * 8000
        return ""

    def answer(error: Exception) -> tuple[str, int]:
        told.append(error)
        return type(error).__name__, 413

    app = it.make_app(fill=fill)
    app.register_error_handler(CookieTooLargeError, answer)
    sent = it.visit(app, "/fill", saved(PERMANENT))
    assert (sent.status, sent.body, sent.cookies) == (413, b"CookieTooLargeError", {})
    assert len(told) == 1


def test_a_lifetime_of_nothing_is_told_once_where_a_permanent_session_was_only_read(
    it: Framework,
) -> None:
    told: list[Exception] = []

    def answer(error: Exception) -> tuple[str, int]:
        told.append(error)
        return "wrong", 500

    app = it.make_app()
    app.before_request(lambda: setattr(app, "permanent_session_lifetime", timedelta(0)))
    app.register_error_handler(ConfigurationError, answer)
    sent = it.visit(app, "/show", saved(PERMANENT))
    assert (sent.body, sent.cookies) == (b"wrong", {})
    assert len(told) == 1


def test_extensions_are_told_that_a_permanent_session_is_written(it: Framework) -> None:
    def ask() -> list[bool]:
        interface, current = app.session_interface, it.ours.get_session()
        return [interface.should_set_cookie(app, current)]

    app = it.make_app(ask=ask)
    assert it.visit(app, "/ask", saved(PERMANENT)).json == [True]
    assert it.visit(app, "/ask", saved({"user": 1})).json == [False]
