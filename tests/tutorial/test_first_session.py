"""The first session: each framework's application is written and run as the page says.

The files are assembled from the page's blocks in an empty folder, its commands are run there with
nothing installed but what it names, and the application is visited over real HTTP.
"""

import re
import shlex
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from iron_session import SessionOptions
from iron_session.testing import ReadSession, read_session, session_cookie
from tests.examples.servers import Server, clean_environment, free_ports
from tests.helpers.pages import blocks, tabs
from tests.tutorial.newcomer import PAGE, PORT, Newcomer

FRAMEWORKS = ["fastapi", "starlette", "flask", "quart", "django", "litestar", "aiohttp", "sanic"]
NAME = "diary"
OWN = {"Sec-Fetch-Site": "same-origin"}
CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
ADA = {"name": "ada", "password": "correct horse battery staple"}
WRONG = "Wrong name or password."
# Without it, each client would read all certificates of this machine, to speak to a site on http.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture(scope="module")
def password() -> str:
    """Return what the page's command puts into the environment."""
    (line,) = (
        line for line in "".join(blocks("sh", PAGE)).splitlines() if "export SESSION" in line
    )
    script = f'{line}\nprintf %s "$SESSION_PASSWORD"'
    run = subprocess.run(
        ["/bin/sh", "-c", script], env=clean_environment(), capture_output=True, check=True
    )
    return run.stdout.decode()


