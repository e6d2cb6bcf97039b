"""Keys, macs and ciphers: the only file that touches hashlib and cryptography.

PBKDF2 with its usual one iteration, and HMAC-SHA256, are put together here from smaller public
parts instead of being called whole. The reason is the GIL: `hashlib.pbkdf2_hmac` and `hmac.digest`
release it at every call, and beside one busy thread each call then waits for a whole switch
interval (5 ms) to get it back, so that in a threaded server a seal may take a hundred times as
long. cryptography's `HMAC` keeps the GIL, and so do `hashlib` objects for up to 2047 bytes. The
tests hold both against the standard library's own functions.
"""

from __future__ import annotations

import hashlib
import os
from hmac import compare_digest
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.hmac import HMAC

__all__ = [
    "CIPHERS",
    "IV_BYTES",
    "MAC_KEY_BYTES",
    "KeySource",
    "PasswordKey",
    "RawKey",
    "decrypt",
    "encrypt",
    "equal",
    "hmac_sha256",
    "random_bytes",
]

IV_BYTES = 16
MAC_KEY_BYTES = 32

random_bytes = os.urandom
equal = compare_digest
"""Compare two ASCII texts, or bytes, in a time that depends on their lengths only."""

_IPAD = bytes(byte ^ 0x36 for byte in range(256))
_OPAD = bytes(byte ^ 0x5C for byte in range(256))
_HASH_BLOCK = 64  # of SHA-256, in bytes
_SHA1_BYTES = 20


class KeySource(Protocol):
    """What a key comes from: a password, or a key itself."""

    salted: bool
    length: int

    def derive(self, salt: bytes, size: int, iterations: int) -> bytes:
        """Make the key of `size` bytes for this salt."""
        ...


class PasswordKey:
    """A text password, from which PBKDF2-HMAC-SHA1 makes a key for each salt (RFC 8018, 5.2).

    The state that HMAC starts from depends on the password alone, so it is made once and copied for
    every seal.
    """

    __slots__ = ("_hmac", "_password", "length")

    salted = True

    def __init__(self, password: str) -> None:
        # JavaScript counts UTF-16 units, and the minimum length is agreed with it.
        self.length = len(password.encode("utf-16-le")) // 2
        self._password = password.encode("utf-8")
        # SHA-1 is the format's choice; inside HMAC its known weaknesses do not apply.
        self._hmac = HMAC(self._password, SHA1())  # noqa: S303 - the format's choice, harmless inside HMAC

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PasswordKey) and equal(self._password, other._password)

    def __hash__(self) -> int:
        return hash(PasswordKey)  # nothing of the password shows in it

    def derive(self, salt: bytes, size: int, iterations: int) -> bytes:
        """Make the key of `size` bytes (at most 40) for this salt."""
        if iterations != 1:
            return hashlib.pbkdf2_hmac("sha1", self._password, salt, iterations, size)
        key = self._first_round(salt + b"\0\0\0\1")
        if size > _SHA1_BYTES:
            key += self._first_round(salt + b"\0\0\0\2")
        return key[:size]

    def _first_round(self, salt_and_block: bytes) -> bytes:
        hmac = self._hmac.copy()
        hmac.update(salt_and_block)
        return hmac.finalize()


class RawKey:
    """A key given as bytes: used as it is, without a salt."""

    __slots__ = ("_key", "length")

    salted = False

    def __init__(self, key: bytes) -> None:
        self.length = len(key)
        self._key = key

    def derive(self, salt: bytes, size: int, iterations: int) -> bytes:
        """Give the key back: its size was checked when the options were."""
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
    """Encrypt with one of `CIPHERS`, padding as PKCS#7 where its mode needs it."""
    kind = CIPHERS[algorithm]
    if kind.padded:
        missing = 16 - len(plaintext) % 16
        plaintext += bytes((missing,)) * missing
    return _run(Cipher(AES(key), kind.mode(iv)).encryptor(), plaintext)


def decrypt(algorithm: str, key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Undo `encrypt`; ValueError if the sizes or the padding are wrong.

    The padding is no oracle: nothing is decrypted whose mac has not been verified.
    """
    kind = CIPHERS[algorithm]
    padded = _run(Cipher(AES(key), kind.mode(iv)).decryptor(), ciphertext)
    return _without_padding(padded) if kind.padded else padded


def _run(context: CipherContext, data: bytes) -> bytes:
    return context.update(data) + context.finalize()


def _without_padding(padded: bytes) -> bytes:
    count = padded[-1] if padded else 0
    if not 1 <= count <= 16 or padded[-count:] != bytes((count,)) * count:
        raise ValueError("wrong padding")
    return padded[:-count]
