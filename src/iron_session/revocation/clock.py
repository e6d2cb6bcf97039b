"""The store's clock, as a process can tell it between two heartbeats."""

from __future__ import annotations

from typing import NamedTuple

from iron_session import _time
from iron_session.revocation.records import Beat

__all__ = ["StoreClock"]


class _Anchor(NamedTuple):
    """A heartbeat: when it was answered, by this process's own spans, and what with."""

    at: int
    estimate: int
    clock: int
    server: int


class StoreClock:
    """An estimate of the store's clock, in ms; it is never set back.

    Between heartbeats it goes a thousandth slower than time, so that it is not ahead of the store's
    clock where this machine's runs fast.

    Attributes:
        reached: the estimate at the last heartbeat; 0 before the first.
    """

    __slots__ = ("_anchor", "reached")

    def __init__(self) -> None:
        self._anchor: _Anchor | None = None
        self.reached: int = 0

    def set(self, beat: Beat, at: int) -> None:
        """Note a heartbeat that was answered at `at`, of `_time.elapsed_ms`."""
        clock, anchor = beat.meta.clock, self._anchor
        estimate = clock if anchor is None else max(clock, _later(anchor.estimate, at - anchor.at))
        self._anchor = _Anchor(at, estimate, clock, beat.server)
        self.reached = estimate

    def estimate(self, now: int | None = None) -> int | None:
        """Return where the store's clock is now; None before the first heartbeat.

        Args:
            now: the time of `_time.elapsed_ms`; None to read it.
        """
        anchor = self._anchor
        if anchor is None:
            return None
        return _later(anchor.estimate, (_time.elapsed_ms() if now is None else now) - anchor.at)

    def floor(self) -> int | None:
        """Return a time that the store's clock has reached; None before the first heartbeat.

        Whatever the store does from now on has no earlier time. That can't be said of the estimate:
        where the server's time was set back, the store's clock stands still until a heartbeat
        moves it, and the estimate of another process can be behind this one.
        """
        anchor = self._anchor
        if anchor is None:
            return None
        return max(anchor.clock, _later(anchor.server, _time.elapsed_ms() - anchor.at))


def _later(time: int, span: int) -> int:
    # Both were cut to whole milliseconds, so one of the span may have gone by already.
    return time + max(0, span - span // 1000 - 1)
