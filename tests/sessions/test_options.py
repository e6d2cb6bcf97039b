"""Options: what no browser would take, and what contradicts itself, is refused when they are built.

Sources: RFC 6265bis (prefixes, SameSite, sizes), CHIPS (Partitioned), npm's cookie@2 (characters).
"""

import copy
import dataclasses
import functools
import inspect
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import iron_session
from iron_session import (
    ConfigurationError,
    CookieOptions,
    HeaderJar,
    IronSessionError,
    Passwords,
    SessionOptions,
    UnsealFailure,
    _log,
    get_iron_session,
    seal_data,
)
from iron_session.links import Links
from iron_session.sessions.options import check_options, override_cookie
from tests.helpers.clock import Clock
from tests.sessions.browser import NAME, OLD, PASSWORD, TTL, Browser, make_options

FAR = datetime(2099, 1, 1, tzinfo=UTC)
PACKAGE = Path(iron_session.__file__).parent


# --- what is there without asking ------------------------------------------------------------


def test_two_options_are_enough_and_the_rest_is_safe() -> None:
    options = SessionOptions(password=PASSWORD, cookie_name=NAME)
    assert options.ttl_ms == 14 * 24 * 3600 * 1000
    assert options.chunk is False
    assert options.on_unseal_error is None
    assert options.renew_after_ms is None
    assert options.max_lifetime_ms is None
    assert options.cookie == CookieOptions(
        http_only=True,
        secure=True,
        same_site="lax",
        path="/",
        domain=None,
        max_age="auto",
        expires=None,
        partitioned=False,
        priority=None,
    )


@pytest.mark.parametrize("missing", ["password", "cookie_name"])
def test_password_and_cookie_name_are_required(missing: str) -> None:
    given = {"password": PASSWORD, "cookie_name": NAME}
    del given[missing]
    with pytest.raises(TypeError, match=missing):
        SessionOptions(**given)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"cookieName": "a"}, "cookieName: it is cookie_name here"),
        ({"cookieOptions": {}}, "cookieOptions: it is cookie_options here"),
        ({"onUnsealError": print}, "onUnsealError: it is on_unseal_error here"),
        ({"maxLifetime": 60}, "maxLifetime: it is max_lifetime here"),
        ({"httpOnly": True}, 'httpOnly: give cookie_options={"http_only": …}'),
        ({"sameSite": "lax"}, 'sameSite: give cookie_options={"same_site": …}'),
        ({"secure": False}, 'secure: give cookie_options={"secure": …}'),
        ({"max_age": 60}, 'max_age: give cookie_options={"max_age": …}'),
    ],
)
def test_a_name_from_javascript_is_refused_with_the_one_it_has_here(
    given: dict[str, Any], problem: str
) -> None:
    """And with the place, where JavaScript's example was copied without its braces."""
    with pytest.raises(ConfigurationError) as caught:
        make_options(**given)
    assert str(caught.value) == f"SessionOptions has no {problem}"
    assert PASSWORD not in locals_shown(caught.value)


@pytest.mark.parametrize(
    ("name", "here"),
    [("httpOnly", "http_only"), ("sameSite", "same_site"), ("maxAge", "max_age"),
     ("HttpOnly", "http_only"), ("Secure", "secure")],
)  # fmt: skip
def test_an_attribute_s_name_from_javascript_is_refused_with_the_one_it_has_here(
    name: str, here: str
) -> None:
    attributes: dict[str, Any] = {name: True}
    with pytest.raises(ConfigurationError) as caught:
        CookieOptions(**attributes)
    assert str(caught.value) == f"CookieOptions has no {name}: it is {here} here"
    for use in (make_options, lambda **given: override_cookie(make_options(), **given)):
        key = "cookie_options" if use is make_options else "changes"
        with pytest.raises(ConfigurationError) as caught:
            use(**{key: attributes})
        assert f"cookie_options has no {name!r}, which is {here} here; it takes" in str(
            caught.value
        )


