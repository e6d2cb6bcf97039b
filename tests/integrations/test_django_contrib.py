"""What of Django's own lies in the session: logins, messages, CSRF tokens, the admin."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.db import connections
from django.test import AsyncClient, Client, override_settings

from iron_session import unseal_data
from tests.integrations.django_site.project import (
    NAME,
    PASSWORD_OF_ADA,
    create_user,
    new_database,
)
from tests.sessions.browser import PASSWORD

COOKIE = "sessionid"
CREDENTIALS = {"username": NAME, "password": PASSWORD_OF_ADA}


@pytest.fixture(autouse=True)
def _database(tmp_path: Path) -> Iterator[None]:
    """Have a database with one user in it."""
    with new_database(tmp_path):
        yield


def browser(**how: Any) -> Any:
    """Open a browser as Django's tests have it; type checkers know nothing of its answers."""
    return Client(**how)


@pytest.fixture
def client() -> Any:
    """Open a browser that has to send the tokens of forms."""
    return browser(enforce_csrf_checks=True)


def the_user() -> Any:
    """Give the user that there is."""
    return apps.get_model("auth", "User").objects.get()


def opened(client: Any) -> dict[str, Any]:
    """Read the client's session out of its cookie."""
    data: dict[str, Any] = unseal_data(client.cookies[COOKIE].value, password=PASSWORD)
    return data


def token(client: Any, path: str) -> str:
    """Get a page, and read the token out of its form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(path).text)
    assert found is not None
    return found[1]


def log_in(client: Any) -> Any:
    """Fill in the admin's form."""
    path = "/admin/login/"
    form = {**CREDENTIALS, "csrfmiddlewaretoken": token(client, path), "next": "/admin/"}
    return client.post(path, form)


# --- logins ------------------------------------------------------------------------------------


def test_a_login_puts_the_user_into_the_sealed_cookie_and_a_logout_ends_it(client: Any) -> None:
    assert client.get("/who").json() == ["", None]
    log_in(client)
    assert client.get("/who").json() == [NAME, None]
    assert opened(client)["_auth_user_id"] == str(the_user().pk)
    form = {"csrfmiddlewaretoken": token(client, "/admin/")}
    cookie = client.post("/admin/logout/", form).cookies[COOKIE]
    assert (cookie.value, cookie["max-age"]) == ("", 0)
    assert client.cookies[COOKIE].value == ""
    assert client.get("/who").json() == ["", None]


def test_a_login_keeps_what_the_visitor_did_before_under_another_key(client: Any) -> None:
    client.get("/remember?item=tea")
    before = client.cookies[COOKIE].value
    log_in(client)
    assert client.cookies[COOKIE].value != before
    assert client.get("/who").json() == [NAME, ["tea"]]


def test_a_login_as_somebody_else_keeps_nothing(client: Any) -> None:
    log_in(client)
    client.get("/remember?item=tea")
    client.force_login(create_user("bob", "nobody guesses that"))
    assert client.get("/who").json() == ["bob", None]


def test_nested_changes_of_the_session_are_saved(client: Any) -> None:
    """Django itself would lose all but the first."""
    for item in ("tea", "milk", "bread"):
        client.get(f"/remember?item={item}")
    assert client.get("/who").json() == ["", ["tea", "milk", "bread"]]


def test_a_new_password_logs_out_every_other_browser(client: Any) -> None:
    others = browser()
    log_in(client)
    others.login(**CREDENTIALS)
    assert others.get("/who").json() == [NAME, None]
    path, new = "/admin/password_change/", "nobody guesses that either"
    form = {"old_password": PASSWORD_OF_ADA, "new_password1": new, "new_password2": new}
    client.post(path, {**form, "csrfmiddlewaretoken": token(client, path)})
    assert client.get("/who").json() == [NAME, None]
    answer = others.get("/who")
    assert answer.json() == ["", None]
    assert answer.cookies[COOKIE]["max-age"] == 0


def test_the_test_client_logs_in_and_out() -> None:
    client = browser()
    assert client.login(**CREDENTIALS)
    assert client.get("/who").json() == [NAME, None]
    client.logout()
    assert client.get("/who").json() == ["", None]
    client.force_login(the_user())
    assert client.get("/who").json() == [NAME, None]


