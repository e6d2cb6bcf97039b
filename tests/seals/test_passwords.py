"""Passwords: by id, from the environment, and never shown."""

import copy
import hashlib
import inspect
import json
import os
import pickle
import string
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    Passwords,
    SessionOptions,
    UnsealError,
    generate_password,
    seal_data,
    unseal_data,
)
from iron_session.links import Links
from iron_session.seals import Secret, seal, unseal
from iron_session.seals import passwords as passwords_module
from iron_session.seals.passwords import Passwords as PasswordsOfSeals
from tests.helpers.seals import OTHER, PASSWORD, told_by

THIRD = "a_third_password_that_has_over_32_characters"
SHORT = "hunter2_is_too_short"

EMPTY = "is empty: the variable or file that it comes from holds nothing"


def sealing_id(passwords: Passwords) -> str:
    """Give the id that stands in what these seal."""
    return seal_data(0, password=passwords).split("*")[1]


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
    assert passwords.primary.id == "1"
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
    assert passwords.primary.id == str(ids[0])
    assert opens(passwords, {int(id_): password for id_, password in given.items()})
    assert set(passwords.by_id) == set(map(str, ids))
    assert passwords.by_id[str(ids[0])] is passwords.primary


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
    with pytest.raises(ConfigurationError, match=r"^password ids must be whole numbers") as caught:
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
    with pytest.raises(ConfigurationError, match=r"^the password mapping is empty"):
        Passwords(empty)


def test_a_password_that_is_none_leads_to_its_variable() -> None:
    """As of os.environ.get("SESSION_PASSWORD") where there is none of that name."""
    nothing: Any = None
    with pytest.raises(ConfigurationError) as caught:
        Passwords(nothing)
    assert str(caught.value) == (
        "password is None: is its environment variable set? Passwords.from_env(…) reads "
        "a variable, and names it if it is missing"
    )
    with pytest.raises(ConfigurationError) as caught:
        Passwords({1: PASSWORD, 2: nothing})
    assert str(caught.value) == "password 2 is None: is its environment variable set?"


@pytest.mark.parametrize("wrong", [5, PASSWORD.encode(), [PASSWORD], {PASSWORD}, True])
def test_what_holds_no_passwords_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Passwords(wrong)
    assert str(caught.value) == (
        f"password must be a str, a mapping of ids to str, or Passwords, not {type(wrong).__name__}"
    )


@pytest.mark.parametrize("wrong", [5, PASSWORD.encode(), [PASSWORD], {"1": PASSWORD}])
def test_a_password_that_is_not_text_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Passwords({1: PASSWORD, 2: wrong})
    assert str(caught.value) == (
        f"password 2 must be a str, not {type(wrong).__name__} "
        "(keys in bytes are for iron_session.seals)"
    )


@pytest.mark.parametrize("wrong", ["", {2: ""}, {1: PASSWORD, 2: ""}, {2: PASSWORD, 1: ""}])
def test_an_empty_password_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^password [12] {EMPTY}$"):
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
    "password",
    [
        string.ascii_letters[:32],
        "".join(map(chr, range(0x1F600, 0x1F610))),
        "".join(map(chr, range(0xE0, 0x100))),
        "".join(map(chr, range(0x65E5, 0x65E5 + 32))),
        " \0\t\n\r\x7f" * 2 + "\0\t" * 10,
        "abcdef" + "x" * 100_000,
    ],
)
def test_a_password_of_32_or_more_is_taken(password: str) -> None:
    assert opens(Passwords(password), {1: password})


@pytest.mark.parametrize("password", ["\ud800" * 40, PASSWORD + "\udc00"])
def test_a_password_with_a_lone_surrogate_is_refused(password: str) -> None:
    """JavaScript would replace it, and no two sides agree by what."""
    with pytest.raises(ConfigurationError, match=r"^a password must be valid Unicode") as caught:
        Passwords(password)
    assert caught.value.__context__ is None


# --- texts that are no passwords -------------------------------------------------------------

