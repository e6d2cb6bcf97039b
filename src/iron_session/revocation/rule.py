"""The rule: which sessions have ended, and what an ending does to what a store keeps.

Pure functions. The tables and the store in memory call them, the script in Redis does the same, and
the tests compare the two. All times are milliseconds of the store's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol, TypeAlias

from iron_session.revocation.records import Entry, KeptSession, Meta

__all__ = [
    "AHEAD_MS",
    "GRACE_MS",
    "HOUR_MS",
    "LIFE_GRACE_MS",
    "UNKNOWN_LIFE_MS",
    "Known",
    "MarkOrKept",
    "all_ended",
    "beaten",
    "begun",
    "is_ahead",
    "is_ended",
    "is_forgotten",
    "is_hour_over",
    "is_kept_ended",
    "is_unmarked_ended",
    "merged",
    "restored",
    "session_ended",
    "ticked",
    "user_ended",
]

AHEAD_MS: Final = 60_000
"""How far ahead of a process's own estimate a session may begin, which another process began."""

HOUR_MS: Final = 3_600_000

GRACE_MS: Final = HOUR_MS
"""How much longer than it must be an ending is kept: a store's clock may step ahead so far."""

LIFE_GRACE_MS: Final = 60_000
"""Seals open for a minute after they have expired."""

UNKNOWN_LIFE_MS: Final = 400 * 24 * HOUR_MS
"""How long an ended session is kept if nobody has said how long sessions live."""


# --- which sessions have ended -----------------------------------------------------------------

MarkOrKept: TypeAlias = "int | tuple[int, bytes]"
"""A user's mark; with the id of the session that it keeps, if there is one."""


class Known(Protocol):
    """What is known of endings."""

    @property
    def all(self) -> int:
        """The newest ending of all sessions; 0 for none."""
        ...

    @property
    def horizon(self) -> int:
        """Endings up to here may be forgotten."""
        ...

    @property
    def users(self) -> Mapping[bytes, MarkOrKept]:
        """The newest ending of each user."""
        ...

    @property
    def sessions(self) -> Mapping[bytes, int]:
        """The sessions that were ended one by one."""
        ...


def is_ended(known: Known, key: bytes | None, users: Iterable[bytes], since: int) -> bool:
    """Return whether a session is known to have ended.

    Args:
        known: what is known of endings.
        key: the session's id, 16 bytes; None for one that is none.
        users: the fingerprints of the users whose session it is.
        since: from when on endings count for it.
    """
    if since <= known.all or since <= known.horizon or key in known.sessions:
        return True
    for user in users:
        mark = known.users.get(user)
        if mark is not None:
            mark, kept = mark if isinstance(mark, tuple) else (mark, None)
            if since <= mark and (kept is None or kept != key):
                return True
    return False


def is_ahead(since: int, estimate: int | None) -> bool:
    """Return whether a session's time is one that no process gives to any session.

    It was made by a store whose clock nobody has now.
    """
    return estimate is not None and since > estimate + AHEAD_MS


def is_unmarked_ended(known: Known, key: bytes | None, users: Iterable[bytes]) -> bool:
    """Return whether a session that does not say from when on endings count is known to have ended.

    It is older than any ending; but not than the horizon, of which it knows nothing.

    Args:
        known: what is known of endings.
        key: the session's id, 16 bytes; None for one that is none.
        users: the fingerprints of the users whose session it is.
    """
    if known.all > 0 or key in known.sessions:
        return True
    marks = (known.users[user] for user in users if user in known.users)
    return any(key is None or not isinstance(mark, tuple) or mark[1] != key for mark in marks)


# --- what an ending does to what a store keeps -------------------------------------------------


def begun(server: int, generation: str) -> Meta:
    """Return what an empty store knows, by its server's time."""
    return Meta(server, 0, 0, 0, generation, 0)


def ticked(meta: Meta, server: int) -> Meta:
    """Move the clock on to the server's time; never back."""
    return meta._replace(clock=max(meta.clock, server))


