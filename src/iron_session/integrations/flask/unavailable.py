"""503 for Flask and Quart, by Werkzeug's exception. Imports neither."""

from __future__ import annotations

from typing import ClassVar

from werkzeug.exceptions import ServiceUnavailable

from iron_session.errors import SessionUnavailableError
from iron_session.http.heads import EnvironHead

__all__ = ["FlaskHead", "UnavailableHTTPError"]


class UnavailableHTTPError(SessionUnavailableError, ServiceUnavailable):
    """`SessionUnavailableError` as Flask answers it: with 503, or by the app's own handler."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.add_note(problem)


class FlaskHead(EnvironHead):
    """The head of a request to Flask."""

    __slots__ = ()

    unavailable_error: ClassVar[type[SessionUnavailableError]] = UnavailableHTTPError
