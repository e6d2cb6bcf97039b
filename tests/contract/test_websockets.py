"""Point 10 of the contract: WebSockets."""

import json

import pytest

from tests.contract.all_doors import doors_with
from tests.contract.logs import lost_changes
from tests.contract.visitor import Visitor, Welcome
from tests.sessions.browser import NAME, Failures, make_options


@doors_with("websocket")
def test_a_websocket_reads_the_session(visitor: Visitor) -> None:
    visitor.ask("update", {"a": 1})
    handshake = visitor.connect("read")
    assert handshake.accepted
    assert [json.loads(handshake.texts[0]), *handshake.texts[1:]] == [{"a": 1}, "done"]
    assert handshake.cookies == {}


@doors_with("websocket")
def test_a_websocket_that_leaves_the_session_alone_has_no_header_of_ours(
    visitor: Visitor,
) -> None:
    handshake = visitor.connect()
    assert handshake.accepted
    assert not {"set-cookie", "vary", "cache-control"} & {name for name, _ in handshake.headers}


@doors_with("accept")
def test_what_is_written_before_the_accept_goes_out_with_the_handshake(visitor: Visitor) -> None:
    handshake = visitor.connect("update", {"a": 1})
    assert list(handshake.cookies) == [NAME]
    assert visitor.session == {"a": 1}


@doors_with("accept")
@pytest.mark.parametrize("action", ["clear", "destroy"])
def test_a_session_that_is_emptied_before_the_accept_expires(visitor: Visitor, action: str) -> None:
    visitor.ask("update", {"a": 1})
    assert visitor.connect(action).cookies[NAME].max_age == 0
    assert visitor.session == {}


@doors_with("websocket")
def test_a_change_after_the_accept_is_logged_as_lost(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    handshake = visitor.connect("read", late="update", late_value={"a": 1})
    assert handshake.texts[-1] == "done"
    assert len(lost_changes(caplog)) == 1
    assert visitor.session == {}


@doors_with("websocket")
@pytest.mark.parametrize("late", ["save", "destroy", "update and save"])
def test_saving_after_the_accept_raises(visitor: Visitor, late: str) -> None:
    visitor.ask("update", {"a": 1})
    handshake = visitor.connect("read", late=late, late_value={"b": 2})
    assert handshake.texts[-1] == "HeadersAlreadySentError"
    assert visitor.session == {"a": 1}


@doors_with("close")
@pytest.mark.parametrize("action", ["update", "update and save", "clear", "destroy"])
def test_a_change_before_a_close_that_takes_the_accept_s_place_is_logged_as_refused(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, action: str
) -> None:
    """The server answers such a handshake by itself; it did not come too late."""
    visitor.ask("update", {"a": 1})
    handshake = visitor.connect(action, {"b": 2}, manner="ws-close")
    assert not handshake.accepted
    assert handshake.cookies == {}
    (message,) = lost_changes(caplog)
    assert repr(NAME) in message
    assert "the WebSocket was refused" in message
    assert "accept it first" in message
    assert "after" not in message
    assert visitor.session == {"a": 1}


@doors_with("close")
def test_a_close_before_the_accept_without_a_change_is_not_logged(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    visitor.connect("read", manner="ws-close")
    assert lost_changes(caplog) == []


@doors_with("deny")
def test_a_denial_response_carries_the_cookie(visitor: Visitor) -> None:
    handshake = visitor.connect("update", {"a": 1}, manner="ws-deny")
    assert (handshake.accepted, handshake.status) == (False, 403)
    assert list(handshake.cookies) == [NAME]
    assert handshake.vary == "Cookie"
    assert handshake.cache_control == "no-store"
    assert visitor.session == {"a": 1}


@doors_with("websocket")
def test_a_websocket_with_a_hostile_cookie_has_an_empty_session(welcome: Welcome) -> None:
    failures = Failures()
    visitor = welcome(make_options(on_unseal_error=failures))
    visitor.cookies[NAME] = "garbage"
    handshake = visitor.connect("read")
    assert json.loads(handshake.texts[0]) == {}
    assert failures.reasons == ["invalid"]
