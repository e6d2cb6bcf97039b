"""Lazy texts and HTML are stored as their text, wherever they stand."""

import uuid
from collections import UserString
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from django.utils.functional import lazy, lazystr
from django.utils.safestring import mark_safe
from markupsafe import Markup
from starlette.datastructures import URL
from werkzeug.local import LocalProxy
from wtforms import Label

from iron_session._json import MAX_DEPTH
from iron_session.integrations.flask.texts import plain


class Badge:
    """An object that a template shows as HTML."""

    def __html__(self) -> str:
        return "<b>new</b>"


class Lazy:
    """A text as Babel and speaklater make them: it hands on all but its own methods."""

    def __init__(self, make: Callable[[], str]) -> None:
        self.make = make

    def __getattr__(self, name: str) -> Any:
        return getattr(self.make(), name)

    def __str__(self) -> str:
        return self.make()

    def __eq__(self, other: object) -> bool:
        return self.make() == other

    __hash__ = None  # type: ignore[assignment]  # as it comes with __eq__


TEXTS: dict[str, tuple[Any, str]] = {
    "Django's": (lazystr("hello"), "hello"),
    "Django's, of HTML": (lazy(lambda: mark_safe("<b>hello</b>"), str)(), "<b>hello</b>"),
    "Babel's": (Lazy(lambda: "hello"), "hello"),
    "a proxy": (LocalProxy(lambda: "hello"), "hello"),
    "a UserString": (UserString("hello"), "hello"),
    "HTML": (Badge(), "<b>new</b>"),
    "a label of WTForms": (Label("name", "Name"), '<label for="name">Name</label>'),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_that_is_no_str_becomes_one(kind: str) -> None:
    given, text = TEXTS[kind]
    assert plain(given) == text
    assert issubclass(type(plain(given)), str)


@pytest.mark.parametrize("kind", TEXTS)
def test_it_does_so_wherever_it_stands(kind: str) -> None:
    given, text = TEXTS[kind]
    assert plain({"a": [1, ("info", given), {"b": given}]}) == {
        "a": [1, ["info", text], {"b": text}]
    }


def test_a_lazy_text_is_in_the_language_of_the_moment() -> None:
    language = "de"
    label = lazy(lambda: {"de": "Ja", "fr": "Oui"}[language], str)()
    german = plain([label])
    language = "fr"
    assert (german, plain([label])) == (["Ja"], ["Oui"])


def test_what_was_given_is_not_changed() -> None:
    """A constant of the application would keep the language of its first visitor."""
    label, rest = lazystr("home"), {"deep": [1]}
    given = {"title": label, "items": [label], "rest": rest}
    copy = plain(given)
    assert list(copy) == list(given)
    assert given["title"] is label
    assert given["items"] == [label]
    assert type(given["items"][0]) is not str
    assert copy["rest"] is rest


AS_THEY_ARE: dict[str, Any] = {
    "text": "hello",
    "text of a kind of its own": Markup("<b>hello</b>"),
    "a number": 1.5,
    "true": True,
    "None": None,
    "a dict": {"a": [1, {"b": ("c",)}], 1: 2},
    "a tuple": (1, 2),
    "a datetime": datetime.now(UTC),
    "a UUID": uuid.uuid4(),
    "a Decimal": Decimal(1),
    "bytes": b"hello",
    "an address": URL("https://example.com/"),  # which is equal to its text, but is more
    "an object": object(),
    "a class": str,
    "a class of HTML": Badge,
    "a mock": Mock(),
    "a magic mock": MagicMock(),
    "a lazy number": lazy(lambda: 5, int)(),
    "a lazy list": lazy(lambda: [5], list)(),
    "a proxy of a number": LocalProxy(lambda: 5),
}


@pytest.mark.parametrize("kind", AS_THEY_ARE)
def test_anything_else_is_the_very_same_object(kind: str) -> None:
    given = AS_THEY_ARE[kind]
    assert plain(given) is given
    within = [given, {"a": given}]
    assert plain(within) is within


def test_what_contains_itself_comes_to_an_end() -> None:
    """The check that comes after it refuses it; there are more ways in it than time."""
    ring: list[Any] = [lazystr("hello")]
    ring += [ring, ring]
    assert plain(ring) is ring


def test_a_text_at_the_greatest_depth_is_found() -> None:
    given: Any = lazystr("deep")
    for _ in range(MAX_DEPTH - 1):
        given = [given]
    found = plain(given)
    for _ in range(MAX_DEPTH - 1):
        (found,) = found
    assert found == "deep"
    assert type(found) is str


def test_what_a_lazy_text_raises_is_told() -> None:
    """It is the application's own mistake, such as a placeholder without a value."""

    def fail() -> str:
        raise KeyError("name")

    with pytest.raises(KeyError, match="name"):
        plain({"message": Lazy(fail)})
