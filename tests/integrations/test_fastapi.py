"""FastAPI: the session as a dependency, and what FastAPI does around it."""

import gc
import logging
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NoReturn

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
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel

from iron_session import (
    ConfigurationError,
    CookieOptions,
    CookieTooLargeError,
    Passwords,
    Session,
    SessionOptions,
)
from iron_session.integrations import fastapi as fastapi_integration
from iron_session.integrations import starlette as starlette_integration
from iron_session.integrations.fastapi import (
    IronSessionMiddleware,
    SessionDependency,
    get_iron_session,
    get_session,
)
from tests.contract.logs import lost_changes
from tests.helpers.waiting import wait_for
from tests.sessions.browser import (
    NAME,
    OLD,
    PASSWORD,
    Failures,
    ReceivedCookie,
    make_options,
    session_of,
)

OPTIONS = make_options()
CurrentSession = Annotated[Session, Depends(SessionDependency(OPTIONS))]
OtherSession = Annotated[Session, Depends(SessionDependency(make_options(cookie_name="other")))]


class User(BaseModel):
    """What a handler answers by a response model."""

    name: str


@pytest.fixture
def app() -> FastAPI:
    """Make an app with the middleware and no routes yet but one that shows the session."""
    app = FastAPI()
    app.add_middleware(IronSessionMiddleware, options=OPTIONS)

    @app.get("/session")
    def show(session: CurrentSession) -> dict[str, Any]:
        return dict(session)

    return app


def browser(app: FastAPI, **options: Any) -> TestClient:
    """Make a client that speaks HTTPS, so that it sends Secure cookies."""
    return TestClient(app, base_url="https://testserver", **options)


# --- the dependency --------------------------------------------------------------------------


def test_the_dependency_gives_the_session_of_the_request(app: FastAPI) -> None:
    """The very object that `request.session` gives, in every dependency of the request."""
    seen: list[object] = []

    def current_user(session: CurrentSession) -> Session:
        return session

    @app.get("/")
    def home(
        request: Request,
        session: CurrentSession,
        same: Annotated[Session, Depends(current_user)],
    ) -> None:
        seen.extend([session, same, request.session])

    browser(app).get("/")
    assert isinstance(seen[0], Session)
    assert seen[0] is seen[1] is seen[2]


def test_a_dependency_that_is_not_looked_at_leaves_the_response_alone(app: FastAPI) -> None:
    @app.get("/")
    def home(session: CurrentSession) -> None:
        return None

    assert not {"vary", "set-cookie", "cache-control"} & set(browser(app).get("/").headers)


def test_the_session_is_saved_whatever_the_handler_answers(app: FastAPI) -> None:
    @app.get("/model")
    def model(session: CurrentSession) -> User:
        session["model"] = 1
        return User(name="x")

    @app.get("/response")
    async def response(session: CurrentSession) -> JSONResponse:
        session["response"] = 1
        return JSONResponse({})

    @app.get("/nothing", status_code=204)
    def nothing(session: CurrentSession) -> None:
        session["nothing"] = 1

    client = browser(app)
    for path in ("/model", "/response", "/nothing"):
        client.get(path)
    assert client.get("/session").json() == {"model": 1, "response": 1, "nothing": 1}


def test_an_injected_response_is_merged_with_the_session(app: FastAPI) -> None:
    @app.get("/")
    def home(session: CurrentSession, response: Response) -> None:
        session["a"] = 1
        response.set_cookie("theme", "dark")
        response.headers["cache-control"] = "private"
        response.headers["vary"] = "Accept"

    answer = browser(app).get("/")
    cookies = [ReceivedCookie.parse(one).name for one in answer.headers.get_list("set-cookie")]
    assert cookies == ["theme", NAME]
    assert answer.headers.get_list("cache-control") == ["private"]
    assert answer.headers.get_list("vary") == ["Accept, Cookie"]


def test_a_dependency_of_a_whole_router_can_guard_it(app: FastAPI) -> None:
    def require_user(session: CurrentSession) -> None:
        session["guarded"] = True

    router = APIRouter(dependencies=[Depends(require_user)])

    @router.get("/guarded")
    def guarded() -> None:
        return None

    app.include_router(router)
    client = browser(app)
    client.get("/guarded")
    assert client.get("/session").json() == {"guarded": True}


