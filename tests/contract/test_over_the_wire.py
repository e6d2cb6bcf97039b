"""The contract once more over real HTTP and real WebSockets, for every door."""

import json
from collections.abc import Iterator

import pytest

from tests.contract.all_doors import DOORS, doors_with
from tests.contract.common_app import FILE, STREAM_START
from tests.contract.door import Door
from tests.contract.visitor import Visitor
from tests.contract.wire_driver import ServedApp, run_on_a_server
from tests.sessions.browser import NAME, TTL, make_options


@pytest.fixture(scope="module", params=DOORS, ids=[door.name for door in DOORS])
def served(request: pytest.FixtureRequest) -> Iterator[ServedApp]:
    """Serve the common app, one door at a time."""
    door: Door = request.param
    with run_on_a_server(door, door.make_app([make_options(chunk=True)])) as site:
        yield site


@pytest.fixture
def visitor(served: ServedApp) -> Visitor:
    """Welcome a visitor on the served site."""
    return Visitor(served)


def test_a_session_is_written_read_changed_and_destroyed(visitor: Visitor) -> None:
    answer = visitor.ask("update", {"cart": {"items": ["tea"]}, "text": "Grüße 🎉"})
    assert answer.cookies[NAME].max_age == TTL - 60
    assert (answer.vary, answer.cache_control) == ("Cookie", "no-store")
    visitor.ask("append", "milk")
    assert visitor.session == {"cart": {"items": ["tea", "milk"]}, "text": "Grüße 🎉"}
    visitor.ask("destroy")
    assert (visitor.cookies, visitor.session) == ({}, {})


def test_a_session_that_is_left_alone_has_no_header(visitor: Visitor) -> None:
    answer = visitor.ask()
    assert not {"set-cookie", "vary", "cache-control"} & {name for name, _ in answer.headers}


def test_chunks_come_and_go(visitor: Visitor) -> None:
    """Three cookies of 4 kB fit into what servers take as headers."""
    visitor.ask("update", {"large": "x" * 7000})
    assert list(visitor.cookies) == [f"{NAME}.0", f"{NAME}.1", f"{NAME}.2"]
    assert visitor.session == {"large": "x" * 7000}
    visitor.ask("update", {"large": "small"})
    assert list(visitor.cookies) == [NAME]


def test_cookies_of_the_application_arrive_beside_ours(visitor: Visitor) -> None:
    answer = visitor.ask("update", {"a": 1}, manner="own")
    kept = {name for name, cookie in answer.cookies.items() if cookie.max_age != 0}
    assert kept == {"theme", "lang", NAME}
    assert (answer.vary, answer.cache_control) == ("Accept, Cookie", "private, max-age=60")


def test_a_stream_carries_the_cookie_and_takes_no_late_save(visitor: Visitor) -> None:
    answer = visitor.ask("update", {"a": 1}, manner="stream", late="save")
    assert answer.body.decode() == f"{STREAM_START}HeadersAlreadySentError"
    assert visitor.session == {"a": 1}


def test_a_file_carries_the_cookie(visitor: Visitor) -> None:
    assert visitor.ask("update", {"a": 1}, manner="file").body == FILE.read_bytes()
    assert visitor.session == {"a": 1}


@pytest.mark.parametrize(("manner", "status"), [("redirect", 303), ("error", 404)])
def test_redirects_and_errors_carry_the_cookie(visitor: Visitor, manner: str, status: int) -> None:
    assert visitor.ask("update", {"a": 1}, manner=manner).status == status
    assert visitor.session == {"a": 1}


def test_an_unhandled_exception_is_a_500_without_a_cookie(visitor: Visitor) -> None:
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("update", {"a": 2}, manner="crash")
    assert (answer.status, answer.cookies) == (500, {})
    assert visitor.session == {"a": 1}


def test_a_session_that_is_too_big_is_answered_by_the_application(visitor: Visitor) -> None:
    answer = visitor.ask("update", {"large": "x" * 14000})
    assert (answer.status, answer.body) == (413, b"CookieTooLargeError")
    assert answer.cookies == {}


@pytest.mark.parametrize("value", ["garbage", "Fe26.2*\xe9\xff", "%", "A" * 5000])
def test_a_hostile_cookie_is_an_empty_session(visitor: Visitor, value: str) -> None:
    visitor.cookies[NAME] = value
    assert visitor.session == {}


@doors_with("accept", "served")
def test_the_handshake_of_a_websocket_carries_the_cookie(visitor: Visitor) -> None:
    handshake = visitor.connect("update", {"a": 1}, late="save")
    assert handshake.accepted
    assert visitor.cookies.keys() == {NAME}
    assert handshake.texts == ["null", "HeadersAlreadySentError"]
    assert json.loads(visitor.connect("read").texts[0]) == {"a": 1}


@doors_with("deny", "served")
def test_a_refused_websocket_carries_the_cookie(visitor: Visitor) -> None:
    handshake = visitor.connect("update", {"a": 1}, manner="ws-deny")
    assert (handshake.accepted, handshake.status) == (False, 403)
    assert visitor.session == {"a": 1}


@doors_with("close", "served")
def test_a_websocket_that_is_closed_at_once_carries_no_cookie(visitor: Visitor) -> None:
    handshake = visitor.connect("update", {"a": 1}, manner="ws-close")
    assert (handshake.accepted, handshake.status, handshake.cookies) == (False, 403, {})
    assert visitor.session == {}


def test_no_visitor_sees_the_session_of_another(visitor: Visitor) -> None:
    """Forty connections at once, each with a session of its own."""
    visitors = [Visitor(visitor.site) for _ in range(40)]
    for number, one in enumerate(visitors):
        one.ask("update", {"user": number})
    visits = [one.prepare("read", None, "") for one in visitors]
    answers = visitor.site.visit_at_once(visits)
    assert [answer.json for answer in answers] == [{"user": number} for number in range(40)]
