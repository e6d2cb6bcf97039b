"""django-allauth's API: for browsers by the cookie, for apps by a token in each request."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.test import Client, override_settings

from tests.libraries._django import authenticator
from tests.libraries._django.browser import Browser
from tests.libraries._django.fixtures import NAME, PASSWORD

API = "/_allauth/browser/v1/"
CREDENTIALS = {"username": NAME, "password": PASSWORD}


def call(browser: Browser, method: str, path: str, **fields: str) -> Any:
    """Send JSON as a page's own script does: with the token out of the cookie."""
    if "csrftoken" not in browser.cookies:
        browser.get(f"{API}config")
    headers = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    body = json.dumps(fields) if fields else ""
    return browser.generic(method, API + path, body, "application/json", headers=headers)


def test_a_page_logs_in_and_out(browser: Browser, ada: Any) -> None:
    assert call(browser, "GET", "auth/session").status_code == 401
    assert call(browser, "POST", "auth/login", **CREDENTIALS).status_code == 200
    assert call(browser, "GET", "auth/session").json()["data"]["user"]["username"] == NAME
    assert browser.user() == NAME
    assert call(browser, "DELETE", "auth/session").status_code == 401
    assert browser.session_cookies == {}
    assert call(browser, "GET", "auth/session").status_code == 401


def test_a_page_without_the_csrf_token_is_refused(browser: Browser, ada: Any) -> None:
    answer = browser.post(f"{API}auth/login", json.dumps(CREDENTIALS), "application/json")
    assert answer.status_code == 403
    assert browser.user() == ""


def test_a_page_logs_in_by_the_code_of_an_app(browser: Browser, ada: Any) -> None:
    call(browser, "POST", "auth/login", **CREDENTIALS)
    call(browser, "POST", "auth/reauthenticate", password=PASSWORD)
    secret = call(browser, "GET", "account/authenticators/totp").json()["meta"]["secret"]
    code = authenticator.code(secret)
    assert call(browser, "POST", "account/authenticators/totp", code=code).status_code == 200
    call(browser, "DELETE", "auth/session")
    browser.is_filled = False
    assert call(browser, "POST", "auth/login", **CREDENTIALS).status_code == 401
    assert browser.user() == ""
    assert call(browser, "POST", "auth/2fa/authenticate", code=code).status_code == 200
    assert browser.user() == NAME


def test_a_page_logs_in_by_a_mailed_code(browser: Browser, ada: Any) -> None:
    assert call(browser, "POST", "auth/code/request", email="ada@example.com").status_code == 401
    (code,) = re.findall(r"^[A-Z0-9]+-[A-Z0-9]+$", mail.outbox[-1].body, re.MULTILINE)
    assert call(browser, "POST", "auth/code/confirm", code="wrong").status_code == 400
    assert call(browser, "POST", "auth/code/confirm", code=code).status_code == 200
    assert browser.user() == NAME


class App:
    """An app: no cookies, and the newest session token that an answer brought."""

    def __init__(self) -> None:
        self.token: str | None = None

    def call(self, method: str, path: str, **fields: str) -> Any:
        """Send JSON with the token, and keep the token of the answer."""
        headers = {"X-Session-Token": self.token} if self.token else {}
        body = json.dumps(fields) if fields else ""
        answer = Client().generic(
            method, f"/_allauth/app/v1/{path}", body, "application/json", headers=headers
        )
        assert not answer.cookies
        self.token = answer.json().get("meta", {}).get("session_token", self.token)
        return answer


ALLAUTHS = "allauth.headless.tokens.strategies.sessions.SessionTokenStrategy"
SEALED = f"{__package__}.tokens.SealedTokens"


@pytest.fixture
def app() -> Iterator[App]:
    """Start an app that has never been here, on a site with the strategy for sealed tokens."""
    with override_settings(HEADLESS_TOKEN_STRATEGY=SEALED):
        yield App()


@override_settings(HEADLESS_TOKEN_STRATEGY=ALLAUTHS)
def test_allauth_s_own_tokens_are_of_before_the_login(ada: Any) -> None:
    """It takes the session's key before Django has written who has logged in: the token opens."""
    app = App()
    assert app.call("POST", "auth/login", **CREDENTIALS).status_code == 200
    assert app.call("GET", "auth/session").status_code == 401


def test_an_app_logs_in(app: App, ada: Any) -> None:
    assert app.call("POST", "auth/login", **CREDENTIALS).status_code == 200
    assert app.call("GET", "auth/session").json()["data"]["user"]["username"] == NAME


def test_an_app_logs_in_by_the_code_of_an_app(app: App, ada: Any) -> None:
    app.call("POST", "auth/login", **CREDENTIALS)
    app.call("POST", "auth/reauthenticate", password=PASSWORD)
    secret = app.call("GET", "account/authenticators/totp").json()["meta"]["secret"]
    code = authenticator.code(secret)
    assert app.call("POST", "account/authenticators/totp", code=code).status_code == 200
    app.token = None
    assert app.call("POST", "auth/login", **CREDENTIALS).status_code == 401
    assert app.call("GET", "auth/session").status_code == 401
    assert app.call("POST", "auth/2fa/authenticate", code="000000").status_code == 400
    assert app.call("POST", "auth/2fa/authenticate", code=code).status_code == 200
    assert app.call("GET", "auth/session").status_code == 200


def test_an_app_logs_in_by_a_mailed_code(app: App, ada: Any) -> None:
    assert app.call("POST", "auth/code/request", email="ada@example.com").status_code == 401
    (code,) = re.findall(r"^[A-Z0-9]+-[A-Z0-9]+$", mail.outbox[-1].body, re.MULTILINE)
    assert app.call("POST", "auth/code/confirm", code="wrong").status_code == 400
    assert app.call("POST", "auth/code/confirm", code=code).status_code == 200
    assert app.call("GET", "auth/session").json()["data"]["user"]["username"] == NAME


def test_an_app_gets_a_new_token_where_its_session_changes(app: App, ada: Any) -> None:
    app.call("POST", "auth/login", **CREDENTIALS)
    first = app.token
    app.call("GET", "auth/session")
    assert app.token == first
    app.call("POST", "auth/reauthenticate", password=PASSWORD)
    assert app.token != first
    methods = app.call("GET", "auth/session").json()["data"]["methods"]
    assert [method.get("reauthenticated", False) for method in methods] == [False, True]


def test_a_token_that_does_not_open_is_gone(app: App, caplog: pytest.LogCaptureFixture) -> None:
    for token in ("nonsense", "Fe26.2*1*nonsense*~2"):
        app.token = token
        assert app.call("GET", "auth/session").status_code == 410
    caplog.clear()  # that it does not open may be logged


def test_a_logout_cannot_end_a_token_that_an_app_keeps(app: App, ada: Any) -> None:
    """Nothing on the server says that it is over: the app has to forget its token."""
    app.call("POST", "auth/login", **CREDENTIALS)
    answer = app.call("DELETE", "auth/session")
    assert answer.status_code == 401
    assert not answer.json()["meta"]["is_authenticated"]
    assert app.call("GET", "auth/session").status_code == 200
