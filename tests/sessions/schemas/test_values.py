"""Each kind of type with each type of value: what a cookie holds of it, and what comes back."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType
from uuid import UUID
from zoneinfo import ZoneInfo

import annotated_types
import msgspec
import pytest

from iron_session import (
    NotSerializableError,
)
from tests.helpers.seals import told_by
from tests.sessions.browser import Browser, make_options, open_text
from tests.sessions.schemas.kinds import BERLIN, KINDS, Colour, Item, get, of_pydantic, put


class Size(enum.StrEnum):
    SMALL = "s"


class Level(enum.IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: int


UserId = NewType("UserId", int)
WHEN = datetime(2027, 1, 15, 9, 0, 0, 250_000, BERLIN)
TEXT = "2027-01-15T08:00:00.250000Z"
ID = UUID("12345678-1234-5678-1234-567812345678")

VALUES: dict[str, tuple[Any, Any, Any]] = {
    "int": (int, 5, 5),
    "big int": (int, 2**70, 2**70),
    "float": (float, 1.5, 1.5),
    "bool": (bool, True, True),
    "text": (str, "Zoë 日本 😀", "Zoë 日本 😀"),
    "None": (int | None, None, None),
    "datetime": (datetime, WHEN, TEXT),
    "datetime in UTC": (datetime, datetime(2027, 1, 15, tzinfo=UTC), "2027-01-15T00:00:00Z"),
    "date": (date, date(2027, 1, 15), "2027-01-15"),
    "time": (time, time(8, 30), "08:30:00"),
    "timedelta": (timedelta, timedelta(seconds=90), {"msgspec": "PT90S", "pydantic": "PT1M30S"}),
    "UUID": (UUID, ID, str(ID)),
    "Decimal": (Decimal, Decimal("1.50"), "1.50"),
    "Enum": (Colour, Colour.RED, "red"),
    "StrEnum": (Size, Size.SMALL, "s"),
    "IntEnum": (Level, Level.HIGH, 3),
    "bytes": (bytes, b"abc", {"msgspec": "YWJj", "pydantic": "abc"}),
    "Literal": (Literal["a", "b"], "b", "b"),
    "NewType": (UserId, UserId(7), 7),
    "constrained": (Annotated[int, annotated_types.Ge(0)], 7, 7),
    "list": (list[int], [3, 1], [3, 1]),
    "tuple": (tuple[int, str], (1, "a"), [1, "a"]),
    "tuple of any length": (tuple[int, ...], (3, 1), [3, 1]),
    "list of tuples": (list[tuple[int, datetime]], [(1, WHEN)], [[1, TEXT]]),
    "NamedTuple": (Point, Point(1, 2), [1, 2]),
    "set": (set[int], {10, 9, 1}, [1, 9, 10]),
    "frozenset": (frozenset[str], frozenset({"b", "a"}), ["a", "b"]),
    "mixed set": (set[int | str | None], {"b", 2, None, 10}, [2, 10, "b", None]),
    "set of times": (set[datetime], {WHEN}, [TEXT]),
    "set of objects": (
        frozenset[Item],
        frozenset({Item(2), Item(1, WHEN)}),
        [{"id": 1, "at": TEXT}, {"id": 2, "at": None}],
    ),
    "dict": (dict[str, datetime], {"a": WHEN}, {"a": TEXT}),
    "dict of numbers": (dict[int, str], {2: "b", 1: "a"}, {"2": "b", "1": "a"}),
    "dict of times": (dict[datetime, int], {WHEN: 1}, {TEXT: 1}),
    "dict of UUIDs": (dict[UUID, set[int]], {ID: {2, 1}}, {str(ID): [1, 2]}),
    "dict of enums": (dict[Size, int], {Size.SMALL: 1}, {"s": 1}),
    "object": (Item | None, Item(1, WHEN), {"id": 1, "at": TEXT}),
    "dict of objects": (dict[int, Item], {7: Item(1)}, {"7": {"id": 1, "at": None}}),
    "Any": (Any, {"a": [1, None]}, {"a": [1, None]}),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_value_is_written_as_plain_json_and_comes_back(
    browser: Browser, kind: str, value: str
) -> None:
    type_, put_in, written = VALUES[value]
    if isinstance(written, dict) and "msgspec" in written:
        written = written["pydantic" if of_pydantic(kind) else "msgspec"]
    fields = {"x": (type_ | None, None), "y": (int, 0)}
    options = make_options(schema=KINDS[kind]("Visitor", fields))
    session = browser.request(options)
    put(session.data, "x", put_in)
    put(session.data, "y", 1)
    session.save()
    browser.answer()
    expected = {"x": written, "y": 1}
    assert open_text(browser.cookies["myapp"]) == expected

    session = browser.request(options)
    found = get(session.data, "x")
    assert found == put_in
    assert type(found) is type(put_in)
    assert not session.modified
    assert session == dict(session) == session.copy() == expected
    assert session | {"z": 1} == {**expected, "z": 1}
    session.commit()
    assert browser.answer() == {}


# What JavaScript makes of it: other forms of the same values.
FORMS: dict[str, tuple[Any, Any, Any]] = {
    "float": (float, 5, 5.0),
    "datetime": (datetime, "2027-01-15T08:00:00.250Z", WHEN),
    "set": (set[int], [3, 1, 2], {1, 2, 3}),
    "dict": (dict[str, int], {"b": 1, "a": 2}, {"b": 1, "a": 2}),
    "dict of times": (dict[datetime, int], {"2027-01-15T08:00:00.250Z": 1}, {WHEN: 1}),
    "object": (Item, {"at": "2027-01-15T08:00:00.25Z", "id": 1}, Item(1, WHEN)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_another_has_written_in_its_own_form_is_left_until_it_changes(
    browser: Browser, kind: str, form: str
) -> None:
    type_, written, value = FORMS[form]
    browser.visit(make_options(), x=written, y=1)
    options = make_options(
        schema=KINDS[kind]("Visitor", {"x": (type_ | None, None), "y": (int, 0)})
    )
    session = browser.request(options)
    assert get(session.data, "x") == value
    assert not session.modified
    put(session.data, "x", value)
    assert not session.modified
    put(session.data, "y", 2)
    assert session == {"x": written, "y": 2}
    assert session["x"] == written


@dataclass(frozen=True)
class Tag:
    name: str = ""
    at: datetime | None = None


@pytest.mark.parametrize(
    ("of", "type_"),
    [
        (list, list[Tag]),
        (tuple, tuple[Tag, ...]),
        (set, set[Tag]),
        (frozenset, frozenset[Tag]),
    ],
)
def test_defaults_of_objects_in_any_collection_are_written_out(
    browser: Browser, of: Any, type_: Any
) -> None:
    """Even where the class has them and the objects do not."""
    browser.visit(make_options(), x=[{"name": "a"}])
    options = make_options(schema=KINDS["dataclass"]("Visitor", {"x": (type_, of())}))
    session = browser.request(options)
    session.data.x = of([*session.data.x, Tag("b")])
    assert session["x"] == [{"name": "a", "at": None}, {"name": "b", "at": None}]


@pytest.mark.parametrize("kind", KINDS)
def test_an_hour_that_clocks_show_twice_is_the_right_one(browser: Browser, kind: str) -> None:
    """Python calls such times unequal to any of another zone."""
    options = make_options(schema=KINDS[kind]("Visitor", {"x": (datetime | None, None)}))
    session = browser.request(options)
    put(session.data, "x", datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")))
    assert session == {"x": "2024-10-27T01:30:00Z"}


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
NAIVE = datetime(2027, 1, 15)
AWARE = datetime(1, 1, 1, tzinfo=BERLIN)

UNWRITABLE: dict[str, tuple[Any, Any, str]] = {
    "NaN": (float, float("nan"), 'session.data["x"] is nan: JSON has no such number, store None'),
    "infinity in Any": (Any, {"a": [-float("inf")]}, 'session.data["x"]["a"][0] is -inf: JSON'),
    "naive": (datetime, NAIVE, 'session.data["x"] is a datetime without a time zone'),
    "naive within": (dict[str, list[datetime]], {"a": [NAIVE]}, 'session.data["x"]["a"][0] is a'),
    "naive in an object": (Item, Item(1, NAIVE), 'session.data["x"]["at"] is a datetime without'),
    "naive key": (dict[datetime, int], {NAIVE: 1}, 'session.data["x"] is a datetime without'),
    "naive in a set": (set[datetime], {NAIVE}, 'session.data["x"][0] is a datetime without'),
    "naive in Any": (Any, {"a": NAIVE}, 'session.data["x"]["a"] is a datetime without'),
    "another type": (int, "secret", "session.data.x is not what Visitor declares"),
    "another type within": (list[int], [1, "secret"], "session.data.x"),
    "a constraint broken": (
        Annotated[int, annotated_types.Ge(0), msgspec.Meta(ge=0)],
        -1,
        "session.data.x",
    ),
    "a number as text": (int, "5", "session.data.x"),
    "an object of nobody's": (Any, object(), 'session.data["x"] can\'t be written as Visitor'),
    "two keys that are one": (Any, {1: "secret", "1": 2}, 'session.data["x"] has keys that are'),
    "a circle": (Any, CIRCLE, 'session.data["x"] can\'t be written as Visitor'),
    "a year before 1": (datetime, AWARE, "session.data can't be written as Visitor"),
    "too many digits": (int, 10**5000, "session.data"),
}


@pytest.mark.parametrize("value", UNWRITABLE)
@pytest.mark.parametrize("kind", KINDS)
def test_what_would_not_come_back_is_refused_with_its_place(
    browser: Browser, kind: str, value: str
) -> None:
    """And nothing of the value is told; the session is as before once it is taken back."""
    type_, put_in, told = UNWRITABLE[value]
    fields = {"x": (type_ | None, None), "y": (int, 0)}
    session = browser.request(make_options(schema=KINDS[kind]("Visitor", fields)))
    put(session.data, "x", None)
    put(session.data, "y", 1)
    session.save()
    before = browser.answer()
    put(session.data, "x", put_in)
    with pytest.raises(NotSerializableError) as caught:
        session.commit()
    assert str(caught.value).startswith(told)
    assert "secret" not in told_by(caught.value)
    assert session.is_unsaved is False
    put(session.data, "x", None)
    assert session == {"x": None, "y": 1}
    assert not session.modified
    session.commit()
    assert browser.answer() == before
