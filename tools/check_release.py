"""Check that a tag can be released: `python tools/check_release.py v0.1.0`.

The tag, the package and each part of the native core have one version. The changelog has a dated
section for it, and lists nothing as unreleased.
"""

import re
import sys
import tomllib
from pathlib import Path

MANIFESTS = (
    "pyproject.toml",
    "speedups/pyproject.toml",
    "speedups/without_code/pyproject.toml",
    "speedups/Cargo.toml",
)
SECTION = re.compile(r"^## \[(?P<name>[^]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?$", re.MULTILINE)


def versions() -> dict[str, str]:
    """Return the version in each manifest."""
    read = {name: tomllib.loads(Path(name).read_text(encoding="utf-8")) for name in MANIFESTS}
    return {name: (read[name].get("project") or read[name]["package"])["version"] for name in read}


def problems(tag: str, changelog: str) -> list[str]:
    """Return what is to be mended before this tag can be released."""
    version = tag.removeprefix("v")
    found = [
        f"{name} has version {other}: make it {version}"
        for name, other in versions().items()
        if other != version
    ]
    if tag != f"v{version}":
        found.append(f"the tag {tag} has to be v{version}")
    sections = {match["name"]: match for match in SECTION.finditer(changelog)}
    section = sections.get(version)
    if section is None or section["date"] is None:
        found.append(f"CHANGELOG.md has no heading `## [{version}] - YYYY-MM-DD`")
    if re.search(r"^- ", unreleased(changelog), re.MULTILINE):
        found.append(f"CHANGELOG.md lists changes under [Unreleased]: move them to [{version}]")
    return found


def unreleased(changelog: str) -> str:
    """Return the text of the section [Unreleased]."""
    _, _, rest = changelog.partition("## [Unreleased]\n")
    return re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def main(tag: str) -> str | None:
    if found := problems(tag, Path("CHANGELOG.md").read_text(encoding="utf-8")):
        return f"{tag} can't be released:\n" + "\n".join(found)
    print(f"{tag} can be released")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
