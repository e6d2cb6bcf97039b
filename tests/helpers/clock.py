"""The clock that the fixture `clock` puts in the place of the real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass
class Clock:
    """A time that moves only when it is told to, in ms since 1970."""

    now: int

    def advance(self, seconds: float) -> None:
        """Move on by some seconds, or back by negative ones."""
        self.now += round(seconds * 1000)


@contextmanager
def stopped_clock(now: int) -> Iterator[Clock]:
    """Stop the package's clock for a block: for hypothesis, whose examples share a fixture."""
    clock = Clock(now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("iron_session._time.now_ms", lambda: clock.now)
        yield clock
