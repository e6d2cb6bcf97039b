"""Requests to every framework, without a session, with ours and with its own; in process.

Each framework runs in its own process, one after the other: they would share settings and caches.
Where there is a native core, each runs once more, with it.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cores import PYTHON, cores, environment, label
from benchmarks.rounds import Comparison, compare
from benchmarks.visits import BARE, OURS, OWN, Visits

FRAMEWORKS = (
    "starlette",
    "starlette_seals_kept",
    "fastapi",
    "litestar",
    "flask",
    "quart",
    "django",
    "aiohttp",
    "aiohttp_session",
    "sanic",
    "asgi",
    "wsgi",
)


@dataclass(frozen=True)
class Requests:
    """The time that a framework takes for a request, sent in one of its ways.

    Attributes:
        framework: its name and version.
        way: how the request was sent.
        core: the path that our session took, see cores.py.
        own_session: the framework's own session; empty if it has none.
        visits: microseconds, and the ratio to the bare app; by session and what is done to it.
    """

    framework: str
    way: str
    core: str
    own_session: str
    visits: dict[str, Comparison]

    @property
    def name(self) -> str:
        return label(f"{self.framework}, {self.way}", self.core)

    def whole(self, page: str) -> float:
        """Return our request's time as a ratio to that of the framework's own session."""
        return self.visits[f"{OURS}, {page}"].value / self.visits[f"{OWN}, {page}"].value

    def added(self, page: str) -> float:
        """Return what our session adds to the bare app, as a ratio to what its own adds."""
        return self.adds(OURS, page) / self.adds(OWN, page)

    def adds(self, session: str, page: str) -> float:
        """Return how many microseconds a session adds to the bare app."""
        return self.visits[f"{session}, {page}"].value - self.visits[BARE].value


def measure(rounds: int, requests: int) -> list[Requests]:
    """Measure every framework, in batches of this many requests."""
    return [
        one
        for name in FRAMEWORKS
        for core in cores()
        for one in summarise(visit(name, rounds, requests, core), core)
    ]


def visit(framework: str, rounds: int, requests: int, core: str = PYTHON) -> Visits:
    command = [sys.executable, "-m", "benchmarks.visits", framework]
    numbers = ["--rounds", str(rounds), "--requests", str(requests)]
    run = subprocess.run(
        [*command, *numbers],
        cwd=Path(__file__).parent.parent,
        env=environment(core),
        stdout=subprocess.PIPE,
        check=True,
    )
    return Visits(**json.loads(run.stdout))


def summarise(visits: Visits, core: str = PYTHON) -> list[Requests]:
    """Return the minima over the rounds, for each way."""
    return [
        Requests(
            framework=f"{visits.name} {visits.version}",
            way=way,
            core=core,
            own_session=visits.own_session,
            visits=compare(rounds, BARE),
        )
        for way, rounds in visits.microseconds.items()
    ]
