"""A session in Django Channels, as a project of one file, served by uvicorn.

pip install iron-session channels uvicorn websockets
export SESSION_PASSWORD="$(iron-session generate-password)"
uvicorn channels_app:application --host 127.0.0.1 --port 8000
"""

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from iron_session import Passwords
from iron_session.integrations.channels import SessionMiddlewareStack

# Django has no types, so pyright does not know request.session; with django-stubs it does. The
# types that pyright has for Channels know neither plain routes nor the session in the scope.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportTypedDictNotRequiredAccess=false

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "iron_session.integrations.django.IronSessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    SESSION_ENGINE="iron_session.integrations.django",
    SESSION_COOKIE_NAME="myapp",
    IRON_SESSION={"password": Passwords.from_env("SESSION_PASSWORD")},  # on http, see django_app.py
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


class Greeter(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    async def connect(self) -> None:
        session = self.scope["session"]
        session["sockets"] = session.get("sockets", 0) + 1  # goes out with the handshake
        await self.accept()  # from here on the session can only be read
        await self.send_json({"user": session.user_id, "sockets": session["sockets"]})


urlpatterns = [
    path("", ensure_csrf_cookie(require_GET(home))),
    path("login", require_POST(login)),
    path("logout", require_POST(logout)),
]

sockets = SessionMiddlewareStack(URLRouter([path("greet", Greeter.as_asgi())]))
application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": sockets})
