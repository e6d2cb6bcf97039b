"""aiohttp: `get_session(request)`, or a session by hand.

setup(app, options)                                             # then: get_session(request)

session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

from asyncio import current_task
from functools import partial
from typing import Any, Final

try:
    from aiohttp import web
    from aiohttp.typedefs import Handler
except ModuleNotFoundError as _cause:
    _needs = "iron_session.integrations.aiohttp needs aiohttp: pip install aiohttp"
    raise ImportError(_needs) from _cause

from iron_session.doors import lazy, requests, responses
from iron_session.doors.headers import MultiDictHeaders
from iron_session.errors import ConfigurationError, IronSessionError
from iron_session.sessions import session as core
from iron_session.sessions.options import SessionOptions, T, check_options

__all__ = ["get_iron_session", "get_session", "setup"]


def setup(
    app: web.Application,
    options: SessionOptions,
    *,
    key: str = "session",
    session_type: type[core.Session] = core.Session,
) -> None:
    """Give each request of an application, and of those within it, a session.

    Args:
        app: the application, before it starts or joins another. The middlewares that it has by now
            can answer a session that can't be written.
        options: built once, at import time. With `chunk`, have aiohttp's server take headers of
            that size: `web.Application(handler_args={"max_field_size": 20_000})`.
        key: what `get_session` finds it by. A second session takes another key.
        session_type: the class of the session.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, the application is in use, or has a
            session for this cookie or key already; at the start: one within it has.
    """
    if app.pre_frozen:
        raise ConfigurationError("call setup(app, options) before the app starts or joins another")
    requests.begin_session(app.setdefault(_REHEARSAL, {}), key, check_options(options), None)
    door = _Door(key, options, session_type)
    if app.middlewares:
        app.middlewares.append(door.innermost)
    app.middlewares.insert(0, door.outermost)
    app.on_response_prepare.append(door.write)
    app.on_startup.append(partial(_rehearse, outer={}))


class _Door:
    def __init__(self, key: str, options: SessionOptions, session_type: type[core.Session]) -> None:
        self._key, self._offer = key, {key: (options, session_type)}

    @web.middleware
    async def outermost(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Offer the session, and abandon it when the request fails."""
        # Copies of the request, such as middlewares hand on, have its writer; no other request has.
        sessions = lazy.sessions_of(request.writer)
        if sessions is lazy.NONE:
            task: Any = current_task()
            sessions = lazy.keep_sessions(request.writer, task.add_done_callback)
        sessions.offer(self._offer)
        failed = True
        try:
            response = await handler(request)
            sessions.commit(self._key)
            failed = not isinstance(response, web.StreamResponse)
            return response
        except web.HTTPException:
            sessions.commit(self._key)
            failed = False
            raise
        finally:
            if failed:
                sessions.abandon(self._key)

    @web.middleware
    async def innermost(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Commit where the application's middlewares can still answer an error."""
        try:
            response = await handler(request)
        except web.HTTPException:
            lazy.sessions_of(request.writer).commit(self._key)
            raise
        lazy.sessions_of(request.writer).commit(self._key)
        return response

    async def write(self, request: web.Request, response: web.StreamResponse) -> None:
        """Write the session into the headers of any kind of response, which go now."""
        writer = request.writer
        sessions = lazy.sessions_of(writer)
        if not sessions.start():
            return
        headers = MultiDictHeaders(response.headers)
        try:
            sessions.write(self._key, headers, have_gone=writer.output_size > 0)
        except IronSessionError:
            # aiohttp has made the writer ready for this response; another one takes it now.
            vars(writer).update(chunked=False, _compress=None)
            raise


_REHEARSAL: Final = web.AppKey("iron_session", dict[str, Any])


async def _rehearse(app: web.Application, outer: dict[str, Any]) -> None:
    """Begin what a request may, in an application and in those within it."""
    request = {**outer, requests.REGISTRY: dict(outer.get(requests.REGISTRY, ()))}
    for key, session in app.get(_REHEARSAL, {}).items():
        if key != requests.REGISTRY:
            requests.begin_session(request, key, session.options, None)
    for resource in app.router.resources():
        if "app" in (about := resource.get_info()):
            await _rehearse(about["app"], request)


def get_session(request: web.Request, *, key: str = "session") -> core.Session:
    """Give the session of `setup`; ConfigurationError if there is none by this key."""
    cookies, writer = requests.cookies_in(request.headers), request.writer
    sessions = lazy.sessions_of(writer)
    return sessions.ask(key, "setup(app, options)", cookies, lambda: writer.output_size > 0)


def get_iron_session(
    request: web.Request, response: web.StreamResponse, options: SessionOptions[T]
) -> core.Session[T]:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or `setup` serves this cookie.
    """
    lazy.sessions_of(request.writer).check_not_served(options)
    cookies = requests.cookies_in(request.headers)
    headers = MultiDictHeaders(response.headers)
    jar = responses.ResponseJar(cookies, headers, lambda: response.prepared)
    return core.get_iron_session(jar, options)
