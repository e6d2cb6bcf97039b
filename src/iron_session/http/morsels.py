"""Set-Cookie headers as morsels of Python's `http.cookies`."""

from __future__ import annotations

from collections.abc import Sequence
from http.cookies import Morsel
from typing import Any

from iron_session.sessions.cookie_text import is_expired, scope_in_header

__all__ = ["FinishedMorsel", "MorselHeaders"]


class FinishedMorsel(Morsel[str]):
    """A cookie that is sent exactly as it was written.

    `http.cookies` would write it in another way, and knows Partitioned only from Python 3.14 on. If
    somebody has changed the cookie since, the changed one is sent.

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
        # Not `set`, which refuses names that browsers accept.
        state = {"key": name, "value": value, "coded_value": value}
        self.__setstate__(state)  # type: ignore[attr-defined]  # typeshed does not know it
        self._header, self._written = header, (value, dict(self))

    def __repr__(self) -> str:
        """Show the name: the value is a seal."""
        return f"<FinishedMorsel: {self.key}>"

    __sentry_repr__ = __repr__  # Sentry would show it as a mapping

    def __reduce__(self) -> tuple[type[FinishedMorsel], tuple[str]]:
        return type(self), (self.OutputString(),)

    def OutputString(self, attrs: Any = None) -> str:  # noqa: N802 - the name in http.cookies
        """Return the value of the `Set-Cookie` header."""
        is_untouched = (self.coded_value, dict(self)) == self._written
        return self._header if is_untouched else super().OutputString(attrs)


class MorselHeaders:
    """A response with `headers`, a mapping to one value each, and `cookies`, a `SimpleCookie`.

    A `SimpleCookie` has one cookie for each key, and browsers have one for each name and scope.
    Frameworks send all its values, whatever their keys are. So if several cookies have one name,
    the one that sets a value has the name as its key, and the others have keys of their own.
    """

    def __init__(self, response: Any) -> None:
        self._headers = response.headers
        self._cookies = response.cookies

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header; for `Set-Cookie`, also those of the `SimpleCookie`."""
        value = self._headers.get(name)
        values = [] if value is None else [value]
        if name == "Set-Cookie":
            values += [cookie.OutputString() for cookie in list(self._cookies.values())]
        return values

    def set(self, name: str, values: Sequence[str]) -> None:
        """Set a header's values; a cookie that is equal to one of them stays as it is."""
        missing = list(values)
        if name == "Set-Cookie":
            for key, cookie in list(self._cookies.items()):
                if not _take_out(cookie.OutputString(), missing):
                    self._cookies.pop(key, None)  # if the response is shared, it may be gone
        value = self._headers.get(name)
        if value is not None and not _take_out(value, missing):
            self._headers.pop(name, None)
        for value in missing:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Set a header, or a cookie; a cookie replaces only the one with its name and scope."""
        if name != "Set-Cookie":
            self._headers[name] = value
            return
        cookie = FinishedMorsel(value)
        if not self._cookies:
            self._cookies[cookie.key] = cookie
            return
        self._cookies.pop(_key_beside(cookie), None)
        other = self._cookies.get(cookie.key)
        if other is None or scope_in_header(other.OutputString()) == scope_in_header(value):
            self._cookies[cookie.key] = cookie
        elif is_expired(value) or not is_expired(other.OutputString()):
            self._cookies[_key_beside(cookie)] = cookie
        else:
            self._cookies[_key_beside(other)] = other
            self._cookies[cookie.key] = cookie


def _take_out(value: str, values: list[str]) -> bool:
    """Remove a value from a list, and return whether it was there."""
    found = value in values
    if found:
        values.remove(value)
    return found


def _key_beside(cookie: Morsel[str]) -> str:
    """Return a key that is no possible name, and that no other scope has."""
    return "; ".join(map(str, scope_in_header(cookie.OutputString())))
