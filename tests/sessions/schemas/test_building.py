"""What options refuse as a schema, when they are built."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from enum import Enum
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from pydantic import AliasChoices, AliasPath, ConfigDict, Field

from iron_session import ConfigurationError, SessionOptions
from tests.sessions.browser import Browser, make_options
from tests.sessions.schemas.kinds import KINDS, of_pydantic

T = TypeVar("T")


@dataclass
class Box(Generic[T]):
    content: T | None = None


class BoxOfInt(Box[int]):
    pass


class NotOne:
    x: int = 0


class Tuple(NamedTuple):
    x: int = 0


class Array(msgspec.Struct, array_like=True):
    x: int = 0


class Root(pydantic.RootModel[dict[str, int]]):
    root: dict[str, int] = {}


class Allowing(pydantic.BaseModel):
    model_config = ConfigDict(extra="allow")


@pydantic.dataclasses.dataclass(config=ConfigDict(extra="allow"))
class AllowingDataclass:
    x: int = 0


class Model(pydantic.BaseModel):
    x: int = 0


@dataclass
class WithModel:
    model: Model = field(default_factory=Model)


@dataclass
class WithInitVar:
    x: InitVar[int] = 0


@dataclass
class WithComplex:
    x: list[dict[str, complex]] = field(default_factory=list)


@dataclass
class WithDeque:
    x: deque[int] = field(default_factory=deque)


class WithRaw(msgspec.Struct):
    x: msgspec.Raw = msgspec.Raw(b"1")


class Mixed(Enum):
    A = 1
    B = "b"


@dataclass
class WithMixed:
    x: Mixed = Mixed.A


@dataclass
class Unresolved:
    x: NotThere | None = None  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]  # on purpose


class UnresolvedModel(pydantic.BaseModel):
    x: NotThere | None = None  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]  # on purpose


@attrs.define
class WithPrivate:
    _x: int = 0


class WithSecret(pydantic.BaseModel):
    token: pydantic.SecretStr | None = None


class WithMaskedDefault(pydantic.BaseModel):
    pin: pydantic.Secret[int] = pydantic.Secret[int](1234)


class WithPath(pydantic.BaseModel):
    x: int = Field(0, validation_alias=AliasPath("user", "x"))


class WithTwoAliases(pydantic.BaseModel):
    x: int = Field(0, validation_alias="read", serialization_alias="written")


class WithChoices(pydantic.BaseModel):
    x: int = Field(0, validation_alias=AliasChoices("a", "b", AliasPath("c", 0)))


class ReadByName(pydantic.BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False)
    x: int = Field(0, alias="alias")


class AsText(pydantic.BaseModel):
    @pydantic.model_serializer
    def as_text(self) -> str:
        return "text"


class WithMore(pydantic.BaseModel):
    x: int = 0

    @pydantic.model_serializer(mode="wrap")
    def add(self, handler: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**handler(self), "version": 1}


class Mark(pydantic.BaseModel):
    mark: int = Field(0, alias="$iron")


class Flashing(msgspec.Struct):
    _flashes: int = 0


class Forging(msgspec.Struct, rename={"csrf": "_csrf"}):
    csrf: str = ""


class Prototype(msgspec.Struct, rename={"prototype": "__proto__"}, omit_defaults=True):
    prototype: int = 0


@dataclass
class WithPrototype:
    x: dict[str, int] = field(default_factory=lambda: {"__proto__": 1})


class WrongDefault(pydantic.BaseModel):
    x: int = "secret"  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # on purpose


@dataclass
class WrongDefaultToo:
    x: int = "secret"  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # on purpose


@dataclass
class NotANumber:
    x: float = float("nan")


class Refusing(pydantic.BaseModel):
    @pydantic.model_validator(mode="after")
    def refuse(self) -> Refusing:
        raise ValueError("secret")


class Counting(pydantic.BaseModel):
    reads: int = 0

    @pydantic.model_validator(mode="after")
    def count(self) -> Counting:
        self.reads += 1
        return self


REFUSED: dict[str, tuple[Any, str]] = {
    "no type": (5, "an object of int is none of these"),
    "an instance": (BoxOfInt(), "an object of BoxOfInt is none of these"),
    "None of these": (NotOne, "schema must be a dataclass, a TypedDict, an attrs class, a "),
    "a dict": (dict, "dict is none of these"),
    "a NamedTuple": (Tuple, "Tuple is none of these"),
    "a generic": (Box[int], "make a class of a generic type: class OfInt(Of[int])"),
    "a union": (Box | Model, "none of these"),
    "array_like": (Array, "Array must be written as an object"),
    "RootModel": (Root, "Root must be written as an object"),
    "as text": (AsText, "is not written as an object by AsText"),
    "more keys": (WithMore, 'session.data["version"] is none of the fields of WithMore'),
    "extra": (Allowing, 'Allowing has extra="allow"'),
    "extra of a dataclass": (AllowingDataclass, 'AllowingDataclass has extra="allow"'),
    "a model in a dataclass": (WithModel, "WithModel has a field of type Model, which msgspec"),
    "InitVar": (WithInitVar, "WithInitVar can't be built: dataclasses with `InitVar` fields"),
    "complex": (WithComplex, "WithComplex has a field of type complex"),
    "deque": (WithDeque, "WithDeque has a field of type deque"),
    "Raw": (WithRaw, "WithRaw has a field of type Raw"),
    "a mixed Enum": (WithMixed, "WithMixed can't be built: Enums must contain either"),
    "a name of nothing": (Unresolved, "Unresolved can't be built: name 'NotThere'"),
    "a name of nothing there": (UnresolvedModel, "UnresolvedModel can't be built: "),
    "private": (WithPrivate, "WithPrivate._x would be lost"),
    "a secret": (WithSecret, "WithSecret has a secret, which pydantic writes as asterisks"),
    "a secret default": (WithMaskedDefault, 'session.data["pin"] is a secret'),
    "a path": (WithPath, "WithPath.x is written as 'x' and read as a path"),
    "two aliases": (WithTwoAliases, "WithTwoAliases.x is written as 'written' and read as 'read'"),
    "choices": (WithChoices, "WithChoices.x is written as 'x' and read as 'a' or 'b'"),
    "read by name": (ReadByName, "ReadByName.x is written as 'alias' and read as 'x'"),
    "$iron": (Mark, "Mark can't have the key '$iron', which sessions use themselves"),
    "_flashes": (Flashing, "Flashing can't have the key '_flashes'"),
    "__proto__": (Prototype, "Prototype can't have the key '__proto__', which JavaScript takes"),
    "__proto__ below": (WithPrototype, 'kept: session.data["x"]["__proto__"] is a key that'),
    "_csrf": (Forging, "Forging can't have the key '_csrf'"),
    "a wrong default": (WrongDefault, "has a default that can't be kept: session.data.x is not"),
    "a wrong default there": (WrongDefaultToo, "has a default that can't be kept: session.data.x"),
    "NaN": (NotANumber, 'has a default that can\'t be kept: session.data["x"] is nan'),
    "its own code": (Refusing, "Refusing can't be made of an empty session"),
    "counts its reads": (Counting, "session.data.reads is not what Counting declares"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_can_not_work_is_refused_with_the_reason(what: str) -> None:
    type_, told = REFUSED[what]
    with pytest.raises(ConfigurationError) as caught:
        make_options(schema=type_)
    assert str(caught.value).startswith("schema")
    assert told in str(caught.value)
    assert "secret" not in str(caught.value).replace("a secret", "")


def required_types() -> dict[str, Any]:
    class Needs(TypedDict):
        first: int

    @dataclass
    class NeedsDataclass:
        first: int
        second: str = ""

    class NeedsStruct(msgspec.Struct, rename="camel"):
        first: int

    @attrs.define
    class NeedsAttrs:
        first: int

    class NeedsModel(pydantic.BaseModel):
        first: int = Field(alias="other")

    @pydantic.dataclasses.dataclass
    class NeedsPydantic:
        first: int

    return {
        one.__name__: one
        for one in (Needs, NeedsDataclass, NeedsStruct, NeedsAttrs, NeedsModel, NeedsPydantic)
    }


@pytest.mark.parametrize("name", required_types())
def test_a_field_without_a_default_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^schema: {name}.first needs a default"):
        make_options(schema=required_types()[name])


class Tagged(msgspec.Struct, tag=True, rename="camel", frozen=True, kw_only=True):
    first_name: str = ""


class Base(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    x: int = 0


class Derived(Base):
    y: int = 0


@dataclass
class WithClassVar:
    x: int = 0
    limit: ClassVar[int] = 5


@attrs.frozen
class Frozen:
    x: int = 0


class Forbidding(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    x: int = 0


class Revealing(pydantic.BaseModel):
    token: pydantic.SecretStr = pydantic.SecretStr("")

    @pydantic.field_serializer("token", when_used="json")
    def reveal(self, token: pydantic.SecretStr) -> str:
        return token.get_secret_value()


class Undescribed(pydantic.BaseModel):
    hook: Callable[[], None] | None = None
    x: Annotated[int, Field(exclude=True, validation_alias="y")] = 0


FITTING: list[tuple[Any, set[str]]] = [
    (Tagged, {"type", "firstName"}),
    (Derived, {"x", "y"}),
    (WithClassVar, {"x"}),
    (Frozen, {"x"}),
    (BoxOfInt, {"content"}),
    (Forbidding, {"x"}),
    (Revealing, {"token"}),
    (Undescribed, {"hook", "x", "y"}),
]


@pytest.mark.parametrize(("type_", "keys"), FITTING)
def test_what_can_work_is_taken(browser: Browser, type_: Any, keys: set[str]) -> None:
    """And its keys are its own, in the mapping."""
    options = make_options(schema=type_)
    session = browser.request(options)
    assert session.data == type_()
    for key in keys:
        with pytest.raises(ConfigurationError, match=f"belongs to the schema {type_.__name__}"):
            session[key] = 1
        with pytest.raises(ConfigurationError, match="belongs to the schema"):
            del session[key]
        with pytest.raises(ConfigurationError, match="belongs to the schema"):
            session.set(key, 1)
        with pytest.raises(ConfigurationError, match="belongs to the schema"):
            session.unset(key)
    session["other"] = 1
    assert session == {"other": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_a_library_that_is_missing_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    type_ = KINDS[kind]("Visitor", {"x": (int, 0)})
    library = "pydantic" if of_pydantic(kind) else "msgspec"
    monkeypatch.delitem(sys.modules, f"iron_session.sessions.schemas.by_{library}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigurationError) as caught:
        make_options(schema=type_)
    assert str(caught.value) == (
        f"schema: Visitor needs {library}, which is not installed: pip install {library}"
    )


def test_nothing_of_them_is_loaded_where_no_schema_asks_for_it() -> None:
    program = (
        "import sys\n"
        "from iron_session import HeaderJar, SessionOptions, get_iron_session\n"
        "options = SessionOptions(password='a password of 32 characters here', cookie_name='a')\n"
        "get_iron_session(HeaderJar('a=1'), options)['b'] = 1\n"
        "print({'msgspec', 'pydantic', 'attr', 'dataclasses_json'} & sys.modules.keys())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "set()"


def test_options_with_one_schema_are_equal() -> None:
    assert make_options(schema=Box) == make_options(schema=Box)
    assert make_options(schema=Box) != make_options(schema=BoxOfInt)


def test_options_without_a_schema_prepare_none() -> None:
    options: SessionOptions = make_options()
    assert options.prepared_schema is None
