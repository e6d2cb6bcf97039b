"""`DjangoStore`: endings in tables of the project's database, PostgreSQL or SQLite.

It uses Django's settings and drivers, but connections of its own: an ending is there at once,
whatever transaction a request is in, and does not hold up other processes until that is over.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any, Final
from weakref import WeakSet

from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.core.signals import request_started
from django.db import Error, OperationalError, ProgrammingError, connections
from django.urls import get_resolver

from iron_session import _time
from iron_session._log import log
from iron_session.errors import ConfigurationError
from iron_session.integrations.django.settings import ENGINE, settings_options
from iron_session.revocation import Revocations
from iron_session.revocation.directory import Row, Seen
from iron_session.revocation.files import DatabaseFile, database_file
from iron_session.revocation.ledger import ChangesLost
from iron_session.revocation.records import Entry, Kind, Meta
from iron_session.revocation.revocations import living
from iron_session.revocation.stores import forks, postgresql
from iron_session.revocation.stores.tables import TableFeed, TableLedger

__all__ = [
    "MIGRATE",
    "TABLES",
    "DjangoLedger",
    "DjangoStore",
    "followed_ledger",
    "look_before_views",
    "revocations",
]

TABLES: Final = ("iron_session_ledgers", "iron_session_endings", "iron_session_signed_in")
"""The tables, which are those of `SqlStore` too."""

MIGRATE: Final = f'add "{ENGINE}" to INSTALLED_APPS and run `manage.py migrate`'
"""How to get them."""

_MISSING: Final = f"the tables of DjangoStore are missing: {MIGRATE}"
_LOCKED: Final = (
    "SQLite is locked by the transaction that this was called in: end sessions after it, by "
    "transaction.on_commit(…), or in a view with @transaction.non_atomic_requests; and in tests "
    "use MemoryStore()"
)
_IN_TESTS: Final = "in tests, use Revocations(MemoryStore(), …) in place of DjangoStore()"
_LOCKED_BY_TEST: Final = (
    "SQLite is locked, most likely by the transaction around a test of TestCase, which is never "
    f"committed: {_IN_TESTS}"
)
_FORBIDDEN: Final = r"^Database .* not allowed"
_FORBIDDEN_BY_TEST: Final = f"this test may not use the database: {_IN_TESTS}"
_POLL_S: Final = 0.4
# Nobody waits for long for a follower that holds a connection: neither who drops a test's database
# (PostgreSQL waits 5 seconds for others to leave it) nor who moves an address to another server.
_RENEW_MS: Final = 3000
_AT_ONCE: Final = 5000

# By the vendor: what begins a transaction that reads, and one that writes.
_BEGIN: Final = {
    "postgresql": (
        "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
        "BEGIN ISOLATION LEVEL READ COMMITTED",
    ),
    "sqlite": ("BEGIN", "BEGIN IMMEDIATE"),
}

_READ_META: Final = """
SELECT clock, newest_all, horizon, longest, generation, counter
FROM iron_session_ledgers WHERE space = %s
"""
_INSERT_META: Final = """
INSERT INTO iron_session_ledgers
    (space, clock, newest_all, horizon, longest, generation, counter)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
_WRITE_META: Final = """
UPDATE iron_session_ledgers
SET clock = %s, newest_all = %s, horizon = %s, longest = %s, generation = %s, counter = %s
WHERE space = %s
"""
_READ_ENTRIES: Final = """
SELECT kind, "key", mark, kept, until
FROM iron_session_endings WHERE space = %s AND kind = %s AND "key" IN
"""
_READ_LATER: Final = """
SELECT counter, kind, "key", mark, kept, until
FROM iron_session_endings WHERE space = %s AND counter > %s ORDER BY counter LIMIT %s
"""
_WRITE_ENTRY: Final = """
INSERT INTO iron_session_endings (space, kind, "key", mark, kept, until, counter)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (space, kind, "key") DO UPDATE SET
    mark = excluded.mark,
    kept = excluded.kept,
    until = excluded.until,
    counter = excluded.counter
"""
_FORGET: Final = """
DELETE FROM iron_session_endings
WHERE space = %s AND (kind = 'user' AND mark <= %s OR kind = 'session' AND until <= %s)
"""
_WRITE_ROW: Final = """
INSERT INTO iron_session_signed_in
    (space, "key", "user", user_id, label, login, seen, expires, since)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (space, "key") DO UPDATE SET
    "user" = excluded."user",
    user_id = excluded.user_id,
    label = excluded.label,
    login = excluded.login,
    seen = excluded.seen,
    expires = excluded.expires,
    since = excluded.since
"""
_WRITE_SEEN: Final = """
UPDATE iron_session_signed_in SET seen = %s, expires = %s WHERE space = %s AND "key" = %s
"""
_READ_ROWS: Final = """
SELECT "key", "user", user_id, label, login, seen, expires, since
FROM iron_session_signed_in WHERE space = %s AND "user" = %s
"""
_DELETE_ROWS: Final = "DELETE FROM iron_session_signed_in WHERE space = %s"


