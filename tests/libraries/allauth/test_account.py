"""django-allauth's accounts: what logs in, what is remembered, and what logs out."""

from typing import Any

import pytest

from tests.libraries._django.browser import SESSION, Browser
from tests.libraries._django.fixtures import NAME, PASSWORD

LOGIN = "/accounts/login/"
CREDENTIALS = {"login": NAME, "password": PASSWORD}


def test_a_password_logs_in(browser: Browser, ada: Any) -> None:
    assert browser.submit(LOGIN, CREDENTIALS).url == "/who/"
    assert browser.user() == NAME


def test_a_wrong_password_does_not(browser: Browser, ada: Any) -> None:
    before = browser.session_cookies
    assert browser.submit(LOGIN, {**CREDENTIALS, "password": "guessed"}).status_code == 200
    assert browser.session_cookies == before
    assert browser.user() == ""


def test_a_signup_logs_in(browser: Browser) -> None:
    fields = {"username": "grace", "email": "", "password1": PASSWORD, "password2": PASSWORD}
    assert browser.submit("/accounts/signup/", fields).url == "/who/"
    assert browser.user() == "grace"


def test_a_logout_expires_the_cookie_and_its_chunks(browser: Browser, ada: Any) -> None:
    browser.submit(LOGIN, CREDENTIALS)
    assert browser.session_cookies
    assert browser.submit("/accounts/logout/", {}).status_code == 302
    assert browser.session_cookies == {}
    assert browser.user() == ""


@pytest.mark.parametrize("remember", [False, True])
def test_the_cookie_outlives_the_browser_only_where_it_is_remembered(
    browser: Browser, ada: Any, remember: bool
) -> None:
    answer = browser.submit(LOGIN, {**CREDENTIALS, **({"remember": "on"} if remember else {})})
    cookies = [cookie for name, cookie in answer.cookies.items() if name in browser.session_cookies]
    assert len(cookies) == len(browser.session_cookies) > 0
    # Django's SESSION_COOKIE_AGE of two weeks, less the minute for which a seal stays good.
    assert {cookie["max-age"] for cookie in cookies} == ({14 * 86400 - 60} if remember else {""})


def test_a_new_password_keeps_this_browser_and_logs_out_the_others(
    browser: Browser, ada: Any
) -> None:
    other = Browser()
    for one in (browser, other):
        one.submit(LOGIN, CREDENTIALS)
    copy = browser.session_cookies
    fields = {"oldpassword": PASSWORD, "password1": "another one", "password2": "another one"}
    assert browser.submit("/accounts/password/change/", fields).status_code == 302
    assert browser.user() == NAME
    assert other.user() == ""
    other.keep(copy)
    assert other.get("/who/").text.partition(" ")[0] == ""


def test_a_login_is_in_the_cookie_alone(browser: Browser, ada: Any) -> None:
    browser.submit(LOGIN, CREDENTIALS)
    elsewhere = Browser()
    elsewhere.is_filled = browser.is_filled
    elsewhere.keep(browser.session_cookies)
    assert elsewhere.user() == NAME
    assert SESSION not in browser.get("/who/").cookies  # a page that only reads writes nothing
