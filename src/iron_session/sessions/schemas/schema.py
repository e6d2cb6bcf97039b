"""A schema: how an instance of a type is made of a session's JSON values, and written as them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final, Generic, TypeVar, is_typeddict

from iron_session import _json
from iron_session.errors import ConfigurationError, NotSerializableError
from iron_session.seals.mark import RESERVED
from iron_session.sessions import flashes
from iron_session.sessions.limits import MOST_JSON_ITEMS
from iron_session.sessions.schemas import leaves

__all__ = ["ROOT", "Misfit", "Schema"]

T = TypeVar("T")

ROOT: Final = "session.data"
"""The start of the paths in errors."""

_TAKEN: Final = (RESERVED, flashes.KEY, "_csrf")
"""Keys that sessions use themselves; the last one is for CSRF tokens, see `iron_session.csrf`."""

_PLAIN: Final = frozenset({str, int, bool, type(None)})
"""Types whose values both libraries write in the same way."""


class Misfit(Exception):  # noqa: N818 - never reaches the application: it becomes an error
    """Data that does not fit a schema.

    Attributes:
        place: the field, as `user.id`, or empty; never a part of the data.
    """

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


class Schema(ABC, Generic[T]):
    """A type of the application, read and written by the library that it belongs to.

    Args:
        type_: the type.

    Attributes:
        name: the type's name.
        fields: the keys of the session that belong to the type; all others are the mapping's own.

    Raises:
        ConfigurationError: the type can't be read and written, or an empty session does not fit.
    """

    fields: frozenset[str]

    def __init__(self, type_: type[T]) -> None:
        self.name: str = type_.__name__
        self._type = type_

    # --- reading -------------------------------------------------------------------------

    def read(self, data: Mapping[str, Any]) -> T:
        """Make an instance of those of a session's values that belong to the type.

        Raises:
            Misfit: they do not fit.
        """
        return self._read({key: value for key, value in data.items() if key in self.fields})

    @abstractmethod
    def _read(self, data: dict[str, Any]) -> T:
        """Make an instance of JSON values; raise Misfit if they do not fit."""

    # --- writing -------------------------------------------------------------------------

    def write(self, instance: T) -> dict[str, Any]:
        """Return an instance as JSON values, which share nothing mutable with it.

        Times are in RFC 3339 and end in Z, sets are lists in a fixed order: JavaScript can read
        them, and the same data gives the same text.

        Raises:
            NotSerializableError: it holds a value that its library or JSON can't write, a datetime
                without a time zone, or keys that do not belong to the type.
            TooManyPartsError: it has more parts than any session can hold.
        """
        try:
            dumped = self._dump(instance)
            _json.require_few(dumped, MOST_JSON_ITEMS)
            written = self._settle(instance, dumped, (ROOT,))
        except (NotSerializableError, _json.TooManyPartsError):
            raise
        except Exception as error:  # whatever the application's own serializers raise
            problem = f"can't be written as {self.name} ({type(error).__name__})"
        else:
            return self._require_known(written)
        # Outside the except block: the error must not hold the values.
        raise NotSerializableError(self._find_culprit(instance), problem)

    @abstractmethod
    def _dump(self, instance: T) -> Any:
        """Return an instance as the library writes it: JSON values that the caller may change."""

    @abstractmethod
    def _dump_field(self, instance: T, name: str) -> object:
        """Write one field of an instance, to find the one that can't be written."""

    def _settle(self, of: object, written: Any, path: _json.Path) -> Any:
        """Fix, in place, what the library leaves open: times, order of sets, NaN, keys.

        Args:
            of: the value before it was written.
            written: the same value, as the library wrote it.
            path: where the value is.
        """
        of = self._bare(of)
        if isinstance(written, tuple):
            written = list(written)
        if not isinstance(written, (dict, list)):
            return self._settle_leaf(of, written, path)
        for child, key, value in self._pairs(of, written):
            if type(child) not in _PLAIN:
                written[key] = self._settle(child, value, (*path, key))
        if isinstance(of, AbstractSet) and isinstance(written, list):
            # Else the order would differ in each process, and reading would look like a change.
            written.sort(key=leaves.sort_key)
        elif isinstance(of, dict) and isinstance(written, dict):
            return _settle_keys(of, written, path)
        return written

    def _pairs(self, of: object, written: Any) -> Iterator[tuple[object, Any, Any]]:
        """Yield the children of sets too: until they are sorted, both have the same order."""
        return self.children(list(of) if isinstance(of, AbstractSet) else of, written)

    def _settle_leaf(self, of: object, written: Any, path: _json.Path) -> Any:
        """Fix a value that holds no others, as `_settle` does."""
        if isinstance(of, datetime):
            return leaves.settle_time(of, written, path)
        if isinstance(of, float):
            leaves.require_finite(of, written, path)
        return written

    def _require_known(self, written: Any) -> dict[str, Any]:
        if not isinstance(written, dict):
            raise NotSerializableError(ROOT, f"is not written as an object by {self.name}")
        for key in written:
            if key not in self.fields:
                raise NotSerializableError(
                    _json.show((ROOT, key)),
                    f"is none of the fields of {self.name}, so it could not be read back: keep "
                    "other keys in session[…]",
                )
        return written

    def _find_culprit(self, instance: T) -> str:
        for name in self.names(self._type).values():
            try:
                self._dump_field(instance, name)
            except Exception:
                return _json.show((ROOT, name))
        return ROOT

    # --- an object and its JSON ------------------------------------------------------------

    def children(self, of: object, written: Any) -> Iterator[tuple[object, Any, Any]]:
        """Yield the values in an object, list or tuple, and how each is written.

        Yields:
            The value (None if it can't be found), the key or index of its JSON, its JSON.
        """
        of = self._bare(of)
        if isinstance(written, dict):
            if isinstance(of, dict) and len(of) == len(written):
                # By order: before they are written, the keys need not be text.
                for child, (key, value) in zip(of.values(), written.items(), strict=True):
                    yield child, key, value
            else:
                names = self.names(type(of))
                for key, value in written.items():
                    yield _attribute(of, names.get(key, key)), key, value
        elif isinstance(written, list) and isinstance(of, (list, tuple)):
            for index, (child, value) in enumerate(zip(of, written, strict=False)):
                yield child, index, value

    def _bare(self, of: object) -> object:
        """Return the content of a wrapper that leaves no trace in JSON; all else as it is."""
        return of

    @abstractmethod
    def names(self, type_: type) -> Mapping[str, str]:
        """Return a class's attributes, by their keys in JSON; empty if it has none."""

    # --- what is refused -------------------------------------------------------------------

    def require_instance(self, value: object) -> None:
        """Refuse a value that is no instance of the type.

        Raises:
            NotSerializableError: the message names both types.
        """
        kind: type = dict if is_typeddict(self._type) else self._type
        if not isinstance(value, kind):
            raise NotSerializableError(ROOT, f"is of type {type(value).__name__}, not {self.name}")

    def require_fit(self, written: dict[str, Any]) -> None:
        """Refuse a result of `write` that can't be read back: it, or the session, would be lost.

        Raises:
            NotSerializableError: the message names the field.
        """
        try:
            again = self.write(self._read(written))
        except Misfit as misfit:
            place = misfit.place
        else:
            if again == written:
                return
            place = _first_difference(again, written)
        path = f"{ROOT}.{place}" if place else ROOT
        raise NotSerializableError(
            path, f"is not what {self.name} declares, and could not be read back"
        )

    def require_defaults(self) -> None:
        """Require that the type fits an empty session, since every visitor begins with one.

        Raises:
            ConfigurationError: a field has no default, or one that can't be kept.
        """
        if missing := self._required():
            raise ConfigurationError(
                f"schema: {self.name}.{missing[0]} needs a default, or must be allowed to be "
                "missing: a new visitor's session is empty"
            )
        try:
            written = self.write(self._read({}))
            _json.check(written, (ROOT,))
            self.require_fit(written)
        except Misfit:
            problem = "can't be made of an empty session, as a new visitor's is"
        except NotSerializableError as error:
            problem = f"has a default that can't be kept: {error}"
        else:
            return
        raise ConfigurationError(f"schema: {self.name} {problem}")

    @abstractmethod
    def _required(self) -> list[str]:
        """Return the names of the type's fields that have no default."""

    def _set_fields(self, keys: Collection[str]) -> None:
        for key in _TAKEN:
            if key in keys:
                raise ConfigurationError(
                    f"schema: {self.name} can't have the key {key!r}, which sessions use themselves"
                )
        if _json.PROTOTYPE in keys:
            raise ConfigurationError(
                f"schema: {self.name} can't have the key {_json.PROTOTYPE!r}, which JavaScript "
                "takes for an object's prototype"
            )
        self.fields = frozenset(keys)


def _first_difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    keys = sorted(one.keys() | other.keys())
    return next(key for key in keys if [key in one, one.get(key)] != [key in other, other.get(key)])


def _attribute(of: object, name: str) -> object:
    return of.get(name) if isinstance(of, dict) else getattr(of, name, None)


def _settle_keys(of: dict[Any, Any], written: dict[str, Any], path: _json.Path) -> dict[str, Any]:
    """Write keys that are times in the same way as other times."""
    if all(type(key) is str for key in of):
        return written
    if len(of) > len(written):
        raise NotSerializableError(_json.show(path), "has keys that are the same text in JSON")
    settled = {}
    for key, (text, value) in zip(of, written.items(), strict=False):
        settled[leaves.settle_time(key, text, path) if isinstance(key, datetime) else text] = value
    return settled
