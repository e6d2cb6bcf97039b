"""One visitor's cookies go back and forth between a site on Node and ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    CookieOptions,
    CookieTooLargeError,
    HeaderJar,
    Session,
    SessionOptions,
    UnsealFailure,
    get_iron_session,
)
from iron_session.seals import unseal
from tests.interop.node import Answer, Browser, NodeError, Site

NAME = "myapp"
PASSWORD = "the_password_of_these_tests_protects_nothing"
OLD = "an_old_password_of_at_least_32_characters"

HERE = SessionOptions(password=PASSWORD, cookie_name=NAME)
THERE: dict[str, Any] = {"password": PASSWORD, "cookieName": NAME}

CHUNKED_HERE = SessionOptions(password=PASSWORD, cookie_name=NAME, chunk=True)
CHUNKED_THERE = {**THERE, "chunk": True}

ROTATED = {1: OLD, 2: PASSWORD}
ROTATED_HERE = SessionOptions(password=ROTATED, cookie_name=NAME)
ROTATED_THERE = {**THERE, "password": {"1": OLD, "2": PASSWORD}}

LARGE = "0123456789" * 700
"""Takes three cookies once sealed."""

ATTRIBUTES: dict[str, tuple[CookieOptions, dict[str, Any]]] = {
    "defaults": (CookieOptions(), {}),
    "not secure": (CookieOptions(secure=False), {"secure": False}),
    "not http only": (CookieOptions(http_only=False), {"httpOnly": False}),
    "same site strict": (CookieOptions(same_site="strict"), {"sameSite": "strict"}),
    "same site none": (CookieOptions(same_site="none"), {"sameSite": "none"}),
    "path": (CookieOptions(path="/admin"), {"path": "/admin"}),
    "domain": (CookieOptions(domain="example.com"), {"domain": "example.com"}),
    "partitioned": (CookieOptions(partitioned=True), {"partitioned": True}),
    "priority": (CookieOptions(priority="high"), {"priority": "high"}),
    "max age": (CookieOptions(max_age=77), {"maxAge": 77}),
    "browser session": (CookieOptions(max_age=None), {"maxAge": None}),
    "expires": (
        CookieOptions(expires=datetime(2099, 2, 3, 4, 5, 6, 700000, tzinfo=UTC)),
        {"expires": "2099-02-03T04:05:06.700Z"},
    ),
    "all": (
        CookieOptions(
            http_only=True,
            secure=True,
            same_site="none",
            path="/a",
            domain="sub.example.com",
            max_age=3600,
            expires=datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC),
            partitioned=True,
            priority="low",
        ),
        {
            "httpOnly": True,
            "secure": True,
            "sameSite": "none",
            "path": "/a",
            "domain": "sub.example.com",
            "maxAge": 3600,
            "expires": "2099-12-31T23:59:59Z",
            "partitioned": True,
            "priority": "low",
        },
    ),
}


@dataclass(frozen=True)
class Visit:
    """One request to our side: the session, and the jar that takes its cookies."""

    browser: Browser
    jar: HeaderJar
    session: Session

    def answer(self) -> list[str]:
        """Send the cookies to the browser, and give their headers."""
        headers = list(self.jar.set_cookie_headers)
        self.browser.receive(headers)
        return headers


def visit(browser: Browser, options: SessionOptions = HERE) -> Visit:
    """Come to our side with the cookies of the browser."""
    jar = HeaderJar(browser.header)
    return Visit(browser, jar, get_iron_session(jar, options))


def read(browser: Browser, options: SessionOptions = HERE) -> dict[str, Any]:
    """Give the session that our side reads."""
    return dict(visit(browser, options).session)


def change(browser: Browser, options: SessionOptions = HERE, **members: Any) -> list[str]:
    """Set members of the session on our side, and save it."""
    here = visit(browser, options)
    here.session.update(members)
    here.session.save()
    return here.answer()


def destroy(browser: Browser, options: SessionOptions = HERE) -> list[str]:
    """Destroy the session on our side."""
    here = visit(browser, options)
    here.session.destroy()
    return here.answer()


def attributes(header: str) -> str:
    """Give a Set-Cookie header without the value of the cookie."""
    pair, _, rest = header.partition("; ")
    return f"{pair.partition('=')[0]}; {rest}"


MEMBERS = {
    "ASCII": {"user": {"id": 1, "roles": ["admin", "editor"]}},
    "non-ASCII": {"né": "日本 😀", "half": "\ud800"},
    "numbers": {"n": [0, -1, 1.5, 1e21, 5e-324, 2**53 - 1]},
    "quotes": {"q": "\"';,=\\ %41"},
    "empty": {},
}


@pytest.mark.parametrize("members", MEMBERS.values(), ids=MEMBERS)
def test_a_session_saved_by_node_is_read_here(
    site: Site, browser: Browser, members: dict[str, Any]
) -> None:
    """The cookie that Node sets opens here, with equal data."""
    site.change(browser, THERE, **members)
    assert list(browser.cookies) == [NAME]
    assert read(browser) == members


@pytest.mark.parametrize("members", MEMBERS.values(), ids=MEMBERS)
def test_node_reads_a_session_saved_here(
    site: Site, browser: Browser, members: dict[str, Any]
) -> None:
    """The cookie that we set opens in Node, with equal data."""
    change(browser, **members)
    assert list(browser.cookies) == [NAME]
    assert site.read(browser, THERE).session == members


def test_a_session_grows_while_it_goes_back_and_forth(site: Site, browser: Browser) -> None:
    """Each side adds to what the other saved."""
    for turn in range(4):
        there: dict[str, Any] = {f"there{turn}": turn}
        here: dict[str, Any] = {f"here{turn}": turn}
        site.change(browser, THERE, **there)
        change(browser, **here)
    expected = {f"{side}{turn}": turn for turn in range(4) for side in ("there", "here")}
    assert read(browser) == expected
    assert site.read(browser, THERE).session == expected


def test_other_cookies_do_not_disturb_either_side(site: Site, browser: Browser) -> None:
    """The session is found among the cookies of others."""
    browser.cookies |= {"a": "1", f"{NAME}x": "2", f"x{NAME}": "3", "quoted": '"x y"'}
    site.change(browser, THERE, there=1)
    change(browser, here=2)
    assert site.read(browser, THERE).session == read(browser) == {"there": 1, "here": 2}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_both_sides_write_the_same_attributes(site: Site, browser: Browser, name: str) -> None:
    """But for the seal, our Set-Cookie header is the one of Node."""
    here, there = ATTRIBUTES[name]
    ours = change(
        browser, SessionOptions(password=PASSWORD, cookie_name=NAME, cookie_options=here), a=1
    )
    theirs = site.change(browser, {**THERE, "cookieOptions": there}, a=1).set_cookie_headers
    assert [attributes(header) for header in ours] == [attributes(header) for header in theirs]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_both_sides_destroy_with_the_same_header(site: Site, browser: Browser, name: str) -> None:
    """Our header that expires a cookie is the one of Node."""
    here, there = ATTRIBUTES[name]
    options = SessionOptions(password=PASSWORD, cookie_name=NAME, cookie_options=here)
    change(browser, options, a=1)
    again = Browser(dict(browser.cookies))
    ours = destroy(browser, options)
    theirs = site.destroy(again, {**THERE, "cookieOptions": there}).set_cookie_headers
    assert [attributes(header) for header in ours] == [attributes(header) for header in theirs]


@pytest.mark.parametrize("ttl", [61, 900, 86400 * 365])
def test_both_sides_let_the_cookie_go_a_minute_before_the_seal(
    site: Site, browser: Browser, ttl: int
) -> None:
    """Max-Age is ttl - 60 on both sides."""
    ours = change(browser, SessionOptions(password=PASSWORD, cookie_name=NAME, ttl=ttl), a=1)
    theirs = site.change(browser, {**THERE, "ttl": ttl}, a=1).set_cookie_headers
    assert f"Max-Age={ttl - 60}" in ours[0]
    assert [attributes(header) for header in ours] == [attributes(header) for header in theirs]


@pytest.mark.parametrize("ttl", [1, 59, 60])
def test_a_ttl_of_up_to_a_minute_is_kept_whole(site_9: Site, browser: Browser, ttl: int) -> None:
    """A short ttl is the Max-Age itself, as in iron-session 9."""
    ours = change(browser, SessionOptions(password=PASSWORD, cookie_name=NAME, ttl=ttl), a=1)
    theirs = site_9.change(browser, {**THERE, "ttl": ttl}, a=1).set_cookie_headers
    assert f"Max-Age={ttl};" in ours[0]
    assert [attributes(header) for header in ours] == [attributes(header) for header in theirs]


def test_a_ttl_of_nought_lasts_for_ever_on_both_sides(site: Site, browser: Browser) -> None:
    """A ttl of 0 gives the longest Max-Age and a seal without expiration, both ways."""
    eternal = SessionOptions(password=PASSWORD, cookie_name=NAME, ttl=0)
    ours = change(browser, eternal, here=1)
    assert "Max-Age=2147483647" in ours[0]
    assert browser.cookies[NAME].split("*")[5] == ""
    theirs = site.change(browser, {**THERE, "ttl": 0}, there=2).set_cookie_headers
    assert [attributes(header) for header in ours] == [attributes(header) for header in theirs]
    assert browser.cookies[NAME].split("*")[5] == ""
    assert read(browser, eternal) == {"here": 1, "there": 2}


def test_only_node_makes_the_seal_of_a_browser_session_eternal(
    site: Site, browser: Browser
) -> None:
    """Without Max-Age our seal keeps its ttl; JavaScript drops the expiration of the seal too."""
    change(
        browser,
        SessionOptions(
            password=PASSWORD, cookie_name=NAME, cookie_options=CookieOptions(max_age=None)
        ),
        here=1,
    )
    assert browser.cookies[NAME].split("*")[5] != ""
    site.change(browser, {**THERE, "cookieOptions": {"maxAge": None}}, there=2)
    assert browser.cookies[NAME].split("*")[5] == ""
    assert read(browser) == {"here": 1, "there": 2}


def test_only_node_sets_a_cookie_twice_that_is_saved_twice(site: Site, browser: Browser) -> None:
    """Two saves are one Set-Cookie header here, and two in JavaScript."""
    assert len(site.save_twice(browser, THERE, a=1).set_cookie_headers) == 2
    here = visit(browser)
    here.session["b"] = 2
    here.session.save()
    here.session["c"] = 3
    here.session.save()
    assert len(here.answer()) == 1
    assert site.read(browser, THERE).session == {"a": 1, "b": 2, "c": 3}


def test_a_past_expires_is_refused_on_saving_and_not_on_reading(
    site_9: Site, browser: Browser
) -> None:
    """A page that only reads does not break by an expires of yesterday, on neither side."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    here = SessionOptions(
        password=PASSWORD, cookie_name=NAME, cookie_options=CookieOptions(expires=yesterday)
    )
    there = {**THERE, "cookieOptions": {"expires": yesterday.isoformat()}}
    change(browser, a=1)
    assert site_9.read(browser, there).session == read(browser, here) == {"a": 1}
    with pytest.raises(NodeError, match="in the past"):
        site_9.change(browser, there, a=2)
    with pytest.raises(ConfigurationError):
        change(browser, here, a=2)


