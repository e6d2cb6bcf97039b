"""`iron-session seal` and `unseal`: what they print can be used, also by each other."""

import json
from typing import Any

import pytest

from iron_session import HeaderJar, SessionOptions, get_iron_session, seal_data, unseal_data
from tests.cli.conftest import Command
from tests.helpers.clock import Clock
from tests.helpers.seals import OTHER, PASSWORD


@pytest.mark.parametrize("data", [{"user": "Zoë"}, [1, 2.5, None], "text", {}, 0])
def test_what_is_sealed_opens_again(data: Any, command: Command) -> None:
    ran = command("seal", given=json.dumps(data))
    assert (ran.status, ran.err) == (0, "")
    assert unseal_data(ran.out.removesuffix("\n"), password=PASSWORD) == data
    opened = command("unseal", given=ran.out)
    assert (opened.status, json.loads(opened.out), opened.err) == (0, data, "")


@pytest.mark.parametrize(("arguments", "life"), [([], 14 * 24 * 3600), (["--ttl", "1.5"], 1.5)])
def test_a_seal_lives_as_long_as_asked_for(
    arguments: list[str], life: float, command: Command, clock: Clock
) -> None:
    seal = command("seal", *arguments, given="{}").out
    assert int(seal.split("*")[5]) == clock.now + life * 1000


def test_a_ttl_of_zero_never_expires(command: Command) -> None:
    assert command("seal", "--ttl", "0", given="{}").out.split("*")[5] == ""


@pytest.mark.parametrize("ttl", ["-1", "nan", "inf"])
def test_a_ttl_that_can_t_work_is_refused(ttl: str, command: Command) -> None:
    for name in ("seal", "inspect"):
        ran = command(name, f"--ttl={ttl}", given="{}")
        assert (ran.status, ran.out) == (2, "")
        assert ran.err.startswith("iron-session: ttl must ")


@pytest.mark.parametrize("given", ["{", "secret", '{"a": NaN}', '{"__proto__": 1}', "[" * 9000])
def test_what_is_not_json_is_refused_and_not_repeated(given: str, command: Command) -> None:
    assert command("seal", given=given) == (1, "", "iron-session: standard input is not JSON\n")


def test_the_reserved_name_is_refused(command: Command) -> None:
    ran = command("seal", given='{"$iron": {"user": "admin"}}')
    assert ran == (1, "", 'iron-session: data["$iron"] is a reserved name\n')


def test_a_session_opens_as_its_cookie(command: Command) -> None:
    """And without the mark, which is not the application's."""
    jar = HeaderJar()
    session = get_iron_session(jar, SessionOptions(password=PASSWORD, cookie_name="myapp"))
    session.login("42")
    session["name"] = "Zoë"
    session.save()
    ran = command("unseal", given=f"Set-Cookie: {jar.set_cookie_headers[0]}\n")
    assert ran == (0, '{"name":"Zoë"}\n', "")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("no seal", "invalid"),
        ("Fe26.2*1", "invalid"),
        (seal_data({}, password=OTHER), "invalid"),
        (seal_data({}, password={2: OTHER}), "unknown-password"),
        (seal_data({}, password=PASSWORD, purpose="link"), "purpose"),
    ],
)
def test_one_line_names_the_reason(given: str, reason: str, command: Command) -> None:
    ran = command("unseal", given=given)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(f"iron-session: {reason}: ")
    assert ran.err.count("\n") == 1


def test_an_expired_seal_does_not_open(command: Command, clock: Clock) -> None:
    seal = seal_data({}, password=PASSWORD, ttl=1)
    clock.advance(61)
    ran = command("unseal", given=seal)
    assert ran == (1, "", "iron-session: expired: the seal has expired\n")


def test_of_two_seals_none_is_chosen(command: Command) -> None:
    seal = seal_data({}, password=PASSWORD)
    ran = command("unseal", given=f"a={seal}; b={seal}")
    assert ran == (2, "", "iron-session: more than one seal on standard input\n")


def test_data_can_t_reach_the_terminal_as_escapes(command: Command) -> None:
    """The JSON means the same."""
    data = {"\x1b[31m": "\x9b\x7f\u202e\u2028\U000e0001"}
    ran = command("unseal", given=seal_data(data, password=PASSWORD))
    assert json.loads(ran.out) == data
    assert ran.out.removesuffix("\n").isprintable()
