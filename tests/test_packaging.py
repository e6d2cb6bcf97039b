"""What the package says of itself, and the checks of what is built."""

import json
import re
import sys
import tarfile
import tomllib
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import trove_classifiers

from tests.helpers.pages import ROOT, read_page
from tools import check_dist, check_metadata, check_reproducible


def project(folder: str = "") -> dict[str, Any]:
    text = (ROOT / folder / "pyproject.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(text)["project"]
    return found


PROJECTS = ["", "speedups", "speedups/without_code"]

# --- metadata ------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", PROJECTS)
def test_every_classifier_is_one_that_the_index_knows(folder: str) -> None:
    """An upload with another one is refused."""
    classifiers = project(folder)["classifiers"]
    assert set(classifiers) <= trove_classifiers.classifiers
    assert len(set(classifiers)) == len(classifiers)


@pytest.mark.parametrize("folder", PROJECTS)
def test_the_license_is_an_expression_and_no_classifier(folder: str) -> None:
    """An upload with both is refused."""
    assert project(folder)["license"] == "MIT"
    assert not [each for each in project(folder)["classifiers"] if each.startswith("License")]


@pytest.mark.parametrize("folder", ["", "speedups"])
def test_the_pythons_of_the_metadata_are_those_that_are_tested(folder: str) -> None:
    (tested,) = re.findall(r"^PYTHONS = \((.*)\)$", read_page("noxfile.py"), re.MULTILINE)
    pattern = r"Programming Language :: Python :: (3\.\d+)"
    named = re.findall(pattern, "\n".join(project(folder)["classifiers"]))
    assert named == re.findall(r"\d\.\d+", tested)
    assert project(folder)["requires-python"] == f">={named[0]}"


def test_the_package_is_declared_as_typed() -> None:
    assert "Typing :: Typed" in project()["classifiers"]


def test_every_extra_is_documented() -> None:
    extras = project()["optional-dependencies"]
    assert extras.keys() == {"msgspec", "pydantic", "redis", "sqlalchemy", "speedups"}
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    named = set(re.findall(r"iron-session\[(\w+)\]", pages))
    assert named == set(extras)


def test_pins_are_names_and_versions_only() -> None:
    """No address and no hash: the files are the same for every index."""
    for name in ("constraints.txt", "constraints-oldest.txt"):
        lines = read_page(name).splitlines()
        pins = [line for line in lines if not line.startswith("#")]
        assert pins
        assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []


@pytest.mark.parametrize("folder", ["", "tests/nextjs"])
def test_the_pins_of_npm_have_no_address_either(folder: str) -> None:
    """And each is the version of package.json, or what that one needs."""
    text = (ROOT / folder / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text
    packages = json.loads(text)["packages"]
    wanted = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))
    for name, version in {**wanted["dependencies"], **wanted["devDependencies"]}.items():
        assert packages[f"node_modules/{name}"]["version"] == version.rpartition("@")[2]


# --- what is built -------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a project with a package, a test, and nothing else."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "src/iron_session/py.typed", "")
    write(tmp_path / "tests/seals/test_one.py", "")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def make_wheel(path: Path, members: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text)