def test_a_session_destroyed_by_node_is_empty_here(site: Site, browser: Browser) -> None:
    """Node expires the cookie that we set."""
    change(browser, a=1)
    site.destroy(browser, THERE)
    assert browser.cookies == {}
    assert read(browser) == {}


def test_a_session_destroyed_here_is_empty_in_node(site: Site, browser: Browser) -> None:
    """We expire the cookie that Node set."""
    site.change(browser, THERE, a=1)
    destroy(browser)
    assert browser.cookies == {}
    assert site.read(browser, THERE).session == {}


def test_chunks_from_node_are_read_here(site_9: Site, browser: Browser) -> None:
    """A session that Node split over three cookies comes together here."""
    site_9.change(browser, CHUNKED_THERE, large=LARGE)
    assert list(browser.cookies) == [f"{NAME}.0", f"{NAME}.1", f"{NAME}.2"]
    assert read(browser, CHUNKED_HERE) == {"large": LARGE}


def test_node_reads_chunks_from_here(site_9: Site, browser: Browser) -> None:
    """A session that we split over three cookies comes together in Node."""
    change(browser, CHUNKED_HERE, large=LARGE)
    assert list(browser.cookies) == [f"{NAME}.0", f"{NAME}.1", f"{NAME}.2"]
    assert site_9.read(browser, CHUNKED_THERE).session == {"large": LARGE}


