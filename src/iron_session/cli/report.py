"""What `inspect` says about one text: its parts and times, the checks, and what is inside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from iron_session.cli.diagnosis import (
    CUT_OFF,
    OPENS,
    Diagnosis,
    diagnose,
    has_odd_characters,
    is_cut_off,
    is_session,
    shown_id,
)
from iron_session.cli.kinds import WORKOS, maker_of_seal, recognise
from iron_session.cli.lives import find_life, has_outlived
from iron_session.cli.opening import Asked, Content, Examination, examine
from iron_session.cli.pasted import MAC_LENGTH
from iron_session.cli.terminal import GOOD, PASSWORD_VARIABLE, REFUSED, Line, Mood, json_lines
from iron_session.cli.words import in_quotes, span, when
from iron_session.errors import UnsealError
from iron_session.seals import Passwords
from iron_session.seals.iron import DEFAULTS, PREFIX, claimed_expiration, split_parts
from iron_session.seals.mark import Mark
from iron_session.sessions.limits import LONGEST_SEAL

__all__ = ["END_IS_MISSING", "NO_SEAL", "Report", "describe"]

NO_SEAL: Final = 3
_ALL_PARTS: Final = 8


class Report(NamedTuple):
    """What there is to say.

    Attributes:
        lines: it, as lines.
        status: the exit status, if it is the best of all.
        verdict: what is the matter, in a line; empty for what is no seal.
    """

    lines: list[Line]
    status: int
    verdict: str = ""

    @property
    def mood(self) -> Mood:
        """Whether the verdict is good or bad."""
        return "good" if self.status == GOOD else "bad"


def describe(name: str, text: str, asked: Asked) -> Report:
    """Describe a text that was the value of a cookie with this name."""
    if not text.startswith(PREFIX):
        return Report(list(_describe_other(text, asked.now)), NO_SEAL)
    try:
        parts = split_parts(text.partition("~")[0])
    except UnsealError as error:
        return _describe_broken(text, error)
    lines = list(_describe_outside(name, text, parts, asked.now))
    if asked.passwords is None:
        lines.append(Line("check", f"not made: {PASSWORD_VARIABLE} is not set"))
        lines += _tell_life(text, None, asked)
        problem = _find_outside(text, parts, asked.now)
        return Report(lines, REFUSED if problem else GOOD, problem or _SEEMS_GOOD)
    examination = examine(text, asked.passwords, asked.now)
    found = diagnose(text, examination, asked.passwords, asked)
    lines += _describe_checks(examination, asked.passwords, found, asked)
    if examination.errors and maker_of_seal(name, parts[1], has_version="~" in text) == WORKOS:
        lines.append(Line("", _OF_WORKOS))
    lines += _describe_inside(text, examination.content, asked)
    is_refused = examination.errors or found.is_over
    return Report(lines, REFUSED if is_refused else GOOD, found.verdict)


_OF_WORKOS: Final = (
    "WorkOS AuthKit has its password in WORKOS_COOKIE_PASSWORD, which --password-env can name"
)
_SEEMS_GOOD: Final = "a whole seal that has not expired, by what it says itself"


def _find_outside(text: str, parts: list[str], now: int) -> str | None:
    """Return what is wrong with a seal, as far as anybody can see it."""
    expires = claimed_expiration(text)
    if expires is not None and _has_expired(text, now):
        return f"it expired {span(now - expires)} ago"
    return CUT_OFF if is_cut_off(parts) else None


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


def _describe_broken(text: str, error: UnsealError) -> Report:
    verdict, parts = _tell_parts(text)
    lines = [
        Line("kind", f"no whole seal, {_size(text)}", "bad"),
        Line("check", f'"{error.reason}": {error}', "bad"),
        Line("parts", parts, "bad"),
    ]
    return Report(lines, REFUSED, verdict)


_TWICE: Final = re.compile(rf"{PREFIX}%(?:25)*2A", re.IGNORECASE)
_VERSION: Final = re.compile(r"~[0-9]{1,4}\Z")


def _tell_parts(text: str) -> tuple[str, str]:
    """Return why a text is no whole seal, in short and at length."""
    found = text.partition("~")[0].count("*") + 1
    if found == 1 and _TWICE.match(text):
        return (
            "this seal is percent-encoded twice",
            "servers undo percent-encoding once: the program that sets the cookie encodes its "
            "value, or copying did",
        )
    if found < _ALL_PARTS and _VERSION.search(text):
        return (
            "this is no whole seal: its middle is missing, or the * in it",
            f"{found} of {_ALL_PARTS}, though the end is there: a chunk may be missing, or "
            "something has removed the * between the parts, as Markdown does",
        )
    if found < _ALL_PARTS:
        return END_IS_MISSING, f"{found} of {_ALL_PARTS}: the end is missing"
    if found > _ALL_PARTS:
        return (
            "this is no seal, though it begins as one: it has too many parts",
            f"{found}, and a seal has {_ALL_PARTS}",
        )
    return f"it was changed on the way: {_ODD}", _ODD


END_IS_MISSING: Final = "this is no whole seal: the end is missing"


def _describe_outside(name: str, text: str, parts: list[str], now: int) -> Iterator[Line]:
    _, id_, salt, iv, ciphertext, expiration, mac_salt, mac = parts
    _, tilde, version = text.partition("~")
    maker = maker_of_seal(name, id_, has_version=bool(tilde))
    kind = _CUT_SEAL if is_cut_off(parts) and not tilde else f"a seal of {maker}"
    yield Line("kind", kind)
    suffix = _tell_version(version) if tilde else ""
    yield Line(
        "size",
        f"{_size(text)}: encryption salt {len(salt)}, iv {len(iv)}, ciphertext {len(ciphertext)}, "
        f"mac salt {len(mac_salt)}, mac {len(mac)}{suffix}",
    )
    yield Line("password", shown_id(id_) if id_ else "the seal names none")
    yield _tell_expiration(text, expiration, now)
    if is_cut_off(parts):
        told = f"the mac has {len(mac)} of {MAC_LENGTH} characters: the end is missing"
        yield Line("parts", told, "bad")
    elif has_odd_characters(text):
        yield Line("parts", _ODD, "bad")


_ODD: Final = "there are characters in it that no seal has"
_CUT_SEAL: Final = "a seal whose end was cut off, as it seems"


def _tell_version(version: str) -> str:
    """Say which version follows a seal; anything else there may be part of another secret."""
    digits = re.match("[0-9]{0,4}", version)
    number = digits[0] if digits else ""
    rest = len(version) - len(number)
    told = f", and the version ~{number}" if number else ", and ~"
    return told + (f", and {rest:,} character{'' if rest == 1 else 's'} after it" if rest else "")


_LONGEST_TIME: Final = 21  # as JavaScript writes numbers


def _tell_expiration(text: str, expiration: str, now: int) -> Line:
    expires = claimed_expiration(text)
    if not expiration:
        return Line("expires", "never")
    if expires is None:
        shown = in_quotes(expiration) if len(expiration) <= _LONGEST_TIME else _size(expiration)
        return Line("expires", f"not a time: {shown}", "bad")
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


def _describe_checks(
    examination: Examination, passwords: Passwords, found: Diagnosis, asked: Asked
) -> Iterator[Line]:
    content, errors = examination
    for number, error in enumerate(errors):
        label = "before that" if number else "check"
        is_cut = error.reason == "invalid" and found.is_cut
        yield Line(label, f'"{error.reason}": {CUT_OFF if is_cut else error}', "bad")
    if found.advice:
        yield Line("", found.advice)
    if content is not None:
        yield _tell_opened(content, passwords, expired=bool(errors))
        if found.verdict == OPENS:
            yield Line(
                "not asked", _NOT_ASKED.format(" and the schema" if asked.options else _NOT_GIVEN)
            )


_NOT_ASKED: Final = (
    "what only the application knows: whether the session was ended, accept{}; its log has the "
    "reason"
)
_NOT_GIVEN: Final = ", the schema, max_lifetime, and the cookie's name"


def _tell_opened(content: Content, passwords: Passwords, *, expired: bool) -> Line:
    id_ = content.opened.password_id
    if expired:
        return Line("before that", f"it opened with password {id_}")
    old = ", an older one: a session is sealed again" if passwords.is_outdated(id_) else ""
    return Line("check", f"opens with password {id_}{old}", "good")


def _describe_inside(text: str, content: Content | None, asked: Asked) -> Iterator[Line]:
    yield from _tell_life(text, content, asked)
    if content is None:
        return
    yield from _tell_session(text, content, asked)
    yield from _describe_mark(content.mark, asked.now)
    if not asked.data:
        yield Line("data", f"{len(content.opened.plaintext):,} bytes of JSON, shown with --data")
        return
    for number, line in enumerate(json_lines(content.data)):
        yield Line("" if number else "data", line)


def _tell_life(text: str, content: Content | None, asked: Asked) -> Iterator[Line]:
    """Say when a seal was made; and of a session that has expired or soon will, what ends it."""
    life = find_life(claimed_expiration(text), content and content.mark, asked)
    if life is None:
        return
    yield from life.tell_sealed(asked.now)
    if content is None or not is_session(content):
        return
    if _has_expired(text, asked.now) or life.ends_soon(asked.now):
        yield from life.tell_end(asked)


def _tell_session(text: str, content: Content, asked: Asked) -> Iterator[Line]:
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
    is_open = is_session(content) and not _has_expired(text, asked.now)
    if is_open and has_outlived(content.mark, content.opened.expires, asked):
        told = 'no, "expired": it is past the max_lifetime of the options'
        yield Line("session", told, "bad")


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
