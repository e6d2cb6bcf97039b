"""Print how large the house is, and how far one request walks through it.

    python tools/house_figures.py                     # of the checkout that it stands in
    python tools/house_figures.py --root ../before    # of another one, to compare

Each line is one figure. The last four are of a request that brings a session, reads a value and
changes it: how many Python functions of the package are called, and how often a call is in another
file than the call before it. Each framework is measured in a process of its own, which imports the
package from the checkout's src/.
"""

import argparse
import ast
import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("src", "iron_session")
PAGE = Path("docs", "frameworks", "write-your-own.md")
TOOL_KITS = ("iron_session.doors", "iron_session.http")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

COOKIE = "visited"
PASSWORD = "a password that only measurements know"  # noqa: S105 - it protects nothing


# --- what is counted in files ----------------------------------------------------------------


def count_lines(folder: Path) -> tuple[int, int]:
    """Return how many Python files a folder has, and how many lines they have."""
    files = sorted(folder.rglob("*.py"))
    return len(files), sum(len(each.read_text("utf-8").splitlines()) for each in files)


def imported_names(page: str) -> set[str]:
    """Return the names that the code blocks of a page import from the shared tool-kit."""
    return {name for code in BLOCK.findall(page) for name in _from_tool_kit(ast.parse(code))}


def _from_tool_kit(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _is_tool_kit(node.module or ""):
            yield from (alias.name for alias in node.names)


def _is_tool_kit(module: str) -> bool:
    return any(module == kit or module.startswith(f"{kit}.") for kit in TOOL_KITS)


# --- what is counted in a request ------------------------------------------------------------


class Walk:
    """A profiler that counts calls into a folder, and how often they change the file."""

    def __init__(self, folder: Path) -> None:
        self.calls = self.changes = 0
        self._folder = f"{folder}{os.sep}"
        self._last: str | None = None

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        file = frame.f_code.co_filename
        if event != "call" or not file.startswith(self._folder):
            return
        self.calls += 1
        self.changes += self._last not in (None, file)
        self._last = file


def profiled(walk: Walk, run: Callable[[], Any]) -> Any:
    """Return what a function returns, which the profiler watches."""
    sys.setprofile(walk)
    try:
        return run()
    finally:
        sys.setprofile(None)


def walk_through(package: Path, send: Callable[[str], str]) -> Walk:
    """Return the walk of a request after two that warm up: one that begins a session, one like it.

    Args:
        package: the folder of the package.
        send: sends a request with a `Cookie` header; gives the response's `Set-Cookie`.
    """
    import iron_session  # noqa: PLC0415 - the measured checkout's

    if Path(iron_session.__file__).parent != package:
        sys.exit(f"iron_session was imported from {iron_session.__file__}, not from {package}")
    walk = Walk(package)
    cookie = send("").partition(";")[0]
    cookie = send(cookie).partition(";")[0]
    profiled(walk, lambda: send(cookie))
    return walk


def make_starlette() -> Callable[[str], str]:
    """Return what sends a request to an application of Starlette, without a server."""
    from starlette.applications import Starlette  # noqa: PLC0415 - one framework a process
    from starlette.middleware import Middleware  # noqa: PLC0415
    from starlette.requests import Request  # noqa: PLC0415
    from starlette.responses import Response  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    from iron_session import SessionOptions  # noqa: PLC0415
    from iron_session.integrations.starlette import IronSessionMiddleware  # noqa: PLC0415

    async def home(request: Request) -> Response:
        request.session["visits"] = request.session.get("visits", 0) + 1
        return Response()

    options = SessionOptions(password=PASSWORD, cookie_name=COOKIE)
    sessions = Middleware(IronSessionMiddleware, options=options)
    app = Starlette(routes=[Route("/", home)], middleware=[sessions])
    return lambda cookie: asyncio.run(_send_asgi(app, cookie))


async def _send_asgi(app: Any, cookie: str) -> str:
    cookies: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        headers = message.get("headers", ())
        cookies.extend(value.decode() for name, value in headers if name == b"set-cookie")

    headers = [(b"host", b"example.com")]
    if cookie:
        headers.append((b"cookie", cookie.encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": headers,
    }
    await app(scope, receive, send)
    return cookies[0]


def make_django() -> Callable[[str], str]:
    """Return what sends a request to an application of Django, without a server."""
    import django  # noqa: PLC0415 - one framework a process
    from django.conf import settings  # noqa: PLC0415
    from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415
    from django.http import HttpResponse  # noqa: PLC0415
    from django.urls import path  # noqa: PLC0415

    def home(request: Any) -> HttpResponse:
        request.session["visits"] = request.session.get("visits", 0) + 1
        return HttpResponse()

    settings.configure(
        ALLOWED_HOSTS=["example.com"],
        SECRET_KEY=PASSWORD,
        ROOT_URLCONF=(path("", home),),
        SESSION_ENGINE="iron_session.integrations.django",
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_COOKIE_SECURE=True,
        MIDDLEWARE=["iron_session.integrations.django.IronSessionMiddleware"],
        IRON_SESSION={"password": PASSWORD},
    )
    django.setup()
    handler = WSGIHandler()
    return lambda cookie: _send_wsgi(handler, cookie)


def _send_wsgi(app: Any, cookie: str) -> str:
    from wsgiref.util import setup_testing_defaults  # noqa: PLC0415 - only Django asks for it

    cookies: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        cookies.extend(value for name, value in headers if name == "Set-Cookie")

    environ: dict[str, Any] = {"HTTP_HOST": "example.com", "wsgi.url_scheme": "https"}
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    setup_testing_defaults(environ)
    response = app(environ, start_response)
    list(response)
    response.close()
    return cookies[0]


FRAMEWORKS = {"Starlette": make_starlette, "Django": make_django}


def measure(root: Path, framework: str) -> tuple[int, int]:
    """Return calls and changes of file of a request, measured in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--root", str(root)]
    command += ["--measure", framework]
    environ = {**os.environ, "PYTHONPATH": str(root / "src")}
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    calls, changes = map(int, done.stdout.split())
    return calls, changes


# --- all of them -----------------------------------------------------------------------------


def figures(root: Path) -> Iterator[tuple[str, int]]:
    """Return each figure of a checkout with what it is of."""
    files, lines = count_lines(root / PACKAGE)
    page = (root / PAGE).read_text("utf-8")
    yield "files of the package", files
    yield "lines of the package", lines
    yield "names of the tool-kit that an integration imports", len(imported_names(page))
    yield "lines of the page about writing an integration", len(page.splitlines())
    for framework in FRAMEWORKS:
        calls, changes = measure(root, framework)
        yield f"{framework}: calls in one request", calls
        yield f"{framework}: changes of file in one request", changes


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to measure")
    parser.add_argument("--measure", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    root = given.root.resolve()
    if given.measure:
        walk = walk_through(root / PACKAGE, FRAMEWORKS[given.measure]())
        print(walk.calls, walk.changes)
        return
    for name, number in figures(root):
        print(f"{name}: {number}", flush=True)


if __name__ == "__main__":
    main()
