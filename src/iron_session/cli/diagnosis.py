"""Why a seal does not open, in one line, and what to look at next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from iron_session.cli.lives import has_outlived
from iron_session.cli.opening import (
    Asked,
    Content,
    Examination,
    Spelling,
    find_password,
    find_spelling,
    is_authentic,
)
from iron_session.cli.pasted import MAC_LENGTH
from iron_session.cli.words import in_quotes, see, span
from iron_session.errors import UnsealError
from iron_session.seals import Passwords
from iron_session.seals.iron import claimed_expiration, split_parts
from iron_session.sessions.limits import LONGEST_SEAL

__all__ = [
    "CUT_OFF",
    "OPENS",
    "Diagnosis",
    "diagnose",
    "has_odd_characters",
    "is_cut_off",
    "is_session",
    "shown_id",
]

OPENS: Final = "it opens: look elsewhere"
CUT_OFF: Final = "its end was cut off"
_ODD: Final = re.compile("[^A-Za-z0-9_*.-]")
_LONGEST_ID: Final = 32  # as long as errors and logs tell one


class Diagnosis(NamedTuple):
    """What is the matter with a seal.

    Attributes:
        verdict: it, in a line.
        advice: what more there is to say.
        is_cut: whether it fails because its end was cut off.
        is_over: whether it opens, and the session in it has ended by the options all the same.
    """

    verdict: str
    advice: str = ""
    is_cut: bool = False
    is_over: bool = False


def diagnose(text: str, examination: Examination, passwords: Passwords, asked: Asked) -> Diagnosis:
    """Say what is the matter with a seal that has eight parts."""
    content, errors = examination
    if content is not None and not errors:
        return _diagnose_opened(text, content, asked)
    expires = claimed_expiration(text) if errors[0].reason == "expired" else None
    if expires is None:
        return _explain(text, errors[-1], passwords, asked.spellings)
    expired = f"it expired {span(asked.now - expires)} ago"
    if content is not None:
        return Diagnosis(f"{expired}; before that it opened")
    found = _explain(text, errors[-1], passwords, asked.spellings)
    return found._replace(verdict=f"{expired}, and did not open before: {found.verdict}")


def is_session(content: Content) -> bool:
    """Return whether a seal holds a session, which may be too long or too old all the same."""
    return "for" not in content.mark.members and isinstance(content.data, (dict, type(None)))


def _diagnose_opened(text: str, content: Content, asked: Asked) -> Diagnosis:
    if "for" in content.mark.members:
        return Diagnosis("it opens, but it was not made for a session")
    if not isinstance(content.data, (dict, type(None))):
        return Diagnosis("it opens, but its content is no session")
    if len(text) > LONGEST_SEAL:
        return Diagnosis("it opens, but it is too long for a session")
    if has_outlived(content.mark, content.opened.expires, asked):
        return Diagnosis("it opens, but the session is past its max_lifetime", is_over=True)
    return Diagnosis(OPENS)


def _explain(
    text: str, error: UnsealError, passwords: Passwords, spellings: Sequence[Spelling]
) -> Diagnosis:
    parts = split_parts(text.partition("~")[0])
    if error.reason == "unknown-password":
        return _explain_unknown(text, parts[1], passwords)
    if is_cut_off(parts):
        return Diagnosis(CUT_OFF, is_cut=True)
    if has_odd_characters(text):
        return Diagnosis("it was changed on the way: there are characters in it that no seal has")
    if parts[5] and claimed_expiration(text) is None:
        return Diagnosis("it was changed on the way: its expiration is not a time")
    if is_authentic(text, passwords):
        return Diagnosis("another program has sealed it: its content is not JSON")
    return _explain_mac(text, parts[1], spellings)


def _explain_unknown(text: str, id_: str, passwords: Passwords) -> Diagnosis:
    found = find_password(text, id_, passwords)
    if found is not None:
        return Diagnosis(found)
    ids = ", ".join(map(str, passwords.ids))
    verdict = f"this server has no password with {shown_id(id_)}" if id_ else "no password opens it"
    return Diagnosis(verdict, f"the ids here: {ids}; none opens it")


def _explain_mac(text: str, id_: str, spellings: Sequence[Spelling]) -> Diagnosis:
    found = find_spelling(text, spellings)
    if found is not None:
        return Diagnosis(
            f"{found} opens it",
            "the server that sealed it has the password with that difference: give both the same",
        )
    return Diagnosis(
        f"this server's password {id_} is not the one that sealed it",
        f"all its parts are whole, so most likely another server has another password under id "
        f"{id_}, or another application uses this cookie name; {see('troubleshooting')}",
    )


def is_cut_off(parts: list[str]) -> bool:
    """Return whether a seal's last part is too short."""
    return len(parts[-1]) < MAC_LENGTH


def has_odd_characters(text: str) -> bool:
    """Return whether there are characters in a seal that no seal has."""
    return _ODD.search(text.partition("~")[0]) is not None


def shown_id(id_: str) -> str:
    """Return an id in words; a longer text in its place may be part of a secret."""
    if len(id_) > _LONGEST_ID:
        return f"an id of {len(id_):,} characters"
    return f"id {in_quotes(id_)}"
