"""Sanic: `request.ctx.session`, or a session by hand.

setup(app, options)                                             # then: request.ctx.session
session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

import asyncio
from functools import cached_property, partial, update_wrapper
from typing import Any, ClassVar, cast

try:
    from sanic import Request, Sanic
    from sanic.http import Stage
    from sanic.response import BaseHTTPResponse
except ModuleNotFoundError as _cause:
    raise ImportError("iron_session.integrations.sanic needs Sanic: pip install sanic") from _cause

from iron_session.doors import requests, responses
from iron_session.doors.group import SessionGroup
from iron_session.doors.handlers import watch_handler
from iron_session.doors.headers import SanicHeaders
from iron_session.sessions import session as core
from iron_session.sessions.options import SessionOptions, T, check_options

__all__ = ["get_iron_session", "get_session", "setup"]


def setup(app: Sanic[Any, Any], options: SessionOptions, *, key: str = "session") -> None:
    """Give each request a session; Sanic's own server error (5xx) for an exception writes none.

    Args:
        app: the application; a request class of its own comes before this.
        options: built once, at import time. `chunk` needs a `REQUEST_MAX_HEADER_SIZE` of 16384.
        key: the attribute of `request.ctx`. A second session takes another key.

    Raises:
        ConfigurationError: no `SessionOptions`, or a cookie or key that has a session already.
    """
    check_options(options)
    kind: Any = app.request_class
    if not issubclass(kind, _WithSessions):
        kind = app.request_class = type(kind.__name__, (_WithSessions, kind), {"served": {}})
        app.signal("http.lifecycle.exception")(_fail)
        app.signal("websocket.handler.before")(_close)
    requests.begin_session(kind.served, key, options, None)


class _WithSessions(Request[Any, Any]):
    """Stands before the application's own request class: no middleware sees every response."""

    served: ClassVar[dict[str, Any]]  # refuses in `setup` what each request's mapping would
    has_failed = False  # and no exception handler of the application has answered

    @cached_property
    def iron_sessions(self) -> SessionGroup:
        context, group = super().ctx.__dict__, SessionGroup()
        cookies = requests.cookies_in(self.headers)
        for key, one in self.served.items():
            if isinstance(one, core.Session):
                group[key] = requests.begin_session(context, key, one.options, cookies)
        if _has_sent_headers(self):
            group.close()
        return group

    @property
    def ctx(self) -> Any:
        return self.iron_sessions and super().ctx  # they begin at the first look, and are not empty

    async def respond(self, *args: Any, **kwargs: Any) -> Any:
        response = await super().respond(*args, **kwargs)
        if isinstance(response, BaseHTTPResponse) and response.stream is not None:
            response.stream = cast(Any, _Stream(response.stream, self))
        return response


class _Stream:
    """What a response is sent through; the headers go with the first part."""

    def __init__(self, stream: Any, request: _WithSessions) -> None:
        self._stream, self._request = stream, request

    @property
    def send(self) -> Any:  # None when all has been sent
        return self._stream.send and self._send

    async def _send(self, data: bytes, end_stream: bool) -> None:
        stream, request, response = self._stream, self._request, self._stream.response
        group: SessionGroup | None = request.__dict__.get("iron_sessions")
        if group is not None and stream.stage is Stage.HANDLER:
            if request.has_failed and response.status >= 500:
                group.abandon()
            for key, session in group.items():
                requests.adopt_replacement(request.ctx.__dict__, key, session)
            stream.response = SanicHeaders.copy_response(response)
            group.write(SanicHeaders(stream.response.headers))
        elif group is not None and end_stream and stream.stage is Stage.RESPONSE:
            group.report_late_changes()
        await stream.send(data, end_stream=end_stream)
        stream.response = response


async def _fail(request: _WithSessions, exception: Exception) -> None:
    """Take changes until the answer to an exception goes, and see who gives it."""
    request.has_failed, errors = True, request.app.error_handler
    handler: Any = errors.lookup(exception, request.name)
    if handler and getattr(handler, "func", None) is not watch_handler:
        handler = update_wrapper(partial(watch_handler, handler), handler)
        errors.cached_handlers[type(exception), request.name] = handler
    if not _has_sent_headers(request):
        request.iron_sessions.reopen()


async def _close(request: _WithSessions, websocket: object) -> None:
    """Take no more changes: the handshake has gone. The task of the connection ends with it."""
    group, task = request.iron_sessions, cast("asyncio.Task[Any]", asyncio.current_task())
    group.close()
    task.add_done_callback(lambda _: group.report_refused("Sanic sends handshakes without cookies"))


def _has_sent_headers(request: Request[Any, Any]) -> bool:
    return request.responded and getattr(request.stream, "stage", None) is not Stage.HANDLER


def get_session(request: Request[Any, Any], *, key: str = "session") -> core.Session:
    """Give the session of `setup`: `request.ctx.session`, with its type known to type checkers.

    Raises:
        ConfigurationError: `setup` was not called for this key.
    """
    return requests.find_session(request.ctx.__dict__, key, "setup(app, options)")


def get_iron_session(
    request: Request[Any, Any], response: BaseHTTPResponse, options: SessionOptions[T]
) -> core.Session[T]:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    It is one made for this request: returned, or begun by `await request.respond()`.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or `setup` serves this cookie.
    """
    requests.check_not_served(request.ctx.__dict__, options)
    cookies, gone = requests.cookies_in(request.headers), partial(_has_sent_headers, request)
    jar = responses.ResponseJar(cookies, SanicHeaders(response.headers), gone)
    return core.get_iron_session(jar, options)
