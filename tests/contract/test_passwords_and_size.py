"""Points 6 and 7 of the contract: sessions by old passwords, and those that are too big."""

from typing import Any

import pytest

from tests.contract.all_doors import doors_with
from tests.contract.logs import errors_in
from tests.contract.visitor import Visitor, Welcome
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    NAME,
    OLD,
    PASSWORD,
    Failures,
    make_options,
    password_id_of,
    saved,
)

CHUNKS = [f"{NAME}.{index}" for index in range(4)]


@pytest.mark.parametrize("manner", ["", "own", "stream", "file", "redirect", "error"])
def test_a_session_by_an_old_password_is_written_again_with_the_newest(
    welcome: Welcome, manner: str
) -> None:
    """Though it was only looked at."""
    visitor = welcome(make_options(password={1: OLD, 2: PASSWORD}))
    visitor.cookies[NAME] = saved({"a": 1}, password=OLD).partition("=")[2]
    answer = visitor.ask("read", manner=manner)
    assert password_id_of(answer.cookies[NAME].value) == "2"
    assert visitor.session == {"a": 1}
    assert visitor.ask("read").cookies == {}


def test_a_session_by_an_old_password_that_is_left_alone_stays(welcome: Welcome) -> None:
    visitor = welcome(make_options(password={1: OLD, 2: PASSWORD}))
    visitor.cookies[NAME] = saved({"a": 1}, password=OLD).partition("=")[2]
    assert visitor.ask().cookies == {}


def test_a_session_by_a_password_that_is_gone_is_empty(welcome: Welcome) -> None:
    failures = Failures()
    visitor = welcome(make_options(password={2: PASSWORD}, on_unseal_error=failures))
    visitor.cookies[NAME] = saved({"a": 1}, password={1: OLD}).partition("=")[2]
    assert visitor.session == {}
    assert failures.reasons == ["unknown-password"]


@pytest.mark.parametrize(
    ("before", "after", "days", "manner"),
    [
        pytest.param({"password": OLD}, {"password": {1: OLD, 2: PASSWORD}}, 0, "", id="rotation"),
        pytest.param({}, {}, 8, "stream", id="renewal"),
        pytest.param({}, {"max_lifetime": 30 * 24 * 3600}, 0, "error", id="lifetime"),
    ],
)
def test_a_session_that_was_only_read_and_no_longer_fits_is_kept_as_it_is(
    welcome: Welcome,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    before: dict[str, Any],
    after: dict[str, Any],
    days: int,
    manner: str,
) -> None:
    """The visitor did nothing wrong: the page is served, the cookie stays, the log says so."""
    header = saved({"large": "x" * 7000}, chunk=True, **before)
    visitor = welcome(make_options(renew_after=7 * 24 * 3600, **after))
    visitor.cookies = dict(pair.split("=") for pair in header.split("; "))
    clock.advance(days * 24 * 3600)
    answer = visitor.ask("read", manner=manner)
    assert answer.status == {"redirect": 303, "error": 404}.get(manner, 200)
    assert answer.failure is None
    assert NAME not in {name.partition(".")[0] for name in answer.cookies}
    (message,) = errors_in(caplog)
    assert f"session {NAME!r} was not renewed" in message
    assert visitor.header.startswith(header)
    assert visitor.session == {"large": "x" * 7000}


@pytest.mark.parametrize("manner", ["", "own", "stream", "file", "redirect", "error"])
def test_a_session_that_is_too_big_is_the_application_s_to_answer(
    visitor: Visitor, manner: str
) -> None:
    """Its handler for the error is called, no cookie is set, and the browser keeps the old one."""
    visitor.ask("update", {"a": 1})
    answer = visitor.ask("update", {"large": "x" * 8000}, manner=manner)
    assert (answer.status, answer.body) == (413, b"CookieTooLargeError")
    assert NAME not in answer.cookies  # in some frameworks those of the application stay
    assert answer.failure is None
    assert visitor.session == {"a": 1}


def test_saving_by_hand_raises_in_the_handler(visitor: Visitor) -> None:
    answer = visitor.ask("update and save", {"large": "x" * 8000})
    assert (answer.status, answer.body) == (413, b"CookieTooLargeError")
    assert answer.cookies == {}


def test_more_than_four_chunks_are_too_big_too(welcome: Welcome) -> None:
    """Nothing is half written: neither a chunk nor an expired one."""
    visitor = welcome(make_options(chunk=True))
    visitor.ask("update", {"large": "x" * 7000})
    answer = visitor.ask("update", {"large": "x" * 14000})
    assert (answer.status, answer.body) == (413, b"CookieTooLargeError")
    assert answer.cookies == {}
    assert visitor.session == {"large": "x" * 7000}


@pytest.mark.parametrize("length", [2800, 5000, 7000])
def test_a_large_session_is_split_over_chunks(welcome: Welcome, length: int) -> None:
    visitor = welcome(make_options(chunk=True))
    visitor.ask("update", {"large": "x" * length})
    wanted = {2800: [NAME], 5000: CHUNKS[:2], 7000: CHUNKS[:3]}[length]
    assert list(visitor.cookies) == wanted
    assert visitor.session == {"large": "x" * length}


@doors_with("four chunks")
def test_a_session_has_up_to_four_chunks(welcome: Welcome) -> None:
    visitor = welcome(make_options(chunk=True))
    visitor.ask("update", {"large": "x" * 10000})
    assert list(visitor.cookies) == CHUNKS
    assert visitor.session == {"large": "x" * 10000}


@pytest.mark.parametrize(
    ("before", "after", "expired"),
    [
        (7000, 5000, [NAME, *CHUNKS[2:]]),
        (7000, 10, CHUNKS),
        (10, 7000, [NAME, *CHUNKS[3:]]),
    ],
)
def test_whatever_a_session_in_chunks_does_not_set_expires(
    welcome: Welcome, before: int, after: int, expired: list[str]
) -> None:
    """Another tab may have written it meanwhile."""
    visitor = welcome(make_options(chunk=True))
    visitor.ask("update", {"large": "x" * before})
    answer = visitor.ask("update", {"large": "x" * after})
    assert sorted(name for name, cookie in answer.cookies.items() if cookie.max_age == 0) == expired
    assert visitor.session == {"large": "x" * after}
