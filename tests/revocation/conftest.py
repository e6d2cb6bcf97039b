"""Stores of every kind, each opened as often as a test asks for: as several processes do."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from iron_session.revocation import MemoryStore, RedisStore, Revocations, SqliteStore, SqlStore
from iron_session.revocation.ledger import Ledger, Store
from tests.revocation.servers import RedisServer, run_postgresql, run_redis

SPACE = "AAAAAAAAAAAAAAAAAAAAAA"
Opener = Callable[[], Store]
StartRedis = Callable[..., RedisServer]
ON_SERVERS = ["redis", "redis-3", "sql-postgresql", "django-postgresql"]
KINDS = [
    *("memory", "sqlite", "sql-sqlite", "django-sqlite"),
    *(pytest.param(kind, marks=pytest.mark.server) for kind in ON_SERVERS),
]

_numbers = count()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with run_redis() as server:
        yield server


@pytest.fixture
def start_redis() -> Iterator[StartRedis]:
    """Return what starts a Redis of the test's own, by these arguments."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(run_redis(*arguments))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with run_postgresql() as url:
        yield url


def new_database(base: str) -> str:
    """Make a database on a server of PostgreSQL; return its URL."""
    from sqlalchemy import create_engine, text

    name = f"test_{next(_numbers)}"
    admin = create_engine(base, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return base.replace("/postgres", f"/{name}")


@pytest.fixture(params=KINDS)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Return what opens one store again and again, a new handle each time."""
    kind = request.param
    opened: list[Any] = []
    close: Callable[[], object] = bool

    def open_one() -> Store:
        opened.append(make())
        return opened[-1]  # type: ignore[no-any-return]  # its type is known here

    make: Callable[[], Store]
    if kind == "memory":
        memory = MemoryStore()
        make = lambda: memory  # noqa: E731 - each kind has its own
    elif kind == "sqlite":
        make = lambda: SqliteStore(tmp_path / "endings.sqlite3")  # noqa: E731 - each kind has its own
    elif kind.startswith("redis"):
        server: RedisServer = request.getfixturevalue("redis_server")
        url, prefix = server.url, f"test-{next(_numbers)}"
        version = "?protocol=3" if kind == "redis-3" else "?protocol=2"
        make = lambda: RedisStore(url + version, prefix=prefix)  # noqa: E731 - each kind has its own
    elif kind == "sql-sqlite":
        make = lambda: SqlStore(f"sqlite:///{tmp_path}/endings.sqlite3")  # noqa: E731 - each kind has its own
    elif kind == "sql-postgresql":
        url = new_database(request.getfixturevalue("postgresql"))
        make = lambda: SqlStore(url)  # noqa: E731 - each kind has its own
    else:
        from iron_session.integrations.django import DjangoStore
        from tests.revocation.django_databases import add_postgresql, add_sqlite, remove

        if kind == "django-sqlite":
            using = add_sqlite(tmp_path / "db.sqlite3")
        else:
            using = add_postgresql(new_database(request.getfixturevalue("postgresql")))
        make = lambda: DjangoStore(using)  # noqa: E731 - each kind has its own
        close = partial(remove, using)
    yield open_one
    close()
    for each in opened:
        if isinstance(each, SqlStore):
            each._database.engine.dispose()
        if isinstance(each, RedisStore):
            each._client.close()


@pytest.fixture
def ledger(open_store: Opener) -> Ledger:
    return open_store().ledger(SPACE)


class Workers:
    """Processes that share a store, as far as one process can have several."""

    def __init__(self) -> None:
        self._made: list[Revocations] = []

    def __call__(self, store: Store, **changes: Any) -> Revocations:
        """Make one, which has read the store already."""
        made = self.make(store, **changes)
        assert made.wait_until_ready(30)
        return made

    def make(self, store: Store, **changes: Any) -> Revocations:
        """Make one that has not begun yet."""
        made = Revocations(store, **{"namespace": "shop", **changes})
        made.register(14 * 24 * 3_600_000, 30 * 24 * 3_600_000)
        self._made.append(made)
        return made

    def close(self) -> None:
        for each in self._made:
            each.close(0)
        for each in self._made:
            each.close(30)


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.close()
