"""JSON as JavaScript writes it, and the place of what it can't carry."""

import enum
import json
import math
import sys
from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest

from iron_session import NotSerializableError, UnsealError, _json
from iron_session.seals.iron import decode_json
from tests.helpers.seals import told_by


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    __slots__ = ()


class Number(int):
    def __repr__(self) -> str:
        return "not a number"


class Ratio(float):
    def __repr__(self) -> str:
        return "not a ratio"


class Point(NamedTuple):
    x: int
    y: int


class Suit(enum.Enum):
    HEARTS = "secret"


class Moment(datetime):
    """As pandas' Timestamp is one."""


class Array:
    """What numpy's types have in common; those themselves are no JSON either."""

    __module__ = "numpy._core.multiarray"
    dtype = "secret"

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


@dataclass
class Item:
    name: str = "secret"


@pydantic.dataclasses.dataclass
class PydanticItem:
    name: str = "secret"


class Model(pydantic.BaseModel):
    name: str = "secret"


@attrs.define
class Attrs:
    name: str = "secret"


class Struct(msgspec.Struct):
    name: str = "secret"


OR_SCHEMA = ", or declare it in the session's schema="


class Opaque:
    """A class of somebody's own, whose repr gives a secret away."""

    def __repr__(self) -> str:
        return "Opaque(hunter2)"


def nested(levels: int) -> Any:
    """Give lists and objects inside each other, `levels` of them."""
    value: Any = "core"
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value


# --- writing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-17, "-17"),
        (2**64, "18446744073709551616"),
        (1.5, "1.5"),
        (-0.0, "-0.0"),
        ("", '""'),
        ("text", '"text"'),
        ([], "[]"),
        ({}, "{}"),
        ((), "[]"),
        ([1, [2, (3,)]], "[1,[2,[3]]]"),
        ({"b": 1, "a": {"c": None}}, '{"b":1,"a":{"c":null}}'),
        ({"": 1}, '{"":1}'),
    ],
)
def test_values_are_written_without_spaces_and_in_their_order(value: Any, text: str) -> None:
    assert _json.encode(value, "data") == text.encode()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("é日本😀", "é日本😀"),
        ("\u2028\u2029\ufeff\x7f", "\u2028\u2029\ufeff\x7f"),
        ("</script>&'", "</script>&'"),
        ('"\\', '\\"\\\\'),
        ("\n\r\t\b\f", "\\n\\r\\t\\b\\f"),
        ("\0\x1f", "\\u0000\\u001f"),
        ("\ud800", "\\ud800"),
        ("a\udfffb", "a\\udfffb"),
        ("\\\ud800", "\\\\\\ud800"),
        ("\udc00\ud800", "\\udc00\\ud800"),
    ],
)
def test_text_is_escaped_only_where_javascript_escapes_it(text: str, written: str) -> None:
    """A lone surrogate is, since nothing else can stand for it in UTF-8."""
    assert _json.encode(text, "data") == f'"{written}"'.encode()
    assert _json.encode({text: text}, "data") == f'{{"{written}":"{written}"}}'.encode()
    assert _json.decode(_json.encode([text], "data")) == [text]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Colour.RED, '"red"'),
        (Level.HIGH, "3"),
        (Text("text"), '"text"'),
        (Number(7), "7"),
        (Ratio(1.5), "1.5"),
        (Point(1, 2), "[1,2]"),
        (OrderedDict(b=1, a=2), '{"b":1,"a":2}'),
        (defaultdict(list, a=[1]), '{"a":[1]}'),
        ({Text("key"): 1, Colour.RED: 2}, '{"key":1,"red":2}'),
    ],
)
def test_subclasses_are_written_as_what_they_are_made_of(value: Any, text: str) -> None:
    assert _json.encode(value, "data") == text.encode()
    assert _json.encode([value], "data") == f"[{text}]".encode()


def test_a_tuple_comes_back_as_a_list() -> None:
    assert _json.decode(_json.encode({"a": (1, (2,))}, "data")) == {"a": [1, [2]]}


