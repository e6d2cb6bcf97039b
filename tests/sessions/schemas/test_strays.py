"""Fields of nested objects that the type does not know: they stay with their object, or go with it.

Each node of a tree has a number, so that it is known again wherever it stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, TypedDict

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iron_session import HeaderJar, Session, SessionOptions, get_iron_session
from tests.sessions.browser import (
    NOW,
    Browser,
    cookie_of,
    make_options,
    open_text,
)
from tests.sessions.schemas.kinds import get, put


@dataclass
class Node:
    number: int = 0
    seen: datetime | None = None
    one: Node | None = None
    many: list[Node] = field(default_factory=list)
    by_name: dict[str, Node] = field(default_factory=dict)
    by_number: dict[int, Node] = field(default_factory=dict)
    pair: tuple[Node, Node] | None = None


@dataclass(slots=True, kw_only=True)
class SlotsNode:
    number: int = 0
    seen: datetime | None = None
    one: SlotsNode | None = None
    many: list[SlotsNode] = field(default_factory=list)
    by_name: dict[str, SlotsNode] = field(default_factory=dict)
    by_number: dict[int, SlotsNode] = field(default_factory=dict)
    pair: tuple[SlotsNode, SlotsNode] | None = None


class DictNode(TypedDict, total=False):
    number: int
    seen: datetime | None
    one: DictNode | None
    many: list[DictNode]
    by_name: dict[str, DictNode]
    by_number: dict[int, DictNode]
    pair: tuple[DictNode, DictNode] | None


@attrs.define
class AttrsNode:
    number: int = 0
    seen: datetime | None = None
    one: AttrsNode | None = None
    many: list[AttrsNode] = attrs.field(factory=list)
    by_name: dict[str, AttrsNode] = attrs.field(factory=dict)
    by_number: dict[int, AttrsNode] = attrs.field(factory=dict)
    pair: tuple[AttrsNode, AttrsNode] | None = None


class StructNode(msgspec.Struct, omit_defaults=True, rename="camel"):
    number: int = 0
    seen: datetime | None = None
    one: StructNode | None = None
    many: list[StructNode] = []
    by_name: dict[str, StructNode] = {}
    by_number: dict[int, StructNode] = {}
    pair: tuple[StructNode, StructNode] | None = None


class ModelNode(pydantic.BaseModel):
    number: int = 0
    seen: datetime | None = None
    one: ModelNode | None = None
    many: list[ModelNode] = []
    by_name: dict[str, ModelNode] = pydantic.Field(alias="byName", default={})
    by_number: dict[int, ModelNode] = pydantic.Field(alias="byNumber", default={})
    pair: tuple[ModelNode, ModelNode] | None = None


@pydantic.dataclasses.dataclass
class PydanticNode:
    number: int = 0
    seen: datetime | None = None
    one: PydanticNode | None = None
    many: list[PydanticNode] = field(default_factory=list)
    by_name: dict[str, PydanticNode] = field(default_factory=dict)
    by_number: dict[int, PydanticNode] = field(default_factory=dict)
    pair: tuple[PydanticNode, PydanticNode] | None = None


NODES: list[Any] = [
    Node,
    SlotsNode,
    DictNode,
    AttrsNode,
    StructNode,
    ModelNode,
    PydanticNode,
]
KNOWN = {"number", "seen", "one", "many", "by_name", "by_number", "pair", "byName", "byNumber"}

strays = st.dictionaries(
    st.sampled_from(["avatar", "theme", "Number", "ünknown"]),
    st.none() | st.integers() | st.lists(st.integers(), max_size=2) | st.just({"number": 5}),
    max_size=2,
)
seen = st.none() | st.sampled_from(["2027-01-15T08:00:00Z", "2027-01-15T08:00:00.250Z"])
bare = st.fixed_dictionaries({"seen": seen, "strays": strays})


def _grow(nodes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"seen": seen, "strays": strays},
        optional={
            "one": nodes,
            "many": st.lists(nodes, max_size=3),
            "by_name": st.dictionaries(st.sampled_from("abc"), nodes, max_size=2),
            "by_number": st.dictionaries(st.sampled_from(["1", "2", "-3"]), nodes, max_size=2),
            "pair": st.tuples(nodes, nodes).map(list),
        },
    )


trees: st.SearchStrategy[Any] = st.recursive(bare, _grow, max_leaves=8)


def as_json(tree: Any, numbers: Iterator[int], *, camel: bool) -> dict[str, Any]:
    """Give each node its number, and its strays beside the fields."""

    def grow(value: Any) -> Any:
        if isinstance(value, list):
            return [as_json(one, numbers, camel=camel) for one in value]
        if isinstance(value, dict) and "strays" not in value:
            return {key: as_json(one, numbers, camel=camel) for key, one in value.items()}
        if isinstance(value, dict):
            return as_json(value, numbers, camel=camel)
        return value

    names: dict[str, str] = {"by_name": "byName", "by_number": "byNumber"} if camel else {}
    number = next(numbers)
    fields: dict[str, Any] = {
        names.get(str(key), str(key)): grow(value) for key, value in tree.items() if key != "strays"
    }
    return {**fields, **tree["strays"], "number": number}


def strays_in(value: Any) -> dict[int, dict[str, Any]]:
    """Give the strays of each node, by its number."""
    if isinstance(value, list):
        return {n: s for one in value for n, s in strays_in(one).items()}
    if not isinstance(value, dict):
        return {}
    if "number" not in value:
        return strays_in(list(value.values()))
    own = {key: one for key, one in value.items() if key not in KNOWN}
    fields = [one for key, one in value.items() if key in KNOWN]
    return {value["number"]: own, **strays_in(fields)}


def children_of(node: Any) -> list[Any]:
    found = [get(node, "one"), *(get(node, "many") or []), *(get(node, "pair") or [])]
    for name in ("by_name", "by_number"):
        found += (get(node, name) or {}).values()
    return [one for one in found if one is not None]


def nodes_of(node: Any) -> list[Any]:
    return [node, *(one for child in children_of(node) for one in nodes_of(child))]


def remove_some(node: Any) -> None:
    for one in nodes_of(node):
        if get(one, "many"):
            get(one, "many").pop(0)
        for name in ("by_name", "by_number"):
            if get(one, name):
                get(one, name).pop(next(iter(get(one, name))))


def turn_around(node: Any) -> None:
    for one in nodes_of(node):
        if get(one, "many"):
            get(one, "many").reverse()
        if get(one, "pair"):
            put(one, "pair", get(one, "pair")[::-1])


def move_all(node: Any) -> None:
    """Hang the first's children elsewhere."""
    for one in nodes_of(node):
        many = get(one, "many")
        if many:
            put(one, "by_name", {**(get(one, "by_name") or {}), "moved": many.pop()})


