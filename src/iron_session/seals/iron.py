"""The Fe26.2 protocol: what @hapi/iron and iron-webcrypto call `seal` and `unseal`.

    Fe26.2*<password id>*<encryption salt>*<iv>*<ciphertext>*<expiration>*<mac salt>*<mac>

Sources of the rules: @hapi/iron 7.0.1 (`lib/index.js`) and iron-webcrypto 2.0.0. Where the two
differ, and where this reader is stricter than both, is said at the line that does it.

The public functions stand on two private ones, `seal_bytes` and `open_seal`, which take the time
and the random bytes as arguments: every seal can be made again, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, NoReturn, Self, TypeAlias

from iron_session.errors import ConfigurationError, NotSerializableError, UnsealError
from iron_session.seals import _crypto, _json, _time
from iron_session.seals._encoding import base64url_decode, base64url_encode

__all__ = ["KeyOptions", "SealOptions", "Secret", "seal", "unseal"]

PREFIX = "Fe26.2"
MIN_PASSWORD_LENGTH = 32

Key: TypeAlias = "str | bytes"
"""A text password, from which keys are derived, or the bytes of a key itself."""

# [0-9] and not \d, fullmatch and not $: Python's classes know Unicode, its $ allows a newline.
# 21 digits are what JavaScript writes before it changes to 1e+21, which no reader takes.
_EXPIRATION = re.compile(r"[1-9][0-9]{0,20}")
_PASSWORD_ID = re.compile(r"[A-Za-z0-9_]+")
_LONGEST_ID_TOLD = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """How one of the two keys is derived, and what it is used with.

    Args:
        algorithm: `"aes-256-cbc"` or `"aes-128-ctr"` to encrypt, `"sha256"` for the mac.
        salt_bits: size of the random salt, a positive multiple of 8.
        iterations: rounds of PBKDF2-HMAC-SHA1, at least 1.
        min_password_length: least length of a text password, in UTF-16 units, as JavaScript
            counts.

    Raises:
        ConfigurationError: a value out of its bounds.
    """

    algorithm: Literal["aes-256-cbc", "aes-128-ctr", "sha256"] = "aes-256-cbc"
    salt_bits: int = 256
    iterations: int = 1
    min_password_length: int = MIN_PASSWORD_LENGTH
    key_bytes: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sizes = {name: kind.key_bytes for name, kind in _crypto.CIPHERS.items()}
        sizes["sha256"] = _crypto.MAC_KEY_BYTES
        if not isinstance(self.algorithm, str) or self.algorithm not in sizes:
            raise ConfigurationError(f"algorithm must be one of {', '.join(sizes)}")
        _require_int("salt_bits", self.salt_bits, least=8)
        if self.salt_bits % 8:
            raise ConfigurationError("salt_bits must be a multiple of 8")
        _require_int("iterations", self.iterations, least=1)
        _require_int("min_password_length", self.min_password_length, least=1)
        object.__setattr__(self, "key_bytes", sizes[self.algorithm])


def _require_int(name: str, value: object, *, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{name} must be an int of at least {least}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealOptions:
    """Everything that @hapi/iron lets one choose; the defaults are its own.

    Args:
        encryption: key and cipher of the ciphertext.
        integrity: key of the mac.
        ttl: life of a new seal, in seconds or as a timedelta; 0 never expires.
        timestamp_skew: how long after its expiration a seal still opens, in seconds: other
            machines' clocks.
        localtime_offset: what to add to this machine's clock, in seconds; may be negative.
        encode: turns data into text; by default JSON, with errors that name the path.
        decode: turns the text back into data; by default JSON, strictly.

    Raises:
        ConfigurationError: a value out of its bounds, or an algorithm in the wrong place.
    """

    encryption: KeyOptions = KeyOptions()
    integrity: KeyOptions = KeyOptions(algorithm="sha256")
    ttl: _time.Seconds = 0
    timestamp_skew: _time.Seconds = 60
    localtime_offset: _time.Seconds = 0
    encode: Callable[[Any], str] | None = None
    decode: Callable[[str], Any] | None = None
    ttl_ms: int = field(init=False, repr=False)
    skew_ms: int = field(init=False, repr=False)
    offset_ms: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("encryption", "integrity"):
            if not isinstance(getattr(self, name), KeyOptions):
                raise ConfigurationError(f"{name} must be KeyOptions")
        for name in ("encode", "decode"):
            if not (getattr(self, name) is None or callable(getattr(self, name))):
                raise ConfigurationError(f"{name} must be a function, or None")
        if self.encryption.algorithm not in _crypto.CIPHERS:
            raise ConfigurationError(f"encryption must use one of {', '.join(_crypto.CIPHERS)}")
        if self.integrity.algorithm != "sha256":
            raise ConfigurationError('integrity must use "sha256"')
        milliseconds = {
            "ttl_ms": _time.to_milliseconds(self.ttl, "ttl"),
            "skew_ms": _time.to_milliseconds(self.timestamp_skew, "timestamp_skew"),
            "offset_ms": _time.to_milliseconds(
                self.localtime_offset, "localtime_offset", negative=True
            ),
        }
        for name, value in milliseconds.items():
            object.__setattr__(self, name, value)


DEFAULTS = SealOptions()


class KeepsSecrets:
    """Is its own copy, so that no second one lies about, and does not let itself be pickled."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Give itself: frameworks copy the options that hold it."""
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} can't be pickled: that would write secrets out")


