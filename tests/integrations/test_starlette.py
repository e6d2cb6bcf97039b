"""Starlette: its exception handlers, its middleware, its background tasks, the explicit form."""

import functools
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTasks
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    IronSessionError,
    NotSerializableError,
    Session,
    SessionOptions,
)
from iron_session.http.request import REGISTRY
from iron_session.integrations.asgi import ASGIApp, Receive, Scope, Send
from iron_session.integrations.starlette import (
    IronSessionMiddleware,
    get_iron_session,
    get_session,
)
from tests.contract.logs import lost_changes
from tests.helpers.clock import Clock
from tests.sessions.browser import NAME, TTL, ReceivedCookie, make_options, saved

OPTIONS = make_options()
OURS = Middleware(IronSessionMiddleware, options=OPTIONS)
TOO_LARGE = "x" * 8000

Endpoint = Callable[[Request], Awaitable[Response] | Response]
Handlers = dict[Any, Any]


def browser(app: Any, cookie: str | None = None, **options: Any) -> TestClient:
    """Make a client that speaks HTTPS, so that it sends Secure cookies."""
    client = TestClient(app, base_url="https://testserver", follow_redirects=False, **options)
    if cookie is not None:
        client.cookies.set(NAME, cookie.partition("=")[2], domain="testserver.local", path="/")
    return client


def make_app(endpoint: Endpoint, handlers: Handlers | None = None, *inner: Middleware) -> Starlette:
    """Make an app of one route, and one that shows the session."""
    return Starlette(
        routes=[Route("/", endpoint), Route("/session", show)],
        middleware=[OURS, *inner],
        exception_handlers=handlers or {},
    )


async def show(request: Request) -> Response:
    """Answer what is in the session."""
    return JSONResponse(dict(request.session))


async def fill(request: Request) -> Response:
    """Put more into the session than a cookie takes."""
    request.session["large"] = TOO_LARGE
    return PlainTextResponse("done")


# --- request.session -------------------------------------------------------------------------


def test_request_session_is_a_session() -> None:
    seen: list[object] = []

    async def look(request: Request) -> Response:
        seen.append(request.session)
        return PlainTextResponse()

    assert browser(make_app(look)).get("/").headers["vary"] == "Cookie"
    assert isinstance(seen[0], Session)


def test_request_session_replaced_by_a_plain_dict_is_taken_over() -> None:
    """Starlette's own middleware answers that with a 500."""

    async def log_in(request: Request) -> Response:
        request.scope["session"] = {"user": 1}
        return PlainTextResponse()

    client = browser(make_app(log_in), saved({"old": True}))
    assert client.get("/").status_code == 200
    assert client.get("/session").json() == {"user": 1}


def test_request_session_replaced_by_an_extended_copy_does_not_live_longer(clock: Clock) -> None:
    """However often it is replaced, `max_lifetime` ends it."""

    async def extend(request: Request) -> Response:
        request.scope["session"] = {**request.session, "visits": request.session["visits"] + 1}
        return PlainTextResponse()

    options = make_options(ttl=1800, max_lifetime=3600)
    middleware = Middleware(IronSessionMiddleware, options=options)
    app = Starlette(
        routes=[Route("/", extend), Route("/session", show)],
        middleware=[middleware],
    )
    client = browser(app, saved({"visits": 0}, ttl=1800, max_lifetime=3600))
    for _ in range(3):
        clock.advance(1000)
        client.get("/")
    assert client.get("/session").json() == {"visits": 3}
    clock.advance(661)
    assert client.get("/session").json() == {}


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        ({"when": datetime(2024, 2, 29)}, 'session["when"]'),
        ({"cart": [{"when": datetime(2024, 2, 29)}]}, 'session["cart"][0]["when"]'),
        ({1: "one"}, "session"),
        ({"$iron": {}}, 'session["$iron"]'),
    ],
)
def test_request_session_replaced_by_what_json_can_t_carry_is_answered_by_the_handler(
    bad: dict[Any, Any], path: str
) -> None:
    """Which has the session as it was before, and the browser keeps its cookie."""
    seen: list[object] = []

    async def replace(request: Request) -> Response:
        request.scope["session"] = bad
        return PlainTextResponse()

    async def name(request: Request, error: NotSerializableError) -> Response:
        seen.append(dict(request.session))
        return PlainTextResponse(error.path, status_code=400)

    client = browser(make_app(replace, {NotSerializableError: name}), saved({"a": 1}))
    answer = client.get("/")
    assert (answer.status_code, answer.text) == (400, path)
    assert seen == [{"a": 1}]
    assert "set-cookie" not in answer.headers
    assert client.get("/session").json() == {"a": 1}


