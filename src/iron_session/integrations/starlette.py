"""Starlette: `request.session`, or a session by hand.

app.add_middleware(IronSessionMiddleware, options=options)      # then: request.session

session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container
from functools import partial, wraps
from typing import Any, ClassVar, Final, TypeVar, cast

try:
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket, WebSocketState
except ModuleNotFoundError as _cause:
    raise ImportError(
        "iron_session.integrations.starlette needs Starlette: pip install starlette"
    ) from _cause

# Starlette's own name: should it move, the import says which.
from starlette._exception_handler import wrap_app_handling_exceptions

from iron_session._frames import guarded
from iron_session.errors import (
    ConfigurationError,
    IronSessionError,
    SessionUnavailableError,
    stems_from,
)
from iron_session.http.headers import RawHeaders
from iron_session.http.heads import ScopeHead
from iron_session.http.misuse import explain
from iron_session.http.request import find_session, session_by_hand
from iron_session.http.unavailable import translated
from iron_session.integrations import asgi
from iron_session.integrations.asgi.connection import Connection
from iron_session.integrations.asgi.wrapper import forget_ended
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

__all__ = ["IronSessionMiddleware", "get_iron_session", "get_session", "with_iron_session"]

_ADD_MIDDLEWARE: Final = "app.add_middleware(IronSessionMiddleware, options=options)"


class UnavailableHTTPError(SessionUnavailableError, HTTPException):
    """`SessionUnavailableError` as Starlette answers it: with 503, or by the app's own handler."""

    def __init__(self, problem: str) -> None:
        super().__init__(503)
        self.add_note(problem)


class StarletteHead(ScopeHead):
    """The head of a request."""

    __slots__ = ()

    unavailable_error: ClassVar[type[SessionUnavailableError]] = UnavailableHTTPError


class _Connection(Connection):
    __slots__ = ()

    head_type: ClassVar[type[ScopeHead]] = StarletteHead


class IronSessionMiddleware(asgi.IronSessionMiddleware):
    """The ASGI middleware, which also calls the application's own exception handlers.

    If a session can't be written (`CookieTooLargeError`, say), this shows when the response starts:
    too late for Starlette itself to call the handler that is registered for the error.
    """

    connection_type: ClassVar[type[Connection]] = _Connection

    async def answer_failure(
        self, failure: IronSessionError, connection: Connection, receive: asgi.Receive
    ) -> None:
        """Send what the application's handler for this error returns, or do as the base class."""
        handler = _find_handler(connection, failure)
        if handler is None:
            await super().answer_failure(failure, connection, receive)
            return
        # Not in a variable: error reports show mappings, and a request is one, with its cookies.
        response = await run_in_threadpool(handler, Request(connection.scope, receive), failure)
        if inspect.isawaitable(response):  # the thread only made an async handler's coroutine
            response = await response
        await response(connection.scope, receive, connection.send)


def _find_handler(connection: Connection, failure: IronSessionError) -> Any:
    """Return the handler from `app.exception_handlers`: a mounted application's, else the outer's.

    In each, the handler for a status goes before the others, and that for the error's own class
    before those for its base classes, as in Starlette.
    """
    if connection.scope["type"] != "http":
        return None
    kinds: list[Any] = [*type(failure).__mro__[: type(failure).__mro__.index(Exception)]]
    if isinstance(failure, HTTPException):
        kinds.insert(0, failure.status_code)
    for application in (connection.scope.get("app"), connection.application):
        handlers = getattr(application, "exception_handlers", {})
        for kind in kinds:
            if kind in handlers:
                return handlers[kind]
    return None


@guarded
def get_session(connection: HTTPConnection, *, key: str = "session") -> Session:
    """Return the middleware's session: `request.session`, with its type for type checkers.

    Args:
        connection: a Request or a WebSocket.
        key: the middleware's.

    Raises:
        ConfigurationError: the middleware is not installed.
    """
    return find_session(connection.scope, key, _ADD_MIDDLEWARE)


