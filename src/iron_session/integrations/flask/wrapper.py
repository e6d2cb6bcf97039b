"""Flask: a session for one view, with nothing installed for the application.

@app.get("/")
@with_iron_session(options)                                     # then: flask.session
def view(): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from flask import (
    Response,
    after_this_request,
    got_request_exception,
    request,
    request_finished,
    session,
)
from flask.globals import request_ctx

from iron_session._frames import guarded
from iron_session.errors import IronSessionError
from iron_session.integrations.flask.headers import WerkzeugHeaders
from iron_session.integrations.flask.interface import (
    FIRST,
    FlaskSessions,
    behind,
    sessions_of,
)
from iron_session.integrations.flask.session import (
    FlaskSession,
    abandon,
    listen_to_logins,
    show_session,
)
from iron_session.integrations.flask.unavailable import FlaskHead
from iron_session.integrations.flask.wrapping import (
    InPlace,
    decorated,
    lend,
    put,
    put_back,
    report_uncarried,
)
from iron_session.sessions import HeaderJar
from iron_session.sessions.options import SessionOptions, check_options

__all__ = ["with_iron_session"]

F = TypeVar("F", bound=Callable[..., Any])


@guarded
def with_iron_session(options: SessionOptions, *, key: str = FIRST) -> Callable[[F], F]:
    """Return a decorator that gives one view a session: a function, or a method of a view class.

    While the view runs, `flask.session` is this session, also in error handlers and while the body
    is streamed. Flask's own session is put back before Flask saves it. The session is written into
    whatever answers the request, also if that is an error handler. Later changes are logged as
    lost. Flask's settings for its own cookie do not apply. Views that call each other share the
    session if they are decorated with the same options.

    Args:
        options: built once, at import time.
        key: `get_session` finds the session by it. With another key than the default,
            `flask.session` stays Flask's own. A second session needs another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; at a request: the interface or
            another decorator already serves this cookie or key.
    """
    check_options(options)
    got_request_exception.connect(abandon)
    request_finished.connect(_finish)
    return lambda view: decorated(view, lambda: _begin(options, key))


@guarded
def _begin(options: SessionOptions, key: str) -> InPlace:
    """Begin a view's session; it is not read before it is used."""
    asked, context = behind(request), behind(request_ctx)

    def make(one: SessionOptions) -> FlaskSession:
        head = FlaskHead(asked.environ)
        return FlaskSession(context.app, HeaderJar(head.cookie_header, head), one)

    sessions, is_first = lend(asked, asked.environ, key, options, make)
    if is_first:
        listen_to_logins(context.app)
        after_this_request(_write)
    return InPlace(context, sessions, key)


def _write(response: Response) -> Response:
    """Write the sessions of views into a response.

    If one can't be written, the application's handler for the error answers, if it has one.
    """
    context, sessions = behind(request_ctx), sessions_of(behind(request))
    put_back(context, sessions)
    own = sessions.by_key.get(FIRST)
    if own is not None and response.response is session:  # which Flask takes for an iterator
        show_session(context.app, response, own)
    for _ in sessions.by_key:  # each of them raises once at most
        try:
            _write_into(response, sessions)
        except IronSessionError as error:
            response = _answer(context, sessions, error, response)
        else:
            break
    else:
        _write_into(response, sessions)
    if sessions.endings:
        sessions.settle()
    if own is not None and not (response.is_sequence or response.direct_passthrough):
        response.response = _Body(response.response, context, sessions)
    return response


def _write_into(response: Response, sessions: FlaskSessions) -> None:
    sessions.reopen()  # an earlier response may have been dropped for this one
    sessions.write_noted(response.headers, WerkzeugHeaders(response.headers))


def _answer(
    context: Any, sessions: FlaskSessions, error: IronSessionError, response: Response
) -> Response:
    """Return the application's response to an error; it replaces the one that it had."""
    app = context.app
    put(context, sessions)
    try:
        answer: Response = app.make_response(app.handle_user_exception(error))
    finally:
        put_back(context, sessions)
    answer.call_on_close(response.close)
    return answer


class _Body:
    """A streamed body; while each part is made, the view's session is in place."""

    def __init__(self, parts: Any, context: Any, sessions: FlaskSessions) -> None:
        self._parts = parts
        self._next = iter(parts).__next__
        self._place = context, sessions

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        """Return the next part."""
        put(*self._place)
        try:
            return self._next()
        finally:
            put_back(*self._place)

    def close(self) -> None:
        """Close the view's own body."""
        close = getattr(self._parts, "close", None)
        if close is not None:
            put(*self._place)
            try:
                close()
            finally:
                put_back(*self._place)


def _finish(_app: object, response: Response, **_: object) -> None:
    """End the sessions of views with the response that is sent in the end."""
    sessions = sessions_of(behind(request))
    if sessions.are_of_views:
        report_uncarried(sessions, response.headers.getlist("Set-Cookie"))
        response.call_on_close(sessions.end)
