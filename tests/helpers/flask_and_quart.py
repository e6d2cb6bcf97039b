"""Flask and Quart, for tests of what they have in common."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from inspect import isawaitable
from types import ModuleType
from typing import Any

import flask
import quart
from quart.testing import QuartClient

from iron_session import Session, SessionOptions
from iron_session.integrations import asgi, wsgi
from iron_session.integrations import flask as flask_integration
from iron_session.integrations import quart as quart_integration
from tests.contract import asgi_driver, wsgi_driver
from tests.contract.door import Answer, Visit
from tests.helpers.clock import Clock
from tests.sessions.browser import FOREIGN, NAME, ReceivedCookie, expiration_of, make_options

OPTIONS = make_options()
ADMIN = make_options(cookie_name="admin", password=FOREIGN)
DAY = 24 * 3600
MONTH = 31 * DAY
"""The default for PERMANENT_SESSION_LIFETIME in both, in seconds."""

View = Callable[[], Any]


async def awaited(result: Any) -> Any:
    """Await what a coroutine of Quart's gives; Flask's functions give the same at once."""
    return await result if isawaitable(result) else result


@asynccontextmanager
async def entered(manager: Any) -> AsyncIterator[Any]:
    """Enter a context manager; most of Quart's are asynchronous."""
    if hasattr(manager, "__aenter__"):
        async with manager as value:
            yield value
    else:
        with manager as value:
            yield value


@dataclass(frozen=True)
class Framework:
    """One of the two, and how a request is sent to it.

    Attributes:
        gateway: the middleware for any application of the framework's kind.
        outer_session: gives the session of that middleware to a view.
    """

    own: ModuleType
    ours: ModuleType
    send: Callable[[Any, Visit], Answer]
    gateway: Callable[[Any, SessionOptions], Any]
    outer_session: Callable[[], Session]

    def make_app(
        self,
        options: SessionOptions = OPTIONS,
        admin: SessionOptions | None = ADMIN,
        /,
        **views: View,
    ) -> Any:
        """Make an app with a view on each path; `/show` answers what is in the session."""
        app: Any = getattr(self.own, self.own.__name__.capitalize())(__name__)
        others = {} if admin is None else {"admin": admin}
        app.session_interface = self.ours.IronSessionInterface(options, **others)
        for name, view in {"show": self.show, **views}.items():
            app.add_url_rule(f"/{name}", name, view)
        return app

    def visit(self, app: Any, path: str, cookie: str | None = None) -> Answer:
        """Send a request of a browser that has this cookie, or none."""
        headers = [] if cookie is None else [("Cookie", cookie)]
        return self.send(app, Visit(target=path, headers=headers))

    @property
    def own_interface(self) -> Any:
        """The framework's own sessions, signed."""
        return import_module(f"{self.own.__name__}.sessions").SecureCookieSessionInterface()

    @property
    def session(self) -> Any:
        """The framework's own way to the session."""
        return self.own.session

    def show(self) -> dict[str, Any]:
        """Answer what is in the session."""
        return dict(self.session)

    def log_in(self) -> str:
        """Write a little."""
        self.session["user"] = 1
        return "hello"

    def fill(self) -> str:
        """Put more into the session than a cookie takes."""
        self.session["large"] = "x" * 8000
        return "done"

    async def flash(self, *message: Any) -> None:
        """Flash a message; Quart does so in a coroutine."""
        await awaited(self.own.flash(*message))

    def in_parts(self, *parts: str) -> Any:
        """Make the body of a stream; Quart's are asynchronous."""

        async def give_each() -> AsyncIterator[str]:
            for part in parts:
                yield part

        return give_each() if self.own is quart else iter(parts)


BOTH = {
    "flask": Framework(
        flask,
        flask_integration,
        wsgi_driver.request,
        wsgi.IronSessionMiddleware,
        lambda: wsgi.get_session(flask.request.environ),
    ),
    "quart": Framework(
        quart,
        quart_integration,
        lambda app, visit: asyncio.run(asgi_driver.request(app, visit)),
        asgi.IronSessionMiddleware,
        lambda: quart.request.scope["session"],  # type: ignore[typeddict-item]  # Quart knows no such key
    ),
}


@dataclass(frozen=True)
class Client:
    """A framework's own client, in a browser's place."""

    own: Any

    async def get(self, path: str) -> Any:
        """Send a request, and give the JSON of the answer, if it has any."""
        # Quart's client sends a Secure cookie over HTTPS only.
        how = {"scheme": "https"} if isinstance(self.own, QuartClient) else {}
        response = await awaited(self.own.get(path, **how))
        return await awaited(response.get_json())

    def has_cookie(self, name: str) -> bool:
        """Tell whether the client would send this cookie."""
        if isinstance(self.own, QuartClient):
            return name in {cookie.name for cookie in self.own.cookie_jar or ()}
        return self.own.get_cookie(name) is not None


def run_with_client(app: Any, test: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    """Run a test with the client of an app."""
    asyncio.run(test(Client(app.test_client())))


def next_cookie(answer: Answer) -> str:
    """Return the Cookie header of the browser's next request."""
    return f"{NAME}={answer.cookies[NAME].value}"


def life_of(cookie: ReceivedCookie, clock: Clock) -> tuple[int | None, float]:
    """Return how long the browser keeps a cookie, and how long its seal opens, in seconds."""
    return cookie.max_age, ((expiration_of(cookie.value) or 0) - clock.now) / 1000
