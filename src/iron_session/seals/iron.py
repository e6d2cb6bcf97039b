"""The Fe26.2 protocol: what @hapi/iron and iron-webcrypto call `seal` and `unseal`.

    Fe26.2*<password id>*<encryption salt>*<iv>*<ciphertext>*<expiration>*<mac salt>*<mac>

Sources of the rules: @hapi/iron 7.0.1 (`lib/index.js`) and iron-webcrypto 2.0.0. A comment marks
each line where the two differ, or where this reader is stricter than both.

The public functions call two private ones, `seal_bytes` and `open_seal`, which take the time and
the random bytes as arguments, so that every seal can be reproduced byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, NoReturn, Self, TypeAlias

from iron_session import _json, _speedups, _time
from iron_session._frames import guarded, shown
from iron_session.errors import ConfigurationError, NotSerializableError, UnsealError
from iron_session.seals import _crypto
from iron_session.seals._encoding import base64url_decode, base64url_encode

__all__ = ["KeyOptions", "SealOptions", "Secret", "seal", "unseal"]

PREFIX = "Fe26.2"
MIN_PASSWORD_LENGTH = 32

Key: TypeAlias = "str | bytes"
"""A text password, from which keys are derived, or the bytes of a key itself."""

# [0-9] and not \d, fullmatch and not $: in Python \d matches Unicode digits, $ allows a newline.
# JavaScript writes up to 21 digits, and then changes to 1e+21, which no reader accepts.
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
    """All options of @hapi/iron, with its own defaults.

    Args:
        encryption: key and cipher of the ciphertext.
        integrity: key of the mac.
        ttl: life of a new seal, in seconds or as a timedelta; 0 never expires.
        timestamp_skew: how long after its expiration a seal still opens, in seconds or as a
            timedelta, since clocks of machines differ.
        localtime_offset: what to add to this machine's clock, in seconds or as a timedelta; may be
            negative.
        encode: turns data into text; by default JSON, with errors that name the path.
        decode: turns the text back into data; by default strict JSON.

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
    """A base of objects with secrets: a copy is the object itself, and pickling is refused."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return the object itself: frameworks copy the options that hold it."""
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} can't be pickled: that would write secrets out")


class Secret(KeepsSecrets):
    """A password with an id, or separate passwords for encryption and integrity.

    Args:
        id: the id by which a seal names it: ASCII letters, digits and `_`, or empty.
        secret: one password for both uses, as text or as the bytes of a key.
        encryption: instead of `secret`: the password of the ciphertext.
        integrity: instead of `secret`: the password of the mac.

    Raises:
        ConfigurationError: an id of another form, an empty password, or not exactly one of
            `secret` and the pair.
    """

    __slots__ = ("encryption_key", "id", "integrity_key", "native")

    @guarded
    def __init__(
        self,
        id: str = "",
        secret: Key | None = None,
        *,
        encryption: Key | None = None,
        integrity: Key | None = None,
    ) -> None:
        if not isinstance(id, str) or (id and not _PASSWORD_ID.fullmatch(id)):
            raise ConfigurationError(
                "a password's id must be ASCII letters, digits and _, or empty"
            )
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
        # The native core knows only one password for both uses.
        is_one = self.encryption_key is self.integrity_key
        self.native: _speedups.NativeKey | None = self.encryption_key.native if is_one else None

    @shown
    def __repr__(self) -> str:
        return f"Secret(id={self.id!r})"

    def require_fit(self, options: SealOptions) -> None:
        """Raise ConfigurationError if a password is too short, or a key has the wrong size."""
        _require_key_fit(self.encryption_key, options.encryption, "encryption", exact=True)
        _require_key_fit(self.integrity_key, options.integrity, "integrity", exact=False)


def _key_source(key: Key) -> _crypto.KeySource:
    if not isinstance(key, (str, bytes, bytearray)):
        raise ConfigurationError(f"a password must be str or bytes, not {type(key).__name__}")
    if not key:
        raise ConfigurationError("a password must not be empty")
    if not isinstance(key, str):
        return _crypto.RawKey(bytes(key))
    if not _json.is_unicode(key):
        raise ConfigurationError("a password must be valid Unicode: it has a lone surrogate")
    return _crypto.PasswordKey(key)


