"""Litestar: its replaced sessions, its errors, its own session tools, the explicit form."""

import importlib.util
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest
from litestar import Litestar, Request, Response, Router, WebSocket, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.config.compression import CompressionConfig
from litestar.config.csrf import CSRFConfig
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.exceptions import (
    ImproperlyConfiguredException,
    NotAuthorizedException,
    ServiceUnavailableException,
    WebSocketDisconnect,
)
from litestar.handlers import BaseRouteHandler
from litestar.middleware.authentication import (
    AbstractAuthenticationMiddleware,
    AuthenticationResult,
)
from litestar.middleware.session import SessionMiddleware
from litestar.plugins.flash import FlashConfig, FlashPlugin, flash
from litestar.response import Redirect, Stream, Template
from litestar.security.session_auth import SessionAuth
from litestar.status_codes import HTTP_303_SEE_OTHER
from litestar.template.config import TemplateConfig
from litestar.testing import TestClient
from litestar.types import ControllerRouterHandler, Scope

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeadersAlreadySentError,
    IronSessionError,
    NotSerializableError,
    Session,
    SessionOptions,
)
from iron_session.integrations.litestar import IronSessionConfig, get_iron_session, get_session
from tests.contract.logs import lost_changes
from tests.sessions.browser import (
    NAME,
    OLD,
    TTL,
    ReceivedCookie,
    make_options,
    saved,
    session_of,
)

try:
    from litestar.plugins.jinja import JinjaTemplateEngine
except ImportError:  # before Litestar 2.22
    from litestar.contrib.jinja import JinjaTemplateEngine

OPTIONS = make_options()
CONFIG = IronSessionConfig(OPTIONS)
ADMIN = make_options(cookie_name="admin")
TOO_LARGE = "x" * 8000

AnyRequest = Request[Any, Any, Any]
AnySocket = WebSocket[Any, Any, Any]
AnyConnection = ASGIConnection[Any, Any, Any, Any]


def make_app(*handlers: ControllerRouterHandler, **settings: Any) -> Litestar:
    """Make an app of these handlers, with ours around them, and one that shows the session."""
    # Litestar's own logging takes away the handlers of the root logger, and so the test's.
    settings = {"middleware": [CONFIG.middleware], "logging_config": None, **settings}
    return Litestar([*handlers, show], **settings)


def browser(app: Litestar, cookie: str | None = None, **settings: Any) -> TestClient[Litestar]:
    """Make a client that speaks HTTPS, so that it sends Secure cookies."""
    client = TestClient(app, base_url="https://testserver.local", **settings)
    client.follow_redirects = False
    if cookie is not None:
        client.cookies.set(NAME, cookie.partition("=")[2], domain="testserver.local", path="/")
    return client


def sets_no_cookie(answer: Any) -> bool:
    return "set-cookie" not in answer.headers


@get("/session")
async def show(request: AnyRequest) -> dict[str, Any]:
    """Answer what is in the session."""
    return dict(request.session)


@get("/fill")
async def fill(request: AnyRequest) -> str:
    """Put more into the session than a cookie takes."""
    request.session["large"] = TOO_LARGE
    return "done"


def tell(request: AnyRequest, error: Exception) -> Response[str]:
    """Answer an error with its name."""
    return Response(type(error).__name__, status_code=413, media_type="text/plain")


# --- request.session -------------------------------------------------------------------------


def test_request_session_is_a_session() -> None:
    seen: list[object] = []

    @get("/")
    async def look(request: AnyRequest) -> None:
        seen.append(request.session)
        seen.append(get_session(request))

    browser(make_app(look)).get("/")
    assert isinstance(seen[0], Session)
    assert seen[0] is seen[1]


def test_the_middleware_is_one_of_litestar_s_session_middleware() -> None:
    """Which `FlashPlugin`, among others, looks for."""
    assert issubclass(CONFIG.middleware.middleware, SessionMiddleware)  # type: ignore[arg-type]  # it is a class


@dataclass
class AsDataclass:
    """A session's data."""

    user: int
    since: datetime


class AsStruct(msgspec.Struct):
    """A session's data."""

    user: int
    since: datetime


class AsModel(pydantic.BaseModel):
    """A session's data."""

    user: int
    since: datetime


