"""What can end a session before its time: what `revocation` must do, as sessions see it.

A session is good, ended, or it can't be told. In the third case it is empty for this request, and
the browser's cookie is left as it is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Protocol, TypeAlias

__all__ = ["EndingInProgress", "Revoker", "Verdict"]

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
    waits for a store, but for `judge` at its first call in a process, which may wait for the first
    snapshot.
    """

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

    def end_soon(self, session_id: str, life_ms: int) -> EndingInProgress | None:
        """End a session at once in this process, and soon in all others.

        Args:
            session_id: the session's id.
            life_ms: how long a copy of its seal may still open.

        Returns:
            The ending; None if such endings are not stored.
        """
        ...

    def note_login(
        self, session_id: str, user_id: str, label: str | None, login_ms: int, expires_ms: int
    ) -> None:
        """Note who has signed in, if there is a directory of that. Times are of this server."""
        ...

    def note_seen(self, session_id: str, user_id: str, expires_ms: int) -> None:
        """Note that a session was written again, if there is a directory."""
        ...
