"""503 for Flask and Quart, by Werkzeug's exception. Imports neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from werkzeug.exceptions import ServiceUnavailable

from iron_session.errors import SessionUnavailableError
from iron_session.http.heads import EnvironHead

__all__ = ["FlaskHead", "UnavailableHTTPError", "answer_by_default", "own_handler"]


class UnavailableHTTPError(SessionUnavailableError, ServiceUnavailable):
    """`SessionUnavailableError` as Flask answers it: with 503, or by the app's own handler."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.add_note(problem)


class FlaskHead(EnvironHead):
    """The head of a request to Flask."""

    __slots__ = ()

    unavailable_error: ClassVar[type[SessionUnavailableError]] = UnavailableHTTPError


def answer_by_default(app: Any, answer: Callable[..., object]) -> None:
    """Register the answer to `SessionUnavailableError`, unless the application has a handler.

    Args:
        app: the application. `register_error_handler` would refuse it after the first request.
        answer: the handler.
    """
    app.error_handler_spec[None][None].setdefault(SessionUnavailableError, answer)


def own_handler(
    app: Any, blueprints: list[str], error: Exception, ours: object = None
) -> Callable[..., Any] | None:
    """Return the application's handler for an error, as the framework looks it up.

    Args:
        app: the application.
        blueprints: the names of the request's.
        error: the error.
        ours: what is no handler of the application.
    """
    for name in (*blueprints, None):
        handlers = app.error_handler_spec[name][None]
        for kind in type(error).__mro__:
            found: Callable[..., Any] | None = handlers.get(kind)
            if found not in (None, ours):
                return found
    return None
