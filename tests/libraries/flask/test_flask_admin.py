"""Flask-Admin behind Flask-Login: rows are added, changed in the list, deleted, and told of."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_admin import Admin, AdminIndexView
from flask_admin.contrib.sqla import ModelView
from flask_admin.form import SecureForm
from flask_babel import Babel
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tests.libraries.flask.forms import fill_in
from tests.libraries.flask.site import (
    cookie_in,
    databases,
    is_expired,
    make_site,
    moved_to,
    session_in,
)

LIST = "/admin/boat/"


class Guarded:
    """Pages for who has logged in."""

    def is_accessible(self) -> bool:
        """Check whether the visitor has logged in."""
        return bool(current_user.is_authenticated)


class Home(Guarded, AdminIndexView):
    """The first page."""


class BoatView(Guarded, ModelView):
    """The pages of the boats: forms carry a token that waits in the session."""

    form_base_class = SecureForm
    column_editable_list = ("name",)


def make_app(database: Path) -> Flask:
    """Make a site with an administration, with its rows in a file."""
    app = make_site(SQLALCHEMY_DATABASE_URI=f"sqlite:///{database}")
    db = SQLAlchemy(app)

    class Boat(db.Model):
        __table_args__ = (CheckConstraint("length(name) > 2"),)

        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    Babel(app)  # Flask-Admin uses it where it is installed
    admin = Admin(app, "Harbour", index_view=Home())
    admin.add_view(BoatView(Boat, db))
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

    @app.post("/log-out")
    def log_out() -> str:
        logout_user()
        return "bye"

    with app.app_context():
        db.create_all()
    return app


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Flask]]:
    """Start two servers on one database."""
    database = tmp_path_factory.mktemp("boats") / "boats.db"
    apps = make_app(database), make_app(database)
    with databases(*apps):
        yield apps


@pytest.fixture
def client(servers: tuple[Flask, Flask]) -> FlaskClient:
    """Open the administration in the browser of who has logged in."""
    client = servers[0].test_client()
    client.post("/log-in")
    return client


def messages(page: Any) -> list[str]:
    """Return what a page tells the visitor."""
    assert page.status_code == 200
    return re.findall(r"</button>\s*([^<>]*[^<>\s])\s*</div>", page.text)


def add(client: FlaskClient, name: str) -> int:
    """Add a row by its form; returns its number."""
    assert fill_in(client, f"{LIST}new/", name=name).headers["location"] == LIST
    numbers = re.findall(r'data-pk="(\d+)"', client.get(LIST).text)
    return max(map(int, numbers))


def test_an_added_row_is_listed_and_told_once(client: FlaskClient) -> None:
    fill_in(client, f"{LIST}new/", name="Argo")
    page = client.get(LIST)
    assert messages(page) == ["Record was successfully created."]
    assert "Argo" in page.text
    assert messages(client.get(LIST)) == []


def test_a_refused_row_is_told_on_the_form_itself(client: FlaskClient) -> None:
    """The message is flashed and shown in one response; none of it stays in the cookie."""
    page = fill_in(client, f"{LIST}new/", name="X")
    assert page.status_code == 200
    assert "Integrity error." in page.text
    assert "_flashes" not in session_in(client)


def test_a_form_without_its_token_is_refused(client: FlaskClient) -> None:
    """The token is made from a secret that waits in the session."""
    assert client.post(f"{LIST}new/", data={"name": "Ghost"}).status_code == 200
    assert "Ghost" not in client.get(LIST).text


def test_a_form_opened_at_one_server_is_taken_by_another(
    client: FlaskClient, servers: tuple[Flask, Flask]
) -> None:
    client.get(f"{LIST}new/")
    fill_in(moved_to(servers[1], client), f"{LIST}new/", name="Fram")
    assert "Fram" in client.get(LIST).text


def test_a_value_is_changed_in_the_list(client: FlaskClient) -> None:
    """By the page's script, with the token of the list."""
    number = add(client, "Calypso")
    (token,) = re.findall(r'data-csrf="([^"]+)"', client.get(LIST).text)[:1]
    change = {"list_form_pk": str(number), "name": "Calypso II", "csrf_token": token}
    answer = client.post(f"{LIST}ajax/update/", data=change)
    assert answer.text == "Record was successfully saved."
    assert "Calypso II" in client.get(LIST).text


def test_a_deleted_row_is_told(client: FlaskClient) -> None:
    number = add(client, "Titanic")
    fill_in(client, LIST, to=f"{LIST}delete/", id=str(number))
    page = client.get(LIST)
    assert messages(page) == ["Record was successfully deleted."]
    assert "Titanic" not in page.text


def test_after_the_logout_the_pages_are_closed_at_every_server(
    client: FlaskClient, servers: tuple[Flask, Flask]
) -> None:
    assert moved_to(servers[1], client).get(LIST).status_code == 200
    assert is_expired(client.post("/log-out"))
    assert cookie_in(client) == ""
    assert client.get(LIST).status_code == 403
    assert moved_to(servers[1], client).get(LIST).status_code == 403
