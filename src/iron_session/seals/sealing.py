"""`seal_data` and `unseal_data`: iron-session's convention on top of the protocol.

A seal ends in `~2`, a version that the mac does not cover: it is stripped and never checked. A text
password has the id 1. The only addition to JavaScript's format is the member `"$iron"` of a sealed
object: see `mark`.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar, overload

from iron_session import _json, _time
from iron_session._frames import clear_frames
from iron_session.errors import ConfigurationError, NotSerializableError, UnsealError
from iron_session.seals import _crypto
from iron_session.seals.iron import (
    DEFAULTS,
    PREFIX,
    OpenedSeal,
    Secret,
    decode_json,
    open_seal,
    seal_bytes,
)
from iron_session.seals.mark import RESERVED, Mark, split_mark
from iron_session.seals.passwords import PasswordInput, Passwords

__all__ = ["seal_data", "unseal_data"]

DEFAULT_TTL = 14 * 24 * 3600
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
        purpose: what the seal is for, as `"magic-link"`: it opens for this purpose only. The data
            must then be a dict.

    Raises:
        ConfigurationError: a password or ttl that can't work, an empty purpose.
        NotSerializableError: data that JSON can't carry; the message names the path.
    """
    try:
        return _seal(data, password, ttl, purpose)
    except BaseException as error:
        del data, password
        clear_frames(error)
        raise


def _seal(data: Any, password: PasswordInput, ttl: _time.Seconds, purpose: str | None) -> str:
    passwords = Passwords.of(password)
    expires = expiration(_time.to_milliseconds(ttl, "ttl"), _time.now_ms())
    plaintext = _json.encode(_marked(data, purpose), "data")
    return seal_json(plaintext, passwords.primary, expires)


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
        text: the seal, with or without its `~2`. None, as for a missing query parameter, is no
            seal.
        password: as for `seal_data`; every password of a mapping opens the seals that name it.
        purpose: the purpose that it was sealed for. A seal for another purpose or for none is
            refused; with None, a seal for any purpose is.
        default: what to return instead of raising UnsealError.

    Raises:
        UnsealError: not a seal, expired, changed, made by another password or for another purpose.
        ConfigurationError: a password that can't work, an empty purpose.
    """
    try:
        return _unseal(text, password, purpose)
    except BaseException as error:
        if isinstance(error, UnsealError) and default is not RAISE:
            return default
        del text, password, default
        clear_frames(error)
        raise


def _unseal(text: str | None, password: PasswordInput, purpose: str | None) -> Any:
    passwords = Passwords.of(password)
    _check_purpose(purpose)
    opened = open_json(text, passwords, _time.now_ms())
    data, mark = split_mark(decode_json(opened.plaintext))
    mark.require_purpose(purpose, opened.password_id)
    return data


# --- what sessions use too -------------------------------------------------------------------


def expiration(ttl_ms: int, now: int) -> int | None:
    """Return when a seal made at `now` expires, in ms; None for a ttl of 0."""
    return now + ttl_ms if ttl_ms else None


def seal_json(plaintext: bytes, secret: Secret, expires: int | None) -> str:
    """Seal JSON text, and add the version."""
    return seal_bytes(plaintext, secret, DEFAULTS, expires) + _VERSION


def sealed_length(plaintext: int, secret: Secret, expires: int | None) -> int:
    """Return how many characters `seal_json` makes of a plaintext of so many bytes."""
    ciphertext = _base64url_length((plaintext // _crypto.BLOCK_BYTES + 1) * _crypto.BLOCK_BYTES)
    variable = len(secret.id) + ciphertext + len("" if expires is None else str(expires))
    return _FIXED_LENGTH + variable


def _base64url_length(size: int) -> int:
    return (4 * size + 2) // 3


# The eight parts without the id, the ciphertext and the expiration: salts are written in hex.
_FIXED_LENGTH: Final = (
    len(PREFIX)
    + len("*" * 7)
    + (DEFAULTS.encryption.salt_bits + DEFAULTS.integrity.salt_bits) // 4
    + _base64url_length(_crypto.IV_BYTES)
    + _base64url_length(_crypto.MAC_KEY_BYTES)  # a mac is as long as its key
    + len(_VERSION)
)


def open_json(text: str | None, passwords: Passwords, now: int) -> OpenedSeal:
    """Verify and decrypt a seal, whatever follows its first `~`."""
    if text is None:
        raise UnsealError("not a seal: there is no text")
    if not isinstance(text, str):
        raise ConfigurationError(f"a seal is a str, not {type(text).__name__}")
    return open_seal(text.partition("~")[0], passwords.by_id, DEFAULTS, now)


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
    return {**data, RESERVED: Mark.of_purpose(purpose).members}


def _check_purpose(purpose: object) -> None:
    if purpose is not None and (not isinstance(purpose, str) or not purpose):
        raise ConfigurationError("purpose must be a text that is not empty, or None")
