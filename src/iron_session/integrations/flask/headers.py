"""A response's headers, as Werkzeug keeps them for Flask and Quart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["WerkzeugHeaders"]


class WerkzeugHeaders:
    """A `werkzeug.datastructures.Headers`, as Flask and Quart have it."""

    def __init__(self, headers: Any) -> None:
        self._headers = headers

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header, in order."""
        values: Sequence[str] = self._headers.getlist(name)
        return values

    def set(self, name: str, values: Sequence[str]) -> None:
        """Set a header's values, in place of those that it has."""
        self._headers.setlist(name, values)

    def add(self, name: str, value: str) -> None:
        """Add a value to a header, beside those that it has."""
        self._headers.add(name, value)
