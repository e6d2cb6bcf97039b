"""Build and test the native core: its wheel for this machine, and one without code.

The second is for Pythons that have no code of their own (PyPy, free-threaded builds): else
`iron-session[speedups]` could not be installed there. `--without-code` builds only that one, which
needs no cargo; `--notices` writes only the licenses of the crates, for another builder. Another
argument is a file to make once all is built. Without cargo, or without the crates, nothing is built
and one line says so.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
CRATE = ROOT / "speedups"
DIST = CRATE / "dist"


def main(arguments: list[str]) -> int:
    if arguments == ["--without-code"]:
        build_without_code()
        return 0
    if arguments == ["--notices"]:
        write_notices()
        return 0
    shutil.rmtree(DIST, ignore_errors=True)  # else old wheels would be taken for new ones
    if lacking := find_lacking():
        print(f"The native core is not built: {lacking}.")
        return 0
    cargo("test", "--quiet", "--no-default-features")
    write_notices()
    build_code()
    build_without_code()
    run(sys.executable, str(ROOT / "tools" / "check_metadata.py"), str(DIST))
    for stamp in arguments:
        Path(stamp).touch()
    return 0


def find_lacking() -> str | None:
    """Return what a build needs and this machine has not."""
    cargo = shutil.which("cargo")
    if cargo is None:
        return "cargo was not found"
    # rustup's cargo is there before any toolchain is, and then fails.
    told = subprocess.run([cargo, "--version"], capture_output=True, text=True, check=False)
    manifest = tomllib.loads((CRATE / "Cargo.toml").read_text(encoding="utf-8"))
    least = manifest["package"]["rust-version"]
    if version(told.stdout) < version(least):
        return f"Rust {least} or newer was not found"
    fetch = [cargo, "fetch", "--quiet", "--manifest-path", str(CRATE / "Cargo.toml")]
    if subprocess.run(fetch, check=False).returncode:
        return "its crates can't be fetched"
    return None


def version(text: str) -> tuple[int, ...]:
    """Return the first version in a text, as far as it counts: (1, 85)."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else ()


def cargo(command: str, *arguments: str) -> None:
    run("cargo", command, "--manifest-path", str(CRATE / "Cargo.toml"), *arguments)


def write_notices() -> None:
    """Write the licenses of the crates, which a wheel that contains them must carry."""
    command = ("cargo", "metadata", "--format-version", "1")
    manifest = ("--manifest-path", str(CRATE / "Cargo.toml"))
    told = subprocess.run([*command, *manifest], stdout=subprocess.PIPE, check=True).stdout
    users: dict[str, list[str]] = {}
    for package in json.loads(told)["packages"]:
        if package["source"] is not None:  # else it is our own
            for text in license_texts(Path(package["manifest_path"]).parent):
                users.setdefault(text, []).append(f"{package['name']} {package['version']}")
    notices = [f"{', '.join(names)}\n\n{text}\n" for text, names in users.items()]
    (CRATE / "NOTICES.txt").write_text(f"\n{'-' * 80}\n\n".join(notices), encoding="utf-8")


def license_texts(folder: Path) -> list[str]:
    """Return the licenses of a crate; of MIT or Apache we choose MIT."""
    files = sorted(folder.glob("LICENSE*"))
    if folder / "LICENSE-MIT" in files:
        files = [file for file in files if file.name not in {"LICENSE", "LICENSE-APACHE"}]
    return [file.read_text(encoding="utf-8").strip() for file in files]


def build_code() -> None:
    flags = {"CARGO_ENCODED_RUSTFLAGS": "\x1f".join(remappings())}
    build = ("build", "--release", "--quiet", "--out", str(DIST))
    maturin = (sys.executable, "-m", "maturin")
    run(*maturin, *build, "--manifest-path", str(CRATE / "Cargo.toml"), more=flags)


def remappings() -> list[str]:
    """Return the flags that keep this machine's paths out of the wheel."""
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    folders = {str(path): "crates" for path in home.glob("registry/src/*")} | {str(ROOT): "."}
    return [f"--remap-path-prefix={path}={name}" for path, name in folders.items()]


def build_without_code() -> None:
    folder = str(CRATE / "without_code")
    build = ("build", "--wheel", "--no-isolation", "--outdir", str(DIST), folder)
    run(sys.executable, "-m", *build)


def run(*command: str, more: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=os.environ | (more or {}), check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
