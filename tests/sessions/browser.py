"""What the tests of sessions share: a browser, and seals of any JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from iron_session import (
    HeaderJar,
    Passwords,
    Session,
    SessionOptions,
    UnsealFailure,
    get_iron_session,
)
from iron_session.seals.iron import decode_json
from iron_session.seals.sealing import open_json, seal_json

NAME = "myapp"
PASSWORD = "the_password_of_these_tests_protects_nothing"
OLD = "an_old_password_of_at_least_32_characters"
FOREIGN = "another_password_that_nobody_here_knows_of"

NOW = 1_800_000_000_000
"""Where the clock of the tests stands, in ms: 2027-01-15T08:00:00Z."""

TTL = 14 * 24 * 3600
"""The default ttl, in seconds."""

ATTRIBUTES = "; Path=/; HttpOnly; Secure; SameSite=Lax"
"""How the attributes of a cookie end by default, after its Max-Age."""


def make_options(**changes: Any) -> SessionOptions:
    """Build options of which a test names only what it is about."""
    return SessionOptions(**{"password": PASSWORD, "cookie_name": NAME, **changes})


@dataclass(frozen=True)
class ReceivedCookie:
    """A Set-Cookie header, as a reader that shares no line with the package understands it."""

    name: str
    value: str
    attributes: dict[str, str | None]

    @classmethod
    def parse(cls, header: str) -> ReceivedCookie:
        pair, *rest = header.split("; ")
        name, _, value = pair.partition("=")
        attributes: dict[str, str | None] = {}
        for text in rest:
            key, equals, given = text.partition("=")
            assert key not in attributes, f"{key} is given twice"
            attributes[key] = given if equals else None
        return cls(name, value, attributes)

    @property
    def max_age(self) -> int | None:
        text = self.attributes.get("Max-Age")
        return None if text is None else int(text)


@dataclass
class Browser:
    """Keeps what it is sent and sends it back: all that a session may rely on."""

    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def header(self) -> str:
        """The Cookie header of the next request."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def request(self, options: SessionOptions) -> Session:
        """Begin a request; `answer` ends it."""
        self.jar = HeaderJar(self.header)
        return get_iron_session(self.jar, options)

    def answer(self) -> dict[str, ReceivedCookie]:
        """Take the response's cookies: one a name, none over what browsers keep."""
        received: dict[str, ReceivedCookie] = {}
        for header in self.jar.set_cookie_headers:
            assert len(header.encode()) <= 4096
            cookie = ReceivedCookie.parse(header)
            assert cookie.name not in received
            received[cookie.name] = cookie
        for cookie in received.values():
            if cookie.max_age == 0:
                self.cookies.pop(cookie.name, None)
            else:
                self.cookies[cookie.name] = cookie.value
        return received

    def visit(self, options: SessionOptions, **changes: Any) -> dict[str, ReceivedCookie]:
        """Make a whole request that sets some keys and saves."""
        session = self.request(options)
        session.update(changes)
        session.save()
        return self.answer()


class Failures(list[UnsealFailure]):
    """A hook that remembers what it was told."""

    def __call__(self, failure: UnsealFailure) -> None:
        self.append(failure)

    @property
    def reasons(self) -> list[str]:
        return [failure.reason for failure in self]


def seal_text(
    json: str | bytes,
    *,
    password: Any = PASSWORD,
    expires: int | None = NOW + TTL * 1000,
) -> str:
    """Seal this very text, as another implementation would have written it."""
    plaintext = json if isinstance(json, bytes) else json.encode()
    return seal_json(plaintext, Passwords(password).primary, expires)


def cookie_of(json: str | bytes, **how: Any) -> str:
    """Give the Cookie header of a browser that holds this very text, sealed."""
    return f"{NAME}={seal_text(json, **how)}"


def open_text(seal: str, *, password: Any = PASSWORD, now: int = NOW) -> Any:
    """Show all that a seal holds, as JavaScript would: with `$iron`."""
    return decode_json(open_json(seal, Passwords(password), now).plaintext)


def expiration_of(seal: str) -> int | None:
    """Read the expiration that stands in a seal, in ms."""
    text = seal.split("*")[5]
    return int(text) if text else None


def password_id_of(seal: str) -> str:
    """Read the password id that stands in a seal."""
    return seal.split("*")[1]


def session_of(cookie_header: str, **changes: Any) -> Session:
    """Give the session of a request with this Cookie header."""
    return get_iron_session(HeaderJar(cookie_header), make_options(**changes))


def saved(data: dict[str, Any], **changes: Any) -> str:
    """Give the Cookie header of a browser for which a session with this data was saved."""
    browser = Browser()
    browser.visit(make_options(**changes), **data)
    return browser.header
