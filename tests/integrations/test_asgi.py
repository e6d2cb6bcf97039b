"""The ASGI gateway: what a server and an application without a framework see of it."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeaderJar,
    HeadersAlreadySentError,
    NotSerializableError,
    Session,
    SessionDestroyedError,
)
from iron_session.http.heads import raw_cookie_header as cookie_header
from iron_session.http.request import REGISTRY
from iron_session.integrations.asgi import (
    ASGIApp,
    IronSessionMiddleware,
    Message,
    Receive,
    Scope,
    Send,
    get_iron_session,
    get_session,
)
from tests.contract.asgi_driver import Connection, request
from tests.contract.door import Answer, HeaderList, Visit
from tests.contract.logs import lost_changes
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    NAME,
    OLD,
    PASSWORD,
    Failures,
    make_options,
    open_text,
    saved,
    session_of,
)

RawHeaders = list[tuple[bytes, bytes]]

OPTIONS = make_options()
TOO_LARGE = {"large": "x" * 8000}


def visit(app: ASGIApp, *headers: tuple[str, str]) -> Answer:
    """Send a request with these headers."""
    return asyncio.run(request(app, Visit(target="/", headers=list(headers))))


def run(app: ASGIApp, scope: dict[str, Any]) -> list[Message]:
    """Run an application for one connection and give all that it sent, or raise what it raised."""
    connection = Connection(scope, [{"type": f"{scope['type']}.connect"}])
    asyncio.run(connection.run(app))
    if connection.failure is not None:
        raise connection.failure
    return connection.sent


def responding(
    *, update: dict[str, Any] | None = None, look: bool = False, headers: Any = ()
) -> ASGIApp:
    """Make an application that looks at its session, or changes it, and sends these headers."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session: Session = scope["session"]
        if look:
            len(session)
        if update is not None:
            session.update(update)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"done"})

    return IronSessionMiddleware(app, OPTIONS)


def answering_the_session(options: Any = OPTIONS) -> ASGIApp:
    """Make an application whose body is the session's keys."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = ",".join(sorted(scope["session"])).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return IronSessionMiddleware(app, options)


async def untouched(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without a look at the session."""
    await send({"type": "http.response.start", "status": 204, "headers": [(b"x-app", b"1")]})
    await send({"type": "http.response.body"})


@pytest.mark.parametrize(("status", "cookies"), [(500, []), (501, [NAME])])
def test_a_framework_may_answer_by_500_what_nobody_handles(status: int, cookies: list[str]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body"})

    answer = visit(IronSessionMiddleware(app, OPTIONS, abandon_500=True))
    assert (list(answer.cookies), answer.vary) == (cookies, "Cookie")
    assert list(visit(IronSessionMiddleware(app, OPTIONS)).cookies) == [NAME]


# --- the request's headers -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cookie", "Cookie", "COOKIE"])
@pytest.mark.parametrize(
    "fields",
    [
        ["{good}"],
        ["theme=dark", "{good}"],
        ["{good}", "theme=dark"],
        ["", "{good}", "theme=dark; lang=de"],
    ],
)
def test_the_session_is_found_in_whichever_cookie_field_it_came(
    name: str, fields: list[str]
) -> None:
    """HTTP/2 lets a client split the header: RFC 9113, 8.2.3."""
    headers: HeaderList = [(name, field.format(good=saved({"a": 1}))) for field in fields]
    raw = [(key.encode(), value.encode()) for key, value in headers]
    scope = {"type": "http", "headers": raw}
    assert dict(Session(HeaderJar(cookie_header(raw)), OPTIONS)) == {"a": 1}
    assert run(answering_the_session(), scope)[1]["body"] == b"a"


def test_chunks_may_come_in_cookie_fields_of_their_own() -> None:
    options = make_options(chunk=True)
    header = saved({"large": "x" * 7000}, chunk=True)
    fields = [("cookie", field) for field in reversed(header.split("; "))]
    assert len(fields) == 3
    assert visit(answering_the_session(options), *fields).body == b"large"


def test_other_headers_are_no_cookies() -> None:
    header = saved({"a": 1})
    app = answering_the_session()
    assert visit(app, ("cookie2", header), ("x-cookie", header), ("cookies", header)).body == b""


def test_the_cookie_header_is_read_as_latin_1() -> None:
    """As ASGI's servers hand headers on: every byte stands for itself."""
    assert cookie_header([(b"cookie", b"a=\xe9\xff"), (b"cookie", b"b=1")]) == "a=éÿ; b=1"


# --- the response's headers ------------------------------------------------------------------


@pytest.mark.parametrize("case", [str.lower, str.title, str.upper])
@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        ([], ["Cookie"]),
        (["Accept"], ["Accept, Cookie"]),
        (["Accept", "Origin"], ["Accept, Origin, Cookie"]),
        (["Cookie"], ["Cookie"]),
        (["cookie"], ["cookie"]),
        (["Accept,COOKIE"], ["Accept,COOKIE"]),
        (["*"], ["*"]),
        (["X-Cookie"], ["X-Cookie, Cookie"]),
        ([""], ["Cookie"]),
    ],
)
def test_vary_is_extended_where_cookie_is_not_in_it(
    case: Any, present: list[str], wanted: list[str]
) -> None:
    headers = [(case("vary").encode(), value.encode()) for value in present]
    assert visit(responding(look=True, headers=headers)).all("vary") == wanted
    assert visit(responding(update={"a": 1}, headers=headers)).all("vary") == wanted
    assert visit(responding(headers=headers)).all("vary") == present


