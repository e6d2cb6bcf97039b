"""Litestar: `request.session`, or a session by hand.

app = Litestar(…, middleware=[IronSessionConfig(options).middleware])     # then: request.session
session = get_iron_session(request, response, options)                    # then: session.save()
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, TypeVar

try:
    from litestar import Response
    from litestar.connection import ASGIConnection
    from litestar.datastructures import Cookie
    from litestar.exceptions import ServiceUnavailableException
    from litestar.handlers import BaseRouteHandler
    from litestar.middleware import DefineMiddleware
    from litestar.middleware.session import base
    from litestar.types import Empty, Scopes
except ModuleNotFoundError as _cause:
    _needs = "iron_session.integrations.litestar needs Litestar: pip install litestar"
    raise ImportError(_needs) from _cause

# Litestar's private names: if they move, the import error says which.
from litestar._asgi.utils import wrap_in_exception_handler
from litestar.utils.scope.state import ScopeState

from iron_session._frames import clear_frames, guard_building, guarded
from iron_session.errors import ConfigurationError, SessionUnavailableError
from iron_session.http.headers import RawHeaders
from iron_session.http.heads import ScopeHead
from iron_session.http.misuse import report
from iron_session.http.request import find_session, session_by_hand
from iron_session.http.response import write_session
from iron_session.http.starting import start_following
from iron_session.http.unavailable import translated
from iron_session.integrations.asgi.connection import Connection, Message
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

__all__ = ["IronSessionConfig", "get_iron_session", "get_session", "with_iron_session"]
AnyConnection = ASGIConnection[Any, Any, Any, Any]


class UnavailableHTTPError(SessionUnavailableError, ServiceUnavailableException):
    """`SessionUnavailableError` as Litestar answers it: with 503, or by the app's own handler."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.add_note(problem)


class _Head(ScopeHead):
    __slots__ = ()
    unavailable_error: ClassVar[type[SessionUnavailableError]] = UnavailableHTTPError


class _Connection(Connection):
    __slots__ = ()
    head_type = _Head
    scope: Any  # to Litestar it is one of several TypedDicts

    async def _start(self, message: Message) -> None:
        # Litestar answers while it handles the exception, before a middleware can see that.
        error = sys.exception() if message.get("status") == 500 else None
        told = translated(error, UnavailableHTTPError)
        if told is not None:
            self.reopen()
            self.abandon()
            raise told from error
        report(error, self.session.options.cookie_name)
        await super()._start(message)

    def _with_session(self, message: Message) -> Message:
        # With 500 if no handler has answered.
        if message.get("status") == 500 and sys.exception() is not None:
            self.session.abandon()
        return super()._with_session(message)

    def is_at_home(self) -> bool:
        handler = self.scope.get("route_handler")
        return not getattr(handler, "is_mount", False) and super().is_at_home()

    def may_adopt(self, found: Any) -> bool:
        return True  # a model for `set_session` may be of any class

    def adopt(self, found: Any) -> None:
        if found is Empty:  # what `clear_session` leaves
            self.session.clear()
        elif type(found) is dict:
            self.session.replace(found)
        else:  # as Litestar itself stores it
            stored = _Backend.serialize_data(found, self.scope)
            self.session.replace(_Backend.deserialize_data(stored))

    def reopen(self) -> None:
        super().reopen()
        # Else Litestar takes the response for started, and calls no exception handler.
        ScopeState.from_scope(self.scope).response_started = False


class _Middleware(base.SessionMiddleware["_Backend"]):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        config = self.backend.config
        try:
            connection: Any = _Connection(scope, config.scope_key, config.options, send)
        except BaseException as error:
            clear_frames(error)
            raise
        finally:
            del scope, send  # error reports show a coroutine's variables: the cookies
        try:
            await self.app(connection.scope, receive, connection.send)
        except Exception as error:
            # Else the answer to an inner middleware's exception would bypass this one.
            failed = wrap_in_exception_handler(partial(_raise, error))
            await failed(connection.scope, receive, connection.send)
        finally:
            del receive
            connection.adopt_replacement()  # after the response, it is a late change
            connection.end()


async def _raise(error: Exception, *_: object) -> None:
    del _  # the scope is among them
    raise error


