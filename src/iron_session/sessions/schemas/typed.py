"""`TypedData`: the instance that a session's `data` is, beside the JSON values it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from iron_session.errors import NotSerializableError
from iron_session.seals import _json
from iron_session.sessions.schemas.schema import ROOT, Misfit, Schema

__all__ = ["TypedData"]

T = TypeVar("T")


class TypedData(Generic[T]):
    """An instance made of a session's values, and written back into them once it has changed.

    What the type does not know is kept: keys of the session, which stay in the mapping, and keys of
    an object within the data, which stay with that very object. An object that the application puts
    in another's place is written as it is, and so are those in sets.

    Args:
        schema: of the type.
        data: the session's values.

    Attributes:
        instance: what the application holds in its hands.

    Raises:
        Misfit: the values do not fit the type, or what they gave can't be written again, as a time
            without a zone.
    """

    __slots__ = ("_baseline", "_in_mapping", "_schema", "_strays", "instance")

    def __init__(self, schema: Schema[T], data: dict[str, Any]) -> None:
        self._schema = schema
        self.instance: T = schema.read(data)
        written, self._baseline = self._write_first()
        # By identity, and with the object itself, so that no other one takes its number.
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
        # No more than the field: beneath it there may be keys that are data.
        fields = (key for key in self._schema.fields if path.startswith(_json.show((ROOT, key))))
        raise Misfit(next(fields, ""))

    def _keep_strays(self, of: object, json: Any, written: Any) -> None:
        """Keep what an object of the cookie has and the type does not know, at any depth."""
        if type(json) is not type(written):
            return  # a validator has made it another shape
        if isinstance(json, dict):
            self._keep_own_strays(of, json, written)
        elif not self._is_same(of, written, json):
            return  # or may have moved its items, or dropped some
        for child, key, value in self._containers(of, written):
            self._keep_strays(child, json.get(key) if isinstance(json, dict) else json[key], value)

    def _keep_own_strays(self, of: object, json: dict[str, Any], written: dict[str, Any]) -> None:
        known = self._schema.names(type(of))
        # Of texts and numbers there is one for all who have it, whatever they are written as.
        if known or isinstance(of, dict) or is_dataclass(of):
            strays = {key: json[key] for key in json if key not in written and key not in known}
            # And a validator may give one object for several: whose are they then?
            self._strays[id(of)] = (of, {} if id(of) in self._strays else strays)

    def _is_same(self, of: object, written: Any, json: Any) -> bool:
        """Tell whether a value is known to be what became of its JSON, in each of its parts."""
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
        if not known:  # nothing to go by
            return not (json or written)
        return all(
            self._is_same(*parts[name], json[key])
            if name in parts
            else getattr(of, name, None) == json[key]  # left out, as a default may be
            for key, name in ((key, names.get(key, key)) for key in known)
        )

    def _containers(self, of: object, written: Any) -> Iterator[tuple[object, Any, Any]]:
        for child, key, value in self._schema.children(of, written):
            if isinstance(value, (dict, list)):
                yield child, key, value

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
        """Refuse what was changed inside the type's own values in the mapping: it would be lost.

        Raises:
            NotSerializableError: it names the key.
        """
        for key in self._schema.fields & data.keys():
            if _texts({key: data[key]})[key] != self._in_mapping[key]:
                raise NotSerializableError(
                    _json.show(("session", key)),
                    f"was changed, and belongs to the schema {self._schema.name}: change it in "
                    "session.data",
                )

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
        _, strays = self._strays.get(id(of), (None, {}))
        for child, _, value in self._containers(of, written):
            self._restore_strays(child, value)
        if isinstance(written, dict):
            for key, value in strays.items():
                written.setdefault(key, value)


def _texts(written: dict[str, Any]) -> dict[str, bytes]:
    """Write each value as JSON text: so 1 and True differ, and nobody changes it by the mapping.

    Raises:
        NotSerializableError: one can't be written.
    """
    return {key: _json.encode(value, _json.show((ROOT, key))) for key, value in written.items()}


def _is_same_moment(json: Any, written: Any) -> bool:
    try:  # JavaScript writes milliseconds, whether there are any or not
        return datetime.fromisoformat(json) == datetime.fromisoformat(written)
    except (TypeError, ValueError):
        return False
