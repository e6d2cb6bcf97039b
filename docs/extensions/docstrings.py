"""Docstrings as this project writes them.

What stands in `backticks` is code; if it is a name that the site documents, it is a link as well.
In a module's docstring, a paragraph that is not a sentence is code, too.
"""

import re
from typing import Any, Final

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util.nodes import make_refnode

_PROSE: Final = re.compile(r".*(?<!\.\.)[.:]", re.DOTALL)  # code may end with an ellipsis


class CodeOrName(XRefRole):
    """Text that may be a name."""

    def process_link(
        self,
        env: BuildEnvironment,
        refnode: nodes.Element,
        has_explicit_title: bool,
        title: str,
        target: str,
    ) -> tuple[str, str]:
        """Look the name up where the docstring is: in its class, then in its module."""
        refnode["refdomain"], refnode["reftype"] = "py", "obj"
        refnode["py:module"] = env.ref_context.get("py:module")
        refnode["py:class"] = env.ref_context.get("py:class")
        refnode["may_be_code"] = True
        return title, target.removesuffix("()")


def find_name(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, contnode: nodes.Element
) -> nodes.Element | None:
    """Return a link to a type that a signature names as the source does, without its module.

    Text that may be a name is returned as it is, if it is none.
    """
    domain = env.domains.python_domain
    if node.get("reftype") == "class" and (place := public_place(node["reftarget"], domain)):
        document = domain.objects[place].docname
        return make_refnode(app.builder, node["refdoc"], document, place, contnode, place)
    return contnode if node.get("may_be_code") else None


def public_place(name: str, domain: PythonDomain) -> str | None:
    """Return the shortest documented name of a module's attribute that ends like this one."""
    last = name.rpartition(".")[2]
    found = [
        each
        for each, entry in domain.objects.items()
        if each.endswith(f".{last}") and entry.objtype in {"class", "data", "exception", "type"}
    ]
    return min(found, key=len, default=None)


def prepare(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Change a docstring into what napoleon and reStructuredText take it for."""
    if what == "module":
        lines[:] = mark_code(lines)
    elif what in {"attribute", "data", "property"}:
        lines[:0] = ["..", ""]  # else napoleon takes what is before a colon for a type


def leave_out_arguments(
    app: Sphinx, what: str, name: str, obj: object, options: object, *signature: str | None
) -> tuple[str, str] | None:
    """Return no arguments for a protocol, which nobody calls."""
    return ("", "") if what == "class" and getattr(obj, "_is_protocol", False) else None


def mark_code(lines: list[str]) -> list[str]:
    """Return a module's docstring with its code, which no sentence is, marked and indented."""
    marked: list[str] = []
    for paragraph in re.split(r"\n{2,}", "\n".join(lines).strip()):
        if _PROSE.fullmatch(paragraph):
            marked += [*paragraph.splitlines(), ""]
        else:
            marked += ["::", "", *(f"    {line}" for line in paragraph.splitlines()), ""]
    return marked


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the role, come before napoleon, and look for names after all other extensions."""
    app.add_role("code-or-name", CodeOrName())
    app.connect("autodoc-process-docstring", prepare, priority=400)
    app.connect("autodoc-process-signature", leave_out_arguments)
    app.connect("missing-reference", find_name, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
