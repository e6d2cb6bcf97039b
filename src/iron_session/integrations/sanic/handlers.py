"""Watches an application's exception handler: whether it answers, or fails itself."""

from __future__ import annotations

from typing import Any

__all__ = ["watch_handler"]


def watch_handler(handler: Any, request: Any, exception: Exception) -> Any:
    """Call a handler, plain or async, and store on the request whether it failed.

    The request's `has_failed` is True if the handler returned None or raised.
    """
    answer = handler(request, exception)
    _note(request, has_failed=answer is None)
    return _finish(request, answer) if hasattr(answer, "__await__") else answer


async def _finish(request: Any, answer: Any) -> Any:
    try:
        return await answer
    except Exception:
        _note(request, has_failed=True)
        raise


def _note(request: Any, *, has_failed: bool) -> None:
    if hasattr(request, "has_failed"):  # a request of another class may come this way too
        request.has_failed = has_failed