UNEXPANDED = [
    "$(iron-session generate-password)",
    "$(openssl rand -base64 32)",
    "$(cat f)",
    "${SESSION_PASSWORD}",
    "${SESSION_PASSWORD:-a default that nobody was to read}",
    "${{ secrets.SESSION_PASSWORD_OF_THE_SHOP }}",
    "`iron-session generate-password`",
    "$SESSION_PASSWORD_OF_THE_SHOP_OF_OURS",
    "%SESSION_PASSWORD_OF_THE_SHOP_OF_OURS%",
    "{{ vault_session_password_of_the_shop }}",
    "$(a command\nof two lines, and not a short one)",
    " $(iron-session generate-password)\n",
]
QUOTED = ['"', "'", "\u201c\u201d", "\u2018\u2019"]
LISTS = [
    json.dumps([PASSWORD]),
    json.dumps([PASSWORD, OTHER], indent=2) + "\n",
    json.dumps([{"id": 2, "password": OTHER}, {"id": 1, "password": PASSWORD}]),
    str([PASSWORD, OTHER]),
]
SAMPLES = [
    "complex_password_at_least_32_characters_long",
    "complex_password_at_least_32_characters_long_for_development",
    "generated_complex_password_at_least_32_characters_long",
    "another_password_at_least_32_characters_long",
    "2gyZ3GDw3LHZQKDhPmPDL3sjREVRXPr8",
    "Zp-p!QhpyU_0q!@taxoceA.4q35B7@4q",
    "some_not_random_password_that_is_at_least_32_characters",
    "a_long_random_secret_please_change_me",
    "!wsYhFA*C2U6nz=Bu^%A@^F#SF3&kSR6",
    "password-should-be-32-characters",
    "the-password-must-be-at-least-32-characters-long",
    "cookie_encryption_password_secure",
    "password-with-at-least-32-characters",
    "80d42cfb-1cd2-462c-8f17-e3237d9027e9",
]
REPEATED = [
    ("0123456789abcdef", 2),
    ("0123456789abcdef", 3.5),
    ("password", 4),
    ("secret ", 5),
    ("changeme", 4.25),
    ("abcdef", 1000),
    ("".join(map(chr, range(0x1F600, 0x1F608))), 2),
]

NO_PASSWORDS = [
    *((text, "is a command or a variable that nothing has expanded") for text in UNEXPANDED),
    *((signs[0] + PASSWORD + signs[-1], "has quotes around it") for signs in QUOTED),
    *((text, "is a list, written as text: give several passwords ids") for text in LISTS),
    *((text, "is a sample that everybody can read") for text in SAMPLES),
    *((text, "has fewer than 6 different characters") for text in ("a" * 32, "😀" * 16)),
    *((text, "has fewer than 6 different characters") for text in ("01234" * 9, "\t\0" * 50)),
    *((unit * int(n) + unit[: int(n % 1 * len(unit))], "is a short text") for unit, n in REPEATED),
]


@pytest.mark.parametrize(("text", "problem"), NO_PASSWORDS)
def test_what_is_no_password_is_refused_at_each_door_and_not_repeated(
    text: str, problem: str
) -> None:
    """Whatever its id is: old passwords open seals too."""
    for id_, use in (
        (1, lambda: Passwords(text)),
        (1, lambda: Passwords({1: text, 2: PASSWORD})),
        (2, lambda: Passwords({1: PASSWORD, 2: text}, seal_with=1)),
        (7, lambda: Passwords.from_env("KEY", {"KEY_7": text})),
        (1, lambda: seal_data({}, password=text)),
        (1, lambda: unseal_data("no seal", password=text, default=None)),
        (1, lambda: SessionOptions(password=text, cookie_name="a")),
        (1, lambda: Links(password=text, purpose="login")),
    ):
        with pytest.raises(ConfigurationError) as caught:
            use()
        assert str(caught.value).startswith(f"password {id_} {problem}")
        told = told_by(caught.value).replace("`iron-session generate-password`", "")  # the mend
        assert text.strip() not in told
        assert PASSWORD not in told