@pytest.mark.parametrize("another", [f"{NAME}=x; Path=/", f" {NAME} =x", f"{NAME}=; Max-Age=0"])
@pytest.mark.parametrize("spelling", ["set-cookie", "Set-Cookie"])
def test_a_cookie_of_the_session_s_name_by_the_application_is_replaced(
    another: str, spelling: str
) -> None:
    """A response has one Set-Cookie for each name (RFC 6265bis, 4.1.1), and others stay."""

    async def log_in(request: Request) -> Response:
        request.session["user"] = 1
        response = PlainTextResponse()
        response.set_cookie("theme", "dark")
        response.headers.append(spelling, another)
        response.set_cookie(f"{NAME}2", "kept")
        return response

    client = browser(make_app(log_in))
    cookies = [ReceivedCookie.parse(one) for one in client.get("/").headers.get_list("set-cookie")]
    assert [cookie.name for cookie in cookies] == ["theme", f"{NAME}2", NAME]
    assert client.get("/session").json() == {"user": 1}


def test_starlette_s_own_ways_of_marking_a_session_work() -> None:
    """Code that was written for Starlette's middleware may call them."""

    async def mark(request: Request) -> Response:
        request.session.mark_accessed()  # type: ignore[attr-defined]  # a dict, says Starlette
        request.session.mark_modified()  # type: ignore[attr-defined]  # a dict, says Starlette
        return PlainTextResponse()

    answer = browser(make_app(mark), saved({"a": 1})).get("/")
    assert ReceivedCookie.parse(answer.headers["set-cookie"]).max_age == TTL - 60


def test_starlette_s_own_session_middleware_further_in_keeps_to_itself() -> None:
    """Its session is no plain dict to be taken over, and both write their cookies."""

    async def change(request: Request) -> Response:
        request.session["theirs"] = 1
        request.scope[REGISTRY][NAME]["ours"] = 1
        return PlainTextResponse()

    theirs = Middleware(SessionMiddleware, secret_key="key", session_cookie="theirs")
    client = browser(make_app(change, None, theirs))
    client.get("/")
    assert set(client.cookies) == {"theirs", NAME}
    assert client.get("/session").json() == {"theirs": 1}


# --- get_session -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["session", "visitor"])
def test_get_session_gives_the_very_session_of_a_request(key: str) -> None:
    seen: list[object] = []

    async def look(request: Request) -> Response:
        session = get_session(request, key=key)
        seen.extend([session, request.scope[key], request.scope[REGISTRY][NAME]])
        return PlainTextResponse()

    middleware = Middleware(IronSessionMiddleware, options=OPTIONS, key=key)
    app = Starlette(routes=[Route("/", look)], middleware=[middleware])
    assert "vary" not in browser(app).get("/").headers  # nobody has looked into it
    assert isinstance(seen[0], Session)
    assert seen[0] is seen[1] is seen[2]


def test_get_session_gives_what_request_session_gives() -> None:
    async def look(request: Request) -> Response:
        there: object = request.session
        assert get_session(request) is there
        return PlainTextResponse()

    assert browser(make_app(look)).get("/").status_code == 200


def test_what_is_written_into_it_by_get_session_is_saved() -> None:
    """And type checkers know its methods."""

    async def log_in(request: Request) -> Response:
        session: Session = get_session(request)
        session["a"] = 1
        session.save(ttl=900)
        return PlainTextResponse()

    client = browser(make_app(log_in))
    assert ReceivedCookie.parse(client.get("/").headers["set-cookie"]).max_age == 840
    assert client.get("/session").json() == {"a": 1}


def test_get_session_works_in_a_websocket() -> None:
    async def talk(websocket: WebSocket) -> None:
        there: object = websocket.session
        assert get_session(websocket) is there
        await websocket.accept()
        await websocket.send_json(dict(get_session(websocket)))
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/", talk)], middleware=[OURS])
    with browser(app, saved({"a": 1})).websocket_connect("wss://testserver/") as websocket:
        assert websocket.receive_json() == {"a": 1}


@pytest.mark.parametrize(
    ("middleware", "key"),
    [
        ([], "session"),
        ([OURS], "visitor"),
        ([Middleware(IronSessionMiddleware, options=OPTIONS, key="visitor")], "session"),
        ([Middleware(SessionMiddleware, secret_key="key")], "session"),
    ],
    ids=["none", "another key", "under another key", "Starlette's own"],
)
def test_get_session_says_what_to_add_where_there_is_no_session(
    middleware: list[Middleware], key: str
) -> None:
    async def look(request: Request) -> Response:
        get_session(request, key=key)
        return PlainTextResponse()

    app = Starlette(routes=[Route("/", look)], middleware=middleware)
    with pytest.raises(ConfigurationError) as caught:
        browser(app).get("/")
    assert repr(key) in str(caught.value)
    assert "app.add_middleware(IronSessionMiddleware, options=options)" in str(caught.value)


