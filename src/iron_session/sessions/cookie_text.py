"""Cookie header in, Set-Cookie header out: what npm's `cookie@2` reads and writes, byte for byte.

Not `http.cookies`: it gives up at the first odd pair and returns nothing, lets `;` and CR LF pass
in attributes, and knows Partitioned only from Python 3.14 on.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from iron_session.errors import ConfigurationError
from iron_session.sessions.limits import LONGEST_PAIR, MOST_PAIRS

if TYPE_CHECKING:
    from iron_session.sessions.options import CookieOptions

__all__ = [
    "SetCookie",
    "decode_value",
    "is_expired",
    "name_in_header",
    "parse_cookies",
    "scope_in_header",
    "serialize_attributes",
    "serialize_cookie",
]

# Fixed names: strftime would write them in the locale's language.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip

# Visible ASCII except " % , ; and backslash. Matching the whole seal against one class is seven
# times as fast as searching it for the first character outside the class.
_PLAIN = re.compile(r"[!#$&-+\--:<-\[\]-~]*")
_NOT_ENCODED = "!'()*-._~"  # what JavaScript's encodeURIComponent leaves as it is
_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BLANKS = " \t"


class SetCookie(NamedTuple):
    """A cookie to be set: its name, value, attributes, and the header that sets it.

    Attributes:
        name: the cookie's name.
        value: its value, not encoded, as the application reads it back.
        options: its attributes.
        max_age: its Max-Age, in seconds; 0 deletes the cookie; None leaves the attribute out.
    """

    name: str
    value: str
    options: CookieOptions
    max_age: int | None

    def __repr__(self) -> str:
        """Show no value: it is a whole seal, which is as good as the session."""
        return f"SetCookie(name={self.name!r}, options={self.options!r}, max_age={self.max_age!r})"

    def __sentry_repr__(self) -> str:
        """Return the repr: Sentry would send what the tuple holds."""
        return repr(self)

    @property
    def scope(self) -> tuple[object, ...]:
        """What identifies it to browsers: a cookie with another scope is another cookie."""
        return (self.name, *self.options.scope)

    @property
    def header(self) -> str:
        """The finished value of the `Set-Cookie` header, ASCII."""
        return serialize_cookie(self.name, self.value, self.options, self.max_age)


def serialize_cookie(name: str, value: str, options: CookieOptions, max_age: int | None) -> str:
    """Write the value of a `Set-Cookie` header, in `cookie@2`'s order of attributes.

    Raises:
        ConfigurationError: a value with lone surrogates.
    """
    if not _PLAIN.fullmatch(value):
        value = _encode_value(value)
    age = "" if max_age is None else f"; Max-Age={max_age}"
    return f"{name}={value}{age}{options.header_text}"


def serialize_attributes(options: CookieOptions) -> str:
    """Write a cookie's attributes as they follow its value and its Max-Age."""
    text = ""
    if options.domain:
        text += f"; Domain={options.domain}"
    if options.path:
        text += f"; Path={options.path}"
    if options.expires:
        text += f"; Expires={_http_date(options.expires)}"
    if options.http_only:
        text += "; HttpOnly"
    if options.secure:
        text += "; Secure"
    if options.partitioned:
        text += "; Partitioned"
    if options.priority:
        text += f"; Priority={options.priority.capitalize()}"
    if options.same_site:
        text += f"; SameSite={options.same_site.capitalize()}"
    return text


def _encode_value(value: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - long to import, and no seal needs it

    try:
        return quote(value, safe=_NOT_ENCODED)
    except UnicodeEncodeError:
        raise ConfigurationError("a cookie's value must be valid Unicode") from None


def _http_date(moment: datetime) -> str:
    utc = moment.astimezone(UTC)
    day, month = _DAYS[utc.weekday()], _MONTHS[utc.month - 1]
    return f"{day}, {utc.day:02} {month} {utc.year:04} {utc:%H:%M:%S} GMT"


# --- what a Set-Cookie header says, whoever has written it ----------------------------------------

_EXPIRED = re.compile(
    r";\s*(?:max-age=\s*(?:0|-[0-9]+)\s*(?:;|$)|expires=thu, 01[ -]jan[ -]1970 )", re.IGNORECASE
)


def name_in_header(header: str) -> str:
    """Return the name of the cookie that a `Set-Cookie` header sets."""
    return header.partition("=")[0].strip()


def is_expired(header: str) -> bool:
    """Return whether a `Set-Cookie` header deletes its cookie, in one of the two usual ways."""
    return _EXPIRED.search(header) is not None


def scope_in_header(header: str) -> tuple[str, str, str, bool]:
    """Return what identifies a cookie to browsers: name, Domain, Path and Partitioned."""
    domain = path = ""
    partitioned = False
    for attribute in header.split(";")[1:]:
        key, _, value = attribute.partition("=")
        match key.strip().lower():
            case "domain":
                domain = value.strip().lower().removeprefix(".")
            case "path":
                path = value.strip()
            case "partitioned":
                partitioned = True
    return name_in_header(header), domain, path, partitioned


# --- reading ---------------------------------------------------------------------------------


def parse_cookies(header: str, holding: str = "", *, bounded: bool = False) -> dict[str, list[str]]:
    """Read a `Cookie` header: all values of all names, in order, not decoded yet.

    Nothing is an error here: a pair without `=` is skipped, as RFC 6265bis says for servers. Pairs
    that do not contain the text `holding` are skipped too, which saves most of the work if only one
    name is needed. `bounded` also cuts off what no browser sends, since each pair costs time.
    """
    cookies: dict[str, list[str]] = {}
    pairs = header.split(";", MOST_PAIRS if bounded else -1)
    if bounded and (len(pairs) > MOST_PAIRS or len(header) > LONGEST_PAIR):
        pairs = [pair[:LONGEST_PAIR] for pair in pairs[:MOST_PAIRS]]
    for pair in pairs:
        if holding in pair:
            name, equals, value = pair.partition("=")
            if equals:
                cookies.setdefault(name.strip(_BLANKS), []).append(value.strip(_BLANKS))
    return cookies


def decode_value(value: str) -> str:
    """Undo percent-encoding; as in JavaScript, a value with a broken escape stays as it is."""
    if "%" not in value or _MALFORMED_ESCAPE.search(value):
        return value
    from urllib.parse import unquote, unquote_to_bytes  # noqa: PLC0415 - long to import

    with suppress(UnicodeDecodeError):
        try:
            # As bytes: `unquote` takes ten times as long if non-ASCII text is mixed in.
            return unquote_to_bytes(value.encode("utf-8")).decode("utf-8")
        except UnicodeEncodeError:  # a lone surrogate, which no HTTP header can hold
            return unquote(value, errors="strict")
    return value
