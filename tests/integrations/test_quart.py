"""Quart: its settings, error handlers and bodies, `permanent`, WebSockets, its test client."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from quart import (
    Quart,
    Response,
    flash,
    get_flashed_messages,
    make_response,
    session,
    stream_with_context,
    websocket,
)
from quart.globals import websocket_ctx
from quart.testing import WebsocketResponseError
from quart.wrappers.response import IterableBody
from werkzeug.exceptions import InternalServerError

from iron_session import (
    CookieTooLargeError,
    HeadersAlreadySentError,
    IronSessionError,
    Session,
    SessionOptions,
)
from iron_session.integrations.quart import IronSessionInterface, get_iron_session, get_session
from tests.contract import asgi_driver
from tests.contract.door import Answer, Handshake, Visit
from tests.contract.logs import lost_changes
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    NAME,
    make_options,
    saved,
    session_of,
)

OPTIONS = make_options()
ADMIN = make_options(cookie_name="admin")
TOO_LARGE = "x" * 8000
MONTH = 31 * 24 * 3600
"""Quart's default for PERMANENT_SESSION_LIFETIME, in seconds."""

View = Callable[[], Any]


class CrashError(Exception):
    """What a view raises that goes wrong."""


def make_app(view: View, options: SessionOptions = OPTIONS, **settings: Any) -> Quart:
    """Make an app of one view on /, and one that shows the session."""
    app = Quart(__name__)
    app.config.update(settings)
    app.session_interface = IronSessionInterface(options)
    app.add_url_rule("/", "index", view)
    app.add_url_rule("/session", view_func=show)
    return app


async def show() -> dict[str, Any]:
    """Answer what is in the session."""
    return dict(session)


async def fill() -> str:
    """Put more into the session than a cookie takes."""
    session["large"] = TOO_LARGE
    return "done"


async def log_in() -> str:
    """Write a little."""
    session["user"] = 1
    return "hello"


async def crash() -> str:
    """Write, and fail."""
    session["user"] = 2
    raise CrashError


def visit(app: Any, *cookies: str, path: str = "/") -> Answer:
    """Send a request with these Cookie headers."""
    headers = [("Cookie", cookie) for cookie in cookies]
    return asyncio.run(asgi_driver.request(app, Visit(target=path, headers=headers)))


def connect(app: Any, *cookies: str) -> Handshake:
    """Open the WebSocket on /ws."""
    headers = [("Cookie", cookie) for cookie in cookies]
    return asyncio.run(asgi_driver.connect(app, Visit(target="/ws", headers=headers)))


# --- quart.session ---------------------------------------------------------------------------


def test_get_session_gives_quart_s_own_session() -> None:
    async def view() -> list[bool]:
        found = get_session()
        return [found is session._get_current_object(), isinstance(found, Session)]  # type: ignore[attr-defined]  # Werkzeug types the proxy as what it stands for

    assert visit(make_app(view)).json == [True, True]


def test_it_tells_what_extensions_ask_of_a_session() -> None:
    async def view() -> list[Any]:
        before = [session.new, session.modified, session.permanent]
        session["a"] = 1
        return [*before, session.modified, session.accessed]

    assert visit(make_app(view)).json == [True, False, False, True, True]
    assert visit(make_app(view), saved({"a": 1})).json == [False, False, False, False, True]


@pytest.mark.parametrize("first", [True, False])
def test_all_cookie_headers_are_looked_at(first: bool) -> None:
    """HTTP/2 splits them."""
    headers = [saved({"a": 1}), "theme=dark"]
    answer = visit(make_app(show), *(headers if first else headers[::-1]))
    assert answer.json == {"a": 1}


def test_flashed_messages_come_with_the_next_page() -> None:
    async def say() -> str:
        await flash("Saved", "success")
        return ""

    app = make_app(say)
    app.add_url_rule("/next", "next", lambda: get_flashed_messages(with_categories=True))
    first = visit(app).cookies[NAME]
    answer = visit(app, f"{NAME}={first.value}", path="/next")
    assert answer.json == [["success", "Saved"]]
    assert answer.cookies[NAME].max_age == 0


