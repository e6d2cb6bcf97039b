"""`iron-session generate-password --rotate`: the passwords of the environment, and a new one."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any, Final

from iron_session.cli.output import complain, put
from iron_session.cli.terminal import named_variable
from iron_session.cli.words import see
from iron_session.errors import ConfigurationError
from iron_session.seals.passwords import Passwords, generate_password, read_environment

__all__ = ["add_rotate"]

_VARIABLE: Final = "SESSION_PASSWORD"
_EPILOG: Final = (
    "exit status: 0; 1 if the passwords in the environment can't be used; 2 if the call is wrong; "
    "4 if standard output can't be written"
)


def add_rotate(parser: argparse.ArgumentParser) -> None:
    """Add `--rotate` to the command `generate-password`, which runs as before without it."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--rotate",
        action="store_true",
        help="print the passwords of the environment with a new one under the next id, as JSON",
    )
    parser.add_argument(
        "--password-env",
        metavar="NAME",
        help=f"with --rotate: the name that is given to Passwords.from_env; {_VARIABLE}",
    )
    once = parser.get_default("run")
    parser.set_defaults(run=lambda given: _run(parser, once, given))


def _run(parser: argparse.ArgumentParser, once: Any, given: argparse.Namespace) -> int:
    if given.rotate:
        try:
            name = named_variable(given.password_env or _VARIABLE, "--password-env")
        except ConfigurationError as error:
            return complain(str(error), 2)
        return _rotate(name)
    if given.password_env:
        parser.error("--password-env needs --rotate")
    status: int = once(given)
    return status


def _rotate(name: str) -> int:
    try:
        present = read_environment(name, os.environ)
        by_id = {"1": present} if isinstance(present, str) else present
        newest = Passwords(by_id).ids[0]
        rotated = {**by_id, str(newest + 1): generate_password()}
        Passwords(rotated)  # the next id may be too high
    except ConfigurationError as error:
        return complain(str(error), 1)
    status = put(json.dumps(rotated))
    return status or complain(_advice(name, newest), 0)


def _advice(name: str, newest: int) -> str:
    """Return what to do with the text that was printed; stderr, so that a shell can take it."""
    new = newest + 1
    if os.environ.get(f"{name}_FILE"):
        put_it = f"write this to the file that {name}_FILE names"
    elif os.environ.get(name):
        put_it = f"set {name} to this"
    else:
        put_it = f"set {name} to this and remove {name}_{newest} and the others"
    return (
        f"{put_it}. Password {new} is new: while servers are replaced one after the other, seal "
        f"with {newest} first (seal_with); {see('how-to/rotation')}"
    )
