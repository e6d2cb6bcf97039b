"""`iron_session.testing` with the test client of every framework."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import django.http
import fastapi
import flask
import httpx
import litestar
import litestar.testing
import pytest
import quart
import sanic
from aiohttp import web
from aiohttp.test_utils import TestClient as AiohttpClient
from aiohttp.test_utils import TestServer
from django.conf import settings
from django.test import AsyncClient as AsyncDjangoClient
from django.test import Client as DjangoClient
from django.test import override_settings
from django.urls import path as django_path
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from werkzeug.test import Client as WerkzeugClient
from werkzeug.wrappers import Response as WerkzeugResponse

from iron_session import ConfigurationError, Session, SessionOptions, UnsealError
from iron_session.integrations import aiohttp as in_aiohttp
from iron_session.integrations import asgi as in_asgi
from iron_session.integrations import django as in_django
from iron_session.integrations import fastapi as in_fastapi
from iron_session.integrations import flask as in_flask
from iron_session.integrations import litestar as in_litestar
from iron_session.integrations import quart as in_quart
from iron_session.integrations import sanic as in_sanic
from iron_session.integrations import starlette as in_starlette
from iron_session.integrations import wsgi as in_wsgi
from iron_session.testing import (
    cookie_header,
    for_tests,
    frozen_clock,
    log_in,
    make_options,
    read_session,
    session_cookie,
)
from tests.contract import sanic_driver
from tests.contract.integrations.sanic import new_app
from tests.integrations.django_site.project import SESSION_MIDDLEWARE

OPTIONS = make_options(chunk=True)
LARGE = "".join(map(str, range(1600)))
"""More than one cookie takes, and less than aiohttp's client sends at most: 8 kB."""

PATHS = ("/", "/add", "/logout")


def act(path: str, session: Session[Any]) -> dict[str, Any]:
    """What every application does: it answers what it found, and changes it by the path."""
    found = dict(session)
    if path == "/add":
        session["cart"] = [*session.get("cart", []), "pen"]
    if path == "/logout":
        session.destroy()
    return found


@dataclass
class Site:
    """A framework's own test client, and how its responses are had and read."""

    client: Any
    get: Callable[[str], Any]
    json: Callable[[Any], Any] = lambda response: response.json()

    def found_at(self, path: str) -> Any:
        """What the application found in the session at a request to this path."""
        return self.json(self.get(path))


Open = Callable[[SessionOptions[Any], str], AbstractContextManager[Site]]
"""Opens a framework's site with these options, at a URL of this scheme."""


