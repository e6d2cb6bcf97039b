"""The logins of `django.contrib.auth`: whose session it is, and what a new password ends."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.signals import user_logged_in

from iron_session._log import log
from iron_session.errors import IronSessionError
from iron_session.integrations.django.store import DjangoSession, SessionStore

__all__ = ["aend_others", "end_others"]

_FAILED: Final = (
    "a password was changed, and the user's other sessions could not be ended in the store: "
    "Django no longer takes them for logged in, but they keep their data until they expire"
)


def _begin(request: Any = None, user: Any = None, **_: object) -> None:
    """Make the session that of the user, with a new id; its data stays as Django has left it."""
    store = getattr(request, "session", None)
    if isinstance(store, SessionStore) and store.core.options.user_of is None:
        store.core.login(str(user.pk), carry=[*store.core])


user_logged_in.connect(_begin)


def end_others(session: DjangoSession) -> None:
    """End the other sessions of a user who has a new password; if that fails, log it.

    Call it once the session was written, since only then it says from when on endings count.
    """
    revoker, user_id = session.options.revocations, _user_with_new_password(session)
    if revoker is not None and user_id is not None:
        try:
            revoker.end_user(user_id, keep=session)
        except IronSessionError:
            log("ERROR", _FAILED, with_traceback=True)


async def aend_others(session: DjangoSession) -> None:
    """Do the same in a coroutine."""
    revoker, user_id = session.options.revocations, _user_with_new_password(session)
    if revoker is not None and user_id is not None:
        try:
            await revoker.aend_user(user_id, keep=session)
        except IronSessionError:
            log("ERROR", _FAILED, with_traceback=True)


def _user_with_new_password(session: DjangoSession) -> str | None:
    """Return the session's user, once; None if the request has failed."""
    session.ends_others = False
    return None if session.abandoned else session.user_id
