"""aiohttp: setup, middlewares, sub-applications, responses that fail, the explicit form."""

import asyncio
import gzip
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import CIMultiDict

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeadersAlreadySentError,
    Session,
    SessionOptions,
)
from iron_session.integrations.aiohttp import get_iron_session, get_session, setup
from tests.contract.aiohttp_driver import RunningApp, run
from tests.contract.common_app import WAIT
from tests.contract.door import Answer, Visit
from tests.contract.logs import lost_changes
from tests.sessions.browser import NAME, make_options, saved, session_of

OPTIONS = make_options()
OTHER = make_options(cookie_name="other")
TOO_LARGE = "x" * 8000

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(endpoint: Endpoint, *middlewares: Middleware, **settings: Any) -> web.Application:
    """Make an app of one route, with a session, within these middlewares."""
    app = web.Application(middlewares=middlewares, **settings)
    app.router.add_get("/", endpoint)
    setup(app, OPTIONS)
    return app


def visit(app: web.Application, *cookie_fields: str, path: str = "/", **headers: str) -> Answer:
    """Run an app for one request."""
    fields = [("Cookie", field) for field in cookie_fields]
    with run(app) as site:
        return site.visit(Visit(target=path, headers=[*fields, *headers.items()]))


def exchange(site: RunningApp, request: bytes) -> bytes:
    """Send these very bytes, and give all that comes back before the connection ends."""
    host, port = site.address.split(":")
    with socket.create_connection((host, int(port)), timeout=WAIT) as connection:
        connection.sendall(request)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    site.server.settle()
    return received


def written_by(answer: Answer) -> dict[str, Any]:
    """Give what the session holds that an answer sets."""
    return dict(session_of(f"{NAME}={answer.cookies[NAME].value}"))


async def write(request: web.Request) -> web.Response:
    get_session(request)["a"] = 1
    return web.Response(text="done")


async def show(request: web.Request) -> web.Response:
    return web.json_response(dict(get_session(request)))


async def fill(request: web.Request) -> web.Response:
    """Put more into the session than a cookie takes."""
    get_session(request)["large"] = TOO_LARGE
    return web.Response(text="done")


async def write_and_fail(request: web.Request) -> NoReturn:
    get_session(request)["a"] = 1
    raise LookupError("nobody expects it")


def start(app: web.Application) -> None:
    """Start an app, and stop it."""

    async def start_and_stop() -> None:
        runner = web.AppRunner(app)
        try:
            await runner.setup()
        finally:
            await runner.cleanup()

    asyncio.run(start_and_stop())


# --- setup -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (OPTIONS, "session"),
        (OPTIONS, "again"),
        (OTHER, "session"),
        (make_options(cookie_name=f"{NAME}.0"), "chunk"),
    ],
)
def test_a_cookie_or_key_that_has_a_session_already_is_refused_at_once(
    options: SessionOptions, key: str
) -> None:
    app = make_app(write)
    with pytest.raises(ConfigurationError, match="twice"):
        setup(app, options, key=key)


def test_options_that_are_none_are_refused_at_once() -> None:
    options: Any = {"password": "x"}
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        setup(web.Application(), options)


def test_an_application_that_has_started_takes_no_more_sessions() -> None:
    app = make_app(write)
    start(app)
    with pytest.raises(ConfigurationError, match="before the app starts"):
        setup(app, OTHER, key="other")


def test_an_application_that_was_joined_to_another_takes_no_more_sessions() -> None:
    """aiohttp has fixed its middlewares by then."""
    inner = web.Application()
    web.Application().add_subapp("/inner", inner)
    with pytest.raises(ConfigurationError, match="added to another app"):
        setup(inner, OPTIONS)


@pytest.mark.parametrize(("options", "key"), [(OPTIONS, "again"), (OTHER, "session")])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("first", [True, False], ids=["set up first", "joined first"])
def test_an_application_does_not_start_with_one_within_that_serves_the_same(
    options: SessionOptions, key: str, depth: int, first: bool
) -> None:
    app, inner = web.Application(), web.Application()
    setup(inner, options, key=key)
    if first:
        setup(app, OPTIONS)
    for _ in range(depth - 1):
        between = web.Application()
        between.add_subapp("/inner", inner)
        inner = between
    app.add_subapp("/inner", inner)
    if not first:
        setup(app, OPTIONS)
    with pytest.raises(ConfigurationError, match="twice"):
        start(app)


