"""The sessions of one request, each begun when it is first asked for.

For a framework with which even that counts, at a request that leaves its session alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from iron_session.doors.headers import ResponseHeaders
from iron_session.doors.requests import REGISTRY, begin_session, check_not_served, find_session
from iron_session.doors.responses import (
    commit_early,
    header_jar,
    report_late_changes,
    report_refused,
    write_session,
)
from iron_session.sessions.options import SessionOptions
from iron_session.sessions.session import Session

__all__ = ["NONE", "LazySessions", "Offers", "keep_sessions", "sessions_of"]

_PASSED_BY: Final = (
    "the response did not pass the application that the session is of: have that one answer"
)

Offers: TypeAlias = Mapping[str, tuple[SessionOptions, type[Session]]]
"""By key: the options and the class of a session."""


class LazySessions:
    """A request's sessions, by the keys that the application knows them by.

    Args:
        at_end: takes a function to be called, with any one argument, when the request is over.
    """

    __slots__ = ("_at_end", "_begun", "_offered", "_started")

    def __init__(self, at_end: Callable[[Callable[[object], object]], object]) -> None:
        self._at_end = at_end
        self._offered: Offers = {}
        self._begun: dict[str, Any] | None = None  # the request's mapping, see `requests`
        self._started = False

    def offer(self, offers: Offers) -> None:
        """Have these sessions begun when they are asked for; the mapping is not changed.

        One that was abandoned is begun anew: the request is tried again.
        """
        self._offered = {**self._offered, **offers} if self._offered else offers
        if self._begun:
            _forget_abandoned(self._begun, offers)

    def ask(
        self,
        key: str,
        line: str,
        cookie_header: Callable[[], str],
        have_gone: Callable[[], bool],
    ) -> Session:
        """Give a session; should its changes be lost, the log will say so at the end.

        Args:
            key: the session's.
            line: the one to add to the application if none is offered by this key.
            cookie_header: the request's, as `HeaderJar` takes it.
            have_gone: tells at the end whether the headers of a response went, by `write` or not.

        Raises:
            ConfigurationError: none is offered.
        """
        begun = {} if self._begun is None else self._begun
        if key in self._offered and key not in begun:
            options, session_type = self._offered[key]
            session = begin_session(begun, key, options, cookie_header, session_type)
            self._begun = begun
            if self._started:
                header_jar(session).close()
            self._at_end(lambda _: _report_end(session, have_gone))
        return find_session(begun, key, line)

    def _find(self, key: str) -> Session | None:
        return None if self._begun is None else self._begun.get(key)

    def check_not_served(self, options: SessionOptions) -> None:
        """Refuse a second session for one cookie, as `requests.check_not_served`."""
        served = {one.cookie_name: None for one, _ in self._offered.values()}
        check_not_served({REGISTRY: served}, options)

    def commit(self, key: str) -> None:
        """Commit a session early, if it was asked for: where an error can still be answered.

        Raises:
            IronSessionError: as `Session.commit`.
        """
        session = self._find(key)
        if session is not None:
            commit_early(session)

    def abandon(self, key: str) -> None:
        """Leave the browser's session as it is: the request has failed."""
        session = self._find(key)
        if session is not None:
            session.abandon()

    def start(self) -> bool:
        """Tell whether one was asked for, and needs `write`; else note that a response starts."""
        if self._begun is not None:
            return True
        self._started = True
        return False

    def write(self, key: str, headers: ResponseHeaders, *, have_gone: bool) -> None:
        """Write a session into the headers of a response that starts now, if it was asked for.

        Args:
            key: the session's.
            headers: the response's.
            have_gone: whether those of an earlier response went; else that one failed.

        Raises:
            IronSessionError: as `Session.commit`; the headers are as they were.
        """
        session = self._find(key)
        if session is not None and not (have_gone and header_jar(session).closed):
            header_jar(session).reopen()
            write_session(session, headers)
            header_jar(session).close()
        self._started = True


def _forget_abandoned(begun: dict[str, Any], keys: Iterable[str]) -> None:
    for key in keys:
        session = begun.get(key)
        if session is not None and session.abandoned:
            del begun[key], begun[REGISTRY][session.options.cookie_name]


def _report_end(session: Session, have_gone: Callable[[], bool]) -> None:
    if header_jar(session).closed:
        report_late_changes(session)
    elif have_gone():
        report_refused(session, _PASSED_BY)


NONE: Final = LazySessions(id)
"""Those of a request that none are kept for; none can be asked for."""

_KEPT: Final = "_iron_sessions"


def keep_sessions(
    owner: object, at_end: Callable[[Callable[[object], object]], object]
) -> LazySessions:
    """Make a request's sessions, to be found by an object of the framework's.

    Args:
        owner: the one that all copies of the request have, and no other request.
        at_end: as `LazySessions` takes it.
    """
    sessions = LazySessions(at_end)
    setattr(owner, _KEPT, sessions)
    return sessions


def sessions_of(owner: object) -> LazySessions:
    """Give the sessions that are kept on an object, or `NONE`."""
    found = getattr(owner, _KEPT, NONE)
    return found if isinstance(found, LazySessions) else NONE  # a mock has every attribute
