"""How cookies of other systems are told apart, and what only looks like one."""

import base64
import json
from typing import Any

import pytest

from iron_session import seal_data
from iron_session.cli.kinds import Kind, maker_of_seal, recognise
from iron_session.cli.opening import examine
from iron_session.cli.pasted import BARE, read_paste
from iron_session.seals import Passwords
from tests.cli.conftest import Command
from tests.helpers.clock import Clock
from tests.helpers.seals import PASSWORD, base64url

SIGNATURE = "a" * 27


def part(value: Any) -> str:
    return base64url(json.dumps(value, separators=(",", ":")).encode())


def standard(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        f"{part({'alg': 1})}.{part({})}.sig",
        f"{part([])}.{part({})}.sig",
        f"{part({'alg': 'HS256'})}.{part([])}.sig",
        f"{part({'enc': 1})}..iv.text.tag",
        f"{part([1])}.ZeBwQA.{SIGNATURE}",
        f".{base64url(b'not compressed')}.ZeBwQA.{SIGNATURE}",
        f"gAAAA{'A' * 90}",
        f"{part({})}.ZeBwQA.short",
        f"{base64url(bytes([0xff]))}.ZeBwQA.{SIGNATURE}",
        f"{part({})}:1rfdGW:{'a' * 42}",
        f"{part([])}:1rfdGW:{'a' * 43}",
        f"{base64url(b'[' * 3000)}:1rfdGW:{'a' * 43}",
        "8X2kq0vd7e5ybn3mhw1ru9sztc4pjg6f",
        "s:id.short",
        "__chunked__",
        "a" * 200_000,
    ],
)  # fmt: skip
def test_what_only_looks_like_a_cookie_of_another_system_is_not_taken_for_one(text: str) -> None:
    assert recognise(text) is None


@pytest.mark.parametrize("time", [None, "soon", -1, 0, 10**400, 1e300, [1]])
def test_a_time_in_a_token_that_is_none_is_not_told(time: object) -> None:
    kind = recognise(f"{part({'alg': 'HS256'})}.{part({'exp': time})}.sig")
    assert kind is not None
    assert (kind.made_ms, kind.expires_ms) == (None, None)


@pytest.mark.parametrize(
    ("payload", "system"),
    [
        (standard({"a": 1}), "Starlette"),
        (standard({"ab": "x"}), "Starlette"),
        (part({"a": 1}), "Flask"),
        (part({"ab": 1}), "Flask"),
        (part({"abc": 1}), "Flask"),
        (part({"abcd": 12}), "Flask"),
    ],
)
def test_flask_and_starlette_are_told_apart(payload: str, system: str) -> None:
    """Both sign with itsdangerous; only their JSON and their base64 differ."""
    kind = recognise(f"{payload}.ZeBwQA.{SIGNATURE}")
    assert kind == Kind(f"a session cookie of {system}: signed, not encrypted", 1709207616000)


@pytest.mark.parametrize(
    ("name", "password_id", "has_version", "maker"),
    [
        ("wos-session", "1", True, "WorkOS"),
        ("wos-session", "", False, "@hapi/iron"),
        ("h3", "", False, "h3"),
        ("h3", "1", True, "iron-session, "),
        ("nuxt-session", "", False, "h3 (Nuxt)"),
        ("start", "", False, "h3 (TanStack Start)"),
        ("sid", "", False, "@hapi/iron"),
        ("myapp", "1", False, "next-iron-session"),
        ("myapp", "", True, "iron-session 6"),
    ],
)
def test_the_maker_of_a_seal_is_told_by_its_form_and_its_cookie(
    name: str, password_id: str, has_version: bool, maker: str
) -> None:
    told = maker_of_seal(name, password_id, has_version=has_version)
    assert told.startswith(maker)


@pytest.mark.parametrize(
    ("paste", "name", "values"),
    [
        ("Cookie: a=1; a=2", "a", ["1"]),
        ("cookie:a=1", "a", ["1"]),
        ("< set-cookie: a=1; Path=/; HttpOnly", "a", ["1"]),
        ("> Cookie: a=1", "a", ["1"]),
        ("a=1; Max-Age=60; Secure", "a", ["1"]),
        ("a=1; HttpOnly", "a", ["1"]),
        ("a\t1\texample.com\t/", "a", ["1"]),
        ('a : "1"', "a", ["1"]),
        ("a='1'", "a", ["1"]),
        ('a=""', "a", []),
        ("value", BARE, ["value"]),
        ("'value'", BARE, ["value"]),
        ("va%6Cue", BARE, ["value"]),
        ("100%", BARE, ["100%"]),
        ("a.0=x\r\na.1=y\n\n", "a", ["xy"]),
        ("a.1=y; a.0=x", "a", ["xy"]),
        ("a.00=x", "a.00", ["x"]),
    ],
)
def test_each_form_in_which_cookies_are_pasted_is_read(
    paste: str, name: str, values: list[str]
) -> None:
    (pasted,) = read_paste(paste).cookies
    assert (pasted.name, pasted.texts) == (name, values)


def test_no_repr_shows_what_is_secret(clock: Clock) -> None:
    seal = seal_data({"user": "Zoë"}, password=PASSWORD)
    (pasted,) = read_paste(seal).cookies
    content, _ = examine(seal, Passwords(PASSWORD), clock.now)
    assert repr(pasted) == "<Pasted: 1>"
    assert repr(content) == "<Content: 15 bytes>"


def test_attributes_are_not_taken_for_cookies(command: Command) -> None:
    ran = command("inspect", given="a=1; Path=/; Domain=example.com")
    assert "Path" not in ran.out + ran.err
