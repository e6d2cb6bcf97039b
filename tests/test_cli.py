"""The `iron-session` command."""

import importlib
import os
import re
import secrets
import sqlite3
import string
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import pytest

from iron_session import Passwords, _speedups
from iron_session.cli import main
from iron_session.revocation import RedisStore, Revocations, SqliteStore
from iron_session.revocation.ledger import Store
from tests.helpers.rights import close_folder
from tests.revocation import conftest
from tests.revocation.conftest import StartRedis
from tests.revocation.servers import free_port

start_redis = conftest.start_redis


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
        # Imported: what pytest's own hook finds, runpy can't run.
        importlib.import_module("iron_session.__main__")
    assert caught.value.code == 0
    assert len(capsys.readouterr().out) == 44


def test_it_runs_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "iron_session", "generate-password"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(run.stdout) == 44
    assert run.stderr == ""


# --- revoke ------------------------------------------------------------------------------------

PASSWORD_IN_A_URL = "the password in the URL"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteStore:
    """A file that an application has used, which the environment names."""
    store = SqliteStore(tmp_path / "endings.sqlite3")
    use(store)
    monkeypatch.setenv("IRON_SESSION_STORE", f"sqlite:///{store.path}")
    return store


def use(store: Store) -> None:
    """Follow a store for a moment, as the processes of an application do."""
    with closing(Revocations(store, namespace="shop").ledger.feed()) as feed:
        feed.beat(0, 3_600_000)


def judge(store: Store, user_id: str, session_id: str, since: int) -> str:
    """Judge a session as another process does that has just started."""
    revocations = Revocations(store, namespace="shop")
    try:
        assert revocations.wait_until_ready(30)
        return revocations.judge(session_id, [user_id], since)
    finally:
        revocations.close(30)


def begin(store: Store) -> tuple[str, int]:
    """Return the id of a session that begins now, and from when on endings count for it."""
    with closing(Revocations(store, namespace="shop").ledger.feed()) as feed:
        return secrets.token_urlsafe(16), feed.beat(0, 0).meta.clock


