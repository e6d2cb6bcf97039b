"""Times as JavaScript writes them: RFC 3339 in UTC, with a Z."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from iron_session.errors import NotSerializableError
from iron_session.seals import _json
from iron_session.sessions.schemas.schema import ROOT

__all__ = ["in_utc", "with_z"]


def with_z(value: Any, path: _json.Path = (ROOT,)) -> Any:
    """Write the datetimes in some JSON values as text; the values themselves are not changed.

    Raises:
        NotSerializableError: one has no time zone; the message names its path.
    """
    if isinstance(value, datetime):
        return in_utc(value, path)
    if isinstance(value, dict):
        return {key: with_z(child, (*path, key)) for key, child in value.items()}
    if isinstance(value, list):
        return [with_z(child, (*path, index)) for index, child in enumerate(value)]
    return value


def in_utc(moment: datetime, path: _json.Path) -> str:
    """Write a datetime.

    Raises:
        NotSerializableError: it has no time zone.
    """
    if moment.utcoffset() is None:
        raise NotSerializableError(
            _json.show(path),
            "is a datetime without a time zone, which is another moment elsewhere: use "
            "datetime.now(timezone.utc)",
        )
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
