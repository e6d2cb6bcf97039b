"""social-auth-app-django: what a login takes to the provider and back lies in the session."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from tests.libraries._django.browser import Browser
from tests.libraries._django.fixtures import NAME
from tests.libraries._django.provider import consent
from tests.libraries.django.login import LOGIN, log_in, log_out

BEGIN = "/social/login/local/"


@pytest.fixture(autouse=True)
def _local_provider(provider: str) -> Iterator[None]:
    """Say where the provider is."""
    with override_settings(LOCAL_PROVIDER=provider):
        yield


def begin(browser: Browser) -> str:
    """Click on the button, and return where the browser is sent."""
    return str(browser.submit(LOGIN, {}, to=BEGIN).url)


def test_a_provider_logs_in(browser: Browser, provider: str) -> None:
    away = begin(browser)
    assert away.startswith(f"{provider}/authorize?")
    assert browser.get(consent(away)).url == "/who/"
    assert browser.user() == "grace"
    log_out(browser)


def test_a_provider_is_connected_to_who_is_logged_in(browser: Browser, ada: Any) -> None:
    log_in(browser)
    browser.send(BEGIN, {})
    away = str(browser.send(BEGIN, {}).url)
    assert browser.get(consent(away)).status_code == 302
    assert browser.user() == NAME
    assert [login.uid for login in ada.social_auth.all()] == ["4711"]


def test_a_state_of_another_browser_is_refused(browser: Browser) -> None:
    away = begin(browser)
    victim = Browser()
    assert victim.get(consent(away)).url.startswith("/failed/")
    assert victim.user() == ""


def test_two_tabs_log_in_side_by_side(browser: Browser) -> None:
    first, second = begin(browser), begin(browser)
    assert browser.get(consent(first)).url == "/who/"
    assert browser.get(consent(second)).url == "/who/"
    assert browser.user() == "grace"


def test_ten_abandoned_logins_do_not_fill_the_cookie(browser: Browser) -> None:
    """Each leaves some 300 bytes for half an hour: of more, the twelfth would be too many."""
    for _ in range(10):
        begin(browser)
    assert browser.get(consent(begin(browser))).url == "/who/"
    assert browser.user() == "grace"
