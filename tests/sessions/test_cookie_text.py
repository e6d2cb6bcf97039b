"""Cookies as text: what npm's cookie@2 writes and reads, and what http.cookies would get wrong."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from iron_session import ConfigurationError, CookieOptions
from iron_session.sessions import SetCookie
from iron_session.sessions.cookie_text import (
    decode_value,
    is_expired,
    name_in_header,
    parse_cookies,
    serialize_cookie,
)

BARE = {"http_only": False, "secure": False, "same_site": None, "path": None, "max_age": None}


def written(value: str, max_age: int | None = None, **attributes: Any) -> str:
    """Write a cookie that has these attributes only."""
    return serialize_cookie("a", value, CookieOptions(**{**BARE, **attributes}), max_age)


# --- Set-Cookie out --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, "a=1"),
        ({"domain": "example.com"}, "a=1; Domain=example.com"),
        ({"domain": ".Example.com"}, "a=1; Domain=.Example.com"),
        ({"path": "/"}, "a=1; Path=/"),
        ({"path": "/a b"}, "a=1; Path=/a b"),
        ({"http_only": True}, "a=1; HttpOnly"),
        ({"secure": True}, "a=1; Secure"),
        ({"secure": "auto"}, "a=1; Secure"),
        ({"secure": True, "partitioned": True}, "a=1; Secure; Partitioned"),
        ({"priority": "low"}, "a=1; Priority=Low"),
        ({"priority": "medium"}, "a=1; Priority=Medium"),
        ({"priority": "high"}, "a=1; Priority=High"),
        ({"same_site": "strict"}, "a=1; SameSite=Strict"),
        ({"same_site": "lax"}, "a=1; SameSite=Lax"),
        ({"secure": True, "same_site": "none"}, "a=1; Secure; SameSite=None"),
    ],
)
def test_each_attribute_is_written_as_node_writes_it(
    attributes: dict[str, Any], expected: str
) -> None:
    assert written("1", **attributes) == expected


@pytest.mark.parametrize(
    ("max_age", "expected"),
    [
        (None, "a=1"),
        (0, "a=1; Max-Age=0"),
        (1, "a=1; Max-Age=1"),
        (2147483647, "a=1; Max-Age=2147483647"),
    ],
)
def test_max_age_is_the_given_one_and_not_the_options(max_age: int | None, expected: str) -> None:
    """Only the session knows how long it lives, and 0 deletes."""
    assert written("1", max_age=max_age) == expected


def test_all_attributes_stand_in_the_order_of_node() -> None:
    options = CookieOptions(
        domain="example.com",
        path="/p",
        expires=datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC),
        partitioned=True,
        priority="low",
        same_site="none",
    )
    assert serialize_cookie("n", "v", options, 60) == (
        "n=v; Max-Age=60; Domain=example.com; Path=/p; Expires=Thu, 31 Dec 2099 23:59:59 GMT; "
        "HttpOnly; Secure; Partitioned; Priority=Low; SameSite=None"
    )


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC), "Fri, 02 Jan 2099 03:04:05 GMT"),
        (datetime(2099, 2, 28, 23, 59, 59, 999999, tzinfo=UTC), "Sat, 28 Feb 2099 23:59:59 GMT"),
        (datetime(2048, 2, 29, tzinfo=UTC), "Sat, 29 Feb 2048 00:00:00 GMT"),
        (datetime(2099, 3, 1, tzinfo=UTC), "Sun, 01 Mar 2099 00:00:00 GMT"),
        (datetime(2099, 4, 6, tzinfo=UTC), "Mon, 06 Apr 2099 00:00:00 GMT"),
        (datetime(2099, 5, 5, tzinfo=UTC), "Tue, 05 May 2099 00:00:00 GMT"),
        (datetime(2099, 6, 3, tzinfo=UTC), "Wed, 03 Jun 2099 00:00:00 GMT"),
        (datetime(2099, 7, 2, tzinfo=UTC), "Thu, 02 Jul 2099 00:00:00 GMT"),
        (datetime(2099, 8, 7, tzinfo=UTC), "Fri, 07 Aug 2099 00:00:00 GMT"),
        (datetime(2099, 9, 5, tzinfo=UTC), "Sat, 05 Sep 2099 00:00:00 GMT"),
        (datetime(2099, 10, 4, tzinfo=UTC), "Sun, 04 Oct 2099 00:00:00 GMT"),
        (datetime(2099, 11, 2, tzinfo=UTC), "Mon, 02 Nov 2099 00:00:00 GMT"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "Fri, 31 Dec 9999 23:59:59 GMT"),
        (datetime(1601, 1, 1, tzinfo=UTC), "Mon, 01 Jan 1601 00:00:00 GMT"),
        (
            datetime(2099, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-1))),
            "Fri, 01 Jan 2100 00:30:00 GMT",
        ),
    ],
)
def test_expires_is_an_http_date_in_utc(moment: datetime, expected: str) -> None:
    """In English whatever the machine speaks, in GMT wherever it stands."""
    assert written("1", expires=moment) == f"a=1; Expires={expected}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("Fe26.2*1*0a*b-_*c*17*d*e~2", "Fe26.2*1*0a*b-_*c*17*d*e~2"),
        ("!#$&'()*+-./:<=>?@[]^_`{|}~", "!#$&'()*+-./:<=>?@[]^_`{|}~"),
        ("a b", "a%20b"),
        ("a;b", "a%3Bb"),
        ("a,b", "a%2Cb"),
        ('"', "%22"),
        ("\\", "%5C"),
        ("%", "%25"),
        ("%41", "%2541"),
        ("\r\n", "%0D%0A"),
        ("\x00\x7f", "%00%7F"),
        ("é", "%C3%A9"),
        ("😀", "%F0%9F%98%80"),
        (" !'()*-._~+/=", "%20!'()*-._~%2B%2F%3D"),
    ],
)
def test_a_value_is_encoded_only_where_it_has_to_be_and_comes_back(
    value: str, expected: str
) -> None:
    """As JavaScript's encodeURIComponent, and not at all where every character can stand."""
    assert written(value) == f"a={expected}"
    assert parse_cookies(f"a={expected}") == {"a": [expected]}
    assert decode_value(expected) == value


