"""How often renewing a session undoes what another tab does: `python -m benchmarks.races`.

A session is to be written again, and a page reads it. Another tab sends a change, or a logout, at
the same moment: all requests carry the same cookie, and the responses arrive in random order. The
rule of this package, by which a renewal waits for a navigation, is compared with the rule that any
request renews, which this package follows if browsers send no `Sec-Fetch-Mode`.

Each run is an order in which the responses arrive. Real requests overlap less often: here all of
them are sent before the first response arrives.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import TypeAlias

from benchmarks.report import table
from benchmarks.sample import PASSWORD
from iron_session import HeaderJar, Session, SessionOptions, get_iron_session
from iron_session.testing import cookie_header, frozen_clock, read_session

HOUR = 3600
OLD_PASSWORD = PASSWORD[::-1]


def make_options(passwords: dict[int, str]) -> SessionOptions:
    return SessionOptions(
        password=passwords, cookie_name="session", ttl=10 * HOUR, renew_after=2 * HOUR
    )


OPTIONS = make_options({1: OLD_PASSWORD, 2: PASSWORD})
STATES = {"due": (PASSWORD, 2, 3), "overdue": (PASSWORD, 2, 7), "old": (OLD_PASSWORD, 1, 1)}
"""The session's state: the password that sealed it, its id, and how many hours ago."""

Act: TypeAlias = Callable[[Session], None]

FETCHES = ("cors", "no-cors") * 3
PAGES = {
    "a page that opens": ("navigate",),
    "6 requests of an open page": FETCHES,
    "both at one moment": ("navigate", *FETCHES),
}
"""The `Sec-Fetch-Mode` of each request, by what reads the session.

The first also stands for a page whose own requests follow its response: they carry the new cookie.
"""


@dataclass(frozen=True)
class Head:
    mode: str | None
    scheme: str = "https"

    def get(self, name: str) -> Sequence[str]:
        return [self.mode] if self.mode and name == "Sec-Fetch-Mode" else []


def read(session: Session) -> None:
    assert session["user"] == 1


def write(session: Session) -> None:
    session["paid"] = True


def answer(cookies: str, mode: str | None, act: Act) -> list[str]:
    """Handle one request, and return the response's `Set-Cookie` headers."""
    jar = HeaderJar(cookies, Head(mode))
    session = get_iron_session(jar, OPTIONS)
    act(session)
    session.commit()
    return jar.set_cookie_headers


def answers(state: str, modes: Sequence[str | None], act: Act) -> list[list[str]]:
    """Handle a page's requests and another tab's, all of which carry the same cookie."""
    password, id_, hours = STATES[state]
    with frozen_clock() as clock:
        cookies = cookie_header(make_options({id_: password}), {"user": 1})
        clock.tick(hours * HOUR)
        return [*(answer(cookies, mode, read) for mode in modes), answer(cookies, "cors", act)]


def count_undone(runs: int, state: str, modes: Sequence[str | None], act: Act) -> int:
    """Count the runs that lose the change or undo the logout; the same in each process."""
    random = Random(f"{state} {len(modes)} {act.__name__}")  # noqa: S311 - no secret
    order, undone = answers(state, modes, act), 0
    with frozen_clock():
        for _ in range(runs):
            random.shuffle(order)
            found = read_session([header for one in order for header in one], OPTIONS)
            assert found is not None, "nothing was written"
            undone += found != ({"user": 1, "paid": True} if act is write else {})
    return undone


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.races", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    rows = []
    for state, (page, modes) in product(STATES, PAGES.items()):
        rules = ([None] * len(modes), modes)
        counts = [
            str(count_undone(runs, state, rule, act))
            for act in (write, Session.destroy)
            for rule in rules
        ]
        rows.append((f"{state}: {page}", *counts))
    head = ("", "change: any request", "navigation", "logout: any request", "navigation")
    print(table(f"Undone in {runs} runs, by what renews a session", head, rows))


if __name__ == "__main__":
    main()
