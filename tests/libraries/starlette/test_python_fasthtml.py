"""FastHTML: a login, its guard, toasts and a WebSocket, by either line that installs our session.

`add_middleware` is not one of them: FastHTML's own session stands within. Its sites run in
processes of their own, for it changes how every application of Starlette in a process routes.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.helpers.waiting import WAIT
from tests.libraries.starlette.serving import run_site
from tests.sessions.browser import NAME, session_of


@pytest.fixture(scope="module", params=["by_fast_app", "by_constructor"])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    log = tmp_path_factory.mktemp("fasthtml") / "log"
    with run_site("fasthtml_site", log, request.param) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(timeout=WAIT, base_url=address, follow_redirects=True) as client:
        yield client


def test_a_visitor_logs_in_is_counted_and_logs_out(client: httpx.Client) -> None:
    assert "who are you?" in client.get("/").text
    first = client.post("/login", data={"user": "ann"})
    assert "ann, visit 1" in first.text
    assert "a toast to you" in first.text
    second = client.get("/")
    assert "ann, visit 2" in second.text
    assert "a toast to you" not in second.text
    assert list(client.cookies) == [NAME]
    stored = session_of(f"{NAME}={client.cookies[NAME]}")
    assert (stored["auth"], stored["visits"]) == ("ann", 2)

    assert "who are you?" in client.get("/logout").text
    assert list(client.cookies) == []
    assert "who are you?" in client.get("/").text


def test_a_websocket_reads_the_session(client: httpx.Client, address: str) -> None:
    client.post("/login", data={"user": "ann"})
    cookie = {"Cookie": f"{NAME}={client.cookies[NAME]}"}
    with connect(address.replace("http", "ws") + "/ws", additional_headers=cookie) as websocket:
        websocket.send('{"msg": "hello", "HEADERS": {}}')
        assert "ann: hello" in str(websocket.recv())


def test_a_session_around_its_own_is_told_of_in_the_log(tmp_path: Path) -> None:
    """With `add_middleware`, the views have FastHTML's session, which anybody can read."""
    log = tmp_path / "log"
    with (
        run_site("fasthtml_site", log, "by_add_middleware") as address,
        httpx.Client(timeout=WAIT, base_url=address, follow_redirects=True) as client,
    ):
        assert "ann, visit 1" in client.post("/login", data={"user": "ann"}).text
        assert list(client.cookies) == ["session_"]
    (line,) = log.read_text().splitlines()
    assert "starlette.middleware.sessions.SessionMiddleware" in line
    assert f"'{NAME}'" in line
