"""gunicorn: workers of several kinds, some of them forked from an application that is loaded."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.libraries.servers.serving import (
    FLASK,
    QUART,
    Visitor,
    check_a_visit,
    serving,
    visiting,
)
from tests.sessions.browser import NAME


@pytest.mark.parametrize(
    "command",
    [
        f"gunicorn --threads 4 --bind 127.0.0.1:PORT {FLASK}",
        f"gunicorn --worker-class asgi --bind 127.0.0.1:PORT {QUART}",
    ],
    ids=["threads", "asgi"],
)
def test_a_visitor_logs_in_and_out(tmp_path: Path, command: str) -> None:
    with serving(command, tmp_path) as servers, visiting(servers) as visitor:
        check_a_visit(visitor)


@pytest.fixture(scope="module")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Start two servers that load the site once, and fork their workers then."""
    command = f"gunicorn --preload --workers 2 --bind 127.0.0.1:PORT {FLASK}"
    with serving(command, tmp_path_factory.mktemp("gunicorn")) as addresses:
        yield addresses


@pytest.fixture
def visitor(forking: tuple[str, str]) -> Iterator[Visitor]:
    """Open a browser."""
    with visiting(forking) as visitor:
        yield visitor


def test_a_visitor_logs_in_and_out_at_forked_workers(visitor: Visitor) -> None:
    check_a_visit(visitor)


def test_a_worker_that_dies_takes_no_session_with_it(visitor: Visitor) -> None:
    first = visitor.log_in()["pid"]
    os.kill(first, signal.SIGKILL)
    seen = visitor.see(visitor.one)
    assert (seen["user"], seen["pid"] != first) == ("jane", True)


def test_workers_forked_from_one_process_never_seal_alike(visitor: Visitor) -> None:
    """Each draws a salt and an initialization vector of its own."""
    workers, drawn = set(), set()
    for _ in range(4):
        visitor.client.cookies.clear()
        worker = visitor.log_in()["pid"]
        _, _, salt, vector, *_ = visitor.client.cookies[NAME].split("*")
        workers.add(worker)
        drawn |= {salt, vector}
        os.kill(worker, signal.SIGKILL)
    assert (len(workers), len(drawn)) == (4, 8)
