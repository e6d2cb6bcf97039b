"""The sessions of a request, from beginning to end: the rules that every integration applies.

A request has a mapping of its own: ASGI's scope, WSGI's environ, a framework's context. Each
session is kept there, under the key that the application uses, and in a registry by cookie name, so
that no two sessions use the same cookie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from itertools import combinations
from typing import Any, Final

from iron_session import _time
from iron_session._frames import clear_frames, guarded
from iron_session._log import warn_once
from iron_session.errors import ConfigurationError, IronSessionError
from iron_session.http.headers import ResponseHeaders
from iron_session.http.heads import CookieHead
from iron_session.http.response import (
    NOTE,
    ResponseJar,
    end_session,
    header_jar,
    note_cookies,
    take_off,
    write_session,
)
from iron_session.sessions import session as core
from iron_session.sessions.cookies import cookie_names
from iron_session.sessions.endings import EndingInProgress
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

__all__ = [
    "REGISTRY",
    "RequestSessions",
    "attach_session",
    "check_apart",
    "check_not_served",
    "find_session",
    "installed_twice",
    "no_session",
    "register",
    "session_by_hand",
    "warn_of_foreign_session",
]

_PATIENCE_MS: Final = 1000

REGISTRY: Final = "iron_session.registry"
"""The request's key for all of its sessions, a dict by cookie name."""


