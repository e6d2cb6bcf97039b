"""Keys, macs, padding and base64url are those of the standard library, whatever goes in."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iron_session.seals._crypto import PasswordKey, decrypt, encrypt, hmac_sha256
from iron_session.seals._encoding import base64url_decode, base64url_encode
from tests.helpers.seals import aes_cbc, aes_ctr, pkcs7

emoji = st.characters(min_codepoint=0x1F300, max_codepoint=0x1FAFF)
passwords = (
    st.text(min_size=1)
    | st.text(st.characters(codec="ascii"), min_size=60, max_size=70)
    | st.text(st.characters(codec="utf-8", min_codepoint=0x80), min_size=15, max_size=40)
    | st.text(emoji, min_size=1, max_size=40)
    | st.builds(str.__mul__, st.text(min_size=1, max_size=3), st.integers(20, 400))
)
sizes = st.sampled_from([16, 32]) | st.integers(1, 40)
# Around the block of the hashes, and around the size above which hashlib lets the GIL go.
messages = st.binary() | st.builds(bytes, st.integers(0, 130) | st.integers(2040, 2060))
blocks = st.binary(max_size=100)
ivs = st.binary(min_size=16, max_size=16)


@given(passwords, st.binary(), sizes, st.just(1) | st.integers(2, 5))
def test_a_key_is_that_of_pbkdf2(password: str, salt: bytes, size: int, iterations: int) -> None:
    wanted = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, iterations, size)
    assert PasswordKey(password).derive(salt, size, iterations) == wanted


@given(passwords)
def test_a_password_is_as_long_as_in_utf_16(password: str) -> None:
    beyond = sum(character > "\uffff" for character in password)
    assert PasswordKey(password).length == len(password) + beyond


@given(st.binary(max_size=200), messages)
def test_a_mac_is_that_of_hmac(key: bytes, message: bytes) -> None:
    assert hmac_sha256(key, message) == hmac.digest(key, message, "sha256")


@given(st.binary(min_size=32, max_size=32), ivs, blocks)
def test_a_block_ciphertext_is_aes_256_cbc_over_pkcs7(
    key: bytes, iv: bytes, plaintext: bytes
) -> None:
    ciphertext = encrypt("aes-256-cbc", key, iv, plaintext)
    assert ciphertext == aes_cbc(key, iv, pkcs7(plaintext))
    assert decrypt("aes-256-cbc", key, iv, ciphertext) == plaintext


@given(st.binary(min_size=16, max_size=16), ivs, blocks)
def test_a_stream_ciphertext_is_aes_128_ctr(key: bytes, iv: bytes, plaintext: bytes) -> None:
    ciphertext = encrypt("aes-128-ctr", key, iv, plaintext)
    assert ciphertext == aes_ctr(key, iv, plaintext)
    assert decrypt("aes-128-ctr", key, iv, ciphertext) == plaintext


@given(st.binary(min_size=16, max_size=16))
def test_padding_is_taken_off_only_where_it_is_pkcs7(block: bytes) -> None:
    """A block is its own padding, or the end of it is, or it is refused."""
    key, iv = bytes(32), bytes(16)
    count = block[-1]
    ciphertext = aes_cbc(key, iv, block)
    if 1 <= count <= 16 and set(block[-count:]) == {count}:
        assert decrypt("aes-256-cbc", key, iv, ciphertext) == block[:-count]
    else:
        with pytest.raises(ValueError, match="wrong padding"):
            decrypt("aes-256-cbc", key, iv, ciphertext)


@given(st.binary())
def test_base64url_is_that_of_the_standard_library(raw: bytes) -> None:
    text = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert base64url_encode(raw) == text
    assert base64url_decode(text) == raw


ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(
    st.text(st.characters(exclude_categories=()))
    | st.text("AZaz09-_+/= \n", max_size=12)
    | st.text(sorted(ALPHABET), max_size=12)
)
def test_base64url_is_read_only_where_it_is_that(text: str) -> None:
    if set(text) <= ALPHABET and len(text) % 4 != 1:
        padded = text + "=" * (-len(text) % 4)
        assert base64url_decode(text) == base64.urlsafe_b64decode(padded)
    else:
        with pytest.raises(ValueError, match=r"base64|ascii"):
            base64url_decode(text)
