"""Passwords: one or several, by id, so that they can be rotated while an application runs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self, TypeAlias

from iron_session._frames import clear_frames, guarded, shown
from iron_session._log import warn_once
from iron_session.errors import ConfigurationError
from iron_session.seals.iron import DEFAULTS, KeepsSecrets, Secret

__all__ = [
    "TESTING_PASSWORD",
    "PasswordInput",
    "Passwords",
    "find_weakness",
    "find_wrapping",
    "generate_password",
    "read_environment",
]

_ID = re.compile(r"0|[1-9][0-9]*")
_DIGITS = re.compile(r"[0-9]+")
# JavaScript's Number.MAX_SAFE_INTEGER: larger ids would be other numbers there.
_HIGHEST_ID = 2**53 - 1
_MOST_DIGITS = 16


class Passwords(KeepsSecrets):
    """The passwords that open seals; one of them, usually that with the highest id, makes new ones.

    Args:
        password: one password, which gets the id 1 as in JavaScript, or a mapping of ids (whole
            numbers, as int or text) to passwords. Each needs at least 32 characters, counted in
            UTF-16 units as in JavaScript, and 6 different ones. Texts that protect nothing are
            refused: `$(…)` or `${…}` that no shell has expanded, quotes around the whole, a list as
            text, a short text repeated, the sample passwords of JavaScript's packages.
        seal_with: the id of the password that seals, as a whole number or its text. Set it while
            servers that do not know the highest id yet must open what is sealed here. None, or ""
            as from an empty variable, means the highest.

    Raises:
        ConfigurationError: a password too short or too simple, an id that is not a whole number,
            no password, or none of the id `seal_with`.
    """

    __slots__ = ("_held", "_source")

    @guarded
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
        # One object, so that for other threads `reload` replaces everything at once.
        self._held = _Held(MappingProxyType(secrets), primary, asked_for)
        self._source: _Source | None = None  # what `reload` reads again

    @classmethod
    def of(cls, password: PasswordInput) -> Passwords:
        """Return Passwords as they are, and make Passwords of anything else.

        What was made of text, or of a dict of texts, is remembered: to prepare a password takes
        nearly as long as to seal with it.
        """
        if isinstance(password, Passwords):
            return password
        known = _exactly(password)
        try:
            return cls(password) if known is None else _prepared(known)
        except ConfigurationError as error:
            del password, known
            clear_frames(error)
            raise

    @classmethod
    @guarded
    def from_env(
        cls,
        name: str = "SESSION_PASSWORD",
        environ: Mapping[str, str] = os.environ,
        *,
        seal_with: int | str | None = None,
    ) -> Self:
        """Read passwords from the environment, in whichever of four ways they are set.

        `NAME` holds one password, or a JSON object of them (`{"1": "…", "2": "…"}`); `NAME_1`,
        `NAME_2`, … hold one each; `NAME_FILE` names a file that holds what `NAME` would.

        Args:
            name: the variable's name.
            environ: where to look instead of the process's environment.
            seal_with: as for `Passwords`.

        Raises:
            ConfigurationError: no way is set, or more than one is, or what is set can't be used.
        """

        def read() -> str | dict[str, str]:
            return read_environment(name, environ)

        passwords = cls(read(), seal_with=seal_with)
        passwords._source = read
        return passwords

    @guarded
    def reload(self, *, seal_with: int | str | None = None) -> bool:
        """Read the passwords again, as `from_env` did, for all options that were built with them.

        A running process sees changes in the file that `NAME_FILE` names, and changes that it has
        made in its own environment. Call this on a signal or a timer: it reads a file.

        Args:
            seal_with: as for `Passwords`. None keeps the value that `from_env` or an earlier
                `reload` got, as long as there is a password with that id.

        Returns:
            Whether the passwords changed, or which of them seals.

        Raises:
            ConfigurationError: they do not come from the environment, or what is there now can't be
                used; the passwords from before stay in use.
        """
        if self._source is None:
            raise ConfigurationError(
                "reload() needs passwords that come from Passwords.from_env(…)"
            )
        now = type(self)(self._source(), seal_with=seal_with)
        if seal_with in (None, ""):
            now._held = now._held.sealing_as(self._held)
        changed = self != now
        self._held = now._held
        return changed

    def __eq__(self, other: object) -> bool:
        """Return whether both have the same passwords by the same ids, and seal with the same."""
        return isinstance(other, Passwords) and self._held.is_same(other._held)

    def __hash__(self) -> int:
        return hash(Passwords)  # the same for all: `reload` may change everything else

    @property
    def by_id(self) -> Mapping[str, Secret]:
        """The prepared secrets, by the id that a seal names."""
        return self._held.by_id

    @property
    def primary(self) -> Secret:
        """The password that seals: the one with the highest id, or that of `seal_with`."""
        return self._held.primary

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids, the highest first."""
        return tuple(sorted(map(int, self.by_id), reverse=True))

    def is_outdated(self, password_id: str | None) -> bool:
        """Return whether a session sealed with this password should be sealed again.

        Not if its id is higher than the one that seals: another server has moved on to it already.
        """
        primary = self.primary.id
        if password_id == primary:
            return False
        return password_id is None or int(password_id) < int(primary)

    def shares_one_with(self, other: Passwords) -> bool:
        """Return whether seals made with one of these passwords open with one of `other`."""
        return any(
            id_ in other.by_id and secret.encryption_key == other.by_id[id_].encryption_key
            for id_, secret in self.by_id.items()
        )

    @shown
    def __repr__(self) -> str:
        ids, primary = list(self.ids), self.primary.id
        return f"Passwords(ids={ids}{'' if primary == str(ids[0]) else f', seal_with={primary}'})"


