"""Flask: `flask.session`, or a session by hand.

app.session_interface = IronSessionInterface(options)           # then: flask.session
session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

try:
    from flask import (
        Flask,
        Request,
        Response,
        current_app,
        got_request_exception,
        has_request_context,
        request,
    )
    from flask import sessions as flask_sessions
    from flask.sessions import SessionInterface
    from werkzeug.exceptions import ServiceUnavailable
    from werkzeug.local import LocalProxy
    from werkzeug.wrappers import Response as AnyResponse
except ImportError as _cause:
    raise ImportError("iron_session.integrations.flask needs Flask: pip install flask") from _cause

from iron_session import _time
from iron_session._frames import clear_frames, guarded
from iron_session.errors import IronSessionError, NotSerializableError
from iron_session.http.misuse import explain
from iron_session.http.request import find_session, session_by_hand
from iron_session.http.response import end_session, take_off_noted
from iron_session.integrations.flask.headers import WerkzeugHeaders
from iron_session.integrations.flask.interface import (
    FIRST,
    SharedInterface,
    begin_login,
    begin_remembered,
    behind,
    expire_unreadable,
    listen_to_flask_login,
    misused,
    refuse_remembered,
    sessions_of,
    showable,
)
from iron_session.integrations.flask.settings import permanent_terms
from iron_session.integrations.flask.texts import plain
from iron_session.integrations.flask.unavailable import FlaskHead, answer_by_default, own_handler
from iron_session.sessions import HeaderJar, Session, flashes, sealed
from iron_session.sessions.options import SessionOptions, T
from iron_session.sessions.request_head import is_navigation

__all__ = ["FlaskSession", "IronSessionInterface", "get_iron_session", "get_session"]

_PERMANENT: Final = "_permanent"  # Flask's key for it, in the data
INSTALL: Final = "app.session_interface = IronSessionInterface(options)"


if TYPE_CHECKING:
    from flask.sessions import SessionMixin
else:

    class SessionMixin:
        """Flask's has no `__slots__`: with it, `session.user = 1` would be lost in silence."""

        __slots__ = ()


class FlaskSession(Session, SessionMixin):
    """A session with what Flask and its extensions look for.

    With `permanent = True` it lives for `app.permanent_session_lifetime`; with `False` its cookie
    ends with the browser's own session; if neither was set, the options decide.
    """

    __slots__ = ("_app",)

    def __init__(self, app: Any, jar: HeaderJar, options: SessionOptions) -> None:
        super().__init__(jar, options)
        self._app = app

    def __getitem__(self, key: str) -> Any:
        """Return a value; of `_flashes`, only the messages that Flask can show."""
        value = super().__getitem__(key)
        return showable(value) if key == flashes.KEY else value

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a value; a lazy text, or an HTML object, is stored as its text.

        Inside a dict or a list it stays what it is until the session is written: the application
        may still change the dict or the list.

        Raises:
            NotSerializableError: at once, if JSON can't carry the value.
            ConfigurationError: the key belongs to the schema.
        """
        try:
            self._set(key, value)
        except BaseException as error:
            del value
            clear_frames(error)
            raise

    def _set(self, key: str, value: Any) -> None:
        try:
            super().__setitem__(key, value)
        except NotSerializableError:
            text = plain(value)
        else:
            return
        super().__setitem__(key, text)
        if not isinstance(text, str):
            self._load()[key] = value

    @guarded
    def replace(self, data: Mapping[str, Any]) -> None:
        """Replace the data, as `Session.replace` does; lazy texts are stored as their text."""
        super().replace(plain(dict(data)) if isinstance(data, Mapping) else data)

    @guarded
    def flash(self, message: str, category: str = "message") -> None:
        """Keep a message, as `Session.flash` does; it may be a lazy text."""
        super().flash(plain(message), plain(category))

    def _to_json(self, data: dict[str, Any]) -> bytes:
        try:
            return super()._to_json(data)
        except NotSerializableError:
            data.update({key: plain(value) for key, value in list(data.items())})
        return super()._to_json(data)

    @property
    def permanent(self) -> bool:
        """Whether the session was set to be permanent."""
        return self.get(_PERMANENT) is True

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self[_PERMANENT] = bool(value)

    @property
    def new(self) -> bool:  # type: ignore[override]  # there an attribute
        """Whether the request brought no session that could be read."""
        return self.is_new

    @property
    def slides(self) -> bool:
        """Whether the session is written again even if the request has only read it.

        True for permanent sessions under SESSION_REFRESH_EACH_REQUEST, which is on by default. If
        the options have `renew_after`, that decides instead.
        """
        wanted: bool = self._app.config["SESSION_REFRESH_EACH_REQUEST"]
        return wanted and self.options.renew_after is None and self.permanent

    def _is_due(self) -> bool:
        return super()._is_due() or (self.slides and not self._is_written() and self._may_slide())

    def _may_slide(self) -> bool:
        """Return whether this request may write a session that it has only read.

        Any may, except those that a page itself sends: they come many at a time, so each would
        write, and could undo a logout in another tab. These may once a tenth of the session's life
        has gone.
        """
        head, stored = self._head(), self._stored
        if head is None or is_navigation(head) or stored.expires is None:
            return True
        life_ms = sealed.session_ttl_ms(stored.mark, self.options)
        return _time.now_ms() >= stored.expires - life_ms * 9 // 10

    def own_terms(self) -> Any:
        """Return the terms that `permanent` asks for, which Flask keeps in the data."""
        lifetime = self._app.permanent_session_lifetime
        return permanent_terms(self.options, self.get(_PERMANENT), lifetime)


cast(Any, flask_sessions.SessionMixin).register(FlaskSession)  # which type checkers do not see


class IronSessionInterface(SharedInterface, SessionInterface):
    """Open each request's session, and write it into the response.

    Two of the application's settings count, for `permanent` sessions: PERMANENT_SESSION_LIFETIME
    and SESSION_REFRESH_EACH_REQUEST. The options decide everything else. If they have
    `renew_after`, it refreshes permanent sessions too, instead of the setting. Sessions hold JSON:
    a flashed `Markup` comes back as text, which templates escape.

    Args:
        options: built once, at import time.
        others: the options of more sessions, by their key, for `get_session(key=…)`.

    Raises:
        ConfigurationError: two sessions have the same cookie; at the first request, or already in
            `init_app(app)`: a setting that is not Flask's default contradicts the options.
    """

    application_type = Flask

    def listen(self, app: Flask) -> None:
        """Abandon sessions when a request fails, and expire unreadable ones at a logout."""
        got_request_exception.connect(abandon, app)
        answer_by_default(app, _answer_unavailable)
        listen_to_logins(app)

    @guarded
    def open_session(self, app: Flask, request: Request | None = None) -> FlaskSession:
        """Begin the request's sessions; none is read before it is used."""
        environ = getattr(request, "environ", None)
        if request is None or environ is None:
            raise misused(self, app)
        head = FlaskHead(environ)
        jar_of = partial(HeaderJar, head.cookie_header, head)

        def make(one: SessionOptions) -> FlaskSession:
            return FlaskSession(app, jar_of(), one)

        return self.begin(app, request, environ, make)

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Write the request's sessions into the response.

        If one can't be written, the application's handler for the error answers, if it has one.
        """
        if type(response.response) is LocalProxy and isinstance(response.response, Session):
            # A view has returned `flask.session`, which Flask takes for an iterator of text.
            show_session(app, response, session)
        sessions = sessions_of(behind(request))
        if not (session.accessed or len(sessions.by_key) > 1):
            session.jar.close()
            take_off_noted(response.headers, WerkzeugHeaders)
            response.call_on_close(lambda: end_session(session))
            return
        try:
            sessions.write_noted(response.headers, WerkzeugHeaders(response.headers))
        except IronSessionError as error:
            if sessions.in_test:
                raise
            answer = app.make_response(app.handle_user_exception(error))
            _become(response, app.process_response(answer))
        else:
            if sessions.endings:
                sessions.settle()
            response.call_on_close(sessions.end)


def show_session(app: Flask, response: Response, session: Session) -> None:
    """Turn a response into one that has the session's data as JSON."""
    answer: Any = app.json.response(dict(session))
    response.data, response.mimetype = answer.get_data(), answer.mimetype


