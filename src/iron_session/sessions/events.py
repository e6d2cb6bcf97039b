"""What became of a cookie: calls of the application's hooks, and records in the log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from iron_session.errors import CookieTooLargeError, UnsealError, UnsealReason

__all__ = [
    "UnsealFailure",
    "Unsealed",
    "report",
    "report_lost",
    "report_refusal",
    "report_too_large",
    "report_unsealed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsealFailure:
    """What `on_unseal_error` is told.

    Attributes:
        reason: see `UnsealReason`; docs/watching.md says what a burst of each means.
        cookie_name: the session's cookie.
        password_id: the id that the cookie named, if it has the form of one; not authenticated,
            and so no label for a counter: anybody could make as many of them as they like.
        error: the error itself; it holds nothing secret.
        age: how long ago it was sealed, by its expiration and the options' ttl; None where that
            does not tell. Not authenticated: below 0 where somebody made it up, or where the
            session was given a longer ttl of its own.
        size: how many characters the sealed text has.
    """

    reason: UnsealReason
    cookie_name: str
    password_id: str | None
    error: UnsealError
    age: timedelta | None = None
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """What `on_unseal` is told.

    Attributes:
        cookie_name: the session's cookie.
        password_id: the password that opened it.
        outdated: whether that is an older one than the one that seals: sessions of such are
            written again when they are looked at.
        age: how long ago it was sealed, by its expiration and its ttl; None where it never expires.
            Where `max_lifetime` ends it earlier, or Node has sealed it by another ttl, it is off
            by as much.
        size: how many characters the sealed text has.
    """

    cookie_name: str
    password_id: str
    outdated: bool
    age: timedelta | None = None
    size: int = 0


def report(failure: UnsealFailure, hook: Callable[[UnsealFailure], object] | None) -> None:
    """Log that a cookie could not be read and call the hook, whatever the hook does."""
    about: dict[str, Any] = {
        "reason": failure.reason,
        "cookie_name": failure.cookie_name,
        "password_id": failure.password_id,
        "age": None if failure.age is None else failure.age.total_seconds(),
        "size": failure.size,
    }
    _log(
        "DEBUG" if failure.reason == "expired" else "WARNING",
        "session cookie %r could not be read (%s, password id %s, age %s s, %s characters): %s",
        *(failure.cookie_name, failure.reason, failure.password_id, about["age"], failure.size),
        failure.error,
        about=about,
    )
    if hook is not None:
        _call("on_unseal_error", hook, failure)


def report_unsealed(about: Unsealed, hook: Callable[[Unsealed], object]) -> None:
    """Call the hook for a cookie that was read, whatever the hook does."""
    _call("on_unseal", hook, about)


def _call(name: str, hook: Callable[[Any], object], about: object) -> None:
    try:
        hook(about)
    except Exception:
        _log("ERROR", "%s raised; the request goes on", name, with_traceback=True)


def report_lost(cookie_name: str, why: str) -> None:
    """Log that the browser will not get what the application has changed."""
    about = {"cookie_name": cookie_name}
    _log("ERROR", "the change of session %r is lost: %s", cookie_name, why, about=about)


def report_too_large(cookie_name: str, error: CookieTooLargeError) -> None:
    """Log that a session that was only read could not be written again; the browser keeps it."""
    about = {"cookie_name": cookie_name}
    _log("ERROR", "session %r was not renewed: %s", cookie_name, error, about=about)


def report_refusal(
    text: str, reason: str, about: object, hook: Callable[[Any], object] | None
) -> None:
    """Log that a request was refused and call the hook, whatever the hook does."""
    _log("WARNING", "%s", text, about={"reason": reason})
    if hook is not None:
        _call("on_refused", hook, about)


def _log(
    level: str,
    message: str,
    *values: object,
    about: dict[str, Any] | None = None,
    with_traceback: bool = False,
) -> None:
    """Log, whatever the application's own filters and handlers do.

    `about` becomes attributes of the record, for logs that are written as JSON.
    """
    import logging  # noqa: PLC0415 - here, as it takes longer to import than most of this package

    with suppress(Exception):
        number, logger = logging.getLevelNamesMapping()[level], logging.getLogger("iron_session")
        try:
            logger.log(number, message, *values, exc_info=with_traceback, extra=about)
        except KeyError:  # the application's own records have attributes of these names
            logger.log(number, message, *values, exc_info=with_traceback)