@pytest.mark.parametrize("name", [b"cache-control", b"Cache-Control"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"private", "private"),
        (b"public, max-age=3600", "private, max-age=3600"),
        (b"no-cache", "private, no-cache"),
    ],
)
def test_a_cache_control_of_the_application_s_own_is_made_private(
    name: bytes, value: bytes, expected: str
) -> None:
    answer = visit(responding(update={"a": 1}, headers=[(name, value)]))
    assert answer.all("cache-control") == [expected]


def test_other_headers_keep_their_order_and_their_values() -> None:
    """Ours come after them."""
    headers: RawHeaders = [
        (b"X-App", b"\xe9"),
        (b"set-cookie", b"a=1"),
        (b"x-app", b"2"),
        (b"set-cookie", b"b=2"),
    ]
    answer = visit(responding(update={"a": 1}, headers=headers))
    assert answer.headers[:4] == [
        ("x-app", "é"),
        ("set-cookie", "a=1"),
        ("x-app", "2"),
        ("set-cookie", "b=2"),
    ]
    assert [name for name, _ in answer.headers[4:]] == ["vary", "cache-control", "set-cookie"]


@pytest.mark.parametrize("name", [b"set-cookie", b"Set-Cookie"])
def test_of_its_name_the_session_s_cookie_is_the_only_one(name: bytes) -> None:
    """Whoever set another: a response has one Set-Cookie for each name (RFC 6265bis, 4.1.1)."""
    headers: RawHeaders = [
        (name, NAME.encode() + b"=x; Path=/"),
        (name, NAME.encode() + b"2=kept"),
        (b"x-debug", NAME.encode() + b"=kept"),
    ]
    answer = visit(responding(update={"a": 1}, headers=headers))
    assert set(answer.cookies) == {f"{NAME}2", NAME}
    assert ("x-debug", f"{NAME}=kept") in answer.headers
    assert answer.cookies[NAME].value.startswith("Fe26.2*")


def as_generator(pairs: RawHeaders) -> Iterator[tuple[bytes, bytes]]:
    """Give the pairs once only."""
    yield from pairs


@pytest.mark.parametrize(
    ("what", "present"),
    [
        ({}, []),
        ({"look": True}, []),
        ({"look": True}, [(b"vary", b"Cookie")]),
        ({"update": {"a": 1}}, []),
    ],
    ids=["untouched", "looked at", "looked at, with vary", "changed"],
)
@pytest.mark.parametrize(
    "make",
    [list, tuple, as_generator, lambda pairs: [list(pair) for pair in pairs]],
    ids=["list", "tuple", "generator", "lists"],
)
def test_headers_may_be_any_iterable(
    what: dict[str, Any], present: RawHeaders, make: Callable[[RawHeaders], Iterable[Any]]
) -> None:
    """As the ASGI specification allows; it makes no promise that they can be read twice."""
    headers = make([(b"x-app", b"1"), *present])
    answer = visit(responding(**what, headers=headers))
    assert ("x-app", "1") in answer.headers
    assert answer.vary == ("Cookie" if what else None)
    assert list(answer.cookies) == ([NAME] if "update" in what else [])


def test_a_start_without_headers_gets_those_of_the_session() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    assert list(visit(IronSessionMiddleware(app, OPTIONS)).cookies) == [NAME]


