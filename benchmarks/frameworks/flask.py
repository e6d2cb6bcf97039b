"""Flask."""

from importlib.metadata import version
from typing import Any

from flask import Flask, session
from flask.sessions import SecureCookieSession, SessionInterface

from benchmarks.competitors.session import OPTIONS
from benchmarks.gateways import wsgi
from benchmarks.sample import BODY, DATA, PASSWORD
from benchmarks.visits import FLOOR, OURS, OWN
from iron_session.integrations.flask import IronSessionInterface

NAME = "Flask"
VERSION = version("flask")
OWN_SESSION = "its SecureCookieSessionInterface, which signs"
OWN_WRITES = frozenset({"modified"})
WAYS = {"called": wsgi}


class Nothing(SessionInterface):
    """The least that an interface does."""

    def open_session(self, app: Flask, request: Any) -> SecureCookieSession:
        return SecureCookieSession()

    def save_session(self, app: Flask, session: Any, response: Any) -> None:
        """Write nothing."""


def make_app(whose: str) -> Flask:
    app = Flask(__name__)
    if whose == FLOOR:
        app.session_interface = Nothing()
    elif whose == OURS:
        app.session_interface = IronSessionInterface(OPTIONS)
    elif whose == OWN:
        app.config.update(SECRET_KEY=PASSWORD, SESSION_COOKIE_SECURE=True)
    for page in (untouched, read, modified, fill):
        app.add_url_rule(f"/{page.__name__}", view_func=page)
    return app


def untouched() -> str:
    return BODY


def read() -> str:
    return f"{session['visits']} visits"


def modified() -> str:
    session["visits"] += 1
    return BODY


def fill() -> str:
    session.update(DATA)
    return BODY
