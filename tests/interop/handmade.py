"""Seals made by hand from the primitives, so that any part of them can be wrong on purpose."""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

ENCRYPTION_SALT = "0" * 64
MAC_SALT = "f" * 64


def base64url(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def derived_key(password: str, salt: str) -> bytes:
    """Derive the 32 bytes that Fe26.2 uses with one iteration."""
    return hashlib.pbkdf2_hmac("sha1", password.encode(), salt.encode(), 1, 32)


@dataclass(frozen=True)
class HandmadeSeal:
    """A Fe26.2 seal with a right mac over whatever parts it is given."""

    password: str
    plaintext: bytes = b'{"a":1}'
    id: str = ""
    expiration: str = ""
    prefix: str = "Fe26.2"
    iv: bytes = bytes(16)

    @property
    def authenticated(self) -> str:
        """The text that the mac covers."""
        return "*".join(
            [
                self.prefix,
                self.id,
                ENCRYPTION_SALT,
                base64url(self.iv),
                base64url(self._ciphertext),
                self.expiration,
            ]
        )

    @property
    def mac(self) -> str:
        """The mac of this seal."""
        key = derived_key(self.password, MAC_SALT)
        return base64url(hmac.digest(key, self.authenticated.encode(), "sha256"))

    @property
    def text(self) -> str:
        """The seal."""
        return self.with_mac(self.mac)

    def with_mac(self, mac: str) -> str:
        """Give the seal with another mac in the place of its own."""
        return f"{self.authenticated}*{MAC_SALT}*{mac}"

    @property
    def _ciphertext(self) -> bytes:
        padder = PKCS7(128).padder()
        padded = padder.update(self.plaintext) + padder.finalize()
        key = derived_key(self.password, ENCRYPTION_SALT)
        encryptor = Cipher(algorithms.AES256(key), modes.CBC(self.iv)).encryptor()
        return encryptor.update(padded) + encryptor.finalize()
