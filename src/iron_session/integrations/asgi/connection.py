"""An ASGI connection's session, from the first byte to the last. Imports no framework."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from types import FrameType
from typing import Any, ClassVar, TypeAlias

from iron_session._frames import clear_frames, guarded
from iron_session.errors import IronSessionError, SessionUnavailableError, stems_from
from iron_session.http.headers import RawHeaders
from iron_session.http.heads import ScopeHead
from iron_session.http.request import RequestSessions, attach_session, warn_of_foreign_session
from iron_session.http.response import end_session, write_session
from iron_session.http.unavailable import HEADERS, STATUS, TEXT
from iron_session.sessions.events import UNSENT, WEBSOCKET_REFUSED
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions
from iron_session.sessions.session import Session

__all__ = ["Connection", "Message", "Scope", "Send"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

# Every message that sends headers: a response, a WebSocket's handshake, and its refusals.
_CLOSE = "websocket.close"
_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start", _CLOSE}


_OTHERS = "starlette.middleware.sessions"
_REMOVE = (
    'Remove the other session middleware, or give one of the two a key of its own, as key="admin"'
)


class Connection(RequestSessions):
    """One connection's session, from its first byte to its last.

    Attributes:
        scope: the connection's scope.
        session: the session.
        has_started: whether the response's headers were sent.
        failure: why the session could not be written into them.
        abandon_500: whether a response of status 500 gets no cookie.
    """

    __slots__ = (
        "_foreign",
        "_head",
        "_interrupted",
        "_jar",
        "_key",
        "_outer",
        "_refused",
        "_send",
        "abandon_500",
        "failure",
        "has_started",
        "scope",
        "session",
    )

    head_type: ClassVar[type[ScopeHead]] = ScopeHead
    """The class of the request's head."""

    def __init__(self, scope: Scope, key: str, options: SessionOptions, send: Send) -> None:
        self.scope: Scope = scope
        self._key, self._send = key, send
        self._outer: Any = scope.get(key)  # the session of an application around this one
        self._head = head = self.head_type(scope)
        self._jar = HeaderJar(head.cookie_header, head)
        self._jar.varies = scope["type"] == "http"
        self.session: Session = Session(self._jar, options)
        self.by_key: dict[str, Session] = {key: self.session}
        nested = self._outer is not None and self._look_around()
        attach_session(scope, key, self.session, nested=nested)
        self.has_started: bool = False
        self.failure: IronSessionError | None = None
        self.abandon_500: bool = False
        self._interrupted = self._refused = False
        self._foreign: object = None  # another's object in the session's place

    @property
    def application(self) -> Any:
        """The scope's `"app"` at the start, where Starlette's applications put themselves."""
        return self._head.place[0]

    def _look_around(self) -> bool:
        """Return whether the session in this one's place is another application's."""
        outer = self._outer
        if not isinstance(outer, Session):
            name = self.session.options.cookie_name
            warn_of_foreign_session(type(outer), self._key, name, _REMOVE)
            return True
        head = outer.jar.request if isinstance(outer.jar, HeaderJar) else None
        return isinstance(head, ScopeHead) and _is_within(self._head.place, head.place)

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on; if it sends headers, add the session's."""
        if self.has_started or message["type"] not in _STARTS:
            if not message.get("more_body"):
                self._jar.varies = False  # all is sent: nothing depends on later looks
            return self._send(message)  # no extra coroutine: bodies may have many parts
        return self._start(message)

    async def _start(self, message: Message) -> None:
        session = self.session
        try:
            # The server itself answers a closed handshake, with its own headers.
            self._refused = message["type"] == _CLOSE
            if session.accessed or self.scope.get(self._key) is not session:
                message = self._with_session(message)
                if session.endings:
                    await self.asettle()
            self.has_started = self._jar.closed = True
            if self._outer is None:
                await self._send(message)
            else:
                await self._send_outside(message)
        except BaseException as error:
            del message  # it has the cookie
            clear_frames(error)
            if isinstance(error, Exception):
                self.reopen()
            raise

    async def _send_outside(self, message: Message) -> None:
        """Send the message; an application around this one finds its own session in the scope."""
        found, self.scope[self._key] = self.scope.get(self._key), self._outer
        try:
            await self._send(message)
        finally:
            self.scope[self._key] = found
            del message, found

    def _with_session(self, message: Message) -> Message:
        if self._refused:
            return message
        if self.abandon_500 and message.get("status") == 500:
            self.abandon()
            if self.session.told_unavailable:
                message = {**message, "status": STATUS}
        headers = list(message.get("headers") or ())
        try:
            if self.scope.get(self._key) is not self.session:
                self.adopt_replacement()
            write_session(self.session, RawHeaders(headers))
        except IronSessionError as error:
            self.failure = error
            raise
        return {**message, "headers": headers}

    def failure_in(self, error: Exception) -> IronSessionError | None:
        """Return why the session could not be written, if nothing was sent because of that."""
        if self.has_started:
            return None
        if isinstance(error, SessionUnavailableError):  # perhaps by the application's own `save`
            return error
        is_ours = self.failure is not None and stems_from(error, self.failure)
        return self.failure if is_ours else None

    async def answer_unavailable(self) -> None:
        """Answer 503, or refuse the WebSocket, and leave the browser's session as it is."""
        self.abandon()
        prefix = ""
        if self.scope["type"] == "websocket":
            if "websocket.http.response" not in (self.scope.get("extensions") or ()):
                await self.send({"type": _CLOSE, "code": 1013})  # "try again later"
                return
            prefix = "websocket."
        headers: list[tuple[bytes, bytes]] = []
        for name, value in HEADERS:
            RawHeaders(headers).add(name, value)
        await self.send(
            {"type": f"{prefix}http.response.start", "status": STATUS, "headers": headers}
        )
        await self.send({"type": f"{prefix}http.response.body", "body": TEXT.encode()})

    @guarded
    def adopt_replacement(self) -> None:
        """Store what the application has put in the session's place.

        What a mounted application has put there is not stored: it is that application's own.
        """
        found = self.scope.get(self._key)
        if found is self.session or isinstance(found, Session):
            return
        kind = _own_sessions_of(self.scope.get("app")) or _sessions_that_send()
        if kind is None and self.is_at_home() and self.may_adopt(found):
            if not self.session.abandoned:
                self.scope[self._key] = self.session  # first, so that a refusal raises only once
                self.adopt(found)
        else:
            self._foreign = found
            name = self.session.options.cookie_name
            warn_of_foreign_session(kind or type(found), self._key, name, _REMOVE)

    def is_at_home(self) -> bool:
        """Return whether the scope is that of the application that this middleware wraps."""
        application, root_path = self._head.place
        scope = self.scope
        is_of_the_application = application is None or scope.get("app") is application
        return bool(is_of_the_application and scope.get("root_path", "") == root_path)

    def may_adopt(self, found: Any) -> bool:
        """Return whether the application may have meant this to be the session's data."""
        return type(found) is dict

    def adopt(self, found: Any) -> None:
        """Replace the session's data with this.

        Raises:
            NotSerializableError: JSON can't carry it.
        """
        self.session.replace(found)

    def reopen(self) -> None:
        """Accept writes again: no headers were sent, so the application may start a response."""
        self._interrupted, self.has_started = self.has_started, False
        super().reopen()

    def end(self, uncarried: str | None = None) -> None:
        """Log the changes that nobody will get, and restore the outer session in the scope."""
        session, scope = self.session, self.scope
        found = scope.get(self._key)
        if session.accessed or found is not session:
            is_foreign = found is session or found is self._foreign
            replaced = not is_foreign and self.is_at_home() and self.may_adopt(found)
            end_session(session, uncarried=uncarried or self._why_uncarried(), replaced=replaced)
        else:
            session.detach()
        if self._outer is not None:
            scope[self._key] = self._outer

    def _why_uncarried(self) -> str | None:
        if self._refused:
            return WEBSOCKET_REFUSED
        if self._interrupted and not self._jar.closed and self._jar.set_cookie_headers:
            return UNSENT
        return None


def _is_within(inner: tuple[object, str], outer: tuple[object, str]) -> bool:
    """Return whether a place belongs to an application inside the outer one, not the same one."""
    others = None not in (inner[0], outer[0]) and inner[0] is not outer[0]
    return others or inner[1] != outer[1]


def _sessions_that_send() -> type | None:
    """Return the class of Starlette's session middleware that is sending this message, if one is.

    It may be the middleware of one route, and so of no application.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == _OTHERS:
            return type(frame.f_locals.get("self"))
        frame = frame.f_back
    return None


def _own_sessions_of(application: Any) -> type | None:
    """Return the class of Starlette's session middleware in an application, if it has one."""
    for middleware in getattr(application, "user_middleware", ()):
        kinds = getattr(middleware.cls, "__mro__", ())
        if any(kind.__module__ == _OTHERS for kind in kinds):
            kind: type = middleware.cls
            return kind
    return None
