"""The WSGI gateway: what a server and an application without a framework see of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

import pytest

from iron_session import (
    ConfigurationError,
    HeadersAlreadySentError,
    IronSessionError,
    Session,
)
from iron_session.http.request import REGISTRY
from iron_session.integrations.wsgi import IronSessionMiddleware, get_iron_session, get_session
from tests.contract.common_app import FILE
from tests.contract.door import Answer, Visit
from tests.contract.logs import lost_changes
from tests.contract.wsgi_driver import Response, environ_of, request
from tests.sessions.browser import NAME, make_options, saved, session_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

OPTIONS = make_options()


def visit(app: WSGIApplication, cookie: str | None = None) -> Answer:
    """Send a request with this Cookie header."""
    headers = [] if cookie is None else [("Cookie", cookie)]
    return request(app, Visit(target="/", headers=headers))


def served(app: WSGIApplication, **settings: Any) -> IronSessionMiddleware:
    """Put an application behind the gateway."""
    return IronSessionMiddleware(app, settings.pop("options", OPTIONS), **settings)


def counting(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Count visits, and answer with their number."""
    session = get_session(environ)
    session["visits"] = session.get("visits", 0) + 1
    start("200 OK", [])
    return [str(session["visits"]).encode()]


def cookie_of(answer: Answer) -> str:
    """Give the Cookie header that a browser sends after this answer."""
    return f"{NAME}={answer.cookies[NAME].value}"


def test_a_session_goes_round() -> None:
    app = served(counting)
    first = visit(app)
    assert (first.body, visit(app, cookie_of(first)).body) == (b"1", b"2")


def test_the_application_is_given_the_session_under_the_environ_s_key() -> None:
    seen: list[WSGIEnvironment] = []

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        seen.append(environ)
        start("200 OK", [])
        return []

    visit(served(app, key="visitor"))
    (environ,) = seen
    assert isinstance(environ["visitor"], Session)
    assert environ[REGISTRY] == {NAME: environ["visitor"]}
    assert get_session(environ, key="visitor") is environ["visitor"]


def test_the_headers_that_the_application_gave_are_not_changed_under_it() -> None:
    own = [("X-App", "1")]

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"]["a"] = 1
        start("200 OK", own)
        return []

    assert NAME in visit(served(app)).cookies
    assert own == [("X-App", "1")]


def test_a_plain_dict_may_take_the_session_s_place() -> None:
    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"] = {"user": 1}
        start("200 OK", [])
        return []

    assert dict(session_of(cookie_of(visit(served(app), saved({"a": 1}))))) == {"user": 1}


def test_a_response_that_replaces_one_that_failed_sets_no_cookie() -> None:
    """It is started with the exception that it answers: that was no handled one."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"]["a"] = 1
        environ["iron_session"].save()
        try:
            raise ValueError
        except ValueError:
            start("500 Internal Server Error", [], sys.exc_info())
        return [b"sorry"]

    answer = visit(served(app))
    assert (answer.status, answer.cookies, answer.vary) == (500, {}, "Cookie")


def test_a_response_that_answers_an_error_of_the_session_still_ends_it() -> None:
    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        session = environ["iron_session"]
        session.destroy()
        session["a"] = 1
        try:
            session.save()
        except IronSessionError:
            start("500 Internal Server Error", [], sys.exc_info())
        return [b"sorry"]

    assert visit(served(app), saved({"user": 1})).cookies[NAME].max_age == 0


@pytest.mark.parametrize(("status", "cookies"), [("500 Oops", []), ("501 Later", [NAME])])
def test_a_framework_may_answer_by_500_what_nobody_handles(status: str, cookies: list[str]) -> None:
    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"]["a"] = 1
        start(status, [])
        return []

    answer = visit(IronSessionMiddleware(app, OPTIONS, abandon_500=True))
    assert (list(answer.cookies), answer.vary) == (cookies, "Cookie")
    assert list(visit(served(app)).cookies) == [NAME]


def test_the_cookie_of_a_response_that_is_replaced_is_not_sent() -> None:
    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"]["a"] = 1
        start("200 OK", [])
        try:
            raise ValueError
        except ValueError:
            start("500 Internal Server Error", [], sys.exc_info())
        return [b"sorry"]

    answer = visit(served(app))
    assert (answer.status, answer.cookies) == (500, {})


def test_the_server_s_write_is_handed_on() -> None:
    """Old applications send their body by what `start_response` gives."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"]["a"] = 1
        write = start("200 OK", [])
        write(b"first ")
        return [b"second"]

    answer = visit(served(app))
    assert (answer.body, list(answer.cookies)) == (b"first second", [NAME])


