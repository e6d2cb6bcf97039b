"""One seal over several cookies: sizes, shapes, gaps, and what others toss in between."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    CookieOptions,
    CookieTooLargeError,
    HeaderJar,
    Session,
    get_iron_session,
)
from iron_session.sessions import SetCookie, cookies
from iron_session.sessions.cookies import cookie_names
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    ATTRIBUTES,
    NAME,
    Browser,
    Failures,
    make_options,
    session_of,
)

MAX_AGE = 1209540
OVERHEAD = len(f"{NAME}=; Max-Age={MAX_AGE}{ATTRIBUTES}")
WHOLE = 4096 - OVERHEAD
"""The longest seal that fits in one cookie of the default attributes."""

ROOM = WHOLE - len(".0")
"""The longest part of one that is split."""


def split(length: int, *, chunk: bool = True, **attributes: Any) -> dict[str, str]:
    return cookies.split(NAME, "s" * length, CookieOptions(**attributes), MAX_AGE, chunk=chunk)


def text(length: int) -> str:
    """A value that makes a session take about as many cookies as `length` has 3000s."""
    return "0123456789" * (length // 10)


# --- splitting, as a pure function -----------------------------------------------------------


@pytest.mark.parametrize("chunk", [True, False])
@pytest.mark.parametrize("length", [0, 1, WHOLE - 1, WHOLE])
def test_a_seal_that_fits_in_one_cookie_is_whole(length: int, chunk: bool) -> None:
    assert split(length, chunk=chunk) == {NAME: "s" * length}


@pytest.mark.parametrize(
    ("length", "sizes"),
    [
        (WHOLE + 1, [ROOM, 3]),
        (2 * ROOM, [ROOM, ROOM]),
        (2 * ROOM + 1, [ROOM, ROOM, 1]),
        (3 * ROOM, [ROOM, ROOM, ROOM]),
        (3 * ROOM + 1, [ROOM, ROOM, ROOM, 1]),
        (4 * ROOM, [ROOM, ROOM, ROOM, ROOM]),
    ],
)
def test_a_longer_seal_fills_each_cookie_to_the_last_byte(length: int, sizes: list[int]) -> None:
    """Names count up from `.0`, and every full one has exactly 4096 bytes, attributes included."""
    parts = split(length)
    assert [(name, len(part)) for name, part in parts.items()] == [
        (f"{NAME}.{index}", size) for index, size in enumerate(sizes)
    ]
    first = SetCookie(f"{NAME}.0", parts[f"{NAME}.0"], CookieOptions(), MAX_AGE)
    assert len(first.header) == 4096


def test_a_seal_that_four_cookies_can_not_hold_is_refused() -> None:
    with pytest.raises(CookieTooLargeError, match="needs 5 cookies and the most is 4"):
        split(4 * ROOM + 1)


def test_without_chunk_one_byte_too_many_is_refused() -> None:
    with pytest.raises(CookieTooLargeError, match=r"4097 bytes and browsers accept 4096.*chunk"):
        split(WHOLE + 1, chunk=False)


def test_attributes_count_like_the_value() -> None:
    """The bound is for the whole header, as browsers have it."""
    longer: dict[str, Any] = {
        "domain": "example.com",
        "partitioned": True,
        "expires": datetime(2099, 1, 1, tzinfo=UTC),
    }
    taken = len("; Domain=example.com; Expires=Thu, 01 Jan 2099 00:00:00 GMT; Partitioned")
    assert list(split(WHOLE - taken, **longer)) == [NAME]
    assert list(split(WHOLE - taken + 1, **longer)) == [f"{NAME}.0", f"{NAME}.1"]


def test_a_name_that_leaves_no_room_is_a_fault_of_the_configuration() -> None:
    """Rather than a chunk of nothing, without end."""
    name = "n" * (4096 - len("=.0") - len(ATTRIBUTES))
    with pytest.raises(ConfigurationError, match="too long"):
        cookies.split(name, "sss", CookieOptions(), None, chunk=True)
    parts = cookies.split(name[:-1], "1234", CookieOptions(), None, chunk=True)
    assert list(parts.values()) == ["1", "2", "3", "4"]


def test_the_names_of_a_session_are_its_own_and_four_numbered() -> None:
    assert cookie_names("a") == ("a", "a.0", "a.1", "a.2", "a.3")


@pytest.mark.parametrize(
    ("length", "expected"), [(127, False), (128, True), (16384, True), (16385, False)]
)
def test_no_seal_is_shorter_than_its_salts_or_longer_than_four_cookies(
    length: int, expected: bool
) -> None:
    text = "Fe26.2" + "*" * 7
    assert cookies.may_be_seal(text.ljust(length, "x")) is expected


# --- what a request may hold, as a pure function -----------------------------------------------


def candidates(sent: Mapping[str, Sequence[str]]) -> list[str]:
    return list(cookies.candidates(sent.get("a", ()), lambda name: sent.get(name, ()), "a"))


W, X, P = (f"Fe26.2*{letter}*{'*' * 6}{letter * 120}" for letter in "wxp")
"""Texts of a seal's shape."""

