"""Django's integration: its settings, its session store, its middleware."""

import asyncio
import gc
import inspect
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookies
from django.contrib.sessions.middleware import SessionMiddleware
from django.core import checks
from django.core.cache import cache
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.template import engines
from django.template.response import TemplateResponse
from django.test import AsyncRequestFactory, Client, RequestFactory, override_settings
from django.urls import path as django_path
from django.utils.module_loading import import_string
from django.views.debug import ExceptionReporter

from iron_session import (
    ConfigurationError,
    CookieOptions,
    CookieTooLargeError,
    Flash,
    HeadersAlreadySentError,
    NotSerializableError,
    Session,
    SessionDestroyedError,
    unseal_data,
)
from iron_session.integrations import django
from iron_session.integrations.django import (
    IronSessionMiddleware,
    SessionStore,
    get_iron_session,
    get_session,
)
from iron_session.revocation import MemoryStore, Revocations
from tests.contract import asgi_driver, wsgi_driver
from tests.contract.common_app import FILE, Call
from tests.contract.door import Visit
from tests.contract.logs import errors_in, lost_changes
from tests.helpers.clock import Clock
from tests.integrations.django_site import project
from tests.sessions.browser import (
    NAME,
    OLD,
    PASSWORD,
    TTL,
    ReceivedCookie,
    expiration_of,
    make_options,
    open_text,
    saved,
)

DAY = 24 * 3600
DJANGOS_NAME = "sessionid"

View = Callable[[Any], Any]


def respond(view: View, *, cookie: str = "", middleware: Any = IronSessionMiddleware) -> Any:
    """Answer a request by a view within the middleware, as Django calls both."""

    def get_response(request: Any) -> Any:
        result = view(request)
        return result if isinstance(result, HttpResponseBase) else HttpResponse()

    headers = {"cookie": cookie} if cookie else {}
    return middleware(get_response)(RequestFactory().get("/", headers=headers))


def cookies_of(response: Any) -> dict[str, ReceivedCookie]:
    """Read the Set-Cookie headers of a response."""
    received = [ReceivedCookie.parse(one.OutputString()) for one in response.cookies.values()]
    return {cookie.name: cookie for cookie in received}


def cookie_of(response: Any, name: str = DJANGOS_NAME) -> ReceivedCookie:
    """Read the session's Set-Cookie header of a response."""
    return cookies_of(response)[name]


def write(request: Any) -> None:
    """A view that changes the session."""
    request.session["a"] = 1


def written_with(**settings: Any) -> ReceivedCookie:
    """Give the cookie of a site with these settings."""
    name = settings.get("SESSION_COOKIE_NAME", DJANGOS_NAME)
    with override_settings(**settings):
        return cookie_of(respond(write), name)


def header(data: dict[str, Any], **changes: Any) -> str:
    """Give the Cookie header of a browser with a session, by Django's name for the cookie."""
    return saved(data, **{"cookie_name": DJANGOS_NAME, **changes})


def give(**arguments: Any) -> dict[str, Any]:
    """Give the setting IRON_SESSION a value."""
    return {"IRON_SESSION": {"password": PASSWORD, **arguments}}


# --- settings ----------------------------------------------------------------------------------


def test_without_other_settings_the_name_is_django_s_and_the_rest_iron_session_s() -> None:
    """Secure too, though Django's own default is not."""
    cookie = written_with()
    assert cookie.name == "sessionid"
    assert cookie.attributes == {
        "Max-Age": str(TTL - 60),
        "Path": "/",
        "HttpOnly": None,
        "Secure": None,
        "SameSite": "Lax",
    }


@pytest.mark.parametrize(
    ("settings", "attributes"),
    [
        ({"SESSION_COOKIE_AGE": 3600}, {"Max-Age": "3540"}),
        ({"SESSION_COOKIE_DOMAIN": "example.com"}, {"Domain": "example.com"}),
        ({"SESSION_COOKIE_DOMAIN": ""}, {"Domain": ...}),
        ({"SESSION_COOKIE_PATH": "/app"}, {"Path": "/app"}),
        ({"SESSION_COOKIE_SECURE": False}, {"Secure": ...}),
        ({"SESSION_COOKIE_SECURE": None}, {"Secure": ...}),
        ({"SESSION_COOKIE_SECURE": True}, {"Secure": None}),
        ({"SESSION_COOKIE_HTTPONLY": False}, {"HttpOnly": ...}),
        ({"SESSION_COOKIE_SAMESITE": "Strict"}, {"SameSite": "Strict"}),
        ({"SESSION_COOKIE_SAMESITE": "None"}, {"SameSite": "None"}),
        ({"SESSION_COOKIE_SAMESITE": False}, {"SameSite": ...}),
        ({"SESSION_EXPIRE_AT_BROWSER_CLOSE": True}, {"Max-Age": ...}),
        ({"SESSION_EXPIRE_AT_BROWSER_CLOSE": False}, {"Max-Age": str(TTL - 60)}),
        ({"SESSION_EXPIRE_AT_BROWSER_CLOSE": False, **give(ttl=3600)}, {"Max-Age": "3540"}),
        (
            {"SESSION_COOKIE_PATH": "/a", **give(cookie_options={"priority": "high"})},
            {"Path": "/a"},
        ),
    ],
    ids=str,
)
def test_django_s_settings_are_respected_where_the_project_has_set_them(
    settings: dict[str, Any], attributes: dict[str, Any]
) -> None:
    found = written_with(**settings).attributes
    assert {name: found.get(name, ...) for name in attributes} == attributes


def test_the_cookie_is_named_by_django_s_setting_or_by_iron_session_s() -> None:
    assert written_with(SESSION_COOKIE_NAME="mine").name == "mine"
    with override_settings(**give(cookie_name="ours")):
        assert list(cookies_of(respond(write))) == ["ours"]


def test_a_session_of_the_browser_s_still_has_a_seal_that_expires(clock: Clock) -> None:
    cookie = written_with(SESSION_EXPIRE_AT_BROWSER_CLOSE=True)
    assert expiration_of(cookie.value) == clock.now + TTL * 1000


def test_ready_options_are_taken_as_they_are() -> None:
    options = make_options(cookie_options=CookieOptions(same_site="strict"))
    with override_settings(IRON_SESSION=options):
        assert cookie_of(respond(write), NAME).attributes["SameSite"] == "Strict"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"SESSION_COOKIE_NAME": "a", **give(cookie_name="b")}, "cookie_name"),
        ({"SESSION_COOKIE_AGE": 3600, **give(ttl=7200)}, "ttl"),
        ({"SESSION_COOKIE_SECURE": False, **give(cookie_options={"secure": True})}, "secure"),
        ({"SESSION_COOKIE_SECURE": False, **give(cookie_options=CookieOptions())}, "secure"),
        (
            {"SESSION_COOKIE_HTTPONLY": False, **give(cookie_options={"http_only": True})},
            "http_only",
        ),
        ({"SESSION_COOKIE_PATH": "/a", **give(cookie_options={"path": "/b"})}, "path"),
        ({"SESSION_COOKIE_DOMAIN": "a.example", **give(cookie_options={"domain": None})}, "domain"),
        ({"SESSION_COOKIE_DOMAIN": None, **give(cookie_options={"domain": "a.example"})}, "domain"),
        (
            {"SESSION_COOKIE_SAMESITE": "Lax", **give(cookie_options={"same_site": None})},
            "same_site",
        ),
        (
            {"SESSION_EXPIRE_AT_BROWSER_CLOSE": True, **give(cookie_options={"max_age": "auto"})},
            "max_age",
        ),
        (
            {"SESSION_EXPIRE_AT_BROWSER_CLOSE": False, **give(cookie_options={"max_age": None})},
            "max_age",
        ),
        ({"SESSION_COOKIE_AGE": 3600, "IRON_SESSION": make_options()}, "ttl"),
        ({"SESSION_COOKIE_NAME": "a", "IRON_SESSION": make_options()}, "cookie_name"),
    ],
    ids=str,
)
def test_an_option_that_contradicts_a_setting_is_refused_and_both_are_named(
    settings: dict[str, Any], named: str
) -> None:
    with override_settings(**settings), pytest.raises(ConfigurationError) as caught:
        WSGIHandler()
    assert next(iter(settings)) in str(caught.value)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"SESSION_COOKIE_NAME": "same", **give(cookie_name="same")},
        {"SESSION_COOKIE_AGE": 3600, **give(ttl=timedelta(hours=1))},
        {"SESSION_COOKIE_SAMESITE": "Strict", **give(cookie_options={"same_site": "strict"})},
        {"SESSION_EXPIRE_AT_BROWSER_CLOSE": True, **give(cookie_options={"max_age": None})},
        {"SESSION_COOKIE_NAME": NAME, "IRON_SESSION": make_options()},
    ],
    ids=str,
)
def test_an_option_that_says_the_same_as_a_setting_is_no_contradiction(
    settings: dict[str, Any],
) -> None:
    with override_settings(**settings):
        WSGIHandler()


