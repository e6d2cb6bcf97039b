"""A visitor of a site: a browser's cookies, and what it is asked to do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.contract.common_app import Call
from tests.contract.door import Answer, Handshake, Site, Visit


@dataclass
class Visitor:
    """Visits a site, keeps the cookies that it is sent, and sends them back.

    Attributes:
        site: the site.
        cookies: what it has been sent.
        headers: what it sends beside them.
        scheme: what it comes by, where no real server decides that.
    """

    site: Site
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    scheme: str = "https"

    @property
    def header(self) -> str:
        """The Cookie header of the next request."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def prepare(self, action: str | None, value: Any, manner: str, **more: Any) -> Visit:
        """Make a request that asks for an action in a manner; see `common_app`."""
        call = Call(action=action, value=value, **more)
        headers = [*self.headers.items()]
        if self.cookies:
            headers.append(("Cookie", self.header))
        return Visit(target=f"/{manner}?{call.query}", headers=headers, scheme=self.scheme)

    def ask(
        self, action: str | None = None, value: Any = None, *, manner: str = "", **more: Any
    ) -> Answer:
        """Send such a request."""
        return self.receive(self.site.visit(self.prepare(action, value, manner, **more)))

    def connect(
        self, action: str | None = None, value: Any = None, *, manner: str = "ws", **more: Any
    ) -> Handshake:
        """Open a WebSocket by such a request."""
        handshake = self.site.connect(self.prepare(action, value, manner, **more))
        self.receive(handshake)
        return handshake

    def receive(self, answer: Answer) -> Answer:
        """Keep or drop cookies as the answer says."""
        assert all(len(header) <= 4096 for header in answer.all("set-cookie"))
        for cookie in answer.cookies.values():
            if cookie.max_age == 0:
                self.cookies.pop(cookie.name, None)
            else:
                self.cookies[cookie.name] = cookie.value
        return answer

    @property
    def session(self) -> Any:
        """What the site reads of this visitor's session."""
        answer = self.ask("read")
        assert answer.status == 200, answer
        return answer.json


Welcome = Callable[..., Visitor]
"""Opens a site with a session for each of the options, and welcomes a visitor on it."""