SHORT = "Fe26.2*1*a*b*c*d*e*f"
"""One of its beginning and its stars, and too short."""


@pytest.mark.parametrize(
    ("cookies", "expected"),
    [
        ({}, []),
        ({"a": [""]}, []),
        ({"a": [W]}, [W]),
        ({"a": [W, X]}, [W, X]),
        ({"a": ["", X]}, [X]),
        ({"a.0": [P]}, [P]),
        ({"a.0": [P], "a.1": ["q"]}, [f"{P}q"]),
        ({"a.0": ["Fe26.2*"], "a.1": [P[7:]]}, [P]),
        ({"a.0": [P], "a.1": ["q"], "a.2": ["r"], "a.3": ["s"]}, [f"{P}qrs"]),
        ({"a": [W], "a.0": [P], "a.1": ["q"]}, [W, f"{P}q"]),
        ({"a": [""], "a.0": [P]}, [P]),
        ({"a.1": ["q"]}, []),
        ({"a.0": [""], "a.1": ["q"]}, []),
        ({"a.0": [P], "a.2": ["r"]}, [P]),
        ({"a.0": [P], "a.1": [""], "a.2": ["r"]}, [P]),
        ({"a.0": [P, X], "a.1": ["q", "Q"]}, [f"{P}q", f"{P}Q", f"{X}q", f"{X}Q"]),
        ({"a.0": [P], "a.1": ["", "Q"]}, [f"{P}Q"]),
        ({"a.0": [P], **{f"a.{index}": [str(index)] for index in range(1, 10)}}, [f"{P}123"]),
        ({"a.9": [P], "a.x": [P], "a.": [P], "a.00": [P]}, []),
        # What can't be a seal is not tried; the first such comes last, to be told of.
        ({"a": ["w", W, "x", X]}, [W, X, "w"]),
        ({"a": ["w", "x"]}, ["w"]),
        ({"a": [SHORT, W]}, [W, SHORT]),
        ({"a": [W[:-1], "Fe26.2"]}, [W[:-1], "Fe26.2"]),
        ({"a": [f"x{W}"]}, [f"x{W}"]),
        ({"a": [W + "x" * 16384, X]}, [X, W + "x" * 16384]),
        ({"a.0": ["p", P], "a.1": ["q"]}, [f"{P}q", "pq"]),
        ({"a": ["w"], "a.0": [P]}, [P, "w"]),
        ({"a": ["w"], "a.0": ["p"]}, ["w"]),
    ],
)
def test_every_way_of_reading_is_given_whole_ones_first(
    cookies: Mapping[str, Sequence[str]], expected: list[str]
) -> None:
    assert candidates(cookies) == expected


def test_no_more_than_sixteen_whole_ones_and_as_many_joined_are_tried() -> None:
    """A request full of tossed cookies costs no more, and neither kind displaces the other."""
    values = [f"{W}{number}" for number in range(20)]
    assert candidates({"a": values}) == values[:16]
    assert candidates({"a.0": values}) == values[:16]
    assert candidates({"a": values[:15], "a.0": values}) == [*values[:15], *values[:16]]
    assert candidates({"a": values, "a.0": values}) == [*values[:16], *values[:16]]


def test_what_can_not_be_a_seal_does_not_count_among_the_sixteen() -> None:
    assert candidates({"a": [*[SHORT] * 500, W]}) == [W, SHORT]
    assert candidates({"a.0": [*["junk"] * 500, P], "a.1": ["q"]}) == [f"{P}q", "junkq"]