@contextmanager
def starlette(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    async def handle(request: Request) -> JSONResponse:
        return JSONResponse(act(request.url.path, in_starlette.get_session(request)))

    app = Starlette(routes=[Route(path, handle) for path in PATHS])
    app.add_middleware(in_starlette.IronSessionMiddleware, options=options)
    with TestClient(app, base_url=f"{scheme}://testserver") as client:
        yield Site(client, client.get)


@contextmanager
def of_fastapi(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    app = fastapi.FastAPI()
    app.add_middleware(in_fastapi.IronSessionMiddleware, options=options)
    session_of = fastapi.Depends(in_fastapi.SessionDependency(options))

    def handle(request: fastapi.Request, session: Session[Any] = session_of) -> dict[str, Any]:
        return act(request.url.path, session)

    for path in PATHS:
        app.add_api_route(path, handle)
    with TestClient(app, base_url=f"{scheme}://testserver") as client:
        yield Site(client, client.get)


@contextmanager
def of_litestar(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    @litestar.get(list(PATHS))
    async def handle(request: litestar.Request[Any, Any, Any]) -> dict[str, Any]:
        return act(request.url.path, in_litestar.get_session(request))

    app = litestar.Litestar(
        [handle],
        middleware=[in_litestar.IronSessionConfig(options).middleware],
        logging_config=None,
    )
    url = f"{scheme}://testserver.local"
    with litestar.testing.TestClient(app, base_url=url) as client:
        yield Site(client, client.get)


@contextmanager
def of_flask(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    app = flask.Flask(__name__)
    app.session_interface = in_flask.IronSessionInterface(options)
    app.config["PREFERRED_URL_SCHEME"] = scheme
    for path in PATHS:
        view = lambda: act(flask.request.path, in_flask.get_session())  # noqa: E731 - one for each
        app.add_url_rule(path, path, view)
    client = app.test_client()
    yield Site(client, client.get, lambda response: response.json)


@contextmanager
def wsgi(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    """Without a framework, in werkzeug's client."""

    def application(environ: Any, start_response: Any) -> Any:
        body = flask.json.dumps(act(environ["PATH_INFO"], environ["iron_session"]))
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body.encode()]

    client = WerkzeugClient(in_wsgi.IronSessionMiddleware(application, options))
    base = f"{scheme}://localhost"
    get = lambda path: client.get(path, base_url=base)  # noqa: E731 - an adapter
    yield Site(client, get, lambda response: response.json)


@contextmanager
def of_quart(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    app = quart.Quart(__name__)
    app.session_interface = in_quart.IronSessionInterface(options)

    async def view() -> Any:
        return act(quart.request.path, in_quart.get_session())

    for path in PATHS:
        app.add_url_rule(path, path, view)
    client = app.test_client()
    with asyncio.Runner() as runner:

        async def get(path: str) -> Any:
            return await client.get(path, scheme=scheme)

        async def read(response: Any) -> Any:
            return await response.get_json()

        yield Site(
            client,
            lambda path: runner.run(get(path)),
            lambda response: runner.run(read(response)),
        )


def django_view(request: Any) -> django.http.HttpResponse:
    found = act(request.path, in_django.get_session(request))
    return django.http.JsonResponse(found)


async def django_async_view(request: Any) -> django.http.HttpResponse:
    return django_view(request)


urlpatterns = [
    *(django_path(path[1:], django_view) for path in PATHS),
    *(django_path(f"async{path}", django_async_view) for path in PATHS),
]


def django_site(options: SessionOptions[Any]) -> Any:
    """The settings of a site with our middleware alone."""
    return override_settings(
        IRON_SESSION=options, ROOT_URLCONF=__name__, MIDDLEWARE=[SESSION_MIDDLEWARE]
    )


@contextmanager
def of_django(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    with django_site(options):
        client = DjangoClient()
        yield Site(client, lambda path: client.get(path, secure=scheme == "https"))


@contextmanager
def of_async_django(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    def act_at(path: str) -> Any:
        return runner.run(client.get(path, secure=scheme == "https"))

    with django_site(options), asyncio.Runner() as runner:
        client = AsyncDjangoClient()
        yield Site(client, act_at)


@contextmanager
def of_aiohttp(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response(act(request.path, in_aiohttp.get_session(request)))

    async def open_client() -> AiohttpClient[Any, Any]:
        app = web.Application()
        app.add_routes([web.get(path, handle) for path in PATHS])
        in_aiohttp.setup(app, options)
        client = AiohttpClient(TestServer(app))
        await client.start_server()
        return client

    async def get(path: str) -> Any:
        async with client.get(path) as response:
            await response.read()
            return response

    with asyncio.Runner() as runner:
        client = runner.run(open_client())
        try:
            yield Site(
                client,
                lambda path: runner.run(get(path)),
                lambda response: runner.run(response.json()),
            )
        finally:
            runner.run(client.close())


@contextmanager
def asgi_client(app: Any, base_url: str) -> Iterator[Site]:
    """Open an application in httpx, as Sanic's client for ASGI is one."""

    async def close() -> None:
        await client.aclose()

    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url)
        try:
            yield Site(client, lambda path: runner.run(client.get(path)))
        finally:
            runner.run(close())


@contextmanager
def of_sanic(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    async def handle(request: sanic.Request) -> sanic.HTTPResponse:
        return sanic.json(act(request.path, in_sanic.get_session(request)))

    app = new_app()
    in_sanic.setup(app, options)
    for number, path in enumerate(PATHS):
        app.add_route(handle, path, name=f"handle{number}")
    asyncio.run(sanic_driver.start(app))
    with asgi_client(app, f"{scheme}://mockserver:1234") as site:
        yield site


@contextmanager
def asgi(options: SessionOptions[Any], scheme: str) -> Iterator[Site]:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        response = JSONResponse(act(scope["path"], scope["session"]))
        await response(scope, receive, send)

    app = in_asgi.IronSessionMiddleware(application, options)
    with asgi_client(app, f"{scheme}://testserver") as site:
        yield site


KEEP_SECURE_APART: dict[str, Open] = {
    "starlette": starlette,
    "fastapi": of_fastapi,
    "litestar": of_litestar,
    "sanic": of_sanic,
    "httpx": asgi,
}
"""Whose clients send a Secure cookie to https:// URLs only, as browsers do."""

SEND_SECURE_ANYWHERE: dict[str, Open] = {
    "flask": of_flask,
    "werkzeug": wsgi,
    "quart": of_quart,
    "django": of_django,
    "django async": of_async_django,
}

# aiohttp's serves http:// alone.
OPEN: dict[str, Open] = {**KEEP_SECURE_APART, **SEND_SECURE_ANYWHERE, "aiohttp": of_aiohttp}


@pytest.fixture(params=OPEN)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with OPEN[request.param](OPTIONS, "http") as opened:
        yield opened


def test_the_application_finds_the_session_that_a_client_was_logged_in_with(site: Site) -> None:
    assert site.found_at("/") == {}
    log_in(site.client, OPTIONS, {"user": 1})
    assert site.found_at("/") == {"user": 1}
    assert read_session(site.client, OPTIONS) == {"user": 1}


def test_what_the_application_changes_is_read_from_the_response_and_from_the_client(
    site: Site,
) -> None:
    log_in(site.client, OPTIONS, {"user": 1})
    response = site.get("/add")
    assert read_session(response, OPTIONS) == {"user": 1, "cart": ["pen"]}
    assert read_session(site.client, OPTIONS) == {"user": 1, "cart": ["pen"]}
    assert site.found_at("/add") == {"user": 1, "cart": ["pen"]}
    assert read_session(site.client, OPTIONS) == {"user": 1, "cart": ["pen", "pen"]}


def test_a_response_that_set_nothing_is_none(site: Site) -> None:
    assert read_session(site.get("/"), OPTIONS) is None
    assert read_session(site.client, OPTIONS) is None
    log_in(site.client, OPTIONS, {"user": 1})
    assert read_session(site.get("/"), OPTIONS) is None


def test_a_logout_is_seen(site: Site) -> None:
    log_in(site.client, OPTIONS, {"user": 1})
    ended = read_session(site.get("/logout"), OPTIONS)
    assert ended is not None
    assert (ended.destroyed, dict(ended)) == (True, {})
    assert read_session(site.client, OPTIONS) is None
    assert site.found_at("/") == {}


def test_a_frozen_clock_ends_a_session(site: Site) -> None:
    with frozen_clock() as clock:
        log_in(site.client, OPTIONS, {"user": 1})
        clock.tick(timedelta(days=13))
        assert site.found_at("/") == {"user": 1}
        clock.tick(timedelta(days=2))
        assert site.found_at("/") == {}
        with pytest.raises(UnsealError) as caught:
            read_session(site.client, OPTIONS)
        assert caught.value.reason == "expired"


def test_logging_in_takes_the_place_of_a_session_in_any_number_of_cookies(site: Site) -> None:
    for data in ({"user": 1}, {"user": 2, "large": LARGE}, {"user": 3}):
        log_in(site.client, OPTIONS, data)
        assert site.found_at("/") == data
        assert read_session(site.client, OPTIONS) == data
        assert read_session(site.get("/add"), OPTIONS) == {**data, "cart": ["pen"]}
        assert read_session(site.client, OPTIONS) == {**data, "cart": ["pen"]}


@pytest.mark.parametrize("name", OPEN)
def test_a_session_below_a_path_is_found_there_alone(name: str) -> None:
    options = make_options(cookie_options={"path": "/add"})
    with OPEN[name](options, "http") as site:
        log_in(site.client, options, {"user": 1})
        assert site.found_at("/add") == {"user": 1}
        assert read_session(site.client, options) == {"user": 1, "cart": ["pen"]}


@pytest.mark.parametrize("name", KEEP_SECURE_APART)
def test_a_secure_session_needs_a_secure_url(name: str) -> None:
    options = make_options(cookie_options={"secure": True})
    with OPEN[name](options, "https") as site:
        log_in(site.client, options, {"user": 1})
        assert site.found_at("/") == {"user": 1}
    with OPEN[name](options, "http") as site:
        with pytest.raises(ConfigurationError, match=r"to http://.*: it is Secure\. .* https://"):
            log_in(site.client, options, {"user": 1})
        assert read_session(site.client, options) is None


def test_a_secure_session_does_not_travel_to_aiohttp_s_server() -> None:
    options = make_options(cookie_options={"secure": True})
    with of_aiohttp(options, "http") as site:
        with pytest.raises(ConfigurationError, match="it is Secure"):
            log_in(site.client, options, {"user": 1})
        assert read_session(site.client, options) is None


@pytest.mark.parametrize("name", SEND_SECURE_ANYWHERE)
def test_a_client_that_sends_secure_cookies_anywhere_is_logged_in(name: str) -> None:
    options = make_options(cookie_options={"secure": True})
    with OPEN[name](options, "http") as site:
        log_in(site.client, options, {"user": 1})
        assert site.found_at("/") == {"user": 1}


@pytest.mark.parametrize("name", sorted(OPEN.keys() - {"django", "django async"}))
def test_a_session_of_another_domain_is_refused(name: str) -> None:
    """Django's client sends it all the same."""
    options = make_options(cookie_options={"domain": "example.com"})
    with OPEN[name](options, "http") as site:
        with pytest.raises(ConfigurationError, match=r"its domain is example\.com"):
            log_in(site.client, options, {"user": 1})
        assert read_session(site.client, options) is None


def with_cookies(response: Any) -> Any:
    """Have a framework's response set a session beside another cookie."""
    set_cookie = getattr(response, "set_cookie", None) or response.add_cookie
    set_cookie("other", "1")
    set_cookie("session", session_cookie(OPTIONS, {"user": 1})["session"])
    return response


@pytest.mark.parametrize(
    "make",
    [
        Response,
        WerkzeugResponse,
        lambda: quart.Response(b""),
        django.http.HttpResponse,
        web.Response,
        sanic.HTTPResponse,
    ],
    ids=["starlette", "werkzeug", "quart", "django", "aiohttp", "sanic"],
)
def test_the_responses_that_frameworks_build_are_read(make: Callable[[], Any]) -> None:
    response = make()
    assert read_session(response, OPTIONS) is None
    assert read_session(with_cookies(response), OPTIONS) == {"user": 1}


# --- the dict of a Django project ----------------------------------------------------------------

A_PASSWORD = "a password of this test's own, 32 characters"


def django_s_dict() -> Any:
    """Return the settings of a site whose options are a dict, beside settings of Django's own."""
    return override_settings(
        IRON_SESSION={"password": A_PASSWORD, "renew_after": 60},
        SESSION_COOKIE_NAME="__Host-shop",
        SESSION_COOKIE_AGE=3600,
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[SESSION_MIDDLEWARE],
    )


def test_django_s_dict_logs_in_and_reads_what_the_site_reads_and_sets() -> None:
    with django_s_dict(), frozen_clock() as clock:
        given = settings.IRON_SESSION
        client: Any = DjangoClient()
        log_in(client, given, {"user": 1}, user_id="1")
        assert set(client.cookies) == {"__Host-shop"}
        assert client.get("/").json() == {"user": 1}
        response = client.get("/add")
        session = read_session(response, given)
        assert session is not None
        assert session == {"user": 1, "cart": ["pen"]}
        assert session.user_id == "1"
        assert read_session(client, given) == session
        assert session_cookie(given, {}).keys() == {"__Host-shop"}
        asked: Any = DjangoClient(headers={"cookie": cookie_header(given, {"user": 2})})
        assert asked.get("/").json() == {"user": 2}
        clock.tick(timedelta(minutes=62))  # SESSION_COOKIE_AGE
        assert client.get("/").json() == {}


def test_django_s_dict_is_copied_for_plain_http() -> None:
    with django_s_dict():
        options = for_tests(settings.IRON_SESSION)
    assert (options.cookie_name, options.cookie.secure, options.ttl) == (
        "shop",
        False,
        3600,
    )


def test_another_dict_than_the_project_s_is_read_by_the_same_rule() -> None:
    """As one that is to replace it in `override_settings`."""
    with django_s_dict():
        changed = {**settings.IRON_SESSION, "password": A_PASSWORD[::-1]}
        for setting, found in ((settings.IRON_SESSION, {}), (changed, {"user": 1})):
            with override_settings(IRON_SESSION=setting):
                client: Any = DjangoClient()
                log_in(client, changed, {"user": 1})
                assert client.get("/").json() == found


def test_a_dict_that_django_s_middleware_refuses_is_refused_in_the_same_words() -> None:
    with django_s_dict():
        with pytest.raises(ConfigurationError, match=r"^IRON_SESSION does not take 'age'"):
            log_in(DjangoClient(), {"password": A_PASSWORD, "age": 1}, {})
        with pytest.raises(ConfigurationError, match=r"^IRON_SESSION has no password"):
            read_session([], {})
