"""A response's headers, in whichever form a framework keeps them.

Duck-typed: none of the frameworks is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Protocol

__all__ = [
    "DictHeaders",
    "ListedHeaders",
    "MultiDictHeaders",
    "RawHeaders",
    "ResponseHeaders",
    "SanicHeaders",
    "WerkzeugHeaders",
]


class ResponseHeaders(Protocol):
    """A response's headers, whatever a framework keeps them in."""

    def get(self, name: str) -> Sequence[str]:
        """Give every value of a header, in their order."""
        ...

    def set(self, name: str, values: Sequence[str]) -> None:
        """Make these a header's values, in the place of those that it has."""
        ...

    def add(self, name: str, value: str) -> None:
        """Add a header beside those of its name."""
        ...


class ListedHeaders:
    """A list of pairs of text, as WSGI's `start_response` takes it; changed in place."""

    def __init__(self, pairs: list[Any]) -> None:
        self._pairs = pairs

    @staticmethod
    def encode(text: str) -> Any:
        """Write text as it stands in the pairs."""
        return text

    @staticmethod
    def encode_name(name: str) -> Any:
        """Write a header's name as it stands in the pairs."""
        return name

    def get(self, name: str) -> Sequence[str]:
        """Give every value of a header, in their order."""
        key = self.encode(name).lower()
        return [self.decode(value) for found, value in self._pairs if found.lower() == key]

    @staticmethod
    def decode(value: Any) -> str:
        """Read what stands in the pairs."""
        return str(value)

    def set(self, name: str, values: Sequence[str]) -> None:
        """Make these a header's values, in the place of those that it has."""
        key = self.encode(name).lower()
        self._pairs[:] = [pair for pair in self._pairs if pair[0].lower() != key]
        for value in values:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add a header beside those of its name."""
        self._pairs.append((self.encode_name(name), self.encode(value)))


class RawHeaders(ListedHeaders):
    """A list of pairs of bytes, as ASGI's messages carry it; changed in place."""

    @staticmethod
    def encode(text: str) -> bytes:
        """Write latin-1."""
        return text.encode("latin-1")

    @staticmethod
    def encode_name(name: str) -> bytes:
        """Write small letters: ASGI asks for them."""
        return name.lower().encode("latin-1")

    @staticmethod
    def decode(value: bytes) -> str:
        """Read latin-1."""
        return value.decode("latin-1")


class MultiDictHeaders:
    """A `multidict.CIMultiDict`, as aiohttp and Sanic have it."""

    def __init__(self, headers: Any) -> None:
        self._headers = headers

    def get(self, name: str) -> Sequence[str]:
        """Give every value of a header, in their order."""
        values: Sequence[str] = self._headers.getall(name, [])
        return values

    def set(self, name: str, values: Sequence[str]) -> None:
        """Make these a header's values, in the place of those that it has."""
        self._headers.popall(name, None)
        for value in values:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add a header beside those of its name."""
        self._headers.add(name, value)


class SanicHeaders(MultiDictHeaders):
    """A `multidict.CIMultiDict` with objects as cookies, whose text is the header: Sanic has it."""

    class Cookie(str):
        """A cookie as text, which Sanic's `response.cookies` passes by, as one of another name."""

        __slots__ = ()
        key = path = domain = None

    @staticmethod
    def copy_response(response: Any) -> Any:
        """Copy a response, to be sent once: the application may send its own again, to others."""
        copied = copy(response)
        copied.headers = type(response.headers)(response.headers)
        return copied

    def get(self, name: str) -> Sequence[str]:
        """Give every value of a header, in their order."""
        return [str(value) for value in super().get(name)]

    def set(self, name: str, values: Sequence[str]) -> None:
        """Make these a header's values; objects that stand for one of them are kept."""
        kept = {str(value): value for value in super().get(name)}
        super().set(name, [kept.get(value, value) for value in values])

    def add(self, name: str, value: str) -> None:
        """Add a header beside those of its name."""
        super().add(name, self.Cookie(value) if isinstance(value, str) else value)


class WerkzeugHeaders:
    """A `werkzeug.datastructures.Headers`, as Flask and Quart have it."""

    def __init__(self, headers: Any) -> None:
        self._headers = headers

    def get(self, name: str) -> Sequence[str]:
        """Give every value of a header, in their order."""
        values: Sequence[str] = self._headers.getlist(name)
        return values

    def set(self, name: str, values: Sequence[str]) -> None:
        """Make these a header's values, in the place of those that it has."""
        self._headers.setlist(name, values)

    def add(self, name: str, value: str) -> None:
        """Add a header beside those of its name."""
        self._headers.add(name, value)


class DictHeaders:
    """A response's dict of headers, and list of cookies as objects, as Litestar has them.

    Args:
        response: it has `headers`, and `cookies`, each with `to_header(header="")`: the value of
            its `Set-Cookie` header.
        make_cookie: makes such an object; `key` is the cookie's name, `value` that whole value.
    """

    def __init__(self, response: Any, make_cookie: Callable[..., Any]) -> None:
        self._response = response
        self._make_cookie = make_cookie

    def get(self, name: str) -> Sequence[str]:
        """Give every value of a header, in their order."""
        headers = self._response.headers
        values = [str(headers[key]) for key in self._keys(name)]
        if name == "Set-Cookie":
            values += [str(cookie.to_header(header="")) for cookie in self._response.cookies]
        return values

    def set(self, name: str, values: Sequence[str]) -> None:
        """Make these a header's values, in the place of those that it has."""
        for key in self._keys(name):
            del self._response.headers[key]
        if name == "Set-Cookie":
            self._response.cookies = []
        for value in values:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add a header, which has one value only, or a cookie beside the others."""
        if name == "Set-Cookie":
            key = value.partition("=")[0]
            self._response.cookies.append(self._make_cookie(key=key, value=value))
        else:
            self._response.headers[name] = value

    def _keys(self, name: str) -> list[str]:
        return [key for key in self._response.headers if key.lower() == name.lower()]
