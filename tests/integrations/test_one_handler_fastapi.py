"""`with_iron_session` around one path operation of FastAPI."""

import functools
import gc
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    HTTPException,
    Request,
    Response,
    WebSocket,
)
from fastapi.exceptions import ResponseValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel

from iron_session import ConfigurationError, CookieTooLargeError, Session, seal_data
from iron_session.http.request import REGISTRY
from iron_session.integrations.fastapi import (
    IronSessionMiddleware,
    get_iron_session,
    get_session,
    with_iron_session,
)
from tests.contract.logs import errors_in, lost_changes
from tests.helpers import frames
from tests.helpers.waiting import wait_for
from tests.sessions.browser import NAME, OLD, ReceivedCookie, make_options, saved

if TYPE_CHECKING:
    from decimal import Decimal

OPTIONS = make_options()
ADMIN = make_options(cookie_name="admin", password=OLD)
OURS = with_iron_session(OPTIONS)
TOO_LARGE = "x" * 8000


class User(BaseModel):
    """What a handler takes, and answers by a response model."""

    name: str


class MishapError(Exception):
    """What these handlers raise."""


@pytest.fixture
def app() -> FastAPI:
    """Make an app whose only route yet shows the session."""
    app = FastAPI()

    @app.get("/session")
    @OURS
    def show(request: Request) -> dict[str, Any]:
        return dict(request.session)

    @app.exception_handler(MishapError)
    def answer(request: Request, error: MishapError) -> Response:
        return PlainTextResponse("mishap", status_code=409)

    return app


def browser(app: FastAPI, cookie: str | None = None, **options: Any) -> TestClient:
    """Make a client that speaks HTTPS, so that it sends Secure cookies."""
    client = TestClient(app, base_url="https://testserver", **options)
    if cookie is not None:
        client.cookies.set(NAME, cookie.partition("=")[2], domain="testserver.local", path="/")
    return client


def cookies_of(answer: Any) -> list[str]:
    """Give the names of the cookies that it sets."""
    return [ReceivedCookie.parse(one).name for one in answer.headers.get_list("set-cookie")]


# --- what is decorated -----------------------------------------------------------------------


def test_the_handler_s_parameters_are_injected_as_before(app: FastAPI) -> None:
    def home(
        request: Request, number: int, user: User, tasks: BackgroundTasks, response: Response
    ) -> User:
        """Rename the user."""
        request.session["number"] = number
        response.headers["x-own"] = "1"
        response.set_cookie("theme", "dark")
        tasks.add_task(lambda: None)
        return User(name=user.name.upper())

    app.post("/plain/{number}")(home)
    app.post("/{number}")(OURS(home))
    client = browser(app)
    answer = client.post("/5", json={"name": "ada"})
    assert answer.json() == {"name": "ADA"}
    assert answer.headers["x-own"] == "1"
    assert cookies_of(answer) == ["theme", NAME]
    assert client.post("/x", json={}).status_code == 422
    assert client.get("/session").json() == {"number": 5}
    described = [
        {**app.openapi()["paths"][path]["post"], "operationId": None}
        for path in ("/plain/{number}", "/{number}")
    ]
    assert described[0] == described[1]


def test_a_handler_keeps_its_name_and_its_kind() -> None:
    def sync() -> None:
        """Do nothing."""

    async def asynchronous() -> None:
        """Do nothing."""

    for handler in (sync, asynchronous):
        wrapped = OURS(handler)
        assert (wrapped.__name__, wrapped.__doc__) == (handler.__name__, "Do nothing.")
        assert inspect.iscoroutinefunction(wrapped) == inspect.iscoroutinefunction(handler)


def test_text_annotations_are_resolved(app: FastAPI) -> None:
    """Where the handler was written, whichever FastAPI it is."""

    @app.get("/text")
    @OURS
    async def home(request: "Request", number: "int") -> "User":
        request.session["number"] = number
        return User(name="x")

    client = browser(app)
    assert client.get("/text?number=5").json() == {"name": "x"}
    assert client.get("/session").json() == {"number": 5}


def test_what_only_type_checkers_know_is_left_as_it_is() -> None:
    def home(price: "Decimal") -> None:
        """Do nothing."""

    own, price = inspect.signature(OURS(home)).parameters.values()
    assert own.name == "iron_session"
    assert price.annotation == "Decimal"


def test_a_parameter_may_have_the_name_of_ours(app: FastAPI) -> None:
    @app.get("/named")
    @OURS
    def home(request: Request, iron_session: str) -> str:
        request.session["a"] = 1
        return iron_session

    assert browser(app).get("/named?iron_session=mine").json() == "mine"


