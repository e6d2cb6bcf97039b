"""`iron_session.testing`: options, cookies, clients of every shape, responses, the frozen clock."""

import ast
import asyncio
import inspect
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypedDict

import flask
import httpx
import pytest
import quart
import requests
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient as AiohttpClient
from aiohttp.test_utils import TestServer
from yarl import URL

import iron_session
from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeaderJar,
    NotSerializableError,
    Session,
    SessionOptions,
    UnsealError,
    _time,
    get_iron_session,
    seal_data,
    testing,
    unseal_data,
)
from iron_session.integrations.wsgi import IronSessionMiddleware
from iron_session.revocation import MemoryStore, Revocations
from iron_session.testing import (
    FrozenClock,
    cookie_header,
    for_tests,
    frozen_clock,
    log_in,
    make_options,
    read_session,
    session_cookie,
)
from tests.contract.server import serve_wsgi
from tests.helpers.clock import Clock
from tests.helpers.waiting import WAIT
from tests.sessions.browser import Failures, ReceivedCookie
from tests.test_house import FRAMEWORKS

OPTIONS = make_options()
OTHER_PASSWORD = "another password, of at least 32 characters"
OTHER = make_options(password=OTHER_PASSWORD)
START = datetime(2026, 1, 1, tzinfo=UTC)
FORTNIGHT = timedelta(days=14)
LARGE = "".join(map(str, range(1600)))


@dataclass
class Visitor:
    name: str = ""
    cart: list[str] = field(default_factory=list)


class VisitorDict(TypedDict, total=False):
    name: str


def found(cookies: str, options: SessionOptions[Any] = OPTIONS) -> Session[Any]:
    """Give what an application finds in a session by this Cookie header."""
    return get_iron_session(HeaderJar(cookies), options)


def answered(act: Callable[[Session[Any]], object], cookies: str = "", **changes: Any) -> list[str]:
    """Give the Set-Cookie headers of a response in which an application did this and saved."""
    jar = HeaderJar(cookies)
    session = get_iron_session(jar, replace(OPTIONS, **changes))
    act(session)
    session.commit()
    return jar.set_cookie_headers


def fill(session: Session[Any]) -> None:
    session["user"] = 1


# --- options -----------------------------------------------------------------------------------


def test_options_are_made_for_plain_http_and_for_nothing_else() -> None:
    assert (OPTIONS.cookie_name, OPTIONS.cookie.secure) == ("session", False)
    assert make_options() == OPTIONS
    first = seal_data(1, password=OPTIONS.passwords)
    assert unseal_data(first, password=make_options().passwords) == 1


def run_apart(program: str, **environment: str) -> str:
    """Run a program in a process that no test runner has to do with; give what it logs."""
    outside = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**outside, **environment},
    )
    return done.stderr


PUBLISHED = "only for tests: this password is published with iron-session"


@pytest.mark.parametrize(
    "use",
    [
        "make_options()",
        "Passwords({1: PUBLISHED, 2: 'a newer password that nobody else can read'})",
        "Passwords.from_env('KEY', {'KEY': PUBLISHED})",
        "seal_data(1, password=PUBLISHED)",
        "Links(password=PUBLISHED, purpose='login')",
    ],
)
def test_the_password_for_tests_is_warned_of_once_in_a_server(use: str) -> None:
    """Whichever way it got there; anybody who has the package could make a session."""
    logged = run_apart(
        "from iron_session import Passwords, seal_data\n"
        "from iron_session.links import Links\n"
        "from iron_session.testing import make_options\n"
        f"PUBLISHED = {PUBLISHED!r}\n{use}\n{use}"
    )
    assert logged.count("\n") == 1
    assert "published" in logged
    assert "`iron-session generate-password`" in logged
    assert PUBLISHED not in logged


@pytest.mark.parametrize(
    ("before", "environment"),
    [
        ("import pytest", {}),
        ("import unittest", {}),
        ("", {"PYTEST_VERSION": "9.0"}),
        ("", {"PYTEST_CURRENT_TEST": "test_shop.py::test_checkout (call)"}),
    ],
    ids=["pytest", "unittest", "started by pytest", "started by an older pytest"],
)
def test_the_password_for_tests_is_not_warned_of_in_tests(
    before: str, environment: dict[str, str]
) -> None:
    program = f"{before}\nfrom iron_session.testing import make_options\nmake_options()"
    assert run_apart(program, **environment) == ""


def test_another_password_is_not_warned_of() -> None:
    program = "from iron_session.testing import make_options as use"
    assert run_apart(f"{program}\nuse(password={OTHER_PASSWORD!r})") == ""


