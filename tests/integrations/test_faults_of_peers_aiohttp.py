"""What aiohttp_session with its own storages gets wrong, each as a test that it is right here.

On both ways to a session: aiohttp's own, and through aiohttp_session.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp_session
import pytest
from aiohttp import web

from iron_session import CookieOptions
from iron_session.integrations import aiohttp
from iron_session.integrations import aiohttp_session as ours
from tests.contract.aiohttp_driver import run
from tests.contract.common_app import FILE
from tests.contract.door import Answer, Visit
from tests.contract.integrations.aiohttp import know_text_keys
from tests.contract.logs import lost_changes
from tests.sessions.browser import FOREIGN, NAME, make_options, saved, seal_text, session_of

know_text_keys()

Session = Any
Endpoint = Callable[[web.Request, Session], Awaitable[web.StreamResponse]]


class OwnWay:
    """`get_session(request)` of the integration for aiohttp."""

    setup = staticmethod(aiohttp.setup)

    @staticmethod
    async def get(request: web.Request) -> Session:
        return aiohttp.get_session(request)


class ThroughAiohttpSession:
    """`await aiohttp_session.get_session(request)`."""

    setup = staticmethod(ours.setup)
    get = staticmethod(aiohttp_session.get_session)


Way = type[OwnWay] | type[ThroughAiohttpSession]


@pytest.fixture(params=[OwnWay, ThroughAiohttpSession])
def way(request: pytest.FixtureRequest) -> Way:
    """Give both ways to a session."""
    way: Way = request.param
    return way


def visit(way: Way, endpoint: Endpoint, *cookie_fields: str, **options: Any) -> Answer:
    """Run an app of one route for one request."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await endpoint(request, await way.get(request))

    app = web.Application()
    app.router.add_get("/", handle)
    way.setup(app, make_options(**options))
    with run(app) as site:
        return site.visit(Visit(target="/", headers=[("Cookie", one) for one in cookie_fields]))


def written_by(answer: Answer) -> dict[str, Any]:
    """Give what the session holds that an answer sets."""
    return dict(session_of(f"{NAME}={answer.cookies[NAME].value}"))


async def show(request: web.Request, session: Session) -> web.Response:
    return web.json_response(dict(session))


@pytest.mark.parametrize("name", [f"__Host-{NAME}", f"__Secure-{NAME}", NAME])
@pytest.mark.parametrize("partitioned", [True, False])
def test_a_deletion_has_every_attribute_that_the_cookie_was_set_with(
    way: Way, name: str, partitioned: bool
) -> None:
    """Without Secure browsers keep a `__Host-` cookie, and the visitor stays logged in."""
    cookie = CookieOptions(partitioned=partitioned, same_site="strict")

    async def log_out(request: web.Request, session: Session) -> web.Response:
        if isinstance(session, aiohttp_session.Session):
            session.invalidate()
        else:
            session.destroy()
        return web.Response()

    header = saved({"a": 1}, cookie_name=name, cookie_options=cookie)
    deleted = visit(way, log_out, header, cookie_name=name, cookie_options=cookie).cookies[name]
    assert (deleted.value, deleted.max_age) == ("", 0)
    assert {"Secure", "HttpOnly"} <= deleted.attributes.keys()
    assert (deleted.attributes["Path"], deleted.attributes["SameSite"]) == ("/", "Strict")
    assert ("Partitioned" in deleted.attributes) is partitioned


def test_a_streamed_response_carries_the_cookie(way: Way) -> None:
    """aiohttp_session passes it over."""

    async def stream(request: web.Request, session: Session) -> web.StreamResponse:
        session["a"] = 1
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"all")
        return response

    answer = visit(way, stream)
    assert answer.body == b"all"
    assert written_by(answer) == {"a": 1}


def test_a_stream_that_the_server_prepares_carries_the_cookie(way: Way) -> None:
    async def stream(request: web.Request, session: Session) -> web.StreamResponse:
        session["a"] = 1
        return web.StreamResponse()

    assert written_by(visit(way, stream)) == {"a": 1}


def test_a_file_carries_the_cookie(way: Way) -> None:
    async def send_file(request: web.Request, session: Session) -> web.FileResponse:
        session["a"] = 1
        return web.FileResponse(FILE)

    answer = visit(way, send_file)
    assert answer.body == FILE.read_bytes()
    assert written_by(answer) == {"a": 1}