def _require_key_fit(key: _crypto.KeySource, options: KeyOptions, use: str, *, exact: bool) -> None:
    if key.salted:
        if key.length < options.min_password_length:
            raise ConfigurationError(
                f"the {use} password has {key.length} characters and needs at least "
                f"{options.min_password_length}: make one with `iron-session generate-password`"
            )
    elif key.length < options.key_bytes or (exact and key.length > options.key_bytes):
        # Both JavaScript packages fail on a longer encryption key too, but later.
        exactly = "exactly" if exact else "at least"
        raise ConfigurationError(
            f"the {use} key has {key.length} bytes and {options.algorithm} needs {exactly} "
            f"{options.key_bytes}"
        )


# --- sealing ---------------------------------------------------------------------------------


@guarded
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
        raise ConfigurationError(
            "localtime_offset puts the seal's expiration before 1970: use a larger one"
        )
    return seal_bytes(_encode(data, options), secret, options, expires)


def _as_secret(password: object) -> Secret:
    if isinstance(password, Secret):
        return password
    return Secret("", password)  # type: ignore[arg-type]  # Secret checks the type itself


def _encode(data: Any, options: SealOptions) -> bytes:
    if options.encode is None:
        return _json.encode(data, "data")
    text = options.encode(data)
    if not isinstance(text, str) or not _json.is_unicode(text):
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
    if secret.native and options is DEFAULTS:
        made = _seal_natively(plaintext, secret.native, secret.id, expires, random_bytes)
        if made:
            return made
    encryption, integrity = options.encryption, options.integrity
    # One call for both salts and the iv. A key in bytes needs no salt.
    size = encryption.salt_bits // 8 if secret.encryption_key.salted else 0
    both = size + integrity.salt_bits // 8 if secret.integrity_key.salted else size
    randomness = random_bytes(both + _crypto.IV_BYTES)
    hexadecimal, iv = randomness.hex(), randomness[both:]
    salt, mac_salt = hexadecimal[: 2 * size], hexadecimal[2 * size : 2 * both]

    # PBKDF2 gets the salt as hex text, not as the bytes that it encodes.
    key = secret.encryption_key.derive(salt.encode(), encryption.key_bytes, encryption.iterations)
    ciphertext = base64url_encode(_crypto.encrypt(encryption.algorithm, key, iv, plaintext))
    expiration = "" if expires is None else expires
    signed = f"{PREFIX}*{secret.id}*{salt}*{base64url_encode(iv)}*{ciphertext}*{expiration}"
    return f"{signed}*{mac_salt}*{_mac(signed, secret, integrity, mac_salt)}"


def _seal_natively(
    plaintext: bytes,
    key: _speedups.NativeKey,
    id_: str,
    expires: int | None,
    random_bytes: Callable[[int], bytes],
) -> str | None:
    """Return the same seal, made by the native core; None if it can't."""
    is_usual = random_bytes is _crypto.random_bytes  # the core asks the system itself
    randomness = None if is_usual else random_bytes(_speedups.RANDOM_BYTES)
    return key.seal(plaintext, id_, expires, randomness)


def _mac(signed: str, secret: Secret, options: KeyOptions, salt: str) -> str:
    key = secret.integrity_key.derive(salt.encode(), options.key_bytes, options.iterations)
    return base64url_encode(_crypto.hmac_sha256(key, signed.encode()))


# --- unsealing -------------------------------------------------------------------------------


@guarded
def unseal(
    text: str,
    password: Key | Secret | Mapping[str, Key | Secret],
    options: SealOptions = DEFAULTS,
) -> Any:
    """Verify and decrypt an Fe26.2 text.

    Args:
        text: what `seal`, @hapi/iron or iron-webcrypto made.
        password: one password, which is tried whatever id the seal names, or a mapping of ids to
            passwords, with `"default"` for seals without an id.
        options: those that the seal was made with.

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
    # All are checked, not only the one that the text names: the text must not decide the error.
    secrets = {id_: _as_secret(value) for id_, value in password.items()}
    for secret in secrets.values():
        secret.require_fit(options)
    return secrets


class OpenedSeal(NamedTuple):
    """The content of an authentic seal: plaintext, password id, expiration in ms or None."""

    plaintext: bytes
    password_id: str
    expires: int | None


def open_seal(text: str, secrets: Secrets, options: SealOptions, now: int) -> OpenedSeal:
    """Verify and decrypt a seal at the time `now` (in ms), in @hapi/iron's order of steps."""
    earliest = now - options.skew_ms
    answer = None
    if _speedups.core and options is DEFAULTS:
        answer = _open_natively(text, secrets, earliest)
    if answer:
        return answer
    _, id_, salt, iv, ciphertext, expiration, mac_salt, mac = split_parts(text)
    expires = _read_expiration(expiration, id_) if expiration else None
    if expires is not None and expires <= earliest:
        raise _failure("the seal has expired", "expired", id_)
    secret = secrets if isinstance(secrets, Secret) else secrets.get(id_ or "default")
    if secret is None:
        raise _failure("the seal names a password that is not known", "unknown-password", id_)
    # A password without a salt: @hapi/iron would make one, and then refuse the seal.
    unsalted = (secret.integrity_key.salted and not mac_salt) or (
        secret.encryption_key.salted and not salt
    )
    signed = text[: -(len(mac_salt) + len(mac) + 2)]
    # Compared as text, not as bytes, so that padding, `+` or spare bits allow no second spelling.
    # What the native core found forged is not computed again: garbage must cost less than a seal.
    if (
        unsalted
        or answer is False
        or not _crypto.equal(_mac(signed, secret, options.integrity, mac_salt), mac)
    ):
        raise _failure("the seal was changed, or made with another password", "invalid", id_)
    plaintext = _decrypt(iv, ciphertext, secret, options.encryption, salt)
    if plaintext is None:
        raise _failure("the seal can't be decrypted", "invalid", id_)
    return OpenedSeal(plaintext, id_, expires)


