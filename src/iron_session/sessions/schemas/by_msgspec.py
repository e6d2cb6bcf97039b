"""Schemas of dataclasses, TypedDicts, attrs classes and msgspec's Structs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from iron_session.errors import ConfigurationError
from iron_session.sessions.schemas.schema import Misfit, Schema

__all__ = ["MsgspecSchema"]

T = TypeVar("T")

_OBJECTS: Final = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)
_UNWRITABLE: Final = (inspect.CustomType, inspect.RawType, inspect.ExtType)
_PLACE: Final = " - at `$"
# Not str(…) and the like: a subclass may override how it is converted.
_BARE: Final[dict[type, Any]] = {str: str.__str__, int: int.__int__, float: float.__float__}


class MsgspecSchema(Schema[T]):
    """A type that msgspec reads and writes."""

    def __init__(self, type_: type[T]) -> None:
        super().__init__(type_)
        try:
            about = inspect.type_info(type_)
        except Exception as error:  # TypeError, NameError, whatever annotations raise
            raise ConfigurationError(f"schema: {self.name} can't be built: {error}") from None
        if not isinstance(about, _OBJECTS) or getattr(about, "array_like", False):
            raise ConfigurationError(f"schema: {self.name} must be written as an object")
        self._about = about
        self._names: dict[type, dict[str, str]] = {}
        for one in _walk(about, set()):
            self._learn(one)
        tag: str | None = getattr(about, "tag_field", None)
        names = self._names[about.cls]
        self._set_fields(names if tag is None else [*names, tag])

    def _learn(self, about: Any) -> None:
        """Remember how the fields of a type are called in JSON."""
        if isinstance(about, _UNWRITABLE):
            name = getattr(about, "cls", msgspec.Raw).__name__
            raise ConfigurationError(
                f"schema: {self.name} has a field of type {name}, which msgspec can neither read "
                "nor write as JSON; use pydantic's types in pydantic's models and dataclasses"
            )
        if not isinstance(about, _OBJECTS):
            return
        self._names[about.cls] = {field.encode_name: field.name for field in about.fields}
        if hasattr(about.cls, "__attrs_attrs__"):
            for field in about.fields:
                if field.name.startswith("_"):
                    raise ConfigurationError(
                        f"schema: {about.cls.__name__}.{field.name} would be lost: msgspec does "
                        "not write the attributes of attrs classes that begin with _"
                    )

    def _required(self) -> list[str]:
        return [field.name for field in self._about.fields if field.required]

    def _read(self, data: dict[str, Any]) -> T:
        try:
            instance = msgspec.convert(data, self._type, str_keys=True)
            self._complete(instance)
        except Exception as error:  # ValidationError, and whatever the application's code raises
            place = _place(error)
        else:
            return instance
        raise Misfit(place)

    def _complete(self, value: Any) -> None:
        """Set attributes in dataclasses that msgspec leaves to the class and so would not write."""
        names = self._names.get(type(value))
        if names is not None:
            found = {name: getattr(value, name) for name in names.values()}
            own = getattr(value, "__dict__", None)
            if own is not None:
                own.update(found)
            value = found
        if isinstance(value, dict):
            value = value.values()
        elif not isinstance(value, (list, tuple, set, frozenset)):
            return
        for child in value:
            self._complete(child)

    def _dump(self, instance: T) -> Any:
        return _dump(instance)

    def _dump_field(self, instance: T, name: str) -> object:
        return _dump(instance.get(name) if isinstance(instance, dict) else getattr(instance, name))

    def names(self, type_: type) -> Mapping[str, str]:
        """Return a class's attributes, by their keys in JSON; empty if it has none."""
        return self._names.get(type_, {})


def _dump(value: object) -> Any:
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_dump_subclass)


def _dump_subclass(value: object) -> object:
    """Return the plain value of subclasses of text and numbers, such as Markup, as JSON does."""
    for type_, bare in _BARE.items():
        if isinstance(value, type_):
            return bare(value)
    raise TypeError


def _place(error: Exception) -> str:
    """Return the field that msgspec's error names, as `user.id`; it names no keys of dicts."""
    # A message from the application's own code could hold anything.
    if not isinstance(error, msgspec.ValidationError) or error.__cause__ is not None:
        return ""
    _, found, place = str(error).rpartition(_PLACE)
    return place.removeprefix(".").removesuffix("`") if found else ""


def _walk(about: Any, seen: set[type]) -> Iterator[Any]:
    """Yield all types that a type is made of, each class once."""
    if isinstance(about, _OBJECTS):
        if about.cls in seen:
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
