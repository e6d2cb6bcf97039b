"""aiohttp's CSRF middleware, on aiohttp's own server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import IncompleteRead
from typing import Any

import pytest
from aiohttp import web
from websockets.exceptions import ConnectionClosedError

from iron_session import ConfigurationError
from iron_session.csrf import CsrfError, CsrfOptions, CsrfRefusal, check_csrf_token, csrf_token
from iron_session.integrations.aiohttp import get_session, setup
from iron_session.integrations.aiohttp.csrf import csrf_middleware
from tests.contract import aiohttp_driver
from tests.contract.door import Visit
from tests.helpers.revoker import Ledger
from tests.helpers.wire import Client
from tests.sessions.browser import Failures, make_options

CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
OWN = {"Sec-Fetch-Site": "same-origin"}
GARBAGE = {"Cookie": "myapp=Fe26.2*1*garbage"}


async def form(request: web.Request) -> web.Response:
    return web.Response(text=csrf_token(get_session(request)))


async def pay(request: web.Request) -> web.Response:
    get_session(request)["paid"] = True
    return web.Response(text="paid")


async def checked(request: web.Request) -> web.Response:
    session = get_session(request)
    check_csrf_token(session, (await request.post()).get("csrf_token"))
    return web.Response(text="paid")


async def talk(request: web.Request) -> web.WebSocketResponse:
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    await websocket.send_str("hello")
    await websocket.close()
    return websocket


def make_app(
    csrf: CsrfOptions, middlewares: Any = (), *, key: str = "session", **changes: Any
) -> web.Application:
    app = web.Application(middlewares=[*middlewares, csrf_middleware(csrf, key=key)])
    setup(app, make_options(**changes), key=key)
    app.router.add_get("/", form)
    app.router.add_post("/pay", pay)
    app.router.add_post("/checked", checked)
    app.router.add_post("/hooks/{name}", pay)
    app.router.add_get("/ws", talk)
    return app


class Browser(Client):
    """Knows the server's own log too."""

    def __init__(self, site: aiohttp_driver.RunningApp) -> None:
        super().__init__(site.address)
        self.site = site

    @property
    def failures(self) -> list[BaseException]:
        self.site.server.settle()
        return self.site.server.log.failures


Open = Callable[..., Browser]


@pytest.fixture
def open_app() -> Iterator[Open]:
    """Run an app, given as it is, or made with these options for CSRF and for the session."""
    with ExitStack() as stack:

        def open_it(app: web.Application | CsrfOptions | None = None, **changes: Any) -> Browser:
            if not isinstance(app, web.Application):
                app = make_app(app or CsrfOptions(), **changes)
            return Browser(stack.enter_context(aiohttp_driver.run(app)))

        yield open_it


def test_an_own_page_and_what_is_no_browser_pass(open_app: Open) -> None:
    browser = open_app()
    assert browser.post("/pay", OWN).body == b"paid"
    assert browser.post("/pay").body == b"paid"
    assert browser.post("/pay", {"Origin": f"http://{browser.address}"}).body == b"paid"
    assert browser.get("/", CROSS).status == 200


def test_a_forged_request_is_answered_with_403_before_the_handler_runs(open_app: Open) -> None:
    failures = Failures()
    browser = open_app(CsrfOptions(require_token=True), on_unseal_error=failures)
    for headers in [CROSS, {"Origin": "null"}, {}, {"X-CSRF-Token": "garbage"}]:
        answer = browser.post("/pay", {**GARBAGE, **headers})
        assert answer.status == 403
        assert answer.body.startswith(b"The request was refused: it may be forged (")
        assert not {"set-cookie", "vary", "cache-control"} & {name for name, _ in answer.headers}
    assert failures == []
    assert browser.failures == []


def test_a_required_token_is_taken_from_its_header(open_app: Open) -> None:
    browser = open_app(CsrfOptions(require_token=True))
    headers = {"X-CSRF-Token": browser.get("/").body.decode()}
    assert browser.post("/pay", headers).body == b"paid"
    browser.cookies.clear()
    assert browser.post("/pay", headers).status == 403
    assert browser.cookies == {}


