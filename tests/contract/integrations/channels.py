"""The common app in Django Channels: consumers of HTTP and of WebSockets."""

import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final

from channels.consumer import AsyncConsumer
from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.test import override_settings
from django.urls import path

from iron_session import SessionOptions
from iron_session.integrations.channels import (
    Application,
    SessionMiddlewareStack,
    get_iron_session,
)
from tests.contract.asgi_driver import run_in_process
from tests.contract.common_app import (
    ANSWERED,
    FILE,
    HANDLED,
    OWN_HEADERS,
    SCOPE_KEYS,
    STREAM_START,
    TOO_LARGE,
    Call,
    CrashError,
    HandledError,
    SessionOf,
)
from tests.contract.door import Door
from tests.integrations.django_site import project


def make_app(options: Sequence[SessionOptions]) -> Application:
    """Build the app: the first session is Django's own, another has options of its own."""
    with override_settings(SESSION_ENGINE=project.ENGINE, IRON_SESSION=options[0]):
        app = SessionMiddlewareStack(URLRouter(ROUTES))
    for key, one in zip(SCOPE_KEYS[1:], options[1:], strict=False):
        app = SessionMiddlewareStack(app, one, key=key)
    return app


def make_explicit_app(options: SessionOptions) -> Application:
    """Build the app of the explicit form, without the session's middleware."""
    routes: list[Any] = [path("explicit", Explicit.as_asgi(options=options))]
    app: Application = URLRouter(routes)
    return app


def call_of(consumer: Any) -> Call:
    """Read what the consumer is asked to do."""
    return Call.parse(consumer.scope["query_string"].decode())


def sessions_of(consumer: Any) -> SessionOf:
    """Reach the sessions in the consumer's scope."""
    return lambda position: consumer.scope[SCOPE_KEYS[position]]


async def perform(consumer: Any) -> str:
    """Perform what the request asks for."""
    return json.dumps(await call_of(consumer).perform_async(sessions_of(consumer)))


def encode(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Write headers as Channels takes them."""
    return [(name.encode(), value.encode()) for name, value in headers]


class Page(AsyncHttpConsumer):  # type: ignore[misc]  # Channels has no types
    """Performs the call, and answers what that raises."""

    async def handle(self, body: bytes) -> None:
        try:
            await self.answer(await perform(self))
        except tuple(ANSWERED) as error:
            await self.send_response(TOO_LARGE, type(error).__name__.encode())
        except HandledError:
            await self.send_response(HANDLED, b"handled")

    async def answer(self, result: str) -> None:
        await self.send_response(200, result.encode())


class OwnHeaders(Page):
    async def answer(self, result: str) -> None:
        await self.send_response(200, result.encode(), headers=encode(OWN_HEADERS))


class Stream(Page):
    async def answer(self, result: str) -> None:
        await self.send_headers()
        await self.send_body(STREAM_START.encode(), more_body=True)
        await self.send_body(call_of(self).perform_late(sessions_of(self)).encode())


class SentFile(Page):
    async def answer(self, result: str) -> None:
        await self.send_headers()
        await self.send_body(FILE.read_bytes())


class Redirect(Page):
    async def answer(self, result: str) -> None:
        await self.send_response(303, b"", headers=[(b"location", b"/")])


class NotFound(Page):
    async def answer(self, result: str) -> None:
        await self.send_response(404, b"not found")


class Crash(Page):
    async def answer(self, result: str) -> None:
        raise CrashError


class Fail(Page):
    async def answer(self, result: str) -> None:
        raise HandledError


class Explicit(AsyncHttpConsumer):  # type: ignore[misc]  # Channels has no types
    """Gets its session by hand."""

    def __init__(self, options: SessionOptions) -> None:
        super().__init__()
        self.options = options

    async def handle(self, body: bytes) -> None:
        headers = [(b"content-type", b"application/json")]
        session = get_iron_session(self.scope, headers, self.options)
        result = await call_of(self).perform_async(lambda _: session)
        await self.send_response(200, json.dumps(result).encode(), headers=headers)


class Accept(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    async def connect(self) -> None:
        result = await perform(self)
        await self.accept()
        await self.send(result)
        await self.send(call_of(self).perform_late(sessions_of(self)), close=True)


class Close(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    async def connect(self) -> None:
        await perform(self)
        await self.close()


class Deny(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Refuses by ASGI's own messages: Channels has no method for it."""

    async def connect(self) -> None:
        send = partial(AsyncConsumer.send, self)
        result = await perform(self)
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": result.encode()})


CONSUMERS: dict[str, Any] = {
    "": Page,
    "async": Page,
    "own": OwnHeaders,
    "stream": Stream,
    "file": SentFile,
    "redirect": Redirect,
    "error": NotFound,
    "crash": Crash,
    "handled": Fail,
    "ws": Accept,
    "ws-close": Close,
    "ws-deny": Deny,
}
ROUTES: Final[list[Any]] = [path(name, consumer.as_asgi()) for name, consumer in CONSUMERS.items()]

DOORS = [Door("channels", make_app, run_in_process, make_explicit_app)]
