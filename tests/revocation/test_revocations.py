"""What applications and sessions hold in their hands: arguments, verdicts, and what is returned."""

import asyncio
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iron_session import ConfigurationError, IronSessionError, SessionUnavailableError, _time
from iron_session.revocation import (
    Ending,
    MemoryStore,
    Revocations,
    SessionEndedError,
    SignedIn,
)
from iron_session.revocation import directory as directories
from iron_session.revocation.directory import Notes, Row, Seen
from iron_session.revocation.rule import AHEAD_MS, GRACE_MS, HOUR_MS
from iron_session.sessions.endings import EndingInProgress, Revoker
from tests.helpers.clock import Clock
from tests.helpers.waiting import WAIT, wait_for
from tests.revocation.conftest import Workers

DAY_MS = 24 * HOUR_MS


class Held:
    """A session, as far as `keep=` and `watch` look at it."""

    def __init__(self, user_id: str | None = "7", since: int | None = None, **changes: Any) -> None:
        session_id: str | None = changes.get("session_id", secrets.token_urlsafe(16))
        self.identity = session_id, user_id, since


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def revocations(store: MemoryStore, workers: Workers) -> Revocations:
    return workers(store)


def new_id() -> str:
    return secrets.token_urlsafe(16)


def test_it_is_what_sessions_ask_for(revocations: Revocations) -> None:
    revoker: Revoker = revocations
    ending: EndingInProgress | None = revoker.end_soon(new_id(), 1000)
    assert ending is not None


def test_its_repr_names_the_store_and_no_more(revocations: Revocations) -> None:
    assert repr(revocations) == "<Revocations: <MemoryStore>>"
    assert repr(object.__new__(Revocations)) == "<Revocations: not built>"


# --- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_stale": 4}, "max_stale must be 5 seconds to an hour"),
        ({"max_stale": 3601}, "max_stale must be 5 seconds to an hour"),
        ({"max_stale": "60"}, "max_stale must be seconds"),
        ({"when_stale": "ignore"}, 'when_stale must be "reject" or "accept", not \'ignore\''),
        ({"allow_until": datetime(2030, 1, 1)}, "allow_until must be a datetime with a time zone"),
        ({"allow_until": "2030-01-01"}, "allow_until must be a datetime with a time zone"),
        ({"end_on_destroy": 1}, "end_on_destroy must be True or False, not int"),
        ({"directory": None}, "directory must be True or False, not NoneType"),
        ({"namespace": ""}, "namespace must have 1 to 256 characters"),
        ({"namespace": "x" * 257}, "namespace must have 1 to 256 characters"),
        ({"namespace": "\ud800"}, "namespace must have 1 to 256 characters of valid Unicode"),
    ],
)
def test_arguments_that_cannot_work_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Revocations(MemoryStore(), **{"namespace": "shop", **changes})


def test_a_store_must_be_a_store() -> None:
    with pytest.raises(
        ConfigurationError, match=r"store must be a store, as SqliteStore.* not str"
    ):
        Revocations("redis://x", namespace="shop")  # type: ignore[arg-type]


def test_a_namespace_must_be_text() -> None:
    with pytest.raises(TypeError, match=r"namespace must be text, not int: use str\(…\)"):
        Revocations(MemoryStore(), namespace=7)  # type: ignore[arg-type]


def test_a_store_without_a_directory_is_refused_when_one_is_asked_for() -> None:
    class Without(MemoryStore):
        def ledger(self, space: str) -> Any:
            return object()

    Revocations(Without(), namespace="shop")
    with pytest.raises(ConfigurationError, match="can't say who is signed in"):
        Revocations(Without(), namespace="shop", directory=True)


@pytest.mark.parametrize("user_id", ["", "x" * 257, "x" * 10_000, "\ud800"])
def test_a_user_id_must_be_one(revocations: Revocations, user_id: str) -> None:
    with pytest.raises(ConfigurationError, match="user_id must have 1 to 256 characters"):
        revocations.end_user(user_id)


@pytest.mark.parametrize("user_id", [7, None, b"7"])
def test_a_user_id_must_be_text(revocations: Revocations, user_id: Any) -> None:
    with pytest.raises(TypeError, match=r"use str\(…\)"):
        revocations.end_user(user_id)


