"""One suite for all stores: whatever keeps the endings, an ending does the same."""

import secrets
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from iron_session import _time
from iron_session.revocation import SessionEndedError
from iron_session.revocation.directory import MOST_ROWS, Directory, Row, Seen
from iron_session.revocation.ledger import Feed, Ledger
from iron_session.revocation.records import Beat, Entry, KeptSession, Meta
from iron_session.revocation.rule import GRACE_MS, HOUR_MS, LIFE_GRACE_MS, UNKNOWN_LIFE_MS
from tests.helpers.waiting import wait_for
from tests.revocation.conftest import SPACE, Opener, Workers

USER, OTHER = b"u" * 16, b"\0:\n{}\xff" + b"o" * 10
ONE, TWO = b"1" * 16, bytes(range(16))
DAY_MS = 24 * HOUR_MS
UNKNOWN = Meta(0, 0, 0, 0, "", 0)


def beat(ledger: Ledger, estimate: int, longest: int) -> Beat:
    """Write one heartbeat."""
    with closing(ledger.feed()) as feed:
        return feed.beat(estimate, longest)


def content(ledger: Ledger) -> dict[bytes, Entry]:
    """Return all endings that a store has."""
    with closing(ledger.feed()) as feed:
        return {entry.key: entry for entry in feed.snapshot().entries}


def new_entries(feed: Feed) -> list[Entry]:
    """Wait for changes."""
    changes = wait_for(lambda: feed.changes(0.1))
    assert changes is not None
    return list(changes.entries)


@pytest.fixture
def feed(ledger: Ledger) -> Any:
    made = ledger.feed()
    yield made
    made.close()


# --- heartbeats ------------------------------------------------------------------------------


def test_an_empty_store_begins_with_its_servers_time(ledger: Ledger) -> None:
    first = beat(ledger, 0, 0)
    clock, newest_all, horizon, longest, generation, counter = first.meta
    assert clock == first.server > 1_700_000_000_000
    assert (newest_all, horizon, longest, counter) == (0, 0, 0, 0)
    assert len(generation) == 16
    assert beat(ledger, 0, 0).meta.generation == generation


def test_the_clock_is_never_set_back(ledger: Ledger) -> None:
    """Neither by a server whose time is behind."""
    ahead = beat(ledger, 0, 0).meta.clock + DAY_MS
    assert beat(ledger, ahead, 0).meta.clock == ahead
    last = beat(ledger, 0, 0)
    assert last.meta.clock == ahead
    assert last.server < ahead
    assert ledger.end_user(USER, None, 0) == ahead


def test_the_longest_life_is_the_longest_ever_named(ledger: Ledger) -> None:
    for given, expected in [(0, 0), (DAY_MS, DAY_MS), (HOUR_MS, DAY_MS), (2 * DAY_MS, 2 * DAY_MS)]:
        assert beat(ledger, 0, given).meta.longest == expected


def test_the_horizon_rises_and_never_falls(ledger: Ledger) -> None:
    assert beat(ledger, 0, 0).meta.horizon == 0
    meta = beat(ledger, 0, DAY_MS).meta
    assert meta.horizon == meta.clock - DAY_MS - GRACE_MS
    assert beat(ledger, 0, 90 * DAY_MS).meta.horizon == meta.horizon


# --- endings ---------------------------------------------------------------------------------


def test_the_ending_of_a_user_has_the_time_of_the_store(ledger: Ledger) -> None:
    before = beat(ledger, 0, 0).meta.clock
    mark = ledger.end_user(USER, None, 0)
    assert before <= mark <= beat(ledger, 0, 0).meta.clock
    assert content(ledger) == {USER: Entry("user", USER, mark)}
    assert beat(ledger, 0, 0).meta.counter == 1


def test_an_ending_is_no_earlier_than_who_asks_for_it_expects(ledger: Ledger) -> None:
    later = beat(ledger, 0, 0).meta.clock + HOUR_MS
    assert ledger.end_user(USER, None, later) == later
    assert ledger.end_all(later + HOUR_MS) == later + HOUR_MS


def test_endings_of_one_millisecond_follow_each_other(ledger: Ledger) -> None:
    """Else a login between two of them would live, which begins later than the first."""
    later = beat(ledger, 0, 0).meta.clock + HOUR_MS
    marks = [
        *(ledger.end_user(USER, None, later) for _ in range(2)),
        *(ledger.end_all(later) for _ in range(2)),
        ledger.end_user(USER, None, 0),
        ledger.end_user(OTHER, None, 0),
        ledger.end_all(0),
    ]
    assert marks == [later + number for number in range(7)]


