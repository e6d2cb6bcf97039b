"""Sessions in threads, sessions that can never fit, and cookies that hide others."""

import json
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeaderJar,
    IronSessionError,
    NotSerializableError,
    get_iron_session,
)
from iron_session.seals import _crypto
from iron_session.sessions import jar
from iron_session.sessions.cookies import cookie_names
from tests.sessions.browser import NAME, Browser, make_options, saved, session_of

# --- threads -------------------------------------------------------------------------------------


@pytest.fixture
def _many_switches() -> Any:
    """Have threads take turns as often as Python lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_many_switches")
def test_a_session_that_another_thread_changes_is_written_or_refused_by_an_error_of_ours() -> None:
    session = get_iron_session(HeaderJar(), make_options())
    session["inner"] = {str(number): number for number in range(60)}
    stop = threading.Event()

    def change() -> None:
        inner = session["inner"]
        while not stop.is_set():
            inner["more"] = 1
            inner.pop("more", None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for number in range(300):
            session["n"] = number
            with suppress(IronSessionError):
                session.save()
                seal = get_seal(session.jar)
                assert session_of(f"{NAME}={seal}")["n"] == number
    finally:
        stop.set()
        thread.join()


def get_seal(source: Any) -> str:
    header: str = source.set_cookie_headers[0]
    return header.partition(";")[0].partition("=")[2]


class NeverTheSame(dict[str, Any]):
    """A dict that another thread changes whenever it is looked at."""

    def values(self) -> Any:
        raise RuntimeError("dictionary changed size during iteration")


def test_a_session_that_never_holds_still_is_an_error_that_says_so() -> None:
    session = get_iron_session(HeaderJar(), make_options())
    session.setdefault("inner", {})
    session._load()["inner"] = NeverTheSame()
    with pytest.raises(NotSerializableError, match="is being changed by another thread"):
        session.save()


# --- what can never fit --------------------------------------------------------------------------

HUGE = {
    "nested lists": json.loads("[" + ",".join(["[[]]"] * 200_000) + "]"),
    "numbers": list(range(150_000)),
    "texts": ["x" * 20] * 45_000,
    "an object": {str(number): number for number in range(70_000)},
    "one text": "x" * 1_000_000,
    "a text in a list": ["x" * 1_000_000],
}


@dataclass
class Visitor:
    """Typed data that holds anything."""

    items: list[Any] = field(default_factory=list)


@pytest.mark.parametrize("chunk", [False, True])
@pytest.mark.parametrize("kind", HUGE)
def test_a_value_that_can_never_be_saved_is_told_without_being_written_or_encrypted(
    monkeypatch: pytest.MonkeyPatch, kind: str, chunk: bool
) -> None:
    """It may still be made smaller before the save: that it is assigned is no error."""
    monkeypatch.setattr(_crypto, "encrypt", None)
    session = get_iron_session(HeaderJar(), make_options(chunk=chunk))
    session["visitor"] = HUGE[kind]
    with pytest.raises(CookieTooLargeError, match=r'session\["visitor"\] over 12288 bytes'):
        session.commit()
    session["visitor"] = "small"
    monkeypatch.undo()
    session.commit()
    assert len(get_seal(session.jar)) < 400


@pytest.mark.parametrize("kind", ["nested lists", "numbers", "texts"])
def test_typed_data_that_can_never_be_saved_is_told_so_too(kind: str) -> None:
    session = get_iron_session(HeaderJar(), make_options(schema=Visitor))
    session.data = Visitor(list(HUGE[kind]))
    with pytest.raises(CookieTooLargeError, match="do not fit into cookies"):
        session.commit()
    session.data.items.clear()
    session.data.items.append("tea")
    session.commit()
    assert session_of(f"{NAME}={get_seal(session.jar)}") == {"items": ["tea"]}


@pytest.mark.parametrize("length", [3000, 12_000, 30_000])
@pytest.mark.parametrize("chunk", [False, True])
def test_what_does_not_fit_is_refused_before_it_is_encrypted(
    monkeypatch: pytest.MonkeyPatch, length: int, chunk: bool
) -> None:
    fits = chunk and length < 12_000
    session = get_iron_session(HeaderJar(), make_options(chunk=chunk))
    session["text"] = "x" * length
    if fits:
        session.save()
        return
    monkeypatch.setattr(_crypto, "encrypt", None)
    with pytest.raises(CookieTooLargeError, match=rf'session\["text"\] {length + 2} bytes'):
        session.save()


# --- cookies that hide others --------------------------------------------------------------------


@pytest.mark.parametrize("count", [16, 100, 398])
@pytest.mark.parametrize("junk", ["Fe26.2*1*a*b*c*d*e*f", "x", "Fe26.2%2A1", "%41" * 20, ""])
def test_lookalikes_do_not_hide_the_session(junk: str, count: int) -> None:
    header = "; ".join([f"{NAME}={junk}"] * count + [saved({"user": 1})])
    assert session_of(header) == {"user": 1}


def test_more_cookies_than_any_browser_keeps_are_not_looked_through() -> None:
    header = "; ".join([f"{NAME}="] * 400 + [saved({"user": 1})])
    assert session_of(header) == {}
    long, short = HeaderJar(f"{NAME}={'x' * 100_000}; {NAME}=y").read(NAME)
    assert (len(long), short) == (24_000 - len(f"{NAME}="), "y")


def test_percent_encoding_is_undone_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def note(value: str) -> str:
        decoded.append(value)
        return value

    monkeypatch.setattr(jar, "decode_value", note)
    HeaderJar("; ".join(["s=" + "%41" * 500] * 16)).read("s")
    assert sum(value.count("%") for value in decoded) <= 1024
    decoded.clear()
    HeaderJar("; ".join(["s=%41"] * 100)).read("s")
    assert len(decoded) == 32


def test_a_seal_of_which_each_odd_character_is_encoded_is_read() -> None:
    name, _, seal = saved({"user": 1, "text": "x" * 2500}).partition("=")
    encoded = "".join(one if one.isalnum() else f"%{ord(one):02X}" for one in seal)
    assert session_of(f"{name}={encoded}")["user"] == 1


def test_ways_to_join_chunks_are_tried_up_to_a_bound() -> None:
    assert cookie_names("a") == ("a", "a.0", "a.1", "a.2", "a.3")
    tossed = [f"{NAME}.{index}={'Fe26.2*' + 'x' * 300}" for index in range(4) for _ in range(60)]
    assert session_of("; ".join(tossed)) == {}


# --- other options meanwhile ---------------------------------------------------------------------


@pytest.mark.parametrize("end", ["destroy", "clear"])
def test_a_session_that_took_other_options_expires_what_it_had_before(
    browser: Browser, end: str
) -> None:
    before = make_options(chunk=True, cookie_options={"path": "/app"})
    browser.visit(before, text="x" * 7000)
    session = browser.request(before)
    session.update_config(make_options(cookie_name="other"))
    getattr(session, end)()
    session.commit()
    received = browser.answer()
    assert received.keys() == {*cookie_names(NAME), "other"}
    assert {cookie.max_age for cookie in received.values()} == {0}
    assert {received[name].attributes["Path"] for name in cookie_names(NAME)} == {"/app"}
    assert browser.cookies == {}


# --- a mapping and no other thing ----------------------------------------------------------------


def test_popitem_takes_what_came_last_as_of_a_dict() -> None:
    session = session_of(saved({"a": 1, "b": 2}))
    session["c"] = 3
    assert [session.popitem() for _ in range(3)] == [("c", 3), ("b", 2), ("a", 1)]
    with pytest.raises(KeyError):
        session.popitem()


def test_popitem_leaves_what_belongs_to_the_schema() -> None:
    session = get_iron_session(HeaderJar(), make_options(schema=Visitor))
    session.data.items.append(1)
    with pytest.raises(ConfigurationError, match=r"session\.data"):
        session.popitem()


def test_the_data_is_no_attribute_and_the_error_says_where_it_is() -> None:
    """As it is in JavaScript."""
    session: Any = session_of(saved({"user": 1}))
    with pytest.raises(AttributeError, match=r"its data is in session\['user'\]"):
        _ = session.user
    assert not hasattr(session, "user")
    with pytest.raises(AttributeError):
        session.user = 2


def test_a_migration_without_a_schema_mends_old_shapes(browser: Browser) -> None:
    """As of next-iron-session, which kept the data one level deeper."""

    def migrate(data: dict[str, Any]) -> dict[str, Any]:
        persistent: dict[str, Any] = data.get("persistent", data)
        return persistent

    browser.visit(make_options(), persistent={"user": 1}, flash={})
    session = browser.request(make_options(migrate=migrate))
    assert session == {"user": 1}
    session.commit()
    browser.answer()
    assert browser.request(make_options()) == {"user": 1}


# --- what came twice, and what could not be written ----------------------------------------------


def test_a_logout_that_empties_nothing_writes_over_the_visitor_s_own_cookie(
    browser: Browser,
) -> None:
    """As Flask-Login's, of a session that somebody has tossed before it."""
    browser.cookies[NAME] = f"{saved({'_csrf': 'x'}).partition('=')[2]}; {saved({'user': 1})}"
    session = browser.request(make_options())
    session.expire_unreadable()
    session.commit()
    browser.answer()
    assert browser.request(make_options()) == {"_csrf": "x"}


