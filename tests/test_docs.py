"""The README and the page on frameworks: their Python is run here, the Next.js route in Node."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.utils.module_loading import import_string
from starlette.testclient import TestClient

import tests.integrations.django_site.project  # noqa: F401 - settings, for the lines on Channels
from iron_session.integrations.django import SafeExceptionReporterFilter, SessionStore
from iron_session.testing import read_session
from tests.contract import wsgi_driver
from tests.contract.door import Visit
from tests.helpers.pages import ROOT, blocks, read_page, run_code, run_page, sections
from tests.interop.node import run_script

README = read_page("README.md")
FRAMEWORKS = read_page("docs/frameworks.md")
PASSWORD = "the password of the README, of 40 letters"


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD[::-1])


@pytest.fixture
def readme() -> dict[str, Any]:
    """All Python of the README, run from top to bottom."""
    return run_page(README, "readme")


def test_the_readme_is_read_at_one_sitting() -> None:
    assert README.count("\n") <= 130


def test_the_readme_app_has_the_ten_lines_that_its_heading_promises() -> None:
    (block,) = blocks("python", sections(README)["FastAPI in ten lines"])
    assert len([line for line in block.splitlines() if line]) == 10


def test_the_readme_app_counts_visits(readme: dict[str, Any]) -> None:
    client = TestClient(readme["app"], base_url="https://testserver")
    assert [client.get("/").json()["visits"] for _ in range(3)] == [1, 2, 3]


def test_the_readme_app_works_over_plain_http_as_the_readme_says() -> None:
    """With the option that the text below the code names."""
    addition = 'cookie_options={"secure": "auto"}'
    assert f"`{addition}`" in README
    (block,) = blocks("python", README)
    changed = block.replace('cookie_name="myapp"', f'cookie_name="myapp", {addition}')
    client = TestClient(run_code(changed, "readme")["app"], base_url="http://testserver")
    assert [client.get("/").json()["visits"] for _ in range(3)] == [1, 2, 3]


def test_the_commands_that_the_readme_names_exist() -> None:
    commands = re.findall(r"^make ([\w-]+)", "".join(blocks("sh", README)), re.MULTILINE)
    assert commands == ["demo", "test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{command}:", makefile, re.MULTILINE) for command in commands)


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


def has_wrapped(names: dict[str, Any]) -> bool:
    """Return whether one of a block's functions is within a decorator of ours."""
    wrapped = [one for one in names.values() if hasattr(one, "__wrapped__")]
    return any(
        one.__module__ == "frameworks" and one.__globals__["__name__"].startswith("iron_session.")
        for one in wrapped
    )


INSTALLED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "Starlette and FastAPI": lambda it: has_ours([it["app"].user_middleware[0].cls]),
    "Flask": lambda it: has_ours([it["app"].session_interface]),
    "Quart": lambda it: has_ours([it["app"].session_interface]),
    "Django": lambda it: (
        import_string(f"{it['SESSION_ENGINE']}.SessionStore") is SessionStore
        and all(map(import_string, it["MIDDLEWARE"][:1]))
        and "password" in it["IRON_SESSION"]
        and it["INSTALLED_APPS"][0] == it["SESSION_ENGINE"]
        and issubclass(
            import_string(it["DEFAULT_EXCEPTION_REPORTER_FILTER"]), SafeExceptionReporterFilter
        )
    ),
    "Django Channels": lambda it: has_ours(
        [it["application"].application_mapping["websocket"].inner]
    ),
    "Litestar": lambda it: has_ours([it["app"].middleware[0].middleware]),
    "aiohttp": lambda it: has_ours(it["app"].middlewares),
    "Sanic": lambda it: has_ours([it["app"].request_class]),
    "Any WSGI application": lambda it: has_ours([it["application"]]),
    "Any ASGI application": lambda it: has_ours([it["application"]]),
    "Several sessions": lambda it: (
        len(it["app"].user_middleware) == 2
        and has_ours([it["app"].user_middleware[0].cls])
        and has_ours([it["app"].user_middleware[1].cls])
    ),
}
"""By heading: whether what stands under it has installed a session."""


AROUND = "### Around one handler"