@pytest.mark.parametrize("name", ["cookiename", "_secure", "expire"])
def test_a_name_of_nothing_is_refused_by_python(name: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        make_options(**{name: "a"})


def test_tools_are_shown_the_arguments_of_options() -> None:
    for kind in (SessionOptions, CookieOptions):
        given = [one.name for one in dataclasses.fields(kind) if one.init]
        assert list(inspect.signature(kind).parameters) == given


def test_options_are_given_by_name_only() -> None:
    with pytest.raises(TypeError):
        SessionOptions(PASSWORD, NAME)  # type: ignore[call-arg]  # wrong on purpose
    with pytest.raises(TypeError):
        CookieOptions(True)  # type: ignore[call-arg]  # wrong on purpose


@pytest.mark.parametrize(
    ("given", "milliseconds"),
    [(900, 900_000), (0.5, 500), (timedelta(minutes=15), 900_000), (0, 0), (0.0001, 1)],
)
def test_a_span_of_time_is_seconds_or_a_timedelta(
    given: float | timedelta, milliseconds: int
) -> None:
    assert make_options(ttl=given).ttl_ms == milliseconds


def test_renewal_and_lifetime_are_spans_too() -> None:
    options = make_options(ttl=900, renew_after=timedelta(minutes=5), max_lifetime=3600.5)
    assert options.renew_after_ms == 300_000
    assert options.max_lifetime_ms == 3_600_500


# --- what works and is seldom meant ----------------------------------------------------------


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the list of what will be logged, in a process that has logged nothing yet."""
    monkeypatch.setattr(_log, "_warned", set())
    messages: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert (record.name, record.levelname) == ("iron_session", "WARNING")
            messages.append(record.getMessage())

    handler = Collect()
    logger = logging.getLogger("iron_session")
    monkeypatch.setattr(logger, "handlers", [handler])
    return messages


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ttl": 14}, "ttl=14 is a number of seconds, and less than a minute"),
        ({"ttl": 59.999}, "ttl=59.999 is a number of seconds, and less than a minute"),
        ({"ttl": 0.001}, "ttl=0.001 is a number of seconds"),
        ({"ttl": TTL * 1000}, f"ttl={TTL * 1000} is a number of seconds, and more than ten years"),
        ({"ttl": 3653 * 86400 + 1}, "and more than ten years"),
        ({"max_lifetime": TTL * 1000}, f"max_lifetime={TTL * 1000} is a number of seconds"),
    ],
)
def test_a_number_of_another_unit_is_warned_of_once(
    warned: list[str], given: dict[str, Any], told: str
) -> None:
    """JavaScript's cookies count in milliseconds, and people in days."""
    options = make_options(**given)
    make_options(**given)
    dataclasses.replace(options, chunk=True)
    (message,) = warned
    assert message.startswith(f"session {NAME!r}: ")
    assert told in message
    assert message.endswith("Give a timedelta, which names its unit, as timedelta(days=14)")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"ttl": 0},
        {"ttl": 60},
        {"ttl": 3653 * 86400},
        {"ttl": 900, "renew_after": 5},
        {"max_lifetime": 10 * 365 * 86400},
        {"ttl": timedelta(seconds=14)},
        {"ttl": timedelta(days=14_000), "max_lifetime": timedelta(days=15_000)},
    ],
)
def test_a_usual_span_and_one_that_names_its_unit_are_not_warned_of(
    warned: list[str], given: dict[str, Any]
) -> None:
    make_options(**given)
    assert warned == []


def test_seals_and_links_may_be_as_short_as_they_like(warned: list[str]) -> None:
    seal_data({}, password=PASSWORD, ttl=1)
    Links(password=PASSWORD, purpose="login", ttl=5)
    assert warned == []


@pytest.mark.parametrize("as_mapping", [True, False])
def test_a_cookie_that_scripts_can_read_is_warned_of_once(
    warned: list[str], as_mapping: bool
) -> None:
    given = {"http_only": False} if as_mapping else CookieOptions(http_only=False)
    for _ in range(2):
        make_options(cookie_options=given)
    (message,) = warned
    assert message.startswith(
        f"session {NAME!r}: http_only=False lets every script in the page read"
    )
    make_options(cookie_name="other", cookie_options=given)
    assert warned[1].startswith("session 'other': ")


def test_a_cookie_that_scripts_can_read_in_one_response_is_warned_of_once(
    warned: list[str],
) -> None:
    session = get_iron_session(HeaderJar(), make_options())
    for _ in range(2):
        session.save(cookie_options={"http_only": False})
    assert [message.partition(" lets ")[0] for message in warned] == [
        f"session {NAME!r}: http_only=False"
    ]


@pytest.mark.parametrize("domain", ["com", ".com", "intranet", "LOCALDOMAIN"])
def test_a_domain_without_a_dot_is_warned_of_once(warned: list[str], domain: str) -> None:
    for _ in range(2):
        make_options(cookie_options={"domain": domain})
    (message,) = warned
    assert message.startswith(f"session {NAME!r}: the domain {domain.strip('.')!r} has no dot")


@pytest.mark.parametrize(
    "domain", [None, "example.com", ".example.com", "127.0.0.1", "localhost", "app.localhost"]
)
def test_a_usual_domain_is_not_warned_of(warned: list[str], domain: str | None) -> None:
    make_options(cookie_options={"domain": domain})
    assert warned == []


