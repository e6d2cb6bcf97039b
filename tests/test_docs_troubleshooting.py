"""The page "My session is empty": each symptom on it is produced here, and its mend is shown.

What only a browser decides is in tests/test_docs_troubleshooting_in_chromium.py.
"""

import asyncio
import json
import logging
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import django.test
import flask
import httpx
import pytest
import requests
from aiohttp import web
from channels import auth as channels_auth
from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.contrib import auth
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.test import override_settings
from django.urls import path
from fastapi import FastAPI, Response
from sanic import Sanic
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeaderJar,
    Passwords,
    SessionOptions,
    UnsealReason,
    generate_password,
    get_iron_session,
    seal_data,
)
from iron_session.integrations.aiohttp import get_session as aiohttp_session
from iron_session.integrations.aiohttp import setup
from iron_session.integrations.channels import AuthMiddlewareStack
from iron_session.integrations.fastapi import get_iron_session as get_fastapi_session
from iron_session.integrations.flask import IronSessionInterface
from iron_session.integrations.sanic import setup as setup_sanic
from iron_session.integrations.starlette import IronSessionMiddleware, get_session
from iron_session.testing import frozen_clock
from tests.contract.asgi_driver import Connection
from tests.contract.server import serve_asgi, serve_wsgi
from tests.examples.servers import Server, clean_environment, free_ports
from tests.helpers.clock import Clock
from tests.helpers.pages import ROOT, one_line, read_page, run_page, tables
from tests.helpers.revoker import Ledger
from tests.helpers.waiting import WAIT, wait_for
from tests.integrations.django_site.project import (
    NAME as ADA,
)
from tests.integrations.django_site.project import (
    PASSWORD_OF_ADA,
    new_database,
)
from tests.sessions.browser import (
    FOREIGN,
    NAME,
    OLD,
    PASSWORD,
    Failures,
    cookie_of,
    make_options,
    saved,
    seal_text,
)

PAGE = read_page("docs/troubleshooting.md")
HTTPS = "https://shop.example"
HOUR = 3600
LOST = "the change to session 'myapp' is lost"


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Give the records of this package: frameworks have set others to speak up."""
    return [record for record in caplog.records if record.name == "iron_session"]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """All Python of the page."""
    logger = logging.getLogger("iron_session")
    level = logger.level
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    yield run_page(PAGE, "empty_session_page")
    logger.setLevel(level)


# --- a site that counts, and logs in -------------------------------------------------------------


async def count(request: Request) -> JSONResponse:
    """Count the visits."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JSONResponse(request.session["visits"])


async def log_in(request: Request) -> RedirectResponse:
    """Log in, and send to the page that says who that is."""
    request.session["user"] = request.query_params.get("user", "ada")
    return RedirectResponse("/me", status_code=303)


async def me(request: Request) -> JSONResponse:
    """Say who is logged in."""
    return JSONResponse(request.session.get("user"))


ROUTES = [
    Route("/", count),
    Route("/login", log_in),
    Route("/me", me),
]


def make_site(options: SessionOptions | None = None, *more: BaseRoute, **changes: Any) -> Starlette:
    """Make the site, with options of which a test names only what it is about."""
    options = options or make_options(**changes)
    ours = Middleware(IronSessionMiddleware, options=options)
    return Starlette(routes=[*ROUTES, *more], middleware=[ours])


def visits(client: Any, url: str = "/") -> list[int]:
    """Come three times, and return what the counter shows."""
    return [client.get(url).json() for _ in range(3)]


def known_after_login(client: TestClient, host: str = "") -> Any:
    """Log in, be redirected, and return who the site says that is."""
    return client.get(f"{host}/login", follow_redirects=True).json()


class Browser:
    """Sends one cookie jar to several servers, as they stand behind one address."""

    def __init__(self, *servers: Any) -> None:
        self.clients = [TestClient(server, base_url=HTTPS) for server in servers]
        for client in self.clients:
            client.cookies = self.clients[0].cookies

    def ask(self, server: int, target: str = "/me") -> Any:
        """Send a request to a server."""
        client = self.clients[server]
        client.cookies = self.clients[0].cookies
        answer = client.get(target, follow_redirects=False)
        self.clients[0].cookies = client.cookies
        return answer.json() if answer.status_code == 200 else None


# --- find the place first ------------------------------------------------------------------------


