"""Schemas of dataclasses, TypedDicts, attrs classes and msgspec's Structs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import inspect

from iron_session.errors import ConfigurationError
from iron_session.sessions.schemas.schema import Misfit, Schema
from iron_session.sessions.schemas.times import with_z

__all__ = ["MsgspecSchema"]

T = TypeVar("T")

_PLACE: Final = re.compile(r"`\$\.?(.*)`$")
_OBJECTS: Final = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)


class MsgspecSchema(Schema[T]):
    """A type that msgspec reads and writes."""

    def __init__(self, type_: type[T]) -> None:
        super().__init__(type_)
        self._type = type_
        try:
            about = inspect.type_info(type_)
        except Exception as error:  # TypeError, NameError, whatever annotations raise
            raise ConfigurationError(f"schema: {self.name} can't be built: {error}") from None
        if not isinstance(about, _OBJECTS) or getattr(about, "array_like", False):
            raise ConfigurationError(f"schema: {self.name} must be written as an object")
        self._names: dict[type, dict[str, str]] = {}
        has_sets = False
        for one in _walk(about, set()):
            has_sets = has_sets or isinstance(one, (inspect.SetType, inspect.FrozenSetType))
            self._learn(one)
        tag: str | None = getattr(about, "tag_field", None)
        names = [field.encode_name for field in about.fields]
        self.fields = frozenset(names if tag is None else [*names, tag])
        # Else they would have another order in each process, and each look would be a change.
        # It sorts the keys of dicts too.
        self._order: Any = "deterministic" if has_sets else None

    def _learn(self, about: Any) -> None:
        """Keep how the fields of one of the types are called in JSON."""
        if isinstance(about, inspect.CustomType):
            raise ConfigurationError(
                f"schema: {self.name} has a field of type {about.cls.__name__}, which msgspec can "
                "neither read nor write"
            )
        if isinstance(about, _OBJECTS):
            self._names[about.cls] = {field.encode_name: field.name for field in about.fields}

    def _read(self, data: dict[str, Any]) -> T:
        try:
            instance = msgspec.convert(data, self._type, str_keys=True)
        except Exception as error:  # ValidationError, and what the application's own code raises
            place = _place(error)
        else:
            self._complete(instance)
            return instance
        raise Misfit(place)

    def _complete(self, value: Any) -> None:
        """Set in dataclasses what msgspec leaves to the class, and then would not write."""
        names = self._names.get(type(value))
        if names is not None and not isinstance(value, dict):
            own = getattr(value, "__dict__", None)
            found = {name: getattr(value, name) for name in names.values()}
            if own is not None:
                own.update(found)
            value = found
        if isinstance(value, dict):
            value = value.values()
        elif not isinstance(value, (list, tuple, set, frozenset)):
            return
        for child in value:
            self._complete(child)

    def _write(self, instance: T) -> dict[str, Any]:
        written = msgspec.to_builtins(
            instance, builtin_types=(datetime,), str_keys=True, order=self._order
        )
        return cast("dict[str, Any]", with_z(written))

    def attribute(self, of: object, key: str) -> object:
        """Give the object that stands in another under a key of its JSON; None where none does."""
        if isinstance(of, dict):
            return of.get(key)
        return getattr(of, self._names.get(type(of), {}).get(key, ""), None)


def _place(error: Exception) -> str:
    """Give the field of which msgspec tells: `$.user.id`; keys of dicts are not told there."""
    found = _PLACE.search(str(error)) if isinstance(error, msgspec.ValidationError) else None
    return found[1] if found else ""


def _walk(about: Any, seen: set[type]) -> Iterator[Any]:
    """Give everything that a type is made of, each class once."""
    cls = getattr(about, "cls", None)
    if isinstance(about, _OBJECTS):
        if cls in seen:
            return
        seen.add(about.cls)
    yield about
    for field in getattr(about, "fields", ()):
        yield from _walk(field.type, seen)
    for part in ("item_type", "key_type", "value_type"):
        if hasattr(about, part):
            yield from _walk(getattr(about, part), seen)
    for part in ("types", "item_types"):
        for one in getattr(about, part, ()):
            yield from _walk(one, seen)