def touch(node: Any) -> None:
    for one in nodes_of(node):
        put(one, "seen", datetime(2020, 1, 1, tzinfo=UTC))


def put_new_first(node: Any) -> None:
    for one in nodes_of(node):
        if get(one, "many"):
            new = type(one)()
            put(new, "number", -get(one, "number"))
            get(one, "many").insert(0, new)
            put(one, "one", new)


CHANGES: list[Callable[[Any], None]] = [remove_some, turn_around, move_all, touch, put_new_first]


@cache
def options_of(schema: Any) -> SessionOptions:
    return make_options(schema=schema, ttl=0, chunk=True)


def open_session(data: Any, schema: Any) -> Session:
    cookie = cookie_of(json.dumps(data), expires=None)
    session = get_iron_session(HeaderJar(cookie), options_of(schema))
    assert not session.is_new
    return session


@pytest.mark.parametrize("type_", NODES)
@given(tree=trees, data=st.data())
def test_strays_stay_with_their_object_whatever_else_is_done(
    type_: Any, tree: Any, data: st.DataObject
) -> None:
    camel = type_ in (StructNode, ModelNode)
    root = as_json(tree, iter(range(1, 1000)), camel=camel)
    before = strays_in(root)
    session = open_session(root, type_)
    assert session.data is session.data
    assert not session.modified
    for change in data.draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3)):
        change(session.data)
        put(session.data, "number", get(session.data, "number") + 1000)
        session.save()
    after = strays_in(open_text(session.seal or "", now=NOW))
    expected = {
        get(one, "number"): before.get(get(one, "number"), {}) for one in nodes_of(session.data)
    }
    root_number = get(session.data, "number")
    expected[root_number] = before[1]
    assert after == expected


