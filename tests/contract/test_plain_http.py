"""Over plain http: Secure where it is asked for "auto", and a warning where browsers drop it."""

import logging

import pytest

from tests.contract.all_doors import doors_with
from tests.contract.door import Door
from tests.contract.visitor import Visitor, Welcome
from tests.sessions.browser import NAME, make_options

HOST = "shop.example"
SIGNS = {"X-Forwarded-Proto": "https", "Origin": "https://shop.example"}
"""What speaks of https in a request that a proxy hands on as http, in a long and a short name."""


def come_by_http(visitor: Visitor, **headers: str) -> Visitor:
    visitor.scheme = "http"
    visitor.headers |= {"Host": HOST, **headers}
    return visitor


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [record for record in caplog.records if record.name == "iron_session"]
    return [record.getMessage() for record in ours if record.levelno == logging.WARNING]


def test_a_secure_cookie_over_plain_http_is_warned_of_once(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """Browsers drop it without a word, and the login begins again."""
    come_by_http(visitor)
    for number in range(3):
        assert "Secure" in visitor.ask("update", {"a": number}).cookies[NAME].attributes
    (message,) = warnings(caplog)
    assert f"the cookie {NAME!r} is Secure and was set over plain http" in message
    assert "proxy" in message
    assert "uvicorn and gunicorn: --forwarded-allow-ips" in message


@pytest.mark.parametrize("sign", SIGNS)
def test_what_speaks_of_https_is_enough(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, sign: str
) -> None:
    come_by_http(visitor, **{sign: SIGNS[sign]}).ask("update", {"a": 1})
    assert warnings(caplog) == []


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]:8000"])
def test_this_machine_is_no_reason_to_warn(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    come_by_http(visitor, Host=host).ask("update", {"a": 1})
    assert warnings(caplog) == []


def test_a_cookie_that_is_secure_where_it_can_be(welcome: Welcome) -> None:
    visitor = come_by_http(welcome(make_options(cookie_options={"secure": "auto"})))
    assert "Secure" not in visitor.ask("update", {"a": 1}).cookies[NAME].attributes
    assert "Secure" not in visitor.ask("destroy").cookies[NAME].attributes
    visitor.headers["X-Forwarded-Proto"] = "https"
    assert "Secure" in visitor.ask("update", {"a": 1}).cookies[NAME].attributes
    assert "Secure" in visitor.ask("destroy").cookies[NAME].attributes


def test_such_a_cookie_is_no_reason_to_warn(
    welcome: Welcome, caplog: pytest.LogCaptureFixture
) -> None:
    come_by_http(welcome(make_options(cookie_options={"secure": "auto"}))).ask("update", {"a": 1})
    assert warnings(caplog) == []


@doors_with("explicit")
@pytest.mark.parametrize("secure", [True, "auto"])
def test_the_explicit_form_knows_the_scheme_too(
    door: Door, caplog: pytest.LogCaptureFixture, secure: object
) -> None:
    assert door.make_explicit_app is not None
    options = make_options(cookie_options={"secure": secure})
    with door.open(door.make_explicit_app(options)) as site:
        visitor = come_by_http(Visitor(site))
        cookie = visitor.ask("update and save", {"a": 1}, manner="explicit").cookies[NAME]
    assert ("Secure" in cookie.attributes) is (secure is True)
    assert len(warnings(caplog)) == (secure is True)