def test_the_dependency_works_in_a_websocket(app: FastAPI) -> None:
    @app.get("/")
    def home(session: CurrentSession) -> None:
        session["a"] = 1

    @app.websocket("/ws")
    async def talk(websocket: WebSocket, session: CurrentSession) -> None:
        session["b"] = 2
        await websocket.accept()
        await websocket.send_json(dict(session))
        await websocket.close()

    client = browser(app)
    client.get("/")
    with client.websocket_connect("wss://testserver/ws") as websocket:
        assert websocket.receive_json() == {"a": 1, "b": 2}
        headers: list[tuple[bytes, bytes]] = list(websocket.extra_headers or [])
    assert dict(headers)[b"set-cookie"].startswith(NAME.encode())


def test_the_dependency_can_be_overridden_in_tests(app: FastAPI) -> None:
    """FastAPI looks the override up by the dependency itself."""
    dependency = SessionDependency(OPTIONS)

    @app.get("/")
    def home(session: Annotated[Session, Depends(dependency)]) -> dict[str, Any]:
        return dict(session)

    app.dependency_overrides[dependency] = lambda: {"user": "test"}
    assert browser(app).get("/").json() == {"user": "test"}


def test_the_session_is_no_parameter_in_the_api_s_description(app: FastAPI) -> None:
    operation = app.openapi()["paths"]["/session"]["get"]
    assert "parameters" not in operation
    assert "requestBody" not in operation


def notice(failure: object) -> None:
    """Stand for a hook."""


@pytest.mark.parametrize(
    "build",
    [
        make_options,
        lambda: make_options(password={1: OLD, 2: PASSWORD}),
        lambda: make_options(password=Passwords({1: OLD, 2: PASSWORD})),
        lambda: make_options(cookie_options={"path": "/app"}),
        lambda: make_options(cookie_options=CookieOptions(same_site="strict")),
        lambda: make_options(ttl=900, renew_after=300, max_lifetime=3600, chunk=True),
        lambda: make_options(on_unseal_error=notice),
    ],
    ids=["defaults", "passwords", "Passwords", "mapping", "CookieOptions", "lifetimes", "hook"],
)
def test_equal_options_that_were_built_twice_still_mean_one_session(
    build: Callable[[], SessionOptions],
) -> None:
    client = browser(guarded_by(build(), build()))
    for visits in (1, 2, 3):
        assert client.get("/app").json() == visits


def guarded_by(middleware: SessionOptions, dependency: SessionOptions) -> FastAPI:
    """Make an app with these options for the middleware, and those for the dependency."""
    app = FastAPI()
    app.add_middleware(IronSessionMiddleware, options=middleware)

    @app.get("/app")
    def home(session: Annotated[Session, Depends(SessionDependency(dependency))]) -> int:
        session["visits"] = session.get("visits", 0) + 1
        visits: int = session["visits"]
        return visits

    return app


def test_two_dependencies_give_two_sessions(app: FastAPI) -> None:
    app.add_middleware(
        IronSessionMiddleware, options=make_options(cookie_name="other"), key="other"
    )

    @app.get("/")
    def home(session: CurrentSession, other: OtherSession) -> None:
        session["a"] = 1
        other["b"] = 2

    answer = browser(app).get("/")
    cookies = {ReceivedCookie.parse(one).name for one in answer.headers.get_list("set-cookie")}
    assert cookies == {NAME, "other"}


# --- what goes wrong -------------------------------------------------------------------------


@pytest.mark.parametrize("options", [None, {}, "myapp", SessionDependency])
def test_options_of_another_type_are_refused_when_the_dependency_is_built(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="options must be a SessionOptions"):
        SessionDependency(options)


@pytest.mark.parametrize("other", [True, False], ids=["another's", "none"])
def test_without_the_middleware_the_first_request_says_what_to_add(other: bool) -> None:
    """Also where the middleware is there, but for another cookie."""
    app = FastAPI()
    if other:
        app.add_middleware(IronSessionMiddleware, options=make_options(cookie_name="other"))

    @app.get("/")
    def home(session: CurrentSession) -> None:
        return None

    with pytest.raises(ConfigurationError) as caught:
        browser(app).get("/")
    message = str(caught.value)
    assert repr(NAME) in message
    assert "app.add_middleware(IronSessionMiddleware, options=options)" in message