class RequestSessions:
    """The sessions of one request that one integration manages, from beginning to end.

    Call in this order: `begin`, for each session; `abandon`, if the request has failed; `write`,
    when the response's headers are about to be sent, then `settle` or `asettle`, and `reopen`, if
    they were not sent after all; `end`, when the request is over. `commit` may come before `write`,
    where the application can still answer an error.

    Attributes:
        by_key: the sessions, by the keys that the application uses for them.
    """

    __slots__ = ("by_key",)

    def __init__(self) -> None:
        self.by_key: dict[str, Session] = {}

    @staticmethod
    def of(request: Mapping[str, Any]) -> RequestSessions:
        """Return the sessions that are in a request's mapping, where the gateways put them."""
        sessions = RequestSessions()
        sessions.by_key = {key: one for key, one in request.items() if isinstance(one, Session)}
        return sessions

    def begin(
        self,
        request: MutableMapping[str, Any],
        key: str,
        options: SessionOptions,
        head: CookieHead,
        session_type: type[Session] = Session,
        *,
        nested: bool = False,
    ) -> Session:
        """Begin a session, and put it into the request's mapping; no cookie is read yet.

        Args:
            request: the request's mapping.
            key: the key in it under which the application finds the session.
            options: options that were checked when the integration was installed.
            head: the request's headers.
            session_type: the session's class, if an integration has one of its own.
            nested: whether the session belongs to an application mounted in another, which may have
                a session with the same key.

        Raises:
            ConfigurationError: the request has a session for this key or cookie already.
        """
        session = session_type(HeaderJar(head.cookie_header, head), options)
        try:
            attach_session(request, key, session, nested=nested)
        except BaseException as error:
            del request, head
            clear_frames(error)
            raise
        self.by_key[key] = session
        return session

    @property
    def started(self) -> bool:
        """Whether the response's headers were sent."""
        return any(header_jar(session).closed for session in self.by_key.values())

    def commit(self, body: object = None) -> None:
        """Commit all sessions early, while the application can still answer an error.

        Args:
            body: the response's body; closed on an error, since it will not be sent.

        Raises:
            IronSessionError: as `Session.commit`.
        """
        try:
            for session in self.by_key.values():
                if not header_jar(session).closed:
                    session.commit()
        except IronSessionError:
            close = getattr(body, "close", None)
            if close is not None:
                close()
            raise

    def write(self, headers: ResponseHeaders) -> None:
        """Commit all sessions, and write them into the headers of a response that starts now.

        Raises:
            IronSessionError: as `Session.commit`; the response does not start, and what has been
                written into its headers will be written into those of the next one too.
        """
        for session in self.by_key.values():
            write_session(session, headers)
        self.close()

    def write_noted(self, owner: Any, headers: ResponseHeaders, note: str = NOTE) -> list[str]:
        """Write as `write`, into a response that the application may use for later requests too.

        Args:
            owner: the response, or whatever of it the record of the cookies is kept on.
            headers: its headers.
            note: see `note_cookies`.

        Returns:
            The values of `Set-Cookie` that the sessions have.

        Raises:
            IronSessionError: as `Session.commit`.
        """
        if getattr(owner, note, ()):
            take_off(owner, headers, note)
        cookies: list[str] = []
        try:
            self.write(headers)
        finally:
            for session in self.by_key.values():
                cookies += header_jar(session).set_cookie_headers
            if cookies:
                note_cookies(owner, cookies, note)
        return cookies

    @property
    def endings(self) -> list[EndingInProgress]:
        """What was ended in this request, and is not known to be in its store."""
        return [ending for session in self.by_key.values() for ending in session.endings]

    def settle(self) -> None:
        """Wait for the store of endings, for at most a second, before a response is sent.

        A visitor who reads that the logout is done may rely on it. What the store does not have by
        then, it gets later.
        """
        last = _time.elapsed_ms() + _PATIENCE_MS
        for ending in self._taken_endings():
            ending.wait(max(0, last - _time.elapsed_ms()) / 1000)

    async def asettle(self) -> None:
        """Do the same in a coroutine."""
        last = _time.elapsed_ms() + _PATIENCE_MS
        for ending in self._taken_endings():
            await ending.wait_async(max(0, last - _time.elapsed_ms()) / 1000)

    def _taken_endings(self) -> list[EndingInProgress]:
        taken = self.endings
        for session in self.by_key.values():
            session.endings = ()
        return taken

    def close(self) -> None:
        """Refuse every later write: the headers were sent."""
        for session in self.by_key.values():
            header_jar(session).closed = True

    def reopen(self) -> None:
        """Accept writes again: the headers were not sent after all."""
        for session in self.by_key.values():
            header_jar(session).reopen()

    def stop_varying(self) -> None:
        """Stop asking for `Vary`: no cache can keep what is still to be sent."""
        for session in self.by_key.values():
            header_jar(session).varies = False

    def abandon(self) -> None:
        """Leave the browser's sessions as they are: the request has failed."""
        for session in self.by_key.values():
            session.abandon()

    def end(self, uncarried: str | None = None) -> None:
        """End the request, and log the changes that the browser will not get.

        Args:
            uncarried: why no response has carried the sessions; None if one has.
        """
        for session in self.by_key.values():
            end_session(session, uncarried=uncarried)


def attach_session(
    request: MutableMapping[str, Any], key: str, session: Session, *, nested: bool = False
) -> None:
    """Put a session into a request's mapping under `key`.

    Args:
        request: the request's mapping.
        key: the key under which the application finds the session.
        session: the session, for the cookie of its options.
        nested: whether it belongs to an application mounted in another, which may have a session
            with this key.

    Raises:
        ConfigurationError: the request has a session for this key or cookie already.
    """
    options = session.options
    name = options.cookie_name
    if REGISTRY not in request:  # true for most requests: they have one session
        request[REGISTRY] = {name: session}
    else:
        if not nested and isinstance(request.get(key), Session):
            raise installed_twice(name, key)
        register(request, key, name, session, options)
    request[key] = session


def register(
    request: MutableMapping[str, Any],
    key: str,
    cookie_name: str,
    session: object,
    options: SessionOptions,
) -> None:
    """Register what manages a cookie, chunks included: a session, or what will begin it.

    Raises:
        ConfigurationError: another one manages it already.
    """
    registry = request.get(REGISTRY)
    if registry is None:
        request[REGISTRY] = {cookie_name: session}
        return
    if _overlaps(cookie_name, registry):
        raise installed_twice(cookie_name, key)
    for other in registry.values():
        _warn_of_shared_password(options, other.options)
    registry[cookie_name] = session


