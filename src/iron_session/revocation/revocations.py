"""Ending sessions: what applications and `SessionOptions(revocations=…)` hold in their hands."""

from __future__ import annotations

import asyncio
import atexit
import os
import weakref
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Final, Literal, TypeVar

from iron_session import _time
from iron_session._frames import guarded, shown
from iron_session._log import log, warn_once
from iron_session._time import Seconds, to_milliseconds
from iron_session.errors import ConfigurationError, SessionUnavailableError
from iron_session.revocation import rule
from iron_session.revocation.calls import Calls, StoreHangsError
from iron_session.revocation.clock import StoreClock
from iron_session.revocation.directory import Directory, Notes, Row, Seen, SignedIn, signed_in
from iron_session.revocation.follower import Follower, beat_every_ms
from iron_session.revocation.ledger import Ledger, SessionEndedError, Store
from iron_session.revocation.names import Namer, session_key
from iron_session.revocation.outbox import Outbox, PendingEnding
from iron_session.revocation.records import Ending, Entry, Identified, KeptSession, all_entry
from iron_session.revocation.replica import Replica
from iron_session.revocation.watches import Watch, Watches
from iron_session.sessions.endings import Verdict
from iron_session.sessions.identity import check_user_id

__all__ = ["Revocations", "living"]

T = TypeVar("T")

_FIRST_WAIT_MS: Final = 5000
_LOOK_EVERY_MS: Final = 1000
_AT_EXIT_MS: Final = 2000
_AHEAD_COUNTS_MS: Final = 300_000
_LEAST_STALE_MS: Final = 5000
_MOST_STALE_MS: Final = rule.HOUR_MS
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STORED_OR_NOT: Final = "the ending was stored or not. Do it again"
_NOTHING_READ: Final = "nothing was read"
_KEEP: Final = "keep must be a session of this user that was saved"


