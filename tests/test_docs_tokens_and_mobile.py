"""The page on tokens: its two applications are served, and an app without cookies uses them."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from iron_session import CookieJar, SessionOptions, seal_data, unseal_data
from iron_session.revocation import MemoryStore, Revocations
from iron_session.testing import frozen_clock
from tests.contract.server import serve_asgi, serve_wsgi
from tests.helpers.pages import read_page, run_page
from tests.helpers.waiting import WAIT
from tests.interop.node import run_script

PAGE = read_page("docs/how-to/tokens-and-mobile.md")
PASSWORD = "the password of the page on tokens, 42 long"
ADA = {"name": "ada", "password": "correct horse"}
SERVED: dict[str, Any] = {
    "FastAPI": lambda names: serve_asgi(names["app"]),
    "WSGI": lambda names: serve_wsgi(names["application"]),
}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """All Python of the page."""
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    return run_page(PAGE, "tokens_page")


class App:
    """A mobile app: it keeps no cookies, and does with tokens what the page says."""

    def __init__(self, client: httpx.Client, token: str = "") -> None:
        self._client = client
        self.token = token

    def request(self, method: str, path: str, json: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = self._client.request(method, path, json=json, headers=headers)
        assert "set-cookie" not in answer.headers
        if "session-token" in answer.headers:
            self.token = answer.headers["session-token"]
            assert answer.headers["cache-control"] == "no-store"
        return answer


@pytest.fixture(params=SERVED)
def client(request: pytest.FixtureRequest, page: dict[str, Any]) -> Iterator[httpx.Client]:
    """Serve the application, and open a client for it."""
    with (
        SERVED[request.param](page) as address,
        httpx.Client(base_url=f"http://{address}", timeout=WAIT, trust_env=False) as client,
    ):
        yield client


def test_an_app_logs_in_comes_back_and_logs_out(client: httpx.Client) -> None:
    app = App(client)
    assert app.request("GET", "/me").status_code == 401
    assert app.request("POST", "/login", ADA).json() == {"user": "ada"}
    first = app.token
    assert first.startswith("Fe26.2*")
    assert app.request("GET", "/me").json() == {"user": "ada"}
    assert app.token not in ("", first)  # with the whole ttl again
    assert app.request("POST", "/logout").status_code == 200
    assert app.token == ""
    assert app.request("GET", "/me").status_code == 401


def test_a_wrong_password_gives_no_token(client: httpx.Client) -> None:
    app = App(client)
    assert app.request("POST", "/login", ADA | {"password": "wrong"}).status_code == 401
    assert app.token == ""


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer junk", "Basic YTpi", "junk"])
def test_any_other_header_is_no_session(client: httpx.Client, header: str) -> None:
    answer = client.get("/me", headers={"Authorization": header})
    assert answer.status_code == 401
    assert "session-token" not in answer.headers


def test_the_cookie_of_a_browser_does_not_open_these_routes(client: httpx.Client) -> None:
    """So no other site can forge a request to them."""
    app = App(client)
    app.request("POST", "/login", ADA)
    assert client.get("/me", headers={"Cookie": f"myapp={app.token}"}).status_code == 401
    assert client.get("/me", headers={"Authorization": f"bearer {app.token}"}).is_success


def test_a_token_that_expired_needs_a_new_login(client: httpx.Client) -> None:
    with frozen_clock() as clock:
        app = App(client)
        app.request("POST", "/login", ADA)
        clock.tick(29 * 24 * 3600)
        assert app.request("GET", "/me").is_success
        clock.tick(29 * 24 * 3600)
        assert app.request("GET", "/me").is_success  # renewed by the request before
        clock.tick(31 * 24 * 3600)
        assert app.request("GET", "/me").status_code == 401


@pytest.mark.parametrize("title", SERVED)
def test_a_logout_and_an_ending_end_all_copies_of_the_token(
    title: str, page: dict[str, Any]
) -> None:
    with closing(Revocations(MemoryStore(), namespace="apps")) as revocations:
        page["options"] = SessionOptions(
            password=PASSWORD,
            cookie_name="myapp",
            max_lifetime=3600,
            ttl=600,
            revocations=revocations,
        )
        with (
            SERVED[title](page) as address,
            httpx.Client(base_url=f"http://{address}", timeout=WAIT, trust_env=False) as client,
        ):
            phone, tablet = App(client), App(client)
            for app in (phone, tablet):
                assert app.request("POST", "/login", ADA).is_success
            copy = App(client, phone.token)
            phone.request("POST", "/logout")
            assert copy.request("GET", "/me").status_code == 401
            assert tablet.request("GET", "/me").is_success
            revocations.end_user("ada")
            assert tablet.request("GET", "/me").status_code == 401


def test_the_jar_is_a_cookie_jar(page: dict[str, Any]) -> None:
    """It is what `get_iron_session` asks for."""
    jar: CookieJar = page["BearerJar"](None, {})
    assert jar.read("myapp") == []


def test_node_opens_the_token(page: dict[str, Any], tmp_path: Any) -> None:
    headers: dict[str, str] = {}
    session = page["get_iron_session"](page["BearerJar"](None, headers), page["options"])
    session["theme"] = "dark"
    session.save()
    (tmp_path / "main.mjs").write_text(
        'import { unsealData } from "iron-session";\n'
        "const { SESSION_PASSWORD: password, TOKEN } = process.env;\n"
        "console.log(JSON.stringify(await unsealData(TOKEN, { password })));\n"
    )
    printed = run_script(
        tmp_path, "main.mjs", SESSION_PASSWORD=PASSWORD, TOKEN=headers["Session-Token"]
    )
    assert printed == '{"theme":"dark"}\n'


def test_a_token_names_its_user_until_it_expires(page: dict[str, Any]) -> None:
    make_token, user_of = page["make_token"], page["user_of"]
    with frozen_clock() as clock:
        token = make_token("7")
        assert user_of(f"Bearer {token}") == user_of(f"bearer  {token}") == "7"
        clock.tick(3600 + 61)
        assert user_of(f"Bearer {token}") is None


def test_a_token_is_no_session_and_a_session_no_token(page: dict[str, Any]) -> None:
    user_of, token = page["user_of"], page["make_token"]("7")
    for other in (None, "", token, "Bearer", "Bearer junk", f"Basic {token}"):
        assert user_of(other) is None
    jar = page["BearerJar"](f"Bearer {token}", {})
    assert page["get_iron_session"](jar, page["options"]) == {}
    session = seal_data({"user": "7"}, password=PASSWORD)
    assert unseal_data(session, password=PASSWORD) == {"user": "7"}
    assert user_of(f"Bearer {session}") is None