def make_sdist(path: Path, members: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in members.items():
            member = tarfile.TarInfo(f"x-1/{name}")
            member.size = len(text)
            archive.addfile(member, BytesIO(text.encode()))


WHOLE = dict.fromkeys(check_dist.SDIST, "") | {
    f"{folder}/any": "" for folder in check_dist.SDIST_FOLDERS
}


def test_an_sdist_without_one_of_the_tests_is_refused(here: Path) -> None:
    make_wheel(here / "dist/x.whl", {"iron_session/py.typed": ""})
    make_sdist(here / "dist/x.tar.gz", WHOLE)
    assert "tests/seals/test_one.py" in str(check_dist.main())
    make_sdist(here / "dist/x.tar.gz", WHOLE | {"tests/seals/test_one.py": ""})
    assert check_dist.main() is None


def test_what_npm_has_installed_is_no_test_of_the_sdist(here: Path) -> None:
    make_wheel(here / "dist/x.whl", {"iron_session/py.typed": ""})
    make_sdist(here / "dist/x.tar.gz", WHOLE | {"tests/seals/test_one.py": ""})
    write(here / "tests/nextjs/node_modules/gyp/setup.py", "")
    assert check_dist.main() is None


def test_a_wheel_with_a_module_that_is_not_in_the_source_is_refused(here: Path) -> None:
    make_wheel(here / "dist/x.whl", {"iron_session/py.typed": "", "stray.py": ""})
    make_sdist(here / "dist/x.tar.gz", WHOLE | {"tests/seals/test_one.py": ""})
    assert "stray.py" in str(check_dist.main())


def test_only_the_wheel_without_code_may_be_empty(tmp_path: Path) -> None:
    names = [
        "iron_session-1-py3-none-any.whl",
        "iron_session_speedups-1-cp311-abi3-linux_x86_64.whl",
        "iron_session_speedups-1-py3-none-any.whl",
    ]
    for name in names:
        write(tmp_path / name, "")
    twine, *contents = check_metadata.commands(tmp_path)
    assert "--strict" in twine
    assert [str(tmp_path / name) in twine for name in names] == [True, True, True]
    ignoring = {Path(command[-1]).name: "--ignore" in command for command in contents}
    assert ignoring == dict(zip(names, [False, False, True], strict=True))


def test_a_folder_without_a_wheel_is_no_success(tmp_path: Path) -> None:
    assert "holds no wheel" in str(check_metadata.main(str(tmp_path)))


def test_the_tool_that_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "x-1-py3-none-any.whl", "")
    failing = [sys.executable, "-c", "import sys; print('no description'); sys.exit(1)"]
    monkeypatch.setattr(check_metadata, "commands", lambda folder: [failing])
    assert "no description" in str(check_metadata.main(str(tmp_path)))


# --- built twice ---------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Return two folders with the same wheel and the same sdist."""
    for name in ("first", "second"):
        make_wheel(tmp_path / name / "x.whl", {"a.py": "a = 1", "b.py": ""})
        make_sdist(tmp_path / name / "x.tar.gz", {"a.py": "a = 1", "b.py": ""})
    for file in (tmp_path / "first").iterdir():  # gzip writes the time
        (tmp_path / "second" / file.name).write_bytes(file.read_bytes())
    return tmp_path / "first", tmp_path / "second"


def test_the_same_bytes_are_no_difference(two: tuple[Path, Path]) -> None:
    assert check_reproducible.differences(*two) == []


def test_a_file_that_was_built_differently_is_named(two: tuple[Path, Path]) -> None:
    make_wheel(two[1] / "x.whl", {"a.py": "a = 2", "b.py": ""})
    make_sdist(two[1] / "x.tar.gz", {"a.py": "a = 2", "b.py": ""})
    found = check_reproducible.differences(*two)
    assert found == ["x.tar.gz: x-1/a.py", "x.whl: a.py"]


def test_another_order_is_a_difference_too(two: tuple[Path, Path]) -> None:
    make_wheel(two[1] / "x.whl", {"b.py": "", "a.py": "a = 1"})
    assert check_reproducible.differences(*two) == ["x.whl: only the archive itself"]


def test_what_was_built_only_once_is_a_difference(two: tuple[Path, Path]) -> None:
    (two[1] / "x.whl").unlink()
    assert check_reproducible.differences(*two) == ["x.whl: built only once"]


def test_of_many_files_only_some_are_named() -> None:
    assert check_reproducible.brief(list("abcdefg")) == "a, b, c, d, e and 2 more"


def test_a_build_without_a_given_time_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert "SOURCE_DATE_EPOCH" in str(check_reproducible.main())
