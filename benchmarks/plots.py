"""Horizontal bars as SVG, legible on a light and on a dark page."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import median

WIDTH, LABELS, VALUES = (
    860,
    320,
    70,
)  # of all, of the names on the left, of the numbers on the right
BAR, GAP, HEAD = 14, 10, 58
SERIES = 4  # as many colours as there are
LONGEST = 8  # the longest bar, in medians of all values

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 14px }
  .page { fill: #ffffff }
  .s0 { fill: #1f6feb } .s1 { fill: #d4751c } .s2 { fill: #2d8a4e } .s3 { fill: #8a57c9 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .page { fill: #0d1117 }
    .s0 { fill: #58a6ff } .s1 { fill: #f0a35e } .s2 { fill: #56d37f } .s3 { fill: #c29bf5 }
  }
"""


def bars(title: str, series: Sequence[str], rows: Mapping[str, Sequence[float | None]]) -> str:
    """Return the SVG of one group of bars for each row, with one bar for each series.

    Args:
        title: what is shown, with its unit.
        series: the name of each series; at most as many as there are colours.
        rows: the values of each row by its name; None where there is none.
    """
    if len(series) > SERIES:
        raise ValueError(f"there are colours for {SERIES} series only")
    group = BAR * len(series) + GAP
    height = HEAD + group * len(rows)
    most = _scale([value for values in rows.values() for value in values if value is not None])
    content = [
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="12" y="22">{escape(title)}</text>',
        *_legend(series),
    ]
    for number, (name, values) in enumerate(rows.items()):
        content += _group(name, values, HEAD + group * number, most)
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>'
    return "\n".join([head, f"<title>{escape(title)}</title>", _style(), *content, "</svg>", ""])


def _scale(values: Sequence[float]) -> float:
    """Return the value of the longest bar: one that is far above the others is cut off."""
    return min(max(values), LONGEST * median(values)) if any(values) else 1


def _style() -> str:
    return f"<style>{STYLE}</style>"


def _legend(series: Sequence[str]) -> Iterator[str]:
    x = 12
    for number, name in enumerate(series):
        yield f'<rect class="s{number}" x="{x}" y="34" width="12" height="12" rx="2"/>'
        yield f'<text x="{x + 18}" y="44">{escape(name)}</text>'
        x += 40 + 7 * len(name)


def _group(name: str, values: Sequence[float | None], top: int, most: float) -> Iterator[str]:
    middle = top + BAR * len(values) / 2 + 4
    yield f'<text x="{LABELS - 8}" y="{middle:.1f}" text-anchor="end">{escape(name)}</text>'
    for number, value in enumerate(values):
        yield from _bar(number, value, top + BAR * number, most)


def _bar(series: int, value: float | None, y: int, most: float) -> Iterator[str]:
    """Yield a bar and its number, which says so with an arrow if the bar is cut off."""
    length = min(max(value or 0, 0) / most, 1) * (WIDTH - LABELS - VALUES)
    size = f'width="{length:.1f}" height="{BAR - 2}"'
    yield f'<rect class="s{series}" x="{LABELS}" y="{y + 1}" {size} rx="2"/>'
    cut = "→ " if (value or 0) > most else ""
    text = "none" if value is None else f"{cut}{short(value)}"
    yield f'<text x="{LABELS + length + 6:.1f}" y="{y + BAR - 3}">{text}</text>'


def short(value: float) -> str:
    """Return a number with about three digits."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}"
