"""Sends requests to an aiohttp application through its own server, since it has no other way."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from tests.contract.common_app import WAIT
from tests.contract.door import Answer, Handshake, Visit
from tests.contract.wire_driver import ServedApp


class FailureLog(logging.Handler):
    """Remembers what an application raised: aiohttp catches everything, and only logs it."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            self.failures.append(record.exc_info[1])


class Server:
    """aiohttp's server, in a thread and an event loop of its own."""

    def __init__(self, app: web.Application, settings: dict[str, Any]) -> None:
        self.log = FailureLog()
        self._app, self._settings = app, settings
        self._logger = logging.Logger("server")  # noqa: LOG001 - for no server but this
        self._logger.addHandler(self.log)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            self._failure = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        self._stopped = asyncio.Event()
        runner = web.AppRunner(
            self._app,
            logger=self._logger,
            access_log=None,
            shutdown_timeout=WAIT,
            **self._settings,
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
        self.address = "{}:{}".format(*runner.addresses[0])
        self._ready.set()
        await self._stopped.wait()
        await runner.cleanup()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(WAIT), "the server did not start"
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(WAIT)
        assert not self._thread.is_alive(), "the server did not stop"
        assert self._failure is None

    def settle(self) -> None:
        """Wait for the end of every request: its answer arrives before that."""
        asyncio.run_coroutine_threadsafe(self._settle(), self._loop).result(WAIT)

    async def _settle(self) -> None:
        while others := asyncio.all_tasks() - {asyncio.current_task(), self._main}:
            await asyncio.wait(others)


@dataclass(frozen=True)
class RunningApp(ServedApp):
    """An aiohttp application as a `Site`."""

    server: Server

    def visit(self, visit: Visit) -> Answer:
        """Send one request."""
        self.server.log.failures.clear()
        answer = super().visit(visit)
        self.server.settle()
        return replace(answer, failure=next(iter(self.server.log.failures), None))

    def visit_at_once(self, visits: Any) -> list[Answer]:
        """Send all of the requests at the same time."""
        return ServedApp(self.address).visit_at_once(visits)

    def connect(self, visit: Visit) -> Handshake:
        """Open a WebSocket and read it to its end."""
        handshake = super().connect(visit)
        self.server.settle()
        return handshake


@contextmanager
def run(app: web.Application, **settings: Any) -> Iterator[RunningApp]:
    """Run an aiohttp application for the length of a block; settings are those of its server."""
    server = Server(app, settings)
    server.start()
    try:
        yield RunningApp(server.address, server)
    finally:
        server.stop()


@contextmanager
def serve(app: web.Application) -> Iterator[str]:
    """Serve an aiohttp application for the length of a block; yields host and port."""
    with run(app) as site:
        yield site.address
