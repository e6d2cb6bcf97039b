"""The thread that follows a store: one for each `Revocations` object and process."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from itertools import islice
from threading import Event, Lock, Thread
from typing import Final, NamedTuple

from iron_session import _time
from iron_session._log import log
from iron_session.errors import ConfigurationError
from iron_session.revocation.clock import StoreClock
from iron_session.revocation.directory import Notes
from iron_session.revocation.ledger import ChangesLost, Feed, Ledger, find_obstacle
from iron_session.revocation.outbox import Outbox
from iron_session.revocation.records import Entry, Meta
from iron_session.revocation.replica import Replica
from iron_session.revocation.rule import HOUR_MS
from iron_session.revocation.watches import Watches

__all__ = ["Follower", "beat_every_ms"]

_LOOK_S: Final = 0.25
"""How long the store is waited for at a time, and the longest that what is queued here waits."""

_WRITING_MS: Final = 250
"""How long the store is written to at a time: what comes from it must not wait for long."""

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_MANY_LOSSES: Final = 5
_RESTORED_AT_ONCE: Final = 500  # SQLite before 3.32 takes 999 parameters


def beat_every_ms(max_stale_ms: int) -> int:
    """Return the time between two heartbeats: an eighth of `max_stale`, 1 to 15 seconds."""
    return min(max(max_stale_ms // 8, 1000), 15_000)


def _started(work: Callable[[], None]) -> Thread:
    """Return a new thread that does this.

    Raises:
        RuntimeError: the process can't have more threads, or ends.
    """
    thread = Thread(target=work, name="iron-session-follower", daemon=True)
    thread.start()
    return thread


class _Awaited(NamedTuple):
    """A heartbeat that was written.

    Attributes:
        counter: what must be known for it to count.
        sent: when it was sent.
        is_first: whether it is the first one of a connection.
    """

    counter: int
    sent: int
    is_first: bool


class Follower:
    """Keeps a replica, and what this process has to write, in step with a store.

    Args:
        name: how the log calls the store; holds no password.
        ledger: what is followed.
        replica: what is told of it.
        clock: the store's clock.
        outbox: what is to be written.
        watches: who is told of endings.
        notes: what is to be written of who is signed in; None for nothing.
        every_ms: the time between two heartbeats.

    Attributes:
        longest: the longest life of a session in this process, in ms; 0 while that is not known.
        unmarked_until: until when sessions are accepted that are older than any ending; 0 for none.
        trouble: why the store can't be used now; None if it can, or nobody has tried.
    """

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        replica: Replica,
        clock: StoreClock,
        outbox: Outbox,
        watches: Watches,
        notes: Notes | None,
        every_ms: int,
    ) -> None:
        self._name = name
        self._ledger = ledger
        self._replica = replica
        self._clock = clock
        self._outbox = outbox
        self._watches = watches
        self._notes = notes
        self._every_ms = every_ms
        self.longest: int = 0
        self.unmarked_until = 0
        self._stop = Event()
        self.reset()

    def reset(self) -> None:
        """Begin anew in a process that was forked: its thread and its locks stayed behind.

        What was stopped stays so.
        """
        self._lock = Lock()
        was_stopped, self._stop = self._stop.is_set(), Event()
        if was_stopped:
            self._stop.set()
        self._ready = Event()
        self._has_tried = Event()  # set once the store was read, or refuses as it is set up
        self._thread: Thread | None = None
        self._lacks_thread = False
        self._is_late = self._is_late_asked = False  # see `write_soon`
        self.trouble: Exception | None = None
        self._failures = self._losses = 0
        self._has_told_of_queue = False
        self._next_beat = 0
        self._forgotten_hour = 0
        self._awaited: _Awaited | None = None

    def start(self) -> bool:
        """Start the thread, unless it runs already; also if it has died. Return whether it runs."""
        if self._is_running():
            return True
        with self._lock:
            # Another thread may have started it, or be about to: then it holds the lock.
            if not self._is_running() and not self._stop.is_set():
                self._start()
            return self._is_running()

    def _start(self) -> None:
        try:
            self._thread = _started(self._run)
        except RuntimeError as error:  # the process can't have more threads, or ends
            if not self._lacks_thread:
                text = (
                    "%s can't be followed, since no thread can be started (%s): it is tried again"
                )
                log("ERROR", text, self._name, error)
            self._lacks_thread = True
        else:
            self._lacks_thread = False

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped, and so is not started any more."""
        return self._stop.is_set()

    @property
    def is_ready(self) -> bool:
        """Whether the store was read."""
        return self._ready.is_set()

    @property
    def has_more_to_write(self) -> bool:
        """Whether something is queued: endings, or who is signed in."""
        return bool(len(self._outbox) or self._notes)

    def wait(self, seconds: float) -> bool:
        """Wait until the store was read; return whether it was."""
        return self._ready.wait(seconds)

    def wait_for_first(self, seconds: float) -> None:
        """Wait until the store was read, or is known not to work as it is set up."""
        self._has_tried.wait(seconds)

    def stop(self) -> None:
        """Let the thread end soon; it is not started again."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        if self._thread is not None:
            self._thread.join(seconds)

    def write_soon(self) -> None:
        """Write what was queued after `stop`, in a thread that ends once nobody asks any more.

        Not when the process ends: newer Pythons start no thread then.
        """
        with self._lock:
            self._is_late_asked = True
            if not self._is_late:
                with suppress(RuntimeError):  # the process can't have more threads, or ends
                    self._thread = _started(self._write_late)
                    self._is_late = True

    def begin_to_finish(self) -> None:
        """See at the end of the process that what is queued is written, by some thread."""
        with self._lock:
            self._stop.set()
            if not self._is_running():  # it was stopped earlier, has died, or was never started
                self._thread = None
                with suppress(RuntimeError):  # no more threads: `finish` logs what is lost
                    self._thread = _started(self._write_the_rest)

    def finish(self, seconds: float) -> None:
        """Wait at the end of the process until what is queued is written; log what is lost."""
        self.join(seconds)
        # A thread that has ended has written all, or has logged why not.
        if self._thread is not None and not self._is_running():
            return
        if len(self._outbox):
            text = "%d endings were lost: the process has ended before %s took them"
            log("ERROR", text, len(self._outbox), self._name)
        if self._notes:
            text = "the rows of %d sessions were lost: the process has ended before %s took them"
            log("ERROR", text, len(self._notes), self._name)

    def estimate(self) -> int:
        """Return where the store's clock should be: past all that is known; 0 if that is nothing.

        A store that has lost an ending would otherwise give the next one the time of a session that
        began after the first.
        """
        newest = self._replica.newest
        return max(self._clock.estimate() or 0, newest + 1 if newest else 0)

    # --- in the thread ---

    def _keep_for_unmarked(self, clock: int) -> None:
        """Keep endings of users for as long as sessions are accepted that are older.

        They may be from when an earlier day was named for that.
        """
        oldest = self._replica.oldest_mark()
        if oldest and clock < self.unmarked_until:
            self.longest = max(self.longest, self.unmarked_until - oldest)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._follow_or_wait()
            self._write_the_rest()
        except BaseException:  # a look at any session starts it again
            log("ERROR", "the thread that follows %s has died", self._name, with_traceback=True)

    def _write_late(self) -> None:
        while True:
            with self._lock:
                if not self._is_late_asked:
                    self._is_late = False
                    return
                self._is_late_asked = False
            self._write_the_rest()

    def _write_the_rest(self) -> None:
        """Write the last endings, and who is signed in: nobody tries again."""
        try:
            self._outbox.flush()
        except Exception as error:
            text = "%d endings were lost: %s can't be reached (%s)"
            log("ERROR", text, len(self._outbox), self._name, type(error).__name__)
        if self._notes:
            self._notes.flush_last()  # it logs why it can't be
            if self._notes:
                text = "the rows of %d sessions were lost: they could not be written to %s"
                log("ERROR", text, len(self._notes), self._name)

    def _follow_or_wait(self) -> None:
        try:
            self._follow()
        except ChangesLost:  # a snapshot tells what they were
            self._note_loss()
            self._watches.tell()
            self._stop.wait(self._pause(self._losses - 1, self._every_ms / 1000))
        except Exception as error:
            self._note_trouble(error)
            self._watches.tell()
            self._stop.wait(self._pause(self._failures, _LONGEST_PAUSE_S))

    def _pause(self, failures: int, most: float) -> float:
        """Return how long to wait, in seconds, so that not all processes come back at once."""
        longest = min(_FIRST_PAUSE_S * (1 << min(failures, 10)), most, _LONGEST_PAUSE_S)
        return longest * (0.5 + secrets.randbelow(1000) / 2000)

    def _follow(self) -> None:
        """Follow the store over one connection, until something goes wrong."""
        with closing(self._ledger.feed()) as feed:
            self._synchronise(feed)
            while not self._stop.is_set():
                self._outbox.flush(_time.elapsed_ms() + _WRITING_MS)
                self._watches.tell()
                if self._notes is not None:
                    self._notes.flush(_time.elapsed_ms() + _WRITING_MS)
                self._take(feed, _LOOK_S)
                if _time.elapsed_ms() >= self._next_beat:
                    self._beat(feed)
                    self._take(feed, 0)

    def _synchronise(self, feed: Feed) -> None:
        """Read all that the store has, and write what it lacks.

        It lacks something if it was restarted empty, or failed over to what had not got the last
        writes yet.
        """
        self._beat(feed, is_first=True)
        snapshot, replica = feed.snapshot(), self._replica
        meta = snapshot.meta
        if not meta.generation:  # the store was emptied just now
            raise ChangesLost
        replica.forget(meta.clock)
        self._restore(replica.compare(snapshot.entries, meta.clock), meta)
        replica.learn(meta)
        self._keep_for_unmarked(meta.clock)
        replica.follow(meta.generation, meta.counter)
        self._watches.note_all()
        self._settle()

    def _restore(self, entries: Iterable[Entry], there: Meta) -> None:
        """Write endings to a store that may have lost them, and what else it should know.

        Those of the outbox follow by themselves, and the store then keeps them for as long as
        sessions live anywhere; this process may not have known that when it noted them.
        """
        known = self._replica.known(self.estimate())
        known = known._replace(longest=max(known.longest, self.longest))
        if any(mine > theirs for mine, theirs in zip(known[1:4], there[1:4], strict=True)):
            self._ledger.restore(known, ())
        rest = (each for each in entries if each.kind != "session" or each.key not in self._outbox)
        while batch := list(islice(rest, _RESTORED_AT_ONCE)):
            self._ledger.restore(known, batch)

    def _beat(self, feed: Feed, *, is_first: bool = False) -> None:
        """Write a heartbeat. It counts once all that was written before it is known here."""
        if self._awaited is not None and not is_first:
            raise ChangesLost  # the last one does not count yet: its changes do not come any more
        sent, replica = _time.elapsed_ms(), self._replica
        beat = feed.beat(self.estimate(), self._longest_to_name(feed, is_first))
        meta = beat.meta
        self._clock.set(beat, _time.elapsed_ms())
        self._learn(meta, ())
        self._forget_hourly(meta)
        self._next_beat = sent + self._every_ms
        self._awaited = _Awaited(meta.counter, sent, is_first)
        is_older = meta.generation != replica.generation or meta.counter < replica.counter
        if is_older and not is_first:  # the store was restarted empty, or from an older state
            raise ChangesLost

    def _longest_to_name(self, feed: Feed, is_first: bool) -> int:
        """Return the longest life of a session that a heartbeat names; 0 for none.

        By it the store forgets, and has all sessions refused that are older. One that was emptied
        must not go by this process's own before the others have told it of theirs.
        """
        known = self._replica.longest
        if is_first and not feed.snapshot().meta.longest:
            return known
        return max(known, self.longest)

    def _forget_hourly(self, meta: Meta) -> None:
        hour = meta.clock // HOUR_MS
        if hour != self._forgotten_hour:
            self._forgotten_hour = hour
            self._replica.forget(meta.clock)

    def _take(self, feed: Feed, seconds: float) -> None:
        """Add what was written since the last time."""
        changes = feed.changes(seconds)
        if changes is not None:
            if changes.meta.generation != self._replica.generation:  # the store was emptied
                raise ChangesLost
            self._learn(changes.meta, changes.entries)
            self._replica.follow(changes.meta.generation, changes.meta.counter)
        self._settle()

    def _learn(self, meta: Meta, entries: Sequence[Entry]) -> None:
        """Add what a store knows as a whole, and endings; note whose sessions may have ended."""
        replica = self._replica
        before = replica.all, replica.horizon
        replica.apply(entries)
        replica.learn(meta)
        if before != (replica.all, replica.horizon):
            self._watches.note_all()
        else:
            self._watches.note(each for each in entries if each.kind != "all")

    def _settle(self) -> None:
        """Let the last heartbeat count, if all that was written before it is known."""
        if self._awaited is not None and self._awaited.counter <= self._replica.counter:
            self._replica.fresh_from = self._awaited.sent
            if not self._awaited.is_first:
                self._losses = 0
            self._awaited = None
            self._note_success()

    def _note_success(self) -> None:
        self._ready.set()
        self._has_tried.set()
        if self.trouble is not None:
            log("INFO", "%s can be reached again", self._name)
        self.trouble, self._failures, self._has_told_of_queue = None, 0, False

    def _note_loss(self) -> None:
        """Log that changes are lost again and again; once until they are not."""
        self._losses += 1
        if self._losses == _MANY_LOSSES:
            text = "changes of %s are lost again and again, so all endings are read each time"
            log("WARNING", text, self._name)

    def _note_trouble(self, error: Exception) -> None:
        """Log the first failure of a row; and that something can't be written, once."""
        if self.trouble is None:
            # A client's message may hold what the store's URL has in it: only its kind is told.
            is_own = isinstance(error, ConfigurationError)
            level = "ERROR" if is_own else "WARNING"
            cause = str(error) if is_own else find_obstacle(self._ledger)
            text = f": {cause}" if cause else ""
            log(level, "%s can't be followed (%s)%s", self._name, type(error).__name__, text)
        self.trouble, self._failures = error, self._failures + 1
        if isinstance(error, ConfigurationError):  # no waiting mends that
            self._has_tried.set()
        if len(self._outbox) and not self._has_told_of_queue:
            self._has_told_of_queue = True
            log(
                "ERROR",
                "%d endings could not be written to %s: they hold in this process only, until "
                "it can be reached",
                len(self._outbox),
                self._name,
            )
