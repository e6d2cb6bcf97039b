"""Messages for the next page that is shown: pure functions on the list that a session keeps.

The list has items `[category, message]`, under the key that Flask and Quart use for theirs.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from iron_session.errors import NotSerializableError

__all__ = ["KEY", "Flash", "added", "split"]

KEY: Final = "_flashes"


class Flash(NamedTuple):
    """A message and its category."""

    message: str
    category: str


def added(kept: object, message: str, category: str) -> list[Any]:
    """Return the messages kept so far, with one more at the end.

    Raises:
        NotSerializableError: the message or its category is no text.
    """
    for name, value in (("message", message), ("category", category)):
        given: object = value  # whatever the annotation says
        if not isinstance(given, str):
            raise NotSerializableError(f"the flash's {name}", f"is of type {type(given).__name__}")
    return [*(kept if isinstance(kept, list) else ()), [category, message]]


def split(kept: object, category: str | None) -> tuple[list[Flash], list[Any]]:
    """Return the messages of a category, or all if it is None; and the items to keep.

    Items that are no messages, which JavaScript may have added, are dropped.
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
