"""What a store must do: three protocols, and the errors that belong to them.

Every function here may block, may be called from any thread, and raises whatever its client raises
when the store can't be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from iron_session.errors import IronSessionError
from iron_session.revocation import files
from iron_session.revocation.files import DatabaseFile
from iron_session.revocation.records import Beat, Changes, Entry, KeptSession, Meta, Snapshot

__all__ = [
    "ChangesLost",
    "Feed",
    "Ledger",
    "SessionEndedError",
    "Store",
    "file_of",
    "find_obstacle",
]


class SessionEndedError(IronSessionError):
    """The session that `keep=` names has ended itself: nothing was done.

    Answer as to a visitor who is not signed in.
    """


class ChangesLost(Exception):  # noqa: N818 - nothing failed: a snapshot is needed
    """A feed has missed changes: only a new snapshot tells what they were."""


class Feed(Protocol):
    """One process's view of a ledger, used by one thread.

    All of it is told by one server: a heartbeat that one server took says nothing of the changes
    that another one has told.
    """

    def beat(self, estimate: int, longest: int) -> Beat:
        """Write a heartbeat to the store, as `rule.beaten`; forget what may be forgotten.

        Raises:
            ChangesLost: another server has answered.
        """
        ...

    def snapshot(self) -> Snapshot:
        """Return all that the ledger has; `changes` goes on from there."""
        ...

    def changes(self, seconds: float) -> Changes | None:
        """Return what was written since the last call or the snapshot.

        Args:
            seconds: how long to wait for something, if there is nothing yet; 0 for not at all.

        Returns:
            The changes; None if there are none.

        Raises:
            ChangesLost: some can't be told any more.
        """
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class Ledger(Protocol):
    """What has ended in one namespace. Each function is one atomic step in the store."""

    def end_all(self, estimate: int) -> int:
        """End all sessions; return the mark."""
        ...

    def end_user(self, key: bytes, kept: KeptSession | None, estimate: int) -> int:
        """End a user's sessions but the kept one; return the mark.

        Raises:
            SessionEndedError: the kept session has ended; nothing was written.
        """
        ...

    def end_sessions(self, lives: Mapping[bytes, int]) -> int:
        """End sessions, by id; return the clock.

        Args:
            lives: by id, how long the session's seals may open from now on, in ms; 0 if that is
                not known. An id is kept for that time, or for the longest life of a session that
                the ledger knows, if that is longer.
        """
        ...

    def restore(self, known: Meta, entries: Sequence[Entry]) -> None:
        """Write what a process knows, where the store knows less."""
        ...

    def feed(self) -> Feed:
        """Return a new feed, with a connection of its own."""
        ...


@runtime_checkable
class Store(Protocol):
    """Where endings are kept: the first argument of `Revocations`. Its repr shows no password."""

    def ledger(self, space: str) -> Ledger:
        """Return the ledger of a namespace; does not reach for the store yet.

        Args:
            space: the namespace's name, 22 characters of base64url.
        """
        ...


def file_of(ledger: Ledger) -> DatabaseFile | None:
    """Return SQLite's file, which such a ledger has as `file`; None if it is elsewhere."""
    try:
        found = getattr(ledger, "file", None)
    except Exception:  # this is asked when something has failed already
        return None
    return found if isinstance(found, DatabaseFile) else None


def find_obstacle(ledger: Ledger) -> str:
    """Return what keeps this process from the store's file, if its place or rights say; else "".

    Holds no secret.
    """
    file = file_of(ledger)
    return "" if file is None else files.find_obstacle(file.path)
