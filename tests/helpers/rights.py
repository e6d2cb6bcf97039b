"""Stand-ins for rights that are missing: root, as which tests may run, has them all."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest


def close_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process no more enter a folder, nor look at what is in it."""
    stat, access = os.stat, os.access

    def is_within(path: object) -> bool:
        return isinstance(path, (str, os.PathLike)) and folder in Path(path).parents

    def look(path: Any, *rest: Any, **named: Any) -> os.stat_result:
        if is_within(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, *rest, **named)

    def may(path: Any, mode: int) -> bool:
        return (
            not is_within(path)
            and not (Path(path) == folder and mode & os.X_OK)
            and access(path, mode)
        )

    monkeypatch.setattr(os, "stat", look)
    monkeypatch.setattr(os, "access", may)
