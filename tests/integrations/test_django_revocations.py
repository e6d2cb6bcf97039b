"""`DjangoStore`, beside what every store does: Django's connections, transactions and settings."""

import asyncio
import io
import logging
import os
import re
import subprocess
import sys
import unittest
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core import checks, mail
from django.core.management import CommandError, call_command
from django.db import Error, IntegrityError, OperationalError, ProgrammingError, connections
from django.db import transaction as transactions
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpResponse
from django.test import (
    AsyncClient,
    Client,
    RequestFactory,
    SimpleTestCase,
    modify_settings,
    override_settings,
)
from django.test.utils import _TestState, setup_test_environment, teardown_test_environment
from django.urls import path

from iron_session import ConfigurationError, SessionOptions, SessionUnavailableError, _time
from iron_session.integrations.django import (
    DjangoStore,
    get_iron_session,
    get_session,
    with_iron_session,
)
from iron_session.integrations.django import revocations as stores
from iron_session.revocation import MemoryStore, Revocations, SqlStore
from iron_session.revocation.directory import Row
from iron_session.revocation.ledger import ChangesLost
from iron_session.revocation.records import Meta
from iron_session.revocation.stores import forks
from iron_session.revocation.stores import postgresql as bounds
from iron_session.sessions.identity import new_id
from iron_session.testing import read_session
from tests.helpers.waiting import wait_for
from tests.integrations.django_site import project
from tests.revocation import django_databases as databases
from tests.revocation.conftest import SPACE, Workers, new_database, postgresql, workers
from tests.revocation.servers import free_port
from tests.sessions.browser import PASSWORD

__all__ = ["postgresql", "workers"]  # fixtures

USER = b"u" * 16
HOUR_MS = 3_600_000
SQLITE = "django.db.backends.sqlite3"
handler: Any = connections
Ledger, Ending, SignedIn = apps.get_app_config("iron_session").get_models()


@pytest.fixture
def outside_of_a_test_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the sign of Django's test runner, and leave what a site has too."""
    monkeypatch.delattr(_TestState, "saved_data", raising=False)
    monkeypatch.setattr(mail, "outbox", [], raising=False)  # as its backend in memory does


@pytest.fixture
def within_a_test_runner() -> Iterator[None]:
    setup_test_environment()
    yield
    teardown_test_environment()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[str]:
    using = databases.add_sqlite(tmp_path / "db.sqlite3", OPTIONS={"timeout": 0.2})
    yield using
    databases.remove(using)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def using(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with the tables, by its name in DATABASES."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
        return
    made = databases.add_postgresql(new_database(request.getfixturevalue("postgresql")))
    yield made
    databases.remove(made)


def ledger(using: str) -> stores.DjangoLedger:
    return DjangoStore(using).ledger(SPACE)


def mark_of(using: str) -> int | None:
    """Return the user's ending in the database, as another process sees it."""
    with closing(ledger(using).feed()) as feed:
        return next((each.mark for each in feed.snapshot().entries if each.key == USER), None)


# --- the store -----------------------------------------------------------------------------------


def test_a_store_is_named_by_its_database_and_does_not_touch_it() -> None:
    store = DjangoStore()  # its file can't be opened
    assert repr(store) == "<DjangoStore: default>"
    store.ledger(SPACE)
    Revocations(store, namespace="shop", directory=True)


@pytest.mark.parametrize("given", ["", None, 7])
def test_the_name_of_a_database_is_text(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="using must be a name in DATABASES"):
        DjangoStore(given)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (None, "DATABASES has no 'none', which DjangoStore is to use"),
        ({}, "DjangoStore knows PostgreSQL and SQLite, not unknown: use another store"),
        ({"ENGINE": SQLITE, "NAME": ":memory:"}, "is not shared by connections: use MemoryStore"),
    ],
)
def test_a_database_that_can_t_be_used_is_refused(
    settings: dict[str, Any] | None, message: str
) -> None:
    using = "none" if settings is None else databases.add(settings, migrates=False)
    try:
        for call in (lambda: ledger(using).end_all(0), ledger(using).check):
            with pytest.raises(ConfigurationError, match=message):
                call()
    finally:
        if settings is not None:
            databases.remove(using)


def test_missing_tables_are_named_and_found_once_they_are_there(
    request: pytest.FixtureRequest, tmp_path: Path, workers: Workers, using: str
) -> None:
    with connections[using].cursor() as cursor:
        for table in stores.TABLES:
            cursor.execute(f'DROP TABLE "{table}"')
        cursor.execute("DELETE FROM django_migrations")
    revocations = workers.make(DjangoStore(using))
    message = r'the tables of DjangoStore are missing: add "iron_session\.integrations\.django" to'
    with pytest.raises(ConfigurationError, match=message):
        revocations.end_user("42")
    revocations.start()
    assert wait_for(lambda: revocations._follower.trouble is not None)
    with pytest.raises(ConfigurationError, match=message):
        revocations.wait_until_ready(0)
    databases.migrate(using)
    assert revocations.wait_until_ready(30)


def test_other_errors_of_the_database_are_not_explained(using: str) -> None:
    own = ledger(using)
    own.end_all(0)
    with pytest.raises(IntegrityError), own.transaction() as tx:
        own.write_meta(tx, Meta(None, 0, 0, 0, "", 0))  # type: ignore[arg-type]  # NULL, which the table refuses
    error = ProgrammingError if connections[using].vendor == "postgresql" else OperationalError
    with pytest.raises(error), own.transaction() as tx:
        tx.execute("SELECT no_such_column FROM iron_session_ledgers")
    assert own.end_all(0)


