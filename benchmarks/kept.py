"""What kept seals save, and what they cost in memory: `python -m benchmarks.kept`."""

import argparse
import tracemalloc
from collections.abc import Callable
from typing import Any

from benchmarks.sample import DATA, PASSWORD
from benchmarks.worker import best_time
from iron_session import HeaderJar, Passwords, SessionOptions, get_iron_session, seal_data
from iron_session._time import now_ms
from iron_session.seals.kept import KeptSeals
from iron_session.seals.sealing import open_json

PASSWORDS = Passwords(PASSWORD)
SEAL = seal_data(DATA, password=PASSWORDS)
NAME = "myapp"


def options_with(keep_opened: int | None) -> SessionOptions[Any]:
    return SessionOptions(password=PASSWORDS, cookie_name=NAME, keep_opened=keep_opened)


def read(options: SessionOptions[Any]) -> dict[str, Any]:
    """Read the session of a request, as an application does."""
    return dict(get_iron_session(HeaderJar(f"{NAME}={SEAL}"), options))


def calls() -> dict[str, tuple[Callable[[Any], object], object]]:
    """Return what is timed: a function and its argument."""
    now, store = now_ms(), KeptSeals(1024)
    kept = {SEAL.partition("~")[0]: None}
    return {
        "open a seal": (lambda text: open_json(text, PASSWORDS, now), SEAL),
        "take it from the store": (lambda text: store.open(text, PASSWORDS, now), SEAL),
        "look it up in a bare dict": (lambda text: kept[text.partition("~")[0]], SEAL),
        "read a session": (read, options_with(None)),
        "read a session, seal kept": (read, options_with(1024)),
    }


def bytes_for_each(seals: int, size: int) -> float:
    """Measure what a kept seal takes of memory, for sessions with a text of so many characters."""
    passwords, store, now = Passwords(PASSWORD), KeptSeals(seals), now_ms()
    texts = [seal_data({"text": "x" * size}, password=passwords) for _ in range(seals)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for text in texts:
        store.open(text, passwords, now)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return taken / seals


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kept", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1, help="for each figure")
    seconds = parser.parse_args().seconds
    for name, (call, argument) in calls().items():
        print(f"{best_time(call, argument, seconds):8.2f} µs  {name}")
    for size in (10, 100, 500, 1000):
        length = len(seal_data({"text": "x" * size}, password=PASSWORDS))
        print(f"{bytes_for_each(1000, size):8.0f} bytes  for a seal of {length} characters")


if __name__ == "__main__":
    main()
