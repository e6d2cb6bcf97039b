"""Check the crates of the native core: each is pinned in Cargo.toml, and may be used under MIT.

Cargo.lock is not in the tree, so the pins are what makes a build the same everywhere.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CRATE = Path(__file__).parent.parent / "speedups"
MANIFESTS = (CRATE / "Cargo.toml", CRATE / "fuzz" / "Cargo.toml")
LICENSES = {"MIT", "BSD-3-Clause", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"}
# Of the fuzzer alone, which is in no wheel.
FUZZ_LICENSES = {"NCSA"}


def pins(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and version of each crate that a manifest pins."""
    tables = [manifest, *manifest.get("target", {}).values()]
    for table in tables:
        for name, given in table.get("dependencies", {}).items():
            wanted = given if isinstance(given, str) else given.get("version", "")
            if re.fullmatch(r"=\d+\.\d+\.\d+", wanted):
                yield name, wanted.removeprefix("=")


def crates(tree: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, version and license of each line that `cargo tree` prints; not our own crates."""
    for line in tree.splitlines():
        name, version, license_ = line.removesuffix(" (*)").split("|")
        if not name.startswith("iron-session-"):
            yield name, version, license_


def may_be_used(license_: str, allowed: set[str]) -> bool:
    """Return whether an SPDX expression, AND over OR, leaves a choice among the allowed ones."""
    return all(
        any(each in allowed for each in part.strip("()").split(" OR "))
        for part in license_.split(" AND ")
    )


def problems(tree: str, pinned: set[tuple[str, str]], allowed: set[str]) -> list[str]:
    """Return what is wrong with the crates of a tree."""
    found = []
    for name, version, license_ in sorted(set(crates(tree))):
        if (name, version) not in pinned:
            found.append(f"{name} {version} is not pinned: add {name} = '={version}'")
        if not may_be_used(license_, allowed):
            found.append(f"{name} {version} has the license {license_}")
    return found


def read_tree(manifest: Path) -> str:
    """Return all crates that a manifest needs, on any platform."""
    command = ("cargo", "tree", "--manifest-path", str(manifest), "--target", "all")
    kinds = ("--edges", "normal,build", "--prefix", "none", "--format", "{p}|{l}")
    lines = subprocess.run([*command, *kinds], stdout=subprocess.PIPE, text=True, check=True).stdout
    # A crate is shown as `name v1.2.3 (proc-macro)`, our own ones with their folder.
    return re.sub(r"(?m)^(\S+) v([^\s|]+)[^|]*", r"\1|\2", lines)


def main() -> str | None:
    if not shutil.which("cargo"):
        print("The crates of the native core are not checked: cargo was not found.")
        return None
    found: list[str] = []
    pinned: set[tuple[str, str]] = set()
    for manifest in MANIFESTS:
        pinned.update(pins(tomllib.loads(manifest.read_text(encoding="utf-8"))))
        allowed = LICENSES | (FUZZ_LICENSES if "fuzz" in manifest.parts else set())
        found += problems(read_tree(manifest), pinned, allowed)
    return "\n".join(found) or None


if __name__ == "__main__":
    sys.exit(main())
