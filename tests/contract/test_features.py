"""What sessions have beyond the contract's points goes through every door: typed data, lives of
their own, rotation, and messages that are shown once."""

from typing import Any

import pytest

from iron_session import Unsealed
from tests.contract.all_doors import doors_with
from tests.contract.common_app import Guest
from tests.contract.visitor import Visitor, Welcome
from tests.helpers.clock import Clock
from tests.interop.node import Browser, Site
from tests.sessions.browser import NAME, OLD, PASSWORD, Failures, make_options, saved

FIRST_SEEN = "2026-01-02T03:04:05Z"
MANNERS = ["", "stream", "redirect"]
TYPED: dict[str, Any] = {"user": {"name": "ada", "tags": ["ada"]}, "seen": FIRST_SEEN}
THERE = {"password": PASSWORD, "cookieName": NAME}


@doors_with("features")
@pytest.mark.parametrize("manner", MANNERS)
def test_typed_data_is_written_where_it_was_changed(welcome: Welcome, manner: str) -> None:
    visitor = welcome(make_options(schema=Guest))
    visitor.ask("visit", "ada", manner=manner)
    assert visitor.session == TYPED
    assert visitor.ask("read data").json == TYPED
    visitor.ask("visit", "bob", manner=manner)
    assert visitor.session == {**TYPED, "user": {"name": "bob", "tags": ["ada", "bob"]}}


@doors_with("features")
def test_typed_data_that_is_only_looked_at_is_not_written(welcome: Welcome) -> None:
    visitor = welcome(make_options(schema=Guest))
    assert visitor.ask("read data").cookies == {}
    visitor.ask("visit", "ada")
    answer = visitor.ask("read data")
    assert (answer.cookies, answer.vary) == ({}, "Cookie")


@doors_with("flash")
def test_typed_data_and_the_keys_of_others_live_in_one_session(welcome: Welcome) -> None:
    visitor = welcome(make_options(schema=Guest))
    visitor.ask("update", {"csrf": "x"})
    visitor.ask("visit", "ada")
    visitor.ask("flash", ["Saved"])
    assert visitor.session == {"csrf": "x", **TYPED, "_flashes": [["message", "Saved"]]}


@doors_with("features")
def test_a_cookie_that_does_not_fit_the_schema_is_an_empty_session(welcome: Welcome) -> None:
    failures = Failures()
    visitor = welcome(make_options(schema=Guest, on_unseal_error=failures))
    visitor.cookies[NAME] = saved({"seen": "yesterday"}).partition("=")[2]
    answer = visitor.ask("read data")
    assert (answer.status, answer.json) == (200, {"user": {"name": "", "tags": []}, "seen": None})
    assert failures.reasons == ["schema"]


@doors_with("features")
def test_an_old_shape_that_is_mended_is_written_in_its_new_one(welcome: Welcome) -> None:
    def migrate(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "user": {"name": data["user"]}} if data["user"] == "ada" else data

    visitor = welcome(make_options(schema=Guest, migrate=migrate))
    visitor.cookies[NAME] = saved({"user": "ada"}).partition("=")[2]
    assert NAME in visitor.ask("read data").cookies
    visitor.site = welcome(make_options(schema=Guest)).site
    assert visitor.session == {"user": {"name": "ada"}}


@doors_with("flash")
def test_node_reads_typed_data_and_what_it_adds_is_kept(welcome: Welcome, node_site: Site) -> None:
    visitor = welcome(make_options(schema=Guest, max_lifetime=90 * 24 * 3600))
    visitor.ask("visit", "ada")
    visitor.ask("flash", ["Saved", "success"])
    browser = Browser(visitor.cookies)
    there = node_site.change(browser, THERE, user={**TYPED["user"], "avatar": "a.png"}, theme="x")
    assert there.reasons == []
    visitor.ask("visit", "bob")
    user = {"name": "bob", "tags": ["ada", "bob"], "avatar": "a.png"}
    assert visitor.session == {
        **TYPED,
        "user": user,
        "theme": "x",
        "_flashes": [["success", "Saved"]],
    }
    there = node_site.read(browser, THERE)
    assert there.reasons == []
    assert there.session["user"] == user
    assert set(there.session["$iron"]) == {"created"}


