"""A small site whose memory is a cookie in the visitor's browser. Run it: make demo.

The server itself keeps only who is signed in and what was ended, for the page of devices. All that
handles the session is in this file; `anatomy` only takes the cookie apart to show it.
"""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import StringConstraints
from starlette.exceptions import HTTPException as AnyHTTPException

from demo.anatomy import MOST_BYTES, Anatomy, content_bounds, examine
from demo.devices import name_device
from demo.passwords import find_passwords
from demo.spoiling import Damage, spoil
from iron_session import CookieOptions, CookieTooLargeError, Session, SessionOptions
from iron_session.integrations.fastapi import IronSessionMiddleware, SessionDependency
from iron_session.revocation import MemoryStore, Revocations, SignedIn

HERE = Path(__file__).parent

passwords, password_is_random = find_passwords()
if password_is_random:
    logging.getLogger("uvicorn.error").warning(
        "SESSION_PASSWORD is not set: this run uses a random password, so no later run will open "
        "its cookies"
    )

# --- the session -----------------------------------------------------------------------------

revocations = Revocations(
    MemoryStore(),  # one process, for a while; yours will be SqliteStore, RedisStore or SqlStore
    namespace="demo",
    directory=True,
    allow_until=datetime(2100, 1, 1, tzinfo=UTC),  # sessions of Next.js, too
)
options = SessionOptions(
    password=passwords,
    cookie_name="iron-session-demo",
    max_lifetime=timedelta(days=90),
    revocations=revocations,
    # This site is plain http on your own machine, where Safari refuses Secure cookies. Yours will
    # be https: leave secure at its default, True.
    cookie_options=CookieOptions(secure=False),
)

app = FastAPI(openapi_url=None)  # no /docs: they load scripts from another site
app.add_middleware(IronSessionMiddleware, options=options)

CurrentSession = Annotated[Session, Depends(SessionDependency(options))]


def logged_in(session: CurrentSession) -> Session:
    """Return the session of a visitor who logged in; redirect everybody else to the form."""
    if "user" not in session:
        raise HTTPException(303, headers={"Location": "/"})
    return session


LoggedIn = Annotated[Session, Depends(logged_in)]


def devices_of(session: LoggedIn) -> list[SignedIn]:
    """Return where the visitor is signed in; nowhere else if the login was made by Next.js."""
    return [] if session.user_id is None else revocations.sessions_of(session.user_id)


OwnDevices = Annotated[list[SignedIn], Depends(devices_of)]

# --- what visitors do ------------------------------------------------------------------------
# Changes are made by POST and answered with a redirect, so that reloading a page repeats none.
# The cookie is SameSite=Lax: a form on another site posts without it, and so changes nothing.

Fruit = Literal["apples", "pears", "plums"]
Name = Annotated[str, Form(), StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


@app.post("/login")
def login(request: Request, session: CurrentSession, name: Name) -> Response:
    session.login(name, label=name_device(request.headers.get("User-Agent", "")))
    session["user"] = {"name": name}
    session["count"] = 0
    session["cart"] = {"apples": 0, "pears": 0, "plums": 0}
    return go_to("/")


@app.post("/count")
def count(session: LoggedIn) -> Response:
    session["count"] += 1
    return go_to("/#count")


@app.post("/cart/{fruit}")
def add_to_cart(session: LoggedIn, fruit: Fruit) -> Response:
    session["cart"][fruit] += 1  # a change further down is noticed as well
    return go_to("/#cart")


@app.post("/note")
def write_note(session: LoggedIn, note: Annotated[str, Form()] = "") -> Response:
    session["note"] = note  # too long a note raises CookieTooLargeError: see below
    return go_to("/#note")


@app.post("/logout")
def logout(session: CurrentSession) -> Response:
    session.destroy()
    return go_to("/")


@app.post("/devices/end")
def end_device(
    session: LoggedIn, devices: OwnDevices, session_id: Annotated[str, Form()]
) -> Response:
    if session_id in {device.session_id for device in devices}:  # nobody else's
        revocations.end_session(session_id)
    return go_to("/devices")


@app.post("/devices/end-others")
def end_other_devices(session: LoggedIn) -> Response:
    if session.user_id is not None:
        revocations.end_user(session.user_id, keep=session)
    return go_to("/devices")


@app.post("/cookie/{damage}")
def spoil_cookie(session: LoggedIn, damage: Damage) -> Response:
    """Set a spoilt copy of the cookie, to see what happens to it."""
    response = go_to("/cookie")
    response.set_cookie(
        options.cookie_name, spoil(session, damage, passwords), httponly=True, samesite="lax"
    )
    return response


def go_to(path: str) -> Response:
    return RedirectResponse(path, status_code=303)


# --- what visitors see -----------------------------------------------------------------------


def take_apart(request: Request) -> Anatomy | None:
    """Return the visitor's own cookie, taken apart."""
    header = "; ".join(request.headers.getlist("cookie"))
    return examine(header, options, datetime.now(UTC))


OwnCookie = Annotated[Anatomy | None, Depends(take_apart)]


@app.get("/")
def home(request: Request, cookie: OwnCookie) -> Response:
    return page(request, "home.html", cookie=cookie)


@app.get("/cookie")
def anatomy(request: Request, cookie: OwnCookie) -> Response:
    return page(request, "cookie.html", cookie=cookie)


@app.get("/devices")
def show_devices(request: Request, devices: OwnDevices) -> Response:
    return page(request, "devices.html", devices=devices)


app.mount("/static", StaticFiles(directory=HERE / "static"))

templates = Jinja2Templates(HERE / "templates")  # escapes all values
templates.env.globals.update(
    password_is_random=password_is_random,
    MOST_BYTES=MOST_BYTES,
    content_bounds=content_bounds,
    newest_password_id=passwords.primary.id,
)

HEADERS = {
    # Only our own styles: no script, no frame, no other site.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page(request: Request, template: str, status_code: int = 200, **context: Any) -> Response:
    context["session"] = request.session
    return templates.TemplateResponse(request, template, context, status_code, HEADERS)


# --- when something goes wrong ---------------------------------------------------------------


@app.exception_handler(CookieTooLargeError)
def too_large(request: Request, error: CookieTooLargeError) -> Response:
    """Show the error. Nothing was written: the browser keeps the cookie that it has."""
    return error_page(
        request,
        413,
        "Too much for one cookie",
        "Nothing was written, so your session is as it was before.",
        f"The library says: {error}.",
    )


@app.exception_handler(RequestValidationError)
def not_understood(request: Request, error: RequestValidationError) -> Response:
    return error_page(request, 422, "Not understood", "That is not what this form asks for.")


@app.exception_handler(AnyHTTPException)
def http_error(request: Request, error: AnyHTTPException) -> Response:
    problem = "This demo has no page at this address." if error.status_code == 404 else ""
    response = error_page(request, error.status_code, error.detail, problem)
    response.headers.update(error.headers or {})
    return response


def error_page(request: Request, status: int, title: str, *problem: str) -> Response:
    return page(request, "error.html", status, title=title, status=status, problem=problem)
