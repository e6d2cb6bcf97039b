"""Cookies of requests, as middleware changes them; cookies of responses, as views set them."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncRequestFactory, Client, RequestFactory, override_settings
from django.urls import path

from iron_session import unseal_data
from iron_session.integrations.django import IronSessionMiddleware, get_iron_session
from tests.contract import asgi_driver, wsgi_driver
from tests.contract.door import Answer, Visit
from tests.contract.logs import errors_in
from tests.integrations.django_site import project
from tests.sessions.browser import PASSWORD, ReceivedCookie, make_options, saved

COOKIE = "sessionid"
WHOLE = saved({"user": 1}, cookie_name=COOKIE)

BY_HAND = make_options(cookie_name="by_hand", former_scopes=[{"domain": "example.com"}])

Site = Callable[..., Answer]


def act(request: Any) -> HttpResponse:
    """Do to the session and to the response what the query says."""
    response = HttpResponse()
    for step in request.GET.getlist("do"):
        match step:
            case "read":
                request.session.get("user")
            case "write":
                request.session["user"] = 2
            case "flush":
                request.session.flush()
            case "delete cookie":
                response.delete_cookie(COOKIE)
            case "set cookie":
                response.set_cookie(COOKIE, "theirs", secure=True)
            case "set elsewhere":
                response.set_cookie(COOKIE, "theirs", path="/elsewhere")
            case "set header":
                response.headers["Set-Cookie"] = f"{COOKIE}=theirs; Path=/"
    return response


def by_hand(request: Any) -> HttpResponse:
    """Write a session by hand."""
    response = HttpResponse()
    session = get_iron_session(request, response, BY_HAND)
    session["user"] = 2
    session.save()
    return response


def show(request: Any) -> HttpResponse:
    """Answer what is in the session, and in one by hand."""
    hand = get_iron_session(request, HttpResponse(), BY_HAND)
    return JsonResponse([dict(request.session), dict(hand)], safe=False)


urlpatterns = [path("act", act), path("hand", by_hand), path("show", show)]


def visit_wsgi(target: str, cookies: str = WHOLE, **options: Any) -> Answer:
    """Send a request to Django's WSGI handler."""
    with settings(**options):
        return wsgi_driver.request(WSGIHandler(), a_visit(target, cookies))


def visit_asgi(target: str, cookies: str = WHOLE, **options: Any) -> Answer:
    """Send a request to Django's ASGI handler."""
    with settings(**options):
        return asyncio.run(asgi_driver.request(ASGIHandler(), a_visit(target, cookies)))


def settings(*middleware: str, **options: Any) -> Any:
    """Have a site with these options, and this before the session's middleware."""
    return override_settings(
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[*middleware, project.SESSION_MIDDLEWARE],
        IRON_SESSION={"password": PASSWORD, **options},
    )


def a_visit(target: str, cookies: str) -> Visit:
    return Visit(target=target, headers=[("cookie", cookies)])


@pytest.fixture(params=[visit_wsgi, visit_asgi], ids=["wsgi", "asgi"])
def visit(request: pytest.FixtureRequest) -> Site:
    """Send a request to either of Django's handlers."""
    site: Site = request.param
    return site


def cookies_of(answer: Answer) -> dict[tuple[str, str | None], ReceivedCookie]:
    """Give what an answer sets, by name and domain; never the same one twice."""
    received = [ReceivedCookie.parse(value) for value in answer.all("set-cookie")]
    found = {(cookie.name, cookie.attributes.get("Domain")): cookie for cookie in received}
    assert len(found) == len(received)
    return found


# --- several scopes ----------------------------------------------------------------------------

FORMER = [{"domain": "example.com"}, {"domain": "www.example.com", "path": "/"}]
EVERYWHERE = {(COOKIE, None), (COOKIE, "example.com"), (COOKIE, "www.example.com")}


