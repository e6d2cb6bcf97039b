"""The benchmarks measure what they say they do. How fast anything is, no test asks."""

import asyncio
import re
import socket
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import live, memory
from benchmarks.__main__ import main
from benchmarks.bounds import bounds
from benchmarks.competitors import session, straightforward
from benchmarks.cores import NATIVE, PYTHON, SETTINGS, environment, label
from benchmarks.frameworks import starlette, starlette_seals_kept
from benchmarks.gateways import Answer, Way, asgi, uvicorn, wsgi
from benchmarks.kept import bytes_for_each, calls
from benchmarks.live import SERVED, Live, Load
from benchmarks.memory import Growth, Memory
from benchmarks.page import page, plots, write_page
from benchmarks.plots import SERIES, bars, short
from benchmarks.races import FETCHES, STATES, count_undone, write
from benchmarks.report import bounds_table
from benchmarks.requests import FRAMEWORKS, Requests, summarise, visit
from benchmarks.results import PARTS, Results, read
from benchmarks.results import write as write_results
from benchmarks.rounds import Comparison, compare
from benchmarks.sample import BODY, DATA, PASSWORD, SIZES, json_length
from benchmarks.seals import (
    COMPETITORS,
    LITESTAR,
    REFERENCE,
    STARLETTE,
    Description,
    Latency,
    Seals,
    Size,
)
from benchmarks.seals import OURS as SEAL_DATA
from benchmarks.visits import BARE, FLOOR, OURS, OWN, PAGES, Visit, check
from benchmarks.worker import best_time, busy_latencies
from benchmarks.workers import start
from iron_session import Session, unseal_data
from tests.helpers.pages import links, tables


@pytest.mark.parametrize("file", COMPETITORS)
def test_each_competitor_gives_back_what_it_sealed(file: str) -> None:
    """Of every size; and says what it is."""
    with start(file) as worker:
        for data in SIZES.values():
            assert worker.ask("round trip", data=data) == data
            assert worker.ask("length", data=data) > 150
        described = worker.ask("describe")
        assert worker.ask("seal", data=DATA, seconds=0.01) > 0
        assert worker.ask("unseal", data=DATA, seconds=0.01) > 0
    assert described["name"]
    assert described["version"][0].isdigit()


def test_the_sizes_are_those_of_their_names() -> None:
    lengths = [json_length(data) for data in SIZES.values()]
    assert list(SIZES) == ["100 B", "1 kB", "2.5 kB", "11 kB"]
    assert lengths == [pytest.approx(100, abs=5), 1000, 2500, 11000]


def test_each_path_is_chosen_by_the_environment() -> None:
    """And the path in Python, which is always there, has the plain name."""
    for core, setting in SETTINGS.items():
        assert environment(core)["IRON_SESSION_SPEEDUPS"] == setting
    assert label("seal", PYTHON) == "seal"
    assert label("seal", NATIVE) == "seal, native core"


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


def test_what_is_compared_are_the_minima() -> None:
    """Whatever else the machine does only adds time."""
    disturbed = {"reference": [10.0, 20.0, 40.0], "other": [99.0, 30.0, 15.0]}
    assert compare(disturbed, "reference") == {
        "reference": Comparison(value=10, ratio=1),
        "other": Comparison(value=15, ratio=1.5),
    }


def test_rounds_that_were_not_measured_for_all_are_an_error() -> None:
    with pytest.raises(ValueError, match="not all"):
        compare({"reference": [1.0, 2.0], "other": [1.0]}, "reference")


def test_latencies_are_told_by_their_median_and_their_slowest_hundredth() -> None:
    """In the best of the rounds: others are disturbed by what else the machine does."""
    rounds = [[1.0] * 985 + [7.0] * 15, [2.0] * 985 + [9.0] * 15]
    assert Latency.of("one", rounds) == Latency("one", median=1, p99=7)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_each_framework_is_asked_for_all_that_is_compared(name: str) -> None:
    """Each answer was held against what it must be, or there were no numbers."""
    for asked in summarise(visit(name, rounds=1, requests=1)):
        pages = {session: {f"{session}, {page}" for page in PAGES} for session in (OURS, OWN)}
        own = pages[OWN] if asked.own_session else set()
        assert asked.visits.keys() == {BARE, FLOOR} | pages[OURS] | own
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


