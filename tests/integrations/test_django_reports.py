"""What Django's error reports show: mails to the administrators, and the page that DEBUG shows."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import django as django_itself
import pytest
from django.core import mail
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path
from django.utils.log import AdminEmailHandler
from django.views import debug

from iron_session import ConfigurationError, Passwords
from iron_session.integrations.django import (
    IronSessionMiddleware,
    SafeExceptionReporterFilter,
    get_iron_session,
)
from tests.contract import asgi_driver, wsgi_driver
from tests.contract.door import Answer, Visit
from tests.integrations.django_site import project
from tests.sessions.browser import FOREIGN, OLD, PASSWORD, make_options, saved, seal_text

LARGE = {"large": "plaintext of the visitor's " * 250}
STARS = "********************"
OURS = "iron_session.integrations.django.SafeExceptionReporterFilter"
STOCK = "django.views.debug.SafeExceptionReporterFilter"
BY_MIDDLEWARE = [project.SESSION_MIDDLEWARE, f"{__name__}.Admin"]
BY_HAND = make_options(cookie_name="by_hand", password=OLD)

Site = Callable[..., Answer]


class Admin(IronSessionMiddleware):
    """The middleware of a second session."""

    options = make_options(cookie_name="admin", password=OLD, chunk=True)
    key = "admin_session"


class UserError(Exception):
    """What a view raises."""


def fail(request: Any) -> HttpResponse:
    """Raise, with what views may have at hand among the variables."""
    header = request.headers.get("cookie")
    sent = dict(request.COOKIES)
    scope = dict(getattr(request, "scope", {}))
    key = request.session.session_key
    last = (header or "").rpartition("=")[2]
    fresh = seal_text("{}")
    colour = "green as grass"
    raise UserError(len([header, sent, scope, key, last, fresh, colour]))


def fail_in_ours(request: Any) -> None:
    """Raise from within the session."""
    request.session["token"] = [written_backwards("noitacilppa eht fo terces"), object()]


def fail_beneath_ours(request: Any) -> None:
    """Raise from within what the session calls."""
    request.session.update({"token": [written_backwards("noitacilppa eht fo terces"), object()]})


def written_backwards(text: str) -> str:
    """Read a text that must not stand in the source: reports quote that."""
    return text[::-1]


def fail_by_hand(request: Any) -> HttpResponse:
    """Raise where a session by hand is used."""
    header = request.headers.get("cookie")
    get_iron_session(request, HttpResponse(), BY_HAND)
    raise UserError(header and None)


class Odd:
    """A value that can't be shown."""

    def __repr__(self) -> str:
        raise ValueError("no text")


def fail_with_odd(request: Any) -> HttpResponse:
    """Raise, with a variable that Django's report can't show."""
    odd = Odd()
    raise UserError(id(odd))


urlpatterns = [
    path("fail", fail),
    path("ours", fail_in_ours),
    path("beneath", fail_beneath_ours),
    path("hand", fail_by_hand),
    path("odd", fail_with_odd),
]


def handler500(request: HttpRequest) -> HttpResponse:
    """Answer what was raised, in few words."""
    return HttpResponse(b"sorry", status=500)


def by_locmem() -> dict[str, Any]:
    """Give the settings by which mails stay in this process."""
    version: Any = django_itself.VERSION
    if version < (6, 1):
        return {
            "ADMINS": [("Ada", "ada@example.com")],
            "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
        }
    return {
        "ADMINS": ["ada@example.com"],
        "MAILERS": {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}},
    }


@pytest.fixture(autouse=True)
def _mails() -> Iterator[None]:
    """Have Django's own handler mail what is logged, to a box in this process."""
    box: Any = mail
    box.outbox = []
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=BY_MIDDLEWARE, **by_locmem()):
        handler = AdminEmailHandler(include_html=True)
        logger = logging.getLogger("django.request")
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)


