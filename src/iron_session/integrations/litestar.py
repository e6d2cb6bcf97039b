"""Litestar: `request.session`, or a session by hand.

app = Litestar(…, middleware=[IronSessionConfig(options).middleware])     # then: request.session
session = get_iron_session(request, response, options)                    # then: session.save()
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any

try:
    from litestar import Response
    from litestar.connection import ASGIConnection
    from litestar.datastructures import Cookie
    from litestar.middleware import DefineMiddleware
    from litestar.middleware.session import base
    from litestar.types import Empty, Scopes
except ModuleNotFoundError as _cause:
    _needs = "iron_session.integrations.litestar needs Litestar: pip install litestar"
    raise ImportError(_needs) from _cause

# Litestar's own names: should they move, the import says which.
from litestar._asgi.utils import wrap_in_exception_handler
from litestar.utils.scope.state import ScopeState

from iron_session.doors import connections, headers, requests, responses
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

__all__ = ["IronSessionConfig", "get_iron_session", "get_session"]
AnyConnection = ASGIConnection[Any, Any, Any, Any]


class _Connection(connections.Connection):
    __slots__ = ()
    scope: Any  # to Litestar it is one of several TypedDicts

    def _with_session(self, message: connections.Message) -> connections.Message:
        # Litestar answers an exception while it is handling it: with a 500 where nobody else has.
        if message.get("status") == 500 and sys.exception() is not None:
            self.session.abandon()
        return super()._with_session(message)

    def adopt_replacement(self) -> None:
        found, self.scope[self._key] = self.scope.get(self._key), self.session
        if found is self.session:
            return
        if found is Empty:  # which `clear_session` leaves
            found = {}
        elif type(found) is not dict:  # a model for `set_session`, as Litestar itself stores it
            found = _Backend.deserialize_data(_Backend.serialize_data(found, self.scope))
        self.session.replace(found)

    def interrupt(self) -> None:
        super().interrupt()
        # Or Litestar takes the response for started, and asks none of its exception handlers.
        ScopeState.from_scope(self.scope).response_started = False


class _Middleware(base.SessionMiddleware["_Backend"]):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        config = self.backend.config
        connection: Any = _Connection(scope, config.scope_key, config.options, send)
        try:
            await self.app(scope, receive, connection.send)
        except Exception as error:
            # Or the answer to an exception of the middleware within would not pass here.
            failed = wrap_in_exception_handler(partial(_raise, error))
            await failed(scope, receive, connection.send)
        finally:
            connection.adopt_replacement()  # one that came too late is a late change
            connection.end()


async def _raise(error: Exception, *_: object) -> None:
    raise error


class _Backend(base.BaseSessionBackend["IronSessionConfig"]):  # for Litestar's test client
    def get_session_id(self, connection: AnyConnection) -> None:
        return None

    async def load_from_connection(self, connection: AnyConnection) -> dict[str, Any]:
        return dict(self._session_of(connection))

    async def store_in_message(self, scope_session: Any, message: Any, connection: Any) -> None:
        session = self._session_of(connection)
        session.replace(scope_session)
        responses.write_session(session, headers.RawHeaders(message["headers"]))

    def _session_of(self, connection: AnyConnection) -> Session:
        cookies = "; ".join(f"{name}={value}" for name, value in connection.cookies.items())
        return Session(HeaderJar(cookies), self.config.options)


@dataclass
class IronSessionConfig(base.BaseBackendConfig[_Backend]):
    """What `Litestar(middleware=[….middleware])`, `SessionAuth` and Litestar's test client take.

    Args:
        options: built once, at import time; ConfigurationError if they are no `SessionOptions`.
        scope_key: where in the scope the session lies. A second session takes another key.
        exclude, exclude_opt_key, scopes: as in Litestar's own, paths and routes without a session.
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

    @property
    def middleware(self) -> DefineMiddleware:
        """For an application, a router or a route; installed twice, a ConfigurationError."""
        return DefineMiddleware(_Middleware, backend=_Backend(self))


def get_session(connection: AnyConnection, *, key: str = "session") -> Session:
    """Give `request.session` as what it is; ConfigurationError without the middleware."""
    line = "Litestar(…, middleware=[IronSessionConfig(options).middleware])"
    return requests.find_session(connection.scope, key, line)


def get_iron_session(
    connection: AnyConnection, response: Response[Any], options: SessionOptions[T]
) -> Session[T]:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    It is what the handler returns, for plain data would carry no cookie. A ConfigurationError:
    the options are no `SessionOptions`, or the middleware serves this cookie.
    """
    requests.check_not_served(connection.scope, options)
    cookies = requests.raw_cookie_header(connection.scope["headers"])
    written = headers.DictHeaders(response, _FinishedCookie)
    return Session(responses.ResponseJar(cookies, written), options)


class _FinishedCookie(Cookie):
    def to_header(self, **_: object) -> str:
        return str(self.value)
