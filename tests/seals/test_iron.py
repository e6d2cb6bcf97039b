"""The Fe26.2 protocol: each part of a seal, each option, and the order of the checks."""

import copy
import hmac
import inspect
import pickle
import tracemalloc
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from datetime import timedelta
from typing import Any

import pytest

from iron_session import ConfigurationError, NotSerializableError, UnsealError, _speedups
from iron_session.seals import KeyOptions, SealOptions, Secret, _crypto, seal, unseal
from iron_session.seals._encoding import base64url_decode, base64url_encode
from iron_session.seals.iron import DEFAULTS, open_seal, seal_bytes
from tests.helpers.clock import Clock
from tests.helpers.seals import NODE_DATA, OTHER, PASSWORD, ByHand, aes_cbc, base64url, told_by

KEY_16, KEY_32 = b"0123456789abcdef", b"0123456789abcdef0123456789abcdef"
CTR = KeyOptions(algorithm="aes-128-ctr")
NOW = 1_700_000_000_000

# Made by Node.js 24.
HAPI = (  # @hapi/iron 7.0.1, its defaults
    "Fe26.2**3db9510bed8c5cb7d5608d2edebbc6e5f3fa83a5f11576f7b9f5f65aba469772*lVdG1xMDB3Nch8MrE"
    "Xf_Eg*-tiWY9Sl9RJfZiGmO72lccH5cE2krOibcBIytSN906yGsP6ETvDRRo7Aq01_kPYxq9XuUiF2Vx97PPzzoVKB"
    "23FpYbINfujZyQ8NghWpgGjB_cFiN6Y7Wp5KaZckj6YdoSgvnioPlcrAVdx5HSZdnpoN_EMNNbuhOaSu30fW5mU**6"
    "53cb1e5dd4c6aa47420c4774fa384e228f69b05f3ad1a6a6de649c110edb7b8*Ul2ARLJyhzO7uhfoyVeAvD3Rn1"
    "Ay2u0aw454VQ6GD2w"
)
HAPI_TTL = (  # the same, with a ttl; expires at HAPI_EXPIRES
    "Fe26.2**58c41c77e885438092e4c5337b8f5384517c3936d19b4dbf1230fd215bd21a6a*iDktLkSgzGCr_PD08"
    "UrxoA*USWX1yMHMhrFETNG2DKTZw*1795465686869*425c301f81ef32a0ca8b956aa53dd3e7a39c9a612b387af"
    "48697a20422af170e*eKmfzRIkX6hTA3LnzGD4teskP_ZYHT18UQ1BkfOTvow"
)
HAPI_EXPIRES = 1795465686869
HAPI_CTR = (  # id key_1, aes-128-ctr, salts of 128 and 64 bits, 3 and 2 iterations
    "Fe26.2*key_1*ad1cb23094b329f8c091f95ee0cfe47e*HERPLfigL4PPRXVBRWtuIQ*o4RDUo0euA**bdde8f907"
    "5b125f1*KAlSeP3dYpRYDmaSmZ2hJjEofhZz0H6lFhmGGO9KKh0"
)
HAPI_BYTES = (  # id b, KEY_32 to encrypt and PASSWORD for the mac
    "Fe26.2*b**rnh67uWpzpf0SPx6mgRC1Q*62pOJM5Z684lFCrEsK1CAA**1598b703a9c08ae8daa93b6a2d9139c98"
    "6c3d6a0493c5f1df1ee954799ddffff*63LvoLynKV4LySDHPu2_cH9MoBR70pBwvMM5P58h5ks"
)


def counting(size: int) -> bytes:
    """Stand for randomness: 0, 1, 2, …"""
    return bytes(range(size))


def parts_of(text: str) -> list[str]:
    return text.split("*")


def refusal(text: str, password: Any = PASSWORD, options: SealOptions = DEFAULTS) -> UnsealError:
    """Give the error of a seal that does not open."""
    with pytest.raises(UnsealError) as caught:
        unseal(text, password, options)
    return caught.value


# --- byte for byte ---------------------------------------------------------------------------


@pytest.mark.parametrize("expires", [None, 0, NOW])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 3000])
def test_a_seal_is_made_of_its_parts(size: int, expires: int | None) -> None:
    """Of the random bytes the first salt comes first, then the mac's, then the iv."""
    plaintext = b"x" * size
    made = seal_bytes(plaintext, Secret("7", PASSWORD), DEFAULTS, expires, counting)
    assert made == (
        ByHand(
            plaintext,
            id="7",
            expiration="" if expires is None else str(expires),
            salt=counting(32).hex(),
            mac_salt=counting(80)[32:64].hex(),
            iv=counting(80)[64:],
        ).text
    )


def test_a_seal_with_every_option_is_made_of_its_parts() -> None:
    """Each key has its own password, salt size and iterations."""
    options = SealOptions(
        encryption=KeyOptions(algorithm="aes-128-ctr", salt_bits=64, iterations=3),
        integrity=KeyOptions(algorithm="sha256", salt_bits=136, iterations=2),
    )
    secret = Secret("a_1", encryption=PASSWORD, integrity=OTHER)
    made = seal_bytes(b'{"a":"\xc3\xa9"}', secret, options, NOW, counting)
    assert made == (
        ByHand(
            b'{"a":"\xc3\xa9"}',
            id="a_1",
            expiration=str(NOW),
            integrity=OTHER,
            salt=counting(8).hex(),
            mac_salt=counting(25)[8:].hex(),
            iv=counting(41)[25:],
            ctr=True,
            iterations=3,
            mac_iterations=2,
        ).text
    )