@doors_with("flash")
@pytest.mark.parametrize("manner", MANNERS)
def test_a_message_is_shown_once_and_kept_over_a_redirect(visitor: Visitor, manner: str) -> None:
    visitor.ask("flash", ["Saved", "success"], manner="redirect")
    visitor.ask("flash", ["And more"], manner=manner)
    assert visitor.ask("pop flashes").json == [["Saved", "success"], ["And more", "message"]]
    answer = visitor.ask("pop flashes")
    assert (answer.json, answer.cookies) == ([], {})


@doors_with("features")
@pytest.mark.parametrize("manner", MANNERS)
def test_a_session_has_a_life_of_its_own_from_where_it_was_set(
    clock: Clock, visitor: Visitor, manner: str
) -> None:
    """And later saves keep it."""
    answer = visitor.ask("live for a minute", {"a": 1}, manner=manner)
    assert answer.cookies[NAME].max_age == 60
    clock.advance(30)
    assert visitor.ask("update", {"b": 2}).cookies[NAME].max_age == 60
    clock.advance(59)
    assert visitor.session == {"a": 1, "b": 2}
    clock.advance(120)
    assert visitor.session == {}


@doors_with("features")
def test_those_that_come_by_an_old_password_are_counted_until_none_does(welcome: Welcome) -> None:
    told: list[Unsealed] = []
    visitor = welcome(make_options(password={1: OLD, 2: PASSWORD}, on_unseal=told.append))
    visitor.cookies[NAME] = saved({"a": 1}, password=OLD).partition("=")[2]
    for _ in range(3):
        visitor.ask("read")
    assert [(one.password_id, one.outdated) for one in told] == [
        ("1", True),
        ("2", False),
        ("2", False),
    ]


@doors_with("features")
@pytest.mark.parametrize("manner", MANNERS)
def test_a_session_that_is_used_is_renewed_and_ends_all_the_same(
    clock: Clock, welcome: Welcome, manner: str
) -> None:
    """A week from each renewal, which comes after a day; and thirty days in all."""
    day = 24 * 3600
    visitor = welcome(make_options(ttl=7 * day, renew_after=day, max_lifetime=30 * day))
    visitor.ask("update", {"a": 1})
    clock.advance(day - 1)
    assert NAME not in visitor.ask("read", manner=manner).cookies
    clock.advance(1)
    assert NAME in visitor.ask("read", manner=manner).cookies
    for _ in range(5):
        clock.advance(5 * day)
        assert visitor.session == {"a": 1}
    clock.advance(4 * day + 60)
    assert visitor.session == {}


@doors_with("features")
@pytest.mark.parametrize("manner", MANNERS)
def test_a_remembered_session_has_a_cookie_that_outlives_the_browser(
    clock: Clock, welcome: Welcome, manner: str
) -> None:
    """Where those of others end with it."""
    visitor = welcome(make_options(cookie_options={"max_age": None}))
    assert visitor.ask("update", {"a": 1}, manner=manner).cookies[NAME].max_age is None
    answer = visitor.ask("live for a minute", {"a": 2}, manner=manner)
    assert answer.cookies[NAME].max_age == 60
    assert visitor.ask("update", {"a": 3}, manner=manner).cookies[NAME].max_age == 60


@doors_with("features")
@pytest.mark.parametrize("manner", MANNERS)
def test_a_login_that_starts_over_leaves_nothing_of_who_was_there(
    welcome: Welcome, manner: str
) -> None:
    visitor = welcome(make_options(schema=Guest))
    visitor.ask("visit", "ada")
    visitor.ask("update", {"role": "admin"})
    visitor.ask("clear", then="visit as bob", manner=manner)
    assert visitor.session == {"user": {"name": "bob", "tags": ["bob"]}, "seen": FIRST_SEEN}
