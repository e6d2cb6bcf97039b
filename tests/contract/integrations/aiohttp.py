"""The common app in aiohttp: `get_session(request)`, and that of aiohttp_session."""

import json
import warnings
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, NoReturn

import aiohttp_session
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.typedefs import Handler

from iron_session import SessionOptions
from iron_session.integrations import aiohttp_session as ours
from iron_session.integrations.aiohttp import (
    get_iron_session,
    get_session,
    setup,
    with_iron_session,
)
from tests.contract.aiohttp_driver import run, serve
from tests.contract.common_app import (
    ANSWERED,
    FILE,
    HANDLED,
    OWN_HEADERS,
    SCOPE_KEYS,
    STREAM_START,
    TOO_LARGE,
    Call,
    CrashError,
    HandledError,
    SessionOf,
)
from tests.contract.door import Door

# By default its server refuses headers, and paths, of more than 8190 bytes by itself.
LIMITS = {"max_field_size": 200_000, "max_line_size": 200_000}


def make_app(options: Sequence[SessionOptions]) -> web.Application:
    """Build the app, with one `setup` for each session."""
    app = web.Application(middlewares=[answer_errors], handler_args=LIMITS)
    app.add_routes(ROUTES)
    for key, one in zip(SCOPE_KEYS, options, strict=False):
        setup(app, one, key=key)
    return app


def make_app_of_aiohttp_session(options: Sequence[SessionOptions]) -> web.Application:
    """Build the app with aiohttp_session's session, and a second one beside it."""
    app = make_app([])
    for key, one in zip(SCOPE_KEYS[1:], options[1:], strict=False):
        setup(app, one, key=key)
    ours.setup(app, options[0], key=SCOPE_KEYS[0])
    app.middlewares.append(find_session)
    return app


def make_app_of_wrapped_handlers(options: Sequence[SessionOptions]) -> web.Application:
    """Build the app without `setup`: each handler has its sessions by itself."""
    app = web.Application(middlewares=[answer_errors], handler_args=LIMITS)
    for route in ROUTES:
        handler: Any = route.handler
        for key, one in zip(SCOPE_KEYS, options, strict=False):
            handler = with_iron_session(one, key=key)(handler)
        app.router.add_route(route.method, route.path, handler)
    return app


def make_explicit_app(options: SessionOptions) -> web.Application:
    """Build the app of the explicit form, without `setup`."""

    async def explicit(request: web.Request) -> web.Response:
        response = web.json_response()
        session = get_iron_session(request, response, options)
        response.text = json.dumps(await call_of(request).perform_async(lambda _: session))
        return response

    app = web.Application(handler_args=LIMITS)
    app.router.add_get("/explicit", explicit)
    return app


def call_of(request: web.Request) -> Call:
    """Read what the handler is asked to do."""
    return Call.parse(request.rel_url.raw_query_string)


def sessions_of(request: web.Request) -> SessionOf:
    """Return the way to both sessions."""
    first = of_aiohttp_session.get(None)
    return lambda position: (
        get_session(request, key=SCOPE_KEYS[position]) if position or first is None else first
    )


of_aiohttp_session: ContextVar[Any] = ContextVar("of_aiohttp_session")


@web.middleware
async def find_session(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Load aiohttp_session's session, which needs an await, for the handlers."""
    of_aiohttp_session.set(await aiohttp_session.get_session(request))
    return await handler(request)


def know_text_keys() -> None:
    """Trigger aiohttp's warning about aiohttp_session's text keys now, where it is ignored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key in (aiohttp_session.SESSION_KEY, aiohttp_session.STORAGE_KEY):
            make_mocked_request("GET", "/")[key] = None


know_text_keys()


async def perform(request: web.Request) -> object:
    """Perform what the request asks for."""
    return await call_of(request).perform_async(sessions_of(request))


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what the session raises, and the application's own exception."""
    try:
        return await handler(request)
    except tuple(ANSWERED) as error:
        return web.Response(text=type(error).__name__, status=TOO_LARGE)
    except HandledError:
        return web.Response(text="handled", status=HANDLED)


async def answer(request: web.Request) -> web.Response:
    return web.json_response(await perform(request))


async def answer_with_own_headers(request: web.Request) -> web.Response:
    response = web.json_response(await perform(request))
    for name, value in OWN_HEADERS:
        response.headers.add(name, value)
    return response


async def stream(request: web.Request) -> web.StreamResponse:
    """Send two parts, and change the session between them."""
    await perform(request)
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(STREAM_START.encode())
    await response.write(call_of(request).perform_late(sessions_of(request)).encode())
    return response


async def send_file(request: web.Request) -> web.FileResponse:
    await perform(request)
    return web.FileResponse(FILE)


async def redirect(request: web.Request) -> NoReturn:
    await perform(request)
    raise web.HTTPSeeOther("/")


async def not_found(request: web.Request) -> NoReturn:
    await perform(request)
    raise web.HTTPNotFound


async def crash(request: web.Request) -> NoReturn:
    await perform(request)
    raise CrashError


async def fail(request: web.Request) -> NoReturn:
    await perform(request)
    raise HandledError


async def accept(request: web.Request) -> web.WebSocketResponse:
    """Accept, and change the session after that."""
    result = await perform(request)
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    await websocket.send_json(result)
    await websocket.send_str(call_of(request).perform_late(sessions_of(request)))
    await websocket.close()
    return websocket


async def deny(request: web.Request) -> web.Response:
    return web.json_response(await perform(request), status=403)


ROUTES = [
    web.get("/", answer),
    web.get("/async", answer),
    web.get("/own", answer_with_own_headers),
    web.get("/stream", stream),
    web.get("/file", send_file),
    web.get("/redirect", redirect),
    web.get("/error", not_found),
    web.get("/crash", crash),
    web.get("/handled", fail),
    web.get("/ws", accept),
    web.get("/ws-deny", deny),
]

DOORS = [
    Door("aiohttp", make_app, run, make_explicit_app, serve),
    Door("aiohttp wrapped", make_app_of_wrapped_handlers, run, make_explicit_app, serve),
    Door("aiohttp_session", make_app_of_aiohttp_session, run, make_explicit_app, serve),
]