def test_the_application_s_own_message_is_not_changed() -> None:
    """It may send the same one again, in another request."""
    start: Message = {"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        await send(start)

    visit(IronSessionMiddleware(app, OPTIONS))
    assert start == {"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]}


def test_an_untouched_response_is_passed_on_as_it_is() -> None:
    assert visit(IronSessionMiddleware(untouched, OPTIONS)) == visit(untouched)


# --- the scope -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lifespan", "telepathy"])
def test_other_kinds_of_connection_pass_through(kind: str) -> None:
    """The very same objects, and no session."""
    seen: list[Any] = []

    async def app(*arguments: Any) -> None:
        seen.extend(arguments)

    async def receive() -> Message:
        raise AssertionError("nobody asked")

    async def send(message: Message) -> None:
        raise AssertionError("nobody answered")

    scope: Scope = {"type": kind}
    asyncio.run(IronSessionMiddleware(app, OPTIONS)(scope, receive, send))
    assert seen[0] is scope
    assert seen[1:] == [receive, send]
    assert scope == {"type": kind}


def test_the_session_lies_under_the_key_that_was_asked_for() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope)
        await untouched(scope, receive, send)

    visit(IronSessionMiddleware(app, OPTIONS, key="visitor"))
    assert isinstance(seen["visitor"], Session)
    assert "session" not in seen
    assert seen[REGISTRY] == {NAME: seen["visitor"]}
    assert seen["visitor"].options is OPTIONS


def test_the_session_of_a_framework_further_out_is_replaced() -> None:
    """As a sub-application's own middleware does: the nearest one wins."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await IronSessionMiddleware(untouched, OPTIONS)({**scope, "session": {}}, receive, send)

    assert visit(app).status == 204


@pytest.mark.parametrize("options", [None, {}, {"password": "x"}, "myapp", make_options])
def test_options_of_another_type_are_refused_when_the_app_is_built(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="options must be a SessionOptions"):
        IronSessionMiddleware(untouched, options)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ((NAME, "session"), (NAME, "session")),
        ((NAME, "session"), (NAME, "second")),
        ((NAME, "session"), ("other", "session")),
    ],
    ids=["both", "same cookie", "same key"],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_two_middlewares_that_collide_are_a_configuration_error(
    kind: str, outer: tuple[str, str], inner: tuple[str, str]
) -> None:
    """The message says which names, and what to do."""
    app: ASGIApp = untouched
    for name, key in (inner, outer):
        app = IronSessionMiddleware(app, make_options(cookie_name=name), key=key)
    with pytest.raises(ConfigurationError) as caught:
        run(app, {"type": kind, "headers": []})
    message = str(caught.value)
    assert "twice" in message
    assert repr(inner[0]) in message
    assert repr(inner[1]) in message
    assert "remove one, or give each a cookie name and a key of its own" in message


@pytest.mark.parametrize(
    ("one", "other"),
    [(NAME, f"{NAME}.{index}") for index in range(4)] + [(f"{NAME}.1", f"{NAME}.1.2")],
)
@pytest.mark.parametrize("reverse", [False, True], ids=["outer", "inner"])
def test_two_middlewares_whose_chunks_would_collide_are_a_configuration_error(
    one: str, other: str, reverse: bool
) -> None:
    """The cookie of the one is a chunk of the other: each would expire or read the other's."""
    inner, outer = (other, one) if reverse else (one, other)
    with pytest.raises(ConfigurationError, match="twice") as caught:
        run(two_sessions(outer, inner), {"type": "http", "headers": []})
    assert repr(inner) in str(caught.value)


@pytest.mark.parametrize(
    "other", [f"{NAME}.4", f"{NAME}.00", f"{NAME}.0.0", f"{NAME}0", f"x{NAME}.0", NAME.upper()]
)
@pytest.mark.parametrize("reverse", [False, True], ids=["outer", "inner"])
def test_two_middlewares_with_names_that_only_look_alike_work(other: str, reverse: bool) -> None:
    outer, inner = (other, NAME) if reverse else (NAME, other)
    assert visit(two_sessions(outer, inner)).status == 204


def two_sessions(outer: str, inner: str) -> ASGIApp:
    """Put two middlewares around an application, for cookies of these names."""
    app = IronSessionMiddleware(untouched, make_options(cookie_name=inner), key="inner")
    return IronSessionMiddleware(app, make_options(cookie_name=outer), key="outer")


# --- the report of a hostile cookie ----------------------------------------------------------


LOOKS: dict[str, Callable[[Session], object]] = {
    "dict": dict,
    "len": len,
    "get": lambda session: session.get("a"),
    "in": lambda session: "a" in session,
    "is_new": lambda session: session.is_new,
    "expires_at": lambda session: session.expires_at,
}


@contextmanager
def log_filter(decide: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """Filter the package's log, as an application does that adds who is logged in."""
    logger = logging.getLogger("iron_session")
    logger.addFilter(decide)
    try:
        yield
    finally:
        logger.removeFilter(decide)


def keeping_the_session(sessions: list[Session], options: Any) -> ASGIApp:
    """Make an application that hands its session out, as by a ContextVar, and then reads it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        sessions.append(scope["session"])
        assert dict(scope["session"]) == {}
        await untouched(scope, receive, send)

    return IronSessionMiddleware(app, options)


@pytest.mark.parametrize("look", LOOKS)
def test_a_log_filter_may_look_at_the_session_whose_cookie_is_reported(look: str) -> None:
    sessions: list[Session] = []
    seen: list[object] = []
    failures = Failures()

    def look_at_it(record: logging.LogRecord) -> bool:
        seen.append(LOOKS[look](sessions[0]))
        return True

    app = keeping_the_session(sessions, make_options(on_unseal_error=failures))
    with log_filter(look_at_it):
        answer = visit(app, ("cookie", f"{NAME}=garbage"))
    assert (answer.status, answer.failure, answer.cookies) == (204, None, {})
    assert len(seen) == 1
    assert failures.reasons == ["invalid"]


@pytest.mark.parametrize("error", [LookupError, RuntimeError, RecursionError])
def test_a_log_filter_that_raises_does_no_harm(error: type[Exception]) -> None:
    """Neither to the request nor to the hook, which is told all the same."""
    failures = Failures()

    def fail(record: logging.LogRecord) -> bool:
        raise error("in the filter")

    app = keeping_the_session([], make_options(on_unseal_error=failures))
    with log_filter(fail):
        answer = visit(app, ("cookie", f"{NAME}=garbage"))
    assert (answer.status, answer.failure) == (204, None)
    assert failures.reasons == ["invalid"]


def fail_to_log(record: logging.LogRecord) -> bool:
    """Stand for a filter that is broken."""
    raise LookupError("in the filter")


def test_a_log_filter_and_a_hook_that_both_raise_do_no_harm() -> None:
    def hook(failure: object) -> None:
        raise RuntimeError("in the hook")

    app = keeping_the_session([], make_options(on_unseal_error=hook))
    with log_filter(fail_to_log):
        answer = visit(app, ("cookie", f"{NAME}=garbage"))
    assert (answer.status, answer.failure) == (204, None)


def test_a_log_filter_that_raises_does_no_harm_to_a_session_that_no_longer_fits() -> None:
    cookie = saved({"large": "x" * 7000}, chunk=True, password=OLD)
    app = answering_the_session(make_options(password={1: OLD, 2: PASSWORD}))
    with log_filter(fail_to_log):
        answer = visit(app, ("cookie", cookie))
    assert (answer.status, answer.body, answer.failure) == (200, b"large", None)
    assert answer.cookies == {}


@pytest.mark.parametrize("error", [None, ValueError("the application's own")])
def test_a_log_filter_that_raises_takes_no_error_s_place(error: Exception | None) -> None:
    """Where a change is lost, and where the application fails on top of that."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await untouched(scope, receive, send)
        scope["session"]["late"] = True
        if error is not None:
            raise error

    with log_filter(fail_to_log):
        answer = visit(IronSessionMiddleware(app, OPTIONS))
    assert (answer.status, answer.failure) == (204, error)


@pytest.mark.parametrize("look", LOOKS)
def test_a_hook_may_look_at_the_session_whose_cookie_it_is_told_of(
    caplog: pytest.LogCaptureFixture, look: str
) -> None:
    sessions: list[Session] = []
    seen: list[object] = []

    def hook(failure: object) -> None:
        seen.append(LOOKS[look](sessions[0]))

    app = keeping_the_session(sessions, make_options(on_unseal_error=hook))
    answer = visit(app, ("cookie", f"{NAME}=garbage"))
    assert (answer.status, answer.failure) == (204, None)
    assert len(seen) == 1
    assert [one.levelname for one in caplog.records if one.name == "iron_session"] == ["WARNING"]


# --- a plain dict in the session's place -----------------------------------------------------


def replacing(replacement: Any) -> ASGIApp:
    """Make an application that puts something else where the session was."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"] = replacement
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    return IronSessionMiddleware(app, OPTIONS)


def test_a_plain_dict_in_the_session_s_place_is_taken_over() -> None:
    """All that was in the session before is gone."""
    answer = visit(replacing({"b": 2}), ("cookie", saved({"a": 1})))
    cookie = f"{NAME}={answer.cookies[NAME].value}"
    assert visit(answering_the_session(), ("cookie", cookie)).body == b"b"


def test_an_empty_dict_in_the_session_s_place_ends_it() -> None:
    answer = visit(replacing({}), ("cookie", saved({"a": 1})))
    assert answer.cookies[NAME].max_age == 0


def test_a_dict_that_equals_the_session_is_no_change() -> None:
    answer = visit(replacing({"a": 1}), ("cookie", saved({"a": 1})))
    assert (answer.cookies, answer.vary) == ({}, "Cookie")


def test_a_dict_that_json_can_t_carry_is_named_by_its_path() -> None:
    failure = visit(replacing({"a": {"b": [object()]}})).failure
    assert 'session["a"]["b"][0] is an object' in str(failure)


BAD_REPLACEMENTS: dict[str, tuple[dict[Any, Any], str]] = {
    "object": ({"a": {"b": [object()]}}, 'session["a"]["b"][0]'),
    "last of several": ({"good": 1, "bad": {1, 2}}, 'session["bad"]'),
    "NaN": ({"ratio": float("nan")}, 'session["ratio"]'),
    "number as key": ({1: "one"}, "session"),
    "reserved": ({"$iron": {"created": 0}}, 'session["$iron"]'),
}


@pytest.mark.parametrize("how", BAD_REPLACEMENTS)
@pytest.mark.parametrize("before", [{}, {"a": 1}], ids=["new", "old"])
def test_a_dict_that_is_refused_leaves_the_browser_its_cookie(
    how: str, before: dict[str, Any]
) -> None:
    """The application is told once, by the path, and what it answers goes out."""
    bad, path = BAD_REPLACEMENTS[how]
    caught: list[NotSerializableError] = []
    seen: list[dict[str, Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"] = bad
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        except NotSerializableError as error:
            caught.append(error)
            seen.append(dict(scope["session"]))
            await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body"})

    headers = [("cookie", saved(before))] if before else []
    answer = visit(IronSessionMiddleware(app, OPTIONS), *headers)
    assert [error.path for error in caught] == [path]
    assert seen == [before]
    assert (answer.status, answer.cookies, answer.failure) == (400, {}, None)


@pytest.mark.parametrize("how", BAD_REPLACEMENTS)
def test_a_dict_that_is_refused_and_not_answered_reaches_the_server(how: str) -> None:
    bad, path = BAD_REPLACEMENTS[how]
    answer = visit(replacing(bad), ("cookie", saved({"a": 1})))
    assert isinstance(answer.failure, NotSerializableError)
    assert answer.failure.path == path
    assert answer.headers == []


@pytest.mark.parametrize("ttl", [None, 900], ids=["usual ttl", "ttl of its own"])
def test_a_dict_in_the_session_s_place_goes_on_with_its_life(clock: Clock, ttl: int | None) -> None:
    """`{**session, "x": 1}` is a change like any other: max_lifetime runs on, the ttl is kept."""
    options = make_options(ttl=1800, max_lifetime=3600)
    begun = clock.now

    async def begin(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["user"] = 1
        scope["session"].save(ttl=ttl)
        await untouched(scope, receive, send)

    async def go_on(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"] = {**scope["session"], "x": 1}
        await untouched(scope, receive, send)

    first = visit(IronSessionMiddleware(begin, options)).cookies[NAME].value
    clock.advance(600)
    second = visit(IronSessionMiddleware(go_on, options), ("cookie", f"{NAME}={first}"))
    content = open_text(second.cookies[NAME].value, now=clock.now)
    mark = {"created": begun} if ttl is None else {"created": begun, "ttl": ttl}
    assert content == {"user": 1, "x": 1, "$iron": mark}


def test_a_session_of_somebody_else_is_left_to_them() -> None:
    """A dict's subclass has a middleware of its own that writes it."""

    class Other(dict[str, Any]):
        """As Starlette's own."""

    answer = visit(replacing(Other(a=1)), ("cookie", saved({"b": 2})))
    assert answer.cookies == {}


def test_after_it_was_taken_over_the_scope_has_a_session_again() -> None:
    """So that what runs later finds what it expects."""
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"] = {"a": 1}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.append(scope["session"])

    visit(IronSessionMiddleware(app, OPTIONS))
    assert isinstance(seen[0], Session)


# --- errors ----------------------------------------------------------------------------------


def test_an_error_that_nobody_answers_reaches_the_server() -> None:
    answer = visit(responding(update=TOO_LARGE))
    assert isinstance(answer.failure, CookieTooLargeError)
    assert answer.headers == []


def test_an_error_that_was_wrapped_on_its_way_reaches_the_server_unwrapped() -> None:
    async def wrapping(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"].update(TOO_LARGE)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        except CookieTooLargeError as error:
            raise RuntimeError("something went wrong") from error

    failure = visit(IronSessionMiddleware(wrapping, OPTIONS)).failure
    assert isinstance(failure, CookieTooLargeError)


def test_an_error_that_follows_one_that_was_swallowed_reaches_the_server_itself() -> None:
    """It says what went wrong; the session's, which the application dealt with, does not."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"].update(TOO_LARGE)
        with suppress(CookieTooLargeError):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("the application's own")

    answer = visit(IronSessionMiddleware(app, OPTIONS))
    assert isinstance(answer.failure, ValueError)
    assert str(answer.failure) == "the application's own"
    assert answer.headers == []


def giving_up(answer_with: dict[str, Any] | None) -> ASGIApp:
    """Make an application that catches the error, changes the session again, and answers 413."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"].update(TOO_LARGE)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        except CookieTooLargeError:
            if answer_with is not None:
                scope["session"].clear()
                scope["session"].update(answer_with)
            await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    return IronSessionMiddleware(app, OPTIONS)


def test_an_application_that_mends_the_session_gets_it_written() -> None:
    answer = visit(giving_up({"small": 1}))
    assert (answer.status, answer.failure) == (413, None)
    assert list(answer.cookies) == [NAME]
    assert (answer.vary, answer.cache_control) == ("Cookie", "no-store")


def test_an_application_that_does_not_mend_it_can_answer_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It was told once; the error is neither raised into its answer nor logged."""
    answer = visit(giving_up(None))
    assert (answer.status, answer.cookies, answer.failure) == (413, {}, None)
    assert lost_changes(caplog) == []


@pytest.mark.parametrize("late", [{"late": 1}, TOO_LARGE], ids=["small", "large"])
def test_a_late_change_after_an_error_that_was_mended_is_logged(
    caplog: pytest.LogCaptureFixture, late: dict[str, Any]
) -> None:
    """What the application knows is that the first change was not written, and no more."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"].update(TOO_LARGE)
        with pytest.raises(CookieTooLargeError):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        scope["session"].clear()
        scope["session"]["small"] = 1
        await send({"type": "http.response.start", "status": 413, "headers": []})
        scope["session"].update(late)

    assert list(visit(IronSessionMiddleware(app, OPTIONS)).cookies) == [NAME]
    assert len(lost_changes(caplog)) == 1


def test_a_second_error_is_raised_though_a_first_one_was_mended() -> None:
    """A save that works in between ends what the application was told."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = scope["session"]
        session.update(TOO_LARGE)
        with pytest.raises(CookieTooLargeError):
            session.save()
        session.clear()
        session.save()
        session.update(TOO_LARGE)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    assert isinstance(visit(IronSessionMiddleware(app, OPTIONS)).failure, CookieTooLargeError)


def test_an_error_after_the_response_started_stays_what_it_was() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"].update(TOO_LARGE)
        with pytest.raises(CookieTooLargeError):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.start", "status": 413, "headers": []})
        raise LookupError("later")

    answer = visit(IronSessionMiddleware(app, OPTIONS))
    assert (answer.status, type(answer.failure)) == (413, LookupError)


def test_an_unhandled_exception_writes_nothing_and_is_not_logged_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server logs the exception itself."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        raise LookupError("early")

    answer = visit(IronSessionMiddleware(app, OPTIONS))
    assert (type(answer.failure), answer.headers) == (LookupError, [])
    assert lost_changes(caplog) == []


def test_a_cancelled_request_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    """And what it had changed after its headers is logged."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await untouched(scope, receive, send)
        scope["session"]["a"] = 1
        raise asyncio.CancelledError

    async def call() -> None:
        connection = Connection({"type": "http", "headers": []}, [])
        await connection.run(IronSessionMiddleware(app, OPTIONS))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(call())
    assert len(lost_changes(caplog)) == 1


def test_a_request_that_is_cancelled_as_its_headers_go_is_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whether the server has sent them is not known: nothing more can be written into them."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = scope["session"]
        session["user"] = 1
        with suppress(asyncio.CancelledError):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        with pytest.raises(HeadersAlreadySentError):
            session.save()
        raise asyncio.CancelledError

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        raise asyncio.CancelledError

    scope = {"type": "http", "headers": []}
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled(IronSessionMiddleware(app, OPTIONS)(scope, receive, send)))
    assert lost_changes(caplog) == []


