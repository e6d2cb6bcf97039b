"""A session for one view: what Flask and Quart have in common, without either.

It begins when the view is called, and takes the place of the framework's own session while the view
runs; that one is put back before the framework saves it. It is written when the response of the
view, or of an error handler, is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from contextlib import AbstractContextManager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final, TypeVar, cast

from iron_session.errors import ConfigurationError
from iron_session.http.request import check_apart, installed_twice
from iron_session.http.response import end_session, header_jar
from iron_session.http.unavailable import translated
from iron_session.integrations.flask.interface import (
    FIRST,
    FlaskSessions,
    begin_session,
    keep_sessions,
    sessions_of,
)
from iron_session.integrations.flask.unavailable import UnavailableHTTPError, own_handler
from iron_session.sessions.options import SessionOptions
from iron_session.sessions.session import Session

__all__ = ["InPlace", "decorated", "lend", "put", "put_back", "report_uncarried"]

F = TypeVar("F", bound=Callable[..., Any])

_REPLACED: Final = (
    "a function that runs after the request removed the cookie from the response, or returned "
    "another response"
)


def decorated(view: F, begin: Callable[[], AbstractContextManager[None]]) -> F:
    """Return a view, or a method of one, that runs in the context that a function returns.

    Raises:
        ConfigurationError: it is a class.
    """
    if isinstance(view, type):
        raise ConfigurationError(
            f"with_iron_session decorates a view: decorate the methods of {view.__name__}"
        )
    if iscoroutinefunction(view):

        @wraps(view)
        async def call_async(*args: Any, **named: Any) -> Any:
            """Answer as the view does, with the session."""
            with begin():
                return await view(*args, **named)

        return cast(F, call_async)

    @wraps(view)
    def call(*args: Any, **named: Any) -> Any:
        with begin():
            return view(*args, **named)

    return cast(F, call)


def lend(
    asked: object,
    mapping: MutableMapping[str, Any],
    key: str,
    options: SessionOptions,
    make: Callable[[SessionOptions], Session],
) -> tuple[FlaskSessions, bool]:
    """Begin a session for a view, unless another decorated view of the request began it.

    Args:
        asked: the framework's request object, which keeps the sessions.
        mapping: the request's mapping, see `iron_session.http.request`.
        key: `get_session` finds the session by it.
        options: checked already.
        make: returns a session with a `HeaderJar`, for its options.

    Returns:
        The request's sessions, and whether the caller has to see that they are written: where the
        interface is installed, it writes them, and a first decorator does so for the others.

    Raises:
        ConfigurationError: the request has another session for this key or cookie.
    """
    sessions = sessions_of(asked)
    if sessions.lent.get(key) is options:
        return sessions, False
    if key in sessions.by_key:
        raise installed_twice(options.cookie_name, key)
    others = {other: session.options for other, session in sessions.by_key.items()}
    check_apart({**others, key: options})
    is_first = not sessions.by_key
    sessions.by_key[key] = begin_session(mapping, key, make(options))
    sessions.lent[key] = options
    keep_sessions(asked, sessions)
    return sessions, is_first


class InPlace(AbstractContextManager[None]):
    """Puts a view's session in the place of the framework's own, for the length of a block.

    If the block raises, it stays there for error handlers, until `put_back` is called.

    Args:
        context: the framework's context, which holds its session.
        sessions: the request's.
        key: the view's; another one than the framework's own changes nothing here.
    """

    def __init__(self, context: Any, sessions: FlaskSessions, key: str) -> None:
        self._context = context
        self._sessions = sessions
        self._is_outermost = key == FIRST and sessions.displaced is None

    def __enter__(self) -> None:
        """Put the session there, if it is not there already."""
        if self._is_outermost:
            put(self._context, self._sessions)

    def __exit__(self, _: object, error: BaseException | None, traceback: object) -> None:
        """Put the framework's own back.

        Raises:
            SessionUnavailableError: as the framework answers it, for one that it does not know.
        """
        if self._is_outermost and error is None:
            put_back(self._context, self._sessions)
        told = translated(error, UnavailableHTTPError)
        if told is not None:
            context = self._context
            if own_handler(context.app, context.request.blueprints, told) is None:
                self._sessions.abandon()
            raise told from error


def put(context: Any, sessions: FlaskSessions) -> None:
    """Put a view's session in the place of the framework's own, if a view has one for it."""
    if FIRST in sessions.lent and sessions.displaced is None:
        slot = _slot(context)
        sessions.displaced = getattr(context, slot)
        setattr(context, slot, sessions.by_key[FIRST])


def put_back(context: Any, sessions: FlaskSessions) -> None:
    """Put the framework's own session back, if a view's is in its place."""
    if sessions.displaced is not None:
        setattr(context, _slot(context), sessions.displaced)
        sessions.displaced = None


def _slot(context: object) -> str:
    """Return the attribute of a context that holds its session, and does not count as a use."""
    return "_session" if "_session" in vars(context) else "session"


def report_uncarried(sessions: FlaskSessions, sent: Iterable[str]) -> None:
    """Log the sessions of views whose cookies a response no longer has.

    Args:
        sessions: the request's.
        sent: the values of `Set-Cookie` that the response has in the end.
    """
    for key in sessions.lent:
        session = sessions.by_key[key]
        cookies = header_jar(session).set_cookie_headers
        if not (session.renewed or set(cookies) <= set(sent)):
            end_session(session, uncarried=_REPLACED)
