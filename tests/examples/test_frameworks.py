"""The small examples, one a framework: each on the real server that it names, over real HTTP."""

import json
import re
import socket
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from websockets.sync.client import connect

import iron_session.integrations
from iron_session import HeaderJar, SessionOptions, get_iron_session, unseal_data
from tests.contract.common_app import WAIT
from tests.contract.wire_driver import dial
from tests.examples.servers import (
    EXAMPLES,
    FOLDER,
    MAGIC_LINK,
    PORT,
    WATCHING,
    Browser,
    Example,
    Server,
    running,
)
from tests.sessions.browser import ReceivedCookie

NAME = "myapp"
PASSWORD = "the-password-of-the-examples'-tests-protects-nothing"
INTEGRATIONS = Path(next(iter(iron_session.integrations.__path__)))
README = (FOLDER / "README.md").read_text(encoding="utf-8")

NO_EXAMPLE = {
    "aiohttp_session": "it is for applications that have aiohttp_session already; who begins takes "
    "aiohttp's",
}

ALL = [*EXAMPLES, MAGIC_LINK, WATCHING]

# What an example shows has to be seen at a glance.
FEWEST, MOST = 20, 47


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Example, Server]]:
    """Run all examples side by side; each is waited for by the first test that needs it."""
    with running(EXAMPLES, PASSWORD, tmp_path_factory.mktemp("examples")) as servers:
        yield servers


@pytest.fixture(scope="module", params=EXAMPLES, ids=[example.name for example in EXAMPLES])
def server(servers: dict[Example, Server], request: pytest.FixtureRequest) -> Server:
    """Give each example in turn, when it answers."""
    server = servers[request.param]
    server.wait_for_start()
    return server


@pytest.fixture
def browser(server: Server) -> Browser:
    """Come to the site for the first time."""
    return Browser(server.port)


# --- what visitors do ------------------------------------------------------------------------


def test_visits_are_counted(browser: Browser) -> None:
    answers = [browser.get("/") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.json["visits"] for answer in answers] == [1, 2, 3]
    assert unseal_data(browser.cookies[NAME], password=PASSWORD) == {"stats": {"visits": 3}}


def test_the_cookie_and_its_headers_are_safe(browser: Browser) -> None:
    answer = browser.get("/")
    cookie = answer.cookies[NAME]
    assert cookie.attributes == {
        "Max-Age": "1209540",
        "Path": "/",
        "HttpOnly": None,
        "Secure": None,
        "SameSite": "Lax",
    }
    assert answer.vary == "Cookie"
    assert answer.cache_control == "no-store"


def test_a_visitor_logs_in_and_out(browser: Browser) -> None:
    assert browser.get("/").json == {"visits": 1, "user": None}
    answer = browser.post("/login", name="Ada Löv & Co")
    assert (answer.status, answer.all("location")) == (303, ["/"])
    assert browser.get("/").json == {"visits": 1, "user": "Ada Löv & Co"}  # a login starts over
    assert browser.get("/").json == {"visits": 2, "user": "Ada Löv & Co"}
    answer = browser.post("/logout")
    assert (answer.status, answer.all("location")) == (303, ["/"])
    assert answer.cookies[NAME].max_age == 0
    assert NAME not in browser.cookies
    assert browser.get("/").json == {"visits": 1, "user": None}


def test_a_tampered_cookie_is_a_fresh_session(browser: Browser) -> None:
    browser.get("/")
    browser.post("/login", name="Ada")
    seal = browser.cookies[NAME]
    browser.cookies[NAME] = seal[:100] + ("A" if seal[100] != "A" else "B") + seal[101:]
    answer = browser.get("/")
    assert (answer.status, answer.json) == (200, {"visits": 1, "user": None})
    assert browser.get("/").json["visits"] == 2


def test_a_page_that_looks_at_no_session_has_none_of_its_headers(browser: Browser) -> None:
    answer = browser.get("/no-such-page")
    assert answer.status == 404
    assert (answer.cookies, answer.vary, answer.cache_control) == ({}, None, None)


def test_a_link_on_another_site_logs_nobody_in_or_out(browser: Browser) -> None:
    """The cookie comes along with a link, so what changes something takes no GET."""
    browser.get("/")
    browser.post("/login", name="Ada")
    for path in ("/login?name=Eve", "/logout"):
        assert browser.get(path).status in (404, 405)
    assert browser.get("/").json["user"] == "Ada"


def test_a_form_without_a_good_name_is_answered_and_logs_nobody_in(browser: Browser) -> None:
    browser.get("/")
    for form in ({}, {"name": ""}, {"name": "x" * 300}, {"name": "Ada\0"}):
        assert browser.post("/login", **form).status < 500
        assert browser.get("/").json["user"] is None


def test_a_login_begins_a_session_with_an_id(browser: Browser) -> None:
    browser.get("/")
    browser.post("/login", name="Ada")
    options = SessionOptions(password=PASSWORD, cookie_name=NAME)
    cookie = HeaderJar(f"{NAME}={browser.cookies[NAME]}")
    session = get_iron_session(cookie, options)
    assert session.user_id == "Ada"
    assert session.logged_in_at is not None


