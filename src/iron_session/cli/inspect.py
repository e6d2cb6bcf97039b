"""`iron-session inspect`: say what a cookie or a seal is, and why it does not open."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from iron_session import _time
from iron_session.cli import terminal
from iron_session.cli.browser import tell_kept
from iron_session.cli.check.findings import NOT_IMPORTED, Finding
from iron_session.cli.check.loading import load_options
from iron_session.cli.diagnosis import OPENS
from iron_session.cli.kinds import recognise
from iron_session.cli.opening import Asked, Spelling, other_spellings
from iron_session.cli.pasted import BARE, Paste, Pasted, read_paste
from iron_session.cli.report import END_IS_MISSING, NO_SEAL, Report, describe
from iron_session.cli.terminal import Line
from iron_session.cli.words import in_quotes
from iron_session.errors import ConfigurationError
from iron_session.seals import Passwords
from iron_session.seals.iron import PREFIX
from iron_session.sessions import SessionOptions

__all__ = ["add_inspect"]

_DESCRIPTION: Final = (
    "Say what a cookie or a seal on standard input is: a Cookie or Set-Cookie line, chunks as "
    "devtools show them, or the bare value. Without a password, nothing of it is verified. With "
    "one, also say which check fails, and what the mark $iron holds."
)
_EXIT_STATUS: Final = (
    "exit status: 0: there is a seal that opens (without a password: it has all parts and has not "
    "expired). 1: there is a seal, and none that opens, or what opens is past the max_lifetime of "
    "the options. 2: the call, standard input or the passwords can't be used. 3: there is no seal. "
    "4: standard output can't be written."
)
_NOTHING: Final = "nothing that has a name and a value"
_COUNTED: Final = "{} texts that are no cookies"
_MOST_NAMES: Final = 20
_EMPTY: Final = Line("", "")


def add_inspect(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` has returned them."""
    parser = commands.add_parser(
        "inspect",
        help="say what a cookie or a seal is, and why it does not open",
        description=_DESCRIPTION,
        epilog=_EXIT_STATUS,
    )
    where = parser.add_mutually_exclusive_group()
    terminal.add_password(where)
    where.add_argument(
        "--options",
        metavar="MODULE:OPTIONS",
        help="SessionOptions of the application, as main:options; imported from this folder: the "
        "passwords, the ttl, max_lifetime and the cookie's name are theirs",
    )
    parser.add_argument(
        "--data", action="store_true", help="show the data too, also that of an expired seal"
    )
    parser.add_argument(
        "--ttl",
        metavar="SECONDS",
        type=terminal.seconds,
        help="the ttl of the session's options, to compute when it was sealed; that of --options",
    )
    terminal.as_command(parser, _run)


def _run(given: argparse.Namespace) -> int:
    options = None if given.options is None else _load(given.options)
    passwords = terminal.find_passwords(given) if options is None else options.passwords
    spellings = _find_spellings(given, passwords) if passwords else []
    ttl_ms = options.ttl_ms if options else None
    if given.ttl is not None:
        ttl_ms = _time.to_milliseconds(given.ttl, "ttl")
    paste = read_paste(terminal.read_text("a cookie or a seal"))
    # The clock is read only now: in a pipe, this command starts before the seal is made.
    asked = Asked(passwords, spellings, ttl_ms, given.data, _time.now_ms(), options)
    known = [one for one in paste.cookies if any(map(_is_known, one.texts)) or one.chunks]
    if not known and len(paste.cookies) == 1:
        known = paste.cookies
    if known:  # what is odd about the text is told with its seal
        known[0].notes[:0] = paste.notes
    reports = [_describe(one, asked) for one in known]
    status = min((report.status for report in reports), default=NO_SEAL)
    return terminal.show(_lines(paste, known, reports), status)


def _load(target: str) -> SessionOptions[Any]:
    found = load_options(target)
    if isinstance(found, Finding):
        where = "" if found.code == NOT_IMPORTED else f"{found.where}: "
        raise ConfigurationError(f"{where}{found.problem} {found.mend}".rstrip("."))
    return found


def _find_spellings(given: argparse.Namespace, passwords: Passwords) -> list[Spelling]:
    """Return how else passwords may be written; only the environment has their texts."""
    with suppress(ConfigurationError):
        if terminal.find_passwords(given) == passwords:
            return other_spellings(terminal.password_texts(given))
    return []


def _is_known(text: str) -> bool:
    return text.startswith(PREFIX) or recognise(text) is not None


def _lines(paste: Paste, known: list[Pasted], reports: list[Report]) -> Iterator[Line]:
    for number, report in enumerate(reports):
        if number:
            yield _EMPTY
        yield from report.lines
    others = _tell_others([one.name for one in paste.cookies if one not in known], paste.strangers)
    if reports and others:
        yield _EMPTY
        yield Line("others", f"not looked at: {others}")
    elif not reports:
        among = f" among {len(paste.cookies)} cookies" if paste.cookies else ""
        yield Line("kind", f"no seal{among}: {others}" if others else _NOTHING, "bad")


def _tell_others(names: list[str], strangers: int) -> str:
    """Name cookies, and count the texts that are none: they may be parts of secrets."""
    told = [in_quotes(name) for name in names[:_MOST_NAMES]]
    if more := len(names) - len(told):
        told.append(f"{more} more")
    if strangers:
        told.append("a text that is no cookie" if strangers == 1 else _COUNTED.format(strangers))
    return ", ".join(told)


def _describe(pasted: Pasted, asked: Asked) -> Report:
    """Describe a cookie: its value, or each of its values if it came more than once."""
    described = [describe(pasted.name, text, asked) for text in pasted.texts]
    best = min(described, key=lambda report: report.status, default=Report([], NO_SEAL))
    others_name = _name_of_another(pasted, asked)
    verdict = best.verdict
    if verdict and others_name is not None:
        verdict = _add_name(verdict, others_name)
    lines = [Line("verdict", verdict, best.mood)] if verdict else []
    if pasted.chunks and best.verdict == END_IS_MISSING:
        pasted.notes.append("if there was one more chunk, paste it too")
    if pasted.name != BARE:
        chunks = f", {pasted.chunks} of its chunks" if pasted.chunks else ""
        lines.append(Line("cookie", f"{in_quotes(pasted.name)}{chunks}"))
    if others_name is not None:
        lines.append(Line("", f"by its options, the application reads {others_name}", "bad"))
    lines += [Line("browser", tell_kept(kept, asked.now)) for kept in pasted.kept]
    lines += [Line("note", note) for note in pasted.notes]
    if not pasted.texts:
        missing = "its first chunk is missing" if pasted.chunks else "the cookie is cleared"
        lines.append(Line("kind", f"no value: {missing}", "bad"))
    for number, report in enumerate(described):
        if number:
            lines.append(_EMPTY)
        lines += report.lines
    return Report(lines, best.status)


def _add_name(verdict: str, others_name: str) -> str:
    """Add to a verdict that the application reads another cookie."""
    told = f"the application reads another cookie: {others_name}"
    return f"it opens, but {told}" if verdict == OPENS else f"{verdict}; besides, {told}"


def _name_of_another(pasted: Pasted, asked: Asked) -> str | None:
    """Return the name of the options' cookie, if this is another one."""
    if asked.options is None or pasted.name in (BARE, asked.options.cookie_name):
        return None
    return in_quotes(asked.options.cookie_name)