def test_the_handshake_of_a_websocket_carries_the_cookie(way: Way) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        (await way.get(request))["a"] = 1
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await websocket.close()
        return websocket

    app = web.Application()
    app.router.add_get("/", handle)
    way.setup(app, make_options())
    with run(app) as site:
        assert written_by(site.connect(Visit(target="/", headers=[]))) == {"a": 1}


@pytest.mark.parametrize("tossed", ["x", seal_text('{"a":2}', password=FOREIGN), ""])
@pytest.mark.parametrize("first", [True, False])
def test_a_cookie_tossed_in_by_a_sibling_does_not_shadow_the_real_one(
    way: Way, tossed: str, first: bool
) -> None:
    """aiohttp knows only the last one of a name."""
    pairs = [f"{NAME}={tossed}", saved({"a": 1})]
    fields = pairs if first else pairs[::-1]
    assert visit(way, show, "; ".join(fields)).json == {"a": 1}
    assert visit(way, show, *fields).json == {"a": 1}


@pytest.mark.parametrize("odd", ["a b=c", "[x]=1", 'a="', "=", ";", "$Version=1"])
def test_an_odd_pair_before_ours_does_not_hide_it(way: Way, odd: str) -> None:
    assert visit(way, show, f"{odd}; {saved({'a': 1})}").json == {"a": 1}


def test_a_change_after_a_stream_has_started_does_not_vanish_in_silence(
    way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    async def stream(request: web.Request, session: Session) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        session["a"] = 1
        return response

    assert visit(way, stream).cookies == {}
    assert len(lost_changes(caplog)) == 1


def test_a_change_in_a_generated_body_does_not_vanish_in_silence(
    way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    async def parts(session: Session) -> AsyncIterator[bytes]:
        session["a"] = 1
        yield b"all"

    async def answer(request: web.Request, session: Session) -> web.Response:
        return web.Response(body=parts(session))

    assert visit(way, answer).cookies == {}
    assert len(lost_changes(caplog)) == 1


def test_a_change_inside_a_nested_value_is_not_lost(way: Way) -> None:
    """aiohttp_session saves it only after `session.changed()`."""

    async def append(request: web.Request, session: Session) -> web.Response:
        session["cart"].append(2)
        return web.Response()

    assert written_by(visit(way, append, saved({"cart": [1]}))) == {"cart": [1, 2]}


def test_the_cookie_can_t_be_read(way: Way) -> None:
    """That of aiohttp_session's SimpleCookieStorage is plain JSON."""

    async def write(request: web.Request, session: Session) -> web.Response:
        session["card"] = "4111 1111"
        return web.Response()

    cookie = visit(way, write).cookies[NAME]
    assert "4111 1111" not in cookie.value
    assert "card" not in cookie.value


@pytest.mark.parametrize("forged", ["AAAA", "{}", '{"created":1,"session":{"a":1}}', "null", "[]"])
def test_a_cookie_of_plain_json_is_no_session(way: Way, forged: str) -> None:
    """And no 500: aiohttp_session's SimpleCookieStorage decodes whatever comes."""
    answer = visit(way, show, f"{NAME}={forged}")
    assert (answer.status, answer.json) == (200, {})


def test_a_response_that_only_looked_varies_on_the_cookie(way: Way) -> None:
    """aiohttp_session never says so, and a cache hands one visitor's page to another."""
    assert visit(way, show).vary == "Cookie"
    assert visit(way, show, saved({"a": 1})).vary == "Cookie"


def test_a_response_that_sets_the_cookie_is_kept_by_no_cache(way: Way) -> None:
    async def write(request: web.Request, session: Session) -> web.Response:
        session["a"] = 1
        return web.Response()

    assert visit(way, write).cache_control == "no-store"


def test_a_handler_may_prepare_its_plain_response_by_itself() -> None:
    """With aiohttp_session installed that is an error of its own, after the fact: not with ours."""

    async def write(request: web.Request, session: Session) -> web.Response:
        session["a"] = 1
        response = web.Response(text="all")
        await response.prepare(request)
        return response

    answer = visit(OwnWay, write)
    assert (answer.status, answer.body) == (200, b"all")
    assert written_by(answer) == {"a": 1}
