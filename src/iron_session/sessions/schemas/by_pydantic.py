"""Schemas of pydantic's models and dataclasses."""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final, TypeVar

import pydantic
from pydantic.fields import FieldInfo

from iron_session.errors import ConfigurationError, NotSerializableError
from iron_session.seals import _json
from iron_session.sessions.schemas.schema import ROOT, Misfit, Schema
from iron_session.sessions.schemas.times import in_utc

__all__ = ["PydanticSchema"]

T = TypeVar("T")

_SECRETS: Final = (pydantic.Secret, pydantic.SecretStr, pydantic.SecretBytes)


class PydanticSchema(Schema[T]):
    """A type that pydantic reads and writes."""

    def __init__(self, type_: type[T]) -> None:
        super().__init__(type_)
        try:
            self._adapter: pydantic.TypeAdapter[T] = pydantic.TypeAdapter(type_)
            self._adapter.rebuild(raise_errors=True)
        except Exception as error:  # whatever annotations and the application's own code raise
            raise ConfigurationError(f"schema: {self.name} can't be built: {error}") from None
        if getattr(type_, "model_config", {}).get("extra") == "allow":
            raise ConfigurationError(
                f'schema: {self.name} has extra="allow", so that nobody could tell whose a key is; '
                "without it, what the model does not know stays in session[…]"
            )
        if "root" in _fields(type_) and issubclass(type_, pydantic.RootModel):
            raise ConfigurationError(f"schema: {self.name} must be written as an object")
        self.fields = frozenset().union(*(_keys(name, one) for name, one in _fields(type_).items()))

    def _read(self, data: dict[str, Any]) -> T:
        try:
            # As JSON: only so are strings taken for times where a model is strict.
            return self._adapter.validate_json(_json.encode(data, ROOT))
        except pydantic.ValidationError as error:
            place = self._first_field(error)
        except Exception:  # whatever the application's own validators raise
            place = ""
        raise Misfit(place)

    def _first_field(self, error: pydantic.ValidationError) -> str:
        """Give the field at which it happened; beneath it there may be keys that are data."""
        for one in error.errors(include_url=False, include_context=False, include_input=False):
            if one["loc"] and one["loc"][0] in self.fields:
                return str(one["loc"][0])
        return ""

    def _write(self, instance: T) -> dict[str, Any]:
        terms: dict[str, Any] = {"by_alias": True, "round_trip": True, "warnings": False}
        found = self._adapter.dump_python(instance, **terms)
        written = self._adapter.dump_python(instance, mode="json", **terms)
        return _settle(found, written, (ROOT,))  # type: ignore[no-any-return]  # an object, as read

    def attribute(self, of: object, key: str) -> object:
        """Give the object that stands in another under a key of its JSON; None where none does."""
        if isinstance(of, dict):
            return of.get(key)
        for name, one in _fields(type(of)).items():
            if key in _keys(name, one):
                return getattr(of, name, None)
        return None


def _fields(type_: type) -> dict[str, FieldInfo]:
    return getattr(type_, "__pydantic_fields__", {})


def _keys(name: str, field: FieldInfo) -> set[str]:
    """Give the names that a field may have in JSON."""
    aliases = (field.alias, field.validation_alias, field.serialization_alias)
    return {name, *(alias for alias in aliases if isinstance(alias, str))}


def _settle(found: Any, written: Any, path: _json.Path) -> Any:
    """Settle what pydantic leaves open, where it wrote a value in its usual way.

    Args:
        found: the value before it was written as JSON.
        written: the same, as JSON.
        path: where it stands.
    """
    if isinstance(found, datetime) and isinstance(written, str):
        return in_utc(found, path)
    if isinstance(found, float) and not math.isfinite(found):
        return found  # as None it would be lost: the check for JSON tells
    if isinstance(found, _SECRETS):
        raise NotSerializableError(
            _json.show(path), "is a secret, which pydantic writes as asterisks"
        )
    if isinstance(written, dict) and isinstance(found, dict) and len(found) == len(written):
        pairs = zip(found.values(), written.items(), strict=True)
        return {key: _settle(child, value, (*path, key)) for child, (key, value) in pairs}
    if isinstance(written, list) and isinstance(found, AbstractSet):
        return sorted(written, key=_sort_key)
    if isinstance(written, list) and isinstance(found, (list, tuple)):
        pairs = zip(found, written, strict=False)
        return [_settle(child, value, (*path, at)) for at, (child, value) in enumerate(pairs)]
    return written


def _sort_key(value: object) -> bytes:
    return _json.encode(value, ROOT)