def test_a_request_full_of_chunks_is_not_joined_in_all_ways() -> None:
    joined = 0

    def read(name: str) -> list[str]:
        return ["Fe26.2*" for _ in range(1000)] if name.startswith("a.") else []

    for _ in cookies.candidates((), read, "a"):
        joined += 1
    assert joined <= 17


# --- through a session -------------------------------------------------------------------------


def test_a_large_session_comes_back_from_its_chunks(browser: Browser) -> None:
    options = make_options(chunk=True)
    received = browser.visit(options, text=text(7000))
    assert list(received)[:3] == [f"{NAME}.0", f"{NAME}.1", f"{NAME}.2"]
    assert [cookie.max_age for cookie in received.values()] == [*[MAX_AGE] * 3, 0, 0]
    session = browser.request(options)
    assert session == {"text": text(7000)}
    assert not session.is_new


@pytest.mark.parametrize("reading", [True, False])
@pytest.mark.parametrize("length", [10, 7000])
def test_both_shapes_are_read_whatever_the_setting(
    browser: Browser, length: int, reading: bool
) -> None:
    browser.visit(make_options(chunk=True), text=text(length))
    assert browser.request(make_options(chunk=reading)) == {"text": text(length)}


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        (9500, 6000, {".0", ".1", ".2"}),
        (9500, 4000, {".0", ".1"}),
        (9500, 10, {""}),
        (10, 4000, {".0", ".1"}),
        (4000, 9500, {".0", ".1", ".2", ".3"}),
        (10, 20, {""}),
    ],
)
def test_a_session_in_chunks_names_every_cookie_that_it_may_have_at_each_save(
    browser: Browser, before: int, after: int, written: set[str]
) -> None:
    """Another tab may have written others since; what is set opens on the next request."""
    options = make_options(chunk=True)
    browser.visit(options, text=text(before))
    received = browser.visit(options, text=text(after))
    assert {name for name, one in received.items() if one.max_age} == {
        NAME + one for one in written
    }
    assert received.keys() == set(cookie_names(NAME))
    assert browser.request(options) == {"text": text(after)}


Tab = Callable[[Session], object]


def grow(session: Session) -> None:
    session["text"] = text(8000)


def shrink(session: Session) -> None:
    session["text"] = "small"


@pytest.mark.parametrize("length", [10, 7000])
@pytest.mark.parametrize(
    ("first", "last"), list(itertools.permutations([grow, shrink, Session.clear], 2))
)
def test_of_two_tabs_the_one_whose_answer_arrives_last_wins(
    browser: Browser, length: int, first: Tab, last: Tab
) -> None:
    """Whatever shapes they write, and whichever was there: a logout that is last logs out."""
    options = make_options(chunk=True)
    browser.visit(options, text=text(length))
    jars = []
    for change in (first, last):
        session = browser.request(options)
        change(session)
        session.commit()
        jars.append(browser.jar)
    for browser.jar in jars:
        browser.answer()
    expected = get_iron_session(HeaderJar(), options)
    expected["text"] = text(length)
    last(expected)
    assert browser.request(options) == expected


def test_a_session_that_shrinks_without_chunk_expires_its_chunks_too(browser: Browser) -> None:
    browser.visit(make_options(chunk=True), text=text(7000))
    received = browser.visit(make_options(), text="small")
    assert received[NAME].max_age
    assert [received[f"{NAME}.{index}"].max_age for index in range(3)] == [0, 0, 0]
    assert f"{NAME}.3" not in received
    assert browser.request(make_options()) == {"text": "small"}


def test_a_session_that_shrinks_within_one_response_leaves_no_chunk(browser: Browser) -> None:
    """Though the request carried none: what this response wrote would be in the browser."""
    options = make_options(chunk=True)
    session = browser.request(options)
    session["text"] = text(7000)
    session.save()
    session["text"] = "small"
    session.save()
    received = browser.answer()
    assert received[NAME].value
    assert [received[f"{NAME}.{index}"].max_age for index in range(4)] == [0, 0, 0, 0]
    assert browser.cookies.keys() == {NAME}
    assert browser.request(options) == {"text": "small"}


