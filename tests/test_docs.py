"""What the README shows is run: its Python here, its Next.js route in Node."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from django.utils.module_loading import import_string
from starlette.testclient import TestClient

from iron_session.integrations.django import SessionStore
from tests.helpers.pages import ROOT, blocks, read_page, run_page
from tests.interop.node import run_script

README = read_page("README.md")
FRAMEWORKS = read_page("docs/frameworks.md")
PASSWORD = "the password of the README, of 40 letters"


def sections(text: str) -> dict[str, str]:
    """Give what stands under each heading of the second rank that shows Python."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)[1:]
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    return {title: part for title, part in found.items() if blocks("python", part)}


@pytest.fixture
def readme(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """All Python of the README, run from top to bottom, and what it printed."""
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD[::-1])
    return {**run_page(README, "readme"), "printed": capsys.readouterr().out}


def test_the_readme_app_counts_visits_logs_in_and_out(readme: dict[str, Any]) -> None:
    client = TestClient(readme["app"], base_url="https://testserver")
    assert [client.get("/").json()["visits"] for _ in range(3)] == [1, 2, 3]
    assert client.post("/login").json() == {"ok": True}
    assert client.get("/").json() == {"visits": 1}  # a login starts over
    assert client.post("/logout").json() == {"ok": True}
    assert client.get("/").json() == {"visits": 1}


def test_the_readme_prints_a_set_cookie_header_and_opens_its_own_link(
    readme: dict[str, Any],
) -> None:
    assert readme["printed"].startswith("['myapp=Fe26.2*1*")
    assert readme["data"] == {"user": 1, "next": "/home"}


def test_the_readme_next_js_route_reads_the_cookie_of_the_readme_app(
    readme: dict[str, Any], tmp_path: Path
) -> None:
    """Real iron-session in Node; only Next's `cookies()` is a stand-in, of the same shape."""
    client = TestClient(readme["app"], base_url="https://testserver")
    client.get("/")
    seal = client.get("/").headers["set-cookie"].partition(";")[0].partition("=")[2]

    (route,) = blocks("ts", README)
    (tmp_path / "route.ts").write_text(route, encoding="utf-8")
    modules = tmp_path / "node_modules"
    (modules / "next").mkdir(parents=True)
    (modules / "next" / "package.json").write_text('{"exports": {"./headers": "./headers.mjs"}}')
    (modules / "next" / "headers.mjs").write_text(
        f"const cookie = {{ name: 'myapp', value: {json.dumps(seal)} }};\n"
        "export const cookies = async () => ({\n"
        "  get: (name) => (name === cookie.name ? cookie : undefined),\n"
        "  set: () => {},\n"
        "});\n"
    )
    (tmp_path / "main.mjs").write_text(
        "import { GET } from './route.ts';\nconsole.log(await (await GET()).text());\n"
    )
    printed = run_script(tmp_path, "main.mjs", SESSION_PASSWORD=PASSWORD)
    assert printed == '{"visits":2}\n'


def has_ours(things: Iterable[object]) -> bool:
    """Tell whether one of these is ours, or a method of one of ours."""
    owners = [getattr(one, "__self__", one) for one in things]
    modules = [getattr(one, "__module__", type(one).__module__) for one in owners]
    return any(module.startswith("iron_session.") for module in modules)


INSTALLED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "Starlette and FastAPI": lambda it: has_ours([it["app"].user_middleware[0].cls]),
    "Flask": lambda it: has_ours([it["app"].session_interface]),
    "Quart": lambda it: has_ours([it["app"].session_interface]),
    "Django": lambda it: (
        import_string(f"{it['SESSION_ENGINE']}.SessionStore") is SessionStore
        and all(map(import_string, it["MIDDLEWARE"][:1]))
        and "password" in it["IRON_SESSION"]
    ),
    "Litestar": lambda it: has_ours([it["app"].middleware[0].middleware]),
    "aiohttp": lambda it: has_ours(it["app"].middlewares),
    "Sanic": lambda it: has_ours([it["app"].request_class]),
    "Any WSGI application": lambda it: has_ours([it["application"]]),
    "Any ASGI application": lambda it: has_ours([it["application"]]),
}
"""By heading: whether what stands under it has installed a session."""


@pytest.mark.parametrize("title", sections(FRAMEWORKS))
def test_what_the_page_on_frameworks_shows_installs_a_session(
    title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each framework's lines, after those at the top of the page, give an application with it."""
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    (top,) = blocks("python", FRAMEWORKS.partition("## ")[0])
    for block in blocks("python", sections(FRAMEWORKS)[title]):
        namespace: dict[str, Any] = {"__name__": "frameworks"}
        exec(top + block, namespace)  # noqa: S102 - the page is ours
        assert INSTALLED[title](namespace)


def test_the_readme_and_the_pins_tell_of_the_same_oldest_versions() -> None:
    """Those that the contract suite is run on."""
    pins = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8")
    tested = dict(re.findall(r"^([\w-]+)==([\d.]+)$", pins, re.MULTILINE))
    told = re.findall(r"^\| (\w+) \| ([\d.]+) \| ", README, re.MULTILINE)
    told += re.findall(
        r"`pip install (\w+)`, ([\d.]+) or newer", read_page("docs/typed-sessions.md")
    )
    assert len(told) == 8 + 2
    for framework, version in told:
        assert tested[framework.lower()].removesuffix(".0") == version


def test_the_page_on_frameworks_has_all_that_there_are() -> None:
    integrations = ROOT / "src" / "iron_session" / "integrations"
    for file in integrations.glob("[!_]*.py"):
        assert f"iron_session.integrations.{file.stem}" in FRAMEWORKS or file.stem == "starlette"
