"""A release: the tag that may be released, and the workflows that build and publish it."""

import re
from pathlib import Path

import pytest

from tests.helpers.pages import ROOT, read_page
from tools import build_speedups, check_release

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RELEASE = read_page(".github/workflows/release.yml")
CI = read_page(".github/workflows/ci.yml")

# --- the tag -------------------------------------------------------------------------------------

CHANGELOG = """\
## [Unreleased]

## [1.2.3] - 2026-01-31

- A change.
"""


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every manifest have the version 1.2.3."""
    same = dict.fromkeys(check_release.MANIFESTS, "1.2.3")
    monkeypatch.setattr(check_release, "versions", lambda: same)


def test_a_tag_of_the_version_with_a_dated_section_can_be_released() -> None:
    assert check_release.problems("v1.2.3", CHANGELOG) == []


def test_a_manifest_of_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"pyproject.toml": "1.2.3", "speedups/Cargo.toml": "1.2.2"}
    monkeypatch.setattr(check_release, "versions", lambda: other)
    (found,) = check_release.problems("v1.2.3", CHANGELOG)
    assert found == "speedups/Cargo.toml has version 1.2.2: make it 1.2.3"


def test_a_tag_without_its_letter_is_refused() -> None:
    (found,) = check_release.problems("1.2.3", CHANGELOG)
    assert "v1.2.3" in found


@pytest.mark.parametrize("heading", ["## [1.2.3]\n", "## [1.2.2] - 2026-01-31\n", ""])
def test_a_changelog_without_a_dated_section_is_refused(heading: str) -> None:
    changelog = CHANGELOG.replace("## [1.2.3] - 2026-01-31\n", heading)
    found = check_release.problems("v1.2.3", changelog)
    assert [each for each in found if "has no heading" in each]


def test_changes_that_are_still_called_unreleased_are_refused() -> None:
    changelog = CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n\n- Another change.\n")
    (found,) = check_release.problems("v1.2.3", changelog)
    assert "[Unreleased]" in found


def test_the_versions_are_read_from_every_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(ROOT)
    found = check_release.versions()
    assert found.keys() == set(check_release.MANIFESTS)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", each) for each in found.values())


def test_a_tag_that_can_not_be_released_ends_with_the_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    assert check_release.main("v1.2.3") is None
    assert "v1.2.4 can't be released" in str(check_release.main("v1.2.4"))


def test_the_procedure_names_every_file_that_has_the_version() -> None:
    page = read_page("RELEASING.md")
    assert [name for name in check_release.MANIFESTS if f"`{name}`" not in page] == []


# --- the workflows -------------------------------------------------------------------------------


def test_there_are_workflows() -> None:
    """The rules below would all hold for workflows that were looked for in the wrong place."""
    assert [file.name for file in WORKFLOWS] == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_action_is_pinned_by_commit_with_its_version(file: Path) -> None:
    uses = re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))
    assert uses
    pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [each for each in uses if not pinned.fullmatch(each)] == []


def test_an_action_has_the_same_commit_everywhere() -> None:
    uses = re.findall(r"uses: (.*)@(.*)", CI + RELEASE)
    assert len(set(uses)) == len({name for name, _ in uses})


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_has_no_permission_of_its_own(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert re.search(r"^permissions: \{\}$", text, re.MULTILINE)
    jobs = re.split(r"^  (?=[\w-]+:$)", text.partition("\njobs:\n")[2], flags=re.MULTILINE)[1:]
    assert [job for job in jobs if "\n    permissions:" not in job] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_no_checkout_leaves_its_credentials_behind(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_only_the_jobs_in_the_protected_environment_can_publish() -> None:
    jobs = re.split(r"^  (?=[\w-]+:$)", RELEASE, flags=re.MULTILINE)
    publishing = [job for job in jobs if "gh-action-pypi-publish" in job]
    assert len(publishing) == 2
    for job in jobs:
        is_one = job in publishing
        assert ("id-token: write" in job) is is_one
        assert ("environment: release" in job) is is_one
        assert not (is_one and ("run:" in job or "checkout@" in job))


def test_nothing_is_cached_in_a_release() -> None:
    """Else another run could put something into it."""
    assert not re.search(r"^\s+(cache|sccache):", RELEASE, re.MULTILINE)


def test_ci_tests_each_supported_python() -> None:
    (supported,) = re.findall(r"^PYTHONS = \((.*)\)$", read_page("noxfile.py"), re.MULTILINE)
    assert f"python: [{supported}]" in CI


def test_the_native_core_is_built_by_the_maturin_of_the_pins() -> None:
    (version,) = re.findall(r"^maturin==(.*)$", read_page("constraints.txt"), re.MULTILINE)
    assert f"maturin-version: v{version} " in RELEASE


def test_the_licenses_of_the_crates_are_written_without_a_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a release, another action builds the core."""
    written: list[None] = []
    monkeypatch.setattr(build_speedups, "write_notices", lambda: written.append(None))
    monkeypatch.setattr(build_speedups, "find_lacking", lambda: pytest.fail("it builds"))
    assert build_speedups.main(["--notices"]) == 0
    assert written == [None]
