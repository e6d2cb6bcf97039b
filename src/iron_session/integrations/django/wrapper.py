"""A session for one view, with nothing installed for the project.

@with_iron_session(options)                                     # then: request.session
def view(request): ...
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial, wraps
from inspect import isawaitable
from typing import Any, Final, NoReturn, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import connections
from django.http import Http404, HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from iron_session._frames import guarded
from iron_session.errors import ConfigurationError, IronSessionError, SessionUnavailableError
from iron_session.http.request import RequestSessions
from iron_session.integrations.django.middleware import (
    IronSessionMiddleware,
    answer_failure,
    explain,
)
from iron_session.integrations.django.store import SessionStore
from iron_session.sessions.options import SessionOptions, check_options

__all__ = ["with_iron_session"]

F = TypeVar("F", bound=Callable[..., Any])

_FIRST: Final = IronSessionMiddleware.key
_HTTP_ERRORS: Final = (
    Http404,
    PermissionDenied,
    BadRequest,
    SuspiciousOperation,
    MultiPartParserError,
    SessionUnavailableError,
)
"""What Django answers with a 4xx page, and what it has no page for."""

_UNCARRIED: Final = (
    "the view raised an exception, or returned another response than the one that was sent: catch "
    "the exception in the view, or install IronSessionMiddleware"
)


@guarded
def with_iron_session(options: SessionOptions, *, key: str = _FIRST) -> Callable[[F], F]:
    """Return a decorator that gives one view a session: a function, synchronous or not.

    Decorate a class by `@method_decorator(with_iron_session(options), name="dispatch")`. The view
    finds the session at `request.session` and by `get_session(request)`. It is written as
    `IronSessionMiddleware` writes it, but needs neither that nor our SESSION_ENGINE.

    If Django's own SessionMiddleware is installed, `request.session` is ours while the view runs,
    while its template is rendered and its body streamed, and Django's at any other time.
    `request.user` stays the user of Django's session. Other parts of Django that use
    `request.session` within the view get ours, messages for example: if the view needs those, use
    another key.

    Exceptions that Django answers with a 4xx page (`Http404`, `PermissionDenied`) are answered
    here, so that the page carries the session, and `SessionUnavailableError` with 503;
    ATOMIC_REQUESTS still rolls back. Any other
    exception passes, and nothing is written: if a middleware's `process_exception` answers it, the
    change is logged as lost. Views that call each other share the session if they are decorated
    with the same options.

    Args:
        options: built once, at import time.
        key: the request's attribute for the session. A second session needs another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`; at a request: the middleware or
            another decorator already serves this cookie or key, or a method is decorated without
            `method_decorator`.
    """
    check_options(options)
    got_request_exception.connect(_abandon)
    middleware = cache(lambda: _ViewMiddleware(options, key))

    def decorate(view: F) -> F:
        if iscoroutinefunction(view):

            @wraps(view)
            async def call_async(request: Any, *args: Any, **named: Any) -> Any:
                """Answer as the view does, with the session."""
                visit = _begin(request, middleware())
                answer = view(request, *args, **named)
                return await (answer if visit is None else visit.follow(answer))

            return cast(F, call_async)

        @wraps(view)
        def call(request: Any, *args: Any, **named: Any) -> Any:
            visit = _begin(request, middleware())
            if visit is None:
                return view(request, *args, **named)
            answer = visit.run(lambda: view(request, *args, **named))
            # The `dispatch` of a class with coroutines is a plain function.
            return visit.follow(answer) if isawaitable(answer) else visit.finish(answer)

        return cast(F, call)

    return decorate


class _ViewMiddleware(IronSessionMiddleware):
    """The part of the middleware that a view needs; Django does not call it."""

    def __init__(self, options: SessionOptions, key: str) -> None:
        self.key = key  # type: ignore[misc]  # in MIDDLEWARE, it is the class's
        self._prepare(SessionStore, options)
        self.place: str = self._place

    def is_open(self, request: HttpRequest) -> bool:
        """Return whether the request has this very session, and it can still be written."""
        store: Any = getattr(request, self.key, None)
        door = getattr(store, "_door", None)
        if not isinstance(door, _ViewMiddleware) or door.options is not self.options:
            return False
        begun: RequestSessions | None = request.META.get(self.place)
        return store._left is None if begun is None else not begun.started

    def give_up(self, request: HttpRequest, error: BaseException | None) -> bool:
        """Close the request's session, which no response will carry.

        Returns:
            Whether a change may be lost.
        """
        store: Any = getattr(request, self.key)
        is_unseen = self.place not in request.META and isinstance(store, SessionStore)
        if is_unseen or isinstance(error, CancelledError):  # the visitor has disconnected
            self._let_go(request)
            return False
        sessions = self._sessions_of(request)
        with suppress(IronSessionError):
            self._adopt_replacement(request, sessions.by_key[self.key])
        sessions.close()
        return True


@guarded
def _begin(request: Any, middleware: _ViewMiddleware) -> _Visit | None:
    """Begin the session of a view; return None if the view that calls this one began it.

    Raises:
        ConfigurationError: see `with_iron_session`.
    """
    request = getattr(request, "_request", request)  # within that of Django REST framework
    if not hasattr(request, "META"):
        raise ConfigurationError(
            "with_iron_session decorates a view that takes a request: decorate a class by "
            '@method_decorator(with_iron_session(options), name="dispatch")'
        )
    return None if middleware.is_open(request) else _Visit(request, middleware)


class _Visit:
    """A request's time in a view that has a session of its own."""

    def __init__(self, request: Any, middleware: _ViewMiddleware) -> None:
        self._request = request
        self._middleware = middleware
        self._theirs = getattr(request, middleware.key, None)
        self._is_written = False
        middleware.process_request(request)
        self._ours = getattr(request, middleware.key)
        if self._theirs is not None and middleware.key == _FIRST:
            self._keep_user()

    # --- request.session -------------------------------------------------------------------

    def _put(self) -> None:
        setattr(self._request, self._middleware.key, self._ours)

    def _put_back(self) -> None:
        """Put back what was there before the view; if nothing was there, ours stays."""
        found = getattr(self._request, self._middleware.key)
        if self._theirs is not None and found is not self._theirs:
            self._ours = found  # the view may have put a dict there
            setattr(self._request, self._middleware.key, self._theirs)

    @contextmanager
    def _inside(self) -> Iterator[None]:
        self._put()
        try:
            yield
        finally:
            self._put_back()

    @contextmanager
    def _outside(self) -> Iterator[None]:
        there = getattr(self._request, self._middleware.key)
        setattr(self._request, self._middleware.key, self._theirs)
        try:
            yield
        finally:
            setattr(self._request, self._middleware.key, there)

    def _keep_user(self) -> None:
        """Read `request.user`, at its first use, from Django's session."""
        attributes = vars(self._request)
        if isinstance(attributes.get("user"), SimpleLazyObject):
            attributes["user"] = SimpleLazyObject(partial(self._look_up, attributes["user"]))
        if "auser" in attributes:
            attributes["auser"] = partial(self._alook_up, attributes["auser"])

    def _look_up(self, user: Any) -> Any:
        with self._outside():
            bool(user)  # any use reads it
        return user._wrapped

    async def _alook_up(self, auser: Callable[[], Awaitable[Any]]) -> Any:
        with self._outside():
            return await auser()

    # --- the view's answer -----------------------------------------------------------------

    def run(self, view: Callable[[], Any]) -> Any:
        """Call the view, or what renders its template, and answer an HTTP error."""
        try:
            with self._failing(_HTTP_ERRORS):
                return view()
        except _HTTP_ERRORS as error:
            return self._answer(error)

    async def follow(self, answer: Awaitable[Any]) -> Any:
        """Wait for the view, and finish."""
        try:
            with self._failing(_HTTP_ERRORS):
                response = await answer
        except _HTTP_ERRORS as error:
            response = await self._aanswer(error)
        if self._is_finished(response):
            return response
        with self._failing():
            response = await self._middleware.aprocess_response(self._request, response)
        self._leave(response)
        return response

    def finish(self, response: Any) -> Any:
        """Write the session into the view's response, after its template is rendered."""
        if self._is_finished(response):
            return response
        with self._failing():
            response = self._middleware.process_response(self._request, response)
        self._leave(response)
        return response

    def _answer(self, error: Exception) -> Any:
        """Answer an HTTP error as Django does, and roll back what ATOMIC_REQUESTS began."""
        with self._failing():
            if isinstance(error, SessionUnavailableError):
                response = self._middleware.answer_unavailable(self._request)
            else:
                response = answer_failure(_reraise, error)(self._request)
        for connection in connections.all(initialized_only=True):
            if connection.settings_dict["ATOMIC_REQUESTS"] and connection.in_atomic_block:
                connection.set_rollback(True)
        return response

    async def _aanswer(self, error: Exception) -> Any:
        """Answer the same in a coroutine, which has no transaction."""
        with self._failing():
            if isinstance(error, SessionUnavailableError):
                return self._middleware.answer_unavailable(self._request)
            return await answer_failure(_areraise, error)(self._request)

    def _is_finished(self, response: Any) -> bool:
        """Return whether nothing can be written now: it is no response, or not rendered yet."""
        if not isinstance(response, HttpResponseBase):
            self._give_up(None)  # Django says what is wrong with it
            return True
        if getattr(response, "is_rendered", True):
            return False
        typed_as_template: Any = response
        vars(response)["render"] = partial(self._render, response, typed_as_template.render)
        self._end_with_request()  # a middleware may replace the response
        self._put_back()
        return True

    def _render(self, response: HttpResponseBase, render: Callable[[], Any]) -> Any:
        """Render a template with the session in its place, and finish."""
        vars(response).pop("render", None)
        self._put()
        return self.finish(self.run(render))

    def _leave(self, response: Any) -> None:
        """Put back what was there; while a body is streamed, the session is in place again."""
        self._is_written = True
        self._put_back()
        is_file = getattr(response, "file_to_stream", None) is not None
        if self._theirs is not None and response.streaming and not is_file:
            stream = self._astream if response.is_async else self._stream
            response.streaming_content = stream(response.streaming_content)

    def _stream(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        while True:
            with self._inside():
                part = next(parts, None)
            if part is None:
                return
            yield part

    async def _astream(self, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while True:
            with self._inside():
                part = await anext(parts, None)
            if part is None:
                return
            yield part

    @contextmanager
    def _failing(self, but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
        """Call `_give_up` if a block raises, except for errors that are answered."""
        try:
            yield
        except but:
            raise
        except BaseException as error:
            self._give_up(error)
            raise

    def _give_up(self, error: BaseException | None) -> None:
        """Write nothing; a change is logged as lost if something answers the request."""
        explain(error)
        if self._middleware.give_up(self._request, error):
            self._end_with_request()
        self._put_back()

    # --- the request's end -----------------------------------------------------------------

    def _end_with_request(self) -> None:
        attributes = vars(self._request)
        if not isinstance(attributes.get("close"), _Closing):
            attributes["close"] = _Closing(self._request)
        attributes["close"].visits.append(self)

    def _sessions(self) -> RequestSessions:
        sessions: RequestSessions = self._request.META.get(
            self._middleware.place, RequestSessions()
        )
        return sessions

    def abandon(self) -> None:
        """Leave the browser's session as it is: nothing handled the exception."""
        self._sessions().abandon()

    def end(self) -> None:
        """Log what the response did not carry, if nothing was written."""
        if not self._is_written:
            self._sessions().end(_UNCARRIED)


def _reraise(error: Exception, request: HttpRequest) -> NoReturn:
    raise error


async def _areraise(error: Exception, request: HttpRequest) -> NoReturn:
    raise error


class _Closing:
    """A request's `close`, which Django calls once the response has been sent.

    Attributes:
        visits: to views whose sessions may be lost.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.visits: list[_Visit] = []

    def __call__(self) -> None:
        """Close the request, and log what its response did not carry."""
        vars(self._request).pop("close", None)  # it would be a reference cycle
        self._request.close()
        for visit in self.visits:
            visit.end()


def _abandon(request: Any = None, **_: object) -> None:
    """Leave the browser's sessions as they are: nothing handled what a view raised."""
    closing = getattr(request, "close", None)
    if isinstance(closing, _Closing):
        for visit in closing.visits:
            visit.abandon()
