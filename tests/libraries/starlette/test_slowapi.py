"""slowapi counts the requests of a visitor, whose name it finds in our session."""

import pytest
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIASGIMiddleware, SlowAPIMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.sessions.browser import make_options


def visitor(request: Request) -> str:
    return str(request.session.get("user", "nobody"))


def make_app(theirs: type) -> Starlette:
    limiter = Limiter(key_func=visitor, default_limits=["2/hour"])

    @limiter.exempt
    async def log_in(request: Request) -> PlainTextResponse:
        request.session["user"] = request.path_params["user"]
        return PlainTextResponse("welcome")

    async def read(request: Request) -> JSONResponse:
        return JSONResponse(dict(request.session))

    app = Starlette(
        routes=[Route("/login/{user}", log_in), Route("/read", read)],
        middleware=[
            Middleware(IronSessionMiddleware, options=make_options()),
            Middleware(theirs),
        ],
        exception_handlers={RateLimitExceeded: _rate_limit_exceeded_handler},
    )
    app.state.limiter = limiter
    return app


@pytest.mark.parametrize("theirs", [SlowAPIMiddleware, SlowAPIASGIMiddleware])
def test_each_visitor_of_the_session_has_a_limit_of_their_own(theirs: type) -> None:
    app = make_app(theirs)
    for user in ("ann", "bob"):
        client = TestClient(app, base_url="https://testserver")
        assert client.get(f"/login/{user}").status_code == 200
        answers = [client.get("/read") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0].json() == {"user": user}
        assert answers[2].headers["vary"] == "Cookie"
        assert "set-cookie" not in answers[2].headers
