"""Stores that a test can stop, continue, kill and empty."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Protocol

from iron_session.revocation import RedisStore, SqliteStore, SqlStore
from iron_session.revocation.ledger import Store
from tests.helpers.waiting import WAIT, wait_for
from tests.revocation.servers import (
    POSTGRESQL_USER,
    RedisServer,
    find_postgresql,
    free_port,
    listens,
    other_user,
)

_names = count(1)


class Place(Protocol):
    """A store on a server, as a test sees it."""

    name: str

    def open(self) -> Store:
        """Return a store for one more process."""
        ...

    def kill(self) -> None:
        """End its server at once."""
        ...

    def start(self) -> None:
        """Start its server again."""
        ...

    def pause(self) -> None:
        """Stop its server by SIGSTOP."""
        ...

    def go_on(self) -> None:
        """Continue it."""
        ...

    def empty(self) -> None:
        """Let it lose all that it has."""
        ...

    def close(self) -> None:
        """Leave its server as it was found."""
        ...


KEEPS = ("--appendonly", "yes", "--appendfsync", "always")
"""With these arguments, a Redis that is killed loses nothing that it has acknowledged."""


class RedisPlace:
    """A Redis of its own, which was started with `KEEPS`."""

    name = "redis"

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self._stores: list[RedisStore] = []

    def open(self) -> Store:
        self._stores.append(RedisStore(self.server.url))
        return self._stores[-1]

    def kill(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server.start()

    def pause(self) -> None:
        self.server.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.server.process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        self.kill()
        shutil.rmtree(self.server._folder / "appendonlydir")
        self.start()

    def close(self) -> None:
        for store in self._stores:
            store._client.close()


class PostgresServer:
    """A PostgreSQL that can be stopped and started again."""

    def __init__(self) -> None:
        self._programs = find_postgresql()
        self.folder = Path(tempfile.mkdtemp(prefix="iron-postgresql-"))
        if os.getuid() == 0:
            os.chown(self.folder, pwd.getpwnam(POSTGRESQL_USER).pw_uid, -1)
        self.port = free_port()
        self.url = f"postgresql+pg8000://iron@127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "iron", "--no-sync")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*other_user(), str(self._programs / program), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, capture_output=True)

    def start(self) -> None:
        command = [str(self._programs / "postgres"), "-D", self._data, "-p", str(self.port)]
        command += ["-k", str(self.folder), "-h", "127.0.0.1", "-F"]
        self.process = subprocess.Popen(
            [*other_user(), *command], cwd=self.folder, stderr=subprocess.DEVNULL
        )
        assert wait_for(self._answers), "postgres did not start"

    def _answers(self) -> bool:
        """Return whether it lets anybody in: it listens before that."""
        from sqlalchemy import create_engine
        from sqlalchemy.exc import DBAPIError

        engine = create_engine(f"{self.url}/postgres", connect_args={"timeout": 5})
        try:
            engine.connect().close()
        except (DBAPIError, OSError):
            return False
        finally:
            engine.dispose()
        return True

    def kill(self) -> None:
        """End it and what it has started, without a checkpoint: as after a power cut."""
        self.signal_all(signal.SIGCONT)
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(WAIT)
        assert wait_for(lambda: not listens(self.port))

    def signal_all(self, number: signal.Signals) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        for each in [pid, *map(int, children)]:
            os.kill(each, number)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


class PostgresPlace:
    """A database of its own in a PostgreSQL that several tests share."""

    name = "postgresql"

    def __init__(self, server: PostgresServer) -> None:
        from sqlalchemy import create_engine, text

        self._server = server
        self._database = f"faults_{next(_names)}"
        admin = create_engine(f"{server.url}/postgres", isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {self._database}"))
        admin.dispose()
        self.url = f"{server.url}/{self._database}"
        self._stores: list[SqlStore] = []

    def open(self) -> Store:
        self._stores.append(SqlStore(self.url))
        return self._stores[-1]

    def kill(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()

    def pause(self) -> None:
        self._server.signal_all(signal.SIGSTOP)

    def go_on(self) -> None:
        self._server.signal_all(signal.SIGCONT)

    def empty(self) -> None:
        from sqlalchemy import create_engine, text

        engine = create_engine(self.url)
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE iron_session_ledgers, iron_session_endings"))
        engine.dispose()

    def close(self) -> None:
        for store in self._stores:
            store._database.engine.dispose()


class SqlitePlace:
    """A file, which has no server: it can only be lost."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "endings.sqlite3"

    def open(self) -> Store:
        return SqliteStore(self._path)

    def kill(self) -> None:
        raise NotImplementedError

    start = pause = go_on = kill

    def empty(self) -> None:
        for each in self._path.parent.glob(f"{self._path.name}*"):
            each.unlink()

    def close(self) -> None:
        pass
