"""Sanic's CSRF protection, on Sanic's own server and in its ASGI mode."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
from sanic import HTTPResponse, Request, Sanic, Websocket
from sanic.exceptions import Forbidden
from sanic.response import text

from iron_session import ConfigurationError
from iron_session.csrf import (
    CsrfError,
    CsrfOptions,
    CsrfRefusal,
    CsrfRequest,
    check_csrf_token,
    csrf_token,
)
from iron_session.integrations.sanic import get_session, setup
from iron_session.integrations.sanic.csrf import setup_csrf
from tests.contract import asgi_driver, sanic_driver
from tests.contract.door import Visit
from tests.contract.integrations.sanic import new_app
from tests.contract.server import serve_asgi
from tests.contract.wire_driver import ServedApp
from tests.helpers.revoker import Ledger
from tests.helpers.wire import Client
from tests.sessions.browser import Failures, make_options

CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
OWN = {"Sec-Fetch-Site": "same-origin"}
GARBAGE = {"Cookie": "myapp=Fe26.2*1*garbage"}

App = Sanic[Any, Any]
AnyRequest = Request[Any, Any]


def make_app(csrf: CsrfOptions, *, key: str = "session", **changes: Any) -> App:
    app = new_app()
    setup(app, make_options(**changes), key=key)
    setup_csrf(app, csrf, key=key)
    add_routes(app, key)
    return app


def add_routes(app: App, key: str = "session") -> None:
    @app.get("/")
    async def form(request: AnyRequest) -> HTTPResponse:
        return text(csrf_token(get_session(request, key=key)))

    @app.post("/pay")
    async def pay(request: AnyRequest) -> HTTPResponse:
        get_session(request, key=key)["paid"] = True
        return text("paid")

    @app.post("/checked")
    async def checked(request: AnyRequest) -> HTTPResponse:
        session = get_session(request, key=key)
        form: Any = request.form
        check_csrf_token(session, form.get("csrf_token"))
        return text("paid")

    async def talk(request: AnyRequest, websocket: Websocket) -> None:
        await websocket.send("hello")

    app.add_websocket_route(talk, "/ws")


Open = Callable[[App], Client]


@pytest.fixture
def open_app() -> Iterator[Open]:
    """Serve an app by Sanic's server."""
    with ExitStack() as stack:
        yield lambda app: Client(stack.enter_context(sanic_driver.serve(app)))


def test_an_own_page_and_what_is_no_browser_pass(open_app: Open) -> None:
    client = open_app(make_app(CsrfOptions()))
    assert client.post("/pay", OWN).body == b"paid"
    assert client.post("/pay").body == b"paid"
    assert client.post("/pay", {"Origin": f"http://{client.address}"}).body == b"paid"
    assert client.get("/", CROSS).status == 200


def test_a_forged_request_is_answered_with_403_before_the_handler_runs(open_app: Open) -> None:
    failures = Failures()
    client = open_app(make_app(CsrfOptions(require_token=True), on_unseal_error=failures))
    for headers in [CROSS, {"Origin": "null"}, {}, {"X-CSRF-Token": "garbage"}]:
        answer = client.post("/pay", {**GARBAGE, **headers})
        assert answer.status == 403
        assert b"The request was refused: it may be forged (" in answer.body
        assert not {"set-cookie", "vary", "cache-control"} & {name for name, _ in answer.headers}
    assert failures == []


def test_the_check_comes_before_the_applications_middlewares(open_app: Open) -> None:
    app = make_app(CsrfOptions())
    seen: list[str] = []

    async def note(request: AnyRequest) -> None:
        seen.append(request.path)

    app.register_middleware(note, priority=99)
    client = open_app(app)
    client.post("/pay", CROSS)
    client.post("/pay", OWN)
    client.post("/nowhere", CROSS)
    assert seen == ["/pay"]


def test_a_required_token_is_taken_from_its_header(open_app: Open) -> None:
    client = open_app(make_app(CsrfOptions(require_token=True)))
    headers = {"X-CSRF-Token": client.get("/").body.decode()}
    assert client.post("/pay", headers).body == b"paid"
    client.cookies.clear()
    assert client.post("/pay", headers).status == 403
    assert client.cookies == {}


def test_a_token_that_can_not_be_compared_is_answered_with_503(open_app: Open) -> None:
    """It is not forged: nobody can tell whether its session was ended."""
    ledger = Ledger()
    csrf = CsrfOptions(require_token=True)
    browser = open_app(make_app(csrf, revocations=ledger, ttl=60, max_lifetime=60))
    headers = {"X-CSRF-Token": browser.get("/").body.decode()}
    ledger.reachable = False
    assert browser.post("/pay", headers).status == 503
    assert browser.post("/pay", {}).status == 403
    ledger.reachable = True
    assert browser.post("/pay", headers).body == b"paid"


