"""Passwords: by id, from the environment, and never shown."""

import copy
import inspect
import json
import os
import pickle
import string
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from iron_session import ConfigurationError, Passwords, generate_password, seal_data, unseal_data
from iron_session.seals import seal
from iron_session.seals.passwords import Passwords as PasswordsOfSeals
from tests.helpers.seals import OTHER, PASSWORD, told_by

THIRD = "a_third_password_that_has_over_32_characters"
SHORT = "hunter2_is_too_short"


def opens(passwords: Passwords, by_id: Mapping[int, str]) -> bool:
    """Tell whether these are the passwords, by what each of them seals."""
    return all(
        unseal_data(seal_data([id_], password={id_: password}), password=passwords) == [id_]
        for id_, password in by_id.items()
    )


# --- one or several --------------------------------------------------------------------------


def test_a_single_password_has_the_id_1() -> None:
    passwords = Passwords(PASSWORD)
    assert passwords.ids == (1,)
    assert passwords.newest.id == "1"
    assert opens(passwords, {1: PASSWORD})


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({1: PASSWORD}, (1,)),
        ({0: PASSWORD}, (0,)),
        ({1: PASSWORD, 2: OTHER}, (2, 1)),
        ({2: OTHER, 1: PASSWORD}, (2, 1)),
        ({"1": PASSWORD, "2": OTHER}, (2, 1)),
        ({9: PASSWORD, 10: OTHER}, (10, 9)),
        ({"10": OTHER, "9": PASSWORD}, (10, 9)),
        ({"9": PASSWORD, 10: OTHER}, (10, 9)),
        ({2**53 - 1: OTHER, 7: PASSWORD}, (2**53 - 1, 7)),
        ({str(2**53 - 1): OTHER, "0": PASSWORD}, (2**53 - 1, 0)),
        (MappingProxyType({3: PASSWORD}), (3,)),
    ],
)
def test_the_highest_id_is_the_newest(given: Any, ids: tuple[int, ...]) -> None:
    """As numbers are ordered, not as text is."""
    passwords = Passwords(given)
    assert passwords.ids == ids
    assert passwords.newest.id == str(ids[0])
    assert opens(passwords, {int(id_): password for id_, password in given.items()})
    assert set(passwords.by_id) == set(map(str, ids))
    assert passwords.by_id[str(ids[0])] is passwords.newest


@pytest.mark.parametrize(
    "id_",
    [
        -1,
        -(2**60),
        True,
        False,
        None,
        1.0,
        1.5,
        2**53,
        2**64,
        10**17,
        pytest.param(10**5000, id="an int of 5001 digits"),
        (1,),
        b"1",
        "",
        "a",
        "-1",
        "+1",
        "01",
        "00",
        "1.0",
        "1e3",
        " 1",
        "1 ",
        "1\n",
        "1_0",
        "٣",
        "１",
        "²",
        str(2**53),
        "9" * 17,
        "9" * 5000,
        "default",
        PASSWORD,
    ],
)
def test_an_id_that_is_not_a_whole_number_of_javascript_is_refused(id_: Any) -> None:
    """The message does not repeat it: somebody may have put the password there."""
    with pytest.raises(ConfigurationError, match="ids must be whole numbers from 0 to") as caught:
        Passwords({7: PASSWORD, id_: OTHER})
    told = told_by(caught.value)
    for secret in (PASSWORD, OTHER):
        assert secret not in told


def test_an_id_that_is_given_twice_is_refused() -> None:
    twice: Any = {1: PASSWORD, "1": OTHER}
    with pytest.raises(ConfigurationError, match=r"^password id 1 is given twice$"):
        Passwords(twice)


@pytest.mark.parametrize("empty", [{}, MappingProxyType({})])
def test_an_empty_mapping_is_refused(empty: Any) -> None:
    with pytest.raises(ConfigurationError, match="the password mapping is empty"):
        Passwords(empty)


@pytest.mark.parametrize("wrong", [None, 5, PASSWORD.encode(), [PASSWORD], {PASSWORD}, True])
def test_what_holds_no_passwords_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Passwords(wrong)
    assert str(caught.value) == (
        f"password must be a str, a mapping of ids to str, or Passwords, not {type(wrong).__name__}"
    )


