"""The `iron-session` command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version

from iron_session import _speedups
from iron_session.cli.check import add_check
from iron_session.cli.inspect import add_inspect
from iron_session.cli.output import put
from iron_session.cli.revoke import add_revoke
from iron_session.cli.rotate import add_rotate
from iron_session.cli.seal import add_seal
from iron_session.cli.terminal import Parser
from iron_session.cli.unseal import add_unseal
from iron_session.seals import generate_password

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = Parser(prog="iron-session", description="Tools for sealed, stateless sessions.")
    parser.add_argument(
        "--version",
        action="version",
        version=_version(),
        help="show the version, and whether the native core makes the seals",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    generate = commands.add_parser(
        "generate-password",
        help="print a random password for SESSION_PASSWORD (256 bits)",
        description="Print a random password for SESSION_PASSWORD (256 bits).",
    )
    generate.set_defaults(run=_print_password)
    add_rotate(generate)
    for add in (add_check, add_inspect, add_revoke, add_seal, add_unseal):
        add(commands)
    given = parser.parse_args(arguments)
    status: int = given.run(given)
    return status


def _print_password(_: argparse.Namespace) -> int:
    return put(generate_password())


def _version() -> str:
    core = _speedups.core
    maker = f"iron-session-speedups {core.version}" if core else f"Python: {_speedups.reason}"
    return f"iron-session {version('iron-session')} (seals are made by {maker})"
