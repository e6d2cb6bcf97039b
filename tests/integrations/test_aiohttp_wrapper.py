"""aiohttp: `with_iron_session` around one handler, whatever stands around that."""

import asyncio
import gc
import inspect
import socket
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.typedefs import Handler, Middleware

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeadersAlreadySentError,
    Session,
    SessionOptions,
)
from iron_session.integrations.aiohttp import (
    get_iron_session,
    get_session,
    setup,
    with_iron_session,
)
from tests.contract.aiohttp_driver import RunningApp, run
from tests.contract.common_app import WAIT
from tests.contract.door import Answer, Visit
from tests.contract.logs import lost_changes
from tests.sessions.browser import NAME, make_options, saved, session_of

OPTIONS = make_options()
OTHER = make_options(cookie_name="other")
TOO_LARGE = "x" * 8000

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(endpoint: Any, *middlewares: Middleware) -> web.Application:
    """Make an app of one route, whose handler is wrapped, within these middlewares."""
    return bare_app(with_iron_session(OPTIONS)(endpoint), *middlewares)


def bare_app(endpoint: Any, *middlewares: Middleware) -> web.Application:
    app = web.Application(middlewares=middlewares)
    app.router.add_get("/", endpoint)
    return app


def visit(app: web.Application, cookie: str | None = None) -> Answer:
    """Run an app for one request."""
    with run(app) as site:
        return ask(site, cookie)


def ask(site: RunningApp, cookie: str | None = None) -> Answer:
    return site.visit(Visit(target="/", headers=[("Cookie", cookie)] if cookie else []))


def written_by(answer: Answer, name: str = NAME) -> dict[str, Any]:
    """Give what the session holds that an answer sets."""
    value = answer.cookies[name].value
    return dict(session_of(f"{name}={value}", cookie_name=name))


async def write(request: web.Request) -> web.Response:
    get_session(request)["a"] = 1
    return web.Response(text="done")


async def fill(request: web.Request) -> web.Response:
    """Put more into the session than a cookie takes."""
    get_session(request)["large"] = TOO_LARGE
    return web.Response(text="done")


async def write_and_fail(request: web.Request) -> NoReturn:
    get_session(request)["a"] = 1
    raise LookupError("nobody expects it")


# --- what can be decorated -------------------------------------------------------------------


def test_options_that_are_none_are_refused_at_once() -> None:
    options: Any = {"password": "x"}
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        with_iron_session(options)


def test_the_decorator_without_its_options_is_refused_at_once() -> None:
    handler: Any = write
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        with_iron_session(handler)


def test_a_class_is_refused_at_once() -> None:
    view: Any = web.View
    with pytest.raises(ConfigurationError, match="the methods of View"):
        with_iron_session(OPTIONS)(view)


def test_a_handler_keeps_its_name_and_signature_and_is_a_coroutine_function() -> None:
    wrapped = with_iron_session(OPTIONS)(write)
    assert wrapped.__name__ == "write"
    assert inspect.signature(wrapped) == inspect.signature(write)
    assert inspect.iscoroutinefunction(wrapped)


class WritingView(web.View):
    @with_iron_session(OPTIONS)
    async def get(self) -> web.Response:
        return await write(self.request)


class Pages:
    @with_iron_session(OPTIONS)
    async def page(self, request: web.Request) -> web.Response:
        return await write(request)


async def by_name(request: web.Request) -> web.StreamResponse:
    return await with_iron_session(OPTIONS)(write)(request=request)


@pytest.mark.parametrize("endpoint", [WritingView, Pages().page, by_name])
def test_a_method_is_a_handler_too(endpoint: Any) -> None:
    assert written_by(visit(bare_app(endpoint))) == {"a": 1}


def test_what_takes_no_request_is_refused_when_it_is_called() -> None:
    async def handler() -> web.Response:
        raise AssertionError("it was called")

    with pytest.raises(ConfigurationError, match="takes a request"):
        asyncio.run(with_iron_session(OPTIONS)(handler)())


