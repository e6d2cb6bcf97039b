"""aiohttp_session: our session by its `get_session`, beside its own encrypted cookie."""

from importlib.metadata import version

from aiohttp import web

from benchmarks.competitors.session import OPTIONS
from benchmarks.frameworks import aiohttp
from benchmarks.frameworks.aiohttp import OWN_SESSION, OWN_WRITES, WAYS
from benchmarks.visits import OURS
from iron_session.integrations.aiohttp_session import setup

NAME = "aiohttp_session"
VERSION = version("aiohttp-session")

__all__ = ["NAME", "OWN_SESSION", "OWN_WRITES", "VERSION", "WAYS", "make_app"]


def make_app(session: str) -> web.Application:
    if session != OURS:
        return aiohttp.make_app(session)
    app = web.Application()
    setup(app, OPTIONS)
    aiohttp.add_pages(app, aiohttp.OWN_PAGES)
    return app