async def cancelled(running: Any) -> None:
    """Await what raises CancelledError within a task: `run` itself would take it for its own."""
    await asyncio.ensure_future(running)


def test_a_response_that_failed_to_start_can_be_followed_by_another() -> None:
    """Something further out may refuse the first one: another session's middleware, for one."""
    seen: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        with pytest.raises(LookupError):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        scope["session"]["b"] = 2
        scope["session"].save()
        await send({"type": "http.response.start", "status": 413, "headers": []})
        with pytest.raises(HeadersAlreadySentError):
            scope["session"].save()

    async def receive() -> Message:
        raise AssertionError("nobody asked")

    async def send(message: Message) -> None:
        if message["status"] == 200:
            raise LookupError
        seen.append(message)

    scope: Scope = {"type": "http", "headers": []}
    asyncio.run(IronSessionMiddleware(app, OPTIONS)(scope, receive, send))
    (start,) = seen
    (cookie,) = [value.decode() for name, value in start["headers"] if name == b"set-cookie"]
    assert dict(session_of(cookie.partition(";")[0])) == {"a": 1, "b": 2}


def test_a_session_that_is_first_touched_after_a_start_that_failed_is_written() -> None:
    """Another session's middleware, further out, has refused that start."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["large"].update(TOO_LARGE)
        with pytest.raises(CookieTooLargeError):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        scope["session"]["told"] = True
        scope["session"].save()
        await send({"type": "http.response.start", "status": 413, "headers": []})

    inner = IronSessionMiddleware(app, OPTIONS)
    outer = IronSessionMiddleware(inner, make_options(cookie_name="large"), key="large")
    answer = visit(outer)
    assert (answer.status, list(answer.cookies), answer.failure) == (413, [NAME], None)


def test_a_saved_session_whose_start_was_refused_by_itself_is_not_logged_as_unsent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server is told, by the error."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        scope["session"].save()
        scope["session"].update(TOO_LARGE)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    assert isinstance(visit(IronSessionMiddleware(app, OPTIONS)).failure, CookieTooLargeError)
    assert lost_changes(caplog) == []


# --- after the headers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("http", "http.response.start"),
        ("websocket", "websocket.accept"),
        ("websocket", "websocket.http.response.start"),
        ("websocket", "websocket.close"),
    ],
)
def test_a_save_after_any_kind_of_start_raises(kind: str, start: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": start})
        scope["session"]["a"] = 1
        with pytest.raises(HeadersAlreadySentError, match="headers were already sent"):
            scope["session"].save()

    run(IronSessionMiddleware(app, OPTIONS), {"type": kind, "headers": []})


def test_the_log_names_the_session_and_the_mend_but_no_data(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await untouched(scope, receive, send)
        scope["session"]["secret-key"] = "secret-value"

    visit(IronSessionMiddleware(app, OPTIONS))
    (record,) = [one for one in caplog.records if one.name == "iron_session"]
    assert record.levelno == logging.ERROR
    assert repr(NAME) in record.getMessage()
    assert "change it before the response starts" in record.getMessage()
    assert "secret" not in record.getMessage()


def test_a_late_change_that_is_taken_back_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await untouched(scope, receive, send)
        scope["session"]["a"] = 1
        del scope["session"]["a"]

    visit(IronSessionMiddleware(app, OPTIONS))
    assert lost_changes(caplog) == []


def test_messages_after_the_start_pass_as_they_are() -> None:
    """Also a second start, which is the server's to refuse, gets no second cookie."""
    seen: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.trailers", "headers": []})

    async def receive() -> Message:
        raise AssertionError("nobody asked")

    async def send(message: Message) -> None:
        seen.append(message)

    scope: Scope = {"type": "http", "headers": []}
    asyncio.run(IronSessionMiddleware(app, OPTIONS)(scope, receive, send))
    assert [len(list(message["headers"])) for message in seen] == [3, 0, 0]