def test_a_session_that_is_returned_is_an_error_that_names_the_mend(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Quart asks nobody: it knows what it can answer by the type alone."""

    async def view() -> Any:
        return session

    visit(make_app(view))
    (error,) = [one.exc_info[1] for one in caplog.records if one.exc_info]
    assert isinstance(error, TypeError)
    assert error.__notes__ == ["If this is the session: write dict(session)"]


# --- errors ----------------------------------------------------------------------------------


def test_an_unhandled_exception_commits_nothing_though_quart_answers_it() -> None:
    async def sorry(error: Exception) -> tuple[str, int]:
        return "sorry", 500

    app = make_app(crash)
    app.register_error_handler(InternalServerError, sorry)
    answer = visit(app, saved({"user": 1}))
    assert (answer.status, answer.body) == (500, b"sorry")
    assert (answer.cookies, answer.vary) == ({}, "Cookie")


def too_large_app(view: View, answer: Callable[[IronSessionError], Any]) -> Quart:
    """Make an app with a handler for what a session raises."""
    app = make_app(view)
    app.register_error_handler(IronSessionError, answer)
    return app


def test_the_handler_may_change_the_session_and_its_answer_is_processed() -> None:
    async def answer(error: IronSessionError) -> tuple[str, int]:
        session.clear()
        session["error"] = "too large"
        return "", 413

    async def add(response: Response) -> Response:
        response.headers["X-Processed"] = str(response.status_code)
        return response

    app = too_large_app(fill, answer)
    app.after_request(add)
    sent = visit(app, saved({"user": 1}))
    assert sent.all("x-processed") == ["413"]
    cookie = f"{NAME}={sent.cookies[NAME].value}"
    assert visit(app, cookie, path="/session").json == {"error": "too large"}


# --- bodies ----------------------------------------------------------------------------------


def test_a_body_of_a_plain_generator_is_watched_too(caplog: pytest.LogCaptureFixture) -> None:
    def view() -> Response:
        ours = get_session()
        ours.get("user")

        def parts() -> Iterator[bytes]:
            yield b"first"
            ours["late"] = True

        return Response(parts())

    assert visit(make_app(view)).body == b"first"
    assert len(lost_changes(caplog)) == 1


def test_a_body_without_an_end_of_its_own_is_watched_too(caplog: pytest.LogCaptureFixture) -> None:
    class Parts:
        def __init__(self) -> None:
            self.session = get_session()
            self.session.get("user")
            self.left = ["one", "two"]

        def __aiter__(self) -> AsyncIterator[str]:
            return self

        async def __anext__(self) -> str:
            if not self.left:
                raise StopAsyncIteration
            self.session["late"] = True
            return self.left.pop(0)

    async def view() -> Response:
        body = IterableBody([])
        body.iter = Parts()
        return Response(body)

    assert visit(make_app(view)).body == b"onetwo"
    assert len(lost_changes(caplog)) == 1


def test_a_body_that_breaks_is_closed_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[bool] = []

    async def view() -> Response:
        session.get("user")

        @stream_with_context
        async def parts() -> AsyncIterator[bytes]:
            try:
                session["late"] = True
                yield b"first"
                raise CrashError
            finally:
                closed.append(True)

        return Response(parts())

    assert isinstance(visit(make_app(view)).failure, CrashError)
    assert closed == [True]
    assert len(lost_changes(caplog)) == 1


def test_a_body_that_is_left_is_closed_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    """The visitor went away; what the body does at its end is late too."""

    async def view() -> Response:
        ours = get_session()
        ours.get("user")

        async def parts() -> AsyncIterator[bytes]:
            try:
                yield b"first"
                await asyncio.Event().wait()
            finally:
                ours["late"] = True

        return Response(parts())

    async def leave_after_the_first_part() -> None:
        gone = asyncio.Event()
        incoming = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            if incoming:
                return incoming.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message.get("body") == b"first":
                gone.set()
                await asyncio.Event().wait()  # a server that waits for a slow visitor

        scope = asgi_driver.http(Visit(target="/", headers=[])).scope
        await make_app(view)(scope, receive, send)  # type: ignore[arg-type]  # a scope of the tests

    asyncio.run(leave_after_the_first_part())
    assert len(lost_changes(caplog)) == 1


# --- background tasks -------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Any], object]] = {
    "a key": lambda session: session.update(late=True),
    "a nested value": lambda session: session["cart"].append("tea"),
    "a logout": lambda session: session.clear(),
}


async def parts() -> AsyncIterator[bytes]:
    """Be a body that comes in parts."""
    yield b"done"


@pytest.mark.parametrize("touched", [True, False])
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_what_a_background_task_changes_after_the_request_is_reported(
    caplog: pytest.LogCaptureFixture, change: str, streamed: bool, touched: bool
) -> None:
    async def visit_and_wait() -> Answer:
        ended = asyncio.Event()

        async def work() -> None:
            await ended.wait()
            CHANGES[change](session)

        async def view() -> Any:
            if touched:
                session["count"] = 1
            app.add_background_task(work)
            return Response(parts()) if streamed else "done"

        app = make_app(view)
        headers = [("Cookie", saved({"cart": []}))]
        answer = await asgi_driver.request(app, Visit(target="/", headers=headers))
        assert lost_changes(caplog) == []
        ended.set()
        await asyncio.gather(*app.background_tasks)
        return answer

    answer = asyncio.run(visit_and_wait())
    assert list(answer.cookies) == ([NAME] if touched else [])
    gc.collect()
    (message,) = lost_changes(caplog)
    assert "after the request had ended" in message


def test_a_background_task_may_read_the_session(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []

    async def visit_and_wait() -> None:
        ended = asyncio.Event()

        async def work() -> None:
            await ended.wait()
            seen.append(dict(session))

        async def view() -> str:
            app.add_background_task(work)
            return "done"

        app = make_app(view)
        headers = [("Cookie", saved({"user": 1}))]
        await asgi_driver.request(app, Visit(target="/", headers=headers))
        ended.set()
        await asyncio.gather(*app.background_tasks)

    asyncio.run(visit_and_wait())
    gc.collect()
    assert (seen, lost_changes(caplog)) == ([{"user": 1}], [])


# --- WebSockets ------------------------------------------------------------------------------


def websocket_app(handler: View, **others: SessionOptions) -> Quart:
    """Make an app of one WebSocket."""
    app = make_app(log_in)
    app.session_interface = IronSessionInterface(OPTIONS, **others)
    app.add_websocket("/ws", view_func=handler)
    return app


@pytest.mark.parametrize("use", ["send", "receive"])
def test_quart_s_own_accept_at_first_use_carries_the_cookie(use: str) -> None:
    """A handler need not accept by itself."""

    async def handler() -> None:
        session["user"] = 1
        if use == "send":
            await websocket.send("hello")
            await websocket.send("again")
        else:
            await websocket.receive()

    connection = asgi_driver.websocket(Visit(target="/ws", headers=[]))
    connection.incoming.append({"type": "websocket.receive", "text": "hello"})
    asyncio.run(connection.run(websocket_app(handler)))
    accept, *rest = connection.sent
    assert accept["type"] == "websocket.accept"
    assert [name for name, _ in accept["headers"]].count(b"set-cookie") == 1
    assert [one.get("text") for one in rest[:-1]] == (["hello", "again"] if use == "send" else [])


def test_an_accept_with_headers_and_subprotocol_keeps_them() -> None:
    async def handler() -> None:
        session["user"] = 1
        await websocket.accept(headers={"X-Own": "1", "Vary": "Origin"}, subprotocol="chat")
        await websocket.accept()

    handshake = connect(websocket_app(handler))
    assert handshake.all("x-own") == ["1"]
    assert handshake.vary == "Origin, Cookie"
    assert list(handshake.cookies) == [NAME]


def test_nothing_of_a_websocket_waits_for_the_garbage_collector() -> None:
    """The session, and with it what the visitor has in it, goes with the connection."""
    sessions: list[weakref.ref[Session]] = []

    async def handler() -> None:
        session["user"] = 1
        sessions.append(weakref.ref(get_session()))
        await websocket.send("hello")

    async def connect_twice() -> None:
        app = websocket_app(handler)
        visit = Visit(target="/ws", headers=[])
        await asgi_driver.connect(app, visit)  # Quart makes some things at its first request
        gc.collect()
        gc.disable()
        try:
            await asgi_driver.connect(app, visit)
            await asyncio.sleep(0)  # the loop lets go of what it has done
            assert sessions[1]() is None
        finally:
            gc.enable()

    asyncio.run(connect_twice())


def test_accepts_that_were_begun_at_the_same_time_are_one_handshake() -> None:
    """As Quart does it at the first use, in tasks that send side by side."""

    async def handler() -> None:
        session["user"] = 1
        first, second = websocket.accept(), websocket.accept()
        await first
        session["late"] = True
        await second
        await websocket.send("accepted")

    handshake = connect(websocket_app(handler))
    assert handshake.texts == ["accepted"]
    assert list(handshake.cookies) == [NAME]


def test_a_permanent_session_slides_with_the_handshake(clock: Clock) -> None:
    """If it was looked at before."""

    async def handler() -> None:
        if websocket.args:
            session.get("user")
        await websocket.accept()

    app, cookie = websocket_app(handler), saved({"_permanent": True, "user": 1})
    assert connect(app, cookie).cookies == {}
    headers = [("Cookie", cookie)]
    looked = asyncio.run(asgi_driver.connect(app, Visit(target="/ws?look", headers=headers)))
    assert looked.cookies[NAME].max_age == MONTH - 60


def test_two_sessions_go_out_with_the_handshake() -> None:
    async def handler() -> None:
        session["user"] = get_session(key="admin")["user"] = 1
        await websocket.accept()

    assert set(connect(websocket_app(handler, admin=ADMIN)).cookies) == {NAME, "admin"}


def test_a_session_that_does_not_fit_is_raised_at_the_accept() -> None:
    """Where the handler can do something about it, and accept after all."""

    async def handler() -> None:
        session["large"] = TOO_LARGE
        with pytest.raises(CookieTooLargeError):
            await websocket.accept()
        session["large"] = "less"
        await websocket.accept()

    handshake = connect(websocket_app(handler))
    assert handshake.accepted
    assert list(handshake.cookies) == [NAME]


def test_a_session_that_does_not_fit_is_answered_by_the_application_s_handler() -> None:
    async def handler() -> None:
        await fill()
        await websocket.accept()

    async def answer(error: IronSessionError) -> tuple[str, int]:
        return type(error).__name__, 413

    app = websocket_app(handler)
    app.register_error_handler(IronSessionError, answer)
    handshake = connect(app)
    assert (handshake.accepted, handshake.status) == (False, 413)
    assert (handshake.body, handshake.cookies) == (b"CookieTooLargeError", {})


def test_a_denial_whose_session_does_not_fit_is_answered_by_that_handler_too() -> None:
    async def handler() -> tuple[str, int]:
        return await fill(), 403

    async def answer(error: IronSessionError) -> tuple[str, int]:
        return type(error).__name__, 413

    app = websocket_app(handler)
    app.register_error_handler(IronSessionError, answer)
    handshake = connect(app)
    assert (handshake.status, handshake.body) == (413, b"CookieTooLargeError")


def test_a_crash_before_the_accept_commits_nothing(caplog: pytest.LogCaptureFixture) -> None:
    handshake = connect(websocket_app(crash))
    assert (handshake.accepted, handshake.status, handshake.cookies) == (False, 500, {})
    assert lost_changes(caplog) == []


def test_what_is_returned_after_the_accept_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Quart sends it nowhere; a late change is reported as ever."""

    async def handler() -> str:
        await websocket.accept()
        session["late"] = True
        return "ignored"

    assert connect(websocket_app(handler)).accepted
    assert len(lost_changes(caplog)) == 1


def test_a_visitor_who_leaves_ends_the_handler_and_a_late_change_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler() -> None:
        await websocket.accept()
        session["late"] = True
        await websocket.send("hello")
        await asyncio.Event().wait()

    async def leave() -> None:
        async with websocket_app(handler).test_client().websocket("/ws") as connection:
            assert await connection.receive() == "hello"

    asyncio.run(leave())
    assert len(lost_changes(caplog)) == 1


def test_a_visitor_who_leaves_before_the_accept_is_no_news(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """There is nobody whom the change could reach."""

    async def handler() -> None:
        session["user"] = 1
        await asyncio.Event().wait()

    connection = asgi_driver.websocket(Visit(target="/ws", headers=[]))
    connection.incoming.append({"type": "websocket.disconnect", "code": 1001})
    asyncio.run(connection.run(websocket_app(handler)))
    assert connection.sent == []
    assert lost_changes(caplog) == []


def connect_where_no_refusal_is_taken(handler: View) -> list[str]:
    """Open a WebSocket on a server that answers by itself, and give what the app sent."""
    connection = asgi_driver.websocket(Visit(target="/ws", headers=[]))
    connection.scope["extensions"] = None
    asyncio.run(connection.run(websocket_app(handler)))
    return [message["type"] for message in connection.sent]


def test_a_server_that_takes_no_refusal_gets_none_and_the_change_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler() -> tuple[str, int]:
        return await log_in(), 403

    assert connect_where_no_refusal_is_taken(handler) == ["websocket.close"]
    (message,) = lost_changes(caplog)
    assert "the WebSocket was refused" in message


def test_nothing_is_reported_of_a_websocket_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    """Its change was not meant to arrive."""

    async def handler() -> None:
        session["user"] = 1
        get_session().save()
        raise CrashError

    assert connect_where_no_refusal_is_taken(handler) == ["websocket.close"]
    assert lost_changes(caplog) == []


# --- tests of applications -------------------------------------------------------------------


def test_a_websocket_beside_a_context_that_the_client_preserves_writes_its_own_session() -> None:
    """Though `quart.session` is that of the preserved one there."""

    async def handler() -> tuple[str, int]:
        websocket.iron["by"] = "the WebSocket"  # type: ignore[attr-defined]  # the test's own attribute
        return "no", 403

    app = websocket_app(handler)

    @app.before_websocket
    async def keep_the_session() -> None:
        websocket.iron = websocket_ctx.session  # type: ignore[attr-defined]  # the test's own attribute

    async def test(client: Any) -> None:
        async with client:
            await client.get("/")
            with pytest.raises(WebsocketResponseError) as caught:
                async with client.websocket("/ws") as connection:
                    await connection.receive()
        (value,) = caught.value.response.headers.getlist("Set-Cookie")
        assert dict(session_of(value.partition(";")[0])) == {"user": 1, "by": "the WebSocket"}

    asyncio.run(test(app.test_client()))


# --- by hand ---------------------------------------------------------------------------------


def test_by_hand_in_a_websocket() -> None:
    """To the response that refuses it."""

    async def handler() -> Any:
        response = await make_response("no", 403)
        by_hand = get_iron_session(websocket, response, ADMIN)
        by_hand["seen"] = dict(by_hand)
        by_hand.save()
        return response

    assert list(connect(websocket_app(handler)).cookies) == ["admin"]


def test_by_hand_saving_after_the_handshake_raises() -> None:
    async def handler() -> None:
        await websocket.accept()
        session["late"] = True
        with pytest.raises(HeadersAlreadySentError):
            get_session().save()

    assert connect(websocket_app(handler)).failure is None
