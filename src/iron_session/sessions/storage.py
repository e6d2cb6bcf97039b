"""What a session's cookies hold: the seal ⇄ the session's data and its mark.

The mark is the reserved member `"$iron"` of the sealed object: `"created"`, when the session began,
in ms (with `max_lifetime`), and `"ttl"`, its own life in seconds (after `save(ttl=…)`). Members
that this version does not know are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iron_session.errors import ConfigurationError, UnsealError
from iron_session.seals import _json
from iron_session.seals._time import to_milliseconds
from iron_session.seals.iron import claimed_expiration, decode_json
from iron_session.seals.sealing import (
    NO_MARK,
    RESERVED,
    open_json,
    require_purpose,
    seal_json,
    split_mark,
)
from iron_session.sessions import chunks, lifetime
from iron_session.sessions.events import Unsealed, UnsealFailure
from iron_session.sessions.jar import CookieJar
from iron_session.sessions.options import Migrate, SessionOptions

if TYPE_CHECKING:
    from iron_session.sessions.schemas import Schema, TypedData

__all__ = [
    "NOTHING",
    "Opened",
    "Stored",
    "Unreadable",
    "created_ms",
    "describe",
    "describe_failure",
    "is_outdated",
    "load",
    "own_ttl_ms",
    "read_values",
    "seal",
    "session_ttl_ms",
    "update_mark",
    "without_ttl",
]

_CREATED = "created"
_TTL = "ttl"


class Stored(NamedTuple):
    """A session as the browser has it, beside its data.

    Attributes:
        json: the data as JSON text.
        mark: the members of `"$iron"`.
        password_id: the password that the seal was opened or made by; None where there is none.
        expires: when the seal does, in ms; None for never.
        seal: the sealed text itself; empty where there is none.
    """

    json: bytes
    mark: dict[str, Any]
    password_id: str | None
    expires: int | None
    seal: str

    def __repr__(self) -> str:
        """Tell neither data nor seal: error pages show the variables of a failed save."""
        return f"<Stored: {len(self.json)} bytes, password {self.password_id}>"


NOTHING: Final = Stored(b"{}", {}, None, None, "")


class Opened(NamedTuple):
    """A seal that was opened: its data, as it is now and as the browser has it."""

    data: dict[str, Any]
    typed: TypedData[Any] | None
    stored: Stored

    def __repr__(self) -> str:
        """Tell no data, as `Stored`."""
        return f"<Opened: {self.stored!r}>"


class Unreadable(NamedTuple):
    """A text that could not be opened, and why."""

    text: str
    error: UnsealError

    def __repr__(self) -> str:
        """Tell nothing of the text: with another schema it may open."""
        return f"<Unreadable: {self.error!r}>"


def load(jar: CookieJar, options: SessionOptions[Any], now: int) -> Opened | Unreadable | None:
    """Open the first of the request's seals that opens; else give why the first one does not."""
    failure: Unreadable | None = None
    for text in chunks.candidates(lambda name: read_values(jar, name), options.cookie_name):
        try:
            return _open(text, options, now)
        except UnsealError as error:
            # Its traceback would lead an error tracker to the seal and what is in it.
            failure = failure or Unreadable(text, error.with_traceback(None))
    return failure


def read_values(jar: CookieJar, name: str) -> Sequence[str]:
    """Read from a jar that somebody else may have written."""
    values = jar.read(name)
    if isinstance(values, str) or values is None:
        raise ConfigurationError(
            f"{type(jar).__name__}.read must give a list of every value of that name, "
            f"not {type(values).__name__}"
        )
    return values


def _open(text: str, options: SessionOptions[Any], now: int) -> Opened:
    if chunks.is_too_long(text):
        raise UnsealError("longer than any session that is written")
    opened = open_json(text, options.passwords, now)
    data, mark = split_mark(decode_json(opened.plaintext))
    require_purpose(mark, None, opened.password_id)
    if data is None:  # as in JavaScript
        return Opened({}, None, Stored(NOTHING.json, {}, opened.password_id, opened.expires, text))
    if not isinstance(data, dict):
        raise UnsealError("the seal's content is not an object", password_id=opened.password_id)
    created = created_ms(mark.members)
    if lifetime.has_outlived(now, created, opened.expires, options.max_lifetime_ms):
        raise UnsealError(
            "the session is past its max_lifetime",
            reason="expired",
            password_id=opened.password_id,
        )
    json = opened.plaintext if mark is NO_MARK else _json.encode(data, "session")
    stored = Stored(json, mark.members, opened.password_id, opened.expires, text)
    if options.prepared_schema is None:
        return Opened(data, None, stored)
    data, typed = _fit(data, options.prepared_schema, options.migrate, opened.password_id)
    return Opened(data, typed, stored)


def _fit(
    data: dict[str, Any], schema: Schema[Any], migrate: Migrate | None, password_id: str
) -> tuple[dict[str, Any], TypedData[Any]]:
    """Have old shapes mended, then hold the data against the schema."""
    from iron_session.sessions.schemas import Misfit, TypedData  # noqa: PLC0415 - there is a schema

    try:
        if migrate is not None:
            data = _migrate(data, migrate)
        return data, TypedData(schema, data)
    except Misfit as misfit:
        problem = f"does not fit the schema {schema.name}" + (
            misfit.place and f" at {misfit.place}"
        )
    except Exception as error:  # the application's own code, on data that nobody foresaw
        problem = f"could not be brought into the shape of {schema.name}: {type(error).__name__}"
    raise UnsealError(f"the session {problem}", reason="schema", password_id=password_id)


