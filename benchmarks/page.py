"""The page docs/reference/benchmarks.md and its plots, made of the results."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import fill
from typing import TypeAlias

from benchmarks.bounds import RULES, Bound, bounds
from benchmarks.cores import NATIVE, PYTHON, label
from benchmarks.live import CONNECTIONS, Live, Load
from benchmarks.memory import Growth
from benchmarks.plots import bars, short
from benchmarks.report import NONE, path
from benchmarks.requests import Requests
from benchmarks.results import Results
from benchmarks.rounds import Comparison
from benchmarks.seals import Seals, Size
from benchmarks.visits import BARE, FLOOR, OURS, OWN, PAGES

Show: TypeAlias = Callable[[Results], Iterator[str]]

FOLDER = "benchmarks"  # of the plots, beside the page

WIDTH = 115  # of the prose

INTRODUCTION = (
    "How fast this package is beside others that seal, sign or encrypt a session, and what its "
    "session adds to a request. `make bench` measures everything and writes this page, its plots "
    "and [the numbers](benchmarks/results.json). Under each table is the command that measures it "
    "alone.",
    "The times are those of one machine; ratios carry over to others. Each competitor runs in a "
    "process of its own. The rounds are interleaved: each one measures all competitors, one after "
    "the other. What is shown is the minimum over the rounds, because whatever else the machine "
    "does only adds time; a ratio is that of two minima.",
)
WITH_CORE = (
    f'"{PYTHON}" is this package without its native core, as with `IRON_SESSION_SPEEDUPS=0`; '
    f'"{NATIVE}" is the same with the module `iron_session_speedups`.'
)
WITHOUT_CORE = (
    "**The native core was not installed for this run.** Only the path in Python was measured; "
    "for the native core, the module `iron_session_speedups`, the table has the bounds alone."
)
ABOUT_BOUNDS = (
    "Whole request: the time of a request with our session, divided by that of a request with the "
    "framework's own. Added to bare: as before, but the time of the app without a session is first "
    "subtracted from both."
)
WITH_JSON = (
    "The native core of this run also writes and reads JSON, so some of its bounds are lower."
)
ABOUT_SEALS = (
    "Each competitor turns the same data into the text of a cookie, and back, JSON included. What "
    "only signs leaves the data readable to everybody. The seal of iron-session derives two keys "
    "of its own each time; most others use the same key each time. h3 derives them by many more "
    "iterations, since its version 2. The sizes are those of the JSON; those above 4 kB need "
    "several cookies. The competitors that compress depend on what there is to compress."
)
ABOUT_REQUESTS = (
    "CPU microseconds of a request that is answered in the same process, without a network: the "
    "app is called, or its server is fed with bytes. Ours is the session of this package, own is "
    "the framework's, listed below. The floor is a hook in the place of ours that does nothing. "
    "The session is not touched, read, or modified."
)
ABOUT_LIVE = (
    "CPU microseconds that the server's processes spend on a request, and the 99th percentile of "
    f"the latency, the median of the rounds. wrk sends requests over {CONNECTIONS} connections of "
    "the loopback interface as fast as they are answered, on the same machine: the latency is that "
    "of a server that is always busy. uvicorn and granian have one process, gunicorn has one "
    "process of four threads."
)
ABOUT_BUSY = (
    "Milliseconds of one seal of 100 bytes while another thread computes without a rest. Each time "
    "that code releases the interpreter's lock within a seal, it waits up to 5 ms for its return. "
    "The median and the 99th percentile are those of the best round."
)
ABOUT_IMPORTS = "CPU milliseconds of an import in a fresh process, with all that it imports."
ABOUT_MEMORY = (
    "Bytes that Python holds for one session and its jar: before the session is looked at, and "
    "after it was read. Beside it, the data alone, decoded from the same JSON."
)
ABOUT_GROWTH = "The memory of a process that seals and unseals, over and over:"


def write_page(results: Results, docs: Path) -> None:
    """Write the page into a folder, and its plots into the folder `benchmarks` in it."""
    for name, svg in plots(results).items():
        (docs / FOLDER / name).write_text(svg, encoding="utf-8")
    (docs / "benchmarks.md").write_text(page(results), encoding="utf-8")


def page(results: Results) -> str:
    introduction = [prose(paragraph) for paragraph in INTRODUCTION]
    parts = [_bounds(results), *_parts(results), _versions(results)]
    return "\n\n".join(["# Benchmarks", *introduction, *parts]) + "\n"


def _parts(results: Results) -> Iterator[str]:
    yield from _part(results, "seals", "Seals", _seals)
    yield from _part(results, "requests", "Requests in process", _requests)
    yield from _part(results, "live", "Live servers", _live)
    yield from _part(results, "busy", "Beside a busy thread", _busy)
    yield from _part(results, "imports", "Import", _imports)
    yield from _part(results, "memory", "Memory", _memory)


def _part(results: Results, part: str, heading: str, show: Show) -> Iterator[str]:
    """Yield a heading, and what is under it; under each table, the command that measured it."""
    yield f"## {heading}"
    if part == "live" and results.live_missing:
        yield f"**Not measured:** {results.live_missing}."
    elif getattr(results, part) is None:
        yield "**Not measured yet.**"
    else:
        for block in show(results):
            yield block
            if block.startswith("|"):
                yield f"Made by `{results.commands[part]}`."


# --- the bounds ----------------------------------------------------------------------------------


def _bounds(results: Results) -> str:
    found = bounds(results)
    head = ("", "unit", PYTHON, "at most", "", NATIVE, "at most", "")
    rows = [(one.what, one.unit, *_path(one, PYTHON), *_path(one, NATIVE)) for one in found]
    made = "Made by `python -m benchmarks page`, from the parts below."
    parts = [prose(_about_the_core(found)), table(head, rows), made]
    parts += [prose(ABOUT_BOUNDS), prose(_about_json(results))]
    return "\n\n".join(["## Numbers to keep", *parts])


def _path(bound: Bound, core: str) -> tuple[str, str, str]:
    measured, most, verdict = path(bound, core)
    return measured, most, f"**{verdict}**" if verdict == "NOT KEPT" else verdict


def _about_the_core(found: Sequence[Bound]) -> str:
    return WITH_CORE if any(NATIVE in one.measured for one in found) else WITHOUT_CORE


def _about_json(results: Results) -> str:
    if results.native_json:
        return WITH_JSON
    lower = [f"{one.what}: {one.native_json:g}" for one in RULES if one.native_json is not None]
    return f"A native core that also writes and reads JSON has lower bounds: {'; '.join(lower)}."


# --- the parts -----------------------------------------------------------------------------------


def _seals(results: Results) -> Iterator[str]:
    assert results.seals is not None
    yield prose(ABOUT_SEALS)
    for name, size in results.seals.sizes.items():
        rows = [
            (f"{one.name} {one.version}", *_operations(size, competitor))
            for competitor, one in results.seals.competitors.items()
        ]
        head = ("", "seal µs", "× Fernet", "unseal µs", "× Fernet", "characters")
        yield f"### A session of {name}"
        yield image(_seals_file(name), f"Microseconds to seal and unseal a session of {name}.")
        yield table(head, rows)


def _operations(size: Size, competitor: str) -> tuple[str, ...]:
    times = (size.seal[competitor], size.unseal[competitor])
    cells = [cell for one in times for cell in (short(one.value), short(one.ratio))]
    return (*cells, str(size.lengths[competitor]))


def _seals_file(size: str) -> str:
    return f"seals-{size.lower().replace(' ', '-')}.svg"


VISITS = (BARE, FLOOR, *(f"{session}, {page}" for session in (OURS, OWN) for page in PAGES))


def _requests(results: Results) -> Iterator[str]:
    assert results.requests is not None
    yield prose(ABOUT_REQUESTS)
    yield image(
        "requests.svg", "What a session adds to a request, ours beside the framework's own."
    )
    rows = [
        (one.name, *(_value(one.visits.get(visit)) for visit in VISITS)) for one in results.requests
    ]
    yield table(("µs", *VISITS), rows)
    yield "Our session beside the framework's own: whole requests, and what is added to bare."
    head = ("×", *(f"whole, {page}" for page in PAGES), *(f"added, {page}" for page in PAGES))
    yield table(
        head, [(one.name, *_beside_own(one)) for one in results.requests if one.own_session]
    )
    own = {one.framework: one.own_session or "none" for one in results.requests}
    yield "The frameworks' own sessions:"
    yield "\n".join(f"- {framework}: {session}." for framework, session in own.items())


def _beside_own(one: Requests) -> list[str]:
    return [short(ratio(page)) for ratio in (one.whole, one.added) for page in PAGES]


def _value(compared: Comparison | None) -> str:
    return NONE if compared is None else short(compared.value)


def _live(results: Results) -> Iterator[str]:
    assert results.live is not None
    yield prose(ABOUT_LIVE)
    yield image("live.svg", "CPU of the server that a session adds to a request.")
    for one in results.live:
        rows = [(visit, *_load(one, visit, load)) for visit, load in one.visits.items()]
        yield f"### {one.name}"
        yield table(("", "CPU µs", "added to bare", "p99 ms", "requests/s"), rows)


def _load(one: Live, visit: str, load: Load) -> tuple[str, ...]:
    added = NONE if visit == BARE else short(one.adds(visit))
    return short(load.cpu), added, short(load.p99), f"{load.rate:.0f}"


def _busy(results: Results) -> Iterator[str]:
    assert results.busy is not None
    yield prose(ABOUT_BUSY)
    yield image("busy.svg", "Milliseconds of one seal beside a busy thread.")
    rows = [(one.name, f"{one.median:.3f}", f"{one.p99:.3f}") for one in results.busy.values()]
    yield table(("", "median ms", "p99 ms"), rows)


def _imports(results: Results) -> Iterator[str]:
    assert results.imports is not None
    yield ABOUT_IMPORTS
    yield image("imports.svg", "Milliseconds of an import in a fresh process.")
    rows = [
        (f"`{name}`", short(one.value), short(one.ratio)) for name, one in results.imports.items()
    ]
    yield table(("", "ms", "× Fernet's"), rows)


def _memory(results: Results) -> Iterator[str]:
    assert results.memory is not None
    yield prose(ABOUT_MEMORY)
    rows = [
        (label(size, core), f"{one.unread:.0f}", f"{one.read:.0f}", f"{one.data:.0f}")
        for core, sessions in results.memory.sessions.items()
        for size, one in sessions.items()
    ]
    yield table(("", "unread", "read", "the data alone"), rows)
    yield ABOUT_GROWTH
    head = ("", "seals", "after a tenth, MB", "after all, MB", "growth, kB")
    yield table(head, [(core, *_growth(one)) for core, one in results.memory.growth.items()])


def _growth(one: Growth) -> tuple[str, ...]:
    megabytes = (f"{value / 1024**2:.1f}" for value in (one.early, one.late))
    return (f"{one.count:,}", *megabytes, f"{one.kilobytes:.0f}")


def _versions(results: Results) -> str:
    rows = [(name, version) for name, version in results.versions.items()]
    own = "The version of each competitor is beside its name."
    return "\n\n".join(
        ["## Machine and versions", f"{results.machine}. {own}", table(("", "version"), rows)]
    )


# --- the plots -----------------------------------------------------------------------------------


def plots(results: Results) -> dict[str, str]:
    """Return the SVG of every part that was measured, by file."""
    found: dict[str, str] = {}
    if results.seals:
        found |= {
            _seals_file(size): _plot_seals(results.seals, size) for size in results.seals.sizes
        }
    if results.requests:
        rows = {one.name: _added(one) for one in results.requests}
        found["requests.svg"] = bars(_title("Added to a request in process", "µs"), ADDED, rows)
    if results.live:
        title = _title("Added to a request on a live server", "CPU µs")
        found["live.svg"] = bars(title, ADDED, _served(results.live))
    if results.busy:
        latencies = {one.name: (one.median, one.p99) for one in results.busy.values()}
        title = _title("A seal beside a busy thread", "ms")
        found["busy.svg"] = bars(title, ("median", "p99"), latencies)
    if results.imports:
        times = {name: (one.value,) for name, one in results.imports.items()}
        found["imports.svg"] = bars(
            _title("An import in a fresh process", "ms"), ("import",), times
        )
    return found


def _title(what: str, unit: str) -> str:
    return f"{what}, in {unit}: less is better"


def _plot_seals(seals: Seals, size: str) -> str:
    times = seals.sizes[size]
    rows = {
        one.name: (times.seal[key].value, times.unseal[key].value)
        for key, one in seals.competitors.items()
    }
    return bars(_title(f"A session of {size}", "µs"), ("seal", "unseal"), rows)


ADDED = ("ours, read", "its own, read", "ours, write", "its own, write")


def _added(one: Requests) -> list[float | None]:
    sessions = [(session, page) for page in ("read", "modified") for session in (OURS, OWN)]
    return [
        one.adds(session, page) if f"{session}, {page}" in one.visits else None
        for session, page in sessions
    ]


def _served(live: Sequence[Live]) -> dict[str, list[float]]:
    """Return a row for each server and path."""
    return {
        label(one.name, core): [
            one.adds(visit)
            for page in ("read", "modified")
            for visit in (label(f"{OURS}, {page}", core), f"{OWN}, {page}")
        ]
        for one in live
        for core in (PYTHON, NATIVE)
        if label(f"{OURS}, read", core) in one.visits
    }


# --- Markdown ------------------------------------------------------------------------------------


def prose(text: str) -> str:
    """Return a paragraph in lines."""
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table: the first column to the left, the others to the right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def image(file: str, description: str) -> str:
    return f"![{description}]({FOLDER}/{file})"
