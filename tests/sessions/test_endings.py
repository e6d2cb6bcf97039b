"""Sessions that are ended, refused, or of which that can't be told."""

from __future__ import annotations

import asyncio
import gc
import traceback
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypedDict

import pytest

from iron_session import SessionOptions, SessionUnavailableError, Unsealed
from iron_session.http.request import RequestSessions
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.session import Session
from tests.helpers.clock import Clock
from tests.helpers.revoker import Ledger
from tests.sessions.browser import NAME, NOW, Browser, Failures, make_options, seal_text

HOUR = 3600
DAY_MS = 24 * HOUR * 1000


@pytest.fixture(autouse=True)
def _now(clock: Clock) -> None:
    clock.now = NOW


@pytest.fixture
def ledger() -> Ledger:
    """What ends sessions here."""
    return Ledger()


@pytest.fixture
def failures() -> Failures:
    """What the hook was told."""
    return Failures()


@pytest.fixture
def options(ledger: Ledger, failures: Failures) -> SessionOptions:
    """Options of sessions that can be ended."""
    return make_options(
        revocations=ledger, ttl=HOUR, max_lifetime=24 * HOUR, on_unseal_error=failures
    )


def log_in(browser: Browser, options: SessionOptions, **data: Any) -> Session:
    """Log 42 in, with some data."""
    session = browser.request(options)
    session.login("42")
    session.update(data)
    session.commit()
    browser.answer()
    return session


def answered(browser: Browser, session: Session) -> dict[str, Any]:
    """Commit, and return what the response sets."""
    session.commit()
    return dict(browser.answer())


# --- ended ---


def test_the_session_of_a_user_who_was_ended_is_empty_and_the_hook_is_told_once(
    ledger: Ledger, failures: Failures, options: SessionOptions
) -> None:
    browser = Browser()
    log_in(browser, options, a=1)
    ledger.end_user("42")
    session = browser.request(options)
    assert (dict(session), session.is_new, session.user_id) == ({}, True, None)
    assert session.unavailable is False
    assert failures.reasons == ["ended"]
    assert answered(browser, session) == {}


def test_a_copy_of_the_cookie_ends_with_a_logout_elsewhere(
    ledger: Ledger, options: SessionOptions
) -> None:
    for end in (Session.destroy, Session.clear):
        browser = Browser()
        session_id = log_in(browser, options, a=1).id
        stolen = Browser(dict(browser.cookies))
        session = browser.request(options)
        end(session)
        assert list(ledger.ended) == [session_id]
        assert answered(browser, session)[NAME].max_age == 0
        assert stolen.request(options) == {}
        ledger.ended.clear()


def test_a_logout_where_it_can_not_be_told_whether_the_session_was_ended_ends_it(
    ledger: Ledger, options: SessionOptions
) -> None:
    browser = Browser()
    session_id = log_in(browser, options).id
    ledger.reachable = False
    session = browser.request(options)
    session.destroy()
    assert ledger.ended == [session_id]


@pytest.mark.parametrize("is_saved", [False, True])
@pytest.mark.parametrize("end", [Session.destroy, Session.clear])
@pytest.mark.parametrize("kind", ["login", "user_of", "unavailable"])
def test_a_logout_after_a_login_in_the_same_request_ends_the_session_from_before_too(
    ledger: Ledger, options: SessionOptions, kind: str, end: Any, is_saved: bool
) -> None:
    """The browser still has its cookie, and so may whoever has copied it."""
    if kind == "user_of":
        options = replace(options, user_of=lambda data: data.get("user"))
    browser = Browser()
    session = browser.request(options)
    session.update(user="41")
    session.save()
    browser.answer()
    ledger.reachable = kind != "unavailable"
    session = browser.request(options)
    if kind == "user_of":
        session["user"] = "42"
    else:
        session.login("40")
        session.login("42")
    if is_saved or kind == "user_of":
        session.save()
    ids = [browser.request(replace(options, revocations=None)).id, session.id]
    end(session)
    assert sorted(ledger.ended) == sorted(map(str, ids))
    assert len(session.endings) == 2


