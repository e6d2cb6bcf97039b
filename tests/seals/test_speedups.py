"""The native core: when it is used, and that it does what the Python code does, no more."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iron_session import (
    ConfigurationError,
    Passwords,
    UnsealError,
    _json,
    _speedups,
    seal_data,
    unseal_data,
)
from iron_session.seals import SealOptions, Secret, _crypto, seal, speedups, unseal
from iron_session.seals.iron import DEFAULTS, OpenedSeal, open_seal, seal_bytes
from tests.helpers.seals import OTHER, PASSWORD, ByHand, base64url
from tests.property.test_seals_hostile_text import NOW, SEALS, any_text, hostile, seals

CORE = _speedups._find()[0]
needs_core = pytest.mark.skipif(
    CORE is None, reason="the native core is not installed here: see `make speedups`"
)


def secret_of(core: _speedups.Core | None, password: str = PASSWORD, id_: str = "1") -> Secret:
    """Return a secret that uses this core, whatever the environment says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_speedups, "core", core)
        return Secret(id_, password)


IN_PYTHON = {
    "1": secret_of(None),
    "2": secret_of(None, OTHER, "2"),
    "default": secret_of(None, PASSWORD, ""),
}
NATIVE = {
    "1": secret_of(CORE),
    "2": secret_of(CORE, OTHER, "2"),
    "default": secret_of(CORE, PASSWORD, ""),
}

# --- when it is used -------------------------------------------------------------------------


