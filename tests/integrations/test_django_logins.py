"""`django.contrib.auth` and whose session it is: logins, logouts, new passwords."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib import auth
from django.contrib.auth.signals import user_logged_in
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, JsonResponse
from django.test import override_settings
from django.urls import path

from iron_session import SessionOptions
from iron_session.integrations.django import SessionStore
from tests.contract import asgi_driver, wsgi_driver
from tests.contract.door import Answer, Visit
from tests.helpers.revoker import Ledger
from tests.integrations.django_site import project
from tests.integrations.django_site.project import NAME as ADA
from tests.integrations.django_site.project import create_user, new_database
from tests.sessions.browser import NAME, Browser, make_options

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(autouse=True)
def _database(tmp_path: Path) -> Iterator[None]:
    with new_database(tmp_path):
        yield


@pytest.fixture
def ledger() -> Ledger:
    """What ends sessions here."""
    return Ledger()


@pytest.fixture
def options(ledger: Ledger) -> SessionOptions:
    """Options of sessions that can be ended."""
    return make_options(revocations=ledger, max_lifetime=30 * 24 * 3600)


def users() -> Any:
    return apps.get_model("auth", "User").objects


# --- views ---


def log_in(request: Any) -> HttpResponse:
    auth.login(request, users().get(username=request.GET["user"]), BACKEND)
    return HttpResponse()


async def log_in_async(request: Any) -> HttpResponse:
    user = await users().aget(username=request.GET["user"])
    await auth.alogin(request, user, BACKEND)
    return HttpResponse()


def log_out(request: Any) -> HttpResponse:
    auth.logout(request)
    return HttpResponse()


def new_password(request: Any) -> HttpResponse:
    """Change the password, as Django's own view does."""
    user = request.user
    user.set_password(request.GET["password"])
    user.save()
    auth.update_session_auth_hash(request, user)
    return HttpResponse(status=int(request.GET.get("status", 200)))


async def new_password_async(request: Any) -> HttpResponse:
    user = await request.auser()
    user.set_password(request.GET["password"])
    await user.asave()
    request.user = user
    await auth.aupdate_session_auth_hash(request, user)
    return HttpResponse(status=int(request.GET.get("status", 200)))


def remember(request: Any) -> HttpResponse:
    request.session["cart"] = [1]
    return HttpResponse()


def who(request: Any) -> HttpResponse:
    session = request.session
    return JsonResponse(
        {
            "id": session.id,
            "user": session.user_id,
            "since": session.logged_in_at is not None,
            "unavailable": session.unavailable,
            "cart": session.get("cart"),
            "django": request.user.get_username(),
        }
    )


urlpatterns = [
    path("login", log_in),
    path("login-async", log_in_async),
    path("logout", log_out),
    path("password", new_password),
    path("password-async", new_password_async),
    path("remember", remember),
    path("who", who),
]


class Client(Browser):
    """A browser on the site."""

    options: SessionOptions
    handler: str = "wsgi"

    def get(self, target: str) -> Answer:
        visit = Visit(target=target, headers=[("cookie", self.header)] if self.cookies else [])
        with override_settings(
            ROOT_URLCONF=__name__,
            MIDDLEWARE=[
                project.SESSION_MIDDLEWARE,
                "django.contrib.auth.middleware.AuthenticationMiddleware",
            ],
            IRON_SESSION=self.options,
            **self.settings,
        ):
            if self.handler == "wsgi":
                answer = wsgi_driver.request(WSGIHandler(), visit)
            else:
                answer = asyncio.run(asgi_driver.request(ASGIHandler(), visit))
        for cookie in answer.cookies.values():
            if cookie.max_age == 0:
                self.cookies.pop(cookie.name, None)
            else:
                self.cookies[cookie.name] = cookie.value
        return answer

    @property
    def who(self) -> Any:
        """Whose session the site sees."""
        return self.get("/who").json

    settings: dict[str, Any] = {}  # noqa: RUF012 - a test replaces it


@pytest.fixture(params=["wsgi", "asgi"])
def handler(request: pytest.FixtureRequest) -> str:
    """Return the name of one of Django's handlers."""
    name: str = request.param
    return name


def browser(options: SessionOptions, handler: str = "wsgi") -> Client:
    client = Client()
    client.options, client.handler = options, handler
    return client


@pytest.mark.parametrize("view", ["login", "login-async"])
def test_a_login_begins_the_user_s_session_and_keeps_what_django_keeps(
    options: SessionOptions, handler: str, view: str
) -> None:
    client = browser(options, handler)
    client.get("/remember")
    before = client.who
    assert (before["user"], before["since"]) == (None, False)
    client.get(f"/{view}?user={ADA}")
    user = users().get(username=ADA)
    after = client.who
    assert after["id"] not in (None, before["id"])
    assert (after["user"], after["django"], after["since"]) == (str(user.pk), ADA, True)
    assert after["cart"] == [1]


