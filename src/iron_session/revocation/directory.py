"""Who is signed in: rows beside the endings, which are never looked at to load a session.

It alone keeps the ids of sessions and users as they are, and what people call their devices; a row
goes when its session expires or ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final, NamedTuple, Protocol, runtime_checkable

from iron_session._log import log_some
from iron_session.revocation.names import session_text

__all__ = ["Directory", "Notes", "Row", "Seen", "SignedIn", "signed_in"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_QUEUED: Final = 10_000
_AT_ONCE: Final = 500


class Row(NamedTuple):
    """One session of a user.

    Attributes:
        key: the session's id, 16 bytes.
        user: the user's fingerprint.
        user_id: the user's id.
        label: what the user recognizes the browser by; None for nothing.
        login: when the user logged in, in ms since 1970 by the server that saw it.
        seen: when the session was last written.
        expires: when it expires.
        since: from when on endings count for it, by the store's clock.
    """

    key: bytes
    user: bytes
    user_id: str
    label: str | None
    login: int
    seen: int
    expires: int
    since: int


class Seen(NamedTuple):
    """That a session was written again: when, and when it expires now."""

    seen: int
    expires: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session of a user, for the page where people see and end their devices.

    Attributes:
        session_id: the session's id, for `end_session`; `session.id` of the one that asks.
        user_id: the user's id.
        label: what the login has called the browser; None for nothing.
        logged_in_at: when the user logged in, in UTC.
        seen_at: when the session was last written.
        expires_at: when it expires.
    """

    session_id: str
    user_id: str
    label: str | None
    logged_in_at: datetime
    seen_at: datetime
    expires_at: datetime


def signed_in(row: Row) -> SignedIn:
    """Return a row as applications see it."""
    times = (_EPOCH + timedelta(milliseconds=each) for each in (row.login, row.seen, row.expires))
    return SignedIn(session_text(row.key), row.user_id, row.label, *times)


@runtime_checkable
class Directory(Protocol):
    """What a ledger must do beside its endings; it also deletes the rows of what it ends."""

    def note_signed_in(self, rows: Sequence[Row], seen: Mapping[bytes, Seen]) -> None:
        """Write rows; and note when sessions were seen, of those that have a row."""
        ...

    def rows_of(self, user: bytes) -> Sequence[Row]:
        """Return the rows of a user, in any order."""
        ...


class Notes:
    """What is to be written to a directory; a failure is logged, and nothing else depends on it.

    Args:
        directory: what it is written to.
        name: how the log calls the store.
    """

    __slots__ = ("_directory", "_lock", "_name", "_rows", "_seen")

    def __init__(self, directory: Directory, name: str) -> None:
        self._directory = directory
        self._name = name
        self.reset()

    def reset(self) -> None:
        """Begin anew in a process that was forked: the other one writes what it has queued."""
        self._lock = Lock()
        self._rows: dict[bytes, Row] = {}
        self._seen: dict[bytes, Seen] = {}

    def add(self, row: Row) -> None:
        """Queue a row."""
        with self._lock:
            self._rows[row.key] = row
            _make_room(self._rows)

    def add_seen(self, key: bytes, seen: Seen) -> None:
        """Queue that a session was seen."""
        with self._lock:
            row = self._rows.get(key)
            if row is not None:
                self._rows[key] = row._replace(seen=seen.seen, expires=seen.expires)
                return
            self._seen[key] = seen
            _make_room(self._seen)

    def flush(self) -> None:
        """Write what is queued; what can't be written is tried again with the next."""
        try:
            while batch := self._batch():
                rows, seen = batch
                self._directory.note_signed_in(list(rows.values()), seen)
                with self._lock:
                    _remove(self._rows, rows)
                    _remove(self._seen, seen)
        except Exception as error:
            log_some(
                ("directory", type(error).__name__),
                "ERROR",
                "who is signed in could not be written to %s (%s)",
                self._name,
                type(error).__name__,
                about={},
            )

    def _batch(self) -> tuple[dict[bytes, Row], dict[bytes, Seen]] | None:
        with self._lock:
            rows = dict(list(self._rows.items())[:_AT_ONCE])
            seen = dict(list(self._seen.items())[:_AT_ONCE])
        return (rows, seen) if rows or seen else None


def _make_room(queued: dict[bytes, Row] | dict[bytes, Seen]) -> None:
    if len(queued) > _MOST_QUEUED:
        del queued[next(iter(queued))]


def _remove(
    queued: dict[bytes, Row] | dict[bytes, Seen], written: Mapping[bytes, Row | Seen]
) -> None:
    """Remove what was written, but what has changed meanwhile."""
    for key, value in written.items():
        if queued.get(key) is value:
            del queued[key]
