"""The page on CSRF: its code is run from top to bottom, and does what is said around it."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

import flask
import pytest
from litestar.testing import TestClient as LitestarClient
from sanic import Sanic
from starlette.testclient import TestClient

from iron_session.csrf import CsrfOptions, CsrfReason
from tests.contract.server import serve_asgi
from tests.helpers.chromium import OpenChromium
from tests.helpers.pages import blocks, read_page, run_page

PAGE = read_page("docs/how-to/csrf.md")
BASE = "https://testserver.local"
CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """All Python of the page."""
    monkeypatch.setenv("SESSION_PASSWORD", "the password of the page on CSRF, 43 long")
    names = run_page(PAGE, "csrf_page")
    yield names
    Sanic.unregister_app(names["sanic_app"])


def test_the_form_is_taken_with_its_token_only(page: dict[str, Any]) -> None:
    client = TestClient(page["app"], base_url=BASE, follow_redirects=False)
    (token,) = re.findall(r'name="csrf_token" value="([\w-]+)"', client.get("/").text)
    form = {"csrf_token": token}
    assert client.post("/pay", headers=OWN, data=form).status_code == 303
    assert client.post("/pay", headers=OWN).status_code == 403
    assert client.post("/pay", headers=CROSS, data=form).status_code == 403


@pytest.mark.parametrize("name", ["api", "careful"])
def test_the_header_is_asked_for(page: dict[str, Any], name: str) -> None:
    client = TestClient(page[name], base_url=BASE)
    token = client.get("/csrf").json()["token"]
    assert client.post("/pay", headers={"X-CSRF-Token": token}).json() == {"paid": True}
    assert client.post("/pay").status_code == 403
    assert client.post("/pay", headers={"X-CSRF-Token": token, **CROSS}).status_code == 403


def test_a_single_route_asks_for_it_alone(page: dict[str, Any]) -> None:
    client = TestClient(page["careful"], base_url=BASE)
    assert client.post("/like").json() == {"paid": True}
    assert client.post("/like", headers=CROSS).status_code == 403


def test_the_pages_javascript_sends_what_the_pages_python_asks_for(
    page: dict[str, Any], open_chromium: OpenChromium, tmp_path: Path
) -> None:
    (script,) = blocks("js", PAGE)
    code = (
        f"const done = arguments[0]; (async () => {{ {script} return answer.json(); }})()"
        ".then(done, (error) => done(String(error)));"
    )
    with serve_asgi(page["api"]) as address, open_chromium(tmp_path / "profile") as driver:
        driver.get(f"http://{address}/csrf")
        assert driver.execute_async_script(code) == {"paid": True}


def test_the_other_frameworks_lines_install_it(page: dict[str, Any]) -> None:
    (check,) = page["aiohttp_app"].middlewares
    assert check.__module__ == "iron_session.integrations.aiohttp.csrf"
    (check,) = page["sanic_app"].request_middleware
    assert check.func.__module__ == "iron_session.integrations.sanic.csrf"
    with LitestarClient(page["litestar_app"], base_url=BASE) as client:
        assert client.get("/").status_code == 404


def rows() -> list[list[str]]:
    """Give the cells of all rows of the page's tables."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_quart_is_protected_by_its_line(page: dict[str, Any]) -> None:
    quart_app = page["quart_app"]

    async def pay() -> str:
        return "paid"

    quart_app.add_url_rule("/", view_func=pay, methods=["POST"])
    client = TestClient(quart_app, base_url=BASE)
    assert client.post("/", headers=OWN).text == "paid"
    assert client.post("/", headers=CROSS).status_code == 403


def test_flask_is_protected_by_the_token_in_a_form_or_a_header(page: dict[str, Any]) -> None:
    flask_app = page["flask_app"]

    def show() -> str:
        text: str = flask.render_template_string("{{ csrf_token() }}")
        return text

    flask_app.add_url_rule("/", view_func=show)
    flask_app.add_url_rule("/pay", "pay", lambda: "paid", methods=["POST"])
    client = flask_app.test_client()
    token = client.get("/").text
    assert client.post("/pay", data={"csrf_token": token}).text == "paid"
    assert client.post("/pay", headers={"X-CSRF-Token": token}).text == "paid"
    refused = client.post("/pay")
    assert (refused.status_code, "forged" in refused.text) == (403, True)


def test_a_login_form_of_a_second_tab_is_shown_anew_in_flask(page: dict[str, Any]) -> None:
    flask_app, get_session = page["flask_app"], page["iron_flask"].get_session

    def log_in() -> str:
        if flask.request.method == "POST":
            get_session().login(flask.request.form["name"])
        text: str = flask.render_template_string("{{ csrf_token() }}")
        return text

    flask_app.add_url_rule("/login", view_func=log_in, methods=["GET", "POST"])
    flask_app.add_url_rule("/who", "who", lambda: str(get_session().user_id))
    client = flask_app.test_client()
    tab, second = client.get("/login").text, client.get("/login").text
    assert client.post("/login", data={"csrf_token": tab, "name": "ada"}).status_code == 200
    answer = client.post("/login", data={"csrf_token": second, "name": "eve"})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert client.get("/who").text == "ada"
    fresh = client.get("/login").text
    assert client.post("/login", data={"csrf_token": fresh, "name": "bob"}).status_code == 200
    assert client.get("/who").text == "bob"


def test_every_option_is_on_the_page_with_its_default() -> None:
    told: dict[str, str] = {}
    for row in rows():
        names, defaults = re.findall(r"`(\w+)`", row[0]), re.findall(r"`([^`]+)`", row[1])
        told.update(dict(zip(names, defaults, strict=False)))
    for option in fields(CsrfOptions):
        assert option.default is not MISSING
        assert told[option.name] == repr(option.default).replace("'", '"')


def test_every_reason_is_on_the_page() -> None:
    assert all(f'`"{reason}"`' in PAGE for reason in get_args(CsrfReason))