def test_options_can_be_changed_one_by_one() -> None:
    options = make_options(cookie_name="shop", ttl=60, cookie_options={"path": "/shop"})
    assert (options.cookie_name, options.ttl_ms) == ("shop", 60_000)
    assert (options.cookie.path, options.cookie.secure) == ("/shop", False)
    assert make_options(cookie_options={"secure": True}).cookie.secure
    given = iron_session.CookieOptions(same_site="strict")
    assert make_options(cookie_options=given).cookie == given


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^password"):
        make_options(password="short")
    with pytest.raises(ConfigurationError, match="secure=True"):
        make_options(cookie_name="__Host-session")
    with pytest.raises(ConfigurationError, match="must be CookieOptions or a mapping"):
        make_options(cookie_options=5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("myapp", "myapp"),
        ("__Host-myapp", "myapp"),
        ("__secure-myapp", "myapp"),
        ("__Host-Http-myapp", "myapp"),
        ("__Http-my__Host-app", "my__Host-app"),
    ],
)
def test_the_application_s_own_options_are_copied_for_plain_http(name: str, expected: str) -> None:
    own = make_options(
        cookie_name=name,
        ttl=60,
        cookie_options={"secure": True, "partitioned": True, "same_site": "none"},
    )
    options = for_tests(own)
    assert (options.cookie_name, options.ttl_ms, options.passwords) == (
        expected,
        60_000,
        own.passwords,
    )
    cookie = options.cookie
    assert (cookie.secure, cookie.partitioned, cookie.same_site) == (False, False, "lax")


def test_a_copy_keeps_the_attributes_that_any_cookie_may_have() -> None:
    own = make_options(cookie_options={"secure": True, "same_site": "strict", "path": "/a"})
    assert for_tests(own) == replace(own, cookie_options=replace(own.cookie, secure=False))


def test_a_copy_keeps_the_scopes_that_the_cookie_had_but_for_partitions() -> None:
    """Each of them once, and not the one that the copy's cookie has."""
    own = make_options(
        cookie_name="__Secure-myapp",
        cookie_options={"secure": True, "partitioned": True, "path": "/a"},
        former_scopes=[
            {"partitioned": False},
            {"path": "/b"},
            {"path": "/b", "partitioned": False},
            {"domain": "example.com", "partitioned": False},
        ],
    )
    copied = for_tests(own)
    assert [(one.domain, one.path) for one in copied.former_cookies] == [
        (None, "/b"),
        ("example.com", "/a"),
    ]
    assert not any(one.partitioned or one.secure for one in copied.former_cookies)


def test_a_cookie_that_is_secure_by_the_request_is_so_in_the_client_too() -> None:
    options = make_options(cookie_options={"secure": "auto"})
    for url, secure in (("http://shop.test", False), ("https://shop.test", True)):
        client = httpx.Client(timeout=WAIT, base_url=url)
        log_in(client, options, {"user": 1})
        assert [(one.name, one.secure) for one in client.cookies.jar] == [("session", secure)]
        session = read_session(client, options)
        assert session == {"user": 1}
    with pytest.raises(ConfigurationError, match=r"domain is other\.test"):
        log_in(
            httpx.Client(base_url="http://shop.test"),
            make_options(cookie_options={"secure": "auto", "domain": "other.test"}),
            {"user": 1},
        )


def test_only_options_with_a_name_are_copied() -> None:
    with pytest.raises(ConfigurationError, match="must be a SessionOptions, not int"):
        for_tests(7)  # type: ignore[call-overload]  # the mistake is what is tested
    with pytest.raises(ConfigurationError, match=r"^cookie_name must be"):
        for_tests(make_options(cookie_name="__Host-", cookie_options={"secure": True}))


# --- cookies -----------------------------------------------------------------------------------


def test_a_cookie_is_what_an_application_opens() -> None:
    (name,) = session_cookie(OPTIONS, {"user": {"id": 1}})
    assert name == "session"
    session = found(cookie_header(OPTIONS, {"user": {"id": 1}}))
    assert (dict(session), session.is_new) == ({"user": {"id": 1}}, False)


def test_a_large_session_has_several_cookies() -> None:
    options = make_options(chunk=True)
    assert session_cookie(options, {"large": LARGE}).keys() == {"session.0", "session.1"}
    assert found(cookie_header(options, {"large": LARGE}), options) == {"large": LARGE}
    with pytest.raises(CookieTooLargeError, match="chunk=True"):
        session_cookie(OPTIONS, {"large": LARGE})


def test_cookies_are_cut_as_an_application_cuts_them() -> None:
    """The name and all attributes count: so each chunk is as long as in a response."""
    options = make_options(chunk=True, ttl=0, cookie_options={"path": "/" + "a" * 500})
    with frozen_clock():
        jar = HeaderJar()
        session = get_iron_session(jar, options)
        session["large"] = LARGE
        session.save()
        written = map(ReceivedCookie.parse, jar.set_cookie_headers)
        theirs = [len(cookie.value) for cookie in written if cookie.max_age != 0]
    assert [len(value) for value in session_cookie(options, {"large": LARGE}).values()] == theirs