def test_what_makes_routes_of_methods_finds_self_first() -> None:
    class Views:
        @OURS
        def home(self, request: Request) -> None:
            """Do nothing."""

    assert list(inspect.signature(Views.home).parameters) == ["self", "iron_session", "request"]


@pytest.mark.parametrize("asynchronous", [True, False])
def test_an_object_can_be_a_handler(app: FastAPI, asynchronous: bool) -> None:
    class Sync:
        def __call__(self, request: Request) -> str:
            request.session["a"] = 1
            return threading.current_thread().name

    class Async:
        async def __call__(self, request: Request) -> str:
            request.session["a"] = 1
            return threading.current_thread().name

    app.get("/object", name="object")(OURS(Async() if asynchronous else Sync()))
    client = browser(app)
    client.get("/object")
    assert client.get("/session").json() == {"a": 1}


def test_a_synchronous_handler_runs_in_a_thread(app: FastAPI) -> None:
    @app.get("/thread")
    @OURS
    def home(request: Request) -> str:
        return threading.current_thread().name

    assert "AnyIO worker" in browser(app).get("/thread").json()


def test_other_code_can_call_a_decorated_handler(app: FastAPI) -> None:
    """As one calls any function; it works on the session of whoever calls it."""

    @OURS
    def log_in(request: Request) -> str:
        request.session["a"] = 1
        return "done"

    @OURS
    async def log_in_async(request: Request) -> str:
        request.session["b"] = 2
        return "done"

    @app.get("/both")
    @OURS
    async def both(request: Request) -> list[str]:
        return [log_in(request), await log_in_async(request)]

    client = browser(app)
    assert client.get("/both").json() == ["done", "done"]
    assert client.get("/session").json() == {"a": 1, "b": 2}


def test_a_handler_that_yields_is_refused() -> None:
    def stream(request: Request) -> Iterator[int]:
        yield 1

    async def stream_async(request: Request) -> AsyncIterator[int]:
        yield 1

    class Stream:
        def __call__(self) -> Iterator[int]:
            yield 1

    for handler in (stream, stream_async, Stream()):
        with pytest.raises(ConfigurationError, match="yields, so its response starts before"):
            OURS(handler)


@pytest.mark.parametrize("options", [None, {}, "myapp"])
def test_options_are_checked_when_the_decorator_is_made(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="options must be a SessionOptions"):
        with_iron_session(options)


@pytest.mark.parametrize("key", ["session", "other"])
@pytest.mark.parametrize("cookie_name", [NAME, "other"])
def test_a_cookie_or_a_key_that_the_middleware_serves_is_refused(
    key: str, cookie_name: str
) -> None:
    app = FastAPI()
    app.add_middleware(IronSessionMiddleware, options=OPTIONS)

    @app.get("/")
    @with_iron_session(make_options(cookie_name=cookie_name, password=OLD), key=key)
    def home(request: Request) -> None:
        get_session(request, key=key)["a"] = 1

    if (key, cookie_name) == ("other", "other"):
        assert cookies_of(browser(app).get("/")) == ["other"]
    else:
        with pytest.raises(ConfigurationError, match="installed twice"):
            browser(app).get("/")


@pytest.mark.parametrize("status", [200, 404, 409])
@pytest.mark.parametrize("own", [True, False])
def test_two_decorators_give_two_sessions(app: FastAPI, status: int, own: bool) -> None:
    @app.get("/both")
    @with_iron_session(ADMIN, key="admin")
    @OURS
    async def both(request: Request) -> Any:
        request.session["a"] = 1
        get_session(request, key="admin")["b"] = 2
        if status == 404:
            raise HTTPException(404)
        if status == 409:
            raise MishapError
        return JSONResponse({}) if own else {}

    answer = browser(app).get("/both")
    assert answer.status_code == status
    assert sorted(cookies_of(answer)) == ["admin", NAME]
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("Cookie", "no-store")


def test_one_handler_can_have_several_routes() -> None:
    app, router = FastAPI(), APIRouter()

    @app.get("/a")
    @app.get("/b")
    @router.get("/c")
    @OURS
    def count(request: Request) -> int:
        request.session["visits"] = request.session.get("visits", 0) + 1
        visits: int = request.session["visits"]
        return visits

    app.include_router(router, prefix="/router")
    client = browser(app)
    assert [client.get(path).json() for path in ("/a", "/b", "/router/c")] == [1, 2, 3]