def test_the_ending_of_all_is_known_as_a_whole(ledger: Ledger) -> None:
    mark = ledger.end_all(0)
    assert beat(ledger, 0, 0).meta[1:2] == (mark,)


def test_an_ended_session_is_kept_until_its_last_copy_expires(ledger: Ledger) -> None:
    clock = ledger.end_sessions({ONE: HOUR_MS, TWO: DAY_MS})
    assert content(ledger) == {
        ONE: Entry("session", ONE, until=clock + HOUR_MS + LIFE_GRACE_MS),
        TWO: Entry("session", TWO, until=clock + DAY_MS + LIFE_GRACE_MS),
    }
    ledger.end_sessions({TWO: HOUR_MS})
    assert content(ledger)[TWO].until == clock + DAY_MS + LIFE_GRACE_MS
    assert beat(ledger, 0, 0).meta.counter == 2
    later = ledger.end_sessions({ONE: DAY_MS})
    assert content(ledger)[ONE].until == later + DAY_MS + LIFE_GRACE_MS


def test_an_ended_session_is_kept_as_long_as_any_lives(ledger: Ledger) -> None:
    """Elsewhere its copies may open for longer than where it was ended."""
    beat(ledger, 0, 3 * DAY_MS)
    clock = ledger.end_sessions({ONE: HOUR_MS, TWO: 9 * DAY_MS})
    assert content(ledger) == {
        ONE: Entry("session", ONE, until=clock + 3 * DAY_MS + LIFE_GRACE_MS),
        TWO: Entry("session", TWO, until=clock + 9 * DAY_MS + LIFE_GRACE_MS),
    }


def test_a_session_whose_life_is_not_known_is_kept_as_long_as_any(ledger: Ledger) -> None:
    clock = ledger.end_sessions({ONE: 0})
    assert content(ledger)[ONE].until == clock + UNKNOWN_LIFE_MS + LIFE_GRACE_MS
    beat(ledger, 0, 3 * DAY_MS)
    clock = ledger.end_sessions({TWO: 0})
    assert content(ledger)[TWO].until == clock + 3 * DAY_MS + LIFE_GRACE_MS


# --- a session that is kept --------------------------------------------------------------------


def test_the_newest_ending_names_the_session_that_it_keeps(ledger: Ledger) -> None:
    now = beat(ledger, 0, 0).meta.clock
    ledger.end_user(USER, KeptSession(ONE, now - 1), 0)
    assert content(ledger)[USER].kept == ONE
    # Kept again, though it is older than the ending that kept it.
    mark = ledger.end_user(USER, KeptSession(ONE, now - 1), 0)
    assert content(ledger)[USER] == Entry("user", USER, mark, ONE)
    ledger.end_user(USER, None, 0)
    assert content(ledger)[USER].kept is None


@pytest.mark.parametrize("ended_by", ["all", "user", "keeping another", "id", "horizon"])
def test_an_ended_session_cannot_be_kept(ledger: Ledger, ended_by: str) -> None:
    """And the attempt changes nothing."""
    since = beat(ledger, 0, 0).meta.clock
    endings: dict[str, Callable[[], object]] = {
        "all": lambda: ledger.end_all(0),
        "user": lambda: ledger.end_user(USER, None, 0),
        "keeping another": lambda: ledger.end_user(USER, KeptSession(TWO, since), 0),
        "id": lambda: ledger.end_sessions({ONE: DAY_MS}),
        "horizon": lambda: beat(ledger, since + DAY_MS + GRACE_MS, DAY_MS),
    }
    endings[ended_by]()
    before, had = beat(ledger, 0, 0).meta.counter, content(ledger)
    with pytest.raises(SessionEndedError, match="keep names a session that has ended"):
        ledger.end_user(USER, KeptSession(ONE, since), 0)
    assert (beat(ledger, 0, 0).meta.counter, content(ledger)) == (before, had)


def test_a_session_that_began_after_the_endings_can_be_kept(ledger: Ledger) -> None:
    since = max(ledger.end_all(0), ledger.end_user(USER, None, 0)) + 1
    assert ledger.end_user(USER, KeptSession(ONE, since), 0) >= since


# --- forgetting ------------------------------------------------------------------------------


