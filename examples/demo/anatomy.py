"""Takes a session's cookie apart: pure functions, from the cookie's text to what the page shows.

An application needs none of this: it reads its session, and never looks at the seal.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from iron_session import (
    HeaderJar,
    SessionOptions,
    UnsealError,
    UnsealFailure,
    get_iron_session,
    unseal_data,
)

MOST_BYTES = 4096  # what browsers take for one cookie: name, value and attributes together
CIPHER_BLOCK = 16

Kind = Literal["label", "secret", "proof", "outside"]

# The eight parts of a seal, in order: name, kind, and what it is.
PARTS: tuple[tuple[str, Kind, str], ...] = (
    (
        "Format",
        "label",
        "The seal's format: iron, element 26, in version 2.",
    ),
    (
        "Password id",
        "label",
        "Which of the server's passwords made this seal. After a rotation, new seals name the new "
        "password, and the old password still opens the old seals.",
    ),
    (
        "Encryption salt",
        "secret",
        "256 random bits, new for every seal. With the password they make the key that encrypts.",
    ),
    (
        "Initialisation vector",
        "secret",
        "128 random bits that the cipher starts from.",
    ),
    (
        "Ciphertext",
        "secret",
        "Your session: its JSON, encrypted with AES-256 in CBC mode.",
    ),
    (
        "Expiration",
        "label",
        "When the seal expires, in milliseconds since 1970. Everybody can read it, but nobody can "
        "change it: the mac covers it.",
    ),
    (
        "Mac salt",
        "proof",
        "256 more random bits. With the password they make a second key, which only signs.",
    ),
    (
        "Mac",
        "proof",
        "HMAC-SHA256 over parts 1 to 6. Change one character of them and it no longer "
        "matches, which is checked before anything is decrypted.",
    ),
)

REASONS = {
    "expired": "It has expired.",
    "unknown-password": "It names a password that this server does not have.",
    "invalid": "It was changed, made with another password, or is no seal at all.",
    "purpose": "It is genuine, but it was sealed for another purpose.",
    "ended": "It is genuine, but its session was ended: by a logout, or from another device.",
}

ATTRIBUTES = {
    "Max-Age": "Seconds that the browser keeps the cookie: a minute less than the seal lives, so "
    "that no browser sends a seal which has just expired.",
    "Path": "Sent to every page of this host.",
    "HttpOnly": "Scripts in the page can't read it.",
    "Secure": "Sent over HTTPS only.",
    "SameSite": "Not sent along when another site posts a form to this one.",
}


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    name: str
    kind: Kind
    about: str
    value: str

    @property
    def size(self) -> int:
        return len(self.value.encode())

    @property
    def short(self) -> str:
        return shorten(self.value)


@dataclass(frozen=True, slots=True)
class Expiry:
    when: str  # in words, as seen from now
    moment: datetime | None = None

    @property
    def date(self) -> str:
        moment = self.moment
        return f"{moment.day} {moment:%B %Y, %H:%M:%S} UTC" if moment else ""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A cookie, taken apart.

    `content` is what the server reads in it, as JSON; if the server refuses it, `refused` is the
    error. `parts` is empty if the text does not have eight parts.
    """

    name: str
    text: str
    parts: tuple[Part, ...]
    outside: str  # from the first ~ on, which the mac does not cover
    expiry: Expiry | None
    content: str | None
    refused: UnsealError | None
    attributes: str

    @property
    def header(self) -> str:
        """The value of the Set-Cookie header that set it."""
        return f"{self.name}={self.text}; {self.attributes}"

    @property
    def size(self) -> int:
        return len(self.header.encode())

    @property
    def why_refused(self) -> str:
        return REASONS[self.refused.reason] if self.refused else ""

    @property
    def explained_attributes(self) -> list[tuple[str, str]]:
        return [(one, ATTRIBUTES[one.partition("=")[0]]) for one in self.attributes.split("; ")]

    @property
    def bar(self) -> list[tuple[int, int, Kind]]:
        """Start, length and kind of all that counts towards the limit, to draw it to scale."""
        return list(_bar(self))


