"""What a store keeps of endings: plain records, the same in every store and in every process.

All times are milliseconds of the store's clock, which never goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol, TypeAlias

__all__ = [
    "ALL",
    "BEFORE_ALL",
    "Beat",
    "Changes",
    "Ending",
    "Entry",
    "Identified",
    "KeptSession",
    "Kind",
    "Meta",
    "Snapshot",
    "all_entry",
]

Kind: TypeAlias = Literal["all", "user", "session"]
"""What an ending is of: all sessions, a user's, or one."""

ALL = b""
"""The key of an ending of all sessions."""


class Meta(NamedTuple):
    """What a store knows of one namespace as a whole.

    Attributes:
        clock: the store's clock, which only rises.
        all: the newest ending of all sessions; 0 for none.
        horizon: endings up to here may be forgotten, so no session from before may be used.
        longest: the longest life of a session that any process has named, in ms; 0 for none.
        generation: a random text, made when the namespace was empty.
        counter: how many changes were made.
    """

    clock: int
    all: int
    horizon: int
    longest: int
    generation: str
    counter: int


BEFORE_ALL = Meta(0, 0, 0, 0, "", 0)
"""What is known before anything is."""


class Entry(NamedTuple):
    """One ending, or the newest one of a user.

    Attributes:
        kind: what has ended.
        key: 16 bytes: the id of a session, or the fingerprint of a user's; empty for all sessions.
        mark: sessions that began up to here have ended; 0 for the ending of one session.
        kept: the id of the one session that a user's ending has left alone.
        until: when the last copy of an ended session expires; 0 for the others.
    """

    kind: Kind
    key: bytes
    mark: int = 0
    kept: bytes | None = None
    until: int = 0


def all_entry(mark: int) -> Entry:
    """Return the ending of all sessions that began up to `mark`."""
    return Entry("all", ALL, mark)


class Beat(NamedTuple):
    """The answer to a heartbeat: what the store knows, and its server's time in ms since 1970."""

    meta: Meta
    server: int


class Changes(NamedTuple):
    """Endings that were written; with them, all changes up to `meta.counter` are known."""

    meta: Meta
    entries: Sequence[Entry]


class Snapshot(NamedTuple):
    """All that a store has, as it was at `meta.counter` or later."""

    meta: Meta
    entries: Iterable[Entry]


class KeptSession(NamedTuple):
    """The session that the ending of its user leaves alone: its id as 16 bytes, and its `since`."""

    key: bytes
    since: int


class Identified(Protocol):
    """A session, as `keep=` and `watch` look at it."""

    @property
    def identity(self) -> tuple[str | None, str | None, int | None]:
        """The session's id, its user's id, and from when on endings count, in ms."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """What an ending has done.

    Attributes:
        at: sessions that began up to then have ended, by the store's clock, in UTC.
        holds_by: when it holds for requests in every process, whatever fails; None if that is not
            known, since processes that can't reach the store accept what they know nothing of. It
            says nothing of connections that are open, as WebSockets: a process that can't reach the
            store learns of the ending when it can again, and calls back those who `watch` then.
    """

    at: datetime
    holds_by: datetime | None