def test_what_may_be_forgotten_is_forgotten_within_an_hour(ledger: Ledger) -> None:
    start = beat(ledger, 0, DAY_MS).meta.clock
    ledger.end_user(USER, KeptSession(ONE, start + HOUR_MS), 0)
    ledger.end_sessions({ONE: HOUR_MS, TWO: 9 * DAY_MS})
    mark = ledger.end_all(0)
    ledger.end_user(OTHER, None, start + 2 * DAY_MS)
    assert len(content(ledger)) == 4 + ("all" in {each.kind for each in content(ledger).values()})
    meta = beat(ledger, start + 3 * DAY_MS, 0).meta
    left = {key: entry for key, entry in content(ledger).items() if entry.kind != "all"}
    assert set(left) == {OTHER, TWO}
    assert meta.horizon > mark == meta.all
    # The mark of a user who has come back keeps nobody of long ago.
    assert ledger.end_user(USER, None, 0) == meta.clock
    assert content(ledger)[USER].kept is None


def test_an_ended_session_is_kept_for_an_hour_longer_than_it_must(ledger: Ledger) -> None:
    """The store's clock may have stepped ahead."""
    end = ledger.end_sessions({ONE: 2 * HOUR_MS}) + 2 * HOUR_MS + LIFE_GRACE_MS
    beat(ledger, end + GRACE_MS - 1, 0)
    assert ONE in content(ledger)
    beat(ledger, (end // HOUR_MS + 3) * HOUR_MS, 0)
    assert content(ledger) == {}


# --- restoring -------------------------------------------------------------------------------


def test_a_store_is_told_what_it_has_lost(ledger: Ledger) -> None:
    now = beat(ledger, 0, 0).meta.clock
    entries = [
        Entry("user", USER, now - 5, ONE),
        Entry("user", OTHER, now - 4),
        Entry("session", TWO, until=now + DAY_MS),
    ]
    known = Meta(now + 7 * HOUR_MS, now - 9, now - DAY_MS, 2 * DAY_MS, "of another", 77)
    ledger.restore(known, entries)
    meta = beat(ledger, 0, 0).meta
    assert meta[:4] == (
        now + 7 * HOUR_MS,
        now - 9,
        max(now - DAY_MS, now + 7 * HOUR_MS - 2 * DAY_MS - GRACE_MS),
        2 * DAY_MS,
    )
    assert meta.counter == 4
    assert meta.generation != "of another"
    found = {key: entry for key, entry in content(ledger).items() if entry.kind != "all"}
    assert found == {entry.key: entry for entry in entries}
    ledger.restore(known, entries)
    assert beat(ledger, 0, 0).meta.counter == 4


def test_what_a_store_knows_better_stays(ledger: Ledger) -> None:
    mark = ledger.end_user(USER, KeptSession(TWO, 2**42), 0)
    ledger.end_sessions({ONE: DAY_MS})
    had = content(ledger)
    old = [Entry("user", USER, mark - 1, ONE), Entry("session", ONE, until=mark)]
    ledger.restore(UNKNOWN, old)
    assert content(ledger) == had
    assert beat(ledger, 0, 0).meta.counter == 2


def test_of_two_endings_of_one_time_neither_keeps_a_session(ledger: Ledger) -> None:
    """One of them was lost when the store failed over: then the stricter one holds."""
    mark = ledger.end_user(USER, KeptSession(TWO, 2**42), 0)
    ledger.restore(UNKNOWN, [Entry("user", USER, mark, TWO)])
    assert content(ledger)[USER].kept == TWO
    ledger.restore(UNKNOWN, [Entry("user", USER, mark, ONE)])
    assert content(ledger)[USER] == Entry("user", USER, mark)
    ledger.restore(UNKNOWN, [Entry("user", USER, mark, ONE)])
    assert content(ledger)[USER] == Entry("user", USER, mark)
    assert beat(ledger, 0, 0).meta.counter == 2


def test_what_may_be_forgotten_is_not_restored(ledger: Ledger) -> None:
    meta = beat(ledger, 0, DAY_MS).meta
    entries = [
        Entry("user", USER, meta.horizon),
        Entry("session", ONE, until=meta.clock - GRACE_MS - 1000),
    ]
    ledger.restore(UNKNOWN, entries)
    assert content(ledger) == {}


def test_much_is_restored_at_once(ledger: Ledger) -> None:
    entries = [Entry("user", secrets.token_bytes(16), 2**42 + at) for at in range(1000)]
    ledger.restore(UNKNOWN, entries)
    assert content(ledger) == {entry.key: entry for entry in entries}


# --- following -------------------------------------------------------------------------------


def test_a_feed_tells_what_is_written_after_the_snapshot(ledger: Ledger, feed: Feed) -> None:
    ledger.end_user(OTHER, None, 0)
    snapshot = feed.snapshot()
    assert [entry.key for entry in snapshot.entries] == [OTHER]
    assert snapshot.meta.counter == 1
    assert feed.changes(0) is None
    mark = ledger.end_user(USER, KeptSession(ONE, 2**42), 0)
    assert Entry("user", USER, mark, ONE) in new_entries(feed)
    newest = ledger.end_all(0)
    assert Entry("all", b"", newest) in new_entries(feed)
    clock = ledger.end_sessions({TWO: DAY_MS})
    assert Entry("session", TWO, until=clock + DAY_MS + LIFE_GRACE_MS) in new_entries(feed)
    assert feed.changes(0.01) is None


def test_a_feed_tells_up_to_which_change_it_is_complete(ledger: Ledger, feed: Feed) -> None:
    assert feed.snapshot().meta.counter == 0
    ledger.end_sessions({ONE: DAY_MS, TWO: DAY_MS})
    ledger.end_all(0)
    counter = 0
    while counter < 3:
        changes = wait_for(lambda: feed.changes(0.1))
        assert changes is not None
        counter = changes.meta.counter
    assert counter == beat(ledger, 0, 0).meta.counter == 3


def test_a_snapshot_begins_again(ledger: Ledger, feed: Feed) -> None:
    ledger.end_user(USER, None, 0)
    for _ in range(2):
        assert [entry.key for entry in feed.snapshot().entries] == [USER]
    assert feed.changes(0) is None


def test_what_is_restored_is_told(ledger: Ledger, feed: Feed) -> None:
    feed.snapshot()
    entry = Entry("user", USER, 2**42, ONE)
    ledger.restore(UNKNOWN._replace(all=77), [entry])
    told: list[Entry] = []
    while entry not in told:
        told += new_entries(feed)
    assert Entry("all", b"", 77) in told


def test_namespaces_know_nothing_of_each_other(open_store: Opener) -> None:
    store = open_store()
    one, other = store.ledger(SPACE), store.ledger(SPACE[::-1].replace("A", "B", 1))
    one.end_all(0)
    one.end_user(USER, None, 0)
    assert beat(other, 0, 0).meta[1:2] == (0,)
    assert content(other) == {}


def test_two_handles_are_one_store(open_store: Opener) -> None:
    mark = open_store().ledger(SPACE).end_user(USER, None, 0)
    assert content(open_store().ledger(SPACE))[USER].mark == mark


# --- with all of it ----------------------------------------------------------------------------


def test_an_ending_reaches_another_worker(open_store: Opener, workers: Workers) -> None:
    here, there = workers(open_store()), workers(open_store())
    session_id, since = secrets.token_urlsafe(16), here.now("7")
    assert there.judge(session_id, ["7"], since) == "good"
    here.end_user("7")
    assert here.judge(session_id, ["7"], since) == "ended"
    assert wait_for(lambda: there.judge(session_id, ["7"], since) == "ended")
    assert there.judge(session_id, ["8"], since) == "good"
    assert wait_for(lambda: there.judge(session_id, ["7"], there.now("7")) == "good")


def test_a_destroyed_session_reaches_another_worker(open_store: Opener, workers: Workers) -> None:
    here, there = workers(open_store()), workers(open_store())
    session_id, since = secrets.token_urlsafe(16), here.now()
    ending = here.end_soon(session_id)
    assert ending is not None
    assert here.judge(session_id, [], since) == "ended"
    assert ending.wait(30)
    assert wait_for(lambda: there.judge(session_id, [], since) == "ended")


# --- who is signed in --------------------------------------------------------------------------


def row(key: bytes, user: bytes, label: str | None = "Firefox on a Mac", **changes: int) -> Row:
    times = {"login": 5, "seen": 5, "expires": 2**42, "since": 6} | changes
    return Row(key, user, "user:\n7 é", label, **times)


@pytest.fixture
def directory(ledger: Ledger) -> Directory:
    assert isinstance(ledger, Directory)
    return ledger


def test_rows_are_found_by_their_user(directory: Directory) -> None:
    one, other = row(ONE, USER), row(TWO, USER, label=None, login=9, expires=2**41)
    directory.note_signed_in([one, other, row(b"3" * 16, OTHER)], {})
    assert sorted(directory.rows_of(USER)) == sorted([one, other])
    assert list(directory.rows_of(b"\xff" * 16)) == []
    again = row(ONE, OTHER, label="Chrome")
    directory.note_signed_in([again], {})
    assert list(directory.rows_of(USER)) == [other]
    assert again in directory.rows_of(OTHER)


def test_a_user_with_the_last_fingerprint_has_rows_too(directory: Directory) -> None:
    last = row(b"\xff" * 16, b"\xff" * 16)
    directory.note_signed_in([last], {})
    assert list(directory.rows_of(b"\xff" * 16)) == [last]
    assert list(directory.rows_of(b"\xff" * 15 + b"\xfe")) == []


def test_the_rows_of_a_user_are_those_that_were_seen_last(directory: Directory) -> None:
    """However often somebody logs in: in one batch, and over many."""
    keys = [number.to_bytes(16) for number in range(700)]
    directory.note_signed_in([row(b"o" * 16, OTHER, seen=1)], {})
    many = [row(key, USER, seen=7_000_000 - at) for at, key in enumerate(keys)]
    for first in range(0, 600, 200):
        directory.note_signed_in(many[first : first + 200], {})
    assert {each.key for each in directory.rows_of(USER)} == set(keys[:MOST_ROWS])
    directory.note_signed_in([], {keys[MOST_ROWS - 1]: Seen(8_000_000, 2**43)})
    directory.note_signed_in([row(keys[699], USER, seen=9_000_000)], {})
    left = {*keys[: MOST_ROWS - 2], keys[MOST_ROWS - 1], keys[699]}
    assert {each.key for each in directory.rows_of(USER)} == left
    assert [each.key for each in directory.rows_of(OTHER)] == [b"o" * 16]


def test_a_session_is_seen_if_it_has_a_row(directory: Directory) -> None:
    directory.note_signed_in([row(ONE, USER)], {})
    directory.note_signed_in([], {ONE: Seen(77, 2**43), TWO: Seen(78, 2**43)})
    assert list(directory.rows_of(USER)) == [row(ONE, USER, seen=77, expires=2**43)]


@pytest.mark.parametrize(
    ("how", "left"),
    [("all", []), ("user", [b"3"]), ("keeping", [ONE[:1], b"3"]), ("session", [ONE[:1], b"3"])],
)
def test_the_rows_of_what_has_ended_go(
    ledger: Ledger, directory: Directory, how: str, left: list[bytes]
) -> None:
    directory.note_signed_in([row(ONE, USER), row(TWO, USER), row(b"3" * 16, OTHER)], {})
    endings: dict[str, Callable[[], object]] = {
        "all": lambda: ledger.end_all(0),
        "user": lambda: ledger.end_user(USER, None, 0),
        "keeping": lambda: ledger.end_user(USER, KeptSession(ONE, 2**42), 0),
        "session": lambda: ledger.end_sessions({TWO: DAY_MS}),
    }
    endings[how]()
    rows = [*directory.rows_of(USER), *directory.rows_of(OTHER)]
    assert sorted(each.key[:1] for each in rows) == left


def test_the_rows_of_what_has_expired_go_within_an_hour(
    ledger: Ledger, directory: Directory
) -> None:
    clock = beat(ledger, 0, 0).meta.clock
    rows = [row(ONE, USER, expires=clock - 1), row(TWO, USER, expires=clock + DAY_MS)]
    directory.note_signed_in(rows, {})
    beat(ledger, clock + HOUR_MS, 0)
    assert [each.key for each in directory.rows_of(USER)] == [TWO]


def test_devices_are_seen_and_ended_in_other_workers(open_store: Opener, workers: Workers) -> None:
    here, there = (workers(open_store(), directory=True) for _ in range(2))
    one, other, now = secrets.token_urlsafe(16), secrets.token_urlsafe(16), _time.now_ms()
    for number, session_id in enumerate([one, other]):
        here.note_login(session_id, "7", "Firefox", now + number, now + number, now + DAY_MS)
    here.note_seen(one, "7", now + 2 * DAY_MS)

    def days_left() -> dict[str, float]:
        seen = there.sessions_of("7")
        return {
            each.session_id: (each.expires_at.timestamp() * 1000 - now) // DAY_MS for each in seen
        }

    # The logins may be there before what was noted after them.
    assert wait_for(lambda: days_left() == {one: 2, other: 1})
    there.note_seen(other, "7", now + 3 * DAY_MS)
    assert list(days_left().items()) == [(other, 3), (one, 2)]
    there.end_session(one)
    assert [each.session_id for each in here.sessions_of("7")] == [other]
    there.end_user("7")
    assert here.sessions_of("7") == []
