"""Why a cookie could not be read: one record in the log, and one call of the application's hook."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from iron_session.errors import CookieTooLargeError, UnsealError, UnsealReason

__all__ = ["UnsealFailure", "report", "report_lost", "report_too_large"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsealFailure:
    """What `on_unseal_error` is told.

    Attributes:
        reason: see `UnsealReason`. `"expired"` is how sessions end; a burst of
            `"unknown-password"` is mostly a rotation gone wrong, a burst of `"invalid"` somebody
            trying.
        cookie_name: the session's cookie.
        password_id: the id that the cookie named, if it has the form of one; not authenticated.
        error: the error itself; it holds nothing secret.
    """

    reason: UnsealReason
    cookie_name: str
    password_id: str | None
    error: UnsealError


def report(
    error: UnsealError, cookie_name: str, hook: Callable[[UnsealFailure], object] | None
) -> None:
    """Log that a cookie could not be read and call the hook, whatever the hook does."""
    failure = UnsealFailure(
        reason=error.reason,
        cookie_name=cookie_name,
        password_id=error.password_id,
        error=error,
    )
    _log(
        "DEBUG" if failure.reason == "expired" else "WARNING",
        "session cookie %r could not be read (%s, password id %s): %s",
        failure.cookie_name,
        failure.reason,
        failure.password_id,
        failure.error,
    )
    if hook is None:
        return
    try:
        hook(failure)
    except Exception:
        _log(
            "ERROR",
            "on_unseal_error raised; the request goes on with an empty session",
            with_traceback=True,
        )


def report_lost(cookie_name: str, why: str) -> None:
    """Log that the browser will not get what the application has changed."""
    _log("ERROR", "the change of session %r is lost: %s", cookie_name, why)


def report_too_large(cookie_name: str, error: CookieTooLargeError) -> None:
    """Log that a session that was only read could not be written again; the browser keeps it."""
    _log("ERROR", "session %r was not renewed: %s", cookie_name, error)


def _log(level: str, message: str, *values: object, with_traceback: bool = False) -> None:
    """Log, whatever the application's own filters and handlers do."""
    import logging  # noqa: PLC0415 - here, as it takes longer to import than most of this package

    with suppress(Exception):
        number = logging.getLevelNamesMapping()[level]
        logging.getLogger("iron_session").log(number, message, *values, exc_info=with_traceback)
