"""When a session ends, and when it is due to be written again: pure functions of the time.

All times are milliseconds, as on the wire.
"""

from __future__ import annotations

from typing import Literal

from iron_session.seals.iron import DEFAULTS
from iron_session.seals.sealing import expiration

__all__ = ["cookie_max_age", "has_outlived", "is_due", "new_expiration", "same_part"]

_SKEW_MS = DEFAULTS.skew_ms
_LONGEST_MAX_AGE = 2147483647  # what iron-session writes for ttl=0; browsers cap it at 400 days


def cookie_max_age(max_age: int | Literal["auto"] | None, life_ms: int | None) -> int | None:
    """Give the cookie's Max-Age in seconds for a seal that lives `life_ms`; None for ever.

    As in iron-session, the cookie ends a minute before the seal, so that browsers do not send
    seals that have just expired; a life of a minute or less is kept whole.
    """
    if max_age != "auto":
        return max_age
    if life_ms is None:
        return _LONGEST_MAX_AGE
    return max(1, _kept_ms(life_ms) // 1000)  # 0 would delete the cookie


def _kept_ms(life_ms: int) -> int:
    return life_ms - _SKEW_MS if life_ms > _SKEW_MS else life_ms


def same_part(renew_after_ms: int, ttl_ms: int, own_ttl_ms: int) -> int:
    """Give the part of a shorter ttl that `renew_after_ms` is of `ttl_ms`.

    Of the time that the cookie lives, so that there is one to renew.
    """
    return renew_after_ms * _kept_ms(own_ttl_ms) // _kept_ms(ttl_ms)


def new_expiration(
    now: int, ttl_ms: int, created: int | None, max_lifetime_ms: int | None
) -> int | None:
    """Give the expiration of a session saved now: after its ttl, and never past its lifetime."""
    expires = expiration(ttl_ms, now)
    if created is None or max_lifetime_ms is None:
        return expires
    end = created + max_lifetime_ms
    return end if expires is None else min(expires, end)


def has_outlived(
    now: int, created: int | None, expires: int | None, max_lifetime_ms: int | None
) -> bool:
    """Tell whether a session is past its absolute lifetime, whatever its seal says.

    One that says neither when it began nor when it ends could be of any age, so it counts as past.
    """
    if max_lifetime_ms is None:
        return False
    if created is None:
        return expires is None
    return created + max_lifetime_ms <= now - _SKEW_MS


def is_due(
    now: int, expires: int | None, renewed: int | None, ttl_ms: int, renew_after_ms: int | None
) -> bool:
    """Tell whether a session that was only read is due to be written again.

    It is when `renew_after_ms` of its ttl have gone, and `renewed`, the expiration that it would
    get, is a later one than it has.
    """
    if renew_after_ms is None:
        return False
    if expires is None or renewed is None:  # for ever, and under other options, or in Node, not so
        return expires is not renewed
    return now >= expires - ttl_ms + renew_after_ms and renewed > expires
