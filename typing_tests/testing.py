"""What type checkers know of `iron_session.testing`. Never run: `make check` reads it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from iron_session import Session, SessionOptions
from iron_session.testing import (
    FrozenClock,
    ReadSession,
    cookie_header,
    for_tests,
    frozen_clock,
    log_in,
    make_options,
    read_session,
    session_cookie,
)


@dataclass
class Visitor:
    name: str = ""


plain = make_options(ttl=60)
typed = make_options(schema=Visitor, ttl=60)


def options_keep_their_schema() -> None:
    assert_type(plain, SessionOptions[Any])
    assert_type(typed, SessionOptions[Visitor])
    assert_type(for_tests(typed), SessionOptions[Visitor])


def a_dict_of_django_has_no_schema(
    client: object, setting: dict[str, Any], untyped: Any, either: SessionOptions | dict[str, Any]
) -> None:
    assert_type(for_tests(setting), SessionOptions[Any])
    assert_type(read_session(client, setting), ReadSession[Any] | None)
    assert_type(session_cookie(setting, {"name": "Ada"}), dict[str, str])
    assert_type(cookie_header(setting, Visitor("Ada")), str)
    log_in(client, setting, {"name": "Ada"}, user_id="1")
    log_in(client, untyped, {"name": "Ada"})  # Django's settings have no types
    log_in(client, either, {"name": "Ada"})


def data_is_a_mapping_or_of_the_schema(client: object) -> None:
    assert_type(session_cookie(plain, {"name": "Ada"}), dict[str, str])
    assert_type(cookie_header(typed, Visitor("Ada"), ttl=timedelta(days=1)), str)
    log_in(client, typed, {"name": "Ada"})
    log_in(client, typed, Visitor("Ada"))
    log_in(client, typed, 7)  # type: ignore[misc]
    read_session(client, 7)  # type: ignore[call-overload]


def what_is_read_has_its_type(response: object) -> None:
    assert_type(read_session(response, plain), ReadSession[Any] | None)
    is_ada = read_session(response, plain) == {"name": "Ada"}  # a comparison that may hold
    assert_type(is_ada, bool)


def what_is_read_is_a_session(session: ReadSession[Visitor]) -> Session[Visitor]:
    assert_type(session.data, Visitor)
    return session


def the_clock() -> None:
    with frozen_clock() as clock:
        assert_type(clock, FrozenClock)
        clock.tick(timedelta(days=1))
