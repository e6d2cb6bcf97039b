"""Django: `request.session`, for Django's own parts and for you, or a session by hand.

SESSION_ENGINE = "iron_session.integrations.django"
MIDDLEWARE = ["iron_session.integrations.django.IronSessionMiddleware", …]  # in place of Django's
IRON_SESSION = {"password": Passwords.from_env("SESSION_PASSWORD")}  # SessionOptions' arguments

session = get_iron_session(request, response, options)                      # then: session.save()
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache, cached_property, partial, wraps
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, TypeAlias

try:
    from django.conf import settings
    from django.contrib.sessions.backends.base import SessionBase
    from django.contrib.sessions.middleware import SessionMiddleware
    from django.contrib.sessions.serializers import JSONSerializer
    from django.core.handlers.exception import convert_exception_to_response
    from django.core.signals import setting_changed
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
except ImportError as _cause:
    raise ImportError(
        "iron_session.integrations.django needs Django: pip install django"
    ) from _cause

from iron_session.doors import requests
from iron_session.doors.morsels import MorselHeaders
from iron_session.doors.responses import (
    NotedHeaders,
    ResponseJar,
    header_jar,
    report_late_changes,
    take_off_noted,
    write_session,
)
from iron_session.doors.settings import check_cookie_settings, contradiction
from iron_session.errors import ConfigurationError, IronSessionError
from iron_session.seals import _time
from iron_session.sessions import session as core
from iron_session.sessions.flashes import Flash
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

__all__ = ["IronSessionMiddleware", "SessionStore", "get_iron_session", "get_session"]

_INSTALL: Final = f'MIDDLEWARE = ["{__name__}.IronSessionMiddleware", …]'
_EXAMPLE: Final = 'IRON_SESSION = {"password": Passwords.from_env("SESSION_PASSWORD")}'
_EXPIRY: Final = "_session_expiry"  # where Django keeps what `set_expiry` was given
_FOREVER: Final = 2**31 - 1  # what the cookie of a session without end has as Max-Age

if TYPE_CHECKING:

    class _Untyped:
        """What type checkers see above our classes: Django has no types, so that has anything."""

        def __init__(self, *args: Any) -> None: ...
        def __call__(self, request: Any) -> Any: ...
        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, key: str) -> Any: ...
        def keys(self) -> Any: ...
        def set_expiry(self, value: Any) -> None: ...

    _Base = _Untyped
    _Middleware = _Untyped
else:
    _Base, _Middleware = SessionBase, SessionMiddleware

# --- settings ----------------------------------------------------------------------------------

# Django's settings for the cookie; what leaves an attribute out is falsy there, of whatever type.
_COOKIE_SETTINGS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "SESSION_COOKIE_DOMAIN": ("domain", lambda value: value or None),
    "SESSION_COOKIE_PATH": ("path", lambda value: value or None),
    "SESSION_COOKIE_SECURE": ("secure", lambda value: value or False),
    "SESSION_COOKIE_HTTPONLY": ("http_only", lambda value: value or False),
    "SESSION_COOKIE_SAMESITE": ("same_site", lambda value: value or None),
    "SESSION_EXPIRE_AT_BROWSER_CLOSE": ("max_age", lambda value: None if value else "auto"),
}
_SETTINGS: Final = ("SESSION_COOKIE_NAME", "SESSION_COOKIE_AGE", *_COOKIE_SETTINGS)


def _refuse_djangos_middleware() -> None:
    if "django.contrib.sessions.middleware.SessionMiddleware" in settings.MIDDLEWARE:
        raise ConfigurationError(
            "MIDDLEWARE has Django's own SessionMiddleware, which knows nothing of these options: "
            f"in its place put {_INSTALL}"
        )


# That middleware imports its engine when it is loaded. Settings that import us are not ready yet.
if settings.configured and __name__ == settings.SESSION_ENGINE:
    _refuse_djangos_middleware()


@cache
def _settings_options() -> SessionOptions:
    """Give the options by IRON_SESSION, and by Django's settings where the project sets them."""
    _refuse_djangos_middleware()
    ours = {name: getattr(settings, name) for name in _SETTINGS if settings.is_overridden(name)}
    given = getattr(settings, "IRON_SESSION", None)
    options = given if isinstance(given, SessionOptions) else _build_options(given, ours)
    _check_agreement(options, ours)
    return options


def _forget_options(**_: object) -> None:
    _settings_options.cache_clear()