def test_a_session_that_grows_within_one_response_expires_its_whole_cookie(
    browser: Browser,
) -> None:
    options = make_options(chunk=True)
    session = browser.request(options)
    session["text"] = "small"
    session.save()
    session["text"] = text(4000)
    session.save()
    received = browser.answer()
    assert received[NAME].max_age == 0
    assert browser.request(options) == {"text": text(4000)}


def test_a_session_may_change_its_shape_back_and_forth_in_one_response(browser: Browser) -> None:
    options = make_options(chunk=True)
    session = browser.request(options)
    for length in (7000, 10, 4000, 9500, 4000):
        session["text"] = text(length)
        session.save()
    received = browser.answer()
    assert {name for name, one in received.items() if one.max_age} == {f"{NAME}.0", f"{NAME}.1"}
    assert browser.request(options) == {"text": text(4000)}


EVERYTHING = {
    "domain": "example.com",
    "path": "/app",
    "partitioned": True,
    "same_site": "none",
    "priority": "high",
}


@pytest.mark.parametrize("how", ["destroy", "shrink", "clear"])
def test_chunks_are_expired_with_the_attributes_that_they_were_set_with(
    browser: Browser, how: str
) -> None:
    """Browsers ignore a deletion whose path, domain, Secure or Partitioned differ."""
    options = make_options(chunk=True, cookie_options=EVERYTHING)
    before = browser.visit(options, text=text(4000))[f"{NAME}.1"].attributes
    session = browser.request(options)
    if how == "destroy":
        session.destroy()
    elif how == "clear":
        session.clear()
    else:
        session["text"] = "small"
    session.commit()
    after = browser.answer()[f"{NAME}.1"]
    assert after.value == ""
    assert after.attributes == {**before, "Max-Age": "0"}


def test_destroying_expires_the_chunks_of_the_request_and_of_this_response(
    browser: Browser,
) -> None:
    options = make_options(chunk=True)
    browser.visit(options, text=text(4000))
    session = browser.request(options)
    session["text"] = text(9500)
    session.save()
    session.destroy()
    received = browser.answer()
    assert {name: one.max_age for name, one in received.items()} == dict.fromkeys(
        cookie_names(NAME), 0
    )
    assert browser.cookies == {}


@pytest.mark.parametrize(("chunk", "expired"), [(False, [NAME]), (True, list(cookie_names(NAME)))])
def test_destroying_a_whole_session_mentions_chunks_where_there_may_be_some(
    browser: Browser, chunk: bool, expired: list[str]
) -> None:
    options = make_options(chunk=chunk)
    browser.visit(options, user=1)
    browser.request(options).destroy()
    assert list(browser.answer()) == expired


def test_clearing_a_chunked_session_expires_all_of_it(browser: Browser) -> None:
    options = make_options(chunk=True)
    browser.visit(options, text=text(7000))
    session = browser.request(options)
    session.clear()
    session.commit()
    browser.answer()
    assert browser.cookies == {}


# --- what is missing, swapped or tossed ----------------------------------------------------------


def chunked(browser: Browser, length: int = 7000, **changes: Any) -> dict[str, str]:
    """Give the cookies of a browser with a chunked session."""
    browser.visit(make_options(chunk=True, **changes), text=text(length))
    return browser.cookies


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_chunk_gives_an_empty_session(
    browser: Browser, failures: Failures, lost: int
) -> None:
    del chunked(browser)[f"{NAME}.{lost}"]
    session = browser.request(make_options(chunk=True, on_unseal_error=failures))
    assert session == {}
    assert session.is_new
    assert failures.reasons == (["invalid"] if lost else [])  # without .0 there is no cookie at all


def test_swapped_chunks_give_an_empty_session(browser: Browser, failures: Failures) -> None:
    cookies = chunked(browser)
    cookies[f"{NAME}.0"], cookies[f"{NAME}.1"] = cookies[f"{NAME}.1"], cookies[f"{NAME}.0"]
    assert browser.request(make_options(on_unseal_error=failures)) == {}
    assert failures.reasons == ["invalid"]