@pytest.mark.parametrize(
    ("encryption", "integrity", "salt", "mac_salt", "iv"),
    [
        (KEY_32, KEY_32, "", "", counting(16)),
        (KEY_32, PASSWORD, "", counting(32).hex(), counting(48)[32:]),
        (PASSWORD, KEY_32, counting(32).hex(), "", counting(48)[32:]),
        (PASSWORD, b"k" * 100, counting(32).hex(), "", counting(48)[32:]),
    ],
)
def test_a_key_in_bytes_takes_no_salt(
    encryption: str | bytes, integrity: str | bytes, salt: str, mac_salt: str, iv: bytes
) -> None:
    secret = Secret("b", encryption=encryption, integrity=integrity)
    made = seal_bytes(b'{"a":1}', secret, DEFAULTS, None, counting)
    by_hand = ByHand(
        id="b", encryption=encryption, integrity=integrity, salt=salt, mac_salt=mac_salt, iv=iv
    )
    assert made == by_hand.text
    assert unseal(made, secret) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "password", "options", "data"),
    [
        (HAPI, PASSWORD, DEFAULTS, NODE_DATA),
        (HAPI, {"default": PASSWORD}, DEFAULTS, NODE_DATA),
        (
            HAPI_CTR,
            {"key_1": PASSWORD},
            SealOptions(
                encryption=KeyOptions(algorithm="aes-128-ctr", salt_bits=128, iterations=3),
                integrity=KeyOptions(algorithm="sha256", salt_bits=64, iterations=2),
            ),
            {"a": 1},
        ),
        (HAPI_BYTES, Secret("b", encryption=KEY_32, integrity=PASSWORD), DEFAULTS, {"a": 1}),
    ],
)
def test_a_seal_that_node_made_opens(
    text: str, password: Any, options: SealOptions, data: Any
) -> None:
    assert unseal(text, password, options) == data


def test_a_seal_that_node_made_expires(clock: Clock) -> None:
    clock.now = HAPI_EXPIRES + 59_999
    assert unseal(HAPI_TTL, PASSWORD) == {"a": 1}
    clock.now = HAPI_EXPIRES + 60_000
    assert refusal(HAPI_TTL).reason == "expired"


# --- sealing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["aes-256-cbc", "aes-128-ctr"])
@pytest.mark.parametrize("data", [None, 0, "", [], {}, {"a": [1, "é"]}, "x" * 5000])
def test_what_was_sealed_is_unsealed(data: Any, algorithm: Any) -> None:
    options = SealOptions(encryption=KeyOptions(algorithm=algorithm))
    assert unseal(seal(data, PASSWORD, options), PASSWORD, options) == data


def test_a_seal_has_the_parts_of_its_kind() -> None:
    prefix, id_, salt, iv, ciphertext, expiration, mac_salt, mac = parts_of(seal({}, PASSWORD))
    assert (prefix, id_, expiration) == ("Fe26.2", "", "")
    sizes = [len(part) for part in (salt, iv, ciphertext, mac_salt, mac)]
    assert sizes == [64, 22, 22, 64, 43]


def test_no_two_seals_are_alike() -> None:
    """Both salts and the iv are new each time, and each its own."""
    one, two = parts_of(seal({}, PASSWORD)), parts_of(seal({}, PASSWORD))
    for place in (2, 3, 4, 6, 7):
        assert one[place] != two[place]
    assert one[2] != one[6]


@pytest.mark.parametrize(
    ("ttl", "life"),
    [(900, 900_000), (0.5, 500), (0.0001, 1), (timedelta(days=1), 86_400_000), (1e10, 10**13)],
)
def test_a_seal_says_when_it_expires(clock: Clock, ttl: Any, life: int) -> None:
    assert parts_of(seal({}, PASSWORD, SealOptions(ttl=ttl)))[5] == str(clock.now + life)


@pytest.mark.parametrize("ttl", [0, 0.0, timedelta(0)])
def test_a_ttl_of_0_never_expires(clock: Clock, ttl: Any) -> None:
    text = seal({"a": 1}, PASSWORD, SealOptions(ttl=ttl, localtime_offset=5))
    assert parts_of(text)[5] == ""
    clock.advance(1e9)
    assert unseal(text, PASSWORD) == {"a": 1}


@pytest.mark.parametrize("offset", [3600, -3600, timedelta(hours=-1), 0.25])
def test_the_offset_moves_this_machines_clock(clock: Clock, offset: Any) -> None:
    """Both when sealing and when unsealing."""
    options = SealOptions(ttl=10, localtime_offset=offset, timestamp_skew=0)
    text = seal({"a": 1}, PASSWORD, options)
    assert int(parts_of(text)[5]) == clock.now + options.offset_ms + 10_000
    clock.advance(9.999)
    assert unseal(text, PASSWORD, options) == {"a": 1}
    clock.advance(0.001)
    assert refusal(text, options=options).reason == "expired"


def test_own_encode_and_decode_are_used() -> None:
    """What they make and take is text."""
    options = SealOptions(encode=lambda data: f"<{data}>é", decode=lambda text: text[::-1])
    assert unseal(seal("abc", PASSWORD, options), PASSWORD, options) == "é>cba<"


@pytest.mark.parametrize("encoded", [None, b"bytes", 5, "\ud800", "a\udfffb"])
def test_what_is_encoded_to_no_text_is_refused(encoded: Any) -> None:
    with pytest.raises(NotSerializableError, match=r"^data was encoded to something that is not"):
        seal({}, PASSWORD, SealOptions(encode=lambda data: encoded))


@pytest.mark.parametrize("text", ["\ud7ff\ue000", "\U0010ffff", ""])
def test_what_is_encoded_to_any_text_is_sealed(text: str) -> None:
    options = SealOptions(encode=lambda data: text, decode=lambda decoded: decoded)
    assert unseal(seal({}, PASSWORD, options), PASSWORD, options) == text


class OwnError(Exception):
    pass


def fail(given: object) -> Any:
    raise OwnError


def test_an_own_coders_error_is_its_own() -> None:
    """An encoder's or decoder's exception passes through: only its author knows what it means."""
    with pytest.raises(OwnError):
        seal({}, PASSWORD, SealOptions(encode=fail))
    with pytest.raises(OwnError):
        unseal(seal({}, PASSWORD), PASSWORD, SealOptions(decode=fail))


