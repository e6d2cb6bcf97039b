"""Stores for sites of several processes: SQLite, Redis and PostgreSQL, by their URLs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.revocation.servers import RedisServer, run_postgresql, run_redis

STORES = ["sqlite", "redis", "postgresql"]


@pytest.fixture(scope="session")
def live_redis() -> Iterator[RedisServer]:
    with run_redis() as server:
        yield server


@pytest.fixture(scope="session")
def live_postgresql() -> Iterator[str]:
    with run_postgresql() as url:
        yield url


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a store; those of servers are shared, so users have names of their own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/endings.sqlite3"
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("live_redis")
        return server.url
    return str(request.getfixturevalue("live_postgresql"))
