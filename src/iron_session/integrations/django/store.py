"""`SessionStore`, the class of `request.session`: Django's interface to our session."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property, wraps
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.serializers import JSONSerializer
from django.http.response import HttpResponseBase

from iron_session import _time
from iron_session._frames import clear_frames, guarded
from iron_session.errors import ConfigurationError
from iron_session.integrations.django.settings import settings_options
from iron_session.sessions import sealed
from iron_session.sessions.cookies import candidates
from iron_session.sessions.flashes import Flash
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.lifetime import LONGEST_MAX_AGE
from iron_session.sessions.session import Session

__all__ = ["DjangoSession", "SessionStore"]

_EXPIRY: Final = "_session_expiry"  # Django's key for what `set_expiry` was given
_AUTH: Final = "django.contrib.auth"
_HASH: Final = "_auth_user_hash"  # its key for a hash of the user's password
_CHANGES: Final = {"update_session_auth_hash", "aupdate_session_auth_hash"}

if TYPE_CHECKING:

    class _Base:
        """The base class for type checkers: Django has no types, so any attribute will do."""

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, key: str) -> Any: ...
        def keys(self) -> Any: ...
        def get_expiry_age(self, **given: Any) -> Any: ...
        def get_expiry_date(self, **given: Any) -> Any: ...
        def set_expiry(self, value: Any) -> None: ...

else:
    _Base = SessionBase


class DjangoSession(Session):
    """A session that behaves as Django's code expects.

    It lives as long as `set_expiry` has written into its data. `modified = False` keeps the changes
    made before it from being written.

    Attributes:
        ends_others: whether its user has a new password, which ends the user's other sessions.
    """

    ends_others: bool = False
    _passed_over: bytes | None = None  # the data, as JSON, at `modified = False`

    @property
    def modified(self) -> bool:
        """Whether the data differs from what the browser has, and is to be written."""
        return super().modified and not self._is_passed_over()

    @modified.setter
    def modified(self, value: bool) -> None:
        if value:
            self.mark_modified()
            return
        Session.modified.__set__(self, False)  # type: ignore[attr-defined]  # a property has it
        self._passed_over = self._encode() if super().modified else None

    def _is_passed_over(self) -> bool:
        """Return whether `modified = False` was set, and nothing has changed since."""
        return self._passed_over is not None and self._encode() == self._passed_over

    def mark_modified(self) -> None:
        """Mark the session to be written, changed or not, unless it is empty."""
        self._passed_over = None
        super().mark_modified()

    def own_terms(self) -> tuple[Any, Any]:
        """Return the ttl and the cookie's attributes that `set_expiry` asks for."""
        kept = self.get(_EXPIRY)
        expiry = None if kept is None else _read_expiry(kept)
        if expiry is None:
            return None, None
        if expiry == 0:
            return None, {"max_age": None, "expires": None}
        most = self.options.max_lifetime_ms or float("inf")
        left = max(_seconds_left(expiry), 0.001)  # a ttl of 0 would never end
        return min(left, most / 1000), {"max_age": "auto", "expires": None}

    def commit(self) -> None:
        """Commit as `Session.commit`, except changes made before `modified = False`.

        A session whose own expiry has passed is ended.

        Raises:
            IronSessionError: as `Session.commit`.
        """
        # A seal opens for a minute after it expires; a save in that minute would prolong it.
        kept = self.get(_EXPIRY) if self.accessed else None
        expiry = None if kept is None else _read_expiry(kept)
        if expiry and _seconds_left(expiry) <= 0:
            self.clear()
        is_to_commit = self._passed_over is None or not self or not self._is_passed_over()
        if is_to_commit:  # Django ends an empty session in any case
            super().commit()
        elif self._ending and self._is_sent() and not self.abandoned:
            self._expire()  # it was flushed, and the changes after that are not written