# --- what can't be written -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (datetime(2024, 5, 6, tzinfo=UTC), "is a datetime: store .isoformat() or .timestamp()"),
        (date(2024, 5, 6), "is a date: store .isoformat()"),
        (time(5, 6), "is a time: store .isoformat()"),
        (timedelta(5), "is a timedelta: store .total_seconds()"),
        (Decimal("5.6"), "is a Decimal: store str(…)"),
        (UUID(int=5), "is a UUID: store str(…)"),
        ({5}, "is a set: store a sorted list"),
        (frozenset({5}), "is a frozenset: store a sorted list"),
        (b"secret", "is a bytes: store .hex(), or text"),
        (bytearray(b"secret"), "is a bytearray: store .hex(), or text"),
        (Suit.HEARTS, "is a Suit: store .value"),
        (Path("secret"), f"is a {type(Path()).__name__}: store str(…)"),
        (Moment(2024, 5, 6, tzinfo=UTC), "is a Moment: store .isoformat() or .timestamp()"),
        (Array(()), "is a numpy.Array: store .item()"),
        (Array((2, 3)), "is a numpy.Array: store .tolist()"),
        (Item(), f"is an Item: store dataclasses.asdict(…){OR_SCHEMA}"),
        (PydanticItem(), f"is a PydanticItem: store dataclasses.asdict(…){OR_SCHEMA}"),
        (Model(), f'is a Model: store .model_dump(mode="json"){OR_SCHEMA}'),
        (Attrs(), f"is an Attrs: store attrs.asdict(…){OR_SCHEMA}"),
        (Struct(), f"is a Struct: store msgspec.to_builtins(…){OR_SCHEMA}"),
    ],
)
def test_the_error_says_how_to_store_what_json_lacks(value: Any, problem: str) -> None:
    with pytest.raises(NotSerializableError) as caught:
        _json.encode({"cart": [{"when": value}]}, "session")
    assert caught.value.path == 'session["cart"][0]["when"]'
    assert str(caught.value) == f'session["cart"][0]["when"] {problem}'


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Opaque(), "an Opaque"),
        (Fraction(1, 3), "a Fraction"),
        (1j, "a complex"),
        (object(), "an object"),
        (len, "a builtin_function_or_method"),
        (UserDict(a=1), "a UserDict"),
        ({}.keys(), "a dict_keys"),
        (iter([]), "a list_iterator"),
        (range(3), "a range"),
    ],
)
def test_the_error_lists_what_json_has_for_any_other_type(value: Any, kind: str) -> None:
    with pytest.raises(NotSerializableError) as caught:
        _json.encode([0, value], "data")
    assert str(caught.value) == (
        f"data[1] is {kind}: store plain JSON values: dict, list, str, int, float, bool or None"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")],
)
def test_numbers_that_json_lacks_are_refused(value: float, shown: str) -> None:
    """JavaScript would write null in their place."""
    with pytest.raises(NotSerializableError) as caught:
        _json.encode({"a": (1, value)}, "data")
    assert caught.value.path == 'data["a"][1]'
    assert str(caught.value) == f'data["a"][1] is {shown}: JSON has no such number, store None'


@pytest.mark.parametrize("sign", [1, -1])
def test_an_int_that_python_can_not_write_is_refused(sign: int) -> None:
    """CPython writes no more than 4300 digits, and so could not read it back."""
    longest = sys.get_int_max_str_digits()
    assert _json.encode(sign * 10 ** (longest - 1), "data")
    with pytest.raises(NotSerializableError, match=r'^data\["n"\] is an int of too many digits'):
        _json.encode({"n": sign * 10**longest}, "data")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (1, "int"),
        (1.5, "float"),
        (True, "bool"),
        (None, "NoneType"),
        ((1, 2), "tuple"),
        (b"k", "bytes"),
    ],
)
@pytest.mark.parametrize("place", ["data", 'data["a"]', "data[0]"])
def test_a_key_that_is_not_text_is_refused(key: Any, kind: str, place: str) -> None:
    """`json.dumps` writes most of them as text, where they can meet a key that is there."""
    wrong: dict[Any, Any] = {"1": "kept", key: "merged"}
    value: Any = {"data": wrong, 'data["a"]': {"a": wrong}, "data[0]": [wrong]}[place]
    with pytest.raises(NotSerializableError) as caught:
        _json.encode(value, "data")
    assert caught.value.path == place
    assert str(caught.value) == (
        f"{place} has a key of type {kind}: JSON's keys are text, use str(…)"
    )


def test_the_first_of_several_faults_is_named() -> None:
    with pytest.raises(NotSerializableError) as caught:
        _json.encode({"a": [1, {"b": {2}}], "c": {3}}, "data")
    assert caught.value.path == 'data["a"][1]["b"]'


def test_what_stands_before_the_fault_is_not_blamed() -> None:
    fine: dict[str, Any] = {"a": [1, 2.5, True, None, "x", [], {}, {"b": (1,)}], "c": {"d": -0.0}}
    with pytest.raises(NotSerializableError) as caught:
        _json.encode([fine, [fine], fine, {1}], "data")
    assert caught.value.path == "data[3]"


