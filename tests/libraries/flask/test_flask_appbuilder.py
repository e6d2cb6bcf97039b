"""Flask-AppBuilder: who logs in by its form adds, changes and deletes rows, and is told so."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder import AppBuilder, Model, ModelView
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_appbuilder.utils.legacy import get_sqla_class
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import Column, Integer, String

from iron_session.testing import session_cookie
from tests.libraries.flask.forms import fill_in
from tests.libraries.flask.site import (
    cookie_in,
    databases,
    is_expired,
    make_site,
    moved_to,
    session_in,
)
from tests.sessions.browser import FOREIGN, NAME, make_options

LIST = "/boatview/list/"
LANGUAGES = {"en": {"flag": "gb", "name": "English"}, "de": {"flag": "de", "name": "German"}}


class Boat(Model):
    """What the site keeps."""

    __tablename__ = "boats"

    id = Column(Integer, primary_key=True)
    name = Column(String(50), unique=True, nullable=False)


class BoatView(ModelView):
    """The pages of the boats."""

    datamodel = SQLAInterface(Boat)
    list_columns = add_columns = edit_columns = ("name",)


def make_app(database: Path) -> Flask:
    """Make the site of AppBuilder's own introduction, on a file, with jane as its administrator."""
    app = make_site(SQLALCHEMY_DATABASE_URI=f"sqlite:///{database}", LANGUAGES=LANGUAGES)
    CSRFProtect(app)
    db = get_sqla_class()()
    db.init_app(app)
    with app.app_context():
        builder = AppBuilder(app, db.session)
        builder.add_view(BoatView, "Boats")
        db.create_all()
        manager = builder.sm
        if manager.find_user("jane") is None:
            admin = manager.find_role("Admin")
            manager.add_user("jane", "Jane", "Doe", "jane@example.com", admin, password="seaworthy")
    return app


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Flask]]:
    """Start two servers on one database."""
    database = tmp_path_factory.mktemp("boats") / "boats.db"
    apps = make_app(database), make_app(database)
    with databases(*apps):
        yield apps


@pytest.fixture
def stranger(servers: tuple[Flask, Flask]) -> FlaskClient:
    """Open the site in a browser."""
    return servers[0].test_client()


@pytest.fixture
def client(stranger: FlaskClient) -> FlaskClient:
    """Open the site in the browser of its administrator."""
    response = fill_in(stranger, "/login/", username="jane", password="seaworthy")
    assert response.status_code == 302
    return stranger


def add(client: FlaskClient, name: str) -> int:
    """Add a row by its form; returns its number."""
    assert fill_in(client, "/boatview/add", name=name).status_code == 302
    return max(map(int, re.findall(r"/boatview/delete/(\d+)", client.get(LIST).text)))


def messages(client: FlaskClient) -> list[str]:
    """Return what the page of the rows tells the visitor."""
    page = client.get(LIST).text
    return [text.strip() for text in re.findall(r"&times;</button>([^<]*)</div>", page)]


def may_list(client: FlaskClient) -> bool:
    """Check whether the rows are shown, or the login is asked for."""
    response = client.get(LIST)
    assert response.status_code in (200, 302)
    return bool(response.status_code == 200)


def test_the_login_form_lets_an_administrator_in(client: FlaskClient) -> None:
    assert may_list(client)
    assert session_in(client)["_user_id"] == "1"


def test_a_wrong_password_is_told_and_lets_nobody_in(stranger: FlaskClient) -> None:
    fill_in(stranger, "/login/", username="jane", password="wrong")
    assert "Invalid login" in stranger.get("/login/").text
    assert not may_list(stranger)


def test_who_may_not_see_a_page_is_told_at_the_login(stranger: FlaskClient) -> None:
    page = stranger.get(LIST, follow_redirects=True)
    assert "Access is Denied" in page.text


def test_a_form_without_its_token_is_refused(client: FlaskClient) -> None:
    """The token waits in the session, and in the form."""
    assert client.post("/boatview/add", data={"name": "Argo"}).status_code == 400


def test_an_added_row_is_told_once(client: FlaskClient) -> None:
    """AppBuilder flashes a lazy text, whose text the next page shows."""
    fill_in(client, "/boatview/add", name="Fram")
    assert messages(client) == ["Added Row"]
    assert messages(client) == []


def test_an_added_row_is_listed(client: FlaskClient) -> None:
    add(client, "Argo")
    assert "Argo" in client.get(LIST).text


def test_a_changed_row_is_told(client: FlaskClient) -> None:
    number = add(client, "Calypso")
    fill_in(client, f"/boatview/edit/{number}", name="Calypso II")
    assert messages(client) == ["Changed Row"]


def test_a_deleted_row_is_told(client: FlaskClient) -> None:
    number = add(client, "Titanic")
    fill_in(client, LIST, to=f"/boatview/delete/{number}")
    assert messages(client) == ["Deleted Row"]
    assert "Titanic" not in client.get(LIST).text


def test_a_row_that_the_database_refuses_is_told(client: FlaskClient) -> None:
    add(client, "Vasa")
    again = fill_in(client, "/boatview/add", name="Vasa")
    assert (again.status_code, "Already exists" in again.text) == (200, True)


def test_messages_are_told_in_the_language_that_the_visitor_chose(client: FlaskClient) -> None:
    client.get("/lang/de")
    assert session_in(client)["locale"] == "de"
    fill_in(client, "/boatview/add", name="Gorch Fock")
    assert messages(client) == ["Zeile hinzugefügt"]


def test_the_pages_that_were_visited_wait_in_the_session(client: FlaskClient) -> None:
    """To go back to after a form; AppBuilder keeps the last five."""
    client.get(LIST)
    client.get("/boatview/list/?_flt_0_name=A")
    history = session_in(client)["page_history"]
    assert [address.rpartition("/")[2] for address in history][-1] == "?_flt_0_name=A"


def test_after_the_logout_nobody_is_seen_here_and_on_another_server(
    client: FlaskClient, servers: tuple[Flask, Flask]
) -> None:
    """What is left in the cookie names nobody: the language, and the pages visited."""
    assert may_list(moved_to(servers[1], client))
    client.get("/logout/")
    assert not may_list(client)
    assert not may_list(moved_to(servers[1], client))
    assert "_user_id" not in session_in(client)


def test_a_logout_at_a_server_that_can_t_open_the_cookie_expires_it(stranger: FlaskClient) -> None:
    """Another server, with a newer password, could still see the visitor."""
    newer = make_options(password=FOREIGN)
    stranger.set_cookie(NAME, session_cookie(newer, {"_user_id": "1"})[NAME])
    assert is_expired(stranger.get("/logout/"))
    assert cookie_in(stranger) == ""
