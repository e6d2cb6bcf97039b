"""Runs an example on the server that its docstring names, and visits it as a browser does."""

import ast
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlencode

from tests.contract.door import Answer

FOLDER = Path(__file__).parents[2] / "examples"
PORT = "8000"

# How long each is waited for, in seconds; HASTE is when a server is asked to end once more.
START = 60.0
ANSWER = 20.0
HASTE = 5.0
STOP = 30.0


@dataclass(frozen=True)
class Example:
    """One of the files.

    Attributes:
        name: the file's, without its ending.
    """

    name: str

    @property
    def source(self) -> str:
        """The whole file."""
        return (FOLDER / f"{self.name}.py").read_text(encoding="utf-8")

    @property
    def docstring(self) -> list[str]:
        """Its lines."""
        return (ast.get_docstring(ast.parse(self.source)) or "").splitlines()

    @property
    def command(self) -> str:
        """What it says to run: the last line."""
        return self.docstring[-1]

    @property
    def lines_of_code(self) -> int:
        """How long it is without its docstring, comments and empty lines."""
        first = ast.parse(self.source).body[0]
        lines = self.source.splitlines()[first.end_lineno :]
        return len([line for line in lines if line.strip() and not line.strip().startswith("#")])


MAGIC_LINK = Example("magic_link_app")
WATCHING = Example("watching_app")

# One a framework; they all do the same.
EXAMPLES = [
    Example(path.stem)
    for path in sorted(FOLDER.glob("*_app.py"))
    if path.stem not in (MAGIC_LINK.name, WATCHING.name)
]


class Server:
    """A server in a process group of its own, and all that it prints.

    Args:
        command: the program and its arguments, after any settings (`NAME=value`) for it.
        port: where it is told to listen.
        environment: more settings.
        folder: where it is started.
    """

    def __init__(
        self, command: str, port: int, environment: Mapping[str, str], folder: Path = FOLDER
    ) -> None:
        words = shlex.split(command)
        settings = list(takewhile(re.compile("[A-Z]+=").match, words))
        self.port = port
        self._output: list[bytes] = []
        self._printed = threading.Condition()
        self._asked_to_end = False
        self._process = subprocess.Popen(
            words[len(settings) :],
            cwd=folder,
            env={
                **clean_environment(),
                **environment,
                **dict(setting.split("=", 1) for setting in settings),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # The pipe ends when the last process that can write to it has ended: the server itself, or
        # a worker that it has left behind.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            for line in pipe:
                with self._printed:
                    self._output.append(line)
                    self._printed.notify_all()

    @property
    def output(self) -> str:
        """What it has printed until now."""
        return b"".join(self._output).decode(errors="replace")

    def wait_for_output(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """Wait until it has printed this."""
        with self._printed:
            found = self._printed.wait_for(lambda: pattern.search(self.output), ANSWER)
        if found is None:
            raise RuntimeError(f"{self._process.args!r} did not print it:\n{self.output}")
        return found

    def wait_for_start(self) -> None:
        """Visit it until it answers."""
        deadline = time.monotonic() + START
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                Browser(self.port).get("/", deadline - time.monotonic())
            except (OSError, HTTPException):
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"{self._process.args!r} did not start:\n{self.output}")

    def terminate(self) -> None:
        """Ask it to end, once: a second time means haste to some servers."""
        if not self._asked_to_end:
            self._asked_to_end = True
            self._process.terminate()

    def stop(self, patience: float = STOP) -> None:
        """End it and all that it has started; that it can't by itself is an error."""
        self.terminate()
        if self._has_ended(min(patience, HASTE)):
            return
        # A worker that is left behind is a fault; a server that is still there may need to be asked
        # again, with all that it has started, as service managers ask. Sanic's manager hears the
        # second time only, if it had not yet noticed its worker's start; granian's waits for a
        # worker that was asked before it could hear.
        if self._process.poll() is None:
            self._signal_all(signal.SIGTERM)
            if self._has_ended(patience):
                return
        self._signal_all(signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        raise RuntimeError(f"{self._process.args!r} had to be killed:\n{self.output}")

    def _signal_all(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _has_ended(self, patience: float) -> bool:
        """Wait for the process, and for what it has started."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
            self._reader.join(patience)
        return self._process.returncode is not None and not self._reader.is_alive()


def clean_environment() -> dict[str, str]:
    """Give this process's environment, with its own programs first and without its passwords."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("SESSION_PASSWORD")
    }
    programs = [str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)]
    return inherited | {"PATH": os.pathsep.join(programs), "PYTHONDONTWRITEBYTECODE": "1"}


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running(
    examples: Iterable[Example], password: str, folder: Path
) -> Iterator[dict[Example, Server]]:
    """Run examples side by side for the length of a block; `wait_for_start` is the caller's.

    Args:
        examples: which.
        password: the one that all of them share.
        folder: where they may write.
    """
    examples = list(examples)
    servers: dict[Example, Server] = {}
    with ExitStack() as stack:
        for example, port in zip(examples, free_ports(len(examples)), strict=True):
            # gunicorn keeps a control socket at home.
            home = folder / example.name
            home.mkdir()
            command = example.command.replace(PORT, str(port))
            environment = {"SESSION_PASSWORD": password, "HOME": str(home), "TMPDIR": str(home)}
            servers[example] = Server(command, port, environment)
            stack.callback(servers[example].stop)
        yield servers
        for server in servers.values():
            with suppress(RuntimeError):
                server.wait_for_start()  # while it starts, a server may not hear
        for server in servers.values():  # all at once, so that `stop` need not wait for each
            server.terminate()


@dataclass
class Browser:
    """A browser that takes cookies and sends them back.

    Attributes:
        port: the site's. Cookies know no port, so they go to every site of the same host.
        cookies: what it keeps.
    """

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, patience: float = ANSWER) -> Answer:
        """Get a page."""
        return self._ask("GET", path, None, {}, patience)

    def post(self, path: str, **form: str) -> Answer:
        """Send a form; redirects are not followed."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if "csrftoken" in self.cookies:  # as Django's page on scripts tells them to
            headers["X-CSRFToken"] = self.cookies["csrftoken"]
        return self._ask("POST", path, urlencode(form), headers, ANSWER)

    def post_from(self, site: str, path: str) -> Answer:
        """Send a form that stands on another site, as browsers do."""
        return self._ask("POST", path, "", {"Origin": site, "Sec-Fetch-Site": "cross-site"}, ANSWER)

    def _ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str], patience: float
    ) -> Answer:
        if self.cookies:
            pairs = (f"{name}={value}" for name, value in self.cookies.items())
            headers = {**headers, "Cookie": "; ".join(pairs)}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = Answer(
                status=response.status,
                headers=[(name.lower(), value) for name, value in response.getheaders()],
                body=response.read(),
            )
        finally:
            connection.close()
        self._receive(answer)
        return answer

    def _receive(self, answer: Answer) -> None:
        for cookie in answer.cookies.values():
            if cookie.max_age == 0:
                self.cookies.pop(cookie.name, None)
            else:
                self.cookies[cookie.name] = cookie.value
