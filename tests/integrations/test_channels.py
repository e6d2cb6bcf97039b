"""Django Channels: what consumers, and the servers that run them, see of the session."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from channels import auth as channels_auth
from channels import sessions as channels_sessions
from channels.consumer import AsyncConsumer, SyncConsumer
from channels.exceptions import DenyConnection, StopConsumer
from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.layers import InMemoryChannelLayer, channel_layers
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.test import Client, override_settings
from django.urls import re_path

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeadersAlreadySentError,
    Session,
    SessionDestroyedError,
    SessionOptions,
    unseal_data,
)
from iron_session.http.request import REGISTRY
from iron_session.integrations import asgi
from iron_session.integrations.channels import (
    AuthMiddlewareStack,
    SessionMiddleware,
    SessionMiddlewareStack,
    get_iron_session,
    get_session,
)
from iron_session.integrations.django import SessionStore
from tests.contract.asgi_driver import Connection
from tests.contract.common_app import Call, Guest
from tests.contract.logs import lost_changes
from tests.helpers import frames
from tests.helpers.clock import Clock
from tests.integrations.django_site.project import NAME as ADA
from tests.integrations.django_site.project import PASSWORD_OF_ADA, create_user, new_database
from tests.sessions.browser import (
    NAME,
    OLD,
    PASSWORD,
    TTL,
    Failures,
    ReceivedCookie,
    make_options,
    saved,
)

DJANGOS_NAME = "sessionid"
DJANGOS_ENGINE = "django.contrib.sessions.backends.signed_cookies"
ROTATED = {1: OLD, 2: PASSWORD}
TOO_LARGE = {"large": "x" * 8000}

CONNECT = {"type": "websocket.connect"}
GONE = {"type": "websocket.disconnect", "code": 1001}
DAPHNE = {"version": "3.0"}
UVICORN = {"version": "3.0", "spec_version": "2.4"}

Act = Callable[[Any], Awaitable[object] | object]
"""What a consumer does, given itself."""


# --- consumers, and the connections that are made to them ----------------------------------------


async def do(act: Act | None, consumer: Any) -> None:
    """Do something that may be a coroutine."""
    result = None if act is None else act(consumer)
    if isinstance(result, Awaitable):
        await result


class Socket(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Accepts, does one thing before that and another after it, and closes."""

    def __init__(self, before: Act | None = None, after: Act | None = None) -> None:
        super().__init__()
        self.before, self.after = before, after

    async def connect(self) -> None:
        await do(self.before, self)
        await self.accept()
        await do(self.after, self)
        await self.close()


class Page(AsyncHttpConsumer):  # type: ignore[misc]  # Channels has no types
    """Does something and answers."""

    def __init__(self, before: Act | None = None, status: int = 200) -> None:
        super().__init__()
        self.before, self.status = before, status

    async def handle(self, body: bytes) -> None:
        await do(self.before, self)
        await self.send_response(self.status, b"done")


class Denier(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Does something, and accepts no WebSocket."""

    def __init__(self, before: Act) -> None:
        super().__init__()
        self.before = before

    async def connect(self) -> None:
        await do(self.before, self)
        raise DenyConnection


class Waiter(AsyncConsumer):  # type: ignore[misc]  # Channels has no types
    """Does something, and then the visitor is gone."""

    def __init__(self, before: Act) -> None:
        self.before = before

    async def websocket_connect(self, message: Any) -> None:
        await do(self.before, self)

    http_request = websocket_connect

    async def websocket_disconnect(self, message: Any) -> None:
        raise StopConsumer

    http_disconnect = websocket_disconnect


class SyncSocket(WebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """As `Socket`, with plain functions."""

    def __init__(
        self, before: Callable[[Any], object], after: Callable[[Any], object] = bool
    ) -> None:
        super().__init__()
        self.before, self.after = before, after

    def connect(self) -> None:
        self.before(self)
        self.accept()
        self.after(self)
        self.close()


class SyncPage(SyncConsumer):  # type: ignore[misc]  # Channels has no types
    """As `Page`, with plain functions."""

    def __init__(self, before: Callable[[Any], object]) -> None:
        self.before = before

    def http_request(self, message: Any) -> None:
        self.before(self)
        self.send({"type": "http.response.start", "status": 200, "headers": []})
        self.send({"type": "http.response.body", "body": b"done"})
        raise StopConsumer


@dataclass(frozen=True)
class Heard:
    """What a connection heard of the application."""

    sent: list[Any]

    def headers(self, name: str) -> list[str]:
        """Give every value of a header of the answer."""
        (answer,) = [one for one in self.sent if "headers" in one][:1] or [{"headers": []}]
        return [
            value.decode("latin-1")
            for found, value in answer["headers"]
            if found.decode().lower() == name
        ]

    @property
    def cookies(self) -> dict[str, ReceivedCookie]:
        """What it sets."""
        received = [ReceivedCookie.parse(value) for value in self.headers("set-cookie")]
        assert len({cookie.name for cookie in received}) == len(received)
        return {cookie.name: cookie for cookie in received}

    @property
    def kinds(self) -> list[str]:
        """The types of its messages."""
        return [one["type"] for one in self.sent]


def connection(
    kind: str,
    cookie: str,
    incoming: list[Any],
    more: tuple[bytes, bytes] | None = None,
    **scope: Any,
) -> Connection:
    """Begin a connection; with no server's own "asgi" in its scope, as in Channels' tests."""
    headers = [(b"host", b"testserver"), *[(b"cookie", cookie.encode("latin-1"))] * bool(cookie)]
    if more is not None:
        headers.append(more)
    about = {"type": kind, "path": "/", "query_string": b"", "headers": headers, "method": "GET"}
    return Connection({**about, "subprotocols": [], **scope}, incoming)


def run(app: Any, begun: Connection) -> Heard:
    """Run the application to its end, and raise what it raised."""
    asyncio.run(begun.run(app))
    if begun.failure is not None:
        raise begun.failure
    return Heard(begun.sent)


def connect(app: Any, cookie: str = "", *messages: Any, **scope: Any) -> Heard:
    """Open a WebSocket."""
    return run(app, connection("websocket", cookie, [CONNECT, *messages], **scope))


def get(app: Any, cookie: str = "", **scope: Any) -> Heard:
    """Send a request."""
    asked = {"type": "http.request", "body": b"", "more_body": False}
    return run(app, connection("http", cookie, [asked], **scope))


def stack(before: Act | None = None, after: Act | None = None) -> Any:
    """Put the session around a WebSocket."""
    return SessionMiddlewareStack(Socket.as_asgi(before=before, after=after))


def page(before: Act | None = None, **how: Any) -> Any:
    """Put the session around a page."""
    return SessionMiddlewareStack(Page.as_asgi(before=before, **how))


def write(consumer: Any) -> None:
    """Change the session."""
    consumer.scope["session"]["a"] = 1


def save(consumer: Any) -> None:
    """Save the session."""
    consumer.scope["session"].save()


def write_and_save(consumer: Any) -> None:
    """Change the session and save it."""
    write(consumer)
    save(consumer)


def destroy(consumer: Any) -> None:
    """Destroy the session."""
    consumer.scope["session"].destroy()


def clear(consumer: Any) -> None:
    """Empty the session."""
    consumer.scope["session"].clear()


def grow(consumer: Any) -> None:
    """Have the session not fit into a cookie."""
    consumer.scope["session"].update(TOO_LARGE)


def read(consumer: Any) -> None:
    """Look at the session."""
    dict(consumer.scope["session"])


class Reader(list[Any]):
    """Remembers what the session held."""

    def __call__(self, consumer: Any) -> None:
        self.append(dict(consumer.scope["session"]))


def header(data: dict[str, Any], **changes: Any) -> str:
    """Give the Cookie header of a browser with a session, by Django's name for the cookie."""
    return saved(data, **{"cookie_name": DJANGOS_NAME, **changes})


def opened(cookie: ReceivedCookie, password: Any = PASSWORD) -> dict[str, Any]:
    """Read what a cookie holds."""
    data: dict[str, Any] = unseal_data(cookie.value, password=password)
    return data


def give(**arguments: Any) -> dict[str, Any]:
    """Give the setting IRON_SESSION a value."""
    return {"IRON_SESSION": {"password": PASSWORD, **arguments}}


BOTH = pytest.mark.parametrize(
    ("build", "visit"), [(stack, connect), (page, get)], ids=["websocket", "http"]
)
STACKS = pytest.mark.parametrize(
    "install", [AuthMiddlewareStack, SessionMiddlewareStack, SessionMiddleware]
)


# --- at the start --------------------------------------------------------------------------------


@STACKS
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"SESSION_ENGINE": DJANGOS_ENGINE}, 'SESSION_ENGINE = "iron_session.integrations.django'),
        ({"IRON_SESSION": None}, "IRON_SESSION is missing"),
        ({"SESSION_COOKIE_NAME": "a", **give(cookie_name="b")}, "SESSION_COOKIE_NAME.*cookie_name"),
    ],
    ids=str,
)
def test_settings_that_can_t_work_are_refused_when_the_stack_is_built(
    install: Any, settings: dict[str, Any], message: str
) -> None:
    with override_settings(**settings), pytest.raises(ConfigurationError, match=message):
        install(Socket.as_asgi())


