"""Links that lead out of docs/: on GitHub they lead to a file, on the site to its page.

A file without a page is offered as a download; of a folder only the name is left.
"""

import re
from os.path import relpath
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

PAGES = {
    "README.md": "docs/index.md",
    "docs/README.md": "docs/index.md",
    "CHANGELOG.md": "docs/project/changelog.md",
    "CONTRIBUTING.md": "docs/project/contributing.md",
    "RELEASING.md": "docs/project/releasing.md",
    "SECURITY.md": "docs/project/security.md",
    "examples/README.md": "docs/project/examples.md",
}
"""By file outside of the site: the page that shows it."""

_CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[((?:[^\[\]`]|`[^`]*`)+)\]\(([^)\s]+)\)")


def rewrite(text: str, written: Path, shown: Path, root: Path) -> str:
    """Return a page's text with links that lead to the right places on the site.

    Args:
        text: the page's, in Markdown.
        written: the file that the text is from, from the root.
        shown: the page of the site that shows it, from the root.
        root: the project's folder.
    """

    def mend(match: re.Match[str]) -> str:
        label, link = match.groups()
        if re.match(r"[a-z]+:|#", link):
            return match[0]
        path, _, anchor = link.partition("#")
        target = (root / written).parent.joinpath(path).resolve()
        if target.is_dir():
            return label
        inside = target.relative_to(root).as_posix()
        page = PAGES.get(inside, inside)
        mended = relpath(page, shown.parent).replace("\\", "/")
        return f"[{label}]({mended}#{anchor})" if anchor else f"[{label}]({mended})"

    parts = _CODE.split(text)
    parts[::2] = [_LINK.sub(mend, part) for part in parts[::2]]
    return "".join(parts)


def mend_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Mend the links of a page."""
    page = Path("docs", f"{docname}.md")
    source[0] = rewrite(source[0], page, page, app.srcdir.parent)


def mend_included(app: Sphinx, path: Path, docname: str, source: list[str]) -> None:
    """Mend the links of a file that a page includes."""
    root = app.srcdir.parent
    written = (app.srcdir / path).resolve().relative_to(root)
    # MyST leaves the folder out of the `docname` that it passes.
    shown = Path("docs", f"{app.env.current_document.docname}.md")
    source[0] = rewrite(source[0], written, shown, root)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect both to what Sphinx reads."""
    app.connect("source-read", mend_page)
    app.connect("include-read", mend_included)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
