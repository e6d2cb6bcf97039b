"""The page on ending sessions: its code does what the text beside it says."""

import asyncio
import inspect
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from flask import Flask, request

from iron_session import Session, SessionOptions
from iron_session.integrations import flask as iron_flask
from iron_session.revocation import Revocations, SignedIn
from tests.helpers.pages import one_line, read_page, run_page, tables
from tests.helpers.waiting import WAIT, wait_for
from tests.sessions.browser import Browser

PAGE = read_page("docs/how-to/ending-sessions.md")
HTTPS = "https://shop.example"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """All Python of the page."""
    monkeypatch.setenv("SESSION_PASSWORD", "the password of the page on ending, 46 letters")
    names = run_page(PAGE.replace("/var/lib/shop", str(tmp_path)), "ending_page")
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
    page["log_in_with_version"](session, "42")
    session.save()
    browser.answer()
    assert browser.request(options).user_id == "42"
    page["versions"]["42"] += 1
    assert browser.request(options).user_id is None
    guest = Browser()
    guest.visit(options, cart=[1])
    assert guest.request(options) == {"cart": [1]}


def test_accept_refuses_users_without_a_version(page: dict[str, Any]) -> None:
    """A user who was deleted has none, and neither has a session of an older release."""
    browser = Browser()
    log_in(browser, page["checked"])
    assert browser.request(page["checked"]).user_id is None
    del page["versions"]["42"]
    assert browser.request(page["checked"]).user_id is None


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


IN_EACH_FRAMEWORK = next(each for each in tables(PAGE) if each[0][0] == "in")[1:]


@pytest.mark.parametrize("row", IN_EACH_FRAMEWORK, ids=[row[0] for row in IN_EACH_FRAMEWORK])
def test_the_line_of_each_framework_ends_a_user_s_sessions_and_nobody_s_without_error(
    row: list[str], page: dict[str, Any]
) -> None:
    line = row[2].partition("`")[0]
    names: dict[str, Any] = {"revocations": page["revocations"]}
    exec(f"async def run(session):\n    {line}", names)  # noqa: S102 - the page is ours
    with pytest.raises(TypeError):
        page["revocations"].end_user(None)
    browser = Browser()
    asyncio.run(names["run"](browser.request(page["ending"])))
    session = log_in(browser, page["ending"])
    assert session.user_id == "42"
    asyncio.run(names["run"](session))
    assert browser.request(page["ending"]).user_id is None


def test_the_view_of_django_s_logs_out_who_has_no_session_of_a_user(
    page: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decorators send anonymous visitors to the login; the view itself fails for none."""
    for name, value in (("logout", lambda _: None), ("redirect", str)):
        monkeypatch.setitem(page, name, value)
    monkeypatch.setitem(page, "get_session", lambda _: Browser().request(page["ending"]))
    view = inspect.unwrap(page["log_out_everywhere_in_django"])
    assert view(None) == "login"


def test_a_copied_cookie_is_useless_after_a_logout(page: dict[str, Any]) -> None:
    browser = Browser()
    session = log_in(browser, page["ending"])
    stolen = Browser(dict(browser.cookies))
    session.destroy()
    assert stolen.request(page["ending"]).user_id is None


def test_a_session_that_begins_while_nobody_can_tell_is_read_once_somebody_can(
    page: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    options, browser = page["ending"], Browser()
    log_in(Browser(), options)
    with monkeypatch.context() as patched:
        patched.setattr(page["revocations"], "_max_stale_ms", -1)
        browser.visit(options, cart=1)
        assert browser.request(options).unavailable
    assert browser.request(options) == {"cart": 1}


def test_flask_s_page_of_devices_lists_and_ends_them(page: dict[str, Any]) -> None:
    app: Flask = page["app"]
    listed: Revocations = page["listed"]

    @app.get("/login")
    def begin() -> str:
        iron_flask.get_session().login("42", label=request.args.get("label"))
        return ""

    mac: Any = app.test_client()
    phone: Any = app.test_client()
    mac.get("/login?label=a+Mac", base_url=HTTPS)
    phone.get("/login", base_url=HTTPS)
    wait_for(lambda: len(listed.sessions_of("42")) == 2)
    shown = phone.get("/devices", base_url=HTTPS).json
    assert sorted(line.partition(",")[0] for line in shown) == ["a Mac", "unknown"]
    (other,) = (one.session_id for one in listed.sessions_of("42") if one.label == "a Mac")
    answer = phone.post("/devices/end", data={"session_id": other}, base_url=HTTPS)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/devices")
    assert mac.get("/devices", base_url=HTTPS).json == []
    assert len(phone.get("/devices", base_url=HTTPS).json) == 1


def test_the_page_names_the_fields_of_a_row() -> None:
    names = [field.name for field in fields(SignedIn)]
    listed = ", ".join(f"`{name}`" for name in names[:-1]) + f" and `{names[-1]}`"
    assert listed in one_line(PAGE)


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
    nobody = Browser().request(options)
    assert page["devices"](nobody) == []
    page["end_device"](nobody, session.id)
    assert phone.request(options).user_id == "42"


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


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("has_id", [True, False])
def test_a_session_from_before_is_kept_when_its_password_is_changed(
    page: dict[str, Any], monkeypatch: pytest.MonkeyPatch, has_id: bool
) -> None:
    monkeypatch.setitem(page, "revocations", page["gentle"])
    user_of = None if has_id else lambda data: data.get("user")
    gentle = replace(page["ending"], revocations=page["gentle"], user_of=user_of)
    browser, other = Browser(), Browser()
    for each in (browser, other):
        if has_id:
            log_in(each, replace(gentle, revocations=None))
        else:
            each.visit(replace(gentle, revocations=None, user_of=None), user="42")
    page["after_the_password_was_changed"](browser.request(gentle))
    browser.answer()
    assert browser.request(gentle).user_id == "42"
    assert other.request(gentle).user_id is None


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
