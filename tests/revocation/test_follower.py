"""The thread: what it does when the store fails, and what the log says of it."""

import os
import secrets
import sqlite3
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from iron_session import ConfigurationError, SessionUnavailableError, _time
from iron_session.revocation import MemoryStore, Revocations, SqliteStore
from iron_session.revocation import follower as followers
from iron_session.revocation import outbox as outboxes
from iron_session.revocation.follower import beat_every_ms
from iron_session.revocation.ledger import ChangesLost, find_obstacle
from iron_session.revocation.names import session_key
from iron_session.revocation.outbox import Outbox
from iron_session.revocation.records import BEFORE_ALL, Changes, Entry, Snapshot, all_entry
from iron_session.revocation.replica import Replica
from iron_session.revocation.revocations import _after_fork, _at_exit
from iron_session.revocation.rule import HOUR_MS, LIFE_GRACE_MS
from iron_session.revocation.stores.tables import TableFeed
from tests.helpers.rights import close_folder
from tests.helpers.waiting import wait_for
from tests.revocation.conftest import SPACE, Workers

DAY_MS = 24 * HOUR_MS


class FaultyStore:
    """A store in memory that can fail, and lose what it has."""

    def __init__(self) -> None:
        self.ledgers: dict[str, Any] = {}
        # One value, since the follower's thread reads it while a test sets another.
        self.fault: tuple[BaseException | None, set[str]] = None, set()
        self.feeds = 0
        self.empty()

    def __repr__(self) -> str:
        return "<FaultyStore>"

    def empty(self) -> None:
        """Restart without anything; connections break."""
        self.memory: Any = MemoryStore()

    def fail(self, failure: BaseException | None, *places: str) -> None:
        self.fault = failure, set(places)

    def check(self, place: str) -> None:
        failure, places = self.fault
        if failure is not None and (not places or place in places):
            raise failure

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


def cannot_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


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


def may_not(file: Path) -> Callable[[object, int], bool]:
    """Stand in for `os.access` where a file or a folder may be looked at, and not be written."""
    return lambda path, mode: Path(str(path)) != file or not mode & os.W_OK