@pytest.mark.parametrize("own", [True, False])
def test_afterwards_the_request_has_no_session(app: FastAPI, own: bool) -> None:
    scopes: list[Any] = []

    @app.get("/look")
    @OURS
    async def home(request: Request) -> Any:
        scopes.append(request.scope)
        assert "session" in request.scope
        return JSONResponse({}) if own else {}

    browser(app).get("/look")
    assert "session" not in scopes[0]
    assert scopes[0][REGISTRY] == {}


# --- dependencies ----------------------------------------------------------------------------


def test_the_handler_s_dependencies_have_the_session(app: FastAPI) -> None:
    def visit(request: Request) -> Session:
        session = get_session(request)
        session["visits"] = session.get("visits", 0) + 1
        return session

    @app.get("/guarded")
    @OURS
    def home(visited: Annotated[Session, Depends(visit)]) -> int:
        visits: int = visited["visits"]
        return visits

    client = browser(app)
    assert [client.get("/guarded").json() for _ in range(3)] == [1, 2, 3]


def test_a_request_that_is_not_valid_commits_what_a_dependency_has_changed(app: FastAPI) -> None:
    def visit(request: Request) -> None:
        request.session["visits"] = 1

    @app.get("/guarded")
    @OURS
    def home(number: int, visited: Annotated[None, Depends(visit)]) -> None:
        """Do nothing."""

    client = browser(app)
    assert client.get("/guarded?number=x").status_code == 422
    assert client.get("/session").json() == {"visits": 1}


def test_a_dependency_that_yields_sees_the_handler_s_error(app: FastAPI) -> None:
    """And not what stands for it, so that it can undo what the handler has begun."""
    seen: list[BaseException] = []

    async def transaction() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            seen.append(error)
            raise

    @app.get("/fails")
    @OURS
    async def home(request: Request, begun: Annotated[None, Depends(transaction)]) -> None:
        request.session["a"] = 1
        raise MishapError

    client = browser(app)
    assert client.get("/fails").status_code == 409
    assert [type(error) for error in seen] == [MishapError]
    assert client.get("/session").json() == {"a": 1}


def test_a_dependency_that_yields_can_raise_another_error(app: FastAPI) -> None:
    async def translate() -> AsyncIterator[None]:
        try:
            yield
        except MishapError as error:
            raise HTTPException(418) from error

    @app.get("/fails")
    @OURS
    def home(request: Request, begun: Annotated[None, Depends(translate)]) -> None:
        request.session["a"] = 1
        raise MishapError

    client = browser(app)
    assert client.get("/fails").status_code == 418
    assert client.get("/session").json() == {"a": 1}


