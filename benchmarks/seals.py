"""Seal and unseal sessions of several sizes, beside the competitors; and beside a busy thread."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from benchmarks.cores import PYTHON, cores, label
from benchmarks.rounds import Comparison, Rounds, compare
from benchmarks.sample import DATA, SIZES
from benchmarks.workers import Worker, start_all

OURS = "seal_data.py"
OUR_SESSION = "session.py"
REFERENCE = "fernet.py"
STRAIGHTFORWARD = "straightforward.py"
STARLETTE = "starlette_session.py"
LITESTAR = "litestar_session.py"
COMPETITORS = (
    REFERENCE,
    OURS,
    OUR_SESSION,
    STRAIGHTFORWARD,
    STARLETTE,
    "flask_session.py",
    "django_signing.py",
    LITESTAR,
    "aiohttp_session_storage.py",
    "joserfc_jwe.py",
    "pyseto_local.py",
    "iron_session_9.mjs",
    "hapi_iron.mjs",
    "h3.mjs",
    "cookie_session.mjs",
    "client_sessions.mjs",
)
BESIDE_A_THREAD = (OURS, STRAIGHTFORWARD, REFERENCE, STARLETTE)
OPERATIONS = ("seal", "unseal")


@dataclass(frozen=True)
class Description:
    """A competitor's name, and the version that was measured."""

    name: str
    version: str


@dataclass(frozen=True)
class Size:
    """What was measured of sessions of one size, by competitor.

    Attributes:
        lengths: how many characters a competitor writes.
        seal: in microseconds, and beside the reference.
        unseal: likewise.
    """

    lengths: dict[str, int]
    seal: dict[str, Comparison]
    unseal: dict[str, Comparison]


@dataclass(frozen=True)
class Seals:
    """The competitors, and what was measured, by size."""

    competitors: dict[str, Description]
    sizes: dict[str, Size]


@dataclass(frozen=True)
class Latency:
    """Milliseconds of a call: the median, and the 99th percentile; each of the best round."""

    name: str
    median: float
    p99: float

    @classmethod
    def of(cls, name: str, rounds: Sequence[Sequence[float]]) -> "Latency":
        """Return the minima over the rounds of all calls."""
        return cls(name, min(map(median, rounds)), min(quantiles(one, n=100)[98] for one in rounds))


def competitors(files: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the file and the path of each by name: ours takes every path there is."""
    return {
        label(file, core): (file, core)
        for file in files
        for core in (cores() if file in (OURS, OUR_SESSION) else (PYTHON,))
    }


def measure(rounds: int, seconds: float) -> Seals:
    """Measure each operation of each competitor for this long in each round."""
    with start_all(competitors(COMPETITORS)) as workers:
        descriptions = {name: _describe(name, worker) for name, worker in workers.items()}
        for operation in OPERATIONS:  # to warm up: Node compiles what runs often
            _time(workers, operation, DATA, rounds=1, seconds=10 * seconds)
        sizes = {
            size: _measure_size(workers, data, rounds, seconds) for size, data in SIZES.items()
        }
    return Seals(descriptions, sizes)


def _describe(name: str, worker: Worker) -> Description:
    description = Description(**worker.ask("describe"))
    _, comma, core = name.partition(", ")
    return Description(f"{description.name}{comma}{core}", description.version)


def _measure_size(
    workers: dict[str, Worker], data: dict[str, Any], rounds: int, seconds: float
) -> Size:
    times = {one: _time(workers, one, data, rounds, seconds) for one in OPERATIONS}
    return Size(
        {name: worker.ask("length", data=data) for name, worker in workers.items()},
        **{operation: compare(values, REFERENCE) for operation, values in times.items()},
    )


def _time(
    workers: dict[str, Worker], operation: str, data: dict[str, Any], rounds: int, seconds: float
) -> Rounds:
    values: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            values[name].append(worker.ask(operation, data=data, seconds=seconds))
    return values


def measure_busy(rounds: int, seconds: float) -> dict[str, Latency]:
    """Measure every single seal made beside a busy thread, by competitor."""
    with start_all(competitors(BESIDE_A_THREAD)) as workers:
        latencies: dict[str, list[list[float]]] = {name: [] for name in workers}
        for _ in range(rounds):
            for name, worker in workers.items():
                latencies[name].append(worker.ask("seal, busy", data=DATA, seconds=seconds))
        return {
            name: Latency.of(_describe(name, worker).name, latencies[name])
            for name, worker in workers.items()
        }
