"""Keys, macs and ciphers: the only file that uses hashlib, cryptography and the native core.

PBKDF2 with its usual one iteration, and HMAC-SHA256, are built here from smaller public parts
instead of being called whole. The reason is the GIL: `hashlib.pbkdf2_hmac` and `hmac.digest`
release it at every call. While another thread is busy, each call then waits for a whole switch
interval (5 ms) to get it back. In a threaded server a seal may so take a hundred times as long.
cryptography's `HMAC` keeps the GIL, and so do `hashlib` objects for up to 2047 bytes. The
tests compare both with the standard library's own functions.
"""

from __future__ import annotations

import hashlib
import os
from hmac import compare_digest
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.hmac import HMAC

from iron_session import _speedups

__all__ = [
    "BLOCK_BYTES",
    "CIPHERS",
    "IV_BYTES",
    "MAC_KEY_BYTES",
    "KeySource",
    "PasswordKey",
    "RawKey",
    "begin_fingerprint",
    "decrypt",
    "encrypt",
    "equal",
    "hmac_sha256",
    "random_bytes",
]

BLOCK_BYTES = 16
IV_BYTES = 16
MAC_KEY_BYTES = 32

random_bytes = os.urandom
equal = compare_digest
"""Compare two ASCII texts, or bytes, in a time that depends only on their lengths."""


def begin_fingerprint(data: bytes) -> hashlib.blake2b:
    """Begin BLAKE2b (RFC 7693) of some data, 16 bytes of it; copies can go on with more."""
    return hashlib.blake2b(data, digest_size=16)


_IPAD = bytes(byte ^ 0x36 for byte in range(256))
_OPAD = bytes(byte ^ 0x5C for byte in range(256))
_HASH_BLOCK = 64  # of SHA-256, in bytes


class KeySource(Protocol):
    """What a key is derived from: a password, or the key itself."""

    salted: bool
    length: int
    native: _speedups.NativeKey | None  # the same password in the native core, if there is one

    def derive(self, salt: bytes, size: int, iterations: int) -> bytes:
        """Make the key of `size` bytes for this salt."""
        ...


# PBKDF2 makes a key in blocks, which it numbers: two are enough for every key of a seal.
_DERIVED_BLOCK = 20  # of SHA-1, in bytes
_FIRST, _SECOND = b"\0\0\0\1", b"\0\0\0\2"


class PasswordKey:
    """A text password, from which PBKDF2-HMAC-SHA1 makes a key for each salt (RFC 8018, 5.2).

    HMAC's initial state depends only on the password, so it is made once and copied for every seal.
    """

    __slots__ = ("_hmac", "_password", "length", "native")

    salted = True

    def __init__(self, password: str) -> None:
        # In UTF-16 units, as JavaScript counts: the minimum length must be the same there.
        self.length = len(password.encode("utf-16-le")) // 2
        self._password = password.encode("utf-8")
        # SHA-1 is the format's choice; inside HMAC its known weaknesses do not apply.
        self._hmac = HMAC(self._password, SHA1())  # noqa: S303 - the format's choice, harmless inside HMAC
        self.native: _speedups.NativeKey | None = (
            _speedups.core.key(password) if _speedups.core else None
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PasswordKey) and equal(self._password, other._password)

    def __hash__(self) -> int:
        return hash(PasswordKey)  # it reveals nothing of the password

    def derive(self, salt: bytes, size: int, iterations: int) -> bytes:
        """Make the key of `size` bytes (at most 40) for this salt."""
        if iterations != 1:
            return hashlib.pbkdf2_hmac("sha1", self._password, salt, iterations, size)
        first = self._hmac.copy()
        first.update(salt + _FIRST)
        if size <= _DERIVED_BLOCK:
            return first.finalize()[:size]
        second = self._hmac.copy()
        second.update(salt + _SECOND)
        return (first.finalize() + second.finalize())[:size]


class RawKey:
    """A key given as bytes: used as it is, without a salt."""

    __slots__ = ("_key", "length")

    salted = False
    native: _speedups.NativeKey | None = None

    def __init__(self, key: bytes) -> None:
        self.length = len(key)
        self._key = key

    def derive(self, salt: bytes, size: int, iterations: int) -> bytes:
        """Return the key: its size was checked against the options before."""
        return self._key


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Compute HMAC-SHA256 (RFC 2104)."""
    if len(key) > _HASH_BLOCK:
        key = hashlib.sha256(key).digest()
    block = key.ljust(_HASH_BLOCK, b"\0")
    inner = hashlib.sha256(block.translate(_IPAD) + message).digest()
    return hashlib.sha256(block.translate(_OPAD) + inner).digest()


class _CipherKind(NamedTuple):
    key_bytes: int
    mode: type[CBC] | type[CTR]
    padded: bool


CIPHERS = {
    "aes-256-cbc": _CipherKind(key_bytes=32, mode=CBC, padded=True),
    "aes-128-ctr": _CipherKind(key_bytes=16, mode=CTR, padded=False),
}


def encrypt(algorithm: str, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """Encrypt with one of `CIPHERS`, with PKCS#7 padding where the mode needs it."""
    kind = CIPHERS[algorithm]
    if kind.padded:
        missing = 16 - len(plaintext) % 16
        plaintext += bytes((missing,)) * missing
    context = Cipher(AES(key), kind.mode(iv)).encryptor()
    return context.update(plaintext) + context.finalize()


def decrypt(algorithm: str, key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Undo `encrypt`; raise ValueError if the sizes or the padding are wrong.

    The padding is no oracle: nothing is decrypted before its mac has been verified.
    """
    kind = CIPHERS[algorithm]
    context = Cipher(AES(key), kind.mode(iv)).decryptor()
    padded = context.update(ciphertext) + context.finalize()
    if not kind.padded:
        return padded
    count = padded[-1] if padded else 0
    if not 1 <= count <= BLOCK_BYTES or padded[-count:] != bytes((count,)) * count:
        raise ValueError("wrong padding")
    return padded[:-count]
