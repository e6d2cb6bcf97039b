"""joserfc: an encrypted token (JWE, a direct key, AES-CBC with HMAC) over JSON."""

import json
import time
from hashlib import sha512
from importlib.metadata import version
from typing import Any

from joserfc import jwe
from joserfc.jwk import OctKey

from benchmarks.sample import PASSWORD, TTL

NAME = "joserfc JWE (A256CBC-HS512)"
VERSION = version("joserfc")

HEADER = {"alg": "dir", "enc": "A256CBC-HS512"}

_key = OctKey.import_key(sha512(PASSWORD.encode()).digest())


def seal(data: dict[str, Any]) -> str:
    claims = {"exp": int(time.time()) + TTL, "data": data}
    return jwe.encrypt_compact(HEADER, json.dumps(claims).encode(), _key)


def unseal(text: str) -> Any:
    plaintext = jwe.decrypt_compact(text, _key).plaintext
    assert plaintext is not None
    claims = json.loads(plaintext)
    if claims["exp"] < time.time():
        raise ValueError("expired")
    return claims["data"]
