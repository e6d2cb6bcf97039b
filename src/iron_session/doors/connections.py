"""A connection of ASGI: its session, from the first byte to the last. Imports no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from iron_session.doors.headers import RawHeaders
from iron_session.doors.requests import adopt_replacement, attach_session, raw_cookie_header
from iron_session.doors.responses import report_lost_changes, write_session
from iron_session.errors import IronSessionError
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions
from iron_session.sessions.session import Session

__all__ = ["Connection", "Message", "Scope", "Send"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

# Every message with which headers go: a response, a WebSocket's handshake, and its refusals.
_CLOSE = "websocket.close"
_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start", _CLOSE}


class Connection:
    """One connection's session, from its first byte to its last.

    Attributes:
        scope: the connection's scope.
        application: its `"app"` at the start: Starlette's applications put themselves there.
        session: the session.
        started: whether the response's headers have gone.
        failure: why the session could not be written into them.
    """

    __slots__ = (
        "_interrupted",
        "_jar",
        "_key",
        "_refused",
        "_send",
        "application",
        "failure",
        "scope",
        "session",
        "started",
    )

    def __init__(self, scope: Scope, key: str, options: SessionOptions, send: Send) -> None:
        self.scope: Scope = scope
        self.application: Any = scope.get("app")
        self._key, self._send = key, send
        # Not of the scope: that holds the session, and it would be a cycle.
        headers = scope["headers"]
        self._jar = HeaderJar(lambda: raw_cookie_header(headers))
        self.session: Session = Session(self._jar, options)
        attach_session(scope, key, options.cookie_name, self.session)
        self.started: bool = False
        self.failure: IronSessionError | None = None
        self._interrupted = self._refused = False

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on, with the session's headers where headers go."""
        if self.started or message["type"] not in _STARTS:
            return self._send(message)  # no coroutine around it: bodies may have many parts
        return self._start(message)

    async def _start(self, message: Message) -> None:
        session = self.session
        try:
            # A server answers a handshake that is closed by itself, with its own headers.
            self._refused = message["type"] == _CLOSE
            if session.accessed or self.scope.get(self._key) is not session:
                message = self._with_session(message)
            self.started = True
            self._jar.close()
            await self._send(message)
        except Exception:
            self.interrupt()
            raise

    def _with_session(self, message: Message) -> Message:
        if self._refused:
            return message
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

    def interrupt(self) -> None:
        """Note that the headers have not gone: the application may start another response."""
        self._interrupted, self.started = self.started, False
        self._jar.reopen()

    def end(self) -> None:
        """Say so in the log when the application has left changes that nobody will get."""
        session, found = self.session, self.scope.get(self._key)
        if session.accessed or found is not session:
            replaced = type(found) is dict
            report_lost_changes(
                session, replaced=replaced, refused=self._refused, interrupted=self._interrupted
            )
