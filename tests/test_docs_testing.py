"""The page on testing: its tests are run, each with the lines at the top of the page."""

import asyncio
import dataclasses
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from flask import Flask
from sanic import Sanic
from sanic.config import DEFAULT_CONFIG
from starlette.testclient import TestClient

from iron_session import Session, testing
from iron_session.integrations.flask import IronSessionInterface, get_session
from iron_session.revocation import MemoryStore, Revocations
from iron_session.testing import cookie_header, for_tests, log_in, make_options
from tests.helpers.pages import ROOT, blocks, one_line, read_page
from tests.helpers.plugin import fixtures, write_entry_point
from tests.helpers.waiting import wait_for
from tests.integrations.django_site.project import ENGINE

PAGE = read_page("docs/how-to/testing.md")
HEAD, *PARTS = re.split(r"^###? ", PAGE, flags=re.MULTILINE)
(TOP,) = blocks("python", HEAD)
BLOCKS = {part.partition("\n")[0]: blocks("python", part) for part in PARTS}
SECTIONS = {title: "".join(found) for title, found in BLOCKS.items()}
RESULTS = "What read_session returns"
"""Its test takes responses, which stand for those of any framework."""
BY_PYTEST = "With pytest"
AFTER = {"In Django": "Django"}
"""The sections that need the code of another."""
RUN_HERE = [title for title, code in SECTIONS.items() if code and title not in (RESULTS, BY_PYTEST)]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Callable[..., Any]]]:
    """Run a section as a module, and give its tests."""
    # Sanic leaves nothing behind: its name is free again, and its own classes are as they were.
    monkeypatch.setattr(Sanic, "_app_registry", {})
    monkeypatch.setitem(DEFAULT_CONFIG, "TOUCHUP", False)
    for name in ("SESSION_PASSWORD", "SESSION_ENDINGS"):  # a section sets them: undo it
        monkeypatch.setenv(name, "a password that no section keeps, of 40")
    assert settings.SESSION_ENGINE == ENGINE  # as the section on Django takes it for granted

    def run_section(title: str) -> list[Callable[..., Any]]:
        module = ModuleType("page_on_testing")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        code = TOP + SECTIONS.get(AFTER.get(title, ""), "") + SECTIONS[title]
        exec(code, vars(module))  # noqa: S102 - the page is ours
        return [test for name, test in vars(module).items() if name.startswith("test_")]

    return run_section


@pytest.mark.parametrize("title", RUN_HERE)
def test_the_tests_of_a_section_pass(
    title: str, run: Callable[[str], list[Callable[..., Any]]]
) -> None:
    tests = run(title)
    assert tests
    for test in tests:
        if inspect.iscoroutinefunction(test):
            asyncio.run(test())
        else:
            test()


@pytest.mark.parametrize("title", ["In FastAPI and Starlette", "In Flask"])
def test_a_logout_everywhere_by_nobody_is_no_error(
    title: str, run: Callable[[str], list[Callable[..., Any]]]
) -> None:
    (test,) = run(title)
    revocations = Revocations(MemoryStore(), namespace="shop")
    options = make_options(max_lifetime=timedelta(days=30), revocations=revocations)
    app = test.__globals__["create_app"](options)
    client = TestClient(app) if title.startswith("In FastAPI") else app.test_client()
    assert client.post("/logout-everywhere").status_code == 200


def test_log_in_writes_no_row_of_the_page_of_devices_and_a_login_form_does() -> None:
    assert "`log_in` writes no row of the [page of devices]" in one_line(PAGE)
    revocations = Revocations(MemoryStore(), namespace="shop", directory=True)
    options = make_options(max_lifetime=timedelta(days=30), revocations=revocations)
    app = Flask(__name__)
    app.session_interface = IronSessionInterface(options)

    @app.post("/login")
    def submit() -> str:
        get_session().login("1")
        return ""

    @app.get("/devices")
    def show() -> list[str]:
        return [one.user_id for one in revocations.sessions_of(get_session().user_id or "")]

    client = app.test_client()
    client.post("/login")
    wait_for(lambda: client.get("/devices").json == ["1"])
    other = app.test_client()
    log_in(other, options, {}, user_id="2")
    assert other.get("/devices").json == []


def test_the_table_of_results_is_so(run: Callable[[str], list[Callable[..., Any]]]) -> None:
    (test,) = run(RESULTS)
    in_use = cookie_header(make_options(), {"user": "ada"})
    test([in_use], ["session=; Max-Age=0"], [])


@pytest.mark.parametrize(("number", "outcome"), [(0, "3 passed"), (1, "1 passed")])
def test_the_section_on_pytest_is_run_by_pytest(
    number: int, outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(write_entry_point(tmp_path / "site")), prepend=os.pathsep)
    file = tmp_path / "test_page.py"
    file.write_text(TOP + BLOCKS[BY_PYTEST][number], encoding="utf-8")
    arguments = ["-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in done.stdout, done.stdout


def test_the_table_of_fixtures_has_all_that_the_plugin_offers() -> None:
    (part,) = (part for part in PARTS if part.startswith(f"{BY_PYTEST}\n"))
    assert set(re.findall(r"^\| `(\w+)", part, re.MULTILINE)) == fixtures()


def test_the_copy_for_tests_keeps_the_store_until_it_is_replaced() -> None:
    """As the section on revocations says, and by its expression."""
    (expression,) = re.findall(r"`(dataclasses\.replace\(for_tests.*?)`", PAGE)
    revocations = Revocations(MemoryStore(), namespace="shop")
    options = make_options(max_lifetime=timedelta(days=30), revocations=revocations)
    assert for_tests(options).revocations is revocations
    names = {
        "dataclasses": dataclasses,
        "for_tests": for_tests,
        "Revocations": Revocations,
        "MemoryStore": MemoryStore,
        "options": options,
    }
    replaced = eval(expression, names)  # noqa: S307 - the page is ours
    assert replaced.revocations is not revocations


def test_every_framework_has_its_section() -> None:
    integrations = ROOT / "src" / "iron_session" / "integrations"
    offered = {file.stem for file in integrations.glob("[!_]*") if "_" not in file.stem}
    shown = set(re.findall(r"from iron_session\.integrations\.(\w+) import", PAGE))
    # Django needs no line, and stands beside FastAPI as Starlette does; to Channels' consumers
    # cookies are given in a header.
    assert offered - shown == {"channels", "django", "starlette"}
    assert {"Django", "FastAPI and Starlette"} <= SECTIONS.keys()


def test_the_table_has_all_that_is_offered() -> None:
    rows = set(re.findall(r"^\| `(\w+)\(", HEAD, re.MULTILINE))
    classes = {name for name in testing.__all__ if inspect.isclass(getattr(testing, name))}
    assert rows == set(testing.__all__) - classes


@pytest.mark.parametrize("name", ["data", "expires_at", "destroyed"])
def test_what_the_page_says_of_a_session_exists(name: str) -> None:
    assert f"`{name}`" in PAGE
    assert hasattr(Session, name)
