"""Passwords: one or several, by id, so that they can be rotated."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from iron_session.errors import ConfigurationError
from iron_session.seals.iron import DEFAULTS, KeepsSecrets, Secret

__all__ = ["PasswordInput", "Passwords", "generate_password"]

_ID = re.compile(r"0|[1-9][0-9]*")
_DIGITS = re.compile(r"[0-9]+")
# JavaScript's Number.MAX_SAFE_INTEGER: larger ids would be other numbers there.
_HIGHEST_ID = 2**53 - 1
_MOST_DIGITS = 16


class Passwords(KeepsSecrets):
    """The passwords that open seals; the one with the highest id makes new ones.

    Args:
        password: one password, which gets the id 1 as in JavaScript, or a mapping of ids (whole
            numbers, as int or text) to passwords. Each needs at least 32 characters, counted as
            JavaScript counts them, in UTF-16 units.

    Raises:
        ConfigurationError: a password too short, an id that is not a whole number, no password.
    """

    __slots__ = ("_by_id", "_newest")

    def __init__(self, password: str | Mapping[int, str] | Mapping[str, str]) -> None:
        by_id = {1: password} if isinstance(password, str) else _by_number(password)
        secrets = {str(id_): _secret(id_, value) for id_, value in by_id.items()}
        self._by_id: Mapping[str, Secret] = MappingProxyType(secrets)
        self._newest: Secret = secrets[str(max(by_id))]

    @classmethod
    def of(cls, password: PasswordInput) -> Passwords:
        """Give Passwords back as they are, and make them of anything else."""
        return password if isinstance(password, Passwords) else cls(password)

    @classmethod
    def from_env(
        cls, name: str = "SESSION_PASSWORD", environ: Mapping[str, str] = os.environ
    ) -> Passwords:
        """Read passwords from the environment, in the one of four ways that is set.

        `NAME` holds one password, or a JSON object of them (`{"1": "…", "2": "…"}`); `NAME_1`,
        `NAME_2`, … hold one each; `NAME_FILE` names a file that holds what `NAME` would.

        Args:
            name: the variable's name.
            environ: where to look instead of the process's environment.

        Raises:
            ConfigurationError: none is set, more than one way is, or what is there can't be used.
        """
        return cls(_read_environment(name, environ))

    def __eq__(self, other: object) -> bool:
        """Tell whether both have the same passwords under the same ids."""
        if not isinstance(other, Passwords) or self.ids != other.ids:
            return False
        return all(
            secret.encryption_key == other.by_id[id_].encryption_key
            for id_, secret in self.by_id.items()
        )

    def __hash__(self) -> int:
        return hash(self.ids)

    @property
    def by_id(self) -> Mapping[str, Secret]:
        """The prepared secrets, by the id that stands in a seal."""
        return self._by_id

    @property
    def newest(self) -> Secret:
        """The one that seals."""
        return self._newest

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids, the newest first."""
        return tuple(sorted(map(int, self.by_id), reverse=True))

    def __repr__(self) -> str:
        return f"Passwords(ids={list(self.ids)})"


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
