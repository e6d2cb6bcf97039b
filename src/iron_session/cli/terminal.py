"""What the commands take on standard input and from the environment, and how reports look."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from typing import Any, Final, Literal, NamedTuple, NoReturn, TypeAlias

from iron_session.cli.output import complain, encoding_of, put, say, shows_colour, visible
from iron_session.errors import ConfigurationError
from iron_session.seals import Passwords
from iron_session.seals.passwords import are_in_environment

__all__ = [
    "GOOD",
    "MOST_BYTES",
    "PASSWORD_VARIABLE",
    "REFUSED",
    "UNUSABLE",
    "Line",
    "Mood",
    "add_password",
    "as_command",
    "escape_json",
    "find_passwords",
    "json_lines",
    "read_text",
    "require_passwords",
    "seconds",
    "show",
]

Run: TypeAlias = "Callable[[argparse.Namespace], int]"

GOOD: Final = 0
REFUSED: Final = 1
UNUSABLE: Final = 2  # argparse's own, for a wrong call

PASSWORD_VARIABLE: Final = "SESSION_PASSWORD"  # noqa: S105 - the name of a variable
_VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_BYTES: Final = 1_000_000
_ON_ARGUMENTS: Final = (
    "there is an argument that is not known; give seals and data on standard input, and passwords "
    "in the environment, never as arguments: other users of the machine can see arguments"
)


class _UnusableError(Exception):
    """What was given on standard input can't be used; the message says why."""


def as_command(parser: argparse.ArgumentParser, run: Run) -> None:
    """Set what a parser's command runs: the exit status says what went wrong, no traceback does."""
    _refuse_arguments(parser)

    @wraps(run)
    def guarded(given: argparse.Namespace) -> int:
        try:
            return run(given)
        except (_UnusableError, ConfigurationError) as error:
            return complain(str(error), UNUSABLE)
        except KeyboardInterrupt:
            return complain("interrupted", 130)  # as shells count: 128 and the signal's number

    parser.set_defaults(run=guarded)


def _refuse_arguments(parser: argparse.ArgumentParser) -> None:
    """Refuse arguments that the parser does not know, before argparse prints what may be secret."""
    parse = parser.parse_known_args

    def parse_all(*arguments: Any) -> Any:
        known, unknown = parse(*arguments)
        if unknown:
            parser.error(_ON_ARGUMENTS)
        return known, unknown

    # The parser of all commands makes its own error of what a command's parser returns as unknown.
    vars(parser)["parse_known_args"] = parse_all


def seconds(text: str) -> float:
    """Return an option's seconds; argparse's own error would repeat the text."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("not a number of seconds") from None


# --- the passwords -------------------------------------------------------------------------------


def add_password(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the passwords' environment variable."""
    parser.add_argument(
        "--password-env",
        metavar="NAME",
        help="the environment variable that holds the password or passwords, as "
        "Passwords.from_env reads it (also NAME_FILE, or NAME_1, NAME_2 and so on); "
        f"{PASSWORD_VARIABLE}",
    )


def find_passwords(given: argparse.Namespace) -> Passwords | None:
    """Return the passwords; None if nobody has named them and the usual variable is not set.

    Raises:
        ConfigurationError: those that were named are not set, or they can't be used.
    """
    if given.password_env is None and not are_in_environment(PASSWORD_VARIABLE):
        return None
    return require_passwords(given)


def require_passwords(given: argparse.Namespace) -> Passwords:
    """Return the passwords.

    Raises:
        ConfigurationError: they are not set, or can't be used.
    """
    name = given.password_env
    if name is None:
        name, told = PASSWORD_VARIABLE, PASSWORD_VARIABLE
    else:  # not repeated in messages: the password itself may have been given in its place
        told = "the variable that --password-env names"
    if not _VARIABLE_NAME.fullmatch(name):
        raise ConfigurationError("--password-env takes the name of an environment variable")
    if not are_in_environment(name):
        raise ConfigurationError(f"{told} is not set")
    return Passwords.from_env(name)


# --- standard input ------------------------------------------------------------------------------


def _read_bytes(what: str) -> bytes:
    """Read standard input to its end; `what` says what is expected there."""
    if sys.stdin is None:
        _refuse(f"standard input is closed: give {what} there")
    if sys.stdin.isatty():
        say(f"Paste {what}, then press Enter and Ctrl-D (Windows: Ctrl-Z):")
    try:
        raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    except OSError as error:
        _refuse(f"standard input can't be read ({type(error).__name__})")
    if len(raw) > MOST_BYTES:
        _refuse(f"standard input has more than {MOST_BYTES:,} bytes")
    if not raw.strip():
        _refuse(f"nothing on standard input: give {what} there")
    return raw


def read_text(what: str) -> str:
    """Read standard input as text, without the white space around it."""
    with suppress(UnicodeDecodeError):
        return _read_bytes(what).decode("utf-8-sig").strip()
    _refuse("standard input is not text in UTF-8")


def _refuse(problem: str) -> NoReturn:
    raise _UnusableError(problem)


# --- standard output -----------------------------------------------------------------------------

Mood: TypeAlias = "Literal['good', 'bad', '']"

_COLOURS: Final = {"good": "32", "bad": "31", "label": "2"}
_LABEL_WIDTH: Final = 12


class Line(NamedTuple):
    """A line of a report: what it is about, what is so, and whether that is good or bad."""

    label: str
    text: str
    mood: Mood = ""


def show(lines: Iterable[Line], status: int = GOOD) -> int:
    """Print a report and return the exit status, as `put` does."""
    colours = _COLOURS if shows_colour(sys.stdout) else {}
    return put("\n".join(_format(line, colours) for line in lines), status)


def _format(line: Line, colours: dict[str, str]) -> str:
    label = _paint(f"{line.label:{_LABEL_WIDTH}}", colours.get("label"))
    return f"{label}{_paint(visible(line.text), colours.get(line.mood))}".rstrip()


def _paint(text: str, colour: str | None) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def json_lines(value: Any) -> Iterable[str]:
    """Yield the lines of a JSON text, indented, that a terminal shows as it is."""
    for line in json.dumps(value, indent=2, ensure_ascii=False).split("\n"):
        yield escape_json(line)


def escape_json(text: str) -> str:
    """Return JSON text, of the same meaning, with JSON's escapes for what can't be printed as is.

    That is also what the encoding of standard output does not have.
    """
    encoding = encoding_of(sys.stdout)
    return "".join(
        character
        if character.isprintable() and character.encode(encoding, "ignore")
        else json.dumps(character)[1:-1]
        for character in text
    )
