"""Logging in and out: django-two-factor-auth's page, and Django's own."""

from typing import Any

from tests.libraries._django.browser import Browser
from tests.libraries._django.fixtures import NAME, PASSWORD

LOGIN = "/account/login/"


def log_in(browser: Browser, name: str = NAME) -> Any:
    """Send name and password; an answer of 200 asks for a token."""
    credentials = {"auth-username": name, "auth-password": PASSWORD}
    return browser.submit(LOGIN, {"login_view-current_step": "auth", **credentials})


def log_out(browser: Browser) -> None:
    """Log out, after which the browser has no session; one that was filled is filled again."""
    assert browser.session_cookies
    assert browser.send("/logout/", {}).status_code == 302
    assert browser.session_cookies == {}
    assert browser.user() == ""
    if browser.is_filled:
        browser.fill_session()
