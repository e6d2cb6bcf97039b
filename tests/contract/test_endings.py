"""Sessions that are ended, refused, or of which that can't be told."""

from collections.abc import Iterator
from typing import Any

import pytest

from iron_session import (
    CookieTooLargeError,
    IronSessionError,
    SessionOptions,
    SessionUnavailableError,
)
from tests.contract import common_app
from tests.contract.all_doors import CANNOT, doors_with
from tests.contract.common_app import ANSWERED, TOO_LARGE
from tests.contract.door import Door
from tests.contract.visitor import Visitor, Welcome
from tests.helpers.revoker import Ledger
from tests.interop.node import Browser, Site
from tests.sessions.browser import FOREIGN, NAME, PASSWORD, make_options

DAY = 24 * 3600
THERE = {"password": PASSWORD, "cookieName": NAME, "chunk": True}


@pytest.fixture
def ledger() -> Ledger:
    """What ends sessions here."""
    return Ledger()


@pytest.fixture
def options(ledger: Ledger) -> SessionOptions:
    """Options of sessions that can be ended."""
    return make_options(revocations=ledger, max_lifetime=30 * DAY)


@pytest.fixture
def visitor(welcome: Welcome, options: SessionOptions) -> Visitor:
    """Welcome a visitor, and log them in."""
    visitor = welcome(options)
    visitor.ask("log in", {"a": 1})
    return visitor


@pytest.fixture(autouse=True)
def _answered() -> Iterator[None]:
    """Leave a session that can't be told to the doors, in the apps that are made from now on."""
    before = [*ANSWERED]
    ANSWERED[:] = [CookieTooLargeError]
    yield
    ANSWERED[:] = before


def copy_of(visitor: Visitor) -> Visitor:
    """Return somebody else with the same cookies."""
    return Visitor(visitor.site, dict(visitor.cookies))


# --- ended ---


def test_a_login_keeps_its_id_over_saves(visitor: Visitor) -> None:
    session_id, user_id = visitor.ask("who").json
    visitor.ask("update", {"b": 2})
    assert visitor.ask("who").json == [session_id, "42"] == [session_id, user_id]
    assert visitor.session == {"a": 1, "b": 2}
    visitor.ask("log in")
    assert visitor.ask("who").json[0] not in {session_id, None}


def test_the_session_of_an_ended_user_is_empty(visitor: Visitor, ledger: Ledger) -> None:
    ledger.end_user("42")
    answer = visitor.ask("read")
    assert (answer.status, answer.json, answer.cookies) == (200, {}, {})
    assert answer.vary == "Cookie"
    assert visitor.ask("who").json == [None, None]


def test_an_ended_id_ends_one_session_of_a_user(visitor: Visitor, ledger: Ledger) -> None:
    other = Visitor(visitor.site)
    other.ask("log in", {"b": 2})
    ledger.ended.append(visitor.ask("who").json[0])
    assert visitor.session == {}
    assert other.session == {"b": 2}


def test_an_ended_session_begins_again_with_what_is_written(
    visitor: Visitor, ledger: Ledger
) -> None:
    ledger.end_user("42")
    assert visitor.ask("update", {"b": 2}).status == 200
    assert visitor.session == {"b": 2}
    assert visitor.ask("who").json[1] is None


@pytest.mark.parametrize("action", ["clear", "destroy"])
def test_a_copy_of_the_cookie_is_worth_nothing_after_a_logout(
    visitor: Visitor, action: str
) -> None:
    stolen = copy_of(visitor)
    visitor.ask(action)
    assert visitor.cookies == {}
    assert stolen.session == {}


def test_a_late_response_of_a_parallel_request_does_not_revive_an_ended_session(
    visitor: Visitor,
) -> None:
    slow = visitor.site.visit(visitor.prepare("update", {"late": 1}, ""))
    visitor.ask("destroy")
    visitor.receive(slow)
    assert list(visitor.cookies) == [NAME]
    assert visitor.session == {}


def test_a_kept_session_lives_on(visitor: Visitor, ledger: Ledger) -> None:
    other = Visitor(visitor.site)
    other.ask("log in", {"b": 2})
    ledger.kept["42"] = visitor.ask("who").json[0]
    ledger.end_user("42")
    visitor.ask("update", {"c": 3})
    assert visitor.session == {"a": 1, "c": 3}
    assert other.session == {}


@doors_with("websocket")
def test_a_websocket_of_an_ended_user_has_an_empty_session(
    visitor: Visitor, ledger: Ledger
) -> None:
    ledger.end_user("42")
    handshake = visitor.connect("read")
    assert handshake.accepted
    assert handshake.texts[0] == "{}"
    assert handshake.cookies == {}


@doors_with("explicit")
def test_the_explicit_form_sees_endings_too_and_does_not_wait_for_its_own(
    door: Door, visitor: Visitor, options: SessionOptions, ledger: Ledger
) -> None:
    assert door.make_explicit_app is not None
    stolen = dict(visitor.cookies)
    with door.open(door.make_explicit_app(options)) as site:
        by_hand = Visitor(site, visitor.cookies)
        assert by_hand.ask("read", manner="explicit").json == {"a": 1}
        assert by_hand.ask("destroy", manner="explicit").cookies[NAME].max_age == 0
        assert Visitor(site, stolen).ask("read", manner="explicit").json == {}
    assert [ending.waited for ending in ledger.endings] == [[]]