def test_an_own_decoder_sees_authentic_text_only(clock: Clock) -> None:
    options = SealOptions(decode=fail)
    assert refusal(seal({}, OTHER), options=options).reason == "invalid"
    assert refusal(ByHand(expiration="1").text, options=options).reason == "expired"


def test_an_own_decoder_is_given_valid_unicode() -> None:
    """Invalid UTF-8 is refused before it, and does not hang on the error."""
    error = refusal(ByHand(b"hunter2 \xff").text, options=SealOptions(decode=fail))
    assert str(error) == "the seal's content is not UTF-8"
    assert error.__context__ is None
    assert "hunter2" not in told_by(error)


def test_data_that_can_not_be_written_is_named() -> None:
    with pytest.raises(NotSerializableError, match=r'^data\["a"\]\[1\] is a set'):
        seal({"a": [0, {1}]}, PASSWORD)


# --- options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"algorithm": "aes-128-cbc"}, "algorithm must be one of aes-256-cbc, aes-128-ctr, sha256"),
        ({"algorithm": None}, "algorithm must be one of"),
        ({"salt_bits": 0}, "salt_bits must be an int of at least 8"),
        ({"salt_bits": 7}, "salt_bits must be an int of at least 8"),
        ({"salt_bits": -8}, "salt_bits must be an int of at least 8"),
        ({"salt_bits": 8.0}, "salt_bits must be an int of at least 8"),
        ({"salt_bits": "256"}, "salt_bits must be an int of at least 8"),
        ({"salt_bits": 12}, "salt_bits must be a multiple of 8"),
        ({"salt_bits": 255}, "salt_bits must be a multiple of 8"),
        ({"iterations": 0}, "iterations must be an int of at least 1"),
        ({"iterations": True}, "iterations must be an int of at least 1"),
        ({"iterations": 1.0}, "iterations must be an int of at least 1"),
        ({"min_password_length": 0}, "min_password_length must be an int of at least 1"),
        ({"min_password_length": None}, "min_password_length must be an int of at least 1"),
    ],
)
def test_key_options_are_checked_when_they_are_made(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{problem}"):
        KeyOptions(**wrong)


@pytest.mark.parametrize(
    ("algorithm", "key_bytes"), [("aes-256-cbc", 32), ("aes-128-ctr", 16), ("sha256", 32)]
)
def test_key_options_know_the_size_of_the_key(algorithm: Any, key_bytes: int) -> None:
    options = KeyOptions(algorithm=algorithm, salt_bits=8, iterations=1, min_password_length=1)
    assert options.key_bytes == key_bytes


def test_the_defaults_are_those_of_hapi_iron() -> None:
    assert SealOptions() == DEFAULTS
    assert (DEFAULTS.encryption.algorithm, DEFAULTS.integrity.algorithm) == (
        "aes-256-cbc",
        "sha256",
    )
    for key in (DEFAULTS.encryption, DEFAULTS.integrity):
        assert (key.salt_bits, key.iterations, key.min_password_length) == (256, 1, 32)
    assert (DEFAULTS.ttl_ms, DEFAULTS.skew_ms, DEFAULTS.offset_ms) == (0, 60_000, 0)
    assert inspect.signature(seal).parameters["options"].default is DEFAULTS
    assert inspect.signature(unseal).parameters["options"].default is DEFAULTS


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"encryption": KeyOptions(algorithm="sha256")}, "encryption must use one of aes-256-cbc"),
        ({"integrity": KeyOptions()}, 'integrity must use "sha256"'),
        ({"integrity": CTR}, 'integrity must use "sha256"'),
        ({"ttl": -1}, "^ttl must not be negative"),
        ({"ttl": float("nan")}, "^ttl must be a finite number"),
        ({"ttl": float("inf")}, "^ttl must be a finite number"),
        ({"ttl": True}, "^ttl must be seconds"),
        ({"ttl": None}, "^ttl must be seconds"),
        ({"timestamp_skew": -1}, "^timestamp_skew must not be negative"),
        ({"timestamp_skew": "60"}, "^timestamp_skew must be seconds"),
        ({"localtime_offset": float("-inf")}, "^localtime_offset must be a finite number"),
        ({"localtime_offset": "0"}, "^localtime_offset must be seconds"),
    ],
)
def test_seal_options_are_checked_when_they_are_made(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{problem}"):
        SealOptions(**wrong)


@pytest.mark.parametrize(("options", "name"), [(KeyOptions(), "iterations"), (DEFAULTS, "ttl")])
def test_options_can_not_be_changed(options: Any, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(options, name, 5)


@pytest.mark.parametrize("options", [KeyOptions, SealOptions])
def test_options_are_given_by_name_and_hold_nothing_else(options: Any) -> None:
    with pytest.raises(TypeError, match="positional"):
        options("sha256")
    assert not hasattr(options(), "__dict__")


def test_options_show_what_was_chosen() -> None:
    """And nothing that is worked out of it: the text makes the same options again."""
    assert repr(SealOptions(integrity=KeyOptions(algorithm="sha256", iterations=2), ttl=5)) == (
        "SealOptions(encryption=KeyOptions(algorithm='aes-256-cbc', salt_bits=256, iterations=1, "
        "min_password_length=32), integrity=KeyOptions(algorithm='sha256', salt_bits=256, "
        "iterations=2, min_password_length=32), ttl=5, timestamp_skew=60, localtime_offset=0, "
        "encode=None, decode=None)"
    )


# --- passwords -------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", ["", "1", "a", "Z_9", "_", "key_" * 20])
def test_a_secret_has_an_id_of_word_characters(id_: str) -> None:
    secret = Secret(id_, PASSWORD)
    text = seal({"a": 1}, secret)
    assert parts_of(text)[1] == id_
    assert unseal(text, secret) == {"a": 1}
    assert unseal(text, {id_ or "default": secret}) == {"a": 1}


@pytest.mark.parametrize("id_", ["a*b", "a b", "a-b", "é", "٣", "a\n", "\n", "~", 1, None, b"a"])
def test_an_id_of_other_characters_is_refused(id_: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^a password's id must be ASCII letters"):
        Secret(id_, PASSWORD)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"encryption": PASSWORD},
        {"integrity": PASSWORD},
        {"secret": PASSWORD, "encryption": PASSWORD},
        {"secret": PASSWORD, "integrity": PASSWORD},
        {"secret": PASSWORD, "encryption": PASSWORD, "integrity": PASSWORD},
    ],
)
def test_a_secret_is_one_password_or_a_pair(given: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"^give either secret, or both"):
        Secret("1", **given)


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "must not be empty"),
        (b"", "must not be empty"),
        (bytearray(), "must not be empty"),
        (5, "must be str or bytes, not int"),
        (list(PASSWORD), "must be str or bytes, not list"),
        (memoryview(KEY_32), "must be str or bytes, not memoryview"),
        (PASSWORD + "\ud800", "has a lone surrogate"),
        ("\udfff" + PASSWORD, "has a lone surrogate"),
    ],
)
def test_a_password_that_can_not_work_is_refused(password: Any, problem: str) -> None:
    """By itself, as either of a pair, and in a mapping."""
    for use in (
        lambda: seal({}, password),
        lambda: unseal(HAPI, password),
        lambda: unseal(HAPI, {"default": PASSWORD, "2": password}),
        lambda: Secret("1", password),
        lambda: Secret("1", encryption=password, integrity=PASSWORD),
        lambda: Secret("1", encryption=PASSWORD, integrity=password),
    ):
        with pytest.raises(ConfigurationError, match=problem) as caught:
            use()
        assert PASSWORD not in told_by(caught.value)