def _migrate(data: dict[str, Any], migrate: Migrate) -> dict[str, Any]:
    migrated = migrate(data)
    if not isinstance(migrated, dict) or RESERVED in migrated:
        raise TypeError
    # A copy: what it gives may belong to all sessions.
    copied: dict[str, Any] = _json.decode(_json.encode(migrated, "session"))
    return copied


def describe(stored: Stored, options: SessionOptions[Any], now: int) -> Unsealed:
    """Tell of a seal that was opened what `on_unseal` is told."""
    return Unsealed(
        cookie_name=options.cookie_name,
        password_id=stored.password_id or "",
        outdated=options.passwords.is_outdated(stored.password_id),
        age=_age(stored.expires, session_ttl_ms(stored.mark, options), now),
        size=len(stored.seal),
    )


def describe_failure(failure: Unreadable, options: SessionOptions[Any], now: int) -> UnsealFailure:
    """Tell of a text that could not be opened what `on_unseal_error` is told."""
    error = failure.error
    return UnsealFailure(
        reason=error.reason,
        cookie_name=options.cookie_name,
        password_id=error.password_id,
        error=error,
        age=_age(claimed_expiration(failure.text), options.ttl_ms, now),
        size=len(failure.text),
    )


def _age(expires: int | None, ttl_ms: int, now: int) -> timedelta | None:
    if expires is None or not ttl_ms:
        return None
    try:
        return timedelta(milliseconds=now - expires + ttl_ms)
    except OverflowError:  # an expiration that somebody made up
        return None


def seal(
    json: bytes, before: Stored, options: SessionOptions[Any], ttl_ms: int | None, now: int
) -> Stored:
    """Seal a session's data, given as JSON text: what the browser will have.

    `before` is what the browser had; `ttl_ms` is this session's own ttl, None for the options'.
    """
    created = created_ms(before.mark)
    if created is None and options.max_lifetime_ms is not None:
        created = now
    mark = update_mark(before.mark, created=created, ttl_ms=ttl_ms)
    expires = _expiration(mark, options, now)
    text = seal_json(join_mark(json, mark), options.passwords, expires)
    # Its own id, not that of the passwords: those may have been read again since.
    return Stored(json, mark, text.split("*", 2)[1], expires, text)


def is_outdated(stored: Stored, options: SessionOptions[Any], now: int) -> bool:
    """Tell whether what the browser has should be written again though nothing changed."""
    if stored is NOTHING:
        return False
    if options.passwords.is_outdated(stored.password_id):
        return True
    if options.max_lifetime_ms is not None and created_ms(stored.mark) is None:
        return True  # begun under other options, or in JavaScript: its lifetime starts now
    renew_after_ms = options.renew_after_ms
    if renew_after_ms is None:
        return False
    life_ms = session_ttl_ms(stored.mark, options)
    if life_ms < options.ttl_ms:
        renew_after_ms = lifetime.same_part(renew_after_ms, options.ttl_ms, life_ms)
    renewed = _expiration(stored.mark, options, now)
    return lifetime.is_due(now, stored.expires, renewed, life_ms, renew_after_ms)


def _expiration(mark: dict[str, Any], options: SessionOptions[Any], now: int) -> int | None:
    return lifetime.new_expiration(
        now, session_ttl_ms(mark, options), created_ms(mark), options.max_lifetime_ms
    )


def session_ttl_ms(mark: dict[str, Any], options: SessionOptions[Any]) -> int:
    """Give the ttl of a session: its own, or the options'."""
    own = own_ttl_ms(mark)
    return options.ttl_ms if own is None else own


# --- the mark --------------------------------------------------------------------------------


def created_ms(mark: dict[str, Any]) -> int | None:
    """Read when the session began; None where the mark does not say."""
    created = mark.get(_CREATED)
    return created if isinstance(created, int) and not isinstance(created, bool) else None


def own_ttl_ms(mark: dict[str, Any]) -> int | None:
    """Read the ttl that this one session was given; None where it has the options' own."""
    try:
        return to_milliseconds(mark[_TTL], _TTL)
    except (KeyError, ConfigurationError):
        return None


def update_mark(mark: dict[str, Any], *, created: int | None, ttl_ms: int | None) -> dict[str, Any]:
    """Write both into a copy of the mark."""
    updated = dict(mark)
    if created is not None:
        updated[_CREATED] = created
    if ttl_ms is not None:
        seconds, rest = divmod(ttl_ms, 1000)
        updated[_TTL] = ttl_ms / 1000 if rest else seconds
    return updated


def without_ttl(mark: dict[str, Any]) -> dict[str, Any]:
    """Copy the mark, but for the session's own ttl."""
    return {name: value for name, value in mark.items() if name != _TTL}


def join_mark(json: bytes, mark: dict[str, Any]) -> bytes:
    """Add the mark to an object's JSON text, if there is one."""
    if not mark:
        return json
    comma = b"" if json == b"{}" else b","
    return json[:-1] + comma + f'"{RESERVED}":'.encode() + _json.encode(mark, RESERVED) + b"}"
