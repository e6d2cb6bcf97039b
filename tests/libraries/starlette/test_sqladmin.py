"""sqladmin in an application that is itself mounted, within ours: with our session, and beside it.

Unless its backend's `middlewares` are emptied, it brings Starlette's session, and keeps its login
there: that is the admin's own, and no part of the session around it.
"""

import logging
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from sqladmin import Admin, ModelView
from sqladmin.authentication import AuthenticationBackend
from starlette.requests import Request

from iron_session.integrations.fastapi import IronSessionMiddleware
from tests.helpers.waiting import WAIT
from tests.libraries.starlette.customers import Customer, one_customer
from tests.libraries.starlette.serving import plain_options, serve
from tests.sessions.browser import session_of

RIGHT = {"username": "admin", "password": "right"}
WRONG = {"username": "admin", "password": "wrong"}
LIST = "/office/admin/customer/list"


class CustomerAdmin(ModelView, model=Customer):
    """The page that lists them."""

    column_list = ["id", "name"]  # noqa: RUF012 - so sqladmin's documentation writes it


class Backend(AuthenticationBackend):
    """sqladmin's login, as its documentation writes it."""

    async def login(self, request: Request) -> bool:
        form = await request.form()
        if form["password"] != RIGHT["password"]:
            return False
        request.session.update({"token": "a token"})
        return True

    async def logout(self, request: Request) -> bool:
        request.session.clear()
        return True

    async def authenticate(self, request: Request) -> bool:
        return request.session.get("token") == "a token"


@pytest.fixture(params=["ours", "its own"])
def name(request: pytest.FixtureRequest) -> str:
    """Name the session that the admin is to have; it is our cookie's name too."""
    return str(request.param).replace(" ", "-")


@pytest.fixture
def client(name: str) -> Iterator[httpx.Client]:
    backend = Backend(secret_key="a secret")
    if name == "ours":
        backend.middlewares = []
    shop, office = FastAPI(), FastAPI()

    @shop.get("/log_in")
    def log_in(request: Request) -> JSONResponse:
        request.session["user"] = "ann"
        return JSONResponse(dict(request.session))

    shop.mount("/office", office)
    shop.add_middleware(IronSessionMiddleware, options=plain_options(cookie_name=name))
    with one_customer() as engine:
        Admin(office, engine, authentication_backend=backend).add_view(CustomerAdmin)
        with serve(shop) as address, httpx.Client(timeout=WAIT, base_url=address) as client:
            client.get("/log_in")
            yield client


def read_session(client: httpx.Client, name: str) -> dict[str, object]:
    """Read what our cookie holds."""
    session = session_of(f"{name}={client.cookies[name]}", cookie_name=name)
    return dict(session)


@pytest.mark.parametrize("name", ["ours"], indirect=True)
def test_the_admin_s_login_is_kept_in_our_session(client: httpx.Client, name: str) -> None:
    assert client.get(LIST).status_code == 302
    assert client.post("/office/admin/login", data=WRONG).status_code == 400
    assert client.post("/office/admin/login", data=RIGHT).status_code == 302
    assert "Jane Doe" in client.get(LIST).text
    assert list(client.cookies) == [name]
    assert read_session(client, name) == {"user": "ann", "token": "a token"}

    client.get("/office/admin/logout")
    assert list(client.cookies) == []
    assert client.get(LIST).status_code == 302


@pytest.mark.parametrize("name", ["its own"], indirect=True)
def test_a_session_of_the_admin_s_own_leaves_ours_as_it_is(
    client: httpx.Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = client.cookies[name]
    with caplog.at_level(logging.WARNING, "iron_session"):
        answers = [client.post("/office/admin/login", data=RIGHT), client.get(LIST)]
        answers += [client.get("/office/admin/logout"), client.get(LIST)]
    assert [answer.status_code for answer in answers] == [302, 200, 302, 302]
    assert "Jane Doe" in answers[1].text
    assert client.cookies[name] == before
    assert client.get("/log_in").json() == {"user": "ann"}

    (record,) = caplog.records
    assert record.name == "iron_session"
    assert "starlette.middleware.sessions.SessionMiddleware" in record.getMessage()
    assert f"'{name}'" in record.getMessage()
