"""Errors that reach the application, or its error tracker: our frames in them show no secret."""

from typing import Any

import pytest

from iron_session import IronSessionError, SessionOptions
from tests.contract.common_app import CrashError
from tests.contract.visitor import Visitor, Welcome
from tests.helpers.frames import MARKER, PASSWORD, is_ours, leaks_of
from tests.sessions.browser import NAME, make_options, saved

# Where an error is caught by this package itself, and goes no further.
SWALLOWED = {"_encode", "own_ttl_ms"}


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Keep every error that is made, with the traceback that it has in the end."""
    errors: list[BaseException] = []

    def make(kind: Any, *arguments: Any, **named: Any) -> BaseException:
        error: BaseException = Exception.__new__(kind, *arguments)
        errors.append(error)
        return error

    for kind in (IronSessionError, CrashError):
        monkeypatch.setattr(kind, "__new__", make)
    return errors


@pytest.fixture
def visitor(welcome: Welcome) -> Visitor:
    """Welcome a visitor who has a session with a secret in it."""
    options: SessionOptions = make_options(password=PASSWORD)
    visitor = welcome(options)
    visitor.cookies[NAME] = saved({"secret": MARKER}, password=PASSWORD)[len(f"{NAME}=") :]
    return visitor


def leaks(raised: list[BaseException]) -> list[str]:
    assert raised
    seen = [error for error in raised if not is_swallowed(error)]
    return [leak for error in seen for leak in leaks_of(error)]


def is_swallowed(error: BaseException) -> bool:
    frame = error.__traceback__ and error.__traceback__.tb_frame
    return frame is None or (is_ours(frame) and frame.f_code.co_name in SWALLOWED)


@pytest.mark.parametrize("manner", ["", "stream", "redirect"])
def test_a_session_that_is_too_big(
    visitor: Visitor, manner: str, raised: list[BaseException]
) -> None:
    answer = visitor.ask("update", {"large": "x" * 8000}, manner=manner)
    assert answer.status == 413
    assert leaks(raised) == []


def test_a_session_saved_by_hand(visitor: Visitor, raised: list[BaseException]) -> None:
    answer = visitor.ask("update and save", {"large": "x" * 8000})
    assert answer.status == 413
    assert leaks(raised) == []


def test_data_written_into_a_destroyed_session(
    visitor: Visitor, raised: list[BaseException]
) -> None:
    answer = visitor.ask("destroy", then="start over")
    assert answer.status == 413
    assert leaks(raised) == []


@pytest.mark.parametrize("action", [None, "read", "update"])
def test_an_error_of_the_application(
    visitor: Visitor, action: str | None, raised: list[BaseException]
) -> None:
    visitor.ask(action, {"a": 1}, manner="crash")
    assert leaks(raised) == []


def test_a_session_saved_too_late(visitor: Visitor, raised: list[BaseException]) -> None:
    visitor.ask(late="save", manner="stream")
    assert leaks(raised) == []
