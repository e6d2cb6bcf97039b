"""What a text is if it is no seal of this package: cookies of other systems, told by their form.

Nothing is verified here and no password is needed: each system's form is distinct enough.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from iron_session import _json
from iron_session.seals._encoding import base64url_decode

__all__ = ["WORKOS", "Kind", "maker_of_seal", "recognise"]


class Kind(NamedTuple):
    """A kind of text, and the times that it claims.

    Attributes:
        what: what it is, in words.
        made_ms: when it was signed, in ms since 1970; None if it does not say.
        expires_ms: when it expires, in ms since 1970; None if it does not say.
    """

    what: str
    made_ms: int | None = None
    expires_ms: int | None = None


def recognise(text: str) -> Kind | None:
    """Return what a text is that is no seal; None if nothing is known about it."""
    if len(text) > _LONGEST:
        return None
    found = (pattern.fullmatch(text) for pattern in _FORMS)
    for match, reader in zip(found, _FORMS.values(), strict=True):
        with suppress(ValueError, RecursionError):  # the form only, not what it stands for
            if match and (kind := reader(*match.groups())):
                return kind
    return None


# --- the forms -----------------------------------------------------------------------------------

_LONGEST: Final = 100_000


def _jwt(header: str, payload: str) -> Kind | None:
    parts = _object(base64url_decode(header)), _object(base64url_decode(payload))
    algorithm = parts[0].get("alg")
    if not isinstance(algorithm, str):
        return None
    made, expires = (_in_ms(parts[1].get(claim)) for claim in ("iat", "exp"))
    return Kind("a JWT: signed, and readable by anybody", made, expires)


def _jwe(header: str) -> Kind | None:
    if not isinstance(_object(base64url_decode(header)).get("enc"), str):
        return None
    return Kind("a JWE, an encrypted token: Auth.js and NextAuth keep sessions in one")


def _starlette(payload: str, timestamp: str) -> Kind | None:
    content = a2b_base64(payload, strict_mode=True)
    _object(content)
    # Flask's has no padding and no blanks; without padding the blanks alone tell them apart.
    if "=" not in payload and b'": ' not in content:
        return None
    return Kind("a session cookie of Starlette: signed, not encrypted", _signed_at(timestamp))


def _flask(payload: str, timestamp: str) -> Kind:
    _check_content(payload)
    return Kind("a session cookie of Flask: signed, not encrypted", _signed_at(timestamp))


def _django(payload: str, timestamp: str) -> Kind:
    _check_content(payload)
    made = 0
    for digit in timestamp:
        made = made * 62 + _BASE_62.index(digit)
    return Kind("a cookie that Django has signed, as sessions of signed_cookies", made * 1000)


def _django_key() -> Kind:
    return Kind("perhaps a session key, as Django's: its data is on the server")


def _express(_: str) -> Kind:
    return Kind("a session id of express-session: its data is on the server")


def _h3_chunks(count: str) -> Kind:
    return Kind(f"the head of a session of h3 2: its seal is in {count} other cookies")


def _small_letters() -> Kind:
    return Kind("a seal whose capital letters are gone, so no server can open it")


def _end_of_seal() -> Kind:
    return Kind("the end of a seal: its beginning is missing")


def _seal_in_base64() -> Kind:
    return Kind("a seal, encoded as base64, which no server undoes")


def _fernet(payload: str) -> Kind | None:
    raw = base64url_decode(payload)
    if len(raw) < _SHORTEST_FERNET:
        return None
    made = int.from_bytes(raw[1:9]) * 1000
    return Kind("a Fernet token: WorkOS's SDK for Python keeps sessions in one", made)


_SHORTEST_FERNET: Final = 73  # version, time, iv, one block, and the mac
_BASE_62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_URL: Final = r"[A-Za-z0-9_-]"

# In this order: a later form may fit a text of an earlier one.
_FORMS: Final[dict[re.Pattern[str], Callable[..., Kind | None]]] = {
    re.compile(rf"({_URL}+)\.{_URL}*\.{_URL}+\.{_URL}+\.{_URL}+"): _jwe,
    re.compile(rf"({_URL}+)\.({_URL}+)\.{_URL}*"): _jwt,
    re.compile(rf"([A-Za-z0-9+/]+={{0,2}})\.({_URL}{{5,8}})\.{_URL}{{27}}"): _starlette,
    re.compile(rf"(\.?{_URL}+)\.({_URL}{{5,8}})\.{_URL}{{27}}"): _flask,
    re.compile(rf"(\.?{_URL}+):([A-Za-z0-9]{{6,7}}):{_URL}{{43}}"): _django,
    re.compile(r"[a-z0-9]{32}"): _django_key,
    re.compile(r"s:([^.]+)\.[A-Za-z0-9+/]{43}"): _express,
    re.compile(r"__chunked__([0-9]{1,3})"): _h3_chunks,
    re.compile(r"fe26\.2\*[a-z0-9_*.~-]+"): _small_letters,
    re.compile(rf"(?:{_URL}*+\*)+[0-9a-f]{{64}}\*{_URL}{{43}}(?:~[0-9]+)?"): _end_of_seal,
    re.compile(r"RmUyNi4yK[A-Za-z0-9+/_-]+={0,2}"): _seal_in_base64,
    re.compile(rf"(gAAAA{_URL}+)={{0,2}}"): _fernet,
}


def _object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object; raise ValueError for anything else."""
    value = _json.decode(raw)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _check_content(payload: str) -> None:
    """Raise ValueError unless a payload is JSON, or compressed, as the point before it says.

    What is compressed stays so: a short text may become gigabytes.
    """
    raw = base64url_decode(payload.removeprefix("."))
    if not payload.startswith("."):
        _object(raw)
    elif raw[:1] != _ZLIB:
        raise ValueError("not compressed")


_ZLIB: Final = b"\x78"
_MOST_SECONDS: Final = 10**12


def _signed_at(timestamp: str) -> int:
    return int.from_bytes(base64url_decode(timestamp)) * 1000


def _in_ms(seconds: object) -> int | None:
    """Return a time that a token claims; None if it is none that a date can hold."""
    if isinstance(seconds, (int, float)) and 0 < seconds < _MOST_SECONDS:
        return int(seconds * 1000)
    return None


# --- seals of others -----------------------------------------------------------------------------

WORKOS: Final = "WorkOS AuthKit"

_MAKERS_BY_NAME: Final = {
    "wos-session": WORKOS,
    "h3": "h3",
    "nuxt-session": "h3 (Nuxt)",
    "start": "h3 (TanStack Start)",
}
_MAKERS_BY_FORM: Final = {
    # Whether it names a password, and whether it ends in a version, which iron-session adds.
    (True, True): "iron-session, in Python or JavaScript (WorkOS AuthKit uses it too)",
    (
        True,
        False,
    ): "next-iron-session, or a program that uses the protocol alone; or its end ~2 is missing",
    (False, True): "iron-session 6",
    (False, False): "@hapi/iron (hapi's yar and @hapi/cookie), or h3 (Nuxt, TanStack Start)",
}


def maker_of_seal(name: str, password_id: str, *, has_version: bool) -> str:
    """Return what has probably made a seal, by its form, and by its cookie's name if that is known.

    A name counts only beside the form that its system writes.
    """
    by_name = _MAKERS_BY_NAME.get(name)
    is_of_workos = by_name is not None and name.startswith("wos-")
    if by_name and (bool(password_id), has_version) == (is_of_workos, is_of_workos):
        return by_name
    return _MAKERS_BY_FORM[bool(password_id), has_version]
