"""What can end a session before its time: `revocations`, and the application's own `accept`.

A session is good, ended, or it can't be told. In the third case it is empty for this request, and
the browser's cookie is left as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from iron_session import _json
from iron_session._frames import clear_frames
from iron_session._log import log_some
from iron_session.errors import UnsealReason
from iron_session.sessions.identity import user_in

if TYPE_CHECKING:
    from iron_session.seals.mark import Mark
    from iron_session.sessions.events import Unsealed
    from iron_session.sessions.options import SessionOptions
    from iron_session.sessions.session import Session

__all__ = ["PROBLEMS", "Accept", "EndingInProgress", "Revoker", "Verdict", "judge"]

Accept: TypeAlias = "Callable[[dict[str, Any], Unsealed], bool]"

Verdict: TypeAlias = Literal["good", "ended", "unavailable"]
"""Whether a session may be used; `"unavailable"` if that can't be told right now."""


class EndingInProgress(Protocol):
    """An ending that holds in this process already, and is on its way to the store."""

    def wait(self, seconds: float) -> bool:
        """Write it to the store in this thread, for at most so long; return whether it is there."""
        ...

    async def wait_async(self, seconds: float) -> bool:
        """Do as `wait`, without blocking the event loop."""
        ...


class Revoker(Protocol):
    """What ends sessions: the value of `SessionOptions(revocations=…)`.

    All times are milliseconds of the store's clock, which never goes back. None of these functions
    waits for a store, but for `await_until_ready` and `end_user`, and for `judge` at its first call
    in a process, which may wait for the first snapshot.
    """

    def start(self) -> None:
        """Start to follow the store, if this process does not yet; do not wait for it."""
        ...

    async def await_until_ready(self, seconds: float) -> bool:
        """Wait until sessions can be judged, for at most so long; return whether they can.

        Raises:
            ConfigurationError: the store can't work as it is set up.
        """
        ...

    def register(self, ttl_ms: int, max_lifetime_ms: int) -> None:
        """Note the longest lives of sessions: called when options are built."""
        ...

    def judge(
        self, session_id: str | None, user_ids: Collection[str], since: int | None
    ) -> Verdict:
        """Return whether a session may be used.

        Args:
            session_id: the session's id; None if its seal has none.
            user_ids: the users that the seal and the application name; usually one or none.
            since: from when on endings count, as the seal has it; None if it does not say.
        """
        ...

    def now(self, user_id: str | None = None) -> int:
        """Return the `since` of a session that begins now, later than each ending known for a user.

        Raises:
            SessionUnavailableError: the store's clock was never read in this process.
        """
        ...

    def end_soon(self, session_id: str) -> EndingInProgress | None:
        """End a session at once in this process, and soon in all others.

        Returns:
            The ending; None if such endings are not stored.
        """
        ...

    def end_user(self, user_id: str, *, keep: Session[Any] | None = None) -> object:
        """End all sessions of a user that have begun until now, in the store too.

        Args:
            user_id: the user's id.
            keep: the one session that is left alone; it must be of this user, and saved.

        Raises:
            IronSessionError: the session to keep has ended, or the store can't be reached.
        """
        ...

    async def aend_user(self, user_id: str, *, keep: Session[Any] | None = None) -> object:
        """Do as `end_user`, without blocking the event loop."""
        ...

    def note_login(
        self,
        session_id: str,
        user_id: str,
        label: str | None,
        login_ms: int,
        since_ms: int | None,
        expires_ms: int,
    ) -> None:
        """Note who has signed in, if there is a directory of that.

        Times are of this server, but for `since_ms`: from when on endings count for the session.
        """
        ...

    def note_seen(self, session_id: str, user_id: str, expires_ms: int) -> None:
        """Note that a session was written again, if there is a directory."""
        ...


PROBLEMS: Final[dict[UnsealReason, str]] = {
    "ended": "the session was ended",
    "refused": "the application's accept has refused the session",
    "unavailable": "it can't be told whether the session was ended",
}
"""What is wrong with a session of which `judge` gives the reason."""


def judge(
    data: dict[str, Any],
    mark: Mark,
    options: SessionOptions[Any],
    describe: Callable[[str | None], Unsealed],
) -> tuple[UnsealReason | None, str | None]:
    """Ask all that can end a session whether this one may be used.

    Args:
        data: its data.
        mark: its mark.
        options: its options.
        describe: makes the second argument of `accept`, given the user's id.

    Returns:
        Why it may not be used, or None; and the user whose session it is, or None.
    """
    try:
        user_id = user_in(data, mark, options)
    except Exception as error:  # raised by the application's code, on data it did not foresee
        del data, describe  # error trackers show the variables of the frames in a traceback
        clear_frames(error)
        _log_raised("user_of", error)
        return "unavailable", None
    revoker = options.revocations
    if revoker is not None:
        users = {one for one in (user_id, mark.user_id) if one is not None}
        verdict = revoker.judge(mark.session_id, users, mark.since_ms)
        if verdict != "good":
            return verdict, user_id
    if options.accept is not None:
        return _ask(options.accept, data, describe(user_id)), user_id
    return None, user_id


def _ask(accept: Accept, data: dict[str, Any], about: Unsealed) -> UnsealReason | None:
    """Ask the application; it gets a copy, so that nothing it does to that is written."""
    try:
        answer: object = accept(_json.decode(_json.encode(data, "session")), about)
        if inspect.iscoroutine(answer):
            answer.close()
        if not isinstance(answer, bool):  # a coroutine, for one, would count as true
            raise TypeError(f"accept must return True or False, not {type(answer).__name__}")
    except Exception as error:
        del data
        clear_frames(error)
        _log_raised("accept", error)
        return "unavailable"
    return None if answer else "refused"


def _log_raised(name: str, error: Exception) -> None:
    """Log that an option's function has raised: one cookie can make it do so again and again."""
    log_some(
        (name, type(error).__name__),
        "ERROR",
        "%s raised; the session counts as empty",
        name,
        with_traceback=True,
    )
