"""`iron-session unseal`: a seal on standard input, JSON on standard output."""

from __future__ import annotations

import argparse
from typing import Any, Final

from iron_session import _json
from iron_session.cli import terminal
from iron_session.cli.output import complain, put
from iron_session.cli.pasted import read_paste
from iron_session.errors import UnsealError
from iron_session.seals import unseal_data
from iron_session.seals.iron import PREFIX

__all__ = ["add_unseal"]

_DESCRIPTION: Final = (
    "Open the seal on standard input, bare or as a cookie, and print its data as JSON, without the "
    "mark $iron."
)
_EXIT_STATUS: Final = (
    "exit status: 0: opened. 1: it does not open; one line on standard error names the reason. 2: "
    "the call, standard input or the passwords can't be used. 4: standard output can't be written."
)


def add_unseal(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` has returned them."""
    parser = commands.add_parser(
        "unseal",
        help="open the seal on standard input",
        description=_DESCRIPTION,
        epilog=_EXIT_STATUS,
    )
    terminal.add_password(parser)
    terminal.as_command(parser, _run)


def _run(given: argparse.Namespace) -> int:
    passwords = terminal.require_passwords(given)
    text = terminal.read_text("a seal")
    cookies = read_paste(text).cookies
    seals = [each for one in cookies for each in one.texts if each.startswith(PREFIX)]
    if len(seals) > 1:
        return complain("more than one seal on standard input", terminal.UNUSABLE)
    try:
        data = unseal_data(seals[0] if seals else text, password=passwords)
    except UnsealError as error:
        return complain(f"{error.reason}: {error}", terminal.REFUSED)
    json = _json.encode(data, "data").decode()
    return put(terminal.escape_json(json))
