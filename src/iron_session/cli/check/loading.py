"""The options that an application has at `module:attribute`, imported as its server does."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import reduce
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from types import FrameType, ModuleType
from typing import Any, Final

from iron_session.cli.check.findings import NOT_IMPORTED, Finding, error
from iron_session.cli.check.passwords import sentence
from iron_session.cli.words import see
from iron_session.errors import ConfigurationError
from iron_session.seals.iron import MIN_PASSWORD_LENGTH
from iron_session.seals.passwords import read_environment
from iron_session.sessions import SessionOptions

__all__ = ["load_options"]

_PACKAGE: Final = __name__.partition(".")[0]


_DJANGOS: Final = "IRON_SESSION"
_MEND: Final = "Mend it, and run this again, where the server starts."


class _LoadError(Exception):
    """Why there are no options to check, in words for the terminal and without secrets.

    Args:
        problem: what is wrong.
        mend: a sentence: what to do.
    """

    def __init__(self, problem: str, mend: str = _MEND) -> None:
        super().__init__(problem)
        self.mend = mend


def load_options(target: str) -> SessionOptions[Any] | Finding:
    """Return the options; or why there are none, or what this package refuses in them."""
    try:
        return _load(target)
    except _LoadError as problem:
        return _not_imported(target, problem)


def _load(target: str) -> SessionOptions[Any] | Finding:
    module_name, _, attribute = target.partition(":")
    if not _has_form(target) or module_name.endswith(".py"):
        told = "an argument" if _may_be_secret(target) else repr(target)
        raise _LoadError(f"{told} must be MODULE:OPTIONS, as main:options", _hint(target))
    try:
        module = _import(module_name)
        found = _look_up(module, attribute)
        if attribute == _DJANGOS and _is_of_django(module, found):
            return _of_django(target, module_name, found)
    except _LoadError:
        raise
    except ModuleNotFoundError as problem:
        raise _missing(target, problem) from None
    except (Exception, SystemExit) as problem:
        if isinstance(problem, ConfigurationError) and _is_ours(problem):
            return _refused(problem)
        # The message stays out of it: it may hold a password.
        place = _place(problem)
        raise _LoadError(f"importing {target} raised {type(problem).__name__} at {place}") from None
    if not isinstance(found, SessionOptions):
        raise _other(target, found)
    return found


def _is_of_django(module: ModuleType, found: object) -> bool:
    """Return whether this is Django's setting; any module may have given options this name."""
    if isinstance(found, SessionOptions):
        return hasattr(module, "INSTALLED_APPS") or hasattr(module, "ROOT_URLCONF")
    return isinstance(found, Mapping)


def _of_django(target: str, module_name: str, given: object) -> SessionOptions[Any] | Finding:
    """Return what Django's setting means beside the others of its module."""
    os.environ["DJANGO_SETTINGS_MODULE"] = module_name
    from iron_session.integrations.django.settings import (  # noqa: PLC0415 - needs Django
        module_in_use,
        options_of,
    )

    other = module_in_use()
    if other not in (None, module_name):
        raise _LoadError(
            f"{target} can't be read beside {other}: Django has one module of settings in a "
            "process",
            "Check each in a call of its own.",
        )
    try:
        return options_of(given)
    except ConfigurationError as problem:
        return error("options-refused", sentence(problem), _OF_OPTIONS)._replace(where=target)


def _missing(target: str, problem: ModuleNotFoundError) -> _LoadError:
    place, name = _place(problem), problem.name or ""
    if not _is_dotted(name):
        return _LoadError(f"importing {target} raised ModuleNotFoundError at {place}")
    return _LoadError(
        f"importing {target} needs the module {name}, at {place}, and this Python does not have it",
        "Run this with the Python of the application: is its virtual environment active?",
    )


def _other(target: str, found: object) -> _LoadError:
    problem = f"{target} must be SessionOptions, not {type(found).__name__}"
    if isinstance(found, dict):
        return _LoadError(
            problem,
            f"Django's setting is named {_DJANGOS}; any other dict: SessionOptions(**it).",
        )
    if callable(found) and not isinstance(found, type):
        return _LoadError(
            problem, "Assign what it returns to a variable of the module, and name that."
        )
    return _LoadError(problem)


def _hint(target: str) -> str:
    """Return what to write instead, if a target is the path of a file."""
    path, _, attribute = target.partition(":")
    module_name = re.sub(r"^\./|\.py$", "", path).replace("/", ".")
    if path == module_name or not _is_dotted(module_name):
        return _MEND
    meant = f"{module_name}:{attribute if _is_dotted(attribute) else 'options'}"
    return _MEND if _may_be_secret(target) else f"Write {meant}: the module, without .py."


def _not_imported(target: str, problem: _LoadError) -> Finding:
    where = "an argument" if _may_be_secret(target) else target
    return error(NOT_IMPORTED, sentence(problem), problem.mend)._replace(where=where)


def _may_be_secret(target: str) -> bool:
    """Return whether a target may be a password that was given in the wrong place."""
    return len(target) >= MIN_PASSWORD_LENGTH and not _has_form(target)


def _has_form(target: str) -> bool:
    module_name, _, attribute = target.partition(":")
    return _is_dotted(module_name) and _is_dotted(attribute)


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _import(name: str) -> ModuleType:
    try:
        folder = str(Path.cwd())
    except OSError:
        raise _LoadError("the folder that this runs in is gone, or may not be read") from None
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with redirect_stdout(sys.stderr):  # what the application prints is not the report
            return import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{name}.".startswith(f"{problem.name}."):
            raise  # a module that the application needs
    raise _LoadError(f"there is no module {name} here: start this where the server starts")


def _look_up(module: ModuleType, attribute: str) -> object:
    try:
        return reduce(getattr, attribute.split("."), module)
    except AttributeError:
        options = [
            name for name, value in vars(module).items() if isinstance(value, SessionOptions)
        ]
    hint = f": it has {', '.join(options)}" if options else ""
    raise _LoadError(f"{module.__name__} has no attribute {attribute}{hint}")


def _refused(problem: ConfigurationError) -> Finding:
    where = _place(problem)
    if _is_not_set(problem):
        mend = "Set it as the server will have it, and name it with --password-env."
        return error("password-missing", sentence(problem), mend)._replace(where=where)
    mend = _OF_OPTIONS if _is_of_options(problem) else _OF_ANOTHER
    return error("options-refused", sentence(problem), mend)._replace(where=where)


_OF_OPTIONS: Final = (
    f"Change the value there; for all options, {see('reference/options')}. SessionOptions stops at "
    "the first mistake: run the check again after mending it."
)
# As a store whose folder is not there: the value may be right, and its message has the mend.
_OF_ANOTHER: Final = "Mend that, and run the check again: it stopped there."


def _is_of_options(problem: ConfigurationError) -> bool:
    """Return whether `SessionOptions` has raised it, and not what is made for it before."""
    names = {frame.f_globals.get("__name__") for frame, _ in walk_tb(problem.__traceback__)}
    return SessionOptions.__module__ in names


def _is_not_set(problem: ConfigurationError) -> bool:
    """Return whether `from_env` has found nothing under its name."""
    last = [frame for frame, _ in walk_tb(problem.__traceback__)][-1]
    return last.f_code is read_environment.__code__ and " is not set: " in str(problem)


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
