"""The native core, if the package iron-session-speedups is installed and fits.

The core makes and opens the ordinary seal, that of a text password and default options, in one
call; and it writes and reads JSON. Whatever else it is given, it hands back, and the Python code
does it: so errors are made in one place, and nothing works only with the core.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, Literal, NamedTuple, Protocol

from iron_session._log import warn_once
from iron_session.errors import ConfigurationError

__all__ = ["RANDOM_BYTES", "Core", "NativeKey", "ReadJson", "WriteJson", "speedups"]

API: Final = 2
"""The number of the interface below: a core with another number is not used."""

RANDOM_BYTES: Final = 80
"""What a seal takes: 32 for the salt of its key, 32 for the salt of its mac, 16 for its iv."""

MODULE: Final = "iron_session_speedups"
VARIABLE: Final = "IRON_SESSION_SPEEDUPS"


class NativeKey(Protocol):
    """A text password in the core."""

    def seal(
        self, plaintext: bytes, id: str, expires: int | None, randomness: bytes | None, /
    ) -> str | None:
        """Return the seal; None hands it back. The core draws the randomness if it gets None."""
        ...

    def open(self, text: str, earliest: int, /) -> tuple[bytes, int | None] | Literal[False] | None:
        """Return plaintext and expiration; False for a wrong mac; None hands the text back."""
        ...


class WriteJson(Protocol):
    """The core's JSON writer."""

    def __call__(self, value: object, most: int | None, depth: int, /) -> bytes | None:
        """Return JSON text in UTF-8; None hands the value back.

        `most` is how many parts the value may have, as for `_json.encode`; `depth` is how many
        lists and objects it already lies in.
        """
        ...


class ReadJson(Protocol):
    """The core's JSON reader."""

    def __call__(self, raw: bytes, /) -> Any:
        """Return the value of JSON text in UTF-8; NotImplemented hands the text back."""
        ...


class Core(NamedTuple):
    """A core that fits."""

    version: str
    key: Callable[[str], NativeKey]
    write_json: WriteJson
    read_json: ReadJson


class _UnfitError(Exception):
    """Why an installed core can't be used."""


def load(setting: str | None) -> tuple[Core | None, str]:
    """Return the core, or None and the reason.

    Args:
        setting: the value of `IRON_SESSION_SPEEDUPS`: "0" uses no core, "1" requires one, and
            without a value it is used if it is there.

    Raises:
        ConfigurationError: another value, or a core is required and can't be used.
    """
    if setting not in (None, "", "0", "1"):
        raise ConfigurationError(f"{VARIABLE} must be 0, 1 or empty")
    if setting == "0":
        return None, f"turned off by {VARIABLE}=0"
    core, reason = _find()
    if setting == "1" and core is None:
        raise ConfigurationError(f"{VARIABLE}=1 requires the native core: {reason}")
    return core, reason


def _find() -> tuple[Core | None, str]:
    try:
        return _checked(import_module(MODULE)), ""
    except Exception as error:  # whatever is wrong with it: it is only a speed-up
        if _is_absent(error):
            return None, "iron-session-speedups is not installed for this Python"
        reason = f"iron-session-speedups can't be used ({type(error).__name__}: {error})"
    warn_once((MODULE,), "seals are made in Python: %s", reason)
    return None, reason


def _is_absent(error: Exception) -> bool:
    """Return whether there is no module, or this is a sub-interpreter, for which there is none."""
    if isinstance(error, ModuleNotFoundError) and error.name == MODULE:
        return True
    return isinstance(error, ImportError) and "subinterpreter" in str(error)


# Made by the Python code: the core must make the same, and open it.
_KNOWN_PASSWORD: Final = "the password of the known answer"  # noqa: S105 - it protects nothing
_KNOWN_SEAL: Final = (
    f"Fe26.2*1*{'0' * 64}*AAAAAAAAAAAAAAAAAAAAAA*nQLGmsfihywNDFMsIbNhgg*1*{'0' * 64}*"
    "FPdVFfihoUETJItRgipi9grPtIPNfQEZHt0jVm898Ts"
)

_KNOWN_VALUE: Final = {"a": '"é"\n', "b": 1, "c": -0.5, "d": True, "e": None}
_KNOWN_JSON: Final = '{"a":"\\"é\\"\\n","b":1,"c":-0.5,"d":true,"e":null}'.encode()


def _checked(module: Any) -> Core:
    if type(module.API) is not int or module.API != API:
        raise _UnfitError(
            f"its interface is {module.API!r:.20}, not {API}: install the same version"
        )
    core = Core(str(module.__version__), module.PasswordKey, module.write_json, module.read_json)
    _require_known_seal(core)
    _require_known_json(core)
    return core


def _require_known_seal(core: Core) -> None:
    key = core.key(_KNOWN_PASSWORD)
    answers = (
        key.seal(b"{}", "1", 1, bytes(RANDOM_BYTES)),
        key.open(_KNOWN_SEAL, 0),
        key.open(_KNOWN_SEAL, 1),
        key.open(_KNOWN_SEAL[:-1], 0),
    )
    if answers != (_KNOWN_SEAL, (b"{}", 1), None, False):
        raise _UnfitError("it does not make the seal that it should")


def _require_known_json(core: Core) -> None:
    write, read = core.write_json, core.read_json
    answers = (
        write(_KNOWN_VALUE, 5, 255),
        write(_KNOWN_VALUE, 4, 0),  # too many parts
        write(_KNOWN_VALUE, None, 256),  # too deep
        write([math.nan], None, 0),
        repr(read(_KNOWN_JSON)),  # as text: 1, 1.0 and True are equal
        read(b"{}{}"),
    )
    if answers != (_KNOWN_JSON, None, None, None, repr(_KNOWN_VALUE), NotImplemented):
        raise _UnfitError("it does not write and read the JSON that it should")


core, reason = load(os.environ.get(VARIABLE))
"""The core at work, or None and why."""


def speedups() -> str | None:
    """Return the version of iron-session-speedups at work; None if seals are made in Python."""
    return core.version if core else None
