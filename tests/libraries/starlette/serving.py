"""Serves applications over real HTTP on loopback: in a thread, or in a process of their own."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from iron_session import SessionOptions
from tests.sessions.browser import make_options


def plain_options(**changes: Any) -> SessionOptions:
    """Build options for plain HTTP: clients send no Secure cookie there."""
    return make_options(cookie_options={"secure": False}, **changes)


PATIENCE = 60.0
"""How long an answer is waited for, in seconds."""

ROOT = Path(__file__).parents[3]


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Return the address, without a slash at its end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"  # it listens: early calls wait
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def run_site(name: str, log: Path, *arguments: str, **environment: str) -> Iterator[str]:
    """Run a file beside this one, which serves at the port that is its first argument.

    So run libraries that have one application in a process, or change others within it.

    Args:
        name: the file's, without its ending.
        log: where its standard error goes.
        arguments: what else it is started with.
        environment: what else there is in its environment.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **environment, "PYTHONPATH": path}
    del environment["PYTEST_CURRENT_TEST"]  # else NiceGUI takes itself for the one under test
    command = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), str(port), *arguments]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )
    try:
        _wait_for(port, process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the site did not start: {log.read_text()}")
