"""Kept seals: the cryptography is skipped for a minute, and nothing else is any different."""

import copy
import gc
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from itertools import count, takewhile
from typing import Any

import pytest

from iron_session import ConfigurationError, Passwords, UnsealError
from iron_session.seals import kept
from iron_session.seals.iron import open_seal
from iron_session.seals.kept import KeptSeals
from iron_session.seals.sealing import open_json, seal_json
from tests.helpers.frames import texts_in
from tests.helpers.seals import OTHER, PASSWORD, note_opened

NOW = 1_800_000_000_000
MINUTE = 60_000
PASSWORDS = Passwords(PASSWORD)
PLAINTEXT = b'{"user":1}'


def seal(
    plaintext: bytes = PLAINTEXT, *, expires: int | None = None, passwords: Passwords = PASSWORDS
) -> str:
    return seal_json(plaintext, passwords.primary, expires)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return note_opened(monkeypatch)


def test_a_seal_that_comes_again_is_not_decrypted_again(opened: list[str]) -> None:
    store, text = KeptSeals(8), seal()
    first = store.open(text, PASSWORDS, NOW)
    assert store.open(text, PASSWORDS, NOW + 1) == first == open_json(text, PASSWORDS, NOW)
    assert len(opened) == 1


# --- the key ---------------------------------------------------------------------------------


def test_one_seal_with_many_tails_is_kept_once(opened: list[str]) -> None:
    """The tail is anybody's text: a store by the whole text would be flushed with one seal."""
    store, bare, other = KeptSeals(2), seal().removesuffix("~2"), seal()
    store.open(other, PASSWORDS, NOW)
    for tail in ["", "~", "~2", "~~", "~2*", *(f"~{number}" for number in range(50))]:
        assert store.open(bare + tail, PASSWORDS, NOW).plaintext == PLAINTEXT
    store.open(other, PASSWORDS, NOW)
    assert len(opened) == len(store) == 2


def test_a_kept_seal_opens_in_no_changed_form() -> None:
    """Whatever is changed in it, at each of its characters, by one character more or less."""
    store, text = KeptSeals(8), seal(expires=NOW + MINUTE)
    bare = text.removesuffix("~2")
    store.open(text, PASSWORDS, NOW)
    changed = [bare[:-1], bare + "A", bare + "*", " " + bare, bare.lower(), bare + "\0", bare * 2]
    changed += [
        bare[:at] + ("A" if bare[at] != "A" else "B") + bare[at + 1 :] for at in range(len(bare))
    ]
    for each in changed:
        with pytest.raises(UnsealError):
            store.open(each, PASSWORDS, NOW)
    assert len(store) == 1


class Liar(str):
    """A text that is equal to all others."""

    __slots__ = ("pretended",)
    pretended: str

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(self.pretended)


def test_a_text_that_only_says_it_is_equal_is_not_served() -> None:
    store, text = KeptSeals(8), seal()
    store.open(text, PASSWORDS, NOW)
    liar = Liar("Fe26.2*1*a*b*c**d*e")
    liar.pretended = text.removesuffix("~2")
    with pytest.raises(UnsealError):
        store.open(liar, PASSWORDS, NOW)


def test_a_text_of_a_class_of_its_own_opens_and_is_not_kept() -> None:
    text = seal()
    liar = Liar(text)
    liar.pretended = "anything"
    store = KeptSeals(8)
    assert store.open(liar, PASSWORDS, NOW) == open_json(text, PASSWORDS, NOW)
    assert len(store) == 0


@pytest.mark.parametrize("odd", [None, 1, b"Fe26.2", [], {}, "", "~", "\ud800", "é~2", "*" * 7])
def test_what_is_no_seal_is_refused_as_without_a_store(odd: Any) -> None:
    with pytest.raises((UnsealError, ConfigurationError)) as plain:
        open_json(odd, PASSWORDS, NOW)
    store = KeptSeals(8)
    with pytest.raises(plain.type) as caught:
        store.open(odd, PASSWORDS, NOW)
    assert str(caught.value) == str(plain.value)
    assert len(store) == 0


