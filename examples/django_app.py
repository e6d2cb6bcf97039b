"""A session in Django, as a project of one file, served by gunicorn.

pip install iron-session django gunicorn
export SESSION_PASSWORD="$(iron-session generate-password)"
gunicorn django_app:application --bind 127.0.0.1:8000
"""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from iron_session import Passwords

# Django has no types, so pyright does not know request.session; with django-stubs it does.
# pyright: reportAttributeAccessIssue=false

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "iron_session.integrations.django.IronSessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    SESSION_ENGINE="iron_session.integrations.django",
    SESSION_COOKIE_NAME="myapp",
    # Both cookies are Secure, which Safari refuses on plain http, even from localhost. To try this
    # in Safari, add "cookie_options": {"secure": "auto"} and remove CSRF_COOKIE_SECURE; undo both
    # before you deploy.
    IRON_SESSION={"password": Passwords.from_env("SESSION_PASSWORD")},
    CSRF_COOKIE_SECURE=True,
)


def home(request: HttpRequest) -> HttpResponse:
    stats = request.session.setdefault("stats", {"visits": 0})
    stats["visits"] += 1  # a change inside a nested value is noticed
    return JsonResponse({"visits": stats["visits"], "user": request.session.user_id})


def login(request: HttpRequest) -> HttpResponse:
    name = request.POST.get("name", "")
    if 0 < len(name) <= 100 and name.isprintable():
        request.session.core.login(name)  # django.contrib.auth's login() does it for its users
    return HttpResponseRedirect("/", status=303)


def logout(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return HttpResponseRedirect("/", status=303)


# A POST needs Django's CSRF token: the cookie "csrftoken", sent back in the header X-CSRFToken.
urlpatterns = [
    path("", ensure_csrf_cookie(require_GET(home))),
    path("login", require_POST(login)),
    path("logout", require_POST(logout)),
]

application = get_wsgi_application()