def test_it_listens_on_this_machine_only(server: Server) -> None:
    """A server that listens everywhere would answer at this machine's other addresses too."""
    assert accepts("127.0.0.1", server.port)
    assert not accepts("127.0.0.2", server.port)


def accepts(host: str, port: int) -> bool:
    """Tell whether somebody listens there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def test_one_cookie_is_good_for_all(servers: dict[Example, Server]) -> None:
    """Given one password, they are one site: each counts on, and knows who logged in elsewhere."""
    browser = Browser(0)
    for number, (example, server) in enumerate(servers.items(), start=1):
        server.wait_for_start()
        browser.port = server.port
        visits, user = (1, None) if number == 1 else (2, EXAMPLES[number - 2].name)
        assert browser.get("/").json == {"visits": visits, "user": user}, example
        browser.post("/login", name=example.name)
        assert browser.get("/").json == {"visits": 1, "user": example.name}
    browser.post("/logout")
    for server in servers.values():
        browser.port = server.port
        assert browser.get("/").json == {"visits": 1, "user": None}
        browser.cookies.pop(NAME)


@pytest.mark.parametrize("name", ["django_app", "channels_app"])
def test_django_takes_no_post_without_its_token(servers: dict[Example, Server], name: str) -> None:
    server = servers[Example(name)]
    server.wait_for_start()
    browser = Browser(server.port)
    browser.get("/")
    token = browser.cookies.pop("csrftoken")
    assert browser.post("/login", name="Eve").status == 403
    browser.cookies["csrftoken"] = token
    assert browser.post("/login", name="Ada").status == 303


def test_channels_knows_the_visitor_over_a_websocket(servers: dict[Example, Server]) -> None:
    server = servers[Example("channels_app")]
    server.wait_for_start()
    browser = Browser(server.port)
    browser.get("/")
    browser.post("/login", name="Ada")
    address = f"127.0.0.1:{server.port}"
    for sockets in (1, 2):
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        with connect(
            f"ws://{address}/greet", additional_headers={"Cookie": cookies}, sock=dial(address)
        ) as websocket:
            assert json.loads(websocket.recv(WAIT)) == {"user": "Ada", "sockets": sockets}
            assert websocket.response is not None
            cookie = ReceivedCookie.parse(websocket.response.headers["Set-Cookie"])
        browser.cookies[cookie.name] = cookie.value


# --- what readers see ------------------------------------------------------------------------


def test_every_integration_has_an_example() -> None:
    files = [*INTEGRATIONS.glob("[!_]*.py"), *INTEGRATIONS.glob("*/__init__.py")]
    integrations = {path.relative_to(INTEGRATIONS).parts[0].removesuffix(".py") for path in files}
    with_examples = {example.name.removesuffix("_app") for example in EXAMPLES}
    assert integrations - with_examples == NO_EXAMPLE.keys()
    assert with_examples <= integrations


@pytest.mark.parametrize("example", ALL, ids=[example.name for example in ALL])
def test_an_example_is_seen_at_a_glance(example: Example) -> None:
    """Its docstring, comments and empty lines aside."""
    assert FEWEST <= example.lines_of_code <= MOST


@pytest.mark.parametrize("example", ALL, ids=[example.name for example in ALL])
def test_an_example_says_how_to_run_it(example: Example) -> None:
    title, blank, install, password, command = example.docstring
    assert re.fullmatch(r"(A session|Magic links) in .+, served by .+\.", title)
    assert blank == ""
    assert install.startswith("pip install iron-session ")
    assert all(distribution(name) for name in install.split()[2:])
    assert password == 'export SESSION_PASSWORD="$(iron-session generate-password)"'
    assert command.count(PORT) == 1
    assert example.name in command


def test_the_table_in_the_readme_names_them_all() -> None:
    rows = re.findall(r"^\| \[`(\w+)\.py`\]\(\1\.py\) \| (.+) \| `(.+)` \|$", README, re.MULTILINE)
    assert [(name, command) for name, _, command in rows] == [
        (example.name, example.command) for example in ALL
    ]
    for (_, server, _), example in zip(rows, ALL, strict=True):
        assert example.docstring[0].endswith(f"served by {server}.")


# --- what the tests themselves rely on -------------------------------------------------------


def test_a_server_that_does_not_start_shows_what_it_said() -> None:
    server = Server("""python -c "print('no such file')" """, 1, {})
    try:
        with pytest.raises(RuntimeError, match="no such file"):
            server.wait_for_start()
    finally:
        server.stop()


def test_a_worker_that_is_left_behind_is_killed_and_told() -> None:
    """The process that was started ends at once; the one that it has started does not."""
    server = Server("sh -c 'sleep 600 &'", 1, {})
    with pytest.raises(RuntimeError, match="did not start"):
        server.wait_for_start()
    with pytest.raises(RuntimeError, match="had to be killed"):
        server.stop(patience=0.1)


def test_a_worker_that_did_not_hear_is_asked_again() -> None:
    """The process that was started waits for the one that it has started, as granian does."""
    server = Server("sh -c 'trap : TERM; echo started; sleep 600 & wait $!; wait $!'", 1, {})
    server.wait_for_output(re.compile("started"))
    server.stop(patience=2)
