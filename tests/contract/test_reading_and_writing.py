"""Points 1 to 4 of the contract: what is left alone, looked at, written, changed and destroyed."""

from typing import Any

import pytest

from iron_session import CookieOptions
from tests.contract.all_doors import doors_with
from tests.contract.door import Door
from tests.contract.visitor import Visitor, Welcome
from tests.sessions.browser import NAME, TTL, Failures, make_options

DEFAULT_ATTRIBUTES = {"Path": "/", "HttpOnly": None, "Secure": None, "SameSite": "Lax"}

LARGE = "0123456789" * 700
"""Takes three cookies once sealed."""

# In what a framework may write in another way; each attribute alone is in tests/sessions.
IDENTITIES: dict[str, tuple[str, CookieOptions]] = {
    "defaults": (NAME, CookieOptions()),
    "all": (
        NAME,
        CookieOptions(
            path="/app",
            domain="example.com",
            http_only=False,
            same_site="none",
            partitioned=True,
            priority="high",
        ),
    ),
    "bare": (NAME, CookieOptions(secure=False, max_age=None)),
}


def without_age(attributes: dict[str, str | None]) -> dict[str, str | None]:
    """Drop how long the browser keeps it."""
    return {name: value for name, value in attributes.items() if name not in ("Max-Age", "Expires")}


@pytest.mark.parametrize("manner", ["", "own", "stream", "file", "redirect", "error"])
def test_a_session_that_is_left_alone_is_not_even_read(welcome: Welcome, manner: str) -> None:
    """Nothing is unsealed, and the response looks as it would without a session."""
    failures = Failures()
    visitor = welcome(make_options(on_unseal_error=failures))
    visitor.cookies[NAME] = "garbage"
    answer = visitor.ask(manner=manner)
    assert failures == []
    assert NAME not in answer.cookies
    assert answer.vary == ("Accept" if manner == "own" else None)
    assert answer.cache_control == ("public, max-age=60" if manner == "own" else None)


def test_without_a_cookie_and_a_look_there_is_no_header_of_ours(visitor: Visitor) -> None:
    answer = visitor.ask()
    assert (answer.status, answer.json) == (200, None)
    assert not {"set-cookie", "vary", "cache-control"} & {name for name, _ in answer.headers}


@pytest.mark.parametrize("manner", ["", "stream", "file", "redirect", "error"])
def test_a_session_that_was_looked_at_varies_the_response(visitor: Visitor, manner: str) -> None:
    """A cache may not give the response to somebody with another cookie, or with none."""
    assert visitor.ask("read", manner=manner).vary == "Cookie"
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("read", manner=manner)
    assert answer.vary == "Cookie"
    assert "set-cookie" not in dict(answer.headers)
    assert answer.cache_control is None


def test_looking_and_finding_nothing_starts_no_session(visitor: Visitor) -> None:
    answer = visitor.ask("read")
    assert answer.json == {}
    assert answer.cookies == {}


@pytest.mark.parametrize(
    "value",
    [
        {"user": {"id": 1, "roles": ["admin", "ops"]}},
        {"text": 'Grüße, 世界 🎉 " ; , \\ %41 \n'},
        {"nothing": None, "yes": True, "ratio": 0.5, "big": 2**53 - 1, "list": [], "object": {}},
    ],
    ids=["user", "text", "kinds"],
)
def test_what_is_written_is_read_by_the_next_request(
    visitor: Visitor, value: dict[str, Any]
) -> None:
    visitor.ask("update", value)
    assert visitor.session == value


def test_a_written_session_is_one_cookie_with_the_right_attributes(visitor: Visitor) -> None:
    """Once expired, the cookie goes a minute before the seal; nobody may cache the response."""
    answer = visitor.ask("update", {"a": 1})
    assert list(answer.cookies) == [NAME]
    cookie = answer.cookies[NAME]
    assert cookie.value.startswith("Fe26.2*1*")
    assert cookie.attributes == {"Max-Age": str(TTL - 60), **DEFAULT_ATTRIBUTES}
    assert answer.vary == "Cookie"
    assert answer.cache_control == "no-store"


