"""Cookie jars: where a session reads its cookies and writes them.

For a framework without an integration, write a class with two methods; the integrations use
`HeaderJar`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from iron_session.errors import ConfigurationError, HeadersAlreadySentError
from iron_session.sessions.cookie_text import SetCookie, decode_value, parse_cookies
from iron_session.sessions.limits import MOST_DECODED, MOST_ESCAPES
from iron_session.sessions.request_head import RequestHead

__all__ = ["CookieJar", "HeaderJar", "request_of"]


class CookieJar(Protocol):
    """The cookies of one request and its response."""

    def read(self, name: str) -> Sequence[str]:
        """Return all values that the request has for this name, in order."""
        ...

    def write(self, cookie: SetCookie) -> None:
        """Set a cookie on the response; a later one replaces an earlier one.

        Two cookies are the same if they have the same name, domain, path and Partitioned.

        Raises:
            HeadersAlreadySentError: the response's headers were already sent.
        """


class HeaderJar:
    """A jar over header text: a `Cookie` header in, `Set-Cookie` headers out.

    Args:
        cookie_header: the request's `Cookie` header (several of them joined by `"; "`), None for
            none, or a function that returns it, called when a cookie is first read.
        request: what else is known about the request; for `secure="auto"`, for warnings about
            cookies that browsers would drop, and for renewals that wait for a navigation.

    Attributes:
        request: as given; None once the request is over.
        closed: whether the response's headers were sent, so that no cookie can be set any more.
        varies: whether caches may keep the response, so that it needs `Vary: Cookie`; an
            integration sets it to False for a WebSocket.
    """

    __slots__ = ("_escapes", "_header", "_written", "closed", "request", "varies")

    def __init__(
        self,
        cookie_header: str | Callable[[], str] | None = None,
        request: RequestHead | None = None,
    ) -> None:
        self._header = cookie_header
        self.request: RequestHead | None = request
        self._written: dict[tuple[object, ...], str] = {}
        self.closed: bool = False
        self._escapes = MOST_ESCAPES
        self.varies: bool = True

    def read(self, name: str) -> Sequence[str]:
        """Return all values that the request has for this name, in order.

        Percent-encoding is undone in the first 32 values that have any, up to 1024 escapes in all:
        decoding costs time. For the same reason other cookies are not decoded at all. Only the
        first 400 cookies of a header count, and only the beginning of a cookie over 24 kB: browsers
        send no more.
        """
        header = self._header
        if not isinstance(header, str):
            header = self._header_text()
        if name not in header:  # true for most names that are read: those of chunks
            return []
        values = parse_cookies(header, name, bounded=True).get(name, [])
        if "%" in header:
            self._escapes = _decode_some(values, self._escapes)
        return values

    def mentions(self, text: str) -> bool:
        """Return whether a text is anywhere in the request's `Cookie` header."""
        return text in (self._header if isinstance(self._header, str) else self._header_text())

    def _header_text(self) -> str:
        header = self._header() if callable(self._header) else self._header
        if header is None:
            header = ""
        if not isinstance(header, str):
            raise ConfigurationError(
                f"HeaderJar takes the Cookie header as str, not {type(header).__name__}"
            )
        self._header = header
        return header

    def write(self, cookie: SetCookie) -> None:
        """Set a cookie on the response; a later one with its name and scope replaces it.

        Raises:
            HeadersAlreadySentError: after `close`.
        """
        if self.closed:
            raise HeadersAlreadySentError(
                "the response's headers were already sent, so the session can't be written any "
                "more: change or save it before the response starts"
            )
        scope = cookie.scope
        self._written.pop(scope, None)
        self._written[scope] = cookie.header

    def close(self) -> None:
        """Refuse every later write: the headers are sent now."""
        self.closed = True

    def release(self) -> None:
        """Refuse every later write, and forget the request: it is over."""
        self.closed, self.request = True, None

    def reopen(self) -> None:
        """Accept writes again: the headers were not sent after all."""
        self.closed = False

    @property
    def set_cookie_headers(self) -> list[str]:
        """The values of the `Set-Cookie` headers to send, one for each name and scope."""
        return list(self._written.values())


def request_of(jar: CookieJar) -> RequestHead | None:
    """Return what is known about the request beside its cookies; None if the jar has nothing."""
    return jar.request if isinstance(jar, HeaderJar) else None


def _decode_some(values: list[str], room: int) -> int:
    """Decode values in place, and return how many escapes may still be undone."""
    encoded = [index for index, value in enumerate(values) if "%" in value]
    for index in encoded[:MOST_DECODED]:
        room -= values[index].count("%")
        if room < 0:
            return 0
        values[index] = decode_value(values[index])
    return room
