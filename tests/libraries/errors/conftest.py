"""Sentry as it comes: its default settings, and every event kept instead of being sent."""

from collections.abc import Iterator

import pytest

from tests.libraries.errors.tracker import Tracker, start

THEIRS = (
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::ResourceWarning",
    "ignore:It is recommended to use web.AppKey",  # aiohttp_session's keys
    "ignore:It is recommended to use web.RequestKey",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let the libraries' own warnings pass."""
    for line in THEIRS:
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture(scope="session")
def started() -> Tracker:
    return start()


@pytest.fixture
def tracker(started: Tracker) -> Iterator[Tracker]:
    started.forget()
    yield started
    started.forget()