class Secret(KeepsSecrets):
    """A password with an id, or separate passwords for encryption and integrity.

    Args:
        id: what a seal names it by: ASCII letters, digits and `_`, or empty.
        secret: one password for both uses, as text or as the bytes of a key.
        encryption: instead of `secret`: the password of the ciphertext.
        integrity: instead of `secret`: the password of the mac.

    Raises:
        ConfigurationError: an id of another form, an empty password, or not exactly one of
            `secret` and the pair.
    """

    __slots__ = ("encryption_key", "id", "integrity_key")

    def __init__(
        self,
        id: str = "",
        secret: Key | None = None,
        *,
        encryption: Key | None = None,
        integrity: Key | None = None,
    ) -> None:
        if not isinstance(id, str) or (id and not _PASSWORD_ID.fullmatch(id)):
            raise ConfigurationError("a password's id is ASCII letters, digits and _, or empty")
        self.id: str = id
        self.encryption_key: _crypto.KeySource
        self.integrity_key: _crypto.KeySource
        if secret is not None and encryption is None and integrity is None:
            self.encryption_key = self.integrity_key = _key_source(secret)
        elif secret is None and encryption is not None and integrity is not None:
            self.encryption_key = _key_source(encryption)
            self.integrity_key = _key_source(integrity)
        else:
            raise ConfigurationError("give either secret, or both encryption and integrity")

    def __repr__(self) -> str:
        return f"Secret(id={self.id!r})"

    def require_fit(self, options: SealOptions) -> None:
        """Raise ConfigurationError if one of the passwords is too short, or a key of wrong size."""
        _require_key_fit(self.encryption_key, options.encryption, "encryption", exact=True)
        _require_key_fit(self.integrity_key, options.integrity, "integrity", exact=False)


def _key_source(key: Key) -> _crypto.KeySource:
    if not isinstance(key, (str, bytes, bytearray)):
        raise ConfigurationError(f"a password must be str or bytes, not {type(key).__name__}")
    if not key:
        raise ConfigurationError("a password must not be empty")
    if not isinstance(key, str):
        return _crypto.RawKey(bytes(key))
    if not _is_unicode(key):
        raise ConfigurationError("a password must be valid Unicode: it has a lone surrogate")
    return _crypto.PasswordKey(key)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _require_key_fit(key: _crypto.KeySource, options: KeyOptions, use: str, *, exact: bool) -> None:
    if key.salted:
        if key.length < options.min_password_length:
            raise ConfigurationError(
                f"the {use} password has {key.length} characters and needs at least "
                f"{options.min_password_length}: make one with `iron-session generate-password`"
            )
    elif key.length < options.key_bytes or (exact and key.length > options.key_bytes):
        # Both JavaScript packages fail on a longer encryption key too, only later.
        exactly = "exactly" if exact else "at least"
        raise ConfigurationError(
            f"the {use} key has {key.length} bytes and {options.algorithm} needs {exactly} "
            f"{options.key_bytes}"
        )


# --- sealing ---------------------------------------------------------------------------------


def seal(data: Any, password: Key | Secret, options: SealOptions = DEFAULTS) -> str:
    """Encrypt and sign data as one Fe26.2 text, safe in a cookie or a URL.

    Args:
        data: any JSON value, or whatever `options.encode` takes.
        password: text of at least `min_password_length`, the bytes of a key, or a `Secret`.
        options: see `SealOptions`.

    Raises:
        ConfigurationError: a password too short, or a key of the wrong size.
        NotSerializableError: data that can't be written; the message names the path.
    """
    secret = _as_secret(password)
    secret.require_fit(options)
    expires = _time.now_ms() + options.offset_ms + options.ttl_ms if options.ttl_ms else None
    if expires is not None and expires <= 0:
        raise ConfigurationError("localtime_offset lies before 1970: no reader takes such a seal")
    return seal_bytes(_encode(data, options), secret, options, expires)