def examine(cookie_header: str, options: SessionOptions, now: datetime) -> Anatomy | None:
    """Return the session's cookie in a `Cookie` header, taken apart; None if there is none."""
    text = choose(cookie_header, options)
    if text is None:
        return None
    parts, outside = dissect(text)
    content, refused = read(text, options)
    return Anatomy(
        name=options.cookie_name,
        text=text,
        parts=parts,
        outside=outside,
        expiry=describe_expiration(parts[5].value, now) if parts else None,
        content=content,
        refused=refused,
        attributes=written_attributes(options),
    )


def choose(cookie_header: str, options: SessionOptions) -> str | None:
    """Return the cookie that the session was read from: of several, the first that opens."""
    values = [value for value in HeaderJar(cookie_header).read(options.cookie_name) if value]
    opened = (value for value in values if read(value, options)[1] is None)
    return next(opened, values[0] if values else None)


def dissect(text: str) -> tuple[tuple[Part, ...], str]:
    """Split a cookie's text into the eight parts of its seal and what comes after them."""
    seal, tilde, version = text.partition("~")
    values = seal.split("*")
    if len(values) != len(PARTS):
        return (), tilde + version
    numbered = enumerate(zip(PARTS, values, strict=True), start=1)
    parts = tuple(Part(number, *part, value) for number, (part, value) in numbered)
    return parts, tilde + version


def read(text: str, options: SessionOptions) -> tuple[str | None, UnsealError | None]:
    """Return a cookie's content as indented JSON, or the error that says why it is refused."""
    try:
        data = unseal_data(text, password=options.password)
    except UnsealError as error:
        return None, error
    if ended := why_ended(text, options):
        return None, ended
    return json.dumps(data, indent=2, ensure_ascii=False), None


def why_ended(text: str, options: SessionOptions) -> UnsealError | None:
    """Return the error of a session that opens and was ended; only a session can tell."""
    failures: list[UnsealFailure] = []
    options = replace(options, on_unseal_error=failures.append)
    len(get_iron_session(HeaderJar(f"{options.cookie_name}={text}"), options))  # reads it
    return next((one.error for one in failures if one.reason == "ended"), None)


def written_attributes(options: SessionOptions) -> str:
    """Return the attributes that these options add to a session's cookie."""
    jar = HeaderJar()
    get_iron_session(jar, options).save()
    return jar.set_cookie_headers[0].partition("; ")[2]


def describe_expiration(expiration: str, now: datetime) -> Expiry:
    """Return in words when a seal expires, from its sixth part, which may be any text."""
    if not expiration:
        return Expiry("never")
    if not re.fullmatch(r"[1-9][0-9]{0,20}", expiration):
        return Expiry("unreadable")
    try:
        moment = datetime.fromtimestamp(int(expiration) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return Expiry("after the year 9999")
    if moment > now:
        return Expiry(f"in {describe_span(moment - now)}", moment)
    return Expiry(f"{describe_span(now - moment)} ago", moment)


def describe_span(span: timedelta) -> str:
    """Return a span of time in words, in its two largest units."""
    hours, seconds = divmod(span.seconds, 3600)
    units = {"day": span.days, "hour": hours, "minute": seconds // 60}
    told = [f"{count} {unit}{'' if count == 1 else 's'}" for unit, count in units.items() if count]
    return " and ".join(told[:2]) or "less than a minute"


def shorten(text: str, most: int = 24) -> str:
    """Return a long text without its middle."""
    half = most // 2 - 1
    return text if len(text) <= most else f"{text[:half]} … {text[-half:]}"


def content_bounds(ciphertext: str) -> tuple[int, int]:
    """Return the least and most bytes of the content, as the ciphertext's length reveals them.

    Base64url has 4 characters for 3 bytes; the padding is 1 to 16 bytes.
    """
    encrypted = len(ciphertext) * 3 // 4
    return max(0, encrypted - CIPHER_BLOCK), max(0, encrypted - 1)


def _bar(anatomy: Anatomy) -> Iterator[tuple[int, int, Kind]]:
    start = len(anatomy.name) + 1
    yield 0, start, "outside"
    for part in anatomy.parts:
        yield start, part.size, part.kind
        start += part.size + 1
    if start < anatomy.size:
        yield start, anatomy.size - start, "outside"
