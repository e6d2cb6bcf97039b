"""The page "Deploy behind a proxy": its configurations before real servers, and its numbers."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory, override_settings
from sanic import Sanic
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import tests.integrations.django_site.project  # noqa: F401 - settings
from benchmarks.header_limits import REQUESTS, RESPONSES, ask
from benchmarks.header_servers import (
    HOST,
    PROXIES,
    SERVERS,
    SITE,
    Address,
    Proxy,
    Server,
    Subject,
    free_port,
    run,
    run_process,
    run_proxy,
    shown,
)
from iron_session import (
    ConfigurationError,
    HeaderJar,
    Passwords,
    SessionOptions,
    get_iron_session,
    seal_data,
    unseal_data,
)
from iron_session.integrations.starlette import IronSessionMiddleware
from tests.contract.server import serve_asgi
from tests.examples.servers import clean_environment
from tests.helpers.pages import ROOT, blocks, one_line, read_page, run_page, tables
from tests.helpers.waiting import WAIT, wait_for
from tests.revocation.servers import missing
from tests.sessions.browser import PASSWORD, make_options

PAGE = read_page("docs/how-to/deploy.md")
LARGEST = 11_911  # letters in a session that fills four cookies
LARGEST_OF_ONE = 2839
IN_CHROMIUM = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

TABLES = list(tables(PAGE))
(REQUEST_LIMITS,) = [one for one in TABLES if one[0][0] == "server" and len(one[0]) == 5]
(RESPONSE_LIMITS,) = [one for one in TABLES if one[0][0] == "proxy"]
(TRUST,) = [one for one in TABLES if one[0] == ["server", "setting"]]
BY_HAND = ("Daphne", "uWSGI")

NGINX, *_ = PROXIES


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """All Python of the page."""
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    names = run_page(PAGE, "deploy_page")
    yield names
    Sanic.unregister_app(names["sanic_app"])


# --- a site behind a proxy -----------------------------------------------------------------------


async def fill(request: Request) -> JSONResponse:
    """Write as many letters as the path says."""
    request.session["x"] = "x" * request.path_params["length"]
    return JSONResponse([request.url.scheme, request.headers["host"]])


async def read(request: Request) -> JSONResponse:
    """Count the letters."""
    return JSONResponse(len(request.session.get("x", "")))


async def note(request: Request) -> PlainTextResponse:
    """Write whose session it is; for everybody to cache, if nothing prevents it."""
    request.session["user"] = request.query_params["user"]
    return PlainTextResponse("", headers={"Cache-Control": "public, max-age=60"})


async def me(request: Request) -> PlainTextResponse:
    """Say whose session it is; for everybody to cache, if nothing prevents it."""
    user = request.session.get("user", "nobody")
    return PlainTextResponse(user, headers={"Cache-Control": "public, max-age=60"})


async def public(_: Request) -> PlainTextResponse:
    """Do not look at the session."""
    return PlainTextResponse("news", headers={"Cache-Control": "public, max-age=60"})


def make_site(**changes: Any) -> Starlette:
    pages = [Route(f"/{one.__name__}", one) for one in (read, note, me, public)]
    options = make_options(**{"chunk": True, **changes})
    ours = Middleware(IronSessionMiddleware, options=options)
    return Starlette(routes=[Route("/fill/{length:int}", fill), *pages], middleware=[ours])


class Answer:
    """What came back: status, body, and the cookies that it sets, with their attributes."""

    def __init__(self, connection: HTTPConnection) -> None:
        response = connection.getresponse()
        self.status, self.body = response.status, response.read().decode()
        self.headers = response.headers
        fields = response.headers.get_all("set-cookie", [])
        self.set_cookies = [one for one in fields if "Max-Age=0" not in one]
        self.cookie = "; ".join(one.partition(";")[0] for one in self.set_cookies)


def visit(address: Address, path: str, cookie: str = "", **headers: str) -> Answer:
    """Ask a proxy as a browser does."""
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    if cookie:
        fields["Cookie"] = cookie
    connection = HTTPConnection(SITE)
    connection.sock = address.connect(WAIT)
    try:
        connection.request("GET", path, headers={**fields, "Connection": "close"})
        return Answer(connection)
    finally:
        connection.close()


@contextmanager
def behind(
    proxy: Proxy,
    site: Starlette,
    *,
    raised: bool = True,
    changes: Mapping[str, str] | None = None,
    text: str | None = None,
) -> Iterator[Address]:
    """Serve a site by uvicorn, and a proxy before it that is configured as on the page."""
    needs(proxy)
    with (
        serve_asgi(site) as served,
        run_proxy(proxy, port_of(served), raised=raised, changes=changes, text=text) as address,
    ):
        yield address


def is_open(port: int) -> bool:
    """Return whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def needs(subject: Subject) -> None:
    """Skip a test whose proxy is not installed, and say so; in CI, fail it."""
    if not subject.version():
        missing(subject.name, "nginx caddy haproxy apache2-bin")


