"""Visits to one framework's apps, in a process of its own; prints what it measured as JSON.

    python -m benchmarks.visits starlette --rounds 100 --requests 50

Each round visits every app, one after the other, and checks every answer, so that what is measured
has really been done.
"""

import argparse
import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from benchmarks.gateways import Answer, Ask, Entrance, Way
from benchmarks.rounds import Rounds
from benchmarks.sample import BODY

# Whose session an app has: none; none, but a hook in the place of ours that does nothing; ours; the
# framework's own.
BARE, FLOOR, OURS, OWN = "bare", "floor", "ours", "own"
PAGES = ("untouched", "read", "modified")
UNTOUCHED = f"{OURS}, untouched"  # must cost next to nothing
FILL = "fill"  # one more page, which writes the session that the others find

PATIENCE = 60.0  # seconds for a batch, after which no answer is expected any more


class Framework(Protocol):
    """The names that a module in frameworks/ has.

    Attributes:
        NAME: the framework's.
        VERSION: the one that is installed.
        OWN_SESSION: the framework's own session, and what it does: signs, or encrypts.
        OWN_WRITES: the pages on which that session sets a cookie.
        WAYS: how to send requests to its apps, by name.
    """

    NAME: str
    VERSION: str
    OWN_SESSION: str
    OWN_WRITES: frozenset[str]
    WAYS: Mapping[str, Way]

    def make_app(self, session: str) -> Any:
        """Make the app with the BARE, FLOOR, OURS or OWN session; None if there is no such one."""
        ...


def load(name: str) -> Framework:
    """Import a module of frameworks/."""
    # Servers are asked over plain http, by clients that do not mind a Secure cookie.
    logging.getLogger("iron_session").setLevel(logging.ERROR)
    return cast(Framework, import_module(f"benchmarks.frameworks.{name}"))


@dataclass(frozen=True)
class Visit:
    """A request, and whether its answer must set a cookie."""

    ask: Ask
    writes: bool

    async def time(self, count: int) -> float:
        """Send the request this many times, and return the microseconds of one."""
        async with asyncio.timeout(PATIENCE):
            seconds, answers = await self.ask(count)
        for answer in answers:
            check(answer, writes=self.writes)
        return seconds / count * 1e6


def check(answer: Answer, *, writes: bool) -> None:
    assert (answer.status, answer.body) == (200, BODY), answer
    assert bool(answer.set_cookie) is writes, answer


async def fill(entrance: Entrance) -> str:
    """Begin a session, and return its cookie as `name=value`."""
    async with asyncio.timeout(PATIENCE):
        _, answers = await entrance(f"/{FILL}", "")(1)
    check(answers[0], writes=True)
    (cookie,) = answers[0].set_cookie
    return cookie.partition(";")[0]


async def prepare(framework: Framework, way: Way) -> dict[str, Visit]:
    """Return every visit by name: whose session, and what is done to it."""
    apps = {session: framework.make_app(session) for session in (BARE, FLOOR, OURS, OWN)}
    entrances = {session: await way(app) for session, app in apps.items() if app is not None}
    cookie = await fill(entrances[OURS])
    visits = {
        session: Visit(entrances[session]("/untouched", cookie), writes=False)
        for session in (BARE, FLOOR)
    }
    for page in PAGES:
        ask = entrances[OURS](f"/{page}", cookie)
        visits[f"{OURS}, {page}"] = Visit(ask, writes=page == "modified")
    if OWN in entrances:
        cookie = await fill(entrances[OWN])
        for page in PAGES:
            ask = entrances[OWN](f"/{page}", cookie)
            visits[f"{OWN}, {page}"] = Visit(ask, writes=page in framework.OWN_WRITES)
    return visits


async def measure(framework: Framework, rounds: int, requests: int) -> dict[str, Rounds]:
    """Measure the microseconds of a request, by way and visit, in batches of this many."""
    microseconds: dict[str, Rounds] = {}
    for name, way in framework.WAYS.items():
        visits = await prepare(framework, way)
        for visit in visits.values():  # to warm up
            await visit.time(requests)
        values: dict[str, list[float]] = {whose: [] for whose in visits}
        for _ in range(rounds):
            for whose, visit in visits.items():
                values[whose].append(await visit.time(requests))
        microseconds[name] = values
    return microseconds


@dataclass(frozen=True)
class Visits:
    """What one process has measured: see `Framework`, and `measure`."""

    name: str
    version: str
    own_session: str
    microseconds: dict[str, Rounds]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visits", description=__doc__)
    parser.add_argument("framework")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True, help="of each kind in a round")
    arguments = parser.parse_args()
    framework = load(arguments.framework)
    microseconds = asyncio.run(measure(framework, arguments.rounds, arguments.requests))
    visits = Visits(framework.NAME, framework.VERSION, framework.OWN_SESSION, microseconds)
    print(json.dumps(asdict(visits)))


if __name__ == "__main__":
    main()
