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
from tests.cli.situations import SITUATIONS, Situation
from tests.helpers.clock import Clock
from tests.helpers.seals import OTHER, PASSWORD

GOLDEN = Path(__file__).parent / "golden"
RANDOM_ID = re.compile(r"\b[A-Za-z0-9_-]{22}\b(?=')")


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


def test_every_golden_file_is_of_a_situation() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(SITUATIONS)
