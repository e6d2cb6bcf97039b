"""The `iron-session` command."""

import runpy
import string
import subprocess
import sys
from importlib.metadata import version

import pytest

from iron_session import Passwords, _speedups
from iron_session.cli import main


def test_it_prints_a_password_that_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    """Alone on its line, so that a shell can take it: KEY=$(iron-session generate-password)."""
    assert main(["generate-password"]) == 0
    printed = capsys.readouterr()
    password = printed.out.removesuffix("\n")
    assert len(password) == 43
    assert set(password) <= set(string.ascii_letters + string.digits + "-_")
    assert Passwords(password).ids == (1,)
    assert printed.out.endswith("\n")
    assert printed.err == ""


def test_each_password_is_another(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        main(["generate-password"])
    assert len(set(capsys.readouterr().out.splitlines())) == 20


@pytest.mark.parametrize(
    ("core", "reason", "maker"),
    [
        (
            _speedups.Core("0.1.0", pytest.fail, lambda *_: None, lambda _: None),
            "",
            "iron-session-speedups 0.1.0",
        ),
        (None, "turned off", "Python: turned off"),
    ],
)
def test_it_tells_its_version_and_what_makes_the_seals(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    core: _speedups.Core | None,
    reason: str,
    maker: str,
) -> None:
    monkeypatch.setattr(_speedups, "core", core)
    monkeypatch.setattr(_speedups, "reason", reason)
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert told == f"iron-session {version('iron-session')} (seals are made by {maker})"


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["generate-password", "more"], ["--wrong"]])
def test_a_wrong_call_says_how_to_call_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    printed = capsys.readouterr()
    assert caught.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith("usage: iron-session ")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--help"], "generate-password"),
        (["--help"], "print a random password for SESSION_PASSWORD (256 bits)"),
        (["--help"], "Tools for sealed, stateless sessions."),
        (["generate-password", "--help"], "Print a random password for SESSION_PASSWORD"),
    ],
)
def test_it_explains_itself(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert text in capsys.readouterr().out


def test_it_reads_the_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["iron-session", "generate-password"])
    assert main() == 0
    assert len(capsys.readouterr().out) == 44


def test_the_package_runs_as_a_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["iron-session", "generate-password"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("iron_session", run_name="__main__")
    assert caught.value.code == 0
    assert len(capsys.readouterr().out) == 44


def test_it_runs_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "iron_session", "generate-password"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(run.stdout) == 44
    assert run.stderr == ""
