"""aiohttp_session: what its users call, on the sessions of aiohttp's door."""

import asyncio
import gc
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, NoReturn

import aiohttp_session
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from iron_session import ConfigurationError, HeadersAlreadySentError, SessionOptions
from iron_session.integrations.aiohttp import get_session
from iron_session.integrations.aiohttp_session import setup
from tests.contract.aiohttp_driver import run
from tests.contract.door import Answer, Visit
from tests.contract.integrations.aiohttp import know_text_keys
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    NAME,
    NOW,
    OLD,
    TTL,
    cookie_of,
    expiration_of,
    make_options,
    open_text,
    saved,
    session_of,
)

know_text_keys()

Act = Callable[[aiohttp_session.Session], Any]


def make_app(act: Callable[[web.Request], Awaitable[Any]], **options: Any) -> web.Application:
    """Make an app of one route, which answers what is done there as JSON."""

    async def endpoint(request: web.Request) -> web.Response:
        return web.json_response(await act(request))

    app = web.Application()
    app.router.add_get("/", endpoint)
    setup(app, make_options(**options))
    return app


def visit(app: web.Application, cookies: str = "") -> Answer:
    """Run an app for one request."""
    with run(app) as site:
        return site.visit(Visit(target="/", headers=[("Cookie", cookies)] if cookies else []))


def do(act: Act, cookies: str = "", **options: Any) -> Answer:
    """Send a request whose handler does something to aiohttp_session's session."""

    async def on_request(request: web.Request) -> Any:
        return act(await aiohttp_session.get_session(request))

    return visit(make_app(on_request, **options), cookies)


def written_by(answer: Answer) -> dict[str, Any]:
    """Give what the session holds that an answer sets."""
    return dict(session_of(f"{NAME}={answer.cookies[NAME].value}"))


def expires(answer: Answer) -> bool:
    """Tell whether an answer ends the session."""
    cookie = answer.cookies[NAME]
    return (cookie.value, cookie.max_age) == ("", 0)


def test_the_cookie_holds_the_bare_object_that_javascript_reads(clock: Clock) -> None:
    """Not aiohttp_session's envelope of "created" and "session"."""
    answer = do(lambda session: session.update(user={"id": 1}))
    assert open_text(answer.cookies[NAME].value, now=clock.now) == {"user": {"id": 1}}


def test_it_is_the_session_of_aiohttp_s_door() -> None:
    async def both(request: web.Request) -> Any:
        (await aiohttp_session.get_session(request))["a"] = 1
        return dict(get_session(request))

    assert visit(make_app(both)).json == {"a": 1}


def test_it_is_one_of_aiohttp_session_s_and_the_same_in_the_whole_request() -> None:
    async def look(request: web.Request) -> Any:
        session = await aiohttp_session.get_session(request)
        assert session is await aiohttp_session.get_session(request)
        return isinstance(session, aiohttp_session.Session)

    assert visit(make_app(look)).json is True


def test_it_is_a_mapping_with_all_methods() -> None:
    def use(session: aiohttp_session.Session) -> Any:
        session["a"] = 1
        session.setdefault("b", {})["c"] = [2]
        session.update(d=3)
        del session["a"]
        return [session.pop("d"), session.get("x"), "b" in session, list(session), len(session)]

    answer = do(use, saved({"old": 0}))
    assert answer.json == [3, None, True, ["old", "b"], 2]
    assert written_by(answer) == {"old": 0, "b": {"c": [2]}}


@pytest.mark.parametrize(("cookies", "new"), [("", True), (saved({"a": 1}), False), ("x=y", True)])
def test_it_knows_whether_it_is_new_and_empty(cookies: str, new: bool) -> None:
    assert do(lambda session: [session.new, session.empty], cookies).json == [new, new]


def test_its_repr_tells_the_state_and_shows_no_data() -> None:
    def show(session: aiohttp_session.Session) -> str:
        session["secret"] = "hunter2"
        return repr(session)

    text = do(show).json
    assert repr(NAME) in text
    assert "1 keys" in text
    assert "hunter2" not in text
    assert "secret" not in text


def test_asking_for_it_does_not_read_it() -> None:
    answer = do(lambda session: None, "garbage")
    assert (answer.vary, answer.cookies) == (None, {})


def test_changed_has_it_written_as_it_is(clock: Clock) -> None:
    cookies = saved({"a": 1})
    clock.advance(100)
    answer = do(lambda session: session.changed(), cookies)
    assert written_by(answer) == {"a": 1}
    assert answer.cookies[NAME].max_age == TTL - 60