def port_of(served: str) -> int:
    return int(served.rpartition(":")[2])


# --- the configurations --------------------------------------------------------------------------


@pytest.mark.server
@pytest.mark.parametrize("proxy", PROXIES, ids=lambda it: it.name)
def test_each_configuration_carries_the_largest_session_both_ways(proxy: Proxy) -> None:
    """And tells the application the scheme and the host, whatever a visitor says."""
    with behind(proxy, make_site()) as address:
        written = visit(address, f"/fill/{LARGEST}", X_Forwarded_Proto="http")
        assert (written.status, written.body) == (200, f'["https","{SITE}"]')
        assert len(written.set_cookies) == 4
        assert all("; Secure" in one for one in written.set_cookies)
        assert visit(address, "/read", written.cookie).body == str(LARGEST)


@pytest.mark.server
@pytest.mark.parametrize("proxy", PROXIES, ids=lambda it: it.name)
def test_each_configuration_leads_to_https_and_has_browsers_keep_to_it(proxy: Proxy) -> None:
    """The redirect keeps the path and the query; Caddy's status may be another."""
    with behind(proxy, make_site()) as address:
        wait_for(lambda: is_open(address.plain_port))
        connection = HTTPConnection(HOST, address.plain_port, timeout=WAIT)
        connection.request("GET", "/read?page=2", headers={"Host": SITE, "Connection": "close"})
        answer = Answer(connection)
        connection.close()
        assert answer.status in {301, 308}
        assert answer.headers["location"] == f"https://{SITE}/read?page=2"
        assert visit(address, "/read").headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.server
def test_nginx_refuses_by_default_what_the_page_says() -> None:
    """A response that sets 2.8 kB of JSON, and a request of three cookies; 2.6 kB pass."""
    with behind(NGINX, make_site(chunk=False), raised=False) as address:
        assert "larger than about 2.7 kB of JSON" in one_line(PAGE)
        assert visit(address, "/fill/2600").status == 200
        assert visit(address, "/fill/2800").status == 502
        assert "upstream sent too big header" in address.log.read_text()
        assert "`upstream sent too big header`" in one_line(PAGE)
        answer = visit(address, "/read", f"myapp={'x' * 9000}")
        assert (answer.status, "Request Header Or Cookie Too Large" in answer.body) == (400, True)
        assert '"Request Header Or Cookie Too Large"' in one_line(PAGE)


@pytest.mark.server
def test_nginx_does_not_start_if_one_of_the_two_buffers_grows_alone() -> None:
    said = (
        '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one '
        "buffer"
    )
    assert f"`{said}`" in one_line(PAGE)
    needs(NGINX)
    with (
        pytest.raises(RuntimeError, match=re.escape(said)),
        run_proxy(NGINX, 1, raised=True, changes={"proxy_buffers 4 20k;": ""}),
    ):
        pass


