"""Fernet of the cryptography package, over JSON: the reference for all others."""

import base64
import json
from hashlib import sha256
from typing import Any

import cryptography
from cryptography.fernet import Fernet

from benchmarks.sample import PASSWORD, TTL

NAME = "Fernet + json"
VERSION = cryptography.__version__

_fernet = Fernet(base64.urlsafe_b64encode(sha256(PASSWORD.encode()).digest()))


def seal(data: dict[str, Any]) -> str:
    return _fernet.encrypt(json.dumps(data).encode()).decode()


def unseal(text: str) -> Any:
    return json.loads(_fernet.decrypt(text, ttl=TTL))
