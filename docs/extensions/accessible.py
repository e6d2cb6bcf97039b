"""What the theme's HTML lacks for those who use a keyboard or a screen reader (WCAG 2.2)."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_SCROLLS = re.compile(r'<(pre|div class="table-wrapper[^"]*")>')

_SIGNATURE = re.compile(r'<dt class="sig .*?</dt>', re.DOTALL)


def name_level(html: str) -> str:
    """Return HTML in which the caption of each list of pages says of which rank it is."""
    return html.replace(
        'class="caption" role="heading">', 'class="caption" role="heading" aria-level="2">'
    )


def let_focus(html: str) -> str:
    """Return HTML in which code and tables, which scroll if they are wide, can have the focus."""
    return _SCROLLS.sub(r'<\1 tabindex="0">', html)


def flatten_signatures(html: str) -> str:
    """Return HTML in which the lines of a signature are no list of definitions inside a term."""

    def flatten(match: re.Match[str]) -> str:
        text = re.sub(r"<dl>|</dl>", "", match[0])
        text = re.sub(r"<dd>", '<span class="sig-line">', text)
        return text.replace("</dd>", "</span>")

    return _SIGNATURE.sub(flatten, html)


def mend(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Mend both parts of a page that have such places."""
    for part in ("body", "furo_navigation_tree"):
        if part in context:
            context[part] = flatten_signatures(let_focus(name_level(context[part])))


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect it after the theme, which makes the list of pages at the same event."""
    app.connect("html-page-context", mend, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