def test_an_application_does_not_start_with_one_for_a_domain_that_serves_the_same() -> None:
    app, inner = make_app(write), make_app(write)
    app.add_domain("example.com", inner)
    with pytest.raises(ConfigurationError, match="twice"):
        start(app)


def test_applications_side_by_side_may_serve_the_same() -> None:
    app = web.Application()
    setup(app, OTHER, key="other")
    app.add_subapp("/one", make_app(write))
    app.add_subapp("/two", make_app(show))
    with run(app) as site:
        answer = site.visit(Visit(target="/one/", headers=[]))
        cookie = f"{NAME}={answer.cookies[NAME].value}"
        again = site.visit(Visit(target="/two/", headers=[("Cookie", cookie)]))
    assert again.json == {"a": 1}


def test_a_session_may_have_a_class_of_its_own() -> None:
    class OwnSession(Session):
        pass

    async def name(request: web.Request) -> web.Response:
        return web.Response(text=type(get_session(request)).__name__)

    app = web.Application()
    app.router.add_get("/", name)
    setup(app, OPTIONS, session_type=OwnSession)
    assert visit(app).body == b"OwnSession"


@pytest.mark.parametrize("key", ["session", "admin"])
def test_a_session_that_was_not_set_up_is_a_configuration_error(key: str) -> None:
    async def look(request: web.Request) -> web.Response:
        get_session(request, key=key)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", look)
    if key == "admin":
        setup(app, OPTIONS)
    answer = visit(app)
    assert answer.status == 500
    assert isinstance(answer.failure, ConfigurationError)
    assert repr(key) in str(answer.failure)
    assert "setup(app, options)" in str(answer.failure)


# --- applications within applications --------------------------------------------------------


def test_an_application_within_has_the_outer_one_s_session() -> None:
    app = make_app(show)
    inner = web.Application()
    inner.router.add_get("/", write)
    app.add_subapp("/inner", inner)
    assert written_by(visit(app, path="/inner/")) == {"a": 1}


def test_an_application_within_may_have_a_session_of_its_own_beside_it() -> None:
    async def write_both(request: web.Request) -> web.Response:
        get_session(request)["a"] = 1
        get_session(request, key="other")["b"] = 2
        return web.Response()

    app = make_app(show)
    inner = web.Application()
    inner.router.add_get("/", write_both)
    setup(inner, OTHER, key="other")
    app.add_subapp("/inner", inner)
    answer = visit(app, path="/inner/")
    assert set(answer.cookies) == {NAME, "other"}
    assert answer.vary == "Cookie"


def test_a_page_that_is_not_found_has_the_session_in_the_middlewares() -> None:
    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        get_session(request)["count"] = 1
        return await handler(request)

    app = make_app(write)
    app.middlewares.append(count)
    answer = visit(app, path="/nowhere")
    assert answer.status == 404
    assert written_by(answer) == {"count": 1}


# --- middlewares -----------------------------------------------------------------------------


@web.middleware
async def answer_lookup_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except LookupError:
        return web.Response(text="not here", status=410)


