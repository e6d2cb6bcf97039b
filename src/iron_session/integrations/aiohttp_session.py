"""aiohttp_session: its own `get_session(request)`, for applications and libraries that call it.

setup(app, options)     # in the place of aiohttp_session.setup(app, …)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast
from weakref import ref

try:
    import aiohttp_session
    from aiohttp import web
    from aiohttp.typedefs import Handler
except ModuleNotFoundError as _cause:
    raise ImportError(
        "iron_session.integrations.aiohttp_session needs aiohttp-session: "
        "pip install aiohttp-session"
    ) from _cause

from iron_session.errors import ConfigurationError, HeadersAlreadySentError
from iron_session.integrations import aiohttp
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import CookieOptions, SessionOptions
from iron_session.sessions.session import Session

__all__ = ["setup"]


def setup(app: web.Application, options: SessionOptions, *, key: str = "session") -> None:
    """Have aiohttp_session give the sessions of `iron_session.integrations.aiohttp`.

    It takes and raises what `setup` does there, which it calls: `get_session` there gives the same
    session, as ours. Middlewares that call aiohttp_session's own are added after this.
    """
    aiohttp.setup(app, options, key=key, session_type=_Session)

    @web.middleware
    async def bind(request: web.Request, handler: Handler) -> web.StreamResponse:
        # A storage for each: `new_session` does not tell it which request it is called for.
        storage = _Storage(request, options, key)
        return await aiohttp_session.session_middleware(storage)(request, handler)

    app.middlewares.append(bind)


class _Session(Session):
    max_age: int | None = None
    view: _View | None = None  # here, since copies of the request share nothing else of ours

    def own_terms(self) -> tuple[int | None, CookieOptions | Mapping[str, Any] | None]:
        return self.max_age, None


class _Storage(aiohttp_session.AbstractStorage):
    """Hands out the sessions of one request's door, and leaves it to the door to write them.

    By itself aiohttp_session passes over streamed responses, files and WebSockets.
    """

    def __init__(self, request: web.Request, options: SessionOptions, key: str) -> None:
        super().__init__(cookie_name=options.cookie_name)
        self._request, self._key = ref(request), key  # the request holds this one

    async def load_session(self, request: web.Request) -> _View:
        session = cast(_Session, aiohttp.get_session(request, key=self._key))
        return _View(session) if session.view is None else session.view

    async def new_session(self) -> _View:
        request = self._request()
        if request is None:
            raise HeadersAlreadySentError("the request is over: begin a new session within it")
        request.pop(aiohttp_session.SESSION_KEY, None)  # should it be called for a copy
        return (await self.load_session(request)).begin_anew()

    async def save_session(self, request: Any, response: Any, session: Any) -> None:
        """Do nothing; aiohttp_session does not call it either, unless it sees a change."""


def _ours(name: str) -> Callable[..., Any]:
    """Give the method that calls the one of this name of the session behind."""
    return lambda self, *args, **more: getattr(self._session, name)(*args, **more)


class _View(aiohttp_session.Session):
    """Our session with all that aiohttp_session's has, beside `save` and `destroy`.

    A change inside a nested value is noticed. `identity` is None: the cookie is all there is.
    """

    def __init__(self, session: _Session, *, new: bool = False) -> None:
        super().__init__(None, data=None, new=True)
        self._session, session.view = session, self
        self._begins = new

    def begin_anew(self) -> _View:
        """Begin another one for the request, and keep the data of this one apart."""
        session, self._session = self._session, _Session(HeaderJar(), self._session.options)
        self._session.update(session)
        session.clear()
        session.mark_modified()  # though the same be put into it again
        return _View(session, new=True)

    __getitem__, __setitem__ = _ours("__getitem__"), _ours("__setitem__")
    __delitem__, __contains__ = _ours("__delitem__"), _ours("__contains__")
    __iter__, __len__ = _ours("__iter__"), _ours("__len__")
    __repr__ = _ours("__repr__")
    clear = invalidate = _ours("clear")
    changed = _ours("mark_modified")
    save, destroy = _ours("save"), _ours("destroy")

    @property
    def new(self) -> bool:
        """Whether the request brought none that could be read, or `new_session` has made it."""
        return self._begins or self._session.is_new

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self._session

    @property
    def created(self) -> int:
        """When it began, if `max_lifetime` has that written; else when it was last saved."""
        session, now = self._session, super().created
        expires = session.expires_at
        began = session.created_at or (expires and expires - session.ttl)
        return now if self.new or began is None else min(now, int(began.timestamp()))

    @property
    def max_age(self) -> int | None:
        """The session's own life in seconds, or that of the options; None for ever.

        Later requests that save it keep it. None gives it the options' life again.
        """
        return self._session.max_age or int(self._session.ttl.total_seconds()) or None

    @max_age.setter
    def max_age(self, value: int | None) -> None:
        if value is not None and value <= 0:
            raise ConfigurationError("max_age must be positive: invalidate() ends a session")
        self._session.max_age = value
        if value is None:
            self._session.follow_options()
        else:
            self._session.mark_modified()