class Key:
    """What a core makes of a password: here it answers what the test wants."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.calls: list[tuple[object, ...]] = []
        self.sealed: str | None = None
        self.opened: tuple[bytes, int | None] | Literal[False] | None = None

    def seal(self, *given: object) -> str | None:
        self.calls.append(given)
        return self.sealed

    def open(self, *given: object) -> tuple[bytes, int | None] | Literal[False] | None:
        self.calls.append(given)
        return self.opened


def core_of(key: Callable[[str], Key]) -> _speedups.Core:
    """Return a core that makes keys with this, and knows no JSON but that of the check."""
    return _speedups.Core("0.1.0", key, write_known_json, read_known_json)


def known_answers(password: str) -> SimpleNamespace:
    """Return a key that passes the check: it leaves all to the Python code."""
    secret = secret_of(None, password)

    def seal(plaintext: bytes, id_: str, expires: int | None, randomness: bytes) -> str:
        return seal_bytes(plaintext, secret, DEFAULTS, expires, lambda _: randomness)

    def open_(text: str, earliest: int) -> tuple[bytes, int | None] | Literal[False] | None:
        try:
            opened = open_seal(text, secret, DEFAULTS, earliest + 60_000)
        except UnsealError as error:
            return False if "was changed" in str(error) else None
        return opened.plaintext, opened.expires

    return SimpleNamespace(seal=seal, open=open_)


KNOWN_VALUE, KNOWN_JSON = _speedups._KNOWN_VALUE, _speedups._KNOWN_JSON


def write_known_json(value: object, most: int | None, depth: int) -> bytes | None:
    """Write the one value that is asked for, and leave all else to the Python code."""
    return KNOWN_JSON if (value, most, depth) == (KNOWN_VALUE, 5, 255) else None


def read_known_json(raw: bytes) -> object:
    return dict(KNOWN_VALUE) if raw == KNOWN_JSON else NotImplemented


def module(**changes: object) -> ModuleType:
    """Return a module that fits, but for the changes; a change to None takes a name away."""
    made = ModuleType(_speedups.MODULE)
    names = {
        "API": _speedups.API,
        "__version__": "0.1.0",
        "PasswordKey": known_answers,
        "write_json": write_known_json,
        "read_json": read_known_json,
        **changes,
    }
    vars(made).update({name: value for name, value in names.items() if value is not None})
    return made


def install(monkeypatch: pytest.MonkeyPatch, found: ModuleType | Exception) -> None:
    """Let an import of the core give this module, or fail like this."""

    def import_module(name: str) -> ModuleType:
        assert name == "iron_session_speedups"
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(_speedups, "import_module", import_module)


ABSENT = ModuleNotFoundError("No module named …", name=_speedups.MODULE)


@pytest.mark.parametrize("setting", [None, "", "1"])
def test_a_core_that_fits_is_used(monkeypatch: pytest.MonkeyPatch, setting: str | None) -> None:
    install(monkeypatch, module())
    core, reason = _speedups.load(setting)
    assert core == ("0.1.0", known_answers, write_known_json, read_known_json)
    assert reason == ""


def test_a_core_is_turned_off_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, RuntimeError("imported"))
    assert _speedups.load("0") == (None, "turned off by IRON_SESSION_SPEEDUPS=0")


@pytest.mark.parametrize(
    "error",
    [
        ABSENT,
        ImportError("iron_session_speedups supports no subinterpreters: …"),
        ImportError("module … does not support loading in subinterpreters"),
    ],
)
def test_an_absent_core_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: ImportError
) -> None:
    """No sub-interpreter can load it: there it is absent, as where it was never installed."""
    install(monkeypatch, error)
    for setting in (None, ""):
        assert _speedups.load(setting) == (
            None,
            "iron-session-speedups is not installed for this Python",
        )
    assert caplog.records == []


def wrong(**answers: object) -> Callable[[str], SimpleNamespace]:
    """Return a class of keys of which some methods answer wrongly."""

    def key(password: str) -> SimpleNamespace:
        methods = {name: lambda *_, value=value: value for name, value in answers.items()}
        return SimpleNamespace(**(vars(known_answers(password)) | methods))

    return key


def fails(*_: object) -> None:
    raise RuntimeError("out of order")


UNFIT: list[tuple[ModuleType | Exception, str]] = [
    (ImportError("cannot open shared object file"), "ImportError: cannot open shared"),
    (ModuleNotFoundError("No module named 'x'", name="x"), "ModuleNotFoundError: No module"),
    (RuntimeError("out of order"), "RuntimeError: out of order"),
    (module(API=1), "its interface is 1, not 2: install the same version"),
    (module(API=0), "its interface is 0"),
    (module(API=True), "its interface is True"),
    (module(API="2"), "its interface is '2'"),
    (module(API="2" * 500), "its interface is '2222222222222222222, not 2"),
    (module(API=None), "AttributeError"),
    (module(__version__=None), "AttributeError"),
    (module(PasswordKey=None), "AttributeError"),
    (module(PasswordKey=fails), "RuntimeError: out of order"),
    (module(PasswordKey=wrong(seal=None)), "does not make the seal that it should"),
    (module(PasswordKey=wrong(seal=_speedups._KNOWN_SEAL[:-1])), "does not make the seal"),
    (module(PasswordKey=wrong(open=None)), "does not make the seal"),
    (module(PasswordKey=wrong(open=(b"{}", 1))), "does not make the seal"),
    (module(PasswordKey=wrong(open=False)), "does not make the seal"),
    (module(write_json=None), "AttributeError"),
    (module(read_json=None), "AttributeError"),
    (module(write_json=fails), "RuntimeError: out of order"),
    (module(read_json=fails), "RuntimeError: out of order"),
    (module(write_json=lambda *_: None), "does not write and read the JSON"),
    (module(write_json=lambda *_: KNOWN_JSON), "does not write and read the JSON"),
    (module(read_json=lambda _: NotImplemented), "does not write and read the JSON"),
    (module(read_json=lambda _: KNOWN_VALUE), "does not write and read the JSON"),
    (module(read_json=lambda _: KNOWN_VALUE | {"b": 1.0}), "does not write and read the JSON"),
]


@pytest.mark.parametrize(("found", "problem"), UNFIT)
def test_a_core_that_does_not_fit_is_logged_once_and_not_used(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    found: ModuleType | Exception,
    problem: str,
) -> None:
    install(monkeypatch, found)
    core, reason = _speedups.load(None)
    assert core is None
    assert problem in reason
    assert _speedups.load("") == (None, reason)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("iron_session", logging.WARNING)
    assert record.getMessage() == f"seals are made in Python: {reason}"


@pytest.mark.parametrize(("found", "problem"), [*UNFIT, (ABSENT, "is not installed for this")])
def test_a_required_core_that_does_not_fit_is_an_error(
    monkeypatch: pytest.MonkeyPatch, found: ModuleType | Exception, problem: str
) -> None:
    install(monkeypatch, found)
    with pytest.raises(ConfigurationError) as caught:
        _speedups.load("1")
    assert str(caught.value).startswith("IRON_SESSION_SPEEDUPS=1 requires the native core: iron-")
    assert problem in str(caught.value)


@pytest.mark.parametrize("setting", ["2", "true", "off", " 1", "00"])
def test_another_setting_is_an_error(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="IRON_SESSION_SPEEDUPS must be 0, 1 or empty"):
        _speedups.load(setting)


def test_the_known_answer_is_that_of_the_python_code() -> None:
    secret = secret_of(None, _speedups._KNOWN_PASSWORD)
    assert seal_bytes(b"{}", secret, DEFAULTS, 1, bytes) == _speedups._KNOWN_SEAL
    assert json.dumps(KNOWN_VALUE, ensure_ascii=False, separators=(",", ":")) == KNOWN_JSON.decode()


def test_the_version_at_work_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_speedups, "core", core_of(Key))
    assert speedups() == "0.1.0"
    monkeypatch.setattr(_speedups, "core", None)
    assert speedups() is None


def test_the_environment_decides_in_a_new_process() -> None:
    """So does what is installed: without a value, a core that is there is used."""
    code = "from iron_session.seals import speedups; print(speedups())"
    for setting, expected in {"0": None, "": CORE and CORE.version}.items():
        run = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"IRON_SESSION_SPEEDUPS": setting},
            capture_output=True,
            text=True,
            check=True,
        )
        assert (run.stdout, run.stderr) == (f"{expected}\n", "")


def test_this_run_is_over_the_core_that_it_asks_for() -> None:
    """A run that requires the core must not pass over the Python code."""
    setting = os.environ.get("IRON_SESSION_SPEEDUPS")
    assert _speedups.core == (None if setting == "0" else CORE)
    assert setting != "1" or speedups() is not None
    assert (Passwords(PASSWORD).primary.native is None) is (speedups() is None)
    assert (_json._write_natively is None) is (_json._read_natively is None) is (speedups() is None)


# --- what it is given ------------------------------------------------------------------------


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Key:
    """Put a core in place that knows one password, and return its key."""
    only = Key(PASSWORD)

    def make(password: str) -> Key:
        return only if password == PASSWORD else Key(password)

    monkeypatch.setattr(_speedups, "core", core_of(make))
    return only


def counting(size: int) -> bytes:
    """Stand for randomness: 0, 1, 2, …"""
    return bytes(range(size))


def test_the_core_seals_with_randomness_of_its_own(key: Key) -> None:
    key.sealed = "made by the core"
    assert seal_bytes(b"{}", Secret("7", PASSWORD), DEFAULTS, NOW) == "made by the core"
    assert key.calls == [(b"{}", "7", NOW, None)]
    assert seal({}, PASSWORD) == "made by the core"
    assert seal_data({}, password=Passwords(PASSWORD)) == "made by the core~2"


def test_the_core_seals_with_the_randomness_that_is_given(key: Key) -> None:
    key.sealed = "made by the core"
    secret = Secret("7", PASSWORD)
    assert seal_bytes(b"{}", secret, DEFAULTS, None, counting) == "made by the core"
    assert key.calls == [(b"{}", "7", None, counting(80))]


def test_a_seal_that_the_core_hands_back_is_made_in_python(key: Key) -> None:
    made = seal_bytes(b'{"a":1}', Secret("7", PASSWORD), DEFAULTS, NOW, counting)
    assert len(key.calls) == 1
    assert made == seal_bytes(b'{"a":1}', secret_of(None, PASSWORD, "7"), DEFAULTS, NOW, counting)


def test_what_the_core_opens_is_opened(key: Key) -> None:
    key.opened = (b'{"by":"the core"}', 5)
    text = ByHand(id="7").text
    for secrets in (Secret("1", PASSWORD), {"7": Secret("7", PASSWORD)}):
        assert open_seal(text, secrets, DEFAULTS, NOW) == (b'{"by":"the core"}', "7", 5)
        assert key.calls.pop() == (text, NOW - 60_000)
    assert unseal(text, PASSWORD) == {"by": "the core"}
    assert unseal_data(ByHand(id="1").text + "~2", password=Passwords(PASSWORD)) == {
        "by": "the core"
    }


def test_a_seal_that_the_core_hands_back_is_opened_in_python(key: Key) -> None:
    assert unseal(ByHand().text, PASSWORD) == {"a": 1}
    assert len(key.calls) == 1


def test_what_the_core_found_forged_is_not_computed_again(
    key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Garbage costs less than a good seal, also where two have looked at it."""

    def derive(*_: object) -> bytes:
        pytest.fail("derived a key")

    monkeypatch.setattr(_crypto.PasswordKey, "derive", derive)
    key.opened = False
    with pytest.raises(UnsealError, match="was changed") as caught:
        unseal(ByHand(id="7").text, PASSWORD)
    assert (caught.value.reason, caught.value.password_id) == ("invalid", "7")


