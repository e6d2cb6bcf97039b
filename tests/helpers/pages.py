"""The code that stands on a page of the documentation."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def read_page(path: str) -> str:
    """Give a page's text, by its path from the root."""
    return (ROOT / path).read_text(encoding="utf-8")


def blocks(language: str, text: str) -> list[str]:
    """Give the code blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def run_page(text: str, name: str) -> dict[str, Any]:
    """Run all Python of a page from top to bottom, and give its names.

    Args:
        text: the page's.
        name: what its `__name__` is to be.
    """
    namespace: dict[str, Any] = {"__name__": name}
    exec("\n".join(blocks("python", text)), namespace)  # noqa: S102 - the page is ours
    return namespace
