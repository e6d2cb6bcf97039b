"""A model of it: processes, their clocks and one store, with faults, driven by hypothesis.

Whatever happens, a session that was ended is not good in a process that claims to be fresh, but for
what can't be had: a store that has lost an ending which no process knows any more.
"""

import copy
import secrets
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from iron_session import SessionUnavailableError, _time
from iron_session.revocation import MemoryStore, Revocations, SessionEndedError
from iron_session.revocation.ledger import ChangesLost
from iron_session.revocation.records import Changes, Snapshot
from iron_session.revocation.rule import HOUR_MS

START = 1_800_000_000_000
MAX_STALE_MS = 120_000
LIFE_MS = 3 * 24 * HOUR_MS
LIFETIME_MS = 7 * 24 * HOUR_MS
USERS = ["1", "2"]
# A process reads its time a little too fast or too slow.
RATES = [-300, 0, 300]  # in millionths


@dataclass
class Session:
    """A session, as its cookie has it, and when it began in truth."""

    id: str
    user_id: str | None
    since: int
    began: int
    began_at: int

    @property
    def identity(self) -> tuple[str | None, str | None, int | None]:
        return self.id, self.user_id, self.since


@dataclass(eq=False)
class Ending:
    """An ending that was acknowledged: what it is of, and since when the store has it."""

    kind: str
    of: str
    at: int
    order: int
    kept: str | None = None
    there_since: int | None = None  # None: the store has lost it
    known_by: set[int] = field(default_factory=set)


class World:
    """The time, the store, and the network."""

    def __init__(self) -> None:
        self.now = START
        self.server_offset = 0
        self.ledger: Any = MemoryStore().ledger("space")
        self.incarnation = 0
        self.order = 0
        self.is_up = True

    def next_order(self) -> int:
        self.order += 1
        return self.order


class UnreachableError(Exception):
    """The store is away."""


