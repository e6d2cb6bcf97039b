"""django-allauth's second factor: an app's codes, and codes to recover by."""

import re
from typing import Any

from tests.libraries._django import authenticator
from tests.libraries._django.browser import Browser
from tests.libraries._django.fixtures import NAME, PASSWORD

LOGIN = "/accounts/login/"
CREDENTIALS = {"login": NAME, "password": PASSWORD}
ACTIVATE = "/accounts/2fa/totp/activate/"
AUTHENTICATE = "/accounts/2fa/authenticate/"


def activate(browser: Browser) -> str:
    """Log in, set up an app, and return its secret, which the session keeps until then."""
    browser.submit(LOGIN, CREDENTIALS)
    assert browser.get(ACTIVATE).url.startswith("/accounts/reauthenticate/")
    browser.submit("/accounts/reauthenticate/", {"password": PASSWORD})
    page = browser.get(ACTIVATE).text
    (secret,) = re.findall(r'value="([A-Z2-7]{32})"', page)
    answer = browser.send(ACTIVATE, {"code": authenticator.code(secret)})
    assert answer.url == "/accounts/2fa/recovery-codes/"
    return str(secret)


def log_out(browser: Browser) -> None:
    """Log out; the session that was filled begins anew."""
    browser.submit("/accounts/logout/", {})
    assert browser.session_cookies == {}
    if browser.is_filled:
        browser.fill_session()


def test_a_password_alone_logs_nobody_in(browser: Browser, ada: Any) -> None:
    activate(browser)
    log_out(browser)
    assert browser.submit(LOGIN, CREDENTIALS).url == AUTHENTICATE
    assert browser.user() == ""


def test_the_code_of_an_app_logs_in(browser: Browser, ada: Any) -> None:
    secret = activate(browser)
    log_out(browser)
    browser.submit(LOGIN, CREDENTIALS)
    assert browser.submit(AUTHENTICATE, {"code": "000000"}).status_code == 200
    assert browser.user() == ""
    assert browser.submit(AUTHENTICATE, {"code": authenticator.code(secret)}).url == "/who/"
    assert browser.user() == NAME
    log_out(browser)


def test_a_recovery_code_logs_in_once(browser: Browser, ada: Any) -> None:
    activate(browser)
    codes = browser.get("/accounts/2fa/recovery-codes/download/").text.split()
    log_out(browser)
    browser.submit(LOGIN, CREDENTIALS)
    assert browser.submit(AUTHENTICATE, {"code": codes[0]}).url == "/who/"
    log_out(browser)
    browser.submit(LOGIN, CREDENTIALS)
    assert browser.submit(AUTHENTICATE, {"code": codes[0]}).status_code == 200
    assert browser.user() == ""


def test_an_older_cookie_does_not_make_a_used_code_good_again(browser: Browser, ada: Any) -> None:
    """Used codes are noted in the cache, and an authenticator's in the database."""
    secret = activate(browser)
    log_out(browser)
    browser.submit(LOGIN, CREDENTIALS)
    copy, code = browser.session_cookies, authenticator.code(secret)
    assert browser.submit(AUTHENTICATE, {"code": code}).url == "/who/"
    browser.keep(copy)
    assert browser.submit(AUTHENTICATE, {"code": code}).status_code == 200
    assert browser.user() == ""