@pytest.mark.parametrize("wrong", [None, 5, PASSWORD.encode(), [PASSWORD], {"1": PASSWORD}])
def test_a_password_that_is_not_text_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Passwords({1: PASSWORD, 2: wrong})
    assert str(caught.value) == (
        f"password 2 must be a str, not {type(wrong).__name__} "
        "(keys in bytes are for iron_session.seals)"
    )


@pytest.mark.parametrize("wrong", ["", {2: ""}, {1: PASSWORD, 2: ""}, {2: PASSWORD, 1: ""}])
def test_an_empty_password_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^password [12] is empty$"):
        Passwords(wrong)


@pytest.mark.parametrize(
    ("password", "units"),
    [("x" * 31, 31), ("😀" * 15, 30), ("😀" * 15 + "x", 31), ("é" * 31, 31), ("日" * 31, 31)],
)
def test_a_short_password_is_refused(password: str, units: int) -> None:
    """The old one of a mapping too. Characters are counted as JavaScript counts them."""
    for given in (password, {1: password, 2: PASSWORD}, {1: PASSWORD, 2: password}):
        with pytest.raises(ConfigurationError, match=f"has {units} characters and needs") as caught:
            Passwords(given)
        assert password not in told_by(caught.value)


@pytest.mark.parametrize(
    "password", ["x" * 32, "😀" * 16, "é" * 32, "日" * 32, " " * 32, "\0" * 32, "x" * 100_000]
)
def test_a_password_of_32_or_more_is_taken(password: str) -> None:
    assert opens(Passwords(password), {1: password})


@pytest.mark.parametrize("password", ["\ud800" * 40, PASSWORD + "\udc00"])
def test_a_password_with_a_lone_surrogate_is_refused(password: str) -> None:
    """JavaScript would replace it, and no two sides agree by what."""
    with pytest.raises(ConfigurationError, match="valid Unicode") as caught:
        Passwords(password)
    assert caught.value.__context__ is None


def test_passwords_are_not_made_twice() -> None:
    passwords = Passwords({1: PASSWORD, 2: OTHER})
    assert Passwords.of(passwords) is passwords
    assert Passwords.of(PASSWORD).ids == (1,)
    assert Passwords.of({5: PASSWORD}).ids == (5,)


def test_a_mapping_that_changes_later_changes_nothing() -> None:
    given = {1: PASSWORD}
    passwords = Passwords(given)
    given[2] = OTHER
    assert passwords.ids == (1,)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (PASSWORD, "Passwords(ids=[1])"),
        ({1: PASSWORD, 3: OTHER, 2: THIRD}, "Passwords(ids=[3, 2, 1])"),
    ],
)
def test_passwords_show_their_ids_only(given: Any, shown: str) -> None:
    passwords = Passwords(given)
    assert repr(passwords) == str(passwords) == f"{passwords}" == shown
    told = repr([passwords.by_id, passwords.newest, passwords.ids])
    for secret in (PASSWORD, OTHER, THIRD):
        assert secret not in told


def test_passwords_are_copied_as_themselves_and_never_pickled() -> None:
    """Frameworks copy the options that hold them; a pickle would write the secrets out."""
    passwords = Passwords(PASSWORD)
    assert copy.copy(passwords) is passwords
    assert copy.deepcopy({"a": [passwords]})["a"][0] is passwords
    assert copy.copy(passwords.newest) is passwords.newest
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for holder in (passwords, [passwords]):
            with pytest.raises(TypeError, match=r"^Passwords can't be pickled"):
                pickle.dumps(holder, protocol)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PASSWORD, PASSWORD),
        (PASSWORD, {1: PASSWORD}),
        ({1: PASSWORD}, {"1": PASSWORD}),
        ({1: PASSWORD, 2: OTHER}, {2: OTHER, 1: PASSWORD}),
        ("é" * 40, "\N{LATIN SMALL LETTER E WITH ACUTE}" * 40),
    ],
)
def test_passwords_are_equal_by_ids_and_secrets(one: Any, other: Any) -> None:
    """However they were given; equal ones have the same hash."""
    assert Passwords(one) == Passwords(other)
    assert hash(Passwords(one)) == hash(Passwords(other))
    assert len({Passwords(one), Passwords(other)}) == 1


