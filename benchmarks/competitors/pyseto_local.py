"""pyseto: an encrypted token (PASETO v4.local) over JSON."""

import json
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from pyseto import Key, Paseto

from benchmarks.sample import PASSWORD, TTL

NAME = "pyseto v4.local"
VERSION = version("pyseto")

_key = Key.new(version=4, purpose="local", key=sha256(PASSWORD.encode()).digest())
_paseto = Paseto.new(exp=TTL)


def seal(data: dict[str, Any]) -> str:
    return _paseto.encode(_key, {"data": data}, serializer=json).decode()


def unseal(text: str) -> Any:
    payload = _paseto.decode(_key, text, deserializer=json).payload
    assert isinstance(payload, dict)
    return payload["data"]
