"""The site that these tests visit, as a server is given it."""

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

pages = get_asgi_application()

# Below that line, which sets Django up: consumers may import models.
from iron_session.integrations.channels import AuthMiddlewareStack  # noqa: E402 - after Django's set-up
from tests.libraries.channels import consumers  # noqa: E402 - after Django's set-up

SOCKETS = URLRouter(
    [
        path("socket", consumers.Socket.as_asgi()),
        path("sync", consumers.SyncSocket.as_asgi()),
        path("refusal", consumers.Refusal.as_asgi()),
    ]
)
REQUESTS = URLRouter(
    [
        path("consumer", AuthMiddlewareStack(consumers.Page.as_asgi())),
        re_path("^within/", AuthMiddlewareStack(pages)),
        re_path("", pages),
    ]
)
application = ProtocolTypeRouter(
    {
        "http": REQUESTS,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(SOCKETS)),
    }
)
