"""Points 11 and 12 of the contract: two sessions in one app, and many visitors at once."""

import uuid

import pytest

from tests.contract.all_doors import doors_with
from tests.contract.common_app import MEETINGS, Meeting
from tests.contract.door import Answer
from tests.contract.visitor import Visitor, Welcome
from tests.sessions.browser import NAME, OLD, TTL, Failures, make_options, saved

OTHER = "other"
VISITORS = 60
IN_THREADS = 10
"""How many threads every framework's pool can be trusted to have."""


@pytest.fixture
def failures() -> Failures:
    """Remember what the second session's hook is told."""
    return Failures()


@pytest.fixture
def two_sessions(welcome: Welcome, failures: Failures) -> Visitor:
    """Welcome a visitor on a site with two sessions of different options."""
    return welcome(
        make_options(),
        make_options(
            cookie_name=OTHER,
            password=OLD,
            ttl=900,
            cookie_options={"same_site": "strict", "path": "/other"},
            on_unseal_error=failures,
        ),
    )


def test_two_sessions_live_side_by_side(two_sessions: Visitor) -> None:
    answer = two_sessions.ask("update", {"a": 1}, on=[0, 1])
    assert set(answer.cookies) == {NAME, OTHER}
    assert answer.cookies[NAME].attributes["SameSite"] == "Lax"
    assert answer.cookies[OTHER].attributes["SameSite"] == "Strict"
    assert answer.cookies[OTHER].max_age == 840
    assert answer.vary == "Cookie"
    assert answer.cache_control == "no-store"
    two_sessions.ask("update", {"b": 2}, on=[1])
    assert two_sessions.ask("read", on=[0, 1]).json == [{"a": 1}, {"a": 1, "b": 2}]


@pytest.mark.parametrize("position", [0, 1])
def test_a_change_of_one_leaves_the_other_alone(two_sessions: Visitor, position: int) -> None:
    two_sessions.ask("update", {"a": 1}, on=[0, 1])
    name, other = [NAME, OTHER][position], [NAME, OTHER][1 - position]
    assert list(two_sessions.ask("update", {"b": 2}, on=[position]).cookies) == [name]
    assert list(two_sessions.ask("destroy", on=[position]).cookies) == [name]
    assert list(two_sessions.cookies) == [other]
    assert two_sessions.ask("read", on=[1 - position]).json == {"a": 1}


def test_one_session_s_cookie_is_not_the_other_s(two_sessions: Visitor, failures: Failures) -> None:
    two_sessions.ask("update", {"a": 1})
    two_sessions.cookies[OTHER] = two_sessions.cookies[NAME]
    assert two_sessions.ask("read", on=[0, 1]).json == [{"a": 1}, {}]
    assert failures.reasons == ["invalid"]


def ask_at_once(visitors: list[Visitor], manner: str, meeting_size: int) -> list[Answer]:
    """Have all write at the same time, each its own number, and read before the response.

    None goes on from its write to its read before `meeting_size` of them have written.
    """
    visits = []
    prefix = uuid.uuid4().hex
    for number, visitor in enumerate(visitors):
        meeting = f"{prefix} {number // meeting_size}"
        MEETINGS.setdefault(meeting, Meeting(meeting_size))
        visits.append(
            visitor.prepare("update", {"seen": number}, manner, meeting=meeting, then="read")
        )
    return visitors[0].site.visit_at_once(visits)


def check_that_nobody_sees_another(first: Visitor, manner: str, meeting_size: int) -> None:
    """Send requests at once, every second of them with a session that is there already."""
    cookies = [
        {NAME: saved({"user": number}).partition("=")[2]} if number % 2 else {}
        for number in range(VISITORS)
    ]
    visitors = [Visitor(first.site, own) for own in cookies]
    wanted = [
        {"user": number, "seen": number} if number % 2 else {"seen": number}
        for number in range(VISITORS)
    ]
    answers = ask_at_once(visitors, manner, meeting_size)
    assert [answer.json for answer in answers] == wanted
    for visitor, answer in zip(visitors, answers, strict=True):
        visitor.receive(answer)
    again = ask_at_once(visitors, manner, meeting_size)
    assert [answer.json for answer in again] == wanted
    assert all(answer.cookies == {} for answer in again)


@doors_with("async")
def test_no_coroutine_sees_the_session_of_another(visitor: Visitor) -> None:
    check_that_nobody_sees_another(visitor, "async", VISITORS)


@doors_with("sync")
def test_no_thread_sees_the_session_of_another(visitor: Visitor) -> None:
    check_that_nobody_sees_another(visitor, "sync", IN_THREADS)


@doors_with("sync")
def test_a_synchronous_handler_has_a_session_too(visitor: Visitor) -> None:
    assert list(visitor.ask("update", {"a": 1}, manner="sync").cookies) == [NAME]
    assert visitor.ask("read", manner="sync").json == {"a": 1}
    assert visitor.ask(manner="sync").vary is None


def test_one_request_s_ttl_does_not_change_another_s(welcome: Welcome) -> None:
    """Options are shared by all requests, and none of them can change them."""
    options = make_options()
    before = repr(options)
    visitor = welcome(options)
    short = visitor.ask("save for a minute", {"a": 1}).cookies[NAME]
    usual = Visitor(visitor.site).ask("update", {"a": 1}).cookies[NAME]
    assert (short.max_age, usual.max_age) == (60, TTL - 60)
    assert repr(options) == before
