"""Sanic: `request.ctx.session`, or a session by hand.

setup(app, options)                                             # then: request.ctx.session

session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

import asyncio
from functools import cached_property, partial
from typing import Any, ClassVar, cast

try:
    from sanic import Request, Sanic, SanicException
    from sanic.http import Stage
    from sanic.response import BaseHTTPResponse
except ImportError as _cause:
    raise ImportError("iron_session.integrations.sanic needs Sanic: pip install sanic") from _cause

from iron_session.doors import requests, responses
from iron_session.doors.group import SessionGroup
from iron_session.doors.headers import SanicHeaders
from iron_session.sessions import session as core
from iron_session.sessions.options import SessionOptions, check_options

__all__ = ["get_iron_session", "get_session", "setup"]


def setup(app: Sanic[Any, Any], options: SessionOptions, *, key: str = "session") -> None:
    """Give each request of an application a session.

    It is written when the response's headers go. An exception that ends in a server error (5xx),
    and for which the application has no handler, writes nothing.

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
            response.stream = cast(Any, _Stream(response.stream, response, self))
        return response


class _Stream:
    """What a response is sent through; the headers go with the first part."""

    def __init__(self, stream: Any, response: BaseHTTPResponse, request: _WithSessions) -> None:
        self._stream, self._response, self._request = stream, response, request

    @property
    def send(self) -> Any:  # None when all has been sent
        return self._stream.send and self._send

    async def _send(self, data: bytes, end_stream: bool) -> None:
        group: SessionGroup | None = self._request.__dict__.get("iron_sessions")
        if group is not None and self._stream.stage is Stage.HANDLER:
            for key, session in group.items():
                requests.adopt_replacement(self._request.ctx.__dict__, key, session)
            group.write(SanicHeaders(self._response.headers))
        elif group is not None and end_stream and self._stream.stage is Stage.RESPONSE:
            group.report_late_changes()
        await self._stream.send(data, end_stream=end_stream)


async def _fail(request: _WithSessions, exception: Exception) -> None:
    """Take changes until the answer to an exception goes; if nobody handles it, commit nothing."""
    handler = request.app.error_handler.lookup(exception, request.name)
    is_answer = isinstance(exception, SanicException) and exception.status_code < 500
    if not _has_sent_headers(request):
        request.iron_sessions.reopen()
        if not handler and not is_answer:
            request.iron_sessions.abandon()


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
    request: Request[Any, Any], response: BaseHTTPResponse, options: SessionOptions
) -> core.Session:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    Args:
        request: the request.
        response: the one that will be returned, or that `await request.respond()` has begun.
        options: built once, at import time.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or `setup` serves this cookie
            already: of two sessions in one request, the one could undo the other's logout.
    """
    requests.check_not_served(request.ctx.__dict__, options)
    cookies = requests.cookies_in(request.headers)
    headers, gone = SanicHeaders(response.headers), partial(_has_sent_headers, request)
    return core.get_iron_session(responses.ResponseJar(cookies, headers, gone), options)