def test_chunks_are_read_by_a_side_that_writes_none(site_9: Site, browser: Browser) -> None:
    """Reading accepts both shapes whatever the setting, on both sides."""
    change(browser, CHUNKED_HERE, large=LARGE)
    assert site_9.read(browser, THERE).session == read(browser, HERE) == {"large": LARGE}


def test_a_whole_cookie_wins_over_chunks_on_both_sides(site_9: Site, browser: Browser) -> None:
    """Where a request carries both shapes, both sides read the whole cookie."""
    change(browser, CHUNKED_HERE, large=LARGE)
    whole = Browser()
    change(whole, a=1)
    browser.cookies |= whole.cookies
    assert len(browser.cookies) == 4
    assert site_9.read(browser, CHUNKED_THERE).session == read(browser, CHUNKED_HERE) == {"a": 1}


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_session_without_one_of_its_chunks_is_empty_on_both_sides(
    site_9: Site, browser: Browser, missing: int
) -> None:
    """A chunk that got lost leaves no session behind, whichever it was."""
    change(browser, CHUNKED_HERE, large=LARGE)
    del browser.cookies[f"{NAME}.{missing}"]
    assert site_9.read(browser, CHUNKED_THERE).session == read(browser, CHUNKED_HERE) == {}


@pytest.mark.parametrize("length", [2000, 2500, 2800, 3000, 5000, 7000, 9000, 11000])
def test_both_sides_split_a_session_at_the_same_places(
    site_9: Site, browser: Browser, length: int
) -> None:
    """The cookies of one session have the same names, attributes and lengths on both sides.

    Ours expires the other names too, whatever the browser has.
    """
    written = change(browser, CHUNKED_HERE, large="x" * length)
    ours = [header for header in written if "; Max-Age=0;" not in header]
    theirs = site_9.change(Browser(), CHUNKED_THERE, large="x" * length).set_cookie_headers
    assert [attributes(header) for header in ours] == [attributes(header) for header in theirs]
    assert [len(header) for header in ours] == [len(header) for header in theirs]