def test_a_log_that_fails_does_not_stop_the_application(
    warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(record: logging.LogRecord) -> bool:
        raise RuntimeError

    monkeypatch.setattr(logging.getLogger("iron_session"), "filters", [fail])
    make_options(ttl=14)
    assert warned == []


def test_warnings_of_endless_options_need_no_endless_memory(warned: list[str]) -> None:
    """Who builds options for each of many tenants is warned of each, and maybe again."""
    for number in range(1001):
        make_options(ttl=14, cookie_name=f"tenant{number}")
    assert len(warned) == 1001
    assert len(_log._warned) == 1


# --- passwords -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("x" * 31, "32"),
        ("", "empty"),
        ("😀" * 15, "32"),
        ({}, "empty"),
        ({1: PASSWORD, 2: "x" * 31}, "32"),
        ({1: "x" * 31, 2: PASSWORD}, "32"),
        ({"one": PASSWORD}, "whole numbers"),
        ({"": PASSWORD}, "whole numbers"),
        ({"1.5": PASSWORD}, "whole numbers"),
        ({"-1": PASSWORD}, "whole numbers"),
        ({"01": PASSWORD}, "whole numbers"),
        ({" 1": PASSWORD}, "whole numbers"),
        ({"1\n": PASSWORD}, "whole numbers"),
        ({"\u0661": PASSWORD}, "whole numbers"),
        ({-1: PASSWORD}, "whole numbers"),
        ({1.5: PASSWORD}, "whole numbers"),
        ({True: PASSWORD}, "whole numbers"),
        ({2**53: PASSWORD}, "whole numbers"),
        ({1: PASSWORD, "1": OLD}, "twice"),
        ({1: PASSWORD.encode()}, "str"),
        (PASSWORD.encode(), "str"),
        (None, "variable"),
        ([PASSWORD], "str"),
    ],
)
def test_a_password_that_can_not_work_is_refused(password: Any, message: str) -> None:
    """Messages say what is asked for and never repeat what was given."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        make_options(password=password)
    assert PASSWORD not in str(caught.value)
    assert "xxxx" not in str(caught.value)


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD[:32],
        "😀😁😂😃😄😅😆😇😈😉😊😋😌😍😎😏",  # JavaScript counts 32 UTF-16 units
        {1: PASSWORD},
        {"1": PASSWORD, "2": OLD},
        {0: PASSWORD},
        MappingProxyType({7: PASSWORD}),
        Passwords(PASSWORD),
    ],
)
def test_every_form_of_password_is_taken(password: Any) -> None:
    assert isinstance(make_options(password=password).passwords, Passwords)


# --- the cookie's name -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        " a",
        "a ",
        "a;",
        "a=b",
        "a\x00",
        "a\x1f",
        "a\x7f",
        "a\t",
        "a\n",
        "a\r\nSet-Cookie: b",
        "é",
        "ａ",
        "\udc80",
        "",
        b"a",
        None,
        1,
        "x" * 1025,
    ],
)
def test_a_cookie_name_that_no_browser_takes_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^cookie_name"):
        make_options(cookie_name=name)


@pytest.mark.parametrize("name", ["a", "!", "~", "a:<>z", "x" * 1024, "my-app.session_1", '"q"'])
def test_a_cookie_name_may_hold_any_visible_ascii_but_two(clock: Clock, name: str) -> None:
    """A session under that name comes back."""
    browser, options = Browser(), make_options(cookie_name=name)
    browser.visit(options, user=1)
    assert list(browser.cookies) == [name]
    assert browser.request(options) == {"user": 1}


# --- prefixes --------------------------------------------------------------------------------

IN_ANY_CASE = [str, str.lower, str.upper, str.swapcase]


@pytest.mark.parametrize("case", IN_ANY_CASE)
@pytest.mark.parametrize(
    ("name", "attributes", "mend"),
    [
        ("__Secure-a", {"secure": False}, "secure=True"),
        ("__Secure-a", {"secure": "auto"}, "secure=True"),
        ("__Host-a", {"secure": False}, "secure=True"),
        ("__Host-a", {"secure": "auto"}, "secure=True"),
        ("__Host-a", {"domain": "example.com"}, "domain=None"),
        ("__Host-a", {"path": "/app"}, 'path="/"'),
        ("__Host-a", {"path": None}, 'path="/"'),
        ("__Http-a", {"secure": False}, "secure=True"),
        ("__Http-a", {"secure": "auto"}, "secure=True"),
        ("__Http-a", {"http_only": False}, "http_only=True"),
        ("__Host-Http-a", {"secure": False}, "secure=True"),
        ("__Host-Http-a", {"secure": "auto"}, "secure=True"),
        ("__Host-Http-a", {"http_only": False}, "http_only=True"),
        ("__Host-Http-a", {"domain": "example.com"}, "domain=None"),
        ("__Host-Http-a", {"path": "/app"}, 'path="/"'),
    ],
)
def test_a_prefix_holds_the_cookie_to_its_promise(
    case: Any, name: str, attributes: dict[str, Any], mend: str
) -> None:
    """The message names the prefix as it is known, and the argument to change."""
    prefix = name[:-1]
    with pytest.raises(ConfigurationError, match=f"prefix {prefix} needs {re.escape(mend)}"):
        make_options(cookie_name=case(name), cookie_options=attributes)


@pytest.mark.parametrize("case", IN_ANY_CASE)
@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("__Secure-a", {}),
        ("__Secure-a", {"domain": "example.com", "path": "/app", "http_only": False}),
        ("__Host-a", {}),
        ("__Host-a", {"http_only": False}),
        ("__Http-a", {"domain": "example.com", "path": "/app"}),
        ("__Host-Http-a", {}),
    ],
)
def test_a_prefix_whose_promise_is_kept_is_taken(
    case: Any, name: str, attributes: dict[str, Any]
) -> None:
    make_options(cookie_name=case(name), cookie_options=attributes)


@pytest.mark.parametrize("name", ["x__Host-a", "_Host-a", "Host-a", "__Hosta", "__Secure_a"])
def test_what_only_looks_like_a_prefix_promises_nothing(name: str) -> None:
    make_options(cookie_name=name, cookie_options={"secure": False, "path": "/app"})


# --- the cookie's attributes -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("path", "no-slash"),
        ("path", ""),
        ("path", "/a;b"),
        ("path", "/a; Domain=evil.example"),
        ("path", "/a<b"),
        ("path", "/\r\nSet-Cookie: a=b"),
        ("path", "/\r"),
        ("path", "/\n"),
        ("path", "/a\n"),
        ("path", "/\x00"),
        ("path", "/\x7f"),
        ("path", "/é"),
        ("path", "/" + "a" * 1024),
        ("path", b"/"),
        ("path", 1),
        ("domain", ""),
        ("domain", "."),
        ("domain", "a..b"),
        ("domain", "-a.example"),
        ("domain", "a-.example"),
        ("domain", "a_b.example"),
        ("domain", "example.com;"),
        ("domain", "example.com; Path=/x"),
        ("domain", "example.com\r\nSet-Cookie: a=b"),
        ("domain", "example.com\r"),
        ("domain", "example.com\n"),
        ("domain", "example.com "),
        ("domain", "exam\u212ale.com"),  # the Kelvin sign, that IGNORECASE takes for a k
        ("domain", "exam\u017fle.com"),  # the long s
        ("domain", "münchen.example"),
        ("domain", "a" * 64 + ".example"),
        ("domain", ".".join(["abcdefg"] * 129)),
        ("domain", "https://example.com"),
        ("domain", "example.com:80"),
        ("domain", b"example.com"),
        ("same_site", "Laxx"),
        ("same_site", ""),
        ("same_site", "lax; Domain=evil.example"),
        ("same_site", True),
        ("same_site", False),
        ("priority", "urgent"),
        ("priority", ""),
        ("priority", "high\n"),
        ("priority", 1),
        ("max_age", 0),
        ("max_age", -1),
        ("max_age", 1.5),
        ("max_age", True),
        ("max_age", False),
        ("max_age", "60"),
        ("max_age", "Auto"),
        ("max_age", 2**53),
        ("max_age", timedelta(days=1)),
        ("expires", "Fri, 01 Jan 2099 00:00:00 GMT"),
        ("expires", datetime(2099, 1, 1)),
        ("expires", 4070908800),
        ("expires", datetime(1600, 12, 31, tzinfo=UTC)),
        ("expires", datetime(1601, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
        ("expires", datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))),
        ("expires", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))),
        ("http_only", "false"),
        ("http_only", 1),
        ("http_only", None),
        ("secure", "false"),
        ("secure", "true"),
        ("secure", 0),
        ("secure", None),
        ("secure", "Auto"),
        ("secure", ""),
        ("partitioned", "false"),
        ("partitioned", None),
    ],
)
def test_an_attribute_that_no_browser_takes_is_refused(attribute: str, value: Any) -> None:
    """Line ends and `;` would be a header of somebody else's."""
    with pytest.raises(ConfigurationError, match=rf"^cookie_options\.{attribute} ") as caught:
        CookieOptions(**{attribute: value})
    assert len(str(caught.value)) < 3000
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("path", "/"),
        ("path", None),
        ("path", "/a b?c=d&e,f"),
        ("path", "/" + "a" * 1023),
        ("domain", "example.com"),
        ("domain", ".example.com"),
        ("domain", "EXAMPLE.com"),
        ("domain", "localhost"),
        ("domain", "127.0.0.1"),
        ("domain", "a" * 63 + ".x"),
        ("domain", "xn--mnchen-3ya.example"),
        ("same_site", None),
        ("same_site", "strict"),
        ("same_site", "none"),
        ("priority", "low"),
        ("priority", "medium"),
        ("priority", "high"),
        ("max_age", 1),
        ("max_age", 2**53 - 1),
        ("max_age", None),
        ("max_age", "auto"),
        ("expires", FAR),
        ("expires", datetime(1601, 1, 1, tzinfo=UTC)),
        ("expires", datetime(1600, 12, 31, 23, tzinfo=timezone(timedelta(hours=-1)))),
        ("http_only", False),
        ("secure", False),
        ("secure", "auto"),
        ("partitioned", True),
    ],
)
def test_an_attribute_that_browsers_take_is_kept_as_given(attribute: str, value: Any) -> None:
    assert getattr(CookieOptions(**{attribute: value}), attribute) == value


