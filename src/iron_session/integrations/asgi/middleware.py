"""ASGI: a session in the scope of every HTTP and WebSocket connection.

It needs no framework; Starlette and FastAPI can use it as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeAlias

from iron_session._frames import clear_frames, guarded
from iron_session.errors import (
    ConfigurationError,
    IronSessionError,
    SessionUnavailableError,
)
from iron_session.http.headers import RawHeaders
from iron_session.http.heads import ScopeHead
from iron_session.http.misuse import explain
from iron_session.http.request import find_session, session_by_hand
from iron_session.http.starting import start_following
from iron_session.integrations.asgi.connection import Connection, Message, Scope, Send
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
    """Put a session into each scope, and write it when the response's headers are sent.

    Args:
        app: the wrapped application.
        options: built once, at import time.
        key: the session's key in the scope; Starlette's `request.session` reads `"session"`. A
            second session needs another one.
        abandon_500: whether a response of status 500 gets no cookie, for a framework that answers
            unhandled exceptions itself.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`; at a request: the middleware is
            installed twice for one cookie.
    """

    connection_type: ClassVar[type[Connection]] = Connection
    """The class of connections, if an integration has one of its own."""

    @guarded
    def __init__(
        self,
        app: ASGIApp,
        options: SessionOptions,
        *,
        key: str = "session",
        abandon_500: bool = False,
    ) -> None:
        self.app: ASGIApp = app
        self.options: SessionOptions = check_options(options)
        self.key: str = key
        self.abandon_500: bool = abandon_500

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application with a session in its scope."""
        if scope["type"] not in ("http", "websocket"):
            if scope["type"] == "lifespan":
                await self._start(receive, send)
            await self.app(scope, receive, send)
            return
        try:
            connection = self.connection_type(scope, self.key, self.options, send)
            connection.abandon_500 = self.abandon_500
        except BaseException as error:
            clear_frames(error)
            raise
        finally:
            del scope, send  # error reports show a coroutine's variables: the cookies
        try:
            await self.app(connection.scope, receive, connection.send)
        except Exception as error:
            failure = connection.failure_in(error)
            if failure is None:
                explain(error)
                raise
            await self.answer_failure(failure, connection, receive)
        finally:
            del receive
            connection.end()

    async def _start(self, receive: Receive, send: Send) -> None:
        """Follow endings before the server starts; if that can't work, have it not start."""
        try:
            await start_following(self.options)
        except ConfigurationError as error:
            await receive()  # the protocol asks for it
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise

    async def answer_failure(
        self, failure: IronSessionError, connection: Connection, receive: Receive
    ) -> None:
        """Answer 503 if the session can't be told, or raise the failure; nothing was sent yet."""
        if isinstance(failure, SessionUnavailableError):
            await connection.answer_unavailable()
            return
        raise failure  # this one, since a framework may have wrapped it


@guarded
def get_session(scope: Scope, *, key: str = "session") -> Session:
    """Return the middleware's session, with its type for type checkers.

    Raises:
        ConfigurationError: the middleware is not installed.
    """
    return find_session(scope, key, "app = IronSessionMiddleware(app, options)")


@guarded
def get_iron_session(
    scope: Scope, headers: list[tuple[bytes, bytes]], options: SessionOptions[T]
) -> Session[T]:
    """Return the connection's session. Only its `save()` and `destroy()` write, to these headers.

    Args:
        scope: the connection's.
        headers: the list that the message that starts the response will carry.
        options: built once, at import time.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, or the middleware already manages
            this cookie: one of two sessions could undo the other's logout.
    """
    return session_by_hand(scope, options, ScopeHead(scope), RawHeaders(headers))
