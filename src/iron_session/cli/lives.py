"""When a session was saved last, and what ends its life, as far as its seal tells.

Only the end is written in a seal; in its mark also the login, and the beginning if there was a
max_lifetime.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from iron_session.cli.opening import Asked
from iron_session.cli.terminal import Line
from iron_session.cli.words import span, when
from iron_session.seals.mark import Mark
from iron_session.sessions import lifetime

__all__ = ["Life", "find_life", "has_outlived"]

_ABOUT_MS: Final = 60_000  # the page after a login may save something too
_SOON_MS: Final = 3_600_000


def has_outlived(mark: Mark, expires: int | None, asked: Asked) -> bool:
    """Return whether the options' max_lifetime is over, even if the seal still opens."""
    most = asked.max_lifetime_ms
    return most is not None and lifetime.has_outlived(asked.now, mark.created_ms, expires, most)


class Life(NamedTuple):
    """The life of a session that expires.

    Attributes:
        expires: when it ends, in ms.
        mark: its mark; None if it did not open.
        ttl_ms: its own ttl, else that of the options; None or 0 if it is not known.
        is_cut: whether max_lifetime has set its end, and not its ttl; None if that can't be told.
    """

    expires: int
    mark: Mark | None
    ttl_ms: int | None
    is_cut: bool | None

    def tell_sealed(self, now: int) -> Iterator[Line]:
        """Say when it was sealed, if its ttl is known."""
        if not self.ttl_ms:
            return
        sealed, by = self.expires - self.ttl_ms, f"by a ttl of {span(self.ttl_ms)}"
        if sealed > now:
            told = f"{span(sealed - now)} in the future, {by}"
            yield Line(
                "sealed", f"{told}: that server's clock is ahead, or its ttl is longer", "bad"
            )
        elif self.is_cut:
            yield Line("sealed", "not known, since max_lifetime has set its end")
        else:
            later = ", or later if max_lifetime has cut its life short"
            yield Line("sealed", f"{when(sealed, now)}, {by}{later if self.is_cut is None else ''}")

    def ends_soon(self, now: int) -> bool:
        """Return whether a tenth of its life is left, or an hour, and no save is known of.

        Only with a ttl, or an end by max_lifetime, is it known how long its whole life is.
        """
        left, began = self.expires - now, self.mark.created_ms if self.mark else None
        if self.is_cut and began is not None:
            return 0 < left <= min((self.expires - began) // 10, _SOON_MS)
        start, _ = self._start()
        if not self.ttl_ms or not self._is_saved_at(start):
            return False
        return 0 < left <= min(self.ttl_ms // 10, _SOON_MS)

    def tell_end(self, asked: Asked) -> Iterator[Line]:
        """Say what ends it or has, and whether it was saved after its login, as far as is known."""
        began, (start, event) = self.mark.created_ms if self.mark else None, self._start()
        left = self.expires - asked.now
        label, moment = ("ends", f"in {span(left)} ") if left > 0 else ("ended", "")
        if self.is_cut and began is not None:
            length = span(self.expires - began)
            yield Line(label, f"{moment}by max_lifetime, {length} after it began")
            return
        if self.ttl_ms:
            told = (
                f"not saved since {event}" if self._is_saved_at(start) else "not saved in that time"
            )
            yield Line(label, f"{moment}by its ttl of {span(self.ttl_ms)}: {told}; {_mend(asked)}")
        elif start is not None:
            length = span(self.expires - start)
            told = f"if its ttl is {length}, it was not saved since; {_mend(asked)}"
            yield Line(label, f"{moment}{length} after {event}: {told}")
        if self.is_cut is None and began is not None:
            yield Line("", f"or by max_lifetime, if that is {span(self.expires - began)}")

    def _is_saved_at(self, start: int | None) -> bool:
        """Return whether its last save was the one at its start, by its ttl."""
        if start is None or not self.ttl_ms:
            return False
        return abs(self.expires - self.ttl_ms - start) <= _ABOUT_MS

    def _start(self) -> tuple[int | None, str]:
        """Return the last time at which it has begun anew, and what that was."""
        login, began = (self.mark.login_ms, self.mark.created_ms) if self.mark else (None, None)
        events = [(login, "the login"), (began, "its beginning")]
        known = [(at, event) for at, event in events if at is not None and at <= self.expires]
        return max(known, key=lambda one: one[0], default=(None, ""))


def find_life(expires: int | None, mark: Mark | None, asked: Asked) -> Life | None:
    """Return the life of a session; None if it never expires."""
    if expires is None:
        return None
    own = mark.ttl_ms if mark else None
    ttl_ms = asked.ttl_ms if own is None else own
    began = mark.created_ms if mark else None
    # Without a beginning in its mark, it was sealed without max_lifetime.
    is_cut = False if began is None else _is_cut(expires, began, ttl_ms, asked)
    return Life(expires, mark, ttl_ms, is_cut)


def _is_cut(expires: int, began: int, ttl_ms: int | None, asked: Asked) -> bool | None:
    most = asked.max_lifetime_ms
    if most is not None and expires <= began + most:
        return expires == began + most
    if ttl_ms and expires - ttl_ms < began - _ABOUT_MS:
        return True  # by its ttl, it would have been sealed before it began
    return None


def _mend(asked: Asked) -> str:
    if asked.options is None or asked.options.renew_after_ms is None:
        return "with renew_after, use renews it"
    after = span(asked.options.renew_after_ms)
    return f"no request has renewed it, which renew_after allows from {after} on"
