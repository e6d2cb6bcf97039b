"""All that has been measured: parts that are measured one by one, and kept in one file."""

import json
import os
import platform
import ssl
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.backends.openssl.backend import backend

from benchmarks import imports, live, memory, requests, seals
from benchmarks.cores import has_json
from benchmarks.live import Live
from benchmarks.memory import Memory
from benchmarks.requests import Requests
from benchmarks.rounds import Comparison
from benchmarks.seals import Latency, Seals
from benchmarks.workers import find_node


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    seal_rounds: int
    seal_seconds: float
    busy_rounds: int
    busy_seconds: float
    import_rounds: int
    request_rounds: int
    requests: int
    live_rounds: int
    live_seconds: int
    seals_for_memory: int


@dataclass(frozen=True)
class Results:
    """Each part is None until it has been measured.

    Attributes:
        machine: what the numbers were measured on.
        versions: of what is common to all parts.
        commands: the command that measured each part.
        native_json: whether the native core that was measured writes JSON too.
        live_missing: what the machine lacked for the live servers; empty if nothing.
    """

    machine: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    native_json: bool = False
    seals: Seals | None = None
    busy: dict[str, Latency] | None = None
    imports: dict[str, Comparison] | None = None
    memory: Memory | None = None
    requests: list[Requests] | None = None
    live: list[Live] | None = None
    live_missing: str = ""


def read(file: Path) -> Results:
    """Read the results of earlier runs; empty ones if there is no file yet."""
    if not file.exists():
        return Results()
    return msgspec.json.decode(file.read_bytes(), type=Results)


def write(results: Results, file: Path) -> None:
    content = json.dumps(msgspec.to_builtins(results), indent=1)
    file.write_text(f"{content}\n", encoding="utf-8")


def _measure_live(effort: Effort) -> dict[str, Any]:
    if missing := live.missing():
        return {"live": None, "live_missing": missing}
    return {"live": live.measure(effort.live_rounds, effort.live_seconds), "live_missing": ""}


PARTS: Mapping[str, Callable[[Effort], dict[str, Any]]] = {
    "seals": lambda effort: {"seals": seals.measure(effort.seal_rounds, effort.seal_seconds)},
    "requests": lambda effort: {
        "requests": requests.measure(effort.request_rounds, effort.requests)
    },
    "live": _measure_live,
    "busy": lambda effort: {"busy": seals.measure_busy(effort.busy_rounds, effort.busy_seconds)},
    "imports": lambda effort: {"imports": imports.measure(effort.import_rounds)},
    "memory": lambda effort: {"memory": memory.measure(effort.seals_for_memory)},
}


def measure(results: Results, part: str, effort: Effort, command: str) -> Results:
    """Return the results with one part measured anew."""
    return replace(
        results,
        machine=_machine(),
        versions=_versions(),
        commands={**results.commands, part: command},
        native_json=has_json(),
        **PARTS[part](effort),
    )


def _machine() -> str:
    return f"{platform.system()}, {_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    """Return the processor's name; Linux alone tells more than its architecture."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{names[0]} ({platform.machine()})" if names else platform.machine()


def _versions() -> dict[str, str]:
    code = "console.log(JSON.stringify(process.versions))"
    run = subprocess.run([find_node(), "--eval", code], capture_output=True, check=True)
    node = json.loads(run.stdout)
    return {
        "Python": platform.python_version(),
        "cryptography": version("cryptography"),
        "OpenSSL of hashlib": ssl.OPENSSL_VERSION,
        "OpenSSL of cryptography": backend.openssl_version_text(),
        "Node": node["node"],
        "OpenSSL of Node": node["openssl"],
        "uvicorn": version("uvicorn"),
        "granian": version("granian"),
        "gunicorn": version("gunicorn"),
    }
