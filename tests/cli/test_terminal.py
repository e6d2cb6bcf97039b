"""What all commands that read standard input share: no traceback, no secret, and no escapes."""

import codecs
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iron_session import HeaderJar, SessionOptions, get_iron_session, seal_data
from iron_session.cli import main
from iron_session.cli.words import in_quotes, span, when
from tests.cli.conftest import Command
from tests.helpers.clock import Clock
from tests.helpers.seals import OTHER, PASSWORD

COMMANDS = ["inspect", "seal", "unseal"]
MODULE = [sys.executable, "-m", "iron_session"]


@pytest.fixture(params=COMMANDS)
def name(request: pytest.FixtureRequest) -> str:
    """Name each of the commands in turn."""
    return str(request.param)


def good_input(name: str) -> str:
    return "{}" if name == "seal" else seal_data({}, password=PASSWORD)


# --- standard input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", [b"", b"\n", b" \r\n\t", codecs.BOM_UTF8, "\ufeff\r\n".encode("utf-16-le")]
)
def test_nothing_on_standard_input_is_told(name: str, given: bytes, command: Command) -> None:
    ran = command(name, given=given)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("iron-session: nothing on standard input: give ")


@pytest.mark.parametrize(
    "given",
    [
        b"Fe26.2\xff\xfe",
        codecs.BOM_UTF16_LE + b"{\0}",  # half a character
        codecs.BOM_UTF16_BE + b"\xd8\0",  # half a pair
        "{}".encode("utf-16-le"),
        "{}".encode("utf-16-be"),
        "{}".encode("utf-32"),
        "{}".encode("utf-32-be"),
    ],
)
def test_bytes_that_are_no_text_are_told(name: str, command: Command, given: bytes) -> None:
    ran = command(name, given=given)
    assert ran == (
        2,
        "",
        "iron-session: standard input is not text in UTF-8, or in UTF-16 with a byte order mark\n",
    )


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),  # what > writes in Windows PowerShell
        ("utf-16-be", codecs.BOM_UTF16_BE),
    ],
)
def test_text_is_read_in_the_encodings_that_shells_write(
    name: str, command: Command, encoding: str, mark: bytes
) -> None:
    assert command(name, given=mark + f"{good_input(name)}\r\n".encode(encoding)).status == 0


def test_ten_megabytes_are_refused(name: str, command: Command) -> None:
    ran = command(name, given=b"x" * 10_000_000)
    assert ran == (2, "", "iron-session: standard input has more than 1,000,000 bytes\n")


@pytest.mark.parametrize(
    "given",
    [
        "x" * 1_000_000,
        "Fe26.2" + "*" * 999_000,
        "a=;" * 300_000,
        "".join(f"n{number}.1=a; " for number in range(80_000)),
        "a=b\n" * 200_000,
        "Cookie: a=" + "%41" * 300_000,
        "." * 500_000 + ":" * 400_000,
        '{"a":' * 150_000,
        "Fe26.2*" * 140_000,
        "Fe26.2*" + "a\n" * 490_000,
        ("a" * 32 + "\n") * 30_000,
    ],
    ids=range(11),
)
def test_a_megabyte_of_anything_ends_soon_and_without_a_traceback(
    name: str, given: str, command: Command
) -> None:
    ran = command(name, given=given)
    assert ran.status in (1, 3)
    assert len(ran.out + ran.err) < 60_000  # a few lines for each of the first 400 cookies


def test_a_byte_order_mark_is_skipped(name: str, command: Command) -> None:
    assert command(name, given=b"\xef\xbb\xbf" + good_input(name).encode()).status == 0


def test_a_closed_standard_input_is_told(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main([name]) == 2
    assert capsys.readouterr().err.startswith("iron-session: standard input is closed: give ")


class Terminal(io.TextIOWrapper):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_at_a_terminal_it_says_what_it_waits_for(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(good_input(name).encode())))
    assert main([name]) == 0
    assert capsys.readouterr().err.startswith("Paste ")


class Failing(io.RawIOBase):
    """A stream whose reads and writes fail."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, _: Any) -> int:
        raise self.error

    def write(self, _: Any) -> int:
        raise self.error

    def close(self) -> None:
        """Leave what is in the buffer above unwritten."""


def test_a_directory_as_standard_input_is_told(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where Python itself starts with one; else it ends before this package is there."""
    stream = io.TextIOWrapper(io.BufferedReader(Failing(IsADirectoryError())))
    monkeypatch.setattr(sys, "stdin", stream)
    assert main([name]) == 2
    said = capsys.readouterr().err
    assert said == "iron-session: standard input can't be read (IsADirectoryError)\n"


