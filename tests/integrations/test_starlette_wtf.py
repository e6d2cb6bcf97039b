"""starlette-wtf keeps its CSRF token in our session.

A form of WTForms, with Starlette-WTF's own middleware within ours, filled in by a visitor.
"""

import re
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette_wtf import CSRFProtectMiddleware, StarletteForm, csrf_protect, csrf_token
from wtforms import StringField
from wtforms.validators import DataRequired

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.sessions.browser import NAME, make_options, saved, session_of

OPTIONS = make_options()
SITE = "https://testserver"
FIELD = "csrf_token"


class GuestBook(StarletteForm):  # type: ignore[misc]  # it comes without types
    """What a guest writes."""

    name = StringField("name", validators=[DataRequired()])


@csrf_protect  # type: ignore[untyped-decorator]  # it comes without types
async def sign(request: Request) -> Response:
    """Show the form, and keep who has signed in the session."""
    form: Any = await GuestBook.from_formdata(request)
    if await form.validate_on_submit():
        request.session["guests"] = [*request.session.get("guests", []), form.name.data]
        return PlainTextResponse("signed", status_code=201)
    return HTMLResponse(f"<form method=post>{form.csrf_token}{form.name}</form>")


@csrf_protect  # type: ignore[untyped-decorator]  # it comes without types
async def count(request: Request) -> Response:
    """Take what a script sends; its page has the token in a meta element."""
    if request.method == "GET":
        return HTMLResponse(f'<meta value="{csrf_token(request)}">')
    return JSONResponse(len(request.session.get("guests", [])))


@pytest.fixture
def visitor() -> TestClient:
    """Open the site in a browser that says where it comes from, as browsers do."""
    app = Starlette(
        routes=[
            Route("/sign", sign, methods=["GET", "POST"]),
            Route("/count", count, methods=["GET", "POST"]),
        ],
        middleware=[
            Middleware(IronSessionMiddleware, options=OPTIONS),
            Middleware(CSRFProtectMiddleware, csrf_secret="a secret of starlette-wtf"),
        ],
    )
    return TestClient(app, base_url=SITE, headers={"referer": f"{SITE}/sign"})


def session(visitor: TestClient) -> dict[str, Any]:
    """Open the visitor's cookie, as only the site can."""
    return dict(session_of(f"{NAME}={visitor.cookies[NAME]}"))


def token_of(visitor: TestClient, path: str = "/sign") -> str:
    """Read the token in a page."""
    found = re.search(r'value="([^"]+)"', visitor.get(path).text)
    assert found is not None
    return found[1]


def test_the_form_s_secret_waits_in_the_sealed_cookie(visitor: TestClient) -> None:
    answer = visitor.get("/sign")
    assert answer.headers["cache-control"] == "no-store"
    secret = session(visitor)[FIELD]
    assert re.fullmatch("[0-9a-f]{40}", secret)
    assert secret not in visitor.cookies[NAME]


def test_a_form_with_its_token_is_taken(visitor: TestClient) -> None:
    token = token_of(visitor)
    answer = visitor.post("/sign", data={FIELD: token, "name": "Jane Doe"})
    assert (answer.status_code, answer.text) == (201, "signed")
    assert session(visitor)["guests"] == ["Jane Doe"]


def test_the_secret_stays_while_the_session_changes(visitor: TestClient) -> None:
    """So that a form that was opened before is still taken after."""
    first = token_of(visitor)
    for name in ("Jane Doe", "John Roe"):
        assert visitor.post("/sign", data={FIELD: first, "name": name}).status_code == 201
    assert session(visitor)["guests"] == ["Jane Doe", "John Roe"]
    assert "set-cookie" not in visitor.get("/sign").headers


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({}, "The CSRF token is missing."),
        ({FIELD: ""}, "The CSRF token is missing."),
        ({FIELD: "forged"}, "The CSRF token is invalid."),
    ],
)
def test_a_form_without_its_token_is_refused(
    visitor: TestClient, sent: dict[str, str], why: str
) -> None:
    visitor.get("/sign")
    answer = visitor.post("/sign", data={**sent, "name": "Mallory"})
    assert (answer.status_code, answer.text) == (403, why)
    assert "set-cookie" not in answer.headers
    assert "guests" not in session(visitor)


def test_another_visitor_s_token_is_refused(visitor: TestClient) -> None:
    """It is signed by the same site, and the session tells them apart."""
    other = TestClient(visitor.app, base_url=SITE)
    token_of(visitor)
    answer = visitor.post("/sign", data={FIELD: token_of(other), "name": "Mallory"})
    assert (answer.status_code, answer.text) == (403, "The CSRF tokens do not match.")


def test_without_the_cookie_the_right_token_is_refused(visitor: TestClient) -> None:
    token = token_of(visitor)
    visitor.cookies.clear()
    answer = visitor.post("/sign", data={FIELD: token, "name": "Mallory"})
    assert (answer.status_code, answer.text) == (403, "The CSRF session token is missing.")


def test_a_secret_in_a_session_sealed_by_somebody_else_is_refused(visitor: TestClient) -> None:
    """Nobody can put a secret of their own into a visitor's session."""
    token = token_of(visitor)
    password = "a_password_of_somebody_else_entirely_"
    forged = saved({FIELD: session(visitor)[FIELD]}, password=password)
    visitor.cookies.clear()
    answer = visitor.post(
        "/sign", data={FIELD: token, "name": "Mallory"}, headers={"cookie": forged}
    )
    assert (answer.status_code, answer.text) == (403, "The CSRF session token is missing.")


def test_a_script_sends_the_token_in_a_header(visitor: TestClient) -> None:
    token = token_of(visitor, "/count")
    assert visitor.post("/count").status_code == 403
    assert visitor.post("/count", headers={"x-csrftoken": token}).json() == 0
