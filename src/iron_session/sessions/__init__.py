"""Sessions: cookies ⇄ session. Independent of frameworks."""

from iron_session.sessions.cookie_text import SetCookie
from iron_session.sessions.events import Unsealed, UnsealFailure
from iron_session.sessions.flashes import Flash
from iron_session.sessions.jar import CookieJar, HeaderJar
from iron_session.sessions.options import CookieOptions, SessionOptions
from iron_session.sessions.session import Session, get_iron_session

__all__ = [
    "CookieJar",
    "CookieOptions",
    "Flash",
    "HeaderJar",
    "Session",
    "SessionOptions",
    "SetCookie",
    "UnsealFailure",
    "Unsealed",
    "get_iron_session",
]
