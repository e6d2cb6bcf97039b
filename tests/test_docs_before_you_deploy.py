"""The page on what to check before a deployment: its commands are run, and its tables are whole."""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from iron_session import Passwords, _speedups
from iron_session.cli import check, main
from iron_session.cli.check import findings
from iron_session.seals import passwords
from tests.helpers.pages import blocks, read_page, run_code, tables

PAGE = read_page("docs/how-to/before-you-deploy.md")
ROTATION = read_page("docs/how-to/rotation.md")
PASSWORD = "the password of the page on deploying, of 48 chars"
APPLICATION, OF_BOTH, SCRIPT = blocks("python", PAGE)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start where the application is, and import it anew."""
    (tmp_path / "main.py").write_text(APPLICATION, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    monkeypatch.setattr(_speedups, "core", None)
    reason = "iron-session-speedups is not installed for this Python"
    monkeypatch.setattr(_speedups, "reason", reason)


def test_the_command_prints_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", f"{PASSWORD}\n")
    (command,) = blocks("sh", PAGE)
    program, *arguments = shlex.split(command)
    assert program == "iron-session"
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert [printed.out] == blocks("text", PAGE)
    assert printed.err == ""


@pytest.mark.parametrize(
    ("variables", "name", "codes"),
    [({"SITE_HTTPS": "1"}, "__Host-myapp", set()), ({}, "myapp", {"secure-auto"})],
)
def test_the_options_for_both_are_right_where_the_variable_says_that_there_is_https(
    variables: dict[str, str],
    name: str,
    codes: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for variable, value in {"SESSION_PASSWORD": PASSWORD, **variables}.items():
        monkeypatch.setenv(variable, value)
    Path("main.py").write_text(OF_BOTH, encoding="utf-8")
    main(["check", "--json", "main:options"])
    report = json.loads(capsys.readouterr().out)
    assert {each["code"] for each in report} == codes
    assert run_code(OF_BOTH, "main")["options"].cookie_name == name


def test_the_script_is_not_content_with_options_that_can_t_be_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    assert main(["check", "--json", "shop:options"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert not run_code(SCRIPT, "script")["is_ready"](report)


@pytest.mark.parametrize(
    ("secret", "cookie_options", "ready"),
    [
        (PASSWORD, "{}", True),
        (PASSWORD, '{"secure": "auto"}', False),
        (PASSWORD, '{"secure": False}', False),
        (f"{PASSWORD}\n", "{}", True),
    ],
)
def test_the_script_reads_the_report(
    secret: str,
    cookie_options: str,
    ready: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", secret)
    changed = APPLICATION.replace('{"secure": False}', cookie_options)
    Path("main.py").write_text(changed, encoding="utf-8")
    main(["check", "--json", "main:options"])
    report = json.loads(capsys.readouterr().out)
    assert run_code(SCRIPT, "script")["is_ready"](report) is ready
    assert set(report[0]) == set(re.findall(r"`(\w+)`", line_with("`--json` prints")))


def line_with(text: str) -> str:
    (line,) = [line for line in PAGE.splitlines() if text in line]
    return line


def codes_in_the_source() -> dict[str, set[str]]:
    """Return every code that is written in the source, with its levels."""
    folder = Path(str(check.__file__)).parent
    source = "\n".join(each.read_text(encoding="utf-8") for each in folder.glob("*.py"))
    found: dict[str, set[str]] = {}
    for level, code in re.findall(r'\b(error|warning|note)\(\s*"([a-z-]+)"', source):
        found.setdefault(code, set()).add(level)
    named = re.findall(r'\bcode(?:, mend)? = "([a-z-]+)"', source)
    wrappings = [f"password-{name}" for name, *_ in passwords._WRAPPINGS]
    for code in [*named, *wrappings, "password-sample", "password-weak", findings.NOT_IMPORTED]:
        found.setdefault(code, set()).add("error")
    return found


def test_every_code_is_on_the_page_with_its_levels() -> None:
    _, *found = tables(PAGE)
    told = {
        code: set(levels.split(" or "))
        for _, *rows in found
        for names, levels, _ in rows
        for code in re.findall(r"[a-z]+(?:-[a-z]+)+", names)
    }
    assert told == codes_in_the_source()


def test_the_exit_statuses_are_those_of_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    (_, *rows), *_ = tables(PAGE)
    statuses = [status for status, _ in rows]
    assert re.findall(r"(\d) if", told) == statuses == ["0", "1", "2", "4"]
    options = set(re.findall(r"^- `(--[a-z-]+)", PAGE, re.MULTILINE))
    assert options == set(re.findall(r"--[a-z-]+", told)) - {"--help"}


def test_the_next_passwords_are_those_that_the_page_on_rotation_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    (command,) = [each for each in blocks("sh", ROTATION) if "--rotate" in each]
    call, _, file = command.partition(">")
    assert file.strip() == "next-passwords"
    assert main(shlex.split(call)[1:]) == 0
    next_passwords: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert next_passwords == {"1": PASSWORD, "2": next_passwords["2"]}
    assert Passwords(next_passwords).primary.id == "2"