def test_typed_data_is_an_instance_or_a_mapping() -> None:
    options = make_options(schema=Visitor)
    header = cookie_header(options, Visitor("Ada", ["pen"]))
    assert found(header, options).data == Visitor("Ada", ["pen"])
    mixed = found(cookie_header(options, {"name": "Ada", "seen": 1}), options)
    assert (mixed.data.name, dict(mixed)["seen"]) == ("Ada", 1)
    as_dict = make_options(schema=VisitorDict)
    of_dict: VisitorDict = {"name": "Ada"}
    assert found(cookie_header(as_dict, of_dict), as_dict).data == of_dict


@pytest.mark.parametrize(
    ("options", "data"),
    [
        (OPTIONS, Visitor()),
        (OPTIONS, None),
        (OPTIONS, {"when": START}),
        (OPTIONS, {1: 1}),
        (OPTIONS, {"$iron": {}}),
        (make_options(schema=Visitor), VisitorDict),
        (make_options(schema=Visitor), {"name": 5}),
    ],
)
def test_data_that_no_session_can_hold_is_refused(options: SessionOptions[Any], data: Any) -> None:
    with pytest.raises(NotSerializableError, match=r"^session"):
        session_cookie(options, data)


def test_a_session_lives_from_now_or_from_when_it_was_created() -> None:
    with frozen_clock():
        now = found(cookie_header(OPTIONS, {"a": 1}))
        before = found(cookie_header(OPTIONS, {"a": 1}, created_at=START - timedelta(days=13)))
        old = found(cookie_header(OPTIONS, {"a": 1}, created_at=START - timedelta(days=15)))
        assert now.expires_at == START + FORTNIGHT
        assert before.expires_at == START + timedelta(days=1)
        assert dict(old) == {}


def test_a_session_may_have_a_life_of_its_own() -> None:
    with frozen_clock():
        session = found(cookie_header(OPTIONS, {"a": 1}, ttl=60))
        assert (session.expires_at, session.ttl) == (
            START + timedelta(minutes=1),
            timedelta(minutes=1),
        )
        assert found(cookie_header(OPTIONS, {"a": 1}, ttl=0)).expires_at is None


def test_the_absolute_lifetime_counts_from_the_creation() -> None:
    options = make_options(ttl=3600, max_lifetime=7200)
    with frozen_clock():
        at = START - timedelta(minutes=30)
        session = found(cookie_header(options, {"a": 1}, created_at=at), options)
        assert (session["a"], session.created_at) == (1, at)
        with pytest.raises(ConfigurationError, match=r"^ttl must not be longer than max_lifetime"):
            session_cookie(options, {}, ttl=7201)


