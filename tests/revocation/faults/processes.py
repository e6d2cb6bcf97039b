"""Processes that share a store, browsers that visit them, and a watch that visits all the time.

Each `Process` has all that a worker of a site has: its own `Revocations`, with its own thread and
its own view of the store. Visits go through sealed cookies, as they do in every integration.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, groupby
from threading import Event, Thread
from typing import Any, Literal, TypeAlias

import pytest

from iron_session import HeaderJar, Session, SessionOptions, _time, get_iron_session
from iron_session.revocation import Ending, Revocations
from iron_session.revocation.ledger import Store
from tests.helpers.waiting import wait_for

PASSWORD = "the password of processes that share a store"
DAY = 24 * 3600
MAX_STALE = 5
MAX_STALE_MS = MAX_STALE * 1000
EVERY = 0.03

Sight: TypeAlias = Literal["good", "ended", "unavailable"]

_users = count(1)


@dataclass(eq=False)
class Browser:
    """A visitor's browser, of one user.

    Attributes:
        user: the user's id.
        cookie: the `Cookie` header; empty before a login.
        id: the session's id.
        ended_at: when the ending of its session was acknowledged, by `_time.elapsed_ms`.
    """

    user: str
    cookie: str = ""
    id: str = ""
    ended_at: int | None = None


class Process:
    """One worker of a site."""

    def __init__(self, store: Store, *, name: str = "", max_lifetime: int = 30 * DAY) -> None:
        self.name = name
        self.revocations = Revocations(store, namespace="shop", max_stale=MAX_STALE)
        self.options: SessionOptions[Any] = SessionOptions(
            password=PASSWORD,
            cookie_name="session",
            ttl=DAY,
            max_lifetime=max_lifetime,
            revocations=self.revocations,
        )

    def __repr__(self) -> str:
        return f"<Process {self.name}>"

    @property
    def fresh_from(self) -> int:
        """Up to which moment it claims to know all, by `_time.elapsed_ms`."""
        return self.revocations._replica.fresh_from

    @property
    def thread(self) -> Thread | None:
        return self.revocations._follower._thread

    def wait_until_ready(self) -> "Process":
        assert self.revocations.wait_until_ready(30)
        return self

    def session_of(self, browser: Browser) -> tuple[Session[Any], HeaderJar]:
        jar = HeaderJar(browser.cookie)
        return get_iron_session(jar, self.options), jar

    def log_in(self, user: str = "") -> Browser:
        """Log a new browser in, as a user that nobody else is unless one is named."""
        browser = Browser(user or f"user-{next(_users)}")
        session, jar = self.session_of(browser)
        session.login(browser.user)
        session.commit()
        (header,) = jar.set_cookie_headers
        browser.cookie, browser.id = header.partition(";")[0], session.id or ""
        return browser

    def visit(self, browser: Browser) -> Sight:
        """Return what a visitor sees; where that can't be told, the cookie is left alone."""
        session, jar = self.session_of(browser)
        user = session.user_id
        session.commit()
        if session.unavailable:
            assert jar.set_cookie_headers == [], "the cookie was not left alone"
            return "unavailable"
        return "good" if user == browser.user else "ended"

    def end(self, *browsers: Browser, keep: Browser | None = None) -> Ending:
        """End the sessions of the user that these browsers are of."""
        (user,) = {browser.user for browser in browsers}
        kept = None if keep is None else self.session_of(keep)[0]
        ending = self.revocations.end_user(user, keep=kept)
        for browser in browsers:
            browser.ended_at = _time.elapsed_ms()
        return ending

    def close(self) -> None:
        self.revocations.close(0)


