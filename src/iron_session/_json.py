r"""JSON as JavaScript writes it, and errors that name the place of what JSON can't carry.

No spaces, non-ASCII characters as themselves (an escape would cost cookie bytes), lone surrogates
as `\udXXX`, never NaN or Infinity, and only text as keys: `json.dumps` would turn `{1: …}` into
`{"1": …}`, and might turn two keys into one.

One key is refused at any depth, in writing and in reading: `__proto__`. Where JavaScript copies an
object member by member, as iron-session does, the value of that key becomes the copy's prototype,
and @hapi/iron does not open such a seal. Source: @hapi/bourne 3.0.0, `lib/index.js`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, NoReturn, TypeAlias

from iron_session import _speedups
from iron_session.errors import NotSerializableError

__all__ = [
    "MAX_DEPTH",
    "PROTOTYPE",
    "PrototypeKeyError",
    "TooManyPartsError",
    "check",
    "check_item",
    "decode",
    "encode",
    "is_unicode",
    "may_be_spelled_differently",
    "require_few",
    "show",
]

MAX_DEPTH = 256
"""How deep lists and objects may nest: every supported Python can read this back on any stack."""

PROTOTYPE: Final = "__proto__"
# The key as the encoder writes it: it escapes none of the characters.
_WRITTEN_PROTOTYPE = f'"{PROTOTYPE}":'
# The start of every escape of a character of the key: \u005f, \u0070, \u0072, \u006f, \u0074.
_ESCAPED_ASCII = "\\u00"

# A text over 1000 characters counts as one part for every 16, so that none is encoded in vain.
_LONG_TEXT = 1000
_TEXT_PER_PART = 16

_SCALARS = frozenset({str, int, float, bool, type(None)})
_LONGEST_KEY_SHOWN = 40

# By the name of the type, or of one of its bases: pandas' Timestamp, for one, is a datetime.
_MENDS = {
    "datetime": "store .isoformat() or .timestamp()",
    "date": "store .isoformat()",
    "time": "store .isoformat()",
    "timedelta": "store .total_seconds()",
    "Decimal": "store str(…)",
    "UUID": "store str(…)",
    "set": "store a sorted list",
    "frozenset": "store a sorted list",
    "bytes": "store .hex(), or text",
    "bytearray": "store .hex(), or text",
    "Enum": "store .value",
    "PurePath": "store str(…)",
}
# By the attribute that marks a library's types, in the order in which they are tried.
_OBJECT_MENDS = {
    "__dataclass_fields__": "dataclasses.asdict(…)",
    "__pydantic_fields__": '.model_dump(mode="json")',
    "__attrs_attrs__": "attrs.asdict(…)",
    "__struct_fields__": "msgspec.to_builtins(…)",
}
_OTHER_MEND = "store plain JSON values: dict, list, str, int, float, bool or None"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number too large for a float")
    return number


_encoder = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
)
_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite_float)
_WHITE_SPACE = " \t\r\n"  # RFC 8259, section 2


def _make_writer() -> Callable[[object], str]:
    """Return what does as `_encoder.encode`, but does not build an encoder in C at every call.

    Building takes half as long as encoding a session does. A Python that has no such encoder, or
    builds it from other arguments, uses the method itself.
    """
    sort_keys = skip_keys = allow_nan = False
    try:
        encode = json.encoder.c_make_encoder(  # type: ignore[attr-defined]  # not in the stubs
            None,  # markers, with which it would find circular references
            _encoder.default,
            json.encoder.encode_basestring,
            None,  # indent
            _encoder.key_separator,
            _encoder.item_separator,
            sort_keys,
            skip_keys,
            allow_nan,
        )
    except (AttributeError, TypeError):
        return _encoder.encode
    return lambda value: "".join(encode(value, 0))


_write = _make_writer()

# The native core's writer and reader, if there is one. They do what is ordinary: what they hand
# back is done below, where all errors are made.
_native = _speedups.core
_write_natively: _speedups.WriteJson | None = _native.write_json if _native else None
_read_natively: _speedups.ReadJson | None = _native.read_json if _native else None


# What two writers of the same data may spell differently: numbers that are not integers, escapes,
# white space.
_SPELLED_DIFFERENTLY = re.compile(rb"[0-9][.eE]|-0|[\\\s]")


def may_be_spelled_differently(raw: bytes) -> bool:
    """Return whether `encode` may write other text for the same data; False if it can't."""
    return _SPELLED_DIFFERENTLY.search(raw) is not None


