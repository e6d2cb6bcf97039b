"""What `inspect` says about one text: its parts and times, the checks, and what is inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from iron_session.cli.kinds import maker_of_seal, recognise
from iron_session.cli.opening import Content, Examination, examine, find_password
from iron_session.cli.terminal import GOOD, PASSWORD_VARIABLE, REFUSED, Line, json_lines
from iron_session.cli.words import in_quotes, span, when
from iron_session.errors import UnsealError
from iron_session.seals import Passwords
from iron_session.seals._crypto import MAC_KEY_BYTES
from iron_session.seals._encoding import base64url_encode
from iron_session.seals.iron import DEFAULTS, PREFIX, claimed_expiration, split_parts
from iron_session.seals.mark import Mark
from iron_session.sessions.limits import LONGEST_SEAL

__all__ = ["NO_SEAL", "Asked", "Report", "describe"]

NO_SEAL: Final = 3
_ALL_PARTS: Final = 8
_MAC_LENGTH: Final = len(base64url_encode(bytes(MAC_KEY_BYTES)))  # a mac is as long as its key


class Asked(NamedTuple):
    """What the caller wants to know, and when.

    Attributes:
        passwords: what to open seals with; None to say only what anybody can see.
        ttl_ms: the ttl of the session's options, in ms; None if it is not known.
        data: whether to show the data.
        now: the time, in ms.
    """

    passwords: Passwords | None
    ttl_ms: int | None
    data: bool
    now: int


class Report(NamedTuple):
    """What there is to say.

    Attributes:
        lines: it, as lines.
        status: the exit status, if it is the best of all.
    """

    lines: list[Line]
    status: int


def describe(name: str, text: str, asked: Asked) -> Report:
    """Describe a text that was the value of a cookie with this name."""
    if not text.startswith(PREFIX):
        return Report(list(_describe_other(text, asked.now)), NO_SEAL)
    try:
        parts = split_parts(text.partition("~")[0])
    except UnsealError as error:
        return Report(list(_describe_broken(text, error)), REFUSED)
    lines = list(_describe_outside(name, text, parts, asked.now))
    if asked.passwords is None:
        is_good = not _has_expired(text, asked.now) and not _is_cut_off(parts)
        lines.append(Line("check", f"not made: {PASSWORD_VARIABLE} is not set"))
        lines += _tell_sealed(text, None, asked)
    else:
        examination = examine(text, asked.passwords, asked.now)
        is_good = not examination.errors
        lines += _describe_checks(text, examination, asked.passwords)
        lines += _describe_inside(text, examination.content, asked)
    return Report(lines, GOOD if is_good else REFUSED)


# --- what anybody can see ------------------------------------------------------------------------


def _describe_other(text: str, now: int) -> Iterator[Line]:
    kind = recognise(text)
    if kind is None:
        yield Line("kind", f"nothing known, {_size(text)}: not a seal", "bad")
        return
    yield Line("kind", f"{kind.what}, {_size(text)}", "bad")
    if kind.made_ms is not None:
        yield Line("signed", f"{when(kind.made_ms, now)}; not verified")
    if kind.expires_ms is not None:
        yield Line("expires", f"{when(kind.expires_ms, now)}; not verified")


def _describe_broken(text: str, error: UnsealError) -> Iterator[Line]:
    seal = text.partition("~")[0]
    found = seal.count("*") + 1
    yield Line("kind", f"no whole seal, {_size(text)}", "bad")
    yield Line("check", f'"{error.reason}": {error}', "bad")
    if found < _ALL_PARTS:
        yield Line("parts", f"{found} of {_ALL_PARTS}: the end is missing", "bad")
    elif found > _ALL_PARTS:
        yield Line("parts", f"{found}, and a seal has {_ALL_PARTS}", "bad")
    else:
        yield Line("parts", "there are characters in it that no seal has", "bad")


def _describe_outside(name: str, text: str, parts: list[str], now: int) -> Iterator[Line]:
    _, id_, salt, iv, ciphertext, expiration, mac_salt, mac = parts
    _, tilde, version = text.partition("~")
    yield Line("kind", f"a seal of {maker_of_seal(name, id_, has_version=bool(tilde))}")
    suffix = f", and the version ~{version[:8]}" if tilde else ""
    yield Line(
        "size",
        f"{_size(text)}: encryption salt {len(salt)}, iv {len(iv)}, ciphertext {len(ciphertext)}, "
        f"mac salt {len(mac_salt)}, mac {len(mac)}{suffix}",
    )
    yield Line("password", f"id {in_quotes(id_)}" if id_ else "the seal names none")
    yield _tell_expiration(text, expiration, now)
    if _is_cut_off(parts):
        told = f"the mac has {len(mac)} of {_MAC_LENGTH} characters: the end is missing"
        yield Line("parts", told, "bad")


def _is_cut_off(parts: list[str]) -> bool:
    return len(parts[-1]) < _MAC_LENGTH


def _tell_expiration(text: str, expiration: str, now: int) -> Line:
    expires = claimed_expiration(text)
    if not expiration:
        return Line("expires", "never")
    if expires is None:
        return Line("expires", f"not a time: {in_quotes(expiration)}", "bad")
    if _has_expired(text, now):
        return Line("expires", when(expires, now), "bad")
    late = f"; it opens for {DEFAULTS.skew_ms // 1000} seconds longer" if expires <= now else ""
    return Line("expires", when(expires, now) + late)


def _has_expired(text: str, now: int) -> bool:
    """Return whether a seal is not to be opened any more, by what it says itself."""
    expires = claimed_expiration(text)
    return expires is not None and expires <= now - DEFAULTS.skew_ms


def _size(text: str) -> str:
    return f"{len(text):,} character{'' if len(text) == 1 else 's'}"


# --- what passwords say --------------------------------------------------------------------------


def _describe_checks(text: str, examination: Examination, passwords: Passwords) -> Iterator[Line]:
    content, errors = examination
    for number, error in enumerate(errors):
        label = "before that" if number else "check"
        yield Line(label, f'"{error.reason}": {error}', "bad")
        if error.reason == "unknown-password":
            yield Line("", _tell_passwords(text, passwords))
    if content is not None:
        yield _tell_opened(content, passwords, expired=bool(errors))


def _tell_passwords(text: str, passwords: Passwords) -> str:
    password_id = split_parts(text.partition("~")[0])[1]
    ids = ", ".join(map(str, passwords.ids))
    return find_password(text, password_id, passwords) or f"the ids here: {ids}; none opens it"


def _tell_opened(content: Content, passwords: Passwords, *, expired: bool) -> Line:
    id_ = content.opened.password_id
    if expired:
        return Line("before that", f"it opened with password {id_}")
    old = ", an older one: a session is sealed again" if passwords.is_outdated(id_) else ""
    return Line("check", f"opens with password {id_}{old}", "good")


def _describe_inside(text: str, content: Content | None, asked: Asked) -> Iterator[Line]:
    if content is None:
        yield from _tell_sealed(text, None, asked)
        return
    yield from _tell_sealed(text, content.mark, asked)
    yield from _tell_session(text, content)
    yield from _describe_mark(content.mark, asked.now)
    if not asked.data:
        yield Line("data", f"{len(content.opened.plaintext):,} bytes of JSON, shown with --data")
        return
    for number, line in enumerate(json_lines(content.data)):
        yield Line("" if number else "data", line)


def _tell_session(text: str, content: Content) -> Iterator[Line]:
    """Say why a seal that opens is no session."""
    try:
        content.mark.require_purpose(None, content.opened.password_id)
    except UnsealError as error:
        purpose = in_quotes(str(content.mark.members["for"]))
        yield Line("session", f'no, "{error.reason}": made for {purpose}, so not for a session')
    if not isinstance(content.data, (dict, type(None))):
        yield Line("session", "no: the content is not an object")
    if len(text) > LONGEST_SEAL:
        yield Line("session", f"no: sessions have at most {LONGEST_SEAL:,} characters")


def _tell_sealed(text: str, mark: Mark | None, asked: Asked) -> Iterator[Line]:
    """Say when a seal was made, if its ttl is known; only its end is written in it."""
    expires, own = claimed_expiration(text), mark.ttl_ms if mark else None
    ttl_ms = asked.ttl_ms if own is None else own
    if expires is None or not ttl_ms:
        return
    sealed = expires - ttl_ms
    if sealed > asked.now:
        yield Line("sealed", "not known: its end does not fit the ttl")
        return
    # What has a beginning has a longest life too, which is not written in it.
    is_bounded = mark is not None and mark.created_ms is not None
    later = ", or later if max_lifetime has cut its life short" if is_bounded else ""
    yield Line("sealed", f"{when(sealed, asked.now)}, by a ttl of {span(ttl_ms)}{later}")


# --- the mark ------------------------------------------------------------------------------------


def _describe_mark(mark: Mark, now: int) -> Iterator[Line]:
    if not mark:
        return
    facts: dict[str, str | None] = {
        "session id": mark.session_id and in_quotes(mark.session_id),
        "user": mark.user_id and in_quotes(mark.user_id),
        "logged in": _when(mark.login_ms, now),
        "began": _when(mark.created_ms, now),
        "endings count since": _when(mark.since_ms, now),
        "own ttl": None if mark.ttl_ms is None else span(mark.ttl_ms) if mark.ttl_ms else "endless",
    }
    told = [f"{name} {value}" for name, value in facts.items() if value is not None]
    yield Line("$iron", f"has the members {', '.join(map(in_quotes, mark.members))}")
    yield from (Line("", each) for each in told)


def _when(milliseconds: int | None, now: int) -> str | None:
    return None if milliseconds is None else when(milliseconds, now)