@pytest.mark.parametrize("kind", ["schema", "migrate", "accept", "lifetime"])
def test_a_logout_from_a_session_that_is_not_accepted_here_ends_it_elsewhere(
    ledger: Ledger, options: SessionOptions, clock: Clock, kind: str
) -> None:
    """Another release of the application, whose type it fits, would open a copy."""
    browser = Browser()
    options = replace(options, ttl=2 * HOUR) if kind == "lifetime" else options
    session_id = log_in(browser, options, a=1).id
    clock.advance(1.5 * HOUR if kind == "lifetime" else 0)

    def fail(*_: object) -> Any:
        raise LookupError

    kinds: dict[str, dict[str, Any]] = {
        "schema": {"schema": Other},
        "migrate": {"migrate": fail},
        "accept": {"accept": lambda data, about: False},
        "lifetime": {"ttl": HOUR, "max_lifetime": HOUR},
    }
    changes = kinds[kind]
    session = browser.request(replace(options, **changes))
    assert dict(session) == {}
    session.destroy()
    assert list(ledger.ended) == [session_id]


class Other(TypedDict, total=False):
    """What no session of these tests fits."""

    a: str


def test_a_late_response_of_a_parallel_request_does_not_revive_what_was_ended(
    options: SessionOptions,
) -> None:
    browser = Browser()
    log_in(browser, options, a=1)
    late = Browser(dict(browser.cookies))
    slow = late.request(options)
    slow["b"] = 2
    session = browser.request(options)
    session.destroy()
    answered(browser, session)
    answered(late, slow)
    assert late.cookies
    assert late.request(options) == {}


def test_a_destroy_before_the_session_was_read_ends_it_too(
    ledger: Ledger, options: SessionOptions
) -> None:
    browser = Browser()
    session_id = log_in(browser, options).id
    browser.request(options).destroy()
    assert list(ledger.ended) == [session_id]


def test_a_destroy_after_the_headers_were_sent_ends_the_session_all_the_same(
    ledger: Ledger, options: SessionOptions
) -> None:
    browser = Browser()
    session_id = log_in(browser, options).id
    session = browser.request(options)
    browser.jar.close()
    with pytest.raises(Exception, match=r"headers were already sent"):
        session.destroy()
    assert list(ledger.ended) == [session_id]


def test_neither_a_login_nor_a_save_ends_the_id_before(
    ledger: Ledger, options: SessionOptions
) -> None:
    browser = Browser()
    log_in(browser, options)
    log_in(browser, options)
    session = browser.request(options)
    session["a"] = 1
    answered(browser, session)
    assert ledger.ended == []


def test_after_a_clear_another_id_begins(ledger: Ledger, options: SessionOptions) -> None:
    browser = Browser()
    first = log_in(browser, options).id
    session = browser.request(options)
    session.clear()
    session["notice"] = "bye"
    answered(browser, session)
    session = browser.request(options)
    assert dict(session) == {"notice": "bye"}
    assert session.id not in (None, first)


def test_with_user_of_a_user_who_goes_is_ended(ledger: Ledger) -> None:
    options = make_options(
        revocations=ledger, ttl=HOUR, max_lifetime=HOUR, user_of=lambda data: data.get("user")
    )
    browser = Browser()
    browser.visit(options, user="ada", cart=1)
    first = browser.request(options).id
    session = browser.request(options)
    del session["user"]
    answered(browser, session)
    assert list(ledger.ended) == [first]
    session = browser.request(options)
    assert dict(session) == {"cart": 1}
    assert session.id != first


def test_of_two_cookies_the_one_that_was_not_ended_counts(
    ledger: Ledger, options: SessionOptions, failures: Failures
) -> None:
    one, other = Browser(), Browser()
    ledger.ended.append(log_in(one, options, which="ended").id or "")
    log_in(other, options, which="good")
    both = HeaderJar(f"{one.header}; {other.header}")
    assert Session(both, options) == {"which": "good"}
    assert failures.reasons == []


# --- it can't be told ---


