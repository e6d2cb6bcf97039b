"""The English of the pages and of the docstrings: short sentences, plain words, one spelling."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.pages import ROOT

SOURCE = ROOT / "src" / "iron_session"
PAGES = sorted(
    file
    for file in [*ROOT.glob("*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("docs/**/*.md")]
    if "_build" not in file.parts
)
MODULES = sorted(SOURCE.rglob("*.py"))

MOST_WORDS = 45
"""In a sentence; what is in backticks or in parentheses counts as one."""

BANNED = {
    r"simply|obviously|of course|trivially|needless to say": "leave it out",
    r"basically|actually|very easily": "leave it out",
    r"e\. ?g\.|i\. ?e\.": "write `for instance`, `as`, or `that is`",
    r"etc\.|and so forth": "name the rest, or write `and so on`",
    r"whilst|amongst|hereby|herein|thereof|whereby|whence|hence": "use a plain word",
    r"doors?": "write `integration`, `package` or `http`",
    r"utili[sz]es?|utili[sz]ing": "write `use`",
    r"in order to": "write `to`",
    r"(?:is|are) had (?:by|from)": "write `call …`",
    r"please note": "leave it out",
    r"blacklist\w*|whitelist\w*": "say what is refused or allowed",
}
"""Words that the house does not use, and what to do instead."""

INVERTED = r"Of [^.,;:]+,? (?:nothing|none|no one|nobody|only)|Nowhere|Never (?:is|are|does|do)"
"""How a sentence begins that has its subject at its end."""

BRITISH = {
    r"(?:un)?(?:recogn|organ|serial|normal|real|initial|optim|minim|maxim|custom|author|summar)"
    r"is(?:e|es|ed|ing|ation|ations)": "-ize",
    r"(?:behavi|col|fav|hon|neighb|flav|harb|lab)our\w*": "-or",
    r"(?:cent|theat|fib|met)re": "-er",
    r"(?:defen|offen|licen)ce": "-se",
    r"(?:anal|paral)yse[sd]?": "-yze",
    r"(?:cancel|label|travel|model|signal|marshal)l(?:ed|ing)": "one l",
    r"(?:catalog|dialog)ue": "-og",
    r"grey|artefacts?|ageing|judgement|programmes?|towards|afterwards?ly|learnt|spelt": "American",
}
"""The pages are in American English."""

WRONG_FIRST = {"Give", "Gives", "Tell", "Tells", "Have", "Has", "Take", "Takes", "Returns", "Get"}
"""A docstring begins with Return, Raise, Set, Write, Read, Check or the like."""


class Sentence(NamedTuple):
    """A sentence, and where it begins."""

    place: str
    text: str


MARKER = r"^\s*(?:[-*>]|\d+\.) "
"""What a list item or a quotation begins with."""


# --- pages ---------------------------------------------------------------------------------------


def passages(name: str, text: str) -> Iterator[Sentence]:
    """Yield the paragraphs, list items, headings and cells of tables of a page."""
    lines: list[str] = []
    begun, is_code = 0, False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        is_fence = re.match(r"\s*(```|:::)", line) is not None
        is_alone = line.startswith(("|", "#", "<", ":", "%", "(")) or not line.strip()
        if lines and (is_fence or is_alone or re.match(MARKER, line)):
            yield Sentence(f"{name}:{begun}", " ".join(lines))
            lines = []
        if is_fence:
            is_code = line.strip() not in ("```", ":::") and not re.match(r"\s*:::", line)
        elif not is_code and line.startswith("|"):
            yield from (Sentence(f"{name}:{number}", cell.strip()) for cell in line.split(" | "))
        elif not is_code and line.startswith("#"):
            yield Sentence(f"{name}:{number}", line.strip("# "))
        elif not is_code and not is_alone and (lines or not line.startswith("    ")):
            begun = begun if lines else number
            lines.append(re.sub(MARKER, "", line).strip())


def docstrings(name: str, text: str) -> Iterator[Sentence]:
    """Yield the docstrings of a module: whatever stands where one may stand."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for one in body if isinstance(body, list) else []:
            value = getattr(getattr(one, "value", None), "value", None)
            if isinstance(one, ast.Expr) and isinstance(value, str):
                yield Sentence(f"{name}:{one.lineno}", value)


def paragraphs(docstring: Sentence) -> Iterator[Sentence]:
    """Yield the paragraphs and the entries of a docstring's lists, without its code."""
    for part in re.split(r"\n\s*\n|\n(?=\s+\w+: )", docstring.text):
        if not re.search(r"^\s*(?:>>>|from \w|import |\w+ = |@|def |app\.)", part, re.MULTILINE):
            yield Sentence(docstring.place, " ".join(part.split()))