@pytest.mark.parametrize(
    "end",
    [
        lambda session: session.invalidate(),
        lambda session: session.clear(),
        lambda session: session.destroy(),
    ],
    ids=["invalidate", "clear", "destroy"],
)
def test_an_ended_session_expires_its_cookie(end: Act) -> None:
    answer = do(end, saved({"a": 1}))
    assert expires(answer)
    assert {"Secure", "HttpOnly"} <= answer.cookies[NAME].attributes.keys()


@pytest.mark.parametrize("cookies", [f"{NAME}=junk", saved({"a": 1}, password={2: OLD})])
def test_invalidate_expires_a_cookie_that_can_t_be_read_here(cookies: str) -> None:
    """Another server may read it: the visitor would stay logged in there."""
    assert expires(do(lambda session: session.invalidate(), cookies))


def test_an_attribute_is_no_way_to_store_data() -> None:
    """What would be lost without a word is refused; aiohttp_session's own attributes are there."""

    def remember(session: Any) -> str:
        session.max_age = 60
        with pytest.raises(AttributeError, match=re.escape("session['user']")):
            session.user = 1
        return "refused"

    assert do(remember).json == "refused"


def test_a_session_that_was_invalidated_can_be_filled_again() -> None:
    def log_out_with_a_message(session: aiohttp_session.Session) -> None:
        session.invalidate()
        session["message"] = "bye"

    assert written_by(do(log_out_with_a_message, saved({"user": 1}))) == {"message": "bye"}


def test_save_writes_at_once_and_takes_a_life_of_its_own() -> None:
    def remember(session: Any) -> None:
        session["a"] = 1
        session.save(ttl=3600)

    assert do(remember).cookies[NAME].max_age == 3540


# --- max_age ---------------------------------------------------------------------------------


def set_max_age(value: int | None) -> Act:
    """Give an act that sets `max_age` and tells what it is then."""

    def act(session: aiohttp_session.Session) -> int | None:
        session.max_age = value
        return session.max_age

    return act


def test_max_age_sets_the_life_of_this_one_session(clock: Clock) -> None:
    answer = do(set_max_age(3600), saved({"a": 1}))
    assert answer.json == 3600
    assert answer.cookies[NAME].max_age == 3540
    assert expiration_of(answer.cookies[NAME].value) == clock.now + 3_600_000
    assert do(lambda session: session.max_age, saved({"a": 1})).json == TTL


def test_max_age_stays_with_the_session(clock: Clock) -> None:
    first = do(set_max_age(3600), saved({"a": 1})).cookies[NAME]
    again = do(lambda session: session.update(b=2), f"{NAME}={first.value}").cookies[NAME]
    assert again.max_age == 3540
    assert do(lambda session: session.max_age, f"{NAME}={again.value}").json == 3600


@pytest.mark.parametrize("first", [True, False])
def test_max_age_may_be_set_before_or_after_the_data(first: bool) -> None:
    def fill(session: aiohttp_session.Session) -> None:
        if first:
            session.max_age = 3600
        session["a"] = 1
        if not first:
            session.max_age = 3600

    answer = do(fill)
    assert answer.cookies[NAME].max_age == 3540
    assert written_by(answer) == {"a": 1}


def test_max_age_of_an_empty_session_starts_none() -> None:
    assert do(set_max_age(3600)).cookies == {}


def test_max_age_of_none_is_the_options_life_again() -> None:
    first = do(set_max_age(3600), saved({"a": 1})).cookies[NAME]
    answer = do(set_max_age(None), f"{NAME}={first.value}")
    assert answer.json == TTL
    assert answer.cookies[NAME].max_age == TTL - 60


def test_max_age_of_none_where_it_is_so_already_is_no_change() -> None:
    assert do(set_max_age(None), saved({"a": 1})).cookies == {}


def test_max_age_is_none_for_a_session_without_end() -> None:
    assert do(lambda session: session.max_age, ttl=0).json is None


@pytest.mark.parametrize("value", [0, -1])
def test_max_age_that_is_not_positive_is_refused(value: int) -> None:
    """A ttl of 0 would never expire, while aiohttp_session means the opposite."""

    def act(session: aiohttp_session.Session) -> None:
        with pytest.raises(ConfigurationError, match="invalidate"):
            session.max_age = value

    answer = do(act, saved({"a": 1}))
    assert (answer.status, answer.cookies) == (200, {})


# --- created and identity --------------------------------------------------------------------


def created(cookies: str, **options: Any) -> Any:
    """Give what `created` is for a visitor with these cookies."""
    return do(lambda session: session.created, cookies, **options).json