@pytest.mark.server
def test_the_first_block_for_nginx_carries_one_full_cookie_and_not_four() -> None:
    first, _ = shown(NGINX)
    with behind(NGINX, make_site(), text=first) as address:
        written = visit(address, f"/fill/{LARGEST_OF_ONE}")
        (cookie,) = written.set_cookies
        assert len(cookie) > 4080
        assert visit(address, "/read", written.cookie).body == str(LARGEST_OF_ONE)
        assert visit(address, f"/fill/{LARGEST}").status == 502


# --- what the application knows about HTTPS ------------------------------------------------------


@pytest.mark.server
def test_auto_is_secure_for_what_the_proxy_or_the_browser_says() -> None:
    """The table's three rows: with the proxy's header, with the browser's alone, with neither."""
    host = "proxy_set_header Host $host;"
    forwarded = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
    proto = "proxy_set_header X-Forwarded-Proto $scheme;"
    site = make_site(cookie_options={"secure": "auto"})
    for dropped, headers, is_secure in (
        ((), {}, True),
        ((forwarded, proto), IN_CHROMIUM, True),
        ((forwarded, proto), {}, False),
        ((host, forwarded, proto), IN_CHROMIUM, False),
    ):
        with behind(NGINX, site, changes=dict.fromkeys(dropped, "")) as address:
            (cookie,) = visit(address, "/fill/1", **headers).set_cookies
            assert ("; Secure" in cookie) is is_secure, (dropped, headers)


TRUSTED, UNTRUSTED = ["https", "http"], ["http", "http"]
SAY_SCHEME = """

async def say_scheme(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["scheme"].encode()})


def say_scheme_by_wsgi(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(environ["wsgi.url_scheme"])))])
    return [environ["wsgi.url_scheme"].encode()]
"""
SAY_SCHEME_OF_THE_PAGE = """

from sanic import text
import flask

app.router.routes.append(Route("/", lambda it: PlainTextResponse(it.url.scheme)))
sanic_app.add_route(lambda it: text(it.scheme), "/")
flask_app.add_url_rule("/", view_func=lambda: flask.request.scheme)
if __name__ == "__main__":
    import sys
    sanic_app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 1.0
    sanic_app.run("127.0.0.1", int(sys.argv[1]), single_process=True, motd=False)
"""


