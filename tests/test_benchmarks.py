"""The benchmarks measure what they say they do. How fast anything is, no test asks."""

import asyncio
from collections.abc import Callable

import pytest

from benchmarks.apps import BARE, BODY, PAGES, Case, cases
from benchmarks.competitors import session, straightforward
from benchmarks.report import report
from benchmarks.requests import Ask, ask_app, ask_server
from benchmarks.results import Bound, Latency, Results
from benchmarks.rounds import Comparison, compare
from benchmarks.sample import DATA, PASSWORD
from benchmarks.seals import COMPETITORS, OURS, REFERENCE, Description
from benchmarks.worker import best_time, busy_latencies
from benchmarks.workers import start
from iron_session import unseal_data


@pytest.mark.parametrize("file", COMPETITORS)
def test_each_competitor_gives_back_what_it_sealed(file: str) -> None:
    with start(file) as worker:
        assert worker.ask("round trip") == DATA
        described = worker.ask("describe")
        assert worker.ask("seal", seconds=0.01) > 0
        assert worker.ask("unseal", seconds=0.01) > 0
    assert described["name"]
    assert described["version"][0].isdigit()
    assert described["length"] > 150


def test_a_competitor_that_fails_ends_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    with start("nobody.py") as worker, pytest.raises(RuntimeError, match=r"nobody\.py has ended"):
        worker.ask("describe")
    assert "No module named 'benchmarks.competitors.nobody'" in capfd.readouterr().err


def test_the_straightforward_code_makes_the_same_seals() -> None:
    assert unseal_data(straightforward.seal(DATA), password=PASSWORD) == DATA


def test_a_call_is_timed_in_microseconds_and_beside_a_thread_in_milliseconds() -> None:
    calls: list[object] = []
    assert best_time(calls.append, "argument", seconds=0.01) > 0
    assert min(busy_latencies(calls.append, "argument", seconds=0.01)) > 0
    assert set(calls) == {"argument"}


def test_ratios_are_taken_within_a_round() -> None:
    slowing_down = {"reference": [10.0, 20.0, 40.0], "other": [15.0, 30.0, 40.0]}
    assert compare(slowing_down, "reference") == {
        "reference": Comparison(value=20, ratio=1),
        "other": Comparison(value=30, ratio=1.5),
    }


def test_rounds_that_were_not_measured_for_all_are_an_error() -> None:
    with pytest.raises(ValueError, match="longer"):
        compare({"reference": [1.0, 2.0], "other": [1.0]}, "reference")


def test_latencies_are_told_by_their_median_and_their_slowest_hundredth() -> None:
    assert Latency.of([1.0] * 985 + [7.0] * 15) == Latency(median=1, p99=7)


@pytest.mark.parametrize("prepare", [ask_app, ask_server])
@pytest.mark.parametrize("name", cases())
def test_each_app_answers_and_sets_its_cookie_when_the_session_was_modified(
    name: str, prepare: Callable[[Case], Ask]
) -> None:
    async def ask_twice() -> list[str]:
        ask = prepare(cases()[name])
        return [str(await ask()), str(await ask())]

    for answer in asyncio.run(ask_twice()):
        assert "200" in answer
        assert BODY.decode() in answer
        assert ("set-cookie" in answer) is name.endswith("modified")


def test_the_apps_are_one_without_a_session_and_three_for_each_kind() -> None:
    assert len(cases()) == 1 + 2 * len(PAGES)
    assert BARE in cases()


def results(ratio: float) -> Results:
    one = {OURS: Comparison(value=12.34, ratio=ratio), REFERENCE: Comparison(value=10, ratio=1)}
    requests = {"iron-session, untouched": Comparison(value=100, ratio=ratio)}
    return Results(
        versions={"Python": "3.11.7"},
        competitors={
            OURS: Description("ours", "0.1.0", 372),
            REFERENCE: Description("Fernet", "50.0.2", 228),
        },
        seal=one,
        unseal=one,
        busy={OURS: Latency(median=0.25, p99=5)},
        imports={"iron_session": Comparison(value=40, ratio=ratio)},
        requests=requests,
        served_requests=requests,
    )


def test_the_report_shows_ratios_medians_and_versions() -> None:
    lines = [line.split() for line in report(results(1.2345)).splitlines()]
    assert ["Python", "3.11.7"] in lines
    assert ["ours", "0.1.0", "1.23", "1.23", "12.3", "12.3", "372"] in lines
    assert ["Fernet", "50.0.2", "1.00", "1.00", "10.0", "10.0", "228"] in lines
    assert ["ours", "0.25", "5.00"] in lines
    assert ["seal", "1.234", "1.30", "x", "Fernet", "+", "json", "kept"] in lines


@pytest.mark.parametrize(("ratio", "kept"), [(1.02, 6), (1.2, 4), (1.4, 2), (1.6, 1)])
def test_each_bound_is_told_to_be_kept_or_not(ratio: float, kept: int) -> None:
    bounds = results(ratio).bounds
    assert [bound.kept for bound in bounds].count(True) == kept
    assert report(results(ratio)).count("NOT KEPT") == len(bounds) - kept


def test_a_bound_just_reached_is_kept() -> None:
    assert Bound("request", measured=1.03, most=1.03, unit="x").kept


def test_our_session_competitor_writes_a_cookie() -> None:
    assert session.seal(DATA).startswith("session=Fe26.2*1*")
