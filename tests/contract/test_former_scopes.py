"""A cookie that moved to another domain or path: what browsers kept of the old one goes."""

import logging

import pytest

from iron_session import CookieOptions
from tests.contract.visitor import Visitor, Welcome
from tests.sessions.browser import NAME, ReceivedCookie, make_options, saved

MOVED = make_options(
    cookie_options=CookieOptions(domain="example.com"),
    former_scopes=[{"domain": None}, {"domain": None, "path": "/app"}],
)


def ask(visitor: Visitor, action: str | None, value: object = None) -> list[ReceivedCookie]:
    """Send a request and give each cookie that is set, of one name in several scopes too."""
    answer = visitor.site.visit(visitor.prepare(action, value, ""))
    assert answer.status == 200
    return [ReceivedCookie.parse(header) for header in answer.all("set-cookie")]


def scopes(cookies: list[ReceivedCookie]) -> dict[tuple[str | None, str | None], bool]:
    """Give, by domain and path, whether a cookie is kept."""
    return {
        (one.attributes.get("Domain"), one.attributes.get("Path")): one.max_age != 0
        for one in cookies
    }


FORMER: dict[tuple[str | None, str | None], bool] = {(None, "/"): False, (None, "/app"): False}


def test_a_write_expires_what_was_set_before(welcome: Welcome) -> None:
    cookies = ask(welcome(MOVED), "update", {"a": 1})
    assert scopes(cookies) == {("example.com", "/"): True, **FORMER}
    assert {one.name for one in cookies} == {NAME}


@pytest.mark.parametrize("action", ["clear", "destroy"])
def test_a_logout_logs_out_of_all_of_them(welcome: Welcome, action: str) -> None:
    visitor = welcome(MOVED)
    visitor.cookies[NAME] = saved({"a": 1}).partition("=")[2]
    assert scopes(ask(visitor, action)) == {("example.com", "/"): False, **FORMER}


def test_a_browser_that_sends_two_keeps_the_one_that_counted(
    welcome: Welcome, caplog: pytest.LogCaptureFixture
) -> None:
    """Though nothing was changed: else the other would count once the first has ended."""
    visitor = welcome(MOVED)
    old, new = (saved({"user": user}).partition("=")[2] for user in ("old", "new"))
    visitor.cookies[NAME] = f"{old}; {NAME}={new}"
    cookies = ask(visitor, "read")
    assert scopes(cookies) == {("example.com", "/"): True, **FORMER}
    visitor.cookies = {NAME: next(one.value for one in cookies if one.value)}
    assert visitor.site.visit(visitor.prepare("read", None, "")).json == {"user": "old"}
    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert len([one for one in warnings if "former_scopes" in one]) == 1


def test_a_session_that_is_only_read_leaves_one_cookie_alone(welcome: Welcome) -> None:
    visitor = welcome(MOVED)
    visitor.cookies[NAME] = saved({"a": 1}).partition("=")[2]
    assert ask(visitor, "read") == []


def test_chunks_of_former_scopes_go_too(welcome: Welcome) -> None:
    options = make_options(
        chunk=True, cookie_options={"domain": "example.com"}, former_scopes=[{"domain": None}]
    )
    cookies = ask(welcome(options), "update", {"a": 1})
    gone = {(one.name, one.attributes.get("Domain")) for one in cookies if one.max_age == 0}
    parts = [f"{NAME}.{index}" for index in range(4)]
    domains = [None, "example.com"]
    assert gone == {(NAME, None), *((part, domain) for part in parts for domain in domains)}


def test_a_request_of_a_page_does_not_clear_up_after_two(welcome: Welcome) -> None:
    """That is a write, and could undo another request's: it waits for a navigation."""
    visitor = welcome(MOVED)
    visitor.headers["Sec-Fetch-Mode"] = "cors"
    seal = saved({"a": 1}).partition("=")[2]
    visitor.cookies[NAME] = f"{seal}; {NAME}={seal}"
    assert ask(visitor, "read") == []
    visitor.headers["Sec-Fetch-Mode"] = "navigate"
    assert len(ask(visitor, "read")) == 3
