"""Endings in the memory of one process: for tests, and for an application that is one process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import Condition

from iron_session import _time
from iron_session.revocation.directory import Row, Seen
from iron_session.revocation.records import Entry, Kind, Meta
from iron_session.revocation.stores.tables import TableFeed, TableLedger

__all__ = ["MemoryStore"]


class MemoryStore:
    """Endings in memory: gone when the process ends, and not shared with any other."""

    __slots__ = ("_ledgers",)

    def __init__(self) -> None:
        self._ledgers: dict[str, _MemoryLedger] = {}

    def __repr__(self) -> str:
        return "<MemoryStore>"

    def ledger(self, space: str) -> _MemoryLedger:
        """Return the ledger of a namespace; the same one for the same name."""
        return self._ledgers.setdefault(space, _MemoryLedger())


class _MemoryLedger(TableLedger["_MemoryLedger"]):
    def __init__(self) -> None:
        self._meta: Meta | None = None
        self._entries: dict[tuple[Kind, bytes], tuple[Entry, int]] = {}
        self._rows: dict[bytes, Row] = {}
        self._lock, self._pid = Condition(), os.getpid()

    @property
    def changed(self) -> Condition:
        """The lock, which wakes up who waits for a change; made anew after a fork."""
        if self._pid != os.getpid():
            self._lock, self._pid = Condition(), os.getpid()
        return self._lock

    @contextmanager
    def transaction(self) -> Iterator[_MemoryLedger]:
        """Hold the lock. Nothing is rolled back: what can fail comes before the first change."""
        lock = self.changed
        with lock:
            yield self
            lock.notify_all()

    def server_time(self, tx: _MemoryLedger) -> int:
        """Return this server's time."""
        return _time.now_ms()

    def read_meta(self, tx: _MemoryLedger, *, lock: bool) -> Meta | None:
        """Return what is known as a whole."""
        return self._meta

    def insert_meta(self, tx: _MemoryLedger, meta: Meta) -> None:
        """Note what is known as a whole."""
        self._meta = meta

    write_meta = insert_meta

    def read_entries(self, tx: _MemoryLedger, kind: Kind, keys: Sequence[bytes]) -> Iterable[Entry]:
        """Return endings."""
        return [self._entries[kind, key][0] for key in keys if (kind, key) in self._entries]

    def write_entries(self, tx: _MemoryLedger, entries: Sequence[tuple[Entry, int]]) -> None:
        """Note endings, as the newest changes."""
        for entry, counter in entries:
            place = entry.kind, entry.key
            self._entries.pop(place, None)  # so that they are in the order of their numbers
            self._entries[place] = entry, counter

    def entries_after(self, tx: _MemoryLedger, counter: int) -> Iterable[Entry]:
        """Return the endings of later changes, the newest first."""
        for entry, number in reversed(self._entries.values()):
            if number <= counter:
                return
            yield entry

    def forget(self, tx: _MemoryLedger, *, horizon: int, clock: int) -> None:
        """Forget endings."""
        for place, (entry, _) in list(self._entries.items()):
            limit = clock if entry.kind == "session" else horizon
            if max(entry.mark, entry.until) <= limit:
                del self._entries[place]

    def write_row(self, tx: _MemoryLedger, row: Row) -> None:
        """Note who is signed in."""
        self._rows[row.key] = row

    def write_seen(self, tx: _MemoryLedger, key: bytes, seen: Seen) -> None:
        """Note when a session was seen."""
        row = self._rows.get(key)
        if row is not None:
            self._rows[key] = row._replace(seen=seen.seen, expires=seen.expires)

    def read_rows(self, tx: _MemoryLedger, user: bytes) -> list[Row]:
        """Return the rows of a user."""
        return [row for row in self._rows.values() if row.user == user]

    def delete_rows(
        self,
        tx: _MemoryLedger,
        *,
        user: bytes | None = None,
        but: bytes | None = None,
        keys: Sequence[bytes] | None = None,
        expired: int | None = None,
    ) -> None:
        """Delete rows."""
        for row in list(self._rows.values()):
            if (
                (user is None or row.user == user)
                and (but is None or row.key != but)
                and (keys is None or row.key in keys)
                and (expired is None or row.expires <= expired)
            ):
                del self._rows[row.key]

    def feed(self) -> _MemoryFeed:
        """Return a new feed."""
        return _MemoryFeed(self)


class _MemoryFeed(TableFeed[_MemoryLedger]):
    def __init__(self, ledger: _MemoryLedger) -> None:
        super().__init__(ledger)
        self._memory = ledger

    @contextmanager
    def reading(self) -> Iterator[_MemoryLedger]:
        """Hold the lock, and wake up nobody."""
        with self._memory.changed:
            yield self._memory

    def writing(self) -> AbstractContextManager[_MemoryLedger]:
        """Hold the lock."""
        return self._memory.transaction()

    def may_have_changed(self, seconds: float) -> bool:
        """Wait until something changes, for at most so long."""
        lock = self._memory.changed
        with lock:
            return lock.wait_for(self._has_changed, seconds)

    def _has_changed(self) -> bool:
        meta = self._memory.read_meta(self._memory, lock=False)
        return meta is not None and meta.counter != self._known.counter
