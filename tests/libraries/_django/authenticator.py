"""An authenticator app: the codes of RFC 6238."""

import base64
import hmac
import time


def code(secret: str) -> str:
    """Return the six digits for a secret in base32; good for half a minute, and the next one."""
    counter = int(time.time()) // 30
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, counter.to_bytes(8), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