class Revocations:
    """What ends sessions: given to `SessionOptions(revocations=…)`, and called by the application.

    Each process keeps in memory what was ended, and follows the store from one thread, which is
    started at the first use. So a request never waits for the store; only the first one of a
    process may wait up to 5 seconds, unless `wait_until_ready` was called when it started.

    Args:
        store: where endings are kept, as `SqliteStore("/var/lib/shop/endings.sqlite3")`.
        namespace: whose sessions these are, text of 1 to 256 characters: what ends a user in one
            namespace does nothing in another.
        max_stale: how old the knowledge of a process may be, 5 seconds to an hour: when the store
            could not be reached for so long, `when_stale` decides.
        when_stale: `"reject"`: sessions are empty then, and the browser's cookie is left alone;
            `"accept"`: they are judged by what is known.
        allow_until: until when sessions are accepted that do not say from when on endings count,
            as those of Node and those from before; a datetime with a time zone. None: never.
        end_on_destroy: whether `destroy()` ends the session's id in the store, so that no copy of
            the cookie can be used any more. Each takes some memory until the copies expire.
        directory: whether the store keeps a row for each session of a user, for `sessions_of`.

    Raises:
        TypeError: the namespace is no text.
        ConfigurationError: an argument can't work.
    """

    def __init__(
        self,
        store: Store,
        *,
        namespace: str,
        max_stale: Seconds = 120,
        when_stale: Literal["reject", "accept"] = "reject",
        allow_until: datetime | None = None,
        end_on_destroy: bool = True,
        directory: bool = False,
    ) -> None:
        if not isinstance(store, Store):
            raise ConfigurationError(
                "store must be a store, as SqliteStore(path) or RedisStore(url), not "
                f"{type(store).__name__}"
            )
        self._namer = Namer(namespace)
        self._max_stale_ms = _check_stale(max_stale)
        self._accepts_stale = _check_choice(when_stale)
        self._allow_until_ms = _check_until(allow_until)
        self._ends_on_destroy = _check_bool("end_on_destroy", end_on_destroy)
        self._name = repr(store)
        self._ledger = store.ledger(self._namer.space)
        self._replica, self._clock, self._watches = Replica(), StoreClock(), Watches()
        self._outbox, self._calls = Outbox(self._ledger), Calls()
        rows = _check_directory(directory, self._ledger, self._name)
        self._notes = (
            None if rows is None else Notes(rows, self._name, partial(_has_ended, self._replica))
        )
        self._follower = Follower(
            self._name,
            self._ledger,
            self._replica,
            self._clock,
            self._outbox,
            self._watches,
            self._notes,
            beat_every_ms(self._max_stale_ms),
        )
        self._follower.unmarked_until = self._allow_until_ms or 0
        self._begin_process()
        _live[id(self)] = self
        _register_exit()
        weakref.finalize(self, self._follower.stop).atexit = False  # `_at_exit` stops it

    @shown
    def __repr__(self) -> str:
        return f"<Revocations: {self._name}>"

    @property
    def ledger(self) -> Ledger:
        """What is followed: the store's ledger of the namespace."""
        return self._ledger

    def _begin_process(self) -> None:
        # By `_time.elapsed_ms`: the first and the last of the looks at sessions from ahead.
        self._ahead_from = self._ahead_looked = -_AHEAD_COUNTS_MS
        self._logged_stale: int | None = None  # the `fresh_from` that is logged to be too old
        self._look_at = 0  # when the thread is looked at, by `_time.elapsed_ms`
        self._has_waited = False
        self._waits_until: int | None = None

    def after_fork(self) -> None:
        """Make locks, thread and queue anew in a forked process; what is known stays known."""
        self._replica.renew_lock()
        self._outbox.reset()
        self._calls.reset()
        self._watches.reset()
        if self._notes is not None:
            self._notes.reset()
        self._follower.reset()
        self._begin_process()

    # --- ending sessions ---------------------------------------------------------------------

    @guarded
    def end_user(self, user_id: str, *, keep: Identified | None = None) -> Ending:
        """End all sessions of a user that have begun until now.

        Args:
            user_id: the user's id, text of 1 to 256 characters.
            keep: the one session that is left alone, as that of whoever changes a password; it
                must be one of this user.

        Returns:
            What it has done. It holds in this process already.

        Raises:
            TypeError: the id is no text.
            ConfigurationError: the id or `keep` can't work.
            SessionEndedError: the session to keep has ended itself; nothing was done.
            SessionUnavailableError: the store can't be reached; it may have been done or not.
        """
        key = self._namer.user_key(check_user_id(user_id, "user_id"))
        kept = None if keep is None else self._kept(keep, user_id, key)
        mark = self._write(lambda: self._ledger.end_user(key, kept, self._follower.estimate()))
        self._apply(Entry("user", key, mark, None if kept is None else kept.key))
        return self._ending(mark)

    @guarded
    def end_session(self, session_id: str) -> Ending:
        """End one session, and all copies of its cookie.

        Args:
            session_id: the session's id, `session.id`.

        Raises:
            TypeError: the id is no text.
            ConfigurationError: it is not the id of a session.
            SessionUnavailableError: the store can't be reached; it may have been done or not.
        """
        key = session_key(check_user_id(session_id, "session_id"))
        if key is None:
            raise ConfigurationError(
                "session_id must be the id of a session, 22 characters of base64url: session.id"
            )
        life_ms = self._follower.longest
        clock = self._write(lambda: self._ledger.end_sessions({key: life_ms}))
        self._apply(rule.session_ended(self._replica.known(clock), key, life_ms))
        return self._ending(clock)

    @guarded
    def end_all(self) -> Ending:
        """End all sessions of the namespace that have begun until now.

        Raises:
            SessionUnavailableError: the store can't be reached; it may have been done or not.
        """
        mark = self._write(lambda: self._ledger.end_all(self._follower.estimate()))
        self._apply(all_entry(mark))
        return self._ending(mark)

    async def aend_user(self, user_id: str, *, keep: Identified | None = None) -> Ending:
        """Do as `end_user`, without blocking the event loop, and for at most 10 seconds."""
        return await self._end_in_thread(lambda: self.end_user(user_id, keep=keep))

    async def aend_session(self, session_id: str) -> Ending:
        """Do as `end_session`, without blocking the event loop, and for at most 10 seconds."""
        return await self._end_in_thread(lambda: self.end_session(session_id))

    async def aend_all(self) -> Ending:
        """Do as `end_all`, without blocking the event loop, and for at most 10 seconds."""
        return await self._end_in_thread(self.end_all)

    def _kept(self, session: Identified, user_id: str, user: bytes) -> KeptSession:
        session_id, own_user_id, since = session.identity
        key = None if session_id is None else session_key(session_id)
        if own_user_id != user_id:
            raise ConfigurationError(f"{_KEEP}: it is the session of somebody else, or of nobody")
        if key is None or not since:
            raise ConfigurationError(
                f"{_KEEP}: it has no id, or no time from when on endings count; call "
                "session.save() first"
            )
        if rule.is_ended(self._replica, key, (user,), since):
            raise SessionEndedError("the session that keep names has ended: nothing was done")
        return KeptSession(key, since)

    def _write(self, call: Callable[[], T]) -> T:
        return self._call(call, _STORED_OR_NOT)

    async def _end_in_thread(self, call: Callable[[], Ending]) -> Ending:
        return await self._in_thread(call, _STORED_OR_NOT)

    async def _in_thread(self, call: Callable[[], T], effect: str) -> T:
        """Do what may call the store in a thread.

        Raises:
            SessionUnavailableError: the store does not answer.
        """
        try:
            return await self._calls.run(call)
        except StoreHangsError:
            raise SessionUnavailableError(f"{self._name} does not answer: {effect}") from None

    def _call(self, call: Callable[[], T], effect: str) -> T:
        """Call the store; whatever it raises becomes an error of this package."""
        try:
            return call()
        except (ConfigurationError, SessionEndedError):
            raise
        except Exception as error:
            raise SessionUnavailableError(
                f"{self._name} can't be reached ({type(error).__name__}): {effect}"
            ) from error

    def _apply(self, entry: Entry) -> None:
        self._replica.apply((entry,))
        self._watches.note((entry,))
        self._watches.tell_soon()

    def _ending(self, at_ms: int) -> Ending:
        at = _EPOCH + timedelta(milliseconds=at_ms)
        stale = timedelta(milliseconds=self._max_stale_ms)
        return Ending(at, None if self._accepts_stale else at + stale)

    # --- as sessions see it ------------------------------------------------------------------

    def register(self, ttl_ms: int, max_lifetime_ms: int) -> None:
        """Note the longest lives of sessions; see `Revoker`."""
        lives = [self._follower.longest, ttl_ms, max_lifetime_ms]
        if self._allow_until_ms is not None:  # unmarked sessions may live until then
            lives.append(self._allow_until_ms - _time.now_ms())
        self._follower.longest = max(lives)

    def judge(
        self, session_id: str | None, user_ids: Collection[str], since: int | None
    ) -> Verdict:
        """Return whether a session may be used; see `Revoker`."""
        now, replica = _time.elapsed_ms(), self._replica
        if now >= self._look_at:
            now = self._look(now)
        users = list(map(self._namer.user_key, user_ids))
        key = None if session_id is None else session_key(session_id)
        if not since:
            is_ended = self._is_unmarked_ended(key, users)
        else:
            is_ended = rule.is_ended(replica, key, users, since)
            if since > self._clock.reached and not is_ended and self._is_ahead(since, now):
                return self._judge_ahead(now)
        if is_ended:
            return "ended"
        if now - replica.fresh_from <= self._max_stale_ms:
            return "good"
        return self._judge_stale()

    def _is_ahead(self, since: int, now: int) -> bool:
        return rule.is_ahead(since, self._clock.estimate(now))

    def _judge_ahead(self, now: int) -> Verdict:
        """Return whether a session from ahead of the store's clock has ended, as this one knows it.

        The clock may have gone ahead since the last heartbeat. Only a heartbeat that was sent after
        the look can tell that nobody has given the session its time.
        """
        if now - self._ahead_looked > _AHEAD_COUNTS_MS:
            self._ahead_from = now
        self._ahead_looked = now
        if self._replica.fresh_from > self._ahead_from:
            return "ended"
        return "good" if self._accepts_stale else "unavailable"

    def _judge_stale(self) -> Verdict:
        """Return whether a session may be used, as far as is known; log once why it is stale.

        The thread may not have logged anything: a store that hangs tells it nothing.
        """
        fresh_from = self._replica.fresh_from
        if self._logged_stale != fresh_from:
            self._logged_stale = fresh_from
            log("ERROR", "%s, so sessions are %s", self._why_stale(), self._effect_of_staleness)
        return "good" if self._accepts_stale else "unavailable"

    def _why_stale(self) -> str:
        if self._follower.is_stopped:
            return f"this Revocations of {self._name} was closed"
        if not self._follower.is_ready:
            return f"{self._name} was not read yet"
        return f"{self._name} was not read for {self._max_stale_ms // 1000} seconds"

    @property
    def _effect_of_staleness(self) -> str:
        return "judged by what is known" if self._accepts_stale else "unavailable"

    def _is_unmarked_ended(self, key: bytes | None, users: list[bytes]) -> bool:
        if self._allow_until_ms is None:
            warn_once(
                ("revocations", "unmarked"),
                "sessions that do not say from when on endings count are refused: they are from "
                "before Revocations was used, or of Node. To accept them for a time, set "
                "Revocations(allow_until=…)",
            )
            return True
        if _time.now_ms() >= self._allow_until_ms:
            return True
        return rule.is_unmarked_ended(self._replica, key, users)

    def now(self, user_id: str | None = None) -> int:
        """Return the `since` of a session that begins now; see `Revoker`.

        Raises:
            SessionUnavailableError: the store's clock was never read in this process.
        """
        self._look(_time.elapsed_ms())
        floor = self._clock.floor()
        if floor is None:
            if not self._accepts_stale:
                raise SessionUnavailableError(
                    f"{self._name} was not reached yet, so no session can begin: "
                    + self._mend_of_trouble()
                )
            # This machine's clock may be ahead of the store's, and whatever the store ends once it
            # is back must end this session: so it counts as older than it is.
            floor = _time.now_ms() - rule.GRACE_MS
        user = None if user_id is None else self._namer.user_key(user_id)
        return max(floor, self._replica.newest_mark(user) + 1)

    def _mend_of_trouble(self) -> str:
        """Return why the store was not reached, if it can't work as it is set up."""
        trouble = self._follower.trouble
        if isinstance(trouble, ConfigurationError):
            return str(trouble)
        return "answer 503. In tests, use Revocations(MemoryStore(), …)"

    def end_soon(self, session_id: str) -> PendingEnding | None:
        """End a session at once in this process, and soon in all others; see `Revoker`."""
        key = session_key(session_id)
        if key is None or not self._ends_on_destroy:
            return None
        clock, life_ms = self._clock.estimate() or _time.now_ms(), self._follower.longest
        # First: else the follower could take what is noted here for something the store has lost.
        pending = self._outbox.add(key, life_ms or rule.UNKNOWN_LIFE_MS)
        self._apply(rule.session_ended(self._replica.known(clock), key, life_ms))
        self._look(_time.elapsed_ms(), waits=False)
        self._see_written()
        return pending

    def note_login(
        self,
        session_id: str,
        user_id: str,
        label: str | None,
        login_ms: int,
        since_ms: int | None,
        expires_ms: int,
    ) -> None:
        """Note who has signed in, if there is a directory; see `Revoker`."""
        key = session_key(session_id)
        if self._notes is None or key is None:
            return
        user, since = self._namer.user_key(user_id), since_ms or 0
        self._notes.add(Row(key, user, user_id, label, login_ms, login_ms, expires_ms, since))
        self._see_written()

    def note_seen(self, session_id: str, user_id: str, expires_ms: int) -> None:
        """Note that a session was written again, if there is a directory; see `Revoker`."""
        key = session_key(session_id)
        if self._notes is not None and key is not None:
            self._notes.add_seen(key, Seen(_time.now_ms(), expires_ms))
            self._see_written()

    def _see_written(self) -> None:
        """See that what is queued is written after `close` too; before it, the follower does it."""
        if self._follower.is_stopped:
            self._follower.write_soon()

    @guarded
    def sessions_of(self, user_id: str) -> list[SignedIn]:
        """Return where a user is signed in: the page on which people see and end their devices.

        It asks the store, so it blocks, but it writes nothing there. A session that begins or ends
        in another process at this very moment may be missing or still there.

        Args:
            user_id: the user's id, text of 1 to 256 characters.

        Returns:
            The user's sessions, the newest login first.

        Raises:
            TypeError: the id is no text.
            ConfigurationError: the id can't be one, or there is no directory.
            SessionUnavailableError: the store can't be reached.
        """
        notes = self._notes
        if notes is None:
            raise ConfigurationError("sessions_of needs Revocations(directory=True)")
        user, now = self._namer.user_key(check_user_id(user_id, "user_id")), _time.now_ms()
        rows = self._call(lambda: notes.rows_of(user), _NOTHING_READ)
        live = [row for row in rows if row.expires > now and not _has_ended(self._replica, row)]
        return [signed_in(row) for row in sorted(live, key=lambda row: row.login, reverse=True)]

    async def asessions_of(self, user_id: str) -> list[SignedIn]:
        """Do as `sessions_of`, without blocking the event loop, and for at most 10 seconds."""
        return await self._in_thread(lambda: self.sessions_of(user_id), _NOTHING_READ)

    # --- the thread --------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow the store, without waiting for it: in a server's start-up hook.

        Not before the server has forked: threads do not survive that, and each process has its own.
        """
        self._follower.start()

    def look_first(self) -> None:
        """Begin to follow the store, and wait for it as the first look at a session does.

        That look waits no more then, and neither does this, until the process is forked. Where a
        transaction of the request would be in the way of the store, this is called before it
        begins.
        """
        if not self._has_waited:
            self._look(_time.elapsed_ms())

    def wait_until_ready(self, seconds: float = 5) -> bool:
        """Begin to follow the store, and wait until it was read.

        Args:
            seconds: how long at most.

        Returns:
            Whether it was read. If not, the process goes on trying; but not once this was closed.

        Raises:
            ConfigurationError: the store can't work as it is set up.
        """
        if self._follower.is_stopped:
            log("ERROR", "%s: make a new one", self._why_stale())
            return False
        self._has_waited = self._follower.start()
        is_ready = self._has_waited and self._follower.wait(seconds)
        if not is_ready and isinstance(self._follower.trouble, ConfigurationError):
            raise self._follower.trouble
        return is_ready

    async def await_until_ready(self, seconds: float = 5) -> bool:
        """Do as `wait_until_ready`, without blocking the event loop."""
        return await asyncio.to_thread(self.wait_until_ready, seconds)

    def close(self, seconds: float = 5) -> None:
        """Follow the store no longer, and wait for the thread to end, for at most so long.

        Sessions can't be judged for long from then on, and it does not begin again: make a new
        one. Processes that end need not call it: they wait up to 2 seconds for what is queued.
        Those that end by `os._exit`, as children of `multiprocessing` do, must.
        """
        self._follower.stop()
        self._follower.join(seconds)

    def watch(self, session: Identified, callback: Callable[[], object]) -> Watch:
        """Call a function when a session ends: for WebSockets and streams that are open then.

        It is called once, in another thread, and must not block. If the session has ended already,
        it is called soon.

        Args:
            session: the session.
            callback: a function without arguments. From asyncio:
                `lambda: loop.call_soon_threadsafe(…)`.

        Returns:
            The watch. Close it when the connection closes.
        """
        session_id, user_id, since = session.identity
        key = None if session_id is None else session_key(session_id)
        users = () if user_id is None else (self._namer.user_key(user_id),)

        def is_ended() -> bool:
            if not since:
                return rule.is_unmarked_ended(self._replica, key, users)
            return rule.is_ended(self._replica, key, users, since)

        keys = users if key is None else (key, *users)
        watch = Watch(self._watches, keys, is_ended, callback)
        self._watches.add(watch)
        self._watches.tell_soon()
        self._look(_time.elapsed_ms(), waits=False)
        return watch

    def _look(self, now: int, *, waits: bool = True) -> int:
        """See that the thread runs; at the first time, wait until it has read the store.

        Returns:
            The time of `_time.elapsed_ms`, after that.
        """
        is_running = self._follower.start()
        if not waits:
            return now
        if not self._has_waited and is_running:
            if self._waits_until is None:
                self._waits_until = now + _FIRST_WAIT_MS
            self._follower.wait_for_first(max(0, self._waits_until - now) / 1000)
            self._has_waited = True
            now = _time.elapsed_ms()
        self._look_at = now + _LOOK_EVERY_MS
        return now


def _check_stale(given: Seconds) -> int:
    stale = to_milliseconds(given, "max_stale")
    if not _LEAST_STALE_MS <= stale <= _MOST_STALE_MS:
        raise ConfigurationError(
            "max_stale must be 5 seconds to an hour: an ending holds in every process by then"
        )
    return stale


def _check_choice(given: object) -> bool:
    if given not in ("reject", "accept"):
        raise ConfigurationError(f'when_stale must be "reject" or "accept", not {given!r:.40}')
    return given == "accept"


def _check_until(given: object) -> int | None:
    if given is None:
        return None
    if not isinstance(given, datetime) or given.utcoffset() is None:
        raise ConfigurationError(
            "allow_until must be a datetime with a time zone, as datetime(2030, 1, 1, tzinfo=UTC)"
        )
    return (given - _EPOCH) // timedelta(milliseconds=1)


def _check_directory(given: object, ledger: Ledger, name: str) -> Directory | None:
    if not _check_bool("directory", given):
        return None
    if not isinstance(ledger, Directory):
        raise ConfigurationError(f"{name} can't say who is signed in: leave directory=True out")
    return ledger


def _check_bool(name: str, given: object) -> bool:
    if not isinstance(given, bool):
        raise ConfigurationError(f"{name} must be True or False, not {type(given).__name__}")
    return given


def _has_ended(replica: Replica, row: Row) -> bool:
    return rule.is_ended(replica, row.key, (row.user,), row.since)


# --- forks, and the end of the process ---------------------------------------------------------

_live: weakref.WeakValueDictionary[int, Revocations] = weakref.WeakValueDictionary()


def living() -> list[Revocations]:
    """Return all that this process has made and still has; other threads may make some."""
    # Not by iteration, which fails if another thread adds something.
    return [each for each in (ref() for ref in _live.valuerefs()) if each is not None]


def _after_fork() -> None:
    for each in living():
        each.after_fork()


# Not on Windows, which does not fork.
getattr(os, "register_at_fork", dict)(after_in_child=_after_fork)


@cache
def _register_exit() -> None:
    """See that what is queued is written when the process ends.

    Not before anything can be: `logging`, which an application has imported by then, ends later.
    """
    atexit.register(_at_exit)


def _at_exit() -> None:
    busy = [each._follower for each in living() if each._follower.has_more_to_write]
    end = _time.elapsed_ms() + _AT_EXIT_MS
    for each in busy:
        each.begin_to_finish()  # all at once
    for each in busy:
        each.finish(max(0, end - _time.elapsed_ms()) / 1000)