def test_the_test_client_s_session_is_what_the_site_wrote_and_can_be_changed() -> None:
    """By putting the key that a save gives into the cookie: it is the session."""
    client = browser()
    client.get("/remember?item=tea")
    session = client.session
    assert dict(session) == {"cart": ["tea"]}
    session["cart"].append("milk")
    session.save()
    client.cookies[COOKIE] = session.session_key
    assert client.get("/who").json() == ["", ["tea", "milk"]]


def test_logins_in_coroutines() -> None:
    async def visit() -> None:
        client: Any = AsyncClient()
        await client.get("/remember?item=tea")
        await client.get("/login-async", CREDENTIALS)
        assert (await client.get("/who-async")).json() == [NAME, ["tea"]]
        assert dict(await client.asession())["_auth_user_id"]
        cookie = (await client.get("/logout-async")).cookies[COOKIE]
        assert (cookie.value, cookie["max-age"]) == ("", 0)
        assert (await client.get("/who-async")).json() == ["", None]
        assert await client.alogin(**CREDENTIALS)
        assert (await client.get("/who-async")).json() == [NAME, None]
        await client.alogout()
        assert (await client.get("/who-async")).json() == ["", None]
        await sync_to_async(connections.close_all)()

    asyncio.run(visit())


# --- messages and tokens -----------------------------------------------------------------------


def test_messages_wait_in_the_session_for_the_next_page() -> None:
    client = browser()
    client.post("/messages", {"text": "Grüße"})
    client.post("/messages", {"text": "again"})
    assert client.get("/messages").json() == [
        [25, "Grüße", "greeting success"],
        [25, "again", "greeting success"],
    ]
    assert client.cookies[COOKIE].value == ""
    assert client.get("/messages").json() == []


def test_messages_leave_the_rest_of_the_session_alone() -> None:
    client = browser()
    client.get("/remember?item=tea")
    client.post("/messages", {"text": "hello"})
    client.get("/messages")
    assert opened(client) == {"cart": ["tea"]}


def test_csrf_tokens_lie_in_the_session_where_django_s_setting_asks_for_it() -> None:
    with override_settings(CSRF_USE_SESSIONS=True):
        client = browser(enforce_csrf_checks=True)
        assert client.post("/form").status_code == 403
        token = client.get("/form").json()["token"]
        assert list(client.cookies) == [COOKIE]
        assert list(opened(client)) == ["_csrftoken"]
        assert client.post("/form", {"csrfmiddlewaretoken": "x" * 64}).status_code == 403
        answer = client.post("/form", {"csrfmiddlewaretoken": token})
        assert answer.json()["method"] == "POST"
        stranger = browser(enforce_csrf_checks=True)
        assert stranger.post("/form", {"csrfmiddlewaretoken": token}).status_code == 403


def test_a_login_takes_another_token_in_the_session(client: Any) -> None:
    """As in Django, so that nobody who knew the old one can use it."""
    with override_settings(CSRF_USE_SESSIONS=True):
        client.get("/admin/login/")
        before = opened(client)["_csrftoken"]
        log_in(client)
        client.get("/admin/")
        assert opened(client)["_csrftoken"] != before


# --- the admin ---------------------------------------------------------------------------------


def test_the_admin_works(client: Any) -> None:
    """Log in, change an object, read the message that says so, log out."""
    note = apps.get_model("notes", "Note").objects.create(text="before")
    assert client.get("/admin/").headers["Location"] == "/admin/login/?next=/admin/"
    assert log_in(client).headers["Location"] == "/admin/"
    path = f"/admin/notes/note/{note.pk}/change/"
    form = {"text": "after", "csrfmiddlewaretoken": token(client, path)}
    answer = client.post(path, form, follow=True)
    assert "was changed successfully" in answer.text
    note.refresh_from_db()
    assert note.text == "after"
    form = {"csrfmiddlewaretoken": token(client, "/admin/")}
    assert "Logged out" in client.post("/admin/logout/", form).text
    assert client.get("/admin/").status_code == 302


def test_a_forged_cookie_is_nobody_in_the_admin(client: Any) -> None:
    log_in(client)
    value = client.cookies[COOKIE].value
    client.cookies[COOKIE] = value[:100] + ("A" if value[100] != "A" else "B") + value[101:]
    assert client.get("/admin/").status_code == 302
