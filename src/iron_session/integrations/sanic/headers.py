"""A response's headers, as Sanic keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from iron_session.http.headers import MultiDictHeaders

__all__ = ["SanicHeaders"]


class SanicHeaders(MultiDictHeaders):
    """Sanic's headers: a `multidict.CIMultiDict` with cookie objects, whose text is a header."""

    class Cookie(str):
        """A cookie as text. Sanic's `response.cookies` skips it, since its `key` is None."""

        __slots__ = ()
        key = path = domain = None

        def __repr__(self) -> str:
            return f"<cookie {self.partition('=')[0]}>"  # its value is a seal

        __sentry_repr__ = __repr__

    @staticmethod
    def copy_response(response: Any) -> Any:
        """Return a copy to send once: the application may send its response again, to others."""
        copied = copy(response)
        copied.headers = type(response.headers)(response.headers)
        return copied

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header, in order."""
        return [str(value) for value in super().get(name)]

    def set(self, name: str, values: Sequence[str]) -> None:
        """Set a header's values; an object whose text is one of them is kept."""
        kept = {str(value): value for value in super().get(name)}
        super().set(name, [kept.get(value, value) for value in values])

    def add(self, name: str, value: str) -> None:
        """Add a value to a header, beside those that it has."""
        super().add(name, self.Cookie(value) if isinstance(value, str) else value)