def test_another_user_s_login_ends_the_session_before(
    options: SessionOptions, ledger: Ledger
) -> None:
    create_user("bob", "nobody guesses that")
    client = browser(options)
    client.get(f"/login?user={ADA}")
    client.get("/remember")
    first = client.who["id"]
    client.get("/login?user=bob")
    after = client.who
    assert (after["django"], after["cart"]) == ("bob", None)
    assert list(ledger.ended) == [first]


def test_a_logout_ends_the_id(options: SessionOptions, ledger: Ledger, handler: str) -> None:
    client = browser(options, handler)
    client.get(f"/login?user={ADA}")
    session_id, stolen = client.who["id"], browser(options)
    stolen.cookies = dict(client.cookies)
    client.get("/logout")
    assert list(ledger.ended) == [session_id]
    assert [len(ending.waited) for ending in ledger.endings] == [1]
    assert (client.cookies, stolen.who["django"]) == ({}, "")


@pytest.mark.parametrize("view", ["password", "password-async"])
def test_a_new_password_ends_the_user_s_other_sessions(
    options: SessionOptions, ledger: Ledger, handler: str, view: str
) -> None:
    client, other = browser(options, handler), browser(options)
    for one in (client, other):
        one.get(f"/login?user={ADA}")
        one.get("/remember")
    before = client.who
    assert client.get(f"/{view}?password=new").status == 200
    assert client.who == before
    assert other.who["cart"] is None
    user_id = str(users().get(username=ADA).pk)
    assert ledger.kept == {user_id: before["id"]}


@pytest.mark.parametrize("view", ["password", "password-async"])
def test_where_the_store_is_away_the_password_is_changed_and_the_log_says_the_rest(
    options: SessionOptions,
    ledger: Ledger,
    view: str,
    handler: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Django itself takes the others for logged out."""
    client, other = browser(options, handler), browser(options)
    for one in (client, other):
        one.get(f"/login?user={ADA}")
    ledger.clock = None
    assert client.get(f"/{view}?password=new").status == 200
    assert client.who["django"] == ADA
    assert other.who["django"] == ""
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "a password was changed" in record.message


def test_a_response_of_500_ends_nobody(
    options: SessionOptions, ledger: Ledger, handler: str
) -> None:
    client = browser(options, handler)
    client.get(f"/login?user={ADA}")
    client.get("/password?password=new&status=500")
    assert ledger.marks == {}


def test_without_revocations_a_login_still_says_whose_session_it_is() -> None:
    client = browser(make_options())
    client.get(f"/login?user={ADA}")
    assert client.who["since"]
    assert client.get("/password?password=new").status == 200
    assert client.who["django"] == ADA


def test_a_rotated_secret_key_ends_nobody(options: SessionOptions, ledger: Ledger) -> None:
    """Django writes a new hash then, too."""
    client = browser(options)
    client.settings = {"SECRET_KEY": "an older key of Django's, that was replaced"}
    client.get(f"/login?user={ADA}")
    client.settings = {
        "SECRET_KEY": "a newer key of Django's",
        "SECRET_KEY_FALLBACKS": ["an older key of Django's, that was replaced"],
    }
    before = client.cookies[NAME]
    assert client.who["django"] == ADA
    assert client.cookies[NAME] != before
    assert ledger.marks == {}


def test_user_of_decides_where_it_is_given(ledger: Ledger) -> None:
    options = make_options(
        revocations=ledger,
        max_lifetime=3600,
        ttl=3600,
        user_of=lambda data: data.get("_auth_user_id"),
    )
    client = browser(options)
    client.get(f"/login?user={ADA}")
    assert client.who["user"] == str(users().get(username=ADA).pk)


def test_a_login_where_it_can_not_be_told_begins_anew(
    options: SessionOptions, ledger: Ledger
) -> None:
    client = browser(options)
    client.get("/remember")
    ledger.reachable = False
    assert client.who["unavailable"]
    assert client.get(f"/login?user={ADA}").status == 200
    ledger.reachable = True
    after = client.who
    assert (after["django"], after["cart"], after["unavailable"]) == (ADA, None, False)


def test_a_login_while_the_store_was_never_reached_is_answered_with_503(
    options: SessionOptions, ledger: Ledger
) -> None:
    ledger.clock = None
    client = browser(options)
    answer = client.get(f"/login?user={ADA}")
    assert (answer.status, answer.cookies) == (503, {})


def test_a_login_elsewhere_is_none_of_this_session_s() -> None:
    """Some send the signal without a request, or with another kind of session."""
    user = SimpleNamespace(pk=1, save=lambda **_: None)
    user_logged_in.send(object, request=None, user=user)
    user_logged_in.send(object, request=SimpleNamespace(session={}), user=user)


def test_the_store_has_no_login_that_django_s_could_be_taken_for() -> None:
    assert not hasattr(SessionStore, "login")
