"""A session in Starlette that Prometheus watches, served by uvicorn.

pip install iron-session starlette prometheus_client uvicorn
export SESSION_PASSWORD="$(iron-session generate-password)"
uvicorn watching_app:app --host 127.0.0.1 --port 8000
"""

from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from iron_session import Passwords, SessionOptions, Unsealed, UnsealFailure
from iron_session.integrations.starlette import IronSessionMiddleware

READ = Counter("session_read", "Session cookies that were read.", ["password_id", "outdated"])
UNREADABLE = Counter("session_unreadable", "Session cookies that could not be read.", ["reason"])


def count_read(about: Unsealed) -> None:
    READ.labels(about.password_id, about.outdated).inc()


def count_unreadable(failure: UnsealFailure) -> None:
    # Not by failure.password_id: that is the visitor's own text, and each one a new counter.
    UNREADABLE.labels(failure.reason).inc()


# The cookie is Secure, which Safari refuses on plain http, even from localhost. To try this in
# Safari, add cookie_options={"secure": "auto"}, and remove that before you deploy.
options = SessionOptions(
    password=Passwords.from_env("SESSION_PASSWORD"),
    cookie_name="myapp",
    on_unseal=count_read,
    on_unseal_error=count_unreadable,
)


async def home(request: Request) -> Response:
    visits = request.session["visits"] = request.session.get("visits", 0) + 1
    return JSONResponse({"visits": visits})


async def metrics(request: Request) -> Response:
    # For your Prometheus only: configure your proxy to refuse this path to everybody else.
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


app = Starlette(
    routes=[Route("/", home), Route("/metrics", metrics)],
    middleware=[Middleware(IronSessionMiddleware, options=options)],
)