@pytest.mark.parametrize("attribute", ["same_site", "priority"])
def test_a_choice_may_be_written_in_any_case(attribute: str) -> None:
    """Examples from elsewhere write `Strict` and `High`."""
    value = {"same_site": "StRiCt", "priority": "HIGH"}[attribute]
    assert getattr(CookieOptions(**{attribute: value}), attribute) == value.lower()  # type: ignore[arg-type]  # any case


@pytest.mark.parametrize(
    ("attributes", "mend"),
    [
        ({"same_site": "none", "secure": False}, "secure=True"),
        ({"same_site": "none", "secure": "auto"}, "secure=True"),
        ({"partitioned": True, "secure": "auto"}, "secure=True"),
        ({"same_site": "None", "secure": False}, "secure=True"),
        ({"partitioned": True, "secure": False}, "secure=True"),
    ],
)
def test_what_browsers_take_only_with_secure_is_refused_without(
    attributes: dict[str, Any], mend: str
) -> None:
    with pytest.raises(ConfigurationError, match=mend):
        CookieOptions(**attributes)


def test_secure_by_the_request_can_be_asked_for_in_one_response_too() -> None:
    """And is held to the prefix there, as any other value is."""
    assert override_cookie(make_options(), {"secure": "auto"}) == CookieOptions(secure="auto")
    with pytest.raises(ConfigurationError, match="prefix __Host- needs secure=True"):
        override_cookie(make_options(cookie_name="__Host-a"), {"secure": "auto"})


