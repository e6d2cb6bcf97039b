"""The results as text."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from benchmarks.results import Results
from benchmarks.rounds import Comparison

Row: TypeAlias = Sequence[str]


def report(results: Results) -> str:
    return "\n".join(
        [
            *(f"{name} {version}" for name, version in results.versions.items()),
            _seals(results),
            _busy(results),
            _comparisons("Import in a fresh process", "ms", results.imports),
            _comparisons("A request to a Starlette app alone", "µs", results.requests),
            _comparisons("The same served by uvicorn", "µs", results.served_requests),
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


def _bounds(results: Results) -> str:
    rows = [
        (
            bound.what,
            f"{bound.measured:.3f}",
            f"{bound.most:.2f}",
            bound.unit,
            "kept" if bound.kept else "NOT KEPT",
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
