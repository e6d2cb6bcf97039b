"""The page on kept seals: its code is run, and what it says of them is so."""

import copy
import dataclasses
import re
from typing import Any

import pytest

from benchmarks.kept import bytes_for_each
from iron_session import HeaderJar, SessionOptions, get_iron_session, seal_data
from iron_session.seals.kept import LONGEST_KEPT, SERVED_MS
from tests.helpers.pages import one_line, read_page, run_page

PAGE = read_page("docs/how-to/kept-seals.md")
TEXT = one_line(PAGE)


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> SessionOptions[Any]:
    monkeypatch.setenv("SESSION_PASSWORD", "the password of the page on kept seals, 49 letters")
    found: SessionOptions[Any] = run_page(PAGE, "kept_seals")["options"]
    return found


def test_the_options_on_the_page_keep_what_a_browser_sends(options: SessionOptions[Any]) -> None:
    assert options.kept_seals is not None
    seal = seal_data({"user": 1}, password=options.passwords)
    assert len(options.kept_seals) == 0
    for _ in range(2):
        assert get_iron_session(HeaderJar(f"myapp={seal}"), options) == {"user": 1}
    assert len(options.kept_seals) == 1
    assert copy.deepcopy(options).kept_seals is options.kept_seals
    replaced = dataclasses.replace(options)
    assert replaced.kept_seals is not None
    assert len(replaced.kept_seals) == 0


def test_the_bounds_are_those_on_the_page() -> None:
    assert f"at most {SERVED_MS // 1000} seconds" in TEXT
    assert f"more than {LONGEST_KEPT // 1024} kB is not kept" in TEXT


def test_a_kept_seal_takes_about_as_much_memory_as_the_page_says() -> None:
    """How much exactly depends on Python's version."""
    told = re.search(
        r"about (\d+) bytes: ([\d.]+) kB for 100 bytes of data, and at most (\d)", TEXT
    )
    assert told
    for size in (90, 1250):
        text = seal_data({"text": "x" * size}, password="a password of the test, of 40 characters")
        expected = len(text) + size + int(told[1])
        assert 0.7 * expected < bytes_for_each(100, size) < 1.3 * expected
        assert len(text) < LONGEST_KEPT
    assert bytes_for_each(100, 90) < 1.3 * float(told[2]) * 1000
    assert bytes_for_each(100, 1250) < float(told[3]) * 1024
