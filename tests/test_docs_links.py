"""The links of all pages lead somewhere, and the index of the documentation names each page."""

import re

import pytest

from tests.helpers.pages import ROOT, anchors, headings, links, read_page

INDEX = "docs/README.md"
DOCS = sorted(file.relative_to(ROOT).as_posix() for file in ROOT.glob("docs/**/*.md"))
# What the site alone needs: its first page, files from elsewhere, and pages made of docstrings.
ONLY_ON_THE_SITE = ("docs/index.md", "docs/project/", "docs/reference/api/")
LISTED = [page for page in DOCS if page != INDEX and not page.startswith(ONLY_ON_THE_SITE)]
PAGES = [*sorted(file.name for file in ROOT.glob("*.md")), "examples/README.md", *DOCS]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: str) -> None:
    for link in links(read_page(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def test_links_are_found() -> None:
    """In prose only, inline and as references; the test above would pass without any."""
    page = (
        "A [page](a.md), [`code`](b.md#part) and [one\nover two lines](c.md).\n\n[ref]: d.md\n"
        "`no](e.md)`\n```python\nx = y[0](f.md)\n```\n"
    )
    assert links(page) == ["a.md", "b.md#part", "c.md", "d.md"]
    assert len(links(read_page("README.md"))) > 20


def test_anchors_are_those_that_github_makes() -> None:
    page = (
        "# The server can't read it\n## What `read_session` gives\n"
        "## Twice\n```\n# No heading\n```\n## Twice"
    )
    assert anchors(page) == {
        "the-server-cant-read-it",
        "what-read_session-gives",
        "twice",
        "twice-1",
    }


def test_the_index_names_every_page_once() -> None:
    named = links(read_page(INDEX))
    assert sorted(f"docs/{link}" for link in named if not link.startswith("../")) == LISTED
    assert len(named) == len(set(named))


def test_the_index_has_one_line_for_each_page_with_its_title() -> None:
    lines = [line for line in read_page(INDEX).splitlines() if line and not line.startswith("#")]
    for line in lines[1:]:
        entry = re.fullmatch(r"- \[(.+)\]\((.+)\): .+\.", line)
        assert entry, line
        page = (ROOT / "docs" / entry[2]).read_text(encoding="utf-8")
        assert entry[1] == headings(page)[0]


def test_the_readme_leads_to_the_index() -> None:
    assert INDEX in links(read_page("README.md"))
