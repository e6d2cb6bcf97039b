"""JSON by the native core: that it is asked, and that it does what the Python code does."""

import json
import math
import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iron_session import NotSerializableError, _json, _speedups

CORE = _speedups._find()[0]
needs_core = pytest.mark.skipif(
    CORE is None, reason="the native core is not installed here: see `make speedups`"
)

# --- when it is asked ------------------------------------------------------------------------


class Fake:
    """A core that answers what the test wants, and hands back what it was not told."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.written: bytes | None = None
        self.read: object = NotImplemented

    def write_json(self, *given: object) -> bytes | None:
        self.calls.append(given)
        return self.written

    def read_json(self, *given: object) -> object:
        self.calls.append(given)
        return self.read


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(_json, "_write_natively", made.write_json)
    monkeypatch.setattr(_json, "_read_natively", made.read_json)
    return made


def test_what_the_core_writes_is_written(fake: Fake) -> None:
    fake.written = b"by the core"
    assert _json.encode([1], "data") == b"by the core"
    assert _json.encode([1], "data", 5) == b"by the core"
    assert fake.calls == [([1], None, 0), ([1], 5, 0)]


def test_what_the_core_hands_back_is_written_in_python(fake: Fake) -> None:
    assert _json.encode(["\ud800"], "data") == b'["\\ud800"]'
    with pytest.raises(NotSerializableError, match=r"data\[0\] is a set"):
        _json.encode([set()], "data")
    with pytest.raises(_json.TooManyPartsError):
        _json.encode([1, 2], "data", 1)
    assert len(fake.calls) == 3


def test_an_item_that_the_core_writes_is_checked(fake: Fake) -> None:
    fake.written = b"by the core"
    _json.check_item(set(), ("session", "a"), 7)  # it would be refused here
    assert fake.calls == [(set(), 7, 1)]


def test_an_item_that_the_core_hands_back_is_checked_in_python(fake: Fake) -> None:
    _json.check_item([1], ("session", "a"), 7)
    with pytest.raises(NotSerializableError, match="is a set"):
        _json.check_item(set(), ("session", "a"), 7)
    assert len(fake.calls) == 2


def test_the_core_does_not_see_the_key_of_an_item(fake: Fake) -> None:
    fake.written = b"by the core"
    with pytest.raises(NotSerializableError, match="prototype"):
        _json.check_item(1, ("session", "__proto__"), 7)
    assert fake.calls == []


@pytest.mark.parametrize("value", [None, False, 0, "", [], {"by": "the core"}])
def test_what_the_core_reads_is_read(fake: Fake, value: object) -> None:
    fake.read = value
    assert _json.decode(b"[1]") is value
    assert fake.calls == [(b"[1]",)]


def test_what_the_core_hands_back_is_read_in_python(fake: Fake) -> None:
    assert _json.decode(b'["\\ud800"]') == ["\ud800"]
    with pytest.raises(ValueError, match="more than one value"):
        _json.decode(b"1 2")
    with pytest.raises(_json.PrototypeKeyError):
        _json.decode(b'{"__proto__":1}')
    assert len(fake.calls) == 3


# --- the real one: the same text -------------------------------------------------------------


def core() -> _speedups.Core:
    assert CORE is not None
    return CORE


@contextmanager
def in_python() -> Iterator[None]:
    """Let `_json` work as if there were no core."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_json, "_write_natively", None)
        patch.setattr(_json, "_read_natively", None)
        yield


def outcome(function: Callable[..., Any], *given: object) -> object:
    """Return what a function returns or raises, so that two outcomes can be compared.

    As text: 1, 1.0 and True are equal, and so are dicts of another order.
    """
    try:
        return repr(function(*given))
    except (ValueError, _json.TooManyPartsError, NotSerializableError) as error:
        return type(error), str(error)


def assert_written_same(value: object, most: int | None = None, depth: int = 0) -> None:
    """The core writes what the Python code writes, or nothing."""
    path = ("session", *["a"] * depth)
    with in_python():
        expected = outcome(_json.encode, value, "data", most)
        checked = outcome(_json.check_item, value, path, 10**9 if most is None else most)
        too_many = outcome(_json.require_few, value, 10**9 if most is None else most)
    written = core().write_json(value, most, 0)
    assert written is None or repr(written) == expected
    deeper = core().write_json(value, most, depth)
    assert deeper is None or (checked == too_many == "None" and deeper == written)