@pytest.mark.parametrize("kind", IDENTITIES)
def test_the_cookie_has_the_attributes_that_were_asked_for(welcome: Welcome, kind: str) -> None:
    name, wanted = IDENTITIES[kind]
    visitor = welcome(make_options(cookie_name=name, cookie_options=wanted))
    attributes = visitor.ask("update", {"a": 1}).cookies[name].attributes
    assert attributes.get("Path") == wanted.path
    assert attributes.get("Domain") == wanted.domain
    assert ("Secure" in attributes) is wanted.secure
    assert ("HttpOnly" in attributes) is wanted.http_only
    assert ("Partitioned" in attributes) is wanted.partitioned
    assert attributes["SameSite"] == (wanted.same_site or "").capitalize()
    assert ("Max-Age" in attributes) is (wanted.max_age is not None)
    assert attributes.get("Priority") == (wanted.priority.capitalize() if wanted.priority else None)


def test_what_the_application_says_in_its_headers_stays(visitor: Visitor) -> None:
    """Its cookies are kept, its Vary is extended, its Cache-Control is made private."""
    answer = visitor.ask("update", {"a": 1}, manner="own")
    assert set(answer.cookies) == {"theme", "lang", NAME}
    assert answer.cookies["theme"].value == "dark"
    assert answer.vary == "Accept, Cookie"
    assert answer.cache_control == "private, max-age=60"
    assert visitor.session == {"a": 1}
    assert visitor.ask("read", manner="own").cache_control == "public, max-age=60"


def test_other_cookies_of_the_request_do_no_harm(visitor: Visitor) -> None:
    visitor.cookies["theme"] = "dark"
    visitor.ask("update", {"a": 1})
    visitor.cookies |= {f"{NAME}2": "x", f"x{NAME}": "y", NAME.upper(): "z"}
    assert visitor.session == {"a": 1}


def test_a_change_inside_a_nested_value_is_saved(visitor: Visitor) -> None:
    """Nobody has to say that the session was modified."""
    visitor.ask("update", {"cart": {"items": ["tea"]}})
    assert list(visitor.ask("append", "milk").cookies) == [NAME]
    assert visitor.session == {"cart": {"items": ["tea", "milk"]}}


@pytest.mark.parametrize("manner", ["", "stream", "redirect"])
def test_writing_what_is_there_already_is_no_change(visitor: Visitor, manner: str) -> None:
    visitor.ask("update", {"cart": {"items": ["tea"]}, "ratio": 1.0, "text": "ü"})
    answer = visitor.ask("write what is there", manner=manner)
    assert answer.cookies == {}
    assert answer.vary == "Cookie"
    assert answer.cache_control is None


def test_a_change_that_is_taken_back_is_no_change(visitor: Visitor) -> None:
    visitor.ask("update", {"a": 1})
    assert visitor.ask("update", {"b": 1}, then="pop b").cookies == {}


@pytest.mark.parametrize("action", ["clear", "destroy"])
@pytest.mark.parametrize("manner", ["", "own", "stream", "file", "redirect", "error"])
def test_an_emptied_session_expires_its_cookie(visitor: Visitor, action: str, manner: str) -> None:
    visitor.ask("update", {"a": 1})
    answer = visitor.ask(action, manner=manner)
    assert answer.cookies[NAME].max_age == 0
    assert answer.cookies[NAME].value == ""
    assert visitor.cookies.keys().isdisjoint({NAME})
    assert answer.vary == ("Accept, Cookie" if manner == "own" else "Cookie")
    assert visitor.session == {}


@pytest.mark.parametrize("action", ["clear", "destroy"])
@pytest.mark.parametrize("kind", IDENTITIES)
def test_the_cookie_is_expired_with_the_attributes_that_it_was_set_with(
    welcome: Welcome, kind: str, action: str
) -> None:
    """Else browsers would keep it: path and domain name it, prefixes demand Secure."""
    name, wanted = IDENTITIES[kind]
    visitor = welcome(make_options(cookie_name=name, cookie_options=wanted))
    was_set = visitor.ask("update", {"a": 1}).cookies[name]
    expired = visitor.ask(action).cookies[name]
    assert expired.max_age == 0
    assert without_age(expired.attributes) == without_age(was_set.attributes)


