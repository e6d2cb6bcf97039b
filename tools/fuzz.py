"""Fuzz the native core for a while: `make fuzz`, or `python tools/fuzz.py 600` for 10 minutes each.

Needs cargo-fuzz and a nightly Rust; without them one line says so. The fuzzer begins with the seals
of speedups/tests/vectors.tsv, and keeps what it finds worth keeping in speedups/fuzz/corpus. A text
that breaks a property stays in speedups/fuzz/artifacts, and the exit status is an error.
"""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

CRATE = Path(__file__).parent.parent / "speedups"
FUZZ = CRATE / "fuzz"
VECTORS = CRATE / "tests" / "vectors.tsv"
NIGHTLY = "+nightly"
LONGEST = 2000  # of an input: no part of a seal is read differently when it is longer


def find_lacking() -> str | None:
    """Return what fuzzing needs and this machine has not."""
    if not shutil.which("cargo"):
        return "cargo was not found"
    if not runs("cargo", "fuzz", "--version"):
        return "cargo-fuzz was not found: cargo install cargo-fuzz"
    if not runs("cargo", NIGHTLY, "--version"):
        return "a nightly Rust was not found: rustup toolchain install nightly"
    return None


def runs(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def targets() -> list[str]:
    manifest = tomllib.loads((FUZZ / "Cargo.toml").read_text(encoding="utf-8"))
    return [one["name"] for one in manifest["bin"]]


def seals() -> Iterator[str]:
    """Yield the seals that the Python code has made."""
    for line in VECTORS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield line.rpartition("\t")[2]


def write_seeds(folder: Path) -> None:
    """Write each seal as an input, and each of its parts, for the targets to put into others."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = sorted({text for seal in seals() for text in (seal, *seal.split("*"))})
    for number, text in enumerate(texts):
        (folder / f"seed-{number}").write_text(text, encoding="utf-8")


def fuzz(target: str, seconds: int) -> bool:
    """Return whether this target finds nothing for so long."""
    corpus = FUZZ / "corpus" / target
    write_seeds(corpus)
    options = (f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-print_final_stats=1")
    command = ("cargo", NIGHTLY, "fuzz", "run", target, str(corpus), "--", *options)
    return subprocess.run(command, cwd=CRATE, check=False).returncode == 0


def main(arguments: list[str]) -> int:
    if lacking := find_lacking():
        print(f"The native core is not fuzzed: {lacking}.")
        return 0
    seconds = int(arguments[0]) if arguments else 60
    broken = [target for target in targets() if not fuzz(target, seconds)]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