def test_an_error_that_a_dependency_of_the_route_replaces_is_logged(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """It began before the session, so it ends after it."""

    async def replace() -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            raise HTTPException(418) from error

    @app.get("/fails", dependencies=[Depends(replace)])
    @OURS
    def home(request: Request) -> None:
        request.session["a"] = 1
        raise MishapError

    answer = browser(app).get("/fails")
    assert (answer.status_code, cookies_of(answer)) == (418, [])
    (message,) = wait_for(lambda: lost_changes(caplog))
    assert "another response was sent in place of the handler's" in message


@pytest.mark.parametrize("own", [True, False])
def test_an_error_when_a_dependency_ends_before_the_response_is_answered(
    app: FastAPI, own: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def end() -> AsyncIterator[None]:
        yield
        raise MishapError

    @app.get("/fails")
    @OURS
    def home(request: Request, begun: Annotated[None, Depends(end, scope="function")]) -> Any:
        request.session["a"] = 1
        return JSONResponse({}) if own else {}

    client = browser(app)
    assert client.get("/fails").status_code == 409
    gc.collect()
    assert lost_changes(caplog) == []
    assert client.get("/session").json() == {"a": 1}


# --- the response ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 204])
def test_what_a_handler_returns_is_serialized_as_before(app: FastAPI, status: int) -> None:
    @app.get("/made", status_code=status, response_model=User if status == 200 else None)
    @OURS
    async def home(request: Request) -> Any:
        request.session["a"] = 1
        return {"name": "ada", "secret": "x"} if status == 200 else None

    answer = browser(app).get("/made")
    assert answer.status_code == status
    assert answer.text == ('{"name":"ada"}' if status == 200 else "")
    assert cookies_of(answer) == [NAME]


def test_a_response_that_is_kept_hands_no_cookie_to_the_next_visitor(app: FastAPI) -> None:
    kept = PlainTextResponse("always the same")

    @app.get("/kept")
    @OURS
    def home(request: Request, login: bool = False) -> Response:
        if login:
            request.session["a"] = 1
        return kept

    assert cookies_of(browser(app).get("/kept?login=1")) == [NAME]
    assert cookies_of(browser(app).get("/kept")) == []
    assert "set-cookie" not in kept.headers


def test_data_that_the_response_model_refuses_commits_nothing(app: FastAPI) -> None:
    @app.get("/refused", response_model=User)
    @OURS
    def home(request: Request) -> Any:
        request.session["a"] = 1
        return {"age": 5}

    client = browser(app)
    with pytest.raises(ResponseValidationError):
        client.get("/refused")
    assert client.get("/session").json() == {}


def test_data_that_the_response_model_refuses_commits_if_the_application_answers(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    @app.exception_handler(ResponseValidationError)
    def answer(request: Request, error: Exception) -> Response:
        request.session["b"] = 2
        return PlainTextResponse("refused", status_code=502)

    @app.get("/refused", response_model=User)
    @OURS
    def home(request: Request) -> Any:
        request.session["a"] = 1
        return {"age": 5}

    client = browser(app)
    assert client.get("/refused").status_code == 502
    gc.collect()
    assert lost_changes(caplog) == []
    assert client.get("/session").json() == {"a": 1, "b": 2}


def test_a_session_that_is_too_large_is_answered(app: FastAPI) -> None:
    @app.exception_handler(CookieTooLargeError)
    def trim(request: Request, error: CookieTooLargeError) -> Response:
        request.session["large"] = "trimmed"
        return PlainTextResponse("too large", status_code=413)

    @app.get("/fill")
    @OURS
    def home(request: Request) -> None:
        request.session["large"] = TOO_LARGE

    client = browser(app)
    assert client.get("/fill").status_code == 413
    assert client.get("/session").json() == {"large": "trimmed"}


def test_a_response_that_fails_before_it_starts_is_answered(app: FastAPI) -> None:
    class FailingResponse(Response):
        async def __call__(self, *_: Any) -> None:
            raise MishapError

    @app.get("/fails")
    @OURS
    async def home(request: Request) -> Response:
        request.session["a"] = 1
        return FailingResponse()

    client = browser(app)
    assert client.get("/fails").status_code == 409
    assert client.get("/session").json() == {"a": 1}


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("changed", [True, False])
def test_a_response_that_a_decorator_replaces_is_logged(
    app: FastAPI, own: bool, changed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def replace(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def call(*args: Any, **named: Any) -> Response:
            handler(*args, **named)
            return PlainTextResponse("another")

        return call

    @app.get("/replaced")
    @replace
    @OURS
    def home(request: Request) -> Any:
        if changed:
            request.session["a"] = 1
        return JSONResponse({}) if own else {}

    answer = browser(app).get("/replaced")
    assert (answer.text, cookies_of(answer)) == ("another", [])
    assert wait_for(lambda: len(lost_changes(caplog)) == changed)
    messages = lost_changes(caplog)
    assert all("another response was sent in place of" in message for message in messages)


def test_a_response_that_a_decorator_keeps_for_later_is_logged_when_it_lets_go(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    kept: list[object] = []

    def keep(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def call(*args: Any, **named: Any) -> Response:
            kept.append(handler(*args, **named))
            return PlainTextResponse("another")

        return call

    @app.get("/replaced")
    @keep
    @OURS
    def home(request: Request) -> Any:
        request.session["a"] = 1
        return JSONResponse({})

    browser(app).get("/replaced")
    assert lost_changes(caplog) == []
    kept.clear()
    assert wait_for(lambda: len(lost_changes(caplog)) == 1)


def test_what_a_dependency_has_changed_is_logged_if_the_handler_does_not_run(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """A decorator above may have an answer already."""

    def cached(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def call(*args: Any, **named: Any) -> str:
            return "cached"

        return call

    def visit(request: Request) -> None:
        request.session["visits"] = 1

    @app.get("/cached")
    @cached
    @OURS
    def home(visited: Annotated[None, Depends(visit)]) -> str:
        return "made"

    answer = browser(app).get("/cached")
    assert (answer.json(), cookies_of(answer)) == ("cached", [])
    (message,) = lost_changes(caplog)
    assert "the handler did not run" in message


@pytest.mark.parametrize("own", [True, False])
def test_what_a_background_task_changes_is_logged_as_lost(
    app: FastAPI, own: bool, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/task")
    @OURS
    def home(request: Request, tasks: BackgroundTasks) -> Any:
        tasks.add_task(request.session.update, {"late": True})
        return JSONResponse({}) if own else {}

    client = browser(app)
    client.get("/task")
    assert [one.levelno for one in caplog.records if one.name == "iron_session"] == [logging.ERROR]
    assert client.get("/session").json() == {}


@pytest.mark.parametrize("own", [True, False])
def test_a_first_look_in_a_background_task_is_no_error(
    app: FastAPI, own: bool, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/task")
    @OURS
    def home(request: Request, tasks: BackgroundTasks) -> Any:
        tasks.add_task(request.session.get, "a")
        return JSONResponse({}) if own else {}

    browser(app, saved({"a": 1})).get("/task")
    assert errors_in(caplog) == []


@pytest.mark.parametrize("own", [True, False])
def test_the_explicit_form_works_beside_it(
    app: FastAPI, own: bool, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/both")
    @OURS
    def home(request: Request, response: Response) -> Any:
        request.session["a"] = 1
        admin = get_iron_session(request, response, ADMIN)
        admin["b"] = 2
        admin.save()
        return JSONResponse({}) if own else {}

    answer = browser(app).get("/both")
    gc.collect()
    if own:
        assert cookies_of(answer) == [NAME]
        (message,) = wait_for(lambda: lost_changes(caplog))
        assert "'admin'" in message
        assert "saved into the response that FastAPI injects" in message
    else:
        assert cookies_of(answer) == ["admin", NAME]
        assert lost_changes(caplog) == []


# --- WebSockets ------------------------------------------------------------------------------


def test_a_websocket_s_handler_has_the_session(app: FastAPI) -> None:
    sends: list[object] = []

    def visit(websocket: WebSocket) -> None:
        sends.append(websocket._send)
        websocket.session["visits"] = 1

    async def watch(websocket: WebSocket) -> AsyncIterator[None]:
        sends.append(websocket._send)
        yield
        sends.append(websocket._send)
        assert "session" not in websocket.scope

    @app.websocket("/ws", dependencies=[Depends(watch)])
    @OURS
    async def talk(websocket: WebSocket, visited: Annotated[None, Depends(visit)]) -> None:
        await websocket.accept()
        await websocket.send_json(dict(websocket.session))
        await websocket.close()

    with browser(app, saved({"a": 1})).websocket_connect("/ws") as websocket:
        assert websocket.receive_json() == {"a": 1, "visits": 1}
        assert b"set-cookie" in dict(websocket.extra_headers or [])
    assert sends[0] == sends[2] != sends[1]


def test_an_error_of_a_websocket_s_handler_is_answered(app: FastAPI) -> None:
    from starlette.testclient import WebSocketDenialResponse

    @app.websocket("/ws")
    @OURS
    async def refuse(websocket: WebSocket) -> None:
        websocket.session["a"] = 1
        raise HTTPException(403)

    with (
        pytest.raises(WebSocketDenialResponse) as refusal,
        browser(app).websocket_connect("/ws"),
    ):
        pass
    assert ReceivedCookie.parse(refusal.value.headers["set-cookie"]).name == NAME


def test_what_is_changed_in_a_websocket_that_is_accepted_is_logged_as_lost(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    async def accept(websocket: WebSocket) -> None:
        await websocket.accept()

    @app.websocket("/ws", dependencies=[Depends(accept)])
    @OURS
    async def talk(websocket: WebSocket) -> None:
        websocket.session["late"] = True
        raise MishapError

    @app.exception_handler(MishapError)
    async def close(websocket: WebSocket, error: MishapError) -> None:
        await websocket.close()

    with browser(app).websocket_connect("/ws") as websocket:
        websocket.receive()
    (message,) = lost_changes(caplog)
    assert "after the response's headers were sent" in message


@pytest.mark.parametrize("asynchronous", [True, False])
def test_an_error_shows_no_cookie(app: FastAPI, asynchronous: bool) -> None:
    """Not the request's, not one that was written."""
    ours = with_iron_session(make_options(password=frames.PASSWORD))

    async def home(request: Request, mishap: bool) -> str:
        request.session["secret"] = frames.MARKER
        if mishap:
            raise KeyError
        request.session["large"] = frames.MARKER * 500
        return frames.MARKER

    def home_sync(request: Request, mishap: bool) -> str:
        request.session["secret"] = frames.MARKER
        if mishap:
            raise KeyError
        request.session["large"] = frames.MARKER * 500
        return frames.MARKER

    handler: Any = ours(home) if asynchronous else ours(home_sync)
    app.get("/fails")(handler)
    app.get("/twice")(ours(handler))
    client = browser(app, f"{NAME}={seal_data({'a': frames.MARKER}, password=frames.PASSWORD)}")
    for target, error in (
        ("/fails?mishap=1", KeyError),
        ("/fails?mishap=0", CookieTooLargeError),
        ("/twice?mishap=0", ConfigurationError),
    ):
        with pytest.raises(error) as caught:
            client.get(target)
        assert frames.leaks_of(caught.value) == []
