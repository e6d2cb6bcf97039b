"""`with_iron_session` around one endpoint of Starlette."""

import asyncio
import functools
import gc
import inspect
import logging
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.exceptions import HTTPException, WebSocketException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from iron_session import ConfigurationError, CookieTooLargeError, HeadersAlreadySentError, seal_data
from iron_session.http.request import REGISTRY
from iron_session.integrations.asgi import Message, Receive, Scope, Send
from iron_session.integrations.starlette import (
    IronSessionMiddleware,
    get_session,
    with_iron_session,
)
from tests.contract.logs import errors_in, lost_changes
from tests.helpers import frames
from tests.helpers.waiting import wait_for
from tests.sessions.browser import NAME, OLD, ReceivedCookie, make_options, saved

OPTIONS = make_options()
OURS = with_iron_session(OPTIONS)
TOO_LARGE = "x" * 8000


def browser(app: Any, cookie: str | None = None, **options: Any) -> TestClient:
    """Make a client that speaks HTTPS, so that it sends Secure cookies."""
    client = TestClient(app, base_url="https://testserver", follow_redirects=False, **options)
    if cookie is not None:
        client.cookies.set(NAME, cookie.partition("=")[2], domain="testserver.local", path="/")
    return client


def make_app(endpoint: Any, handlers: dict[Any, Any] | None = None) -> Starlette:
    """Make an app of one endpoint, and one that shows the session."""
    routes = [Route("/", endpoint), Route("/session", show)]
    return Starlette(routes=routes, exception_handlers=handlers or {})


@OURS
async def show(request: Request) -> Response:
    """Answer what is in the session."""
    return JSONResponse(dict(request.session))


class MishapError(Exception):
    """What these handlers raise."""


# --- what is decorated -----------------------------------------------------------------------


def test_a_handler_stays_what_it_was() -> None:
    def sync(request: Request) -> Response:
        """Say nothing."""
        return Response()

    for handler in (sync, show):
        wrapped = OURS(handler)
        assert (wrapped.__name__, wrapped.__doc__) == (handler.__name__, handler.__doc__)
        assert inspect.signature(wrapped) == inspect.signature(handler)
        assert inspect.iscoroutinefunction(wrapped) == inspect.iscoroutinefunction(handler)


def test_a_synchronous_handler_runs_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    @OURS
    def home(request: Request) -> Response:
        threads.append(threading.current_thread())
        request.session["a"] = 1
        return PlainTextResponse("done")

    client = browser(make_app(home))
    assert client.get("/").text == "done"
    assert client.get("/session").json() == {"a": 1}
    assert "AnyIO worker" in threads[0].name


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_method_of_an_endpoint_can_be_decorated(asynchronous: bool) -> None:
    class Sync(HTTPEndpoint):
        @OURS
        def get(self, request: Request) -> Response:
            request.session["a"] = 1
            return PlainTextResponse("done")

    class Async(HTTPEndpoint):
        @OURS
        async def get(self, request: Request) -> Response:
            request.session["a"] = 1
            return PlainTextResponse("done")

    client = browser(make_app(Async if asynchronous else Sync))
    assert client.get("/").text == "done"
    assert client.get("/session").json() == {"a": 1}


def test_a_partial_of_a_handler_can_be_decorated() -> None:
    async def home(value: int, request: Request) -> Response:
        request.session["value"] = value
        return PlainTextResponse("done")

    client = browser(make_app(OURS(functools.partial(home, 5))))
    assert client.get("/").text == "done"
    assert client.get("/session").json() == {"value": 5}


def test_a_class_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="put it above the methods of the class"):

        @OURS
        class Home(HTTPEndpoint):
            pass


@pytest.mark.parametrize("options", [None, {}, "myapp"])
def test_options_are_checked_when_the_decorator_is_made(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="options must be a SessionOptions"):
        with_iron_session(options)


def test_a_handler_that_gets_no_request_says_which_decorator_to_take() -> None:
    @OURS
    def home() -> Response:
        return Response()

    with pytest.raises(ConfigurationError, match=r"iron_session\.integrations\.fastapi"):
        home()


