"""Stores that are tables: what an ending does is the rule's, they only read and write rows.

Changes are numbered under a lock on the namespace's row, so the order of their numbers is the order
in which they become visible.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from iron_session.revocation import rule
from iron_session.revocation.directory import MOST_ROWS, Row, Seen
from iron_session.revocation.ledger import ChangesLost, SessionEndedError
from iron_session.revocation.records import (
    BEFORE_ALL,
    Beat,
    Changes,
    Entry,
    KeptSession,
    Kind,
    Meta,
    Snapshot,
    all_entry,
)

__all__ = ["KEPT_HAS_ENDED", "KINDS", "TableFeed", "TableLedger", "new_generation"]

KEPT_HAS_ENDED = (
    "keep names a session that has ended: nothing was done. Its visitor is not signed in any more"
)

KINDS: tuple[Kind, ...] = ("user", "session")

_DELETED_AT_ONCE = 500  # SQLite before 3.32 takes 999 parameters

Tx = TypeVar("Tx")


def new_generation() -> str:
    """Return a random name for a store that begins empty."""
    return secrets.token_hex(8)


class TableLedger(ABC, Generic[Tx]):
    """The endings of one namespace, in tables.

    `Tx` is what a transaction gives to the functions that read and write rows.
    """

    # --- what a store of tables must do ---

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Tx]:
        """Begin a transaction, which is committed at the end of the block, or rolled back."""

    def reading(self) -> AbstractContextManager[Tx]:
        """Begin a transaction that only reads, and so should wait for nobody who writes."""
        return self.transaction()

    @abstractmethod
    def server_time(self, tx: Tx) -> int:
        """Return the time of the store's server, in ms since 1970."""

    @abstractmethod
    def read_meta(self, tx: Tx, *, lock: bool) -> Meta | None:
        """Return the namespace's row; with `lock`, lock it until the transaction ends."""

    @abstractmethod
    def insert_meta(self, tx: Tx, meta: Meta) -> None:
        """Write the namespace's row, if there is none yet."""

    @abstractmethod
    def write_meta(self, tx: Tx, meta: Meta) -> None:
        """Write the namespace's row, which is there and locked."""

    @abstractmethod
    def read_entries(self, tx: Tx, kind: Kind, keys: Sequence[bytes]) -> Iterable[Entry]:
        """Return endings of one kind, at most 500: those that there are, in any order."""

    @abstractmethod
    def write_entries(self, tx: Tx, entries: Sequence[tuple[Entry, int]]) -> None:
        """Write endings, each with the number of its change, in the place of older ones."""

    @abstractmethod
    def entries_after(self, tx: Tx, counter: int) -> Iterable[Entry]:
        """Return the endings of later changes, in any order."""

    @abstractmethod
    def forget(self, tx: Tx, *, horizon: int, clock: int) -> None:
        """Delete users' endings with a mark up to `horizon`, sessions' that end up to `clock`."""

    @abstractmethod
    def write_row(self, tx: Tx, row: Row) -> None:
        """Write who is signed in by a session, in the place of an older row."""

    @abstractmethod
    def write_seen(self, tx: Tx, key: bytes, seen: Seen) -> None:
        """Note when a session was seen, if it has a row."""

    @abstractmethod
    def read_rows(self, tx: Tx, user: bytes) -> Sequence[Row]:
        """Return the rows of a user."""

    @abstractmethod
    def delete_rows(
        self,
        tx: Tx,
        *,
        user: bytes | None = None,
        but: bytes | None = None,
        keys: Sequence[bytes] | None = None,
        expired: int | None = None,
    ) -> None:
        """Delete the rows of all that is given: of a user but one, of sessions, what has expired.

        Without any, all rows of the namespace.
        """

    @abstractmethod
    def feed(self) -> TableFeed[Tx]:
        """Return a new feed."""

    # --- what a ledger does ---

    def beat(self, tx: Tx, estimate: int, longest: int) -> Beat:
        """Write a heartbeat, and once an hour forget what may be forgotten."""
        before, server = self._locked(tx)
        after = rule.beaten(before, server, estimate, longest)
        self.write_meta(tx, after)
        if rule.is_hour_over(before, after):
            self.forget(tx, horizon=after.horizon, clock=after.clock - rule.GRACE_MS)
            self.delete_rows(tx, expired=server)
        return Beat(after, server)

    def end_all(self, estimate: int) -> int:
        """End all sessions; return the mark."""
        with self.transaction() as tx:
            meta = rule.all_ended(self._now(tx), estimate)
            self.write_meta(tx, meta)
            self.delete_rows(tx)
        return meta.all

    def end_user(self, key: bytes, kept: KeptSession | None, estimate: int) -> int:
        """End a user's sessions but the kept one; return the mark.

        Raises:
            SessionEndedError: the kept session has ended; nothing was written.
        """
        with self.transaction() as tx:
            meta = self._now(tx)
            old = self._read(tx, "user", key)
            if kept is not None:
                own = self._read(tx, "session", kept.key)
                if rule.is_kept_ended(meta, kept, old, own):
                    raise SessionEndedError(KEPT_HAS_ENDED)
            kept_key = None if kept is None else kept.key
            meta, entry = rule.user_ended(meta, estimate, key, kept_key, old)
            self.write_entries(tx, [(entry, meta.counter)])
            self.write_meta(tx, meta)
            self.delete_rows(tx, user=key, but=kept_key)
        return entry.mark

    def end_sessions(self, lives: Mapping[bytes, int]) -> int:
        """End sessions, by id, with how long their seals may open, in ms; return the clock."""
        with self.transaction() as tx:
            meta = self._now(tx)
            entries = [rule.session_ended(meta, key, life) for key, life in lives.items()]
            meta = self._merge(tx, meta, entries)
            self.write_meta(tx, meta)
            self.delete_rows(tx, keys=list(lives))
        return meta.clock

    def restore(self, known: Meta, entries: Sequence[Entry]) -> None:
        """Write what a process knows, where the store knows less."""
        with self.transaction() as tx:
            meta = rule.restored(self._now(tx), known, entries)
            meta = self._merge(tx, meta, entries)
            self.write_meta(tx, meta)

    def note_signed_in(self, rows: Sequence[Row], seen: Mapping[bytes, Seen]) -> None:
        """Write rows; and note when sessions were seen, of those that have a row."""
        with self.transaction() as tx:
            for row in rows:
                self.write_row(tx, row)
            for key, each in seen.items():
                self.write_seen(tx, key, each)
            for user in {row.user for row in rows}:
                self._drop_rows(tx, user)

    def _drop_rows(self, tx: Tx, user: bytes) -> None:
        """Delete what a user has too many of: anybody may log in again and again."""
        found = sorted(self.read_rows(tx, user), key=lambda row: row.seen, reverse=True)
        for first in range(MOST_ROWS, len(found), _DELETED_AT_ONCE):
            keys = [row.key for row in found[first : first + _DELETED_AT_ONCE]]
            self.delete_rows(tx, keys=keys)

    def rows_of(self, user: bytes) -> Sequence[Row]:
        """Return the rows of a user, in any order."""
        with self.reading() as tx:
            return self.read_rows(tx, user)

    def _merge(self, tx: Tx, meta: Meta, entries: Sequence[Entry]) -> Meta:
        """Write the endings that the store does not have, each as a change of its own."""
        there: dict[tuple[Kind, bytes], Entry] = {}
        for kind in KINDS:
            if keys := [entry.key for entry in entries if entry.kind == kind]:
                there |= {(kind, old.key): old for old in self.read_entries(tx, kind, keys)}
        changed: dict[tuple[Kind, bytes], tuple[Entry, int]] = {}
        for entry in entries:
            place = entry.kind, entry.key
            old = there.get(place)
            new = rule.merged(old, entry)
            if new != old and not rule.is_forgotten(meta, new):
                meta = meta._replace(counter=meta.counter + 1)
                there[place] = new
                changed[place] = new, meta.counter
        if changed:
            self.write_entries(tx, list(changed.values()))
        return meta

    def _read(self, tx: Tx, kind: Kind, key: bytes) -> Entry | None:
        return next(iter(self.read_entries(tx, kind, [key])), None)

    def _now(self, tx: Tx) -> Meta:
        return rule.ticked(*self._locked(tx))

    def _locked(self, tx: Tx) -> tuple[Meta, int]:
        """Return the namespace's row, locked, and the server's time."""
        meta = self.read_meta(tx, lock=True)
        if meta is None:
            self.insert_meta(tx, rule.begun(self.server_time(tx), new_generation()))
            meta = self.read_meta(tx, lock=True) or BEFORE_ALL
        return meta, self.server_time(tx)  # once it is locked: waiting for that takes time


