"""The tutorial's folder, made by its own commands and blocks, and its two servers."""

import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.contract.door import Answer
from tests.examples.servers import ANSWER, Server, free_ports
from tests.helpers.pages import ROOT, blocks, read_page
from tests.interop.node import find_node
from tests.sessions.browser import ReceivedCookie

HERE = Path(__file__).parent
PAGE = read_page("docs/tutorial/share-with-nextjs.md")
INSTALL, WEB, PYTHON, NEXT = blocks("sh", PAGE)
MODULES = HERE / "node_modules"
NEXT_CLI = MODULES / "next" / "dist" / "bin" / "next"
BUILD_TIMEOUT = 300.0

# What takes the place of the three that would load from the network: they write down what they are
# asked for.
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$ASKED"
"""
FIRST_LINE = re.compile(r"(?://|#) (\S+?)(, at its end)?\n")


def files_of_page() -> list[tuple[str, str, bool]]:
    """Return each file that the page shows: its path, its text, and whether it goes at an end."""
    found = re.findall(r"^```(?:ts|tsx|python)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    files = []
    for text in found:
        named = FIRST_LINE.match(text)
        assert named, f"a block that names no file: {text}"
        files.append((named[1], text, named[2] is not None))
    return files


def first_files() -> dict[str, str]:
    """Return the files as they are before the page changes any of them."""
    files: dict[str, str] = {}
    for path, text, at_end in files_of_page():
        if not at_end:
            files.setdefault(path, text)
    return files


def last_files() -> dict[str, str]:
    """Return the files as they are at the end of the page."""
    files: dict[str, str] = {}
    for path, text, at_end in files_of_page():
        files[path] = files[path] + "\n\n" + text if at_end else text
    return files


def check_modules() -> None:
    """Fail where what these tests need is not installed: a run that finds nothing is no success."""
    if not NEXT_CLI.is_file():
        pytest.fail(f"no Next.js at {MODULES}: `make test-nextjs` installs it")


@dataclass
class Folder:
    """The reader's folder.

    Attributes:
        path: where it is.
        python_port: of the server in Python, which the build contains.
        asked: what pip, npm and venv were asked for.
    """

    path: Path
    python_port: int
    asked: list[str] = field(default_factory=list)

    @property
    def web(self) -> Path:
        return self.path / "web"

    @property
    def python_url(self) -> str:
        return f"http://127.0.0.1:{self.python_port}"

    @property
    def password(self) -> str:
        """The password that the page's command has made."""
        (found,) = re.findall(r"SESSION_PASSWORD=(\S+)", (self.path / "env").read_text())
        return str(found)

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a command of the page finds: nothing of this process but PATH."""
        tools = self.path.parent / f"{self.path.name}-tools"
        inherited = os.environ.get("PATH", os.defpath)
        return {
            "PATH": os.pathsep.join([str(tools), inherited]),
            "HOME": str(tools),
            "TMPDIR": str(tools),
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NEXT_TELEMETRY_DISABLED": "1",
            "ASKED": str(tools / "asked"),
            **more,
        }

    def run(self, command: Sequence[str], at: Path, **more: str) -> str:
        """Run a command to its end; return what it has printed."""
        run = subprocess.run(
            command,
            cwd=at,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=BUILD_TIMEOUT,
        )
        assert run.returncode == 0, run.stdout
        return run.stdout

    def build(self) -> str:
        """Run what `npx next build` runs."""
        command = [str(find_node()), str(self.web / NEXT_CLI.relative_to(HERE)), "build"]
        return self.run(command, self.web, PYTHON_URL=self.python_url)


def make_folder(path: Path, files: Mapping[str, str], *overlays: str) -> Folder:
    """Follow the page from the empty folder to the point before the servers are started.

    Args:
        path: of the folder, which is not there yet.
        files: the page's.
        overlays: folders beside this file, whose files come over those of the page.
    """
    check_modules()
    (python_port,) = free_ports(1)
    folder = Folder(path, python_port)
    path.mkdir()
    make_tools(Path(folder.environment()["HOME"]))
    (path / ".venv" / "bin").mkdir(parents=True)
    (path / ".venv" / "bin" / "activate").touch()
    folder.run(["sh", "-e", "-c", INSTALL], path)
    folder.run(["sh", "-e", "-c", WEB], path)
    folder.asked = Path(folder.environment()["ASKED"]).read_text().splitlines()
    shutil.copytree(MODULES, folder.web / "node_modules", symlinks=True, copy_function=link)
    for name, text in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    for overlay in overlays:
        shutil.copytree(HERE / overlay, path, dirs_exist_ok=True)
    return folder


def make_tools(tools: Path) -> None:
    """Make a folder of programs: the real ones, and stand-ins for what loads from the network."""
    tools.mkdir()
    for name in ("python3", "pip", "npm"):
        (tools / name).write_text(STAND_IN)
        (tools / name).chmod(0o755)
    python = shutil.which("python", path=str(Path(sys.executable).parent))
    assert python is not None
    for name, module in (("iron-session", "iron_session"), ("uvicorn", "uvicorn")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{python}" -m {module} "$@"\n')
        (tools / name).chmod(0o755)
    (tools / "node").symlink_to(find_node())


def link(source: str, target: str) -> None:
    """Link a file instead of copying it, where both are on one disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def python_server(folder: Folder, app: str = "main:app", **settings: str) -> Iterator[Server]:
    """Run the page's command for Python, on the port that the build contains.

    Args:
        folder: the reader's.
        app: instead of the page's.
        settings: over those of the file `env`.
    """
    port = folder.python_port
    command = PYTHON.replace("8000", str(port)).replace("main:app", app)
    with _server(folder, "uvicorn", command, port, settings) as server:
        yield server


