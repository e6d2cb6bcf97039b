"""Socket.IO, mounted: who connects is read from our session, by either transport."""

import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import socketio
from socketio.exceptions import ConnectionError as Refused
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.helpers.waiting import WAIT
from tests.libraries.starlette.serving import plain_options, serve
from tests.sessions.browser import NAME

LOST = "the change to session 'myapp' is lost"


def make_app() -> Starlette:
    server = socketio.AsyncServer(async_mode="asgi")

    @server.event
    async def connect(sid: str, environ: dict[str, object], auth: object) -> None:
        user = environ["asgi.scope"]["session"].get("user")
        if user is None:
            raise socketio.exceptions.ConnectionRefusedError("log in first")
        await server.save_session(sid, {"user": user})

    @server.event
    async def who(sid: str) -> str:
        return str((await server.get_session(sid))["user"])

    @server.event
    async def write(sid: str) -> str:
        server.get_environ(sid)["asgi.scope"]["session"]["late"] = True
        return "written"

    def log_in(request: Request) -> JSONResponse:
        request.session["user"] = request.path_params["user"]
        return JSONResponse(None)

    return Starlette(
        routes=[
            Route("/login/{user}", log_in),
            Mount("/live", socketio.ASGIApp(server, socketio_path="/live/socket.io")),
        ],
        middleware=[Middleware(IronSessionMiddleware, options=plain_options())],
    )


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve(make_app()) as address:
        yield address


def log_in(address: str, user: str) -> str:
    return httpx.get(f"{address}/login/{user}", timeout=WAIT).cookies[NAME]


def connect(address: str, cookie: str) -> socketio.SimpleClient:
    client = socketio.SimpleClient()
    headers = {"Cookie": f"{NAME}={cookie}"}
    path = "/live/socket.io"
    client.connect(address, headers=headers, socketio_path=path, transports=["websocket"])
    return client


def test_who_connects_by_websocket_is_read_from_the_session(address: str) -> None:
    clients = [connect(address, log_in(address, user)) for user in ("ann", "bob")]
    assert [client.call("who") for client in clients] == ["ann", "bob"]
    for client in clients:
        client.disconnect()


def test_a_stranger_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        connect(address, "garbage")


@pytest.mark.parametrize("user", ["ann", "bob"])
def test_who_connects_by_polling_is_read_from_the_session(
    address: str, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    """When the connection's answer has gone long ago, which says nothing of the session."""
    cookie = {"Cookie": f"{NAME}={log_in(address, user)}"}
    params = {"EIO": "4", "transport": "polling"}
    url = f"{address}/live/socket.io/"
    with httpx.Client(timeout=WAIT, headers=cookie, params=params) as client:
        params["sid"] = json.loads(client.get(url).text.removeprefix("0"))["sid"]
        client.params = params
        client.post(url, content="40")
        assert client.get(url).text.startswith("40{")
        client.post(url, content='421["who"]')
        assert client.get(url).text == f'431["{user}"]'
        client.post(url, content="41")
    assert [record for record in caplog.records if record.name == "iron_session"] == []


def test_what_an_event_writes_reaches_no_browser_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "iron_session"), serve(make_app()) as address:
        client = connect(address, log_in(address, "ann"))
        assert client.call("write") == "written"
        client.disconnect()
    assert [LOST in record.getMessage() for record in caplog.records] == [True]
