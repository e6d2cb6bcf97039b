"""`TypedData`: a session's `data`, and its relation to the JSON values that it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from iron_session import _json
from iron_session.errors import CookieTooLargeError, NotSerializableError
from iron_session.sessions.limits import MOST_JSON_ITEMS
from iron_session.sessions.schemas.schema import ROOT, Misfit, Schema

__all__ = ["TypedData"]

T = TypeVar("T")

_TOO_MANY = (
    f"session.data holds over {2 * MOST_JSON_ITEMS} bytes of JSON, which do not fit into "
    "cookies: keep an id in it, and the data in a database"
)


class TypedData(Generic[T]):
    """An instance made of a session's values, and written back into them once it has changed.

    Keys that the type does not declare are kept ("strays"): those of the session stay in the
    mapping, and those of an object within the data stay with that very object. An object that the
    application puts in its place is written as it is, and so are objects in sets.

    Args:
        schema: the schema of the type.
        data: the session's values.

    Attributes:
        instance: the object that the application reads and changes.

    Raises:
        Misfit: the values do not fit the type, or the instance can't be written again: it has a
            time without a zone, for example.
    """

    __slots__ = ("_baseline", "_in_mapping", "_schema", "_strays", "instance")

    def __init__(self, schema: Schema[T], data: dict[str, Any]) -> None:
        self._schema = schema
        self.instance: T = schema.read(data)
        written, self._baseline = self._write_first()
        # By identity, and with the object itself, so that no other object gets the same id.
        self._strays: dict[int, tuple[object, dict[str, Any]]] = {}
        for child, key, value in schema.children(self.instance, written):
            if key in data:
                self._keep_strays(child, data[key], value)
        self._strays = {number: kept for number, kept in self._strays.items() if kept[1]}
        known = {key: value for key, value in data.items() if key in schema.fields}
        self._in_mapping = _texts(known)

    def _write_first(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        try:
            written = self._schema.write(self.instance)
            return written, _texts(written)
        except NotSerializableError as error:
            path = error.path
        # Only the field: the rest of the path may have keys that are data.
        fields = (key for key in self._schema.fields if path.startswith(_json.show((ROOT, key))))
        raise Misfit(next(fields, ""))

    def _keep_strays(self, of: object, json: Any, written: Any) -> None:
        """Keep the keys that the cookie's objects have and the type does not know, at any depth."""
        if type(json) is not type(written):
            return  # a validator has changed its shape
        if isinstance(json, dict):
            self._keep_own_strays(of, json, written)
        elif not self._is_same(of, written, json):
            return  # a validator may have moved or dropped items
        for child, key, value in self._containers(of, written):
            self._keep_strays(child, json.get(key) if isinstance(json, dict) else json[key], value)

    def _keep_own_strays(self, of: object, json: dict[str, Any], written: dict[str, Any]) -> None:
        known = self._schema.names(type(of))
        # No texts or numbers, however they are written: equal ones may be the same object.
        if known or isinstance(of, dict) or is_dataclass(of):
            strays = {key: json[key] for key in json if key not in written and key not in known}
            # If a validator returns one object in several places, nobody knows whose they are.
            self._strays[id(of)] = (of, {} if id(of) in self._strays else strays)

    def _is_same(self, of: object, written: Any, json: Any) -> bool:
        """Return whether a value, with all its parts, is known to be made of this JSON."""
        if type(json) is type(written) is dict:
            return self._is_same_object(of, written, json)
        if type(json) is type(written) is list:
            parts = list(self._schema.children(of, written))
            return len(json) == len(parts) and all(
                self._is_same(child, value, json[index]) for child, index, value in parts
            )
        return bool(json == written) or _is_same_moment(json, written)

    def _is_same_object(self, of: object, written: dict[str, Any], json: dict[str, Any]) -> bool:
        names = self._schema.names(type(of))
        parts = {
            names.get(key, key): (child, value)
            for child, key, value in self._schema.children(of, written)
        }
        known = [key for key in json if key in names or key in written]
        if not known:  # nothing to compare
            return not (json or written)
        return all(
            self._is_same(*parts[name], json[key])
            if name in parts
            else getattr(of, name, None) == json[key]  # not written, as a default may be
            for key, name in ((key, names.get(key, key)) for key in known)
        )

    def _containers(self, of: object, written: Any) -> Iterator[tuple[object, Any, Any]]:
        for child, key, value in self._schema.children(of, written):
            if isinstance(value, (dict, list)):
                yield child, key, value

    def write_into(self, data: dict[str, Any]) -> None:
        """Bring a session's values up to date with the instance, if it has changed.

        Raises:
            NotSerializableError: the instance can't be written, or could not be read back; the
                values are as they were.
            CookieTooLargeError: it has more parts than any session can hold.
        """
        try:
            written = self._schema.write(self.instance)
            before, now = self._baseline, _texts(written)
        except _json.TooManyPartsError:
            raise CookieTooLargeError(_TOO_MANY) from None
        if now == before:
            return
        self._schema.require_fit(written)
        if self._strays:
            self._restore_strays(self.instance, written)
        self._baseline = now
        for key in self._schema.fields - now.keys():
            data.pop(key, None)
        for key, value in written.items():
            if key not in data or before.get(key) != now[key]:
                data[key] = value
                self._in_mapping[key] = _texts({key: value})[key]

    def require_untouched(self, data: dict[str, Any]) -> None:
        """Refuse changes made in the mapping inside the type's own values: they would be lost.

        Raises:
            NotSerializableError: the message names the key.
        """
        for key in self._schema.fields & data.keys():
            if _texts({key: data[key]})[key] != self._in_mapping[key]:
                raise NotSerializableError(
                    _json.show(("session", key)),
                    f"was changed, and belongs to the schema {self._schema.name}: change it in "
                    "session.data",
                )

    def replace(self, instance: T) -> None:
        """Replace the instance.

        Raises:
            NotSerializableError: not of the type, or it can't be written or read back.
        """
        self._schema.require_instance(instance)
        with suppress(_json.TooManyPartsError):  # it may be made smaller before it is saved
            written = self._schema.write(instance)
            _texts(written)
            self._schema.require_fit(written)
        self.instance = instance

    def _restore_strays(self, of: object, written: Any) -> None:
        _, strays = self._strays.get(id(of), (None, {}))
        for child, _, value in self._containers(of, written):
            self._restore_strays(child, value)
        if isinstance(written, dict):
            for key, value in strays.items():
                written.setdefault(key, value)


def _texts(written: dict[str, Any]) -> dict[str, bytes]:
    """Return each value as JSON text: in it 1 and True differ, and the mapping can't change it.

    Raises:
        NotSerializableError: a value can't be written.
        TooManyPartsError: a value has more parts than any session can hold.
    """
    most = MOST_JSON_ITEMS
    return {
        key: _json.encode(value, _json.show((ROOT, key)), most) for key, value in written.items()
    }


def _is_same_moment(json: Any, written: Any) -> bool:
    try:  # JavaScript always writes milliseconds, even zero
        return datetime.fromisoformat(json) == datetime.fromisoformat(written)
    except (TypeError, ValueError):
        return False
