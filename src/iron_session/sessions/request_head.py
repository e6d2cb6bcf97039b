"""What a session needs to know about its request beside the cookies: HTTPS, and navigation.

A visitor's headers can only make a cookie stricter here, never weaker: anybody can write
`X-Forwarded-Proto: https`, and the only effect is the attribute Secure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Protocol

__all__ = ["RequestHead", "is_local", "is_navigation", "is_plain_http"]

# Headers that browsers, or proxies that end TLS, add to a request that was sent over HTTPS.
_SIGNS_OF_HTTPS: Final = {
    "X-Forwarded-Proto": re.compile(r"\b(?:https|wss)\b", re.IGNORECASE),
    "X-Forwarded-Scheme": re.compile(r"\b(?:https|wss)\b", re.IGNORECASE),
    "X-Url-Scheme": re.compile(r"\bhttps\b", re.IGNORECASE),
    "X-Forwarded-Ssl": re.compile(r"\bon\b", re.IGNORECASE),
    "Front-End-Https": re.compile(r"\bon\b", re.IGNORECASE),
    "CF-Visitor": re.compile(r"\bhttps\b", re.IGNORECASE),
    "Forwarded": re.compile(r'\bproto="?(?:https|wss)\b', re.IGNORECASE),
    "Origin": re.compile(r"\Ahttps://", re.IGNORECASE),
    "Referer": re.compile(r"\Ahttps://", re.IGNORECASE),
}
# Browsers send these only over HTTPS and to this machine (Fetch Metadata, section 2).
_FETCH_METADATA: Final = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")

_SIGNS_OF_A_PROXY: Final = ("X-Forwarded-For", "X-Real-IP", "X-Forwarded-Host", "Forwarded", "Via")

_LOCAL_NAMES: Final = ("localhost", "testserver", "testserver.local")  # the last two: test clients
_LOOPBACK: Final = re.compile(r"127(?:\.[0-9]{1,3}){3}|\[::1\]")


class RequestHead(Protocol):
    """What an integration provides of a request.

    It may also have `unavailable_error`, a subclass of `SessionUnavailableError` that takes the
    message, and that the framework answers with 503.

    Attributes:
        scheme: `"http"`, `"https"`, `"ws"` or `"wss"`, as the server reports it.
    """

    @property
    def scheme(self) -> str:
        """The scheme, as the server reports it."""
        ...

    def get(self, name: str) -> Sequence[str]:
        """Return all values of a header."""
        ...


def is_plain_http(head: RequestHead) -> bool:
    """Return whether a request came over HTTP, and none of its headers hints at HTTPS."""
    return head.scheme in {"http", "ws"} and not _speaks_of_https(head)


def _speaks_of_https(head: RequestHead) -> bool:
    for name, sign in _SIGNS_OF_HTTPS.items():
        if any(map(sign.search, head.get(name))):
            return True
    return any(map(head.get, _FETCH_METADATA)) and not _is_direct(head)


def _is_direct(head: RequestHead) -> bool:
    """Return whether a request was sent to this machine, and no proxy has left a header in it.

    The Host alone does not say that: a proxy sends the Host of the server behind it, unless it is
    configured otherwise.
    """
    return is_local(head) and not any(map(head.get, _SIGNS_OF_A_PROXY))


def is_local(head: RequestHead) -> bool:
    """Return whether a request was sent to this machine, or names no host at all."""
    hosts = head.get("Host")
    return all(map(_is_local_name, hosts))


def _is_local_name(host: str) -> bool:
    name = re.sub(r":[0-9]*\Z", "", host.strip().lower())
    is_loopback = _LOOPBACK.fullmatch(name) is not None
    return is_loopback or name in _LOCAL_NAMES or name.endswith(".localhost")


def is_navigation(head: RequestHead) -> bool:
    """Return whether the browser opens a page with this request; True if it does not say."""
    modes = head.get("Sec-Fetch-Mode")
    return not modes or "navigate" in modes