@pytest.mark.parametrize("user_id", ["x" * 256, "a:b\n{c}", "Ω" * 256, "\x01"])
def test_any_text_names_a_user(revocations: Revocations, user_id: str) -> None:
    since = revocations.now(user_id)
    assert revocations.judge(None, [user_id], since) == "good"
    revocations.end_user(user_id)
    assert revocations.judge(None, [user_id], since) == "ended"


@pytest.mark.parametrize("session_id", ["x", "é" * 22, "+" * 22, "x" * 21 + "=", "x" * 24])
def test_a_session_id_must_be_one(revocations: Revocations, session_id: str) -> None:
    with pytest.raises(ConfigurationError, match="must be the id of a session"):
        revocations.end_session(session_id)
    assert revocations.judge(session_id, [], revocations.now()) == "good"
    assert revocations.end_soon(session_id, 1000) is None


# --- endings -----------------------------------------------------------------------------------


def test_an_ending_says_when_it_holds_everywhere(store: MemoryStore, workers: Workers) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    ending = workers(store, max_stale=60).end_user("7")
    assert before <= ending.at <= datetime.now(UTC) + timedelta(seconds=1)
    assert ending.holds_by == ending.at + timedelta(seconds=60)
    assert workers(store, when_stale="accept").end_all().holds_by is None


def test_the_three_endings_end_what_they_name(revocations: Revocations) -> None:
    one, other = new_id(), new_id()
    since = revocations.now("7")
    assert isinstance(revocations.end_session(one), Ending)
    assert revocations.judge(one, ["7"], since) == "ended"
    assert revocations.judge(other, ["7"], since) == "good"
    revocations.end_user("7")
    assert revocations.judge(other, ["7"], since) == "ended"
    assert revocations.judge(other, ["8", "7"], since) == "ended"
    assert revocations.judge(other, ["8"], since) == "good"
    revocations.end_all()
    assert revocations.judge(other, ["8"], since) == "ended"
    assert revocations.judge(other, ["8"], revocations.now("8")) == "good"


def test_the_asynchronous_twins_do_the_same(revocations: Revocations) -> None:
    one, since = new_id(), revocations.now("7")
    held = Held("7", since)

    async def end() -> list[str]:
        verdicts: list[str] = []
        await revocations.aend_session(one)
        verdicts.append(revocations.judge(one, [], since))
        await revocations.aend_user("7", keep=held)
        verdicts += [revocations.judge(None, ["7"], since)]
        verdicts += [revocations.judge(held.identity[0], ["7"], since)]
        await revocations.aend_all()
        verdicts.append(revocations.judge(held.identity[0], ["7"], since))
        assert await revocations.await_until_ready(30)
        return verdicts

    assert asyncio.run(end()) == ["ended", "ended", "good", "ended"]


def test_a_login_right_after_an_ending_lives(revocations: Revocations) -> None:
    """And is ended by the next one, though all of it happens within a millisecond."""
    endings: list[Any] = [lambda: revocations.end_user("7"), revocations.end_all]
    for end in endings * 3:
        end()
        since = revocations.now("7")
        assert revocations.judge(new_id(), ["7"], since) == "good"
        revocations.end_user("7")
        assert revocations.judge(new_id(), ["7"], since) == "ended"


def test_namespaces_end_nothing_of_each_other(store: MemoryStore, workers: Workers) -> None:
    shop, office = workers(store, namespace="shop"), workers(store, namespace="office")
    since = shop.now("1")
    shop.end_user("1")
    shop.end_all()
    assert office.judge(new_id(), ["1"], since) == "good"


# --- keep --------------------------------------------------------------------------------------


def test_the_kept_session_lives_and_its_parallel_requests_too(revocations: Revocations) -> None:
    held = Held("7", revocations.now("7"))
    session_id, _, since = held.identity
    revocations.end_user("7", keep=held)
    assert revocations.judge(session_id, ["7"], since) == "good"
    assert revocations.judge(new_id(), ["7"], since) == "ended"
    assert revocations.judge(None, ["7"], since) == "ended"
    revocations.end_user("7", keep=held)
    assert revocations.judge(session_id, ["7"], since) == "good"
    other = Held("7", revocations.now("7"))
    revocations.end_user("7", keep=other)
    assert revocations.judge(session_id, ["7"], since) == "ended"


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (Held("8", 1), "the session of somebody else"),
        (Held(None, 1), "the session of somebody else, or of nobody"),
        (Held("7", 1, session_id=None), "it has no id"),
        (Held("7", 1, session_id="short"), "it has no id"),
        (Held("7", None), "no time from when on endings count"),
        (Held("7", 0), "no time from when on endings count"),
    ],
)
def test_only_a_session_of_that_user_can_be_kept(
    revocations: Revocations, held: Held, message: str
) -> None:
    since = revocations.now("7")
    with pytest.raises(ConfigurationError, match=message):
        revocations.end_user("7", keep=held)
    assert revocations.judge(None, ["7"], since) == "good"