@pytest.mark.parametrize("key", ["session", "other"])
@pytest.mark.parametrize("cookie_name", [NAME, "other"])
def test_a_cookie_or_a_key_that_the_middleware_serves_is_refused(
    key: str, cookie_name: str
) -> None:
    async def home(request: Request) -> Response:
        get_session(request, key=key)["a"] = 1
        return PlainTextResponse("done")

    wrapped = with_iron_session(make_options(cookie_name=cookie_name, password=OLD), key=key)(home)
    middleware = [Middleware(IronSessionMiddleware, options=OPTIONS)]
    client = browser(Starlette(routes=[Route("/", wrapped)], middleware=middleware))
    if (key, cookie_name) == ("other", "other"):
        assert client.get("/").headers["set-cookie"].startswith("other=")
    else:
        with pytest.raises(ConfigurationError, match="installed twice"):
            client.get("/")


def test_two_decorators_give_two_sessions() -> None:
    @with_iron_session(make_options(cookie_name="admin", password=OLD), key="admin")
    @OURS
    async def home(request: Request) -> Response:
        request.session["a"] = 1
        get_session(request, key="admin")["b"] = 2
        raise HTTPException(404)

    answer = browser(make_app(home)).get("/")
    cookies = [ReceivedCookie.parse(one).name for one in answer.headers.get_list("set-cookie")]
    assert sorted(cookies) == ["admin", NAME]
    assert (answer.status_code, answer.headers["vary"]) == (404, "Cookie")


def test_other_handlers_have_no_session() -> None:
    async def home(request: Request) -> Response:
        return JSONResponse(dict(request.session))

    with pytest.raises(AssertionError, match="SessionMiddleware must be installed"):
        browser(make_app(home)).get("/")


def test_afterwards_the_request_has_no_session() -> None:
    scopes: list[Scope] = []

    @OURS
    async def home(request: Request) -> Response:
        scopes.append(request.scope)
        assert "session" in request.scope
        return PlainTextResponse("done")

    browser(make_app(home)).get("/")
    assert "session" not in scopes[0]
    assert scopes[0][REGISTRY] == {}


# --- the response ----------------------------------------------------------------------------


