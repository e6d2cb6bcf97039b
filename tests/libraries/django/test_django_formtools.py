"""django-formtools: a wizard keeps its steps in the session."""

import pytest
from django.conf import settings
from django.test import override_settings

from iron_session import CookieTooLargeError
from tests.libraries._django.browser import Browser

WIZARD = "/wizard/"


def order(browser: Browser, goods: str) -> str:
    """Go through the wizard, and return the answer."""
    browser.submit(WIZARD, {"order-current_step": "address", "address-street": "Downing Street"})
    browser.send(WIZARD, {"order-current_step": "goods", "goods-list": goods})
    return str(browser.send(WIZARD, {"order-current_step": "confirm"}).text)


def test_the_last_step_sees_what_the_first_has_taken(browser: Browser) -> None:
    assert order(browser, "tea") == "3 letters go to Downing Street"


def test_a_step_may_hold_more_than_one_cookie_where_there_are_chunks() -> None:
    with override_settings(IRON_SESSION={**settings.IRON_SESSION, "chunk": True}):
        browser = Browser()
        assert order(browser, "tea " * 1500) == "5999 letters go to Downing Street"
        # The wizard has taken back what it kept: the chunks that are not needed are gone.
        assert list(browser.session_cookies) == ["sessionid"]


def test_a_step_that_fits_no_cookie_is_an_error_that_says_so() -> None:
    with pytest.raises(CookieTooLargeError, match="chunk"):
        order(Browser(), "tea " * 1500)