# --- exception handlers ----------------------------------------------------------------------


async def answer_async(request: Request, error: Exception) -> Response:
    """Answer with the error's class."""
    return PlainTextResponse(type(error).__name__, status_code=413)


def answer_sync(request: Request, error: Exception) -> Response:
    """Answer with the error's class."""
    return PlainTextResponse(type(error).__name__, status_code=413)


async def answer_with(status: int, request: Request, error: Exception) -> Response:
    """Answer with the error's class and a status."""
    return PlainTextResponse(type(error).__name__, status_code=status)


class AsyncHandler:
    """A handler that is an object, as Starlette allows."""

    async def __call__(self, request: Request, error: Exception) -> Response:
        return await answer_async(request, error)


class SyncHandler:
    """A handler that is an object and no coroutine function."""

    def __call__(self, request: Request, error: Exception) -> Response:
        return answer_sync(request, error)


@pytest.mark.parametrize("kind", [CookieTooLargeError, IronSessionError])
@pytest.mark.parametrize(
    "handler",
    [
        answer_async,
        answer_sync,
        functools.partial(answer_with, 413),
        AsyncHandler(),
        SyncHandler(),
    ],
    ids=["async", "sync", "partial", "async object", "sync object"],
)
def test_the_handler_for_the_error_answers(handler: Any, kind: type[Exception]) -> None:
    """Whatever Starlette takes for a handler, for the error's class or one above it."""
    answer = browser(make_app(fill, {kind: handler})).get("/")
    assert (answer.status_code, answer.text) == (413, "CookieTooLargeError")
    assert "set-cookie" not in answer.headers


def test_of_two_handlers_the_nearer_class_answers() -> None:
    handlers = {
        IronSessionError: functools.partial(answer_with, 400),
        CookieTooLargeError: functools.partial(answer_with, 413),
        Exception: functools.partial(answer_with, 500),
    }
    assert browser(make_app(fill, handlers)).get("/").status_code == 413


def test_a_handler_for_another_error_is_not_asked() -> None:
    client = browser(make_app(fill, {NotSerializableError: answer_async}))
    with pytest.raises(CookieTooLargeError):
        client.get("/")


@pytest.mark.parametrize("handler", [answer_async, answer_sync])
@pytest.mark.parametrize("kind", [Exception, 500])
def test_without_one_the_handler_of_all_errors_answers(handler: Any, kind: Any) -> None:
    client = browser(make_app(fill, {kind: handler}), raise_server_exceptions=False)
    answer = client.get("/")
    assert (answer.status_code, answer.text) == (413, "CookieTooLargeError")
    with pytest.raises(CookieTooLargeError):  # as after every such page, the server logs it
        browser(client.app).get("/")


def test_without_any_it_is_a_500_and_the_server_gets_the_error() -> None:
    assert browser(make_app(fill), raise_server_exceptions=False).get("/").status_code == 500
    with pytest.raises(CookieTooLargeError, match=r'\["large"\] 8002 bytes'):
        browser(make_app(fill)).get("/")


def test_a_handler_that_trims_the_session_gets_it_written() -> None:
    async def trim(request: Request, error: Exception) -> Response:
        request.session["large"] = "trimmed"
        return PlainTextResponse("trimmed", status_code=413)

    client = browser(make_app(fill, {CookieTooLargeError: trim}))
    assert client.get("/").status_code == 413
    assert client.get("/session").json() == {"large": "trimmed"}


def test_a_handler_gets_the_request() -> None:
    """With its path, its session, and the app."""
    seen: list[Any] = []

    async def look(request: Request, error: Exception) -> Response:
        seen.extend([request.url.path, request.session["large"], request.app, error])
        return PlainTextResponse(status_code=413)

    app = make_app(fill, {CookieTooLargeError: look})
    browser(app).get("/")
    assert seen[:3] == ["/", TOO_LARGE, app]
    assert isinstance(seen[3], CookieTooLargeError)


def test_a_handler_that_fails_itself_is_an_unhandled_exception() -> None:
    async def fail(request: Request, error: Exception) -> Response:
        raise LookupError("in the handler")

    with pytest.raises(LookupError, match="in the handler"):
        browser(make_app(fill, {CookieTooLargeError: fail})).get("/")


