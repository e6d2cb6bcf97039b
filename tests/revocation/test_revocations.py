"""What applications and sessions hold in their hands: arguments, verdicts, and what is returned."""

import asyncio
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    HeaderJar,
    IronSessionError,
    SessionUnavailableError,
    _time,
    get_iron_session,
)
from iron_session.revocation import (
    Ending,
    MemoryStore,
    Revocations,
    SessionEndedError,
    SignedIn,
)
from iron_session.revocation import directory as directories
from iron_session.revocation.directory import MOST_ROWS, Notes, Row, Seen
from iron_session.revocation.records import Entry
from iron_session.revocation.rule import AHEAD_MS, GRACE_MS, HOUR_MS
from iron_session.sessions.endings import EndingInProgress, Revoker
from tests.helpers.clock import Clock
from tests.helpers.waiting import WAIT, wait_for
from tests.revocation.conftest import Workers
from tests.sessions.browser import make_options

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
    ending: EndingInProgress | None = revoker.end_soon(new_id())
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
        Revocations("redis://x", namespace="shop")  # type: ignore[arg-type]  # a wrong type, which is refused


def test_a_namespace_must_be_text() -> None:
    with pytest.raises(TypeError, match=r"namespace must be text, not int: use str\(…\)"):
        Revocations(MemoryStore(), namespace=7)  # type: ignore[arg-type]  # a wrong type, which is refused


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


@pytest.mark.parametrize("user_id", [7, b"7"])
def test_a_user_id_must_be_text(revocations: Revocations, user_id: Any) -> None:
    with pytest.raises(TypeError, match=r"use str\(…\)"):
        revocations.end_user(user_id)


@pytest.mark.parametrize(
    ("function", "attribute"),
    [("end_user", "user_id"), ("sessions_of", "user_id"), ("end_session", "id")],
)
def test_the_mend_for_none_is_not_to_make_it_text(
    function: str, attribute: str, store: MemoryStore, workers: Workers
) -> None:
    """With str(None), a user called "None" would be ended, and nobody else."""
    with pytest.raises(TypeError, match=r"is None, as in a session ") as caught:
        getattr(workers(store, directory=True), function)(None)
    assert f"check `session.{attribute} is not None` first" in str(caught.value)
    assert "str(" not in str(caught.value)


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
    assert revocations.end_soon(session_id) is None


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
        (Held("7", None), r"no time from when on endings count; call session.save\(\) first"),
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
        assert held.identity[0] not in str(caught.value)  # type: ignore[operator]  # it is there


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
    assert wait_for(revocations._clock.estimate)
    revocations._follower._next_beat = 0  # the first one names no lifetime
    assert wait_for(lambda: revocations._replica.known(0).longest > 89 * DAY_MS)


