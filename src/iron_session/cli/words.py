"""Times, texts and pages in words, for a reader at a terminal."""

from __future__ import annotations

from typing import Final

from iron_session._time import moment

__all__ = ["PAGES", "in_quotes", "see", "span", "when"]

_UNITS: Final = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000))
_LONGEST_SHOWN: Final = 60

PAGES: Final = {
    "how-to/csrf": "Forged requests (CSRF)",
    "how-to/rotation": "Password rotation",
    "reference/options": "Options",
    "troubleshooting": "My session is empty",
}
"""The pages of the documentation that messages name: their titles, by path."""


def span(milliseconds: int) -> str:
    """Return a span of time, rounded, in the largest unit that it has two of: `"36 hours"`."""
    unit, size = next(
        ((unit, size) for unit, size in _UNITS if milliseconds >= 2 * size), _UNITS[-1]
    )
    count = (milliseconds + size // 2) // size
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def when(milliseconds: int, now: int) -> str:
    """Return a moment in words and as a date: `"in 3 days (2024-03-03 12:00:00 UTC)"`."""
    at = moment(milliseconds)
    relative = (
        f"in {span(milliseconds - now)}"
        if milliseconds > now
        else f"{span(now - milliseconds)} ago"
    )
    return f"{relative} ({at:%Y-%m-%d %H:%M:%S} UTC)"


def in_quotes(text: str) -> str:
    """Return a text in quotes, cut off where it is long: whoever wrote it chose its length."""
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return f"'{shown}'"


def see(page: str) -> str:
    """Return where to read on: a page by its title, since few readers have the files of `docs/`."""
    return f'see the documentation\'s page "{PAGES[page]}" ({page})'
