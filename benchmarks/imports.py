"""How long `import iron_session` takes in a fresh process, beside what it can't do without."""

import os
import subprocess
import sys
from collections.abc import Mapping
from tempfile import TemporaryDirectory

from benchmarks.rounds import Rounds

OURS = "iron_session"
REFERENCE = "cryptography.hazmat.primitives.ciphers"


def measure(rounds: int) -> Rounds:
    """Give the milliseconds of each import, by module."""
    milliseconds: dict[str, list[float]] = {OURS: [], REFERENCE: []}
    with TemporaryDirectory() as folder:
        # Installed packages are compiled. Here too, also where Python is told to write no bytecode.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
        for _ in range(rounds + 1):
            for module, values in milliseconds.items():
                values.append(_import_time(module, environment))
    # The first round compiles.
    return {module: values[1:] for module, values in milliseconds.items()}


def _import_time(module: str, environment: Mapping[str, str]) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, check=True)
    return float(run.stdout) * 1e3
