"""Machines whose clocks are an hour apart, or are set back: each worker is a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.waiting import WAIT, wait_for
from tests.revocation.faults.processes import Browser
from tests.revocation.faults.servers import PostgresPlace
from tests.revocation.servers import RedisServer

ROOT = Path(__file__).parents[3]


class Worker:
    """A process whose clock is some hours ahead."""

    def __init__(self, url: str, hours: float) -> None:
        module = "tests.revocation.faults.worker"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, url, str(hours)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, name: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer
        return answer["answer"]

    def log_in(self, user: str) -> Browser:
        return Browser(*self.ask("log_in", user))

    def visit(self, browser: Browser) -> str:
        return str(self.ask("visit", browser.user, browser.cookie))

    def end(self, browser: Browser) -> None:
        browser.ended_at = self.ask("end", browser.user)

    def set_clock(self, hours: float) -> None:
        self.ask("set_clock", hours)

    @property
    def fresh_from(self) -> int:
        return int(self.ask("fresh_from"))

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(WAIT)


@contextmanager
def workers(url: str, *hours: float) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        made = [Worker(url, each) for each in hours]
        for each in made:
            stack.callback(each.close)
        for each in made:
            assert each.ask("ready")
        yield made


@pytest.fixture(params=["sqlite", "redis", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a store."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/endings.sqlite3"
    elif request.param == "redis":
        server: RedisServer = request.getfixturevalue("own_redis")
        yield server.url
    else:
        place = PostgresPlace(request.getfixturevalue("postgres"))
        yield place.url
        place.close()


def assert_all_see(workers: list[Worker], browser: Browser, sight: str) -> None:
    """Check that all see it soon; and that none that is fresh sees an ended session as good."""

    def all_see() -> bool:
        sights = []
        for each in workers:
            fresh_from, seen = each.fresh_from, each.visit(browser)
            if browser.ended_at is not None and seen == "good":
                assert fresh_from < browser.ended_at
            sights.append(seen)
        return set(sights) == {sight}

    assert wait_for(all_see), [each.visit(browser) for each in workers]


def each_ends_what_each_began(machines: list[Worker], name: str) -> None:
    number = 0
    for beginner in machines:
        for ender in machines:
            number += 1
            user = f"{name}-{number}"
            browser = beginner.log_in(user)
            assert_all_see(machines, browser, "good")
            ender.end(browser)
            assert_all_see(machines, browser, "ended")
            again = ender.log_in(user)
            assert_all_see(machines, again, "good")
            assert_all_see(machines, browser, "ended")


def pass_a_heartbeat(machines: list[Worker]) -> None:
    """Wait until each of them has read the store's clock anew."""
    before = [each.fresh_from for each in machines]
    for each, fresh_from in zip(machines, before, strict=True):
        assert wait_for(lambda: each.fresh_from > fresh_from)  # noqa: B023 - called in this turn of the loop


@pytest.mark.parametrize("url", ["redis", "postgresql"], indirect=True)
def test_machines_an_hour_apart_end_each_others_sessions(url: str) -> None:
    """Not with SQLite, whose processes are all on one machine."""
    with workers(url, 1, 0, -1) as machines:
        each_ends_what_each_began(machines, "apart")


@pytest.mark.parametrize("url", ["redis", "postgresql"], indirect=True)
def test_a_machine_whose_clock_is_set_back_revives_nothing(url: str) -> None:
    with workers(url, 1, 0) as machines:
        ahead, other = machines
        early, late = ahead.log_in("early"), ahead.log_in("late")
        other.end(early)
        assert_all_see(machines, early, "ended")
        ahead.set_clock(-1)
        assert_all_see(machines, early, "ended")
        assert_all_see(machines, late, "good")
        other.end(late)
        assert_all_see(machines, late, "ended")
        each_ends_what_each_began(machines, "back")
        other.set_clock(1)
        each_ends_what_each_began(machines, "forth")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_one_clock_of_a_machine_may_go_ahead_and_back(url: str) -> None:
    with workers(url, 0, 0) as machines:
        early, late = machines[0].log_in("early"), machines[0].log_in("late")
        machines[1].end(early)
        assert_all_see(machines, early, "ended")
        for hours in (1, -1, 0):
            for each in machines:
                each.set_clock(hours)
            assert_all_see(machines, early, "ended")
            assert_all_see(machines, late, "good")
            pass_a_heartbeat(machines)
            each_ends_what_each_began(machines, f"at {hours}")
            assert_all_see(machines, late, "good")
        machines[1].end(late)
        assert_all_see(machines, late, "ended")
