"""The cases in which @hapi/iron 7, iron-webcrypto 2 and we do not agree, each one run."""

import itertools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from iron_session import (
    HeaderJar,
    NotSerializableError,
    SessionOptions,
    UnsealError,
    get_iron_session,
    seal_data,
    unseal_data,
)
from iron_session.errors import IronSessionError
from iron_session.seals import KeyOptions, SealOptions, Secret, seal, unseal
from tests.interop.handmade import HandmadeSeal
from tests.interop.node import Driver, NamedPassword, NodeError
from tests.interop.peers import PROTOCOL_PACKAGES, SESSION_PACKAGES

PASSWORD = "the_password_of_these_tests_protects_nothing"

HAPI = "@hapi/iron"
WEBCRYPTO = "iron-webcrypto"

DAY_AHEAD = str(int((time.time() + 86400) * 1000))
ARABIC_INDIC = DAY_AHEAD.translate({ord("0") + n: 0x660 + n for n in range(10)})
FULL_WIDTH = DAY_AHEAD.translate({ord("0") + n: 0xFF10 + n for n in range(10)})

REFUSED = object()
"""Stands for an error, where another outcome is the data that came out."""


def here(text: str, password: Any = PASSWORD) -> Any:
    """Unseal with ours, and give the data or REFUSED."""
    try:
        return unseal(text, password)
    except UnsealError:
        return REFUSED


def there(driver: Driver, package: str, text: str, password: Any = PASSWORD) -> Any:
    """Unseal in Node, and give the data or REFUSED."""
    try:
        return driver.unseal(package, text, password)
    except NodeError:
        return REFUSED


def outcomes(driver: Driver, text: str, password: Any = PASSWORD) -> tuple[Any, Any, Any]:
    """Unseal with @hapi/iron, iron-webcrypto and ours."""
    return (
        there(driver, HAPI, text, password),
        there(driver, WEBCRYPTO, text, password),
        here(text, password),
    )


def seal_whose_mac_has(characters: str) -> HandmadeSeal:
    """Try initialisation vectors until the mac contains all the characters."""
    seals = (HandmadeSeal(PASSWORD, iv=number.to_bytes(16)) for number in itertools.count())
    return next(made for made in seals if set(characters) <= set(made.mac))


def with_spare_bits(mac: str) -> str:
    """Change the two bits of the last character that stand for no part of the mac."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return mac[:-1] + alphabet[alphabet.index(mac[-1]) | 1]


def test_a_handmade_seal_opens_everywhere(driver: Driver) -> None:
    """What the other tests break is whole before they break it."""
    made = HandmadeSeal(PASSWORD, expiration=DAY_AHEAD).text
    assert outcomes(driver, made) == ({"a": 1}, {"a": 1}, {"a": 1})


def test_only_hapi_takes_an_expiration_with_a_leading_nought(driver: Driver) -> None:
    """One expiration has one spelling here, as in iron-webcrypto."""
    made = HandmadeSeal(PASSWORD, expiration=f"0{DAY_AHEAD}").text
    assert outcomes(driver, made) == ({"a": 1}, REFUSED, REFUSED)


@pytest.mark.parametrize(
    "expiration",
    {
        "newline after": f"{DAY_AHEAD}\n",
        "newline before": f"\n{DAY_AHEAD}",
        "plus": f"+{DAY_AHEAD}",
        "minus": f"-{DAY_AHEAD}",
        "underscore": f"{DAY_AHEAD[0]}_{DAY_AHEAD[1:]}",
        "space before": f" {DAY_AHEAD}",
        "space after": f"{DAY_AHEAD} ",
        "fraction": f"{DAY_AHEAD}.5",
        "exponent": "1e30",
        "hexadecimal": "0xffffffffffffffff",
        "Arabic-Indic digits": ARABIC_INDIC,
        "full-width digits": FULL_WIDTH,
        "Infinity": "Infinity",
        "nought": "0",
    }.items(),
    ids=lambda item: item[0],
)
def test_nobody_takes_an_expiration_that_is_not_decimal_digits(
    driver: Driver, expiration: tuple[str, str]
) -> None:
    """What Python's int() would read, and JavaScript would not, is refused here too."""
    made = HandmadeSeal(PASSWORD, expiration=expiration[1]).text
    assert outcomes(driver, made) == (REFUSED, REFUSED, REFUSED)


