"""The page on libraries: its lines for Starlette and FastAPI are run, each library's by itself."""

import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette_admin.auth import AuthProvider

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.helpers.pages import blocks, read_page

PAGE = read_page("docs/frameworks/libraries.md")
(TOP,) = blocks("python", PAGE.partition("\n## ")[0])
SECTION = PAGE.partition("## Starlette and FastAPI\n")[2].partition("\n## ")[0]
FIRST, *PARTS = re.split(r"^### ", SECTION, flags=re.MULTILINE)
CODE = {part.partition("\n")[0]: "".join(blocks("python", part)) for part in PARTS}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs what stands under a heading, and returns its names."""
    monkeypatch.setenv("SESSION_PASSWORD", "the password of the page on libraries, of 50 chars")
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    return run_part


def run_part(title: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "libraries_page"}
    code = "".join([TOP, *blocks("python", FIRST), CODE[title]])
    exec(code, names)  # noqa: S102 - the page is ours
    return names


def log_in(request: Request) -> JSONResponse:
    request.session["user"] = "ann"
    return JSONResponse(None)


@pytest.mark.usefixtures("run")
def test_fasthtml_has_the_sealed_session_either_way() -> None:
    """In a process of its own: it changes how every application of Starlette in it routes."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        cookies = processes.submit(log_in_to_fasthtml).result()
    assert [list(each) for each in cookies] == [["myapp"], ["myapp"]]
    assert all(each["myapp"].startswith("Fe26.2*1*") for each in cookies)


def log_in_to_fasthtml() -> list[dict[str, str]]:
    """Return the cookies of a visitor of each of the page's applications."""
    names = run_part("FastHTML")
    found = []
    for app in (names["quick_app"], names["app"]):
        app.get("/login")(log_in)
        client = TestClient(app, base_url="https://testserver")
        client.get("/login")
        found.append(dict(client.cookies))
    return found


def test_nicegui_has_its_middleware_within_ours(run: Any) -> None:
    outer, inner = run("NiceGUI")["app"].user_middleware[:2]
    assert outer.cls is IronSessionMiddleware
    assert inner.cls.__name__ == "RequestTrackingMiddleware"


def test_sqladmin_brings_no_session_of_its_own(run: Any) -> None:
    assert run("sqladmin")["Backend"]().middlewares == []


def test_starlette_admin_takes_ours(run: Any) -> None:
    names = run("starlette-admin")
    engine = create_engine("sqlite://")
    admin = names["make_admin"](engine, AuthProvider())
    assert names["ours"] in admin.middlewares
    engine.dispose()


def test_gradio_asks_the_session_who_may_use_it(run: Any) -> None:
    api = run("Gradio")["api"]
    api.get("/login")(log_in_to_fastapi)
    with TestClient(api, base_url="https://testserver") as client:
        assert client.get("/demo/").status_code == 401
        client.get("/login")
        assert client.get("/demo/").status_code == 200


def log_in_to_fastapi(request: Request) -> None:
    request.session["user"] = "ann"


def test_slowapi_counts_within_the_session(run: Any) -> None:
    names = run("slowapi, and other middleware")
    names["limited"].add_route("/login", log_in)
    client = TestClient(names["limited"], base_url="https://testserver")
    assert client.get("/login").status_code == 200
    assert "myapp" in client.cookies


def test_socket_io_knows_the_handler(run: Any) -> None:
    names = run("python-socketio")
    assert names["server"].handlers["/"]["connect"] is names["connect"]


def test_each_part_with_code_is_run() -> None:
    run_here = {"FastHTML", "NiceGUI", "sqladmin", "starlette-admin", "Gradio", "python-socketio"}
    assert {title for title, code in CODE.items() if code} == {
        *run_here,
        "slowapi, and other middleware",
    }
