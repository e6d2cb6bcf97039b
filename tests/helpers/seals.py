"""Seals made without this package, what an error gives away, and what stores open."""

import base64
import hashlib
import hmac
import traceback
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.padding import PKCS7

from iron_session.seals import kept
from iron_session.seals.iron import open_seal

PASSWORD = "the_password_of_these_tests_protects_nothing"
OTHER = "another_password_of_at_least_32_characters!!"

# What the seals that Node.js made hold.
NODE_DATA: dict[str, Any] = {
    "user": {"id": 1, "name": "Zoë 日本 😀"},
    "lone": "\ud800",
    "line": "\u2028",
    "admin": False,
    "none": None,
    "list": [1, -2.5, []],
}


def base64url(raw: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def pkcs7(raw: bytes) -> bytes:
    """Pad to whole blocks of AES."""
    padder = PKCS7(128).padder()
    return padder.update(raw) + padder.finalize()


def aes_cbc(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    """Encrypt whole blocks, without padding."""
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return encryptor.update(blocks) + encryptor.finalize()


def aes_ctr(key: bytes, iv: bytes, raw: bytes) -> bytes:
    """Encrypt as a stream."""
    encryptor = Cipher(AES(key), CTR(iv)).encryptor()
    return encryptor.update(raw) + encryptor.finalize()


def derived(key: str | bytes, salt: str, size: int, iterations: int) -> bytes:
    """Make a key of a password; a key in bytes is one already."""
    if isinstance(key, bytes):
        return key
    return hashlib.pbkdf2_hmac("sha1", key.encode(), salt.encode(), iterations, size)


@dataclass(frozen=True)
class ByHand:
    """A seal put together by the rules of Fe26.2; its mac is right, whatever the parts are."""

    plaintext: bytes = b'{"a":1}'
    id: str = ""
    expiration: str = ""
    encryption: str | bytes = PASSWORD
    integrity: str | bytes = PASSWORD
    prefix: str = "Fe26.2"
    salt: str = "5a" * 32
    mac_salt: str = "c3" * 32
    iv: bytes = b"initial vector.."
    ctr: bool = False
    iterations: int = 1
    mac_iterations: int = 1
    # Instead of what the plaintext gives: the parts as they stand in the text.
    ciphertext: str | None = None
    iv_text: str | None = None

    @property
    def text(self) -> str:
        """The seal."""
        key = derived(self.integrity, self.mac_salt, 32, self.mac_iterations)
        mac = base64url(hmac.digest(key, self.signed.encode(), "sha256"))
        return f"{self.signed}*{self.mac_salt}*{mac}"

    @property
    def signed(self) -> str:
        """What the mac covers."""
        iv = base64url(self.iv) if self.iv_text is None else self.iv_text
        ciphertext = base64url(self.encrypted) if self.ciphertext is None else self.ciphertext
        parts = [self.prefix, self.id, self.salt, iv, ciphertext, self.expiration]
        return "*".join(parts)

    @property
    def encrypted(self) -> bytes:
        """The ciphertext."""
        key = derived(self.encryption, self.salt, 16 if self.ctr else 32, self.iterations)
        if self.ctr:
            return aes_ctr(key, self.iv, self.plaintext)
        return aes_cbc(key, self.iv, pkcs7(self.plaintext))

    def with_padding(self, padding: bytes) -> str:
        """Return the seal of a plaintext that is padded in another way, with a right mac."""
        key = derived(self.encryption, self.salt, 32, self.iterations)
        ciphertext = base64url(aes_cbc(key, self.iv, self.plaintext + padding))
        return ByHand(ciphertext=ciphertext, id=self.id).text


def told_by(error: BaseException) -> str:
    """Return all that a log or error tracker could print of an error and of its causes."""
    told = traceback.format_exception(error)
    behind: list[BaseException | None] = [error]
    while behind:
        one = behind.pop()
        if one is not None:
            told += [str(one), repr(one), repr(one.args), repr(vars(one))]
            behind += [one.__cause__, one.__context__]
    return "\n".join(told)


def note_opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of the seals that stores verify and decrypt from here on."""
    calls: list[str] = []

    def note_and_open(text: str, *arguments: Any) -> Any:
        calls.append(text)
        return open_seal(text, *arguments)

    monkeypatch.setattr(kept, "open_seal", note_and_open)
    return calls