def test_a_message_about_a_choice_lists_the_choices() -> None:
    with pytest.raises(
        ConfigurationError, match=r'^cookie_options\.secure must be True, False or "auto", not'
    ):
        CookieOptions(secure="always")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(
        ConfigurationError, match=r"^cookie_options\.same_site.*strict, lax, none, or None"
    ):
        CookieOptions(same_site="loose")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(
        ConfigurationError, match=r"^cookie_options\.priority.*low, medium, high, or None"
    ):
        CookieOptions(priority="loose")  # type: ignore[arg-type]  # wrong on purpose


def test_a_message_about_a_long_attribute_names_the_sizes() -> None:
    with pytest.raises(ConfigurationError, match=r"^cookie_options\.path has 1025 bytes.*1024"):
        CookieOptions(path="/" + "a" * 1024)
    with pytest.raises(ConfigurationError, match=r"^cookie_name has 1025 characters.*1024"):
        make_options(cookie_name="x" * 1025)


# --- the scopes that the cookie had ----------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "scopes", "expected"),
    [
        ({}, [], []),
        ({}, [{"path": "/app"}], [{"path": "/app"}]),
        ({}, ({"domain": "example.com"},), [{"domain": "example.com"}]),
        ({}, [{"partitioned": True}], [{"partitioned": True}]),
        ({}, [MappingProxyType({"path": "/a"})], [{"path": "/a"}]),
        (
            {"domain": "example.com", "path": "/app"},
            [{"domain": None, "path": "/"}, {"domain": None}, {"path": "/"}],
            [{"domain": None, "path": "/"}, {"path": "/app"}, {"domain": "example.com"}],
        ),
        (
            {"partitioned": True, "same_site": "none", "priority": "high"},
            [{"partitioned": False}, {"path": "/a"}],
            [
                {"partitioned": False, "same_site": "none", "priority": "high"},
                {"partitioned": True, "same_site": "none", "priority": "high", "path": "/a"},
            ],
        ),
        (
            {"secure": False, "http_only": False},
            [{"path": "/a"}],
            [{"secure": False, "http_only": False, "path": "/a"}],
        ),
        ({"secure": "auto"}, [{"path": "/a"}], [{"secure": "auto", "path": "/a"}]),
    ],
)
def test_former_scopes_are_the_cookie_of_today_but_for_what_they_name(
    now: dict[str, Any], scopes: Any, expected: list[dict[str, Any]]
) -> None:
    options = make_options(cookie_options=now, former_scopes=scopes)
    assert options.former_cookies == tuple(CookieOptions(**one) for one in expected)


NOT_FORMER: dict[str, tuple[dict[str, Any], Any, str]] = {
    "a mapping": ({}, {"path": "/a"}, "former_scopes must be a list of mappings, as "),
    "text": ({}, "/a", "former_scopes must be a list of mappings, as "),
    "none": ({}, None, "former_scopes must be a list of mappings, as "),
    "what ends": ({}, iter([{"path": "/a"}]), "former_scopes must be a list of mappings, as "),
    "a path": (
        {},
        [{"path": "/b"}, "/a"],
        "former_scopes[1] must be a mapping, not str; it takes domain, path, partitioned",
    ),
    "a cookie": ({}, [CookieOptions()], "former_scopes[0] must be a mapping, not CookieOptions"),
    "another attribute": (
        {},
        [{"path": "/a", "secure": False}],
        "former_scopes[0] has no 'secure'; it takes domain, path, partitioned",
    ),
    "JavaScript's name": ({}, [{"Path": "/a"}], "former_scopes[0] has no 'Path'; it takes"),
    "no name": ({}, [{1: "/a"}], "former_scopes[0] has no 1; it takes"),
    "nothing": ({}, [{}], "former_scopes[0] is the scope that the cookie has now: leave it out"),
    "today's": (
        {"domain": "Example.com", "path": "/a"},
        [{"domain": None}, {"domain": ".example.COM", "path": "/a"}],
        "former_scopes[1] is the scope that the cookie has now: leave it out",
    ),
    "two alike": (
        {},
        [{"path": "/b"}, {"path": "/a", "domain": "a.example"}, {"path": "/b", "domain": None}],
        "former_scopes[2] is the same as former_scopes[0]: leave it out",
    ),
    "two alike to browsers": (
        {},
        [{"domain": "a.example"}, {"domain": ".A.example"}],
        "former_scopes[1] is the same as former_scopes[0]: leave it out",
    ),
    "no path": ({}, [{"path": "a"}], "former_scopes[0].path can't be 'a': a path starts with /"),
    "no domain": ({}, [{"domain": "a b"}], "former_scopes[0].domain can't be 'a b': a domain"),
    "no flag": ({}, [{"partitioned": 1}], "former_scopes[0].partitioned must be True or False"),
    "in the clear": (
        {"secure": False},
        [{"partitioned": True}],
        "former_scopes[0]: partitioned=True needs secure=True",
    ),
    "by the request": (
        {"secure": "auto"},
        [{"partitioned": True}],
        "former_scopes[0]: partitioned=True needs secure=True",
    ),
}


