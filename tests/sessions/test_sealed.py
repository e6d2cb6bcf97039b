"""What a cookie holds: data and mark, whatever somebody else has put there instead."""

import json
from typing import Any

import pytest

from iron_session import HeaderJar, Passwords, UnsealError, get_iron_session
from iron_session.seals.mark import NO_MARK, Mark
from iron_session.seals.sealing import open_json, seal_json
from iron_session.sessions import sealed
from tests.sessions.browser import (
    FOREIGN,
    NAME,
    NOW,
    OLD,
    PASSWORD,
    TTL,
    Browser,
    Failures,
    cookie_of,
    make_options,
    open_text,
    password_id_of,
    seal_text,
    session_of,
)

pytestmark = pytest.mark.usefixtures("clock")

GOOD = seal_text('{"user":1}')


def with_part(index: int, text: str, seal: str = GOOD) -> str:
    """Replace one of a seal's eight parts."""
    parts = seal.split("*")
    parts[index] = text
    return "*".join(parts)


def flipped(text: str, position: int) -> str:
    """Change one character into another of the same alphabet."""
    other = "A" if text[position] != "A" else "B"
    return text[:position] + other + text[position + 1 :]


HOSTILE = {
    "a word": ("junk", "invalid"),
    "in quotes": (f'"{GOOD}"', "invalid"),
    "a broken escape": ("%", "invalid"),
    "another framework's": ("eyJhIjogMX0=.aZ_1.c2lnbmF0dXJl", "invalid"),
    "cut to its prefix": (GOOD[:7], "invalid"),
    "nothing but a prefix and letters": ("Fe26.2*" + "A" * 100_000, "invalid"),
    "one letter": ("x", "invalid"),
    "a delimiter": ("~", "invalid"),
    "only a version": ("~2", "invalid"),
    "empty parts": ("*******", "invalid"),
    "a bare prefix": ("Fe26.2*******", "unknown-password"),
    "another prefix": (with_part(0, "Fe26.1"), "invalid"),
    "a ninth part": (GOOD.replace("~2", "*~2"), "invalid"),
    "no mac": (GOOD.rpartition("*")[0], "invalid"),
    "cut in the middle": (GOOD[: len(GOOD) // 2], "invalid"),
    "one character short": (GOOD.removesuffix("~2")[:-1], "invalid"),
    "a changed mac": (flipped(GOOD, len(GOOD) - 10), "invalid"),
    "a changed ciphertext": (with_part(4, flipped(GOOD.split("*")[4], 3)), "invalid"),
    "a changed iv": (with_part(3, flipped(GOOD.split("*")[3], 3)), "invalid"),
    "a changed salt": (with_part(2, flipped(GOOD.split("*")[2], 3)), "invalid"),
    "a longer life": (with_part(5, str(NOW * 2)), "invalid"),
    "no end of life": (with_part(5, ""), "invalid"),
    "an end of life in words": (with_part(5, "never"), "invalid"),
    "an end of life in other digits": (with_part(5, "\u0661\u0662"), "invalid"),
    "a past end of life, unauthenticated": (with_part(5, "1"), "expired"),
    "an end of life of thousands of digits": (with_part(5, "9" * 5000), "invalid"),
    "a JavaScript property as id": (with_part(1, "constructor"), "unknown-password"),
    "a dunder as id": (with_part(1, "__class__"), "unknown-password"),
    "an empty id": (with_part(1, ""), "unknown-password"),
    "expired": (seal_text('{"user":1}', expires=NOW - 60_000), "expired"),
    "another password": (seal_text('{"user":1}', password=FOREIGN), "invalid"),
    "another id": (seal_text('{"user":1}', password={2: PASSWORD}), "unknown-password"),
    "letters beyond ASCII": (with_part(4, "é日😀"), "invalid"),
    "nothing but letters beyond ASCII": ("日本😀", "invalid"),
    "a percent-encoded letter beyond ASCII": ("Fe26.2*1*%C3%A9*b*c**d*e", "invalid"),
    "a lone surrogate": ("\udcff", "invalid"),
    "a NUL": ("Fe26.2\x00", "invalid"),
    "four cookies and a byte": ("x" * 16385, "invalid"),
    "the key __proto__": (seal_text('{"__proto__":{"admin":true}}'), "invalid"),
    "the key __proto__, escaped": (seal_text('{"a":[{"\\u005f_proto__":1}]}'), "invalid"),
    "the key __proto__ in the mark": (seal_text('{"$iron":{"__proto__":1}}'), "invalid"),
    "a huge seal": (seal_text('{"t":"' + "x" * 20_000 + '"}'), "invalid"),
    "a megabyte of stars": ("*" * 1_000_000, "invalid"),
    "for a magic link": (seal_text('{"user":1,"$iron":{"for":"magic-link"}}'), "purpose"),
    "for a number": (seal_text('{"user":1,"$iron":{"for":1}}'), "purpose"),
    "for an empty text": (seal_text('{"user":1,"$iron":{"for":""}}'), "purpose"),
    "for a list": (seal_text('{"user":1,"$iron":{"for":[]}}'), "purpose"),
    "a list": (seal_text("[1,2]"), "invalid"),
    "a text": (seal_text('"user"'), "invalid"),
    "a number": (seal_text("1"), "invalid"),
    "true": (seal_text("true"), "invalid"),
    "no JSON": (seal_text("{user:1}"), "invalid"),
    "two values": (seal_text("{}{}"), "invalid"),
    "no text": (seal_text(b"\xff\xfe"), "invalid"),
    "a byte order mark": (seal_text(b'\xef\xbb\xbf{"user":1}'), "invalid"),
    "nothing": (seal_text(""), "invalid"),
    "NaN": (seal_text('{"user":NaN}'), "invalid"),
    "a member $iron that is a text": (seal_text('{"$iron":"created"}'), "invalid"),
    "a member $iron that is null": (seal_text('{"$iron":null}'), "invalid"),
    "a member $iron that is a list": (seal_text('{"$iron":[]}'), "invalid"),
    "brackets without end": (seal_text("[" * 10_000), "invalid"),
    "a number of thousands of digits": (seal_text('{"a":' + "9" * 5000 + "}"), "invalid"),
}


@pytest.mark.parametrize(("cookie", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_cookie_that_can_not_be_read_gives_an_empty_session_and_one_call(
    failures: Failures, cookie: str, reason: str
) -> None:
    """Never an exception, and nothing is written unless the application writes."""
    jar = HeaderJar(f"{NAME}={cookie}")
    session = get_iron_session(jar, make_options(on_unseal_error=failures))
    assert session == {}
    assert session.is_new
    assert not session.modified
    session.commit()
    assert jar.set_cookie_headers == []
    assert failures.reasons == [reason]


@pytest.mark.parametrize(("cookie", "_reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_cookie_that_can_not_be_read_is_replaced_by_the_next_session(
    cookie: str, _reason: str
) -> None:
    browser = Browser({NAME: cookie})
    browser.visit(make_options(), user=2)
    assert browser.request(make_options()) == {"user": 2}


@pytest.mark.parametrize("text", ["~2", "~3", "~", "", "~~", "~2~*é", "~" + "x" * 3000])
def test_what_stands_behind_the_seal_is_never_looked_at(failures: Failures, text: str) -> None:
    """It is outside the mac."""
    header = f"{NAME}={GOOD.removesuffix('~2')}{text}"
    assert session_of(header, on_unseal_error=failures) == {"user": 1}
    assert failures == []


@pytest.mark.parametrize(
    ("plaintext", "data"),
    [
        ("null", {}),
        ("{}", {}),
        ('{"$iron":{}}', {}),
        ('{"a":1,"$iron":{}}', {"a": 1}),
        ('{"a":1,"$iron":{"for":null}}', {"a": 1}),
        ('{"a":null}', {"a": None}),
        (' { "a" : [ 1 , 2.50 ] } ', {"a": [1, 2.5]}),
        ('{"a":1e21,"b":0.000001,"c":1.0,"d":-0,"e":1E2}', None),
        ('{"b":1,"a":2,"10":3,"9":4}', {"b": 1, "a": 2, "10": 3, "9": 4}),
        ('{"a":"\\u00e9\\ud83d\\ude00\\/"}', {"a": "é😀/"}),
        ('{"a":"\\ud800"}', {"a": "\ud800"}),
        ('{"":{"":""}}', {"": {"": ""}}),
        ('{"a":"__proto__"}', {"a": "__proto__"}),
        ('{"a":{"$iron":1}}', {"a": {"$iron": 1}}),
        ('{"a":1e400}', None),
        pytest.param('{"a":' + "[" * 300 + "]" * 300 + "}", None, id="deep"),
        pytest.param(
            '{"a":' + "[" * 300 + "]" * 300 + ',"$iron":{"x":1}}', None, id="deep and marked"
        ),
    ],
)
def test_what_another_implementation_wrote_is_no_change_when_only_read(
    failures: Failures, plaintext: str, data: dict[str, Any] | None
) -> None:
    """However its numbers, blanks and escapes are written; and reading never raises."""
    jar = HeaderJar(cookie_of(plaintext))
    session = get_iron_session(jar, make_options(on_unseal_error=failures))
    assert isinstance(dict(session), dict)
    if data is not None:
        assert session == data
        assert list(session) == list(data)
    if not failures:
        assert not session.is_new
    assert not session.modified
    assert not session.is_unsaved
    session.commit()
    assert jar.set_cookie_headers == []


def test_a_key_that_is_there_twice_is_written_once_when_it_is_set() -> None:
    """No writer of JSON objects does that; the last one counts, as in JavaScript."""
    session = session_of(cookie_of('{"a":1,"a":2}'))
    assert session == {"a": 2}
    assert not session.modified
    session["a"] = 2
    assert session.modified


@pytest.mark.parametrize("plaintext", ["null", "{}", '{"$iron":{}}'])
def test_nothing_sealed_is_an_empty_session_that_was_there(
    failures: Failures, plaintext: str
) -> None:
    """JavaScript takes a sealed null for an empty session too."""
    session = session_of(cookie_of(plaintext), on_unseal_error=failures)
    assert session == {}
    assert not session.is_new
    assert failures == []
    session["user"] = 1
    session.save()
    assert session == {"user": 1}


# --- duplicates of the name ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        ["junk", GOOD],
        [GOOD, "junk"],
        ["junk", HOSTILE["expired"][0], HOSTILE["for a magic link"][0], GOOD],
        [HOSTILE["another password"][0], "", GOOD],
        [*["junk"] * 15, GOOD],
        [*["x"] * 16, GOOD],
        [*["x"] * 31, GOOD],
        ["%46", *["x"] * 20, GOOD.replace("F", "%46"), *["x"] * 20],
    ],
)
def test_the_first_value_that_opens_wins_and_the_others_are_not_told(
    failures: Failures, values: list[str]
) -> None:
    """A cookie tossed by a sibling subdomain does not shadow the real one."""
    header = "; ".join(f"{NAME}={value}" for value in values)
    session = session_of(header, on_unseal_error=failures)
    assert session == {"user": 1}
    assert failures == []


@pytest.mark.parametrize(
    "header",
    [
        f"{NAME}; {NAME}={GOOD}",
        f"{NAME}={GOOD};",
        f"{NAME} = {GOOD}",
        f"{NAME}=; {NAME}={GOOD}",
        f"odd; =; ;; =x; {NAME}={GOOD}",
        f'a=[1,2]; b={{}}; c="x;{NAME}={GOOD}',
    ],
)
def test_what_is_no_cookie_does_not_hide_one(header: str) -> None:
    assert session_of(header) == {"user": 1}


def test_of_two_that_open_the_first_wins() -> None:
    assert session_of(f"{NAME}={GOOD}; {NAME}={seal_text('{}')}") == {"user": 1}


def test_of_several_that_do_not_open_the_first_is_told_once(
    failures: Failures, caplog: pytest.LogCaptureFixture
) -> None:
    expired, _ = HOSTILE["expired"]
    header = f"{NAME}=; {NAME}={expired}; {NAME}=junk; {NAME}.0=junk"
    with caplog.at_level("DEBUG"):
        assert session_of(header, on_unseal_error=failures) == {}
    assert failures.reasons == ["expired"]
    assert len(caplog.records) == 1


def test_a_seventeenth_value_that_starts_as_a_seal_does_is_not_tried(
    failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request can't ask for more cryptography than that."""
    tried: list[str] = []

    def counted(text: str, *rest: Any) -> Any:
        tried.append(text)
        return open_json(text, *rest)

    monkeypatch.setattr(sealed, "open_json", counted)
    values = [*(f"{GOOD}~{number}".replace("a", "b") for number in range(16)), GOOD]
    header = "; ".join(f"{NAME}={value}" for value in values)
    assert session_of(header, on_unseal_error=failures) == {}
    assert tried == values[:16]
    assert failures.reasons == ["invalid"]


def test_a_text_over_the_bound_is_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are bounded before any cryptography."""

    def fail(*_: Any) -> Any:
        pytest.fail("it was looked at")

    monkeypatch.setattr(sealed, "open_json", fail)
    assert session_of(f"{NAME}={GOOD}{'x' * 16384}") == {}


# --- the mark ----------------------------------------------------------------------------------


def test_the_mark_is_no_part_of_the_session() -> None:
    session = session_of(cookie_of('{"a":1,"$iron":{"created":5},"b":2}'))
    assert dict(session) == {"a": 1, "b": 2}
    assert "$iron" not in session
    assert session.get("$iron") is None
    assert len(session) == 2


def test_members_of_the_mark_that_nobody_knows_are_kept() -> None:
    """A later version, or a newer front end, has put them there."""
    mark = {"sid": "abc", "created": NOW - 5000, "nested": {"x": [1, None]}, "ttl": 900}
    browser = Browser({NAME: seal_text(json.dumps({"user": 1, "$iron": mark}))})
    for number in range(3):
        browser.visit(make_options(), user=number)
        assert open_text(browser.cookies[NAME]) == {"user": number, "$iron": mark}


def test_a_session_without_a_mark_is_sealed_bare() -> None:
    """As JavaScript seals it, so that it stays as small."""
    browser = Browser()
    browser.visit(make_options(), user=1)
    assert open_text(browser.cookies[NAME]) == {"user": 1}


def test_the_mark_survives_where_all_data_is_gone() -> None:
    browser = Browser({NAME: seal_text('{"user":1,"$iron":{"created":5}}')})
    session = browser.request(make_options())
    del session["user"]
    session.save()
    browser.answer()
    assert open_text(browser.cookies[NAME]) == {"$iron": {"created": 5}}


@pytest.mark.parametrize("ttl", ['"60"', "-1", "null", "{}", "1e300", "1" + "0" * 400])
def test_a_strange_ttl_in_the_mark_is_ignored(ttl: str) -> None:
    session = session_of(cookie_of('{"a":1,"$iron":{"ttl":' + ttl + "}}"))
    session["a"] = 2
    session.save()
    assert session.expires_at is not None
    assert session.expires_at.timestamp() * 1000 == NOW + 1_209_600_000


@pytest.mark.parametrize("changes", [{}, {"max_lifetime": 2 * TTL}, {"renew_after": 1}])
def test_what_the_browser_does_not_have_is_not_outdated(changes: dict[str, Any]) -> None:
    options = make_options(**changes)
    assert not sealed.may_be_outdated(sealed.NOTHING, options)


# --- passwords -----------------------------------------------------------------------------------


def test_every_password_of_a_rotation_opens() -> None:
    both = {1: OLD, 2: PASSWORD}
    for password in ({1: OLD}, {2: PASSWORD}, both):
        header = cookie_of('{"user":1}', password=password)
        assert session_of(header, password=both) == {"user": 1}


def test_a_password_taken_out_of_the_rotation_opens_nothing(failures: Failures) -> None:
    header = cookie_of('{"user":1}', password={1: OLD})
    assert session_of(header, password={2: PASSWORD}, on_unseal_error=failures) == {}
    assert failures.reasons == ["unknown-password"]


def test_a_session_knows_the_password_that_sealed_it_though_others_were_read_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By another thread: or the browser's session would pass for one by the new password."""
    environ = {"KEY": OLD}
    passwords = Passwords.from_env("KEY", environ)
    options = make_options(password=passwords)

    def seal_as_they_change(*arguments: Any) -> str:
        text = seal_json(*arguments)
        environ["KEY"] = json.dumps({"1": OLD, "2": PASSWORD})
        passwords.reload()
        return text

    monkeypatch.setattr(sealed, "seal_json", seal_as_they_change)
    stored = sealed.seal(sealed.prepare(b"{}", NO_MARK, options, None, NOW))
    assert (stored.password_id, password_id_of(stored.seal)) == ("1", "1")
    assert sealed.is_outdated(stored, options, NOW, at_navigation=True)


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late_ms", "opens"), [(-1, True), (0, True), (59_999, True), (60_000, False), (60_001, False)]
)
def test_a_seal_opens_for_a_minute_after_its_end(late_ms: int, opens: bool) -> None:
    """Other machines' clocks may be off by that: @hapi/iron's timestampSkewSec."""
    session = session_of(cookie_of('{"user":1}', expires=NOW - late_ms))
    assert (session == {"user": 1}) is opens


def test_what_is_stored_shows_neither_data_nor_seal() -> None:
    """Error pages of frameworks show the variables of a save that failed."""
    stored = sealed.Stored(b'{"card":"4111"}', Mark({"created": 1}), "1", None, "Fe26.2*1*secret")
    assert repr(stored) == "<Stored: 15 bytes, password 1>"
    opened = sealed.Opened({"card": "4111"}, None, stored)
    assert repr(opened) == "<Opened: <Stored: 15 bytes, password 1>>"
    unreadable = sealed.Unreadable("Fe26.2*1*secret", UnsealError("no seal"))
    assert repr(unreadable) == "<Unreadable: UnsealError('no seal')>"
    secret = Passwords(PASSWORD).primary
    json = b'{"card":"4111"}'
    draft = sealed.Draft(json, Mark({"created": 1}), json, None, secret, 300)
    assert repr(draft) == "<Draft: 15 bytes>"