def test_it_ends_the_sessions_of_a_user(
    store: SqliteStore, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id, since = begin(store)
    assert main(["revoke", "--namespace", "shop", "--user", "42"]) == 0
    assert judge(store, "42", session_id, since) == "ended"
    assert judge(store, "43", session_id, since) == "good"
    printed = capsys.readouterr()
    first, second = printed.out.splitlines()
    times = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", printed.out)
    at, by = map(datetime.fromisoformat, times)
    assert first == f"All sessions of user '42' that began up to {times[0]} were ended."
    assert second == f"This holds in every process by {times[1]}, if max_stale is 120 there."
    assert by - at == timedelta(seconds=120)
    assert printed.err == ""


def test_it_ends_one_session(store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    session_id, since = begin(store)
    other_id, _ = begin(store)
    assert main(["revoke", "--namespace", "shop", f"--session={session_id}"]) == 0
    assert judge(store, "42", session_id, since) == "ended"
    assert judge(store, "42", other_id, since) == "good"
    assert capsys.readouterr().out.startswith("The session was ended at 2")


def test_it_ends_all_sessions(store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    session_id, since = begin(store)
    assert main(["revoke", "--namespace", "shop", "--all"]) == 0
    assert judge(store, "42", session_id, since) == "ended"
    assert capsys.readouterr().out.startswith("All sessions that began up to 2")


def test_it_tells_by_when_the_ending_holds(
    store: SqliteStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["revoke", "--namespace", "shop", "--all", "--max-stale", "7.5"]) == 0
    out = capsys.readouterr().out
    at, by = (datetime.fromisoformat(each) for each in re.findall(r"\d{4}-\S+\+00:00", out))
    assert by - at == timedelta(seconds=7.5)
    assert "if max_stale is 7.5 there" in out


def test_the_store_of_the_command_line_comes_first(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, since = begin(store)
    monkeypatch.setenv("IRON_SESSION_STORE", "no store")
    call = ["revoke", "--store", f"sqlite:///{store.path}", "--namespace", "shop", "--user", "42"]
    assert main(call) == 0
    assert judge(store, "42", session_id, since) == "ended"


def test_it_ends_sessions_in_redis(
    capsys: pytest.CaptureFixture[str], start_redis: StartRedis
) -> None:
    server = start_redis()
    store = RedisStore(server.url)
    use(store)
    session_id, since = begin(store)
    call = ["revoke", "--store", server.url, "--namespace", "shop", "--user", "42"]
    assert main(call) == 0
    assert judge(store, "42", session_id, since) == "ended"
    store._client.close()


def test_a_namespace_that_nobody_follows_is_told(
    store: SqliteStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelled one ends nothing, and nothing else would say so."""
    for what in (["--user", "42"], ["--all"], [f"--session={secrets.token_urlsafe(16)}"]):
        assert main(["revoke", "--namespace", "shpo", *what]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""  # which would say that sessions were ended
        assert printed.err == (
            "iron-session: no application has followed this namespace of this store yet, so this "
            "has probably ended nothing: check the store and the namespace. The ending was written "
            "there all the same\n"
        )


@pytest.mark.parametrize(
    ("scheme", "shown"),
    [("sqlite", "<SqliteStore: {}>"), ("sqlite+pysqlite", "<SqlStore: sqlite+pysqlite:///{}>")],
)
def test_a_file_that_is_not_there_is_not_made(
    scheme: str, shown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "misspelled.sqlite3"
    assert main(["revoke", "--store", f"{scheme}:///{path}", "--namespace", "shop", "--all"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"iron-session: {shown.format(path)} is not there: check the path\n"
    assert not path.exists()


@pytest.mark.parametrize("name", ["endings.sqlite3", "data/endings.sqlite3"])
def test_a_folder_that_may_not_be_entered_is_told_in_one_line(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    close_folder(tmp_path, monkeypatch)
    assert main(["revoke", "--store", f"sqlite:///{path}", "--namespace", "shop", "--all"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("iron-session: this process may not reach ")
    assert f"it may not enter {tmp_path}. chown or chmod" in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("when", ["TableFeed.beat", "TableLedger.end_all"])
def test_a_file_that_this_user_may_not_write_is_told(
    when: str,
    store: SqliteStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fail_with(sqlite3.OperationalError("attempt to write a readonly database"), when, monkeypatch)
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != store.path)
    assert main(["revoke", "--namespace", "shop", "--all"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"iron-session: {store!r} can't be reached (OperationalError): ")
    assert f"; this process may not write {store.path}: its mode forbids it. chown or" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "failure",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.DatabaseError("file is not a database"),
    ],
)
def test_a_disk_that_is_full_or_a_file_that_is_damaged_is_not_laid_to_missing_rights(
    failure: Exception,
    store: SqliteStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fail_with(failure, "TableFeed.beat", monkeypatch)
    assert main(["revoke", "--namespace", "shop", "--all"]) == 1
    assert capsys.readouterr().err == (
        f"iron-session: {store!r} can't be reached ({type(failure).__name__}): nothing was ended\n"
    )


def fail_with(failure: BaseException, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a method of stores in tables raise."""

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(f"iron_session.revocation.stores.tables.{method}", fail)


@pytest.mark.parametrize("url", ["redis://:{}@127.0.0.1:{}/0", "redis://:{}@127.0.0.1:{}/x?y=z"])
def test_a_store_that_can_t_be_reached_is_told_without_its_password(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = url.format(quote(PASSWORD_IN_A_URL), free_port())
    assert main(["revoke", "--store", url, "--namespace", "shop", "--user", "42"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(
        r"iron-session: <RedisStore: 127\.0\.0\.1:\d+/0> can't be reached \(\w+\): nothing was "
        r"ended\n",
        printed.err,
    )


def test_a_store_that_goes_away_in_between_is_told(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(OSError(PASSWORD_IN_A_URL), "TableLedger.end_all", monkeypatch)
    assert main(["revoke", "--namespace", "shop", "--all"]) == 1
    err = capsys.readouterr().err
    assert err == (
        f"iron-session: {store!r} can't be reached (OSError): it is not known whether anything "
        "was ended, so try again\n"
    )


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"//{PASSWORD_IN_A_URL}", "a store's URL must be as "),
        (f"redis://:{PASSWORD_IN_A_URL}@host:port", "the URL of RedisStore, which begins with "),
        (f"cobol://:{PASSWORD_IN_A_URL}@host/name", "the URL of SqlStore can't be read: it must"),
        ("sqlite:////nowhere/at/all/endings.sqlite3", "the folder of /nowhere/at/all/endings."),
    ],
)
def test_a_url_that_can_t_be_read_is_told_without_its_password(
    url: str, problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IRON_SESSION_STORE", url)
    assert main(["revoke", "--namespace", "shop", "--user", "42"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"iron-session: {problem}")
    assert printed.err.count("\n") == 1
    assert PASSWORD_IN_A_URL not in printed.err


def test_a_store_that_is_set_up_wrong_is_told(
    capsys: pytest.CaptureFixture[str], start_redis: StartRedis
) -> None:
    """Redis, say, that forgets endings when it is full."""
    server = start_redis("--maxmemory-policy", "allkeys-lru")
    call = ["revoke", "--store", server.url, "--namespace", "shop", "--user", "42"]
    assert main(call) == 1
    assert "allkeys-lru" in capsys.readouterr().err


def test_who_interrupts_it_is_told_what_is_not_known(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(KeyboardInterrupt(), "TableLedger.end_all", monkeypatch)
    assert main(["revoke", "--namespace", "shop", "--all"]) == 130
    assert capsys.readouterr().err == (
        "iron-session: interrupted: it is not known whether anything was ended, so try again\n"
    )


def test_a_library_that_is_missing_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    assert main(["revoke", "--store", "redis://host", "--namespace", "shop", "--all"]) == 1
    assert 'pip install "iron-session[redis]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--user", ""], "user_id must have 1 to 256 characters"),
        (["--session", "no id"], "session_id must be the id of a session"),
        (["--all", "--max-stale", "1"], "max_stale must be 5 seconds to an hour"),
        (["--all", "--namespace", ""], "namespace must have 1 to 256 characters"),
    ],
)
def test_what_can_t_be_ended_is_told(
    store: SqliteStore,
    arguments: list[str],
    problem: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["revoke", "--namespace", "shop", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"iron-session: {problem}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--namespace", "shop"],
        ["--all"],
        ["--namespace", "shop", "--all", "--user", "42"],
        ["--namespace", "shop", "--all", "--max-stale", "soon"],
    ],
)
def test_it_is_never_guessed_what_to_end(
    store: SqliteStore, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    session_id, since = begin(store)
    with pytest.raises(SystemExit) as caught:
        main(["revoke", *arguments])
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: iron-session revoke ")
    assert judge(store, "42", session_id, since) == "good"


def test_without_a_store_nothing_is_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("IRON_SESSION_STORE", raising=False)
    with pytest.raises(SystemExit) as caught:
        main(["revoke", "--namespace", "shop", "--all"])
    assert caught.value.code == 2
    assert "--store is required, or the environment variable" in capsys.readouterr().err


def test_the_help_does_not_show_the_stores_url(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IRON_SESSION_STORE", f"redis://:{PASSWORD_IN_A_URL}@host")
    with pytest.raises(SystemExit):
        main(["revoke", "--help"])
    out = capsys.readouterr().out
    assert "IRON_SESSION_STORE" in out
    assert PASSWORD_IN_A_URL not in out