def test_a_server_without_an_application_has_handlers_too() -> None:
    @with_iron_session(OPTIONS)
    async def handler(request: Any) -> web.Response:
        get_session(request)["a"] = 1
        return web.Response()

    async def serve() -> str:
        server = web.ServerRunner(web.Server(handler))
        await server.setup()
        await web.TCPSite(server, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection(*server.addresses[0])
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = await reader.read()
        writer.close()
        await server.cleanup()
        return received.decode()

    assert f"Set-Cookie: {NAME}=Fe26.2*" in asyncio.run(serve())


def test_a_handler_can_be_called_by_a_test_without_a_server() -> None:
    async def call() -> Session:
        request = make_mocked_request("GET", "/", headers={"Cookie": saved({"b": 2})})
        await with_iron_session(OPTIONS)(write)(request)
        return get_session(request)

    assert asyncio.run(call()) == {"a": 1, "b": 2}


# --- beside others ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (OPTIONS, "again"),
        (OTHER, "session"),
        (make_options(cookie_name=f"{NAME}.0"), "chunk"),
    ],
)
@pytest.mark.parametrize("installed", [True, False])
def test_a_cookie_or_key_that_has_a_session_already_is_refused(
    options: SessionOptions, key: str, installed: bool
) -> None:
    endpoint: Endpoint = with_iron_session(options, key=key)(write)
    app = bare_app(endpoint if installed else with_iron_session(OPTIONS)(endpoint))
    if installed:
        setup(app, OPTIONS)
    answer = visit(app)
    assert answer.status == 500
    assert isinstance(answer.failure, ConfigurationError)
    assert "twice" in str(answer.failure)


async def write_both(request: web.Request) -> web.Response:
    get_session(request)["a"] = 1
    get_session(request, key="other")["b"] = 2
    return web.Response()


@pytest.mark.parametrize("installed", [True, False])
def test_two_sessions_stand_side_by_side(installed: bool) -> None:
    endpoint = with_iron_session(OTHER, key="other")(write_both)
    app = bare_app(endpoint if installed else with_iron_session(OPTIONS)(endpoint))
    if installed:
        setup(app, OPTIONS)
    answer = visit(app)
    assert written_by(answer) == {"a": 1}
    assert written_by(answer, "other") == {"b": 2}
    assert (answer.vary, answer.cache_control) == ("Cookie", "no-store")


def test_the_handlers_beside_it_have_no_session() -> None:
    app = make_app(write)
    app.router.add_get("/bare", write)
    with run(app) as site:
        assert written_by(ask(site)) == {"a": 1}
        answer = site.visit(Visit(target="/bare", headers=[]))
    assert isinstance(answer.failure, ConfigurationError)


def test_the_explicit_form_refuses_its_cookie() -> None:
    async def explicit(request: web.Request) -> web.Response:
        response = web.Response()
        with pytest.raises(ConfigurationError, match="already"):
            get_iron_session(request, response, OPTIONS)
        return response

    assert visit(make_app(explicit)).status == 200


# --- middlewares around it -------------------------------------------------------------------


@web.middleware
async def answer_lookup_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except LookupError:
        return web.Response(text="not here", status=410)


