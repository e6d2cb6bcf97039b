"""The README and the pages on frameworks: their Python is run here, the Next.js route in Node."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.utils.module_loading import import_string
from sanic import Sanic
from starlette.testclient import TestClient

import tests.integrations.django_site.project  # noqa: F401 - settings, for the lines on Channels
from iron_session.integrations.django import SafeExceptionReporterFilter, SessionStore
from iron_session.testing import read_session
from tests.contract import wsgi_driver
from tests.contract.door import Visit
from tests.helpers.pages import (
    ROOT,
    blocks,
    headings,
    read_page,
    run_code,
    run_page,
    sections,
)
from tests.interop.node import run_script

README = read_page("README.md")
FRAMEWORKS = {
    file.stem: file.read_text(encoding="utf-8")
    for file in sorted((ROOT / "docs" / "frameworks").glob("*.md"))
    if file.stem not in ("libraries", "write-your-own")  # they have tests of their own
}
PROJECT = "A project from startproject"  # test_docs_django_project.py makes it
FRAMEWORKS["django"] = FRAMEWORKS["django"].replace(sections(FRAMEWORKS["django"])[PROJECT], "")
OF_SEVERAL = ("index", "flask-quart", "asgi-wsgi")
"""The pages that show code under more than one heading that names what it is for."""
PASSWORD = "the password of the README, of 40 letters"


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sanic, "_app_registry", {})  # its names are free again
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


def shown() -> Iterator[tuple[str, str, str]]:
    """Yield what the pages on frameworks show: the heading that names what it is for, and the text.

    The last is the block with which the page begins: the options, and on some all that installs.
    """
    for name, text in FRAMEWORKS.items():
        found = sections(text) if name in OF_SEVERAL else {headings(text)[0]: text}
        for title, part in found.items():
            yield title, part, blocks("python", text)[0]


SHOWN = {title: text for title, text, _ in shown()}
FIRST = {title: first for title, _, first in shown()}
OWN_OPTIONS = ("Django", "Django Channels")
"""What begins with the framework's settings."""


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
        and all(map(import_string, it["MIDDLEWARE"][:2]))
        and it["MIDDLEWARE"][1].startswith(it["SESSION_ENGINE"])
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


AROUND = re.compile(r"^#+ Around one handler$", re.MULTILINE)


def run_blocks(title: str, part: slice = slice(1)) -> list[dict[str, Any]]:
    """Run each block for a framework, after the one with which its page begins.

    Args:
        title: the framework's heading.
        part: of what is before and after the heading in it for the decorator around one handler.
    """
    own, first = blocks("python", "".join(AROUND.split(SHOWN[title])[part])), FIRST[title]
    return [run_code(block if block == first else first + block, "frameworks") for block in own]


def test_every_block_of_the_pages_on_frameworks_is_run() -> None:
    """Each is under one of the headings below, or at the top of a page of several."""
    everything = [block for text in FRAMEWORKS.values() for block in blocks("python", text)]
    under_headings = [block for text in SHOWN.values() for block in blocks("python", text)]
    at_the_top = [blocks("python", FRAMEWORKS[name])[0] for name in OF_SEVERAL]
    assert sorted(everything) == sorted([*at_the_top, *under_headings])
    assert SHOWN.keys() == INSTALLED.keys()


@pytest.mark.parametrize("title", [title for title in SHOWN if title not in OWN_OPTIONS])
def test_a_page_begins_with_the_options_that_its_code_needs(title: str) -> None:
    names = run_code(FIRST[title], "frameworks")
    assert names["options"].cookie_name == "myapp"


@pytest.mark.parametrize("title", SHOWN)
def test_what_the_pages_on_frameworks_show_installs_a_session(title: str) -> None:
    """Each framework's lines, after those with which its page begins, give an application."""
    for names in run_blocks(title):
        assert INSTALLED[title](names)


@pytest.mark.parametrize("title", [title for title, text in SHOWN.items() if AROUND.search(text)])
def test_what_the_pages_on_frameworks_show_around_one_handler_decorates_it(
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
    session = read_session(client, names["options"])
    assert session is not None
    assert (session.user_id, dict(session)) == ("1", {"name": "Ada"})
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
    told += re.findall(by_extra, read_page("docs/how-to/typed-sessions.md"))
    assert len(told) == 8 + 2
    for framework, version in told:
        assert tested[framework.lower()].removesuffix(".0") == version


def offered() -> Iterator[tuple[str, str, str]]:
    """Yield each module of which a page lists the names: the page's, the module's, and the list."""
    for name, text in FRAMEWORKS.items():
        _, _, section = text.partition("\n## API\n")
        parts = re.split(r"^\[`([\w.]+)`\]\(\.\./reference/api/", section, flags=re.MULTILINE)[1:]
        for module, part in zip(parts[::2], parts[1::2], strict=True):
            yield name, module, part


@pytest.mark.parametrize(
    ("module", "part"), [pytest.param(*found, id=found[0]) for _, *found in offered()]
)
def test_a_page_on_a_framework_lists_the_names_that_its_module_offers(
    module: str, part: str
) -> None:
    link, _, listed = part.partition(".md)")
    beginnings = re.findall(r"^- (.*?):", listed, re.MULTILINE)
    names = re.findall(r"`(\w+)`", " ".join(beginnings))
    assert sorted(names) == sorted(importlib.import_module(module).__all__)
    assert f".. automodule:: {module}\n" in read_page(f"docs/reference/api/{link}.md")


def test_every_page_on_a_framework_ends_with_the_names_of_its_modules() -> None:
    integrations = ROOT / "src" / "iron_session" / "integrations"
    packages = [file.stem for file in integrations.glob("[!_]*")]
    checks = [f"{file.parent.name}.csrf" for file in integrations.glob("*/csrf.py")]
    modules = [f"iron_session.integrations.{name}" for name in (*packages, *checks)]
    assert sorted(module for _, module, _ in offered()) == sorted(modules)
    for name in FRAMEWORKS.keys() - {"index"}:
        assert re.findall(r"^## (.*)$", FRAMEWORKS[name], re.MULTILINE)[-1] == "API"