def test_a_token_that_can_not_be_compared_is_answered_with_503(open_app: Open) -> None:
    """It is not forged: nobody can tell whether its session was ended."""
    ledger = Ledger()
    browser = open_app(CsrfOptions(require_token=True), revocations=ledger, ttl=60, max_lifetime=60)
    headers = {"X-CSRF-Token": browser.get("/").body.decode()}
    ledger.reachable = False
    assert browser.post("/pay", headers).status == 503
    assert browser.post("/pay", {}).status == 403
    ledger.reachable = True
    assert browser.post("/pay", headers).body == b"paid"


def test_a_form_is_checked_in_the_handler(open_app: Open) -> None:
    told: list[CsrfRefusal] = []
    browser = open_app(CsrfOptions(on_refused=told.append))
    token = browser.get("/").body.decode()
    assert browser.post("/checked", OWN, {"csrf_token": token}).body == b"paid"
    assert browser.post("/checked", OWN, {"csrf_token": token[::-1]}).status == 403
    assert browser.post("/checked", OWN, {}).status == 403
    assert [refusal.reason for refusal in told] == ["token-wrong", "token-missing"]
    assert browser.failures == []


def test_a_websocket_is_checked_by_where_it_comes_from(open_app: Open) -> None:
    browser = open_app(CsrfOptions(require_token=True))
    own = [("Origin", f"http://{browser.address}")]
    assert browser.site.connect(Visit(target="/ws", headers=own)).texts == ["hello"]
    assert browser.site.connect(Visit(target="/ws", headers=[])).texts == ["hello"]
    for forged in [[*CROSS.items()], [("Origin", "http://evil.example")]]:
        handshake = browser.site.connect(Visit(target="/ws", headers=forged))
        assert (handshake.accepted, handshake.status) == (False, 403)


def test_an_exempt_path_is_the_one_that_the_router_reads(open_app: Open) -> None:
    """`%2F` is a letter of a name to aiohttp's router, and no way into what is exempt."""
    browser = open_app(CsrfOptions(exempt=["/hooks/a", "/hooks/a/b", "/hooks/ü x"]))
    assert browser.post("/hooks/%C3%BC%20x", CROSS).body == b"paid"
    assert browser.post("/%68ooks/%61", CROSS).body == b"paid"
    assert browser.post("/hooks/a", CROSS).body == b"paid"
    assert browser.post("/hooks/a?b=1", CROSS).body == b"paid"
    assert browser.post("/hooks/b", CROSS).status == 403
    assert browser.post("/hooks/a%2Fb", OWN).body == b"paid"
    assert browser.post("/hooks/a%2Fb", CROSS).status == 403


def test_a_path_in_disguise_is_not_exempt_from_what_protects_it(open_app: Open) -> None:
    told: list[CsrfRefusal] = []
    csrf = CsrfOptions(
        exempt=lambda request: not request.path.startswith(("/pay", "/admin/")),
        on_refused=told.append,
    )
    app, admin = make_app(csrf), web.Application()
    admin.router.add_post("/pay", pay)
    app.add_subapp("/admin", admin)
    browser = open_app(app)
    for path in ["/pay", "/%70ay", "/p%61y", "/admin/pay", "/%61dmin/p%61y"]:
        assert browser.post(path, OWN).body == b"paid"
        assert browser.post(path, CROSS).status == 403
    assert browser.post("/hooks/a", CROSS).body == b"paid"
    assert [one.path for one in told] == ["/pay"] * 3 + ["/admin/pay"] * 2


def test_a_function_for_exemptions_that_says_neither_is_an_error(open_app: Open) -> None:
    answer: Any = None
    browser = open_app(CsrfOptions(exempt=lambda _: answer))
    assert browser.post("/pay", OWN).status == 500
    (failure,) = browser.failures
    assert isinstance(failure, ConfigurationError)


async def refuse_it(request: web.Request) -> web.Response:
    check_csrf_token(get_session(request), request.query.get("token"))
    return web.Response(text="done")