class TableFeed(ABC, Generic[Tx]):
    """A view of a ledger of tables: asks for the rows of later changes.

    Args:
        ledger: the ledger.
    """

    def __init__(self, ledger: TableLedger[Tx]) -> None:
        self._ledger = ledger
        self._known = BEFORE_ALL

    @abstractmethod
    def may_have_changed(self, seconds: float) -> bool:
        """Wait for a change, for at most so long; return whether it is worth looking."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Tx]:
        """Begin a transaction that only reads: a new one at each look, else it sees no change."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Tx]:
        """Begin a transaction that writes; with the same server as those that read."""

    def beat(self, estimate: int, longest: int) -> Beat:
        """Write a heartbeat, and once an hour forget what may be forgotten."""
        with self.writing() as tx:
            return self._ledger.beat(tx, estimate, longest)

    def close(self) -> None:
        """Release the connection."""

    def snapshot(self) -> Snapshot:
        """Return all that the ledger has; `changes` goes on from there."""
        with self.reading() as tx:
            self._known = self._ledger.read_meta(tx, lock=False) or BEFORE_ALL
        return Snapshot(self._known, self._entries())

    def _entries(self) -> Iterator[Entry]:
        """Yield all endings, one by one: there may be many."""
        with self.reading() as tx:
            yield from self._ledger.entries_after(tx, 0)

    def changes(self, seconds: float) -> Changes | None:
        """Return what was written since the last call or the snapshot; None for nothing.

        Raises:
            ChangesLost: the store is another one, or was set back.
        """
        if not self.may_have_changed(seconds):
            return None
        known = self._known
        with self.reading() as tx:
            meta = self._ledger.read_meta(tx, lock=False) or BEFORE_ALL
        if known.generation not in ("", meta.generation) or meta.counter < known.counter:
            raise ChangesLost
        return None if meta.counter == known.counter else self._later()

    def _later(self) -> Changes:
        """Read the changes after the last one that was seen.

        The row is read before them, since its counter says what must be among them; and again after
        them, since its horizon says what is not among them any more.
        """
        with self.reading() as tx:
            before = self._ledger.read_meta(tx, lock=False) or BEFORE_ALL
            entries = list(self._ledger.entries_after(tx, self._known.counter))
            after = self._ledger.read_meta(tx, lock=False) or before
        self._known = after._replace(counter=before.counter)
        return Changes(self._known, [all_entry(after.all), *entries] if after.all else entries)
