"""Dash behind Flask-Login: a page's callbacks read and write the session of who has logged in."""

from typing import Any

import pytest
from dash import Dash, Input, Output, ctx, dcc, html
from flask import Flask, abort, request, session
from flask.testing import FlaskClient
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from tests.libraries.flask.site import (
    cookie_in,
    is_expired,
    is_written,
    make_site,
    moved_to,
    session_in,
)


def make_app() -> Flask:
    """Make a Flask site with a dashboard for its members."""
    app = make_site()
    manager: Any = LoginManager(app)

    @manager.user_loader
    def load(name: str) -> Any:
        user = UserMixin()
        user.id = name
        return user

    @app.post("/log-in")
    def log_in() -> str:
        login_user(load("jane"))
        return "welcome"

    @app.before_request
    def keep_strangers_out() -> None:
        if request.path.startswith("/board/") and not current_user.is_authenticated:
            abort(401)

    board = Dash(__name__, server=app, url_base_pathname="/board/")
    board.layout = html.Div(
        [
            dcc.Dropdown(["north", "south"], id="region"),
            html.P(id="told"),
            html.Button("leave", id="leave"),
            html.P(id="left"),
        ]
    )

    @board.callback(Output("told", "children"), Input("region", "value"))
    def choose(region: str | None) -> str:
        if region is not None:
            session.setdefault("regions", []).append(region)
            ctx.response.set_cookie("theme", "dark")
        return f"{current_user.id}: {', '.join(session.get('regions', []))}"

    @board.callback(Output("left", "children"), Input("leave", "n_clicks"))
    def leave(clicks: int | None) -> str:
        if clicks:
            logout_user()
            session.clear()
        return "stays" if current_user.is_authenticated else "left"

    return app


@pytest.fixture(scope="module")
def servers() -> tuple[Flask, Flask]:
    """Start two servers."""
    return make_app(), make_app()


@pytest.fixture
def client(servers: tuple[Flask, Flask]) -> FlaskClient:
    """Open the dashboard in the browser of a member."""
    client = servers[0].test_client()
    client.post("/log-in")
    assert client.get("/board/").status_code == 200
    return client


def change(client: FlaskClient, what: str, value: Any, output: str) -> Any:
    """Call back as the page's script does when a visitor changes something."""
    (identity, name), (told, children) = what.split("."), output.split(".")
    call = {
        "output": output,
        "outputs": {"id": told, "property": children},
        "inputs": [{"id": identity, "property": name, "value": value}],
        "changedPropIds": [] if value is None else [what],
    }
    return client.post("/board/_dash-update-component", json=call)


def choose(client: FlaskClient, region: str | None) -> Any:
    """Choose a region; None is what the page asks when it is opened."""
    return change(client, "region.value", region, "told.children")


def told(answer: Any) -> str:
    """Return what the page will show."""
    assert answer.status_code == 200
    return str(answer.json["response"]["told"]["children"])


def test_a_callback_knows_who_has_logged_in(client: FlaskClient) -> None:
    assert told(choose(client, None)) == "jane: "


@pytest.mark.parametrize("path", ["", "_dash-layout", "_dash-dependencies"])
def test_a_page_that_is_only_read_writes_nothing(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/board/{path}")
    assert (answer.status_code, is_written(answer)) == (200, False)
    assert answer.headers["Vary"] == "Cookie"


def test_a_callback_that_only_reads_writes_nothing(client: FlaskClient) -> None:
    assert not is_written(choose(client, None))


def test_what_callbacks_write_is_kept_from_one_to_the_next(client: FlaskClient) -> None:
    """Though they change a list inside the session, and set a cookie of their own."""
    assert told(choose(client, "north")) == "jane: north"
    answer = choose(client, "south")
    assert told(answer) == "jane: north, south"
    assert session_in(client)["regions"] == ["north", "south"]
    assert client.get_cookie("theme").value == "dark"
    assert is_written(answer)


def test_callbacks_are_answered_by_any_server(
    client: FlaskClient, servers: tuple[Flask, Flask]
) -> None:
    choose(client, "north")
    assert told(choose(moved_to(servers[1], client), None)) == "jane: north"


def test_strangers_get_neither_page_nor_callbacks(servers: tuple[Flask, Flask]) -> None:
    stranger = servers[0].test_client()
    assert stranger.get("/board/").status_code == 401
    answer = choose(stranger, "north")
    assert (answer.status_code, cookie_in(stranger)) == (401, "")


def test_a_logout_in_a_callback_expires_the_cookie(
    client: FlaskClient, servers: tuple[Flask, Flask]
) -> None:
    """And the next server sees nobody."""
    choose(client, "north")
    answer = change(client, "leave.n_clicks", 1, "left.children")
    assert answer.json["response"]["left"]["children"] == "left"
    assert is_expired(answer)
    for server in servers:
        assert choose(moved_to(server, client), None).status_code == 401
