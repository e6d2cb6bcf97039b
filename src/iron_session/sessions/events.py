"""What the application and its operators are told: calls of hooks, and the words of the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from iron_session._log import log, log_some
from iron_session.errors import CookieTooLargeError, UnsealError, UnsealReason

__all__ = [
    "AFTER_HEADERS",
    "AFTER_REQUEST",
    "UNSENT",
    "WEBSOCKET_REFUSED",
    "UnsealFailure",
    "Unsealed",
    "report_lost",
    "report_refusal",
    "report_too_large",
    "report_two_writers",
    "report_unreadable",
    "report_unsealed",
    "report_unvaried",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsealFailure:
    """A cookie that could not be read: the argument of `on_unseal_error`.

    Attributes:
        reason: see `UnsealReason`; the documentation's page "Monitoring" says what a burst of each
            means.
        cookie_name: the name of the session's cookie.
        password_id: the id in the cookie, if it has the form of an id, else None; not
            authenticated. Don't use it as a label of a counter: anybody could make any number of
            them.
        error: the error itself; it holds nothing secret.
        age: how long ago it was sealed, by its expiration and the options' ttl; None if these do
            not say, or the age would be below 0: the expiration is made up, or the session has a
            longer ttl of its own. Not authenticated.
        size: the number of characters of the sealed text.
    """

    reason: UnsealReason
    cookie_name: str
    password_id: str | None
    error: UnsealError
    age: timedelta | None = None
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """A cookie that was read: the argument of `on_unseal`, and the second one of `accept`.

    Attributes:
        cookie_name: the name of the session's cookie.
        password_id: the id of the password that opened it.
        outdated: whether that password is older than the one that seals; such sessions are written
            again when they are read.
        age: how long ago it was sealed, by its expiration and its ttl; None if it never expires.
            If `max_lifetime` ends it earlier, or Node has sealed it with another ttl, the age is
            wrong by the difference.
        size: the number of characters of the sealed text.
        session_id: the session's id; None if it has none.
        user_id: the user whose session it is; None if nobody has logged in.
        logged_in_at: when the user logged in (UTC); None if the session does not say.
    """

    cookie_name: str
    password_id: str
    outdated: bool
    age: timedelta | None = None
    size: int = 0
    session_id: str | None = None
    user_id: str | None = None
    logged_in_at: datetime | None = None


_EXPECTED: Final = frozenset({"expired", "ended", "refused"})
"""Reasons for which a cookie is not read that are part of a site's daily life."""


def report_unreadable(
    failure: UnsealFailure, hook: Callable[[UnsealFailure], object] | None
) -> None:
    """Log that a cookie could not be read, and call the hook; a hook that raises is only logged."""
    about: dict[str, Any] = {
        "reason": failure.reason,
        "cookie_name": failure.cookie_name,
        "password_id": failure.password_id,
        "age": None if failure.age is None else failure.age.total_seconds(),
        "size": failure.size,
    }
    log_some(
        (failure.cookie_name, failure.reason),
        "DEBUG" if failure.reason in _EXPECTED else "WARNING",
        "session cookie %r could not be read (%s, password id %s, age %s s, %s characters): %s",
        *(failure.cookie_name, failure.reason, failure.password_id, about["age"], failure.size),
        failure.error,
        about=about,
    )
    if hook is not None:
        _call("on_unseal_error", hook, failure)


def report_unsealed(about: Unsealed, hook: Callable[[Unsealed], object]) -> None:
    """Call the hook for a cookie that was read; a hook that raises is only logged."""
    _call("on_unseal", hook, about)


def _call(name: str, hook: Callable[[Any], object], about: object) -> None:
    try:
        hook(about)
    except Exception:
        log("ERROR", "%s raised; the request goes on", name, with_traceback=True)


AFTER_HEADERS: Final = (
    "it came after the response's headers were sent: change it before the response starts"
)
AFTER_REQUEST: Final = (
    "it came after the request had ended: change the session before the response starts"
)
UNSENT: Final = "its response could not be sent"
WEBSOCKET_REFUSED: Final = (
    "the WebSocket was refused, with a response without cookies: accept it first"
)


def report_lost(cookie_name: str, why: str) -> None:
    """Log that the browser will not get what the application has changed."""
    about = {"cookie_name": cookie_name}
    log("ERROR", "the change to session %r is lost: %s", cookie_name, why, about=about)


def report_two_writers(cookie_name: str) -> None:
    """Log that a response sets a session's cookie twice, and that only one was sent."""
    about = {"cookie_name": cookie_name}
    log(
        "ERROR",
        "the response sets the cookie %r twice, for the session and in another way; the session "
        "was sent. To log out, call session.destroy(), not the framework's delete_cookie; if one "
        "application is mounted in another, change the session in only one of them",
        cookie_name,
        about=about,
    )


def report_unvaried(cookie_name: str) -> None:
    """Log that a response depends on a session, but no header tells caches so."""
    about = {"cookie_name": cookie_name}
    log_some(
        (cookie_name, "unvaried"),
        "ERROR",
        "session %r was first read after the response's headers were sent, so the response has no "
        "Vary: Cookie and a cache may hand it to others: read the session before the response "
        "starts",
        cookie_name,
        about=about,
    )


def report_too_large(cookie_name: str, error: CookieTooLargeError) -> None:
    """Log that a session that was only read could not be written again; the browser keeps it."""
    about = {"cookie_name": cookie_name}
    log("ERROR", "session %r was not renewed: %s", cookie_name, error, about=about)


def report_refusal(
    text: str, reason: str, about: object, hook: Callable[[Any], object] | None
) -> None:
    """Log that a request was refused, and call the hook; a hook that raises is only logged."""
    log_some(("refused", reason), "WARNING", "%s", text, about={"reason": reason})
    if hook is not None:
        _call("on_refused", hook, about)