def test_a_session_is_written_and_expired_in_its_former_scopes(visit: Site) -> None:
    cookies = cookies_of(visit("/act?do=write", former_scopes=FORMER))
    assert cookies.keys() == EVERYWHERE
    assert unseal_data(cookies.pop((COOKIE, None)).value, password=PASSWORD) == {"user": 2}
    assert {cookie.max_age for cookie in cookies.values()} == {0}


def test_a_logout_is_one_in_all_scopes(visit: Site) -> None:
    cookies = cookies_of(visit("/act?do=flush", former_scopes=FORMER))
    assert cookies.keys() == EVERYWHERE
    assert {cookie.max_age for cookie in cookies.values()} == {0}


def test_chunks_are_expired_in_all_scopes(visit: Site) -> None:
    """Each name of each."""
    cookies = cookies_of(visit("/act?do=flush", former_scopes=FORMER, chunk=True))
    assert len(cookies) == 5 * len(EVERYWHERE)


def test_a_session_by_hand_is_expired_in_its_former_scopes_too(visit: Site) -> None:
    cookies = cookies_of(visit("/hand", saved({"user": 1}, cookie_name="by_hand")))
    assert cookies.keys() == {("by_hand", None), ("by_hand", "example.com")}
    assert cookies[("by_hand", None)].max_age
    assert cookies[("by_hand", "example.com")].max_age == 0


def test_django_s_test_client_keeps_the_session() -> None:
    """It knows no scopes, and sends back all that it was given."""
    with settings(former_scopes=FORMER):
        client = Client()
        client.get("/act?do=write")
        assert dict(client.session) == {"user": 2}
        client.get("/act?do=write&do=flush")
        assert dict(client.session) == {}


# --- what views set under our name -------------------------------------------------------------


@pytest.mark.parametrize("ours", ["", "do=read&"], ids=["left alone", "read"])
@pytest.mark.parametrize("theirs", ["delete cookie", "set cookie", "set header", "set elsewhere"])
def test_what_a_view_sets_under_our_name_stands_where_we_set_nothing(
    visit: Site, caplog: pytest.LogCaptureFixture, theirs: str, ours: str
) -> None:
    answer = visit(f"/act?{ours}do={theirs.replace(' ', '+')}")
    (cookie,) = answer.cookies.values()
    assert cookie.name == COOKIE
    assert cookie.value == ('""' if theirs == "delete cookie" else "theirs")
    assert errors_in(caplog) == []


@pytest.mark.parametrize("theirs", ["delete cookie", "set cookie", "set header"])
def test_what_both_write_is_logged(
    visit: Site, caplog: pytest.LogCaptureFixture, theirs: str
) -> None:
    """The session is written; one of another scope is another cookie, and stays unmentioned."""
    answer = visit(f"/act?do=write&do={theirs.replace(' ', '+')}")
    values = [ReceivedCookie.parse(value).value for value in answer.all("set-cookie")]
    seals = [value for value in values if value.startswith("Fe26.2")]
    assert [unseal_data(seal, password=PASSWORD) for seal in seals] == [{"user": 2}]
    others = [value for value in values if value not in seals]
    assert others == (["theirs"] if theirs == "set elsewhere" else [])
    told = errors_in(caplog)
    assert len(told) == (0 if theirs == "set elsewhere" else 1)
    assert all(repr(COOKIE) in message for message in told)


