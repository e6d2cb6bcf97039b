"""A changed seal, or any other text, gives an UnsealError and nothing else."""

import json

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from iron_session import UnsealError, seal_data, unseal_data
from iron_session.seals import seal, unseal
from iron_session.seals.iron import DEFAULTS, Secret, open_seal, seal_bytes
from tests.helpers.seals import OTHER, PASSWORD

NOW = 1_700_000_000_000
SECRETS = {"1": Secret("1", PASSWORD), "2": Secret("2", OTHER), "default": Secret("", PASSWORD)}
any_text = st.text(st.characters(exclude_categories=()))
any_character = st.characters(exclude_categories=()) | st.sampled_from("*~=+/-_ \n0A")


def made(plaintext: bytes, first: int, expires: int | None = None, id_: str = "1") -> str:
    """Make a seal of which all that is random is known."""
    return seal_bytes(
        plaintext,
        SECRETS[id_],
        DEFAULTS,
        expires,
        lambda size: bytes((first + place) % 256 for place in range(size)),
    )


SEALS = [
    made(b'{"user":{"id":1}}', 0),
    made(b'{"user":{"id":2}}', 100),
    made(b'{"user":{"id":1}}', 50, NOW),
    made(b'{"user":{"id":1}}', 150, NOW + 10**9),
    made(b'{"user":{"id":1}}', 200, None, "2"),
    made(b"[" + b"1," * 100 + b"1]", 7, None, "default"),
]
seals = st.sampled_from(SEALS)
places = st.integers(0, 2000)


def assert_refused(text: str) -> None:
    """Nothing but an UnsealError comes of it, in each of the doors."""
    assume(text not in SEALS)
    with pytest.raises(UnsealError):
        open_seal(text, SECRETS, DEFAULTS, NOW)
    with pytest.raises(UnsealError):
        unseal(text, {"1": PASSWORD, "2": OTHER, "default": PASSWORD})
    with pytest.raises(UnsealError):
        unseal(text, PASSWORD)


def test_the_seals_open_before_they_are_changed() -> None:
    for text in SEALS:
        assert open_seal(text, SECRETS, DEFAULTS, NOW).plaintext


@given(seals, places, any_character)
def test_a_seal_with_one_character_changed_is_refused(
    text: str, place: int, character: str
) -> None:
    place %= len(text)
    assert_refused(text[:place] + character + text[place + 1 :])


@given(seals, places, any_text.filter(bool))
def test_a_seal_with_text_put_in_is_refused(text: str, place: int, more: str) -> None:
    place %= len(text) + 1
    assert_refused(text[:place] + more + text[place:])


@given(seals, places, places)
def test_a_seal_with_a_piece_cut_out_is_refused(text: str, one: int, other: int) -> None:
    start, end = sorted((one % (len(text) + 1), other % (len(text) + 1)))
    assert_refused(text[:start] + text[end:])


@given(seals, places, places)
def test_a_seal_with_a_piece_doubled_is_refused(text: str, one: int, other: int) -> None:
    start, end = sorted((one % (len(text) + 1), other % (len(text) + 1)))
    assert_refused(text[:end] + text[start:])


@given(seals, seals, st.sets(st.integers(0, 7)))
def test_a_seal_with_parts_of_another_is_refused(text: str, other: str, taken: set[int]) -> None:
    parts = zip(text.split("*"), other.split("*"), strict=True)
    mixed = [pair[place in taken] for place, pair in enumerate(parts)]
    assert_refused("*".join(mixed))


@given(seals, st.permutations(range(8)))
def test_a_seal_with_its_parts_in_another_order_is_refused(text: str, order: list[int]) -> None:
    parts = text.split("*")
    assert_refused("*".join(parts[place] for place in order))


@given(seals, st.integers(0, 7), any_text)
def test_a_seal_with_another_part_is_refused(text: str, place: int, part: str) -> None:
    parts = text.split("*")
    parts[place] = part
    assert_refused("*".join(parts))


def test_no_single_bit_of_a_seal_can_be_changed() -> None:
    """All of them, not a choice."""
    text = SEALS[3]
    changed = [
        text[:place] + chr(ord(text[place]) ^ 1 << bit) + text[place + 1 :]
        for place in range(len(text))
        for bit in range(7)
    ]
    for each in changed:
        with pytest.raises(UnsealError):
            open_seal(each, SECRETS, DEFAULTS, NOW)


part = any_text | st.sampled_from(
    ["", "1", "2", "0" * 64, "A" * 22, "A" * 43, "9" * 13, "9" * 5000]
)
eight_parts = st.lists(part, min_size=7, max_size=7).map(lambda parts: "*".join(["Fe26.2", *parts]))
hostile = (
    any_text
    | st.text("*~Fe26.2")
    | st.text(st.characters(codec="ascii"), max_size=400)
    | eight_parts
    | st.builds(str.__add__, eight_parts, any_text.map("~{}".format))
)


@given(hostile)
@example("")
@example("~")
@example("*" * 7)
@example("*" * 100_000)
@example("Fe26.2" + "*" * 7)
@example("Fe26.2*1" + "*" * 6 + "~2")
@example("Fe26.2*1****" + "9" * 100_000 + "**")
@example("Fe26.2*1****0**")
@example("Fe26.2*1****٣**")
@example("Fe26.2*constructor******")
@example("Fe26.2*\ud83d\ude00******")
@example("\x00")
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(UnsealError):
        unseal_data(text, password=PASSWORD)
    assert unseal_data(text, password={1: PASSWORD, 2: OTHER}, default=0) == 0
    with pytest.raises(UnsealError):
        unseal(text, PASSWORD)


@given(st.text(), any_text)
def test_what_follows_the_first_tilde_is_never_looked_at(value: str, tail: str) -> None:
    text = seal_data([value], password=PASSWORD).removesuffix("~2")
    assert unseal_data(f"{text}~{tail}", password=PASSWORD) == [value]


@given(any_text)
def test_the_protocol_itself_has_no_tail(tail: str) -> None:
    """Its text ends in the mac."""
    with pytest.raises(UnsealError):
        unseal(f"{seal({}, PASSWORD)}~{tail}", PASSWORD)


# Begun in a way that no other text makes too simple a password of.
passwords = st.text(min_size=12).map(PASSWORD[:20].__add__)


@given(passwords, passwords)
def test_another_password_does_not_open_a_seal(password: str, other: str) -> None:
    # HMAC fills a short key up with zeros, in every implementation: these two are one password.
    assume(password.rstrip("\0") != other.rstrip("\0"))
    text = seal_data({}, password=password)
    assert unseal_data(text, password=password) == {}
    with pytest.raises(UnsealError):
        unseal_data(text, password=other)


almost_json = st.text('[]{}:,"\\ud8e0123456789.-+ntrf \n').map(str.encode)


@given(st.binary() | almost_json | any_text.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"[" * 100_000)
@example(b"9" * 5000)
@example(b'{"$iron":' * 100)
@example(b"[1e400]")
@example(b"[" * 300 + b"]" * 300)
def test_any_authentic_content_is_json_or_refused(plaintext: bytes) -> None:
    """Whoever knows the password can seal anything, and still causes nothing but an UnsealError."""
    text = made(plaintext, 0)
    nothing = object()
    data = unseal_data(text, password=PASSWORD, default=nothing)
    if data is nothing:
        with pytest.raises(UnsealError):
            unseal_data(text, password=PASSWORD)
    else:  # then it is JSON, and can be sealed again
        json.loads(plaintext.decode())
        assert unseal(seal(data, PASSWORD), PASSWORD) == data
