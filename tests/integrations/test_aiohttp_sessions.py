"""Sessions that are begun when they are first asked for."""

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest
from multidict import CIMultiDict

from iron_session import ConfigurationError, HeadersAlreadySentError, Session
from iron_session.http.headers import ListedHeaders
from iron_session.http.heads import AnyHead
from iron_session.integrations.aiohttp.sessions import (
    NONE,
    LazySessions,
    keep_sessions,
    sessions_of,
)
from tests.contract.logs import lost_changes
from tests.sessions.browser import NAME, make_options, saved

Pairs = list[tuple[str, str]]
KEY = "session"


def make_sessions(at_end: Callable[[Callable[[object], object]], object] = id) -> LazySessions:
    """Offer one session."""
    sessions = LazySessions(at_end)
    sessions.offer({KEY: (make_options(), Session)})
    return sessions


def ask(sessions: LazySessions, key: str = KEY, *, have_gone: bool = True) -> Session:
    """Ask for a session of a visitor who has one; a response goes, or does not in the end."""
    head = AnyHead(partial(CIMultiDict({"Cookie": saved({"a": 1})}).getall, default=()), "https")
    return sessions.ask(key, "install(it)", head, lambda: have_gone)


def write(sessions: LazySessions, *, have_gone: bool = False) -> Pairs:
    """Give the headers of a response that starts now."""
    pairs: Pairs = []
    if sessions.start():
        sessions.write_one(KEY, ListedHeaders(pairs), have_gone=have_gone)
    return pairs


def test_a_session_that_nobody_asks_for_is_not_begun() -> None:
    """And nothing that is done to it has an effect."""
    called: list[object] = []
    sessions = make_sessions(called.append)
    sessions.commit_one(KEY)
    sessions.abandon_one(KEY)
    assert write(sessions) == []
    assert called == []


def test_a_session_is_begun_once() -> None:
    called: list[object] = []
    sessions = make_sessions(called.append)
    session = ask(sessions)
    assert session == {"a": 1}
    assert ask(sessions) is session
    assert len(called) == 1


def test_a_session_has_the_class_that_it_was_offered_with() -> None:
    class Own(Session):
        pass

    sessions = make_sessions()
    sessions.offer({"own": (make_options(cookie_name="own"), Own)})
    assert type(ask(sessions, "own")) is Own
    assert type(ask(sessions)) is Session


def test_an_offer_does_not_change_the_one_before() -> None:
    """It is of the application, and serves all of its requests."""
    first = {KEY: (make_options(), Session)}
    sessions = LazySessions(id)
    sessions.offer(first)
    sessions.offer({"other": (make_options(cookie_name="other"), Session)})
    assert list(first) == [KEY]


def test_a_late_change_is_reported_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    at_end: list[Callable[[object], object]] = []
    sessions = make_sessions(at_end.append)
    session = ask(sessions)
    session.get("a")
    write(sessions)
    session["a"] = 2
    assert lost_changes(caplog) == []
    at_end[0](None)
    assert len(lost_changes(caplog)) == 1


def leave_alone(session: Session) -> None:
    """Read only."""


def change(session: Session) -> None:
    session["a"] = 2


def change_and_save(session: Session) -> None:
    session["a"] = 2
    session.save()


