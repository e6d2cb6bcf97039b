"""The pages of the site, as Django has them."""

import json
from typing import Any

from django.contrib.auth import authenticate, login, logout
from django.http import HttpResponse
from django.urls import path

from tests.libraries.channels.names import ADA, PASSWORD_OF_ADA


def log_in(request: Any) -> HttpResponse:
    """Log in; `large` makes the session one of several cookies."""
    login(request, authenticate(request, username=ADA, password=PASSWORD_OF_ADA))
    request.session["large"] = "x" * int(request.GET.get("large", 0))
    return who(request)


def log_out(request: Any) -> HttpResponse:
    """Log out."""
    logout(request)
    return who(request)


def who(request: Any) -> HttpResponse:
    """Tell who this is."""
    return HttpResponse(describe(request.user, request.session))


def describe(user: Any, session: Any) -> str:
    """Tell who this is, and how often they were counted."""
    return json.dumps([user.get_username(), session.get("count", 0)])


PAGES = {"log-in": log_in, "log-out": log_out, "who": who}
# "within/" are those around which there is a stack of Channels.
urlpatterns = [
    path(prefix + name, page) for prefix in ("", "within/") for name, page in PAGES.items()
]
