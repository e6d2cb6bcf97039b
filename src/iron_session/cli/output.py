"""How the command writes: text that every terminal shows, and one line if it can't be written."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final, TextIO

__all__ = ["complain", "put", "shows_colour"]

_UNWRITABLE: Final = 2


def put(text: str, status: int = 0) -> int:
    """Print a text and return the exit status: the given one, or 2 if it could not be written."""
    try:
        print(_encodable(text), flush=True)
    except OSError as error:
        # Python writes the rest when it exits, and would fail again, with a traceback.
        _turn_off(sys.stdout)
        return complain(f"the output can't be written ({type(error).__name__})", _UNWRITABLE)
    return status


def complain(text: str, status: int) -> int:
    """Print one line to stderr and return the exit status."""
    line = " ".join(text.split())  # a message of another library may have several
    try:
        print(f"iron-session: {line}", file=sys.stderr, flush=True)
    except OSError:
        _turn_off(sys.stderr)
    return status


def shows_colour(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal whose user has not turned colours off."""
    return (
        stream is not None
        and stream.isatty()
        and "NO_COLOR" not in os.environ
        and os.environ.get("TERM") != "dumb"
    )


def _encodable(text: str) -> str:
    """Replace what the output's encoding does not have, as … in ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _turn_off(stream: TextIO) -> None:
    with suppress(OSError):  # it is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
