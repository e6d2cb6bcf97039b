"""WSGI: a session in the environ of every request.

app = IronSessionMiddleware(app, options)      # then: environ["iron_session"]

@with_iron_session(options)                    # one application; then the same
def app(environ, start_response): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from iron_session._frames import clear_frames, guarded
from iron_session.errors import IronSessionError, SessionUnavailableError
from iron_session.http.headers import ListedHeaders
from iron_session.http.heads import EnvironHead
from iron_session.http.misuse import explain
from iron_session.http.request import (
    RequestSessions,
    find_session,
    session_by_hand,
    warn_of_foreign_session,
)
from iron_session.http.response import header_jar
from iron_session.http.unavailable import HEADERS, STATUS, TEXT
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["IronSessionMiddleware", "get_iron_session", "get_session", "with_iron_session"]

A = TypeVar("A", bound=Callable[..., Iterable[bytes]])

_KEY = "iron_session"
_UNAVAILABLE = f"{STATUS} {TEXT}"
_REMOVE = "Remove one of the two, or give this one another key"


class IronSessionMiddleware:
    """Put a session into each environ, and write it when the application starts its response.

    A response started with `exc_info` replaces one that has failed, so it gets no cookie, unless
    it answers an `IronSessionError`. A `SessionUnavailableError` that nobody answers becomes a 503.

    Args:
        app: the wrapped application.
        options: built once, at import time.
        key: the session's key in the environ. A second session needs another one.
        session_type: the session's class, for a framework that needs one of its own.
        abandon_500: whether a response of status 500 gets no cookie, for a framework that answers
            unhandled exceptions itself, without `exc_info`.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`; at a request: the middleware is
            installed twice for one cookie.
    """

    @guarded
    def __init__(
        self,
        app: WSGIApplication,
        options: SessionOptions,
        *,
        key: str = _KEY,
        session_type: type[Session] = Session,
        abandon_500: bool = False,
    ) -> None:
        self.app: WSGIApplication = app
        self.options: SessionOptions = check_options(options)
        self.key: str = key
        self.session_type: type[Session] = session_type
        self.abandon_500: bool = abandon_500

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Run the application with a session in its environ."""
        key, outer, head = self.key, environ.get(self.key), EnvironHead(environ)
        sessions = RequestSessions()

        def begin(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            session = sessions.by_key[key]
            if self._is_unavailable(status, exc_info, session):
                status = _UNAVAILABLE
            if self._has_failed(status, exc_info):
                session.abandon()
            else:
                _adopt_replacement(environ, key, session, head)
            if session.accessed:
                headers = list(headers)
                sessions.write(ListedHeaders(headers))
                if session.endings:
                    sessions.settle()
            else:
                sessions.close()
            found = environ.get(key)
            if outer is not None:  # the application around this one finds its own session
                environ[key] = outer
            write = start_response(status, headers, exc_info)
            environ[key] = found
            return write

        def start(*args: Any) -> Callable[[bytes], object]:
            try:
                return begin(*args)
            except BaseException as error:
                del args
                clear_frames(error)
                raise

        def answer() -> list[bytes]:
            sessions.abandon()
            start(_UNAVAILABLE, list(HEADERS))
            return [TEXT.encode()]

        try:
            nested = _is_nested(outer, head)
            sessions.begin(environ, key, self.options, head, self.session_type, nested=nested)
            try:
                body = self.app(environ, start)
            except SessionUnavailableError:
                if sessions.started:
                    raise
                body = answer()
        except BaseException as error:
            del environ  # error reports show variables: here, the request's cookies
            explain(error)
            clear_frames(error)
            raise
        if outer is not None:
            environ[key] = outer
        return _watched(body, sessions, environ, answer)

    def _has_failed(self, status: str, exc_info: Any) -> bool:
        """Return whether the response answers an exception that nobody handled."""
        if exc_info is not None:
            return not isinstance(exc_info[1], IronSessionError)
        return self.abandon_500 and status.startswith("500")

    def _is_unavailable(self, status: str, exc_info: Any, session: Session) -> bool:
        """Return whether a framework has answered 500 because the session can't be told."""
        if not status.startswith("500"):
            return False
        if exc_info is not None:
            return isinstance(exc_info[1], SessionUnavailableError)
        return self.abandon_500 and session.told_unavailable


def _is_nested(outer: object, head: EnvironHead) -> bool:
    """Return whether the session under our key is that of an application around this one."""
    if not isinstance(outer, Session):
        return False
    around = header_jar(outer).request
    return isinstance(around, EnvironHead) and around.place != head.place


def _adopt_replacement(
    environ: WSGIEnvironment, key: str, session: Session, head: EnvironHead
) -> None:
    """Store a plain dict that the application has put in the session's place.

    A dict that a mounted application has put there is not stored: it is that application's own.
    """
    found = environ.get(key)
    if found is session or isinstance(found, Session):
        return
    if type(found) is dict and environ.get("SCRIPT_NAME", "") == head.place:
        if not session.abandoned:
            environ[key] = session  # first, so that a dict that is refused raises only once
            session.replace(found)
    elif found is not None:
        warn_of_foreign_session(type(found), key, session.options.cookie_name, _REMOVE)


def _watched(
    body: Iterable[bytes],
    sessions: RequestSessions,
    environ: WSGIEnvironment,
    answer: Callable[[], Iterable[bytes]],
) -> Iterable[bytes]:
    """Return a body that reports late changes once it has been sent.

    A body that runs no code of the application is returned as it is: the server may have a quicker
    way to send a file.
    """
    wrapper = environ.get("wsgi.file_wrapper")  # a class, or with some servers a function
    is_file = isinstance(wrapper, type) and isinstance(body, wrapper)
    if is_file or isinstance(body, (list, tuple)):
        sessions.end()
        return body
    return _WatchedBody(body, sessions, answer)


class _WatchedBody:
    """A body that reports late changes when it is closed."""

    def __init__(
        self,
        body: Iterable[bytes],
        sessions: RequestSessions,
        answer: Callable[[], Iterable[bytes]],
    ) -> None:
        self._body = body
        self._sessions = sessions
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body) if self._sessions.started else self._started_now()

    def _started_now(self) -> Iterator[bytes]:
        """Yield the parts of a body with whose first part the response starts."""
        try:
            yield from self._body
        except SessionUnavailableError:
            if self._sessions.started:
                raise
            yield from self._answer()

    def close(self) -> None:
        """Close the body; the server does so at the end, and when the connection breaks."""
        self._sessions.stop_varying()  # no part of the body is left that could depend on it
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._sessions.end()


@guarded
def get_session(environ: WSGIEnvironment, *, key: str = _KEY) -> Session:
    """Return the middleware's session, with its type for type checkers.

    Raises:
        ConfigurationError: the middleware is not installed.
    """
    return find_session(environ, key, "app = IronSessionMiddleware(app, options)")


@guarded
def get_iron_session(
    environ: WSGIEnvironment, headers: list[tuple[str, str]], options: SessionOptions[T]
) -> Session[T]:
    """Return the request's session. Only its `save()` and `destroy()` write, to these headers.

    Args:
        environ: the request.
        headers: the list that will be passed to `start_response`.
        options: built once, at import time.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, or the middleware already manages
            this cookie: one of two sessions could undo the other's logout.
    """
    return session_by_hand(environ, options, EnvironHead(environ), ListedHeaders(headers))


@guarded
def with_iron_session(options: SessionOptions, *, key: str = _KEY) -> Callable[[A], A]:
    """Return a decorator that gives one WSGI application a session: a function, or a method.

    It is `IronSessionMiddleware` around the application, which stays a function of its name.

    Args:
        options: built once, at import time.
        key: the environ's key for the session. A second session needs another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; at a request: another middleware or
            decorator already serves this cookie or key.
    """
    check_options(options)

    def decorate(app: A) -> A:
        @guarded
        @wraps(app)
        def call(*args: Any) -> Iterable[bytes]:
            # A method gets its object first.
            middleware = IronSessionMiddleware(partial(app, *args[:-2]), options, key=key)
            return middleware(*args[-2:])

        return cast(A, call)

    return decorate
