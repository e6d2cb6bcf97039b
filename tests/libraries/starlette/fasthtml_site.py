"""A site of FastHTML with a login; its arguments: a port, and the line that installs the session.

What has no annotation here FastHTML finds by its name; it would look for the rest in the form.
"""

import sys

import uvicorn
from fasthtml.common import (
    Beforeware,
    FastHTML,
    P,
    RedirectResponse,
    add_toast,
    fast_app,
    setup_toasts,
)
from starlette.middleware import Middleware
from starlette.requests import Request

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.libraries.starlette.serving import plain_options

OPTIONS = plain_options()


def guard(req: Request, sess) -> RedirectResponse | None:
    """Send strangers to the form, as FastHTML's documentation does."""
    user = req.scope["auth"] = sess.get("auth")
    return None if user else RedirectResponse("/form", status_code=303)


# With a key, which only its own session needs, FastHTML writes none into a file.
COMMON = {"before": Beforeware(guard, skip=["/form", "/login"]), "secret_key": "a secret"}


def by_fast_app() -> FastHTML:
    ours = {"sess_cls": lambda app, **_: IronSessionMiddleware(app, OPTIONS)}
    return fast_app(bodykw=ours, **COMMON)[0]


def by_constructor() -> FastHTML:
    middleware = [Middleware(IronSessionMiddleware, options=OPTIONS)]
    return FastHTML(sess_cls=None, middleware=middleware, **COMMON)


def by_add_middleware() -> FastHTML:
    app = fast_app(**COMMON)[0]
    app.add_middleware(IronSessionMiddleware, options=OPTIONS)
    return app


app = {line.__name__: line for line in (by_fast_app, by_constructor, by_add_middleware)}[
    sys.argv[2]
]()
setup_toasts(app)


@app.get("/form")
def form() -> P:
    return P("who are you?")


@app.post("/login")
def login(user: str, sess) -> RedirectResponse:
    sess["auth"] = user
    add_toast(sess, "a toast to you")
    return RedirectResponse("/", status_code=303)


@app.get("/")
def home(auth, session) -> P:
    session["visits"] = session.get("visits", 0) + 1
    return P(f"{auth}, visit {session['visits']}")


@app.get("/logout")
def logout(session) -> RedirectResponse:
    session.clear()
    return RedirectResponse("/form", status_code=303)


@app.ws("/ws")
async def chat(msg: str, send, session) -> None:
    await send(P(f"{session['auth']}: {msg}"))


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