def is_written(value: object, most: int | None = None, depth: int = 0) -> bool:
    """Return whether the core itself writes a value, as the Python code does."""
    assert_written_same(value, most, depth)
    return core().write_json(value, most, depth) is not None


def is_read(raw: bytes) -> bool:
    """Return whether the core itself reads a text, as the Python code does."""
    assert_read_same(raw)
    return core().read_json(raw) is not NotImplemented


def assert_read_same(raw: bytes) -> None:
    """The core reads what the Python code reads, or nothing."""
    value = core().read_json(raw)
    if value is not NotImplemented:
        with in_python():
            assert repr(value) == outcome(_json.decode, raw)


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Ratio(float):
    pass


class Items(list[Any]):
    pass


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: int


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text('"\\/\b\f\n\r\t\0\x1f\x7fé\u2028😀')
)
keys = st.text().filter(lambda key: key != "__proto__")
ordinary = st.recursive(
    scalars,
    lambda children: (
        st.lists(children)
        | st.lists(children).map(tuple)
        | st.dictionaries(keys, children)
        | st.dictionaries(st.sampled_from("ab"), children)
    ),
    max_leaves=30,
)
odd = st.recursive(
    scalars
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from([10**19, -(10**19), 2**63, math.nan, math.inf, -math.inf])
    | st.just(20_000).map(lambda bits: 1 << bits)  # of more digits than Python writes
    | st.sampled_from([Text("a"), Number(1), Ratio(1.5), Colour.RED, Level.HIGH, Point(1, 2)])
    | st.sampled_from([b"", bytearray(), set(), frozenset(), object(), NotImplemented, ..., int])
    | st.sampled_from(["x" * 999, "x" * 1001, "é" * 600, "é" * 1001, "😀" * 5000]),
    lambda children: (
        st.lists(children)
        | st.lists(children).map(tuple)
        | st.lists(children).map(Items)
        | st.dictionaries(st.text(), children)
        | st.dictionaries(st.text(), children).map(OrderedDict)
        | st.dictionaries(
            st.sampled_from(["a", "\ud800", "__proto__", '__proto__":', Text("b"), 1, None, True]),
            children,
        )
    ),
    max_leaves=20,
)
limits = st.none() | st.integers(-2, 40) | st.integers(60, 700)
depths = st.sampled_from([0, 1, 2, 253, 254, 255, 256])


@needs_core
@given(ordinary)
def test_what_is_ordinary_is_written_by_the_core(value: object) -> None:
    assert is_written(value)


@needs_core
@given(odd, limits, depths)
@example({'x"__proto__': 1}, None, 0)
@example({"a": {"__proto__": 1}}, None, 0)
@example(["x" * 1600], 101, 0)
@example(["x" * 1600], 100, 0)
@example("x" * 16_000, 0, 0)
@example(["é" * 1000], 1, 0)
@example(["é" * 1001], 62, 0)
def test_whatever_is_odd_is_written_the_same_or_handed_back(
    value: object, most: int | None, depth: int
) -> None:
    assert_written_same(value, most, depth)


@needs_core
@pytest.mark.parametrize(
    "value",
    [
        *("\ud800", "a\udfffb", "\ud83d\ude00", {"\ud800": 1}, {"__proto__": 1}),
        *([{"a": ({"__proto__": 1},)}], {1: 1}, {None: 1}, {True: 1}, {b"a": 1}, {(): 1}),
        *({Text("a"): 1}, {Colour.RED: 1}, Text("a"), Colour.RED, Number(1), Level.HIGH),
        *(Ratio(1), Items(), OrderedDict(), Point(1, 2), math.nan, math.inf, -math.inf),
        *([10**5000], b"", set(), object(), NotImplemented, ..., 1j, range(3), {}.keys()),
    ],
)
def test_what_is_not_ordinary_is_handed_back(value: object) -> None:
    assert not is_written(value)
    assert not is_written([value])


@needs_core
@pytest.mark.parametrize(
    "value",
    [
        *(0.1, 1e16, 1e22, 1e-5, 1e300, 5e-324, 1.7976931348623157e308, -0.0, 100.0, 1234567.891),
        *(2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**4299, {"proto": 1}, {"__proto": 1}),
        *("x" * 100_000, ["\n" * 5000], [[], {}, (), [()]]),
    ],
)
def test_spellings_are_those_of_python(value: object) -> None:
    assert is_written(value)
    assert is_written([value, value])