class Body:
    """A body that runs code of the application to its end, and when it is closed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield b"first"
        yield b"second"

    def close(self) -> None:
        self.closed += 1
        self.session["late"] = 1


def test_a_body_is_closed_once_and_what_it_changed_then_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bodies: list[Body] = []

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        bodies.append(Body(environ["iron_session"]))
        return bodies[0]

    assert visit(served(app)).body == b"firstsecond"
    assert bodies[0].closed == 1
    assert len(lost_changes(caplog)) == 1


def test_a_body_that_fails_to_close_is_reported_too(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Body):
        def close(self) -> None:
            super().close()
            raise OSError

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        return Failing(environ["iron_session"])

    assert isinstance(visit(served(app)).failure, OSError)
    assert len(lost_changes(caplog)) == 1


def test_a_change_between_the_headers_and_a_plain_body_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"].get("late")
        start("200 OK", [])
        environ["iron_session"]["late"] = 1
        with pytest.raises(HeadersAlreadySentError):
            environ["iron_session"].save()
        environ["iron_session"]["later"] = 1
        return [b"done"]

    assert visit(served(app)).cookies == {}
    assert lost_changes(caplog) == []  # `save` told the application


def test_a_generator_that_starts_its_response_late_commits_what_it_did_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """WSGI lets an application start its response when its body is first asked for."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        environ["iron_session"]["a"] = 1
        start("200 OK", [])
        yield b"done"

    assert list(visit(served(app)).cookies) == [NAME]
    assert lost_changes(caplog) == []


def test_a_generator_that_is_dropped_before_it_began_is_no_loss(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No headers went: the browser knows that it got no answer."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"]["a"] = 1
        return Body(environ["iron_session"])

    body: Any = served(app)(environ_of(Visit(target="/", headers=[])), Response().start)
    body.close()
    assert lost_changes(caplog) == []


def test_a_file_stays_what_the_server_can_send_quickly() -> None:
    """A server looks for its own wrapper, to hand the file to the operating system."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"]["a"] = 1
        start("200 OK", [])
        return FileWrapper(FILE.open("rb"))

    environ = environ_of(Visit(target="/", headers=[])) | {"wsgi.file_wrapper": FileWrapper}
    response = Response()
    body = served(app)(environ, response.start)
    assert type(body) is FileWrapper
    body.close()
    assert "set-cookie" in dict(response.headers)


def test_a_body_that_can_t_be_closed_is_sent_too() -> None:
    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        return map(str.encode, ["first ", "second"])

    assert visit(served(app)).body == b"first second"


@pytest.mark.parametrize(
    ("cookie_name", "key"),
    [(NAME, "iron_session"), (NAME, "second"), ("other", "iron_session"), (f"{NAME}.0", "second")],
)
def test_two_gateways_that_collide_are_a_configuration_error(cookie_name: str, key: str) -> None:
    inner = served(counting)
    app = served(inner, options=make_options(cookie_name=cookie_name), key=key)
    failure = visit(app).failure
    assert isinstance(failure, ConfigurationError)
    assert "installed twice" in str(failure)
    assert "remove one" in str(failure)


def test_a_session_without_the_gateway_says_which_line_is_missing() -> None:
    with pytest.raises(ConfigurationError, match=r"add app = IronSessionMiddleware\(app, options"):
        get_session({})


def test_by_hand_a_cookie_that_the_gateway_serves_is_refused() -> None:
    """Of two sessions in one request, the one could undo the other's logout."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        with pytest.raises(ConfigurationError, match="manages the cookie 'myapp'"):
            get_iron_session(environ, [], OPTIONS)
        assert len(get_iron_session(environ, [], make_options(cookie_name="other"))) == 0
        start("200 OK", [])
        return []

    assert visit(served(app)).failure is None


@pytest.mark.parametrize("options", [None, {"password": "x"}, "myapp"])
def test_options_of_another_kind_are_refused_when_the_gateway_is_made(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="options must be a SessionOptions"):
        IronSessionMiddleware(counting, options)


def test_a_framework_within_may_have_sessions_of_its_own_class() -> None:
    class Own(Session):
        pass

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        session = get_session(environ)
        assert type(session) is Own
        session["a"] = 1
        start("200 OK", [])
        return []

    answer = visit(served(app, session_type=Own))
    assert (answer.failure, list(answer.cookies)) == (None, [NAME])


def wrap_file(file: Any) -> Iterable[bytes]:
    """Be what some servers have as `wsgi.file_wrapper`: WSGI asks only that it can be called."""
    return FileWrapper(file)


def test_a_server_s_file_wrapper_may_be_a_function() -> None:
    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["iron_session"]["a"] = 1
        start("200 OK", [])
        yield b"done"

    environ = environ_of(Visit(target="/", headers=[])) | {"wsgi.file_wrapper": wrap_file}
    response = Response()
    assert list(served(app)(environ, response.start)) == [b"done"]
    assert "set-cookie" in dict(response.headers)
