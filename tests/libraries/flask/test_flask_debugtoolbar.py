"""Flask-DebugToolbar: it shows the session on the page, and leaves it as it is."""

import re
from ast import literal_eval
from html import unescape
from typing import Any

import pytest
from flask import Flask, redirect, session
from flask.testing import FlaskClient
from flask_debugtoolbar import DebugToolbarExtension
from werkzeug.wrappers import Response

from tests.libraries.flask.site import cookie_in, is_written, make_site, session_in

PAGE = "<html><body>hello</body></html>"


@pytest.fixture
def app() -> Flask:
    """Make a site that is being developed."""
    app = make_site(DEBUG_TB_ENABLED=True, DEBUG_TB_INTERCEPT_REDIRECTS=True)
    app.debug = True
    DebugToolbarExtension(app)

    @app.get("/")
    def home() -> str:
        return PAGE

    @app.get("/count")
    def count() -> str:
        session["visits"] = session.get("visits", 0) + 1
        return PAGE

    @app.post("/log-in")
    def log_in() -> Response:
        session["user"] = {"name": "Jane <Doe>"}
        return redirect("/", 303)

    @app.post("/log-out")
    def log_out() -> str:
        session.clear()
        return PAGE

    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Open the site in a browser."""
    return app.test_client()


def shown(page: str) -> dict[str, Any]:
    """Return the session as the toolbar shows it."""
    (table,) = re.findall(r"<h4>SESSION Variables</h4>(.*?)</table>", page, re.DOTALL)
    cells = [literal_eval(unescape(cell)) for cell in re.findall(r"<td>(.*?)</td>", table)]
    return dict(zip(cells[::2], cells[1::2], strict=True))


def test_the_session_is_shown_as_it_will_be_sent(client: FlaskClient) -> None:
    client.get("/count")
    page = client.get("/count")
    assert shown(page.text) == {"visits": 2}
    assert session_in(client) == {"visits": 2}


def test_a_look_by_the_toolbar_writes_nothing(client: FlaskClient) -> None:
    client.get("/count")
    page = client.get("/")
    assert shown(page.text) == {"visits": 1}
    assert (is_written(page), page.headers["Vary"]) == (False, "Cookie")


def test_a_page_without_a_session_shows_none(client: FlaskClient) -> None:
    page = client.get("/")
    assert "hello" in page.text
    assert "No SESSION data" in page.text
    assert not is_written(page)


def test_a_redirect_that_the_toolbar_holds_up_carries_the_cookie(client: FlaskClient) -> None:
    page = client.post("/log-in")
    assert (page.status_code, "Redirect intercepted" in page.text) == (200, True)
    assert session_in(client) == {"user": {"name": "Jane <Doe>"}}
    assert shown(client.get("/").text) == {"user": {"name": "Jane <Doe>"}}


def test_after_the_logout_nobody_is_shown(client: FlaskClient) -> None:
    client.post("/log-in")
    assert "Jane" not in client.post("/log-out").text
    assert cookie_in(client) == ""
    assert "Jane" not in client.get("/").text
