"""NiceGUI finds by our session whose storage is whose, in a page and in its socket's events."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from socketio import SimpleClient

from tests.helpers.waiting import WAIT
from tests.libraries.starlette.serving import PATIENCE, run_site
from tests.sessions.browser import NAME, session_of


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("nicegui")
    storage = {"NICEGUI_STORAGE_PATH": str(folder / "storage")}
    with run_site("nicegui_site", folder / "log", **storage) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(timeout=WAIT, base_url=address) as client:
        yield client


def click(client: httpx.Client, page: str) -> str:
    """Click the page's only button as NiceGUI's script does, and return what changes then."""
    (client_id,) = re.findall(r"'client_id': '([\w-]+)'", page)
    (elements,) = re.findall(r"String\.raw`(.*?)`", page)
    (button,) = [
        (int(number), element)
        for number, element in json.loads(elements).items()
        if element["tag"] == "q-btn"
    ]
    query = (
        f"client_id={client_id}&implicit_handshake=true&tab_id=t&document_id=d&next_message_id=0"
    )
    event = {
        "id": button[0],
        "client_id": client_id,
        "listener_id": button[1]["events"][0]["listener_id"],
        "args": [],
    }
    with SimpleClient() as events:
        events.connect(
            f"{client.base_url}?{query}",
            headers={"Cookie": f"{NAME}={client.cookies[NAME]}"},
            socketio_path="/_nicegui_ws/socket.io",
            transports=["websocket"],
        )
        events.emit("event", event)
        name: Any = None
        while name != "update":
            name, *values = events.receive(timeout=PATIENCE)
    return json.dumps(values)


def test_each_browser_has_a_storage_of_its_own(client: httpx.Client, address: str) -> None:
    assert "1 visits, 0 likes" in client.get("/").text
    stored = dict(session_of(f"{NAME}={client.cookies[NAME]}"))
    assert list(stored) == ["id"]
    again = client.get("/")
    assert "2 visits, 0 likes" in again.text
    assert "set-cookie" not in again.headers
    assert "1 visits" in httpx.get(address, timeout=WAIT).text


def test_an_event_writes_to_the_storage_of_its_visitor(client: httpx.Client, address: str) -> None:
    page = client.get("/").text
    assert "1 likes" in click(client, page)
    assert "2 likes" in click(client, client.get("/").text)
    assert "3 visits, 2 likes" in client.get("/").text
    assert "1 visits, 0 likes" in httpx.get(address, timeout=WAIT).text