# --- the store knows it before the visitor does ---


@doors_with("wait")
@pytest.mark.parametrize("manner", ["", "async", "sync", "redirect", "error"])
def test_a_logout_waits_for_the_store_once(
    door: Door, visitor: Visitor, ledger: Ledger, manner: str
) -> None:
    manner = usual(door, manner)
    visitor.ask("update", {"b": 2}, manner=manner)
    assert ledger.endings == []
    visitor.ask("destroy", manner=manner)
    (ending,) = ledger.endings
    assert [0 < seconds <= 1 for seconds in ending.waited] == [True] * len(ending.waited)
    assert len(ending.waited) == 1


@doors_with("wait")
def test_a_logout_waits_before_the_response_is_sent(visitor: Visitor, ledger: Ledger) -> None:
    visitor.ask("destroy", manner="stream", late="keep waits")
    assert common_app.KEPT.pop() == [1]


@doors_with("wait to accept")
def test_a_logout_waits_before_the_handshake_is_answered(visitor: Visitor) -> None:
    visitor.connect("destroy", late="keep waits")
    assert common_app.KEPT.pop() == [1]


# --- it can't be told ---


def test_a_session_that_can_not_be_told_is_empty_and_its_cookie_stays(
    visitor: Visitor, ledger: Ledger
) -> None:
    kept = visitor.cookies[NAME]
    ledger.reachable = False
    for manner in ("", "own", "stream", "file", "redirect", "error"):
        answer = visitor.ask("read", manner=manner)
        assert NAME not in answer.cookies
        assert answer.status < 500
    assert visitor.ask("read").json == {}
    ledger.reachable = True
    assert visitor.cookies[NAME] == kept
    assert visitor.session == {"a": 1}


@pytest.mark.parametrize("manner", ["", "async", "sync", "own", "stream", "file", "redirect"])
def test_a_change_to_it_is_answered_with_503_and_no_cookie(
    door: Door, visitor: Visitor, ledger: Ledger, manner: str
) -> None:
    ledger.reachable = False
    answer = visitor.ask("update", {"token": 1}, manner=usual(door, manner))
    assert_is_503(answer)
    ledger.reachable = True
    assert visitor.session == {"a": 1}


@pytest.mark.parametrize("manner", ["", "async", "sync"])
@pytest.mark.parametrize("action", ["save", "update and save"])
def test_saving_it_by_hand_is_answered_with_503_and_no_cookie(
    door: Door, visitor: Visitor, ledger: Ledger, manner: str, action: str
) -> None:
    ledger.reachable = False
    answer = visitor.ask(action, {"token": 1}, manner=usual(door, manner))
    assert_is_503(answer)
    ledger.reachable = True
    assert visitor.session == {"a": 1}


@doors_with("503 of an ending")
@pytest.mark.parametrize("manner", ["", "async", "sync"])
def test_an_ending_that_could_not_be_stored_is_answered_with_503_and_no_cookie(
    door: Door, visitor: Visitor, manner: str
) -> None:
    """The error of `end_user`, which knows of no request, is answered like that of the session."""
    for _ in range(2):
        assert_is_503(visitor.ask("end elsewhere", {"b": 2}, manner=usual(door, manner)))
        assert visitor.session == {"a": 1}


def test_a_login_is_answered_with_503_while_the_store_was_never_reached(
    visitor: Visitor, ledger: Ledger
) -> None:
    ledger.reachable, ledger.clock = False, None
    assert_is_503(visitor.ask("log in"))
    ledger.reachable = True
    assert visitor.session == {"a": 1}


def test_nothing_of_a_second_session_is_lost_with_it(welcome: Welcome, ledger: Ledger) -> None:
    """It is in whatever state its own cookie says; the next request finds both."""
    first = make_options(revocations=ledger, max_lifetime=30 * DAY)
    second = make_options(cookie_name="second", password=FOREIGN)
    visitor = welcome(first, second)
    visitor.ask("log in", {"a": 1})
    visitor.ask("update", {"b": 2}, on=[1])
    ledger.reachable = False
    answer = visitor.ask("update", {"c": 3}, on=[0])
    assert answer.status == 503
    assert NAME not in answer.cookies
    assert visitor.ask("read", on=[1]).json == {"b": 2}
    ledger.reachable = True
    assert visitor.session == {"a": 1}


@pytest.mark.parametrize("action", ["clear", "destroy"])
def test_a_logout_from_it_expires_the_cookie(visitor: Visitor, ledger: Ledger, action: str) -> None:
    stolen = copy_of(visitor)
    ledger.reachable = False
    answer = visitor.ask(action)
    assert (answer.status, answer.cookies[NAME].max_age) == (200, 0)
    ledger.reachable = True
    assert stolen.session == {}