@pytest.mark.parametrize("levels", [1, 2, 255, 256])
def test_values_may_nest_256_levels(levels: int) -> None:
    assert _json.decode(_json.encode(nested(levels), "data")) == nested(levels)


@pytest.mark.parametrize("levels", [257, 300, 5000])
@pytest.mark.parametrize(
    ("wrap", "step"), [(lambda value: [value], "[0]"), (lambda value: {"a": value}, '["a"]')]
)
def test_deeper_values_are_refused(wrap: Callable[[Any], Any], step: str, levels: int) -> None:
    """The path is cut where it would fill the screen."""
    value: Any = "core"
    for _ in range(levels):
        value = wrap(value)
    with pytest.raises(NotSerializableError) as caught:
        _json.encode(value, "data")
    assert caught.value.path == f"data{step * 7}…"
    assert str(caught.value) == (
        f"data{step * 7}… nests deeper than 256 levels, or contains itself"
    )


@pytest.mark.parametrize("wrap", [lambda value: [0, value], lambda value: {"b": 0, "a": value}])
def test_a_fault_at_the_last_level_is_found(wrap: Callable[[Any], Any]) -> None:
    """And one level below it the depth is the fault."""
    value: Any = {1}
    for _ in range(256):
        value = wrap(value)
    with pytest.raises(NotSerializableError, match="is a set"):
        _json.encode(value, "data")
    with pytest.raises(NotSerializableError, match="nests deeper"):
        _json.encode(wrap(value), "data")


def test_a_value_that_contains_itself_is_refused() -> None:
    """In a list, in an object, and by way of another."""
    loop: list[Any] = []
    loop.append(loop)
    ring: dict[str, Any] = {}
    ring["list"] = [ring]
    for value in (loop, ring):
        with pytest.raises(NotSerializableError, match="or contains itself"):
            _json.encode(value, "data")


def test_the_same_value_twice_is_not_a_circle() -> None:
    shared = {"a": [1]}
    assert _json.encode([shared, shared], "data") == b'[{"a":[1]},{"a":[1]}]'


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("key", '["key"]'),
        ("", '[""]'),
        ('"]', r'["\"]"]'),
        ("a\nb", r'["a\nb"]'),
        ("né", '["né"]'),
        ("\ud800", r'["\ud800"]'),
        ("k" * 40, f'["{"k" * 40}"]'),
        ("k" * 41, f'["{"k" * 40}…"]'),
        ("k" * 5000, f'["{"k" * 40}…"]'),
    ],
)
def test_a_path_shows_any_key_as_printable_text(key: str, shown: str) -> None:
    assert _json.show(("data", key)) == f"data{shown}"
    with pytest.raises(NotSerializableError) as caught:
        _json.encode({key: {1}}, "data")
    assert caught.value.path == f"data{shown}"
    assert str(caught.value).encode()


@pytest.mark.parametrize(
    "value",
    [
        {"a": "hunter2", "b": {1}},
        {"a": b"hunter2"},
        {"a": {"hunter2"}},
        ["hunter2", math.nan],
        {"a": Opaque()},
        {("hunter2",): 1},
        {"a": {b"hunter2": 1}},
        {"a": "hunter2", "b": 10**5000},
        {"a": ["hunter2", nested(300)]},
    ],
)
def test_no_error_gives_data_away(value: Any) -> None:
    """Neither its message nor an error behind it; a path is made of keys and places only."""
    with pytest.raises(NotSerializableError) as caught:
        _json.encode(value, "data")
    assert "hunter2" not in told_by(caught.value).replace(__file__, "")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


class Fickle(dict[str, Any]):
    """A mapping that can't be read the first time."""

    failed = False

    def items(self) -> Any:
        if not self.failed:
            self.failed = True
            raise ValueError("hunter2")
        return super().items()


def test_a_value_that_only_the_encoder_stumbles_over_is_refused() -> None:
    """No place is found then, so the whole is named."""
    with pytest.raises(NotSerializableError) as caught:
        _json.encode(Fickle(a=1), "data")
    assert str(caught.value) == "data can't be written as JSON"
    assert caught.value.path == "data"
    assert "hunter2" not in told_by(caught.value)


@pytest.mark.parametrize("builder", [None, lambda: None], ids=["none", "of other arguments"])
def test_a_python_that_builds_its_encoder_in_another_way_writes_the_same(
    monkeypatch: pytest.MonkeyPatch, builder: Any
) -> None:
    """PyPy has none in C, and how CPython's is built is documented nowhere."""
    with monkeypatch.context() as patch:
        patch.setattr("json.encoder.c_make_encoder", builder)
        write = _json._make_writer()
    assert write == _json._encoder.encode
    value = {"a": ["é\u2028\ud800", 1.5, None], "b": {"c": (True,)}}
    expected = _json.encode(value, "data")
    monkeypatch.setattr(_json, "_write", write)
    assert _json.encode(value, "data") == expected
    with pytest.raises(NotSerializableError, match=r'^data\["n"\] is nan'):
        _json.encode({"n": math.nan}, "data")


