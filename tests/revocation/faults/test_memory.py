"""Redis is out of memory, under each of its policies."""

import secrets

import pytest
import redis

from iron_session import ConfigurationError, SessionUnavailableError, _time
from iron_session.revocation import RedisStore, Revocations
from tests.helpers.waiting import wait_for
from tests.revocation.faults.conftest import Start
from tests.revocation.faults.processes import AWAY_AND_BACK, Watch, follower_log, kinds
from tests.revocation.servers import RedisServer, run_redis

FORGETFUL = ["allkeys-lru", "allkeys-lfu", "allkeys-random"]
VOLATILE = ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]


def fill(client: "redis.Redis", *, seconds: int | None = None) -> None:
    """Fill the memory with what others keep there, which lives for so long."""
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 2**20)
    try:
        for _ in range(200):
            client.set(secrets.token_hex(8), bytes(2**14), ex=seconds)
    except redis.OutOfMemoryError:
        pass


@pytest.mark.parametrize("policy", ["noeviction", "volatile-ttl"])
def test_a_store_without_memory_makes_processes_stale_and_forgets_nothing(
    policy: str, start_alone: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        run_redis("--maxmemory-policy", policy) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        here, there = (start_alone(lambda: RedisStore(server.url), name) for name in ("a", "b"))
        visitor, ended = here.log_in(), there.log_in()
        with Watch([here, there], [visitor, ended]) as watch:
            there.end(ended)
            client.config_set("maxmemory", 2**16)  # less than it takes
            with pytest.raises(SessionUnavailableError, match="can't be reached"):
                here.end(visitor)
            watch.wait(visitor, "unavailable")
            client.config_set("maxmemory", 0)
            watch.wait(visitor, "good")
            for process in (here, there):
                assert watch.seen(process, visitor) == ["good", "unavailable", "good"]
                assert watch.seen(process, ended) == ["good", "ended"]
            here.end(visitor)
            watch.wait(visitor, "ended")
            logs = [
                [kind for kind in kinds(log) if "maxmemory" not in kind]
                for log in follower_log(caplog)
            ]
            assert [log for log in logs if log] == [AWAY_AND_BACK] * 2


@pytest.mark.parametrize("policy", VOLATILE)
def test_what_has_a_time_to_live_makes_room_and_one_warning_says_so(
    policy: str, start_alone: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        run_redis("--maxmemory-policy", policy) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        here, there = (start_alone(lambda: RedisStore(server.url), name) for name in ("a", "b"))
        visitor, early, late = here.log_in(), here.log_in(), here.log_in()
        with Watch([here, there], [visitor, early, late]) as watch:
            here.end(early)
            fill(client, seconds=3600)
            assert wait_for(lambda: client.info("stats")["evicted_keys"] > 0)
            there.end(late)
            watch.wait(late, "ended")
            told = _time.elapsed_ms()
            assert wait_for(lambda: there.fresh_from > told)
            new = start_alone(lambda: RedisStore(server.url), "new")
            assert new.visit(early) == new.visit(late) == "ended"
            assert watch.seen(there, visitor) == ["good"]
            warnings = [text for log in follower_log(caplog) for _, text in log]
            assert warnings == [
                f"Redis' maxmemory-policy is {policy}: endings are safe with noeviction only"
            ]


@pytest.mark.parametrize("policy", FORGETFUL)
def test_a_policy_that_forgets_endings_is_refused_at_the_start(
    policy: str, start_alone: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with run_redis("--maxmemory-policy", policy) as server:
        process = start_alone.unready(lambda: RedisStore(server.url), "here")
        assert wait_for(lambda: is_refused(process.revocations, policy))
        with pytest.raises(SessionUnavailableError, match="was not reached yet"):
            process.log_in()
        ((level, text),) = [each for log in follower_log(caplog) for each in log]
        assert level == "ERROR"
        assert f"Redis' maxmemory-policy is {policy}: it forgets endings when it is full" in text


def is_refused(revocations: Revocations, policy: str) -> bool:
    try:
        revocations.wait_until_ready(0.1)
    except ConfigurationError as error:
        return policy in str(error)
    return False


def test_a_policy_that_becomes_forgetful_ends_no_ending(
    own_redis: RedisServer, start_alone: Start
) -> None:
    """Endings that Redis drops stay known to processes, and a new one is refused."""
    with redis.Redis.from_url(own_redis.url) as client:
        here, there = (start_alone(lambda: RedisStore(own_redis.url), name) for name in ("a", "b"))
        ended = [here.log_in() for _ in range(20)]
        with Watch([here, there], ended) as watch:
            for each in ended:
                here.end(each)
            for each in ended:
                watch.wait(each, "ended")
            client.config_set("maxmemory-policy", "allkeys-random")
            fill(client)
            assert wait_for(lambda: client.info("stats")["evicted_keys"] > 50)
            for each in ended:
                watch.wait(each, "ended")
                assert watch.seen(there, each) == ["good", "ended"]
            new = start_alone.unready(lambda: RedisStore(own_redis.url), "new")
            with pytest.raises(ConfigurationError, match="allkeys-random"):
                assert wait_for(lambda: new.revocations.wait_until_ready(0.1))
            client.config_set("maxmemory", 0)
