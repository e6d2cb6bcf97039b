"""A store that has lost writes, or does not tell all of them: replicas, old primaries, gaps."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from iron_session import SessionUnavailableError, _time
from iron_session.revocation import RedisStore
from tests.helpers.waiting import wait_for
from tests.revocation.faults.conftest import Start
from tests.revocation.faults.networks import Proxy, proxy_to
from tests.revocation.faults.processes import Browser, Process, Watch, follower_log, kinds
from tests.revocation.servers import RedisServer, run_redis


class Pair:
    """A primary and its replica, and a proxy that leads processes to the one of them that counts.

    Attributes:
        link: the proxy over which the replica follows.
        service: the proxy that processes know.
    """

    def __init__(self, primary: RedisServer, replica: RedisServer, link: Proxy, service: Proxy):
        self.primary, self.replica, self.link, self.service = primary, replica, link, service
        self._clients = [redis.Redis.from_url(each.url) for each in (primary, replica)]

    @property
    def _primary(self) -> "redis.Redis":
        return self._clients[0]

    @property
    def _replica(self) -> "redis.Redis":
        return self._clients[1]

    def store(self) -> RedisStore:
        return RedisStore(f"redis://127.0.0.1:{self.service.port}/0")

    def is_in_step(self) -> bool:
        """Return whether the replica has all that the primary has."""
        here, there = (each.info("replication") for each in (self._primary, self._replica))
        is_up = there["master_link_status"] == "up"
        return is_up and bool(there["slave_repl_offset"] == here["master_repl_offset"])

    def promote(self) -> None:
        """Make the replica the primary; the old one is left as it is."""
        self._replica.replicaof("NO", "ONE")

    def close(self) -> None:
        for each in self._clients:
            each.close()


@contextmanager
def run_pair(*arguments: str) -> Iterator[Pair]:
    with (
        run_redis(*arguments, "--repl-diskless-sync-delay", "0") as primary,
        proxy_to(primary.port) as link,
        run_redis("--replicaof", f"127.0.0.1 {link.port}") as replica,
        proxy_to(primary.port) as service,
    ):
        pair = Pair(primary, replica, link, service)
        try:
            assert wait_for(pair.is_in_step)
            yield pair
        finally:
            pair.close()


def test_a_replica_that_lacks_the_last_writes_is_told_of_them(
    start_alone: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with run_pair() as pair:
        here, there = start_alone(pair.store, "here"), start_alone(pair.store, "there")
        visitor, early, late, single = (here.log_in() for _ in range(4))
        with Watch([here, there], [visitor, early, late, single]) as watch:
            there.end(early)
            assert wait_for(pair.is_in_step)
            pair.link.hold()
            here.end(late)
            here.revocations.end_session(single.id)
            single.ended_at = _time.elapsed_ms()
            for each in (early, late, single):
                watch.wait(each, "ended")
            lost = here.revocations._replica.counter
            pair.primary.stop()
            pair.promote()
            pair.service.lead_to(pair.replica.port)
            failed_over = _time.elapsed_ms()
            for process in (here, there):
                assert wait_for(lambda: process.fresh_from > failed_over)  # noqa: B023 - called in this turn of the loop
            assert here.revocations._replica.counter >= lost
            new = start_alone(pair.store, "new")
            assert wait_for(
                lambda: {new.visit(each) for each in (early, late, single)} == {"ended"}
            )
            assert new.visit(visitor) == "good"
            for process in (here, there):
                assert "ended" not in watch.seen(process, visitor)
                for each in (early, late, single):
                    assert watch.seen(process, each) == ["good", "ended"]
    # The new process may find the store told already, and says nothing.
    assert {tuple(kinds(log)[:1]) for log in follower_log(caplog)} == {
        ("WARNING: can't be followed",)
    }


def test_an_ending_that_only_one_process_knows_survives_a_failover(start_alone: Start) -> None:
    """Until that process is back, the others can't know of it: the store has lost it."""
    with run_pair() as pair:
        here = start_alone(pair.store, "here")
        with proxy_to(pair.primary.port) as own:
            there = start_alone(lambda: RedisStore(f"redis://127.0.0.1:{own.port}/0"), "there")
            visitor, ended = here.log_in(), here.log_in()
            with Watch([here, there], [visitor, ended], store_keeps=False) as watch:
                assert wait_for(pair.is_in_step)
                pair.link.hold()
                own.hold()
                here.end(ended)
                pair.primary.stop()
                pair.promote()
                own.lead_to(pair.replica.port)
                pair.service.lead_to(pair.replica.port)
                watch.wait(ended, "ended")
                assert watch.seen(here, ended) == ["good", "ended"]
                assert "ended" not in watch.seen(there, visitor)


