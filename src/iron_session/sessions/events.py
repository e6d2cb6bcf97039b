"""Why a cookie could not be read: one record in the log, and one call of the application's hook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iron_session.errors import UnsealError, UnsealReason

__all__ = ["UnsealFailure", "report"]


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
    import logging  # noqa: PLC0415 - here, as it takes longer to import than most of this package

    logger = logging.getLogger("iron_session")
    failure = UnsealFailure(
        reason=error.reason,
        cookie_name=cookie_name,
        password_id=error.password_id,
        error=error,
    )
    logger.log(
        logging.DEBUG if failure.reason == "expired" else logging.WARNING,
        "session cookie %r could not be read (%s, password id %s): %s",
        cookie_name,
        failure.reason,
        failure.password_id,
        error,
    )
    if hook is None:
        return
    try:
        hook(failure)
    except Exception:
        logger.exception("on_unseal_error raised; the request goes on with an empty session")