def test_a_handler_added_later_answers_too() -> None:
    app = make_app(fill)
    app.add_exception_handler(CookieTooLargeError, answer_async)
    assert browser(app).get("/").status_code == 413


def test_a_handler_is_called_once_when_saving_by_hand_fails() -> None:
    """Not once for `save()`, and once more for the answer that it gives."""
    calls: list[Exception] = []

    async def count(request: Request, error: Exception) -> Response:
        calls.append(error)
        return PlainTextResponse(status_code=413)

    async def save(request: Request) -> Response:
        request.session["large"] = TOO_LARGE
        request.session.save()  # type: ignore[attr-defined]  # a dict, says Starlette
        return PlainTextResponse()

    assert browser(make_app(save, {CookieTooLargeError: count})).get("/").status_code == 413
    assert len(calls) == 1


def test_an_endpoint_that_answers_a_failed_save_is_not_failed_again() -> None:
    """It was told once, by `save()`, and its answer is the one that the visitor gets."""

    async def save(request: Request) -> Response:
        request.session["large"] = TOO_LARGE
        try:
            request.session.save()  # type: ignore[attr-defined]  # a dict, says Starlette
        except CookieTooLargeError:
            return PlainTextResponse("too large", status_code=413)
        return PlainTextResponse()

    client = browser(make_app(save), raise_server_exceptions=False)
    assert client.get("/").status_code == 413


def test_what_json_can_t_carry_reaches_the_handler_with_its_path() -> None:
    """Set within a nested value, where it can only be noticed when the session is written."""

    async def nest(request: Request) -> Response:
        request.session["cart"] = []
        request.session["cart"].append({"when": datetime(2024, 2, 29)})
        return PlainTextResponse()

    async def name(request: Request, error: NotSerializableError) -> Response:
        return PlainTextResponse(error.path, status_code=400)

    answer = browser(make_app(nest, {NotSerializableError: name})).get("/")
    assert (answer.status_code, answer.text) == (400, 'session["cart"][0]["when"]')


async def accept_too_much(websocket: WebSocket) -> None:
    """Put more into the session than a cookie takes, and accept."""
    websocket.session["large"] = TOO_LARGE
    await websocket.accept()


def test_a_session_that_is_too_big_for_a_handshake_is_answered_by_the_handler() -> None:
    """The handshake is refused with the response that it gives."""
    app = Starlette(
        routes=[WebSocketRoute("/", accept_too_much)],
        middleware=[OURS],
        exception_handlers={IronSessionError: answer_async},
    )
    with (
        pytest.raises(WebSocketDenialResponse) as refusal,
        browser(app).websocket_connect("/"),
    ):
        pass
    assert refusal.value.status_code == 413
    assert "set-cookie" not in refusal.value.headers


def test_a_session_that_is_too_big_for_a_handshake_reaches_the_server() -> None:
    """Where no handler is registered for it."""
    app = Starlette(routes=[WebSocketRoute("/", accept_too_much)], middleware=[OURS])
    with pytest.raises(CookieTooLargeError), browser(app).websocket_connect("/"):
        pass


def test_a_handler_may_give_the_error_of_a_handshake_back() -> None:
    """Then it reaches the server, as it is."""

    async def give_back(websocket: Any, error: Exception) -> None:
        assert isinstance(websocket, WebSocket)
        raise error

    app = Starlette(
        routes=[WebSocketRoute("/", accept_too_much)],
        middleware=[OURS],
        exception_handlers={IronSessionError: give_back},
    )
    with pytest.raises(CookieTooLargeError), browser(app).websocket_connect("/"):
        pass


def test_a_write_into_a_destroyed_session_is_told_to_the_handler() -> None:
    async def log_out_and_in(request: Request) -> Response:
        request.session.destroy()  # type: ignore[attr-defined]  # a dict, says Starlette
        request.session["user"] = 1
        return PlainTextResponse()

    answer = browser(make_app(log_out_and_in, {IronSessionError: answer_async})).get("/")
    assert answer.text == "SessionDestroyedError"


# --- errors of the application ---------------------------------------------------------------


class OddError(Exception):
    """An error of the application's own."""


@pytest.mark.parametrize("error", [HTTPException(403), OddError()], ids=["HTTP", "its own"])
def test_an_error_that_the_application_answers_commits(error: Exception) -> None:
    """It is a response like any other: a login that fails counts its attempts, for one."""

    async def refuse(request: Request) -> Response:
        request.session["a"] = 1
        raise error

    client = browser(make_app(refuse, {OddError: functools.partial(answer_with, 403)}))
    assert client.get("/").status_code == 403
    assert client.get("/session").json() == {"a": 1}


