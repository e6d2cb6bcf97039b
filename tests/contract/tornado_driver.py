"""Sends requests to a Tornado application as its server would, and through that server."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.netutil import bind_sockets
from tornado.web import Application

from tests.contract.common_app import WAIT
from tests.contract.door import Answer, Handshake, Visit
from tests.contract.wire_driver import ServedApp

LARGEST_HEADERS = 200_000


class Connection(HTTPConnection):
    """What the handler writes its response to."""

    def __init__(self, scheme: str = "https") -> None:
        self.context = SimpleNamespace(protocol=scheme, remote_ip="192.0.2.1")
        self.status = 0
        self.headers = HTTPHeaders()
        self.body = b""
        self.finished = asyncio.Event()

    def set_close_callback(self, callback: object) -> None:
        """Forget it: this connection stays."""

    def write_headers(
        self, start_line: Any, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> "asyncio.Future[None]":
        assert isinstance(start_line, ResponseStartLine)
        assert not self.status, "the headers were written twice"
        self.status, self.headers = start_line.code, headers.copy()
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> "asyncio.Future[None]":
        self.body += chunk
        written: asyncio.Future[None] = asyncio.Future()
        written.set_result(None)
        return written

    def finish(self) -> None:
        self.finished.set()


async def request(app: Application, visit: Visit) -> Answer:
    """Send one request; what the app raised is where its handlers note it."""
    connection = Connection(visit.scheme)
    headers = HTTPHeaders()
    for name, value in visit.headers:
        headers.add(name, value.strip(" \t"))  # as its parser has it
    headers.setdefault("Host", "testserver")
    incoming = HTTPServerRequest(
        start_line=RequestStartLine("GET", visit.target, "HTTP/1.1"),
        headers=headers,
        connection=connection,
    )
    app(incoming)
    async with asyncio.timeout(WAIT):
        await connection.finished.wait()
    return answer_of(connection, getattr(incoming, "failure", None))


def answer_of(connection: Connection, failure: BaseException | None = None) -> Answer:
    """Return what was written to a connection."""
    return Answer(
        status=connection.status,
        headers=[(name.lower(), value) for name, value in connection.headers.get_all()],
        body=connection.body,
        failure=failure,
    )


@dataclass(frozen=True)
class RunningApp:
    """A Tornado application as a `Site`."""

    app: Application

    def visit(self, visit: Visit) -> Answer:
        """Send one request."""
        return asyncio.run(request(self.app, visit))

    def visit_at_once(self, visits: Sequence[Visit]) -> list[Answer]:
        """Send all of the requests at the same time."""

        async def all_of_them() -> list[Answer]:
            return await asyncio.gather(*(request(self.app, visit) for visit in visits))

        return asyncio.run(all_of_them())

    def connect(self, visit: Visit) -> Handshake:
        """Open a WebSocket and read it to its end, through a server, which is stopped then."""
        with serve(self.app) as address:
            return ServedApp(address).connect(visit)


@contextmanager
def run_in_process(app: Application) -> Iterator[RunningApp]:
    """Run a Tornado application for the length of a block."""
    yield RunningApp(app)


class Server:
    """Tornado's server, in a thread and an event loop of its own."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        server = HTTPServer(self._app, max_header_size=LARGEST_HEADERS)
        (listener,) = bind_sockets(0, "127.0.0.1")
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        server.add_sockets([listener])
        self._ready.set()
        await self._stopped.wait()
        server.stop()
        await server.close_all_connections()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:  # WebSockets, which the server has handed over
            await asyncio.wait(others, timeout=WAIT)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(WAIT), "the server did not start"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(WAIT)
        assert not self._thread.is_alive(), "the server did not stop"


@contextmanager
def serve(app: Application) -> Iterator[str]:
    """Serve a Tornado application for the length of a block; yields host and port."""
    server = Server(app)
    server.start()
    try:
        yield server.address
    finally:
        server.stop()