def test_no_password_is_none() -> None:
    nothing: Any = None
    for use in (lambda: seal({}, nothing), lambda: unseal(HAPI, nothing)):
        with pytest.raises(ConfigurationError):
            use()


@pytest.mark.parametrize("password", ["x" * 31, "😀" * 15, "é" * 31, "日" * 31, "x"])
def test_a_short_password_is_refused(password: str) -> None:
    """It is counted as JavaScript counts, in UTF-16 units; the message tells only how many."""
    for use in (lambda: seal({}, password), lambda: unseal("no seal", password)):
        with pytest.raises(ConfigurationError) as caught:
            use()
        units = len(password.encode("utf-16-le")) // 2
        assert str(caught.value) == (
            f"the encryption password has {units} characters and needs at least 32: "
            "make one with `iron-session generate-password`"
        )


@pytest.mark.parametrize("password", ["x" * 32, "😀" * 16, "é" * 32, "x" * 64, "x" * 65, "é" * 999])
def test_a_long_password_is_used_whole(password: str) -> None:
    text = seal({"a": 1}, password)
    assert unseal(text, password) == {"a": 1}
    assert refusal(text, password + "x").reason == "invalid"


@pytest.mark.parametrize(
    ("encryption", "integrity", "refused"),
    [(8, 32, "integrity"), (32, 8, "encryption"), (9, 9, "encryption"), (8, 9, "integrity")],
)
def test_each_use_has_its_own_least_length(encryption: int, integrity: int, refused: str) -> None:
    options = SealOptions(
        encryption=KeyOptions(min_password_length=encryption),
        integrity=KeyOptions(algorithm="sha256", min_password_length=integrity),
    )
    with pytest.raises(ConfigurationError, match=rf"^the {refused} password has 8 characters"):
        seal({}, "8 chars.", options)


def test_the_least_length_can_be_lowered() -> None:
    options = SealOptions(
        encryption=KeyOptions(min_password_length=8),
        integrity=KeyOptions(algorithm="sha256", min_password_length=8),
    )
    assert unseal(seal({"a": 1}, "8 chars.", options), "8 chars.", options) == {"a": 1}


@pytest.mark.parametrize(
    ("encryption", "integrity", "options", "problem"),
    [
        (
            bytes(31),
            KEY_32,
            DEFAULTS,
            "encryption key has 31 bytes and aes-256-cbc needs exactly 32",
        ),
        (
            bytes(33),
            KEY_32,
            DEFAULTS,
            "encryption key has 33 bytes and aes-256-cbc needs exactly 32",
        ),
        (KEY_16, KEY_32, DEFAULTS, "encryption key has 16 bytes and aes-256-cbc needs exactly 32"),
        (
            bytes(15),
            KEY_32,
            SealOptions(encryption=CTR),
            "encryption key has 15 bytes and aes-128-ctr needs exactly 16",
        ),
        (
            bytes(17),
            KEY_32,
            SealOptions(encryption=CTR),
            "encryption key has 17 bytes and aes-128-ctr needs exactly 16",
        ),
        (KEY_32, bytes(31), DEFAULTS, "integrity key has 31 bytes and sha256 needs at least 32"),
        (PASSWORD, b"x", DEFAULTS, "integrity key has 1 bytes and sha256 needs at least 32"),
    ],
)
def test_a_key_in_bytes_has_the_size_that_its_use_needs(
    encryption: str | bytes, integrity: str | bytes, options: SealOptions, problem: str
) -> None:
    """A short *text* would be a password; a short key is a mistake that both sides must see."""
    secret = Secret("1", encryption=encryption, integrity=integrity)
    for use in (lambda: seal({}, secret, options), lambda: unseal("no seal", secret, options)):
        with pytest.raises(ConfigurationError, match=rf"^the {problem}$"):
            use()