@pytest.mark.parametrize("handlers", [{}, {Exception: answer_async}, {500: answer_async}])
def test_an_error_that_nobody_expected_commits_nothing(handlers: Handlers) -> None:
    """The page for all errors is made further out, and the half-done session stays unwritten."""

    async def fail(request: Request) -> Response:
        request.session["a"] = 2
        raise OddError

    client = browser(make_app(fail, handlers), saved({"a": 1}), raise_server_exceptions=False)
    answer = client.get("/")
    assert "set-cookie" not in answer.headers
    assert client.get("/session").json() == {"a": 1}


class Swallowing:
    """A middleware that swallows what goes wrong within, and then fails itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(Exception):
            await self.app(scope, receive, send)
        raise OddError


@pytest.mark.parametrize("handlers", [{}, {IronSessionError: answer_async}])
def test_an_error_after_one_that_was_swallowed_is_the_application_s_own(handlers: Handlers) -> None:
    """The handler for the session's errors is not asked about it."""
    app = Starlette(
        routes=[Mount("/", Swallowing(Route("/", fill).app))],
        middleware=[OURS],
        exception_handlers=handlers,
    )
    with pytest.raises(OddError):
        browser(app).get("/")


# --- background tasks ------------------------------------------------------------------------


def test_a_change_in_a_background_task_is_logged_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def respond(request: Request) -> Response:
        tasks = BackgroundTasks()
        tasks.add_task(request.session.update, {"late": True})
        return PlainTextResponse(background=tasks)

    client = browser(make_app(respond))
    assert "set-cookie" not in client.get("/").headers
    (message,) = lost_changes(caplog)
    assert "lost" in message
    assert client.get("/session").json() == {}


