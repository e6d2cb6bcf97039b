"""What handlers do with a session, so that it fails; in no frame of theirs is a secret."""

from collections.abc import Callable
from typing import Any

from iron_session import Passwords, SessionOptions, seal_data, unseal_data
from iron_session.links import Links
from iron_session.testing import cookie_header
from tests.helpers.frames import MARKER, OLD_PASSWORD, PASSWORD

COOKIE = {"secure": False}
PASSWORDS = Passwords({1: OLD_PASSWORD, 2: PASSWORD})
OPTIONS: SessionOptions = SessionOptions(
    password=PASSWORDS, cookie_name="visit", cookie_options=COOKIE
)
OTHER: SessionOptions = SessionOptions(
    password=PASSWORD, cookie_name="basket", cookie_options=COOKIE
)
DATA = {"user": {"secret": MARKER}, "secret": MARKER}
HEADERS = {"Cookie": f"{cookie_header(OPTIONS, DATA)}; {cookie_header(OTHER, {'secret': MARKER})}"}

_RESET = Links(password=PASSWORD, purpose="reset")


def unfit() -> dict[str, Any]:
    return {"secret": MARKER, "when": object()}


def big() -> str:
    return MARKER * 200


def purposed() -> str:
    return seal_data(DATA, password=PASSWORD, purpose="login")


def link() -> str:
    return Links(password=PASSWORD, purpose="login").make("https://example.com/", DATA)


class CrashError(Exception):
    """A fault of the application's own."""


def crash(session: Any) -> None:
    """Fail for a reason of the application's, with a session that was read."""
    assert "user" in session
    raise CrashError


def crash_unread(session: Any) -> None:
    """Fail before anybody has looked at the session."""
    raise CrashError


def put_unfit(session: Any) -> None:
    session["x"] = unfit()


def update_unfit(session: Any) -> None:
    session.update(unfit())


def save_too_much(session: Any) -> None:
    session["big"] = big()
    session.save()


def leave_too_much(session: Any) -> None:
    """Leave it to the framework to write what does not fit."""
    session["big"] = big()


def leave_unfit(session: Any) -> None:
    session["user"]["when"] = object()


def leave_destroyed(session: Any) -> None:
    session.destroy()
    session["user"] = {"secret": MARKER}


def seal_unfit(session: Any) -> None:
    seal_data(unfit(), password=PASSWORDS)


def unseal_another_purpose(session: Any) -> None:
    unseal_data(purposed(), password=PASSWORDS, purpose="reset")


def read_another_link(session: Any) -> None:
    _RESET.read(link())


ACTIONS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "crash": ("CrashError", crash),
    "crash-unread": ("CrashError", crash_unread),
    "put-unfit": ("NotSerializableError", put_unfit),
    "update-unfit": ("NotSerializableError", update_unfit),
    "save-too-much": ("CookieTooLargeError", save_too_much),
    "leave-too-much": ("CookieTooLargeError", leave_too_much),
    "leave-unfit": ("NotSerializableError", leave_unfit),
    "leave-destroyed": ("SessionDestroyedError", leave_destroyed),
    "seal-unfit": ("NotSerializableError", seal_unfit),
    "unseal": ("UnsealError", unseal_another_purpose),
    "link": ("UnsealError", read_another_link),
}


def crash_by_hand(session: Any) -> None:
    assert session["secret"] == MARKER
    session.save()
    raise CrashError


# What a handler does in the explicit form; and one by which the framework's own session is asked
# for by hand, which is refused.
EXPLICIT: dict[str, tuple[str, SessionOptions, Callable[[Any], None]]] = {
    "by-hand-crash": ("CrashError", OTHER, crash_by_hand),
    "by-hand-too-much": ("CookieTooLargeError", OTHER, save_too_much),
    "by-hand-twice": ("ConfigurationError", OPTIONS, save_too_much),
}


KINDS = {name: kind for name, (kind, *_) in (*ACTIONS.items(), *EXPLICIT.items())}
"""The error that each leads to."""


def perform(name: str, find: Callable[[], Any], begin: Callable[[SessionOptions], Any]) -> None:
    """Do what a path names: with the framework's session, or with one of the explicit form."""
    if name in ACTIONS:
        session = find()
        ACTIONS[name][1](session)
    else:
        _, options, action = EXPLICIT[name]
        session = begin(options)
        action(session)
