"""Sites of four processes each, and clients that know which process has answered."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.examples.servers import Server, free_ports
from tests.helpers.waiting import WAIT

ROOT = Path(__file__).parents[3]
WORKERS = 4
MAX_STALE = 120

_UVICORN = "uvicorn tests.revocation.live.asgi_site:app --workers {workers} --port {port}"
_GUNICORN = (
    "gunicorn tests.revocation.live.wsgi_site:app --workers {workers} --bind 127.0.0.1:{port}"
)
COMMANDS = {
    "uvicorn": f"{_UVICORN} --host 127.0.0.1 --timeout-keep-alive 60 --log-level warning",
    "gunicorn": f"{_GUNICORN} --threads 4 --keep-alive 60 --log-level warning",
}


class Site:
    """A running site.

    Attributes:
        server: its server, with all that it prints.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._lines: dict[int, Line] = {}

    def connect(self) -> "Line":
        return Line(self.server.port)

    def lines(self) -> "dict[int, Line]":
        """Return a connection to each of the workers, by the worker's process id."""
        spare = []
        deadline = time.monotonic() + WAIT
        while len(self._lines) < WORKERS:
            assert time.monotonic() < deadline, f"only {len(self._lines)} workers have answered"
            line = self.connect()
            pid = line.get("/who")["pid"]
            if pid in self._lines:
                spare.append(line)  # kept for now: it keeps a worker from taking the next one
            else:
                self._lines[pid] = line
        for line in spare:
            line.close()
        return self._lines

    def close(self) -> None:
        for line in self._lines.values():
            line.close()


class Line:
    """A connection, which one worker serves as long as it is open."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=WAIT)
        self.set_cookie: list[str] = []

    def ask(self, path: str, cookie: str = "", **query: str) -> tuple[int, str]:
        """Get a page; return its status and its text."""
        headers = {"Cookie": cookie} if cookie else {}
        self._connection.request("GET", f"{path}?{urlencode(query)}", headers=headers)
        response = self._connection.getresponse()
        self.set_cookie = response.headers.get_all("Set-Cookie") or []
        return response.status, response.read().decode()

    def get(self, path: str, cookie: str = "", **query: str) -> dict[str, Any]:
        status, text = self.ask(path, cookie, **query)
        assert status == 200, text
        return json.loads(text)  # type: ignore[no-any-return]  # its type is known here

    def close(self) -> None:
        self._connection.close()


class Visitor:
    """A browser of one user, with one connection at a time for each request."""

    def __init__(self, site: Site, user: str) -> None:
        self._site = site
        self.user = user
        self.cookie = ""
        self.id = ""

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Get a page from whichever worker takes the connection, and take its cookies."""
        line = self._site.connect()
        try:
            answer = line.get(path, self.cookie, **query)
            for header in line.set_cookie:
                self._take(header)
        finally:
            line.close()
        return answer

    def _take(self, header: str) -> None:
        for name, morsel in SimpleCookie(header).items():
            self.cookie = "" if morsel["max-age"] == "0" else f"{name}={morsel.value}"

    def log_in(self) -> None:
        self.id = self.get("/login", user=self.user)["id"]


@contextmanager
def run_site(kind: str, store: str, home: Path, max_stale: float = MAX_STALE) -> Iterator[Site]:
    """Run a site of four workers by this server, over the store of this URL."""
    (port,) = free_ports(1)
    command = COMMANDS[kind].format(workers=WORKERS, port=port)
    environment = {
        "LIVE_STORE": store,
        "LIVE_STALE": str(max_stale),
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "HOME": str(home),
        "TMPDIR": str(home),  # gunicorn keeps a control socket there
    }
    server = Server(command, port, environment)
    try:
        server.wait_for_start()
        site = Site(server)
        try:
            yield site
        finally:
            site.close()
    finally:
        server.stop()


def times_to_hold(site: Site, endings: int) -> list[float]:
    """End sessions, each by another worker; return after how many seconds each held in all."""
    lines = site.lines()
    pids = sorted(lines)
    times = []
    for at in range(endings):
        visitor = Visitor(site, f"ended-{at}-of-{endings}")
        visitor.log_in()
        for line in lines.values():
            assert line.get("/who", visitor.cookie)["user"] == visitor.user
        lines[pids[at % WORKERS]].get("/end_user", user=visitor.user)
        began = time.perf_counter()
        left = set(pids)
        while left and time.perf_counter() < began + WAIT:
            left = {pid for pid in left if lines[pid].get("/who", visitor.cookie)["user"]}
        assert not left, f"the ending did not reach {left}"
        times.append(time.perf_counter() - began)
    return times
