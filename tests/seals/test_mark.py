"""The member `"$iron"`: read whatever is in it, and never changed in its place."""

from typing import Any

import pytest

from iron_session import UnsealError
from iron_session.seals.mark import NO_MARK, Mark, split_mark


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ({}, None),
        ({"created": 0}, 0),
        ({"created": 5}, 5),
        ({"created": True}, None),
        ({"created": "5"}, None),
        ({"created": 5.5}, None),
        ({"created": None}, None),
    ],
)
def test_created_is_a_whole_number_or_nothing(mark: dict[str, Any], expected: int | None) -> None:
    assert Mark(mark).created_ms == expected


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ({}, None),
        ({"ttl": 0}, 0),
        ({"ttl": 60}, 60_000),
        ({"ttl": 0.5}, 500),
        ({"ttl": -1}, None),
        ({"ttl": True}, None),
        ({"ttl": "60"}, None),
        ({"ttl": None}, None),
        ({"ttl": 1e300}, None),
        pytest.param({"ttl": 10**400}, None, id="10**400"),
    ],
)
def test_an_own_ttl_is_seconds_or_nothing(mark: dict[str, Any], expected: int | None) -> None:
    """What is no ttl, whoever wrote it, is as if it were not there."""
    assert Mark(mark).ttl_ms == expected


def test_the_mark_is_updated_in_a_copy() -> None:
    mark = Mark({"sid": "abc", "ttl": 5})
    updated = mark.with_life(created_ms=7, ttl_ms=60_000)
    assert updated.members == {"sid": "abc", "ttl": 60, "created": 7}
    assert mark.members == {"sid": "abc", "ttl": 5}
    assert mark.with_life(created_ms=None, ttl_ms=None) == mark
    assert mark.without_ttl().members == {"sid": "abc"}
    assert mark.members == {"sid": "abc", "ttl": 5}


@pytest.mark.parametrize(
    ("ttl_ms", "written"),
    [(0, "0"), (60_000, "60"), (1500, "1.5"), (1, "0.001"), (86_400_000, "86400")],
)
def test_an_own_ttl_is_written_in_seconds_as_node_would(ttl_ms: int, written: str) -> None:
    mark = NO_MARK.with_life(created_ms=None, ttl_ms=ttl_ms)
    assert mark.join(b"{}") == f'{{"$iron":{{"ttl":{written}}}}}'.encode()


@pytest.mark.parametrize(
    ("data", "mark", "expected"),
    [
        (b"{}", {}, b"{}"),
        (b'{"a":1}', {}, b'{"a":1}'),
        (b"{}", {"x": 1}, b'{"$iron":{"x":1}}'),
        (b'{"a":{}}', {"x": "\u00e9"}, '{"a":{},"$iron":{"x":"é"}}'.encode()),
    ],
)
def test_the_mark_is_joined_to_the_json_text(
    data: bytes, mark: dict[str, Any], expected: bytes
) -> None:
    assert Mark(mark).join(data) == expected


def test_the_mark_is_taken_out_of_what_was_sealed() -> None:
    data, mark = split_mark({"a": 1, "$iron": {"for": "login"}})
    assert data == {"a": 1}
    assert mark == Mark.of_purpose("login")
    assert mark


@pytest.mark.parametrize("data", [None, 1, "$iron", ["$iron"], {}, {"a": {"$iron": 1}}])
def test_what_has_no_mark_is_left_as_it_is(data: Any) -> None:
    assert split_mark(data) == (data, NO_MARK)
    assert not NO_MARK


@pytest.mark.parametrize("members", [None, 1, "x", []])
def test_a_mark_that_is_no_object_is_no_seal_of_ours(members: Any) -> None:
    with pytest.raises(UnsealError, match=r"^the seal's member \$iron is not an object$"):
        split_mark({"$iron": members})


@pytest.mark.parametrize(
    ("members", "purpose"),
    [
        ({}, "login"),
        ({"for": "login"}, None),
        ({"for": "login"}, "log"),
        ({"for": ["login"]}, "login"),
    ],
)
def test_a_seal_of_another_purpose_is_refused(members: dict[str, Any], purpose: str | None) -> None:
    with pytest.raises(UnsealError) as caught:
        Mark(members).require_purpose(purpose, "7")
    assert (caught.value.reason, caught.value.password_id) == ("purpose", "7")


@pytest.mark.parametrize(("members", "purpose"), [({}, None), ({"for": "login"}, "login")])
def test_a_seal_of_this_purpose_passes(members: dict[str, Any], purpose: str | None) -> None:
    Mark(members).require_purpose(purpose, "7")


def test_it_can_t_be_changed_and_shows_no_values() -> None:
    mark = Mark({"sid": "abc", "created": 5})
    with pytest.raises(AttributeError):
        mark.members = {}  # type: ignore[misc]  # wrong on purpose
    assert repr(mark) == "<Mark: sid, created>"
    assert repr(NO_MARK) == "<Mark: empty>"
