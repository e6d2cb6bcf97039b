"""Cookies as people paste them: a header's line, a table of devtools, or the bare value.

All of it becomes a `Cookie` header, so that what follows is what a server does with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from iron_session.cli.browser import NOTHING_SAID, Kept, read_kept
from iron_session.cli.kinds import recognise
from iron_session.seals._crypto import MAC_KEY_BYTES
from iron_session.seals._encoding import base64url_encode
from iron_session.seals.iron import PREFIX
from iron_session.sessions.cookie_text import decode_value, parse_cookies
from iron_session.sessions.cookies import candidates, chunk_name
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.limits import MAX_CHUNKS, MOST_PAIRS

__all__ = ["BARE", "MAC_LENGTH", "Paste", "Pasted", "read_paste"]

BARE: Final = ""
"""The name of a value that was pasted without one."""

MAC_LENGTH: Final = len(base64url_encode(bytes(MAC_KEY_BYTES)))  # a mac is as long as its key

_HEADER: Final = re.compile(r"(set-)?cookie\s*:\s*", re.IGNORECASE)
_BEARER: Final = re.compile(r"(?:authorization\s*:\s*)?bearer\s+(\S+)", re.IGNORECASE)
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
_WITHIN: Final = "a seal was found within other text"
_JOINED: Final = "the seal was broken into several lines, which are joined here"
_ESCAPED: Final = "there were backslashes before the *, as Markdown has them: they are removed here"

# What a seal consists of, in a cookie or in a URL.
_RUN: Final = re.compile(r"Fe26\.2(?:\*|%2[Aa])[A-Za-z0-9_*.~%-]*")
# The same on the next line, which mail begins with a bracket. What is before `=` or `:` is a name.
_GOES_ON: Final = re.compile(r"[ \t>]*(?!Fe26)([A-Za-z0-9_*.~%-]+)(?=[;\"'`]|\s*\Z)")
_AROUND: Final = "\"'`,)}]>&<\\ "  # what follows a seal in code, JSON, HTML and URLs

# RFC 6265, 4.1.1, without the quotes that shells and texts have before a name. Longer ones, and
# those of no value, are often secrets in base64, which ends with `=`.
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&*+.^_|~-]{1,40}")


class Paste(NamedTuple):
    """What was pasted.

    Attributes:
        cookies: the cookies in it, in order.
        strangers: how many texts there are that are no cookies; they may be secrets.
        notes: what is odd about the whole.
    """

    cookies: list[Pasted]
    strangers: int
    notes: list[str]


class Pasted(NamedTuple):
    """A cookie, or the chunks of one.

    Attributes:
        name: its name, without the number of a chunk; `BARE` if none was given.
        texts: what a server would try to open, in its order; more than one if it came twice.
        chunks: how many chunks it came in; 0 for a whole cookie.
        notes: what is odd about it.
        kept: what its `Set-Cookie` lines say of its life in the browser, without repeating it.
    """

    name: str
    texts: list[str]
    chunks: int
    notes: list[str]
    kept: tuple[Kept, ...] = ()

    def __repr__(self) -> str:
        """Show no values, which are as good as the session."""
        return f"<Pasted: {len(self.texts)}>"


def read_paste(text: str) -> Paste:
    """Return the cookies in a pasted text."""
    whole, notes = _undo_copying(text)
    cookies, strangers = _read_lines(whole)
    if not any(_holds_seal(each) for each in cookies) and (runs := _RUN.findall(whole)):
        found = Pasted(BARE, [decode_value(max(runs, key=len))], 0, [_WITHIN])
        cookies = [found, *(each for each in cookies if each.name != BARE)]
    return Paste(cookies, strangers, notes)


def _holds_seal(pasted: Pasted) -> bool:
    return any(text.startswith(PREFIX) for text in pasted.texts) or pasted.chunks > 0


def _read_lines(text: str) -> tuple[list[Pasted], int]:
    lines = [line for each in re.split(r"[\r\n]+", text) if (line := each.strip())]
    is_all = len(lines) == 1
    told = (line for line in lines if is_all or len(line) >= _SHORTEST_KIND or _MARKS.search(line))
    every = (pair for line in told for pair in _pairs(line, is_all=is_all))
    found = list(islice(every, MOST_PAIRS))
    pairs = [pair for pair in found if pair is not None]
    plain = [(pair.name, _unquote(pair.value)) for pair in pairs]
    jar = HeaderJar("; ".join(f"{name}={value}" for name, value in plain if name != BARE))
    odd: dict[str, list[str]] = {}
    kept: dict[str, list[Kept]] = {}
    for (name, value), pair in zip(plain, pairs, strict=True):
        notes = odd.setdefault(_base(name), [])
        notes += [_IN_QUOTES] * (value != pair.value) + [_ENCODED] * (decode_value(value) != value)
        notes += [_WITHIN] * pair.is_within
        kept.setdefault(_base(name), []).extend([pair.kept] if pair.kept else [])
    bare = [decode_value(value) for name, value in plain if name == BARE]
    names = [name for name, _ in plain]
    cookies = [
        Pasted(BARE, bare, 0, list(dict.fromkeys(notes)))
        if base == BARE
        else _read_cookie(base, names, jar, list(dict.fromkeys(notes)))
        for base, notes in odd.items()
    ]
    with_lives = [one._replace(kept=tuple(dict.fromkeys(kept[one.name]))) for one in cookies]
    return with_lives, len(found) - len(pairs)


# --- what copying does to a text ------------------------------------------------------------------


def _undo_copying(text: str) -> tuple[str, list[str]]:
    """Join the lines of a seal, and remove what Markdown puts before its stars."""
    notes = []
    if f"{PREFIX}\\*" in text:
        text = re.sub(r"\\([*_~.-])", r"\1", text)
        notes.append(_ESCAPED)
    joined = _join_lines(text)
    return joined, [*notes, *[_JOINED] * (joined != text)]


def _join_lines(text: str) -> str:
    """Join the lines of each seal whose end is in a later line."""
    lines = text.split("\n")[::-1]
    joined = []
    while lines:
        line = lines.pop()
        pieces = [line]
        parts = _parts_at_end(line.rstrip())
        while parts and lines and (more := _GOES_ON.match(lines[-1])) and len(pieces) < _MOST_LINES:
            if _is_whole(parts) and not more[1].startswith("~"):
                break
            pieces[-1] = pieces[-1].rstrip()
            pieces.append(lines.pop()[more.start(1) :])
            head, *others = _STAR.split(more[1])
            parts = [*parts[:-1], parts[-1] + len(head), *map(len, others)][-_PARTS - 1 :]
            if pieces[-1].rstrip() != more[1]:
                break  # other text follows
        joined.append("".join(pieces))
    return "\n".join(joined)


_MOST_LINES: Final = 1000
_PARTS: Final = 8
_STAR: Final = re.compile(r"\*|%2A", re.IGNORECASE)


def _parts_at_end(line: str) -> list[int]:
    """Return the lengths of the parts of the seal in which a line ends; none without a seal."""
    start = line.rfind(PREFIX)
    run = None if start < 0 else _RUN.fullmatch(line, start)
    return [len(part) for part in _STAR.split(run[0])] if run else []


def _is_whole(parts: list[int]) -> bool:
    return len(parts) >= _PARTS and parts[-1] >= MAC_LENGTH


# --- one line -------------------------------------------------------------------------------------


class _Pair(NamedTuple):
    name: str
    value: str
    is_within: bool = False
    kept: Kept | None = None


def _pairs(line: str, *, is_all: bool) -> Iterator[_Pair | None]:
    """Yield the names and values of a line; what has no name is `BARE`; None is no cookie."""
    line = re.sub(r"^[<>]\s+", "", line)  # curl -v, and mail
    header = _HEADER.match(line)
    line = line[header.end() :] if header else line
    kept = None
    if (header and header[1]) or _ATTRIBUTES.search(line):
        kept, line = read_kept(line), line.partition(";")[0]
        if kept == NOTHING_SAID and header is None:
            kept = None  # less than the whole line may have been copied
    for pair in _plain_pairs(line, is_all=is_all, in_header=bool(header)):
        yield pair._replace(kept=kept) if pair else None


def _plain_pairs(line: str, *, is_all: bool, in_header: bool) -> Iterator[_Pair | None]:
    """Yield the names and values of a line without attributes."""
    if match := _FIREFOX.fullmatch(line):
        yield _Pair(match[1], match[2])
    elif match := _BEARER.fullmatch(line):
        yield _Pair(BARE, match[1])
    elif "\t" in line:
        yield _read_row(line.split("\t"))
    elif line.startswith(PREFIX) or _is_of_others(line) or ("=" not in line and is_all):
        if line:
            yield _Pair(BARE, line)
    else:
        for name, values in parse_cookies(line, bounded=True).items():
            yield from (_read_pair(name, value, in_header=in_header) for value in values)


def _is_of_others(line: str) -> bool:
    return len(line) >= _SHORTEST_KIND and " " not in line and recognise(line) is not None


_SHORTEST_KIND: Final = 32  # a session key of Django's
_MARKS: Final = re.compile("[=:\t]|Fe26")


def _read_row(fields: list[str]) -> _Pair | None:
    """Read a row of the table in Chromium's devtools (name, value, …), or of curl's cookie jar."""
    is_jar = len(fields) == _FIELDS_OF_JAR and {fields[1], fields[3]} <= {"TRUE", "FALSE"}
    name, value, *_ = fields[5:] if is_jar else fields
    return _read_pair(name.strip(), value.strip(), in_header=is_jar)


_FIELDS_OF_JAR: Final = 7


def _read_pair(name: str, value: str, *, in_header: bool) -> _Pair | None:
    """Return a pair, cut out of what is around it; None for what is no cookie."""
    is_name = _NAME.fullmatch(name) is not None
    if seal := _RUN.match(value if is_name else value.lstrip("\"'")):
        rest = seal.string[seal.end() :]
        is_within = rest[:1] in _AROUND if rest else not is_name
        if is_within and not is_name:
            last = re.split(r"[^A-Za-z0-9!#$%&*+.^_|~-]", name)[-1]
            name = last if _NAME.fullmatch(last) else BARE
        if is_name or is_within:
            return _Pair(name, seal[0] if rest and is_within else value, is_within)
        return _Pair(BARE, value)
    has_value = in_header or value.strip("=' \\") != ""
    return _Pair(name, value) if is_name and has_value else None


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
