"""Check a folder of sdists and wheels as the index would, and as people would install them.

twine renders the description and reads the metadata; check-wheel-contents looks for stray files.
"""

import subprocess
import sys
from pathlib import Path

# A wheel without code is empty, and has to be.
WITHOUT_CODE = ("iron_session_speedups-*-none-any.whl", ("--ignore", "W007,W008"))


def commands(folder: Path) -> list[list[str]]:
    """Return what is to be run for the files of a folder."""
    wheels = sorted(folder.glob("*.whl"))
    files = [*wheels, *sorted(folder.glob("*.tar.gz"))]
    pattern, ignoring = WITHOUT_CODE
    empty = [wheel for wheel in wheels if wheel.match(pattern)]
    full = [wheel for wheel in wheels if wheel not in empty]
    return [
        python("twine", "--no-color", "check", "--strict", *map(str, files)),
        *(python("check_wheel_contents", str(wheel)) for wheel in full),
        *(python("check_wheel_contents", *ignoring, str(wheel)) for wheel in empty),
    ]


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def main(folder: str) -> str | None:
    if not any(Path(folder).glob("*.whl")):
        return f"{folder} holds no wheel"
    for command in commands(Path(folder)):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{' '.join(command[2:])} failed:\n{done.stdout}{done.stderr}"
    print(f"twine and check-wheel-contents accept what {folder} holds")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