@pytest.mark.parametrize(
    "at", [datetime(2026, 1, 1), 5, "yesterday", "1969-12-31T23:59:59Z", "2026-01-01"]
)
def test_a_time_that_is_none_is_refused(at: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^created_at must"):
        session_cookie(OPTIONS, {}, created_at=at)
    with pytest.raises(ConfigurationError, match=r"^at must"), frozen_clock(at):
        pytest.fail("the clock stands at no time")
    with frozen_clock() as clock:
        with pytest.raises(ConfigurationError, match=r"^move_to must"):
            clock.move_to(at)
        assert clock.now == START


def test_a_session_is_a_user_s_who_has_logged_in() -> None:
    at = datetime(2027, 1, 2, tzinfo=UTC)
    with frozen_clock(at):
        header = cookie_header(OPTIONS, {"cart": 1}, user_id="42")
        session = get_iron_session(HeaderJar(header), OPTIONS)
        assert (dict(session), session.user_id, session.logged_in_at) == ({"cart": 1}, "42", at)
    client = httpx.Client(base_url="https://testserver")
    log_in(client, OPTIONS, {}, user_id="43")
    read = read_session(client, OPTIONS)
    assert read is not None
    assert read.user_id == "43"
    with pytest.raises(TypeError, match=r"use str\(…\)$"):
        session_cookie(OPTIONS, {}, user_id=42)  # type: ignore[arg-type]  # a wrong type, which is refused


def test_options_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dict too: Django's alone is one, and no settings of Django's are set up."""
    advice = (
        r"must be a SessionOptions, not dict: give the application's own, or SessionOptions\(\*\*…"
    )
    unset = SimpleNamespace(settings=SimpleNamespace(configured=False))
    calls: list[Callable[[Any], object]] = [
        for_tests,
        lambda given: session_cookie(given, {}),
        lambda given: cookie_header(given, {}),
        lambda given: log_in(httpx.Client(), given, {}),
        lambda given: read_session([], given),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError, match="must be a SessionOptions, not int"):
            call(7)
        monkeypatch.delitem(sys.modules, "django.conf", raising=False)
        with pytest.raises(ConfigurationError, match=advice):
            call({"password": "x"})
        monkeypatch.setitem(sys.modules, "django.conf", unset)
        with pytest.raises(ConfigurationError, match=advice):
            call({"password": "x"})


def test_a_dict_does_not_load_django() -> None:
    program = """
import sys
from iron_session import ConfigurationError
from iron_session.testing import session_cookie
try:
    session_cookie({"password": "x" * 32}, {})
except ConfigurationError:
    print("django" in sys.modules, file=sys.stderr)
"""
    assert run_apart(program) == "False\n"


# --- clients -----------------------------------------------------------------------------------
# Those of frameworks have their tests in tests/integrations/test_testing_in_frameworks.py.


def application(environ: Any, start_response: Any) -> list[bytes]:
    """Count visits in the session."""
    session = environ["iron_session"]
    session["visits"] = session.get("visits", 0) + 1
    start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "other=1")])
    return [str(session["visits"]).encode()]


@contextmanager
def served() -> Iterator[str]:
    """Serve the application; gives its URL."""
    with serve_wsgi(IronSessionMiddleware(application, OPTIONS)) as address:
        yield f"http://{address}"


def test_requests_and_httpx_can_be_told_where_a_server_is() -> None:
    with served() as url, requests.Session() as session, httpx.Client(timeout=WAIT) as client:
        for one in (session, client):
            log_in(one, OPTIONS, {"visits": 4}, url=url)
            response = one.get(url)
            assert response.text == "5"
            assert read_session(response, OPTIONS) == {"visits": 5}
            assert read_session(one, OPTIONS) == {"visits": 5}


def test_http_client_sends_the_header_itself() -> None:
    with served() as url:
        connection = HTTPConnection(url.removeprefix("http://"))
        connection.request("GET", "/", headers={"Cookie": cookie_header(OPTIONS, {"visits": 4})})
        response = connection.getresponse()
        assert response.read() == b"5"
        assert read_session(response, OPTIONS) == {"visits": 5}
        connection.close()


def test_a_client_that_does_not_know_where_the_application_is_must_be_told() -> None:
    with requests.Session() as session, httpx.Client() as client:
        for one in (session, client):
            with pytest.raises(ConfigurationError, match=r"does not say where .*url="):
                log_in(one, OPTIONS, {})


@pytest.mark.parametrize(
    "url", ["", "testserver", "ftp://a", "http://", "http://[::1", "//a", 5, b"http://a"]
)
def test_a_url_that_is_none_is_refused(url: Any) -> None:
    for client in (httpx.Client(), flask.Flask(__name__).test_client()):
        with pytest.raises(ConfigurationError, match=r"^url must be the application's URL"):
            log_in(client, OPTIONS, {}, url=url)
        with pytest.raises(ConfigurationError, match=r"^url must be the application's URL"):
            read_session(client, OPTIONS, url=url)


class Keeper:
    """A client with cookies of its own kind."""

    cookies: dict[str, str] = {}  # noqa: RUF012 - nobody writes it


@pytest.mark.parametrize(
    "client",
    [
        None,
        object(),
        Keeper(),
        httpx.Response(200),
        httpx.Client,
        flask.Flask(__name__).test_client(use_cookies=False),
        quart.Quart(__name__).test_client(use_cookies=False),
        "session=1",
        {"session": "1"},
    ],
    ids=lambda client: type(client).__name__,
)
def test_what_keeps_no_cookies_is_refused_with_the_way_that_always_goes(client: object) -> None:
    with pytest.raises(ConfigurationError, match=r"cookie_header\(options, data\)") as caught:
        log_in(client, OPTIONS, {})
    assert type(client).__name__ in str(caught.value)


def test_nothing_secret_is_in_a_refusal() -> None:
    with pytest.raises(ConfigurationError) as caught:
        log_in({"token": "a secret"}, OPTIONS, {"user": "Ada"})
    assert "a secret" not in str(caught.value)
    assert "Ada" not in str(caught.value)


def test_a_refused_session_leaves_nothing_behind() -> None:
    options = make_options(cookie_options={"secure": True})
    client = httpx.Client(base_url="http://testserver")
    with pytest.raises(ConfigurationError, match="'session' to http://testserver/: it is Secure"):
        log_in(client, options, {})
    assert list(client.cookies.jar) == []


def test_a_session_that_somebody_set_by_hand_is_replaced_wherever_it_belongs() -> None:
    """A second cookie of the name would be sent before ours, and be the one that counts."""
    client = httpx.Client(base_url="http://testserver")
    client.cookies.set("session", session_cookie(OPTIONS, {"user": 1})["session"])
    client.cookies.set("other", "1")
    assert read_session(client, OPTIONS) == {"user": 1}
    log_in(client, OPTIONS, {"user": 2})
    assert sorted(client.cookies) == ["other", "session"]
    assert read_session(client, OPTIONS) == {"user": 2}


def test_an_end_that_has_passed_is_no_hindrance() -> None:
    """Clients would drop the cookie by their own clock."""
    options = make_options(
        cookie_options={"expires": datetime(2020, 1, 1, tzinfo=UTC), "max_age": None}
    )
    client = httpx.Client(base_url="http://testserver")
    log_in(client, options, {"user": 1})
    assert read_session(client, options) == {"user": 1}


def test_what_a_client_has_dropped_by_its_own_clock_is_not_read() -> None:
    client = httpx.Client(base_url="http://testserver")
    log_in(client, OPTIONS, {"user": 1})
    (cookie,) = client.cookies.jar
    cookie.expires = 1
    assert read_session(client, OPTIONS) is None


@pytest.mark.parametrize("server_name", ["example.com:5000", "example.com"])
def test_the_clients_of_flask_and_quart_are_where_their_application_is(server_name: str) -> None:
    for app in (flask.Flask(__name__), quart.Quart(__name__)):
        app.config["SERVER_NAME"] = server_name
        options = make_options(cookie_options={"domain": "example.com"})
        client = app.test_client()
        log_in(client, options, {"user": 1})
        assert read_session(client, options) == {"user": 1}


def test_flask_s_client_can_be_told_of_another_place() -> None:
    app = flask.Flask(__name__)
    app.add_url_rule("/", "index", lambda: flask.request.headers.get("Cookie", ""))
    client = app.test_client()
    log_in(client, OPTIONS, {"user": 1}, url="http://shop.example.com")
    assert client.get("/", base_url="http://shop.example.com").text.startswith("session=Fe26.2")
    assert client.get("/").text == ""
    assert read_session(client, OPTIONS) is None
    assert read_session(client, OPTIONS, url="http://shop.example.com") == {"user": 1}


def test_a_domain_is_not_the_end_of_any_name() -> None:
    options = make_options(cookie_options={"domain": "example.com"})
    client = flask.Flask(__name__).test_client()
    log_in(client, options, {}, url="http://shop.example.com")
    with pytest.raises(ConfigurationError, match=r"its domain is example\.com\. Give"):
        log_in(client, options, {}, url="http://notexample.com")


def test_a_secure_url_of_another_domain_is_refused_for_the_domain() -> None:
    options = make_options(cookie_options={"domain": "example.com", "secure": True})
    client = httpx.Client(base_url="https://testserver")
    with pytest.raises(ConfigurationError, match=r"its domain is example\.com\. Give"):
        log_in(client, options, {})


def test_a_session_of_a_domain_is_found_below_it() -> None:
    options = make_options(cookie_options={"domain": "example.com"})
    app = flask.Flask(__name__)
    app.add_url_rule("/", "index", lambda: flask.request.headers.get("Cookie", ""))
    client = app.test_client()
    log_in(client, options, {}, url="http://example.com")
    assert client.get("/", base_url="http://shop.example.com").text.startswith("session=Fe26.2")


def test_a_full_chunk_is_taken_by_flask_s_client_without_a_warning() -> None:
    options = make_options(chunk=True, cookie_options={"path": None, "max_age": None})
    client = flask.Flask(__name__).test_client()
    log_in(client, options, {"large": LARGE})
    assert read_session(client, options) == {"large": LARGE}


def test_aiohttp_s_client_must_have_a_server_that_runs_and_a_jar_that_takes_cookies() -> None:
    async def refusals() -> None:
        for jar, message in (
            (None, "no address before its server runs"),
            (DummyCookieJar(), "its cookie jar does not keep it"),
        ):
            client = AiohttpClient(TestServer(web.Application()), cookie_jar=jar)
            if jar is not None:
                await client.start_server()
            with pytest.raises(ConfigurationError, match=message):
                log_in(client, OPTIONS, {})
            await client.close()

    asyncio.run(refusals())


def test_aiohttp_s_client_can_be_told_of_another_place() -> None:
    async def log_in_there() -> None:
        client = AiohttpClient(TestServer(web.Application()))
        await client.start_server()
        options = make_options(cookie_options={"secure": True})
        client.session.cookie_jar.update_cookies({"other": "1"})
        log_in(client, options, {"user": 1}, url="https://shop.example.com")
        assert read_session(client, options) == {"user": 1}
        sent = client.session.cookie_jar.filter_cookies(URL("https://shop.example.com/a"))
        assert sent.keys() == {"session", "other"}
        await client.close()

    asyncio.run(log_in_there())


# --- responses ---------------------------------------------------------------------------------


def test_a_list_of_headers_is_read() -> None:
    headers = answered(fill)
    assert read_session(headers, OPTIONS) == {"user": 1}
    assert read_session(tuple(headers), OPTIONS) == {"user": 1}
    assert read_session(["other=1; Path=/", *headers], OPTIONS) == {"user": 1}


def test_what_is_read_knows_its_type_and_its_end() -> None:
    options = make_options(schema=Visitor)
    with frozen_clock():
        header = cookie_header(options, Visitor("Ada"))
        session = read_session([header], options)
    assert session is not None
    assert session.data == Visitor("Ada")
    assert (session.expires_at, session.is_new) == (START + FORTNIGHT, False)


def test_what_is_read_stays_as_it_was_then() -> None:
    """Whoever reads within the block may look at it after."""
    with frozen_clock("2020-01-01T00:00:00Z"):
        session = read_session(answered(fill), OPTIONS)
    assert session == {"user": 1}


def test_what_is_read_is_equal_to_a_mapping_and_shows_its_data() -> None:
    session = read_session(answered(fill), OPTIONS)
    assert session == {"user": 1}
    assert session != {"user": 2}
    assert session != 1
    assert repr(session) == "<ReadSession {'user': 1}>"
    ended = read_session(answered(Session.destroy, cookie_header(OPTIONS, {"a": 1})), OPTIONS)
    assert repr(ended) == "<ReadSession {}, destroyed>"


def test_headers_of_other_cookies_are_none() -> None:
    assert read_session([], OPTIONS) is None
    assert read_session(["sessions=1", "session.9=1", "other=session", "", ";"], OPTIONS) is None
    assert read_session(answered(fill), make_options(cookie_name="other")) is None
    assert read_session(["session.1=without a first"], OPTIONS) is None


def test_an_ended_session_is_destroyed() -> None:
    headers = answered(Session.destroy, cookie_header(OPTIONS, {"a": 1}))
    session = read_session(headers, OPTIONS)
    assert session is not None
    assert (dict(session), session.destroyed) == ({}, True)


@pytest.mark.parametrize(
    "header",
    [
        "session=; Path=/",
        'session=""; expires=Thu, 01 Jan 1970 00:00:00 GMT',
        "session=Fe26.2; Path=/; max-age=0",
        "session=Fe26.2; Max-Age=-1; Path=/",
    ],
)
def test_a_framework_s_own_way_to_end_a_cookie_is_known(header: str) -> None:
    session = read_session([header], OPTIONS)
    assert session is not None
    assert session.destroyed


def test_a_header_that_only_looks_like_an_end_is_none() -> None:
    (header,) = answered(fill)
    for more in ("; Path=/max-age=0", "; Max-Age=01", "; x-max-age=0", "; Max-Age=0.5"):
        pair = header.partition(";")[0]
        assert read_session([pair + more], OPTIONS) == {"user": 1}


def test_of_several_headers_for_a_cookie_the_last_one_counts() -> None:
    first, second = answered(fill), answered(lambda session: session.update(user=2))
    ended = answered(Session.destroy, cookie_header(OPTIONS, {"a": 1}))
    assert read_session([*first, *second], OPTIONS) == {"user": 2}
    assert read_session([*ended, *first], OPTIONS) == {"user": 1}
    session = read_session([*first, *ended], OPTIONS)
    assert session is not None
    assert session.destroyed


def test_a_session_that_grows_or_shrinks_is_whole() -> None:
    options = make_options(chunk=True)
    grown = answered(
        lambda session: session.update(large=LARGE), cookie_header(options, {"a": 1}), chunk=True
    )
    assert read_session(grown, options) == {"a": 1, "large": LARGE}
    shrunk = answered(
        lambda session: session.pop("large"), cookie_header(options, {"large": LARGE}), chunk=True
    )
    session = read_session(shrunk, options)
    assert session is not None
    assert session.destroyed
    kept = answered(
        lambda session: session.replace({"a": 1}),
        cookie_header(options, {"large": LARGE}),
        chunk=True,
    )
    assert read_session(kept, options) == {"a": 1}


@pytest.mark.parametrize(
    ("headers", "options", "reason"),
    [
        (answered(fill), OTHER, "invalid"),
        (answered(fill), replace(OTHER, password={2: OTHER_PASSWORD}), "unknown-password"),
        (["session=not a seal"], OPTIONS, "invalid"),
        (answered(lambda session: session.update(name=5)), make_options(schema=Visitor), "schema"),
    ],
)
def test_a_cookie_that_does_not_open_is_an_error_with_its_reason(
    headers: list[str], options: SessionOptions[Any], reason: str
) -> None:
    """An empty session would let a test pass that reads by the wrong options."""
    with pytest.raises(UnsealError) as caught:
        read_session(headers, options)
    assert caught.value.reason == reason


def test_reading_calls_no_hook_and_logs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = Failures()
    caplog.set_level(logging.DEBUG)
    seen: list[object] = []
    options = make_options(on_unseal_error=failures, on_unseal=seen.append)
    assert read_session(answered(fill), options) == {"user": 1}
    with pytest.raises(UnsealError):
        read_session(["session=1"], options)
    assert (failures, seen, caplog.records) == ([], [], [])


def test_redirects_that_led_to_a_response_count() -> None:
    """The last page sets nothing: it was the login that did."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/login":
            return httpx.Response(303, headers=[("Location", "/"), *set_cookies])
        return httpx.Response(200)

    set_cookies = [("Set-Cookie", each) for each in answered(fill)]
    with httpx.Client(
        timeout=WAIT,
        transport=httpx.MockTransport(answer),
        base_url="http://testserver",
        follow_redirects=True,
    ) as client:
        response = client.get("/login")
        assert response.status_code == 200
        assert read_session(response, OPTIONS) == {"user": 1}
        assert read_session(client.get("/"), OPTIONS) is None


@pytest.mark.parametrize(
    "source", ["session=1", ["session=1", 1], [httpx.Response(200)], ({}, {}), {}, None, object()]
)
def test_what_is_neither_response_nor_client_nor_headers_is_refused(source: object) -> None:
    with pytest.raises(ConfigurationError):
        read_session(source, OPTIONS)


def test_a_response_without_headers_is_refused_with_what_to_give() -> None:
    with pytest.raises(ConfigurationError, match=r"SimpleNamespace: give a list of the values"):
        read_session(SimpleNamespace(status=200, headers={}), OPTIONS)


# --- the clock ---------------------------------------------------------------------------------


def test_the_clock_stands_still_until_it_is_told_to_move() -> None:
    with frozen_clock() as clock:
        assert (clock.now, clock.now.tzinfo) == (START, UTC)
        text = seal_data(1, password=OPTIONS.passwords, ttl=60)
        clock.tick()
        clock.tick(58.5)
        clock.tick(timedelta(minutes=1))
        assert clock.now == START + timedelta(minutes=1, seconds=59.5)
        assert unseal_data(text, password=OPTIONS.passwords) == 1
        clock.tick(0.5)
        with pytest.raises(UnsealError, match="expired"):
            unseal_data(text, password=OPTIONS.passwords)
        clock.tick(-1)
        assert unseal_data(text, password=OPTIONS.passwords) == 1
        assert repr(clock) == "<FrozenClock: 2026-01-01T00:01:59+00:00>"


def test_the_clock_starts_and_moves_to_any_time_in_any_zone() -> None:
    zone = timezone(timedelta(hours=2))
    with frozen_clock(datetime(2030, 1, 1, 2, tzinfo=zone)) as clock:
        assert (clock.now, clock.now.tzinfo) == (datetime(2030, 1, 1, tzinfo=UTC), UTC)
        clock.move_to("2020-02-29T12:00:00+01:00")
        assert clock.now == datetime(2020, 2, 29, 11, tzinfo=UTC)
        clock.move_to(datetime.max.replace(tzinfo=UTC))
        assert found(cookie_header(OPTIONS, {"a": 1})) == {"a": 1}


def test_without_a_time_the_clock_stops_where_it_is(clock: Clock) -> None:
    clock.now = 1_700_000_000_123
    with frozen_clock(None) as stopped:
        clock.advance(5)
        assert stopped.now == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)


