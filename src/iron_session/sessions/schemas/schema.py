"""A schema: how an instance of a type is made of a session's JSON values, and written as such."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar, is_typeddict

from iron_session.errors import ConfigurationError, NotSerializableError

__all__ = ["ROOT", "Misfit", "Schema"]

T = TypeVar("T")

ROOT: Final = "session.data"
"""Where the paths in errors begin."""


class Misfit(Exception):  # noqa: N818 - no error by itself: it becomes one, or a reason
    """Data that does not fit a schema.

    Attributes:
        place: the field, as `user.id`, or nothing; never what the data holds.
    """

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


class Schema(ABC, Generic[T]):
    """A type of the application's, read and written by the library that it belongs to.

    Args:
        type_: the type.

    Attributes:
        name: the type's.
        fields: the keys of the session that are the type's; all others are the mapping's own.

    Raises:
        ConfigurationError: the type can't be read and written, or an empty session does not fit.
    """

    fields: frozenset[str]

    def __init__(self, type_: type[T]) -> None:
        self.name: str = type_.__name__
        self._kind: type = dict if is_typeddict(type_) else type_

    def read(self, data: Mapping[str, Any]) -> T:
        """Make an instance of those of a session's values that are the type's.

        Raises:
            Misfit: they do not fit.
        """
        return self._read({key: value for key, value in data.items() if key in self.fields})

    def write(self, instance: T) -> dict[str, Any]:
        """Give an instance as JSON values, which share nothing with it that can change.

        Times are in RFC 3339 and end in Z, sets are lists in a fixed order: JavaScript reads them,
        and the same data is the same text.

        Raises:
            NotSerializableError: it holds what its library can't write, or a datetime without a
                time zone. NaN and the like pass: whoever writes the JSON refuses them.
        """
        try:
            written = self._write(instance)
        except NotSerializableError:
            raise
        except Exception as error:  # whatever the application's own serializers raise
            problem = f"can't be written as {self.name} ({type(error).__name__})"
        else:
            return written
        # Outside the except block: the error must not drag the values along.
        raise NotSerializableError(ROOT, problem)

    def require_instance(self, value: object) -> None:
        """Refuse what is no instance of the type.

        Raises:
            NotSerializableError: it names both types.
        """
        if not isinstance(value, self._kind):
            raise NotSerializableError(ROOT, f"is of type {type(value).__name__}, not {self.name}")

    def require_fit(self, written: dict[str, Any]) -> None:
        """Refuse what `write` gave if it could not be read back: the session would be lost.

        Raises:
            NotSerializableError: it names the field.
        """
        try:
            self._read(written)
        except Misfit as misfit:
            place = misfit.place
        else:
            return
        path = f"{ROOT}.{place}" if place else ROOT
        raise NotSerializableError(
            path, f"is not what {self.name} declares, and could not be read back"
        )

    def require_defaults(self) -> None:
        """Demand that the type fits an empty session: with one each visitor begins.

        Raises:
            ConfigurationError: some field has no default, or one that can't be written.
        """
        try:
            self.require_fit(self.write(self._read({})))
        except Misfit:
            problem = "for a new visitor's session is empty"
        except NotSerializableError as error:
            problem = f"that can be written: {error}"
        else:
            return
        raise ConfigurationError(f"schema: each field of {self.name} needs a default, {problem}")

    @abstractmethod
    def _read(self, data: dict[str, Any]) -> T:
        """Make an instance of JSON values; Misfit if they do not fit."""

    @abstractmethod
    def _write(self, instance: T) -> dict[str, Any]:
        """Give an instance as JSON values, by the library."""

    @abstractmethod
    def attribute(self, of: object, key: str) -> object:
        """Give the object that stands in another under a key of its JSON; None where none does."""