class ModelFeed:
    """A feed that belongs to one incarnation of the store, and whose messages have faults."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._incarnation = world.incarnation
        self._feed = world.ledger.feed()
        self._held: list[Changes] = []
        self.fault = "none"

    def _check(self) -> None:
        if not self._world.is_up or self._incarnation != self._world.incarnation:
            raise UnreachableError

    def beat(self, estimate: int, longest: int) -> Any:
        self._check()
        return self._feed.beat(estimate, longest)

    def snapshot(self) -> Snapshot:
        self._check()
        return self._feed.snapshot()  # type: ignore[no-any-return]  # its type is known here

    def changes(self, seconds: float) -> Changes | None:
        self._check()
        if self.fault == "late":
            return None
        found = self._feed.changes(0)
        if found is not None and self.fault == "lost":
            self.fault = "none"
            raise ChangesLost
        if found is not None and self.fault == "repeated":
            self._held.append(found)
        elif found is None and self._held:
            old = self._held.pop()
            # Told again, in the midst of what is newer: the counter does not go back with it.
            return old._replace(meta=old.meta._replace(counter=self._feed._known.counter))
        return found  # type: ignore[no-any-return]  # its type is known here

    def close(self) -> None:
        pass


class ModelLedger:
    """What a process has of the store."""

    def __init__(self, world: World) -> None:
        self._world = world

    def feed(self) -> ModelFeed:
        return ModelFeed(self._world)

    def __getattr__(self, name: str) -> Any:
        if not self._world.is_up:
            raise UnreachableError
        return getattr(self._world.ledger, name)


class ModelStore:
    def __init__(self, world: World) -> None:
        self._world = world

    def ledger(self, space: str) -> Any:
        return ModelLedger(self._world)


class Worker:
    """A process: a replica without its thread, whose steps the model takes."""

    def __init__(self, world: World, number: int, rate: int) -> None:
        self._world = world
        self.number = number
        self._rate = rate
        self._started = world.now
        self.revocations = Revocations(ModelStore(world), namespace="shop")
        self.revocations.register(LIFE_MS, LIFETIME_MS)
        self.follower = self.revocations._follower
        self.replica = self.revocations._replica
        self.feed: ModelFeed | None = None
        self.is_cut_off = False

    def elapsed(self) -> int:
        span = self._world.now - self._started
        return span + span * self._rate // 1_000_000

    def step(self) -> None:
        """Do what the thread does: follow, or begin anew after a failure."""
        with self.here():
            try:
                if self.is_cut_off:
                    raise UnreachableError
                if self.feed is None:
                    feed = self.revocations._ledger.feed()
                    self.follower._synchronise(feed)
                    self.feed = feed  # type: ignore[assignment]  # of the world
                else:
                    self.revocations._outbox.flush()
                    self.follower._take(self.feed, 0)
                    if self.elapsed() >= self.follower._next_beat:
                        self.follower._beat(self.feed)
                        self.follower._take(self.feed, 0)
            except (UnreachableError, ChangesLost):
                self.feed = None

    def here(self) -> Any:
        """Patch the clocks to those of this process."""
        return mock.patch.multiple(
            _time,
            elapsed_ms=self.elapsed,
            now_ms=lambda: self._world.now + self._world.server_offset,
        )


class Model(RuleBasedStateMachine):
    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.workers: list[Worker] = []
        self.numbers = 0
        self.all_sessions: list[Session] = []
        self.endings: list[Ending] = []
        self.backups: list[tuple[Any, set[Ending]]] = []
        self.patches = [
            mock.patch("iron_session.revocation.follower.Follower.start"),
            mock.patch("iron_session.revocation.follower.Follower.wait_for_first"),
        ]
        for each in self.patches:
            each.start()

    def teardown(self) -> None:
        for each in self.patches:
            each.stop()

    @initialize(rates=st.lists(st.sampled_from(RATES), min_size=2, max_size=3))
    def begin(self, rates: list[int]) -> None:
        for rate in rates:
            self.start_worker(rate)

    def worker(self, at: int) -> Worker:
        return self.workers[at % len(self.workers)]

    # --- what happens ---

    @rule(rate=st.sampled_from(RATES))
    def start_worker(self, rate: int) -> None:
        if len(self.workers) < 4:
            self.numbers += 1
            self.workers.append(Worker(self.world, self.numbers, rate))
            self.step(self.workers[-1])

    def step(self, worker: Worker) -> None:
        """Let a process follow; it begins anew if its connection broke."""
        before = worker.feed
        worker.step()
        if worker.feed is not None:
            self.note_known(worker, has_begun_anew=worker.feed is not before)

    @precondition(lambda self: len(self.workers) > 1)
    @rule(at=st.integers(0, 3))
    def stop_worker(self, at: int) -> None:
        self.workers.remove(self.worker(at))

    @rule(at=st.integers(0, 3))
    def follow(self, at: int) -> None:
        self.step(self.worker(at))

    @rule()
    def all_follow(self) -> None:
        for each in self.workers:
            self.step(each)

    @rule(seconds=st.sampled_from([0.001, 0.01, 1, 14, 16, 60, 119, 121, 3600, 200_000]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += round(seconds * 1000)
        if seconds < 3600:  # what lives for so long has followed, unless it is cut off
            return
        self.all_follow()

    @rule(hours=st.sampled_from([-1, -0.01, 0.01, 1]))
    def the_servers_clock_steps(self, hours: float) -> None:
        """It is never more than an hour wrong."""
        step = round(hours * HOUR_MS)
        if (
            abs(self.world.server_offset + step) <= HOUR_MS // 2
            or hours * self.world.server_offset < 0
        ):
            # What can't be had: a clock set back that a process which is cut off knows nothing of,
            # and another process that is new.
            if step < 0 and not (self.world.is_up and len(self.tellers()) == len(self.workers)):
                return
            self.all_beat()
            self.world.server_offset += step
            # Whoever lives tells the store where its clock was, before anybody else comes.
            self.all_beat()

    def all_beat(self) -> None:
        for each in self.workers:
            each.follower._next_beat = -(2**62)
        for _ in range(2):  # the first time, a connection may turn out to be broken
            self.all_follow()

    @rule(at=st.integers(0, 3), fault=st.sampled_from(["none", "late", "lost", "repeated"]))
    def messages_have_a_fault(self, at: int, fault: str) -> None:
        feed = self.worker(at).feed
        if feed is not None:
            feed.fault = fault

    @rule(at=st.integers(0, 3), is_cut_off=st.booleans())
    def the_network_of_a_worker(self, at: int, is_cut_off: bool) -> None:
        self.worker(at).is_cut_off = is_cut_off

    @rule(is_up=st.booleans())
    def the_store_goes_or_comes(self, is_up: bool) -> None:
        self.world.is_up = is_up
        self.world.incarnation += 1  # connections break

    @rule()
    def back_up(self) -> None:
        """Note the state of what takes over when the store fails: it lags behind."""
        ledger = self.world.ledger
        state = ledger._meta, copy.copy(ledger._entries)
        self.backups.append(
            (state, {each for each in self.endings if each.there_since is not None})
        )

    @precondition(lambda self: self.backups)
    @rule(at=st.integers(0, 9))
    def fail_over(self, at: int) -> None:
        """Go on from an older state; whatever was written since then is lost."""
        (meta, entries), had = self.backups[at % len(self.backups)]
        self.replace(meta, entries, had)

    @rule()
    def restart_empty(self) -> None:
        self.replace(None, {}, set())

    def replace(self, meta: Any, entries: Any, had: set[Ending]) -> None:
        """Let another store take over; those who live tell it what they know, before others come.

        If nobody does, the clock is lost too: that is what can't be had.
        """
        if not self.tellers():
            return
        self.world.now += 1000  # nothing takes over at once
        self.world.is_up = True
        ledger: Any = MemoryStore().ledger("space")
        ledger._meta, ledger._entries = meta, copy.copy(entries)
        self.world.ledger = ledger
        self.world.incarnation += 1
        for ending in self.endings:
            if ending.there_since is not None and ending not in had:
                ending.there_since = None
        for _ in range(2):  # the first time, the old connection turns out to be broken
            self.all_follow()

    def tellers(self) -> list[Worker]:
        """Return the processes that can tell a store of a clock that it has lost."""
        return [each for each in self.workers if not each.is_cut_off and each.replica.generation]

    # --- what people do ---

    @rule(target=sessions, at=st.integers(0, 3), user=st.sampled_from([None, *USERS]))
    def begin_session(self, at: int, user: str | None) -> Any:
        worker = self.worker(at)
        with worker.here():
            try:
                since = worker.revocations.now(user)
            except SessionUnavailableError:
                since = 0  # nobody gets this one
        order = self.world.next_order()
        session = Session(secrets.token_urlsafe(16), user, since, order, self.world.now)
        self.all_sessions.append(session)
        return session

    @rule(at=st.integers(0, 3), user=st.sampled_from(USERS))
    def end_user(self, at: int, user: str) -> None:
        self.end(self.worker(at), "user", user, lambda it: it.end_user(user))

    @rule(at=st.integers(0, 3))
    def end_all(self, at: int) -> None:
        self.end(self.worker(at), "all", "", lambda it: it.end_all())

    @rule(at=st.integers(0, 3), session=sessions)
    def end_session(self, at: int, session: Session) -> None:
        self.end(self.worker(at), "session", session.id, lambda it: it.end_session(session.id))

    @rule(at=st.integers(0, 3), session=sessions)
    def end_others(self, at: int, session: Session) -> None:
        if session.user_id is not None and session.since:
            user: str = session.user_id

            def call(revocations: Revocations) -> object:
                return revocations.end_user(user, keep=session)

            self.end(self.worker(at), "user", user, call, kept=session.id)

    @rule(at=st.integers(0, 3), session=consumes(sessions))
    def destroy(self, at: int, session: Session) -> None:
        def call(revocations: Revocations) -> None:
            ending = revocations.end_soon(session.id)
            assert ending is not None
            revocations._outbox.flush()

        self.end(self.worker(at), "session", session.id, call)

    def end(
        self,
        worker: Worker,
        kind: str,
        of: str,
        call: Any,
        kept: str | None = None,
    ) -> None:
        if worker.is_cut_off:
            return
        with worker.here():
            try:
                call(worker.revocations)
            except (SessionUnavailableError, SessionEndedError, UnreachableError):
                return
        ending = Ending(kind, of, self.world.now, self.world.next_order(), kept)
        ending.there_since = self.world.now
        ending.known_by.add(worker.number)
        self.endings.append(ending)

    # --- what must hold ---

    def note_known(self, worker: Worker, *, has_begun_anew: bool) -> None:
        """Note what a process must know now, and what it must have written again."""
        for ending in self.endings:
            if ending.there_since is None and has_begun_anew and worker.number in ending.known_by:
                ending.there_since = self.world.now
        ledger, replica = self.world.ledger, worker.replica
        if (ledger._meta.generation, ledger._meta.counter) == (replica.generation, replica.counter):
            for ending in self.endings:
                if ending.there_since is not None:
                    ending.known_by.add(worker.number)

    def ends(self, ending: Ending, session: Session) -> bool:
        """Return whether an ending has ended a session, in truth."""
        if session.began > ending.order or ending.kept == session.id:
            return False
        if ending.kind == "user":
            return session.user_id == ending.of
        return ending.kind == "all" or session.id == ending.of

    def may_be_unknown(self, worker: Worker, ending: Ending) -> bool:
        """Return whether a fresh process may know nothing of an ending."""
        if ending.there_since is None:
            return worker.number not in ending.known_by
        if worker.number in ending.known_by:
            return False
        return self.world.now - ending.there_since <= MAX_STALE_MS * 1.001

    def is_over(self, session: Session) -> bool:
        """Return whether no copy of a session opens any more."""
        return session.began_at + LIFETIME_MS <= self.world.now

    @invariant()
    def no_ended_session_is_good(self) -> None:
        for worker in self.workers:
            with worker.here():
                for session in self.all_sessions[-12:]:
                    users = [] if session.user_id is None else [session.user_id]
                    verdict = worker.revocations.judge(session.id, users, session.since)
                    if verdict != "good":
                        continue
                    for ending in self.endings:
                        if self.ends(ending, session) and not self.is_over(session):
                            assert self.may_be_unknown(worker, ending), (session, ending)


TestModel = Model.TestCase
# An example takes a hundredth of a second; what it looks for needs many.
TestModel.settings = settings(max_examples=4 * settings().max_examples, stateful_step_count=50)


def test_the_model_is_not_trivial() -> None:
    """Without faults, a session is good until it is ended."""
    model = Model()
    try:
        model.begin([0, 0])
        session: Any = model.begin_session(0, "1")
        other: Any = model.begin_session(0, "2")
        model.end_user(1, "1")
        model.all_follow()
        verdicts = []
        for worker in model.workers:
            with worker.here():
                verdicts += [
                    worker.revocations.judge(each.id, [each.user_id], each.since)
                    for each in (session, other)
                ]
        assert verdicts == ["ended", "good"] * 2
        model.no_ended_session_is_good()
    finally:
        model.teardown()


def test_a_feed_of_another_incarnation_fails() -> None:
    world = World()
    with closing(ModelFeed(world)) as feed:
        world.incarnation += 1
        with pytest.raises(UnreachableError):
            feed.beat(0, 0)
