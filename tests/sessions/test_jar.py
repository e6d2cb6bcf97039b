"""Jars: where a session reads its cookies and writes them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    CookieJar,
    CookieOptions,
    HeaderJar,
    HeadersAlreadySentError,
    get_iron_session,
)
from iron_session.sessions import SetCookie
from iron_session.sessions.cookie_text import decode_value
from tests.sessions.browser import NAME, Browser, make_options, saved


def cookie(name: str, value: str = "1", max_age: int | None = None) -> SetCookie:
    return SetCookie(name, value, CookieOptions(), max_age)


# --- HeaderJar -------------------------------------------------------------------------------


def test_a_header_jar_gives_every_value_of_a_name_in_order() -> None:
    jar = HeaderJar("a=1; b=2; a=3")
    assert list(jar.read("a")) == ["1", "3"]
    assert list(jar.read("b")) == ["2"]
    assert list(jar.read("c")) == []


@pytest.mark.parametrize("header", [None, "", lambda: "", lambda: None])
def test_no_header_is_no_cookies(header: Any) -> None:
    assert list(HeaderJar(header).read("a")) == []
    assert list(HeaderJar().read("a")) == []


def test_a_header_given_as_a_function_is_asked_for_once_and_only_when_needed() -> None:
    calls: list[int] = []

    def header() -> str:
        calls.append(1)
        return "a=1"

    jar = HeaderJar(header)
    jar.write(cookie("b"))
    assert jar.set_cookie_headers
    assert not calls
    assert list(jar.read("a")) == ["1"]
    assert list(jar.read("b")) == []
    assert len(calls) == 1


@pytest.mark.parametrize("header", [b"a=1", ["a=1"], 1, lambda: b"a=1", lambda: ["a=1"]])
def test_a_header_that_is_no_text_is_told_so(header: Any) -> None:
    """The integration's fault, not the visitor's: it must not read as no cookie."""
    with pytest.raises(ConfigurationError, match=r"Cookie header as str, not (bytes|list|int)"):
        HeaderJar(header).read("a")


def spied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the values that jars decode from here on."""
    decoded: list[str] = []

    def spy(value: str) -> str:
        decoded.append(value)
        return decode_value(value)

    monkeypatch.setattr("iron_session.sessions.jar.decode_value", spy)
    return decoded


def test_only_the_values_of_the_name_asked_for_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What others put beside them costs nobody's time."""
    decoded = spied(monkeypatch)
    jar = HeaderJar("other=%41; a=%42; a.0=%43; %61=%44; a=%45; other=%46")
    assert list(jar.read("a")) == ["B", "E"]
    assert decoded == ["%42", "%45"]
    assert list(jar.read("nobody")) == []
    assert decoded == ["%42", "%45"]


def test_a_session_decodes_its_own_cookies_only(monkeypatch: pytest.MonkeyPatch) -> None:
    header = saved({"user": 1})
    decoded = spied(monkeypatch)
    noise = "; ".join(f"other{number}=%41" for number in range(5))
    jar = HeaderJar(f"{noise}; {NAME}.0=%42; {header}; {NAME}.9=%43; {NAME}x=%44; {noise}")
    session = get_iron_session(jar, make_options())
    assert session == {"user": 1}
    session["user"] = 2
    session.save()
    assert set(decoded) <= {header.partition("=")[2], "%42"}


@pytest.mark.parametrize(("sent", "undone"), [(31, 31), (32, 32), (33, 32), (400, 32)])
def test_of_the_values_of_one_name_the_first_32_are_decoded(
    monkeypatch: pytest.MonkeyPatch, sent: int, undone: int
) -> None:
    decoded = spied(monkeypatch)
    jar = HeaderJar("; ".join(["a=%78"] * sent))
    assert list(jar.read("a")) == ["x"] * undone + ["%78"] * (sent - undone)
    assert len(decoded) == undone


def test_a_later_cookie_of_a_name_replaces_an_earlier_one() -> None:
    jar = HeaderJar()
    assert jar.set_cookie_headers == []
    jar.write(cookie("a", "1"))
    jar.write(cookie("b", "2"))
    jar.write(cookie("a", "3", 7))
    assert jar.set_cookie_headers == [
        "b=2; Path=/; HttpOnly; Secure; SameSite=Lax",
        "a=3; Max-Age=7; Path=/; HttpOnly; Secure; SameSite=Lax",
    ]