def installed_twice(cookie_name: str, key: str) -> ConfigurationError:
    """Return the error for a second session with the same cookie or key."""
    return ConfigurationError(
        f"iron-session is installed twice for the cookie {cookie_name!r} or the key {key!r}: "
        "remove one, or give each a cookie name and a key of its own"
    )


@guarded
def check_apart(sessions: Mapping[str, SessionOptions]) -> None:
    """Refuse two sessions with the same cookie, when an integration is installed with several.

    Raises:
        ConfigurationError: the message names the cookie and the key of the second one.
    """
    names: list[str] = []
    for key, options in sessions.items():
        name = check_options(options).cookie_name
        if _overlaps(name, names):
            raise installed_twice(name, key)
        names.append(name)
    for one, other in combinations(sessions.values(), 2):
        _warn_of_shared_password(one, other)


@guarded
def check_not_served(request: Mapping[str, Any], options: SessionOptions) -> None:
    """Refuse a second session for one cookie: one of them could undo a logout by the other.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or the request has a session for
            this cookie.
    """
    name = check_options(options).cookie_name
    served = request.get(REGISTRY, {})
    if _overlaps(name, served):
        raise ConfigurationError(
            f"the integration already manages the cookie {name!r}: use its session, or remove it"
        )
    for other in served.values():
        _warn_of_shared_password(options, other.options)


@guarded
def session_by_hand(
    request: Mapping[str, Any],
    options: SessionOptions[T],
    head: CookieHead,
    headers: ResponseHeaders,
    has_gone: Callable[[], bool] = bool,
) -> Session[T]:
    """Return a session of the explicit form: only its `save()` and `destroy()` write.

    Args:
        request: the request's mapping.
        options: the session's options, built once, at import time.
        head: the request's headers.
        headers: the headers of the response that will be sent.
        has_gone: returns whether they were sent already; leave it out if a framework can't say.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or the request has a session for
            this cookie.
    """
    check_not_served(request, options)
    return core.get_iron_session(ResponseJar(head, headers, has_gone), options)


def _warn_of_shared_password(one: SessionOptions, other: SessionOptions) -> None:
    """Log that each of two sessions opens as the other: a seal does not name its cookie."""
    names = one.cookie_name, other.cookie_name
    key = ("shared password", *sorted(names))
    if key not in _compared:
        _compared.add(key)
        if one.passwords.shares_one_with(other.passwords):
            warn_once(
                key,
                "the sessions %r and %r share a password, so the cookie of one opens as the other: "
                "an ordinary visitor could become an administrator. Give each session a password "
                "of its own",
                *names,
            )


_compared: set[tuple[str, ...]] = set()
"""Pairs of cookie names whose passwords were compared: once is enough."""


def _overlaps(cookie_name: str, others: Iterable[str]) -> bool:
    mine = set(cookie_names(cookie_name))
    return any(not mine.isdisjoint(cookie_names(other)) for other in others)


def find_session(request: Mapping[str, Any], key: str, line: str) -> Session:
    """Return the session in a request's mapping.

    Raises:
        ConfigurationError: there is none; the message says to add `line` to the application.
    """
    session = request.get(key)
    if not isinstance(session, Session):
        del request, session  # the request holds cookies, and an error shows variables
        raise no_session(key, line)
    return session


def no_session(key: str, line: str) -> ConfigurationError:
    """Return the error for a session that is not installed; it says to add `line`."""
    return ConfigurationError(f"the request has no session under the key {key!r}: add {line}")


def warn_of_foreign_session(kind: type, key: str, cookie_name: str, mend: str) -> None:
    """Log, once, that an object of another kind has replaced the session in the request."""
    what = f"{kind.__module__}.{kind.__qualname__}"
    warn_once(
        ("foreign session", cookie_name, what),
        "the request has two sessions under %r: that of the cookie %r, and one by %s, which the "
        "application sees instead. %s",
        *(key, cookie_name, what, mend),
    )
