"""Points 8 and 9 of the contract: responses that are no plain ones."""

from typing import Any

import pytest

from tests.contract.all_doors import CANNOT, DOORS, doors_with
from tests.contract.common_app import FILE, HANDLED, STREAM_START, CrashError
from tests.contract.logs import lost_changes
from tests.contract.visitor import Visitor
from tests.sessions.browser import NAME

KINDS = {
    "own": 200,
    "stream": 200,
    "file": 200,
    "redirect": 303,
    "error": 404,
    "handled": HANDLED,
}


@pytest.mark.parametrize(
    ("door", "manner"),
    [
        pytest.param(door, manner, id=f"{door.name}-{manner}")
        for door in DOORS
        for manner in KINDS
        if door.name not in CANNOT.get(manner, {})
    ],
)
def test_every_kind_of_response_carries_the_cookie(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, manner: str
) -> None:
    """Streams and files, redirects, HTTP errors, and what the application's own handler answers."""
    answer = visitor.ask("update", {"a": 1}, manner=manner)
    assert answer.status == KINDS[manner]
    assert visitor.session == {"a": 1}
    assert lost_changes(caplog) == []


def test_a_file_is_sent_whole(visitor: Visitor) -> None:
    assert visitor.ask("update", {"a": 1}, manner="file").body == FILE.read_bytes()


@pytest.mark.parametrize("late", ["save", "destroy", "update and save"])
def test_saving_after_the_headers_have_gone_raises(visitor: Visitor, late: str) -> None:
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("read", manner="stream", late=late, late_value={"b": 2})
    assert answer.body.decode() == f"{STREAM_START}HeadersAlreadySentError"
    assert answer.cookies == {}
    assert visitor.session == {"a": 1}


@pytest.mark.parametrize("late_value", [{"a": 2}, {"b": 2}])
def test_a_change_after_the_headers_have_gone_is_logged_as_lost(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, late_value: dict[str, Any]
) -> None:
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("read", manner="stream", late="update", late_value=late_value)
    assert answer.body.decode() == f"{STREAM_START}done"
    (message,) = lost_changes(caplog)
    assert repr(NAME) in message
    assert "lost" in message
    assert visitor.session == {"a": 1}


def test_a_late_change_inside_a_nested_value_is_logged_too(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    visitor.ask("update", {"cart": {"items": []}})
    visitor.ask("read", manner="stream", late="append", late_value="tea")
    assert len(lost_changes(caplog)) == 1


@pytest.mark.parametrize("late", ["read", "write what is there"])
def test_a_late_look_is_neither_an_error_nor_logged(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, late: str
) -> None:
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("update", {"b": 2}, manner="stream", late=late)
    assert answer.body.decode() == f"{STREAM_START}done"
    assert lost_changes(caplog) == []
    assert visitor.session == {"a": 1, "b": 2}


def test_an_unhandled_exception_commits_nothing(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """The half-done work of a request that failed is no session."""
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("update", {"a": 2}, manner="crash")
    assert answer.status == 500
    assert "set-cookie" not in dict(answer.headers)
    assert visitor.session == {"a": 1}


@pytest.mark.parametrize("action", ["clear", "destroy"])
def test_an_unhandled_exception_ends_no_session(visitor: Visitor, action: str) -> None:
    visitor.ask("update", {"a": 1})
    assert "set-cookie" not in dict(visitor.ask(action, manner="crash").headers)
    assert visitor.session == {"a": 1}


def test_an_unhandled_exception_stays_what_it_was(visitor: Visitor) -> None:
    """The server, and its log, get the application's own error."""
    assert isinstance(visitor.ask("update", {"a": 2}, manner="crash").failure, CrashError)


@doors_with("handled")
def test_an_exception_that_is_handled_keeps_the_change(visitor: Visitor) -> None:
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("update", {"a": 2}, manner="handled")
    assert (answer.status, answer.failure) == (HANDLED, None)
    assert NAME in answer.cookies
    assert visitor.session == {"a": 2}


@doors_with("handled")
@pytest.mark.parametrize("action", ["clear", "destroy"])
def test_an_exception_that_is_handled_ends_the_session(visitor: Visitor, action: str) -> None:
    visitor.ask("update", {"a": 1})
    answer = visitor.ask(action, manner="handled")
    assert (answer.status, answer.failure) == (HANDLED, None)
    assert answer.cookies[NAME].max_age == 0
    assert visitor.session == {}
