"""Endings in the application's database, by SQLAlchemy Core: PostgreSQL and SQLite."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Final

from iron_session import _time
from iron_session.errors import ConfigurationError
from iron_session.revocation.directory import Row, Seen
from iron_session.revocation.files import DatabaseFile, database_file
from iron_session.revocation.ledger import ChangesLost
from iron_session.revocation.records import Entry, Kind, Meta
from iron_session.revocation.stores import forks, postgresql
from iron_session.revocation.stores.tables import KINDS, TableFeed, TableLedger

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData, Table

__all__ = ["SqlStore"]

_MISSING: Final = (
    'SqlStore needs SQLAlchemy: install it with `pip install "iron-session[sqlalchemy]"`, or '
    "`pip install sqlalchemy`, and the driver of your database"
)
_POLL_S: Final = 0.4
_TIMEOUT_S: Final = 10
_AT_ONCE: Final = 5000
# By driver, so that a server that has gone away is noticed; each has its own names.
_TIMEOUTS: Final[dict[str, dict[str, Any]]] = {
    "pg8000": {"timeout": _TIMEOUT_S},
    "psycopg": postgresql.LIBPQ_TIMEOUTS,
    "psycopg2": postgresql.LIBPQ_TIMEOUTS,
}


class SqlStore:
    """Endings in tables of a database: two, and a third for who is signed in.

    Args:
        database: its URL, as `"postgresql+psycopg://user:password@host/name"`, or an engine of
            SQLAlchemy, which is not asynchronous.
            It is disposed before each fork if its database is a SQLite file.
        create_tables: whether the tables are made when they are first needed; with False, your
            migrations make them as `SqlStore.metadata` describes them.

    Raises:
        ImportError: SQLAlchemy or the database's driver is not installed.
        ConfigurationError: the URL or the engine can't work.
    """

    __slots__ = ("_creates", "_database", "_tables")

    def __init__(self, database: str | Engine, *, create_tables: bool = True) -> None:
        try:
            import sqlalchemy  # noqa: PLC0415 - it may not be installed
        except ImportError:
            raise ImportError(_MISSING) from None
        if isinstance(database, str):
            engine = _engine_of(database)
        elif isinstance(database, sqlalchemy.Engine):
            engine = database
        else:
            raise ConfigurationError(
                "the first argument of SqlStore must be a URL or an engine of SQLAlchemy that is "
                f"not asynchronous, not {type(database).__name__}"
            )
        if engine.dialect.name not in ("postgresql", "sqlite"):
            raise ConfigurationError(
                f"SqlStore knows PostgreSQL and SQLite, not {engine.dialect.name}"
            )
        self._tables = _Tables()
        self._database = _Database(engine, self._tables if create_tables else None)

    def __repr__(self) -> str:
        return repr(self._database)

    @property
    def metadata(self) -> MetaData:
        """The tables, for migrations: a `MetaData` of SQLAlchemy."""
        return self._tables.metadata

    def ledger(self, space: str) -> _SqlLedger:
        """Return the ledger of a namespace."""
        return _SqlLedger(self._database, self._tables, space)


def _engine_of(url: str) -> Engine:
    from sqlalchemy import create_engine, make_url  # noqa: PLC0415 - an extra: only this store needs it
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError  # noqa: PLC0415 - an extra: only this store needs it

    try:
        parsed = make_url(url)
        dialect = parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        # Neither the URL nor the error: both may hold the password.
        raise ConfigurationError(
            "the URL of SqlStore can't be read: it must be as "
            '"postgresql+psycopg://user:password@host/name", or "sqlite:////path/to/file"'
        ) from None
    if getattr(dialect, "is_async", False):
        raise ConfigurationError(
            f"the URL of SqlStore names {parsed.drivername}, which is asynchronous: the store is "
            "followed from a thread, by a driver that is not, as postgresql+psycopg"
        )
    return create_engine(
        parsed,
        connect_args=dict(_TIMEOUTS.get(dialect.driver, {})),
        hide_parameters=True,
        pool_pre_ping=True,
    )


class _Tables:
    """The tables."""

    def __init__(self) -> None:
        from sqlalchemy import (  # noqa: PLC0415 - an extra: only this store needs it
            BigInteger,
            Column,
            Index,
            LargeBinary,
            MetaData,
            String,
            Table,
        )

        def number(name: str) -> Column[int]:
            return Column(name, BigInteger, nullable=False)

        self.metadata: MetaData = MetaData()
        self.ledgers: Table = Table(
            "iron_session_ledgers",
            self.metadata,
            Column("space", String(22), primary_key=True),
            number("clock"),
            number("newest_all"),
            number("horizon"),
            number("longest"),
            Column("generation", String(16), nullable=False),
            number("counter"),
        )
        self.endings: Table = Table(
            "iron_session_endings",
            self.metadata,
            Column("space", String(22), primary_key=True),
            Column("kind", String(7), primary_key=True),
            Column("key", LargeBinary(16), primary_key=True),
            number("mark"),
            Column("kept", LargeBinary(16)),
            number("until"),
            number("counter"),
            Index("iron_session_endings_by_counter", "space", "counter"),
        )
        self.signed_in: Table = Table(
            "iron_session_signed_in",
            self.metadata,
            Column("space", String(22), primary_key=True),
            Column("key", LargeBinary(16), primary_key=True),
            Column("user", LargeBinary(16), nullable=False),
            Column("user_id", String(256), nullable=False),
            Column("label", String(256)),
            number("login"),
            number("seen"),
            number("expires"),
            number("since"),
            Index("iron_session_signed_in_by_user", "space", "user"),
        )


class _Database:
    """An engine, whose connections are not used in a process that was forked after they were made.

    Args:
        engine: the engine.
        creates: the tables to make; None if they are there.
    """

    def __init__(self, engine: Engine, creates: _Tables | None) -> None:
        self.engine = engine
        self._creates = creates
        self._gate = forks.Gate()
        self._begin_process()
        if engine.dialect.name == "sqlite":
            forks.register(self)

    def __repr__(self) -> str:
        url = self.engine.url.set(query={})  # some drivers take a password there
        return f"<SqlStore: {url.render_as_string(hide_password=True)}>"

    def _begin_process(self) -> None:
        self._lock, self._pid = Lock(), os.getpid()

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Open a connection for a transaction, for which a fork waits."""
        with self._gate.passing(), self.connect() as connection:
            yield connection

    def connect(self) -> Connection:
        """Return a connection, once the tables are there."""
        if self._pid != os.getpid():
            self._begin_process()
            self.engine.dispose(close=False)
        if self._creates is not None:
            with self._lock:
                self._create()
        connection = self.engine.connect()
        if self.engine.dialect.name == "postgresql":
            _read_committed(connection)
        return connection

    def before_fork(self) -> None:
        """Close all connections to a SQLite file, those of the application too.

        One that is in use can't be closed, and a database in memory would be lost.
        """
        from sqlalchemy import QueuePool  # noqa: PLC0415 - an extra: only this store needs it

        self._gate.shut(forks.LONGEST_S)
        pool = self.engine.pool
        if isinstance(pool, QueuePool):  # the pool of files; that of a database in memory is not
            if pool.checkedout():
                forks.warn_of_open_file(self)
            self.engine.dispose()

    def after_fork(self) -> None:
        """Let transactions begin."""
        self._gate.open()

    def after_fork_in_child(self) -> None:
        """Let transactions begin; those that were going on are the parent's."""
        self._gate = forks.Gate()

    def _create(self) -> None:
        """Make the tables, unless they are there; another process may do that at the same time."""
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - an extra: only this store needs it

        if self._creates is None:
            return
        try:
            self._creates.metadata.create_all(self.engine)
        except DBAPIError:
            self._creates.metadata.create_all(self.engine)
        self._creates = None


