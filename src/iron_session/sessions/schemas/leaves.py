"""How single values are written that JSON has no type for, or can't hold: times, NaN."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final

from iron_session import _json
from iron_session.errors import NotSerializableError

__all__ = ["require_finite", "settle_time", "sort_key"]

_SECONDS: Final = len("2027-01-15T08:00:00")


def settle_time(moment: datetime, written: Any, path: _json.Path) -> Any:
    """Return a datetime as JavaScript writes it: RFC 3339 in UTC, with a Z.

    Args:
        moment: the datetime.
        written: what its library wrote; kept if the application writes it in its own way.
        path: where the value is.

    Raises:
        NotSerializableError: it has no time zone.
    """
    if not _is_usual(moment, written):
        return written
    if moment.utcoffset() is None:
        raise NotSerializableError(
            _json.show(path),
            "is a datetime without a time zone, which other machines read as another time: use "
            "datetime.now(timezone.utc)",
        )
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _is_usual(moment: datetime, written: Any) -> bool:
    # Compared as text: a time that clocks show twice a year equals no datetime in another zone.
    return isinstance(written, str) and written[:_SECONDS] == moment.isoformat()[:_SECONDS]


def require_finite(number: float, written: Any, path: _json.Path) -> None:
    """Refuse NaN and the infinities, unless they are written as text.

    Raises:
        NotSerializableError: it is such a number.
    """
    if not math.isfinite(number) and not isinstance(written, str):
        raise NotSerializableError(
            _json.show(path), f"is {number}: JSON has no such number, store None"
        )


def sort_key(written: Any) -> tuple[int, float, bytes]:
    """Return a key that orders JSON values of any type: numbers by value, all others by text."""
    if isinstance(written, (int, float)):
        return 0, written, b""
    return 1, 0, _json.encode(written, "")
