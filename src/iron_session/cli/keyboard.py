"""Text that is pasted into a terminal, read whole.

A terminal hands programs whole lines, and cuts them: Linux at 4,095 characters, macOS at 1,024. A
cookie may be longer, so it is read character by character. Ctrl-C stays with the terminal.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import current_thread, main_thread
from typing import Any, Final

termios: Any
try:
    termios = import_module("termios")
except ImportError:  # Windows
    termios = None

__all__ = ["read_uncut"]

_AT_ONCE: Final = 65_536


def read_uncut(stream: Any, most: int) -> bytes | None:
    """Return what is typed or pasted up to Ctrl-D; None if this terminal can't be set so.

    Args:
        stream: standard input, which is a terminal.
        most: how many bytes to read at most; a few more may come.

    Raises:
        OSError: it can't be read.
    """
    if termios is None:
        return None
    try:
        descriptor = stream.fileno()
        before = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        return None
    with _character_by_character(descriptor, before):
        return _read(descriptor, most, before[6][termios.VEOF], before[6][termios.VERASE])


@contextmanager
def _character_by_character(descriptor: int, before: list[Any]) -> Iterator[None]:
    """Set a terminal to hand over each character as it comes, and set it back in any case."""
    characters = [*before[6]]
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    mode = [*before[:3], before[3] & ~termios.ICANON, *before[4:6], characters]
    with _exit_if_ended():
        try:
            termios.tcsetattr(descriptor, termios.TCSANOW, mode)
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def _exit_if_ended() -> Iterator[None]:
    """Let SIGTERM raise SystemExit, as Python would end at once and leave the terminal as it is."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _read(descriptor: int, most: int, end: bytes, erase: bytes) -> bytes:
    typed = bytearray()
    while len(typed) <= most:
        piece = os.read(descriptor, _AT_ONCE)
        until, ended, _ = piece.partition(end)
        _add(typed, until, erase)
        if ended or not piece:
            break
    return bytes(typed)


def _add(typed: bytearray, piece: bytes, erase: bytes) -> None:
    """Add what was typed; the terminal removes nothing for Backspace in this mode."""
    first, *others = piece.split(erase)
    typed += first
    for other in others:
        while typed and typed.pop() & 0xC0 == 0x80:
            pass  # the rest of a character of several bytes
        typed += other
