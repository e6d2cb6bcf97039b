"""The sessions of one request, each begun when it is first asked for.

aiohttp calls the middleware for every request. If a request never uses its session, even beginning
one would take noticeable time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from iron_session.errors import IronSessionError
from iron_session.http.headers import ResponseHeaders
from iron_session.http.heads import AnyHead
from iron_session.http.request import (
    REGISTRY,
    RequestSessions,
    check_apart,
    check_not_served,
    find_session,
    installed_twice,
)
from iron_session.http.response import end_session, header_jar, write_session
from iron_session.sessions.options import SessionOptions
from iron_session.sessions.session import Session

__all__ = ["NONE", "LazySessions", "Offers", "keep_sessions", "sessions_of", "write_sessions"]

_PASSED_BY: Final = (
    "the response bypassed the application that owns the session: have that application answer"
)

Offers: TypeAlias = Mapping[str, tuple[SessionOptions, type[Session]]]
"""By key: the options and the class of a session."""


class _Offered(NamedTuple):
    """A registry entry for a session that has not begun."""

    options: SessionOptions


class LazySessions(RequestSessions):
    """A request's sessions, each of which begins when it is first asked for.

    Args:
        at_end: registers a function to call, with one argument, when the request is over.
    """

    __slots__ = ("_at_end", "_given_back", "_offered", "_registry", "_starts")

    def __init__(self, at_end: Callable[[Callable[[object], object]], object]) -> None:
        super().__init__()
        self._at_end = at_end
        self._offered: Offers = {}
        self._given_back: dict[str, bool] = {}  # by key: whether the handler that had it failed
        self._registry: dict[str, Any] = {}  # instead of a mapping of the request's own
        self._starts = False  # whether a response has started

    def offer(self, offers: Offers) -> None:
        """Make these sessions available; each begins when it is first asked for.

        `offers` is not changed. If a session was abandoned, it begins anew: the request is handled
        again.
        """
        self._offered = {**self._offered, **offers} if self._offered else offers
        if self.by_key:
            self._forget_abandoned(offers)

    def lend(self, key: str, options: SessionOptions) -> None:
        """Offer a session to one handler, until `give_back`.

        If a handler that has failed is called again, its session starts again. If one that has
        not failed is called again, it keeps its session.

        Raises:
            ConfigurationError: a session with this key or cookie is already offered.
        """
        others = {
            other: one
            for other, (one, _) in self._offered.items()
            if not (other in self._given_back and one is options)
        }
        if key in others:
            raise installed_twice(options.cookie_name, key)
        if others:
            check_apart({**others, key: options})
        if self._given_back.pop(key, False):
            self.abandon_one(key)
        self.offer({key: (options, Session)})

    def give_back(self, key: str, *, failed: bool) -> None:
        """Note that the handler has ended to which a session was lent."""
        self._given_back[key] = failed

    def ask(
        self,
        key: str,
        line: str,
        head: AnyHead,
        have_gone: Callable[[], bool],
    ) -> Session:
        """Return a session; if its changes are lost, this is logged at the end.

        Args:
            key: the session's.
            line: the line of code that adds a session, for the error if there is none.
            head: the request's.
            have_gone: returns, at the end, whether any response's headers were sent.

        Raises:
            ConfigurationError: no session has this key.
        """
        if key in self._offered and key not in self.by_key:
            options, session_type = self._offered[key]
            session = self.begin(self._registry, key, options, head, session_type)
            if self._starts:
                header_jar(session).close()
            self._at_end(lambda _: _report_end(session, have_gone))
        return find_session(self.by_key, key, line)

    def check_not_served(self, options: SessionOptions) -> None:
        """Refuse a second session for one cookie, as `http.request.check_not_served` does."""
        served = {one.cookie_name: _Offered(one) for one, _ in self._offered.values()}
        check_not_served({REGISTRY: served}, options)

    def commit_one(self, key: str) -> None:
        """Commit a session early, if it has begun, while an error can still be handled.

        Raises:
            IronSessionError: as `Session.commit`.
        """
        session = self.by_key.get(key)
        if session is not None and not header_jar(session).closed:
            session.commit()

    def abandon_one(self, key: str) -> None:
        """Leave the browser's session as it is: the request has failed."""
        session = self.by_key.get(key)
        if session is not None:
            session.abandon()

    def start(self) -> bool:
        """Return whether any session has begun and needs `write_one`; a response starts now."""
        if self.by_key:
            return True
        self._starts = True
        return False

    def write_one(
        self, key: str, headers: ResponseHeaders, *, have_gone: bool, cacheable: bool = True
    ) -> None:
        """Write a session, if it has begun, into the headers of a response that starts now.

        Args:
            key: the session's.
            headers: the response's.
            have_gone: whether an earlier response's headers were sent; if not, it failed.
            cacheable: whether caches may keep the response; False for a WebSocket's.

        Raises:
            IronSessionError: as `Session.commit`; the headers are as they were.
        """
        session = self.by_key.get(key)
        if session is not None and not (have_gone and header_jar(session).closed):
            header_jar(session).reopen()
            write_session(session, headers)
            header_jar(session).varies = cacheable
            header_jar(session).close()
        self._starts = True

    def _forget_abandoned(self, keys: Iterable[str]) -> None:
        for key in keys:
            session = self.by_key.get(key)
            if session is not None and session.abandoned:
                del self.by_key[key], self._registry[key]
                del self._registry[REGISTRY][session.options.cookie_name]


def _report_end(session: Session, have_gone: Callable[[], bool]) -> None:
    passed_by = not header_jar(session).closed and have_gone()
    end_session(session, uncarried=_PASSED_BY if passed_by else None)


NONE: Final = LazySessions(id)
"""The sessions of a request without any: no key is known."""

_KEPT: Final = "_iron_sessions"


def keep_sessions(
    owner: object, at_end: Callable[[Callable[[object], object]], object]
) -> LazySessions:
    """Make a request's sessions, and keep them on an object of the framework.

    Args:
        owner: the object, which all copies of the request share, and no other request has.
        at_end: see `LazySessions`.
    """
    sessions = LazySessions(at_end)
    setattr(owner, _KEPT, sessions)
    return sessions


def sessions_of(owner: object) -> LazySessions:
    """Return the sessions that are kept on an object, or `NONE`."""
    found = getattr(owner, _KEPT, NONE)
    return found if isinstance(found, LazySessions) else NONE  # a mock has every attribute


def write_sessions(
    writer: Any, keys: Iterable[str], headers: ResponseHeaders, *, cacheable: bool
) -> LazySessions:
    """Write the sessions that were asked for into the headers of a response that starts now.

    Args:
        writer: the request's writer, on which they are kept.
        keys: the keys of the sessions.
        headers: the response's.
        cacheable: see `LazySessions.write_one`.

    Returns:
        All sessions of the request.

    Raises:
        IronSessionError: as `Session.commit`; another response can still be sent.
    """
    sessions = sessions_of(writer)
    if not sessions.start():
        return sessions
    have_gone = writer.output_size > 0
    try:
        for key in keys:
            sessions.write_one(key, headers, have_gone=have_gone, cacheable=cacheable)
    except IronSessionError:
        # aiohttp has prepared the writer for this response; now another one will use it.
        vars(writer).update(chunked=False, _compress=None)
        raise
    return sessions
