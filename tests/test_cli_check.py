"""`iron-session check`: what it finds, and that it shows no secret.

The reports of whole situations are in `golden/check.txt`.
"""

import io
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy  # noqa: F401 - before a test has modules of its own, by which it can't be imported
from django.apps import apps
from django.db import connections
from django.test import override_settings

import tests.integrations.django_site.project  # noqa: F401 - Django's settings
from iron_session import ConfigurationError, SessionOptions, _speedups
from iron_session.cli import main
from iron_session.cli.check import findings, options
from iron_session.cli.output import complain, put, shows_colour
from iron_session.integrations.django import DjangoStore
from iron_session.revocation import MemoryStore, Revocations, SqliteStore, SqlStore
from iron_session.revocation.ledger import Store
from iron_session.seals.passwords import TESTING_PASSWORD
from tests.helpers.clock import Clock
from tests.helpers.revoker import Ledger
from tests.helpers.rights import close_folder
from tests.revocation import django_databases as databases

GOOD = "Xq3-a password that no one else has-7Zk"
NEW = "Bv8-the password that follows it soon-2Rw"
GOLDEN = (Path(__file__).parent / "golden" / "check.txt").read_text(encoding="utf-8")
HOST = 'cookie_name="__Host-shop"'

Report = list[dict[str, str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start in an empty folder, with no password in the environment, and import anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    monkeypatch.setattr(_speedups, "core", None)
    monkeypatch.setattr(_speedups, "reason", "turned off by IRON_SESSION_SPEEDUPS=0")
    for name in ("SESSION_PASSWORD", "SEAL_WITH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", GOOD)


def write(*arguments: str, before: str = "", more: str = "") -> str:
    """Write an application whose options have these arguments, and return where they are."""
    lines = "".join(f"    {each},\n" for each in arguments)
    Path("main.py").write_text(
        "from datetime import UTC, datetime, timedelta\n\n"
        "from iron_session import Passwords, SessionOptions\n\n"
        f"{before}"
        f'options = SessionOptions(\n    password=Passwords.from_env("SESSION_PASSWORD"),\n{lines})'
        f"\n{more}\n",
        encoding="utf-8",
    )
    return "main:options"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Report]:
    """Return the exit status and what `--json` has printed."""
    status = main(["check", "--json", *arguments])
    report: Report = json.loads(capsys.readouterr().out)
    return status, report


def codes(report: Report) -> list[str]:
    return [f"{each['level']} {each['code']}" for each in report]


# --- whole reports -------------------------------------------------------------------------------

SITUATIONS: dict[str, tuple[dict[str, str], list[str]]] = {
    "nothing is set": ({}, []),
    "a person has typed the password": ({"SESSION_PASSWORD": "correct horse battery"}, []),
    "the password is copied from a page": (
        {"SESSION_PASSWORD": "complex_password_at_least_32_characters_long"},
        [],
    ),
    "the password is copied from the tests": ({"SESSION_PASSWORD": TESTING_PASSWORD}, []),
    "docker's --env-file has kept the quotes": (
        {"SESSION_PASSWORD": '"MWfhcqMFl1cg8M3ktqbdyZcr5QcHfeBvw9KLYc6Nzzk"'},
        [],
    ),
    "the quotes are around a map": (
        {"SESSION_PASSWORD": f"'{json.dumps({'1': GOOD, '2': NEW})}'"},
        [],
    ),
    "no shell has run the command": (
        {"SESSION_PASSWORD": "$(iron-session generate-password)"},
        [],
    ),
    "no shell has expanded the variable": (
        {"SESSION_PASSWORD": "${PRODUCTION_SESSION_PASSWORD}"},
        [],
    ),
    "a part of the password is a variable": (
        {"SESSION_PASSWORD": "shop-production-$SECRET_SUFFIX-and-more"},
        [],
    ),
    "the secret was made by echo": ({"SESSION_PASSWORD": f"{GOOD}\n"}, []),
    "the password is a whole file": (
        {"SESSION_PASSWORD": "--- SECRET ---\nXq3apasswordthatnooneelsehas7Zk\n--- END ---"},
        [],
    ),
    "the map is written as Python": ({"SESSION_PASSWORD": f"{{'1': '{GOOD}'}}"}, []),
    "one of the map's passwords is short": (
        {"SESSION_PASSWORD": json.dumps({"1": GOOD, "2": "new"})},
        [],
    ),
    "the rotation has not changed the password": (
        {"SESSION_PASSWORD": json.dumps({"1": GOOD, "2": GOOD})},
        [],
    ),
    "step 1 of a rotation was never left": (
        {"SESSION_PASSWORD": json.dumps({"1": GOOD, "2": NEW}), "SEAL_WITH": "1"},
        [],
    ),
    "the id that seals was dropped": (
        {"SESSION_PASSWORD": json.dumps({"2": NEW}), "SEAL_WITH": "1"},
        [],
    ),
    "the password is set in two ways": (
        {"SESSION_PASSWORD": GOOD, "SESSION_PASSWORD_1": GOOD},
        [],
    ),
    "the file of the password is not there": (
        {"SESSION_PASSWORD_FILE": "/nowhere/session-password"},
        [],
    ),
    "all is well": ({"SESSION_PASSWORD": GOOD}, [HOST]),
    "the application's password is missing": ({}, [HOST]),
    "the options are those of a developer": (
        {"SESSION_PASSWORD": GOOD},
        [
            'cookie_name="shop"',
            'cookie_options={"secure": False, "domain": "localhost", "http_only": False}',
        ],
    ),
    "a proxy ends TLS": (
        {"SESSION_PASSWORD": GOOD},
        ['cookie_name="shop"', 'cookie_options={"secure": "auto"}', "chunk=True"],
    ),
    "a cookie with the prefix has a domain": (
        {"SESSION_PASSWORD": GOOD},
        [HOST, 'cookie_options={"domain": "shop.example"}'],
    ),
    "a cookie with the prefix has a path": (
        {"SESSION_PASSWORD": GOOD},
        [HOST, 'cookie_options={"path": "/shop"}'],
    ),
    "a cookie with the other prefix is not Secure": (
        {"SESSION_PASSWORD": GOOD},
        ['cookie_name="__Secure-shop"', 'cookie_options={"secure": False}'],
    ),
    "a cookie for other sites is not Secure": (
        {"SESSION_PASSWORD": GOOD},
        ['cookie_name="shop"', 'cookie_options={"same_site": "none", "secure": False}'],
    ),
    "the pages are in frames of other sites": (
        {"SESSION_PASSWORD": GOOD},
        [HOST, 'cookie_options={"same_site": "none", "partitioned": True}'],
    ),
    "the domain is that of a hosting service": (
        {"SESSION_PASSWORD": GOOD},
        [
            'cookie_name="shop"',
            'cookie_options={"domain": "herokuapp.com", "path": "/app", "same_site": None}',
        ],
    ),
    "the lives are meant in milliseconds": (
        {"SESSION_PASSWORD": GOOD},
        [HOST, "ttl=1_209_600_000", "max_lifetime=2_592_000_000"],
    ),
    "a session that is used ends all the same": (
        {"SESSION_PASSWORD": GOOD},
        [HOST, "ttl=timedelta(minutes=90)"],
    ),
    "the cookie outlives its session": (
        {"SESSION_PASSWORD": GOOD},
        [
            HOST,
            "ttl=timedelta(hours=1)",
            'cookie_options={"max_age": 86400}',
            "renew_after=timedelta(minutes=5)",
        ],
    ),
}


def golden() -> dict[str, tuple[int, str]]:
    """Return the exit status and the output of each situation, by its title."""
    parts = re.split(r"^=== (.*): exit (\d)\n", GOLDEN, flags=re.MULTILINE)[1:]
    triples = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return {title: (int(status), text) for title, status, text in triples}


@pytest.mark.parametrize("title", SITUATIONS)
def test_a_situation_is_reported_as_it_was(
    title: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ, arguments = SITUATIONS[title]
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    status = main(["check", *([write(*arguments)] if arguments else [])])
    printed = capsys.readouterr()
    assert (status, printed.out) == golden()[title]
    assert printed.err == ""
    for secret in (GOOD, NEW, *environ.values()):
        assert secret == "1" or secret not in printed.out


def test_each_report_is_of_a_situation() -> None:
    assert list(golden()) == list(SITUATIONS)


# --- how it is printed ---------------------------------------------------------------------------


def test_json_has_the_same_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "--core"]) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "level": "error",
        "code": "password-missing",
        "problem": "SESSION_PASSWORD is not set: make a password with "
        "`iron-session generate-password`.",
        "mend": "Set SESSION_PASSWORD to what `iron-session generate-password` prints, on every "
        "server.",
        "where": "SESSION_PASSWORD",
    }
    assert (second["level"], second["code"]) == ("note", "core-not-at-work")