@pytest.mark.parametrize(
    "changes",
    [
        {"password": OLD},
        {"password": {2: PASSWORD}},
        {"password": {1: PASSWORD, 2: OLD}},
        {"ttl": 900},
        {"renew_after": 900},
        {"max_lifetime": 30 * 24 * 3600},
        {"chunk": True},
        {"cookie_options": {"same_site": "strict"}},
        {"on_unseal_error": Failures()},
    ],
    ids=",".join,
)
@pytest.mark.parametrize("swapped", [False, True], ids=["dependency", "middleware"])
def test_other_options_than_the_middleware_s_are_told_at_every_request(
    changes: dict[str, Any], swapped: bool
) -> None:
    """From the first one on: whoever wrote them believes that they are in force."""
    one, other = make_options(), make_options(**changes)
    client = browser(guarded_by(other, one) if swapped else guarded_by(one, other))
    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            client.get("/app")
        assert repr(NAME) in str(caught.value)
        assert "build SessionOptions once, and pass it to both" in str(caught.value)
        assert PASSWORD not in str(caught.value)


def test_other_options_than_the_middleware_s_are_told_in_a_websocket_too(app: FastAPI) -> None:
    other = SessionDependency(make_options(ttl=900))

    @app.websocket("/ws")
    async def talk(websocket: WebSocket, session: Annotated[Session, Depends(other)]) -> None:
        await websocket.close()

    with (
        pytest.raises(ConfigurationError, match="other options than this dependency"),
        browser(app).websocket_connect("/ws"),
    ):
        pass


def test_without_the_middleware_a_websocket_says_so_too() -> None:
    app = FastAPI()

    @app.websocket("/ws")
    async def talk(websocket: WebSocket, session: CurrentSession) -> None:
        await websocket.accept()

    with (
        pytest.raises(ConfigurationError, match="no IronSessionMiddleware is installed"),
        browser(app).websocket_connect("/ws"),
    ):
        pass


def test_a_session_that_is_too_big_reaches_the_application_s_handler(app: FastAPI) -> None:
    @app.exception_handler(CookieTooLargeError)
    def trim(request: Request, error: CookieTooLargeError) -> JSONResponse:
        request.session["large"] = "trimmed"
        return JSONResponse({"detail": "too large"}, status_code=413)

    @app.get("/")
    def home(session: CurrentSession) -> None:
        session["large"] = "x" * 8000

    client = browser(app)
    answer = client.get("/")
    assert (answer.status_code, answer.json()) == (413, {"detail": "too large"})
    assert client.get("/session").json() == {"large": "trimmed"}


def test_a_request_that_fails_validation_commits(app: FastAPI) -> None:
    """The dependency may have run before; 422 is a response like any other."""

    def count(session: CurrentSession) -> None:
        session["visits"] = 1

    @app.get("/", dependencies=[Depends(count)])
    def home(number: int) -> None:
        return None

    client = browser(app)
    assert client.get("/?number=x").status_code == 422
    assert client.get("/session").json() == {"visits": 1}


# --- too late --------------------------------------------------------------------------------