def test_a_lone_surrogate_in_a_value_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="valid Unicode"):
        written("\ud800")


def test_a_cookie_knows_its_header_and_its_parts() -> None:
    options = CookieOptions(path="/x")
    cookie = SetCookie("a", "b c", options, 5)
    assert cookie.header == "a=b%20c; Max-Age=5; Path=/x; HttpOnly; Secure; SameSite=Lax"
    assert (cookie.name, cookie.value, cookie.options, cookie.max_age) == ("a", "b c", options, 5)
    assert SetCookie("a", "b", options, None).header == (
        "a=b; Path=/x; HttpOnly; Secure; SameSite=Lax"
    )


def test_a_cookie_can_not_be_changed_once_it_is_made() -> None:
    cookie = SetCookie("a", "b", CookieOptions(), None)
    with pytest.raises(AttributeError):
        cookie.value = "c"  # type: ignore[misc]  # wrong on purpose
    assert not hasattr(cookie, "__dict__")


def test_the_repr_of_a_cookie_does_not_show_its_value() -> None:
    """A seal in a log is as good as the session in it."""
    cookie = SetCookie("a", "Fe26.2*1*secret", CookieOptions(path="/x"), 5)
    assert "secret" not in f"{cookie!r} {cookie}"
    assert "Fe26" not in repr(cookie)
    assert cookie.__sentry_repr__() == repr(cookie)
    assert repr(cookie).startswith("SetCookie(name='a', options=CookieOptions(")
    assert cookie != SetCookie("a", "another", CookieOptions(path="/x"), 5)