class Watch:
    """Visits each process with each browser, again and again.

    No visit of a session that was ended is good in a process that claims to know all that the store
    had when the ending was acknowledged; nor anywhere once the longest time has passed.

    Args:
        processes: the processes.
        browsers: the browsers.
        store_keeps: whether the store keeps what it has acknowledged: else only the time counts.

    Attributes:
        broken: the visits that should not have been good.
    """

    def __init__(
        self, processes: Iterable[Process], browsers: Iterable[Browser], *, store_keeps: bool = True
    ) -> None:
        self._processes, self._browsers = list(processes), list(browsers)
        self._store_keeps = store_keeps
        self._seen: dict[tuple[Process, Browser], list[Sight]] = {
            (process, browser): [] for process in self._processes for browser in self._browsers
        }
        self._stop = Event()
        self._thread = Thread(target=self._run, name="watch", daemon=True)
        self.broken: list[str] = []
        self.failure: BaseException | None = None

    def __enter__(self) -> "Watch":
        self._thread.start()
        assert wait_for(lambda: all(self._seen.values()))
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(30)
        if error[0] is None:
            assert not self._thread.is_alive()
            if self.failure is not None:
                raise self.failure
            assert self.broken == [], "\n".join(self.broken)

    def _run(self) -> None:
        try:
            while not self._stop.wait(EVERY):
                for process, browser in self._seen:
                    self._look(process, browser)
        except BaseException as failure:
            self.failure = failure

    def _look(self, process: Process, browser: Browser) -> None:
        ended_at, fresh_from, now = browser.ended_at, process.fresh_from, _time.elapsed_ms()
        sight = process.visit(browser)
        if sight == "good" and ended_at is not None:
            if self._store_keeps and fresh_from >= ended_at:
                self.broken.append(f"{process} is fresh from {fresh_from}, ended at {ended_at}")
            if now > ended_at + MAX_STALE_MS:
                self.broken.append(f"{process} accepts it {now - ended_at} ms after the ending")
        seen = self._seen[process, browser]
        if seen[-1:] != [sight]:
            seen.append(sight)

    def seen(self, process: Process, browser: Browser) -> list[Sight]:
        """Return what was seen, each change once."""
        return list(self._seen[process, browser])

    def wait(self, browser: Browser, sight: Sight, *processes: Process) -> None:
        """Wait until it is seen in these processes, or in all."""
        for process in processes or self._processes:
            assert wait_for(lambda: self._seen[process, browser][-1] == sight or self.failure), (  # noqa: B023 - called in this turn of the loop
                f"{process} shows {self.seen(process, browser)}, not {sight}"
            )


def follower_log(caplog: pytest.LogCaptureFixture) -> list[list[tuple[str, str]]]:
    """Return what each process has logged of its store: by thread, the levels and the texts."""
    records = [
        each
        for each in caplog.records
        if each.name == "iron_session" and each.threadName == "iron-session-follower"
    ]
    by_thread = sorted(records, key=lambda each: each.thread or 0)  # stable: in order of time
    return [
        [(each.levelname, each.getMessage()) for each in group]
        for _, group in groupby(by_thread, key=lambda each: each.thread)
    ]


def kinds(log: list[tuple[str, str]]) -> list[str]:
    """Return the levels, with what they are about."""
    about = ("can't be followed", "can be reached again", "has died", "could not be written")
    return [
        f"{level}: {next((each for each in about if each in text), text)}" for level, text in log
    ]


AWAY_AND_BACK = ["WARNING: can't be followed", "INFO: can be reached again"]


def assert_log_is_quiet(caplog: pytest.LogCaptureFixture, seconds: float) -> None:
    """Check that visits are not logged each: at most one record a second, and a few more.

    Of the errors, each process logs only that the store was not read for too long, and that once.
    """
    visits = [each for each in caplog.records if each.threadName == "watch"]
    errors = [each.getMessage() for each in visits if each.levelno > logging.WARNING]
    assert all(each.endswith(", so sessions are unavailable") for each in errors)
    assert len(errors) <= 2, "there are two processes"
    assert len(visits) <= 2 * (seconds + 1), [each.getMessage() for each in visits]


def pause_until(moment_ms: int) -> None:
    """Wait for a moment of `_time.elapsed_ms`, at which something must hold."""
    time.sleep(max(0, moment_ms - _time.elapsed_ms()) / 1000)
