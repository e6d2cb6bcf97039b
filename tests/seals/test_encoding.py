"""Base64url: one spelling for each value."""

import base64
import string

import pytest

from iron_session.seals._encoding import base64url_decode, base64url_encode

ALPHABET = string.ascii_letters + string.digits + "-_"
OUTSIDE = [chr(code) for code in range(128) if chr(code) not in ALPHABET]
NOT_BASE64URL = r"base64|ascii"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"\x00", "AA"),
        (b"A", "QQ"),
        (b"AB", "QUI"),
        (b"ABC", "QUJD"),
        (b"\xfb\xef\xbe", "----"),
        (b"\xff\xff\xff", "____"),
        (b"\xfb\xff", "-_8"),
    ],
)
def test_bytes_and_their_text(raw: bytes, text: str) -> None:
    """The alphabet ends in `-` and `_`, and nothing pads."""
    assert base64url_encode(raw) == text
    assert base64url_decode(text) == raw


@pytest.mark.parametrize("size", range(67))
def test_every_size_is_written_as_the_standard_library_does(size: int) -> None:
    raw = bytes(range(190, 190 + size)) if size < 66 else bytes(size)
    assert base64url_encode(raw) == base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert base64url_decode(base64url_encode(raw)) == raw


def test_each_character_of_the_alphabet_is_read() -> None:
    assert base64url_decode(ALPHABET) == base64.urlsafe_b64decode(ALPHABET)


def test_each_character_of_the_alphabet_can_be_the_last() -> None:
    for number in range(64):
        raw = bytes([0, 0, number])
        assert base64url_encode(raw) == base64.urlsafe_b64encode(raw).decode()
        assert base64url_decode(base64url_encode(raw)) == raw


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("character", OUTSIDE)
def test_a_character_outside_the_alphabet_is_refused(character: str, place: int) -> None:
    """Wherever it stands: `+`, `/`, `=`, spaces and line ends among them."""
    with pytest.raises(ValueError, match=NOT_BASE64URL):
        base64url_decode("AAAA"[:place] + character + "AAA"[place:])


@pytest.mark.parametrize(
    "text",
    ["QQ=", "QQ==", "QUI=", "QUJD====", "=", "====", "QQ==QUJD", "QQ\n", "QUJD\n", " QUJD"],
)
def test_padding_and_white_space_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=NOT_BASE64URL):
        base64url_decode(text)


@pytest.mark.parametrize("text", ["é", "QUJé", "٠AAA", "\uff21AAA", "AAA\u2028", "\ud800AAA", "😀"])
def test_a_character_that_is_not_ascii_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=NOT_BASE64URL):
        base64url_decode(text)


@pytest.mark.parametrize("size", [1, 5, 9, 65])
def test_a_length_that_no_bytes_have_is_refused(size: int) -> None:
    """Four characters are three bytes: one character over is not even one."""
    with pytest.raises(ValueError, match=NOT_BASE64URL):
        base64url_decode("A" * size)


def test_spare_bits_are_not_looked_at() -> None:
    """What is decoded stands under a mac, so that nobody can change its spelling."""
    assert base64url_decode("QR") == base64url_decode("QQ") == b"A"
