"""Sentry beside the WSGI gateway, Flask and Django."""

from contextlib import suppress
from typing import Any

import flask
import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path as django_path
from django.views.debug import ExceptionReporter
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from werkzeug.debug import DebuggedApplication
from werkzeug.test import Client

from iron_session import HeadersAlreadySentError, IronSessionError
from iron_session.integrations import wsgi
from iron_session.integrations.flask import IronSessionInterface
from iron_session.integrations.flask import get_iron_session as flask_session
from tests.helpers.frames import MARKER, PASSWORD
from tests.libraries.errors.actions import (
    EXPLICIT,
    HEADERS,
    KINDS,
    OPTIONS,
    CrashError,
    perform,
)
from tests.libraries.errors.tracker import Tracker

# --- the gateway ---------------------------------------------------------------------------------


def bare(environ: Any, start_response: Any) -> Any:
    headers: list[tuple[str, str]] = []
    perform(
        environ["PATH_INFO"].strip("/"),
        lambda: wsgi.get_session(environ),
        lambda options: wsgi.get_iron_session(environ, headers, options),
    )
    start_response("200 OK", headers)
    return [b""]


def ask(app: Any, path: str) -> None:
    with suppress(IronSessionError, CrashError):
        Client(app, use_cookies=False).get(f"/{path}", headers=HEADERS)


@pytest.mark.parametrize("path", KINDS)
def test_the_gateway(path: str, tracker: Tracker) -> None:
    ask(SentryWsgiMiddleware(wsgi.IronSessionMiddleware(bare, OPTIONS)), path)
    assert tracker.kinds() == [KINDS[path]]
    assert tracker.leaks() == []


@pytest.mark.parametrize("path", KINDS)
def test_an_application_within_the_gateway_that_reports_by_itself(
    path: str, tracker: Tracker
) -> None:
    """Its traceback ends where it has caught the error: the gateway has not seen that yet."""
    ask(wsgi.IronSessionMiddleware(SentryWsgiMiddleware(bare), OPTIONS), path)
    assert tracker.kinds()[:1] == [KINDS[path]]
    assert tracker.leaks() == []


def test_the_gateway_installed_twice(tracker: Tracker) -> None:
    once = wsgi.IronSessionMiddleware(bare, OPTIONS)
    ask(SentryWsgiMiddleware(wsgi.IronSessionMiddleware(once, OPTIONS)), "crash")
    assert tracker.kinds() == ["ConfigurationError"]
    assert tracker.leaks() == []


def test_the_gateway_where_it_is_not_installed(tracker: Tracker) -> None:
    ask(SentryWsgiMiddleware(bare), "crash")
    assert tracker.kinds() == ["ConfigurationError"]
    assert tracker.leaks() == []


