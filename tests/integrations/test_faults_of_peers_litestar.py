"""What Litestar's own cookie sessions get wrong, each as a test that it is right with ours."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from litestar import Litestar, Request, WebSocket, get, websocket

from iron_session import CookieTooLargeError, Session, SessionOptions
from iron_session.integrations.litestar import IronSessionConfig, get_session
from tests.contract.asgi_driver import connect
from tests.contract.asgi_driver import request as send
from tests.contract.door import Answer, Visit
from tests.sessions.browser import NAME, make_options, saved, session_of

AnyRequest = Request[Any, Any, Any]
AnySocket = WebSocket[Any, Any, Any]


@get("/")
async def show(request: AnyRequest) -> dict[str, Any]:
    """Answer what is in the session."""
    return dict(request.session)


@get("/fill")
async def fill(request: AnyRequest) -> None:
    """Put this much into the session."""
    request.session["large"] = "x" * int(request.query_params["size"])


@get("/alone")
async def leave_alone() -> str:
    """Answer without a session."""
    return "text"


@websocket("/ws")
async def accept(socket: AnySocket) -> None:
    """Write into the session before the handshake."""
    socket.session["a"] = 1
    await socket.accept()
    await socket.close()


def make_app(options: SessionOptions | None = None) -> Litestar:
    config = IronSessionConfig(options or make_options())
    handlers = [show, fill, leave_alone, accept]
    return Litestar(handlers, middleware=[config.middleware], logging_config=None)


def visit(app: Any, *cookie_fields: str, path: str = "/") -> Answer:
    """Send a request with these Cookie headers, as they stand."""
    headers = [("cookie", field) for field in cookie_fields]
    return asyncio.run(send(app, Visit(target=path, headers=headers)))


READING = make_app()


def forge(associated: str) -> str:
    """Write what Litestar takes apart before it has authenticated any of it."""
    return b64encode(bytes(12) + b"additional_authenticated_data=" + associated.encode()).decode()


@pytest.mark.parametrize(
    "forged",
    [forge("junk"), forge("{}"), forge("[]"), forge('{"expires_at":null}'), "AAAA", "é", "null"],
)
def test_a_forged_cookie_is_no_500(forged: str) -> None:
    """Litestar fails on an expiration that is none; anybody can write one."""
    answer = visit(READING, f"{NAME}={forged}")
    assert (answer.status, answer.json) == (200, {})


def test_a_forged_chunk_is_no_500_either() -> None:
    answer = visit(make_app(make_options(chunk=True)), f"{NAME}.0=AAAA; {NAME}.1=x")
    assert (answer.status, answer.json) == (200, {})


def test_chunks_are_put_together_by_number() -> None:
    """Litestar sorts `session-10` before `session-2`."""
    app = make_app(make_options(chunk=True))
    chunks = saved({"large": "x" * 10000}, chunk=True).split("; ")
    assert len(chunks) == 4
    for order in (chunks, chunks[::-1], sorted(chunks, key=len)):
        assert visit(app, "; ".join(order)).json == {"large": "x" * 10000}


@pytest.mark.parametrize("chunk", [False, True])
def test_what_no_browser_keeps_is_an_error_and_not_an_empty_session(chunk: bool) -> None:
    """Litestar sends 40 kB in fourteen cookies, and can't read them back."""
    told: list[Exception] = []

    async def note(error: Exception, _: object) -> None:
        told.append(error)

    app = make_app(make_options(chunk=chunk))
    app.after_exception.append(note)
    answer = visit(app, path="/fill?size=40000")
    assert (answer.status, answer.cookies) == (500, {})
    assert [type(error) for error in told] == [CookieTooLargeError]


def test_what_browsers_keep_comes_back() -> None:
    app = make_app(make_options(chunk=True))
    cookies = visit(app, path="/fill?size=9000").cookies
    header = "; ".join(f"{name}={cookie.value}" for name, cookie in cookies.items())
    assert visit(app, header).json == {"large": "x" * 9000}


def test_the_cookie_is_written_only_when_the_session_changed() -> None:
    """Litestar sets it on every response, and so makes all of them private."""
    header = saved({"a": 1})
    assert visit(READING, header).cookies == {}
    alone = visit(READING, header, path="/alone")
    assert not {"set-cookie", "vary", "cache-control"} & {name for name, _ in alone.headers}


def test_a_cookie_of_no_session_is_not_expired_again_and_again() -> None:
    """Litestar sets `null` for whatever has the session's name, or its name and a number."""
    assert visit(READING, f"{NAME}=null; {NAME}-1=x").cookies == {}


def test_a_response_that_depends_on_the_session_says_so() -> None:
    """Litestar's has no Vary, and no Cache-Control beside its cookie."""
    assert visit(READING).vary == "Cookie"
    written = visit(READING, path="/fill?size=10")
    assert (written.vary, written.cache_control) == ("Cookie", "no-store")


@pytest.mark.parametrize("first", [True, False])
def test_all_cookie_fields_are_looked_at(first: bool) -> None:
    """HTTP/2 splits them, and Litestar reads one only."""
    fields = [saved({"a": 1}), "theme=dark; lang=de"]
    assert visit(READING, *(fields if first else reversed(fields))).json == {"a": 1}


@pytest.mark.parametrize("first", [True, False])
def test_a_cookie_tossed_in_by_a_sibling_does_not_shadow_the_real_one(first: bool) -> None:
    """Of two of one name Litestar takes the last."""
    pairs = [f"{NAME}=tossed", saved({"a": 1})]
    assert visit(READING, "; ".join(pairs if first else pairs[::-1])).json == {"a": 1}


def test_the_handshake_of_a_websocket_sets_the_cookie() -> None:
    """Litestar writes it into HTTP responses only."""
    handshake = asyncio.run(connect(READING, Visit(target="/ws", headers=[])))
    assert handshake.accepted
    assert dict(session_of(f"{NAME}={handshake.cookies[NAME].value}")) == {"a": 1}


def test_a_destroyed_session_is_expired_with_the_attributes_that_it_was_set_with() -> None:
    """Litestar's has a value, `null`, and no Max-Age: it ends by the visitor's own clock."""

    @get("/out")
    async def log_out(request: AnyRequest) -> None:
        session: Session = get_session(request)
        session.destroy()

    options = make_options(cookie_options={"domain": "example.com", "partitioned": True})
    config = IronSessionConfig(options)
    app = Litestar([log_out], middleware=[config.middleware], logging_config=None)
    cookie = visit(app, saved({"a": 1}), path="/out").cookies[NAME]
    assert (cookie.value, cookie.max_age) == ("", 0)
    assert cookie.attributes["Domain"] == "example.com"
    assert {"Secure", "HttpOnly", "Partitioned"} <= cookie.attributes.keys()