@pytest.mark.parametrize(("expiration", "reason"), [("5", "expired"), ("x", "invalid")])
def test_the_python_code_decides_what_is_wrong_first(
    key: Key, expiration: str, reason: str
) -> None:
    """Even if a core should find a text forged that has expired."""
    key.opened = False
    with pytest.raises(UnsealError) as caught:
        unseal(ByHand(expiration=expiration).text, PASSWORD)
    assert caught.value.reason == reason
    assert "was changed" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "é" * 100, "Fe26.2*\ud800******", "Fe26.2*9******"])
def test_the_core_is_not_asked_in_vain(key: Key, text: str) -> None:
    key.opened = (b"{}", None)
    with pytest.raises(UnsealError):
        open_seal(text, {"1": Secret("1", PASSWORD)}, DEFAULTS, NOW)
    assert key.calls == []


@pytest.mark.parametrize("text", [None, b"Fe26.2*1******", 5])
def test_what_is_no_text_is_no_seal(key: Key, text: Any) -> None:
    with pytest.raises(ConfigurationError, match="a seal is a str"):
        unseal(text, PASSWORD)
    assert key.calls == []


BYTES = b"0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("secret", "options"),
    [
        ({"secret": PASSWORD}, SealOptions(ttl=60)),
        ({"secret": BYTES}, DEFAULTS),
        ({"encryption": PASSWORD, "integrity": OTHER}, DEFAULTS),
        ({"encryption": PASSWORD, "integrity": PASSWORD}, DEFAULTS),
        ({"encryption": PASSWORD, "integrity": BYTES}, DEFAULTS),
    ],
)
def test_what_is_not_ordinary_is_never_given_to_the_core(
    key: Key, secret: dict[str, Any], options: SealOptions
) -> None:
    """Other options, a key in bytes, a password for each use."""
    key.sealed, key.opened = "made by the core", (b"{}", None)
    made = seal({"a": 1}, Secret("1", **secret), options)
    assert unseal(made, Secret("1", **secret), options) == {"a": 1}
    assert key.calls == []


