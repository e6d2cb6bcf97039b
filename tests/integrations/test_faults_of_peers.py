"""What other session libraries get wrong, each as a test that it is right here.

One of them is left out, for no stateless session can mend it: a response that was on its way while
the visitor logged out in another tab brings the cookie back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from iron_session import (
    ConfigurationError,
    CookieOptions,
    CookieTooLargeError,
    HeadersAlreadySentError,
    NotSerializableError,
    Session,
    SessionOptions,
)
from iron_session.integrations.fastapi import SessionDependency
from iron_session.integrations.starlette import IronSessionMiddleware
from tests.contract.asgi_driver import request as send
from tests.contract.door import Answer, Visit
from tests.contract.logs import lost_changes
from tests.sessions.browser import (
    FOREIGN,
    NAME,
    PASSWORD,
    expiration_of,
    make_options,
    saved,
    seal_text,
    session_of,
)

Act = Callable[[Session], Any]


async def show(request: Request) -> Response:
    """Answer what is in the session."""
    return JSONResponse(dict(request.session))


def make_app(act: Act, options: SessionOptions | None = None, **settings: Any) -> Starlette:
    """Make an app that does something to its session on /, and shows it on /session."""

    async def endpoint(request: Request) -> Response:
        session: Any = request.session
        return JSONResponse(act(session))

    return Starlette(
        routes=[Route("/", endpoint), Route("/session", show)],
        middleware=[Middleware(IronSessionMiddleware, options=options or make_options())],
        **settings,
    )


def browser(app: Any, **settings: Any) -> TestClient:
    """Make a client that speaks HTTPS, so that it sends Secure cookies."""
    return TestClient(app, base_url="https://testserver", **settings)


def visit(app: Any, *cookie_fields: str, path: str = "/session") -> Answer:
    """Send a request with these Cookie headers, as they stand."""
    headers = [("cookie", field) for field in cookie_fields]
    return asyncio.run(send(app, Visit(target=path, headers=headers)))


READING = make_app(len)


# --- Starlette -------------------------------------------------------------------------------


def test_a_change_inside_a_nested_value_is_not_lost() -> None:
    """Starlette, Flask and Django save what was assigned to a key, and no deeper."""

    def count(session: Session) -> None:
        session.setdefault("visits", {"by": []})["by"].append(len(session["visits"]["by"]))

    client = browser(make_app(count))
    for _ in range(3):
        client.get("/")
    assert client.get("/session").json() == {"visits": {"by": [0, 1, 2]}}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (datetime(2024, 2, 29, tzinfo=UTC), "a datetime"),
        (Decimal(1), "a Decimal"),
        (UUID(int=1), "an UUID"),
        ({1, 2}, "a set"),
        (b"raw", "bytes"),
        (object(), "an object"),
    ],
)
def test_what_json_can_t_carry_is_refused_where_it_is_assigned(value: Any, kind: str) -> None:
    """Starlette fails once the handler is done, with a 500 that names no key."""
    session_in_the_handler: list[Session] = []

    def assign(session: Session) -> None:
        session_in_the_handler.append(session)
        with pytest.raises(NotSerializableError) as caught:
            session["cart"] = [{"when": value}]
        assert caught.value.path == 'session["cart"][0]["when"]'
        assert kind.rpartition(" ")[2] in str(caught.value)
        assert "store" in str(caught.value)

    answer = browser(make_app(assign)).get("/")
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert len(session_in_the_handler) == 1


def test_a_plain_dict_may_take_the_session_s_place() -> None:
    """Starlette fails on it with a 500."""

    async def replace(request: Request) -> Response:
        request.scope["session"] = {"user": 1}
        return PlainTextResponse()

    app = make_app(len)
    app.routes.append(Route("/replace", replace))
    client = browser(app)
    assert client.get("/replace").status_code == 200
    assert client.get("/session").json() == {"user": 1}


@pytest.mark.parametrize("size", [3100, 8000, 40000])
def test_a_cookie_that_browsers_would_drop_is_not_sent(size: int) -> None:
    """Starlette and Django send it without a word; the visitor is logged out."""
    client = browser(make_app(lambda session: session.update(large="x" * size)))
    with pytest.raises(CookieTooLargeError, match=r"browsers accept 4096.*\[\"large\"\]"):
        client.get("/")
    assert "set-cookie" not in browser(client.app, raise_server_exceptions=False).get("/").headers


def test_a_write_before_a_websocket_s_accept_is_not_dropped() -> None:
    """Starlette writes the cookie into HTTP responses only."""

    async def accept(websocket: WebSocket) -> None:
        websocket.session["a"] = 1
        await websocket.accept()
        await websocket.close()

    app = Starlette(
        routes=[WebSocketRoute("/ws", accept)],
        middleware=[Middleware(IronSessionMiddleware, options=make_options())],
    )
    with browser(app).websocket_connect("/ws") as websocket:
        headers: list[tuple[bytes, bytes]] = list(websocket.extra_headers or [])
    (value,) = [value.decode() for name, value in headers if name == b"set-cookie"]
    assert dict(session_of(value.partition(";")[0])) == {"a": 1}


def streaming(late: Callable[[Session], Awaitable[None]]) -> Starlette:
    """Make an app that does something to its session once the response is on its way."""

    async def endpoint(request: Request) -> Response:
        session: Any = request.session

        async def parts() -> AsyncIterator[bytes]:
            yield b"first"
            await late(session)

        return StreamingResponse(parts())

    return Starlette(
        routes=[Route("/", endpoint)],
        middleware=[Middleware(IronSessionMiddleware, options=make_options())],
    )


def test_a_write_after_a_stream_has_started_does_not_vanish_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In Starlette and aiohttp-session it does."""

    async def late(session: Session) -> None:
        session["a"] = 1

    browser(streaming(late)).get("/")
    assert len(lost_changes(caplog)) == 1