@web.middleware
async def answer_by_hand(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Prepare the answer while the error is still being handled."""
    try:
        return await handler(request)
    except LookupError:
        response = web.StreamResponse(status=410)
        await response.prepare(request)
        return response


@pytest.mark.parametrize("middleware", [answer_lookup_errors, answer_by_hand])
def test_an_exception_that_a_middleware_answers_commits(middleware: Middleware) -> None:
    answer = visit(make_app(write_and_fail, middleware))
    assert (answer.status, answer.failure) == (410, None)
    assert written_by(answer) == {"a": 1}


def test_an_exception_that_a_middleware_within_answers_commits() -> None:
    app = make_app(write_and_fail)
    app.middlewares.append(answer_lookup_errors)
    answer = visit(app)
    assert answer.status == 410
    assert written_by(answer) == {"a": 1}


def test_an_exception_that_nobody_answers_commits_nothing_and_still_varies() -> None:
    """A cache may not give this visitor's error to another."""
    answer = visit(make_app(write_and_fail), saved({"b": 2}))
    assert (answer.status, answer.cookies, answer.vary) == (500, {}, "Cookie")
    assert isinstance(answer.failure, LookupError)


def test_a_handler_that_ran_into_its_time_limit_commits_nothing() -> None:
    """aiohttp answers a TimeoutError with 504."""

    async def time_out(request: web.Request) -> NoReturn:
        get_session(request)["a"] = 1
        raise TimeoutError

    answer = visit(make_app(time_out))
    assert (answer.status, answer.cookies, answer.vary) == (504, {}, "Cookie")


def test_a_handler_that_returns_nothing_commits_nothing() -> None:
    """aiohttp answers that mistake with 500."""

    async def forget_to_return(request: web.Request) -> Any:
        get_session(request)["a"] = 1

    answer = visit(make_app(forget_to_return))
    assert (answer.status, answer.cookies, answer.vary) == (500, {}, "Cookie")


@pytest.mark.parametrize("raised", [True, False])
def test_what_an_outer_middleware_writes_after_the_handler_is_saved(raised: bool) -> None:
    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            get_session(request)["count"] = 1

    async def leave(request: web.Request) -> web.Response:
        get_session(request)["a"] = 1
        if raised:
            raise web.HTTPFound("/elsewhere")
        return web.Response()

    assert written_by(visit(make_app(leave, count))) == {"a": 1, "count": 1}


def test_a_response_that_an_outer_middleware_puts_in_its_place_carries_the_cookie() -> None:
    @web.middleware
    async def replace(request: web.Request, handler: Handler) -> web.StreamResponse:
        await handler(request)
        return web.Response(text="another")

    answer = visit(make_app(write, replace))
    assert answer.body == b"another"
    assert written_by(answer) == {"a": 1}
    assert (answer.vary, answer.cache_control) == ("Cookie", "no-store")


def test_a_session_too_large_without_a_middleware_for_it_is_the_server_s_to_report() -> None:
    """A 500 with the reason in aiohttp's log, and the browser keeps the session that it has."""
    answer = visit(make_app(fill), saved({"a": 1}))
    assert (answer.status, answer.cookies, answer.vary) == (500, {}, "Cookie")
    assert isinstance(answer.failure, CookieTooLargeError)


def test_a_session_that_an_outer_middleware_made_too_large_is_a_500_too() -> None:
    """It is not left to the moment when the headers go: aiohttp would drop the connection."""

    @web.middleware
    async def fill_afterwards(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        get_session(request)["large"] = TOO_LARGE
        return response

    answer = visit(make_app(write, fill_afterwards))
    assert (answer.status, answer.cookies) == (500, {})
    assert isinstance(answer.failure, CookieTooLargeError)


def test_a_redirect_that_does_not_fit_its_session_is_a_500() -> None:
    async def fill_and_leave(request: web.Request) -> NoReturn:
        get_session(request)["large"] = TOO_LARGE
        raise web.HTTPFound("/")

    answer = visit(make_app(fill_and_leave))
    assert (answer.status, answer.cookies) == (500, {})
    assert isinstance(answer.failure, CookieTooLargeError)


# --- copies of the request -------------------------------------------------------------------


@web.middleware
async def pass_on_a_copy(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Do as helpers behind a proxy do."""
    return await handler(request.clone(scheme="https"))


def copy_before_setup(endpoint: Endpoint) -> web.Application:
    app = make_app(endpoint)
    app.middlewares.insert(0, pass_on_a_copy)
    return app


def copy_after_setup(endpoint: Endpoint) -> web.Application:
    return make_app(endpoint, pass_on_a_copy)


def copy_in_an_outer_app(endpoint: Endpoint) -> web.Application:
    app = web.Application(middlewares=[pass_on_a_copy])
    app.add_subapp("/inner", make_app(endpoint))
    return app


def copy_in_an_inner_app(endpoint: Endpoint) -> web.Application:
    app, inner = make_app(show), web.Application(middlewares=[pass_on_a_copy])
    inner.router.add_get("/", endpoint)
    app.add_subapp("/inner", inner)
    return app


COPIES = [copy_before_setup, copy_after_setup, copy_in_an_outer_app, copy_in_an_inner_app]


async def answer_at_once(request: web.Request) -> web.StreamResponse:
    return web.Response(text="done")


async def answer_in_parts(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"done")
    return response


async def answer_with_a_file(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(__file__)


async def answer_elsewhere(request: web.Request) -> NoReturn:
    raise web.HTTPSeeOther("/")


async def accept(request: web.Request) -> web.StreamResponse:
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    await websocket.close()
    return websocket


def read(session: Session) -> None:
    assert session == {"a": 1}


def change(session: Session) -> None:
    session["a"] = 2


@pytest.mark.parametrize("make", COPIES)
@pytest.mark.parametrize(
    "answer", [answer_at_once, answer_in_parts, answer_with_a_file, answer_elsewhere, accept]
)
@pytest.mark.parametrize(
    ("act", "written"), [(read, None), (change, {"a": 2}), (Session.destroy, {})]
)
def test_a_copy_of_the_request_has_the_session_of_the_request(
    make: Callable[[Endpoint], web.Application],
    answer: Endpoint,
    act: Callable[[Session], None],
    written: dict[str, Any] | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Wherever it was made: aiohttp writes the headers by the request that it began with."""

    async def endpoint(request: web.Request) -> web.StreamResponse:
        act(get_session(request))
        return await answer(request)

    request = Visit(
        target="/inner/" if "app" in make.__name__ else "/", headers=[("Cookie", saved({"a": 1}))]
    )
    with run(make(endpoint)) as site:
        received = site.connect(request) if answer is accept else site.visit(request)
    assert received.vary == "Cookie"
    assert (written_by(received) if received.cookies else None) == written
    assert lost_changes(caplog) == []


@pytest.mark.parametrize("make", COPIES)
def test_a_copy_that_leaves_the_session_alone_changes_nothing(
    make: Callable[[Endpoint], web.Application],
) -> None:
    path = "/inner/" if "app" in make.__name__ else "/"
    answer = visit(make(answer_at_once), saved({"a": 1}), path=path)
    assert (answer.status, answer.cookies, answer.vary) == (200, {}, None)


def test_a_request_and_its_copies_have_one_session() -> None:
    """A middleware before `setup` has it too, once the request has passed there."""

    @web.middleware
    async def add(request: web.Request, handler: Handler) -> web.StreamResponse:
        copied = request.clone()
        response = await handler(copied)
        assert get_session(request) is get_session(copied) is get_session(request.clone())
        get_session(request)["b"] = 2
        return response

    app = make_app(write)
    app.middlewares.insert(0, add)
    assert written_by(visit(app)) == {"a": 1, "b": 2}


def test_an_application_and_one_within_it_serve_a_copy_side_by_side() -> None:
    async def write_both(request: web.Request) -> web.Response:
        get_session(request)["a"] = 1
        get_session(request, key="other")["b"] = 2
        return web.Response()

    app, inner = make_app(show, pass_on_a_copy), web.Application()
    inner.router.add_get("/", write_both)
    setup(inner, OTHER, key="other")
    app.add_subapp("/inner", inner)
    assert set(visit(app, path="/inner/").cookies) == {NAME, "other"}


@pytest.mark.parametrize("make", COPIES)
def test_two_requests_of_one_connection_have_nothing_in_common(
    make: Callable[[Endpoint], web.Application],
) -> None:
    """They come at once, from two visitors behind one proxy."""
    begun: list[Session] = []

    async def visits(request: web.Request) -> web.Response:
        session = get_session(request)
        begun.append(session)
        before = dict(session)
        session["visits"] = session.get("visits", 0) + 1
        return web.json_response(before)

    path = "/inner/" if "app" in make.__name__ else "/"
    first = f"GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {saved({'visits': 5})}\r\n\r\n"
    last = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with run(make(visits)) as site:
        received = exchange(site, f"{first}{last}".encode())
    assert received.count(b"Set-Cookie: ") == 2
    assert received.count(b'{"visits": 5}') == 1
    assert received.endswith(b"{}")
    assert begun == [{"visits": 6}, {"visits": 1}]


@pytest.mark.parametrize("copied", [True, False])
def test_a_request_that_is_tried_again_commits_what_the_last_attempt_changed(
    copied: bool, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[web.Request] = []

    @web.middleware
    async def try_again(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request.clone() if copied else request)
        except LookupError:
            return await handler(request.clone() if copied else request)

    async def fail_once(request: web.Request) -> web.Response:
        attempts.append(request)
        get_session(request)[f"attempt {len(attempts)}"] = True
        if len(attempts) == 1:
            raise LookupError("the first time")
        return web.Response()

    app = make_app(fail_once)
    app.middlewares.insert(0, try_again)
    assert written_by(visit(app)) == {"attempt 2": True}
    assert lost_changes(caplog) == []


def test_a_middleware_may_run_the_application_in_a_task_of_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As one for a time limit does: that task ends before the response goes."""

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await asyncio.ensure_future(handler(request.clone()))
        await asyncio.sleep(0)  # the task's end has been told now
        return response

    app = make_app(write)
    app.middlewares.insert(0, limit)
    assert written_by(visit(app)) == {"a": 1}
    assert lost_changes(caplog) == []


@pytest.mark.parametrize("act", [change, Session.destroy])
def test_a_change_is_logged_as_lost_when_another_application_sends_the_response(
    act: Callable[[Session], None], caplog: pytest.LogCaptureFixture
) -> None:
    """It does not call what hears of the headers in the one that the session is of."""

    async def endpoint(request: web.Request) -> web.Response:
        act(get_session(request))
        return web.Response(text="done")

    within = make_app(endpoint)
    within.freeze()

    async def call_by_hand(request: web.Request) -> web.StreamResponse:
        return await within._handle(request.clone())

    app = explicit_app(call_by_hand)
    answer = visit(app, saved({"a": 1}))
    assert (answer.body, answer.cookies) == (b"done", {})
    (message,) = lost_changes(caplog)
    assert repr(NAME) in message


# --- responses -------------------------------------------------------------------------------


@web.middleware
async def answer_too_large(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except CookieTooLargeError:
        return web.Response(text="too large", status=413)


@pytest.mark.parametrize("compressed", [True, False])
def test_the_answer_to_a_stream_that_could_not_start_is_sound(compressed: bool) -> None:
    """aiohttp has the connection ready for the stream: for chunks, and for compression."""

    async def stream(request: web.Request) -> web.StreamResponse:
        get_session(request)["large"] = TOO_LARGE
        response = web.StreamResponse()
        if compressed:
            response.enable_compression()
        await response.prepare(request)
        return response

    headers = {"Accept-Encoding": "gzip"}
    answer = visit(make_app(stream, answer_too_large), saved({"a": 1}), **headers)
    assert (answer.status, answer.body, answer.cookies) == (413, b"too large", {})
    assert not {"transfer-encoding", "content-encoding"} & dict(answer.headers).keys()


def test_a_response_that_another_hook_refused_leaves_the_cookie_to_the_next() -> None:
    async def prepare_twice(request: web.Request) -> web.StreamResponse:
        get_session(request)["a"] = 1
        with pytest.raises(PermissionError):
            await web.Response(status=299).prepare(request)
        get_session(request)["b"] = 2
        return web.Response()

    async def refuse(request: web.Request, response: web.StreamResponse) -> None:
        if response.status == 299:
            raise PermissionError

    app = make_app(prepare_twice)
    app.on_response_prepare.append(refuse)
    answer = visit(app)
    assert answer.status == 200
    assert written_by(answer) == {"a": 1, "b": 2}


def test_a_response_that_failed_before_it_went_commits_nothing() -> None:
    async def prepare(request: web.Request) -> web.StreamResponse:
        get_session(request)["a"] = 1
        return web.Response(status=299)

    async def refuse(request: web.Request, response: web.StreamResponse) -> None:
        if response.status == 299:
            raise PermissionError

    @web.middleware
    async def prepare_early(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        await response.prepare(request)
        return response

    app = make_app(prepare, prepare_early)
    app.on_response_prepare.append(refuse)
    answer = visit(app)
    assert (answer.status, answer.cookies, answer.vary) == (500, {}, "Cookie")
    assert isinstance(answer.failure, PermissionError)


def test_headers_that_responses_share_hold_no_visitor_s_cookie() -> None:
    shared = CIMultiDict({"X-Frame-Options": "DENY"})

    async def answer(request: web.Request) -> web.Response:
        if request.query_string:
            get_session(request)["a"] = 1
        return web.Response(body=b"same", headers=shared)

    with run(make_app(answer)) as site:
        assert NAME in site.visit(Visit(target="/?write", headers=[])).cookies
        assert site.visit(Visit(target="/", headers=[])).cookies == {}
    assert dict(shared) == {"X-Frame-Options": "DENY"}


def test_an_http_error_in_the_middle_of_a_stream_changes_nothing_of_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """aiohttp writes it into the stream: it is no response, so its headers hold no cookie."""

    async def stream(request: web.Request) -> NoReturn:
        session = get_session(request)
        response = web.StreamResponse()
        await response.prepare(request)
        session["late"] = 1
        raise web.HTTPConflict

    with run(make_app(stream)) as site:
        received = exchange(site, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"409 Conflict" in received
    assert b"set-cookie" not in received.lower()
    assert len(lost_changes(caplog)) == 1


def test_saving_in_a_generated_body_raises() -> None:
    """The server asks for it when all middlewares are done and the headers have gone."""

    async def parts(request: web.Request) -> AsyncIterator[bytes]:
        session = get_session(request)
        session["a"] = 1
        with pytest.raises(HeadersAlreadySentError):
            session.save()
        yield b"refused"

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=parts(request))

    response = visit(make_app(answer))
    assert (response.body, response.cookies) == (b"refused", {})


def test_a_change_in_a_generated_body_is_logged_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def parts(request: web.Request) -> AsyncIterator[bytes]:
        get_session(request)["a"] = 1
        yield b"all"

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=parts(request))

    response = visit(make_app(answer))
    assert (response.body, response.cookies) == (b"all", {})
    (message,) = lost_changes(caplog)
    assert repr(NAME) in message


def test_a_late_change_is_logged_as_lost_whichever_task_has_asked_for_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def ask(request: web.Request) -> Session:
        return get_session(request)

    async def stream(request: web.Request) -> web.StreamResponse:
        session, same = await asyncio.gather(ask(request), ask(request))
        assert session is same
        response = web.StreamResponse()
        await response.prepare(request)
        session["late"] = 1
        return response

    assert visit(make_app(stream)).cookies == {}
    assert len(lost_changes(caplog)) == 1


def test_a_visitor_who_has_left_is_no_lost_change(caplog: pytest.LogCaptureFixture) -> None:
    """The handler is cancelled, where that is asked for: nobody waits for the cookie."""
    begun, ended = threading.Event(), threading.Event()

    async def wait(request: web.Request) -> NoReturn:
        get_session(request)["a"] = 1
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


def test_a_file_that_is_there_compressed_varies_on_both(tmp_path: Path) -> None:
    """aiohttp writes a Vary of its own into such a response, in the place of any other."""
    (tmp_path / "page.txt").write_text("page")
    (tmp_path / "page.txt.gz").write_bytes(gzip.compress(b"page"))

    async def send(request: web.Request) -> web.FileResponse:
        get_session(request)["a"] = 1
        return web.FileResponse(tmp_path / "page.txt")

    answer = visit(make_app(send), **{"Accept-Encoding": "gzip"})
    assert gzip.decompress(answer.body) == b"page"
    assert {one.strip() for one in (answer.vary or "").split(",")} == {"Accept-Encoding", "Cookie"}
    assert written_by(answer) == {"a": 1}


def test_cookies_set_in_aiohttp_s_way_are_kept_beside_ours() -> None:
    async def set_cookies(request: web.Request) -> web.Response:
        get_session(request)["a"] = 1
        response = web.Response()
        response.set_cookie("theme", "dark")
        response.del_cookie("lang")
        return response

    answer = visit(make_app(set_cookies))
    assert set(answer.cookies) == {"theme", "lang", NAME}
    assert written_by(answer) == {"a": 1}


@pytest.mark.parametrize("changed", [True, False])
def test_of_a_cookie_of_our_name_that_the_application_sets_only_one_is_sent(changed: bool) -> None:
    async def set_cookie(request: web.Request) -> web.Response:
        if changed:
            get_session(request)["a"] = 1
        response = web.Response()
        response.set_cookie(NAME, "theirs")
        return response

    (value,) = visit(make_app(set_cookie)).all("set-cookie")
    assert value.startswith(f"{NAME}=Fe26.2*" if changed else f"{NAME}=theirs")


def test_all_cookie_fields_of_a_request_are_read() -> None:
    assert visit(make_app(show), "theme=dark", saved({"a": 1}), "lang=de").json == {"a": 1}


def test_an_expectation_that_aiohttp_refuses_by_itself_is_no_error() -> None:
    """It answers before any middleware is called, so there is no session."""
    answer = visit(make_app(write), Expect="the unexpected")
    assert (answer.status, answer.cookies, answer.failure) == (417, {}, None)


def test_a_request_that_is_none_is_no_error() -> None:
    with run(make_app(write)) as site:
        assert b"400 Bad Request" in exchange(site, b"nonsense\r\n\r\n")


def test_four_chunks_pass_a_server_that_takes_headers_of_that_size() -> None:
    """By default it takes 8190 bytes: the setting is the one that `setup` tells of."""
    options = make_options(chunk=True)
    app = web.Application(handler_args={"max_field_size": 20_000})
    app.router.add_get("/", show)
    setup(app, options)
    data = {"large": "x" * 10_000}
    header = saved(data, chunk=True)
    assert header.count("; ") == 3
    assert visit(app, header).json == data


def test_a_second_session_may_be_too_large_while_the_first_one_fits() -> None:
    """The answer to that carries the first."""

    async def write_both(request: web.Request) -> web.Response:
        get_session(request)["a"] = 1
        get_session(request, key="other")["large"] = TOO_LARGE
        response = web.StreamResponse()
        await response.prepare(request)
        raise AssertionError("it was prepared")

    for first in (True, False):
        app = web.Application(middlewares=[answer_too_large])
        app.router.add_get("/", write_both)
        both = [(OPTIONS, "session"), (OTHER, "other")]
        for options, key in both if first else reversed(both):
            setup(app, options, key=key)
        answer = visit(app)
        assert (answer.status, answer.body) == (413, b"too large")
        assert written_by(answer) == {"a": 1}


# --- the explicit form -----------------------------------------------------------------------


def explicit_app(act: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    """Make an app of one route, without `setup`."""
    app = web.Application()
    app.router.add_get("/", act)
    return app


def test_the_explicit_form_refuses_a_cookie_that_setup_serves() -> None:
    """One session would undo the other's logout."""

    async def explicit(request: web.Request) -> web.Response:
        response = web.Response()
        get_iron_session(request, response, OTHER)["a"] = 1
        with pytest.raises(ConfigurationError, match="already"):
            get_iron_session(request, response, OPTIONS)
        return response

    assert visit(make_app(explicit)).status == 200


def test_the_explicit_form_takes_a_response_that_is_raised() -> None:
    async def log_in(request: web.Request) -> NoReturn:
        response = web.HTTPFound("/")
        session = get_iron_session(request, response, OPTIONS)
        session["a"] = 1
        session.save()
        raise response

    answer = visit(explicit_app(log_in))
    assert answer.status == 302
    assert written_by(answer) == {"a": 1}


@pytest.mark.parametrize("action", ["save", "destroy"])
def test_the_explicit_form_writes_into_a_stream_until_it_starts(action: str) -> None:
    outcomes: list[str] = []

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        session = get_iron_session(request, response, OPTIONS)
        session["a"] = 1
        session.save()
        await response.prepare(request)
        session["b"] = 2
        try:
            getattr(session, action)()
        except HeadersAlreadySentError:
            outcomes.append("refused")
        return response

    answer = visit(explicit_app(stream))
    assert written_by(answer) == {"a": 1}
    assert outcomes == ["refused"]


def test_the_explicit_form_writes_into_a_websocket_s_handshake() -> None:
    async def accept(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse()
        session = get_iron_session(request, websocket, OPTIONS)
        session["a"] = 1
        session.save()
        await websocket.prepare(request)
        await websocket.close()
        return websocket

    with run(explicit_app(accept)) as site:
        handshake = site.connect(Visit(target="/", headers=[]))
    assert handshake.accepted
    assert written_by(handshake) == {"a": 1}
