"""What is pasted into a terminal: a real one, where there is such a device."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import reload
from threading import Thread
from typing import Any, TextIO

import pytest

from iron_session import seal_data
from iron_session.cli import keyboard, main
from tests.cli.conftest import Command
from tests.cli.test_terminal import MODULE, Terminal
from tests.helpers.seals import PASSWORD

termios = pytest.importorskip("termios", reason="no terminals as POSIX has them")
fcntl = pytest.importorskip("fcntl", reason="no terminals as POSIX has them")
pty = pytest.importorskip("pty", reason="no terminals as POSIX has them")

LONG = {"text": "x" * 9000}


class Typist:
    """A program at a terminal, and whoever types there."""

    def __init__(self, name: str) -> None:
        self.keys, self.screen = pty.openpty()
        self.before = termios.tcgetattr(self.screen)
        self.program = subprocess.Popen(
            [*MODULE, name],
            stdin=self.screen,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "SESSION_PASSWORD": PASSWORD},
            start_new_session=True,
            preexec_fn=self._take_the_terminal,  # noqa: PLW1509 - no threads here
        )
        self.echo = b""

    def _take_the_terminal(self) -> None:
        """Make it the one whose Ctrl-C reaches the program, also where a shell had it ignored."""
        fcntl.ioctl(self.screen, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def wait_until_asked(self) -> None:
        assert self.program.stderr is not None
        assert self.program.stderr.readline().startswith(b"Paste ")
        for _ in range(500):
            if not termios.tcgetattr(self.screen)[3] & termios.ICANON:
                return
            time.sleep(0.01)
        pytest.fail("the terminal still hands over lines")

    def type(self, text: bytes) -> None:
        """Type as fast as the terminal takes it, and read what it echoes."""
        os.set_blocking(self.keys, False)
        while text:
            try:
                text = text[os.write(self.keys, text[:512]) :]
            except BlockingIOError:
                time.sleep(0.01)
            self._read_echo()

    def _read_echo(self) -> None:
        try:
            self.echo += os.read(self.keys, 65_536)
        except (BlockingIOError, OSError):
            time.sleep(0.001)

    def end(self) -> tuple[int, str]:
        out, _ = self.program.communicate(timeout=30)
        assert termios.tcgetattr(self.screen) == self.before, "the terminal is as before"
        return self.program.returncode, out.decode()


@contextmanager
def typing_at(name: str) -> Iterator[Typist]:
    typist = Typist(name)
    try:
        yield typist
    finally:
        if typist.program.poll() is None:
            typist.program.kill()
        typist.program.communicate()  # it closes the pipes too
        os.close(typist.keys)
        os.close(typist.screen)


def test_a_line_longer_than_terminals_hand_over_is_read_whole() -> None:
    """Linux cuts it at 4,095 characters, and the end of the seal was missing."""
    seal = seal_data(LONG, password=PASSWORD)
    assert len(seal) > 2 * 4095
    with typing_at("inspect") as typist:
        typist.wait_until_asked()
        typist.type(f"Cookie: myapp={seal}\n\x04".encode())
        status, out = typist.end()
    assert status == 0
    assert "opens with password 1" in out


def test_backspace_removes_a_character() -> None:
    with typing_at("seal") as typist:
        typist.wait_until_asked()
        typist.type('{"a": "Zo\u00ebx\x7f\x7fe"}\n\x04'.encode())
        status, sealed = typist.end()
    assert status == 0
    ran = subprocess.run(
        [*MODULE, "unseal"],
        input=sealed,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SESSION_PASSWORD": PASSWORD},
    )
    assert ran.stdout == '{"a":"Zoe"}\n'


def test_ctrl_c_ends_it_and_sets_the_terminal_back() -> None:
    with typing_at("inspect") as typist:
        typist.wait_until_asked()
        typist.type(b"half of a cook\x03")
        assert typist.end() == (130, "")


def test_a_program_that_is_ended_sets_the_terminal_back() -> None:
    with typing_at("inspect") as typist:
        typist.wait_until_asked()
        typist.program.terminate()
        assert typist.end() == (143, "")


def test_ctrl_d_alone_gives_nothing() -> None:
    with typing_at("inspect") as typist:
        typist.wait_until_asked()
        typist.type(b"\x04")
        assert typist.end() == (2, "")


@pytest.mark.parametrize("has_termios", [True, False])
@pytest.mark.parametrize(("length", "noted"), [(3999, False), (4000, True)])
def test_a_line_that_may_have_been_cut_is_noted(
    length: int,
    noted: bool,
    has_termios: bool,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where the terminal can't be set, as on Windows."""
    if not has_termios:
        monkeypatch.setattr(keyboard, "termios", None)
    stream: Any = Terminal(io.BytesIO(b"x" * length + b"\n"))
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["inspect"]) == 3
    said = capsys.readouterr().err
    assert ("terminals cut longer ones" in said) is noted


