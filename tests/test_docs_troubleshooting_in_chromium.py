"""The page "My session is empty": what only a browser decides, in a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from iron_session import SessionOptions
from iron_session.integrations.starlette import IronSessionMiddleware, get_session
from tests.contract.server import serve_asgi
from tests.helpers.chromium import OpenChromium, click_through
from tests.helpers.pages import one_line, read_page, run_page
from tests.sessions.browser import PASSWORD, make_options

PAGE = read_page("docs/troubleshooting.md")
PLAIN: dict[str, Any] = {"secure": False}

FETCH = """
const [address, how, done] = arguments;
fetch(address, how).then((answer) => answer.text()).then(done, () => done("refused"));
"""


async def count(request: Request) -> HTMLResponse:
    """Count the visits."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HTMLResponse(str(request.session["visits"]))


async def log_in(request: Request) -> HTMLResponse:
    """Log in whom the query names."""
    request.session["user"] = request.query_params.get("user", "ada")
    return HTMLResponse("welcome")


async def me(request: Request) -> HTMLResponse:
    """Say who is logged in."""
    return HTMLResponse(request.session.get("user", "nobody"))


async def log_out(request: Request) -> HTMLResponse:
    """Log out."""
    get_session(request).destroy()
    return HTMLResponse("bye")


def make_site(options: SessionOptions | None = None, *more: Middleware, **cookie: Any) -> Starlette:
    """Make a site that counts, and logs in, for the cookie's attributes that a test is about."""
    options = options or make_options(cookie_options={**PLAIN, **cookie})
    return Starlette(
        routes=[
            Route("/", count),
            Route("/login", log_in),
            Route("/logout", log_out),
            Route("/me", me, methods=["GET", "POST"]),
        ],
        middleware=[*more, Middleware(IronSessionMiddleware, options=options)],
    )


async def another_page(request: Request) -> HTMLResponse:
    """Show another site's page, with a link, a form and a frame to wherever it is told."""
    to = escape(request.query_params["to"])
    return HTMLResponse(
        f'<a href="{to}">go</a><form method="post" action="{to}"><button>send</button></form>'
        f'<iframe src="{to}"></iframe>'
    )


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """All Python of the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SESSION_PASSWORD", PASSWORD)
        return run_page(PAGE, "empty_session_page")


@pytest.fixture(scope="module")
def _browser(
    open_chromium: OpenChromium, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chrome]:
    """Open a browser, to which all names that end in .example are this machine."""
    folder = tmp_path_factory.mktemp("chromium")
    with open_chromium(folder / "p", "--host-resolver-rules=MAP *.example 127.0.0.1") as it:
        yield it


@pytest.fixture
def driver(_browser: Chrome) -> Iterator[Chrome]:
    """Give the browser, in which each test begins without a cookie of any host."""
    yield _browser
    _browser.execute_cdp_cmd("Network.clearBrowserCookies", {})


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Serve another site; gives its port."""
    with serve_asgi(Starlette(routes=[Route("/", another_page)])) as address:
        yield address.rpartition(":")[2]


def port_of(address: str) -> str:
    """Return the port of an address."""
    return address.rpartition(":")[2]


def shown(driver: Chrome, url: str) -> str:
    """Open a page, and return its text."""
    driver.get(url)
    return driver.find_element(By.TAG_NAME, "body").text


def counted(driver: Chrome, url: str) -> list[str]:
    """Come three times."""
    return [shown(driver, url) for _ in range(3)]


def test_a_secure_cookie_is_kept_on_localhost_and_dropped_on_any_other_host_by_http(
    driver: Chrome, page: dict[str, Any]
) -> None:
    with serve_asgi(make_site(make_options())) as address:
        port = port_of(address)
        assert counted(driver, f"http://localhost:{port}/") == ["1", "2", "3"]
        assert counted(driver, f"http://shop.example:{port}/") == ["1", "1", "1"]
    with serve_asgi(make_site(page["in_development"])) as address:
        url = f"http://shop.example:{port_of(address)}/"
        assert counted(driver, url) == ["1", "2", "3"]


def test_a_strict_cookie_does_not_come_with_a_link_from_another_site(
    driver: Chrome, elsewhere: str
) -> None:
    for same_site, first in (("strict", "nobody"), ("lax", "ada")):
        with serve_asgi(make_site(same_site=same_site)) as address:
            site = f"http://shop.example:{port_of(address)}"
            driver.get(f"{site}/login")
            driver.get(f"http://provider.example:{elsewhere}/?to={site}/me")
            assert click_through(driver, "a") == first
            assert shown(driver, f"{site}/me") == "ada"
            driver.execute_cdp_cmd("Network.clearBrowserCookies", {})


