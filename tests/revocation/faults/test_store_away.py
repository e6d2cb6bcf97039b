"""The store is away: killed, stopped, emptied, or not there yet when a process starts."""

import ctypes

import pytest

from iron_session import SessionUnavailableError, _time
from tests.helpers.waiting import wait_for
from tests.revocation.faults.conftest import SERVERS, Start
from tests.revocation.faults.processes import (
    AWAY_AND_BACK,
    MAX_STALE_MS,
    Process,
    Watch,
    assert_log_is_quiet,
    follower_log,
    kinds,
    pause_until,
)
from tests.revocation.faults.servers import Place

on_servers = pytest.mark.parametrize("place", SERVERS, indirect=True)


@on_servers
def test_a_killed_store_leaves_visitors_for_a_time_then_nobody_is_judged(
    place: Place, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = start(place.open, "here"), start(place.open, "there")
    visitor, ended = here.log_in(), there.log_in()
    began = _time.elapsed_ms()
    with Watch([here, there], [visitor, ended]) as watch:
        here.end(ended)
        watch.wait(ended, "ended")
        place.kill()
        with pytest.raises(SessionUnavailableError, match="can't be reached"):
            here.end(visitor)
        watch.wait(visitor, "unavailable")
        session, _ = there.session_of(visitor)
        session["cart"] = 1
        with pytest.raises(SessionUnavailableError):
            session.commit()
        place.start()
        watch.wait(visitor, "good")
        for process in (here, there):
            assert watch.seen(process, visitor) == ["good", "unavailable", "good"]
            assert watch.seen(process, ended) == ["good", "ended"]
        here.end(visitor)
        watch.wait(visitor, "ended")
    assert [kinds(log) for log in follower_log(caplog)] == [AWAY_AND_BACK] * 2
    assert_log_is_quiet(caplog, (_time.elapsed_ms() - began) / 1000)


@on_servers
def test_a_short_absence_is_seen_by_nobody(place: Place, start: Start) -> None:
    here, there = start(place.open, "here"), start(place.open, "there")
    visitor, ended = here.log_in(), there.log_in()
    here.end(ended)
    with Watch([here, there], [visitor]) as watch:
        place.kill()
        place.start()
        for process in (here, there):
            back = _time.elapsed_ms()
            assert wait_for(lambda: process.fresh_from > back)  # noqa: B023 - called in this turn of the loop
        assert watch.seen(here, visitor) == watch.seen(there, visitor) == ["good"]
    late = start(place.open, "late")
    assert late.visit(visitor) == "good"
    assert wait_for(lambda: late.visit(ended) == "ended")


@on_servers
def test_a_stopped_store_makes_processes_stale_and_they_go_on_with_it(
    place: Place, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = start(place.open, "here"), start(place.open, "there")
    visitor, ended = here.log_in(), there.log_in()
    began = _time.elapsed_ms()
    with Watch([here, there], [visitor, ended]) as watch:
        here.end(ended)
        watch.wait(ended, "ended")
        place.pause()
        try:
            stopped = _time.elapsed_ms()
            watch.wait(visitor, "unavailable")
            assert _time.elapsed_ms() - stopped <= MAX_STALE_MS + 1500
        finally:
            place.go_on()
        watch.wait(visitor, "good")
        for process in (here, there):
            # A machine that is short of time may let it become stale once more.
            assert watch.seen(process, visitor)[:3] == ["good", "unavailable", "good"]
            assert watch.seen(process, ended) == ["good", "ended"]
        there.end(visitor)
        watch.wait(visitor, "ended")
    # A store that hangs for so short a time may be back before anything has failed.
    assert all(kinds(log) == AWAY_AND_BACK for log in follower_log(caplog))
    assert_log_is_quiet(caplog, (_time.elapsed_ms() - began) / 1000)


def test_a_store_that_was_emptied_is_told_what_processes_know(
    place: Place, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = start(place.open, "here"), start(place.open, "there")
    visitor, ended, single = here.log_in(), there.log_in(), there.log_in()
    with Watch([here, there], [visitor, ended, single]) as watch:
        here.end(ended)
        here.revocations.end_session(single.id)
        single.ended_at = _time.elapsed_ms()
        watch.wait(ended, "ended")
        watch.wait(single, "ended")
        generation = here.revocations._replica.generation
        place.empty()
        emptied = _time.elapsed_ms()
        for process in (here, there):
            replica = process.revocations._replica
            assert wait_for(lambda: replica.generation != generation)  # noqa: B023 - called in this turn of the loop
            assert wait_for(lambda: process.fresh_from > emptied)  # noqa: B023 - called in this turn of the loop
        late = start(place.open, "late")
        assert wait_for(lambda: late.visit(ended) == late.visit(single) == "ended")
        assert late.visit(visitor) == "good"
        for process in (here, there):
            assert watch.seen(process, visitor) == ["good"]
            assert watch.seen(process, ended)[-1] == watch.seen(process, single)[-1] == "ended"
        late.end(visitor)
        watch.wait(visitor, "ended")
    assert all(kinds(log) == AWAY_AND_BACK for log in follower_log(caplog))


@on_servers
def test_a_process_that_starts_while_the_store_is_away_judges_nobody_until_it_is_back(
    place: Place, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    here = start(place.open, "here")
    visitor, ended = here.log_in(), here.log_in()
    here.end(ended)
    place.kill()
    late = start.unready(place.open, "late")
    assert late.visit(visitor) == "unavailable"  # after five seconds, and only the first waits
    before = _time.elapsed_ms()
    assert late.visit(ended) == "unavailable"
    assert _time.elapsed_ms() - before < 1000
    with pytest.raises(SessionUnavailableError, match="was not reached yet"):
        late.log_in()
    with Watch([late], [visitor, ended]) as watch:
        place.start()
        watch.wait(visitor, "good", late)
        watch.wait(ended, "ended")
    late.log_in()
    assert AWAY_AND_BACK in [kinds(log) for log in follower_log(caplog)]


@on_servers
def test_nobody_loses_a_logout_that_the_store_could_not_take(
    place: Place, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = start(place.open, "here"), start(place.open, "there")
    copied = here.log_in()
    place.kill()
    session, jar = here.session_of(copied)
    session.destroy()
    session.commit()
    assert [each.partition(";")[0] for each in jar.set_cookie_headers] == ["session="]
    assert here.visit(copied) == "ended"
    place.start()
    with Watch([here, there], [copied]) as watch:
        watch.wait(copied, "ended")
        assert "good" not in watch.seen(here, copied)
    logs = [kinds(log) for log in follower_log(caplog)]
    assert sum("ERROR: could not be written" in log for log in logs) <= 1


# --- the thread ------------------------------------------------------------------------------


def kill_thread(process: Process) -> None:
    """Raise an exception in its thread, as no code of its own would."""
    thread = process.thread
    assert thread is not None
    assert thread.ident is not None
    identity, exit_code = ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, exit_code) == 1
    assert wait_for(lambda: not thread.is_alive())


def test_a_dead_thread_is_replaced_at_the_next_visit(
    place: Place, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = start(place.open, "here"), start(place.open, "there")
    visitor, ended = here.log_in(), there.log_in()
    with Watch([here, there], [visitor, ended]) as watch:
        kill_thread(there)
        here.end(ended)
        watch.wait(ended, "ended")
        kill_thread(there)
        died = _time.elapsed_ms()
        assert wait_for(lambda: there.fresh_from > died)
        assert watch.seen(there, visitor) == ["good"]
    logs = [kind for log in follower_log(caplog) for kind in kinds(log)]
    assert logs == ["ERROR: has died"] * 2


def test_a_process_without_thread_and_visitors_judges_nobody_by_what_is_old(
    place: Place, start: Start
) -> None:
    here, there = start(place.open, "here"), start(place.open, "there")
    visitor, ended = here.log_in(), there.log_in()
    assert there.visit(visitor) == there.visit(ended) == "good"
    kill_thread(there)
    here.end(ended)
    pause_until(there.fresh_from + MAX_STALE_MS + 100)
    assert there.visit(ended) != "good"
    assert there.visit(visitor) != "ended"
    assert wait_for(lambda: there.visit(visitor) == "good")
    assert there.visit(ended) == "ended"
