"""sqladmin's login keeps its token in our session.

Its `AuthenticationBackend` installs Starlette's own session middleware, within the admin. Ours
takes its place when the backend's `middlewares` are replaced: by ours, or, where the application
has our middleware already, by none.
"""

from collections.abc import Iterator

import pytest
from sqladmin import Admin, ModelView
from sqladmin.authentication import AuthenticationBackend
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.testclient import TestClient

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.sessions.browser import NAME, make_options, session_of

OPTIONS = make_options()
OURS = Middleware(IronSessionMiddleware, options=OPTIONS)
RIGHT = {"username": "admin", "password": "right"}
WRONG = {"username": "admin", "password": "wrong"}


class Base(DeclarativeBase):
    """The tables of these tests."""


class Customer(Base):
    """Somebody to be listed."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class CustomerAdmin(ModelView, model=Customer):
    """The page that lists them."""

    column_list = ["id", "name"]  # noqa: RUF012 - so sqladmin's documentation writes it


class Backend(AuthenticationBackend):
    """sqladmin's login, as its documentation writes it, without Starlette's middleware."""

    def __init__(self, *middlewares: Middleware) -> None:
        super().__init__(secret_key="not used")
        self.middlewares = list(middlewares)

    async def login(self, request: Request) -> bool:
        form = await request.form()
        if form["password"] != RIGHT["password"]:
            return False
        request.session.update({"token": "a token", "user_id": 1})
        return True

    async def logout(self, request: Request) -> bool:
        request.session.clear()
        return True

    async def authenticate(self, request: Request) -> bool:
        return request.session.get("token") == "a token"


@pytest.fixture(params=["around the application", "within the admin"])
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """Make an application with an admin, with ours in one place or the other."""
    engine = create_engine(
        "sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool
    )
    Base.metadata.create_all(engine)
    with Session(engine) as database:
        database.add(Customer(name="Jane Doe"))
        database.commit()

    around = request.param == "around the application"
    app = Starlette(middleware=[OURS] if around else [])
    backend = Backend() if around else Backend(OURS)
    Admin(app, engine, authentication_backend=backend).add_view(CustomerAdmin)
    yield TestClient(app, base_url="https://testserver", follow_redirects=False)
    engine.dispose()


LIST = "/admin/customer/list"
LOGIN = "/admin/login"


def test_a_stranger_is_sent_to_the_login(client: TestClient) -> None:
    answer = client.get(LIST)
    assert answer.status_code == 302
    assert answer.headers["location"].endswith(LOGIN)
    assert answer.headers["vary"] == "Cookie"
    assert "set-cookie" not in answer.headers


def test_the_right_password_opens_the_list(client: TestClient) -> None:
    answer = client.post(LOGIN, data=RIGHT)
    assert answer.status_code == 302
    assert list(client.cookies) == [NAME]
    opened = session_of(f"{NAME}={client.cookies[NAME]}")
    assert dict(opened) == {"token": "a token", "user_id": 1}
    answer = client.get(LIST)
    assert answer.status_code == 200
    assert "Jane Doe" in answer.text
    assert "set-cookie" not in answer.headers


def test_the_wrong_password_does_not(client: TestClient) -> None:
    answer = client.post(LOGIN, data=WRONG)
    assert answer.status_code == 400
    assert "Invalid credentials" in answer.text
    assert list(client.cookies) == []
    assert client.get(LIST).status_code == 302


def test_logging_out_expires_the_cookie(client: TestClient) -> None:
    client.post(LOGIN, data=RIGHT)
    answer = client.get("/admin/logout")
    assert answer.status_code == 302
    assert list(client.cookies) == []
    assert client.get(LIST).status_code == 302


def test_a_customer_is_added_by_whoever_is_logged_in(client: TestClient) -> None:
    """Forms, and the page after them, with the same session."""
    client.post(LOGIN, data=RIGHT)
    answer = client.post("/admin/customer/create", data={"name": "John Roe", "save": "Save"})
    assert answer.status_code == 302
    assert "John Roe" in client.get(LIST).text


@pytest.mark.parametrize("cookie", ["garbage", "eyJ0b2tlbiI6ICJhIHRva2VuIn0=.aZ_1.c2ln"])
def test_a_forged_cookie_is_a_stranger_s(client: TestClient, cookie: str) -> None:
    client.cookies.set(NAME, cookie)
    assert client.get(LIST).status_code == 302