# --- live servers, and memory --------------------------------------------------------------------


@pytest.mark.parametrize(("server", "framework"), SERVED)
def test_a_live_server_answers_and_is_stopped(server: str, framework: str) -> None:
    with live.start(server, framework, OURS) as running:
        cookie = running.fill()
        check(running.ask("/read", cookie), writes=False)
        check(running.ask("/modified", cookie), writes=True)
    with socket.socket() as probe:
        assert probe.connect_ex((live.HOST, running.port)) != 0


def test_our_server_runs_once_more_with_the_native_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment that requires the core, and under a name of its own."""
    started: list[tuple[str, str]] = []

    @contextmanager
    def start(server: str, framework: str, whose: str, core: str) -> Iterator[live.Server]:
        started.append((whose, core))
        yield live.Server(0, 0)

    def answer(self: live.Server, path: str, cookie: str) -> Answer:
        is_written = path in ("/fill", "/modified")
        return Answer(200, BODY, ["session=1"] if is_written else [])

    monkeypatch.setattr(live, "start", start)
    monkeypatch.setattr(live, "cores", lambda: (PYTHON, NATIVE))
    monkeypatch.setattr(live, "load", lambda _: starlette)  # the real one quiets the log
    monkeypatch.setattr(live.Server, "ask", answer)
    with ExitStack() as stack:
        visits = live._start(stack, "uvicorn", "starlette")
    assert started == [(BARE, PYTHON), (OWN, PYTHON), (OURS, PYTHON), (OURS, NATIVE)]
    assert {f"{OURS}, {page}, {NATIVE}" for page in PAGES} < visits.keys()


def test_a_server_that_does_not_start_ends_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="did not start"), live.start("uvicorn", "nobody", OURS):
        pass
    assert "No module named 'benchmarks.frameworks.nobody'" in capfd.readouterr().err


WRK = """\
  Latency Distribution
     50%    1.37ms
     99%   {p99}
  3332 requests in 1.01s, 816.73KB read
{more}Requests/sec:   3311.11
"""


@pytest.mark.parametrize(("p99", "milliseconds"), [("20.37ms", 20.37), ("870.00us", 0.87)])
def test_the_output_of_wrk_is_read(p99: str, milliseconds: float) -> None:
    output = WRK.format(p99=p99, more="")
    requests, latency, rate = live.parse(output)
    assert (requests, rate) == (3332, 3311.11)
    assert latency == pytest.approx(milliseconds)


@pytest.mark.parametrize(
    "more", ["  Non-2xx or 3xx responses: 3332\n", "  Socket errors: connect 0, read 1\n"]
)
def test_a_request_that_failed_under_load_ends_the_run(more: str) -> None:
    with pytest.raises(RuntimeError, match="99%"):
        live.parse(WRK.format(p99="1.00s", more=more))


def test_without_wrk_the_page_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert live.missing() in (live.INSTALL, live.NO_PROC)
    written = page(replace(results(1), live=None, live_missing=live.INSTALL))
    assert f"**Not measured:** {live.INSTALL}." in written


def test_of_several_loads_the_cheapest_counts_and_the_median_of_the_latencies() -> None:
    loads = [Load(cpu=70, p99=3, rate=80), Load(cpu=50, p99=9, rate=90), Load(60, 4, 95)]
    assert live.summarise(loads) == Load(cpu=50, p99=4, rate=95)


def test_memory_is_that_which_stays() -> None:
    kept: list[bytes] = []
    assert 1000 < memory.allocated(lambda: kept.append(bytes(1000))) < 1500
    assert memory.allocated(lambda: len(bytes(1000))) < 500


def test_the_memory_of_the_process_grows_with_what_it_keeps() -> None:
    before = memory.resident()
    kept = b"x" * 50_000_000
    assert memory.resident() - before > 40_000_000 * bool(kept)


def test_what_is_sealed_many_times_is_counted() -> None:
    counted = Growth(**memory.seal_many(20))
    assert counted.count == 20
    assert counted.kilobytes < 1024


def test_a_session_that_was_read_holds_more_than_its_data() -> None:
    counted = memory.session_bytes(DATA)
    assert 0 < counted["unread"] < counted["read"]
    assert counted["data"] < counted["read"]


# --- the page ------------------------------------------------------------------------------------


def results(ratio: float, cores: tuple[str, ...] = (PYTHON,)) -> Results:
    """Return results that are this much above the competitors in everything."""
    ours = {label(SEAL_DATA, core): Comparison(10 * ratio, ratio) for core in cores}
    times = {**ours, **dict.fromkeys((REFERENCE, STARLETTE, LITESTAR), Comparison(10, 1))}
    size = Size(dict.fromkeys(times, 372), times, times)
    names = {name: Description(f"<{name}>", "1.2") for name in times}
    return Results(
        machine="A machine, 2 cores",
        versions={"Python": "3.11.7"},
        commands={part: f"python -m benchmarks {part}" for part in PARTS},
        seals=Seals(names, dict.fromkeys(SIZES, size)),
        busy={label(SEAL_DATA, core): Latency("ours", ratio / 5, ratio / 2) for core in cores},
        imports={label("iron_session", core): Comparison(30 * ratio, ratio) for core in cores},
        memory=Memory(
            {core: {"100 B": memory.Session(1, 2, 3)} for core in cores},
            {core: Growth(1000, 2**20, 2**20 + 2048) for core in cores},
        ),
        requests=[
            *(requests(name, ratio, core) for name in NAMES for core in cores),
            Requests("Sanic 3.4", "called", PYTHON, "", {BARE: Comparison(5, 1), **ADDED}),
        ],
        live=[Live("uvicorn 1.2", "Starlette 1.2", loads(ratio, cores))],
    )


NAMES = ("Starlette", "Starlette, seals kept", "Flask", "Litestar", "Django")
ADDED = {
    name: Comparison(7.5, 1.5)
    for name in (FLOOR, "ours, untouched", "ours, read", "ours, modified")
}


def requests(name: str, ratio: float, core: str) -> Requests:
    """Return requests for which the bare app takes next to nothing."""
    ours = {f"{OURS}, {page}": Comparison(100 * ratio, 1) for page in PAGES}
    own = {f"{OWN}, {page}": Comparison(100, 1) for page in PAGES}
    bare = Comparison(1e-9, 1)
    return Requests(
        f"{name} 1.2", "called", core, "signs", {BARE: bare, FLOOR: bare, **ours, **own}
    )


def loads(ratio: float, cores: tuple[str, ...]) -> dict[str, Load]:
    own = {f"{OWN}, {page}": Load(130, 1, 2) for page in PAGES}
    ours = {
        label(f"{OURS}, {page}", core): Load(30 + 100 * ratio, 1, 2)
        for core in cores
        for page in PAGES
    }
    return {BARE: Load(30, 1, 2), **own, **ours}


def rows_of(text: str, number: int) -> dict[str, list[str]]:
    """Return the rows of one table of a page, by their first cell."""
    return {row[0]: row[1:] for row in list(tables(text))[number]}


@pytest.mark.parametrize(("ratio", "kept"), [(0.14, 19), (1.2, 13), (1.5, 9), (9, 1)])
def test_each_bound_is_shown_as_kept_or_not(ratio: float, kept: int) -> None:
    """On the page, and in the terminal."""
    found = bounds(results(ratio))
    assert [one.verdict(PYTHON) for one in found].count("kept") == kept
    verdicts = [row[3] for row in rows_of(page(results(ratio)), 0).values()][1:]
    assert verdicts.count("kept") == kept
    bound = [one for one in found if PYTHON in one.most]
    assert len(found) - len(bound) == verdicts.count("no bound") == 2
    assert verdicts.count("**NOT KEPT**") == len(bound) - kept
    assert bounds_table(found).count("NOT KEPT") == len(bound) - kept


def test_a_bound_just_reached_is_kept() -> None:
    (seal, *_) = bounds(results(1.4))
    assert seal.measured == {PYTHON: 1.4}
    assert seal.verdict(PYTHON) == "kept"


def test_without_the_native_core_the_page_says_so_and_shows_its_bounds() -> None:
    written = page(results(1))
    assert "The native core was not installed for this run" in written
    assert rows_of(written, 0)["Starlette, read"][-3:] == ["-", "0.95", "not measured"]


def test_with_the_native_core_both_paths_have_their_rows() -> None:
    written = page(results(0.9, (PYTHON, NATIVE)))
    assert "not installed" not in written
    bound = ["× its own, whole request", "0.900", "1.55", "kept", "0.900", "0.95", "kept"]
    assert rows_of(written, 0)["Starlette, read"] == bound
    assert rows_of(written, 0)["Flask, read"][-1] == "**NOT KEPT**"
    assert {"Flask 1.2, called", "Flask 1.2, called, native core"} <= rows_of(written, 5).keys()


def test_a_core_that_writes_json_has_lower_bounds() -> None:
    """The page says which, as long as there is none."""
    without = results(1.05, (PYTHON, NATIVE))
    with_json = replace(without, native_json=True)
    for measured, verdict in ((without, "kept"), (with_json, "**NOT KEPT**")):
        rows = rows_of(page(measured), 0)
        assert rows["Starlette, write"][-1] == rows["Seal 2.5 kB, JSON included"][-1] == verdict
    assert rows_of(page(without), 0)["Seal 100 B, beside AES-GCM"][-2] == "2"
    assert rows_of(page(with_json), 0)["Seal 100 B, beside AES-GCM"][-2] == "1.4"
    assert "Starlette, write: 1." in page(without).replace("\n", " ")
    assert "also writes and reads JSON, so" in page(with_json)


def test_kept_seals_have_a_row_of_their_own() -> None:
    """It is not taken for Starlette's plain one, nor the other way round."""
    found = {one.what: one.measured for one in bounds(results(1))}
    assert found["Starlette, seals kept, read"] == {PYTHON: 1}
    without = replace(results(1), requests=[requests("Starlette", 1, PYTHON)])
    found = {one.what: one.measured for one in bounds(without)}
    assert found["Starlette, read"] == {PYTHON: 1}
    assert found["Starlette, seals kept, read"] == {}


