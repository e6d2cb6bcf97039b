"""The page on the command: its lines are run in a shell, and print what it shows."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

from iron_session.cli import inspect, seal, terminal, unseal
from iron_session.cli.report import NO_SEAL
from tests.helpers.pages import blocks, one_line, read_page, tables
from tests.helpers.seals import PASSWORD

PAGE = read_page("docs/reference/command.md")
EXAMPLES = list(zip(blocks("sh", PAGE), blocks("text", PAGE), strict=True))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Put the command on the shell's PATH, alone with what the page calls."""
    script = tmp_path / "iron-session"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m iron_session "$@"\n')
    script.chmod(0o755)
    source = Path(terminal.__file__).parents[2]
    path = f"{tmp_path}:/usr/bin:/bin"
    return {"PATH": path, "SESSION_PASSWORD": PASSWORD, "PYTHONPATH": str(source)}


def without_dates(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC|\b\d+ seconds? ago", "(a moment)", text)


@pytest.mark.parametrize(("code", "shown"), EXAMPLES)
def test_the_lines_on_the_page_print_what_it_shows(
    code: str, shown: str, environment: dict[str, str]
) -> None:
    run = subprocess.run(
        ["/bin/sh", "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert without_dates(run.stdout) == without_dates(shown)


def test_the_page_shows_each_of_the_commands() -> None:
    assert len(EXAMPLES) == 3
    code = "".join(code for code, _ in EXAMPLES)
    assert all(f"iron-session {name}" in code for name in ("inspect", "seal", "unseal"))


def test_the_page_has_each_exit_status_that_the_help_has() -> None:
    commands = argparse.ArgumentParser().add_subparsers()
    for add in (inspect.add_inspect, seal.add_seal, unseal.add_unseal):
        add(commands)
    (_, *of_inspect), (_, *of_both) = list(tables(PAGE))[1:]
    for name, rows in (("inspect", of_inspect), ("seal", of_both), ("unseal", of_both)):
        told = re.findall(r"\b(\d): ", commands.choices[name].epilog or "")
        assert told == [row[0] for row in rows]
    assert NO_SEAL == 3


def test_the_page_names_every_line_of_a_report() -> None:
    """Those of all situations that are tested."""
    labels = {row[0] for row in next(iter(tables(PAGE)))[1:]}
    golden = Path(__file__).parent / "cli" / "golden"
    reports = "".join(file.read_text(encoding="utf-8") for file in golden.iterdir())
    used = {line[:12].strip() for line in reports.splitlines() if "exit status" not in line}
    assert used - {""} == labels


def test_the_bounds_on_the_page_are_those_of_the_code() -> None:
    assert f"at most {terminal.MOST_BYTES:,} bytes" in one_line(PAGE)
    assert f"`{terminal.PASSWORD_VARIABLE}`" in PAGE
