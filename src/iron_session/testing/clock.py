"""A clock that stands still until a test moves it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from iron_session import _time
from iron_session._time import Seconds, to_milliseconds
from iron_session.errors import ConfigurationError

__all__ = ["FrozenClock", "frozen_clock", "milliseconds", "moment"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class FrozenClock:
    """A clock that moves only when a test moves it; `frozen_clock` makes one."""

    __slots__ = ("_now",)

    def __init__(self, at: datetime) -> None:
        self._now = at

    @property
    def now(self) -> datetime:
        """The clock's time, in UTC."""
        return self._now

    def tick(self, by: Seconds = 1) -> None:
        """Move the clock by seconds or a timedelta; a negative span moves it back.

        Raises:
            ConfigurationError: not a span of time, or one that leads out of the years 1970 to 9999.
        """
        by_ms = to_milliseconds(by, "tick", negative=True)
        try:
            later = self._now + timedelta(milliseconds=by_ms)
        except OverflowError:
            raise ConfigurationError("tick leads out of the years 1970 to 9999") from None
        self.move_to(later)

    def move_to(self, at: datetime | str) -> None:
        """Set the clock to a time, given as for `frozen_clock`."""
        self._now = moment(at, "move_to")

    def __repr__(self) -> str:
        return f"<FrozenClock: {self._now.isoformat()}>"


@contextmanager
def frozen_clock(at: datetime | str | None = "2026-01-01T00:00:00Z") -> Iterator[FrozenClock]:
    """Stop this package's clock for the length of a block; the block gets the `FrozenClock`.

    The package takes all times from it: for the ends of sessions, seals and links, for renewals and
    lifetimes. Python's own clock goes on, and a client judges a cookie's Max-Age by that: it still
    sends a session that has ended, and the application finds it expired.

    The clock stops for the whole process, in every thread and task; leave nested blocks in the
    opposite order. A server in another process has its own clock.

    Args:
        at: a datetime with a time zone, or such a time as text in ISO 8601; None for now.

    Raises:
        ConfigurationError: not such a time, or one outside the years 1970 to 9999.
    """
    before = _time.now_ms
    clock = FrozenClock(_EPOCH + before() * _MILLISECOND if at is None else moment(at, "at"))
    _time.now_ms = lambda: milliseconds(clock.now)
    try:
        yield clock
    finally:
        _time.now_ms = before


def milliseconds(at: datetime) -> int:
    """Return a time as milliseconds since 1970."""
    return (at - _EPOCH) // _MILLISECOND


def moment(at: object, name: str) -> datetime:
    """Return a time, given as a datetime or as text, in UTC.

    Raises:
        ConfigurationError: not such a time; the message calls it `name`.
    """
    if isinstance(at, str):
        with suppress(ValueError):
            at = datetime.fromisoformat(at)
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise ConfigurationError(
            f"{name} must be a datetime with a time zone, as datetime(2026, 1, 1, "
            'tzinfo=timezone.utc), or such a time as text: "2026-01-01T00:00:00Z"'
        )
    if not _EPOCH <= at <= _LAST:
        raise ConfigurationError(f"{name} must be in the years 1970 to 9999")
    return at.astimezone(UTC)
