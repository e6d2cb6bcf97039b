"""`IronSessionMiddleware`, and the session by hand."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from iron_session._frames import clear_frames, guarded
from iron_session.errors import ConfigurationError, IronSessionError, SessionUnavailableError
from iron_session.http import misuse
from iron_session.http.morsels import MorselHeaders
from iron_session.http.request import (
    REGISTRY,
    RequestSessions,
    find_session,
    installed_twice,
    register,
    session_by_hand,
)
from iron_session.http.response import take_off_noted
from iron_session.http.unavailable import HEADERS, STATUS, TEXT
from iron_session.integrations.django.cookies import read_head
from iron_session.integrations.django.logins import aend_others, end_others
from iron_session.integrations.django.reporter import filter_of_requests
from iron_session.integrations.django.settings import ENGINE, INSTALL, settings_options
from iron_session.integrations.django.store import DjangoSession, SessionStore
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

__all__ = ["IronSessionMiddleware", "get_iron_session", "get_session"]

_COOKIES: Final = "COOKIES"  # an attribute of requests once somebody has read it
_FILTER: Final = "exception_reporter_filter"  # where Django looks for a request's own filter

if TYPE_CHECKING:

    class _Middleware:
        """The base class for type checkers: Django has no types, so any attribute will do."""

        def __init__(self, *args: Any) -> None: ...
        def __call__(self, request: Any) -> Any: ...
        def __getattr__(self, name: str) -> Any: ...

else:
    _Middleware = SessionMiddleware


class IronSessionMiddleware(_Middleware):
    """Put a session into each request, and write it into the response.

    For a second session, add a subclass with its own options and key to MIDDLEWARE. As in Django, a
    response with status 500 or above writes nothing.

    Attributes:
        options: the session's options; None for those of the settings.
        key: the request's attribute for the session.

    Raises:
        ConfigurationError: the settings are invalid; at a request: two sessions have one cookie.
    """

    options: SessionOptions | None = None
    key: ClassVar[str] = "session"

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        is_first, engine = self.key == IronSessionMiddleware.key, self.SessionStore
        if is_first and not issubclass(engine, SessionStore):
            raise ConfigurationError(f'IronSessionMiddleware needs SESSION_ENGINE = "{ENGINE}"')
        by_settings = is_first and self.options is None
        self._prepare(
            engine if is_first else SessionStore,
            settings_options() if by_settings else check_options(self.options),
        )

    def _prepare(self, store: type[SessionStore], options: SessionOptions) -> None:
        self._store: type[SessionStore] = store
        self._options: SessionOptions = options
        self.options = options  # read where this is found in the request's registry
        self._place: str = f"iron_session.{self.key}"  # its key in META, once it is begun
        self._saves_always: bool = settings.SESSION_SAVE_EVERY_REQUEST
        self._filter: Any = filter_of_requests()

    def __call__(self, request: HttpRequest) -> Any:
        """Answer a request as Django's own middleware does, in fewer steps."""
        if self.async_mode:
            return self.__acall__(request)
        response = self.process_request(request) or self.get_response(request)
        return self.process_response(request, response)

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer without a thread: Django's own middleware needs two for each request."""
        try:
            response = self.process_request(request) or await self.get_response(request)
        except asyncio.CancelledError:  # the visitor has disconnected
            self._let_go(request)
            raise
        return await self.aprocess_response(request, response)

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        """Put the session into the request; it begins when it is first used.

        Returns:
            None: there is no response yet. A subclass may return one.
        """
        # META gets no variable: error reports show variables, and META has the cookies.
        if REGISTRY in request.META:
            self._register_beside(request)
        else:
            request.META[REGISTRY] = {self._options.cookie_name: self}
        store = self._store()
        given, attributes = store.__dict__, request.__dict__  # faster than by name
        given["_door"] = self
        given["_meta"] = request.META
        given["_scope"] = getattr(request, "scope", None)
        if _COOKIES in attributes:  # another middleware has read them, and may have set some
            given["_cookies"] = dict(attributes[_COOKIES])
        setattr(request, self.key, store)
        attributes.setdefault(_FILTER, self._filter)
        return None

    @guarded
    def _register_beside(self, request: HttpRequest) -> None:
        """Register this middleware for its cookie, beside others that are registered."""
        name = self._options.cookie_name
        if isinstance(getattr(request, self.key, None), SessionStore):
            raise installed_twice(name, self.key)
        register(request.META, self.key, name, self, self._options)

    def begin(
        self,
        meta: dict[str, Any],
        scope: Any,
        cookies: Mapping[str, Any] | None,
        left: Callable[[], HttpResponseBase | None] | None,
    ) -> Session:
        """Begin a request's session; `SessionStore` calls this."""
        head = read_head(meta, scope, cookies, self._options.cookie_name)
        begun = RequestSessions()
        begun.by_key[self.key] = DjangoSession(HeaderJar(head.cookie_header, head), self._options)
        sessions: RequestSessions = meta.setdefault(self._place, begun)  # a thread may be faster
        if left is not None:
            _come_too_late(sessions, left())
        return sessions.by_key[self.key]

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Write the session; `handler500` answers if that fails, as it does for views."""
        answer = None
        try:
            self._finish(request, response)
        except SessionUnavailableError:
            answer = self.answer_unavailable(request)
        except IronSessionError as failure:
            answer = answer_failure(_fail, failure)(request)
        if answer is not None:
            response = _take_over(response, answer)
            self._finish(request, response)
        sessions = request.META.get(self._place)
        if sessions is not None:
            session = sessions.by_key[self.key]
            if session.ends_others:
                end_others(session)
            if session.endings:
                sessions.settle()
        return response

    async def aprocess_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Do the same in a coroutine."""
        answer = None
        try:
            self._finish(request, response)
        except SessionUnavailableError:
            answer = self.answer_unavailable(request)
        except IronSessionError as failure:
            answer = await answer_failure(_afail, failure)(request)
        if answer is not None:
            response = _take_over(response, answer)
            self._finish(request, response)
        sessions = request.META.get(self._place)
        if sessions is not None:
            session = sessions.by_key[self.key]
            if session.ends_others:
                await aend_others(session)
            if session.endings:
                await sessions.asettle()
        return response

    def answer_unavailable(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response to a `SessionUnavailableError`: 503. A subclass may return a page."""
        return HttpResponse(TEXT.encode(), status=STATUS, headers=dict(HEADERS))

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answer a `SessionUnavailableError` that a view has raised.

        Add a note to the error of a session that was used as JSON data: how to convert it.
        """
        if isinstance(exception, SessionUnavailableError):
            return self.answer_unavailable(request)
        explain(exception)
        return None

    def _finish(self, request: HttpRequest, response: HttpResponseBase) -> None:
        store: Any = getattr(request, self.key, None)
        is_untouched = (
            self._place not in request.META
            and isinstance(store, SessionStore)
            and store._door is self
            and store._meta is request.META  # else it is another request's
            and not self._saves_always
            and response.status_code < 500
        )
        if is_untouched:
            take_off_noted(response, MorselHeaders, self._place)
            store.__dict__["_left"] = weakref.ref(response)
        else:
            try:
                self._write(request, response)
            except BaseException as error:
                clear_frames(error)
                raise

    def _let_go(self, request: HttpRequest) -> None:
        """Mark the session as ended: the request has no response, and later changes are logged."""
        store: Any = getattr(request, self.key, None)
        if isinstance(store, SessionStore):
            store._left = _no_response
        if self._place in request.META:
            request.META[self._place].end()

    def _write(self, request: HttpRequest, response: HttpResponseBase) -> None:
        sessions = self._sessions_of(request)
        session = sessions.by_key[self.key]
        self._adopt_replacement(request, session)
        if response.status_code >= 500:
            session.abandon()
        elif self._saves_always and session:
            session.mark_modified()
        # Django's cache does not heed no-store in all versions.
        if sessions.write_noted(response, MorselHeaders(response), self._place):
            vars(request)["_cache_update_cache"] = False
        # Django's own list of what to call once a response has been sent.
        response._resource_closers.append(_Closer(sessions))

    def _sessions_of(self, request: HttpRequest) -> RequestSessions:
        """Return the request's session, and begin it if needed, whatever is in its place."""
        if self._place not in request.META:
            scope, cookies = getattr(request, "scope", None), vars(request).get(_COOKIES)
            self.begin(request.META, scope, cookies, None)
        sessions: RequestSessions = request.META[self._place]
        return sessions

    def _adopt_replacement(self, request: HttpRequest, session: Session) -> None:
        """Copy what the application has put in the session's place into the session."""
        found: Any = getattr(request, self.key, None)
        if isinstance(found, (dict, SessionBase)) and getattr(found, "core", None) is not session:
            store = self._store()
            store.core = session
            setattr(request, self.key, store)
            session.replace(dict(found))


def explain(error: object) -> None:
    """Add a note to the error of a session that was used as something else, as JSON data say.

    Args:
        error: what a view has raised; any other kind is left as it is.
    """
    if isinstance(error, TypeError) and _is_about_session(error):
        error.add_note(
            "request.session is not a dict: pass dict(request.session), as in JsonResponse("
            "dict(request.session))"
        )
    else:
        misuse.explain(error)


def _is_about_session(error: BaseException) -> bool:
    """Return whether an error was raised over a session, by Django or by its JSON encoder."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    found = {} if traceback is None else traceback.tb_frame.f_locals
    return any(isinstance(found.get(name), (SessionStore, Session)) for name in ("data", "o"))


def _no_response() -> None:
    """Return None, like a weak reference to a response that no longer exists."""


def _come_too_late(sessions: RequestSessions, response: HttpResponseBase | None) -> None:
    """Close a session that is first used after its response; end it when the response ends."""
    sessions.close()
    if response is None or response.closed:
        sessions.end()
    else:
        response._resource_closers.append(_Closer(sessions))


class _Closer:
    """Reports late changes. Django's cache pickles responses: a copy from there reports nothing."""

    __slots__ = ("_sessions",)

    def __init__(self, sessions: RequestSessions) -> None:
        self._sessions = sessions

    def __call__(self) -> None:
        self._sessions.end()

    def __reduce__(self) -> tuple[Any, ...]:
        return partial, (bool,)


def answer_failure(fail: Callable[..., Any], failure: Exception) -> Any:
    """Return a handler in which a view raises this error, so that Django answers it."""
    return convert_exception_to_response(partial(fail, failure))


# With its own traceback, the error would show the seal and its data in Django's error report.


def _fail(failure: IronSessionError, request: HttpRequest) -> NoReturn:
    raise failure.with_traceback(None)


async def _afail(failure: IronSessionError, request: HttpRequest) -> NoReturn:
    raise failure.with_traceback(None)


def _take_over(response: HttpResponseBase, answer: HttpResponseBase) -> HttpResponseBase:
    """Return the answer, which now also closes what the response that it replaces has opened."""
    answer._resource_closers.extend(response._resource_closers)
    return answer


def get_session(request: HttpRequest, *, key: str = "session") -> Session:
    """Return the session itself; `request.session` is Django's view of it.

    Args:
        request: the request.
        key: the middleware's.

    Raises:
        ConfigurationError: the middleware is not installed.
    """
    store = getattr(request, key, None)
    return find_session({key: getattr(store, "core", None)}, key, INSTALL)


@guarded
def get_iron_session(
    request: HttpRequest, response: HttpResponseBase, options: SessionOptions[T]
) -> Session[T]:
    """Return the request's session. Only its `save()` and `destroy()` write, to this response.

    Args:
        request: the request.
        response: the response that will be returned.
        options: built once, at import time.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, or the middleware already manages
            this cookie: one of two sessions could undo the other's logout.
    """
    name = check_options(options).cookie_name
    vars(request).setdefault(_FILTER, filter_of_requests())
    scope, cookies = getattr(request, "scope", None), vars(request).get(_COOKIES)
    head = read_head(request.META, scope, cookies, name)
    return session_by_hand(request.META, options, head, MorselHeaders(response))