@pytest.mark.parametrize(
    "other",
    [
        {1: PASSWORD},
        {1: PASSWORD, 3: OTHER},
        {1: PASSWORD, 2: OTHER, 3: THIRD},
        {1: PASSWORD, 2: PASSWORD},
        {1: OTHER, 2: OTHER},
        {1: OTHER, 2: PASSWORD},
        {1: PASSWORD, 2: OTHER + "x"},
        {1: PASSWORD, 2: OTHER.upper()},
    ],
)
def test_passwords_that_differ_in_an_id_or_a_secret_are_not_equal(other: Any) -> None:
    passwords = Passwords({1: PASSWORD, 2: OTHER})
    assert passwords != Passwords(other)
    assert Passwords(other) != passwords
    assert len({passwords, Passwords(other)}) == 2


@pytest.mark.parametrize("other", [PASSWORD, {1: PASSWORD}, None, (1,)])
def test_passwords_are_not_equal_to_what_they_were_made_of(other: Any) -> None:
    assert Passwords(PASSWORD) != other


def test_the_hash_of_passwords_tells_nothing_of_the_secrets() -> None:
    assert hash(Passwords(PASSWORD)) == hash(Passwords(OTHER))


def test_passwords_can_not_be_changed() -> None:
    """Every session's options may hold the same."""
    passwords: Any = Passwords({1: PASSWORD, 2: OTHER})
    secret = passwords.by_id["1"]
    with pytest.raises(TypeError):
        passwords.by_id["1"] = passwords.by_id["2"]
    with pytest.raises(TypeError):
        del passwords.by_id["1"]
    for name in ("by_id", "newest", "ids", "other"):
        with pytest.raises(AttributeError):
            setattr(passwords, name, secret)
    assert passwords.ids == (2, 1)
    assert passwords.newest.id == "2"
    assert passwords.by_id["1"] is secret


# --- rotation --------------------------------------------------------------------------------


def test_the_newest_password_seals_and_all_open() -> None:
    old = seal_data({"a": 1}, password=PASSWORD)
    rotated = {1: PASSWORD, 2: OTHER}
    new = seal_data({"a": 2}, password=rotated)
    assert new.split("*")[1] == "2"
    assert unseal_data(old, password=rotated) == {"a": 1}
    assert unseal_data(new, password={2: OTHER}) == {"a": 2}


# --- the environment -------------------------------------------------------------------------


def from_env(**environ: str) -> Passwords:
    return Passwords.from_env("KEY", environ)


def refusal(**environ: str) -> str:
    """Give the message, once it is sure that no password is in it, nor behind it."""
    with pytest.raises(ConfigurationError) as caught:
        from_env(**environ)
    told = told_by(caught.value)
    for secret in (PASSWORD, OTHER, SHORT):
        assert secret not in told
    assert caught.value.__context__ is None
    return str(caught.value)


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    return tmp_path / "password"


def test_one_variable_holds_one_password() -> None:
    passwords = from_env(KEY=PASSWORD)
    assert passwords.ids == (1,)
    assert opens(passwords, {1: PASSWORD})


@pytest.mark.parametrize("space", ["", " ", "\n", "\t\r\n "])
def test_one_variable_holds_a_json_object_of_passwords(space: str) -> None:
    passwords = from_env(KEY=space + json.dumps({"2": OTHER, "1": PASSWORD}) + space)
    assert passwords.ids == (2, 1)
    assert opens(passwords, {1: PASSWORD, 2: OTHER})


def test_several_variables_hold_one_password_each() -> None:
    passwords = from_env(KEY_1=PASSWORD, KEY_2=OTHER, KEY_10=THIRD)
    assert passwords.ids == (10, 2, 1)
    assert opens(passwords, {1: PASSWORD, 2: OTHER, 10: THIRD})


def test_the_numbers_of_variables_may_have_gaps() -> None:
    """An old password that is retired leaves one."""
    assert from_env(KEY_0=PASSWORD, KEY_7=OTHER).ids == (7, 0)


def test_a_file_holds_one_password(password_file: Path) -> None:
    password_file.write_text(PASSWORD, encoding="utf-8")
    passwords = from_env(KEY_FILE=str(password_file))
    assert opens(passwords, {1: PASSWORD})


def test_a_file_holds_a_json_object_of_passwords(password_file: Path) -> None:
    password_file.write_text(json.dumps({"3": PASSWORD, "4": OTHER}, indent=2) + "\n")
    passwords = from_env(KEY_FILE=str(password_file))
    assert passwords.ids == (4, 3)
    assert opens(passwords, {3: PASSWORD, 4: OTHER})


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_a_line_end_of_a_file_is_no_part_of_the_password(password_file: Path, end: str) -> None:
    """Editors add one. Other white space counts."""
    password = f"  {PASSWORD} é "
    password_file.write_bytes((password + end).encode())
    assert opens(from_env(KEY_FILE=str(password_file)), {1: password})


