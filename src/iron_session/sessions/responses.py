"""Which headers a response needs for its session: the rule that every integration applies."""

from __future__ import annotations

from typing import NamedTuple

from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.session import Session

__all__ = [
    "NO_STORE",
    "HeaderChanges",
    "header_changes",
    "sets_same_cookie",
    "vary_on_cookie",
]

NO_STORE = "no-store"
"""A shared cache must not hand one visitor's cookie to the next (RFC 9111, 5.2.2.5)."""


class HeaderChanges(NamedTuple):
    """What to do to a response's headers.

    Attributes:
        set_cookie: values of `Set-Cookie` to add.
        vary: the value that `Vary` is to have; None to leave it.
        cache_control: the value that `Cache-Control` is to have; None to leave it.
    """

    set_cookie: list[str]
    vary: str | None
    cache_control: str | None


_NOTHING = HeaderChanges([], None, None)


def header_changes(
    session: Session, jar: HeaderJar, *, vary: str | None, cache_control: str | None
) -> HeaderChanges:
    """Commit the session and tell what the response's headers need for it.

    Args:
        session: the request's session.
        jar: the jar that it writes to.
        vary: what the response has as `Vary`.
        cache_control: what it has as `Cache-Control`.

    Raises:
        IronSessionError: as `Session.commit`.
    """
    session.commit()
    if not session.accessed:
        return _NOTHING
    set_cookie = jar.set_cookie_headers
    return HeaderChanges(
        set_cookie=set_cookie,
        vary=vary_on_cookie(vary),
        # What the application says of caching itself is respected.
        cache_control=NO_STORE if set_cookie and cache_control is None else None,
    )


def vary_on_cookie(vary: str | None) -> str | None:
    """Add `Cookie` to the value of a `Vary` header; None if it is in there already."""
    known = {one.strip().lower() for one in (vary or "").split(",")}
    if "cookie" in known or "*" in known:
        return None
    return f"{vary}, Cookie" if vary else "Cookie"


def sets_same_cookie(header: str, other: str) -> bool:
    """Tell whether two values of `Set-Cookie` are for one name: a response has only one."""
    return header.partition("=")[0].strip() == other.partition("=")[0].strip()