# --- failures --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (seal().replace("Fe26.2*1*", "Fe26.2*7*"), "unknown-password"),
        (seal(passwords=Passwords(OTHER)), "invalid"),
        (seal(expires=NOW - MINUTE), "expired"),
        ("junk", "invalid"),
    ],
)
def test_failures_are_not_kept(text: str, reason: str, opened: list[str]) -> None:
    store = KeptSeals(8)
    for _ in range(2):
        with pytest.raises(UnsealError) as caught:
            store.open(text, PASSWORDS, NOW)
        assert caught.value.reason == reason
    assert len(opened) == 2
    assert len(store) == 0


# --- time ------------------------------------------------------------------------------------


def test_nothing_is_served_for_more_than_a_minute(opened: list[str]) -> None:
    """Measured from when it was verified, and not from when it was asked for last."""
    store, text = KeptSeals(8), seal()
    for late in (0, 30_000, MINUTE - 1):
        store.open(text, PASSWORDS, NOW + late)
    assert len(opened) == 1
    store.open(text, PASSWORDS, NOW + MINUTE)
    assert len(opened) == 2
    store.open(text, PASSWORDS, NOW + 2 * MINUTE - 1)
    assert len(opened) == 2


@pytest.mark.parametrize("left", [-59_000, -1, 0, 1, 59_000])
def test_an_expired_seal_that_is_kept_is_refused_as_expired(left: int) -> None:
    """A minute after its expiration, as any seal, to the millisecond."""
    store, text = KeptSeals(8), seal(expires=NOW + left)
    last = NOW + left + MINUTE - 1
    for moment in (NOW, min(last, NOW + MINUTE - 1), last):
        assert store.open(text, PASSWORDS, moment).plaintext == PLAINTEXT
    with pytest.raises(UnsealError) as caught:
        store.open(text, PASSWORDS, last + 1)
    assert caught.value.reason == "expired"
    assert caught.value.password_id == "1"


def test_a_seal_is_served_as_long_as_it_opens(opened: list[str]) -> None:
    """Its last minute is the one that is allowed to clocks that differ."""
    store, text = KeptSeals(8), seal(expires=NOW + 1000)
    for late in (0, 1000, MINUTE - 1):
        store.open(text, PASSWORDS, NOW + late)
    assert len(opened) == 1


def test_a_clock_that_was_set_back_serves_nothing(opened: list[str]) -> None:
    """The age of an entry from the future is not known."""
    store, text = KeptSeals(8), seal()
    store.open(text, PASSWORDS, NOW)
    store.open(text, PASSWORDS, NOW - 1)
    assert len(opened) == 2
    store.open(text, PASSWORDS, NOW - 1)
    assert len(opened) == 2


@pytest.mark.parametrize("moment", [NOW + MINUTE, NOW - 1])
def test_what_is_not_served_any_more_leaves_memory_with_the_next_seal(moment: int) -> None:
    store = KeptSeals(8)
    for number in range(5):
        store.open(seal(b"%d" % number), PASSWORDS, NOW)
    store.open(seal(), PASSWORDS, moment)
    assert len(store) == 1


def test_a_seal_that_is_verified_again_is_the_youngest() -> None:
    """Or it would be dropped for its old age, or stand before those that are past their time."""
    store = KeptSeals(2)
    first, second, third = (seal() for _ in range(3))
    store.open(first, PASSWORDS, NOW)
    store.open(second, PASSWORDS, NOW + 30_000)
    store.open(first, PASSWORDS, NOW + MINUTE)
    store.open(third, PASSWORDS, NOW + MINUTE)
    assert held_by(store) == {first, third}


def test_a_seal_that_is_verified_again_pushes_out_no_other() -> None:
    """As when the clock was set back, or when two threads open one seal at the same time."""
    store, first, second = KeptSeals(2), seal(), seal()
    store.open(first, PASSWORDS, NOW)
    store.open(second, PASSWORDS, NOW + 1)
    store.open(second, PASSWORDS, NOW)
    assert held_by(store) == {first, second}


def held_by(store: KeptSeals) -> set[str]:
    return {f"{text}~2" for text in store._shelf.entries}


