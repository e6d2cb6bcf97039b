"""starlette-admin: its login in our session, which stands around the application or within."""

from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette_admin.auth import AdminUser, AuthProvider
from starlette_admin.contrib.sqla import Admin, ModelView
from starlette_admin.exceptions import LoginFailed

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.helpers.waiting import WAIT
from tests.libraries.starlette.customers import Customer, one_customer
from tests.libraries.starlette.serving import plain_options, serve
from tests.sessions.browser import NAME, session_of

OURS = [Middleware(IronSessionMiddleware, options=plain_options())]


class Provider(AuthProvider):
    """The login, as starlette-admin's documentation writes it."""

    async def login(
        self, username: str, password: str, remember_me: bool, request: Request
    ) -> None:
        if password != "right":
            raise LoginFailed("Invalid username or password")
        request.session["username"] = username

    async def logout(self, request: Request) -> None:
        request.session.clear()

    async def authenticate(self, request: Request) -> AdminUser | None:
        username = request.session.get("username")
        return AdminUser(username=username) if username else None


@pytest.fixture(params=["around the application", "within the admin"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    around = request.param == "around the application"
    app = Starlette(middleware=OURS if around else [])
    with one_customer() as engine:
        middlewares = [] if around else OURS
        provider = Provider()
        admin = Admin(engine, auth_provider=provider, secret_key="a key", middlewares=middlewares)
        admin.add_view(ModelView(Customer))
        admin.mount_to(app)
        with (
            serve(app) as address,
            httpx.Client(timeout=WAIT, base_url=address + "/admin") as client,
        ):
            yield client


def post(client: httpx.Client, path: str, data: dict[str, str] | None = None) -> httpx.Response:
    """Send a form, with the token that the page with the form has set."""
    client.get("/login")
    token = client.cookies["starlette_admin_csrftoken"]
    return client.post(path, data={**(data or {}), "csrftoken": token})


def test_an_administrator_logs_in_adds_a_customer_and_logs_out(client: httpx.Client) -> None:
    assert client.get("/customer/list").status_code == 303
    right = {"username": "ann", "password": "right"}
    assert post(client, "/login", right).status_code == 303
    assert dict(session_of(f"{NAME}={client.cookies[NAME]}")) == {"username": "ann"}
    assert client.get("/customer/list").status_code == 200

    assert post(client, "/customer/create", {"name": "John Roe"}).status_code == 303
    assert "John Roe" in client.get("/customer/list").text

    assert post(client, "/logout").status_code == 303
    assert NAME not in client.cookies
    assert client.get("/customer/list").status_code == 303


def test_the_wrong_password_leaves_no_session(client: httpx.Client) -> None:
    wrong = {"username": "ann", "password": "wrong"}
    assert "Invalid username or password" in post(client, "/login", wrong).text
    assert NAME not in client.cookies