NEARLY_FULL = "x" * 2830
"""Fills a cookie so far that a few more characters of its name decide."""


@pytest.mark.parametrize("size", range(4085, 4110))
def test_both_sides_find_the_same_session_too_big_for_one_cookie(
    site_9: Site, browser: Browser, size: int
) -> None:
    """Each byte more or less is decided alike: 4096 bytes of Set-Cookie, and none above."""
    short = SessionOptions(password=PASSWORD, cookie_name="s")
    name = "s" * (1 + size - len(change(browser, short, large=NEARLY_FULL)[0]))
    options = SessionOptions(password=PASSWORD, cookie_name=name)
    outcome = (
        fits_here(browser, options),
        fits_there(site_9, browser, {**THERE, "cookieName": name}),
    )
    assert outcome == (size <= 4096, size <= 4096)


def test_both_sides_refuse_a_session_of_more_than_four_cookies(
    site_9: Site, browser: Browser
) -> None:
    """Chunking has the same end on both sides."""
    with pytest.raises(NodeError, match="the maximum is 4"):
        site_9.change(browser, CHUNKED_THERE, large="x" * 13000)
    with pytest.raises(CookieTooLargeError):
        change(browser, CHUNKED_HERE, large="x" * 13000)
    assert browser.cookies == {}