def test_visitors_without_a_cookie_notice_nothing(visitor: Visitor, ledger: Ledger) -> None:
    ledger.reachable = False
    other = Visitor(visitor.site)
    assert other.ask("read").json == {}
    assert other.ask("update", {"cart": [1]}).status == 200
    ledger.reachable = True
    assert other.session == {"cart": [1]}


@doors_with("accept")
def test_a_websocket_that_would_write_it_is_refused(visitor: Visitor, ledger: Ledger) -> None:
    ledger.reachable = False
    assert visitor.connect("read").texts[0] == "{}"
    for action in ("update", "save"):
        handshake = visitor.connect(action, {"token": 1})
        assert not handshake.accepted
        assert handshake.cookies == {}
    ledger.reachable = True
    assert visitor.session == {"a": 1}


@doors_with("503 by hand")
@pytest.mark.parametrize("action", ["save", "update and save"])
def test_the_explicit_form_is_answered_with_503(
    door: Door, visitor: Visitor, options: SessionOptions, ledger: Ledger, action: str
) -> None:
    assert door.make_explicit_app is not None
    with door.open(door.make_explicit_app(options)) as site:
        ledger.reachable = False
        answer = Visitor(site, visitor.cookies).ask(action, {"b": 2}, manner="explicit")
    assert_is_503(answer)


@doors_with("answers 503 itself")
@pytest.mark.parametrize("kind", [SessionUnavailableError, IronSessionError])
@pytest.mark.parametrize("action", ["update", "update and save"])
def test_the_application_s_own_handler_comes_first(
    welcome: Welcome,
    options: SessionOptions,
    ledger: Ledger,
    action: str,
    kind: type[IronSessionError],
) -> None:
    ANSWERED[:] = [kind]
    visitor = welcome(options)
    visitor.ask("log in", {"a": 1})
    ledger.reachable = False
    answer = visitor.ask(action, {"b": 2})
    assert (answer.status, answer.cookies) == (TOO_LARGE, {})
    assert b"Unavailable" in answer.body


@doors_with("answers an ending itself")
@pytest.mark.parametrize("kind", [SessionUnavailableError, IronSessionError])
def test_the_application_s_own_handler_comes_first_for_endings_too(
    welcome: Welcome, options: SessionOptions, kind: type[IronSessionError]
) -> None:
    """What it answers is a response like any other: it carries the session."""
    ANSWERED[:] = [kind]
    visitor = welcome(options)
    visitor.ask("log in", {"a": 1})
    answer = visitor.ask("end elsewhere", {"b": 2})
    assert answer.status == TOO_LARGE
    assert answer.body in {b"SessionUnavailableError", b"UnavailableHTTPError"}
    assert visitor.session == {"a": 1, "b": 2}


def usual(door: Door, manner: str) -> str:
    """Return the manner of a request, or the usual one where the framework has no such handler."""
    return "" if door.name in CANNOT.get(manner, {}) else manner


def assert_is_503(answer: Any) -> None:
    """Check that a request was refused, and the browser keeps what it has."""
    assert answer.status == 503, answer
    assert answer.cookies.keys() <= {"theme", "lang"}
    assert PASSWORD.encode() not in answer.body


# --- accept ---


def test_a_session_that_accept_refuses_is_empty(welcome: Welcome) -> None:
    visitor = welcome(make_options(accept=lambda data, about: data["version"] == 2))
    visitor.ask("update", {"version": 1})
    assert visitor.ask("read").json == {}
    visitor.ask("update", {"version": 2})
    assert visitor.session == {"version": 2}


def test_where_accept_raises_it_can_not_be_told(welcome: Welcome) -> None:
    able = [True]

    def accept(data: dict[str, Any], about: object) -> bool:
        if not able:
            raise ConnectionError("the database is away")
        return True

    visitor = welcome(make_options(accept=accept))
    visitor.ask("update", {"a": 1})
    able.clear()
    assert visitor.ask("read").json == {}
    assert_is_503(visitor.ask("update", {"b": 2}))
    able.append(True)
    assert visitor.session == {"a": 1}


# --- Node beside it ---


def test_what_node_saves_of_a_session_ends_with_it(
    welcome: Welcome, ledger: Ledger, node_site: Site
) -> None:
    visitor = welcome(make_options(revocations=ledger, max_lifetime=30 * DAY, chunk=True))
    browser = Browser(visitor.cookies)
    node_site.change(browser, THERE, guest=1)
    assert visitor.session == {"guest": 1}
    visitor.ask("log in", {"a": 1})
    who = visitor.ask("who").json
    node_site.change(browser, THERE, there=2)
    assert visitor.ask("who").json == who
    stolen = copy_of(visitor)
    ledger.end_user("42")
    assert visitor.session == {}
    node_site.change(browser, THERE, there=3)
    assert visitor.session == {}
    node_site.destroy(browser, THERE)
    node_site.change(browser, THERE, fresh=1)
    assert visitor.session == {"fresh": 1}
    assert stolen.session == {}
