"""The thread: what it does when the store fails, and what the log says of it."""

import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from iron_session import ConfigurationError, _time
from iron_session.revocation import MemoryStore, Revocations
from iron_session.revocation import follower as followers
from iron_session.revocation import outbox as outboxes
from iron_session.revocation.follower import beat_every_ms
from iron_session.revocation.ledger import ChangesLost
from iron_session.revocation.outbox import Outbox
from iron_session.revocation.records import BEFORE_ALL, Changes, Entry, Snapshot
from iron_session.revocation.replica import Replica
from iron_session.revocation.revocations import _after_fork
from iron_session.revocation.rule import HOUR_MS, LIFE_GRACE_MS
from iron_session.revocation.stores.tables import TableFeed
from tests.helpers.waiting import wait_for
from tests.revocation.conftest import SPACE, Workers

DAY_MS = 24 * HOUR_MS


class FaultyStore:
    """A store in memory that can fail, and lose what it has."""

    def __init__(self) -> None:
        self.ledgers: dict[str, Any] = {}
        self.failure: BaseException | None = None
        self.fails_at: set[str] = set()
        self.feeds = 0
        self.empty()

    def __repr__(self) -> str:
        return "<FaultyStore>"

    def empty(self) -> None:
        """Restart without anything; connections break."""
        self.memory: Any = MemoryStore()

    def fail(self, failure: BaseException | None, *places: str) -> None:
        self.failure, self.fails_at = failure, set(places)

    def check(self, place: str) -> None:
        if self.failure is not None and (not self.fails_at or place in self.fails_at):
            raise self.failure

    def ledger(self, space: str) -> Any:
        return Faulty(self, lambda: self.memory.ledger(space))


class Faulty:
    def __init__(self, store: FaultyStore, real: Callable[[], Any]) -> None:
        self._store, self._real = store, real

    def feed(self) -> Any:
        self._store.check("feed")
        self._store.feeds += 1
        memory, feed = self._store.memory, self._real().feed()

        def connected() -> Any:
            if self._store.memory is not memory:
                raise OSError("connection reset")
            return feed

        return Faulty(self._store, connected)

    def __getattr__(self, name: str) -> Any:
        self._store.check(name)
        return getattr(self._real(), name)


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beat, look and come back more often than anybody would."""
    monkeypatch.setattr(followers, "_LOOK_S", 0.02)
    monkeypatch.setattr(followers, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(followers, "_LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr(followers, "beat_every_ms", lambda max_stale: 30)
    monkeypatch.setattr("iron_session.revocation.revocations.beat_every_ms", lambda max_stale: 30)


def new_id() -> str:
    return secrets.token_urlsafe(16)


def levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in caplog.records]


@pytest.mark.parametrize(
    ("max_stale", "every"),
    [(5000, 1000), (8000, 1000), (16_000, 2000), (120_000, 15_000), (HOUR_MS, 15_000)],
)
def test_it_beats_eight_times_in_the_time_of_staleness(max_stale: int, every: int) -> None:
    assert beat_every_ms(max_stale) == every


def test_it_comes_back_when_the_store_does(
    store: FaultyStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    """One WARNING when it is gone and one INFO when it is back; without what the client said."""
    caplog.set_level("INFO")
    revocations = workers(store)
    since = revocations.now("7")
    store.fail(OSError("redis://:secret@host"))
    assert wait_for(lambda: revocations._follower._failures > 3)
    assert levels(caplog) == ["WARNING"]
    assert revocations.judge(new_id(), ["7"], since) == "good"  # fresh enough
    store.fail(None)
    assert wait_for(lambda: revocations._follower.trouble is None)
    assert levels(caplog) == ["WARNING", "INFO"]
    assert "<FaultyStore> can't be followed (OSError)" in caplog.messages[0]
    assert caplog.messages[1] == "<FaultyStore> can be reached again"
    assert "secret" not in caplog.text


def test_a_store_that_is_set_up_wrongly_is_an_error(
    store: FaultyStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    store.fail(ConfigurationError("its policy must be another one"))
    revocations = workers.make(store)
    revocations.start()
    assert wait_for(lambda: revocations._follower.trouble)
    with pytest.raises(ConfigurationError, match="its policy must be another one"):
        revocations.wait_until_ready(0.01)
    assert levels(caplog) == ["ERROR"]
    assert "its policy must be another one" in caplog.text


def test_staleness_is_noticed_while_heartbeats_fail(store: FaultyStore, workers: Workers) -> None:
    """Though the store can still be read: an isolated old primary can, too."""
    revocations = workers(store)
    store.fail(OSError("READONLY"), "beat")
    assert wait_for(lambda: revocations._follower.trouble)
    before = revocations._replica.fresh_from
    failures = revocations._follower._failures
    assert wait_for(lambda: revocations._follower._failures > failures + 2)
    assert revocations._replica.fresh_from == before


def test_a_heartbeat_counts_once_its_changes_are_known(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If they never come, a snapshot is taken."""
    revocations = workers(store)
    feeds = store.feeds
    since = revocations.now("7")
    follow = revocations._replica.follow
    lost = iter([True])

    def lose(generation: str, counter: int) -> None:
        if not next(lost, False):
            follow(generation, counter)

    monkeypatch.setattr(type(revocations._replica), "follow", lambda self, *args: lose(*args))
    store.memory.ledger(revocations._namer.space).end_user(b"x" * 16, None, 0)
    assert wait_for(lambda: store.feeds > feeds)
    assert wait_for(lambda: b"x" * 16 in revocations._replica.users)
    assert revocations.judge(new_id(), ["7"], since) == "good"


