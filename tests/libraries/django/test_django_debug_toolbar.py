"""django-debug-toolbar: it shows the session, and changes nothing about it."""

import re
from typing import Any

import pytest
from django.test import override_settings

from tests.libraries._django.browser import Browser
from tests.libraries.django.login import log_in


def panel(browser: Browser, page: str) -> str:
    """Return what the panel about the request of a page shows."""
    (request_id,) = re.findall(r'data-request-id="(\w+)"', page)
    query = {"request_id": request_id, "panel_id": "RequestPanel"}
    return str(browser.get("/__debug__/render_panel/", query).json()["content"])


@override_settings(DEBUG=True)
def test_the_panel_shows_what_is_in_the_session(browser: Browser, ada: Any) -> None:
    log_in(browser)
    shown = panel(browser, browser.get("/page/").text)
    assert "_auth_user_id" in shown
    assert ("filling" in shown) == browser.is_filled


@override_settings(DEBUG=True)
def test_a_page_with_the_toolbar_writes_no_cookie(browser: Browser, ada: Any) -> None:
    log_in(browser)
    before = browser.session_cookies
    page = browser.get("/page/")
    assert "djDebug" in page.text
    assert not page.cookies
    panel(browser, page.text)
    assert browser.session_cookies == before


@pytest.mark.parametrize("debug", [False, True])
def test_a_visitor_without_a_session_gets_none(debug: bool) -> None:
    with override_settings(DEBUG=debug):
        browser = Browser()
        page = browser.get("/page/")
        assert ("djDebug" in page.text) == debug
        assert browser.session_cookies == {}