def test_an_ended_session_cannot_be_kept(store: MemoryStore, workers: Workers) -> None:
    """Whether this process knows that it has ended, or only the store does."""
    revocations, other = workers(store), workers(store)
    since = revocations.now("7")
    held = Held("7", since)
    other.end_user("7")
    assert wait_for(lambda: revocations.judge(None, ["7"], since) == "ended")
    other._replica.users.clear()
    for each in (other, revocations):
        with pytest.raises(SessionEndedError) as caught:
            each.end_user("7", keep=held)
        assert isinstance(caught.value, IronSessionError)
        assert held.identity[0] not in str(caught.value)  # type: ignore[operator]


def test_of_two_devices_that_end_each_other_one_lives(store: MemoryStore, workers: Workers) -> None:
    one, two = workers(store), workers(store)
    since = one.now("7")
    first, second = Held("7", since), Held("7", since)
    one.end_user("7", keep=first)
    with pytest.raises(SessionEndedError):
        two.end_user("7", keep=second)
    wait_for(lambda: two.judge(second.identity[0], ["7"], since) == "ended")
    assert [two.judge(each.identity[0], ["7"], since) for each in (first, second)] == [
        "good",
        "ended",
    ]


# --- verdicts ----------------------------------------------------------------------------------


def test_a_session_from_the_future_is_refused(revocations: Revocations) -> None:
    """No process gives such a time: its store's clock was another one."""
    now = revocations.now()
    assert revocations.judge(new_id(), [], now + AHEAD_MS - 5000) == "good"
    # The store's clock may have gone ahead: only a heartbeat from now on can tell.
    assert revocations.judge(new_id(), [], now + AHEAD_MS + 5000) == "unavailable"
    revocations._replica.fresh_from = _time.elapsed_ms() + 1
    assert revocations.judge(new_id(), [], now + AHEAD_MS + 5000) == "ended"


