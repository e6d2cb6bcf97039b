"""Sends requests to an ASGI application as a server would, without one."""

import asyncio
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from tests.contract.common_app import WAIT
from tests.contract.door import Answer, Handshake, HeaderList, Visit

Message = MutableMapping[str, Any]


@dataclass
class Connection:
    """One connection: the scope, what the app receives, and what it has sent."""

    scope: dict[str, Any]
    incoming: list[Message]
    sent: list[Message] = field(default_factory=list)
    failure: BaseException | None = None

    async def run(self, app: Any) -> None:
        """Run the app to its end, and keep what it raises, as a server would log it."""
        self._ended = asyncio.Event()
        try:
            async with asyncio.timeout(WAIT):
                await app(self.scope, self._receive, self._send)
        except Exception as error:
            self.failure = error

    async def _receive(self) -> Message:
        if self.incoming:
            return self.incoming.pop(0)
        await self._ended.wait()
        kind = self.scope["type"]
        return {"type": f"{kind}.disconnect", "code": 1000, "reason": ""}

    async def _send(self, message: Message) -> None:
        assert message["type"] not in {one["type"] for one in self.sent} & ONCE, message
        # A server reads the headers, whichever iterable they are, exactly once.
        if "headers" in message:
            message = {**message, "headers": [(bytes(k), bytes(v)) for k, v in message["headers"]]}
        self.sent.append(message)
        if message["type"].endswith((".body", ".close")) and not message.get("more_body"):
            self._ended.set()

    def first(self, *kinds: str) -> Message | None:
        """Return the first message of these kinds that the app sent."""
        return next((one for one in self.sent if one["type"] in kinds), None)

    def body(self, kind: str) -> bytes:
        """Return the body that the app sent."""
        return b"".join(one.get("body", b"") for one in self.sent if one["type"] == kind)


ONCE = {"http.response.start", "websocket.accept", "websocket.http.response.start"}


def http(visit: Visit) -> Connection:
    """Begin a request over HTTPS."""
    return Connection(
        scope(visit, "http") | {"method": "GET", "scheme": visit.scheme},
        [{"type": "http.request", "body": b"", "more_body": False}],
    )


def websocket(visit: Visit) -> Connection:
    """Begin a WebSocket."""
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    return Connection(
        scope(visit, "websocket") | {"subprotocols": [], "scheme": "wss", "extensions": extensions},
        [{"type": "websocket.connect"}],
    )


def scope(visit: Visit, kind: str) -> dict[str, Any]:
    """Return what every ASGI scope has."""
    path, _, query = visit.target.partition("?")
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode("latin-1")) for name, value in visit.headers
        ],
        "client": ("192.0.2.1", 50000),
        "server": ("testserver", 443),
        "state": {},
    }


def headers_of(message: Message | None) -> HeaderList:
    """Return the headers of a message as text."""
    raw = [] if message is None else message.get("headers", [])
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]


async def request(app: Any, visit: Visit) -> Answer:
    """Send one request; if the app raised before it answered, the answer is 500, as servers do."""
    connection = http(visit)
    await connection.run(app)
    start = connection.first("http.response.start")
    return Answer(
        status=500 if start is None else start["status"],
        headers=headers_of(start),
        body=connection.body("http.response.body"),
        failure=connection.failure,
    )


async def connect(app: Any, visit: Visit) -> Handshake:
    """Open a WebSocket and read it to its end."""
    connection = websocket(visit)
    await connection.run(app)
    answer = connection.first("websocket.accept", "websocket.http.response.start")
    accepted = connection.first("websocket.accept") is not None
    refused = 403 if answer is None else cast(int, answer.get("status", 101))
    return Handshake(
        accepted=accepted,
        status=101 if accepted else refused,
        headers=headers_of(answer),
        body=connection.body("websocket.http.response.body"),
        texts=[one["text"] for one in connection.sent if one["type"] == "websocket.send"],
        failure=connection.failure,
    )


@dataclass(frozen=True)
class RunningApp:
    """An ASGI application as a `Site`."""

    app: Any

    def visit(self, visit: Visit) -> Answer:
        """Send one request."""
        return asyncio.run(request(self.app, visit))

    def visit_at_once(self, visits: Sequence[Visit]) -> list[Answer]:
        """Send all of the requests at the same time."""

        async def all_of_them() -> list[Answer]:
            return await asyncio.gather(*(request(self.app, visit) for visit in visits))

        return asyncio.run(all_of_them())

    def connect(self, visit: Visit) -> Handshake:
        """Open a WebSocket and read it to its end."""
        return asyncio.run(connect(self.app, visit))


@contextmanager
def run_in_process(app: Any) -> Iterator[RunningApp]:
    """Run an ASGI application for the length of a block."""
    yield RunningApp(app)
