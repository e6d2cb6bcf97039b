"""Measure this package beside its competitors: `python -m benchmarks`.

It informs and does not judge: a bound that is not kept is shown, and the exit status stays 0.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.report import report
from benchmarks.results import Effort, measure

FULL = Effort(
    seal_rounds=25,
    seal_seconds=0.05,
    busy_rounds=7,
    busy_seconds=1,
    import_rounds=21,
    request_rounds=100,
    requests=100,
)
QUICK = Effort(
    seal_rounds=3,
    seal_seconds=0.02,
    busy_rounds=1,
    busy_seconds=1,
    import_rounds=3,
    request_rounds=5,
    requests=50,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds, and rough numbers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    arguments = parser.parse_args()
    results = measure(QUICK if arguments.quick else FULL)
    print(report(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(results), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
