"""What the application does to a session when it is too late is told in the log."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from iron_session import HeadersAlreadySentError
from tests.contract.common_app import KEPT, STREAM_START
from tests.contract.logs import errors_in, lost_changes
from tests.contract.visitor import Visitor, Welcome
from tests.sessions.browser import NAME, OLD, PASSWORD, make_options, saved


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    KEPT.clear()
    yield
    KEPT.clear()


def let_go(visitor: Visitor) -> None:
    """Let go of the session; some frameworks hold the last request until the next one comes."""
    KEPT.clear()
    visitor.ask()
    gc.collect()


CHANGES: dict[str, Callable[[Any], object]] = {
    "set": lambda session: session.update({"a": 2}),
    "delete": lambda session: session.pop("a"),
    "clear": lambda session: session.clear(),
    "replace": lambda session: session.replace({"b": 1}),
}


@pytest.mark.parametrize(
    ("change", "manner"),
    [("set", ""), ("delete", "stream"), ("clear", "redirect"), ("replace", "error")],
)
def test_a_change_after_the_request_has_ended_is_logged_at_once(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, change: str, manner: str
) -> None:
    """A task that goes on in the background has the session in its hands."""
    visitor.ask("update", {"a": 1})
    visitor.ask("keep", manner=manner)
    assert lost_changes(caplog) == []
    CHANGES[change](KEPT[0])
    (message,) = lost_changes(caplog)
    assert repr(NAME) in message
    CHANGES["set"](KEPT[0])  # once is enough
    assert len(lost_changes(caplog)) == 1


def test_a_change_inside_a_nested_value_is_logged_when_the_session_is_let_go(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    visitor.ask("update", {"cart": {"items": []}})
    visitor.ask("keep")
    KEPT[0]["cart"]["items"].append("tea")
    assert lost_changes(caplog) == []
    let_go(visitor)
    assert len(lost_changes(caplog)) == 1


def test_a_look_after_the_end_is_no_change(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    visitor.ask("update", {"a": 1})
    visitor.ask("keep")
    assert KEPT[0]["a"] == 1
    let_go(visitor)
    assert lost_changes(caplog) == []


def test_a_save_after_the_end_raises(visitor: Visitor) -> None:
    visitor.ask("keep")
    with pytest.raises(HeadersAlreadySentError):
        KEPT[0].save()
    with pytest.raises(HeadersAlreadySentError):
        KEPT[0].destroy()


def test_a_first_look_while_the_body_is_sent_is_logged(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """The response depends on the cookie, and no header says so to caches."""
    visitor.ask("update", {"a": 1})
    answer = visitor.ask(manner="stream", late="read")
    assert answer.body.decode() == f"{STREAM_START}done"
    assert answer.vary is None
    (message,) = errors_in(caplog)
    assert f"session {NAME!r} was first read after the response's headers were sent" in message
    assert "Vary" in message


def test_a_late_logout_is_logged_though_the_cookie_could_not_be_read(
    welcome: Welcome, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = welcome(make_options(password={1: OLD}))
    visitor.cookies[NAME] = saved({"a": 1}, password={2: PASSWORD}).partition("=")[2]
    visitor.ask("read", manner="stream", late="clear")
    assert len(lost_changes(caplog)) == 1
