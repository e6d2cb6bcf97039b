"""What a `Set-Cookie` line says of a cookie's life in the browser, whatever stands in it."""

import pytest

from iron_session.cli.browser import NOTHING_SAID, Kept, read_kept

NEW_YEAR = 1_704_067_200_000


@pytest.mark.parametrize(
    "date",
    [
        "tomorrow",
        "Mon, 01 Jan 99999 00:00:00 GMT",
        "Mon, 99 Jan 2024 99:99:99 GMT",
        "Mon, 00 Jan 2024 00:00:00 GMT",
        "9" * 200,
    ],
)
def test_what_is_no_date_is_no_expires(date: str) -> None:
    """And the one before it counts."""
    assert read_kept(f"a=b; Expires={date}") == NOTHING_SAID
    good = "Expires=Mon, 01 Jan 2024 00:00:00 GMT"
    assert read_kept(f"a=b; {good}; Expires={date}") == Kept(None, NEW_YEAR)


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 01 Jan 2024 00:00:00 GMT",
        "Mon, 01-Jan-2024 00:00:00 GMT",
        "Mon, 01-Jan-24 00:00:00 GMT",
        "Mon, 01 Jan 2024 02:00:00 +0200",
        "Mon, 01 Jan 2024 00:00:00 -0000",
    ],
)
def test_dates_are_read_as_servers_write_them(date: str) -> None:
    assert read_kept(f"a=b; expires={date}; Path=/") == Kept(None, NEW_YEAR)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("864000", 864_000),
        ("0000000000000000864000", 864_000),
        ("0000000000000000000000", 0),
        ("-0000000000000000864000", 0),
        ("9" * 30, 10**15 - 1),
    ],
)
def test_the_seconds_are_read_however_long_they_are_written(written: str, seconds: int) -> None:
    assert read_kept(f"a=b; Max-Age={written}") == Kept(seconds, None)