# --- Cookie in -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", {}),
        (";;;", {}),
        ("a", {}),
        ("a; b=1; c", {"b": ["1"]}),
        ("a=1", {"a": ["1"]}),
        ("a=1; b=2", {"a": ["1"], "b": ["2"]}),
        ("a=1;b=2;", {"a": ["1"], "b": ["2"]}),
        ("a=1; a=2; b=3; a=1", {"a": ["1", "2", "1"], "b": ["3"]}),
        ("a=", {"a": [""]}),
        ("a=; a=2", {"a": ["", "2"]}),
        ("=1", {"": ["1"]}),
        ("a==1=", {"a": ["=1="]}),
        (" a \t=\t 1 ", {"a": ["1"]}),
        ("a=x y", {"a": ["x y"]}),
        ("a=1\r\nb=2", {"a": ["1\r\nb=2"]}),
        ("\xa0a=\x0b1", {"\xa0a": ["\x0b1"]}),
        ("a=1,b=2", {"a": ["1,b=2"]}),
        ('a="1"', {"a": ['"1"']}),
        ("A=1; a=2", {"A": ["1"], "a": ["2"]}),
        ("%61=1", {"%61": ["1"]}),
        ("$Version=1; a=1; $Path=/", {"$Version": ["1"], "a": ["1"], "$Path": ["/"]}),
        ("[odd]=1; {q}=2; a:b=3; é=4", {"[odd]": ["1"], "{q}": ["2"], "a:b": ["3"], "é": ["4"]}),
        ("__proto__=1; constructor=2", {"__proto__": ["1"], "constructor": ["2"]}),
    ],
)
def test_a_header_is_read_pair_by_pair_whatever_stands_in_it(
    header: str, expected: dict[str, list[str]]
) -> None:
    """Odd pairs, at which http.cookies gives up, cost nobody else's cookie."""
    assert parse_cookies(header) == expected
    for name, values in expected.items():
        assert parse_cookies(header, name)[name] == values


def test_pairs_that_do_not_hold_what_is_looked_for_are_passed_over() -> None:
    header = "a=1; b=2; ab=3; c=a; a; A=4"
    assert parse_cookies(header, "a") == {"a": ["1"], "ab": ["3"], "c": ["a"]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("%41%42", "AB"),
        ("%c3%A9", "é"),
        ("%25%34%31", "%41"),
        ("", ""),
        ("a b", "a b"),
        ("\udcff%41", "\udcffA"),
        ("%C3%A9\ud800%41", "é\ud800A"),
        ("%C3\ud800", "%C3\ud800"),
        ("\ud800%E9%41", "\ud800%E9%41"),
        ("%ED%A0%80\udc00", "%ED%A0%80\udc00"),
        ("\udc80%41%", "\udc80%41%"),
        ("+", "+"),
        ("%00", "\x00"),
        ("é%41", "éA"),
        ("100%", "100%"),
        ("%4", "%4"),
        ("%zz%41", "%zz%41"),
        ("%41%", "%41%"),
        ("%E9", "%E9"),
        ("%41%E9", "%41%E9"),
        ("%ED%A0%80", "%ED%A0%80"),
        ("%u0041", "%u0041"),
        ("%+1", "%+1"),
        ("% 41", "% 41"),
        ("%\uff141", "%\uff141"),
        ("%\u0664\u0661", "%\u0664\u0661"),
    ],
)
def test_broken_percent_encoding_leaves_the_whole_value_as_it_is(value: str, expected: str) -> None:
    """All or nothing, as JavaScript's decodeURIComponent."""
    assert decode_value(value) == expected
    assert parse_cookies(f"a={value}; b=1") == {"a": [value], "b": ["1"]}


# --- what a header says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a=; Max-Age=0", True),
        ("a=; max-age = 0", False),  # no server writes that, and browsers do not read it
        ("a=1; MAX-AGE=-1; Path=/", True),
        ("a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),
        ("a=; expires=Thu, 01-Jan-1970 00:00:01 GMT; Path=/", True),
        ("a=1", False),
        ("a=1; Max-Age=01", False),
        ("a=1; Max-Age=09", False),
        ("a=1; Max-Age=60; Path=/", False),
        ("max-age=0", False),
        ("a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT", False),
    ],
)
def test_a_header_that_deletes_its_cookie_is_known(header: str, expected: bool) -> None:
    assert is_expired(header) is expected


def test_a_cookie_s_name_is_read_from_its_header() -> None:
    assert name_in_header(" a = 1; Path=/") == "a"
