"""Flask-Security: register, log in and out, set a new password; the session says who it is."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask, request, session
from flask.testing import FlaskClient
from flask_security import (
    MailUtil,
    Security,
    SQLAlchemyUserDatastore,
    auth_required,
    current_user,
)
from flask_security.models import fsqla_v3
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect

from iron_session.testing import session_cookie
from tests.libraries.flask.forms import fill_in
from tests.libraries.flask.site import (
    OPTIONS,
    cookie_in,
    databases,
    is_expired,
    make_site,
    moved_to,
    session_in,
)
from tests.sessions.browser import FOREIGN, NAME, make_options

OLD, NEW = "battery staple", "correct horse battery"


# The passwords here protect nothing.
QUICK_HASHES = {
    "SECURITY_PASSWORD_HASH": "plaintext",
    "SECURITY_PASSWORD_SCHEMES": ["plaintext"],
    "SECURITY_DEPRECATED_PASSWORD_SCHEMES": [],
    "SECURITY_HASHING_SCHEMES": ["hex_md5"],
    "SECURITY_DEPRECATED_HASHING_SCHEMES": [],
}


class Letters(MailUtil):
    """Keeps what would be sent."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.texts: list[str] = []

    def send_mail(self, *letter: Any, **context: Any) -> None:
        """Keep a letter's text."""
        self.texts.append(letter[4])


class Site:
    """A server of the site of Flask-Security's own introduction, with its members in a file."""

    def __init__(self, database: Path) -> None:
        self.app = make_site(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{database}",
            SECURITY_PASSWORD_SALT="146585145368132386173505678016728509634",
            SECURITY_REGISTERABLE=True,
            SECURITY_RECOVERABLE=True,
            SECURITY_CHANGEABLE=True,
            SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
            SECURITY_CSRF_COOKIE_NAME="XSRF-TOKEN",
            WTF_CSRF_CHECK_DEFAULT=False,
            **QUICK_HASHES,
        )
        CSRFProtect(self.app)
        db = SQLAlchemy(self.app)
        fsqla_v3.FsModels.set_db_info(db)

        class Role(db.Model, fsqla_v3.FsRoleMixin):
            pass

        class User(db.Model, fsqla_v3.FsUserMixin):
            pass

        members = SQLAlchemyUserDatastore(db, User, Role)
        self.security = Security(self.app, members, mail_util_cls=Letters)
        self.app.before_request(log_strangers_out)
        self.app.add_url_rule("/club", view_func=club)
        self.app.add_url_rule("/vault", view_func=vault)
        with self.app.app_context():
            db.create_all()

    @property
    def letters(self) -> list[str]:
        """What was sent to members."""
        letters: list[str] = self.security.mail_util.texts
        return letters


def log_strangers_out() -> None:
    """Expire a cookie that only another server can open; Flask-Security leaves it alone."""
    if request.endpoint == "security.logout" and not current_user.is_authenticated:
        session.clear()


@auth_required("session")
def club() -> str:
    """Show a member who she is."""
    return str(current_user.email)


@auth_required("session", within=60, grace=0)
def vault() -> str:
    """Show gold to who has logged in within the hour."""
    return "gold"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    """Start two servers on one file."""
    database = tmp_path_factory.mktemp("members") / "members.db"
    one, other = Site(database), Site(database)
    with databases(one.app, other.app):
        yield one, other


@pytest.fixture
def stranger(sites: tuple[Site, Site]) -> FlaskClient:
    """Open the site in a browser."""
    return sites[0].app.test_client()


@pytest.fixture
def email() -> str:
    """Choose an address that no other test has."""
    return f"{uuid4()}@example.com"


@pytest.fixture
def client(stranger: FlaskClient, email: str) -> FlaskClient:
    """Open the site in the browser of a new member."""
    answer = fill_in(stranger, "/register", email=email, password=OLD, password_confirm=OLD)
    assert answer.status_code == 302
    return stranger


def log_in(browser: FlaskClient, email: str, password: str) -> bool:
    """Try to log in by the form; returns whether that was possible."""
    return bool(fill_in(browser, "/login", email=email, password=password).status_code == 302)


def is_member(browser: FlaskClient) -> bool:
    """Check whether the club's page is shown, or the login is asked for."""
    answer = browser.get("/club")
    assert answer.status_code in (200, 302)
    return bool(answer.status_code == 200)


def test_who_registers_is_logged_in_at_every_server(
    client: FlaskClient, sites: tuple[Site, Site], email: str
) -> None:
    assert client.get("/club").text == email
    assert moved_to(sites[1].app, client).get("/club").text == email