def test_a_save_after_a_stream_has_started_raises() -> None:
    async def late(session: Session) -> None:
        session["a"] = 1
        with pytest.raises(HeadersAlreadySentError):
            session.save()

    assert "set-cookie" not in browser(streaming(late)).get("/").headers


# --- cookies that come in --------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False])
def test_all_cookie_fields_are_looked_at(first: bool) -> None:
    """Starlette and Litestar read the first one only, and HTTP/2 splits them."""
    fields = [saved({"a": 1}), "theme=dark; lang=de"]
    assert visit(READING, *(fields if first else reversed(fields))).json == {"a": 1}


@pytest.mark.parametrize("tossed", ["x", seal_text('{"a":2}', password=FOREIGN), ""])
@pytest.mark.parametrize("first", [True, False])
def test_a_cookie_tossed_in_by_a_sibling_does_not_shadow_the_real_one(
    tossed: str, first: bool
) -> None:
    """Any subdomain can set one of the same name; others take the first, or the last."""
    pairs = [f"{NAME}={tossed}", saved({"a": 1})]
    assert visit(READING, "; ".join(pairs if first else pairs[::-1])).json == {"a": 1}


@pytest.mark.parametrize(
    "odd", ["a", "a b=c", "[x]=1", 'a="', "a=\x01", "=", ";", "a=b,c=d", "$Version=1", "é=1"]
)
def test_an_odd_pair_before_ours_does_not_hide_it(odd: str) -> None:
    """`http.cookies.SimpleCookie` gives up at the first pair that it does not like."""
    assert visit(READING, f"{odd}; {saved({'a': 1})}").json == {"a": 1}


@pytest.mark.parametrize("tossed", [".9", ".4", ".10", ".x", ".00", "."])
def test_a_chunk_that_is_none_of_ours_does_not_break_the_session(tossed: str) -> None:
    """Auth.js puts every cookie with the prefix into the value."""
    app = make_app(len, make_options(chunk=True))
    header = saved({"large": "x" * 7000}, chunk=True)
    for fields in (f"{header}; {NAME}{tossed}=x", f"{NAME}{tossed}=x; {header}"):
        assert visit(app, fields).json == {"large": "x" * 7000}


def test_chunks_are_put_together_by_number() -> None:
    """Litestar sorts them as text, and reads 40 kB back as nothing."""
    app = make_app(len, make_options(chunk=True))
    header = saved({"large": "x" * 10000}, chunk=True)
    chunks = header.split("; ")
    assert len(chunks) == 4
    assert visit(app, "; ".join(reversed(chunks))).json == {"large": "x" * 10000}


@pytest.mark.parametrize("forged", ["AAAA", "Fe26.2*", "Fe26.2*1*é", "{}", "gASVAAAA", "%80"])
def test_a_forged_cookie_is_no_500(forged: str) -> None:
    """In Litestar it is; in Beaker and Pyramid it may be a pickle."""
    answer = visit(READING, f"{NAME}={forged}")
    assert (answer.status, answer.json) == (200, {})


# --- headers that go out ---------------------------------------------------------------------


def test_a_response_that_depends_on_the_session_varies_on_the_cookie() -> None:
    """Flask had two CVEs for its absence: CVE-2023-30861 and CVE-2026-27205."""
    for act in (len, lambda session: "user" in session, lambda session: session.get("user")):
        assert visit(make_app(act), path="/").vary == "Cookie"
        assert visit(make_app(act), saved({"user": 1}), path="/").vary == "Cookie"