@pytest.mark.parametrize("integrity", [bytes(32), bytes(33), bytes(64), bytes(65), bytes(1000)])
def test_a_mac_key_in_bytes_may_be_longer(integrity: bytes) -> None:
    secret = Secret("1", encryption=KEY_16, integrity=integrity)
    options = SealOptions(encryption=CTR)
    text = seal({"a": 1}, secret, options)
    assert parts_of(text)[2] == parts_of(text)[6] == ""
    assert unseal(text, secret, options) == {"a": 1}


def test_one_key_in_bytes_serves_both_uses() -> None:
    key: Any = bytearray(KEY_32)
    text = seal({"a": 1}, key)
    assert unseal(text, KEY_32) == {"a": 1}
    assert refusal(text, bytes(32)).reason == "invalid"


def test_separate_passwords_are_not_each_others() -> None:
    """The one decrypts, the other proves."""
    text = seal({"a": 1}, Secret("1", encryption=PASSWORD, integrity=OTHER))
    assert unseal(text, Secret("", encryption=PASSWORD, integrity=OTHER)) == {"a": 1}
    for wrong in (
        Secret("1", encryption=OTHER, integrity=PASSWORD),
        Secret("1", PASSWORD),
        Secret("1", OTHER),
    ):
        assert refusal(text, wrong).reason == "invalid"


def test_a_secret_needs_no_id() -> None:
    secret = Secret(encryption=PASSWORD, integrity=OTHER)
    assert secret.id == ""
    assert seal({"a": 1}, secret).startswith("Fe26.2**")


def test_a_secret_shows_its_id_only() -> None:
    assert repr(Secret("7", PASSWORD)) == "Secret(id='7')"
    assert str(Secret("", encryption=PASSWORD, integrity=OTHER)) == "Secret(id='')"


SECRETS = {
    "text": Secret("7", PASSWORD),
    "bytes": Secret("7", KEY_32),
    "a pair of texts": Secret("7", encryption=PASSWORD, integrity=OTHER),
    "a pair of both": Secret("7", encryption=KEY_32, integrity=OTHER),
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_copied_as_itself(secret: Secret) -> None:
    """Frameworks copy the options that hold it."""
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret
    assert copy.deepcopy({"a": [secret]})["a"][0] is secret


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_never_pickled(secret: Secret, protocol: int) -> None:
    """That would write the key out; the message names whose it is."""
    for holder in (secret, {"a": [secret]}):
        with pytest.raises(TypeError, match=r"^Secret can't be pickled") as caught:
            pickle.dumps(holder, protocol)
        assert PASSWORD not in told_by(caught.value)


# --- which password --------------------------------------------------------------------------

MAPPING = {"1": PASSWORD, "two": OTHER, "default": "the_default_password_of_32_or_more_characters"}


@pytest.mark.parametrize(
    ("id_", "password"),
    [("1", PASSWORD), ("two", OTHER), ("", MAPPING["default"]), ("default", MAPPING["default"])],
)
def test_a_mapping_gives_the_password_that_the_seal_names(id_: str, password: str) -> None:
    """`default` stands for a seal without an id."""
    assert unseal(ByHand(id=id_, encryption=password, integrity=password).text, MAPPING) == {"a": 1}


@pytest.mark.parametrize(
    ("id_", "password"), [("1", OTHER), ("two", PASSWORD), ("", PASSWORD), ("default", OTHER)]
)
def test_no_other_password_of_a_mapping_is_tried(id_: str, password: str) -> None:
    text = ByHand(id=id_, encryption=password, integrity=password).text
    assert refusal(text, MAPPING).reason == "invalid"


@pytest.mark.parametrize(
    "id_", ["3", "01", "TWO", "constructor", "__proto__", "__class__", "None", "items"]
)
def test_an_id_that_no_password_has_is_refused(id_: str) -> None:
    error = refusal(ByHand(id=id_).text, MAPPING)
    assert (error.reason, error.password_id) == ("unknown-password", id_)


@pytest.mark.parametrize("password", [{"1": PASSWORD}, {"": PASSWORD}])
def test_a_seal_without_an_id_needs_a_default(password: Mapping[str, str]) -> None:
    """As in JavaScript, where an empty id is looked up as `default`."""
    assert refusal(ByHand().text, password).reason == "unknown-password"


@pytest.mark.parametrize("id_", ["", "1", "anything", "with space", "é", "\n"])
def test_a_single_password_opens_whatever_id_is_named(id_: str) -> None:
    """But for an id that is not ASCII, which no seal has."""
    text = ByHand(id=id_).text
    if id_ == "é":
        assert refusal(text).reason == "invalid"
    else:
        assert unseal(text, PASSWORD) == unseal(text, Secret("2", PASSWORD)) == {"a": 1}


def test_a_mapping_may_hold_secrets_and_keys() -> None:
    mapping: dict[str, Any] = {
        "1": Secret("other", encryption=KEY_32, integrity=OTHER),
        "2": KEY_32,
        "3": PASSWORD,
    }
    for text in (
        seal({"a": 1}, Secret("1", encryption=KEY_32, integrity=OTHER)),
        seal({"a": 1}, Secret("2", KEY_32)),
        seal({"a": 1}, Secret("3", PASSWORD)),
    ):
        assert unseal(text, mapping) == {"a": 1}


@pytest.mark.parametrize("wrong", ["short", b"short", "", None, 5, Secret("", "short")])
@pytest.mark.parametrize("text", ["", "Fe26.2*1*******", ByHand(id="1").text, ByHand(id="9").text])
def test_every_password_of_a_mapping_is_checked(text: str, wrong: Any) -> None:
    """Whatever the text names: it must not choose which mistake is seen."""
    with pytest.raises(ConfigurationError):
        unseal(text, {"1": PASSWORD, "2": wrong})


def test_an_empty_mapping_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^the mapping of passwords is empty"):
        unseal(HAPI, {})


# --- not a seal ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "*******",
        "Fe26.2",
        HAPI[:-45],
        HAPI.rpartition("*")[0],
        HAPI + "*",
        HAPI + "*more",
        "*" + HAPI,
        " " + HAPI,
        "\ufeff" + HAPI,
        HAPI.replace("Fe26.2", "Fe26.1"),
        HAPI.replace("Fe26.2", "fe26.2"),
        HAPI.replace("Fe26.2", "Fe26.2 "),
        HAPI.replace("Fe26.2", "Fe26.2\n"),
        HAPI.replace("Fe26.2", "Fe26.20"),
        HAPI.replace("Fe26.2", ""),
        HAPI.replace("*", "\uff0a"),
        HAPI + "é",
        HAPI + "\ud800",
        "Fe26.2*\ud800******",
        "Fe26.2*é******",
        '{"a":1}',
        "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IV7pAx_Zmeo",
    ],
)
def test_a_text_of_another_form_is_refused(text: str) -> None:
    """With eight parts of which the first is the prefix, and in ASCII, it could be a seal."""
    error = refusal(text)
    assert str(error) == "not a seal: it does not have the eight parts of Fe26.2"
    assert (error.reason, error.password_id) == ("invalid", None)


