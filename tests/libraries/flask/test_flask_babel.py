"""Flask-Babel: lazy texts are flashed, and shown in the language of the visitor who is told."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, flash, get_flashed_messages, redirect, render_template_string, request
from flask import session as flask_session
from flask.testing import FlaskClient
from flask_babel import Babel, force_locale, lazy_gettext, lazy_ngettext, refresh
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from werkzeug.wrappers import Response

from tests.libraries.flask.site import make_site, moved_to, session_in
from tests.libraries.flask.translations import write_german

GERMAN = {"Accept-Language": "de"}
MESSAGES = """{% for category, message in get_flashed_messages(with_categories=true) -%}
{{ category }}: {{ message }}
{% endfor %}"""


def make_app(translations: str) -> Flask:
    """Make a site for members whose texts are translated when they are shown, not before."""
    app = make_site(BABEL_TRANSLATION_DIRECTORIES=translations)
    Babel(
        app,
        locale_selector=lambda: (
            flask_session.get("language") or request.accept_languages.best_match(["de", "en"])
        ),
    )
    manager: Any = LoginManager(app)
    manager.login_view = "log_in"
    manager.login_message = lazy_gettext("Please log in")
    manager.login_message_category = "info"

    @manager.user_loader
    def load(name: str) -> Any:
        user = UserMixin()
        user.id = name
        return user

    @app.get("/log-in")
    def log_in() -> str:
        return render_template_string(MESSAGES)

    @app.post("/log-in")
    def log_in_now() -> str:
        login_user(load("jane"))
        return "welcome"

    @app.get("/members")
    @login_required
    def members() -> str:
        return str(current_user.id)

    @app.post("/save")
    def save() -> Response:
        flash(lazy_gettext("Saved"), "success")
        flash(lazy_ngettext("%(num)d row", "%(num)d rows", num=2), lazy_gettext("Saved"))
        return redirect("/log-in", 303)

    @app.post("/german")
    def speak_german() -> Response:
        flask_session["language"] = "de"
        refresh()
        flash(lazy_gettext("Saved"))
        return redirect("/log-in", 303)

    @app.post("/in-german")
    def say_it_in_german() -> Response:
        with force_locale("de"):
            flash(str(lazy_gettext("Saved")))
        return redirect("/log-in", 303)

    @app.post("/cartoon")
    def cartoon() -> Response:
        flash(lazy_gettext("Tom & Jerry"))
        return redirect("/log-in", 303)

    @app.post("/keep")
    def keep() -> str:
        flask_session["labels"] = {"title": lazy_gettext("Saved"), "list": [lazy_gettext("Saved")]}
        return "kept"

    @app.get("/kept")
    def kept() -> dict[str, Any]:
        return dict(flask_session["labels"])

    @app.get("/json")
    def as_json() -> list[Any]:
        return get_flashed_messages(with_categories=True)

    return app


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """Make the site, with German beside English."""
    return make_app(write_german(tmp_path / "translations"))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Open the site in a browser."""
    return app.test_client()


def shown(response: Any) -> list[str]:
    """Return the messages on a page."""
    assert response.status_code == 200
    return list(response.text.split("\n"))[:-1]


@pytest.mark.parametrize(
    ("headers", "text"), [(GERMAN, "info: Bitte anmelden"), ({}, "info: Please log in")]
)
def test_a_lazy_login_message_is_shown_on_the_page_that_asks_for_the_login(
    client: FlaskClient, headers: dict[str, str], text: str
) -> None:
    """In the visitor's language: the text itself is in the session, the promise of one is not."""
    assert client.get("/members", headers=headers).status_code == 302
    assert session_in(client)["_flashes"] == [["info", text.removeprefix("info: ")]]
    assert shown(client.get("/log-in?next=/members", headers=headers)) == [text]
    assert "_flashes" not in session_in(client)


def test_who_was_sent_to_the_login_in_german_gets_in(client: FlaskClient) -> None:
    client.get("/members", headers=GERMAN)
    client.post("/log-in", headers=GERMAN)
    assert client.get("/members", headers=GERMAN).text == "jane"


def test_lazy_messages_and_categories_survive_a_redirect(client: FlaskClient) -> None:
    response = client.post("/save", headers=GERMAN, follow_redirects=True)
    assert shown(response) == ["success: Gespeichert", "Gespeichert: 2 Zeilen"]


def test_a_lazy_message_is_shown_once(client: FlaskClient) -> None:
    client.post("/save")
    assert len(shown(client.get("/log-in"))) == 2
    assert shown(client.get("/log-in")) == []


def test_a_lazy_message_is_shown_by_another_server(app: Flask, client: FlaskClient) -> None:
    client.post("/save", headers=GERMAN)
    translations = app.config["BABEL_TRANSLATION_DIRECTORIES"]
    other = moved_to(make_app(translations), client)
    assert shown(other.get("/log-in")) == ["success: Gespeichert", "Gespeichert: 2 Zeilen"]


def test_a_message_keeps_the_language_of_the_request_that_flashed_it(client: FlaskClient) -> None:
    """As with Flask's own sessions: a text can be translated once only."""
    client.post("/save", headers=GERMAN)
    assert client.get("/json").json == [["success", "Gespeichert"], ["Gespeichert", "2 Zeilen"]]


def test_a_language_kept_in_the_session_is_the_next_message_s(client: FlaskClient) -> None:
    """Flask-Babel's own example of `refresh`: the language changes and the message says so."""
    assert shown(client.post("/german", follow_redirects=True)) == ["message: Gespeichert"]
    assert shown(client.post("/save", follow_redirects=True))[0] == "success: Gespeichert"
    assert session_in(client)["language"] == "de"


def test_a_forced_language_is_kept_by_a_text_that_is_not_lazy(client: FlaskClient) -> None:
    assert shown(client.post("/in-german", follow_redirects=True)) == ["message: Gespeichert"]


def test_a_lazy_text_is_escaped_once_when_it_is_shown(client: FlaskClient) -> None:
    response = client.post("/cartoon", headers=GERMAN, follow_redirects=True)
    assert shown(response) == ["message: Tom &amp; Jerry &amp; Spike"]


def test_lazy_texts_are_kept_as_texts_wherever_they_stand(client: FlaskClient) -> None:
    client.post("/keep", headers=GERMAN)
    assert client.get("/kept").json == {"title": "Gespeichert", "list": ["Gespeichert"]}
