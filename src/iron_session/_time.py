"""The clock, and spans of time: seconds outside, whole milliseconds inside, as on the wire."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeAlias

from iron_session.errors import ConfigurationError

__all__ = ["Seconds", "elapsed_ms", "in_words", "moment", "now_ms", "to_milliseconds"]

Seconds: TypeAlias = "float | timedelta"
"""A span of time: seconds as a number, or a timedelta."""

# Over three hundred years; keeps every expiration inside what JavaScript's Date can hold.
_MOST_SECONDS = 10**10


def now_ms() -> int:
    """Return the milliseconds since 1970: the only place where this package reads the time."""
    return time.time_ns() // 1_000_000


# Linux stops the monotonic clock while the machine is suspended, but not this one.
_elapsed_ns: Final = (
    partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic_ns
)


def elapsed_ms() -> int:
    """Return the milliseconds since some moment in the past: never set back, for spans only."""
    return _elapsed_ns() // 1_000_000


def moment(milliseconds: int | None) -> datetime | None:
    """Return a time in ms since 1970 as a datetime in UTC; None for None."""
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):  # JavaScript's years go beyond 9999
        return datetime.max.replace(tzinfo=UTC)


def to_milliseconds(value: Seconds, name: str, *, negative: bool = False) -> int:
    """Turn a span of time into whole milliseconds.

    A positive span never becomes 0, which means "never expires" where a ttl is asked for.

    Raises:
        ConfigurationError: not a number or timedelta, not finite, or out of bounds.
    """
    if type(value) is int and 0 <= value <= _MOST_SECONDS:
        return value * 1000  # almost every call ends here
    if isinstance(value, timedelta):
        value = value.total_seconds()
    # Whatever the annotation says: options come from files and environments too.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(
            f"{name} must be seconds as a number, or a timedelta, not {type(value).__name__}"
        )
    if not abs(value) <= _MOST_SECONDS:  # in this form it refuses NaN too
        raise ConfigurationError(f"{name} must be a finite number of at most {_MOST_SECONDS} s")
    if value < 0 and not negative:
        raise ConfigurationError(f"{name} must not be negative")
    milliseconds = round(value * 1000)
    return 1 if milliseconds == 0 and value > 0 else milliseconds


_UNITS: Final = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000))


def in_words(milliseconds: int) -> str:
    """Return a span of time for a message, exactly: `"1 day and 12 hours"`.

    In a message, a number of seconds beside the text of a timedelta can't be compared.
    """
    parts = []
    for unit, size in _UNITS:
        count, milliseconds = divmod(milliseconds, size)
        parts += [f"{count} {unit}{'' if count == 1 else 's'}"] if count else []
    if milliseconds or not parts:
        parts.append(f"{milliseconds / 1000:g} second{'' if milliseconds == 1000 else 's'}")
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last
