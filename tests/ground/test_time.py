"""The clock, and spans of time as whole milliseconds."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from iron_session import ConfigurationError, _time
from iron_session._time import in_words, to_milliseconds


@pytest.mark.parametrize(
    ("nanoseconds", "milliseconds"),
    [(0, 0), (999_999, 0), (1_700_000_000_123_999_999, 1_700_000_000_123)],
)
def test_the_time_is_in_whole_milliseconds(
    monkeypatch: pytest.MonkeyPatch, nanoseconds: int, milliseconds: int
) -> None:
    """As JavaScript's Date.now(): cut, not rounded."""
    monkeypatch.setattr(_time, "time", SimpleNamespace(time_ns=lambda: nanoseconds))
    assert _time.now_ms() == milliseconds


@pytest.mark.parametrize(
    ("span", "milliseconds"),
    [
        (0, 0),
        (0.0, 0),
        (-0.0, 0),
        (timedelta(0), 0),
        (1, 1000),
        (900, 900_000),
        (1.5, 1500),
        (0.0014, 1),
        (0.0016, 2),
        (timedelta(minutes=15), 900_000),
        (timedelta(days=14, milliseconds=1), 1_209_600_001),
        (timedelta(microseconds=1600), 2),
        (10**10, 10**13),
    ],
)
def test_seconds_become_milliseconds(span: _time.Seconds, milliseconds: int) -> None:
    converted = to_milliseconds(span, "ttl")
    assert converted == milliseconds
    assert type(converted) is int


@pytest.mark.parametrize("span", [0.0005, 0.0001, 1e-300, 5e-324, timedelta(microseconds=1)])
def test_the_smallest_span_is_not_nothing(span: _time.Seconds) -> None:
    """A ttl of 0 never expires: rounding must not turn the shortest life into an endless one."""
    assert to_milliseconds(span, "ttl") == 1


@pytest.mark.parametrize("span", [True, False, None, "60", b"60", Decimal(60), 1j, [60]])
def test_a_span_that_is_not_a_number_is_refused(span: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^ttl must be seconds as a number, or a timed"):
        to_milliseconds(span, "ttl")


def test_the_refusal_names_the_type() -> None:
    wrong: Any = Decimal(60)
    with pytest.raises(ConfigurationError, match=r"not Decimal$"):
        to_milliseconds(wrong, "ttl")


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize(
    "span",
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        10**10 + 1,
        -(10**10) - 1,
        pytest.param(10**400, id="an int beyond every float"),
        1e300,
        timedelta.max,
        timedelta.min,
    ],
)
def test_a_span_that_is_not_finite_or_too_long_is_refused(
    span: _time.Seconds, negative: bool
) -> None:
    with pytest.raises(ConfigurationError, match=r"^ttl must be a finite number of at most"):
        to_milliseconds(span, "ttl", negative=negative)


@pytest.mark.parametrize("span", [-1, -0.001, -1e-300, timedelta(seconds=-1), -(10**10)])
def test_a_negative_span_is_refused(span: _time.Seconds) -> None:
    with pytest.raises(ConfigurationError, match=r"^timestamp_skew must not be negative$"):
        to_milliseconds(span, "timestamp_skew")


@pytest.mark.parametrize(
    ("span", "milliseconds"),
    [
        (-1, -1000),
        (-0.5, -500),
        (timedelta(hours=-1), -3_600_000),
        (-(10**10), -(10**13)),
        (2, 2000),
    ],
)
def test_a_negative_span_is_taken_where_it_has_a_meaning(
    span: _time.Seconds, milliseconds: int
) -> None:
    assert to_milliseconds(span, "localtime_offset", negative=True) == milliseconds


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 seconds"),
        (1, "0.001 seconds"),
        (1000, "1 second"),
        (59_500, "59.5 seconds"),
        (3_600_000, "1 hour"),
        (129_600_000, "1 day and 12 hours"),
        (1_209_540_000, "13 days, 23 hours and 59 minutes"),
        (1_209_600_000, "14 days"),
    ],
)
def test_a_span_is_told_exactly(milliseconds: int, words: str) -> None:
    assert in_words(milliseconds) == words
