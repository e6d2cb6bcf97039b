"""Schemas of pydantic's models and dataclasses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

import pydantic
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from iron_session import _json
from iron_session.errors import ConfigurationError, NotSerializableError
from iron_session.sessions.schemas.schema import ROOT, Misfit, Schema

__all__ = ["PydanticSchema"]

T = TypeVar("T")

_SECRETS: Final = (pydantic.Secret, pydantic.SecretStr, pydantic.SecretBytes)
_MASK: Final = "*" * 10


class PydanticSchema(Schema[T]):
    """A type that pydantic reads and writes."""

    def __init__(self, type_: type[T]) -> None:
        super().__init__(type_)
        try:
            self._adapter: pydantic.TypeAdapter[T] = pydantic.TypeAdapter(type_)
            self._adapter.rebuild(raise_errors=True)
        except Exception as error:  # whatever annotations and the application's own code raise
            raise ConfigurationError(f"schema: {self.name} can't be built: {error}") from None
        self._names: dict[type, dict[str, str]] = {}
        self._check_kind(type_)
        self._check_keys(type_)
        self._check_secrets()
        self._set_fields(self.names(type_))

    def _check_kind(self, type_: type) -> None:
        if issubclass(type_, pydantic.RootModel):
            raise ConfigurationError(f"schema: {self.name} must be written as an object")
        if _config(type_).get("extra") == "allow":
            raise ConfigurationError(
                f'schema: {self.name} has extra="allow", which would claim every key of the '
                "session: remove it, and keys that the model does not know stay in session[…]"
            )

    def _check_keys(self, type_: type) -> None:
        """Require that each field is read from the key that it is written to."""
        for name, field in _fields(type_).items():
            written, read = _written_key(name, field), _read_keys(type_, name, field)
            if written not in read and not field.exclude:
                keys = " or ".join(map(repr, sorted(read))) or "a path"
                raise ConfigurationError(
                    f"schema: {self.name}.{name} is written as {written!r} and read as {keys}: "
                    "make its aliases agree"
                )

    def _check_secrets(self) -> None:
        about: Any = {}
        with suppress(Exception):  # not every type that can be written has a JSON schema
            about = self._adapter.json_schema(mode="serialization", schema_generator=_Quiet)
        if any(one.get("writeOnly") is True for one in _objects(about)):
            raise ConfigurationError(
                f"schema: {self.name} has a secret, which pydantic writes as asterisks: give it "
                "a serializer that reveals it, since the session is sealed; or use str"
            )

    def _required(self) -> list[str]:
        return [name for name, one in _fields(self._type).items() if one.is_required()]

    def _read(self, data: dict[str, Any]) -> T:
        try:
            return self._validate(data)
        except pydantic.ValidationError as error:
            place = self._first_field(error)
        except Exception:  # whatever the application's own validators raise
            place = ""
        raise Misfit(place)

    def _validate(self, data: dict[str, Any]) -> T:
        try:
            # As JSON: only then does a strict model accept strings as times.
            return self._adapter.validate_json(_json.encode(data, ROOT))
        except pydantic.ValidationError as error:
            if error.errors(include_input=False)[0]["type"] != "json_invalid":
                raise
        # Its JSON parser refuses lone surrogates: half an emoji, as JavaScript's slice leaves it.
        return self._adapter.validate_python(data)

    def _first_field(self, error: pydantic.ValidationError) -> str:
        """Return the first field in error; only that, since deeper keys may be data."""
        for one in error.errors(include_url=False, include_context=False, include_input=False):
            if one["loc"] and one["loc"][0] in self.fields:
                return str(one["loc"][0])
        return ""

    def _dump(self, instance: T, **which: Any) -> Any:
        return self._adapter.dump_python(
            instance, mode="json", by_alias=True, round_trip=True, warnings=False, **which
        )

    def _dump_field(self, instance: T, name: str) -> object:
        return self._dump(instance, include={name})

    def _settle_leaf(self, of: object, written: Any, path: _json.Path) -> Any:
        if isinstance(of, _SECRETS) and written == _MASK:
            raise NotSerializableError(
                _json.show(path), "is a secret, which pydantic writes as asterisks"
            )
        return super()._settle_leaf(of, written, path)

    def _bare(self, of: object) -> object:
        return of.root if isinstance(of, pydantic.RootModel) else of

    def names(self, type_: type) -> Mapping[str, str]:
        """Return a class's attributes, by their keys in JSON; empty if it has none."""
        names = self._names.get(type_)
        if names is None:
            names = self._names[type_] = _names(type_)
        return names


class _Quiet(GenerateJsonSchema):
    """A generator of JSON schemas that does not warn about defaults that it can't describe."""

    def emit_warning(self, kind: str, detail: str) -> None:
        """Ignore the warning."""


def _objects(about: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects in a JSON value."""
    if isinstance(about, dict):
        yield about
    for child in about.values() if isinstance(about, dict) else about:
        if isinstance(child, (dict, list)):
            yield from _objects(child)


def _fields(type_: type) -> dict[str, FieldInfo]:
    return getattr(type_, "__pydantic_fields__", {})


def _config(type_: type) -> Mapping[str, Any]:
    return getattr(type_, "model_config", None) or getattr(type_, "__pydantic_config__", {})


def _names(type_: type) -> dict[str, str]:
    return {
        key: name
        for name, field in _fields(type_).items()
        for key in (_written_key(name, field), *_read_keys(type_, name, field))
    }


def _written_key(name: str, field: FieldInfo) -> str:
    return field.serialization_alias or field.alias or name


def _read_keys(type_: type, name: str, field: FieldInfo) -> set[str]:
    """Return the keys of JSON that a field is read from; paths within JSON do not count."""
    alias, config = field.validation_alias or field.alias, _config(type_)
    choices = alias.choices if isinstance(alias, pydantic.AliasChoices) else [alias]
    found = {one for one in choices if isinstance(one, str)}
    if not config.get("validate_by_alias", True):
        found = set()
    if alias is None or config.get("validate_by_name") or config.get("populate_by_name"):
        found.add(name)
    return found
