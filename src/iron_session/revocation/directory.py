"""Who is signed in: rows beside the endings, which are never looked at to load a session.

It alone keeps the ids of sessions and users as they are, and what people call their devices; a row
goes when its session expires or ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import Lock
from typing import Final, NamedTuple, Protocol, runtime_checkable

from iron_session import _time
from iron_session._log import log_some
from iron_session.revocation.names import session_text

__all__ = ["MOST_ROWS", "Directory", "Notes", "Row", "Seen", "SignedIn", "signed_in"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_QUEUED: Final = 20_000
_AT_ONCE: Final = 500
_LAST_FAILURES: Final = 10  # on end: the first rows may be refused, or the store is away

MOST_ROWS: Final = 100
"""How many sessions of a user have a row: those that were seen last."""


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
        """Write rows; and note when sessions were seen, of those that have a row.

        A user has at most `MOST_ROWS`: of more, those that were seen least recently go.
        """
        ...

    def rows_of(self, user: bytes) -> Sequence[Row]:
        """Return the rows of a user, in any order."""
        ...


class Notes:
    """What is to be written to a directory; a failure is logged, and nothing else depends on it.

    Args:
        directory: what it is written to.
        name: how the log calls the store.
        has_ended: whether a session has ended, as this process knows: it gets no row any more.
    """

    __slots__ = (
        *("_at_once", "_directory", "_failed", "_has_ended", "_lock", "_name", "_queued", "_taken"),
    )

    def __init__(self, directory: Directory, name: str, has_ended: Callable[[Row], bool]) -> None:
        self._directory = directory
        self._name = name
        self._has_ended = has_ended
        self.reset()

    def __len__(self) -> int:
        return len(self._queued)

    def reset(self) -> None:
        """Begin anew in a process that was forked: the other one writes what it has queued."""
        self._lock = Lock()
        self._queued: dict[bytes, Row | Seen] = {}
        self._at_once = _AT_ONCE
        self._taken = 0  # how often something was written
        self._failed: dict[bytes, int] = {}  # by what has failed alone, how often that was then

    def add(self, row: Row) -> None:
        """Queue a row."""
        with self._lock:
            self._add(row.key, row)

    def add_seen(self, key: bytes, seen: Seen) -> None:
        """Queue that a session was seen."""
        with self._lock:
            queued = self._queued.get(key)
            if isinstance(queued, Row):
                self._add(key, queued._replace(seen=seen.seen, expires=seen.expires))
            else:
                self._add(key, seen)

    def _add(self, key: bytes, value: Row | Seen) -> None:
        self._queued[key] = value
        if len(self._queued) > _MOST_QUEUED:
            del self._queued[next(iter(self._queued))]

    def rows_of(self, user: bytes) -> list[Row]:
        """Return the rows of a user as they will be once all is written; writes nothing itself."""
        with self._lock:
            queued = dict(self._queued)  # before the rows, so that nothing is missing in both
        rows = {row.key: row for row in self._directory.rows_of(user)}
        for key, each in queued.items():
            if isinstance(each, Seen):
                if key in rows:
                    rows[key] = rows[key]._replace(seen=each.seen, expires=each.expires)
            elif each.user == user:
                rows[key] = each
            else:
                rows.pop(key, None)
        return sorted(rows.values(), key=lambda row: row.seen, reverse=True)[:MOST_ROWS]

    def flush_last(self) -> None:
        """Write what is queued at the end of the process, for as long as some of it is taken."""
        failures = 0
        while self and failures < _LAST_FAILURES:
            before = len(self)
            self.flush()
            failures = 0 if len(self) < before else failures + 1

    def flush(self, until: float = math.inf) -> None:
        """Write what is queued; what can't be written is tried again with the next.

        Args:
            until: when no more is begun, by `_time.elapsed_ms`: others may queue more meanwhile.
        """
        try:
            while _time.elapsed_ms() < until and (batch := self._batch()):
                self._write(batch)
        except Exception as error:
            kind = type(error).__name__
            text = "who is signed in could not be written to %s (%s)"
            log_some(("directory", kind), "ERROR", text, self._name, kind, about={})

    def _batch(self) -> dict[bytes, Row | Seen]:
        with self._lock:
            if not self._queued:
                self._at_once, self._failed = _AT_ONCE, {}
            return dict(islice(self._queued.items(), self._at_once))

    def _write(self, batch: dict[bytes, Row | Seen]) -> None:
        """Write a batch, but no row of a session that has ended: its ending has deleted rows."""
        live = {
            key: each
            for key, each in batch.items()
            if isinstance(each, Seen) or not self._has_ended(each)
        }
        if live:
            self._try_to_write(live)
        with self._lock:
            for key, value in batch.items():
                if self._queued.get(key) is value:  # else it has changed meanwhile
                    del self._queued[key]

    def _try_to_write(self, batch: dict[bytes, Row | Seen]) -> None:
        """Write a batch. If that fails, the next one is smaller: one row may be refused."""
        rows = [each for each in batch.values() if isinstance(each, Row)]
        seen = {key: each for key, each in batch.items() if isinstance(each, Seen)}
        try:
            self._directory.note_signed_in(rows, seen)
        except Exception as error:
            self._at_once = 1
            if len(batch) > 1 or not self._is_refused(*batch):
                raise
            kind = type(error).__name__
            text = "a session could not be written to %s (%s), and is left out"
            log_some(("directory", kind), "ERROR", text, self._name, kind, about={})
        else:
            self._taken += 1
            self._at_once = min(2 * self._at_once, _AT_ONCE)

    def _is_refused(self, key: bytes) -> bool:
        """Return whether what has failed alone did so before, and others were taken meanwhile.

        Else it comes last: the store may be away, or refuse it and take the others.
        """
        if self._failed.setdefault(key, self._taken) < self._taken:
            return True
        with self._lock:
            if key in self._queued:
                self._queued[key] = self._queued.pop(key)
        return False
