"""What a response gets from its session: the rules that every integration applies.

An integration provides the framework's headers, see `ResponseHeaders`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from iron_session._frames import clear_frames
from iron_session.http.headers import ResponseHeaders
from iron_session.http.heads import CookieHead
from iron_session.sessions.cookie_text import SetCookie, is_expired, name_in_header, scope_in_header
from iron_session.sessions.events import AFTER_HEADERS, report_lost, report_two_writers
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.session import Session

__all__ = [
    "NOTE",
    "ResponseJar",
    "end_session",
    "header_jar",
    "made_private",
    "note_cookies",
    "take_off",
    "take_off_noted",
    "vary_on_cookie",
    "write_session",
]

NOTE: Final = "_iron_session_cookies"
_NO_STORE: Final = "no-store"  # no cache may give out a visitor's cookie (RFC 9111, 5.2.2.5)


def write_session(session: Session, headers: ResponseHeaders) -> None:
    """Commit a session that has a `HeaderJar`, and write what the response needs for it.

    Raises:
        IronSessionError: as `Session.commit`; the headers are as they were.
    """
    if not session.accessed:
        return
    cookies = None
    try:
        session.commit()
        _vary(headers)
        cookies = header_jar(session).set_cookie_headers
        if cookies and not session.abandoned:
            _set_cookies(headers, cookies, yields=session.renewed, ended=session.restarted)
    except BaseException as error:
        cookies = None
        clear_frames(error)
        raise


def header_jar(session: Session) -> HeaderJar:
    """Return the jar of a session that an integration has begun."""
    jar: HeaderJar = session._jar  # type: ignore[assignment]  # as `RequestSessions.begin` made it
    return jar


def end_session(session: Session, *, uncarried: str | None = None, replaced: bool = False) -> None:
    """Log the changes that the browser will not get, and detach the session: the request is over.

    Args:
        session: a session that an integration has begun.
        uncarried: why no response has carried the session; None if one has.
        replaced: whether the application has replaced the session too late to be sent.
    """
    if session.detached:
        return
    jar = header_jar(session)
    is_unsaved = replaced or session.is_unsaved
    if uncarried is not None and not session.abandoned and (is_unsaved or jar.set_cookie_headers):
        report_lost(session.options.cookie_name, uncarried)
    elif jar.closed and is_unsaved:
        report_lost(session.options.cookie_name, AFTER_HEADERS)
    session.detach()


def _set_cookies(
    headers: ResponseHeaders,
    ours: Sequence[str],
    *,
    yields: bool,
    ended: bool = False,
    before: Sequence[str] = (),
) -> None:
    """Write cookies into a response; they replace those with the same name and scope.

    Args:
        headers: the response's headers.
        ours: values of `Set-Cookie`.
        yields: whether a cookie that the application has set itself takes precedence.
        ended: whether the application ended the session: then a deletion is no contradiction.
        before: values that were written here earlier, and so are not the application's.
    """
    there = headers.get("Set-Cookie")
    if there and not _make_way(headers, there, ours, yields=yields, ended=ended, before=before):
        return
    _keep_from_caches(headers)
    for value in ours:
        headers.add("Set-Cookie", value)


def _make_way(
    headers: ResponseHeaders,
    there: Sequence[str],
    ours: Sequence[str],
    *,
    yields: bool,
    ended: bool,
    before: Sequence[str],
) -> bool:
    """Remove cookies that the application has set with our scopes; return False if they stay."""
    scopes = set(map(scope_in_header, ours))
    # A cookie without a path has its page's path, which is usually the same as ours.
    scopes |= {(name, domain, "", partitioned) for name, domain, _, partitioned in scopes}
    rivals = [
        value
        for value in there
        if scope_in_header(value) in scopes and value not in before and value not in ours
    ]
    if rivals and yields:
        return False
    if rivals and not all(map(is_expired, rivals if ended else (*rivals, *ours))):
        report_two_writers(name_in_header(rivals[0]))
    others = [value for value in there if scope_in_header(value) not in scopes]
    if len(others) != len(there):
        headers.set("Set-Cookie", others)
    return True


def _keep_from_caches(headers: ResponseHeaders) -> None:
    """Keep the response from shared caches; other directives of the application stay."""
    there = headers.get("Cache-Control")
    if not there:
        headers.add("Cache-Control", _NO_STORE)
        return
    private = made_private(", ".join(there))
    if private is not None:
        headers.set("Cache-Control", [private])


def made_private(cache_control: str) -> str | None:
    """Return a `Cache-Control` that keeps shared caches off; None if it does so already.

    Source: RFC 9111, 5.2.2. `private="…"`, with names of headers, still lets them keep the rest.
    """
    directives = list(filter(None, map(str.strip, _split_directives(cache_control))))
    names = {one.lower() for one in directives}
    # A cache that supports must-understand ignores a no-store next to it.
    if "private" in names or (_NO_STORE in names and "must-understand" not in names):
        return None
    kept = [one for one in directives if _directive_name(one) not in _FOR_SHARED_CACHES]
    return ", ".join(["private", *kept])


_DIRECTIVE: Final = re.compile(r'(?:[^,"]|"[^"]*")+')  # up to a comma outside quotes


def _split_directives(text: str) -> list[str]:
    if text.count('"') % 2 or "\\" in text:  # it is not certain where a quote ends
        return text.split(",")
    return _DIRECTIVE.findall(text)


_FOR_SHARED_CACHES: Final = frozenset({"public", "s-maxage", "private"})


def _directive_name(directive: str) -> str:
    return directive.partition("=")[0].strip().lower()


def _vary(headers: ResponseHeaders) -> None:
    there = headers.get("Vary")
    if not there:
        headers.add("Vary", "Cookie")
        return
    vary = vary_on_cookie(", ".join(there))
    if vary is not None:
        headers.set("Vary", [vary])


def vary_on_cookie(vary: str) -> str | None:
    """Return the value of a `Vary` header with `Cookie` added; None if it is there already."""
    known = {one.strip().lower() for one in vary.split(",")}
    if "cookie" in known or "*" in known:
        return None
    return f"{vary}, Cookie" if vary else "Cookie"


def note_cookies(owner: Any, values: Iterable[str], note: str = NOTE) -> None:
    """Record on a response which cookies an integration has set on it, for `take_off_noted`.

    Args:
        owner: the object that keeps the record.
        values: values of `Set-Cookie`.
        note: the name of the owner's attribute for the record; each integration, and each of its
            forms, that writes to the same owner needs its own.
    """
    setattr(owner, note, tuple(map(_pair, values)))


def take_off_noted(owner: Any, of: Callable[[Any], ResponseHeaders], note: str = NOTE) -> None:
    """Remove the cookies of an earlier request from a response that the application uses again.

    The rest stays: `Vary` and `Cache-Control` hold no visitor's data, and caches need them. Such a
    response is still no place for a session: two requests at once share it.

    Args:
        owner: as for `note_cookies`.
        of: makes headers of the owner: a class of the module `headers`, or the like.
        note: as for `note_cookies`.
    """
    if getattr(owner, note, ()):
        take_off(owner, of(owner), note)


def take_off(owner: Any, headers: ResponseHeaders, note: str) -> None:
    """Do as `take_off_noted`, for a response that has a record."""
    noted = getattr(owner, note)
    setattr(owner, note, ())
    values = headers.get("Set-Cookie")
    headers.set("Set-Cookie", [value for value in values if _pair(value) not in noted])


def _pair(header: str) -> str:
    """Return a cookie's name and value only: other code may have changed its domain, say."""
    return header.partition(";")[0].strip()


class ResponseJar(HeaderJar):
    """The jar of the explicit form: it writes into a response's headers at once.

    What was written is logged as lost if the response turns out not to be the one that was sent.

    Args:
        head: the request's headers.
        headers: the headers of the response that will be sent.
        has_gone: returns whether they were sent already; leave it out if a framework can't say.
    """

    __slots__ = ("_has_gone", "_headers")

    def __init__(
        self,
        head: CookieHead,
        headers: ResponseHeaders,
        has_gone: Callable[[], bool] = bool,
    ) -> None:
        super().__init__(head.cookie_header, head)
        self._headers = headers
        self._has_gone = has_gone

    def read(self, name: str) -> Sequence[str]:
        """Return the cookie's values; from here on the response depends on them."""
        _vary(self._headers)
        return super().read(name)

    def write(self, cookie: SetCookie) -> None:
        """Set a cookie on the response; it replaces any other with its name and scope."""
        if self._has_gone():
            self.close()
        before = self.set_cookie_headers
        super().write(cookie)
        _vary(self._headers)
        _set_cookies(self._headers, [cookie.header], yields=False, before=before)
