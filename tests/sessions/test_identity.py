"""Whose session it is: `login`, ids, `user_of`; and what JavaScript and older seals make of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    HeadersAlreadySentError,
    NotSerializableError,
    Session,
    SessionDestroyedError,
    SessionUnavailableError,
    get_iron_session,
)
from iron_session.sessions.jar import HeaderJar
from tests.helpers.clock import Clock
from tests.helpers.revoker import Ledger
from tests.sessions.browser import NAME, NOW, Browser, make_options, seal_text

HOUR = 3600
LIFE = {"ttl": HOUR, "max_lifetime": 24 * HOUR}
ID = re.compile(r"[A-Za-z0-9_-]{22}")


@pytest.fixture(autouse=True)
def _now(clock: Clock) -> None:
    clock.now = NOW


def commit(browser: Browser, session: Session[Any]) -> dict[str, Any]:
    """Answer a request, and return the browser's cookies."""
    session.commit()
    browser.answer()
    return browser.cookies


def logged_in(browser: Browser, options: Any, user: str = "42") -> str:
    """Log a user in, and return the session's id."""
    session = browser.request(options)
    session.login(user)
    commit(browser, session)
    assert session.id is not None
    return session.id


# --- login ---


def test_a_login_gives_an_id_that_stays_over_all_saves_and_the_user_and_the_time(
    clock: Clock,
) -> None:
    browser, options = Browser(), make_options()
    first = logged_in(browser, options)
    assert ID.fullmatch(first)
    clock.now += 60_000
    session = browser.request(options)
    session["visits"] = 1
    commit(browser, session)
    session = browser.request(options)
    assert (session.id, session.user_id) == (first, "42")
    assert session.logged_in_at == datetime.fromtimestamp(NOW / 1000, UTC)
    assert session == {"visits": 1}


def test_a_session_without_a_login_has_neither_id_nor_user() -> None:
    browser, options = Browser(), make_options()
    session = browser.request(options)
    session["cart"] = [1]
    commit(browser, session)
    session = browser.request(options)
    assert (session.id, session.user_id, session.logged_in_at) == (None, None, None)


def test_a_login_begins_anew_and_keeps_only_what_it_carries() -> None:
    browser, options = Browser(), make_options(max_lifetime=14 * 24 * HOUR)
    session = browser.request(options)
    session.update(cart=[1], planted="by an attacker")
    commit(browser, session)
    session = browser.request(options)
    session.login("42", carry=("cart", "missing"))
    assert session == {"cart": [1]}
    commit(browser, session)
    assert browser.request(options) == {"cart": [1]}


def test_each_login_has_an_id_of_its_own() -> None:
    options = make_options()
    assert logged_in(Browser(), options) != logged_in(Browser(), options)
    browser = Browser()
    assert logged_in(browser, options) != logged_in(browser, options)


def test_a_login_without_any_data_is_written_and_read() -> None:
    browser, options = Browser(), make_options()
    logged_in(browser, options)
    session = browser.request(options)
    assert (dict(session), session.user_id, session.is_new) == ({}, "42", False)


def test_who_is_logged_in_stays_so_when_the_last_value_goes() -> None:
    browser, options = Browser(), make_options()
    session = browser.request(options)
    session.login("42")
    session["hint"] = 1
    commit(browser, session)
    session = browser.request(options)
    del session["hint"]
    commit(browser, session)
    assert browser.request(options).user_id == "42"


@pytest.mark.parametrize("end", ["clear", "destroy"])
def test_a_logout_ends_the_identity_too(end: str) -> None:
    browser, options = Browser(), make_options()
    logged_in(browser, options)
    session = browser.request(options)
    getattr(session, end)()
    assert (session.id, session.user_id) == (None, None)
    assert commit(browser, session) == {}


