"""Django: `request.session`, for Django's own parts and for you, or a session by hand.

SESSION_ENGINE = "iron_session.integrations.django"
MIDDLEWARE = ["iron_session.integrations.django.IronSessionMiddleware", …]  # in place of Django's
IRON_SESSION = {"password": Passwords.from_env("SESSION_PASSWORD")}  # SessionOptions' arguments

@with_iron_session(options)                                              # one view; then the same
def view(request): ...

session = get_iron_session(request, response, options)                      # then: session.save()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from django.conf import settings as _settings
except ImportError as _cause:
    raise ImportError(
        "iron_session.integrations.django needs Django: pip install django"
    ) from _cause

from iron_session.integrations.django import checks as _checks  # noqa: F401 - it registers them
from iron_session.integrations.django import store as _store
from iron_session.integrations.django.middleware import (
    IronSessionMiddleware,
    get_iron_session,
    get_session,
)
from iron_session.integrations.django.reporter import SafeExceptionReporterFilter
from iron_session.integrations.django.revocations import DjangoStore
from iron_session.integrations.django.settings import refuse_djangos_middleware
from iron_session.integrations.django.wrapper import with_iron_session

if TYPE_CHECKING:
    from iron_session.integrations.django.store import SessionStore

__all__ = [
    "DjangoStore",
    "IronSessionMiddleware",
    "SafeExceptionReporterFilter",
    "SessionStore",
    "get_iron_session",
    "get_session",
    "with_iron_session",
]


def __getattr__(name: str) -> Any:
    """Return `SessionStore`, the class of this engine.

    Django's own middleware asks for it when the server starts, and is refused then.

    Raises:
        ConfigurationError: that middleware is installed, and this is the engine.
    """
    if name != "SessionStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _settings.configured and __name__ == _settings.SESSION_ENGINE:
        refuse_djangos_middleware()
    return _store.SessionStore