@pytest.fixture(scope="module", params=FRAMEWORKS)
def newcomer(
    password: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Newcomer:
    """Read the page for one framework after the other."""
    return Newcomer(request.param, tmp_path_factory.mktemp(request.param), password)


@pytest.fixture(scope="module")
def port(newcomer: Newcomer) -> int:
    """Return where the application is to listen, once its files are written."""
    (port,) = free_ports(1)
    newcomer.write_files(port)
    return port


@pytest.fixture(scope="module")
def tests_of_the_page(newcomer: Newcomer, port: int) -> Iterator[subprocess.Popen[str]]:
    """Start the page's tests, which run while the application is visited."""
    flags = ["-W", "error", "-p", "no:cacheprovider", "--rootdir", str(newcomer.folder)]
    with start(newcomer, *newcomer.command("pytest").split(), *flags) as process:
        yield process
        process.kill()  # if the test that waits for it was not asked for


@pytest.fixture(scope="module")
def server(
    newcomer: Newcomer, port: int, tests_of_the_page: subprocess.Popen[str]
) -> Iterator[Server]:
    """Run the application by the page's command."""
    command = newcomer.run_command.replace(PORT, str(port))
    server = Server(command, port, newcomer.environment, newcomer.folder)
    try:
        server.wait_for_start()
        yield server
    finally:
        server.stop()


@dataclass
class Visitor:
    """A browser: it keeps cookies, fills in forms, and says that they are the site's own."""

    client: httpx.Client
    password: str

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def form(self, path: str) -> dict[str, str]:
        """Return the hidden fields of a page's only form."""
        (inside,) = re.findall('<form method="post".*?</form>', self.get(path).text, re.DOTALL)
        hidden = re.findall('<input type="hidden" name="(.*?)" value="(.*?)">', inside)
        return {name: unescape(value) for name, value in hidden}

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of the site."""
        return self.client.post(path, data=fields, headers=OWN)

    def is_logged_in(self) -> bool:
        answer = self.get("/")
        if answer.is_redirect:
            assert answer.headers["location"] == "/login"
            return False
        return "The diary of ada" in answer.text

    def read(self, response: httpx.Response) -> ReadSession:
        """Return the session that a response has set."""
        options = SessionOptions(password=self.password, cookie_name=NAME)
        session = read_session(response, options)
        assert session is not None
        return session


Arrive: TypeAlias = Callable[..., Visitor]


@pytest.fixture(scope="module")
def arrive(server: Server, newcomer: Newcomer) -> Iterator[Arrive]:
    """Return what opens a browser that has no cookies but those of a response."""
    with ExitStack() as stack:

        def open_browser(after: httpx.Response | None = None) -> Visitor:
            address = f"http://127.0.0.1:{server.port}"
            client = httpx.Client(base_url=address, timeout=20, verify=NO_CERTIFICATES)
            stack.enter_context(client)
            if after is not None:
                client.cookies.extract_cookies(after)
            return Visitor(client, newcomer.password)

        yield open_browser


@pytest.fixture
def visitor(arrive: Arrive) -> Visitor:
    """Come to the site for the first time."""
    return arrive()


@dataclass
class Logins:
    """What a visitor was answered who logged in three times by one form.

    A login is slow on purpose, so the tests share them. The server keeps nothing: with the cookies
    of an answer, each test has a session of its own.
    """

    refused: httpx.Response
    plain: httpx.Response
    remembered: httpx.Response


@pytest.fixture(scope="module")
def logins(arrive: Arrive) -> Logins:
    """Log in with a wrong password, then with the right one, and with "Remember me"."""
    visitor = arrive()
    form = visitor.form("/login")
    refused = visitor.post("/login", **form, name="ada", password="wrong")
    plain = visitor.post("/login", **form, **ADA)
    other = arrive()
    remembered = other.post("/login", **other.form("/login"), **ADA, remember="on")
    return Logins(refused, plain, remembered)


def cookie_of(response: httpx.Response) -> str:
    """Return the Set-Cookie header of the session."""
    headers = response.headers.get_list("set-cookie")
    (found,) = (header for header in headers if header.startswith(f"{NAME}="))
    return found


def lives_for(session: ReadSession, time: timedelta) -> bool:
    assert session.expires_at is not None
    left = session.expires_at - datetime.now(UTC)
    return time - timedelta(minutes=2) < left <= time


def leads_to(path: str, response: httpx.Response) -> bool:
    return response.is_redirect and response.headers["location"] == path


# --- what visitors do ------------------------------------------------------------------------


def test_whoever_is_not_logged_in_is_sent_to_the_login_page(visitor: Visitor) -> None:
    assert leads_to("/login", visitor.get("/"))
    assert "Remember me" in visitor.get("/login").text


def test_a_wrong_password_is_refused_and_the_page_says_so_once(
    arrive: Arrive, logins: Logins
) -> None:
    assert leads_to("/login", logins.refused)
    visitor = arrive(logins.refused)
    assert not visitor.is_logged_in()
    assert [WRONG in visitor.get("/login").text for _ in range(2)] == [True, False]


def test_a_form_without_a_name_and_a_password_is_refused(visitor: Visitor) -> None:
    assert leads_to("/login", visitor.post("/login", **visitor.form("/login")))
    assert WRONG in visitor.get("/login").text


def test_a_login_shows_the_diary_and_its_message_once(arrive: Arrive, logins: Logins) -> None:
    assert leads_to("/", logins.plain)
    visitor = arrive(logins.plain)
    pages = [visitor.get("/").text for _ in range(2)]
    assert ["Welcome, ada!" in page for page in pages] == [True, False]
    assert ["The diary of ada" in page for page in pages] == [True, True]


def test_nobody_logs_in_or_out_by_a_link(arrive: Arrive, logins: Logins) -> None:
    visitor = arrive()
    visitor.client.get("/login", params=ADA)
    assert not visitor.is_logged_in()
    visitor = arrive(logins.plain)
    assert visitor.get("/logout").status_code == 405
    assert visitor.is_logged_in()


def test_without_remember_me_the_cookie_ends_with_the_browser_and_its_seal_after_twelve_hours(
    visitor: Visitor, logins: Logins
) -> None:
    assert cookie_of(logins.plain).partition("; ")[2] == "Path=/; HttpOnly; SameSite=Lax"
    assert lives_for(visitor.read(logins.plain), timedelta(hours=12))


def test_with_remember_me_the_cookie_and_its_seal_live_for_thirty_days(
    arrive: Arrive, logins: Logins
) -> None:
    visitor = arrive(logins.remembered)
    later = visitor.get("/")  # takes the message, so the session is written again
    for response in (logins.remembered, later):
        max_age = timedelta(days=30, minutes=-1).total_seconds()
        assert f"; Max-Age={max_age:.0f}; " in cookie_of(response)
        assert lives_for(visitor.read(response), timedelta(days=30))


def seal_old_login(visitor: Visitor, age: timedelta, ttl: timedelta) -> None:
    """Give a visitor the cookie of a login of long ago, as options with longer times make it."""
    longest = timedelta(days=400)
    options = SessionOptions(
        password=visitor.password, cookie_name=NAME, ttl=longest, max_lifetime=longest
    )
    then = datetime.now(UTC) - age
    cookie = session_cookie(options, {}, user_id="1", ttl=ttl, created_at=then)
    visitor.client.cookies.update(cookie)


def test_a_session_in_use_is_renewed(visitor: Visitor) -> None:
    seal_old_login(visitor, timedelta(hours=3), timedelta(hours=12))
    assert lives_for(visitor.read(visitor.get("/")), timedelta(hours=12))


def test_a_session_ends_ninety_days_after_its_login(arrive: Arrive) -> None:
    for days, known in ((89, True), (91, False)):
        visitor = arrive()
        seal_old_login(visitor, timedelta(days=days), timedelta(days=365))
        assert visitor.is_logged_in() is known


def test_a_login_keeps_nothing_of_the_session_before(visitor: Visitor, logins: Logins) -> None:
    """The message of the refused login was not shown yet, and the visitor had a session."""
    before, after = visitor.read(logins.refused), visitor.read(logins.plain)
    assert [message for message, _ in before.pop_flashes()] == [WRONG]
    assert [message for message, _ in after.pop_flashes()] == ["Welcome, ada!"]
    assert (before.user_id, after.user_id) == (None, "1")
    assert after.id not in (None, before.id, visitor.read(logins.remembered).id)


def test_a_logout_ends_the_session_of_this_browser(arrive: Arrive, logins: Logins) -> None:
    visitor = arrive(logins.plain)
    assert visitor.is_logged_in()
    answer = visitor.post("/logout", **visitor.form("/"))
    assert leads_to("/login", answer)
    assert visitor.read(answer).destroyed
    assert not visitor.is_logged_in()


def test_a_copied_form_on_another_site_is_refused(arrive: Arrive, logins: Logins) -> None:
    """Its author has a token of their own, and the browser adds the cookie of its visitor."""
    copied = arrive(logins.remembered).form("/")
    visitor = arrive(logins.plain)
    assert visitor.client.post("/logout", data=copied, headers=CROSS).status_code == 403
    assert visitor.is_logged_in()


def test_a_login_form_on_another_site_is_refused(visitor: Visitor) -> None:
    assert visitor.client.post("/login", data=ADA, headers=CROSS).status_code == 403
    assert not visitor.is_logged_in()


def test_the_forged_request_on_the_page_is_refused(newcomer: Newcomer, visitor: Visitor) -> None:
    """The request is the one that its line for curl sends."""
    _, *flags, line, url = shlex.split(newcomer.command("curl "))
    assert flags == ["-i", "-X", "POST", "-H"]
    name, _, value = line.partition(": ")
    path = url.removeprefix(f"http://127.0.0.1:{PORT}")
    answer = visitor.client.post(path, headers={name: value})
    assert re.findall(r"first line of the answer has the status `(\d+)`", PAGE) == ["403"]
    assert answer.status_code == 403


# --- what the reader runs --------------------------------------------------------------------


def start(newcomer: Newcomer, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start a program of the page in its folder, with more variables in its environment."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=newcomer.folder,
        env={**newcomer.environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_tests_on_the_page_pass(tests_of_the_page: subprocess.Popen[str]) -> None:
    output, _ = tests_of_the_page.communicate(timeout=60)
    assert re.search("=+ 4 passed in ", output), output
    assert "Four tests pass." in PAGE


def test_the_page_names_each_package_that_its_files_import(newcomer: Newcomer) -> None:
    assert [each for each in newcomer.needed if not each & newcomer.installed] == []


@pytest.fixture
def alone(password: str, tmp_path: Path) -> Newcomer:
    """Read the page for one framework, where all of them would do the same."""
    newcomer = Newcomer("starlette", tmp_path, password)
    newcomer.write_files(int(PORT))
    return newcomer


def test_what_the_page_does_not_have_installed_is_missing(alone: Newcomer) -> None:
    """Else the tests would not notice a package that the page forgets."""
    with start(alone, "flask") as process:
        output, _ = process.communicate()
    assert "No module named flask" in output


def test_the_options_for_a_deployment_pass_the_check(alone: Newcomer) -> None:
    """If the server's environment has the variable; without it they are those of before."""
    before = alone.files["app.py"]
    (block,) = (code for code in blocks("python", PAGE) if "__Host-" in code)
    after = re.sub(r"^options = .*?^\)\n", block, before, count=1, flags=re.DOTALL | re.MULTILINE)
    program, *arguments = alone.command("iron-session check").split()
    name, _, value = alone.command("export SITE").removeprefix("export ").partition("=")
    found = []
    for text, variables in ((before, {}), (after, {}), (after, {name: value})):
        (alone.folder / "app.py").write_text(text, encoding="utf-8")
        with start(alone, program.replace("-", "_"), *arguments, **variables) as process:
            output, _ = process.communicate()
        assert process.returncode == 0, output
        found.append(re.findall(r"^(?:error|warning) (\S+)", output, re.MULTILINE))
    assert found == [["secure-auto"], ["secure-auto"], []]
    assert "the check says `secure-auto`" in PAGE
    with start(alone, "pytest", "-p", "no:cacheprovider") as process:
        output, _ = process.communicate()
    assert "4 passed" in output
    assert "Your tests run without the variable, and need no change." in PAGE


# --- the page itself -------------------------------------------------------------------------


def test_every_step_has_a_tab_for_every_framework() -> None:
    sets = tabs(PAGE)
    assert [list(each) for each in sets] == [FRAMEWORKS] * len(sets)
    assert PAGE.count("::::{tab-set}\n:sync-group: framework\n") == len(sets)


def test_the_files_are_those_that_the_page_describes(newcomer: Newcomer) -> None:
    assert "`app.py`, in five parts" in PAGE
    headings = re.findall(r"^# app\.py, part (\d): ", newcomer.files["app.py"], re.MULTILINE)
    assert headings == ["1", "2", "3", "4", "5"]
    assert list(newcomer.files) == ["app.py", "test_app.py"]


def test_no_line_of_code_is_too_long() -> None:
    lines = "".join([*blocks("python", PAGE), *blocks("sh", PAGE)]).splitlines()
    assert [line for line in lines if len(line) > 80] == []