def test_options_for_the_session_of_django_s_pages_name_the_same_cookie() -> None:
    """Else who has logged in there would be nobody here."""
    with pytest.raises(ConfigurationError) as caught:
        SessionMiddlewareStack(Socket.as_asgi(), make_options())
    for part in (repr(NAME), repr(DJANGOS_NAME), "leave the options out", "a key of its own"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "how"),
    [
        (give(cookie_name=NAME), {}),
        ({"IRON_SESSION": make_options()}, {}),
        ({"SESSION_ENGINE": DJANGOS_ENGINE, "IRON_SESSION": None}, {}),
        ({}, {"key": "admin"}),
    ],
    ids=["the same name", "the same options", "Django's own engine", "a key of its own"],
)
def test_options_that_contradict_no_page_of_django_s_are_taken(
    settings: dict[str, Any], how: dict[str, Any]
) -> None:
    def change(consumer: Any) -> None:
        consumer.scope[how.get("key", "session")]["a"] = 1

    with override_settings(**settings):
        app = SessionMiddlewareStack(Socket.as_asgi(before=change), make_options(), **how)
        assert list(connect(app).cookies) == [NAME]


@pytest.mark.parametrize("install", [SessionMiddlewareStack, SessionMiddleware])
@pytest.mark.parametrize("key", ["session", "admin"])
def test_options_that_are_none_are_refused(install: Any, key: str) -> None:
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        install(Socket.as_asgi(), {"password": PASSWORD}, key=key)


def test_a_store_of_the_project_s_own_lies_in_the_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    class Store(SessionStore):
        pass

    monkeypatch.setattr("tests.integrations.django_site.project.SessionStore", Store, raising=False)
    found: list[Any] = []
    with override_settings(SESSION_ENGINE="tests.integrations.django_site.project"):
        connect(stack(lambda consumer: found.append(consumer.scope["session"])))
    assert [type(one) for one in found] == [Store]


# --- what has no session -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["channel", "lifespan"])
def test_what_has_no_headers_is_refused(kind: str) -> None:
    """A worker's consumer, say: it has no visitor, and nobody would get what it writes."""
    bare = SessionMiddleware(ProtocolTypeRouter({}))
    with pytest.raises(ConfigurationError, match=f'{kind}.*only around .*"http" and "websocket"'):
        run(bare, Connection({"type": kind, "channel": "thumbnails"}, []))


@STACKS
def test_channels_own_stack_around_it_is_refused(install: Any) -> None:
    """It reads one cookie by Django's setting alone, and its users would be other ones."""
    app = channels_auth.AuthMiddlewareStack(install(Socket.as_asgi()))
    with pytest.raises(ConfigurationError, match="replace it with AuthMiddlewareStack"):
        connect(app)