setting_changed.connect(_forget_options)  # tests override settings


def _build_options(given: object, ours: Mapping[str, Any]) -> SessionOptions:
    """Make options of what IRON_SESSION gives, and of the project's other settings."""
    terms = {"cookie_name": settings.SESSION_COOKIE_NAME, **_check_arguments(given)}
    if "SESSION_COOKIE_AGE" in ours:
        terms.setdefault("ttl", ours["SESSION_COOKIE_AGE"])
    cookie = terms.get("cookie_options", {})
    if isinstance(cookie, Mapping):
        said = [(*_COOKIE_SETTINGS[name], ours[name]) for name in ours if name in _COOKIE_SETTINGS]
        terms["cookie_options"] = {**{name: read(value) for name, read, value in said}, **cookie}
    try:
        return SessionOptions(**terms)
    except ConfigurationError as error:
        raise ConfigurationError(f"IRON_SESSION and the SESSION_… settings: {error}") from None


def _check_arguments(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        problem = "is missing" if given is None else f"can't be of type {type(given).__name__}"
        raise ConfigurationError(
            f"the setting IRON_SESSION {problem}: it holds SessionOptions, or a dict of their "
            f"arguments, as {_EXAMPLE}"
        )
    known = [one.name for one in fields(SessionOptions) if one.init]
    if unknown := [name for name in given if name not in known]:
        raise ConfigurationError(f"IRON_SESSION has no {unknown[0]!r}; it takes {', '.join(known)}")
    if not given.get("password"):
        raise ConfigurationError(
            "IRON_SESSION has no password. Django's SECRET_KEY is not taken for one, since it is "
            "for other things and rotated in another way: make one by `iron-session "
            f"generate-password` and set {_EXAMPLE}"
        )
    return dict(given)


def _check_agreement(options: SessionOptions, ours: Mapping[str, Any]) -> None:
    """Refuse a setting that the project has set to something else than the options say."""
    check_cookie_settings(options, ours, dict.fromkeys(ours, object()))
    if "SESSION_COOKIE_AGE" in ours:
        age = _time.to_milliseconds(ours["SESSION_COOKIE_AGE"], "SESSION_COOKIE_AGE")
        if not age:  # as a ttl it would mean "for ever"
            raise ConfigurationError("SESSION_COOKIE_AGE must be more than 0 seconds")
        if age != options.ttl_ms:
            raise contradiction("SESSION_COOKIE_AGE", age // 1000, "ttl", options.ttl)
    at_close, max_age = ours.get("SESSION_EXPIRE_AT_BROWSER_CLOSE"), options.cookie.max_age
    if at_close is not None and bool(at_close) != (max_age is None):
        name = "SESSION_EXPIRE_AT_BROWSER_CLOSE"
        raise contradiction(name, at_close, "cookie_options.max_age", max_age)


# --- the session -------------------------------------------------------------------------------


class _Session(Session):
    """A session that keeps to what Django's `set_expiry` has written into its data."""

    def own_terms(self) -> tuple[Any, Any]:
        expiry = self.get(_EXPIRY)
        if expiry is None:
            return None, None
        if expiry == 0:
            return None, {"max_age": None, "expires": None}
        most = self.options.max_lifetime_ms or float("inf")
        left = max(_seconds_left(expiry), 0.001)  # a ttl of 0 would never end
        return min(left, most / 1000), {"max_age": "auto", "expires": None}

    def commit(self) -> None:
        # A seal is taken for a minute more, in which a save would give it another.
        if self.accessed and (expiry := self.get(_EXPIRY)) and _seconds_left(expiry) <= 0:
            self.clear()
        super().commit()


def _seconds_left(expiry: float | str) -> float:
    if not isinstance(expiry, str):
        return expiry
    return datetime.fromisoformat(expiry).timestamp() - _time.now_ms() / 1000


_Twin: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]


def _twin(method: Callable[..., Any]) -> _Twin:
    """Give a method's asynchronous twin: nothing here waits, so it needs no thread."""

    @wraps(method)
    async def twin(self: Any, *args: Any, **named: Any) -> Any:
        return getattr(self, method.__name__)(*args, **named)

    return twin


class SessionStore(_Base):
    """What `request.session` is: all that Django's sessions have, upon this package's.

    It is written when its data has changed at any depth; `modified = True` is never needed.

    Args:
        session_key: the sealed text, as `session_key` gives it; None for a new session.
    """

    serializer: Any = JSONSerializer

    # Where the middleware has made it for a request, whose session is begun at the first look; not
    # the request itself: that would be a circle.
    _door: IronSessionMiddleware | None = None
    _meta: dict[str, Any]
    _scope: Any
    _left: weakref.ref[HttpResponseBase] | None = None  # the response that went without a look

    _deleted: str | None = None
    _marked: bool = False

    def __init__(self, session_key: str | None = None) -> None:
        self._given = session_key

    @cached_property
    def core(self) -> Session:
        """The session itself, for what Django's sessions have no name for."""
        if self._door is not None:
            return self._door.begin(self._meta, self._scope, self._left)
        options = _settings_options()
        header = f"{options.cookie_name}={self._given}" if self._given else None
        return _Session(HeaderJar(header), options)

    @property
    def session_key(self) -> str | None:
        """The sealed text that the browser has, or will have by this response; None for none.

        Another one after each save. Whoever has it has the session: keep it out of logs.
        """
        seal = self.core.seal
        return None if seal == self._deleted else seal

    _session_key = session_key

    @property
    def _session_cache(self) -> Session:
        return self.core

    @_session_cache.setter
    def _session_cache(self, data: Mapping[str, Any]) -> None:
        self.core.replace(data)

    @property
    def accessed(self) -> bool:
        """Whether anybody has looked, so that the response depends on the cookie."""
        return self.core.accessed

    @accessed.setter
    def accessed(self, value: bool) -> None:
        self.core.accessed = value

    @property
    def modified(self) -> bool:
        """Whether it differs, at any depth, from what the browser has, or was marked so."""
        return self._marked or self.core.modified

    @modified.setter
    def modified(self, value: bool) -> None:
        self._marked = self.core.modified = value

    # Django's own methods mark the session as modified, also by what is there already.

    def __setitem__(self, key: str, value: Any) -> None:
        self.core[key] = value

    def __delitem__(self, key: str) -> None:
        del self.core[key]

    def pop(self, key: str, *default: Any, **named: Any) -> Any:
        """Take a value out, or give the default."""
        return self.core.pop(key, *default, **named)

    def update(self, dict_: Mapping[str, Any]) -> None:
        """Set several values."""
        self.core.update(dict_)

    def clear(self) -> None:
        """Take everything out and start over."""
        self.core.clear()

    def load(self) -> dict[str, Any]:
        """Give a copy of the data."""
        return dict(self.core)

    def save(self, must_create: bool = False, **terms: Any) -> None:
        """Seal the session; the middleware does so by itself.

        Args:
            must_create: of no meaning here.
            terms: `ttl` and `cookie_options`, as `iron_session.Session.save` takes them.

        Raises:
            IronSessionError: as `iron_session.Session.save`.
        """
        self.core.save(**terms)

    def create(self) -> None:
        """Seal the session, though it be empty."""
        self.core.save()

    def cycle_key(self) -> None:
        """Seal the session anew, as at a login."""
        self.core.save()

    def delete(self, session_key: str | None = None) -> None:
        """Empty the session; of another's key nothing comes, for that one lies in its browser."""
        own = self.session_key
        if session_key is None or session_key == own:
            self.core.clear()
            self._deleted = own

    def flush(self) -> None:
        """Empty the session, as at a logout; what is written then is a session begun now."""
        self.delete()

    def destroy(self) -> None:
        """Empty the session and expire its cookie; no later write can bring it back.

        Raises:
            HeadersAlreadySentError: the response's headers have gone.
        """
        self.core.destroy()

    def exists(self, session_key: str | None = None) -> bool:
        """Tell nothing: which there are, only browsers know."""
        return False

    @classmethod
    def clear_expired(cls) -> None:
        """Do nothing: browsers drop what has expired."""

    @classmethod
    async def aclear_expired(cls) -> None:
        """Do nothing, as `clear_expired`."""

    def get_session_cookie_age(self) -> int:
        """Give the ttl of the options, in seconds."""
        return self.core.options.ttl_ms // 1000 or _FOREVER

    def set_expiry(self, value: Any) -> None:
        """Give this session a life of its own, kept by later saves; at most `max_lifetime`.

        Args:
            value: seconds from the last save; or when it ends, as datetime or as timedelta from
                now; 0 for a cookie that ends with the browser, while the seal has the options'
                ttl; None to follow the options again.
        """
        self.core.follow_options()
        super().set_expiry(value)

    def get_expire_at_browser_close(self) -> bool:
        """Tell whether the cookie ends with the browser's own session."""
        expiry = self.core.get(_EXPIRY)
        return self.core.options.cookie.max_age is None if expiry is None else expiry == 0

    # --- what Django's sessions have no name for, as iron_session.Session has it -----------

    @property
    def data(self) -> Any:
        """The data as an instance of the schema's type."""
        return self.core.data

    @data.setter
    def data(self, value: Any) -> None:
        self.core.data = value

    @property
    def ttl(self) -> timedelta:
        """How long it lives from each save on; may be set, as `Session.ttl`.

        What `set_expiry` was given counts more than what is set here.
        """
        return self.core.ttl

    @ttl.setter
    def ttl(self, value: _time.Seconds | None) -> None:
        self.core.ttl = value

    @property
    def expires_at(self) -> datetime | None:
        """When the seal that the browser has expires (UTC)."""
        return self.core.expires_at

    @property
    def created_at(self) -> datetime | None:
        """When the session was first saved (UTC), if `max_lifetime` has that written."""
        return self.core.created_at

    def flash(self, message: str, category: str = "message") -> None:
        """Keep a message for the page that is shown next; `django.contrib.messages` can more."""
        self.core.flash(message, category)

    def pop_flashes(self, category: str | None = None) -> list[Flash]:
        """Give the messages that were kept, oldest first, and forget them."""
        return self.core.pop_flashes(category)

    aset: _Twin = _twin(__setitem__)
    apop: _Twin = _twin(pop)
    aupdate: _Twin = _twin(update)
    aload: _Twin = _twin(load)
    asave: _Twin = _twin(save)
    acreate: _Twin = _twin(create)
    acycle_key: _Twin = _twin(cycle_key)
    adelete: _Twin = _twin(delete)
    aflush: _Twin = _twin(flush)
    aexists: _Twin = _twin(exists)
    aset_expiry: _Twin = _twin(set_expiry)
    aget_expire_at_browser_close: _Twin = _twin(get_expire_at_browser_close)


# --- requests and responses --------------------------------------------------------------------


class IronSessionMiddleware(_Middleware):
    """Give each request a session, and write it into the response.

    A second session is a subclass with options and a key of its own, in MIDDLEWARE too. As in
    Django, a response of 500 or above writes nothing.

    Attributes:
        options: what the session is read and written by; None for what the settings say.
        key: the request's attribute for it.

    Raises:
        ConfigurationError: settings that can't work; at a request: two sessions have one cookie.
    """

    options: ClassVar[SessionOptions | None] = None
    key: ClassVar[str] = "session"

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        is_first, engine = self.key == IronSessionMiddleware.key, self.SessionStore
        if is_first and not issubclass(engine, SessionStore):
            raise ConfigurationError(f'IronSessionMiddleware needs SESSION_ENGINE = "{__name__}"')
        self._store: type[SessionStore] = engine if is_first else SessionStore
        by_settings = is_first and self.options is None
        self._options = _settings_options() if by_settings else check_options(self.options)
        self._place: str = f"iron_session.{self.key}"  # in the request's META, once it is begun
        self._saves_always: bool = settings.SESSION_SAVE_EVERY_REQUEST

    def __call__(self, request: HttpRequest) -> Any:
        """Do what Django's own does, in fewer steps."""
        if self.async_mode:
            return self.__acall__(request)
        response = self.process_request(request) or self.get_response(request)
        return self.process_response(request, response)

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """Do the same without a thread, of which Django's own takes two."""
        response = self.process_request(request) or await self.get_response(request)
        try:
            return self._finish(request, response)
        except IronSessionError as failure:
            answer = await _answer(_afail, failure)(request)
        return self._finish(request, _take_over(response, answer))

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        """Give the request its session, which is begun when somebody looks.

        Returns:
            None: there is no answer yet. A subclass may give one.
        """
        meta, name = request.META, self._options.cookie_name
        if requests.REGISTRY not in meta:
            meta[requests.REGISTRY] = {name: self}
        elif isinstance(getattr(request, self.key, None), SessionStore):
            raise requests.installed_twice(name, self.key)
        else:
            requests.register(meta, self.key, name, self)
        store = self._store()
        store._door, store._meta, store._scope = self, meta, getattr(request, "scope", None)
        setattr(request, self.key, store)
        return None

    def begin(
        self, meta: dict[str, Any], scope: Any, left: weakref.ref[HttpResponseBase] | None
    ) -> Session:
        """Begin the session of a request, for `SessionStore`."""
        begun = _Session(HeaderJar(_cookie_header(meta, scope, self._options)), self._options)
        session: Session = meta.setdefault(self._place, begun)  # another thread may be faster
        if left is not None:
            header_jar(session).close()
            response = left()
            if response is not None:
                response._resource_closers.append(_Closer(session))
        return session

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Write the session; what that raises `handler500` answers, as what views raise."""
        try:
            return self._finish(request, response)
        except IronSessionError as failure:
            answer = _answer(_fail, failure)(request)
        return self._finish(request, _take_over(response, answer))

    def _finish(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        meta = request.META
        take_off_noted(response, MorselHeaders, self._place)
        store: Any = getattr(request, self.key, None)
        is_ours = isinstance(store, SessionStore) and store._door is self and store._meta is meta
        if self._place in meta or not is_ours or self._saves_always or response.status_code >= 500:
            self._write(request, response)
        else:
            store._left = weakref.ref(response)
        return response

    def _write(self, request: HttpRequest, response: HttpResponseBase) -> None:
        session = self.begin(request.META, getattr(request, "scope", None), None)
        self._adopt_replacement(request, session)
        if response.status_code >= 500:
            session.abandon()
        elif self._saves_always and session:
            session.mark_modified()
        if session.accessed:
            write_session(session, NotedHeaders(response, MorselHeaders, self._place))
        jar = header_jar(session)
        jar.close()
        if jar.set_cookie_headers:  # Django's cache does not heed no-store in all versions
            vars(request)["_cache_update_cache"] = False
        # Where Django itself hooks in what is to be done once a response has been sent.
        response._resource_closers.append(_Closer(session))

    def _adopt_replacement(self, request: HttpRequest, session: Session) -> None:
        """Take over what the application has put in the session's place."""
        found: Any = getattr(request, self.key, None)
        if isinstance(found, (dict, SessionBase)) and getattr(found, "core", None) is not session:
            store = self._store()
            store.core = session
            setattr(request, self.key, store)
            session.replace(dict(found))


class _Closer:
    """Reports late changes; Django's cache pickles responses, and then it is one that does not."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self) -> None:
        report_late_changes(self._session)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial, (bool,)


def _answer(fail: Callable[..., Any], failure: IronSessionError) -> Any:
    """Give Django's way of answering, in which a view raises this."""
    return convert_exception_to_response(partial(fail, failure))


# The traceback as it was would lead Django's error report to the seal and what is in it.


def _fail(failure: IronSessionError, request: HttpRequest) -> NoReturn:
    raise failure.with_traceback(None)


async def _afail(failure: IronSessionError, request: HttpRequest) -> NoReturn:
    raise failure.with_traceback(None)


def _take_over(response: HttpResponseBase, answer: HttpResponseBase) -> HttpResponseBase:
    """Have an answer close what the response that it replaces has opened."""
    answer._resource_closers.extend(response._resource_closers)
    return answer


def _cookie_header(
    meta: dict[str, Any], scope: Any, options: SessionOptions
) -> str | Callable[[], str] | None:
    if scope is None:
        return requests.environ_cookie_header(meta, options.cookie_name)
    # Django 5 joins the Cookie headers of HTTP/2, of which there may be several, by commas.
    return lambda: requests.raw_cookie_header(scope["headers"])


def get_session(request: HttpRequest, *, key: str = "session") -> Session:
    """Give the session itself, of which `request.session` is Django's view.

    Args:
        request: the request.
        key: the one that the middleware has.

    Raises:
        ConfigurationError: the middleware is not installed.
    """
    store = getattr(request, key, None)
    return requests.find_session({key: getattr(store, "core", None)}, key, _INSTALL)


def get_iron_session(
    request: HttpRequest, response: HttpResponseBase, options: SessionOptions[T]
) -> Session[T]:
    """Give the session of a request; only its `save()` and `destroy()` write, to this response.

    Args:
        request: the request.
        response: the response that will be returned.
        options: built once, at import time.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or the middleware serves this
            cookie already: of two sessions in one request, the one could undo the other's logout.
    """
    requests.check_not_served(request.META, options)
    header = _cookie_header(request.META, getattr(request, "scope", None), options)
    jar = ResponseJar(header, MorselHeaders(response))
    return core.get_iron_session(jar, options)
