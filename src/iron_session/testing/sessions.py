"""Options for tests, logging a client in, and reading what a response did to the session."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, overload

from iron_session import _json, _time
from iron_session._time import Seconds, to_milliseconds
from iron_session.errors import ConfigurationError
from iron_session.seals.mark import Mark
from iron_session.seals.passwords import TESTING_PASSWORD
from iron_session.sessions import lifetime, sealed
from iron_session.sessions.cookie_text import is_expired, serialize_cookie
from iron_session.sessions.cookies import cookie_names, split
from iron_session.sessions.identity import identified, signed_in
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import (
    CookieOptions,
    SessionOptions,
    T,
    check_options,
)
from iron_session.sessions.session import Session, get_iron_session
from iron_session.testing.clients import set_cookie_headers, store_of
from iron_session.testing.clock import milliseconds, moment

__all__ = [
    "ReadSession",
    "cookie_header",
    "for_tests",
    "log_in",
    "make_options",
    "read_session",
    "session_cookie",
]

# --- options -----------------------------------------------------------------------------------


def _options_of(given: SessionOptions[T] | Mapping[str, Any]) -> SessionOptions[T]:
    """Return the options; a mapping is read as Django's setting, where Django is at work.

    Raises:
        ConfigurationError: neither `SessionOptions` nor such a mapping, or one that can't work.
    """
    if not isinstance(given, Mapping):
        return check_options(given)
    django = sys.modules.get("django.conf")  # whoever has its settings has imported it
    if django is None or not django.settings.configured:
        raise ConfigurationError(
            f"options must be a SessionOptions, not {type(given).__name__}: give the application's "
            "own, or SessionOptions(**…) of it. Only Django's settings.IRON_SESSION may be a "
            "dict, and only when its settings are set up"
        )
    from iron_session.integrations.django.settings import options_of  # noqa: PLC0415 - needs Django

    return options_of(given)


_SECURE_PREFIX: Final = re.compile(r"__(?:Host-Http|Host|Http|Secure)-", re.IGNORECASE)


@overload
def make_options(*, schema: type[T], **changes: Any) -> SessionOptions[T]: ...
@overload
def make_options(**changes: Any) -> SessionOptions[Any]: ...
def make_options(**changes: Any) -> SessionOptions[Any]:
    """Make options for a test: a fixed password, the cookie "session", sent over http:// too.

    Never use them in a deployment: their password is published with this package, so anybody could
    make a session. If neither pytest nor unittest is loaded, and pytest has not started the
    process, one WARNING on the logger `iron_session` says so. The cryptography is the same as for
    every session, and takes some microseconds.

    Args:
        changes: arguments of `SessionOptions`; a mapping for `cookie_options` is added to
            `secure=False`.

    Raises:
        ConfigurationError: as `SessionOptions`.
    """
    cookie = changes.pop("cookie_options", {})
    if isinstance(cookie, Mapping):
        cookie = {"secure": False, **cookie}
    terms = {"password": TESTING_PASSWORD, "cookie_name": "session", **changes}
    return SessionOptions(**terms, cookie_options=cookie)


@overload
def for_tests(options: SessionOptions[T]) -> SessionOptions[T]: ...
@overload
def for_tests(options: Mapping[str, Any]) -> SessionOptions[Any]: ...
def for_tests(options: SessionOptions[Any] | Mapping[str, Any]) -> SessionOptions[Any]:
    """Copy an application's options for tests over http://, where clients send no Secure cookie.

    Whatever browsers accept only with Secure is dropped too: a prefix of the name (`__Host-myapp`
    becomes `myapp`), `partitioned`, also in `former_scopes`, and `same_site="none"`, which becomes
    `"lax"`. All else stays, the passwords too.

    Build the application under test with the copy. If a client can have an https:// URL, no copy is
    needed.

    Args:
        options: the application's options, or Django's dict, as for `log_in`.

    Raises:
        ConfigurationError: options that can't be used, or a cookie name that is only a prefix.
    """
    options = _options_of(options)
    cookie = options.cookie
    same_site = "lax" if cookie.same_site == "none" else cookie.same_site
    prefix = _SECURE_PREFIX.match(options.cookie_name)
    return replace(
        options,
        cookie_name=options.cookie_name[prefix.end() if prefix else 0 :],
        cookie_options=replace(cookie, secure=False, partitioned=False, same_site=same_site),
        former_scopes=_unpartitioned(options.former_cookies, cookie),
    )


def _unpartitioned(
    former: Iterable[CookieOptions], cookie: CookieOptions
) -> list[dict[str, str | None]]:
    """Return a cookie's former scopes without partitions, each of them once."""
    by_scope = {replace(one, partitioned=False).scope: one for one in former}
    by_scope.pop(replace(cookie, partitioned=False).scope, None)
    return [{"domain": one.domain, "path": one.path} for one in by_scope.values()]