def test_the_encoder_is_built_once_where_python_has_one_in_c() -> None:
    """Or every encoding would take half as long again."""
    assert (_json._write == _json._encoder.encode) is (json.encoder.c_make_encoder is None)  # type: ignore[attr-defined]  # not in the stubs


# --- the one key that is refused -------------------------------------------------------------

PROTOTYPE_PROBLEM = (
    "is a key that JavaScript takes for an object's prototype, and @hapi/iron opens no seal that "
    "holds it: leave it out"
)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"__proto__": 1}, 'data["__proto__"]'),
        ({"a": 1, "__proto__": None}, 'data["__proto__"]'),
        ({"a": [0, {"b": {"__proto__": {}}}]}, 'data["a"][1]["b"]["__proto__"]'),
        (({"__proto__": []},), 'data[0]["__proto__"]'),
        ({"a": {Text("__proto__"): 1}}, 'data["a"]["__proto__"]'),
        ({"__proto__": object()}, 'data["__proto__"]'),
        ({'"__proto__': {"__proto__": 1}}, 'data["\\"__proto__"]["__proto__"]'),
    ],
)
def test_the_key_proto_is_refused_at_any_depth_with_its_path(value: Any, path: str) -> None:
    """Whether the value is to be written, or only looked at before it is kept."""
    for refused in (lambda: _json.encode(value, "data"), lambda: _json.check(value, ("data",))):
        with pytest.raises(NotSerializableError) as caught:
            refused()
        assert caught.value.path == path
        assert str(caught.value) == f"{path} {PROTOTYPE_PROBLEM}"
        assert caught.value.__context__ is None


def test_the_key_proto_at_the_last_level_is_found() -> None:
    value: Any = {"__proto__": 1}
    for _ in range(255):
        value = [value]
    with pytest.raises(NotSerializableError, match="__proto__"):
        _json.encode(value, "data")
    with pytest.raises(UnsealError, match="__proto__"):
        decode_json(json.dumps(value).encode())


@pytest.mark.parametrize(
    "value",
    [
        "__proto__",
        ["__proto__", {"a": "__proto__"}],
        {"a": '"__proto__":1', "b": "\\u005f_proto__"},
        {'"__proto__': 1, '__proto__"': 2, "__proto__ ": 3, "__Proto__": 4, "_proto_": 5},
        {"x__proto__": 1, "__proto__x": 2, "\\__proto__": 3, "\0__proto__": 4},
        {"constructor": {"prototype": {"a": 1}}, "prototype": 1, "toString": 2},
    ],
)
def test_what_only_looks_like_the_key_proto_comes_back(value: Any) -> None:
    """A text is no key, and @hapi/iron lets the other names pass."""
    assert decode_json(_json.encode(value, "data")) == value
    assert decode_json(json.dumps(value).encode()) == value


SPELLINGS = [
    "__proto__",
    "\\u005f_proto__",
    "_\\u005Fproto__",
    "__\\u0070roto__",
    "__p\\u0072oto__",
    "__pr\\u006ft\\u006F__",
    "__pro\\u0074o__",
    "__proto_\\u005f",
    "\\u005f\\u005F\\u0070\\u0072\\u006f\\u0074\\u006F\\u005f\\u005F",
]


@pytest.mark.parametrize("key", SPELLINGS)
@pytest.mark.parametrize("around", ['{"%s":1}', '[[{"a":{"hunter2":"","%s" : {}}}]]'])
def test_the_key_proto_is_not_read_however_it_is_spelled(key: str, around: str) -> None:
    with pytest.raises(UnsealError) as caught:
        decode_json((around % key).encode())
    assert caught.value.reason == "invalid"
    assert str(caught.value) == "the seal's content has the key __proto__"
    assert caught.value.__context__ is None
    assert "hunter2" not in told_by(caught.value)


@pytest.mark.parametrize("text", SPELLINGS)
def test_the_text_proto_is_read_however_it_is_spelled(text: str) -> None:
    assert decode_json(f'{{"a":["{text}"]}}'.encode()) == {"a": ["__proto__"]}


