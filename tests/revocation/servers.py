"""Real servers for the tests of stores: Redis and PostgreSQL, on loopback, in temporary folders."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.waiting import WAIT, wait_for

POSTGRESQL_USER: Final = "postgres"


def missing(what: str, package: str) -> None:
    """Skip a test that has no server, and say so; in CI, fail it."""
    text = f"{what} was not found: on Debian, apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


class RedisServer:
    """A Redis that can be killed, and started again, empty or as it was."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            missing("redis-server", "redis-server")
        self._program, self._folder, self._arguments = str(program), folder, arguments
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = self.start()

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start it, without what it had: nothing is written to the disk."""
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self._folder), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [*command, *self._arguments, *arguments], stdout=subprocess.DEVNULL
        )
        assert wait_for(lambda: listens(self.port)), "redis-server did not start"
        return self.process

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(WAIT)


@contextmanager
def run_redis(*arguments: str) -> Iterator[RedisServer]:
    folder = tempfile.mkdtemp(prefix="iron-redis-")
    server = RedisServer(Path(folder), *arguments)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def find_postgresql() -> Path:
    """Return the folder of its programs: Debian has them on no PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    programs = next((each for each in folders if (each / "initdb").exists()), None)
    if programs is None:
        missing("postgresql", "postgresql")
    return Path(str(programs))


def other_user() -> list[str]:
    """Return what runs a command as another user: PostgreSQL refuses to be run by root."""
    if os.getuid() != 0:
        return []
    return ["setpriv", f"--reuid={POSTGRESQL_USER}", f"--regid={POSTGRESQL_USER}", "--clear-groups"]


@contextmanager
def run_postgresql() -> Iterator[str]:
    """Run a PostgreSQL; give its URL."""
    programs = find_postgresql()
    folder = Path(tempfile.mkdtemp(prefix="iron-postgresql-"))
    if os.getuid() == 0:
        os.chown(folder, pwd.getpwnam(POSTGRESQL_USER).pw_uid, -1)
    data, port = str(folder / "data"), free_port()
    quietly: dict[str, int] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    initdb = [str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "iron", "--no-sync"]
    server = None
    try:
        subprocess.run([*other_user(), *initdb], check=True, cwd=folder, **quietly)  # type: ignore[call-overload]  # a dict of arguments
        command = [str(programs / "postgres"), "-D", data, "-p", str(port), "-k", str(folder)]
        command += ["-h", "127.0.0.1", "-F"]
        server = subprocess.Popen([*other_user(), *command], cwd=folder, **quietly)  # type: ignore[call-overload]  # a dict of arguments
        assert wait_for(lambda: listens(port)), "postgres did not start"
        time.sleep(0.5)  # it listens before it lets anybody in
        yield f"postgresql+pg8000://iron@127.0.0.1:{port}/postgres"
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # SIGTERM waits until all clients have gone
            server.wait(WAIT)
        shutil.rmtree(folder, ignore_errors=True)


Opener = Callable[[], object]