# --- cookies -----------------------------------------------------------------------------------


def session_cookie(
    options: SessionOptions[T] | Mapping[str, Any],
    data: Mapping[str, Any] | T,
    *,
    ttl: Seconds | None = None,
    created_at: datetime | None = None,
    user_id: str | None = None,
) -> dict[str, str]:
    """Return the cookies that a browser has after a session with this data was saved.

    Args:
        options: the application's options. In a Django project, it can be the dict
            `settings.IRON_SESSION`, which is read as the middleware reads it.
        data: a mapping of text to JSON values, or an instance of the schema's type.
        ttl: a ttl for this session alone, in seconds or as a timedelta; 0 never expires; None for
            that of the options.
        created_at: when it was saved, as a datetime with a time zone: if that is long ago, it has
            expired by now. With `revocations`, it ends by each ending since. None for now.
        user_id: the user who has logged in, as `session.login` takes it; None for nobody.

    Returns:
        Names and values, of one cookie, or with `chunk` of up to four.

    Raises:
        NotSerializableError: data that JSON can't carry, or that does not fit the schema.
        CookieTooLargeError: more than the cookie can hold.
        ConfigurationError: options that can't be used, or a ttl, a time or a user's id that can't
            work.
        TypeError: the user's id is no text.
    """
    options = _options_of(options)
    session = get_iron_session(HeaderJar(), options)
    if isinstance(data, Mapping) or options.schema is None:
        session.replace(data)  # type: ignore[arg-type]  # it refuses all but a mapping
    else:
        session.data = data
    own_ttl_ms = None
    if ttl is not None:
        session.ttl = ttl  # this refuses one beyond max_lifetime
        own_ttl_ms = to_milliseconds(ttl, "ttl")
    now = _time.now_ms() if created_at is None else milliseconds(moment(created_at, "created_at"))
    json = _json.encode(dict(session), "session")
    if user_id is not None:
        mark = signed_in(user_id, options, now)
    else:
        mark = identified(dict(session), sealed.NOTHING, options, now)
    if now < _time.now_ms():
        mark = _counted_from(mark, now)
    stored = sealed.seal(sealed.prepare(json, mark, options, own_ttl_ms, now))
    life_ms = None if stored.expires is None else stored.expires - now
    max_age = lifetime.cookie_max_age(options.cookie.max_age, life_ms)
    return split(options.cookie_name, stored.seal, options.cookie, max_age, chunk=options.chunk)


def _counted_from(mark: Mark, created_ms: int) -> Mark:
    """Return a session's mark whose endings count from its beginning on, if they count at all.

    No session begins later than now, which is earlier for a store when a test has moved the clock
    on. A store that was reached before the clock was stopped in the past is far ahead of it: there
    the session is as old as here. One that is a little ahead has only gone on since.
    """
    if mark.since_ms is None or mark.session_id is None:
        return mark
    ahead = mark.since_ms - _time.now_ms()
    shift = ahead if ahead > _FAR_AHEAD_MS else 0
    since = min(mark.since_ms, created_ms + shift)
    return mark.with_identity(mark.session_id, mark.user_id, mark.login_ms, since)


_FAR_AHEAD_MS: Final = 60_000


def cookie_header(
    options: SessionOptions[T] | Mapping[str, Any],
    data: Mapping[str, Any] | T,
    *,
    ttl: Seconds | None = None,
    created_at: datetime | None = None,
    user_id: str | None = None,
) -> str:
    """Return the `Cookie` header that such a browser sends, as text, for any client.

    It takes the arguments of `session_cookie`, and raises the same errors.
    """
    cookies = session_cookie(options, data, ttl=ttl, created_at=created_at, user_id=user_id)
    return _join(cookies.items())


def _join(cookies: Collection[tuple[str, str]]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies)


# --- clients -----------------------------------------------------------------------------------


