"""A store's file, and what keeps this process from it: its folder, its rights, a read-only disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from iron_session.errors import ConfigurationError

__all__ = ["DatabaseFile", "database_file", "find_obstacle", "is_there"]


class DatabaseFile(NamedTuple):
    """A file of SQLite.

    Attributes:
        path: its path, absolute.
        is_relative: whether it was given otherwise, and depends on where a process starts.
    """

    path: Path
    is_relative: bool


def database_file(database: str | None) -> DatabaseFile | None:
    """Return the file of a SQLite database, by what its driver is given; None for one in memory.

    Also None for a `file:` URI, which says more than a path.
    """
    if not database or database.startswith((":memory:", "file:")):
        return None
    path = Path(database)
    return DatabaseFile(path.absolute(), not path.is_absolute())


def is_there(path: Path) -> bool:
    """Return whether there is a file or a folder.

    Args:
        path: its path, absolute.

    Raises:
        ConfigurationError: this process can't see that; the message has the mend.
    """
    try:
        os.stat(path)  # noqa: PTH116 - Path.exists() hides some errors, in each Python others
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: it has a NUL
        return False
    except OSError as error:
        raise ConfigurationError(_why_unseen(path, error)) from None
    return True


def find_obstacle(path: Path) -> str:
    """Return what keeps this process from SQLite's file, and the mend; empty if nothing is known.

    What else may be wrong, as a full disk or a damaged file, is not looked for.
    """
    try:
        if not is_there(path.parent):
            return f"the folder {path.parent} is not there: make it, or mount what it is on"
        return _find_at_files(path)
    except ConfigurationError as error:
        return str(error)
    except OSError:
        return ""


def _why_unseen(path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        for folder in reversed(path.parents):  # from the root on: the first one is the cause
            if not os.access(folder, os.X_OK):
                return (
                    f"this process may not reach {path}: it may not enter {folder}. chown or chmod "
                    "that folder, or put the file elsewhere"
                )
    return f"this process can't look at {path}: {error.strerror or type(error).__name__}"


def _find_at_files(path: Path) -> str:
    """Look at the file, at those that SQLite makes beside it, and at their folder."""
    files = [each for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")) if is_there(each)]
    for each in (path.parent, *files):  # first: there, no user may write
        if _is_read_only(each):
            return (
                f"the file system of {each} is read-only here: mount it for writing, or under "
                "systemd name the folder in ReadWritePaths"
            )
    for each in files:
        if not os.access(each, os.R_OK | os.W_OK):
            why = "its mode forbids it" if _is_own(each) else "it belongs to another user"
            return f"this process may not write {each}: {why}. chown or chmod it"
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return (
            f"this process may not make files in {path.parent}, as SQLite has to: chown or chmod it"
        )
    return ""


def _is_read_only(path: Path) -> bool:
    """Return whether it is mounted so, also if only for this process; Windows does not say."""
    return hasattr(os, "statvfs") and bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _is_own(path: Path) -> bool:
    return not hasattr(os, "geteuid") or path.stat().st_uid == os.geteuid()
