"""django-hijack: who is worked for is in the session, and who is behind it."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from tests.libraries._django.browser import Browser
from tests.libraries._django.fixtures import NAME, PASSWORD
from tests.libraries.django.login import log_in, log_out


@pytest.fixture
def grace() -> Any:
    """Create somebody who may do everything."""
    return get_user_model().objects.create_superuser("grace", password=PASSWORD)


@pytest.mark.usefixtures("grace")
def test_a_user_is_hijacked_and_released(browser: Browser, ada: Any) -> None:
    log_in(browser, "grace")
    assert browser.send("/hijack/acquire/", {"user_pk": ada.pk}).url == "/who/"
    # Django's login begins a new session where another user had one.
    browser.is_filled = False
    assert browser.user() == NAME
    assert "on behalf of <em>ada</em>" in browser.get("/page/").text
    assert browser.send("/hijack/release/", {"next": "/page/"}).url == "/page/"
    assert browser.user() == "grace"
    assert "on behalf of" not in browser.get("/page/").text
    log_out(browser)


@pytest.mark.usefixtures("grace")
def test_a_logout_ends_both(browser: Browser, ada: Any) -> None:
    log_in(browser, "grace")
    browser.send("/hijack/acquire/", {"user_pk": ada.pk})
    log_out(browser)
    assert browser.send("/hijack/release/", {}).status_code == 403


def test_who_may_not_hijack_stays_who_they_are(browser: Browser, ada: Any, grace: Any) -> None:
    log_in(browser)
    assert browser.send("/hijack/acquire/", {"user_pk": grace.pk}).status_code == 403
    assert browser.user() == NAME
