"""`iron-session seal`: JSON on standard input, a seal on standard output."""

from __future__ import annotations

import argparse
from typing import Any, Final

from iron_session import _json
from iron_session.cli import terminal
from iron_session.cli.output import complain, put
from iron_session.errors import NotSerializableError
from iron_session.seals import seal_data
from iron_session.seals.sealing import DEFAULT_TTL

__all__ = ["add_seal"]

_DESCRIPTION: Final = (
    "Seal the JSON on standard input, as seal_data does, and print the seal. Whoever has it has "
    "the session."
)
_EXIT_STATUS: Final = (
    "exit status: 0: sealed. 1: standard input is not JSON that can be sealed. 2: the call, "
    "standard input or the passwords can't be used. 4: standard output can't be written."
)


def add_seal(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` has returned them."""
    parser = commands.add_parser(
        "seal",
        help="seal the JSON on standard input",
        description=_DESCRIPTION,
        epilog=_EXIT_STATUS,
    )
    terminal.add_password(parser)
    parser.add_argument(
        "--ttl",
        metavar="SECONDS",
        type=terminal.seconds,
        default=DEFAULT_TTL,
        help=f"the life of the seal; 0 never expires; {DEFAULT_TTL} (14 days)",
    )
    terminal.as_command(parser, _run)


def _run(given: argparse.Namespace) -> int:
    passwords = terminal.require_passwords(given)
    text = terminal.read_text("JSON")
    try:
        data = _json.decode(text.encode())
    except (ValueError, RecursionError):  # its message may hold some of the text
        return complain("standard input is not JSON", terminal.REFUSED)
    try:
        seal = seal_data(data, password=passwords, ttl=given.ttl)
    except NotSerializableError as error:
        return complain(str(error), terminal.REFUSED)
    return put(seal)