@pytest.mark.parametrize(
    ("act", "lost"),
    [
        (leave_alone, 0),
        (change, 1),
        (change_and_save, 1),
        (Session.clear, 1),
        (Session.destroy, 1),
    ],
)
def test_a_change_that_was_never_written_is_reported_at_the_end(
    act: Callable[[Session], object], lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The headers of some response went, and were never seen here."""
    at_end: list[Callable[[object], object]] = []
    session = ask(make_sessions(at_end.append))
    session.get("a")
    act(session)
    at_end[0](None)
    assert len(lost_changes(caplog)) == lost


def test_a_change_that_no_response_came_for_is_not_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The visitor has left, or the response is still to come."""
    at_end: list[Callable[[object], object]] = []
    ask(make_sessions(at_end.append), have_gone=False)["a"] = 2
    at_end[0](None)
    assert lost_changes(caplog) == []


def test_a_change_that_a_failure_has_undone_is_not_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    at_end: list[Callable[[object], object]] = []
    sessions = make_sessions(at_end.append)
    ask(sessions)["a"] = 2
    sessions.abandon_one(KEY)
    at_end[0](None)
    assert lost_changes(caplog) == []


def test_a_session_that_is_not_offered_is_an_error_that_names_the_line_to_add() -> None:
    with pytest.raises(ConfigurationError, match=r"'other': add install\(it\)"):
        ask(make_sessions(), "other")


@pytest.mark.parametrize("asked", [True, False])
def test_a_cookie_that_is_offered_is_served_whether_it_was_asked_for_or_not(asked: bool) -> None:
    sessions = make_sessions()
    if asked:
        ask(sessions)
    with pytest.raises(ConfigurationError, match=NAME):
        sessions.check_not_served(make_options())
    sessions.check_not_served(make_options(cookie_name="other"))


def test_an_early_commit_is_written_with_the_headers() -> None:
    sessions = make_sessions()
    ask(sessions)["a"] = 2
    sessions.commit_one(KEY)
    assert [name for name, _ in write(sessions)] == ["Vary", "Cache-Control", "Set-Cookie"]


def test_an_abandoned_session_is_not_written() -> None:
    sessions = make_sessions()
    ask(sessions)["a"] = 2
    sessions.abandon_one(KEY)
    assert write(sessions) == [("Vary", "Cookie")]


def test_a_session_that_was_abandoned_begins_anew_when_it_is_offered_again() -> None:
    """The request is tried again."""
    sessions = make_sessions()
    failed = ask(sessions)
    failed["a"] = 2
    sessions.abandon_one(KEY)
    sessions.offer({KEY: (make_options(), Session)})
    session = ask(sessions)
    assert session is not failed
    assert session == {"a": 1}
    session["a"] = 3
    assert [name for name, _ in write(sessions)] == ["Vary", "Cache-Control", "Set-Cookie"]


def test_a_session_that_was_not_abandoned_stays_when_it_is_offered_again() -> None:
    sessions = make_sessions()
    session = ask(sessions)
    sessions.offer({KEY: (make_options(), Session)})
    assert ask(sessions) is session


def test_an_abandoned_session_stays_when_another_is_offered() -> None:
    sessions = make_sessions()
    session = ask(sessions)
    sessions.abandon_one(KEY)
    sessions.offer({"other": (make_options(cookie_name="other"), Session)})
    assert ask(sessions) is session


@pytest.mark.parametrize("asked", [True, False], ids=["asked for before", "asked for after"])
def test_after_the_headers_nothing_is_saved(asked: bool) -> None:
    sessions = make_sessions()
    if asked:
        ask(sessions)
    write(sessions)
    session = ask(sessions)
    session["a"] = 2
    with pytest.raises(HeadersAlreadySentError):
        session.save()
    assert write(sessions, have_gone=True) == []


def test_a_session_that_is_asked_for_after_the_headers_with_another_is_not_saved() -> None:
    sessions = make_sessions()
    sessions.offer({"other": (make_options(cookie_name="other"), Session)})
    ask(sessions)["a"] = 2
    write(sessions)
    other = ask(sessions, "other")
    other["a"] = 2
    with pytest.raises(HeadersAlreadySentError):
        other.save()


def test_a_response_that_takes_the_place_of_one_that_failed_has_the_session_too() -> None:
    sessions = make_sessions()
    ask(sessions)["a"] = 2
    first = write(sessions)
    assert len(first) == 3
    assert write(sessions, have_gone=False) == first


def test_sessions_are_found_by_what_they_are_kept_on() -> None:
    class Owner:
        pass

    owner, another = Owner(), Owner()
    sessions = keep_sessions(owner, id)
    assert sessions_of(owner) is sessions
    assert sessions_of(another) is NONE


@pytest.mark.parametrize("owner", [Mock(), object(), None])
def test_an_object_that_nothing_is_kept_on_has_none(owner: Any) -> None:
    """Not even where it gives every attribute that it is asked for."""
    assert sessions_of(owner) is NONE


def test_where_there_are_none_none_can_be_asked_for_and_nothing_is_left_behind() -> None:
    with pytest.raises(ConfigurationError, match=KEY):
        ask(NONE)
    assert write(NONE) == []
