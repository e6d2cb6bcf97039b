"""Sends requests to a Sanic application: through Sanic's own server, or in its ASGI mode."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sanic.http import Http
from sanic.server.protocols.websocket_protocol import WebSocketProtocol

from tests.contract import asgi_driver
from tests.contract.common_app import WAIT
from tests.contract.door import Answer, Handshake, Site, Visit
from tests.contract.wire_driver import ServedApp


class LargeHttp(Http):
    """Takes larger headers: above 16 kB, whatever is configured, Sanic answers 413 by itself."""

    HEADER_MAX_SIZE = 200_000


class LargeProtocol(WebSocketProtocol):
    """What its server speaks, with that."""

    HTTP_CLASS = LargeHttp


class FailureLog(logging.Handler):
    """Remembers what an application raised: Sanic catches everything, and only logs it."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            self.failures.append(record.exc_info[1])

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to Sanic's log for the length of a block."""
        logger = logging.getLogger("sanic.error")
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)


class Server:
    """Sanic's server, in a thread and an event loop of its own."""

    def __init__(self, app: Any, protocol: Any = LargeProtocol) -> None:
        self._app, self._protocol = app, protocol
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self) -> None:
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        self._stopped = asyncio.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.address = "{}:{}".format(*listener.getsockname())
            server = await self._app.create_server(
                sock=listener,
                protocol=self._protocol,
                backlog=512,
                access_log=False,
                return_asyncio_server=True,
            )
            await server.startup()
            await server.before_start()
            await server.after_start()
            self._ready.set()
            await self._stopped.wait()
            await server.before_stop()
            server.close()
            for connection in set(server.connections):
                connection.close_if_idle()
            await self._settle()
            await server.after_stop()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(WAIT), "the server did not start"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(WAIT)
        assert not self._thread.is_alive(), "the server did not stop"

    def settle(self) -> None:
        """Wait for the end of every connection: its answer arrives before that."""
        asyncio.run_coroutine_threadsafe(self._settle(), self._loop).result(WAIT)

    async def _settle(self) -> None:
        while others := asyncio.all_tasks() - {asyncio.current_task(), self._main}:
            await asyncio.wait(others)


@dataclass(frozen=True)
class RunningApp:
    """A Sanic application as a `Site`."""

    site: Site
    log: FailureLog
    server: Server | None = None

    def visit(self, visit: Visit) -> Answer:
        """Send one request."""
        self.log.failures.clear()
        answer = self.site.visit(visit)
        self._settle()
        return replace(answer, failure=next(iter(self.log.failures), None))

    def visit_at_once(self, visits: Sequence[Visit]) -> list[Answer]:
        """Send all of the requests at the same time."""
        return self.site.visit_at_once(visits)

    def connect(self, visit: Visit) -> Handshake:
        """Open a WebSocket and read it to its end."""
        handshake = self.site.connect(visit)
        self._settle()
        return handshake

    def _settle(self) -> None:
        if self.server is not None:
            self.server.settle()


@contextmanager
def run(app: Any, protocol: Any = LargeProtocol) -> Iterator[RunningApp]:
    """Run an application on Sanic's server for the length of a block."""
    server, log = Server(app, protocol), FailureLog()
    with log.listening():
        server.start()
        try:
            yield RunningApp(ServedApp(server.address), log, server)
        finally:
            server.stop()


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Serve an application by Sanic's server for the length of a block; yields host and port."""
    server = Server(app)
    server.start()
    try:
        yield server.address
    finally:
        server.stop()


@contextmanager
def run_in_process(app: Any) -> Iterator[RunningApp]:
    """Run an application in Sanic's ASGI mode for the length of a block."""
    log = FailureLog()
    asyncio.run(start(app))
    with log.listening():
        yield RunningApp(asgi_driver.RunningApp(app), log)


async def start(app: Any) -> None:
    """Start the application, as ASGI's lifespan does."""
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return incoming.pop(0)

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
