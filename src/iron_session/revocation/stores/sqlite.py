"""Endings in a SQLite file, for all processes of one machine: nothing else to install or run."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Event, Lock
from typing import Final
from weakref import WeakValueDictionary

from iron_session import _time
from iron_session.errors import ConfigurationError
from iron_session.revocation.directory import Row, Seen
from iron_session.revocation.files import DatabaseFile, is_there
from iron_session.revocation.ledger import ChangesLost
from iron_session.revocation.records import Entry, Kind, Meta
from iron_session.revocation.stores import forks
from iron_session.revocation.stores.tables import TableFeed, TableLedger

__all__ = ["SqliteLedger", "SqliteStore"]

_WAIT_S: Final = 5.0
"""How long a transaction waits for those of other processes."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS ledgers (
    space TEXT PRIMARY KEY,
    clock INTEGER NOT NULL,
    newest_all INTEGER NOT NULL,
    horizon INTEGER NOT NULL,
    longest INTEGER NOT NULL,
    generation TEXT NOT NULL,
    counter INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS endings (
    space TEXT NOT NULL,
    kind TEXT NOT NULL,
    key BLOB NOT NULL,
    mark INTEGER NOT NULL,
    kept BLOB,
    until INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    PRIMARY KEY (space, kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS endings_by_counter ON endings (space, counter);
CREATE TABLE IF NOT EXISTS signed_in (
    space TEXT NOT NULL,
    key BLOB NOT NULL,
    user BLOB NOT NULL,
    user_id TEXT NOT NULL,
    label TEXT,
    login INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (space, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS signed_in_by_user ON signed_in (space, user);
"""

_METADATA: Final = "clock, newest_all, horizon, longest, generation, counter"


class SqliteStore:
    """Endings in a file, which all processes of one machine share.

    The file must be on a local disk: locks do not work over a network, and containers that do not
    share the file do not share its endings. It is made with mode 0600; two more files lie beside
    it, with `-wal` and `-shm` behind its name.

    Args:
        path: the file's path. Its folder must be there; the file is made when it is first needed.
            If it is relative, processes that start in different folders have different files.

    Raises:
        ConfigurationError: the path is none; its folder is not there, or this process may not enter
            a folder above that one.
    """

    __slots__ = ("_is_relative", "_path")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
            raise ConfigurationError('path must be the path of a file, as "endings.sqlite3"')
        if os.fspath(path) == ":memory:":
            raise ConfigurationError('":memory:" is not shared by threads: use MemoryStore()')
        self._is_relative = not Path(path).is_absolute()
        try:
            self._path = Path(path).absolute()
        except OSError:
            raise ConfigurationError(
                "path is relative, and the folder that this process runs in is gone: give an "
                "absolute path"
            ) from None
        if not is_there(self._path.parent) or not self._path.parent.is_dir():
            raise ConfigurationError(f"the folder of {self._path} is not there: make it first")

    def __repr__(self) -> str:
        return f"<SqliteStore: {self._path}>"

    @property
    def path(self) -> Path:
        """The file's path, absolute."""
        return self._path

    def ledger(self, space: str) -> SqliteLedger:
        """Return the ledger of a namespace."""
        return SqliteLedger(DatabaseFile(self._path, self._is_relative), space)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers and a writer work side by side; the file keeps this from the first time on.

    Where several processes make the file at once, SQLite does not wait for the one that changes the
    mode: it would be a deadlock if that one waited too.
    """
    last = _time.elapsed_ms() + _WAIT_S * 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if _time.elapsed_ms() >= last:
                raise
        else:
            return
        Event().wait(0.01)


_files: WeakValueDictionary[int, _File] = WeakValueDictionary()
_inherited: list[sqlite3.Connection] = []


class _File:
    """A connection to the file, opened when it is needed.

    It is opened again if the file, or the log beside it, is not the one any more: SQLite would go
    on with one that has no name, and what is written there is lost to all others. Nothing else in
    the process may open and close the file: that would drop SQLite's locks on it (POSIX has it so),
    and another process could then take itself for the last one, and delete the log.

    Attributes:
        lock: held by whoever uses the connection.
        opened: how often it was opened.
    """

    __slots__ = ("__weakref__", "_connection", "_identity", "_is_held", "_path", "lock", "opened")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._identity: list[int] = []
        self._is_held = False
        self.lock: Lock = Lock()
        self.opened: int = 0
        _files[id(self)] = self
        forks.register(self)

    def connection(self) -> sqlite3.Connection:
        """Return the connection, which is open; the caller has the lock.

        Raises:
            ChangesLost: the file is another one, and the old one is still in use in this process.
        """
        if self._connection is not None and not self.is_current():
            self.close()
        if self._connection is None:
            self._close_others()
            self._connection = self._open()
            self._identity = self._find()
            self.opened += 1
        return self._connection

    def _close_others(self) -> None:
        """Close this process's connections to what is not the file any more.

        SQLite would take their log for that of a new one, and fail from then on.
        """
        for reference in _files.valuerefs():  # in one step: other threads may add some
            other = reference()
            if other is None or other is self or other._path != self._path:
                continue
            if other.is_open and not other.is_current():
                if not other.lock.acquire(blocking=False):
                    raise ChangesLost
                other.close()
                other.lock.release()

    @property
    def is_open(self) -> bool:
        """Whether it is; a fork closes it."""
        return self._connection is not None

    def is_current(self) -> bool:
        """Return whether the path still leads to what was opened."""
        return self._find() == self._identity

    def _find(self) -> list[int]:
        """Return the numbers of the file and of its log; 0 for one that is not there."""
        numbers = [0, 0]
        for index, path in enumerate((str(self._path), f"{self._path}-wal")):
            with suppress(FileNotFoundError):
                numbers[index] = os.stat(path).st_ino  # noqa: PTH116 - quicker than a Path
        return numbers

    def close(self) -> None:
        """Close the connection, if it is open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def before_fork(self) -> None:
        """Close the connection, unless a transaction takes too long."""
        self._is_held = self.lock.acquire(timeout=forks.LONGEST_S)
        if self._is_held:
            self.close()

    def after_fork(self) -> None:
        """Let it be opened again."""
        if self._is_held:
            self._is_held = False
            self.lock.release()

    def after_fork_in_child(self) -> None:
        """Let it be opened again; what was in use is left to the parent.

        It must neither be used nor closed here.
        """
        if self._is_held:
            self.after_fork()
        else:
            self.lock = Lock()
            if self._connection is not None:
                _inherited.append(self._connection)
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
        )
        try:
            _write_ahead(connection)
            connection.executescript(_TABLES)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def _begun(connection: sqlite3.Connection, kind: str) -> Iterator[sqlite3.Connection]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # it may have been rolled back already
            connection.execute("ROLLBACK")
        raise


class SqliteLedger(TableLedger[sqlite3.Connection]):
    """The endings of one namespace in the file; its threads share one connection."""

    def __init__(self, file: DatabaseFile, space: str) -> None:
        self.file = file
        self._space = space
        self._file = _File(file.path)

    def __del__(self) -> None:
        self._file.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Begin a transaction on the connection that all threads share.

        Raises:
            ChangesLost: the file was another one when all was written: it is lost.
        """
        with self._file.lock:
            with _begun(self._file.connection(), "IMMEDIATE") as connection:
                yield connection
            if not self._file.is_current():
                raise ChangesLost

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Begin a transaction that takes no lock to write."""
        with self._file.lock, _begun(self._file.connection(), "DEFERRED") as connection:
            yield connection

    def server_time(self, tx: sqlite3.Connection) -> int:
        """Return this server's time."""
        return _time.now_ms()

    def read_meta(self, tx: sqlite3.Connection, *, lock: bool) -> Meta | None:
        """Return the namespace's row; whoever writes has locked the whole file."""
        query = f"SELECT {_METADATA} FROM ledgers WHERE space = ?"  # noqa: S608 - names of columns
        row = tx.execute(query, (self._space,)).fetchone()
        return None if row is None else Meta(*row)

    def insert_meta(self, tx: sqlite3.Connection, meta: Meta) -> None:
        """Write the namespace's row."""
        tx.execute(
            "INSERT OR REPLACE INTO ledgers VALUES (?, ?, ?, ?, ?, ?, ?)", (self._space, *meta)
        )

    write_meta = insert_meta

    def read_entries(
        self, tx: sqlite3.Connection, kind: Kind, keys: Sequence[bytes]
    ) -> Iterable[Entry]:
        """Return endings."""
        where = f"space = ? AND kind = ? AND key IN ({_marks(keys)})"
        query = f"SELECT kind, key, mark, kept, until FROM endings WHERE {where}"  # noqa: S608 - no value is in `where`
        return [Entry(*row) for row in tx.execute(query, (self._space, kind, *keys))]

    def write_entries(self, tx: sqlite3.Connection, entries: Sequence[tuple[Entry, int]]) -> None:
        """Write endings."""
        tx.executemany(
            "INSERT OR REPLACE INTO endings VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(self._space, *entry, counter) for entry, counter in entries],
        )

    def entries_after(self, tx: sqlite3.Connection, counter: int) -> Iterable[Entry]:
        """Return the endings of later changes."""
        rows = tx.execute(
            "SELECT kind, key, mark, kept, until FROM endings WHERE space = ? AND counter > ?",
            (self._space, counter),
        )
        return (Entry(*row) for row in rows)

    def forget(self, tx: sqlite3.Connection, *, horizon: int, clock: int) -> None:
        """Delete endings."""
        tx.execute(
            "DELETE FROM endings WHERE space = ? AND (kind = 'user' AND mark <= ? "
            "OR kind = 'session' AND until <= ?)",
            (self._space, horizon, clock),
        )

    def write_row(self, tx: sqlite3.Connection, row: Row) -> None:
        """Write who is signed in."""
        tx.execute(
            "INSERT OR REPLACE INTO signed_in VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self._space, *row),
        )

    def write_seen(self, tx: sqlite3.Connection, key: bytes, seen: Seen) -> None:
        """Note when a session was seen."""
        tx.execute(
            "UPDATE signed_in SET seen = ?, expires = ? WHERE space = ? AND key = ?",
            (*seen, self._space, key),
        )

    def read_rows(self, tx: sqlite3.Connection, user: bytes) -> list[Row]:
        """Return the rows of a user."""
        rows = tx.execute(
            "SELECT key, user, user_id, label, login, seen, expires, since FROM signed_in "
            "WHERE space = ? AND user = ?",
            (self._space, user),
        )
        return [Row(*row) for row in rows]

    def delete_rows(
        self,
        tx: sqlite3.Connection,
        *,
        user: bytes | None = None,
        but: bytes | None = None,
        keys: Sequence[bytes] | None = None,
        expired: int | None = None,
    ) -> None:
        """Delete rows."""
        condition = "space = ?"
        given: list[object] = [self._space]
        for each, values in (
            ("user = ?", user),
            ("key != ?", but),
            (f"key IN ({_marks(keys or ())})", keys),
            ("expires <= ?", expired),
        ):
            if values is not None:
                condition += f" AND {each}"
                given += values if isinstance(values, list) else [values]
        tx.execute(f"DELETE FROM signed_in WHERE {condition}", given)  # noqa: S608 - no values

    def feed(self) -> _SqliteFeed:
        """Return a new feed."""
        return _SqliteFeed(self)


def _marks(values: Sequence[object]) -> str:
    """Return a question mark for each value."""
    return ", ".join("?" * len(values))


class _SqliteFeed(TableFeed[sqlite3.Connection]):
    """Sees by the file's `data_version` whether another connection has written anything."""

    def __init__(self, ledger: SqliteLedger) -> None:
        super().__init__(ledger)
        self._file = _File(ledger.file.path)
        with self._file.lock:
            self._file.connection()
        self._version = -1
        self._opened = self._file.opened
        self._never = Event()

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Begin a transaction on the feed's own connection: what it reads may take long."""
        return self._transaction("DEFERRED")

    def writing(self) -> AbstractContextManager[sqlite3.Connection]:
        """Begin a transaction that writes."""
        return self._transaction("IMMEDIATE")

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        with self._file.lock, _begun(self._connection(), kind) as connection:
            yield connection

    def _connection(self) -> sqlite3.Connection:
        """Return the connection that the feed has begun with, or one to the same file after a fork.

        Raises:
            ChangesLost: the file is another one.
        """
        if self._file.is_open and not self._file.is_current():
            raise ChangesLost
        return self._file.connection()

    def close(self) -> None:
        """Close the connection."""
        with self._file.lock:
            self._file.close()

    def may_have_changed(self, seconds: float) -> bool:
        """Look whether the file was written since the last time; if not, wait and look again."""
        if self._has_new_version():
            return True
        self._never.wait(seconds)
        return self._has_new_version()

    def _has_new_version(self) -> bool:
        before, opened = self._version, self._opened
        with self._file.lock:
            (self._version,) = self._connection().execute("PRAGMA data_version").fetchone()
            self._opened = self._file.opened
        return self._version != before or self._opened != opened  # each connection counts anew