def test_a_chunk_of_another_session_gives_an_empty_session(
    clock: Clock, failures: Failures
) -> None:
    one, other = Browser(), Browser()
    chunked(one)
    one.cookies[f"{NAME}.1"] = chunked(other)[f"{NAME}.1"]
    assert one.request(make_options(on_unseal_error=failures)) == {}
    assert failures.reasons == ["invalid"]


def test_an_unreadable_chunked_session_is_replaced_by_what_is_written_next(
    browser: Browser,
) -> None:
    """The remains are expired, or they would be read again."""
    del chunked(browser, 9500)[f"{NAME}.1"]
    browser.visit(make_options(chunk=True), user=1)
    assert browser.cookies.keys() == {NAME}
    assert browser.request(make_options()) == {"user": 1}


def test_a_whole_cookie_wins_over_chunks(browser: Browser) -> None:
    cookies = dict(chunked(browser))
    browser.visit(make_options(), text="whole")
    browser.cookies.update(cookies)
    assert browser.request(make_options()) == {"text": "whole"}


@pytest.mark.parametrize("whole", ["tossed", "Fe26.2*1*a*b*c**d*e~2", "%", '"'])
def test_a_whole_cookie_that_does_not_open_leaves_the_chunks_to_be_read(
    browser: Browser, failures: Failures, whole: str
) -> None:
    """Tossed by a sibling subdomain, it would otherwise log the visitor out."""
    chunked(browser)[NAME] = whole
    session = browser.request(make_options(on_unseal_error=failures))
    assert session == {"text": text(7000)}
    assert failures == []


@pytest.mark.parametrize("tossed", [".9", ".4", ".10", ".-1", ".x", "."])
def test_a_cookie_that_is_no_chunk_of_ours_does_not_matter(browser: Browser, tossed: str) -> None:
    chunked(browser, 9500)[NAME + tossed] = "tossed"
    assert browser.request(make_options()) == {"text": text(9500)}
    browser.visit(make_options(chunk=True), text="small")
    assert browser.cookies.keys() == {NAME, NAME + tossed}


@pytest.mark.parametrize("tossed", ["x", "~3", "*", "y" * 3000])
def test_a_chunk_tossed_behind_the_last_does_not_matter(browser: Browser, tossed: str) -> None:
    """A seal ends at its first `~`; what follows is nobody's. The next save expires it."""
    options = make_options(chunk=True)
    cookies = chunked(browser, 4000)
    assert f"{NAME}.2" not in cookies
    cookies[f"{NAME}.2"] = tossed
    assert browser.request(options) == {"text": text(4000)}
    assert browser.visit(options, text=text(4010))[f"{NAME}.2"].max_age == 0


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_tossed_duplicate_of_a_chunk_does_not_shadow_it(
    browser: Browser, failures: Failures, index: int, place: str
) -> None:
    pairs = [f"{name}={value}" for name, value in chunked(browser).items()]
    tossed = f"{NAME}.{index}=tossed"
    header = "; ".join([tossed, *pairs] if place == "before" else [*pairs, tossed])
    assert session_of(header, on_unseal_error=failures) == {"text": text(7000)}
    assert failures == []


def test_a_duplicate_of_every_chunk_does_not_shadow_them(browser: Browser) -> None:
    """Four chunks and one tossed cookie beside each: sixteen ways, the last of which opens."""
    cookies = chunked(browser, 9500)
    tossed = [f"{NAME}.{index}=tossed" for index in range(4)]
    header = "; ".join([*tossed, *(f"{name}={value}" for name, value in cookies.items())])
    assert session_of(header) == {"text": text(9500)}


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("whole", [0, 1, 15, 16, 31, 100])
def test_tossed_whole_cookies_and_a_duplicate_of_every_chunk_do_not_shadow_it(
    browser: Browser, failures: Failures, whole: int, place: str
) -> None:
    """Whole ones and joined ones have a bound each."""
    pairs = [f"{name}={value}" for name, value in chunked(browser, 9500).items()]
    assert len(pairs) == 4
    tossed = [f"{NAME}=x"] * whole + [f"{NAME}.{index}=x" for index in range(4)]
    header = "; ".join([*tossed, *pairs] if place == "before" else [*pairs, *tossed])
    assert session_of(header, on_unseal_error=failures) == {"text": text(9500)}
    assert failures == []