# --- the real one: the same seals ------------------------------------------------------------

plaintexts = (
    st.binary()
    | st.builds(bytes, st.integers(0, 5000))
    | any_text.map(lambda text: text.encode("utf-8", "surrogatepass"))
)
ids = st.text("abzAZ019_", max_size=20)
expirations = st.none() | st.integers(0, 2**64 - 1)
randomness = st.binary(min_size=80, max_size=80)
passwords = st.text(min_size=1) | st.text("p", min_size=60, max_size=70)


def native(secret: Secret) -> _speedups.NativeKey:
    assert secret.native is not None
    return secret.native


@needs_core
@given(passwords, plaintexts, ids, expirations, randomness)
def test_with_the_same_randomness_both_make_the_same_seal(
    password: str, plaintext: bytes, id_: str, expires: int | None, given: bytes
) -> None:
    with_core, without = secret_of(CORE, password, id_), secret_of(None, password, id_)
    made = seal_bytes(plaintext, without, DEFAULTS, expires, lambda _: given)
    assert native(with_core).seal(plaintext, id_, expires, given) == made
    assert seal_bytes(plaintext, with_core, DEFAULTS, expires, lambda _: given) == made


@needs_core
@given(passwords, plaintexts, ids, expirations)
def test_each_opens_what_the_other_made(
    password: str, plaintext: bytes, id_: str, expires: int | None
) -> None:
    with_core, without = secret_of(CORE, password, id_), secret_of(None, password, id_)
    now = 0 if expires is None else expires
    opened = (plaintext, id_, expires)
    made = seal_bytes(plaintext, without, DEFAULTS, expires)
    if expires != 0 and (expires is None or expires < 10**19):
        assert native(with_core).open(made, now - 1) == (plaintext, expires)
    for sealing, opening in ((with_core, without), (without, with_core)):
        text = seal_bytes(plaintext, sealing, DEFAULTS, expires)
        if expires == 0:  # a time that nobody writes: both refuse it
            with pytest.raises(UnsealError, match="is not a number"):
                open_seal(text, opening, DEFAULTS, now)
        else:
            assert open_seal(text, opening, DEFAULTS, now) == opened