@needs_core
def test_all_characters_are_escaped_as_in_python() -> None:
    for first in range(0, 0x11_0000, 0x100):
        text = "".join(map(chr, range(first, first + 0x100)))
        raw = json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")
        are_surrogates = 0xD800 <= first < 0xE000
        assert is_written(text) is not are_surrogates
        assert is_read(raw) is not are_surrogates


@needs_core
def test_exactly_as_many_parts_as_allowed_are_written() -> None:
    for value, parts in [
        ([], 0),
        ([1, 2, 3], 3),
        ({"a": [1, (2,)]}, 4),
        (["x" * 1000, "é" * 1000], 2),
        (["x" * 1001], 1 + 62),
        ({"k" * 5000: "é" * 1616}, 1 + 101),
        ("x" * 5000, 0),
    ]:
        assert is_written(value, parts)
        assert parts == 0 or not is_written(value, parts - 1)


@needs_core
@pytest.mark.parametrize("most", [-1, 1.5, "1", 2**64, True])
@pytest.mark.parametrize("depth", [-1, None, 2**64])
def test_bounds_that_are_none_are_handed_back(most: Any, depth: Any) -> None:
    assert core().write_json([1, 2], most, 0) is None
    assert core().write_json([1], None, depth) is None


def nested(levels: int, wrap: Callable[[object], object]) -> Any:
    value: object = 1
    for _ in range(levels):
        value = wrap(value)
    return value


@needs_core
@pytest.mark.parametrize("wrap", [lambda one: [one], lambda one: {"a": one}, lambda one: (one,)])
def test_exactly_the_depth_that_python_allows_is_written_and_read(
    wrap: Callable[[object], object],
) -> None:
    assert is_written(nested(256, wrap))
    assert not is_written(nested(257, wrap))
    assert not is_written(nested(50_000, wrap))
    assert is_written(nested(200, wrap), depth=56)
    assert not is_written(nested(200, wrap), depth=57)
    assert is_read(json.dumps(nested(256, wrap)).encode())
    assert not is_read(json.dumps(nested(257, wrap)).encode())


@needs_core
def test_what_contains_itself_or_has_no_end_is_handed_back() -> None:
    circle: list[object] = []
    circle.append(circle)
    ring: dict[str, object] = {}
    ring["a"] = (ring,)
    assert core().write_json(circle, None, 0) is None
    assert core().write_json(ring, None, 0) is None
    # 2 to the power of 200 items: Python's own code would not come to an end.
    assert core().write_json(nested(200, lambda one: [one, one]), None, 0) is None


def _never(*_: object) -> NoReturn:
    raise AssertionError("called")


never: Any = _never


class Evil(dict[str, Any]):
    __iter__ = __len__ = items = keys = values = __getitem__ = never


class EvilNumber(int):
    __repr__ = __str__ = __int__ = __index__ = never


class EvilText(str):
    __slots__ = ()
    __eq__ = __hash__ = __str__ = __len__ = never


class Liar:
    """It says that it is a dict."""

    __iter__ = __len__ = items = never

    __class__: Any = property(lambda self: dict)


@needs_core
@pytest.mark.parametrize("kind", [Evil, EvilNumber, EvilText, Liar])
def test_no_code_of_others_runs(kind: Callable[[], object]) -> None:
    value = kind()
    for one in (value, [value], {"a": value}, (value,)):
        assert core().write_json(one, None, 0) is None


# --- the real one: the same values -----------------------------------------------------------


@needs_core
@given(ordinary, st.booleans(), st.sampled_from([(",", ":"), (" ,\n", "\t: ")]), st.booleans())
def test_what_is_ordinary_is_read_by_the_core(
    value: object, ascii_only: bool, separators: tuple[str, str], indented: bool
) -> None:
    raw = json.dumps(
        value, ensure_ascii=ascii_only, separators=separators, indent=1 if indented else None
    ).encode()
    assert_read_same(raw)
    with in_python():
        has_small_numbers = not any(map(is_big, numbers(_json.decode(raw))))
    assert is_read(raw) is has_small_numbers


def numbers(value: object) -> Iterator[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, int):
        yield value


