"""Measure how soon an ending holds in four workers: `python -m benchmarks.ending_in_workers`.

Run it from the root. For each server and store, a user's session is ended by one worker, and all
four are asked, each over a connection of its own, until the last one refuses it. The time begins
when the ending is answered, and has a round of four requests in it.
"""

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.revocation.live.sites import COMMANDS, run_site, times_to_hold
from tests.revocation.servers import run_postgresql, run_redis


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ending_in_workers", description=__doc__
    )
    parser.add_argument("--endings", type=int, default=40, help="how many for each")
    endings = parser.parse_args().endings
    print("| server, 4 workers | store | median | slowest |")
    print("| --- | --- | --- | --- |")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stores = {
            "SqliteStore": f"sqlite:///{folder}/endings.sqlite3",
            "RedisStore": stack.enter_context(run_redis()).url,
            "SqlStore, PostgreSQL": stack.enter_context(run_postgresql()),
        }
        for kind in sorted(COMMANDS, reverse=True):
            for name, store in stores.items():
                with run_site(kind, store, folder) as site:
                    times = times_to_hold(site, endings)
                median, slowest = (
                    f"{each * 1000:.1f} ms" for each in (statistics.median(times), max(times))
                )
                print(f"| {kind} | {name} | {median} | {slowest} |", flush=True)


if __name__ == "__main__":
    main()