SINCE = datetime(2024, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        {"user": 1, "since": "2024-02-29T00:00:00Z"},
        AsDataclass(1, SINCE),
        AsStruct(1, SINCE),
        AsModel(user=1, since=SINCE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_set_session_is_given_takes_the_place_of_the_data(value: Any) -> None:
    """A model as Litestar itself would store it."""

    @get("/")
    async def log_in(request: AnyRequest) -> None:
        request.set_session(value)

    client = browser(make_app(log_in), saved({"old": True}))
    assert client.get("/").headers["vary"] == "Cookie"
    assert client.get("/session").json() == {"user": 1, "since": "2024-02-29T00:00:00Z"}


def test_set_session_of_what_is_there_already_writes_nothing() -> None:
    @get("/")
    async def same(request: AnyRequest) -> None:
        request.set_session(dict(request.session))

    assert sets_no_cookie(browser(make_app(same), saved({"a": 1})).get("/"))


class AsArray(msgspec.Struct, array_like=True):
    """What Litestar writes as an array."""

    user: int


@pytest.mark.parametrize("bad", [{"when": SINCE}, {1: "one"}, AsArray(1), "text", None, [1]])
def test_what_set_session_can_t_take_is_answered_by_the_handler(bad: Any) -> None:
    """Which has the session as it was before, and the browser keeps its cookie."""
    seen: list[object] = []

    @get("/")
    async def log_in(request: AnyRequest) -> None:
        request.set_session(bad)

    def answer(request: AnyRequest, error: Exception) -> Response[str]:
        seen.append(dict(request.session))
        return tell(request, error)

    app = make_app(log_in, exception_handlers={NotSerializableError: answer})
    client = browser(app, saved({"a": 1}))
    answered = client.get("/")
    assert (answered.status_code, answered.text) == (413, "NotSerializableError")
    assert sets_no_cookie(answered)
    assert seen == [{"a": 1}]
    assert client.get("/session").json() == {"a": 1}


def test_what_litestar_can_t_write_either_is_its_own_error() -> None:
    @get("/")
    async def log_in(request: AnyRequest) -> None:
        request.set_session(object())  # type: ignore[arg-type]  # that is what is tested

    client = browser(make_app(log_in), saved({"a": 1}))
    answer = client.get("/")
    assert (answer.status_code, sets_no_cookie(answer)) == (500, True)
    assert client.get("/session").json() == {"a": 1}


def test_clear_session_expires_the_cookie() -> None:
    @get("/")
    async def log_out(request: AnyRequest) -> None:
        request.clear_session()

    client = browser(make_app(log_out), saved({"a": 1}))
    cookie = ReceivedCookie.parse(client.get("/").headers["set-cookie"])
    assert (cookie.name, cookie.value, cookie.max_age) == (NAME, "", 0)
    assert client.get("/session").json() == {}
    assert sets_no_cookie(client.get("/")), "there is nothing to expire any more"


@pytest.mark.parametrize("cookies", [f"{NAME}=junk", saved({"a": 1}, password={2: OLD})])
def test_clear_session_expires_a_cookie_that_can_t_be_read_here(cookies: str) -> None:
    """Another server may read it: the visitor would stay logged in there."""

    @get("/")
    async def log_out(request: AnyRequest) -> None:
        request.clear_session()

    client = browser(make_app(log_out), cookies)
    cookie = ReceivedCookie.parse(client.get("/").headers["set-cookie"])
    assert (cookie.name, cookie.value, cookie.max_age) == (NAME, "", 0)


def test_a_handler_may_return_the_session_if_litestar_is_told_how_to_write_it() -> None:
    @get("/")
    async def show(request: AnyRequest) -> Any:
        return request.session

    app = make_app(show, type_encoders={Session: dict})
    assert browser(app, saved({"a": 1})).get("/").json() == {"a": 1}


def test_what_is_set_after_clear_session_is_the_session() -> None:
    @get("/")
    async def begin_anew(request: AnyRequest) -> None:
        request.clear_session()
        request.set_session({"b": 2})

    client = browser(make_app(begin_anew), saved({"a": 1}))
    client.get("/")
    assert client.get("/session").json() == {"b": 2}


def replacing_late(late: Any) -> Litestar:
    """Make an app that sets or clears its session once the response is on its way."""

    @get("/")
    async def stream(request: AnyRequest) -> Stream:
        async def parts() -> AsyncIterator[str]:
            yield "started"
            request.clear_session() if late is None else request.set_session(late)

        return Stream(parts())

    return make_app(stream)


@pytest.mark.parametrize("late", [{"b": 2}, AsDataclass(1, SINCE), None])
def test_a_session_replaced_after_the_headers_went_is_logged_as_lost(
    late: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = browser(replacing_late(late), saved({"a": 1}))
    assert sets_no_cookie(client.get("/"))
    assert len(lost_changes(caplog)) == 1


def test_a_session_replaced_late_by_what_json_can_t_carry_is_an_error_for_the_server() -> None:
    with pytest.raises(Exception, match="after response started") as caught:
        browser(replacing_late({"when": SINCE})).get("/")
    assert isinstance(caught.value.__cause__, NotSerializableError)


def test_a_session_replaced_late_by_its_own_data_is_no_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    browser(replacing_late({"a": 1}), saved({"a": 1})).get("/")
    assert lost_changes(caplog) == []


def test_a_change_in_a_background_task_is_logged_as_lost(caplog: pytest.LogCaptureFixture) -> None:
    outcomes: list[str] = []

    @get("/")
    async def endpoint(request: AnyRequest) -> Response[str]:
        async def change() -> None:
            request.session["a"] = 1
            with pytest.raises(HeadersAlreadySentError):
                get_session(request).save()
            request.session["a"] = 2
            outcomes.append("done")

        return Response("", background=BackgroundTask(change))

    assert sets_no_cookie(browser(make_app(endpoint)).get("/"))
    assert outcomes == ["done"]
    assert lost_changes(caplog) == [], "the failed save has told the application"


# --- several sessions, and where there is none -----------------------------------------------


@get("/both")
async def both(request: AnyRequest) -> list[dict[str, Any]]:
    """Answer what is in either session."""
    return [dict(get_session(request, key=key)) for key in ("session", "admin")]


def test_a_second_session_lies_under_its_own_key() -> None:
    @get("/")
    async def log_in(request: AnyRequest) -> None:
        request.session["user"] = 1
        get_session(request, key="admin")["root"] = True

    second = IronSessionConfig(ADMIN, scope_key="admin")
    client = browser(make_app(log_in, both, middleware=[CONFIG.middleware, second.middleware]))
    cookies = [one.partition("=")[0] for one in client.get("/").headers.get_list("set-cookie")]
    assert sorted(cookies) == ["admin", NAME]
    assert client.get("/both").json() == [{"user": 1}, {"root": True}]


@pytest.mark.parametrize("scope_key", ["session", "admin"])
def test_get_session_says_what_to_add_where_there_is_no_session(scope_key: str) -> None:
    caught: list[str] = []

    @get("/")
    async def look(request: AnyRequest) -> None:
        with pytest.raises(ConfigurationError) as error:
            get_session(request, key=scope_key)
        caught.append(str(error.value))

    browser(make_app(look, middleware=[])).get("/")
    (message,) = caught
    assert repr(scope_key) in message
    assert "middleware=[IronSessionConfig(options).middleware]" in message


@get("/marked", opt={"skip_session": True})
async def marked(request: AnyRequest) -> bool:
    """Tell whether there is a session, in a route that says it needs none."""
    return "session" in request.scope


@get("/excluded/path")
async def excluded(request: AnyRequest) -> bool:
    """Tell whether there is a session."""
    return "session" in request.scope


def test_a_route_without_a_session_has_none() -> None:
    config = IronSessionConfig(OPTIONS, exclude="^/excluded")
    client = browser(make_app(marked, excluded, middleware=[config.middleware]))
    assert client.get("/marked").json() is False
    assert client.get("/excluded/path").json() is False
    assert client.get("/session").json() == {}


def test_the_key_that_excludes_a_route_can_be_chosen() -> None:
    config = IronSessionConfig(OPTIONS, exclude=["^/not/this"], exclude_opt_key="sessionless")
    client = browser(make_app(marked, excluded, middleware=[config.middleware]))
    assert client.get("/marked").json() is True
    assert client.get("/excluded/path").json() is True


def test_a_kind_of_connection_without_sessions_has_none() -> None:
    config = IronSessionConfig(OPTIONS, scopes={"websocket"})  # type: ignore[arg-type]  # an enum of text
    client = browser(make_app(excluded, middleware=[config.middleware]))
    assert client.get("/excluded/path").json() is False


def test_a_router_may_have_the_session_for_itself() -> None:
    router = Router("/shop", route_handlers=[excluded], middleware=[CONFIG.middleware])
    client = browser(Litestar([router, excluded], logging_config=None))
    assert client.get("/shop/excluded/path").json() is True
    assert client.get("/excluded/path").json() is False


@pytest.mark.parametrize("options", [None, {"password": "x"}, "text"])
def test_options_of_another_type_are_refused_at_once(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be a SessionOptions"):
        IronSessionConfig(options)


@pytest.mark.parametrize(
    "second",
    [
        IronSessionConfig(OPTIONS),
        IronSessionConfig(OPTIONS, scope_key="other"),
        IronSessionConfig(ADMIN),
    ],
    ids=["both", "cookie", "key"],
)
def test_a_second_middleware_for_the_same_cookie_or_key_is_refused(
    second: IronSessionConfig,
) -> None:
    told: list[Exception] = []

    async def note(error: Exception, scope: Scope) -> None:
        told.append(error)

    middleware = [CONFIG.middleware, second.middleware]
    answer = browser(make_app(middleware=middleware, after_exception=[note])).get("/session")
    assert answer.status_code == 500
    (error,) = told
    assert isinstance(error, ConfigurationError)
    assert "installed twice" in str(error)


def test_the_configuration_knows_the_cookie_s_name() -> None:
    """Which OpenAPI's description of the login shows."""
    auth = SessionAuth[Any, Any](CONFIG, retrieve_user_handler=find_user)
    schemes: Any = auth.openapi_components.security_schemes
    assert schemes["sessionCookie"].name == NAME


# --- errors ----------------------------------------------------------------------------------


class OwnError(Exception):
    """The application's own."""


def answer_with(status: int) -> Any:
    return lambda request, error: Response("", status_code=status)


@pytest.mark.parametrize(
    ("error", "handlers", "status", "commits"),
    [
        (ServiceUnavailableException, {}, 503, True),
        (OwnError, {OwnError: answer_with(409)}, 409, True),
        (OwnError, {Exception: answer_with(502)}, 502, True),
        (OwnError, {}, 500, False),
        (OwnError, {Exception: answer_with(500)}, 500, False),
        (ImproperlyConfiguredException, {}, 500, False),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_an_exception_commits_if_it_is_answered_as_one_that_was_expected(
    error: type[Exception], handlers: Any, status: int, commits: bool, debug: bool
) -> None:
    @get("/")
    async def fail(request: AnyRequest) -> None:
        request.session["a"] = 1
        raise error

    answer = browser(make_app(fail, exception_handlers=handlers, debug=debug)).get("/")
    assert answer.status_code == status
    assert sets_no_cookie(answer) is not commits


def test_a_500_that_is_no_exception_commits() -> None:
    @get("/")
    async def endpoint(request: AnyRequest) -> Response[str]:
        request.session["a"] = 1
        return Response("", status_code=500)

    assert not sets_no_cookie(browser(make_app(endpoint)).get("/"))


class Doorkeeper(AbstractAuthenticationMiddleware):
    """A middleware within ours that sends strangers away, and remembers where they were going."""

    async def authenticate_request(self, connection: AnyConnection) -> AuthenticationResult:
        if "user" not in connection.session:
            connection.session["next"] = connection.scope["path"]
            raise NotAuthorizedException
        return AuthenticationResult(user=connection.session["user"], auth=None)


def go_and_log_in(request: AnyRequest, error: Exception) -> Redirect:
    """Answer a stranger."""
    request.session["told"] = True
    return Redirect("/login", status_code=HTTP_303_SEE_OTHER)


def test_what_a_middleware_within_raises_commits() -> None:
    """And so does what the handler of that exception writes."""
    app = make_app(
        middleware=[CONFIG.middleware, Doorkeeper],
        exception_handlers={NotAuthorizedException: go_and_log_in},
    )
    client = browser(app)
    assert client.get("/session").status_code == 303
    opened = session_of(f"{NAME}={client.cookies[NAME]}")
    assert dict(opened) == {"next": "/session", "told": True}


def told_to(app: Litestar) -> list[Exception]:
    """Have an app's errors noted."""
    told: list[Exception] = []

    async def note(error: Exception, scope: Scope) -> None:
        told.append(error)

    app.after_exception.append(note)
    return told


def test_a_session_that_is_too_big_is_a_500_that_the_application_is_told_of() -> None:
    app = make_app(fill)
    told = told_to(app)
    client = browser(app, saved({"a": 1}))
    answer = client.get("/fill")
    assert (answer.status_code, sets_no_cookie(answer)) == (500, True)
    assert [type(error) for error in told] == [CookieTooLargeError]
    assert client.get("/session").json() == {"a": 1}


@pytest.mark.parametrize("kind", [CookieTooLargeError, IronSessionError, Exception, 500])
def test_a_session_that_is_too_big_is_answered_by_the_application_s_handler(kind: Any) -> None:
    answer = browser(make_app(fill, exception_handlers={kind: tell})).get("/fill")
    assert (answer.status_code, answer.text) == (413, "CookieTooLargeError")
    assert answer.headers["vary"] == "Cookie"
    assert sets_no_cookie(answer)


def test_the_handler_of_a_router_goes_before_the_application_s() -> None:
    router = Router("/in", route_handlers=[fill], exception_handlers={CookieTooLargeError: tell})
    handlers = {CookieTooLargeError: answer_with(507)}
    client = browser(make_app(router, fill, exception_handlers=handlers))
    assert client.get("/in/fill").status_code == 413
    assert client.get("/fill").status_code == 507


def test_a_handler_that_trims_the_session_gets_it_written() -> None:
    def trim(request: AnyRequest, error: Exception) -> Response[str]:
        del request.session["large"]
        request.session["trimmed"] = True
        return tell(request, error)

    client = browser(make_app(fill, exception_handlers={CookieTooLargeError: trim}))
    assert client.get("/fill").status_code == 413
    assert client.get("/session").json() == {"trimmed": True}


def test_a_second_session_that_is_too_big_is_answered_too() -> None:
    """Whichever of the two is the outer one."""

    @get("/")
    async def endpoint(request: AnyRequest) -> None:
        request.session["a"] = 1
        get_session(request, key="admin")["large"] = TOO_LARGE

    pair = [CONFIG.middleware, IronSessionConfig(ADMIN, scope_key="admin").middleware]
    for middleware in (pair, pair[::-1]):
        handlers = {IronSessionError: tell}
        client = browser(make_app(endpoint, middleware=middleware, exception_handlers=handlers))
        assert client.get("/").status_code == 413
        assert client.get("/session").json() == {"a": 1}


def test_a_session_that_is_too_big_for_a_handshake_closes_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @websocket("/ws")
    async def accept(socket: AnySocket) -> None:
        socket.session["large"] = TOO_LARGE
        await socket.accept()

    app = make_app(accept)
    told = told_to(app)
    with pytest.raises(WebSocketDisconnect), browser(app).websocket_connect("/ws"):
        pass
    assert [type(error) for error in told] == [CookieTooLargeError]
    assert lost_changes(caplog) == []


# --- other middleware ------------------------------------------------------------------------


def test_a_compressed_response_carries_the_cookie() -> None:
    @get("/")
    async def endpoint(request: AnyRequest) -> str:
        request.session["a"] = 1
        return "text " * 200

    app = make_app(endpoint, compression_config=CompressionConfig("gzip"))
    answer = browser(app).get("/", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert {one.strip() for one in answer.headers["vary"].split(",")} == {
        "Accept-Encoding",
        "Cookie",
    }
    assert not sets_no_cookie(answer)


def test_a_cached_response_has_nobody_s_cookie() -> None:
    """Litestar keeps the response as the handler made it; ours comes after."""

    @get("/", cache=True)
    async def endpoint(request: AnyRequest) -> str:
        request.session["a"] = 1
        return "text"

    client = browser(make_app(endpoint))
    assert [sets_no_cookie(client.get("/")) for _ in range(2)] == [False, True]


@post("/change")
async def change(request: AnyRequest) -> None:
    """Count."""
    request.session["count"] = request.session.get("count", 0) + 1


def test_litestar_s_csrf_protection_works_beside_it() -> None:
    csrf = CSRFConfig(secret="a-secret-of-the-csrf-protection", cookie_secure=True)
    client = browser(make_app(change, csrf_config=csrf), saved({"count": 1}))
    refused = client.post("/change")
    assert (refused.status_code, sets_no_cookie(refused)) == (403, True)
    client.get("/session")
    token = client.cookies["csrftoken"]
    assert client.post("/change", headers={"x-csrftoken": token}).status_code == 201
    assert client.get("/session").json() == {"count": 2}


# --- SessionAuth -----------------------------------------------------------------------------


async def find_user(session: dict[str, Any], connection: AnyConnection) -> str | None:
    """Give the user of a session."""
    return {1: "Jane Doe"}.get(session.get("user_id", 0))


@post("/login")
async def log_in(request: AnyRequest) -> None:
    request.set_session({"user_id": 1})


@post("/login-as-nobody")
async def log_in_as_nobody(request: AnyRequest) -> None:
    request.set_session({"user_id": 404})


@post("/logout")
async def log_out(request: AnyRequest) -> None:
    request.clear_session()


def only_with_a_user(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """Guard a route."""
    if not connection.user.startswith("Jane"):
        raise NotAuthorizedException


@get("/me", guards=[only_with_a_user])
async def me(request: AnyRequest) -> str:
    return str(request.user)


@websocket("/ws")
async def greet(socket: AnySocket) -> None:
    await socket.accept()
    await socket.send_text(socket.user)
    await socket.close()


@pytest.fixture
def guarded() -> TestClient[Litestar]:
    """Make the browser of a stranger on a site with a login."""
    auth = SessionAuth[Any, Any](
        session_backend_config=CONFIG,
        retrieve_user_handler=find_user,
        exclude=["^/login", "^/schema"],
    )
    handlers: list[ControllerRouterHandler] = [log_in, log_in_as_nobody, log_out, me, greet]
    return browser(Litestar(handlers, on_app_init=[auth.on_app_init], logging_config=None))


def test_session_auth_sends_a_stranger_away(guarded: TestClient[Litestar]) -> None:
    answer = guarded.get("/me")
    assert answer.status_code == 401
    assert answer.headers["vary"] == "Cookie"
    assert sets_no_cookie(answer)


def test_session_auth_knows_who_has_logged_in(guarded: TestClient[Litestar]) -> None:
    guarded.post("/login")
    assert dict(session_of(f"{NAME}={guarded.cookies[NAME]}")) == {"user_id": 1}
    answer = guarded.get("/me")
    assert (answer.status_code, answer.text) == (200, "Jane Doe")
    assert sets_no_cookie(answer)


def test_session_auth_forgets_who_has_logged_out(guarded: TestClient[Litestar]) -> None:
    guarded.post("/login")
    assert ReceivedCookie.parse(guarded.post("/logout").headers["set-cookie"]).max_age == 0
    assert list(guarded.cookies) == []
    assert guarded.get("/me").status_code == 401


def test_session_auth_ends_the_session_of_a_user_that_is_gone(
    guarded: TestClient[Litestar],
) -> None:
    guarded.post("/login-as-nobody")
    answer = guarded.get("/me")
    assert answer.status_code == 401
    assert ReceivedCookie.parse(answer.headers["set-cookie"]).max_age == 0
    assert list(guarded.cookies) == []


@pytest.mark.parametrize("cookie", ["garbage", "Fe26.2*1*a*b*c**d*e"])
def test_session_auth_takes_a_forged_cookie_for_a_stranger_s(
    guarded: TestClient[Litestar], cookie: str
) -> None:
    guarded.cookies.set(NAME, cookie)
    assert guarded.get("/me").status_code == 401


def test_session_auth_guards_websockets_too(
    guarded: TestClient[Litestar], caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger who is refused has lost nothing."""
    with pytest.raises(WebSocketDisconnect), guarded.websocket_connect("/ws"):
        pass
    assert lost_changes(caplog) == []
    guarded.post("/login")
    # To Litestar's test client no WebSocket is secure.
    cookie = {"cookie": f"{NAME}={guarded.cookies[NAME]}"}
    with guarded.websocket_connect("/ws", headers=cookie) as socket:
        assert socket.receive_text() == "Jane Doe"


def test_session_auth_beside_the_same_middleware_is_refused() -> None:
    auth = SessionAuth[Any, Any](CONFIG, retrieve_user_handler=find_user)
    app = make_app(on_app_init=[auth.on_app_init])
    told = told_to(app)
    assert browser(app, saved({"user_id": 1})).get("/session").status_code == 500
    assert [type(error) for error in told] == [ConfigurationError]


# --- FlashPlugin -----------------------------------------------------------------------------


@post("/save")
async def save_and_tell(request: AnyRequest) -> Redirect:
    flash(request, "Saved.", category="success")
    return Redirect("/page", status_code=HTTP_303_SEE_OTHER)


@get("/page")
async def page() -> Template:
    return Template("page.html")


def test_a_flashed_message_is_shown_once_after_the_redirect(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        "{% for one in get_flashes() %}{{ one.category }}: {{ one.message }}{% endfor %}"
    )
    templates = TemplateConfig(directory=tmp_path, engine=JinjaTemplateEngine)
    flashes = FlashPlugin(FlashConfig(templates))
    client = browser(make_app(save_and_tell, page, plugins=[flashes], template_config=templates))
    assert client.get("/page").text == ""
    assert client.post("/save").status_code == 303
    shown = client.get("/page")
    assert shown.text == "success: Saved."
    assert shown.headers["cache-control"] == "no-store"
    assert client.get("/page").text == ""


# --- Litestar's test client ------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 7000])
def test_litestar_s_test_client_reads_and_writes_the_session(size: int) -> None:
    config = IronSessionConfig(make_options(chunk=True))
    app = make_app(change, middleware=[config.middleware])
    with browser(app, session_config=config) as client:
        assert client.get_session_data() == {}
        client.set_session_data({"count": 5, "text": "x" * size})
        assert client.get("/session").json() == {"count": 5, "text": "x" * size}
        client.post("/change")
        assert client.get_session_data() == {"count": 6, "text": "x" * size}
        client.set_session_data({"small": True})
        assert client.get("/session").json() == {"small": True}


# --- by hand ---------------------------------------------------------------------------------


def by_hand(
    use: Any, options: SessionOptions = OPTIONS, response: Response[str] | None = None
) -> Litestar:
    """Make an app whose only route uses a session by hand."""

    @get("/")
    async def endpoint(request: AnyRequest) -> Response[str]:
        answer = response or Response("")
        use(get_iron_session(request, answer, options))
        return answer

    return Litestar([endpoint], logging_config=None)


def write(session: Session) -> None:
    session["a"] = 1
    session.save()


def test_by_hand_nothing_is_written_before_a_save() -> None:
    answer = browser(by_hand(lambda session: session.update(a=1))).get("/")
    assert sets_no_cookie(answer)
    assert answer.headers["vary"] == "Cookie"


def test_by_hand_a_session_that_is_left_alone_adds_no_header() -> None:
    answer = browser(by_hand(repr), saved({"a": 1})).get("/")
    assert "vary" not in answer.headers


def test_by_hand_the_cookie_goes_out_as_it_was_made() -> None:
    """Litestar's own `Cookie` has no Partitioned, and no Priority."""
    cookie = {"partitioned": True, "priority": "high", "same_site": "none", "path": "/sub"}
    answer = browser(by_hand(write, make_options(cookie_options=cookie))).get("/")
    text, _, attributes = answer.headers["set-cookie"].partition("; ")
    assert dict(session_of(text)) == {"a": 1}
    assert attributes == (
        f"Max-Age={TTL - 60}; Path=/sub; HttpOnly; Secure; Partitioned; Priority=High; "
        "SameSite=None"
    )


def test_by_hand_a_destroyed_session_expires_its_cookie() -> None:
    answer = browser(by_hand(Session.destroy), saved({"a": 1})).get("/")
    assert ReceivedCookie.parse(answer.headers["set-cookie"]).max_age == 0


def test_by_hand_the_application_s_other_cookies_are_kept() -> None:
    """And one of the session's name, wherever it was set, is replaced; a later save too."""

    def use(session: Session) -> None:
        write(session)
        session["b"] = 2
        session.save()

    response = Response("", cookies=[Cookie("theme", value="dark"), Cookie(NAME, value="x")])
    response.headers["set-cookie"] = "lang=de"
    received = browser(by_hand(use, response=response)).get("/").headers.get_list("set-cookie")
    assert [one.partition(";")[0] for one in received[:-1]] == ["lang=de", "theme=dark"]
    assert dict(session_of(received[-1].partition(";")[0])) == {"a": 1, "b": 2}


def test_by_hand_a_cookie_that_is_deleted_afterwards_does_not_take_ours_with_it() -> None:
    response = Response("")

    def use(session: Session) -> None:
        write(session)
        response.delete_cookie("theme")
        session["b"] = 2
        session.save()

    received = browser(by_hand(use, response=response)).get("/").headers.get_list("set-cookie")
    assert sorted(one.partition("=")[0] for one in received) == [NAME, "theme"]


def test_by_hand_our_cookie_is_replaced_by_its_own_deletion() -> None:
    response = Response("")

    def use(session: Session) -> None:
        write(session)
        response.delete_cookie(NAME)

    received = browser(by_hand(use, response=response)).get("/").headers.get_list("set-cookie")
    assert [ReceivedCookie.parse(one).max_age for one in received] == [0]


@pytest.mark.parametrize(
    ("headers", "vary", "caching"),
    [
        ({}, "Cookie", "no-store"),
        ({"VARY": "Accept"}, "Accept, Cookie", "no-store"),
        ({"Vary": "cookie", "cache-control": "private"}, "cookie", "private"),
    ],
)
def test_by_hand_the_application_s_headers_are_respected(
    headers: dict[str, str], vary: str, caching: str
) -> None:
    answer = browser(by_hand(write, response=Response("", headers=headers))).get("/")
    assert answer.headers.get_list("vary") == [vary]
    assert answer.headers.get_list("cache-control") == [caching]


def test_by_hand_a_redirect_carries_the_cookie() -> None:
    @get("/", status_code=HTTP_303_SEE_OTHER)
    async def endpoint(request: AnyRequest) -> Redirect:
        response = Redirect("/", status_code=HTTP_303_SEE_OTHER)
        write(get_iron_session(request, response, OPTIONS))
        return response

    answer = browser(Litestar([endpoint], logging_config=None)).get("/")
    assert (answer.status_code, sets_no_cookie(answer)) == (303, False)


BARE: Any = {"type": "http", "state": {}, "headers": []}  # no more is looked at


@pytest.mark.parametrize("options", [None, OPTIONS.passwords, "text"])
def test_by_hand_options_of_another_type_are_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be a SessionOptions"):
        get_iron_session(Request(BARE), Response(""), options)


@pytest.mark.parametrize("name", [NAME, f"{NAME}.1"])
def test_by_hand_a_cookie_that_the_middleware_serves_is_refused(name: str) -> None:
    caught: list[str] = []

    @get("/")
    async def endpoint(request: AnyRequest) -> Response[str]:
        response = Response("")
        with pytest.raises(ConfigurationError) as error:
            get_iron_session(request, response, make_options(cookie_name=name))
        caught.append(str(error.value))
        get_iron_session(request, response, ADMIN)["a"] = 1
        return response

    assert browser(make_app(endpoint)).get("/").status_code == 200
    assert "manages the cookie" in caught[0]


# --- a name of Litestar's own that has moved -------------------------------------------------


def test_a_private_name_that_has_moved_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as a Litestar that is missing: installing it again would not help."""
    monkeypatch.delattr("litestar._asgi.utils.wrap_in_exception_handler")
    spec = importlib.util.find_spec("iron_session.integrations.litestar")
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ImportError, match="wrap_in_exception_handler") as caught:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert "pip install" not in str(caught.value)
