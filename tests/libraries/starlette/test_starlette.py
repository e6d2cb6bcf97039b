"""Middlewares by BaseHTTPMiddleware, each of which gives the next a stream of its own."""

from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.helpers.waiting import WAIT
from tests.libraries.starlette.serving import plain_options, serve
from tests.sessions.browser import NAME, session_of


class Visits(BaseHTTPMiddleware):
    """Count in the session before the endpoint runs, and once more behind it."""

    def __init__(self, app: object, name: str) -> None:
        super().__init__(app)
        self.name = name

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        request.session.setdefault("before", []).append(self.name)
        response = await call_next(request)
        request.session.setdefault("behind", []).append(self.name)
        return response


def read(request: Request) -> JSONResponse:
    return JSONResponse(dict(request.session))


def log_in(request: Request) -> RedirectResponse:
    request.session["user"] = "ann"
    return RedirectResponse("/read", 303)


def log_out(request: Request) -> JSONResponse:
    request.session.clear()
    return JSONResponse({})


def stream(request: Request) -> StreamingResponse:
    request.session["streamed"] = True
    return StreamingResponse(iter(["a", "b", "c"]), media_type="text/plain")


ROUTES = [Route(f"/{endpoint.__name__}", endpoint) for endpoint in (read, log_in, log_out, stream)]
NAMES = ["outer", "middle", "inner"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    visits = [Middleware(Visits, name=name) for name in NAMES]
    ours = Middleware(IronSessionMiddleware, options=plain_options())
    with serve(Starlette(routes=ROUTES, middleware=[ours, *visits])) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(timeout=WAIT, base_url=address) as client:
        yield client


def test_each_of_three_middlewares_changes_the_one_session(client: httpx.Client) -> None:
    assert client.get("/read").json() == {"before": NAMES}
    stored = dict(session_of(f"{NAME}={client.cookies[NAME]}"))
    assert stored == {"before": NAMES, "behind": NAMES[::-1]}


def test_a_login_behind_three_middlewares_is_kept(client: httpx.Client) -> None:
    answer = client.get("/log_in", follow_redirects=True)
    assert answer.json()["user"] == "ann"
    assert [len(each.headers.get_list("set-cookie")) for each in answer.history] == [1]


def test_what_the_outer_middleware_writes_back_after_a_logout_is_all_that_is_left(
    client: httpx.Client,
) -> None:
    client.get("/log_in")
    client.get("/log_out")
    assert dict(session_of(f"{NAME}={client.cookies[NAME]}")) == {"behind": NAMES[::-1]}


def test_a_stream_behind_three_middlewares_carries_the_cookie(client: httpx.Client) -> None:
    answer = client.get("/stream")
    assert answer.text == "abc"
    assert dict(session_of(f"{NAME}={client.cookies[NAME]}"))["streamed"] is True