@pytest.mark.parametrize("digits", [17, 20, 21])
def test_everybody_takes_an_expiration_in_a_far_future(driver: Driver, digits: int) -> None:
    """An expiration beyond what a double or a date can hold is far away, not an error."""
    made = HandmadeSeal(PASSWORD, expiration="9" * digits).text
    assert outcomes(driver, made) == ({"a": 1}, {"a": 1}, {"a": 1})


@pytest.mark.parametrize("digits", [22, 400, 5000])
def test_only_we_refuse_an_expiration_that_javascript_never_writes(
    driver: Driver, digits: int
) -> None:
    """From 22 digits on JavaScript writes an exponent, so longer digits are nobody's seal."""
    made = HandmadeSeal(PASSWORD, expiration="9" * digits).text
    assert outcomes(driver, made) == ({"a": 1}, {"a": 1}, REFUSED)


@pytest.mark.parametrize(
    "change",
    [
        lambda mac: f"{mac}=",
        lambda mac: f" {mac}",
        lambda mac: f"{mac} ",
        lambda mac: f"{mac[:20]} {mac[20:]}",
        lambda mac: f"{mac}\n",
        with_spare_bits,
    ],
    ids=["padding", "space before", "space after", "space inside", "newline after", "spare bits"],
)
def test_only_iron_webcrypto_takes_another_spelling_of_the_mac(
    driver: Driver, change: Callable[[str], str]
) -> None:
    """A mac is compared here as the exact text, as in @hapi/iron."""
    made = HandmadeSeal(PASSWORD)
    text = made.with_mac(change(made.mac))
    assert outcomes(driver, text) == (REFUSED, {"a": 1}, REFUSED)


def test_a_mac_in_the_standard_alphabet_is_refused_here(driver: Driver) -> None:
    """Plus and slash are refused as in @hapi/iron; iron-webcrypto leaves that to its Node."""
    made = seal_whose_mac_has("-_")
    text = made.with_mac(made.mac.replace("-", "+").replace("_", "/"))
    lenient = REFUSED if driver.decodes_base64_itself() else {"a": 1}
    assert outcomes(driver, text) == (REFUSED, lenient, REFUSED)


@pytest.mark.parametrize(
    "change",
    [
        lambda mac: "",
        lambda mac: mac[:-1],
        lambda mac: f"{mac}A",
        lambda mac: f"{mac}==",
        lambda mac: mac.swapcase(),
        lambda mac: f"{mac}~",
        lambda mac: f"é{mac}",
    ],
    ids=["empty", "cut", "long", "too much padding", "other case", "tilde", "non-ASCII"],
)
def test_nobody_takes_another_mac(driver: Driver, change: Callable[[str], str]) -> None:
    """A mac that stands for other bytes opens nothing."""
    made = HandmadeSeal(PASSWORD)
    text = made.with_mac(change(made.mac))
    assert outcomes(driver, text) == (REFUSED, REFUSED, REFUSED)


@pytest.mark.parametrize(
    "plaintext",
    [
        '{"__proto__":{"admin":true}}',
        '{"__proto__" : null}',
        '{"a":[0,{"b":{"__proto__":1}}]}',
        '[[{"__proto__":[]}]]',
        '{"__proto__":1,"__proto__":2}',
        '{"\\u005f_proto__":{"admin":true}}',
        '{"a":{"_\\u005Fproto\\u005f_":1}}',
        '[{"__\\u0070\\u0072\\u006f\\u0074\\u006F__":1}]',
    ],
)
def test_only_iron_webcrypto_takes_the_key_proto(driver: Driver, plaintext: str) -> None:
    """Refused here at any depth and in any spelling, as in @hapi/iron: it is a trap there."""
    made = HandmadeSeal(PASSWORD, plaintext.encode()).text
    assert outcomes(driver, made) == (REFUSED, json.loads(plaintext), REFUSED)


