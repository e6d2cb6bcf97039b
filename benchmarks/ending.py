"""What ending sessions costs in each process: `python -m benchmarks.ending`.

A look at a session, memory, and for a store the start of a process and the time until an ending is
known in another one. With `--redis URL` and `--sql URL`, also for those: the store should be empty,
and is left with 200,000 endings.
"""

import argparse
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.worker import best_time
from iron_session.revocation import MemoryStore, Revocations, open_store
from iron_session.revocation.records import BEFORE_ALL, Entry
from iron_session.revocation.replica import Replica

USERS = 200_000
AT_ONCE = 1000
DAY_MS = 86_400_000


def engine(store: Any) -> Revocations:
    made = Revocations(store, namespace="benchmark")
    made.register(14 * DAY_MS, 30 * DAY_MS)
    return made


def entries(kind: str, count: int, now: int) -> Iterator[Entry]:
    for _ in range(count):
        key = secrets.token_bytes(16)
        if kind == "user":
            yield Entry("user", key, now - secrets.randbelow(DAY_MS))
        else:
            yield Entry("session", key, until=now + secrets.randbelow(14 * DAY_MS))


def looks() -> dict[str, tuple[Callable[[Any], object], object]]:
    """Return what is timed: a function and its argument."""
    revocations = engine(MemoryStore())
    assert revocations.wait_until_ready(30)
    session_id, since = secrets.token_urlsafe(16), revocations.now("7") - 1
    revocations._replica.apply(entries("user", USERS, since))
    revocations._replica.apply(entries("session", USERS, since))
    judge = revocations.judge
    assert judge(session_id, ["user-42"], since) == "good"
    strangers = iter([f"user-{number}" for number in range(2_000_000)])
    return {
        "judge a session of a user": (lambda users: judge(session_id, users, since), ["user-42"]),
        "judge a session of nobody": (lambda users: judge(session_id, users, since), ()),
        "judge one of a user who is new here": (
            lambda them: judge(session_id, [next(them)], since),
            strangers,
        ),
        "begin a session": (revocations.now, "user-42"),
    }


def memory_for(kind: str, count: int) -> float:
    """Measure what the replica takes, in MB."""
    known = list(entries(kind, count, 1_800_000_000_000))
    replica = Replica()
    tracemalloc.start()
    # As they come from a store: each in an object of its own.
    replica.apply(
        each._replace(key=bytes(bytearray(each.key)), mark=each.mark + 1, until=each.until + 1)
        for each in known
    )
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken / 1e6


def fill(url: str) -> None:
    """Write the endings of many users to a store."""
    revocations = engine(open_store(url))
    assert revocations.wait_until_ready(30)
    now = revocations.now()
    every = list(entries("user", USERS, now))
    for at in range(0, USERS, AT_ONCE):
        revocations._ledger.restore(BEFORE_ALL, every[at : at + AT_ONCE])
    revocations.close()


STARTED = """
import re, sys, time
from benchmarks.ending import engine, open_store
def memory(name):
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1000
revocations = engine(open_store(sys.argv[1]))
before, at = memory("VmRSS"), time.perf_counter()
assert revocations.wait_until_ready(60)
took = time.perf_counter() - at
print(took, memory("VmRSS") - before, memory("VmHWM") - before)
"""


def start(url: str) -> tuple[float, float, float]:
    """Return how long a process takes to start, in seconds, and its memory then and at most."""
    run = subprocess.run(
        [sys.executable, "-c", STARTED, url], capture_output=True, text=True, check=True
    )
    took, memory, most = map(float, run.stdout.split())
    return took, memory, most


def reach(url: str, count: int = 50) -> list[float]:
    """Measure how long it takes until another process would know of an ending, in ms."""
    here, there = engine(open_store(url)), engine(open_store(url))
    assert here.wait_until_ready(30)
    assert there.wait_until_ready(30)
    times = []
    for number in range(count):
        user = f"reached-{number}"
        since = here.now(user)
        here.end_user(user)
        at = time.perf_counter()
        while there.judge(None, [user], since) == "good":
            time.sleep(0.0001)
        times.append((time.perf_counter() - at) * 1000)
        time.sleep(0.01)
    here.close()
    there.close()
    return times


def report_store(url: str) -> None:
    name = repr(open_store(url))
    times = sorted(reach(url))
    print(f"{statistics.median(times):8.2f} ms  until another process knows of an ending, {name}")
    print(f"{times[-1]:8.2f} ms  at most")
    fill(url)
    took, memory, most = start(url)
    print(
        f"{took:8.2f} s   to start with {USERS:,} ended users, {memory:.0f} MB ({most:.0f} at most)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ending", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1, help="for each figure")
    parser.add_argument("--redis", action="append", default=[], metavar="URL")
    parser.add_argument("--sql", action="append", default=[], metavar="URL")
    given = parser.parse_args()
    for name, (call, argument) in looks().items():
        print(f"{best_time(call, argument, given.seconds):8.2f} µs  {name}")
    for kind in ("user", "session"):
        print(f"{memory_for(kind, USERS):8.1f} MB  for {USERS:,} ended {kind}s in a process")
    with tempfile.TemporaryDirectory() as folder:
        for url in [f"sqlite:///{Path(folder, 'endings.sqlite3')}", *given.redis, *given.sql]:
            report_store(url)


if __name__ == "__main__":
    main()
