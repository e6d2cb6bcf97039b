"""Ours and other sessions in one ASGI application: around, within, mounted, and left by mistake."""

import inspect
import logging
from typing import Any

import litestar
import pytest
from a2wsgi import WSGIMiddleware
from flask import Flask, session
from litestar import Litestar, get
from litestar.middleware.session.client_side import CookieBackendConfig
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from iron_session import ConfigurationError, Session
from iron_session.integrations.asgi import IronSessionMiddleware as Gateway
from iron_session.integrations.asgi import Receive, Scope, Send
from iron_session.integrations.flask import IronSessionInterface
from iron_session.integrations.starlette import IronSessionMiddleware, get_session
from tests.contract.logs import errors_in
from tests.sessions.browser import NAME, OLD, make_options, session_of

OURS = Middleware(IronSessionMiddleware, options=make_options())
INNER = Middleware(
    IronSessionMiddleware, options=make_options(cookie_name="inner", password={1: OLD})
)
THEIRS = Middleware(SessionMiddleware, secret_key="s" * 32, session_cookie="theirs")


class DictSessions:
    """Sessions as Starlette below 1.0 and others keep them: a plain dict in the scope.

    It writes them into a header, for the tests to see.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"] = {}

        async def write(message: Any) -> None:
            if message["type"] == "http.response.start":
                theirs = repr(dict(scope["session"])).encode()
                message = {**message, "headers": [*message["headers"], (b"x-theirs", theirs)]}
            await send(message)

        await self.app(scope, receive, write)


async def count(request: Request) -> Response:
    """Count visits in whichever session the request has."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JSONResponse({"visits": request.session["visits"]})


async def show(request: Request) -> Response:
    return JSONResponse(dict(request.session))


ROUTES = [Route("/count", count), Route("/show", show)]


def browser(app: Any) -> TestClient:
    return TestClient(app, base_url="https://testserver.example")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [record for record in caplog.records if record.name == "iron_session"]
    return [record.getMessage() for record in ours if record.levelno == logging.WARNING]


def ours_in(client: TestClient, name: str = NAME, **changes: Any) -> Session:
    """Open what the client has of a session."""
    seal = client.cookies[name]
    return session_of(f"{name}={seal}", cookie_name=name, **changes)


# --- mounted -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sessions", [Middleware(DictSessions), THEIRS], ids=["a dict", "theirs"])
def test_what_a_mounted_application_has_in_the_session_s_place_is_its_own(
    caplog: pytest.LogCaptureFixture, sessions: Middleware
) -> None:
    """It neither changes nor ends the session around it, and it is said once."""
    inner = Starlette(routes=ROUTES, middleware=[sessions])
    client = browser(Starlette(routes=[*ROUTES, Mount("/admin", inner)], middleware=[OURS]))
    client.get("/count")
    before = client.cookies[NAME]
    for _ in range(2):
        client.get("/admin/count")
    assert client.get("/admin/show").status_code == 200
    assert client.cookies[NAME] == before
    assert client.get("/show").json() == {"visits": 1}
    assert errors_in(caplog) == []
    (message,) = warnings(caplog)
    assert f"that of the cookie {NAME!r}" in message
    assert "Remove the other session middleware" in message


