"""The CSRF middleware in Starlette, FastAPI and Litestar, and on a server of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import litestar
import pytest
from fastapi import FastAPI
from litestar.middleware import DefineMiddleware
from litestar.testing import TestClient as LitestarClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from iron_session import ConfigurationError, SessionOptions
from iron_session.csrf import (
    CsrfError,
    CsrfOptions,
    CsrfRefusal,
    check_csrf_token,
    csrf_token,
    rotate_csrf_token,
)
from iron_session.integrations.asgi import IronSessionMiddleware as Gateway
from iron_session.integrations.asgi_csrf import CsrfMiddleware
from iron_session.integrations.litestar import IronSessionConfig
from iron_session.integrations.starlette import IronSessionMiddleware, get_session
from tests.contract import asgi_driver
from tests.contract.door import Visit
from tests.contract.server import serve_asgi
from tests.contract.wire_driver import ServedApp
from tests.sessions.browser import Failures, make_options

BASE = "https://testserver.local"
CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": BASE}
GARBAGE = {"Cookie": "myapp=Fe26.2*1*garbage"}
Make = Callable[[SessionOptions, CsrfOptions], Any]


# --- one app, three times ----------------------------------------------------------------


def starlette_app(options: SessionOptions, csrf: CsrfOptions) -> Starlette:
    async def form(request: Request) -> PlainTextResponse:
        return PlainTextResponse(csrf_token(get_session(request)))

    async def pay(request: Request) -> PlainTextResponse:
        get_session(request)["paid"] = True
        return PlainTextResponse("paid")

    async def checked(request: Request) -> PlainTextResponse:
        check_csrf_token(get_session(request), (await request.form()).get("csrf_token"))
        return PlainTextResponse("paid")

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    return Starlette(
        routes=[
            Route("/", form),
            Route("/pay", pay, methods=["POST", "DELETE"]),
            Route("/checked", checked, methods=["POST"]),
            WebSocketRoute("/ws", talk),
        ],
        middleware=[
            Middleware(IronSessionMiddleware, options=options),
            Middleware(CsrfMiddleware, options=csrf),
        ],
    )


def fastapi_app(options: SessionOptions, csrf: CsrfOptions) -> FastAPI:
    app = FastAPI()
    app.add_middleware(CsrfMiddleware, options=csrf)
    app.add_middleware(IronSessionMiddleware, options=options)  # the later one is the outer

    @app.get("/")
    def form(request: Request) -> PlainTextResponse:
        return PlainTextResponse(csrf_token(get_session(request)))

    @app.api_route("/pay", methods=["POST", "DELETE"])
    def pay(request: Request) -> PlainTextResponse:
        get_session(request)["paid"] = True
        return PlainTextResponse("paid")

    @app.post("/checked")
    async def checked(request: Request) -> PlainTextResponse:
        check_csrf_token(get_session(request), (await request.form()).get("csrf_token"))
        return PlainTextResponse("paid")

    @app.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    return app


LitestarRequest = litestar.Request[Any, Any, Any]


@litestar.get("/", sync_to_thread=False, media_type="text/plain")
def litestar_form(request: LitestarRequest) -> str:
    return csrf_token(request.session)


@litestar.route("/pay", http_method=["POST", "DELETE"], status_code=200, sync_to_thread=False)
def litestar_pay(request: LitestarRequest) -> str:
    request.session["paid"] = True
    return "paid"


@litestar.post("/checked", status_code=200)
async def litestar_checked(request: LitestarRequest) -> str:
    check_csrf_token(request.session, (await request.form()).get("csrf_token"))
    return "paid"


@litestar.websocket("/ws")
async def litestar_talk(socket: litestar.WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


def forbid(_: LitestarRequest, error: CsrfError) -> litestar.Response[Any]:
    return litestar.Response(error.reason, status_code=403)


def litestar_app(options: SessionOptions, csrf: CsrfOptions) -> litestar.Litestar:
    return litestar.Litestar(
        [litestar_form, litestar_pay, litestar_checked, litestar_talk],
        middleware=[
            IronSessionConfig(options).middleware,
            DefineMiddleware(CsrfMiddleware, options=csrf),
        ],
        exception_handlers={CsrfError: forbid},
    )


APPS: dict[str, Make] = {
    "starlette": starlette_app,
    "fastapi": fastapi_app,
    "litestar": litestar_app,
}

Open = Callable[..., TestClient]


@pytest.fixture(params=APPS)
def open_app(request: pytest.FixtureRequest) -> Open:
    """Open the app of each framework, with these options for CSRF, and for the session."""
    make = APPS[request.param]

    def open_it(csrf: CsrfOptions | None = None, **changes: Any) -> TestClient:
        return TestClient(make(make_options(**changes), csrf or CsrfOptions()), base_url=BASE)

    return open_it


def test_a_request_from_an_own_page_passes(open_app: Open) -> None:
    client = open_app()
    assert client.post("/pay", headers=OWN).text == "paid"
    assert "myapp" in client.cookies


def test_a_request_from_no_browser_passes_unless_its_origin_is_required(open_app: Open) -> None:
    assert open_app().post("/pay").text == "paid"
    assert open_app(CsrfOptions(require_origin=True)).post("/pay").status_code == 403


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_forged_request_is_answered_with_403_before_the_application_runs(
    open_app: Open, method: str
) -> None:
    answer = open_app().request(method, "/pay", headers=CROSS)
    assert answer.status_code == 403
    assert answer.text == "The request was refused: it may be forged (cross-site)."
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-length"] == str(len(answer.content))


def test_a_link_from_another_site_still_works(open_app: Open) -> None:
    assert open_app().get("/", headers=CROSS).status_code == 200


def test_a_trusted_origin_passes(open_app: Open) -> None:
    client = open_app(CsrfOptions(trusted_origins=["https://evil.example"]))
    assert client.post("/pay", headers=CROSS).text == "paid"


def test_an_exempt_path_passes(open_app: Open) -> None:
    client = open_app(CsrfOptions(exempt=["/pay"]))
    assert client.post("/pay", headers=CROSS).text == "paid"
    assert client.post("/checked", headers=CROSS).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [CROSS, {"Origin": "null"}, {"Sec-Fetch-Site": "none, none"}, {}, {"X-CSRF-Token": "x"}],
)
def test_a_refused_request_never_touches_the_session(
    open_app: Open, headers: dict[str, str]
) -> None:
    """Nothing is unsealed, nothing written: what a stranger sends moves no session."""
    failures = Failures()
    client = open_app(CsrfOptions(require_token=True), on_unseal_error=failures)
    answer = client.post("/pay", headers={**GARBAGE, **headers})
    assert answer.status_code == 403
    assert failures == []
    assert not {"set-cookie", "vary", "cache-control"} & set(answer.headers)


def test_a_refused_request_does_not_renew_the_session(open_app: Open) -> None:
    client = open_app(renew_after=0.001)
    client.post("/pay", headers=OWN)
    assert "set-cookie" not in client.post("/pay", headers=CROSS).headers


def test_a_required_token_is_taken_from_its_header(open_app: Open) -> None:
    client = open_app(CsrfOptions(require_token=True))
    token = client.get("/").text
    headers = {**OWN, "X-CSRF-Token": token}
    assert client.post("/pay", headers=headers).text == "paid"
    assert client.post("/pay", headers=OWN).text.endswith("(token-missing).")
    client.cookies.clear()
    assert client.post("/pay", headers=headers).text.endswith("(token-wrong).")
    assert "myapp" not in client.cookies


def test_a_form_is_checked_in_the_handler(open_app: Open) -> None:
    client = open_app()
    token = client.get("/").text
    assert client.post("/checked", data={"csrf_token": token}).text == "paid"
    for data in [{}, {"csrf_token": ""}, {"csrf_token": token[::-1]}]:
        answer = client.post("/checked", data=data)
        assert answer.status_code == 403
        assert "token-" in answer.text


def test_a_websocket_from_an_own_page_is_accepted(open_app: Open) -> None:
    for headers in [OWN, {"Origin": "http://testserver"}, {}]:
        with open_app(CsrfOptions(require_token=True)).websocket_connect(
            "/ws", headers=headers
        ) as it:
            assert it.receive_text() == "hello"


@pytest.mark.parametrize("headers", [CROSS, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_a_websocket_from_another_site_is_refused(open_app: Open, headers: dict[str, str]) -> None:
    failures = Failures()
    client = open_app(on_unseal_error=failures)
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/ws", headers={**GARBAGE, **headers}),
    ):
        pytest.fail("it was accepted")
    assert failures == []


@pytest.mark.parametrize("make", APPS.values(), ids=APPS)
def test_a_real_server_refuses_a_websocket_too(make: Make) -> None:
    with serve_asgi(make(make_options(), CsrfOptions())) as address:
        site = ServedApp(address)
        own = Visit(target="/ws", headers=[("Origin", f"http://{address}")])
        other = Visit(target="/ws", headers=[("Origin", "http://evil.example")])
        assert site.connect(own).texts == ["hello"]
        handshake = site.connect(other)
        assert (handshake.accepted, handshake.status) == (False, 403)
        assert "set-cookie" not in dict(handshake.headers)


# --- the middleware itself ---------------------------------------------------------------


async def unreached(scope: Any, receive: Any, send: Any) -> None:
    pytest.fail("the application ran")


def test_a_handshake_is_refused_as_the_protocol_says(caplog: pytest.LogCaptureFixture) -> None:
    connection = asgi_driver.websocket(Visit(target="/ws?token=secret", headers=[*CROSS.items()]))
    asyncio.run(connection.run(CsrfMiddleware(unreached)))
    assert connection.failure is None
    assert connection.incoming == []
    assert connection.sent == [{"type": "websocket.close", "code": 1008}]
    assert "the request 'GET /ws' was refused" in caplog.text
    assert "secret" not in caplog.text


def test_what_is_neither_a_request_nor_a_websocket_passes() -> None:
    seen: list[str] = []

    async def nothing_else(middleware: Any) -> None:
        await middleware({"type": "lifespan"}, None, None)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(nothing_else(CsrfMiddleware(app, CsrfOptions(require_token=True))))
    assert seen == ["lifespan"]


def test_the_log_and_the_hook_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    told: list[CsrfRefusal] = []
    app = starlette_app(make_options(), CsrfOptions(on_refused=told.append))
    client = TestClient(app, base_url=BASE)
    client.post("/pay?secret=1", headers=CROSS)
    client.post("/checked", headers=OWN)
    assert [one.reason for one in told] == ["cross-site", "token-missing"]
    assert [one.path for one in told] == ["/pay", "/checked"]
    records = [one for one in caplog.records if one.name == "iron_session"]
    assert [one.levelno for one in records] == [logging.WARNING] * 2
    assert not any("secret" in one.getMessage() for one in records)


@pytest.mark.parametrize("options", [None, make_options()])
def test_what_are_no_options_is_told_when_it_is_installed(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="options must be CsrfOptions"):
        CsrfMiddleware(unreached, options)


def starlette_in_the_wrong_order() -> Starlette:
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse(""))])
    app.add_middleware(IronSessionMiddleware, options=make_options())
    app.add_middleware(CsrfMiddleware, options=CsrfOptions(require_token=True))
    return app


def starlette_without_a_session() -> Starlette:
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse(""))])
    app.add_middleware(CsrfMiddleware, options=CsrfOptions(require_token=True))
    return app


@pytest.mark.parametrize("make", [starlette_in_the_wrong_order, starlette_without_a_session])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_that_is_not_around_it_is_told_by_the_first_request(
    make: Callable[[], Starlette], method: str
) -> None:
    with pytest.raises(
        ConfigurationError, match=r"add IronSessionMiddleware around CsrfMiddleware"
    ):
        TestClient(make(), base_url=BASE).request(method, "/")


def test_litestar_in_the_wrong_order_is_told_too() -> None:
    seen: list[Exception] = []

    def note(_: LitestarRequest, error: Exception) -> litestar.Response[Any]:
        seen.append(error)
        return litestar.Response("", status_code=500)

    app = litestar.Litestar(
        [litestar_form],
        middleware=[
            DefineMiddleware(CsrfMiddleware, options=CsrfOptions(require_token=True)),
            IronSessionConfig(make_options()).middleware,
        ],
        exception_handlers={ConfigurationError: note},
    )
    with LitestarClient(app, base_url=BASE) as client:
        assert client.get("/").status_code == 500
    assert "in Litestar before it in the list" in str(seen[0])


def test_without_a_token_the_order_does_not_matter() -> None:
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("ok"), methods=["POST"])])
    app.add_middleware(IronSessionMiddleware, options=make_options())
    app.add_middleware(CsrfMiddleware)
    client = TestClient(app, base_url=BASE)
    assert client.post("/", headers=OWN).text == "ok"
    assert client.post("/", headers=CROSS).status_code == 403


def test_the_session_may_lie_under_another_key() -> None:
    async def token(request: Request) -> PlainTextResponse:
        return PlainTextResponse(csrf_token(get_session(request, key="admin")))

    app = Starlette(routes=[Route("/", token, methods=["GET", "POST"])])
    app.add_middleware(CsrfMiddleware, options=CsrfOptions(require_token=True), key="admin")
    app.add_middleware(IronSessionMiddleware, options=make_options(), key="admin")
    client = TestClient(app, base_url=BASE)
    token_of = client.get("/").text
    assert client.post("/", headers={"X-CSRF-Token": token_of}).status_code == 200


def test_around_a_plain_application_the_gateway_is_enough() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = csrf_token(scope["session"]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    protected = Gateway(CsrfMiddleware(app, CsrfOptions(require_token=True)), make_options())
    client = TestClient(protected, base_url=BASE)
    token = client.get("/").text
    assert client.post("/", headers={"X-CSRF-Token": token}).status_code == 200
    assert client.post("/").status_code == 403


def test_the_applications_own_handler_of_the_error_goes_first() -> None:
    app = starlette_app(make_options(), CsrfOptions())
    app.add_exception_handler(CsrfError, lambda _, error: PlainTextResponse("own", 400))
    answer = TestClient(app, base_url=BASE).post("/checked", headers=OWN)
    assert (answer.status_code, answer.text) == (400, "own")


def test_an_error_after_the_headers_went_is_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        check_csrf_token({}, None)

    with pytest.raises(CsrfError):
        TestClient(CsrfMiddleware(app), base_url=BASE).post("/")


def test_the_answer_can_be_another() -> None:
    class OwnPage(CsrfMiddleware):
        async def answer(
            self, error: Any, request: Any, scope: Any, receive: Any, send: Any
        ) -> None:
            await PlainTextResponse(f"own page: {error.reason}", 400)(scope, receive, send)

    answer = TestClient(OwnPage(unreached), base_url=BASE).post("/", headers=CROSS)
    assert (answer.status_code, answer.text) == (400, "own page: cross-site")


def test_a_login_takes_the_old_token_away() -> None:
    async def login(request: Request) -> PlainTextResponse:
        session = get_session(request)
        check_csrf_token(session, request.headers.get("x-csrf-token"))
        return PlainTextResponse(rotate_csrf_token(session))

    async def token(request: Request) -> PlainTextResponse:
        return PlainTextResponse(csrf_token(get_session(request)))

    app = Starlette(routes=[Route("/", token), Route("/login", login, methods=["POST"])])
    app.add_middleware(CsrfMiddleware)
    app.add_middleware(IronSessionMiddleware, options=make_options())
    client = TestClient(app, base_url=BASE)
    before = client.get("/").text
    after = client.post("/login", headers={"X-CSRF-Token": before}).text
    assert client.post("/login", headers={"X-CSRF-Token": before}).status_code == 403
    assert client.post("/login", headers={"X-CSRF-Token": after}).status_code == 200
