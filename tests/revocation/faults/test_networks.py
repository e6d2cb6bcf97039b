"""The network is cut, or slow: by a namespace where one can be made, else by a proxy."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from iron_session import _time
from iron_session.revocation import RedisStore
from tests.helpers.waiting import WAIT, wait_for
from tests.revocation.faults.conftest import Start
from tests.revocation.faults.networks import Proxy, proxy_to, run_namespace
from tests.revocation.faults.processes import (
    AWAY_AND_BACK,
    MAX_STALE_MS,
    Watch,
    follower_log,
    kinds,
)
from tests.revocation.servers import RedisServer, free_port, missing


@contextmanager
def redis_at(address: str, enter: list[str]) -> Iterator[str]:
    """Run a Redis in a namespace; give its URL."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        missing("redis-server", "redis-server")
    folder, port = Path(tempfile.mkdtemp(prefix="iron-redis-")), free_port()
    command = [*enter, str(program), "--port", str(port), "--bind", address, "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no", "--protected-mode", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"redis://{address}:{port}/0"
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            assert wait_for(lambda: answers(client)), "redis-server did not start"
        yield url
    finally:
        server.kill()
        server.wait(WAIT)
        shutil.rmtree(folder, ignore_errors=True)


def answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_in_a_partition_nobody_is_judged_and_afterwards_endings_hold(
    start_alone: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker is cut off by a network namespace; another one ends a session meanwhile."""
    with run_namespace() as namespace, redis_at(namespace.address, namespace.enter) as url:
        here = start_alone(lambda: RedisStore(url), "here")
        visitor, ended = here.log_in(), here.log_in()
        # The other worker is beside the store: what it ends, nobody here hears of.
        end = f"""
from iron_session.revocation import RedisStore, Revocations
revocations = Revocations(RedisStore({url!r}), namespace="shop")
print(revocations.end_user({ended.user!r}).at)
revocations.close()
"""
        with Watch([here], [visitor, ended]) as watch:
            namespace.cut_off()
            cut = _time.elapsed_ms()
            run_python(namespace.enter, end)
            ended.ended_at = _time.elapsed_ms()
            watch.wait(visitor, "unavailable")
            assert _time.elapsed_ms() - cut <= MAX_STALE_MS + 1500
            namespace.connect()
            watch.wait(visitor, "good")
            watch.wait(ended, "ended")
            assert watch.seen(here, visitor) == ["good", "unavailable", "good"]
            assert watch.seen(here, ended) == ["good", "unavailable", "ended"]
            # What TCP sends again may arrive before anything has failed.
            assert all(kinds(log) == AWAY_AND_BACK for log in follower_log(caplog))


def run_python(enter: list[str], code: str) -> None:

    run = subprocess.run(
        [*enter, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert run.returncode == 0, run.stderr


@pytest.fixture
def proxy(own_redis: RedisServer) -> Iterator[Proxy]:
    with proxy_to(own_redis.port) as made:
        yield made


def test_where_packets_are_held_nobody_is_judged_and_afterwards_endings_hold(
    own_redis: RedisServer, proxy: Proxy, start_alone: Start
) -> None:
    """As in a partition, but by a proxy, which any machine allows."""
    here = start_alone(lambda: RedisStore(own_redis.url), "here")
    there = start_alone(lambda: RedisStore(f"redis://127.0.0.1:{proxy.port}/0"), "there")
    visitor, ended = here.log_in(), there.log_in()
    with Watch([here, there], [visitor, ended]) as watch:
        proxy.hold()
        here.end(ended)
        watch.wait(visitor, "unavailable", there)
        proxy.let_go()
        watch.wait(visitor, "good")
        watch.wait(ended, "ended")
        assert watch.seen(here, visitor) == ["good"]
        assert watch.seen(there, visitor) == ["good", "unavailable", "good"]
        assert watch.seen(there, ended) == ["good", "unavailable", "ended"]


def test_a_slow_network_makes_nobody_stale(
    own_redis: RedisServer, proxy: Proxy, start_alone: Start, caplog: pytest.LogCaptureFixture
) -> None:
    here = start_alone(lambda: RedisStore(own_redis.url), "here")
    proxy.delay = 0.15
    there = start_alone(lambda: RedisStore(f"redis://127.0.0.1:{proxy.port}/0"), "there")
    visitor, ended = there.log_in(), here.log_in()
    with Watch([here, there], [visitor, ended]) as watch:
        for each in (here.log_in(), ended):
            here.end(each)
        watch.wait(ended, "ended")
        began = _time.elapsed_ms()
        assert wait_for(lambda: there.fresh_from > began + 1000)
        again = there.log_in(ended.user)
        assert wait_for(lambda: here.visit(again) == there.visit(again) == "good")
        assert watch.seen(there, visitor) == watch.seen(here, visitor) == ["good"]
    assert follower_log(caplog) == []


def test_a_network_too_slow_to_stay_fresh_over_is_as_none(
    own_redis: RedisServer, proxy: Proxy, start_alone: Start
) -> None:
    """Each answer is older than what may be known: nobody is judged by it."""
    here = start_alone(lambda: RedisStore(own_redis.url), "here")
    there = start_alone(lambda: RedisStore(f"redis://127.0.0.1:{proxy.port}/0"), "there")
    visitor, ended = here.log_in(), there.log_in()
    with Watch([here, there], [visitor, ended]) as watch:
        proxy.delay = 2.8
        here.end(ended)
        watch.wait(visitor, "unavailable", there)
        proxy.delay = 0
        watch.wait(visitor, "good", there)
        watch.wait(ended, "ended")
        assert "good" not in watch.seen(there, ended)[1:]
