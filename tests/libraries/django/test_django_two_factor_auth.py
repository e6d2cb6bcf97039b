"""django-two-factor-auth: its wizards keep in the session what has been entered so far."""

import re
from typing import Any

from tests.libraries._django import authenticator
from tests.libraries._django.browser import Browser
from tests.libraries._django.fixtures import NAME
from tests.libraries.django.login import LOGIN, log_in, log_out

SETUP = "/account/two_factor/setup/"


def set_up(browser: Browser) -> str:
    """Log in, set up an app, and return its secret."""
    log_in(browser)
    page = browser.submit(SETUP, {"setup_view-current_step": "welcome"}).text
    (secret,) = re.findall(r">([A-Z2-7]{32})<", page)
    assert browser.get("/account/two_factor/qrcode/").status_code == 200
    answer = send_token(browser, authenticator.code(secret), view="setup", step="generator")
    assert answer.url == f"{SETUP}complete/"
    return str(secret)


def send_token(browser: Browser, token: str, *, view: str = "login", step: str = "token") -> Any:
    """Send what a wizard asks for in this step."""
    field = "token" if view == "setup" else "otp_token"
    fields = {f"{view}_view-current_step": step, f"{step}-{field}": token}
    return browser.send(SETUP if view == "setup" else LOGIN, fields)


def test_a_password_logs_in_where_there_is_no_device(browser: Browser, ada: Any) -> None:
    assert log_in(browser).url == "/who/"
    assert browser.user() == NAME
    log_out(browser)


def test_a_password_alone_logs_nobody_in(browser: Browser, ada: Any) -> None:
    set_up(browser)
    log_out(browser)
    assert log_in(browser).status_code == 200
    assert browser.user() == ""


def test_a_token_logs_in(browser: Browser, ada: Any) -> None:
    secret = set_up(browser)
    log_out(browser)
    log_in(browser)
    assert send_token(browser, authenticator.code(secret)).url == "/who/"
    assert browser.user() == NAME
    assert "Backup Tokens" in browser.get("/account/two_factor/").text
    log_out(browser)


def test_a_wrong_token_does_not(browser: Browser, ada: Any) -> None:
    set_up(browser)
    log_out(browser)
    log_in(browser)
    assert send_token(browser, "000000").status_code == 200
    assert browser.user() == ""


def test_an_older_cookie_does_not_make_a_used_token_good_again(browser: Browser, ada: Any) -> None:
    """What was used is noted in the database."""
    secret = set_up(browser)
    log_out(browser)
    log_in(browser)
    copy, token = browser.session_cookies, authenticator.code(secret)
    assert send_token(browser, token).url == "/who/"
    browser.keep(copy)
    assert send_token(browser, token).status_code == 200
    assert browser.user() == ""


def test_a_backup_token_logs_in_once(browser: Browser, ada: Any) -> None:
    set_up(browser)
    browser.submit("/account/two_factor/backup/tokens/", {})
    page = browser.get("/account/two_factor/backup/tokens/").text
    token = re.findall(r"<li>([a-z2-7]{8})</li>", page)[0]
    log_out(browser)
    assert log_in_by_backup_token(browser, token).url == "/who/"
    log_out(browser)
    assert log_in_by_backup_token(browser, token).status_code == 200
    assert browser.user() == ""


def log_in_by_backup_token(browser: Browser, token: str) -> Any:
    """Choose the step for these tokens, in place of the one for an app's."""
    log_in(browser)
    browser.send(LOGIN, {"wizard_goto_step": "backup"})
    return send_token(browser, token, step="backup")