@pytest.mark.parametrize("start", ["", "Fe26.2", HAPI])
def test_a_text_of_stars_is_refused_without_being_taken_apart(start: str) -> None:
    """A million pieces would take eight times the memory that the text has."""
    text = start + "*" * 1_000_000
    tracemalloc.start()
    try:
        error = refusal(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(error) == "not a seal: it does not have the eight parts of Fe26.2"
    assert peak < 3 * len(text)


def test_another_prefix_is_refused_even_when_its_mac_is_right() -> None:
    assert "eight parts" in str(refusal(ByHand(prefix="Fe26.3").text))


@pytest.mark.parametrize("text", [None, 5, HAPI.encode(), bytearray(HAPI.encode()), [HAPI], {}])
def test_what_is_not_text_is_the_callers_mistake(text: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^a seal is a str, not {type(text).__name__}"):
        unseal(text, PASSWORD)


@pytest.mark.parametrize("place", range(1, 8))
def test_each_part_is_under_the_mac(place: int) -> None:
    """A part of another seal by the same password does not fit, nor does a character more."""
    parts = parts_of(ByHand(id="1", expiration=f"9{NOW}0").text)
    others = parts_of(
        ByHand(
            b'{"b":2}',
            id="2",
            expiration=f"9{NOW}1",
            iv=bytes(16),
            salt="00" * 32,
            mac_salt="11" * 32,
        ).text
    )
    for part in (others[place], parts[place] + "0", parts[place][:-1], ""):
        changed = [*parts[:place], part, *parts[place + 1 :]]
        error = refusal("*".join(changed))
        assert (error.reason, str(error)) == (
            "invalid",
            "the seal was changed, or made with another password",
        )


@pytest.mark.parametrize("change", [lambda mac: mac + "=", lambda mac: mac + "\n", str.swapcase])
def test_a_mac_has_one_spelling(change: Any) -> None:
    head, _, mac = HAPI.rpartition("*")
    assert refusal(f"{head}*{change(mac)}").reason == "invalid"


def test_a_mac_of_the_other_alphabet_is_refused() -> None:
    """Padding, spare bits, `+` and `/` would each make a second text of one seal."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for count in range(40):
        text = ByHand(iv=bytes([count]) * 16).text
        head, _, mac = text.rpartition("*")
        assert unseal(text, PASSWORD) == {"a": 1}
        others = {
            mac.replace("-", "+"),
            mac.replace("_", "/"),
            mac[:-1] + alphabet[alphabet.index(mac[-1]) ^ 1],
            f"{mac}=",
        } - {mac}
        for other in others:
            assert refusal(f"{head}*{other}").reason == "invalid"


def test_the_mac_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def equal(ours: str, theirs: str) -> bool:
        compared.append((ours, theirs))
        return hmac.compare_digest(ours, theirs)

    monkeypatch.setattr(_speedups, "core", None)  # it has a comparison of its own
    monkeypatch.setattr(_crypto, "equal", equal)
    text = ByHand().text
    head, _, mac = text.rpartition("*")
    assert unseal(text, PASSWORD) == {"a": 1}
    assert refusal(f"{head}*wrong").reason == "invalid"
    assert compared == [(mac, mac), (mac, "wrong")]


# --- authentic, but not what a seal holds ----------------------------------------------------


@pytest.mark.parametrize(
    "iv_text", ["", "AAAA", "A" * 21, "A" * 23, "=" * 22, "A+/AAAAAAAAAAAAAAAAAAA"]
)
def test_an_authentic_seal_with_a_wrong_iv_is_refused(iv_text: str) -> None:
    error = refusal(ByHand(id="7", iv_text=iv_text).text)
    assert str(error) == "the seal can't be decrypted"
    assert (error.reason, error.password_id) == ("invalid", "7")


@pytest.mark.parametrize(
    "ciphertext",
    ["", "A", "AAAA", "A" * 21, base64url(bytes(15)), base64url(bytes(17)), "A" * 21 + "=", "A b"],
)
def test_an_authentic_seal_with_a_wrong_ciphertext_is_refused(ciphertext: str) -> None:
    error = refusal(ByHand(id="7", ciphertext=ciphertext).text)
    assert str(error) == "the seal can't be decrypted"
    assert error.__context__ is None, "its traceback would lead to the key"
    assert (error.reason, error.password_id) == ("invalid", "7")


@pytest.mark.parametrize("padding", [b"\x00" * 8, b"\x09" * 8, b"\x11" * 8, b"\x08" * 7 + b"\x09"])
def test_an_authentic_seal_with_wrong_padding_is_refused(padding: bytes) -> None:
    error = refusal(ByHand(b"hunter22").with_padding(padding))
    assert str(error) == "the seal can't be decrypted"
    assert "hunter22" not in told_by(error)


def test_an_authentic_seal_of_nothing_is_refused() -> None:
    assert str(refusal(ByHand(b"").text)) == "the seal's content is not JSON"


@pytest.mark.parametrize(
    "plaintext",
    [b"hunter2", b'{"hunter2":NaN}', b'\xef\xbb\xbf{"hunter2":1}', b'{"hunter2":"\xff"}'],
)
def test_an_authentic_seal_of_no_json_is_refused_without_showing_it(plaintext: bytes) -> None:
    error = refusal(ByHand(plaintext).text)
    assert error.reason == "invalid"
    assert "hunter2" not in told_by(error)
    assert error.__context__ is None


# --- expiration ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("skew", "skew_ms"),
    [(60, 60_000), (0, 0), (3600, 3_600_000), (0.5, 500), (timedelta(0, 1), 1000)],
)
def test_a_seal_opens_until_the_skew_has_passed(clock: Clock, skew: Any, skew_ms: int) -> None:
    """It has expired at the very moment: `exp <= now - skew`."""
    options = SealOptions(timestamp_skew=skew)
    last = ByHand(expiration=str(clock.now - skew_ms + 1)).text
    assert unseal(last, PASSWORD, options) == {"a": 1}
    late = ByHand(id="7", expiration=str(clock.now - skew_ms)).text
    error = refusal(late, options=options)
    assert (error.reason, error.password_id) == ("expired", "7")
    assert str(error) == "the seal has expired"


def test_a_life_ends_in_time(clock: Clock) -> None:
    text = seal({"a": 1}, PASSWORD, SealOptions(ttl=900))
    clock.advance(959.999)
    assert unseal(text, PASSWORD) == {"a": 1}
    clock.advance(0.001)
    assert refusal(text).reason == "expired"


@pytest.mark.parametrize("expiration", ["1", "9", "10", "1" * 12])
def test_a_short_expiration_is_long_ago(expiration: str) -> None:
    assert refusal(ByHand(expiration=expiration).text).reason == "expired"


@pytest.mark.parametrize("expiration", ["9" * 14, "1" + "0" * 20, "9" * 21])
def test_an_expiration_of_up_to_21_digits_is_read(expiration: str) -> None:
    """JavaScript writes larger numbers in another way."""
    secret = Secret("", PASSWORD)
    opened = open_seal(ByHand(expiration=expiration).text, secret, DEFAULTS, NOW)
    assert opened == (b'{"a":1}', "", int(expiration))


FUTURE = "9999999999999"


@pytest.mark.parametrize(
    "expiration",
    [
        "0",
        "00",
        f"0{FUTURE}",
        f"+{FUTURE}",
        f"-{FUTURE}",
        f" {FUTURE}",
        f"{FUTURE} ",
        f"{FUTURE}\n",
        f"\n{FUTURE}",
        f"{FUTURE}\r",
        "9_999_999_999_999",
        f"{FUTURE}.5",
        f"{FUTURE}.",
        "1e30",
        "0x9999999999999",
        "Infinity",
        "NaN",
        "null",
        "9" * 22,
        "1" + "0" * 21,
        "9" * 5000,
    ],
)
def test_an_expiration_that_is_not_a_plain_number_is_refused(expiration: str) -> None:
    """Even where the mac is right: another reader may take it for another time."""
    error = refusal(ByHand(id="7", expiration=expiration).text)
    assert str(error) == "not a seal: its expiration is not a number"
    assert (error.reason, error.password_id) == ("invalid", "7")


@pytest.mark.parametrize("zero", ["\u0660", "\u06f0", "\uff10", "\U0001d7ce"])
def test_an_expiration_in_other_digits_is_refused(zero: str) -> None:
    digits = "".join(chr(ord(zero) + int(digit)) for digit in FUTURE)
    assert refusal(ByHand(expiration=digits).text).reason == "invalid"


# --- the order of the checks -----------------------------------------------------------------


def broken(
    *, expiration: str = "", id_: str = "1", mac: bool = True, padding: bool = True
) -> tuple[str, dict[str, str]]:
    """Give a seal that fails at the steps that are named, and the passwords to open it with."""
    ciphertext = None if padding else base64url(bytes(16))
    text = ByHand(b"no JSON", id=id_, expiration=expiration, ciphertext=ciphertext).text
    if not mac:
        text = text[:-1] + ("A" if text[-1] != "A" else "E")
    return text, {"1": PASSWORD}


@pytest.mark.parametrize(
    ("steps", "reason", "message"),
    [
        ({"expiration": "x", "id_": "9", "mac": False, "padding": False}, "invalid", "expiration"),
        ({"expiration": "5", "id_": "9", "mac": False, "padding": False}, "expired", "expired"),
        ({"id_": "9", "mac": False, "padding": False}, "unknown-password", "not known"),
        ({"mac": False, "padding": False}, "invalid", "was changed"),
        ({"padding": False}, "invalid", "can't be decrypted"),
        ({}, "invalid", "not JSON"),
    ],
)
def test_the_first_failing_step_is_told(steps: dict[str, Any], reason: str, message: str) -> None:
    """Expiration, password, mac, decryption, JSON: the order of @hapi/iron."""
    error = refusal(*broken(**steps))
    assert error.reason == reason
    assert message in str(error)


def test_the_passwords_are_checked_before_the_text() -> None:
    with pytest.raises(ConfigurationError, match="needs at least 32"):
        unseal(ByHand(expiration="1").text, "short")


@pytest.mark.parametrize(
    "steps",
    [
        {"mac": False},
        {"mac": False, "padding": False},
        {"expiration": "5"},
        {"id_": "9"},
        {"expiration": "5", "mac": False},
    ],
)
def test_nothing_is_decrypted_before_it_has_proven_authentic(
    monkeypatch: pytest.MonkeyPatch, steps: dict[str, Any]
) -> None:
    """A reader that looks at the padding first could be asked what is inside, bit by bit."""

    def decrypt(*_: object) -> bytes:
        pytest.fail("decrypted what nobody has authenticated")

    text, passwords = broken(**steps)
    monkeypatch.setattr(_crypto, "decrypt", decrypt)
    refusal(text, passwords)


@pytest.mark.parametrize("steps", [{"expiration": "5"}, {"id_": "9"}])
def test_no_key_is_derived_for_a_seal_that_can_not_open(
    monkeypatch: pytest.MonkeyPatch, steps: dict[str, Any]
) -> None:
    """Garbage costs less than a good seal."""

    def derive(*_: object) -> bytes:
        pytest.fail("derived a key")

    text, passwords = broken(**steps)
    monkeypatch.setattr(_crypto.PasswordKey, "derive", derive)
    refusal(text, passwords)


def test_wrong_padding_is_seen_only_once_the_mac_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ciphertext that never reached the cipher above reaches it here."""
    seen = []
    original = _crypto.decrypt

    def decrypt(algorithm: str, key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
        seen.append(ciphertext)
        return original(algorithm, key, iv, ciphertext)

    monkeypatch.setattr(_crypto, "decrypt", decrypt)
    refusal(*broken(padding=False))
    assert seen == [bytes(16)]


# --- what an error tells ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id_", "told"),
    [
        ("7", "7"),
        ("a_Z9", "a_Z9"),
        ("x" * 32, "x" * 32),
        ("x" * 33, None),
        ("x" * 5000, None),
        ("7\n", None),
        ("\n", None),
        ("a b", None),
        ("a\x1b[31m", None),
        ("<script>", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("expiration", ["", "5", "x"])
def test_an_id_is_told_only_where_it_has_the_form_of_one(
    id_: str, told: str | None, expiration: str
) -> None:
    """It is anybody's text, on its way into a log."""
    text = ByHand(id=id_, expiration=expiration).text
    error = refusal(text, {"1": PASSWORD})
    assert error.password_id == told
    assert len(id_) < 4 or id_ not in str(error)


@pytest.mark.parametrize(
    "password",
    [OTHER, {"1": OTHER}, {"1": PASSWORD}, Secret("1", encryption=OTHER, integrity=OTHER)],
)
@pytest.mark.parametrize("expiration", ["", "5"])
def test_no_error_gives_a_password_or_the_seal_away(password: Any, expiration: str) -> None:
    text = ByHand(id="1", expiration=expiration).text[:-1] + "~"
    told = told_by(refusal(text, password))
    for secret in (PASSWORD, OTHER, *parts_of(text)[2:5], *parts_of(text)[6:]):
        assert secret not in told


# --- beneath ---------------------------------------------------------------------------------


def test_an_opened_seal_tells_its_content_and_its_frame() -> None:
    secrets = {"1": Secret("1", PASSWORD)}
    opened = open_seal(ByHand(id="1", expiration=str(NOW)).text, secrets, DEFAULTS, NOW)
    assert (opened.plaintext, opened.password_id, opened.expires) == (b'{"a":1}', "1", NOW)
    assert open_seal(ByHand(id="1").text, secrets, DEFAULTS, NOW).expires is None


def test_the_random_bytes_of_a_seal_are_drawn_at_once() -> None:
    """As many as two salts and an iv need: none serves twice."""
    asked = []

    def source(size: int) -> bytes:
        asked.append(size)
        return counting(size)

    seal_bytes(b"{}", Secret("", PASSWORD), DEFAULTS, None, source)
    assert asked == [32 + 32 + 16]


def test_the_same_key_and_iv_give_the_same_ciphertext() -> None:
    """Nothing else of a seal is random."""
    one = seal_bytes(b"{}", Secret("", KEY_32), DEFAULTS, None, counting)
    assert parts_of(one)[3] == base64url(counting(16))
    assert parts_of(one)[4] == base64url(aes_cbc(KEY_32, counting(16), b"{}" + b"\x0e" * 14))


def test_ids_of_a_mapping_must_be_text() -> None:
    """An int would never match, and the text would be blamed for it."""
    with pytest.raises(ConfigurationError, match=r"^password ids are text"):
        unseal(seal(1, PASSWORD), {1: PASSWORD})  # type: ignore[dict-item]  # wrong on purpose


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"encryption": None}, "encryption must be KeyOptions"),
        ({"integrity": "sha256"}, "integrity must be KeyOptions"),
        ({"encode": "x"}, "encode must be a function"),
        ({"decode": "x"}, "decode must be a function"),
    ],
)
def test_options_of_a_wrong_type_are_refused_when_they_are_built(
    options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{problem}"):
        SealOptions(**options)


def test_an_algorithm_that_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^algorithm must be one of"):
        KeyOptions(algorithm=[])  # type: ignore[arg-type]  # wrong on purpose


def test_a_clock_set_before_1970_seals_nothing() -> None:
    with pytest.raises(ConfigurationError, match="before 1970"):
        seal(1, PASSWORD, SealOptions(ttl=1, localtime_offset=-(10**10)))


@pytest.mark.parametrize("emptied", [2, 6])
def test_a_text_password_opens_no_seal_without_salts(emptied: int) -> None:
    """@hapi/iron takes an empty salt for none given and makes a random one, so it never matches."""
    parts = seal({"user": 1}, PASSWORD).split("*")
    parts[emptied] = ""
    key = _crypto.PasswordKey(PASSWORD)
    if emptied == 2:
        iv = base64url_decode(parts[3])
        encrypted = _crypto.encrypt("aes-256-cbc", key.derive(b"", 32, 1), iv, b'{"user":1}')
        parts[4] = base64url_encode(encrypted)
    mac_key = key.derive(parts[6].encode(), 32, 1)
    parts[7] = base64url_encode(_crypto.hmac_sha256(mac_key, "*".join(parts[:6]).encode()))
    with pytest.raises(UnsealError) as caught:
        unseal("*".join(parts), PASSWORD)
    assert caught.value.reason == "invalid"
