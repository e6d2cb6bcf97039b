"""Starlette: `request.session`, or a session by hand.

    app.add_middleware(IronSessionMiddleware, options=options)      # then: request.session

    session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

try:
    from starlette.datastructures import MutableHeaders
    from starlette.requests import HTTPConnection
    from starlette.responses import Response
except ImportError as error:
    raise ImportError(
        "iron_session.integrations.starlette needs Starlette: pip install starlette"
    ) from error

from iron_session.integrations.asgi import IronSessionMiddleware, cookie_header
from iron_session.sessions import SessionOptions, SetCookie
from iron_session.sessions import session as core
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.responses import vary_on_cookie
from iron_session.sessions.session import Session

__all__ = ["IronSessionMiddleware", "get_iron_session"]


def get_iron_session(
    connection: HTTPConnection, response: Response, options: SessionOptions
) -> Session:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    Args:
        connection: a Request or a WebSocket.
        response: the response that will be returned; in FastAPI also the injected one.
        options: built once, at import time.

    Raises:
        ConfigurationError: the options are no `SessionOptions`.
    """
    return core.get_iron_session(_ResponseJar(connection, response.headers), options)


class _ResponseJar(HeaderJar):
    """Reads from a request's headers and writes into a response's."""

    __slots__ = ("_headers",)

    def __init__(self, connection: HTTPConnection, headers: MutableHeaders) -> None:
        super().__init__(lambda: cookie_header(connection.scope["headers"]))
        self._headers = headers

    def write(self, cookie: SetCookie) -> None:
        super().write(cookie)
        headers = self._headers
        others = [value for value in headers.getlist("set-cookie") if not _sets(value, cookie.name)]
        del headers["set-cookie"]
        for value in [*others, cookie.header]:
            headers.append("set-cookie", value)
        if (vary := vary_on_cookie(headers.get("vary"))) is not None:
            headers["vary"] = vary
        headers.setdefault("cache-control", "no-store")


def _sets(header: str, name: str) -> bool:
    return header.partition("=")[0].strip() == name
