"""`iron-session inspect`: what it says in each of many real situations, word for word."""

import io
import os
import re
import sys
from pathlib import Path

import pytest

from iron_session import seal_data
from iron_session.cli import main
from tests.cli.conftest import Command
from tests.cli.situations import SITUATIONS, Situation, saved_again, saved_at_the_login
from tests.helpers.clock import Clock
from tests.helpers.seals import OTHER, PASSWORD

GOLDEN = Path(__file__).parent / "golden"
RANDOM_ID = re.compile(r"(?<=')[A-Za-z0-9_-]{22}(?=')")


@pytest.mark.parametrize("name", SITUATIONS)
def test_it_says_what_it_should_in_this_situation(
    name: str, command: Command, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IRON_SESSION_WRITE_GOLDEN=1 writes the files anew; look at the difference."""
    situation = SITUATIONS[name](clock)
    monkeypatch.delenv("SESSION_PASSWORD")
    for variable, value in situation.environment.items():
        monkeypatch.setenv(variable, value)
    ran = command("inspect", *situation.arguments, given=situation.given)
    said = RANDOM_ID.sub("(22 random characters)", f"{ran.out}{ran.err}exit status {ran.status}\n")
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("IRON_SESSION_WRITE_GOLDEN"):
        file.write_text(said, encoding="utf-8")
    assert said == file.read_text(encoding="utf-8")
    assert_harmless(situation, said)


def assert_harmless(situation: Situation, said: str) -> None:
    """Nothing that a terminal obeys, no password and no value of a cookie is in a report."""
    assert all(character.isprintable() for line in said.split("\n") for character in line)
    assert PASSWORD not in said
    assert OTHER not in said
    assert "SECRET" not in said
    for value in re.findall(r"[^\s=;*.:~]{40,}", situation.given):
        assert value not in said


def test_the_time_is_that_of_the_text_s_arrival(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    """In a pipe the command starts before the seal is made."""
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)

    def read(_: int) -> bytes:
        clock.advance(5)
        return seal_data({}, password=PASSWORD, ttl=60).encode()

    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(stream.buffer, "read", read, raising=False)
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["inspect", "--ttl", "60"]) == 0
    assert "sealed      0 seconds ago" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ttl", "left", "is_told"),
    [
        (12 * 3600, 3601, False),
        (12 * 3600, 3600, True),
        (3600, 361, False),
        (3600, 360, True),
        (3600, 1, True),
        (3600, 0, False),
    ],
)
def test_the_coming_end_is_told_in_the_last_tenth_or_hour(
    ttl: int, left: int, is_told: bool, command: Command, clock: Clock
) -> None:
    seal = saved_at_the_login(clock, ttl=ttl)
    clock.advance(ttl - left)
    ran = command("inspect", "--ttl", str(ttl), given=seal)
    assert ("\nends  " in ran.out) is is_told
    assert "it opens: look elsewhere" in ran.out
    assert ran.status == 0


def test_the_coming_end_is_not_told_of_a_session_that_is_saved_again_and_again(
    command: Command, clock: Clock
) -> None:
    seal = saved_at_the_login(clock, ttl=3600)
    clock.advance(1800)
    seal = saved_again(clock, seal, ttl=3600)
    clock.advance(3500)
    assert "\nends  " not in command("inspect", "--ttl", "3600", given=seal).out


def test_the_coming_end_is_not_guessed_without_a_ttl(command: Command, clock: Clock) -> None:
    seal = saved_at_the_login(clock, ttl=3600)
    clock.advance(3500)
    assert "\nends  " not in command("inspect", given=seal).out


def test_every_golden_file_is_of_a_situation() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(SITUATIONS)


def test_the_place_of_the_options_may_be_a_secret_and_is_not_repeated(command: Command) -> None:
    ran = command("inspect", "--options", OTHER, given="a=b")
    assert (ran.status, ran.out) == (2, "")
    assert "an argument must be MODULE:OPTIONS" in ran.err
    assert OTHER not in ran.err


def test_options_that_are_not_there_end_the_command_with_the_mend(command: Command) -> None:
    ran = command("inspect", "--options", "tests.cli.shop:option", given="a=b")
    assert (ran.status, ran.out) == (2, "")
    assert "tests.cli.shop has no attribute option: it has options, renewed. Mend it" in ran.err


def test_the_passwords_come_from_the_options_or_from_a_variable(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        command("inspect", "--options", "tests.cli.shop:options", "--password-env", "NAME")
    assert "not allowed with argument" in capsys.readouterr().err


def test_a_password_in_the_environment_that_is_not_that_of_the_options_is_left_alone(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can't be used, and nobody has asked for it."""
    monkeypatch.setenv("SESSION_PASSWORD", "short")
    seal = seal_data({}, password=PASSWORD, ttl=60)
    ran = command("inspect", "--options", "tests.cli.shop:options", given=seal)
    assert (ran.status, ran.err) == (0, "")
    assert "opens with password 1" in ran.out


def test_a_ttl_that_is_given_counts_before_that_of_the_options(command: Command) -> None:
    seal = seal_data({}, password=PASSWORD, ttl=60)
    ran = command("inspect", "--options", "tests.cli.shop:options", "--ttl", "60", given=seal)
    assert "by a ttl of 60 seconds" in ran.out
