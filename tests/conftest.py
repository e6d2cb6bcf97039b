"""What all tests share: how hard hypothesis works, and a clock that stands still."""

import os
from datetime import UTC, datetime

import pytest
from hypothesis import settings

from tests.helpers.clock import Clock

settings.register_profile("dev", deadline=None, max_examples=50)
# The same examples in every run: a failure there is of the change, not of luck.
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the package's clock at a moment that the test can move."""
    stopped = Clock(round(datetime(2024, 2, 29, 12, tzinfo=UTC).timestamp() * 1000))
    monkeypatch.setattr("iron_session.seals._time.now_ms", lambda: stopped.now)
    return stopped
