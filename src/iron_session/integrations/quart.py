"""Quart: `quart.session`, or a session by hand.

app.session_interface = IronSessionInterface(options)           # then: quart.session

@app.get("/")
@with_iron_session(options)                                     # one view; then the same
async def view(): ...

session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, ClassVar, TypeVar, cast

try:
    import quart
    from quart import Quart, Request, Response, Websocket, request, websocket
    from quart.ctx import after_this_websocket
    from quart.globals import request_ctx, websocket_ctx
    from quart.sessions import SecureCookieSessionInterface
    from quart.typing import ResponseTypes
    from quart.wrappers.response import IterableBody
    from werkzeug.datastructures import Headers
    from werkzeug.exceptions import ServiceUnavailable
except ImportError as _cause:
    raise ImportError("iron_session.integrations.quart needs Quart: pip install quart") from _cause

from iron_session._frames import guarded
from iron_session.errors import IronSessionError, SessionUnavailableError
from iron_session.http.heads import ScopeHead
from iron_session.http.misuse import explain
from iron_session.http.request import RequestSessions, find_session, session_by_hand
from iron_session.http.response import take_off_noted
from iron_session.http.starting import start_following
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
)
from iron_session.integrations.flask.session import INSTALL, FlaskSession
from iron_session.integrations.flask.unavailable import (
    UnavailableHTTPError,
    answer_by_default,
    own_handler,
)
from iron_session.integrations.flask.wrapping import (
    InPlace,
    decorated,
    lend,
    put,
    put_back,
    report_uncarried,
)
from iron_session.sessions import HeaderJar, Session
from iron_session.sessions.events import WEBSOCKET_REFUSED
from iron_session.sessions.options import SessionOptions, T, check_options

__all__ = ["IronSessionInterface", "get_iron_session", "get_session", "with_iron_session"]

F = TypeVar("F", bound=Callable[..., Any])


class _Head(ScopeHead):
    __slots__ = ()

    unavailable_error: ClassVar[type[SessionUnavailableError]] = UnavailableHTTPError


class IronSessionInterface(SharedInterface, SecureCookieSessionInterface):  # as Quart types it
    """Flask's interface in coroutines; when a WebSocket is accepted, its session is written."""

    application_type = Quart

    def init_app(self, app: Any) -> None:
        """Install the interface, check the app's settings, and follow endings before it serves.

        Raises:
            ConfigurationError: as in Flask.
        """
        super().init_app(app)
        app.before_serving(partial(start_following, self.options, *self.others.values()))

    def listen(self, app: Quart) -> None:
        """Abandon sessions on failure, expire unreadable ones at a logout, end a WebSocket's."""
        quart.got_request_exception.connect(_abandon, app)
        quart.got_websocket_exception.connect(_abandon, app)
        answer_by_default(app, _answer_unavailable)
        quart.websocket_tearing_down.connect(_end_websocket, app)
        _listen_to_logins(app)

    async def open_session(self, app: Quart, request: Any = None) -> Any:
        """Begin the request's sessions; none is read before it is used."""
        if request is None:
            raise misused(self, app)
        session = self.begin(app, request, request.scope, _maker(app, request))
        if isinstance(request, Websocket):
            _write_at_accept(request, sessions_of(request))
        return session

    async def save_session(self, app: Quart, session: Any, response: Any) -> None:
        """Write the request's sessions into the response.

        If one can't be written, the application's handler for the error answers, if it has one.
        """
        is_touched = (
            session.accessed
            or quart.has_websocket_context()
            or len(sessions_of(behind(request)).by_key) > 1
        )
        if not (is_touched or isinstance(response.response, IterableBody)):
            session.detach()
            take_off_noted(response.headers, WerkzeugHeaders)
            return
        in_websocket = quart.has_websocket_context() and (
            sessions_of(websocket).by_key.get(FIRST) is session
        )
        asked: Request | Websocket = behind(websocket if in_websocket else request)
        sessions = sessions_of(asked)
        if in_websocket and not _is_answerable(asked, sessions, response):
            return
        try:
            sessions.write_noted(response.headers, WerkzeugHeaders(response.headers))
        except IronSessionError as error:
            if sessions.in_test:
                raise
            answer = await app.make_response(await app.handle_user_exception(error))
            process = app.postprocess_websocket if in_websocket else app.process_response
            await _become(response, await process(answer))
            return
        if sessions.endings:
            await sessions.asettle()
        if not in_websocket or isinstance(response.response, IterableBody):
            _end_with(response, sessions)


