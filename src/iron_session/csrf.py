"""Protection from requests that another site has forged (CSRF), off until it is asked for.

The middlewares that apply `CsrfOptions` are in `iron_session.integrations`: `asgi_csrf`,
`aiohttp_csrf` and `sanic_csrf`. The tokens work with any session, in any framework.
"""

from iron_session.doors.csrf import (
    CsrfOptions,
    CsrfRefusal,
    CsrfRequest,
    check_csrf_token,
    csrf_token,
    rotate_csrf_token,
)
from iron_session.errors import CsrfError, CsrfReason

__all__ = [
    "CsrfError",
    "CsrfOptions",
    "CsrfReason",
    "CsrfRefusal",
    "CsrfRequest",
    "check_csrf_token",
    "csrf_token",
    "rotate_csrf_token",
]
