"""What only one kind of store has: its file, its server, its URL."""

import errno
import itertools
import multiprocessing
import os
import secrets
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis, Sentinel
from redis.asyncio import Redis as AsyncRedis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError
from redis.retry import Retry
from sqlalchemy import MetaData, StaticPool, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from iron_session import ConfigurationError, SessionUnavailableError, _time
from iron_session.revocation import MemoryStore, RedisStore, SqliteStore, SqlStore, open_store
from iron_session.revocation.directory import Row
from iron_session.revocation.ledger import ChangesLost
from iron_session.revocation.records import BEFORE_ALL, Entry, KeptSession
from iron_session.revocation.replica import Replica
from iron_session.revocation.stores import forks, redis_script
from iron_session.revocation.stores import postgresql as bounds
from iron_session.revocation.stores import redis as redis_stores
from iron_session.revocation.stores import sql as sql_stores
from iron_session.revocation.stores import sqlite as sqlite_stores
from tests.helpers.rights import close_folder
from tests.helpers.waiting import wait_for
from tests.revocation.conftest import SPACE, StartRedis, Workers, new_database
from tests.revocation.servers import RedisServer

USER = b"u" * 16
DAY_MS = 86_400_000


# --- memory ------------------------------------------------------------------------------------


def test_a_store_in_memory_is_named_in_its_repr() -> None:
    assert repr(MemoryStore()) == "<MemoryStore>"


# --- SQLite ------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "endings.sqlite3"


