"""Measure this package beside its competitors, and write the page that shows it.

`python -m benchmarks` measures all parts, `python -m benchmarks seals busy` these two, and `python
-m benchmarks page` only writes the page and its plots from the results that are there. It only
informs: the page shows a bound that is not kept, but the exit status stays 0.
"""

import argparse
from pathlib import Path

from benchmarks.bounds import bounds
from benchmarks.page import write_page
from benchmarks.report import bounds_table
from benchmarks.results import PARTS, Effort, measure, read, write

FULL = Effort(
    seal_rounds=10,
    seal_seconds=0.04,
    busy_rounds=12,
    busy_seconds=1,
    import_rounds=15,
    request_rounds=40,
    requests=100,
    live_rounds=8,
    live_seconds=1,
    seals_for_memory=1_000_000,
)
QUICK = Effort(
    seal_rounds=3,
    seal_seconds=0.02,
    busy_rounds=2,
    busy_seconds=1,
    import_rounds=3,
    request_rounds=5,
    requests=50,
    live_rounds=1,
    live_seconds=1,
    seals_for_memory=20_000,
)
PAGE = "page"
DOCS = Path(__file__).parent.parent / "docs" / "reference"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    # A list of choices would refuse that there is none.
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join([*PARTS, PAGE]))
    parser.add_argument("--quick", action="store_true", help="a minute or two, and rough numbers")
    parser.add_argument("--docs", type=Path, default=DOCS, metavar="FOLDER", help="where to write")
    given = parser.parse_args(arguments)
    if unknown := set(given.parts) - {*PARTS, PAGE}:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    run(given.parts or list(PARTS), given.docs, quick=given.quick)


def run(parts: list[str], docs: Path, *, quick: bool) -> None:
    """Measure these parts, keep what is measured at once, and write the page."""
    folder = docs / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    results = read(folder / "results.json")
    for part in parts:
        if part != PAGE:
            print(f"Measuring: {part}", flush=True)
            command = f"python -m benchmarks {part}{' --quick' if quick else ''}"
            results = measure(results, part, QUICK if quick else FULL, command)
            write(results, folder / "results.json")
    if results.live_missing:
        print(f"No live servers: {results.live_missing}")
    write_page(results, docs)
    print(bounds_table(bounds(results)))
    print(f"\nThe page is {docs / 'benchmarks.md'}")


if __name__ == "__main__":
    main()