# --- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a":[1,-2.5,true,false,null,"x"]}', {"a": [1, -2.5, True, False, None, "x"]}),
        (b' \t\r\n{ "a" : 1 } \n', {"a": 1}),
        (b'"\\u00e9\\ud83d\\ude00"', "é😀"),
        (b'"\\ud800"', "\ud800"),
        (b"1e3", 1000.0),
        (b"-0", 0),
        (b'{"a":1,"a":2}', {"a": 2}),
    ],
)
def test_json_is_read(raw: bytes, value: Any) -> None:
    assert decode_json(raw) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b'\xef\xbb\xbf{"hunter2":1}',
        b'{"hunter2":"\xff"}',
        b'{"hunter2":"\xed\xa0\x80"}',
        b'{"hunter2":"\xc0\x80"}',
        b'{"hunter2":"\xf0\x9f\x98"}',
        b'{"hunter2":NaN}',
        b'{"hunter2":Infinity}',
        b'{"hunter2":-Infinity}',
        b'{"hunter2":1}{}',
        b'{"hunter2":1}x',
        b'{"hunter2":1}\0',
        b'{"hunter2":1,}',
        b"{'hunter2':1}",
        b'{"hunter2":1',
        b'{"hunter2":01}',
        b'{"hunter2":1e400}',
        b'{"hunter2":-1e400}',
        b'{"hunter2":' + b"9" * 400 + b".0}",
        b'{"hunter2":+1}',
        b'{"hunter2":.5}',
        b'{"hunter2":"\n"}',
        b'{"hunter2":True}',
        b"undefined",
        b'{"hunter2":' + b"9" * 5000 + b"}",
        b'["hunter2",' + b"[" * 256 + b"]" * 256 + b"]",
        b'["hunter2",' + b'{"a":' * 256 + b"1" + b"}" * 256 + b"]",
        b'["hunter2",' + b"[" * 100_000 + b"]" * 100_000 + b"]",
        b'{"hunter2":' * 100_000,
        '{"hunter2":1}'.encode("utf-16"),
    ],
)
def test_what_is_not_json_is_refused_without_showing_it(raw: bytes) -> None:
    """The decoder's own error holds the whole plaintext, and must not hang on ours."""
    with pytest.raises(UnsealError) as caught:
        decode_json(raw)
    assert caught.value.reason == "invalid"
    assert str(caught.value) == "the seal's content is not JSON"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    told = told_by(caught.value)
    assert "hunter2" not in told
    assert "\\xff" not in told


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 256 + b"]" * 256,
        b'{"a":' * 256 + b"1" + b"}" * 256,
        b"[" + b"[]," * 300 + b"{}]",
        b'{"a":' + b"[[]," * 254 + b"[]" + b"]" * 254 + b"}",
        b'"' + b"[" * 300 + b'"',
        b"1e308",
        b"-1.7976931348623157e308",
        b"1e-400",
    ],
)
def test_whatever_is_read_can_be_written(raw: bytes) -> None:
    """So that a session never comes back in a form that can't be saved."""
    value = decode_json(raw)
    assert decode_json(_json.encode(value, "data")) == value


def test_what_is_written_is_plain_json() -> None:
    """Any other reader takes it too."""
    value = {"a": ["é\u2028\ud800", 1.5, None], "b": {"c": (True,)}}
    assert json.loads(_json.encode(value, "data")) == {
        "a": ["é\u2028\ud800", 1.5, None],
        "b": {"c": [True]},
    }


# --- spelling --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [b"{}", b'{"a":1,"b":[true,null,"text"],"c":{"d":-1}}', '{"é":"日本"}'.encode(), b'[0,"e1.5"]'],
)
def test_what_can_be_written_in_one_way_only_is_known_to_be(raw: bytes) -> None:
    if b"." not in raw:
        assert not _json.may_be_spelled_differently(raw)
    assert _json.encode(_json.decode(raw), "data") == raw


@pytest.mark.parametrize(
    "raw",
    [b"1.0", b"1e21", b"1E2", b"-0", b'"\\u00e9"', b'"\\/"', b"[1, 2]", b'{"a":\t1}', b"1.50"],
)
def test_what_has_several_spellings_is_known_to_have(raw: bytes) -> None:
    assert _json.may_be_spelled_differently(raw)


# --- how many parts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ([0] * 9, 9),
        ({"a": [0, 0], "b": 1}, 4),
        ((), 0),
        (["a" * 1000], 1),  # a text counts only beyond that
        (["a" * 1001], 1 + 1001 // 16),
    ],
)
def test_a_value_may_have_as_many_parts_as_are_allowed_and_none_more(
    value: object, parts: int
) -> None:
    assert _json.encode(value, "data", parts) == _json.encode(value, "data")
    if parts:
        with pytest.raises(_json.TooManyPartsError):
            _json.encode(value, "data", parts - 1)
