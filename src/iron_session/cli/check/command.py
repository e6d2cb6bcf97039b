"""The arguments of `iron-session check`, and what is checked in which order."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations
from typing import Any, Final, TypeAlias

from iron_session import _speedups
from iron_session.cli.check.findings import (
    NOT_IMPORTED,
    Finding,
    as_json,
    as_text,
    error,
    note,
    warning,
)
from iron_session.cli.check.loading import load_options
from iron_session.cli.check.options import check_options, reach_store
from iron_session.cli.check.passwords import Found, check_environment, check_made, is_set
from iron_session.cli.output import complain, put, shows_colour
from iron_session.cli.terminal import UNUSABLE, as_command, named_variable
from iron_session.sessions import SessionOptions

__all__ = ["add_check"]

_VARIABLE: Final = "SESSION_PASSWORD"
_SEAL_WITH: Final = "SEAL_WITH"
_DESCRIPTION: Final = (
    "Check the passwords in the environment, and the options of an application, before a "
    "deployment. No password is ever printed."
)
_STATUS: Final = (
    "exit status: 0 if there is no error, whatever the warnings; 1 if there are errors; 2 if the "
    "call is wrong, or the options can't be imported; 4 if standard output can't be written"
)

_Loaded: TypeAlias = Mapping[str, SessionOptions[Any]]


def add_check(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` has returned them."""
    parser = commands.add_parser(
        "check",
        help="say what is wrong or risky before a deployment",
        description=_DESCRIPTION,
        epilog=_STATUS,
    )
    _add_arguments(parser)
    as_command(parser, _run)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "options",
        nargs="*",
        metavar="MODULE:OPTIONS",
        help="SessionOptions of the application, as main:options; imported from this folder",
    )
    parser.add_argument(
        "--password-env",
        metavar="NAME",
        help=f"the name that the application gives to Passwords.from_env; {_VARIABLE}",
    )
    parser.add_argument(
        "--seal-with-env",
        metavar="NAME",
        default=_SEAL_WITH,
        help=f"the variable with the id that seals, if there is one; {_SEAL_WITH}",
    )
    parser.add_argument(
        "--reach-stores",
        action="store_true",
        help="also connect to the stores of the options' revocations",
    )
    parser.add_argument(
        "--core", action="store_true", help="also say whether the native core makes the seals"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list of objects")


def _run(given: argparse.Namespace) -> int:
    named_variable(given.password_env or _VARIABLE, "--password-env")
    named_variable(given.seal_with_env, "--seal-with-env")
    with _quiet():
        findings = _check(given)
    missing = [each for each in findings if each.code == NOT_IMPORTED]
    errors = any(each.level == "error" for each in findings)
    text = as_json(findings) if given.json else as_text(findings, colour=shows_colour(sys.stdout))
    status = put(text, UNUSABLE if missing else 1 if errors else 0)
    if given.json:  # which nobody reads
        for each in missing:
            complain(each.problem, status)
    return status


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the package's own warnings out of the terminal: the report says the same."""
    logger = logging.getLogger("iron_session")
    logger.addFilter(_drop)  # it stays when the application sets its logging up
    try:
        yield
    finally:
        logger.removeFilter(_drop)


def _drop(_: logging.LogRecord) -> bool:
    return False


def _check(given: argparse.Namespace) -> list[Finding]:
    loaded, refused = _load(given.options)
    environment = _check_environment(given, loaded)
    told = {each.problem for each in environment.findings}
    # Options that read the environment at import refuse what was found in it.
    findings = environment.findings + [
        each for each in dict.fromkeys(refused) if each.problem not in told
    ]
    for target, options in loaded.items():
        found = _check_one(given, options, environment)
        findings += [each._replace(where=target) for each in found]
    core = [_core()] if given.core else []
    return [*findings, *_check_pairs(loaded), *core]


def _load(targets: Sequence[str]) -> tuple[dict[str, SessionOptions[Any]], list[Finding]]:
    """Return the options, and the findings for those that there are not."""
    loaded: dict[str, SessionOptions[Any]] = {}
    refused: list[Finding] = []
    for target in dict.fromkeys(targets):
        options = load_options(target)
        if isinstance(options, Finding):
            refused.append(options)
        else:
            loaded[target] = options
    return loaded, refused


def _check_environment(given: argparse.Namespace, loaded: _Loaded) -> Found:
    name = given.password_env or _VARIABLE
    if given.password_env is None and loaded and not is_set(name):
        elsewhere = note(
            "password-elsewhere",
            f"{name} is not set, so the options have their password from somewhere else.",
            "Name its variable with --password-env, and never write a password into the code.",
        )
        return Found(None, [elsewhere._replace(where=name)])
    return check_environment(name, given.seal_with_env)


def _check_one(
    given: argparse.Namespace, options: SessionOptions[Any], environment: Found
) -> Iterator[Finding]:
    known = environment.passwords
    if options.passwords != known:
        yield from check_made(options.passwords)
    if known is not None and not options.passwords.shares_one_with(known):
        yield warning(
            "password-differs",
            "The options have none of the passwords that the environment has for "
            f"{given.password_env or _VARIABLE}.",
            "Name the variable that they read with --password-env.",
        )
    yield from check_options(options)
    if given.reach_stores:
        yield from reach_store(options)


def _check_pairs(loaded: _Loaded) -> Iterator[Finding]:
    """Check options against each other: two sessions of one application."""
    for (one, left), (other, right) in combinations(loaded.items(), 2):
        if left is not right:
            for each in _check_pair(left, right):
                yield each._replace(where=f"{one}, {other}")


def _check_pair(left: SessionOptions[Any], right: SessionOptions[Any]) -> Iterator[Finding]:
    if left.cookie_name == right.cookie_name and left.cookie.scope == right.cookie.scope:
        yield error(
            "cookie-name-shared",
            f"Both have the cookie name {left.cookie_name!r}, so one overwrites the other.",
            "Give each its own cookie_name.",
        )
    elif left.passwords.shares_one_with(right.passwords):
        yield warning(
            "password-shared",
            "Both have the same password, so a visitor can send the cookie of one as the other's.",
            "Give each its own password, or tell the sessions apart by their data.",
        )


def _core() -> Finding:
    if _speedups.core is not None:
        found = note(
            "core-at-work",
            f"The native core makes the seals: iron-session-speedups {_speedups.core.version}.",
            "There is nothing to do.",
        )
    else:
        found = note(
            "core-not-at-work",
            f"The seals are made in Python: {_speedups.reason}.",
            'For more speed, pip install "iron-session[speedups]".',
        )
    return found._replace(where="iron_session")
