"""What an error tracker would send of an error: the variables of the frames in its tracebacks."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from types import FrameType

from iron_session import UnsealError
from iron_session.seals import unseal

PACKAGE = "iron_session"
PASSWORD = "a password that no frame may ever show, of 52 letters"
OLD_PASSWORD = "an older password, that is no less of a secret than it"
MARKER = "what-the-visitor-keeps-in-the-session"
SECRETS = (MARKER, PASSWORD, OLD_PASSWORD)

_SEAL = re.compile(r"Fe26\.2\*[\w*-]+")
_DEEPEST = 6


def errors_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, all that led to it, and all that a group holds."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]
            if isinstance(one, BaseExceptionGroup):
                waiting += one.exceptions


def frames_of(error: BaseException) -> Iterator[FrameType]:
    for one in errors_of(error):
        traceback = one.__traceback__
        while traceback is not None:
            yield traceback.tb_frame
            traceback = traceback.tb_next


def is_ours(thing: object) -> bool:
    """Return whether a frame, or an object by its class, is from this package."""
    if isinstance(thing, FrameType):
        name = thing.f_globals.get("__name__", "")
    else:
        name = type(thing).__module__
    return str(name).partition(".")[0] == PACKAGE


def our_frames(error: BaseException) -> list[FrameType]:
    return [frame for frame in frames_of(error) if is_ours(frame)]


def texts_in(value: object, depth: int = 0) -> Iterator[str]:
    """Yield all texts that Sentry would send of a value, and its repr, which others send."""
    yield repr(value)
    shown = getattr(type(value), "__sentry_repr__", None)
    if callable(shown):
        yield str(shown(value))
        return
    if depth == _DEEPEST:
        return
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from texts_in(key, depth + 1)
            yield from texts_in(one, depth + 1)
    elif isinstance(value, (Set, Sequence)) and not isinstance(value, (str, bytes, bytearray)):
        for one in value:
            yield from texts_in(one, depth + 1)


def opens(text: str) -> bool:
    """Return whether a text has a seal that one of the passwords opens."""
    return any(_opens(found, one) for found in _SEAL.findall(text) for one in SECRETS[1:])


def _opens(seal: str, password: str) -> bool:
    try:
        unseal(seal, password)
    except UnsealError:
        return False
    return True


def is_secret(text: str) -> bool:
    return any(secret in text for secret in SECRETS) or opens(text)


def leaks_of(error: BaseException) -> list[str]:
    """Name every variable that shows a secret: in our frames, and objects of our classes in others.

    Frames of Python's own modules count as ours if our code has called them, or if they are of
    methods that our classes inherit from there. Any bytes in our frames count as secrets: a key
    can't be told from other bytes.
    """
    found = []
    ours = False
    for frame in frames_of(error):
        root = str(frame.f_globals.get("__name__")).partition(".")[0]
        ours = ours or is_ours(frame.f_locals.get("self"))
        ours = is_ours(frame) or (ours and root in sys.stdlib_module_names)
        for name, value in frame.f_locals.items():
            if not (ours or is_ours(value)):
                continue
            is_key = ours and isinstance(value, (bytes, bytearray))
            if is_key or any(map(is_secret, texts_in(value))):
                found.append(f"{frame.f_code.co_qualname}: {name}")
    found += [f"message of {one!r}" for one in errors_of(error) if is_secret(repr(one))]
    return found