def log_in(
    client: object,
    options: SessionOptions[T] | Mapping[str, Any],
    data: Mapping[str, Any] | T,
    *,
    ttl: Seconds | None = None,
    created_at: datetime | None = None,
    user_id: str | None = None,
    url: str | None = None,
) -> None:
    """Put a session into a test client, as if the application had set it in a response.

    It replaces a session that the client has for this cookie.

    Args:
        client: a client of httpx or built on it (the test clients of Starlette, FastAPI, Litestar,
            Sanic's for ASGI); of Flask, werkzeug, Quart, Django, aiohttp; a `requests.Session`.
        options: as for `session_cookie`.
        data: as for `session_cookie`.
        ttl: as for `session_cookie`.
        created_at: as for `session_cookie`.
        user_id: as for `session_cookie`.
        url: the application's URL, if the client does not know it, or has another one.

    Raises:
        ConfigurationError: a client of another kind; one that would not send the cookie, such as a
            Secure one to an http:// URL; whatever `session_cookie` refuses.
        NotSerializableError: as `session_cookie`.
        CookieTooLargeError: as `session_cookie`.
        TypeError: as `session_cookie`.
    """
    options = _options_of(options)
    cookies = session_cookie(options, data, ttl=ttl, created_at=created_at, user_id=user_id)
    store = store_of(client, url, options.cookie)
    names = cookie_names(options.cookie_name)
    store.forget(names)
    secure = options.cookie.secure
    if secure == "auto":  # as the application would have set it for a request to this URL
        secure = store.url.startswith("https:")
    # Without Expires and Max-Age, which clients would compare with their own clock.
    attributes = replace(options.cookie, secure=secure, expires=None)
    store.receive(
        {name: serialize_cookie(name, value, attributes, None) for name, value in cookies.items()}
    )
    if unsent := cookies.keys() - store.sent(names):
        store.forget(names)
        raise ConfigurationError(
            f"{type(client).__name__} would not send the cookie {min(unsent)!r} to {store.url}: "
            + _why_not(attributes, store.url)
        )


def _why_not(cookie: CookieOptions, url: str) -> str:
    if cookie.secure and not url.startswith("https:"):
        return (
            'it is Secure. Give the client an https:// URL, as base_url="https://testserver", or '
            "build the application for the test with for_tests(options)"
        )
    if cookie.domain is not None:
        return f"its domain is {cookie.domain}. Give the client a URL of that domain, or url=…"
    return "its cookie jar does not keep it, or not the whole of it"


# --- reading -----------------------------------------------------------------------------------


class ReadSession(Session[T]):
    """A session that `read_session` found; its repr shows the data, for messages of tests."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<ReadSession {dict(self)}{', destroyed' if self.destroyed else ''}>"

    # Without its own __eq__, mypy --strict refuses a comparison with a dict.
    def __eq__(self, other: object) -> bool:
        """Return whether a mapping has the same data."""
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # typeshed has no other way to say so


@overload
def read_session(
    source: object, options: SessionOptions[T], *, url: str | None = None
) -> ReadSession[T] | None: ...
@overload
def read_session(
    source: object, options: Mapping[str, Any], *, url: str | None = None
) -> ReadSession[Any] | None: ...
def read_session(
    source: object, options: SessionOptions[Any] | Mapping[str, Any], *, url: str | None = None
) -> ReadSession[Any] | None:
    """Read what a response did to a session, or the session that a client holds.

    The result is equal to a mapping of the same data, and has `data`, `expires_at` and the rest.
    The hooks of the options are not called, and nothing is logged.

    Args:
        source: a response of any client that `log_in` accepts, with those of the redirects that led
            to it, if it has them; a response of a framework; a list of the values of `Set-Cookie`
            headers; or a client.
        options: as for `session_cookie`.
        url: as for `log_in`; Flask's client finds its cookies by it.

    Returns:
        The session. If a response expired it, an empty one that is `destroyed`. None if a response
        set no cookie of this session, or a client holds none.

    Raises:
        UnsealError: the cookie does not open with these options; see its `reason`. `"expired"`
            means that the session which a client holds has ended.
        ConfigurationError: a source of another kind, or options that can't be used.
    """
    options = _options_of(options)
    names = cookie_names(options.cookie_name)
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
    found = sealed.load(HeaderJar(header), options, _time.now_ms())
    if isinstance(found, sealed.Unreadable):
        raise found.error
    if found is None:
        return None
    # The hooks are for visitors' sessions.
    quiet = replace(options, on_unseal=None, on_unseal_error=None)
    session = ReadSession(HeaderJar(header), quiet)
    len(session)  # read it now: later the clock may be another one
    return session


def _receive(headers: Sequence[str], names: Collection[str]) -> dict[str, str]:
    """Return the values that a browser has after Set-Cookie headers; "" for an expired cookie."""
    received: dict[str, str] = {}
    for header in headers:
        pair = header.partition(";")[0]
        name, _, value = pair.partition("=")
        if name in names:
            has_ended = is_expired(header)
            received[name] = "" if has_ended else value.strip('"')  # some write "" for nothing
    return received
