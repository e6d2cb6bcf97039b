"""A request through a Starlette app, in process: by the app alone, and served by uvicorn."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from time import perf_counter
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from benchmarks.apps import BODY, Case, cases
from benchmarks.rounds import Rounds

Ask = Callable[[], Awaitable[object]]


def measure(rounds: int, requests: int) -> Rounds:
    """Give the microseconds of a request to an app alone, by case, in batches of this many."""
    return asyncio.run(_measure(ask_app, rounds, requests))


def measure_served(rounds: int, requests: int) -> Rounds:
    """Give the same for a request that uvicorn reads and answers as bytes, without a network."""
    return asyncio.run(_measure(ask_server, rounds, requests))


async def _measure(prepare: Callable[[Case], Ask], rounds: int, requests: int) -> Rounds:
    asks = {name: prepare(case) for name, case in cases().items()}
    for ask in asks.values():
        await _time(ask, requests)
    microseconds: Mapping[str, list[float]] = {name: [] for name in asks}
    for _ in range(rounds):
        for name, ask in asks.items():
            microseconds[name].append(await _time(ask, requests) / requests * 1e6)
    return microseconds


async def _time(ask: Ask, requests: int) -> float:
    start = perf_counter()
    for _ in range(requests):
        await ask()
    return perf_counter() - start


def ask_app(case: Case) -> Ask:
    """Prepare requests to the app itself, as ASGI; each gives the messages that were sent."""

    async def ask() -> list[MutableMapping[str, Any]]:
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "https",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "headers": case.headers,
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 443),
        }
        await case.app(scope, receive, send)
        return sent

    return ask


def ask_server(case: Case) -> Ask:
    """Prepare requests to uvicorn, over one connection kept alive; each gives the response."""
    loop = asyncio.get_running_loop()
    lines = [b"GET / HTTP/1.1", *(b": ".join(header) for header in case.headers), b"", b""]
    request = b"\r\n".join(lines)
    config = Config(case.app, http="h11", lifespan="off", log_config=None, access_log=False)
    protocol = H11Protocol(config, ServerState(), {}, loop)
    connection = _Connection()
    protocol.connection_made(connection)

    async def ask() -> bytes:
        connection.answered = loop.create_future()
        protocol.data_received(request)
        return await connection.answered

    return ask


class _Connection(asyncio.Transport):
    """A connection whose other end waits for a response."""

    answered: asyncio.Future[bytes]
    _response = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._response += data
        if self._response.endswith(BODY):
            self.answered.set_result(self._response)
            self._response = b""

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """Do nothing: no request comes before the last one is answered."""

    def resume_reading(self) -> None:
        """Do nothing, as above."""
