"""What the site does to pages and docstrings before it shows them."""

from pathlib import Path

import pytest

from docs.extensions.accessible import flatten_signatures, let_focus, name_level
from docs.extensions.docstrings import mark_code
from docs.extensions.outside import PAGES, rewrite
from docs.extensions.sources import mend_ways_back
from tests.helpers.pages import ROOT

FLASH = "docs/how-to/flash.md"


@pytest.mark.parametrize(
    ("written", "shown", "link", "expected"),
    [
        (FLASH, FLASH, "csrf.md#options", "csrf.md#options"),
        (FLASH, FLASH, "#options", "#options"),
        (FLASH, FLASH, "https://example.com/a.md", "https://example.com/a.md"),
        (FLASH, FLASH, "../../SECURITY.md", "../project/security.md"),
        (FLASH, FLASH, "../../README.md#try-it", "../index.md#try-it"),
        (FLASH, FLASH, "../../examples/flask_app.py", "../../examples/flask_app.py"),
        ("SECURITY.md", "docs/project/security.md", "docs/how-to/csrf.md", "../how-to/csrf.md"),
        ("README.md", "docs/index.md", "docs/how-to/csrf.md", "how-to/csrf.md"),
        ("examples/README.md", "docs/project/examples.md", "a.py", "../../examples/a.py"),
    ],
)
def test_links_lead_to_the_page_that_shows_the_file(
    written: str, shown: str, link: str, expected: str
) -> None:
    text = f"See [`a` and b]({link})."
    mended = rewrite(text, Path(written), Path(shown), ROOT)
    assert mended == f"See [`a` and b]({expected})."


def test_of_a_link_to_a_folder_its_name_is_left() -> None:
    page = Path("docs/project/examples.md")
    assert rewrite("In [`demo/`](demo).", Path("examples/README.md"), page, ROOT) == "In `demo/`."


def test_code_is_left_alone() -> None:
    text = "```python\na = b[0](../SECURITY.md)\n```\n"
    assert rewrite(text, Path(FLASH), Path(FLASH), ROOT) == text


@pytest.mark.parametrize(("file", "page"), PAGES.items())
def test_the_page_of_a_file_includes_it(file: str, page: str) -> None:
    (name,) = {file} if "/" not in file else {file.removeprefix("docs/")}
    assert (ROOT / file).is_file()
    assert f"{name}\n" in (ROOT / page).read_text(encoding="utf-8")


def test_code_in_a_modules_docstring_is_shown_as_code() -> None:
    code = ["@with_iron_session(options)", "def view(): ..."]
    assert mark_code(["Flask: a session.", "", *code]) == [
        *("Flask: a session.", "", "::", "", "    @with_iron_session(options)"),
        *("    def view(): ...", ""),
    ]
    lines = ["Flask: a session.", "", "app.use(options)  # then: so", "", "It needs no more."]
    assert mark_code(lines) == [
        *("Flask: a session.", "", "::", "", "    app.use(options)  # then: so", ""),
        *("It needs no more.", ""),
    ]


def test_what_scrolls_can_have_the_focus() -> None:
    assert let_focus("<pre>code</pre>") == '<pre tabindex="0">code</pre>'
    table = '<div class="table-wrapper docutils container">'
    assert let_focus(table) == f'{table[:-1]} tabindex="0">'


def test_a_signature_of_several_lines_holds_no_list() -> None:
    lines = "<dl>\n<dd><em>a</em>,</dd>\n</dl>"
    html = f'<dt class="sig sig-object py">f({lines}\n)</dt><dl><dd>b</dd></dl>'
    assert flatten_signatures(html) == (
        '<dt class="sig sig-object py">f(\n<span class="sig-line"><em>a</em>,</span>\n\n)</dt>'
        "<dl><dd>b</dd></dl>"
    )


def test_a_caption_says_of_which_rank_it_is() -> None:
    html = '<p class="caption" role="heading"><span>How to</span></p>'
    assert 'role="heading" aria-level="2"' in name_level(html)


def test_the_way_back_from_a_source_leads_to_a_name_that_exists() -> None:
    html = '<a class="viewcode-back" href="../api/{}.html#{}">[docs]</a>'
    documented = {"iron_session.A": "iron_session", "iron_session.seals.B": "seals"}
    wrong = html.format("iron_session", "iron_session.csrf.A")
    assert mend_ways_back(wrong, documented) == html.format("iron_session", "iron_session.A")
    right = html.format("seals", "iron_session.seals.B")
    assert mend_ways_back(right, documented) == right
    assert mend_ways_back(html.format("seals", "iron_session.seals.C"), documented) == ""
