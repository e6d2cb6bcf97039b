"""What a process knows of endings, and how fresh that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Final

from iron_session.revocation.records import Entry, Meta
from iron_session.revocation.rule import GRACE_MS, HOUR_MS, MarkOrKept, merged

__all__ = ["Replica"]

_LONG_AGO: Final = -(10**15)
_NEVER: Final = 10**15


class Replica:
    """The endings that a process knows: what it was told, and what it has ended itself.

    Readers need no lock: each look-up is one step, and what is there only gets stricter. An ending
    is forgotten by the rule alone, never because the store has lost it.

    Attributes:
        all: the newest ending of all sessions; 0 for none.
        horizon: endings up to here may be forgotten.
        longest: the longest life of a session that a process has named, in ms; 0 for none.
        newest: the newest mark of all that were ever known; 0 for none.
        users: by user, the newest mark; with the id that it keeps, if there is one.
        sessions: by ended session, the hour until which it is kept; a number of hours since 1970.
        generation: the generation of the store that the last change came from; "" for none.
        counter: up to which change of the store this is complete.
        fresh_from: up to which time of `_time.elapsed_ms` this is known to be complete; long ago
            before it ever was.
    """

    __slots__ = (
        "_by_hour",
        "_lock",
        "all",
        "counter",
        "fresh_from",
        "generation",
        "horizon",
        "longest",
        "newest",
        "sessions",
        "users",
    )

    def __init__(self) -> None:
        self.all: int = 0
        self.horizon: int = 0
        self.newest: int = 0
        self.longest: int = 0
        self.users: dict[bytes, MarkOrKept] = {}
        self.sessions: dict[bytes, int] = {}
        self.generation: str = ""
        self.counter: int = 0
        self.fresh_from: int = _LONG_AGO
        # The keys of `sessions` by their hour, which is one object for all of them: 8 bytes each.
        self._by_hour: dict[int, tuple[int, list[bytes]]] = {}
        self._lock = Lock()

    def renew_lock(self) -> None:
        """Make the lock anew, in a process that was forked while another thread held it."""
        self._lock = Lock()

    def apply(self, entries: Iterable[Entry]) -> None:
        """Add endings; those that are known already change nothing."""
        for entry in entries:
            with self._lock:
                self._add(entry)

    def compare(self, entries: Iterable[Entry], clock: int) -> Iterator[Entry]:
        """Add all that a store has, and yield what it lacks.

        Args:
            entries: the store's endings.
            clock: the store's clock.
        """
        with self._lock:
            users, sessions = dict(self.users), dict(self.sessions)
        for entry in entries:
            if entry.kind == "user" and entry.key in users:
                own = Entry("user", entry.key, *_split(users[entry.key]))
                if merged(entry, own) == entry:
                    del users[entry.key]
            elif sessions.get(entry.key, _NEVER) <= _hour(entry.until):
                del sessions[entry.key]
            with self._lock:
                self._add(entry)
        for key, found in users.items():
            yield Entry("user", key, *_split(found))
        for key, hour in sessions.items():
            # Stores count by the millisecond, so they may have forgotten it already.
            if (hour - 1) * HOUR_MS + GRACE_MS > clock:
                yield Entry("session", key, until=hour * HOUR_MS)

    def _add(self, entry: Entry) -> None:
        self.newest = max(self.newest, entry.mark)
        if entry.kind == "all":
            self.all = max(self.all, entry.mark)
        elif entry.kind == "user":
            self._add_user(entry)
        else:
            self._add_session(entry)

    def _add_user(self, entry: Entry) -> None:
        newest = merged(self._user(entry.key), entry)
        kept = newest.kept
        self.users[entry.key] = newest.mark if kept is None else (newest.mark, kept)

    def _user(self, key: bytes) -> Entry | None:
        found = self.users.get(key)
        return None if found is None else Entry("user", key, *_split(found))

    def _add_session(self, entry: Entry) -> None:
        hour = _hour(entry.until)
        if self.sessions.get(entry.key, -1) >= hour:
            return
        hour, keys = self._by_hour.setdefault(hour, (hour, []))
        keys.append(entry.key)
        self.sessions[entry.key] = hour

    def learn(self, meta: Meta) -> None:
        """Note what a store knows as a whole, from a heartbeat or a change."""
        with self._lock:
            self.all = max(self.all, meta.all)
            self.newest = max(self.newest, meta.all)
            self.horizon = max(self.horizon, meta.horizon)
            self.longest = max(self.longest, meta.longest)

    def follow(self, generation: str, counter: int) -> None:
        """Note up to which change of a store this is complete."""
        self.generation = generation
        self.counter = counter

    def forget(self, clock: int) -> None:
        """Forget what may be forgotten, at a time of the store's clock."""
        with self._lock:
            for hour in [each for each in self._by_hour if each * HOUR_MS + GRACE_MS <= clock]:
                for key in self._by_hour.pop(hour)[1]:
                    if self.sessions.get(key) == hour:  # else it was ended again, for longer
                        del self.sessions[key]
            horizon = self.horizon
            for user in [key for key, found in self.users.items() if _split(found)[0] <= horizon]:
                del self.users[user]

    def known(self, clock: int) -> Meta:
        """Return what is known as a whole, at a time of the store's clock."""
        return Meta(clock, self.all, self.horizon, self.longest, self.generation, self.counter)

    def oldest_mark(self) -> int:
        """Return the oldest of the users' marks; 0 for none."""
        with self._lock:
            return min((_split(found)[0] for found in self.users.values()), default=0)

    def newest_mark(self, user: bytes | None) -> int:
        """Return the newest of the marks of all sessions, of a user, and of the horizon."""
        found = self.users.get(user, 0) if user is not None else 0
        return max(self.all, self.horizon, _split(found)[0])


def _hour(until: int) -> int:
    """Return the end of the hour in which an ended session may be forgotten."""
    return -(-until // HOUR_MS)


def _split(found: MarkOrKept) -> tuple[int, bytes | None]:
    return found if isinstance(found, tuple) else (found, None)