@dataclass
class Item:
    price: float = 0.0
    at: datetime | None = None
    tags: list[list[int]] = field(default_factory=list)
    name: str = ""


class Sorting(pydantic.BaseModel):
    items: list[Node] = []

    @pydantic.field_validator("items")
    @classmethod
    def sort(cls, items: list[Node]) -> list[Node]:
        return sorted(items, key=lambda one: one.number)


def test_strays_never_move_where_a_validator_moves_objects(browser: Browser) -> None:
    """All of the list are lost: nobody knows which object is which."""
    browser.visit(
        make_options(),
        items=[{"number": 2, "avatar": "b"}, {"number": 1}, {"number": 3, "avatar": "c"}],
    )
    session = browser.request(make_options(schema=Sorting))
    session.data.items[0].seen = datetime(2027, 1, 15, tzinfo=UTC)
    session.save()
    items = open_text(session.seal or "")["items"]
    assert [(one["number"], one.get("avatar")) for one in items] == [
        (1, None),
        (2, None),
        (3, None),
    ]


class SortingByTags(pydantic.BaseModel):
    items: list[Item] = []

    @pydantic.field_validator("items")
    @classmethod
    def sort(cls, items: list[Item]) -> list[Item]:
        return sorted(items, key=lambda one: len(one.tags))


def test_items_of_other_lengths_are_others() -> None:
    items: list[Any] = [{"tags": [[1], [2]], "avatar": "a"}, {"tags": [[1]]}]
    session = open_session({"items": items}, SortingByTags)
    session.data.items[0].name = "b"
    assert [one.get("avatar") for one in session["items"]] == [None, None]


class Trimming(pydantic.BaseModel):
    name: Annotated[str, pydantic.StringConstraints(strip_whitespace=True)] = ""


class TrimmedNames(pydantic.BaseModel):
    items: list[Trimming] = []


def test_objects_whose_texts_a_validator_trims_are_read_and_lose_their_strays() -> None:
    session = open_session({"items": [{"name": " ada ", "avatar": "a"}]}, TrimmedNames)
    assert [one.name for one in session.data.items] == ["ada"]
    session.data.items[0].name = "bob"
    assert session["items"] == [{"name": "bob"}]


class Renamed(pydantic.BaseModel):
    user_id: Annotated[
        int,
        pydantic.Field(
            validation_alias=pydantic.AliasChoices("uid", "userId"), serialization_alias="userId"
        ),
    ] = 0


class Renaming(pydantic.BaseModel):
    user: Renamed = Renamed()


def test_an_old_name_of_a_field_is_no_stray() -> None:
    """It would be read before the new one, and win."""
    session = open_session({"user": {"uid": 1, "avatar": "a"}}, Renaming)
    assert session.data.user.user_id == 1
    session.data.user.user_id = 2
    assert session["user"] == {"userId": 2, "avatar": "a"}


class Dropping(pydantic.BaseModel):
    items: list[Node] = []
    other: Node | None = None

    @pydantic.field_validator("items")
    @classmethod
    def drop(cls, items: list[Node]) -> list[Node]:
        return [one for one in items if one.number != 1]

    @pydantic.field_validator("other", mode="before")
    @classmethod
    def take_first(cls, other: Any) -> Any:
        return other[0] if isinstance(other, list) else other