def test_a_background_task_reads_what_the_response_wrote(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[dict[str, Any]] = []

    async def respond(request: Request) -> Response:
        request.session["a"] = 1
        tasks = BackgroundTasks()
        tasks.add_task(lambda: seen.append(dict(request.session)))
        return PlainTextResponse(background=tasks)

    browser(make_app(respond)).get("/")
    assert seen == [{"a": 1}]
    assert lost_changes(caplog) == []


# --- other middleware ------------------------------------------------------------------------


class Between(BaseHTTPMiddleware):
    """Starlette's base for middleware, which runs what is within in a task of its own."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-between"] = "1"
        return response


class Writing(BaseHTTPMiddleware):
    """A middleware that itself writes into the session, on the way out."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        request.session["between"] = True
        return response


async def write(request: Request) -> Response:
    """Write, and answer enough text to be worth compressing."""
    request.session["a"] = 1
    return PlainTextResponse("x" * 5000)


def in_order(*middleware: Middleware, endpoint: Endpoint = write) -> Starlette:
    """Make an app with these middlewares, the outermost first."""
    return Starlette(
        routes=[Route("/", endpoint), Route("/session", show)],
        middleware=middleware,
        exception_handlers={IronSessionError: answer_async},
    )


@pytest.mark.parametrize(
    "order",
    [
        [OURS, Middleware(Between)],
        [Middleware(Between), OURS],
        [Middleware(Between), OURS, Middleware(Between)],
    ],
    ids=["within", "around", "both"],
)
def test_base_http_middleware_around_or_within_does_no_harm(order: list[Middleware]) -> None:
    client = browser(in_order(*order))
    answer = client.get("/")
    assert (answer.status_code, answer.headers["x-between"]) == (200, "1")
    assert client.get("/session").json() == {"a": 1}


@pytest.mark.parametrize(
    "order",
    [[OURS, Middleware(Between)], [Middleware(Between), OURS]],
    ids=["within", "around"],
)
def test_a_session_that_is_too_big_is_answered_through_base_http_middleware(
    order: list[Middleware],
) -> None:
    answer = browser(in_order(*order, endpoint=fill)).get("/")
    assert (answer.status_code, answer.text) == (413, "CookieTooLargeError")


def test_what_a_middleware_within_writes_on_the_way_out_is_saved() -> None:
    client = browser(in_order(OURS, Middleware(Writing)))
    client.get("/")
    assert client.get("/session").json() == {"a": 1, "between": True}


@pytest.mark.parametrize("outside", [True, False], ids=["around", "within"])
def test_gzip_and_ours_both_vary_the_response(outside: bool) -> None:
    order = [Middleware(GZipMiddleware), OURS] if outside else [OURS, Middleware(GZipMiddleware)]
    client = browser(in_order(*order))
    answer = client.get("/")
    assert answer.headers["content-encoding"] == "gzip"
    vary = {one.strip() for one in ",".join(answer.headers.get_list("vary")).split(",")}
    assert vary == {"Accept-Encoding", "Cookie"}
    assert answer.text == "x" * 5000
    assert client.get("/session").json() == {"a": 1}


# --- applications within applications --------------------------------------------------------


def mounted(
    endpoint: Endpoint, *, outer: Handlers | None = None, inner: Handlers | None = None
) -> Starlette:
    """Make an app with ours, and a Starlette of its own mounted below it."""
    sub = Starlette(routes=[Route("/", endpoint)], exception_handlers=inner or {})
    return Starlette(
        routes=[Mount("/sub", sub), Route("/session", show)],
        middleware=[OURS],
        exception_handlers=outer or {},
    )


def test_a_mounted_application_has_the_session_of_the_outer_one() -> None:
    client = browser(mounted(write))
    client.get("/sub/")
    assert client.get("/session").json() == {"a": 1}


@pytest.mark.parametrize(
    ("outer", "inner", "status"),
    [
        ({}, {CookieTooLargeError: functools.partial(answer_with, 413)}, 413),
        ({CookieTooLargeError: functools.partial(answer_with, 507)}, {}, 507),
    ],
    ids=["its own", "the outer one's"],
)
def test_a_session_that_is_too_big_in_a_mounted_application_is_answered(
    outer: Handlers, inner: Handlers, status: int
) -> None:
    """By the mounted application's handler if it has one, else by the one around."""
    answer = browser(mounted(fill, outer=outer, inner=inner)).get("/sub/")
    assert (answer.status_code, answer.text) == (status, "CookieTooLargeError")


def test_a_mounted_application_with_the_same_middleware_is_told_so() -> None:
    sub = Starlette(routes=[Route("/", write)], middleware=[OURS])
    app = Starlette(routes=[Mount("/sub", sub)], middleware=[OURS])
    with pytest.raises(ConfigurationError, match="installed twice"):
        browser(app).get("/sub/")


def test_a_mounted_application_may_have_a_session_of_its_own() -> None:
    sub = Starlette(routes=[Route("/", write)], middleware=[OURS])
    client = browser(Starlette(routes=[Mount("/sub", sub), Mount("/other", sub)]))
    client.get("/sub/")
    assert set(client.cookies) == {NAME}
    assert client.get("/other/").status_code == 200


def test_without_starlette_s_application_there_are_no_handlers_to_ask() -> None:
    """The middleware also serves a bare router, or any ASGI application."""
    app = IronSessionMiddleware(Route("/", fill).app, options=OPTIONS)
    with pytest.raises(CookieTooLargeError):
        browser(app).get("/")


@pytest.mark.parametrize("large", [NAME, "other"])
def test_a_session_that_is_too_big_does_not_take_the_other_one_with_it(
    caplog: pytest.LogCaptureFixture, large: str
) -> None:
    """The other is written with the error's answer, or the log says that it was lost."""

    async def change_both(request: Request) -> Response:
        sessions: dict[str, Session] = request.scope[REGISTRY]
        for session in sessions.values():
            session["user"] = 1
        sessions[large]["large"] = TOO_LARGE
        return PlainTextResponse()

    small = "other" if large == NAME else NAME
    second = Middleware(
        IronSessionMiddleware, options=make_options(cookie_name="other"), key="second"
    )
    client = browser(in_order(OURS, second, endpoint=change_both))
    assert client.get("/").status_code == 413
    assert small in client.cookies or lost_changes(caplog)
    assert large not in client.cookies


# --- WebSockets ------------------------------------------------------------------------------


def test_a_websocket_s_denial_response_carries_the_cookie() -> None:
    async def deny(websocket: WebSocket) -> None:
        websocket.session["a"] = 1
        await websocket.send_denial_response(PlainTextResponse("no", status_code=401))

    app = Starlette(routes=[WebSocketRoute("/", deny)], middleware=[OURS])
    with (
        pytest.raises(WebSocketDenialResponse) as refusal,
        browser(app).websocket_connect("/"),
    ):
        pass
    assert refusal.value.status_code == 401
    assert ReceivedCookie.parse(refusal.value.headers["set-cookie"]).name == NAME


def test_an_http_exception_before_the_accept_carries_the_cookie() -> None:
    async def refuse(websocket: WebSocket) -> None:
        websocket.session["a"] = 1
        raise HTTPException(403)

    app = Starlette(routes=[WebSocketRoute("/", refuse)], middleware=[OURS])
    with (
        pytest.raises(WebSocketDenialResponse) as refusal,
        browser(app).websocket_connect("/"),
    ):
        pass
    assert ReceivedCookie.parse(refusal.value.headers["set-cookie"]).name == NAME


# --- the explicit form -----------------------------------------------------------------------


def explicit(act: Callable[[Session, Response], None], cookie: str | None = None) -> Any:
    """Ask an app without middleware, whose handler acts on a session that it got by hand."""

    async def endpoint(request: Request) -> Response:
        response = PlainTextResponse()
        act(get_iron_session(request, response, OPTIONS), response)
        return response

    return browser(Starlette(routes=[Route("/", endpoint)]), cookie).get("/").headers


def test_by_hand_nothing_is_written_before_a_save() -> None:
    headers = explicit(lambda session, _: session.update(a=1))
    assert not {"set-cookie", "cache-control"} & set(headers)
    assert headers.get_list("vary") == ["Cookie"]


@pytest.mark.parametrize("cookie", [None, "myapp=garbage", saved({"a": 1})])
def test_by_hand_the_first_look_varies_the_response(cookie: str | None) -> None:
    """What was answered to one visitor may not be cached for the next."""
    headers = explicit(lambda session, _: session.get("a") and session.get("a"), cookie)
    assert not {"set-cookie", "cache-control"} & set(headers)
    assert headers.get_list("vary") == ["Cookie"]


def test_by_hand_a_session_that_is_left_alone_adds_no_header() -> None:
    headers = explicit(lambda session, _: None, saved({"a": 1}))
    assert not {"set-cookie", "vary", "cache-control"} & set(headers)


def test_by_hand_a_save_writes_one_cookie_however_often() -> None:
    def save_twice(session: Session, response: Response) -> None:
        session["a"] = 1
        session.save()
        session["b"] = 2
        session.save(ttl=900)

    headers = explicit(save_twice)
    (value,) = headers.get_list("set-cookie")
    cookie = ReceivedCookie.parse(value)
    assert (cookie.name, cookie.max_age) == (NAME, 840)
    assert (headers["vary"], headers["cache-control"]) == ("Cookie", "no-store")


def test_by_hand_a_destroyed_session_expires_its_cookie() -> None:
    headers = explicit(lambda session, _: session.destroy(), saved({"a": 1}))
    cookie = ReceivedCookie.parse(headers["set-cookie"])
    assert (cookie.name, cookie.value, cookie.max_age) == (NAME, "", 0)
    assert (headers["vary"], headers["cache-control"]) == ("Cookie", "no-store")


def test_by_hand_a_session_that_is_destroyed_after_a_save_is_one_cookie() -> None:
    def save_and_destroy(session: Session, response: Response) -> None:
        session["a"] = 1
        session.save()
        session.destroy()

    (value,) = explicit(save_and_destroy).get_list("set-cookie")
    assert ReceivedCookie.parse(value).max_age == 0


@pytest.mark.parametrize("other", [f"{NAME}2", f"x{NAME}", NAME.upper(), "theme"])
def test_by_hand_the_application_s_other_cookies_are_kept_in_their_order(other: str) -> None:
    def save(session: Session, response: Response) -> None:
        response.set_cookie("first", "1")
        response.set_cookie(other, f"{NAME}=x")
        session["a"] = 1
        session.save()

    values = explicit(save).get_list("set-cookie")
    assert [value.partition("=")[0] for value in values] == ["first", other, NAME]


def test_by_hand_a_cookie_of_the_session_s_name_is_replaced() -> None:
    """Whoever set it: a response has one Set-Cookie for each name (RFC 6265bis, 4.1.1)."""

    def save(session: Session, response: Response) -> None:
        response.delete_cookie(NAME)
        response.headers.append("set-cookie", f" {NAME} =x")
        session["a"] = 1
        session.save()

    (value,) = explicit(save).get_list("set-cookie")
    assert ReceivedCookie.parse(value).value.startswith("Fe26.2*")


@pytest.mark.parametrize(
    ("vary", "wanted"),
    [("Accept", "Accept, Cookie"), ("cookie", "cookie"), ("*", "*"), ("Accept, Cookie",) * 2],
)
def test_by_hand_vary_is_extended(vary: str, wanted: str) -> None:
    def save(session: Session, response: Response) -> None:
        response.headers["vary"] = vary
        session["a"] = 1
        session.save()

    assert explicit(save).get_list("vary") == [wanted]


def test_by_hand_a_cache_control_of_the_application_s_own_is_respected() -> None:
    def save(session: Session, response: Response) -> None:
        response.headers["cache-control"] = "private"
        session["a"] = 1
        session.save()

    assert explicit(save).get_list("cache-control") == ["private"]


def test_by_hand_a_session_that_is_too_big_leaves_the_response_as_it_was() -> None:
    def save(session: Session, response: Response) -> None:
        session["large"] = TOO_LARGE  # from the first look on, the response varies
        before = list(response.raw_headers)
        with pytest.raises(CookieTooLargeError):
            session.save()
        assert response.raw_headers == before

    assert "set-cookie" not in explicit(save)


def test_by_hand_a_websocket_is_a_connection_too() -> None:
    async def deny(websocket: WebSocket) -> None:
        response = PlainTextResponse("no", status_code=401)
        session = get_iron_session(websocket, response, OPTIONS)
        session["again"] = session["a"]
        session.save()
        await websocket.send_denial_response(response)

    app = Starlette(routes=[WebSocketRoute("/", deny)])
    with (
        pytest.raises(WebSocketDenialResponse) as refusal,
        browser(app, saved({"a": 1})).websocket_connect("/"),
    ):
        pass
    assert ReceivedCookie.parse(refusal.value.headers["set-cookie"]).name == NAME


@pytest.mark.parametrize("first", [True, False])
def test_by_hand_all_cookie_fields_are_looked_at(first: bool) -> None:
    """Starlette itself reads the first one only."""
    fields = [b"theme=dark", saved({"a": 1}).encode()]
    headers = [(b"cookie", field) for field in (fields if first else reversed(fields))]
    request = Request({"type": "http", "headers": headers})
    assert dict(get_iron_session(request, PlainTextResponse(), OPTIONS)) == {"a": 1}


@pytest.mark.parametrize("options", [None, {}, "myapp"])
def test_by_hand_options_of_another_type_are_refused(options: Any) -> None:
    request = Request({"type": "http", "headers": []})
    with pytest.raises(ConfigurationError, match="options must be a SessionOptions"):
        get_iron_session(request, PlainTextResponse(), options)


@pytest.mark.parametrize("key", ["session", "visitor"])
@pytest.mark.parametrize("options", [OPTIONS, make_options(), make_options(ttl=900)])
def test_by_hand_a_cookie_that_the_middleware_serves_is_refused(
    options: SessionOptions, key: str
) -> None:
    """Of two sessions over one cookie, the one could undo the other's logout."""

    async def both(request: Request) -> Response:
        response = PlainTextResponse()
        get_iron_session(request, response, options)
        return response

    middleware = Middleware(IronSessionMiddleware, options=OPTIONS, key=key)
    app = Starlette(routes=[Route("/", both)], middleware=[middleware])
    with pytest.raises(ConfigurationError) as caught:
        browser(app, saved({"a": 1})).get("/")
    assert str(caught.value) == (
        f"the integration already manages the cookie {NAME!r}: use its session, or remove it"
    )


def test_by_hand_a_cookie_that_the_middleware_serves_is_refused_in_a_websocket() -> None:
    async def both(websocket: WebSocket) -> None:
        get_iron_session(websocket, PlainTextResponse(), OPTIONS)
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/", both)], middleware=[OURS])
    with (
        pytest.raises(ConfigurationError, match="manages the cookie"),
        browser(app).websocket_connect("/"),
    ):
        pass


def test_by_hand_another_cookie_than_the_middleware_s_is_a_session_of_its_own() -> None:
    other = make_options(cookie_name="other")

    async def both(request: Request) -> Response:
        response = PlainTextResponse()
        session = get_iron_session(request, response, other)
        session["visits"] = request.session["visits"] = session.get("visits", 0) + 1
        session.save()
        return response

    client = browser(make_app(both))
    client.get("/")
    client.get("/")
    answer = client.get("/")
    cookies = [ReceivedCookie.parse(one).name for one in answer.headers.get_list("set-cookie")]
    assert cookies == ["other", NAME]
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("Cookie", "no-store")
    assert client.get("/session").json() == {"visits": 3}


def test_an_error_that_is_answered_leaves_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The application has dealt with it."""
    with caplog.at_level(logging.INFO, "iron_session"):
        browser(make_app(fill, {CookieTooLargeError: answer_async})).get("/")
    assert [one for one in caplog.records if one.name == "iron_session"] == []


@pytest.mark.parametrize("name", [NAME, f"{NAME}.0"])
def test_by_hand_no_cookie_is_taken_that_the_middleware_serves(name: str) -> None:
    """Nor the name of a chunk of it."""

    async def both(request: Request) -> Response:
        response = PlainTextResponse()
        get_iron_session(request, response, make_options(cookie_name=name))
        return response

    with pytest.raises(ConfigurationError, match="manages the cookie"):
        browser(Starlette(routes=[Route("/", both)], middleware=[OURS])).get("/")