@pytest.mark.parametrize(
    ("name", "owner", "cause"),
    [
        ("endings", 1, "this process may not write {}: it belongs to another user. chown or"),
        ("endings-shm", 1, "this process may not write {}: it belongs to another user. chown or"),
        ("endings-wal", 0, "this process may not write {}: its mode forbids it. chown or"),
        ("", 0, "this process may not make files in {}, as SQLite has to: chown or"),
    ],
)
def test_the_log_says_which_right_to_sqlite_s_files_is_missing(
    name: str,
    owner: int,
    cause: str,
    tmp_path: Path,
    workers: Workers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where root has made the file: SQLite's own message does not say it, and is not shown."""
    file = tmp_path / name
    store = SqliteStore(tmp_path / "endings")
    if name:
        file.touch()
    user = tmp_path.stat().st_uid + owner
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    monkeypatch.setattr(os, "access", may_not(file))

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr("iron_session.revocation.stores.sqlite._write_ahead", fail)
    workers.make(store).start()
    assert wait_for(lambda: caplog.messages)
    assert f"{store!r} can't be followed (OperationalError): {cause.format(file)}" in caplog.text
    assert "readonly" not in caplog.text
    assert levels(caplog)[0] == "WARNING"


def find(path: Path) -> str:
    return find_obstacle(SqliteStore(path).ledger(SPACE))


def test_a_folder_that_may_not_be_entered_is_the_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not the first thing that is not seen for it."""
    path = tmp_path / "endings"
    path.touch()
    ledger = SqliteStore(path).ledger(SPACE)
    close_folder(tmp_path, monkeypatch)
    assert find_obstacle(ledger) == (
        f"this process may not reach {path}: it may not enter {tmp_path}. chown or chmod that "
        "folder, or put the file elsewhere"
    )


def test_a_folder_that_is_gone_is_no_question_of_rights(tmp_path: Path) -> None:
    """As one that is not mounted any more."""
    folder = tmp_path / "data"
    folder.mkdir()
    ledger = SqliteStore(folder / "endings").ledger(SPACE)
    folder.rmdir()
    assert find_obstacle(ledger) == (
        f"the folder {folder} is not there: make it, or mount what it is on"
    )


@pytest.mark.parametrize("name", ["endings", ""])
def test_a_read_only_file_system_is_told_before_rights_that_would_not_help(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There `os.access` denies everybody to write. A container may have it for the file alone."""
    (tmp_path / "endings").touch()
    place = tmp_path / name

    class Mounted(NamedTuple):
        f_flag: int

    monkeypatch.setattr(os, "ST_RDONLY", 1, raising=False)
    monkeypatch.setattr(
        os, "statvfs", lambda path: Mounted(4097 if path == place else 4096), raising=False
    )
    monkeypatch.setattr(os, "access", may_not(place))
    assert find(tmp_path / "endings") == (
        f"the file system of {place} is read-only here: mount it for writing, or under systemd "
        "name the folder in ReadWritePaths"
    )


def test_a_system_that_can_not_tell_how_it_is_mounted_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Windows."""
    monkeypatch.delattr(os, "statvfs", raising=False)
    assert not find(tmp_path / "endings")


def test_rights_that_can_not_be_asked_for_are_no_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def refuse(*_: object) -> bool:
        raise PermissionError

    monkeypatch.setattr(os, "access", refuse)
    assert not find(tmp_path / "endings")


def test_a_failure_that_has_another_cause_is_not_laid_to_missing_rights(
    tmp_path: Path,
    workers: Workers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("iron_session.revocation.stores.tables.TableFeed.beat", fail)
    workers.make(SqliteStore(tmp_path / "endings")).start()
    assert wait_for(lambda: caplog.messages)
    assert caplog.messages[0].endswith("can't be followed (OperationalError)")


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
    read, was_empty, feeds = getattr(TableFeed, place), threading.Event(), store.feeds

    def look(feed: Any, *given: Any) -> Any:
        if was_empty.is_set():
            return read(feed, *given)
        was_empty.set()
        return empty

    monkeypatch.setattr(TableFeed, place, look)
    store.fail(ChangesLost(), "changes" if place == "snapshot" else "nothing")
    assert wait_for(lambda: store.feeds > feeds)
    store.fail(None)
    assert was_empty.wait(30)
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
    assert not revocations._follower._thread.is_alive()  # type: ignore[union-attr]  # it is there
    unused = Revocations(store, namespace="shop")
    unused.close()


def test_without_a_thread_sessions_are_unavailable(
    store: FaultyStore,
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody waits for what is not there; and the thread is started once it can be."""
    revocations = workers.make(store)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot_start)
        start = time.monotonic()
        for _ in range(3):
            revocations._look_at = 0
            assert revocations.judge(new_id(), ["7"], 10**12) == "unavailable"
            assert not revocations.wait_until_ready(30)
        with pytest.raises(SessionUnavailableError, match="answer 503"):
            revocations.now("7")
        assert revocations.end_soon(new_id())
        assert time.monotonic() - start < 4
    texts = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert len([each for each in texts if "no thread can be started" in each]) == 1
    revocations._look_at = 0
    assert revocations.judge(new_id(), ["7"], 10**12) == "good"
    assert wait_for(lambda: not len(revocations._outbox))


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
    monkeypatch.setattr(revocations._follower, "wait_for_first", waited.append)
    revocations._look(0)
    assert waited == [5.0]
    revocations._look(0)
    assert len(waited) == 1
    revocations._has_waited = False
    revocations._look(2000)
    assert waited == [5.0, 3.0]


def test_the_first_look_does_not_wait_for_a_store_that_refuses_as_it_is_set_up(
    store: FaultyStore, workers: Workers
) -> None:
    """But for one that may answer yet."""
    store.fail(OSError("away"))
    revocations = workers.make(store)
    revocations.start()
    assert wait_for(lambda: revocations._follower.trouble is not None)
    assert not revocations._follower._has_tried.is_set()
    store.fail(ConfigurationError("its policy must be another one"))
    revocations.look_first()
    assert revocations._follower._has_tried.wait(30)
    assert not revocations._follower.is_ready
    store.fail(None)
    assert revocations.wait_until_ready(30)


