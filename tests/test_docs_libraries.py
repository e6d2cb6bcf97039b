"""The page on libraries: its lines are those that tests/libraries tries, with the library itself.

There each environment has a test_page.py too, which runs the lines that are for it.
"""

import ast
import re

import pytest

from tests.helpers.pages import ROOT, anchors, blocks, read_page

PAGE = read_page("docs/frameworks/libraries.md")
LIBRARIES = ROOT / "tests" / "libraries"
BLOCKS = blocks("python", PAGE)

OTHERS = {
    "starlette": "BaseHTTPMiddleware",  # three of them, one in the other
    "hypercorn": "hypercorn over HTTP/2",
    "mfa": "TOTP",
    "headless": "allauth.headless",
    "socialaccount": "social logins",
    "account": "Accounts",
    "login_by_code": "Login by code",
    "strawberry_graphql": "Strawberry",
    "python_fasthtml": "FastHTML",
    "djangorestframework": "Django REST framework",
    "flask_security": "Flask-Security",
}
"""What a test's file is called otherwise than its library on the page."""


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_compiles(block: str) -> None:
    compile(block, "libraries", "exec")
    assert max(map(len, block.splitlines())) <= 100


def names_of_tests() -> list[str]:
    """Name what has tests, but for error trackers, which are on another page."""
    files = [file for file in LIBRARIES.glob("*/test_*.py") if file.parent.name != "errors"]
    names = {file.stem.removeprefix("test_") for file in files} - {"page"}
    return sorted(names)


@pytest.mark.parametrize("name", names_of_tests())
def test_every_library_that_is_tested_is_on_the_page(name: str) -> None:
    text = PAGE.replace("\n", " ").lower()
    assert OTHERS.get(name, name).replace("_", "-").lower() in text.replace("_", "-")


def definition(code: str, name: str) -> str:
    """Return what a class or a function does, whatever is written about it."""
    (found,) = [node for node in ast.walk(ast.parse(code)) if getattr(node, "name", None) == name]
    for node in ast.walk(found):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            node.decorator_list = []
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
    return ast.dump(found)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("CopyingStorage", "flask/test_flask_dance.py"),
        ("log_strangers_out", "flask/test_flask_security.py"),
        ("SealedTokens", "allauth/tokens.py"),
        ("CountedForm", "allauth/codes.py"),
    ],
)
def test_what_the_page_shows_is_what_is_tested(name: str, file: str) -> None:
    code = (LIBRARIES / file).read_text(encoding="utf-8")
    (block,) = [block for block in BLOCKS if f" {name}(" in block]
    assert definition(block, name) == definition(code, name)


def test_the_page_leads_to_what_is_there() -> None:
    for link in re.findall(r"\]\(([^)]*)\)", PAGE):
        file, _, anchor = link.partition("#")
        text = read_page(f"docs/frameworks/{file}") if file else PAGE
        assert not anchor or anchor in anchors(text), link


def test_the_page_on_frameworks_leads_here() -> None:
    top = read_page("docs/frameworks/index.md").partition("\n## ")[0]
    assert "](libraries.md)" in top
    assert "](../troubleshooting.md)" in top
