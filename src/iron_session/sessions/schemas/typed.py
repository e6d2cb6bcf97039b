"""`TypedData`: the instance that a session's `data` is, beside the JSON values it came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Generic, TypeVar

from iron_session.seals import _json
from iron_session.sessions.schemas.schema import ROOT, Schema

__all__ = ["TypedData"]

T = TypeVar("T")


class TypedData(Generic[T]):
    """An instance made of a session's values, and written back into them once it has changed.

    What the type does not know is kept: keys of the session, which stay in the mapping, and keys of
    an object within the data, which stay with that very object. An object that the application puts
    in another's place is written as it is.

    Args:
        schema: of the type.
        data: the session's values.

    Attributes:
        instance: what the application holds in its hands.

    Raises:
        Misfit: the values do not fit the type.
        NotSerializableError: what they gave can't be written again, as a time without a zone.
    """

    __slots__ = ("_baseline", "_schema", "_strays", "instance")

    def __init__(self, schema: Schema[T], data: dict[str, Any]) -> None:
        self._schema = schema
        self.instance: T = schema.read(data)
        written = schema.write(self.instance)
        self._baseline = _texts(written)
        # By identity, and with the object itself, so that no other one takes its number.
        self._strays: dict[int, tuple[object, dict[str, Any]]] = {}
        for key in written.keys() & data.keys():
            self._keep_strays(schema.attribute(self.instance, key), data[key], written[key])

    def _keep_strays(self, of: object, json: Any, written: Any) -> None:
        """Keep what an object of the cookie has and the type does not know, at any depth."""
        if isinstance(json, dict) and isinstance(written, dict):
            strays = {key: json[key] for key in json if key not in written}
            if strays:
                self._strays[id(of)] = (of, strays)
        for child, value, key in self._children(of, written):
            if isinstance(json, type(written)):
                with suppress(LookupError):  # a validator may have made it another shape
                    self._keep_strays(child, json[key], value)

    def _children(self, of: object, written: Any) -> Iterator[tuple[object, Any, Any]]:
        """Give the containers within a value: object, JSON, and the key or index of both."""
        if isinstance(written, dict):
            for key, value in written.items():
                if isinstance(value, (dict, list)):
                    yield self._schema.attribute(of, key), value, key
        elif isinstance(written, list) and isinstance(of, (list, tuple)):
            for index, (child, value) in enumerate(zip(of, written, strict=False)):
                if isinstance(value, (dict, list)):
                    yield child, value, index

    def write_into(self, data: dict[str, Any]) -> None:
        """Bring a session's values up to date with the instance, if that has changed.

        Raises:
            NotSerializableError: the instance can't be written, or not so that it could be read
                back; the values are as they were.
        """
        written = self._schema.write(self.instance)
        before, now = self._baseline, _texts(written)
        if now == before:
            return
        self._schema.require_fit(written)
        self._baseline = now
        for key in before.keys() - now.keys():
            data.pop(key, None)
        for key, value in written.items():
            if key not in data or before.get(key) != now[key]:
                self._restore_strays(self._schema.attribute(self.instance, key), value)
                data[key] = value

    def replace(self, instance: T) -> None:
        """Put another instance in the place of the one at hand.

        Raises:
            NotSerializableError: none of the type, or one that can't be written or read back.
        """
        self._schema.require_instance(instance)
        written = self._schema.write(instance)
        _texts(written)
        self._schema.require_fit(written)
        self.instance = instance

    def _restore_strays(self, of: object, written: Any) -> None:
        if not self._strays:
            return
        owner, strays = self._strays.get(id(of), (None, {}))
        if owner is of and isinstance(written, dict):
            for key, value in strays.items():
                written.setdefault(key, value)
        for child, value, _ in self._children(of, written):
            self._restore_strays(child, value)


def _texts(written: dict[str, Any]) -> dict[str, bytes]:
    """Write each value as JSON text: so 1 and True differ, and nobody changes it by the mapping.

    Raises:
        NotSerializableError: one can't be written.
    """
    return {key: _json.encode(value, f"{ROOT}.{key}") for key, value in written.items()}
