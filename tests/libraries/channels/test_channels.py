"""Django Channels: its own communicators, and real servers with a real client of WebSockets."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from iron_session import unseal_data
from tests.libraries.channels.names import ADA, COOKIE, PASSWORD
from tests.libraries.channels.servers import COMMANDS, WAIT, Server, Visitor, serving
from tests.sessions.browser import ReceivedCookie, saved

NOBODY = ["", 0]


# --- in process, by Channels' own communicators --------------------------------------------------


def communicate(talk: Callable[[Any], Awaitable[None]]) -> None:
    """Have a coroutine talk to the site, in an event loop of its own."""
    from tests.libraries.channels.site import application

    asyncio.run(talk(application))


def cookies_in(headers: list[tuple[bytes, bytes]]) -> dict[str, ReceivedCookie]:
    """Read the cookies that an answer sets."""
    values = [value.decode() for name, value in headers if name == b"set-cookie"]
    return {cookie.name: cookie for cookie in map(ReceivedCookie.parse, values)}


def header(data: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """Give the headers of a browser that holds a session."""
    cookie = saved(data, cookie_name=COOKIE, chunk=True)
    return [(b"origin", b"http://127.0.0.1"), (b"cookie", cookie.encode())]


@pytest.mark.parametrize("path", ["/socket", "/sync"])
def test_a_websocket_communicator_is_sent_the_cookie_with_the_accept(path: str) -> None:
    from channels.testing import WebsocketCommunicator

    async def talk(application: Any) -> None:
        communicator = WebsocketCommunicator(application, f"{path}?act=count", header({"count": 4}))
        assert await communicator.connect(WAIT) == (True, None)
        assert await communicator.receive_json_from(WAIT) == ["", 5]
        cookie = cookies_in(communicator.response_headers)[COOKIE]
        assert unseal_data(cookie.value, password=PASSWORD) == {"count": 5}
        assert "Secure" in cookie.attributes
        await communicator.disconnect(timeout=WAIT)

    communicate(talk)


def test_an_http_communicator_is_sent_the_cookie_with_the_answer() -> None:
    from channels.testing import HttpCommunicator

    async def talk(application: Any) -> None:
        communicator = HttpCommunicator(
            application, "GET", "/consumer?act=count&late=count_and_save", headers=header({})
        )
        answer = await communicator.get_response(WAIT)
        assert answer["body"].splitlines() == [b'["", 1]', b"HeadersAlreadySentError"]
        cookie = cookies_in(answer["headers"])[COOKIE]
        assert "Secure" in cookie.attributes

    communicate(talk)


# --- over real servers ---------------------------------------------------------------------------


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Serve the site by each server in turn."""
    with serving(request.param) as server:
        yield server


@pytest.fixture
def visitor(server: Server) -> Visitor:
    """Come to the site for the first time."""
    return Visitor(server.port)


def ask(visitor: Visitor, target: str) -> list[Any]:
    """Open a WebSocket, and return what it says of both acts."""
    with visitor.open(target) as websocket:
        return [read(websocket.recv(WAIT)) for _ in range(2)]


def read(text: str) -> Any:
    """Read what a consumer says: who this is, or the name of an error."""
    return json.loads(text) if text.startswith("[") else text


SOCKETS = pytest.mark.parametrize("path", ["/socket", "/sync"])


@SOCKETS
def test_a_websocket_knows_who_has_logged_in_on_a_page(visitor: Visitor, path: str) -> None:
    assert ask(visitor, path) == [NOBODY, NOBODY]
    visitor.get("/log-in")
    assert list(visitor.cookies) == [COOKIE]
    assert ask(visitor, path) == [[ADA, 0], [ADA, 0]]
    assert visitor.attributes == {}
    visitor.get("/log-out")
    assert ask(visitor, path) == [NOBODY, NOBODY]


@SOCKETS
def test_a_websocket_knows_who_comes_with_chunks(visitor: Visitor, path: str) -> None:
    """As many as uvicorn takes: by default it refuses a field of more than 8 kB in a handshake."""
    visitor.get("/log-in?large=3500")
    assert sorted(visitor.cookies) == [f"{COOKIE}.0", f"{COOKIE}.1"]
    assert ask(visitor, path)[0] == [ADA, 0]


