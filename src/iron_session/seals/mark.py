"""The member `"$iron"` of a sealed object: what this package needs to know about a seal.

It is inside the seal, only when it is needed, and JavaScript keeps it as an ordinary property.
Members that this version does not know are kept. The others:

- `"for"`: the purpose of the seal.
- `"created"`: when a session began, in milliseconds since 1970 (with `max_lifetime`).
- `"ttl"`: a session's own life in seconds (after `save(ttl=…)`).
- `"id"`: what a session is ended by.
- `"user"` and `"login"`: who logged in, and when (after `login()`).
- `"since"`: from when on endings count, by the clock of their store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from iron_session import _json
from iron_session._time import to_milliseconds
from iron_session.errors import ConfigurationError, UnsealError

__all__ = ["NO_MARK", "RESERVED", "Mark", "split_mark"]

RESERVED: Final = "$iron"
"""The key of the mark in a sealed object; data must not use it."""

_PURPOSE: Final = "for"
_CREATED: Final = "created"
_TTL: Final = "ttl"
_ID: Final = "id"
_USER: Final = "user"
_LOGIN: Final = "login"
_SINCE: Final = "since"
_IDENTITY: Final = (_ID, _USER, _LOGIN, _SINCE)


@dataclass(frozen=True, slots=True, repr=False)
class Mark:
    """The mark of one seal; empty where the seal has none.

    Attributes:
        members: the mark's members as they are in the seal; its maker may have written any value.
    """

    members: Mapping[str, Any]

    @classmethod
    def of_purpose(cls, purpose: str) -> Mark:
        """Return the mark of a seal that opens for this purpose only."""
        return cls({_PURPOSE: purpose})

    def __bool__(self) -> bool:
        return bool(self.members)

    def __repr__(self) -> str:
        """Show the names of the members, not their values."""
        return f"<Mark: {', '.join(self.members) or 'empty'}>"

    def require_purpose(self, purpose: str | None, password_id: str) -> None:
        """Raise UnsealError unless the seal was made for this purpose, or for none if it is None.

        Raises:
            UnsealError: its reason is `"purpose"`.
        """
        if self.members.get(_PURPOSE) != purpose:
            raise UnsealError(
                "the seal was made for another purpose", reason="purpose", password_id=password_id
            )

    @property
    def created_ms(self) -> int | None:
        """When the session began, in milliseconds since 1970; None if the mark does not say."""
        return self._integer(_CREATED)

    @property
    def session_id(self) -> str | None:
        """The session's id; None if the mark does not say."""
        return self._text(_ID)

    @property
    def user_id(self) -> str | None:
        """The id of the user who has logged in; None if the mark does not say."""
        return self._text(_USER)

    @property
    def login_ms(self) -> int | None:
        """When the user logged in, in milliseconds since 1970; None if the mark does not say."""
        return self._integer(_LOGIN)

    @property
    def since_ms(self) -> int | None:
        """From when on endings count, in ms of their store's clock; None if it does not say."""
        return self._integer(_SINCE)

    def _integer(self, name: str) -> int | None:
        value = self.members.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def _text(self, name: str) -> str | None:
        value = self.members.get(name)
        return value if isinstance(value, str) and value else None

    @property
    def ttl_ms(self) -> int | None:
        """The session's own ttl, in milliseconds; None if the options' ttl applies."""
        ttl = self.members.get(_TTL)
        if ttl is None:
            return None
        try:
            return to_milliseconds(ttl, _TTL)
        except ConfigurationError:
            return None

    def with_life(self, *, created_ms: int | None, ttl_ms: int | None) -> Mark:
        """Return a mark with these two values; None leaves a value as it is."""
        if created_ms is None and ttl_ms is None:
            return self
        members = dict(self.members)
        if created_ms is not None:
            members[_CREATED] = created_ms
        if ttl_ms is not None:
            seconds, rest = divmod(ttl_ms, 1000)
            members[_TTL] = ttl_ms / 1000 if rest else seconds
        return Mark(members)

    def without_ttl(self) -> Mark:
        """Return a mark without the session's own ttl."""
        return self._without(_TTL)

    def with_identity(
        self, session_id: str, user_id: str | None, login_ms: int | None, since_ms: int | None
    ) -> Mark:
        """Return a mark with these values, in place of all that it says about them."""
        values = (session_id, user_id, login_ms, since_ms)
        given = {
            name: value for name, value in zip(_IDENTITY, values, strict=True) if value is not None
        }
        return Mark({**self.without_identity().members, **given})

    def without_identity(self) -> Mark:
        """Return a mark that names no session, user or login."""
        return self._without(*_IDENTITY)

    def _without(self, *names: str) -> Mark:
        return Mark({name: value for name, value in self.members.items() if name not in names})

    def join(self, json: bytes) -> bytes:
        """Return an object's JSON text with this mark added; unchanged if the mark is empty."""
        if not self.members:
            return json
        comma = b"" if json == b"{}" else b","
        return json[:-1] + comma + f'"{RESERVED}":'.encode() + self._encode() + b"}"

    def _encode(self) -> bytes:
        return _json.encode(self.members, RESERVED)


NO_MARK: Final = Mark({})


def split_mark(data: Any) -> tuple[Any, Mark]:
    """Remove the mark from unsealed data, and return both.

    Raises:
        UnsealError: the mark is not an object.
    """
    if not isinstance(data, dict) or RESERVED not in data:
        return data, NO_MARK
    members = data.pop(RESERVED)
    if not isinstance(members, dict):
        raise UnsealError(f"the seal's member {RESERVED} is not an object")
    return data, Mark(members)