async def talk_and_refuse(request: web.Request) -> web.StreamResponse:
    await web.WebSocketResponse().prepare(request)
    return await refuse_it(request)


async def stream_and_refuse(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"a part of it")
    return await refuse_it(request)


def test_what_is_refused_in_a_get_or_a_handshake_is_answered_with_403_too(open_app: Open) -> None:
    told: list[CsrfRefusal] = []
    app = make_app(CsrfOptions(on_refused=told.append))
    app.router.add_get("/refused", refuse_it)
    browser = open_app(app)
    assert browser.get("/refused").status == 403
    handshake = browser.site.connect(Visit(target="/refused", headers=[]))
    assert (handshake.accepted, handshake.status) == (False, 403)
    assert [one.reason for one in told] == ["token-missing"] * 2
    assert browser.failures == []


def test_an_error_after_the_headers_went_is_an_error(open_app: Open) -> None:
    """No second response is written into the first, or into what a WebSocket says."""
    told: list[CsrfRefusal] = []
    app = make_app(CsrfOptions(on_refused=told.append))
    app.router.add_get("/streamed", stream_and_refuse)
    app.router.add_get("/talked", talk_and_refuse)
    browser = open_app(app)
    with pytest.raises(IncompleteRead) as cut:
        browser.get("/streamed")
    assert cut.value.partial == b"a part of it"
    with pytest.raises(ConnectionClosedError):
        browser.site.connect(Visit(target="/talked", headers=[]))
    assert [type(failure) for failure in browser.failures] == [CsrfError, CsrfError]
    assert told == []


def test_the_applications_middlewares_see_the_refusal(open_app: Open) -> None:
    @web.middleware
    async def own_page(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPForbidden as refusal:
            get_session(request)["refused"] = True
            reason = getattr(refusal.__cause__, "reason", None)
            return web.Response(text=f"own page: {reason}", status=403)
        return response

    browser = open_app(make_app(CsrfOptions(), [own_page]))
    answer = browser.post("/pay", CROSS)
    assert (answer.status, answer.body) == (403, b"own page: cross-site")
    assert "myapp" in answer.cookies


def test_the_session_may_have_another_key(open_app: Open) -> None:
    async def admin_form(request: web.Request) -> web.Response:
        return web.Response(text=csrf_token(get_session(request, key="admin")))

    csrf = csrf_middleware(CsrfOptions(require_token=True), key="admin")
    app = web.Application(middlewares=[csrf])
    setup(app, make_options(), key="admin")
    app.router.add_get("/", admin_form)
    app.router.add_post("/", admin_form)
    browser = open_app(app)
    headers = {"X-CSRF-Token": browser.get("/").body.decode()}
    assert browser.post("/", headers).status == 200
    assert browser.post("/").status == 403


def without_a_session() -> web.Application:
    return web.Application(middlewares=[csrf_middleware(CsrfOptions(require_token=True))])


def before_the_session() -> web.Application:
    app = web.Application()
    setup(app, make_options())
    app.middlewares.insert(0, csrf_middleware(CsrfOptions(require_token=True)))
    return app


@pytest.mark.parametrize("make", [without_a_session, before_the_session])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_that_is_missing_is_told_by_the_first_request(
    open_app: Open, make: Callable[[], web.Application], method: str
) -> None:
    app = make()
    app.router.add_get("/", form)
    browser = open_app(app)
    assert browser.send(method, "/").status == 500
    (failure,) = browser.failures
    assert isinstance(failure, ConfigurationError)
    assert "add setup(app, options)" in str(failure)


def test_without_a_token_no_session_is_needed(open_app: Open) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application(middlewares=[csrf_middleware()])
    app.router.add_post("/", answer)
    browser = open_app(app)
    assert browser.post("/", OWN).body == b"ok"
    assert browser.post("/", CROSS).status == 403


def test_what_are_no_options_is_told_at_once() -> None:
    options: Any = make_options()
    with pytest.raises(ConfigurationError, match="options must be CsrfOptions"):
        csrf_middleware(options)