def schemes(command: Sequence[str], folder: Path) -> list[str]:
    """Run a server, and return the scheme that it sees with a proxy's headers, and without."""
    port = free_port()
    filled = [sys.executable, *(part.replace("PORT", str(port)) for part in command)]
    paths = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {"PYTHONPATH": paths, "SESSION_PASSWORD": PASSWORD}
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.5"}
    with run_process(filled, port, folder, variables) as address:
        return [visit(address, "/", **each).body for each in (headers, {})]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the modules that servers import."""
    (tmp_path / "saying.py").write_text(SAY_SCHEME)
    code = "\n".join(blocks("python", PAGE)) + SAY_SCHEME_OF_THE_PAGE
    (tmp_path / "of_the_page.py").write_text(code)
    return tmp_path


UVICORN = ["-m", "uvicorn", "--port", "PORT", "saying:say_scheme"]
GUNICORN = ["-m", "gunicorn", "--bind", "127.0.0.1:PORT", "saying:say_scheme_by_wsgi"]
WAITRESS = ["-m", "waitress", "--listen", "127.0.0.1:PORT", "saying:say_scheme_by_wsgi"]


def flags(server: str) -> list[str]:
    """Return the options of the command that the page names for a server."""
    (cell,) = [setting for name, setting in TRUST if name == server]
    (text,) = re.findall(r"(--[^`]*)`", cell + "`")
    return shlex.split(text)


@pytest.mark.parametrize(("server", "command"), [("uvicorn", UVICORN), ("gunicorn", GUNICORN)])
def test_these_servers_trust_a_proxy_on_this_machine_and_then_only_the_named_one(
    server: str, command: list[str], folder: Path
) -> None:
    option, other = flags(server)
    assert schemes(command, folder) == TRUSTED
    assert schemes([*command[:2], option, other, *command[2:]], folder) == UNTRUSTED
    assert schemes([*command[:2], option, "127.0.0.1", *command[2:]], folder) == TRUSTED


def test_waitress_trusts_only_whom_it_is_told(folder: Path) -> None:
    assert schemes(WAITRESS, folder) == UNTRUSTED
    assert schemes([*WAITRESS[:2], *flags("waitress"), *WAITRESS[2:]], folder) == TRUSTED


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "hypercorn", "--bind", "127.0.0.1:PORT", "of_the_page:app_for_hypercorn"],
        ["-m", "granian", "--interface", "asgi", "--port", "PORT", "of_the_page:app_for_granian"],
        ["-m", "of_the_page", "PORT"],
        # This one trusts nobody by itself, so that it is Werkzeug's middleware that does.
        [*GUNICORN[:-1], "--forwarded-allow-ips", "10.0.0.1", "of_the_page:flask_app"],
    ],
    ids=["Hypercorn", "Granian", "Sanic", "Flask"],
)
def test_the_page_s_code_trusts_the_proxy(command: list[str], folder: Path) -> None:
    assert schemes(command, folder) == TRUSTED


def test_the_page_s_setting_has_django_trust_the_proxy(page: dict[str, Any]) -> None:
    request = RequestFactory().get("/", headers={"X-Forwarded-Proto": "https"})
    assert not request.is_secure()
    with override_settings(SECURE_PROXY_SSL_HEADER=page["SECURE_PROXY_SSL_HEADER"]):
        assert request.is_secure()


def test_the_cookie_is_secure_whatever_the_application_believes() -> None:
    client = TestClient(make_site(), base_url="http://shop.example")
    assert "; Secure" in client.get("/fill/1").headers["set-cookie"]


# --- how large headers may be --------------------------------------------------------------------


def test_the_full_cookies_are_as_long_as_those_of_real_sessions() -> None:
    """One letter more would need one more cookie."""
    for count, length in enumerate((2839, 5863, 8887, LARGEST), start=1):
        jar = HeaderJar()
        session = get_iron_session(jar, make_options(chunk=True))
        session["x"] = "x" * length
        session.save()
        live = [one for one in jar.set_cookie_headers if "Max-Age=0" not in one]
        pairs = "; ".join(one.partition(";")[0] for one in live)
        assert len(live) == count
        assert (len(pairs), sum(map(len, live))) == (REQUESTS[count - 1], RESPONSES[count - 1])


def row_of(subject: Subject, limits: list[list[str]]) -> list[str]:
    """Return a server's row of a table, without the server."""
    (row,) = [row for row in limits if is_of(subject, row)]
    return [cell.strip("–") for cell in row[1:]]


def is_of(subject: Subject, row: list[str]) -> bool:
    """Return whether a row is that of a server, whichever the version."""
    return re.sub(r" [\d.]+", "", row[0]) == subject.name


IN_TESTS = [one for one in SERVERS if one.name not in BY_HAND]


@pytest.mark.parametrize(
    "subject",
    [*IN_TESTS, *(pytest.param(one, marks=pytest.mark.server) for one in PROXIES)],
    ids=lambda it: it.name,
)
def test_a_request_may_be_as_long_as_the_table_says(subject: Subject) -> None:
    """By default, and with what raises the limit."""
    needs(subject)
    longest, refusal, cookies, raising = row_of(subject, REQUEST_LIMITS)
    with run(subject, raised=False) as address:
        check(address, longest, refusal, "cookie")
        for count, length in enumerate(REQUESTS, start=1):
            assert (ask(address, cookie=length) == 200) is (count <= int(cookies))
    assert subject.can_be_raised is bool(raising)
    if raising:
        most = 3 if "the most: 3" in raising else 4
        with run(subject, raised=True) as address:
            assert ask(address, cookie=REQUESTS[most - 1]) == 200