def test_channels_own_stack_within_takes_this_session() -> None:
    """As it takes any that is there."""
    reader = Reader()
    app = channels_sessions.SessionMiddlewareStack(Socket.as_asgi(before=reader, after=read))
    heard = connect(SessionMiddlewareStack(app), header({"a": 1}))
    assert (reader, heard.cookies) == ([{"a": 1}], {})
    within = channels_sessions.SessionMiddlewareStack(Page.as_asgi(before=write))
    assert list(get(SessionMiddlewareStack(within)).cookies) == [DJANGOS_NAME]


def test_a_stack_within_a_stack_leaves_the_session_to_the_outer_one() -> None:
    """As with Channels' own."""
    app = SessionMiddlewareStack(stack(write))
    assert list(connect(app).cookies) == [DJANGOS_NAME]


def test_a_stack_with_other_options_within_a_stack_has_its_own_session_of_the_key() -> None:
    def change(consumer: Any) -> None:
        consumer.scope["admin"]["a"] = 1

    within = SessionMiddlewareStack(Socket.as_asgi(before=change), make_options(), key="admin")
    other = make_options(cookie_name="other")
    assert list(connect(SessionMiddlewareStack(within, other, key="admin")).cookies) == [NAME]


def test_two_sessions_with_one_cookie_are_refused() -> None:
    options = make_options(cookie_name=DJANGOS_NAME)
    app = SessionMiddlewareStack(stack(), options, key="admin")
    with pytest.raises(ConfigurationError, match=r"installed twice.*sessionid"):
        connect(app)


def test_within_the_gateway_each_application_has_a_session_of_its_own() -> None:
    """A site of FastAPI, say, that has mounted this one."""
    app = asgi.IronSessionMiddleware(stack(write), make_options())
    heard = connect(app, saved({"outer": 1}))
    assert opened(heard.cookies[DJANGOS_NAME]) == {"a": 1}
    assert list(heard.cookies) == [DJANGOS_NAME]


def test_within_the_gateway_one_cookie_has_one_session() -> None:
    app = asgi.IronSessionMiddleware(stack(), make_options(cookie_name=DJANGOS_NAME))
    with pytest.raises(ConfigurationError, match="installed twice"):
        connect(app)


# --- reading -------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    "cookie",
    [
        header({"a": 1}),
        f"{DJANGOS_NAME}=junk; {header({'a': 1})}",
        f"{header({'a': 1})}; {header({'a': 2})}",
        f"theme=dark; {header({'a': 1})}",
    ],
    ids=["alone", "after junk", "twice", "after another"],
)
def test_the_first_cookie_that_opens_is_the_session(build: Any, visit: Any, cookie: str) -> None:
    reader = Reader()
    heard = visit(build(reader), cookie)
    assert (reader, heard.cookies, heard.headers("vary")) == ([{"a": 1}], {}, ["Cookie"])


@BOTH
def test_chunks_are_read_and_written(build: Any, visit: Any) -> None:
    reader = Reader()
    data = {"large": "x" * 7000}
    with override_settings(**give(chunk=True)):
        heard = visit(build(lambda consumer: consumer.scope["session"].update(data)))
        written = [one for one in heard.cookies.values() if one.value]
        assert [one.name for one in written] == [f"{DJANGOS_NAME}.{index}" for index in range(3)]
        cookie = "; ".join(f"{one.name}={one.value}" for one in written)
        visit(build(reader), cookie)
    assert reader == [data]


@BOTH
def test_the_cookie_has_the_name_that_iron_session_s_setting_gives_it(
    build: Any, visit: Any
) -> None:
    reader = Reader()
    with override_settings(**give(cookie_name="__Host-ours")):
        visit(build(reader), saved({"a": 1}, cookie_name="__Host-ours"))
        assert list(visit(build(write)).cookies) == ["__Host-ours"]
    assert reader == [{"a": 1}]


def test_the_session_may_come_in_several_cookie_fields() -> None:
    reader = Reader()
    begun = connection("websocket", "theme=dark", [CONNECT])
    begun.scope["headers"].append((b"cookie", header({"a": 1}).encode()))
    run(stack(reader), begun)
    assert reader == [{"a": 1}]


@BOTH
@pytest.mark.parametrize("value", ["junk", "Fe26.2*1*a*b*c**d*e", "\xff", '"', ""])
def test_a_hostile_cookie_is_an_empty_session(build: Any, visit: Any, value: str) -> None:
    reader, failures = Reader(), Failures()
    with override_settings(**give(on_unseal_error=failures)):
        visit(build(reader), f"{DJANGOS_NAME}={value}")
    assert reader == [{}]
    assert failures.reasons == ["invalid"] * bool(value)


def with_cookies(change: Callable[[dict[str, str]], object], inner: Any) -> Any:
    """Put a middleware that changes the cookies in the scope between those of a stack."""
    within = SessionMiddleware(inner)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        cookies = dict(scope["cookies"])
        change(cookies)
        await within({**scope, "cookies": cookies}, receive, send)

    return channels_sessions.CookieMiddleware(middleware)


@pytest.mark.parametrize("sent", ["", "theme=dark", header({"a": 2})], ids=["none", "other", "own"])
def test_a_cookie_that_another_middleware_has_brought_is_the_session(sent: str) -> None:
    """From the query of a WebSocket, say; as with `request.COOKIES` in Django."""
    reader = Reader()
    seal = header({"a": 1}).partition("=")[2]
    consumer = Socket.as_asgi(before=reader)
    connect(with_cookies(lambda cookies: cookies.update({DJANGOS_NAME: seal}), consumer), sent)
    assert reader == [{"a": 1}]


def test_chunks_that_another_middleware_has_brought_are_read() -> None:
    reader = Reader()
    data = {"large": "x" * 7000}
    brought = dict(one.split("=", 1) for one in header(data, chunk=True).split("; "))
    with override_settings(**give(chunk=True)):
        consumer = Socket.as_asgi(before=reader)
        connect(with_cookies(lambda cookies: cookies.update(brought), consumer), header({"a": 2}))
        connect(with_cookies(lambda cookies: cookies.update(brought), consumer))
    assert reader == [{"a": 2}, data]  # a whole one goes before chunks


def test_a_cookie_that_another_middleware_has_taken_out_is_not_read() -> None:
    reader = Reader()
    consumer = Socket.as_asgi(before=reader)
    connect(with_cookies(lambda cookies: cookies.clear(), consumer), header({"a": 1}))
    assert reader == [{}]


