"""Whose session it is: ids of sessions and of users, and the mark that a save gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from iron_session._json import is_unicode
from iron_session.errors import ConfigurationError
from iron_session.seals._crypto import random_bytes
from iron_session.seals._encoding import base64url_encode
from iron_session.seals.mark import NO_MARK, Mark

if TYPE_CHECKING:
    from iron_session.sessions.options import SessionOptions
    from iron_session.sessions.sealed import Stored

__all__ = [
    "UserOf",
    "as_label",
    "check_carried",
    "check_user_id",
    "identified",
    "new_id",
    "signed_in",
    "user_in",
]

UserOf: TypeAlias = "Callable[[dict[str, Any]], str | None]"

LONGEST_USER_ID: Final = 256
LONGEST_LABEL: Final = 256
_ID_BYTES: Final = 16


def new_id() -> str:
    """Return a new session id: 128 random bits as 22 characters of base64url."""
    return base64url_encode(random_bytes(_ID_BYTES))


# With str(None), it would be a user or a session called "None".
_NONE: Final = {
    "user_id": "user_id is None, as in a session where nobody is logged in: check "
    "`session.user_id is not None` first",
    "session_id": "session_id is None, as in a session without an id: check "
    "`session.id is not None` first",
}
_NO_ID_YET: Final = (
    "user_id is None, as of a user whom the database has given no id yet: save or flush the new "
    "user before the login"
)


def check_user_id(user_id: object, place: str = "user_id") -> str:
    """Return a user's id, or refuse it.

    Raises:
        TypeError: it is no text.
        ConfigurationError: it is empty, longer than 256 characters, or not valid Unicode; or it has
            a NUL character, which databases refuse.
    """
    if not isinstance(user_id, str):
        told = f"{place} must be text, not {type(user_id).__name__}: use str(…)"
        raise TypeError(_NONE.get(place, told) if user_id is None else told)
    if not 1 <= len(user_id) <= LONGEST_USER_ID or not _is_storable(user_id):
        raise ConfigurationError(
            f"{place} must have 1 to {LONGEST_USER_ID} characters of valid Unicode, without NUL"
        )
    return user_id


def as_label(label: object) -> str | None:
    """Return the name of a device as it is kept: at most 256 characters, without what can't be.

    A label is often what a browser says of itself, so what is too long or odd is cut, not refused.

    Raises:
        ConfigurationError: it is neither text nor None.
    """
    if label is None:
        return None
    if not isinstance(label, str):
        raise ConfigurationError("label must be a text, or None")
    return label.replace("\0", "").encode("utf-8", "ignore").decode()[:LONGEST_LABEL]


def _is_storable(text: str) -> bool:
    return is_unicode(text) and "\0" not in text


def check_carried(carry: object) -> list[str]:
    """Return the keys that a login carries over.

    Raises:
        ConfigurationError: it is one text, whose letters would be the keys, or no collection.
    """
    if isinstance(carry, str) or not isinstance(carry, Iterable):
        raise ConfigurationError('carry must be a collection of keys, as ("cart",)')
    return list(carry)


def user_in(data: dict[str, Any], mark: Mark, options: SessionOptions[Any]) -> str | None:
    """Return the user whose session this is: by the application's `user_of`, else by the mark.

    Raises:
        TypeError: `user_of` returned something that is neither text nor None.
        ConfigurationError: it returned a text that can't be a user's id.
        Exception: whatever it raised itself.
    """
    if options.user_of is None:
        return mark.user_id
    user_id = options.user_of(data)
    return None if user_id is None else check_user_id(user_id, "what user_of returns")


def signed_in(user_id: object, options: SessionOptions[Any], login_ms: int | None) -> Mark:
    """Return the mark of a user's session that begins now, with a new id.

    Args:
        user_id: the user's id, text of 1 to 256 characters.
        options: the session's options.
        login_ms: when the user has proven who they are, by this server's time; None if that was in
            another session.

    Raises:
        TypeError: as `check_user_id`.
        ConfigurationError: as `check_user_id`; the options have `user_of`.
        SessionUnavailableError: endings are to count from now on, and the store's time is unknown.
    """
    if user_id is None:
        raise TypeError(_NO_ID_YET)
    checked = check_user_id(user_id)
    if options.user_of is not None:
        raise ConfigurationError(
            "a login names its user, and so does user_of in the options: set in the data what "
            "user_of returns, or leave user_of out"
        )
    since_ms = None if options.revocations is None else options.revocations.now(checked)
    return NO_MARK.with_identity(new_id(), checked, login_ms, since_ms)


def identified(
    data: dict[str, Any],
    before: Stored,
    options: SessionOptions[Any],
    now: int,
    named: tuple[str | None, int] | None = None,
) -> Mark:
    """Return the mark of a session that is saved: its id stays, unless another user has it now.

    Args:
        data: the session's data.
        before: the session as the browser has it, or as `login` has begun it.
        options: the session's options.
        now: this server's time, in ms.
        named: the user that the application has named in this request, and from when on endings
            count; None if that was not seen.

    Raises:
        SessionUnavailableError: endings are to count from now on, and the store's time is unknown.
        TypeError: as `user_in`.
        ConfigurationError: as `user_in`.
    """
    mark, revoker = before.mark, options.revocations
    user_id = user_in(data, mark, options)
    if user_id == before.user_id:  # its user, or still nobody
        session_id, login_ms, since_ms = mark.session_id, mark.login_ms, mark.since_ms
    else:
        session_id, since_ms, login_ms = None, None, None if user_id is None else now
    if revoker is not None and since_ms is None:
        # What ended its user while it was in use here must end it still.
        if user_id == before.user_id:
            since_ms = before.opened_at
        elif named is not None and named[0] == user_id:
            since_ms = named[1]
        since_ms = revoker.now(user_id) if since_ms is None else since_ms
    if session_id is None:
        if revoker is None and user_id is None:
            return mark.without_identity() if mark.session_id else mark
        session_id = new_id()
    return mark.with_identity(session_id, user_id, login_ms, since_ms)