@pytest.mark.parametrize(
    "plaintext",
    [
        '["__proto__"]',
        '{"a":"\\"__proto__\\":1","b":"\\u005f_proto__"}',
        '{"\\"__proto__":1,"__proto__\\"":2,"__proto__ ":3,"__PROTO__":4,"\\\\u005f_proto__":5}',
        '{"\\u0000__proto__":1,"\\u005fproto__":2}',
        '{"constructor":{"prototype":1},"prototype":2}',
        '{"a":{"__proto__":1},"a":2}',
    ],
)
def test_everybody_takes_what_only_looks_like_the_key_proto(driver: Driver, plaintext: str) -> None:
    """As text, as a part of a key, and in a member that a later one of its name replaces."""
    made = HandmadeSeal(PASSWORD, plaintext.encode()).text
    data = json.loads(plaintext)
    assert outcomes(driver, made) == (data, data, data)


@pytest.mark.parametrize("data", [{"__proto__": {"admin": True}}, {"a": [{"__proto__": 1}]}])
def test_what_javascript_seals_with_the_key_proto_is_not_read_here(
    driver: Driver, data: dict[str, Any]
) -> None:
    """All of its packages seal it, @hapi/iron too; here it is refused before it is sealed."""
    for package in PROTOCOL_PACKAGES:
        assert here(driver.seal(package, data, PASSWORD)) is REFUSED
    for package in SESSION_PACKAGES:
        text = driver.seal_data(package, data, PASSWORD)
        assert unseal_data(text, password=PASSWORD, default=REFUSED) is REFUSED
        session = session_of(text)
        assert (dict(session), session.is_new) == ({}, True)
    with pytest.raises(NotSerializableError, match="__proto__"):
        seal(data, PASSWORD)
    with pytest.raises(NotSerializableError, match="__proto__"):
        seal_data(data, password=PASSWORD)


@pytest.mark.parametrize("plaintext", [b"", b" ", b"{", b'{"a":1}}', b"{'a':1}", b"undefined"])
def test_nobody_takes_a_plaintext_that_is_not_json(driver: Driver, plaintext: bytes) -> None:
    """Text that is authentic and yet no JSON, the empty one included, is an error."""
    made = HandmadeSeal(PASSWORD, plaintext).text
    assert outcomes(driver, made) == (REFUSED, REFUSED, REFUSED)


@pytest.mark.parametrize("plaintext", [b"NaN", b"[Infinity]", b"[-Infinity]", b'["\t"]', b"[01]"])
def test_nobody_takes_what_only_a_lenient_parser_would(driver: Driver, plaintext: bytes) -> None:
    """What Python's json module reads beyond JSON is refused, as in JavaScript."""
    made = HandmadeSeal(PASSWORD, plaintext).text
    assert outcomes(driver, made) == (REFUSED, REFUSED, REFUSED)


def test_only_iron_webcrypto_drops_a_byte_order_mark(driver: Driver) -> None:
    """A leading byte order mark is no JSON here, as in @hapi/iron."""
    made = HandmadeSeal(PASSWORD, b'\xef\xbb\xbf{"a":1}').text
    assert outcomes(driver, made) == (REFUSED, {"a": 1}, REFUSED)