def test_a_time_out_of_all_calendars_is_refused() -> None:
    with frozen_clock() as clock:
        for span in (timedelta(days=-60 * 365), timedelta.max, float("nan"), "1"):
            with pytest.raises(ConfigurationError, match=r"tick|1970 to 9999"):
                clock.tick(span)  # type: ignore[arg-type]  # one is no span at all
        clock.move_to("9999-12-31T23:59:59Z")
        with pytest.raises(ConfigurationError, match=r"^tick leads out of the years 1970 to 9999"):
            clock.tick()


def current() -> datetime:
    """Give the time by which the package seals."""
    expires_at = found(cookie_header(OPTIONS, {"a": 1})).expires_at
    assert expires_at is not None
    return expires_at - FORTNIGHT


def test_blocks_stand_within_each_other(clock: Clock) -> None:
    outside = datetime.fromtimestamp(clock.now / 1000, UTC)
    with frozen_clock() as outer:
        with frozen_clock("2030-01-01T00:00:00Z") as inner:
            outer.tick(5)
            inner.tick(7)
            assert current() == datetime(2030, 1, 1, 0, 0, 7, tzinfo=UTC)
        assert current() == START + timedelta(seconds=5)
        with frozen_clock(None) as within:
            assert within.now == outer.now
    assert current() == outside


