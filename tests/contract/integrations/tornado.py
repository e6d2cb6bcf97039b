"""The common app in Tornado, with the mixin of the page: `self.session`."""

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tornado.web import Application, HTTPError, StaticFileHandler
from tornado.websocket import WebSocketHandler

from iron_session import IronSessionError, SessionOptions
from tests.contract import written
from tests.contract.common_app import (
    ANSWERED,
    FILE,
    OWN_HEADERS,
    SCOPE_KEYS,
    STREAM_START,
    TOO_LARGE,
    Call,
    CrashError,
)
from tests.contract.door import Door
from tests.contract.tornado_driver import run_in_process, serve

SessionMixin: Any = written.load("tornado_session").SessionMixin


def make_app(options: Sequence[SessionOptions]) -> Application:
    """Build the app."""
    handlers: list[Any] = [
        ("/(async|)", Answer),
        ("/own", OwnHeaders),
        ("/stream", Stream),
        ("/(file)", File, {"path": str(FILE.parent)}),
        ("/redirect", Redirect),
        ("/error", NotFound),
        ("/crash", Crash),
        ("/ws", Accept),
        ("/ws-deny", Deny),
    ]
    return Application(handlers, sessions=dict(zip(SCOPE_KEYS, options, strict=False)))


class Handler(SessionMixin):  # type: ignore[misc]  # the page has no types for checkers
    """What the handlers share."""

    async def perform(self) -> Any:
        """Perform what the request asks for."""
        return await self.call.perform_async(self.session_of)

    def session_of(self, position: int) -> Any:
        return self.sessions.by_key[SCOPE_KEYS[position]] if position else self.session

    @property
    def call(self) -> Call:
        return Call.parse(self.request.query)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer what the session raises."""
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, tuple(ANSWERED)):
            self.set_status(TOO_LARGE)
            self.finish(type(error).__name__)
        else:
            super().write_error(status_code, **kwargs)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Store for the driver what nobody handled: Tornado only logs it."""
        if not isinstance(value, HTTPError | IronSessionError):
            self.request.failure = value
        super().log_exception(typ, value, tb)


class Answer(Handler):
    async def get(self, manner: str) -> None:
        self.write(json.dumps(await self.perform()))


class OwnHeaders(Handler):
    async def get(self) -> None:
        for name, value in OWN_HEADERS:
            self.add_header(name, value)
        self.write(json.dumps(await self.perform()))


class Stream(Handler):
    async def get(self) -> None:
        await self.perform()
        self.write(STREAM_START)
        await self.flush()
        self.write(self.call.perform_late(self.session_of))


class File(Handler, StaticFileHandler):
    async def get(self, path: str, include_body: bool = True) -> None:
        await self.perform()
        await super().get(FILE.name, include_body)


class Redirect(Handler):
    async def get(self) -> None:
        await self.perform()
        self.redirect("/", status=303)


class NotFound(Handler):
    async def get(self) -> None:
        await self.perform()
        raise HTTPError(404)


class Crash(Handler):
    async def get(self) -> None:
        await self.perform()
        raise CrashError


class Accept(Handler, WebSocketHandler):
    """Does what it is asked before the handshake is answered, and changes the session after it."""

    async def prepare(self) -> None:
        self.result = await self.perform()

    async def open(self, *args: str, **kwargs: str) -> None:
        await self.write_message(json.dumps(self.result))
        await self.write_message(self.call.perform_late(self.session_of))
        self.close()


class Deny(Accept):
    async def prepare(self) -> None:
        await super().prepare()
        self.set_status(403)
        self.finish(json.dumps(self.result))


DOORS = [Door("tornado", make_app, run_in_process, serve=serve)]
