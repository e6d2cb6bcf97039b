"""Sends requests to an application through a real server, over HTTP and WebSocket."""

import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.contract.common_app import WAIT
from tests.contract.door import Answer, Door, Handshake, HeaderList, Visit


@dataclass(frozen=True)
class ServedApp:
    """A served application as a `Site`."""

    address: str

    def visit(self, visit: Visit) -> Answer:
        """Send one request; `http.client` gives every header as it came."""
        connection = HTTPConnection(self.address, timeout=WAIT)
        try:
            has_host = any(name == "Host" for name, _ in visit.headers)
            connection.putrequest(
                "GET", visit.target, skip_host=has_host, skip_accept_encoding=True
            )
            for name, value in visit.headers:
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        return Answer(
            status=response.status, headers=in_lower_case(response.getheaders()), body=body
        )

    def visit_at_once(self, visits: Sequence[Visit]) -> list[Answer]:
        """Send all of the requests at the same time."""
        with ThreadPoolExecutor(len(visits)) as pool:
            return list(pool.map(self.visit, visits))

    def connect(self, visit: Visit) -> Handshake:
        """Open a WebSocket and read it to its end."""
        try:
            with connect(
                f"ws://{self.address}{visit.target}",
                additional_headers=visit.headers,
                open_timeout=WAIT,
                sock=dial(self.address),  # straight to it: newer clients ask for a proxy
            ) as websocket:
                assert websocket.response is not None
                headers = websocket.response.headers
                texts = [str(text) for text in websocket]
        except InvalidStatus as refusal:
            return Handshake(
                accepted=False,
                status=refusal.response.status_code,
                headers=in_lower_case(list(refusal.response.headers.raw_items())),
                body=bytes(refusal.response.body or b""),
                texts=[],
            )
        return Handshake(
            accepted=True,
            status=101,
            headers=in_lower_case(list(headers.raw_items())),
            texts=texts,
        )


def dial(address: str) -> socket.socket:
    """Open a connection to a server."""
    host, _, port = address.partition(":")
    return socket.create_connection((host, int(port)), timeout=WAIT)


def in_lower_case(headers: HeaderList) -> HeaderList:
    """Write the headers' names as the tests do."""
    return [(name.lower(), value) for name, value in headers]


@contextmanager
def run_on_a_server(door: Door, app: Any) -> Iterator[ServedApp]:
    """Serve a door's application for the length of a block."""
    with door.serve(app) as address:
        yield ServedApp(address)