class TooManyPartsError(Exception):
    """A value has more parts (items of lists, keys of objects) than allowed."""


def encode(value: object, root: str, most: int | None = None) -> bytes:
    """Write a value as JSON text in UTF-8.

    Args:
        value: the value.
        root: the start of the path in an error.
        most: how many parts the value may have, if more are of no use; None for any number.

    Raises:
        NotSerializableError: JSON can't carry a value; the message names its path below `root`.
        TooManyPartsError: it has more parts, which were not checked.
    """
    if _write_natively is not None:
        written = _write_natively(value, most, 0)
        if written is not None:
            return written
    try:
        _check_shape(value, 0, None if most is None else [most])
        text = _write(value)
    except (TypeError, ValueError):
        text = None
    if text is None:  # outside the except block: the error must not hold the values
        check(value, (root,))
        raise NotSerializableError(root, "can't be written as JSON")
    if _WRITTEN_PROTOTYPE in text:  # it may also be the end of a longer key
        check(value, (root,))
    # A lone surrogate is the only character that UTF-8 can't hold, and JSON's escape for it is the
    # one that this error handler writes.
    return text.encode("utf-8", "backslashreplace")


def require_few(value: object, most: int) -> None:
    """Raise TooManyPartsError as `encode` does; ignore every other problem."""
    with suppress(_UnfitError):  # `encode` reports it
        _check_shape(value, 0, [most])


def check_item(value: object, path: Path, most: int) -> None:
    """Check a value of an object that is written later; one with over `most` parts waits for that.

    Raises:
        NotSerializableError: JSON can't carry a value; the message names its path.
    """
    if (
        _write_natively is not None
        and path[-1] != PROTOTYPE
        and _write_natively(value, most, len(path) - 1) is not None
    ):
        return
    try:
        _check_shape(value, len(path) - 1, [most])
        text = _write(value)
    except TooManyPartsError:
        return
    except (TypeError, ValueError):
        text = None
    if text is None or path[-1] == PROTOTYPE or _WRITTEN_PROTOTYPE in text:
        check(value, path)
    if text is None:
        raise NotSerializableError(show(path), "can't be written as JSON")


def decode(raw: bytes) -> Any:
    """Read JSON text in UTF-8; raise ValueError or RecursionError for anything else.

    A byte order mark, invalid UTF-8, NaN, Infinity, nesting beyond `MAX_DEPTH` and the key
    `__proto__` (PrototypeKeyError) are refused, so that whatever was read can be written again.
    """
    if _read_natively is not None:
        value = _read_natively(raw)
        if value is not NotImplemented:
            return value
    # `_decoder.decode` does the same, but takes longer to look for white space than for the rest.
    text = raw.decode("utf-8").strip(_WHITE_SPACE)
    value, end = _decoder.raw_decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:  # else it can't be too deep
        _check_shape(value, 0)
    if (PROTOTYPE in text or _ESCAPED_ASCII in text) and _has_prototype(value):
        raise PrototypeKeyError
    return value


class PrototypeKeyError(ValueError):
    """An object in the JSON text has the key `__proto__`, however it is spelled there."""


def _has_prototype(value: object) -> bool:
    """Return whether the key is in what was read, at any depth."""
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            if PROTOTYPE in one:
                return True
            rest += one.values()
        elif isinstance(one, list):
            rest += one
    return False


class _UnfitError(ValueError):
    """A shape that JSON can't carry; only a signal to look for its path."""


