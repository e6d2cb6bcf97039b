"""A response's headers, in whatever form a framework keeps them.

Duck-typed: no framework is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

__all__ = [
    "AnyHeaders",
    "ListedHeaders",
    "MultiDictHeaders",
    "RawHeaders",
    "ResponseHeaders",
]


class ResponseHeaders(Protocol):
    """A response's headers, whatever a framework keeps them in."""

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header, in order."""
        ...

    def set(self, name: str, values: Sequence[str]) -> None:
        """Set a header's values; they replace those that it has."""
        ...

    def add(self, name: str, value: str) -> None:
        """Add a header, and keep those with the same name."""
        ...


class AnyHeaders:
    """Headers that three functions read and change.

    Args:
        get: returns all values of a header, in order.
        remove: removes all headers with a name, if there are any.
        add: adds a header, and keeps those with the same name.
    """

    __slots__ = ("_add", "_get", "_remove")

    def __init__(
        self,
        get: Callable[[str], Sequence[str]],
        remove: Callable[[str], object],
        add: Callable[[str, str], object],
    ) -> None:
        self._get, self._remove, self._add = get, remove, add

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header, in order."""
        return self._get(name)

    def set(self, name: str, values: Sequence[str]) -> None:
        """Set a header's values; they replace those that it has."""
        self._remove(name)
        for value in values:
            self._add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add a header, and keep those with the same name."""
        self._add(name, value)


class ListedHeaders:
    """A list of pairs of text, as WSGI's `start_response` takes it; changed in place."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[Any]) -> None:
        self._pairs = pairs

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header, in order."""
        key = name.lower()
        return [str(value) for found, value in self._pairs if found.lower() == key]

    def set(self, name: str, values: Sequence[str]) -> None:
        """Set a header's values; they replace those that it has."""
        key = name.lower()
        self._pairs[:] = [pair for pair in self._pairs if pair[0].lower() != key]
        for value in values:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add a header, and keep those with the same name."""
        self._pairs.append((name, value))


class RawHeaders:
    """A list of pairs of bytes, as ASGI's messages carry it, in latin-1; changed in place.

    Names are written in lower case, as ASGI requires.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[Any]) -> None:
        self._pairs = pairs

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header, in order."""
        key = _raw_name(name)
        size, values = len(key), []
        for found, value in self._pairs:
            if len(found) == size and found.lower() == key:
                values.append(value.decode("latin-1"))
        return values

    def set(self, name: str, values: Sequence[str]) -> None:
        """Set a header's values; they replace those that it has."""
        key = _raw_name(name)
        self._pairs[:] = [pair for pair in self._pairs if pair[0].lower() != key]
        for value in values:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add a header, and keep those with the same name."""
        self._pairs.append((_raw_name(name), value.encode("latin-1")))


@lru_cache(maxsize=64)  # a response needs the same three or four
def _raw_name(name: str) -> bytes:
    return name.lower().encode("latin-1")


class MultiDictHeaders:
    """A `multidict.CIMultiDict`, as in aiohttp and Sanic."""

    def __init__(self, headers: Any) -> None:
        self._headers = headers

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header, in order."""
        values: Sequence[str] = self._headers.getall(name, [])
        return values

    def set(self, name: str, values: Sequence[str]) -> None:
        """Set a header's values; they replace those that it has."""
        self._headers.popall(name, None)
        for value in values:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add a header, and keep those with the same name."""
        self._headers.add(name, value)
