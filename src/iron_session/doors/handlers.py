"""An application's own handler of exceptions, watched: whether it has answered or failed itself."""

from __future__ import annotations

from typing import Any

__all__ = ["watch_handler"]


def watch_handler(handler: Any, request: Any, exception: Exception) -> Any:
    """Have a handler answer, as a function or a coroutine, and note on the request how it went.

    Its attribute `has_failed` is True where the handler gave None or raised.
    """
    answer = handler(request, exception)
    state = getattr(request, "__dict__", {})  # a request of another class may come this way too
    state["has_failed"] = answer is None
    return _finish(state, answer) if hasattr(answer, "__await__") else answer


async def _finish(state: dict[str, Any], answer: Any) -> Any:
    try:
        return await answer
    except Exception:
        state["has_failed"] = True
        raise