def test_a_save_by_the_application_is_no_renewal_though_the_cookie_came_twice(
    browser: Browser,
) -> None:
    options = make_options(former_scopes=[{"domain": "example.com"}])
    seal = saved({"a": 1}).partition("=")[2]
    browser.cookies[NAME] = f"{seal}; {NAME}={seal}"
    session = browser.request(options)
    session["user"] = 1
    session.save()
    before = browser.jar.set_cookie_headers
    session.commit()
    assert not session.renewed
    assert browser.jar.set_cookie_headers == before


def test_former_scopes_are_expired_before_the_session_is_set(browser: Browser) -> None:
    session = browser.request(make_options(former_scopes=[{"domain": "example.com"}]))
    session["a"] = 1
    session.save()
    first, last = browser.jar.set_cookie_headers
    assert "Max-Age=0" in first
    assert "Max-Age=0" not in last


@pytest.mark.parametrize(("now", "before"), [("/", None), (None, "/")])
def test_a_scope_that_is_told_from_the_cookie_s_by_no_path_is_refused(
    now: str | None, before: str | None
) -> None:
    """On most pages browsers take both for one: the login would be lost at once."""
    with pytest.raises(ConfigurationError, match=r"former_scopes\[0\].*Name both paths"):
        make_options(cookie_options={"path": now}, former_scopes=[{"path": before}])


@pytest.mark.parametrize("end", ["clear", "destroy"])
def test_a_save_that_failed_does_not_silence_what_comes_after_a_logout(
    browser: Browser, end: str
) -> None:
    browser.visit(make_options(), user=1)
    session = browser.request(make_options())
    session["large"] = "x" * 8000
    with pytest.raises(CookieTooLargeError):
        session.save()
    getattr(session, end)()
    session.setdefault("inner", []).append(object())
    with pytest.raises(IronSessionError):
        session.commit()


def test_an_unreadable_cookie_from_before_other_options_is_expired_too(browser: Browser) -> None:
    browser.cookies[NAME] = "junk"
    session = browser.request(make_options())
    session.update_config(make_options(cookie_name="other"))
    session.clear()
    session.commit()
    assert browser.answer()[NAME].max_age == 0


def test_escapes_are_counted_over_all_of_a_jar(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = HeaderJar("; ".join(f"s.{index}=" + "%41" * 600 for index in range(4)))
    assert [reading.read(f"s.{index}")[0][:1] for index in range(4)] == ["A", "%", "%", "%"]
