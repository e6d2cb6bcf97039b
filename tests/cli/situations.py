"""Real situations for `iron-session inspect`: what is pasted, made with the libraries themselves.

Each is a function of the stopped clock; its name is that of its file in `golden`.
"""

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import django.core.signing
import itsdangerous
import pytest
from cryptography.fernet import Fernet
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


def sealed(data: Any = {"user": "Zoë", "cart": [1, 2]}, **options: Any) -> str:  # noqa: B006 - never changed
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
def the_lines_of_a_mail(clock: Clock) -> Situation:
    """It wraps, and a bracket quotes each line."""
    line = f"Cookie: theme=dark; myapp={sealed()}; lang=en"
    broken = "\n".join(f"> {line[at : at + 76]}" for at in range(0, len(line), 76))
    return Situation(f"> Hello,\n> here it is:\n{broken}\n> Regards\n")


@situation
def a_copy_with_line_breaks(clock: Clock) -> Situation:
    seal = sealed()
    return Situation(f"{seal[:90]}  \r\n    {seal[90:180]}\n{seal[180:263]}\n{seal[263:]}\nmore\n")


@situation
def percent_encoded_twice(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed().replace('*', '%252A')}")


@situation
def markdown_has_taken_the_stars(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed().replace('*', '')}")


@situation
def markdown_has_taken_pairs_of_stars(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed().replace('*', '', 6)}")


@situation
def markdown_with_backslashes(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed().replace('*', chr(92) + '*').replace('_', chr(92) + '_')}")


@situation
def other_secrets_in_a_call_of_curl(clock: Clock) -> Situation:
    return Situation(
        "curl https://a.example -H 'x-api-key: SECRET1' \\\n"
        f"  -b '_ga=1; myapp={sealed()}; SECRETINBASE64=' \\\n"
        "  -H 'authorization: Basic U0VDUkVUOlNFQ1JFVA==' --compressed\n"
        "Authorization: Basic U0VDUkVUOlNFQ1JFVA==\nSECRETSECRETSECRET==\n"
    )


@situation
def a_secret_in_base64(clock: Clock) -> Situation:
    return Situation("U0VDUkVUU0VDUkVU==")


@situation
def a_secret_after_the_version(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed()}SECRET")


@situation
def a_secret_in_the_place_of_the_id(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed().replace('*1*', '*' + 'SECRET' * 6 + '*')}")


@situation
def json_of_the_console(clock: Clock) -> Situation:
    cookie = {"name": "myapp", "value": sealed(), "domain": "example.com"}
    return Situation(json.dumps(cookie))


@situation
def a_har_file(clock: Clock) -> Situation:
    cookies = {"cookies": [{"name": "myapp", "value": sealed(), "path": "/"}]}
    return Situation(json.dumps(cookies, indent=2))


@situation
def headers_in_a_har_file(clock: Clock) -> Situation:
    headers = [{"name": "Cookie", "value": f"theme=dark; myapp={sealed()}"}, {"name": "Host"}]
    return Situation(json.dumps(headers, indent=2))


@situation
def the_cookie_jar_of_curl(clock: Clock) -> Situation:
    fields = ["#HttpOnly_example.com", "FALSE", "/", "TRUE", "1890000000", "myapp", sealed()]
    comment = "# Netscape HTTP Cookie File\n# a comment of curl's\n\n"
    return Situation(comment + "\t".join(fields))


@situation
def the_address_of_a_link(clock: Clock) -> Situation:
    token = sealed({"email": "a@b.c"}, purpose="magic-link", ttl=900).replace("*", "%2A")
    return Situation(f"https://example.com/login?lang=en&token={token}&next=%2F")


@situation
def a_copy_in_backticks(clock: Clock) -> Situation:
    return Situation(f"`myapp={sealed()}`")


@situation
def quotes_of_a_page_on_a_cookie(clock: Clock) -> Situation:
    return Situation(f'Cookie: "myapp="{sealed()}""')


@situation
def the_last_chunk_missing(clock: Clock) -> Situation:
    seal = sealed({"text": "x" * 9000})
    return Situation(f"myapp.0={seal[:4000]}\nmyapp.1={seal[4000:8000]}\n")


@situation
def a_line_of_a_log(clock: Clock) -> Situation:
    return Situation(f'192.0.2.1 - - "GET / HTTP/1.1" 200 "theme=dark; myapp={sealed()}" 0.1')


@situation
def cookies_without_a_seal(clock: Clock) -> Situation:
    return Situation("Cookie: theme=dark; _ga=GA1.1; " + "; ".join(f"c{n}=1" for n in range(30)))


@situation
def the_beginning_is_missing(clock: Clock) -> Situation:
    return Situation(sealed()[40:])


@situation
def in_small_letters(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed().lower()}")


@situation
def in_base64(clock: Clock) -> Situation:
    return Situation(f"myapp={base64.b64encode(sealed().encode()).decode()}")


