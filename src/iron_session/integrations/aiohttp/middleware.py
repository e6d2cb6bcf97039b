"""aiohttp: `get_session(request)`, or a session by hand.

setup(app, options)                                             # then: get_session(request)

session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

from asyncio import current_task
from functools import partial
from typing import Any, ClassVar, Final

try:
    from aiohttp import web
    from aiohttp.typedefs import Handler
except ModuleNotFoundError as _cause:
    _needs = "iron_session.integrations.aiohttp needs aiohttp: pip install aiohttp"
    raise ImportError(_needs) from _cause

from iron_session._frames import guarded
from iron_session.errors import ConfigurationError, SessionUnavailableError
from iron_session.http.headers import MultiDictHeaders
from iron_session.http.heads import AnyHead
from iron_session.http.misuse import explain
from iron_session.http.request import check_apart, installed_twice
from iron_session.http.response import ResponseJar
from iron_session.http.starting import start_following
from iron_session.http.unavailable import translated
from iron_session.integrations.aiohttp import sessions as lazy
from iron_session.sessions import session as core
from iron_session.sessions.options import SessionOptions, T, check_options

__all__ = ["get_iron_session", "get_session", "setup"]


@guarded
def setup(
    app: web.Application,
    options: SessionOptions,
    *,
    key: str = "session",
    session_type: type[core.Session] = core.Session,
) -> None:
    """Set up a session for each request of an application and of its sub-applications.

    Args:
        app: the application, before it starts or is added to another. Middlewares that were added
            before this call can handle the error of a session that can't be written.
        options: built once, at import time. With `chunk`, aiohttp's server must accept headers of
            that size: `web.Application(handler_args={"max_field_size": 20_000})`.
        key: the session's key, for `get_session`. A second session needs another one.
        session_type: the class of the session.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`; the application has started, was
            added to another, or already has a session for this cookie or key; at the start: a
            sub-application has one.
    """
    if app.pre_frozen:
        raise ConfigurationError(
            "call setup(app, options) before the app starts or is added to another app"
        )
    app[_SERVED] = _join(app.get(_SERVED, {}), {key: check_options(options)})
    door = _Door(key, options, session_type)
    if app.middlewares:
        app.middlewares.append(door.innermost)
    app.middlewares.insert(0, door.outermost)
    app.on_response_prepare.append(door.write)
    app.on_startup.append(partial(_check_within, outer={}))
    app.on_startup.append(lambda _: start_following(options))


class _Door:
    def __init__(self, key: str, options: SessionOptions, session_type: type[core.Session]) -> None:
        self._key, self._offer = key, {key: (options, session_type)}

    @web.middleware
    async def outermost(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Make the session available, and abandon it if the request fails."""
        # Copies of the request, which middlewares may pass on, share its writer; others don't.
        sessions = lazy.sessions_of(request.writer)
        if sessions is lazy.NONE:
            task: Any = current_task()
            sessions = lazy.keep_sessions(request.writer, task.add_done_callback)
        sessions.offer(self._offer)
        failed = True
        try:
            response = await handler(request)
            sessions.commit_one(self._key)
            failed = not isinstance(response, web.StreamResponse)
            return response
        except SessionUnavailableError as error:
            told = translated(error, UnavailableHTTPError)
            if told is None:
                raise
            raise told from error
        except (AttributeError, TypeError) as error:
            explain(error)
            raise
        except web.HTTPException:
            sessions.commit_one(self._key)
            failed = False
            raise
        finally:
            if failed:
                sessions.abandon_one(self._key)

    @web.middleware
    async def innermost(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Commit early enough for the application's middlewares to handle an error."""
        try:
            response = await handler(request)
        except web.HTTPException:
            lazy.sessions_of(request.writer).commit_one(self._key)
            raise
        lazy.sessions_of(request.writer).commit_one(self._key)
        return response

    async def write(self, request: web.Request, response: web.StreamResponse) -> None:
        """Write the session into the headers of any kind of response, just before they are sent."""
        headers = MultiDictHeaders(response.headers)
        cacheable = not isinstance(response, web.WebSocketResponse)
        sessions = lazy.write_sessions(request.writer, (self._key,), headers, cacheable=cacheable)
        if sessions.endings:
            await sessions.asettle()


_SERVED: Final = web.AppKey("iron_session", dict[str, SessionOptions])
"""Where an application keeps the options of its sessions, by key."""


def _join(
    some: dict[str, SessionOptions], others: dict[str, SessionOptions]
) -> dict[str, SessionOptions]:
    """Return the options of both; refuse two with the same key or cookie."""
    for key in some.keys() & others.keys():
        raise installed_twice(others[key].cookie_name, key)
    joined = {**some, **others}
    check_apart(joined)
    return joined


async def _check_within(app: web.Application, outer: dict[str, SessionOptions]) -> None:
    """Check an application's sessions against the outer ones, and those of its sub-applications."""
    served = _join(outer, app.get(_SERVED, {}))
    for resource in app.router.resources():
        if "app" in (about := resource.get_info()):
            await _check_within(about["app"], served)


class UnavailableHTTPError(SessionUnavailableError, web.HTTPServiceUnavailable):
    """`SessionUnavailableError` as aiohttp answers it: with 503, or by the app's own handler."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.add_note(problem)


class _Head(AnyHead):
    __slots__ = ()

    unavailable_error: ClassVar[type[SessionUnavailableError]] = UnavailableHTTPError


def _head_of(request: web.Request) -> _Head:
    return _Head(partial(request.headers.getall, default=()), request.scheme)


def get_session(request: web.Request, *, key: str = "session") -> core.Session:
    """Return the session of `setup`; raise ConfigurationError if none has this key."""
    writer = request.writer
    sessions = lazy.sessions_of(writer)
    head = _head_of(request)
    return sessions.ask(key, "setup(app, options)", head, lambda: writer.output_size > 0)


@guarded
def get_iron_session(
    request: web.Request, response: web.StreamResponse, options: SessionOptions[T]
) -> core.Session[T]:
    """Return the request's session. Only its `save()` and `destroy()` write, to this response.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, or `setup` manages this cookie.
    """
    lazy.sessions_of(request.writer).check_not_served(options)
    headers = MultiDictHeaders(response.headers)
    jar = ResponseJar(_head_of(request), headers, lambda: response.prepared)
    return core.get_iron_session(jar, options)
