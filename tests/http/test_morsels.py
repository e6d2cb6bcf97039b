"""Cookies as Python's `http.cookies` keeps them, which go out as they were written."""

import pickle
from http.cookies import Morsel, SimpleCookie
from types import SimpleNamespace
from typing import Any

import pytest

from iron_session import CookieOptions
from iron_session.http.morsels import FinishedMorsel, MorselHeaders
from iron_session.sessions.cookie_text import serialize_cookie

HEADER = serialize_cookie(
    "a",
    "Fe26.2*1*x~2",
    CookieOptions(
        domain="example.com", path="/p", same_site="none", partitioned=True, priority="high"
    ),
    60,
)


def test_a_header_goes_out_byte_for_byte() -> None:
    """Partitioned and Priority too, which Python 3.11 does not know."""
    morsel = FinishedMorsel(HEADER)
    assert morsel.OutputString() == HEADER
    assert morsel.output(header="") == f" {HEADER}"
    assert {"Partitioned", "Priority=High"} <= set(HEADER.split("; "))


def test_it_looks_like_any_other() -> None:
    """Test clients and middleware read its attributes."""
    morsel = FinishedMorsel(HEADER)
    assert (morsel.key, morsel.value, morsel.coded_value) == ("a", "Fe26.2*1*x~2", "Fe26.2*1*x~2")
    wanted = {
        "domain": "example.com",
        "path": "/p",
        "samesite": "None",
        "max-age": 60,
        "secure": True,
        "httponly": True,
        "expires": "",
    }
    assert {name: morsel[name] for name in wanted} == wanted


def test_a_cookie_that_is_deleted_has_no_value_and_no_time() -> None:
    morsel = FinishedMorsel(serialize_cookie("a", "", CookieOptions(), 0))
    assert (morsel.value, morsel["max-age"], morsel.OutputString()[:13]) == ("", 0, "a=; Max-Age=0")


@pytest.mark.parametrize("attribute", [("domain", "b.example"), ("samesite", "Strict")])
def test_what_others_change_in_it_goes_out(attribute: tuple[str, str]) -> None:
    """Middleware that gives each host's cookies its own domain, say."""
    morsel = FinishedMorsel(HEADER)
    key, value = attribute
    morsel[key] = value
    assert morsel.OutputString().startswith("a=Fe26.2*1*x~2; ")
    assert value in morsel.OutputString()


def test_a_value_that_others_set_under_its_name_goes_out() -> None:
    """`SimpleCookie` keeps the object, and sets the new value in it."""
    cookies: SimpleCookie = SimpleCookie()
    dict.__setitem__(cookies, "a", FinishedMorsel(HEADER))
    cookies["a"] = "other"
    assert cookies["a"].OutputString().startswith("a=other; ")


@pytest.mark.parametrize("domain", ["", "b.example"])
def test_it_survives_a_cache(domain: str) -> None:
    """Django's keeps whole responses, pickled."""
    morsel = FinishedMorsel(HEADER)
    if domain:
        morsel["domain"] = domain
    again = pickle.loads(pickle.dumps(morsel))  # noqa: S301 - what it has just written itself
    assert type(again) is FinishedMorsel
    assert again.OutputString() == morsel.OutputString()


@pytest.mark.parametrize("name", ["path", "a(b)", "x/y"])
def test_names_that_browsers_take_are_taken(name: str) -> None:
    """`http.cookies` itself refuses them."""
    morsel = FinishedMorsel(serialize_cookie(name, "v", CookieOptions(), None))
    assert morsel.key == name
    assert isinstance(morsel, Morsel)


@pytest.fixture
def response() -> Any:
    """Make a response as frameworks with a `SimpleCookie` have it."""
    return SimpleNamespace(headers={}, cookies=SimpleCookie())


def test_headers_have_one_value_each(response: Any) -> None:
    headers = MorselHeaders(response)
    assert headers.get("Vary") == []
    headers.add("Vary", "Accept")
    headers.set("Vary", ["Cookie"])
    assert (headers.get("Vary"), response.headers) == (["Cookie"], {"Vary": "Cookie"})
    headers.set("Vary", [])
    headers.set("Vary", [])
    assert response.headers == {}


def texts(response: Any) -> list[str]:
    """Give the Set-Cookie headers that a framework writes for a response's cookies."""
    return [one.OutputString() for one in response.cookies.values()]


