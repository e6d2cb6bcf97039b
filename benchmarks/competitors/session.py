"""Ours: a whole session, from its data to Set-Cookie, and from the Cookie header back."""

from importlib.metadata import version
from typing import Any

from benchmarks.sample import PASSWORD
from iron_session import HeaderJar, SessionOptions, get_iron_session

NAME = "iron-session: session"
VERSION = version("iron-session")
OPTIONS = SessionOptions(password=PASSWORD, cookie_name="session")


def seal(data: dict[str, Any]) -> str:
    """Give the cookie as `name=value`, which is how the browser sends it back."""
    jar = HeaderJar()
    session = get_iron_session(jar, OPTIONS)
    session.update(data)
    session.save()
    return jar.set_cookie_headers[0].partition(";")[0]


def unseal(text: str) -> Any:
    return dict(get_iron_session(HeaderJar(text), OPTIONS))
