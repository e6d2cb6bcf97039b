"""A request's head for `HeaderJar`, in whatever form a framework keeps it.

Duck-typed: no framework is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from iron_session.errors import SessionUnavailableError
from iron_session.sessions.request_head import RequestHead

__all__ = [
    "AnyHead",
    "CookieHead",
    "EnvironHead",
    "ScopeHead",
    "join_cookie_headers",
    "raw_cookie_header",
]


class CookieHead(RequestHead, Protocol):
    """A request's headers: what `RequestHead` has, and the cookies."""

    @property
    def cookie_header(self) -> str | Callable[[], str]:
        """The `Cookie` header, several of them joined by `"; "`; or a function that returns it."""
        ...


def join_cookie_headers(values: Iterable[str]) -> str:
    """Join a request's `Cookie` headers: HTTP/2 allows several (RFC 9113, 8.2.3)."""
    return "; ".join(values)


def raw_cookie_header(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the `Cookie` header of ASGI's headers."""
    values = []
    for name, value in headers:
        if len(name) == 6 and name.lower() == b"cookie":
            values.append(value)
    if len(values) == 1:
        return values[0].decode("latin-1")
    return b"; ".join(values).decode("latin-1")


class ScopeHead:
    """The head of an ASGI request; it does not keep the scope itself, which holds the session.

    Attributes:
        unavailable_error: see `RequestHead`; a framework's own subclass names another one.
        scheme: see `RequestHead`.
        place: the application of the scope, and the path that it is mounted at.
    """

    __slots__ = ("_headers", "place", "scheme")

    unavailable_error: ClassVar[type[SessionUnavailableError]] = SessionUnavailableError

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.scheme: str = scope.get("scheme", "http")
        self.place: tuple[object, str] = scope.get("app"), scope.get("root_path", "")
        self._headers = scope["headers"]

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header."""
        key = name.lower().encode("latin-1")
        return [value.decode("latin-1") for found, value in self._headers if found.lower() == key]

    def cookie_header(self) -> str:
        """Return the `Cookie` header."""
        return raw_cookie_header(self._headers)


class EnvironHead:
    """The head of a WSGI request: its environ.

    Attributes:
        unavailable_error: as in `ScopeHead`.
        cookie_header: the `Cookie` header.
        place: the path that the application is mounted at.
    """

    __slots__ = ("_environ", "cookie_header", "place")

    unavailable_error: ClassVar[type[SessionUnavailableError]] = SessionUnavailableError

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ
        # Text, not a method: that would keep the environ alive, which holds the session.
        self.cookie_header: str = environ.get("HTTP_COOKIE", "")
        self.place: str = environ.get("SCRIPT_NAME", "")

    @property
    def scheme(self) -> str:
        """See `RequestHead`; read late, since what lies further in may know better."""
        scheme: str = self._environ.get("wsgi.url_scheme", "http")
        return scheme

    def get(self, name: str) -> Sequence[str]:
        """Return the header's value (the server joins several into one), or nothing."""
        value = self._environ.get(f"HTTP_{name.upper().replace('-', '_')}")
        return [] if value is None else [value]


class AnyHead:
    """The head of a request whose headers a function returns.

    Args:
        get: returns all values of a header; an empty list if there is none.
        scheme: see `RequestHead`.

    Attributes:
        unavailable_error: as in `ScopeHead`.
    """

    __slots__ = ("_get", "scheme")

    unavailable_error: ClassVar[type[SessionUnavailableError]] = SessionUnavailableError

    def __init__(self, get: Callable[[str], Sequence[str]], scheme: str) -> None:
        self._get = get
        self.scheme: str = scheme

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header."""
        return self._get(name)

    def cookie_header(self) -> str:
        """Return the `Cookie` header."""
        return join_cookie_headers(self.get("Cookie"))