@guarded
def get_iron_session(
    connection: HTTPConnection, response: Response, options: SessionOptions[T]
) -> Session[T]:
    """Return the request's session. Only its `save()` and `destroy()` write, to this response.

    Args:
        connection: a Request or a WebSocket.
        response: the response that will be returned. For the one that FastAPI injects, use
            `get_iron_session` of the FastAPI integration.
        options: built once, at import time.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, or the middleware already manages
            this cookie: one of two sessions could undo the other's logout.
    """
    scope, headers = connection.scope, RawHeaders(response.headers.raw)
    return session_by_hand(scope, options, StarletteHead(scope), headers)


# --- around one handler --------------------------------------------------------------------------

Handler = TypeVar("Handler", bound=Callable[..., Any])

REPLACED: Final = (
    "another response was sent in place of the handler's: put with_iron_session above whatever "
    "replaces it"
)


@guarded
def with_iron_session(
    options: SessionOptions[Any], *, key: str = "session"
) -> Callable[[Handler], Handler]:
    """Return a decorator that gives one endpoint its `request.session`, without the middleware.

    It decorates functions, sync or async, of a request or of a WebSocket, and methods of
    `HTTPEndpoint` and `WebSocketEndpoint`. The session is written when the response that the
    handler has returned is sent, or that of the application's handler for the exception that it
    has raised. When that is over, the request has no session any more.

    Args:
        options: built once, at import time.
        key: where in the scope the session lies. A second session takes another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or what is decorated is a class; at
            a request: the middleware, or another decorator around this one, serves the cookie or
            the key already.
    """
    check_options(options)

    def decorate(handler: Handler) -> Handler:
        if inspect.isclass(handler):
            raise ConfigurationError(
                "with_iron_session decorates functions: put it above the methods of the class, or "
                "use Route(…, middleware=[Middleware(IronSessionMiddleware, options=options)])"
            )

        @wraps(handler)
        def answer(*args: Any, **named: Any) -> Any:
            try:
                served = HandlerConnection(_connection_in(args), key, options)
                served.is_over = True
                try:
                    return served.carry(handler(*args, **named))
                except BaseException as error:
                    served.fail(error)
                    raise
            finally:
                del args, named  # an error shows variables

        @wraps(handler)
        async def answer_async(*args: Any, **named: Any) -> Any:
            """Answer as the handler does, with the session."""
            try:
                served = HandlerConnection(_connection_in(args), key, options)
                served.is_over = True
                try:
                    return served.carry(await handler(*args, **named))
                except BaseException as error:
                    served.fail(error)
                    raise
            finally:
                del args, named

        is_async = inspect.iscoroutinefunction(handler)
        return cast(Handler, answer_async if is_async else answer)

    return decorate


def _connection_in(args: tuple[Any, ...]) -> HTTPConnection:
    """Return the Request or WebSocket that a handler was called with, after a method's `self`."""
    found = next((one for one in args if isinstance(one, HTTPConnection)), None)
    if found is None:
        raise ConfigurationError(
            "the handler was called without its request: for FastAPI's path operations, take "
            "with_iron_session from iron_session.integrations.fastapi"
        )
    return found


