"""Real situations for `iron-session inspect`: what is pasted, made with the libraries themselves.

Each is a function of the stopped clock; its name is that of its file in `golden`.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import django.core.signing
import itsdangerous
import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from joserfc import jwe, jwt
from joserfc.jwk import OctKey
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

import tests.integrations.django_site.project  # noqa: F401 - settings, which signing asks for
from iron_session import HeaderJar, Passwords, SessionOptions, get_iron_session, seal_data
from iron_session.seals.iron import DEFAULTS, Secret, seal_bytes
from tests.helpers.clock import Clock
from tests.helpers.seals import OTHER, PASSWORD
from tests.interop.node import driver, node_command

KEY = "the key of other systems, of forty chars"
DAY = 24 * 3600


@dataclass(frozen=True)
class Situation:
    """What is given to the command."""

    given: str
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=lambda: {"SESSION_PASSWORD": PASSWORD})


Maker = Callable[[Clock], Situation]
SITUATIONS: dict[str, Maker] = {}


def situation(make: Maker) -> Maker:
    """Register a situation."""
    SITUATIONS[make.__name__] = make
    return make


def sealed(data: Any = {"user": "Zoë", "cart": [1, 2]}, **options: Any) -> str:  # noqa: B006
    """Seal with the usual password."""
    return seal_data(data, **{"password": PASSWORD, **options})


def options(**given: Any) -> SessionOptions:
    """Make the options of a session."""
    return SessionOptions(**{"password": PASSWORD, "cookie_name": "myapp", **given})


# --- sessions that open --------------------------------------------------------------------------


@situation
def a_good_session(clock: Clock) -> Situation:
    return Situation(f"Cookie: myapp={sealed()}\n")


@situation
def a_good_session_with_its_data(clock: Clock) -> Situation:
    seal = sealed()
    clock.advance(2 * 3600)
    return Situation(seal, ("--data", "--ttl", str(14 * DAY)))


@situation
def without_a_password(clock: Clock) -> Situation:
    return Situation(sealed(), environment={})


@situation
def a_login(clock: Clock) -> Situation:
    """A session with all that this package adds, as its Set-Cookie line."""
    jar = HeaderJar()
    session = get_iron_session(jar, options(max_lifetime=30 * DAY))
    session.login("42")
    session["name"] = "Zoë"
    session.save(ttl=3600)
    clock.advance(600)
    (line,) = jar.set_cookie_headers
    return Situation(f"set-cookie: {line}", ("--data",))


@situation
def chunks_of_devtools(clock: Clock) -> Situation:
    seal = sealed({"text": "x" * 5000})
    return Situation(f"myapp.0={seal[:4000]}\nmyapp.1={seal[4000:]}\n")


@situation
def an_older_password(clock: Clock) -> Situation:
    environment = {"SESSION_PASSWORD": json.dumps({"1": PASSWORD, "2": OTHER})}
    return Situation(sealed(), environment=environment)


@situation
def a_list_is_no_session(clock: Clock) -> Situation:
    return Situation(sealed([1, 2]))


@situation
def longer_than_any_session(clock: Clock) -> Situation:
    """Nothing is cut off where a whole cookie could be."""
    return Situation(sealed({"text": "x" * 30_000}))


@situation
def a_ttl_that_is_not_its_own(clock: Clock) -> Situation:
    return Situation(sealed(ttl=3600), ("--ttl", "60"), environment={})


@situation
def characters_that_no_seal_has(clock: Clock) -> Situation:
    return Situation(sealed().replace("*1*", "*é*"))


@situation
def within_the_minute_for_clocks_that_differ(clock: Clock) -> Situation:
    seal = sealed(ttl=3600)
    clock.advance(3630)
    return Situation(seal)


@situation
def a_mark_of_other_values(clock: Clock) -> Situation:
    data = {"$iron": {"user": 42, "login": "now", "ttl": 0, "created": 10**20, "since": clock.now}}
    raw = json.dumps(data).encode()
    return Situation(seal_bytes(raw, Secret("1", PASSWORD), DEFAULTS, clock.now + 1000))


@situation
def a_quoted_value(clock: Clock) -> Situation:
    return Situation(f'Cookie: myapp="{sealed()}"')


@situation
def a_percent_encoded_value(clock: Clock) -> Situation:
    return Situation(f"Cookie: myapp={sealed().replace('*', '%2A').replace('~', '%7E')}")


@situation
def two_cookies_of_one_name(clock: Clock) -> Situation:
    """The second one opens, as a server finds too."""
    return Situation(f"Cookie: _ga=GA1.2; myapp={sealed(password=OTHER)}; myapp={sealed()}")


@situation
def a_magic_link(clock: Clock) -> Situation:
    return Situation(sealed({"email": "a@b.c"}, purpose="magic-link", ttl=900))


# --- sessions that do not open -------------------------------------------------------------------


@situation
def a_wrong_password(clock: Clock) -> Situation:
    return Situation(sealed(password=OTHER))


@situation
def expired(clock: Clock) -> Situation:
    seal = sealed(ttl=3600)
    clock.advance(3 * 3600)
    return Situation(seal, ("--data", "--ttl", "3600"))


@situation
def expired_and_without_a_password(clock: Clock) -> Situation:
    seal = sealed(ttl=3600)
    clock.advance(3 * 3600)
    return Situation(seal, environment={})


@situation
def expired_and_a_wrong_password(clock: Clock) -> Situation:
    seal = sealed(password=OTHER, ttl=3600)
    clock.advance(3 * 3600)
    return Situation(seal)


@situation
def an_old_password_id(clock: Clock) -> Situation:
    environment = {"SESSION_PASSWORD_2": OTHER, "SESSION_PASSWORD_3": OTHER[::-1]}
    return Situation(sealed(), environment=environment)


@situation
def a_password_under_another_id(clock: Clock) -> Situation:
    environment = {"SESSION_PASSWORD": json.dumps({"7": OTHER})}
    return Situation(sealed(password={3: OTHER}), environment=environment)


@situation
def a_password_dropped(clock: Clock) -> Situation:
    return Situation(sealed(password={3: OTHER}))


@situation
def cut_off(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed()[:120]}")


@situation
def cut_off_in_the_mac(clock: Clock) -> Situation:
    return Situation(sealed()[:-20], environment={})


@situation
def a_part_too_many(clock: Clock) -> Situation:
    return Situation(f"{sealed().partition('~')[0]}*more")


@situation
def a_missing_chunk(clock: Clock) -> Situation:
    seal = sealed({"text": "x" * 9000})
    return Situation(f"myapp.0={seal[:4000]}\nmyapp.2={seal[8000:]}\n")


@situation
def the_first_chunk_missing(clock: Clock) -> Situation:
    return Situation(f"myapp.1={sealed({'text': 'x' * 5000})[4000:]}")


@situation
def no_json_inside(clock: Clock) -> Situation:
    return Situation(seal_bytes(b"no JSON", Secret("1", PASSWORD), DEFAULTS, None) + "~2")


@situation
def no_time_at_its_place(clock: Clock) -> Situation:
    parts = sealed().split("*")
    return Situation("*".join([*parts[:5], "soon", *parts[6:]]))


# --- cookies of other systems --------------------------------------------------------------------


@contextmanager
def signing_at(clock: Clock) -> Iterator[None]:
    """Stop the clocks of itsdangerous and Django too."""
    seconds = clock.now // 1000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(itsdangerous.TimestampSigner, "get_timestamp", lambda _: seconds)
        patch.setattr(
            django.core.signing.TimestampSigner,
            "timestamp",
            lambda _: django.core.signing.b62_encode(seconds),
        )
        yield


def flask_cookie(clock: Clock, data: dict[str, Any]) -> str:
    app = Flask("flask_app")
    app.secret_key = KEY
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    with signing_at(clock):
        return str(serializer.dumps(data))


@situation
def flask(clock: Clock) -> Situation:
    value = flask_cookie(clock, {"user": 1, "csrf_token": "abc"})
    clock.advance(2 * DAY)
    return Situation(f"Cookie: session={value}")


@situation
def flask_compressed(clock: Clock) -> Situation:
    return Situation(flask_cookie(clock, {"text": "x" * 500}))


@situation
def starlette(clock: Clock) -> Situation:
    async def home(request: Request) -> PlainTextResponse:
        request.session["user"] = 10
        return PlainTextResponse("")

    app = Starlette()
    app.add_route("/", home)
    app.add_middleware(SessionMiddleware, secret_key=KEY)
    with signing_at(clock):
        header = TestClient(app).get("/").headers["set-cookie"]
    clock.advance(3600)
    return Situation(header)


@situation
def starlette_bare(clock: Clock) -> Situation:
    """Its padding looks like the end of a cookie's name."""
    return Situation(starlette(clock).given.partition(";")[0].partition("=")[2])


