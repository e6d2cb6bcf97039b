"""Passwords: one or several, by id, so that they can be rotated while an application runs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypeAlias

from iron_session.errors import ConfigurationError
from iron_session.seals.iron import DEFAULTS, KeepsSecrets, Secret

__all__ = ["PasswordInput", "Passwords", "generate_password"]

_ID = re.compile(r"0|[1-9][0-9]*")
_DIGITS = re.compile(r"[0-9]+")
# JavaScript's Number.MAX_SAFE_INTEGER: larger ids would be other numbers there.
_HIGHEST_ID = 2**53 - 1
_MOST_DIGITS = 16


class Passwords(KeepsSecrets):
    """The passwords that open seals; one of them, mostly that with the highest id, makes new ones.

    Args:
        password: one password, which gets the id 1 as in JavaScript, or a mapping of ids (whole
            numbers, as int or text) to passwords. Each needs at least 32 characters, counted as
            JavaScript counts them, in UTF-16 units.
        seal_with: the id of the one that seals, as a whole number or its text, while servers that
            do not know the highest yet are still to open what is sealed here; None, or "" as of an
            empty variable, for the highest.

    Raises:
        ConfigurationError: a password too short, an id that is not a whole number, no password, or
            none of the id `seal_with`.
    """

    __slots__ = ("_held", "_source")

    def __init__(
        self,
        password: str | Mapping[int, str] | Mapping[str, str],
        *,
        seal_with: int | str | None = None,
    ) -> None:
        by_id = {1: password} if isinstance(password, str) else _by_number(password)
        secrets = {str(id_): _secret(id_, value) for id_, value in by_id.items()}
        asked_for = None if seal_with in (None, "") else str(_known(seal_with, by_id))
        primary = secrets[asked_for or str(max(by_id))]
        # In one piece, so that `reload` replaces all of it at once for other threads.
        self._held = _Held(MappingProxyType(secrets), primary, asked_for)
        self._source: _Source | None = None  # what `reload` reads again

    @classmethod
    def of(cls, password: PasswordInput) -> Passwords:
        """Give Passwords back as they are, and make them of anything else."""
        return password if isinstance(password, Passwords) else cls(password)

    @classmethod
    def from_env(
        cls,
        name: str = "SESSION_PASSWORD",
        environ: Mapping[str, str] = os.environ,
        *,
        seal_with: int | str | None = None,
    ) -> Self:
        """Read passwords from the environment, in the one of four ways that is set.

        `NAME` holds one password, or a JSON object of them (`{"1": "…", "2": "…"}`); `NAME_1`,
        `NAME_2`, … hold one each; `NAME_FILE` names a file that holds what `NAME` would.

        Args:
            name: the variable's name.
            environ: where to look instead of the process's environment.
            seal_with: as for `Passwords`.

        Raises:
            ConfigurationError: none is set, more than one way is, or what is there can't be used.
        """

        def read() -> str | dict[str, str]:
            return _read_environment(name, environ)

        passwords = cls._read_from(read, seal_with)
        passwords._source = read
        return passwords

    def reload(self, *, seal_with: int | str | None = None) -> bool:
        """Read them again from where `from_env` has, for all options that were built with them.

        A running process sees what has changed in the file that `NAME_FILE` names, and what it
        has itself written into its environment. Call it by a signal or a timer: it reads a file.

        Args:
            seal_with: as for `Passwords`. None leaves it as `from_env`, or the last `reload` that
                said, has it, for as long as there is a password of that id.

        Returns:
            Whether there are other passwords now, or another one seals.

        Raises:
            ConfigurationError: they do not come from the environment, or what is there now can't be
                used; then those from before go on.
        """
        if self._source is None:
            raise ConfigurationError("only Passwords.from_env(…) can be read again: by reload()")
        now = self._read_from(self._source, seal_with)
        if seal_with in (None, ""):
            now._held = now._held.sealing_as(self._held)
        changed = self != now
        self._held = now._held
        return changed

    @classmethod
    def _read_from(cls, source: _Source, seal_with: int | str | None) -> Self:
        try:
            return cls(source(), seal_with=seal_with)
        except ConfigurationError as error:
            # Its frames would show an error tracker what was read.
            failure = error.with_traceback(None)
        raise failure

    def __eq__(self, other: object) -> bool:
        """Tell whether both have the same passwords under the same ids, and seal by the same."""
        return isinstance(other, Passwords) and self._held.is_same(other._held)

    def __hash__(self) -> int:
        return hash(Passwords)  # the same for all: `reload` may change everything else

    @property
    def by_id(self) -> Mapping[str, Secret]:
        """The prepared secrets, by the id that stands in a seal."""
        return self._held.by_id

    @property
    def primary(self) -> Secret:
        """The one that seals: the newest, or that of `seal_with`."""
        return self._held.primary

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids, the newest first."""
        return tuple(sorted(map(int, self.by_id), reverse=True))

    def is_outdated(self, password_id: str | None) -> bool:
        """Tell whether a session of this password is to be written again, by the one that seals.

        One of a higher id is not: another server has gone on to it already.
        """
        primary = self.primary.id
        if password_id == primary:
            return False
        return password_id is None or int(password_id) < int(primary)

    def __repr__(self) -> str:
        ids, primary = list(self.ids), self.primary.id
        return f"Passwords(ids={ids}{'' if primary == str(ids[0]) else f', seal_with={primary}'})"