def test_a_password_in_a_variable_is_used_as_it_is() -> None:
    password = f" {PASSWORD}\n"
    assert opens(from_env(KEY=password), {1: password})
    assert opens(from_env(KEY_1=password), {1: password})


def test_a_numbered_variable_holds_a_password_even_if_it_looks_like_json() -> None:
    password = json.dumps({"1": PASSWORD})
    assert opens(from_env(KEY_1=password), {1: password})


def test_the_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    assert opens(Passwords.from_env(), {1: PASSWORD})
    monkeypatch.setenv("KEY_5", OTHER)
    assert opens(Passwords.from_env("KEY"), {5: OTHER})
    assert inspect.signature(Passwords.from_env).parameters["environ"].default is os.environ


NONE_SET = "KEY is not set: make a password with `iron-session generate-password`"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"KEY": ""},
        {"KEY_1": ""},
        {"KEY_FILE": ""},
        {"KEY": "", "KEY_1": "", "KEY_2": "", "KEY_FILE": ""},
        {"OTHER_KEY": PASSWORD, "KEY1": PASSWORD, "KEY__1": PASSWORD, "key": PASSWORD},
        {"KEY_x": PASSWORD, "KEY_": PASSWORD, "KEY_-1": PASSWORD},
        {"KEY_1x": PASSWORD, "KEY_٣": PASSWORD, "KEY_1\n": PASSWORD, "XKEY_1": PASSWORD},
        {"KEY_FILES": PASSWORD, "KEY_1_FILE": PASSWORD},
    ],
)
def test_an_environment_without_passwords_is_refused(environ: dict[str, str]) -> None:
    """An empty variable counts as none."""
    assert refusal(**environ) == NONE_SET


def test_the_missing_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^SESSION_PASSWORD is not set"):
        Passwords.from_env(environ={})


@pytest.mark.parametrize(
    ("environ", "ways"),
    [
        ({"KEY": PASSWORD, "KEY_FILE": "f"}, "KEY and KEY_FILE"),
        ({"KEY": PASSWORD, "KEY_1": OTHER}, "KEY and KEY_1, KEY_2, …"),
        ({"KEY": PASSWORD, "KEY_8": OTHER}, "KEY and KEY_1, KEY_2, …"),
        ({"KEY_FILE": "f", "KEY_2": OTHER}, "KEY_FILE and KEY_1, KEY_2, …"),
        (
            {"KEY": PASSWORD, "KEY_FILE": "f", "KEY_1": OTHER},
            "KEY and KEY_FILE and KEY_1, KEY_2, …",
        ),
    ],
)
def test_more_than_one_way_is_refused(environ: dict[str, str], ways: str) -> None:
    """Or a password that was meant to be replaced would silently stay."""
    assert refusal(**environ) == f"more than one is set: {ways}; keep one"


@pytest.mark.parametrize(
    "environ",
    [
        {"KEY": PASSWORD, "KEY_1": "", "KEY_FILE": ""},
        {"KEY": "", "KEY_1": PASSWORD, "KEY_2": "", "KEY_FILE": ""},
    ],
)
def test_an_empty_variable_is_no_second_way(environ: dict[str, str]) -> None:
    assert opens(from_env(**environ), {1: PASSWORD})


@pytest.mark.parametrize(
    "text",
    [
        "{",
        f'{{"1": "{PASSWORD}"',
        f'{{"1": "{PASSWORD}"}} x',
        f'{{"1": "{PASSWORD}",}}',
        f"{{'1': '{PASSWORD}'}}",
        f"{{1: {PASSWORD}}}",
        f"{{{PASSWORD}",
        f'{{"1": "{PASSWORD}", "2": 5}}',
        f'{{"1": "{PASSWORD}", "2": null}}',
        f'{{"1": ["{PASSWORD}"]}}',
        f'{{"1": {{"1": "{PASSWORD}"}}}}',
        f'{{"1": {{}}, "2": "{PASSWORD}"}}',
        f'\n{{"1": "{PASSWORD}\n"}}',
        f'\u00a0{{"1": "{PASSWORD}"}}',
        pytest.param('{"1":' * 100_000, id="deeper than Python reads"),
    ],
)
def test_broken_json_is_refused_without_showing_it(password_file: Path, text: str) -> None:
    """What starts with a brace was meant to be an object; json's own errors hold the text."""
    password_file.write_text(text, encoding="utf-8")
    problem = 'starts with { but is not a JSON object of texts, {"1": "…", "2": "…"}'
    assert refusal(KEY=text) == f"KEY {problem}"
    assert refusal(KEY_FILE=str(password_file)) == f"the file named by KEY_FILE {problem}"