def _is_new_password() -> bool:
    """Return whether Django's `update_session_auth_hash` is running.

    Django sends no signal then, and writes the same key when it only rotates SECRET_KEY.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in _CHANGES and frame.f_globals.get("__name__") == _AUTH:
            return True
        frame = frame.f_back
    return False


def _read_expiry(kept: object) -> float | datetime | None:
    """Return what `set_expiry` was given, as the data has it: seconds, or a moment (UTC).

    None if the data has nothing, or something that `set_expiry` can't have written: the application
    may have put a visitor's own words into its session.
    """
    try:
        if isinstance(kept, (int, float)):
            _time.to_milliseconds(kept, _EXPIRY, negative=True)
            return kept
        if not isinstance(kept, str):
            return None
        moment = datetime.fromisoformat(kept).astimezone(UTC)  # if naive, in the server's time zone
        _time.to_milliseconds(max(0.0, _seconds_left(moment)), _EXPIRY)
    except (ConfigurationError, ValueError, OverflowError, OSError):
        return None
    return moment


def _seconds_left(expiry: float | datetime) -> float:
    if isinstance(expiry, datetime):
        return expiry.timestamp() - _time.now_ms() / 1000
    return expiry


_Twin: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]


def _twin(method: Callable[..., Any]) -> _Twin:
    """Return a method's asynchronous twin: nothing here blocks, so it needs no thread."""

    @wraps(method)
    async def twin(self: Any, *args: Any, **named: Any) -> Any:
        try:
            return getattr(self, method.__name__)(*args, **named)
        finally:
            del args, named  # error reports show a coroutine's variables

    return twin


class _Middleware(Protocol):
    """What begins the session of a request, at its first use."""

    def begin(
        self,
        meta: dict[str, Any],
        scope: Any,
        cookies: Mapping[str, Any] | None,
        left: Callable[[], HttpResponseBase | None] | None,
    ) -> Session:
        """Return the session, begun."""
        ...