# --- the bounds ------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 10])
def test_the_oldest_makes_room_beyond_the_count(most: int) -> None:
    """However often it was used."""
    store = KeptSeals(most)
    seals = [seal() for _ in range(most + 3)]
    for text in seals:
        store.open(seals[0], PASSWORDS, NOW)
        store.open(text, PASSWORDS, NOW)
        assert len(store) <= most
    assert seals[-1] in held_by(store)
    assert len(store) == most


def test_a_seal_that_is_there_already_pushes_out_no_other(opened: list[str]) -> None:
    store, one, other = KeptSeals(2), seal(), seal()
    for text in (one, other, other, one):
        store.open(text, PASSWORDS, NOW)
    assert len(opened) == len(store) == 2


def seal_of_length(length: int) -> tuple[str, Passwords]:
    """Return a seal of this length without its `~2`, and its passwords.

    The ciphertext grows by whole blocks: the digits of the id, or of the expiration, fill the rest.
    """
    texts = (seal(b"x" * size) for size in count(length // 2, 16))
    *_, longest = takewhile(lambda text: len(text) - 2 <= length, texts)
    plaintext, missing = open_json(longest, PASSWORDS, NOW).plaintext, length - len(longest) + 2
    if missing < 16:
        passwords = Passwords({10**missing: PASSWORD})
        return seal(plaintext, passwords=passwords), passwords
    return seal(plaintext, expires=10 ** (missing - 1)), PASSWORDS


@pytest.mark.parametrize("shorter", [-1, 0, 1])
def test_a_seal_of_more_than_2_kb_is_opened_and_not_kept(shorter: int) -> None:
    """Without its tail: that may be longer."""
    store, (text, passwords) = KeptSeals(8), seal_of_length(2048 - shorter)
    assert len(text) == 2050 - shorter
    for tail in ("", "x" * 5000):
        assert store.open(text + tail, passwords, NOW).plaintext.strip(b"x") == b""
    assert len(store) == (0 if shorter < 0 else 1)


# --- the passwords ---------------------------------------------------------------------------


class Environment:
    """Passwords that are read again from what a test sets."""

    def __init__(self, **passwords: str) -> None:
        self._environ: dict[str, str] = {}
        self._set(passwords)
        self.passwords = Passwords.from_env("KEY", self._environ)

    def _set(self, passwords: dict[str, str]) -> None:
        self._environ["KEY"] = json.dumps({id_[1:]: one for id_, one in passwords.items()})

    def change(self, **passwords: str) -> bool:
        self._set(passwords)
        return self.passwords.reload()


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"_1": PASSWORD, "_2": OTHER}, {"_2": OTHER}, "unknown-password"),
        ({"_1": PASSWORD}, {"_1": OTHER}, "invalid"),
    ],
    ids=["out of the rotation", "another by its id"],
)
def test_a_password_that_is_gone_opens_nothing_that_is_kept(
    before: dict[str, str], after: dict[str, str], reason: str
) -> None:
    environment = Environment(**before)
    store, text = KeptSeals(8), seal()
    store.open(text, environment.passwords, NOW)
    environment.change(**after)
    with pytest.raises(UnsealError) as caught:
        store.open(text, environment.passwords, NOW)
    assert caught.value.reason == reason


def test_nothing_from_before_a_reload_is_served_or_stays(opened: list[str]) -> None:
    environment = Environment(_1=PASSWORD)
    store, text = KeptSeals(8), seal()
    store.open(text, environment.passwords, NOW)
    store.open(seal(), environment.passwords, NOW)
    assert environment.change(_1=PASSWORD, _2=OTHER)
    store.open(text, environment.passwords, NOW)
    assert len(opened) == 3
    assert held_by(store) == {text}


def test_nothing_is_served_again_when_the_passwords_are_what_they_were_once(
    opened: list[str],
) -> None:
    environment = Environment(_1=PASSWORD)
    store, text = KeptSeals(8), seal()
    store.open(text, environment.passwords, NOW)
    environment.change(_1=OTHER)
    environment.change(_1=PASSWORD)
    store.open(text, environment.passwords, NOW)
    assert len(opened) == 2


