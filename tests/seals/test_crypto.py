"""Keys, macs and ciphers against the vectors of their standards and the standard library."""

import hashlib
import hmac
import os

import pytest

from iron_session.seals import _crypto
from iron_session.seals._crypto import PasswordKey, RawKey, decrypt, encrypt, hmac_sha256
from tests.helpers.seals import aes_cbc, pkcs7

KEY = bytes(range(32))
IV = bytes(range(100, 116))
# SP 800-38A, appendix F.
NIST_PLAINTEXT = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
NIST_KEY_128 = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
NIST_KEY_256 = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (PasswordKey("pässword"), True),
        (PasswordKey("password"), False),
        (PasswordKey("pässword "), False),
        (PasswordKey("Pässword"), False),
        (RawKey("pässword".encode()), False),
        ("pässword", False),
        (None, False),
    ],
)
def test_keys_of_passwords_are_equal_by_their_passwords(other: object, expected: bool) -> None:
    key = PasswordKey("pässword")
    assert (key == other) is expected
    assert not expected or hash(key) == hash(other)


def test_the_hash_of_a_key_tells_nothing_of_its_password() -> None:
    assert hash(PasswordKey("one")) == hash(PasswordKey("two"))


@pytest.mark.parametrize(
    ("password", "salt", "iterations", "key"),
    [
        ("password", b"salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
        ("password", b"salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
        ("password", b"salt", 4096, "4b007901b765489abead49d926f721d065a429c1"),
        (
            "passwordPASSWORDpassword",
            b"saltSALTsaltSALTsaltSALTsaltSALTsalt",
            4096,
            "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038",
        ),
        ("pass\0word", b"sa\0lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"),
    ],
)
def test_a_password_gives_the_keys_of_rfc_6070(
    password: str, salt: bytes, iterations: int, key: str
) -> None:
    wanted = bytes.fromhex(key)
    assert PasswordKey(password).derive(salt, len(wanted), iterations) == wanted


@pytest.mark.parametrize("iterations", [1, 2])
@pytest.mark.parametrize("size", [1, 16, 19, 20, 21, 32, 40])
@pytest.mark.parametrize("length", [1, 32, 63, 64, 65, 128, 1000])
def test_a_key_of_each_size_is_that_of_the_standard_library(
    length: int, size: int, iterations: int
) -> None:
    """One hash output or two, a password below or above the block of the hash."""
    password, salt = "p" * length, b"0123456789abcdef" * 4
    wanted = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, iterations, size)
    assert PasswordKey(password).derive(salt, size, iterations) == wanted


def test_one_iteration_does_not_let_the_gil_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard library's function would, and beside a busy thread wait long to get it back."""

    def pbkdf2_hmac(*_: object) -> bytes:
        pytest.fail("called what lets the GIL go")

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", pbkdf2_hmac)
    key = PasswordKey("password").derive(b"salt", 20, 1)
    assert key.hex() == "0c60c80f961f0e71f3a9b524af6012062fe037a6"


def test_a_password_is_used_again_and_again() -> None:
    """What one derivation does to the prepared hashes must not reach the next."""
    key = PasswordKey("password")
    first = [key.derive(salt, 32, 1) for salt in (b"one", b"two", b"")]
    assert [key.derive(salt, 32, 1) for salt in (b"one", b"two", b"")] == first
    assert len(set(first)) == 3


@pytest.mark.parametrize(
    ("password", "length"),
    [("", 0), ("abc", 3), ("é" * 32, 32), ("日本", 2), ("😀" * 16, 32), ("a😀", 3)],
)
def test_a_password_is_as_long_as_javascript_says(password: str, length: int) -> None:
    assert PasswordKey(password).length == length


def test_a_key_in_bytes_is_used_as_it_is() -> None:
    """Neither salt nor iterations change it."""
    assert RawKey(KEY).derive(b"salt", 16, 1000) == KEY
    assert RawKey(KEY).length == 32
    assert not RawKey(KEY).salted
    assert PasswordKey("password").salted


@pytest.mark.parametrize(
    ("key", "message", "mac"),
    [
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ],
)
def test_a_mac_is_that_of_rfc_4231(key: bytes, message: bytes, mac: str) -> None:
    assert hmac_sha256(key, message) == bytes.fromhex(mac)


@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 5000])
@pytest.mark.parametrize("length", [0, 32, 63, 64, 65, 200])
def test_a_mac_is_that_of_the_standard_library(length: int, size: int) -> None:
    key, message = b"k" * length, b"m" * size
    assert hmac_sha256(key, message) == hmac.digest(key, message, "sha256")