def test_a_message_before_the_start_does_not_close_the_session() -> None:
    """Early hints come before the headers that carry the cookie."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.early_hint", "links": []})
        scope["session"]["a"] = 1
        await send({"type": "http.response.start", "status": 200, "headers": []})

    assert list(visit(IronSessionMiddleware(app, OPTIONS)).cookies) == [NAME]


# --- the explicit form -----------------------------------------------------------------------


def by_hand(
    use: Callable[[Session], object], present: RawHeaders | None = None, *, within: bool = False
) -> ASGIApp:
    """Make an application of the explicit form; `within` the middleware of another cookie."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = list(present or [])
        use(get_iron_session(scope, headers, OPTIONS))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"done"})

    return IronSessionMiddleware(app, make_options(cookie_name="other")) if within else app


def count(session: Session) -> None:
    """Count this visit, and save that."""
    session["visits"] = session.get("visits", 0) + 1
    session.save()


@pytest.mark.parametrize("within", [False, True], ids=["alone", "beside another session"])
def test_the_explicit_form_writes_into_the_headers_that_it_was_given(within: bool) -> None:
    app = by_hand(count, [(b"x-app", b"1")], within=within)
    first = visit(app)
    assert [name for name, _ in first.headers] == ["x-app", "vary", "cache-control", "set-cookie"]
    second = visit(app, ("cookie", "theme=dark"), ("cookie", f"{NAME}={first.cookies[NAME].value}"))
    assert dict(session_of(f"{NAME}={second.cookies[NAME].value}")) == {"visits": 2}