def visit_wsgi(target: str, *fields: str, **settings: Any) -> Answer:
    """Send a request to Django's WSGI handler."""
    with override_settings(**settings):
        # By the rule of WSGI servers: several fields become one.
        visit = Visit(target=target, headers=[("cookie", "; ".join(fields))])
        return wsgi_driver.request(WSGIHandler(), visit)


def visit_asgi(target: str, *fields: str, **settings: Any) -> Answer:
    """Send a request to Django's ASGI handler."""
    with override_settings(**settings):
        visit = Visit(target=target, headers=[("cookie", field) for field in fields])
        return asyncio.run(asgi_driver.request(ASGIHandler(), visit))


@pytest.fixture(params=[visit_wsgi, visit_asgi], ids=["wsgi", "asgi"])
def visit(request: pytest.FixtureRequest) -> Site:
    """Send a request to either of Django's handlers."""
    site: Site = request.param
    return site


def mailed() -> str:
    """Give all that the one mail says, as text and as HTML."""
    box: Any = mail
    (message,) = box.outbox
    (alternative,) = message.alternatives
    return f"{message.body}\n{alternative[0]}"


def values_in(header: str) -> list[str]:
    """Give the values of a Cookie header."""
    return [pair.partition("=")[2] for pair in header.split("; ")]


def assert_hidden(report: str, *headers: str) -> None:
    """Check that a report shows none of these cookies, nor a piece of one; and none of ours else.

    Long texts are cut to lines in some reports, so pieces are looked for.
    """
    assert "Fe26" not in report
    for value in [value for header in headers for value in values_in(header)]:
        pieces = {value[start : start + 24] for start in range(0, len(value), 24)}
        assert not [piece for piece in pieces if len(piece) == 24 and piece in report]
    assert PASSWORD not in report
    assert "plaintext" not in report


DJANGOS_NAME = "sessionid"
WHOLE = saved({"a": "plaintext"}, cookie_name=DJANGOS_NAME)
CHUNKS = saved(LARGE, cookie_name=DJANGOS_NAME, chunk=True)
SECOND = saved(LARGE, cookie_name="admin", password=OLD, chunk=True)
RENAMED = saved({"a": "plaintext"}, cookie_name="ours")
FOREIGN_SEAL = saved({"a": "plaintext"}, cookie_name="shop", password=FOREIGN)
UNREADABLE = f"{DJANGOS_NAME}.1=0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "cookies",
    [WHOLE, CHUNKS, SECOND, FOREIGN_SEAL, UNREADABLE],
    ids=["whole", "chunks", "second session", "foreign seal", "unreadable"],
)
def test_a_mail_shows_no_cookie_of_ours(visit: Site, cookies: str) -> None:
    """Text and HTML, with the variables of the view."""
    answer = visit("/fail", f"theme=dark; {cookies}")
    assert answer.body == b"sorry"
    report = mailed()
    assert "UserError" in report
    assert "green as grass" in report
    assert "'dark'" in report
    assert STARS in report
    assert_hidden(report, cookies)


def test_a_name_that_only_iron_session_s_own_setting_gives_is_hidden(visit: Site) -> None:
    settings = {"IRON_SESSION": {"password": PASSWORD, "cookie_name": "ours"}}
    visit("/fail", f"{RENAMED}; ours.1=tiny", **settings)
    report = mailed()
    assert f"ours.1 = '{STARS}'" in report
    assert_hidden(report, RENAMED)


def test_a_name_that_only_a_second_session_s_options_give_is_hidden(visit: Site) -> None:
    """Also where it holds what can't be read."""
    visit("/fail", "admin.1=tiny; sessionid.1=short; theme=dark")
    report = mailed()
    assert f"admin.1 = '{STARS}'" in report
    assert f"sessionid.1 = '{STARS}'" in report
    assert "theme = 'dark'" in report


