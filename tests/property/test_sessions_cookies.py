"""Any Cookie header is read without an exception; a Set-Cookie header says what was meant."""

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iron_session import CookieOptions, HeaderJar, UnsealFailure, get_iron_session
from iron_session.sessions.cookie_text import decode_value, parse_cookies, serialize_cookie
from iron_session.sessions.cookies import cookie_names
from iron_session.sessions.options import override_cookie
from tests.sessions.browser import (
    FOREIGN,
    NAME,
    NOW,
    ReceivedCookie,
    make_options,
    seal_text,
)


@pytest.fixture(autouse=True, scope="module")
def _still_clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("iron_session._time.now_ms", lambda: NOW)
        yield


# --- Cookie in -------------------------------------------------------------------------------

DATA = {"user": 1}
SEALS = [
    seal_text('{"user":1}'),
    seal_text('{"user":1}', expires=None),
    seal_text('{"user":1,"$iron":{"created":5}}'),
]
REFUSED = [
    seal_text('{"user":2}', expires=NOW - 60_000),
    seal_text('{"user":2}', password=FOREIGN),
    seal_text('{"user":2,"$iron":{"for":"magic-link"}}'),
    seal_text("[2]"),
]
NAMES = [NAME, *(f"{NAME}.{index}" for index in range(6))]

anything = st.text(st.characters(exclude_categories=()), max_size=200)
any_bytes = st.binary(max_size=200).map(lambda raw: raw.decode("latin-1"))
fragments = st.lists(
    st.sampled_from(
        [*NAMES, *'=;%~*"\\, \t\n\x00', "; ", "%4", "%41", "%C3", "%c3%a9", "Fe26.2", "é"]
    )
    | anything,
    max_size=40,
).map("".join)


@st.composite
def mutated_seals(draw: st.DrawFn) -> str:
    """A seal of ours to which somebody has done something, or nothing."""
    seal = draw(st.sampled_from([*SEALS, *REFUSED]))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(seal)))
        end = draw(st.integers(start, min(len(seal), start + 5)))
        seal = seal[:start] + draw(st.text("*~.%=A1\x00é", max_size=4)) + seal[end:]
    return seal


@st.composite
def headers_around_seals(draw: st.DrawFn) -> str:
    """Cookies of our names in any order and number, whole or cut in pieces, and others between."""
    pairs = []
    for _ in range(draw(st.integers(1, 8))):
        name = draw(st.sampled_from([*NAMES, "other", ""]))
        seal = draw(mutated_seals())
        cuts = sorted(draw(st.lists(st.integers(0, len(seal)), max_size=4)))
        pieces = [seal[a:b] for a, b in zip([0, *cuts], [*cuts, len(seal)], strict=True)]
        if draw(st.booleans()):
            pairs += [f"{NAME}.{index}={piece}" for index, piece in enumerate(pieces)]
        else:
            pairs.append(f"{name}={seal}")
    separator = draw(st.sampled_from(["; ", ";", " ;\t", ";;"]))
    return separator.join(draw(st.permutations(pairs)))


@given(header=anything | any_bytes | fragments | headers_around_seals())
@example(header=f"{NAME}=")
@example(header=f"{NAME}=%")
@example(header=f"{NAME}=%C3\ud800")
@example(header=f"{NAME}.0=%41; {NAME}.1=\udc00%E9")
@example(header=f"{NAME}.0=%; {NAME}.1=%41")
@example(header=f"{NAME}={'*' * 20000}")
@example(header=";" * 20000)
@example(header="=" * 20000)
@example(header=f"{NAME}=" + "%" * 20000)
@example(header=f"{NAME}=junk; " * 500)
@example(header="; ".join(f"{NAME}.{index}={value}" for index in range(4) for value in range(50)))
def test_any_cookie_header_gives_a_session_and_no_exception(header: str) -> None:
    """Either the very data that was sealed, or nothing; told once, and nothing written."""
    failures: list[UnsealFailure] = []
    jar = HeaderJar(header)
    session = get_iron_session(jar, make_options(on_unseal_error=failures.append))
    data = dict(session)
    assert data in ({}, DATA)
    assert session.is_new is (data == {})
    assert len(failures) <= (1 if data == {} else 0)
    assert not session.modified
    session.commit()
    assert jar.set_cookie_headers == []


@given(
    header=anything | any_bytes | fragments | headers_around_seals(),
    name=st.sampled_from([*NAMES, "other", "é", "Fe26.2", "%41", ""]) | st.text(max_size=3),
)
def test_the_values_of_one_name_are_those_that_a_reading_of_all_finds(
    header: str, name: str
) -> None:
    """A jar looks into those pairs only that may be the cookie's."""
    values = parse_cookies(header).get(name, [])
    assert parse_cookies(header, name).get(name, []) == values
    assert len(HeaderJar(header).read(name)) == len(values)
    assert list(HeaderJar(header).read(name))[:32] == [decode_value(one) for one in values[:32]]


