"""Requests to every framework, without a session, with ours and with its own; in process.

Each framework has a process of its own, one after the other: settings and caches are one app's.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rounds import Comparison, compare, median_ratio
from benchmarks.visits import BARE, OURS, OWN, PAGES, Visits

FRAMEWORKS = (
    "starlette",
    "fastapi",
    "litestar",
    "flask",
    "quart",
    "django",
    "aiohttp",
    "sanic",
    "wsgi",
)


@dataclass(frozen=True)
class Requests:
    """What a framework takes for a request, asked in one of its ways.

    Attributes:
        framework: its name and version.
        way: how it was asked.
        own_session: what it has itself; empty where it has nothing.
        visits: by whose session and what is done to it, in microseconds, and beside the bare app.
        beside_own: by what is done to it: ours beside the framework's own.
    """

    framework: str
    way: str
    own_session: str
    visits: dict[str, Comparison]
    beside_own: dict[str, float]

    @property
    def name(self) -> str:
        return f"{self.framework}, {self.way}"


def measure(rounds: int, requests: int) -> list[Requests]:
    """Measure every framework, in batches of this many requests."""
    return [one for name in FRAMEWORKS for one in summarise(visit(name, rounds, requests))]


def visit(framework: str, rounds: int, requests: int) -> Visits:
    command = [sys.executable, "-m", "benchmarks.visits", framework]
    numbers = ["--rounds", str(rounds), "--requests", str(requests)]
    here = Path(__file__).parent.parent
    run = subprocess.run([*command, *numbers], cwd=here, stdout=subprocess.PIPE, check=True)
    return Visits(**json.loads(run.stdout))


def summarise(visits: Visits) -> list[Requests]:
    """Give the medians over the rounds, for each way of asking."""
    return [
        Requests(
            framework=f"{visits.name} {visits.version}",
            way=way,
            own_session=visits.own_session,
            visits=compare(rounds, BARE),
            beside_own={
                page: median_ratio(rounds[f"{OURS}, {page}"], rounds[f"{OWN}, {page}"])
                for page in PAGES
                if f"{OWN}, {page}" in rounds
            },
        )
        for way, rounds in visits.microseconds.items()
    ]
