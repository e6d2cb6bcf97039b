"""Endings of single sessions that hold in this process, and are on their way to the store."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from itertools import islice
from threading import BoundedSemaphore, Condition, Lock, Thread
from typing import Final

from iron_session import _time
from iron_session.revocation.ledger import Ledger
from iron_session.revocation.rule import LIFE_GRACE_MS

__all__ = ["Outbox", "PendingEnding"]

_MOST_WRITERS: Final = 4
_BATCH: Final = 500
_FIRST_LOOK_S: Final = 0.001
_LAST_LOOK_S: Final = 0.05


class PendingEnding:
    """The ending of one session; see `sessions.endings.EndingInProgress`."""

    __slots__ = ("_outbox", "ends", "is_written", "key", "life_ms")

    def __init__(self, outbox: Outbox, key: bytes, life_ms: int) -> None:
        self._outbox = outbox
        self.key: bytes = key
        self.life_ms: int = life_ms
        self.ends: int = _time.elapsed_ms() + life_ms
        """When no copy opens any more, as `_time.elapsed_ms` counts."""
        self.is_written: bool = False

    def __repr__(self) -> str:
        return f"<PendingEnding: {'written' if self.is_written else 'not written yet'}>"

    def wait(self, seconds: float) -> bool:
        """Write it to the store now, for at most so long; return whether it is there."""
        self._outbox.hurry()
        return self._outbox.wait(self, seconds)

    async def wait_async(self, seconds: float) -> bool:
        """Do as `wait`, without blocking the event loop.

        It looks from time to time, instead of waiting in a thread: while a store is away, whoever
        logs out would else fill the event loop's threads.
        """
        self._outbox.hurry()
        end, pause = _time.elapsed_ms() + seconds * 1000, _FIRST_LOOK_S
        while not self.is_written and _time.elapsed_ms() < end:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_LOOK_S)
        return self.is_written


class Outbox:
    """The endings that are to be written: by whoever waits for one, else by the follower.

    Args:
        ledger: what they are written to.
    """

    __slots__ = ("_ledger", "_lock", "_pending", "_writers", "_written")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._pending: dict[bytes, PendingEnding] = {}
        self.reset()

    def reset(self) -> None:
        """Begin anew in a process that was forked: the other one writes what it has queued."""
        self._lock = Lock()
        self._written = Condition(self._lock)  # one for all: while a store is away, many may wait
        self._writers = BoundedSemaphore(_MOST_WRITERS)
        self._pending = {}

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, key: object) -> bool:
        """Return whether the ending of a session is not written yet."""
        return key in self._pending

    def add(self, key: bytes, life_ms: int) -> PendingEnding:
        """Queue the ending of a session, whose seals open for so long, in ms."""
        pending = PendingEnding(self, key, life_ms)
        with self._lock:
            older = self._pending.setdefault(key, pending)
            if older.ends < pending.ends:  # whoever waits for it waits for both
                older.life_ms, older.ends = life_ms, pending.ends
        return older

    def wait(self, pending: PendingEnding, seconds: float) -> bool:
        """Wait until an ending is written, for at most so long; return whether it is."""
        with self._lock:
            return self._written.wait_for(lambda: pending.is_written, seconds)

    def hurry(self) -> None:
        """Write what is queued in a thread of its own, so that whoever waits can stop waiting.

        A store that hangs gets only a few of these threads: then the follower alone tries again.
        """
        if self._pending and self._writers.acquire(blocking=False):
            try:
                Thread(target=self._write, name="iron-session-ending", daemon=True).start()
            except RuntimeError:  # the process can't have more threads, or ends
                self._writers.release()

    def _write(self) -> None:
        try:
            with suppress(Exception):  # the follower tries again, and logs it
                self.flush()
        finally:
            self._writers.release()

    def flush(self, until: float = math.inf) -> None:
        """Write what is queued, in this thread; what expires meanwhile is left out.

        Args:
            until: when no more is begun, by `_time.elapsed_ms`: others may queue more meanwhile.

        Raises:
            Exception: the store can't be reached; what was not written stays queued.
        """
        while (now := _time.elapsed_ms()) < until and (batch := self._batch()):
            lives = {each.key: life for each, life, ends in batch if ends + LIFE_GRACE_MS > now}
            if lives:
                self._ledger.end_sessions(lives)
            self._note_written(batch)

    def _batch(self) -> list[tuple[PendingEnding, int, int]]:
        """Return what is to be written, with its life and its end: those may be prolonged soon."""
        with self._lock:
            return [
                (each, each.life_ms, each.ends) for each in islice(self._pending.values(), _BATCH)
            ]

    def _note_written(self, batch: list[tuple[PendingEnding, int, int]]) -> None:
        """Remove what was written, but what was prolonged meanwhile: it is to be written again."""
        with self._lock:
            for pending, _, ends in batch:
                if self._pending.get(pending.key) is pending and pending.ends <= ends:
                    del self._pending[pending.key]
                    pending.is_written = True
            self._written.notify_all()
