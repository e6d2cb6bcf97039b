"""What the tests of the command share: standard input, and a password in the environment."""

import io
import sys
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import pytest

from iron_session.cli import main
from tests.helpers.seals import PASSWORD


class Ran(NamedTuple):
    """What a run of the command has left."""

    status: int
    out: str
    err: str


Command: TypeAlias = "Callable[..., Ran]"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command with arguments, and a text or bytes on standard input."""

    def run(*arguments: str, given: str | bytes = b"") -> Ran:
        raw = given.encode() if isinstance(given, str) else given
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        status = main(list(arguments))
        printed = capsys.readouterr()
        return Ran(status, printed.out, printed.err)

    return run


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the password, and nothing else that the command looks at."""
    for name in ("SESSION_PASSWORD_FILE", "SESSION_PASSWORD_1", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
