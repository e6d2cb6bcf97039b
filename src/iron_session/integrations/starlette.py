"""Starlette: `request.session`, or a session by hand.

app.add_middleware(IronSessionMiddleware, options=options)      # then: request.session

session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

try:
    from starlette.concurrency import run_in_threadpool
    from starlette.datastructures import MutableHeaders
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
except ImportError as _cause:
    raise ImportError(
        "iron_session.integrations.starlette needs Starlette: pip install starlette"
    ) from _cause

from iron_session.errors import ConfigurationError, IronSessionError
from iron_session.integrations import asgi
from iron_session.sessions import SessionOptions, SetCookie
from iron_session.sessions import session as core
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import check_options
from iron_session.sessions.responses import NO_STORE, sets_same_cookie, vary_on_cookie
from iron_session.sessions.session import Session

__all__ = ["IronSessionMiddleware", "get_iron_session", "get_session"]


class IronSessionMiddleware(asgi.IronSessionMiddleware):
    """The gateway, which also asks the application's own exception handlers.

    A session that can't be written (`CookieTooLargeError`, say) is noticed when the response
    starts, which is too late for Starlette to call the handler that is registered for it.
    """

    async def answer_failure(
        self, failure: IronSessionError, connection: asgi.Connection, receive: asgi.Receive
    ) -> None:
        """Send what the application's handler for this error gives, or raise it."""
        handler = _find_handler(connection, failure)
        if handler is None:
            raise failure
        request = Request(connection.scope, receive)
        response = await run_in_threadpool(handler, request, failure)
        if inspect.isawaitable(response):  # of an async handler the thread only made the coroutine
            response = await response
        await response(connection.scope, receive, connection.send)


def _find_handler(connection: asgi.Connection, failure: IronSessionError) -> Any:
    """Look in `app.exception_handlers`, of a mounted application first, then of the outer one.

    In each, the handler for the error's own class goes before those for the classes above it.
    """
    if connection.scope["type"] != "http":
        return None
    kinds = type(failure).__mro__[: type(failure).__mro__.index(IronSessionError) + 1]
    for application in (connection.scope.get("app"), connection.application):
        handlers = getattr(application, "exception_handlers", {})
        for kind in kinds:
            if kind in handlers:
                return handlers[kind]
    return None


def get_session(connection: HTTPConnection, *, scope_key: str = "session") -> Session:
    """Give the middleware's session: `request.session`, with its type known to type checkers.

    Args:
        connection: a Request or a WebSocket.
        scope_key: the one that the middleware was given.

    Raises:
        ConfigurationError: the middleware is not installed.
    """
    session = connection.scope.get(scope_key)
    if not isinstance(session, Session):
        raise ConfigurationError(
            f"there is no session in the scope under {scope_key!r}: add "
            "app.add_middleware(IronSessionMiddleware, options=options)"
        )
    return session


def get_iron_session(
    connection: HTTPConnection, response: Response, options: SessionOptions
) -> Session:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    Args:
        connection: a Request or a WebSocket.
        response: the response that will be returned; in FastAPI also the injected one.
        options: built once, at import time.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or the middleware serves this
            cookie already: of two sessions in one request, the one could undo the other's logout.
    """
    if asgi.overlaps(check_options(options).cookie_name, connection.scope.get(asgi.REGISTRY, ())):
        raise ConfigurationError(
            f"IronSessionMiddleware serves the cookie {options.cookie_name!r} already: use "
            "request.session, or take the middleware away"
        )
    return core.get_iron_session(_ResponseJar(connection, response.headers), options)


class _ResponseJar(HeaderJar):
    """Reads from a request's headers and writes into a response's."""

    __slots__ = ("_headers",)

    def __init__(self, connection: HTTPConnection, headers: MutableHeaders) -> None:
        super().__init__(lambda: asgi.cookie_header(connection.scope["headers"]))
        self._headers = headers

    def read(self, name: str) -> Sequence[str]:
        """Give the cookie's values; from here on the response depends on them."""
        self._vary()
        return super().read(name)

    def write(self, cookie: SetCookie) -> None:
        """Set a cookie on the response at once, in the place of any other of its name."""
        headers = self._headers
        values = headers.getlist("set-cookie")
        del headers["set-cookie"]
        others = [value for value in values if not sets_same_cookie(value, cookie.header)]
        for value in [*others, cookie.header]:
            headers.append("set-cookie", value)
        self._vary()
        headers.setdefault("cache-control", NO_STORE)

    def _vary(self) -> None:
        if (vary := vary_on_cookie(", ".join(self._headers.getlist("vary")))) is not None:
            self._headers["vary"] = vary
