"""aiohttp: a session for one handler, with nothing installed for the application.

@with_iron_session(options)                                     # then: get_session(request)
async def handler(request): ...
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.abc import AbstractView
from multidict import CIMultiDict

from iron_session._frames import guarded
from iron_session.errors import ConfigurationError, IronSessionError, SessionUnavailableError
from iron_session.http.headers import MultiDictHeaders
from iron_session.http.misuse import explain
from iron_session.http.unavailable import translated
from iron_session.integrations.aiohttp import sessions as lazy
from iron_session.integrations.aiohttp.middleware import UnavailableHTTPError
from iron_session.sessions.events import report_lost
from iron_session.sessions.options import SessionOptions, check_options

__all__ = ["with_iron_session"]

H = TypeVar("H", bound=Callable[..., Awaitable[web.StreamResponse]])


@guarded
def with_iron_session(options: SessionOptions, *, key: str = "session") -> Callable[[H], H]:
    """Return a decorator that gives a session to one handler, or to one method of a `web.View`.

    The handler gets it with `get_session(request)`. The session is saved by the rules of `setup`:
    with whatever response answers the request, even if a middleware makes that response, but not
    if nobody handles an exception. Middleware that runs before the handler has no session.

    Args:
        options: built once, at import time.
        key: the key for `get_session`. A second session takes another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; the decorated object is a class.
            At a request: `setup` or another decorator already manages this cookie or key.
    """
    check_options(options)

    def decorate(handler: H) -> H:
        if isinstance(handler, type):
            raise ConfigurationError(
                f"with_iron_session decorates a handler: decorate the methods of {handler.__name__}"
            )

        @wraps(handler)
        async def call(*args: Any, **named: Any) -> Any:
            """Answer as the handler does, with the session."""
            outlet = _outlet_of(_request_among((*args, *named.values())))
            outlet.begin(key, options)
            failed = True
            try:
                response = await handler(*args, **named)
                outlet.commit(key)
                failed = outlet.unanswered = not isinstance(response, web.StreamResponse)
                return response
            except SessionUnavailableError as error:
                told = translated(error, UnavailableHTTPError)
                if told is None:
                    raise
                outlet.abandon(key)
                raise told from error
            except (AttributeError, TypeError) as error:
                explain(error)
                raise
            except web.HTTPException:
                outlet.commit(key)
                failed = False
                raise
            finally:
                del args, named  # an error shows the variables of a coroutine
                outlet.finish(key, failed=failed)

        return call  # type: ignore[return-value]  # it has the handler's type

    return decorate


def _request_among(values: tuple[Any, ...]) -> web.BaseRequest:
    """Return the request from a handler's arguments: it is one of them, or a view has it."""
    for value in values:
        if isinstance(value, web.BaseRequest):
            return value
        if isinstance(value, AbstractView):
            return value.request
    raise ConfigurationError(
        "with_iron_session decorates a handler, which takes a request, or a method of a web.View"
    )


class _Outlet:
    """Writes the sessions of a request's wrapped handlers into the headers of its response.

    It replaces `write_headers` of the request's writer. Every response is sent with that method,
    whether it was prepared with the request or with a copy of it, and no other request has the
    same writer.

    Attributes:
        unanswered: whether a handler has returned something that is no response.
    """

    def __init__(self, request: web.BaseRequest) -> None:
        self.unanswered = False
        self._writer: Any = request.writer
        self._send: Any = self._writer.write_headers
        self._task: Any = request.task  # the connection's
        self._names: dict[str, str] = {}  # of the cookies, by key
        self._running = 0  # how many of the handlers are
        self._has_written = False
        self._is_cut_off = False  # the connection has ended
        self._ends: list[Callable[[object], object]] = []
        sessions = lazy.sessions_of(self._writer)
        if sessions is lazy.NONE:
            sessions = lazy.keep_sessions(self._writer, self._at_end)
        self._sessions = sessions
        vars(self._writer)["write_headers"] = self

    def begin(self, key: str, options: SessionOptions) -> None:
        """Offer a session to a handler that starts now.

        Raises:
            ConfigurationError: the request already has a session for this key or cookie.
        """
        self._sessions.lend(key, options)
        self._running += 1
        self._names[key] = options.cookie_name

    def commit(self, key: str) -> None:
        """Commit a session while middleware can still handle the error.

        Raises:
            IronSessionError: as `Session.commit`.
        """
        self._sessions.commit_one(key)

    def abandon(self, key: str) -> None:
        """Leave the browser's session as it is, whatever answers the request."""
        self._sessions.abandon_one(key)

    def finish(self, key: str, *, failed: bool) -> None:
        """Note that a handler has ended; end the sessions if the headers were sent."""
        self._sessions.give_back(key, failed=failed)
        self._running -= 1
        # If a handler fails, headers that are still in a buffer are replaced by the error's.
        is_sent = self._has_written and not (failed and self._writer.output_size == 0)
        if is_sent or self._is_cut_off:
            self._end_unless_running()

    def __call__(self, status_line: str, headers: CIMultiDict[str]) -> Any:
        """Write the sessions into a response's headers, and have the writer send these."""
        self._write(int(status_line.split()[1]), MultiDictHeaders(headers))
        self._has_written = True
        send, sessions = self._send, self._sessions
        self._end_unless_running()
        sending = send(status_line, headers)
        return _send_settled(sessions, sending) if sessions.endings else sending

    @guarded
    def _write(self, status: int, headers: MultiDictHeaders) -> None:
        if self._is_unhandled_error(status):
            for key in self._names:
                self._sessions.abandon_one(key)
        elif not self._running:
            for key in self._names:
                self._commit_late(key)
        lazy.write_sessions(self._writer, self._names, headers, cacheable=status != 101)

    def _is_unhandled_error(self, status: int) -> bool:
        """Return whether this is aiohttp's own response to something that nobody handled.

        aiohttp sends it while it handles the exception, so that its access log can show that.
        """
        if self._running or status < 500:
            return False
        error = sys.exception()
        if error is None:
            return self.unanswered
        return not isinstance(error, web.HTTPException)

    def _commit_late(self, key: str) -> None:
        """Commit what middleware changed after the handler; log an error, which nobody can handle.

        If it were raised here, aiohttp would drop the connection.
        """
        try:
            self._sessions.commit_one(key)
        except IronSessionError as error:
            report_lost(self._names[key], f"it came after the handler had returned; {error}")

    def _at_end(self, callback: Callable[[object], object]) -> None:
        """Call a function when the request is over, or at the latest when the connection is."""
        if self._writer is None:
            callback(None)
            return
        if not self._ends:
            self._task.add_done_callback(self._cut_off)
        self._ends.append(callback)

    def _cut_off(self, _: object) -> None:
        self._is_cut_off = True
        self._end_unless_running()

    def _end_unless_running(self) -> None:
        """Drop the writer and the sessions, so that no reference cycle is left."""
        if self._running or self._writer is None:
            return
        vars(self._writer).pop("write_headers", None)
        if self._ends:
            self._task.remove_done_callback(self._cut_off)
        self._writer = self._send = self._task = None
        self._sessions = lazy.NONE
        for callback in self._ends:
            callback(None)
        self._ends.clear()


async def _send_settled(sessions: lazy.LazySessions, sending: Awaitable[Any]) -> Any:
    """Send a response's headers once what its request has ended is settled."""
    await sessions.asettle()
    return await sending


def _outlet_of(request: web.BaseRequest) -> _Outlet:
    found = vars(request.writer).get("write_headers")
    return found if isinstance(found, _Outlet) else _Outlet(request)
