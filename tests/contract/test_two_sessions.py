"""Two sessions of one application that open as each other are warned of."""

import logging

import pytest

from tests.contract.visitor import Welcome
from tests.sessions.browser import OLD, PASSWORD, make_options


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [record for record in caplog.records if record.name == "iron_session"]
    return [record.getMessage() for record in ours if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (PASSWORD, 1),
        ({1: PASSWORD, 2: OLD}, 1),
        ({2: PASSWORD}, 0),  # a seal names its password by the id
        (OLD, 0),
    ],
    ids=["the same", "one of two", "under another id", "another"],
)
def test_two_sessions_of_one_password_are_warned_of_once(
    welcome: Welcome, caplog: pytest.LogCaptureFixture, other: object, expected: int
) -> None:
    visitor = welcome(make_options(), make_options(cookie_name="admin", password=other))
    for _ in range(3):
        visitor.ask("read", on=[0, 1])
    found = [message for message in warnings(caplog) if "share a password" in message]
    assert len(found) == expected
    assert all("'myapp'" in message and "'admin'" in message for message in found)