def test_a_session_that_cannot_be_judged_is_empty_and_its_cookie_is_left_alone(
    ledger: Ledger, failures: Failures, options: SessionOptions, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser()
    log_in(browser, options, a=1)
    kept = dict(browser.cookies)
    ledger.reachable = False
    session = browser.request(options)
    assert (dict(session), session.unavailable) == ({}, True)
    assert (session.id, session.user_id) == (None, None)
    assert answered(browser, session) == {}
    assert failures.reasons == ["unavailable"]
    assert caplog.records[-1].levelname == "WARNING"
    ledger.reachable = True
    assert browser.cookies == kept
    assert browser.request(options) == {"a": 1}


def test_a_change_to_it_is_refused_and_writes_no_cookie(
    ledger: Ledger, options: SessionOptions
) -> None:
    browser = Browser()
    log_in(browser, options, a=1)
    ledger.reachable = False
    for write in (Session.commit, Session.save):
        session = browser.request(options)
        session["token"] = "csrf"
        with pytest.raises(SessionUnavailableError, match=r"Answer 503$"):
            write(session)
        assert session.jar.set_cookie_headers == []  # type: ignore[attr-defined]  # this jar has them
        assert not session.is_unsaved  # the application knows
    session = browser.request(options)
    with pytest.raises(SessionUnavailableError):
        session.save()  # nothing is in it, and that would replace the browser's


@pytest.mark.parametrize("end", [Session.clear, Session.destroy, Session.expire_unreadable])
def test_a_logout_from_it_expires_the_cookie_and_ends_the_session(
    end: Any, ledger: Ledger, options: SessionOptions
) -> None:
    browser = Browser()
    session_id = log_in(browser, options, a=1).id
    ledger.reachable = False
    session = browser.request(options)
    end(session)
    assert not session.unavailable
    assert answered(browser, session)[NAME].max_age == 0
    assert list(ledger.ended) == [session_id]
    assert len(ledger.endings) == 1


@pytest.mark.parametrize("end", [Session.clear, Session.expire_unreadable])
def test_what_is_written_after_a_logout_from_it_is_saved(
    end: Any, ledger: Ledger, options: SessionOptions
) -> None:
    browser = Browser()
    session_id = log_in(browser, options, a=1).id
    ledger.reachable = False
    session = browser.request(options)
    end(session)
    session["notice"] = "bye"
    answered(browser, session)
    ledger.reachable = True
    session = browser.request(options)
    assert dict(session) == {"notice": "bye"}
    assert session.id != session_id


def test_a_login_from_it_begins_anew(ledger: Ledger, options: SessionOptions) -> None:
    browser = Browser()
    log_in(browser, options, a=1)
    ledger.reachable = False
    session = browser.request(options)
    session.login("43")
    answered(browser, session)
    ledger.reachable = True
    assert browser.request(options).user_id == "43"


def test_visitors_without_a_cookie_notice_nothing(ledger: Ledger, options: SessionOptions) -> None:
    ledger.reachable = False
    browser = Browser()
    session = browser.request(options)
    session["cart"] = [1]
    answered(browser, session)
    ledger.reachable = True
    assert browser.request(options) == {"cart": [1]}


def test_what_is_known_to_be_ended_is_ended_though_the_rest_cannot_be_told(
    ledger: Ledger, options: SessionOptions, failures: Failures
) -> None:
    browser = Browser()
    log_in(browser, options)
    ledger.end_user("42")
    ledger.reachable = False
    session = browser.request(options)
    assert not session.unavailable  # asking reads the session
    assert failures.reasons == ["ended"]
    assert len(session) == 0


def test_of_two_cookies_one_that_cannot_be_judged_decides_over_one_that_does_not_open(
    ledger: Ledger, options: SessionOptions, failures: Failures
) -> None:
    browser = Browser()
    log_in(browser, options, a=1)
    ledger.reachable = False
    forged = seal_text("[]")
    for header in (f"{NAME}={forged}; {browser.header}", f"{browser.header}; {NAME}={forged}"):
        session = Session(HeaderJar(header), options)
        assert len(session) == 0
        assert session.unavailable
    assert failures.reasons == ["unavailable"] * 2


# --- accept ---


def test_accept_decides_over_a_copy_of_the_data_and_is_told_what_is_known() -> None:
    told: list[Any] = []

    def accept(data: dict[str, Any], about: Unsealed) -> bool:
        told.append((dict(data), about))
        data["nested"]["planted"] = 1
        return bool(data["version"] == 2)

    failures = Failures()
    options = make_options(accept=accept, on_unseal_error=failures)
    browser = Browser()
    log_in(browser, options, version=2, nested={})
    assert told == []
    session = browser.request(options)
    assert session == {"version": 2, "nested": {}}
    session["version"] = 1
    answered(browser, session)
    assert len(told) == 1  # once a load
    about = told[0][1]
    assert (about.cookie_name, about.user_id, about.session_id) == (NAME, "42", session.id)
    assert about.logged_in_at == datetime.fromtimestamp(NOW / 1000, UTC)
    assert browser.request(options) == {}
    assert failures.reasons == ["refused"]


def test_accept_sees_migrated_data_and_before_the_schema() -> None:
    seen: list[Any] = []

    def accept(data: dict[str, Any], about: Unsealed) -> bool:
        seen.append((data, about.user_id))
        return True

    options = make_options(
        migrate=lambda data: {**data, "version": 2},
        accept=accept,
        user_of=lambda data: str(data["version"]),
    )
    browser = Browser({NAME: seal_text('{"a":1}')})
    session = browser.request(options)
    assert session.user_id == "2"
    assert seen == [({"a": 1, "version": 2}, "2")]


async def _later(*_: object) -> bool:
    return False


@pytest.mark.parametrize(
    "accept",
    [lambda *_: 1 / 0, lambda *_: None, lambda *_: 1, lambda *_: _later()],
    ids=["raises", "returns nothing", "returns a number", "returns a coroutine"],
)
def test_an_accept_that_fails_leaves_the_cookie_alone(
    accept: Any, caplog: pytest.LogCaptureFixture
) -> None:
    failures = Failures()
    options = make_options(accept=accept, on_unseal_error=failures)
    browser = Browser()
    log_in(browser, options, a=1)
    kept = dict(browser.cookies)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session = browser.request(options)
        assert (dict(session), session.unavailable) == ({}, True)
        gc.collect()
    assert answered(browser, session) == {}
    assert browser.cookies == kept
    assert failures.reasons == ["unavailable"]
    assert "accept raised; the session counts as empty" in caplog.text


def test_a_user_of_that_fails_leaves_the_cookie_alone(caplog: pytest.LogCaptureFixture) -> None:
    failures = Failures()
    options = make_options(user_of=lambda data: data["user"], on_unseal_error=failures)
    browser = Browser({NAME: seal_text('{"other":1}')})
    session = browser.request(options)
    assert (dict(session), session.unavailable) == ({}, True)
    assert failures.reasons == ["unavailable"]
    assert "user_of raised; the session counts as empty" in caplog.text
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("option", ["accept", "user_of"])
def test_the_log_of_such_a_failure_shows_no_data(
    option: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Error trackers show the variables of this package's frames."""

    def fail(*_: object) -> None:
        raise LookupError

    browser = Browser({NAME: seal_text('{"word":"plaintext of a visitor"}')})
    assert browser.request(make_options(**{option: fail})) == {}
    (record,) = (one for one in caplog.records if one.levelname == "ERROR")
    assert record.exc_info is not None
    frames = [frame for frame, _ in traceback.walk_tb(record.exc_info[2])]
    assert [frame.f_code.co_name for frame in frames][-1] == "fail"
    shown = [repr(frame.f_locals) for frame in frames if frame.f_code.co_name != "fail"]
    assert not [one for one in shown if "plaintext of" in one]
    assert len(shown) >= 1


def test_the_mark_s_user_and_the_data_s_are_both_asked(ledger: Ledger) -> None:
    options = make_options(
        revocations=ledger, ttl=HOUR, max_lifetime=HOUR, user_of=lambda data: data.get("user")
    )
    mark = '"$iron":{"id":"x","user":"ada","since":900}'
    browser = Browser({NAME: seal_text(f'{{"user":"bob",{mark}}}')})
    assert browser.request(options).user_id == "bob"
    for user in ("ada", "bob"):
        ledger.marks = {user: 1000}
        assert browser.request(options) == {}


# --- before the response is sent ---


def test_a_response_waits_for_the_store_at_most_a_second_in_all(
    ledger: Ledger, options: SessionOptions
) -> None:
    for settle in (RequestSessions.settle, lambda one: asyncio.run(one.asettle())):
        sessions = RequestSessions()
        for key in ("one", "two"):
            browser = Browser()
            log_in(browser, options)
            sessions.by_key[key] = browser.request(options)
            sessions.by_key[key].destroy()
        first, second = sessions.endings
        settle(sessions)
        assert sessions.endings == []
        waited = [first.waited[0], second.waited[0]]  # type: ignore[attr-defined]  # these are stand-ins
        assert 0 < waited[1] <= waited[0] <= 1
        settle(sessions)  # nothing is left to wait for


def test_endings_that_are_not_stored_are_not_waited_for(
    ledger: Ledger, options: SessionOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "end_soon", lambda *_: None)
    browser = Browser()
    log_in(browser, options)
    session = browser.request(options)
    session.destroy()
    assert session.endings == ()
