"""The ASGI gateway: a session in the scope of every HTTP and WebSocket connection.

It needs no framework; Starlette and FastAPI are served by it as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias

from iron_session.errors import ConfigurationError, IronSessionError
from iron_session.sessions import chunks
from iron_session.sessions.events import report_lost
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions, check_options
from iron_session.sessions.responses import header_changes, sets_same_cookie
from iron_session.sessions.session import Session

__all__ = ["REGISTRY", "Connection", "IronSessionMiddleware", "cookie_header", "overlaps"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = "list[tuple[bytes, bytes]]"

REGISTRY: Final = "iron_session"
"""The scope's key for all of its sessions, a dict by cookie name."""

# Every message with which headers go: a response, a WebSocket's handshake, and its refusal.
_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class IronSessionMiddleware:
    """Give each connection a session, and write it when the response's headers go.

    Args:
        app: the application within.
        options: built once, at import time.
        scope_key: where in the scope the session lies; `"session"` is what Starlette's
            `request.session` reads. A second session takes another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; at a request: the middleware is
            installed twice for one cookie.
    """

    def __init__(
        self, app: ASGIApp, options: SessionOptions, *, scope_key: str = "session"
    ) -> None:
        self.app: ASGIApp = app
        self.options: SessionOptions = check_options(options)
        self.scope_key: str = scope_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application with a session in its scope."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = Connection(scope, self.scope_key, self.options, send)
        try:
            await self.app(scope, receive, connection.send)
        except Exception as error:
            failure = connection.failure
            if failure is None or connection.started or not _stems_from(error, failure):
                raise
            await self.answer_failure(failure, connection, receive)
        finally:
            connection.end()

    async def answer_failure(
        self, failure: IronSessionError, connection: Connection, receive: Receive
    ) -> None:
        """Answer a session that could not be written, before anything was sent: raise that.

        It was raised within `send` already, but frameworks may have wrapped it on its way.
        """
        raise failure


class Connection:
    """One connection's session, from its first byte to its last.

    Attributes:
        scope: the connection's scope.
        application: what stood in the scope as `"app"` at the start: Starlette's applications put
            themselves there, mounted ones too.
        started: whether the response's headers have gone.
        failure: why the session could not be written into them.
    """

    __slots__ = (
        "_interrupted",
        "_jar",
        "_key",
        "_refused",
        "_send",
        "_session",
        "application",
        "failure",
        "scope",
        "started",
    )

    def __init__(self, scope: Scope, key: str, options: SessionOptions, send: Send) -> None:
        self.scope: Scope = scope
        self.application: Any = scope.get("app")
        self.started: bool = False
        self.failure: IronSessionError | None = None
        self._interrupted = False
        self._refused = False
        self._key = key
        self._send = send
        headers = scope["headers"]  # not the scope: it holds the session, that would be a cycle
        self._jar = HeaderJar(lambda: cookie_header(headers))
        self._session = Session(self._jar, options)
        self._register(options.cookie_name)

    def _register(self, cookie_name: str) -> None:
        registry = self.scope.setdefault(REGISTRY, {})
        there = self.scope.get(self._key)
        if (registry and overlaps(cookie_name, registry)) or (
            there is not None and isinstance(there, Session)
        ):
            raise ConfigurationError(
                f"IronSessionMiddleware is installed twice for the cookie {cookie_name!r} or the "
                f"scope_key {self._key!r}: remove one, or give each names of its own"
            )
        registry[cookie_name] = self._session
        self.scope[self._key] = self._session

    async def send(self, message: Message) -> None:
        """Pass a message on, with the session's headers where headers go."""
        if self.started:
            await self._send(message)
        elif message["type"] in _STARTS:
            await self._start(message if self._is_untouched() else self._with_session(message))
        elif message["type"] == "websocket.close":
            self._refused = True  # the server answers the handshake, with its own headers
            await self._start(message)
        else:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        """Send the headers; if that fails, the application may start another response."""
        self.started = True
        self._jar.close()
        try:
            await self._send(message)
        except Exception:
            self.started = False
            self._interrupted = True
            self._jar.reopen()
            raise

    def _is_untouched(self) -> bool:
        return not self._session.accessed and self.scope.get(self._key) is self._session

    def _with_session(self, message: Message) -> Message:
        headers: Headers = list(message.get("headers") or ())
        try:
            self._adopt_replacement()
            self._apply(headers)
        except IronSessionError as error:
            self.failure = error
            raise
        return {**message, "headers": headers}

    def _adopt_replacement(self) -> None:
        """Take over a plain dict that the application has put in the session's place."""
        found = self.scope.get(self._key)
        if type(found) is dict:
            self.scope[self._key] = self._session  # first: should it be refused, then only once
            self._session.replace(found)

    def _apply(self, headers: Headers) -> None:
        changes = header_changes(
            self._session,
            self._jar,
            vary=_value(headers, b"vary"),
            cache_control=_value(headers, b"cache-control"),
        )
        if changes.vary is not None:
            headers[:] = [pair for pair in headers if pair[0].lower() != b"vary"]
            headers.append((b"vary", changes.vary.encode("latin-1")))
        if changes.cache_control is not None:
            headers.append((b"cache-control", changes.cache_control.encode("latin-1")))
        for value in changes.set_cookie:
            _set_cookie(headers, value)

    def end(self) -> None:
        """Say so in the log when the application has left changes that nobody will get."""
        why = None if self._is_untouched() else self._find_loss()
        if why is not None:
            report_lost(self._session.options.cookie_name, why)

    def _find_loss(self) -> str | None:
        replaced = type(self.scope.get(self._key)) is dict
        unsaved = replaced or self._session.is_unsaved
        unsent = bool(self._jar.set_cookie_headers)
        if self._refused and (unsaved or unsent):
            return "the WebSocket was refused, by an answer without cookies: accept it first"
        if self.started and unsaved:
            return (
                "it came after the response's headers had gone: change it before the response "
                "starts"
            )
        if self._interrupted and unsent and not self.started:
            return "its response could not be sent"
        return None


def overlaps(cookie_name: str, others: Iterable[str]) -> bool:
    """Tell whether a session's cookies, chunks included, have a name of another session's."""
    mine = set(chunks.names(cookie_name))
    return any(not mine.isdisjoint(chunks.names(other)) for other in others)


def _stems_from(error: BaseException | None, failure: BaseException) -> bool:
    """Tell whether an error is this failure: as it is, as the cause shown, or in a group."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if error is failure:
            return True
        if isinstance(error, BaseExceptionGroup):
            return any(_stems_from(one, failure) for one in error.exceptions)
        seen.add(id(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def cookie_header(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Join the request's `Cookie` headers: HTTP/2 allows several (RFC 9113, 8.2.3)."""
    found = [value for name, value in headers if name.lower() == b"cookie"]
    return b"; ".join(found).decode("latin-1")


def _value(headers: Headers, name: bytes) -> str | None:
    found = [value for key, value in headers if key.lower() == name]
    return b", ".join(found).decode("latin-1") if found else None


def _set_cookie(headers: Headers, value: str) -> None:
    """Add a `Set-Cookie` header, in the place of any other for this cookie."""
    headers[:] = [
        (name, there)
        for name, there in headers
        if name.lower() != b"set-cookie" or not sets_same_cookie(there.decode("latin-1"), value)
    ]
    headers.append((b"set-cookie", value.encode("latin-1")))