@pytest.mark.server
@pytest.mark.parametrize("proxy", PROXIES, ids=lambda it: it.name)
def test_a_response_may_be_as_long_as_the_table_says(proxy: Proxy) -> None:
    needs(proxy)
    longest, refusal, cookies, raising = row_of(proxy, RESPONSE_LIMITS)
    with run(proxy, raised=False) as address:
        check(address, longest, refusal, "set-cookie")
        for count, length in enumerate(RESPONSES, start=1):
            assert (ask(address, f"/{length}") == 200) is (count <= int(cookies))
    if raising:
        with run(proxy, raised=True) as address:
            assert ask(address, f"/{RESPONSES[-1]}") == 200


def check(address: Address, longest: str, refusal: str, name: str) -> None:
    """Check that so much is answered, and a little more is not.

    Other versions count other headers of their own: some bytes more or less are no other limit.
    """
    number = int(re.sub(r"\D", "", longest))
    steps = {-60: 200, 60: int(refusal)} if refusal else {0: 200}
    for step, status in steps.items():
        length = number + step
        found = ask(address, cookie=length) if name == "cookie" else ask(address, f"/{length}")
        assert found == status, (length, found)


def test_the_tables_name_every_server_and_what_raises_its_limit() -> None:
    """The options of commands and the lines of configurations are those that were measured."""
    for subject in (*SERVERS, *PROXIES):
        (row,) = [row for row in REQUEST_LIMITS if is_of(subject, row)]
        assert (row[-1] != "–") is subject.can_be_raised
        if isinstance(subject, Server) and subject.raising[:1] != (sys.executable,):
            named = "".join([*subject.raising, *subject.files.values()])
            assert all(word in named for word in re.findall(r"--[a-z][\w-]*", row[-1]))
    for name in BY_HAND:
        assert name in one_line(PAGE).partition("which were measured by hand")[0][-50:]
    configurations = "".join(blocks("nginx", PAGE))
    assert all(
        row[-1].split(";")[0] in configurations for row in REQUEST_LIMITS if "nginx" in row[0]
    )


# --- several workers -----------------------------------------------------------------------------

TWO_WORKERS = """
import os
from starlette.applications import Starlette
from iron_session import Passwords, SessionOptions, generate_password
from iron_session.integrations.wsgi import IronSessionMiddleware

def application(environ, start_response):
    session = environ["iron_session"]
    session["visits"] = session.get("visits", 0) + 1
    start_response("200 OK", [])
    return [f"{os.getpid()} {session['visits']}".encode()]

options = SessionOptions(password=PASSWORD, cookie_name="myapp")
application = IronSessionMiddleware(application, options)
"""


@pytest.mark.parametrize(
    ("password", "counted"),
    [('Passwords.from_env("SESSION_PASSWORD")', 2), ("generate_password()", 1)],
)
def test_workers_share_sessions_if_they_share_the_password(
    password: str, counted: int, tmp_path: Path
) -> None:
    """If each makes its own, a session that one has begun is empty in the other."""
    (tmp_path / "site_of_two.py").write_text(TWO_WORKERS.replace("PASSWORD,", f"{password},"))
    port = free_port()
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {"PYTHONPATH": paths, "SESSION_PASSWORD": PASSWORD}
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}"]
    with run_process([*command, "site_of_two"], port, tmp_path, variables) as address:
        first = visit(address, "/")
        worker = first.body.split()[0]
        others = (visit(address, "/", first.cookie) for _ in range(500))
        other = next(one for one in others if one.body.split()[0] != worker)
        assert int(other.body.split()[1]) == counted


