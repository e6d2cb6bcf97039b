"""Fixtures of the tests of sessions."""

import pytest

from tests.helpers.clock import Clock
from tests.sessions.browser import NOW, Browser, Failures


@pytest.fixture
def clock(clock: Clock) -> Clock:
    """Stop the clock at the time of the seals that these tests make: `NOW`."""
    clock.now = NOW
    return clock


@pytest.fixture
def browser(clock: Clock) -> Browser:
    """Open a browser without cookies, at a time that stands still."""
    return Browser()


@pytest.fixture
def failures() -> Failures:
    """Give a hook for `on_unseal_error` that remembers what it was told."""
    return Failures()