def test_a_login_that_is_not_fresh_has_no_time() -> None:
    """Also after saves, and a step-up asks for the password then."""
    browser, options = Browser(), make_options()
    logged_in(browser, options)
    session = browser.request(options)
    before = session.id
    session.login("42", fresh=False)
    for number in range(2):
        session["visits"] = number
        commit(browser, session)
        session = browser.request(options)
        assert (session.user_id, session.logged_in_at) == ("42", None)
        assert session.id not in (None, before)


def test_what_is_written_after_a_clear_is_nobody_s() -> None:
    browser, options = Browser(), make_options()
    logged_in(browser, options)
    session = browser.request(options)
    session.clear()
    session["notice"] = "bye"
    commit(browser, session)
    session = browser.request(options)
    assert (dict(session), session.id, session.user_id) == ({"notice": "bye"}, None, None)


def test_a_logout_that_leaves_data_leaves_no_user() -> None:
    browser, options = Browser(), make_options()
    session = browser.request(options)
    session.login("42")
    session["cart"] = [1]
    commit(browser, session)
    session = browser.request(options)
    session.expire_unreadable()  # what Flask-Login's signal calls
    commit(browser, session)
    session = browser.request(options)
    assert (dict(session), session.id, session.user_id) == ({"cart": [1]}, None, None)


def test_replacing_the_data_leaves_the_user_logged_in() -> None:
    browser, options = Browser(), make_options()
    first = logged_in(browser, options)
    session = browser.request(options)
    session.replace({"a": 1})
    commit(browser, session)
    session = browser.request(options)
    assert (session.id, session.user_id, dict(session)) == (first, "42", {"a": 1})


@pytest.mark.parametrize("user", [42, b"42", True])
def test_an_id_that_is_no_text_is_refused_with_the_mend(user: Any) -> None:
    session = Browser().request(make_options())
    with pytest.raises(TypeError, match=r"^user_id must be text, not \w+: use str\(…\)$"):
        session.login(user)
    assert session.id is None


def test_a_login_of_none_is_refused_without_making_it_text() -> None:
    """It is most often a new user who has no id yet, not a session of nobody's."""
    session = Browser().request(make_options())
    with pytest.raises(TypeError) as caught:
        session.login(None)  # type: ignore[arg-type]  # a wrong type, which is refused
    assert str(caught.value) == (
        "user_id is None, as of a user whom the database has given no id yet: save or flush the "
        "new user before the login"
    )
    assert session.id is None


