"""The results as text."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from benchmarks.results import Bound, Results
from benchmarks.rounds import Comparison
from benchmarks.visits import BARE, FLOOR, OURS, OWN, PAGES

Row: TypeAlias = Sequence[str]

NONE = "-"


def report(results: Results) -> str:
    return "\n".join(
        [
            *(f"{name} {version}" for name, version in results.versions.items()),
            _seals(results),
            _busy(results),
            _comparisons("Import in a fresh process", "ms", results.imports),
            _requests(results),
            _requests_beside_others(results),
            _own_sessions(results),
            _bounds(results),
        ]
    )


def _seals(results: Results) -> str:
    rows = [
        (
            f"{one.name} {one.version}",
            f"{results.seal[file].ratio:.2f}",
            f"{results.unseal[file].ratio:.2f}",
            f"{results.seal[file].value:.1f}",
            f"{results.unseal[file].value:.1f}",
            str(one.length),
        )
        for file, one in results.competitors.items()
    ]
    head = ("", "x seal", "x unseal", "seal µs", "unseal µs", "characters")
    return table("A session of 100 bytes", head, rows)


def _busy(results: Results) -> str:
    rows = [
        (results.competitors[file].name, f"{latency.median:.2f}", f"{latency.p99:.2f}")
        for file, latency in results.busy.items()
    ]
    return table("Seal beside a busy thread", ("", "median ms", "p99 ms"), rows)


def _comparisons(title: str, unit: str, comparisons: Mapping[str, Comparison]) -> str:
    rows = [
        (name, f"{compared.ratio:.3f}", f"{compared.value:.1f}")
        for name, compared in comparisons.items()
    ]
    return table(title, ("", "x", unit), rows)


VISITS = (BARE, FLOOR, *(f"{session}, {page}" for session in (OURS, OWN) for page in PAGES))


def _requests(results: Results) -> str:
    rows = [
        (one.name, *(_microseconds(one.visits.get(visit)) for visit in VISITS))
        for one in results.requests
    ]
    return table("A request, in µs", ("", *VISITS), rows)


def _microseconds(compared: Comparison | None) -> str:
    return NONE if compared is None else f"{compared.value:.1f}"


def _requests_beside_others(results: Results) -> str:
    """Set ours beside the bare framework, and beside the framework's own session."""
    head = ("", "floor x bare", "untouched x bare", "", *(f"{page} x own" for page in PAGES))
    rows = [
        (
            one.name,
            f"{one.visits[FLOOR].ratio:.3f}",
            f"{bound.measured:.3f}",
            _verdict(bound),
            *(f"{one.beside_own[page]:.2f}" if one.beside_own else NONE for page in PAGES),
        )
        for one, bound in zip(results.requests, results.untouched_bounds, strict=True)
    ]
    return table("… and as ratios: untouched at most 1.03", head, rows)


def _own_sessions(results: Results) -> str:
    """Say what ours is compared with."""
    own = {one.framework: one.own_session or "none" for one in results.requests}
    lines = [f"  {framework}: {session}" for framework, session in own.items()]
    return "\n".join(
        ["", "Their own sessions; the floor is what only stands in ours' place", *lines]
    )


def _verdict(bound: Bound) -> str:
    return "kept" if bound.kept else "NOT KEPT"


def _bounds(results: Results) -> str:
    rows = [
        (
            bound.what,
            f"{bound.measured:.3f}",
            f"{bound.most:.2f}",
            bound.unit,
            _verdict(bound),
        )
        for bound in results.bounds
    ]
    return table("Numbers to keep", ("", "measured", "at most", "", ""), rows)


def table(title: str, head: Row, rows: Sequence[Row]) -> str:
    """Write a table: the first column to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(["", title, *(_line(line, widths) for line in lines)])


def _line(cells: Row, widths: Sequence[int]) -> str:
    padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    padded[0] = cells[0].ljust(widths[0])
    return "  " + "  ".join(padded)
