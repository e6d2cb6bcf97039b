"""Check that dist/ can be built again, elsewhere, with the same bytes.

The sdist is unpacked into another folder, where a build is run in another time zone, with other
permissions and other times of files. SOURCE_DATE_EPOCH has to be the one that dist/ was built with.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

OTHERWISE = {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1", "LC_ALL": "C"}
UMASK = 0o077
SHOWN = 5


def build_again(sdist: Path, folder: Path) -> Path:
    """Build what an sdist holds, in a folder, and return where the results are."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    for path in source.rglob("*"):
        os.utime(path)
    results = folder / "results"
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", str(results))
    done = subprocess.run(
        build,
        cwd=source,
        env=os.environ | OTHERWISE,
        umask=UMASK,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{sdist} can't be built:\n{done.stdout}{done.stderr}")
    return results


def differences(first: Path, second: Path) -> list[str]:
    """Return which files of two folders differ, with what is different inside them."""
    names = sorted({path.name for folder in (first, second) for path in folder.iterdir()})
    return [
        f"{name}: {brief(inside(first / name, second / name)) or 'only the archive itself'}"
        for name in names
        if read(first / name) != read(second / name)
    ]


def brief(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def inside(first: Path, second: Path) -> list[str]:
    """Return the members of two archives that differ in their content, time or permissions."""
    if not (first.exists() and second.exists()):
        return ["built only once"]
    return sorted({each[0] for each in members(first) ^ members(second)})


def members(archive: Path) -> set[tuple[str, *tuple[object, ...]]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            found = wheel.infolist()
            return {(m.filename, m.CRC, m.date_time, m.external_attr) for m in found}
    with tarfile.open(archive) as sdist:
        return {(m.name, content(sdist, m), m.mtime, m.mode, m.uname) for m in sdist.getmembers()}


def content(sdist: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = sdist.extractfile(member)
    return file.read() if file else b""


def main() -> str | None:
    if "SOURCE_DATE_EPOCH" not in os.environ:
        return "Set SOURCE_DATE_EPOCH to the time that dist/ was built with, as `make build` does."
    dist = Path("dist")
    (sdist,) = dist.glob("*.tar.gz")
    with TemporaryDirectory() as folder:
        found = differences(dist, build_again(sdist, Path(folder)))
    if found:
        return "Built again, elsewhere, these are different:\n" + "\n".join(found)
    print(f"built again, elsewhere, {dist} has the same bytes")
    return None


if __name__ == "__main__":
    sys.exit(main())
