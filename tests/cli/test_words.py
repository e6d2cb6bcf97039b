"""The pages that messages name, and that none names a file which an installed package lacks."""

import ast
import re
from pathlib import Path

import pytest

import iron_session
from iron_session.cli.words import PAGES, see

ROOT = Path(iron_session.__file__).parent
DOCS = Path(__file__).parents[2] / "docs"
FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_named_by_its_title_and_its_path(page: str) -> None:
    title = (DOCS / f"{page}.md").read_text(encoding="utf-8").partition("\n")[0]
    assert see(page) == f'see the documentation\'s page "{title.removeprefix("# ")}" ({page})'


def test_each_page_is_named_somewhere() -> None:
    texts = "".join(file.read_text(encoding="utf-8") for file in FILES)
    assert {page for page in PAGES if f"see('{page}')" in texts} == set(PAGES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_text_names_a_file_of_the_repository(file: Path) -> None:
    """Whoever has installed the package does not have `docs/`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    named = [text for text in texts if isinstance(text, str) and re.search(r"\bdocs/|\.md\b", text)]
    assert named == ([see.__doc__] if file.name == "words.py" else [])
