"""Starts real servers, two at a time, and visits them as a browser does."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.examples.servers import Server, free_ports
from tests.helpers.waiting import WAIT
from tests.sessions.browser import NAME

ROOT = Path(__file__).parents[3]
FLASK, QUART = (f"tests.libraries.servers.{name}_site:app" for name in ("flask", "quart"))


@dataclass
class Visitor:
    """A browser, and the addresses of two servers of one site: it sends each cookie to both."""

    client: httpx.Client
    one: str
    other: str

    def log_in(self, user: str = "jane", large: int = 0) -> Any:
        """Log in at one of them, and go where that sends."""
        form = {"user": user, "large": str(large)}
        return self.client.post(f"{self.one}/log-in", data=form).json()

    def see(self, server: str) -> Any:
        """Ask a server whom it sees."""
        return self.client.get(f"{server}/").json()

    @property
    def users(self) -> list[Any]:
        """Whom each server sees."""
        return [self.see(server)["user"] for server in (self.one, self.other)]

    @property
    def cookies(self) -> list[str]:
        """The names of the session's cookies that the browser has."""
        return sorted(name for name in self.client.cookies if name.startswith(NAME))


@contextmanager
def serving(command: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Run a command twice, each time with another number for PORT; gives their addresses."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    one, other = free_ports(2)
    with ExitStack() as stack:
        servers = []
        for port in (one, other):
            home = folder / str(port)  # gunicorn keeps a control socket at home
            home.mkdir()
            settings = {"PYTHONPATH": os.pathsep.join(paths), "HOME": str(home)}
            server = Server(command.replace("PORT", str(port)), port, settings)
            stack.callback(server.stop)
            servers.append(server)
        for server in servers:
            server.wait_for_start()
        yield f"http://127.0.0.1:{one}", f"http://127.0.0.1:{other}"
        for server in servers:  # both at once, so that `stop` need not wait for each
            server.terminate()


@contextmanager
def visiting(servers: tuple[str, str], *, http_2: bool = False) -> Iterator[Visitor]:
    """Open a browser of one version of HTTP for the length of a block."""
    with httpx.Client(
        timeout=WAIT, http1=not http_2, http2=http_2, trust_env=False, follow_redirects=True
    ) as client:
        yield Visitor(client, *servers)


def check_a_visit(visitor: Visitor) -> None:
    """Log in at one server and be seen by both; grow and shrink; log out, and be seen by none."""
    assert visitor.users == [None, None]
    assert visitor.log_in()["user"] == "jane"
    assert visitor.users == ["jane", "jane"]
    assert visitor.cookies == [NAME]
    assert visitor.log_in(large=5000)["size"] == 5000
    assert len(visitor.cookies) > 1
    assert visitor.see(visitor.other)["size"] == 5000
    assert visitor.client.get(f"{visitor.other}/stream").text == "hello jane"
    assert visitor.log_in(large=10)["size"] == 10
    assert visitor.cookies == [NAME]
    visitor.client.post(f"{visitor.other}/log-out")
    assert visitor.cookies == []
    assert visitor.users == [None, None]