def test_a_session_from_a_clock_that_went_ahead_is_not_lost(
    store: MemoryStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = workers(store), workers(store, when_stale="accept")
    monkeypatch.setattr(
        "iron_session._time.now_ms", lambda: round(time.time() * 1000) + 2 * AHEAD_MS
    )
    since = workers(store).now()
    assert one.judge(new_id(), [], since) == "unavailable"
    assert two.judge(new_id(), [], since) == "good"
    one._follower._next_beat = 0
    assert wait_for(lambda: one.judge(new_id(), [], since) == "good")


def test_endings_are_kept_as_long_as_unmarked_sessions_are_accepted(
    store: MemoryStore, workers: Workers
) -> None:
    """They have no lifetime: a horizon would revive them."""
    until = datetime.now(UTC) + timedelta(days=90)
    revocations = workers(store, allow_until=until)
    assert wait_for(lambda: revocations._replica.known(0).longest > 89 * DAY_MS)


def test_many_who_wait_for_an_ending_take_no_threads(workers: Workers) -> None:
    revocations = workers(MemoryStore())
    revocations._ledger.end_sessions = lambda lives: time.sleep(0.2)  # type: ignore[method-assign,assignment,return-value]

    async def wait_for_all() -> list[bool]:
        endings = [revocations.end_soon(new_id(), DAY_MS) for _ in range(50)]
        waiting = asyncio.gather(*(each.wait_async(WAIT) for each in endings if each))
        await asyncio.sleep(0.05)
        assert threading.active_count() < before + 8
        return await waiting

    before = threading.active_count()
    assert asyncio.run(wait_for_all()) == [True] * 50


def test_what_is_queued_is_written_before_a_process_ends(
    store: MemoryStore, workers: Workers
) -> None:
    revocations = workers(store)
    session_id, since = new_id(), revocations.now()
    revocations.end_soon(session_id, DAY_MS)
    revocations.close(30)
    assert workers(store).judge(session_id, [], since) == "ended"


def test_what_can_not_be_written_before_a_process_ends_is_told(
    store: MemoryStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    revocations = workers(store)

    def fail(lives: object) -> int:
        raise OSError("the password is secret")

    revocations._ledger.end_sessions = fail  # type: ignore[method-assign]
    revocations.end_soon(new_id(), DAY_MS)
    revocations.close(30)
    assert "1 endings were lost: <MemoryStore> can't be reached (OSError)" in caplog.messages
    assert "secret" not in caplog.text


def test_a_session_older_than_any_can_be_is_refused(revocations: Revocations) -> None:
    """So a longer `max_lifetime` revives no session whose ending was forgotten."""
    now = revocations.now()
    assert revocations.judge(new_id(), [], now - 30 * DAY_MS) == "good"
    assert revocations.judge(new_id(), [], now - 30 * DAY_MS - 2 * GRACE_MS) == "ended"


@pytest.mark.parametrize("since", [None, 0])
def test_unmarked_sessions_are_refused_and_the_log_says_why(
    revocations: Revocations, caplog: pytest.LogCaptureFixture, since: int | None
) -> None:
    for _ in range(3):
        assert revocations.judge(None, [], since) == "ended"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "Revocations(allow_until=…)" in record.getMessage()


def test_unmarked_sessions_are_accepted_for_a_time(store: MemoryStore, workers: Workers) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    revocations = workers(store, allow_until=later)
    assert revocations.judge(None, ["7"], None) == "good"
    revocations.end_user("8")
    assert revocations.judge(None, ["7"], None) == "good"
    revocations.end_user("7")
    assert revocations.judge(None, ["7"], None) == "ended"
    assert revocations.judge(None, [], None) == "good"
    revocations.end_all()
    assert revocations.judge(None, [], None) == "ended"


def test_the_time_for_unmarked_sessions_ends(
    store: MemoryStore, workers: Workers, clock: Clock
) -> None:
    revocations = workers(store, allow_until=datetime(2024, 3, 1, tzinfo=UTC))
    assert revocations.judge(None, [], None) == "good"
    clock.advance(12 * 3600)
    assert revocations.judge(None, [], None) == "ended"


class Away(MemoryStore):
    """A store that can't be reached."""

    def ledger(self, space: str) -> Any:
        class Gone:
            def __getattr__(self, name: str) -> Any:
                raise OSError("no such host: redis://:secret@host")

        return Gone()


@pytest.fixture
def _no_first_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iron_session.revocation.revocations._FIRST_WAIT_MS", 10)


@pytest.mark.usefixtures("_no_first_wait")
def test_without_a_store_it_cannot_be_told(workers: Workers) -> None:
    revocations = workers.make(Away())
    assert revocations.judge(new_id(), ["7"], 10**12) == "unavailable"
    assert revocations.judge(None, [], None) == "ended"  # refused in any case
    with pytest.raises(SessionUnavailableError, match="no session can begin: answer 503"):
        revocations.now("7")
    assert not revocations.wait_until_ready(0.01)


@pytest.mark.usefixtures("_no_first_wait")
def test_without_a_store_the_other_risk_can_be_chosen(workers: Workers, clock: Clock) -> None:
    revocations = workers.make(Away(), when_stale="accept")
    session_id = new_id()
    assert revocations.judge(session_id, ["7"], 10**12) == "good"
    assert revocations.now("7") == clock.now
    ending = revocations.end_soon(session_id, 1000)
    assert ending is not None
    assert revocations.judge(session_id, ["7"], 10**12) == "ended"
    assert not ending.wait(0.01)


@pytest.mark.usefixtures("_no_first_wait")
def test_an_ending_that_cannot_be_stored_is_an_error(workers: Workers) -> None:
    """Its message holds nothing of what the store's client said."""
    revocations = workers.make(Away())
    calls = [
        lambda: revocations.end_user("7"),
        lambda: revocations.end_session(new_id()),
        revocations.end_all,
    ]
    for call in calls:
        with pytest.raises(SessionUnavailableError, match="can't be reached") as caught:
            call()
        assert "secret" not in str(caught.value)


def test_a_stale_process_says_that_it_cannot_tell(
    store: MemoryStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known to have ended has ended in any case."""
    revocations, lax = workers(store), workers(store, when_stale="accept")
    since, session_id = revocations.now("7"), new_id()
    revocations.end_user("7")
    for each in (revocations, lax):
        wait_for(lambda each=each: each.judge(None, ["7"], since) == "ended")  # type: ignore[misc]
        each.close(30)
        each._replica.fresh_from -= 121_000
    assert revocations.judge(session_id, ["8"], since) == "unavailable"
    assert lax.judge(session_id, ["8"], since) == "good"
    for each in (revocations, lax):
        assert each.judge(session_id, ["7"], since) == "ended"


# --- destroyed sessions ------------------------------------------------------------------------


def test_a_destroyed_session_has_ended_at_once(revocations: Revocations) -> None:
    session_id, since = new_id(), revocations.now()
    ending = revocations.end_soon(session_id, DAY_MS)
    assert revocations.judge(session_id, [], since) == "ended"
    assert ending is not None
    assert asyncio.run(ending.wait_async(30))
    assert asyncio.run(ending.wait_async(0))
    assert repr(ending) == "<PendingEnding: written>"


def test_destroyed_sessions_need_not_be_kept(store: MemoryStore, workers: Workers) -> None:
    revocations = workers(store, end_on_destroy=False)
    session_id, since = new_id(), revocations.now()
    assert revocations.end_soon(session_id, DAY_MS) is None
    assert revocations.judge(session_id, [], since) == "good"


# --- watching ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["all", "user", "session", "destroy"])
def test_a_watched_session_is_told_of_once(store: MemoryStore, workers: Workers, how: str) -> None:
    """Whichever process has ended it."""
    for pair in ([workers(store)] * 2, [workers(store), workers(store)]):
        here, there = pair
        held = Held("7", here.now("7"))
        session_id = str(held.identity[0])
        told: list[str] = []
        here.watch(held, lambda told=told: told.append("ended"))  # type: ignore[misc]
        here.watch(Held("8", here.now("8")), lambda: None)
        endings: dict[str, Any] = {
            "all": there.end_all,
            "user": lambda there=there: there.end_user("7"),
            "session": lambda there=there, it=session_id: there.end_session(it),
            "destroy": lambda there=there, it=session_id: there.end_soon(it, DAY_MS),
        }
        endings[how]()
        assert wait_for(lambda told=told: told) == ["ended"]  # type: ignore[misc]
        there.end_user("7")
        there.end_all()
        wait_for(lambda here=here: not here._watches._news)  # type: ignore[misc]
        assert told == ["ended"]


def test_a_watch_can_be_closed(revocations: Revocations) -> None:
    held = Held("7", revocations.now("7"))
    told: list[str] = []
    with revocations.watch(held, lambda: told.append("ended")) as watch:
        assert repr(watch) == "<Watch>"
        other = revocations.watch(held, lambda: told.append("other"))
    watch.close()
    revocations.end_user("7")
    assert wait_for(lambda: told) == ["other"]
    other.close()
    assert len(revocations._watches) == 0
    assert revocations._watches._by_key == {}


def test_a_session_is_told_of_once_though_two_endings_came(revocations: Revocations) -> None:
    held = Held("7", revocations.now("7"))
    told: list[str] = []
    watch = revocations.watch(held, lambda: told.append("ended"))
    revocations.end_user("7")
    assert wait_for(lambda: told) == ["ended"]
    assert not revocations._watches.remove(watch)


def test_a_kept_session_is_not_told_of(revocations: Revocations) -> None:
    held = Held("7", revocations.now("7"))
    told: list[str] = []
    revocations.watch(held, lambda: told.append("kept"))
    other = Held("7", held.identity[2])
    revocations.watch(other, lambda: told.append("other"))
    revocations.end_user("7", keep=held)
    assert wait_for(lambda: told) == ["other"]


def test_a_session_that_has_ended_already_is_told_of_soon(revocations: Revocations) -> None:
    held = Held("7", revocations.now("7"))
    revocations.end_user("7")
    told: list[str] = []
    revocations.watch(held, lambda: told.append("ended"))
    assert wait_for(lambda: told) == ["ended"]


def test_sessions_without_a_mark_can_be_watched(revocations: Revocations) -> None:
    told: list[str] = []
    revocations.watch(Held("7", None, session_id=None), lambda: told.append("user"))
    revocations.watch(Held(None, None, session_id=None), lambda: told.append("nobody"))
    revocations.end_user("7")
    assert wait_for(lambda: told) == ["user"]
    revocations.end_all()
    assert wait_for(lambda: len(told) == 2)


def test_a_callback_that_raises_is_logged_and_the_others_are_called(
    revocations: Revocations, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held("7", revocations.now("7"))
    told: list[str] = []

    def fail() -> None:
        raise ValueError("on purpose")

    revocations.watch(held, fail)
    revocations.watch(held, lambda: told.append("ended"))
    revocations.end_user("7")
    assert wait_for(lambda: told) == ["ended"]
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "a callback of Revocations.watch raised" in record.getMessage()


# --- who is signed in ----------------------------------------------------------------------------


def test_without_a_directory_nothing_is_written(revocations: Revocations) -> None:
    revocations.note_login(new_id(), "7", "Firefox", 1, 10**14)
    revocations.note_seen(new_id(), "7", 10**14)
    with pytest.raises(ConfigurationError, match=r"needs Revocations\(directory=True\)"):
        revocations.sessions_of("7")


def test_sessions_that_are_no_sessions_have_no_row(store: MemoryStore, workers: Workers) -> None:
    revocations = workers(store, directory=True)
    revocations.note_login("short", "7", "Firefox", 1, 10**14)
    revocations.note_seen("short", "7", 10**14)
    assert revocations.sessions_of("7") == []


def test_what_is_queued_for_a_directory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what changes while it is written stays queued."""

    class Slow:
        def note_signed_in(self, rows: Sequence[Row], seen: Mapping[bytes, Seen]) -> None:
            written.append((len(rows), dict(seen)))
            if len(written) == 1:
                notes.add_seen(b"4" * 16, Seen(9, 9))

        def rows_of(self, user: bytes) -> list[Row]:
            return []

    written: list[Any] = []
    monkeypatch.setattr(directories, "_MOST_QUEUED", 3)
    notes = Notes(Slow(), "a store")
    for number in range(5):
        notes.add_seen(str(number).encode() * 16, Seen(1, 1))
        notes.add(Row(str(number).encode(), b"u" * 16, "7", None, 1, 1, 1, 1))
    notes.flush()
    last = [each.encode() * 16 for each in "234"]
    assert written == [(3, dict.fromkeys(last, Seen(1, 1))), (0, {b"4" * 16: Seen(9, 9)})]


def test_a_directory_shows_the_newest_login_first(
    store: MemoryStore, workers: Workers, clock: Clock
) -> None:
    revocations = workers(store, directory=True)
    one, other = new_id(), new_id()
    revocations.note_login(one, "7", "Firefox", clock.now - 5000, clock.now + DAY_MS)
    revocations.note_login(other, "7", None, clock.now, clock.now + DAY_MS)
    revocations.note_login(new_id(), "8", "Chrome", clock.now, clock.now + DAY_MS)
    now = datetime.fromtimestamp(clock.now / 1000, UTC)
    day = timedelta(days=1)
    earlier = now - timedelta(seconds=5)
    expected = [
        SignedIn(other, "7", None, now, now, now + day),
        SignedIn(one, "7", "Firefox", earlier, earlier, now + day),
    ]
    assert revocations.sessions_of("7") == expected
    assert asyncio.run(revocations.asessions_of("7")) == expected


@pytest.mark.usefixtures("_no_first_wait")
def test_a_directory_that_cannot_be_read_is_an_error(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    class NoDirectory(Away):
        def ledger(self, space: str) -> Any:
            gone = type(super().ledger(space))

            class Gone(gone):  # type: ignore[misc, valid-type]
                def note_signed_in(self, rows: object, seen: object) -> None:
                    raise OSError("no such host")

                def rows_of(self, user: bytes) -> None:
                    raise OSError("no such host")

            return Gone()

    revocations = workers.make(NoDirectory(), directory=True)
    revocations.note_login(new_id(), "7", "Firefox", 1, 10**14)
    with pytest.raises(SessionUnavailableError, match="nothing was read"):
        revocations.sessions_of("7")
    assert "who is signed in could not be written" in caplog.text
    with pytest.raises(TypeError):
        revocations.sessions_of(7)  # type: ignore[arg-type]
