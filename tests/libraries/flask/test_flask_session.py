"""Flask-Session on the server for the cart, beside a sealed session for the login by hand."""

from pathlib import Path
from typing import Any

import pytest
from cachelib import FileSystemCache
from flask import Flask, jsonify, make_response, request, session
from flask.testing import FlaskClient
from flask_session import Session
from werkzeug.wrappers import Response

from iron_session.integrations.flask import get_iron_session
from iron_session.testing import session_cookie
from tests.libraries.flask.site import OPTIONS, is_expired, is_written, session_in
from tests.sessions.browser import NAME, ReceivedCookie

THEIRS = "session"


def make_app(folder: Path) -> Flask:
    """Make a shop whose carts are kept in files."""
    app = Flask(__name__)
    app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=FileSystemCache(str(folder)))
    Session(app)

    def answer(**members: Any) -> Response:
        return make_response(jsonify(members))

    @app.post("/log-in")
    def log_in() -> Response:
        response = answer()
        login = get_iron_session(request, response, OPTIONS)
        login["user"] = "jane"
        login.save()
        session.setdefault("cart", []).append("hat")
        return response

    @app.get("/")
    def home() -> Response:
        login = get_iron_session(request, make_response(), OPTIONS)
        return answer(user=login.get("user"), cart=session.get("cart"))

    @app.post("/log-out")
    def log_out() -> Response:
        response = answer()
        get_iron_session(request, response, OPTIONS).destroy()
        return response

    @app.post("/empty")
    def empty() -> Response:
        session.clear()
        return answer()

    return app


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """Make the shop."""
    return make_app(tmp_path / "carts")


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Open the shop in a browser."""
    return app.test_client()


def test_both_sessions_are_written_by_one_response(client: FlaskClient) -> None:
    """Each into a cookie of its own, and each without the other's data."""
    headers = client.post("/log-in").headers.getlist("Set-Cookie")
    cookies = [ReceivedCookie.parse(header).name for header in headers]
    assert sorted(cookies) == sorted([NAME, THEIRS])
    assert session_in(client) == {"user": "jane"}
    assert client.get("/").json == {"user": "jane", "cart": ["hat"]}


def test_a_look_at_both_writes_no_sealed_cookie(client: FlaskClient) -> None:
    client.post("/log-in")
    assert not is_written(client.get("/"))


def test_after_the_logout_the_cart_is_still_there(client: FlaskClient) -> None:
    client.post("/log-in")
    assert is_expired(client.post("/log-out"))
    assert client.get("/").json == {"user": None, "cart": ["hat"]}


def test_an_emptied_cart_logs_nobody_out(client: FlaskClient) -> None:
    client.post("/log-in")
    client.post("/empty")
    assert client.get("/").json == {"user": "jane", "cart": None}


def test_another_server_knows_the_visitor_but_not_the_cart(
    client: FlaskClient, tmp_path: Path
) -> None:
    """The cart is where the server's files are, the login is in the cookie."""
    client.post("/log-in")
    other = make_app(tmp_path / "elsewhere").test_client()
    for name in (NAME, THEIRS):
        cookie = client.get_cookie(name)
        assert cookie is not None
        other.set_cookie(name, cookie.value)
    assert other.get("/").json == {"user": "jane", "cart": None}


def test_a_login_made_elsewhere_is_known_to_the_shop(client: FlaskClient) -> None:
    """As the front end of the same site seals it."""
    client.set_cookie(NAME, session_cookie(OPTIONS, {"user": "joe"})[NAME])
    assert client.get("/").json == {"user": "joe", "cart": None}


def test_each_session_s_cookie_means_nothing_to_the_other(client: FlaskClient) -> None:
    client.post("/log-in")
    ours, theirs = client.get_cookie(NAME), client.get_cookie(THEIRS)
    assert ours is not None
    assert theirs is not None
    client.set_cookie(NAME, theirs.value)
    client.set_cookie(THEIRS, ours.value)
    assert client.get("/").json == {"user": None, "cart": None}