def test_an_id_that_json_gives_twice_is_refused() -> None:
    """JSON readers keep the last in silence."""
    text = f'{{"1": "{PASSWORD}", "2": "{OTHER}", "1": "{OTHER}"}}'
    assert refusal(KEY=text) == "KEY gives the same id twice"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "the password mapping is empty"),
        (json.dumps({"one": PASSWORD}), "ids must be whole numbers"),
        (json.dumps({PASSWORD: OTHER}), "ids must be whole numbers"),
        (json.dumps({"1": PASSWORD, "01": OTHER}), "ids must be whole numbers"),
        (json.dumps({"1": SHORT}), "has 20 characters and needs at least 32"),
        (json.dumps({"1": ""}), "password 1 is empty"),
        (SHORT, "has 20 characters and needs at least 32"),
        (PASSWORD + "\udcff", "valid Unicode"),
    ],
)
def test_passwords_of_the_environment_keep_the_same_rules(text: str, problem: str) -> None:
    """The last case is what Python makes of a byte that is not UTF-8."""
    assert problem in refusal(KEY=text)


def test_a_numbered_variable_beyond_javascripts_numbers_is_refused() -> None:
    assert "whole numbers from 0 to" in refusal(KEY_9007199254740992=PASSWORD)


def test_a_missing_file_is_named_by_its_variable(tmp_path: Path) -> None:
    message = refusal(KEY_FILE=str(tmp_path / "nowhere"))
    assert message == "the file that KEY_FILE names can't be read (FileNotFoundError)"
    assert "(IsADirectoryError)" in refusal(KEY_FILE=str(tmp_path))


def test_a_file_that_is_not_text_is_refused_without_showing_it(password_file: Path) -> None:
    password_file.write_bytes(PASSWORD.encode() + b"\xff")
    message = refusal(KEY_FILE=str(password_file))
    assert message == "the file that KEY_FILE names can't be read (UnicodeDecodeError)"


@pytest.mark.parametrize("path", ["a\0b", "\ud800", PASSWORD + "\0", PASSWORD * 200])
def test_a_path_that_no_file_can_have_is_refused(path: str) -> None:
    """A password put into the wrong variable may hold anything."""
    assert "the file that KEY_FILE names can't be read" in refusal(KEY_FILE=path)


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_file_is_refused(password_file: Path, text: str) -> None:
    password_file.write_text(text)
    assert refusal(KEY_FILE=str(password_file)) == "password 1 is empty"


# --- generation ------------------------------------------------------------------------------


def test_a_generated_password_is_256_random_bits_as_text() -> None:
    """In letters that no shell, URL or file changes."""
    alphabet = set(string.ascii_letters + string.digits + "-_")
    made = [generate_password() for _ in range(100)]
    assert {len(password) for password in made} == {43}
    assert set().union(*made) <= alphabet
    assert len(set(made)) == 100
    assert opens(Passwords(made[0]), {1: made[0]})
    assert seal({}, made[0])


def test_the_public_name_is_the_one_of_the_seals() -> None:
    assert Passwords is PasswordsOfSeals


def test_a_numbered_variable_with_a_leading_zero_is_refused() -> None:
    """Else `KEY_01` would be passed over beside `KEY_1`, without a word."""
    with pytest.raises(ConfigurationError, match=r"^KEY_01: write the number without leading"):
        Passwords.from_env("KEY", {"KEY_1": PASSWORD, "KEY_01": OTHER})


def test_a_byte_order_mark_in_a_file_is_no_part_of_the_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"\ufeff{PASSWORD}\n", encoding="utf-8")
    passwords = Passwords.from_env("KEY", {"KEY_FILE": str(file)})
    assert unseal_data(seal_data(1, password=PASSWORD), password=passwords) == 1
