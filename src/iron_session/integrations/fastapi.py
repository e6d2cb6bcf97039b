"""FastAPI: the session as a dependency, beside all that Starlette's integration has.

app.add_middleware(IronSessionMiddleware, options=options)
CurrentSession = Annotated[Session, Depends(SessionDependency(options))]  # or Session[Visitor]

@app.get("/")
def home(session: CurrentSession): ...
"""

# No `from __future__ import annotations` here: where a dependency is an object, FastAPI up to 0.123
# can't look up what an annotation's text means, and would ask visitors for a query parameter.
from typing import Generic

try:
    from fastapi.requests import HTTPConnection
except ModuleNotFoundError as _cause:
    raise ImportError(
        "iron_session.integrations.fastapi needs FastAPI: pip install fastapi"
    ) from _cause

from iron_session.doors.requests import REGISTRY
from iron_session.errors import ConfigurationError
from iron_session.integrations.starlette import (
    IronSessionMiddleware,
    get_iron_session,
    get_session,
)
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

__all__ = ["IronSessionMiddleware", "SessionDependency", "get_iron_session", "get_session"]


class SessionDependency(Generic[T]):
    """A dependency that gives the connection's session, in HTTP and WebSocket routes.

    It needs the middleware with the same options: only from there can a session be written into
    every response, also one that the handler builds itself or streams.

    Args:
        options: the very ones that the middleware was given.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; at the first request: the
            middleware is not installed, or was given other options.
    """

    def __init__(self, options: SessionOptions[T]) -> None:
        check_options(options)
        self._options = options
        self._checked = False

    async def __call__(self, connection: HTTPConnection) -> Session[T]:
        """Give the session; async, so that FastAPI starts no thread for it."""
        name = self._options.cookie_name
        session: Session[T] | None = connection.scope.get(REGISTRY, {}).get(name)
        if session is None:
            raise ConfigurationError(
                f"no IronSessionMiddleware is installed for the cookie {name!r}: add "
                "app.add_middleware(IronSessionMiddleware, options=options)"
            )
        if not self._checked and session.options != self._options:
            raise ConfigurationError(
                f"the IronSessionMiddleware for the cookie {name!r} has other options than this "
                "dependency: build SessionOptions once, and give it to both"
            )
        self._checked = True
        return session
