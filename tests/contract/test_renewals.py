"""A renewal is a write: it waits for a navigation, so that no other request of a page is undone."""

import pytest

from tests.contract.visitor import Visitor, Welcome
from tests.helpers.clock import Clock
from tests.sessions.browser import NAME, OLD, PASSWORD, make_options, saved

HOUR = 3600
MODES = {"navigate": True, "cors": False, None: True}
"""By `Sec-Fetch-Mode`: whether a session that is due is renewed."""


def come_by(visitor: Visitor, mode: str | None) -> Visitor:
    visitor.headers = {} if mode is None else {"Sec-Fetch-Mode": mode}
    return visitor


@pytest.mark.parametrize("mode", MODES)
def test_a_session_that_is_due_is_renewed_by_a_navigation(
    clock: Clock, welcome: Welcome, mode: str | None
) -> None:
    visitor = welcome(make_options(ttl=10 * HOUR, renew_after=2 * HOUR))
    visitor.ask("update", {"a": 1})
    clock.advance(3 * HOUR)
    assert (NAME in come_by(visitor, mode).ask("read").cookies) is MODES[mode]


@pytest.mark.parametrize("mode", MODES)
def test_a_session_that_is_late_is_renewed_by_any_request(
    clock: Clock, welcome: Welcome, mode: str | None
) -> None:
    visitor = welcome(make_options(ttl=10 * HOUR, renew_after=2 * HOUR))
    visitor.ask("update", {"a": 1})
    clock.advance(6 * HOUR)
    assert NAME in come_by(visitor, mode).ask("read").cookies


@pytest.mark.parametrize("mode", MODES)
def test_a_session_of_an_old_password_is_sealed_anew_by_a_navigation(
    clock: Clock, welcome: Welcome, mode: str | None
) -> None:
    visitor = welcome(make_options(ttl=10 * HOUR, password={1: OLD, 2: PASSWORD}))
    visitor.cookies[NAME] = saved({"a": 1}, ttl=10 * HOUR, password={1: OLD}).partition("=")[2]
    assert (NAME in come_by(visitor, mode).ask("read").cookies) is MODES[mode]
    clock.advance(6 * HOUR)
    visitor.cookies[NAME] = saved({"a": 1}, ttl=5 * HOUR, password={1: OLD}).partition("=")[2]
    assert NAME in come_by(visitor, mode).ask("read").cookies


def test_a_change_is_written_by_any_request(visitor: Visitor) -> None:
    assert NAME in come_by(visitor, "cors").ask("update", {"a": 1}).cookies