def test_a_response_that_sets_the_cookie_is_not_kept_by_a_cache() -> None:
    """Which would hand one visitor's session to the next."""
    answer = visit(make_app(lambda session: session.update(user=1)), path="/")
    assert answer.cache_control == "no-store"


def test_a_session_that_is_only_read_is_not_written() -> None:
    """Litestar sets the cookie in every response."""
    assert visit(READING, saved({"a": 1})).cookies == {}


@pytest.mark.parametrize("prefix", ["__Host-", "__Secure-"])
@pytest.mark.parametrize("partitioned", [True, False])
def test_a_cookie_with_a_prefix_can_be_deleted(prefix: str, partitioned: bool) -> None:
    """aiohttp-session leaves Secure out, so browsers ignore the deletion and keep the cookie."""
    name = prefix + NAME
    options = make_options(cookie_name=name, cookie_options=CookieOptions(partitioned=partitioned))
    header = saved({"a": 1}, cookie_name=name, cookie_options=options.cookie)
    app = make_app(lambda session: session.destroy(), options)
    cookie = visit(app, header, path="/").cookies[name]
    assert (cookie.value, cookie.max_age) == ("", 0)
    assert {"Secure", "HttpOnly"} <= cookie.attributes.keys()
    assert cookie.attributes["Path"] == "/"
    assert ("Partitioned" in cookie.attributes) is partitioned


INJECTED = [
    "/; Domain=evil.example",
    "/\r\nSet-Cookie: a=b",
    "/\nX: y",
    "/\x00",
    "/;",
]


@pytest.mark.parametrize("text", INJECTED)
def test_no_header_can_be_injected_by_an_attribute(text: str) -> None:
    """`SimpleCookie` lets `;` and line ends through, in Python 3.11."""
    for attributes in ({"path": text}, {"domain": "example.com" + text[1:]}):
        with pytest.raises(ConfigurationError):
            make_options(cookie_options=attributes)
    with pytest.raises(ConfigurationError):
        make_options(cookie_name="a" + text)


@pytest.mark.parametrize("text", INJECTED)
def test_no_header_can_be_injected_by_an_override_of_one_session(text: str) -> None:
    """`save(cookie_options=…)` takes attributes at the last moment."""

    def override(session: Session) -> None:
        session["a"] = 1
        with pytest.raises(ConfigurationError):
            session.save(cookie_options={"path": text})
        session.clear()

    answer = visit(make_app(override), path="/")
    assert answer.cookies == {}


def test_no_header_can_be_injected_by_the_session_s_data() -> None:
    data = {"a\r\nSet-Cookie: x=y": "b\r\n; Domain=evil.example"}
    answer = visit(make_app(lambda session: session.update(data)), path="/")
    assert dict(session_of(f"{NAME}={answer.cookies[NAME].value}")) == data
    assert list(answer.cookies) == [NAME]


# --- options ---------------------------------------------------------------------------------


def test_a_life_of_its_own_for_one_session_changes_no_other() -> None:
    """In client-sessions, one visitor's `setDuration` is everybody's."""
    options = make_options()

    def remember(session: Session) -> None:
        session["a"] = 1
        session.save(ttl=30 * 86400, cookie_options={"same_site": "strict"})

    remembered = visit(make_app(remember, options), path="/").cookies[NAME]
    usual = visit(make_app(lambda session: session.update(a=1), options), path="/").cookies[NAME]
    assert remembered.max_age == 30 * 86400 - 60
    assert usual.max_age == 14 * 86400 - 60
    assert usual.attributes["SameSite"] == "Lax"
    assert (expiration_of(remembered.value) or 0) > (expiration_of(usual.value) or 0)


def test_a_password_given_as_text_is_one_password() -> None:
    """Flask splits `SECRET_KEY_FALLBACKS` given as text into letters."""
    assert make_options(password=PASSWORD).passwords.primary.id == "1"
    with pytest.raises(ConfigurationError):
        make_options(password=list(PASSWORD))


def test_a_browser_session_s_seal_still_expires() -> None:
    """iron-session makes a seal without end of a cookie without Max-Age."""
    app = make_app(
        lambda session: session.update(a=1), make_options(cookie_options={"max_age": None})
    )
    cookie = visit(app, path="/").cookies[NAME]
    assert cookie.max_age is None
    assert expiration_of(cookie.value) is not None


def test_fastapi_s_dependency_says_what_is_missing() -> None:
    """Starlette's `request.session` without a middleware is an AssertionError."""
    app = FastAPI()

    @app.get("/")
    def home(session: Annotated[Session, Depends(SessionDependency(make_options()))]) -> None:
        return None

    with pytest.raises(ConfigurationError, match="add_middleware"):
        browser(app).get("/")