_Known: TypeAlias = "str | tuple[tuple[int | str, str], ...]"
_MOST_REMEMBERED = 16


def _exactly(password: object) -> _Known | None:
    """Return what is equal only for the same password or passwords; None for unusual types."""
    if type(password) is str:
        return password
    if type(password) is dict and all(
        type(id_) in (int, str) and type(value) is str for id_, value in password.items()
    ):
        return tuple(password.items())
    return None


@lru_cache(maxsize=_MOST_REMEMBERED)
def _prepared(known: _Known) -> Passwords:
    password: Any = known if isinstance(known, str) else dict(known)
    return Passwords(password)


class _Held(NamedTuple):
    """The secrets, by id; the one that seals; and the id that `seal_with` asked for."""

    by_id: Mapping[str, Secret]
    primary: Secret
    asked_for: str | None

    def is_same(self, other: _Held) -> bool:
        """Return whether both open and seal alike."""
        if self.primary.id != other.primary.id or self.by_id.keys() != other.by_id.keys():
            return False
        return all(
            secret.encryption_key == other.by_id[id_].encryption_key
            for id_, secret in self.by_id.items()
        )

    def sealing_as(self, before: _Held) -> _Held:
        """Return these secrets, sealing with the id that was asked for before, if it is there."""
        asked_for = before.asked_for
        if asked_for is None or asked_for not in self.by_id:
            return self
        return self._replace(primary=self.by_id[asked_for], asked_for=asked_for)


_Source: TypeAlias = "Callable[[], str | dict[str, str]]"
PasswordInput: TypeAlias = "str | Mapping[int, str] | Mapping[str, str] | Passwords"
"""What a password argument accepts."""


def generate_password() -> str:
    """Make a random password: 256 bits as 43 characters of base64url."""
    import secrets  # noqa: PLC0415 - here, as it takes longer to import than most of this package

    return secrets.token_urlsafe(32)


def _by_number(password: object) -> dict[int, Any]:
    if password is None:
        raise ConfigurationError(
            "password is None: is its environment variable set? Passwords.from_env(…) reads "
            "a variable, and names it if it is missing"
        )
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
    """Read an id; the message does not repeat it, since the password may be in its place."""
    if isinstance(id_, str) and len(id_) <= _MOST_DIGITS and _ID.fullmatch(id_):
        id_ = int(id_)
    if isinstance(id_, int) and not isinstance(id_, bool) and 0 <= id_ <= _HIGHEST_ID:
        return int(id_)
    raise ConfigurationError(
        'password ids must be whole numbers from 0 to 2**53 - 1: use {1: "…", 2: "…"}'
    )