def test_node_shrinks_our_chunks_to_one_cookie(site_9: Site, browser: Browser) -> None:
    """A shrunk session leaves none of our chunks behind, when Node saves it."""
    change(browser, CHUNKED_HERE, large=LARGE)
    site_9.change(browser, CHUNKED_THERE, large="small")
    assert list(browser.cookies) == [NAME]
    assert read(browser, CHUNKED_HERE) == {"large": "small"}


def test_we_shrink_the_chunks_of_node_to_one_cookie(site_9: Site, browser: Browser) -> None:
    """A shrunk session leaves none of Node's chunks behind, when we save it."""
    site_9.change(browser, CHUNKED_THERE, large=LARGE)
    change(browser, CHUNKED_HERE, large="small")
    assert list(browser.cookies) == [NAME]
    assert site_9.read(browser, CHUNKED_THERE).session == {"large": "small"}


def test_chunks_become_fewer_in_turn(site_9: Site, browser: Browser) -> None:
    """Stale chunks are expired whichever side shrinks the session."""
    change(browser, CHUNKED_HERE, large="x" * 10000)
    assert len(browser.cookies) == 4
    site_9.change(browser, CHUNKED_THERE, large="x" * 7000)
    assert len(browser.cookies) == 3
    change(browser, CHUNKED_HERE, large="x" * 4000)
    assert len(browser.cookies) == 2
    assert site_9.read(browser, CHUNKED_THERE).session == {"large": "x" * 4000}


def test_node_splits_the_one_cookie_that_we_wrote(site_9: Site, browser: Browser) -> None:
    """A grown session leaves our whole cookie not behind, when Node saves it."""
    change(browser, CHUNKED_HERE, large="small")
    site_9.change(browser, CHUNKED_THERE, large=LARGE)
    assert len(browser.cookies) == 3
    assert read(browser, CHUNKED_HERE) == {"large": LARGE}


def test_we_split_the_one_cookie_that_node_wrote(site_9: Site, browser: Browser) -> None:
    """A grown session leaves Node's whole cookie not behind, when we save it."""
    site_9.change(browser, CHUNKED_THERE, large="small")
    change(browser, CHUNKED_HERE, large=LARGE)
    assert len(browser.cookies) == 3
    assert site_9.read(browser, CHUNKED_THERE).session == {"large": LARGE}


def test_node_destroys_our_chunks(site_9: Site, browser: Browser) -> None:
    """Nothing of a chunked session stays behind, when Node destroys it."""
    change(browser, CHUNKED_HERE, large=LARGE)
    site_9.destroy(browser, CHUNKED_THERE)
    assert browser.cookies == {}


def test_we_destroy_the_chunks_of_node(site_9: Site, browser: Browser) -> None:
    """Nothing of a chunked session stays behind, when we destroy it."""
    site_9.change(browser, CHUNKED_THERE, large=LARGE)
    destroy(browser, CHUNKED_HERE)
    assert browser.cookies == {}


def test_a_session_from_before_the_rotation_is_read_and_sealed_anew(
    site: Site, browser: Browser
) -> None:
    """A cookie by the old password opens on both sides, and is written with the newest."""
    site.change(browser, {**THERE, "password": OLD}, there=1)
    assert browser.cookies[NAME].split("*")[1] == "1"
    change(browser, ROTATED_HERE, here=2)
    assert browser.cookies[NAME].split("*")[1] == "2"
    assert site.read(browser, ROTATED_THERE).session == {"there": 1, "here": 2}