def test_who_is_not_logged_in_is_told_at_the_login(stranger: FlaskClient) -> None:
    assert not is_member(stranger)
    page = stranger.get("/login").text
    assert "You must sign in to view this resource." in page
    assert "_flashes" not in session_in(stranger)


def test_a_login_needs_the_right_password_and_the_form_s_token(
    client: FlaskClient, sites: tuple[Site, Site], email: str
) -> None:
    browser = sites[1].app.test_client()
    assert not log_in(browser, email, "wrong wrong wrong")
    browser.post("/login", data={"email": email, "password": OLD})
    assert not is_member(browser)
    assert log_in(browser, email, OLD)
    assert is_member(browser)


def test_after_the_logout_the_cookie_is_gone_and_nobody_is_seen_at_another_server(
    client: FlaskClient, sites: tuple[Site, Site]
) -> None:
    assert is_expired(client.post("/logout"))
    assert cookie_in(client) == ""
    assert not is_member(moved_to(sites[1].app, client))
    assert not is_member(client)


def test_a_logout_at_a_server_that_can_t_open_the_cookie_expires_it(stranger: FlaskClient) -> None:
    newer = make_options(password=FOREIGN)
    stranger.set_cookie(NAME, session_cookie(newer, {"_user_id": "somebody"})[NAME])
    assert is_expired(stranger.post("/logout"))
    assert cookie_in(stranger) == ""


def test_a_forgotten_password_is_set_anew_by_a_letter(
    stranger: FlaskClient, sites: tuple[Site, Site], client: FlaskClient, email: str
) -> None:
    """From a browser that knows nobody, at another server; it is told so in a flash."""
    browser = sites[1].app.test_client()
    fill_in(browser, "/reset", email=email)
    (link,) = re.findall(r"http://localhost(/reset/\S+)", sites[1].letters[-1])
    page = fill_in(browser, link, password=NEW, password_confirm=NEW)
    assert page.headers["location"] == "/login"
    assert "You successfully reset your password" in browser.get("/login").text
    assert not log_in(browser, email, OLD)
    assert log_in(browser, email, NEW)


def test_a_new_password_ends_every_other_session_of_the_member(
    client: FlaskClient, sites: tuple[Site, Site], email: str
) -> None:
    """Their cookies still open: Flask-Security gives the member a new name in the session."""
    other = sites[1].app.test_client()
    assert log_in(other, email, OLD)
    fill_in(client, "/change", password=OLD, new_password=NEW, new_password_confirm=NEW)
    assert is_member(client)
    assert not is_member(other)


def test_a_page_that_asks_for_a_fresh_login_reads_its_time_in_the_session(
    client: FlaskClient, email: str
) -> None:
    assert client.get("/vault").text == "gold"
    data = {**session_in(client), "fs_paa": time.time() - 3601 * 60}
    client.set_cookie(NAME, session_cookie(OPTIONS, data)[NAME])
    answer = client.get("/vault")
    assert (answer.status_code, answer.headers["location"]) == (302, "/verify?next=/vault")
    fill_in(client, "/verify", password=OLD)
    assert client.get("/vault").text == "gold"


def test_a_member_whose_browser_is_remembered_needs_no_session(
    client: FlaskClient, email: str
) -> None:
    """Flask-Login's own cookie stays when the session's has ended, and goes with the logout."""
    client.post("/logout")
    fill_in(client, "/login", email=email, password=OLD, remember="y")
    client.delete_cookie(NAME)
    assert is_member(client)
    client.post("/logout")
    assert not is_member(client)


def test_a_page_s_script_logs_in_and_out_with_the_token_in_the_csrf_cookie(
    client: FlaskClient, email: str
) -> None:
    """JSON instead of forms; the token waits in the session too."""
    client.post("/logout")
    asked = client.get("/login", headers={"Accept": "application/json"}).json["response"]
    token = {"X-CSRFToken": asked["csrf_token"]}
    entries = {"email": email, "password": OLD}
    assert client.post("/login", json=entries).status_code == 400
    assert client.post("/login", json=entries, headers=token).status_code == 200
    cookie = client.get_cookie("XSRF-TOKEN")
    assert cookie is not None
    answer = client.post("/logout", json={}, headers={"X-CSRFToken": cookie.value})
    assert (answer.status_code, is_expired(answer)) == (200, True)
    assert client.get_cookie("XSRF-TOKEN") is None
