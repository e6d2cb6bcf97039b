"""The same seal in straightforward code, to compare our own code with."""

import base64
import hashlib
import hmac
import json
import os
import platform
import time
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from benchmarks.sample import PASSWORD, TTL

NAME = "straightforward code"
VERSION = platform.python_version()

_padding = PKCS7(128)


def _key(salt: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), salt.encode(), 1, 32)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _mac(signed: str, salt: str) -> str:
    return _encode(hmac.digest(_key(salt), signed.encode(), "sha256"))


def seal(data: dict[str, Any]) -> str:
    salt, mac_salt, iv = os.urandom(32).hex(), os.urandom(32).hex(), os.urandom(16)
    padder = _padding.padder()
    plaintext = json.dumps(data, separators=(",", ":")).encode()
    padded = padder.update(plaintext) + padder.finalize()
    encryptor = Cipher(AES(_key(salt)), CBC(iv)).encryptor()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    expires = int(time.time() * 1000) + TTL * 1000
    signed = f"Fe26.2*1*{salt}*{_encode(iv)}*{_encode(ciphertext)}*{expires}"
    return f"{signed}*{mac_salt}*{_mac(signed, mac_salt)}~2"


def unseal(text: str) -> Any:
    signed, mac_salt, mac = text.removesuffix("~2").rsplit("*", 2)
    if not hmac.compare_digest(_mac(signed, mac_salt), mac):
        raise ValueError("changed")
    _prefix, _id, salt, iv, ciphertext, expires = signed.split("*")
    if int(expires) < time.time() * 1000:
        raise ValueError("expired")
    decryptor = Cipher(AES(_key(salt)), CBC(_decode(iv))).decryptor()
    unpadder = _padding.unpadder()
    padded = decryptor.update(_decode(ciphertext)) + decryptor.finalize()
    return json.loads(unpadder.update(padded) + unpadder.finalize())