def test_a_name_in_ready_options_is_hidden(visit: Site) -> None:
    options = make_options(cookie_name="ours")
    visit("/fail", "ours.1=tiny", IRON_SESSION=options, MIDDLEWARE=[f"{__name__}.Admin"])
    assert f"ours.1 = '{STARS}'" in mailed()


@pytest.mark.parametrize("order", [1, -1])
def test_a_cookie_that_django_joins_to_another_is_hidden(order: int) -> None:
    """Behind ASGI, where a request has several fields for its cookies."""
    fields = ["theme=dark", *CHUNKS.split("; ")]
    visit_asgi("/fail", *fields[::order])
    assert_hidden(mailed(), CHUNKS)


@pytest.mark.parametrize("target", ["/ours", "/beneath"])
def test_the_variables_of_our_own_code_and_of_what_it_calls_are_hidden(
    visit: Site, target: str
) -> None:
    visit(target, WHOLE)
    report = mailed()
    assert "NotSerializableError" in report
    assert "secret of the application" not in report
    assert_hidden(report, WHOLE)


@pytest.mark.parametrize(
    "given",
    [
        {"password": PASSWORD},
        MappingProxyType({"password": PASSWORD}),
        {"password": {1: OLD, 2: PASSWORD}},
        {"password": Passwords(PASSWORD)},
        make_options(),
    ],
    ids=["dict", "other mapping", "rotation", "passwords", "options"],
)
def test_the_passwords_in_the_settings_are_hidden(visit: Site, given: Any) -> None:
    visit("/fail", WHOLE, IRON_SESSION=given)
    report = mailed()
    assert "IRON_SESSION" in report
    assert OLD not in report
    assert_hidden(report, WHOLE)


def test_a_session_by_hand_is_hidden_without_the_middleware(visit: Site) -> None:
    by_hand = saved(LARGE, cookie_name="by_hand", password=OLD, chunk=True)
    visit("/hand", by_hand, MIDDLEWARE=[])
    assert_hidden(mailed(), by_hand)


def test_a_variable_that_can_t_be_shown_spoils_no_report(visit: Site) -> None:
    visit("/odd", WHOLE)
    assert "Error in formatting: ValueError: no text" in mailed()


@pytest.mark.parametrize(("accept", "quote"), [("text/html", "&#x27;"), ("text/plain", "'")])
def test_the_page_that_debug_shows_has_no_cookie_of_ours(accept: str, quote: str) -> None:
    headers = [("cookie", f"theme=dark; {CHUNKS}; {SECOND}"), ("accept", accept)]
    with override_settings(DEBUG=True):
        answer = wsgi_driver.request(WSGIHandler(), Visit(target="/fail", headers=headers))
    page = answer.body.decode()
    assert "UserError" in page
    assert f"{quote}dark{quote}" in page
    assert_hidden(page, CHUNKS, SECOND)


# --- the project's own filter ------------------------------------------------------------------


class Theirs(debug.SafeExceptionReporterFilter):  # type: ignore[misc]  # Django has no types
    """A project's own: it hides the theme, and shows all cookies of ours."""

    cleansed_substitute = "(hidden)"

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        return self.cleansed_substitute if key == "theme" else value


class Inherited(SafeExceptionReporterFilter):
    """A project's own that begins with ours."""

    cleansed_substitute = "(hidden too)"


def not_a_class() -> Any:
    """A project's own that is made by a function."""
    return Theirs()


@pytest.mark.parametrize(
    ("kind", "substitute"), [(Theirs, "(hidden)"), (Inherited, "(hidden too)")]
)
def test_a_project_s_own_filter_hides_what_it_hides_and_our_cookies(
    visit: Site, kind: type, substitute: str
) -> None:
    settings = {"DEFAULT_EXCEPTION_REPORTER_FILTER": f"{__name__}.{kind.__name__}"}
    visit("/fail", f"theme=dark; {CHUNKS}", **settings)
    report = mailed()
    assert substitute in report
    assert ("theme = '(hidden)'" in report) == (kind is Theirs)
    assert_hidden(report, CHUNKS)