def test_cookies_lie_beside_each_other_by_name(response: Any) -> None:
    headers = MorselHeaders(response)
    response.cookies["theme"] = "dark"
    for value in ("a=1; Path=/", "b=2", "a=3; Path=/"):
        headers.add("Set-Cookie", value)
    assert texts(response) == ["theme=dark", "a=3; Path=/", "b=2"]


def test_the_cookies_of_others_are_given_too(response: Any) -> None:
    """Those that the application has set by a header's text as well."""
    headers = MorselHeaders(response)
    assert headers.get("Set-Cookie") == []
    response.cookies["theme"] = "dark"
    response.headers["Set-Cookie"] = "lang=de"
    headers.add("Set-Cookie", "a=1; Path=/")
    assert headers.get("Set-Cookie") == ["lang=de", "theme=dark", "a=1; Path=/"]


def test_what_is_kept_of_cookies_stays_as_it_is(response: Any) -> None:
    headers = MorselHeaders(response)
    response.cookies["theme"] = "dark"
    response.cookies["old"] = "1"
    response.headers["Set-Cookie"] = "lang=de"
    for value in ("a=1; Path=/", "b=2"):
        headers.add("Set-Cookie", value)
    theme = response.cookies["theme"]
    headers.set("Set-Cookie", ["lang=de", "theme=dark", "b=2", "c=3"])
    assert headers.get("Set-Cookie") == ["lang=de", "theme=dark", "b=2", "c=3"]
    assert response.cookies["theme"] is theme
    headers.set("Set-Cookie", ["theme=dark"])
    assert (response.headers, texts(response)) == ({}, ["theme=dark"])
    headers.set("Set-Cookie", [])
    assert texts(response) == []


def test_a_cookie_that_somebody_else_took_away_meanwhile_does_no_harm() -> None:
    """Two requests at once may share a response."""

    class Shared(SimpleCookie):
        def items(self) -> Any:
            found = dict(super().items())
            self.clear()
            return found.items()

    response = SimpleNamespace(headers={}, cookies=Shared({"a": "1"}))
    MorselHeaders(response).set("Set-Cookie", [])
    assert texts(response) == []


LIVE = "a=1; Path=/; Secure"
GONE = "a=; Max-Age=0; Path=/; Secure"
SCOPED = "a=; Max-Age=0; Domain=example.com; Path=/; Secure"
PARTITIONED = "a=; Max-Age=0; Path=/; Secure; Partitioned; SameSite=None"


@pytest.mark.parametrize(
    "values",
    [
        (LIVE, SCOPED),
        (SCOPED, LIVE),
        (LIVE, SCOPED, PARTITIONED),
        (SCOPED, PARTITIONED, LIVE),
        (SCOPED, LIVE, PARTITIONED),
        (GONE, SCOPED, PARTITIONED),
    ],
    ids=str,
)
def test_one_name_in_several_scopes_is_several_cookies(
    response: Any, values: tuple[str, ...]
) -> None:
    """And the name leads to the one that sets it."""
    headers = MorselHeaders(response)
    for value in values:
        headers.add("Set-Cookie", value)
    assert sorted(texts(response)) == sorted(values)
    assert sorted(headers.get("Set-Cookie")) == sorted(values)
    assert {one.key for one in response.cookies.values()} == {"a"}
    assert response.cookies["a"].OutputString() == (LIVE if LIVE in values else GONE)
    for value in values:  # once more, as a response does that is committed twice
        headers.add("Set-Cookie", value)
    assert sorted(texts(response)) == sorted(values)
    headers.set("Set-Cookie", [SCOPED])
    assert texts(response) == [SCOPED]


def test_a_cookie_beside_another_of_its_name_is_replaced_by_its_scope(response: Any) -> None:
    headers = MorselHeaders(response)
    for value in (LIVE, SCOPED):
        headers.add("Set-Cookie", value)
    del response.cookies["a"]
    headers.add("Set-Cookie", SCOPED)
    assert texts(response) == [SCOPED]


def test_a_cookie_of_another_scope_that_the_application_has_set_stays(response: Any) -> None:
    headers = MorselHeaders(response)
    response.cookies["a"] = "theirs"
    response.cookies["a"]["domain"] = "example.com"
    headers.add("Set-Cookie", GONE)
    headers.add("Set-Cookie", LIVE)
    assert sorted(texts(response)) == sorted([LIVE, "a=theirs; Domain=example.com"])