@given(header=anything | any_bytes | fragments | headers_around_seals())
def test_whatever_a_browser_holds_a_save_replaces_and_destroy_removes(header: str) -> None:
    """So that no hostile cookie stands in the way of a login or a logout."""
    options = make_options(chunk=True)
    held = {name: values[0] for name, values in parse_cookies(header).items() if values[0]}
    sent = "; ".join(f"{name}={quote(value, errors='replace')}" for name, value in held.items())

    jar = HeaderJar(sent)
    session = get_iron_session(jar, options)
    session["new"] = 1
    session.save()
    after = answered(held, jar)
    assert after.keys() & set(cookie_names(NAME)) == {NAME}
    again = get_iron_session(HeaderJar(f"{NAME}={after[NAME]}"), options)
    assert again["new"] == 1
    assert again == session

    jar = HeaderJar(sent)
    get_iron_session(jar, options).destroy()
    assert not answered(held, jar).keys() & set(cookie_names(NAME))


def answered(cookies: dict[str, str], jar: HeaderJar) -> dict[str, str]:
    """Give a browser's cookies after a response."""
    cookies = dict(cookies)
    for header in jar.set_cookie_headers:
        cookie = ReceivedCookie.parse(header)
        if cookie.max_age == 0:
            cookies.pop(cookie.name, None)
        else:
            cookies[cookie.name] = cookie.value
    return cookies


# --- Set-Cookie out ----------------------------------------------------------------------------

letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
labels = st.text(letters + "-", min_size=1, max_size=63).map(lambda text: f"a{text}"[:62] + "z")
domains = st.lists(labels, min_size=1, max_size=4).map(".".join)
paths = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters=";<"), max_size=60
).map("/".__add__)
time_zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    min_value=datetime(1602, 1, 1), max_value=datetime(9998, 12, 31), timezones=time_zones
)


@st.composite
def cookie_options(draw: st.DrawFn) -> CookieOptions:
    secure: Any = draw(st.booleans() | st.just("auto"))
    always = secure is True
    return CookieOptions(
        http_only=draw(st.booleans()),
        secure=secure,
        same_site=draw(st.sampled_from(["strict", "lax", None, *(["none"] if always else [])])),
        path=draw(st.none() | paths),
        domain=draw(st.none() | domains | domains.map(".".__add__)),
        max_age=draw(st.sampled_from([None, "auto", 1, 2**53 - 1])),
        expires=draw(st.none() | moments),
        partitioned=always and draw(st.booleans()),
        priority=draw(st.sampled_from(["low", "medium", "high", None])),
    )


any_names = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=";="),
    min_size=1,
    max_size=40,
)
max_ages = st.none() | st.integers(0, 2**53 - 1)


@given(
    name=any_names,
    value=st.text(max_size=60),
    options=cookie_options(),
    max_age=max_ages,
)
def test_a_set_cookie_header_says_what_the_options_said(
    name: str, value: str, options: CookieOptions, max_age: int | None
) -> None:
    """No more, no less, and in ASCII without a control character."""
    header = serialize_cookie(name, value, options, max_age)
    assert header.isascii()
    assert header.isprintable()
    cookie = ReceivedCookie.parse(header)
    assert cookie.name == name
    assert parse_cookies(f"{name}={cookie.value}") == {name: [cookie.value]}
    assert decode_value(cookie.value) == value
    assert HeaderJar(f"{name}={cookie.value}").read(name) == [value]
    attributes = dict(cookie.attributes)
    expires = attributes.pop("Expires", None)
    if options.expires is None:
        assert expires is None
    else:
        assert expires is not None
        assert parsedate_to_datetime(expires) == options.expires.replace(microsecond=0)
    expected: dict[str, Any] = {
        "Max-Age": None if max_age is None else str(max_age),
        "Domain": options.domain,
        "Path": options.path,
        "Priority": options.priority and options.priority.title(),
        "SameSite": options.same_site and options.same_site.title(),
    }
    flags = {
        "HttpOnly": options.http_only,
        "Secure": options.secure,
        "Partitioned": options.partitioned,
    }
    assert attributes == {
        **{key: text for key, text in expected.items() if text is not None},
        **{key: None for key, is_set in flags.items() if is_set},
    }


@given(options=cookie_options())
def test_attributes_may_be_given_one_by_one_as_a_mapping(options: CookieOptions) -> None:
    """Whichever way they are given, they are the same."""
    names = [one.name for one in dataclasses.fields(CookieOptions) if one.init]
    fields = {name: getattr(options, name) for name in names}
    assert make_options(cookie_options=fields).cookie == options
    identity = {name: fields[name] for name in ("path", "domain", "partitioned")}
    base = make_options(cookie_options=identity)
    assert override_cookie(base, fields) == override_cookie(base, options) == options