def _open_natively(
    text: str, secrets: Secrets, earliest: int
) -> OpenedSeal | Literal[False] | None:
    """Return what the native core opens, False for a wrong mac; None for all that it can't tell."""
    if not isinstance(text, str) or not text.isascii():
        return None
    id_ = text[len(PREFIX) + 1 : text.find("*", len(PREFIX) + 1)]  # the core checks the prefix
    secret = secrets if isinstance(secrets, Secret) else secrets.get(id_ or "default")
    if secret is None or secret.native is None:
        return None
    answer = secret.native.open(text, earliest)
    return OpenedSeal(answer[0], id_, answer[1]) if answer else answer


def split_parts(text: str) -> list[str]:
    """Return the eight parts of a seal, the mac last; what they are is checked elsewhere."""
    if not isinstance(text, str):
        raise ConfigurationError(f"a seal is a str, not {type(text).__name__}")
    pieces = text.split("*", 8)  # at most one part too many, so a text of stars stays cheap
    if len(pieces) != 8 or pieces[0] != PREFIX or not text.isascii():
        raise UnsealError("not a seal: it does not have the eight parts of Fe26.2")
    return pieces


def claimed_expiration(text: str) -> int | None:
    """Return when a text says that it expires, in ms; None if it does not. Not authenticated."""
    try:
        expiration = split_parts(text)[5]
    except UnsealError:
        return None
    return int(expiration) if _EXPIRATION.fullmatch(expiration) else None


def _read_expiration(expiration: str, password_id: str) -> int:
    if not _EXPIRATION.fullmatch(expiration):  # a leading zero too: iron-webcrypto's rule
        raise _failure("not a seal: its expiration is not a number", "invalid", password_id)
    return int(expiration)


def _decrypt(
    iv: str, ciphertext: str, secret: Secret, options: KeyOptions, salt: str
) -> bytes | None:
    """Return the plaintext; None if the texts are no base64url, or the sizes or padding wrong."""
    key = secret.encryption_key.derive(salt.encode(), options.key_bytes, options.iterations)
    try:
        return _crypto.decrypt(
            options.algorithm, key, base64url_decode(iv), base64url_decode(ciphertext)
        )
    except ValueError:  # its traceback leads to the key
        return None


def _failure(
    message: str, reason: Literal["expired", "unknown-password", "invalid"], password_id: str
) -> UnsealError:
    # Anybody may have written the id: it reaches logs only if it has the form of one.
    is_told = len(password_id) <= _LONGEST_ID_TOLD and _PASSWORD_ID.fullmatch(password_id)
    return UnsealError(message, reason=reason, password_id=password_id if is_told else None)


def _decode(plaintext: bytes, options: SealOptions) -> Any:
    if options.decode is None:
        return decode_json(plaintext)
    return options.decode(_decode_text(plaintext))


def _decode_text(plaintext: bytes) -> str:
    try:
        return plaintext.decode("utf-8")
    except UnicodeDecodeError:
        pass  # raise outside this block: the decoder's error holds the whole plaintext
    raise UnsealError("the seal's content is not UTF-8")


def decode_json(plaintext: bytes) -> Any:
    """Read a seal's content; raise UnsealError if it is not JSON, or has the key `__proto__`."""
    try:
        return _json.decode(plaintext)
    except _json.PrototypeKeyError:
        problem = "has the key __proto__"
    except (ValueError, RecursionError):
        problem = "is not JSON"
    raise UnsealError(f"the seal's content {problem}")  # outside both blocks, as above