def _as_secret(password: object) -> Secret:
    if isinstance(password, Secret):
        return password
    return Secret("", password)  # type: ignore[arg-type]  # Secret checks the type itself


def _encode(data: Any, options: SealOptions) -> bytes:
    if options.encode is None:
        return _json.encode(data, "data")
    text = options.encode(data)
    if not isinstance(text, str) or not _is_unicode(text):
        raise NotSerializableError("data", "was encoded to something that is not Unicode text")
    return text.encode("utf-8")


def seal_bytes(
    plaintext: bytes,
    secret: Secret,
    options: SealOptions,
    expires: int | None,
    random_bytes: Callable[[int], bytes] = _crypto.random_bytes,
) -> str:
    """Seal a plaintext, given the expiration in ms and the source of randomness."""
    encryption, integrity = options.encryption, options.integrity
    # One call for both salts and the iv. A key in bytes takes no salt.
    size = encryption.salt_bits // 8 if secret.encryption_key.salted else 0
    both = size + integrity.salt_bits // 8 if secret.integrity_key.salted else size
    randomness = random_bytes(both + _crypto.IV_BYTES)
    hexadecimal, iv = randomness.hex(), randomness[both:]
    salt, mac_salt = hexadecimal[: 2 * size], hexadecimal[2 * size : 2 * both]

    # The salt of PBKDF2 is the hex text, not the bytes that it stands for.
    key = secret.encryption_key.derive(salt.encode(), encryption.key_bytes, encryption.iterations)
    ciphertext = base64url_encode(_crypto.encrypt(encryption.algorithm, key, iv, plaintext))
    expiration = "" if expires is None else expires
    signed = f"{PREFIX}*{secret.id}*{salt}*{base64url_encode(iv)}*{ciphertext}*{expiration}"
    return f"{signed}*{mac_salt}*{_mac(signed, secret, options, mac_salt)}"


def _mac(signed: str, secret: Secret, options: SealOptions, salt: str) -> str:
    integrity = options.integrity
    key = secret.integrity_key.derive(salt.encode(), integrity.key_bytes, integrity.iterations)
    return base64url_encode(_crypto.hmac_sha256(key, signed.encode()))


# --- unsealing -------------------------------------------------------------------------------


def unseal(
    text: str,
    password: Key | Secret | Mapping[str, Key | Secret],
    options: SealOptions = DEFAULTS,
) -> Any:
    """Verify and decrypt an Fe26.2 text.

    Args:
        text: what `seal`, @hapi/iron or iron-webcrypto made.
        password: one password, which opens a seal whatever id that names, or a mapping of ids to
            passwords, in which `"default"` stands for a seal without an id.
        options: the ones that the seal was made with.

    Raises:
        UnsealError: the text is not a seal, has expired, or none of these passwords made it.
        ConfigurationError: a password too short, or a key of the wrong size.
    """
    secrets = _as_secrets(password, options)
    opened = open_seal(text, secrets, options, _time.now_ms() + options.offset_ms)
    return _decode(opened.plaintext, options)


Secrets: TypeAlias = "Secret | Mapping[str, Secret]"


def _as_secrets(password: object, options: SealOptions) -> Secrets:
    if not isinstance(password, Mapping):
        secret = _as_secret(password)
        secret.require_fit(options)
        return secret
    if not password:
        raise ConfigurationError("the mapping of passwords is empty")
    if not all(isinstance(id_, str) for id_ in password):
        raise ConfigurationError('password ids are text, as they stand in a seal: {"1": …}')
    # All are checked, not only the one that the text names: the text must not choose the error.
    secrets = {id_: _as_secret(value) for id_, value in password.items()}
    for secret in secrets.values():
        secret.require_fit(options)
    return secrets


class OpenedSeal(NamedTuple):
    """An authentic seal's content: plaintext, id of the password, expiration in ms or None."""

    plaintext: bytes
    password_id: str
    expires: int | None


class _Parts(NamedTuple):
    password_id: str
    salt: str
    iv: str
    ciphertext: str
    expiration: str
    mac_salt: str
    mac: str
    signed: str