def test_an_exception_sets_the_clock_going_again() -> None:
    before = _time.now_ms
    with pytest.raises(LookupError), frozen_clock():
        raise LookupError
    assert _time.now_ms is before


def test_the_clock_is_that_of_every_thread() -> None:
    times: list[datetime] = []
    with frozen_clock():
        thread = threading.Thread(target=lambda: times.append(current()))
        thread.start()
        thread.join()
    assert times == [START]


@pytest.fixture
def still() -> Iterator[FrozenClock]:
    with frozen_clock() as clock:
        yield clock


def test_the_block_can_be_a_fixture(still: FrozenClock) -> None:
    still.tick(1)
    assert current() == START + timedelta(seconds=1)


def test_renewal_and_lifetime_follow_the_clock(still: FrozenClock) -> None:
    options = make_options(ttl=600, renew_after=50, max_lifetime=630)
    client = httpx.Client(base_url="http://testserver")
    log_in(client, options, {"user": 1})

    def visit() -> list[str]:
        jar = HeaderJar(f"session={client.cookies['session']}")
        session = get_iron_session(jar, options)
        session.get("user")
        session.commit()
        return jar.set_cookie_headers

    still.tick(49)
    assert read_session(visit(), options) is None
    still.tick(1)
    renewed = read_session(visit(), options)
    assert renewed is not None
    assert renewed.expires_at == START + timedelta(seconds=630)


