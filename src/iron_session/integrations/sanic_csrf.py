"""Sanic: no request that another site has forged reaches the application's handlers.

setup_csrf(app, CsrfOptions())
"""

from __future__ import annotations

from typing import Any, Final

try:
    from sanic import Request, Sanic
    from sanic.exceptions import Forbidden
except ImportError as _cause:
    raise ImportError(
        "iron_session.integrations.sanic_csrf needs Sanic: pip install sanic"
    ) from _cause

from iron_session.doors.csrf import (
    DEFAULTS,
    CsrfOptions,
    CsrfRequest,
    asks_for_websocket,
    check_csrf_options,
    check_request,
    refuse,
)
from iron_session.doors.headers import MultiDictHeaders
from iron_session.doors.requests import find_session
from iron_session.errors import CsrfError

__all__ = ["setup_csrf"]

_LINE: Final = "setup(app, options), of iron_session.integrations.sanic"

_FIRST: Final = 1_000_000
"""The priority of the check: before all middlewares of the application, whatever theirs."""


def setup_csrf(
    app: Sanic[Any, Any], options: CsrfOptions = DEFAULTS, *, key: str = "session"
) -> None:
    """Answer a forged request with 403, by sanic's `Forbidden`.

    A `CsrfError` that a handler raises, by `check_csrf_token` say, is answered in the same way,
    unless the application has registered a handler of its own for it by now.

    Args:
        app: the application.
        options: built once, at import time.
        key: the attribute of `request.ctx` that is the session, for `require_token`.

    Raises:
        ConfigurationError: the options are no `CsrfOptions`; at the start or the first request:
            they require a token, and `setup` has given the application no session.
    """
    check_csrf_options(options)

    async def check(request: Request[Any, Any]) -> None:
        checked = _checked(request)
        try:
            check_request(checked, options, lambda: find_session(request.ctx.__dict__, key, _LINE))
        except CsrfError as error:
            raise Forbidden(refuse(checked, error, options)) from error

    def answer(request: Request[Any, Any], error: CsrfError) -> Any:
        forbidden = Forbidden(refuse(_checked(request), error, options))
        return request.app.error_handler.response(request, forbidden)  # as the application has it

    async def look_for_session(app: Sanic[Any, Any]) -> None:
        find_session(getattr(app.request_class, "served", {}), key, _LINE)

    app.on_request(check, priority=_FIRST)
    if options.require_token:
        app.before_server_start(look_for_session)
    if (CsrfError, None) not in app.error_handler.cached_handlers:
        app.exception(CsrfError)(answer)


def _checked(request: Request[Any, Any]) -> CsrfRequest:
    headers = MultiDictHeaders(request.headers).get
    return CsrfRequest(
        method=request.method,
        path=request.path,
        is_websocket=asks_for_websocket(request.method, headers) or _leads_to_websocket(request),
        headers=headers,
    )


def _leads_to_websocket(request: Request[Any, Any]) -> bool:
    """Ask the route: in Sanic's ASGI mode a handshake looks like any other GET."""
    return bool(getattr(getattr(request.route, "extra", None), "websocket", False))
