"""The page "Single-page applications and CORS": its code is run, and a real browser calls it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient as LitestarClient
from selenium.webdriver import Chrome
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from benchmarks.header_servers import PROXIES, SITE, run_proxy
from iron_session import SessionOptions
from iron_session.csrf import CsrfOptions
from iron_session.integrations.asgi.csrf import CsrfMiddleware
from iron_session.integrations.starlette import IronSessionMiddleware
from tests.contract.server import serve_asgi
from tests.helpers.chromium import OpenChromium
from tests.helpers.pages import blocks, read_page, run_code
from tests.interop.node import run_script
from tests.revocation.servers import missing
from tests.sessions.browser import PASSWORD, make_options

PAGE = read_page("docs/how-to/single-page-apps.md")
WHO_AM_I, LOG_IN, VITE = blocks("js", PAGE)
NGINX, *_ = PROXIES
INCLUDE = {"credentials": "include"}

FETCH = """
const [address, how, done] = arguments;
fetch(address, how).then(
  async (answer) => done(`${answer.status} ${await answer.text()}`), () => done("failed"));
"""


@contextmanager
def run_for(origin: str) -> Iterator[dict[str, Any]]:
    """Run all Python of the page, for a page that has another origin."""
    code = "\n".join(blocks("python", PAGE))
    assert code.count("https://app.example.com") == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SESSION_PASSWORD", PASSWORD)
        yield run_code(code.replace("https://app.example.com", origin), "single_page_apps_page")


@pytest.fixture
def page() -> Iterator[dict[str, Any]]:
    """All Python of the page."""
    with run_for("https://app.example.com") as names:
        yield names


# --- in a browser --------------------------------------------------------------------------------

RESOLVING = "--host-resolver-rules=MAP example.com 127.0.0.1"
NOT_BLOCKING, BLOCKING = 0, 1
"""Values of Chromium's own setting of third-party cookies, whose default Debian has changed."""


@pytest.fixture(scope="module", params=[NOT_BLOCKING])
def _browser(
    request: pytest.FixtureRequest,
    open_chromium: OpenChromium,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Chrome]:
    profile = tmp_path_factory.mktemp("chromium") / "p"
    (profile / "Default").mkdir(parents=True)
    settings = {"profile": {"cookie_controls_mode": request.param}}
    (profile / "Default" / "Preferences").write_text(json.dumps(settings))
    with open_chromium(profile, RESOLVING, "--ignore-certificate-errors") as driver:
        yield driver


@pytest.fixture
def driver(_browser: Chrome) -> Iterator[Chrome]:
    """Give the browser, in which each test begins without a cookie."""
    yield _browser
    _browser.execute_cdp_cmd("Network.clearBrowserCookies", {})


async def empty(_: Request) -> HTMLResponse:
    return HTMLResponse("<p>a page of scripts")


@pytest.fixture(scope="module")
def pages_port() -> Iterator[str]:
    """Serve empty pages, from whose origin scripts call an API; gives the port."""
    with serve_asgi(Starlette(routes=[Route("/", empty)])) as address:
        yield port_of(address)


def port_of(address: str) -> str:
    return address.rpartition(":")[2]


def call(driver: Chrome, url: str, **how: Any) -> str:
    """Call an API from the page that is open, and return the status and the text."""
    answer: str = driver.execute_async_script(FETCH, url, how)
    return answer


def run_js(driver: Chrome, code: str, expression: str) -> Any:
    """Run a block of the page, and return what an expression is then."""
    return driver.execute_async_script(
        f"{code}\n{expression}.then(arguments[0], (error) => arguments[0](String(error)))"
    )


@pytest.mark.server
def test_one_origin_needs_nothing_but_the_proxy(
    driver: Chrome, page: dict[str, Any], tmp_path: Path
) -> None:
    """The page's nginx serves the files and the API; the page's script knows who it is."""
    if not NGINX.version():
        missing("nginx", "nginx")
    (configuration,) = blocks("nginx", PAGE)
    (tmp_path / "index.html").write_text("<p>the application")
    changed = configuration.replace("/srv/app", str(tmp_path))
    with (
        serve_asgi(page["app"]) as served,
        run_proxy(NGINX, int(port_of(served)), raised=True, text=changed) as address,
    ):
        driver.get(f"https://{SITE}:{address.port}/any/page")
        assert "the application" in driver.page_source
        assert run_js(driver, WHO_AM_I, "whoAmI()") is None
        log_in = LOG_IN.replace("https://api.example.com", "")
        assert run_js(driver, log_in, 'logIn("ada")') == {"user": "ada"}
        assert run_js(driver, WHO_AM_I, "whoAmI()") == "ada"
        assert call(driver, "/api/logout", method="POST") == '200 {"user":null}'
        assert run_js(driver, WHO_AM_I, "whoAmI()") is None


