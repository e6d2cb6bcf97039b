"""The environments in which the tests of other libraries run: whole, pinned, and left out here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARIES = ROOT / "tests" / "libraries"
ENVIRONMENTS = sorted(path for path in LIBRARIES.iterdir() if not path.name.startswith((".", "_")))
REQUIREMENTS = sorted(LIBRARIES.glob("*/requirements*.txt"))
PIN = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+")


def name_of(path: Path) -> str:
    return path.relative_to(LIBRARIES).as_posix()


@pytest.mark.parametrize("folder", ENVIRONMENTS, ids=name_of)
def test_an_environment_has_its_requirements_and_tests(folder: Path) -> None:
    assert (folder / "requirements.txt").is_file()
    assert list(folder.glob("test_*.py"))


@pytest.mark.parametrize("file", REQUIREMENTS, ids=name_of)
def test_what_an_environment_holds_is_pinned_exactly(file: Path) -> None:
    """No range, no address, no option, nothing named twice; and not what is itself tested."""
    comment, *pins = file.read_text(encoding="utf-8").splitlines()
    assert comment.startswith("# ")
    assert [line for line in pins if not PIN.fullmatch(line)] == []
    names = [re.sub("[-_.]+", "-", line.partition("==")[0].lower()) for line in pins]
    assert sorted(names) == sorted(set(names))
    assert {"pytest", "cryptography"} <= set(names)
    assert not set(names) & {"iron-session", "iron-session-speedups", "pip"}


@pytest.mark.parametrize(
    "file", [file for file in REQUIREMENTS if file.name != "requirements.txt"], ids=name_of
)
def test_older_pins_run_a_test(file: Path) -> None:
    """Those run whose library is pinned: test_nicegui.py, where nicegui is."""
    pinned = file.read_text(encoding="utf-8").lower()
    tested = [test.stem.removeprefix("test_") for test in file.parent.glob("test_*.py")]
    assert [name for name in tested if re.search(f"^{name.replace('_', '[-_.]')}==", pinned, re.M)]


def test_the_other_tests_leave_them_out() -> None:
    """What lies beside them is left out too, so that this is quick."""
    others = [path for path in LIBRARIES.parent.iterdir() if path != LIBRARIES]
    collected = collect("tests", others)
    assert "no tests collected" in collected
    assert "libraries" not in collected


def test_they_are_collected_where_they_are_named() -> None:
    """Those of the servers, which are installed here too."""
    test = LIBRARIES / "servers" / "test_gunicorn.py"
    assert f"{name_of(test)}::" in collect("tests/libraries/servers", [])


def collect(named: str, ignored: list[Path]) -> str:
    options = ("--collect-only", "-q", "-p", "no:cacheprovider")
    ignore = [f"--ignore={path}" for path in ignored]
    command = [sys.executable, "-m", "pytest", *options, named, *ignore]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return run.stdout