def test_a_mounted_litestar_with_its_own_cookie_sessions_keeps_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It replaces the session in its scope by one of its own, also when it ends that."""

    @get("/count")
    async def count_inside(request: litestar.Request[Any, Any, Any]) -> int:
        request.session["inner"] = request.session.get("inner", 0) + 1
        inner: int = request.session["inner"]
        return inner

    @get("/logout")
    async def log_out_inside(request: litestar.Request[Any, Any, Any]) -> None:
        request.clear_session()

    theirs = CookieBackendConfig(secret=b"s" * 32, key="theirs").middleware
    inner: Any = Litestar([count_inside, log_out_inside], middleware=[theirs], logging_config=None)
    client = browser(Starlette(routes=[*ROUTES, Mount("/admin", inner)], middleware=[OURS]))
    client.get("/count")
    before = client.cookies[NAME]
    assert [client.get("/admin/count").json() for _ in range(2)] == [1, 2]
    client.get("/admin/logout")
    assert client.cookies[NAME] == before
    assert client.get("/show").json() == {"visits": 1}
    assert client.get("/admin/count").json() == 1
    assert errors_in(caplog) == []


def flask_inside(*, ours: bool) -> TestClient:
    """Open FastAPI's kind of application with a Flask application in it, by a2wsgi.

    Both have the same session; the one around it changes it if `ours` says so.
    """
    flask_app = Flask("inner")
    flask_app.session_interface = IronSessionInterface(make_options())
    wsgi_app: Any = flask_app

    @flask_app.get("/login")
    def log_in() -> str:
        session["user"] = 1
        return ""

    @flask_app.get("/logout")
    def log_out() -> str:
        session.clear()
        return ""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if ours:
            scope["session"]["visits"] = scope["session"].get("visits", 0) + 1
        await inner(scope, receive, send)

    inner: Any = WSGIMiddleware(wsgi_app)
    routes = [*ROUTES, Mount("/legacy", around)]
    return browser(Starlette(routes=routes, middleware=[OURS]))


def test_a_flask_application_inside_may_log_in_and_out(caplog: pytest.LogCaptureFixture) -> None:
    """The session around it, which nobody changed, does not overrule the one inside."""
    client = flask_inside(ours=False)
    client.get("/count")
    client.get("/legacy/login")
    assert client.get("/show").json() == {"visits": 1, "user": 1}
    client.get("/legacy/logout")
    assert client.get("/show").json() == {}
    assert errors_in(caplog) == []


def test_a_logout_inside_that_the_session_around_overrules_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = flask_inside(ours=True)
    client.get("/legacy/login")
    client.get("/legacy/logout")
    assert client.get("/show").json() == {"visits": 2}
    first, second = errors_in(caplog)
    assert first == second
    assert f"sets the cookie {NAME!r} twice" in first


def test_a_mounted_application_that_asks_for_the_session_around_it_has_it() -> None:
    inner = Starlette(routes=ROUTES)
    client = browser(Starlette(routes=[*ROUTES, Mount("/admin", inner)], middleware=[OURS]))
    client.get("/count")
    assert client.get("/admin/count").json() == {"visits": 2}


@pytest.mark.parametrize(
    "inner",
    [
        Mount("/in", routes=ROUTES, middleware=[Middleware(DictSessions)]),
        Mount("/in", routes=ROUTES, middleware=[THEIRS]),
        Mount("/in", app=DictSessions(Starlette(routes=ROUTES))),
    ],
    ids=["a mount's middleware", "Starlette's", "around a mounted application"],
)
def test_sessions_of_a_mount_are_its_own_in_whatever_way_they_are_put_there(
    caplog: pytest.LogCaptureFixture, inner: Mount
) -> None:
    client = browser(Starlette(routes=[*ROUTES, inner], middleware=[OURS]))
    client.get("/count")
    before = client.cookies[NAME]
    client.get("/in/count")
    client.get("/in/show")
    assert client.cookies[NAME] == before
    assert errors_in(caplog) == []
    assert len(warnings(caplog)) == 1


def test_sessions_of_one_route_are_its_own() -> None:
    """Starlette's below 1.0, whose dict lies there; it is known by how the response is sent."""
    namespace = {"__name__": "starlette.middleware.sessions"}
    exec(inspect.getsource(DictSessions), {**globals(), **namespace}, namespace)  # noqa: S102 - as if that module had it
    route = Route("/in", count, middleware=[Middleware(namespace["DictSessions"])])  # type: ignore[arg-type]  # made of text
    client = browser(Starlette(routes=[*ROUTES, route], middleware=[OURS]))
    for _ in range(2):
        client.get("/count")
    before = client.cookies[NAME]
    assert client.get("/in").json() == {"visits": 1}
    assert client.cookies[NAME] == before
    assert client.get("/show").json() == {"visits": 2}


def test_none_in_the_session_s_place_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """It is no logout."""

    async def forget(request: Request) -> Response:
        request.scope["session"] = None
        return JSONResponse({})

    client = browser(Starlette(routes=[*ROUTES, Route("/forget", forget)], middleware=[OURS]))
    client.get("/count")
    client.get("/forget")
    assert client.get("/show").json() == {"visits": 1}
    (message,) = warnings(caplog)
    assert "builtins.NoneType" in message


def test_one_around_an_application_and_one_within_it_under_one_key_are_refused() -> None:
    client = browser(
        Gateway(
            Starlette(routes=ROUTES, middleware=[OURS]),
            make_options(cookie_name="outer", password={1: OLD}),
        )
    )
    with pytest.raises(ConfigurationError, match="installed twice"):
        client.get("/show")


def test_a_mounted_application_may_have_an_iron_session_of_its_own() -> None:
    """Under the same key, for another cookie: each has its own part of the site."""
    inner = Starlette(routes=ROUTES, middleware=[INNER])
    client = browser(Starlette(routes=[*ROUTES, Mount("/admin", inner)], middleware=[OURS]))
    assert client.get("/count").json() == {"visits": 1}
    assert client.get("/admin/count").json() == {"visits": 1}
    assert client.get("/admin/count").json() == {"visits": 2}
    assert client.get("/count").json() == {"visits": 2}
    assert ours_in(client) == {"visits": 2}
    assert ours_in(client, "inner", password={1: OLD}) == {"visits": 2}