def test_a_logout_by_both_is_one_and_no_reason_to_log(
    visit: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = visit("/act?do=flush&do=delete+cookie")
    (cookie,) = answer.cookies.values()
    assert cookie.max_age == 0
    assert errors_in(caplog) == []


def test_a_renewal_yields_to_what_a_view_sets(visit: Site) -> None:
    """Nothing in the session has changed, and the view has made up its mind."""
    old = saved({"user": 1}, cookie_name=COOKIE, password={1: PASSWORD})
    passwords = {1: PASSWORD, 2: PASSWORD[::-1]}
    answer = visit("/act?do=read&do=delete+cookie", old, password=passwords)
    (cookie,) = answer.cookies.values()
    assert cookie.max_age == 0


# --- what middleware puts into request.COOKIES -------------------------------------------------

OTHER = saved({"user": 3}, cookie_name=COOKIE)
CHUNKED = saved({"user": "x" * 6000}, cookie_name=COOKIE, chunk=True)
OF_ANOTHER_PASSWORD = saved({"user": 4}, cookie_name=COOKIE, password=PASSWORD[::-1])

Change = Callable[[Any], object]


def values_in(header: str) -> dict[str, str]:
    """Give the cookies in a Cookie header."""
    return dict(pair.split("=", 1) for pair in header.split("; "))


class Changing:
    """A middleware that changes a request before its session is there."""

    change: Change

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        type(self).change(request)
        return self.get_response(request)


def use_header(request: Any) -> None:
    """Take the session out of the header that a mobile application sends."""
    request.COOKIES[COOKIE] = values_in(OTHER)[COOKIE]


def use_chunks(request: Any) -> None:
    request.COOKIES.update(values_in(CHUNKED))


def use_a_dict(request: Any) -> None:
    request.COOKIES = values_in(OTHER)


def rewrite_the_header(request: Any) -> None:
    request.META["HTTP_COOKIE"] = OTHER


def take_away(request: Any) -> None:
    request.COOKIES.pop(COOKIE, None)


def take_all_away(request: Any) -> None:
    request.COOKIES = {}


def take_the_header_away(request: Any) -> None:
    request.META.pop("HTTP_COOKIE", None)


def put_junk_there(request: Any) -> None:
    request.COOKIES[COOKIE] = "junk; and = more"


def look(request: Any) -> None:
    """Ask for the cookies, as much of Django's own middleware does."""
    request.COOKIES.get("theme")


def change_another(request: Any) -> None:
    request.COOKIES["theme"] = "light"


@pytest.fixture(params=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Send a request to either handler, behind a middleware that changes it; gives the session."""

    def send(change: Change, *fields: str, **options: Any) -> Any:
        monkeypatch.setattr(Changing, "change", staticmethod(change), raising=False)
        with settings(f"{__name__}.Changing", **options):
            if request.param == "wsgi":  # whose servers join several fields
                visit = Visit(target="/show", headers=[("cookie", "; ".join(fields))])
                return wsgi_driver.request(WSGIHandler(), visit).json[0]
            visit = Visit(target="/show", headers=[("cookie", field) for field in fields])
            return asyncio.run(asgi_driver.request(ASGIHandler(), visit)).json[0]

    return send


@pytest.mark.parametrize("sent", [(), (WHOLE,), (OF_ANOTHER_PASSWORD,), ("theme=dark", WHOLE)])
@pytest.mark.parametrize("change", [use_header, use_a_dict, rewrite_the_header])
def test_a_cookie_that_a_middleware_has_set_counts(
    ask: Callable[..., Any], change: Change, sent: tuple[str, ...]
) -> None:
    assert ask(change, *sent) == {"user": 3}


def test_chunks_that_a_middleware_has_set_count(ask: Callable[..., Any]) -> None:
    assert ask(use_chunks) == {"user": "x" * 6000}
    assert ask(use_chunks, "theme=dark") == {"user": "x" * 6000}


@pytest.mark.parametrize("change", [take_away, take_all_away, take_the_header_away, put_junk_there])
def test_a_cookie_that_a_middleware_has_taken_away_counts_no_more(
    ask: Callable[..., Any], change: Change
) -> None:
    """As in Django: a request that is to be nobody's is nobody's."""
    assert ask(change, WHOLE) == {}
    assert ask(change, f"theme=dark; {WHOLE}; {OTHER}") == {}


def test_chunks_that_a_middleware_has_taken_away_count_no_more(ask: Callable[..., Any]) -> None:
    assert ask(take_all_away, CHUNKED) == {}
    assert ask(lambda request: request.COOKIES.pop(f"{COOKIE}.1"), CHUNKED) == {}


@pytest.mark.parametrize("change", [look, change_another], ids=["look", "change another"])
@pytest.mark.parametrize(
    ("fields", "user"),
    [
        ((WHOLE,), 1),
        (("theme=dark", WHOLE), 1),
        ((WHOLE, "theme=dark"), 1),
        ((OF_ANOTHER_PASSWORD, WHOLE), 1),
        ((WHOLE, OF_ANOTHER_PASSWORD), 1),
        ((f"{WHOLE}; {OF_ANOTHER_PASSWORD}; {COOKIE}=",), 1),
        ((f'{COOKIE}="quoted"', WHOLE), 1),
        ((WHOLE, f'{COOKIE}="quoted"'), 1),
        ((f"theme=dark; {CHUNKED}",), "x" * 6000),
        (tuple(CHUNKED.split("; ")), "x" * 6000),
        (("theme=dark", *CHUNKED.split("; ")[::-1], "lang=de"), "x" * 6000),
    ],
)
def test_what_the_browser_has_sent_counts_where_nobody_has_changed_it(
    ask: Callable[..., Any], fields: tuple[str, ...], user: object, change: Change
) -> None:
    """Each of several of one name, and fields apart, though Django's own cookies hold less."""
    assert ask(change, *fields)["user"] == user


def test_what_follows_a_comma_in_another_cookie_is_no_cookie(ask: Callable[..., Any]) -> None:
    assert ask(look, f"theme=a,{WHOLE}") == {}


def test_a_session_by_hand_reads_what_was_set() -> None:
    request: Any
    for request in (RequestFactory().get("/"), AsyncRequestFactory().get("/")):
        request.COOKIES["by_hand"] = values_in(saved({"user": 5}, cookie_name="by_hand"))["by_hand"]
        session = get_iron_session(request, HttpResponse(), BY_HAND)
        assert dict(session) == {"user": 5}


def test_a_request_that_a_test_has_made_may_be_given_cookies() -> None:
    """As Django's own session takes them; `HttpRequest` has no more than these."""
    kept: list[Any] = []

    def view(request: Any) -> HttpResponse:
        kept.append(dict(request.session))
        return HttpResponse()

    request: Any
    for request in (RequestFactory().get("/"), AsyncRequestFactory().get("/"), HttpRequest()):
        request.COOKIES[COOKIE] = values_in(WHOLE)[COOKIE]
        IronSessionMiddleware(view)(request)
    assert kept == [{"user": 1}] * 3


def test_what_is_changed_after_the_middleware_comes_too_late() -> None:
    """As in Django: the session is the one that the request came with."""
    kept: list[Any] = []

    def view(request: Any) -> HttpResponse:
        request.COOKIES[COOKIE] = values_in(OTHER)[COOKIE]
        kept.append(dict(request.session))
        return HttpResponse()

    for ask_before in (True, False):
        request = RequestFactory().get("/", headers={"cookie": WHOLE})
        if ask_before:
            look(request)
        IronSessionMiddleware(view)(request)
    assert kept == [{"user": 1}] * 2


def test_a_session_that_nobody_looked_at_is_renewed_as_a_middleware_has_set_it() -> None:
    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        for then in (lambda request: None, lambda request: delattr(request, "session")):
            request = RequestFactory().get("/")
            use_header(request)
            response = IronSessionMiddleware(answering(then))(request)
            seal = response.cookies[COOKIE].value
            assert unseal_data(seal, password=PASSWORD) == {"user": 3}


def answering(then: Change) -> Callable[[Any], HttpResponse]:
    """Make a view that does something, and answers nothing."""
    act: Callable[[Any], Any] = then
    return lambda request: HttpResponse(act(request) or b"")
