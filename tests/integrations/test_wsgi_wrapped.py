"""A session for one WSGI application: `with_iron_session`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from iron_session import ConfigurationError
from iron_session.integrations.wsgi import IronSessionMiddleware, get_session, with_iron_session
from tests.contract.common_app import CrashError
from tests.contract.door import Answer, Visit
from tests.contract.wsgi_driver import request
from tests.helpers.frames import MARKER, PASSWORD, leaks_of
from tests.sessions.browser import FOREIGN, NAME, make_options, saved

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

OPTIONS = make_options()
ADMIN = make_options(cookie_name="admin", password=FOREIGN)


def visit(app: WSGIApplication, cookie: str | None = None) -> Answer:
    headers = [] if cookie is None else [("Cookie", cookie)]
    return request(app, Visit(target="/", headers=headers))


@with_iron_session(OPTIONS)
def counting(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Count visits."""
    session = get_session(environ)
    session["visits"] = session.get("visits", 0) + 1
    start("200 OK", [])
    return [str(session["visits"]).encode()]


def test_a_session_goes_round() -> None:
    first = visit(counting)
    cookie = f"{NAME}={first.cookies[NAME].value}"
    assert (first.body, visit(counting, cookie).body) == (b"1", b"2")


def test_the_application_keeps_its_name_and_signature() -> None:
    assert (counting.__name__, counting.__doc__) == ("counting", "Count visits.")
    assert list(inspect.signature(counting).parameters) == ["environ", "start"]


def test_a_method_is_given_a_session_too() -> None:
    class Site:
        body = b"a site"

        @with_iron_session(OPTIONS, key="visitor")
        def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            environ["visitor"]["a"] = 1
            start("200 OK", [])
            return [self.body]

    answer = visit(Site())
    assert (answer.body, list(answer.cookies)) == (b"a site", [NAME])


def test_two_sessions_live_side_by_side() -> None:
    @with_iron_session(OPTIONS)
    @with_iron_session(ADMIN, key="admin")
    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"]["a"] = environ["admin"]["b"] = 1
        start("200 OK", [])
        return []

    assert set(visit(app).cookies) == {NAME, "admin"}


@pytest.mark.parametrize("options", [None, "secret", {"cookie_name": NAME}])
def test_what_is_no_options_is_refused_at_once(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        with_iron_session(options)


@pytest.mark.parametrize(("options", "key"), [(OPTIONS, "second"), (ADMIN, "iron_session")])
def test_the_middleware_around_it_for_the_same_cookie_or_key_is_refused(
    options: Any, key: str
) -> None:
    app = with_iron_session(options, key=key)(counting.__wrapped__)  # type: ignore[attr-defined]  # by functools.wraps
    failure = visit(IronSessionMiddleware(app, OPTIONS)).failure
    assert isinstance(failure, ConfigurationError)
    assert "installed twice" in str(failure)


def test_no_frame_shows_a_secret() -> None:
    @with_iron_session(make_options(password=PASSWORD))
    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        raise CrashError(dict(get_session(environ))["secret"] == MARKER)

    failure = visit(app, saved({"secret": MARKER}, password=PASSWORD)).failure
    assert isinstance(failure, CrashError)
    assert failure.args == (True,)
    assert leaks_of(failure) == []
