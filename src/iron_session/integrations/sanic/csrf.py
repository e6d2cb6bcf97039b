"""Sanic: protection from requests that another site has forged (CSRF).

setup_csrf(app, CsrfOptions())
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote, unquote

from sanic import Request, Sanic
from sanic.exceptions import Forbidden

from iron_session.csrf import (
    DEFAULTS,
    CsrfOptions,
    CsrfRequest,
    asks_for_websocket,
    check_csrf_options,
    check_request,
    refuse,
)
from iron_session.errors import CsrfError
from iron_session.http.headers import MultiDictHeaders
from iron_session.http.request import find_session, no_session

__all__ = ["setup_csrf"]

_LINE: Final = "setup(app, options), of iron_session.integrations.sanic"

_FIRST: Final = 1_000_000
"""The priority of the check: before all of the application's middlewares."""

_ENCODED = re.compile(r"(?:%(?!25)[0-9A-F]{2})+")


def setup_csrf(
    app: Sanic[Any, Any], options: CsrfOptions = DEFAULTS, *, key: str = "session"
) -> None:
    """Answer a forged request with 403, by Sanic's `Forbidden`.

    If a handler raises a `CsrfError` (by `check_csrf_token`, say), the answer is the same, unless
    the application has registered its own handler for that error before this call.

    Args:
        app: the application.
        options: built once, at import time.
        key: the session's attribute of `request.ctx`, for `require_token`.

    Raises:
        ConfigurationError: `options` is not a `CsrfOptions`; at the start or the first request:
            the options require a token, but `setup` was not called.
    """
    check_csrf_options(options)

    async def check(request: Request[Any, Any]) -> None:
        """Let a request pass, or refuse it."""
        checked = _checked(request)
        try:
            check_request(checked, options, lambda: find_session(request.ctx.__dict__, key, _LINE))
        except CsrfError as error:
            _refuse_handshake(request)
            raise Forbidden(refuse(checked, error, options)) from error

    def answer(request: Request[Any, Any], error: CsrfError) -> Any:
        _refuse_handshake(request)
        forbidden = Forbidden(refuse(_checked(request), error, options))
        return request.app.error_handler.response(request, forbidden)  # as the application has it

    async def look_for_session(app: Sanic[Any, Any]) -> None:
        """Raise if no session is installed that could hold the tokens."""
        if key not in getattr(app.request_class, "served", {}):
            raise no_session(key, _LINE)

    app.on_request(check, priority=_FIRST)
    if options.require_token:
        app.before_server_start(look_for_session)
    if (CsrfError, None) not in app.error_handler.cached_handlers:
        app.exception(CsrfError)(answer)


def _checked(request: Request[Any, Any]) -> CsrfRequest:
    headers = MultiDictHeaders(request.headers).get
    return CsrfRequest(
        method=request.method,
        path=_path_of(request),
        is_websocket=asks_for_websocket(request.method, headers) or _is_handshake(request),
        headers=headers,
    )


def _path_of(request: Request[Any, Any]) -> str:
    """Return the path as the routes spell it; the router compares encoded paths."""
    path = f"/{request.path[1:]}"  # the router ignores the first character, whatever it is
    if not getattr(request.route, "strict", True):
        path = path.rstrip("/") or "/"
    return _ENCODED.sub(_decoded, path)


def _decoded(match: re.Match[str]) -> str:
    """Decode only what the router would encode: to it, %61 is not `a`, and %2F is not `/`."""
    text = unquote(match[0])
    return text if quote(text) == match[0] else match[0]


def _is_handshake(request: Request[Any, Any]) -> bool:
    """Return whether the scope is a WebSocket's: in ASGI mode its handshake looks like any GET."""
    return getattr(request.transport, "scope", {}).get("type") == "websocket"


def _refuse_handshake(request: Request[Any, Any]) -> None:
    """Make Sanic's answer one that ASGI allows; unchanged, servers would make a 500 of it."""
    if not _is_handshake(request):
        return
    transport: Any = request.transport
    send = transport.send
    can_answer = "websocket.http.response" in (transport.scope.get("extensions") or ())

    async def send_refusal(message: Any) -> None:
        if can_answer:
            await send({**message, "type": f"websocket.{message['type']}"})
        elif message["type"] == "http.response.start":
            await send({"type": "websocket.close", "code": 1008})  # servers answer with 403

    transport.send = send_refusal
