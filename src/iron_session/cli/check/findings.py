"""What the check reports, and how it is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["NOT_IMPORTED", "Finding", "as_json", "as_text", "error", "note", "warning"]

Level: TypeAlias = Literal["error", "warning", "note"]

NOT_IMPORTED: Final = "options-not-imported"
"""The code of a finding that says why there are no options to check."""

_LEVELS: Final[list[Level]] = ["error", "warning", "note"]
_COLOURS: Final = {"error": "31", "warning": "33", "note": "36"}


class Finding(NamedTuple):
    """One thing to know before a deployment.

    Args:
        level: an error breaks sessions or their safety; a warning is right for few applications;
            a note is good to know.
        code: a short name, which stays the same over releases.
        problem: a sentence: what is wrong. It holds no secret.
        mend: a sentence: what to do.
        where: the variable, or the options, that it is about.
    """

    level: Level
    code: str
    problem: str
    mend: str
    where: str = ""


def error(code: str, problem: str, mend: str) -> Finding:
    """Return a finding that breaks sessions, or their safety."""
    return Finding("error", code, problem, mend)


def warning(code: str, problem: str, mend: str) -> Finding:
    """Return a finding that is right for few applications."""
    return Finding("warning", code, problem, mend)


def note(code: str, problem: str, mend: str) -> Finding:
    """Return a finding that is good to know."""
    return Finding("note", code, problem, mend)


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON list of objects, the errors first."""
    return json.dumps([each._asdict() for each in _sorted(findings)], indent=2)


def as_text(findings: Sequence[Finding], *, colour: bool) -> str:
    """Return the findings as text for people, the errors first, and a line that sums them up."""
    lines = []
    for each in _sorted(findings):
        level = f"\x1b[{_COLOURS[each.level]}m{each.level}\x1b[0m" if colour else each.level
        lines += [f"{level} {each.code} ({each.where})", f"  {each.problem}", f"  {each.mend}", ""]
    return "\n".join([*lines, _count(findings)])


def _sorted(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda each: _LEVELS.index(each.level))


def _count(findings: Sequence[Finding]) -> str:
    if any(each.code == NOT_IMPORTED for each in findings):
        return "the options were not checked"
    numbers = Counter(each.level for each in findings)
    parts = [f"{numbers[level]} {level}{'' if numbers[level] == 1 else 's'}" for level in _LEVELS]
    return ", ".join(parts)
