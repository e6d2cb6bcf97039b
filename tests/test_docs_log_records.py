"""The page on log records has every record of the source, and no other."""

import ast
import logging
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import iron_session
from iron_session import CookieTooLargeError, Unsealed, _log
from iron_session.csrf import CsrfError, CsrfOptions, CsrfRequest, refuse
from iron_session.revocation import MemoryStore, Revocations
from iron_session.revocation.directory import Notes, Seen
from iron_session.seals.mark import NO_MARK
from iron_session.sessions import events
from iron_session.sessions.endings import judge
from iron_session.testing import frozen_clock, make_options
from tests.helpers.pages import one_line, read_page, tables

PAGE = read_page("docs/reference/log-records.md")
SOURCE = Path(iron_session.__file__).parent

# Where each function that logs takes its text, and how often it logs.
TEXT_AT = {"log": 1, "log_some": 2, "warn_once": 1, "report_refusal": 0}
OFTEN = {"log": "each", "log_some": "1/s", "warn_once": "once", "report_refusal": "1/s"}
LEVEL_AT = {"log": 0, "log_some": 1}
ONLY_PASSED_ON = "…"  # the text of `report_refusal`, whose callers make it


class Record(NamedTuple):
    """A kind of record: a row of the page, or a call in the source."""

    text: str
    levels: frozenset[str]
    often: str
    attributes: frozenset[str]
    place: str


# --- what the source logs ----------------------------------------------------------------------


class Module:
    """A file of the source, and what its names stand for."""

    def __init__(self, file: Path) -> None:
        self.name = file.relative_to(SOURCE).as_posix()
        self.tree = ast.parse(file.read_text(encoding="utf-8"))

    def nodes(self) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Yield each node with the function that it is in, or with the module."""
        return within(self.tree, self.tree)

    def values(self, node: ast.AST, around: ast.AST) -> list[ast.AST]:
        """Return the expressions that one may stand for, by assignments in `around` or the file."""
        if isinstance(node, ast.IfExp):
            return [*self.values(node.body, around), *self.values(node.orelse, around)]
        if isinstance(node, ast.Name):
            for scope in (around, self.tree):
                found = [value for name, value in assignments(scope) if name == node.id]
                if found:
                    return [each for value in found for each in self.values(value, around)]
            return IMPORTED.get(node.id, [])
        return [node]

    def texts(self, node: ast.AST, around: ast.AST) -> set[str]:
        """Return the texts that an expression may be, with `…` for what is not known."""
        return {text for value in self.values(node, around) for text in shown(value)}


def within(scope: ast.AST, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        yield scope, child
        is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
        yield from within(child if is_function else scope, child)


def assignments(scope: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names that are assigned in a function, or at the top of a module."""
    inside = scope.body if isinstance(scope, ast.Module) else ast.walk(scope)
    for node in inside:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from pairs(target, node.value)


def pairs(target: ast.AST, value: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its_value in zip(target.elts, value.elts, strict=True):
            yield from pairs(one, its_value)


def shown(value: ast.AST) -> Iterator[str]:
    """Yield the text of a constant or an f-string as the page shows it."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield re.sub(r"%[rsd]", "…", value.value)
    elif isinstance(value, ast.JoinedStr):
        parts = (list(shown(part)) for part in value.values)
        yield "".join(part[0] if part else "…" for part in parts)


@cache
def modules() -> list[Module]:
    """Parse the source, without the functions that log themselves."""
    return [Module(file) for file in sorted(SOURCE.rglob("*.py")) if file.name != "_log.py"]


# Texts that other files import, by their names in capitals.
IMPORTED: dict[str, list[ast.AST]] = {}
for _module in modules():
    for _name, _value in assignments(_module.tree):
        if _name.isupper() and not _name.startswith("_") and [*shown(_value)]:
            IMPORTED.setdefault(_name, []).append(_value)


def name_of(call: ast.Call) -> str:
    """Return the name of what is called, without what it is an attribute of."""
    function = call.func
    return getattr(function, "id", getattr(function, "attr", ""))


def records() -> Iterator[Record]:
    """Yield each record that the source logs."""
    for module in modules():
        for function, node in module.nodes():
            if isinstance(node, ast.Call) and name_of(node) in TEXT_AT:
                yield from records_of(module, function, node)


def records_of(module: Module, function: ast.AST, call: ast.Call) -> Iterator[Record]:
    kind, place = name_of(call), f"{module.name}:{call.lineno}"
    texts = module.texts(call.args[TEXT_AT[kind]], function)
    assert texts, f"{place}: the text of this record is not found"
    levels = {"WARNING"}
    if kind in LEVEL_AT:
        levels = module.texts(call.args[LEVEL_AT[kind]], function)
        assert levels, f"{place}: the level of this record is not found"
    attributes = {"reason"} if kind == "report_refusal" else attributes_of(module, function, call)
    for text in texts - {ONLY_PASSED_ON}:
        yield Record(text, frozenset(levels), OFTEN[kind], frozenset(attributes), place)


def attributes_of(module: Module, function: ast.AST, call: ast.Call) -> set[str]:
    """Return the keys of the call's `about`."""
    found = [keyword.value for keyword in call.keywords if keyword.arg == "about"]
    keys: set[str] = set()
    for value in [each for one in found for each in module.values(one, function)]:
        assert isinstance(value, ast.Dict), f"{module.name}:{call.lineno}: `about` is not found"
        keys |= {key.value for key in value.keys if isinstance(key, ast.Constant)}  # type: ignore[misc]  # a key may be None
    return keys


def reasons() -> Iterator[tuple[str, str]]:
    """Yield why a change is lost, by each way that leads to `report_lost`; and where that is."""
    for module in modules():
        for function, node in module.nodes():
            for value in leading_to_lost(function, node):
                place = f"{module.name}:{value.lineno}"
                yield from ((text, place) for text in module.texts(value, function))


def leading_to_lost(function: ast.AST, node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "uncarried")
        at = {"report_lost": 1, "end": 0, "leave": 0}.get(name_of(node))
        if at is not None and len(node.args) == at + 1:
            yield node.args[at]
    elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            for name, value in kept(target, node.value):
                if name in ("_why_lost", "written"):
                    yield value
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Name):
        yield from [node.value] if getattr(function, "name", "") == "_why_uncarried" else []


