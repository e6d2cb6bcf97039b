"""CSRF in a real browser: what it sends along from another site's page decides."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from iron_session.csrf import CsrfOptions, CsrfRefusal, check_csrf_token, csrf_token
from iron_session.integrations.asgi.csrf import CsrfMiddleware
from iron_session.integrations.starlette import IronSessionMiddleware, get_session
from tests.contract.server import serve_asgi
from tests.helpers.chromium import OpenChromium, click_through
from tests.sessions.browser import make_options

# Forms stand at /, and answers elsewhere.
OPEN_WEBSOCKET = """
const [address, done] = arguments;
const websocket = new WebSocket(address);
websocket.onmessage = (event) => done(event.data);
websocket.onerror = () => done("refused");
"""
PLACES = [
    pytest.param("127.0.0.1", "localhost", "cross-site", id="another site"),
    pytest.param("127.0.0.1", "127.0.0.1", "cross-site", id="another port"),
    # Without encryption a browser sends Sec-Fetch-Site to its own machine only: Origin decides.
    pytest.param("shop.example", "evil.example", "origin", id="another site by http"),
    pytest.param("shop.example", "x.shop.example", "origin", id="a subdomain by http"),
]


def form(action: str, token: str = "") -> HTMLResponse:
    """Show a form with one button."""
    return HTMLResponse(
        f'<form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="csrf_token" value="{token}"><button>Pay</button></form>'
    )


class Shop:
    """An app in which whoever is logged in can pay; it notes who has."""

    def __init__(self) -> None:
        self.paid: list[str] = []
        self.refusals: list[CsrfRefusal] = []
        csrf = CsrfOptions(on_refused=self.refusals.append, exempt=["/unprotected"])
        self.app = Starlette(
            routes=[
                Route("/", self.show),
                Route("/pay", self.pay, methods=["POST"]),
                Route("/checked", self.pay_with_token, methods=["POST"]),
                Route("/unprotected", self.pay, methods=["POST"]),
                WebSocketRoute("/ws", self.talk),
            ]
        )
        self.app.add_middleware(CsrfMiddleware, options=csrf)
        self.app.add_middleware(
            IronSessionMiddleware, options=make_options(cookie_options={"secure": False})
        )

    async def show(self, request: Request) -> HTMLResponse:
        session = get_session(request)
        session["user"] = "ada"
        return form("/checked", csrf_token(session))

    async def pay(self, request: Request) -> PlainTextResponse:
        self.paid.append(get_session(request).get("user", "nobody"))
        return PlainTextResponse("paid")

    async def pay_with_token(self, request: Request) -> PlainTextResponse:
        check_csrf_token(get_session(request), (await request.form()).get("csrf_token"))
        return await self.pay(request)

    async def talk(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(f"hello {get_session(websocket).get('user')}")
        await websocket.close()


async def show_forgery(request: Request) -> HTMLResponse:
    """Show a form that sends to wherever it is told."""
    return form(request.query_params["to"])


class Visitor:
    """Somebody with a browser, in front of two sites."""

    def __init__(self, driver: Chrome, shop: Shop, port: str, other_port: str) -> None:
        self.driver, self.shop = driver, shop
        self.port, self.other_port = port, other_port

    def log_in(self, host: str) -> None:
        """Open the shop's own page."""
        self.driver.get(f"http://{host}:{self.port}/")

    def press(self) -> str:
        """Press the page's button, and read what comes."""
        return click_through(self.driver, "button")

    def press_at(self, other: str, host: str, path: str) -> str:
        """Press the button of another site's page, which sends to the shop."""
        target = f"http://{host}:{self.port}{path}"
        self.driver.get(f"http://{other}:{self.other_port}/?to={target}")
        return self.press()

    def open_websocket(self, host: str) -> str:
        """Open the shop's WebSocket from the page that is shown."""
        address = f"ws://{host}:{self.port}/ws"
        return str(self.driver.execute_async_script(OPEN_WEBSOCKET, address))


@pytest.fixture(scope="module")
def driver(
    open_chromium: OpenChromium, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chrome]:
    """Open a browser, to which all names that end in .example are this machine."""
    folder: Path = tmp_path_factory.mktemp("chromium")
    with open_chromium(folder / "p", "--host-resolver-rules=MAP *.example 127.0.0.1") as it:
        yield it


@pytest.fixture
def visitor(driver: Chrome) -> Iterator[Visitor]:
    """Serve both sites."""
    shop, other = Shop(), Starlette(routes=[Route("/", show_forgery)])
    with serve_asgi(shop.app) as address, serve_asgi(other) as other_address:
        port, other_port = (one.rpartition(":")[2] for one in (address, other_address))
        yield Visitor(driver, shop, port, other_port)
    driver.delete_all_cookies()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "shop.example"])
def test_a_form_of_an_own_page_is_accepted(visitor: Visitor, host: str) -> None:
    visitor.log_in(host)
    assert visitor.press() == "paid"
    assert (visitor.shop.paid, visitor.shop.refusals) == (["ada"], [])


@pytest.mark.parametrize(("host", "other", "reason"), PLACES)
def test_a_form_of_another_sites_page_is_refused(
    visitor: Visitor, host: str, other: str, reason: str
) -> None:
    visitor.log_in(host)
    answer = visitor.press_at(other, host, "/pay")
    assert answer == f"The request was refused: it may be forged ({reason})."
    assert [refusal.reason for refusal in visitor.shop.refusals] == [reason]
    assert visitor.shop.paid == []


@pytest.mark.parametrize(
    ("host", "other", "payer"),
    [
        ("127.0.0.1", "localhost", "nobody"),
        ("127.0.0.1", "127.0.0.1", "ada"),
        ("shop.example", "x.shop.example", "ada"),
    ],
)
def test_what_same_site_alone_leaves_open(
    visitor: Visitor, host: str, other: str, payer: str
) -> None:
    """The forged forms above would have done it: from within the site the cookie goes along."""
    visitor.log_in(host)
    assert visitor.press_at(other, host, "/unprotected") == "paid"
    assert visitor.shop.paid == [payer]


def test_a_form_without_the_token_is_refused_from_an_own_page_too(visitor: Visitor) -> None:
    visitor.log_in("127.0.0.1")
    visitor.driver.execute_script("document.querySelector('input').value = ''")
    assert visitor.press() == "The request was refused: it may be forged (token-missing)."
    assert visitor.shop.paid == []


@pytest.mark.parametrize(("host", "other"), [place.values[:2] for place in PLACES])
def test_a_websocket_is_opened_from_own_pages_only(visitor: Visitor, host: str, other: str) -> None:
    """Chromium sends no Sec-Fetch-Site with a handshake: its Origin decides."""
    visitor.log_in(host)
    assert visitor.open_websocket(host) == "hello ada"
    visitor.driver.get(f"http://{other}:{visitor.other_port}/?to=x")
    assert visitor.open_websocket(host) == "refused"
    assert [refusal.reason for refusal in visitor.shop.refusals] == ["origin"]
