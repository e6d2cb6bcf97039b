"""The page "Write your own integration" says what is so, and its code is what it promises to be.

That the four integrations on it keep the contract is proven in tests/contract, and what is special
to each in tests/integrations/test_written_integrations.py; both run the code from the page.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from iron_session import Session, http
from tests.contract.all_doors import DOORS
from tests.contract.written import PAGE, blocks

ROOT = Path(__file__).parent.parent
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = blocks()
INTEGRATIONS = {"falcon_session", "bottle_session", "tornado_session", "pyramid_session"}

TOOL_KIT = "iron_session.http"

_ROW = re.compile(r"^\| `(?P<name>\w+)(?:\((?P<arguments>[^)]*)\))?` \| (?P<text>.*) \|$", re.M)


def tools() -> Iterator[tuple[str, str | None]]:
    """Give the name and the arguments of each row of the page's tables."""
    for row in _ROW.finditer(TEXT):
        yield row["name"], row["arguments"]


TOOLS = list(tools())


def test_the_four_integrations_are_on_the_page() -> None:
    assert BLOCKS.keys() == INTEGRATIONS
    assert TEXT.count("```python\n") == len(BLOCKS), "each block begins with the name of its file"


@pytest.mark.parametrize("name", BLOCKS)
def test_an_integration_has_less_than_fifty_lines(name: str) -> None:
    assert BLOCKS[name].code.count("\n") < 50
    assert max(map(len, BLOCKS[name].code.splitlines())) <= 100


@pytest.mark.parametrize("name", ["falcon", "falcon asgi", "bottle", "tornado", "pyramid"])
def test_each_of_them_is_held_to_the_contract(name: str) -> None:
    assert name in {door.name for door in DOORS}


@pytest.mark.parametrize("name", BLOCKS)
def test_what_is_copied_uses_the_tool_kit_only(name: str) -> None:
    """Everything that a file of the page takes from the package stands on the page."""
    offered = {tool for tool, _ in TOOLS}
    for node in ast.walk(ast.parse(BLOCKS[name].code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("iron_session."):
            assert node.module is not None
            if node.module.startswith("iron_session.integrations"):
                assert f"`{node.module}`" in TEXT or node.module == "iron_session.integrations"
            else:
                assert node.module == TOOL_KIT
                assert {alias.name for alias in node.names} <= offered


@pytest.mark.parametrize(("name", "arguments"), TOOLS)
def test_the_tool_kit_is_as_the_page_describes_it(name: str, arguments: str | None) -> None:
    tool = getattr(http, name)
    if arguments is not None:
        takes = [one for one in inspect.signature(tool).parameters if one not in ("args", "kwargs")]
        told = [one for one in arguments.split(", ") if one]
        assert takes[: len(told)] == told
        assert tool.__doc__


def test_the_tool_kit_was_found_on_the_page() -> None:
    """All of it, and nothing else."""
    assert {name for name, _ in TOOLS} == set(http.__all__)
    assert f"`{TOOL_KIT}`" in TEXT


@pytest.mark.parametrize("name", ["abandon", "commit", "own_terms", "save", "destroy", "clear"])
def test_what_the_page_says_of_a_session_exists(name: str) -> None:
    assert f"`{name}(" in TEXT or f"session.{name}()" in TEXT
    assert callable(getattr(Session, name))


def test_the_contract_has_its_thirteen_points() -> None:
    section = TEXT.partition("## What it promises")[2].partition("\n## ")[0]
    numbers = re.findall(r"^(\d+)\. ", section, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 14)]


def test_the_page_leads_to_its_own_sections_and_to_the_tool_kit() -> None:
    """And the files that it names are there."""
    headings = {f"#{name.lower()}" for name in re.findall(r"^## (\w+)$", TEXT, re.MULTILINE)}
    assert set(re.findall(r"\]\(([^)]*)\)", TEXT)) <= {*headings, "../reference/api/http.md"}
    assert "://" not in TEXT
    for path in re.findall(r"`(tests/[\w/]+(?:\.py)?)`", TEXT):
        assert (ROOT / path).exists() or path.endswith("/yours.py")