@pytest.mark.parametrize("first", [1, 15, 16, 17, 31])
@pytest.mark.parametrize("whole", [0, 16, 31])
def test_junk_beside_the_first_chunk_does_not_hide_the_session(
    browser: Browser, failures: Failures, first: int, whole: int
) -> None:
    """Only one of them starts as a seal does."""
    pairs = [f"{name}={value}" for name, value in chunked(browser, 9500).items()]
    tossed = [f"{NAME}=x"] * whole + [f"{NAME}.0=x"] * first
    tossed += [f"{NAME}.{index}=x" for index in range(1, 4)]
    assert session_of("; ".join([*tossed, *pairs]), on_unseal_error=failures) == {
        "text": text(9500)
    }
    assert failures == []


# --- too large ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunk", "length", "message"),
    [
        (False, 4000, r"has \d{4} bytes and browsers accept 4096.*set chunk=True"),
        (True, 20_000, r"needs 7 cookies and the most is 4"),
    ],
)
def test_a_session_that_is_too_large_names_sizes_and_its_largest_keys(
    browser: Browser, chunk: bool, length: int, message: str
) -> None:
    """The three largest, the largest first, and none of their contents."""
    session = browser.request(make_options(chunk=chunk))
    session.update(tiny=1, text=text(length), cart=["abcdef"] * 3, note="small", ok=True)
    with pytest.raises(CookieTooLargeError, match=message) as caught:
        session.save()
    told = str(caught.value)
    largest = {'session["text"]': length + 2, 'session["cart"]': 28, 'session["note"]': 7}
    listed = ", ".join(f"{path} {size} bytes" for path, size in largest.items())
    assert f"; the largest are {listed}" in told
    for hidden in ("tiny", '"ok"', "abcdef", "0123456789"):
        assert hidden not in told


def test_of_a_session_that_is_too_large_nothing_is_written(browser: Browser) -> None:
    """Not even the parts that would have fitted; what the browser has stays."""
    options = make_options(chunk=True)
    browser.visit(options, text=text(4000))
    session = browser.request(options)
    session["text"] = text(20_000)
    for write in (session.commit, session.save):
        with pytest.raises(CookieTooLargeError):
            write()
    assert browser.answer() == {}
    assert browser.request(options) == {"text": text(4000)}


def test_a_session_can_be_saved_once_it_is_small_again(browser: Browser) -> None:
    session = browser.request(make_options())
    session["text"] = text(9000)
    with pytest.raises(CookieTooLargeError):
        session.save()
    session["text"] = "small"
    session.save()
    assert list(browser.answer()) == [NAME]
    assert browser.request(make_options()) == {"text": "small"}


def test_options_that_differ_only_in_chunk_are_hinted_at(browser: Browser) -> None:
    """The session came in chunks, so somewhere there are options that set it."""
    browser.visit(make_options(chunk=True), text=text(7000))
    session = browser.request(make_options())
    session["more"] = 1
    with pytest.raises(CookieTooLargeError, match=r"; it came in chunks.*chunk=True"):
        session.save()


@pytest.mark.parametrize("chunk", [True, False])
def test_there_is_no_such_hint_where_it_does_not_apply(browser: Browser, chunk: bool) -> None:
    if chunk:
        browser.visit(make_options(chunk=True), text=text(7000))
    session = browser.request(make_options(chunk=chunk))
    session["text"] = text(20_000)
    with pytest.raises(CookieTooLargeError) as caught:
        session.save()
    assert "came in chunks" not in str(caught.value)


def test_a_jar_of_plain_lists_serves_chunks_as_well(clock: Clock) -> None:
    class Store:
        def __init__(self) -> None:
            self.cookies: dict[str, str] = {}

        def read(self, name: str) -> list[str]:
            return [self.cookies[name]] if name in self.cookies else []

        def write(self, cookie: SetCookie) -> None:
            self.cookies[cookie.name] = cookie.value

    store, options = Store(), make_options(chunk=True)
    session = get_iron_session(store, options)
    session["text"] = text(7000)
    session.save()
    assert get_iron_session(store, options) == {"text": text(7000)}
    session["text"] = "small"
    session.save()
    assert get_iron_session(store, options) == {"text": "small"}
    assert [name for name, value in store.cookies.items() if value] == [NAME]