def test_the_worst_comes_first(good: None, capsys: pytest.CaptureFixture[str]) -> None:
    target = write('cookie_name="a"', "ttl=0", 'cookie_options={"path": "/a", "secure": False}')
    _, report = run(capsys, target)
    assert codes(report) == ["error secure-off", "warning ttl-forever", "note path-narrow"]


def test_levels_are_coloured_in_a_terminal() -> None:
    found = [findings.error("a-code", "It is wrong.", "Mend it.")._replace(where="here")]
    assert findings.as_text(found, colour=True) == (
        "\x1b[31merror\x1b[0m a-code (here)\n  It is wrong.\n  Mend it.\n\n"
        "1 error, 0 warnings, 0 notes"
    )


class Terminal(io.StringIO):
    """An output that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "colour"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (io.StringIO(), {"TERM": "xterm"}, False),
        (None, {"TERM": "xterm"}, False),
    ],
)
def test_only_a_terminal_shows_colours_unless_its_user_has_turned_them_off(
    stream: Any, variables: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert shows_colour(stream) is colour


def test_an_output_without_the_letters_shows_their_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    assert put("$(…)") == 0
    assert raw.getvalue().strip() == rb"$(\u2026)"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_can_t_be_written_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["check"]) == 4
        full.write("what Python writes at exit goes nowhere")
    assert (
        capsys.readouterr().err
        == "iron-session: standard output can't be written: No space left on device\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_error_output_that_can_t_be_written_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stderr", full)
        assert complain("nobody reads this", 1) == 1


class Broken(io.StringIO):
    """An output that fails, and is no file."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError


