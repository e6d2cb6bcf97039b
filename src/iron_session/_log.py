"""How records reach the logger `iron_session`; what they say is in `sessions/events.py`.

Nothing here raises, whatever the application's own filters and handlers do.
"""

from __future__ import annotations

import os
from contextlib import suppress
from threading import Lock
from typing import Any, Final

from iron_session import _time

__all__ = ["log", "log_some", "warn_once"]

_MOST_REMEMBERED: Final = 1000  # keys come from the application's code, so there are few

_warned: set[tuple[object, ...]] = set()


def warn_once(key: tuple[object, ...], message: str, *values: object) -> None:
    """Log a WARNING about how the application is set up, once in the life of a process.

    Args:
        key: what the warning is about: a second one with this key is not logged.
        message: as for `logging`.
        values: as for `logging`.
    """
    if key in _warned:
        return
    if len(_warned) >= _MOST_REMEMBERED:
        _warned.clear()
    _warned.add(key)
    log("WARNING", message, *values)


_INTERVAL_MS: Final = 1000

# By kind of record: when the last one was logged, in ms, and how many were left out since then.
_repeated: dict[tuple[str, str], tuple[int, int]] = {}
_repeated_lock = Lock()


def _renew_lock() -> None:
    """Make the lock anew in a forked process: another thread may have held it."""
    global _repeated_lock  # noqa: PLW0603 - it is the module's
    _repeated_lock = Lock()


# Not on Windows, which does not fork.
getattr(os, "register_at_fork", dict)(after_in_child=_renew_lock)


def log_some(
    kind: tuple[str, str],
    level: str,
    message: str,
    *values: object,
    about: dict[str, Any] | None = None,
    with_traceback: bool = False,
) -> None:
    """Log the first record of a kind, then at most one a second, with the number left out.

    Anybody can send cookies that do not open, or that an application's function fails on: they
    must not fill the log.
    """
    now = _time.now_ms()
    with _repeated_lock:
        last, left_out = _repeated.get(kind, (None, 0))
        if last is not None and 0 <= now - last < _INTERVAL_MS:
            _repeated[kind] = (last, left_out + 1)
            return
        _repeated[kind] = (now, 0)
    if left_out:
        message, values = f"{message}; and %d more like this since", (*values, left_out)
    log(level, message, *values, about=about, with_traceback=with_traceback)


def log(
    level: str,
    message: str,
    *values: object,
    about: dict[str, Any] | None = None,
    with_traceback: bool = False,
) -> None:
    """Log a record; raise nothing, whatever the application's own filters and handlers do.

    The items of `about` become attributes of the record, for logs that are written as JSON.
    """
    import logging  # noqa: PLC0415 - here, as it takes longer to import than most of this package

    with suppress(Exception):
        number, logger = logging.getLevelNamesMapping()[level], logging.getLogger("iron_session")
        try:
            logger.log(number, message, *values, exc_info=with_traceback, extra=about)
        except KeyError:  # the application's own records have attributes with these names
            logger.log(number, message, *values, exc_info=with_traceback)
