"""What passwords say about a seal: the check that fails, and the content behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from iron_session.errors import UnsealError
from iron_session.seals import KeyOptions, Passwords, SealOptions, Secret
from iron_session.seals.iron import (
    DEFAULTS,
    MIN_PASSWORD_LENGTH,
    OpenedSeal,
    decode_json,
    open_seal,
)
from iron_session.seals.mark import Mark, split_mark
from iron_session.seals.sealing import open_json
from iron_session.sessions import SessionOptions

__all__ = [
    "Asked",
    "Content",
    "Examination",
    "Spelling",
    "examine",
    "find_password",
    "find_spelling",
    "is_authentic",
    "other_spellings",
]

_LONG_AGO: Final = DEFAULTS.skew_ms  # in ms since 1970: no seal had expired then


class Spelling(NamedTuple):
    """A password as another server may have it.

    Attributes:
        words: which one it is, and how it differs.
        secret: it.
    """

    words: str
    secret: Secret


class Asked(NamedTuple):
    """What the caller wants to know, and when.

    Attributes:
        passwords: what to open seals with; None to say only what anybody can see.
        spellings: how else these passwords may be written elsewhere.
        ttl_ms: the ttl of the session's options, in ms; None if it is not known.
        data: whether to show the data.
        now: the time, in ms.
        options: the application's options; None if they are not known.
    """

    passwords: Passwords | None
    spellings: Sequence[Spelling]
    ttl_ms: int | None
    data: bool
    now: int
    options: SessionOptions[Any] | None = None

    @property
    def max_lifetime_ms(self) -> int | None:
        """The options' max_lifetime, in ms; None if there is none, or it is not known."""
        return None if self.options is None else self.options.max_lifetime_ms


class Content(NamedTuple):
    """What an authentic seal holds.

    Attributes:
        opened: its plaintext, password id and expiration.
        data: its data, without the mark.
        mark: its mark.
    """

    opened: OpenedSeal
    data: Any
    mark: Mark

    def __repr__(self) -> str:
        """Show no data."""
        return f"<Content: {len(self.opened.plaintext)} bytes>"


class Examination(NamedTuple):
    """What a seal holds, and which checks have failed.

    Attributes:
        content: what it holds; None if it does not open with these passwords at any time.
        errors: the check that fails now; then, for a seal that has expired, the one that would have
            failed before too.
    """

    content: Content | None
    errors: list[UnsealError]


def examine(text: str, passwords: Passwords, now: int) -> Examination:
    """Open a seal as of now, else as of long ago: whether it is authentic is worth knowing too."""
    try:
        return Examination(_open(text, passwords, now), [])
    except UnsealError as error:
        first = error
    if first.reason != "expired":
        return Examination(None, [first])
    try:
        return Examination(_open(text, passwords, _LONG_AGO), [first])
    except UnsealError as error:
        return Examination(None, [first, error])


def _open(text: str, passwords: Passwords, at: int) -> Content:
    opened = open_json(text, passwords, at)
    data, mark = split_mark(decode_json(opened.plaintext))
    return Content(opened, data, mark)


_OF_H3_2: Final = SealOptions(
    encryption=KeyOptions(iterations=8192),
    integrity=KeyOptions(algorithm="sha256", iterations=8192),
)
_RELATIVES: Final = (("@hapi/iron and h3 1", DEFAULTS), ("h3 2", _OF_H3_2))


def find_password(text: str, password_id: str, passwords: Passwords) -> str | None:
    """Return in words which password opens a seal that names another, or none; None if none does.

    @hapi/iron and h3 name none. Else the password has got another id since the seal was made.
    """
    seal = text.partition("~")[0]
    for settings, options in _RELATIVES[: 1 if password_id else None]:
        for id_, secret in passwords.by_id.items():
            if _opens(seal, secret, options):
                if password_id:
                    return f"password {id_} opens it, so the id of that password was changed"
                return f"password {id_} opens it with the settings of {settings}"
    return None


def is_authentic(text: str, passwords: Passwords) -> bool:
    """Return whether the password that a seal names has made it, whatever is in it."""
    seal = text.partition("~")[0]
    return any(_opens(seal, secret, DEFAULTS) for secret in passwords.by_id.values())


def other_spellings(texts: Mapping[str, str]) -> list[Spelling]:
    """Return passwords, by id, as files and shells change them: a line break is there or not."""
    return [
        Spelling(f"password {id_} {how}", Secret(id_, changed))
        for id_, text in texts.items()
        for how, changed in (
            ("with a line break at its end", f"{text}\n"),
            ("with the line break of Windows at its end", f"{text}\r\n"),
            ("without the white space around it", text.strip()),
        )
        if changed != text and len(changed) >= MIN_PASSWORD_LENGTH
    ]


def find_spelling(text: str, spellings: Sequence[Spelling]) -> str | None:
    """Return in words which spelling opens a seal; None if none does."""
    seal = text.partition("~")[0]
    return next((each.words for each in spellings if _opens(seal, each.secret, DEFAULTS)), None)


def _opens(seal: str, secret: Secret, options: SealOptions) -> bool:
    try:
        open_seal(seal, secret, options, _LONG_AGO)
    except UnsealError:
        return False
    return True