@pytest.mark.parametrize("action", ["clear", "destroy"])
def test_all_chunks_of_an_emptied_session_expire(welcome: Welcome, action: str) -> None:
    visitor = welcome(make_options(chunk=True, cookie_options=CookieOptions(path="/app")))
    was_set = visitor.ask("update", {"large": LARGE}).cookies
    kept = [name for name, cookie in was_set.items() if cookie.max_age]
    assert kept == [f"{NAME}.0", f"{NAME}.1", f"{NAME}.2"]
    expired = visitor.ask(action).cookies
    assert set(expired) == {NAME, *(f"{NAME}.{index}" for index in range(4))}
    for cookie in expired.values():
        assert (cookie.value, cookie.max_age) == ("", 0)
        assert without_age(cookie.attributes) == without_age(was_set[f"{NAME}.0"].attributes)
    assert visitor.cookies == {}


def test_nothing_expires_where_nothing_was(visitor: Visitor) -> None:
    """Clearing a session that never was writes no cookie."""
    assert visitor.ask("clear").cookies == {}


def test_a_cleared_session_can_begin_anew_in_the_same_request(visitor: Visitor) -> None:
    """As at a login, which must not carry over what was there before."""
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("clear", then="start over")
    assert list(answer.cookies) == [NAME]
    assert visitor.session == {"fresh": True}


def test_writing_into_a_destroyed_session_is_an_error(visitor: Visitor) -> None:
    """The application gets it, and the cookie is not renewed."""
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("destroy", then="start over")
    assert (answer.status, answer.body) == (413, b"SessionDestroyedError")
    assert [cookie for cookie in answer.cookies.values() if cookie.max_age != 0] == []


def test_a_destroyed_session_ends_though_something_was_written_into_it(visitor: Visitor) -> None:
    """`destroy` is final, so the answer to that mistake must not leave the visitor logged in."""
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("destroy", then="start over")
    assert list(answer.cookies) == [NAME]
    assert answer.cookies[NAME].max_age == 0
    assert visitor.session == {}


def test_saving_by_hand_as_well_writes_one_cookie(visitor: Visitor) -> None:
    answer = visitor.ask("update and save", {"a": 1}, then="start over")
    assert list(answer.cookies) == [NAME]
    assert visitor.session == {"a": 1, "fresh": True}


@doors_with("explicit")
def test_the_explicit_form_reads_what_the_others_write(
    door: Door, visitor: Visitor, by_hand: Visitor
) -> None:
    """And a cache is told that the response depends on it."""
    visitor.ask("update", {"a": 1})
    answer = by_hand.ask("read", manner="explicit")
    assert answer.json == {"a": 1}
    assert answer.cookies == {}
    assert (answer.vary, answer.cache_control) == ("Cookie", None)


@doors_with("explicit")
def test_the_explicit_form_varies_the_response_also_for_a_visitor_without_a_cookie(
    door: Door, by_hand: Visitor
) -> None:
    answer = by_hand.ask("read", manner="explicit")
    assert (answer.json, answer.cookies) == ({}, {})
    assert (answer.vary, answer.cache_control) == ("Cookie", None)


@doors_with("explicit")
def test_the_explicit_form_that_is_left_alone_has_no_header_of_ours(
    door: Door, visitor: Visitor, by_hand: Visitor
) -> None:
    visitor.ask("update", {"a": 1})
    answer = by_hand.ask(manner="explicit")
    assert not {"set-cookie", "vary", "cache-control"} & {name for name, _ in answer.headers}


@doors_with("explicit")
def test_the_explicit_form_writes_on_save_only(
    door: Door, visitor: Visitor, by_hand: Visitor
) -> None:
    """As in JavaScript."""
    answer = by_hand.ask("update", {"a": 1}, manner="explicit")
    assert answer.cookies == {}
    assert (answer.vary, answer.cache_control) == ("Cookie", None)
    answer = by_hand.ask("update and save", {"a": 1}, manner="explicit")
    assert list(answer.cookies) == [NAME]
    assert answer.cookies[NAME].attributes == {"Max-Age": str(TTL - 60), **DEFAULT_ATTRIBUTES}
    assert answer.vary == "Cookie"
    assert answer.cache_control == "no-store"
    assert visitor.session == {"a": 1}


@doors_with("explicit")
def test_the_explicit_form_destroys(door: Door, visitor: Visitor, by_hand: Visitor) -> None:
    visitor.ask("update", {"a": 1})
    answer = by_hand.ask("destroy", manner="explicit")
    assert answer.cookies[NAME].max_age == 0
    assert answer.vary == "Cookie"
    assert visitor.session == {}
