"""The page on parallel requests: its code is run, and what it says of two tabs is so."""

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from benchmarks.races import FETCHES, count_undone, write
from iron_session import HeaderJar, Session, get_iron_session
from iron_session.integrations.starlette import IronSessionMiddleware, get_session
from tests.contract.common_app import WAIT
from tests.contract.server import serve_asgi
from tests.helpers.chromium import OpenChromium
from tests.helpers.pages import ROOT, anchors, one_line, read_page, run_page
from tests.sessions.browser import make_options

PAGE = read_page("docs/explanation/parallel-requests.md")
PASSWORD = "the password of this page, of 40 letters"


# --- the page's code ---------------------------------------------------------------------------


@pytest.fixture
def page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[dict[str, Any]]:
    """Return all names of the page's Python, and what it printed."""
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    names = run_page(PAGE, "parallel_requests")
    yield {**names, "printed": capsys.readouterr().out}
    names["db"].close()


def test_the_page_prints_what_it_says(page: dict[str, Any]) -> None:
    said = re.findall(r"^print\(.*\)  # (.*)$", PAGE, re.MULTILINE)
    assert page["printed"].splitlines() == said
    assert len(said) == 6


def test_the_order_of_arrival_counts(page: dict[str, Any]) -> None:
    send, receive = page["send"], page["receive"]
    browser: dict[str, str] = {}
    first, second = send(browser), send(browser)
    second["b"] = 1
    second.save()
    first["a"] = 1
    first.save()
    receive(browser, first)
    receive(browser, second)
    assert send(browser) == {"b": 1}


def test_guesses_end_whatever_cookie_is_sent_and_a_code_is_good_once(page: dict[str, Any]) -> None:
    def ask() -> dict[str, str]:
        browser: dict[str, str] = {}
        session = page["send"](browser)
        session["code_id"] = page["secrets"].token_urlsafe(16)
        page["db"].execute("INSERT INTO codes VALUES (?, ?, ?)", [session["code_id"], "4711", 3])
        page["receive"](browser, session)
        return browser

    cookies = ask()
    guesses = ["1", "2", "4711", "4711"]
    assert [page["guess"](page["send"](cookies), one) for one in guesses] == [False] * 2 + [
        True,
        False,
    ]
    cookies = ask()
    guesses = ["1", "2", "3", "4711"]
    assert [page["guess"](page["send"](cookies), one) for one in guesses] == [False] * 4


def test_a_version_ends_copies_and_not_the_next_login(page: dict[str, Any]) -> None:
    send, receive, current_user = page["send"], page["receive"], page["current_user"]
    browser: dict[str, str] = {}
    session = send(browser)
    assert current_user(session) is None
    page["log_in"](session, 1)
    receive(browser, session)
    copy = dict(browser)
    assert current_user(send(copy)) == 1
    session = send(browser)
    page["log_out_everywhere"](session)
    receive(browser, session)
    assert send(browser) == {}
    assert current_user(send(copy)) is None
    session = send(copy)
    page["log_in"](session, 1)
    receive(copy, session)
    assert current_user(send(copy)) == 1


def test_the_figures_of_the_page_are_those_of_the_benchmark() -> None:
    runs = 2000
    (changes, logouts) = re.findall(r"([0-9]+) % of\s+the\s+(?:changes|logouts)", PAGE)
    for told, act in ((changes, write), (logouts, Session.destroy)):
        assert round(100 * count_undone(runs, "due", [None] * len(FETCHES), act) / runs) == int(
            told
        )
        assert count_undone(runs, "due", FETCHES, act) == 0
        for mode in (None, "navigate"):
            assert round(10 * count_undone(runs, "due", [mode], act) / runs) == 5


@pytest.mark.parametrize("last", [Session.destroy, Session.save])
def test_with_chunks_every_write_names_all_five_cookies(last: Any) -> None:
    assert "`myapp` and `myapp.0` to `myapp.3`" in one_line(PAGE)
    jar = HeaderJar("")
    session = get_iron_session(jar, make_options(chunk=True))
    session["a"] = 1
    last(session)
    named = {header.partition("=")[0] for header in jar.set_cookie_headers}
    assert named == {"myapp", *(f"myapp.{index}" for index in range(4))}


