"""Django, as its WSGI handler runs it, without any other middleware."""

from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from benchmarks.gateways import wsgi
from benchmarks.sample import BODY, DATA, PASSWORD
from benchmarks.visits import BARE, FLOOR, OURS, OWN

# Django has no types, so pyright does not know request.session.
# pyright: reportAttributeAccessIssue=false

NAME = "Django"
VERSION: str = django.__version__
OWN_SESSION = "its engine signed_cookies, which signs"
OWN_WRITES = frozenset({"modified"})
WAYS = {"called": wsgi}

ENGINE = "iron_session.integrations.django"
SETTINGS: dict[str, dict[str, Any]] = {
    BARE: {"MIDDLEWARE": []},
    FLOOR: {"MIDDLEWARE": [f"{__name__}.does_nothing"]},
    OURS: {
        "MIDDLEWARE": [f"{ENGINE}.IronSessionMiddleware"],
        "SESSION_ENGINE": ENGINE,
        "IRON_SESSION": {"password": PASSWORD},
    },
    OWN: {
        "MIDDLEWARE": ["django.contrib.sessions.middleware.SessionMiddleware"],
        "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
    },
}

settings.configure(
    SECRET_KEY=PASSWORD,
    ALLOWED_HOSTS=["example.com"],
    ROOT_URLCONF=__name__,
    SESSION_COOKIE_SECURE=True,
)
django.setup()


def make_app(session: str) -> Any:
    """Build a handler; it reads the settings now, and not again for each request."""
    with override_settings(**SETTINGS[session]):
        return WSGIHandler()


def does_nothing(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    return middleware


def untouched(request: HttpRequest) -> HttpResponse:
    return HttpResponse(BODY.encode())


def read(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.session['visits']} visits".encode())


def modified(request: HttpRequest) -> HttpResponse:
    request.session["visits"] += 1
    return HttpResponse(BODY.encode())


def fill(request: HttpRequest) -> HttpResponse:
    request.session.update(DATA)
    return HttpResponse(BODY.encode())


urlpatterns = [path(page.__name__, page) for page in (untouched, read, modified, fill)]
