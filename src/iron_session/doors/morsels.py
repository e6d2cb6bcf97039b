"""Set-Cookie headers as what Python's `http.cookies` keeps cookies in."""

from __future__ import annotations

from collections.abc import Sequence
from http.cookies import Morsel
from typing import Any

__all__ = ["FinishedMorsel", "MorselHeaders"]


class FinishedMorsel(Morsel[str]):
    """A cookie that goes out as it was written.

    `http.cookies` would write it in another way, and knows Partitioned only from Python 3.14. Where
    somebody has changed the cookie since, that is what goes out.

    Args:
        header: the value of a `Set-Cookie` header.
    """

    def __init__(self, header: str) -> None:
        super().__init__()
        pair, *attributes = header.split("; ")
        name, _, value = pair.partition("=")
        for attribute in attributes:
            key, equals, text = attribute.partition("=")
            if self.isReservedKey(key):
                self[key] = (int(text) if key == "Max-Age" else text) if equals else True
        # Not `set`, which refuses names that browsers take.
        state = {"key": name, "value": value, "coded_value": value}
        self.__setstate__(state)  # type: ignore[attr-defined]  # typeshed does not know it
        self._header, self._written = header, (value, dict(self))

    def __reduce__(self) -> tuple[type[FinishedMorsel], tuple[str]]:
        return type(self), (self.OutputString(),)

    def OutputString(self, attrs: Any = None) -> str:  # noqa: N802 - so it is named there
        """Give the value of the `Set-Cookie` header."""
        is_untouched = (self.coded_value, dict(self)) == self._written
        return self._header if is_untouched else super().OutputString(attrs)


class MorselHeaders:
    """A response with `headers`, a mapping to one value each, and `cookies`, a `SimpleCookie`."""

    def __init__(self, response: Any) -> None:
        self._headers = response.headers
        self._cookies = response.cookies

    def get(self, name: str) -> Sequence[str]:
        """Give a header's value, or the cookies that came by `add`: others are never asked for."""
        if name == "Set-Cookie":
            return [cookie.OutputString() for _, cookie in self._finished()]
        value = self._headers.get(name)
        return [] if value is None else [value]

    def set(self, name: str, values: Sequence[str]) -> None:
        """Make these a header's values, in the place of those that `get` gives."""
        if name == "Set-Cookie":
            for key, _ in self._finished():
                self._cookies.pop(key, None)  # where responses are shared, another was faster
        else:
            self._headers.pop(name, None)
        for value in values:
            self.add(name, value)

    def _finished(self) -> list[tuple[str, FinishedMorsel]]:
        cookies = list(self._cookies.items())
        return [(key, one) for key, one in cookies if isinstance(one, FinishedMorsel)]

    def add(self, name: str, value: str) -> None:
        """Set a header, or a cookie beside the others."""
        if name == "Set-Cookie":
            cookie = FinishedMorsel(value)
            self._cookies[cookie.key] = cookie
        else:
            self._headers[name] = value
