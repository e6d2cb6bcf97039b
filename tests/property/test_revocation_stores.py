"""The script in Redis does what the pure rule does, whatever is done in whatever order."""

from collections.abc import Callable
from contextlib import closing, suppress
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iron_session.revocation import MemoryStore, RedisStore, SessionEndedError
from iron_session.revocation.ledger import Ledger
from iron_session.revocation.records import Beat, Entry, KeptSession, Meta
from iron_session.revocation.rule import HOUR_MS
from tests.helpers.clock import stopped_clock
from tests.revocation.conftest import SPACE, postgresql, redis_server  # noqa: F401 - fixtures
from tests.revocation.servers import RedisServer

DAY_MS = 24 * HOUR_MS
KEYS = [bytes([number]) * 16 for number in (0, 1, 10, 255)]
Step = Callable[[Ledger, int], Any]

_numbers = count()

keys = st.sampled_from(KEYS)
# Around the store's time: some ms, hours and days before and after it.
spans = st.one_of(
    st.integers(-5, 5),
    st.sampled_from([-3 * DAY_MS, -DAY_MS, -HOUR_MS, HOUR_MS, 2 * HOUR_MS, DAY_MS, 3 * DAY_MS]),
)
lives = st.sampled_from([0, 1, HOUR_MS, DAY_MS, 2 * DAY_MS])


def beat_once(ledger: Ledger, estimate: int, longest: int) -> Beat:
    with closing(ledger.feed()) as feed:
        return feed.beat(estimate, longest)


def beat(span: int, longest: int) -> Step:
    return lambda ledger, base: beat_once(ledger, base + span, longest).meta


def end_all(span: int) -> Step:
    return lambda ledger, base: ledger.end_all(base + span)


def end_user(key: bytes, kept: bytes | None, since: int, span: int) -> Step:
    def step(ledger: Ledger, base: int) -> object:
        session = None if kept is None else KeptSession(kept, base + since)
        try:
            return ledger.end_user(key, session, base + span)
        except SessionEndedError as error:
            return str(error)

    return step


def end_sessions(ended: dict[bytes, int]) -> Step:
    return lambda ledger, base: ledger.end_sessions(ended)


def restore(meta: tuple[int, int, int, int], entries: list[tuple[Any, ...]]) -> Step:
    def step(ledger: Ledger, base: int) -> None:
        clock, newest_all, horizon, longest = meta
        known = Meta(base + clock, base + newest_all, base + horizon, longest, "other", 5)
        users = [
            Entry("user", key, base + at, kept) for key, at, kept, is_user in entries if is_user
        ]
        ended = [
            Entry("session", key, until=base + at) for key, at, _, is_user in entries if not is_user
        ]
        ledger.restore(known, users + ended)

    return step


steps = st.lists(
    st.one_of(
        st.builds(beat, spans, lives),
        st.builds(end_all, spans),
        st.builds(end_user, keys, st.one_of(st.none(), keys), spans, spans),
        st.builds(end_sessions, st.dictionaries(keys, lives)),
        st.builds(
            restore,
            st.tuples(spans, spans, spans, lives),
            st.lists(st.tuples(keys, spans, st.one_of(st.none(), keys), st.booleans()), max_size=4),
        ),
    ),
    max_size=25,
)


class TimedRedis:
    """A ledger in Redis, and the time by which it did the last step."""

    def __init__(self, ledger: Any) -> None:
        self.server = 0
        self.ledger = ledger
        run = ledger.run

        def noted(*arguments: Any, **named: Any) -> Any:
            answer = run(*arguments, **named)
            self.server = answer[1]
            return answer

        ledger.run = noted


def content(ledger: Ledger) -> tuple[Meta, dict[Any, Entry]]:
    with closing(ledger.feed()) as feed:
        snapshot = feed.snapshot()
        entries = {(each.kind, each.key): each for each in snapshot.entries if each.kind != "all"}
    return snapshot.meta._replace(generation=""), entries


@given(steps=steps)
def test_redis_does_what_the_rule_does(redis_server: RedisServer, steps: list[Step]) -> None:  # noqa: F811 - the fixture that is imported
    store = RedisStore(redis_server.url, prefix=f"property-{next(_numbers)}")
    redis, memory = TimedRedis(store.ledger(SPACE)), MemoryStore().ledger(SPACE)
    base = beat_once(redis.ledger, 0, 0).server
    with stopped_clock(base):
        beat_once(memory, 0, 0)
    for step in steps:
        found = step(redis.ledger, base)
        with stopped_clock(redis.server):
            expected = step(memory, base)
        if isinstance(found, Meta):
            found, expected = found[:4], expected[:4]
        assert found == expected
        assert content(redis.ledger) == content(memory)
    with suppress(Exception):
        store._client.delete(*redis.ledger.keys)
        store._client.close()
