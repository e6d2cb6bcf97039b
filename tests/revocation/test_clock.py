"""The store's clock, as a process can tell it: never ahead of the store, and never set back."""

import pytest

from iron_session import _time
from iron_session.revocation.clock import StoreClock
from iron_session.revocation.records import BEFORE_ALL, Beat

START = 1_800_000_000_000


class Elapsed:
    now = 5000


@pytest.fixture
def elapsed(monkeypatch: pytest.MonkeyPatch) -> Elapsed:
    found = Elapsed()
    monkeypatch.setattr(_time, "elapsed_ms", lambda: found.now)
    return found


def beat(clock: int, server: int | None = None) -> Beat:
    return Beat(BEFORE_ALL._replace(clock=clock), clock if server is None else server)


def test_before_the_first_heartbeat_nothing_is_known(elapsed: Elapsed) -> None:
    clock = StoreClock()
    assert (clock.estimate(), clock.floor(), clock.reached) == (None, None, 0)


@pytest.mark.parametrize(
    ("span", "later"), [(0, 0), (1, 0), (2, 1), (999, 998), (1000, 998), (15_000, 14_984)]
)
def test_it_goes_a_little_slower_than_time(elapsed: Elapsed, span: int, later: int) -> None:
    """And a millisecond behind, which two times may have lost when they were rounded."""
    clock = StoreClock()
    clock.set(beat(START), elapsed.now)
    elapsed.now += span
    assert clock.estimate() == clock.estimate(elapsed.now) == clock.floor() == START + later


def test_it_is_not_set_back_by_a_heartbeat(elapsed: Elapsed) -> None:
    clock = StoreClock()
    clock.set(beat(START), elapsed.now)
    elapsed.now += 10_000
    before = clock.estimate()
    clock.set(beat(START + 3), elapsed.now)
    assert clock.estimate() == before == clock.reached
    clock.set(beat(START + 20_000), elapsed.now)
    assert clock.estimate() == START + 20_000


def test_the_floor_waits_where_the_servers_time_was_set_back(elapsed: Elapsed) -> None:
    """Until the server's time has come as far as the store's clock."""
    clock = StoreClock()
    clock.set(beat(START, server=START - 5000), elapsed.now)
    elapsed.now += 4000
    assert clock.floor() == START
    assert clock.estimate() == START + 3995
    elapsed.now += 4000
    assert clock.floor() == START + 2991
