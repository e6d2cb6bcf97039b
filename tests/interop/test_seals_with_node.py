"""Seals that Node wrote open here, and seals written here open in Node."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iron_session import Passwords, UnsealError, seal_data, unseal_data
from iron_session.seals import KeyOptions, SealOptions, Secret, seal, unseal
from tests.interop.node import Driver, NamedPassword, NodeError, Password
from tests.interop.peers import PROTOCOL_PACKAGES, SESSION_PACKAGES, Peer

PASSWORD = "the_password_of_these_tests_protects_nothing"
OLD = "an_old_password_of_at_least_32_characters"
OTHER = "another_password_of_at_least_32_characters"

PASSWORDS = {
    "ASCII": PASSWORD,
    "exactly 32 characters": PASSWORD[:32],
    "accented": "".join(map(chr, range(0xE0, 0x100))),
    "Japanese": "日本" + "".join(map(chr, range(0x3041, 0x3041 + 30))),
    "16 emoji, 32 UTF-16 units": "".join(map(chr, range(0x1F600, 0x1F610))),
    "64 bytes": PASSWORD + "x" * 20,
    "65 bytes, hashed by HMAC": PASSWORD + "x" * 21,
    "longer than 64 bytes in UTF-8 only": "".join(map(chr, range(0xDF, 0x100))),
    "1000 bytes": PASSWORD + "0123456789" * 95 + "012345",
    "spaces and controls": " \t\n\x00\x7f\u2028" * 8 + "\x01",
}


def nested(levels: int) -> Any:
    """Give lists and objects inside each other, as many levels deep as told."""
    value: Any = "core"
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value


DATA = {
    "null": None,
    "true": True,
    "false": False,
    "empty text": "",
    "empty list": [],
    "empty object": {},
    "every type": {"a": [1, -2.5, "x", True, False, None, {"b": []}]},
    "accents": {"né": "élève", "日本": "語"},
    "emoji": {"😀": "👩‍👩‍👧‍👦"},
    "quotes, backslashes, slashes": {'"\\/': "\"\\/</script>'"},
    "controls": "".join(map(chr, range(32))) + "\x7f\x80\x9f",
    "line separators": "\u2028\u2029",
    "byte order mark": "\ufeff",
    "non-characters": "\ufffe\uffff\U0010ffff",
    "lone high surrogate": "\ud800",
    "lone low surrogate": "a\udfffb",
    "surrogates in the wrong order": {"\udc00": "\udc00\ud800"},
    "separators of the seal": "Fe26.2*1*~2*",
    "keys that look like numbers": {"10": 1, "9": 2, "-1": 3, "": 4},
    "members of Object": {"constructor": 1, "toString": 2, "hasOwnProperty": 3, "then": 4},
    "200 levels": nested(200),
    "2.5 kB": "0123456789" * 250,
    "2.5 kB of three-byte characters": "日" * 833,
    **{f"{length} bytes about a cipher block": "x" * length for length in range(1, 18)},
}

NUMBERS = [
    0,
    -0.0,
    1,
    -1,
    1.0,
    0.1,
    -2.5,
    100.0,
    1e-7,
    1.5e-10,
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    1e16,
    123456789012345680000.0,
    1e20,
    1e21,
    1e22,
    0.30000000000000004,
    2**31,
    2**32,
    2**53 - 1,
    -(2**53 - 1),
]

AES_128_CTR = KeyOptions(algorithm="aes-128-ctr")
SLOW = KeyOptions(iterations=8192)
SLOW_MAC = KeyOptions(algorithm="sha256", iterations=8192)

OPTIONS = {
    "defaults": SealOptions(),
    "aes-128-ctr": SealOptions(encryption=AES_128_CTR),
    "8192 iterations": SealOptions(encryption=SLOW, integrity=SLOW_MAC),
    "8192 iterations of the encryption key only": SealOptions(encryption=SLOW),
    "8192 iterations of the mac key only": SealOptions(integrity=SLOW_MAC),
    "aes-128-ctr with 3 iterations": SealOptions(
        encryption=KeyOptions(algorithm="aes-128-ctr", iterations=3)
    ),
    "salts of 128 bits": SealOptions(
        encryption=KeyOptions(salt_bits=128),
        integrity=KeyOptions(algorithm="sha256", salt_bits=128),
    ),
    "salts of 8 and 512 bits": SealOptions(
        encryption=KeyOptions(salt_bits=8),
        integrity=KeyOptions(algorithm="sha256", salt_bits=512),
    ),
    "time to live": SealOptions(ttl=900),
    "a clock ahead on both sides": SealOptions(ttl=1, localtime_offset=86400),
    "a clock behind on both sides": SealOptions(ttl=1, localtime_offset=-86400.5),
}

SECRETS = {
    "text": PASSWORD,
    "bytes": bytes(range(32)),
    "text with an id": NamedPassword(id="main", secret=PASSWORD),
    "text with every character of an id": NamedPassword(id="_aZ09", secret=PASSWORD),
    "bytes with an id": NamedPassword(id="k1", secret=bytes(range(32))),
    "separate text": NamedPassword(encryption=PASSWORD, integrity=OTHER),
    "separate bytes": NamedPassword(encryption=b"e" * 32, integrity=b"i" * 32),
    "separate with an id": NamedPassword(id="two", encryption=PASSWORD, integrity=OTHER),
    "bytes to encrypt, text for the mac": NamedPassword(encryption=b"e" * 32, integrity=OTHER),
    "text to encrypt, bytes for the mac": NamedPassword(encryption=PASSWORD, integrity=b"i" * 32),
}

# JavaScript joins a high surrogate and a low one that follows into one character.
json_text = st.text(st.characters(exclude_categories=())).map(
    lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
)


def here(password: Password) -> str | bytes | Secret:
    """Give a password as the Python side takes it."""
    return password.here if isinstance(password, NamedPassword) else password


def doubles(data: Any) -> Any:
    """Read long integers as JavaScript does: it writes 1.2e20 in digits, too, as an integer."""
    match data:
        case dict():
            return {key: doubles(value) for key, value in data.items()}
        case list():
            return [doubles(value) for value in data]
        case int() if abs(data) >= 2**53:
            return float(data)
    return data


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53 - 1), 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | json_text,
    # The key `__proto__` is refused: see test_where_implementations_differ.py.
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(json_text.filter(lambda key: key != "__proto__"), inner, max_size=5)
    ),
    max_leaves=20,
)

seals_many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS)
def test_a_seal_from_node_opens_here_whatever_the_password_is_made_of(
    peer: Peer, password: str
) -> None:
    """The same key comes out of a password in both languages, when Node seals."""
    assert peer.unseal_here(peer.seal_there({"a": 1}, password), password) == {"a": 1}


@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS)
def test_node_opens_a_seal_from_here_whatever_the_password_is_made_of(
    peer: Peer, password: str
) -> None:
    """The same key comes out of a password in both languages, when Python seals."""
    assert peer.unseal_there(peer.seal_here({"a": 1}, password), password) == {"a": 1}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_data_sealed_by_node_comes_back_equal_here(peer: Peer, data: Any) -> None:
    """Every JSON value survives the way from Node to Python."""
    opened = peer.unseal_here(peer.seal_there({"value": data}, PASSWORD), PASSWORD)
    assert opened == {"value": data}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_data_sealed_here_comes_back_equal_in_node(peer: Peer, data: Any) -> None:
    """Every JSON value survives the way from Python to Node."""
    opened = peer.unseal_there(peer.seal_here({"value": data}, PASSWORD), PASSWORD)
    assert opened == {"value": data}


@pytest.mark.parametrize("name", [name for name in DATA if name != "keys that look like numbers"])
def test_the_plaintext_sealed_here_is_the_one_that_javascript_writes(
    driver: Driver, name: str
) -> None:
    """The JSON text in a seal costs the same cookie bytes in both languages."""
    text = seal(DATA[name], PASSWORD)
    assert driver.plaintext(text, PASSWORD) == driver.stringify(DATA[name])


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_sealed_by_node_comes_back_equal_here(peer: Peer, number: float) -> None:
    """Numbers up to the edges of a double survive the way from Node to Python."""
    opened = peer.unseal_here(peer.seal_there({"n": number}, PASSWORD), PASSWORD)
    assert doubles(opened) == {"n": number}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_sealed_here_comes_back_equal_in_node(peer: Peer, number: float) -> None:
    """Numbers up to the edges of a double survive the way from Python to Node."""
    opened = peer.unseal_there(peer.seal_here({"n": number}, PASSWORD), PASSWORD)
    assert doubles(opened) == {"n": number}


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("data", [None, True, 0, 1.5, "", "text", [], [1, [2]], {}], ids=json.dumps)
def test_the_protocol_carries_a_bare_value_both_ways(
    driver: Driver, package: str, data: Any
) -> None:
    """Beneath iron-session any JSON value can be sealed, not only an object."""
    assert unseal(driver.seal(package, data, PASSWORD), PASSWORD) == data
    assert driver.unseal(package, seal(data, PASSWORD), PASSWORD) == data


@seals_many
@given(data=json_values)
def test_any_json_from_node_opens_here(peer: Peer, data: Any) -> None:
    """Data of any shape survives the way from Node to Python."""
    opened = peer.unseal_here(peer.seal_there({"value": data}, PASSWORD), PASSWORD)
    assert doubles(opened) == {"value": data}


@seals_many
@given(data=json_values)
def test_node_opens_any_json_from_here(peer: Peer, data: Any) -> None:
    """Data of any shape survives the way from Python to Node."""
    opened = peer.unseal_there(peer.seal_here({"value": data}, PASSWORD), PASSWORD)
    assert doubles(opened) == {"value": data}


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_seal_from_node_opens_here_with_the_same_options(
    driver: Driver, package: str, options: SealOptions
) -> None:
    """Each option of the protocol means here what it means in JavaScript, when Node seals."""
    text = driver.seal(package, {"a": 1}, PASSWORD, options)
    assert unseal(text, PASSWORD, options) == {"a": 1}


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_node_opens_a_seal_from_here_with_the_same_options(
    driver: Driver, package: str, options: SealOptions
) -> None:
    """Each option of the protocol means here what it means in JavaScript, when Python seals."""
    text = seal({"a": 1}, PASSWORD, options)
    assert driver.unseal(package, text, PASSWORD, options) == {"a": 1}


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("name", [name for name in OPTIONS if name.startswith("salts")])
def test_salts_have_the_same_length_on_both_sides(driver: Driver, package: str, name: str) -> None:
    """A number of salt bits gives as many hex characters here as in JavaScript."""
    there = driver.seal(package, {}, PASSWORD, OPTIONS[name]).split("*")
    here = seal({}, PASSWORD, OPTIONS[name]).split("*")
    assert [len(here[2]), len(here[6])] == [len(there[2]), len(there[6])]


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("name", [name for name in OPTIONS if "iterations" in name])
def test_a_seal_from_node_with_more_iterations_does_not_open_with_one(
    driver: Driver, package: str, name: str
) -> None:
    """The number of iterations reaches the key: with another number the seal stays shut."""
    text = driver.seal(package, {"a": 1}, PASSWORD, OPTIONS[name])
    with pytest.raises(UnsealError) as caught:
        unseal(text, PASSWORD)
    assert caught.value.reason == "invalid"


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_seal_from_node_opens_here_with_any_kind_of_password(
    driver: Driver, package: str, secret: Password
) -> None:
    """Text, bytes, ids and separate keys give the same keys on both sides, when Node seals."""
    text = driver.seal(package, {"a": 1}, secret)
    assert unseal(text, here(secret)) == {"a": 1}


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_node_opens_a_seal_from_here_with_any_kind_of_password(
    driver: Driver, package: str, secret: Password
) -> None:
    """Text, bytes, ids and separate keys give the same keys on both sides, when Python seals."""
    text = seal({"a": 1}, here(secret))
    there = {secret.id or "default": secret} if isinstance(secret, NamedPassword) else secret
    assert driver.unseal(package, text, there) == {"a": 1}


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("id", ["", "1", "main", "default"])
def test_a_hash_of_passwords_opens_seals_by_id_on_both_sides(
    driver: Driver, package: str, id: str
) -> None:
    """A mapping is searched for the id of the seal, and for `default` when it has none."""
    secret = NamedPassword(id=id, secret=PASSWORD)
    passwords = {"other": OTHER, "1": OTHER, "main": OTHER, "default": OTHER}
    passwords[id or "default"] = PASSWORD
    assert unseal(driver.seal(package, {"a": 1}, secret), passwords) == {"a": 1}
    assert driver.unseal(package, seal({"a": 1}, secret.here), passwords) == {"a": 1}


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
def test_a_hash_of_bytes_and_separate_keys_opens_seals_on_both_sides(
    driver: Driver, package: str
) -> None:
    """The entries of a mapping can be of any kind."""
    passwords: dict[str, Password] = {
        "raw": bytes(range(32)),
        "two": NamedPassword(encryption=PASSWORD, integrity=OTHER),
        "one": NamedPassword(secret=PASSWORD),
    }
    passwords_here = {id: here(password) for id, password in passwords.items()}
    sealing = [
        NamedPassword(id="raw", secret=bytes(range(32))),
        NamedPassword(id="two", encryption=PASSWORD, integrity=OTHER),
        NamedPassword(id="one", secret=PASSWORD),
    ]
    for secret in sealing:
        assert unseal(driver.seal(package, secret.id, secret), passwords_here) == secret.id
        assert driver.unseal(package, seal(secret.id, secret.here), passwords) == secret.id


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("id", ["", "missing"])
def test_both_sides_refuse_a_seal_whose_id_no_password_has(
    driver: Driver, package: str, id: str
) -> None:
    """A mapping without the id of the seal is not searched further."""
    secret = NamedPassword(id=id, secret=PASSWORD)
    with pytest.raises(UnsealError) as caught:
        unseal(driver.seal(package, {}, secret), {"main": PASSWORD})
    assert caught.value.reason == "unknown-password"
    with pytest.raises(NodeError, match="Cannot find password"):
        driver.unseal(package, seal({}, secret.here), {"main": PASSWORD})


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize("password", [OTHER, b"k" * 32], ids=["text", "bytes"])
def test_both_sides_refuse_a_seal_of_another_password(
    driver: Driver, package: str, password: str | bytes
) -> None:
    """A wrong password fails at the mac."""
    with pytest.raises(UnsealError) as caught:
        unseal(driver.seal(package, {}, PASSWORD), password)
    assert caught.value.reason == "invalid"
    with pytest.raises(NodeError, match="Bad hmac value"):
        driver.unseal(package, seal({}, PASSWORD), password)


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize(("age", "opens"), [(0, True), (50, True), (70, False), (86400, False)])
def test_both_sides_give_an_expired_seal_the_same_60_seconds(
    driver: Driver, package: str, age: int, opens: bool
) -> None:
    """A seal that expired less than the clock skew ago still opens, on both sides."""
    expired = SealOptions(ttl=1, localtime_offset=-age - 1)
    there, here = (
        driver.seal(package, {"a": 1}, PASSWORD, expired),
        seal({"a": 1}, PASSWORD, expired),
    )
    if opens:
        assert unseal(there, PASSWORD) == driver.unseal(package, here, PASSWORD) == {"a": 1}
        return
    with pytest.raises(UnsealError) as caught:
        unseal(there, PASSWORD)
    assert caught.value.reason == "expired"
    with pytest.raises(NodeError, match="Expired seal"):
        driver.unseal(package, here, PASSWORD)


@pytest.mark.parametrize("package", PROTOCOL_PACKAGES)
@pytest.mark.parametrize(("skew", "opens"), [(0, False), (300, True)])
def test_both_sides_honour_a_clock_skew_of_ones_own(
    driver: Driver, package: str, skew: int, opens: bool
) -> None:
    """The skew that the reader names decides, on both sides."""
    expired = SealOptions(ttl=1, localtime_offset=-100)
    reader = SealOptions(timestamp_skew=skew)
    there, here = driver.seal(package, 1, PASSWORD, expired), seal(1, PASSWORD, expired)
    if opens:
        assert (
            unseal(there, PASSWORD, reader) == driver.unseal(package, here, PASSWORD, reader) == 1
        )
        return
    with pytest.raises(UnsealError):
        unseal(there, PASSWORD, reader)
    with pytest.raises(NodeError, match="Expired seal"):
        driver.unseal(package, here, PASSWORD, reader)


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_iron_session_seals_end_with_the_same_suffix(driver: Driver, package: str) -> None:
    """The suffix of a sealed session is `~2` on both sides, and nothing else follows the mac."""
    shape = re.compile(
        r"Fe26\.2\*1\*[0-9a-f]{64}\*[\w-]{22}\*[\w-]+\*[1-9]\d{12}\*[0-9a-f]{64}\*[\w-]{43}~2",
        re.ASCII,
    )
    assert shape.fullmatch(driver.seal_data(package, {"a": 1}, PASSWORD))
    assert shape.fullmatch(seal_data({"a": 1}, password=PASSWORD))


@pytest.mark.parametrize("suffix", ["", "~", "~1", "~2", "~3", "~2~2", "~constructor", "~é", "~*"])
def test_what_follows_the_tilde_never_matters_here_or_in_version_9(
    driver: Driver, suffix: str
) -> None:
    """The suffix is outside the mac, so neither side decides anything by it."""
    there = driver.seal_data("iron-session-9", {"a": 1}, PASSWORD).partition("~")[0] + suffix
    here = seal_data({"a": 1}, password=PASSWORD).partition("~")[0] + suffix
    assert unseal_data(there, password=PASSWORD) == {"a": 1}
    assert driver.unseal_data("iron-session-9", here, PASSWORD).data == {"a": 1}


def now() -> int:
    """Give the time as it stands in a seal."""
    return time.time_ns() // 1_000_000


@pytest.mark.parametrize("package", SESSION_PACKAGES)
@pytest.mark.parametrize("ttl", [1, 900, 1209600, 0.5, 1.001, 86400 * 365 * 100])
def test_a_time_to_live_gives_the_same_expiration_on_both_sides(
    driver: Driver, package: str, ttl: float
) -> None:
    """Seconds in the API are milliseconds on the wire, counted from now."""
    before = now() + round(ttl * 1000)
    there = driver.seal_data(package, {}, PASSWORD, ttl=ttl).split("*")[5]
    here = seal_data({}, password=PASSWORD, ttl=ttl).split("*")[5]
    after = now() + round(ttl * 1000)
    assert before <= int(there) <= int(here) <= after


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_a_time_to_live_of_nought_never_expires_on_either_side(
    driver: Driver, package: str
) -> None:
    """A ttl of 0 leaves the expiration empty, and opens on the other side."""
    there = driver.seal_data(package, {"a": 1}, PASSWORD, ttl=0)
    here = seal_data({"a": 1}, password=PASSWORD, ttl=0)
    assert there.split("*")[5] == here.split("*")[5] == ""
    assert unseal_data(there, password=PASSWORD) == {"a": 1}
    assert driver.unseal_data(package, here, PASSWORD).data == {"a": 1}


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_without_a_time_to_live_both_sides_give_14_days(driver: Driver, package: str) -> None:
    """The default lifetime is the same."""
    before = now() + 14 * 86400 * 1000
    there = driver.seal_data(package, {}, PASSWORD).split("*")[5]
    here = seal_data({}, password=PASSWORD).split("*")[5]
    after = now() + 14 * 86400 * 1000
    assert before <= int(there) <= int(here) <= after


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_an_expired_session_from_node_is_told_as_expired(driver: Driver, package: str) -> None:
    """A seal that Node wrote for the past does not open here."""
    with pytest.raises(UnsealError) as caught:
        unseal_data(driver.seal_data(package, {"a": 1}, PASSWORD, ttl=-120), password=PASSWORD)
    assert caught.value.reason == "expired"


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_node_gives_an_empty_session_for_an_expired_seal_from_here(
    driver: Driver, package: str
) -> None:
    """A seal that we wrote for the past does not open in Node."""
    text = seal(
        {"a": 1},
        Secret("1", PASSWORD),
        SealOptions(ttl=1, localtime_offset=-120),
    )
    unsealed = driver.unseal_data(package, f"{text}~2", PASSWORD)
    assert unsealed.data == {}
    assert unsealed.reason == ("expired" if package == "iron-session-9" else None)


@pytest.mark.parametrize("package", SESSION_PACKAGES)
@pytest.mark.parametrize(
    "passwords",
    [{1: OLD}, {1: OLD, 2: PASSWORD}, {9: OLD, 10: PASSWORD}, {0: PASSWORD}, {7: OLD, 3: OTHER}],
    ids=["one", "two", "two digits", "nought", "unordered"],
)
def test_the_highest_id_seals_on_both_sides(
    driver: Driver, package: str, passwords: dict[int, str]
) -> None:
    """A rotation map seals with the same entry, and opens what the other side sealed."""
    there = driver.seal_data(package, {"a": 1}, passwords)
    here = seal_data({"a": 1}, password=passwords)
    assert there.split("*")[1] == here.split("*")[1] == str(max(passwords))
    assert unseal_data(there, password=passwords) == {"a": 1}
    assert driver.unseal_data(package, here, passwords).data == {"a": 1}


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_a_seal_by_an_old_password_opens_on_both_sides_after_rotation(
    driver: Driver, package: str
) -> None:
    """A single password is id 1 on both sides, so a map with id 1 opens what it sealed."""
    rotated = {1: OLD, 2: PASSWORD}
    assert unseal_data(driver.seal_data(package, {"a": 1}, OLD), password=rotated) == {"a": 1}
    here = seal_data({"a": 1}, password=OLD)
    assert driver.unseal_data(package, here, rotated).data == {"a": 1}


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_passwords_of_the_environment_open_seals_from_node(driver: Driver, package: str) -> None:
    """A Passwords object stands for the same map."""
    text = driver.seal_data(package, {"a": 1}, {1: OLD, 2: PASSWORD})
    assert unseal_data(text, password=Passwords({1: OLD, 2: PASSWORD})) == {"a": 1}


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_both_sides_refuse_a_seal_whose_password_was_retired(driver: Driver, package: str) -> None:
    """Once an id has left the map, its seals are of an unknown password."""
    with pytest.raises(UnsealError) as caught:
        unseal_data(driver.seal_data(package, {}, {1: OLD}), password={2: PASSWORD})
    assert caught.value.reason == "unknown-password"
    unsealed = driver.unseal_data(package, seal_data({"a": 1}, password={1: OLD}), {2: PASSWORD})
    assert unsealed.data == {}
    assert unsealed.reason == ("unknown-password" if package == "iron-session-9" else None)


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_node_keeps_the_purpose_of_a_seal_as_an_ordinary_property(
    driver: Driver, package: str
) -> None:
    """JavaScript reads a purposed seal, and shows its purpose as the member `$iron`."""
    text = seal_data({"user": 1}, password=PASSWORD, purpose="magic-link")
    unsealed = driver.unseal_data(package, text, PASSWORD)
    assert unsealed.data == {"user": 1, "$iron": {"for": "magic-link"}}


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_a_purpose_written_by_node_is_honoured_here(driver: Driver, package: str) -> None:
    """JavaScript can write a purposed seal, by the same member."""
    data = {"user": 1, "$iron": {"for": "magic-link"}}
    text = driver.seal_data(package, data, PASSWORD)
    assert unseal_data(text, password=PASSWORD, purpose="magic-link") == {"user": 1}
    with pytest.raises(UnsealError) as caught:
        unseal_data(text, password=PASSWORD)
    assert caught.value.reason == "purpose"


@pytest.mark.parametrize("package", SESSION_PACKAGES)
def test_a_seal_from_node_has_no_purpose(driver: Driver, package: str) -> None:
    """A plain seal of JavaScript is refused where a purpose is asked for."""
    with pytest.raises(UnsealError) as caught:
        unseal_data(
            driver.seal_data(package, {"user": 1}, PASSWORD),
            password=PASSWORD,
            purpose="magic-link",
        )
    assert caught.value.reason == "purpose"