def test_the_browser_s_other_cookies_stay_as_they_are_beside_a_brought_one() -> None:
    """Those of a second session among them."""
    found: list[Any] = []
    seal = header({"a": 1}).partition("=")[2]

    def look(consumer: Any) -> None:
        found.append([dict(consumer.scope[key]) for key in ("session", "admin")])

    within = SessionMiddleware(Socket.as_asgi(before=look), make_options(), key="admin")
    app = with_cookies(lambda cookies: cookies.update({DJANGOS_NAME: seal}), within)
    begun = connection("websocket", header({"a": 2}), [CONNECT])
    begun.scope["headers"].append((b"cookie", saved({"b": 2}).encode()))
    run(app, begun)
    assert found == [[{"a": 1}, {"b": 2}]]


def test_a_brought_cookie_of_any_text_is_no_error() -> None:
    reader = Reader()
    consumer = Socket.as_asgi(before=reader)
    connect(with_cookies(lambda cookies: cookies.update({DJANGOS_NAME: "…"}), consumer))
    assert reader == [{}]


def test_what_channels_makes_of_the_browser_s_own_cookies_is_not_taken_for_brought() -> None:
    """It undoes quotes and escapes: another cookie would come first than in Django's pages."""
    reader = Reader()
    name, _, seal = header({"a": 1}).partition("=")
    escaped = f'"{seal.replace(".", chr(92) + "056")}"'
    connect(stack(reader), f"{header({'a': 2})}; {name}={escaped}")
    assert reader == [{"a": 2}]


@BOTH
def test_a_session_that_is_left_alone_costs_nothing(build: Any, visit: Any) -> None:
    failures = Failures()
    with override_settings(**give(on_unseal_error=failures)):
        heard = visit(build(), f"{DJANGOS_NAME}=junk")
    assert (failures, heard.headers("vary"), heard.cookies) == ([], [], {})


def test_get_session_gives_the_session_itself() -> None:
    found: list[Any] = []
    with override_settings(**give(schema=Guest)):
        connect(stack(lambda consumer: found.append(get_session(consumer.scope))))
    (session,) = found
    assert isinstance(session, Session)
    assert session.data == Guest()


def test_the_registry_in_the_scope_has_every_session_by_its_cookie() -> None:
    found: list[Any] = []

    def look(consumer: Any) -> None:
        sessions = [get_session(consumer.scope, key=key) for key in ("session", "admin")]
        found.append((consumer.scope[REGISTRY], sessions))

    connect(SessionMiddlewareStack(stack(look), make_options(), key="admin"))
    ((registry, (first, second)),) = found
    assert registry == {DJANGOS_NAME: first, NAME: second}
    assert registry[DJANGOS_NAME] is first
    assert registry[NAME] is second


def test_without_the_middleware_get_session_says_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match="AuthMiddlewareStack or SessionMiddlewareStack"):
        get_session({"type": "websocket", "headers": []})


# --- writing -------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("change", [write, write_and_save])
def test_a_change_goes_out_with_the_accept_or_the_answer(
    build: Any, visit: Any, change: Act
) -> None:
    heard = visit(build(change))
    assert heard.cookies[DJANGOS_NAME].attributes == {
        "Max-Age": str(TTL - 60),
        "Path": "/",
        "HttpOnly": None,
        "Secure": None,
        "SameSite": "Lax",
    }
    assert opened(heard.cookies[DJANGOS_NAME]) == {"a": 1}
    assert heard.headers("vary") == ["Cookie"]
    assert heard.headers("cache-control") == ["no-store"]


@BOTH
def test_the_cookie_s_attributes_are_those_of_django_s_settings(build: Any, visit: Any) -> None:
    with override_settings(
        SESSION_COOKIE_SECURE=False,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_PATH="/app",
        SESSION_EXPIRE_AT_BROWSER_CLOSE=True,
    ):
        attributes = visit(build(write)).cookies[DJANGOS_NAME].attributes
    assert attributes == {"Path": "/app", "HttpOnly": None, "SameSite": "Strict"}