def test_who_has_waited_once_does_not_look_first_again(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    revocations = workers.make(store)
    revocations.look_first()
    starts: list[None] = []
    monkeypatch.setattr(revocations._follower, "start", lambda: starts.append(None))
    revocations.look_first()
    assert starts == []
    revocations.after_fork()
    revocations.look_first()
    assert len(starts) == 1


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


def test_changes_that_are_lost_again_and_again_are_logged_and_read_less_often(
    store: FaultyStore,
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As where two stores have the same name, and a pooler gives now the one, now the other."""
    monkeypatch.setattr(followers, "_LONGEST_PAUSE_S", 5.0)
    monkeypatch.setattr("iron_session.revocation.revocations.beat_every_ms", lambda _: 640)
    revocations = workers(store)
    follower, pauses = revocations._follower, []
    pause = follower._pause

    def noted(failures: int, most: float) -> float:
        pauses.append(pause(failures, most))
        return pauses[-1]

    monkeypatch.setattr(follower, "_pause", noted)
    since = revocations.now()
    store.fail(ChangesLost(), "changes")
    assert wait_for(lambda: len(pauses) >= 8)
    assert caplog.messages == [
        "changes of <FaultyStore> are lost again and again, so all endings are read each time"
    ]
    for number, each in enumerate(pauses[:8]):
        longest = min(0.01 * 2**number, 0.64)  # no longer: sessions would be unavailable
        assert longest / 2 <= each <= longest
    assert revocations.judge(new_id(), [], since) == "good"
    store.fail(None)
    assert wait_for(lambda: follower._losses == 0)
    store.fail(ChangesLost(), "changes")
    assert wait_for(lambda: follower._losses == 5)
    assert len(caplog.messages) == 2


# --- how long sessions live --------------------------------------------------------------------


def test_a_store_that_was_emptied_knows_how_long_the_sessions_of_all_live(
    store: FaultyStore, workers: Workers
) -> None:
    """Also where those come back first whose own live for a short time."""
    short = Revocations(store, namespace="shop")
    short.register(HOUR_MS, HOUR_MS)
    try:
        long = workers(store)
        since = long.now() - 29 * DAY_MS
        assert short.wait_until_ready(30)
        assert wait_for(lambda: short._replica.longest == 30 * DAY_MS)
        long.close(30)
        store.empty()
        space = short._namer.space
        assert wait_for(lambda: store.memory.ledger(space)._meta)
        beats = short._replica.fresh_from
        assert wait_for(lambda: short._replica.fresh_from > beats + 100)
        assert short._replica.longest == 30 * DAY_MS
        assert workers(store).judge(new_id(), [], since) == "good"
    finally:
        short.close(30)


def test_the_first_heartbeat_does_not_say_what_may_be_forgotten(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has just been started knows nobody's sessions but its own."""
    seldom = "iron_session.revocation.revocations.beat_every_ms"
    monkeypatch.setattr(seldom, lambda max_stale: DAY_MS)
    short = workers.make(store)
    short._follower.longest = HOUR_MS
    assert short.wait_until_ready(30)
    meta = store.memory.ledger(short._namer.space)._meta
    assert (meta.longest, meta.horizon) == (HOUR_MS, 0)
    long = workers(store)
    assert 0 < long._replica.horizon < short.now() - 30 * DAY_MS


# --- who watches -------------------------------------------------------------------------------


class Open:
    """A session that a connection is open for."""

    def __init__(self, user: str, since: int) -> None:
        self.identity = new_id(), user, since


def test_who_watches_is_told_while_the_store_is_away(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what this process has ended itself, also where the thread hangs at the store."""
    hang = threading.Event()
    revocations = workers(store)
    session, other = (Open("7", revocations.now("7")) for _ in range(2))
    told: list[str] = []
    revocations.watch(session, lambda: told.append("ended"))
    revocations.watch(other, lambda: told.append("other"))
    with monkeypatch.context() as patched:
        patched.setattr(TableFeed, "changes", lambda *_: hang.wait(30) and None)
        patched.setattr(store, "check", lambda place: place != "end_sessions" or hang.wait(30))
        try:
            revocations.end_soon(session.identity[0])
            assert wait_for(lambda: told) == ["ended"]
            revocations.watch(session, lambda: told.append("late"))
            assert wait_for(lambda: told[1:]) == ["late"]
        finally:
            hang.set()
    assert told == ["ended", "late"]


def test_where_no_thread_can_be_started_the_follower_tells(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    revocations = workers(store)
    session, told = Open("7", revocations.now("7")), []
    revocations.watch(session, lambda: told.append("ended"))
    store.fail(OSError("away"))

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot_start)
        revocations.end_soon(session.identity[0])
        assert wait_for(lambda: told) == ["ended"]


@pytest.mark.parametrize("how", ["away", "gap", "failover", "heartbeat"])
@pytest.mark.parametrize("what", ["user", "session", "all", "horizon"])
def test_who_watches_is_told_however_the_process_learns_of_an_ending(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch, what: str, how: str
) -> None:
    """By a snapshot, after the store was away, changes were lost or another store took over."""
    revocations = workers(store)
    session, other = Open("7", revocations.now("7")), Open("8", revocations.now("8") + DAY_MS)
    told: list[str] = []
    revocations.watch(session, lambda: told.append("ended"))
    revocations.watch(other, lambda: told.append("other"))
    namer, key = revocations._namer, session_key(session.identity[0])
    assert key is not None

    def end(ledger: Any) -> None:
        if what == "user":
            ledger.end_user(namer.user_key("7"), None, 0)
        elif what == "session":
            ledger.end_sessions({key: DAY_MS})
        elif what == "all":
            ledger.end_all(0)
        else:
            ledger.restore(BEFORE_ALL._replace(horizon=session.identity[2]), ())

    if how == "failover":
        memory = MemoryStore()
        end(memory.ledger(namer.space))
        store.memory = memory
    elif how == "gap":
        ledger = store.memory.ledger(namer.space)
        with ledger.transaction():
            end(ledger)
            meta = ledger._meta
            ledger._meta = meta._replace(counter=meta.counter + 5, generation="another")
    elif how == "away":
        store.fail(OSError("away"))
        assert wait_for(lambda: revocations._follower.trouble)
        end(store.memory.ledger(namer.space))
        store.fail(None)
    else:
        end(store.memory.ledger(namer.space))
    assert wait_for(lambda: told) == ["ended"]
    assert revocations.judge(*other.identity[:1], ["8"], other.identity[2]) != "ended"


def test_who_watches_is_told_where_changes_are_lost_again_and_again(
    store: FaultyStore, workers: Workers
) -> None:
    revocations = workers(store)
    session, told = Open("7", revocations.now("7")), []
    revocations.watch(session, lambda: told.append("ended"))
    store.fail(ChangesLost(), "changes")
    store.memory.ledger(revocations._namer.space).end_all(0)
    assert wait_for(lambda: told) == ["ended"]


def test_what_nobody_tells_does_not_pile_up(store: FaultyStore, workers: Workers) -> None:
    revocations = workers(store)
    revocations.close(30)
    session, watches = Open("7", revocations.now("7")), revocations._watches
    user = Entry("user", revocations._namer.user_key("7"), 1)
    watch = revocations.watch(session, lambda: None)
    for _ in range(100):
        watches.note([user, all_entry(1)])
        watches.note_all()
    assert len(watches._news) == 1
    watch.close()
    assert len(watches._news) == 0


# --- what is queued ----------------------------------------------------------------------------


def test_an_ending_that_nobody_waits_for_is_written_by_the_thread(
    store: FaultyStore, workers: Workers
) -> None:
    revocations = workers(store)
    session_id, since = new_id(), revocations.now()
    revocations.end_soon(session_id)
    assert wait_for(lambda: not len(revocations._outbox))
    assert workers(store).judge(session_id, [], since) == "ended"


def test_an_ending_that_cannot_be_written_is_tried_again(
    store: FaultyStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    revocations = workers(store)
    session_id, since = new_id(), revocations.now()
    store.fail(OSError("away"))
    ending = revocations.end_soon(session_id)
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
    assert long.is_written
    assert len(outbox) == 0
    (entry,) = ledger.feed().snapshot().entries
    assert entry.until > _time.now_ms() + DAY_MS


def test_what_has_expired_meanwhile_is_not_written(store: FaultyStore) -> None:
    outbox = Outbox(store.ledger(SPACE))
    ending = outbox.add(b"1" * 16, -LIFE_GRACE_MS)
    outbox.flush()
    assert ending.is_written
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
    outbox = Outbox(Slow())  # type: ignore[arg-type]  # a stand-in
    outbox.add(b"1" * 16, HOUR_MS)
    outbox.flush()
    assert written == [{b"1" * 16: HOUR_MS}, {b"1" * 16: DAY_MS}]


def test_where_no_thread_can_be_started_the_follower_writes(
    store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next who waits may start one again, however often that has failed."""
    outbox = Outbox(store.ledger(SPACE))
    ending = outbox.add(b"1" * 16, DAY_MS)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot_start)
        for _ in range(10):
            assert not ending.wait(0)
    assert ending.wait(30)


def test_an_ending_that_is_queued_is_small(store: FaultyStore) -> None:
    """There are many if people log out while the store is away for long."""
    outbox = Outbox(store.ledger(SPACE))
    keys = [number.to_bytes(16) for number in range(2000)]
    tracemalloc.start()
    try:
        for key in keys:
            outbox.add(key, DAY_MS)
        size = tracemalloc.get_traced_memory()[0] / len(keys)
    finally:
        tracemalloc.stop()
    assert size < 300


def test_many_endings_are_written_in_batches(
    store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "_BATCH", 3)
    outbox = Outbox(store.ledger(SPACE))
    for number in range(10):
        outbox.add(bytes([number]) * 16, DAY_MS)
    outbox.flush()
    assert len(store.memory.ledger(SPACE)._entries) == 10


@pytest.mark.parametrize("what", ["endings", "rows"])
def test_a_store_that_is_written_to_all_the_time_is_still_followed(
    what: str, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Visitors queue more, as fast as it takes what they have queued."""
    monkeypatch.setattr(followers, "_WRITING_MS", 20)
    store = MemoryStore()
    busy, other = workers(store, directory=True), workers(store)
    since, hours = busy.now("7"), 10**14
    assert busy._notes is not None
    ledger, lasts = cast("Any", busy.ledger), threading.Event()
    end_sessions, note_signed_in = ledger.end_sessions, ledger.note_signed_in

    def end_and_queue(lives: Mapping[bytes, int]) -> int:
        if not lasts.is_set():
            busy._outbox.add(secrets.token_bytes(16), DAY_MS)
        return int(end_sessions(lives))

    def note_and_queue(rows: Any, seen: Any) -> None:
        if not lasts.is_set():
            busy.note_seen(new_id(), "7", hours)
        note_signed_in(rows, seen)

    monkeypatch.setattr(ledger, "end_sessions", end_and_queue, raising=False)
    monkeypatch.setattr(ledger, "note_signed_in", note_and_queue, raising=False)
    if what == "endings":
        busy.end_soon(new_id())
    else:
        busy.note_seen(new_id(), "7", hours)
    fresh_from = busy._replica.fresh_from
    other.end_user("7")
    assert wait_for(lambda: busy.judge(None, ["7"], since) == "ended")
    assert wait_for(lambda: busy._replica.fresh_from > fresh_from)
    lasts.set()


def test_a_store_that_hangs_gets_few_threads(store: FaultyStore) -> None:
    release, calls = threading.Event(), []

    class Hanging:
        def end_sessions(self, lives: dict[bytes, int]) -> int:
            calls.append(lives)
            release.wait(30)
            return 0

    outbox = Outbox(Hanging())  # type: ignore[arg-type]  # a stand-in
    endings = [outbox.add(bytes([number]) * 16, DAY_MS) for number in range(10)]
    assert [each.wait(0.01) for each in endings] == [False] * 10
    assert len(calls) <= 4
    release.set()
    assert wait_for(lambda: all(each.is_written for each in endings))


ENDS_AT_ONCE = """
import sys
from iron_session.revocation import Revocations, SqliteStore

revocations = Revocations(SqliteStore(sys.argv[1]), namespace="shop")
revocations.register(86_400_000, 86_400_000)
assert revocations.wait_until_ready(30)
for session_id in sys.argv[2:]:
    revocations.end_soon(session_id)
"""


def test_what_is_queued_is_written_when_the_process_ends(tmp_path: Path, workers: Workers) -> None:
    """As by a script or CGI: nobody has closed anything."""
    ids = [new_id() for _ in range(3)]
    path = str(tmp_path / "endings.sqlite3")
    command = [sys.executable, "-c", ENDS_AT_ONCE, path, *ids]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    revocations = workers(SqliteStore(path))
    since = revocations.now()
    assert [revocations.judge(each, [], since) for each in ids] == ["ended"] * 3


@pytest.mark.parametrize("has_thread", [True, False])
def test_what_can_not_be_written_when_the_process_ends_is_logged(
    store: FaultyStore,
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    has_thread: bool,
) -> None:
    """Whether the store hangs, or there was never a thread that could write it."""
    monkeypatch.setattr("iron_session.revocation.revocations._AT_EXIT_MS", 100)
    hang = threading.Event()
    revocations, idle = workers.make(store), workers(store)
    if has_thread:
        assert revocations.wait_until_ready(30)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(store, "check", lambda place: place != "end_sessions" or hang.wait(30))
            if not has_thread:
                patched.setattr(threading.Thread, "start", cannot_start)
            for _ in range(3):
                revocations.end_soon(new_id())
            caplog.clear()
            _at_exit()
        assert caplog.messages == [
            "3 endings were lost: the process has ended before <FaultyStore> took them"
        ]
    finally:
        hang.set()
    assert not idle._follower.is_stopped


def test_who_is_signed_in_and_can_not_be_written_when_the_process_ends_is_logged(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    revocations = workers.make(MemoryStore(), directory=True)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot_start)
        revocations.note_login(new_id(), "7", "Firefox", 1, 1, 10**14)
        _at_exit()
    assert caplog.messages == [
        "the rows of 1 sessions were lost: the process has ended before <MemoryStore> took them"
    ]


CLOSED_EARLY = """
import sys
from iron_session.revocation import Revocations, SqliteStore

revocations = Revocations(SqliteStore(sys.argv[1]), namespace="shop", directory=True)
revocations.register(86_400_000, 86_400_000)
since = revocations.now("7")
revocations.close(30)
revocations.note_login(sys.argv[2], "7", "Firefox", since, since, 10**14)
revocations.end_soon(sys.argv[3])
"""


def test_what_is_queued_after_a_close_is_written_when_the_process_ends(
    tmp_path: Path, workers: Workers
) -> None:
    """As by a server that closes what it has, and then answers its last requests."""
    signed_in, ended = new_id(), new_id()
    path = str(tmp_path / "endings.sqlite3")
    command = [sys.executable, "-c", CLOSED_EARLY, path, signed_in, ended]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    revocations = workers(SqliteStore(path), directory=True)
    assert revocations.judge(ended, [], revocations.now()) == "ended"
    assert [each.session_id for each in revocations.sessions_of("7")] == [signed_in]


def test_who_is_signed_in_after_a_close_is_written_at_once(workers: Workers) -> None:
    store = MemoryStore()
    closed, other = workers(store, directory=True), workers(store, directory=True)
    session_id, since = new_id(), closed.now("7")
    closed.close(30)
    closed.note_login(session_id, "7", "Firefox", since, since, 10**14)
    assert wait_for(lambda: [each.session_id for each in other.sessions_of("7")] == [session_id])
    (before,) = other.sessions_of("7")
    closed.note_seen(session_id, "7", 10**14 + 1000)
    assert wait_for(lambda: other.sessions_of("7")[0].expires_at > before.expires_at)


def test_after_a_close_one_thread_writes_at_a_time_and_whoever_asks_is_heard(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    revocations = workers(store)
    revocations.close(30)
    release, begun, calls = threading.Event(), threading.Event(), list[int]()
    flush = revocations._outbox.flush

    def slow() -> None:
        calls.append(threading.get_ident())
        flush()
        begun.set()
        release.wait(30)

    monkeypatch.setattr(Outbox, "flush", lambda _: slow())
    revocations.end_soon(new_id())
    assert begun.wait(30)
    late = [revocations.end_soon(new_id()) for _ in range(3)]
    release.set()
    assert wait_for(lambda: all(each is not None and each.is_written for each in late))
    assert wait_for(lambda: not revocations._follower._is_late)
    assert len(calls) == 2
    assert len(set(calls)) == 1


def test_a_logout_after_a_close_is_written_without_waiting_for_the_end_of_the_process(
    store: FaultyStore, workers: Workers
) -> None:
    revocations, other = workers(store), workers(store)
    session_id, since = new_id(), revocations.now()
    revocations.close(30)
    revocations.end_soon(session_id)
    assert wait_for(lambda: other.judge(session_id, [], since) == "ended")


def test_what_a_thread_that_has_died_has_left_is_written_when_the_process_ends(
    store: FaultyStore, workers: Workers
) -> None:
    revocations, other = workers.make(store), workers(store)
    session_id, since = new_id(), revocations.now()
    thread = revocations._follower._thread
    assert thread is not None
    store.fail(SystemExit(), "end_sessions", "changes")
    revocations._outbox.add(session_key(session_id) or b"", DAY_MS)
    assert wait_for(lambda: not thread.is_alive())
    store.fail(None)
    _at_exit()
    assert wait_for(lambda: other.judge(session_id, [], since) == "ended")


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
    revocations.end_soon(new_id())
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
    thread = revocations._follower._thread
    revocations.close(30)
    revocations._follower._stop.clear()  # the thread did not survive; nobody has closed anything
    revocations._outbox.add(new_id().encode()[:16], DAY_MS)
    revocations._apply(Entry("session", session_key(session_id) or b"", until=10**14))
    revocations.note_login(session_id, "7", None, 1, 1, 10**14)
    _after_fork()
    assert len(revocations._outbox) == 0
    assert revocations._notes is None or not revocations._notes._batch()
    assert revocations.judge(None, ["7"], since) == "ended"
    assert revocations.judge(session_id, [], since) == "ended"
    assert revocations._follower._thread is not thread
    assert revocations._follower._is_running()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_what_was_closed_stays_closed_in_a_forked_child(workers: Workers) -> None:
    revocations = workers(MemoryStore())
    revocations.close(30)

    def child() -> bool:
        is_ready = revocations.wait_until_ready(0)
        return not is_ready and not revocations._follower._is_running()

    assert in_child(child)
    _after_fork()  # as seen from within one process
    revocations.start()
    assert not revocations._follower._is_running()


# --- the replica -------------------------------------------------------------------------------


def test_what_may_be_forgotten_is_forgotten_here_too(store: FaultyStore, workers: Workers) -> None:
    revocations = workers(store)
    replica = revocations._replica
    assert wait_for(lambda: replica.horizon)
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


def test_nothing_is_logged_at_the_end_of_a_process_that_has_lost_nothing(
    store: FaultyStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    revocations = workers(store)
    assert revocations.wait_until_ready()
    revocations.end_soon(new_id())
    revocations.close()
    revocations._follower.finish(2)
    assert caplog.messages == []


def test_a_store_that_is_emptied_while_it_is_read_is_read_again(
    store: FaultyStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot has no generation then, which nothing could be compared with."""
    emptied: list[str] = []
    read = TableFeed.snapshot

    def snapshot(self: TableFeed[Any]) -> Snapshot:
        found = read(self)
        if not found.meta.generation or emptied:
            return found
        emptied.append(found.meta.generation)
        return found._replace(meta=found.meta._replace(generation=""))

    monkeypatch.setattr(TableFeed, "snapshot", snapshot)
    revocations = workers(store)
    assert revocations.wait_until_ready()
    assert emptied
    assert revocations.judge(new_id(), ["7"], revocations.now("7")) == "good"