def test_created_of_a_new_session_is_now() -> None:
    before = int(time.time())
    assert before <= created("") <= time.time()


def test_created_is_when_it_was_last_saved(clock: Clock) -> None:
    cookies = saved({"a": 1})
    last = clock.now // 1000
    clock.advance(1000)
    assert created(cookies) == last


def test_created_is_when_it_began_if_there_is_a_max_lifetime(clock: Clock) -> None:
    began, options = clock.now // 1000, {"ttl": 3600, "max_lifetime": 7200}
    cookies = saved({"a": 1}, **options)
    clock.advance(1000)
    again = do(lambda session: session.changed(), cookies, **options).cookies[NAME]
    assert created(f"{NAME}={again.value}", **options) == began


def test_created_of_a_session_with_a_life_of_its_own_counts_by_that(clock: Clock) -> None:
    last = clock.now // 1000
    first = do(set_max_age(100 * 86400), saved({"a": 1})).cookies[NAME]
    clock.advance(1000)
    assert created(f"{NAME}={first.value}") == last


def test_created_is_never_in_the_future(clock: Clock) -> None:
    """A seal of another ttl, as JavaScript may have it, tells less."""
    before = int(time.time())
    assert before <= created(cookie_of('{"a":1}', expires=NOW * 3)) <= time.time()


@pytest.mark.parametrize("ttl", [0, TTL])
def test_created_of_a_session_without_end_is_now(ttl: int) -> None:
    before = int(time.time())
    cookies = cookie_of('{"a":1}', expires=None)
    assert before <= created(cookies, ttl=ttl) <= time.time()


@pytest.mark.parametrize("cookies", ["", saved({"a": 1})])
def test_there_is_no_identity(cookies: str) -> None:
    assert do(lambda session: session.identity, cookies).json is None


# --- new_session -----------------------------------------------------------------------------


async def log_in(request: web.Request) -> Any:
    """Begin a new session, as at a login."""
    session = await aiohttp_session.new_session(request)
    assert session.new
    assert session.empty
    assert session is await aiohttp_session.get_session(request)
    session["user"] = 2
    return session.created


def test_a_new_session_takes_the_old_one_s_place() -> None:
    assert written_by(visit(make_app(log_in), saved({"user": 1, "cart": []}))) == {"user": 2}


def test_a_new_session_begins_now(clock: Clock) -> None:
    """Its lifetime too, also where it holds what the old one held."""
    options = {"ttl": 3600, "max_lifetime": 7200}
    cookies = saved({"user": 2}, **options)
    clock.advance(3000)
    before = int(time.time())
    answer = visit(make_app(log_in, **options), cookies)
    assert before <= answer.json <= time.time()
    assert open_text(answer.cookies[NAME].value, now=clock.now) == {
        "user": 2,
        "$iron": {"created": clock.now},
    }


def test_a_new_session_that_holds_the_same_is_written_all_the_same(clock: Clock) -> None:
    cookies = saved({"user": 2})
    clock.advance(1000)
    answer = visit(make_app(log_in), cookies)
    assert expiration_of(answer.cookies[NAME].value) == clock.now + TTL * 1000


def test_a_new_session_into_which_nothing_is_put_ends_the_old_one() -> None:
    async def act(request: web.Request) -> None:
        await aiohttp_session.new_session(request)

    assert expires(visit(make_app(act), saved({"user": 1})))
    assert visit(make_app(act)).cookies == {}


def test_of_the_session_before_a_new_one_data_can_be_taken_over() -> None:
    """It stays as it was, and what is done to it is not written."""

    async def log_in_with_the_cart(request: web.Request) -> Any:
        old = await aiohttp_session.get_session(request)
        new = await aiohttp_session.new_session(request)
        new["cart"] = old["cart"]
        old["user"] = 3
        old.max_age = 60
        old.invalidate()
        return dict(new)

    answer = visit(make_app(log_in_with_the_cart), saved({"user": 1, "cart": [1]}))
    assert answer.json == {"cart": [1]}
    assert written_by(answer) == {"cart": [1]}
    assert answer.cookies[NAME].max_age == TTL - 60


def test_a_new_session_in_a_stream_is_written_too() -> None:
    """aiohttp_session by itself forgets it there."""

    async def stream(request: web.Request) -> web.StreamResponse:
        (await aiohttp_session.new_session(request))["user"] = 2
        response = web.StreamResponse()
        await response.prepare(request)
        return response

    app = web.Application()
    app.router.add_get("/", stream)
    setup(app, make_options())
    assert written_by(visit(app, saved({"user": 1}))) == {"user": 2}


