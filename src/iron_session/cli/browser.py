"""How long a browser keeps a cookie, by the attributes of its `Set-Cookie` line."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from iron_session.cli.words import span, when

__all__ = ["NOTHING_SAID", "Kept", "read_kept", "tell_kept"]

# RFC 6265, 5.2: anything else is no Max-Age, and what is no date is no Expires.
_MAX_AGE: Final = re.compile(r"(-?)([0-9]+)")
_MOST_DIGITS: Final = 15
_LONGEST_DATE: Final = 60
_LONGEST_MS: Final = 400 * 24 * 3600 * 1000  # RFC 6265bis, 5.5


class Kept(NamedTuple):
    """What a `Set-Cookie` line says of the cookie's life.

    Attributes:
        max_age: the seconds of its Max-Age; 0 for less than that; None without one.
        expires_ms: the time of its Expires, in ms since 1970; None without one.
    """

    max_age: int | None
    expires_ms: int | None


NOTHING_SAID: Final = Kept(None, None)


def read_kept(line: str) -> Kept:
    """Return what a `Set-Cookie` line says; of two attributes of one name, the last counts."""
    max_age = expires_ms = None
    for attribute in line.split(";")[1:]:
        key, _, value = attribute.partition("=")
        match key.strip().lower():
            case "max-age":
                max_age = _read_max_age(value.strip(" \"'"), max_age)
            case "expires":
                expires_ms = _read_date(value.strip(" \"'"), expires_ms)
    return Kept(max_age, expires_ms)


def _read_max_age(value: str, before: int | None) -> int | None:
    match = _MAX_AGE.fullmatch(value)
    if match is None:
        return before
    return 0 if match[1] else int(match[2].lstrip("0")[:_MOST_DIGITS] or 0)


def _read_date(value: str, before: int | None) -> int | None:
    try:
        date = parsedate_to_datetime(value[:_LONGEST_DATE])
    except (ValueError, OverflowError):
        return before
    return int(date.replace(tzinfo=date.tzinfo or UTC).timestamp()) * 1000


def tell_kept(kept: Kept, now: int) -> str:
    """Say how long a browser keeps a cookie."""
    max_age, expires = kept
    if max_age is not None:  # which counts, whatever Expires says
        ignored = "; its Expires is ignored" if expires is not None else ""
        if max_age == 0:
            return f"removes the cookie at once, by its Max-Age{ignored}"
        return f"keeps the cookie for {_bounded(max_age * 1000)} (Max-Age={max_age}){ignored}"
    if expires is None:
        return "keeps the cookie until it is closed: there is neither Max-Age nor Expires"
    if expires <= now:
        return f"removes the cookie: its Expires was {when(expires, now)}"
    cut = ", but for 400 days at most" if expires - now > _LONGEST_MS else ""
    return f"keeps the cookie until its Expires, {when(expires, now)}{cut}"


def _bounded(milliseconds: int) -> str:
    if milliseconds > _LONGEST_MS:
        return f"{span(_LONGEST_MS)}, the most that browsers allow"
    return span(milliseconds)