def test_what_is_written_is_not_what_is_read() -> None:
    jar = HeaderJar("a=1")
    jar.write(cookie("a", "2"))
    assert list(jar.read("a")) == ["1"]


def test_a_closed_jar_takes_no_cookie_and_keeps_what_it_has() -> None:
    jar = HeaderJar("a=1")
    jar.write(cookie("a", "2"))
    jar.close()
    with pytest.raises(HeadersAlreadySentError, match="headers were already sent"):
        jar.write(cookie("a", "3"))
    assert list(jar.read("a")) == ["1"]
    assert jar.set_cookie_headers == ["a=2; Path=/; HttpOnly; Secure; SameSite=Lax"]


def test_a_jar_that_is_opened_again_takes_cookies_beside_those_it_has() -> None:
    jar = HeaderJar()
    jar.write(cookie("a"))
    jar.close()
    jar.reopen()
    jar.write(cookie("b"))
    assert [header.partition("=")[0] for header in jar.set_cookie_headers] == ["a", "b"]
    jar.close()
    with pytest.raises(HeadersAlreadySentError):
        jar.write(cookie("c"))


def test_two_sessions_of_two_names_share_a_jar() -> None:
    """Each sees and writes its own cookie only."""
    browser = Browser()
    first, second = make_options(cookie_name="first"), make_options(cookie_name="second")
    one, jar = browser.request(first), browser.jar
    two = get_iron_session(jar, second)
    one["n"], two["n"] = 1, 2
    one.save()
    two.save()
    browser.answer()
    assert browser.request(first) == {"n": 1}
    assert browser.request(second) == {"n": 2}
    browser.request(first).destroy()
    browser.answer()
    assert browser.request(first) == {}
    assert browser.request(second) == {"n": 2}


# --- a jar of somebody else's ------------------------------------------------------------------


class PlainJar:
    """The two methods that a framework without an integration needs."""

    def __init__(self, values: Callable[[str], Any]) -> None:
        self.values = values
        self.written: list[SetCookie] = []

    def read(self, name: str) -> Any:
        return self.values(name)

    def write(self, cookie: SetCookie) -> None:
        self.written.append(cookie)


def test_any_object_with_read_and_write_is_a_jar() -> None:
    header = saved({"user": 1})
    seal = header.partition("=")[2]
    jar = PlainJar(lambda name: [seal] if name == NAME else [])
    typed: CookieJar = jar
    session = get_iron_session(typed, make_options())
    assert session == {"user": 1}
    session["user"] = 2
    session.save()
    (written,) = jar.written
    assert written.name == NAME
    session_again = get_iron_session(
        PlainJar(lambda name: (written.value,) if name == NAME else ()), make_options()
    )
    assert session_again == {"user": 2}


@pytest.mark.parametrize("values", ["Fe26.2*1*", "", None])
def test_a_jar_that_gives_one_text_instead_of_all_values_is_told_so(values: Any) -> None:
    """A text is a sequence too: of letters, each of which would be taken for a cookie."""
    session = get_iron_session(PlainJar(lambda name: values), make_options())
    with pytest.raises(ConfigurationError, match=r"^PlainJar\.read must return a list of all"):
        session.get("user")


class ReadsOnly:
    def read(self, name: str) -> Sequence[str]:
        return ()


class WritesOnly:
    def write(self, cookie: SetCookie) -> None:
        """Take it."""


@pytest.mark.parametrize("jar", [None, {}, "a=1", ReadsOnly(), WritesOnly()])
def test_what_is_no_jar_is_told_so(jar: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"read\(name\) and write\(cookie\)") as caught:
        get_iron_session(jar, make_options())
    assert type(jar).__name__ in str(caught.value)


def test_as_many_tossed_values_as_browsers_keep_leave_the_real_one_readable() -> None:
    jar = HeaderJar("; ".join([*["a=x"] * 300, *["a=%78"] * 40, "a=real"]))
    values = list(jar.read("a"))
    assert values[-1] == "real"
    assert values[300:340] == ["x"] * 32 + ["%78"] * 8
