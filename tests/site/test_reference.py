"""Every public name is on the site, and each error has its anchor."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from sphinx.util.inventory import InventoryFile

import iron_session
import tests.integrations.django_site.project  # noqa: F401 - settings, for Django's integration
from iron_session import errors
from iron_session.errors import CsrfReason, UnsealReason
from tests.helpers.pages import ROOT, blocks

SOURCE = Path(iron_session.__file__).parent
PUBLIC = [
    "iron_session",
    *(
        f"iron_session.{name}"
        for name in ("csrf", "http", "links", "revocation", "seals", "testing")
    ),
    *(
        f"iron_session.integrations.{file.stem}"
        for file in sorted((SOURCE / "integrations").glob("[!_]*"))
    ),
    *(f"iron_session.integrations.{name}.csrf" for name in ("aiohttp", "asgi", "sanic")),
]
PAGES = sorted(
    page
    for page in (ROOT / "docs").rglob("*.md")
    if "iron_session" in page.read_text(encoding="utf-8")
)
ERRORS = [
    *(name for name in errors.__all__ if name.endswith("Error")),
    "SessionEndedError",
]


@pytest.fixture(scope="module")
def names(site: Path) -> set[str]:
    """All names of Python that the site documents."""
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    return {name for kind, items in inventory.data.items() if kind[:3] == "py:" for name in items}


def public_names(module: str) -> Iterator[str]:
    """Yield each name that a module offers, and what is public of each class that is ours."""
    found = importlib.import_module(module)
    for name in found.__all__:
        yield f"{module}.{name}"
        thing = getattr(found, name)
        if inspect.isclass(thing) and thing.__module__.startswith("iron_session."):
            yield from (f"{module}.{name}.{member}" for member in own_members(thing))


def own_members(thing: type) -> Iterator[str]:
    """Yield the public methods and properties that a class defines itself."""
    for name, value in vars(thing).items():
        if not name.startswith("_") and isinstance(
            inspect.unwrap(value) if callable(value) else value,
            (property, classmethod, staticmethod, type(own_members)),
        ):
            yield name


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_and_method_is_in_the_inventory(module: str, names: set[str]) -> None:
    # What `iron_session` offers too is described there, and named here.
    described = {name.rpartition(".")[2] for name in iron_session.__all__}
    lacking = [name for name in public_names(module) if name not in names]
    if module != "iron_session":
        lacking = [name for name in lacking if name.split(".")[-2] not in described]
    assert lacking == []


def imported_names(page: Path) -> Iterator[str]:
    """Yield each name of the package that the code of a page imports."""
    for block in blocks("python", page.read_text(encoding="utf-8")):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("iron_session."):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("page", PAGES, ids=lambda it: it.stem)
def test_what_a_page_imports_is_in_the_inventory(page: Path, names: set[str]) -> None:
    assert [name for name in imported_names(page) if name not in names] == []


def test_names_that_are_not_there_would_be_noticed(names: set[str]) -> None:
    assert "iron_session.Session.save" in names
    assert "iron_session.Session.store" not in names
    assert sum(len([*public_names(module)]) for module in PUBLIC) > 150


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_has_its_anchor(name: str, site: Path) -> None:
    assert f'id="{name.lower()}"' in (site / "reference" / "errors.html").read_text("utf-8")


@pytest.mark.parametrize("reason", [*get_args(UnsealReason), *get_args(CsrfReason)])
def test_every_reason_has_its_anchor(reason: str, site: Path) -> None:
    assert f'id="{reason}"' in (site / "reference" / "errors.html").read_text("utf-8")


def test_every_entry_on_the_page_of_errors_says_what_it_is_why_and_the_mend() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    entries = re.split(r"^### ", page, flags=re.MULTILINE)[1:]
    assert len(entries) == len(ERRORS) + len(get_args(UnsealReason)) + len(get_args(CsrfReason))
    for entry in entries:
        title, _, text = entry.partition("\n")
        assert re.match(r"\n[A-Z`].+?\n\n\*\*Causes:\*\* .+?\n\n\*\*Mend:\*\* ", text, re.DOTALL), (
            title
        )
