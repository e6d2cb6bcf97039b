"""Count the calls that a seal and a session make, beside the numbers in the tree.

    python tools/count_calls.py            # print them; more than the numbers say is an error
    python tools/count_calls.py --write    # keep them as this Python's numbers

Time differs from run to run, and calls do not, so this is what CI watches. A call counts if this
package's code makes it, of whatever function; what cryptography or json call in turn does not. Each
Python has numbers of its own, since it may compile the same code to other calls.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = ROOT / "tools" / "calls.json"
VERSION = "{}.{}".format(*sys.version_info)
PASSWORD = "a password that only measurements know"  # noqa: S105 - it protects nothing
DATA = {"user": {"id": 42, "name": "Ada Lovelace", "roles": ["admin", "editor"]}, "visits": 7}


def scenarios() -> dict[str, Callable[[], object]]:
    """Return what is counted, by name."""
    from iron_session import (  # noqa: PLC0415 - in the process that counts
        HeaderJar,
        Passwords,
        SessionOptions,
        get_iron_session,
        seal_data,
        unseal_data,
    )

    options = SessionOptions(password=PASSWORD, cookie_name="visited")
    passwords = Passwords(PASSWORD)
    text = seal_data(DATA, password=passwords)

    def read() -> None:
        session = get_iron_session(HeaderJar(f"visited={text}"), options)
        session["user"]
        session.commit()

    def write() -> None:
        session = get_iron_session(HeaderJar(f"visited={text}"), options)
        session["visits"] += 1
        session.commit()

    return {
        "seal": lambda: seal_data(DATA, password=passwords),
        "unseal": lambda: unseal_data(text, password=passwords),
        "read a session": read,
        "write a session": write,
    }


class Counter:
    """Counts the calls that the code in a folder makes, as `sys.setprofile` reports them."""

    def __init__(self, folder: Path) -> None:
        self.calls = 0
        self._folder = f"{folder}{os.sep}"

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        caller = frame.f_back if event == "call" else frame
        if event in ("call", "c_call") and caller is not None:
            self.calls += caller.f_code.co_filename.startswith(self._folder)


def count(run: Callable[[], object], folder: Path) -> int:
    """Return how many calls the code in a folder makes while this runs."""
    counter = Counter(folder)
    run()  # what is done only once is done now
    before = sys.getprofile()
    sys.setprofile(counter)
    try:
        run()
    finally:
        sys.setprofile(before)
    return counter.calls


def count_all() -> dict[str, int]:
    """Return the calls of each scenario."""
    import iron_session  # noqa: PLC0415 - in the process that counts

    folder = Path(iron_session.__file__).parent
    return {name: count(run, folder) for name, run in scenarios().items()}


def counted() -> dict[str, int]:
    """Return them as a new process counts them, without the native core."""
    environ = {**os.environ, "IRON_SESSION_SPEEDUPS": "0", "PYTHONHASHSEED": "0"}
    run = subprocess.run(
        [sys.executable, __file__, "--json"], env=environ, capture_output=True, check=True
    )
    found: dict[str, int] = json.loads(run.stdout)
    return found


def numbers() -> dict[str, dict[str, int]]:
    """Return the numbers in the tree, by Python's version."""
    kept: dict[str, dict[str, int]] = json.loads(NUMBERS.read_text("utf-8"))
    return kept


def write(found: dict[str, int]) -> None:
    """Keep these as this Python's numbers."""
    kept: dict[str, Any] = numbers() | {VERSION: found}
    NUMBERS.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n", "utf-8")


def grown(found: dict[str, int], kept: dict[str, int]) -> list[str]:
    """Return what makes more calls than the numbers say, in words."""
    return [
        f"{name}: {calls} calls, and {kept[name]} before"
        for name, calls in found.items()
        if calls > kept[name]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep them as this Python's numbers")
    parser.add_argument("--json", action="store_true", help="print them for another program")
    given = parser.parse_args()
    if given.json:
        print(json.dumps(count_all()))
        return
    found = counted()
    if given.write:
        write(found)
    kept = numbers().get(VERSION, {})
    for name, calls in found.items():
        print(f"{name}: {calls} (in the tree: {kept.get(name, 'nothing')})")
    sys.exit("\n".join(grown(found, kept)) if kept else 0)


if __name__ == "__main__":
    main()