def test_a_kept_seal_is_not_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app, cookie = starlette_seals_kept.make_app(OURS), session.seal(DATA)
    assert ask("/read", cookie, app).body == BODY
    for module in ("kept", "sealing"):
        monkeypatch.setattr(f"iron_session.seals.{module}.open_seal", None)
    assert ask("/read", cookie, app).body == BODY


def test_the_page_shows_numbers_versions_and_the_command_under_each_table() -> None:
    written = page(results(1.2345))
    assert rows_of(written, 1)["<seal_data.py> 1.2"] == ["12.3", "1.23", "12.3", "1.23", "372"]
    assert rows_of(written, 5)["Sanic 3.4, called"] == ["5.00", *["7.50"] * 4, *["-"] * 3]
    assert rows_of(written, 6)["Flask 1.2, called"] == ["1.23"] * 6
    assert "- Flask 1.2: signs.\n- Litestar 1.2: signs." in written
    assert rows_of(written, -1) == {"": ["version"], "Python": ["3.11.7"]}
    measured = re.findall(r"^\| --- .*\n(?:\|.*\n)+\n(.*)$", written, re.MULTILINE)
    assert len(measured) == len(list(tables(written))) - 1
    assert all(line.startswith("Made by `python -m benchmarks ") for line in measured)


