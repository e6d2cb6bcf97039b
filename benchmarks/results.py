"""All that one run has measured, and the bounds that it is held against."""

import json
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from platform import python_version
from statistics import median, quantiles

from cryptography.hazmat.backends.openssl.backend import backend

from benchmarks import imports, requests, seals
from benchmarks.requests import Requests
from benchmarks.rounds import Comparison, compare
from benchmarks.seals import Description
from benchmarks.visits import UNTOUCHED
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


@dataclass(frozen=True)
class Latency:
    """Milliseconds: of a call in the middle, and of one in the slowest hundredth."""

    median: float
    p99: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> "Latency":
        return cls(median(milliseconds), quantiles(milliseconds, n=100)[98])


@dataclass(frozen=True)
class Bound:
    """A number to keep, and what was measured."""

    what: str
    measured: float
    most: float
    unit: str

    @property
    def kept(self) -> bool:
        return self.measured <= self.most


@dataclass(frozen=True)
class Results:
    """Comparisons by name, in microseconds but for the imports' milliseconds; and requests."""

    versions: Mapping[str, str]
    competitors: Mapping[str, Description]
    seal: Mapping[str, Comparison]
    unseal: Mapping[str, Comparison]
    busy: Mapping[str, Latency]
    imports: Mapping[str, Comparison]
    requests: Sequence[Requests]

    @property
    def bounds(self) -> list[Bound]:
        return [
            Bound("seal", self.seal[seals.OURS].ratio, 1.3, "x Fernet + json"),
            Bound("unseal", self.unseal[seals.OURS].ratio, 1.3, "x Fernet + json"),
            Bound("seal beside a busy thread", self.busy[seals.OURS].median, 1, "ms"),
            Bound("import", self.imports[imports.OURS].ratio, 1.5, "x import of ciphers"),
        ]

    @property
    def untouched_bounds(self) -> list[Bound]:
        """Give the bound of each of the requests, in their order."""
        return [
            Bound(one.name, one.visits[UNTOUCHED].ratio, 1.03, "x bare") for one in self.requests
        ]


def measure(effort: Effort) -> Results:
    measured = seals.measure(effort.seal_rounds, effort.seal_seconds)
    busy = seals.measure_busy(effort.busy_rounds, effort.busy_seconds)
    imported = imports.measure(effort.import_rounds)
    asked = requests.measure(effort.request_rounds, effort.requests)
    return Results(
        versions=_versions(),
        competitors=measured.descriptions,
        seal=compare(measured.microseconds["seal"], seals.REFERENCE),
        unseal=compare(measured.microseconds["unseal"], seals.REFERENCE),
        busy={file: Latency.of(milliseconds) for file, milliseconds in busy.items()},
        imports=compare(imported, imports.REFERENCE),
        requests=asked,
    )


def _versions() -> dict[str, str]:
    code = "console.log(JSON.stringify(process.versions))"
    run = subprocess.run([find_node(), "--eval", code], capture_output=True, check=True)
    node = json.loads(run.stdout)
    return {
        "Python": python_version(),
        "OpenSSL of hashlib": ssl.OPENSSL_VERSION,
        "OpenSSL of cryptography": backend.openssl_version_text(),
        "Node": node["node"],
        "OpenSSL of Node": node["openssl"],
        "uvicorn": version("uvicorn"),
    }