@pytest.mark.parametrize("handler", [WSGIHandler, ASGIHandler])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"IRON_SESSION": None}, r"IRON_SESSION is missing.*Passwords\.from_env"),
        ({"IRON_SESSION": PASSWORD}, "IRON_SESSION can't be of type str"),
        ({"IRON_SESSION": {}}, "no password.*SECRET_KEY.*generate-password"),
        ({"IRON_SESSION": {"password": None}}, r"no password \(is its environment variable set"),
        ({"IRON_SESSION": {"password": "short"}}, "IRON_SESSION.*32"),
        (give(cookie_nam="x"), "not take 'cookie_nam'.*cookie_name, ttl"),
        (give(cookie={}), "not take 'cookie'; it takes password"),
        (give(cookieName="x"), "no cookieName: it is cookie_name here"),
        (give(httpOnly=True), r'no httpOnly: give cookie_options=\{"http_only"'),
        (give(cookie_options={"sameSite": "lax"}), "'sameSite', which is same_site here"),
        ({"IRON_SESSION": {"password": PASSWORD, 1: 2}}, "not take 1; it takes"),
        (give(cookie_options={"same_sight": "lax"}), "no 'same_sight'"),
        (give(cookie_options=1), "cookie_options must be"),
        ({"SESSION_COOKIE_PATH": "app"}, "SESSION_… settings: cookie_options.path can't be 'app'"),
        ({"SESSION_COOKIE_AGE": 0}, "SESSION_COOKIE_AGE must be more than 0"),
        ({"SESSION_COOKIE_AGE": "3600"}, "ttl must be seconds"),
        ({"SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies"}, project.ENGINE),
    ],
    ids=str,
)
def test_settings_that_can_t_work_are_refused_at_the_start(
    handler: Any, settings: dict[str, Any], message: str
) -> None:
    """Not at a request: when Django loads the middleware."""
    with override_settings(**settings), pytest.raises(ConfigurationError, match=message) as caught:
        handler()
    assert PASSWORD not in str(caught.value)


def test_a_missing_setting_is_refused() -> None:
    with override_settings():
        from django.conf import settings

        del settings.IRON_SESSION
        with pytest.raises(ConfigurationError, match="IRON_SESSION is missing"):
            WSGIHandler()


DJANGOS_MIDDLEWARE = "django.contrib.sessions.middleware.SessionMiddleware"


@pytest.mark.parametrize("handler", [WSGIHandler, ASGIHandler])
@pytest.mark.parametrize("others", [[], [project.SESSION_MIDDLEWARE]], ids=["alone", "and ours"])
def test_django_s_own_middleware_is_refused_at_the_start(handler: Any, others: list[str]) -> None:
    """It would write another cookie."""
    with (
        override_settings(MIDDLEWARE=[DJANGOS_MIDDLEWARE, *others]),
        pytest.raises(ConfigurationError, match="Replace it: MIDDLEWARE"),
    ):
        handler()


def test_beside_django_s_own_engine_and_middleware_all_can_be_used() -> None:
    """For sessions by hand, which need neither."""
    engine = "django.contrib.sessions.backends.signed_cookies"
    with override_settings(
        MIDDLEWARE=[DJANGOS_MIDDLEWARE], SESSION_ENGINE=engine, IRON_SESSION=None
    ):
        assert [getattr(django, name) for name in django.__all__]
        WSGIHandler()


def test_the_engine_has_no_other_names() -> None:
    with pytest.raises(ImportError, match="SessionStor"):
        import_string("iron_session.integrations.django.SessionStor")


def test_the_options_are_built_once_and_anew_when_tests_override_settings() -> None:
    def options() -> Any:
        return SessionStore().core.options

    usual = options()
    assert options() is usual
    with override_settings(SESSION_COOKIE_AGE=60):
        assert options().ttl == 60
    assert options() == usual


def test_django_s_own_checks_are_content() -> None:
    """The admin's asks for a subclass of Django's SessionMiddleware."""
    assert [one for one in checks.run_checks() if one.is_serious()] == []


# --- the store ---------------------------------------------------------------------------------


def key_of(store: SessionStore) -> str | None:
    """Give the key; by a function, since type checkers believe that an attribute stays as it is."""
    return store.session_key


def test_every_asynchronous_method_of_django_s_has_a_twin_without_a_thread() -> None:
    """Django's base class hands what it does not know to a thread."""
    inherited = [
        name
        for name, method in inspect.getmembers(SessionStore, inspect.iscoroutinefunction)
        if name not in vars(SessionStore) and "sync_to_async" in inspect.getsource(method)
    ]
    assert inherited == []


def test_the_store_is_a_session_of_django_s() -> None:
    store = SessionStore()
    assert isinstance(store, SessionBase)
    store["a"] = 1
    store.update({"b": 2})
    assert store.setdefault("c", 3) == 3
    assert (store.get("a"), store.get("x"), store.get("x", 5), "b" in store) == (1, None, 5, True)
    assert (store.pop("a"), store.pop("a", 7), store.pop("a", default=8)) == (1, 7, 8)
    with pytest.raises(KeyError):
        store.pop("a")
    del store["b"]
    assert (list(store.keys()), list(store.values()), list(store.items())) == (
        ["c"],
        [3],
        [("c", 3)],
    )
    assert store.has_key("c")
    assert dict(store) == {"c": 3}
    store.set_test_cookie()
    assert store.test_cookie_worked()
    store.delete_test_cookie()
    assert not store.is_empty()
    store.clear()
    assert store.is_empty()


def test_the_store_is_one_in_coroutines_too() -> None:
    async def use() -> None:
        store = SessionStore()
        await store.aset("a", 1)
        await store.aupdate({"b": 2})
        assert await store.asetdefault("c", 3) == 3
        assert (await store.aget("a"), await store.ahas_key("b")) == (1, True)
        assert (await store.apop("a"), await store.apop("a", 7)) == (1, 7)
        assert (dict(store), await store.aload()) == ({"b": 2, "c": 3}, {})
        await store.aset_expiry(60)
        assert await store.aget_expiry_age() == 60
        assert await store.aget_expire_at_browser_close() is False
        await store.aset_expiry(None)
        await store.asave()
        first = key_of(store)
        await store.acycle_key()
        assert first != key_of(store)
        assert await SessionStore(key_of(store)).aload() == {"b": 2, "c": 3}
        assert await store.aexists(key_of(store)) is True
        await store.adelete(first)
        assert not store.is_empty()
        await store.aflush()
        assert (store.is_empty(), key_of(store)) == (True, None)
        await store.acreate()
        assert key_of(store) is not None
        await store.adelete()
        assert key_of(store) is None
        await SessionStore.aclear_expired()

    asyncio.run(use())


def test_a_twin_does_what_a_subclass_makes_of_the_method() -> None:
    class Counting(SessionStore):
        saves = 0

        def save(self, must_create: bool = False, **terms: Any) -> None:
            self.saves += 1
            super().save(must_create, **terms)

    store = Counting()
    asyncio.run(store.asave())
    assert store.saves == 1


def test_the_key_is_the_sealed_text_and_another_store_reads_it() -> None:
    """As Django's test client does, and libraries that keep `request.session.session_key`."""
    store = SessionStore()
    assert key_of(store) is None
    store["a"] = [1]
    assert key_of(store) is None
    store.save(must_create=True)
    key = key_of(store)
    assert key is not None
    assert unseal_data(key, password=PASSWORD) == {"a": [1]}
    assert dict(SessionStore(key)) == {"a": [1]}
    assert key_of(SessionStore(key)) == key


@dataclass
class Guest:
    name: str = ""