def test_the_endings_of_users_are_kept_until_a_day_that_is_named_later(
    store: MemoryStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that were made before: unmarked sessions are older than any."""
    began = datetime.now(UTC)
    first = workers(store, allow_until=began + timedelta(days=40))
    first.end_user("7")
    monkeypatch.setattr(
        "iron_session._time.now_ms", lambda: round(time.time() * 1000) + 39 * DAY_MS
    )
    second = workers(store, allow_until=began + timedelta(days=90))
    assert second._follower.longest >= 90 * DAY_MS - HOUR_MS
    second._follower._next_beat = 0
    assert wait_for(lambda: second._replica.known(0).longest > 89 * DAY_MS)


def test_many_who_wait_for_an_ending_take_no_threads(workers: Workers) -> None:
    revocations = workers(MemoryStore())
    revocations._ledger.end_sessions = lambda lives: time.sleep(0.2)  # type: ignore[method-assign,assignment,return-value]  # in place of the real one

    async def wait_for_all() -> list[bool]:
        endings = [revocations.end_soon(new_id()) for _ in range(50)]
        waiting = asyncio.gather(*(each.wait_async(WAIT) for each in endings if each))
        await asyncio.sleep(0.05)
        assert threading.active_count() < before + 8
        return await waiting

    before = threading.active_count()
    assert asyncio.run(wait_for_all()) == [True] * 50


@pytest.mark.parametrize("by", ["destroy", "id"])
def test_a_session_that_was_ended_where_sessions_live_shorter_stays_ended_elsewhere(
    store: MemoryStore, workers: Workers, by: str
) -> None:
    """Also where it was not known yet, when it was ended, how long they live elsewhere."""
    longer, shorter = workers(store), Revocations(store, namespace="shop")
    shorter.register(HOUR_MS, HOUR_MS)
    session_id, since = new_id(), longer.now()
    if by == "id":
        shorter.end_session(session_id)
    else:
        shorter.end_soon(session_id)
        shorter._outbox.flush()
    assert wait_for(lambda: longer.judge(session_id, [], since) == "ended")
    for each in (longer, workers(store)):
        each._replica.forget(since + 29 * DAY_MS)
        assert each.judge(session_id, [], since) == "ended"
    shorter.close()


def test_a_session_that_was_ended_before_the_store_was_read_is_kept_for_the_longest_life_at_once(
    store: MemoryStore, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the process writes first must do: it may end then."""
    since = workers(store).now()
    shorter = Revocations(store, namespace="shop")
    shorter.register(HOUR_MS, HOUR_MS)
    written: list[int] = []
    ledger: Any = shorter.ledger
    write = ledger.write_entries

    def noted(tx: Any, entries: Sequence[tuple[Entry, int]]) -> None:
        written.extend(entry.until for entry, _ in entries)
        write(tx, entries)

    monkeypatch.setattr(ledger, "write_entries", noted)
    pending = shorter.end_soon(new_id())
    assert pending is not None
    assert wait_for(lambda: pending.is_written)
    assert [until > since + 30 * DAY_MS for until in written] == [True]
    shorter.close()


def test_what_is_queued_is_written_before_a_process_ends(
    store: MemoryStore, workers: Workers
) -> None:
    revocations = workers(store)
    session_id, since = new_id(), revocations.now()
    revocations.end_soon(session_id)
    revocations.close(30)
    assert workers(store).judge(session_id, [], since) == "ended"


def test_what_can_not_be_written_before_a_process_ends_is_told(
    store: MemoryStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    revocations = workers(store)

    def fail(lives: object) -> int:
        raise OSError("the password is secret")

    revocations._ledger.end_sessions = fail  # type: ignore[method-assign]  # in place of the real one
    revocations.end_soon(new_id())
    revocations.close(30)
    assert "1 endings were lost: <MemoryStore> can't be reached (OSError)" in caplog.messages
    assert "secret" not in caplog.text


def test_a_session_older_than_any_can_be_is_refused(revocations: Revocations) -> None:
    """So a longer `max_lifetime` revives no session whose ending was forgotten."""
    now = revocations.now()
    revocations._follower._next_beat = 0
    assert wait_for(lambda: revocations._replica.horizon)
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


@pytest.mark.parametrize("by", ["end_session", "end_soon"])
def test_an_unmarked_session_is_ended_by_its_id(
    store: MemoryStore, workers: Workers, by: str
) -> None:
    """It has one if it is of a login from before the store was used."""
    revocations = workers(store, allow_until=datetime.now(UTC) + timedelta(days=1))
    held, other, told = Held("7"), Held("7"), []
    session_id = str(held.identity[0])
    revocations.watch(held, lambda: told.append("ended"))
    revocations.watch(other, lambda: told.append("other"))
    assert revocations.judge(session_id, ["7"], None) == "good"
    getattr(revocations, by)(session_id)
    assert revocations.judge(session_id, ["7"], None) == "ended"
    assert revocations.judge(other.identity[0], ["7"], None) == "good"
    assert wait_for(lambda: told) == ["ended"]


def test_what_was_sent_before_a_session_got_its_time_is_kept_with_it(
    store: MemoryStore, workers: Workers
) -> None:
    """Parallel requests still have the cookie from before."""
    revocations = workers(store, allow_until=datetime.now(UTC) + timedelta(days=1))
    held = Held("7", revocations.now("7"))
    revocations.end_user("7", keep=held)
    assert revocations.judge(held.identity[0], ["7"], None) == "good"
    assert revocations.judge(new_id(), ["7"], None) == "ended"
    assert revocations.judge(None, ["7"], None) == "ended"


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
    assert revocations.now("7") == clock.now - GRACE_MS
    ending = revocations.end_soon(session_id)
    assert ending is not None
    assert revocations.judge(session_id, ["7"], 10**12) == "ended"
    assert not ending.wait(0.01)


@pytest.mark.usefixtures("_no_first_wait")
@pytest.mark.parametrize("ahead_ms", [0, 50_000, GRACE_MS - 1000])
def test_a_login_before_the_store_was_ever_reached_is_ended_by_what_the_store_ends_later(
    store: MemoryStore, workers: Workers, monkeypatch: pytest.MonkeyPatch, ahead_ms: int
) -> None:
    """Also where this machine's clock is ahead of the store's."""
    cold, session_id = workers.make(Away(), when_stale="accept"), new_id()
    with monkeypatch.context() as patched:
        patched.setattr("iron_session._time.now_ms", lambda: round(time.time() * 1000) + ahead_ms)
        since = cold.now("7")
    revocations = workers(store)
    assert revocations.judge(session_id, ["7"], since) == "good"
    revocations.end_user("7")
    assert revocations.judge(session_id, ["7"], since) == "ended"


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
        wait_for(lambda each=each: each.judge(None, ["7"], since) == "ended")  # type: ignore[misc]  # mypy guesses no type of a default
        each.close(30)
        each._replica.fresh_from -= 121_000
    assert revocations.judge(session_id, ["8"], since) == "unavailable"
    assert lax.judge(session_id, ["8"], since) == "good"
    for each in (revocations, lax):
        assert each.judge(session_id, ["7"], since) == "ended"


def test_staleness_is_logged_once(
    store: MemoryStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    """By whoever judges: a store that hangs does not let the thread say anything."""
    revocations, lax = workers(store), workers(store, when_stale="accept")
    since = revocations.now("7")
    with store.ledger(revocations._namer.space).changed:  # so the thread hangs
        for each in (revocations, lax):
            each.judge(new_id(), ["7"], since)
            assert caplog.messages == []
            each._replica.fresh_from -= 121_000
            for _ in range(3):
                each.judge(new_id(), ["7"], since)
            (record,) = caplog.records
            assert record.levelname == "ERROR"
            what = "unavailable" if each is revocations else "judged by what is known"
            text = f"<MemoryStore> was not read for 120 seconds, so sessions are {what}"
            assert record.getMessage() == text
            caplog.clear()
    revocations._follower._next_beat = 0
    assert wait_for(lambda: revocations.judge(new_id(), ["7"], since) == "good")
    revocations.close(30)
    revocations._replica.fresh_from -= 121_000
    revocations.judge(new_id(), ["7"], since)
    assert caplog.messages == [
        "this Revocations of <MemoryStore> was closed, so sessions are unavailable"
    ]


@pytest.mark.usefixtures("_no_first_wait")
def test_a_store_that_was_never_read_is_logged_once(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    revocations = workers.make(Away())
    for _ in range(3):
        revocations.judge(new_id(), ["7"], 10**12)
    errors = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert errors == [f"{Away()!r} was not read yet, so sessions are unavailable"]


def test_what_was_closed_is_not_ready(
    store: MemoryStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    """As at the second start of an application in one process."""
    revocations = workers(store)
    revocations.close(30)
    assert not revocations.wait_until_ready(30)
    assert caplog.messages == ["this Revocations of <MemoryStore> was closed: make a new one"]


# --- destroyed sessions ------------------------------------------------------------------------


def test_a_destroyed_session_has_ended_at_once(revocations: Revocations) -> None:
    session_id, since = new_id(), revocations.now()
    ending = revocations.end_soon(session_id)
    assert revocations.judge(session_id, [], since) == "ended"
    assert ending is not None
    assert asyncio.run(ending.wait_async(30))
    assert asyncio.run(ending.wait_async(0))
    assert repr(ending) == "<PendingEnding: written>"


def test_destroyed_sessions_need_not_be_kept(store: MemoryStore, workers: Workers) -> None:
    revocations = workers(store, end_on_destroy=False)
    session_id, since = new_id(), revocations.now()
    assert revocations.end_soon(session_id) is None
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
        here.watch(held, lambda told=told: told.append("ended"))  # type: ignore[misc]  # mypy guesses no type of a default
        here.watch(Held("8", here.now("8")), lambda: None)
        endings: dict[str, Any] = {
            "all": there.end_all,
            "user": lambda there=there: there.end_user("7"),
            "session": lambda there=there, it=session_id: there.end_session(it),
            "destroy": lambda there=there, it=session_id: there.end_soon(it),
        }
        endings[how]()
        assert wait_for(lambda told=told: told) == ["ended"]  # type: ignore[misc]  # mypy guesses no type of a default
        there.end_user("7")
        there.end_all()
        wait_for(lambda here=here: not here._watches._news)  # type: ignore[misc]  # mypy guesses no type of a default
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
    assert wait_for(lambda: caplog.records)
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "a callback of Revocations.watch raised" in record.getMessage()


# --- who is signed in ----------------------------------------------------------------------------


def never(row: Row) -> bool:
    """Return whether a session has ended."""
    return False


def test_without_a_directory_nothing_is_written(revocations: Revocations) -> None:
    revocations.note_login(new_id(), "7", "Firefox", 1, 1, 10**14)
    revocations.note_seen(new_id(), "7", 10**14)
    with pytest.raises(ConfigurationError, match=r"needs Revocations\(directory=True\)"):
        revocations.sessions_of("7")


def test_sessions_that_are_no_sessions_have_no_row(store: MemoryStore, workers: Workers) -> None:
    revocations = workers(store, directory=True)
    revocations.note_login("short", "7", "Firefox", 1, 1, 10**14)
    revocations.note_seen("short", "7", 10**14)
    assert revocations.sessions_of("7") == []


def test_what_is_queued_for_a_directory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what changes while it is written stays queued."""

    class Slow:
        def note_signed_in(self, rows: Sequence[Row], seen: Mapping[bytes, Seen]) -> None:
            written.append(([row.key for row in rows], dict(seen)))
            if len(written) == 1:
                notes.add_seen(b"4" * 16, Seen(9, 9))

        def rows_of(self, user: bytes) -> list[Row]:
            return []

    written: list[Any] = []
    monkeypatch.setattr(directories, "_MOST_QUEUED", 3)
    notes = Notes(Slow(), "a store", never)
    for number in range(5):
        notes.add_seen(str(number).encode() * 16, Seen(1, 1))
        notes.add(Row(str(number).encode(), b"u" * 16, "7", None, 1, 1, 1, 1))
    notes.flush()
    seen, later = {b"4" * 16: Seen(1, 1)}, {b"4" * 16: Seen(9, 9)}
    assert written == [([b"3", b"4"], seen), ([], later)]


class Picky:
    """A directory that refuses some rows, and all that comes with them; or is away."""

    def __init__(self, *refused: int) -> None:
        self.refused = {bytes([number]) * 16 for number in refused}
        self.written: dict[bytes, Row | Seen] = {}
        self.is_away = False
        self.calls = 0

    def note_signed_in(self, rows: Sequence[Row], seen: Mapping[bytes, Seen]) -> None:
        self.calls += 1
        new = {row.key: row for row in rows} | dict(seen)
        if self.is_away or self.refused & set(new):
            raise ValueError("secret")
        self.written |= new

    def rows_of(self, user: bytes) -> list[Row]:
        return []


def queued(directory: Picky, count: int) -> Notes:
    notes = Notes(directory, "a store", never)
    for number in range(count):
        if number % 2:
            notes.add_seen(bytes([number]) * 16, Seen(1, 1))
        else:
            notes.add(Row(bytes([number]) * 16, b"u" * 16, "7", None, 1, 1, 1, 1))
    return notes


@pytest.mark.parametrize("refused", [(0,), (199,), (100, 101, 102, 103), (0, 50, 99, 180, 199)])
def test_rows_that_a_directory_refuses_do_not_lose_the_others(
    refused: tuple[int, ...], caplog: pytest.LogCaptureFixture
) -> None:
    directory = Picky(*refused)
    notes = queued(directory, 200)
    for _ in range(50):
        notes.flush()
    assert len(directory.written) == 200 - len(refused)
    notes.add_seen(b"x" * 16, Seen(1, 1))
    for _ in range(5):
        notes.flush()
    assert not notes._batch()  # what was refused is not tried for ever
    assert directory.calls < 150
    assert {each.levelname for each in caplog.records} == {"ERROR"}
    assert "secret" not in caplog.text
    directory.calls = 0
    for number in range(200, 220):
        notes.add_seen(bytes([number]) * 16, Seen(1, 1))
    notes.flush()
    assert directory.calls == 1


def test_nothing_is_dropped_while_a_directory_is_away() -> None:
    directory = Picky()
    notes = queued(directory, 50)
    directory.is_away = True
    for _ in range(200):
        notes.flush()
    assert directory.calls == 200  # one attempt each time
    directory.is_away = False
    notes.flush()
    assert len(directory.written) == 50
    assert directory.calls < 210


def test_what_has_made_room_while_it_failed_is_not_queued_again() -> None:
    class Full(Picky):
        def note_signed_in(self, rows: Sequence[Row], seen: Mapping[bytes, Seen]) -> None:
            notes._queued.clear()
            raise ValueError("secret")

    notes = queued(Full(), 1)
    notes.flush()
    assert not notes._batch()


def test_the_only_row_is_tried_until_another_one_is_taken() -> None:
    directory = Picky(0)
    notes = queued(directory, 1)
    for _ in range(5):
        notes.flush()
    assert notes._batch()
    notes.add_seen(b"x" * 16, Seen(1, 1))
    for _ in range(3):
        notes.flush()
    assert list(directory.written) == [b"x" * 16]
    assert not notes._batch()


def test_who_is_signed_in_is_written_before_a_process_ends(
    store: MemoryStore, workers: Workers
) -> None:
    """Else a session that lives would never be listed again."""
    revocations, other = workers(store, directory=True), workers(store, directory=True)
    session_id, since = new_id(), revocations.now("7")
    revocations.note_login(session_id, "7", "Firefox", since, since, 10**14)
    revocations.close(30)
    assert [each.session_id for each in other.sessions_of("7")] == [session_id]


def test_who_is_signed_in_and_can_not_be_written_before_a_process_ends_is_told(
    store: MemoryStore, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    revocations = workers(store, directory=True)

    def fail(rows: object, seen: object) -> None:
        raise OSError("the password is secret")

    revocations._ledger.note_signed_in = fail  # type: ignore[attr-defined]  # this ledger has one
    since = revocations.now("7")
    revocations.note_login(new_id(), "7", "Firefox", since, since, 10**14)
    revocations.close(30)
    told = "the rows of 1 sessions were lost: they could not be written to <MemoryStore>"
    assert told in caplog.messages
    assert "secret" not in caplog.text


@pytest.mark.parametrize("refused", [(0,), (19,), (7, 8), (0, 1)])
def test_a_row_that_is_refused_before_a_process_ends_does_not_lose_the_others(
    refused: tuple[int, ...],
) -> None:
    directory = Picky(*refused)
    notes = queued(directory, 20)
    notes.flush_last()
    assert len(directory.written) == 20 - len(refused)


def test_a_directory_that_is_away_when_a_process_ends_is_not_asked_for_long() -> None:
    directory = Picky()
    directory.is_away = True
    notes = queued(directory, 200)
    notes.flush_last()
    assert directory.calls == 10
    assert len(notes) == 200


def test_a_session_that_has_ended_gets_no_row() -> None:
    """Its ending has deleted the rows that were there, and does not come again."""
    directory = Picky()
    ended, lives = (Row(bytes([each]) * 16, b"u" * 16, "7", None, 1, 1, 1, 1) for each in (1, 2))
    notes = Notes(directory, "a store", lambda row: row is ended)
    notes.add(ended)
    notes.flush()
    assert (directory.calls, len(notes)) == (0, 0)
    notes.add(ended)
    notes.add(lives)
    notes.add_seen(ended.key, Seen(2, 2))
    notes.add(ended)
    notes.flush()
    assert directory.written == {lives.key: lives}
    assert len(notes) == 0


def test_a_session_that_was_ended_before_it_was_written_is_not_listed(
    store: MemoryStore, workers: Workers
) -> None:
    """Its row counts from the time that its cookie has, in this process and in others."""
    revocations, other = workers(store, directory=True), workers(store, directory=True)
    options = make_options(max_lifetime=90 * 86400, revocations=revocations)
    session = get_iron_session(HeaderJar(), options)
    session.login("7", label="Firefox")
    revocations.end_user("7")
    session.save()
    assert revocations.sessions_of("7") == []
    revocations.close(30)
    assert other.sessions_of("7") == []


def test_a_directory_shows_the_newest_login_first(
    store: MemoryStore, workers: Workers, clock: Clock
) -> None:
    revocations = workers(store, directory=True)
    one, other = new_id(), new_id()
    revocations.note_login(
        one, "7", "Firefox", clock.now - 5000, clock.now - 5000, clock.now + DAY_MS
    )
    revocations.note_login(other, "7", None, clock.now, clock.now, clock.now + DAY_MS)
    revocations.note_login(new_id(), "8", "Chrome", clock.now, clock.now, clock.now + DAY_MS)
    now = datetime.fromtimestamp(clock.now / 1000, UTC)
    day = timedelta(days=1)
    earlier = now - timedelta(seconds=5)
    expected = [
        SignedIn(other, "7", None, now, now, now + day),
        SignedIn(one, "7", "Firefox", earlier, earlier, now + day),
    ]
    assert revocations.sessions_of("7") == expected
    assert asyncio.run(revocations.asessions_of("7")) == expected


def test_to_read_a_directory_writes_nothing_and_shows_what_is_queued() -> None:
    def row(number: int, user: bytes, seen: int) -> Row:
        return Row(bytes([number]) * 16, user, "7", None, 1, seen, 10, 1)

    class Stored:
        def note_signed_in(self, rows: object, seen: object) -> None:
            raise AssertionError("nothing is to be written")

        def rows_of(self, user: bytes) -> list[Row]:
            notes.add(row(9, ada, 9))  # meanwhile: it may be missing
            return [row(1, user, 1), row(2, user, 2), row(3, user, 3)]

    ada, bob = b"a" * 16, b"b" * 16
    notes = Notes(Stored(), "a store", never)
    notes.add_seen(bytes([1]) * 16, Seen(4, 40))
    notes.add_seen(bytes([8]) * 16, Seen(4, 40))  # whose, is not known
    notes.add(row(3, bob, 5))
    notes.add(row(4, ada, 6))
    notes.add(row(5, bob, 7))
    assert notes.rows_of(ada) == [
        row(4, ada, 6),
        row(1, ada, 4)._replace(expires=40),
        row(2, ada, 2),
    ]
    many = [row(number, ada, 100 + number) for number in range(10, 10 + MOST_ROWS)]
    for each in many:
        notes.add(each)
    assert notes.rows_of(ada) == many[::-1]


@pytest.mark.usefixtures("_no_first_wait")
def test_a_directory_that_cannot_be_read_is_an_error(workers: Workers) -> None:
    class NoDirectory(Away):
        def ledger(self, space: str) -> Any:
            gone = type(super().ledger(space))

            class Gone(gone):  # type: ignore[misc, valid-type]  # a class from a variable
                def note_signed_in(self, rows: object, seen: object) -> None: ...

                def rows_of(self, user: bytes) -> None:
                    raise OSError("no such host")

            return Gone()

    revocations = workers.make(NoDirectory(), directory=True)
    revocations.note_login(new_id(), "7", "Firefox", 1, 1, 10**14)
    with pytest.raises(SessionUnavailableError, match="nothing was read"):
        revocations.sessions_of("7")
    with pytest.raises(TypeError):
        revocations.sessions_of(7)  # type: ignore[arg-type]  # a wrong type, which is refused