def test_the_page_leads_to_what_is_there() -> None:
    for link in re.findall(r"\]\(([^)]*)\)", PAGE):
        path, _, anchor = link.partition("#")
        text = (ROOT / "docs" / "explanation" / path).resolve().read_text(encoding="utf-8")
        assert not anchor or anchor in anchors(text)


# --- two tabs ----------------------------------------------------------------------------------

SEND = "window.answer = fetch(arguments[0], {method: 'POST'}).then((answer) => answer.text())"
RECEIVE = "const done = arguments[0]; window.answer.then(done, (error) => done(String(error)))"
LONG = "x" * 6000  # in two cookies


class Held:
    """A request whose answer is held back until it is released."""

    def __init__(self) -> None:
        self.has_arrived = threading.Event()
        self.is_released = threading.Event()


class Site:
    """A site whose answers arrive in the order that a test wants.

    `/change/<name>` does what is called so to the session.
    """

    def __init__(self, *, chunk: bool) -> None:
        self.held: dict[str, Held] = {}
        routes = [
            Route("/", self.show),
            Route("/change/{name}", self.change, methods=["POST"]),
        ]
        options = make_options(chunk=chunk, cookie_options={"secure": False})
        self.app = Starlette(routes=routes)
        self.app.add_middleware(IronSessionMiddleware, options=options)

    def show(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse(" ".join(sorted(get_session(request))))

    def change(self, request: Request) -> PlainTextResponse:
        session, name = get_session(request), request.path_params["name"]
        if name == "logout":
            session.destroy()
        elif name == "shrink":
            del session["long"]
        else:
            session[name] = LONG if name == "long" else 1
        held = self.held.get(name)
        if held is not None:
            held.has_arrived.set()
            assert held.is_released.wait(WAIT)
        return PlainTextResponse("done")


@pytest.fixture(scope="module")
def driver(
    open_chromium: OpenChromium, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chrome]:
    with open_chromium(tmp_path_factory.mktemp("chromium") / "p") as it:
        it.set_script_timeout(WAIT)
        yield it


def race(driver: Chrome, site: Site, tabs: list[str], first: str, last: str) -> None:
    """Send two requests at the same moment, each from a tab; the answers come in this order."""
    site.held = {first: Held(), last: Held()}
    for tab, name in zip(tabs, site.held, strict=True):
        driver.switch_to.window(tab)
        driver.execute_script(SEND, f"/change/{name}")
        assert site.held[name].has_arrived.wait(WAIT)
    for tab, name in zip(tabs, [*site.held], strict=True):
        driver.switch_to.window(tab)
        site.held[name].is_released.set()
        assert driver.execute_async_script(RECEIVE) == "done"


CHANGES = [
    pytest.param(["user"], "a", "b", "b user", id="two changes"),
    pytest.param(["user"], "a", "logout", "", id="a logout arrives last"),
    pytest.param(["user"], "logout", "a", "a user", id="a change arrives last"),
]
CHANGES_OF_ITS_SIZE = [
    pytest.param(["user"], "long", "logout", "", id="it grew before the logout"),
    pytest.param(["user", "long"], "shrink", "a", "a long user", id="it shrank before"),
    pytest.param(["user", "long"], "a", "shrink", "user", id="it shrinks last"),
]


@pytest.mark.parametrize(
    ("chunk", "before", "first", "last", "after"),
    [
        *(pytest.param(False, *case.values, id=f"{case.id}") for case in CHANGES),
        *(
            pytest.param(True, *case.values, id=f"chunks, {case.id}")
            for case in CHANGES + CHANGES_OF_ITS_SIZE
        ),
    ],
)
def test_of_two_tabs_the_one_whose_response_arrives_last_wins(
    driver: Chrome, chunk: bool, before: list[str], first: str, last: str, after: str
) -> None:
    site = Site(chunk=chunk)
    with serve_asgi(site.app) as address:
        driver.get(f"http://{address}/")
        for name in before:
            driver.execute_script(SEND, f"/change/{name}")
            driver.execute_async_script(RECEIVE)
        tabs = [driver.current_window_handle]
        driver.switch_to.new_window("tab")
        driver.get(f"http://{address}/")
        tabs.append(driver.current_window_handle)
        race(driver, site, tabs, first, last)
        driver.get(f"http://{address}/")
        shown = driver.execute_script("return document.body.innerText")
        driver.delete_all_cookies()
        driver.close()
        driver.switch_to.window(tabs[0])
    assert shown == after