def open_seal(text: str, secrets: Secrets, options: SealOptions, now: int) -> OpenedSeal:
    """Verify and decrypt a seal at the time `now` (in ms), in @hapi/iron's order of steps."""
    parts = _split(text)
    expires = _check_expiration(parts, options, now)
    secret = _pick_secret(parts, secrets)
    _verify(parts, secret, options)
    return OpenedSeal(_decrypt(parts, secret, options), parts.password_id, expires)


def _split(text: str) -> _Parts:
    if not isinstance(text, str):
        raise ConfigurationError(f"a seal is a str, not {type(text).__name__}")
    pieces = text.split("*", 8)  # one more than there may be: a text of stars stays cheap
    if len(pieces) != 8 or pieces[0] != PREFIX or not text.isascii():
        raise UnsealError("not a seal: it does not have the eight parts of Fe26.2")
    _, password_id, salt, iv, ciphertext, expiration, mac_salt, mac = pieces
    signed = text[: -(len(mac_salt) + len(mac) + 2)]
    return _Parts(password_id, salt, iv, ciphertext, expiration, mac_salt, mac, signed)


def claimed_expiration(text: str) -> int | None:
    """Read, in ms, when a text says that it expires; None if it does not. Not authenticated."""
    try:
        expiration = _split(text).expiration
    except UnsealError:
        return None
    return int(expiration) if _EXPIRATION.fullmatch(expiration) else None


def _check_expiration(parts: _Parts, options: SealOptions, now: int) -> int | None:
    expiration = parts.expiration
    if not expiration:
        return None
    if not _EXPIRATION.fullmatch(expiration):  # a leading zero too: iron-webcrypto's rule
        raise _failure("not a seal: its expiration is not a number", "invalid", parts)
    expires = int(expiration)
    if expires <= now - options.skew_ms:
        raise _failure("the seal has expired", "expired", parts)
    return expires


def _pick_secret(parts: _Parts, secrets: Secrets) -> Secret:
    if isinstance(secrets, Secret):
        return secrets
    secret = secrets.get(parts.password_id or "default")
    if secret is None:
        raise _failure("the seal names a password that is not known", "unknown-password", parts)
    return secret


def _verify(parts: _Parts, secret: Secret, options: SealOptions) -> None:
    unsalted = _lacks_salt(secret.integrity_key, parts.mac_salt) or _lacks_salt(
        secret.encryption_key, parts.salt
    )
    # The texts are compared, not the bytes: padding, `+` and spare bits make no second spelling.
    if unsalted or not _crypto.equal(
        _mac(parts.signed, secret, options, parts.mac_salt), parts.mac
    ):
        raise _failure("the seal was changed, or made with another password", "invalid", parts)


def _lacks_salt(key: _crypto.KeySource, salt: str) -> bool:
    """Tell of a text password without a salt: @hapi/iron would make one, and never open it."""
    return key.salted and not salt


def _decrypt(parts: _Parts, secret: Secret, options: SealOptions) -> bytes:
    encryption = options.encryption
    key = secret.encryption_key.derive(
        parts.salt.encode(), encryption.key_bytes, encryption.iterations
    )
    try:
        iv, ciphertext = base64url_decode(parts.iv), base64url_decode(parts.ciphertext)
        return _crypto.decrypt(encryption.algorithm, key, iv, ciphertext)
    except ValueError:
        pass  # and raise outside this block: the error's traceback leads to the key
    raise _failure("the seal can't be decrypted", "invalid", parts)


def _failure(
    message: str, reason: Literal["expired", "unknown-password", "invalid"], parts: _Parts
) -> UnsealError:
    id_ = parts.password_id
    # The id is anybody's text: it is passed on to logs only where it has the form of one.
    told = id_ if len(id_) <= _LONGEST_ID_TOLD and _PASSWORD_ID.fullmatch(id_) else None
    return UnsealError(message, reason=reason, password_id=told)


def _decode(plaintext: bytes, options: SealOptions) -> Any:
    if options.decode is None:
        return decode_json(plaintext)
    return options.decode(_decode_text(plaintext))


def _decode_text(plaintext: bytes) -> str:
    try:
        return plaintext.decode("utf-8")
    except UnicodeDecodeError:
        pass  # and raise outside this block: the decoder's error holds the whole plaintext
    raise UnsealError("the seal's content is not UTF-8")


def decode_json(plaintext: bytes) -> Any:
    """Read a seal's content; UnsealError if it is not JSON."""
    try:
        return _json.decode(plaintext)
    except (ValueError, RecursionError):
        pass  # and raise outside this block, as above
    raise UnsealError("the seal's content is not JSON")
