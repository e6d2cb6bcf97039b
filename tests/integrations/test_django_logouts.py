"""Django's logouts expire what the browser has sent, also where this server can't read it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import auth
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path

from iron_session import unseal_data
from tests.contract import asgi_driver, wsgi_driver
from tests.contract.door import Answer, Visit
from tests.helpers.clock import Clock
from tests.integrations.django_site import project
from tests.sessions.browser import OLD, PASSWORD, TTL, saved

COOKIE = "sessionid"
HERE: dict[str, Any] = {"password": {1: OLD}, "chunk": True}
"""What this server knows; another one has gone on to a newer password."""

LOGOUTS: dict[str, Callable[[Any], object]] = {
    "logout": auth.logout,
    "flush": lambda request: request.session.flush(),
    "delete": lambda request: request.session.delete(),
    "delete what was sent": lambda request: request.session.delete(request.COOKIES[COOKIE]),
    "clear": lambda request: request.session.clear(),
    "destroy": lambda request: request.session.destroy(),
    "an empty dict": lambda request: setattr(request, "session", {}),
}
ALOGOUTS: dict[str, Callable[[Any], Coroutine[Any, Any, object]]] = {
    "alogout": auth.alogout,
    "aflush": lambda request: request.session.aflush(),
    "adelete": lambda request: request.session.adelete(),
    "adelete what was sent": lambda request: request.session.adelete(request.COOKIES[COOKIE]),
}
NONE: dict[str, Callable[[Any], object]] = {
    "look": lambda request: request.session.get("user"),
    "take a note out": lambda request: request.session.pop("note", None),
    "delete another": lambda request: request.session.delete("another's"),
    "leave alone": lambda request: None,
}


def act(request: Any) -> HttpResponse:
    """Do what the query names."""
    name = request.GET["act"]
    {**LOGOUTS, **NONE}[name](request)
    return HttpResponse()


async def act_async(request: Any) -> HttpResponse:
    """Do the same in a coroutine."""
    name = request.GET["act"]
    await ALOGOUTS[name](request)
    return HttpResponse()


def log_out_and_in(request: Any) -> HttpResponse:
    """Log out, and write something new."""
    request.session.flush()
    request.session["user"] = 2
    return HttpResponse()


urlpatterns = [path("act", act), path("act-async", act_async), path("anew", log_out_and_in)]


@dataclass(frozen=True)
class Guest:
    """The schema of this server."""

    user: int = 0


def visit(handler: str, target: str, cookies: str, **arguments: Any) -> Answer:
    """Send a request to a site with these options, by one of Django's handlers."""
    sent = Visit(target=target, headers=[("cookie", cookies)])
    with override_settings(
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[project.SESSION_MIDDLEWARE],
        IRON_SESSION={**HERE, **arguments},
    ):
        if handler == "wsgi":
            return wsgi_driver.request(WSGIHandler(), sent)
        return asyncio.run(asgi_driver.request(ASGIHandler(), sent))


def from_elsewhere(size: int = 1, **changes: Any) -> str:
    """Give the Cookie header of a browser with a session of the server that has gone on."""
    options = {"password": {1: OLD, 2: PASSWORD}, "chunk": True, "cookie_name": COOKIE}
    return saved({"user": "x" * size}, **{**options, **changes})


def names_in(cookies: str) -> set[str]:
    """Give the names in a Cookie header."""
    return {pair.partition("=")[0] for pair in cookies.split("; ")}


def assert_expired(answer: Answer, cookies: str) -> None:
    """Check that an answer expires all that the browser has sent, and sets nothing."""
    assert {cookie.max_age for cookie in answer.cookies.values()} == {0}
    assert names_in(cookies) <= answer.cookies.keys()
    assert all("Secure" in cookie.attributes for cookie in answer.cookies.values())


@pytest.mark.parametrize("handler", ["wsgi", "asgi"])
@pytest.mark.parametrize("name", [*LOGOUTS, *ALOGOUTS])
def test_a_logout_expires_a_cookie_that_can_t_be_read_here(handler: str, name: str) -> None:
    cookies = from_elsewhere()
    target = f"/act{'-async' if name in ALOGOUTS else ''}?act={name.replace(' ', '+')}"
    assert_expired(visit(handler, target, cookies), cookies)


@pytest.mark.parametrize("name", sorted(LOGOUTS.keys() - {"delete what was sent"}))
def test_a_logout_expires_chunks_that_can_t_be_read_here(name: str) -> None:
    cookies = from_elsewhere(9000)
    assert len(names_in(cookies)) == 4
    assert_expired(visit("wsgi", f"/act?act={name.replace(' ', '+')}", cookies), cookies)


@pytest.mark.parametrize("name", [*LOGOUTS, *ALOGOUTS])
def test_a_logout_expires_junk_and_what_has_expired(clock: Clock, name: str) -> None:
    expired = from_elsewhere(password=OLD)
    clock.advance(TTL + 61)
    target = f"/act{'-async' if name in ALOGOUTS else ''}?act={name.replace(' ', '+')}"
    for cookies in (expired, f"{COOKIE}=junk"):
        assert_expired(visit("wsgi", target, cookies), cookies)


def test_a_logout_expires_what_does_not_fit_the_schema() -> None:
    cookies = from_elsewhere(password=OLD)
    assert_expired(visit("wsgi", "/act?act=logout", cookies, schema=Guest), cookies)


@pytest.mark.parametrize("handler", ["wsgi", "asgi"])
@pytest.mark.parametrize("name", NONE)
def test_what_is_no_logout_leaves_it_to_the_server_that_can_read_it(
    handler: str, name: str
) -> None:
    answer = visit(handler, f"/act?act={name.replace(' ', '+')}", from_elsewhere())
    assert answer.cookies == {}


def test_a_login_after_a_logout_takes_its_place() -> None:
    cookies = visit("wsgi", "/anew", from_elsewhere(9000)).cookies
    assert unseal_data(cookies.pop(COOKIE).value, password=OLD) == {"user": 2}
    assert {cookie.max_age for cookie in cookies.values()} == {0}
    assert cookies.keys() == {f"{COOKIE}.{index}" for index in range(4)}
