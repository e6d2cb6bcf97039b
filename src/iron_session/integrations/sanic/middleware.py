"""Sanic: `request.ctx.session`, or a session by hand.

setup(app, options)                                             # then: request.ctx.session
session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache, cached_property, partial, update_wrapper
from typing import Any, ClassVar, Final, cast

try:
    from sanic import Request, Sanic
    from sanic.exceptions import ServiceUnavailable
    from sanic.http import Stage
    from sanic.response import BaseHTTPResponse
except ModuleNotFoundError as _cause:
    raise ImportError("iron_session.integrations.sanic needs Sanic: pip install sanic") from _cause

from iron_session._frames import guarded
from iron_session.errors import ConfigurationError, SessionUnavailableError
from iron_session.http.heads import AnyHead
from iron_session.http.misuse import explain
from iron_session.http.request import (
    RequestSessions,
    check_apart,
    find_session,
    installed_twice,
    session_by_hand,
)
from iron_session.http.starting import start_following
from iron_session.http.unavailable import translated
from iron_session.integrations.sanic.handlers import watch_handler
from iron_session.integrations.sanic.headers import SanicHeaders
from iron_session.sessions import session as core
from iron_session.sessions.limits import MAX_COOKIE_BYTES
from iron_session.sessions.options import SessionOptions, T, check_options

__all__ = ["get_iron_session", "get_session", "setup"]


@guarded
def setup(app: Sanic[Any, Any], options: SessionOptions, *, key: str = "session") -> None:
    """Set up a session for each request; Sanic's own 5xx response to an exception writes none.

    Args:
        app: the application; if it has its own request class, set that before this call.
        options: built once, at import time. `chunk` needs `app.config.REQUEST_MAX_HEADER_SIZE =
            16384` before this call, the most that Sanic takes. A session then has at most three
            chunks, and fewer beside other sessions.
        key: the session's attribute of `request.ctx`. A second session needs another one.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, the cookie or the key has a session
            already, or Sanic would answer the sessions' chunks with 413.
    """
    check_options(options)
    kind: Any = app.request_class
    if not issubclass(kind, _WithSessions):
        kind = app.request_class = type(kind.__name__, (_WithSessions, kind), {"served": {}})
        app.signal("http.lifecycle.exception")(_fail)
        app.signal("websocket.handler.before")(_close)
    if key in kind.served:
        raise installed_twice(options.cookie_name, key)
    served = {**kind.served, key: options}
    check_apart(served)
    kind.session_type = share_out_headers(served, app.config.REQUEST_MAX_HEADER_SIZE)
    kind.served = served

    async def start(_: object) -> None:
        """Follow endings before the first request."""
        await start_following(options)

    app.before_server_start(start)


_CEILING: Final = 16_384
"""The largest request head that Sanic's server takes, whatever is configured."""
_FOR_OTHERS: Final = 2_048  # the request's line and its other headers


def share_out_headers(served: Mapping[str, SessionOptions], limit: int) -> type[core.Session]:
    """Return a class of sessions that together have no more chunks than the server takes.

    With more, it would answer 413 to every request, even a logout, until the cookies expire.
    """
    split = sum(options.chunk for options in served.values())
    if not split:
        return core.Session
    room = (min(limit, _CEILING) - _FOR_OTHERS) // MAX_COOKIE_BYTES - (len(served) - split)
    most = room // split
    if most < 2:
        raise ConfigurationError(
            f"Sanic takes {min(limit, _CEILING)} bytes of headers, too few for these sessions in "
            f"chunks: set app.config.REQUEST_MAX_HEADER_SIZE = {_CEILING}, the most that it "
            "takes, before setup(app, …); and use one session with chunk=True, at most one without"
        )
    return _session_type(most)


@cache
def _session_type(most_chunks: int) -> type[core.Session]:
    return type("SanicSession", (core.Session,), {"most_chunks": most_chunks})


class _WithSessions(Request[Any, Any]):
    """A base of the application's request class: no Sanic middleware sees every response."""

    served: ClassVar[dict[str, SessionOptions]]  # by the attribute of `request.ctx`
    session_type: ClassVar[type[core.Session]] = core.Session
    has_failed = False  # whether it raised, and no handler of the application answered

    @cached_property
    def iron_sessions(self) -> RequestSessions:
        context, sessions, head = super().ctx.__dict__, RequestSessions(), head_of(self)
        for key, options in self.served.items():
            sessions.begin(context, key, options, head, self.session_type)
        close_if_sent(self, sessions)
        return sessions

    @property
    def begun(self) -> RequestSessions | None:
        """The sessions; None before the first look."""
        return self.__dict__.get("iron_sessions")

    @property
    def ctx(self) -> Any:
        _ = self.iron_sessions  # begins the sessions
        return super().ctx

    async def respond(self, *args: Any, **kwargs: Any) -> Any:
        return send_through(await super().respond(*args, **kwargs), self)


def send_through(response: Any, request: Any) -> Any:
    """Let a response carry the sessions that its request has begun before it is sent.

    Args:
        response: what `respond` of Sanic's request returns.
        request: one with the attributes `begun` and `has_failed`.
    """
    if isinstance(response, BaseHTTPResponse) and response.stream is not None:
        response.stream = cast(Any, _Stream(response.stream, request))
    return response


