"""For the tests of an application: a client that is logged in, what a response did, a still clock.

options = make_options()                                    # or the application's own
log_in(client, options, {"user": 1})                        # any framework's test client
assert read_session(client.get("/"), options) == {"user": 1, "visits": 1}
with frozen_clock() as clock:
    clock.tick(timedelta(days=15))                          # nobody has to wait for a session's end

It needs no framework and no test runner.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, overload

from iron_session._clients import set_cookie_headers, store_of
from iron_session.errors import ConfigurationError
from iron_session.seals import _json, _time
from iron_session.seals._time import Seconds, to_milliseconds
from iron_session.sessions import chunks, lifetime, storage
from iron_session.sessions.cookies import serialize_cookie
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import CookieOptions, SessionOptions, T, check_options
from iron_session.sessions.session import Session, get_iron_session

__all__ = [
    "FrozenClock",
    "ReadSession",
    "cookie_header",
    "for_tests",
    "frozen_clock",
    "log_in",
    "make_options",
    "read_session",
    "session_cookie",
]

# --- options -----------------------------------------------------------------------------------

# Everybody can read it here, and its text says so to whoever finds it in a deployment.
_PASSWORD: Final = "only for tests: this password is published with iron-session"  # noqa: S105 - it protects nothing

_SECURE_PREFIX: Final = re.compile(r"__(?:Host-Http|Host|Http|Secure)-", re.IGNORECASE)


@overload
def make_options(*, schema: type[T], **changes: Any) -> SessionOptions[T]: ...
@overload
def make_options(**changes: Any) -> SessionOptions[Any]: ...
def make_options(**changes: Any) -> SessionOptions[Any]:
    """Make options for a test: a fixed password, the cookie "session", sent over http:// too.

    Never use them in a deployment: their password is published with this package, so anybody could
    make a session. The cryptography is the one of every session, and takes some microseconds.

    Args:
        changes: arguments of `SessionOptions`; a mapping for `cookie_options` is added to
            `secure=False`.

    Raises:
        ConfigurationError: as `SessionOptions`.
    """
    cookie = changes.pop("cookie_options", {})
    if isinstance(cookie, Mapping):
        cookie = {"secure": False, **cookie}
    terms = {"password": _PASSWORD, "cookie_name": "session", **changes}
    return SessionOptions(**terms, cookie_options=cookie)


def for_tests(options: SessionOptions[T]) -> SessionOptions[T]:
    """Copy an application's options for tests over http://, where no Secure cookie travels.

    What browsers take of a Secure cookie only goes too: a prefix of the name (`__Host-myapp` is
    `myapp`), `partitioned`, and `same_site="none"` is `"lax"`. All else stays, the passwords too.
    The application under test must be built with the copy. Where a client can be given an https://
    URL, no copy is needed.

    Raises:
        ConfigurationError: no `SessionOptions`, or a name that is nothing but a prefix.
    """
    cookie = check_options(options).cookie
    same_site = "lax" if cookie.same_site == "none" else cookie.same_site
    prefix = _SECURE_PREFIX.match(options.cookie_name)
    return replace(
        options,
        cookie_name=options.cookie_name[prefix.end() if prefix else 0 :],
        cookie_options=replace(cookie, secure=False, partitioned=False, same_site=same_site),
    )


# --- cookies -----------------------------------------------------------------------------------


def session_cookie(
    options: SessionOptions[T],
    data: Mapping[str, Any] | T,
    *,
    ttl: Seconds | None = None,
    created_at: datetime | None = None,
) -> dict[str, str]:
    """Give the cookies of a browser for which a session with this data was saved.

    Args:
        options: those of the application.
        data: a mapping of text to JSON values, or an instance of the schema's type.
        ttl: a life of its own for this session, in seconds or as a timedelta; None for the
            options'; 0 never expires.
        created_at: when it was saved, as a datetime with a time zone: long ago, it has expired by
            now. None for now.

    Returns:
        Names and values: one cookie, or with `chunk` up to four.

    Raises:
        NotSerializableError: data that JSON can't carry, or that does not fit the schema.
        CookieTooLargeError: more than the cookie can hold.
        ConfigurationError: options that are none, a ttl or a time that can't be.
    """
    session = get_iron_session(HeaderJar(), options)
    if isinstance(data, Mapping) or options.schema is None:
        session.replace(data)  # type: ignore[arg-type]  # whatever it is, it tells what it takes
    else:
        session.data = data
    own_ttl_ms = None
    if ttl is not None:
        session.ttl = ttl  # which refuses one beyond max_lifetime
        own_ttl_ms = to_milliseconds(ttl, "ttl")
    now = _time.now_ms() if created_at is None else _milliseconds(_moment(created_at, "created_at"))
    json = _json.encode(dict(session), "session")
    stored = storage.seal(json, storage.NOTHING, options, own_ttl_ms, now)
    life_ms = None if stored.expires is None else stored.expires - now
    max_age = lifetime.cookie_max_age(options.cookie.max_age, life_ms)
    return chunks.split(
        options.cookie_name, stored.seal, options.cookie, max_age, chunk=options.chunk
    )


def cookie_header(
    options: SessionOptions[T],
    data: Mapping[str, Any] | T,
    *,
    ttl: Seconds | None = None,
    created_at: datetime | None = None,
) -> str:
    """Give the text of the `Cookie` header of such a browser, for any client there is.

    Args and what it raises are those of `session_cookie`.
    """
    cookies = session_cookie(options, data, ttl=ttl, created_at=created_at)
    return _join(cookies.items())


def _join(cookies: Collection[tuple[str, str]]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies)


# --- clients -----------------------------------------------------------------------------------


def log_in(
    client: object,
    options: SessionOptions[T],
    data: Mapping[str, Any] | T,
    *,
    ttl: Seconds | None = None,
    created_at: datetime | None = None,
    url: str | None = None,
) -> None:
    """Put a session into a test client, as if the application had set it in a response.

    A session of this cookie that the client has already is gone then.

    Args:
        client: of httpx, and what is made of it (the test clients of Starlette, FastAPI, Litestar,
            Sanic's for ASGI); of Flask, werkzeug, Quart, Django, aiohttp; a `requests.Session`.
        options: those of the application.
        data: as for `session_cookie`, like `ttl` and `created_at`.
        ttl: a life of its own.
        created_at: when the session was saved.
        url: where the application is, where the client does not say it or says something else.

    Raises:
        ConfigurationError: a client of another kind; one that would not send the cookie, as a
            Secure one to an http:// URL; what `session_cookie` refuses.
        NotSerializableError: as `session_cookie`.
        CookieTooLargeError: as `session_cookie`.
    """
    cookies = session_cookie(options, data, ttl=ttl, created_at=created_at)
    store = store_of(client, url, options.cookie)
    names = chunks.names(options.cookie_name)
    store.forget(names)
    # Without a time to end, which clients would hold against their own clock.
    attributes = replace(options.cookie, expires=None)
    store.receive(
        {name: serialize_cookie(name, value, attributes, None) for name, value in cookies.items()}
    )
    if unsent := cookies.keys() - store.sent(names):
        store.forget(names)
        raise ConfigurationError(
            f"{type(client).__name__} would not send the cookie {min(unsent)!r} to {store.url}: "
            + _why_not(options.cookie, store.url)
        )


def _why_not(cookie: CookieOptions, url: str) -> str:
    if cookie.secure and not url.startswith("https:"):
        return (
            'it is Secure. Give the client an https:// URL, as base_url="https://testserver", or '
            "build the application for the test with for_tests(options)"
        )
    if cookie.domain is not None:
        return f"its domain is {cookie.domain}. Give the client a URL of that domain, or url=…"
    return "its cookie jar takes it not at all or not whole"


# --- reading -----------------------------------------------------------------------------------

_ENDS_IT: Final = re.compile(r"(?:^|;) *max-age=(?:0|-\d+) *(?:;|$)", re.IGNORECASE)


class ReadSession(Session[T]):
    """A session that `read_session` found; its repr shows the data, for the messages of tests."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<ReadSession {dict(self)}{', destroyed' if self.destroyed else ''}>"

    # Of a class with none of its own, mypy --strict takes no comparison with a dict.
    def __eq__(self, other: object) -> bool:
        """Tell whether a mapping has the same data."""
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # typeshed knows no other way to say so


def read_session(
    source: object, options: SessionOptions[T], *, url: str | None = None
) -> ReadSession[T] | None:
    """Read what a response did to a session, or what a client holds of it.

    What it gives is equal to a mapping of the same data, and knows `data`, `expires_at` and the
    rest. The hooks of the options are not called, and nothing is logged.

    Args:
        source: a response of any client that `log_in` knows, with those of the redirects that led
            to it, if it has them; a response of a framework; a list of the values of `Set-Cookie`
            headers; or a client.
        options: those of the application.
        url: as for `log_in`; where the cookies of Flask's client belong depends on it.

    Returns:
        The session. Of a response that expired it an empty one, which is `destroyed`. None where a
        response set no cookie of this session, and where a client holds none.

    Raises:
        UnsealError: the cookie does not open by these options; its `reason` tells why. So the
            session of a client has ended when it is `"expired"`.
        ConfigurationError: a source of another kind, or options that are none.
    """
    names = chunks.names(check_options(options).cookie_name)
    headers = set_cookie_headers(source)
    if headers is None:
        return _open(store_of(source, url, options.cookie).held(names), options)
    received = _receive(headers, names)
    kept = [(name, value) for name, value in received.items() if value]
    if kept or not received:
        return _open(kept, options)
    session = ReadSession(HeaderJar(), options)
    session.destroy()
    return session


def _open(
    cookies: Collection[tuple[str, str]], options: SessionOptions[T]
) -> ReadSession[T] | None:
    header = _join(cookies)
    found = storage.load(HeaderJar(header), options, _time.now_ms())
    if isinstance(found, storage.Unreadable):
        raise found.error
    if found is None:
        return None
    # The hooks are for visitors.
    quiet = replace(options, on_unseal=None, on_unseal_error=None)
    session = ReadSession(HeaderJar(header), quiet)
    len(session)  # read now: the clock may be another one when somebody looks
    return session


def _receive(headers: Sequence[str], names: Collection[str]) -> dict[str, str]:
    """Give what a browser makes of Set-Cookie headers, by name; nothing of a cookie that ended."""
    received: dict[str, str] = {}
    for header in headers:
        pair, _, attributes = header.partition(";")
        name, _, value = pair.partition("=")
        if name in names:
            has_ended = _ENDS_IT.search(attributes)
            received[name] = "" if has_ended else value.strip('"')  # some write "" for nothing
    return received


# --- time --------------------------------------------------------------------------------------

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class FrozenClock:
    """A time that moves only when it is told to; `frozen_clock` makes one."""

    __slots__ = ("_now",)

    def __init__(self, at: datetime) -> None:
        self._now = at

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        return self._now

    def tick(self, by: Seconds = 1) -> None:
        """Move on by seconds or a timedelta; negative ones move back.

        Raises:
            ConfigurationError: no span of time, or one that leads out of 1970 to 9999.
        """
        milliseconds = to_milliseconds(by, "tick", negative=True)
        try:
            later = self._now + timedelta(milliseconds=milliseconds)
        except OverflowError:
            raise ConfigurationError("tick leads out of the years 1970 to 9999") from None
        self.move_to(later)

    def move_to(self, at: datetime | str) -> None:
        """Move to a time, as `frozen_clock` takes it."""
        self._now = _moment(at, "move_to")

    def __repr__(self) -> str:
        return f"<FrozenClock: {self._now.isoformat()}>"


@contextmanager
def frozen_clock(at: datetime | str | None = "2026-01-01T00:00:00Z") -> Iterator[FrozenClock]:
    """Stop the clock of this package for the length of a block, and give it.

    All times that the package reads are its: the ends of sessions, seals and links, renewals,
    lifetimes. Python's own clock goes on, and with it what a client thinks of a cookie's Max-Age:
    it sends a session that has ended, and the application finds it expired.

    It is the clock of the whole process, in every thread and task; blocks within blocks are left in
    the opposite order. A server in a process of its own has its own clock.

    Args:
        at: a datetime with a time zone, or such a time as text in ISO 8601; None for now.

    Raises:
        ConfigurationError: no such time, or one outside of the years 1970 to 9999.
    """
    before = _time.now_ms
    clock = FrozenClock(_EPOCH + before() * _MILLISECOND if at is None else _moment(at, "at"))
    _time.now_ms = lambda: _milliseconds(clock.now)
    try:
        yield clock
    finally:
        _time.now_ms = before


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND


def _moment(at: object, name: str) -> datetime:
    if isinstance(at, str):
        with suppress(ValueError):
            at = datetime.fromisoformat(at)
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise ConfigurationError(
            f"{name} must be a datetime with a time zone, as datetime(2026, 1, 1, "
            'tzinfo=timezone.utc), or such a time as text: "2026-01-01T00:00:00Z"'
        )
    if not _EPOCH <= at <= _LAST:
        raise ConfigurationError(f"{name} must lie in the years 1970 to 9999")
    return at.astimezone(UTC)
