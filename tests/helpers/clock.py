"""The clock that the fixture `clock` puts in the place of the real one."""

from dataclasses import dataclass


@dataclass
class Clock:
    """A time that moves only when it is told to, in ms since 1970."""

    now: int

    def advance(self, seconds: float) -> None:
        """Move on by some seconds, or back by negative ones."""
        self.now += round(seconds * 1000)
