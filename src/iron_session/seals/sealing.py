"""`seal_data` and `unseal_data`: iron-session's convention on top of the protocol.

A seal ends in `~2`, a version that stands outside the mac: it is stripped and never looked at. A
text password has the id 1. The one addition to JavaScript's format is the member `"$iron"` of a
sealed object, which holds what this package needs to know of a seal: `"for"`, its purpose. It is
inside the seal, there only when it is needed, and JavaScript keeps it as an ordinary property.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeVar, overload

from iron_session.errors import ConfigurationError, NotSerializableError, UnsealError
from iron_session.seals import _json, _time
from iron_session.seals.iron import DEFAULTS, OpenedSeal, decode_json, open_seal, seal_bytes
from iron_session.seals.passwords import PasswordInput, Passwords

__all__ = ["seal_data", "unseal_data"]

DEFAULT_TTL = 14 * 24 * 3600
RESERVED = "$iron"
_PURPOSE = "for"
_VERSION = "~2"

T = TypeVar("T")


class _Raise:
    def __repr__(self) -> str:
        return "<raise UnsealError>"


RAISE: Final = _Raise()


def seal_data(
    data: Any,
    *,
    password: PasswordInput,
    ttl: _time.Seconds = DEFAULT_TTL,
    purpose: str | None = None,
) -> str:
    """Seal any JSON value as text for a link, a token or a cookie.

    Args:
        data: dict, list, tuple (comes back as a list), str, int, float, bool or None.
        password: text of at least 32 characters, a mapping of ids to such, or `Passwords`.
        ttl: life of the seal, in seconds or as a timedelta; 0 never expires. Readers allow for
            clocks that differ, so a seal opens for up to 60 seconds longer.
        purpose: what the seal is for, as `"magic-link"`: it opens for this purpose only. Needs
            data to be a dict.

    Raises:
        ConfigurationError: a password or ttl that can't work, an empty purpose.
        NotSerializableError: data that JSON can't carry; the message names the path.
    """
    passwords = Passwords.of(password)
    expires = expiration(_time.to_milliseconds(ttl, "ttl"), _time.now_ms())
    plaintext = _json.encode(_marked(data, purpose), "data")
    return seal_json(plaintext, passwords, expires)


@overload
def unseal_data(
    text: str | None, *, password: PasswordInput, purpose: str | None = None
) -> Any: ...
@overload
def unseal_data(
    text: str | None, *, password: PasswordInput, purpose: str | None = None, default: T
) -> Any | T: ...
def unseal_data(
    text: str | None,
    *,
    password: PasswordInput,
    purpose: str | None = None,
    default: Any = RAISE,
) -> Any:
    """Open what `seal_data`, or iron-session in JavaScript, has sealed.

    Args:
        text: the seal, with or without its `~2`; None, as of a missing query parameter, is none.
        password: as for `seal_data`; every password of a mapping opens the seals that name it.
        purpose: the one that it was sealed for. A seal for another purpose or for none is refused,
            and so is a purposed seal where none is named.
        default: given back instead of raising UnsealError.

    Raises:
        UnsealError: not a seal, expired, changed, made by another password or for another purpose.
        ConfigurationError: a password that can't work, an empty purpose.
    """
    passwords = Passwords.of(password)
    _check_purpose(purpose)
    try:
        opened = open_json(text, passwords, _time.now_ms())
        data, mark = split_mark(decode_json(opened.plaintext))
        require_purpose(mark, purpose, opened.password_id)
    except UnsealError:
        if default is RAISE:
            raise
        return default
    return data


# --- what sessions use too -------------------------------------------------------------------


def expiration(ttl_ms: int, now: int) -> int | None:
    """When a seal made now expires, in ms; None where the ttl is 0."""
    return now + ttl_ms if ttl_ms else None


def seal_json(plaintext: bytes, passwords: Passwords, expires: int | None) -> str:
    """Seal JSON text by the newest password and add the version."""
    return seal_bytes(plaintext, passwords.primary, DEFAULTS, expires) + _VERSION


def open_json(text: str | None, passwords: Passwords, now: int) -> OpenedSeal:
    """Verify and decrypt a seal, whatever stands behind its first `~`."""
    if text is None:
        raise UnsealError("not a seal: there is no text")
    if not isinstance(text, str):
        raise ConfigurationError(f"a seal is a str, not {type(text).__name__}")
    return open_seal(text.partition("~")[0], passwords.by_id, DEFAULTS, now)


class Mark(NamedTuple):
    """The member `"$iron"` of a sealed object: its purpose, and all its members as they stand."""

    purpose: object
    members: dict[str, Any]


NO_MARK: Final = Mark(None, {})


def split_mark(data: Any) -> tuple[Any, Mark]:
    """Take `"$iron"` out of what was sealed; UnsealError if it is not an object."""
    if not isinstance(data, dict) or RESERVED not in data:
        return data, NO_MARK
    members = data.pop(RESERVED)
    if not isinstance(members, dict):
        raise UnsealError(f"the seal's member {RESERVED} is not an object")
    return data, Mark(members.get(_PURPOSE), members)


def require_purpose(mark: Mark, purpose: str | None, password_id: str) -> None:
    """Raise UnsealError unless the seal was made for this very purpose, or for none as asked."""
    if mark.purpose != purpose:
        raise UnsealError(
            "the seal was made for another purpose", reason="purpose", password_id=password_id
        )


def _marked(data: Any, purpose: str | None) -> Any:
    _check_purpose(purpose)
    if isinstance(data, dict) and RESERVED in data:
        raise NotSerializableError(_json.show(("data", RESERVED)), "is a reserved name")
    if purpose is None:
        return data
    if not isinstance(data, dict):
        raise NotSerializableError(
            "data", f'is a {type(data).__name__} and a purpose needs a dict: seal {{"value": …}}'
        )
    return {**data, RESERVED: {_PURPOSE: purpose}}


def _check_purpose(purpose: object) -> None:
    if purpose is not None and (not isinstance(purpose, str) or not purpose):
        raise ConfigurationError("purpose must be a text that is not empty, or None")