class _Held(NamedTuple):
    """The secrets, by id; the one that seals; and the id that was asked for by `seal_with`."""

    by_id: Mapping[str, Secret]
    primary: Secret
    asked_for: str | None

    def is_same(self, other: _Held) -> bool:
        """Tell whether they open and seal alike."""
        if self.primary.id != other.primary.id or self.by_id.keys() != other.by_id.keys():
            return False
        return all(
            secret.encryption_key == other.by_id[id_].encryption_key
            for id_, secret in self.by_id.items()
        )

    def sealing_as(self, before: _Held) -> _Held:
        """Have the one seal that was asked for before, if it is still there."""
        asked_for = before.asked_for
        if asked_for is None or asked_for not in self.by_id:
            return self
        return self._replace(primary=self.by_id[asked_for], asked_for=asked_for)


_Source: TypeAlias = "Callable[[], str | dict[str, str]]"
PasswordInput: TypeAlias = "str | Mapping[int, str] | Mapping[str, str] | Passwords"
"""What a password argument takes."""


def generate_password() -> str:
    """Make a random password: 256 bits as 43 characters of base64url."""
    import secrets  # noqa: PLC0415 - here, as it takes longer to import than most of this package

    return secrets.token_urlsafe(32)


def _by_number(password: object) -> dict[int, Any]:
    if not isinstance(password, Mapping):
        raise ConfigurationError(
            f"password must be a str, a mapping of ids to str, or Passwords, "
            f"not {type(password).__name__}"
        )
    if not password:
        raise ConfigurationError('the password mapping is empty: give for example {1: "…"}')
    by_number: dict[int, Any] = {}
    for id_, value in password.items():
        number = _number(id_)
        if number in by_number:
            raise ConfigurationError(f"password id {number} is given twice")
        by_number[number] = value
    return by_number


def _number(id_: object) -> int:
    """Read an id; the message does not repeat it, somebody may have put the password there."""
    if isinstance(id_, str) and len(id_) <= _MOST_DIGITS and _ID.fullmatch(id_):
        id_ = int(id_)
    if isinstance(id_, int) and not isinstance(id_, bool) and 0 <= id_ <= _HIGHEST_ID:
        return int(id_)
    raise ConfigurationError(
        'password ids must be whole numbers from 0 to 2**53 - 1: use {1: "…", 2: "…"}'
    )


def _known(id_: object, by_id: Mapping[int, object]) -> int:
    """Read an id, as `_number` does, that one of the passwords must have."""
    with suppress(ConfigurationError):
        number = _number(id_)
        if number in by_id:
            return number
    ids = ", ".join(map(str, sorted(by_id, reverse=True)))
    raise ConfigurationError(f"seal_with must be the id of one of the passwords, which are: {ids}")


def _secret(id_: int, value: object) -> Secret:
    if not isinstance(value, str):
        raise ConfigurationError(
            f"password {id_} must be a str, not {type(value).__name__} "
            "(keys in bytes are for iron_session.seals)"
        )
    if not value:
        raise ConfigurationError(f"password {id_} is empty")
    secret = Secret(str(id_), value)
    length, least = secret.encryption_key.length, DEFAULTS.encryption.min_password_length
    if length < least:
        raise ConfigurationError(
            f"password {id_} has {length} characters and needs at least {least}: make one with "
            "`iron-session generate-password`"
        )
    return secret


# --- the environment -------------------------------------------------------------------------


def _read_environment(name: str, environ: Mapping[str, str]) -> str | dict[str, str]:
    numbered = _numbered(name, environ)
    file = environ.get(f"{name}_FILE")
    ways = {name: environ.get(name), f"{name}_FILE": file, f"{name}_1, {name}_2, …": numbered}
    given = [way for way, value in ways.items() if value]
    if len(given) > 1:
        raise ConfigurationError(f"more than one is set: {' and '.join(given)}; keep one")
    if numbered:
        return numbered
    if file:
        return _one_or_many(_read_file(file, f"{name}_FILE"), f"the file named by {name}_FILE")
    if value := environ.get(name):
        return _one_or_many(value, name)
    raise ConfigurationError(
        f"{name} is not set: make a password with `iron-session generate-password`"
    )


def _numbered(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    prefix = f"{name}_"
    suffixes = {
        key.removeprefix(prefix): value
        for key, value in environ.items()
        if key.startswith(prefix) and value
    }
    numbered = {suffix: value for suffix, value in suffixes.items() if _DIGITS.fullmatch(suffix)}
    for suffix in numbered:
        if not _ID.fullmatch(suffix):
            raise ConfigurationError(f"{prefix}{suffix}: write the number without leading zeros")
    return numbered


def _read_file(path: str, name: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123 - pathlib takes long to import
            return file.read().rstrip("\r\n")
    except (OSError, ValueError) as error:  # ValueError: no path at all, or not UTF-8
        kind = type(error).__name__
    raise ConfigurationError(f"the file that {name} names can't be read ({kind})")


def _one_or_many(text: str, source: str) -> str | dict[str, str]:
    if not text.lstrip().startswith("{"):
        return text
    pairs = _read_pairs(text)
    if pairs is None:
        raise ConfigurationError(
            f'{source} starts with {{ but is not a JSON object of texts, {{"1": "…", "2": "…"}}'
        )
    if len(dict(pairs)) != len(pairs):
        raise ConfigurationError(f"{source} gives the same id twice")
    return dict(pairs)


def _read_pairs(text: str) -> list[tuple[str, str]] | None:
    """Read a JSON object of texts; None for anything else, since json's errors hold the text."""
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return None
    return pairs if all(isinstance(value, str) for _, value in pairs) else None
