"""What an integration does when its server starts."""

from __future__ import annotations

from typing import Any, Final

from iron_session.sessions.options import SessionOptions

__all__ = ["start_following"]

_PATIENCE: Final = 5.0  # seconds


async def start_following(*options: SessionOptions[Any]) -> None:
    """Start to follow the stores of endings, and wait for what they hold, at most 5 seconds each.

    Without this, the first look-up does the same, and blocks the event loop meanwhile.

    Raises:
        ConfigurationError: a store can't work as it is set up.
    """
    for one in options:
        if one.revocations is not None:
            one.revocations.start()
            await one.revocations.await_until_ready(_PATIENCE)