def django_cookie(clock: Clock, data: dict[str, Any]) -> str:
    salt = "django.contrib.sessions.backends.signed_cookies"
    with signing_at(clock):
        return str(django.core.signing.dumps(data, key=KEY, salt=salt, compress=True))


@situation
def django_signed(clock: Clock) -> Situation:
    value = django_cookie(clock, {"_auth_user_id": "1"})
    return Situation(f"Cookie: csrftoken=abc; sessionid={value}")


@situation
def django_compressed(clock: Clock) -> Situation:
    return Situation(django_cookie(clock, {"text": "x" * 500}))


@situation
def django_key(clock: Clock) -> Situation:
    return Situation("Cookie: sessionid=8x2kq0vd7e5ybn3mhw1ru9sztc4pjg6f")


@situation
def a_jwt(clock: Clock) -> Situation:
    now = clock.now // 1000
    claims = {"sub": "1", "iat": now - 60, "exp": now + 3600}
    key = OctKey.import_key(KEY)
    return Situation(f"session={jwt.encode({'alg': 'HS256'}, claims, key)}")


@situation
def a_jwe(clock: Clock) -> Situation:
    key = OctKey.import_key(KEY[:32])
    header = {"alg": "dir", "enc": "A256GCM"}
    return Situation(str(jwe.encrypt_compact(header, "{}", key)))