class SessionStore(_Base):
    """The class of `request.session`: all that Django's sessions have, based on this package's.

    It is written when its data has changed at any depth; `modified = True` is never needed.

    Args:
        session_key: the sealed text, as the property returns it; None for a new session.
    """

    serializer: Any = JSONSerializer

    # Set if the middleware has made the store for a request; the session begins at its first use.
    # The request itself is not kept: that would be a reference cycle.
    _door: _Middleware | None = None
    _meta: dict[str, Any]
    _scope: Any
    _cookies: Mapping[str, Any] | None = None
    # Returns the response that went out before the session was used, while it exists.
    _left: Callable[[], HttpResponseBase | None] | None = None

    _given: str | None = None
    _deleted: str | None = None
    _marked: bool = False

    def __init__(self, session_key: str | None = None) -> None:
        if session_key is not None:
            self._given = session_key

    def __getattr__(self, name: str) -> Any:
        """Raise AttributeError: JavaScript has data in attributes, here it is in the mapping."""
        if hasattr(type(self), name):
            return object.__getattribute__(self, name)  # raises the property's own error
        raise AttributeError(_no_attribute(name))

    def __setattr__(self, name: str, value: object) -> None:
        """Raise AttributeError: the value would not be saved. A subclass may set attributes."""
        if name[0] != "_" and type(self) is SessionStore and not hasattr(SessionStore, name):
            raise AttributeError(_no_attribute(name))
        object.__setattr__(self, name, value)

    @cached_property
    def core(self) -> Session:
        """The session itself, for what Django's sessions do not have."""
        if self._door is not None:
            return self._door.begin(self._meta, self._scope, self._cookies, self._left)
        options = settings_options()
        header = f"{options.cookie_name}={self._given}" if self._given else None
        return DjangoSession(HeaderJar(header), options)

    @property
    def session_key(self) -> str | None:
        """The sealed text that the browser has, or will get with this response, or None.

        It changes with each save. Anyone who has it has the session: keep it out of logs.
        """
        seal = self.core.seal
        return None if seal == self._deleted else seal

    _session_key = session_key

    @property
    def _session_cache(self) -> Session:
        return self.core

    @_session_cache.setter
    @guarded
    def _session_cache(self, data: Mapping[str, Any]) -> None:
        self.core.replace(data)

    @property
    def accessed(self) -> bool:
        """Whether the session was used, so that the response depends on the cookie."""
        return self.core.accessed

    @accessed.setter
    def accessed(self, value: bool) -> None:
        self.core.accessed = value

    @property
    def modified(self) -> bool:
        """Whether the data differs, at any depth, from what the browser has, or was marked so."""
        return self._marked or self.core.modified

    @modified.setter
    def modified(self, value: bool) -> None:
        self._marked = self.core.modified = value

    # Overridden, since Django's methods mark the session as modified even if nothing changes.

    def __setitem__(self, key: str, value: Any) -> None:
        try:
            self.core[key] = value
        except BaseException as error:
            del value
            clear_frames(error)
            raise
        core = self.core
        is_hash = key == _HASH and core.options.revocations is not None
        if is_hash and isinstance(core, DjangoSession) and _is_new_password():
            core.ends_others = True

    def __delitem__(self, key: str) -> None:
        del self.core[key]

    @guarded
    def pop(self, key: str, *default: Any, **named: Any) -> Any:
        """Remove a key and return its value, or the default."""
        return self.core.pop(key, *default, **named)

    @guarded
    def update(self, dict_: Mapping[str, Any]) -> None:
        """Set several values."""
        self.core.update(dict_)

    def clear(self) -> None:
        """Remove everything and start over; if nothing is set after that, the cookie expires."""
        self.core.clear()

    @guarded
    def load(self) -> dict[str, Any]:
        """Return a copy of the data as it was last saved, without unsaved changes."""
        if not self.core.modified:
            return dict(self.core)
        saved = self._open(self.session_key)
        return {} if saved is None else saved.data

    def _open(self, session_key: str | None) -> sealed.Opened | None:
        """Open a key, without a call of the hooks and without a log record."""
        options = self.core.options
        jar = HeaderJar(f"{options.cookie_name}={session_key or ''}")
        found = sealed.load(jar, options, _time.now_ms())
        return found if isinstance(found, sealed.Opened) else None

    def save(self, must_create: bool = False, **terms: Any) -> None:
        """Seal the session; the middleware does so automatically.

        Args:
            must_create: ignored.
            terms: `ttl` and `cookie_options`, as `iron_session.Session.save` takes them.

        Raises:
            IronSessionError: as `iron_session.Session.save`.
        """
        self.core.save(**terms)

    def create(self) -> None:
        """Seal the session, even if it is empty."""
        self.core.save()

    def cycle_key(self) -> None:
        """Seal the session anew, as at a login.

        If it can't be told whether the browser's session has ended, the login begins another.
        """
        if not self.core.unavailable:
            self.core.save()

    def delete(self, session_key: str | None = None) -> None:
        """Empty the session and expire its cookie, also one that can't be read here.

        Args:
            session_key: this session's own, as `session_key` or the cookie has it, or None. Any
                other is ignored: that session is in another browser.
        """
        own = self.session_key
        if session_key is None or session_key == own or self._is_sent(session_key):
            self.core.clear()
            self._deleted = own

    def _is_sent(self, session_key: str) -> bool:
        """Return whether the browser has sent this text in the session's cookies."""
        core = self.core
        name = core.options.cookie_name
        return session_key in candidates(core.jar.read(name), core.jar.read, name)

    def flush(self) -> None:
        """Empty the session, as at a logout; what is set after that is a new session."""
        self.delete()

    def destroy(self) -> None:
        """Empty the session and expire its cookie; no later write can bring it back.

        Raises:
            HeadersAlreadySentError: the response's headers have gone.
        """
        self.core.destroy()

    @guarded
    def exists(self, session_key: str | None = None) -> bool:
        """Return whether a key opens here; this takes as long as reading a session.

        Without `revocations`, the key of an ended session opens until it expires, unless this very
        object has ended it: the server keeps no list of sessions.

        Args:
            session_key: the sealed text, as the property returns it.
        """
        return session_key != self._deleted and self._open(session_key) is not None

    @classmethod
    def clear_expired(cls) -> None:
        """Return at once: browsers drop what has expired."""

    @classmethod
    async def aclear_expired(cls) -> None:
        """Return at once, as `clear_expired`."""

    def get_session_cookie_age(self) -> int:
        """Return the ttl of the options, in seconds."""
        return self.core.options.ttl_ms // 1000 or LONGEST_MAX_AGE

    @guarded
    def set_expiry(self, value: Any) -> None:
        """Set this session's own lifetime, which later saves keep; at most `max_lifetime`.

        Args:
            value: seconds from the last save; or when it ends, as datetime or as timedelta from
                now; 0 for a cookie that ends with the browser, while the seal has the options'
                ttl; None to follow the options again.

        Raises:
            ConfigurationError: the value is none of these, or is more than 300 years.
        """
        _check_expiry(value)
        self.core.follow_options()
        super().set_expiry(value)

    def get_expiry_age(self, **given: Any) -> Any:
        """Return how many seconds are left, as Django's sessions do."""
        return super().get_expiry_age(**self._with_expiry(given))

    def get_expiry_date(self, **given: Any) -> Any:
        """Return when the session ends, as Django's sessions do."""
        return super().get_expiry_date(**self._with_expiry(given))

    def _with_expiry(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments for both; without them, Django would read the data unchecked."""
        now = datetime.fromtimestamp(_time.now_ms() / 1000, UTC if settings.USE_TZ else None)
        modification = given.get("modification", now)
        expiry = _read_expiry(self.core.get(_EXPIRY))
        if isinstance(expiry, datetime) and modification.utcoffset() is None:
            expiry = expiry.astimezone().replace(tzinfo=None)
        return {"modification": modification, "expiry": expiry, **given}

    def get_expire_at_browser_close(self) -> bool:
        """Return whether the cookie ends with the browser's own session."""
        expiry = _read_expiry(self.core.get(_EXPIRY))
        return self.core.options.cookie.max_age is None if expiry is None else expiry == 0

    # --- what Django's sessions do not have, as iron_session.Session has it ----------------

    @property
    def data(self) -> Any:
        """The data as an instance of the schema's type."""
        return self.core.data

    @data.setter
    @guarded
    def data(self, value: Any) -> None:
        self.core.data = value

    @property
    def ttl(self) -> timedelta:
        """How long the session lives after each save; can be set, as `Session.ttl`.

        A value from `set_expiry` takes precedence over what is set here.
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
        """When the session was first saved (UTC), if `max_lifetime` stores that."""
        return self.core.created_at

    @property
    def id(self) -> str | None:
        """The session's id, which stays over all saves; `login()` of Django gives a new one."""
        return self.core.id

    @property
    def user_id(self) -> str | None:
        """The id of the user whose session it is, as text."""
        return self.core.user_id

    @property
    def logged_in_at(self) -> datetime | None:
        """When the user logged in (UTC); later saves do not change it."""
        return self.core.logged_in_at

    @property
    def unavailable(self) -> bool:
        """Whether the browser's session may be good, and that can't be told right now."""
        return self.core.unavailable

    @guarded
    def set(self, key: str, value: Any) -> None:
        """Set a value, as `session[key] = value` does; its asynchronous twin is Django's `aset`."""
        self[key] = value

    def unset(self, key: str) -> None:
        """Remove a key if it is there."""
        self.core.unset(key)

    @guarded
    def flash(self, message: str, category: str = "message") -> None:
        """Keep a message for the page that is shown next; `django.contrib.messages` can do more."""
        self.core.flash(message, category)

    def pop_flashes(self, category: str | None = None) -> list[Flash]:
        """Return the messages that were kept, oldest first, and remove them."""
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
    aget_expiry_age: _Twin = _twin(get_expiry_age)
    aget_expiry_date: _Twin = _twin(get_expiry_date)
    aget_expire_at_browser_close: _Twin = _twin(get_expire_at_browser_close)


def _check_expiry(value: object) -> None:
    """Raise ConfigurationError if `set_expiry` can't take this value."""
    kept: object = value
    if isinstance(value, timedelta):
        kept = value.total_seconds()
    elif isinstance(value, datetime):
        kept = value.isoformat()
    if value is not None and _read_expiry(kept) is None:
        raise ConfigurationError(
            "set_expiry takes seconds, a datetime, a timedelta, 0 or None, of at most 10**10 "
            f"seconds, not this {type(value).__name__}"
        )


def _no_attribute(name: str) -> str:
    return f"request.session has no attribute {name!r}: its data is in request.session[{name!r}]"