@pytest.mark.parametrize("what", NOT_FORMER)
def test_a_former_scope_that_can_not_be_is_refused_with_its_place(what: str) -> None:
    now, scopes, problem = NOT_FORMER[what]
    with pytest.raises(ConfigurationError) as caught:
        make_options(cookie_options=now, former_scopes=scopes)
    assert str(caught.value).startswith(problem)
    assert PASSWORD not in locals_shown(caught.value)


@pytest.mark.parametrize(
    ("name", "scope", "mend"),
    [
        ("__Host-a", {"domain": "example.com"}, "prefix __Host- needs domain=None"),
        ("__host-a", {"path": "/app"}, 'prefix __Host- needs path="/"'),
        ("__Host-Http-a", {"path": None}, 'prefix __Host-Http- needs path="/"'),
    ],
)
def test_a_former_scope_that_the_name_s_prefix_forbids_is_refused(
    name: str, scope: dict[str, Any], mend: str
) -> None:
    """Browsers never had a cookie of this name there: the name was another one then."""
    with pytest.raises(ConfigurationError) as caught:
        make_options(cookie_name=name, former_scopes=[scope])
    assert str(caught.value).startswith("former_scopes[0]: a cookie name with the ")
    assert str(caught.value).endswith(mend)


def test_a_prefix_may_have_had_other_scopes_that_it_allows() -> None:
    options = make_options(cookie_name="__Host-a", former_scopes=[{"partitioned": True}])
    assert options.former_cookies == (CookieOptions(partitioned=True),)
    options = make_options(cookie_name="__Secure-a", former_scopes=[{"domain": "example.com"}])
    assert options.former_cookies == (CookieOptions(domain="example.com"),)


def test_options_are_equal_by_their_former_scopes() -> None:
    """By what they mean, however they are written; and they stay keys of a dict."""
    given: list[dict[str, Any]] = [{"path": "/a"}]
    options = make_options(former_scopes=given)
    assert options == make_options(former_scopes=({"path": "/a", "domain": None},))
    assert hash(options) == hash(make_options(former_scopes=tuple(given)))
    assert options != make_options()
    assert options != make_options(former_scopes=[{"path": "/b"}])
    given[0]["path"] = "/b"
    given.append({"path": "/c"})
    assert dataclasses.replace(options, chunk=True).former_cookies == options.former_cookies
    assert copy.deepcopy(options) == options


# --- cookie_options as a mapping -------------------------------------------------------------


@pytest.mark.parametrize(
    "mapping",
    [
        {"secure": False, "same_site": "strict"},
        MappingProxyType({"secure": False, "same_site": "strict"}),
    ],
)
def test_cookie_options_may_be_a_mapping_of_changes(mapping: Mapping[str, Any]) -> None:
    options = make_options(cookie_options=mapping)
    assert options.cookie == CookieOptions(secure=False, same_site="strict")
    assert options.cookie_options == options.cookie


@pytest.mark.parametrize("name", ["httpOnly", "sameSite", "maxAge", "HttpOnly", "expire", "", 1])
def test_an_unknown_name_of_an_attribute_is_told_with_those_that_are_known(name: Any) -> None:
    """JavaScript's spelling, most of all."""
    with pytest.raises(ConfigurationError) as caught:
        make_options(cookie_options={name: True})
    message = str(caught.value)
    assert repr(name) in message
    for known in dataclasses.fields(CookieOptions):
        assert (known.name in message) == known.init


@pytest.mark.parametrize("value", [None, "secure", [("secure", False)], 1, CookieOptions])
def test_cookie_options_of_another_type_are_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^cookie_options must be"):
        make_options(cookie_options=value)


def test_a_bad_value_in_a_mapping_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^cookie_options\.secure must be True, False or"):
        make_options(cookie_options={"secure": "false"})