def run_blocks(title: str, part: slice = slice(1)) -> list[dict[str, Any]]:
    """Run each block of a section of the page on frameworks, after the lines at its top.

    Args:
        title: the section's heading.
        part: of what is before and after the heading in it for the decorator around one handler.
    """
    (top,) = blocks("python", FRAMEWORKS.partition("## ")[0])
    own = blocks("python", "".join(sections(FRAMEWORKS)[title].split(AROUND)[part]))
    return [run_code(top + block, "frameworks") for block in own]


@pytest.mark.parametrize("title", sections(FRAMEWORKS))
def test_what_the_page_on_frameworks_shows_installs_a_session(title: str) -> None:
    """Each framework's lines, after those at the top of the page, give an application with it."""
    for names in run_blocks(title):
        assert INSTALLED[title](names)


@pytest.mark.parametrize(
    "title", [title for title, text in sections(FRAMEWORKS).items() if AROUND in text]
)
def test_what_the_page_on_frameworks_shows_around_one_handler_decorates_it(
    title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "frameworks", ModuleType("frameworks"))  # for Litestar
    for names in run_blocks(title, slice(1, None)):
        assert has_wrapped(names) or has_ours(names.values())


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Starlette and FastAPI", "app"),
        ("Litestar", "app"),
        ("Any ASGI application", "application"),
    ],
)
def test_the_handler_on_the_page_that_is_decorated_counts_visits(
    title: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Litestar looks up the module that a handler is from.
    monkeypatch.setitem(sys.modules, "frameworks", ModuleType("frameworks"))
    (names,) = run_blocks(title, slice(1, None))
    client = TestClient(names[name], base_url="https://testserver")
    answers = [client.get("/visits").json() for _ in range(3)]
    assert answers in ([{"visits": 1}, {"visits": 2}, {"visits": 3}], [1, 2, 3])


def test_the_fastapi_app_on_the_page_counts_visits_logs_in_and_out() -> None:
    *_, names = run_blocks("Starlette and FastAPI")
    client = TestClient(names["app"], base_url="https://testserver")
    assert [client.get("/").json()["visits"] for _ in range(3)] == [1, 2, 3]
    assert client.post("/login").json() == {"ok": True}
    assert read_session(client, names["options"]) == {"user": {"id": 1, "roles": ["admin"]}}
    assert client.get("/").json() == {"visits": 1}  # a login starts over
    assert client.post("/logout").json() == {"ok": True}
    assert client.get("/").json() == {"visits": 1}


@pytest.mark.parametrize(
    ("title", "application"), [("Flask", "app"), ("Any WSGI application", "application")]
)
def test_the_decorated_handlers_on_the_page_count_visits(title: str, application: str) -> None:
    *_, names = run_blocks(title, slice(1, None))
    first = wsgi_driver.request(names[application], Visit(target="/", headers=[]))
    cookie = f"myapp={first.cookies['myapp'].value}"
    visit = Visit(target="/", headers=[("Cookie", cookie)])
    assert wsgi_driver.request(names[application], visit).body.startswith(b"2")


def test_the_two_sessions_on_the_page_have_two_cookies() -> None:
    (names,) = run_blocks("Several sessions")
    client = TestClient(names["app"], base_url="https://testserver")
    assert [client.get("/").json()["visits"] for _ in range(2)] == [1, 2]
    assert read_session(client, names["options"]) == {"visits": 2}
    assert read_session(client, names["admin_options"]) == {"name": "Ada"}


def test_the_readme_and_the_pins_tell_of_the_same_oldest_versions() -> None:
    """Those that the contract suite is run on."""
    pins = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8")
    tested = dict(re.findall(r"^([\w-]+)==([\d.]+)$", pins, re.MULTILINE))
    told = re.findall(r"^\| (\w+) \| ([\d.]+) \| ", README, re.MULTILINE)
    by_extra = r'`pip install "iron-session\[(\w+)\]"`, ([\d.]+) or newer'
    told += re.findall(by_extra, read_page("docs/typed-sessions.md"))
    assert len(told) == 8 + 2
    for framework, version in told:
        assert tested[framework.lower()].removesuffix(".0") == version


def test_the_page_on_frameworks_has_all_that_there_are() -> None:
    integrations = ROOT / "src" / "iron_session" / "integrations"
    for file in integrations.glob("[!_]*"):
        assert f"iron_session.integrations.{file.stem}" in FRAMEWORKS or file.stem == "starlette"