class DjangoStore:
    """Endings in tables of the project's database, which `manage.py migrate` makes.

    The database is PostgreSQL or SQLite, on a local disk. It is not touched before the first use;
    SQLite is read when the first request of a process begins, before its transaction. An ending
    does not take part in a transaction that you have begun, so end sessions in
    `transaction.on_commit`, when what they must not see any more is there.

    Args:
        using: the database's name in `DATABASES`.

    Raises:
        ConfigurationError: the name is none.
    """

    __slots__ = ("_using",)

    def __init__(self, using: str = "default") -> None:
        if not isinstance(using, str) or not using:
            raise ConfigurationError('using must be a name in DATABASES, as "default"')
        self._using = using

    def __repr__(self) -> str:
        return f"<DjangoStore: {self._using}>"

    def ledger(self, space: str) -> DjangoLedger:
        """Return the ledger of a namespace."""
        return DjangoLedger(self._using, space)


def revocations() -> Revocations | None:
    """Return what ends the sessions of `request.session`; None if nothing does.

    Raises:
        ConfigurationError: the settings can't work.
    """
    found = settings_options().revocations
    return found if isinstance(found, Revocations) else None


def followed_ledger(found: object) -> DjangoLedger | None:
    """Return the ledger of `SessionOptions.revocations`; None if it has none of `DjangoStore`."""
    ledger = found.ledger if isinstance(found, Revocations) else None
    return ledger if isinstance(ledger, DjangoLedger) else None


# --- the first request -------------------------------------------------------------------------


def look_before_views(*, scope: object = None, **_: object) -> None:
    """Read each store on SQLite before the first request of a process comes to its view.

    A transaction of the request, which `ATOMIC_REQUESTS` begins before the view, locks the file:
    the view would wait for the first look at the store, and that look for the end of the view.

    Args:
        scope: the request's, if it came by ASGI. This runs in a thread then, and the views may need
            to be imported where the event loop runs, as Django does.
    """
    if scope is None:
        _load_views()
    for each in living():
        with suppress(Exception):  # of a database that can't be used, which whoever needs it tells
            ledger = followed_ledger(each)
            if ledger is not None and ledger.is_sqlite():
                each.look_first()


@cache
def _load_views() -> None:
    """Import the project's views if they will hold SQLite's lock: their options may have a store.

    Django does so a moment later, when it looks for the view.
    """
    if any(map(_is_locked_by_requests, connections)):
        try:
            _ = get_resolver().url_patterns
        except Exception:  # Django tries again and answers, but may meet another error then
            log("ERROR", "the project's views could not be imported", with_traceback=True)


def _is_locked_by_requests(using: str) -> bool:
    """Return whether each view has a transaction of SQLite around it."""
    databases: Any = connections.settings
    if not databases[using]["ATOMIC_REQUESTS"]:
        return False
    with suppress(Exception):  # its driver may not be there
        return bool(connections[using].vendor == "sqlite")
    return False


# For any session of the process, by whatever way it is begun: the view itself may do so.
request_started.connect(look_before_views)


# --- connections -------------------------------------------------------------------------------


