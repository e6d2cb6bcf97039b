"""One competitor in its own process: reads one request per line, writes one answer; as JSON.

    python -m benchmarks.worker fernet

worker.mjs is the same for Node.
"""

import json
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from itertools import repeat
from time import perf_counter, sleep
from typing import Any, Protocol, cast

BATCH_SECONDS = 0.005
WAIT_SECONDS = 0.001


class Competitor(Protocol):
    """The names that a module in competitors/ has."""

    NAME: str
    VERSION: str

    def seal(self, data: dict[str, Any]) -> str: ...
    def unseal(self, text: str) -> Any: ...


def best_time(call: Callable[[Any], object], argument: object, seconds: float) -> float:
    """Measure the microseconds of one call, in the best of many short batches."""
    calls = 1
    while (elapsed := batch_time(call, argument, calls)) < BATCH_SECONDS:
        calls *= 2
    batches = max(1, round(seconds / elapsed))
    best = min(batch_time(call, argument, calls) for _ in range(batches))
    return min(best, elapsed) / calls * 1e6


def batch_time(call: Callable[[Any], object], argument: object, calls: int) -> float:
    start = perf_counter()
    for _ in repeat(None, calls):
        call(argument)
    return perf_counter() - start


def busy_latencies(call: Callable[[Any], object], argument: object, seconds: float) -> list[float]:
    """Measure the milliseconds of single calls, beside a thread that never rests.

    Each call comes after a wait, as a server's thread waits for its request. Without the wait, this
    thread would make hundreds of calls in its share of time, and the wait for the next share would
    disappear among them.
    """
    done = threading.Event()
    thread = threading.Thread(target=_work, args=(done,), daemon=True)
    thread.start()
    latencies = []
    end = perf_counter() + seconds
    while perf_counter() < end:
        sleep(WAIT_SECONDS)
        start = perf_counter()
        call(argument)
        latencies.append((perf_counter() - start) * 1e3)
    done.set()
    thread.join()
    return latencies


def _work(done: threading.Event) -> None:
    while not done.is_set():
        sum(number * number for number in range(1000))


def answer(competitor: Competitor, operation: str, data: Any = None, seconds: float = 0) -> Any:
    if operation == "describe":
        return {"name": competitor.NAME, "version": competitor.VERSION}
    text = competitor.seal(data)
    match operation:
        case "length":
            return len(text)
        case "round trip":
            return competitor.unseal(text)
        case "seal":
            return best_time(competitor.seal, data, seconds)
        case "unseal":
            return best_time(competitor.unseal, text, seconds)
        case "seal, busy":
            return busy_latencies(competitor.seal, data, seconds)
    raise ValueError(operation)


def main() -> None:
    competitor = cast(Competitor, import_module(f"benchmarks.competitors.{sys.argv[1]}"))
    for line in sys.stdin:
        print(json.dumps(answer(competitor, **json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