@pytest.mark.parametrize("around", [True, False])
def test_a_server_that_takes_no_headers(around: bool, tracker: Tracker) -> None:
    """By then the new seal is among them."""

    def write(environ: Any, start_response: Any) -> Any:
        wsgi.get_session(environ)["new"] = MARKER[::-1]
        start_response("200 OK", [])
        return [b""]

    def refuse(*_: object) -> Any:
        del _
        raise CrashError

    app = wsgi.IronSessionMiddleware(
        write if around else SentryWsgiMiddleware(write),  # type: ignore[arg-type]  # another type there
        OPTIONS,
    )
    environ = {"HTTP_COOKIE": HEADERS["Cookie"], "PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    with pytest.raises(CrashError):
        (SentryWsgiMiddleware(app) if around else app)(environ, refuse)
    assert tracker.kinds() == ["CrashError"]
    assert tracker.leaks() == []


# --- Flask ---------------------------------------------------------------------------------------


def flask_app() -> flask.Flask:
    app = flask.Flask(__name__)
    app.session_interface = IronSessionInterface(OPTIONS)

    @app.get("/late")
    def late() -> Any:
        session = flask.session._get_current_object()  # type: ignore[attr-defined]  # of a proxy

        def body() -> Any:
            yield b"begun"
            session["more"] = MARKER[::-1]
            session.save()

        return flask.Response(body())

    @app.get("/<path>")
    def view(path: str) -> flask.Response:
        response = flask.Response("")
        perform(
            path,
            flask.session._get_current_object,  # type: ignore[attr-defined]  # of a proxy
            lambda options: flask_session(flask.request, response, options),  # type: ignore[arg-type]  # another type there
        )
        return response

    return app


@pytest.mark.parametrize("path", KINDS)
def test_flask(path: str, tracker: Tracker) -> None:
    ask(flask_app(), path)
    assert set(tracker.kinds()) == {KINDS[path]}
    assert tracker.leaks() == []


def test_flask_after_the_headers_have_gone(tracker: Tracker) -> None:
    response = Client(flask_app(), use_cookies=False).get("/late", headers=HEADERS)
    with pytest.raises(HeadersAlreadySentError):
        response.get_data()
    assert set(tracker.kinds()) == {"HeadersAlreadySentError"}
    assert tracker.leaks() == []


def test_flask_with_a_setting_that_contradicts_the_options(tracker: Tracker) -> None:
    app = flask_app()
    app.config["SESSION_COOKIE_SECURE"] = True
    app.config["SESSION_COOKIE_NAME"] = "other"
    ask(app, "crash")
    assert set(tracker.kinds()) == {"ConfigurationError"}
    assert tracker.leaks() == []


@pytest.mark.parametrize("path", KINDS)
def test_werkzeugs_debugger(path: str) -> None:
    app = flask_app()
    app.config["PROPAGATE_EXCEPTIONS"] = True
    page = Client(DebuggedApplication(app, evalex=True), use_cookies=False).get(
        f"/{path}", headers=HEADERS
    )
    assert KINDS[path] in page.text
    assert MARKER not in page.text
    assert "Fe26" not in page.text


# --- Django --------------------------------------------------------------------------------------

SESSIONS = "iron_session.integrations.django"
if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        IRON_SESSION=OPTIONS,
        MIDDLEWARE=[f"{SESSIONS}.IronSessionMiddleware"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for this test",
        SESSION_ENGINE=SESSIONS,
    )


def django_view(request: HttpRequest, path: str) -> HttpResponse:
    from iron_session.integrations.django import get_iron_session

    response = HttpResponse()
    session = request.session
    perform(
        path,
        lambda: session,
        lambda options: get_iron_session(request, response, options),
    )
    return response


urlpatterns = [django_path("<path>", django_view)]


@pytest.fixture(scope="module")
def django_app() -> WSGIHandler:
    import django

    django.setup()
    return WSGIHandler()


@pytest.mark.parametrize("path", KINDS)
def test_django(path: str, django_app: WSGIHandler, tracker: Tracker) -> None:
    ask(django_app, path)
    assert set(tracker.kinds()) == {KINDS[path]}
    assert tracker.leaks() == []


@pytest.mark.parametrize("path", KINDS)
def test_djangos_debug_page(path: str, django_app: WSGIHandler) -> None:
    """It shows the variables of every frame, to whoever asks, and the request's cookies."""
    with override_settings(DEBUG=True):
        page = Client(django_app, use_cookies=False).get(f"/{path}", headers=HEADERS).text
    assert KINDS[path] in page or path in EXPLICIT
    assert MARKER not in page


@pytest.mark.parametrize("path", KINDS)
def test_djangos_report(path: str, django_app: WSGIHandler, tracker: Tracker) -> None:
    ask(django_app, path)
    for error in tracker.errors:
        info = (type(error), error, error.__traceback__)
        page = ExceptionReporter(None, *info).get_traceback_html()
        assert MARKER not in page
        assert "Fe26" not in page


def test_django_with_settings_that_can_not_work(tracker: Tracker) -> None:
    from iron_session.integrations.django import IronSessionMiddleware

    given = {"password": {1: PASSWORD, 2: "short"}}
    with override_settings(IRON_SESSION=given), pytest.raises(IronSessionError) as caught:
        IronSessionMiddleware(lambda request: None)
    tracker.errors.append(caught.value)
    assert tracker.leaks() == []
