"""Waiting for what another thread does in its own time."""

import gc
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

WAIT: Final = 30.0
"""How long at most, in seconds."""


def wait_for(look: Callable[[], T]) -> T:
    """Return what a function returns, as soon as it is true; what is unreachable is freed.

    A thread that has run a handler keeps its request until it ends or has more to do.
    """
    end = time.monotonic() + WAIT
    while not (found := look()) and time.monotonic() < end:
        gc.collect()
        time.sleep(0.01)
    return found
