"""The page on libraries: its lines for Flask are run, and do what is said around them."""

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.pages import blocks, read_page
from tests.libraries.flask.forms import fill_in
from tests.libraries.flask.site import cookie_in, databases, session_in
from tests.libraries.flask.test_flask_security import OLD, Site

PAGE = read_page("docs/frameworks/libraries.md")
(TOP,) = blocks("python", PAGE.partition("\n## ")[0])
SECTION = PAGE.partition("## Flask and Quart\n")[2].partition("\n## ")[0]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the section from top to bottom."""
    monkeypatch.setenv("SESSION_PASSWORD", "the password of the page on libraries, of 50 chars")
    names: dict[str, Any] = {"__name__": "libraries_page"}
    exec("".join([TOP, *blocks("python", SECTION)]), names)  # noqa: S102 - the page is ours
    return names


def test_the_session_is_installed_and_strangers_are_logged_out(page: dict[str, Any]) -> None:
    interface = type(page["site"].session_interface)
    assert interface.__module__ == "iron_session.integrations.flask.session"
    assert page["site"].before_request_funcs == {None: [page["log_strangers_out"]]}


def test_the_explicit_form_writes_beside_another_session(page: dict[str, Any]) -> None:
    client = page["shop"].test_client()
    assert client.post("/log-in").status_code == 200
    assert client.get_cookie("myapp").value.startswith("Fe26.2*1*")


@pytest.mark.parametrize("cookie", ["XSRF-TOKEN", None])
def test_a_logout_leaves_flask_security_s_note_only_where_there_is_no_csrf_cookie(
    tmp_path: Path, cookie: str | None
) -> None:
    site = Site(tmp_path / "members.db")
    site.app.config["SECURITY_CSRF_COOKIE_NAME"] = cookie
    with databases(site.app):
        client = site.app.test_client()
        passwords = {"password": OLD, "password_confirm": OLD}
        fill_in(client, "/register", email="jane@example.com", **passwords)
        assert session_in(client)["_user_id"]
        client.post("/logout")
        assert session_in(client) == ({} if cookie else {"fs_cc": "clear"})
        assert (cookie_in(client) == "") == (cookie is not None)
