"""What happens at one moment, and what happens so late that it was forgotten."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier

import pytest

from iron_session import _time
from iron_session.revocation import SessionEndedError
from tests.helpers.waiting import wait_for
from tests.revocation.faults.conftest import Start
from tests.revocation.faults.processes import DAY, Browser, Process, Watch
from tests.revocation.faults.servers import Place

ROUNDS = 10


def test_of_logins_between_endings_within_a_moment_none_lives_and_the_last_one_does(
    place: Place, start: Start
) -> None:
    here, there = start(place.open, "here"), start(place.open, "there")
    for at in range(ROUNDS):
        user = f"of-round-{at}"
        first = here.log_in(user)
        here.end(first)
        second = here.log_in(user)
        here.end(second)
        last = here.log_in(user)
        sights = [here.visit(each) for each in (first, second, last)]
        assert sights == ["ended", "ended", "good"]
        assert wait_for(
            lambda: (
                [there.visit(each) for each in (first, second, last)]  # noqa: B023 - called in this turn of the loop
                == ["ended", "ended", "good"]
            )
        )


def test_endings_by_two_processes_at_once_end_what_began_before_either(
    place: Place, start: Start
) -> None:
    here, there = start(place.open, "here"), start(place.open, "there")
    browsers = [each.log_in() for each in (here, there) for _ in range(ROUNDS)]
    with Watch([here, there], browsers[:4]) as watch, ThreadPoolExecutor(2) as pool:
        for browser in browsers:
            barrier = Barrier(2)
            for job in [pool.submit(end, each, browser, barrier) for each in (here, there)]:
                job.result(30)
        for browser in browsers[:4]:
            watch.wait(browser, "ended")
    for browser in browsers:
        assert wait_for(lambda: here.visit(browser) == there.visit(browser) == "ended")  # noqa: B023 - called in this turn of the loop


def end(process: Process, browser: Browser, barrier: Barrier) -> None:
    barrier.wait(30)
    process.end(browser)


def test_of_two_devices_that_end_each_other_at_once_one_lives(place: Place, start: Start) -> None:
    here, there = start(place.open, "here"), start(place.open, "there")
    with ThreadPoolExecutor(2) as pool:
        for at in range(ROUNDS):
            user = f"of-round-{at}"
            one, other = here.log_in(user), there.log_in(user)
            barrier = Barrier(2)
            jobs = [
                pool.submit(end_others, process, own, barrier)
                for process, own in ((here, one), (there, other))
            ]
            has_ended = [job.result(30) for job in jobs]
            assert sorted(has_ended) == [False, True]
            expected = ["good" if each else "ended" for each in has_ended]
            for process in (here, there):
                assert wait_for(
                    lambda: [process.visit(one), process.visit(other)] == expected  # noqa: B023 - called in this turn of the loop
                )


def end_others(process: Process, own: Browser, barrier: Barrier) -> bool:
    """End all sessions of a user but this one; return whether that was possible."""
    session, _ = process.session_of(own)
    barrier.wait(30)
    try:
        process.revocations.end_user(own.user, keep=session)
    except SessionEndedError:
        return False
    return True


# --- long afterwards -------------------------------------------------------------------------


@dataclass
class Shift:
    """How much later it is than in truth, in ms."""

    now: int = 0


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> Shift:
    """Let time pass at once, for all processes of this test; servers keep their own."""
    shift, now, elapsed = Shift(), _time.now_ms, _time.elapsed_ms
    monkeypatch.setattr(_time, "now_ms", lambda: now() + shift.now)
    monkeypatch.setattr(_time, "elapsed_ms", lambda: elapsed() + shift.now)
    return shift


def test_what_was_forgotten_does_not_come_back_with_a_longer_lifetime(
    place: Place, start: Start, shift: Shift
) -> None:
    """A site is deployed with a longer `max_lifetime` once an ending is not kept any more."""
    here = start.unready(place.open, "here", max_lifetime=2 * DAY).wait_until_ready()
    visitor, ended = here.log_in(), here.log_in()
    began = here.session_of(ended)[0].identity[2]
    here.end(ended)
    shift.now = (2 * DAY + 2 * 3600) * 1000
    assert wait_for(lambda: here.revocations._replica.horizon > (began or 0))
    assert wait_for(lambda: not here.revocations._replica.users)
    longer = start.unready(place.open, "longer", max_lifetime=90 * DAY).wait_until_ready()
    assert not longer.revocations._replica.users
    for browser in (visitor, ended):
        for process in (here, longer):
            verdict = process.revocations.judge(browser.id, [browser.user], began)
            assert verdict == "ended"
    fresh = longer.log_in()
    assert longer.visit(fresh) == "good"
    assert wait_for(lambda: here.visit(fresh) == "good")


def test_a_longer_lifetime_keeps_endings_as_long(place: Place, start: Start, shift: Shift) -> None:
    """Deployed in time: the older process still runs, and must not forget either."""
    here = start.unready(place.open, "here", max_lifetime=2 * DAY).wait_until_ready()
    ended = here.log_in()
    began = here.session_of(ended)[0].identity[2]
    longer = start.unready(place.open, "longer", max_lifetime=90 * DAY).wait_until_ready()
    here.end(ended)
    assert wait_for(lambda: longer.visit(ended) == "ended")
    told = _time.elapsed_ms()
    assert wait_for(lambda: here.fresh_from > told)
    shift.now = (3 * DAY) * 1000
    passed = _time.elapsed_ms()
    new = start.unready(place.open, "new", max_lifetime=90 * DAY).wait_until_ready()
    for process in (here, longer, new):
        assert wait_for(lambda: process.fresh_from > passed)  # noqa: B023 - called in this turn of the loop
        assert process.revocations._replica.users
        assert process.revocations.judge(ended.id, [ended.user], began) == "ended"