def _is_answerable(asked: Request | Websocket, sessions: RequestSessions, response: Any) -> bool:
    """Return whether a WebSocket is refused with a response that can carry cookies."""
    refusable = "websocket.http.response" in (asked.scope.get("extensions") or {})
    return refusable and response is not None and not sessions.started


def _end_with(response: Any, sessions: RequestSessions) -> None:
    """End the sessions when a response has been sent."""
    if isinstance(response.response, IterableBody):  # others run no code of the app
        response.response.iter = _watched(response.response.iter, sessions)
    else:
        sessions.end()


def _maker(app: Any, asked: Request | Websocket) -> Callable[[SessionOptions], FlaskSession]:
    """Return a function that makes a session for a request."""
    head = _Head(cast(dict[str, Any], asked.scope))  # not the request: a reference cycle
    varies = not isinstance(asked, Websocket)

    def make(one: SessionOptions) -> FlaskSession:
        jar = HeaderJar(head.cookie_header, head)
        jar.varies = varies
        return FlaskSession(app, jar, one)

    return make


async def _become(response: Any, answer: Any) -> None:
    """Turn this response into another one: Quart goes on with the object that it has."""
    data = answer.get_data()
    response.status, response.headers = answer.status, answer.headers
    response.set_data(await data if isinstance(answer, Response) else data)


async def _watched(parts: Any, sessions: RequestSessions) -> AsyncIterator[Any]:
    try:
        async for part in parts:
            yield part
    finally:
        if hasattr(parts, "aclose"):
            await parts.aclose()
        sessions.end()


def _write_at_accept(websocket: Websocket, sessions: RequestSessions) -> None:
    async def accept(headers: Any = None, subprotocol: str | None = None) -> None:
        headers = Headers(headers)
        try:
            if not sessions.started:
                sessions.write(WerkzeugHeaders(headers))
                if sessions.endings:
                    await sessions.asettle()
            vars(websocket).pop("accept", None)  # once is enough; breaks a reference cycle
            await websocket.accept(headers, subprotocol)
        finally:
            del headers  # error reports show mappings, and this one has the cookie

    websocket.accept = accept  # type: ignore[method-assign]  # Quart itself calls it, at first use


def _current() -> Request | Websocket:
    return behind(request if quart.has_request_context() else websocket)


async def _abandon(_app: Quart, exception: object = None, **_: object) -> None:
    explain(exception)
    sessions_of(_current()).abandon()


async def _answer_unavailable(error: Exception) -> Any:
    """Answer a session that can't be told, or not be ended, with 503, and write no session."""
    asked, app = _current(), cast(Any, quart.current_app)
    own = own_handler(app, asked.blueprints, error, _answer_unavailable)
    if own is not None:
        return await app.ensure_async(own)(error)
    sessions_of(asked).abandon()
    return await app.handle_http_exception(ServiceUnavailable())


def _listen_to_logins(app: Quart) -> None:
    listen_to_flask_login(app, _log_in, _expire_unreadable, _look, _log_in_remembered)


def _log_in(_app: Quart, **_: object) -> None:
    begin_login(sessions_of(_current()))


def _expire_unreadable(_app: Quart, **_: object) -> None:
    expire_unreadable(sessions_of(_current()))


def _look(app: Quart, **_: object) -> None:
    asked = _current()
    refuse_remembered(app, asked, sessions_of(asked))


def _log_in_remembered(_app: Quart, **_: object) -> None:
    begin_remembered(sessions_of(_current()))


async def _end_websocket(_app: Quart, exc: BaseException | None, **_: object) -> None:
    sessions = sessions_of(behind(websocket))
    sessions.end(None if sessions.started or exc is not None else WEBSOCKET_REFUSED)