@needs_core
def test_the_randomness_of_the_core_is_another_each_time() -> None:
    made = [seal_bytes(b"{}", NATIVE["1"], DEFAULTS, None).split("*") for _ in range(100)]
    for part in (2, 3, 4, 6, 7):
        assert len({parts[part] for parts in made}) == 100
    assert all(len(parts[2]) == len(parts[6]) == 64 for parts in made)


# --- the real one: the same refusals ---------------------------------------------------------


def outcome(text: str, secrets: Any, now: int = NOW) -> OpenedSeal | tuple[str, str, str | None]:
    """Return what is opened, or all that the error tells."""
    try:
        return open_seal(text, secrets, DEFAULTS, now)
    except UnsealError as error:
        return str(error), error.reason, error.password_id


def assert_same(text: str, now: int = NOW) -> None:
    """Both open it, or both refuse it for the same reason; the core opens nothing by itself."""
    assert outcome(text, NATIVE, now) == outcome(text, IN_PYTHON, now)
    for id_, secret in IN_PYTHON.items():
        alone = outcome(text, secret, now)
        assert outcome(text, NATIVE[id_], now) == alone
        answer = native(NATIVE[id_]).open(text, now - 60_000)
        if answer:
            assert isinstance(alone, OpenedSeal)
            assert answer == (alone.plaintext, alone.expires)
        elif answer is False:
            assert "was changed" in str(alone[0])


@needs_core
@given(hostile)
@example("")
@example("*" * 100_000)
@example("Fe26.2" + "*" * 7)
@example("Fe26.2*1****" + "9" * 100_000 + "**")
@example("Fe26.2*1****0**")
@example("Fe26.2*1****٣**")
@example("Fe26.2*\ud83d\ude00******")
@example("\x00")
def test_hostile_text_has_the_same_reason(text: str) -> None:
    assert_same(text)


places = st.integers(0, 2000)
any_character = st.characters(exclude_categories=()) | st.sampled_from("*~=+/-_ \n0A")


@needs_core
@given(seals, places, any_character, places, places)
def test_changed_seals_have_the_same_reason(
    text: str, place: int, character: str, one: int, other: int
) -> None:
    place %= len(text)
    start, end = sorted((one % (len(text) + 1), other % (len(text) + 1)))
    assert_same(text)
    assert_same(text[:place] + character + text[place + 1 :])
    assert_same(text[:place] + character + text[place:])
    assert_same(text[:start] + text[end:])
    assert_same(text[:end] + text[start:])


