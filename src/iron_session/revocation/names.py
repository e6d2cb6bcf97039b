"""Names as they are stored: fixed in size, and without what people called them."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from iron_session.seals._crypto import begin_fingerprint
from iron_session.seals._encoding import base64url_encode
from iron_session.sessions.identity import check_user_id

__all__ = ["Namer", "session_key", "session_text"]

_ID_LENGTH: Final = 22
_KEPT_KEYS: Final = 1024


# As in `seals._encoding`, for the one length that there is: this runs in each request.
_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/\0\0\0")


def session_key(session_id: str) -> bytes | None:
    """Return a session's id as its 16 bytes; None if the text is none."""
    if len(session_id) != _ID_LENGTH:
        return None
    try:
        return a2b_base64(session_id.encode("ascii").translate(_FROM_URL) + b"==", strict_mode=True)
    except ValueError:  # of binascii, and of what is not ASCII
        return None


def session_text(key: bytes) -> str:
    """Return a session's id as its text."""
    return base64url_encode(key)


class Namer:
    """The names of one namespace.

    Args:
        namespace: text of 1 to 256 characters.

    Raises:
        TypeError: it is no text.
        ConfigurationError: it is empty, too long, or not valid Unicode.
    """

    __slots__ = ("space", "user_key")

    def __init__(self, namespace: str) -> None:
        name = check_user_id(namespace, "namespace").encode("utf-8")
        prefix = len(name).to_bytes(2, "big") + name
        self.space: str = base64url_encode(begin_fingerprint(name).digest())
        """The namespace as stores name it: 22 characters of base64url."""

        begun = begin_fingerprint(prefix)

        def user_key(user_id: str) -> bytes:
            hashed = begun.copy()
            hashed.update(user_id.encode("utf-8", "surrogatepass"))
            return hashed.digest()

        # Whoever makes a request makes the next one soon.
        self.user_key: Callable[[str], bytes] = lru_cache(_KEPT_KEYS)(user_key)
        """Return a user's fingerprint: 16 bytes of BLAKE2b over the namespace and the id.

        It is not secret: whoever can guess an id can compute it.
        """
