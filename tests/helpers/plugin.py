"""The pytest plugin, as pip installs it: by the entry point that pyproject.toml declares."""

import ast
import tomllib
from pathlib import Path

from tests.helpers.pages import ROOT


def entry_points() -> dict[str, str]:
    """Return the plugins that pyproject.toml declares, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: dict[str, str] = project["entry-points"]["pytest11"]
    return found


def write_entry_point(folder: Path) -> Path:
    """Write what pip would write about the plugin, into a folder to be put on a Python's path.

    An environment in which the package is installed finds the plugin already, and takes it once.
    """
    about = folder / "iron_session_as_installed-0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: iron-session-as-installed\nVersion: 0\n", "utf-8"
    )
    lines = ["[pytest11]", *(f"{name} = {module}" for name, module in entry_points().items())]
    # By this list pytest knows the modules that came with a plugin.
    files = ["_iron_session_pytest.py", "iron_session/__init__.py"]
    (about / "RECORD").write_text("".join(f"{file},,\n" for file in files), encoding="utf-8")
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def fixtures() -> set[str]:
    """Return the names of the plugin's fixtures."""
    tree = ast.parse((ROOT / "src" / "_iron_session_pytest.py").read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("pytest.fixture" in ast.unparse(each) for each in node.decorator_list)
    }