@situation
def express(clock: Clock) -> Situation:
    value = "s:tQ9Jk2yW4vXn7LrB1cFz8mHd5sGp3eKa." + "bDu" * 14 + "A"
    return Situation(f"Cookie: connect.sid={value.replace(':', '%3A').replace('/', '%2F')}")


# --- relatives of the seal, made in Node ---------------------------------------------------------


@situation
def iron_session_in_node(clock: Clock) -> Situation:
    with driver() as node:
        return Situation(node.seal_data("iron-session-9", {"user": 1}, PASSWORD, ttl=0))


@situation
def workos(clock: Clock) -> Situation:
    with driver() as node:
        seal = node.seal_data("iron-session-8", {"accessToken": "a"}, PASSWORD, ttl=0)
    return Situation(f"wos-session={seal}")


@situation
def hapi(clock: Clock) -> Situation:
    with driver() as node:
        return Situation(f"Cookie: sid={node.seal('@hapi/iron', {'id': 1}, PASSWORD)}")


def h3_lines(size: int) -> str:
    """Return the Set-Cookie lines of h3; the times inside the seal have always the same length."""
    given = json.dumps({"password": PASSWORD, "name": "h3", "size": size})
    return subprocess.run(
        node_command("h3_cookies.mjs", given), capture_output=True, text=True, check=True
    ).stdout


@situation
def h3(clock: Clock) -> Situation:
    return Situation(h3_lines(1))


@situation
def h3_in_chunks(clock: Clock) -> Situation:
    return Situation(h3_lines(5000))


@situation
def hapi_of_another_password(clock: Clock) -> Situation:
    with driver() as node:
        return Situation(node.seal("@hapi/iron", {"id": 1}, OTHER))


# --- nothing known -------------------------------------------------------------------------------


@situation
def five_chunks(clock: Clock) -> Situation:
    """A table of Chromium's devtools, and one chunk more than a session has."""
    seal = sealed({"text": "x" * 2000})
    rows = [f"myapp.{number}\t{seal[number * 700 :][:700]}\t/\t✓" for number in range(5)]
    return Situation("\n".join(rows))


@situation
def firefox(clock: Clock) -> Situation:
    return Situation(f'theme:"dark"\nmyapp:"{sealed()}"')


@situation
def garbage(clock: Clock) -> Situation:
    return Situation("\x1b]0;title\x07 no cookie at all \x1b[31m")


@situation
def garbage_in_a_cookie_line(clock: Clock) -> Situation:
    return Situation("Cookie: \x1b[31m\u202e=1; b=2")


@situation
def a_cleared_cookie(clock: Clock) -> Situation:
    return Situation("Set-Cookie: myapp=; Max-Age=0; Path=/")


@situation
def a_line_without_cookies(clock: Clock) -> Situation:
    return Situation("Cookie:")


@situation
def a_hostile_seal(clock: Clock) -> Situation:
    """Escape sequences in all that a report shows: the name, the id, and the data."""
    secret = Passwords(PASSWORD).primary
    data = json.dumps({"\x1b[31m": "\x9b31m \u202e", "$iron": {"user": "\x1b[2J", "\x07": 1}})
    seal = seal_bytes(data.encode(), secret, DEFAULTS, None)
    return Situation(f"\x1b[31mmy={seal}~\x1b[2J", ("--data",))