@web.middleware
async def answer_at_fault(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer by a server's error, which is an answer all the same."""
    try:
        return await handler(request)
    except LookupError:
        return web.Response(text="sorry", status=503)


@web.middleware
async def raise_at_fault(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except LookupError:
        raise web.HTTPServiceUnavailable from None


@web.middleware
async def answer_none(request: web.Request, handler: Handler) -> web.StreamResponse:
    answer: Any = await handler(request)
    assert answer is None
    return web.Response(text="filled in")


async def forget_to_return(request: web.Request) -> Any:
    get_session(request)["a"] = 1


@pytest.mark.parametrize(
    ("endpoint", "middleware", "status"),
    [
        (write_and_fail, answer_lookup_errors, 410),
        (write_and_fail, answer_at_fault, 503),
        (write_and_fail, raise_at_fault, 503),
        (forget_to_return, answer_none, 200),
    ],
)
def test_what_a_middleware_answers_commits(
    endpoint: Endpoint, middleware: Middleware, status: int
) -> None:
    answer = visit(make_app(endpoint, middleware))
    assert (answer.status, answer.failure) == (status, None)
    assert written_by(answer) == {"a": 1}


async def time_out(request: web.Request) -> NoReturn:
    get_session(request)["a"] = 1
    raise TimeoutError


@web.middleware
async def fail_afterwards(request: web.Request, handler: Handler) -> NoReturn:
    await handler(request)
    raise LookupError("after the handler")


@pytest.mark.parametrize(
    ("endpoint", "middlewares", "status"),
    [
        (write_and_fail, [], 500),
        (time_out, [], 504),
        (forget_to_return, [], 500),
        (write, [fail_afterwards], 500),
    ],
)
def test_what_nobody_answers_commits_nothing_and_still_varies(
    endpoint: Endpoint,
    middlewares: list[Middleware],
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A cache may not give this visitor's error to another."""
    answer = visit(make_app(endpoint, *middlewares), saved({"b": 2}))
    assert (answer.status, answer.cookies, answer.vary) == (status, {}, "Cookie")
    assert lost_changes(caplog) == []


@web.middleware
async def replace(request: web.Request, handler: Handler) -> web.StreamResponse:
    await handler(request)
    get_session(request)["b"] = 2
    return web.Response(text="another")


@web.middleware
async def pass_on_a_copy(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request.clone(scheme="https"))
    get_session(request)["b"] = 2
    return response


@web.middleware
async def run_in_a_task(request: web.Request, handler: Handler) -> web.StreamResponse:
    """As one for a time limit does: that task ends before the response goes."""
    response = await asyncio.ensure_future(handler(request))
    await asyncio.sleep(0)
    get_session(request)["b"] = 2
    return response


@pytest.mark.parametrize("middleware", [replace, pass_on_a_copy, run_in_a_task])
def test_the_response_that_goes_in_the_end_carries_what_was_changed_until_then(
    middleware: Middleware, caplog: pytest.LogCaptureFixture
) -> None:
    answer = visit(make_app(write, middleware))
    assert written_by(answer) == {"a": 1, "b": 2}
    assert (answer.vary, answer.cache_control) == ("Cookie", "no-store")
    assert lost_changes(caplog) == []


def test_what_does_not_fit_any_more_after_the_handler_is_logged_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is too late for an answer to that: aiohttp would drop the connection."""

    @web.middleware
    async def fill_afterwards(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        get_session(request)["large"] = TOO_LARGE
        return response

    answer = visit(make_app(write, fill_afterwards))
    assert (answer.status, written_by(answer)) == (200, {"a": 1})
    (message,) = lost_changes(caplog)
    assert "after the handler had returned" in message
    assert "'large'" in message or '"large"' in message


@web.middleware
async def try_again(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except LookupError:
        return await handler(request.clone())


def test_a_handler_that_is_tried_again_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[dict[str, Any]] = []

    async def fail_once(request: web.Request) -> web.Response:
        attempts.append(dict(get_session(request)))
        get_session(request)[f"attempt {len(attempts)}"] = True
        if len(attempts) == 1:
            raise LookupError("the first time")
        return web.Response()

    answer = visit(make_app(fail_once, try_again), saved({"b": 2}))
    assert written_by(answer) == {"b": 2, "attempt 2": True}
    assert attempts == [{"b": 2}, {"b": 2}]
    assert lost_changes(caplog) == []


def test_a_handler_that_is_called_again_goes_on_with_its_session() -> None:
    @web.middleware
    async def call_twice(request: web.Request, handler: Handler) -> web.StreamResponse:
        await handler(request)
        return await handler(request)

    async def count(request: web.Request) -> web.Response:
        session = get_session(request)
        session["calls"] = session.get("calls", 0) + 1
        return web.Response()

    assert written_by(visit(make_app(count, call_twice))) == {"calls": 2}


@pytest.mark.parametrize("large", [True, False])
def test_a_redirect_carries_its_session_or_is_a_500(large: bool) -> None:
    async def leave(request: web.Request) -> NoReturn:
        get_session(request)["a"] = TOO_LARGE if large else 1
        raise web.HTTPFound("/")

    answer = visit(make_app(leave))
    if large:
        assert (answer.status, answer.cookies) == (500, {})
        assert isinstance(answer.failure, CookieTooLargeError)
    else:
        assert (answer.status, written_by(answer)) == (302, {"a": 1})


def test_a_session_too_large_without_a_middleware_for_it_is_the_server_s_to_report() -> None:
    answer = visit(make_app(fill), saved({"a": 1}))
    assert (answer.status, answer.cookies, answer.vary) == (500, {}, "Cookie")
    assert isinstance(answer.failure, CookieTooLargeError)


# --- responses that the handler sends itself --------------------------------------------------


@web.middleware
async def answer_too_large(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except CookieTooLargeError:
        return web.Response(text="too large", status=413)


def test_the_answer_to_a_stream_that_could_not_start_is_sound() -> None:
    """aiohttp has the connection ready for the stream: for chunks, and for compression."""

    async def stream(request: web.Request) -> web.StreamResponse:
        get_session(request)["large"] = TOO_LARGE
        response = web.StreamResponse()
        response.enable_compression()
        await response.prepare(request)
        raise AssertionError("it was prepared")

    app = make_app(stream, answer_too_large)
    with run(app) as site:
        headers = [("Accept-Encoding", "gzip"), ("Cookie", saved({"a": 1}))]
        answer = site.visit(Visit(target="/", headers=headers))
    assert (answer.status, answer.body, answer.cookies) == (413, b"too large", {})
    assert not {"transfer-encoding", "content-encoding"} & dict(answer.headers).keys()


def test_a_second_session_may_be_too_large_while_the_first_one_fits() -> None:
    """The answer to that carries the first."""

    async def fill_the_second(request: web.Request) -> web.StreamResponse:
        get_session(request)["a"] = 1
        get_session(request, key="other")["large"] = TOO_LARGE
        response = web.StreamResponse()
        await response.prepare(request)
        raise AssertionError("it was prepared")

    both = [(OPTIONS, "session"), (OTHER, "other")]
    for order in (both, both[::-1]):
        endpoint: Endpoint = fill_the_second
        for options, key in order:
            endpoint = with_iron_session(options, key=key)(endpoint)
        answer = visit(bare_app(endpoint, answer_too_large))
        assert (answer.status, answer.body) == (413, b"too large")
        assert written_by(answer) == {"a": 1}


def test_a_server_s_error_that_the_handler_prepares_itself_commits() -> None:
    """Though the exception is still being handled, as it is with aiohttp's own answer."""

    async def apologise(request: web.Request) -> web.StreamResponse:
        get_session(request)["a"] = 1
        try:
            raise LookupError
        except LookupError:
            response = web.StreamResponse(status=500)
            await response.prepare(request)
            return response

    assert written_by(visit(make_app(apologise))) == {"a": 1}


def test_an_error_after_headers_that_have_not_left_the_buffer_commits_nothing() -> None:
    """aiohttp has them in a buffer until the body comes: the error's take their place."""

    async def prepare_and_fail(request: web.Request) -> NoReturn:
        get_session(request)["a"] = 1
        await web.Response().prepare(request)
        raise LookupError

    answer = visit(make_app(prepare_and_fail))
    if answer.status == 500:  # the oldest versions send them at once
        assert (answer.cookies, answer.vary) == ({}, "Cookie")


def test_a_response_that_the_handler_has_prepared_carries_the_cookie(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept: list[Session] = []

    async def prepare(request: web.Request) -> web.Response:
        kept.append(get_session(request))
        kept[0]["a"] = 1
        response = web.Response()
        await response.prepare(request)
        return response

    assert written_by(visit(make_app(prepare))) == {"a": 1}
    assert lost_changes(caplog) == []
    kept[0]["late"] = 1
    assert len(lost_changes(caplog)) == 1


def test_a_first_look_after_the_headers_comes_too_late(caplog: pytest.LogCaptureFixture) -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        session = get_session(request)
        session["late"] = 1
        with pytest.raises(HeadersAlreadySentError):
            session.save()
        session["later"] = 1
        return response

    assert visit(make_app(stream)).cookies == {}
    assert lost_changes(caplog) == []  # the application was told


@pytest.mark.parametrize("looked_before", [True, False])
def test_a_change_in_a_generated_body_is_logged_as_lost(
    looked_before: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The server asks for it when the handler is done and the headers have gone."""

    async def parts(request: web.Request) -> AsyncIterator[bytes]:
        get_session(request)["a"] = 1
        yield b"all"

    async def answer(request: web.Request) -> web.Response:
        if looked_before:
            assert get_session(request) == {}
        return web.Response(body=parts(request))

    response = visit(make_app(answer))
    assert (response.body, response.cookies) == (b"all", {})
    (message,) = lost_changes(caplog)
    assert repr(NAME) in message


# --- the end ---------------------------------------------------------------------------------


@contextmanager
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("streamed", [True, False])
def test_nothing_of_a_request_waits_for_the_garbage_collector(streamed: bool) -> None:
    """The session, and with it what the visitor has in it, goes with the request."""
    left: list[weakref.ref[Any]] = []

    async def leave_alone(request: web.Request) -> web.StreamResponse:
        left.append(weakref.ref(request))
        return web.Response()

    async def answer(request: web.Request) -> web.StreamResponse:
        session = get_session(request)
        session["a"] = 1
        left.append(weakref.ref(session))
        response = web.StreamResponse() if streamed else web.Response()
        if streamed:
            await response.prepare(request)
        return response

    if is_any_left(bare_app(leave_alone), left):
        pytest.skip("this aiohttp leaves its own requests to the collector")
    assert not is_any_left(make_app(answer), left)


def is_any_left(app: web.Application, left: list[weakref.ref[Any]]) -> bool:
    with run(app) as site:
        ask(site)  # some things are made at the first request
        with no_collector():
            ask(site)
            return left[-1]() is not None


def test_a_visitor_who_has_left_is_no_lost_change_but_one_after_that_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The handler is cancelled, where that is asked for: no headers go."""
    begun, ended = threading.Event(), threading.Event()
    kept: list[Session] = []

    async def wait(request: web.Request) -> NoReturn:
        kept.append(get_session(request))
        kept[0]["a"] = 1
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError("it was not cancelled")

    with run(make_app(wait), handler_cancellation=True) as site:
        host, port = site.address.split(":")
        with socket.create_connection((host, int(port)), timeout=WAIT) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert begun.wait(WAIT)
        assert ended.wait(WAIT)
        site.server.settle()
    assert lost_changes(caplog) == []
    kept[0]["late"] = 1
    assert len(lost_changes(caplog)) == 1


def test_two_requests_of_one_connection_have_nothing_in_common() -> None:
    async def count(request: web.Request) -> web.Response:
        session = get_session(request)
        before = dict(session)
        session["visits"] = session.get("visits", 0) + 1
        return web.json_response(before)

    first = f"GET / HTTP/1.1\r\nHost: x\r\nCookie: {saved({'visits': 5})}\r\n\r\n"
    last = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with run(make_app(count)) as site:
        host, port = site.address.split(":")
        with socket.create_connection((host, int(port)), timeout=WAIT) as connection:
            connection.sendall(f"{first}{last}".encode())
            received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.count(b"Set-Cookie: ") == 2
    assert received.count(b'{"visits": 5}') == 1
    assert received.endswith(b"{}")