def test_an_output_that_is_no_file_may_fail_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", Broken())
    assert put("nobody reads this") == 4
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_closed_pipe_is_silent() -> None:
    """As in `iron-session check | head -1`."""
    script = f'"{sys.executable}" -c "{_LATE}" | true'
    ran = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    assert ran.stderr == ""


# Prints only when nobody can read it any more.
_LATE = (
    "import sys, time; from iron_session.cli import main; time.sleep(1); sys.exit(main(['check']))"
)


def test_the_help_has_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert "exit status: 0 if there is no error, whatever the warnings; 1 if there are" in out
    assert "errors; 2 if the call is wrong" in out


def test_the_log_does_not_say_it_again(
    good: None, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    target = write(
        'cookie_name="a"',
        "ttl=1",
        'cookie_options={"http_only": False}',
        more="late = SessionOptions(password=options.passwords, cookie_name='b', ttl=1)",
        before="import logging.config\n"
        "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False})\n",
    )
    status, report = run(capsys, target)
    assert status == 0
    assert codes(report) == ["warning http-only-off", "warning ttl-short", "note no-prefix"]
    assert caplog.records == []
    assert logging.getLogger("iron_session").filters == []


def test_it_says_that_the_native_core_is_at_work(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    core = _speedups.Core("0.1.0", pytest.fail, lambda *_: None, lambda _: None)
    monkeypatch.setattr("iron_session.cli.check.command._speedups.core", core)
    monkeypatch.setattr("iron_session.cli.check.command.check_environment", environment_is_good)
    assert main(["check", "--core"]) == 0
    out = capsys.readouterr().out
    assert "note core-at-work (iron_session)\n  The native core makes the seals: " in out
    assert "iron-session-speedups 0.1.0" in out


def environment_is_good(*_: str) -> Any:
    from iron_session.cli.check.passwords import Found

    return Found(None, [])


# --- passwords -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SESSION_PASSWORD": "{}"}, ["error password-map"]),
        ({"SESSION_PASSWORD": json.dumps({"one": GOOD})}, ["error password-refused"]),
        ({"SESSION_PASSWORD": json.dumps({"1": ""})}, ["error password-empty"]),
        ({"SESSION_PASSWORD": f'["{GOOD}", "{NEW}"]'}, ["error password-list"]),
        ({"SESSION_PASSWORD": "abc" * 20}, ["error password-weak"]),
        ({"SESSION_PASSWORD": "\U0001f600" * 16}, ["error password-weak"]),
        ({"SESSION_PASSWORD": "0123456789abcdef" * 2}, ["error password-weak"]),
        ({"SESSION_PASSWORD": f"'{GOOD}'"}, ["warning password-quoted"]),
        ({"SESSION_PASSWORD": f"'{GOOD}"}, []),
        ({"SESSION_PASSWORD": f"  {GOOD}"}, ["warning password-white-space"]),
        ({"SESSION_PASSWORD": f"{GOOD}-$(hostname)"}, ["warning password-unexpanded"]),
        ({"SESSION_PASSWORD": f"{GOOD}$a"}, []),
        ({"SESSION_PASSWORD": f"{GOOD}\udcff"}, ["error password-refused"]),
        ({"SESSION_PASSWORD": f"{GOOD}-{{{{ secret }}}}"}, ["warning password-unexpanded"]),
        (
            {"SESSION_PASSWORD": "{{ vault.session_password_of_the_shop }}"},
            ["error password-unexpanded"],
        ),
        (
            {"SESSION_PASSWORD": "/run/secrets/session-password-of-the-shop"},
            ["warning password-path"],
        ),
        (
            {"SESSION_PASSWORD": "C:\\secrets\\session-password-of-the-shop"},
            ["warning password-path"],
        ),
        ({"SESSION_PASSWORD": f"/{GOOD}"}, []),
        ({"SESSION_PASSWORD": f"SESSION_PASSWORD={GOOD}"}, ["warning password-assignment"]),
        ({"SESSION_PASSWORD": f"export PASSWORD={GOOD}"}, ["warning password-assignment"]),
        ({"SESSION_PASSWORD": "zQ_9Jk2yW4vXn7LrB1cFz8mHd5sGp3eKaWvTqYx0oI=="}, []),
        (
            {"SESSION_PASSWORD": "<put a random password of 32 characters here>"},
            ["warning password-placeholder"],
        ),
        (
            {"SESSION_PASSWORD": "shop-in-production-<random text>-1234"},
            ["warning password-placeholder"],
        ),
        ({"SESSION_PASSWORD": f"<{GOOD}"}, []),
        ({"SESSION_PASSWORD_1": GOOD, "SESSION_PASSWORD_2": NEW}, []),
        ({"SESSION_PASSWORD_1": GOOD, "SESSION_PASSWORD_2": "x"}, ["error password-too-short"]),
        ({"SESSION_PASSWORD_01": GOOD}, ["error password-ids"]),
        (
            {"SESSION_PASSWORD": json.dumps({"1": TESTING_PASSWORD, "2": NEW})},
            ["error password-published"],
        ),
        (
            {"SESSION_PASSWORD": json.dumps({"1": "", "2": "$X", "3": f"{NEW}\n"})},
            [
                "error password-empty",
                "error password-unexpanded",
                "warning password-white-space",
            ],
        ),
    ],
)
def test_what_is_wrong_with_the_passwords_has_a_code(
    variables: dict[str, str],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    status, report = run(capsys)
    assert codes(report) == expected
    assert status == any(each.startswith("error") for each in expected)


def test_white_space_alone_is_no_password_to_strip(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "\t\n\r \x0b\x0c \t\t\n \r\r\n\n\t\x0b \x0b\x0c\x0c\t \n\x0b\t\r \x0c\n\t \t\r\x0b\n"
    monkeypatch.setenv("SESSION_PASSWORD", text)
    assert codes(run(capsys)[1]) == ["warning password-white-space"]


def test_a_file_is_read_as_from_env_reads_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line break that an editor leaves at its end is no part of the password."""
    (folder / "password").write_text(f"{GOOD}\n", encoding="utf-8")
    monkeypatch.setenv("SESSION_PASSWORD_FILE", str(folder / "password"))
    assert run(capsys) == (0, [])


def test_the_variables_can_have_other_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", json.dumps({"1": GOOD, "2": NEW}))
    monkeypatch.setenv("ADMIN_SEAL_WITH", "1")
    call = ["--password-env", "ADMIN_PASSWORD", "--seal-with-env", "ADMIN_SEAL_WITH"]
    _, report = run(capsys, *call)
    assert codes(report) == ["warning newest-does-not-seal"]
    assert report[0]["where"] == "ADMIN_PASSWORD"


def write_own_password() -> str:
    Path("main.py").write_text(
        "from iron_session import Passwords, SessionOptions\n"
        f'options = SessionOptions(password=Passwords({{1: "{GOOD}", 2: "{NEW}"}}, seal_with=1), '
        f'cookie_name="__Host-shop")\n',
        encoding="utf-8",
    )
    return "main:options"


def test_options_may_have_their_password_from_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, report = run(capsys, write_own_password())
    assert status == 0
    assert codes(report) == ["warning newest-does-not-seal", "note password-elsewhere"]
    assert [each["where"] for each in report] == ["main:options", "SESSION_PASSWORD"]


def test_a_variable_that_was_named_must_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    status, report = run(capsys, write_own_password(), "--password-env", "SESSION_PASSWORD")
    assert status == 1
    assert codes(report) == ["error password-missing", "warning newest-does-not-seal"]


def test_options_that_use_another_password_than_the_variable_s(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", GOOD[::-1])
    status, report = run(capsys, write_own_password())
    assert status == 0
    assert codes(report) == ["warning newest-does-not-seal", "warning password-differs"]


# --- options -------------------------------------------------------------------------------------


FIXED = ["ttl=600", "max_lifetime=600"]
"""The end of a session is meant to be fixed, so there is nothing to say of renewal."""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (['cookie_name="a"'], ["note no-prefix"]),
        (['cookie_name="__secure-a"'], []),
        ([HOST, "ttl=timedelta(days=91)"], ["note ttl-long"]),
        ([HOST, "ttl=timedelta(days=90)"], []),
        ([HOST, "ttl=timedelta(days=401)"], ["warning ttl-long"]),
        ([HOST, "ttl=0", 'cookie_options={"max_age": 60}'], ["warning ttl-forever"]),
        ([HOST, "ttl=59"], ["warning ttl-short"]),
        ([HOST, *FIXED, 'cookie_options={"max_age": 539}'], ["note max-age-below-ttl"]),
        ([HOST, *FIXED, 'cookie_options={"max_age": 540}'], []),
        ([HOST, *FIXED, 'cookie_options={"max_age": 600}'], []),
        ([HOST, *FIXED, 'cookie_options={"max_age": 601}'], ["warning max-age-beyond-ttl"]),
        ([HOST, "ttl=60"], ["note not-renewed"]),
        ([HOST, "ttl=timedelta(days=13)", "max_lifetime=timedelta(days=30)"], ["note not-renewed"]),
        ([HOST, "ttl=3600", "renew_after=60", "max_lifetime=timedelta(days=30)"], []),
        ([HOST, "ttl=timedelta(days=14)"], []),
        ([HOST, "renew_after=3600", "max_lifetime=timedelta(days=30)"], []),
        ([HOST, "max_lifetime=timedelta(days=401)"], ["warning max-lifetime-long"]),
        (['cookie_name="a"', 'cookie_options={"domain": "intranet"}'], ["warning domain-bare"]),
        (
            ['cookie_name="a"', 'cookie_options={"domain": ".Shop.example"}'],
            ["note domain-wide"],
        ),
        (
            ['cookie_name="a"', 'cookie_options={"domain": "localhost.localdomain"}'],
            ["error domain-localhost"],
        ),
        (['cookie_name="a"', 'cookie_options={"domain": "192.0.2.7"}'], ["note domain-address"]),
        (
            ['cookie_name="a"', 'cookie_options={"domain": "shop.localhost"}'],
            ["error domain-localhost"],
        ),
        (['cookie_name="a"', 'cookie_options={"path": None}'], ["note path-narrow"]),
    ],
)
def test_what_is_risky_in_the_options_has_a_code(
    good: None,
    arguments: list[str],
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, report = run(capsys, write(*arguments))
    assert codes(report) == expected
    assert status == any(each.startswith("error") for each in expected)


@pytest.mark.parametrize(
    ("seconds", "max_age", "expected"),
    [
        (0, "None", ["error expires-past"]),
        (1, "None", []),
        (1, "'auto'", ["warning expires-ignored"]),
    ],
)
def test_the_moment_at_which_a_cookie_ends_must_come_and_be_used(
    good: None,
    clock: Clock,
    seconds: int,
    max_age: str,
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    moment = f"datetime.fromtimestamp({clock.now / 1000 + seconds}, UTC)"
    cookie = f'cookie_options={{"expires": {moment}, "max_age": {max_age}}}'
    assert codes(run(capsys, write(HOST, cookie))[1]) == expected


def make(revocations: Any) -> SessionOptions[Any]:
    return SessionOptions(
        password=GOOD,
        cookie_name="__Host-shop",
        max_lifetime=1_209_600,
        revocations=revocations,
    )


def test_a_store_in_memory_forgets_what_was_ended() -> None:
    made = make(Revocations(MemoryStore(), namespace="shop"))
    assert [each.code for each in options.check_options(made)] == ["store-in-memory"]
    assert list(options.reach_store(made)) == []


@pytest.fixture
def djangos() -> Iterator[str]:
    """A database of Django's, in a file that is not there; its path is relative."""
    using = databases.name({"ENGINE": "django.db.backends.sqlite3", "NAME": "endings.sqlite3"})
    yield using
    connections[using].close()
    databases.forget(using)


@pytest.fixture(params=["SqliteStore", "SqlStore", "DjangoStore"])
def store(request: pytest.FixtureRequest, folder: Path, djangos: str) -> Store:
    """A store in a file that is not there; its path is relative."""
    if request.param == "SqliteStore":
        return SqliteStore("endings.sqlite3")
    if request.param == "SqlStore":
        return SqlStore("sqlite:///endings.sqlite3")
    return DjangoStore(djangos)


def test_a_relative_path_is_another_file_for_a_process_in_another_folder(
    store: Store, folder: Path
) -> None:
    made = make(Revocations(store, namespace="shop"))
    (found,) = options.check_options(made)
    assert (found.level, found.code) == ("warning", "store-relative")
    assert str(folder / "endings.sqlite3") in found.problem


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be another user than root."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)


@pytest.mark.usefixtures("shop")
def test_a_store_that_answers_is_not_told(folder: Path) -> None:
    made = make(Revocations(SqliteStore(folder / "endings.sqlite3"), namespace="shop"))
    assert list(options.check_options(made)) == []
    assert list(options.reach_store(made)) == []


def test_a_store_is_reached_only_if_the_options_have_one(
    good: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, write(HOST), "--reach-stores") == (0, [])
    assert list(options.check_options(make(Ledger()))) == []
    assert list(options.reach_store(make(Ledger()))) == []


def test_root_makes_no_file_that_the_service_could_not_write(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    made = make(Revocations(store, namespace="shop"))
    (found,) = options.reach_store(made)
    assert (found.level, found.code) == ("note", "store-of-root")
    assert f"{folder / 'endings.sqlite3'} is not there yet, and was not made" in found.problem
    assert "sudo -u shop iron-session check" in found.mend
    assert not list(folder.iterdir())


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///file:endings.sqlite3?uri=true"])
def test_a_database_that_is_in_no_file_is_not_looked_for(url: str) -> None:
    made = make(Revocations(SqlStore(url), namespace="shop"))
    assert list(options.check_options(made)) == []


@pytest.mark.usefixtures("shop")
def test_django_s_own_words_on_applications_that_are_not_set_up_are_left_out(
    djangos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds the tables missing all the same, and says how they are made."""
    monkeypatch.setattr(apps, "ready", False)
    (found,) = options.reach_store(make(Revocations(DjangoStore(djangos), namespace="shop")))
    assert (found.level, found.code) == ("error", "store-unusable")
    assert "manage.py migrate" in found.problem


def test_root_reaches_a_file_that_is_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(Revocations(SqliteStore(folder / "endings.sqlite3"), namespace="shop"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert list(options.reach_store(made)) == []
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert list(options.reach_store(made)) == []
    monkeypatch.setattr("iron_session.revocation.stores.tables.TableFeed.beat", None)
    assert [each.code for each in options.reach_store(made)] == ["store-unreachable"]


@pytest.mark.parametrize("user", [0, 1000])
def test_a_folder_that_may_not_be_entered_is_named(
    user: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even by root, as on a disk over the network."""
    made = make(Revocations(SqliteStore(folder / "endings.sqlite3"), namespace="shop"))
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    close_folder(folder, monkeypatch)
    (found,) = options.reach_store(made)
    assert found.code == "store-unreachable"
    assert (
        f"(PermissionError): this process may not reach {folder / 'endings.sqlite3'}: "
        in found.problem
    )
    assert f"it may not enter {folder}. chown or chmod" in found.problem


@pytest.mark.usefixtures("shop")
def test_a_file_that_this_user_may_not_write_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "endings.sqlite3"
    file.touch()
    made = make(Revocations(SqliteStore(file), namespace="shop"))

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr("iron_session.revocation.stores.tables.TableFeed.beat", fail)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != file)
    (found,) = options.reach_store(made)
    assert f"(OperationalError): this process may not write {file}: " in found.problem


@pytest.mark.usefixtures("shop")
def test_a_store_that_can_t_be_reached_is_told_without_its_password(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(Revocations(SqliteStore(folder / "endings.sqlite3"), namespace="shop"))

    def fail(*_: object) -> None:
        raise OSError(GOOD)

    monkeypatch.setattr("iron_session.revocation.stores.tables.TableFeed.beat", fail)
    (found,) = options.reach_store(made)
    assert found.code == "store-unreachable"
    assert found.problem.endswith("can't reach its store (OSError).")
    assert GOOD not in str(found)


@pytest.mark.usefixtures("shop")
def test_a_store_that_can_t_work_is_told_with_its_mend(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a Redis that forgets endings; the message is this package's own."""
    made = make(Revocations(SqliteStore(folder / "endings.sqlite3"), namespace="shop"))

    def fail(*_: object) -> None:
        raise ConfigurationError("Redis' maxmemory-policy is allkeys-lru: set noeviction")

    monkeypatch.setattr("iron_session.revocation.stores.tables.TableFeed.beat", fail)
    (found,) = options.reach_store(made)
    assert (found.level, found.code) == ("error", "store-unusable")
    assert found.problem == "Redis' maxmemory-policy is allkeys-lru: set noeviction."


@pytest.mark.parametrize(
    ("store", "problem"),
    [
        ('SqliteStore("data/endings.sqlite3")', "endings.sqlite3 is not there: make it first."),
        ('SqliteStore("")', 'path must be the path of a file, as "endings.sqlite3".'),
        ('open_store("endings.sqlite3")', None),
        ("5", None),
    ],
)
def test_the_mend_of_a_store_that_is_refused_is_not_that_of_the_options(
    store: str, problem: str | None, good: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its message says what to do: no value of SessionOptions is wrong."""
    before = (
        "from iron_session.revocation import Revocations, SqliteStore, open_store\n"
        f'endings = Revocations({store}, namespace="shop")\n'
    )
    target = write(HOST, "revocations=endings", "max_lifetime=timedelta(days=30)", before=before)
    status, (found,) = run(capsys, target, "--reach-stores")
    assert (status, found["code"], found["where"]) == (1, "options-refused", "main.py:6")
    assert problem is None or found["problem"].endswith(problem)
    assert found["mend"] == "Mend that, and run the check again: it stopped there."


SECOND = 'second = SessionOptions(password=options.passwords, cookie_name="{}")'


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (SECOND.format("__Host-admin"), ["warning password-shared"]),
        (SECOND.format("__Host-shop"), ["error cookie-name-shared"]),
        (f'second = SessionOptions(password="{NEW}", cookie_name="__Host-admin")', []),
        ("second = options", []),
    ],
)
def test_two_sessions_are_kept_apart(
    good: None, more: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write(HOST, more=more)
    _, report = run(capsys, "main:options", "main:second")
    found = [each for each in report if each["where"] == "main:options, main:second"]
    assert codes(found) == expected


# --- the application's module --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("main", "'main' must be MODULE:OPTIONS, as main:options"),
        ("main.py", "'main.py' must be MODULE:OPTIONS, as main:options.\n  Write main:options: "),
        (
            "main.py:made",
            "'main.py:made' must be MODULE:OPTIONS, as main:options.\n  Write main:made: ",
        ),
        (
            "./main.py:options",
            "'./main.py:options' must be MODULE:OPTIONS, as main:options.\n  Write main:o",
        ),
        (
            "src/main:options",
            "'src/main:options' must be MODULE:OPTIONS, as main:options.\n  Write src.main:",
        ),
        ("main:make()", "'main:make()' must be MODULE:OPTIONS, as main:options."),
        (
            "main:make",
            "main:make must be SessionOptions, not function.\n  Assign what it returns to a ",
        ),
        (
            "main:OPTIONS",
            "main:OPTIONS must be SessionOptions, not dict.\n  Django's setting is named IRON_SES",
        ),
        (":options", "':options' must be MODULE:OPTIONS, as main:options"),
        ("shop:options", "there is no module shop here: start this where the server starts"),
        ("shop.main:options", "there is no module shop.main here: start this where the server "),
        ("main:option", "main has no attribute option: it has options"),
        ("main:Passwords", "main:Passwords must be SessionOptions, not type"),
        ("json:options", "json has no attribute options"),
    ],
)
def test_a_target_without_options_is_told_in_one_line(
    good: None, target: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(HOST, more="def make():\n    return options\n\nOPTIONS = {}\n")
    assert main(["check", target]) == 2
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith(f"error options-not-imported ({target})\n  {line}")
    assert printed.out.endswith("\n\nthe options were not checked\n")


FROM_ENVIRONMENT = '{"password": Passwords.from_env("SESSION_PASSWORD")}'


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (FROM_ENVIRONMENT, ["note no-prefix"]),
        ("{}", ["error options-refused"]),
        ('{"password": "short"}', ["error options-refused"]),
        (f'{FROM_ENVIRONMENT} | {{"size": 3}}', ["error options-refused"]),
    ],
)
def test_djangos_setting_is_checked_as_django_reads_it(
    good: None,
    setting: str,
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "another")
    write(HOST, more=f"IRON_SESSION = {setting}")
    status, report = run(capsys, "main:IRON_SESSION")
    assert codes(report) == expected
    assert status == ("error options-refused" in expected)
    assert all(each["where"] == "main:IRON_SESSION" for each in report)
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "main"


SETTINGS = """
SECRET_KEY = "of no use"
INSTALLED_APPS = []
SESSION_COOKIE_SECURE = {secure}
IRON_SESSION = {setting}
"""


def check_projects(*names: str) -> tuple[int, Report]:
    """Run the check of Django's settings in a process of its own: there is one project in each."""
    targets = [f"{name}:IRON_SESSION" for name in names]
    command = [sys.executable, "-m", "iron_session", "check", "--json", *targets]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report: Report = json.loads(done.stdout)
    return done.returncode, report


def test_django_s_setting_that_contradicts_the_others_is_refused(good: None) -> None:
    """Whether it is options or a dict: Django could not start with it."""
    write(HOST, more=SETTINGS.format(secure=False, setting="options"))
    status, report = check_projects("main")
    assert (status, codes(report)) == (1, ["error options-refused"])
    assert "SESSION_COOKIE_SECURE" in report[0]["problem"]


def test_options_that_have_the_name_of_django_s_setting_need_no_django(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "django", None)
    write(HOST, more="IRON_SESSION = options")
    assert run(capsys, "main:IRON_SESSION") == (0, [])


def test_a_second_project_of_django_is_not_read_with_the_settings_of_the_first(good: None) -> None:
    """It would be called good, whatever is wrong with it."""
    for name, secure in (("staging", True), ("production", False)):
        write(HOST, more=SETTINGS.format(secure=secure, setting=FROM_ENVIRONMENT))
        Path("main.py").rename(f"{name}.py")
    status, report = check_projects("staging", "production")
    assert status == 2
    assert codes(report) == ["error options-not-imported", "note no-prefix"]
    assert report[0]["problem"] == (
        "production:IRON_SESSION can't be read beside staging: Django has one module of settings "
        "in a process."
    )
    assert report[0]["mend"] == "Check each in a call of its own."
    assert "error secure-off" in codes(check_projects("production")[1])


def test_a_project_of_django_is_not_read_beside_another_one(
    good: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write(HOST, more=f"IRON_SESSION = {FROM_ENVIRONMENT}")
    with override_settings(SETTINGS_MODULE="staging"):
        status, report = run(capsys, "main:IRON_SESSION")
    assert (status, codes(report)) == (2, ["error options-not-imported"])
    assert "beside staging" in report[0]["problem"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (f"\nraise RuntimeError('{GOOD}')", "RuntimeError at main.py:2"),
        (f"import sys\nsys.exit('{GOOD}')", "SystemExit at main.py:2"),
        ("raise ModuleNotFoundError", "ModuleNotFoundError at main.py:1"),
        ("import os\nos.environ['NOT_SET']", "KeyError at main.py:2"),
        (f"\n\nx = '{GOOD}", "SyntaxError at main.py:3"),
        (
            f"from iron_session import ConfigurationError\nraise ConfigurationError('{GOOD}')",
            "ConfigurationError at main.py:2",
        ),
    ],
)
def test_what_a_module_raises_is_told_without_its_message(
    good: None, code: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("main.py").write_text(code, encoding="utf-8")
    status, report = run(capsys, "main:options")
    assert status == 2
    assert codes(report) == ["error options-not-imported"]
    assert report[0]["problem"] == f"importing main:options raised {told}."


def test_a_module_that_is_not_installed_is_named(
    good: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("main.py").write_text("\n\nimport not_installed.at_all", encoding="utf-8")
    status, report = run(capsys, "main:options")
    assert status == 2
    assert report[0]["problem"] == (
        "importing main:options needs the module not_installed, at main.py:3, and this Python "
        "does not have it."
    )
    assert report[0]["mend"].endswith("is its virtual environment active?")


def test_the_variable_that_the_options_read_is_told_as_missing(
    good: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write(HOST)
    text = Path("main.py").read_text(encoding="utf-8").replace("SESSION_PASSWORD", "APP_SECRET")
    Path("main.py").write_text(text, encoding="utf-8")
    status, report = run(capsys, "main:options")
    assert status == 1
    assert codes(report) == ["error password-missing"]
    assert report[0]["problem"].startswith("APP_SECRET is not set: make a password with")
    assert "--password-env" in report[0]["mend"]
    assert report[0]["where"].startswith("main.py:")


def test_options_that_can_t_be_read_are_still_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APP_SECRET", "{}}")
    write(HOST)
    text = Path("main.py").read_text(encoding="utf-8").replace("SESSION_PASSWORD", "APP_SECRET")
    Path("main.py").write_text(text, encoding="utf-8")
    assert "error options-refused" in codes(run(capsys, "main:options")[1])


def test_a_module_from_elsewhere_is_named_by_its_path(
    good: None, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "broken.py"
    elsewhere.write_text("1 / 0", encoding="utf-8")
    sys.path.append(str(elsewhere.parent))
    status, report = run(capsys, "broken:options")
    assert status == 2
    assert report[0]["problem"].endswith(f"raised ZeroDivisionError at {elsewhere}:1.")


def test_a_working_directory_that_is_gone_is_told(
    good: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a deployment that has replaced it."""

    def fail(_: object) -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", classmethod(fail))
    status, report = run(capsys, "main:options")
    assert status == 2
    assert codes(report) == ["error options-not-imported"]
    assert report[0]["problem"] == "the folder that this runs in is gone, or may not be read."


def test_options_that_can_t_be_imported_are_an_error_for_scripts_too(
    good: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one line for whoever reads the log, where the report goes to a file."""
    assert main(["check", "--json", "shop:options", "main:options"]) == 2
    printed = capsys.readouterr()
    first, *_ = json.loads(printed.out)
    assert (first["level"], first["code"]) == ("error", "options-not-imported")
    assert first["where"] == "shop:options"
    assert printed.err.startswith("iron-session: there is no module shop here: start this where ")


def test_what_a_module_prints_is_no_part_of_the_report(
    good: None, capsys: pytest.CaptureFixture[str]
) -> None:
    target = write(HOST, more="print('the application starts')")
    assert main(["check", "--json", target]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == []
    assert printed.err == "the application starts\n"


def test_options_may_be_an_attribute_of_something(
    good: None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the folder is not put on the path twice."""
    sys.path.insert(0, str(folder))
    target = write(HOST, more="class Settings:\n    session = options\n")
    assert run(capsys, target, "main:Settings.session") == (0, [])
    assert sys.path.count(str(folder)) == 1


def test_options_that_two_targets_refuse_are_told_once(
    good: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write('cookie_name="a b"', more="second = options")
    status, report = run(capsys, "main:options", "main:second", "main:second")
    assert status == 1
    assert codes(report) == ["error options-refused"]
    assert report[0]["where"] == "main.py:5"


def test_every_code_is_words_in_lower_case() -> None:
    """Scripts compare them."""
    source = Path(options.__file__).read_text(encoding="utf-8")
    found = re.findall(r'(?:error|warning|note)\(\s*"([^"]+)"', source)
    assert len(found) > 20
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in found)