def _open(using: str) -> Any:
    """Return a new connection, which is nobody else's and commits what is not in a transaction.

    Raises:
        ConfigurationError: the database can't be used.
    """
    connection = _unopened(using)
    options = {k: v for k, v in connection.settings_dict["OPTIONS"].items() if k != "pool"}
    if connection.vendor == "postgresql":  # so that a server that has gone away is noticed
        options = postgresql.LIBPQ_TIMEOUTS | options
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    connection.ensure_connection()
    if not connection.get_autocommit():
        connection.set_autocommit(True)
    return connection


def _close(connection: Any) -> None:
    """Close a connection of `_open`: in any thread, and also one to SQLite in memory.

    Django's own function closes neither of them, nor any in the thread of an event loop.
    """
    opened, connection.connection = connection.connection, None
    opened.close()


def _unopened(using: str) -> Any:
    if using not in set(connections):
        raise ConfigurationError(f"DATABASES has no {using!r}, which DjangoStore is to use")
    connection = connections.create_connection(using)
    if connection.vendor not in _BEGIN:
        raise ConfigurationError(
            f"DjangoStore knows PostgreSQL and SQLite, not {connection.vendor}: use another store, "
            "as RedisStore"
        )
    if connection.settings_dict["NAME"] == ":memory:":
        raise ConfigurationError(
            "a SQLite database in memory is not shared by connections: use MemoryStore() in place "
            "of DjangoStore()"
        )
    return connection


@contextmanager
def _begun(connection: Any, *, writes: bool) -> Iterator[Any]:
    """Begin a transaction; yield its cursor, which does not log: it would log each look."""
    with connection.make_cursor(connection.create_cursor()) as cursor:
        cursor.execute(_BEGIN[connection.vendor][writes])
        try:
            if connection.vendor == "postgresql":
                cursor.execute(postgresql.BOUND)
            yield cursor
            cursor.execute("COMMIT")
        except BaseException:
            with suppress(Error):  # the connection may be gone
                cursor.execute("ROLLBACK")
            raise