def test_a_store_that_was_emptied_is_told_what_was_there(
    store: FaultyStore, workers: Workers
) -> None:
    revocations = workers(store)
    session_id, since = new_id(), revocations.now("7")
    revocations.end_session(session_id)
    revocations.end_user("7")
    revocations.end_all()
    store.empty()
    late = workers(store)
    assert wait_for(lambda: late.judge(new_id(), ["8"], since) == "ended")
    assert wait_for(lambda: late._namer.user_key("7") in late._replica.users)
    assert wait_for(lambda: late.judge(session_id, [], late.now()) == "ended")


def test_a_store_that_is_set_back_under_its_connections_is_read_anew(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a heartbeat can tell, where changes come by themselves, as Redis' do."""
    revocations = workers(store)
    since = revocations.now("7")
    revocations.end_user("7")
    assert wait_for(lambda: revocations._replica.counter == 1)
    looks: list[float] = []

    def see_nothing(feed: object, seconds: float) -> None:
        looks.append(seconds)
        time.sleep(0.01)

    with monkeypatch.context() as patched:
        patched.setattr(TableFeed, "changes", see_nothing)
        assert wait_for(lambda: len(looks) > 2)
        ledger = store.memory.ledger(revocations._namer.space)
        ledger._meta, ledger._entries = ledger._meta._replace(counter=0), {}
        assert wait_for(lambda: ledger._entries)
    late = workers(store)
    assert wait_for(lambda: late.judge(None, ["7"], since) == "ended")


def test_a_store_that_has_lost_its_last_writes_is_told_of_them(
    store: FaultyStore, workers: Workers
) -> None:
    revocations = workers(store)
    since = revocations.now("7")
    ledger = store.memory.ledger(revocations._namer.space)
    before = ledger._meta, dict(ledger._entries)
    revocations.end_user("7")
    assert wait_for(lambda: revocations._replica.counter == 1)
    ledger._meta, ledger._entries = before
    late = workers(store)
    assert wait_for(lambda: late.judge(None, ["7"], since) == "ended")


def test_the_last_writes_are_told_even_if_as_many_others_have_followed(
    store: FaultyStore, workers: Workers
) -> None:
    revocations = workers(store)
    since, ended = revocations.now("7"), new_id()
    ledger = store.memory.ledger(revocations._namer.space)
    before = ledger._meta, dict(ledger._entries)
    revocations.end_user("7")
    revocations.end_session(ended)
    assert wait_for(lambda: revocations._replica.counter == 2)
    store.fail(OSError("failing over"))
    assert wait_for(lambda: revocations._follower.trouble)
    ledger._meta, ledger._entries = before
    for key in (b"x", b"y", b"z"):
        ledger.end_user(key * 16, None, 0)
    store.fail(None)
    late = workers(store)
    assert wait_for(lambda: late.judge(None, ["7"], since) == "ended")
    assert wait_for(lambda: late.judge(ended, [], late.now()) == "ended")


def test_lost_changes_are_read_again(
    store: FaultyStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing has failed, so nothing is logged."""
    revocations = workers(store)
    since = revocations.now("7")
    feeds = store.feeds
    store.fail(ChangesLost(), "changes")
    assert wait_for(lambda: store.feeds > feeds + 1)
    store.memory.ledger(revocations._namer.space).end_all(since)
    store.fail(None)
    assert wait_for(lambda: revocations.judge(None, ["7"], since) == "ended")
    assert caplog.records == []


@pytest.mark.parametrize("place", ["snapshot", "changes"])
def test_tables_that_are_empty_for_a_moment_are_read_again(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Else the process would follow a store without a name, and never write back what it knows."""
    revocations = workers(store)
    since, generation = revocations.now("7"), revocations._replica.generation
    revocations.end_user("7")
    empty = {"snapshot": Snapshot(BEFORE_ALL, ()), "changes": Changes(BEFORE_ALL, ())}[place]
    answers, read = iter([empty]), getattr(TableFeed, place)
    monkeypatch.setattr(
        TableFeed, place, lambda self, *given: next(answers, None) or read(self, *given)
    )
    feeds = store.feeds
    store.fail(ChangesLost(), "changes" if place == "snapshot" else "nothing")
    assert wait_for(lambda: store.feeds > feeds)
    store.fail(None)
    assert wait_for(lambda: next(answers, "none left") == "none left")
    store.memory.ledger(revocations._namer.space).end_user(b"x" * 16, None, 0)
    assert wait_for(lambda: b"x" * 16 in revocations._replica.users)
    assert revocations._replica.generation == generation
    assert revocations.judge(None, ["7"], since) == "ended"


def test_a_thread_that_has_died_is_started_again(
    store: FaultyStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    revocations = workers(store)
    thread = revocations._follower._thread
    assert thread is not None
    store.fail(SystemExit(), "changes")
    assert wait_for(lambda: not thread.is_alive())
    store.fail(None)
    assert "the thread that follows <FaultyStore> has died" in caplog.text
    revocations._look_at = 0
    revocations.judge(None, [], 1)
    assert wait_for(lambda: revocations._follower._thread is not thread)
    since = revocations.now("7")
    store.memory.ledger(revocations._namer.space).end_all(since)
    assert wait_for(lambda: revocations.judge(None, ["7"], since) == "ended")


def test_a_thread_that_was_stopped_is_not_started_again(
    store: FaultyStore, workers: Workers
) -> None:
    revocations = workers(store)
    revocations.close(30)
    revocations._follower.start()
    assert not revocations._follower._thread.is_alive()  # type: ignore[union-attr]
    unused = Revocations(store, namespace="shop")
    unused.close()


def test_one_thread_is_started_by_many_at_once(store: FaultyStore, workers: Workers) -> None:
    revocations = workers.make(store)
    before = set(threading.enumerate())
    many = [threading.Thread(target=revocations.judge, args=(None, [], 1)) for _ in range(8)]
    for each in many:
        each.start()
    for each in many:
        each.join(30)
    new = [each for each in threading.enumerate() if each not in before]
    assert [each.name for each in new] == ["iron-session-follower"]
    assert revocations.judge(new_id(), [], revocations.now()) == "good"


def test_whoever_comes_while_the_first_one_waits_waits_too(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    revocations = workers.make(store)
    waited: list[float] = []
    monkeypatch.setattr(revocations._follower, "wait", waited.append)
    revocations._look(0)
    assert waited == [5.0]
    revocations._look(0)
    assert len(waited) == 1
    revocations._has_waited = False
    revocations._look(2000)
    assert waited == [5.0, 3.0]


def test_an_unused_object_has_no_thread(store: FaultyStore) -> None:
    revocations = Revocations(store, namespace="shop")
    revocations.register(1, 1)
    assert revocations._follower._thread is None
    assert store.feeds == 0


def test_a_forgotten_object_stops_its_thread(store: FaultyStore) -> None:
    revocations = Revocations(store, namespace="shop")
    assert revocations.wait_until_ready(30)
    thread = revocations._follower._thread
    assert thread is not None
    del revocations
    assert wait_for(lambda: not thread.is_alive())


# --- what is queued ----------------------------------------------------------------------------


def test_an_ending_that_nobody_waits_for_is_written_by_the_thread(
    store: FaultyStore, workers: Workers
) -> None:
    revocations = workers(store)
    session_id, since = new_id(), revocations.now()
    revocations.end_soon(session_id, DAY_MS)
    assert wait_for(lambda: not len(revocations._outbox))
    assert workers(store).judge(session_id, [], since) == "ended"


def test_an_ending_that_cannot_be_written_is_tried_again(
    store: FaultyStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    revocations = workers(store)
    session_id, since = new_id(), revocations.now()
    store.fail(OSError("away"))
    ending = revocations.end_soon(session_id, DAY_MS)
    assert ending is not None
    assert not ending.wait(0.05)
    assert repr(ending) == "<PendingEnding: not written yet>"
    assert wait_for(lambda: "ERROR" in levels(caplog))
    failures = revocations._follower._failures
    assert wait_for(lambda: revocations._follower._failures > failures + 2)
    assert levels(caplog).count("ERROR") == 1
    assert "1 endings could not be written to <FaultyStore>" in caplog.text
    assert session_id not in caplog.text
    store.fail(None)
    assert ending.wait(30)
    assert workers(store).judge(session_id, [], since) == "ended"


def test_the_longer_life_of_two_endings_counts(store: FaultyStore) -> None:
    ledger = store.ledger(SPACE)
    outbox = Outbox(ledger)
    long = outbox.add(b"1" * 16, DAY_MS)
    assert outbox.add(b"1" * 16, HOUR_MS) is long
    assert outbox.add(b"1" * 16, 2 * DAY_MS) is long  # whoever waits for one waits for both
    assert len(outbox) == 1
    outbox.flush()
    assert long.written.is_set()
    assert len(outbox) == 0
    (entry,) = ledger.feed().snapshot().entries
    assert entry.until > _time.now_ms() + DAY_MS


def test_what_has_expired_meanwhile_is_not_written(store: FaultyStore) -> None:
    outbox = Outbox(store.ledger(SPACE))
    ending = outbox.add(b"1" * 16, -LIFE_GRACE_MS)
    outbox.flush()
    assert ending.written.is_set()
    assert store.memory.ledger(SPACE)._entries == {}


def test_what_changes_while_it_is_written_stays_queued(store: FaultyStore) -> None:
    outbox: Outbox

    class Slow:
        def end_sessions(self, lives: dict[bytes, int]) -> int:
            if lives == {b"1" * 16: HOUR_MS}:
                outbox.add(b"1" * 16, DAY_MS)
            written.append(dict(lives))
            return 0

    written: list[dict[bytes, int]] = []
    outbox = Outbox(Slow())  # type: ignore[arg-type]
    outbox.add(b"1" * 16, HOUR_MS)
    outbox.flush()
    assert written == [{b"1" * 16: HOUR_MS}, {b"1" * 16: DAY_MS}]


def test_where_no_thread_can_be_started_the_follower_writes(
    store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next who waits may start one again, however often that has failed."""
    outbox = Outbox(store.ledger(SPACE))
    ending = outbox.add(b"1" * 16, DAY_MS)

    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        for _ in range(10):
            assert not ending.wait(0)
    assert ending.wait(30)


def test_many_endings_are_written_in_batches(
    store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "_BATCH", 3)
    outbox = Outbox(store.ledger(SPACE))
    for number in range(10):
        outbox.add(bytes([number]) * 16, DAY_MS)
    outbox.flush()
    assert len(store.memory.ledger(SPACE)._entries) == 10


def test_a_store_that_hangs_gets_few_threads(store: FaultyStore) -> None:
    release, calls = threading.Event(), []

    class Hanging:
        def end_sessions(self, lives: dict[bytes, int]) -> int:
            calls.append(lives)
            release.wait(30)
            return 0

    outbox = Outbox(Hanging())  # type: ignore[arg-type]
    endings = [outbox.add(bytes([number]) * 16, DAY_MS) for number in range(10)]
    assert [each.wait(0.01) for each in endings] == [False] * 10
    assert len(calls) <= 4
    release.set()
    assert wait_for(lambda: all(each.written.is_set() for each in endings))


# --- forks -------------------------------------------------------------------------------------


def in_child(call: Callable[[], bool]) -> bool:
    """Fork, call a function in the child, and return what it returned."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if call() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_knows_what_was_known_and_begins_anew(workers: Workers) -> None:
    """Whatever locks the parent's threads held at that moment."""
    store = MemoryStore()
    revocations = workers(store, directory=True)
    since = revocations.now("7")
    revocations.end_user("7")
    revocations.end_soon(new_id(), DAY_MS)
    thread = revocations._follower._thread

    def child() -> bool:
        verdict = revocations.judge(new_id(), ["7"], since)
        is_new = revocations._follower._thread is not thread
        is_ready = revocations.wait_until_ready(10)
        revocations.end_user("8")
        works = revocations.judge(None, ["8"], since) == "ended"
        return verdict == "ended" and is_new and is_ready and works and not len(revocations._outbox)

    locks: list[Any] = [
        revocations._replica._lock,
        revocations._outbox._lock,
        revocations._follower._lock,
        store.ledger(revocations._namer.space).changed,
    ]
    for lock in locks:
        lock.acquire()
    try:
        assert in_child(child)
    finally:
        for lock in locks:
            lock.release()


@pytest.mark.parametrize("directory", [True, False])
def test_what_a_fork_leaves_behind_is_made_anew(workers: Workers, directory: bool) -> None:
    """As seen from within one process."""
    revocations = workers(MemoryStore(), directory=directory)
    since, session_id = revocations.now("7"), new_id()
    revocations.end_user("7")
    revocations.close(30)
    revocations.end_soon(session_id, DAY_MS)
    revocations.note_login(session_id, "7", None, 1, 10**14)
    _after_fork()
    assert len(revocations._outbox) == 0
    assert revocations._notes is None or revocations._notes._batch() is None
    assert revocations.judge(None, ["7"], since) == "ended"
    assert revocations.judge(session_id, [], since) == "ended"
    assert revocations._follower._thread is not None
    assert revocations._follower._thread.is_alive()


# --- the replica -------------------------------------------------------------------------------


def test_what_may_be_forgotten_is_forgotten_here_too(store: FaultyStore, workers: Workers) -> None:
    revocations = workers(store)
    replica = revocations._replica
    now = revocations.now()
    old, new, later = b"1" * 16, b"2" * 16, b"3" * 16
    replica.apply(
        [
            Entry("user", old, now - 90 * DAY_MS),
            Entry("user", new, now, b"k" * 16),
            Entry("session", old, until=now - 3 * HOUR_MS),
            Entry("session", later, until=now + 9 * DAY_MS),
            Entry("session", later, until=now - 3 * HOUR_MS),
            Entry("session", new, until=now - 3 * HOUR_MS),
            Entry("session", new, until=now + DAY_MS),
        ]
    )
    replica.forget(now)
    assert set(replica.users) == {new}
    assert set(replica.sessions) == {new, later}


def test_what_a_store_lacks_is_found() -> None:
    replica, now = Replica(), 500_000 * HOUR_MS
    own = [
        Entry("user", b"1", now),
        Entry("user", b"2", now, b"k"),
        Entry("user", b"3", now),
        Entry("session", b"4", until=now + DAY_MS),
        Entry("session", b"5", until=now + DAY_MS + 1),
        Entry("session", b"6", until=now + DAY_MS),
        Entry("session", b"7", until=now - 1),
    ]
    replica.apply(own)
    there = [
        Entry("user", b"1", now - 1),
        Entry("user", b"2", now, b"k"),
        Entry("session", b"4", until=now + DAY_MS - 1),
        Entry("session", b"5", until=now + DAY_MS),
        Entry("session", b"8", until=now + DAY_MS),
        Entry("all", b"", 7),
        Entry("user", b"9", 7),
    ]
    lacks = [*own[:1], own[2], Entry("session", b"5", until=now + DAY_MS + HOUR_MS), own[5]]
    assert list(replica.compare(there, now)) == lacks
    assert (b"8" in replica.sessions, b"9" in replica.users, replica.all) == (True, True, 7)