def is_big(number: int) -> bool:
    return not -(2**63) <= number < 2**63


@needs_core
@pytest.mark.parametrize(
    "text",
    [
        *("0", "-0", "-1", "9223372036854775807", "-9223372036854775808"),
        *("0.0", "-0.0", "1.5e3", "1E+2", "1e-2", "0e0", "0E5", "1e-400", "5e-324", "2e-324"),
        *("1.7976931348623157e308", "1.7976931348623158e308", "0.1", "2.2250738585072011e-308"),
        *("9007199254740993.0", "1" + "0" * 300 + ".0", "0." + "0" * 300 + "1", "1." + "1" * 900),
        *("null", "true", "false", " \t\r\n1 \t\r\n", "[ ]", "{ }", "[1 , 2]", '{"a" : 1 , "b":2}'),
        *('""', '"\x7f"', '"\u2028"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\u0000\\u001F\\u00e9"'),
        *('"\\ud83d\\ude00"', '"\\uD83D\\uDE00x"', '"\\ud800\\udc00"', '"\\udbff\\udfff"'),
        *('{"a":1,"b":2,"a":3}', '{"\\u0061":1,"a":2}', '{"a":[{"a":1}]}', '{"":1}'),
        *('{"_proto__":1}', '{"__proto__x":1}', '["__proto__"]', '{"a":"__proto__"}'),
        *('{"\\\\u005f_proto__":1}', '"\\\\"', '"a\\\\\\""', "[[[]],{},[{}]]"),
    ],
)
def test_every_spelling_is_read_as_in_python(text: str) -> None:
    assert is_read(text.encode())


@needs_core
@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b" ", b"1 2", b"1,", b"[", b"]", b"[1", b"[1,", b"[1,]", b"[,1]", b"[1 2]", b"[1}"),
        *(b"{", b"}", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b'{"a":1,}', b'{"a" 1}', b"{1:1}"),
        *(b'{"a":1]', b"{a:1}", b"{'a':1}", b'{"a":1 "b":2}', b"{,}", b'{"a",1}', b"{null:1}"),
        *(b'"', b'"a', b'"\\"', b'"\\', b'"\\x"', b'"\\u"', b'"\\u12"', b'"\\u12g4"', b'"\\U0041"'),
        *(b'"\\u+123"', b'"\\u 123"', b'"\\u-001"', b'"\\u00_1"', '"\\u00é"'.encode()),
        *('"\\u٠٠٤١"'.encode(), b'"\\ud83d"', b'"\\ude00"', b'"\\ude00\\ud83d"', b'"\\ud83dx"'),
        *(b'"\\ud83d\\u0041"', b'"\\ud83d\\n"', b'"\\ud83d\\ude0"', b'"\\ud83d\\ud83d"'),
        *(b'"\\ud83d\\u+e00"', b'"\n"', b'"\t"', b'"\x00"', b'"\x1f"', b"\x00", b"1\x00", b"\x0b1"),
        *(b"\x0c1", b"1\xc2\xa0", b"\xef\xbb\xbf1", b"\xe2\x80\xa81", b'"\xff"', b'"\xed\xa0\x80"'),
        *(b'"\xc0\xaf"', b'"\xf4\x90\x80\x80"', b'"\xe9"', b'"\xc3', "1".encode("utf-16")),
        *(b"NaN", b"Infinity", b"-Infinity", b"nan", b"inf", b"+1", b"01", b"-01", b"1.", b".5"),
        *(b"-", b"1e", b"1e+", b"1.e1", b"0x10", b"1_0", b"1e999", b"-1e999", b"1.8e308", b"--1"),
        *(b"9223372036854775808", b"-9223372036854775809", b"1" * 5000, b"1a", b"1.5.5", b"1e5.5"),
        *("١".encode(), b"nul", b"nulll", b"True", b"tru", b"falsey", b"none", b"undefined"),
        *(b'{"__proto__":1}', b'[{"a":{"__proto__":1}}]', b'{"\\u005f_proto__":1}'),
        *(b'{"__\\u0070roto__":1}', b'{"__prot\\u006F__":1}', b'{"__proto__":1,"__proto__":2}'),
        *(b"/**/1", b"1//", b"[1]x", b"[" * 100_000, b'{"a":' * 100_000, b"[" * 300 + b"]" * 300),
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_whatever_the_core_does_not_read_is_handed_back(raw: bytes) -> None:
    assert not is_read(raw)


