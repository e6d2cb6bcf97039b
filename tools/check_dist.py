"""Check what dist/ holds: the wheel exactly the package, the sdist the whole project."""

import sys
import tarfile
import zipfile
from pathlib import Path

SDIST = {
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "RELEASING.md",
    "Makefile",
    "constraints.txt",
    "constraints-oldest.txt",
    "noxfile.py",
}
SDIST_FOLDERS = {
    ".github",
    "src",
    "tests",
    "examples",
    "benchmarks",
    "docs",
    "tools",
    "typing_tests",
    "speedups",
}


def source_files() -> set[str]:
    source = Path("src")
    return {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def wheel_files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def sdist_files(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_files() -> set[str]:
    files = Path("tests").rglob("*.py")
    return {path.as_posix() for path in files if "node_modules" not in path.parts}


def main() -> str | None:
    (wheel,) = Path("dist").glob("*.whl")
    (sdist,) = Path("dist").glob("*.tar.gz")
    source, packed = source_files(), wheel_files(wheel)
    if "iron_session/py.typed" not in packed:
        return f"{wheel} lacks iron_session/py.typed"
    if source != packed:
        return f"{wheel} and src/ differ: {sorted(source ^ packed)}"
    files = sdist_files(sdist)
    entries = {name.partition("/")[0] for name in files}
    if lacking := (SDIST | SDIST_FOLDERS) - entries or test_files() - files:
        return f"{sdist} lacks {sorted(lacking)}"
    print(f"{wheel} holds the {len(packed)} files of src/, {sdist} the project")
    return None


if __name__ == "__main__":
    sys.exit(main())
