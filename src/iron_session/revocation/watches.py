"""Who is told when a session ends: WebSockets and streams, since no request will ask again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Lock, Thread

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
        self._news: dict[Watch, None] = {}  # each once, however long nobody tells
        self._lock = Lock()

    def reset(self) -> None:
        """Begin anew in a process that was forked: connections are the other one's."""
        self.__init__()  # type: ignore[misc]  # all its fields anew

    def __len__(self) -> int:
        return len(self._all)

    def add(self, watch: Watch) -> None:
        """Begin to watch; if the session has ended already, the next `tell` calls back."""
        with self._lock:
            self._all[watch] = None
            for key in watch.keys:
                self._by_key.setdefault(key, {})[watch] = None
            if watch.is_ended():
                self._news[watch] = None

    def remove(self, watch: Watch) -> bool:
        """Watch no longer; return whether it was watched."""
        with self._lock:
            for key in watch.keys:
                watching = self._by_key.get(key, {})
                watching.pop(watch, None)
                if not watching:
                    self._by_key.pop(key, None)
            self._news.pop(watch, None)
            return self._all.pop(watch, self) is None

    def note(self, entries: Iterable[Entry]) -> None:
        """Note whose sessions these may have ended, for the next `tell`."""
        if self._all:
            with self._lock:
                for entry in entries:
                    self._news.update(self._touched(entry))

    def note_all(self) -> None:
        """Note that any session may have ended."""
        with self._lock:
            self._news.update(self._all)

    def tell_soon(self) -> None:
        """Do as `tell` in a thread of its own: the follower may be waiting for its store."""
        if self._news:
            with suppress(RuntimeError):  # the process can't have more threads: the follower tells
                Thread(target=self.tell, name="iron-session-watches", daemon=True).start()

    def tell(self) -> None:
        """Call back for each session that has ended by what was noted, once."""
        while (watch := self._next()) is not None:
            if watch.is_ended() and self.remove(watch):
                _call(watch.callback)

    def _next(self) -> Watch | None:
        with self._lock:
            return self._news.popitem()[0] if self._news else None

    def _touched(self, entry: Entry) -> dict[Watch, None]:
        return self._all if entry.kind == "all" else self._by_key.get(entry.key, {})


def _call(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:
        log("ERROR", "a callback of Revocations.watch raised", with_traceback=True)
