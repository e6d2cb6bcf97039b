"""The page on ending sessions: its code does what the text beside it says."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from iron_session import Session, SessionOptions
from tests.helpers.pages import read_page, run_page
from tests.helpers.waiting import WAIT
from tests.sessions.browser import Browser

PAGE = read_page("docs/ending.md")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """All Python of the page."""
    monkeypatch.setenv("SESSION_PASSWORD", "the password of the page on ending, 46 letters")
    monkeypatch.chdir(tmp_path)
    names = run_page(PAGE, "ending_page")
    yield names
    for name in ("revocations", "listed", "gentle"):
        names[name].close()


def log_in(browser: Browser, options: SessionOptions, **how: Any) -> Session:
    """Log 42 in, and return the session of the next request."""
    session = browser.request(options)
    session.login("42", **how)
    session.save()
    browser.answer()
    return browser.request(options)


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


def test_a_login_of_ten_minutes_ago_is_fresh_once_the_password_was_asked_again(
    page: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    guest, session = (Browser().request(page["options"]) for _ in range(2))
    page["after_the_password_was_asked_again"](guest)
    assert guest.user_id is None
    with monkeypatch.context() as patched:
        patched.setattr("iron_session._time.now_ms", lambda: int(time.time() * 1000) - 600_000)
        page["after_the_password_was_checked"](session, 42)
    session["cart"], stale = [1], session.id
    assert not page["may_change_email"](session)
    page["after_the_password_was_asked_again"](session)
    assert page["may_change_email"](session)
    assert (dict(session), session.user_id) == ({"cart": [1]}, "42")
    assert session.id != stale


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


def test_all_devices_are_logged_out_and_with_keep_all_but_one(page: dict[str, Any]) -> None:
    options = page["ending"]
    one, other = Browser(), Browser()
    log_in(one, options)
    page["after_the_password_was_changed"](log_in(other, options))
    assert one.request(options).user_id is None
    session = other.request(options)
    assert session.user_id == "42"
    page["log_out_everywhere"](session)
    other.answer()
    assert other.cookies == {}
    log_in(one, options)
    assert page["block_user"](42).startswith("42 is logged out; at the latest at 20")
    assert one.request(options).user_id is None


def test_a_copied_cookie_is_useless_after_a_logout(page: dict[str, Any]) -> None:
    browser = Browser()
    session = log_in(browser, page["ending"])
    stolen = Browser(dict(browser.cookies))
    session.destroy()
    assert stolen.request(page["ending"]).user_id is None


def test_the_page_of_devices_lists_and_ends_them(page: dict[str, Any]) -> None:
    options = replace(page["ending"], revocations=page["listed"], cookie_name="listed")
    mac, phone, other = Browser(), Browser(), Browser()
    log_in(mac, options, label="Firefox on a Mac")
    session = log_in(phone, options)
    shown = page["devices"](session)
    assert sorted(one.split(",")[0] for one in shown) == ["Firefox on a Mac", "unknown"]
    assert [one for one in shown if one.endswith("(this one)")] == [
        one for one in shown if one.startswith("unknown")
    ]
    stranger = other.request(options)
    stranger.login("43")
    stranger.save()
    mac_id = mac.request(options).id
    page["end_device"](stranger, mac_id)
    assert mac.request(options).user_id == "42"
    page["end_device"](session, mac_id)
    assert mac.request(options).user_id is None


def test_an_open_connection_is_told(page: dict[str, Any]) -> None:
    told = Event()
    session = log_in(Browser(), page["ending"])
    watch = page["tell_when_ended"](session, told.set)
    page["block_user"](42)
    assert told.wait(WAIT)
    watch.close()


@pytest.mark.usefixtures("clock")  # it stands before the day on the page
def test_sessions_from_before_are_refused_but_until_the_day_that_is_named(
    page: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    before = replace(page["ending"], revocations=None)
    browser = Browser()
    browser.visit(before, user=1)
    assert browser.request(page["ending"]) == {}
    assert "Revocations(allow_until=…)" in caplog.text
    gentle = replace(page["ending"], revocations=page["gentle"])
    assert browser.request(gentle) == {"user": 1}


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
        atomic: Any = transaction.atomic  # Django has no types
        with atomic():
            page["block"](user)
            assert browser.request(options).user_id == str(user.pk)
        assert browser.request(options).user_id is None
        assert not user.is_active
