"""The CSRF middleware in Starlette, FastAPI and Litestar, and on a server of its own."""

import asyncio
import gc
import logging
import weakref
from collections.abc import Callable
from typing import Any

import litestar
import pytest
from fastapi import FastAPI
from litestar.middleware import DefineMiddleware
from litestar.testing import TestClient as LitestarClient
from litestar.types import Receive, Scope, Send
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
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
from iron_session.integrations.asgi.csrf import CsrfMiddleware
from iron_session.integrations.litestar import IronSessionConfig
from iron_session.integrations.starlette import IronSessionMiddleware, get_session
from tests.contract import asgi_driver
from tests.contract.door import Visit
from tests.contract.server import serve_asgi
from tests.contract.wire_driver import ServedApp
from tests.helpers.revoker import Ledger
from tests.helpers.wire import Client
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


@pytest.mark.parametrize("end", ["%0A", "%0D%0A", "%00", "%C2%85", "%E2%80%A8"])
def test_a_path_with_a_control_character_is_never_exempt(open_app: Open, end: str) -> None:
    """To some routers it is the path without: their `$` stands before a newline too."""
    client = open_app(CsrfOptions(exempt=lambda request: request.path not in {"/pay"}))
    # Litestar's middlewares see no path that it has no route for.
    assert client.post(f"/pay{end}", headers=CROSS).status_code in {403, 404}
    assert client.post("/other", headers=CROSS).status_code != 403


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


def test_a_token_that_can_not_be_compared_is_answered_with_503(open_app: Open) -> None:
    """It is not forged: nobody can tell whether its session was ended."""
    ledger = Ledger()
    client = open_app(CsrfOptions(require_token=True), revocations=ledger, ttl=60, max_lifetime=60)
    headers = {**OWN, "X-CSRF-Token": client.get("/").text}
    ledger.reachable = False
    assert client.post("/pay", headers=headers).status_code == 503
    assert client.post("/pay", headers=OWN).status_code == 403
    ledger.reachable = True
    assert client.post("/pay", headers=headers).text == "paid"


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


# --- which path is exempt ----------------------------------------------------------------


def all_but(*prefixes: str) -> CsrfOptions:
    """Exempt whatever does not begin with one of these: what is to be protected is named."""
    return CsrfOptions(exempt=lambda request: not request.path.startswith(prefixes))


def fastapi_that_knows_its_root(options: SessionOptions, csrf: CsrfOptions) -> FastAPI:
    app = fastapi_app(options, csrf)
    app.root_path = "/api"
    return app


def mounted(options: SessionOptions, csrf: CsrfOptions) -> Starlette:
    """Mount an application that has the middleware itself."""
    return Starlette(routes=[Mount("/api", starlette_app(options, csrf))])


def in_a_mount(options: SessionOptions, csrf: CsrfOptions) -> Starlette:
    """Give the middleware to the mount."""
    middleware = [
        Middleware(IronSessionMiddleware, options=options),
        Middleware(CsrfMiddleware, options=csrf),
    ]
    routes = starlette_app(options, CsrfOptions()).routes
    return Starlette(routes=[Mount("/api", routes=routes, middleware=middleware)])


def fastapi_in_fastapi(options: SessionOptions, csrf: CsrfOptions) -> FastAPI:
    app = FastAPI()
    app.mount("/api", fastapi_app(options, csrf))
    return app


def litestar_in_starlette(options: SessionOptions, csrf: CsrfOptions) -> Starlette:
    inner: Any = litestar_app(options, csrf)  # its types for ASGI are its own
    return Starlette(routes=[Mount("/api", inner)])


ROOTED: dict[str, tuple[Make, str, str]] = {
    "starlette": (starlette_app, "/api", ""),
    "fastapi": (fastapi_app, "/api", ""),
    "litestar": (litestar_app, "/api", ""),
    "fastapi, its own root": (fastapi_that_knows_its_root, "", ""),
    "fastapi, its own root in the path": (fastapi_that_knows_its_root, "", "/api"),
    "mounted": (mounted, "", "/api"),
    "mounted, with a root": (mounted, "/outer", "/api"),
    "in a mount": (in_a_mount, "", "/api"),
    "fastapi in fastapi": (fastapi_in_fastapi, "/outer", "/api"),
    "litestar in starlette": (litestar_in_starlette, "", "/api"),
}


