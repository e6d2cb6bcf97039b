"""The thread that follows a store: one for each `Revocations` object and process."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from threading import Event, Lock, Thread
from typing import Final, NamedTuple

from iron_session import _time
from iron_session._log import log
from iron_session.errors import ConfigurationError
from iron_session.revocation.clock import StoreClock
from iron_session.revocation.directory import Notes
from iron_session.revocation.ledger import ChangesLost, Feed, Ledger
from iron_session.revocation.outbox import Outbox
from iron_session.revocation.records import Entry, Meta
from iron_session.revocation.replica import Replica
from iron_session.revocation.rule import HOUR_MS
from iron_session.revocation.watches import Watches

__all__ = ["Follower", "beat_every_ms"]

_LOOK_S: Final = 0.25
"""How long the store is waited for at a time, and the longest that what is queued here waits."""

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_RESTORED_AT_ONCE: Final = 500  # SQLite before 3.32 takes 999 parameters


def beat_every_ms(max_stale_ms: int) -> int:
    """Return the time between two heartbeats: an eighth of `max_stale`, 1 to 15 seconds."""
    return min(max(max_stale_ms // 8, 1000), 15_000)


class _Awaited(NamedTuple):
    """A heartbeat that was written: when it was sent, and what must be known for it to count."""

    counter: int
    sent: int


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
        self.longest = 0
        self.reset()

    def reset(self) -> None:
        """Begin anew in a process that was forked: its thread and its locks stayed behind."""
        self._lock = Lock()
        self._stop = Event()
        self._ready = Event()
        self._thread: Thread | None = None
        self.trouble: Exception | None = None
        self._failures = 0
        self._has_told_of_queue = False
        self._next_beat = 0
        self._forgotten_hour = 0
        self._awaited: _Awaited | None = None

    def start(self) -> None:
        """Start the thread, unless it runs already; also if it has died."""
        if self._is_running():
            return
        with self._lock:
            # Another thread may have started it, or be about to: then it holds the lock.
            if not self._is_running() and not self._stop.is_set():
                self._thread = Thread(target=self._run, name="iron-session-follower", daemon=True)
                self._thread.start()

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Wait until the store was read; return whether it was."""
        return self._ready.wait(seconds)

    def stop(self) -> None:
        """Let the thread end soon; it is not started again."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        if self._thread is not None:
            self._thread.join(seconds)

    def estimate(self) -> int:
        """Return where the store's clock should be: past all that is known; 0 if that is nothing.

        A store that has lost an ending would otherwise give the next one the time of a session that
        began after the first.
        """
        newest = self._replica.newest
        return max(self._clock.estimate() or 0, newest + 1 if newest else 0)

    # --- in the thread ---

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._follow_or_wait()
            self._write_the_rest()
        except BaseException:  # a look at any session starts it again
            log("ERROR", "the thread that follows %s has died", self._name, with_traceback=True)

    def _write_the_rest(self) -> None:
        """Write the last endings: nobody tries again."""
        try:
            self._outbox.flush()
        except Exception as error:
            text = "%d endings were lost: %s can't be reached (%s)"
            log("ERROR", text, len(self._outbox), self._name, type(error).__name__)

    def _follow_or_wait(self) -> None:
        try:
            self._follow()
        except ChangesLost:  # a snapshot tells what they were
            self._stop.wait(_FIRST_PAUSE_S)
        except Exception as error:
            self._note_trouble(error)
            self._stop.wait(self._pause())

    def _pause(self) -> float:
        """Return how long to wait, in seconds, so that not all processes come back at once."""
        longest = min(_FIRST_PAUSE_S * (1 << min(self._failures, 10)), _LONGEST_PAUSE_S)
        return longest * (0.5 + secrets.randbelow(1000) / 2000)

    def _follow(self) -> None:
        """Follow the store over one connection, until something goes wrong."""
        with closing(self._ledger.feed()) as feed:
            self._synchronise(feed)
            while not self._stop.is_set():
                self._outbox.flush()
                self._watches.tell()
                if self._notes is not None:
                    self._notes.flush()
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
        replica.follow(meta.generation, meta.counter)
        self._settle()

    def _restore(self, entries: Iterable[Entry], there: Meta) -> None:
        """Write endings to a store that may have lost them, and what else it should know."""
        known = self._replica.known(self.estimate())
        if known.all > there.all or known.horizon > there.horizon:
            self._ledger.restore(known, ())
        rest = iter(entries)
        while batch := list(islice(rest, _RESTORED_AT_ONCE)):
            self._ledger.restore(known, batch)

    def _beat(self, feed: Feed, *, is_first: bool = False) -> None:
        """Write a heartbeat. It counts once all that was written before it is known here."""
        if self._awaited is not None and not is_first:
            raise ChangesLost  # the last one does not count yet: its changes do not come any more
        sent, replica = _time.elapsed_ms(), self._replica
        beat = feed.beat(self.estimate(), self.longest)
        meta = beat.meta
        self._clock.set(beat, _time.elapsed_ms())
        replica.learn(meta)
        self._forget_hourly(meta)
        self._next_beat = sent + self._every_ms
        self._awaited = _Awaited(meta.counter, sent)
        is_older = meta.generation != replica.generation or meta.counter < replica.counter
        if is_older and not is_first:  # the store was restarted empty, or from an older state
            raise ChangesLost

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
            self._replica.apply(changes.entries)
            self._watches.note(changes.entries)
            self._replica.learn(changes.meta)
            self._replica.follow(changes.meta.generation, changes.meta.counter)
        self._settle()

    def _settle(self) -> None:
        """Let the last heartbeat count, if all that was written before it is known."""
        if self._awaited is not None and self._awaited.counter <= self._replica.counter:
            self._replica.fresh_from = self._awaited.sent
            self._awaited = None
            self._note_success()

    def _note_success(self) -> None:
        self._ready.set()
        if self.trouble is not None:
            log("INFO", "%s can be reached again", self._name)
        self.trouble, self._failures, self._has_told_of_queue = None, 0, False

    def _note_trouble(self, error: Exception) -> None:
        """Log the first failure of a row; and that something can't be written, once."""
        if self.trouble is None:
            # A client's message may hold what the store's URL has in it: only its kind is told.
            level = "ERROR" if isinstance(error, ConfigurationError) else "WARNING"
            text = f": {error}" if isinstance(error, ConfigurationError) else ""
            log(level, "%s can't be followed (%s)%s", self._name, type(error).__name__, text)
        self.trouble, self._failures = error, self._failures + 1
        if len(self._outbox) and not self._has_told_of_queue:
            self._has_told_of_queue = True
            log(
                "ERROR",
                "%d endings could not be written to %s: they hold in this process only, until "
                "it can be reached",
                len(self._outbox),
                self._name,
            )
