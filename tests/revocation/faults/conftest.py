"""Stores with servers of their own, and processes that follow them; all end with their test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iron_session.revocation.ledger import Store
from tests.revocation.faults.processes import DAY, Process
from tests.revocation.faults.servers import (
    KEEPS,
    Place,
    PostgresPlace,
    PostgresServer,
    RedisPlace,
    SqlitePlace,
    run_postgres,
)
from tests.revocation.servers import RedisServer, run_redis

SERVERS = ["redis", "postgresql"]


@pytest.fixture(autouse=True)
def _all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="iron_session")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with run_postgres() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with run_redis(*KEEPS) as server:
        yield server


@pytest.fixture(params=["sqlite", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return a store on a server of its own; ask for `SERVERS` where it must be stopped."""
    made: Place
    if request.param == "redis":
        made = RedisPlace(request.getfixturevalue("own_redis"))
    elif request.param == "postgresql":
        made = PostgresPlace(request.getfixturevalue("postgres"))
    else:
        made = SqlitePlace(tmp_path)
    yield made
    made.close()


class Start:
    """Starts processes, which are closed when the test ends."""

    def __init__(self) -> None:
        self._made: list[Process] = []

    def __call__(self, open_store: Callable[[], Store], name: str) -> Process:
        """Start one that has read its store."""
        return self.unready(open_store, name).wait_until_ready()

    def unready(
        self, open_store: Callable[[], Store], name: str, max_lifetime: int = 30 * DAY
    ) -> Process:
        """Start one that may not reach its store."""
        process = Process(open_store(), name=name, max_lifetime=max_lifetime)
        self._made.append(process)
        return process

    def close(self) -> None:
        for each in self._made:
            each.close()
        for each in self._made:
            each.revocations.close(15)


@pytest.fixture
def start(place: Place) -> Iterator[Start]:  # after the place: it is closed before that
    made = Start()
    yield made
    made.close()


@pytest.fixture
def start_alone(own_redis: RedisServer) -> Iterator[Start]:
    """Start processes whose stores a test opens itself; a Redis of its own outlives them."""
    made = Start()
    yield made
    made.close()
