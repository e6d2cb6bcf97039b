"""The options that an application has at `module:attribute`, imported as its server does."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from functools import reduce
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from types import FrameType, ModuleType
from typing import Any, Final

from iron_session.cli.check.findings import Finding, error
from iron_session.cli.check.passwords import sentence
from iron_session.errors import ConfigurationError
from iron_session.sessions import SessionOptions

__all__ = ["LoadError", "load_options"]

_PACKAGE: Final = __name__.partition(".")[0]


class LoadError(Exception):
    """Why there are no options to check, in words for the terminal and without secrets."""


def load_options(target: str) -> SessionOptions[Any] | Finding:
    """Return the options, or what this package refuses in them.

    Raises:
        LoadError: there are none, or the application raised something else.
    """
    module_name, _, attribute = target.partition(":")
    if not _is_dotted(module_name) or not _is_dotted(attribute):
        raise LoadError(f"{target!r} must be MODULE:OPTIONS, as main:options")
    try:
        found = _look_up(_import(module_name), attribute)
    except LoadError:
        raise
    except (Exception, SystemExit) as problem:
        if isinstance(problem, ConfigurationError) and _is_ours(problem):
            return _refused(problem)
        # The message stays out of it: it may hold a password.
        place = _place(problem)
        raise LoadError(f"importing {target} raised {type(problem).__name__} at {place}") from None
    if not isinstance(found, SessionOptions):
        raise LoadError(f"{target} must be SessionOptions, not {type(found).__name__}")
    return found


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _import(name: str) -> ModuleType:
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with redirect_stdout(sys.stderr):  # what the application prints is not the report
            return import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{name}.".startswith(f"{problem.name}."):
            raise  # a module that the application needs
    raise LoadError(f"there is no module {name} here: start this where the server starts")


def _look_up(module: ModuleType, attribute: str) -> object:
    try:
        return reduce(getattr, attribute.split("."), module)
    except AttributeError:
        options = [
            name for name, value in vars(module).items() if isinstance(value, SessionOptions)
        ]
    hint = f": it has {', '.join(options)}" if options else ""
    raise LoadError(f"{module.__name__} has no attribute {attribute}{hint}")


def _refused(problem: ConfigurationError) -> Finding:
    mend = "Change the value there: docs/options.md has all options."
    return error("options-refused", sentence(problem), mend)._replace(where=_place(problem))


def _is_ours(problem: BaseException) -> bool:
    """Return whether this package has raised it, so that its message holds no secret."""
    return _is_of_package([frame for frame, _ in walk_tb(problem.__traceback__)][-1])


def _place(problem: BaseException) -> str:
    """Return the file and line in the application: the last one in the working directory."""
    if isinstance(problem, SyntaxError) and problem.filename is not None:
        return f"{_short(problem.filename)}:{problem.lineno}"
    frames = list(walk_tb(problem.__traceback__))
    own = [one for one in frames if _is_here(_file(one[0])) and not _is_of_package(one[0])]
    frame, line = (own or frames)[-1]
    return f"{_short(_file(frame))}:{line}"


def _is_of_package(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename


def _is_here(file: str) -> bool:
    path = Path(file)
    return path.is_relative_to(Path.cwd()) and "site-packages" not in path.parts


def _short(file: str) -> str:
    return str(Path(file).relative_to(Path.cwd()) if _is_here(file) else file)