def test_a_new_session_begins_for_the_request_that_it_is_called_with() -> None:
    """Though called in a task that another visitor's request has started."""
    job: asyncio.Queue[web.Request] = asyncio.Queue()
    done = asyncio.Event()

    async def work() -> None:
        try:
            (await aiohttp_session.new_session(await job.get()))["user"] = "bob"
        finally:
            done.set()

    async def endpoint(request: web.Request) -> web.Response:
        if request.query["user"] == "alice":
            worker = asyncio.create_task(work())
            await done.wait()
            await worker
        else:
            job.put_nowait(request)
            await done.wait()
        return web.json_response(dict(await aiohttp_session.get_session(request)))

    app = web.Application()
    app.router.add_get("/", endpoint)
    setup(app, make_options())
    alice = Visit(target="/?user=alice", headers=[("Cookie", saved({"user": "alice"}))])
    bob = Visit(target="/?user=bob", headers=[])
    with run(app) as site:
        of_alice, of_bob = site.visit_at_once([alice, bob])
    assert (of_alice.json, of_alice.cookies) == ({"user": "alice"}, {})
    assert of_bob.json == {"user": "bob"}
    assert written_by(of_bob) == {"user": "bob"}


@pytest.mark.parametrize("asked_before", [True, False])
@pytest.mark.parametrize("through_the_copy", [True, False])
def test_a_new_session_takes_the_place_of_one_that_a_copy_of_the_request_has(
    asked_before: bool, through_the_copy: bool
) -> None:
    """What is done to the one from before is not written, by whichever request it was found."""

    async def log_in(request: web.Request) -> Any:
        if asked_before:
            await aiohttp_session.get_session(request)
        copy = request.clone()
        old = await aiohttp_session.get_session(copy if through_the_copy else request)
        new = await aiohttp_session.new_session(copy)
        old["admin"] = True
        assert new.new
        assert new is await aiohttp_session.get_session(copy)
        assert new is await aiohttp_session.get_session(request)
        new["user"] = 2
        return dict(old)

    answer = visit(make_app(log_in), saved({"user": 1}))
    assert answer.json == {"user": 1, "admin": True}
    assert written_by(answer) == {"user": 2}


def test_a_copy_that_outlives_its_request_begins_no_session() -> None:
    """Nor does aiohttp_session's storage keep the request from being freed."""
    copies: list[web.Request] = []

    async def act(request: web.Request) -> None:
        if copies:
            gc.collect()
            with pytest.raises(HeadersAlreadySentError, match="over"):
                await aiohttp_session.new_session(copies[0])
        copies.append(request.clone())

    with run(make_app(act)) as site, closing(HTTPConnection(site.address)) as connection:
        for _ in range(2):
            connection.request("GET", "/")
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"null")


# --- setup -----------------------------------------------------------------------------------


def test_a_middleware_added_after_setup_has_the_session() -> None:
    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        (await aiohttp_session.get_session(request))["count"] = 1
        return await handler(request)

    async def leave(request: web.Request) -> NoReturn:
        raise web.HTTPFound("/")

    app = web.Application()
    app.router.add_get("/", leave)
    setup(app, make_options())
    app.middlewares.append(count)
    answer = visit(app)
    assert answer.status == 302
    assert written_by(answer) == {"count": 1}


@pytest.mark.parametrize(
    ("options", "key"), [(make_options(), "again"), (make_options(cookie_name="x"), "session")]
)
def test_a_cookie_or_key_that_is_served_already_is_refused(
    options: SessionOptions, key: str
) -> None:
    app = web.Application()
    setup(app, make_options())
    with pytest.raises(ConfigurationError, match="twice"):
        setup(app, options, key=key)


def test_options_that_are_none_are_refused() -> None:
    options: Any = None
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        setup(web.Application(), options)


@pytest.mark.parametrize("anew", [False, True])
def test_a_copy_that_was_made_before_setup_writes_the_session(anew: bool) -> None:
    """As middlewares behind a proxy make one, of which aiohttp's own part hears nothing."""

    @web.middleware
    async def pass_on_a_copy(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await handler(request.clone(scheme="https"))

    async def on_request(request: web.Request) -> Any:
        begin = aiohttp_session.new_session if anew else aiohttp_session.get_session
        (await begin(request.clone()))["b"] = 2
        return {}

    app = make_app(on_request)
    app.middlewares.insert(0, pass_on_a_copy)
    assert written_by(visit(app, saved({"a": 1}))) == ({"b": 2} if anew else {"a": 1, "b": 2})
