"""The page on ending sessions: its code does what the text beside it says."""

from typing import Any

import pytest

from iron_session import SessionOptions
from tests.helpers.clock import Clock
from tests.helpers.pages import read_page, run_page
from tests.sessions.browser import Browser

PAGE = read_page("docs/ending.md")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """All Python of the page."""
    monkeypatch.setenv("SESSION_PASSWORD", "the password of the page on ending, 46 letters")
    return run_page(PAGE, "ending_page")


def test_a_login_keeps_what_it_carries_and_a_fresh_one_is_told_from_an_old_one(
    page: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, options = Browser(), page["options"]
    browser.visit(options, cart=[1], planted=True)
    session = browser.request(options)
    page["after_the_password_was_checked"](session, 42)
    session.save()
    browser.answer()
    session = browser.request(options)
    assert (dict(session), session.user_id) == ({"cart": [1]}, "42")
    assert len(session.id or "") == 22
    assert page["may_change_email"](session)
    assert not page["may_change_email"](Browser().request(options))


def test_a_login_of_ten_minutes_ago_is_not_fresh(page: dict[str, Any], clock: Clock) -> None:
    browser = Browser()
    session = browser.request(page["options"])  # the clock of these tests stands in 2024
    page["after_the_password_was_checked"](session, 42)
    assert not page["may_change_email"](session)


def test_the_data_names_the_user(page: dict[str, Any]) -> None:
    browser = Browser()
    browser.visit(page["by_data"], user="ada")
    assert browser.request(page["by_data"]).user_id == "ada"


def test_a_raised_version_logs_out_everywhere(page: dict[str, Any]) -> None:
    options: SessionOptions[Any] = page["checked"]
    browser = Browser()
    session = browser.request(options)
    session.login("42")
    session["version"] = 3
    session.save()
    browser.answer()
    assert browser.request(options).user_id == "42"
    page["versions"]["42"] += 1
    assert browser.request(options).user_id is None
    guest = Browser()
    guest.visit(options, cart=[1])
    assert guest.request(options) == {"cart": [1]}
