"""The memory of sessions and of many seals, each measured in a process of its own.

    python -m benchmarks.memory sessions
    python -m benchmarks.memory seals --count 1000000

The first counts what Python allocates for a session and its jar; the second shows the memory of
the process after a tenth of the seals, and after all.
"""

import argparse
import json
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.competitors import seal_data, session
from benchmarks.cores import cores, environment
from benchmarks.sample import DATA, SIZES
from iron_session import HeaderJar, get_iron_session

SESSIONS = 1000
BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss


@dataclass(frozen=True)
class Session:
    """Bytes of one session and its jar, without the text of the header."""

    unread: float
    read: float
    data: float  # the same data as a plain dict, decoded from JSON


@dataclass(frozen=True)
class Growth:
    """The memory of a process in bytes after a tenth of the seals, and after all of them."""

    count: int
    early: int
    late: int

    @property
    def kilobytes(self) -> float:
        return (self.late - self.early) / 1024


@dataclass(frozen=True)
class Memory:
    """Sessions by size, and the growth of a process that seals and unseals; each by path."""

    sessions: dict[str, dict[str, Session]]
    growth: dict[str, Growth]


def measure(count: int) -> Memory:
    """Measure both, with this many seals."""
    return Memory(
        sessions={
            core: {size: Session(**one) for size, one in _run(core, "sessions").items()}
            for core in cores()
        },
        growth={core: Growth(**_run(core, "seals", "--count", str(count))) for core in cores()},
    )


def _run(core: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    here = Path(__file__).parent.parent
    run = subprocess.run(
        command, cwd=here, env=environment(core), stdout=subprocess.PIPE, check=True
    )
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def session_bytes(data: dict[str, Any]) -> dict[str, float]:
    """Count the bytes of many sessions, and return those of one."""
    header, text = session.seal(data), json.dumps(data)
    assert _read(_load(header))  # now what is made once, is made
    sessions: list[Any] = []
    unread = allocated(lambda: sessions.extend(_load(header) for _ in range(SESSIONS)))
    read = allocated(lambda: all(map(_read, sessions)))
    plain = allocated(lambda: sessions.extend(json.loads(text) for _ in range(SESSIONS)))
    return {
        "unread": unread / SESSIONS,
        "read": (unread + read) / SESSIONS,
        "data": plain / SESSIONS,
    }


def _load(header: str) -> Any:
    return get_iron_session(HeaderJar(header), session.CHUNKED)


def _read(loaded: Any) -> bool:
    return bool(loaded["visits"] == DATA["visits"])


def allocated(act: Callable[[], object]) -> int:
    """Return the bytes that are allocated by an act and still held after it."""
    tracemalloc.start()
    act()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held


def seal_many(count: int) -> dict[str, int]:
    early = 0
    for number in range(count):
        assert seal_data.unseal(seal_data.seal(DATA)) == DATA
        if number == count // 10:
            early = resident()
    return {"count": count, "early": early, "late": resident()}


def resident() -> int:
    """Return the bytes of memory that this process occupies; elsewhere than on Linux, at most did.

    Linux hands that maximum on from the process that started this one, so it is of no use there.
    """
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("what", choices=["sessions", "seals"])
    parser.add_argument("--count", type=int, default=1_000_000)
    arguments = parser.parse_args()
    if arguments.what == "sessions":
        print(json.dumps({size: session_bytes(data) for size, data in SIZES.items()}))
    else:
        print(json.dumps(seal_many(arguments.count)))


if __name__ == "__main__":
    main()
