"""ASGI: protection from requests that another site has forged (CSRF).

app.add_middleware(CsrfMiddleware, options=CsrfOptions())       # Starlette, FastAPI
app = Litestar(…, middleware=[DefineMiddleware(CsrfMiddleware, options=CsrfOptions())])
application = CsrfMiddleware(application, CsrfOptions())        # any other
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias

from iron_session.csrf import (
    DEFAULTS,
    CsrfOptions,
    CsrfRequest,
    check_csrf_options,
    check_request,
    refuse,
)
from iron_session.errors import CsrfError
from iron_session.http.headers import RawHeaders
from iron_session.http.request import find_session
from iron_session.integrations.asgi.paths import path_in_routes

__all__ = ["CsrfMiddleware"]

# Each framework has its own types for these, and all of them must fit here.
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
    """Answer a forged request with 403, and also the handshake of a forged WebSocket.

    If the application raises a `CsrfError` (by `check_csrf_token`, say) and does not handle it,
    the answer is the same, unless its response has begun.

    Args:
        app: the wrapped application.
        options: built once, at import time.
        key: the session's key in the scope, for `require_token`.

    Raises:
        ConfigurationError: `options` is not a `CsrfOptions`; at a request: the options require a
            token, and no session middleware is around this one.
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
            check_request(request, self.options, partial(find_session, scope, self.key, _LINE))
        except CsrfError as error:
            await self.answer(error, request, scope, receive, send)
            return
        except BaseException:
            del scope
            raise
        try:
            await self._run(request, scope, receive, send)
        finally:
            del scope  # error reports show a coroutine's variables: the cookies

    async def _run(self, request: CsrfRequest, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, and answer a CsrfError that it raises."""
        started = False
        heard: list[Any] = []  # a handshake's messages, which `answer` must receive too

        def watch(message: Any) -> Awaitable[None]:
            nonlocal started
            started = True
            return send(message)  # no extra coroutine: bodies may have many parts

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
        finally:
            del scope

    async def answer(
        self, error: CsrfError, request: CsrfRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Report a refusal and answer it; nothing was sent yet."""
        del scope
        body = refuse(request, error, self.options).encode()
        if request.is_websocket:
            await receive()  # the connect message: the protocol forbids sending before it
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