def test_the_file_is_made_for_its_user_alone_and_only_when_it_is_needed(path: Path) -> None:
    store = SqliteStore(str(path))
    ledger = store.ledger(SPACE)
    assert not path.exists()
    ledger.end_user(USER, None, 0)
    files = sorted(each.name for each in path.parent.iterdir())
    assert files == ["endings.sqlite3", "endings.sqlite3-shm", "endings.sqlite3-wal"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert repr(store) == f"<SqliteStore: {path}>"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "path must be the path of a file"),
        (7, "path must be the path of a file"),
        (":memory:", r"use MemoryStore\(\)"),
        ("/no/such/folder/x", "the folder of /no/such/folder/x is not there"),
        (f"{__file__}/x", "is not there: make it first"),
        ("/a\0b/x", "is not there: make it first"),
    ],
)
def test_a_path_must_be_one(given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        SqliteStore(given)


def test_a_folder_that_this_process_can_t_see_is_refused_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    close_folder(tmp_path, monkeypatch)
    with pytest.raises(ConfigurationError) as caught:
        SqliteStore(folder / "endings.sqlite3")
    assert str(caught.value) == (
        f"this process may not reach {folder}: it may not enter {tmp_path}. chown or chmod that "
        "folder, or put the file elsewhere"
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ELOOP, "Too many links"), "Too many links"),
        (PermissionError(errno.EACCES, "Forbidden"), "Forbidden"),  # and no folder is the cause
        (OSError(), "OSError"),
    ],
)
def test_a_folder_that_can_t_be_looked_at_is_refused_with_the_cause(
    error: OSError, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", fail)
        with pytest.raises(ConfigurationError) as caught:
            SqliteStore(tmp_path / "endings.sqlite3")
    assert str(caught.value) == f"this process can't look at {tmp_path}: {told}"


def test_a_relative_path_needs_a_folder_to_start_from(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, "getcwd", fail)
    with pytest.raises(ConfigurationError, match="that this process runs in is gone: give an abs"):
        SqliteStore("endings.sqlite3")


def test_a_file_that_is_another_one_is_opened_again(path: Path) -> None:
    ledger = SqliteStore(path).ledger(SPACE)
    mark = ledger.end_user(USER, None, 0)
    with closing(ledger.feed()) as feed:
        assert [each.mark for each in feed.snapshot().entries] == [mark]
        for each in path.parent.iterdir():
            each.unlink()
        for look in (lambda: feed.changes(0), feed.snapshot, lambda: feed.beat(0, 0)):
            with pytest.raises(ChangesLost):
                look()
    ledger.end_user(b"x" * 16, None, 0)
    assert path.exists()
    with closing(ledger.feed()) as feed:
        assert [each.key for each in feed.snapshot().entries] == [b"x" * 16]


def test_what_fails_is_rolled_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = SqliteStore(path).ledger(SPACE)
    with monkeypatch.context() as patch:
        patch.setattr(type(ledger), "write_meta", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.end_user(USER, None, 0)
    with closing(ledger.feed()) as feed:
        assert list(feed.snapshot().entries) == []


def test_a_file_that_is_no_database_is_an_error(path: Path) -> None:
    path.write_bytes(b"something else" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        SqliteStore(path).ledger(SPACE).end_all(0)


def end_in_child(path: Path, count: int, barrier: Any) -> None:
    barrier.wait(30)
    ledger = SqliteStore(path).ledger(SPACE)
    for _ in range(count):
        ledger.end_user(secrets.token_bytes(16), None, 0)


def test_a_mode_that_another_process_is_changing_is_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy:
        """A connection that is refused some times."""

        def __init__(self, times: int) -> None:
            self.times = times

        def execute(self, statement: str) -> None:
            self.times -= 1
            if self.times >= 0:
                raise sqlite3.OperationalError("database is locked")

    busy: Any = Busy(2)
    sqlite_stores._write_ahead(busy)
    assert busy.times == -1
    monkeypatch.setattr(sqlite_stores, "_WAIT_S", 0.01)
    busy = Busy(10_000)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite_stores._write_ahead(busy)


def test_many_processes_write_at_once(path: Path) -> None:
    """From the very first moment, when the file and its tables are made."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(4)
    children = [spawn.Process(target=end_in_child, args=(path, 20, barrier)) for _ in range(4)]
    for each in children:
        each.start()
    for each in children:
        each.join(60)
    assert [each.exitcode for each in children] == [0] * 4
    with closing(SqliteStore(path).ledger(SPACE).feed()) as feed:
        snapshot = feed.snapshot()
        assert snapshot.meta.counter == len(list(snapshot.entries)) == 80


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    "kind",
    [
        *("sqlite", "sql-sqlite"),
        *(pytest.param(kind, marks=pytest.mark.server) for kind in ("redis", "sql-postgresql")),
    ],
)
def test_a_forked_child_opens_connections_of_its_own(
    path: Path, workers: Workers, kind: str, request: pytest.FixtureRequest
) -> None:
    store: Any
    if kind == "sqlite":
        store = SqliteStore(path)
    elif kind == "redis":
        url = request.getfixturevalue("redis_server").url
        store = RedisStore(url, prefix=secrets.token_hex(4))
    else:
        is_sqlite = kind == "sql-sqlite"
        store = SqlStore(
            f"sqlite:///{path}" if is_sqlite else request.getfixturevalue("postgresql")
        )
    revocations = workers(store)
    revocations.end_user("6")
    since = revocations.now("7")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            assert revocations.wait_until_ready(30)
            revocations.end_user("7")
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert wait_for(lambda: revocations.judge(None, ["7"], since) == "ended")
    revocations.end_user("8")
    assert revocations.judge(None, ["8"], since) == "ended"
    revocations.close(30)
    if isinstance(store, SqlStore):
        store._database.engine.dispose()
    if isinstance(store, RedisStore):
        store._client.close()


@pytest.mark.parametrize("kind", ["memory", "sql"])
def test_connections_and_locks_belong_to_one_process(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As seen from within one process that has got another id."""
    stores: dict[str, Any] = {
        "memory": MemoryStore,
        "sql": lambda: SqlStore(f"sqlite:///{path}"),
    }
    store = stores[kind]()
    ledger = store.ledger(SPACE)
    ledger.end_user(USER, None, 0)
    pool = store._database.engine.pool if kind == "sql" else None
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        assert ledger.end_user(USER, None, 0)
    if pool is not None:
        assert store._database.engine.pool is not pool
        store._database._create()
        store._database.engine.dispose()
        pool.dispose()


SQLITE_STORE = """
from iron_session.revocation import SqliteStore
store = SqliteStore(sys.argv[1])
"""
SQL_STORE = """
import sqlalchemy
from iron_session.revocation import SqlStore
engine = sqlalchemy.create_engine(f"sqlite:///{sys.argv[1]}")
sqlalchemy.event.listen(engine, "connect", lambda own, _: own.execute("PRAGMA journal_mode = WAL"))
store = SqlStore(engine)
"""
END_IN_ANOTHER = """
import sys
{open_store}
from iron_session.revocation import Revocations

revocations = Revocations(store, namespace="shop")
revocations.register(14 * 86_400_000, 30 * 86_400_000)
assert revocations.wait_until_ready(30)
for user in sys.argv[2:]:
    revocations.end_user(user)
revocations.close(30)
"""


def end_in_another(path: Path, *users: str, open_store: str = SQLITE_STORE) -> None:
    """End users in a process that opens the file and closes it."""
    program = END_IN_ANOTHER.format(open_store=open_store)
    subprocess.run([sys.executable, "-c", program, str(path), *users], check=True)


def test_a_process_that_leaves_takes_nothing_from_the_others(path: Path, workers: Workers) -> None:
    """It would delete the log if the others had lost their locks, and they would never notice."""
    revocations = workers(SqliteStore(path))
    since = revocations.now("7")
    revocations.end_user("6")  # opens the file once more, beside the thread
    end_in_another(path)
    end_in_another(path, "7")
    assert wait_for(lambda: revocations.judge(None, ["7"], since) == "ended")
    revocations.end_user("8")
    assert workers(SqliteStore(path)).judge(None, ["8"], since) == "ended"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("open_store", [SQLITE_STORE, SQL_STORE], ids=["sqlite", "sql"])
def test_a_child_whose_parent_has_gone_has_locks_of_its_own(
    path: Path, tmp_path: Path, open_store: str
) -> None:
    """As a server that goes into the background: it forks, and its first process ends."""
    told = tmp_path / "told"
    end = END_IN_ANOTHER.format(open_store=open_store)
    program = f"""
import os, sys, time
sys.argv[1:] = [{str(path)!r}, "6"]
exec({end.replace("revocations.close(30)", "since = revocations.now('7')")!r})
if os.fork():
    os._exit(0)
revocations.wait_until_ready(30)
open({str(told)!r}, "w").close()
end = time.monotonic() + 30
while revocations.judge(None, ["7"], since) == "good" and time.monotonic() < end:
    time.sleep(0.05)
os.rename({str(told)!r}, {str(told)!r} + "-" + revocations.judge(None, ["7"], since))
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)
    assert wait_for(told.exists)
    end_in_another(path, open_store=open_store)
    end_in_another(path, "7", open_store=open_store)
    assert wait_for(Path(f"{told}-ended").exists)


def test_a_log_that_was_deleted_is_noticed(path: Path, workers: Workers) -> None:
    """By a careless hand: what is written into it is lost to all others."""
    revocations = workers(SqliteStore(path))
    since = revocations.now("7")
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink()

    def end_it() -> bool:  # until all connections of this process have let the old log go
        with suppress(SessionUnavailableError):
            revocations.end_user("7")
            return True
        return False

    assert wait_for(end_it)
    assert workers(SqliteStore(path)).judge(None, ["7"], since) == "ended"


def test_what_is_written_into_a_file_that_has_gone_is_an_error(path: Path) -> None:
    ledger = SqliteStore(path).ledger(SPACE)
    with pytest.raises(ChangesLost), ledger.transaction():
        path.unlink()


def test_another_file_is_not_opened_while_the_old_one_is_in_use(path: Path) -> None:
    """SQLite would take the log of the one for that of the other."""
    store = SqliteStore(path)
    ledger, other = store.ledger(SPACE), store.ledger(SPACE)
    for each in (ledger, other):
        each.end_user(USER, None, 0)
    path.unlink()
    with other._file.lock, pytest.raises(ChangesLost):
        ledger.end_user(USER, None, 0)
    assert ledger.end_user(USER, None, 0)
    assert other.end_user(USER, None, 0)


def test_a_child_leaves_a_connection_that_was_in_use_to_its_parent(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As seen from within one process; one that nobody used was closed before."""
    monkeypatch.setattr(forks, "LONGEST_S", 0.01)
    ledger, closed, unused = (SqliteStore(path).ledger(SPACE) for _ in range(3))
    for each in (ledger, closed):
        each.end_user(USER, None, 0)
    connection, lock, other = ledger._file._connection, ledger._file.lock, closed._file.lock
    with lock, unused._file.lock:
        forks._before()
        forks._after()
        assert ledger._file._connection is connection  # the parent goes on with it
        forks._before()
        assert closed._file._connection is None
        assert other.locked()
        forks._after_in_child()
    assert closed._file.lock is other
    assert not other.locked()
    assert unused._file._connection is None
    assert ledger._file._connection is None
    assert ledger._file.lock is not lock
    assert sqlite_stores._inherited.pop() is connection
    assert ledger.end_user(USER, None, 0)
    assert connection is not None
    connection.close()


def test_threads_that_fork_at_the_same_moment_leave_nothing_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one has closed, the end of the other one would let a third thread open again."""
    monkeypatch.setattr(forks, "LONGEST_S", 0.01)
    ledger = SqliteStore(path).ledger(SPACE)
    ledger.end_user(USER, None, 0)
    is_closed, may_go_on, files = threading.Event(), threading.Event(), []

    def fork() -> None:
        forks._before()
        is_closed.set()
        may_go_on.wait(30)
        files.append((ledger._file.lock.locked(), ledger._file.is_open))
        forks._after()

    forks._before()
    other = threading.Thread(target=fork)
    other.start()
    assert not is_closed.wait(0.1)
    forks._after()
    assert is_closed.wait(30)
    third = threading.Thread(target=ledger.end_user, args=(USER, None, 0))
    third.start()
    late = threading.Thread(target=lambda: files.append(SqliteStore(path).ledger(SPACE)))  # type: ignore[arg-type]  # in place of a file
    late.start()
    late.join(0.1)
    assert files == []
    may_go_on.set()
    for each in (other, third, late):
        each.join(30)
    assert files[0] == (True, False)
    assert ledger._file.is_open


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_does_not_wait_for_a_long_transaction(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child leaves that connection to its parent, and opens one of its own."""
    monkeypatch.setattr(forks, "LONGEST_S", 0.01)
    ledger = SqliteStore(path).ledger(SPACE)
    with ledger.transaction():
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                assert ledger._file._connection is None
                assert len(sqlite_stores._inherited) == 1
                assert not ledger._file.lock.locked()
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert ledger.end_user(USER, None, 0)


def test_what_is_open_by_sqlalchemy_is_closed_before_a_fork(path: Path) -> None:
    """The application's connections too, of the engine that it gives."""
    engine = create_engine(f"sqlite:///{path}")
    ledger = SqlStore(engine).ledger(SPACE)
    with closing(ledger.feed()) as feed:
        feed.beat(0, 0)
        with engine.connect(), engine.connect():
            pass
        pool: Any = engine.pool
        assert pool.checkedin() == 2
        forks._before()
        assert (pool.checkedin(), pool.checkedout()) == (0, 0)
        other = threading.Thread(target=ledger.end_user, args=(USER, None, 0))
        other.start()
        other.join(0.05)
        assert other.is_alive()
        forks._after()
        other.join(30)
        assert [each.key for each in feed.snapshot().entries] == [USER]
        forks._before()
        forks._after_in_child()
        assert feed.changes(0) is None
    engine.dispose()


def test_a_connection_that_is_in_use_at_a_fork_is_warned_of(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(forks, "LONGEST_S", 0.01)
    engine = create_engine(f"sqlite:///{path}")
    ledger = SqlStore(engine).ledger(SPACE)
    pools = [engine.pool]
    with ledger.transaction():
        forks._before()
        forks._after()
    pools.append(engine.pool)
    with engine.connect():
        forks._before()
        forks._after()
    for pool in pools:  # the connection that was in use has gone back to its own
        pool.dispose()
    assert ledger.end_user(USER, None, 0)
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        (
            "WARNING",
            f"the database of <SqlStore: sqlite:///{path}> was in use while the process forked, "
            "so endings may be lost: close connections to SQLite before a fork",
        )
    ]
    engine.dispose()


def test_a_database_in_memory_is_still_there_after_a_fork() -> None:
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    ledger = SqlStore(engine).ledger(SPACE)
    mark = ledger.end_user(USER, None, 0)
    forks._before()
    forks._after()
    with closing(ledger.feed()) as feed:
        assert [each.mark for each in feed.snapshot().entries] == [mark]
    engine.dispose()


# --- Redis -------------------------------------------------------------------------------------


@pytest.fixture
def redis_store(redis_server: RedisServer) -> Iterator[RedisStore]:
    store = RedisStore(redis_server.url, prefix=secrets.token_hex(4))
    yield store
    store._client.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@cache.internal:6380/3", "cache.internal:6380/3"),
        ("rediss://user:secret@cache.internal", "cache.internal:6379/0"),
        ("unix:///run/redis.sock?db=2&password=secret", "/run/redis.sock/2"),
    ],
)
def test_a_redis_is_shown_without_its_password(url: str, shown: str) -> None:
    assert repr(RedisStore(url)) == f"<RedisStore: {shown}>"


@pytest.mark.parametrize("url", ["http://:secret@x", "secret", "redis://:secret@x:notaport/0"])
def test_a_url_that_names_no_redis_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the URL of RedisStore") as caught:
        RedisStore(url)
    assert "secret" not in str(caught.value)


def test_a_client_of_redis_must_be_one_that_can_work() -> None:
    with pytest.raises(ConfigurationError, match="decode_responses"):
        RedisStore(Redis(decode_responses=True))
    for other in (AsyncRedis(), 7):
        with pytest.raises(ConfigurationError, match=r"must be a URL, or a redis\.Redis"):
            RedisStore(other)  # type: ignore[arg-type]  # a wrong type, which is refused


@pytest.mark.parametrize("prefix", ["", "{x}", 7])
def test_a_prefix_of_redis_must_leave_the_hash_tag_alone(prefix: Any) -> None:
    with pytest.raises(ConfigurationError, match="prefix must be text without"):
        RedisStore("redis://localhost", prefix=prefix)


def test_a_client_of_sentinel_is_named_by_its_service() -> None:
    client = Sentinel([("127.0.0.1", 1)]).master_for("mymaster")  # type: ignore[no-untyped-call]  # redis-py has no types there
    assert repr(RedisStore(client)) == "<RedisStore: mymaster/0>"


@pytest.fixture(params=["url", "client"])
def retrying(request: pytest.FixtureRequest, redis_server: RedisServer) -> Iterator[RedisStore]:
    """A store whose client tries again by itself where a connection breaks."""
    client = Redis.from_url(redis_server.url, retry=Retry(NoBackoff(), 3))
    server = redis_server.url if request.param == "url" else client
    store = RedisStore(server, prefix=secrets.token_hex(4))
    yield store
    store._client.close()
    client.close()


def break_connections(server: RedisServer) -> Any:
    """Close all connections to a server; return a new one."""
    admin: Any = Redis.from_url(server.url)
    mine = admin.client_id()
    admin.client_kill_filter(_type="normal", skipme=True)
    assert wait_for(lambda: [int(each["id"]) for each in admin.client_list()] == [mine])
    return admin


def test_another_server_is_never_read_as_if_it_were_the_same(
    redis_server: RedisServer, retrying: RedisStore
) -> None:
    """One that has lost the last change, whose clock is behind, and that has taken two others.

    The first of those has an earlier place in the stream than what was read here, and the number of
    the second is the next one here.
    """
    ledger = retrying.ledger(SPACE)
    with closing(ledger.feed()) as feed:
        ledger.end_user(USER, None, 0)
        feed.snapshot()
        admin = break_connections(redis_server)
        _, _, _, _, stream, *_ = ledger.keys
        ((place, change),) = admin.xrevrange(stream, count=1)
        earlier = int(place.split(b"-")[0]) - 1000
        admin.delete(stream)
        admin.xadd(stream, change | {b"key": b"b" * 16, b"counter": 1}, id=f"{earlier}-0")
        ledger.end_user(b"c" * 16, None, 0)
        with pytest.raises((ChangesLost, ConnectionError)):
            feed.changes(0.1)
        admin.close()
    with closing(ledger.feed()) as feed:  # the pool's connections are as good as before
        assert {each.key for each in feed.snapshot().entries} == {USER, b"c" * 16}


def test_a_snapshot_is_not_read_from_two_servers(
    redis_server: RedisServer, retrying: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place in a scan means nothing to another one, so some endings would be left out."""
    monkeypatch.setattr(redis_stores, "_SCANNED_AT_ONCE", 10)
    ledger = retrying.ledger(SPACE)
    ledger.restore(BEFORE_ALL, [Entry("user", secrets.token_bytes(16), 2**42) for _ in range(500)])
    with closing(ledger.feed()) as feed:
        entries = iter(feed.snapshot().entries)
        next(entries)
        break_connections(redis_server).close()
        with pytest.raises((ChangesLost, ConnectionError)):
            list(entries)


def test_a_client_of_ones_own_works(redis_server: RedisServer, workers: Workers) -> None:
    client = Redis.from_url(redis_server.url, socket_timeout=1)
    store = RedisStore(client, prefix=secrets.token_hex(4))
    here, there = workers(store), workers(store)
    since = here.now("7")
    here.end_user("7")
    assert wait_for(lambda: there.judge(None, ["7"], since) == "ended")
    here.close(30)
    there.close(30)
    client.close()


def test_all_keys_have_one_hash_tag_and_no_end(redis_store: RedisStore) -> None:
    """Redis would drop those first that have an end."""
    ledger = redis_store.ledger(SPACE)
    ledger.end_user(USER, None, 0)
    ledger.end_sessions({USER: DAY_MS})
    prefix = f"{{{redis_store._prefix}:{SPACE}}}:"
    keys = redis_store._client.keys(f"{redis_store._prefix}*") or redis_store._client.keys(
        f"*{redis_store._prefix}*"
    )
    assert {each.decode() for each in keys} == {
        prefix + name for name in ("meta", "users", "sessions", "changes")
    }
    assert {redis_store._client.ttl(each) for each in keys} == {-1}


def test_a_trimmed_stream_is_noticed(redis_store: RedisStore) -> None:
    ledger = redis_store.ledger(SPACE)
    with closing(ledger.feed()) as feed:
        feed.snapshot()
        ledger.end_user(USER, None, 0)
        redis_store._client.xtrim(ledger.keys[4], maxlen=0)
        assert feed.changes(0) is None
        ledger.end_user(USER, None, 0)
        with pytest.raises(ChangesLost):
            feed.changes(1)


@pytest.mark.parametrize("at", range(3))
def test_a_session_that_is_kept_while_a_snapshot_is_read_is_kept(
    redis_store: RedisStore, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Before whichever command: else it would end here, and by the next reconnect everywhere."""
    ledger, kept, replica = redis_store.ledger(SPACE), b"k" * 16, Replica()
    ledger.end_user(USER, KeptSession(b"o" * 16, 2**42), 0)
    marks: list[int] = []
    with closing(ledger.feed()) as feed:
        snapshot, send, count = feed.snapshot(), feed._client.execute_command, itertools.count()

        def execute(*command: Any, **options: Any) -> Any:
            if next(count) == at:
                marks.append(ledger.end_user(USER, KeptSession(kept, 2**42), 0))
            return send(*command, **options)

        monkeypatch.setattr(feed._client, "execute_command", execute)
        replica.apply(snapshot.entries)
        changes = feed.changes(0)
        replica.apply(() if changes is None else changes.entries)
    assert replica.users == {USER: (marks[0], kept)}


def test_a_stream_is_kept_short(redis_store: RedisStore) -> None:
    ledger = redis_store.ledger(SPACE)
    for _ in range(15):
        ledger.end_sessions({secrets.token_bytes(16): DAY_MS for _ in range(1000)})
    length = redis_store._client.xlen(ledger.keys[4])
    assert redis_script._MOST_CHANGES <= length < 2 * redis_script._MOST_CHANGES
    with closing(ledger.feed()) as feed:
        assert len(list(feed.snapshot().entries)) == 15_000
    redis_store._client.delete(*ledger.keys)


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random", "volatile-lru", "noeviction"])
def test_a_redis_that_forgets_is_refused(
    policy: str, workers: Workers, caplog: pytest.LogCaptureFixture, start_redis: StartRedis
) -> None:
    server = start_redis("--maxmemory-policy", policy)
    store = RedisStore(server.url)
    revocations = workers.make(store)
    if policy.startswith("allkeys"):
        revocations.start()
        assert wait_for(lambda: revocations._follower.trouble)
        with pytest.raises(ConfigurationError, match=f"maxmemory-policy is {policy}"):
            revocations.wait_until_ready(0.01)
    else:
        assert revocations.wait_until_ready(30)
        assert ("maxmemory-policy is volatile-lru" in caplog.text) is (policy == "volatile-lru")
    revocations.close(30)
    store._client.close()


def test_a_policy_that_may_not_be_read_is_a_warning(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Redis.from_url(redis_server.url)) as admin:
        admin.acl_setuser(
            "guest", enabled=True, passwords="+secret", keys="*", commands=["+@all", "-info"]
        )
    store = RedisStore(redis_server.url.replace("//", "//guest:secret@"))
    for _ in range(2):
        store.ledger(SPACE).feed().close()
    store._client.close()
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert "maxmemory-policy is unknown" in caplog.text


def test_a_redis_that_is_restarted_empty_is_told_what_was_there(
    workers: Workers, start_redis: StartRedis
) -> None:
    server = start_redis()
    stores = [RedisStore(server.url) for _ in range(2)]
    revocations = workers(stores[0])
    since, session_id = revocations.now("7"), secrets.token_urlsafe(16)
    revocations.end_user("7")
    revocations.end_session(session_id)
    server.stop()
    assert wait_for(lambda: revocations._follower.trouble)
    server.start()
    assert wait_for(lambda: revocations._follower.trouble is None)
    late = workers(stores[1])
    assert wait_for(lambda: late.judge(None, ["7"], since) == "ended")
    assert wait_for(lambda: late.judge(session_id, [], late.now()) == "ended")
    for each in (revocations, late):
        each.close(30)
    for store in stores:
        store._client.close()


def test_a_redis_that_is_flushed_is_told_what_was_there(
    workers: Workers, start_redis: StartRedis
) -> None:
    """Its connections stay, so only a heartbeat can tell."""
    server = start_redis()
    stores = [RedisStore(server.url) for _ in range(2)]
    revocations = workers(stores[0], max_stale=8)
    since = revocations.now("7")
    revocations.end_user("7")
    stores[0]._client.flushall()
    assert wait_for(lambda: stores[0]._client.exists(revocations._ledger.keys[1]))  # type: ignore[attr-defined]  # of this store
    late = workers(stores[1])
    assert wait_for(lambda: late.judge(None, ["7"], since) == "ended")
    for each in (revocations, late):
        each.close(30)
    for store in stores:
        store._client.close()


def test_a_redis_without_memory_makes_processes_stale(
    workers: Workers, start_redis: StartRedis
) -> None:
    """An ending that it refuses is an error; nothing of it is written."""
    server = start_redis("--maxmemory-policy", "noeviction")
    store = RedisStore(server.url)
    revocations = workers(store, max_stale=8)
    since = revocations.now("7")
    store._client.config_set("maxmemory", 1)
    with pytest.raises(Exception, match="can't be reached"):
        revocations.end_user("7")
    assert wait_for(lambda: revocations._follower.trouble)
    store._client.config_set("maxmemory", 0)
    assert wait_for(lambda: revocations._follower.trouble is None)
    assert revocations.judge(None, ["7"], since) == "good"
    revocations.close(30)
    store._client.close()


# --- SQL ---------------------------------------------------------------------------------------


def test_a_database_is_shown_without_its_password() -> None:
    store = SqlStore("postgresql+pg8000://user:secret@db.internal/shop")
    assert repr(store) == "<SqlStore: postgresql+pg8000://user:***@db.internal/shop>"


@pytest.mark.parametrize("url", ["secret", "nothing://u:secret@x/y", "postgresql+no://u:secret@x"])
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the URL of SqlStore can't be read") as caught:
        SqlStore(url)
    assert "secret" not in str(caught.value)


def test_a_database_must_be_one_that_can_work() -> None:
    with pytest.raises(ConfigurationError, match="sqlite\\+aiosqlite, which is asynchronous"):
        SqlStore("sqlite+aiosqlite:///x")
    with pytest.raises(ConfigurationError, match="must be a URL or an engine"):
        SqlStore(7)  # type: ignore[arg-type]  # a wrong type, which is refused
    with pytest.raises(ConfigurationError, match="knows PostgreSQL and SQLite, not mysql"):
        SqlStore(create_engine("mysql+pymysql://x", module=FakeDriver()))


class FakeDriver:
    paramstyle = "format"
    version_info = (1, 4, 6, "final", 1)


def test_the_tables_are_made_unless_migrations_make_them(path: Path) -> None:
    names = {"iron_session_ledgers", "iron_session_endings", "iron_session_signed_in"}
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
    own = SqlStore(engine, create_tables=False)
    assert isinstance(own.metadata, MetaData)
    assert set(own.metadata.tables) == names
    with pytest.raises(OperationalError, match="no such table"):
        own.ledger(SPACE).end_all(0)
    SqlStore(engine).ledger(SPACE).end_all(0)
    assert set(inspect(engine).get_table_names()) == names
    assert own.ledger(SPACE).end_all(0)
    engine.dispose()


def test_another_process_may_make_the_tables_at_the_same_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqlStore(f"sqlite:///{path}")
    create, fails = store.metadata.create_all, iter([True])

    def create_all(engine: Any) -> None:
        if next(fails, False):
            raise OperationalError("CREATE TABLE", None, Exception("already exists"))
        create(engine)

    monkeypatch.setattr(store.metadata, "create_all", create_all)
    assert store.ledger(SPACE).end_all(0)
    store._database.engine.dispose()


def test_much_is_read_in_parts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_stores, "_AT_ONCE", 3)
    store = SqlStore(f"sqlite:///{path}")
    ledger = store.ledger(SPACE)
    for count in (0, 1, 3, 5):
        ledger.end_sessions({secrets.token_bytes(16): DAY_MS for _ in range(count)})
    with closing(ledger.feed()) as feed:
        assert len({each.key for each in feed.snapshot().entries}) == 9
    store._database.engine.dispose()


LEVELS = ["AUTOCOMMIT", "REPEATABLE READ", "SERIALIZABLE"]


@pytest.mark.parametrize("where", ["engine", "database"])
@pytest.mark.parametrize("level", LEVELS)
def test_how_an_engine_isolates_transactions_does_not_matter(
    postgresql: str, level: str, where: str
) -> None:
    """Two that write at once lose nothing and have no errors; its own connections stay."""
    url = new_database(postgresql)
    if where == "database" and level != "AUTOCOMMIT":
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as own:
            name = f"ALTER DATABASE {url.rpartition('/')[2]}"
            own.execute(text(f"{name} SET default_transaction_isolation = '{level}'"))
        admin.dispose()
    set_up = {"isolation_level": level} if where == "engine" else {}
    engines = [create_engine(url, **set_up) for _ in range(3)]
    ledgers: list[Any] = [SqlStore(each).ledger(SPACE) for each in engines]
    with engines[0].connect() as own:
        before = own.get_isolation_level()
    with closing(ledgers[2].feed()) as feed:
        feed.snapshot()
        with ThreadPoolExecutor(2) as pool:
            ended = [
                pool.submit(ledgers[number % 2].end_user, secrets.token_bytes(16), None, 0)
                for number in range(40)
            ]
        assert len({each.result() for each in ended}) == 40
        changes = wait_for(lambda: feed.changes(0))
        assert changes is not None
        assert (len(changes.entries), changes.meta.counter) == (40, 40)
    with engines[0].connect() as own:
        assert own.get_isolation_level() == before
    for each in engines:
        each.dispose()


def test_nobody_waits_for_long_for_whoever_holds_a_lock(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a client that was frozen in the middle of a transaction."""
    engine = create_engine(new_database(postgresql))
    ledger: Any = SqlStore(engine).ledger(SPACE)
    ledger.end_all(0)
    with closing(ledger.feed()) as feed:
        for begin in (ledger.transaction, feed.reading, feed.writing):
            with begin() as tx:
                names = ("lock_timeout", "statement_timeout")
                found = [tx.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]
                assert found == ["5s", "5s"]
        monkeypatch.setattr(bounds, "BOUND", bounds.BOUND.replace("5000", "50"))
        with ledger.transaction() as tx:
            ledger.read_meta(tx, lock=True)
            waits: list[Callable[[], object]] = [lambda: ledger.end_all(0), lambda: feed.beat(0, 0)]
            for wait in waits:
                with pytest.raises(DBAPIError, match=r"lock timeout|statement timeout"):
                    wait()
        assert feed.beat(0, 0)
        with pytest.raises(DBAPIError, match="statement timeout"), ledger.transaction() as tx:
            tx.exec_driver_sql("SELECT pg_sleep(30)")
        with ledger.transaction() as tx:
            ledger.forget(tx, horizon=0, clock=0)  # the first time after long, it may take long
            tx.exec_driver_sql("SELECT pg_sleep(0.1)")
    with engine.connect() as own:
        assert own.exec_driver_sql("SHOW lock_timeout").scalar_one() == "0"
    engine.dispose()


@pytest.mark.parametrize("begins", ["driver", "AUTOCOMMIT", "nobody", "event"])
def test_how_an_engine_begins_transactions_in_sqlite_does_not_matter(
    path: Path, monkeypatch: pytest.MonkeyPatch, begins: str
) -> None:
    """Nobody writes between what belongs together; what fails is rolled back."""
    level = {"isolation_level": "AUTOCOMMIT"} if begins == "AUTOCOMMIT" else {}
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.05}, **level)
    if begins in ("nobody", "event"):
        event.listen(engine, "connect", lambda own, _: setattr(own, "isolation_level", None))
    if begins == "event":
        event.listen(engine, "begin", lambda own: own.exec_driver_sql("BEGIN"))
    ledger: Any = SqlStore(engine).ledger(SPACE)
    ledger.end_user(b"x" * 16, None, 0)
    other: Any = SqlStore(engine).ledger(SPACE)
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            with pytest.raises(OperationalError, match="locked"):
                other.end_all(0)
            raise ZeroDivisionError

        patch.setattr(ledger, "write_meta", fail)
        with pytest.raises(ZeroDivisionError):
            ledger.end_user(USER, None, 0)
    ledger.end_user(b"y" * 16, None, 0)
    with closing(ledger.feed()) as feed:
        assert [each.key for each in feed.snapshot().entries] == [b"x" * 16, b"y" * 16]
    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "driver", "AUTOCOMMIT", "event"])
def test_who_is_signed_in_is_read_while_another_process_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """In SQLite one transaction writes at a time, and to read is not to write."""
    monkeypatch.setattr(sqlite_stores, "_WAIT_S", 0.05)

    def open_ledger() -> Any:
        if kind == "sqlite":
            return SqliteStore(path).ledger(SPACE)
        level = {"isolation_level": "AUTOCOMMIT"} if kind == "AUTOCOMMIT" else {}
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.05}, **level)
        if kind == "event":
            event.listen(engine, "connect", lambda own, _: setattr(own, "isolation_level", None))
            event.listen(engine, "begin", lambda own: own.exec_driver_sql("BEGIN"))
        return SqlStore(engine).ledger(SPACE)

    here, there = open_ledger(), open_ledger()
    rows = [Row(bytes([each]) * 16, USER, "7", None, 1, 1, 1 << 50, 1) for each in (1, 2)]
    here.note_signed_in(rows[:1], {})
    there.rows_of(USER)  # it is open: to make the tables is to write
    with here.transaction() as tx:
        here.write_row(tx, rows[1])
        assert there.rows_of(USER) == rows[:1]
    assert there.rows_of(USER) == rows


def test_a_transaction_that_sqlite_has_rolled_back_itself_is_not_rolled_back_again(
    path: Path,
) -> None:
    """As when the disk is full; the error is the first one, not one about the rollback."""
    engine = create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")

    def fail(connection: Any) -> None:
        with sql_stores._begun(connection):
            connection.exec_driver_sql("ROLLBACK")
            raise ZeroDivisionError

    with engine.connect() as connection, pytest.raises(ZeroDivisionError):
        fail(connection)
    engine.dispose()


def test_a_connection_whose_isolation_can_t_be_set_goes_back_to_the_pool() -> None:
    class Refusing:
        is_closed = False

        def execution_options(self, **_: object) -> None:
            raise ZeroDivisionError

        def close(self) -> None:
            self.is_closed = True

    connection: Any = Refusing()
    with pytest.raises(ZeroDivisionError):
        sql_stores._read_committed(connection)
    assert connection.is_closed


def test_another_server_is_noticed(postgresql: str) -> None:
    """Poolers change it without a word."""
    store = SqlStore(postgresql)
    ledger = store.ledger(SPACE)
    with closing(ledger.feed()) as feed:
        feed.beat(0, 0)
        feed.beat(0, 0)
        ledger.server_name = lambda tx: "another"  # type: ignore[method-assign]  # in place of the real one
        with pytest.raises(ChangesLost):
            feed.beat(0, 0)
    store._database.engine.dispose()


def test_a_store_that_was_set_back_is_noticed() -> None:
    ledger: Any = MemoryStore().ledger(SPACE)
    with closing(ledger.feed()) as feed:
        feed.beat(0, 0)
        before = ledger._meta
        ledger.end_all(0)
        feed.snapshot()
        for meta in (before, ledger._meta._replace(generation="other", counter=2)):
            ledger._meta = meta
            with pytest.raises(ChangesLost):
                feed.changes(0)


# --- URLs --------------------------------------------------------------------------------------


def test_a_url_names_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = {
        f"sqlite:///{tmp_path}/a%20b": f"<SqliteStore: {tmp_path}/a b>",
        "sqlite:///endings.db": f"<SqliteStore: {tmp_path}/endings.db>",
        "redis://:secret@x/1": "<RedisStore: x:6379/1>",
        "rediss://x": "<RedisStore: x:6379/0>",
        "valkey://x": "<RedisStore: x:6379/0>",
        "valkeys://x": "<RedisStore: x:6379/0>",
        "unix:///run/x": "<RedisStore: /run/x/0>",
        "postgresql+pg8000://u:secret@x/y": "<SqlStore: postgresql+pg8000://u:***@x/y>",
        "postgresql+pg8000://u@x/y?password=secret": "<SqlStore: postgresql+pg8000://u@x/y>",
        "sqlite+pysqlite:///x": "<SqlStore: sqlite+pysqlite:///x>",
    }
    assert {url: repr(open_store(url)) for url in shown} == shown


@pytest.mark.parametrize("url", ["", "secret", None, 7])
def test_what_is_no_url_is_refused(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="a store's URL must be as"):
        open_store(url)


@pytest.mark.parametrize(
    ("module", "store", "extra"),
    [("redis", RedisStore, "redis"), ("sqlalchemy", SqlStore, "sqlalchemy")],
)
def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, store: Any, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"iron-session\[{extra}\]"):
        store("redis://x")


def test_the_time_of_the_test_is_the_time_of_the_server(redis_store: RedisStore) -> None:
    """Or all other tests of times would be of another clock."""
    with closing(redis_store.ledger(SPACE).feed()) as feed:
        assert abs(feed.beat(0, 0).server - _time.now_ms()) < 5000
