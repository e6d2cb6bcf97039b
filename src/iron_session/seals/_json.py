r"""JSON as JavaScript writes it, and errors that name the place of what it can't carry.

No spaces, non-ASCII characters as themselves (an escape would cost cookie bytes), lone surrogates
as `\udXXX`, never NaN or Infinity, and only text as keys: `json.dumps` would turn `{1: …}` into
`{"1": …}`, and two keys into one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from iron_session.errors import NotSerializableError

__all__ = ["MAX_DEPTH", "check", "decode", "encode", "item_path"]

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


_encoder = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
)
_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def encode(value: object, root: str) -> bytes:
    """Write a value as JSON text in UTF-8.

    Raises:
        NotSerializableError: naming the path below `root` of what JSON can't carry.
    """
    try:
        _check_shape(value, 0)
        text = _encoder.encode(value)
    except (TypeError, ValueError):
        text = None
    if text is None:  # outside the except block: the error must not drag the values along
        check(value, root)
        raise NotSerializableError(root, "can't be written as JSON")
    # A lone surrogate is the only character that UTF-8 can't hold, and JSON's escape for it is the
    # one that this error handler writes.
    return text.encode("utf-8", "backslashreplace")


def decode(raw: bytes) -> Any:
    """Read JSON text in UTF-8; ValueError or RecursionError if it is not that.

    Strict: a byte order mark, invalid UTF-8, NaN and Infinity are refused.
    """
    return _decoder.decode(raw.decode("utf-8"))


class _UnfitError(TypeError):
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


def check(value: object, path: str, depth: int = 0) -> None:
    """Raise NotSerializableError for the first value below `path` that JSON can't carry."""
    if isinstance(value, (dict, list, tuple)):
        if depth == MAX_DEPTH:
            raise NotSerializableError(
                path[:200] + "…", f"nests deeper than {MAX_DEPTH} levels, or contains itself"
            )
        if isinstance(value, dict):
            _check_items(value, path, depth)
        else:
            for index, child in enumerate(value):
                check(child, f"{path}[{index}]", depth + 1)
    else:
        _check_leaf(value, path)


def _check_items(value: dict[Any, Any], path: str, depth: int) -> None:
    for key, child in value.items():
        if not isinstance(key, str):
            raise NotSerializableError(
                path, f"has a key of type {type(key).__name__}: JSON's keys are text, use str(…)"
            )
        check(child, path + item_path(key), depth + 1)


def _check_leaf(value: object, path: str) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotSerializableError(path, f"is {value}: JSON has no such number, store None")
    elif isinstance(value, int):
        if not _has_decimal_text(value):
            raise NotSerializableError(path, "is an int of too many digits: store hex(…)")
    elif not isinstance(value, (str, type(None))):
        name = type(value).__name__
        article = "an" if name[0] in "aeiouAEIO" else "a"
        raise NotSerializableError(path, f"is {article} {name}: {_MENDS.get(name, _OTHER_MEND)}")


def _has_decimal_text(value: int) -> bool:
    try:
        int.__repr__(value)
    except ValueError:  # CPython's limit on digits, sys.get_int_max_str_digits()
        return False
    return True


def item_path(key: str) -> str:
    """Write `["key"]`, cut where the key is long, as text that any terminal can print."""
    shown = key if len(key) <= _LONGEST_KEY_SHOWN else key[:_LONGEST_KEY_SHOWN] + "…"
    return f"[{_encoder.encode(shown)}]".encode("utf-8", "backslashreplace").decode("utf-8")