@pytest.mark.parametrize("invalid", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf8"])
def test_only_we_refuse_a_plaintext_that_is_not_utf_8(driver: Driver, invalid: bytes) -> None:
    """JavaScript puts replacement characters where bytes are wrong; we refuse."""
    made = HandmadeSeal(PASSWORD, b'["' + invalid + b'"]').text
    in_hapi, in_webcrypto, in_ours = outcomes(driver, made)
    assert set(in_hapi[0]) == set(in_webcrypto[0]) == {"\ufffd"}
    assert in_ours is REFUSED


@pytest.mark.parametrize(
    ("kind", "in_hapi", "in_python"),
    [
        ("date", "1970-01-01T00:00:00.000Z", datetime.fromtimestamp(0, UTC)),
        ("nan", None, float("nan")),
        ("infinity", None, float("inf")),
        ("map", {}, object()),
        ("set", {}, {1}),
        ("undefined in a list", [None], [...]),
    ],
    ids=["date", "nan", "infinity", "map", "set", "undefined in a list"],
)
def test_only_hapi_changes_a_value_that_is_not_json(
    driver: Driver, kind: str, in_hapi: Any, in_python: Any
) -> None:
    """Sealing what JSON cannot say is an error here, and names the place."""
    changed = driver.seal_exotic(HAPI, kind, PASSWORD)
    assert unseal(changed, PASSWORD) == {"value": in_hapi}
    with pytest.raises(NodeError, match="Data is not JSON serializable"):
        driver.seal_exotic(WEBCRYPTO, kind, PASSWORD)
    with pytest.raises(NotSerializableError, match=r"\[\"value\"\]"):
        seal({"value": in_python}, PASSWORD)


WRONG_KEYS = [
    ("aes-256-cbc", 16),
    ("aes-256-cbc", 31),
    ("aes-256-cbc", 33),
    ("aes-256-cbc", 64),
    ("aes-128-ctr", 15),
    ("aes-128-ctr", 17),
    ("aes-128-ctr", 20),
    ("aes-128-ctr", 64),
]


@pytest.mark.parametrize(("algorithm", "size"), WRONG_KEYS)
def test_nobody_seals_with_a_bytes_key_of_the_wrong_size(
    driver: Driver, algorithm: Any, size: int
) -> None:
    """A bytes key is the key itself, so its size is the one of the cipher."""
    options = SealOptions(encryption=KeyOptions(algorithm=algorithm))
    secret = NamedPassword(encryption=b"k" * size, integrity=b"i" * 32)
    for package in PROTOCOL_PACKAGES:
        with pytest.raises(NodeError):
            driver.seal(package, {}, secret, options)
    with pytest.raises(IronSessionError):
        seal({}, secret.here, options)


@pytest.mark.parametrize(("algorithm", "size"), WRONG_KEYS)
def test_nobody_unseals_with_a_bytes_key_of_the_wrong_size(
    driver: Driver, algorithm: Any, size: int
) -> None:
    """A reader with a key of the wrong size gets an error, whatever the mac says."""
    options = SealOptions(encryption=KeyOptions(algorithm=algorithm))
    right = 32 if algorithm == "aes-256-cbc" else 16
    text = seal({}, Secret(encryption=b"k" * right, integrity=b"i" * 32), options)
    wrong = NamedPassword(encryption=b"k" * size, integrity=b"i" * 32)
    for package in PROTOCOL_PACKAGES:
        with pytest.raises(NodeError):
            driver.unseal(package, text, {"default": wrong}, options)
    with pytest.raises(IronSessionError):
        unseal(text, wrong.here, options)


@pytest.mark.parametrize("size", [33, 64, 65, 100])
def test_only_iron_webcrypto_refuses_a_mac_key_of_more_than_32_bytes(
    driver: Driver, size: int
) -> None:
    """A long mac key is HMAC's to shorten, in @hapi/iron and here."""
    secret = NamedPassword(encryption=b"k" * 32, integrity=bytes(range(size)))
    assert unseal(driver.seal(HAPI, 1, secret), secret.here) == 1
    text = seal(1, secret.here)
    assert driver.unseal(HAPI, text, {"default": secret}) == 1
    with pytest.raises(NodeError, match="Invalid key length"):
        driver.seal(WEBCRYPTO, 1, secret)
    with pytest.raises(NodeError, match="Invalid key length"):
        driver.unseal(WEBCRYPTO, text, {"default": secret})


@pytest.mark.parametrize("size", [1, 16, 31])
def test_nobody_takes_a_mac_key_of_fewer_than_32_bytes(driver: Driver, size: int) -> None:
    """A mac key has at least the size of the mac."""
    secret = NamedPassword(encryption=b"k" * 32, integrity=b"i" * size)
    for package in PROTOCOL_PACKAGES:
        with pytest.raises(NodeError, match="too small"):
            driver.seal(package, 1, secret)
    with pytest.raises(IronSessionError):
        seal(1, secret.here)


def test_only_iron_session_9_makes_an_object_of_a_list(driver: Driver) -> None:
    """A list that iron-session 9 seals comes back as an object; 8 and ours keep the list."""
    seals = {
        "iron-session-9": driver.seal_data("iron-session-9", [1, 2], PASSWORD),
        "iron-session-8": driver.seal_data("iron-session-8", [1, 2], PASSWORD),
        "ours": seal_data([1, 2], password=PASSWORD),
    }
    opened = {name: unseal_data(text, password=PASSWORD) for name, text in seals.items()}
    assert opened == {
        "iron-session-9": {"0": 1, "1": 2},
        "iron-session-8": [1, 2],
        "ours": [1, 2],
    }
    assert driver.unseal_data("iron-session-9", seals["ours"], PASSWORD).data == [1, 2]


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_only_javascript_makes_an_empty_session_of_a_sealed_null(
    driver: Driver, package: str
) -> None:
    """A sealed null is {} in JavaScript; unseal_data gives None and a session is empty."""
    text = driver.seal_data(package, None, PASSWORD)
    assert driver.unseal_data(package, text, PASSWORD).data == {}
    assert unseal_data(text, password=PASSWORD) is None
    assert dict(session_of(text)) == {}


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
def test_a_lone_surrogate_is_escaped_and_survives_everywhere(driver: Driver, package: str) -> None:
    """Half a character goes on the wire as an escape, and comes back."""
    assert unseal(driver.seal(package, ["\ud800"], PASSWORD), PASSWORD) == ["\ud800"]
    text = seal(["\ud800"], PASSWORD)
    assert driver.plaintext(text, PASSWORD) == '["\\ud800"]'
    assert driver.unseal(package, text, PASSWORD) == ["\ud800"]


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("plaintext", ["[9007199254740993]", "[-9007199254740993]"])
def test_javascript_loses_the_last_digit_of_a_long_integer(
    driver: Driver, package: str, plaintext: str
) -> None:
    """Integers beyond 2**53 - 1 are rounded in JavaScript, and exact here."""
    made = HandmadeSeal(PASSWORD, plaintext.encode()).text
    exact = int(plaintext.strip("[]"))
    assert here(made) == [exact]
    rounded = there(driver, package, made)
    assert rounded == driver.unseal(package, seal([exact], PASSWORD), PASSWORD)
    assert rounded == [int(float(exact))]
    assert rounded != [exact]


def test_a_duplicate_key_is_read_alike_everywhere(driver: Driver) -> None:
    """Of two members of one name the last counts, in both languages."""
    made = HandmadeSeal(PASSWORD, b'{"a":1,"a":2}').text
    assert outcomes(driver, made) == ({"a": 2}, {"a": 2}, {"a": 2})


@pytest.mark.parametrize("id", ["", "1", "other", "constructor", "__proto__", "a b"])
def test_a_single_password_opens_a_seal_whatever_id_it_names(driver: Driver, id: str) -> None:
    """The id only chooses among several passwords."""
    made = HandmadeSeal(PASSWORD, id=id).text
    assert outcomes(driver, made) == ({"a": 1}, {"a": 1}, {"a": 1})


@pytest.mark.parametrize("id", ["é", "\u0661", "\u2028", "😀"])
def test_only_we_refuse_an_id_that_is_not_ascii(driver: Driver, id: str) -> None:
    """No writer makes such a seal, and here a seal is ASCII text."""
    made = HandmadeSeal(PASSWORD, id=id).text
    assert outcomes(driver, made) == ({"a": 1}, {"a": 1}, REFUSED)


@pytest.mark.parametrize("id", ["constructor", "__proto__", "toString", "valueOf"])
def test_nobody_finds_a_password_that_every_object_has(driver: Driver, id: str) -> None:
    """A member that JavaScript objects inherit is no password."""
    made = HandmadeSeal(PASSWORD, id=id).text
    assert outcomes(driver, made, {"main": PASSWORD}) == (REFUSED, REFUSED, REFUSED)


@pytest.mark.parametrize("prefix", ["Fe26.1", "Fe26.3", "fe26.2", "", "Fe26.2 "])
def test_nobody_takes_another_prefix(driver: Driver, prefix: str) -> None:
    """The version of the format is part of what must match."""
    made = HandmadeSeal(PASSWORD, prefix=prefix).text
    assert outcomes(driver, made) == (REFUSED, REFUSED, REFUSED)


@pytest.mark.parametrize(
    "made",
    [HandmadeSeal(PASSWORD, id="1", prefix="Fe26.1"), HandmadeSeal(PASSWORD, id="constructor")],
    ids=["wrong prefix", "inherited member"],
)
def test_only_iron_session_8_raises_on_a_hostile_session(
    driver: Driver, made: HandmadeSeal
) -> None:
    """A hostile cookie is an error 500 in iron-session 8, an empty session in 9 and here."""
    text = f"{made.text}~2"
    with pytest.raises(NodeError):
        driver.unseal_data("iron-session-8", text, PASSWORD)
    assert driver.unseal_data("iron-session-9", text, PASSWORD).data == {}
    assert dict(session_of(text)) == {}


def test_only_we_refuse_a_magic_link_as_a_session(driver: Driver) -> None:
    """A seal with a purpose is no session here; nothing in JavaScript tells them apart."""
    text = seal_data({"user": 1}, password=PASSWORD, purpose="magic-link")
    assert driver.unseal_data("iron-session-9", text, PASSWORD).data["user"] == 1
    assert dict(session_of(text)) == {}


def test_both_sides_count_a_password_in_utf_16_units(driver: Driver) -> None:
    """Sixteen emoji are 32 characters to JavaScript, and so to us; fifteen are too short."""
    assert unseal(seal(1, "😀" * 16), "😀" * 16) == 1
    for package in PROTOCOL_PACKAGES:
        assert unseal(driver.seal(package, 1, "😀" * 16), "😀" * 16) == 1
        with pytest.raises(NodeError, match="too short"):
            driver.seal(package, 1, "😀" * 15)
    with pytest.raises(IronSessionError):
        seal(1, "😀" * 15)


@pytest.mark.parametrize("id", ["é", "a b", "a*b", "a-b", "1\n", "\uff11"])
def test_nobody_seals_with_an_id_beyond_ascii_word_characters(driver: Driver, id: str) -> None:
    """An id is ASCII letters, digits and underscores, in both languages."""
    for package in PROTOCOL_PACKAGES:
        with pytest.raises(NodeError, match="Invalid password id"):
            driver.call(
                "seal",
                package=package,
                json="1",
                password={"id": id, "secret": {"text": PASSWORD}},
                options={"encryption": {}, "integrity": {}},
            )
    with pytest.raises(IronSessionError):
        seal(1, Secret(id=id, secret=PASSWORD))


def session_of(text: str) -> Any:
    """Give the session that our own reader finds in a cookie of this value."""
    options = SessionOptions(password=PASSWORD, cookie_name="session")
    return get_iron_session(HeaderJar(f"session={text}"), options)
