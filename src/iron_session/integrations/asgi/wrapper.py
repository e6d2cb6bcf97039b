"""A session around one ASGI application, and for no other. Imports no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, TypeVar, cast

from iron_session._frames import guarded
from iron_session.http.request import REGISTRY
from iron_session.integrations.asgi.connection import Scope
from iron_session.integrations.asgi.middleware import IronSessionMiddleware
from iron_session.sessions.options import SessionOptions, check_options
from iron_session.sessions.session import Session

__all__ = ["forget_ended", "with_iron_session"]

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[None]])


@guarded
def with_iron_session(
    options: SessionOptions[Any], *, key: str = "session"
) -> Callable[[Handler], Handler]:
    """Return a decorator that gives one ASGI application a session, as the middleware does.

    It also decorates a method that takes `(scope, receive, send)`. When the connection is over,
    the scope has no session any more.

    Args:
        options: built once, at import time.
        key: where in the scope the session lies. A second session takes another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; at a request: the middleware, or
            another decorator around this one, serves the cookie or the key already.
    """
    cookie_name = check_options(options).cookie_name

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def call(first: Any, second: Any, third: Any, /, *rest: Any) -> None:
            """Answer as the application does, with the session."""
            # Three at least: servers take what can be called without any for a factory.
            *owner, scope, receive, send = first, second, third, *rest
            del first, second, third, rest
            application = partial(handler, *owner)
            try:
                middleware = IronSessionMiddleware(application, options, key=key)
                await middleware(scope, receive, send)
            finally:
                forget_ended(scope, key, cookie_name)
                del scope, receive, send  # an error shows the variables of a coroutine

        return cast(Handler, call)

    return decorate


def forget_ended(scope: Scope, key: str, cookie_name: str) -> None:
    """Remove the session from the scope if it has ended, so that another can begin there."""
    registry = scope.get(REGISTRY, {})
    session = registry.get(cookie_name)
    if isinstance(session, Session) and session.detached:
        del registry[cookie_name]
        if scope.get(key) is session:
            del scope[key]