def _read_committed(connection: Connection) -> None:
    """See that transactions are what is expected here, whatever the engine or the database sets.

    Without any, endings would get lost; stricter ones would fail where two write at once. The pool
    sets the connection back.
    """
    try:
        connection.execution_options(isolation_level="READ COMMITTED")
    except BaseException:
        connection.close()
        raise


class _SqlLedger(TableLedger["Connection"]):
    """The endings of one namespace in the tables."""

    def __init__(self, database: _Database, tables: _Tables, space: str) -> None:
        self._database = database
        self._ledgers, self._endings = tables.ledgers, tables.endings
        self._signed_in = tables.signed_in
        self._space = space
        self.is_postgresql: bool = database.engine.dialect.name == "postgresql"

    @property
    def file(self) -> DatabaseFile | None:
        """SQLite's file; None for another database, or one in memory."""
        engine = self._database.engine
        return database_file(engine.url.database) if engine.dialect.name == "sqlite" else None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin a transaction on a connection of the pool."""
        with self.connected() as connection, self.writing(connection):
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin a transaction that takes no lock to write."""
        with self.connected() as connection, self.begun(connection):
            yield connection

    def connected(self) -> AbstractContextManager[Connection]:
        """Open a connection of the pool for a transaction."""
        return self._database.connected()

    def connect(self) -> Connection:
        """Return a connection of the pool."""
        return self._database.connect()

    @contextmanager
    def writing(self, connection: Connection) -> Iterator[Connection]:
        """Begin a transaction that writes, and in SQLite, which locks no rows, locks the file."""
        with self.begun(connection), self._file_locked(connection):
            yield connection

    @contextmanager
    def begun(self, connection: Connection) -> Iterator[Connection]:
        """Begin a transaction, which in PostgreSQL waits for nothing for long."""
        with connection.begin():
            if self.is_postgresql:
                connection.exec_driver_sql(postgresql.BOUND)
            yield connection

    def _file_locked(self, connection: Connection) -> AbstractContextManager[None]:
        if self.is_postgresql:
            return nullcontext()
        if not _driver(connection).in_transaction:
            return _begun(connection)
        # The application has SQLAlchemy begin: without the lock, which comes with the first write.
        mine = self._ledgers.c.space == self._space
        connection.execute(self._ledgers.update().where(mine).values(space=self._space))
        return nullcontext()

    def server_time(self, tx: Connection) -> int:
        """Return the time of the database's server; SQLite has none but this one."""
        if not self.is_postgresql:
            return _time.now_ms()
        from sqlalchemy import text  # noqa: PLC0415 - an extra: only this store needs it

        query = text("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return int(tx.execute(query).scalar_one())

    def server_name(self, tx: Connection) -> object:
        """Return what tells one server of the database from another."""
        if not self.is_postgresql:
            return ""
        from sqlalchemy import text  # noqa: PLC0415 - an extra: only this store needs it

        return tx.execute(text("SELECT pg_postmaster_start_time()")).scalar_one()

    def read_meta(self, tx: Connection, *, lock: bool) -> Meta | None:
        """Return the namespace's row."""
        query = self._ledgers.select().where(self._ledgers.c.space == self._space)
        row = tx.execute(query.with_for_update() if lock else query).one_or_none()
        return None if row is None else Meta(*row[1:])

    def insert_meta(self, tx: Connection, meta: Meta) -> None:
        """Write the namespace's row, unless another process has just done it."""
        from sqlalchemy.dialects import postgresql, sqlite  # noqa: PLC0415 - an extra: only this store needs it

        insert = postgresql.insert if self.is_postgresql else sqlite.insert
        row = insert(self._ledgers).values((self._space, *meta))
        tx.execute(row.on_conflict_do_nothing())

    def write_meta(self, tx: Connection, meta: Meta) -> None:
        """Write the namespace's row."""
        mine = self._ledgers.c.space == self._space
        tx.execute(self._ledgers.update().where(mine).values(_columns(meta)))

    def read_entries(self, tx: Connection, kind: Kind, keys: Sequence[bytes]) -> Iterable[Entry]:
        """Return endings."""
        query = self._endings.select().where(*self._of(kind, keys))
        return [Entry(*each[1:6]) for each in tx.execute(query)]

    def write_entries(self, tx: Connection, entries: Sequence[tuple[Entry, int]]) -> None:
        """Write endings."""
        for kind in KINDS:
            if keys := [entry.key for entry, _ in entries if entry.kind == kind]:
                tx.execute(self._endings.delete().where(*self._of(kind, keys)))
        rows = [
            {"space": self._space, **entry._asdict(), "counter": counter}
            for entry, counter in entries
        ]
        tx.execute(self._endings.insert(), rows)

    def _of(self, kind: Kind, keys: Sequence[bytes]) -> tuple[Any, ...]:
        row = self._endings.c
        return row.space == self._space, row.kind == kind, row.key.in_(keys)

    def entries_after(self, tx: Connection, counter: int) -> Iterable[Entry]:
        """Return the endings of later changes, read in parts: drivers hold all that a query gives.

        What changes meanwhile gets a later number, so it comes again and nothing is left out.
        """
        row = self._endings.c
        query = self._endings.select().order_by(row.counter).limit(_AT_ONCE)
        while True:
            part = tx.execute(query.where(row.space == self._space, row.counter > counter)).all()
            yield from (Entry(*each[1:6]) for each in part)
            if len(part) < _AT_ONCE:
                return
            counter = part[-1].counter

    def forget(self, tx: Connection, *, horizon: int, clock: int) -> None:
        """Delete endings."""
        row = self._endings.c
        is_old = ((row.kind == "user") & (row.mark <= horizon)) | (
            (row.kind == "session") & (row.until <= clock)
        )
        if self.is_postgresql:
            tx.exec_driver_sql(postgresql.UNBOUND)
        tx.execute(self._endings.delete().where(row.space == self._space, is_old))

    def write_row(self, tx: Connection, row: Row) -> None:
        """Write who is signed in."""
        self.delete_rows(tx, keys=[row.key])
        tx.execute(self._signed_in.insert().values((self._space, *row)))

    def write_seen(self, tx: Connection, key: bytes, seen: Seen) -> None:
        """Note when a session was seen."""
        row = self._signed_in.c
        mine = row.space == self._space, row.key == key
        tx.execute(self._signed_in.update().where(*mine).values(seen._asdict()))

    def read_rows(self, tx: Connection, user: bytes) -> list[Row]:
        """Return the rows of a user."""
        row = self._signed_in.c
        query = self._signed_in.select().where(row.space == self._space, row.user == user)
        return [Row(*each[1:]) for each in tx.execute(query)]

    def delete_rows(
        self,
        tx: Connection,
        *,
        user: bytes | None = None,
        but: bytes | None = None,
        keys: Sequence[bytes] | None = None,
        expired: int | None = None,
    ) -> None:
        """Delete rows."""
        row = self._signed_in.c
        conditions: list[Any] = [] if user is None else [row.user == user]
        conditions += [] if but is None else [row.key != but]
        conditions += [] if keys is None else [row.key.in_(keys)]
        conditions += [] if expired is None else [row.expires <= expired]
        tx.execute(self._signed_in.delete().where(row.space == self._space, *conditions))

    def feed(self) -> _SqlFeed:
        """Return a new feed."""
        return _SqlFeed(self)


def _driver(connection: Connection) -> Any:
    """Return the connection of the driver, `sqlite3`."""
    return connection.connection.driver_connection


@contextmanager
def _begun(connection: Connection) -> Iterator[None]:
    """Begin a transaction of SQLite, also where the engine commits each statement by itself."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        if _driver(connection).in_transaction:
            connection.exec_driver_sql("ROLLBACK")
        raise


def _columns(meta: Meta) -> dict[str, int | str]:
    columns = meta._asdict()
    columns["newest_all"] = columns.pop("all")
    return columns


class _SqlFeed(TableFeed["Connection"]):
    """Looks at the namespace's row, each time in a new transaction.

    It does so on a connection of its own, since poolers have several servers; but in SQLite on any
    of the pool, since none may be open while the process forks.
    """

    def __init__(self, ledger: _SqlLedger) -> None:
        super().__init__(ledger)
        self._sql = ledger
        self._never = Event()
        self._connection = ledger.connect() if ledger.is_postgresql else None
        self._server: object = None

    def close(self) -> None:
        """Release the connection."""
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> AbstractContextManager[Connection]:
        return self._sql.connected() if self._connection is None else nullcontext(self._connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin a transaction."""
        with self._connected() as connection, self._sql.begun(connection):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Begin a transaction that writes.

        Raises:
            ChangesLost: the server is another one than before; poolers change it unseen.
        """
        with self._connected() as connection, self._sql.writing(connection):
            server = self._sql.server_name(connection)
            if self._server not in (None, server):
                raise ChangesLost
            self._server = server
            yield connection

    def may_have_changed(self, seconds: float) -> bool:
        """Wait, in place of the longest time that is asked for, until it is time to look."""
        if seconds:
            self._never.wait(_POLL_S)
        return True
