"""Ours and other sessions in one WSGI application; and what is no cookie at all."""

import logging
from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from iron_session import ConfigurationError
from iron_session.integrations.wsgi import IronSessionMiddleware, get_session
from tests.contract.door import Answer, Visit
from tests.contract.wsgi_driver import request
from tests.sessions.browser import NAME, OLD, make_options, saved, session_of

OPTIONS = make_options()
INNER = make_options(cookie_name="inner", password={1: OLD})


def counting(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """Count visits in the request's session."""
    session = get_session(environ)
    session["visits"] = session.get("visits", 0) + 1
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(session["visits"]).encode()]


def visit(app: Any, path: str, cookies: str = "") -> Answer:
    return request(app, Visit(target=path, headers=[("Cookie", cookies)]))


def test_a_mounted_application_may_have_an_iron_session_of_its_own() -> None:
    inner = IronSessionMiddleware(counting, INNER)
    app = IronSessionMiddleware(DispatcherMiddleware(counting, {"/admin": inner}), OPTIONS)
    cookies = {"myapp": saved({"visits": 5}).partition("=")[2]}
    answer = visit(app, "/admin", f"{NAME}={cookies[NAME]}")
    assert answer.body == b"1"
    assert list(answer.cookies) == ["inner"]
    both = f"{NAME}={cookies[NAME]}; inner={answer.cookies['inner'].value}"
    assert visit(app, "/admin", both).body == b"2"
    assert visit(app, "/", both).body == b"6"


def test_two_of_one_application_under_one_key_are_refused() -> None:
    answer = visit(IronSessionMiddleware(IronSessionMiddleware(counting, INNER), OPTIONS), "/")
    assert isinstance(answer.failure, ConfigurationError)


def test_what_a_mounted_application_puts_in_the_session_s_place_is_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def mounted(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        environ["iron_session"] = {"theirs": True}
        return responding(environ, start)

    app = IronSessionMiddleware(DispatcherMiddleware(counting, {"/admin": mounted}), OPTIONS)
    for _ in range(2):
        assert visit(app, "/admin", saved({"visits": 5})).cookies == {}
    (record,) = [one for one in caplog.records if one.name == "iron_session"]
    assert record.levelno == logging.WARNING
    assert "builtins.dict" in record.getMessage()


def test_a_dict_that_the_application_puts_in_the_session_s_place_is_taken_over() -> None:
    def replacing(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        environ["iron_session"] = {"replaced": True}
        return responding(environ, start)

    answer = visit(IronSessionMiddleware(replacing, OPTIONS), "/", saved({"visits": 5}))
    assert session_of(f"{NAME}={answer.cookies[NAME].value}") == {"replaced": True}


def test_a_dict_in_the_place_of_an_abandoned_session_is_left_there() -> None:
    def failing(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        get_session(environ).abandon()
        environ["iron_session"] = {"replaced": True}
        return responding(environ, start)

    assert visit(IronSessionMiddleware(failing, OPTIONS), "/", saved({"a": 1})).cookies == {}


def test_none_in_the_session_s_place_is_no_logout() -> None:
    def forgetting(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        environ["iron_session"] = None
        return responding(environ, start)

    assert visit(IronSessionMiddleware(forgetting, OPTIONS), "/", saved({"a": 1})).cookies == {}


def responding(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [b""]


# --- a comma begins no cookie --------------------------------------------------------------------


def reading(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    session = dict(get_session(environ))
    start("200 OK", [("Content-Type", "text/plain")])
    return [repr(session).encode()]


@pytest.mark.parametrize("name", ["__Host-app", NAME])
def test_a_sibling_can_not_toss_a_session_behind_a_comma(name: str) -> None:
    """A subdomain may set a cookie of another name for all of them, with whatever in its value."""
    options = make_options(cookie_name=name)
    mine = saved({"user": "me"}, cookie_name=name)
    another = saved({"user": "attacker"}, cookie_name=name)
    for cookies in (f"x=1,{another}; {mine}", f"x=1, {another}; {mine}"):
        assert visit(IronSessionMiddleware(reading, options), "/", cookies).body == (
            b"{'user': 'me'}"
        )


def test_junk_behind_commas_does_not_hide_the_session() -> None:
    junk = ",".join(f"{NAME}={'Fe26.2*1*' + 'x' * 200 + '*' * 6}" for _ in range(20))
    app = IronSessionMiddleware(reading, OPTIONS)
    assert visit(app, "/", f"x={junk}; {saved({'user': 'me'})}").body == b"{'user': 'me'}"