def test_the_page_is_made_from_the_file_of_results(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    write_results(results(1, (PYTHON, NATIVE)), folder / "results.json")
    assert read(folder / "results.json") == results(1, (PYTHON, NATIVE))
    main(["page", "--docs", str(tmp_path)])
    written = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert written == page(results(1, (PYTHON, NATIVE)))
    for link in links(written):
        assert (tmp_path / link).is_file(), link


def test_what_was_never_measured_is_shown_as_such(tmp_path: Path) -> None:
    main(["page", "--docs", str(tmp_path)])
    written = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert written.count("**Not measured yet.**") == len(PARTS)
    assert not list((tmp_path / "benchmarks").iterdir())


def test_a_part_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["speed"])
    assert "there is no part speed" in capsys.readouterr().err


def test_the_page_in_the_tree_is_the_one_of_its_results(tmp_path: Path) -> None:
    docs = Path(__file__).parent.parent / "docs" / "reference"
    (tmp_path / "benchmarks").mkdir()
    write_page(read(docs / "benchmarks" / "results.json"), tmp_path)
    made = [file.relative_to(tmp_path) for file in tmp_path.rglob("*.*")]
    assert len(made) > 5
    for file in made:
        assert (docs / file).read_bytes() == (tmp_path / file).read_bytes()


SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("file", plots(results(1)))
def test_each_plot_is_well_formed_and_legible_in_light_and_dark(file: str) -> None:
    svg = plots(results(1))[file]
    root = ET.fromstring(svg)  # noqa: S314 - it is ours
    assert root.tag == f"{SVG}svg"
    light, dark = (root.findtext(f"{SVG}style") or "").split("@media (prefers-color-scheme: dark)")
    used = {one.get("class") or "" for one in root.iter(f"{SVG}rect")}
    assert len(used) > 1
    for name in used:
        assert f".{name} {{ fill: #" in light
        assert f".{name} {{ fill: #" in dark
    assert light.count("text { fill") + light.count("text { font") == 1
    assert "text { fill" in dark


def test_a_bar_is_as_long_as_its_number_and_one_far_above_the_others_is_cut() -> None:
    root = ET.fromstring(bars("a & b", ("one",), {"x": [10], "y": [20], "z": [9999]}))  # noqa: S314 - it is our own text
    widths = [float(one.get("width") or 0) for one in root.iter(f"{SVG}rect")][-3:]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)
    assert widths[2] == pytest.approx(8 * widths[1], abs=0.5)
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert texts == ["a & b", "one", "x", "10.0", "y", "20.0", "z", "→ 9999"]


def test_a_bar_may_be_missing_but_not_its_colour() -> None:
    assert ">none</text>" in bars("title", ("one", "two"), {"x": [None, 2.0]})
    with pytest.raises(ValueError, match="colours"):
        bars("title", ["one"] * (SERIES + 1), {})


@pytest.mark.parametrize(
    ("value", "text"), [(3563.2, "3563"), (99.84, "99.8"), (7.428, "7.43"), (0, "0.00")]
)
def test_numbers_have_about_three_digits(value: float, text: str) -> None:
    assert short(value) == text


def test_our_session_competitor_writes_a_cookie() -> None:
    assert session.seal(DATA).startswith("session=Fe26.2*1*")


@pytest.mark.parametrize("act", [write, Session.destroy])
@pytest.mark.parametrize("state", STATES)
def test_races_are_lost_to_whatever_renews(state: str, act: Any) -> None:
    """The same number in each run of it; a page whose requests renew nothing undoes nothing."""
    any_request = count_undone(50, state, [None] * 6, act)
    assert 25 < any_request < 50
    assert count_undone(50, state, [None] * 6, act) == any_request
    assert count_undone(50, state, FETCHES, act) == (any_request if state == "overdue" else 0)
    assert 0 < count_undone(50, state, ["navigate"], act) < any_request


def test_what_is_timed_of_kept_seals_gives_the_same_from_the_store() -> None:
    opened, kept, looked_up, read, read_again = (
        [call(argument) for _ in range(2)] for call, argument in calls().values()
    )
    assert opened == kept
    assert looked_up == [None, None]
    assert read == read_again == [DATA, DATA]
    assert 300 < bytes_for_each(10, 10) < bytes_for_each(10, 500)
