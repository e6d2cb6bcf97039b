"""Flask: `flask.session`, or a session by hand.

app.session_interface = IronSessionInterface(options)           # then: flask.session
session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

from typing import Any, Final, cast

try:
    from flask import Flask, Request, Response, got_request_exception, has_request_context, request
    from flask.sessions import SessionInterface, SessionMixin
    from werkzeug.wrappers import Response as AnyResponse
except ImportError as _cause:
    raise ImportError("iron_session.integrations.flask needs Flask: pip install flask") from _cause

from iron_session.doors import responses
from iron_session.doors.group import FIRST, group_of
from iron_session.doors.headers import WerkzeugHeaders
from iron_session.doors.interface import SharedInterface, behind
from iron_session.doors.requests import check_not_served, environ_cookie_header, find_session
from iron_session.doors.settings import permanent_terms
from iron_session.errors import IronSessionError
from iron_session.sessions import HeaderJar, Session
from iron_session.sessions import session as core
from iron_session.sessions.options import SessionOptions, T

__all__ = ["FlaskSession", "IronSessionInterface", "get_iron_session", "get_session"]

INSTALL: Final = "app.session_interface = IronSessionInterface(options)"


class FlaskSession(Session, SessionMixin):
    """A session with what Flask and its extensions look for.

    `permanent = True` gives this one a life of `app.permanent_session_lifetime`, `False` has its
    cookie end with the browser's own session; where neither was said, the options decide.
    """

    __slots__ = ("_app",)

    def __init__(self, app: Any, cookie_header: Any, options: SessionOptions) -> None:
        super().__init__(HeaderJar(cookie_header), options)
        self._app = app

    @property
    def new(self) -> bool:  # type: ignore[override]  # there an attribute
        """Whether the request brought no session that could be read."""
        return self.is_new

    def own_terms(self) -> Any:
        """Give what `permanent` asks for, which Flask keeps in the data."""
        lifetime = self._app.permanent_session_lifetime
        return permanent_terms(self.options, self.get("_permanent"), lifetime)


class IronSessionInterface(SharedInterface, SessionInterface):
    """Give each request its session, and write it into the response.

    Of the application's settings only PERMANENT_SESSION_LIFETIME counts, for sessions that are told
    to be `permanent`. For the rest the options decide; `renew_after` is what refreshes sessions.
    Sessions hold JSON: a flashed `Markup` comes back as text, which templates escape.

    Args:
        options: built once, at import time.
        others: of more sessions, by the key that `get_session(key=…)` takes.

    Raises:
        ConfigurationError: two sessions for one cookie. At the first request, or already in
            `init_app(app)`: a setting that is not Flask's default contradicts the options.
    """

    def listen(self, app: Flask) -> None:
        """Have sessions left as they are when a request fails."""
        got_request_exception.connect(_abandon, app)

    def open_session(self, app: Flask, request: Request) -> FlaskSession:
        """Begin the request's sessions; nothing is read before somebody looks."""

        def make(one: SessionOptions) -> FlaskSession:
            return FlaskSession(app, environ_cookie_header(request.environ, one.cookie_name), one)

        return self.begin(app, request, request.environ, make)

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Write the request's sessions into the response; nothing but headers is left to be sent.

        What can't be written is the application's to answer, if it has a handler for the error.
        """
        if not (session.accessed or self.others):
            session.jar.close()
            responses.take_off_noted(response.headers, WerkzeugHeaders)
            response.call_on_close(lambda: responses.report_late_changes(session))
            return
        group = group_of(behind(request))
        try:
            group.write(responses.NotedHeaders(response.headers, WerkzeugHeaders))
        except IronSessionError as error:
            if group.in_test:
                raise
            answer = app.make_response(app.handle_user_exception(error))
            _become(response, app.process_response(answer))
        else:
            response.call_on_close(group.report_late_changes)


def _become(response: Response, answer: Response) -> None:
    """Turn the response at hand into another: Flask goes on with the one that it has."""
    body: Any = response.response
    if hasattr(body, "close"):
        body.close()
    response.status, response.headers = answer.status, answer.headers
    response.response, answer.response = answer.response, []
    response.direct_passthrough = answer.direct_passthrough
    response.call_on_close(answer.close)


def _abandon(_app: Flask, **_: object) -> None:
    if has_request_context():
        group_of(behind(request)).abandon()


def get_session(*, key: str = FIRST) -> FlaskSession:
    """Give `flask.session`, with its type known to type checkers, or another of the request's.

    Raises:
        ConfigurationError: the interface is not installed, or has no session of this key.
    """
    return cast(FlaskSession, find_session(group_of(behind(request)), key, INSTALL))


def get_iron_session(
    request: Request, response: AnyResponse, options: SessionOptions[T]
) -> Session[T]:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    Args:
        request: `flask.request`.
        response: the one that will be returned.
        options: built once, at import time.

    Raises:
        ConfigurationError: they are no `SessionOptions`, or the interface serves this cookie.
    """
    check_not_served(request.environ, options)
    headers = WerkzeugHeaders(response.headers)
    cookies = environ_cookie_header(request.environ, options.cookie_name)
    return core.get_iron_session(responses.ResponseJar(cookies, headers), options)
