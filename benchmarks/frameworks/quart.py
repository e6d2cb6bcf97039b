"""Quart."""

from importlib.metadata import version
from typing import Any

from quart import Quart, session
from quart.sessions import SecureCookieSession, SecureCookieSessionInterface

from benchmarks.competitors.session import OPTIONS
from benchmarks.gateways import asgi, uvicorn
from benchmarks.sample import BODY, DATA, PASSWORD
from benchmarks.visits import FLOOR, OURS, OWN
from iron_session.integrations.quart import IronSessionInterface

NAME = "Quart"
VERSION = version("quart")
OWN_SESSION = "its SecureCookieSessionInterface, which signs"
OWN_WRITES = frozenset({"modified"})
WAYS = {"called": asgi, "by uvicorn": uvicorn}


class Nothing(SecureCookieSessionInterface):
    """The least that an interface does."""

    async def open_session(self, app: Quart, request: Any) -> SecureCookieSession:
        return SecureCookieSession()

    async def save_session(self, app: Quart, session: Any, response: Any) -> None:
        """Write nothing."""


def make_app(whose: str) -> Quart:
    app = Quart(__name__)
    if whose == FLOOR:
        app.session_interface = Nothing()
    elif whose == OURS:
        app.session_interface = IronSessionInterface(OPTIONS)
    elif whose == OWN:
        app.config.update(SECRET_KEY=PASSWORD, SESSION_COOKIE_SECURE=True)
    for page in (untouched, read, modified, fill):
        app.add_url_rule(f"/{page.__name__}", view_func=page)
    return app


async def untouched() -> str:
    return BODY


async def read() -> str:
    return f"{session['visits']} visits"


async def modified() -> str:
    session["visits"] += 1
    return BODY


async def fill() -> str:
    session.update(DATA)
    return BODY