def test_a_websocket_with_junk_is_nobody_s(visitor: Visitor) -> None:
    visitor.cookies[COOKIE] = "junk"
    assert ask(visitor, "/socket") == [NOBODY, NOBODY]


@SOCKETS
def test_saving_after_the_accept_raises(visitor: Visitor, path: str) -> None:
    visitor.get("/log-in")
    assert ask(visitor, f"{path}?late=count_and_save") == [[ADA, 0], "HeadersAlreadySentError"]
    assert visitor.get("/who") == f'["{ADA}", 0]'


def test_a_login_after_the_accept_raises(visitor: Visitor) -> None:
    assert ask(visitor, "/socket?late=log_in") == [NOBODY, "HeadersAlreadySentError"]


def test_a_message_of_the_channel_layer_reads_and_can_t_save(visitor: Visitor) -> None:
    visitor.get("/log-in")
    with visitor.open("/socket?late=count_and_save") as websocket:
        websocket.recv(WAIT)
        websocket.recv(WAIT)
        websocket.send("again")
        assert websocket.recv(WAIT) == "HeadersAlreadySentError"


def test_a_consumer_of_requests_writes_the_session(visitor: Visitor) -> None:
    assert visitor.get("/consumer?act=log_in&late=count_and_save").splitlines() == [
        f'["{ADA}", 0]',
        "HeadersAlreadySentError",
    ]
    assert visitor.attributes[COOKIE] == {
        "Max-Age": "1209540",
        "Path": "/",
        "HttpOnly": None,
        "Secure": None,
        "SameSite": "Lax",
    }
    assert visitor.get("/who") == f'["{ADA}", 0]'
    assert visitor.get("/consumer?act=logout").splitlines()[0] == '["", 0]'
    assert visitor.cookies == {}


def test_pages_within_a_stack_log_in_and_out(visitor: Visitor) -> None:
    assert visitor.get("/within/log-in") == f'["{ADA}", 0]'
    assert visitor.get("/within/who") == f'["{ADA}", 0]'
    assert ask(visitor, "/socket")[0] == [ADA, 0]
    visitor.get("/within/log-out")
    assert visitor.cookies == {}


SENDS = pytest.mark.parametrize("server", ["uvicorn", "hypercorn"], indirect=True)
DAPHNE = pytest.mark.parametrize("server", ["daphne"], indirect=True)


@SENDS
@SOCKETS
def test_what_is_written_before_the_accept_goes_out_with_the_handshake(
    visitor: Visitor, path: str
) -> None:
    assert ask(visitor, f"{path}?act=log_in") == [[ADA, 0], [ADA, 0]]
    assert "Secure" in visitor.attributes[COOKIE]
    assert ask(visitor, f"{path}?act=count") == [[ADA, 1], [ADA, 1]]
    assert ask(visitor, f"{path}?act=count_and_save") == [[ADA, 2], [ADA, 2]]
    assert visitor.get("/who") == f'["{ADA}", 2]'
    assert ask(visitor, f"{path}?act=logout") == [NOBODY, NOBODY]
    assert visitor.cookies == {}


@SENDS
def test_a_change_after_the_accept_is_logged(server: Server, visitor: Visitor) -> None:
    assert ask(visitor, "/socket?late=count") == [NOBODY, ["", 1]]
    server.wait_for_loss("after the response's headers were sent")
    assert visitor.cookies == {}


def test_a_change_before_a_refusal_is_logged(server: Server, visitor: Visitor) -> None:
    with pytest.raises(InvalidStatus) as caught, visitor.open("/refusal?act=count"):
        pass
    assert caught.value.response.status_code == 403
    server.wait_for_loss("the WebSocket was refused")


@DAPHNE
@SOCKETS
def test_daphne_sends_no_cookie_with_the_accept_and_the_log_says_so(
    server: Server, visitor: Visitor, path: str
) -> None:
    assert ask(visitor, f"{path}?act=count") == [["", 1], ["", 1]]
    assert visitor.attributes == {}
    server.wait_for_loss("like Daphne, sends no headers")


@DAPHNE
@SOCKETS
def test_on_daphne_saving_raises_before_the_accept_too(visitor: Visitor, path: str) -> None:
    assert ask(visitor, f"{path}?act=count_and_save")[0] == "HeadersAlreadySentError"
    assert ask(visitor, f"{path}?act=log_in")[0] == "HeadersAlreadySentError"