# --- spans of time ---------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["ttl", "renew_after", "max_lifetime"])
@pytest.mark.parametrize(
    "value",
    [
        -1,
        -0.001,
        timedelta(seconds=-1),
        float("nan"),
        float("inf"),
        float("-inf"),
        True,
        "900",
        b"1",
        [1],
        1e11,
        pytest.param(10**400, id="10**400"),
        timedelta.max,
    ],
)
def test_a_span_of_time_that_is_none_is_refused(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{option} must "):
        make_options(**{option: value})


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ({"ttl": 100, "renew_after": 100}, "renew_after must be shorter than ttl"),
        ({"ttl": 100, "renew_after": 101}, "renew_after must be shorter than ttl"),
        ({"ttl": 100, "renew_after": 40}, "shorter than the cookie's life, 40 seconds"),
        (
            {"ttl": 900, "renew_after": 60, "cookie_options": {"max_age": 60}},
            "shorter than the cookie's life, 1 minute by",
        ),
        ({"ttl": 100, "renew_after": 0}, "renew_after must be more than 0"),
        ({"ttl": 0, "renew_after": 50}, "renew_after needs a ttl"),
        (
            {"ttl": 100, "max_lifetime": 99},
            "max_lifetime must not be shorter than ttl, which is 1 minute and 40 seconds: set",
        ),
        ({"ttl": 100, "max_lifetime": 0}, "max_lifetime must be more than 0"),
        ({"ttl": 0, "max_lifetime": 50}, "max_lifetime needs a ttl"),
        ({"ttl": None}, "ttl must be seconds"),
    ],
)
def test_spans_of_time_that_contradict_each_other_are_refused(
    spans: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_options(**spans)


@pytest.mark.parametrize(
    "spans",
    [
        {"ttl": 100, "renew_after": 39.999},
        {"ttl": 60, "renew_after": 59.999},
        {"ttl": 100, "renew_after": 99.999, "cookie_options": {"max_age": None}},
        {"ttl": 100, "max_lifetime": 100},
        {"ttl": 100, "renew_after": 1, "max_lifetime": 1000},
        {"ttl": 10**10},
    ],
)
def test_spans_of_time_at_their_bounds_are_taken(spans: dict[str, Any]) -> None:
    make_options(**spans)


# --- schemas and functions -------------------------------------------------------------------


def test_a_migration_needs_no_schema() -> None:
    assert make_options(migrate=dict).migrate is dict


# --- the rest --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["false", 1, None])
def test_chunk_is_true_or_false(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^chunk must be True or False"):
        make_options(chunk=value)


async def _hook(failure: UnsealFailure, extra: object = None) -> None:
    """Nothing would await this."""


class _AwaitedHook:
    async def __call__(self, failure: UnsealFailure) -> None:
        """Nor this."""


FUNCTIONS = ["on_unseal_error", "on_unseal", "migrate"]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("given", ["print", 1, [], object()])
def test_what_can_not_be_called_is_refused(name: str, given: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} must be a function"):
        make_options(**{name: given})


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "hook", [_hook, functools.partial(_hook, extra=1), _AwaitedHook(), _AwaitedHook().__call__]
)
def test_what_would_have_to_be_awaited_is_refused(name: str, hook: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} must be a plain function"):
        make_options(**{name: hook})


def test_errors_of_configuration_are_value_errors_and_of_the_package() -> None:
    with pytest.raises(ValueError, match=r"^chunk"):
        make_options(chunk="yes")
    with pytest.raises(IronSessionError):
        make_options(chunk="yes")


def test_options_are_frozen() -> None:
    """No request can change what another one gets."""
    options = make_options()
    for attribute in ("ttl", "password", "cookie", "cookie_name", "passwords"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(options, attribute, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.cookie.secure = False  # type: ignore[misc]  # wrong on purpose
    assert not hasattr(options, "__dict__")
    assert not hasattr(options.cookie, "__dict__")


@pytest.mark.parametrize("password", [PASSWORD, {1: OLD, 2: PASSWORD}, Passwords(PASSWORD)])
def test_no_password_stands_in_the_repr_or_the_attributes(password: Any) -> None:
    options = make_options(password=password)
    for text in (repr(options), str(options), repr(options.password), repr(options.passwords)):
        assert PASSWORD not in text
        assert OLD not in text
    assert NAME in repr(options)


def test_the_repr_shows_the_arguments_and_nothing_twice() -> None:
    shown = re.findall(r"(\w+)=", repr(make_options(cookie_options={"path": None})))
    attributes = [one.name for one in dataclasses.fields(CookieOptions) if one.init]
    assert [name for name in shown if name not in attributes] == [
        "cookie_name",
        "ttl",
        "cookie_options",
        "chunk",
        "on_unseal_error",
        "renew_after",
        "max_lifetime",
        "schema",
        "migrate",
        "on_unseal",
        "former_scopes",
        "keep_opened",
        "revocations",
        "accept",
        "user_of",
        "passwords",
        "ids",
    ]
    assert "passwords=Passwords(ids=[1])" in repr(make_options())


def locals_shown(error: BaseException) -> str:
    """Give what an error tracker shows of the frames in this package's files."""
    shown, traceback = [], error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if Path(frame.f_code.co_filename).is_relative_to(PACKAGE):
            for name, value in frame.f_locals.items():
                with suppress(AttributeError):  # of options that are only half built
                    shown.append(f"{name}={value!r}")
        traceback = traceback.tb_next
    assert shown
    return "\n".join(shown)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cookie_options": {"secure": "false"}},
        {"cookie_options": 5},
        {"ttl": -1},
        {"renew_after": 0},
        {"max_lifetime": "1"},
        {"cookie_name": "a b"},
        {"cookie_name": "__Host-a", "cookie_options": {"path": "/a"}},
        {"chunk": "yes"},
        {"on_unseal_error": 5},
        {"ttl": 60, "renew_after": 60},
        {"former_scopes": [{}]},
    ],
)
@pytest.mark.parametrize("password", [PASSWORD, {1: PASSWORD}])
def test_options_that_are_refused_do_not_show_the_password_to_an_error_tracker(
    wrong: dict[str, Any], password: Any
) -> None:
    """It prints the repr of every local, of the half-built options too."""
    with pytest.raises(ConfigurationError) as caught:
        make_options(password=password, **wrong)
    assert PASSWORD not in locals_shown(caught.value)


def test_options_are_equal_by_what_they_were_built_from() -> None:
    assert make_options() == make_options(password={"1": PASSWORD})
    assert hash(make_options()) == hash(make_options())
    assert make_options() != make_options(password=OLD)
    assert make_options() != make_options(ttl=60)


def test_replace_changes_one_option_and_checks_again(clock: Clock) -> None:
    """`dataclasses.replace` works though the password was given long ago."""
    options = make_options(password={1: OLD, 2: PASSWORD}, cookie_options={"path": "/a"})
    changed = dataclasses.replace(options, ttl=60)
    assert changed.ttl_ms == 60_000
    assert options.ttl_ms == 14 * 24 * 3600 * 1000
    assert changed.cookie == CookieOptions(path="/a")
    browser = Browser()
    browser.visit(changed, user=1)
    assert browser.request(options) == {"user": 1}
    with pytest.raises(ConfigurationError):
        dataclasses.replace(options, cookie_name="__Host-a")


def test_two_options_share_no_state() -> None:
    """What they were built from may change afterwards, and they do not."""
    passwords, attributes = {1: PASSWORD}, {"path": "/a"}
    first = make_options(password=passwords, cookie_options=attributes)
    passwords[2] = OLD
    attributes["path"] = "/b"
    second = make_options(password=passwords, cookie_options=attributes)
    assert first.passwords.ids == (1,)
    assert first.cookie.path == "/a"
    assert second.passwords.ids == (2, 1)
    assert second.cookie.path == "/b"
    assert make_options().cookie == CookieOptions()


@pytest.mark.parametrize("options", [None, {"password": PASSWORD, "cookie_name": NAME}, PASSWORD])
def test_what_is_no_options_is_told_so(options: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"SessionOptions\(password=…, cookie_name=…\)"):
        check_options(options)
    with pytest.raises(ConfigurationError, match=r"^options must be a SessionOptions"):
        get_iron_session(HeaderJar(), options)


# --- changing attributes for one session ------------------------------------------------------


def test_a_mapping_changes_some_attributes_and_keeps_the_others() -> None:
    options = make_options(cookie_options={"path": "/a", "same_site": "strict"})
    changed = override_cookie(options, {"priority": "low", "max_age": 5})
    assert changed == CookieOptions(path="/a", same_site="strict", priority="low", max_age=5)
    assert options.cookie == CookieOptions(path="/a", same_site="strict")


def test_an_instance_replaces_all_attributes() -> None:
    options = make_options(cookie_options={"path": "/a", "same_site": "strict"})
    changed = CookieOptions(path="/a", priority="low", http_only=False, secure=False, max_age=None)
    assert override_cookie(options, changed) == changed


IDENTITY: dict[str, Any] = {"path": "/a", "domain": "example.com", "partitioned": True}


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("path", "/b"),
        ("path", "/A"),
        ("path", "/"),
        ("path", None),
        ("domain", "other.example"),
        ("domain", ".example.com"),
        ("domain", None),
        ("partitioned", False),
    ],
)
def test_what_a_browser_knows_a_cookie_by_can_not_be_changed(attribute: str, value: Any) -> None:
    """It would keep two, and the next logout would leave one of them."""
    options = make_options(cookie_options=IDENTITY)
    for changes in ({attribute: value}, CookieOptions(**{**IDENTITY, attribute: value})):
        with pytest.raises(
            ConfigurationError,
            match=rf"^cookie_options\.{attribute} can't be changed.*Set it in SessionOptions$",
        ):
            override_cookie(options, changes)