def test_the_store_has_what_only_our_sessions_have(clock: Clock) -> None:
    with override_settings(IRON_SESSION=make_options(schema=Guest, max_lifetime=60 * DAY)):
        store = SessionStore()
        store.data = Guest("ada")
        store.ttl = timedelta(days=30)
        store.flash("Saved", "success")
        assert (store.created_at, store.expires_at) == (None, None)
        store.save()
        again = SessionStore(key_of(store))
        assert again.data == Guest("ada")
        assert again.ttl == timedelta(days=30)
        now = datetime.fromtimestamp(clock.now / 1000, UTC)
        assert (again.created_at, again.expires_at) == (now, now + timedelta(days=30))
        assert again.pop_flashes() == [Flash("Saved", "success")]


def test_set_and_unset_are_the_mapping_by_other_names() -> None:
    store = SessionStore()
    store.set("a", 1)
    store.unset("b")
    assert dict(store.items()) == {"a": 1}
    asyncio.run(store.aset("c", 3))
    store.unset("a")
    assert dict(store.items()) == {"c": 3}
    assert store.modified


@pytest.mark.parametrize("key", ["", "garbage", "a;b", "Fe26.2*", None])
def test_a_key_that_can_t_be_read_is_a_new_session(key: str | None) -> None:
    store = SessionStore(key)
    assert (key_of(store), dict(store), store.is_empty()) == (None, {}, True)


def test_each_save_gives_another_key() -> None:
    store = SessionStore()
    store["a"] = 1
    keys = set()
    for save in (store.save, store.save, store.create, store.cycle_key):
        save()
        keys.add(key_of(store))
    assert len(keys) == 4
    assert dict(store) == {"a": 1}


def test_an_empty_session_is_sealed_where_that_is_asked_for() -> None:
    """Django's test client needs a key to put into its cookie."""
    store = SessionStore()
    store.create()
    assert unseal_data(key_of(store) or "", password=PASSWORD) == {}
    assert not store.is_empty()
    response = respond(lambda request: request.session.create())
    assert unseal_data(cookie_of(response).value, password=PASSWORD) == {}


@pytest.mark.parametrize("end", ["flush", "delete"])
def test_a_session_that_was_ended_has_no_key_until_it_is_saved_again(end: str) -> None:
    store = SessionStore(header({"a": 1}).partition("=")[2])
    assert dict(store) == {"a": 1}
    getattr(store, end)()
    assert (key_of(store), store.is_empty(), dict(store)) == (None, True, {})
    store["b"] = 2
    assert key_of(store) is None
    store.save()
    assert dict(SessionStore(key_of(store))) == {"b": 2}


def test_a_session_is_deleted_by_its_own_key_and_not_by_another_s() -> None:
    store = SessionStore(header({"a": 1}).partition("=")[2])
    store.delete(header({"b": 2}).partition("=")[2])
    assert dict(store) == {"a": 1}
    store.delete(key_of(store))
    assert dict(store) == {}


def test_what_is_loaded_is_what_was_saved() -> None:
    """As in Django, where it is read from the store anew."""
    told: list[object] = []
    with override_settings(**give(on_unseal=told.append)):
        store = SessionStore(header({"a": 1}).partition("=")[2])
        assert store.load() == {"a": 1}
        store["a"] = 2
        assert (store.load(), dict(store)) == ({"a": 1}, {"a": 2})
        store.load()["a"] = 3
        store.save()
        assert store.load() == {"a": 2}
        assert asyncio.run(store.aload()) == {"a": 2}
        store.flush()
        assert store.load() == {}
        store["b"] = 1
        assert (store.load(), SessionStore().load()) == ({}, {})
    assert len(told) == 1


def test_a_key_exists_where_it_opens() -> None:
    """A library may ask for the session of a key that a mobile application has sent."""
    key = header({"a": 1}).partition("=")[2]
    assert SessionStore().exists(key)
    assert SessionStore(key).exists(key)
    assert asyncio.run(SessionStore().aexists(key))
    assert not SessionStore().exists()
    tampered = f"{key[:100]}!{key[101:]}"
    for other in ("", "garbage", tampered, key[:-9], "x" * 100_000, "\ud800", "é"):
        assert not SessionStore().exists(other)
        assert not asyncio.run(SessionStore().aexists(other))


def test_a_key_of_a_session_that_was_ended_does_not_exist() -> None:
    """With `revocations`, wherever it was ended; a token in a header is such a key."""
    with (
        closing(Revocations(MemoryStore(), namespace="keys")) as revocations,
        override_settings(**give(revocations=revocations, max_lifetime=timedelta(days=30))),
    ):
        keys = []
        for user in ("1", "2"):
            store = SessionStore()
            store.core.login(user)
            store.save()
            keys.append(key_of(store) or "")
        assert [SessionStore().exists(key) for key in keys] == [True, True]
        revocations.end_user("1")
        SessionStore(keys[1]).flush()
        assert [SessionStore().exists(key) for key in keys] == [False, False]
        assert [SessionStore(key).is_empty() for key in keys] == [True, True]


def test_a_key_that_does_not_open_does_not_exist(clock: Clock) -> None:
    old = header({"a": 1}, password=OLD).partition("=")[2]
    brief = header({"a": 1}, ttl=60).partition("=")[2]
    misfit = header({"name": 1}).partition("=")[2]
    assert not SessionStore().exists(old)
    assert SessionStore().exists(brief)
    clock.advance(121)
    assert not SessionStore().exists(brief)
    with override_settings(IRON_SESSION=make_options(schema=Guest)):
        assert not SessionStore().exists(misfit)


def test_a_question_for_a_key_tells_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """And reads no cookie: the response does not depend on it."""
    told: list[object] = []
    with override_settings(**give(on_unseal=told.append, on_unseal_error=told.append)):
        key = header({"a": 1}).partition("=")[2]

        def ask(request: Any) -> None:
            assert [request.session.exists(each) for each in (key, "garbage")] == [True, False]

        response = respond(ask, cookie=header({"b": 1}))
    assert "Vary" not in response.headers
    assert (told, caplog.records) == ([], [])


@pytest.mark.parametrize("end", ["flush", "delete"])
def test_a_key_that_the_session_itself_has_ended_exists_no_more(end: str) -> None:
    """Elsewhere nobody knows of that: the server keeps no list of sessions."""
    key = header({"a": 1}).partition("=")[2]
    store = SessionStore(key)
    getattr(store, end)()
    assert not store.exists(key)
    assert SessionStore().exists(key)
    store["b"] = 2
    store.save()
    assert store.exists(key_of(store))


def test_nobody_knows_which_keys_have_expired() -> None:
    SessionStore.clear_expired()


@pytest.mark.parametrize(
    "assign",
    [
        lambda store, value: store.__setitem__("when", value),
        lambda store, value: store.setdefault("when", value),
        lambda store, value: store.update({"when": value}),
        lambda store, value: asyncio.run(store.aset("when", value)),
    ],
)
@pytest.mark.parametrize("value", [datetime(2024, 2, 29, tzinfo=UTC), {1}, object(), b"x"])
def test_what_json_can_t_carry_is_refused_where_it_is_assigned(
    assign: Callable[[Any, Any], Any], value: Any
) -> None:
    store = SessionStore()
    with pytest.raises(NotSerializableError, match=r'session\["when"\]'):
        assign(store, value)
    assert dict(store) == {}


def test_django_s_way_around_its_methods_works() -> None:
    """Some libraries reach for the dict behind them."""
    store = SessionStore()
    store._session["a"] = 1
    assert store._session_cache == {"a": 1}
    store._session_cache = {"b": 2}
    assert dict(store) == {"b": 2}


def marks(store: SessionStore) -> set[str]:
    """Name what is true of a session just now."""
    return {name for name in ("accessed", "modified") if getattr(store, name)}


def test_marks_are_those_of_the_session() -> None:
    store = SessionStore()
    assert marks(store) == set()
    assert store.get("a") is None
    assert marks(store) == {"accessed"}
    store.accessed = False
    assert (marks(store), store.core.accessed) == (set(), False)
    store["a"] = {"b": []}
    assert "modified" in marks(store)
    store.save()
    store["a"] = {"b": []}
    assert "modified" not in marks(store)
    store["a"]["b"].append(1)
    assert "modified" in marks(store)
    store.save()
    store.modified = True
    assert "modified" in marks(store)
    store.modified = False
    assert "modified" not in marks(store)