@needs_core
@given(seals, seals, st.permutations(range(8)), st.sets(st.integers(0, 7)), any_text)
def test_seals_with_other_parts_have_the_same_reason(
    text: str, other: str, order: list[int], taken: set[int], part: str
) -> None:
    parts, others = text.split("*"), other.split("*")
    assert_same("*".join(parts[place] for place in order))
    assert_same("*".join((parts, others)[place in taken][place] for place in range(8)))
    assert_same("*".join(part if place in taken else parts[place] for place in range(8)))


@needs_core
def test_no_single_bit_can_be_changed() -> None:
    for text in SEALS[:4]:
        for place in range(len(text)):
            for bit in range(7):
                assert_same(text[:place] + chr(ord(text[place]) ^ 1 << bit) + text[place + 1 :])


# Each has a right mac, so that only the strictness of the reader decides.
AUTHENTIC = [
    *(ByHand(expiration=text) for text in ("0", "00", "01", "+5", " 5", "5\n", "1e9", "5_0", "x")),
    *(ByHand(expiration="9" * digits) for digits in (1, 13, 18, 19, 20, 21, 22, 5000)),
    *(ByHand(expiration=str(NOW - 60_000 + more)) for more in (-1, 0, 1)),
    *(ByHand(expiration=str(2**bits + more)) for bits in (63, 64) for more in (-1, 0)),
    *(ByHand(salt=text) for text in ("", "0", "zz", "A" * 500, "5A" * 32, " ", "\0")),
    *(ByHand(mac_salt=text) for text in ("", "0", "zz", "A" * 500, "\n")),
    *(ByHand(id=text) for text in ("", "1", "9", "a b", "\0", "x" * 5000, "constructor")),
    *(ByHand(iv_text=text) for text in ("", "AAAA", "A" * 21, "A" * 22, "A" * 23, "=" * 22)),
    *(ByHand(iv_text=text) for text in ("A+/AAAAAAAAAAAAAAAAAAA", "A" * 21 + "B", "A" * 24)),
    *(ByHand(ciphertext=text) for text in ("", "A", "AAAA", "A" * 21, "A" * 21 + "=", "A b")),
    *(ByHand(ciphertext=base64url(bytes(size))) for size in (15, 16, 17, 32)),
    *(ByHand(prefix=text) for text in ("", "Fe26.1", "fe26.2", "Fe26.2 ", "Fe26.2\0")),
    ByHand(ctr=True),
    ByHand(iterations=2),
    ByHand(mac_iterations=2),
    ByHand(b""),
    ByHand(b"no JSON \xff"),
    ByHand(integrity=OTHER),
    ByHand(encryption=OTHER),
]


@needs_core
@pytest.mark.parametrize("seal", AUTHENTIC)
def test_authentic_oddities_are_judged_the_same(seal: ByHand) -> None:
    assert_same(seal.text)


digits = st.text("0123456789", max_size=22) | st.text("019+- _.e\nx")
base64_text = st.text("Aa0+/-_=", max_size=24) | st.text("Aa0-_", min_size=86, max_size=86)
unicode_text = st.text(st.characters(codec="utf-8"))
odd_parts = st.fixed_dictionaries(
    {},
    optional={
        "plaintext": st.binary(),
        "id": ids | unicode_text,
        "expiration": digits | st.integers(NOW - 70_000, NOW).map(str),
        "prefix": st.sampled_from(["Fe26.1", "fe26.2", "Fe26.2 ", ""]) | unicode_text,
        "salt": unicode_text | st.text("0f", max_size=65),
        "mac_salt": unicode_text | st.text("0f", max_size=65),
        "iv": st.binary(min_size=16, max_size=16),
        "iv_text": base64_text | st.binary(max_size=17).map(base64url),
        "ciphertext": base64_text | st.binary(max_size=48).map(base64url),
    },
)


@needs_core
@given(odd_parts, st.sampled_from([NOW, 0, 60_000, 2**63, -(2**63)]))
def test_any_authentic_seal_is_judged_the_same(changes: dict[str, Any], now: int) -> None:
    assert_same(ByHand(**changes).text, now)


@needs_core
@pytest.mark.parametrize(
    "padding", [b"\x00" * 8, b"\x09" * 8, b"\x11" * 8, b"\x08" * 7 + b"\x09", b"\x10" * 24]
)
def test_padding_is_judged_the_same(padding: bytes) -> None:
    assert_same(ByHand(b"hunter22").with_padding(padding))


