"""A request's cookies: as the browser has sent them, and as the application has changed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import parse_cookie

from iron_session.http.heads import EnvironHead, ScopeHead, join_cookie_headers
from iron_session.sessions.cookie_text import parse_cookies
from iron_session.sessions.cookies import cookie_names

__all__ = ["HEADER", "DjangoHead", "read_head"]

HEADER: Final = "HTTP_COOKIE"
"""The key of the `Cookie` header in a request's META."""


def read_head(
    meta: Mapping[str, Any], scope: Any, cookies: Mapping[str, Any] | None, cookie_name: str
) -> DjangoHead | EnvironHead:
    """Return a request's headers, with its cookies as the application has them.

    Django's own sessions read `request.COOKIES`, to which a middleware may have added a cookie that
    came another way. But there Django keeps only one value of each name, and behind ASGI it reads
    several fields as one. So what the browser has sent counts, unless the application changed it.

    Args:
        meta: the request's META.
        scope: the ASGI scope; None behind WSGI.
        cookies: the request's COOKIES when it reached the session's middleware; None if nobody had
            read them by then.
        cookie_name: the session's.
    """
    header = str(meta.get(HEADER, ""))
    by_scope = None
    if scope is not None:
        by_scope = ScopeHead(scope)
        header = _split(header, by_scope.get("Cookie"))
    if cookies is not None:
        header = _with_changes(header, meta, cookies, cookie_names(cookie_name))
    if by_scope is not None:
        return DjangoHead(by_scope, header)
    by_environ = EnvironHead(meta)
    by_environ.cookie_header = header
    return by_environ


class DjangoHead:
    """The headers of an ASGI request, with another `Cookie` header instead of its own."""

    __slots__ = ("_head", "cookie_header", "scheme")

    def __init__(self, head: ScopeHead, cookie_header: str) -> None:
        self._head = head
        self.cookie_header: str = cookie_header
        self.scheme: str = head.scheme

    def get(self, name: str) -> Sequence[str]:
        """Return every value of a header."""
        return self._head.get(name)


def _split(header: str, fields: Sequence[str]) -> str:
    """Return the header with its fields properly joined (RFC 9113, 8.2.3), unless changed."""
    # Django 5 joins them by commas, later versions by semicolons.
    by_django = ",".join(fields), "; ".join(field.rstrip("; ") for field in fields)
    return join_cookie_headers(fields) if header in by_django else header


def _with_changes(
    header: str, meta: Mapping[str, Any], cookies: Mapping[str, Any], names: Sequence[str]
) -> str:
    """Return the header with the session's cookies as the application has changed them."""
    sent = parse_cookies(header, names[0], bounded=True)
    if all(cookies.get(name) == sent.get(name, [None])[-1] for name in names):
        return header  # nobody has changed them
    by_django = parse_cookie(meta.get(HEADER, ""))  # this strips quotes, for example
    changed = {name for name in names if cookies.get(name) != by_django.get(name)}
    kept = [pair for pair in header.split(";") if pair.partition("=")[0].strip() not in changed]
    return "; ".join([*kept, *(f"{name}={cookies[name]}" for name in changed & cookies.keys())])
