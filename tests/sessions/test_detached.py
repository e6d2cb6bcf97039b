"""A session that somebody holds after its request: what is changed then is told, once."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FrameType

import pytest

from iron_session import HeadersAlreadySentError, Session, get_iron_session
from iron_session.sessions.cookie_text import SetCookie
from tests.contract.logs import lost_changes
from tests.sessions.browser import make_options, saved, session_of


@pytest.fixture
def session() -> Session:
    """Return a session whose request is over."""
    session = session_of(saved({"a": 1, "deep": nest(200)}))
    session.detach()
    return session


def nest(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def at_depth(depth: int, call: Callable[[], object]) -> object:
    return at_depth(depth - 1, call) if depth else call()


def room_in_the_stack() -> int:
    frame: FrameType | None = sys._getframe()
    used = 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    return sys.getrecursionlimit() - used


def test_several_changes_are_logged_once(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    session["a"] = 2
    del session["a"]
    session.clear()
    session.replace({"b": 1})
    assert len(lost_changes(caplog)) == 1


def test_several_looks_are_no_change(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    assert session["a"] == 1
    assert "b" not in session
    del session
    assert lost_changes(caplog) == []


def test_a_nested_value_that_json_can_t_carry_is_a_change_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = session_of(saved({"cart": []}))
    session.detach()
    session["cart"].append(object())
    assert lost_changes(caplog) == []
    del session
    assert len(lost_changes(caplog)) == 1


@dataclass
class Visit:
    count: int = 0


@pytest.mark.parametrize("by", [0, 1])
def test_a_change_of_typed_data_is_logged_when_the_session_is_let_go(
    caplog: pytest.LogCaptureFixture, by: int
) -> None:
    session = session_of(saved({"count": 1}), schema=Visit)
    session.detach()
    session.data.count += by
    assert lost_changes(caplog) == []
    del session
    assert len(lost_changes(caplog)) == by


def test_a_change_of_a_session_in_a_jar_of_ones_own_is_logged_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Jar:
        def read(self, name: str) -> list[str]:
            return []

        def write(self, cookie: SetCookie) -> None:
            raise AssertionError("nothing is written after the end")

    session = get_iron_session(Jar(), make_options())
    session.detach()
    session["a"] = 1
    assert len(lost_changes(caplog)) == 1


# --- in a stack that is almost used up ---------------------------------------------------------


@pytest.mark.parametrize("is_over", [False, True])
def test_a_look_in_a_full_stack_is_python_s_own_error_and_no_change(
    caplog: pytest.LogCaptureFixture, is_over: bool
) -> None:
    """How much room encoding needs is not known: somewhere between much and little it fails."""
    session = session_of(saved({"deep": nest(100)}))
    assert len(session) == 1
    if is_over:
        session.detach()
    room, ends = room_in_the_stack(), set()
    for depth in range(room - 200, room):
        try:
            at_depth(depth, session.save if not is_over else partial(session.get, "deep"))
        except (RecursionError, HeadersAlreadySentError) as error:
            ends.add(type(error))
        session._watch = None
    assert RecursionError in ends
    del session
    assert lost_changes(caplog) == []


@pytest.mark.parametrize("left", [60, 70, 80, 90])
def test_one_that_is_let_go_in_a_full_stack_is_compared_with_nothing(
    caplog: pytest.LogCaptureFixture, left: int
) -> None:
    """No exception can leave the end of an object; Python would print it."""
    held = [session_of(saved({"deep": nest(100)}))]
    held[0].detach()
    assert len(held[0]) == 1
    at_depth(room_in_the_stack() - left, held.clear)
    assert lost_changes(caplog) == []