class DjangoLedger(TableLedger[Any]):
    """The endings of one namespace in the tables.

    Args:
        using: the database's name.
        space: the namespace's.
    """

    def __init__(self, using: str, space: str) -> None:
        self.using = using
        self.space = space
        self._gate = forks.Gate()
        self._feeds: WeakSet[_DjangoFeed] = WeakSet()
        forks.register(self)

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """Open a connection, and close it at the end of the block."""
        with self.passing():
            connection = _open(self.using)
            try:
                yield connection
            finally:
                _close(connection)

    def passing(self) -> AbstractContextManager[None]:
        """Begin something with the database; if it is a SQLite file, a fork waits for it."""
        return self._gate.passing() if self.is_sqlite() else nullcontext()

    def is_sqlite(self) -> bool:
        """Return whether the database is SQLite."""
        return self.using in set(connections) and connections[self.using].vendor == "sqlite"

    @property
    def file(self) -> DatabaseFile | None:
        """SQLite's file; None for another database, or one in memory."""
        if not self.is_sqlite():
            return None
        return database_file(str(connections[self.using].settings_dict["NAME"]))

    def before_fork(self) -> None:
        """Close all connections to a SQLite file, also that of this thread of the application.

        Those of its other threads can't be closed, nor one that is in a transaction.
        """
        if not settings.configured or not self.is_sqlite():
            return
        if self._gate.shut(forks.LONGEST_S):
            for feed in self._feeds:
                feed.close()
        own = connections[self.using]
        if not _is_in_transaction(own):
            with suppress(SynchronousOnlyOperation):  # an event loop's thread has none
                own.close()  # one in memory stays open
        elif not own.is_in_memory_db():
            forks.warn_of_open_file(DjangoStore(self.using))

    def after_fork(self) -> None:
        """Let transactions begin."""
        self._gate.open()

    def after_fork_in_child(self) -> None:
        """Let transactions begin; those that were going on are the parent's."""
        self._gate = forks.Gate()

    def check(self) -> None:
        """Raise ConfigurationError if the database can't be used; does not connect to it."""
        _unopened(self.using)

    def has_tables(self) -> bool:
        """Return whether the database has the tables."""
        with self.connected() as connection:
            return set(TABLES) <= set(connection.introspection.table_names())

    def transaction(self) -> AbstractContextManager[Any]:
        """Begin a transaction that writes, on a connection of its own."""
        return self._begun(writes=True)

    def reading(self) -> AbstractContextManager[Any]:
        """Begin a transaction that takes no lock to write, on a connection of its own."""
        return self._begun(writes=False)

    @contextmanager
    def _begun(self, *, writes: bool) -> Iterator[Any]:
        with (
            self.explained(),
            self.connected() as connection,
            _begun(connection, writes=writes) as tx,
        ):
            yield tx

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn errors of Django that the project can mend into errors that say how."""
        try:
            yield
        except SynchronousOnlyOperation:
            raise ConfigurationError(
                "this waits for the database, so it can't be called in asynchronous code: call "
                "its twin, as aend_user(…)"
            ) from None
        except OperationalError as error:
            if "locked" in str(error):
                if connections[self.using].in_atomic_block:
                    raise ConfigurationError(_LOCKED) from None
                if _is_test_run():
                    raise ConfigurationError(_LOCKED_BY_TEST) from None
            if "no such table" in str(error):  # SQLite's own words
                raise ConfigurationError(_MISSING) from None
            raise
        except ProgrammingError:
            with suppress(Error):
                if not self.has_tables():
                    raise ConfigurationError(_MISSING) from None
            raise
        except (AssertionError, RuntimeError) as error:  # of Django's SimpleTestCase, pytest-django
            if _is_test_run() and re.search(_FORBIDDEN, str(error)):
                raise ConfigurationError(_FORBIDDEN_BY_TEST) from None
            raise

    def server_time(self, tx: Any) -> int:
        """Return the time of the database's server; SQLite has none but this one."""
        if tx.db.vendor == "sqlite":
            return _time.now_ms()
        tx.execute("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return int(tx.fetchone()[0])

    def server_name(self, tx: Any) -> object:
        """Return what tells one server from another, or one file."""
        name = str(tx.db.settings_dict["NAME"])
        if tx.db.vendor == "sqlite":
            with suppress(OSError):  # one in memory, of tests
                return name, Path(name).stat().st_ino
            return name, 0
        tx.execute("SELECT pg_postmaster_start_time()")
        return name, tx.fetchone()[0]

    def read_meta(self, tx: Any, *, lock: bool) -> Meta | None:
        """Return the namespace's row; in SQLite, whoever writes has locked the whole file."""
        locks = lock and tx.db.features.has_select_for_update
        tx.execute(_READ_META + "FOR UPDATE" if locks else _READ_META, [self.space])
        row = tx.fetchone()
        return None if row is None else Meta(*row)

    def insert_meta(self, tx: Any, meta: Meta) -> None:
        """Write the namespace's row, unless another process has just done it."""
        tx.execute(_INSERT_META, [self.space, *meta])

    def write_meta(self, tx: Any, meta: Meta) -> None:
        """Write the namespace's row."""
        tx.execute(_WRITE_META, [*meta, self.space])

    def read_entries(self, tx: Any, kind: Kind, keys: Sequence[bytes]) -> Iterable[Entry]:
        """Return endings."""
        tx.execute(_READ_ENTRIES + _places(keys), [self.space, kind, *keys])
        return [_entry(*row) for row in tx.fetchall()]

    def write_entries(self, tx: Any, entries: Sequence[tuple[Entry, int]]) -> None:
        """Write endings."""
        tx.executemany(_WRITE_ENTRY, [[self.space, *entry, counter] for entry, counter in entries])

    def entries_after(self, tx: Any, counter: int) -> Iterable[Entry]:
        """Return the endings of later changes, read in parts: drivers hold all that a query gives.

        What changes meanwhile gets a later number, so it comes again and nothing is left out.
        """
        while True:
            tx.execute(_READ_LATER, [self.space, counter, _AT_ONCE])
            part = tx.fetchall()
            yield from (_entry(*row[1:]) for row in part)
            if len(part) < _AT_ONCE:
                return
            counter = part[-1][0]

    def forget(self, tx: Any, *, horizon: int, clock: int) -> None:
        """Delete endings."""
        if tx.db.vendor == "postgresql":
            tx.execute(postgresql.UNBOUND)
        tx.execute(_FORGET, [self.space, horizon, clock])

    def write_row(self, tx: Any, row: Row) -> None:
        """Write who is signed in."""
        tx.execute(_WRITE_ROW, [self.space, *row])

    def write_seen(self, tx: Any, key: bytes, seen: Seen) -> None:
        """Note when a session was seen."""
        tx.execute(_WRITE_SEEN, [*seen, self.space, key])

    def read_rows(self, tx: Any, user: bytes) -> list[Row]:
        """Return the rows of a user."""
        tx.execute(_READ_ROWS, [self.space, user])
        return [Row(bytes(key), bytes(user), *rest) for key, user, *rest in tx.fetchall()]

    def delete_rows(
        self,
        tx: Any,
        *,
        user: bytes | None = None,
        but: bytes | None = None,
        keys: Sequence[bytes] | None = None,
        expired: int | None = None,
    ) -> None:
        """Delete rows."""
        conditions: list[tuple[str, Sequence[object] | None]] = [
            ('"user" = %s', None if user is None else [user]),
            ('"key" <> %s', None if but is None else [but]),
            ('"key" IN ' + _places(keys or ()), keys),
            ("expires <= %s", None if expired is None else [expired]),
        ]
        query = _DELETE_ROWS
        given: list[object] = [self.space]
        for condition, values in conditions:
            if values is not None:
                query += f" AND {condition}"
                given += values
        tx.execute(query, given)

    def feed(self) -> _DjangoFeed:
        """Return a new feed."""
        feed = _DjangoFeed(self)
        with self.passing():
            self._feeds.add(feed)
        return feed


def _is_test_run() -> bool:
    """Return whether Django's or pytest-django's test runner is at work in this process."""
    # Not by `mail.outbox`, which a site has too once it has used the backend in memory; and no
    # site needs this module, so it is not imported.
    utils = sys.modules.get("django.test.utils")
    return hasattr(getattr(utils, "_TestState", None), "saved_data")


def _is_in_transaction(connection: Any) -> bool:
    """Return whether a connection to SQLite is in a transaction, of `atomic` or without it."""
    opened = connection.connection
    return bool(connection.in_atomic_block or (opened is not None and opened.in_transaction))


def _places(values: Sequence[object]) -> str:
    """Return the places for values in a list of SQL; nothing is in the list of none."""
    return f"({', '.join(['%s'] * len(values)) or 'NULL'})"


def _entry(kind: Kind, key: bytes, mark: int, kept: bytes | None, until: int) -> Entry:
    """Return an ending; some drivers have a `memoryview` for bytes."""
    return Entry(kind, bytes(key), mark, None if kept is None else bytes(kept), until)


class _DjangoFeed(TableFeed[Any]):
    """Looks at the namespace's row, each time in a new transaction, on a connection of its own."""

    def __init__(self, ledger: DjangoLedger) -> None:
        super().__init__(ledger)
        self._django = ledger
        self._never = Event()
        self._connection: Any = None
        self._opened_at = 0
        self._server: object = None

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _close(connection)

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """Begin a transaction."""
        with (
            self._django.explained(),
            self._django.passing(),
            _begun(self._renewed(), writes=False) as tx,
        ):
            yield self._checked(tx)

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """Begin a transaction that writes."""
        with (
            self._django.explained(),
            self._django.passing(),
            _begun(self._renewed(), writes=True) as tx,
        ):
            yield self._checked(tx)

    def _renewed(self) -> Any:
        now = _time.elapsed_ms()
        if self._connection is not None and now - self._opened_at >= _RENEW_MS:
            self.close()
        if self._connection is None:
            self._connection, self._opened_at = _open(self._django.using), now
        return self._connection

    def _checked(self, tx: Any) -> Any:
        """Return a transaction's cursor.

        Raises:
            ChangesLost: the server is another one than before, or the file.
        """
        server = self._django.server_name(tx)
        if self._server not in (None, server):
            raise ChangesLost
        self._server = server
        return tx

    def may_have_changed(self, seconds: float) -> bool:
        """Wait, in place of the longest time that is asked for, until it is time to look."""
        if seconds:
            self._never.wait(_POLL_S)
        return True
