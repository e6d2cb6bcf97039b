"""WSGI without a framework: an app of one function, which has no session of its own."""

from collections.abc import Callable, Iterable
from platform import python_version
from typing import TYPE_CHECKING, Any

from benchmarks.competitors.session import OPTIONS
from benchmarks.gateways import wsgi
from benchmarks.sample import BODY, DATA
from benchmarks.visits import FLOOR, OURS, OWN
from iron_session.integrations.wsgi import IronSessionMiddleware, get_session

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

NAME = "WSGI, no framework"
VERSION = python_version()
OWN_SESSION = ""
OWN_WRITES = frozenset[str]()
WAYS = {"called": wsgi}


def make_app(session: str) -> "WSGIApplication | None":
    if session == OWN:
        return None
    if session == OURS:
        return IronSessionMiddleware(answer, OPTIONS)
    return wraps_start(answer) if session == FLOOR else answer


def wraps_start(app: "WSGIApplication") -> "WSGIApplication":
    def wrapping(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        def wrapped(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            return start(status, headers, exc_info)

        return app(environ, wrapped)

    return wrapping


def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    text = PAGES[environ["PATH_INFO"]](environ)
    start("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]


def untouched(environ: "WSGIEnvironment") -> str:
    return BODY


def read(environ: "WSGIEnvironment") -> str:
    return f"{get_session(environ)['visits']} visits"


def modified(environ: "WSGIEnvironment") -> str:
    get_session(environ)["visits"] += 1
    return BODY


def fill(environ: "WSGIEnvironment") -> str:
    get_session(environ).update(DATA)
    return BODY


PAGES = {f"/{page.__name__}": page for page in (untouched, read, modified, fill)}