def test_node_seals_our_session_anew_after_the_rotation(site: Site, browser: Browser) -> None:
    """Node writes our old cookie with the newest password, and we read it."""
    change(browser, SessionOptions(password=OLD, cookie_name=NAME), here=1)
    site.change(browser, ROTATED_THERE, there=2)
    assert browser.cookies[NAME].split("*")[1] == "2"
    assert read(browser, ROTATED_HERE) == {"here": 1, "there": 2}


def test_both_sides_tell_the_same_reason_for_a_retired_password(
    site_9: Site, browser: Browser
) -> None:
    """Once the old password has gone, its cookie is an empty session for a known reason."""
    change(browser, ROTATED_HERE, a=1)
    failures: list[UnsealFailure] = []
    only_old = SessionOptions(password=OLD, cookie_name=NAME, on_unseal_error=failures.append)
    answer = site_9.read(browser, {**THERE, "password": OLD})
    assert answer == Answer({}, ["unknown-password"], [])
    assert read(browser, only_old) == {}
    assert [failure.reason for failure in failures] == answer.reasons


TAMPERED: dict[str, Callable[[str], str]] = {
    "cut": lambda text: text[:-10],
    "another mac": lambda text: text[:-10] + "A" * 8 + "~2",
    "no seal": lambda text: "garbage",
    "wrong prefix": lambda text: f"Fe26.1{text[6:]}",
    "unknown id": lambda text: text.replace("Fe26.2*1*", "Fe26.2*9*"),
    "inherited member for an id": lambda text: text.replace("Fe26.2*1*", "Fe26.2*constructor*"),
    "expired": lambda text: "*".join([*text.split("*")[:5], "1", *text.split("*")[6:]]),
    "percent": lambda text: "%",
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_cookie_is_an_empty_session_on_both_sides(
    site_9: Site, browser: Browser, name: str
) -> None:
    """Neither side fails on a hostile cookie, and both tell of it once and for the same reason."""
    site_9.change(browser, THERE, a=1)
    browser.cookies[NAME] = TAMPERED[name](browser.cookies[NAME])
    failures: list[UnsealFailure] = []
    hooked = SessionOptions(password=PASSWORD, cookie_name=NAME, on_unseal_error=failures.append)
    answer = site_9.read(browser, THERE)
    assert answer.session == read(browser, hooked) == {}
    # iron-session 9 calls a member that every object inherits an empty password.
    theirs = ["unknown-password"] if name.startswith("inherited") else answer.reasons
    assert [failure.reason for failure in failures] == theirs


def test_node_keeps_what_we_note_in_the_session(site: Site, browser: Browser) -> None:
    """The reserved member stays when Node saves the session, and we still honour it."""
    lasting = SessionOptions(password=PASSWORD, cookie_name=NAME, ttl=900, max_lifetime=3600)
    change(browser, lasting, here=1)
    noted = sealed_object(browser)["$iron"]
    site.change(browser, THERE, there=2)
    assert sealed_object(browser) == {"here": 1, "there": 2, "$iron": noted}
    assert read(browser, lasting) == {"here": 1, "there": 2}
    change(browser, lasting, here=3)
    assert sealed_object(browser)["$iron"] == noted


def sealed_object(browser: Browser) -> Mapping[str, Any]:
    """Give the object that the session cookie holds, with what the session does not show."""
    data: Mapping[str, Any] = unseal(browser.cookies[NAME].partition("~")[0], {"1": PASSWORD})
    return data


def fits_here(browser: Browser, options: SessionOptions) -> bool:
    """Tell whether our side writes a nearly full session in one cookie."""
    try:
        change(browser, options, large=NEARLY_FULL)
    except CookieTooLargeError:
        return False
    return True


def fits_there(site: Site, browser: Browser, options: Mapping[str, Any]) -> bool:
    """Tell whether Node writes a nearly full session in one cookie."""
    try:
        site.change(browser, options, large=NEARLY_FULL)
    except NodeError as error:
        return "Cookie length is too big" not in str(error)
    return True