@pytest.mark.parametrize("text", [text for text, _ in NO_PASSWORDS if not text.startswith("{")])
def test_a_variable_and_a_file_hold_no_such_text_either(text: str, tmp_path: Path) -> None:
    """Where most of them come from."""
    file = tmp_path / "password"
    file.write_text(text, encoding="utf-8")
    for environ in ({"KEY": text}, {"KEY_FILE": str(file)}):
        with pytest.raises(ConfigurationError, match=r"^password 1 "):
            Passwords.from_env("KEY", environ)


@pytest.mark.parametrize(("text", "problem"), NO_PASSWORDS)
def test_the_protocol_takes_any_text_that_is_long_enough(text: str, problem: str) -> None:
    """As @hapi/iron does: who seals by the protocol itself has to know."""
    secret = Secret("1", text)
    if secret.encryption_key.length >= 32:
        assert unseal(seal({"a": 1}, secret), {"1": text}) == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        f"$({PASSWORD}",
        f"{PASSWORD}$(x)",
        f"${PASSWORD}!",
        f"$({PASSWORD}) x",
        f'"{PASSWORD}',
        f"'{PASSWORD}\"",
        f"[{PASSWORD}]",
        f"%{PASSWORD}",
        f"{PASSWORD}, 32_characters",
        "0123456789abcdefg" * 2,
        "0123456789abcdef0123456789abcdeg",
        "x0123456789abcdef0123456789abcdef",
        "abcdef" + "a" * 26,
        "3c6ee24a3d1b41b3c8ed96b6d2a9fbd0",
        "12345678901234567890123456789013",
    ],
)
def test_what_only_looks_like_one_of_these_is_taken(text: str) -> None:
    assert opens(Passwords(text), {1: text})


@pytest.mark.parametrize("variable", [None, "PYTEST_VERSION", "PYTEST_CURRENT_TEST"])
def test_the_password_for_tests_is_warned_of_where_no_test_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str | None
) -> None:
    """Here a process as servers are; tests/test_testing.py starts some."""
    monkeypatch.setattr(passwords_module, "_TEST_RUNNERS", ())
    for name in ("PYTEST_VERSION", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, "9.0")
    for _ in range(2):
        Passwords({1: PASSWORD, 2: passwords_module.TESTING_PASSWORD})
    told = [(record.name, record.levelname) for record in caplog.records]
    assert told == ([("iron_session", "WARNING")] if variable is None else [])
    assert passwords_module.TESTING_PASSWORD not in caplog.text


