"""What the commands take on standard input and from the environment, and how reports look."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn, TypeAlias

from iron_session.cli.keyboard import read_uncut
from iron_session.cli.output import complain, encoding_of, put, say, shows_colour, visible
from iron_session.errors import ConfigurationError
from iron_session.seals import Passwords
from iron_session.seals.iron import MIN_PASSWORD_LENGTH
from iron_session.seals.passwords import are_in_environment, read_environment

__all__ = [
    "GOOD",
    "INTERRUPTED",
    "MOST_BYTES",
    "PASSWORD_VARIABLE",
    "REFUSED",
    "UNUSABLE",
    "Line",
    "Mood",
    "Parser",
    "add_password",
    "as_command",
    "escape_json",
    "find_passwords",
    "json_lines",
    "named_variable",
    "password_texts",
    "read_text",
    "require_passwords",
    "seconds",
    "show",
]

Run: TypeAlias = "Callable[[argparse.Namespace], int]"

GOOD: Final = 0
REFUSED: Final = 1
UNUSABLE: Final = 2  # argparse's own, for a wrong call
INTERRUPTED: Final = 130  # as shells count: 128 and the signal's number

PASSWORD_VARIABLE: Final = "SESSION_PASSWORD"  # noqa: S105 - the name of a variable
_VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_BYTES: Final = 1_000_000
_MAY_BE_CUT: Final = 4000  # characters: Linux cuts a line at 4,095
_ON_ARGUMENTS: Final = (
    "there is an argument that is not known; give seals and data on standard input, and passwords "
    "in the environment, never as arguments: other users of the machine can see arguments"
)


class _UnusableError(Exception):
    """What was given on standard input can't be used; the message says why."""


class Parser(argparse.ArgumentParser):
    """A parser that takes no shortened options, and repeats nothing that it does not know.

    Somebody may have given a password there: `--password SECRET`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "allow_abbrev": False})

    if not TYPE_CHECKING:  # type checkers know it as several overloads

        def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
            """Refuse what is not known here; argparse prints it."""
            known, unknown = super().parse_known_args(args, namespace)
            if unknown:
                self.error(_ON_ARGUMENTS)
            return known, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = ", ".join(map(str, action.choices))
            raise argparse.ArgumentError(None, f"no such command: choose from {names}")


def as_command(parser: argparse.ArgumentParser, run: Run) -> None:
    """Set what a parser's command runs: the exit status says what went wrong, no traceback does."""

    @wraps(run)
    def guarded(given: argparse.Namespace) -> int:
        try:
            return run(given)
        except (_UnusableError, ConfigurationError) as error:
            return complain(str(error), UNUSABLE)
        except KeyboardInterrupt:
            return complain("interrupted", INTERRUPTED)

    parser.set_defaults(run=guarded)


def seconds(text: str) -> float:
    """Return an option's seconds; argparse's own error would repeat the text."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("not a number of seconds") from None


# --- the passwords -------------------------------------------------------------------------------


def add_password(parser: argparse._ActionsContainer) -> None:
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
    told, name = "the variable that --password-env names", given.password_env
    if name is None:
        told = name = PASSWORD_VARIABLE
    if not are_in_environment(named_variable(name, "--password-env")):
        raise ConfigurationError(f"{told} is not set")
    return Passwords.from_env(name)


def password_texts(given: argparse.Namespace) -> dict[str, str]:
    """Return the texts of passwords that can be used, by their ids."""
    texts = read_environment(given.password_env or PASSWORD_VARIABLE, os.environ)
    return {"1": texts} if isinstance(texts, str) else texts


def named_variable(name: str, option: str) -> str:
    """Return the name of a variable that an option has got, if it can be one.

    Raises:
        ConfigurationError: it may be a password that was given in its place; not repeated here.
    """
    if not _VARIABLE_NAME.fullmatch(name):
        raise ConfigurationError(f"{option} takes the name of an environment variable")
    if len(name) >= MIN_PASSWORD_LENGTH and not are_in_environment(name):
        raise ConfigurationError(f"the variable that {option} names is not set")
    return name


# --- standard input ------------------------------------------------------------------------------


def _read_bytes(what: str) -> bytes:
    """Read standard input to its end; `what` says what is expected there."""
    if sys.stdin is None:
        _refuse(f"standard input is closed: give {what} there")
    try:
        raw = _read_terminal(what) if sys.stdin.isatty() else sys.stdin.buffer.read(MOST_BYTES + 1)
    except OSError as error:
        _refuse(f"standard input can't be read ({type(error).__name__})")
    if len(raw) > MOST_BYTES:
        _refuse(f"standard input has more than {MOST_BYTES:,} bytes")
    return raw


def _read_terminal(what: str) -> bytes:
    say(f"Paste {what}, then press Enter and Ctrl-D (Windows: Ctrl-Z):")
    raw = read_uncut(sys.stdin, MOST_BYTES)
    if raw is not None:
        return raw
    raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    longest = max(map(len, raw.split(b"\n")))
    if longest >= _MAY_BE_CUT:
        say(
            f"A line has {longest:,} characters, and terminals cut longer ones: if the report says "
            "that the end is missing, give it in a file, as in `iron-session inspect < FILE`."
        )
    return raw


def read_text(what: str) -> str:
    """Read standard input as text, without the white space around it."""
    text = _decoded(_read_bytes(what)).strip()
    if not text:
        _refuse(f"nothing on standard input: give {what} there")
    return text


def _decoded(raw: bytes) -> str:
    """Return text in UTF-8, or in the UTF-16 that `>` writes in Windows PowerShell.

    A NUL at the beginning shows UTF-16 without a mark, or UTF-32; elsewhere, a seal was damaged.
    """
    encoding = "utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    with suppress(UnicodeDecodeError):
        text = raw.decode(encoding)
        if "\0" not in text[:2]:
            return text
    _refuse("standard input is not text in UTF-8, or in UTF-16 with a byte order mark")


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
