"""ASGI: no request that another site has forged reaches the application.

app.add_middleware(CsrfMiddleware, options=CsrfOptions())       # Starlette, FastAPI
app = Litestar(…, middleware=[DefineMiddleware(CsrfMiddleware, options=CsrfOptions())])
application = CsrfMiddleware(application, CsrfOptions())        # any other
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from iron_session.doors.csrf import (
    DEFAULTS,
    CsrfOptions,
    CsrfRequest,
    check_csrf_options,
    check_request,
    refuse,
)
from iron_session.doors.headers import RawHeaders
from iron_session.doors.paths import path_in_routes
from iron_session.doors.requests import find_session
from iron_session.errors import CsrfError

__all__ = ["CsrfMiddleware"]

# Each framework has types of its own for these, and here each is to fit.
Scope: TypeAlias = Any
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_LINE: Final = (
    "IronSessionMiddleware around CsrfMiddleware: in Starlette and FastAPI "
    "app.add_middleware(IronSessionMiddleware, options=options) after that of CsrfMiddleware, in "
    "Litestar before it in the list. Or exempt the path"
)


class CsrfMiddleware:
    """Answer a forged request with 403, and a forged WebSocket's handshake too.

    A `CsrfError` that the application raises, by `check_csrf_token` say, and does not handle
    itself is answered in the same way, unless its response has begun.

    Args:
        app: the application within.
        options: built once, at import time.
        key: where in the scope the session lies, for `require_token`.

    Raises:
        ConfigurationError: the options are no `CsrfOptions`; at a request: they require a token,
            and there is no session around this middleware.
    """

    def __init__(
        self, app: ASGIApp, options: CsrfOptions = DEFAULTS, *, key: str = "session"
    ) -> None:
        self.app: ASGIApp = app
        self.options: CsrfOptions = check_csrf_options(options)
        self.key: str = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application if the request may come from this site's own pages."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request = _request_of(scope)
        try:
            check_request(request, self.options, lambda: find_session(scope, self.key, _LINE))
        except CsrfError as error:
            await self.answer(error, request, scope, receive, send)
            return
        await self._run(request, scope, receive, send)

    async def _run(self, request: CsrfRequest, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, and answer what it refuses itself."""
        started = False
        heard: list[Any] = []  # of a handshake, for `answer` to hear it too

        def watch(message: Any) -> Awaitable[None]:
            nonlocal started
            started = True
            return send(message)  # no coroutine around it: bodies may have many parts

        async def listen() -> Any:
            message = await receive()
            if not started:
                heard.append(message)
            return message

        async def hear_again() -> Any:
            return heard.pop(0) if heard else await receive()

        try:
            await self.app(scope, listen if request.is_websocket else receive, watch)
        except CsrfError as error:
            if started:
                raise
            await self.answer(error, request, scope, hear_again, send)

    async def answer(
        self, error: CsrfError, request: CsrfRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Report a refusal and answer it, before anything was sent."""
        body = refuse(request, error, self.options).encode()
        if request.is_websocket:
            await receive()  # its connect: what is sent before that is against the protocol
            await send({"type": "websocket.close", "code": 1008})  # servers answer with 403
            return
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _request_of(scope: Scope) -> CsrfRequest:
    is_websocket = scope["type"] == "websocket"
    return CsrfRequest(
        method="GET" if is_websocket else scope["method"],
        path=path_in_routes(scope),
        is_websocket=is_websocket,
        headers=RawHeaders(scope["headers"]).get,
    )
