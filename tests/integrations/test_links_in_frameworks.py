"""Magic links in every framework: its own mapping of the query is read, and its URL."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import flask
import pytest
import quart
from aiohttp import web
from django.conf import settings
from django.http import HttpRequest
from django.test import RequestFactory
from fastapi import FastAPI
from litestar import Litestar
from litestar import Request as LitestarRequest
from litestar import get as litestar_get
from litestar.testing import TestClient as LitestarClient
from sanic import HTTPResponse as SanicResponse
from sanic import Request as SanicRequest
from sanic.response import json as sanic_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from iron_session import UnsealError, seal_data
from iron_session.links import Links, Query
from tests.contract import aiohttp_driver, sanic_driver
from tests.contract.door import Visit
from tests.contract.integrations.sanic import new_app
from tests.helpers.clock import Clock
from tests.helpers.seals import OTHER, PASSWORD
from tests.integrations.django_site.project import SESSION_MIDDLEWARE

LINKS = Links(password=PASSWORD, purpose="login")
DATA = {"email": "zoë@example.com", "next": "/a?b=c&d=e#f"}

Ask = Callable[[str], Any]
"""Send a GET to a target, its query included; gives what the handler answered, from JSON."""


def outcome(read: Callable[[], Any]) -> Any:
    """Give the data, or the reason why there is none."""
    try:
        return read()
    except UnsealError as error:
        return error.reason


def answer(query: Query, url: str) -> dict[str, Any]:
    """What every handler answers: what it found in the mapping, and what in the URL.

    Type checkers see here that each framework's mapping is a `Query`.
    """
    return {
        "query": outcome(lambda: LINKS.read(query)),
        "url": outcome(lambda: LINKS.read(url)),
    }


@contextmanager
def starlette() -> Iterator[Ask]:
    async def login(request: Request) -> Response:
        return JSONResponse(answer(request.query_params, str(request.url)))

    client = TestClient(Starlette(routes=[Route("/login", login)]))
    yield lambda target: client.get(target).json()


@contextmanager
def fastapi() -> Iterator[Ask]:
    """The parameter is asked for by its name."""
    app = FastAPI()

    @app.get("/login")
    def login(request: Request, token: str | None = None) -> Any:
        return {
            "query": outcome(lambda: LINKS.read_token(token)),
            "url": outcome(lambda: LINKS.read(str(request.url))),
        }

    client = TestClient(app)
    yield lambda target: client.get(target).json()


@contextmanager
def litestar() -> Iterator[Ask]:
    @litestar_get("/login")
    async def login(request: LitestarRequest[Any, Any, Any]) -> dict[str, Any]:
        return answer(request.query_params, str(request.url))

    with LitestarClient(Litestar([login], logging_config=None)) as client:
        yield lambda target: client.get(target).json()


@contextmanager
def in_flask() -> Iterator[Ask]:
    app = flask.Flask(__name__)
    app.add_url_rule("/login", "login", lambda: answer(flask.request.args, flask.request.url))
    client = app.test_client()
    yield lambda target: client.get(target).json


@contextmanager
def in_quart() -> Iterator[Ask]:
    app = quart.Quart(__name__)

    @app.get("/login")
    async def login() -> Any:
        return answer(quart.request.args, quart.request.url)

    async def ask(target: str) -> Any:
        return await (await app.test_client().get(target)).json

    yield lambda target: asyncio.run(ask(target))


@contextmanager
def django() -> Iterator[Ask]:
    assert SESSION_MIDDLEWARE in settings.MIDDLEWARE

    def login(request: HttpRequest) -> Any:
        return answer(request.GET, str(request.build_absolute_uri()))

    yield lambda target: login(RequestFactory().get(target))


@contextmanager
def aiohttp() -> Iterator[Ask]:
    async def login(request: web.Request) -> web.Response:
        return web.json_response(answer(request.query, str(request.url)))

    app = web.Application()
    app.router.add_get("/login", login)
    with aiohttp_driver.run(app) as site:
        yield lambda target: site.visit(Visit(target=target, headers=[])).json


@contextmanager
def sanic() -> Iterator[Ask]:
    async def login(request: SanicRequest) -> SanicResponse:
        return sanic_json(answer(request.args, request.url), dumps=json.dumps)

    app = new_app()
    app.add_route(login, "/login")
    with sanic_driver.run(app) as site:
        yield lambda target: site.visit(Visit(target=target, headers=[])).json


FRAMEWORKS: dict[str, Callable[[], AbstractContextManager[Ask]]] = {
    "starlette": starlette,
    "fastapi": fastapi,
    "flask": in_flask,
    "quart": in_quart,
    "django": django,
    "litestar": litestar,
    "aiohttp": aiohttp,
    "sanic": sanic,
}


@pytest.fixture(params=FRAMEWORKS, scope="module")
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Run a site in each framework."""
    with FRAMEWORKS[request.param]() as ask:
        yield ask


def path(links: Links = LINKS, url: str = "/login") -> str:
    return links.make(url, DATA)


def both(found: object) -> dict[str, object]:
    """The same in the mapping and in the URL."""
    return {"query": found, "url": found}


def test_a_link_is_read_as_it_was_made(ask: Ask) -> None:
    assert ask(path()) == both(DATA)
    assert ask(path(url="/login?next=%2Fhome%3Fa%3D1&x=%C3%A9+e")) == both(DATA)


def test_a_link_is_read_with_its_characters_written_out(ask: Ask) -> None:
    """As JavaScript and some mail programs write them."""
    assert ask(path().replace("%2A", "*").replace("%7E", "~") + "&utm_source=mail") == both(DATA)
    assert ask(path().replace("%2A", "%2a")) == both(DATA)


def test_a_link_is_refused_for_its_reason(ask: Ask, clock: Clock) -> None:
    assert ask(path(Links(password=PASSWORD, purpose="e-mail"))) == both("purpose")
    assert ask(path(Links(password={2: OTHER}, purpose="login"))) == both("unknown-password")
    assert ask(path(Links(password=OTHER, purpose="login"))) == both("invalid")
    assert ask("/login?token=" + seal_data(DATA, password=PASSWORD)) == both("purpose")
    link = path()
    clock.advance(960)
    assert ask(link) == both("expired")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "?token",
        "?token=",
        "?Token=Fe26.2",
        "?token[]=Fe26.2",
        "?token=Fe26.2*1*a*b*c**d*e~2",
        "?token=%00",
        "?token=%ff%fe",
        "?token=%ED%A0%80",
        "?token=%zz%",
        "?token=%C3%A9&token=2",
        "?token=" + "*" * 8000,
        "?token=" + "Fe26.2*" * 1000,
    ],
)
def test_whatever_a_visitor_sends_is_an_answer(ask: Ask, query: str) -> None:
    assert ask(f"/login{query}") == both("invalid")


def test_of_two_tokens_the_framework_takes_one_and_the_url_is_refused(ask: Ask) -> None:
    token = path().partition("?")[2]
    assert ask(f"/login?{token}&{token}") == {"query": DATA, "url": "invalid"}
    for query in (f"{token}&token=1", f"token=1&{token}"):
        found = ask(f"/login?{query}")
        assert found["query"] in (DATA, "invalid")
        assert found["url"] == "invalid"
