"""`with_iron_session` around one ASGI application."""

import inspect
from typing import Any

import pytest
from starlette.testclient import TestClient

from iron_session import ConfigurationError, seal_data
from iron_session.integrations.asgi import (
    ASGIApp,
    IronSessionMiddleware,
    Receive,
    Scope,
    Send,
    get_session,
    with_iron_session,
)
from tests.helpers import frames
from tests.sessions.browser import NAME, OLD, PASSWORD, ReceivedCookie, make_options

OPTIONS = make_options()
ADMIN = make_options(cookie_name="admin", password=OLD)


def browser(app: ASGIApp) -> TestClient:
    """Make a client that speaks HTTPS, so that it sends Secure cookies."""
    return TestClient(app, base_url="https://testserver")


async def respond(send: Send, text: str, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})


async def count(scope: Scope, receive: Receive, send: Send) -> None:
    """Count the visits."""
    session = get_session(scope)
    session["visits"] = session.get("visits", 0) + 1
    await respond(send, str(session["visits"]))


def test_a_decorated_application_has_a_session() -> None:
    client = browser(with_iron_session(OPTIONS)(count))
    assert [client.get("/").text for _ in range(3)] == ["1", "2", "3"]


def test_it_keeps_its_name_and_stays_a_coroutine_function() -> None:
    wrapped: Any = with_iron_session(OPTIONS)(count)
    assert (wrapped.__name__, wrapped.__doc__) == ("count", "Count the visits.")
    assert inspect.iscoroutinefunction(wrapped)
    assert inspect.signature(wrapped) == inspect.signature(count)


def test_it_is_not_taken_for_a_factory() -> None:
    """uvicorn calls an application without arguments, to see whether it is one."""
    wrapped: Any = with_iron_session(OPTIONS)(count)
    with pytest.raises(TypeError):
        wrapped()


def test_a_method_can_be_decorated() -> None:
    class Counter:
        step = 2

        @with_iron_session(OPTIONS)
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            session = get_session(scope)
            session["visits"] = session.get("visits", 0) + self.step
            await respond(send, str(session["visits"]))

    client = browser(Counter())
    assert [client.get("/").text for _ in range(3)] == ["2", "4", "6"]


@pytest.mark.parametrize("options", [None, {"password": PASSWORD}, "myapp"])
def test_options_are_checked_when_the_decorator_is_made(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="options must be a SessionOptions") as caught:
        with_iron_session(options)
    assert PASSWORD not in str(caught.value)
    ours = [one.frame.f_locals for one in caught.traceback if "iron_session" in str(one.path)]
    assert PASSWORD not in repr(ours[1:])


@pytest.mark.parametrize("key", ["session", "other"])
@pytest.mark.parametrize("cookie_name", [NAME, "other"])
def test_a_cookie_or_a_key_that_the_middleware_serves_is_refused(
    key: str, cookie_name: str
) -> None:
    app = with_iron_session(make_options(cookie_name=cookie_name, password=OLD), key=key)(count)
    client = browser(IronSessionMiddleware(app, OPTIONS))
    if (key, cookie_name) == ("other", "other"):
        assert client.get("/").text == "1"
    else:
        with pytest.raises(ConfigurationError, match="installed twice"):
            client.get("/")


def test_two_decorators_give_two_sessions() -> None:
    @with_iron_session(ADMIN, key="admin")
    @with_iron_session(OPTIONS)
    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        get_session(scope)["a"] = 1
        get_session(scope, key="admin")["b"] = 2
        await respond(send, "done")

    answer = browser(both).get("/")
    cookies = {ReceivedCookie.parse(one).name for one in answer.headers.get_list("set-cookie")}
    assert cookies == {NAME, "admin"}


def test_nothing_of_it_stays_in_the_scope() -> None:
    """So a second application can have the request after it, with the same session."""
    scopes: list[set[str]] = []

    @with_iron_session(OPTIONS)
    async def first(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(set(scope))

    second = with_iron_session(OPTIONS)(count)

    async def cascade(scope: Scope, receive: Receive, send: Send) -> None:
        await first(scope, receive, send)
        assert "session" not in scope
        await second(scope, receive, send)

    assert browser(cascade).get("/").text == "1"
    assert "session" in scopes[0]


def test_what_the_application_has_put_in_its_place_stays() -> None:
    @with_iron_session(OPTIONS)
    async def replace(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, "done")
        scope["session"] = "mine"

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        await replace(scope, receive, send)
        assert scope["session"] == "mine"

    assert browser(outer).get("/").text == "done"


def test_other_kinds_of_connection_pass_through() -> None:
    seen: list[str] = []

    @with_iron_session(OPTIONS)
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])
        assert "session" not in scope
        for answer in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{answer}.complete"})

    with browser(application):
        pass
    assert seen == ["lifespan"]


def test_an_error_shows_no_cookie() -> None:
    """Not the request's, not one that was written."""
    app = with_iron_session(make_options(password=frames.PASSWORD))(count)
    client = browser(IronSessionMiddleware(app, make_options(password=frames.PASSWORD)))
    client.cookies.set(NAME, seal_data({"secret": frames.MARKER}, password=frames.PASSWORD))
    with pytest.raises(ConfigurationError) as caught:
        client.get("/")
    assert frames.leaks_of(caught.value) == []
