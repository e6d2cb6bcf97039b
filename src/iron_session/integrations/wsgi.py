"""The WSGI gateway: a session in the environ of every request.

app = IronSessionMiddleware(app, options)      # then: environ["iron_session"]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from iron_session.doors.headers import ListedHeaders
from iron_session.doors.requests import (
    adopt_replacement,
    begin_session,
    check_not_served,
    environ_cookie_header,
    find_session,
)
from iron_session.doors.responses import ResponseJar, header_jar, report_late_changes, write_session
from iron_session.sessions import session as core
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["IronSessionMiddleware", "get_iron_session", "get_session"]

_KEY = "iron_session"


class IronSessionMiddleware:
    """Give each request a session, and write it when the application starts its response.

    A response that an application starts with `exc_info` takes the place of one that has failed:
    it gets no cookie.

    Args:
        app: the application within.
        options: built once, at import time.
        key: where in the environ the session lies. A second session takes another key.
        session_type: the session's class, where the framework within asks for one of its own.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; at a request: the middleware is
            installed twice for one cookie.
    """

    def __init__(
        self,
        app: WSGIApplication,
        options: SessionOptions,
        *,
        key: str = _KEY,
        session_type: type[Session] = Session,
    ) -> None:
        self.app: WSGIApplication = app
        self.options: SessionOptions = check_options(options)
        self.key: str = key
        self.session_type: type[Session] = session_type

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Run the application with a session in its environ."""
        key = self.key
        cookies = environ_cookie_header(environ, self.options.cookie_name)
        session = begin_session(environ, key, self.options, cookies, self.session_type)

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if exc_info is not None:
                session.abandon()
            else:
                adopt_replacement(environ, key, session)
            if session.accessed:
                headers = list(headers)
                write_session(session, ListedHeaders(headers))
            header_jar(session).close()
            return start_response(status, headers, exc_info)

        return _watched(self.app(environ, start), session, environ)


def _watched(body: Iterable[bytes], session: Session, environ: WSGIEnvironment) -> Iterable[bytes]:
    """Have late changes reported once the body has been sent.

    A body that runs no code of the application is handed on as it is: of a file the server may have
    a quicker way to send it.
    """
    if isinstance(body, (list, tuple)):
        report_late_changes(session)
        return body
    wrapper = environ.get("wsgi.file_wrapper")  # a class, or with some servers a function
    is_file = isinstance(wrapper, type) and isinstance(body, wrapper)
    return body if is_file else _WatchedBody(body, session)


class _WatchedBody:
    """A body that reports late changes when it is closed."""

    def __init__(self, body: Iterable[bytes], session: Session) -> None:
        self._body = body
        self._session = session

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the body, as the server does at the end, and at a connection that broke."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            report_late_changes(self._session)


def get_session(environ: WSGIEnvironment, *, key: str = _KEY) -> Session:
    """Give the middleware's session, with its type known to type checkers.

    Raises:
        ConfigurationError: the middleware is not installed.
    """
    return find_session(environ, key, "app = IronSessionMiddleware(app, options)")


def get_iron_session(
    environ: WSGIEnvironment, headers: list[tuple[str, str]], options: SessionOptions[T]
) -> Session[T]:
    """Give the session of a request; only its `save()` and `destroy()` write, to these headers.

    Args:
        environ: the request.
        headers: the list that `start_response` will be given.
        options: built once, at import time.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or the middleware serves this
            cookie already: of two sessions in one request, the one could undo the other's logout.
    """
    check_not_served(environ, options)
    cookies = environ_cookie_header(environ, options.cookie_name)
    jar = ResponseJar(cookies, ListedHeaders(headers))
    return core.get_iron_session(jar, options)
