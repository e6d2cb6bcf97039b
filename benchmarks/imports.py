"""The CPU time of an import in a fresh process: ours beside those of the competitors.

Every file comes from the system's cache, so CPU time is all there is to measure; and other
processes disturb it less.
"""

import subprocess
import sys
from collections.abc import Mapping
from tempfile import TemporaryDirectory

from benchmarks.cores import PYTHON, cores, environment, label
from benchmarks.rounds import Comparison, compare

OURS = "iron_session"
REFERENCE = "cryptography.fernet"
MODULES = (
    REFERENCE,
    OURS,
    "itsdangerous",
    "joserfc.jwe",
    "pyseto",
    "starlette.middleware.sessions",
    "flask.sessions",
    "django.contrib.sessions.backends.base",
    "litestar.middleware.session.client_side",
    "aiohttp_session.cookie_storage",
)


def measure(rounds: int) -> dict[str, Comparison]:
    """Measure the milliseconds of each import, by module."""
    competitors = {
        label(module, core): (module, core)
        for module in MODULES
        for core in (cores() if module == OURS else (PYTHON,))
    }
    milliseconds: dict[str, list[float]] = {name: [] for name in competitors}
    with TemporaryDirectory() as folder:
        # Installed packages are compiled: so are these, even if Python should write no bytecode.
        compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
        for _ in range(rounds + 1):
            for name, (module, core) in competitors.items():
                milliseconds[name].append(_import_time(module, environment(core) | compiled))
    # The first round compiles.
    return compare({name: values[1:] for name, values in milliseconds.items()}, REFERENCE)


def _import_time(module: str, environment: Mapping[str, str]) -> float:
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, check=True)
    return float(run.stdout) * 1e3
