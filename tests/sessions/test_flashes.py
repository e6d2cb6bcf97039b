"""Messages that are shown once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iron_session import Flash, NotSerializableError, Session
from iron_session.sessions import flashes
from tests.helpers.json_values import values
from tests.sessions.browser import Browser, make_options

OPTIONS = make_options()


@pytest.fixture
def session() -> Session:
    return Browser().request(OPTIONS)


def test_a_message_is_kept_for_the_next_request_and_shown_once() -> None:
    browser = Browser()
    session = browser.request(OPTIONS)
    session.flash("Saved", "success")
    session.commit()
    browser.answer()
    session = browser.request(OPTIONS)
    assert session.pop_flashes() == [Flash("Saved", "success")]
    assert session.pop_flashes() == []
    session.commit()
    browser.answer()
    assert browser.request(OPTIONS).pop_flashes() == []
    assert browser.cookies == {}


def test_messages_come_in_the_order_in_which_they_were_left(session: Session) -> None:
    for text in ("one", "two", "one"):
        session.flash(text)
    assert [flash.message for flash in session.pop_flashes()] == ["one", "two", "one"]


def test_a_flash_unpacks_as_message_and_category(session: Session) -> None:
    session.flash("Careful", "warning")
    ((message, category),) = session.pop_flashes()
    assert (message, category) == ("Careful", "warning")


def test_without_a_category_it_is_a_message_as_in_flask(session: Session) -> None:
    session.flash("Hello")
    assert session.pop_flashes() == [Flash("Hello", "message")]


def test_one_category_is_taken_and_the_others_are_kept(session: Session) -> None:
    session.flash("a", "error")
    session.flash("b", "success")
    session.flash("c", "error")
    assert session.pop_flashes("error") == [Flash("a", "error"), Flash("c", "error")]
    assert session.pop_flashes() == [Flash("b", "success")]


def test_looking_for_messages_where_there_are_none_changes_nothing(session: Session) -> None:
    assert session.pop_flashes() == []
    assert session.pop_flashes("error") == []
    assert session.accessed
    assert not session.modified


def test_messages_lie_where_flask_keeps_its_own(session: Session) -> None:
    session.flash("Saved", "success")
    assert session == {"_flashes": [["success", "Saved"]]}


@pytest.mark.parametrize(
    ("message", "category", "what"),
    [(5, "message", "message"), (None, "message", "message"), ("a", b"b", "category")],
)
def test_what_is_no_text_is_refused(
    session: Session, message: Any, category: Any, what: str
) -> None:
    with pytest.raises(NotSerializableError, match=rf"^the flash's {what} is of type"):
        session.flash(message, category)
    assert session == {}


@given(kept=values, category=st.none() | st.text())
def test_whatever_lies_there_is_no_error(kept: Any, category: str | None) -> None:
    """JavaScript, or an older version of the application, may have put it there."""
    taken, left = flashes.split(kept, category)
    assert all(isinstance(text, str) for flash in taken for text in flash)
    assert flashes.split(left, None)[1] == []


def test_what_lies_there_and_is_no_list_gives_way_to_a_message(session: Session) -> None:
    session["_flashes"] = {"not": "a list"}
    session.flash("Saved")
    assert session.pop_flashes() == [Flash("Saved", "message")]


def test_entries_that_are_no_messages_are_dropped(session: Session) -> None:
    session["_flashes"] = [["a"], "b", ["message", 5], ["message", "good"], None]
    assert session.pop_flashes() == [Flash("good", "message")]
    assert session == {}
