"""Ours: a whole session, from its data to Set-Cookie, and from the Cookie header back."""

from dataclasses import replace
from importlib.metadata import version
from typing import Any

from benchmarks.sample import PASSWORD
from iron_session import HeaderJar, SessionOptions, get_iron_session

NAME = "iron-session: session"
VERSION = version("iron-session")
OPTIONS = SessionOptions(password=PASSWORD, cookie_name="session")
CHUNKED = replace(OPTIONS, chunk=True)  # the largest sample needs several cookies


def seal(data: dict[str, Any]) -> str:
    """Return the cookies as `name=value; …`, as the browser sends them back."""
    jar = HeaderJar()
    session = get_iron_session(jar, CHUNKED)
    session.update(data)
    session.save()
    return "; ".join(header.partition(";")[0] for header in jar.set_cookie_headers)


def unseal(text: str) -> Any:
    return dict(get_iron_session(HeaderJar(text), CHUNKED))