def test_a_decorator_around_this_one_sees_the_response_and_can_change_it() -> None:
    seen: list[Any] = []

    def watch(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        async def call(request: Request) -> Response:
            response: Response = await handler(request)
            seen.extend([response.status_code, response.body, response.headers["x-own"]])
            response.headers["x-added"] = "yes"
            response.set_cookie("theme", "dark")
            response.background = BackgroundTask(seen.append, "background")
            return response

        return call

    @watch
    @OURS
    async def home(request: Request) -> Response:
        request.session["a"] = 1
        return PlainTextResponse("made", status_code=201, headers={"x-own": "1"})

    answer = browser(make_app(home)).get("/")
    assert seen == [201, b"made", "1", "background"]
    assert (answer.status_code, answer.text, answer.headers["x-added"]) == (201, "made", "yes")
    cookies = [ReceivedCookie.parse(one).name for one in answer.headers.get_list("set-cookie")]
    assert cookies == ["theme", NAME]


def test_a_response_that_takes_the_handler_s_place_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def home(request: Request) -> Response:
        await handler(request)
        return PlainTextResponse("another")

    @OURS
    async def handler(request: Request) -> Response:
        request.session["a"] = 1
        return PlainTextResponse("done")

    assert "set-cookie" not in browser(make_app(home)).get("/").headers
    (message,) = lost_changes(caplog)
    assert repr(NAME) in message
    assert "another response was sent in place of the handler's" in message


def test_any_application_can_be_returned() -> None:
    """Starlette asks no more of a response than to be called."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b"raw"})

    @OURS
    async def home(request: Request) -> Any:
        request.session["a"] = 1
        return application

    answer = browser(make_app(home)).get("/")
    assert (answer.status_code, answer.text) == (202, "raw")
    assert answer.headers["set-cookie"].startswith(f"{NAME}=")


def test_a_response_that_is_kept_hands_no_cookie_to_the_next_visitor() -> None:
    kept = PlainTextResponse("always the same")

    @OURS
    async def home(request: Request) -> Response:
        if request.query_params:
            request.session["a"] = 1
        return kept

    app = make_app(home)
    assert "set-cookie" in browser(app).get("/?log=in").headers
    assert "set-cookie" not in browser(app).get("/").headers
    assert "set-cookie" not in kept.headers


def test_what_a_background_task_changes_is_logged_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @OURS
    async def home(request: Request) -> Response:
        task = BackgroundTask(request.session.update, {"late": True})
        return PlainTextResponse("done", background=task)

    client = browser(make_app(home))
    client.get("/")
    assert len(lost_changes(caplog)) == 1
    assert client.get("/session").json() == {}


def test_a_first_look_in_a_background_task_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    @OURS
    async def home(request: Request) -> Response:
        task = BackgroundTask(request.session.get, "a")
        return PlainTextResponse("done", background=task)

    browser(make_app(home), saved({"a": 1})).get("/")
    assert errors_in(caplog) == []


# --- exceptions ------------------------------------------------------------------------------


def answer_mishap(request: Request, error: Exception) -> Response:
    """Be the application's handler."""
    return PlainTextResponse("mishap", status_code=409)


def test_the_application_s_handler_sees_the_session_the_request_and_the_error() -> None:
    seen: list[Any] = []

    async def answer(request: Request, error: Exception) -> Response:
        seen.extend([error.__cause__, error.__context__, await request.body()])
        request.session["handled"] = True
        return PlainTextResponse("mishap", status_code=409)

    @OURS
    async def home(request: Request) -> Response:
        await request.body()
        request.session["a"] = 1
        raise MishapError

    client = browser(make_app(home, {MishapError: answer}))
    assert client.request("GET", "/", content=b"sent").status_code == 409
    assert seen == [None, None, b"sent"]
    assert client.get("/session").json() == {"a": 1, "handled": True}


def test_an_error_keeps_what_it_followed() -> None:
    seen: list[BaseException | None] = []

    def answer(request: Request, error: Exception) -> Response:
        seen.append(error.__context__)
        return PlainTextResponse("mishap")

    @OURS
    def home(request: Request) -> Response:
        try:
            raise KeyError
        except KeyError:
            raise MishapError  # noqa: B904 - it is the context that is asked for

    browser(make_app(home, {MishapError: answer})).get("/")
    assert isinstance(seen[0], KeyError)


def test_a_handler_for_a_status_is_found() -> None:
    @OURS
    async def home(request: Request) -> Response:
        request.session["a"] = 1
        raise HTTPException(418)

    async def answer(request: Request, error: Exception) -> Response:
        return PlainTextResponse("tea", status_code=418)

    client = browser(make_app(home, {418: answer}))
    assert client.get("/").text == "tea"
    assert client.get("/session").json() == {"a": 1}


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_decorator_around_this_one_sees_what_nobody_answers(asynchronous: bool) -> None:
    @OURS
    async def handler(request: Request) -> Response:
        request.session["a"] = 1
        raise MishapError

    @OURS
    def handler_sync(request: Request) -> Response:
        request.session["a"] = 1
        raise MishapError

    async def home(request: Request) -> Response:
        with pytest.raises(MishapError):
            _ = await handler(request) if asynchronous else handler_sync(request)
        return PlainTextResponse("caught")

    client = browser(make_app(home))
    assert client.get("/").text == "caught"
    assert client.get("/session").json() == {}


def test_an_answer_that_a_decorator_prevents_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    @OURS
    async def handler(request: Request) -> Response:
        request.session["a"] = 1
        raise MishapError

    async def home(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception:
            return PlainTextResponse("caught")

    assert browser(make_app(home, {MishapError: answer_mishap})).get("/").text == "caught"
    assert wait_for(lambda: len(lost_changes(caplog)) == 1)


def test_a_handler_that_fails_too_has_its_own_error_answered() -> None:
    def fail(request: Request, error: Exception) -> NoReturn:
        raise HTTPException(503)

    @OURS
    async def home(request: Request) -> Response:
        request.session["a"] = 1
        raise MishapError

    client = browser(make_app(home, {MishapError: fail}))
    assert client.get("/").status_code == 503
    assert client.get("/session").json() == {"a": 1}


def test_a_response_that_fails_before_it_starts_is_answered() -> None:
    @OURS
    async def home(request: Request) -> Response:
        request.session["a"] = 1
        return FileResponse("no/such/file")

    client = browser(make_app(home, {RuntimeError: answer_mishap}))
    assert client.get("/").status_code == 409
    assert client.get("/session").json() == {"a": 1}


def test_a_response_that_fails_after_it_started_is_the_server_s() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise MishapError

    @OURS
    async def home(request: Request) -> Any:
        return application

    with pytest.raises(RuntimeError, match="response already started"):
        browser(make_app(home, {MishapError: answer_mishap})).get("/")


@pytest.mark.parametrize("when", ["in the handler", "by its answer"])
def test_a_session_that_is_too_large_is_answered(when: str) -> None:
    def trim(request: Request, error: Exception) -> Response:
        request.session["large"] = "trimmed"
        return PlainTextResponse("too large", status_code=413)

    def fill(request: Request, error: Exception) -> Response:
        request.session["large"] = TOO_LARGE
        return PlainTextResponse("mishap", status_code=409)

    @OURS
    async def home(request: Request) -> Response:
        if when == "by its answer":
            raise MishapError
        request.session["large"] = TOO_LARGE
        return PlainTextResponse("done")

    client = browser(make_app(home, {CookieTooLargeError: trim, MishapError: fill}))
    assert client.get("/").status_code == 413
    assert client.get("/session").json() == {"large": "trimmed"}


def test_a_session_that_is_too_large_reaches_the_server_otherwise() -> None:
    @OURS
    async def home(request: Request) -> Response:
        request.session["large"] = TOO_LARGE
        return PlainTextResponse("done")

    with pytest.raises(CookieTooLargeError):
        browser(make_app(home)).get("/")


def test_without_an_application_around_it_nobody_answers() -> None:
    @OURS
    async def home(request: Request) -> Response:
        raise MishapError

    with pytest.raises(MishapError):
        browser(Router([Route("/", home)])).get("/")


def test_an_error_that_is_answered_leaves_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @OURS
    async def home(request: Request) -> Response:
        request.session["a"] = 1
        raise MishapError

    with caplog.at_level(logging.INFO, "iron_session"):
        browser(make_app(home, {MishapError: answer_mishap})).get("/")
        gc.collect()
    assert [one for one in caplog.records if one.name == "iron_session"] == []


def test_a_cancelled_request_is_cancelled() -> None:
    @OURS
    async def home(request: Request) -> Response:
        request.session["a"] = 1
        await asyncio.sleep(60)
        return PlainTextResponse("done")

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    async def cancel() -> None:
        scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        scope["query_string"] = b""
        task = asyncio.create_task(make_app(home)(scope, receive, send))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert "session" not in scope

    asyncio.run(cancel())
    assert sent == []


# --- WebSockets ------------------------------------------------------------------------------


def connect(handler: Any, handlers: dict[Any, Any] | None = None) -> Any:
    """Open a WebSocket to a handler, or a class of them."""
    app = Starlette(routes=[WebSocketRoute("/", handler)], exception_handlers=handlers or {})
    return browser(app, saved({"a": 1})).websocket_connect("/")


def test_a_websocket_sends_past_the_session_once_its_handler_has_returned() -> None:
    sends: list[object] = []

    async def outer(websocket: WebSocket) -> None:
        sends.append(websocket._send)
        await handler(websocket)
        sends.append(websocket._send)
        assert "session" not in websocket.scope
        await websocket.send_text("after")
        await websocket.close()

    @OURS
    async def handler(websocket: WebSocket) -> None:
        sends.append(websocket._send)
        await websocket.accept()
        await websocket.send_json(dict(websocket.session))

    with connect(outer) as websocket:
        assert websocket.receive_json() == {"a": 1}
        assert websocket.receive_text() == "after"
    assert sends[0] == sends[2] != sends[1]


def test_the_methods_of_a_websocket_endpoint_can_be_decorated() -> None:
    """Once it is accepted, each of them can read."""

    class Chat(WebSocketEndpoint):
        encoding = "text"

        @OURS
        async def on_connect(self, websocket: WebSocket) -> None:
            websocket.session["b"] = 2
            await websocket.accept()

        @OURS
        async def on_receive(self, websocket: WebSocket, data: str) -> None:
            with pytest.raises(HeadersAlreadySentError):
                websocket.session.save()  # type: ignore[attr-defined]  # Starlette calls it a dict
            await websocket.send_json(dict(websocket.session))

    with connect(Chat) as websocket:
        names = [name for name, _ in websocket.extra_headers]
        assert names == [b"vary", b"cache-control", b"set-cookie"]
        for _ in range(2):
            websocket.send_text("read")
            assert websocket.receive_json() == {"a": 1}


def test_what_is_changed_in_a_websocket_that_is_accepted_is_logged_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Chat(WebSocketEndpoint):
        encoding = "text"

        @OURS
        async def on_receive(self, websocket: WebSocket, data: str) -> None:
            websocket.session["late"] = True
            await websocket.close()

    with connect(Chat) as websocket:
        websocket.send_text("change")
        websocket.receive()
    (message,) = lost_changes(caplog)
    assert "after the response's headers were sent" in message


def test_an_http_exception_before_the_accept_carries_the_cookie() -> None:
    @OURS
    async def refuse(websocket: WebSocket) -> None:
        websocket.session["b"] = 2
        raise HTTPException(403)

    with pytest.raises(WebSocketDenialResponse) as refusal, connect(refuse):
        pass
    assert ReceivedCookie.parse(refusal.value.headers["set-cookie"]).name == NAME


def test_a_websocket_exception_before_the_accept_is_logged_as_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @OURS
    async def refuse(websocket: WebSocket) -> None:
        websocket.session["b"] = 2
        raise WebSocketException(1008)

    with pytest.raises(WebSocketDisconnect) as refusal, connect(refuse):
        pass
    assert refusal.value.code == 1008
    (message,) = lost_changes(caplog)
    assert "the WebSocket was refused" in message


def test_an_error_after_the_accept_is_the_application_s() -> None:
    @OURS
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WebSocketException(1008)

    with connect(talk) as websocket, pytest.raises(WebSocketDisconnect) as closed:
        websocket.receive_text()
    assert closed.value.code == 1008


def test_a_session_that_is_too_large_for_a_handshake_reaches_the_application() -> None:
    async def tell(websocket: WebSocket, error: Exception) -> Response:
        return PlainTextResponse("too large", status_code=413)

    @OURS
    async def fill(websocket: WebSocket) -> None:
        websocket.session["large"] = TOO_LARGE
        await websocket.accept()

    with (
        pytest.raises(WebSocketDenialResponse) as refusal,
        connect(fill, {CookieTooLargeError: tell}),
    ):
        pass
    assert refusal.value.status_code == 413


@pytest.mark.parametrize("asynchronous", [True, False])
def test_an_error_shows_no_cookie(asynchronous: bool) -> None:
    """Not the request's, not one that was written."""
    ours = with_iron_session(make_options(password=frames.PASSWORD))

    async def home(request: Request) -> NoReturn:
        request.session["secret"] = frames.MARKER
        raise MishapError

    def home_sync(request: Request) -> NoReturn:
        request.session["secret"] = frames.MARKER
        raise MishapError

    handler = ours(home) if asynchronous else ours(home_sync)
    seal = seal_data({"secret": frames.MARKER}, password=frames.PASSWORD)
    for decorated, error in ((handler, MishapError), (ours(handler), ConfigurationError)):
        with pytest.raises(error) as caught:
            browser(make_app(decorated), f"{NAME}={seal}").get("/")
        assert frames.leaks_of(caught.value) == []
