"""Real servers of the site, and a visitor who comes to them with a browser's cookies."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import connect

from tests.sessions.browser import ReceivedCookie

ROOT: Final = Path(__file__).parents[3]
WAIT: Final = 30.0
"""How long anything is waited for, in seconds."""

APPLICATION: Final = "tests.libraries.channels.site:application"
COMMANDS: Final = {
    "uvicorn": ("-m", "uvicorn", APPLICATION, "--host", "127.0.0.1", "--port", "{port}"),
    "hypercorn": ("-m", "hypercorn", APPLICATION, "--bind", "127.0.0.1:{port}"),
    "daphne": ("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", APPLICATION),
}


class Server:
    """A server in a process of its own, and what it prints.

    Args:
        name: one of `COMMANDS`.
    """

    def __init__(self, name: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._printed: list[str] = []
        self._more = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, *(part.format(port=self.port) for part in COMMANDS[name])],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            for line in pipe:
                with self._more:
                    self._printed.append(line)
                    self._more.notify_all()

    @property
    def output(self) -> str:
        """What it has printed until now."""
        return "".join(self._printed)

    @property
    def losses(self) -> list[str]:
        """What the package has told of lost changes."""
        return re.findall(
            r"^iron_session: the change to session .* is lost: (.*)$", self.output, re.M
        )

    def wait_for_loss(self, why: str) -> None:
        """Wait until it has told that a change is lost for this reason."""
        with self._more:
            told = self._more.wait_for(lambda: any(why in loss for loss in self.losses), WAIT)
        assert told, self.output

    def wait_for_start(self) -> None:
        """Wait until it takes connections."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                dial(self.port).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"the server did not start:\n{self.output}")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()


@contextmanager
def serving(name: str) -> Iterator[Server]:
    """Serve the site for the length of a block."""
    server = Server(name)
    try:
        server.wait_for_start()
        yield server
    finally:
        server.stop()


def dial(port: int) -> socket.socket:
    """Open a connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT)


@dataclass
class Visitor:
    """Visits a server, keeps the cookies that it is sent, Secure or not, and sends them back.

    Attributes:
        attributes: those of the cookies that were sent last, by name.
    """

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, str | None]] = field(default_factory=dict)

    @property
    def header(self) -> dict[str, str]:
        """The Cookie header, if there are cookies."""
        pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": pairs} if pairs else {}

    def get(self, path: str) -> str:
        """Get a page."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            connection.request("GET", path, headers=self.header)
            response = connection.getresponse()
            body = response.read().decode()
            assert response.status == 200, body
            self._receive(response.headers.get_all("Set-Cookie", []))
        finally:
            connection.close()
        return body

    @contextmanager
    def open(self, path: str) -> Iterator[Any]:
        """Open a WebSocket."""
        with connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers=self.header,
            origin="http://127.0.0.1",
            open_timeout=WAIT,
            sock=dial(self.port),  # straight to it: newer clients ask for a proxy
        ) as websocket:
            assert websocket.response is not None
            self._receive(websocket.response.headers.get_all("Set-Cookie"))
            yield websocket

    def _receive(self, headers: list[str]) -> None:
        self.attributes = {}
        for cookie in map(ReceivedCookie.parse, headers):
            self.attributes[cookie.name] = cookie.attributes
            if cookie.max_age == 0:
                self.cookies.pop(cookie.name, None)
            else:
                self.cookies[cookie.name] = cookie.value