def _known(id_: object, by_id: Mapping[int, object]) -> int:
    """Read an id as `_number` does, and require that one of the passwords has it."""
    with suppress(ConfigurationError):
        number = _number(id_)
        if number in by_id:
            return number
    ids = ", ".join(map(str, sorted(by_id, reverse=True)))
    raise ConfigurationError(f"seal_with must be one of the passwords' ids, which are: {ids}")


def _secret(id_: int, value: object) -> Secret:
    if value is None:
        raise ConfigurationError(f"password {id_} is None: is its environment variable set?")
    if not isinstance(value, str):
        raise ConfigurationError(
            f"password {id_} must be a str, not {type(value).__name__} "
            "(keys in bytes are for iron_session.seals)"
        )
    if not value:
        raise ConfigurationError(
            f"password {id_} is empty: the variable or file that it comes from holds nothing"
        )
    if wrapping := find_wrapping(value.strip()):
        raise ConfigurationError(f"password {id_} {wrapping.problem}")
    secret = Secret(str(id_), value)
    length, least = secret.encryption_key.length, DEFAULTS.encryption.min_password_length
    if length < least:
        raise ConfigurationError(
            f"password {id_} has {length} characters and needs at least {least}: make one with "
            "`iron-session generate-password`"
        )
    if weakness := find_weakness(value):
        raise ConfigurationError(
            f"password {id_} {weakness.problem}: make one with `iron-session generate-password`"
        )
    if value == TESTING_PASSWORD and not _is_test_run():
        warn_once(
            (TESTING_PASSWORD,),
            "the password of iron_session.testing is in use outside of a test run: it is published "
            "with the package, so anybody can make a session. Make a password of your own with "
            "`iron-session generate-password`",
        )
    return secret


# --- texts that are no passwords -------------------------------------------------------------


class Fault(NamedTuple):
    """Why a text is no password: a short name, and the words for an error, without the text."""

    name: str
    problem: str


# Each must match the whole text, since a password may begin with any character.
_WRAPPINGS: Final = [
    (
        "unexpanded",
        # A shell's $(command), `command`, ${NAME} and $NAME, %NAME% of Windows, {{ a template's }}.
        r"\$\(.*\)|`.*`|\$\{.*\}|\$[A-Za-z_]\w*|%[A-Za-z_]\w*%|\{\{.*\}\}",
        "is a command or a variable that nothing has expanded, as $(…) or ${…} where no shell "
        "reads it: put the password itself there, made with `iron-session generate-password`",
    ),
    (
        "quoted",
        # Also as word processors write them. Only letters, digits and _+/=.~- between plain quotes:
        # a random password of all characters may begin and end with a quote.
        r"\"[\w+/=.~-]*\"|'[\w+/=.~-]*'|\u201c.*\u201d|\u2018.*\u2019",
        "has quotes around it, and not everything that reads variables strips them (docker's "
        "--env-file does not): remove them",
    ),
    (
        "list",
        r"\[[\s{]*[\"'].*[\"'][\s}]*\]",  # of texts, or of objects as in next-iron-session
        'is a list, written as text: give several passwords ids, {"1": "…", "2": "…"}',
    ),
]


def find_wrapping(text: str) -> Fault | None:
    """Return what is in the place of a password, in words that do not repeat it."""
    if text[:1].isalnum():  # almost all passwords begin so, and none of those texts
        return None
    for name, pattern, problem in _WRAPPINGS:
        if re.fullmatch(pattern, text, re.ASCII | re.DOTALL):
            return Fault(name, problem)
    return None


_FEWEST_DIFFERENT = 6
_LONGEST_UNIT = 16