@pytest.mark.parametrize("attribute", ["path", "domain", "partitioned"])
def test_what_a_browser_knows_a_cookie_by_can_not_be_added(attribute: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^cookie_options\.{attribute} can't be changed"):
        override_cookie(make_options(), {attribute: IDENTITY[attribute]})


def test_what_a_browser_knows_a_cookie_by_may_be_repeated() -> None:
    options = make_options(cookie_options=IDENTITY)
    changed = override_cookie(options, {**IDENTITY, "priority": "high"})
    assert changed == CookieOptions(**IDENTITY, priority="high")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("__Host-a", {"secure": False}),
        ("__Host-a", CookieOptions(secure=False)),
        ("__Http-a", {"http_only": False}),
    ],
)
def test_changed_attributes_are_held_to_the_prefix_too(name: str, changes: Any) -> None:
    options = make_options(cookie_name=name)
    with pytest.raises(ConfigurationError, match=f"prefix {name[:-1]} needs"):
        override_cookie(options, changes)


def test_spans_of_time_are_compared_by_what_they_mean() -> None:
    assert make_options(ttl=900) == make_options(ttl=timedelta(minutes=15))
    assert make_options(ttl=900) != make_options(ttl=901)
    assert make_options(renew_after=60) != make_options(renew_after=61)
    assert make_options(max_lifetime=TTL) != make_options(max_lifetime=TTL + 1)
