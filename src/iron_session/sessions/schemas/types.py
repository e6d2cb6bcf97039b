"""Which library a schema's type belongs to; it is imported only when needed."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any, Final, NoReturn, TypeVar, get_origin, is_typeddict

from iron_session.errors import ConfigurationError
from iron_session.sessions.schemas.schema import Schema

__all__ = ["prepare_schema"]

T = TypeVar("T")

_KINDS: Final = (
    "a dataclass, a TypedDict, an attrs class, a msgspec.Struct or a pydantic model or dataclass"
)


def prepare_schema(type_: type[T]) -> Schema[T]:
    """Make a schema of a type.

    Raises:
        ConfigurationError: another kind of type, one that can't be read and written, one that does
            not fit an empty session, or its library is not installed.
    """
    try:
        kind = _find_kind(type_)
    except ModuleNotFoundError as error:
        missing = error.name
    else:
        schema = kind(type_)
        schema.require_defaults()
        return schema
    raise ConfigurationError(
        f"schema: {type_.__name__} needs {missing}, which is not installed: pip install {missing}"
    )


def _find_kind(type_: type[T]) -> type[Schema[T]]:
    given: object = type_  # whatever the annotation says
    if not isinstance(given, type):
        _refuse(given)
    if hasattr(type_, "__pydantic_validator__"):
        from iron_session.sessions.schemas.by_pydantic import PydanticSchema  # noqa: PLC0415 - optional

        return PydanticSchema
    if _belongs_to_msgspec(type_):
        from iron_session.sessions.schemas.by_msgspec import MsgspecSchema  # noqa: PLC0415 - optional

        return MsgspecSchema
    _refuse(type_)


def _belongs_to_msgspec(type_: Any) -> bool:
    return (
        is_dataclass(type_)
        or is_typeddict(type_)
        or hasattr(type_, "__attrs_attrs__")
        or hasattr(type_, "__struct_fields__")
    )


def _refuse(given: object) -> NoReturn:
    name = given.__name__ if isinstance(given, type) else f"an object of {type(given).__name__}"
    hint = ""
    if get_origin(given) is not None:
        hint = "; make a class of a generic type: class OfInt(Of[int])"
    raise ConfigurationError(f"schema must be {_KINDS}; {name} is none of these{hint}")