@pytest.mark.parametrize(("make", "root_path", "before"), ROOTED.values(), ids=ROOTED)
def test_an_exempt_path_is_spelled_as_the_applications_routes_are(
    make: Make, root_path: str, before: str
) -> None:
    """Whatever it is mounted under, in its own framework's way."""
    told: list[CsrfRefusal] = []
    listed = CsrfOptions(exempt=["/pay"], on_refused=told.append)
    with serve_asgi(make(make_options(), listed), root_path) as address:
        client = Client(address)
        assert client.post(f"{before}/pay", CROSS).body == b"paid"
        assert client.post(f"{before}/%70ay", CROSS).body == b"paid"
        assert client.post(f"{before}/checked", CROSS).status == 403
    assert [one.path for one in told] == ["/checked"]
    with serve_asgi(make(make_options(), all_but("/pay")), root_path) as address:
        client = Client(address)
        for path in ["/pay", "/%70ay"]:
            assert client.post(f"{before}{path}", OWN).body == b"paid"
            assert client.post(f"{before}{path}", CROSS).status == 403


def test_litestar_finds_its_root_anywhere_in_the_path() -> None:
    """Which matters where a server leaves it out."""
    app = litestar_app(make_options(), all_but("/pay"))
    with LitestarClient(app, base_url=BASE, root_path="/api") as client:
        assert client.post("/x/api/pay", headers=OWN).text == "paid"
        assert client.post("/x/api/pay", headers=CROSS).status_code == 403


def test_to_the_outer_application_a_mount_belongs_to_the_path() -> None:
    def make(csrf: CsrfOptions) -> TestClient:
        app = Starlette(routes=[Mount("/admin", starlette_app(make_options(), CsrfOptions()))])
        app.add_middleware(CsrfMiddleware, options=csrf)
        return TestClient(app, base_url=BASE)

    told: list[CsrfRefusal] = []
    for csrf in [CsrfOptions(exempt=["/pay"], on_refused=told.append), all_but("/admin/")]:
        assert make(csrf).post("/admin/pay", headers=CROSS).status_code == 403
    assert [one.path for one in told] == ["/admin/pay"]


def litestar_with_a_mount(
    csrf: CsrfOptions, inner: Any, path: str | list[str] = "/admin"
) -> litestar.Litestar:
    @litestar.asgi(path, is_mount=True, copy_scope=True)
    async def mount(scope: Scope, receive: Receive, send: Send) -> None:
        await inner(scope, receive, send)

    return litestar.Litestar(
        [mount, litestar.Router("/shop", route_handlers=[mount]), hook],
        middleware=[DefineMiddleware(CsrfMiddleware, options=csrf)],
        openapi_config=None,
        logging_config=None,
    )


@litestar.post(["/hooks/x", "/hooks/y"], status_code=200, media_type="text/plain")
async def hook() -> str:
    return "hook"