class HandlerConnection(Connection):
    """A connection that is served around one handler; a WebSocket sends through it from now on.

    Args:
        connection: the handler's Request or WebSocket.
        key, options: those of the session.

    Attributes:
        is_over: whether nobody else is to see an exception before the application's handlers.
        is_sent: whether the response that carries the session was sent, or nothing is to be.
    """

    __slots__ = ("_connection", "is_over", "is_sent")

    head_type: ClassVar[type[ScopeHead]] = StarletteHead

    @guarded
    def __init__(self, connection: HTTPConnection, key: str, options: SessionOptions[Any]) -> None:
        self._connection = cast(Any, connection)
        self.is_over: bool = False
        self.is_sent: bool = False
        super().__init__(connection.scope, key, options, self._connection._send)
        if isinstance(connection, WebSocket):
            if connection.application_state is not WebSocketState.CONNECTING:
                self.has_started = True  # accepted before this handler
                self.close()
            self._connection._send = self.send

    @guarded
    def carry(self, returned: Any) -> Any:
        """Return what carries the session in place of what the handler has returned.

        Raises:
            IronSessionError: as `Session.commit`.
        """
        if self.scope["type"] == "websocket":
            self.leave()
            return returned
        self.adopt_replacement()
        self.commit()
        return CarryingResponse(self, returned)

    def fail(self, error: BaseException) -> None:
        """Let the answer of the application's own handler for an error carry the session.

        Raises:
            _AnsweredError: in the error's place. Not if there is no such handler, or a response
                has begun: then the session has ended.
        """
        explain(error)
        handlers = self.scope.get("starlette.exception_handlers", ({}, {}))
        is_handled = _is_handled(error, *handlers)
        told = translated(error, UnavailableHTTPError)
        if told is not None and not is_handled:
            self.abandon()
            error, is_handled = told, True
        if self.has_started or not is_handled:
            self.leave()
            return
        handlers[0].setdefault(_AnsweredError, _send_answer)
        self.is_over, self.is_sent = True, False
        answer = wrap_app_handling_exceptions(partial(_raise, error), self._connection)
        raise _AnsweredError(error, CarryingResponse(self, answer))

    async def respond(self, app: asgi.ASGIApp, receive: asgi.Receive, send: asgi.Send) -> None:
        """Send a response with the session, and end that."""
        self.is_sent = True
        if self.scope["type"] == "http":
            self._send = send
        del send
        try:
            await app(self.scope, receive, self.send)
        except BaseException as error:
            if self.is_over:
                self.fail(self._unwrapped(error))
            raise
        finally:
            del receive
        self.leave()

    def _unwrapped(self, error: BaseException) -> BaseException:
        """Return why the session could not be written, if that is what an error stems from."""
        if self.failure is not None and stems_from(error, self.failure):
            return self.failure
        return error

    def leave(self, uncarried: str | None = None) -> None:
        """End the session, and leave the connection as it was."""
        self.is_sent = True
        self.end(uncarried)
        if isinstance(self._connection, WebSocket):
            self._connection._send = self._send
        forget_ended(self.scope, self._key, self.session.options.cookie_name)


class CarryingResponse(Response):
    """A response that is sent with the session; in all else it is the one that it stands for.

    Args:
        served: the connection.
        response: what the handler has returned, or another application that answers.
    """

    __slots__ = ("_app", "_served")

    def __init__(self, served: HandlerConnection, response: asgi.ASGIApp) -> None:
        if isinstance(response, Response):
            self.__dict__ = response.__dict__
        else:
            super().__init__()
        self._app, self._served = response, served

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Send it."""
        del scope  # the connection has it
        try:
            await self._served.respond(self._app, receive, send)
        finally:
            del receive, send

    def __del__(self) -> None:
        if self._served.is_over and not self._served.is_sent:
            self._served.leave(REPLACED)


class _AnsweredError(Exception):
    """Stands for an error of which the application's answer carries the session."""

    def __init__(self, error: BaseException, answer: CarryingResponse) -> None:
        super().__init__(f"the application's own handler answers {type(error).__name__}")
        self.answer = answer


async def _send_answer(connection: HTTPConnection, error: _AnsweredError) -> Response | None:
    """Answer such an error, as the application's handler for it."""
    if isinstance(connection, WebSocket):  # of whose handlers older versions send no response
        await error.answer(connection.scope, connection.receive, connection.send)
        return None
    return error.answer


def _is_handled(error: BaseException, by_kind: Container[Any], by_status: Container[int]) -> bool:
    """Return whether the application has a handler for an error, as Starlette looks it up."""
    if isinstance(error, HTTPException) and error.status_code in by_status:
        return True
    return any(kind in by_kind for kind in type(error).__mro__)


async def _raise(error: BaseException, *_: object) -> None:
    del _  # with the scope among them
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context  # without the one that stood for it
