"""Cookie jars: where a session reads its cookies and writes them.

A framework without an integration needs two methods; `HeaderJar` is what the integrations use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from iron_session.errors import ConfigurationError, HeadersAlreadySentError
from iron_session.sessions.cookies import SetCookie, decode_value, parse_cookies

__all__ = ["CookieJar", "HeaderJar"]


class CookieJar(Protocol):
    """The cookies of one request and its response."""

    def read(self, name: str) -> Sequence[str]:
        """Give every value that the request has for this name, in their order."""
        ...

    def write(self, cookie: SetCookie) -> None:
        """Set a cookie on the response; a later one of the same name replaces an earlier one.

        Raises:
            HeadersAlreadySentError: when it is too late for that.
        """


_MOST_DECODED = 32  # twice as many as are ever tried


class HeaderJar:
    """A jar over header text: a `Cookie` header in, `Set-Cookie` headers out.

    Args:
        cookie_header: the request's `Cookie` header (several of them joined by `"; "`), None for
            none, or a function that gives it, called when a cookie is first looked for.
    """

    __slots__ = ("_closed", "_header", "_written")

    def __init__(self, cookie_header: str | Callable[[], str] | None = None) -> None:
        self._header = cookie_header
        self._written: dict[str, str] = {}
        self._closed = False

    def read(self, name: str) -> Sequence[str]:
        """Give every value that the request has for this name, in their order.

        Percent-encoding is undone in the first 32 of them that have any: decoding costs time, and
        for the same reason other cookies are not decoded at all.
        """
        header = self._header_text()
        if name not in header:  # so it is with most names that are asked for: those of chunks
            return []
        values = parse_cookies(header, name).get(name, [])
        if "%" in header:
            encoded = [index for index, value in enumerate(values) if "%" in value]
            for index in encoded[:_MOST_DECODED]:
                values[index] = decode_value(values[index])
        return values

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
        """Set a cookie on the response; a later one of the same name replaces an earlier one.

        Raises:
            HeadersAlreadySentError: after `close`.
        """
        if self._closed:
            raise HeadersAlreadySentError(
                "the response's headers have gone, so the session can't be written any more: "
                "change or save it before the response starts"
            )
        self._written.pop(cookie.name, None)
        self._written[cookie.name] = cookie.header

    def close(self) -> None:
        """Refuse every later write: the headers go now."""
        self._closed = True

    def reopen(self) -> None:
        """Take writes again: the headers did not go after all."""
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the headers have gone."""
        return self._closed

    @property
    def set_cookie_headers(self) -> list[str]:
        """The values of the `Set-Cookie` headers to send, one for each name."""
        return list(self._written.values())