def test_headers_and_subprotocol_of_the_consumer_s_own_stay() -> None:
    own: list[Any] = [(b"set-cookie", b"theme=dark"), (b"vary", b"Accept")]

    class Speaker(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
        async def connect(self) -> None:
            write(self)
            await self.accept("chat", headers=own)
            await self.close()

    heard = connect(SessionMiddlewareStack(Speaker.as_asgi()))
    assert heard.sent[0]["subprotocol"] == "chat"
    assert list(heard.cookies) == ["theme", DJANGOS_NAME]
    assert heard.headers("vary") == ["Accept, Cookie"]


@BOTH
@pytest.mark.parametrize("end", [clear, destroy, lambda it: it.scope["session"].flush()])
def test_a_session_that_is_emptied_expires(build: Any, visit: Any, end: Act) -> None:
    heard = visit(build(end), header({"a": 1}))
    assert heard.cookies[DJANGOS_NAME].max_age == 0
    assert "Secure" in heard.cookies[DJANGOS_NAME].attributes


@BOTH
@pytest.mark.parametrize("end", [clear, destroy, lambda it: it.scope["session"].flush()])
def test_a_cookie_that_only_another_server_can_read_expires_too(
    build: Any, visit: Any, end: Act
) -> None:
    heard = visit(build(end), header({"a": 1}, password=OLD))
    assert heard.cookies[DJANGOS_NAME].max_age == 0


def test_a_destroyed_session_takes_no_data() -> None:
    def write_after(consumer: Any) -> None:
        destroy(consumer)
        write(consumer)

    with pytest.raises(SessionDestroyedError):
        connect(stack(write_after), header({"a": 1}))


@BOTH
def test_a_change_within_a_nested_value_is_noticed(build: Any, visit: Any) -> None:
    def append(consumer: Any) -> None:
        consumer.scope["session"]["cart"].append("milk")

    heard = visit(build(append), header({"cart": ["tea"]}))
    assert opened(heard.cookies[DJANGOS_NAME]) == {"cart": ["tea", "milk"]}


@BOTH
def test_typed_data_is_read_and_written(build: Any, visit: Any) -> None:
    def rename(consumer: Any) -> None:
        consumer.scope["session"].data.user.name = "bob"

    with override_settings(**give(schema=Guest)):
        heard = visit(build(rename), header({"user": {"name": "ada"}}, schema=None))
    assert opened(heard.cookies[DJANGOS_NAME])["user"]["name"] == "bob"


@BOTH
def test_a_life_that_set_expiry_gives_is_kept(build: Any, visit: Any) -> None:
    def expire_soon(consumer: Any) -> None:
        write(consumer)
        consumer.scope["session"].set_expiry(timedelta(minutes=10))

    cookie = visit(build(expire_soon)).cookies[DJANGOS_NAME]
    assert 500 < (cookie.max_age or 0) <= 540
    later = visit(
        build(lambda it: it.scope["session"].update({"b": 2})), f"{DJANGOS_NAME}={cookie.value}"
    )
    assert 500 < (later.cookies[DJANGOS_NAME].max_age or 0) <= 540


@BOTH
def test_a_session_of_an_old_password_is_written_by_the_newest(build: Any, visit: Any) -> None:
    with override_settings(**give(password=ROTATED)):
        heard = visit(build(read), header({"a": 1}, password=OLD))
    assert opened(heard.cookies[DJANGOS_NAME], {2: PASSWORD}) == {"a": 1}


@BOTH
def test_a_session_that_is_only_read_is_renewed_where_django_saves_at_every_request(
    build: Any, visit: Any
) -> None:
    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        assert list(visit(build(read), header({"a": 1})).cookies) == [DJANGOS_NAME]
        assert visit(build(read)).cookies == {}
        assert visit(build(read), header({})).cookies == {}


@pytest.mark.parametrize("status", [500, 503])
def test_a_response_of_500_and_above_writes_nothing(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    heard = get(page(write_and_save, status=status), header({"a": 2}))
    assert heard.cookies == {}
    assert lost_changes(caplog) == []


def test_a_session_that_does_not_fit_is_an_error_where_the_consumer_accepts() -> None:
    caught: list[Exception] = []

    class Careful(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
        async def connect(self) -> None:
            grow(self)
            try:
                await self.accept()
            except CookieTooLargeError as error:
                caught.append(error)
                clear(self)
                await self.accept()
            await self.close()

    heard = connect(SessionMiddlewareStack(Careful.as_asgi()))
    assert [type(one) for one in caught] == [CookieTooLargeError]
    assert heard.kinds == ["websocket.accept", "websocket.close"]
    assert heard.cookies == {}


@BOTH
def test_a_session_that_does_not_fit_reaches_the_server(build: Any, visit: Any) -> None:
    with pytest.raises(CookieTooLargeError):
        visit(build(grow))


# --- a second session, and one by hand -----------------------------------------------------------


@pytest.mark.parametrize(("consumer", "visit"), [(Socket, connect), (Page, get)])
def test_a_second_session_lives_beside_the_first(consumer: Any, visit: Any) -> None:
    def change(it: Any) -> None:
        it.scope["session"]["a"] = 1
        it.scope["admin"]["b"] = 2
        assert get_session(it.scope, key="admin")["b"] == 2

    app = AuthMiddlewareStack(consumer.as_asgi(before=change))
    heard = visit(SessionMiddlewareStack(app, make_options(), key="admin"))
    assert {name: opened(cookie) for name, cookie in heard.cookies.items()} == {
        DJANGOS_NAME: {"a": 1},
        NAME: {"b": 2},
    }


class ByHand(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Takes its session by hand."""

    def __init__(self, options: SessionOptions, act: Callable[[Session], object]) -> None:
        super().__init__()
        self.options, self.act = options, act

    async def connect(self) -> None:
        headers: Any = []  # of pairs of bytes, as servers take them
        self.act(get_iron_session(self.scope, headers, self.options))
        await self.accept(headers=headers)
        await self.close()


def save_by_hand(session: Session) -> None:
    """Change and save."""
    session["a"] = 1
    session.save()


def test_a_session_by_hand_goes_out_with_the_headers_of_the_accept() -> None:
    heard = connect(ByHand.as_asgi(options=make_options(), act=save_by_hand))
    assert opened(heard.cookies[NAME]) == {"a": 1}
    assert connect(ByHand.as_asgi(options=make_options(), act=lambda _: None)).cookies == {}


def test_a_session_by_hand_is_not_one_that_the_middleware_has() -> None:
    by_hand = ByHand.as_asgi(options=make_options(cookie_name=DJANGOS_NAME), act=save_by_hand)
    with pytest.raises(ConfigurationError, match=DJANGOS_NAME):
        connect(SessionMiddlewareStack(by_hand))


# --- what reaches nobody -------------------------------------------------------------------------


class Outcome(list[str]):
    """Does something late, and remembers which error it met."""

    def __init__(self, act: Callable[[Any], object]) -> None:
        super().__init__()
        self._act = act

    def __call__(self, consumer: Any) -> None:
        try:
            self._act(consumer)
        except HeadersAlreadySentError as error:
            self.append(str(error))


@pytest.mark.parametrize("act", [save, destroy, write_and_save])
def test_saving_after_the_accept_raises(act: Any, caplog: pytest.LogCaptureFixture) -> None:
    outcome = Outcome(act)
    heard = connect(stack(after=outcome), header({"b": 2}))
    assert len(outcome) == 1
    assert (heard.cookies, lost_changes(caplog)) == ({}, [])


@pytest.mark.parametrize("act", [write, clear])
def test_a_change_after_the_accept_is_logged(act: Act, caplog: pytest.LogCaptureFixture) -> None:
    heard = connect(stack(after=act), header({"b": 2}))
    (message,) = lost_changes(caplog)
    assert repr(DJANGOS_NAME) in message
    assert "after the response's headers were sent" in message
    assert heard.cookies == {}


@pytest.mark.parametrize("act", [save, write])
def test_a_message_of_the_channel_layer_comes_too_late_for_the_session(
    act: Any, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = Outcome(act)

    class Member(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
        groups: Any = ("room",)

        async def connect(self) -> None:
            await self.accept()
            await self.channel_layer.group_send("room", {"type": "chat.message"})

        async def chat_message(self, message: Any) -> None:
            outcome(self)
            await self.close()

    layer: Any = channel_layers.set("default", InMemoryChannelLayer())
    try:
        heard = connect(SessionMiddlewareStack(Member.as_asgi()), header({"b": 2}))
    finally:
        channel_layers.set("default", layer)
    assert heard.cookies == {}
    assert (len(outcome), len(lost_changes(caplog))) == ((1, 0) if act is save else (0, 1))


@BOTH
@pytest.mark.parametrize("act", [write, save])
def test_a_change_after_the_end_of_the_connection_is_told(
    build: Any, visit: Any, act: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """By a task that the consumer has left behind, say."""
    left: list[Any] = []

    def leave(consumer: Any) -> None:
        read(consumer)
        left.append(consumer)

    visit(build(leave))
    outcome = Outcome(act)
    outcome(left[0])
    assert (len(outcome), len(lost_changes(caplog))) == ((1, 0) if act is save else (0, 1))


@pytest.mark.parametrize("act", [write, save, clear, destroy])
def test_a_change_before_a_refusal_is_logged(act: Act, caplog: pytest.LogCaptureFixture) -> None:
    heard = connect(SessionMiddlewareStack(Denier.as_asgi(before=act)), header({"b": 2}))
    assert heard.kinds == ["websocket.close"]
    (message,) = lost_changes(caplog)
    assert "accept it first" in message


@pytest.mark.parametrize(
    ("kind", "gone"), [("websocket", GONE), ("http", {"type": "http.disconnect"})]
)
@pytest.mark.parametrize("act", [write, save])
def test_a_change_for_a_visitor_who_has_gone_is_logged(
    kind: str, gone: Any, act: Act, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {"type": "websocket.connect" if kind == "websocket" else "http.request"}
    run(SessionMiddlewareStack(Waiter.as_asgi(before=act)), connection(kind, "", [asked, gone]))
    (message,) = lost_changes(caplog)
    assert "ended before it was accepted or answered" in message


def test_a_visitor_who_has_gone_before_a_change_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connect(SessionMiddlewareStack(Waiter.as_asgi(before=read)), header({"a": 1}), GONE)
    assert lost_changes(caplog) == []


@BOTH
def test_a_consumer_that_fails_writes_nothing_and_is_not_logged(
    build: Any, visit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(consumer: Any) -> None:
        write(consumer)
        raise RuntimeError("of the application")

    with pytest.raises(RuntimeError, match="of the application"):
        visit(build(fail))
    assert lost_changes(caplog) == []


@pytest.mark.parametrize("catches", [True, False])
def test_a_socket_that_closes_while_it_is_accepted_is_logged_once(
    catches: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Careless(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
        async def connect(self) -> None:
            write(self)
            try:
                await self.accept()
            except OSError:
                if not catches:
                    raise
            raise StopConsumer

    async def receive() -> Any:
        return CONNECT

    async def send(message: Any) -> None:
        raise OSError("gone")

    async def connect_and_go() -> None:
        app = SessionMiddlewareStack(Careless.as_asgi())
        await app({"type": "websocket", "headers": []}, receive, send)

    if catches:
        asyncio.run(connect_and_go())
    else:
        with pytest.raises(OSError, match="gone"):
            asyncio.run(connect_and_go())
    assert lost_changes(caplog) == [
        f"the change to session {DJANGOS_NAME!r} is lost: its response could not be sent"
    ]


# --- a server that sends no headers with the accept ----------------------------------------------


@pytest.mark.parametrize(
    ("about", "sends"),
    [
        ({"asgi": DAPHNE}, False),
        ({"asgi": {"version": "3.0", "spec_version": "2.0"}}, False),
        ({"asgi": {"version": "3.0", "spec_version": "2.1"}}, True),
        ({"asgi": UVICORN}, True),
        ({}, True),
    ],
    ids=str,
)
def test_only_what_such_a_server_would_lose_is_told(
    about: dict[str, Any], sends: bool, caplog: pytest.LogCaptureFixture
) -> None:
    heard = connect(stack(write), **about)
    assert (DJANGOS_NAME in heard.cookies) is sends
    assert ["Daphne" in message for message in lost_changes(caplog)] == [True] * (not sends)


def test_there_saving_raises_before_the_accept_too(caplog: pytest.LogCaptureFixture) -> None:
    for act in (save, destroy, write_and_save):
        outcome = Outcome(act)
        connect(stack(outcome), header({"b": 2}), asgi=DAPHNE)
        (message,) = outcome
        for part in ("Daphne", "in an HTTP request", "uvicorn or hypercorn"):
            assert part in message
    assert lost_changes(caplog) == []


@pytest.mark.parametrize("act", [write, clear])
def test_there_a_change_after_the_accept_is_logged_once(
    act: Act, caplog: pytest.LogCaptureFixture
) -> None:
    heard = connect(stack(act, act), header({"b": 2}), asgi=DAPHNE)
    assert heard.kinds == ["websocket.accept", "websocket.close"]
    assert len(lost_changes(caplog)) == 1


def test_there_a_change_is_logged_though_the_consumer_fails_after_the_accept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("of the application")

    with pytest.raises(RuntimeError, match="of the application"):
        connect(stack(write, fail), asgi=DAPHNE)
    assert len(lost_changes(caplog)) == 1


def test_there_a_session_that_is_only_read_is_not_renewed_and_nothing_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = Reader()
    with override_settings(SESSION_SAVE_EVERY_REQUEST=True, **give(password=ROTATED)):
        heard = connect(stack(reader), header({"a": 1}, password=OLD), asgi=DAPHNE)
    assert (reader, heard.cookies, lost_changes(caplog)) == ([{"a": 1}], {}, [])


def test_there_a_refusal_is_told_as_one(caplog: pytest.LogCaptureFixture) -> None:
    connect(SessionMiddlewareStack(Denier.as_asgi(before=write)), asgi=DAPHNE)
    (message,) = lost_changes(caplog)
    assert "accept it first" in message


def test_there_a_session_by_hand_is_read_and_its_saving_raises() -> None:
    seen: list[Any] = []
    app = ByHand.as_asgi(options=make_options(), act=lambda session: seen.append(dict(session)))
    connect(app, saved({"a": 1}), asgi=DAPHNE)
    assert seen == [{"a": 1}]
    with pytest.raises(HeadersAlreadySentError, match="Daphne"):
        connect(ByHand.as_asgi(options=make_options(), act=save_by_hand), asgi=DAPHNE)


def test_there_an_answer_over_http_carries_the_cookie() -> None:
    assert list(get(page(write), asgi=DAPHNE).cookies) == [DJANGOS_NAME]


# --- Django within -------------------------------------------------------------------------------


def django_within(before: Act | None = None) -> Any:
    """Put the session around Django's pages, as the page on long polling of Channels does."""
    pages = get_asgi_application()

    async def act_first(scope: Any, receive: Any, send: Any) -> None:
        await do(before, type("It", (), {"scope": scope}))
        await pages(scope, receive, send)

    routes: list[Any] = [re_path("", act_first)]
    return SessionMiddlewareStack(URLRouter(routes))


def ask(action: str, value: Any = None) -> dict[str, Any]:
    """Ask a page of the contract's site to do something to the session."""
    return {"query_string": Call(action=action, value=value).query.encode()}


def test_a_page_of_django_s_within_writes_its_session() -> None:
    heard = get(django_within(read), header({"b": 2}), **ask("update", {"a": 1}))
    assert opened(heard.cookies[DJANGOS_NAME]) == {"a": 1, "b": 2}
    heard = get(django_within(read), header({"b": 2}), **ask("clear"))
    assert heard.cookies[DJANGOS_NAME].max_age == 0


def test_what_a_page_of_django_s_within_has_written_is_not_renewed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with override_settings(**give(password=ROTATED)):
        heard = get(django_within(read), header({"b": 2}, password=OLD), **ask("update", {"a": 1}))
    assert opened(heard.cookies[DJANGOS_NAME], {2: PASSWORD}) == {"a": 1, "b": 2}
    assert lost_changes(caplog) == []


def test_what_a_page_of_django_s_within_has_written_in_chunks_is_not_renewed_over() -> None:
    data = {"large": "x" * 5000}
    with override_settings(**give(chunk=True, password=ROTATED)):
        heard = get(django_within(read), header({"b": 2}, password=OLD), **ask("update", data))
    written = [one for one in heard.cookies.values() if one.value]
    seal = "".join(one.value for one in written)
    assert unseal_data(seal, password={2: PASSWORD}) == {"b": 2, **data}


def test_what_a_page_of_django_s_within_has_only_read_is_written_where_it_changed() -> None:
    heard = get(django_within(write), header({"b": 2}), **ask("read"))
    assert opened(heard.cookies[DJANGOS_NAME]) == {"a": 1, "b": 2}


@pytest.mark.parametrize("act", [write, save])
def test_of_two_changes_that_of_the_page_within_stands_and_the_other_is_logged(
    act: Act, caplog: pytest.LogCaptureFixture
) -> None:
    heard = get(django_within(act), header({"b": 2}), **ask("update", {"c": 3}))
    assert opened(heard.cookies[DJANGOS_NAME]) == {"b": 2, "c": 3}
    (message,) = lost_changes(caplog)
    assert "change the session there" in message


# --- synchronous consumers -----------------------------------------------------------------------


@pytest.mark.parametrize(("consumer", "visit"), [(SyncSocket, connect), (SyncPage, get)])
def test_synchronous_consumers_have_the_session_too(consumer: Any, visit: Any) -> None:
    reader = Reader()

    def count(it: Any) -> None:
        reader(it)
        it.scope["session"]["visits"] = it.scope["session"].get("visits", 0) + 1

    app = SessionMiddlewareStack(consumer.as_asgi(before=count))
    cookie = visit(app).cookies[DJANGOS_NAME]
    assert opened(visit(app, f"{DJANGOS_NAME}={cookie.value}").cookies[DJANGOS_NAME]) == {
        "visits": 2
    }
    assert reader == [{}, {"visits": 1}]


def test_a_synchronous_consumer_is_told_what_comes_too_late(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcome = Outcome(save)
    connect(SessionMiddlewareStack(SyncSocket.as_asgi(before=read, after=outcome)))
    assert len(outcome) == 1
    connect(SessionMiddlewareStack(SyncSocket.as_asgi(before=read, after=write)))
    assert len(lost_changes(caplog)) == 1


def test_a_synchronous_consumer_meets_a_session_that_does_not_fit() -> None:
    app = SyncSocket.as_asgi(before=grow)
    with pytest.raises(CookieTooLargeError):
        connect(SessionMiddlewareStack(app))


# --- users ---------------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path) -> Iterator[None]:
    """Have a database with one user in it."""
    with new_database(tmp_path):
        yield


class Names(list[str]):
    """Remembers the names of users; of nobody, an empty one."""

    def __call__(self, consumer: Any) -> None:
        self.append(consumer.scope["user"].get_username())


def users(consumer: Any, **acts: Any) -> Any:
    """Put Django's session and its user around a consumer."""
    return AuthMiddlewareStack(consumer.as_asgi(**acts))


def logged_in() -> str:
    """Give the Cookie header of a browser that has logged in on a page of Django's."""
    client: Any = Client()
    assert client.login(username=ADA, password=PASSWORD_OF_ADA)
    return "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())


def the_user() -> Any:
    """Give the user that there is."""
    from django.contrib.auth.models import User

    return User.objects.get(username=ADA)


CONSUMERS = pytest.mark.parametrize(
    ("consumer", "visit"),
    [(Socket, connect), (Page, get), (SyncSocket, connect), (SyncPage, get)],
)


@pytest.mark.usefixtures("database")
@CONSUMERS
def test_the_user_is_who_has_logged_in_on_a_page_of_django_s(consumer: Any, visit: Any) -> None:
    names = Names()
    heard = visit(users(consumer, before=names), logged_in())
    assert (names, heard.cookies, heard.headers("vary")) == ([ADA], {}, ["Cookie"])


@CONSUMERS
@pytest.mark.parametrize("cookie", ["", f"{DJANGOS_NAME}=junk"])
def test_without_a_session_the_user_is_nobody(consumer: Any, visit: Any, cookie: str) -> None:
    names = Names()
    visit(users(consumer, before=names), cookie)
    assert names == [""]


@pytest.mark.usefixtures("database")
@CONSUMERS
def test_the_user_is_found_in_chunks_and_by_another_name(consumer: Any, visit: Any) -> None:
    """Where Channels' own stack finds nobody."""
    names = Names()
    with override_settings(SESSION_COOKIE_NAME=NAME, **give(chunk=True)):
        data = unseal_data(logged_in().partition("=")[2], password=PASSWORD)
    cookie = saved({**data, "large": "x" * 5000}, cookie_name="ours", chunk=True)
    assert cookie.startswith("ours.0=")
    with override_settings(**give(cookie_name="ours", chunk=True)):
        visit(users(consumer, before=names), cookie)
    assert names == [ADA]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("consumer", "visit"), [(Socket, connect), (Page, get)])
def test_a_login_before_the_accept_or_the_answer_is_one_in_django_s_pages(
    consumer: Any, visit: Any
) -> None:
    async def log_in(it: Any) -> None:
        await channels_auth.login(it.scope, user)

    names, user = Names(), the_user()
    heard = visit(users(consumer, before=log_in), header({"cart": ["tea"]}))
    cookie = heard.cookies[DJANGOS_NAME]
    assert opened(cookie)["cart"] == ["tea"]
    client: Any = Client()
    client.cookies[DJANGOS_NAME] = cookie.value
    assert client.get("/who").json() == [ADA, ["tea"]]
    visit(users(consumer, before=names), f"{DJANGOS_NAME}={cookie.value}")
    assert names == [ADA]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("consumer", "visit"), [(Socket, connect), (Page, get)])
def test_a_login_as_another_user_leaves_nothing_of_the_first(consumer: Any, visit: Any) -> None:
    async def log_in(it: Any) -> None:
        it.scope["session"]["secret"] = 1
        await channels_auth.login(it.scope, other)

    other = create_user("bob", "another password")
    data = opened(visit(users(consumer, before=log_in), logged_in()).cookies[DJANGOS_NAME])
    assert data["_auth_user_id"] == str(other.pk)
    assert "secret" not in data


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("consumer", "visit"), [(Socket, connect), (Page, get)])
def test_a_logout_before_the_accept_or_the_answer_expires_the_cookie(
    consumer: Any, visit: Any
) -> None:
    names = Names()

    async def log_out(it: Any) -> None:
        await channels_auth.logout(it.scope)
        names(it)

    heard = visit(users(consumer, before=log_out), logged_in())
    assert heard.cookies[DJANGOS_NAME].max_age == 0
    assert names == [""]


@pytest.mark.usefixtures("database")
def test_a_login_after_the_accept_raises_and_a_logout_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors: list[Exception] = []
    user = the_user()

    async def log_in(it: Any) -> None:
        try:
            await channels_auth.login(it.scope, user)
        except HeadersAlreadySentError as error:
            errors.append(error)

    async def log_out(it: Any) -> None:
        await channels_auth.logout(it.scope)

    connect(users(Socket, after=log_in))
    assert len(errors) == 1
    assert lost_changes(caplog) == []
    connect(users(Socket, after=log_out), logged_in())
    assert len(lost_changes(caplog)) == 1


@pytest.mark.usefixtures("database")
def test_a_session_from_before_a_change_of_the_password_is_over() -> None:
    names, cookie, user = Names(), logged_in(), the_user()
    user.set_password("a new one")
    user.save()
    heard = connect(users(Socket, before=names), cookie)
    assert names == [""]
    assert heard.cookies[DJANGOS_NAME].max_age == 0


# --- what an error tracker finds ---------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("times", [1, 2], ids=["alone", "within another"])
def test_the_frames_of_an_error_show_nothing_of_the_session(
    build: Any, visit: Any, times: int
) -> None:
    secret = {"secret": frames.MARKER}
    with override_settings(**give(password=frames.PASSWORD)):
        app = build(grow)
        for _ in range(times - 1):
            app = SessionMiddlewareStack(app)
        with pytest.raises(CookieTooLargeError) as caught:
            visit(app, header(secret, password=frames.PASSWORD))
    assert frames.our_frames(caught.value)
    assert frames.leaks_of(caught.value) == []


@pytest.mark.parametrize("about", [{}, {"asgi": DAPHNE}], ids=["too late", "Daphne"])
def test_the_frames_of_a_save_that_reaches_nobody_show_nothing_either(about: Any) -> None:
    def save_secret(consumer: Any) -> None:
        consumer.scope["session"]["secret"] = frames.MARKER
        save(consumer)

    with (
        override_settings(**give(password=frames.PASSWORD)),
        pytest.raises(HeadersAlreadySentError) as caught,
    ):
        connect(stack(after=save_secret), **about)
    assert frames.leaks_of(caught.value) == []


# --- the clock -----------------------------------------------------------------------------------


@BOTH
def test_a_session_that_is_read_is_renewed_when_it_is_due(
    build: Any, visit: Any, clock: Clock
) -> None:
    with override_settings(**give(renew_after=timedelta(days=1))):
        cookie = visit(build(write)).cookies[DJANGOS_NAME]
        back = f"{DJANGOS_NAME}={cookie.value}"
        assert visit(build(read), back).cookies == {}
        clock.advance(24 * 3600)
        assert list(visit(build(read), back).cookies) == [DJANGOS_NAME]


@BOTH
def test_a_session_that_is_due_waits_for_a_page_where_the_browser_names_the_kind_of_request(
    build: Any, visit: Any, clock: Clock
) -> None:
    """A handshake runs beside other requests: its renewal would undo what those write."""
    with override_settings(**give(renew_after=timedelta(days=1))):
        cookie = visit(build(write)).cookies[DJANGOS_NAME]
        clock.advance(24 * 3600)
        heard = visit(
            build(read), f"{DJANGOS_NAME}={cookie.value}", more=(b"sec-fetch-mode", b"websocket")
        )
    assert heard.cookies == {}
