"""aiohttp: `get_session(request)`, or a session by hand.

setup(app, options)                                             # then: get_session(request)

session = get_iron_session(request, response, options)          # then: session.save()
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final, cast

try:
    from aiohttp import web
    from aiohttp.typedefs import Handler
except ImportError as _cause:
    raise ImportError(
        "iron_session.integrations.aiohttp needs aiohttp: pip install aiohttp"
    ) from _cause

from iron_session.errors import ConfigurationError, IronSessionError
from iron_session.sessions import requests, responses
from iron_session.sessions import session as core
from iron_session.sessions.options import SessionOptions, check_options
from iron_session.sessions.session import Session

__all__ = ["get_iron_session", "get_session", "setup"]

# Newer versions of aiohttp warn of other keys; older ones take any.
_SESSIONS: Final[Any] = getattr(web, "RequestKey", web.AppKey)("iron_session", dict)


def setup(
    app: web.Application,
    options: SessionOptions,
    *,
    key: str = "session",
    kind: type[Session] = Session,
) -> None:
    """Give each request of an application, and of those within it, a session.

    Args:
        app: the application, before it starts or joins another. The middlewares that it has by now
            can answer a session that can't be written.
        options: built once, at import time. With `chunk`, have aiohttp's server take headers of
            that size: `web.Application(handler_args={"max_field_size": 20_000})`.
        key: what `get_session` finds it by. A second session takes another key.
        kind: the class of the session.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, the application is in use, or has a
            session for this cookie or key already; at the start: one within it has.
    """
    if app.pre_frozen:
        raise ConfigurationError("call setup(app, options) before the app starts or joins another")
    requests.begin_session(app.setdefault(_REHEARSAL, {}), key, check_options(options), None)
    door = _Door(key, options, kind)
    app.middlewares.insert(0, door.outermost)
    app.middlewares.append(door.innermost)
    app.on_response_prepare.append(door.write)
    app.on_startup.append(partial(_rehearse, outer={}))


class _Door:
    def __init__(self, key: str, options: SessionOptions, kind: type[Session]) -> None:
        self._key, self._options, self._kind = key, options, kind

    @web.middleware
    async def outermost(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Begin the session, and abandon it when the request fails."""
        # Copies of the request, such as middlewares hand on, share this mapping.
        mapping, cookies = request.setdefault(_SESSIONS, {}), requests.cookies_in(request.headers)
        session = requests.begin_session(mapping, self._key, self._options, cookies, self._kind)
        # Not at the end of this: a body that is generated runs later, in the same task.
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        task.add_done_callback(lambda _: responses.report_late_changes(session))
        response: object = None
        try:
            response = await self.innermost(request, handler)
            return response
        except web.HTTPException as error:
            response = error
            raise
        finally:
            if not isinstance(response, web.StreamResponse):
                session.abandon()

    @web.middleware
    async def innermost(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Commit where the application's middlewares can still answer an error."""
        session = request[_SESSIONS][self._key]
        try:
            response = await handler(request)
        except web.HTTPException:
            responses.commit_early(session)
            raise
        responses.commit_early(session)
        return response

    async def write(self, request: web.Request, response: web.StreamResponse) -> None:
        """Write the session into the headers of any kind of response, which go now."""
        session, writer = request.get(_SESSIONS, {}).get(self._key), request.writer
        if session is None or (responses.header_jar(session).closed and writer.output_size):
            return
        responses.header_jar(session).reopen()  # an earlier response did not go after all
        try:
            responses.write_session(session, responses.MultiDictHeaders(response.headers))
        except IronSessionError:
            # aiohttp has made the writer ready for this response; another one takes it now.
            for name, default in (("chunked", False), ("_compress", None)):
                setattr(writer, name, default)
            raise
        responses.header_jar(session).close()


_REHEARSAL: Final = web.AppKey("iron_session", dict[str, Any])


async def _rehearse(app: web.Application, outer: dict[str, Any]) -> None:
    """Begin what a request would, in an application and in those within it."""
    request = {**outer, requests.REGISTRY: dict(outer.get(requests.REGISTRY, ()))}
    for key, session in app.get(_REHEARSAL, {}).items():
        if key != requests.REGISTRY:
            requests.begin_session(request, key, session.options, None)
    for resource in app.router.resources():
        if "app" in (about := resource.get_info()):
            await _rehearse(about["app"], request)


def get_session(request: web.Request, *, key: str = "session") -> Session:
    """Give the session of `setup`; ConfigurationError if there is none by this key."""
    return requests.find_session(request.get(_SESSIONS, {}), key, "setup(app, options)")


def get_iron_session(
    request: web.Request, response: web.StreamResponse, options: SessionOptions
) -> Session:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or `setup` serves this cookie
            already: of two sessions in one request, the one could undo the other's logout.
    """
    requests.check_not_served(request.get(_SESSIONS, {}), options)
    cookies = requests.cookies_in(request.headers)
    headers = responses.MultiDictHeaders(response.headers)
    jar = responses.ResponseJar(cookies, headers, lambda: response.prepared)
    return core.get_iron_session(jar, options)
