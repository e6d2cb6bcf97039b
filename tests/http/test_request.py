"""A request's sessions: begun, committed, written, opened again, abandoned and ended together."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from iron_session import ConfigurationError, CookieTooLargeError
from iron_session.http import EnvironHead, ListedHeaders, RequestSessions, session_by_hand
from iron_session.http.request import REGISTRY, check_apart, find_session
from tests.contract.logs import errors_in, lost_changes
from tests.sessions.browser import FOREIGN, NAME, PASSWORD, make_options, saved

OPTIONS = make_options()
ADMIN = make_options(cookie_name="admin", password="another password, of the administrators")
HEAD = EnvironHead({"HTTP_COOKIE": saved({"user": 1})})
LARGE = "x" * 8000


def begin_both(request: dict[str, Any] | None = None) -> RequestSessions:
    sessions = RequestSessions()
    request = {} if request is None else request
    sessions.begin(request, "session", OPTIONS, HEAD)
    sessions.begin(request, "admin", ADMIN, HEAD)
    return sessions


def written(sessions: RequestSessions) -> list[str]:
    """Return the names of the cookies that a response sets."""
    pairs: list[tuple[str, str]] = []
    sessions.write(ListedHeaders(pairs))
    return [value.partition("=")[0] for name, value in pairs if name == "Set-Cookie"]


def test_a_session_lies_where_the_application_looks_for_it() -> None:
    request: dict[str, Any] = {}
    sessions = begin_both(request)
    assert request["session"] is sessions.by_key["session"] == {"user": 1}
    assert request["admin"] is sessions.by_key["admin"] == {}
    assert request[REGISTRY] == {NAME: {"user": 1}, "admin": {}}
    assert find_session(request, "admin", "install it") is request["admin"]


@pytest.mark.parametrize(("key", "options"), [("session", ADMIN), ("other", OPTIONS)])
def test_a_key_or_a_cookie_is_served_once(key: str, options: Any) -> None:
    request: dict[str, Any] = {}
    sessions = RequestSessions()
    sessions.begin(request, "session", OPTIONS, HEAD)
    with pytest.raises(ConfigurationError, match="installed twice"):
        sessions.begin(request, key, options, HEAD)
    assert sessions.by_key.keys() == {"session"}


def test_a_session_of_an_application_within_may_have_the_key_of_that_around_it() -> None:
    request: dict[str, Any] = {}
    RequestSessions().begin(request, "session", OPTIONS, HEAD)
    inner = RequestSessions().begin(request, "session", ADMIN, HEAD, nested=True)
    assert request["session"] is inner


def test_all_of_them_are_written_and_take_no_later_write() -> None:
    sessions = begin_both()
    for session in sessions.by_key.values():
        session["a"] = 1
    assert not sessions.started
    assert written(sessions) == [NAME, "admin"]
    assert sessions.started


def test_of_two_the_first_goes_out_with_the_answer_to_the_error_of_the_second() -> None:
    sessions = begin_both()
    sessions.by_key["session"]["a"] = 1
    sessions.by_key["admin"]["large"] = LARGE
    with pytest.raises(CookieTooLargeError):
        written(sessions)
    assert not sessions.started
    assert written(sessions) == [NAME]


def test_an_early_commit_writes_no_header_yet(caplog: pytest.LogCaptureFixture) -> None:
    sessions = begin_both()
    sessions.by_key["session"]["large"] = LARGE
    with pytest.raises(CookieTooLargeError):
        sessions.commit()
    del sessions.by_key["session"]["large"]
    sessions.by_key["session"]["a"] = 1
    sessions.commit()
    assert written(sessions) == [NAME]
    sessions.by_key["session"]["a"] = 2
    sessions.commit()  # too late, which is logged at the end
    assert lost_changes(caplog) == []
    sessions.end()
    assert len(lost_changes(caplog)) == 1


def test_an_early_commit_that_fails_closes_what_will_not_be_sent() -> None:
    sessions = begin_both()
    body = io.BytesIO()
    sessions.commit(body)
    assert not body.closed
    sessions.by_key["session"]["large"] = LARGE
    with pytest.raises(CookieTooLargeError):
        sessions.commit(body)
    assert body.closed


def test_an_early_commit_that_fails_takes_any_body() -> None:
    sessions = begin_both()
    sessions.by_key["session"]["large"] = LARGE
    with pytest.raises(CookieTooLargeError):
        sessions.commit(b"text")


def test_they_are_found_in_the_request_whoever_began_them() -> None:
    request: dict[str, Any] = {"path": "/", "user": {}}
    assert RequestSessions.of(request).by_key == {}
    begun = begin_both(request)
    RequestSessions.of(request).by_key["admin"]["a"] = 1
    assert RequestSessions.of(request).by_key == begun.by_key
    assert written(begun) == ["admin"]


def test_opened_again_they_are_written_into_the_next_response() -> None:
    sessions = begin_both()
    assert written(sessions) == []
    sessions.reopen()
    sessions.by_key["admin"]["a"] = 1
    assert written(sessions) == ["admin"]


def test_abandoned_they_are_left_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    sessions = begin_both()
    sessions.by_key["session"]["a"] = 1
    sessions.abandon()
    assert written(sessions) == []
    sessions.end()
    assert errors_in(caplog) == []


def test_a_change_that_no_response_carries_is_logged_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sessions = begin_both()
    sessions.by_key["admin"]["a"] = 1
    sessions.end("nobody has answered")
    (message,) = lost_changes(caplog)
    assert message == "the change to session 'admin' is lost: nobody has answered"


@pytest.mark.parametrize("stop", [False, True])
def test_a_late_look_is_logged_where_a_cache_may_keep_the_response(
    caplog: pytest.LogCaptureFixture, stop: bool
) -> None:
    sessions = begin_both()
    assert written(sessions) == []
    if stop:
        sessions.stop_varying()
    assert sessions.by_key["session"]["user"] == 1
    assert len(errors_in(caplog)) == (0 if stop else 1)


@pytest.mark.parametrize(
    "use",
    [
        lambda request: session_by_hand(request, OPTIONS, HEAD, ListedHeaders([])),
        lambda request: check_apart({"session": OPTIONS, "other": OPTIONS}),
    ],
)
def test_a_cookie_that_is_served_is_refused_for_another_session(
    use: Callable[[dict[str, Any]], object],
) -> None:
    request: dict[str, Any] = {}
    begin_both(request)
    with pytest.raises(ConfigurationError, match=repr(NAME)):
        use(request)


def test_a_session_by_hand_is_warned_of_if_it_shares_a_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    request: dict[str, Any] = {}
    RequestSessions().begin(request, "session", OPTIONS, HEAD)
    for name, password, warned in (("admin", FOREIGN, False), ("shop", PASSWORD, True)):
        options = make_options(cookie_name=name, password=password)
        session_by_hand(request, options, HEAD, ListedHeaders([]))
        assert ("share a password" in caplog.text) is warned


def test_a_request_without_cookies_has_an_empty_header_of_them() -> None:
    assert EnvironHead({}).cookie_header == ""


def test_a_session_by_hand_writes_when_it_is_told_to() -> None:
    pairs: list[tuple[str, str]] = []
    session = session_by_hand({}, OPTIONS, HEAD, ListedHeaders(pairs))
    session["a"] = 1
    assert [name for name, _ in pairs] == ["Vary"]
    session.save()
    assert [name for name, _ in pairs] == ["Vary", "Cache-Control", "Set-Cookie"]