@needs_core
@pytest.mark.parametrize("given", [None, "1", bytearray(b"1"), memoryview(b"1"), 1, [b"1"]])
def test_only_bytes_are_read(given: Any) -> None:
    assert core().read_json(given) is NotImplemented


tokens = st.sampled_from(
    [
        *'[]{}:,"\\ \n\t\r\x0b\x00-+.eE019',
        *("null", "true", "false", "NaN", "Infinity", "1.5", "-0", "1e5", "1e400", "12345678901"),
        *('"a"', '"b"', '"__proto__"', '"\\u005f_proto__"', '"\\ud83d\\ude00"', '"\\ud800"'),
        *("\\u00e9", "\\n", "é", "\ufeff", "\u2028", "[[", "]]", '{"a":', '"a":', "},{"),
    ]
)


@needs_core
@given(st.lists(tokens, max_size=30).map("".join))
def test_texts_of_random_tokens_are_read_the_same(text: str) -> None:
    assert_read_same(text.encode())


mutations = st.lists(
    st.tuples(st.integers(0, 2000), st.binary(max_size=2) | st.sampled_from([b'"', b"\\", b"0"])),
    max_size=3,
)


@needs_core
@given(ordinary, mutations, st.integers(0, 2))
def test_changed_texts_are_read_the_same(
    value: object, changes: list[tuple[int, bytes]], cut: int
) -> None:
    raw = json.dumps(value, ensure_ascii=False).encode()
    for number, put in changes:
        place = number % (len(raw) + 1)
        raw = raw[:place] + put + raw[place + cut :]
    assert_read_same(raw)


@needs_core
@given(st.binary())
def test_random_bytes_are_read_the_same(raw: bytes) -> None:
    assert_read_same(raw)


@needs_core
def test_no_single_bit_changes_what_is_read() -> None:
    raw = '{"a":[1,-2.5e1,null,true],"é":"\\u00e9\\n","b":{}}'.encode()
    for place in range(len(raw)):
        for bit in range(8):
            assert_read_same(raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :])
        assert_read_same(raw[:place])


@needs_core
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_as_it_was(number: float) -> None:
    text = repr(number).encode()
    assert core().write_json(number, None, 0) == text
    assert repr(core().read_json(text)) == repr(number)


digits = st.text("0123456789", min_size=1, max_size=40)


@needs_core
@given(st.sampled_from(["", "-"]), digits, st.none() | digits, st.none() | st.integers(-400, 400))
def test_every_spelling_of_a_number_is_read_the_same(
    sign: str, whole: str, fraction: str | None, exponent: int | None
) -> None:
    text = sign + whole
    text += "" if fraction is None else f".{fraction}"
    text += "" if exponent is None else f"e{exponent}"
    assert_read_same(text.encode())


# --- the real one: what never surfaces -------------------------------------------------------

ON_A_SMALL_STACK = """
import threading
import iron_session_speedups as core
deep = 0
for level in range(256):
    deep = [deep] if level % 2 else {"a": (deep,)} if level < 2 else {"a": deep}
def work():
    for _ in range(100):
        raw = core.write_json(deep, None, 0)
        value = core.read_json(b"[" * 256 + b"]" * 256)
    print(raw is None, core.read_json(b'{"a":' * 10**6) is NotImplemented, value is NotImplemented)
threading.stack_size(32 * 1024)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@needs_core
def test_the_smallest_stack_is_enough() -> None:
    """In a process of its own: one that is too small would end it."""
    done = subprocess.run(
        [sys.executable, "-c", ON_A_SMALL_STACK],
        env=os.environ | {"IRON_SESSION_SPEEDUPS": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True True False\n"  # the tuple made it one level too deep


@needs_core
def test_nothing_is_kept() -> None:
    """References, in whatever way it ends."""
    value = {"key of this test": ["text of this test", 2**40, 1.5]}
    parts = [value, value["key of this test"], *value, *value["key of this test"]]
    before = list(map(sys.getrefcount, parts))
    for most in (None, 1):
        for _ in range(50):
            core().write_json(value, most, 0)
            core().write_json([value, set()], most, 0)
    assert list(map(sys.getrefcount, parts)) == before
