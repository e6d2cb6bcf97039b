"""aiohttp: no request that another site has forged reaches the application's handlers.

app = web.Application(middlewares=[csrf_middleware(CsrfOptions())])
"""

from __future__ import annotations

try:
    from aiohttp import web
    from aiohttp.typedefs import Handler, Middleware
except ImportError as _cause:
    raise ImportError(
        "iron_session.integrations.aiohttp_csrf needs aiohttp: pip install aiohttp"
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
from iron_session.errors import CsrfError
from iron_session.integrations.aiohttp import get_session

__all__ = ["csrf_middleware"]


def csrf_middleware(options: CsrfOptions = DEFAULTS, *, key: str = "session") -> Middleware:
    """Make a middleware that answers a forged request with 403, by `web.HTTPForbidden`.

    A `CsrfError` that a handler raises, by `check_csrf_token` say, is answered in the same way,
    unless its response has begun.

    Args:
        options: built once, at import time.
        key: what `get_session` finds the session by, for `require_token`.

    Raises:
        ConfigurationError: the options are no `CsrfOptions`; at a request: they require a token,
            and `setup` has given the application no session, or this comes before it.
    """
    check_csrf_options(options)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        checked = _checked(request)
        try:
            check_request(checked, options, lambda: get_session(request, key=key))
            return await handler(request)
        except CsrfError as error:
            if request.writer.output_size:  # as aiohttp asks it: the headers have gone
                raise
            raise web.HTTPForbidden(text=refuse(checked, error, options)) from error

    return check


def _checked(request: web.Request) -> CsrfRequest:
    headers = MultiDictHeaders(request.headers).get
    return CsrfRequest(
        method=request.method,
        path=request.rel_url.path_safe,  # which the router compares: %2F is no / to it
        is_websocket=asks_for_websocket(request.method, headers),
        headers=headers,
    )
