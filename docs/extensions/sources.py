"""The way back from a line of the source to what is written about it.

viewcode takes all names of a source file for names of one module. Ours are offered by several.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_BACK = re.compile(r'(<a class="viewcode-back" href="[^"#]*?([^"#/]+)\.html#)([^"]+)(">.*?</a>)')


def mend_ways_back(html: str, documented: dict[str, str]) -> str:
    """Return HTML whose links lead to names that exist; one without such a name is removed.

    Args:
        html: of a source file.
        documented: by name, the last part of the page that it is on.
    """

    def mend(match: re.Match[str]) -> str:
        start, page, name, end = match.groups()
        if documented.get(name) == page:
            return match[0]
        parts = name.split(".")
        for first in range(1, len(parts)):
            tail = "." + ".".join(parts[first:])
            for each, where in documented.items():
                if where == page and each.endswith(tail):
                    return f"{start}{each}{end}"
        return ""

    return _BACK.sub(mend, html)


def mend(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Mend the page of a source file."""
    if pagename.startswith("_modules/") and "body" in context:
        domain = app.env.domains.python_domain
        documented = {
            name: entry.docname.rpartition("/")[2]
            for name, entry in domain.objects.items()
            if not entry.aliased
        }
        context["body"] = mend_ways_back(context["body"], documented)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect it to the pages."""
    app.connect("html-page-context", mend)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