def test_a_form_is_checked_in_the_handler(open_app: Open) -> None:
    told: list[CsrfRefusal] = []
    client = open_app(make_app(CsrfOptions(on_refused=told.append)))
    token = client.get("/").body.decode()
    assert client.post("/checked", OWN, {"csrf_token": token}).body == b"paid"
    assert client.post("/checked", OWN, {"csrf_token": token[::-1]}).status == 403
    answer = client.post("/checked", OWN, {})
    assert (answer.status, b"(token-missing)" in answer.body) == (403, True)
    assert [refusal.reason for refusal in told] == ["token-wrong", "token-missing"]


def test_an_exempt_path_passes(open_app: Open) -> None:
    client = open_app(make_app(CsrfOptions(exempt=["/pay"])))
    assert client.post("/pay", CROSS).body == b"paid"
    assert client.post("/checked", CROSS).status == 403
    assert client.post("/nowhere", CROSS).status == 403


def test_an_exempt_path_is_spelled_as_the_routes_are(open_app: Open) -> None:
    """But for a slash at its end, which Sanic's router leaves out unless a route is strict."""
    paths = ["/hooks/ü x", "/hooks/100%25", "/hooks/a/b", "/strict/", "/", "/loose"]
    app = make_app(CsrfOptions(exempt=paths))

    async def hook(request: AnyRequest, name: str = "") -> HTTPResponse:
        return text(f"hook {name}")

    for number, path in enumerate(["/hooks/ü x", "/hooks/100%", "/loose/", "/"]):
        app.add_route(hook, path, ["POST"], name=f"hook{number}")
    app.add_route(hook, "/hooks/<name>", ["POST"], name="named")
    app.add_route(hook, "/strict/", ["POST"], strict_slashes=True, name="strict")
    client = open_app(app)
    for path in [
        *["/hooks/%C3%BC%20x", "/hooks/%C3%BC%20x/", "/hooks/100%25", "/strict/"],
        *["/", "//", "/loose", "/loose/"],
    ]:
        assert client.post(path, CROSS).body == b"hook "
    for path in ["/hooks/100%2525", "/hooks/%c3%bc%20x", "/hooks/a%2Fb", "/hooks/%FF"]:
        assert client.post(path, OWN).body.startswith(b"hook ")
        assert client.post(path, CROSS).status == 403


def test_a_path_in_disguise_is_not_exempt_from_what_protects_it(open_app: Open) -> None:
    def is_not_to_be_protected(request: CsrfRequest) -> bool:
        return request.path not in ("/pay", "/geld/für")

    told: list[CsrfRefusal] = []
    app = make_app(CsrfOptions(exempt=is_not_to_be_protected, on_refused=told.append))

    @app.post("/geld/für")
    async def pay_too(request: AnyRequest) -> HTTPResponse:
        return text("paid")

    client = open_app(app)
    # Whatever comes first: Sanic's router does not look at it.
    paths = ["/pay", "/pay/", "/pay//", "*pay", "/geld/f%C3%BCr", "/geld/f%C3%BCr/"]
    for path in paths:
        assert client.post(path, OWN).body == b"paid"
        assert client.post(path, CROSS).status == 403
    assert [one.path for one in told] == ["/pay"] * 4 + ["/geld/für"] * 2


def test_a_function_for_exemptions_that_says_neither_is_an_error() -> None:
    answer: Any = None
    app = make_app(CsrfOptions(exempt=lambda _: answer, require_token=True))
    with sanic_driver.run(app) as site:
        told = site.visit(Visit(target="/", headers=[]))
    assert told.status == 500
    assert isinstance(told.failure, ConfigurationError)


def test_what_is_refused_in_a_get_is_answered_with_403_too(open_app: Open) -> None:
    told: list[CsrfRefusal] = []
    app = make_app(CsrfOptions(on_refused=told.append))

    @app.get("/refused")
    async def refused(request: AnyRequest) -> HTTPResponse:
        check_csrf_token(get_session(request), None)
        return text("done")

    answer = open_app(app).get("/refused")
    assert (answer.status, b"(token-missing)" in answer.body) == (403, True)
    assert [one.reason for one in told] == ["token-missing"]


def test_a_websocket_is_checked_by_where_it_comes_from(open_app: Open) -> None:
    client = open_app(make_app(CsrfOptions(require_token=True)))
    site = ServedApp(client.address)
    own = [("Origin", f"http://{client.address}")]
    assert site.connect(Visit(target="/ws", headers=own)).texts == ["hello"]
    assert site.connect(Visit(target="/ws", headers=[])).texts == ["hello"]
    for forged in [[*CROSS.items()], [("Origin", "http://evil.example")]]:
        handshake = site.connect(Visit(target="/ws", headers=forged))
        assert (handshake.accepted, handshake.status) == (False, 403)


def test_in_asgi_mode_it_is_checked_too() -> None:
    with sanic_driver.run_in_process(make_app(CsrfOptions())) as site:
        assert site.visit(Visit(target="/", headers=[*CROSS.items()])).status == 200
        assert site.connect(Visit(target="/ws", headers=[])).texts == ["hello"]
        handshake = site.connect(Visit(target="/ws", headers=[*CROSS.items()]))
        assert not handshake.accepted
        assert handshake.texts == []