@pytest.mark.parametrize("user", ["", "x" * 257, "\ud800"])
def test_an_id_that_cannot_be_one_is_refused(user: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^user_id must have 1 to 256 characters"):
        Browser().request(make_options()).login(user)


@pytest.mark.parametrize("user", ["x", "x" * 256, "a:b\n*~", "Zoë", "0"])
def test_every_other_text_is_a_user_s_id(user: str) -> None:
    browser, options = Browser(), make_options()
    logged_in(browser, options, user)
    assert browser.request(options).user_id == user


def test_a_label_that_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^label must be a text"):
        Browser().request(make_options()).login("42", label=1)  # type: ignore[arg-type]  # a wrong type, which is refused


@pytest.mark.parametrize(
    ("label", "kept"), [("x" * 300, "x" * 256), ("a\0b\ud800c", "abc"), ("", ""), (None, None)]
)
def test_of_an_odd_label_that_is_kept_what_can_be(label: str | None, kept: str | None) -> None:
    """A browser may have said it: that is no error of the application's."""
    ledger = Ledger()
    session = Browser().request(make_options(revocations=ledger, max_lifetime=30 * 86400))
    session.login("42", label=label)
    session.save()
    assert [note[3] for note in ledger.noted] == [kept]


@pytest.mark.parametrize("carry", ["cart", 1, None])
def test_keys_to_carry_that_are_no_collection_are_refused(carry: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^carry must be a collection of keys"):
        Browser().request(make_options()).login("42", carry=carry)


def test_a_login_into_a_destroyed_session_is_an_error_not_a_lost_login() -> None:
    session = Browser().request(make_options())
    session.destroy()
    session.login("42")
    with pytest.raises(SessionDestroyedError):
        session.save()
    assert session.is_unsaved is False  # the application knows it


def test_a_login_that_comes_too_late_is_told(caplog: pytest.LogCaptureFixture) -> None:
    session = Browser().request(make_options())
    session.detach()
    session.login("42")
    assert "the change to session 'myapp' is lost" in caplog.text
    with pytest.raises(HeadersAlreadySentError):
        session.save()


def test_a_login_that_was_not_saved_counts_as_unsaved() -> None:
    session = Browser().request(make_options())
    unsaved = []
    for step in (partial(session.login, "42"), session.save, session.destroy):
        step()
        unsaved.append(session.is_unsaved)
    session.login("44")
    assert [*unsaved, session.is_unsaved] == [True, False, False, True]


@dataclass
class Visitor:
    """Typed data."""

    cart: int = 0
    name: str = ""


def test_a_login_carries_fields_of_a_schema() -> None:
    browser, options = Browser(), make_options(schema=Visitor)
    session = browser.request(options)
    session.data.cart, session.data.name = 7, "planted"
    commit(browser, session)
    session = browser.request(options)
    session.login("42", carry=("cart",))
    assert session.data == Visitor(cart=7)
    commit(browser, session)
    session = browser.request(options)
    assert (session.data, session.user_id) == (Visitor(cart=7), "42")


# --- what others write into the mark ---


@pytest.mark.parametrize(
    "mark",
    ['{"id":1,"user":2,"login":"x","since":"y"}', '{"id":"","user":"","login":true}', "{}"],
)
def test_a_mark_of_other_types_names_nobody(mark: str) -> None:
    browser = Browser({NAME: seal_text(f'{{"a":1,"$iron":{mark}}}')})
    session = browser.request(make_options())
    assert (session.id, session.user_id, session.logged_in_at) == (None, None, None)
    assert session == {"a": 1}


def test_a_time_of_login_beyond_all_years_is_the_last_one() -> None:
    browser = Browser(
        {NAME: seal_text('{"$iron":{"id":"x","user":"1","login":99999999999999999}}')}
    )
    assert browser.request(make_options()).logged_in_at == datetime.max.replace(tzinfo=UTC)


# --- user_of ---


def user_of(data: dict[str, Any]) -> str | None:
    """Return what the applications of these tests keep as their user."""
    user: str | None = data.get("user")
    return user


def test_user_of_gives_an_identity_to_applications_that_do_not_call_login(clock: Clock) -> None:
    browser, options = Browser(), make_options(user_of=user_of)
    session = browser.request(options)
    session["cart"] = [1]
    commit(browser, session)
    assert browser.request(options).id is None
    clock.now += 1000
    session = browser.request(options)
    session["user"] = "ada"
    commit(browser, session)
    session = browser.request(options)
    first = session.id
    assert ID.fullmatch(first or "")
    assert session.user_id == "ada"
    assert session.logged_in_at == datetime.fromtimestamp((NOW + 1000) / 1000, UTC)
    session["cart"] = [2]
    commit(browser, session)
    assert browser.request(options).id == first


def test_with_user_of_another_user_has_another_id_and_nobody_has_none() -> None:
    browser, options = Browser(), make_options(user_of=user_of)
    ids = []
    for user in ("ada", "bob", None):
        session = browser.request(options)
        session["user"] = user
        commit(browser, session)
        session = browser.request(options)
        ids.append(session.id)
        assert session.user_id == user
    assert len(set(ids)) == 3
    assert ids[2] is None
    assert session.logged_in_at is None


def test_login_and_user_of_exclude_each_other() -> None:
    session = Browser().request(make_options(user_of=user_of))
    with pytest.raises(ConfigurationError, match=r"^a login names its user, and so does user_of"):
        session.login("42")


def test_user_of_that_returns_something_else_is_an_error_at_the_save() -> None:
    session = Browser().request(make_options(user_of=user_of))
    session["user"] = 1
    with pytest.raises(TypeError, match=r"^what user_of returns must be text, not int"):
        session.save()


@pytest.mark.parametrize("option", ["user_of", "accept"])
def test_neither_may_be_a_coroutine_or_no_function(option: str) -> None:
    async def wait(*_: object) -> bool:
        return True

    for given in (wait, 1):
        with pytest.raises(ConfigurationError, match=f"^{option} must be a"):
            make_options(**{option: given})


# --- with what ends sessions ---


def test_with_revocations_each_save_gives_an_id_and_a_since_to_anonymous_sessions_too() -> None:
    ledger = Ledger(clock=5_000)
    browser, options = Browser(), make_options(revocations=ledger, **LIFE)
    session = browser.request(options)
    session["cart"] = [1]
    commit(browser, session)
    session = browser.request(options)
    first = session.id
    assert ID.fullmatch(first or "")
    assert session.identity == (first, None, 5_000)
    ledger.clock = 9_000
    session["cart"] = [2]
    commit(browser, session)
    session = browser.request(options)
    assert session.identity == (first, None, 5_000)


def test_what_ended_a_user_while_an_unmarked_session_was_in_use_ends_it_still() -> None:
    ledger = Ledger(clock=5_000)
    options = make_options(revocations=ledger, user_of=user_of, **LIFE)
    browser = Browser({NAME: seal_text('{"user":"ada"}')})
    session = browser.request(options)
    session["seen"] = 1
    ledger.clock = 6_000
    ledger.end_user("ada")
    commit(browser, session)  # a late response
    assert browser.request(options) == {}


@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.parametrize("how", ["set", "update", "replace"])
def test_an_ending_after_a_user_was_named_and_before_the_save_ends_that_login(
    how: str, is_new: bool
) -> None:
    """Also if the session is changed or written again, or named its user before that."""
    ledger = Ledger(clock=5_000)
    options = make_options(revocations=ledger, user_of=user_of, **LIFE)
    browser = Browser()
    if not is_new:
        browser.visit(options, cart=1, user="bob")
    session = browser.request(options)
    if how == "set":
        session["user"] = "ada"
    else:
        getattr(session, how)({"user": "ada"})
    ledger.clock = 6_000
    ledger.end_user("ada")
    ledger.clock = 7_000
    session["seen"] = 1
    session.save()
    session["seen"] = 2
    commit(browser, session)
    assert browser.request(options) == {}


def test_a_user_who_is_named_after_an_ending_in_the_same_request_is_logged_in() -> None:
    """As where a new password ends all sessions of its user, and begins one."""
    ledger = Ledger(clock=5_000)
    options = make_options(revocations=ledger, user_of=user_of, **LIFE)
    browser = Browser()
    browser.visit(options, user="ada")
    session = browser.request(options)
    session["seen"] = 1
    ledger.end_user("ada")
    session.clear()
    session["user"] = "ada"
    commit(browser, session)
    assert browser.request(options).user_id == "ada"


def test_an_ending_between_a_login_and_its_save_ends_the_login() -> None:
    ledger = Ledger(clock=5_000)
    browser, options = Browser(), make_options(revocations=ledger, **LIFE)
    session = browser.request(options)
    session.login("42")
    ledger.end_user("42")
    commit(browser, session)
    assert browser.request(options).user_id is None


def test_a_login_within_the_same_moment_as_an_ending_lives() -> None:
    ledger = Ledger(clock=5_000)
    options = make_options(revocations=ledger, **LIFE)
    browser = Browser()
    ledger.end_user("42")
    logged_in(browser, options)
    assert browser.request(options).user_id == "42"
    ledger.end_user("42")
    assert browser.request(options).user_id is None


def test_logins_and_visits_are_noted(clock: Clock) -> None:
    ledger = Ledger()
    browser, options = Browser(), make_options(revocations=ledger, **LIFE)
    session = browser.request(options)
    session["cart"] = 1
    commit(browser, session)
    assert ledger.noted == []
    session = browser.request(options)
    session.login("42", label="Firefox")
    commit(browser, session)
    clock.now += 5000
    session["a"] = 1
    session.save()
    end = NOW + HOUR * 1000
    assert ledger.noted == [
        ("login", session.id, "42", "Firefox", NOW, end),
        ("seen", session.id, "42", end + 5000),
    ]
    assert ledger.lives == [(HOUR * 1000, 24 * HOUR * 1000)]


def test_a_user_whom_the_data_names_is_noted_as_signed_in() -> None:
    """Once for each, by the id that the session has then; later saves are visits."""
    ledger = Ledger()
    browser, options = Browser(), make_options(revocations=ledger, user_of=user_of, **LIFE)
    ids = []
    for changes in ({"cart": 1}, {"user": "ada"}, {"cart": 2}, {"user": "bob"}):
        browser.visit(options, **changes)
        ids.append(browser.request(options).id)
    end = NOW + HOUR * 1000
    assert ledger.noted == [
        ("login", ids[1], "ada", None, NOW, end),
        ("seen", ids[1], "ada", end),
        ("login", ids[3], "bob", None, NOW, end),
    ]


def test_a_user_of_a_session_without_an_id_is_noted_when_it_gets_one() -> None:
    """As Node.js writes it."""
    ledger = Ledger()
    options = make_options(revocations=ledger, user_of=user_of, **LIFE)
    browser = Browser({NAME: seal_text('{"user":"ada"}')})
    browser.visit(options, cart=1)
    id_ = browser.request(options).id
    assert ledger.noted == [("login", id_, "ada", None, NOW, NOW + HOUR * 1000)]


def test_a_login_while_the_store_was_never_reached_is_refused_and_changes_nothing() -> None:
    ledger = Ledger()
    browser, options = Browser(), make_options(revocations=ledger, **LIFE)
    session = browser.request(options)
    session["cart"] = 1
    commit(browser, session)
    session = browser.request(options)
    first = session.id
    ledger.clock = None
    with pytest.raises(SessionUnavailableError, match=r"^the store was never reached$"):
        session.login("42")
    assert (session.id, dict(session)) == (first, {"cart": 1})


def test_the_framework_s_own_form_of_the_error_is_raised() -> None:
    class KnownError(SessionUnavailableError):
        pass

    class Head:
        scheme = "https"
        unavailable_error = KnownError

        def get(self, name: str) -> list[str]:
            return []

    options = make_options(revocations=Ledger(clock=None), **LIFE)
    session = get_iron_session(HeaderJar(None, Head()), options)
    session["a"] = 1
    with pytest.raises(KnownError, match=r"^the store was never reached$"):
        session.save()
    assert session.is_unsaved is False


def test_revocations_need_a_max_lifetime() -> None:
    with pytest.raises(ConfigurationError, match=r"^revocations need a max_lifetime"):
        make_options(revocations=Ledger())
    with pytest.raises(ConfigurationError, match=r"^revocations must be .*, not str$"):
        make_options(revocations="redis://", **LIFE)


def test_what_is_carried_and_does_not_fit_leaves_the_session_as_it_was() -> None:
    browser, options = Browser(), make_options(schema=Pair)
    session = browser.request(options)
    session.data.low, session.data.high = 5, 9
    commit(browser, session)
    session = browser.request(options)
    with pytest.raises(NotSerializableError):
        session.login("42", carry=("low",))
    assert session.data == Pair(5, 9)
    assert session.user_id is None


@dataclass
class Pair:
    """Typed data whose parts depend on each other."""

    low: int = 0
    high: int = 0

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low must not be above high")