def _check_shape(value: object, depth: int, room: list[int] | None = None) -> None:
    """Refuse what the encoder would accept: keys that are not text, and endless nesting.

    `room` holds one number: how many more parts the value may have.
    """
    rest = [(value, depth)]
    while rest:
        one, depth = rest.pop()
        children: Iterable[Any]
        if isinstance(one, dict):
            for key in one:
                if not isinstance(key, str):
                    raise _UnfitError
            children = one.values()
        elif isinstance(one, (list, tuple)):
            children = one
        else:
            continue
        if room is not None:
            room[0] -= len(one)
            if room[0] < 0:
                raise TooManyPartsError
        if depth == MAX_DEPTH:
            raise _UnfitError
        for child in children:
            kind = type(child)
            if kind is str:
                if len(child) > _LONG_TEXT and room is not None:
                    _take(room, len(child) // _TEXT_PER_PART)
            elif kind not in _SCALARS:
                rest.append((child, depth + 1))


def _take(room: list[int], parts: int) -> None:
    room[0] -= parts
    if room[0] < 0:
        raise TooManyPartsError


Path: TypeAlias = "tuple[str | int, ...]"
"""Where a value is: the root's name, then keys and indexes; made into text only for an error."""


def check(value: object, path: Path) -> None:
    """Raise NotSerializableError for the first value at or below `path` that JSON can't carry."""
    if path[-1] == PROTOTYPE:
        raise NotSerializableError(
            show(path),
            "is a key that JavaScript takes for an object's prototype, and @hapi/iron opens no "
            "seal that holds it: leave it out",
        )
    if isinstance(value, dict):
        _check_depth(path)
        for key, child in value.items():
            if not isinstance(key, str):
                raise NotSerializableError(
                    show(path),
                    f"has a key of type {type(key).__name__}: JSON's keys are text, use str(…)",
                )
            check(child, (*path, key))
    elif isinstance(value, (list, tuple)):
        _check_depth(path)
        for index, child in enumerate(value):
            check(child, (*path, index))
    elif problem := _find_problem(value):
        raise NotSerializableError(show(path), problem)


def _check_depth(path: Path) -> None:
    if len(path) > MAX_DEPTH:
        raise NotSerializableError(
            show(path[:8]) + "…", f"nests deeper than {MAX_DEPTH} levels, or contains itself"
        )


def _find_problem(value: object) -> str | None:
    """Return what is wrong with a value that is no container; None if nothing is."""
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {value}: JSON has no such number, store None"
    if isinstance(value, int):
        if _has_decimal_text(value):
            return None
        return "is an int of too many digits: store hex(…)"
    if isinstance(value, (str, type(None))):
        return None
    name = type(value).__name__
    if hasattr(type(value), "dtype"):  # types of numpy, and of libraries that follow it
        name = f"{type(value).__module__.partition('.')[0]}.{name}"
    article = "an" if name[0] in "aeiouAEIO" else "a"
    return f"is {article} {name}: {_find_mend(value)}"


def _find_mend(value: object) -> str:
    """Return how to store a value that JSON has no type for, judging by its type."""
    type_ = type(value)
    if hasattr(type_, "dtype"):
        return "store .item()" if getattr(value, "shape", ()) == () else "store .tolist()"
    for mark, mend in _OBJECT_MENDS.items():
        if hasattr(type_, mark):
            return f"store {mend}, or declare it in the session's schema="
    names = (kind.__name__ for kind in type_.__mro__)
    return next((_MENDS[name] for name in names if name in _MENDS), _OTHER_MEND)


def _has_decimal_text(value: int) -> bool:
    try:
        int.__repr__(value)
    except ValueError:  # CPython's limit on digits, sys.get_int_max_str_digits()
        return False
    return True


def is_unicode(text: str) -> bool:
    """Return whether a text is valid Unicode: it has no lone surrogate."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def show(path: Path) -> str:
    """Return a path as `session["cart"][0]`, in text that any terminal can print."""
    root, *steps = path
    return f"{root}{''.join(map(_show_step, steps))}".encode("utf-8", "backslashreplace").decode()


def _show_step(step: str | int) -> str:
    if isinstance(step, str) and len(step) > _LONGEST_KEY_SHOWN:
        step = step[:_LONGEST_KEY_SHOWN] + "…"
    return f"[{_encoder.encode(step)}]"