def test_a_project_s_own_filter_that_shows_all_shows_no_password(visit: Site) -> None:
    """Nor the header of the cookies, whatever is in them."""
    settings = {"DEFAULT_EXCEPTION_REPORTER_FILTER": f"{__name__}.Theirs"}
    visit("/fail", "theme=dark", IRON_SESSION={"password": PASSWORD}, **settings)
    report = mailed()
    assert "HTTP_COOKIE = '(hidden)'" in report
    assert "IRON_SESSION = {'password': '(hidden)'}" in report
    assert_hidden(report)


def test_a_filter_that_nothing_can_be_added_to_is_left_alone(visit: Site) -> None:
    settings = {"DEFAULT_EXCEPTION_REPORTER_FILTER": f"{__name__}.not_a_class"}
    visit("/fail", "theme=dark", **settings)
    assert "theme = '(hidden)'" in mailed()


class OwnFilter:
    """A middleware that gives requests a filter."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        request.exception_reporter_filter = Theirs()
        return self.get_response(request)


def test_a_filter_that_a_request_has_already_is_left_alone() -> None:
    visit_wsgi("/fail", "theme=dark", MIDDLEWARE=[f"{__name__}.OwnFilter", *BY_MIDDLEWARE])
    assert "theme = '(hidden)'" in mailed()


# --- before the middleware ---------------------------------------------------------------------


class FailEarly:
    """A middleware that fails before the session's."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        raise UserError(request and None)


@pytest.fixture
def _default() -> Iterator[None]:
    """Have Django read its setting for the filter anew, now and later."""
    debug.get_default_exception_reporter_filter.cache_clear()
    with override_settings(DEFAULT_EXCEPTION_REPORTER_FILTER=OURS):
        yield
    debug.get_default_exception_reporter_filter.cache_clear()


@pytest.mark.usefixtures("_default")
def test_by_django_s_setting_what_fails_before_the_middleware_shows_nothing_either() -> None:
    """And chunks are known by the first."""
    cookies = f"{CHUNKS}; {SECOND}; {FOREIGN_SEAL}"
    visit_wsgi("/fail", cookies, MIDDLEWARE=[f"{__name__}.FailEarly", *BY_MIDDLEWARE])
    assert_hidden(mailed(), cookies)


@pytest.mark.usefixtures("_default")
def test_before_the_middleware_the_settings_give_the_names() -> None:
    middleware = [f"{__name__}.FailEarly", *BY_MIDDLEWARE]
    options = {"password": PASSWORD, "cookie_name": "ours"}
    visit_wsgi(
        "/fail", "sessionid.1=tiny; ours.1=tiny", MIDDLEWARE=middleware, IRON_SESSION=options
    )
    report = mailed()
    assert f"sessionid.1 = '{STARS}'" in report
    assert f"ours.1 = '{STARS}'" in report


@pytest.mark.usefixtures("_default")
def test_a_report_without_a_request_hides_our_code() -> None:
    """Of a command, or of what runs in a thread of its own."""
    reporter: Any = None
    try:
        make_options(password="too short to be one")
    except ConfigurationError as error:
        reporter = debug.ExceptionReporter(None, type(error), error, error.__traceback__)
    assert reporter.filter.get_safe_request_meta(None) == {}
    assert "too short to be one" not in reporter.get_traceback_text().replace(
        'make_options(password="too short to be one")', ""
    )
    frames = reporter.get_traceback_frames()
    assert {value for frame in frames[2:] for _, value in frame["vars"]} == {STARS}


def test_the_filter_is_one_of_django_s() -> None:
    assert issubclass(SafeExceptionReporterFilter, debug.SafeExceptionReporterFilter)
    request = RequestFactory().get("/")
    shown = SafeExceptionReporterFilter().get_safe_request_meta(request)
    assert shown["REQUEST_METHOD"] == "GET"