@situation
def a_fernet_token(clock: Clock) -> Situation:
    """As the SDK of WorkOS for Python makes one."""
    token = Fernet(base64.urlsafe_b64encode(bytes(32))).encrypt_at_time(b"{}", clock.now // 1000)
    return Situation(f"wos_session={token.decode()}")


@situation
def a_bearer_token(clock: Clock) -> Situation:
    return Situation(f"Authorization: Bearer {a_jwt(clock).given.partition('=')[2]}")


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
def expired_of_a_ttl_that_is_not_known(clock: Clock) -> Situation:
    seal = sealed(ttl=3600)
    clock.advance(3 * 3600)
    return Situation(seal)


def saved_at_the_login(clock: Clock, **given: Any) -> str:
    """Return the seal of a session that was saved when its user logged in."""
    jar = HeaderJar()
    session = get_iron_session(jar, options(**given))
    session.login("42")
    session.save()
    return str(session.seal)


def saved_again(clock: Clock, seal: str, **given: Any) -> str:
    """Return the seal of that session, saved once more."""
    session = get_iron_session(HeaderJar(f"myapp={seal}"), options(**given))
    session["visits"] = 1
    session.save()
    return str(session.seal)


WEEK = {"ttl": 7 * DAY, "max_lifetime": 10 * DAY}


@situation
def expired_as_never_saved_since_the_login(clock: Clock) -> Situation:
    seal = saved_at_the_login(clock, ttl=3600)
    clock.advance(2 * 3600)
    return Situation(f"myapp={seal}", ("--ttl", "3600"))


@situation
def expired_after_a_later_save(clock: Clock) -> Situation:
    seal = saved_at_the_login(clock, ttl=3600)
    clock.advance(1800)
    seal = saved_again(clock, seal, ttl=3600)
    clock.advance(3 * 3600)
    return Situation(f"myapp={seal}", ("--ttl", "3600"))


@situation
def expired_with_a_login_and_no_ttl(clock: Clock) -> Situation:
    seal = saved_at_the_login(clock, ttl=3600)
    clock.advance(2 * 3600)
    return Situation(f"myapp={seal}")


@situation
def expired_with_a_beginning_and_no_ttl(clock: Clock) -> Situation:
    seal = saved_at_the_login(clock, **WEEK)
    clock.advance(8 * DAY)
    return Situation(f"myapp={seal}")


@situation
def expired_with_a_beginning_and_a_ttl(clock: Clock) -> Situation:
    """It was saved on day 6, and ends on day 10: by the ttl that is given, it was day 9."""
    seal = saved_at_the_login(clock, **WEEK)
    clock.advance(6 * DAY)
    seal = saved_again(clock, seal, **WEEK)
    clock.advance(8 * DAY)
    return Situation(f"myapp={seal}", ("--ttl", str(DAY)))


@situation
def expired_by_max_lifetime(clock: Clock) -> Situation:
    """The options say so: nothing else could."""
    seal = saved_at_the_login(clock, **WEEK)
    clock.advance(6 * DAY)
    seal = saved_again(clock, seal, **WEEK)
    clock.advance(8 * DAY)
    return Situation(f"myapp={seal}", ("--options", "tests.cli.shop:options"))


@situation
def expired_by_max_lifetime_as_a_long_ttl_shows(clock: Clock) -> Situation:
    """By a ttl of 14 days, it would have been sealed before it began."""
    seal = saved_at_the_login(clock, **WEEK)
    clock.advance(6 * DAY)
    seal = saved_again(clock, seal, **WEEK)
    clock.advance(8 * DAY)
    return Situation(f"myapp={seal}", ("--ttl", str(14 * DAY)))


@situation
def expired_by_the_ttl_of_the_options(clock: Clock) -> Situation:
    seal = saved_at_the_login(clock, **WEEK)
    clock.advance(8 * DAY)
    return Situation(f"myapp={seal}", ("--options", "tests.cli.shop:options"))


@situation
def expired_though_renew_after_is_set(clock: Clock) -> Situation:
    seal = saved_at_the_login(clock, **WEEK)
    clock.advance(8 * DAY)
    return Situation(f"myapp={seal}", ("--options", "tests.cli.shop:renewed"))


@situation
def soon_ended_as_never_saved_since_the_login(clock: Clock) -> Situation:
    """An hour is left of seven days: the application works, and its visitors will be logged out."""
    seal = saved_at_the_login(clock, **WEEK)
    clock.advance(7 * DAY - 3600)
    return Situation(f"myapp={seal}", ("--options", "tests.cli.shop:options"))


@situation
def soon_ended_by_a_ttl_that_is_given(clock: Clock) -> Situation:
    seal = saved_at_the_login(clock, ttl=12 * 3600)
    clock.advance(12 * 3600 - 600)
    return Situation(f"myapp={seal}", ("--ttl", str(12 * 3600)))


@situation
def soon_ended_by_max_lifetime(clock: Clock) -> Situation:
    seal = saved_at_the_login(clock, **WEEK)
    clock.advance(6 * DAY)
    seal = saved_again(clock, seal, **WEEK)
    clock.advance(4 * DAY - 1800)
    return Situation(f"myapp={seal}", ("--options", "tests.cli.shop:options"))


@situation
def past_a_max_lifetime_that_is_shorter_now(clock: Clock) -> Situation:
    seal = saved_at_the_login(clock, ttl=30 * DAY, max_lifetime=30 * DAY)
    clock.advance(11 * DAY)
    return Situation(f"myapp={seal}", ("--options", "tests.cli.shop:options"))


@situation
def of_another_name_and_past_a_max_lifetime(clock: Clock) -> Situation:
    """Both are in the verdict: whoever mends one of them is not done."""
    seal = saved_at_the_login(clock, ttl=30 * DAY, max_lifetime=30 * DAY)
    clock.advance(11 * DAY)
    return Situation(f"shop={seal}", ("--options", "tests.cli.shop:options"))


@situation
def expired_and_of_another_name(clock: Clock) -> Situation:
    seal = saved_at_the_login(clock, **WEEK)
    clock.advance(8 * DAY)
    return Situation(f"shop={seal}", ("--options", "tests.cli.shop:options"))


@situation
def the_cookie_of_another_name(clock: Clock) -> Situation:
    return Situation(f"shop={sealed()}", ("--options", "tests.cli.shop:options"))


@situation
def a_good_session_of_the_options(clock: Clock) -> Situation:
    """No password is in the environment: it is theirs."""
    seal = saved_at_the_login(clock, **WEEK)
    clock.advance(DAY)
    return Situation(f"myapp={seal}", ("--options", "tests.cli.shop:options"), environment={})


@situation
def a_password_of_the_options_with_a_line_break(clock: Clock) -> Situation:
    """The environment has the options' password too, so its spellings are tried."""
    return Situation(sealed(password=f"{PASSWORD}\n"), ("--options", "tests.cli.shop:options"))


# --- how long browsers keep them ------------------------------------------------------------------


@situation
def a_cookie_until_the_browser_is_closed(clock: Clock) -> Situation:
    return Situation(f"Set-Cookie: myapp={sealed()}; Path=/; HttpOnly; Secure; SameSite=Lax")


@situation
def a_cookie_with_an_expires(clock: Clock) -> Situation:
    return Situation(f"< set-cookie: myapp={sealed()}; Expires=Sat, 02 Mar 2024 12:00:00 GMT")


@situation
def a_cookie_with_an_expires_that_is_over(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed()}; path=/; expires=Wed, 28 Feb 2024 12:00:00 GMT")


@situation
def a_cookie_with_both(clock: Clock) -> Situation:
    return Situation(
        f"Set-Cookie: myapp={sealed()}; Max-Age=99999999; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    )


@situation
def a_cookie_with_a_life_that_is_none(clock: Clock) -> Situation:
    """Browsers ignore what they can't read."""
    return Situation(f"Set-Cookie: myapp={sealed()}; Max-Age=1d; Expires=soon")


@situation
def chunks_in_lines_of_a_response(clock: Clock) -> Situation:
    seal = sealed({"text": "x" * 5000})
    given = "; Max-Age=1209540; Path=/"
    return Situation(
        f"set-cookie: myapp.0={seal[:4000]}{given}\nset-cookie: myapp.1={seal[4000:]}{given}\n"
    )


@situation
def a_part_of_a_line(clock: Clock) -> Situation:
    """It may have had a Max-Age."""
    return Situation(f"myapp={sealed()}; Path=/")


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
def cut_off_in_the_mac_and_checked(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed()[:-6]}")


@situation
def cut_off_at_the_version(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed()[:-2]}")


@situation
def a_character_changed(clock: Clock) -> Situation:
    return Situation(f"myapp={sealed()[:130]}\0{sealed()[131:]}")


@situation
def a_password_with_a_line_break(clock: Clock) -> Situation:
    """As `echo` writes it into a file."""
    return Situation(sealed(password=f"{PASSWORD}\n"))


@situation
def a_password_with_the_line_break_of_windows(clock: Clock) -> Situation:
    return Situation(
        sealed(password={7: f"{PASSWORD}\r\n"}), environment={"SESSION_PASSWORD_7": PASSWORD}
    )


@situation
def a_password_without_its_white_space(clock: Clock) -> Situation:
    seal = sealed(ttl=3600)
    clock.advance(3 * 3600)
    return Situation(seal, environment={"SESSION_PASSWORD": f" {PASSWORD}\n"})


@situation
def a_clock_that_is_ahead(clock: Clock) -> Situation:
    clock.advance(3600)
    seal = sealed()
    clock.advance(-3600)
    return Situation(f"myapp={seal}", ("--ttl", str(14 * DAY)))


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
def workos_of_another_password(clock: Clock) -> Situation:
    return Situation(f"wos-session={sealed(password=OTHER)}")


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
