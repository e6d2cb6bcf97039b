"""Redis under a real Sentinel, which makes another server the primary when the first has gone."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.sentinel import Sentinel

from iron_session import _time
from iron_session.revocation import RedisStore
from tests.helpers.waiting import WAIT, wait_for
from tests.revocation.faults.conftest import Start
from tests.revocation.servers import RedisServer, free_port, listens, run_redis

NAME = "endings"


@contextmanager
def run_sentinel(folder: Path, primary: RedisServer) -> Iterator[Sentinel]:
    """Run one Sentinel, which decides alone, over a primary and whoever follows that."""
    port, file = free_port(), folder / "sentinel.conf"
    lines = [
        f"port {port}",
        "bind 127.0.0.1",
        f"dir {folder}",
        f"sentinel monitor {NAME} 127.0.0.1 {primary.port} 1",
        f"sentinel down-after-milliseconds {NAME} 500",
        f"sentinel failover-timeout {NAME} 5000",
    ]
    file.write_text("\n".join(lines))
    program = shutil.which("redis-sentinel") or shutil.which("valkey-sentinel")
    command = [program] if program else [primary._program]
    arguments = [str(file)] if program else [str(file), "--sentinel"]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL)
    sentinel = Sentinel([("127.0.0.1", port)], socket_timeout=1)  # type: ignore[no-untyped-call]  # redis-py has no types there
    try:
        assert wait_for(lambda: listens(port)), "Sentinel did not start"
        yield sentinel
    finally:
        for client in sentinel.sentinels:
            client.close()
        process.kill()
        process.wait(WAIT)


def primary_of(sentinel: Sentinel) -> int | None:
    """Return the port of the server that Sentinel takes for the primary."""
    try:
        return int(sentinel.discover_master(NAME)[1])  # type: ignore[no-untyped-call]  # redis-py has no types there
    except redis.RedisError:
        return None


def knows_a_replica(sentinel: Sentinel) -> bool:
    """Return whether Sentinel has somebody to make the primary."""
    return bool(sentinel.discover_slaves(NAME))  # type: ignore[no-untyped-call]  # redis-py has no types there


def test_processes_go_on_with_the_primary_that_sentinel_names(
    start_alone: Start, tmp_path: Path
) -> None:
    """What was ended stays ended, and what is ended then holds in both."""
    with (
        run_redis("--repl-diskless-sync-delay", "0") as primary,
        run_redis("--replicaof", f"127.0.0.1 {primary.port}") as replica,
        run_sentinel(tmp_path, primary) as sentinel,
    ):
        assert wait_for(lambda: knows_a_replica(sentinel))

        def store() -> RedisStore:
            return RedisStore(sentinel.master_for(NAME, socket_timeout=1))  # type: ignore[no-untyped-call]  # redis-py has no types there

        here, there = start_alone(store, "here"), start_alone(store, "there")
        visitor, early, late = (here.log_in() for _ in range(3))
        here.end(early)
        assert wait_for(lambda: there.visit(early) == "ended")
        primary.stop()
        assert wait_for(lambda: primary_of(sentinel) == replica.port)
        failed_over = _time.elapsed_ms()
        for process in (here, there):
            assert wait_for(lambda: process.fresh_from > failed_over)  # noqa: B023 - called in this turn of the loop
        there.end(late)
        assert wait_for(lambda: here.visit(late) == "ended")
        for process in (here, there):
            assert [process.visit(each) for each in (early, visitor)] == ["ended", "good"]
        for process in (here, there):
            process.close()
