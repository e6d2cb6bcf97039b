"""SQLite's files are closed while the process forks.

SQLite holds its locks for a process, not for a connection: a child would take its parent's for its
own. Whoever closes the file next would then take itself for the last one and delete the log, with
all that the child writes there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, RLock
from typing import Protocol
from weakref import WeakValueDictionary

from iron_session._log import warn_once

__all__ = ["LONGEST_S", "Gate", "User", "register", "warn_of_open_file"]

LONGEST_S = 1.0
"""How long a fork waits for a transaction."""


class User(Protocol):
    """Whoever has such a file open."""

    def before_fork(self) -> None:
        """Close the file, and open it for nobody until `after_fork`."""
        ...

    def after_fork(self) -> None:
        """Open it again when it is needed."""
        ...

    def after_fork_in_child(self) -> None:
        """Do the same where no other thread is left, nor what it was doing."""
        ...


def register(user: User) -> None:
    """Call a user of a file at each fork, for as long as it lives; waits for one that goes on."""
    with _forking:
        _users[id(user)] = user


def warn_of_open_file(store: object) -> None:
    """Log that a file is open while the process forks; it can't be closed."""
    warn_once(
        ("revocations", "fork", repr(store)),
        "the database of %r was in use while the process forked, so endings may be lost: close "
        "connections to SQLite before a fork",
        store,
    )


class Gate:
    """Lets transactions pass, but not while the process forks."""

    __slots__ = ("_changed", "_inside", "_is_shut")

    def __init__(self) -> None:
        self._changed = Condition()
        self._inside = 0
        self._is_shut = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Begin something that a fork waits for; waits for a fork itself."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_shut)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def shut(self, seconds: float) -> bool:
        """Let nothing begin, and wait for what has; return whether it has ended."""
        with self._changed:
            self._is_shut = True
            return self._changed.wait_for(lambda: not self._inside, seconds)

    def open(self) -> None:
        """Let all that waits begin."""
        with self._changed:
            self._is_shut = False
            self._changed.notify_all()


# One fork after the other: what one has closed, the end of another one would open too early.
_forking = RLock()
_told: list[User] = []
_users: WeakValueDictionary[int, User] = WeakValueDictionary()


def _before() -> None:
    _forking.acquire()
    for user in list(_users.values()):
        _told.append(user)
        user.before_fork()


def _after() -> None:
    while _told:
        _told.pop().after_fork()
    _forking.release()


def _after_in_child() -> None:
    while _told:
        _told.pop().after_fork_in_child()
    _forking.release()


# Not on Windows, which does not fork.
getattr(os, "register_at_fork", dict)(
    before=_before, after_in_parent=_after, after_in_child=_after_in_child
)