# Published with JavaScript's packages: the examples of iron-session and next-iron-session, the
# READMEs of @hapi/iron and iron-webcrypto, the documentation of hapi's plugins, nuxt-auth-utils
# and h3.
_SAMPLES = frozenset(
    {
        "2gyZ3GDw3LHZQKDhPmPDL3sjREVRXPr8",
        "Zp-p!QhpyU_0q!@taxoceA.4q35B7@4q",
        "another_password_at_least_32_characters_long",
        "some_not_random_password_that_is_at_least_32_characters",
        "a_long_random_secret_please_change_me",
        "!wsYhFA*C2U6nz=Bu^%A@^F#SF3&kSR6",
        "password-should-be-32-characters",
        "the-password-must-be-at-least-32-characters-long",
        "cookie_encryption_password_secure",
        "password-with-at-least-32-characters",
        "80d42cfb-1cd2-462c-8f17-e3237d9027e9",
    }
)
# The sample in iron-session's README, which people also make longer, as with `_for_development`.
_COPIED_SAMPLE = "complex_password_at_least_32_characters"


def find_weakness(text: str) -> Fault | None:
    """Return why a text of 32 characters or more protects nothing, without repeating it."""
    if text in _SAMPLES or _COPIED_SAMPLE in text:
        problem = "is a sample that everybody can read in the documentation it was copied from"
        return Fault("sample", problem)
    if len(set(text)) < _FEWEST_DIFFERENT:
        return Fault("weak", f"has fewer than {_FEWEST_DIFFERENT} different characters")
    if _is_repetition(text):
        return Fault("weak", "is a short text, repeated")
    return None


def _is_repetition(text: str) -> bool:
    """Return whether a text repeats a unit of at most 16 characters; the last may be cut off."""
    longest = min(_LONGEST_UNIT, len(text) // 2)
    if text.find(text[:-longest], 1) < 0:  # no unit; one search is quicker than sixteen
        return False
    return any(text[size:] == text[:-size] for size in range(1, longest + 1))


# Everybody can read it here, and its text says so to those who find it in a deployment.
TESTING_PASSWORD: Final = "only for tests: this password is published with iron-session"  # noqa: S105 - it protects nothing
"""The password of `iron_session.testing`."""

_TEST_RUNNERS = ("pytest", "unittest")
_SET_BY_PYTEST = ("PYTEST_VERSION", "PYTEST_CURRENT_TEST")  # also in processes that tests start


def _is_test_run() -> bool:
    """Return whether this process has loaded a test runner, or was started by one."""
    return any(name in sys.modules for name in _TEST_RUNNERS) or any(
        name in os.environ for name in _SET_BY_PYTEST
    )


# --- the environment -------------------------------------------------------------------------


def are_in_environment(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether the environment has passwords of this name, in any way; they may be wrong.

    Raises:
        ConfigurationError: a number with leading zeros.
    """
    return bool(_ways(name, environ))


def read_environment(name: str, environ: Mapping[str, str]) -> str | dict[str, str]:
    """Return the text of the passwords, or of each by its id, as `Passwords.from_env` reads it.

    Raises:
        ConfigurationError: no way is set, or more than one is, or the text can't be read.
    """
    given = _ways(name, environ)
    if len(given) > 1:
        raise ConfigurationError(f"more than one is set: {' and '.join(given)}; keep one")
    for way, value in given.items():
        if not isinstance(value, str):
            return value
        if way == name:
            return _one_or_many(value, name)
        return _one_or_many(_read_file(value, way), f"the file named by {way}")
    raise ConfigurationError(
        f"{name} is not set: make a password with `iron-session generate-password`"
    )


def _ways(name: str, environ: Mapping[str, str]) -> dict[str, str | dict[str, str]]:
    """Return what is set, by the variable's name as messages write it."""
    ways = {
        name: environ.get(name),
        f"{name}_FILE": environ.get(f"{name}_FILE"),
        f"{name}_1, {name}_2, …": _numbered(name, environ),
    }
    return {way: value for way, value in ways.items() if value}


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
    """Read a JSON object of texts; return None for anything else: json's errors hold the text."""
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return None
    return pairs if all(isinstance(value, str) for _, value in pairs) else None