@contextmanager
def next_server(folder: Folder, **settings: str) -> Iterator[Server]:
    """Run what the page's command for Next.js runs, with `start` instead of `dev`.

    Args:
        folder: the reader's.
        settings: over those of the file `env`.
    """
    (port,) = free_ports(1)
    start = f"node node_modules/next/dist/bin/next start --hostname 127.0.0.1 --port {port}"
    assert NEXT.endswith("npx next dev\n")
    settings = {"PYTHON_URL": folder.python_url, **settings}
    command = NEXT.replace("npx next dev", start)
    with _server(folder, "node", command, port, settings) as server:
        yield server


@contextmanager
def _server(
    folder: Folder, program: str, command: str, port: int, settings: Mapping[str, str]
) -> Iterator[Server]:
    """Run these lines, whose last one becomes the server itself, so that it hears its end."""
    exports = "".join(
        f"export {name}={shlex.quote(value)}\n" if value else f"unset {name}\n"
        for name, value in settings.items()
    )
    lines = re.sub(rf"^{program} ", f"{exports}exec {program} ", command, flags=re.MULTILINE)
    assert lines != command
    server = Server(f"sh -e -c {shlex.quote(lines)}", port, folder.environment(), folder.path)
    try:
        server.wait_for_start()
        yield server
    finally:
        server.stop()


@dataclass
class Visitor:
    """A browser without scripts; it keeps no `Secure` cookie, since it speaks plain http.

    Attributes:
        port: the site's. Cookies know no port, so they go to every site of the same host.
        cookies: what it keeps.
        headers: what it sends with each request.
    """

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: str | None = None, kind: str = "", **headers: str
    ) -> Answer:
        """Send one request, and take the cookies of the answer; redirects are not followed."""
        sent = {**self.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
        if kind:
            sent["Content-Type"] = kind
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            answer = Answer(
                status=response.status,
                headers=[(name.lower(), value) for name, value in response.getheaders()],
                body=response.read(),
            )
        finally:
            connection.close()
        for header in answer.all("set-cookie"):  # in their order, as browsers do
            self._receive(ReceivedCookie.parse(header))
        return answer

    def _receive(self, cookie: ReceivedCookie) -> None:
        if cookie.max_age == 0:
            self.cookies.pop(cookie.name, None)
        elif "Secure" not in cookie.attributes:
            self.cookies[cookie.name] = cookie.value

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, **form: str) -> Answer:
        """Send a form."""
        return self.ask("POST", path, urlencode(form), "application/x-www-form-urlencoded")

    def send(self, path: str, **data: Any) -> Answer:
        """Send JSON."""
        return self.ask("POST", path, json.dumps(data), "application/json")

    def act(self, button: str, origin: str | None = None, **form: str) -> Answer:
        """Click on a button of the first page whose form is a server action."""
        page = self.get("/").body.decode()
        (found,) = re.findall(rf'<form(?:(?!<form).)*?<button id="{button}"', page, re.DOTALL)
        (hidden,) = re.findall(r'name="(\$ACTION_ID_\w+)"', found)
        parts = "".join(
            f'--limit\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in {hidden: "", **form}.items()
        )
        origin = origin or f"http://127.0.0.1:{self.port}"
        kind = "multipart/form-data; boundary=limit"
        return self.ask("POST", "/", f"{parts}--limit--\r\n", kind, Origin=origin)

    def read(self, path: str, name: str = "shown") -> str:
        """Return the text of the element of this id on a page."""
        answer = self.get(path)
        (found,) = re.findall(rf'<p id="{name}">(.*?)</p>', answer.body.decode(), re.DOTALL)
        return html.unescape(str(found).replace("<!-- -->", ""))