def test_random_passwords_of_32_hexadecimal_digits_are_taken() -> None:
    for number in range(2000):
        Passwords(hashlib.sha256(bytes([number % 256, number // 256])).hexdigest()[:32])


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
    told = repr([passwords.by_id, passwords.primary, passwords.ids])
    for secret in (PASSWORD, OTHER, THIRD):
        assert secret not in told


def test_passwords_are_copied_as_themselves_and_never_pickled() -> None:
    """Frameworks copy the options that hold them; a pickle would write the secrets out."""
    passwords = Passwords(PASSWORD)
    assert copy.copy(passwords) is passwords
    assert copy.deepcopy({"a": [passwords]})["a"][0] is passwords
    assert copy.copy(passwords.primary) is passwords.primary
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
        (f"é{PASSWORD}", f"\N{LATIN SMALL LETTER E WITH ACUTE}{PASSWORD}"),
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
    assert passwords.primary.id == "2"
    assert passwords.by_id["1"] is secret


# --- rotation --------------------------------------------------------------------------------


def test_the_newest_password_seals_and_all_open() -> None:
    old = seal_data({"a": 1}, password=PASSWORD)
    rotated = {1: PASSWORD, 2: OTHER}
    new = seal_data({"a": 2}, password=rotated)
    assert new.split("*")[1] == "2"
    assert unseal_data(old, password=rotated) == {"a": 1}
    assert unseal_data(new, password={2: OTHER}) == {"a": 2}


@pytest.mark.parametrize("seal_with", [1, "1"])
def test_another_than_the_highest_seals_where_that_is_asked_for(seal_with: Any) -> None:
    """Servers that do not know the highest yet open what is sealed here."""
    passwords = Passwords({1: PASSWORD, 2: OTHER, 3: THIRD}, seal_with=seal_with)
    assert sealing_id(passwords) == passwords.primary.id == "1"
    assert passwords.ids == (3, 2, 1)
    assert opens(passwords, {1: PASSWORD, 2: OTHER, 3: THIRD})
    assert repr(passwords) == "Passwords(ids=[3, 2, 1], seal_with=1)"


@pytest.mark.parametrize("seal_with", [None, 2, "2"])
def test_to_ask_for_the_highest_changes_nothing(seal_with: Any) -> None:
    passwords = Passwords({1: PASSWORD, 2: OTHER}, seal_with=seal_with)
    assert passwords == Passwords({1: PASSWORD, 2: OTHER})
    assert repr(passwords) == "Passwords(ids=[2, 1])"


@pytest.mark.parametrize(
    "seal_with",
    [3, "3", 2**60, -1, True, False, 1.0, "01", " 1", "1\n", "one", b"1", [], (1,), PASSWORD],
)
@pytest.mark.parametrize(
    ("given", "ids"),
    [({2: OTHER, 10: THIRD, 1: PASSWORD}, "10, 2, 1"), ({0: OTHER}, "0"), (PASSWORD, "1")],
)
def test_an_id_that_can_not_seal_is_refused_and_those_that_can_are_named(
    given: Any, ids: str, seal_with: Any
) -> None:
    """The id itself is not: somebody may have put the password there."""
    with pytest.raises(ConfigurationError) as caught:
        Passwords(given, seal_with=seal_with)
    assert str(caught.value) == f"seal_with must be one of the passwords' ids, which are: {ids}"
    assert caught.value.__context__ is None


def test_passwords_of_which_another_one_seals_are_not_equal() -> None:
    both = {1: PASSWORD, 2: OTHER}
    assert Passwords(both, seal_with=1) != Passwords(both)
    assert Passwords(both, seal_with=1) == Passwords(both, seal_with=1)
    assert Passwords.of(passwords := Passwords(both, seal_with=1)) is passwords


@pytest.mark.parametrize(
    ("seal_with", "outdated"), [(1, []), (2, [1]), (10, [1, 2]), (None, [1, 2])]
)
def test_what_a_lower_id_has_sealed_is_outdated(seal_with: int | None, outdated: list[int]) -> None:
    """A higher one is of a server that has gone on already: to write it back would be a war."""
    passwords = Passwords({1: PASSWORD, 2: OTHER, 10: THIRD}, seal_with=seal_with)
    assert [id_ for id_ in (1, 2, 10) if passwords.is_outdated(str(id_))] == outdated
    assert passwords.is_outdated(None)


@pytest.mark.parametrize("id_", ["", "default", "01", "x", "1_0", "٣", "9" * 4301])
def test_a_seal_names_no_id_that_is_no_number_and_opens(id_: str) -> None:
    """So that `is_outdated` is asked of numbers only."""
    seal_by_1 = seal_data({"a": 1}, password=PASSWORD)
    for given in ({1: PASSWORD}, {1: PASSWORD, 10: OTHER}):
        passwords = Passwords(given)
        with pytest.raises(UnsealError):
            unseal_data(seal_by_1.replace("*1*", f"*{id_}*"), password=passwords)
        assert all(known.isascii() and known.isdigit() for known in passwords.by_id)


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
    assert refusal(KEY_FILE=str(password_file)) == f"password 1 {EMPTY}"


# --- read again ------------------------------------------------------------------------------


def put(path: Path, content: str | Mapping[str, str]) -> None:
    """Replace a file in one step, as what writes secrets does."""
    text = content if isinstance(content, str) else json.dumps(content)
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def of_file(path: Path, *, seal_with: int | None = None) -> Passwords:
    return Passwords.from_env("KEY", {"KEY_FILE": str(path)}, seal_with=seal_with)


ONE, BOTH, NEXT = {"1": PASSWORD}, {"1": PASSWORD, "2": OTHER}, {"2": OTHER, "3": THIRD}


def test_passwords_are_read_again_from_their_file(password_file: Path) -> None:
    put(password_file, PASSWORD)
    passwords = of_file(password_file)
    old = seal_data({"a": 1}, password=passwords)
    assert passwords.reload() is False
    put(password_file, BOTH)
    assert sealing_id(passwords) == "1"
    assert passwords.reload() is True
    assert passwords.reload() is False
    assert passwords.ids == (2, 1)
    assert sealing_id(passwords) == "2"
    assert unseal_data(old, password=passwords) == {"a": 1}
    put(password_file, {"2": OTHER})
    assert passwords.reload() is True
    assert unseal_data(old, password=passwords, default=None) is None


def test_a_file_is_found_anew_each_time(tmp_path: Path) -> None:
    """Kubernetes keeps a secret in a folder, and changes where a symbolic link leads."""

    def publish(version: str, content: Mapping[str, str]) -> None:
        folder = tmp_path / version
        folder.mkdir()
        put(folder / "passwords", content)
        link = tmp_path / "..data_tmp"
        link.symlink_to(version)
        link.replace(tmp_path / "..data")

    publish("..2026_01_01", ONE)
    file = tmp_path / "passwords"
    file.symlink_to(Path("..data", "passwords"))
    passwords = of_file(file)
    publish("..2026_01_02", BOTH)
    assert passwords.reload() is True
    assert passwords.ids == (2, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"KEY": PASSWORD}, {"KEY": json.dumps(BOTH)}),
        ({"KEY_1": PASSWORD}, {"KEY_1": PASSWORD, "KEY_2": OTHER}),
        ({"KEY": PASSWORD}, {"KEY": "", "KEY_1": PASSWORD, "KEY_2": OTHER}),
    ],
)
def test_passwords_are_read_again_from_the_environment_in_any_of_its_ways(
    before: dict[str, str], after: dict[str, str]
) -> None:
    environ = dict(before)
    passwords = Passwords.from_env("KEY", environ)
    environ.update(after)
    assert passwords.reload() is True
    assert opens(passwords, {1: PASSWORD, 2: OTHER})


@pytest.mark.parametrize(
    "content",
    [
        "",
        SHORT,
        "{",
        "{}",
        json.dumps(BOTH)[:-1],
        json.dumps({"1": PASSWORD, "2": SHORT}),
        json.dumps({"1": PASSWORD, "two": OTHER}),
        json.dumps({"1": PASSWORD, "2": None}),
        f'{{"1": "{PASSWORD}", "1": "{OTHER}"}}',
        None,
    ],
)
def test_bad_content_is_refused_and_the_passwords_from_before_go_on(
    password_file: Path, content: str | None
) -> None:
    put(password_file, BOTH)
    passwords = of_file(password_file, seal_with=1)
    password_file.unlink() if content is None else put(password_file, content)
    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            passwords.reload()
        for secret in (PASSWORD, OTHER, SHORT):
            assert secret not in told_by(caught.value)
    assert opens(passwords, {1: PASSWORD, 2: OTHER})
    assert sealing_id(passwords) == "1"
    put(password_file, NEXT)
    assert passwords.reload() is True
    assert passwords.ids == (3, 2)


def test_an_error_leads_no_error_tracker_to_what_was_read(password_file: Path) -> None:
    """Those show the variables of every frame that an exception has come through."""
    put(password_file, BOTH)
    passwords = of_file(password_file)
    put(password_file, json.dumps({"1": PASSWORD, "2": SHORT}))
    with pytest.raises(ConfigurationError, match=r"^password 2 has 20 characters") as caught:
        passwords.reload()
    frames = [entry.frame for entry in caught.traceback][1:]
    assert "reload" in [frame.code.name for frame in frames]
    shown = repr([frame.f_locals for frame in frames])
    for secret in (PASSWORD, OTHER, SHORT):
        assert secret not in shown


@pytest.mark.parametrize(
    "passwords",
    [Passwords(PASSWORD), Passwords(BOTH, seal_with=1), Passwords.of(PASSWORD)],
    ids=["one", "two", "of"],
)
def test_what_does_not_come_from_the_environment_can_not_be_read_again(
    passwords: Passwords,
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        passwords.reload()
    assert str(caught.value) == "reload() needs passwords that come from Passwords.from_env(…)"


def test_the_environment_does_not_name_which_one_seals_but_its_reader_may() -> None:
    passwords = Passwords.from_env("KEY", {"KEY": json.dumps(BOTH)}, seal_with=1)
    assert sealing_id(passwords) == "1"
    with pytest.raises(ConfigurationError, match="which are: 2, 1"):
        Passwords.from_env("KEY", {"KEY": json.dumps(BOTH)}, seal_with=3)


def test_the_one_that_was_to_seal_goes_on_until_another_is_named_or_it_is_gone(
    password_file: Path,
) -> None:
    """Else a timer would end the first step of a deployment before its time."""
    put(password_file, BOTH)
    passwords = of_file(password_file, seal_with=1)
    for content in (BOTH, {**BOTH, "3": THIRD}, BOTH):
        put(password_file, content)
        passwords.reload()
        assert sealing_id(passwords) == "1"
    assert passwords.reload() is False

    assert passwords.reload(seal_with=2) is True
    assert sealing_id(passwords) == "2"
    put(password_file, NEXT)
    assert passwords.reload() is True
    assert repr(passwords) == "Passwords(ids=[3, 2], seal_with=2)"

    put(password_file, {"3": THIRD, "4": PASSWORD})
    assert passwords.reload() is True
    assert repr(passwords) == "Passwords(ids=[4, 3])"
    put(password_file, {"3": THIRD, "4": PASSWORD, "5": OTHER, "2": OTHER})
    assert passwords.reload() is True
    assert sealing_id(passwords) == "5"


def test_the_highest_that_was_named_goes_on_where_a_higher_one_comes(password_file: Path) -> None:
    put(password_file, BOTH)
    passwords = of_file(password_file)
    assert passwords.reload(seal_with=2) is False
    put(password_file, {**BOTH, "3": THIRD})
    assert passwords.reload() is True
    assert repr(passwords) == "Passwords(ids=[3, 2, 1], seal_with=2)"
    assert passwords.reload(seal_with=3) is True
    assert sealing_id(passwords) == "3"


@pytest.mark.parametrize("seal_with", [3, True, "x", PASSWORD])
def test_an_id_that_can_not_seal_changes_nothing_when_reading_again(
    password_file: Path, seal_with: Any
) -> None:
    put(password_file, ONE)
    passwords = of_file(password_file)
    put(password_file, BOTH)
    with pytest.raises(ConfigurationError, match=r"which are: 2, 1$"):
        passwords.reload(seal_with=seal_with)
    assert passwords.ids == (1,)
    assert passwords.reload() is True
    assert sealing_id(passwords) == "2"


def test_copies_follow_and_passwords_are_the_same_key_of_a_dict(password_file: Path) -> None:
    put(password_file, ONE)
    passwords = of_file(password_file)
    copies = [copy.copy(passwords), copy.deepcopy([passwords])[0], Passwords.of(passwords)]
    known = {passwords: "here"}
    put(password_file, BOTH)
    assert passwords.reload() is True
    assert [one.ids for one in copies] == [(2, 1)] * 3
    assert known[passwords] == "here"
    assert passwords == Passwords(BOTH)


def test_at_every_moment_of_reading_again_they_are_whole(password_file: Path) -> None:
    """Other threads see those from before or those from now, and never the one without the rest."""
    put(password_file, BOTH)
    passwords = of_file(password_file)
    put(password_file, {"3": THIRD, "4": OTHER})
    seen: list[tuple[bool, tuple[int, ...]]] = []

    def look(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code is Passwords.reload.__code__:
            whole = passwords.by_id.get(passwords.primary.id) is passwords.primary
            seen.append((whole, passwords.ids))
            return look
        return None

    before = sys.gettrace()
    sys.settrace(look)
    try:
        assert passwords.reload() is True
    finally:
        sys.settrace(before)
    assert set(seen) == {(True, (2, 1)), (True, (4, 3))}


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


def test_an_empty_text_leaves_the_highest_to_seal() -> None:
    """As of an environment variable that is set to nothing."""
    assert Passwords({1: PASSWORD, 2: OTHER}, seal_with="").primary.id == "2"
