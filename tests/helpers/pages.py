"""The pages of the documentation: their code, tables, headings and links."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

_LINES = re.DOTALL | re.MULTILINE
_TAB_SET = r"^::::\{tab-set\}$.*?^::::$"


def read_page(path: str) -> str:
    """Return a page's text, by its path from the root."""
    return (ROOT / path).read_text(encoding="utf-8")


def blocks(language: str, text: str) -> list[str]:
    """Return the code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def run_page(text: str, name: str) -> dict[str, Any]:
    """Run all Python of a page from top to bottom, and return its names.

    Args:
        text: the page's.
        name: what its `__name__` is to be.
    """
    return run_code("\n".join(blocks("python", text)), name)


def run_code(code: str, name: str) -> dict[str, Any]:
    """Run code of a page, without the `__future__` imports of a test, and return its names."""
    namespace: dict[str, Any] = {"__name__": name}
    exec(code, namespace)  # noqa: S102 - the page is ours
    return namespace


def tabs(text: str) -> list[dict[str, str]]:
    """Return what each set of tabs shows, by the name with which the reader's choice is kept."""
    return [
        dict(re.findall(r"^:::\{tab-item\} [^\n]+\n:sync: (\w+)\n(.*?)^:::$", tab_set, _LINES))
        for tab_set in re.findall(_TAB_SET, text, _LINES)
    ]


def choose_tabs(text: str, name: str) -> str:
    """Return a page as somebody sees it who has chosen the tab of this name in every set."""
    chosen = iter([tab_set[name] for tab_set in tabs(text)])
    return re.sub(_TAB_SET, lambda _: next(chosen), text, flags=_LINES)


def sections(text: str) -> dict[str, str]:
    """Return what is under each heading of the second rank that shows Python."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)[1:]
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    return {title: part for title, part in found.items() if blocks("python", part)}


def tables(text: str) -> Iterator[list[list[str]]]:
    """Yield the rows of each table, the head first, without their backticks."""
    for table in re.findall(r"^(?:\|.*\n)+", text, re.MULTILINE):
        rows = [
            [cell.strip().strip("`") for cell in row.strip("|").split(" | ")]
            for row in table.splitlines()
        ]
        yield [rows[0], *rows[2:]]


def one_line(text: str) -> str:
    """Return a page's text on one line, to look for a sentence wherever its lines break."""
    return " ".join(text.split())


def without_code(text: str) -> str:
    """Return a page's text without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def headings(text: str) -> list[str]:
    """Return the headings of a page, in their order."""
    return re.findall(r"^#{1,6} (.*)$", without_code(text), re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    found: set[str] = set()
    for heading in headings(text):
        name = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        same = sum(re.fullmatch(rf"{re.escape(name)}(-\d+)?", one) is not None for one in found)
        found.add(f"{name}-{same}" if same else name)
    return found


def links(text: str) -> list[str]:
    """Return where a page's links lead, in their order."""
    prose = re.sub(r"`+[^`]+`+", "", without_code(text))
    found = re.findall(r"\]\(([^)]*)\)|^\[[^]]+\]: (\S+)", prose, re.MULTILINE)
    return [inline or reference for inline, reference in found]