def test_aes_256_cbc_is_that_of_sp_800_38a() -> None:
    ciphertext = encrypt("aes-256-cbc", NIST_KEY_256, bytes(range(16)), NIST_PLAINTEXT)
    assert ciphertext[:64].hex() == (
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
        "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
    )
    assert decrypt("aes-256-cbc", NIST_KEY_256, bytes(range(16)), ciphertext) == NIST_PLAINTEXT


def test_aes_128_ctr_is_that_of_sp_800_38a() -> None:
    counter = bytes(range(0xF0, 0x100))
    ciphertext = encrypt("aes-128-ctr", NIST_KEY_128, counter, NIST_PLAINTEXT)
    assert ciphertext.hex() == (
        "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
        "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
    )
    assert decrypt("aes-128-ctr", NIST_KEY_128, counter, ciphertext) == NIST_PLAINTEXT


@pytest.mark.parametrize("byte", [b"\x01", b"\x02", b"{"])
@pytest.mark.parametrize("size", [*range(34), 255, 256, 257])
def test_padding_is_pkcs7(size: int, byte: bytes) -> None:
    """Always one to sixteen bytes more, even after what looks like padding."""
    plaintext = byte * size
    ciphertext = encrypt("aes-256-cbc", KEY, IV, plaintext)
    assert ciphertext == aes_cbc(KEY, IV, pkcs7(plaintext))
    assert decrypt("aes-256-cbc", KEY, IV, ciphertext) == plaintext


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17])
def test_a_stream_cipher_pads_nothing(size: int) -> None:
    ciphertext = encrypt("aes-128-ctr", KEY[:16], IV, b"\x01" * size)
    assert len(ciphertext) == size
    assert decrypt("aes-128-ctr", KEY[:16], IV, ciphertext) == b"\x01" * size


@pytest.mark.parametrize(
    "last",
    [
        b"\x00",
        b"\x00" * 16,
        b"\x11",
        b"\x11" * 17,
        b"\xff",
        b"\x01\x02",
        b"\x03\x02\x03",
        b"\x02\x03\x03",
        b"\x0f" + b"\x10" * 15,
        b"\x10" * 7 + b"\x00" + b"\x10" * 8,
    ],
)
def test_wrong_padding_is_refused(last: bytes) -> None:
    """A count of 0 or over 16, or bytes that do not all say the count."""
    blocks = b"\x09" * (32 - len(last)) + last
    with pytest.raises(ValueError, match=r"^wrong padding"):
        decrypt("aes-256-cbc", KEY, IV, aes_cbc(KEY, IV, blocks))


def test_no_ciphertext_has_no_padding() -> None:
    with pytest.raises(ValueError, match=r"^wrong padding"):
        decrypt("aes-256-cbc", KEY, IV, b"")


@pytest.mark.parametrize("size", [1, 15, 17, 31])
def test_part_of_a_block_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="block length"):
        decrypt("aes-256-cbc", KEY, IV, bytes(size))


@pytest.mark.parametrize(("algorithm", "size"), [("aes-256-cbc", 32), ("aes-128-ctr", 16)])
@pytest.mark.parametrize("iv_size", [0, 15, 17])
def test_an_iv_of_another_size_is_refused(algorithm: str, size: int, iv_size: int) -> None:
    with pytest.raises(ValueError, match=r"(?i)(iv|nonce) size|length"):
        decrypt(algorithm, KEY[:size], bytes(iv_size), bytes(16))


def test_randomness_and_comparison_are_the_systems_own() -> None:
    """The kernel's generator, and the comparison that takes constant time."""
    assert _crypto.random_bytes is os.urandom
    assert _crypto.equal is hmac.compare_digest
