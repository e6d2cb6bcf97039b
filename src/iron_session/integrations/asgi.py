"""The ASGI gateway: a session in the scope of every HTTP and WebSocket connection.

It needs no framework; Starlette and FastAPI are served by it as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from iron_session.doors.connections import Connection, Message, Scope, Send
from iron_session.doors.headers import RawHeaders
from iron_session.doors.requests import check_not_served, find_session, raw_cookie_header
from iron_session.doors.responses import ResponseJar
from iron_session.errors import IronSessionError, stems_from
from iron_session.sessions import session as core
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

__all__ = [
    "ASGIApp",
    "IronSessionMiddleware",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "get_iron_session",
    "get_session",
]

Receive: TypeAlias = Callable[[], Awaitable[Message]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class IronSessionMiddleware:
    """Give each connection a session, and write it when the response's headers go.

    Args:
        app: the application within.
        options: built once, at import time.
        key: where in the scope the session lies; `"session"` is what Starlette's
            `request.session` reads. A second session takes another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; at a request: the middleware is
            installed twice for one cookie.
    """

    def __init__(self, app: ASGIApp, options: SessionOptions, *, key: str = "session") -> None:
        self.app: ASGIApp = app
        self.options: SessionOptions = check_options(options)
        self.key: str = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application with a session in its scope."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = Connection(scope, self.key, self.options, send)
        try:
            await self.app(scope, receive, connection.send)
        except Exception as error:
            failure = connection.failure
            if failure is None or connection.started or not stems_from(error, failure):
                raise
            await self.answer_failure(failure, connection, receive)
        finally:
            connection.end()

    async def answer_failure(
        self, failure: IronSessionError, connection: Connection, receive: Receive
    ) -> None:
        """Answer a session that could not be written, before anything was sent: raise that."""
        raise failure  # again, for frameworks may have wrapped it on its way


def get_session(scope: Scope, *, key: str = "session") -> Session:
    """Give the middleware's session, with its type known to type checkers.

    Raises:
        ConfigurationError: the middleware is not installed.
    """
    return find_session(scope, key, "app = IronSessionMiddleware(app, options)")


def get_iron_session(
    scope: Scope, headers: list[tuple[bytes, bytes]], options: SessionOptions[T]
) -> Session[T]:
    """Give the session of a connection; only its `save()` and `destroy()` write, to these headers.

    Args:
        scope: the connection's.
        headers: the list that the message which starts the response will carry.
        options: built once, at import time.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or the middleware serves this
            cookie already: of two sessions in one request, the one could undo the other's logout.
    """
    check_not_served(scope, options)
    received = scope["headers"]
    jar = ResponseJar(lambda: raw_cookie_header(received), RawHeaders(headers))
    return core.get_iron_session(jar, options)
