"""Four processes of uvicorn and of gunicorn over each store: endings hold in all of them."""

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest

from tests.revocation.live.sites import (
    COMMANDS,
    WORKERS,
    Line,
    Site,
    Visitor,
    run_site,
    times_to_hold,
)

VISITORS = 200
AT_ONCE = 12
VISITS = 3
LONGEST = 5.0
"""Within how many seconds an ending must hold, on a machine that is busy with other things."""


@pytest.fixture(params=sorted(COMMANDS))
def site(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> Iterator[Site]:
    home = tmp_path / "home"
    home.mkdir()
    with run_site(request.param, store, home) as made:
        yield made


def test_an_ending_holds_in_all_workers_and_nobody_is_lost_or_revived_under_load(
    site: Site,
) -> None:
    lines = site.lines()
    assert len(lines) == WORKERS
    times = times_to_hold(site, 2 * WORKERS)
    assert statistics.median(times) < LONGEST
    assert max(times) < LONGEST
    crowd = Crowd(site)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(crowd.live, range(VISITORS)))
    crowd.check(lines)


class Crowd:
    """Visitors who log in and visit; a quarter of them stays, the others end in three ways.

    Whoever has a copy of an ended cookie tries it again and again.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = Lock()
        self._refused: set[tuple[int, str]] = set()
        self.staying: list[Visitor] = []
        self.ended: list[str] = []

    def live(self, number: int) -> None:
        visitor = Visitor(self._site, f"visitor-{number}")
        visitor.log_in()
        for at in range(VISITS):
            answer = visitor.get("/visit")
            assert (answer["user"], answer["visits"]) == (visitor.user, at + 1)
        ways: list[Callable[[Visitor], object]] = [
            self._stay,
            self._log_out,
            self._end,
            self._end_id,
        ]
        copy = visitor.cookie
        ways[number % len(ways)](visitor)
        if visitor not in self.staying:
            with self._lock:
                self.ended.append(copy)
            for _ in range(VISITS):
                self._try(copy)

    def _stay(self, visitor: Visitor) -> None:
        self.staying.append(visitor)

    def _log_out(self, visitor: Visitor) -> None:
        assert visitor.get("/logout")["user"] is None
        assert visitor.cookie == ""

    def _end(self, visitor: Visitor) -> None:
        visitor.get("/end_user", user=visitor.user)

    def _end_id(self, visitor: Visitor) -> None:
        visitor.get("/end_session", id=visitor.id)

    def _try(self, cookie: str) -> bool:
        """Return whether a worker accepts an ended cookie; never if it has refused it before."""
        line = self._site.connect()
        try:
            return self.is_accepted(line, cookie)
        finally:
            line.close()

    def is_accepted(self, line: Line, cookie: str) -> bool:
        answer = line.get("/who", cookie)
        with self._lock:
            if answer["user"] is None:
                self._refused.add((answer["pid"], cookie))
                return False
            assert (answer["pid"], cookie) not in self._refused, "an ended session was revived"
            return True

    def check(self, lines: dict[int, Line]) -> None:
        assert len(self.staying) == VISITORS // 4
        assert len(self.ended) == VISITORS - VISITORS // 4
        deadline = time.monotonic() + LONGEST
        for line in lines.values():
            for cookie in self.ended:
                while self.is_accepted(line, cookie):
                    assert time.monotonic() < deadline
        for line in lines.values():
            for visitor in self.staying:
                answer = line.get("/who", visitor.cookie)
                assert (answer["user"], answer["visits"]) == (visitor.user, VISITS)