SECTION = PAGE.partition("\n## Several workers")[2].partition("\n## ")[0]
COMMANDS, INSTALL = blocks("sh", SECTION)
STARTS = [line for line in COMMANDS.splitlines() if not line.startswith("#")]
(UNIT,) = blocks("ini", SECTION)
APPLICATIONS = {
    "gunicorn": """
from flask import Flask, session
from iron_session.integrations.flask import IronSessionInterface
app = Flask(__name__)
app.session_interface = IronSessionInterface(options)

@app.get("/")
def home():
    session["visits"] = session.get("visits", 0) + 1
    return str(session["visits"])
""",
    "uvicorn": """
from fastapi import FastAPI, Request
from iron_session.integrations.fastapi import IronSessionMiddleware
app = FastAPI()
app.add_middleware(IronSessionMiddleware, options=options)

@app.get("/")
def home(request: Request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return request.session["visits"]
""",
}
OPTIONS = """
from iron_session import Passwords, SessionOptions
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")
"""


@pytest.mark.parametrize("line", STARTS, ids=["wsgi", "asgi"])
def test_the_commands_of_the_page_start_workers_that_share_sessions(
    line: str, tmp_path: Path
) -> None:
    program, *arguments = shlex.split(line, comments=True)
    (tmp_path / "app.py").write_text(OPTIONS + APPLICATIONS[program])
    port = free_port()
    arguments = [each.replace("8000", str(port)) for each in arguments]
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {"PYTHONPATH": paths, "SESSION_PASSWORD": PASSWORD}
    with run_process([sys.executable, "-m", program, *arguments], port, tmp_path, variables) as at:
        first = visit(at, "/")
        assert [visit(at, "/", first.cookie).body for _ in range(12)] == ["2"] * 12


