"""What a response gets from its session: the rule that every integration applies.

An integration tells how its framework's headers are read and set, by `ResponseHeaders`; when they
are about to go it calls `write_session`, and when all is done `report_late_changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from iron_session.doors.headers import ResponseHeaders
from iron_session.sessions.cookies import SetCookie
from iron_session.sessions.events import report_lost
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.session import Session

__all__ = [
    "REFUSED",
    "TOO_LATE",
    "NotedHeaders",
    "ResponseJar",
    "commit_early",
    "header_jar",
    "report_late_changes",
    "report_lost_changes",
    "report_refused",
    "sets_same_cookie",
    "take_off_noted",
    "vary_on_cookie",
    "write_session",
]

TOO_LATE: Final = (
    "it came after the response's headers had gone: change it before the response starts"
)
REFUSED: Final = "the WebSocket was refused, by an answer without cookies: accept it first"
_NOTE: Final = "_iron_session_cookies"
_NO_STORE = "no-store"  # a shared cache must not hand out a visitor's cookie (RFC 9111, 5.2.2.5)


def write_session(session: Session, headers: ResponseHeaders) -> None:
    """Commit a session that is served by a `HeaderJar`, and write what the response needs for it.

    Raises:
        IronSessionError: as `Session.commit`; the headers are as they were.
    """
    if not session.accessed:
        return
    session.commit()
    _vary(headers)
    if not session.abandoned:
        _set_cookies(headers, header_jar(session).set_cookie_headers)


def commit_early(session: Session) -> None:
    """Commit while the application can still answer an error; `write_session` is still to come.

    Raises:
        IronSessionError: as `Session.commit`.
    """
    if not header_jar(session).closed:
        session.commit()


def header_jar(session: Session) -> HeaderJar:
    """Give the jar of a session that an integration has begun."""
    jar: HeaderJar = session.jar  # type: ignore[assignment]  # as `begin_session` has made it
    return jar


def report_late_changes(session: Session) -> None:
    """Say so in the log when a session was changed after its response's headers had gone."""
    if session.is_unsaved and header_jar(session).closed:
        report_lost(session.options.cookie_name, TOO_LATE)


def report_refused(session: Session, why: str = REFUSED) -> None:
    """Say so in the log when a session was changed and its WebSocket was closed, not accepted.

    Or accepted in a way that carries no cookies: `why` tells.
    """
    unsent = header_jar(session).set_cookie_headers
    if not session.abandoned and (unsent or session.is_unsaved):
        report_lost(session.options.cookie_name, why)


def report_lost_changes(
    session: Session, *, replaced: bool, refused: bool, interrupted: bool
) -> None:
    """Say so in the log when a connection is over and the browser will not get what has changed.

    Args:
        session: one that an integration has begun.
        replaced: whether a plain dict lies in its place, which was not taken over.
        refused: whether the connection was a WebSocket, and was closed, not accepted.
        interrupted: whether a response could not be sent.
    """
    jar = header_jar(session)
    unsaved, unsent = replaced or session.is_unsaved, jar.set_cookie_headers
    if refused and (unsaved or unsent):
        report_lost(session.options.cookie_name, REFUSED)
    elif jar.closed and unsaved:
        report_lost(session.options.cookie_name, TOO_LATE)
    elif interrupted and unsent and not jar.closed:
        report_lost(session.options.cookie_name, "its response could not be sent")


def _set_cookies(headers: ResponseHeaders, set_cookie: Sequence[str]) -> None:
    if not set_cookie:
        return
    there = headers.get("Set-Cookie")
    others = [
        value for value in there if not any(sets_same_cookie(value, ours) for ours in set_cookie)
    ]
    if len(others) != len(there):
        headers.set("Set-Cookie", others)
    if not headers.get("Cache-Control"):  # what the application says of caching is respected
        headers.add("Cache-Control", _NO_STORE)
    for value in set_cookie:
        headers.add("Set-Cookie", value)


def sets_same_cookie(header: str, other: str) -> bool:
    """Tell whether two values of `Set-Cookie` are for one name: a response has only one."""
    return header.partition("=")[0].strip() == other.partition("=")[0].strip()


def _vary(headers: ResponseHeaders) -> None:
    there = headers.get("Vary")
    if not there:
        headers.add("Vary", "Cookie")
        return
    vary = vary_on_cookie(", ".join(there))
    if vary is not None:
        headers.set("Vary", [vary])


def vary_on_cookie(vary: str) -> str | None:
    """Add `Cookie` to the value of a `Vary` header; None if it is in there already."""
    known = {one.strip().lower() for one in vary.split(",")}
    if "cookie" in known or "*" in known:
        return None
    return f"{vary}, Cookie" if vary else "Cookie"


class NotedHeaders:
    """A response's headers, where a note of each cookie is left, for `take_off_noted`.

    Args:
        owner: what `of` makes headers of, and the note is left on.
        of: a class of `headers` or the like.
        note: the name of the owner's attribute: another one for each door that writes there.
    """

    def __init__(self, owner: Any, of: Callable[[Any], ResponseHeaders], note: str = _NOTE) -> None:
        take_off_noted(owner, of, note)
        self._headers = of(owner)
        self._owner, self._note = owner, note

    def get(self, name: str) -> Sequence[str]:
        """Give every value of a header, in their order."""
        return self._headers.get(name)

    def set(self, name: str, values: Sequence[str]) -> None:
        """Make these a header's values, in the place of those that it has."""
        self._headers.set(name, values)

    def add(self, name: str, value: str) -> None:
        """Add a header beside those of its name."""
        self._headers.add(name, value)
        if name == "Set-Cookie":
            noted = getattr(self._owner, self._note, ())
            setattr(self._owner, self._note, (*noted, _pair(value)))


def take_off_noted(owner: Any, of: Callable[[Any], ResponseHeaders], note: str = _NOTE) -> None:
    """Take off the cookies of an earlier request: the application keeps the response for several.

    The rest stays: `Vary` and `Cache-Control` hold no visitor's data, and are what caches go by.
    Such a response is still no place for a session: two requests at once share it.

    Args:
        owner: as `NotedHeaders` was given it, and so with the others.
        of: see there.
        note: see there.
    """
    noted = getattr(owner, note, ())
    if not noted:
        return
    setattr(owner, note, ())
    headers = of(owner)
    values = headers.get("Set-Cookie")
    headers.set("Set-Cookie", [value for value in values if _pair(value) not in noted])


def _pair(header: str) -> str:
    """Give the cookie's name and value: others may have given it another domain, say."""
    return header.partition(";")[0].strip()


class ResponseJar(HeaderJar):
    """The jar of the explicit form: it writes into a response's headers at once.

    Args:
        cookie_header: as `HeaderJar` takes it.
        headers: those of the response that will be sent.
        has_gone: tells whether they were sent already, where a framework lets that be asked.
    """

    __slots__ = ("_has_gone", "_headers")

    def __init__(
        self,
        cookie_header: str | Callable[[], str] | None,
        headers: ResponseHeaders,
        has_gone: Callable[[], bool] = bool,
    ) -> None:
        super().__init__(cookie_header)
        self._headers = headers
        self._has_gone = has_gone

    def read(self, name: str) -> Sequence[str]:
        """Give the cookie's values; from here on the response depends on them."""
        _vary(self._headers)
        return super().read(name)

    def write(self, cookie: SetCookie) -> None:
        """Set a cookie on the response, in the place of any other of its name."""
        if self._has_gone():
            self.close()
        super().write(cookie)
        _vary(self._headers)
        _set_cookies(self._headers, [cookie.header])
