"""The errors of common mistakes with a session get a note that names the mend."""

from __future__ import annotations

import re
from linecache import getline
from types import TracebackType
from typing import Final

from iron_session._log import log

__all__ = ["explain", "report"]

# What Flask and Quart say of a view's result, and what the usual JSON encoders say.
_AS_DICT: Final = re.compile(
    r"\b(?:FlaskSession|LocalProxy)\b"
    r"|\b(?:Session|SessionStore|_View)\b.*(?:JSON serializable|unsupported)"
    r"|(?:JSON serializable|Unsupported).*\bSession\b"
)
# Python's message where an attribute is set; for one that is read, the session has its own.
_BY_ATTRIBUTE: Final = re.compile(
    r"'(?:Session|FlaskSession|_View)' object has no attribute '(\w+)'"
)
_LONGEST: Final = 500  # characters of a message; a visitor's text may be in it
_WITH_AWAIT: Final = re.compile(r"NoneType\b.*\bawait")
_SAVING: Final = re.compile(r"\bawait\b.*\.(?:save|destroy)\(")


def explain(error: object) -> None:
    """Add a note to the error of a session that was used as something else.

    As a dict, as an object with attributes, or as JavaScript's, whose `save` is asynchronous.

    Args:
        error: what a handler has raised; any other kind is left as it is.
    """
    if isinstance(error, (AttributeError, TypeError)):
        mend = _mend_of(error)
        note = f"If this is the session: {mend}"
        if mend is not None and note not in getattr(error, "__notes__", ()):  # it may come twice
            error.add_note(note)


def report(error: object, cookie_name: str) -> None:
    """Log what `explain` would note, where the framework has logged the error already.

    Args:
        error: what a handler has raised; nothing is logged about any other kind.
        cookie_name: the session's.
    """
    mend = _mend_of(error) if isinstance(error, Exception) else None
    if mend is not None:
        about = {"cookie_name": cookie_name}
        log("ERROR", "if this error is of session %r: %s", cookie_name, mend, about=about)


def _mend_of(error: Exception) -> str | None:
    try:
        message = str(error)[:_LONGEST]
    except Exception:  # an error of the application may fail at that, too
        return None
    if found := _BY_ATTRIBUTE.search(message):
        return f"write session[{found[1]!r}]"
    if _AS_DICT.search(message):
        return "write dict(session)"
    if _WITH_AWAIT.search(message) and _SAVING.search(_line_of(error.__traceback__)):
        return "call save() and destroy() without await"
    return None


def _line_of(traceback: TracebackType | None) -> str:
    """Return the line of code that raised; empty if it can't be had."""
    if traceback is None:
        return ""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return getline(traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