def test_a_mounted_application_without_middleware_of_the_mount_is_told_apart_by_its_path() -> None:
    """The gateway around a plain application, which a router mounts."""

    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["inner"] = True
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    gateway = Gateway(plain, make_options(cookie_name="inner", password={1: OLD}))
    client = browser(Starlette(routes=[*ROUTES, Mount("/plain", gateway)], middleware=[OURS]))
    client.get("/count")
    assert client.get("/plain/").status_code == 200
    assert ours_in(client, "inner", password={1: OLD}) == {"inner": True}
    assert ours_in(client) == {"visits": 1}


def test_two_middlewares_of_one_application_under_one_key_are_still_refused() -> None:
    client = browser(Starlette(routes=ROUTES, middleware=[OURS, INNER]))
    with pytest.raises(ConfigurationError, match="installed twice"):
        client.get("/show")


def test_after_a_mounted_application_the_outer_one_has_its_session_again() -> None:
    """Middleware around the mount goes on with it, before and after the headers go."""
    seen: list[Any] = []

    class Around:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def look(message: Any) -> None:
                seen.append(scope["session"].options.cookie_name)
                await send(message)

            await self.app(scope, receive, look)
            seen.append(scope["session"].options.cookie_name)

    inner = Starlette(routes=ROUTES, middleware=[INNER])
    middleware = [OURS, Middleware(Around)]
    client = browser(Starlette(routes=[Mount("/admin", inner)], middleware=middleware))
    client.get("/admin/count")
    assert seen[0] == seen[-1] == NAME


# --- left by mistake -----------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["theirs within", "theirs around"])
def test_starlette_s_own_middleware_beside_ours_is_warned_of_once(
    caplog: pytest.LogCaptureFixture, order: str
) -> None:
    """Else there are two logins, and one of them can be read by whoever holds the cookie."""
    middleware = [OURS, THEIRS] if order == "theirs within" else [THEIRS, OURS]
    client = browser(Starlette(routes=ROUTES, middleware=middleware))
    for number in range(3):
        assert client.get("/count").json() == {"visits": number + 1}
    (message,) = warnings(caplog)
    assert "starlette.middleware.sessions" in message
    assert "Remove the other session middleware" in message


def test_a_session_around_ours_is_there_again_when_its_middleware_writes() -> None:
    async def both(request: Request) -> Response:
        request.session["ours"] = True
        return JSONResponse({})

    async def before(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["theirs"] = True
        await ours(scope, receive, send)

    ours = Starlette(routes=[Route("/", both)], middleware=[OURS])
    client = browser(SessionMiddleware(before, secret_key="s" * 32, session_cookie="theirs"))
    client.get("/")
    assert set(client.cookies) == {"theirs", NAME}
    assert ours_in(client) == {"ours": True}


def test_a_dict_of_starlette_s_own_middleware_is_not_taken_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Below 1.0 it keeps one: what its cookie holds would lie in ours too."""

    class Old(DictSessions):
        pass

    Old.__module__ = "starlette.middleware.sessions"
    client = browser(Starlette(routes=ROUTES, middleware=[OURS, Middleware(Old)]))
    client.get("/count")
    assert NAME not in client.cookies
    (message,) = warnings(caplog)
    assert "starlette.middleware.sessions" in message


# --- errors outside of all middleware ------------------------------------------------------------


@pytest.mark.parametrize("kind", [500, Exception])
def test_a_change_in_a_handler_of_all_exceptions_is_logged_as_lost(
    caplog: pytest.LogCaptureFixture, kind: Any
) -> None:
    """Starlette runs it outside of all middleware, when the session is over."""

    async def fail(request: Request) -> Response:
        raise RuntimeError

    async def answer(request: Request, error: Exception) -> Response:
        get_session(request)["failed"] = True
        return JSONResponse({}, status_code=500)

    app = Starlette(routes=[Route("/", fail)], middleware=[OURS], exception_handlers={kind: answer})
    client = TestClient(app, base_url="https://testserver", raise_server_exceptions=False)
    assert client.get("/").status_code == 500
    (message,) = errors_in(caplog)
    assert f"the change to session {NAME!r} is lost" in message


def test_a_dict_in_the_place_of_an_abandoned_session_is_left_there() -> None:
    async def give_up(request: Request) -> Response:
        get_session(request).abandon()
        request.scope["session"] = {"replaced": True}
        return JSONResponse({})

    client = browser(Starlette(routes=[*ROUTES, Route("/give-up", give_up)], middleware=[OURS]))
    client.get("/count")
    client.get("/give-up")
    assert client.get("/show").json() == {"visits": 1}