def refuse_handshakes(app: App) -> None:
    """Have a middleware of the application's refuse them by the token: no handler can."""

    async def check(request: AnyRequest) -> None:
        if request.path == "/ws":
            check_csrf_token(get_session(request), request.args.get("token"))

    app.register_middleware(check)


@pytest.mark.parametrize("serve", [sanic_driver.serve, serve_asgi])
def test_a_handshake_is_refused_by_a_real_server_with_the_applications_page(
    serve: Callable[[App], AbstractContextManager[str]],
) -> None:
    """In ASGI mode too, where Sanic itself answers a handshake as if it were a request."""
    told: list[CsrfRefusal] = []
    app = make_app(CsrfOptions(on_refused=told.append))
    refuse_handshakes(app)
    with serve(app) as address:
        for headers in [[*CROSS.items()], [("Origin", "http://evil.example")], []]:
            handshake = ServedApp(address).connect(Visit(target="/ws", headers=headers))
            assert (handshake.accepted, handshake.status) == (False, 403)
            assert b"The request was refused: it may be forged (" in handshake.body
    assert [one.reason for one in told] == ["cross-site", "origin", "token-missing"]


def test_a_server_that_can_not_show_a_page_refuses_the_handshake() -> None:
    app = make_app(CsrfOptions())
    asyncio.run(sanic_driver.start(app))
    connection = asgi_driver.websocket(Visit(target="/ws", headers=[*CROSS.items()]))
    connection.scope["extensions"] = None
    asyncio.run(connection.run(app))
    assert connection.failure is None
    assert connection.sent == [{"type": "websocket.close", "code": 1008}]


def test_the_applications_own_page_for_forbidden_is_shown(open_app: Open) -> None:
    app = make_app(CsrfOptions())

    @app.exception(Forbidden)
    async def own_page(request: AnyRequest, refusal: Forbidden) -> HTTPResponse:
        get_session(request)["refused"] = True
        return text(f"own page: {refusal}", 403)

    address = open_app(app).address
    told = [Client(address).post("/pay", CROSS), Client(address).post("/checked", OWN)]
    assert [answer.status for answer in told] == [403, 403]
    assert [answer.body.rpartition(b" ")[2] for answer in told] == [
        b"(cross-site).",
        b"(token-missing).",
    ]
    assert all(answer.body.startswith(b"own page: ") for answer in told)
    assert all("myapp" in answer.cookies for answer in told)


def test_a_handler_that_the_application_has_for_the_error_is_kept(open_app: Open) -> None:
    app = new_app()

    @app.exception(CsrfError)
    async def own_page(request: AnyRequest, error: CsrfError) -> HTTPResponse:
        return text(f"own page: {error.reason}", 400)

    setup(app, make_options())
    setup_csrf(app)
    add_routes(app)
    answer = open_app(app).post("/checked", OWN)
    assert (answer.status, answer.body) == (400, b"own page: token-missing")


def test_the_session_may_have_another_key(open_app: Open) -> None:
    client = open_app(make_app(CsrfOptions(require_token=True), key="admin"))
    headers = {"X-CSRF-Token": client.get("/").body.decode()}
    assert client.post("/pay", headers).status == 200
    assert client.post("/pay").status == 403


def without_a_session() -> App:
    app = new_app()
    setup_csrf(app, CsrfOptions(require_token=True))
    return app


def with_another_key() -> App:
    app = new_app()
    setup(app, make_options())
    setup_csrf(app, CsrfOptions(require_token=True), key="admin")
    return app


@pytest.mark.parametrize("make", [without_a_session, with_another_key])
def test_a_session_that_is_missing_is_told_at_the_start(make: Callable[[], App]) -> None:
    app = make()
    add_routes(app)

    async def start() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server: Any = await app.create_server(sock=listener, return_asyncio_server=True)
            await server.startup()
            await server.before_start()

    with pytest.raises(ConfigurationError, match=r"add setup\(app, options\), of iron_session"):
        asyncio.run(start())


def test_one_that_is_taken_away_after_that_is_told_by_a_request() -> None:
    app = make_app(CsrfOptions(require_token=True))

    async def take_away(request: AnyRequest) -> None:
        del request.ctx.session

    app.register_middleware(take_away, priority=2_000_000)

    with sanic_driver.run(app) as site:
        answer = site.visit(Visit(target="/", headers=[]))
    assert answer.status == 500
    assert isinstance(answer.failure, ConfigurationError)


def test_without_a_token_no_session_is_needed(open_app: Open) -> None:
    app = new_app()
    setup_csrf(app)
    add_routes(app)

    @app.post("/plain")
    async def plain(request: AnyRequest) -> HTTPResponse:
        return text("ok")

    client = open_app(app)
    assert client.post("/plain", OWN).body == b"ok"
    assert client.post("/plain", CROSS).status == 403


def test_what_are_no_options_is_told_at_once() -> None:
    options: Any = make_options()
    with pytest.raises(ConfigurationError, match="options must be CsrfOptions"):
        setup_csrf(new_app(), options)
