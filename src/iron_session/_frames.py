"""This package's frames in an error's traceback: cleared before the error reaches the application.

Error trackers and debug pages send or show the local variables of every frame. In this package
those are passwords, keys, plaintext, and seals that open. So each public function clears the frames
below it, and keeps no secret among its own variables when it raises. The frames themselves stay,
with their lines, and so do the application's, with their variables.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from functools import wraps
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

__all__ = ["GuardedMapping", "clear_frames", "guard_building", "guarded", "shown"]

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

_OURS: Final = __name__.partition(".")[0]
# The code that this package calls holds the same data: json's encoder, for example.
_CALLED: Final = sys.stdlib_module_names | {"cryptography"}
# Before Python 3.13, clearing the frame of a suspended coroutine or generator ends it.
_MAY_WAIT: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def clear_frames(error: BaseException) -> None:
    """Clear the variables of this package's frames, in an error and in all errors that led to it.

    Frames that are still running, and those of coroutines and generators, keep theirs: the
    function that calls this deletes its own secrets first, and a coroutine keeps none.
    """
    for each in _chain(error):
        is_ours = False
        for frame in _frames(each.__traceback__):
            root = frame.f_globals.get("__name__", "").partition(".")[0]
            is_ours = root == _OURS or (is_ours and root in _CALLED)
            if is_ours and not frame.f_code.co_flags & _MAY_WAIT:
                with suppress(RuntimeError):  # it is still running
                    frame.clear()


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its causes and contexts, shown or not, and the errors in groups of them."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def guarded(function: F) -> F:
    """Decorate a function so that an error shows neither its variables nor those of what it called.

    This costs a call. A function that runs many times in a request has its own `except` block.
    """

    @wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        try:
            return function(*args, **named)
        except BaseException as error:
            del args, named
            clear_frames(error)
            raise

    return cast(F, call)


def guard_building(cls: C) -> C:
    """Decorate a dataclass that holds secrets: its `__init__` is `guarded`, its repr `shown`."""
    guarded_class: Any = cls
    guarded_class.__init__ = guarded(guarded_class.__init__)
    guarded_class.__repr__ = shown(guarded_class.__repr__)
    return cls


def shown(method: Callable[[Any], str]) -> Callable[[Any], str]:
    """Decorate a `__repr__` so that it works for an object whose `__init__` has failed, too."""

    @wraps(method)
    def show(self: Any) -> str:
        try:
            return method(self)
        except AttributeError:
            return f"<{type(self).__name__}: not built>"

    return show


class GuardedMapping(MutableMapping[str, Any]):
    """A mutable mapping whose methods from `collections.abc` show no values in errors either."""

    __slots__ = ()

    if not TYPE_CHECKING:
        pop = guarded(MutableMapping.pop)
        setdefault = guarded(MutableMapping.setdefault)
        update = guarded(MutableMapping.update)