def _become(response: Response, answer: Response) -> None:
    """Turn this response into another one: Flask goes on with the object that it has."""
    body: Any = response.response
    if hasattr(body, "close"):
        body.close()
    response.status, response.headers = answer.status, answer.headers
    response.response, answer.response = answer.response, []
    response.direct_passthrough = answer.direct_passthrough
    response.call_on_close(answer.close)


def abandon(_app: Flask, exception: object = None, **_: object) -> None:
    """Leave the browser's sessions as they are: the request has failed."""
    explain(exception)
    if has_request_context():
        sessions_of(behind(request)).abandon()


def _answer_unavailable(error: Exception) -> Any:
    """Answer a session that can't be told, or not be ended, with 503, and write no session."""
    asked, app = behind(request), cast(Any, current_app)
    own = own_handler(app, asked.blueprints, error, _answer_unavailable)
    if own is not None:
        return app.ensure_sync(own)(error)
    sessions_of(asked).abandon()
    return app.handle_http_exception(ServiceUnavailable())


def listen_to_logins(app: Flask) -> None:
    """Connect to Flask-Login's signals, if Flask-Login is imported."""
    listen_to_flask_login(app, _log_in, _expire_at_logout, _look, _log_in_remembered)


def _log_in(_app: Flask, **_: object) -> None:
    """Make the session that of the user who has just logged in."""
    begin_login(sessions_of(behind(request)))


def _expire_at_logout(_app: Flask, **_: object) -> None:
    """Expire the cookie at a logout, even if it can't be read here."""
    expire_unreadable(sessions_of(behind(request)))


def _look(app: Flask, **_: object) -> None:
    """Refuse a remembered user whose session was ended."""
    asked = behind(request)
    refuse_remembered(app, asked, sessions_of(asked))


def _log_in_remembered(_app: Flask, **_: object) -> None:
    """Make the session that of a user whom Flask-Login remembers."""
    begin_remembered(sessions_of(behind(request)))


def get_session(*, key: str = FIRST) -> FlaskSession:
    """Return `flask.session`, with its type for type checkers, or another session by its key.

    Raises:
        ConfigurationError: the interface is not installed, or has no session with this key.
    """
    return cast(FlaskSession, find_session(sessions_of(behind(request)).by_key, key, INSTALL))


@guarded
def get_iron_session(
    request: Request, response: AnyResponse, options: SessionOptions[T]
) -> Session[T]:
    """Return the request's session. Only its `save()` and `destroy()` write, to this response.

    Args:
        request: `flask.request`.
        response: the response that will be returned.
        options: built once, at import time.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, or the interface manages this
            cookie.
    """
    environ, headers = request.environ, WerkzeugHeaders(response.headers)
    return session_by_hand(environ, options, FlaskHead(environ), headers)
