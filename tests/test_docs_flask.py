"""What the page on Flask says of lifetimes and of Flask-Login is tried."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import flask
import flask_login
import pytest

from iron_session import ConfigurationError
from iron_session.integrations.flask import FlaskSession, IronSessionInterface, get_session
from iron_session.revocation import MemoryStore, Revocations
from iron_session.testing import frozen_clock, make_options
from tests.helpers.pages import blocks, one_line, read_page, run_code
from tests.helpers.waiting import wait_for

NAME = "docs/frameworks/flask-quart.md"
PAGE = one_line(read_page(NAME))
MONTH = timedelta(days=30)


def remember(session: FlaskSession) -> None:
    session.permanent = True


def lengthen(session: FlaskSession) -> None:
    session.ttl = MONTH


def make_site(
    *at_login: Callable[[FlaskSession], None], lifetime: Any = None, **options: Any
) -> flask.Flask:
    """Make a site whose login does these steps, and whose page only reads the session."""
    site = flask.Flask(__name__)
    site.session_interface = IronSessionInterface(make_options(**options))
    if lifetime is not None:
        site.config["PERMANENT_SESSION_LIFETIME"] = lifetime

    @site.get("/login")
    def log_in() -> str:
        for step in at_login:
            step(get_session())
        return ""

    @site.get("/")
    def home() -> str:
        return str(get_session().user_id)

    return site


def login(session: FlaskSession) -> None:
    session.login("1")


def max_age(response: Any) -> timedelta | None:
    """Return how long the cookie lives that a response has set, to the minute."""
    for header in response.headers.getlist("Set-Cookie"):
        (_, _, seconds) = header.partition("Max-Age=")
        return timedelta(seconds=int(seconds.partition(";")[0]) + 60)
    return None


@pytest.mark.parametrize(
    ("step", "options", "slides"),
    [(remember, {}, True), (lengthen, {}, False), (lengthen, {"renew_after": 3600}, True)],
)
def test_a_permanent_session_slides_and_one_with_a_ttl_only_with_renew_after(
    step: Callable[[FlaskSession], None], options: dict[str, Any], slides: bool
) -> None:
    assert "A permanent session slides by itself" in PAGE
    client = make_site(login, step, **options).test_client()
    with frozen_clock() as clock:
        client.get("/login")
        clock.tick(timedelta(days=2))
        assert (max_age(client.get("/")) is not None) is slides


@pytest.mark.parametrize("step", [remember, lengthen])
def test_what_is_set_before_the_login_is_lost(step: Callable[[FlaskSession], None]) -> None:
    assert "what stands before it is lost" in PAGE
    assert max_age(make_site(login, step).test_client().get("/login")) in (
        MONTH,
        timedelta(days=31),
    )
    assert max_age(make_site(step, login).test_client().get("/login")) == timedelta(days=14)


def test_a_shorter_max_lifetime_cuts_flask_s_31_days() -> None:
    site = make_site(login, remember, max_lifetime=timedelta(days=20))
    assert max_age(site.test_client().get("/login")) == timedelta(days=20)


@pytest.mark.parametrize(
    ("days", "raises"), [(13, True), (14, False), (31, False), (90, False), (91, True)]
)
def test_a_lifetime_below_the_ttl_or_beyond_max_lifetime_contradicts(
    days: int, raises: bool
) -> None:
    assert "if it is shorter than `ttl` or longer than `max_lifetime`" in PAGE
    site = make_site(lifetime=timedelta(days=days), max_lifetime=timedelta(days=90))
    interface = site.session_interface
    assert isinstance(interface, IronSessionInterface)
    if raises:
        with pytest.raises(ConfigurationError, match="PERMANENT_SESSION_LIFETIME"):
            interface.init_app(site)
    else:
        interface.init_app(site)


def test_flask_s_default_counts_as_not_set() -> None:
    site = make_site(max_lifetime=timedelta(days=20))
    assert isinstance(site.session_interface, IronSessionInterface)
    site.session_interface.init_app(site)


def test_flask_login_s_user_gets_a_label_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", "the password of this page, of 40 letters")
    first, *others = blocks("python", read_page(NAME))
    (block,) = (code for code in others if "login_user" in code)
    log_in = run_code(first + block, "flask_login_page")["log_in"]
    user: Any = flask_login.UserMixin()
    user.id = "1"
    listed = Revocations(MemoryStore(), namespace="shop", directory=True)

    def with_data(session: FlaskSession) -> None:
        session["cart"] = ["tea"]
        log_in(user)
        assert (session.user_id, session["cart"]) == ("1", ["tea"])

    site = make_site(with_data, max_lifetime=MONTH, revocations=listed)
    flask_login.LoginManager(site).user_loader(lambda _: user)
    client = site.test_client()
    client.get("/login", headers={"User-Agent": "Firefox on a Mac"})
    assert client.get("/").text == "1"
    wait_for(lambda: listed.sessions_of("1"))
    assert [one.label for one in listed.sessions_of("1")] == ["Firefox on a Mac"]


@pytest.mark.parametrize(
    ("secure", "is_secure"), [(True, True), ("auto", False)], ids=["the default", "auto"]
)
def test_the_setting_that_equals_flask_s_default_leaves_the_cookie_to_the_options(
    secure: Any, is_secure: bool
) -> None:
    assert "`SESSION_COOKIE_SECURE = False` is Flask's default too" in PAGE
    site = make_site(login, cookie_options={"secure": secure})
    site.config["SESSION_COOKIE_SECURE"] = False
    header = site.test_client().get("/login").headers["Set-Cookie"]
    assert ("; Secure" in header) is is_secure