def test_a_session_that_is_marked_as_modified_is_written_though_nothing_changed() -> None:
    def mark(request: Any) -> None:
        request.session.modified = True

    assert list(cookies_of(respond(mark, cookie=header({"a": 1})))) == [DJANGOS_NAME]
    assert cookies_of(respond(mark)) == {}


def change(data: dict[str, Any], *then: Callable[[Any], object]) -> View:
    """Make a view that changes the session, says that it did not, and goes on."""

    def view(request: Any) -> None:
        request.session.update(data)
        request.session.modified = False
        for step in then:
            step(request.session)

    return view


BEFORE = {"a": 1, "nested": {"list": [1]}}


def test_a_change_that_is_called_none_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    """As in Django; and nobody has lost what was to be lost."""
    seen: list[set[str]] = []
    view = change({"a": 2}, lambda session: seen.append(marks(session)))
    response = respond(view, cookie=header(BEFORE))
    response.close()
    assert cookies_of(response) == {}
    assert seen == [{"accessed"}]
    assert response.headers["Vary"] == "Cookie"
    assert lost_changes(caplog) == []
    assert cookies_of(respond(change({"a": 1}))) == {}


@pytest.mark.parametrize(
    "step",
    [
        lambda session: session.__setitem__("b", 2),
        lambda session: session["nested"]["list"].append(2),
        lambda session: session.pop("nested"),
        lambda session: setattr(session, "modified", True),
        lambda session: session.save(),
        lambda session: session.set_expiry(3600),
    ],
)
def test_what_comes_after_it_is_written_with_all_before(step: Callable[[Any], object]) -> None:
    cookie = cookie_of(respond(change({"a": 2}, step), cookie=header(BEFORE)))
    assert unseal_data(cookie.value, password=PASSWORD)["a"] == 2


def test_a_change_that_is_called_none_is_not_written_by_a_renewal_either() -> None:
    cookie = header(BEFORE, password=OLD)
    with override_settings(**give(password={1: OLD, 2: PASSWORD})):
        assert cookies_of(respond(change({"a": 2}), cookie=cookie)) == {}
        renewed = cookie_of(respond(change({"a": 1}), cookie=cookie))
    assert unseal_data(renewed.value, password={2: PASSWORD}) == BEFORE


def test_a_change_that_is_called_none_is_written_where_every_response_writes() -> None:
    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        cookie = cookie_of(respond(change({"a": 2}), cookie=header(BEFORE)))
    assert unseal_data(cookie.value, password=PASSWORD) == {**BEFORE, "a": 2}


@pytest.mark.parametrize("end", ["flush", "clear", "delete"])
@pytest.mark.parametrize("then", [{}, {"b": 2}], ids=["", "and written anew"])
def test_a_session_that_was_ended_is_expired_whatever_it_is_called(
    end: str, then: dict[str, Any]
) -> None:
    def view(request: Any) -> None:
        getattr(request.session, end)()
        request.session.update(then)
        request.session.modified = False

    cookie = cookie_of(respond(view, cookie=header(BEFORE)))
    assert (cookie.value, cookie.max_age) == ("", 0)


# --- set_expiry --------------------------------------------------------------------------------


def expire(*values: Any) -> View:
    """Make a view that sets the session's expiry, again and again."""

    def view(request: Any) -> None:
        request.session["a"] = 1
        for value in values:
            request.session.set_expiry(value)

    return view


def test_a_session_may_end_with_the_browser_while_its_seal_expires(clock: Clock) -> None:
    cookie = cookie_of(respond(expire(0)))
    assert cookie.max_age is None
    assert expiration_of(cookie.value) == clock.now + TTL * 1000


def test_a_session_may_have_a_life_of_its_own(clock: Clock) -> None:
    cookie = cookie_of(respond(expire(3600)))
    assert cookie.max_age == 3540
    assert expiration_of(cookie.value) == clock.now + 3600 * 1000


def test_a_life_of_its_own_goes_before_the_browser_s_end() -> None:
    with override_settings(SESSION_EXPIRE_AT_BROWSER_CLOSE=True):
        assert cookie_of(respond(expire(3600))).max_age == 3540


@pytest.mark.parametrize("kind", ["datetime", "timedelta", "naive"])
def test_a_session_may_end_at_a_moment_and_no_save_moves_that(kind: str) -> None:
    now = datetime.now(UTC)
    with override_settings(USE_TZ=kind != "naive"):
        value: Any = now + timedelta(hours=1)
        if kind == "naive":
            value = datetime.now() + timedelta(hours=1)
        cookie = cookie_of(respond(expire(timedelta(hours=1) if kind == "timedelta" else value)))
        end = (now + timedelta(hours=1)).timestamp() * 1000
        assert abs((expiration_of(cookie.value) or 0) - end) < 30_000
        assert cookie.max_age is not None
        assert 3500 < cookie.max_age <= 3540
        again = cookie_of(respond(write_other, cookie=f"{cookie.name}={cookie.value}"))
    assert abs((expiration_of(again.value) or 0) - (expiration_of(cookie.value) or 0)) < 10


def write_other(request: Any) -> None:
    """A view that makes another change."""
    request.session["other"] = 1


def test_a_life_of_its_own_is_kept_by_later_saves(clock: Clock) -> None:
    first = cookie_of(respond(expire(3600)))
    clock.advance(1800)
    second = cookie_of(respond(write_other, cookie=f"{first.name}={first.value}"))
    assert second.max_age == 3540
    assert expiration_of(second.value) == clock.now + 3600 * 1000


