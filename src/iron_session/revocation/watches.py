"""Who is told when a session ends: WebSockets and streams, since no request will ask again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from threading import Lock

from iron_session._log import log
from iron_session.revocation.records import Entry

__all__ = ["Watch", "Watches"]


class Watch:
    """One session that is watched; `Revocations.watch` makes it.

    Also a context manager, which closes it.
    """

    __slots__ = ("_watches", "callback", "is_ended", "keys")

    def __init__(
        self,
        watches: Watches,
        keys: tuple[bytes, ...],
        is_ended: Callable[[], bool],
        callback: Callable[[], object],
    ) -> None:
        self._watches = watches
        self.keys: tuple[bytes, ...] = keys
        self.is_ended: Callable[[], bool] = is_ended
        self.callback: Callable[[], object] = callback

    def __repr__(self) -> str:
        return "<Watch>"

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Watch no longer: the callback is not called any more, unless it is running already."""
        self._watches.remove(self)


class Watches:
    """All sessions that are watched, by the ids and users whose ending could be theirs."""

    __slots__ = ("_all", "_by_key", "_lock", "_news")

    def __init__(self) -> None:
        self._all: dict[Watch, None] = {}
        self._by_key: dict[bytes, dict[Watch, None]] = {}
        self._news: deque[Entry] = deque()
        self._lock = Lock()

    def reset(self) -> None:
        """Begin anew in a process that was forked: connections are the other one's."""
        self.__init__()  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self._all)

    def add(self, watch: Watch) -> None:
        """Begin to watch."""
        with self._lock:
            self._all[watch] = None
            for key in watch.keys:
                self._by_key.setdefault(key, {})[watch] = None

    def remove(self, watch: Watch) -> bool:
        """Watch no longer; return whether it was watched."""
        with self._lock:
            for key in watch.keys:
                watching = self._by_key.get(key, {})
                watching.pop(watch, None)
                if not watching:
                    self._by_key.pop(key, None)
            return self._all.pop(watch, self) is None

    def note(self, entries: Iterable[Entry]) -> None:
        """Note endings, for the next `tell`; does nothing if nobody watches."""
        if self._all:
            self._news.extend(entries)

    def tell(self) -> None:
        """Call back for each session that has ended by what was noted, once."""
        while self._news:
            for watch in self._touched(self._news.popleft()):
                if watch.is_ended() and self.remove(watch):
                    _call(watch.callback)

    def _touched(self, entry: Entry) -> list[Watch]:
        with self._lock:
            return list(self._all if entry.kind == "all" else self._by_key.get(entry.key, ()))


def _call(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:
        log("ERROR", "a callback of Revocations.watch raised", with_traceback=True)
