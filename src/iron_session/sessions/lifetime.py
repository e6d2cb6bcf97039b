"""When a session ends, and when it is due to be written again: pure functions of the time.

All times are in milliseconds, as on the wire.
"""

from __future__ import annotations

from typing import Literal

from iron_session.seals.iron import DEFAULTS

__all__ = [
    "LONGEST_MAX_AGE",
    "began",
    "cookie_max_age",
    "end",
    "has_outlived",
    "is_due",
    "is_half_gone",
    "late",
    "same_part",
]

_SKEW_MS = DEFAULTS.skew_ms
LONGEST_MAX_AGE = 2147483647
"""What iron-session writes for `ttl=0`; browsers cap it at 400 days."""


def cookie_max_age(max_age: int | Literal["auto"] | None, life_ms: int | None) -> int | None:
    """Return the cookie's Max-Age in seconds, for a seal that lives `life_ms` (None: for ever).

    As in iron-session, the cookie ends a minute before the seal, so that browsers do not send
    seals that have just expired; a life of a minute or less is not shortened.
    """
    if max_age != "auto":
        return max_age
    if life_ms is None:
        return LONGEST_MAX_AGE
    return max(1, _kept_ms(life_ms) // 1000)  # 0 would delete the cookie


def _kept_ms(life_ms: int) -> int:
    return life_ms - _SKEW_MS if life_ms > _SKEW_MS else life_ms


def same_part(renew_after_ms: int, ttl_ms: int, own_ttl_ms: int) -> int:
    """Return `renew_after_ms` scaled down from `ttl_ms` to a shorter ttl.

    Measured on the cookie's life, so it is renewed while the browser still sends it.
    """
    return renew_after_ms * _kept_ms(own_ttl_ms) // _kept_ms(ttl_ms)


def began(created: int | None, now: int) -> int | None:
    """Return when a session began; a time in the future, beyond the skew, counts as now.

    A server whose clock was ahead may have written such a time. To refuse it would log out
    everybody whom that server has answered.
    """
    return now if created is not None and created > now + _SKEW_MS else created


def late(renew_after_ms: int, life_ms: int, max_age: int | None) -> int:
    """Return the age from which any request renews a session, not only a navigation.

    That is half-way between `renew_after_ms` and the end of its cookie.
    """
    end = _kept_ms(life_ms) if max_age is None else min(_kept_ms(life_ms), max_age * 1000)
    return (renew_after_ms + end) // 2


def is_half_gone(now: int, expires: int | None, life_ms: int) -> bool:
    """Return whether half of a session's life is over; True for one that never expires."""
    return expires is None or now >= expires - life_ms // 2


def end(expires: int | None, created: int | None, max_lifetime_ms: int | None) -> int | None:
    """Return when a session ends: when its seal expires, but never past its lifetime."""
    if created is None or max_lifetime_ms is None:
        return expires
    last = created + max_lifetime_ms
    return last if expires is None else min(expires, last)


def has_outlived(now: int, created: int | None, expires: int | None, max_lifetime_ms: int) -> bool:
    """Return whether a session is past its absolute lifetime, even if its seal still opens.

    One that says neither when it began nor when it ends could be of any age, so it counts as past.
    """
    if created is None:
        return expires is None
    return created + max_lifetime_ms <= now - _SKEW_MS


def is_due(
    now: int, expires: int | None, renewed: int | None, ttl_ms: int, renew_after_ms: int | None
) -> bool:
    """Return whether a session that was only read is due to be written again.

    It is when `renew_after_ms` of its ttl have passed, and `renewed`, the expiration that it would
    get, is later than the one it has.
    """
    if renew_after_ms is None:
        return False
    if expires is None or renewed is None:  # if only one is: saved under other options, or by Node
        return expires is not renewed
    return now >= expires - ttl_ms + renew_after_ms and renewed > expires