def test_an_interrupt_is_no_traceback(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.TextIOWrapper(io.BufferedReader(Failing(KeyboardInterrupt())))
    monkeypatch.setattr(sys, "stdin", stream)
    assert main([name]) == 130
    assert capsys.readouterr().err == "iron-session: interrupted\n"


# --- arguments and passwords ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["the secret"],
        [""],
        ["--password", "the secret"],
        ["--password=the secret"],
        ["--seal", "the secret"],
        ["-xthe secret"],
        ["--password-env", "KEY", "the secret"],
    ],
)
def test_a_secret_as_an_argument_is_refused_and_not_repeated(
    name: str, arguments: list[str], command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        command(name, *arguments, given=good_input(name))
    said = capsys.readouterr()
    assert caught.value.code == 2
    assert said.out == ""
    assert "never as arguments" in said.err
    assert "the secret" not in said.err


TAKING_A_VARIABLE = [
    (["check"], "--password-env"),
    (["check"], "--seal-with-env"),
    (["generate-password", "--rotate"], "--password-env"),
]


@pytest.mark.parametrize("call", [["check"], ["generate-password"], ["revoke"], []])
@pytest.mark.parametrize("option", [["--password", OTHER], [f"--password={OTHER}"]])
def test_no_command_takes_a_shortened_option_or_repeats_it(
    call: list[str], option: list[str], command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--password` is no short form of `--password-env`."""
    needed = ["--namespace", "shop", "--all"] if call == ["revoke"] else []
    with pytest.raises(SystemExit) as caught:
        command(*call, *needed, *option)
    said = capsys.readouterr()
    assert (caught.value.code, said.out) == (2, "")
    assert OTHER not in said.err


@pytest.mark.parametrize(("call", "option"), TAKING_A_VARIABLE)
@pytest.mark.parametrize("given", [OTHER, "a-b c", "x" * 32])
def test_what_is_no_variable_is_refused_without_being_repeated(
    call: list[str], option: str, given: str, command: Command
) -> None:
    ran = command(*call, option, given)
    assert (ran.status, ran.out) == (2, "")
    assert option in ran.err
    assert given not in ran.err


@pytest.mark.parametrize("name", ["x" * 31, "X" * 32])
def test_a_variable_that_is_set_or_short_may_be_named(
    name: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X" * 32, OTHER)
    assert command("check", "--password-env", name).status == (name[0] == "x")
    ran = command("check", "--password-env", "X" * 32, "--seal-with-env", name)
    assert ran.status == (name[0] == "X")  # a password is no id


def test_a_password_in_the_place_of_the_options_is_not_repeated(command: Command) -> None:
    ran = command("check", OTHER)
    assert ran.status == 2
    assert OTHER not in ran.out + ran.err
    assert "must be MODULE:OPTIONS" in ran.out + ran.err


@pytest.mark.parametrize("name", ["inspect", "seal"])
def test_a_secret_in_the_place_of_seconds_is_not_repeated(
    name: str, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        command(name, "--ttl", "the secret")
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert said.endswith("error: argument --ttl: not a number of seconds\n")


@pytest.mark.parametrize("given", [PASSWORD, OTHER, "", "a-b", "UNSET"])
def test_a_password_in_the_place_of_its_variable_is_not_repeated(
    name: str, given: str, command: Command
) -> None:
    ran = command(name, "--password-env", given, given=good_input(name))
    assert (ran.status, ran.out) == (2, "")
    assert "--password-env" in ran.err
    assert not given or given not in ran.err


@pytest.mark.parametrize("way", ["KEY", "KEY_2", "KEY_FILE"])
def test_the_password_is_read_in_each_way_that_the_package_knows(
    name: str, way: str, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    monkeypatch.setenv("SESSION_PASSWORD", OTHER)
    monkeypatch.setenv(way, str(file) if way == "KEY_FILE" else PASSWORD)
    id_ = 2 if way == "KEY_2" else 1
    given = "{}" if name == "seal" else seal_data({}, password={id_: PASSWORD})
    assert command(name, "--password-env", "KEY", given=given).status == 0


@pytest.mark.parametrize("variables", [
    {"SESSION_PASSWORD": "too short"},
    {"SESSION_PASSWORD": PASSWORD, "SESSION_PASSWORD_1": PASSWORD},
    {"SESSION_PASSWORD": "", "SESSION_PASSWORD_01": PASSWORD},
    {"SESSION_PASSWORD": "", "SESSION_PASSWORD_FILE": "."},
    {"SESSION_PASSWORD": "", "SESSION_PASSWORD_FILE": "/nowhere"},
])  # fmt: skip
def test_passwords_that_can_t_be_used_are_one_line(
    name: str, variables: dict[str, str], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory in the place of their file too."""
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    ran = command(name, given=good_input(name))
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("iron-session: ")
    assert ran.err.count("\n") == 1
    assert PASSWORD not in ran.err


@pytest.mark.parametrize("name", ["seal", "unseal"])
def test_sealing_and_opening_need_a_password(
    name: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SESSION_PASSWORD")
    ran = command(name, given=good_input(name))
    assert ran == (2, "", "iron-session: SESSION_PASSWORD is not set\n")


def test_the_help_names_each_exit_status(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    statuses = "01234" if name == "inspect" else "0124"
    assert all(f" {status}: " in told for status in statuses)
    assert "--password " not in told


# --- standard output -----------------------------------------------------------------------------


def run_apart(name: str, given: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "SESSION_PASSWORD": PASSWORD}
    return subprocess.run(
        [*MODULE, name], input=given, text=True, stderr=-1, check=False, env=environment, **options
    )


def test_a_closed_pipe_is_silent(name: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = run_apart(name, good_input(name), stdout=writer)
    finally:
        os.close(writer)
    assert (ran.returncode, ran.stderr) == (4, "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(), "OSError"),
    ],
)
def test_what_can_t_be_written_is_one_line(
    name: str,
    error: OSError,
    reason: str,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = io.TextIOWrapper(io.BufferedWriter(Failing(error)), "utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    ran = command(name, given=good_input(name))
    assert ran.status == 4
    assert ran.err == f"iron-session: standard output can't be written: {reason}\n"


def test_a_buffer_that_can_t_be_written_is_given_up(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python would fail on it when it ends. Here, all of it would go to the null device."""
    with (tmp_path / "out").open("w") as stream:

        def fail(_: str) -> int:
            raise BrokenPipeError

        monkeypatch.setattr(stream, "write", fail, raising=False)
        monkeypatch.setattr(sys, "stdout", stream)
        assert command("seal", given="{}").status == 4
        os.write(stream.fileno(), b"more")
    assert (tmp_path / "out").read_text() == ""


def test_a_closed_standard_output_is_told(
    name: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert command(name, given=good_input(name)).status == 4


def test_without_standard_error_nothing_else_gets_its_lines(
    name: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert command(name) == (2, "", "")


def show_at(stream: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch, command: Command) -> str:
    """Return what a stream in the place of standard output gets."""
    monkeypatch.setattr(sys, "stdout", stream)
    seal = seal_data({"name": "Zoë"}, password=PASSWORD, ttl=0)
    assert command("inspect", "--data", given=seal).status == 0
    monkeypatch.undo()
    stream.seek(0)
    return stream.read()


def test_a_report_at_a_terminal_has_colours(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    said = show_at(Terminal(io.BytesIO(), "utf-8"), monkeypatch, command)
    assert "\x1b[2mcheck       \x1b[0m\x1b[32mopens with password 1\x1b[0m\n" in said


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_can_ask_for_none(
    variable: str, value: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    said = show_at(Terminal(io.BytesIO(), "utf-8"), monkeypatch, command)
    assert "\x1b" not in said


def test_a_stream_of_another_encoding_gets_escapes(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = show_at(io.TextIOWrapper(io.BytesIO(), "ascii"), monkeypatch, command)
    assert "Zo\\u00eb" in said  # in JSON, its own escapes


@pytest.mark.parametrize("name", ["inspect", "seal", "unseal"])
def test_the_help_is_plain_ascii(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Which any terminal prints; argparse writes it itself."""
    with pytest.raises(SystemExit):
        main([name, "--help"])
    assert capsys.readouterr().out.isascii()


def test_a_text_is_written_with_escapes_for_another_encoding(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    jar = HeaderJar()
    session = get_iron_session(jar, SessionOptions(password=PASSWORD, cookie_name="myapp"))
    session.login("Zoë")
    session.save()
    assert command("inspect", given=jar.set_cookie_headers[0]).status == 0
    stream.seek(0)
    assert "user 'Zo\\xeb'" in stream.read()


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 seconds"),
        (499, "0 seconds"),
        (500, "1 second"),
        (1000, "1 second"),
        (119_999, "120 seconds"),
        (120_000, "2 minutes"),
        (7_199_999, "120 minutes"),
        (7_200_000, "2 hours"),
        (172_799_999, "48 hours"),
        (172_800_000, "2 days"),
        (10**14, "1,157,407 days"),
    ],
)
def test_a_span_is_in_the_largest_unit_that_it_has_two_of(milliseconds: int, text: str) -> None:
    assert span(milliseconds) == text


def test_a_moment_is_told_from_now_and_as_a_date(clock: Clock) -> None:
    assert when(clock.now, clock.now) == "0 seconds ago (2024-02-29 12:00:00 UTC)"
    assert when(clock.now + 1000, clock.now) == "in 1 second (2024-02-29 12:00:01 UTC)"


def test_a_long_text_is_cut_off() -> None:
    assert in_quotes("x" * 60) == f"'{'x' * 60}'"
    assert in_quotes("x" * 61) == f"'{'x' * 60}…'"
