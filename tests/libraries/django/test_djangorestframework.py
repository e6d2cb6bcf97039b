"""Django REST framework: a browser that is logged in, and its CSRF token, are what it takes."""

from typing import Any

from tests.libraries._django.browser import Browser
from tests.libraries._django.fixtures import NAME
from tests.libraries.django.login import log_in, log_out

NOTES = "/rest/notes/"


def test_a_browser_that_is_logged_in_is_authenticated(browser: Browser, ada: Any) -> None:
    assert browser.get(NOTES).status_code == 403
    log_in(browser)
    assert browser.get(NOTES).json() == {"user": NAME, "notes": []}
    log_out(browser)
    assert browser.get(NOTES).status_code == 403


def test_a_write_takes_the_csrf_token(browser: Browser, ada: Any) -> None:
    log_in(browser)
    refused = browser.post(NOTES, {"note": "no token"}, "application/json")
    assert (refused.status_code, refused.json()["detail"][:12]) == (403, "CSRF Failed:")
    headers = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    for note in ("one", "two"):
        answer = browser.post(NOTES, {"note": note}, "application/json", headers=headers)
        assert answer.status_code == 200
    assert browser.get(NOTES).json() == {"user": NAME, "notes": ["one", "two"]}
