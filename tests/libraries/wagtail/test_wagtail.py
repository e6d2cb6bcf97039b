"""Wagtail: its admin, and pages that ask for a password of their own."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import override_settings
from wagtail.models import Locale, Page, PageViewRestriction, Site

from tests.libraries._django.browser import Browser
from tests.libraries._django.fixtures import NAME, PASSWORD

LOGIN, LOGOUT = "/admin/login/", "/admin/logout/"
CREDENTIALS = {"username": NAME, "password": PASSWORD}
SESSION_MESSAGES = "django.contrib.messages.storage.session.SessionStorage"


@pytest.fixture(autouse=True)
def ada() -> Any:
    """Create an administrator, and what a site has at least: a language and a page."""
    Locale.objects.create(language_code="en")
    Site.objects.create(root_page=Page.add_root(title="Home"), is_default_site=True)
    return get_user_model().objects.create_superuser(NAME, "ada@example.com", PASSWORD)


def test_an_administrator_logs_in(browser: Browser) -> None:
    assert browser.get("/admin/").url == f"{LOGIN}?next=/admin/"
    assert browser.submit(LOGIN, CREDENTIALS).url == "/admin/"
    assert "Tests" in browser.get("/admin/").text
    assert browser.user() == NAME


def test_a_wrong_password_does_not(browser: Browser) -> None:
    assert browser.submit(LOGIN, {**CREDENTIALS, "password": "guessed"}).status_code == 200
    assert browser.user() == ""


@pytest.mark.parametrize(
    "storage",
    [settings.MESSAGE_STORAGE, SESSION_MESSAGES],
    ids=["messages in a cookie", "messages in the session"],
)
def test_a_logout_expires_the_cookie_and_its_chunks(browser: Browser, storage: str) -> None:
    """Wagtail deletes the one cookie itself, and says that the session has not been modified.

    The message that it leaves in the session comes after that, and is kept, as with Django's own.
    """
    with override_settings(MESSAGE_STORAGE=storage):
        browser.submit(LOGIN, CREDENTIALS)
        assert browser.session_cookies
        assert browser.send(LOGOUT, {}).url == LOGIN
        kept = {"sessionid"} if storage == SESSION_MESSAGES else set()
        assert browser.session_cookies.keys() == kept
        assert browser.user() == ""
        assert browser.get("/admin/").status_code == 302


@pytest.mark.parametrize("remember", [False, True])
def test_the_cookie_outlives_the_browser_only_where_it_is_remembered(
    browser: Browser, remember: bool
) -> None:
    answer = browser.submit(LOGIN, {**CREDENTIALS, **({"remember": "on"} if remember else {})})
    cookies = [cookie for name, cookie in answer.cookies.items() if name in browser.session_cookies]
    assert len(cookies) == len(browser.session_cookies) > 0
    assert {bool(cookie["max-age"]) for cookie in cookies} == {remember}


def test_a_forgotten_password_is_set_anew(browser: Browser) -> None:
    """The link's token waits in the session, so that it is in no address."""
    browser.submit("/admin/password_reset/", {"email": "ada@example.com"})
    (link,) = re.findall(r"http://testserver(\S+)", mail.outbox[-1].body)
    form = browser.get(link).url
    assert browser.session_cookies
    fields = {"new_password1": "another one entirely", "new_password2": "another one entirely"}
    assert browser.submit(form, fields).status_code == 302
    assert (
        browser.submit(LOGIN, {**CREDENTIALS, "password": "another one entirely"}).url == "/admin/"
    )
    assert browser.user() == NAME


def test_a_page_with_a_password_is_shown_once_it_is_given(browser: Browser) -> None:
    page = Site.objects.get().root_page
    restriction = PageViewRestriction.objects.create(
        page=page, restriction_type=PageViewRestriction.PASSWORD, password="open sesame"
    )
    form = f"/pages/_util/authenticate_with_password/{restriction.pk}/{page.pk}/"
    assert form in browser.get("/pages/").text
    fields = {"password": "wrong", "return_url": "/pages/"}
    assert browser.send(form, fields).status_code == 200
    assert browser.send(form, {**fields, "password": "open sesame"}).url == "/pages/"
    assert form not in browser.get("/pages/").text
    assert form in Browser().get("/pages/").text


@pytest.mark.parametrize("named", [True, False], ids=["by the setting", "by the options alone"])
def test_a_page_s_password_ends_a_remembered_session_with_the_browser_where_it_is_not_found(
    browser: Browser, named: bool
) -> None:
    """Wagtail looks for a cookie of the setting's name, which chunks and other names are not."""
    options = settings.IRON_SESSION if named else {**settings.IRON_SESSION, "cookie_name": "myapp"}
    page = Site.objects.get().root_page
    restriction = PageViewRestriction.objects.create(
        page=page, restriction_type=PageViewRestriction.PASSWORD, password="open sesame"
    )
    form = f"/pages/_util/authenticate_with_password/{restriction.pk}/{page.pk}/"
    with override_settings(IRON_SESSION=options):
        browser.submit(LOGIN, {**CREDENTIALS, "remember": "on"})
        answer = browser.send(form, {"password": "open sesame", "return_url": "/pages/"})
    lives = {bool(one["max-age"]) for one in answer.cookies.values() if one.value.startswith("Fe")}
    in_chunks = len(browser.session_cookies) > 1
    assert lives == {named and not in_chunks}
