"""The integrations that the page "Write your own integration" shows, run from the page itself."""

import linecache
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).parents[2] / "docs" / "frameworks" / "write-your-own.md"
_BLOCK = re.compile(
    r"^```python\n(?P<code># (?P<name>\w+)\.py\n.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Written:
    """A block of code that the page shows as a file.

    Attributes:
        name: the module's, from the block's first line.
        code: all of it.
        line: where on the page its first line is, from 0.
    """

    name: str
    code: str
    line: int


def blocks() -> dict[str, Written]:
    """Return the page's files by their module's name."""
    text = PAGE.read_text(encoding="utf-8")
    found = [
        Written(match["name"], match["code"], text[: match.start("code")].count("\n"))
        for match in _BLOCK.finditer(text)
    ]
    return {one.name: one for one in found}


def load(name: str) -> ModuleType:
    """Return a file of the page as a module, as it is once somebody has copied it.

    It is importable by its name then, as Pyramid asks for; its tracebacks show the page.
    """
    if name not in sys.modules:
        block = blocks()[name]
        module = ModuleType(name)
        module.__file__ = str(PAGE)
        code = compile("\n" * block.line + block.code, PAGE, "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - the page is ours
        linecache.checkcache(str(PAGE))
        sys.modules[name] = module
    return sys.modules[name]
