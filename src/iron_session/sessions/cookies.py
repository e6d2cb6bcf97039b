"""One session's cookies: read, written and expired, whole or in chunks.

A seal that does not fit into one cookie is cut into `name.0` … `name.3`, and joined again,
as iron-session 9 does. Nothing here trusts a chunk: the mac covers the seal as a whole, so chunks
that are missing, swapped or somebody else's make a text that does not open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import filterfalse, islice, product
from typing import Any

from iron_session._log import warn_once
from iron_session.errors import ConfigurationError, CookieTooLargeError
from iron_session.seals.iron import PREFIX
from iron_session.sessions.cookie_text import SetCookie, serialize_cookie
from iron_session.sessions.jar import CookieJar, HeaderJar
from iron_session.sessions.limits import (
    LONGEST_SEAL,
    MAX_CHUNKS,
    MAX_COOKIE_BYTES,
    MOST_CANDIDATES,
    MOST_JOINED,
    SHORTEST_SEAL,
)
from iron_session.sessions.options import CookieOptions, SessionOptions
from iron_session.sessions.request_head import is_local, is_plain_http

__all__ = [
    "SessionCookies",
    "candidates",
    "chunk_name",
    "cookie_names",
    "cut",
    "may_be_seal",
    "read_values",
    "room_of_parts",
    "split",
]

_STARS = 7  # between the eight parts of Fe26.2


def chunk_name(name: str, index: int) -> str:
    """Return the name of the cookie that carries the chunk with this index."""
    return f"{name}.{index}"


@lru_cache(maxsize=64)
def cookie_names(name: str) -> tuple[str, ...]:
    """Return the names of all cookies that may carry a part of this session."""
    return (name, *(chunk_name(name, index) for index in range(MAX_CHUNKS)))


# --- reading -------------------------------------------------------------------------------


def read_values(jar: CookieJar, name: str) -> Sequence[str]:
    """Read from a jar, whose class the application may have written."""
    values = jar.read(name)
    if isinstance(values, str) or values is None:
        raise ConfigurationError(
            f"{type(jar).__name__}.read must return a list of all values of that name, "
            f"not {type(values).__name__}"
        )
    return values


def candidates(
    values: Sequence[str], read: Callable[[str], Sequence[str]], name: str
) -> Iterator[str]:
    """Yield the texts of a request that may be seals: whole cookies first, then joined chunks.

    `values` are the values of the whole cookie, `read` returns those of a chunk by its name.

    Empty values are no cookies, as in JavaScript: an expired cookie may look like that. The first
    text that can't be a seal comes last, so that a failure can be reported for it.
    """
    whole = [value for value in values if value]
    del values  # here and below: an error shows a generator's variables, and they hold seals
    junk = next(filterfalse(may_be_seal, whole), None)
    yield from islice(filter(may_be_seal, whole), MOST_CANDIDATES)
    del whole
    joined = ["".join(parts) for parts in islice(_chunk_values(read, name), MOST_JOINED)]
    yield from islice(filter(may_be_seal, joined), MOST_CANDIDATES)
    junk = junk or next(filterfalse(may_be_seal, filter(None, joined)), None)
    if junk is not None:
        yield junk


def _chunk_values(read: Callable[[str], Sequence[str]], name: str) -> Iterator[tuple[str, ...]]:
    """Return all ways to take one value of `name.0`, one of `name.1`, …, up to the first gap."""
    found: list[list[str]] = []
    for index in range(MAX_CHUNKS):
        values = [value for value in read(chunk_name(name, index)) if value]
        if not values:
            break
        if not found:  # a seal begins in this chunk, so values that can't begin one come last
            values.sort(key=lambda value: not value.startswith(PREFIX))
        found.append(values)
    return product(*found)


def may_be_seal(text: str) -> bool:
    """Return whether a text has the shape of a session's seal; no other is tried."""
    return (
        text.startswith(PREFIX)
        and SHORTEST_SEAL <= len(text) <= LONGEST_SEAL
        and text.count("*") >= _STARS
    )


# --- writing -------------------------------------------------------------------------------


def split(
    name: str,
    seal: str,
    options: CookieOptions,
    max_age: int | None,
    *,
    chunk: bool,
    most: int = MAX_CHUNKS,
) -> dict[str, str]:
    """Return the cookies that carry a seal, by name: the whole seal if it fits, else its chunks.

    Raises:
        CookieTooLargeError: it fits neither in one cookie nor, with `chunk`, in `most` of them.
        ConfigurationError: the name and the attributes leave no room for a chunk.
    """
    room = room_of_parts(name, len(seal), options, max_age, chunk=chunk, most=most)
    return cut(name, seal, room)


def cut(name: str, seal: str, room: int | None) -> dict[str, str]:
    """Return the cookies that carry a seal, by name, in chunks of `room` characters."""
    if room is None:
        return {name: seal}
    parts = [seal[start : start + room] for start in range(0, len(seal), room)]
    return {chunk_name(name, index): part for index, part in enumerate(parts)}


