"""Seal and unseal a session, beside the competitors; and seal it beside a busy thread."""

from dataclasses import dataclass

from benchmarks.rounds import Rounds
from benchmarks.workers import Worker, start_all

OURS = "seal_data.py"
REFERENCE = "fernet.py"
STRAIGHTFORWARD = "straightforward.py"
COMPETITORS = (
    REFERENCE,
    OURS,
    "session.py",
    STRAIGHTFORWARD,
    "starlette_session.py",
    "django_signing.py",
    "hapi_iron.mjs",
    "iron_session_9.mjs",
)
OPERATIONS = ("seal", "unseal")


@dataclass(frozen=True)
class Description:
    """A competitor: its name, the version that was measured, and the length of what it writes."""

    name: str
    version: str
    length: int


@dataclass(frozen=True)
class Seals:
    """Who was measured, and the microseconds of each operation, by file."""

    descriptions: dict[str, Description]
    microseconds: dict[str, Rounds]


def measure(rounds: int, seconds: float) -> Seals:
    """Measure each operation of each competitor for this long in each round."""
    with start_all(COMPETITORS) as workers:
        descriptions = {file: Description(**w.ask("describe")) for file, w in workers.items()}
        for operation in OPERATIONS:  # Node compiles what it has seen often
            _time(workers, operation, 1, seconds=10 * seconds)
        return Seals(
            descriptions,
            {operation: _time(workers, operation, rounds, seconds) for operation in OPERATIONS},
        )


def _time(workers: dict[str, Worker], operation: str, rounds: int, seconds: float) -> Rounds:
    values: dict[str, list[float]] = {file: [] for file in workers}
    for _ in range(rounds):
        for file, worker in workers.items():
            values[file].append(worker.ask(operation, seconds=seconds))
    return values


def measure_busy(rounds: int, seconds: float) -> dict[str, list[float]]:
    """Give the milliseconds of every single seal made beside a busy thread, by file."""
    with start_all((OURS, STRAIGHTFORWARD)) as workers:
        latencies: dict[str, list[float]] = {file: [] for file in workers}
        for _ in range(rounds):
            for file, worker in workers.items():
                latencies[file] += worker.ask("seal, busy", seconds=seconds)
    return latencies
