"""Starlette, with seals kept: the session that was read last is not decrypted again."""

from dataclasses import replace

from starlette.applications import Starlette
from starlette.middleware import Middleware

from benchmarks.competitors.session import OPTIONS
from benchmarks.frameworks import starlette
from benchmarks.frameworks.starlette import OWN_SESSION, OWN_WRITES, VERSION
from benchmarks.gateways import asgi
from benchmarks.visits import OURS
from iron_session.integrations.starlette import IronSessionMiddleware

__all__ = ["NAME", "OWN_SESSION", "OWN_WRITES", "VERSION", "WAYS", "make_app"]

NAME = "Starlette, seals kept"
WAYS = {"called": asgi}

KEEPING = replace(OPTIONS, keep_opened=1024)


def make_app(session: str) -> Starlette:
    if session != OURS:
        return starlette.make_app(session)
    middleware = Middleware(IronSessionMiddleware, options=KEEPING)
    return Starlette(routes=starlette.ROUTES, middleware=[middleware])