def test_what_fails_is_rolled_back(using: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stores.DjangoLedger, "write_meta", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger(using).end_user(USER, None, 0)
    assert mark_of(using) is None


def test_a_server_that_is_away_is_an_error_without_details(workers: Workers) -> None:
    place = {"NAME": "nobody", "HOST": "127.0.0.1", "PORT": str(free_port())}
    using = databases.add(
        {"ENGINE": "django.db.backends.postgresql", **place, "PASSWORD": "the secret"},
        migrates=False,
    )
    try:
        revocations = Revocations(DjangoStore(using), namespace="shop")
        with pytest.raises(SessionUnavailableError) as caught:
            revocations.end_all()
        assert str(caught.value).startswith(
            f"<DjangoStore: {using}> can't be reached (OperationalError): "
        )
    finally:
        databases.remove(using)


def test_the_ending_of_no_session_ends_none(using: str) -> None:
    """And leaves everybody in the directory."""
    own = ledger(using)
    own.note_signed_in([Row(b"k" * 16, USER, "42", None, 1, 1, 1 << 50, 1)], {})
    assert own.end_sessions({})
    assert len(own.rows_of(USER)) == 1


def test_many_endings_are_read_in_parts(using: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_AT_ONCE", 3)
    keys = {bytes([number]) * 16 for number in range(7)}
    ledger(using).end_sessions(dict.fromkeys(keys, HOUR_MS))
    with closing(ledger(using).feed()) as feed:
        assert {each.key for each in feed.snapshot().entries} == keys


# --- transactions ----------------------------------------------------------------------------

atomic: Any = transactions.atomic  # Django has no types


def test_an_ending_does_not_wait_for_the_transaction_that_it_is_called_in(
    postgresql: str,
) -> None:
    """And is not lost with it."""
    using = databases.add_postgresql(new_database(postgresql))
    try:
        with atomic(using=using):
            SignedIn.objects.using(using).count()
            ledger(using).end_user(USER, None, 0)
            assert mark_of(using) is not None
            transactions.set_rollback(True, using=using)
        assert mark_of(using) is not None
    finally:
        databases.remove(using)


def test_sqlite_s_own_transaction_is_named_when_it_is_in_the_way(sqlite: str) -> None:
    with atomic(using=sqlite):
        Ledger.objects.using(sqlite).update(clock=0)
        with pytest.raises(ConfigurationError, match=r"after it, by transaction\.on_commit"):
            ledger(sqlite).end_user(USER, None, 0)
        transactions.on_commit(lambda: ledger(sqlite).end_user(USER, None, 0), using=sqlite)
        assert mark_of(sqlite) is None
    assert mark_of(sqlite) is not None


def test_reading_waits_for_no_transaction_that_writes(using: str) -> None:
    """Neither for the one that it is called in, nor for another process's."""
    own = ledger(using)
    own.note_signed_in([Row(b"k" * 16, USER, "42", None, 1, 1, 1 << 50, 1)], {})
    with atomic(using=using):
        Ledger.objects.using(using).update(clock=1 << 50)
        SignedIn.objects.using(using).all().delete()
        assert len(own.rows_of(USER)) == 1  # it does not take part in the transaction
        with closing(own.feed()) as feed:
            assert feed.snapshot().meta.clock < 1 << 50
            assert list(feed.snapshot().entries) == []
            feed.changes(0)
        assert own.has_tables()
    assert own.rows_of(USER) == []


def test_what_only_reads_can_t_write(using: str) -> None:
    own = ledger(using)
    own.end_all(0)
    with closing(own.feed()) as feed:
        for begin in (own.reading, feed.reading):
            holder: Any = handler.create_connection(using)
            with begin() as tx, holder.cursor() as cursor:
                own.read_rows(tx, USER)
                if holder.vendor == "postgresql":
                    tx.execute("SHOW transaction_read_only")
                    assert tx.fetchone() == ("on",)
                else:  # else this would be locked
                    cursor.execute("BEGIN IMMEDIATE")
                    cursor.execute("ROLLBACK")
            holder.close()


@pytest.mark.usefixtures("outside_of_a_test_runner")
def test_a_transaction_of_somebody_else_is_waited_for(sqlite: str) -> None:
    holder: Any = handler.create_connection(sqlite)
    with holder.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            ledger(sqlite).end_all(0)
        cursor.execute("ROLLBACK")
    holder.close()
    assert ledger(sqlite).end_all(0)


@pytest.mark.usefixtures("within_a_test_runner")
@pytest.mark.parametrize("place", ["file", "memory"])
def test_the_transaction_of_a_test_is_named_when_it_is_in_the_way(
    request: pytest.FixtureRequest,
    workers: Workers,
    caplog: pytest.LogCaptureFixture,
    place: str,
) -> None:
    """TestCase never commits it, and its SQLite is in memory unless the project says otherwise."""
    if place == "file":
        using = request.getfixturevalue("sqlite")
    else:
        name = "file:of_a_test?mode=memory&cache=shared"
        using = databases.add({"ENGINE": SQLITE, "NAME": name}, migrates=False)
        connections[using].ensure_connection()
        databases.migrate(using)
    revocations = workers.make(DjangoStore(using))
    cause = (
        "SQLite is locked, most likely by the transaction around a test of TestCase, which is "
        "never committed: in tests, use Revocations(MemoryStore(), …) in place of DjangoStore()"
    )
    with atomic(using=using):
        Ledger.objects.using(using).update(clock=0)
        with pytest.raises(SessionUnavailableError) as caught:
            revocations.now("7")
        assert str(caught.value) == (
            f"<DjangoStore: {using}> was not reached yet, so no session can begin: {cause}"
        )
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert record.getMessage() == (
        f"<DjangoStore: {using}> can't be followed (ConfigurationError): {cause}"
    )
    assert revocations.wait_until_ready(30)
    workers.close()
    if place == "memory":
        connections[using].connection.close()
        databases.remove(using)


@pytest.mark.usefixtures("outside_of_a_test_runner")
def test_a_lock_outside_of_tests_is_not_put_down_to_one(sqlite: str, workers: Workers) -> None:
    revocations = workers.make(DjangoStore(sqlite))
    with atomic(using=sqlite):
        Ledger.objects.using(sqlite).update(clock=0)
        revocations.start()
        assert wait_for(lambda: revocations._follower.trouble is not None)
        assert isinstance(revocations._follower.trouble, OperationalError)
    assert revocations.wait_until_ready(30)


@pytest.mark.usefixtures("within_a_test_runner")
def test_a_test_that_may_not_use_the_database_is_named(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Django's SimpleTestCase, and by pytest-django, which raises an error of its own."""
    message = (
        r"^this test may not use the database: in tests, use Revocations\(MemoryStore\(\), …\)"
    )

    class Simple(SimpleTestCase):  # type: ignore[misc]  # Django has no types
        def test(self) -> None:
            with pytest.raises(ConfigurationError, match=message):
                ledger(sqlite).end_all(0)

    result = unittest.TestSuite([Simple("test")]).run(unittest.TestResult())
    assert (result.testsRun, result.failures, result.errors) == (1, [], [])

    def refuse(_: object) -> None:
        raise RuntimeError(text)

    text = 'Database access not allowed, use the "django_db" mark'
    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", refuse)
    with pytest.raises(ConfigurationError, match=message):
        ledger(sqlite).end_all(0)
    text = "can't start new thread"
    with pytest.raises(RuntimeError, match="thread"):
        ledger(sqlite).end_all(0)


def test_many_threads_end_at_once(using: str) -> None:
    """From the very first moment, when the namespace's row is written."""

    def end(number: int) -> None:
        own = ledger(using)
        for at in range(10):
            own.end_user(bytes([number, at]) * 8, None, 0)

    threads = [Thread(target=end, args=[number]) for number in range(4)]
    handler.settings[using]["OPTIONS"] = {}  # SQLite may wait for as long as it likes
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    with closing(ledger(using).feed()) as feed:
        snapshot = feed.snapshot()
        assert snapshot.meta.counter == len(list(snapshot.entries)) == 40


def test_code_that_must_not_wait_is_told_to_await(using: str) -> None:
    revocations = Revocations(DjangoStore(using), namespace="shop")

    async def end() -> None:
        with pytest.raises(ConfigurationError, match=r"call its twin, as aend_user\(…\)"):
            revocations.end_user("42")
        await revocations.aend_user("42")

    asyncio.run(end())
    assert Ending.objects.using(using).count() == 1


# --- connections -----------------------------------------------------------------------------


def test_settings_of_a_project_s_connections_do_not_matter(postgresql: str) -> None:
    """Neither AUTOCOMMIT, nor a pool, whose connections are for requests."""
    using = databases.add_postgresql(new_database(postgresql))
    try:
        handler.settings[using] |= {"AUTOCOMMIT": False, "OPTIONS": {"pool": True}}
        ledger(using).end_user(USER, None, 0)
        assert mark_of(using) is not None
    finally:
        databases.remove(using)


def test_how_a_project_s_transactions_are_isolated_does_not_matter(postgresql: str) -> None:
    from psycopg import IsolationLevel

    using = databases.add_postgresql(new_database(postgresql))
    try:
        handler.settings[using]["OPTIONS"] = {"isolation_level": IsolationLevel.SERIALIZABLE}
        own, found = ledger(using), []
        with closing(own.feed()) as feed:
            for begin in (own.transaction, feed.reading, feed.writing):
                with begin() as tx:
                    tx.execute("SHOW transaction_isolation")
                    found += tx.fetchone()
        assert found == ["read committed"] * 3
    finally:
        databases.remove(using)


def test_nobody_waits_for_long_for_whoever_holds_a_lock(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    using = databases.add_postgresql(new_database(postgresql))
    own = ledger(using)
    own.end_all(0)
    query = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
    with closing(own.feed()) as feed:
        for begin in (own.transaction, feed.reading, feed.writing):
            with begin() as tx:
                tx.execute(query)
                assert tx.fetchone() == ("5s", "5s")
        monkeypatch.setattr(bounds, "BOUND", bounds.BOUND.replace("5000", "50"))
        with own.transaction() as tx:
            own.read_meta(tx, lock=True)
            for wait in (lambda: own.end_user(USER, None, 0), lambda: feed.beat(0, 0)):
                with pytest.raises(OperationalError, match=r"lock timeout|statement timeout"):
                    wait()
        assert feed.beat(0, 0)
        with own.transaction() as tx:
            own.forget(tx, horizon=0, clock=0)
            tx.execute("SELECT pg_sleep(0.1)")
    databases.remove(using)


def test_the_looks_are_not_in_the_log_of_queries(
    using: str, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(DEBUG=True), caplog.at_level(logging.DEBUG, "django.db.backends"):
        mark_of(using)
    assert not [each for each in caplog.records if "iron_session" in each.getMessage()]


def test_a_connection_is_renewed(using: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr("iron_session._time.elapsed_ms", lambda: now[0])
    with closing(ledger(using).feed()) as feed:
        feed.snapshot()
        first = feed._connection
        now[0] = 2999
        feed.changes(0)
        assert feed._connection is first
        now[0] = 3000
        feed.changes(0)
        assert feed._connection is not first
        assert first.connection is None


def test_another_file_is_noticed(
    sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the one that a test runner has put there."""
    monkeypatch.setattr(stores, "_RENEW_MS", 0)
    other = databases.add_sqlite(tmp_path / "other.sqlite3")
    with closing(ledger(sqlite).feed()) as feed:
        feed.snapshot()
        handler.settings[sqlite]["NAME"] = handler.settings[other]["NAME"]
        for look in (lambda: feed.changes(0), feed.snapshot, lambda: feed.beat(0, 0)):
            with pytest.raises(ChangesLost):
                look()
    databases.remove(other)


def test_another_server_is_noticed(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    using = databases.add_postgresql(new_database(postgresql))
    with closing(ledger(using).feed()) as feed:
        feed.beat(0, 0)
        feed._server = ("another", 0)
        with pytest.raises(ChangesLost):
            feed.beat(0, 0)
    databases.remove(using)


def test_a_database_of_tests_in_memory_is_shared() -> None:
    using = databases.add(
        {"ENGINE": SQLITE, "NAME": "file:endings?mode=memory&cache=shared"}, migrates=False
    )
    with connections[using].cursor():  # it lives as long as a connection is open
        databases.migrate(using)
        ledger(using).end_user(USER, None, 0)
        assert mark_of(using) is not None
    connections[using].connection.close()
    databases.remove(using)


def test_a_database_can_be_dropped_while_it_is_followed(postgresql: str, workers: Workers) -> None:
    """As test runners do: PostgreSQL waits 5 seconds for others to leave."""
    using = databases.add_postgresql(new_database(postgresql))
    workers(DjangoStore(using))
    name = handler.settings[using]["NAME"]
    connections[using].close()
    admin = databases.add_postgresql(postgresql, migrates=False)
    with connections[admin].cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}"')
    workers.close()
    databases.remove(admin)
    databases.remove(using)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_opens_connections_of_its_own(using: str, workers: Workers) -> None:
    revocations = workers(DjangoStore(using))
    revocations.end_user("6")
    since = revocations.now("7")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            assert revocations.wait_until_ready(30)
            revocations.end_user("7")
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert wait_for(lambda: revocations.judge(None, ["7"], since) == "ended")
    revocations.end_user("8")
    assert revocations.judge(None, ["8"], since) == "ended"


# A project whose database is a file in WAL mode, as Django's documentation has it.
WITH_LOG = """
import os, sys, time
import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections

OPTIONS = {"init_command": "PRAGMA journal_mode = WAL"}
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1], "OPTIONS": OPTIONS
        }
    },
    INSTALLED_APPS=["iron_session.integrations.django"],
    USE_TZ=True,
)
django.setup()
from iron_session.integrations.django import DjangoStore
from iron_session.revocation import Revocations

call_command("migrate", verbosity=0)  # the application's own connection stays open
revocations = Revocations(DjangoStore(), namespace="shop")
revocations.register(14 * 86_400_000, 30 * 86_400_000)
"""
END_IN_ANOTHER = """
assert revocations.wait_until_ready(30)
for user in sys.argv[2:]:
    revocations.end_user(user)
revocations.close(30)
"""
GO_INTO_THE_BACKGROUND = """
if sys.argv[3] == "used":
    assert revocations.wait_until_ready(30)
parent = os.getpid()
if os.fork():
    revocations.close(30)
    connections.close_all()
    os._exit(0)
while os.getppid() == parent:
    time.sleep(0.01)
assert revocations.wait_until_ready(30)
since, told = revocations.now("7"), sys.argv[2]
open(told, "w").close()
end = time.monotonic() + 30
while revocations.judge(None, ["7"], since) == "good" and time.monotonic() < end:
    time.sleep(0.05)
os.rename(told, told + "-" + revocations.judge(None, ["7"], since))
"""


@pytest.mark.parametrize("state", ["used", "not used"])
def test_a_child_whose_parent_has_gone_has_locks_of_its_own(tmp_path: Path, state: str) -> None:
    """Else the next process that leaves deletes the log under it, whether we were at work or not.

    As a server that loads the application and then goes into the background.
    """
    path, told = tmp_path / "db.sqlite3", tmp_path / "told"

    def run(program: str, *arguments: str) -> None:
        command = [sys.executable, "-W", "ignore", "-c", WITH_LOG + program, str(path), *arguments]
        subprocess.run(command, check=True)

    run(GO_INTO_THE_BACKGROUND, str(told), state)
    assert wait_for(told.exists)
    run(END_IN_ANOTHER)
    run(END_IN_ANOTHER, "7")
    assert wait_for(Path(f"{told}-ended").exists)


def test_a_fork_closes_what_is_open_and_warns_of_what_is_in_use(
    sqlite: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(forks, "LONGEST_S", 0.01)
    made, own = ledger(sqlite), connections[sqlite]
    with closing(made.feed()) as feed:
        feed.snapshot()
        own.ensure_connection()
        forks._before()
        assert (feed._connection, own.connection) == (None, None)
        forks._after()
        feed.changes(0)
        with made.transaction():
            forks._before()
            assert feed._connection is not None  # it could be the one that is in use
            forks._after_in_child()
        assert caplog.records == []
        with atomic(sqlite):
            forks._before()
            forks._after()
        assert [each.getMessage() for each in caplog.records] == [
            f"the database of <DjangoStore: {sqlite}> was in use while the process forked, so "
            "endings may be lost: close connections to SQLite before a fork"
        ]
    own.close()
    assert made.end_user(USER, None, 0)


def test_a_fork_leaves_what_is_written_without_autocommit(
    sqlite: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Django calls such a transaction no block, and its rows would be lost without a word."""
    made, own = ledger(sqlite), connections[sqlite]
    own.set_autocommit(False)
    with own.cursor() as cursor:
        cursor.execute("CREATE TABLE notes (text)")
        cursor.execute("INSERT INTO notes VALUES ('kept')")
    forks._before()
    forks._after()
    own.commit()
    with own.cursor() as cursor:
        cursor.execute("SELECT text FROM notes")
        assert cursor.fetchall() == [("kept",)]
    own.commit()
    own.close()
    assert "was in use while the process forked" in caplog.text
    del made


def test_a_fork_in_the_thread_of_an_event_loop_closes_what_is_open(sqlite: str) -> None:
    with closing(ledger(sqlite).feed()) as feed:
        feed.snapshot()

        async def fork() -> None:
            forks._before()
            forks._after()

        asyncio.run(fork())
        assert feed._connection is None


def test_a_fork_leaves_a_database_of_tests_in_memory_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = "file:forks?mode=memory&cache=shared"
    using = databases.add({"ENGINE": SQLITE, "NAME": name}, migrates=False)
    with connections[using].cursor():
        databases.migrate(using)
        made = ledger(using)
        with atomic(using):
            forks._before()
            forks._after()
        mark = made.end_user(USER, None, 0)
        forks._before()
        forks._after()
        assert mark_of(using) == mark
    assert caplog.records == []
    connections[using].connection.close()
    databases.remove(using)


def test_a_fork_before_there_are_settings_does_nothing(tmp_path: Path) -> None:
    program = """
import os
from iron_session.integrations.django import DjangoStore
ledger = DjangoStore().ledger("A" * 22)
if os.fork() == 0:
    os._exit(0)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_service_can_use_the_same_tables(postgresql: str, workers: Workers) -> None:
    """By SQLAlchemy, as the command `iron-session revoke` does."""
    url = new_database(postgresql)
    using = databases.add_postgresql(url)
    store = SqlStore(url, create_tables=False)
    django, other = workers(DjangoStore(using)), workers(store)
    since = django.now("7")
    other.end_user("7")
    assert wait_for(lambda: django.judge(None, ["7"], since) == "ended")
    django.end_all()
    assert wait_for(lambda: other.judge(None, ["8"], since) == "ended")
    workers.close()
    store._database.engine.dispose()
    databases.remove(using)


# --- the application -------------------------------------------------------------------------


def test_the_models_and_their_history_agree(tmp_path: Path) -> None:
    with project.new_database(tmp_path):
        call_command("makemigrations", "iron_session", check=True, dry_run=True, verbosity=0)


def test_a_database_that_lacks_what_the_store_needs_gets_no_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    using = databases.add(
        {"ENGINE": SQLITE, "NAME": str(tmp_path / "other.sqlite3")}, migrates=False
    )
    features = connections[using].features
    monkeypatch.setattr(features, "supports_update_conflicts_with_target", False, raising=False)
    databases.migrate(using)
    tables = connections[using].introspection.table_names()
    assert tables == ["django_migrations"]
    databases.remove(using)


def test_rows_are_named_without_what_is_in_them() -> None:
    assert str(Ledger(space=SPACE)) == SPACE
    assert str(Ending(kind="user", key=USER)) == f"user {USER.hex()}"
    assert str(SignedIn(user_id="42", label="Firefox")) == "42, Firefox"
    assert str(SignedIn(user_id="42")) == "42, no label"


def options(store: Any, **changes: Any) -> SessionOptions:
    made = Revocations(store, namespace="shop", **{"directory": True, **changes})
    return SessionOptions(
        password=PASSWORD,
        cookie_name="sessionid",
        max_lifetime=30 * 86400,
        revocations=made,
        user_of=lambda data: data.get("_auth_user_id"),
    )


def said(**settings: Any) -> dict[str, str]:
    """Return what the checks say, by id."""
    with override_settings(**settings):
        found = checks.run_checks(tags=["iron_session"], databases=["default"])
    ids = {one.id.removeprefix("iron_session."): f"{one.msg} {one.hint}" for one in found}
    return {key: text for key, text in ids.items() if "DjangoStore" in text}


def test_checks_tell_what_the_store_lacks(tmp_path: Path) -> None:
    given = options(DjangoStore())
    assert said(IRON_SESSION=given) == {}  # the database can't be opened
    with project.new_database(tmp_path):
        assert said(IRON_SESSION=given) == {}
        assert said(IRON_SESSION=options(MemoryStore())) == {}
        with modify_settings(INSTALLED_APPS={"remove": project.ENGINE}):
            found = said(IRON_SESSION=given)
        assert list(found) == ["W007"]
        assert "To get them, add" in found["W007"]
        with connections["default"].cursor() as cursor:
            cursor.execute("DROP TABLE iron_session_endings")
        found = said(IRON_SESSION=given)
        assert list(found) == ["W008"]
        assert found["W008"].startswith("The database 'default' has no tables for DjangoStore yet.")
        assert said(IRON_SESSION={}) == {}  # another check tells what is wrong


def test_a_database_that_can_t_be_used_is_told_by_a_check() -> None:
    found = said(IRON_SESSION=options(DjangoStore("other")))
    assert found == {"E007": "DATABASES has no 'other', which DjangoStore is to use None"}


# --- a site ----------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Revocations]:
    """A site whose sessions can be ended, and its database."""
    with project.new_database(tmp_path):
        given = options(DjangoStore())
        made: Any = given.revocations
        with override_settings(IRON_SESSION=given):
            yield made
        made.close(30)


def logged_in() -> Any:
    """Return a browser in which Ada has logged in."""
    client: Any = Client()
    assert client.login(username=project.NAME, password=project.PASSWORD_OF_ADA)
    assert client.get("/who").json()[0] == project.NAME
    return client


def ada() -> str:
    from django.contrib.auth.models import User

    return str(User.objects.get().pk)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("end_sessions", *arguments, stdout=out)
    return out.getvalue()


def ends(client: Any) -> bool:
    """Wait until somebody is logged out."""
    return wait_for(lambda: client.get("/who").json()[0] == "") is True


def test_the_command_ends_the_sessions_of_a_user(site: Revocations) -> None:
    client = logged_in()
    assert run("--user", "somebody else")
    assert client.get("/who").json()[0] == project.NAME
    told = run("--user", ada())
    assert client.get("/who").json()[0] == ""
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"
    assert re.fullmatch(rf"Ended at {moment}\.\nThis holds in every process by {moment}\.\n", told)


def test_the_command_ends_one_session_and_all(site: Revocations) -> None:
    client = logged_in()
    session_id = client.session.core.id
    run(f"--session={session_id}")
    assert client.get("/who").json()[0] == ""
    client = logged_in()
    run("--all")
    assert client.get("/who").json()[0] == ""


def test_the_command_uses_whatever_store_there_is() -> None:
    given = options(MemoryStore(), when_stale="accept")
    with override_settings(IRON_SESSION=given):
        told = run("--user", "42")
    assert told.endswith("\nThis holds in every process that can reach the store.\n")


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        ({"password": PASSWORD}, ["--all"], 'IRON_SESSION has no "revocations"'),
        ({"password": "short"}, ["--all"], "IRON_SESSION and the SESSION_… settings: "),
        (None, ["--user", ""], "user_id must have 1 to 256 characters"),
        (None, ["--all"], r"<DjangoStore: default> can't be reached \(OperationalError\): "),
        (None, [], "one of the arguments --user --session --all is required"),
        (None, ["--all", "--user", "7"], "not allowed with argument"),
    ],
)
def test_the_command_says_what_is_wrong(
    settings: dict[str, Any] | None, arguments: list[str], message: str
) -> None:
    given = options(DjangoStore()) if settings is None else settings
    with override_settings(IRON_SESSION=given), pytest.raises(CommandError, match=message):
        run(*arguments)


@pytest.fixture
def atomic_requests(site: Revocations) -> Iterator[Revocations]:
    """The same site with `ATOMIC_REQUESTS`."""
    database = handler.settings["default"]
    database["ATOMIC_REQUESTS"] = True
    yield site
    database["ATOMIC_REQUESTS"] = False


LOGIN = "/admin/login/?next=/who"
FORM = {"username": project.NAME, "password": project.PASSWORD_OF_ADA}


async def post_and_close(client: Any) -> Any:
    """Log in, and close the connections of the thread in which Django has looked into tables."""
    answer = await client.post(LOGIN, FORM)
    await sync_to_async(connections.close_all)()
    return answer


@pytest.mark.parametrize("is_async", [False, True], ids=["wsgi", "asgi"])
def test_the_first_request_of_a_process_logs_in_within_a_transaction(
    atomic_requests: Revocations, is_async: bool
) -> None:
    """The view's transaction has locked SQLite by then, so the store must have been read before."""
    client: Any = Client()
    if is_async:
        client = AsyncClient()
        answer = asyncio.run(post_and_close(client))
    else:
        answer = client.post(LOGIN, FORM)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/who")
    session = read_session(client, settings.IRON_SESSION)
    assert session is not None
    assert session.user_id == ada()


def count(request: Any) -> HttpResponse:
    """Write to the database, and then to the session."""
    Ledger.objects.update(clock=0)
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse()


def decorated() -> Any:
    return with_iron_session(settings.IRON_SESSION)(count)


def by_hand() -> Any:
    def view(request: Any) -> HttpResponse:
        response = HttpResponse()
        request.session = get_iron_session(request, response, settings.IRON_SESSION)
        count(request)
        request.session.save()
        return response

    return view


def urls_of(view: Any) -> Any:
    urls: Any = ModuleType("urls")
    urls.urlpatterns = [path("", view)]
    return urls


async def get_and_close(client: Any) -> Any:
    answer = await client.get("/")
    await sync_to_async(connections.close_all)()
    return answer


@pytest.mark.parametrize("is_async", [False, True], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("make", [decorated, by_hand])
@pytest.mark.usefixtures("atomic_requests")
def test_the_first_request_of_a_process_needs_no_middleware_within_a_transaction(
    make: Any, is_async: bool
) -> None:
    """Neither with the decorator nor by hand."""
    client: Any = AsyncClient() if is_async else Client()
    with override_settings(ROOT_URLCONF=urls_of(make()), MIDDLEWARE=[]):
        answer = asyncio.run(get_and_close(client)) if is_async else client.get("/")
    assert answer.status_code == 200
    session = read_session(client, settings.IRON_SESSION)
    assert session is not None
    assert session["visits"] == 1


VIEWS = """
from django.http import HttpResponse
from django.urls import path
from iron_session.integrations.django import DjangoStore
from iron_session.revocation import Revocations

revocations = Revocations(DjangoStore(), namespace="late")
urlpatterns = [path("", lambda request: HttpResponse(str(revocations._follower.is_ready)))]
"""


@pytest.mark.usefixtures("atomic_requests")
def test_the_first_request_finds_stores_that_only_the_views_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django imports these after it has begun the request."""
    stores._load_views.cache_clear()
    (tmp_path / "late_views.py").write_text(VIEWS)
    monkeypatch.syspath_prepend(tmp_path)
    with override_settings(ROOT_URLCONF="late_views", MIDDLEWARE=[]):
        client: Any = Client()
        assert client.get("/").content == b"True"
    sys.modules.pop("late_views").revocations.close(30)


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is imported before the first request, instead of the views."""
    found: list[str] = []
    monkeypatch.setattr(stores, "get_resolver", lambda: found.append("the views"))
    stores._load_views.cache_clear()
    return found


@pytest.mark.usefixtures("site")
def test_views_are_not_imported_early_where_requests_lock_no_file(imported: list[str]) -> None:
    """Django imports them in another place, which may matter to them."""
    stores.look_before_views()
    assert imported == []


@pytest.mark.parametrize(
    "engine", ["django.db.backends.postgresql", "django.db.backends.no_such_engine"]
)
def test_views_are_not_imported_early_where_transactions_are_not_of_sqlite(
    engine: str, imported: list[str]
) -> None:
    using = databases.name({"ENGINE": engine, "NAME": "shop", "ATOMIC_REQUESTS": True})
    try:
        stores.look_before_views()
    finally:
        databases.forget(using)
    assert imported == []


@pytest.mark.usefixtures("atomic_requests")
def test_views_are_imported_early_by_wsgi_only(imported: list[str]) -> None:
    """In ASGI they may need the event loop's thread."""
    stores.look_before_views(sender=None, scope={"type": "http"})
    assert imported == []
    stores.look_before_views(sender=None, environ={})
    assert imported == ["the views"]


def test_views_that_can_t_be_imported_are_left_to_django(
    atomic_requests: Revocations, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the cause: when Django tries again, it may meet another one."""
    stores._load_views.cache_clear()
    with override_settings(ROOT_URLCONF="no_such_views"):
        stores.look_before_views()
    assert atomic_requests._follower.is_ready
    assert caplog.messages == ["the project's views could not be imported"]
    assert "No module named 'no_such_views'" in caplog.text


def test_a_database_that_can_t_be_used_is_left_to_whoever_needs_it(imported: list[str]) -> None:
    """Pages that need no session are answered, as without the store."""
    using = databases.name({"ENGINE": "django.db.backends.no_such_engine", "NAME": "shop"})
    made = Revocations(DjangoStore(using), namespace="shop")
    try:
        stores.look_before_views()
    finally:
        databases.forget(using)
        made.close()
    assert not made._follower.is_ready
    assert imported == []


def test_a_store_is_read_before_the_first_request_of_each_process_only(
    site: Revocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of one that was forked."""
    looks: list[int] = []
    look = site._look

    def noted(now: int) -> int:
        looks.append(now)
        return look(now)

    monkeypatch.setattr(site, "_look", noted)
    with override_settings(ROOT_URLCONF=urls_of(lambda _: HttpResponse())):
        client: Any = Client()
        for expected in (1, 1, 2, 2):
            if len(looks) < expected == 2:
                site.close(30)  # a child does not have this thread
                site._follower._stop.clear()  # but follows, unless its parent was closed
                site.after_fork()
            assert client.get("/").status_code == 200
            assert len(looks) == expected
            assert site._follower.is_ready


def test_a_view_within_a_transaction_shows_the_devices(
    atomic_requests: Revocations, caplog: pytest.LogCaptureFixture
) -> None:
    """Though the view has written to the database, and a login is not in the store yet."""
    client = logged_in()
    seen: list[Any] = []

    def show(request: Any) -> HttpResponse:
        Ledger.objects.update(clock=0)
        now = _time.now_ms()
        atomic_requests.note_login(new_id(), ada(), "Firefox", now, now, now + HOUR_MS)
        seen.extend(atomic_requests.sessions_of(get_session(request).user_id or ""))
        return HttpResponse()

    with override_settings(ROOT_URLCONF=urls_of(show)):
        assert client.get("/").status_code == 200
    assert {each.label for each in seen} == {"Firefox", None}  # None is the visitor's own
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


PAGES = "/admin/iron_session/"


def rows(client: Any, page: str, **query: str) -> list[str]:
    """Return the rows of a page of the admin, as text."""
    answer = client.get(f"{PAGES}{page}/", query)
    assert answer.status_code == 200
    table = re.search(r"<tbody>(.*?)</tbody>", answer.text, re.DOTALL)
    found = table[1].split("</tr>")[:-1] if table else []
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def sign_in(revocations: Revocations, user_id: str, label: str | None) -> str:
    """Note a login of somebody; return the session's id."""
    session_id = new_id()
    now = _time.now_ms()
    revocations.note_login(session_id, user_id, label, now, now, now + HOUR_MS)
    assert wait_for(lambda: SignedIn.objects.filter(user_id=user_id, login=now).exists())
    return session_id


def test_the_admin_shows_what_was_ended_and_changes_nothing(site: Revocations) -> None:
    client = logged_in()
    assert rows(client, "ending") == []
    session_id = sign_in(site, "42", None)
    site.end_session(session_id)
    site.end_user("43")
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "UPDATE iron_session_endings SET kept = %s WHERE kind = 'user'", [b"\0" * 16]
        )
    ended_user, ended_session = rows(client, "ending")
    assert ended_user.startswith("user ")
    assert "AAAAAAAAAAAAAAAAAAAAAA" in ended_user
    assert ended_session.startswith(f"session {session_id} - - ")
    site.end_user("44")
    client = logged_in()
    site.end_all()
    client = logged_in()
    (namespace,) = rows(client, "ledger")
    assert "30 days" in namespace
    for page in ("ending", "ledger", "signedin"):
        assert client.get(f"{PAGES}{page}/add/").status_code == 403
    row = Ending.objects.first()
    answer = client.get(f"{PAGES}ending/{row.pk}/change/")
    assert answer.status_code == 200
    assert 'name="mark"' not in answer.text
    assert client.post(f"{PAGES}ending/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_admin_shows_its_own_namespace_only(site: Revocations) -> None:
    other = Revocations(DjangoStore(), namespace="another")
    other.end_user("43")
    site.end_user("42")
    client = logged_in()
    assert len(rows(client, "ending")) == 1
    assert Ending.objects.count() == 2


def test_the_admin_ends_sessions(site: Revocations) -> None:
    client = logged_in()
    one, other = sign_in(site, "42", "Firefox on a Mac"), sign_in(site, "42", None)
    sign_in(site, "421", "Chrome")
    unnamed, named = rows(client, "signedin", q="42")
    assert (unnamed[:5], named[:19]) == ("42 - ", "42 Firefox on a Mac")
    assert len(rows(client, "signedin")) == 4  # with Ada herself
    row = SignedIn.objects.get(label="Firefox on a Mac")
    form = {"action": "end", "_selected_action": [row.pk]}
    answer = client.post(f"{PAGES}signedin/", form, follow=True)
    assert "Sessions ended: 1." in answer.text
    assert [each.session_id for each in site.sessions_of("42")] == [other]
    assert rows(client, "ending")[0].startswith(f"session {one} ")
    from django.contrib.admin.models import LogEntry

    assert LogEntry.objects.get().change_message == "Ended the session."


def test_the_admin_tells_what_could_not_be_ended(
    site: Revocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = logged_in()
    sign_in(site, "42", None)
    form = {"action": "end", "_selected_action": [SignedIn.objects.get(user_id="42").pk]}

    def fail(*_: object) -> int:
        raise Error("away")

    monkeypatch.setattr(stores.DjangoLedger, "end_sessions", fail)
    answer = client.post(f"{PAGES}signedin/", form, follow=True)
    assert "0 sessions were ended; then: &lt;DjangoStore: default&gt; can" in answer.text


def test_the_admin_ends_nothing_for_who_may_only_look(site: Revocations) -> None:
    from django.contrib.auth.models import Permission, User

    client = logged_in()
    session_id = sign_in(site, "42", None)
    User.objects.update(is_superuser=False)
    assert client.get("/admin/").text.count("iron_session/") == 0
    assert client.get(f"{PAGES}signedin/").status_code == 403
    user = User.objects.get()
    user.user_permissions.add(Permission.objects.get(codename="view_signedin"))
    assert len(rows(client, "signedin")) == 2  # with Ada herself
    form = {"action": "end", "_selected_action": [SignedIn.objects.get(user_id="42").pk]}
    client.post(f"{PAGES}signedin/", form)
    assert [each.session_id for each in site.sessions_of("42")] == [session_id]
    user.user_permissions.add(Permission.objects.get(codename="end_sessions"))
    client.post(f"{PAGES}signedin/", form)
    assert site.sessions_of("42") == []


@pytest.mark.parametrize("has_store", [False, True])
def test_a_site_without_this_store_has_no_page_in_the_admin(
    tmp_path: Path, has_store: bool
) -> None:
    memory: Any = options(MemoryStore(), when_stale="accept")
    given: Any = memory if has_store else {"password": PASSWORD}
    with project.new_database(tmp_path), override_settings(IRON_SESSION=given):
        client: Any = Client()
        client.force_login(project.create_user("bob", "nobody knows"))
        assert "iron_session/" not in client.get("/admin/").text
        assert rows(client, "signedin") == []
        form = {"action": "end", "_selected_action": ["1"]}
        assert client.post(f"{PAGES}signedin/", form).status_code == 302
    memory.revocations.close(30)


def test_settings_that_can_t_work_take_the_pages_away() -> None:
    request: Any = RequestFactory().get("/")
    page: Any = admin.site.get_model_admin(SignedIn)
    with override_settings(IRON_SESSION={}):
        assert not page.has_module_permission(request)
        assert not page.get_queryset(request).exists()
