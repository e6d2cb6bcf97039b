"""Texts that are not `str`: lazy translations, which wait for the request's language, and HTML.

JSON has one kind of text, so a session stores what they say, and it comes back as `str`.
Duck-typed: none of the libraries that make such texts is imported here.
"""

from __future__ import annotations

from operator import is_
from typing import Any, Final

from iron_session._json import MAX_DEPTH

__all__ = ["plain"]

_PLAIN: Final = (str, int, float, type(None))


def plain(value: Any) -> Any:
    """Return a value in which each object that stands for a text is replaced by that text.

    Such an object has `__html__`, which is MarkupSafe's protocol (lazy texts of Flask-Babel, labels
    of WTForms), or is a lazy text: it has the methods of `str` and is equal to its own text (those
    of Django, Babel and speaklater; a proxy of a `str`).

    Args:
        value: any value; dicts, lists and tuples are searched.

    Returns:
        The same object if nothing was replaced, or if it is nested deeper than JSON allows; else a
        copy of the parts that differ, with lists for tuples. The value is not changed: it may be a
        constant of the application, and the next visitor may have another language.

    Raises:
        Exception: whatever a lazy text raises when it is converted to `str`.
    """
    try:
        return _plain(value, 0)
    except _TooDeepError:
        return value


class _TooDeepError(Exception):
    """The value is nested too deeply, perhaps without end; a later check names the place."""


def _plain(value: Any, depth: int) -> Any:
    kind = type(value)  # not isinstance: a proxy claims to be a `str`, and JSON can't write it
    if issubclass(kind, _PLAIN):
        return value
    if depth > MAX_DEPTH:
        raise _TooDeepError
    if issubclass(kind, dict):
        children = {key: _plain(child, depth + 1) for key, child in value.items()}
        return value if all(map(is_, children.values(), value.values())) else children
    if issubclass(kind, (list, tuple)):
        items = [_plain(child, depth + 1) for child in value]
        return value if all(map(is_, items, value)) else items
    text = _text_of(value)
    return value if text is None else text


def _text_of(value: Any) -> str | None:
    """Return the text that an object stands for; None if it stands for none."""
    html = getattr(type(value), "__html__", None)
    if html is not None:
        return str(html(value))
    if hasattr(value, "casefold"):
        text = str(value)
        if (value == text) is True:  # a mock has every attribute, but is equal to nothing
            return text
    return None
