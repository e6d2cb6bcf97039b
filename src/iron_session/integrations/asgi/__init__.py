"""ASGI: a session in the scope of every HTTP and WebSocket connection.

It needs no framework; Starlette and FastAPI can use it as it is.
"""

from iron_session.integrations.asgi.middleware import (
    ASGIApp,
    IronSessionMiddleware,
    Message,
    Receive,
    Scope,
    Send,
    get_iron_session,
    get_session,
)
from iron_session.integrations.asgi.wrapper import with_iron_session

__all__ = [
    "ASGIApp",
    "IronSessionMiddleware",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "get_iron_session",
    "get_session",
    "with_iron_session",
]
