"""A door: the common app made with one integration, and how a request is sent to it."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from iron_session import SessionOptions
from tests.contract.server import serve_asgi
from tests.sessions.browser import ReceivedCookie

HeaderList = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request: the path with its query, its headers, and its scheme where no server decides."""

    target: str
    headers: HeaderList
    scheme: str = "https"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response.

    Attributes:
        headers: names in lower case.
        failure: what the app raised to its server.
    """

    status: int
    headers: HeaderList
    body: bytes = b""
    failure: BaseException | None = None

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def json(self) -> Any:
        """What the handler answered."""
        return json.loads(self.body)

    @property
    def cookies(self) -> dict[str, ReceivedCookie]:
        """What it sets; never one name twice."""
        received = [ReceivedCookie.parse(value) for value in self.all("set-cookie")]
        names = [cookie.name for cookie in received]
        assert len(set(names)) == len(names), f"a name is set twice: {names}"
        return dict(zip(names, received, strict=True))

    @property
    def vary(self) -> str | None:
        """Its only Vary header."""
        return self._only("vary")

    @property
    def cache_control(self) -> str | None:
        """Its only Cache-Control header."""
        return self._only("cache-control")

    def _only(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} is there more than once: {values}"
        return values[0] if values else None


@dataclass(frozen=True, kw_only=True)
class Handshake(Answer):
    """How a WebSocket was answered.

    Attributes:
        accepted: whether it was; else it was closed or refused with a response.
        texts: what came over it.
    """

    accepted: bool
    texts: list[str]


class Site(Protocol):
    """An app that runs."""

    def visit(self, visit: Visit) -> Answer:
        """Send one request."""
        ...

    def visit_at_once(self, visits: Sequence[Visit]) -> list[Answer]:
        """Send all of the requests at the same time."""
        ...

    def connect(self, visit: Visit) -> Handshake:
        """Open a WebSocket and read it to its end."""
        ...


@dataclass(frozen=True)
class Door:
    """One way of having sessions in one framework.

    Attributes:
        name: as it stands in the names of the tests.
        make_app: gives the common app with a session for each of the options.
        open: runs an app, for the length of a block.
        make_explicit_app: gives an app of one route, /explicit, in which nothing but that route's
            handler serves the options' cookie; None where there is no such form.
        serve: serves an app on a real server, for the length of a block; gives host and port.
    """

    name: str
    make_app: Callable[[Sequence[SessionOptions]], Any]
    open: Callable[[Any], AbstractContextManager[Site]]
    make_explicit_app: Callable[[SessionOptions], Any] | None = None
    serve: Callable[[Any], AbstractContextManager[str]] = serve_asgi