# --- in this process -----------------------------------------------------------------------------


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """Open a terminal: where to type, and what a program reads."""
    keys, screen = pty.openpty()
    with os.fdopen(screen, encoding="utf-8") as stream:
        yield keys, stream
    os.close(keys)


def type_when_asked(keys: int, screen: int, text: bytes) -> Thread:
    """Type as soon as the terminal hands over characters."""

    def type_() -> None:
        while termios.tcgetattr(screen)[3] & termios.ICANON:
            time.sleep(0.005)
        os.write(keys, text)

    thread = Thread(target=type_)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("typed", "most", "read"),
    [
        (b"text\n\x04", 100, b"text\n"),
        (b"text\x04more", 100, b"text"),
        (b"\x7f\x7fab\x7f\x7f\x7fc\x04", 100, b"c"),
        ("Zoë€\x7f\x7f.\x04".encode(), 100, b"Zo."),
        (b"x" * 50, 20, b"x" * 50),
    ],
)
def test_what_is_typed_is_read_up_to_ctrl_d(
    typed: bytes, most: int, read: bytes, terminal: tuple[int, TextIO]
) -> None:
    """Or until there is more than is wanted."""
    keys, stream = terminal
    before = termios.tcgetattr(stream)
    typist = type_when_asked(keys, stream.fileno(), typed)
    assert keyboard.read_uncut(stream, most) == read
    typist.join()
    assert termios.tcgetattr(stream) == before


def test_a_terminal_is_set_back_whatever_happens(
    terminal: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, stream = terminal
    before = termios.tcgetattr(stream)

    def fail(*_: object) -> bytes:
        assert not termios.tcgetattr(stream)[3] & termios.ICANON
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(KeyboardInterrupt):
        keyboard.read_uncut(stream, 100)
    assert termios.tcgetattr(stream) == before


def test_who_ends_the_program_meanwhile_is_heard(
    terminal: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, stream = terminal
    monkeypatch.setattr(os, "read", lambda *_: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit) as caught:
        keyboard.read_uncut(stream, 100)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_application_s_own_handler_is_left(terminal: tuple[int, TextIO]) -> None:
    keys, stream = terminal
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        typist = type_when_asked(keys, stream.fileno(), b"text\x04")
        assert keyboard.read_uncut(stream, 100) == b"text"
        typist.join()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_cookie_is_read_from_a_terminal(
    terminal: tuple[int, TextIO],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keys, stream = terminal
    monkeypatch.setattr(sys, "stdin", stream)
    text = f"{seal_data({}, password=PASSWORD)}\n\x04"
    typist = type_when_asked(keys, stream.fileno(), text.encode())
    assert main(["inspect"]) == 0
    typist.join()
    assert "cut longer ones" not in capsys.readouterr().err


def test_where_terminals_can_t_be_set_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, the module of the standard library is not there."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "termios", None)
        elsewhere = reload(keyboard)
        assert elsewhere.termios is None
        assert elsewhere.read_uncut(sys.stdin, 100) is None
    assert reload(keyboard).termios is termios