def test_a_cookie_keeps_its_old_attributes_until_the_session_is_written_again(
    driver: Chrome, elsewhere: str
) -> None:
    with serve_asgi(make_site(same_site="strict")) as before, serve_asgi(make_site()) as now:
        driver.get(f"http://shop.example:{port_of(before)}/login")
        site = f"http://shop.example:{port_of(now)}"
        for user in ("nobody", "ada"):
            driver.get(f"http://provider.example:{elsewhere}/?to={site}/me")
            assert click_through(driver, "a") == user
            driver.get(f"{site}/")  # which counts, and so writes


def test_a_lax_cookie_does_not_come_with_a_form_from_another_site(
    driver: Chrome, elsewhere: str
) -> None:
    with serve_asgi(make_site()) as address:
        site = f"http://shop.example:{port_of(address)}"
        driver.get(f"{site}/login")
        driver.get(f"http://provider.example:{elsewhere}/?to={site}/me")
        assert click_through(driver, "button") == "nobody"
        assert shown(driver, f"{site}/me") == "ada"


def test_a_frame_in_another_site_counts_with_a_partitioned_cookie_only(
    driver: Chrome, elsewhere: str, page: dict[str, Any]
) -> None:
    """Over http, Chromium takes the Secure one on localhost."""
    for options, told in (
        (make_options(), ["1", "1", "1"]),
        (page["in_frames"], ["1", "2", "3"]),
    ):
        with serve_asgi(make_site(options)) as address:
            frame = f"http://localhost:{port_of(address)}/"
            seen = []
            for _ in range(3):
                driver.get(f"http://127.0.0.1:{elsewhere}/?to={frame}")
                driver.switch_to.frame(0)
                seen.append(driver.find_element(By.TAG_NAME, "body").text)
            assert seen == told
            assert shown(driver, frame) == "1"  # the site itself has a cookie of its own
            driver.execute_cdp_cmd("Network.clearBrowserCookies", {})


def test_fetch_from_another_origin_needs_both_sides_to_agree(
    driver: Chrome, elsewhere: str, page: dict[str, Any]
) -> None:
    origin = f"http://app.shop.example:{elsewhere}"

    def cors(**changes: Any) -> Middleware:
        return Middleware(CORSMiddleware, **{**page["CORS"], "allow_origins": [origin], **changes})

    def ask(address: str, how: dict[str, str]) -> list[str]:
        url = f"http://api.shop.example:{port_of(address)}/"
        driver.get(f"{origin}/?to=about:blank")
        return [driver.execute_async_script(FETCH, url, how) for _ in range(3)]

    include = {"credentials": "include"}
    assert json.dumps(include).replace('"credentials"', "credentials") in PAGE
    with serve_asgi(make_site(None, cors())) as address:
        assert ask(address, {}) == ["1", "1", "1"]
        assert ask(address, include) == ["1", "2", "3"]
    with serve_asgi(make_site(None, cors(allow_credentials=False, allow_origins=["*"]))) as address:
        assert ask(address, include) == ["refused"] * 3


def test_an_old_cookie_in_front_of_the_new_one_counts_until_its_scope_is_named(
    driver: Chrome, page: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The release before had no domain."""
    moved = page["moved"]
    assert moved.cookie.domain == "shop.example"

    def release(**changes: Any) -> Starlette:
        return make_site(
            make_options(cookie_options={**PLAIN, **changes.pop("cookie", {})}, **changes)
        )

    now = {"cookie": {"domain": "shop.example"}}
    former = {"former_scopes": moved.former_scopes}
    with (
        serve_asgi(release()) as before,
        serve_asgi(release(**now)) as unmended,
        serve_asgi(release(**now, **former)) as mended,
    ):
        at = [f"http://shop.example:{port_of(one)}" for one in (before, unmended, mended)]
        driver.get(f"{at[0]}/login?user=ada")
        driver.get(f"{at[1]}/login?user=bob")
        assert shown(driver, f"{at[1]}/me") == "ada"
        (record,) = [one for one in caplog.records if one.name == "iron_session"]
        text = "the browser sends several cookies for the session 'myapp' that open and differ;"
        assert record.getMessage().startswith(text)
        assert f"`{text} …`" in one_line(PAGE)
        driver.get(f"{at[1]}/logout")
        assert shown(driver, f"{at[1]}/me") == "ada"
        driver.get(f"{at[2]}/login?user=bob")
        assert shown(driver, f"{at[2]}/me") == "bob"
        driver.get(f"{at[0]}/login?user=ada")
        driver.get(f"{at[2]}/logout")
        assert shown(driver, f"{at[2]}/me") == "nobody"
