"""The sessions of one request, where one door of a framework serves several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from iron_session.doors.headers import ResponseHeaders
from iron_session.doors.requests import check_apart
from iron_session.doors.responses import (
    REFUSED,
    header_jar,
    report_late_changes,
    report_refused,
    write_session,
)
from iron_session.errors import ConfigurationError
from iron_session.sessions.options import SessionOptions
from iron_session.sessions.session import Session

__all__ = ["FIRST", "SessionGroup", "group_of", "has_sessions", "join_options", "keep_sessions"]

FIRST: Final = "session"
"""The key of the framework's own session."""

_KEPT: Final = "_iron_sessions"


def join_options(
    options: SessionOptions, others: Mapping[str, SessionOptions]
) -> dict[str, SessionOptions]:
    """Give the options of all of a door's sessions by key, checked.

    Raises:
        ConfigurationError: some are no `SessionOptions`, or two share a key or a cookie.
    """
    if FIRST in others:
        raise ConfigurationError(f"the key {FIRST!r} is the first session's: take another one")
    joined = {FIRST: options, **others}
    check_apart(joined)
    return joined


class SessionGroup(dict[str, Session]):
    """A request's sessions, by the keys that the application knows them by.

    Attributes:
        in_test: whether a test client has taken them out, to change them by itself.
    """

    in_test: bool = False

    @property
    def started(self) -> bool:
        """Whether the response's headers have gone."""
        return header_jar(self[FIRST]).closed

    def commit(self) -> None:
        """Commit all of them early, where the application can still answer what that raises.

        Raises:
            IronSessionError: as `Session.commit`.
        """
        for session in self.values():
            session.commit()

    def write(self, headers: ResponseHeaders) -> None:
        """Write all of them into the headers of a response that starts now.

        Raises:
            IronSessionError: as `Session.commit`; the response does not start, and what has been
                written into its headers is written into the next one's too.
        """
        for session in self.values():
            write_session(session, headers)
        self.close()

    def close(self) -> None:
        """Refuse every later write: the headers have gone."""
        for session in self.values():
            header_jar(session).close()

    def reopen(self) -> None:
        """Take writes again: the headers did not go after all."""
        for session in self.values():
            header_jar(session).reopen()

    def abandon(self) -> None:
        """Leave the browser's sessions as they are: the request has failed."""
        for session in self.values():
            session.abandon()

    def report_late_changes(self) -> None:
        """Say so in the log when one was changed after the headers had gone."""
        for session in self.values():
            report_late_changes(session)

    def report_refused(self, why: str = REFUSED) -> None:
        """Say so in the log when one was changed and the WebSocket was closed, not accepted."""
        for session in self.values():
            report_refused(session, why)

    def report_end(self, *, failed: bool) -> None:
        """Say so in the log when one was changed that a WebSocket, which has ended, did not carry.

        Args:
            failed: whether the request has: then only what came too late counts.
        """
        if self.started:
            self.report_late_changes()
        elif not failed:
            self.report_refused()


def keep_sessions(request: object, sessions: Session | SessionGroup) -> None:
    """Keep the sessions of a request, or its only one, on the framework's object for it.

    Not in the request's mapping, which an application within another shares with that.
    """
    setattr(request, _KEPT, sessions)


def has_sessions(request: object) -> bool:
    """Tell whether sessions were kept."""
    return hasattr(request, _KEPT)


def group_of(request: object) -> SessionGroup:
    """Give the sessions that were kept; an empty group where there are none."""
    kept: Session | SessionGroup | None = getattr(request, _KEPT, None)
    if isinstance(kept, Session):  # alone: most requests need no group of it
        return SessionGroup({FIRST: kept})
    return SessionGroup() if kept is None else kept