def test_strays_never_move_where_a_validator_drops_objects_or_changes_shapes() -> None:
    items = [{"number": 1, "avatar": "a"}, {"number": 2, "avatar": "b"}, {"number": 3}]
    root = {"items": items, "other": [{"number": 4, "avatar": "d"}]}
    session = open_session(root, Dropping)
    assert [one.number for one in session.data.items] == [2, 3]
    for one in session.data.items:
        one.seen = datetime(2027, 1, 15, tzinfo=UTC)
    session.data.other.number = 5
    session.save()
    written = open_text(session.seal or "")
    assert strays_in(written["items"]) == {2: {}, 3: {}}
    assert strays_in(written["other"]) == {5: {}}


class Wrapped(pydantic.BaseModel):
    """Texts that are written as objects."""

    first: str = ""
    second: str = ""

    @pydantic.field_serializer("first", "second")
    def wrap(self, text: str) -> Any:
        return {"inner": {"text": text}}

    @pydantic.field_validator("first", "second", mode="before")
    @classmethod
    def unwrap(cls, value: Any) -> Any:
        return value["inner"]["text"] if isinstance(value, dict) else value


def test_strays_never_move_where_objects_in_json_are_none_in_python() -> None:
    """And a text is the same one wherever it is the same."""
    first = {"inner": {"text": "a", "avatar": "a"}, "theme": "dark"}
    session = open_session({"first": first, "second": {"inner": {"text": "a"}}}, Wrapped)
    session.data.second = session.data.first + "b"
    assert session["first"] == first
    assert session["second"] == {"inner": {"text": "ab"}}
    session.data.second = session.data.first
    assert session["second"] == {"inner": {"text": "a"}}


def test_strays_of_a_text_that_is_written_as_an_object_do_not_go_with_the_text() -> None:
    first = {"inner": {"text": "a"}, "theme": "dark"}
    session = open_session({"first": first}, Wrapped)
    session.data.second = session.data.first
    assert session["second"] == {"inner": {"text": "a"}}


@dataclass
class Cart:
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class Tag:
    name: str = ""


@dataclass
class Tags:
    items: set[Tag] = field(default_factory=set)
    other: int = 0


def test_strays_of_items_are_kept_whatever_form_their_fields_have(browser: Browser) -> None:
    item = {"at": "2027-01-15T08:00:00.000Z", "price": 5, "tags": [[1]], "avatar": "a"}
    browser.visit(make_options(), items=[item])
    session = browser.request(make_options(schema=Cart))
    session.data.items[0].name = "tea"
    assert session["items"] == [
        {
            "at": "2027-01-15T08:00:00Z",
            "price": 5.0,
            "tags": [[1]],
            "avatar": "a",
            "name": "tea",
        }
    ]


def test_strays_of_an_object_that_is_replaced_go_with_it() -> None:
    session = open_session({"one": {"number": 2, "avatar": "a"}}, Node)
    session.data.one = Node(3)
    assert "avatar" not in session["one"]


def test_an_object_that_is_replaced_by_an_equal_one_is_no_change() -> None:
    session = open_session({"one": {"number": 2, "avatar": "a"}}, Node)
    session.data.one = Node(2)
    assert not session.modified
    assert session["one"] == {"number": 2, "avatar": "a"}


def test_strays_of_an_object_come_back_with_it() -> None:
    session = open_session({"one": {"number": 2, "avatar": "a"}}, Node)
    one, session.data.one = session.data.one, None
    assert session["one"] is None
    session.data.many.append(one)
    assert session["many"][0]["avatar"] == "a"


def test_objects_in_a_set_are_written_as_their_type_has_them() -> None:
    cookie = {"items": [{"name": "b", "avatar": "b"}, {"name": "a"}]}
    session = open_session(cookie, Tags)
    session.data.other = 1
    assert session["items"] == cookie["items"]
    session.data.items.add(Tag("c"))
    assert session["items"] == [{"name": "a"}, {"name": "b"}, {"name": "c"}]


