"""`iron-session generate-password --rotate`: the next passwords for the environment."""

import json
import sys
from pathlib import Path

import pytest

from iron_session import Passwords
from iron_session.cli import main

GOOD = "Xq3-a password that no one else has-7Zk"
NEW = "Bv8-the password that follows it soon-2Rw"
HOW = (
    "while servers are replaced one after the other, seal with {} first (seal_with); see "
    'the documentation\'s page "Password rotation" (how-to/rotation)\n'
)


@pytest.fixture(autouse=True)
def _no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SESSION_PASSWORD", raising=False)


def rotate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, str], str]:
    """Return the passwords that were printed, and what was said beside them."""
    assert main(["generate-password", "--rotate", *arguments]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    found: dict[str, str] = json.loads(printed.out)
    assert Passwords.from_env("IT", {"IT": printed.out.strip()}).ids == tuple(
        sorted(map(int, found), reverse=True)
    )
    return found, printed.err


def test_a_single_password_gets_a_second_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", GOOD)
    found, told = rotate(capsys)
    assert list(found) == ["1", "2"]
    assert found["1"] == GOOD
    assert len(found["2"]) == 43
    assert told == (
        f"iron-session: set SESSION_PASSWORD to this. Password 2 is new: {HOW.format(1)}"
    )


def test_a_map_gets_the_id_after_its_highest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not the one after the last, and not one that was dropped."""
    monkeypatch.setenv("SESSION_PASSWORD", json.dumps({"10": NEW, "9": GOOD}))
    found, told = rotate(capsys)
    assert found == {"10": NEW, "9": GOOD, "11": found["11"]}
    assert "Password 11 is new" in told


def test_what_was_sealed_before_opens_and_the_new_password_seals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", GOOD)
    found, _ = rotate(capsys)
    after = Passwords(found)
    assert after.shares_one_with(Passwords(GOOD))
    assert after.primary.id == "2"


def test_rotating_twice_keeps_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", GOOD)
    first, _ = rotate(capsys)
    monkeypatch.setenv("SESSION_PASSWORD", json.dumps(first))
    second, _ = rotate(capsys)
    assert list(second) == ["1", "2", "3"]
    assert second | first == second


def test_a_file_is_rotated_for_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "password"
    path.write_text(f"{GOOD}\n", encoding="utf-8")
    monkeypatch.setenv("SESSION_PASSWORD_FILE", str(path))
    found, told = rotate(capsys)
    assert found["1"] == GOOD
    assert told.startswith(
        "iron-session: write this to the file that SESSION_PASSWORD_FILE names. Password 2 "
    )
    assert path.read_text(encoding="utf-8") == f"{GOOD}\n"


def test_numbered_variables_become_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`from_env` reads one way only."""
    monkeypatch.setenv("SESSION_PASSWORD_1", GOOD)
    monkeypatch.setenv("SESSION_PASSWORD_2", NEW)
    found, told = rotate(capsys)
    assert found == {"1": GOOD, "2": NEW, "3": found["3"]}
    assert told.startswith(
        "iron-session: set SESSION_PASSWORD to this and remove SESSION_PASSWORD_2 and the others. "
    )


def test_the_variable_can_have_another_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", GOOD)
    found, told = rotate(capsys, "--password-env", "ADMIN_PASSWORD")
    assert found["1"] == GOOD
    assert told.startswith("iron-session: set ADMIN_PASSWORD to this. ")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "SESSION_PASSWORD is not set: make a password with"),
        ("a short one", "password 1 has 11 characters and needs at least 32: make one with"),
        ("{'1': 'no JSON'}", "SESSION_PASSWORD starts with { but is not a JSON object of texts"),
        ("{}", "the password mapping is empty"),
        (json.dumps({str(2**53 - 1): GOOD}), "password ids must be whole numbers from 0 to"),
    ],
)
def test_passwords_that_can_t_be_used_are_not_rotated(
    value: str | None,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if value is not None:
        monkeypatch.setenv("SESSION_PASSWORD", value)
    assert main(["generate-password", "--rotate"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"iron-session: {told}")
    assert printed.err.count("\n") == 1
    assert GOOD not in printed.err


def test_the_present_password_is_never_an_argument(capsys: pytest.CaptureFixture[str]) -> None:
    """Other users of the machine can see arguments."""
    with pytest.raises(SystemExit) as caught:
        main(["generate-password", "--rotate", GOOD])
    assert caught.value.code == 2
    capsys.readouterr()


def test_without_rotate_it_prints_a_password_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", GOOD)
    assert main(["generate-password"]) == 0
    printed = capsys.readouterr()
    assert (len(printed.out), printed.err) == (44, "")


def test_a_name_without_rotate_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["generate-password", "--password-env", "ADMIN_PASSWORD"])
    assert caught.value.code == 2
    assert "--password-env needs --rotate" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_passwords_that_can_t_be_written_are_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", GOOD)
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["generate-password", "--rotate"]) == 4
    assert (
        capsys.readouterr().err
        == "iron-session: standard output can't be written: No space left on device\n"
    )


def test_the_help_has_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["generate-password", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert "exit status: 0; 1 if the passwords in the environment can't be used; 2 if" in out