def kept(target: ast.AST, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the attributes, or items of attributes, that are assigned, and their values."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its_value in zip(target.elts, value.elts, strict=True):
            yield from kept(one, its_value)
    if isinstance(target, ast.Subscript):
        target = target.value
    if isinstance(target, ast.Attribute):
        yield target.attr, value


# --- what the page has -------------------------------------------------------------------------


def areas() -> Iterator[tuple[frozenset[str], list[list[str]]]]:
    """Yield the attributes of each area that has records, and its rows."""
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        (line,) = re.findall(r"^Attributes: (.*?)\.", part, re.MULTILINE)
        (_, *rows), *_ = tables(part)
        yield frozenset(re.findall(r"`(\w+)`", line)), rows


RECORDS = list(records())
ROWS = [
    Record(text, frozenset(levels.split(", ")), often, attributes, "the page")
    for attributes, rows in areas()
    for text, levels, often, _, _ in rows
]
(REASONS,) = [rows[1:] for rows in tables(PAGE) if rows[0] == ["reason", "in"]]


def stands_for(row: str, text: str) -> bool:
    """Return whether a row shows this text, or its beginning up to an `…` at the row's end."""
    return row == text or (row.endswith(" …") and text.startswith(row.removesuffix(" …")))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.place)
def test_every_record_of_the_source_has_its_row(record: Record) -> None:
    rows = [row for row in ROWS if stands_for(row.text, record.text)]
    assert len(rows) == 1, f"{record.place}: {record.text!r} has {len(rows)} rows on the page"
    assert rows[0][1:4] == record[1:4], f"{record.place}: another level, rate or attribute"


def test_the_page_has_no_record_that_the_source_has_not() -> None:
    texts = [record.text for record in RECORDS]
    assert [row.text for row in ROWS if not any(stands_for(row.text, one) for one in texts)] == []
    assert len({row.text for row in ROWS}) == len(ROWS) > 25


def test_every_reason_for_a_lost_change_has_its_row() -> None:
    rows = [row[0] for row in REASONS]
    for text, place in reasons():
        assert sum(stands_for(row, text) for row in rows) == 1, f"{place}: {text!r}"


def test_the_page_has_no_reason_for_a_lost_change_that_the_source_has_not() -> None:
    texts = {text for text, _ in reasons()}
    assert [row[0] for row in REASONS if not any(stands_for(row[0], one) for one in texts)] == []


def test_each_row_says_when_and_what_to_do() -> None:
    for _, rows in areas():
        for text, *_, when, what_to_do in rows:
            assert when, text
            assert what_to_do, text


def test_nothing_in_the_source_logs_in_another_way() -> None:
    """Else this test would not find it."""
    for module in modules():
        imports = [node for node in ast.walk(module.tree) if isinstance(node, ast.Import)]
        imported = {alias.name for node in imports for alias in node.names}
        assert imported.isdisjoint({"logging", "warnings"}) or module.name in NOT_LOGGING, (
            module.name
        )


NOT_LOGGING = {"cli/check/command.py"}  # it turns the log off


def test_a_reader_finds_the_page_s_text_in_the_real_log(caplog: pytest.LogCaptureFixture) -> None:
    """The records that one process without servers can make, with their levels and attributes."""

    def hook(*_: object) -> bool:
        raise LookupError

    about = Unsealed(cookie_name="myapp", password_id="1", outdated=False)
    judge({}, NO_MARK, make_options(accept=hook), lambda _: about)
    events.report_lost("myapp", "for a reason")
    events.report_too_large("myapp", CookieTooLargeError("too large"))
    events.report_unvaried("myapp")
    events.report_two_writers("myapp")
    events.report_unsealed(about, hook)
    request = CsrfRequest(method="POST", path="/", headers=lambda _: [])
    refuse(request, CsrfError("no origin", reason="origin"), CsrfOptions())
    revocations = Revocations(MemoryStore(), namespace="shop", directory=True)
    revocations._follower._note_trouble(OSError())
    notes = Notes(NoDirectory(), "a store", lambda row: False)  # type: ignore[arg-type]  # a stand-in
    notes.add_seen(b"1" * 16, Seen(0, 0))
    notes.flush()
    assert len(caplog.records) == 9
    usual = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}  # of formatters
    for record in caplog.records:
        (row,) = [row for row in ROWS if is_shown(row.text, record.getMessage())]
        assert record.levelname in row.levels
        assert vars(record).keys() - usual == row.attributes


class NoDirectory:
    """A store that can't be reached."""

    def note_signed_in(self, *_: object) -> None:
        raise OSError


def is_shown(row: str, message: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, row.split("…"))), message, re.DOTALL) is not None


def test_what_is_left_out_is_counted_in_the_words_of_the_page(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with frozen_clock() as clock:
        for seconds in (0, 0.5, 1):
            clock.tick(seconds)
            _log.log_some(("a test of", "the page"), "WARNING", "text")
    assert "`; and … more like this since`" in one_line(PAGE)
    assert [record.getMessage() for record in caplog.records] == [
        "text",
        "text; and 1 more like this since",
    ]
