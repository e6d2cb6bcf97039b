"""django-allauth's logins by a provider: what the browser takes along lies in the session."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from tests.libraries._django.browser import SESSION, Browser
from tests.libraries._django.fixtures import NAME, PASSWORD
from tests.libraries._django.provider import consent

DUMMY = "/accounts/dummy/login/"
LOCAL = "/accounts/oidc/local/login/"


@pytest.fixture(autouse=True)
def _local_provider(provider: str) -> Iterator[None]:
    """Set up the provider on this machine, by OpenID Connect with PKCE."""
    app = {
        "provider_id": "local",
        "name": "Local",
        "client_id": "site",
        "secret": "nothing that is a secret",
        "settings": {"server_url": provider},
    }
    known = {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}
    with override_settings(SOCIALACCOUNT_PROVIDERS=known):
        yield


def test_the_dummy_provider_logs_in(browser: Browser) -> None:
    away = browser.submit(DUMMY, {}).url
    answer = browser.submit(away, {"id": "7", "username": "grace", "email": "grace@example.com"})
    assert answer.url == "/who/"
    assert browser.user() == "grace"


def test_openid_connect_logs_in(browser: Browser, provider: str) -> None:
    away = browser.submit(LOCAL, {}).url
    assert away.startswith(f"{provider}/authorize?")
    assert browser.get(consent(away)).url == "/who/"
    assert browser.user() == "grace"


def test_a_logout_expires_the_cookie_and_its_chunks(browser: Browser) -> None:
    browser.get(consent(browser.submit(LOCAL, {}).url))
    assert browser.session_cookies
    browser.submit("/accounts/logout/", {})
    assert browser.session_cookies == {}
    assert browser.user() == ""


def test_a_provider_is_connected_to_who_is_logged_in(browser: Browser, ada: Any) -> None:
    browser.submit("/accounts/login/", {"login": NAME, "password": PASSWORD})
    away = browser.submit(f"{LOCAL}?process=connect", {}).url
    assert browser.get(consent(away)).url == "/accounts/3rdparty/"
    assert browser.user() == NAME
    assert "grace@example.com" in browser.get("/accounts/3rdparty/").text


def test_a_state_of_another_browser_is_refused(browser: Browser) -> None:
    away = browser.submit(LOCAL, {}).url
    victim = Browser()
    assert "Third-Party Login Failure" in victim.get(consent(away)).text
    assert victim.user() == ""


@override_settings(SESSION_COOKIE_SAMESITE="Strict")
def test_a_strict_cookie_comes_with_a_second_request() -> None:
    """allauth asks for that one, where Django's own setting says that the cookie is strict."""
    browser = Browser()
    back = consent(browser.submit(LOCAL, {}).url)
    assert browser.cookies[SESSION]["samesite"] == "Strict"
    # What a browser sends that comes from the provider's site.
    assert "_redir" in Browser().get(back).text
    assert browser.get(f"{back}&_redir=").url == "/who/"
    assert browser.user() == "grace"


def test_two_tabs_log_in_side_by_side(browser: Browser) -> None:
    first, second = (browser.submit(LOCAL, {}).url for _ in range(2))
    assert browser.get(consent(second)).url == "/who/"
    assert browser.get(consent(first)).url == "/who/"
    browser.is_filled = False  # the second login logs out first, and so begins a session
    assert browser.user() == "grace"
