"""The page about writing a store: its store passes the suite over all stores."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iron_session.revocation.ledger import Store
from tests.helpers.pages import read_page, run_page
from tests.revocation import conftest
from tests.revocation.conftest import Opener
from tests.revocation.test_stores import *  # noqa: F403 - each of its tests is run here too

PAGE = read_page("docs/how-to/write-your-own-store.md")

# The fixtures of the suite.
ledger, workers = conftest.ledger, conftest.workers


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """All Python of the page."""
    monkeypatch.chdir(tmp_path)
    return run_page(PAGE, "store_page")


@pytest.fixture
def open_store(page: dict[str, Any], tmp_path: Path) -> Opener:
    """Return what opens the page's store, as often as a test asks for it."""
    make: Callable[[Path], Store] = page["FileStore"]
    return lambda: make(tmp_path / "endings.json")


def test_it_is_used_like_any_other(page: dict[str, Any]) -> None:
    revocations = page["revocations"]
    try:
        assert repr(revocations).endswith("endings.json>>")
        assert revocations.wait_until_ready(30)
        revocations.end_user("42")
        assert revocations.judge("A" * 22, ["42"], 1) == "ended"
    finally:
        revocations.close()


def test_the_suite_over_all_stores_is_run_here() -> None:
    here = vars(sys.modules[__name__])
    assert sum(name.startswith("test_") for name in here) > 20