def test_even_the_only_object_in_a_set_loses_its_strays() -> None:
    session = open_session({"items": [{"name": "a", "avatar": "a"}]}, Tags)
    session.data.items.add(Tag("b"))
    assert session["items"] == [{"name": "a"}, {"name": "b"}]


class Account(pydantic.BaseModel):
    id: int = pydantic.Field(0, validation_alias=pydantic.AliasChoices("id", "uid"))
    role: str = "user"


class Accounts(pydantic.BaseModel):
    """The newest first."""

    all: list[Account] = []

    @pydantic.field_validator("all")
    @classmethod
    def sort(cls, accounts: list[Account]) -> list[Account]:
        return sorted(accounts, key=lambda one: one.id, reverse=True)


class LastTwo(pydantic.BaseModel):
    all: list[Account] = []

    @pydantic.field_validator("all")
    @classmethod
    def cut(cls, accounts: list[Account]) -> list[Account]:
        return accounts[-2:]


class ShortAccount(msgspec.Struct, omit_defaults=True):
    id: int = 0
    role: str = "user"


class ShortAccounts(msgspec.Struct):
    all: list[ShortAccount] = []

    def __post_init__(self) -> None:
        self.all = sorted(self.all, key=lambda one: one.id, reverse=True)


class BriefAccount(Account):
    @pydantic.model_serializer(mode="wrap")
    def omit_defaults(self, handler: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {key: one for key, one in handler(self).items() if one != fields[key].default}


ADMINS_LAST = pydantic.BeforeValidator(lambda there: sorted(there, key=lambda one: "admin" in one))


class AdminsLast(pydantic.BaseModel):
    all: Annotated[list[Account], ADMINS_LAST] = []


class BriefAdminsLast(pydantic.BaseModel):
    all: Annotated[list[BriefAccount], ADMINS_LAST] = []


@pytest.mark.parametrize(
    ("schema", "there"),
    [
        # What has no field that could be compared, another name of one, or a default left out.
        (Accounts, [{"admin": True}, {"id": 2}]),
        (Accounts, [{"uid": 1, "admin": True}, {"uid": 2}]),
        (Accounts, [{"uid": 1, "role": "user", "admin": True}, {"id": 2, "role": "user"}]),
        (Accounts, [{"admin": True, "role": "user"}, {"id": 2, "role": "user"}]),
        (ShortAccounts, [{"admin": True}, {"id": 5}]),
        (ShortAccounts, [{"admin": True, "role": "x"}, {"id": 5, "role": "x"}]),
        # What has no known field, and is equal by its defaults.
        (AdminsLast, [{"id": 0, "role": "user", "admin": True}, {}]),
        (BriefAdminsLast, [{"admin": True}, {}]),
        # What has been dropped, so that the others have moved up.
        (LastTwo, [{"id": 1, "admin": True}, {"id": 1}, {"id": 1}]),
    ],
)
def test_strays_never_move_to_an_object_that_looks_alike(
    browser: Browser, schema: Any, there: list[Any]
) -> None:
    browser.visit(make_options(), all=there)
    session = browser.request(make_options(schema=schema))
    session.data.all[0].role = "changed"
    session.save()
    assert "admin" not in str(open_text(session.seal or "")["all"])


SHARED = Account.model_validate({})


class Sharing(pydantic.BaseModel):
    first: Annotated[Account, pydantic.AfterValidator(lambda _: SHARED)] = SHARED
    second: Annotated[Account, pydantic.AfterValidator(lambda _: SHARED)] = SHARED
    n: int = 0


@pytest.mark.parametrize("whose", ["first", "second"])
def test_strays_of_several_that_became_one_object_are_nobody_s(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    there: dict[str, Any] = {"first": {"id": 0}, "second": {"id": 0}}
    there[whose]["admin"] = True
    browser.visit(make_options(), **there)
    session: Session[Any] = browser.request(make_options(schema=Sharing))
    session.data.n = 1
    monkeypatch.setattr(SHARED, "role", "other")
    session.save()
    assert "admin" not in str(open_text(session.seal or ""))
