"""Count the instructions of our seal beside Fernet's, by callgrind; see the numbers in the tree.

    python tools/count_instructions.py            # print them; much more than before is an error
    python tools/count_instructions.py --write    # keep them as this Python's numbers

The time of a seal differs from run to run, its instructions hardly. Those of another machine are
others, since each build of Python and OpenSSL has its own; so what is kept is a ratio: sealing and
unsealing by us, to Fernet with JSON, in one run. Where the native core is installed it has a ratio
of its own. Without valgrind, or numbers of this Python, one line says so; with CI in the
environment that is an error.

It says little about time: valgrind 3.19 has no instructions for SHA, so hashes weigh more in it.
"""

import argparse
import gc
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = ROOT / "tools" / "instructions.json"
VERSION = "{}.{}".format(*sys.version_info)
MARGIN = 1.1  # for other builds: with Debian's Python the ratios were 2 and 6 % higher
TIMES = 200
WARM_UP = 20  # what is done only once is done then, and Python has specialised its code
NOTHING = "nothing"
PASSWORD = "a password that only measurements know"  # noqa: S105 - it protects nothing
DATA = {"user": {"id": 42, "name": "Ada Lovelace", "roles": ["admin", "editor"]}, "visits": 7}
CORES = {"Python": "0", "native core": "1"}  # the value of IRON_SESSION_SPEEDUPS


# --- what is counted -----------------------------------------------------------------------------


def scenarios() -> dict[str, Callable[[], object]]:
    """Return what is counted, by name."""
    from cryptography.fernet import Fernet  # noqa: PLC0415 - in the process that is counted

    from iron_session import Passwords, seal_data, unseal_data  # noqa: PLC0415

    passwords = Passwords(PASSWORD)
    fernet = Fernet(Fernet.generate_key())

    def ours() -> object:
        return unseal_data(seal_data(DATA, password=passwords), password=passwords)

    def fernets() -> object:
        token = fernet.encrypt(json.dumps(DATA).encode()).decode()
        return json.loads(fernet.decrypt(token, ttl=60))

    return {"ours": ours, "Fernet": fernets}


def run_each() -> None:
    """Do each so many times, and nothing, all in processes that begin where this one is."""
    gc.disable()  # it would run at other places in each
    found = scenarios()
    for scenario in found.values():
        for _ in range(WARM_UP):
            if scenario() != DATA:
                raise SystemExit("what was sealed came back changed")
    for name in (NOTHING, *found):
        child = os.fork()
        if not child:
            for _ in range(TIMES if name in found else 0):
                found[name]()
            os._exit(0)
        os.waitpid(child, 0)
        print(name, child, flush=True)


# --- counting ------------------------------------------------------------------------------------


def find_lacking() -> str | None:
    """Return what counting needs and this machine has not."""
    if not shutil.which("valgrind"):
        return "valgrind was not found: on Debian, apt-get install valgrind"
    return None


def cores() -> list[str]:
    """Return the paths that can be counted here."""
    return list(CORES) if find_spec("iron_session_speedups") else ["Python"]


def count(core: str) -> dict[str, float]:
    """Return the instructions of each scenario.

    Those of the same process that does nothing are not among them: imports, and what it made ready.
    """
    environ = {**os.environ, "PYTHONHASHSEED": "0", "IRON_SESSION_SPEEDUPS": CORES[core]}
    valgrind = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}")
    program = (sys.executable, __file__, "--run")
    done = subprocess.run(
        [*valgrind, *program], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"valgrind failed:\n{done.stderr}")
    return per_time(done.stdout, collected(done.stderr))


def per_time(processes: str, totals: Mapping[str, int]) -> dict[str, float]:
    """Return the instructions of each scenario, given the lines that `run_each` has printed."""
    counts = {name: totals[child] for name, child in map(str.split, processes.splitlines())}
    nothing = counts.pop(NOTHING)
    return {name: (total - nothing) / TIMES for name, total in counts.items()}


def collected(output: str) -> dict[str, int]:
    """Return the number that callgrind tells at the end of each process, by the process's id."""
    found = re.findall(r"^==(\d+)== Collected : (\d+)", output, re.MULTILINE)
    return {process: int(total) for process, total in found}


def ratio(core: str) -> float:
    """Return our instructions, of a seal and its opening, to those of Fernet."""
    counts = count(core)
    each = ", ".join(f"{name} {total:.0f}" for name, total in counts.items())
    print(f"{core}: instructions of a seal and its opening: {each}", flush=True)
    return round(counts["ours"] / counts["Fernet"], 3)


# --- beside the numbers in the tree --------------------------------------------------------------


def numbers() -> dict[str, dict[str, float]]:
    """Return the ratios in the tree, by Python's version and by path."""
    kept: dict[str, dict[str, float]] = json.loads(NUMBERS.read_text("utf-8"))
    return kept


def write(found: Mapping[str, float]) -> None:
    """Keep these as this Python's numbers; a path that was not counted keeps its own."""
    kept = numbers()
    kept[VERSION] = {**kept.get(VERSION, {}), **found}
    NUMBERS.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n", "utf-8")


def grown(found: Mapping[str, float], kept: Mapping[str, float]) -> list[str]:
    """Return what takes more instructions than the numbers and the margin say, in words."""
    return [
        f"{core}: {ratio} times Fernet's instructions, and {kept[core]} before"
        for core, ratio in found.items()
        if ratio > kept[core] * MARGIN
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep them as this Python's numbers")
    parser.add_argument("--run", action="store_true", help="only do what is counted")
    given = parser.parse_args()
    if given.run:
        run_each()
        return
    if lacking := find_lacking():
        give_up(f"Instructions are not counted: {lacking}.")
        return
    found = {core: ratio(core) for core in cores()}
    if given.write:
        write(found)
    kept = numbers().get(VERSION, {})
    for core, one in found.items():
        print(f"{core}: {one} times Fernet's (in the tree: {kept.get(core, 'nothing')})")
    if not kept:
        give_up(f"{NUMBERS.name} has no numbers of Python {VERSION}: --write keeps these.")
        return
    sys.exit("\n".join(grown(found, kept)) or 0)


def give_up(told: str) -> None:
    """Say why nothing was compared; with CI in the environment, as an error."""
    if os.environ.get("CI"):
        sys.exit(told)
    print(told)


if __name__ == "__main__":
    main()
