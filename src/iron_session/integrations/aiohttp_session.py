"""aiohttp_session: its own `get_session(request)`, for applications and libraries that call it.

setup(app, options)     # instead of aiohttp_session.setup(app, …)
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

from iron_session._frames import guarded
from iron_session.errors import ConfigurationError, HeadersAlreadySentError
from iron_session.integrations import aiohttp
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import CookieOptions, SessionOptions
from iron_session.sessions.session import Session

__all__ = ["setup"]


def setup(app: web.Application, options: SessionOptions, *, key: str = "session") -> None:
    """Make aiohttp_session return the sessions of `iron_session.integrations.aiohttp`.

    This calls `setup` there, with the same arguments and errors. `get_session` there returns the
    same session, as an `iron_session.Session`. Middlewares that call aiohttp_session's
    `get_session` must be added after this.
    """
    aiohttp.setup(app, options, key=key, session_type=_Session)

    @web.middleware
    async def bind(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Begin the session for this request."""
        # One storage per request: `new_session` does not tell a storage which request it is for.
        storage = _Storage(request, options, key)
        return await aiohttp_session.session_middleware(storage)(request, handler)

    app.middlewares.append(bind)


class _Session(Session):
    max_age: int | None = None
    view: _View | None = None  # here: copies of the request share no other object of ours

    def own_terms(self) -> tuple[int | None, CookieOptions | Mapping[str, Any] | None]:
        return self.max_age, None


class _Storage(aiohttp_session.AbstractStorage):
    """The sessions of one request, from the aiohttp integration, which also writes them.

    aiohttp_session alone would not write into streamed responses, files and WebSockets.
    """

    def __init__(self, request: web.Request, options: SessionOptions, key: str) -> None:
        super().__init__(cookie_name=options.cookie_name)
        self._request, self._key = ref(request), key  # weak: the request holds this storage

    async def load_session(self, request: web.Request) -> _View:
        session = cast(_Session, aiohttp.get_session(request, key=self._key))
        return _View(session) if session.view is None else session.view

    async def new_session(self) -> _View:
        request = self._request()
        if request is None:
            raise HeadersAlreadySentError("the request is over: begin a new session within it")
        request.pop(aiohttp_session.SESSION_KEY, None)  # it may be called for a copy
        return (await self.load_session(request)).begin_anew()

    async def save_session(self, request: Any, response: Any, session: Any) -> None:
        """Write nothing: the integration does. Called only if aiohttp_session sees a change."""


def _ours(name: str) -> Callable[..., Any]:
    """Return a method that calls the underlying session's method of this name."""
    return guarded(lambda self, *args, **more: getattr(self._session, name)(*args, **more))


class _View(aiohttp_session.Session):
    """Our session with all that aiohttp_session's has, plus `save` and `destroy`.

    A change inside a nested value is noticed. `identity` is None: all of it is in the cookie.
    """

    def __init__(self, session: _Session, *, new: bool = False) -> None:
        super().__init__(None, data=None, new=True)
        self._session, session.view = session, self
        self._begins = new

    def begin_anew(self) -> _View:
        """Begin a new session for the request; this one keeps its data, but is not written."""
        session, self._session = self._session, _Session(HeaderJar(), self._session.options)
        self._session.update(session)
        session.clear()
        session.mark_modified()  # even if the same data is put into it again
        return _View(session, new=True)

    __getitem__, __setitem__ = _ours("__getitem__"), _ours("__setitem__")
    __delitem__, __contains__ = _ours("__delitem__"), _ours("__contains__")
    __iter__, __len__ = _ours("__iter__"), _ours("__len__")
    __repr__ = __sentry_repr__ = _ours("__repr__")
    pop, popitem = _ours("pop"), _ours("popitem")
    setdefault, update = _ours("setdefault"), _ours("update")
    clear = invalidate = _ours("clear")
    changed = _ours("mark_modified")
    save, destroy = _ours("save"), _ours("destroy")

    def __setattr__(self, name: str, value: object) -> None:
        """Raise AttributeError for a name of the application's: the value would not be saved."""
        if name[0] != "_" and not hasattr(_View, name):
            raise AttributeError(
                f"a session has no attribute {name!r}: its data is in session[{name!r}]"
            )
        super().__setattr__(name, value)

    @property
    def new(self) -> bool:
        """Whether the request had no readable session, or `new_session` made this one."""
        return self._begins or self._session.is_new

    @property
    def empty(self) -> bool:
        """Whether the session has no data."""
        return not self._session

    @property
    def created(self) -> int:
        """When the session began, if `max_lifetime` stores that; else when it was last saved."""
        session, now = self._session, super().created
        expires = session.expires_at
        began = session.created_at or (expires and expires - session.ttl)
        return now if self.new or began is None else min(now, int(began.timestamp()))

    @property
    def max_age(self) -> int | None:
        """The session's own lifetime in seconds, or that of the options; None if it never ends.

        Later requests that save the session keep it. Set None to follow the options again.
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
