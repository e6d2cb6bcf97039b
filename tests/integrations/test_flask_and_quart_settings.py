"""The settings of Flask and Quart, held against the options: contradictions are refused."""

import re
from datetime import timedelta
from typing import Any

import pytest

from iron_session import ConfigurationError
from tests.helpers.flask_and_quart import ADMIN, DAY, MONTH, OPTIONS, Framework
from tests.sessions.browser import NAME, make_options


def failure_of(it: Framework, app: Any, caplog: pytest.LogCaptureFixture) -> str:
    """Send a request, and give the message of what it fails by."""
    answer = it.visit(app, "/show")
    assert (answer.status, answer.cookies) == (500, {})
    errors = [answer.failure, *(one.exc_info[1] for one in caplog.records if one.exc_info)]
    (failure,) = [error for error in errors if isinstance(error, ConfigurationError)]
    return str(failure)


CONTRADICTIONS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "name": ({"SESSION_COOKIE_NAME": "other"}, {}, "cookie_name"),
    "domain": ({"SESSION_COOKIE_DOMAIN": "example.com"}, {}, "domain"),
    "path": ({"SESSION_COOKIE_PATH": "/app"}, {}, "path"),
    "root": ({"APPLICATION_ROOT": "/app"}, {}, "path"),
    "root, and another path": (
        {"APPLICATION_ROOT": "/app"},
        {"cookie_options": {"path": "/shop"}},
        "path",
    ),
    "secure": (
        {"SESSION_COOKIE_SECURE": True},
        {"cookie_options": {"secure": False}},
        "secure",
    ),
    "http only": ({"SESSION_COOKIE_HTTPONLY": False}, {}, "http_only"),
    "same site": ({"SESSION_COOKIE_SAMESITE": "Strict"}, {}, "same_site"),
    "partitioned": ({"SESSION_COOKIE_PARTITIONED": True}, {}, "partitioned"),
    "lifetime below ttl": ({"PERMANENT_SESSION_LIFETIME": 3600}, {}, "ttl"),
    "lifetime, and a ttl for ever": (
        {"PERMANENT_SESSION_LIFETIME": timedelta(days=60)},
        {"ttl": 0},
        "ttl",
    ),
    "lifetime above max_lifetime": (
        {"PERMANENT_SESSION_LIFETIME": timedelta(days=60)},
        {"max_lifetime": MONTH},
        "max_lifetime",
    ),
    "no refresh": ({"SESSION_REFRESH_EACH_REQUEST": False}, {"renew_after": 60}, "renew_after"),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_a_setting_that_contradicts_the_options_is_refused(
    it: Framework, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By `init_app` at once, and at the first request; both are named."""
    settings, changes, option = CONTRADICTIONS[kind]
    interface = it.ours.IronSessionInterface(make_options(**changes))
    (name,) = settings
    app = it.make_app()
    app.config.update(settings)
    message = rf"{name} .*\b{option} of the SessionOptions"
    with pytest.raises(ConfigurationError, match=message):
        interface.init_app(app)
    app.session_interface = interface
    assert re.search(message, failure_of(it, app, caplog))


@pytest.mark.parametrize(
    ("settings", "changes", "told"),
    [
        ({"PERMANENT_SESSION_LIFETIME": 7 * DAY}, {}, r"is 7 days, .* is 14 days:"),
        (
            {"PERMANENT_SESSION_LIFETIME": timedelta(days=60)},
            {"max_lifetime": MONTH},
            r"is 60 days, .* is \d+ days:",
        ),
        ({"PERMANENT_SESSION_LIFETIME": 129_600}, {"ttl": 0}, r"is 1 day and 12 hours, .* is 0:"),
        ({"SESSION_REFRESH_EACH_REQUEST": False}, {"renew_after": 60}, r"False, .* is 1 minute:"),
    ],
)
def test_spans_of_time_are_told_in_words_whatever_they_were_given_in(
    it: Framework, settings: dict[str, Any], changes: dict[str, Any], told: str
) -> None:
    app = it.make_app()
    app.config.update(settings)
    with pytest.raises(ConfigurationError, match=told):
        it.ours.IronSessionInterface(make_options(**changes)).init_app(app)


@pytest.mark.parametrize("path", ["/", "/shop"])
def test_the_error_of_a_root_names_both_ways_out(it: Framework, path: str) -> None:
    app = it.make_app()
    app.config["APPLICATION_ROOT"] = "/app"
    interface = it.ours.IronSessionInterface(make_options(cookie_options={"path": path}))
    with pytest.raises(ConfigurationError) as caught:
        interface.init_app(app)
    assert """cookie_options={"path": '/app'}""" in str(caught.value)
    assert f"SESSION_COOKIE_PATH = {path!r}" in str(caught.value)


AGREEMENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing set": ({}, {}),
    "the same": (
        {
            "SESSION_COOKIE_NAME": NAME,
            "SESSION_COOKIE_DOMAIN": ".Example.com",
            "SESSION_COOKIE_PATH": "/app",
            "SESSION_COOKIE_SECURE": True,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Strict",
            "SESSION_COOKIE_PARTITIONED": True,
            "PERMANENT_SESSION_LIFETIME": 14 * DAY,
        },
        {
            "cookie_options": {
                "domain": "example.com",
                "path": "/app",
                "same_site": "strict",
                "partitioned": True,
            }
        },
    ),
    "a root, and its path": ({"APPLICATION_ROOT": "/app"}, {"cookie_options": {"path": "/app"}}),
    "a root, and a path all the same": (
        {"APPLICATION_ROOT": "/app", "SESSION_COOKIE_PATH": "/"},
        {},
    ),
    "no root": ({"APPLICATION_ROOT": ""}, {}),
    "a path, and no root": ({}, {"cookie_options": {"path": "/app"}}),
    "nothing, said in another way": ({"SESSION_COOKIE_DOMAIN": False}, {}),
    "a longer life": ({"PERMANENT_SESSION_LIFETIME": timedelta(days=90)}, {}),
    "a default above max_lifetime": ({}, {"max_lifetime": 15 * DAY}),
    "no refresh": ({"SESSION_REFRESH_EACH_REQUEST": False}, {}),
}


@pytest.mark.parametrize("kind", AGREEMENTS)
def test_settings_that_agree_with_the_options_are_welcome(it: Framework, kind: str) -> None:
    settings, changes = AGREEMENTS[kind]
    app = it.make_app()
    app.config.update(settings)
    it.ours.IronSessionInterface(make_options(**changes)).init_app(app)
    assert it.visit(app, "/show").status == 200


@pytest.mark.parametrize("lifetime", [0, timedelta(0)])
def test_a_lifetime_of_nothing_is_refused(
    it: Framework, lifetime: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """In Flask such a session is over at once; a ttl of 0 would never end."""
    app = it.make_app()
    app.config["PERMANENT_SESSION_LIFETIME"] = lifetime
    assert "PERMANENT_SESSION_LIFETIME" in failure_of(it, app, caplog)


def test_settings_are_looked_at_again_at_the_first_request(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    """Factories load them after the extensions, too."""
    app = it.make_app()
    it.ours.IronSessionInterface(OPTIONS).init_app(app)
    app.config["SESSION_COOKIE_NAME"] = "other"
    assert "SESSION_COOKIE_NAME" in failure_of(it, app, caplog)


def test_an_interface_that_takes_another_s_place_looks_at_the_settings_too(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    app = it.make_app()
    app.config["SESSION_COOKIE_NAME"] = NAME
    assert it.visit(app, "/show").status == 200
    app.session_interface = it.ours.IronSessionInterface(ADMIN)
    assert "SESSION_COOKIE_NAME" in failure_of(it, app, caplog)


def test_what_extensions_ask_the_interface_is_answered_by_the_options(it: Framework) -> None:
    attributes: dict[str, Any] = {"domain": "example.com", "path": "/app", "same_site": "none"}
    options = make_options(cookie_options={**attributes, "partitioned": True})
    interface, app = it.ours.IronSessionInterface(options), it.make_app()
    assert interface.get_cookie_name(app) == NAME
    assert interface.get_cookie_domain(app) == "example.com"
    assert interface.get_cookie_path(app) == "/app"
    assert interface.get_cookie_secure(app) is True
    assert interface.get_cookie_httponly(app) is True
    assert interface.get_cookie_samesite(app) == "None"
    assert interface.get_cookie_partitioned(app) is True
    without = it.ours.IronSessionInterface(make_options(cookie_options={"same_site": None}))
    assert without.get_cookie_samesite(app) is None
