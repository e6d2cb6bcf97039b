"""`iron-session inspect`: say what a cookie or a seal is, and why it does not open."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, Final

from iron_session import _time
from iron_session.cli import terminal
from iron_session.cli.kinds import recognise
from iron_session.cli.pasted import BARE, Pasted, read_paste
from iron_session.cli.report import NO_SEAL, Asked, Report, describe
from iron_session.cli.terminal import Line
from iron_session.cli.words import in_quotes
from iron_session.seals.iron import PREFIX

__all__ = ["add_inspect"]

_DESCRIPTION: Final = (
    "Say what a cookie or a seal on standard input is: a Cookie or Set-Cookie line, chunks as "
    "devtools show them, or the bare value. Without a password, nothing of it is verified. With "
    "one, also say which check fails, and what the mark $iron holds."
)
_EXIT_STATUS: Final = (
    "exit status: 0: there is a seal that opens (without a password: it has all parts and has not "
    "expired). 1: there is a seal, and none that opens. 2: the call, standard input or the "
    "passwords can't be used. 3: there is no seal. 4: standard output can't be written."
)
_EMPTY: Final = Line("", "")


def add_inspect(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` has returned them."""
    parser = commands.add_parser(
        "inspect",
        help="say what a cookie or a seal is, and why it does not open",
        description=_DESCRIPTION,
        epilog=_EXIT_STATUS,
        allow_abbrev=False,
    )
    terminal.add_password(parser)
    parser.add_argument(
        "--data", action="store_true", help="show the data too, also that of an expired seal"
    )
    parser.add_argument(
        "--ttl",
        metavar="SECONDS",
        type=terminal.seconds,
        help="the ttl of the session's options, to compute when it was sealed",
    )
    terminal.as_command(parser, _run)


def _run(given: argparse.Namespace) -> int:
    passwords = terminal.find_passwords(given)
    ttl_ms = None if given.ttl is None else _time.to_milliseconds(given.ttl, "ttl")
    found = read_paste(terminal.read_text("a cookie or a seal"))
    # The clock is read only now: in a pipe, this command starts before the seal is made.
    asked = Asked(passwords, ttl_ms, given.data, _time.now_ms())
    known = [one for one in found if any(map(_is_known, one.texts)) or one.chunks]
    reports = [_describe(one, asked) for one in known or found]
    others = [one.name for one in found if known and one not in known]
    status = min((report.status for report in reports), default=NO_SEAL)
    return terminal.show(_lines(reports, others), status)


def _is_known(text: str) -> bool:
    return text.startswith(PREFIX) or recognise(text) is not None


def _lines(reports: list[Report], others: list[str]) -> Iterator[Line]:
    for number, report in enumerate(reports):
        if number:
            yield _EMPTY
        yield from report.lines
    if others:
        yield _EMPTY
        yield Line("others", f"not looked at: {', '.join(map(in_quotes, others))}")
    if not reports:
        yield Line("kind", "nothing that has a name and a value", "bad")


def _describe(pasted: Pasted, asked: Asked) -> Report:
    """Describe a cookie: its value, or each of its values if it came more than once."""
    lines: list[Line] = []
    if pasted.name != BARE:
        chunks = f", {pasted.chunks} of its chunks" if pasted.chunks else ""
        lines.append(Line("cookie", f"{in_quotes(pasted.name)}{chunks}"))
    lines += [Line("note", note) for note in pasted.notes]
    if not pasted.texts:
        missing = "its first chunk is missing" if pasted.chunks else "the cookie is cleared"
        lines.append(Line("kind", f"no value: {missing}", "bad"))
    described = [describe(pasted.name, text, asked) for text in pasted.texts]
    for number, report in enumerate(described):
        if number:
            lines.append(_EMPTY)
        lines += report.lines
    return Report(lines, min((report.status for report in described), default=NO_SEAL))
