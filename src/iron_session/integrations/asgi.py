"""The ASGI gateway: a session in the scope of every HTTP and WebSocket connection.

It needs no framework; Starlette and FastAPI are served by it as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from iron_session.doors.headers import RawHeaders
from iron_session.doors.requests import adopt_replacement, begin_session, raw_cookie_header
from iron_session.doors.responses import REFUSED, TOO_LATE, header_jar, write_session
from iron_session.errors import IronSessionError, stems_from
from iron_session.sessions.events import report_lost
from iron_session.sessions.options import SessionOptions, check_options
from iron_session.sessions.session import Session

__all__ = ["Connection", "IronSessionMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# Every message with which headers go: a response, a WebSocket's handshake, and its refusals.
_CLOSE = "websocket.close"
_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start", _CLOSE}


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


class Connection:
    """One connection's session, from its first byte to its last.

    Attributes:
        scope: the connection's scope.
        application: its `"app"` at the start: Starlette's applications put themselves there.
        session: the session.
        started: whether the response's headers have gone.
        failure: why the session could not be written into them.
    """

    session: Session
    started: bool = False
    failure: IronSessionError | None = None
    _interrupted = _refused = False

    def __init__(self, scope: Scope, key: str, options: SessionOptions, send: Send) -> None:
        self.scope: Scope = scope
        self.application: Any = scope.get("app")
        self._key, self._send = key, send
        headers = scope["headers"]  # not the scope: it holds the session, that would be a cycle
        self.session = begin_session(scope, key, options, lambda: raw_cookie_header(headers))

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on, with the session's headers where headers go."""
        if self.started or message["type"] not in _STARTS:
            return self._send(message)  # no coroutine around it: bodies may have many parts
        return self._start(message)

    async def _start(self, message: Message) -> None:
        """Send the headers; if that fails, the application may start another response."""
        # A server answers a handshake that is closed by itself, with its own headers.
        self._refused = message["type"] == _CLOSE
        if not (self._refused or self._is_untouched()):
            message = self._with_session(message)
        self.started = True
        header_jar(self.session).close()
        try:
            await self._send(message)
        except Exception:
            self.started = False
            self._interrupted = True
            header_jar(self.session).reopen()
            raise

    def _is_untouched(self) -> bool:
        return not self.session.accessed and self.scope.get(self._key) is self.session

    def _with_session(self, message: Message) -> Message:
        headers = list(message.get("headers") or ())
        try:
            self.adopt_replacement()
            write_session(self.session, RawHeaders(headers))
        except IronSessionError as error:
            self.failure = error
            raise
        return {**message, "headers": headers}

    def adopt_replacement(self) -> None:
        """Take over what the application has put in the session's place."""
        adopt_replacement(self.scope, self._key, self.session)

    def end(self) -> None:
        """Say so in the log when the application has left changes that nobody will get."""
        if self._is_untouched():
            return
        name, unsent = self.session.options.cookie_name, header_jar(self.session).set_cookie_headers
        unsaved = type(self.scope.get(self._key)) is dict or self.session.is_unsaved
        if self._refused and (unsaved or unsent):
            report_lost(name, REFUSED)
        elif self.started and unsaved:
            report_lost(name, TOO_LATE)
        elif self._interrupted and unsent and not self.started:
            report_lost(name, "its response could not be sent")
