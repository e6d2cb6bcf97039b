"""How the command writes: text that a terminal shows and never obeys, and one line if it can't."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import Any, Final, TextIO

__all__ = ["NOT_WRITTEN", "complain", "encoding_of", "put", "say", "shows_colour", "visible"]

NOT_WRITTEN: Final = 4
"""The exit status if standard output can't be written."""


def put(text: str, status: int = 0) -> int:
    """Print a text and return the exit status: the given one, or 4 if it could not be written.

    It is written now, so that a closed pipe is noticed here, and not when Python ends.
    """
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "it is closed")
        print(_fitting(text, sys.stdout), flush=True)
    except OSError as error:
        # Python writes the rest when it exits, and would fail again, with a traceback.
        _turn_off(sys.stdout)
        if not isinstance(error, BrokenPipeError):  # whoever closed the pipe has read enough
            reason = error.strerror or type(error).__name__
            complain(f"standard output can't be written: {reason}", NOT_WRITTEN)
        return NOT_WRITTEN
    return status


def complain(text: str, status: int) -> int:
    """Print one line to stderr and return the exit status."""
    say(f"iron-session: {visible(' '.join(text.split()))}")  # other libraries' have several lines
    return status


def say(line: str) -> None:
    """Print one line to stderr, if there is one: print would take standard output then."""
    if sys.stderr is None:
        return
    try:
        print(_fitting(line, sys.stderr), file=sys.stderr, flush=True)
    except OSError:
        _turn_off(sys.stderr)


def shows_colour(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal whose user has not turned colors off."""
    return (
        stream is not None
        and stream.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )


def visible(text: str) -> str:
    r"""Return a text whose unprintable characters are written as escapes: `\x1b`.

    Anybody may have written a cookie. A terminal would obey the control characters in it, and show
    text after a direction mark in another order.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def encoding_of(stream: Any) -> str:
    """Return the encoding of a stream."""
    return getattr(stream, "encoding", None) or "utf-8"


def _fitting(text: str, stream: Any) -> str:
    """Return a text with escapes for what the stream's encoding does not have."""
    encoding = encoding_of(stream)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _turn_off(stream: Any) -> None:
    """Send what is left in a stream's buffer nowhere: Python would fail on it at its end."""
    with suppress(OSError, ValueError, AttributeError):  # it is no file, or closed
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
