"""How a request gets its session: the rule that every integration applies.

A request has some mapping of its own: ASGI's scope, WSGI's environ, what a framework calls its
context. Its sessions are kept there, under the key that the application knows, and in a registry
by cookie name, so that no cookie is served twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final

from iron_session.errors import ConfigurationError
from iron_session.sessions import chunks
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions, check_options
from iron_session.sessions.session import Session

__all__ = [
    "REGISTRY",
    "adopt_replacement",
    "attach_session",
    "begin_session",
    "check_apart",
    "check_not_served",
    "cookies_in",
    "environ_cookie_header",
    "find_session",
    "installed_twice",
    "join_cookie_headers",
    "raw_cookie_header",
    "register",
]

REGISTRY: Final = "iron_session.registry"
"""The request's key for all of its sessions, a dict by cookie name."""


def join_cookie_headers(values: Iterable[str]) -> str:
    """Join a request's `Cookie` headers: HTTP/2 allows several (RFC 9113, 8.2.3)."""
    return "; ".join(values)


def cookies_in(headers: Any) -> Callable[[], str]:
    """Tell how the `Cookie` header is read from a `multidict`, as aiohttp and Sanic have it."""
    return lambda: join_cookie_headers(headers.getall("Cookie", ()))


def raw_cookie_header(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Give the `Cookie` header of ASGI's headers."""
    return join_cookie_headers(
        [value.decode("latin-1") for name, value in headers if name.lower() == b"cookie"]
    )


def environ_cookie_header(environ: Mapping[str, Any], cookie_name: str) -> str | None:
    """Give the `Cookie` header of WSGI's environ, for the session of this name.

    Servers join several by a comma, which other cookies may have in their values. So only a comma
    that one of ours follows is taken for such a joint; no seal has a comma in it.
    """
    header: str | None = environ.get("HTTP_COOKIE")
    if header is None or "," not in header:
        return header
    return re.sub(rf", *(?={re.escape(cookie_name)}(?:\.[0-9])?=)", "; ", header)


def begin_session(
    request: MutableMapping[str, Any],
    key: str,
    options: SessionOptions,
    cookie_header: str | Callable[[], str] | None,
    session_type: type[Session] = Session,
) -> Session:
    """Give a request its session, in the request's mapping under `key`.

    Args:
        request: the request's mapping.
        key: where the application looks for the session.
        options: checked already, when the integration was installed.
        cookie_header: as `HeaderJar` takes it.
        session_type: the session's class, where an integration has one of its own.

    Raises:
        ConfigurationError: the request has a session for this key or cookie already.
    """
    session = session_type(HeaderJar(cookie_header), options)
    attach_session(request, key, options.cookie_name, session)
    return session


def attach_session(
    request: MutableMapping[str, Any], key: str, cookie_name: str, session: Session
) -> None:
    """Put a session, which serves the cookie of this name, into a request's mapping under `key`.

    Raises:
        ConfigurationError: the request has a session for this key or cookie already.
    """
    if REGISTRY not in request:  # so it is with most requests: they have one session
        request[REGISTRY] = {cookie_name: session}
    else:
        if isinstance(request.get(key), Session):
            raise installed_twice(cookie_name, key)
        register(request, key, cookie_name, session)
    request[key] = session


def register(
    request: MutableMapping[str, Any], key: str, cookie_name: str, session: object
) -> None:
    """Note what serves a cookie, chunks included: a session, or what will begin it.

    Raises:
        ConfigurationError: another one does already.
    """
    registry = request.get(REGISTRY)
    if registry is None:
        request[REGISTRY] = {cookie_name: session}
        return
    if _overlaps(cookie_name, registry):
        raise installed_twice(cookie_name, key)
    registry[cookie_name] = session


def installed_twice(cookie_name: str, key: str) -> ConfigurationError:
    """Give the error of a second session for one cookie or key."""
    return ConfigurationError(
        f"iron-session is installed twice for the cookie {cookie_name!r} or the key {key!r}: "
        "remove one, or give each a cookie name and a key of its own"
    )


def check_apart(sessions: Mapping[str, SessionOptions]) -> None:
    """Refuse, when an integration is installed with several sessions, two for one cookie.

    Raises:
        ConfigurationError: it names the cookie and the key of the later one.
    """
    names: list[str] = []
    for key, options in sessions.items():
        name = check_options(options).cookie_name
        if _overlaps(name, names):
            raise installed_twice(name, key)
        names.append(name)


def check_not_served(request: Mapping[str, Any], options: SessionOptions) -> None:
    """Refuse a second session for one cookie: the one could undo the other's logout.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or the request has a session for
            this cookie.
    """
    name = check_options(options).cookie_name
    if _overlaps(name, request.get(REGISTRY, ())):
        raise ConfigurationError(
            f"the framework's own door serves the cookie {name!r} already: use its session, or "
            "take it away"
        )


def _overlaps(cookie_name: str, others: Iterable[str]) -> bool:
    mine = set(chunks.names(cookie_name))
    return any(not mine.isdisjoint(chunks.names(other)) for other in others)


def find_session(request: Mapping[str, Any], key: str, line: str) -> Session:
    """Give the session that `begin_session` put into a request's mapping.

    Raises:
        ConfigurationError: there is none; `line` is the one to add to the application.
    """
    session = request.get(key)
    if not isinstance(session, Session):
        raise ConfigurationError(f"the request has no session under the key {key!r}: add {line}")
    return session


def adopt_replacement(request: MutableMapping[str, Any], key: str, session: Session) -> None:
    """Take over a plain dict that the application has put in its session's place.

    An abandoned session takes nothing over.

    Raises:
        NotSerializableError: it holds what JSON can't carry.
    """
    found = request.get(key)
    if type(found) is dict and not session.abandoned:
        request[key] = session  # first: should it be refused, then only once
        session.replace(found)
