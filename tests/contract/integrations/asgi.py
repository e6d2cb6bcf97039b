"""The common app without a framework, behind the ASGI gateway."""

import json
from collections.abc import Iterable, Sequence

from iron_session import SessionOptions
from iron_session.integrations.asgi import (
    ASGIApp,
    IronSessionMiddleware,
    Receive,
    Scope,
    Send,
    get_iron_session,
    get_session,
    with_iron_session,
)
from tests.contract.asgi_driver import run_in_process
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

Headers = Iterable[tuple[str, str]]


def make_app(options: Sequence[SessionOptions]) -> ASGIApp:
    """Wrap the app in one gateway for each session."""
    app: ASGIApp = answer_errors
    for key, one in zip(SCOPE_KEYS, options, strict=False):
        app = IronSessionMiddleware(app, one, key=key)
    return app


def make_wrapped_app(options: Sequence[SessionOptions]) -> ASGIApp:
    """Decorate the app, once for each session."""
    app: ASGIApp = answer_errors
    for key, one in zip(SCOPE_KEYS, options, strict=False):
        app = with_iron_session(one, key=key)(app)
    return app


def make_explicit_app(options: SessionOptions) -> ASGIApp:
    """Build the app of the explicit form, without the gateway."""

    async def explicit(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        session = get_iron_session(scope, headers, options)
        call = Call.parse(scope["query_string"].decode())
        result = json.dumps(await call.perform_async(lambda _: session))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": result.encode()})

    return explicit


async def answer_errors(scope: Scope, receive: Receive, send: Send) -> None:
    """Run the handler, and answer what it raises."""
    try:
        await handle(scope, receive, send)
    except tuple(ANSWERED) as error:
        await respond(send, type(error).__name__, status=TOO_LARGE)
    except HandledError:
        await respond(send, "handled", status=HANDLED)


async def handle(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in the manner that the path names."""
    call = Call.parse(scope["query_string"].decode())
    manner = scope["path"].strip("/")

    def session_of(position: int) -> object:
        return get_session(scope, key=SCOPE_KEYS[position])

    result = json.dumps(await call.perform_async(session_of))
    match manner:
        case "" | "async":
            await respond(send, result)
        case "own":
            await respond(send, result, headers=OWN_HEADERS)
        case "redirect":
            await respond(send, "", status=303, headers=[("location", "/")])
        case "error":
            await respond(send, "not found", status=404)
        case "crash":
            raise CrashError
        case "handled":
            raise HandledError
        case "stream":
            await stream(send, STREAM_START.encode(), call, session_of)
        case "file":
            await stream(send, FILE.read_bytes(), None, session_of)
        case "ws" | "ws-close" | "ws-deny":
            assert (await receive())["type"] == "websocket.connect"
            await answer_websocket(manner, send, result, call, session_of)


async def respond(send: Send, text: str, *, status: int = 200, headers: Headers = ()) -> None:
    """Send a whole response."""
    await start(send, status, headers)
    await send({"type": "http.response.body", "body": text.encode()})


async def start(
    send: Send, status: int, headers: Headers, kind: str = "http.response.start"
) -> None:
    """Send a response's beginning."""
    raw = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": kind, "status": status, "headers": raw})


async def stream(send: Send, first: bytes, call: Call | None, session_of: SessionOf) -> None:
    """Send a response in two parts, and change the session between them."""
    await start(send, 200, [])
    await send({"type": "http.response.body", "body": first, "more_body": True})
    second = "" if call is None else call.perform_late(session_of)
    await send({"type": "http.response.body", "body": second.encode()})


async def answer_websocket(
    manner: str, send: Send, result: str, call: Call, session_of: SessionOf
) -> None:
    """Accept, close or refuse the WebSocket."""
    if manner == "ws-deny":
        await start(send, 403, [], "websocket.http.response.start")
        await send({"type": "websocket.http.response.body", "body": result.encode()})
        return
    if manner == "ws":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": result})
        await send({"type": "websocket.send", "text": call.perform_late(session_of)})
    await send({"type": "websocket.close", "code": 1000})


DOORS = [
    Door("asgi", make_app, run_in_process, make_explicit_app),
    Door("asgi wrapped", make_wrapped_app, run_in_process),
]
