"""A seal of any length is split so that browsers keep it, and joined to what it was."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iron_session import CookieOptions, CookieTooLargeError, HeaderJar, get_iron_session
from iron_session.sessions.cookie_text import serialize_cookie
from iron_session.sessions.cookies import candidates, split
from tests.sessions.browser import NAME, NOW, Browser, make_options


@pytest.fixture(autouse=True, scope="module")
def _still_clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("iron_session._time.now_ms", lambda: NOW)
        yield


def assert_split_and_joined(
    name: str, seal: str, options: CookieOptions, max_age: int | None
) -> dict[str, str]:
    """Check what holds for every seal that is not refused, and give its parts."""
    parts = split(name, seal, options, max_age, chunk=True)
    headers = [serialize_cookie(key, part, options, max_age) for key, part in parts.items()]
    assert all(len(header) <= 4096 for header in headers)
    assert all(len(header) == 4096 for header in headers[:-1]), "room is left unused"
    assert all(parts.values())
    assert "".join(parts.values()) == seal
    if len(parts) == 1:
        assert list(parts) == [name]
    else:
        assert list(parts) == [f"{name}.{index}" for index in range(len(parts))]
        assert len(parts) <= 4
        assert len(serialize_cookie(name, seal, options, max_age)) > 4096
    jar = HeaderJar("; ".join(f"{key}={part}" for key, part in parts.items()))
    assert list(candidates(jar.read(name), jar.read, name)) == [seal]
    return parts


def test_a_seal_of_every_length_up_to_four_cookies_is_split_and_joined() -> None:
    """Beside attributes so long that these are few, and up to the first that is refused."""
    options = CookieOptions(path="/" + "p" * 1023, domain=".".join(["d" * 60] * 16))
    name, alphabet = "n" * 1024, "0123456789abcdefghijklmnopqrstuvwxyz*-_.~" * 100
    counts = []
    for length in range(1, 4096):
        try:
            parts = assert_split_and_joined(name, alphabet[:length], options, 1209540)
        except CookieTooLargeError:
            break
        counts.append(len(parts))
    assert counts == sorted(counts)
    assert set(counts) == {1, 2, 3, 4}
    overhead = len(serialize_cookie(f"{name}.0", "", options, 1209540))
    assert len(counts) == 4 * (4096 - overhead)


attributes = st.fixed_dictionaries(
    {
        "path": st.sampled_from(["/", None, "/" + "p" * 100, "/" + "p" * 1023]),
        "domain": st.sampled_from([None, "example.com", ".".join(["d" * 60] * 4)]),
        "partitioned": st.booleans(),
        "http_only": st.booleans(),
        "priority": st.sampled_from([None, "medium"]),
        "same_site": st.sampled_from([None, "strict"]),
    }
)


@given(
    length=st.integers(1, 17_000),
    name=st.integers(1, 1024).map("n".__mul__),
    attributes=attributes,
    max_age=st.none() | st.integers(1, 2147483647),
)
def test_whatever_name_and_attributes_take_no_cookie_is_too_long(
    length: int, name: str, attributes: dict[str, Any], max_age: int | None
) -> None:
    """And what is refused would really have needed a fifth."""
    options = CookieOptions(**attributes)
    seal = ("0123456789abcdef*" * 1001)[:length]
    room = 4096 - len(serialize_cookie(f"{name}.0", "", options, max_age))
    if length > 4 * room:
        with pytest.raises(CookieTooLargeError):
            split(name, seal, options, max_age, chunk=True)
    else:
        assert_split_and_joined(name, seal, options, max_age)


@given(
    length=st.integers(0, 8_600),
    name=st.sampled_from([NAME, "__Host-a", "n" * 300]),
    before=st.integers(0, 8_600),
)
def test_a_session_of_any_size_comes_back_whatever_was_there_before(
    length: int, name: str, before: int
) -> None:
    """Through the headers of three requests."""
    options, browser = make_options(cookie_name=name, chunk=True), Browser()
    for size in (before, length):
        browser.visit(options, text="x" * size)
        assert browser.request(options) == {"text": "x" * size}
        assert set(browser.cookies) in (
            {name},
            *({f"{name}.{index}" for index in range(count)} for count in (2, 3, 4)),
        )
    browser.request(options).destroy()
    browser.answer()
    assert browser.cookies == {}


@given(data=st.data(), length=st.integers(3_200, 8_600))
def test_no_other_arrangement_of_the_chunks_opens(data: st.DataObject, length: int) -> None:
    """The mac covers the seal as a whole."""
    options, browser = make_options(chunk=True), Browser()
    browser.visit(options, text="x" * length)
    values = list(browser.cookies.values())
    if len(values) == 1:
        return
    shuffled = data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=4))
    header = "; ".join(f"{NAME}.{index}={value}" for index, value in enumerate(shuffled))
    session = get_iron_session(HeaderJar(header), options)
    opens = shuffled[: len(values)] == values  # what stands behind the seal's end is nobody's
    assert session == ({"text": "x" * length} if opens else {})