def test_the_explicit_form_writes_into_the_headers_of_a_handshake() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers: RawHeaders = []
        count(get_iron_session(scope, headers, OPTIONS))
        await send({"type": "websocket.accept", "headers": headers})

    (accept,) = run(app, {"type": "websocket", "headers": []})
    assert [name for name, _ in accept["headers"]] == [b"vary", b"cache-control", b"set-cookie"]


def test_the_explicit_form_does_not_write_by_itself() -> None:
    answer = visit(by_hand(lambda session: session.update(a=1)))
    assert (answer.cookies, answer.vary) == ({}, "Cookie")


def test_the_explicit_form_destroys_what_the_browser_has() -> None:
    answer = visit(by_hand(Session.destroy), ("cookie", saved({"a": 1})))
    assert answer.cookies[NAME].max_age == 0


@pytest.mark.parametrize("name", [NAME, f"{NAME}.0"])
def test_the_explicit_form_refuses_a_cookie_that_the_middleware_serves(name: str) -> None:
    """Of two sessions, the one could undo the other's logout."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        get_iron_session(scope, [], OPTIONS)

    failure = visit(IronSessionMiddleware(app, make_options(cookie_name=name))).failure
    assert isinstance(failure, ConfigurationError)
    assert repr(NAME) in str(failure)


@pytest.mark.parametrize("options", [None, {}, "myapp"])
def test_the_explicit_form_refuses_options_of_another_type(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="options must be a SessionOptions"):
        get_iron_session({"type": "http", "headers": []}, [], options)


# --- get_session -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["session", "visitor"])
def test_get_session_gives_the_middleware_s_session(key: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert get_session(scope, key=key) is scope[key]
        get_session(scope, key=key)["a"] = 1
        await untouched(scope, receive, send)

    answer = visit(IronSessionMiddleware(app, OPTIONS, key=key))
    assert (answer.failure, list(answer.cookies)) == (None, [NAME])


@pytest.mark.parametrize("scope", [{}, {"session": {}}], ids=["none", "somebody else's"])
def test_get_session_without_the_middleware_says_which_line_is_missing(
    scope: dict[str, Any],
) -> None:
    with pytest.raises(ConfigurationError, match=r"app = IronSessionMiddleware\(app, options\)"):
        get_session(scope)


# --- which error is told ---------------------------------------------------------------------


async def start_too_large(scope: Scope, send: Send) -> None:
    scope["session"].update(TOO_LARGE)
    await send({"type": "http.response.start", "status": 200, "headers": []})


def test_the_session_s_error_is_found_in_a_group() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(start_too_large(scope, send))

    assert isinstance(visit(IronSessionMiddleware(app, OPTIONS)).failure, CookieTooLargeError)


def test_a_group_without_the_session_s_error_is_the_application_s_own() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(CookieTooLargeError):
            await start_too_large(scope, send)
        raise ExceptionGroup("two", [ValueError("one"), KeyError("other")])

    assert isinstance(visit(IronSessionMiddleware(app, OPTIONS)).failure, ExceptionGroup)


def test_an_error_from_none_is_the_application_s_own() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await start_too_large(scope, send)
        except CookieTooLargeError:
            raise ValueError("instead") from None

    assert isinstance(visit(IronSessionMiddleware(app, OPTIONS)).failure, ValueError)


def test_errors_that_cause_each_other_end_the_request_all_the_same() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(CookieTooLargeError):
            await start_too_large(scope, send)
        one, other = ValueError("one"), KeyError("other")
        one.__cause__, other.__cause__ = other, one
        raise one

    assert isinstance(visit(IronSessionMiddleware(app, OPTIONS)).failure, ValueError)


# --- what else is not lost without a word ----------------------------------------------------


def test_a_dict_in_the_session_s_place_after_the_headers_is_logged_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        scope["session"] = {"user": 1}
        await send({"type": "http.response.body", "body": b""})

    visit(IronSessionMiddleware(app, OPTIONS))
    assert len(lost_changes(caplog)) == 1


def test_a_hook_that_destroys_the_session_makes_the_next_write_an_error() -> None:
    sessions: list[Session] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        sessions.append(scope["session"])
        scope["session"]["user"] = 1
        await send({"type": "http.response.start", "status": 200, "headers": []})

    options = make_options(on_unseal_error=lambda _: sessions[0].destroy())
    answer = visit(IronSessionMiddleware(app, options), ("cookie", f"{NAME}=garbage"))
    assert isinstance(answer.failure, SessionDestroyedError)
