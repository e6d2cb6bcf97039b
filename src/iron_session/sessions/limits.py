"""How large a session's cookies may be, and how much of a request's cookies is looked at."""

from __future__ import annotations

from typing import Final

__all__ = [
    "LONGEST_PAIR",
    "LONGEST_SEAL",
    "MAX_CHUNKS",
    "MAX_COOKIE_BYTES",
    "MOST_CANDIDATES",
    "MOST_DECODED",
    "MOST_ESCAPES",
    "MOST_JOINED",
    "MOST_JSON_ITEMS",
    "MOST_PAIRS",
    "SHORTEST_SEAL",
]

# --- what is written -----------------------------------------------------------------------

MAX_COOKIE_BYTES: Final = 4096
"""What browsers accept for one cookie: name, value and attributes together."""

MAX_CHUNKS: Final = 4
"""Four are 16 kB in every request already, and proxies cap the whole header at 8 kB."""

MOST_JSON_ITEMS: Final = MAX_CHUNKS * MAX_COOKIE_BYTES * 3 // 4 // 2
"""More items and keys never fit: each takes two bytes, and three bytes take four of base64."""

# --- what is read --------------------------------------------------------------------------

LONGEST_SEAL: Final = MAX_CHUNKS * MAX_COOKIE_BYTES
"""No session has a longer one."""

SHORTEST_SEAL: Final = 128
"""The two salts alone have 64 digits each."""

MOST_CANDIDATES: Final = 16
"""How many whole cookies are tried, and as many joined ones.

A sibling subdomain can add cookies with our names to a request ("cookie tossing"). Each way to
combine them is tried, up to these limits: enough for one tossed chunk beside each of four.
"""

MOST_JOINED: Final = 32
"""How many ways to join chunks are looked at: joining is cheap, and most make no seal."""

MOST_DECODED: Final = 2 * MOST_CANDIDATES
"""In how many values percent-encoding is undone."""

MOST_ESCAPES: Final = 1024
"""How many escapes are undone in all: a session's seals have fewer, whoever encodes them."""

MOST_PAIRS: Final = 400
"""Browsers keep fewer than 200 cookies for a site, of 4 kB each (RFC 6265bis, 6.1, asks for 50)."""

LONGEST_PAIR: Final = 24_000
"""Of a pair's text; more than any session, so that one that is too long is still noticed."""
