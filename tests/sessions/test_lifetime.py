"""Lifetimes: pure functions of the time, at their boundaries."""

from typing import Literal

import pytest

from iron_session.seals.sealing import expiration
from iron_session.sessions.lifetime import (
    cookie_max_age,
    end,
    has_outlived,
    is_due,
    same_part,
)

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("max_age", "life_ms", "expected"),
    [
        ("auto", 1_209_600_000, 1_209_540),
        ("auto", 61_000, 1),
        ("auto", 60_001, 1),
        ("auto", 60_000, 60),
        ("auto", 59_000, 59),
        ("auto", 1_000, 1),
        ("auto", 999, 1),
        ("auto", 1, 1),
        ("auto", 61_999, 1),
        ("auto", 62_000, 2),
        ("auto", 120_999, 60),
        ("auto", 0, 1),
        ("auto", -1, 1),
        ("auto", -59_999, 1),
        ("auto", None, 2147483647),
        (77, 1_209_600_000, 77),
        (77, None, 77),
        (None, 1_209_600_000, None),
        (None, None, None),
    ],
)
def test_a_cookie_ends_a_minute_before_its_seal(
    max_age: int | Literal["auto"] | None, life_ms: int | None, expected: int | None
) -> None:
    """But keeps a life of a minute or less, for 0 would delete it; a given Max-Age is kept."""
    assert cookie_max_age(max_age, life_ms) == expected


@pytest.mark.parametrize(
    ("ttl_ms", "created", "max_lifetime_ms", "expected"),
    [
        (1000, None, None, NOW + 1000),
        (0, None, None, None),
        (1000, NOW - 5000, None, NOW + 1000),
        (1000, None, 2000, NOW + 1000),
        (1000, NOW, 2000, NOW + 1000),
        (1000, NOW - 1000, 2000, NOW + 1000),
        (1000, NOW - 1001, 2000, NOW + 999),
        (1000, NOW - 9000, 2000, NOW - 7000),
        (0, NOW - 500, 2000, NOW + 1500),
    ],
)
def test_an_expiration_is_the_ttl_from_now_and_never_past_the_lifetime(
    ttl_ms: int, created: int | None, max_lifetime_ms: int | None, expected: int | None
) -> None:
    assert end(expiration(ttl_ms, NOW), created, max_lifetime_ms) == expected


@pytest.mark.parametrize(
    ("created", "max_lifetime_ms", "expected"),
    [
        (NOW - 5000, 5000, False),
        (NOW - 5000 - 59_999, 5000, False),
        (NOW - 5000 - 60_000, 5000, True),
        (NOW - 5000 - 60_001, 5000, True),
        (NOW + 5000, 1, False),
    ],
)
@pytest.mark.parametrize("expires", [None, NOW - 1, NOW + 10**9])
def test_a_session_outlives_its_lifetime_with_a_minute_of_clock_skew(
    created: int, max_lifetime_ms: int, expires: int | None, expected: bool
) -> None:
    """Counted from its beginning, whatever end its seal says."""
    assert has_outlived(NOW, created, expires, max_lifetime_ms) is expected


@pytest.mark.parametrize(
    ("expires", "max_lifetime_ms", "expected"),
    [
        (None, 1, True),
        (None, 10**12, True),
        (NOW + 1, 1, False),
        (NOW + 10**9, 1, False),
    ],
)
def test_a_session_that_says_neither_when_it_began_nor_when_it_ends_is_past(
    expires: int | None, max_lifetime_ms: int, expected: bool
) -> None:
    """It could be of any age, and would begin anew whenever it is read; with an end, once."""
    assert has_outlived(NOW, None, expires, max_lifetime_ms) is expected


@pytest.mark.parametrize(
    ("expires", "renewed", "renew_after_ms", "expected"),
    [
        # With a ttl of 10 s: sealed at expires - 10 s.
        (NOW + 10_000, NOW + 10_000, None, False),
        (NOW + 10_000, NOW + 10_000, 3_000, False),
        (NOW + 7_001, NOW + 10_000, 3_000, False),
        (NOW + 7_000, NOW + 10_000, 3_000, True),
        (NOW + 6_999, NOW + 10_000, 3_000, True),
        (NOW - 1, NOW + 10_000, 3_000, True),
        # Nothing to be gained: the absolute lifetime gives no later end.
        (NOW + 5_000, NOW + 5_000, 3_000, False),
        (NOW + 5_000, NOW + 4_999, 3_000, False),
        (NOW + 5_000, NOW + 5_001, 3_000, True),
        # Sealed for ever, under other options; or to be, where Node has sealed it with an end.
        (None, NOW + 10_000, 3_000, True),
        (None, NOW + 10_000, None, False),
        (NOW + 5_000, None, 3_000, True),
        (NOW + 5_000, None, None, False),
        (None, None, 3_000, False),
    ],
)
def test_a_session_is_due_once_enough_of_its_ttl_has_gone(
    expires: int | None, renewed: int | None, renew_after_ms: int | None, expected: bool
) -> None:
    assert is_due(NOW, expires, renewed, 10_000, renew_after_ms) is expected


@pytest.mark.parametrize(
    ("renew_after", "ttl", "own", "part"),
    [
        (1_800_000, 3_600_000, 600_000, 274_576),  # of 3540 s and 540 s, as their cookies live
        (3_539_999, 3_600_000, 600_000, 539_999),
        (30_000, 60_000, 10_000, 5_000),  # up to a minute cookies live as long as seals
        (1_800_000, 3_600_000, 60_000, 30_508),
    ],
)
def test_the_part_of_a_shorter_ttl_lies_within_the_life_of_its_cookie(
    renew_after: int, ttl: int, own: int, part: int
) -> None:
    assert same_part(renew_after, ttl, own) == part
