"""The benchmarks measure what they say they do. How fast anything is, no test asks."""

import asyncio
import re
from typing import Any

import pytest

from benchmarks.competitors import session, straightforward
from benchmarks.frameworks import starlette
from benchmarks.gateways import Answer, Way, asgi, uvicorn, wsgi
from benchmarks.report import report
from benchmarks.requests import FRAMEWORKS, Requests, summarise, visit
from benchmarks.results import Bound, Latency, Results
from benchmarks.rounds import Comparison, compare
from benchmarks.sample import BODY, DATA, PASSWORD
from benchmarks.seals import COMPETITORS, REFERENCE, Description
from benchmarks.seals import OURS as SEAL_DATA
from benchmarks.visits import BARE, FLOOR, OURS, OWN, PAGES, Visit, check
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


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_each_framework_is_asked_for_all_that_is_compared(name: str) -> None:
    """Each answer was held against what it must be, or there were no numbers."""
    for asked in summarise(visit(name, rounds=1, requests=1)):
        pages = {session: {f"{session}, {page}" for page in PAGES} for session in (OURS, OWN)}
        own = pages[OWN] if asked.own_session else set()
        assert asked.visits.keys() == {BARE, FLOOR} | pages[OURS] | own
        assert asked.beside_own.keys() == (set(PAGES) if asked.own_session else set())
        assert min(compared.value for compared in asked.visits.values()) > 0
        assert re.search(r"[0-9]\.[0-9]", asked.name)


def ask(path: str, cookie: str, app: Any = None) -> Answer:
    """Ask our app, or another, once."""

    async def ask_once() -> Answer:
        entrance = await asgi(app or starlette.make_app(OURS))
        seconds, (answer,) = await entrance(path, cookie)(1)
        assert seconds > 0
        return answer

    return asyncio.run(ask_once())


def test_what_a_visit_modifies_the_next_one_reads() -> None:
    answer = ask("/modified", session.seal(DATA))
    check(answer, writes=True)
    (cookie,) = answer.set_cookie
    assert ask("/read", cookie.partition(";")[0]).body == "13 visits"


def test_a_visit_without_the_session_ends_the_run() -> None:
    with pytest.raises(KeyError):
        ask("/read", "")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, BODY, []),
        Answer(200, "0 visits", []),
        Answer(200, BODY, ["session=1"]),
    ],
)
def test_a_wrong_answer_ends_the_run(answer: Answer) -> None:
    async def ask_wrongly(count: int) -> tuple[float, list[Answer]]:
        return 1, [Answer(200, BODY, []), answer]

    with pytest.raises(AssertionError):
        asyncio.run(Visit(ask_wrongly, writes=False).time(2))


def test_a_cookie_that_is_not_set_ends_the_run() -> None:
    with pytest.raises(AssertionError):
        check(Answer(200, BODY, []), writes=True)


@pytest.mark.parametrize("way", [asgi, uvicorn])
def test_the_ways_of_asking_give_the_same_answers(way: Way) -> None:
    async def ask_once() -> tuple[float, list[Answer]]:
        entrance = await way(starlette.make_app(OURS))
        return await entrance("/modified", session.seal(DATA))(3)

    _, answers = asyncio.run(ask_once())
    assert [(one.status, one.body) for one in answers] == [(200, BODY)] * 3
    for one in answers:
        (cookie,) = one.set_cookie
        assert cookie.startswith("session=Fe26.2*1*")
        assert cookie.endswith("SameSite=Lax")


def test_wsgi_bodies_are_read_and_closed() -> None:
    closed: list[bool] = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start: Any) -> Body:
        start("200 OK", [("Set-Cookie", environ["HTTP_COOKIE"])])
        return Body([b"12 ", b"visits"])

    async def ask_twice() -> tuple[float, list[Answer]]:
        return await (await wsgi(app))("/", "a=1")(2)

    _, answers = asyncio.run(ask_twice())
    assert answers == [Answer(200, BODY, ["a=1"])] * 2
    assert closed == [True, True]


def results(ratio: float) -> Results:
    one = {
        SEAL_DATA: Comparison(value=12.34, ratio=ratio),
        REFERENCE: Comparison(value=10, ratio=1),
    }
    names = (BARE, FLOOR, *(f"{session}, {page}" for session in (OURS, OWN) for page in PAGES))
    visits = dict.fromkeys(names, Comparison(value=100.04, ratio=ratio))
    of_ours = {name: compared for name, compared in visits.items() if not name.startswith(OWN)}
    return Results(
        versions={"Python": "3.11.7"},
        competitors={
            SEAL_DATA: Description("ours", "0.1.0", 372),
            REFERENCE: Description("Fernet", "50.0.2", 228),
        },
        seal=one,
        unseal=one,
        busy={SEAL_DATA: Latency(median=0.25, p99=5)},
        imports={"iron_session": Comparison(value=40, ratio=ratio)},
        requests=[
            Requests("Framework 1.2", "called", "signs", visits, dict.fromkeys(PAGES, 0.751)),
            Requests("Other 3.4", "called", "", of_ours, {}),
        ],
    )


def test_the_report_shows_ratios_medians_and_versions() -> None:
    lines = [line.split() for line in report(results(1.2345)).splitlines()]
    assert ["Python", "3.11.7"] in lines
    assert ["ours", "0.1.0", "1.23", "1.23", "12.3", "12.3", "372"] in lines
    assert ["Fernet", "50.0.2", "1.00", "1.00", "10.0", "10.0", "228"] in lines
    assert ["ours", "0.25", "5.00"] in lines
    assert ["seal", "1.234", "1.30", "x", "Fernet", "+", "json", "kept"] in lines


def test_the_report_shows_requests_in_microseconds_and_beside_others() -> None:
    """And says what the framework's own session does; a dash stands for one that it has not."""
    lines = [" ".join(line.split()) for line in report(results(1.025)).splitlines()]
    assert "Framework 1.2, called" + " 100.0" * 8 in lines
    assert "Other 3.4, called" + " 100.0" * 5 + " -" * 3 in lines
    assert "Framework 1.2, called 1.025 1.025 kept 0.75 0.75 0.75" in lines
    assert "Other 3.4, called 1.025 1.025 kept - - -" in lines
    assert "Framework 1.2: signs" in lines
    assert "Other 3.4: none" in lines


@pytest.mark.parametrize(("ratio", "kept"), [(1.02, 6), (1.2, 4), (1.4, 2), (1.6, 1)])
def test_each_bound_is_told_to_be_kept_or_not(ratio: float, kept: int) -> None:
    bounds = results(ratio).bounds + results(ratio).untouched_bounds
    assert [bound.kept for bound in bounds].count(True) == kept
    assert report(results(ratio)).count("NOT KEPT") == len(bounds) - kept


def test_a_bound_just_reached_is_kept() -> None:
    assert Bound("request", measured=1.03, most=1.03, unit="x").kept


def test_our_session_competitor_writes_a_cookie() -> None:
    assert session.seal(DATA).startswith("session=Fe26.2*1*")
