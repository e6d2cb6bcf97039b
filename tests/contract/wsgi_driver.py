"""Sends requests to a WSGI application as a server would, without one."""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn
from wsgiref.validate import validator

from tests.contract.door import Answer, HeaderList, Visit


@dataclass
class Response:
    """What a server knows of a response; it checks what WSGI requires of it."""

    status: int = 500
    headers: HeaderList = field(default_factory=list)
    body: bytes = b""
    failure: BaseException | None = None

    def start(
        self, status: str, headers: HeaderList, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if exc_info:  # the app itself answers the exception, and tells the server
            self.failure = exc_info[1]
            if self.body:
                raise exc_info[1]
        assert exc_info or not self.headers, "start_response was called twice"
        self.status = int(status.split(maxsplit=1)[0])
        # Blanks around a value are no part of it (RFC 9110, 5.5): Django writes one before cookies.
        self.headers = [(name.lower(), value.strip(" \t")) for name, value in headers]
        return self.write

    def write(self, data: bytes) -> None:
        self.body += data


def environ_of(visit: Visit) -> dict[str, Any]:
    """Return the environ of a request."""
    path, _, query = visit.target.partition("?")
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "testserver",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": visit.scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in visit.headers:
        key = f"HTTP_{name.upper().replace('-', '_')}"
        several = key in environ and key != "HTTP_HOST"
        environ[key] = f"{environ[key]}; {value}" if several else value
    return environ


def request(app: Any, visit: Visit) -> Answer:
    """Send one request; if the app raised before it answered, the answer is 500, as servers do."""
    response = Response()
    try:
        body = app(environ_of(visit), response.start)
        try:
            for part in body:
                response.write(part)
        finally:
            if hasattr(body, "close"):
                body.close()
    except Exception as error:
        response.failure = error
    return Answer(
        status=response.status,
        headers=response.headers,
        body=response.body,
        failure=response.failure,
    )


@dataclass(frozen=True)
class RunningApp:
    """A WSGI application as a `Site`."""

    app: Any

    def visit(self, visit: Visit) -> Answer:
        """Send one request."""
        return request(self.app, visit)

    def visit_at_once(self, visits: Sequence[Visit]) -> list[Answer]:
        """Send all of the requests at the same time."""
        with ThreadPoolExecutor(len(visits)) as pool:
            return list(pool.map(self.visit, visits))

    def connect(self, visit: Visit) -> NoReturn:
        """Refuse: WSGI has no WebSockets."""
        raise NotImplementedError("WSGI has no WebSockets")


@contextmanager
def run_in_process(app: Any) -> Iterator[RunningApp]:
    """Run a WSGI application for the length of a block, under the standard library's validator."""
    yield RunningApp(validator(app))