def get_session(*, key: str = FIRST) -> FlaskSession:
    """Return `quart.session`, with its type for type checkers, or another session by its key.

    Raises:
        ConfigurationError: the interface is not installed, or has no session with this key.
    """
    return cast(FlaskSession, find_session(sessions_of(_current()).by_key, key, INSTALL))


@guarded
def get_iron_session(
    request: Request | Websocket, response: ResponseTypes, options: SessionOptions[T]
) -> Session[T]:
    """Return the request's session. Only its `save()` and `destroy()` write, to this response.

    Args:
        request: `quart.request` or `quart.websocket`.
        response: the response that will be returned.
        options: built once, at import time.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, or the interface already manages
            this cookie: one of two sessions could undo the other's logout.
    """
    scope = cast(dict[str, Any], request.scope)
    return session_by_hand(scope, options, _Head(scope), WerkzeugHeaders(response.headers))


@guarded
def with_iron_session(options: SessionOptions, *, key: str = FIRST) -> Callable[[F], F]:
    """Return a decorator that gives one view a session, or one WebSocket.

    While the view runs, `quart.session` is this session, also in error handlers and in what
    `stream_with_context` runs. Quart's own session is put back before Quart saves it. The session
    is written into whatever answers the request, also if that is an error handler, and a WebSocket
    sends it when it is accepted. Later changes are logged as lost. Quart's settings for its own
    cookie do not apply. Views that call each other share the session if they are decorated with the
    same options.

    Args:
        options: built once, at import time.
        key: `get_session` finds the session by it. With another key than the default,
            `quart.session` stays Quart's own. A second session needs another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; at a request: the interface or
            another decorator already serves this cookie or key.
    """
    check_options(options)
    quart.got_request_exception.connect(_abandon)
    quart.got_websocket_exception.connect(_abandon)
    quart.request_finished.connect(_finish)
    quart.websocket_tearing_down.connect(_end_websocket)
    return lambda view: decorated(view, lambda: _begin(options, key))


@guarded
def _begin(options: SessionOptions, key: str) -> InPlace:
    """Begin a view's session; it is not read before it is used."""
    asked, context = _current(), _context()
    mapping = cast(dict[str, Any], asked.scope)
    sessions, is_first = lend(asked, mapping, key, options, _maker(context.app, asked))
    if is_first:
        _listen_to_logins(context.app)
        if isinstance(asked, Websocket):
            after_this_websocket(_write)
            _write_at_accept(asked, sessions)
        else:
            quart.after_this_request(_write)
    return InPlace(context, sessions, key)


def _context() -> Any:
    return behind(request_ctx if quart.has_request_context() else websocket_ctx)


async def _write(response: Any) -> Any:
    """Write the sessions of views into a response; a WebSocket that was accepted has none.

    If one can't be written, the application's handler for the error answers, if it has one.
    """
    context, asked = _context(), _current()
    sessions = sessions_of(asked)
    put_back(context, sessions)
    if isinstance(asked, Websocket) and not _is_answerable(asked, sessions, response):
        return response
    for _ in sessions.by_key:  # each of them raises once at most
        try:
            _write_into(response, sessions)
        except IronSessionError as error:
            put(context, sessions)
            try:
                answer = await context.app.handle_user_exception(error)
                response = await context.app.make_response(answer)
            finally:
                put_back(context, sessions)
        else:
            break
    else:
        _write_into(response, sessions)
    if sessions.endings:
        await sessions.asettle()
    return response


def _write_into(response: Any, sessions: RequestSessions) -> None:
    sessions.reopen()  # an earlier response may have been dropped for this one
    sessions.write_noted(response.headers, WerkzeugHeaders(response.headers))


async def _finish(_app: Quart, response: Any, **_: object) -> None:
    """End the sessions of views with the response that is sent in the end."""
    sessions = sessions_of(_current())
    if sessions.are_of_views:
        report_uncarried(sessions, response.headers.getlist("Set-Cookie"))
        _end_with(response, sessions)