def test_the_page_s_options_tell_what_was_read_and_what_was_not(
    page: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    client = TestClient(make_site(page["options"]), base_url=HTTPS)
    client.get("/me")
    assert capsys.readouterr().out == ""
    visits(client)
    assert capsys.readouterr().out.startswith("read: 1 0:00:00")
    client.get("/me", headers={"Cookie": cookie_of('{"a":1}', password=FOREIGN)})
    assert capsys.readouterr().out.startswith("not read: invalid")


def test_a_request_that_never_looks_prints_neither(
    page: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    async def plain(_: Request) -> JSONResponse:
        return JSONResponse(1)

    site = make_site(page["options"], Route("/plain", plain))
    TestClient(site).get("/plain", headers={"Cookie": f"{NAME}=junk"})
    assert capsys.readouterr().out == ""


# --- Secure over http ----------------------------------------------------------------------------


def test_a_secure_cookie_over_http_is_a_login_loop_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = TestClient(make_site(), base_url="http://shop.example")
    assert known_after_login(client) is None
    assert visits(client) == [1, 1, 1]
    (record,) = ours(caplog)
    text = "the cookie 'myapp' is Secure and was set over plain http, where browsers drop it:"
    assert record.getMessage().startswith(text)
    assert f"`{text} …`" in one_line(PAGE)
    assert record.levelname == "WARNING"


def test_https_ends_the_loop() -> None:
    client = TestClient(make_site(), base_url=HTTPS)
    assert known_after_login(client) == "ada"
    assert visits(client) == [1, 2, 3]


def test_auto_ends_the_loop_where_there_is_no_https(page: dict[str, Any]) -> None:
    for address in ("http://shop.example", HTTPS):
        client = TestClient(make_site(page["in_development"]), base_url=address)
        assert known_after_login(client) == "ada"
        assert visits(client) == [1, 2, 3]
        is_secure = "Secure" in client.get("/").headers["set-cookie"]
        assert is_secure == (address == HTTPS)


def test_a_server_that_trusts_its_proxy_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The proxy's visitor is at https, and keeps the cookie."""
    client = TestClient(make_site(), base_url="http://shop.example")
    answer = client.get("/", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in answer.headers["set-cookie"]
    assert ours(caplog) == []


# --- another host or path ------------------------------------------------------------------------

WWW = "https://www.shop.example"


def test_a_login_at_www_is_unknown_without_it_unless_there_is_a_domain() -> None:
    client = TestClient(make_site(), base_url=HTTPS)
    assert known_after_login(client, WWW) == "ada"
    assert client.get(f"{HTTPS}/me").json() is None

    client = TestClient(make_site(cookie_options={"domain": "shop.example"}), base_url=HTTPS)
    assert known_after_login(client, WWW) == "ada"
    assert client.get(f"{HTTPS}/me").json() == "ada"


def test_localhost_and_its_address_are_two_hosts() -> None:
    options = make_options(cookie_options={"secure": False})
    with (
        serve_asgi(make_site(options)) as address,
        httpx.Client(timeout=WAIT, trust_env=False) as client,
    ):
        port = address.rpartition(":")[2]
        client.get(f"http://127.0.0.1:{port}/login")
        assert client.get(f"http://127.0.0.1:{port}/me").json() == "ada"
        assert client.get(f"http://localhost:{port}/me").json() is None


def test_a_path_hides_the_session_from_the_other_paths() -> None:
    for where, shown in (("/app", [1, 1, 1]), ("/", [1, 2, 3])):
        client = TestClient(make_site(cookie_options={"path": where}), base_url=HTTPS)
        assert visits(client) == shown


# --- large cookies -------------------------------------------------------------------------------


async def fill(request: Request) -> JSONResponse:
    """Put a text of some size into the session."""
    request.session["text"] = "x" * request.path_params["size"]
    return JSONResponse(request.path_params["size"])


FILL = Route("/fill/{size:int}", fill)


def test_a_session_over_4_kb_is_an_error_and_the_one_from_before_stays() -> None:
    client = TestClient(make_site(None, FILL), base_url=HTTPS)
    client.get("/login")
    with pytest.raises(CookieTooLargeError, match="chunk=True"):
        client.get("/fill/4000")
    assert client.get("/me").json() == "ada"

    client = TestClient(make_site(make_options(chunk=True), FILL), base_url=HTTPS)
    assert client.get("/fill/4000").status_code == 200
    assert len(client.cookies) == 2


def test_a_cookie_that_was_cut_is_invalid_and_tells_its_size() -> None:
    failures = Failures()
    client = TestClient(make_site(on_unseal_error=failures), base_url=HTTPS)
    cut = saved({"user": "ada", "text": "x" * 2000})[: len(f"{NAME}=") + 1024]
    assert client.get("/me", headers={"Cookie": cut}).json() is None
    assert [(failure.reason, failure.size) for failure in failures] == [("invalid", 1024)]


LARGE = saved({"user": "ada", "text": "x" * 7000}, chunk=True)


def test_gunicorn_answers_431_to_8_kb_until_it_is_told_to_take_more(tmp_path: Path) -> None:
    assert 8190 < len(LARGE) < 16000
    more = "--limit-request-field_size 20000"
    assert f"`{more}`" in PAGE
    app = "tests.integrations.cookie_fields_app:application"
    for flags, status in (("", 431), (more, 204)):
        (port,) = free_ports(1)
        command = f"gunicorn {flags} --bind 127.0.0.1:{port} {app}"
        home = {"PYTHONPATH": f"{ROOT}/src:{ROOT}", "HOME": str(tmp_path)}
        server = Server(command, port, home)
        try:
            server.wait_for_start()
            address = f"http://127.0.0.1:{port}/other"
            answer = httpx.get(address, headers={"Cookie": LARGE}, timeout=WAIT, trust_env=False)
        finally:
            server.stop()
        assert answer.status_code == status
    assert "| 431 | gunicorn:" in PAGE


def test_aiohttp_answers_400_to_8_kb_until_it_is_told_to_take_more() -> None:
    async def show(request: web.Request) -> web.Response:
        return web.json_response(aiohttp_session(request).get("user"))

    async def ask(**how: Any) -> tuple[int, str]:
        app = web.Application(**how)
        app.router.add_get("/", show)
        setup(app, make_options(chunk=True))
        runner = web.AppRunner(app, handle_signals=False)
        await runner.setup()
        (port,) = free_ports(1)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            async with httpx.AsyncClient(timeout=WAIT, trust_env=False) as client:
                url = f"http://127.0.0.1:{port}/"
                answer = await client.get(url, headers={"Cookie": LARGE})
                return answer.status_code, answer.text
        finally:
            await runner.cleanup()

    assert asyncio.run(ask())[0] == 400
    assert asyncio.run(ask(handler_args={"max_field_size": 20000})) == (200, '"ada"')
    assert '`web.Application(handler_args={"max_field_size": 20000})`' in PAGE


def test_sanic_refuses_chunks_at_the_start_until_it_takes_16_kb(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Sanic, "_app_registry", {})
    app: Any = Sanic("too-small", configure_logging=False)
    line = "app.config.REQUEST_MAX_HEADER_SIZE = 16384"
    with pytest.raises(ConfigurationError, match="REQUEST_MAX_HEADER_SIZE = 16384"):
        setup_sanic(app, make_options(chunk=True))
    assert f"`{line}`" in PAGE
    app = Sanic("large-enough", configure_logging=False)
    app.config.REQUEST_MAX_HEADER_SIZE = 16384
    setup_sanic(app, make_options(chunk=True))


# --- the server can't read it --------------------------------------------------------------------


def unreadable(reason: str) -> str:
    """Make a cookie that can't be read for a reason."""
    match reason:
        case "expired":
            return seal_text('{"user":1}', expires=1)
        case "unknown-password":
            return seal_text('{"user":1}', password={7: FOREIGN})
        case "invalid":
            return seal_text('{"user":1}', password=FOREIGN)
        case "purpose":
            return seal_data({"user": 1}, password=PASSWORD, purpose="reset")
        case "schema":
            return seal_text('{"user_ids":"text"}', expires=None)
        case _:
            return seal_text('{"user":1}')


def user_of(data: dict[str, Any]) -> str:
    """Return who is logged in."""
    return str(data["user"])


@pytest.mark.parametrize("reason", get_args(UnsealReason))
def test_every_reason_is_told_as_the_table_says(
    page: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    failures = Failures()
    changes: dict[str, Any] = {
        "schema": {"schema": page["Visitor"]},
        "ended": {"revocations": Ledger(marks={"1": 1}), "user_of": user_of, "max_lifetime": 1e7},
        "refused": {"accept": lambda data, about: False},
        "unavailable": {"revocations": Ledger(reachable=False), "max_lifetime": 1e7},
    }.get(reason, {})
    client = TestClient(make_site(on_unseal_error=failures, **changes), base_url=HTTPS)
    cookie = f"{NAME}={unreadable(reason)}"
    assert client.get("/me", headers={"Cookie": cookie}).json() is None
    assert failures.reasons == [reason]
    (record,) = ours(caplog)
    assert record.getMessage().startswith(f"session cookie 'myapp' could not be read ({reason},")
    assert f'| `"{reason}"` | {record.levelname} |' in PAGE


def test_a_burst_of_unreadable_cookies_is_one_line_and_every_call_of_the_hook(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    failures = Failures()
    client = TestClient(make_site(on_unseal_error=failures), base_url=HTTPS)
    for _ in range(5):
        client.get("/me", headers={"Cookie": f"{NAME}=junk"})
    assert (len(ours(caplog)), len(failures)) == (1, 5)


# --- there in one framework, empty in the other --------------------------------------------------


def make_flask_site(options: SessionOptions) -> flask.Flask:
    """Make a site in another framework."""
    app = flask.Flask(__name__)
    app.session_interface = IronSessionInterface(options)

    @app.get("/me")
    def me_too() -> Any:
        return flask.jsonify(flask.session.get("user"))

    return app


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        ({"password": {"2": PASSWORD}}, "unknown-password"),
        ({"password": FOREIGN}, "invalid"),
        ({"cookie_name": "another"}, None),
        ({}, None),
    ],
    ids=["another id", "another password", "another name", "the same"],
)
def test_two_frameworks_share_what_has_the_same_name_password_and_id(
    theirs: dict[str, Any], reason: str | None
) -> None:
    first = TestClient(make_site(), base_url=HTTPS)
    first.get("/login")
    failures = Failures()
    second = make_flask_site(make_options(on_unseal_error=failures, **theirs)).test_client()
    second.set_cookie(NAME, first.cookies[NAME], domain="shop.example")
    assert second.get("/me", base_url=HTTPS).json == (None if theirs else "ada")
    assert failures.reasons == [reason] * (reason is not None)


def test_both_read_it_where_both_have_one_map_of_passwords() -> None:
    both = {"1": OLD, "2": PASSWORD}
    first = TestClient(make_site(password=both), base_url=HTTPS)
    first.get("/login")
    second = make_flask_site(make_options(password=both)).test_client()
    second.set_cookie(NAME, first.cookies[NAME], domain="shop.example")
    assert second.get("/me", base_url=HTTPS).json == "ada"


def test_a_session_in_chunks_has_no_cookie_of_the_name_that_javascript_reads() -> None:
    client = TestClient(make_site(make_options(chunk=True), FILL), base_url=HTTPS)
    client.get("/fill/4000")
    assert set(client.cookies) == {f"{NAME}.0", f"{NAME}.1"}


# --- empty after a deployment --------------------------------------------------------------------


def servers(*passwords: Any, **changes: Any) -> tuple[Browser, Failures]:
    """Open a browser in front of servers with these passwords."""
    failures = Failures()
    changes = {"on_unseal_error": failures, **changes}
    return Browser(*[make_site(password=one, **changes) for one in passwords]), failures


def test_a_password_that_is_made_at_start_logs_out_at_each_start() -> None:
    browser, failures = servers(generate_password(), generate_password())
    browser.ask(0, "/login")
    assert [browser.ask(0), browser.ask(1)] == ["ada", None]
    assert failures.reasons == ["invalid"]


def test_a_new_password_in_the_place_of_the_old_logs_out_and_beside_it_does_not() -> None:
    browser, failures = servers({1: OLD}, {2: PASSWORD}, {1: OLD, 2: PASSWORD})
    browser.ask(0, "/login")
    assert browser.ask(1) is None
    assert failures.reasons == ["unknown-password"]
    assert browser.ask(2) == "ada"


def test_a_new_password_that_seals_too_early_is_unknown_at_the_neighbour() -> None:
    browser, failures = servers({1: OLD, 2: PASSWORD}, {1: OLD})
    browser.ask(0, "/login")
    assert browser.ask(1) is None
    assert failures.reasons == ["unknown-password"]

    browser, failures = servers(Passwords({1: OLD, 2: PASSWORD}, seal_with=1), {1: OLD})
    browser.ask(0, "/login")
    assert [browser.ask(1), failures.reasons] == ["ada", []]


def test_data_of_an_old_shape_is_empty_until_it_is_migrated(page: dict[str, Any]) -> None:
    failures, typed = Failures(), page["typed"]

    async def ids(request: Request) -> JSONResponse:
        return JSONResponse(get_session(request).data.user_ids)

    async def old(request: Request) -> JSONResponse:
        request.session["user_ids"] = "not a list"
        return JSONResponse(None)

    async def older(request: Request) -> JSONResponse:
        request.session["user_id"] = 7
        return JSONResponse(None)

    before = make_site(None, Route("/old", old), Route("/older", older))
    unmended = make_options(schema=page["Visitor"], on_unseal_error=failures)
    browser = Browser(before, make_site(unmended, Route("/ids", ids)))
    browser.ask(0, "/old")
    assert browser.ask(1, "/ids") is None
    assert failures.reasons == ["schema"]
    browser = Browser(before, make_site(typed, Route("/ids", ids)))
    browser.ask(0, "/older")
    assert browser.ask(1, "/ids") == [7]


def test_a_cookie_with_another_name_is_not_seen_and_the_log_is_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    browser = Browser(make_site(), make_site(cookie_name="newname"))
    browser.ask(0, "/login")
    assert browser.ask(1) is None
    assert ours(caplog) == []


# --- logged out after a fixed time, or with the browser ------------------------------------------


def test_a_session_that_is_only_read_ends_and_is_renewed_where_that_was_asked(
    clock: Clock, page: dict[str, Any]
) -> None:
    renewed = page["renewed"]
    for options, user in ((make_options(ttl=renewed.ttl), None), (renewed, "ada")):
        browser = Browser(make_site(options))
        browser.ask(0, "/login")
        for _ in range(3):
            clock.advance(6 * HOUR)
            browser.ask(0)
        clock.advance(6 * HOUR)
        assert browser.ask(0) == user


def inspect(cookie: str, *arguments: str, folder: Path | None = None) -> dict[str, str]:
    """Return the lines of `iron-session inspect` by their names."""
    output = subprocess.run(
        [sys.executable, "-m", "iron_session", "inspect", *arguments],
        input=f"Cookie: {cookie}",
        env={**clean_environment(), "SESSION_PASSWORD": PASSWORD},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,  # it exits with 1 for a cookie that does not open
    ).stdout
    output = re.sub(r"\n +", " ", output.strip())
    return dict(re.split("  +", line, maxsplit=1) for line in output.splitlines() if "  " in line)


def cookie_of_noon(logout: datetime, *, saved: bool, **changes: Any) -> str:
    """Log in twelve hours before the logout, save again or not, and copy the cookie at noon."""
    options = make_options(ttl=12 * HOUR, **changes)
    with frozen_clock(logout - timedelta(hours=12)) as clock:
        session = get_iron_session(jar := HeaderJar(), options)
        session.login("ada")
        session.save()
        clock.tick(2 * HOUR)
        if saved:
            cookie = jar.set_cookie_headers[0].partition(";")[0]
            session = get_iron_session(jar := HeaderJar(cookie), options)
            session["seen"] = True
            session.save()
    return jar.set_cookie_headers[0].partition(";")[0]


OPTIONS = """
from iron_session import Passwords, SessionOptions
password = Passwords.from_env("SESSION_PASSWORD")
options = SessionOptions(password=password, cookie_name=NAME, ttl=43200, MORE)
"""
ENDED = [row[0] for each in tables(PAGE) if each[0][0] == "ended` says" for row in each[1:]]
"""What the page says that the line may say."""


@pytest.mark.parametrize(
    ("said", "saved", "changes"),
    [
        ("with renew_after, use renews it", False, {}),
        ("no request has renewed it", False, {"renew_after": HOUR}),
        ("by max_lifetime", True, {"max_lifetime": 12 * HOUR}),
    ],
    ids=["only read", "not renewed", "max_lifetime"],
)
def test_inspect_names_what_ended_a_session_once_it_has_ended(
    said: str, saved: bool, changes: dict[str, int], tmp_path: Path
) -> None:
    """By the application's options; before the end, the cookie only opens."""
    more = ", ".join(f"{name}={value}" for name, value in changes.items())
    text = OPTIONS.replace("NAME", repr(make_options().cookie_name)).replace("MORE", more)
    (tmp_path / "app.py").write_text(text)
    (parts,) = (each.split("…") for each in ENDED if said in each)
    now = datetime.now(UTC)
    cookie = cookie_of_noon(now - timedelta(minutes=5), saved=saved, **changes)
    shown = inspect(cookie, "--options", "app:options", folder=tmp_path)
    assert all(part in shown["ended"] for part in parts), shown["ended"]
    cookie = cookie_of_noon(now + timedelta(hours=9), saved=saved, **changes)
    shown = inspect(cookie, "--options", "app:options", folder=tmp_path)
    assert shown["verdict"].startswith("it opens")
    assert "ended" not in shown


def test_inspect_names_both_lifetimes_without_the_options() -> None:
    logout = datetime.now(UTC) - timedelta(minutes=5)
    cookie = cookie_of_noon(logout, saved=False, max_lifetime=12 * HOUR)
    ended = inspect(cookie, "--ttl", "43200")["ended"]
    assert "by its ttl of 12 hours" in ended
    assert "or by max_lifetime" in ended


def test_a_cookie_without_max_age_ends_with_the_browser_and_its_seal_does_not() -> None:
    for cookie_options, has_max_age in (({"max_age": None}, False), ({}, True)):
        client = TestClient(make_site(cookie_options=cookie_options), base_url=HTTPS)
        answer = client.get("/login", follow_redirects=False)
        header = answer.headers["set-cookie"]
        assert ("; Max-Age=" in header) is has_max_age
        assert inspect(header.partition(";")[0], "--ttl", str(14 * 24 * HOUR))[
            "verdict"
        ].startswith("it opens")


def test_a_ttl_that_is_set_before_the_login_is_lost() -> None:
    options = make_options(cookie_options={"max_age": None})
    for order, has_max_age in (("ttl login", False), ("login ttl", True)):
        session = get_iron_session(jar := HeaderJar(), options)
        for step in order.split():
            if step == "ttl":
                session.ttl = 30 * 24 * HOUR
            else:
                session.login("1")
        session.save()
        assert ("; Max-Age=" in jar.set_cookie_headers[0]) is has_max_age


@pytest.mark.parametrize(("permanent", "kept"), [(False, False), (True, True), (None, True)])
def test_flask_s_permanent_decides_whether_the_cookie_ends_with_the_browser(
    permanent: bool | None, kept: bool
) -> None:
    app = flask.Flask(__name__)
    app.session_interface = IronSessionInterface(make_options())

    @app.get("/")
    def home() -> str:
        flask.session["user"] = "ada"
        if permanent is not None:
            flask.session.permanent = permanent
        return ""

    assert ("; Max-Age=" in app.test_client().get("/").headers["Set-Cookie"]) is kept


# --- logged out at random ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("passwords", "reason"),
    [((PASSWORD, FOREIGN), "invalid"), (({1: OLD}, {2: PASSWORD}), "unknown-password")],
)
def test_servers_with_passwords_of_their_own_know_a_visitor_every_other_time(
    passwords: tuple[Any, ...], reason: str
) -> None:
    browser, failures = servers(*passwords)
    browser.ask(0, "/login")
    assert [browser.ask(number % 2) for number in range(4)] == ["ada", None, "ada", None]
    assert failures.reasons == [reason] * 2
    browser, failures = servers(passwords[0], passwords[0])
    browser.ask(0, "/login")
    assert [browser.ask(number % 2) for number in range(4)] == ["ada"] * 4


@pytest.mark.parametrize(("apart", "user"), [(HOUR, None), (HOUR // 2 + 30, "ada"), (0, "ada")])
def test_clocks_that_are_apart_by_more_than_the_ttl_end_a_session_at_once(
    clock: Clock, apart: int, user: str | None
) -> None:
    """The first server's clock is behind; of a ttl of half an hour a minute is forgiven."""
    browser, failures = servers(PASSWORD, PASSWORD, ttl=HOUR // 2)
    browser.ask(0, "/login")
    clock.advance(apart)  # as the second server sees the same moment
    assert browser.ask(1) == user
    if user is None:
        (failure,) = failures
        assert (failure.reason, failure.age) == ("expired", timedelta(hours=1))


def test_a_request_that_ends_after_the_login_brings_the_old_session_back() -> None:
    """And one that only reads does not."""

    async def visit(*, writes: bool) -> Any:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(request: Request) -> JSONResponse:
            request.session.get("visits")
            begun.set()
            await go_on.wait()
            if writes:
                request.session["seen"] = True
            return JSONResponse(None)

        transport = httpx.ASGITransport(make_site(None, Route("/slow", slow)))
        async with httpx.AsyncClient(transport=transport, base_url=HTTPS) as client:
            await client.get("/")
            polling = asyncio.create_task(client.get("/slow"))
            await begun.wait()
            await client.get("/login")
            assert (await client.get("/me")).json() == "ada"
            go_on.set()
            await polling
            return (await client.get("/me")).json()

    assert asyncio.run(visit(writes=True)) is None
    assert asyncio.run(visit(writes=False)) == "ada"


def test_two_applications_on_one_host_log_each_other_out() -> None:
    failures = Failures()
    with (
        serve_asgi(make_site(cookie_options={"secure": False}, on_unseal_error=failures)) as one,
        serve_asgi(make_site(cookie_options={"secure": False}, password=FOREIGN)) as two,
        serve_asgi(make_site(cookie_options={"secure": False}, cookie_name="mine")) as three,
        httpx.Client(timeout=WAIT, trust_env=False) as client,
    ):
        client.get(f"http://{one}/login")
        client.get(f"http://{three}/login")
        assert client.get(f"http://{one}/me").json() == "ada"
        client.get(f"http://{two}/login")
        assert client.get(f"http://{one}/me").json() is None
        assert client.get(f"http://{three}/me").json() == "ada"
    assert failures.reasons == ["invalid"]


# --- no cookie is set ----------------------------------------------------------------------------


def lost(caplog: pytest.LogCaptureFixture) -> bool:
    """Check that one change was logged as lost."""
    (record,) = ours(caplog)
    return record.levelname == "ERROR" and record.getMessage().startswith(LOST)


def test_a_background_task_writes_too_late(
    page: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    site = make_site(None, Route("/late", page["too_late"]), Route("/early", page["in_time"]))
    client = TestClient(site, base_url=HTTPS)
    assert "set-cookie" not in client.get("/late").headers
    assert lost(caplog)
    assert f"`{LOST}: …`" in one_line(PAGE)
    caplog.clear()
    assert "set-cookie" in client.get("/early").headers
    assert ours(caplog) == []


def test_the_generator_of_a_stream_writes_too_late(caplog: pytest.LogCaptureFixture) -> None:
    async def stream(request: Request) -> StreamingResponse:
        request.session.get("user")

        def body() -> Iterator[str]:
            request.session["late"] = True
            yield "done"

        return StreamingResponse(body())

    client = TestClient(make_site(None, Route("/stream", stream)), base_url=HTTPS)
    assert "set-cookie" not in client.get("/stream").headers
    assert lost(caplog)


def test_an_accepted_websocket_writes_too_late(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        websocket.session["late"] = True
        await websocket.close()

    client = TestClient(make_site(None, WebSocketRoute("/ws", talk)), base_url=HTTPS)
    with client.websocket_connect("/ws"):
        pass
    assert lost(caplog)


def test_a_request_that_fails_writes_nothing() -> None:
    async def fail(request: Request) -> JSONResponse:
        request.session["user"] = "ada"
        raise LookupError

    site = make_site(None, Route("/fail", fail))
    client = TestClient(site, base_url=HTTPS, raise_server_exceptions=False)
    assert client.get("/fail").status_code == 500
    assert client.get("/me").json() is None


def test_the_explicit_form_writes_when_it_is_saved_into_what_is_returned(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, options = FastAPI(), make_options()

    @app.get("/{how}")
    def act(request: Request, response: Response, how: str) -> Any:
        session = get_fastapi_session(request, response, options)
        session["user"] = "ada"
        if how != "unsaved":
            session.save()
        return JSONResponse({}) if how == "another" else {}

    client = TestClient(app, base_url=HTTPS)
    set_ = {how: "set-cookie" in client.get(f"/{how}").headers for how in ("unsaved", "another")}
    assert set_ == {"unsaved": False, "another": False}
    assert wait_for(lambda: lost(caplog))
    assert "set-cookie" in client.get("/saved").headers


def test_reading_writes_nothing_and_a_change_within_a_list_does() -> None:
    async def add(request: Request) -> JSONResponse:
        request.session.setdefault("cart", []).append("pen")
        return JSONResponse(len(request.session["cart"]))

    client = TestClient(make_site(None, Route("/add", add)), base_url=HTTPS)
    assert "set-cookie" not in client.get("/me").headers
    assert visits(client, "/add") == [1, 2, 3]
    assert "set-cookie" not in client.get("/me").headers


# --- SessionMiddleware must be installed ---------------------------------------------------------

MUST = "SessionMiddleware must be installed to access request.session"


async def note_visitor(request: Request, call_next: Any) -> Any:
    """Look at the session in a middleware."""
    request.state.user = request.session.get("user")
    return await call_next(request)


def test_starlette_says_so_where_none_is_installed() -> None:
    assert f"`{MUST}`" in PAGE
    with pytest.raises(AssertionError, match=MUST):
        TestClient(Starlette(routes=ROUTES)).get("/me")


def test_the_one_that_is_added_last_is_the_outermost(page: dict[str, Any]) -> None:
    wrong = Starlette(routes=ROUTES)
    wrong.add_middleware(IronSessionMiddleware, options=make_options())
    wrong.add_middleware(BaseHTTPMiddleware, dispatch=note_visitor)
    with pytest.raises(AssertionError, match=MUST):
        TestClient(wrong).get("/me")

    right = page["app"]
    right.router.routes += ROUTES
    assert known_after_login(TestClient(right, base_url=HTTPS)) == "ada"


def test_in_a_list_the_first_is_the_outermost() -> None:
    ours = Middleware(IronSessionMiddleware, options=make_options())
    theirs = Middleware(BaseHTTPMiddleware, dispatch=note_visitor)
    with pytest.raises(AssertionError, match=MUST):
        TestClient(Starlette(routes=ROUTES, middleware=[theirs, ours])).get("/me")
    right = Starlette(routes=ROUTES, middleware=[ours, theirs])
    assert known_after_login(TestClient(right, base_url=HTTPS)) == "ada"


def test_a_mounted_application_s_session_is_not_the_outer_one_s() -> None:
    inner_only = Starlette(routes=[Mount("/inner", make_site()), *ROUTES])
    client = TestClient(inner_only, base_url=HTTPS)
    assert client.get("/inner/me").status_code == 200
    with pytest.raises(AssertionError, match=MUST):
        client.get("/me")

    outer = make_site(None, Mount("/inner", Starlette(routes=ROUTES)))
    client = TestClient(outer, base_url=HTTPS)
    client.get("/login")
    assert client.get("/inner/me").json() == "ada"


def test_what_the_other_frameworks_say_is_on_the_page() -> None:
    with pytest.raises(RuntimeError) as flasks, flask.Flask(__name__).test_request_context():
        flask.session["user"] = 1
    with override_settings(MIDDLEWARE=[AUTHENTICATION]), pytest.raises(ImproperlyConfigured) as its:
        django.test.Client().get("/who")
    with pytest.raises(ConfigurationError) as ours:
        get_session(Request({"type": "http", "headers": []}))
    told = re.findall(r"^\| [^|]+ \| `([^`]+)`", PAGE.partition("\n| framework |")[2], re.MULTILINE)
    assert len(told) == 3
    for text, raised in zip(told, (flasks, its, ours), strict=True):
        assert str(raised.value).startswith(text.removesuffix("…"))


# --- clients -------------------------------------------------------------------------------------


def test_starlette_s_client_sends_no_secure_cookie_by_default() -> None:
    assert visits(TestClient(make_site())) == [1, 1, 1]
    assert visits(TestClient(make_site(), base_url="https://testserver")) == [1, 2, 3]


def test_httpx_and_requests_send_none_over_http_either() -> None:
    with serve_asgi(make_site()) as address:
        url = f"http://{address}/"
        with httpx.Client(timeout=WAIT, trust_env=False) as client, requests.Session() as session:
            session.trust_env = False
            assert visits(client, url) == visits(session, url) == [1, 1, 1]
    with serve_asgi(make_site(cookie_options={"secure": "auto"})) as address:
        url = f"http://{address}/"
        with httpx.Client(timeout=WAIT, trust_env=False) as client, requests.Session() as session:
            session.trust_env = False
            assert visits(client, url) == visits(session, url) == [1, 2, 3]


def test_flask_s_client_sends_what_browsers_would_not() -> None:
    app = make_flask_site(make_options())
    app.add_url_rule("/login", view_func=lambda: flask.session.update(user="ada") or "")
    client = app.test_client()
    client.get("/login", base_url="http://shop.example")
    assert client.get("/me", base_url="http://shop.example").json == "ada"


def test_curl_keeps_cookies_only_where_it_is_told_and_secure_ones_from_localhost(
    tmp_path: Path,
) -> None:
    def curl(url: str, *flags: str) -> list[int]:
        command = ["curl", "-s", "--noproxy", "*", *flags, url]
        shown = []
        for _ in range(3):
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            shown.append(json.loads(run.stdout))
        return shown

    with serve_asgi(make_site()) as address:
        port = address.rpartition(":")[2]
        jar = ("-c", str(tmp_path / "jar"), "-b", str(tmp_path / "jar"))
        assert "`-c jar -b jar`" in PAGE
        assert curl(f"http://localhost:{port}/") == [1, 1, 1]
        assert curl(f"http://localhost:{port}/", *jar) == [1, 2, 3]
        to_here = ("--resolve", f"shop.example:{port}:127.0.0.1")
        assert curl(f"http://shop.example:{port}/", *jar, *to_here) == [1, 1, 1]


# --- Django --------------------------------------------------------------------------------------

AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def django_count(request: Any) -> HttpResponse:
    """Count the visits."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse(request.session["visits"], safe=False)


def django_form(request: HttpRequest) -> HttpResponse:
    """Show a form's token, or take the form."""
    return HttpResponse(get_token(request).encode())


def django_login(request: HttpRequest) -> HttpResponse:
    """Log Ada in."""
    auth.login(request, auth.authenticate(request, username=ADA, password=PASSWORD_OF_ADA))
    return HttpResponse()


urlpatterns = [
    path("count", django_count),
    path("form", django_form),
    path("login", django_login),
    path("who", django_count),
]


@pytest.fixture
def _on_this_site() -> Iterator[None]:
    """Have Django serve the pages above."""
    with override_settings(ROOT_URLCONF=__name__):
        yield


on_this_site = pytest.mark.usefixtures("_on_this_site")


@on_this_site
@pytest.mark.parametrize(
    ("settings", "expiry", "kept"),
    [
        ({}, None, True),
        ({"SESSION_EXPIRE_AT_BROWSER_CLOSE": True}, None, False),
        ({}, 0, False),
        ({"SESSION_EXPIRE_AT_BROWSER_CLOSE": True}, 3600, True),
    ],
)
def test_django_s_setting_and_expiry_decide_whether_the_cookie_ends_with_the_browser(
    settings: dict[str, Any], expiry: int | None, kept: bool
) -> None:
    def home(request: Any) -> HttpResponse:
        request.session["user"] = "ada"
        if expiry is not None:
            request.session.set_expiry(expiry)
        return HttpResponse()

    site: Any = types.ModuleType("site")
    site.urlpatterns = [path("", home)]
    with override_settings(ROOT_URLCONF=site, **settings):
        response: Any = django.test.Client().get("/")
    (cookie,) = response.cookies.values()
    assert bool(cookie["max-age"]) is kept


@on_this_site
def test_django_s_counter_shows_1_1_1_over_http_until_the_setting_says_so() -> None:
    for settings, shown in (
        ({}, [1, 1, 1]),
        ({"SESSION_COOKIE_SECURE": False}, [1, 2, 3]),
        (
            {"IRON_SESSION": {"password": PASSWORD, "cookie_options": {"secure": "auto"}}},
            [1, 2, 3],
        ),
    ):
        with (
            override_settings(**settings),
            serve_wsgi(WSGIHandler()) as address,
            httpx.Client(timeout=WAIT, trust_env=False) as client,
        ):
            assert visits(client, f"http://{address}/count") == shown
        assert visits(django.test.Client(), "/count") == [1, 2, 3]  # sends what browsers would not


@on_this_site
@pytest.mark.parametrize(
    ("in_session", "secure", "status"),
    [(False, True, 200), (True, True, 403), (True, False, 200)],
    ids=["in a cookie of its own", "in a session that is lost", "in a session that arrives"],
)
def test_a_csrf_token_in_a_session_that_is_lost_is_a_403(
    in_session: bool, secure: bool, status: int
) -> None:
    with (
        override_settings(CSRF_USE_SESSIONS=in_session, SESSION_COOKIE_SECURE=secure),
        serve_wsgi(WSGIHandler()) as address,
        httpx.Client(timeout=WAIT, trust_env=False, base_url=f"http://{address}") as client,
    ):
        token = client.get("/form").text
        answer = client.post("/form", data={"csrfmiddlewaretoken": token})
        assert answer.status_code == status
        assert ("CSRF verification failed" in answer.text) == (status == 403)


@on_this_site
def test_a_form_that_was_open_before_a_login_is_refused_after_it(tmp_path: Path) -> None:
    with new_database(tmp_path):
        client: Any = django.test.Client(enforce_csrf_checks=True)
        token = client.get("/form").content.decode()
        client.get("/login")
        assert client.post("/form", {"csrfmiddlewaretoken": token}).status_code == 403
        token = client.get("/form").content.decode()
        assert client.post("/form", {"csrfmiddlewaretoken": token}).status_code == 200


class Teller(AsyncConsumer):  # type: ignore[misc]  # Channels has no types
    """Notes who opened the WebSocket."""

    seen: list[str] = []  # noqa: RUF012 - Channels makes the instances

    async def websocket_connect(self, _: Any) -> None:
        scope: Any = self.scope
        self.seen.append(str(scope["user"]))
        raise StopConsumer


@on_this_site
@pytest.mark.parametrize(
    "theirs", [{"cookie_name": "myapp"}, {"chunk": True}], ids=["another name", "chunks"]
)
def test_channels_own_stack_finds_nobody_where_ours_finds_the_user(
    tmp_path: Path, theirs: dict[str, Any]
) -> None:
    options = {"password": PASSWORD, **theirs}
    with new_database(tmp_path), override_settings(IRON_SESSION=options):
        client = django.test.Client()
        client.get("/login")
        cookies = "; ".join(
            f"{name}={one.value}" for name, one in client.cookies.items() if one.value
        )
        if "chunk" in theirs:
            user = client.session["_auth_user_id"]
            held = {**dict(client.session.items()), "_auth_user_id": user, "text": "x" * 4000}
            cookies = saved(held, cookie_name="sessionid", chunk=True)
        Teller.seen.clear()
        for stack in (channels_auth.AuthMiddlewareStack, AuthMiddlewareStack):
            headers = [(b"host", b"testserver"), (b"cookie", cookies.encode())]
            scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": headers}
            begun = Connection({**scope, "subprotocols": []}, [{"type": "websocket.connect"}])
            asyncio.run(begun.run(stack(Teller.as_asgi())))
        assert Teller.seen == ["AnonymousUser", ADA]


# --- the page itself -----------------------------------------------------------------------------


def test_the_page_leads_to_what_is_there() -> None:
    for link in re.findall(r"\]\(([^)]*)\)", PAGE):
        file, _, anchor = link.partition("#")
        text = read_page(f"docs/{file}") if file else PAGE
        titles = re.findall(r"^###? (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in titles}
        assert not anchor or anchor in anchors, link
