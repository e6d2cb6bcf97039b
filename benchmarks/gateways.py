"""Ways to send a request to an app in the same process: without a network or a client.

A way is a coroutine function that makes an app ready and returns its entrance. An entrance prepares
requests to one path with one cookie. These are then sent many times.
"""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import process_time
from typing import Any, TypeAlias

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState


@dataclass(frozen=True)
class Answer:
    """A response: its status, its body, and the values of its `Set-Cookie` headers."""

    status: int
    body: str
    set_cookie: list[str]


Ask: TypeAlias = Callable[[int], Awaitable[tuple[float, list[Answer]]]]
"""Sends the request this many times; returns the total of seconds, and the answers.

They are CPU seconds of this process: it waits for nothing, and other processes disturb it less.
"""

Entrance: TypeAlias = Callable[[str, str], Ask]
Way: TypeAlias = Callable[[Any], Awaitable[Entrance]]

END = b" visits"  # the end of every page

HEADERS = {
    "host": "example.com",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-GB,en;q=0.5",
    "accept-encoding": "gzip, deflate, br, zstd",
}


def headers_with(cookie: str) -> dict[str, str]:
    return {**HEADERS, "cookie": cookie} if cookie else HEADERS


# --- ASGI --------------------------------------------------------------------------------------


def _scope(path: str, cookie: str) -> dict[str, Any]:
    headers = headers_with(cookie).items()
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode("ascii"),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode("ascii"), value.encode("ascii")) for name, value in headers],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 443),
    }


class _Exchange:
    """What an ASGI app receives for one request, and what it sends."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self._is_received = False

    async def receive(self) -> dict[str, Any]:
        if self._is_received:  # the visitor stays until the app has ended
            await asyncio.Event().wait()
        self._is_received = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def answer(self) -> Answer:
        start, *parts = self.sent
        cookies = [value for name, value in start["headers"] if name.lower() == b"set-cookie"]
        return Answer(
            start["status"],
            b"".join(part.get("body", b"") for part in parts).decode(),
            [value.decode("latin-1") for value in cookies],
        )


async def asgi(app: Any) -> Entrance:
    """Call an ASGI app."""

    def enter(path: str, cookie: str) -> Ask:
        async def ask(count: int) -> tuple[float, list[Answer]]:
            scopes = [_scope(path, cookie) for _ in range(count)]
            exchanges = [_Exchange() for _ in range(count)]
            start = process_time()
            for one in exchanges:
                await app(scopes.pop(), one.receive, one.send)
            return process_time() - start, [one.answer() for one in exchanges]

        return ask

    return enter


class WrapsSend:
    """The least that a middleware must do to see a response's headers."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def wrapped(message: Any) -> None:
            await send(message)

        await self.app(scope, receive, wrapped)


async def start_lifespan(app: Any) -> None:
    """Start an ASGI app's lifespan, as a server does before the first request."""
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        if sent:  # it has said that it is ready, and is not shut down
            await asyncio.Event().wait()
        return {"type": "lifespan.startup"}

    ready = asyncio.Event()

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])
        ready.set()

    lifespan = asyncio.ensure_future(app({"type": "lifespan"}, receive, send))
    await ready.wait()
    lifespan.cancel()
    assert sent == ["lifespan.startup.complete"]


# --- WSGI --------------------------------------------------------------------------------------


def _environ(path: str, cookie: str) -> dict[str, Any]:
    headers = headers_with(cookie).items()
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "example.com",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers},
    }


async def wsgi(app: Any) -> Entrance:
    """Call a WSGI app."""

    def enter(path: str, cookie: str) -> Ask:
        async def ask(count: int) -> tuple[float, list[Answer]]:
            environs = [_environ(path, cookie) for _ in range(count)]
            starts: list[tuple[str, list[tuple[str, str]]]] = []
            bodies: list[bytes] = []

            def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
                starts.append((status, headers))

            start = process_time()
            while environs:
                body = app(environs.pop(), start_response)
                bodies.append(b"".join(body))
                if hasattr(body, "close"):
                    body.close()
            elapsed = process_time() - start
            return elapsed, [
                _wsgi_answer(*one, body) for one, body in zip(starts, bodies, strict=True)
            ]

        return ask

    return enter


def _wsgi_answer(status: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
    cookies = [value for name, value in headers if name.lower() == "set-cookie"]
    return Answer(int(status.split(maxsplit=1)[0]), body.decode(), cookies)


# --- servers that are fed with bytes -----------------------------------------------------------


async def uvicorn(app: Any) -> Entrance:
    """Feed uvicorn with requests as bytes, over one connection kept alive."""
    config = Config(app, http="h11", lifespan="off", log_config=None, access_log=False)
    loop = asyncio.get_running_loop()
    return fed(H11Protocol(config, ServerState(), {}, loop))


def fed(protocol: asyncio.Protocol) -> Entrance:
    """Feed a server's protocol with bytes."""
    connection = _Connection()
    protocol.connection_made(connection)

    def enter(path: str, cookie: str) -> Ask:
        lines = [f"{name}: {value}" for name, value in headers_with(cookie).items()]
        request = "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode("ascii")

        async def ask(count: int) -> tuple[float, list[Answer]]:
            loop = asyncio.get_running_loop()
            responses = []
            start = process_time()
            for _ in range(count):
                connection.response = loop.create_future()
                protocol.data_received(request)
                responses.append(await connection.response)
            elapsed = process_time() - start
            await asyncio.sleep(0.001)  # for what a server does after the last byte
            return elapsed, [_parse(one) for one in responses]

        return ask

    return enter


class _Connection(asyncio.Transport):
    """A connection whose other end waits for a response."""

    response: asyncio.Future[bytes]
    _written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._written += data
        if self._written.endswith(END):
            self.response.set_result(self._written)
            self._written = b""

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Do nothing: it is never closed."""

    def pause_reading(self) -> None:
        """Do nothing: no request comes before the last one is answered."""

    def resume_reading(self) -> None:
        """Do nothing, as above."""


def _parse(response: bytes) -> Answer:
    head, _, body = response.decode("latin-1").partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    headers = [line.partition(": ") for line in lines]
    cookies = [value for name, _, value in headers if name.lower() == "set-cookie"]
    return Answer(int(status.split()[1]), body, cookies)
