"""aiohttp: protection from requests that another site has forged (CSRF).

app = web.Application(middlewares=[csrf_middleware(CsrfOptions())])
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

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
from iron_session.integrations.aiohttp import get_session

__all__ = ["csrf_middleware"]


def csrf_middleware(options: CsrfOptions = DEFAULTS, *, key: str = "session") -> Middleware:
    """Make a middleware that answers a forged request with 403, by `web.HTTPForbidden`.

    If a handler raises a `CsrfError` (by `check_csrf_token`, say), the answer is the same, unless
    its response has begun.

    Args:
        options: built once, at import time.
        key: the session's key, for `require_token`.

    Raises:
        ConfigurationError: `options` is not a `CsrfOptions`; at a request: the options require a
            token, but `setup` was not called, or this middleware comes before the session's.
    """
    check_csrf_options(options)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass a request on, or refuse it."""
        checked = _checked(request)
        try:
            check_request(checked, options, lambda: get_session(request, key=key))
            return await handler(request)
        except CsrfError as error:
            if request.writer.output_size:  # the headers were sent; aiohttp checks it like this
                raise
            raise web.HTTPForbidden(text=refuse(checked, error, options)) from error

    return check


def _checked(request: web.Request) -> CsrfRequest:
    headers = MultiDictHeaders(request.headers).get
    return CsrfRequest(
        method=request.method,
        path=request.rel_url.path_safe,  # as the router compares it: there %2F is not /
        is_websocket=asks_for_websocket(request.method, headers),
        headers=headers,
    )
