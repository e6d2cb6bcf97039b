"""Sanic: a session for one handler, with nothing installed for the application.

@with_iron_session(options)                                     # then: request.ctx.session
async def handler(request): ...
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, wraps
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Final, TypeVar

from sanic import Request
from sanic.server.websockets.connection import WebSocketConnection
from sanic.server.websockets.impl import WebsocketImplProtocol

from iron_session._frames import guarded
from iron_session.errors import ConfigurationError
from iron_session.http.request import REGISTRY, RequestSessions
from iron_session.http.response import end_session
from iron_session.integrations.sanic.middleware import (
    NO_HANDSHAKE,
    close_if_sent,
    head_of,
    send_through,
    share_out_headers,
    watch_answer,
)
from iron_session.sessions.options import SessionOptions, check_options
from iron_session.sessions.session import Session

__all__ = ["with_iron_session"]

H = TypeVar("H", bound=Callable[..., Any])


@guarded
def with_iron_session(options: SessionOptions, *, key: str = "session") -> Callable[[H], H]:
    """Return a decorator that gives a session to one handler: a function, or a method of a view.

    The session is `request.ctx.session`. It is saved by the rules of `setup`: with whatever
    response answers the request, but not with Sanic's own server error (5xx) for an exception. The
    handler of a WebSocket can only read it, since Sanic sends the handshake before. Middleware that
    runs before the handler has no session.

    Args:
        options: built once, at import time. `chunk` needs `app.config.REQUEST_MAX_HEADER_SIZE =
            16384`. The size is shared out among the sessions of the same request, so use at most
            one session with `chunk` in an application.
        key: the attribute of `request.ctx`. A second session takes another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; the decorated object is a class.
            At a request: `setup` or another decorator already manages this cookie or key; Sanic
            would answer a session in chunks with 413.
    """
    check_options(options)

    def decorate(handler: H) -> H:
        if isinstance(handler, type):
            raise ConfigurationError(
                f"with_iron_session decorates a handler: decorate the methods of {handler.__name__}"
            )

        def call(*args: Any, **named: Any) -> Any:
            try:
                with ExitStack() as turn:
                    turn.enter_context(_Turn((*args, *named.values()), key, options))
                    answer = handler(*args, **named)
                    return _finish(turn.pop_all(), answer) if isawaitable(answer) else answer
            finally:
                del args, named  # an error shows the variables

        async def call_async(*args: Any, **named: Any) -> Any:
            """Answer as the handler does, with the session."""
            try:
                answer = call(*args, **named)
            finally:
                del args, named
            return await answer

        wrapped: Any = call_async if iscoroutinefunction(handler) else call
        return wraps(handler)(wrapped)  # type: ignore[return-value]  # it has the handler's type

    return decorate


async def _finish(turn: ExitStack, answer: Any) -> Any:
    with turn:
        return await answer


_WEBSOCKETS: Final = (WebsocketImplProtocol, WebSocketConnection)


class _Turn:
    """One call of a handler, for which the request has the session."""

    @guarded
    def __init__(self, values: tuple[Any, ...], key: str, options: SessionOptions) -> None:
        self._request, self._key = _request_among(values), key
        self._is_websocket = any(isinstance(value, _WEBSOCKETS) for value in values)
        self._wrapping = _wrapping_of(self._request)
        self._wrapping.begin(self._request, key, options)
        if self._is_websocket:
            self._wrapping.sessions.stop_varying()
            self._wrapping.sessions.close()

    def __enter__(self) -> None:
        self._wrapping.running += 1

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._wrapping.running -= 1
        self._wrapping.leave(self._key, failed=error is not None)
        if self._is_websocket:
            session = self._wrapping.sessions.by_key[self._key]
            end_session(session, uncarried=NO_HANDSHAKE)
        elif isinstance(error, Exception) and self._wrapping.is_own:
            self._wrapping.await_answer(self._request, error)


def _request_among(values: tuple[Any, ...]) -> Request[Any, Any]:
    for value in values:
        if isinstance(value, Request):
            return value
    raise ConfigurationError("with_iron_session decorates a handler, which takes a request")


_KEY: Final = "iron_session.wrapped"
"""The attribute of `request.ctx` for what its wrapped handlers share."""


class _Wrapping:
    """What the wrapped handlers of one request share.

    Attributes:
        sessions: their sessions, and those of `setup` if that is installed too.
        is_own: whether `setup` is not installed.
        running: how many of the handlers are running.
        is_answered: whether the application has answered the exception that one of them raised.
    """

    def __init__(self, installed: RequestSessions | None) -> None:
        self.sessions = RequestSessions() if installed is None else installed
        self.is_own = installed is None
        self.running = 0
        self.is_answered = False
        self._offered: dict[str, SessionOptions] = {}
        self._left: dict[str, bool] = {}  # by key: whether the handler that had it has failed

    def begin(self, request: Request[Any, Any], key: str, options: SessionOptions) -> None:
        """Begin a session for a handler.

        If a handler that has failed is called again, its session starts again. If one that has
        not failed is called again, it keeps its session.

        Raises:
            ConfigurationError: the request already has a session for this key or cookie.
        """
        context = request.ctx.__dict__
        if key in self._left and self._offered[key] is options:
            if not self._left.pop(key):
                return
            self._forget(context, key)
        session_type = Session
        if options.chunk:
            others = {other: one.options for other, one in self.sessions.by_key.items()}
            limit = request.app.config.REQUEST_MAX_HEADER_SIZE
            session_type = share_out_headers({**others, key: options}, limit)
        self.sessions.begin(context, key, options, head_of(request), session_type)
        self._offered[key] = options
        close_if_sent(request, self.sessions)

    def leave(self, key: str, *, failed: bool) -> None:
        """Note that a handler has ended."""
        self._left[key] = failed

    def await_answer(self, request: Request[Any, Any], error: Exception) -> None:
        """Note, from here on, whether the application answers an exception."""
        self.is_answered = False
        watch_answer(request, error)

    def _forget(self, context: dict[str, Any], key: str) -> None:
        session = self.sessions.by_key.pop(key)
        session.abandon()
        end_session(session)
        context.pop(key, None)
        del context[REGISTRY][self._offered[key].cookie_name]


def _wrapping_of(request: Request[Any, Any]) -> _Wrapping:
    context = request.ctx.__dict__
    if _KEY not in context:
        context[_KEY] = _Wrapping(getattr(request, "iron_sessions", None))
        if context[_KEY].is_own:
            kind: Any = type(request)
            request.__class__ = _class_before(kind)
            send_through(getattr(request.stream, "response", None), request)  # if there is one yet
    wrapping: _Wrapping = context[_KEY]
    return wrapping


@cache
def _class_before(kind: Any) -> type[Request[Any, Any]]:
    """Return a subclass for a request with a wrapped handler: its responses carry the session.

    It takes a class because Sanic makes some responses after the handler, to exceptions above all.
    """

    class Wrapped(kind):  # type: ignore[misc]  # the application's, or Sanic's
        __slots__ = ()

        @property
        def begun(self) -> RequestSessions:
            return _wrapping_of(self).sessions

        @property
        def has_failed(self) -> bool:
            """Whether Sanic itself answers an exception, which it does while it handles that."""
            wrapping = _wrapping_of(self)
            return not (wrapping.running or wrapping.is_answered) and sys.exception() is not None

        @has_failed.setter
        def has_failed(self, value: bool) -> None:
            _wrapping_of(self).is_answered = not value

        async def respond(self, *args: Any, **kwargs: Any) -> Any:
            return send_through(await super().respond(*args, **kwargs), self)

    Wrapped.__name__, Wrapped.__qualname__ = kind.__name__, kind.__qualname__
    return Wrapped