def test_what_a_dependency_does_after_its_yield_is_too_late(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """FastAPI runs it once the response has gone."""

    def late(session: CurrentSession) -> Iterator[None]:
        yield
        session["late"] = True

    @app.get("/", dependencies=[Depends(late)])
    def home(session: CurrentSession) -> None:
        session["early"] = True

    client = browser(app)
    client.get("/")
    assert len(lost_changes(caplog)) == 1
    assert client.get("/session").json() == {"early": True}


def test_what_a_dependency_does_when_its_function_ends_is_in_time(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """FastAPI's `scope="function"` runs it before the response."""

    def at_the_end(session: CurrentSession) -> Iterator[None]:
        yield
        session["end"] = True

    @app.get("/", dependencies=[Depends(at_the_end, scope="function")])
    def home() -> None:
        return None

    client = browser(app)
    client.get("/")
    assert lost_changes(caplog) == []
    assert client.get("/session").json() == {"end": True}


def test_what_a_background_task_changes_is_too_late(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/")
    def home(session: CurrentSession, tasks: BackgroundTasks) -> None:
        tasks.add_task(session.update, {"late": True})

    client = browser(app)
    client.get("/")
    assert [one.levelno for one in caplog.records if one.name == "iron_session"] == [logging.ERROR]
    assert client.get("/session").json() == {}


# --- get_session -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["session", "visitor"])
def test_get_session_gives_the_very_session_that_the_dependency_gives(key: str) -> None:
    app = FastAPI()
    app.add_middleware(IronSessionMiddleware, options=OPTIONS, key=key)
    seen: list[object] = []

    @app.get("/")
    def home(request: Request, session: CurrentSession) -> None:
        seen.extend([session, get_session(request, key=key)])

    browser(app).get("/")
    assert isinstance(seen[0], Session)
    assert seen[0] is seen[1]


@pytest.mark.parametrize("key", ["session", "visitor"])
def test_get_session_says_what_to_add_without_the_middleware(key: str) -> None:
    app = FastAPI()

    @app.get("/")
    def home(request: Request) -> None:
        get_session(request, key=key)

    with pytest.raises(ConfigurationError) as caught:
        browser(app).get("/")
    assert repr(key) in str(caught.value)
    assert "app.add_middleware(IronSessionMiddleware, options=options)" in str(caught.value)


# --- the explicit form -----------------------------------------------------------------------


def test_by_hand_a_cookie_that_the_middleware_serves_is_refused(app: FastAPI) -> None:
    @app.get("/")
    def home(request: Request, response: Response) -> None:
        get_iron_session(request, response, OPTIONS)

    with pytest.raises(ConfigurationError, match="manages the cookie 'myapp'"):
        browser(app).get("/")


def test_by_hand_a_session_is_written_to_the_injected_response() -> None:
    """Without any middleware; FastAPI merges the response with what the handler gives."""
    app = FastAPI()

    @app.get("/")
    def home(request: Request, response: Response) -> dict[str, Any]:
        session = get_iron_session(request, response, OPTIONS)
        session["visits"] = session.get("visits", 0) + 1
        session.save()
        return dict(session)

    client = browser(app)
    assert [client.get("/").json()["visits"] for _ in range(3)] == [1, 2, 3]
    headers = client.get("/").headers
    assert (headers["vary"], headers["cache-control"]) == ("Cookie", "no-store")


def test_fastapi_s_integration_offers_all_that_starlette_s_does() -> None:
    assert set(starlette_integration.__all__) <= set(fastapi_integration.__all__)
    for name in ("IronSessionMiddleware", "get_session"):
        assert getattr(fastapi_integration, name) is getattr(starlette_integration, name)


def test_a_dependency_that_two_applications_share_checks_each_of_them() -> None:
    """It must not go by what it has found in the other."""
    dependency = SessionDependency(OPTIONS)

    async def read(session: Annotated[Session, Depends(dependency)]) -> dict[str, Any]:
        return dict(session)

    def make(options: SessionOptions) -> TestClient:
        app = FastAPI()
        app.add_middleware(IronSessionMiddleware, options=options)
        app.get("/")(read)
        return TestClient(app, base_url="https://testserver")

    right, wrong = make(OPTIONS), make(make_options(password=OLD))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="has other options than this dependency"):
            wrong.get("/")
        assert right.get("/").json() == {}


# --- the explicit form on the injected response -----------------------------------------------


def explicit_app(answer: Callable[[], Any]) -> TestClient:
    """Make an app that saves into the injected response, in a coroutine and in a function."""
    app = FastAPI()

    @app.get("/async")
    async def in_a_coroutine(request: Request, response: Response) -> Any:
        session = get_iron_session(request, response, OPTIONS)
        session["visits"] = session.get("visits", 0) + 1
        session.save()
        return answer()

    @app.get("/sync")
    def in_a_function(request: Request, response: Response) -> Any:
        session = get_iron_session(request, response, OPTIONS)
        session["visits"] = session.get("visits", 0) + 1
        session.save()
        return answer()

    return TestClient(app, base_url="https://testserver", follow_redirects=False)


def test_headers_that_a_handler_sets_on_a_dropped_response_do_not_hide_the_loss(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = FastAPI()

    @app.get("/")
    def drop(request: Request, response: Response) -> RedirectResponse:
        session = get_iron_session(request, response, OPTIONS)
        session["a"] = 1
        session.save()
        response.headers["X-Other"] = "1"
        return RedirectResponse("/")

    TestClient(app, base_url="https://testserver", follow_redirects=False).get("/")
    assert len(wait_for(lambda: lost_changes(caplog))) == 1


def not_allowed() -> NoReturn:
    raise HTTPException(403)


@pytest.mark.parametrize("path", ["/async", "/sync"])
@pytest.mark.parametrize(
    "answer", [lambda: RedirectResponse("/"), not_allowed], ids=["own response", "HTTPException"]
)
def test_what_was_saved_into_an_injected_response_that_is_dropped_is_logged_as_lost(
    caplog: pytest.LogCaptureFixture, answer: Callable[[], Any], path: str
) -> None:
    client = explicit_app(answer)
    client.get(path)
    assert NAME not in client.cookies
    (message,) = wait_for(lambda: lost_changes(caplog))
    assert "the response that FastAPI injects" in message


@pytest.mark.parametrize("path", ["/async", "/sync"])
def test_what_was_saved_into_an_injected_response_arrives(
    caplog: pytest.LogCaptureFixture, path: str
) -> None:
    client = explicit_app(lambda: {"ok": True})
    for _ in range(2):
        client.get(path)
    gc.collect()
    assert session_of(f"{NAME}={client.cookies[NAME]}") == {"visits": 2}
    assert lost_changes(caplog) == []


def test_a_session_that_was_only_read_loses_nothing_with_an_injected_response(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = FastAPI()

    @app.get("/")
    def read(request: Request, response: Response) -> RedirectResponse:
        get_iron_session(request, response, OPTIONS).get("a")
        return RedirectResponse("/")

    TestClient(app, base_url="https://testserver", follow_redirects=False).get("/")
    gc.collect()
    assert lost_changes(caplog) == []


def test_two_sessions_are_saved_into_one_injected_response(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = FastAPI()
    other = make_options(cookie_name="other", password=OLD)

    @app.get("/")
    def both(request: Request, response: Response) -> None:
        for options in (OPTIONS, other):
            session = get_iron_session(request, response, options)
            session["a"] = 1
            session.save()

    client = TestClient(app, base_url="https://testserver")
    client.get("/")
    gc.collect()
    assert set(client.cookies) == {NAME, "other"}
    assert lost_changes(caplog) == []


def test_a_response_of_the_handler_s_own_is_written_as_in_starlette() -> None:
    app = FastAPI()

    @app.get("/")
    def own(request: Request) -> RedirectResponse:
        response = RedirectResponse("/")
        session = get_iron_session(request, response, OPTIONS)
        session["a"] = 1
        session.save()
        return response

    client = TestClient(app, base_url="https://testserver", follow_redirects=False)
    client.get("/")
    assert NAME in client.cookies


# --- what is easily written by mistake -----------------------------------------------------------


def test_a_dependency_without_its_options_is_refused_when_the_route_is_made() -> None:
    app = FastAPI()
    with pytest.raises(ConfigurationError, match=r"Depends\(SessionDependency\(options\)\)"):

        @app.get("/")
        def read(session: Annotated[Session, Depends(SessionDependency)]) -> None: ...


def test_a_session_without_its_dependency_is_refused_when_the_route_is_made() -> None:
    app = FastAPI()
    with pytest.raises(ConfigurationError, match=r"Depends\(SessionDependency\(options\)\)"):

        @app.get("/")
        def read(session: Session) -> None: ...


def test_a_session_as_an_answer_s_type_is_refused_with_the_mend() -> None:
    app = FastAPI()
    with pytest.raises(ConfigurationError, match=r"dict\(session\)"):

        @app.get("/")
        def read() -> Session: ...  # type: ignore[empty-body]  # it is never called
