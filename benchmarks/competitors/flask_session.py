"""What Flask's session interface does to a session: tagged JSON, compressed, and a signature."""

from importlib.metadata import version
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from benchmarks.sample import PASSWORD, TTL

NAME = "Flask's session (signs only)"
VERSION = version("flask")

_app = Flask(__name__)
_app.secret_key = PASSWORD
_found = SecureCookieSessionInterface().get_signing_serializer(_app)
assert _found is not None
_serializer = _found


def seal(data: dict[str, Any]) -> str:
    text = _serializer.dumps(data)
    assert isinstance(text, str)
    return text


def unseal(text: str) -> Any:
    return _serializer.loads(text, max_age=TTL)