def test_the_unit_reads_the_password_that_the_page_has_written(tmp_path: Path) -> None:
    """Its command is one of the page's, and the file is the one of the lines before it."""
    unit = ConfigParser(interpolation=None)
    unit.read_string(UNIT)
    service = unit["Service"]
    assert service["ExecStart"].removeprefix("/srv/shop/.venv/bin/") in STARTS
    name, _, file = service["LoadCredential"].partition(":")
    script = INSTALL.replace("sudo ", "").replace(str(Path(file).parent), str(tmp_path / "shop"))
    subprocess.run(["/bin/sh", "-ec", script], check=True, env=clean_environment())
    written = tmp_path / "shop" / Path(file).name
    assert (written.stat().st_mode & 0o777, written.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    variables = dict(each.split("=", 1) for each in service["Environment"].split())
    assert variables["SESSION_PASSWORD_FILE"] == f"%d/{name}"
    assert "SITE_HTTPS" in variables
    passwords = Passwords.from_env(
        "SESSION_PASSWORD", environ={"SESSION_PASSWORD_FILE": str(written)}
    )
    password = written.read_text().strip()
    assert unseal_data(seal_data({"a": 1}, password=passwords), password=password) == {"a": 1}


@pytest.mark.parametrize(
    ("password", "more", "status", "found"),
    [
        (PASSWORD, "", 0, "note "),
        (PASSWORD, ", cookie_options={'secure': 'auto'}", 0, "warning secure-auto"),
        (PASSWORD, ", cookie_options={'secure': False}", 1, "error secure-off"),
        (PASSWORD, ", wrong=1", 2, "error options-not-imported"),
        (None, "", 1, "error password-file"),
    ],
    ids=["notes", "warning", "error", "not imported", "no password"],
)
def test_the_unit_starts_the_service_unless_the_check_finds_an_error(
    password: str | None, more: str, status: int, found: str, tmp_path: Path
) -> None:
    """An exit status other than 0 of ExecStartPre keeps systemd from the start."""
    unit = ConfigParser(interpolation=None)
    unit.read_string(UNIT)
    program, *arguments = shlex.split(unit["Service"]["ExecStartPre"])
    assert program == "/srv/shop/.venv/bin/iron-session"
    (tmp_path / "app.py").write_text(OPTIONS.replace('"myapp"', f'"myapp"{more}'))
    file = tmp_path / "session-password"
    if password is not None:
        file.write_text(password)
    paths = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH")]))
    variables = {"PYTHONPATH": paths, "SITE_HTTPS": "1", "SESSION_PASSWORD_FILE": str(file)}
    done = subprocess.run(
        [sys.executable, "-m", "iron_session", *arguments],
        check=False,
        cwd=tmp_path,
        env=clean_environment() | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert found in done.stdout
    said = {1: "an error (exit status 1)", 2: "can't be imported (2)"}
    assert said.get(status, "") in one_line(SECTION)


# --- subdomains, caches, health ------------------------------------------------------------------


def test_a_shared_session_has_the_domain_and_no_host_prefix(page: dict[str, Any]) -> None:
    assert page["shared"].cookie.domain == SITE
    with pytest.raises(ConfigurationError, match="__Host-"):
        SessionOptions(
            password=PASSWORD, cookie_name="__Host-myapp", cookie_options={"domain": SITE}
        )


FIRST_LINES = "server {\n    listen 80;"
CACHE = {
    "proxy_pass": "proxy_cache pages; add_header X-Cache $upstream_cache_status; proxy_pass",
    FIRST_LINES: f"proxy_cache_path FOLDER keys_zone=pages:1m;\n{FIRST_LINES}",
}


@pytest.mark.server
def test_a_cache_gives_nobody_the_page_of_another_unless_it_is_told_to(tmp_path: Path) -> None:
    """What is the same for everybody is kept. nginx's cache is the judge."""
    folder = tmp_path / "cache"
    changes = {old: new.replace("FOLDER", str(folder)) for old, new in CACHE.items()}
    ignoring = "proxy_ignore_headers Set-Cookie Vary Cache-Control;"
    assert f"`{ignoring.rstrip(';')}`" in one_line(PAGE)
    with behind(NGINX, make_site(), changes=changes) as address:
        ada, bob = (visit(address, f"/note?user={one}").cookie for one in ("ada", "bob"))
        assert [visit(address, "/me", one).body for one in (ada, bob, ada)] == ["ada", "bob", "ada"]
        assert visit(address, "/note?user=ada").headers["X-Cache"] == "MISS"
        assert [visit(address, "/public", one).headers["X-Cache"] for one in (ada, bob)] == [
            "MISS",
            "HIT",
        ]
    changes["proxy_pass"] = f"{ignoring} proxy_cache_valid any 1m; {changes['proxy_pass']}"
    with behind(NGINX, make_site(), changes=changes) as address:
        first = visit(address, "/note?user=ada")
        assert visit(address, "/note?user=ada").cookie == first.cookie
        assert [visit(address, "/me", one).body for one in (first.cookie, "")] == ["ada", "ada"]


def test_a_response_of_the_session_is_kept_from_shared_caches() -> None:
    client = TestClient(make_site(), base_url="https://shop.example")
    assert client.get("/fill/1").headers["cache-control"] == "no-store"
    assert client.get("/note?user=ada").headers["cache-control"] == "private, max-age=60"
    assert client.get("/me").headers["vary"] == "Cookie"
    assert "vary" not in client.get("/public").headers


def test_a_health_check_has_no_trace_of_the_session(page: dict[str, Any]) -> None:
    page["app"].add_middleware(IronSessionMiddleware, options=page["options"])
    answer = TestClient(page["app"]).get("/health", headers={"Cookie": "__Host-myapp=junk"})
    assert answer.text == "ok"
    assert not {"set-cookie", "vary", "cache-control"} & set(answer.headers)


def test_the_script_prints_what_the_page_says_of_a_server() -> None:
    assert "`python -m benchmarks.header_limits`" in one_line(PAGE)
    (gunicorn,) = [one for one in SERVERS if one.name == "gunicorn"]
    longest, refusal, cookies, _ = row_of(gunicorn, REQUEST_LIMITS)
    printed = subprocess.run(
        [sys.executable, "-m", "benchmarks.header_limits", "gunicorn"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    (row,) = [line.split() for line in printed if line.strip().startswith("gunicorn ")]
    assert row[1:5] == [gunicorn.version(), longest.removesuffix(" bytes"), refusal, cookies]
    assert row[6] == "4"
