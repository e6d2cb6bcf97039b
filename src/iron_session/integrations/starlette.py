"""Starlette: `request.session`, or a session by hand.

app.add_middleware(IronSessionMiddleware, options=options)      # then: request.session

session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

import inspect
from typing import Any, Final

try:
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
except ModuleNotFoundError as _cause:
    raise ImportError(
        "iron_session.integrations.starlette needs Starlette: pip install starlette"
    ) from _cause

from iron_session.doors.connections import Connection
from iron_session.doors.requests import find_session
from iron_session.errors import IronSessionError
from iron_session.integrations import asgi
from iron_session.sessions.options import SessionOptions, T
from iron_session.sessions.session import Session

__all__ = ["IronSessionMiddleware", "get_iron_session", "get_session"]

_ADD_MIDDLEWARE: Final = "app.add_middleware(IronSessionMiddleware, options=options)"


class IronSessionMiddleware(asgi.IronSessionMiddleware):
    """The gateway, which also asks the application's own exception handlers.

    A session that can't be written (`CookieTooLargeError`, say) is noticed when the response
    starts, which is too late for Starlette to call the handler that is registered for it.
    """

    async def answer_failure(
        self, failure: IronSessionError, connection: Connection, receive: asgi.Receive
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


def _find_handler(connection: Connection, failure: IronSessionError) -> Any:
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


def get_session(connection: HTTPConnection, *, key: str = "session") -> Session:
    """Give the middleware's session: `request.session`, with its type known to type checkers.

    Args:
        connection: a Request or a WebSocket.
        key: the one that the middleware was given.

    Raises:
        ConfigurationError: the middleware is not installed.
    """
    return find_session(connection.scope, key, _ADD_MIDDLEWARE)


def get_iron_session(
    connection: HTTPConnection, response: Response, options: SessionOptions[T]
) -> Session[T]:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    Args:
        connection: a Request or a WebSocket.
        response: the response that will be returned; in FastAPI also the injected one.
        options: built once, at import time.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or the middleware serves this
            cookie already: of two sessions in one request, the one could undo the other's logout.
    """
    return asgi.get_iron_session(connection.scope, response.headers.raw, options)
