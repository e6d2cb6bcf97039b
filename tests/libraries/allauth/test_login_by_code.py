"""django-allauth's login by code, and what a copy of an older cookie can do with it.

The code and the number of wrong guesses lie in the session, and so in the cookie. Nobody can read
them there, but whoever kept an older cookie can send it again, and the guesses since then never
were. It ends with the code, after three minutes: ACCOUNT_LOGIN_BY_CODE_TIMEOUT counts from a moment
that lies in the cookie too, which an older cookie does not move.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.test import override_settings

from tests.libraries._django.browser import Browser
from tests.libraries._django.fixtures import NAME

REQUEST = "/accounts/login/code/"
CONFIRM = "/accounts/login/code/confirm/"
GUESSES = 3  # ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS
WRONG = "BBBB-BBBB"


@pytest.fixture
def _counting() -> Iterator[None]:
    """Count the guesses in the cache."""
    with override_settings(
        ACCOUNT_FORMS={"confirm_login_code": f"{__package__}.codes.CountedForm"}
    ):
        yield


def ask_for_a_code(browser: Browser) -> str:
    """Return the code that is mailed to Ada."""
    assert browser.submit(REQUEST, {"email": "ada@example.com"}).url == CONFIRM
    return mailed_code()


def mailed_code() -> str:
    """Return the code in the newest mail."""
    (code,) = re.findall(r"^[A-Z0-9]+-[A-Z0-9]+$", mail.outbox[-1].body, re.MULTILINE)
    return str(code)


def guess(browser: Browser, code: str, *, at: str = CONFIRM) -> Any:
    """Send a code, as the page with the form does."""
    return browser.send(at, {"code": code})


def test_the_code_logs_in(browser: Browser, ada: Any) -> None:
    assert guess(browser, ask_for_a_code(browser)).url == "/who/"
    assert browser.user() == NAME
    browser.submit("/accounts/logout/", {})
    assert browser.session_cookies == {}


def test_wrong_guesses_end_it(browser: Browser, ada: Any) -> None:
    code = ask_for_a_code(browser)
    for _ in range(GUESSES - 1):
        assert guess(browser, WRONG).status_code == 200
    assert guess(browser, WRONG).url == REQUEST
    assert guess(browser, code).url == REQUEST
    assert browser.user() == ""


def test_an_older_cookie_is_good_for_more_guesses(browser: Browser, ada: Any) -> None:
    code, copy = ask_for_a_code(browser), browser.session_cookies
    for _ in range(5 * GUESSES):
        assert guess(browser, WRONG).status_code == 200
        browser.keep(copy)
    assert guess(browser, code).url == "/who/"
    assert browser.user() == NAME


def test_an_older_cookie_makes_a_used_code_good_again(browser: Browser, ada: Any) -> None:
    code, copy = ask_for_a_code(browser), browser.session_cookies
    guess(browser, code)
    browser.submit("/accounts/logout/", {})
    browser.keep(copy)
    assert guess(browser, code).url == "/who/"


def test_an_older_cookie_is_good_for_more_guesses_at_a_password_reset(
    browser: Browser, ada: Any
) -> None:
    answer = browser.submit("/accounts/password/reset/", {"email": "ada@example.com"})
    code, copy = mailed_code(), browser.session_cookies
    for _ in range(5 * GUESSES):
        assert guess(browser, WRONG, at=answer.url).status_code == 200
        browser.keep(copy)
    assert guess(browser, code, at=answer.url).url == "/accounts/password/reset/complete/"


@pytest.mark.usefixtures("_counting")
def test_a_counter_in_the_cache_stops_more_guesses(browser: Browser, ada: Any) -> None:
    code, copy = ask_for_a_code(browser), browser.session_cookies
    for _ in range(GUESSES):
        assert guess(browser, WRONG).status_code == 200
        browser.keep(copy)
    assert "Incorrect code" in guess(browser, code).text
    assert browser.user() == ""


@pytest.mark.usefixtures("_counting")
def test_a_counter_in_the_cache_makes_a_code_good_once(browser: Browser, ada: Any) -> None:
    code, copy = ask_for_a_code(browser), browser.session_cookies
    assert guess(browser, code).url == "/who/"
    browser.submit("/accounts/logout/", {})
    browser.keep(copy)
    assert "Incorrect code" in guess(browser, code).text
    assert browser.user() == ""


@pytest.mark.usefixtures("_counting")
def test_the_next_code_is_counted_anew(browser: Browser, ada: Any) -> None:
    ask_for_a_code(browser)
    for _ in range(GUESSES):
        guess(browser, WRONG)
    assert guess(browser, ask_for_a_code(browser)).url == "/who/"
    assert browser.user() == NAME
