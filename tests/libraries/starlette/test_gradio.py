"""Gradio, mounted: who may use it is read from our session; its LoginButton has one of its own."""

import json
import logging
from collections.abc import Iterator

import gradio
import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.testclient import TestClient

from iron_session import SessionOptions
from iron_session.integrations.fastapi import IronSessionMiddleware
from tests.helpers.waiting import WAIT
from tests.libraries.starlette.serving import plain_options, serve
from tests.sessions.browser import make_options

PROFILE = {
    "access_token": "a token",
    "userinfo": {"name": "Bob", "preferred_username": "bob", "profile": "", "picture": ""},
}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Gradio call nobody: neither to count its uses, nor to ask who is logged in there."""
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    monkeypatch.setattr(gradio.oauth, "_get_mocked_oauth_info", lambda: PROFILE)


def make_app(options: SessionOptions) -> FastAPI:
    app = FastAPI()

    @app.get("/login/{user}")
    def log_in(request: Request, user: str) -> JSONResponse:
        request.session["user"] = user
        return JSONResponse(dict(request.session))

    @app.get("/read")
    def read(request: Request) -> JSONResponse:
        return JSONResponse(dict(request.session))

    app.add_middleware(IronSessionMiddleware, options=options)
    return app


def call(client: httpx.Client | TestClient, function: str, *data: str) -> object:
    """Call a function as Gradio's documentation does by curl: its result comes as an event."""
    url = f"/demo/gradio_api/call/{function}"
    event = client.post(url, json={"data": data}).json()["event_id"]
    lines = client.get(f"{url}/{event}").text.splitlines()
    assert "event: complete" in lines
    return json.loads(lines[lines.index("event: complete") + 1].removeprefix("data: "))


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    def greet(name: str, request: gradio.Request) -> str:
        return f"{request.request.session['user']} greets {name}"

    with gradio.Blocks() as demo:
        gradio.Interface(greet, "text", "text", api_name="greet")
    app = make_app(plain_options())
    gradio.mount_gradio_app(
        app, demo, "/demo", auth_dependency=lambda request: request.session.get("user")
    )
    with serve(app) as address, httpx.Client(timeout=WAIT, base_url=address) as client:
        yield client


def test_who_may_use_it_is_read_from_the_session(client: httpx.Client) -> None:
    assert client.get("/demo/").status_code == 401
    client.get("/login/ann")
    page = client.get("/demo/")
    assert page.status_code == 200
    assert "set-cookie" not in page.headers
    assert "Cookie" in page.headers["vary"]
    assert call(client, "greet", "Bob") == ["ann greets Bob"]


@pytest.mark.filterwarnings("ignore:Gradio does not support OAuth:UserWarning")
def test_its_login_button_keeps_a_session_of_its_own_beside_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """That of Starlette, within the mount; by the login that Gradio has for developers."""

    def who(profile: gradio.OAuthProfile | None) -> str:
        return profile.name if profile else "nobody"

    with gradio.Blocks() as demo:
        gradio.LoginButton()
        gradio.api(who)
    app = make_app(make_options(cookie_name="beside"))
    gradio.mount_gradio_app(app, demo, "/demo")
    address = "https://testserver"
    with TestClient(app, address, follow_redirects=False) as client, caplog.at_level("WARNING"):
        client.get("/login/ann")
        before = client.cookies["beside"]
        assert call(client, "who") == ["nobody"]
        client.get("/demo/login/callback")
        assert call(client, "who") == ["Bob"]
        assert set(client.cookies) == {"beside", "session"}
        client.get("/demo/logout")
        assert call(client, "who") == ["nobody"]
        assert client.get("/read").json() == {"user": "ann"}
        assert client.cookies["beside"] == before

    (record,) = [record for record in caplog.records if record.name == "iron_session"]
    assert record.levelno == logging.WARNING
    assert "starlette.middleware.sessions.SessionMiddleware" in record.getMessage()
    assert "'beside'" in record.getMessage()
