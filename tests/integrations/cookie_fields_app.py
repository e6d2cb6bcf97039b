"""An application for real servers: it answers what they hand over, and whose session is in that.

At /wsgi, /flask and /django, each behind that framework's own integration. Only servers import it,
since it configures Django.
"""

import json
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from flask import Flask, request
from flask import session as flask_session

from iron_session.integrations.flask import IronSessionInterface
from iron_session.integrations.wsgi import IronSessionMiddleware
from tests.sessions.browser import make_options

OPTIONS = make_options(cookie_name="__Host-app", chunk=True)


def show(environ: dict[str, Any], session: Any) -> str:
    """Write what the application was handed."""
    return json.dumps({"HTTP_COOKIE": environ.get("HTTP_COOKIE"), "user": session.get("user")})


def answer_in_wsgi(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Answer without a framework."""
    body = show(environ, environ["iron_session"]).encode()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def answer_in_django(request: Any) -> HttpResponse:
    """Answer from a view of Django."""
    return HttpResponse(show(request.META, request.session).encode())


def answer_in_flask() -> str:
    """Answer from a view of Flask."""
    return show(request.environ, flask_session)


settings.configure(
    SECRET_KEY="nothing is signed by this",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["iron_session.integrations.django.IronSessionMiddleware"],
    SESSION_ENGINE="iron_session.integrations.django",
    IRON_SESSION=OPTIONS,
)
urlpatterns = [path("django", answer_in_django)]

flask_app = Flask(__name__)
flask_app.session_interface = IronSessionInterface(OPTIONS)
flask_app.add_url_rule("/flask", view_func=answer_in_flask)

APPS = {
    "/wsgi": IronSessionMiddleware(answer_in_wsgi, OPTIONS),
    "/flask": flask_app,
    "/django": get_wsgi_application(),
}


def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Send a request to the integration that its path names; any other path answers at once."""
    app: Any = APPS.get(environ["PATH_INFO"])
    if app is not None:
        answer: Iterable[bytes] = app(environ, start)
        return answer
    start("204 No Content", [])
    return []
