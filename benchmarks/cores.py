"""The two paths of this package: Python alone, and the native core where it is installed."""

import os
from importlib import import_module
from importlib.util import find_spec

PYTHON, NATIVE = "Python", "native core"
MODULE = "iron_session_speedups"
SETTINGS = {PYTHON: "0", NATIVE: "1"}  # with "1", a core that cannot be used is an error


def cores() -> tuple[str, ...]:
    """Return the paths that can be measured here."""
    return (PYTHON, NATIVE) if find_spec(MODULE) else (PYTHON,)


def has_json() -> bool:
    """Return whether there is a native core, and it writes JSON too."""
    return NATIVE in cores() and hasattr(import_module(MODULE), "write_json")


def environment(core: str) -> dict[str, str]:
    """Return the environment of a process that takes this path."""
    return {**os.environ, "IRON_SESSION_SPEEDUPS": SETTINGS[core]}


def label(name: str, core: str) -> str:
    """Return the name under which a path's numbers are kept: Python's is the plain one."""
    return name if core == PYTHON else f"{name}, {core}"
