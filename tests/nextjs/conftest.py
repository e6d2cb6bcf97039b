"""Two sites: as the page has them before its last steps, and at its end."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.contract.door import Answer
from tests.examples.servers import Server
from tests.nextjs.site import (
    Folder,
    Visitor,
    first_files,
    last_files,
    make_folder,
    next_server,
    python_server,
)


@dataclass(frozen=True)
class Site:
    """Both servers, side by side.

    Attributes:
        folder: the reader's.
        python: the server in Python.
        next: the server in Node.js.
        alone: what a path under /py was answered with before Python was started.
    """

    folder: Folder
    python: Server
    next: Server
    alone: Answer

    def visitor(self, **headers: str) -> Visitor:
        """Return a browser at the site's address, which is that of Next.js."""
        return Visitor(self.next.port, headers=headers)


def run(folder: Folder, app: str) -> Iterator[Site]:
    folder.build()
    with next_server(folder) as in_node:
        alone = Visitor(in_node.port).get("/py/me")
        with python_server(folder, app) as in_python:
            yield Site(folder, in_python, in_node, alone)


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run the site of the first steps, with a proxy that saves where a test asks for it."""
    path = tmp_path_factory.mktemp("first") / "site"
    yield from run(make_folder(path, first_files(), "more", "saving"), "main:app")


@pytest.fixture(scope="session")
def last(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run the site of the whole page."""
    path = tmp_path_factory.mktemp("last") / "site"
    yield from run(make_folder(path, last_files(), "more"), "more:app")
