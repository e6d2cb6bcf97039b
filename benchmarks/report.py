"""Tables as text, for the terminal."""

from collections.abc import Sequence
from typing import TypeAlias

from benchmarks.bounds import Bound
from benchmarks.cores import NATIVE, PYTHON

Row: TypeAlias = Sequence[str]

NONE = "-"


def bounds_table(bounds: Sequence[Bound]) -> str:
    """Return what was measured beside what it may be, for both paths."""
    head = ("", "", PYTHON, "at most", "", NATIVE, "at most", "")
    rows = [(one.what, one.unit, *path(one, PYTHON), *path(one, NATIVE)) for one in bounds]
    return table("Numbers to keep", head, rows)


def path(bound: Bound, core: str) -> tuple[str, str, str]:
    """Return the cells of one path: what was measured, the bound, and whether it is kept."""
    measured = bound.measured.get(core)
    shown = NONE if measured is None else f"{measured:.3f}"
    most = f"{bound.most[core]:g}" if core in bound.most else NONE
    return shown, most, bound.verdict(core)


def table(title: str, head: Row, rows: Sequence[Row]) -> str:
    """Return a table as text: the first column to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(["", title, *(_line(line, widths) for line in lines)])


def _line(cells: Row, widths: Sequence[int]) -> str:
    padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    padded[0] = cells[0].ljust(widths[0])
    return "  " + "  ".join(padded)
