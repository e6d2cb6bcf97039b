r"""JSON as JavaScript writes it, and errors that name the place of what it can't carry.

No spaces, non-ASCII characters as themselves (an escape would cost cookie bytes), lone surrogates
as `\udXXX`, never NaN or Infinity, and only text as keys: `json.dumps` would turn `{1: …}` into
`{"1": …}`, and two keys into one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeAlias

from iron_session.errors import NotSerializableError

__all__ = ["MAX_DEPTH", "check", "decode", "encode", "show"]

MAX_DEPTH = 256
"""How deep lists and objects may nest: what every supported Python can read back in any stack."""

_SCALARS = frozenset({str, int, float, bool, type(None)})
_LONGEST_KEY_SHOWN = 40

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
    """Give `_encoder.encode` without what that does at every call: build an encoder in C.

    Building takes half as long as encoding a session does. Pythons that have no such encoder, or
    build it from other arguments, use the method itself.
    """
    sort_keys = skip_keys = allow_nan = False
    try:
        encode = json.encoder.c_make_encoder(  # type: ignore[attr-defined]  # not in the stubs
            None,  # markers, by which it would find circles
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


def encode(value: object, root: str) -> bytes:
    """Write a value as JSON text in UTF-8.

    Raises:
        NotSerializableError: naming the path below `root` of what JSON can't carry.
    """
    try:
        _check_shape(value, 0)
        text = _write(value)
    except (TypeError, ValueError):
        text = None
    if text is None:  # outside the except block: the error must not drag the values along
        check(value, (root,))
        raise NotSerializableError(root, "can't be written as JSON")
    # A lone surrogate is the only character that UTF-8 can't hold, and JSON's escape for it is the
    # one that this error handler writes.
    return text.encode("utf-8", "backslashreplace")


def decode(raw: bytes) -> Any:
    """Read JSON text in UTF-8; ValueError or RecursionError if it is not that.

    Strict: a byte order mark, invalid UTF-8, NaN, Infinity and nesting beyond `MAX_DEPTH` are
    refused, so that whatever was read can be written again.
    """
    # `_decoder.decode` does the same, and takes longer to look for white space than for the rest.
    text = raw.decode("utf-8").strip(_WHITE_SPACE)
    value, end = _decoder.raw_decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:  # else it can't be too deep
        _check_shape(value, 0)
    return value


class _UnfitError(ValueError):
    """A shape that JSON can't carry; only a signal to look for the path."""


def _check_shape(value: object, depth: int) -> None:
    """Look for what the encoder would let pass: keys that are not text, and endless nesting."""
    children: Iterable[Any]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise _UnfitError
        children = value.values()
    elif isinstance(value, (list, tuple)):
        children = value
    else:
        return
    if depth == MAX_DEPTH:
        raise _UnfitError
    for child in children:
        if type(child) not in _SCALARS:
            _check_shape(child, depth + 1)


Path: TypeAlias = "tuple[str | int, ...]"
"""Where a value stands: the root's name, then keys and indexes; written out only in an error."""


def check(value: object, path: Path) -> None:
    """Raise NotSerializableError for the first value at or below `path` that JSON can't carry."""
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
    """Tell what is wrong with a value that is no container; None if nothing is."""
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {value}: JSON has no such number, store None"
    if isinstance(value, int):
        if _has_decimal_text(value):
            return None
        return "is an int of too many digits: store hex(…)"
    if isinstance(value, (str, type(None))):
        return None
    name = type(value).__name__
    article = "an" if name[0] in "aeiouAEIO" else "a"
    return f"is {article} {name}: {_MENDS.get(name, _OTHER_MEND)}"


def _has_decimal_text(value: int) -> bool:
    try:
        int.__repr__(value)
    except ValueError:  # CPython's limit on digits, sys.get_int_max_str_digits()
        return False
    return True


def show(path: Path) -> str:
    """Write a path as `session["cart"][0]`, in text that any terminal can print."""
    root, *steps = path
    return f"{root}{''.join(map(_show_step, steps))}".encode("utf-8", "backslashreplace").decode()


def _show_step(step: str | int) -> str:
    if isinstance(step, str) and len(step) > _LONGEST_KEY_SHOWN:
        step = step[:_LONGEST_KEY_SHOWN] + "…"
    return f"[{_encoder.encode(step)}]"
