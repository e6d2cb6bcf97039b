"""The page on ending sessions: its code does what the text beside it says."""

from contextlib import closing
from pathlib import Path
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


def test_a_user_of_django_s_is_blocked_once_the_transaction_is_over(
    page: dict[str, Any], tmp_path: Path
) -> None:
    from django.db import transaction
    from django.test import override_settings

    from tests.integrations.django_site import project

    assert page["INSTALLED_APPS"] == [project.ENGINE]
    options = SessionOptions(cookie_name="sessionid", **page["IRON_SESSION"])
    revocations = page["IRON_SESSION"]["revocations"]
    with (
        project.new_database(tmp_path),
        override_settings(IRON_SESSION=page["IRON_SESSION"]),
        closing(revocations),
    ):
        user = project.create_user("bob", "nobody knows")
        browser = Browser()
        session = browser.request(options)
        session.login(str(user.pk))
        session.save()
        browser.answer()
        with transaction.atomic():
            page["block"](user)
            assert browser.request(options).user_id == str(user.pk)
        assert browser.request(options).user_id is None
        assert not user.is_active
