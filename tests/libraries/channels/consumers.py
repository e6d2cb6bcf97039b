"""The consumers of the site: `act` in the query names what they do before they accept or answer,
and `late` what they do after that."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import async_to_sync
from channels import auth
from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from django.contrib.auth.models import User

from iron_session import IronSessionError
from tests.libraries.channels.names import ADA
from tests.libraries.channels.pages import describe


async def read(scope: Any) -> None:
    """Leave the session as it is."""


async def count(scope: Any) -> None:
    """Change the session."""
    scope["session"]["count"] = scope["session"].get("count", 0) + 1


async def count_and_save(scope: Any) -> None:
    """Change the session and save it."""
    await count(scope)
    await scope["session"].asave()


async def log_in(scope: Any) -> None:
    """Log in, as Channels has it."""
    await auth.login(scope, await User.objects.aget(username=ADA))


ACTS: dict[str, Callable[[Any], Any]] = {
    one.__name__: one for one in (read, count, count_and_save, log_in, auth.logout)
}


async def act(scope: Any, which: str) -> str:
    """Do what is asked for, and tell who this is now, or what went wrong."""
    asked = parse_qs(scope["query_string"].decode()).get(which, ["read"])[0]
    try:
        await ACTS[asked](scope)
    except IronSessionError as error:
        return type(error).__name__
    return describe(scope["user"], scope["session"])


class Socket(AsyncWebsocketConsumer):
    """Acts before and after it accepts, and once more when the channel layer tells it to."""

    async def connect(self) -> None:
        first = await act(self.scope, "act")
        await self.accept()
        await self.send(first)
        await self.send(await act(self.scope, "late"))

    async def receive(self, text_data: str) -> None:
        await self.channel_layer.send(self.channel_name, {"type": "act.again"})

    async def act_again(self, message: Any) -> None:
        await self.send(await act(self.scope, "late"), close=True)


class SyncSocket(WebsocketConsumer):
    """Acts before and after it accepts, in plain functions."""

    def connect(self) -> None:
        first = async_to_sync(act)(self.scope, "act")
        self.accept()
        self.send(first)
        self.send(async_to_sync(act)(self.scope, "late"))

    def receive(self, text_data: str) -> None:
        self.send(async_to_sync(act)(self.scope, "late"), close=True)


class Refusal(AsyncWebsocketConsumer):
    """Acts, and accepts nothing."""

    async def connect(self) -> None:
        await act(self.scope, "act")
        await self.close()


class Page(AsyncHttpConsumer):
    """Acts before and after it begins to answer."""

    async def handle(self, body: bytes) -> None:
        first = await act(self.scope, "act")
        await self.send_headers()
        await self.send_body(f"{first}\n".encode(), more_body=True)
        await self.send_body((await act(self.scope, "late")).encode())
