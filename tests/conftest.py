"""What all tests share: how hard hypothesis works, and a clock that stands still."""

import gc
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from iron_session import _log
from iron_session.http import request as requests
from tests.helpers.chromium import OpenChromium, open_one
from tests.helpers.clock import Clock

settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("quick", deadline=None, max_examples=10)
# The same examples in every run: a failure there is of the change, not of luck.
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=3000)  # see `make fuzz`
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)

TESTS = Path(__file__).parent
# What needs environments of its own; what takes minutes: `make test-faults` runs it; Next.js, which
# `make test-nextjs` installs; and the site, which is built in .venv alone: `make test-docs`.
APART = {
    TESTS / name for name in ("libraries", "nextjs", "revocation/live", "revocation/faults", "site")
}

STARTS_SERVERS = {"redis_server", "start_redis", "postgresql"}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the tests that are run apart: pytest asks of what nobody named."""
    return True if collection_path in APART else None


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what `-m` does not ask for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a browser, or a server of Redis or PostgreSQL."""
    for item in items:
        fixtures = {*getattr(item, "fixturenames", ())}
        if "open_chromium" in fixtures:
            item.add_marker(pytest.mark.browser)
        if fixtures & STARTS_SERVERS:
            item.add_marker(pytest.mark.server)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking through 22,000 collected tests again and again.

    That took a third of the time. Tests that are about garbage ask for a collection themselves.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Print no dots in CI: 22,000 of them in each environment would hide why a test has failed."""
    if os.environ.get("CI") and report.when == "call" and report.passed:
        return report.outcome, "", "PASSED"
    return None


@pytest.fixture(scope="session")
def open_chromium() -> OpenChromium:
    """Return what opens a browser; a test that asks for it is marked `browser`."""
    return open_one


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the package's clock at a moment that the test can move."""
    stopped = Clock(round(datetime(2024, 2, 29, 12, tzinfo=UTC).timestamp() * 1000))
    monkeypatch.setattr("iron_session._time.now_ms", lambda: stopped.now)
    return stopped


@pytest.fixture(autouse=True)
def _fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test as a process does: nothing has been logged yet."""
    monkeypatch.setattr(_log, "_warned", set())
    monkeypatch.setattr(_log, "_repeated", {})
    monkeypatch.setattr(requests, "_compared", set())