def beaten(meta: Meta, server: int, estimate: int, longest: int) -> Meta:
    """Return what a store knows after a heartbeat.

    Args:
        meta: what it knew.
        server: its server's time.
        estimate: where the process that beats expects the store's clock; 0 if it can't say. So a
            store that was set back goes on from where its processes are.
        longest: the longest life of a session in that process; 0 for none.
    """
    clock = max(meta.clock, server, estimate)
    longest = max(meta.longest, longest)
    horizon = max(meta.horizon, clock - longest - GRACE_MS) if longest else meta.horizon
    return meta._replace(clock=clock, longest=longest, horizon=horizon)


def is_hour_over(before: Meta, after: Meta) -> bool:
    """Return whether it is time to forget what may be forgotten: once an hour."""
    return before.clock // HOUR_MS != after.clock // HOUR_MS


def is_forgotten(meta: Meta, entry: Entry) -> bool:
    """Return whether an ending need not be kept: nothing that it has ended can be used any more."""
    if entry.kind == "session":
        return entry.until + GRACE_MS <= meta.clock
    return entry.kind == "user" and entry.mark <= meta.horizon


def all_ended(meta: Meta, estimate: int) -> Meta:
    """Return what a store knows after the ending of all sessions: `all` is its mark."""
    mark = max(meta.clock, estimate, meta.all + 1)
    return meta._replace(all=mark, clock=mark + 1, counter=meta.counter + 1)


def user_ended(
    meta: Meta, estimate: int, key: bytes, kept: bytes | None, old: Entry | None
) -> tuple[Meta, Entry]:
    """Return what a store knows after the ending of a user's sessions, and that ending.

    The clock is past the mark then: so is whatever begins next, and the next ending, of whatever
    kind, has a later mark than that.

    Args:
        meta: what it knew, by the time of now.
        estimate: where the process that ends them expects the store's clock; 0 if it can't say.
        key: the user's fingerprint.
        kept: the id of the session that is left alone.
        old: the user's ending before.
    """
    mark = max(meta.clock, estimate, 0 if old is None else old.mark + 1)
    meta = meta._replace(clock=mark + 1, counter=meta.counter + 1)
    return meta, Entry("user", key, mark, kept)


def is_kept_ended(meta: Meta, kept: KeptSession, old: Entry | None, own: Entry | None) -> bool:
    """Return whether the session that a user's ending is to keep has ended already.

    Args:
        meta: what the store knows.
        kept: the session.
        old: the user's ending before.
        own: the session's own ending.
    """
    if own is not None or kept.since <= max(meta.all, meta.horizon):
        return True
    return old is not None and kept.since <= old.mark and kept.key != old.kept


def session_ended(meta: Meta, key: bytes, life_ms: int) -> Entry:
    """Return the ending of one session.

    Args:
        meta: what the store knows, by the time of now.
        key: the session's id.
        life_ms: how long its seals may open where it was ended; 0 if that is not known. Elsewhere,
            or by the options of another day, they may open for as long as any session lives.
    """
    life_ms = max(life_ms, meta.longest) or UNKNOWN_LIFE_MS
    return Entry("session", key, until=meta.clock + life_ms + LIFE_GRACE_MS)


def merged(old: Entry | None, new: Entry) -> Entry:
    """Return what two endings of one user or of one session have ended together."""
    if old is None:
        return new
    if new.kind == "session":
        return new if new.until > old.until else old
    if new.mark == old.mark and new.kept != old.kept:
        return old._replace(kept=None)
    return new if new.mark > old.mark else old


def restored(meta: Meta, known: Meta, entries: Iterable[Entry]) -> Meta:
    """Return what a store knows once a process has told it what it had forgotten.

    Its generation and its counter stay; `all` is one more change.
    """
    newest = max((entry.mark for entry in entries), default=0)
    return Meta(
        max(meta.clock, known.clock, max(newest, known.all) + 1),
        max(meta.all, known.all),
        max(meta.horizon, known.horizon),
        max(meta.longest, known.longest),
        meta.generation,
        meta.counter + (known.all > meta.all),
    )