FILES = sorted(Path(iron_session.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_module_asks_for_the_time_where_it_can_be_stopped(file: Path) -> None:
    """One that imported the function itself would go on with the real one."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert "now_ms" not in {alias.name for alias in node.names}


# --- the module --------------------------------------------------------------------------------


def test_what_is_public_is_named_and_documented() -> None:
    assert set(testing.__all__) == {
        "FrozenClock",
        "ReadSession",
        "cookie_header",
        "for_tests",
        "frozen_clock",
        "log_in",
        "make_options",
        "read_session",
        "session_cookie",
    }
    for name in testing.__all__:
        assert inspect.getdoc(getattr(testing, name))


def test_the_module_loads_no_framework() -> None:
    code = "import sys, iron_session.testing; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "iron_session" in loaded
    assert not loaded & (FRAMEWORKS | {"httpx", "httpx2", "requests", "pytest"})


# --- endings -----------------------------------------------------------------------------------


@contextmanager
def ending(**changes: Any) -> Iterator[tuple[SessionOptions[Any], Revocations]]:
    """Yield options and what ends their sessions; it follows its store until the block ends."""
    revocations = Revocations(MemoryStore(), namespace="shop")
    try:
        yield (
            make_options(revocations=revocations, max_lifetime=timedelta(days=30), **changes),
            revocations,
        )
    finally:
        revocations.close()


def is_there(cookie: str, options: SessionOptions[Any]) -> bool:
    return bool(dict(found(cookie, options)))


@pytest.mark.parametrize("data", [{"a": 1}, {"user": "ada"}])
@pytest.mark.parametrize("ended", ["end_all", "end_user"])
def test_an_ending_ends_the_sessions_that_were_created_before_it(
    ended: str, data: dict[str, Any]
) -> None:
    """Also of users that the application names, without a login."""
    user_of = {"user_of": lambda data: data["user"]} if "user" in data else {}
    terms: dict[str, Any] = {} if user_of else {"user_id": "ada"}
    with frozen_clock() as clock, ending(**user_of) as (options, revocations):
        getattr(revocations, ended)(*(["ada"] if ended == "end_user" else []))
        before = cookie_header(
            options, data, created_at=clock.now - timedelta(milliseconds=1), **terms
        )
        assert not is_there(before, options)
        assert is_there(cookie_header(options, data, created_at=clock.now, **terms), options)
        assert is_there(cookie_header(options, data, **terms), options)


def test_an_ending_ends_a_session_of_before_it_and_none_that_began_later() -> None:
    with frozen_clock() as clock, ending() as (options, revocations):
        revocations.end_user("ada")
        clock.tick(timedelta(hours=2))
        later = clock.now - timedelta(hours=1)
        earlier = clock.now - timedelta(hours=3)
        for at, stays in ((later, True), (earlier, False)):
            cookie = cookie_header(options, {"a": 1}, created_at=at, user_id="ada")
            assert is_there(cookie, options) is stays


def test_an_ending_of_now_ends_a_session_of_before_though_no_clock_is_stopped() -> None:
    with ending() as (options, revocations):
        before = datetime.now(UTC) - timedelta(seconds=1)
        cookie = cookie_header(options, {"a": 1}, created_at=before, user_id="ada")
        assert is_there(cookie, options)
        revocations.end_user("ada")
        assert not is_there(cookie, options)
        assert not is_there(
            cookie_header(options, {"a": 1}, created_at=before, user_id="ada"), options
        )


def test_a_session_of_before_is_as_old_for_a_store_whose_time_goes_on() -> None:
    """The store was reached before the clock was stopped in the past."""
    with ending() as (options, revocations):
        revocations.end_user("ben")
        with frozen_clock() as clock:
            at = clock.now - timedelta(hours=1)
            assert is_there(cookie_header(options, {"a": 1}, created_at=at, user_id="ada"), options)
            revocations.end_user("ada")
            assert not is_there(
                cookie_header(options, {"a": 1}, created_at=at, user_id="ada"), options
            )
            assert is_there(cookie_header(options, {"a": 1}, user_id="ada"), options)


def test_a_client_that_was_logged_in_before_an_ending_is_out() -> None:
    with (
        frozen_clock() as clock,
        ending() as (options, revocations),
        httpx.Client(base_url="http://testserver") as client,
    ):
        at = clock.now - timedelta(days=1)
        log_in(client, options, {"a": 1}, created_at=at, user_id="ada")
        assert read_session(client, options) == {"a": 1}
        revocations.end_user("ada")
        log_in(client, options, {"a": 1}, created_at=at, user_id="ada")
        with pytest.raises(UnsealError) as caught:
            read_session(client, options)
        assert caught.value.reason == "ended"