def test_two_origins_of_a_site_need_cors_and_credentials(driver: Chrome, pages_port: str) -> None:
    """Here `shop.localhost` is the site: Chromium takes its Secure cookies without TLS."""
    origin = f"http://app.shop.localhost:{pages_port}"
    with run_for(origin) as names, serve_asgi(names["api"]) as served:
        api = f"http://api.shop.localhost:{port_of(served)}"
        driver.get(origin)
        log_in = LOG_IN.replace("https://api.example.com", api)
        without = log_in.replace('credentials: "include",', "")
        assert run_js(driver, without, 'logIn("ada")') == {"user": "ada"}
        assert call(driver, f"{api}/api/me", **INCLUDE).startswith("401")
        assert run_js(driver, log_in, 'logIn("ada")') == {"user": "ada"}
        assert call(driver, f"{api}/api/me", **INCLUDE) == '200 {"user":"ada"}'
        assert call(driver, f"{api}/api/me").startswith("401")
        driver.get(f"http://other.shop.localhost:{pages_port}")
        assert call(driver, f"{api}/api/me", **INCLUDE) == "failed"
        how = {"method": "POST", "mode": "no-cors", **INCLUDE}
        assert call(driver, f"{api}/api/logout", **how).startswith("0")  # refused, and hidden
        driver.get(origin)
        assert call(driver, f"{api}/api/me", **INCLUDE) == '200 {"user":"ada"}'


# --- a counter, for what the page says of cookies and middleware ---------------------------------


async def count(request: Request) -> Response:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JSONResponse(request.session["visits"])


async def look(request: Request) -> Response:
    return JSONResponse(request.session.get("visits", 0))


def make_api(
    origin: str, options: SessionOptions | None = None, *, order: str = "cors session csrf"
) -> Starlette:
    """Make an API with the page's middleware, the outermost first."""
    kinds = {
        "cors": Middleware(CORSMiddleware, allow_origins=[origin], allow_credentials=True),
        "session": Middleware(IronSessionMiddleware, options=options or make_options()),
        "csrf": Middleware(CsrfMiddleware, options=CsrfOptions(trusted_origins=[origin])),
        "strict": Middleware(CsrfMiddleware),
    }
    return make_counter(*(kinds[name] for name in order.split()))


def make_counter(*middleware: Middleware) -> Starlette:
    routes = [Route("/count", count, methods=["GET", "POST"]), Route("/look", look)]
    return Starlette(routes=routes, middleware=middleware)


@pytest.mark.parametrize(
    ("_browser", "is_blocking"),
    [(NOT_BLOCKING, False), (BLOCKING, True)],
    indirect=["_browser"],
    ids=["all", "blocking"],
)
@pytest.mark.parametrize("kind", ["lax", "none", "partitioned"])
def test_two_sites_count_with_a_partitioned_cookie_wherever(
    driver: Chrome, pages_port: str, kind: str, *, is_blocking: bool
) -> None:
    """`"lax"` never, and `"none"` alone where third-party cookies are not blocked."""
    counts = {"lax": False, "none": not is_blocking, "partitioned": True}[kind]
    origin = f"http://127.0.0.1:{pages_port}"
    cookie: dict[str, Any] = {"same_site": "lax" if kind == "lax" else "none"}
    options = make_options(cookie_options={**cookie, "partitioned": kind == "partitioned"})
    if kind == "partitioned":
        with run_for(origin) as names:
            assert names["cross_site"].cookie == options.cookie
    with serve_asgi(make_api(origin, options)) as served:
        api = f"http://localhost:{port_of(served)}"
        driver.get(origin)
        found = [call(driver, f"{api}/count", **INCLUDE) for _ in range(3)]
        assert found == (["200 1", "200 2", "200 3"] if counts else ["200 1"] * 3)
        driver.get(f"{api}/look")
        alone = driver.find_element("tag name", "body").text
        assert alone == ("3" if counts and kind == "none" else "0")


