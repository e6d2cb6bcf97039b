"""A process of its own, whose clock is wrong: does what it reads from stdin, line by line.

python -m tests.revocation.faults.worker URL HOURS
"""

import json
import sys
from typing import Any

from iron_session import SessionUnavailableError, _time
from iron_session.revocation import open_store
from tests.revocation.faults.processes import Browser, Process

HOUR_MS = 3_600_000

_now = _time.now_ms
_shift = 0


def set_clock(hours: float) -> None:
    """Set this machine's clock; spans of time are measured as ever."""
    global _shift  # noqa: PLW0603 - the clock that is patched reads it
    _shift = round(hours * HOUR_MS)


def serve(process: Process) -> None:
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"answer": run(process, name, *arguments)}
        except SessionUnavailableError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


def run(process: Process, name: str, *arguments: Any) -> Any:
    if name == "ready":
        return process.revocations.wait_until_ready(30)
    if name == "log_in":
        browser = process.log_in(*arguments)
        return [browser.user, browser.cookie, browser.id]
    if name == "visit":
        return process.visit(Browser(*arguments))
    if name == "end":
        process.end(Browser(*arguments))
        return _time.elapsed_ms()
    if name == "fresh_from":
        return process.fresh_from
    if name == "set_clock":
        return set_clock(*arguments)
    raise ValueError(name)


if __name__ == "__main__":
    url, hours = sys.argv[1:]
    set_clock(float(hours))
    _time.now_ms = lambda: _now() + _shift
    serve(Process(open_store(url), name=hours))