def test_a_seal_that_is_opened_while_the_passwords_change_is_not_served_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its thread has the old passwords still, and keeps it when the new ones are there."""
    environment = Environment(_1=PASSWORD)
    store, text = KeptSeals(8), seal()

    def open_as_they_change(*arguments: Any) -> Any:
        found = open_seal(*arguments)
        monkeypatch.setattr(kept, "open_seal", open_seal)
        environment.change(_1=OTHER)
        store.open(seal(passwords=Passwords(OTHER)), environment.passwords, NOW)
        return found

    monkeypatch.setattr(kept, "open_seal", open_as_they_change)
    assert store.open(text, environment.passwords, NOW).plaintext == PLAINTEXT
    with pytest.raises(UnsealError):
        store.open(text, environment.passwords, NOW)


def test_one_store_serves_no_seal_to_other_passwords() -> None:
    store, text = KeptSeals(8), seal()
    store.open(text, PASSWORDS, NOW)
    with pytest.raises(UnsealError):
        store.open(text, Passwords({2: OTHER}), NOW)


# --- threads ---------------------------------------------------------------------------------


def test_a_seal_is_not_kept_rather_than_to_wait_for_another_thread() -> None:
    """To decrypt it again takes less time; and after a fork, the other thread may not exist."""
    store, one, other = KeptSeals(8), seal(), seal()
    store.open(one, PASSWORDS, NOW)
    found: list[bytes] = []

    def open_both() -> None:
        found.extend(store.open(text, PASSWORDS, NOW).plaintext for text in (one, other))

    thread = threading.Thread(target=open_both, daemon=True)
    with store._lock:
        thread.start()
        thread.join(timeout=10)
        assert found == [PLAINTEXT] * 2
    assert held_by(store) == {one}
    store.open(other, PASSWORDS, NOW)
    assert held_by(store) == {one, other}


def test_an_error_while_a_seal_is_kept_does_not_end_the_keeping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An exit or an interrupt may come at any line."""
    store = KeptSeals(8)

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kept, "_end", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.open(seal(), PASSWORDS, NOW)
    store.open(seal(), PASSWORDS, NOW)
    assert len(store) == 1


def test_threads_get_what_is_in_their_own_seals() -> None:
    """With a store that is too small for all, at times that go on and back, and reloads."""
    environment = Environment(_1=PASSWORD)
    environment.change(_1=PASSWORD, _2=OTHER)
    store = KeptSeals(5)
    seals = {seal(b"%d" % number): b"%d" % number for number in range(12)}
    wrong: list[object] = []

    def work(start: int) -> None:
        try:
            for turn in range(400):
                text = list(seals)[(start * turn) % len(seals)]
                now = NOW + (turn % 7) * 25_000
                found = store.open(text, environment.passwords, now).plaintext
                if found != seals[text] or len(store) > 5:
                    wrong.append((text, found))
                if turn % 50 == 0:
                    environment.change(_1=PASSWORD, _2=OTHER, **{f"_{turn + 3}": OTHER})
        except Exception as error:  # a thread's own would only be printed
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 5, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- secrets ---------------------------------------------------------------------------------


@pytest.fixture
def full() -> Iterator[KeptSeals]:
    store = KeptSeals(8)
    store.open(seal(), PASSWORDS, NOW)
    yield store
    assert len(store) == 1


def parts_of(store: KeptSeals) -> list[object]:
    """Return what the store is made of, as a tool that follows references finds it."""
    (shelf,) = (one for one in gc.get_referents(store) if type(one).__module__ == kept.__name__)
    return [store, shelf, next(iter(store._shelf.entries.values()))]


def test_no_repr_shows_what_is_kept(full: KeptSeals) -> None:
    assert repr(full) == "<KeptSeals: at most 8>"
    for part in parts_of(full):
        for text in texts_in(part):
            assert "user" not in text
            assert "Fe26.2" not in text


def test_a_store_that_was_not_built_has_a_repr() -> None:
    assert repr(KeptSeals.__new__(KeptSeals)) == "<KeptSeals: not built>"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_store_is_not_pickled(full: KeptSeals, protocol: int) -> None:
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(full, protocol)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_store_itself(full: KeptSeals, make: Callable[[KeptSeals], object]) -> None:
    """So that a framework that copies options makes no second copy of what is in the seals."""
    assert make(full) is full