@needs_core
def test_spare_bits_of_the_ciphertext_open_and_those_of_the_mac_do_not() -> None:
    """A mac covers the ciphertext as text; the mac itself has one spelling."""
    whole = ByHand()
    ciphertext = base64url(whole.encrypted)
    spelled = ByHand(ciphertext=ciphertext[:-1] + chr(ord(ciphertext[-1]) + 1))
    assert isinstance(outcome(spelled.text, NATIVE), OpenedSeal)
    assert_same(spelled.text)
    text = whole.text
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        assert_same(text[:-1] + last)
        assert isinstance(outcome(text[:-1] + last, NATIVE), OpenedSeal) is (last == text[-1])


@needs_core
@pytest.mark.parametrize("now", [-(10**30), 0, NOW, 10**18, 10**30])
def test_the_time_may_be_any(now: int) -> None:
    for text in SEALS:
        assert_same(text, now)


# --- the real one: what never surfaces -------------------------------------------------------


@needs_core
@pytest.mark.parametrize(
    "given",
    [
        (bytearray(b"{}"), "1", None, None),
        ("{}", "1", None, None),
        (None, "1", None, None),
        (b"{}", b"1", None, None),
        (b"{}", "a b", None, None),
        (b"{}", "a*b", None, None),
        (b"{}", "é", None, None),
        (b"{}", "\ud800", None, None),
        (b"{}", "1", -1, None),
        (b"{}", "1", 2**64, None),
        (b"{}", "1", 1.5, None),
        (b"{}", "1", "1", None),
        (b"{}", "1", None, bytes(79)),
        (b"{}", "1", None, bytes(81)),
        (b"{}", "1", None, "x" * 80),
        (b"{}", "1", None, bytearray(80)),
    ],
)
def test_what_the_core_can_not_seal_is_handed_back(given: Any) -> None:
    assert native(NATIVE["1"]).seal(*given) is None


@needs_core
@pytest.mark.parametrize(
    "given",
    [
        (None, 0),
        (b"Fe26.2", 0),
        ("\ud800", 0),
        ("é" * 100, 0),
        (SEALS[0], None),
        (SEALS[0], "0"),
        (SEALS[0], 0.5),
        (SEALS[0], 2**63),
        (SEALS[0], -(2**63) - 1),
    ],
)
def test_what_the_core_can_not_open_is_handed_back(given: Any) -> None:
    assert native(NATIVE["1"]).open(*given) is None


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the core, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"IRON_SESSION_SPEEDUPS": ""},
        capture_output=True,
        text=True,
        check=True,
    )


@needs_core
def test_a_panic_is_handed_back_and_writes_nothing() -> None:
    """PyO3 would raise a PanicException, which is no Exception."""
    done = run("import iron_session_speedups as core; print(core._panic())")
    assert (done.stdout, done.stderr) == ("None\n", "")


IN_SUB_INTERPRETER = """
import sys
import iron_session_speedups
try:
    import _interpreters  # since Python 3.13
    interpreter = _interpreters.create("legacy")
except ImportError:
    import _xxsubinterpreters as _interpreters
    interpreter = _interpreters.create(isolated=False)
code = '''
from iron_session.seals import seal, speedups, unseal
made = seal([1], "the password of a test, which protects nothing")
print(speedups(), unseal(made, "the password of a test, which protects nothing"), flush=True)
'''
print(_interpreters.run_string(interpreter, code))
"""


@needs_core
def test_a_sub_interpreter_goes_without_the_core() -> None:
    done = run(IN_SUB_INTERPRETER)
    assert (done.stdout, done.stderr) == ("None [1]\nNone\n", "")


@needs_core
def test_a_key_shows_no_password() -> None:
    key = native(NATIVE["1"])
    assert PASSWORD not in repr(key)
    assert not hasattr(key, "__dict__")
    with pytest.raises(TypeError, match="pickle"):
        key.__reduce_ex__(2)
