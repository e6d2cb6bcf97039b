"""Quart: `quart.session`, or a session by hand.

app.session_interface = IronSessionInterface(options)           # then: quart.session

session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

try:
    import quart
    from quart import Quart, Request, Response, Websocket, request, websocket
    from quart.sessions import SecureCookieSessionInterface
    from quart.typing import ResponseTypes
    from quart.wrappers.response import IterableBody
    from werkzeug.datastructures import Headers
except ImportError as _cause:
    raise ImportError("iron_session.integrations.quart needs Quart: pip install quart") from _cause

from iron_session.doors import check_not_served, find_session, join_cookie_headers, responses
from iron_session.doors.group import FIRST, SessionGroup, group_of
from iron_session.doors.headers import WerkzeugHeaders
from iron_session.doors.interface import SharedInterface, behind
from iron_session.errors import IronSessionError
from iron_session.integrations.flask import INSTALL, FlaskSession
from iron_session.sessions import session as core
from iron_session.sessions.options import SessionOptions, T

__all__ = ["IronSessionInterface", "get_iron_session", "get_session"]


class IronSessionInterface(SharedInterface, SecureCookieSessionInterface):  # as Quart types it
    """Flask's, in coroutines; a WebSocket is accepted with what was written before that."""

    def listen(self, app: Quart) -> None:
        """Have sessions left as they are when a request fails, and see a WebSocket's end."""
        quart.got_request_exception.connect(_abandon, app)
        quart.got_websocket_exception.connect(_abandon, app)
        quart.websocket_tearing_down.connect(_end_websocket, app)

    async def open_session(self, app: Quart, request: Any) -> Any:
        """Begin the request's sessions; nothing is read before somebody looks."""
        headers = request.headers  # not the request: that would be a circle
        make = partial(FlaskSession, app, lambda: join_cookie_headers(headers.getlist("Cookie")))
        session = self.begin(app, request, request.scope, make)
        if isinstance(request, Websocket):
            _write_at_accept(request, group_of(request))
        return session

    async def save_session(self, app: Quart, session: Any, response: Any) -> None:
        """Write the request's sessions into the response; nothing but headers is left to be sent.

        What can't be written is the application's to answer, if it has a handler for the error.
        """
        is_touched = session.accessed or self.others or quart.has_websocket_context()
        if not (is_touched or isinstance(response.response, IterableBody)):
            session.jar.close()
            responses.take_off_noted(response.headers, WerkzeugHeaders)
            return
        in_websocket = quart.has_websocket_context() and group_of(websocket).get(FIRST) is session
        asked: Request | Websocket = behind(websocket if in_websocket else request)
        group = group_of(asked)
        refusable = "websocket.http.response" in (asked.scope.get("extensions") or {})
        if in_websocket and (response is None or group.started or not refusable):
            return
        try:
            group.write(responses.NotedHeaders(response.headers, WerkzeugHeaders))
        except IronSessionError as error:
            if group.in_test:
                raise
            answer = await app.make_response(await app.handle_user_exception(error))
            process = app.postprocess_websocket if in_websocket else app.process_response
            await _become(response, await process(answer))
            return
        if isinstance(response.response, IterableBody):  # others run no code of the application
            response.response.iter = _watched(response.response.iter, group)


async def _become(response: Any, answer: Any) -> None:
    """Turn the response at hand into another: Quart goes on with the one that it has."""
    data = answer.get_data()
    response.status, response.headers = answer.status, answer.headers
    response.set_data(await data if isinstance(answer, Response) else data)


async def _watched(parts: Any, group: SessionGroup) -> AsyncIterator[Any]:
    try:
        async for part in parts:
            yield part
    finally:
        if hasattr(parts, "aclose"):
            await parts.aclose()
        group.report_late_changes()


def _write_at_accept(websocket: Websocket, group: SessionGroup) -> None:
    async def accept(headers: Any = None, subprotocol: str | None = None) -> None:
        headers = Headers(headers)
        if not group.started:
            group.write(WerkzeugHeaders(headers))
        vars(websocket).pop("accept", None)  # once is enough, and a circle less
        await websocket.accept(headers, subprotocol)

    websocket.accept = accept  # type: ignore[method-assign]  # Quart itself calls it, at first use


def _current() -> Request | Websocket:
    return behind(request if quart.has_request_context() else websocket)


async def _abandon(_app: Quart, **_: object) -> None:
    group_of(_current()).abandon()


async def _end_websocket(_app: Quart, exc: BaseException | None, **_: object) -> None:
    group_of(behind(websocket)).report_end(failed=exc is not None)


def get_session(*, key: str = FIRST) -> FlaskSession:
    """Give `quart.session`, with its type known to type checkers, or another of the request's.

    Raises:
        ConfigurationError: the interface is not installed, or has no session of this key.
    """
    return cast(FlaskSession, find_session(group_of(_current()), key, INSTALL))


def get_iron_session(
    request: Request | Websocket, response: ResponseTypes, options: SessionOptions[T]
) -> core.Session[T]:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    Args:
        request: `quart.request` or `quart.websocket`.
        response: the one that will be returned.
        options: built once, at import time.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or the interface serves this
            cookie already: of two sessions in one request, the one could undo the other's logout.
    """
    check_not_served(cast(dict[str, Any], request.scope), options)
    headers, answer = request.headers, WerkzeugHeaders(response.headers)
    jar = responses.ResponseJar(lambda: join_cookie_headers(headers.getlist("Cookie")), answer)
    return core.get_iron_session(jar, options)