def test_an_old_primary_that_nobody_follows_makes_its_processes_stale(start_alone: Start) -> None:
    """With min-replicas-to-write it refuses heartbeats, though it answers whatever only reads."""
    with (
        run_pair("--min-replicas-to-write", "1", "--min-replicas-max-lag", "2") as pair,
        proxy_to(pair.primary.port) as own,
    ):
        here = start_alone(pair.store, "here")
        there = start_alone(lambda: RedisStore(f"redis://127.0.0.1:{own.port}/0"), "there")
        visitor, ended = here.log_in(), there.log_in()
        with Watch([here, there], [visitor, ended]) as watch:
            pair.link.hold()
            assert wait_for(lambda: refuses(there))
            pair.promote()
            pair.service.lead_to(pair.replica.port)
            assert wait_for(lambda: ends(here, ended))
            assert "ended" not in watch.seen(there, ended)
            watch.wait(visitor, "unavailable", there)
            assert watch.seen(there, ended) == ["good", "unavailable"]
            own.lead_to(pair.replica.port)
            watch.wait(ended, "ended")
            watch.wait(visitor, "good")


def refuses(process: Process) -> bool:
    """Return whether the store takes no endings: one of somebody who is not there."""
    try:
        process.revocations.end_user("nobody")
    except SessionUnavailableError:
        return True
    return False


def ends(process: Process, browser: Browser) -> bool:
    try:
        process.end(browser)
    except SessionUnavailableError:
        return False
    return True


def test_a_read_only_replica_makes_nobody_fresh(
    start_alone: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """It tells all endings, but whether it is still told of them itself, nobody knows."""
    with run_pair() as pair:
        here = start_alone(pair.store, "here")
        visitor, ended = here.log_in(), here.log_in()
        here.end(ended)
        assert wait_for(pair.is_in_step)
        there = start_alone.unready(lambda: RedisStore(pair.replica.url), "there")
        assert there.visit(visitor) == "unavailable"
        assert there.visit(ended) == "unavailable"
    assert ["WARNING: can't be followed"] in [kinds(log) for log in follower_log(caplog)]


# --- gaps ------------------------------------------------------------------------------------


def stream_of(client: "redis.Redis") -> str:
    (stream,) = client.scan_iter("*:changes")
    return bytes(stream).decode()


@pytest.mark.parametrize("later", [True, False], ids=["another-follows", "none-follows"])
def test_changes_that_were_trimmed_away_are_read_anew(
    own_redis: RedisServer, start_alone: Start, caplog: pytest.LogCaptureFixture, *, later: bool
) -> None:
    """Also if no later change shows that some are missing: the next heartbeat does."""
    with proxy_to(own_redis.port) as own, redis.Redis.from_url(own_redis.url) as client:
        here = start_alone(lambda: RedisStore(own_redis.url), "here")
        there = start_alone(lambda: RedisStore(f"redis://127.0.0.1:{own.port}/0"), "there")
        visitor = here.log_in()
        ended = [here.log_in() for _ in range(5)]
        with Watch([here, there], [visitor, *ended]) as watch:
            own.hold()
            for each in ended:
                here.end(each)
            client.xtrim(stream_of(client), maxlen=0, approximate=False)
            if later:
                here.end(here.log_in())
            own.let_go()
            for each in ended:
                watch.wait(each, "ended")
                assert watch.seen(there, each) == ["good", "ended"]
            one, other = here.revocations._replica, there.revocations._replica
            assert wait_for(lambda: one.counter == other.counter == len(ended) + later)
            told = _time.elapsed_ms()
            assert wait_for(lambda: there.fresh_from > told)
            assert watch.seen(there, visitor) == ["good"]
            assert follower_log(caplog) == []  # nothing has failed


def test_a_stream_that_is_gone_is_noticed(own_redis: RedisServer, start_alone: Start) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        here = start_alone(lambda: RedisStore(own_redis.url), "here")
        there = start_alone(lambda: RedisStore(own_redis.url), "there")
        ended = [here.log_in() for _ in range(20)]
        with Watch([here, there], ended) as watch:
            for at, each in enumerate(ended):
                here.end(each)
                if at % 3 == 0:
                    client.delete(stream_of(client))
            for each in ended:
                watch.wait(each, "ended")
