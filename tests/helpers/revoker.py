"""What ends sessions, in its simplest form: marks in memory, and a clock that a test can move."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field

from iron_session import Session, SessionUnavailableError
from iron_session.sessions.endings import Verdict


@dataclass
class Ending:
    """An ending that is written when somebody waits for it."""

    session_id: str
    waited: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> bool:
        """Note how long the caller would wait; in an event loop it would block that."""
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            raise AssertionError("wait_async is for coroutines")
        self.waited.append(seconds)
        return True

    async def wait_async(self, seconds: float) -> bool:
        """Note the same."""
        self.waited.append(seconds)
        return True


@dataclass
class Ledger:
    """Marks of users, and ended sessions.

    Attributes:
        clock: the store's time, in ms; None if it was never read.
        reachable: whether it can be told who was ended.
        noted: the logins and visits that it was told of.
        started: how often it was started, and waited for.
    """

    clock: int | None = 1_000
    reachable: bool = True
    marks: dict[str, int] = field(default_factory=dict)
    kept: dict[str, str | None] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    lives: list[tuple[int, int]] = field(default_factory=list)
    noted: list[tuple[object, ...]] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Note it."""
        self.started.append("start")

    async def await_until_ready(self, seconds: float) -> bool:
        """Note it."""
        self.started.append("await_until_ready")
        return self.reachable

    def register(self, ttl_ms: int, max_lifetime_ms: int) -> None:
        """Note the lives."""
        self.lives.append((ttl_ms, max_lifetime_ms))

    def judge(
        self, session_id: str | None, user_ids: Collection[str], since: int | None
    ) -> Verdict:
        """Return whether a session may be used."""
        if session_id in self.ended or any(
            (since or 0) <= self.marks.get(user, -1) and self.kept.get(user, "") != session_id
            for user in user_ids
        ):
            return "ended"
        return "good" if self.reachable else "unavailable"

    def now(self, user_id: str | None = None) -> int:
        """Return the time, after every mark of the user."""
        if self.clock is None:
            raise SessionUnavailableError("the store was never reached")
        return max(self.clock, self.marks.get(user_id or "", 0) + 1)

    def end_user(self, user_id: str, *, keep: Session | None = None) -> None:
        """End all sessions of a user, but one."""
        if self.clock is None:
            raise SessionUnavailableError("the store was never reached")
        self.marks[user_id] = max(self.clock, self.marks.get(user_id, 0) + 1)
        if keep is not None:
            self.kept[user_id] = keep.id

    async def aend_user(self, user_id: str, *, keep: Session | None = None) -> None:
        """Do the same."""
        self.end_user(user_id, keep=keep)

    def end_soon(self, session_id: str) -> Ending:
        """End a session."""
        self.ended.append(session_id)
        self.endings.append(Ending(session_id))
        return self.endings[-1]

    def note_login(
        self,
        session_id: str,
        user_id: str,
        label: str | None,
        login_ms: int,
        since_ms: int | None,
        expires_ms: int,
    ) -> None:
        """Note a login."""
        self.noted.append(("login", session_id, user_id, label, login_ms, expires_ms))

    def note_seen(self, session_id: str, user_id: str, expires_ms: int) -> None:
        """Note a visit."""
        self.noted.append(("seen", session_id, user_id, expires_ms))
