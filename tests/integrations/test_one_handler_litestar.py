"""`with_iron_session` above one route handler of Litestar."""

from typing import Any

import pytest
from litestar import Controller, Litestar, Request, Router, WebSocket, get, post
from litestar.handlers import HTTPRouteHandler, websocket_listener
from litestar.middleware import DefineMiddleware
from litestar.testing import TestClient
from litestar.types import ASGIApp, Receive, Scope, Send

from iron_session import ConfigurationError
from iron_session.integrations.litestar import IronSessionConfig, get_session, with_iron_session
from tests.sessions.browser import NAME, OLD, ReceivedCookie, make_options, saved

OPTIONS = make_options()
ADMIN = make_options(cookie_name="admin", password=OLD)
OURS = with_iron_session(OPTIONS)

AnyRequest = Request[Any, Any, Any]
AnySocket = WebSocket[Any, Any, Any]


def browser(*handlers: Any, cookie: str | None = None, **settings: Any) -> TestClient[Litestar]:
    """Make a client, which speaks HTTPS, of an app of these handlers."""
    # Litestar's own logging takes away the handlers of the root logger, and so the test's.
    app = Litestar(handlers, logging_config=None, **settings)
    client = TestClient(app, base_url="https://testserver.local")
    if cookie is not None:
        client.cookies.set(NAME, cookie.partition("=")[2], domain="testserver.local", path="/")
    return client


@OURS
@get("/")
async def count(request: AnyRequest) -> int:
    request.session["visits"] = request.session.get("visits", 0) + 1
    visits: int = request.session["visits"]
    return visits


def test_a_decorated_handler_is_one_and_has_a_session() -> None:
    assert isinstance(count, HTTPRouteHandler)
    client = browser(count)
    assert [client.get("/").json() for _ in range(3)] == [1, 2, 3]


def test_other_handlers_have_no_session() -> None:
    @get("/plain")
    async def plain(request: AnyRequest) -> int:
        return len(request.session)

    assert browser(count, plain).get("/plain").status_code == 500


def test_another_method_of_the_path_has_no_session() -> None:
    @post("/")
    async def other(request: AnyRequest) -> bool:
        return "session" in request.scope

    client = browser(count, other)
    assert client.get("/").json() == 1
    assert client.post("/").json() is False


def test_a_method_of_a_controller_can_be_decorated() -> None:
    class Visits(Controller):
        path = "/visits"

        @OURS
        @get("/")
        async def show(self, request: AnyRequest) -> int:
            request.session["visits"] = request.session.get("visits", 0) + 1
            visits: int = request.session["visits"]
            return visits

    client = browser(Router("/router", route_handlers=[Visits]))
    assert [client.get("/router/visits").json() for _ in range(2)] == [1, 2]


def test_the_handler_s_own_middleware_has_the_session() -> None:
    class Visit:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            session: Any = scope["session"]
            session["visited"] = True
            await self.app(scope, receive, send)

    @OURS
    @get("/", middleware=[DefineMiddleware(Visit)])
    async def show(request: AnyRequest) -> dict[str, Any]:
        return dict(request.session)

    assert browser(show).get("/").json() == {"visited": True}


def test_a_websocket_listener_can_be_decorated() -> None:
    @OURS
    @websocket_listener("/ws")
    async def listen(data: str, socket: AnySocket) -> dict[str, Any]:
        return dict(socket.session)

    with (
        browser(listen, cookie=saved({"a": 1})) as client,
        client.websocket_connect("/ws") as websocket,
    ):
        websocket.send_text("read")
        assert websocket.receive_json() == {"a": 1}


def test_below_the_route_s_decorator_it_is_refused() -> None:
    async def home() -> None:
        """Do nothing."""

    handler: Any = home  # as it is, a type checker refuses it too
    with pytest.raises(ConfigurationError, match=r"put with_iron_session above @get"):
        get("/")(OURS(handler))


@pytest.mark.parametrize("options", [None, {}, "myapp"])
def test_options_are_checked_when_the_decorator_is_made(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="options must be a SessionOptions"):
        with_iron_session(options)


@pytest.mark.parametrize("key", ["session", "other"])
@pytest.mark.parametrize("cookie_name", [NAME, "other"])
def test_a_cookie_or_a_key_that_the_application_s_middleware_serves_is_refused(
    key: str, cookie_name: str
) -> None:
    @with_iron_session(make_options(cookie_name=cookie_name, password=OLD), key=key)
    @get("/")
    async def home(request: AnyRequest) -> None:
        get_session(request, key=key)["a"] = 1

    client = browser(home, middleware=[IronSessionConfig(OPTIONS).middleware], debug=True)
    answer = client.get("/")
    if (key, cookie_name) == ("other", "other"):
        assert answer.headers["set-cookie"].startswith("other=")
    else:
        assert (answer.status_code, "installed twice" in answer.text) == (500, True)


def test_two_decorators_give_two_sessions() -> None:
    @with_iron_session(ADMIN, key="admin")
    @OURS
    @get("/")
    async def both(request: AnyRequest) -> None:
        request.session["a"] = 1
        get_session(request, key="admin")["b"] = 2

    answer = browser(both).get("/")
    cookies = {ReceivedCookie.parse(one).name for one in answer.headers.get_list("set-cookie")}
    assert cookies == {NAME, "admin"}