def room_of_parts(
    name: str,
    length: int,
    options: CookieOptions,
    max_age: int | None,
    *,
    chunk: bool,
    most: int = MAX_CHUNKS,
) -> int | None:
    """Return how much of a seal of this length each chunk carries; None if one cookie is enough.

    Raises:
        CookieTooLargeError: as `split`.
        ConfigurationError: as `split`.
    """
    size = len(serialize_cookie(name, "", options, max_age)) + length
    if size <= MAX_COOKIE_BYTES:
        return None
    if not chunk:
        raise CookieTooLargeError(
            f"the session's cookie has {size} bytes and browsers accept {MAX_COOKIE_BYTES}: keep "
            "less in it (an id, with the data in a database), or set chunk=True"
        )
    room = MAX_COOKIE_BYTES - len(serialize_cookie(chunk_name(name, 0), "", options, max_age))
    if room <= 0:
        raise ConfigurationError("the cookie's name and attributes alone are too long")
    parts = -(-length // room)
    if parts > most:
        raise CookieTooLargeError(
            f"the session needs {parts} cookies and the most is {most}, since proxies and servers "
            "refuse longer headers: keep an id in it, and the data in a database"
        )
    return room


class SessionCookies:
    """A session's cookies in one request and its response.

    Args:
        jar: where they are read and written.

    Attributes:
        are_written: whether this response sets any of them.
    """

    __slots__ = ("_jar", "_written")

    def __init__(self, jar: CookieJar) -> None:
        self._jar = jar
        self._written: set[str] = set()

    @property
    def are_written(self) -> bool:
        """Whether this response sets any of them."""
        return bool(self._written)

    def are_sent(self, options: SessionOptions[Any]) -> bool:
        """Return whether the browser has sent a cookie with one of their names."""
        return any(any(self._values(name)) for name in cookie_names(options.cookie_name))

    def came_in_chunks(self, options: SessionOptions[Any]) -> bool:
        """Return whether the browser has sent a first chunk."""
        return any(self._values(chunk_name(options.cookie_name, 0)))

    def came_twice(self, options: SessionOptions[Any]) -> bool:
        """Return whether the browser has sent two with one name: they have different scopes."""
        return any(len(self._values(name)) > 1 for name in cookie_names(options.cookie_name))

    def _values(self, name: str) -> Sequence[str]:
        return read_values(self._jar, name)

    def write(
        self,
        options: SessionOptions[Any],
        seal: str,
        room: int | None,
        cookie: CookieOptions,
        max_age: int | None,
    ) -> None:
        """Write the cookies of a seal, and expire those that carried it as a whole or in chunks.

        Args:
            options: the session's options.
            seal: the sealed text.
            room: how much of it a chunk carries, as `room_of_parts` returns it.
            cookie: the cookies' attributes.
            max_age: their Max-Age, in seconds; None leaves it out.

        Raises:
            HeadersAlreadySentError: the response's headers were already sent.
        """
        name = options.cookie_name
        parts = cut(name, seal, room)
        cookie = self._for_request(name, cookie)
        if options.former_cookies:
            self._expire_former(options)  # first, since the last header of a name counts
        for part, value in parts.items():
            self._jar.write(SetCookie(part, value, cookie, max_age))
        if options.chunk or name not in parts or self._may_have_chunks(name):
            others = [one for one in cookie_names(name) if one not in parts]
            self._expire(others if options.chunk else self._present(others), cookie)
        self._written.update(parts)

    def expire(self, options: SessionOptions[Any], cookie: CookieOptions) -> None:
        """Expire the cookies, with these attributes and with those of former scopes.

        Raises:
            HeadersAlreadySentError: the response's headers were already sent.
        """
        name, *parts = cookie_names(options.cookie_name)
        names = [name, *(parts if options.chunk else self._present(parts))]
        self._expire(names, self._for_request(name, cookie))
        self._expire_former(options)

    def _expire_former(self, options: SessionOptions[Any]) -> None:
        """Expire the cookies that the browser has from former scopes."""
        name, *parts = cookie_names(options.cookie_name)
        for former in options.former_cookies:
            names = [name, *(parts if options.chunk else self._present(parts))]
            self._expire(names, self._for_request(name, former))

    def _may_have_chunks(self, name: str) -> bool:
        """Return False if the browser certainly has no chunks, as for most requests."""
        jar = self._jar
        return bool(self._written) or not isinstance(jar, HeaderJar) or jar.mentions(f"{name}.")

    def _present(self, names: Sequence[str]) -> list[str]:
        """Return the names of cookies that the browser has, or will have after this response."""
        return [name for name in names if name in self._written or any(self._values(name))]

    def _expire(self, names: Iterable[str], cookie: CookieOptions) -> None:
        for name in names:
            self._jar.write(SetCookie(name, "", cookie, 0))
            self._written.discard(name)

    def _for_request(self, name: str, cookie: CookieOptions) -> CookieOptions:
        """Return the attributes for this request, which decides what `secure="auto"` means."""
        if not cookie.secure:
            return cookie
        head = self._jar.request if isinstance(self._jar, HeaderJar) else None
        if head is None or not is_plain_http(head):
            return cookie
        if cookie.secure == "auto":
            return _without_secure(cookie)
        if not is_local(head):
            _warn_of_plain_http(name)
        return cookie


@lru_cache(maxsize=64)
def _without_secure(cookie: CookieOptions) -> CookieOptions:
    return replace(cookie, secure=False)


def _warn_of_plain_http(name: str) -> None:
    warn_once(
        ("plain http", name),
        "the cookie %r is Secure and was set over plain http, where browsers drop it: a login "
        "would be lost at once. Behind a proxy that ends TLS, let the server trust its "
        "headers (uvicorn and gunicorn: --forwarded-allow-ips; Django: "
        "SECURE_PROXY_SSL_HEADER; Flask: ProxyFix); else serve HTTPS, or set "
        'cookie_options={"secure": "auto"}',
        name,
    )