class _Stream:
    """The stream that sends a response; the headers are sent with the first part."""

    def __init__(self, stream: Any, request: Any) -> None:
        self._stream, self._request = stream, request

    @property
    def send(self) -> Any:  # None when all has been sent
        return self._stream.send and self._send

    async def _send(self, data: bytes, end_stream: bool) -> None:
        stream, request, response = self._stream, self._request, self._stream.response
        sessions: RequestSessions | None = request.begun
        try:
            if sessions is not None and stream.stage is Stage.HANDLER:
                if request.has_failed and response.status >= 500:
                    sessions.abandon()
                for key, session in sessions.by_key.items():
                    _adopt_replacement(request.ctx.__dict__, key, session)
                stream.response = SanicHeaders.copy_response(response)
                sessions.write(SanicHeaders(stream.response.headers))
                if sessions.endings:
                    await sessions.asettle()
            await stream.send(data, end_stream=end_stream)
        except BaseException:
            if sessions is not None and stream.stage is Stage.HANDLER:
                sessions.reopen()  # another response may follow
            raise
        finally:
            del data  # error reports show a coroutine's variables
        stream.response = response
        if sessions is not None and end_stream:
            sessions.end()


async def _fail(request: _WithSessions, exception: Exception) -> None:
    """Accept changes until an exception's response is sent, and watch which handler answers."""
    request.has_failed = True
    watch_answer(request, exception)
    if not has_sent_headers(request):
        request.iron_sessions.reopen()


def watch_answer(request: Request[Any, Any], exception: Exception) -> None:
    """Make a request's `has_failed` show whether the application answers an exception."""
    explain(exception)
    errors = request.app.error_handler
    handler: Any = errors.lookup(exception, request.name)
    if handler is _answer_unavailable:
        return
    if handler is None and translated(exception, UnavailableHTTPError):
        errors.cached_handlers[type(exception), request.name] = _answer_unavailable
    elif handler and getattr(handler, "func", None) is not watch_handler:
        handler = update_wrapper(partial(watch_handler, handler), handler)
        errors.cached_handlers[type(exception), request.name] = handler


def _answer_unavailable(request: Request[Any, Any], _: Exception) -> Any:
    return request.app.error_handler.response(request, ServiceUnavailable())


async def _close(request: _WithSessions, websocket: object) -> None:
    """Refuse changes after the handshake was sent; end the sessions with the connection's task."""
    sessions, task = request.iron_sessions, cast("asyncio.Task[Any]", asyncio.current_task())
    sessions.stop_varying()
    sessions.close()
    task.add_done_callback(lambda _: sessions.end(NO_HANDSHAKE))


NO_HANDSHAKE: Final = "Sanic sends handshakes without cookies"


@guarded
def _adopt_replacement(context: dict[str, Any], key: str, session: core.Session) -> None:
    """Store a plain dict that the application has put in the session's place."""
    found = context.get(key)
    if type(found) is dict and not session.abandoned:
        context[key] = session  # first, so that a dict that is refused raises only once
        session.replace(found)


def _scheme_of(request: Request[Any, Any]) -> str:
    """Return the server's own scheme; `request.scheme` trusts the visitor's headers."""
    scope = getattr(request.transport, "scope", None)  # in ASGI mode
    if scope is not None:
        return str(scope.get("scheme", "http"))
    return "https" if request.conn_info and request.conn_info.ssl else "http"


class UnavailableHTTPError(SessionUnavailableError, ServiceUnavailable):
    """`SessionUnavailableError` as Sanic answers it: with 503, or by the app's own handler."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.add_note(problem)


class SanicHead(AnyHead):
    """The head of a request."""

    __slots__ = ()

    unavailable_error: ClassVar[type[SessionUnavailableError]] = UnavailableHTTPError


def head_of(request: Request[Any, Any]) -> SanicHead:
    """Return the request's headers, as a session takes them."""
    return SanicHead(partial(request.headers.getall, default=()), _scheme_of(request))


def has_sent_headers(request: Request[Any, Any]) -> bool:
    """Return whether the headers of a response have gone."""
    return request.responded and getattr(request.stream, "stage", None) is not Stage.HANDLER


def close_if_sent(request: Request[Any, Any], sessions: RequestSessions) -> None:
    """Refuse changes in sessions that begin after the response has started."""
    if has_sent_headers(request):
        sessions.close()
        if getattr(request.stream, "stage", None) is not Stage.RESPONSE:
            sessions.end()


def get_session(request: Request[Any, Any], *, key: str = "session") -> core.Session:
    """Return the session of `setup`: `request.ctx.session`, with its type for type checkers.

    Raises:
        ConfigurationError: `setup` was not called for this key.
    """
    return find_session(request.ctx.__dict__, key, "setup(app, options)")


@guarded
def get_iron_session(
    request: Request[Any, Any], response: BaseHTTPResponse, options: SessionOptions[T]
) -> core.Session[T]:
    """Return the request's session. Only its `save()` and `destroy()` write, to this response.

    The response must be made for this request: returned, or begun by `await request.respond()`.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, or `setup` manages this cookie.
    """
    headers, has_gone = SanicHeaders(response.headers), partial(has_sent_headers, request)
    return session_by_hand(request.ctx.__dict__, options, head_of(request), headers, has_gone)
