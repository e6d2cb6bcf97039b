"""Calls of a store that do not block an event loop, in a few threads of their own.

While a store hangs, they would else take all threads of the event loop's executor, which the
application has for other things.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Lock, Thread
from typing import Any, Final, TypeVar

from iron_session import _time

__all__ = ["Calls", "StoreHangsError"]

T = TypeVar("T")

_MOST_THREADS: Final = 4
_LONGEST_S: Final = 10.0
_HANGS_MS: Final = 2000


class StoreHangsError(Exception):
    """The store does not answer those who have called it already, or this call; it may later."""


class Calls:
    """Calls that are going on, and those that wait until a thread is free."""

    __slots__ = ("_began", "_lock", "_running", "_waiting")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew in a process that was forked: the calls are the other one's."""
        self._lock = Lock()
        self._running = 0
        self._began = 0  # when the newest of them began, by `_time.elapsed_ms`
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    async def run(self, call: Callable[[], T]) -> T:
        """Call a function in a thread, with the context variables of whoever waits.

        Raises:
            StoreHangsError: it takes too long; or all threads are busy, and none has got free for
                some time.
        """
        future: Future[T] = Future()
        context = copy_context()
        self._begin(future, lambda: context.run(call))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), _LONGEST_S)
        except TimeoutError:
            raise StoreHangsError from None

    def _begin(self, future: Future[Any], call: Callable[[], Any]) -> None:
        with self._lock:
            if self._running < _MOST_THREADS:
                self._start()
            elif _time.elapsed_ms() - self._began > _HANGS_MS:
                raise StoreHangsError
            self._waiting.append((future, call))

    def _start(self) -> None:
        """Start a thread; it waits for the lock."""
        try:
            Thread(target=self._work, name="iron-session-call", daemon=True).start()
        except RuntimeError:  # the process can't have more threads
            if not self._running:
                raise StoreHangsError from None
        else:
            self._running += 1
            self._began = _time.elapsed_ms()

    def _work(self) -> None:
        while (work := self._next()) is not None:
            future, call = work
            if future.set_running_or_notify_cancel():
                try:
                    result = call()
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)
            del work, future, call

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._lock:
            if self._waiting:
                self._began = _time.elapsed_ms()
                return self._waiting.popleft()
            self._running -= 1
            return None
