"""Follows the tutorial: writes its files into an empty folder, and runs its commands there."""

import ast
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import distribution, entry_points, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.examples.servers import clean_environment
from tests.helpers.pages import blocks, choose_tabs, read_page

PAGE = read_page("docs/tutorial/first-session.md")
PORT = "8000"

# Python runs this before anything else. What the page does not have the reader install is missing.
WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    names = {names!r}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in cls.names else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""


@dataclass(frozen=True)
class Newcomer:
    """Somebody who reads the page with the tabs of one framework.

    Attributes:
        framework: the name of its tabs.
        folder: where the files are.
        password: what the page's command has made.
    """

    framework: str
    folder: Path
    password: str

    @cached_property
    def page(self) -> str:
        """What the reader sees."""
        return choose_tabs(PAGE, self.framework)

    @cached_property
    def files(self) -> dict[str, str]:
        """The text of each file: its blocks name it in their first line, and stand in order."""
        parts: dict[str, list[str]] = {}
        for block in blocks("python", self.page):
            head = re.match(r"# (\w+\.py)(?:, part (\d): .+)?\n", block)
            if head is None:  # it is written in the place of a part
                continue
            name, number = head.groups()
            assert number in (None, str(len(parts.get(name, ())) + 1)), block
            parts.setdefault(name, []).append(block)
        return {name: "\n\n".join(found) for name, found in parts.items()}

    @cached_property
    def commands(self) -> list[str]:
        """All lines that are typed into a terminal."""
        return "".join(blocks("sh", self.page)).splitlines()

    def command(self, beginning: str) -> str:
        """Return the only command that begins so."""
        (found,) = (line for line in self.commands if line.startswith(beginning))
        return found

    @property
    def run_command(self) -> str:
        """What starts the server: the only command of its section."""
        section = self.page.partition("\n## 4. ")[2].partition("\n## ")[0]
        (found,) = blocks("sh", section)
        return found.strip()

    def write_files(self, port: int) -> None:
        """Write them, with another port than the page's."""
        for name, text in self.files.items():
            (self.folder / name).write_text(text.replace(PORT, str(port)), encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """What the programs of the page are started with, where only its packages are installed."""
        hidden = self.folder / "hidden"
        hidden.mkdir(exist_ok=True)
        (hidden / "sitecustomize.py").write_text(WITHOUT.format(names=self.missing), "utf-8")
        inherited = clean_environment()
        path = [str(hidden), *filter(None, [inherited.get("PYTHONPATH")])]
        return inherited | {
            "PYTHONPATH": ":".join(path),
            "SESSION_PASSWORD": self.password,
            "HOME": str(self.folder),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # those of packages that are not there
        }

    # --- what is installed ---------------------------------------------------------------

    @cached_property
    def installed(self) -> set[str]:
        """The packages that the page names."""
        lines = [shlex.split(line) for line in self.commands if line.startswith("pip install ")]
        return {canonicalize_name(name) for line in lines for name in line[2:]}

    @property
    def missing(self) -> set[str]:
        """Top-level modules that neither these packages bring, nor what they require."""
        there = {name for package in self.installed for name in closure(package)}
        return {
            module for module, packages in modules().items() if not packages.intersection(there)
        }

    @property
    def needed(self) -> set[frozenset[str]]:
        """Of each module that the files import, and of each program: whose packages bring it."""
        imported = {name for text in self.files.values() for name in imports(text)}
        own = {Path(name).stem for name in self.files}
        from_modules = {
            frozenset(modules()[name]) for name in imported - own - sys.stdlib_module_names
        }
        program = self.run_command.split()[0]
        return from_modules | ({frozenset(owners(program))} if program != "python" else set())


@cache
def modules() -> dict[str, set[str]]:
    """Return the packages that bring each top-level module of this environment."""
    found: dict[str, set[str]] = {
        module: {canonicalize_name(package) for package in packages}
        for module, packages in packages_distributions().items()
    }
    # An editable install does not list it.
    return found | {"iron_session": {"iron-session"}}


def imports(text: str) -> Iterator[str]:
    """Yield the top-level modules that a file imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]
        elif isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)


def owners(program: str) -> set[str]:
    """Return the packages that bring a program."""
    found = entry_points(group="console_scripts", name=program)
    return {canonicalize_name(each.dist.name) for each in found if each.dist is not None}


def closure(package: str) -> set[str]:
    """Return a package and all that it requires, as pip would install it here."""
    found: set[str] = set()
    wanted = [Requirement(package)]
    while wanted:
        one = wanted.pop()
        name = canonicalize_name(one.name)
        known = f"{name}{sorted(one.extras)}"
        if known in found:
            continue
        found |= {name, known}
        for text in distribution(name).requires or ():
            inner = Requirement(text)
            if any(
                inner.marker is None or inner.marker.evaluate({"extra": extra})
                for extra in ("", *one.extras)
            ):
                wanted.append(inner)
    return found