@pytest.mark.parametrize("order", ["cors session csrf", "cors session"])
def test_cors_hides_an_answer_and_the_header_check_prevents_the_action(
    driver: Chrome, pages_port: str, order: str
) -> None:
    options = make_options(cookie_options={"same_site": "none"})
    origin = f"http://127.0.0.1:{pages_port}"
    evil = f"http://evil.localhost:{pages_port}"
    with serve_asgi(make_api(origin, options, order=order)) as served:
        api = f"http://localhost:{port_of(served)}"
        driver.get(origin)
        assert call(driver, f"{api}/count", method="POST", **INCLUDE) == "200 1"
        driver.get(evil)
        sent = call(driver, f"{api}/count", method="POST", body="x", **INCLUDE)
        assert sent == "failed"
        driver.get(origin)
        done = {"cors session csrf": "200 1", "cors session": "200 2"}[order]
        assert call(driver, f"{api}/look", **INCLUDE) == done


@pytest.mark.parametrize(
    ("order", "seen"), [("cors session strict", "403"), ("session strict cors", "failed")]
)
def test_a_refusal_is_readable_if_cors_is_outermost(
    driver: Chrome, pages_port: str, order: str, seen: str
) -> None:
    origin = f"http://app.shop.localhost:{pages_port}"
    with serve_asgi(make_api(origin, order=order)) as served:
        driver.get(origin)
        url = f"http://api.shop.localhost:{port_of(served)}/count"
        assert call(driver, url, method="POST", **INCLUDE).startswith(seen)


def test_one_port_beside_another_is_the_same_site_and_another_name_is_not(
    driver: Chrome, pages_port: str
) -> None:
    """As in development without a proxy."""
    for name, counted in (("localhost", "200 2"), ("127.0.0.1", "200 1")):
        origin = f"http://localhost:{pages_port}"
        with serve_asgi(make_api(origin)) as served:
            driver.get(origin)
            url = f"http://{name}:{port_of(served)}/count"
            found = [call(driver, url, **INCLUDE) for _ in range(2)]
            assert found == ["200 1", counted]


# --- without a browser ---------------------------------------------------------------------------

EVIL = {"Origin": "https://evil.example", "Cookie": "myapp=x"}


def test_starlette_names_whoever_asks_if_all_may() -> None:
    allow = Middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)
    headers = TestClient(make_counter(allow)).get("/nowhere", headers=EVIL).headers
    assert headers["access-control-allow-origin"] == EVIL["Origin"]
    assert headers["access-control-allow-credentials"] == "true"


def test_litestar_allows_the_page_alone(page: dict[str, Any]) -> None:
    with LitestarClient(page["litestar_app"]) as client:
        for origin, allowed in ((page["PAGE"], True), (EVIL["Origin"], False)):
            headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
            answer = client.options("/", headers=headers)
            found = answer.headers.get("access-control-allow-origin")
            assert (found == origin) is allowed
            if allowed:
                assert answer.headers["access-control-allow-credentials"] == "true"


def test_a_visitor_without_a_session_is_answered_with_401(page: dict[str, Any]) -> None:
    client = TestClient(page["app"], base_url="https://example.com")
    assert client.get("/api/me").status_code == 401
    client.post("/api/login", json={"name": "ada"})
    assert client.get("/api/me").json() == {"user": "ada"}
    cross = {"Sec-Fetch-Site": "cross-site", "Origin": EVIL["Origin"]}
    assert client.post("/api/logout", headers=cross).status_code == 403


def test_the_configuration_of_vite_is_javascript(tmp_path: Path) -> None:
    (tmp_path / "vite.config.mjs").write_text(VITE)
    (tmp_path / "main.mjs").write_text(
        'import config from "./vite.config.mjs"; console.log(JSON.stringify(config));'
    )
    found = json.loads(run_script(tmp_path, "main.mjs"))
    assert found == {"server": {"proxy": {"/api": "http://127.0.0.1:8000"}}}
