"""Kept seals: what a worker has opened a moment ago, so that it is not decrypted again.

What is kept is what the cryptography gave: the plaintext as bytes, the password's id and the
expiration. Whoever asks decodes the JSON anew, and decides anew whether the content is acceptable.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from iron_session._frames import shown
from iron_session.seals.iron import DEFAULTS, KeepsSecrets, OpenedSeal, Secret, open_seal
from iron_session.seals.passwords import Passwords
from iron_session.seals.sealing import open_json

__all__ = ["LONGEST_KEPT", "SERVED_MS", "KeptSeals"]

SERVED_MS: Final = 60_000
"""How long a seal is served without being verified again."""

LONGEST_KEPT: Final = 2048
"""In characters. With the number of seals, this bounds the memory that visitors can fill."""


# These two are no tuples: error trackers show what a tuple holds.


@dataclass(slots=True, repr=False, eq=False)
class _Entry:
    """A seal that was opened at `since`, and is served before `until`, both in ms."""

    opened: OpenedSeal
    since: int
    until: int

    def is_served(self, now: int) -> bool:
        """Return whether it may be served; not if the clock was set back: its age is unknown."""
        return self.since <= now < self.until


@dataclass(slots=True, repr=False, eq=False)
class _Shelf:
    """The seals that one state of the passwords has opened, in the order of their time."""

    by_id: Mapping[str, Secret]
    entries: OrderedDict[str, _Entry] = field(default_factory=OrderedDict)


class KeptSeals(KeepsSecrets):
    """The seals that were opened in the last minute, at most so many.

    The oldest one makes room for a new one, however often it was used: none is served for more
    than a minute anyway. A hit then changes nothing, so it needs no lock, and the order tells which
    entries are past their time.

    Args:
        most: how many seals are kept, at least 1.
    """

    __slots__ = ("_lock", "_most", "_shelf")

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._shelf = _Shelf({})

    @shown
    def __repr__(self) -> str:
        return f"<KeptSeals: at most {self._most}>"

    def __len__(self) -> int:
        """Return how many seals are in memory, also those that are not served any more."""
        return len(self._shelf.entries)

    def open(self, text: str, passwords: Passwords, now: int) -> OpenedSeal:
        """Return what a seal holds, as `open_json` does; verify and decrypt it if it is not kept.

        Raises:
            UnsealError: as `open_json`.
        """
        if type(text) is not str:  # a class of its own may have its own idea of what is equal
            return open_json(text, passwords, now)
        # Not what follows, which anybody can change: one seal with many tails is one entry.
        seal = text.partition("~")[0]
        by_id = passwords.by_id  # once: a `reload` replaces it
        if len(seal) > LONGEST_KEPT:
            return open_seal(seal, by_id, DEFAULTS, now)
        shelf = self._shelf
        if shelf.by_id is by_id:
            # The whole text is compared, after a hash with a random key: no prefix is confirmed.
            # `get` is atomic, also without the GIL.
            entry = shelf.entries.get(seal)
            if entry is not None and entry.is_served(now):
                return entry.opened
        opened = open_seal(seal, by_id, DEFAULTS, now)
        self._keep(seal, opened, by_id, now)
        return opened

    def _keep(self, seal: str, opened: OpenedSeal, by_id: Mapping[str, Secret], now: int) -> None:
        # Not while another thread is at it: to wait for that thread may take longer than to decrypt
        # once more, and after a fork, which copies a lock as it is, it may take for ever.
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._shelf.by_id is not by_id:
                self._shelf = _Shelf(by_id)
            entries = self._shelf.entries
            entries.pop(seal, None)  # or another one would make room for it
            self._make_room(entries, now)
            entries[seal] = _Entry(opened, now, _end(opened.expires, now))
        finally:
            self._lock.release()

    def _make_room(self, entries: OrderedDict[str, _Entry], now: int) -> None:
        """Drop the oldest seals: those past their time, and one if the others fill the store."""
        while entries:
            oldest = entries[next(iter(entries))]
            if len(entries) < self._most and oldest.is_served(now):
                return
            entries.popitem(last=False)


def _end(expires: int | None, now: int) -> int:
    """Return until when a seal that is opened now is served; then `open_seal` decides again."""
    if expires is None:
        return now + SERVED_MS
    return min(now + SERVED_MS, expires + DEFAULTS.skew_ms)
