"""The `iron-session` command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from iron_session.seals import generate_password

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="iron-session", description="Tools for sealed, stateless sessions."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    generate = commands.add_parser(
        "generate-password",
        help="print a random password for SESSION_PASSWORD (256 bits)",
        description="Print a random password for SESSION_PASSWORD (256 bits).",
    )
    generate.set_defaults(run=lambda: print(generate_password()))
    parser.parse_args(arguments).run()
    return 0
