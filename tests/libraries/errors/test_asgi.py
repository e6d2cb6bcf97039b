"""Sentry beside the ASGI gateway, Starlette, FastAPI and Litestar."""

import asyncio
from dataclasses import replace
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi import Request as FastAPIRequest
from litestar import Litestar, get
from litestar import Request as LitestarRequest
from litestar import Response as LitestarResponse
from litestar.testing import TestClient as LitestarClient
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from iron_session import IronSessionError, Session
from iron_session.integrations import asgi, fastapi, litestar, starlette
from iron_session.integrations.asgi.csrf import CsrfMiddleware
from tests.helpers.frames import MARKER
from tests.libraries.errors.actions import (
    ACTIONS,
    HEADERS,
    KINDS,
    OPTIONS,
    OTHER,
    CrashError,
    perform,
)
from tests.libraries.errors.tracker import Tracker

# --- the gateway, around an application without a framework -------------------------------------


async def bare(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    headers: list[tuple[bytes, bytes]] = []
    perform(
        scope["path"].strip("/"),
        lambda: asgi.get_session(scope),
        lambda options: asgi.get_iron_session(scope, headers, options),
    )
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def ask(app: Any, path: str) -> None:
    TestClient(app, raise_server_exceptions=False).get(f"/{path}", headers=HEADERS)


@pytest.mark.parametrize("path", KINDS)
def test_the_gateway(path: str, tracker: Tracker) -> None:
    gateway = asgi.IronSessionMiddleware(bare, OPTIONS)
    app = SentryAsgiMiddleware(CsrfMiddleware(gateway))  # type: ignore[arg-type]  # another type there
    ask(app, path)
    assert tracker.kinds() == [KINDS[path]]
    assert tracker.leaks() == []


def test_the_gateway_installed_twice(tracker: Tracker) -> None:
    once = asgi.IronSessionMiddleware(bare, OPTIONS)
    ask(SentryAsgiMiddleware(asgi.IronSessionMiddleware(once, OPTIONS)), "crash")  # type: ignore[arg-type]  # another type there
    assert tracker.kinds() == ["ConfigurationError"]
    assert tracker.leaks() == []


def test_the_gateway_where_it_is_not_installed(tracker: Tracker) -> None:
    ask(SentryAsgiMiddleware(bare), "crash")  # type: ignore[arg-type]  # another type there
    assert tracker.kinds() == ["ConfigurationError"]
    assert tracker.leaks() == []


@pytest.mark.parametrize("error", [OSError("gone"), TimeoutError()])
def test_a_server_that_fails_to_send_what_was_written(error: Exception, tracker: Tracker) -> None:
    """By then the new seal is in the message's headers."""

    async def write(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        asgi.get_session(scope)["new"] = MARKER[::-1]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def fail(message: asgi.Message) -> None:
        del message  # else it would be in a frame of the test's own
        raise error

    scope = {
        "type": "http",
        "path": "/",
        "headers": [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()],
    }
    with pytest.raises(type(error)):
        asyncio.run(run_tracked(asgi.IronSessionMiddleware(write, OPTIONS), scope, fail))
    assert tracker.kinds() == [type(error).__name__]
    assert tracker.leaks() == []


async def run_tracked(app: Any, scope: Any, send: Any) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    await SentryAsgiMiddleware(app)(scope, receive, send)


# --- Starlette -----------------------------------------------------------------------------------


def starlette_view(request: Request) -> Response:
    response = PlainTextResponse("")
    perform(
        request.path_params["path"],
        lambda: request.session,
        lambda options: starlette.get_iron_session(request, response, options),
    )
    return response


def late(request: Request) -> Response:
    session = request.session

    async def body() -> Any:
        yield b"begun"
        session["more"] = MARKER[::-1]
        session.save()  # type: ignore[attr-defined]  # Starlette types it as a dict

    return StreamingResponse(body())


async def talk(websocket: WebSocket) -> None:
    session = websocket.session
    assert session["secret"] == MARKER
    await websocket.accept()
    raise CrashError


async def report_a_failure(request: Request, error: Exception) -> Response:
    """Fail in the handler of an error, too."""
    raise CrashError from error


ROUTES = [
    Route("/late", late),
    Route("/{path}", starlette_view),
    WebSocketRoute("/ws", talk),
]


def starlette_app(**terms: Any) -> Starlette:
    gateway = Middleware(starlette.IronSessionMiddleware, options=OPTIONS)
    return Starlette(routes=ROUTES, middleware=[gateway], **terms)


@pytest.mark.parametrize("path", KINDS)
def test_starlette(path: str, tracker: Tracker) -> None:
    ask(starlette_app(), path)
    assert set(tracker.kinds()) == {KINDS[path]}
    assert tracker.leaks() == []


@pytest.mark.parametrize("path", KINDS)
def test_starlettes_debug_page(path: str) -> None:
    client = TestClient(starlette_app(debug=True), raise_server_exceptions=False)
    page = client.get(f"/{path}", headers={**HEADERS, "Accept": "text/html"})
    assert (page.status_code, KINDS[path] in page.text) == (500, True)
    assert MARKER not in page.text
    assert "Fe26" not in page.text


def test_starlette_after_the_headers_have_gone(tracker: Tracker) -> None:
    ask(starlette_app(), "late")
    assert set(tracker.kinds()) == {"HeadersAlreadySentError"}
    assert tracker.leaks() == []


def test_a_handler_that_starlette_has_for_the_error_and_that_fails(tracker: Tracker) -> None:
    ask(starlette_app(exception_handlers={IronSessionError: report_a_failure}), "leave-too-much")
    assert set(tracker.kinds()) == {"CrashError"}
    assert tracker.leaks() == []


def test_a_websocket_of_starlettes(tracker: Tracker) -> None:
    client = TestClient(starlette_app(), raise_server_exceptions=False)
    with pytest.raises(CrashError), client.websocket_connect("/ws", headers=HEADERS) as socket:
        socket.receive_text()
    assert set(tracker.kinds()) == {"CrashError"}
    assert tracker.leaks() == []


# --- FastAPI -------------------------------------------------------------------------------------

CurrentSession = Annotated[Session, Depends(fastapi.SessionDependency(OPTIONS))]


def fastapi_app() -> FastAPI:
    app = FastAPI()

    @app.get("/sync/{path}")
    def sync_view(path: str, session: CurrentSession, request: FastAPIRequest) -> None:
        response = PlainTextResponse("")
        perform(
            path,
            lambda: session,
            lambda options: fastapi.get_iron_session(request, response, options),
        )

    @app.get("/async/{path}")
    async def async_view(path: str, session: CurrentSession) -> None:
        ACTIONS[path][1](session)

    return app


@pytest.mark.parametrize("path", KINDS)
def test_fastapi(path: str, tracker: Tracker) -> None:
    app = fastapi_app()
    app.add_middleware(fastapi.IronSessionMiddleware, options=OPTIONS)
    ask(app, f"sync/{path}")
    assert set(tracker.kinds()) == {KINDS[path]}
    assert tracker.leaks() == []


@pytest.mark.parametrize("path", ACTIONS)
def test_fastapis_coroutines(path: str, tracker: Tracker) -> None:
    app = fastapi_app()
    app.add_middleware(fastapi.IronSessionMiddleware, options=OPTIONS)
    ask(app, f"async/{path}")
    assert set(tracker.kinds()) == {KINDS[path]}
    assert tracker.leaks() == []


def test_fastapi_without_the_middleware(tracker: Tracker) -> None:
    ask(fastapi_app(), "sync/crash")
    assert set(tracker.kinds()) == {"ConfigurationError"}
    assert tracker.leaks() == []


def test_fastapi_with_other_options_in_the_middleware(tracker: Tracker) -> None:
    app = fastapi_app()
    app.add_middleware(fastapi.IronSessionMiddleware, options=replace(OPTIONS, chunk=True))
    ask(app, "sync/crash")
    assert set(tracker.kinds()) == {"ConfigurationError"}
    assert tracker.leaks() == []


# --- Litestar ------------------------------------------------------------------------------------


@get("/{path:str}", sync_to_thread=False)
def litestar_view(path: str, request: LitestarRequest[Any, Any, Any]) -> LitestarResponse[str]:
    response = LitestarResponse("")
    perform(
        path,
        lambda: request.session,
        lambda options: litestar.get_iron_session(request, response, options),
    )
    return response


@get("/replace", sync_to_thread=False)
def replace_session(request: LitestarRequest[Any, Any, Any]) -> None:
    request.set_session({"secret": MARKER, "when": object()})


def ask_litestar(path: str) -> None:
    app = Litestar(
        [litestar_view, replace_session],
        middleware=[litestar.IronSessionConfig(OPTIONS).middleware],
    )
    client = LitestarClient(app, raise_server_exceptions=False)
    client.get(f"/{path}", headers=HEADERS)


@pytest.mark.parametrize("path", KINDS)
def test_litestar(path: str, tracker: Tracker) -> None:
    ask_litestar(path)
    assert set(tracker.kinds()) == {KINDS[path]}
    assert tracker.leaks() == []


def test_litestar_with_two_sessions_of_one_cookie(tracker: Tracker) -> None:
    configs = [litestar.IronSessionConfig(OPTIONS, scope_key=key) for key in ("session", "second")]
    app = Litestar([litestar_view], middleware=[config.middleware for config in configs])
    client = LitestarClient(app, raise_server_exceptions=False)
    client.get("/crash", headers=HEADERS)
    assert set(tracker.kinds()) == {"ConfigurationError"}
    assert tracker.leaks() == []


def test_litestar_where_the_session_was_replaced(tracker: Tracker) -> None:
    ask_litestar("replace")
    assert set(tracker.kinds()) == {"NotSerializableError"}
    assert tracker.leaks() == []


# --- two sessions, and what sends nothing --------------------------------------------------------


def test_two_sessions(tracker: Tracker) -> None:
    def view(request: Request) -> Response:
        first, second = request.session, starlette.get_session(request, key="basket")
        assert first["secret"] == second["secret"] == MARKER
        raise CrashError

    both = [
        Middleware(starlette.IronSessionMiddleware, options=OPTIONS),
        Middleware(starlette.IronSessionMiddleware, options=OTHER, key="basket"),
    ]
    ask(Starlette(routes=[Route("/", view)], middleware=both), "")
    assert set(tracker.kinds()) == {"CrashError"}
    assert tracker.leaks() == []


def test_sentry_does_not_read_a_session_that_nobody_has_looked_at(tracker: Tracker) -> None:
    seen: list[Session] = []

    def view(request: Request) -> Response:
        session = starlette.get_session(request)
        seen.append(session)
        raise CrashError

    gateway = Middleware(starlette.IronSessionMiddleware, options=OPTIONS)
    ask(Starlette(routes=[Route("/", view)], middleware=[gateway]), "")
    assert set(tracker.kinds()) == {"CrashError"}
    assert not seen[0].accessed
