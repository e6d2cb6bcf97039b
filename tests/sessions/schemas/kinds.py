"""Each kind of type that a schema may be, made of the same fields."""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final, TypedDict

import attrs
import msgspec
import pydantic
import pydantic.dataclasses

Fields = dict[str, tuple[Any, Any]]
"""Names, and for each its type and its default."""

BERLIN: Final = timezone(timedelta(hours=1))


class Colour(enum.Enum):
    RED = "red"


@dataclass(frozen=True)
class Item:
    id: int
    at: datetime | None = None


def _maker(default: Any) -> Callable[[], Any]:
    return lambda: copy.deepcopy(default)


def _dataclass(name: str, fields: Fields, **how: Any) -> type:
    made = [
        (key, type_, field(default_factory=_maker(default)))
        for key, (type_, default) in fields.items()
    ]
    return make_dataclass(name, made, **how)


def _slots(name: str, fields: Fields) -> type:
    return _dataclass(name, fields, slots=True, kw_only=True)


def _plain_defaults(name: str, fields: Fields) -> type:
    made = [
        (
            key,
            type_,
            field(default_factory=_maker(default))
            if type(default).__hash__ is None
            else field(default=default),
        )
        for key, (type_, default) in fields.items()
    ]
    return make_dataclass(name, made)


def _typed_dict(name: str, fields: Fields) -> type:
    make: Any = TypedDict  # so that type checkers do not look: the fields are known to tests alone
    made: type = make(name, {key: type_ for key, (type_, _) in fields.items()}, total=False)
    return made


def _attrs(name: str, fields: Fields) -> type:
    made = {
        key: attrs.field(type=type_, factory=_maker(default))
        for key, (type_, default) in fields.items()
    }
    return attrs.make_class(name, made)


def _struct(name: str, fields: Fields) -> type:
    made = [
        (key, type_, msgspec.field(default_factory=_maker(default)))
        for key, (type_, default) in fields.items()
    ]
    return msgspec.defstruct(name, made)


def _model(name: str, fields: Fields) -> type:
    make: Any = pydantic.create_model
    made: type = make(name, **fields)
    return made


def _pydantic_dataclass(name: str, fields: Fields) -> type:
    made: type = pydantic.dataclasses.dataclass(_dataclass(name, fields))
    return made


KINDS: Final[dict[str, Callable[[str, Fields], type]]] = {
    "dataclass": _dataclass,
    "dataclass with slots": _slots,
    "dataclass with defaults": _plain_defaults,
    "TypedDict": _typed_dict,
    "attrs": _attrs,
    "Struct": _struct,
    "pydantic model": _model,
    "pydantic dataclass": _pydantic_dataclass,
}


def of_pydantic(kind: str) -> bool:
    return kind.startswith("pydantic")


def get(data: Any, name: str) -> Any:
    """Read a field of any kind."""
    return data.get(name) if isinstance(data, dict) else getattr(data, name)


def put(data: Any, name: str, value: Any) -> None:
    """Write a field of any kind."""
    if isinstance(data, dict):
        data[name] = value
    else:
        setattr(data, name, value)
