"""One seal over several cookies: `name.0` … `name.3`, plain concatenation, as iron-session 9 does.

Pure functions. Nothing here trusts a chunk: the mac covers the seal as a whole, so chunks that are
missing, swapped or somebody else's make a text that does not open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product

from iron_session.errors import ConfigurationError, CookieTooLargeError
from iron_session.seals.iron import PREFIX
from iron_session.sessions.cookies import serialize_cookie
from iron_session.sessions.options import CookieOptions

__all__ = [
    "MAX_CHUNKS",
    "MAX_COOKIE_BYTES",
    "candidates",
    "chunk_name",
    "is_too_long",
    "names",
    "split",
]

MAX_COOKIE_BYTES = 4096
"""What browsers take for one cookie: name, value and attributes together."""

MAX_CHUNKS = 4
"""Four are 16 kB in every request already, and proxies cap the whole header at 8 kB."""

# A sibling subdomain can add cookies of our names to a request. Each way of reading them is tried,
# up to this many whole ones and as many joined: enough for one tossed chunk beside each of four.
_MAX_CANDIDATES = 16
_MAX_SEAL_LENGTH = MAX_CHUNKS * MAX_COOKIE_BYTES


def chunk_name(name: str, index: int) -> str:
    """Name the cookie that carries the chunk of this index."""
    return f"{name}.{index}"


def names(name: str) -> list[str]:
    """Every cookie that may carry a part of this session."""
    return [name, *(chunk_name(name, index) for index in range(MAX_CHUNKS))]


def candidates(read: Callable[[str], Sequence[str]], name: str) -> Iterator[str]:
    """Give the seals that the request may hold: whole ones first, then joined chunks.

    Empty values are no cookies, as in JavaScript: that is how an expired one may look.
    """
    yield from islice(_values(read, name), _MAX_CANDIDATES)
    joined = ("".join(parts) for parts in product(*_chunk_values(read, name)))
    yield from islice(filter(None, joined), _MAX_CANDIDATES)


def _chunk_values(read: Callable[[str], Sequence[str]], name: str) -> list[list[str]]:
    """Every value of `name.0`, of `name.1`, …, up to the first gap."""
    found: list[list[str]] = []
    for index in range(MAX_CHUNKS):
        values = _values(read, chunk_name(name, index))
        if not values:
            break
        found.append(values)
    return found


def _values(read: Callable[[str], Sequence[str]], name: str) -> list[str]:
    """Every value that is not empty; first those that start as a seal does, so that junk waits."""
    values = [value for value in read(name) if value]
    if len(values) > 1:
        values.sort(key=lambda value: not value.startswith(PREFIX))
    return values


def is_too_long(text: str) -> bool:
    """Tell whether a text is longer than every seal that `split` allows."""
    return len(text) > _MAX_SEAL_LENGTH


def split(
    name: str, seal: str, options: CookieOptions, max_age: int | None, *, chunk: bool
) -> dict[str, str]:
    """Give the cookies that carry a seal, by name: itself if it fits, else its chunks.

    Raises:
        CookieTooLargeError: it fits neither in one cookie nor, with `chunk`, in four.
        ConfigurationError: name and attributes leave no room for a chunk.
    """
    size = len(serialize_cookie(name, "", options, max_age)) + len(seal)
    if size <= MAX_COOKIE_BYTES:
        return {name: seal}
    if not chunk:
        raise CookieTooLargeError(
            f"the session's cookie has {size} bytes and browsers take {MAX_COOKIE_BYTES}: keep "
            "less in it (an id, with the data in a database), or set chunk=True"
        )
    room = MAX_COOKIE_BYTES - len(serialize_cookie(chunk_name(name, 0), "", options, max_age))
    if room <= 0:
        raise ConfigurationError("the cookie's name and attributes alone are too long")
    parts = [seal[start : start + room] for start in range(0, len(seal), room)]
    if len(parts) > MAX_CHUNKS:
        raise CookieTooLargeError(
            f"the session needs {len(parts)} cookies and the most is {MAX_CHUNKS}, since proxies "
            "refuse longer headers: keep an id in it, and the data in a database"
        )
    return {chunk_name(name, index): part for index, part in enumerate(parts)}