async def show_path(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what is left of the path in a mount."""
    await PlainTextResponse(scope["path"])(scope, receive, send)


@pytest.mark.parametrize("root_path", ["", "/api"])
def test_litestars_mounts_belong_to_the_path(root_path: str) -> None:
    """Of which Litestar shows its middlewares the part inside only."""
    told: list[CsrfRefusal] = []
    exempt = ["/hooks/x", "/hooks/x/", "/", "/shop/admin/a", "/shop/admin"]
    listed = CsrfOptions(exempt=exempt, on_refused=told.append)
    with serve_asgi(litestar_with_a_mount(listed, show_path), root_path) as address:
        client = Client(address)
        assert client.post("//hooks//x/", CROSS).body == b"hook"
        assert client.post("/hooks/y", CROSS).status == 403
        for path in ["/admin/hooks/x", "/admin/hooks/x/", "/admin", "/admin/"]:
            assert client.post(path, OWN).status == 200
            assert client.post(path, CROSS).status == 403
        assert client.post("/shop/admin/a/", CROSS).body == b"/a/"
        assert client.post("/shop/admin/", CROSS).body == b"/"
    assert "/admin/hooks/x" in [refusal.path for refusal in told]
    with serve_asgi(litestar_with_a_mount(all_but("/admin"), show_path), root_path) as address:
        client = Client(address)
        assert client.post("/admin/pay", CROSS).status == 403
        assert client.post("//%61dmin/pay", CROSS).status == 403
        assert client.post("/shop/admin/pay", CROSS).body == b"/pay/"


@pytest.mark.parametrize("root_path", ["", "/api"])
def test_a_mount_of_litestars_may_have_several_paths(root_path: str) -> None:
    app = litestar_with_a_mount(CsrfOptions(exempt=["/b/pay"]), show_path, ["/a", "/b", "/b/a"])
    with serve_asgi(app, root_path) as address:
        client = Client(address)
        assert client.post("/b/p%61y", CROSS).body == b"/pay/"
        assert client.post("/a/pay", CROSS).status == 403
        assert client.post("/shop/b/pay", CROSS).status == 403


def test_a_mount_of_litestars_may_be_at_the_root() -> None:
    app = litestar_with_a_mount(CsrfOptions(exempt=["/", "/pay"]), show_path, "/")
    with LitestarClient(app, base_url=BASE) as client:
        for path in ["/", "/pay", "/pay/"]:
            assert client.post(path, headers=CROSS).status_code == 200
        assert client.post("/pay/more", headers=CROSS).status_code == 403


def without_the_raw_path(app: Any) -> Any:
    """Serve as a server does that keeps only the decoded path."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        scope.pop("raw_path", None)
        await app(scope, receive, send)

    return serve


def test_a_mount_with_one_path_is_known_on_every_server() -> None:
    app = litestar_with_a_mount(CsrfOptions(exempt=["/admin/pay"]), show_path)
    client = TestClient(without_the_raw_path(app), base_url=BASE)
    assert client.post("/admin/pay", headers=CROSS).text == "/pay/"
    assert client.post("/admin/other", headers=CROSS).status_code == 403


def test_which_of_several_can_not_be_told_by_every_server() -> None:
    seen: list[Exception] = []

    def note(_: LitestarRequest, error: Exception) -> litestar.Response[Any]:
        seen.append(error)
        return litestar.Response("", status_code=500)

    app = litestar_with_a_mount(CsrfOptions(), show_path, ["/a", "/b"])
    app.asgi_router.app.exception_handlers[ConfigurationError] = note

    answer = TestClient(without_the_raw_path(app), base_url=BASE).post("/a/pay", headers=OWN)
    assert answer.status_code == 500
    assert "give each path a handler of its own" in str(seen[0])


def test_an_application_in_litestars_mount_has_paths_of_its_own() -> None:
    routes = [Route("/hooks/x/", lambda _: PlainTextResponse("hook"), methods=["POST"])]
    inner = Starlette(routes=routes)
    inner.add_middleware(CsrfMiddleware, options=CsrfOptions(exempt=["/hooks/x/"]))
    outer = CsrfOptions(exempt=["/admin/hooks/x"])
    with LitestarClient(litestar_with_a_mount(outer, inner), base_url=BASE) as client:
        assert client.post("/admin/hooks/x", headers=CROSS).text == "hook"


# --- what the application refuses itself -------------------------------------------------


async def refuse_it(request: Request) -> PlainTextResponse:
    check_csrf_token(get_session(request), request.query_params.get("token"))
    return PlainTextResponse("done")


async def refuse_the_handshake(websocket: WebSocket) -> None:
    check_csrf_token(websocket.session, websocket.query_params.get("token"))
    await websocket.accept()
    await websocket.close()


async def refuse_what_was_heard(websocket: WebSocket) -> None:
    await websocket.receive()
    await refuse_the_handshake(websocket)


REFUSING = [
    Route("/", refuse_it),
    WebSocketRoute("/ws", refuse_the_handshake),
    WebSocketRoute("/heard", refuse_what_was_heard),
]


def refusing_starlette(csrf: CsrfOptions) -> Starlette:
    app = Starlette(routes=REFUSING)
    app.add_middleware(CsrfMiddleware, options=csrf)
    app.add_middleware(IronSessionMiddleware, options=make_options())
    return app


def refusing_fastapi(csrf: CsrfOptions) -> FastAPI:
    app = FastAPI()
    app.add_middleware(CsrfMiddleware, options=csrf)
    app.add_middleware(IronSessionMiddleware, options=make_options())
    app.get("/")(refuse_it)
    app.websocket("/ws")(refuse_the_handshake)
    app.websocket("/heard")(refuse_what_was_heard)
    return app


@pytest.mark.parametrize("make", [refusing_starlette, refusing_fastapi])
def test_what_is_refused_in_a_get_or_a_handshake_is_answered_with_403_too(
    make: Callable[[CsrfOptions], Any],
) -> None:
    told: list[CsrfRefusal] = []
    with serve_asgi(make(CsrfOptions(on_refused=told.append))) as address:
        assert Client(address).get("/").status == 403
        for path in ["/ws", "/heard"]:
            handshake = ServedApp(address).connect(Visit(target=path, headers=[]))
            assert (handshake.accepted, handshake.status) == (False, 403)
    assert [(one.reason, one.path) for one in told] == [
        ("token-missing", "/"),
        ("token-missing", "/ws"),
        ("token-missing", "/heard"),
    ]


@pytest.mark.parametrize("path", ["/ws", "/heard"])
def test_the_answer_to_a_handshake_hears_of_it_first(path: str) -> None:
    """Whether the application has heard of it or not."""

    class OwnAnswer(CsrfMiddleware):
        async def answer(
            self, error: Any, request: Any, scope: Any, receive: Any, send: Any
        ) -> None:
            heard.append(await receive())
            await send({"type": "websocket.close", "code": 4403})

    heard: list[Any] = []
    connection = asgi_driver.websocket(Visit(target=path, headers=[]))
    asyncio.run(connection.run(Gateway(OwnAnswer(Starlette(routes=REFUSING)), make_options())))
    assert heard == [{"type": "websocket.connect"}]
    assert connection.sent == [{"type": "websocket.close", "code": 4403}]


def test_after_the_accept_it_is_an_error() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        assert await websocket.receive_text() == "hello"
        check_csrf_token({}, None)

    told: list[CsrfRefusal] = []
    app = Starlette(routes=[WebSocketRoute("/ws", talk)])
    app.add_middleware(CsrfMiddleware, options=CsrfOptions(on_refused=told.append))
    client = TestClient(app, base_url=BASE)

    def speak() -> None:
        with client.websocket_connect("/ws") as websocket:
            websocket.send_text("hello")
            websocket.receive_text()

    with pytest.raises(CsrfError):
        speak()
    assert told == []


def test_nothing_is_kept_of_what_a_websocket_hears() -> None:
    """It may be open for days."""

    class Message(dict[str, Any]):
        pass

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        heard.append(weakref.ref(await receive()))
        gc.collect()
        heard.append(heard[0]())

    heard: list[Any] = []
    connection = asgi_driver.websocket(Visit(target="/ws", headers=[]))
    connection.incoming.append(Message(type="websocket.receive", text="hello"))
    asyncio.run(connection.run(CsrfMiddleware(app)))
    assert connection.failure is None
    assert heard[1] is None


def test_what_a_handler_wrote_before_its_refusal_is_kept_by_a_session_around_it() -> None:
    """It is answered, as by any other error page; check first. A session within never knows."""

    async def write_and_refuse(request: Request) -> PlainTextResponse:
        request.session["paid"] = True
        check_csrf_token(request.session, None)
        return PlainTextResponse("done")

    def make() -> Starlette:
        return Starlette(routes=[Route("/", write_and_refuse, methods=["POST"])])

    around, within = make(), make()
    around.add_middleware(CsrfMiddleware)
    around.add_middleware(IronSessionMiddleware, options=make_options())
    within.add_middleware(IronSessionMiddleware, options=make_options())
    within.add_middleware(CsrfMiddleware)
    answers = [TestClient(app, base_url=BASE).post("/") for app in (around, within)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert ["myapp" in answer.cookies for answer in answers] == [True, False]


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


def test_without_a_token_the_check_needs_no_session_around_it() -> None:
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
