"""Base64url without padding, strict in both directions.

`base64.urlsafe_b64decode` drops characters outside its alphabet and takes `+` and `/` as well, so
one value would have many spellings.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

__all__ = ["base64url_decode", "base64url_encode"]

_TO_URL = bytes.maketrans(b"+/", b"-_")
# `+`, `/` and `=` belong to the other alphabet: they become a byte that is in neither.
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/\0\0\0")
_PADDING = (b"", b"===", b"==", b"=")


def base64url_encode(raw: bytes) -> str:
    """Write bytes as base64url (RFC 4648, section 5) without padding."""
    return b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL).decode("ascii")


def base64url_decode(text: str) -> bytes:
    """Read unpadded base64url; raise ValueError for other characters, or for a wrong length.

    Spare bits in the last character are not checked: a mac covers what this reads, and the mac
    itself is compared as text, never decoded.
    """
    encoded = text.encode("ascii").translate(_FROM_URL)
    return a2b_base64(encoded + _PADDING[len(encoded) % 4], strict_mode=True)