class _Backend(base.BaseSessionBackend["IronSessionConfig"]):  # for Litestar's test client
    def get_session_id(self, connection: AnyConnection) -> None:
        return None

    async def load_from_connection(self, connection: AnyConnection) -> dict[str, Any]:
        return dict(self._session_of(connection))

    async def store_in_message(self, scope_session: Any, message: Any, connection: Any) -> None:
        session = self._session_of(connection)
        session.replace(scope_session)
        write_session(session, RawHeaders(message["headers"]))

    def _session_of(self, connection: AnyConnection) -> Session:
        cookies = "; ".join(f"{name}={value}" for name, value in connection.cookies.items())
        return Session(HeaderJar(cookies), self.config.options)


@guard_building
@dataclass
class IronSessionConfig(base.BaseBackendConfig[_Backend]):
    """The configuration of the session, for its `middleware`, `SessionAuth` and the test client.

    Args:
        options: built once, at import time; raises ConfigurationError if not a `SessionOptions`.
        scope_key: the session's key in the scope. A second session needs another one.
        exclude, exclude_opt_key, scopes: as Litestar's own: paths and routes without a session.
    """

    _backend_class = _Backend
    options: SessionOptions
    scope_key: str = "session"
    exclude: str | list[str] | None = None
    exclude_opt_key: str = "skip_session"
    scopes: Scopes = field(default_factory=base.BaseBackendConfig.scopes.copy)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.key = check_options(self.options).cookie_name

    async def start(self) -> None:
        """Follow endings before the first request: `Litestar(…, on_startup=[config.start])`."""
        await start_following(self.options)

    @property
    def middleware(self) -> DefineMiddleware:
        """For an application, a router or a route; to install it twice is a ConfigurationError."""
        return DefineMiddleware(_Middleware, backend=_Backend(self))


@guarded
def get_session(connection: AnyConnection, *, key: str = "session") -> Session:
    """Return `request.session` with its type; raise ConfigurationError without the middleware."""
    line = "Litestar(…, middleware=[IronSessionConfig(options).middleware])"
    return find_session(connection.scope, key, line)


@guarded
def get_iron_session(
    connection: AnyConnection, response: Response[Any], options: SessionOptions[T]
) -> Session[T]:
    """Return the request's session. Only its `save()` and `destroy()` write, to this response.

    The handler must return this response: plain data would carry no cookie. Raises
    ConfigurationError if `options` is not a `SessionOptions` or the middleware manages this cookie.
    """
    scope = connection.scope
    return session_by_hand(scope, options, _Head(scope), _ResponseHeaders(response))


class _ResponseHeaders:
    """A response's dict of headers, and its list of cookies."""

    def __init__(self, response: Response[Any]) -> None:
        self._response: Any = response

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header, in order."""
        headers = self._response.headers
        values = [str(headers[key]) for key in self._keys(name)]
        if name == "Set-Cookie":
            values += [str(cookie.to_header(header="")) for cookie in self._response.cookies]
        return values

    def set(self, name: str, values: Sequence[str]) -> None:
        """Set a header's values, in place of those that it has."""
        for key in self._keys(name):
            del self._response.headers[key]
        if name == "Set-Cookie":
            self._response.cookies = []
        for value in values:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Set a header, which can have only one value, or add a cookie beside the others."""
        if name == "Set-Cookie":
            key = value.partition("=")[0]
            self._response.cookies.append(_FinishedCookie(key=key, value=value))
        else:
            self._response.headers[name] = value

    def _keys(self, name: str) -> list[str]:
        return [key for key in self._response.headers if key.lower() == name.lower()]


class _FinishedCookie(Cookie):
    def __repr__(self) -> str:
        return f"<cookie {self.key}>"  # its value is a seal

    def to_header(self, **_: object) -> str:
        return str(self.value)


# --- around one handler --------------------------------------------------------------------------

Handler = TypeVar("Handler", bound=BaseRouteHandler)


@guarded
def with_iron_session(
    options: SessionOptions[Any], *, key: str = "session"
) -> Callable[[Handler], Handler]:
    """Return a decorator that gives one route handler its `request.session`.

    It stands above `@get(…)`, `@websocket(…)` or the like, in a controller too, and puts the
    middleware of `IronSessionConfig(options)` before the handler's own.

    Args:
        options: built once, at import time.
        key: where in the scope the session lies. A second session takes another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or what is decorated is no route
            handler; at a request: the middleware of the application, of a router or of another
            decorator serves the cookie or the key already.
    """
    middleware = IronSessionConfig(options, scope_key=key).middleware

    def decorate(handler: Handler) -> Handler:
        if not isinstance(handler, BaseRouteHandler):
            raise ConfigurationError(
                f"{handler!r} is no route handler: put with_iron_session above @get(…) or the like"
            )
        handler.middleware = [middleware, *(handler.middleware or ())]
        return handler

    return decorate
