"""What a seal and a session cost, in calls: the guard against getting slower that can't flake."""

import pytest

from tools.count_calls import ROOT, VERSION, count, counted, grown, numbers, scenarios


def test_no_call_more_is_made_than_the_numbers_in_the_tree_say() -> None:
    """If one is worth its price: python tools/count_calls.py --write."""
    kept = numbers().get(VERSION)
    if kept is None:
        pytest.skip(f"tools/calls.json has no numbers of Python {VERSION}")
    assert grown(counted(), kept) == []


def test_each_supported_python_has_numbers_for_each_scenario() -> None:
    kept = numbers()
    assert {"3.11", "3.12", "3.13"} <= kept.keys()
    assert all(one.keys() == scenarios().keys() for one in kept.values())


def test_a_call_more_is_seen() -> None:
    once = count(lambda: len([]), ROOT / "tests")
    twice = count(lambda: (len([]), len([])), ROOT / "tests")
    assert 0 < once < twice
    assert grown({"seal": twice}, {"seal": once}) == [f"seal: {twice} calls, and {once} before"]
    assert grown({"seal": once}, {"seal": once}) == []