def test_a_life_of_its_own_is_kept_by_renewals(clock: Clock) -> None:
    """After the same part of it as of any other: here half."""
    with override_settings(**give(renew_after=TTL // 2)):
        first = cookie_of(respond(expire(3600)))
        back = f"{first.name}={first.value}"
        clock.advance(3540 // 2)
        assert cookies_of(respond(look, cookie=back)) == {}
        clock.advance(1)
        second = cookie_of(respond(look, cookie=back))
    assert second.max_age == 3540


def look(request: Any) -> None:
    """A view that only looks."""
    request.session.get("a")


def test_a_session_that_ends_with_the_browser_does_so_after_later_saves() -> None:
    first = cookie_of(respond(expire(0)))
    second = cookie_of(respond(write_other, cookie=f"{first.name}={first.value}"))
    assert second.max_age is None


@pytest.mark.parametrize("values", [(3600, None), (0, None), (None,), (3600, 0, None)], ids=str)
def test_none_follows_the_options_again(clock: Clock, values: tuple[Any, ...]) -> None:
    cookie = cookie_of(respond(expire(*values)))
    assert cookie.max_age == TTL - 60
    assert open_text(cookie.value, now=clock.now) == {"a": 1}


@pytest.mark.parametrize(("before", "max_age"), [(3600, 3540), (0, None)])
def test_none_follows_the_options_again_in_a_later_request(
    clock: Clock, before: int, max_age: int | None
) -> None:
    first = cookie_of(respond(expire(before)))
    assert first.max_age == max_age
    cookie = cookie_of(respond(expire(None), cookie=f"{first.name}={first.value}"))
    assert cookie.max_age == TTL - 60
    assert open_text(cookie.value, now=clock.now) == {"a": 1}


def test_the_browser_s_end_follows_a_life_of_its_own_with_the_ttl_of_the_options(
    clock: Clock,
) -> None:
    first = cookie_of(respond(expire(3600)))
    cookie = cookie_of(respond(expire(0), cookie=f"{first.name}={first.value}"))
    assert (cookie.max_age, expiration_of(cookie.value)) == (None, clock.now + TTL * 1000)


def test_terms_that_were_saved_in_the_same_request_are_dropped_too() -> None:
    def view(request: Any) -> None:
        request.session["a"] = 1
        request.session.set_expiry(0)
        request.session.save()
        request.session.set_expiry(None)

    assert cookie_of(respond(view)).max_age == TTL - 60


def test_no_life_is_longer_than_the_longest(clock: Clock) -> None:
    """Also of a session that got its own before there was a longest."""
    first = cookie_of(respond(expire(60 * DAY)))
    with override_settings(**give(max_lifetime=30 * DAY)):
        for cookie in (
            cookie_of(respond(expire(60 * DAY))),
            cookie_of(respond(write_other, cookie=f"{first.name}={first.value}")),
        ):
            assert expiration_of(cookie.value) == clock.now + 30 * DAY * 1000


@pytest.mark.parametrize("value", [-1, datetime(2020, 1, 1, tzinfo=UTC), timedelta(-1)], ids=str)
def test_a_session_whose_end_is_past_is_ended(value: Any) -> None:
    """Never sealed with a ttl of 0, which would be for ever."""
    assert cookies_of(respond(expire(value))) == {}
    cookie = cookie_of(respond(expire(value), cookie=header({"a": 1})))
    assert (cookie.value, cookie.max_age) == ("", 0)


def test_a_save_in_the_minute_after_the_end_gives_no_more_time(clock: Clock) -> None:
    """Other machines' clocks may be off, so a seal is taken for that long."""
    end = datetime.fromtimestamp(clock.now / 1000, UTC) + timedelta(hours=1)
    first = cookie_of(respond(expire(end)))
    clock.advance(3659)
    back = f"{first.name}={first.value}"
    for view in (write_other, look, lambda request: request.session.save()):
        cookie = cookie_of(respond(view, cookie=back))
        assert (cookie.value, cookie.max_age) == ("", 0)


def test_a_save_by_hand_of_a_session_that_has_ended_expires_at_once(clock: Clock) -> None:
    store = SessionStore()
    store.set_expiry(datetime(2020, 1, 1, tzinfo=UTC))
    store.save()
    assert expiration_of(key_of(store) or "") == clock.now + 1


ODD_EXPIRIES = [
    True,
    False,
    "",
    "soon",
    "3600",
    "2027-13-01T00:00:00+00:00",
    "0001-01-01T00:00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59",
    "2500-01-01T00:00:00+00:00",
    "\ud800",
    10**11,
    10**400,
    -(10**400),
    1e308,
    -1e308,
    [],
    [3600],
    {},
    {"seconds": 3600},
]
"""What `set_expiry` can't have written: a visitor's words that the application has taken over."""


def ask_for_expiry(request: Any) -> None:
    """A view that asks for all that Django's sessions tell of their end."""
    session = request.session
    assert session.get_expire_at_browser_close() is False
    assert session.get_expiry_age() == TTL
    now = datetime.now(UTC)
    assert session.get_expiry_date(modification=now) == now + timedelta(seconds=TTL)


@pytest.mark.parametrize("value", ODD_EXPIRIES, ids=lambda value: repr(value)[:30])
def test_an_expiry_that_set_expiry_can_t_have_written_counts_for_nothing(
    clock: Clock, value: Any
) -> None:
    back = header({"a": 1, "_session_expiry": value})
    for view in (look, ask_for_expiry):
        assert cookies_of(respond(view, cookie=back)) == {}
    for view in (write_other, lambda request: request.session.save()):
        cookie = cookie_of(respond(view, cookie=back))
        assert (cookie.max_age, expiration_of(cookie.value)) == (TTL - 60, clock.now + TTL * 1000)
    with override_settings(**give(max_lifetime=60 * DAY, renew_after=DAY)):
        assert cookie_of(respond(look, cookie=back)).max_age == TTL - 60
    assert cookie_of(respond(expire(3600), cookie=back)).max_age == 3540
    assert cookie_of(respond(expire(None), cookie=back)).max_age == TTL - 60


@pytest.mark.parametrize("value", ODD_EXPIRIES, ids=lambda value: repr(value)[:30])
def test_such_an_expiry_does_no_harm_in_coroutines(value: Any) -> None:
    async def view(request: Any) -> None:
        session = request.session
        assert await session.aget_expire_at_browser_close() is False
        assert await session.aget_expiry_age() == TTL
        now = datetime.now(UTC)
        assert await session.aget_expiry_date(modification=now) == now + timedelta(seconds=TTL)
        await session.aset("b", 2)

    response = asyncio.run(respond_async(view, header({"_session_expiry": value})))
    assert cookie_of(response).max_age == TTL - 60


@pytest.mark.parametrize("kept", ["2027-01-15T09:00:00", "2027-01-15T09:00:00+00:00"])
@pytest.mark.parametrize("use_tz", [True, False])
def test_a_moment_is_understood_whether_the_site_has_time_zones_or_not(
    clock: Clock, kept: str, use_tz: bool
) -> None:
    """The site may have changed its mind: Django itself fails at each request then."""
    end = datetime.fromisoformat(kept).timestamp()
    with override_settings(USE_TZ=use_tz):
        store = SessionStore(header({"_session_expiry": kept}).partition("=")[2])
        assert store.get_expiry_age() == end - clock.now // 1000
        assert store.get_expiry_date().timestamp() == end
        assert (store.get_expiry_date().tzinfo is None) != use_tz
        given = datetime.fromtimestamp(end - 60, UTC)
        assert store.get_expiry_age(modification=given) == 60
        assert store.get_expiry_age(modification=given, expiry=30) == 30


@pytest.mark.parametrize("value", [*ODD_EXPIRIES, timedelta(days=200_000), datetime.max], ids=repr)
def test_what_can_t_be_an_expiry_is_refused_where_it_is_set(value: Any) -> None:
    store = SessionStore()
    with pytest.raises(ConfigurationError, match="set_expiry takes seconds, a datetime"):
        store.set_expiry(value)
    with pytest.raises(ConfigurationError, match=f"not this {type(value).__name__}"):
        asyncio.run(store.aset_expiry(value))
    assert dict(store) == {}


def test_ages_are_those_of_the_options() -> None:
    store = SessionStore()
    assert store.get_session_cookie_age() == store.get_expiry_age() == TTL
    assert not store.get_expire_at_browser_close()
    store.set_expiry(0)
    assert store.get_expire_at_browser_close()
    store.set_expiry(60)
    assert (store.get_expiry_age(), store.get_expire_at_browser_close()) == (60, False)
    with override_settings(**give(ttl=0, cookie_options={"max_age": None})):
        forever = SessionStore()
        assert forever.get_expire_at_browser_close()
        assert forever.get_expiry_date() > datetime.now(UTC) + timedelta(days=20_000)


def test_a_save_may_be_given_terms_as_in_every_framework(clock: Clock) -> None:
    def remember(request: Any) -> None:
        request.session["a"] = 1
        request.session.save(ttl=30 * DAY, cookie_options={"same_site": "strict"})

    cookie = cookie_of(respond(remember))
    assert (cookie.max_age, cookie.attributes["SameSite"]) == (30 * DAY - 60, "Strict")


# --- the middleware ----------------------------------------------------------------------------


def test_the_middleware_is_one_of_django_s() -> None:
    assert issubclass(IronSessionMiddleware, SessionMiddleware)


@pytest.mark.parametrize("status", [500, 503])
def test_a_response_of_a_broken_server_writes_nothing(
    caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """As in Django; but caches are told that it depends on the cookie."""

    def fail(request: Any) -> HttpResponse:
        request.session["a"] = 2
        return HttpResponse(status=status)

    response = respond(fail, cookie=header({"a": 1}))
    response.close()
    assert cookies_of(response) == {}
    assert response.headers["Vary"] == "Cookie"
    assert lost_changes(caplog) == []


@pytest.mark.parametrize("status", [404, 499])
def test_a_response_of_a_visitor_s_error_does(status: int) -> None:
    def refuse(request: Any) -> HttpResponse:
        request.session["a"] = 2
        return HttpResponse(status=status)

    assert cookie_of(respond(refuse)).max_age == TTL - 60


def test_every_response_writes_the_session_where_django_s_setting_asks_for_it() -> None:
    """One that there is, that is, and not by a broken response."""
    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        response = respond(lambda request: None, cookie=header({"a": 1}))
        broken = respond(lambda request: HttpResponse(status=500), cookie=header({"a": 1}))
        assert cookies_of(respond(lambda request: None)) == {}
    assert cookie_of(response).max_age == TTL - 60
    assert cookies_of(broken) == {}


def test_an_empty_session_stays_where_every_response_writes_one() -> None:
    """Some create one for every visitor, to have a key to know them by."""
    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        first = cookie_of(respond(lambda request: request.session.create()))
        again = respond(look, cookie=f"{first.name}={first.value}")
    assert cookies_of(again) == {}


class Answering:
    """What Django tells, and its answer, when a session can't be written."""

    def __init__(self) -> None:
        self.reports: list[Any] = []

    def hear(self, **_: Any) -> None:
        self.reports.append(sys.exc_info())

    @property
    def told(self) -> list[str]:
        return [kind.__name__ for kind, *_ in self.reports]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Listen to what Django tells."""
    listener = Answering()
    got_request_exception.connect(listener.hear)
    yield listener
    got_request_exception.disconnect(listener.hear)


@pytest.mark.parametrize(
    "replacement",
    [
        lambda: {"b": 2},
        lambda: filled(SessionStore()),
        lambda: filled(SignedCookies()),
    ],
    ids=["a dict", "another of ours", "one of Django's"],
)
def test_what_is_put_in_the_session_s_place_is_taken_over(replacement: Callable[[], Any]) -> None:
    requests: list[Any] = []

    def replace(request: Any) -> None:
        requests.append(request)
        request.session = replacement()

    cookie = cookie_of(respond(replace, cookie=header({"a": 1})))
    assert unseal_data(cookie.value, password=PASSWORD) == {"b": 2}
    assert type(requests[0].session) is SessionStore
    assert requests[0].session.core is get_session(requests[0])


def filled(store: Any) -> Any:
    """Put something into a session."""
    store["b"] = 2
    return store


def test_a_store_of_the_same_data_in_the_session_s_place_changes_nothing() -> None:
    def replace(request: Any) -> None:
        request.session = SessionStore(request.session.session_key)

    assert cookies_of(respond(replace, cookie=header({"a": 1}))) == {}


def test_what_json_can_t_carry_is_refused_in_the_session_s_place_too(answering: Answering) -> None:
    """Once, and the browser keeps what it has."""

    def replace(request: Any) -> None:
        request.session = {"when": datetime(2024, 2, 29)}

    response = respond(replace, cookie=header({"a": 1}))
    assert (response.status_code, response.content) == (413, b"NotSerializableError")
    assert answering.told == ["NotSerializableError"]
    assert cookies_of(response) == {}


def test_a_session_that_was_taken_away_is_written_as_it_was() -> None:
    def take_away(request: Any) -> None:
        request.session["a"] = 1
        del request.session

    assert unseal_data(cookie_of(respond(take_away)).value, password=PASSWORD) == {"a": 1}


def too_much(request: Any) -> None:
    """A view that writes more than a cookie holds."""
    request.session["large"] = "x" * 8000


def test_a_session_that_can_t_be_written_is_told_as_an_exception_of_a_view(
    answering: Answering,
) -> None:
    """By the signal that error trackers listen to, and to `handler500`, which answers 413 here."""
    response = respond(too_much, cookie=header({"a": 1}))
    assert (response.status_code, response.content) == (413, b"CookieTooLargeError")
    assert answering.told == ["CookieTooLargeError"]
    assert cookies_of(response) == {}


def test_an_error_report_leads_to_nothing_secret(answering: Answering) -> None:
    """Django's shows the variables of every frame."""
    respond(too_much, cookie=header({"a": "secret"}))
    report = ExceptionReporter(None, *answering.reports[0])
    shown = [name for frame in report.get_traceback_frames() for name, _ in frame["vars"]]
    assert "failure" in shown
    assert not {"seal", "data", "json", "stored", "store"} & set(shown)


def test_the_test_client_raises_it() -> None:
    with override_settings(MIDDLEWARE=[project.SESSION_MIDDLEWARE]):
        call = Call(action="update", value={"large": "x" * 8000})
        with pytest.raises(CookieTooLargeError):
            Client().get(f"/?{call.query}")
        call = Call(action="destroy", then="start over")
        with pytest.raises(SessionDestroyedError):
            Client(headers={"cookie": header({"a": 1})}).get(f"/?{call.query}")


def test_the_answer_closes_what_the_response_in_its_place_has_opened() -> None:
    files: list[Any] = []

    def send(request: Any) -> FileResponse:
        too_much(request)
        files.append(FILE.open("rb"))
        return FileResponse(files[0])

    response = respond(send)
    assert response.status_code == 413
    response.close()
    assert files[0].closed


def test_a_change_after_the_response_is_logged_when_it_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By other middleware, say: Django's own would lose it without a word."""
    requests: list[Any] = []

    def look_and_keep(request: Any) -> None:
        request.session.get("a")
        requests.append(request)

    response = respond(look_and_keep)
    requests[0].session["a"] = 1
    assert lost_changes(caplog) == []
    response.close()
    assert len(lost_changes(caplog)) == 1


def test_a_request_without_a_session_is_told_what_is_missing() -> None:
    middleware = IronSessionMiddleware(lambda request: HttpResponse())
    request = RequestFactory().get("/")
    with pytest.raises(ConfigurationError, match="MIDDLEWARE"):
        get_session(request)
    middleware.process_request(request)
    assert isinstance(get_session(request), Session)


def test_the_middleware_twice_is_refused() -> None:
    twice = IronSessionMiddleware(IronSessionMiddleware(lambda request: HttpResponse()))
    with pytest.raises(ConfigurationError, match="installed twice"):
        twice(RequestFactory().get("/"))


class SameKey(IronSessionMiddleware):
    options = make_options(cookie_name="other")


@pytest.mark.parametrize("others", [(SameKey,), (SameKey, IronSessionMiddleware)])
def test_two_sessions_with_one_key_or_one_cookie_are_refused(others: Any) -> None:
    with pytest.raises(ConfigurationError, match="installed twice"):
        respond(lambda request: None, middleware=lambda view: wrap(view, *others))


class Outer(IronSessionMiddleware):
    options = make_options(cookie_name="sessionid.0")
    key = "outer_session"


def test_a_session_with_the_name_of_another_s_chunk_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="installed twice"):
        respond(lambda request: None, middleware=lambda view: wrap(view, Outer))


def wrap(view: Any, *others: Any) -> Any:
    """Put a view into the middleware, and that into others."""
    app = IronSessionMiddleware(view)
    for other in others:
        app = other(app)
    return app


@pytest.mark.parametrize("status", [200, 500])
def test_a_first_look_once_the_response_has_gone_comes_too_late(
    caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """It reads, and writes nothing; nor does the response say that it depends on the cookie."""
    requests: list[Any] = []

    def view(request: Any) -> HttpResponse:
        requests.append(request)
        return HttpResponse(status=status)

    response = respond(view, cookie=header({"a": 1}))
    session = requests[0].session
    assert dict(session) == {"a": 1}
    assert get_session(requests[0]) is session.core
    (unvaried,) = errors_in(caplog)
    assert "first read after" in unvaried
    session["a"] = 2
    with pytest.raises(HeadersAlreadySentError):
        session.save()
    response.close()
    assert cookies_of(response) == {}
    assert errors_in(caplog) == [unvaried]


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "no more"])
def test_a_change_in_a_session_that_nobody_has_looked_at_in_time_is_logged(
    caplog: pytest.LogCaptureFixture, is_closed: bool
) -> None:
    """By what goes on in the background with the request, or with its session alone."""
    kept: list[Any] = []
    response = respond(lambda request: kept.append(request.session), cookie=header({"a": 1}))
    if is_closed:
        response.close()
    else:
        del response
    kept[0]["a"] = 2
    (message,) = errors_in(caplog)
    assert "is lost" in message
    with pytest.raises(HeadersAlreadySentError):
        kept[0].save()


def test_a_request_that_leaves_its_session_alone_leaves_no_circle() -> None:
    """Nothing of it waits for the garbage collector."""
    responses: list[weakref.ref[Any]] = []

    def view(request: Any) -> Any:
        response = TemplateResponse(request, engines["django"].from_string("hello"))
        responses.append(weakref.ref(response))
        return response.render()

    gc.collect()
    gc.disable()
    try:
        respond(view)
        assert responses[0]() is None
    finally:
        gc.enable()


def test_another_request_s_session_in_the_place_of_ours_is_copied() -> None:
    """As tools do that render a page within a request."""
    sessions: list[Any] = []

    def view(request: Any) -> HttpResponse:
        sessions.append(request.session)
        request.session = sessions[0]
        return HttpResponse()

    app = IronSessionMiddleware(view)
    answers = [
        app(RequestFactory().get("/", headers={"cookie": header(data)}))
        for data in ({"b": 2}, {"a": 1})
    ]
    assert cookies_of(answers[0]) == {}
    cookie = cookie_of(answers[1])
    assert unseal_data(cookie.value, password=PASSWORD) == {"b": 2}


class Admin(IronSessionMiddleware):
    options = make_options(cookie_name="admin", password=OLD)
    key = "admin_session"


class WithoutOptions(IronSessionMiddleware):
    key = "admin_session"


def test_a_second_session_has_options_and_a_name_of_its_own() -> None:
    def view(request: Any) -> None:
        request.admin_session["a"] = 1
        assert get_session(request, key="admin_session") is request.admin_session.core

    response = respond(view, middleware=lambda view: IronSessionMiddleware(Admin(view)))
    cookie = cookie_of(response, "admin")
    assert list(cookies_of(response)) == ["admin"]
    assert unseal_data(cookie.value, password=OLD) == {"a": 1}


def test_a_second_session_stands_beside_one_of_django_s_own() -> None:
    with override_settings(
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies", IRON_SESSION=None
    ):

        def view(request: Any) -> None:
            assert type(request.session) is SignedCookies
            request.session["a"] = 1
            request.admin_session["b"] = 2

        response = respond(view, middleware=lambda view: SessionMiddleware(Admin(view)))
    assert set(response.cookies) == {"sessionid", "admin"}


def test_a_second_session_without_options_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="options must be a SessionOptions"):
        WithoutOptions(lambda request: HttpResponse())


class Named(IronSessionMiddleware):
    options = make_options(cookie_name="mine")


def test_the_first_session_may_have_its_options_in_a_subclass_too() -> None:
    with override_settings(IRON_SESSION=None):
        assert list(cookies_of(respond(write, middleware=Named))) == ["mine"]


class OwnStore(SessionStore):
    """A project's own kind of session."""

    def count(self) -> int:
        self["count"] = self.get("count", 0) + 1
        return int(self["count"])


def test_a_project_may_have_an_engine_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ModuleType("own_engine")
    engine.__dict__["SessionStore"] = OwnStore
    monkeypatch.setitem(sys.modules, "own_engine", engine)
    with override_settings(SESSION_ENGINE="own_engine"):
        response = respond(lambda request: HttpResponse(b"%d" % request.session.count()))
    assert response.content == b"1"
    assert unseal_data(cookie_of(response).value, password=PASSWORD) == {"count": 1}


def test_a_cookie_may_have_a_name_that_python_s_own_cookies_refuse() -> None:
    with override_settings(**give(cookie_name="path")):
        first = cookie_of(respond(write), "path")
        back = f"path={first.value}"
        assert cookie_of(respond(write_other, cookie=back), "path").value != first.value


# --- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "view",
    [
        lambda request: JsonResponse(request.session),
        lambda request: JsonResponse(request.session, safe=False),
        lambda request: JsonResponse({"session": request.session}),
        lambda request: JsonResponse([get_session(request)], safe=False),
    ],
)
@pytest.mark.parametrize("handler", [WSGIHandler, ASGIHandler])
def test_a_session_that_is_answered_as_json_is_told_the_mend(
    handler: Any, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's error itself says only of what type it is."""
    told: list[BaseException] = []

    def hear(**_: Any) -> None:
        error = sys.exception()
        assert error is not None
        told.append(error)

    got_request_exception.connect(hear)
    module = ModuleType("json_urls")
    module.__dict__["urlpatterns"] = [django_path("", view)]
    module.__dict__["handler500"] = lambda request: HttpResponse(status=500)
    monkeypatch.setitem(sys.modules, "json_urls", module)
    try:
        with override_settings(ROOT_URLCONF="json_urls", MIDDLEWARE=[project.SESSION_MIDDLEWARE]):
            visit = Visit(target="/", headers=[])
            if handler is WSGIHandler:
                wsgi_driver.request(handler(), visit)
            else:
                asyncio.run(asgi_driver.request(handler(), visit))
    finally:
        got_request_exception.disconnect(hear)
    (error,) = told
    assert "dict(request.session)" in error.__notes__[0]


def test_another_error_has_no_such_note() -> None:
    middleware = IronSessionMiddleware(lambda request: HttpResponse())
    for error in (TypeError("never raised"), ValueError()):
        middleware.process_exception(HttpRequest(), error)
        assert not hasattr(error, "__notes__")
    with pytest.raises(TypeError) as caught:
        JsonResponse({"a": object()})
    middleware.process_exception(HttpRequest(), caught.value)
    assert not hasattr(caught.value, "__notes__")


def test_an_attribute_for_a_key_is_told_the_mend() -> None:
    """In JavaScript that is how it is written, and nobody would keep it here."""
    session: Any = SessionStore()
    with pytest.raises(AttributeError, match=r"its data is in request\.session\['user'\]"):
        session.user = 1
    with pytest.raises(AttributeError, match=r"its data is in request\.session\['user'\]"):
        session.user  # noqa: B018 - that is the mistake
    assert not hasattr(session, "user")
    session._of_a_library = 1
    session.modified = True
    assert (session._of_a_library, dict(session)) == (1, {})


def test_a_project_s_own_kind_of_session_may_have_attributes() -> None:
    store: Any = OwnStore()
    store.device = "phone"
    assert store.device == "phone"


def test_an_error_within_an_attribute_is_that_error() -> None:
    class Faulty(SessionStore):
        @property
        def faulty(self) -> Any:
            return self.options_that_are_not_there

    with pytest.raises(AttributeError, match="'options_that_are_not_there'"):
        Faulty().faulty  # noqa: B018 - it raises


# --- a response that is kept -------------------------------------------------------------------


def leave_alone(request: Any) -> None:
    """A view that has nothing to do with the session."""


def log_out(request: Any) -> None:
    request.session.flush()


@pytest.mark.parametrize("before", [write, log_out])
@pytest.mark.parametrize("act", [leave_alone, look])
@pytest.mark.parametrize("status", [200, 500])
def test_a_response_that_is_sent_again_has_no_cookie_of_the_visitor_before(
    before: View, act: View, status: int
) -> None:
    kept = HttpResponse()
    kept.set_cookie("theme", "dark")

    def answer_after(view: View) -> View:
        return lambda request: view(request) or kept

    first = respond(answer_after(before), cookie=header({"user": "alice"}))
    assert set(cookies_of(first)) == {"theme", DJANGOS_NAME}
    first.close()
    kept.status_code = status
    for _ in range(2):
        again = respond(answer_after(act), cookie=header({"user": "bob"}))
        assert again is kept
        assert set(cookies_of(again)) == {"theme"}
        again.close()


def test_a_response_that_is_sent_again_has_this_visitor_s_cookie_only() -> None:
    kept = HttpResponse()

    def log_in(user: str) -> View:
        def view(request: Any) -> HttpResponse:
            request.session["user"] = user
            return kept

        return view

    for user in ("alice", "bob"):
        cookie = cookie_of(respond(log_in(user)))
        assert unseal_data(cookie.value, password=PASSWORD) == {"user": user}


def test_a_cookie_that_another_middleware_gave_a_domain_is_taken_off_as_well() -> None:
    kept = HttpResponse()

    def write_and_answer(request: Any) -> HttpResponse:
        request.session["a"] = 1
        return kept

    respond(write_and_answer).cookies[DJANGOS_NAME]["domain"] = "b.example"
    assert cookies_of(respond(lambda request: kept)) == {}


@pytest.mark.parametrize("key", ["session", "admin_session"])
def test_each_of_two_sessions_takes_its_own_cookie_off(key: str) -> None:
    """And none that the other has written for this very request."""
    kept = HttpResponse()

    def write_both(request: Any) -> HttpResponse:
        request.session["a"] = request.admin_session["a"] = 1
        return kept

    def write_one(request: Any) -> HttpResponse:
        getattr(request, key)["a"] = 1
        return kept

    for middleware in (
        lambda view: IronSessionMiddleware(Admin(view)),
        lambda view: Admin(IronSessionMiddleware(view)),
    ):
        both = respond(write_both, middleware=middleware)
        assert set(cookies_of(both)) == {DJANGOS_NAME, "admin"}
        one = respond(write_one, middleware=middleware)
        assert set(cookies_of(one)) == {DJANGOS_NAME if key == "session" else "admin"}


# --- behind ASGI -------------------------------------------------------------------------------


async def respond_async(view: Callable[..., Any], *cookies: str) -> Any:
    """Answer a request by a coroutine within the middleware, as Django's ASGI handler does."""

    async def get_response(request: Any) -> Any:
        return await view(request) or HttpResponse()

    scope = AsyncRequestFactory()._base_scope(path="/")
    scope["headers"] = [(b"cookie", one.encode("latin-1")) for one in cookies]
    return await IronSessionMiddleware(get_response)(ASGIRequest(scope, None))


def test_no_thread_is_asked_behind_asgi() -> None:
    """Neither to begin the session, nor to read it, nor to write it."""
    threads: list[int] = []

    def hook(failure: object) -> None:
        threads.append(threading.get_ident())

    async def read(request: Any) -> None:
        await request.session.aget("a")

    async def leave(request: Any) -> None:
        """Leave it to the middleware to read the session, when it writes."""

    with override_settings(SESSION_SAVE_EVERY_REQUEST=True, **give(on_unseal_error=hook)):
        before = threading.active_count()
        asyncio.run(respond_async(read, "sessionid=garbage"))
        asyncio.run(respond_async(leave, "sessionid=garbage"))
        assert threading.active_count() == before
    assert threads == [threading.get_ident()] * 2


@pytest.mark.parametrize("first", [True, False])
def test_all_cookie_headers_are_looked_at_behind_asgi(first: bool) -> None:
    """HTTP/2 may split them, and Django 5 joins them by commas."""
    seen: list[Any] = []

    async def read(request: Any) -> None:
        seen.append(await request.session.aload())

    both = [header({"a": 1}), "theme=dark; lang=de"]
    asyncio.run(respond_async(read, *(both if first else both[::-1])))
    assert seen == [{"a": 1}]


def test_a_session_that_can_t_be_written_behind_asgi_is_told_the_same_way(
    answering: Answering,
) -> None:
    async def view(request: Any) -> None:
        await request.session.aset("large", "x" * 8000)

    response = asyncio.run(respond_async(view))
    assert (response.status_code, response.content) == (413, b"CookieTooLargeError")
    assert answering.told == ["CookieTooLargeError"]


@pytest.mark.parametrize("handler", ["wsgi", "asgi"])
def test_a_coroutine_is_a_view_behind_both_handlers(handler: str) -> None:
    with override_settings(MIDDLEWARE=[project.SESSION_MIDDLEWARE]):
        call = Call(action="update", value={"a": 1})
        visit = Visit(target=f"/async?{call.query}", headers=[])
        if handler == "wsgi":
            answer = wsgi_driver.request(WSGIHandler(), visit)
        else:
            answer = asyncio.run(asgi_driver.request(ASGIHandler(), visit))
    assert unseal_data(answer.cookies[DJANGOS_NAME].value, password=PASSWORD) == {"a": 1}


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")
def test_a_file_that_django_reads_in_a_thread_carries_the_cookie() -> None:
    """Django warns of it behind ASGI, and many have it so."""

    async def send(request: Any) -> FileResponse:
        await request.session.aset("a", 1)
        return FileResponse(FILE.open("rb"))

    async def fetch() -> tuple[Any, bytes]:
        response = await respond_async(send)
        body = b"".join([part async for part in response])
        response.close()
        return response, body

    response, body = asyncio.run(fetch())
    assert body == FILE.read_bytes()
    assert cookie_of(response).max_age == TTL - 60


@pytest.mark.parametrize("first_look", ["in time", "too late"])
@pytest.mark.parametrize("change", [{"a": 2}, {"nested": [1]}], ids=["flat", "nested"])
def test_a_change_in_a_task_that_outlives_its_request_is_logged(
    caplog: pytest.LogCaptureFixture, first_look: str, change: dict[str, Any]
) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def work(session: Any, answered: asyncio.Event) -> None:
        await answered.wait()
        if "nested" in change:
            session["nested"].append(1)
        else:
            await session.aupdate(change)

    async def visit(answered: asyncio.Event) -> None:
        async def view(request: Any) -> None:
            if first_look == "in time":
                await request.session.aget("a")
            tasks.append(asyncio.create_task(work(request.session, answered)))

        response = await respond_async(view, header({"a": 1, "nested": []}))
        await sync_to_async(response.close)()

    async def run() -> None:
        answered = asyncio.Event()
        await visit(answered)
        assert lost_changes(caplog) == []
        answered.set()
        await tasks.pop()

    asyncio.run(run())
    gc.collect()
    (message,) = errors_in(caplog)
    assert "is lost" in message


@pytest.mark.parametrize("first_look", ["in time", "too late", "in time, and taken away"])
def test_a_change_after_the_visitor_has_gone_is_logged(
    caplog: pytest.LogCaptureFixture, first_look: str
) -> None:
    """Django cancels the view, and there is no response that could be closed."""
    sessions: list[Any] = []

    async def run() -> None:
        started = asyncio.Event()

        async def view(request: Any) -> None:
            sessions.append(request.session)
            if "in time" in first_look:
                await request.session.aset("a", 1)
            if "taken away" in first_look:
                del request.session
            started.set()
            await asyncio.Event().wait()

        visit = asyncio.create_task(respond_async(view, header({"a": 0})))
        await started.wait()
        visit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visit
        sessions[0]["a"] = 2
        with pytest.raises(HeadersAlreadySentError):
            await sessions[0].asave()

    asyncio.run(run())
    (message,) = errors_in(caplog)
    assert "is lost" in message


# --- the explicit form -------------------------------------------------------------------------


def test_the_explicit_form_refuses_the_cookie_of_the_middleware() -> None:
    def view(request: Any) -> None:
        options = make_options(cookie_name=DJANGOS_NAME)
        with pytest.raises(ConfigurationError, match="manages the cookie 'sessionid'"):
            get_iron_session(request, HttpResponse(), options)
        with pytest.raises(ConfigurationError, match="options must be"):
            get_iron_session(request, HttpResponse(), None)  # type: ignore[arg-type]  # that is the mistake

    respond(view)


def test_the_explicit_form_stands_beside_the_middleware_with_another_cookie() -> None:
    def view(request: Any) -> HttpResponse:
        response = HttpResponse()
        session = get_iron_session(request, response, make_options())
        assert dict(session) == {"a": 1}
        session["b"] = 2
        session.save()
        return response

    response = respond(view, cookie=saved({"a": 1}))
    assert list(cookies_of(response)) == [NAME]
    assert (response.headers["Vary"], response.headers["Cache-Control"]) == ("Cookie", "no-store")


# --- Django's cache ----------------------------------------------------------------------------


def visit_cached(view: View, cookie: str) -> Any:
    """Answer a request by a view behind Django's cache of whole pages."""

    def within(request: Any) -> Any:
        return FetchFromCacheMiddleware(lambda _: view(request))(request)

    def with_session(request: Any) -> Any:
        return IronSessionMiddleware(within)(request)

    return UpdateCacheMiddleware(with_session)(
        RequestFactory().get("/cached", headers={"cookie": cookie} if cookie else {})
    )


@pytest.fixture
def empty_cache() -> Iterator[None]:
    """Give a cache of its own, in this process, with nothing in it."""
    caches = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    with override_settings(CACHES=caches):
        cache.clear()
        yield
        cache.clear()


@pytest.mark.usefixtures("empty_cache")
@pytest.mark.parametrize("looks", [False, True])
def test_a_page_that_writes_no_session_can_be_cached(looks: bool) -> None:
    """Django's cache pickles the response; from there it is served and closed like another."""
    made: list[HttpResponse] = []

    def view(request: Any) -> HttpResponse:
        if looks:
            request.session.get("a")
        made.append(HttpResponse(b"page"))
        return made[-1]

    for _ in range(2):
        response = visit_cached(view, "theme=dark")
        response.close()
        assert (response.status_code, response.content) == (200, b"page")
    assert len(made) == 1


@pytest.mark.usefixtures("empty_cache")
def test_a_page_that_writes_the_session_is_not_cached() -> None:
    """Or two visitors with the same other cookies would get one session."""

    def view(request: Any) -> HttpResponse:
        request.session["a"] = 1
        return HttpResponse(b"page")

    first, second = (cookie_of(visit_cached(view, "theme=dark")) for _ in range(2))
    assert first.value != second.value


@pytest.mark.parametrize(("writes", "may_cache"), [(True, False), (False, True)])
def test_django_s_cache_is_told_of_a_page_that_writes_the_session(
    writes: bool, may_cache: bool
) -> None:
    """For versions of Django whose cache keeps a response with `no-store`."""

    def view(request: Any) -> HttpResponse:
        if writes:
            request.session["a"] = 1
        return HttpResponse(b"page")

    request: Any = RequestFactory().get("/")
    request._cache_update_cache = True
    IronSessionMiddleware(view)(request)
    assert request._cache_update_cache is may_cache
