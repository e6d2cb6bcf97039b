"""A logout logs out: also where this server can't read the session that another one can."""

from typing import Any

import pytest

from tests.contract.common_app import Guest
from tests.contract.visitor import Visitor, Welcome
from tests.sessions.browser import NAME, OLD, PASSWORD, make_options, saved, seal_text

NEWER = {1: OLD, 2: PASSWORD}
"""The passwords of a server that has gone on; the site here knows the old one alone."""


def arrive(visitor: Visitor, data: dict[str, Any]) -> Visitor:
    """Have the visitor come with a session of the server that has gone on."""
    pairs = saved(data, password=NEWER, chunk=True).split("; ")
    visitor.cookies |= dict(pair.split("=", 1) for pair in pairs)
    return visitor


@pytest.fixture
def behind_the_times(welcome: Welcome) -> Visitor:
    """Open a site that has not got the new password yet."""
    return welcome(make_options(password={1: OLD}, chunk=True))


@pytest.mark.parametrize(
    ("action", "manner", "size"),
    [
        ("clear", "", 7000),
        ("destroy", "redirect", 1),
        ("clear", "stream", 1),
        ("destroy", "error", 7000),
    ],
)
def test_a_session_that_can_not_be_read_here_is_expired_by_a_logout(
    behind_the_times: Visitor, action: str, manner: str, size: int
) -> None:
    visitor = arrive(behind_the_times, {"user": "x" * size})
    answer = visitor.ask(action, manner=manner)
    assert visitor.cookies == {}
    assert {cookie.max_age for cookie in answer.cookies.values()} == {0}


@pytest.mark.parametrize("action", ["read", "take b out", None])
def test_a_session_that_can_not_be_read_here_stays_where_nobody_logs_out(
    behind_the_times: Visitor, action: str | None
) -> None:
    """To take a note out of it is no logout: another server goes on with it."""
    visitor = arrive(behind_the_times, {"user": 1})
    assert visitor.ask(action).cookies == {}


def test_a_logout_and_a_login_in_one_request_leave_the_login(behind_the_times: Visitor) -> None:
    visitor = arrive(behind_the_times, {"user": "x" * 7000})
    visitor.ask("clear", then="start over")
    assert visitor.cookies.keys() == {NAME}
    assert visitor.session == {"fresh": True}


@pytest.mark.parametrize("value", ["junk", "Fe26.2*1*a*b*c*d*e*f"])
def test_junk_is_expired_by_a_logout_too(visitor: Visitor, value: str) -> None:
    """Nobody knows what it was."""
    visitor.cookies[NAME] = value
    visitor.ask("clear")
    assert visitor.cookies == {}


def test_a_session_that_does_not_fit_the_schema_is_expired_by_a_logout(welcome: Welcome) -> None:
    visitor = welcome(make_options(schema=Guest))
    visitor.cookies[NAME] = saved({"seen": "yesterday"}).partition("=")[2]
    visitor.ask("clear")
    assert visitor.cookies == {}


def test_a_logout_without_any_cookie_writes_nothing(behind_the_times: Visitor) -> None:
    assert behind_the_times.ask("clear").cookies == {}


def test_a_failed_request_expires_nothing(behind_the_times: Visitor) -> None:
    visitor = arrive(behind_the_times, {"user": 1})
    assert "set-cookie" not in dict(visitor.ask("clear", manner="crash").headers)


@pytest.mark.parametrize(
    ("tossed", "action"), [("{}", "clear"), ("junk", "destroy"), ('{"visits": 3}', "clear")]
)
def test_a_cookie_that_a_sibling_has_tossed_does_not_keep_anybody_logged_in(
    visitor: Visitor, tossed: str, action: str
) -> None:
    """It comes first, and opens: what the visitor's own browser has is expired all the same."""
    first = tossed if tossed == "junk" else seal_text(tossed, expires=None)
    visitor.cookies[NAME] = f"{first}; {saved({'user': 1})}"
    visitor.ask(action)
    assert visitor.cookies == {}