# --- sentences -----------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Return a text with its links as their words, and code as one word."""
    text = re.sub(r"``?[^`]+``?", "`x`", text)
    text = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"https?://\S+", "x", text)
    return text.replace("**", "").replace("*", "")


def sentences(passage: Sentence) -> Iterator[Sentence]:
    """Yield the sentences of a passage; a list after a colon is one of its own."""
    for part in re.split(r"(?<=[.!?])[\")]* +|(?<=:) +(?=[^a-z])", plain(passage.text)):
        yield Sentence(passage.place, part)


def words(text: str) -> int:
    """Count the words of a sentence; what is in parentheses counts as one."""
    text = re.sub(r"\([^()]*\)", " x ", text)
    return sum(re.search(r"\w", word) is not None for word in text.split())


def named(files: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield the path from the root, and the text, of each file."""
    for file in files:
        yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


DOCSTRINGS = [one for name, text in named(MODULES) for one in docstrings(name, text)]


@pytest.fixture(scope="module")
def prose() -> list[Sentence]:
    """All passages of the pages and the docstrings."""
    found = [one for name, text in named(PAGES) for one in passages(name, text)]
    return found + [part for one in DOCSTRINGS for part in paragraphs(one)]


def faults(prose: list[Sentence], pattern: str) -> list[str]:
    """Return where a pattern is found as whole words, with the words around it."""
    whole = re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.IGNORECASE)
    found = []
    for one in prose:
        text = plain(one.text)
        for hit in whole.finditer(text):
            found.append(f"{one.place}: …{text[max(0, hit.start() - 20) : hit.end() + 20]}…")
    return found


def too_long(prose: list[Sentence]) -> list[str]:
    """Return where a sentence has too many words."""
    every = [one for passage in prose for one in sentences(passage)]
    counted = [(words(one.text), one) for one in every]
    return [f"{one.place}: {n} words: {one.text[:90]}…" for n, one in counted if n > MOST_WORDS]


def inverted(prose: list[Sentence]) -> list[str]:
    """Return where a sentence begins with anything but its subject."""
    every = [one for passage in prose for one in sentences(passage)]
    return [f"{one.place}: {one.text[:80]}" for one in every if re.match(INVERTED, one.text)]


# --- the tests -----------------------------------------------------------------------------------


def test_no_sentence_is_too_long(prose: list[Sentence]) -> None:
    found = too_long(prose)
    assert not found, "\n".join(["split these sentences:", *found])


@pytest.mark.parametrize("pattern", BANNED)
def test_words_that_say_nothing_are_not_used(pattern: str, prose: list[Sentence]) -> None:
    found = faults(prose, pattern)
    assert not found, "\n".join([f"{BANNED[pattern]}:", *found])


@pytest.mark.parametrize("pattern", BRITISH)
def test_the_spelling_is_american(pattern: str, prose: list[Sentence]) -> None:
    found = faults(prose, pattern)
    assert not found, "\n".join([f"{BRITISH[pattern]}:", *found])


def test_no_sentence_is_inverted(prose: list[Sentence]) -> None:
    found = inverted(prose)
    assert not found, "\n".join(["put the subject first:", *found])


def test_docstrings_begin_with_a_plain_verb() -> None:
    begun = [(one.place, one.text.split()[0]) for one in DOCSTRINGS]
    found = [f"{place}: {word}" for place, word in begun if word in WRONG_FIRST]
    assert not found, "\n".join(["begin with another verb:", *found])


BAD_PAGE = f"""# A page

This is simply
the behaviour of [a door](door.md), `simply` so.

```python
x = "obviously code"
```

- Of another's key, nothing comes. It is {"very " * MOST_WORDS}long
  (whatever stands here counts as one word).
- A short sentence.

| cell | e.g. this |
"""


def test_faults_are_found_where_they_are() -> None:
    """Else the tests above would pass on anything."""
    page = [*passages("page.md", BAD_PAGE)]
    assert faults(page, "simply|obviously") == ["page.md:3: …This is simply the behaviour of a …"]
    (door,) = faults(page, "doors?")
    assert door.startswith("page.md:3: ")
    assert [one.partition(": ")[0] for one in faults(page, r"e\. ?g\.")] == ["page.md:14"]
    assert [one.partition(": ")[0] for one in inverted(page)] == ["page.md:10"]
    (long,) = too_long(page)
    assert long.startswith(f"page.md:10: {MOST_WORDS + 4} words: It is very very")
    (british,) = [fault for pattern in BRITISH for fault in faults(page, pattern)]
    assert "behaviour" in british


def test_all_docstrings_are_read() -> None:
    (place,) = [one.place for one in DOCSTRINGS if one.text.startswith("Seal any JSON value")]
    assert place.startswith("src/iron_session/seals/sealing.py:")
    assert len(DOCSTRINGS) > 1000
