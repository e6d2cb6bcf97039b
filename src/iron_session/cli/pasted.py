"""Cookies as people paste them: a header's line, a table of devtools, or the bare value.

All of it becomes a `Cookie` header, so that what follows is what a server does with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from iron_session.cli.kinds import recognise
from iron_session.seals.iron import PREFIX
from iron_session.sessions.cookie_text import decode_value, parse_cookies
from iron_session.sessions.cookies import candidates, chunk_name
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.limits import MAX_CHUNKS, MOST_PAIRS

__all__ = ["BARE", "Pasted", "read_paste"]

BARE: Final = ""
"""The name of a value that was pasted without one."""

_HEADER: Final = re.compile(r"(?:[<>]\s*)?(set-)?cookie\s*:\s*", re.IGNORECASE)
_ATTRIBUTES: Final = re.compile(
    r";\s*(?:(?:path|domain|max-age|expires|samesite)\s*=|(?:httponly|secure)\s*(?:;|\Z))",
    re.IGNORECASE,
)
_FIREFOX: Final = re.compile(r'([^\s=:;"]+)\s*:\s*"([^"]*)"')
_CHUNK: Final = re.compile(r"(.+)\.(0|[1-9][0-9]{0,2})", re.DOTALL)
_QUOTED: Final = re.compile(r'"(.*)"|\'(.*)\'', re.DOTALL)

_IN_QUOTES: Final = (
    "the value was in quotes: if the browser sends them too, servers do not find a seal in it"
)
_ENCODED: Final = "the value is percent-encoded, which servers undo"


class Pasted(NamedTuple):
    """A cookie, or the chunks of one.

    Attributes:
        name: its name, without the number of a chunk; `BARE` if none was given.
        texts: what a server would try to open, in its order; more than one if it came twice.
        chunks: how many chunks it came in; 0 for a whole cookie.
        notes: what is odd about it.
    """

    name: str
    texts: list[str]
    chunks: int
    notes: list[str]

    def __repr__(self) -> str:
        """Show no values, which are as good as the session."""
        return f"<Pasted: {len(self.texts)}>"


def read_paste(text: str) -> list[Pasted]:
    """Return the cookies in a pasted text, in order."""
    every = (pair for line in re.split(r"[\r\n]+", text) for pair in _pairs(line.strip()))
    pairs = list(islice(every, MOST_PAIRS))
    plain = [(name, _unquote(value)) for name, value in pairs]
    jar = HeaderJar("; ".join(f"{name}={value}" for name, value in plain if name != BARE))
    odd: dict[str, list[str]] = {}
    for (name, value), (_, before) in zip(plain, pairs, strict=True):
        notes = odd.setdefault(_base(name), [])
        notes += [_IN_QUOTES] * (value != before) + [_ENCODED] * (decode_value(value) != value)
    bare = [decode_value(value) for name, value in plain if name == BARE]
    names = [name for name, _ in plain]
    return [
        Pasted(BARE, bare, 0, list(dict.fromkeys(notes)))
        if base == BARE
        else _read_cookie(base, names, jar, list(dict.fromkeys(notes)))
        for base, notes in odd.items()
    ]


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a line; what has no name is `BARE`."""
    header = _HEADER.match(line)
    line = line[header.end() :] if header else line
    if (header and header[1]) or _ATTRIBUTES.search(line):
        line = line.partition(";")[0]  # the rest are attributes
    if match := _FIREFOX.fullmatch(line):
        yield match[1], match[2]
    elif "\t" in line:  # a row of the table in Chromium's devtools: name, value, domain, …
        name, value, *_ = line.split("\t")
        yield name.strip(), value.strip()
    elif "=" not in line or line.startswith(PREFIX) or recognise(line):
        if line:
            yield BARE, line
    else:
        for name, values in parse_cookies(line, bounded=True).items():
            yield from ((name, value) for value in values)


def _unquote(value: str) -> str:
    match = _QUOTED.fullmatch(value)
    return value if match is None else match[1] or match[2] or ""


def _base(name: str) -> str:
    """Return the name of the cookie that a name is a chunk of, else the name itself."""
    match = _CHUNK.fullmatch(name)
    return match[1] if match else name


def _read_cookie(base: str, names: list[str], jar: HeaderJar, notes: list[str]) -> Pasted:
    numbers = {int(match[2]) for name in names if (match := _chunk_of(base, name))}
    gaps = [number for number in range(max(numbers, default=0)) if number not in numbers]
    if numbers and gaps and base not in names:
        missing = ", ".join(chunk_name(base, number) for number in gaps)
        notes.append(f"a chunk is missing: {missing}")
    if numbers and max(numbers) >= MAX_CHUNKS:
        notes.append(f"sessions have at most {MAX_CHUNKS} chunks: the others are ignored")
    if names.count(base) > 1:
        notes.append(
            "the cookie came twice, so it was set with two domains or paths: the first "
            "that opens counts"
        )
    return Pasted(base, list(candidates(jar.read(base), jar.read, base)), len(numbers), notes)


def _chunk_of(base: str, name: str) -> re.Match[str] | None:
    match = _CHUNK.fullmatch(name)
    return match if match and match[1] == base else None
