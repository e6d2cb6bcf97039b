"""The answer to a request whose session can't be told, or that could not end one.

It is made here where no framework has one of its own.
"""

from __future__ import annotations

from typing import Final

from iron_session.errors import SessionUnavailableError

__all__ = ["HEADERS", "STATUS", "TEXT", "translated"]

STATUS: Final = 503
TEXT: Final = "Service Unavailable"
HEADERS: Final = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", str(len(TEXT))),
    ("Cache-Control", "no-store"),
)


def translated(
    error: BaseException | None, kind: type[SessionUnavailableError]
) -> SessionUnavailableError | None:
    """Return the error of an ending, which knows of no request, as a framework answers it.

    Args:
        error: what a handler has raised.
        kind: the framework's own kind of the error.

    Returns:
        None for any other error, and for one that is of that kind already.
    """
    if not isinstance(error, SessionUnavailableError) or isinstance(error, kind):
        return None
    return kind(str(error))
