"""Messages for the page that is shown next: pure functions on what a session keeps of them.

A list of `[category, message]` under the key that Flask and Quart use for theirs.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from iron_session.errors import NotSerializableError

__all__ = ["KEY", "Flash", "added", "split"]

KEY: Final = "_flashes"


class Flash(NamedTuple):
    """A message, and the category that it was given."""

    message: str
    category: str


def added(kept: object, message: str, category: str) -> list[Any]:
    """Give what is kept with one more at its end.

    Raises:
        NotSerializableError: the message or its category is no text.
    """
    for name, value in (("message", message), ("category", category)):
        given: object = value  # whatever the annotation says
        if not isinstance(given, str):
            raise NotSerializableError(f"the flash's {name}", f"is of type {type(given).__name__}")
    return [*(kept if isinstance(kept, list) else ()), [category, message]]


def split(kept: object, category: str | None) -> tuple[list[Flash], list[Any]]:
    """Give the messages of a category, or all; and what is to be kept on.

    What is no message, JavaScript may have put it there, is dropped with the others.
    """
    taken: list[Flash] = []
    left: list[Any] = []
    for one in kept if isinstance(kept, list) else ():
        match one:
            case [str(found), str(message)] if category is None or found == category:
                taken.append(Flash(message, found))
            case [str(), str()]:
                left.append(one)
    return taken, left
