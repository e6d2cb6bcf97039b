"""`Session`: the mapping that an application reads and writes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from datetime import datetime, timedelta
from functools import partial
from pickle import dumps
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, NoReturn, Self

from iron_session import _json, _time
from iron_session._frames import GuardedMapping, clear_frames, guarded, shown
from iron_session.errors import (
    ConfigurationError,
    CookieTooLargeError,
    IronSessionError,
    NotSerializableError,
    SessionDestroyedError,
    SessionUnavailableError,
)
from iron_session.seals.mark import NO_MARK, RESERVED, Mark
from iron_session.sessions import cookies, flashes, lifetime, sealed
from iron_session.sessions.cookies import SessionCookies
from iron_session.sessions.endings import EndingInProgress, Revoker
from iron_session.sessions.events import (
    AFTER_REQUEST,
    report_lost,
    report_too_large,
    report_unreadable,
    report_unsealed,
    report_unvaried,
)
from iron_session.sessions.flashes import Flash
from iron_session.sessions.identity import (
    as_label,
    check_carried,
    identified,
    signed_in,
    user_in,
)
from iron_session.sessions.jar import CookieJar, HeaderJar, request_of
from iron_session.sessions.limits import MAX_CHUNKS, MOST_JSON_ITEMS
from iron_session.sessions.options import (
    CookieOptions,
    SessionOptions,
    T,
    check_options,
    override_cookie,
)
from iron_session.sessions.request_head import RequestHead, is_navigation
from iron_session.sessions.sealed import Stored

if TYPE_CHECKING:
    from iron_session.sessions.schemas import Schema, TypedData

__all__ = ["Session", "get_iron_session"]

_ROOT = "session"
_EMPTY = sealed.NOTHING.json
_SAFE_TYPES = frozenset({str, bool, type(None)})
_UNCHANGEABLE = _SAFE_TYPES | {int, float}
_SAFE_INT = 2**53
_MOST_BYTES = 2 * MOST_JSON_ITEMS
_MOST_TRIES = 3


def get_iron_session(jar: CookieJar, options: SessionOptions[T]) -> Session[T]:
    """Return the session in a jar's cookies; an empty one if none of them opens.

    Nothing is read before the session is first used, nothing is written before `save()`.

    Args:
        jar: where cookies are read and written; a `HeaderJar` if you have no other.
        options: the session's options, built once, at import time.

    Raises:
        ConfigurationError: the jar is no `CookieJar`, or the options are no `SessionOptions`.
    """
    if not (hasattr(jar, "read") and hasattr(jar, "write")):
        raise ConfigurationError(
            f"a cookie jar has read(name) and write(cookie), {type(jar).__name__} has not; for a "
            "framework's request, use get_iron_session from iron_session.integrations.…"
        )
    try:
        check_options(options)
    except ConfigurationError:
        del options  # it may be a dict with a password
        raise
    return Session(jar, options)


class Session(GuardedMapping, Generic[T]):
    """A session's data as a mapping of text to JSON values, and its life.

    The cookie is read when the session is first used; one that can't be read gives an empty
    session. Values come back as JSON carries them: a tuple comes back as a list. With a schema in
    the options, `data` is an instance of its type, and the mapping holds the keys that the type
    does not declare.

    A session is equal to any mapping of the same data. Its copies, by `copy()` or the module
    `copy`, are plain dicts: changes to them are not written. It can't be pickled.

    Attributes:
        accessed: whether the session was used, so that the response depends on the cookie.
        endings: the endings by `destroy` or `clear` that are on their way to the store.
        abandoned: whether `abandon` was called.
        renewed: whether it was written though the application had changed nothing.
        restarted: whether the application has ended it; its data now was written after that.
        detached: whether `detach` was called.
        told_unavailable: whether it has raised `SessionUnavailableError`.
    """

    __slots__ = (
        "__weakref__",
        "_changed",
        "_cookie",
        "_cookies",
        "_data",
        "_destroyed",
        "_earlier",
        "_ending",
        "_failure_known",
        "_forced",
        "_is_new",
        "_jar",
        "_left",
        "_lent",
        "_login",
        "_named",
        "_options",
        "_renewal_failed",
        "_stored",
        "_typed",
        "_unavailable",
        "_unread",
        "_was_ended",
        "_watch",
        "abandoned",
        "accessed",
        "detached",
        "endings",
        "renewed",
        "restarted",
        "told_unavailable",
    )

    most_chunks: ClassVar[int] = MAX_CHUNKS
    """How many chunks it may have; fewer where a framework's server accepts no more."""

    def __init__(self, jar: CookieJar, options: SessionOptions[T]) -> None:
        self._options = options
        self._jar = jar
        self._cookie: CookieOptions = options.cookie
        self._data: dict[str, Any] | None = None  # None until the cookie is read
        self._typed: TypedData[T] | None = None  # None until there is something in it to keep
        # What the browser has, or will have once this response has reached it.
        self._stored = sealed.NOTHING
        # Only with one of these two, or with typed data, can the data differ from that.
        self._changed = False  # whether a key was set or removed since
        self._lent: bytes | None = None  # a print of it, once the application has held a part of it
        self._cookies: SessionCookies | None = None  # None until one is written or searched for
        self._is_new = True
        self._destroyed = False
        self._forced = False
        self._ending = False  # whether to expire the browser's cookie though it can't be read
        self._earlier: tuple[SessionOptions[Any], ...] = ()  # those before `update_config`
        self._renewal_failed = False
        self._failure_known = False  # whether the application knows that it can't be written
        self._watch: _Watch | None = None
        self._login: _Login | None = None  # until it is saved
        self._unread = NO_MARK  # that of an authentic session that can't be used
        self._named: tuple[str | None, int] | None = None  # the last user that `user_of` found
        self._left: tuple[str, ...] = ()  # the ids of those that this one has replaced
        self.accessed: bool = False
        self.abandoned: bool = False
        self.renewed: bool = False
        self.restarted: bool = False
        self.detached: bool = False
        self.endings: Sequence[EndingInProgress] = ()
        self._unavailable = False
        self._was_ended = False
        self.told_unavailable: bool = False

    # --- the mapping ---------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        value = self._load()[key]
        if type(value) not in _UNCHANGEABLE and self._lent is None:
            self._lend()
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a value.

        Raises:
            NotSerializableError: at once, if JSON can't carry it.
            ConfigurationError: the key belongs to the schema.
        """
        try:
            _check_item(key, value)
            if self._options.prepared_schema is not None:
                self._require_own(key, self._options.prepared_schema)
            self._load()[key] = value
            if self._options.user_of is not None:
                self._note_named()
        except BaseException as error:
            del value
            clear_frames(error)
            raise
        self._changed = True  # after the change: another thread may be saving right now
        if type(value) not in _UNCHANGEABLE:
            self._lent = _NO_PRINT
        if self.detached:
            self._tell_lost()

    def _note_named(self) -> None:
        """Note from when on endings count for a user that the application has named just now.

        Not when it is saved: what ends the user in between must end this login too.
        """
        revoker, before = self._options.revocations, self._named
        if revoker is None:
            return
        with suppress(Exception):  # the save tells what is wrong
            user_id = user_in(self._load(), self._stored.mark, self._options)
            if user_id != (self._stored.user_id if before is None else before[0]):
                self._named = user_id, revoker.now(user_id)

    def __delitem__(self, key: str) -> None:
        if self._options.prepared_schema is not None:
            self._require_own(key, self._options.prepared_schema)
        del self._load()[key]
        self._changed = True
        if self.detached:
            self._tell_lost()

    def popitem(self) -> tuple[str, Any]:
        """Remove the key that was set last and return it with its value, as `dict.popitem` does.

        Raises:
            KeyError: the session is empty.
            ConfigurationError: the key belongs to the schema.
        """
        key = next(reversed(self._load()), None)
        if key is None:
            raise KeyError("popitem(): the session is empty")
        return key, self.pop(key)

    @staticmethod
    def _require_own(key: str, schema: Schema[Any]) -> None:
        """Refuse a key of the schema: it would be there twice, and one value would be lost."""
        if key in schema.fields:
            raise ConfigurationError(
                f"{_json.show((_ROOT, key))} belongs to the schema {schema.name}: change it in "
                "session.data"
            )

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def __contains__(self, key: object) -> bool:
        return key in self._load()

    @guarded
    def set(self, key: str, value: Any) -> None:
        """Set a value, as `session[key] = value` does: JavaScript's older name for it.

        Raises:
            NotSerializableError: at once, if JSON can't carry it.
            ConfigurationError: the key belongs to the schema.
        """
        self[key] = value

    @guarded
    def unset(self, key: str) -> None:
        """Remove a key if it is there: JavaScript's older name for `del session[key]`.

        Raises:
            ConfigurationError: the key belongs to the schema.
        """
        with suppress(KeyError):
            del self[key]

    def clear(self) -> None:
        """Remove all data and start over: data written from now on is a session that begins now.

        If nothing is written into it, an integration expires the cookie, even one that could not be
        read here: another server may be able to. `data` is another object from here on.
        """
        self._typed = None
        self._failure_known = False  # what could not be written is gone
        self._load().clear()
        self._changed = True
        self._typed = None  # again: `_load` may have read the cookie only now
        self.expire_unreadable()
        if self.detached:
            self._tell_lost()
        self._begin_as(NO_MARK, None)

    def _begin_as(self, mark: Mark, user_id: str | None) -> None:
        """Let the session begin now: whatever the browser has is another one."""
        if mark or self._stored.mark:
            self._forced = True  # the browser's seal has the old life, even if the data comes back
        self._stored = self._stored._replace(mark=mark, user_id=user_id, opened_at=None)
        self._login = self._named = None
        self._unavailable = False

    @guarded
    def replace(self, data: Mapping[str, Any]) -> None:
        """Replace the data with that of a mapping; the session's life goes on.

        Raises:
            NotSerializableError: not a mapping, or data that JSON can't carry, or that does not fit
                the schema; the session is as before.
        """
        _check_mapping(data)
        content = dict(data)
        for key, value in content.items():
            _check_item(key, value)
        schema = self._options.prepared_schema
        typed = None if schema is None else _make_typed(schema, content)
        self._typed = None
        self._load().clear()
        self._load().update(content)
        self._changed, self._lent = True, _NO_PRINT
        self._typed = typed
        if self._options.user_of is not None:
            self._note_named()
        if not content:
            self.expire_unreadable()
        if self.detached:
            self._tell_lost()

    @shown
    def __repr__(self) -> str:
        """Show the state, never the data; does not read the cookie."""
        if self._destroyed:
            state = "destroyed"
        elif self._data is None:
            state = "not read yet"
        else:
            state = f"{'new, ' if self._is_new else ''}{len(self._data)} keys"
        return f"<Session {self._options.cookie_name!r}: {state}>"

    def __sentry_repr__(self) -> str:
        """Return the repr: Sentry would read the mapping and send its data."""
        return repr(self)

    def copy(self) -> dict[str, Any]:
        """Return the data as a new dict; the values are shared, as with `dict.copy`."""
        data = self._load()
        if self._lent is None:
            self._lend()
        return dict(data)

    __copy__ = copy

    if not TYPE_CHECKING:  # a type checker would accept every name as an attribute

        def __getattr__(self, name: str) -> NoReturn:
            """Raise AttributeError: data is in attributes in JavaScript, here in the mapping."""
            raise AttributeError(
                f"a session has no attribute {name!r}: its data is in session[{name!r}]"
            )

    @guarded
    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return deepcopy(self._load(), memo)

    @guarded
    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.copy(), **other} if isinstance(other, Mapping) else NotImplemented

    @guarded
    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self.copy()} if isinstance(other, Mapping) else NotImplemented

    @guarded
    def __ior__(self, other: Mapping[str, Any]) -> Self:
        if not isinstance(other, Mapping):
            return NotImplemented
        self.update(other)
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse: a pickle would hold the passwords and the data in the clear."""
        raise TypeError(
            "a Session can't be pickled, since the pickle would hold passwords: use dict(session)"
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> NoReturn:
        """Refuse to be a field: FastAPI would read the session from a request's body."""
        raise ConfigurationError(
            "a Session is no parameter or field by itself: in FastAPI write "
            "Annotated[Session, Depends(SessionDependency(options))]; to return it, dict(session)"
        )

    # --- whose it is -------------------------------------------------------------------------

    @guarded
    def login(
        self,
        user_id: str,
        *,
        label: str | None = None,
        carry: Iterable[str] = (),
        fresh: bool = True,
    ) -> None:
        """Begin anew, as the session of a user who has just proven who they are.

        The session gets a new id, so that whoever knows the visitor's cookie from before the login
        has nothing, and its life begins now. It loses all data but what `carry` names.

        Args:
            user_id: the user's id, text of 1 to 256 characters; whatever ends this user's sessions
                names the same.
            label: what the user will recognize the browser by, as "Firefox on a Mac", where
                `Revocations(directory=True)` shows it.
            carry: the keys that stay, as `("cart",)`.
            fresh: False if the user has proven nothing now, as with a cookie of your own that
                remembers the user; then `logged_in_at` is None.

        Raises:
            TypeError: the id is no text.
            ConfigurationError: an id, a label or keys that can't be; the options have `user_of`,
                which says whose session it is.
            SessionUnavailableError: with `revocations`, while their store was never reached.
            NotSerializableError: what is carried does not fit the schema alone.
        """
        schema, now = self._options.prepared_schema, _time.now_ms()
        label = as_label(label)
        keys = check_carried(carry)
        # Now, not when it is saved: what ends the user in between must end this login too.
        login_ms = now if fresh else None
        mark = self._mark_of(partial(signed_in, user_id, self._options, login_ms))
        data = self._load()
        carried = {key: data[key] for key in keys if key in data}
        typed = None if schema is None else _make_typed(schema, carried)
        self._typed = None
        data.clear()
        data.update(carried)
        self._changed, self._lent, self._typed = True, _NO_PRINT, typed
        self._failure_known = False
        self._ending = self.restarted = True
        self._leave_id()
        self._begin_as(mark, user_id)
        self._login = _Login(label, now)
        if self.detached:
            self._tell_lost()

    @property
    def id(self) -> str | None:
        """The session's id, which stays over all saves; None if it has none.

        It has one after `login`, and with `revocations` once it was saved.
        """
        self._require_read()
        return self._stored.mark.session_id

    @property
    def user_id(self) -> str | None:
        """The id of the user whose session it is: by `login`, or the options' `user_of`."""
        self._require_read()
        return self._stored.user_id or self._stored.mark.user_id

    @property
    def identity(self) -> tuple[str | None, str | None, int | None]:
        """The id, the user's id, and from when on endings count (ms of their store's clock)."""
        return self.id, self.user_id, self._stored.mark.since_ms

    @property
    def logged_in_at(self) -> datetime | None:
        """When the user logged in (UTC); later saves do not change it.

        None if nobody has, or only by a `login` that was not fresh.

        Compare it with the time before you allow what needs a fresh login.
        """
        self._require_read()
        return _time.moment(self._stored.mark.login_ms)

    # --- typed data ----------------------------------------------------------------------

    @property
    def data(self) -> T:
        """The session's data as an instance of the schema's type; always the same one.

        Changes in it, at any depth, are written with the session. After `clear`, `destroy` and
        `replace` it is a new instance.

        Raises:
            ConfigurationError: the options have no schema.
        """
        return self._make_data().instance

    @data.setter
    @guarded
    def data(self, value: T) -> None:
        """Replace the instance.

        Raises:
            NotSerializableError: not of the type, or it can't be written or read back.
            ConfigurationError: the options have no schema.
        """
        self._make_data().replace(value)

    def _make_data(self) -> TypedData[T]:
        schema = self._options.prepared_schema
        if schema is None:
            raise ConfigurationError(
                "session.data needs a schema: SessionOptions(…, schema=Visitor); or use session[…]"
            )
        self._require_read()
        if self._typed is None:
            typed = _make_typed(schema, {})
            self._typed = self._typed or typed  # another thread may have been faster
        if self.detached:
            self._watch_data()
        return self._typed

    # --- messages to be shown once -------------------------------------------------------

    @guarded
    def flash(self, message: str, category: str = "message") -> None:
        """Keep a message for the next page that is shown, even after a redirect.

        It is kept where Flask's `flash` keeps its own, so that Flask's templates find it.

        Args:
            message: text; a template must escape it like any other.
            category: `"error"`, `"success"`, or any other that the page styles in its own way.

        Raises:
            NotSerializableError: the message or the category is no text.
        """
        self[flashes.KEY] = flashes.added(self.get(flashes.KEY), message, category)

    @guarded
    def pop_flashes(self, category: str | None = None) -> list[Flash]:
        """Return the messages that were kept, oldest first, and remove them.

        Args:
            category: take only the messages of this category, and keep the others; None for all.
        """
        taken, left = flashes.split(self.get(flashes.KEY), category)
        if left:
            self[flashes.KEY] = left
        else:
            self.pop(flashes.KEY, None)
        return taken

    # --- what is known about it ----------------------------------------------------------

    @property
    def options(self) -> SessionOptions[T]:
        """The options by which it is read and written."""
        return self._options

    @property
    def jar(self) -> CookieJar:
        """The jar that it is read from and written to."""
        return self._jar

    @property
    def seal(self) -> str | None:
        """The sealed text that the browser has, or will have after this response; None for none.

        Anybody who has this text has the session: keep it out of logs.
        """
        self._require_read()
        return self._stored.seal or None

    @property
    def is_new(self) -> bool:
        """Whether the request had no session that could be read."""
        self._require_read()
        return self._is_new

    @property
    def unavailable(self) -> bool:
        """Whether the browser's session may be good, and that can't be told right now.

        It is empty for this request and can't be saved; the browser keeps its cookie. See
        `SessionOptions(revocations=…)`.
        """
        self._require_read()
        return self._unavailable

    @property
    def was_ended(self) -> bool:
        """Whether the browser's session was ended, or refused by `accept`; it is empty then.

        An integration asks for it before something else logs the visitor in again, as a cookie that
        remembers the user would.
        """
        self._require_read()
        return self._was_ended

    @property
    def modified(self) -> bool:
        """Whether the data differs, at any depth, from what the browser has."""
        if self._data is None or self._is_as_stored():
            return False
        return self._is_change(self._encode(), was_set=self._changed)

    @modified.setter
    def modified(self, value: bool) -> None:
        """Set whether the session is written though nothing in it changed.

        Frameworks whose sessions can't see changes inside nested values have applications set this.
        A change is written whatever is set here.
        """
        if value:
            self.mark_modified()
        else:
            self._forced = False

    def _is_as_stored(self) -> bool:
        """Return whether nobody could have changed the data, so that it need not be compared."""
        if self._changed or self._typed is not None:
            return False
        lent = self._lent
        return lent is None or (lent is not _NO_PRINT and lent == _print(self._data))

    def _lend(self) -> None:
        """Prepare for the application to hold a list or dict of the data, which it may change."""
        self._lent = _NO_PRINT if self._changed else _print(self._data)

    def _encode(self) -> bytes | None:
        """Return the data as JSON; None if it can't be written, or is more than can be."""
        try:
            return self._write_down()
        except CookieTooLargeError:
            return None

    def _to_json(self, data: dict[str, Any]) -> bytes:
        """Write the data as JSON.

        Raises:
            NotSerializableError: JSON can't carry it, or another thread keeps changing it.
            CookieTooLargeError: it has more parts than any session can hold; nothing else is
                checked then.
        """
        try:
            return _json.encode(data, _ROOT, MOST_JSON_ITEMS)
        except _json.TooManyPartsError:
            pass
        except RecursionError:
            raise
        except RuntimeError:
            return _write(data)
        raise CookieTooLargeError(
            f"the session has over {_MOST_BYTES} bytes of JSON, which do not fit into cookies: "
            f"keep an id in it, and the data in a database; {self._describe_size()}"
        )

    def _is_change(self, json: bytes | None, *, was_set: bool) -> bool:
        """Return whether this differs from what the browser has, which was JSON, and never None.

        If a key was set, another spelling of the same data counts too: it is not looked into.
        """
        stored = self._stored.json
        if json == stored or was_set:
            return json != stored
        # JavaScript writes some numbers in another way: compare them as they are written here.
        if not _json.may_be_spelled_differently(stored):
            return True
        return json != _json.encode(_json.decode(stored), _ROOT)

    @property
    def destroyed(self) -> bool:
        """Whether `destroy` was called; that is final for this request."""
        return self._destroyed

    @property
    def expires_at(self) -> datetime | None:
        """When the session that the browser has ends (UTC).

        It ends with its seal, or earlier by `max_lifetime`. None for never, and for a new session
        that was not saved yet.
        """
        self._require_read()
        return _time.moment(sealed.end_ms(self._stored, self._options, _time.now_ms()))

    @property
    def created_at(self) -> datetime | None:
        """When the session that the browser has was first saved (UTC).

        None if its seal does not say: only sessions with `max_lifetime` record it.
        """
        self._require_read()
        return _time.moment(sealed.began_ms(self._stored.mark, _time.now_ms()))

    @property
    def ttl(self) -> timedelta:
        """How long it lives after each save: its own ttl, or the options'; 0 is for ever."""
        self._require_read()
        return timedelta(milliseconds=sealed.session_ttl_ms(self._stored.mark, self._options))

    @ttl.setter
    def ttl(self, value: _time.Seconds | None) -> None:
        """Set a ttl for this session alone ("remember me"); later saves keep it.

        Its cookie lives as long, even where other sessions' cookies end with the browser's session.

        Args:
            value: seconds or a timedelta; 0 never expires; None for the options' ttl again.

        Raises:
            ConfigurationError: no span of time, or one beyond `max_lifetime`.
        """
        self._require_read()
        mark = self._stored.mark
        ttl_ms = None if value is None else self._own_ttl_ms(value)
        if ttl_ms != mark.ttl_ms:
            changed = mark.without_ttl().with_life(created_ms=None, ttl_ms=ttl_ms)
            self._stored = self._stored._replace(mark=changed)
            self._forced = True

    def mark_accessed(self) -> None:
        """Mark the response as dependent on the session (Starlette calls this)."""
        self.accessed = True

    def mark_modified(self) -> None:
        """Mark the session to be written by the integration, changed or not, unless it is empty."""
        self.accessed = True
        self._forced = True

    def abandon(self) -> None:
        """Leave the browser's session as it is: the request has failed and commits nothing."""
        self.abandoned = True

    def expire_unreadable(self) -> None:
        """Expire the cookie that the browser sent, even if it can't be read here.

        Another server may be able to read it: one that has a newer password, say. A session that is
        written with this response replaces that cookie instead. An integration calls this for a
        logout that does not empty the session; `clear` calls it too.
        """
        self._require_read()
        self._ending = self.restarted = True
        self._unavailable = False  # what is written from here on is no longer that session
        self._end_id()
        self._login = None
        mark = self._stored.mark
        if mark.session_id is not None:
            self._stored = self._stored._replace(mark=mark.without_identity(), user_id=None)
            self._forced = True

    def _end_id(self) -> None:
        """End the session's id, so that no copy of its cookie can be used any more.

        Also those of the sessions that it has replaced in this request: the browser may still have
        one of their cookies.
        """
        ids = (self._stored.mark.session_id, self._unread.session_id, *self._left)
        self._unread, self._left, revoker = NO_MARK, (), self._options.revocations
        if revoker is None:
            return
        for session_id in dict.fromkeys(ids):
            ending = None if session_id is None else revoker.end_soon(session_id)
            if ending is not None:
                self.endings = (*self.endings, ending)

    def _leave_id(self) -> None:
        """Note the id that another one replaces: what ends the new one ends this one too."""
        session_id = self._stored.mark.session_id
        # The id of a login that was not saved is in no cookie.
        if session_id is not None and self._login is None and session_id not in self._left:
            self._left += (session_id,)

    # --- after the request ---------------------------------------------------------------

    def detach(self) -> None:
        """Mark the request as over: changes from here on are logged as lost.

        An integration calls this once; every later save raises HeadersAlreadySentError.
        """
        self.detached = True
        if isinstance(self._jar, HeaderJar):
            self._jar.release()

    def _tell_lost(self) -> None:
        """Log, once, that a change came too late."""
        self._failure_known = True
        self._watch_data().tell()

    def _watch_data(self) -> _Watch:
        """Watch for changes inside nested values, which no method of this class sees."""
        if self._watch is None:
            self._watch = _Watch(self._options.cookie_name, self._data or {}, self._typed)
        return self._watch

    # --- reading -------------------------------------------------------------------------

    def _load(self) -> dict[str, Any]:
        data = self._data
        if data is None:
            data = self._read()
        elif self._typed is not None:
            try:
                self._typed.write_into(data)
            except BaseException as error:
                del data
                clear_frames(error)
                raise
        if self.detached:
            self._watch_data()
        return data

    def _require_read(self) -> None:
        """Read the cookie, but leave typed data alone: it may be between two states."""
        if self._data is None:
            self._read()

    def _read(self) -> dict[str, Any]:
        self.accessed = True
        jar, options, now = self._jar, self._options, _time.now_ms()
        if isinstance(jar, HeaderJar) and jar.closed and jar.varies and not self.detached:
            report_unvaried(options.cookie_name)
        try:
            found = sealed.load(jar, options, now)
        except BaseException as error:  # raised by the application's jar
            clear_frames(error)
            raise
        opened = found if isinstance(found, sealed.Opened) else None
        if self._data is not None:  # another thread was faster
            return self._data
        # From here until the data is set, nothing is called, so no other thread comes between.
        if opened is not None:
            data, self._typed, self._stored = opened
            if options.migrate is not None:
                self._lent = _NO_PRINT  # it may have changed something
            self._is_new = False
            self._data = data
            if options.on_unseal is not None:
                stored = self._stored
                about = sealed.describe(stored, options, now, self.user_id)
                report_unsealed(about, options.on_unseal)
            return data
        if isinstance(found, sealed.Unreadable):
            self._unavailable = found.is_unavailable
            self._was_ended = found.error.reason in ("ended", "refused")
            if found.error.reason != "ended":
                self._unread = found.mark
        data = self._data = {}
        if isinstance(found, sealed.Unreadable):
            # Only now: the log's filters and the hook may use the session themselves.
            failure = sealed.describe_failure(found, options, now)
            report_unreadable(failure, options.on_unseal_error)
        return data

    # --- writing -------------------------------------------------------------------------

    def save(
        self,
        *,
        ttl: _time.Seconds | None = None,
        cookie_options: CookieOptions | Mapping[str, Any] | None = None,
    ) -> None:
        """Seal the session and write its cookie; its ttl starts again.

        If it raises, no cookie has been written.

        Args:
            ttl: a ttl for this session alone ("remember me"), in seconds or as a timedelta; later
                saves keep it. Its cookie lives as long, even where other sessions' cookies end with
                the browser's session (`max_age=None`).
            cookie_options: other attributes for this session's cookie in this response:
                `CookieOptions`, or a mapping of the attributes to change. A later request that
                writes the session uses the options' own again.

        Raises:
            NotSerializableError: data that JSON can't carry, or that is not what the schema
                declares; the message names the path.
            CookieTooLargeError: more than the cookie, or with `chunk` four of them, can hold.
            HeadersAlreadySentError: the response's headers were already sent.
            SessionDestroyedError: data was written into a destroyed session.
            SessionUnavailableError: it can't be told whether the browser's session has ended.
            ConfigurationError: a ttl beyond `max_lifetime`, attributes that no browser would
                accept, `expires` in the past.
        """
        try:
            self._save(ttl, cookie_options)
        except BaseException as error:
            self._lent = _NO_PRINT  # the change is still there
            clear_frames(error)
            if isinstance(error, IronSessionError):
                self._failure_known = True
            raise

    def _save(
        self,
        ttl: _time.Seconds | None = None,
        cookie_options: CookieOptions | Mapping[str, Any] | None = None,
        json: bytes | None = None,
    ) -> None:
        """Save; `json` is the data as JSON, if it was encoded already."""
        data = self._load()
        if self._destroyed or self._unavailable:
            if self._destroyed and not data and self._login is None:
                return
            raise self._why_unsavable()
        if ttl is None and cookie_options is None:
            ttl, cookie_options = self.own_terms()
        now, before, options = _time.now_ms(), self._stored, self._options
        own_ttl_ms = None if before.mark is NO_MARK else before.mark.ttl_ms
        if ttl is not None:
            own_ttl_ms = self._own_ttl_ms(ttl)
        cookie = self._cookie
        if cookie_options is not None:
            cookie = override_cookie(options, cookie_options)
        if cookie.expires is not None:
            _require_future(cookie.expires, now)
        if self._typed is not None:
            self._typed.require_untouched(data)
        if json is None:
            self._changed = False  # before the data is read: another thread may be changing it
            json = self._to_json(data)
        mark = before.mark
        if options.revocations is not None or options.user_of is not None:
            mark = self._identified(data, now)
        draft = sealed.prepare(json, mark, options, own_ttl_ms, now)
        life_ms = None if draft.expires is None else draft.expires - now
        # "Remember me" must outlast a browser that is closed in between.
        is_remembered = own_ttl_ms is not None and cookie_options is None and cookie.max_age is None
        max_age = "auto" if is_remembered else cookie.max_age
        seconds = lifetime.cookie_max_age(max_age, life_ms)
        room = self._require_room(draft.length, cookie, seconds)
        stored = sealed.seal(draft)
        self._own_cookies().write(options, stored.seal, room, cookie, seconds)
        self._cookie, self._stored = cookie, stored
        if options.revocations is not None:
            self._note_user(options.revocations, stored, before)
        self._login = self._named = None
        if self._lent is not None:
            self._lent = _NO_PRINT
        self._forced = self._ending = self.renewed = self._failure_known = False

    def _why_unsavable(self) -> IronSessionError:
        """Return the error of a save that must not replace the cookie that the browser has."""
        if self._destroyed:
            return SessionDestroyedError(
                "data was written into a destroyed session: saving it would log the visitor in "
                "again. Destroy the session last, or use clear() to start over in it"
            )
        return self._unavailable_error(
            "the session can't be saved: it can't be told right now whether the one that the "
            "browser has was ended, and saving would replace that. Answer 503"
        )

    def _identified(self, data: dict[str, Any], now: int) -> Mark:
        """Return the mark of the session that is saved now.

        Raises:
            SessionUnavailableError, TypeError, ConfigurationError: as `identified`.
        """
        before = self._stored
        mark = self._mark_of(partial(identified, data, before, self._options, now, self._named))
        if before.user_id is not None and mark.user_id is None:
            self._end_id()  # the application has logged its user out
        elif mark.session_id != before.mark.session_id:
            self._leave_id()
        return mark

    def _note_user(self, revoker: Revoker, stored: Stored, before: Stored) -> None:
        """Note who is signed in by this session."""
        session_id, user_id = stored.mark.session_id, stored.user_id
        end = sealed.end_ms(stored, self._options, _time.now_ms())
        if session_id is None or user_id is None or end is None:
            return
        login = self._login
        if login is None and session_id != before.mark.session_id:
            # `user_of` names another user, or another program wrote the session without an id.
            login = _Login(None, stored.mark.login_ms or _time.now_ms())
        if login is not None:
            since = stored.mark.since_ms
            revoker.note_login(session_id, user_id, login.label, login.at, since, end)
        else:
            revoker.note_seen(session_id, user_id, end)

    def own_terms(
        self,
    ) -> tuple[_time.Seconds | None, CookieOptions | Mapping[str, Any] | None]:
        """Return the ttl and the cookie's attributes for a save that names neither.

        An integration overrides this where its framework keeps them in the session's data.
        """
        return None, None

    def follow_options(self) -> None:
        """Drop this session's own ttl, and the attributes that were given to `save`.

        From the next save on, the options' own apply again.
        """
        self._require_read()
        self._cookie = self._options.cookie
        if self._stored.mark.ttl_ms is not None:
            self._stored = self._stored._replace(mark=self._stored.mark.without_ttl())
            self._forced = True  # the browser's seal still has the session's own ttl

    @guarded
    def destroy(self) -> None:
        """Empty the session and expire its cookies; no later save can bring it back.

        Raises:
            HeadersAlreadySentError: the response's headers were already sent.
        """
        if self._options.revocations is not None:
            self._require_read()
        self._end_id()  # even if the cookie can't be expired any more
        self._expire()
        self._login = None
        self.accessed = True
        self._unavailable = False
        self._destroyed = True
        self._typed = None
        if self._data is None:
            self._data = {}
        self._data.clear()

    @guarded
    def update_config(self, options: SessionOptions[T]) -> None:
        """Use other options for this session from here on, also another password or cookie name.

        Raises:
            ConfigurationError: the options are no `SessionOptions`.
            NotSerializableError: the data does not fit their schema.
        """
        check_options(options)
        data = self._load()  # by the options with which the cookie was written
        self._earlier += (self._options,)
        self._lent = _NO_PRINT  # what typed data had became data just now
        schema = options.prepared_schema
        if options.schema is not self._options.schema:
            self._typed = None if schema is None else _make_typed(schema, data)
        self._options = options
        self._cookie = options.cookie

    def commit(self) -> None:
        """Save the session, expire its cookies, or write nothing: whatever the response needs.

        An integration calls this when headers are about to be sent. A session is saved when it was
        modified, is due for renewal, or was opened by an old password; its cookies are expired when
        it was emptied. One that was not used is not even read.

        Raises:
            IronSessionError: as `save`, but once: if `save` or an earlier commit of the session has
                raised already, nothing is raised, and the browser keeps the session that it has.
        """
        told = self._failure_known
        try:
            self._commit()
        except BaseException as error:
            self._lent = _NO_PRINT  # the change is still there
            clear_frames(error)
            if isinstance(error, IronSessionError):
                self._failure_known = True
                if told:
                    return
            raise

    def _commit(self) -> None:
        if self._forced:
            self._load()
        if self._data is None or self.abandoned:
            return
        if self._is_as_stored():
            json, is_change, is_empty = None, False, not self._data
        else:
            # Before the data is read: another thread may be changing it.
            was_set, self._changed = self._changed, False
            json = self._write_down()
            is_change, is_empty = self._is_change(json, was_set=was_set), json == _EMPTY
        if not is_empty or self._stored.mark.user_id is not None:
            # If the browser sends two cookies, the one read here may not be the visitor's own.
            is_ended_in_doubt = self._ending and self._own_cookies().came_twice(self._options)
            if is_change or self._forced or is_ended_in_doubt:
                self._save(json=json)
            elif self._is_due():
                self._renew()
        elif not self._destroyed and self._is_emptied():
            self._expire()

    def _write_down(self) -> bytes | None:
        """Return the data as JSON; None if JSON can't carry it, which `_save` reports.

        Raises:
            CookieTooLargeError: as `_to_json`.
        """
        data = self._load()
        if not data and self._typed is None:  # the data has typed data in it only now
            return _EMPTY
        try:
            return self._to_json(data)
        except NotSerializableError:
            return None

    def _is_due(self) -> bool:
        """Return whether it should be written though nothing in it has changed."""
        stored, options = self._stored, self._options
        may_be_outdated = sealed.may_be_outdated(stored, options)
        if not (may_be_outdated or options.former_cookies):
            return False
        head = self._head()
        at_navigation = head is None or is_navigation(head)
        now = _time.now_ms()
        if may_be_outdated and sealed.is_outdated(
            stored, options, now, at_navigation=at_navigation
        ):
            return True
        # Writing expires the browser's other cookie of the name, and keeps the one that was read.
        is_to_clear_up = at_navigation and options.former_cookies and not self._is_written()
        return bool(is_to_clear_up) and self._own_cookies().came_twice(options)

    def _is_emptied(self) -> bool:
        """Return whether the browser still has a cookie of it, now that it is empty."""
        if self._stored.json != _EMPTY or (self._forced and not self._is_new):
            return True
        return self._ending and self._is_sent()

    def _is_sent(self) -> bool:
        """Return whether the browser has sent a cookie with one of its names."""
        return any(map(self._own_cookies().are_sent, (*self._earlier, self._options)))

    def _renew(self) -> None:
        """Write a session that was only read; if it no longer fits, log that and raise nothing."""
        if self._renewal_failed:
            return
        try:
            is_first = not self._is_written()
            self._save()
            self.renewed = is_first
        except CookieTooLargeError as error:
            self._renewal_failed = True  # log it once, though a response may commit twice
            report_too_large(self._options.cookie_name, error)

    @property
    def is_unsaved(self) -> bool:
        """Whether it has changes that the browser does not get, and no error has said so."""
        if self._data is None or self._failure_known or self.abandoned:
            return False
        if self._destroyed:
            return self._login is not None or self._encode() != _EMPTY
        is_modified = self._login is not None or (not self._is_as_stored() and self.modified)
        return is_modified or (not self._data and self._is_emptied())

    def _own_ttl_ms(self, ttl: _time.Seconds) -> int:
        ttl_ms, most = _time.to_milliseconds(ttl, "ttl"), self._options.max_lifetime_ms
        if most is not None and not ttl_ms:
            raise ConfigurationError("ttl=0 never expires: give one of at most max_lifetime")
        if most is not None and ttl_ms > most:
            raise ConfigurationError(
                f"ttl must not be longer than max_lifetime, {_time.in_words(most)}: give "
                "less, or raise max_lifetime"
            )
        return ttl_ms

    def _own_cookies(self) -> SessionCookies:
        if self._cookies is None:
            self._cookies = SessionCookies(self._jar)
        return self._cookies

    def _is_written(self) -> bool:
        """Return whether this response sets one of its cookies."""
        return self._cookies is not None and self._cookies.are_written

    def _require_room(self, length: int, cookie: CookieOptions, max_age: int | None) -> int | None:
        """Return as `room_of_parts`; refuse a session that does not fit, before it is encrypted."""
        name, chunk = self._options.cookie_name, self._options.chunk
        try:
            return cookies.room_of_parts(
                name, length, cookie, max_age, chunk=chunk, most=self.most_chunks
            )
        except CookieTooLargeError as error:
            problem = str(error)
        raise CookieTooLargeError(f"{problem}; {self._describe_size()}")

    def _describe_size(self) -> str:
        hint = _describe_largest(self._data or {})
        if not self._options.chunk and self._own_cookies().came_in_chunks(self._options):
            hint += "; it came in chunks, so other options for this cookie set chunk=True"
        return hint

    def _expire(self) -> None:
        """Expire the session's cookies, and those that it had before `update_config`."""
        for options in self._earlier:
            self._own_cookies().expire(options, options.cookie)
        self._own_cookies().expire(self._options, self._cookie)
        self._stored = sealed.NOTHING
        self._forced = self._ending = self.renewed = self._failure_known = False

    def _mark_of(self, make: Callable[[], Mark]) -> Mark:
        try:
            return make()
        except SessionUnavailableError as error:
            problem = str(error)
        raise self._unavailable_error(problem)

    def _unavailable_error(self, problem: str) -> SessionUnavailableError:
        """Return the error in the form that the framework answers with 503, if it has one."""
        kind: type[SessionUnavailableError]
        kind = getattr(self._head(), "unavailable_error", SessionUnavailableError)
        self.told_unavailable = self.accessed = True
        return kind(problem)

    def _head(self) -> RequestHead | None:
        """Return what is known about the request, if its jar was given that."""
        return request_of(self._jar)


class _Watch:
    """Logs changes to a session whose request is over: at once, or when the session is collected.

    Only then is a change inside a nested value seen, since it calls no method of the session.
    """

    _told = True  # until there is something to compare with: on a full stack that may fail

    def __init__(self, name: str, data: dict[str, Any], typed: TypedData[Any] | None) -> None:
        self._name, self._data, self._typed = name, data, typed
        self._before = self._now()
        self._told = False

    def _now(self) -> bytes | None:
        with suppress(NotSerializableError, CookieTooLargeError, _json.TooManyPartsError):
            if self._typed is not None:
                self._typed.write_into(self._data)
            return _write(self._data)
        return None

    def tell(self) -> None:
        """Log, once, that the session was changed."""
        if not self._told:
            self._told = True
            report_lost(self._name, AFTER_REQUEST)

    def __del__(self) -> None:
        """Look for changes for the last time."""
        try:
            if not self._told and self._now() != self._before:
                self.tell()
        except RecursionError:  # it was collected on a stack that is almost full
            pass


class _Login(NamedTuple):
    """A login that is to be saved: the browser's label, and the time in ms."""

    label: str | None
    at: int


_NO_PRINT = b""  # equal to none


def _print(data: object) -> bytes:
    """Return bytes that are equal for the same data only; quicker to make than JSON.

    Nothing ever loads these bytes. Pickle ends even where data contains itself, and its bytes tell
    all types of JSON apart; what it can't write is compared as JSON.
    """
    try:
        return dumps(data, protocol=5)
    except Exception:  # raised by whatever the application may have put in
        return _NO_PRINT


def _write(data: dict[str, Any]) -> bytes:
    """Write a session's data as JSON.

    Raises:
        NotSerializableError: JSON can't carry it, or another thread keeps changing it.
        TooManyPartsError: it has more parts than any session can hold.
    """
    for _ in range(_MOST_TRIES):
        try:
            return _json.encode(data, _ROOT, MOST_JSON_ITEMS)
        except RecursionError:
            raise
        except RuntimeError:  # "dictionary changed size during iteration"
            continue
    raise NotSerializableError(
        _ROOT, "is being changed by another thread: let only one thread at a time change it"
    )


def _describe_largest(data: dict[str, Any]) -> str:
    """Return the keys of the largest values, and their sizes, for a message."""
    sizes = {key: _size_of(value) for key, value in data.items()}
    largest = sorted(sizes, key=lambda key: sizes[key] or sys.maxsize, reverse=True)[:3]
    told = (f"{_json.show((_ROOT, key))} {_show_size(sizes[key])}" for key in largest)
    return f"the largest are {', '.join(told)}"


def _size_of(value: object) -> int | None:
    """Return how many bytes a value takes; None if they are more than could ever fit."""
    try:
        # Within a list, so that a long text counts too.
        return len(_json.encode([value], _ROOT, MOST_JSON_ITEMS)) - len("[]")
    except (NotSerializableError, _json.TooManyPartsError):
        return None


def _show_size(size: int | None) -> str:
    return f"over {_MOST_BYTES} bytes" if size is None else f"{size} bytes"


def _require_future(expires: datetime, now: int) -> None:
    if expires.timestamp() * 1000 < now:
        raise ConfigurationError(
            "cookie_options.expires is in the past, so browsers would drop the cookie: "
            "compute it for each response, or use ttl"
        )


def _make_typed(schema: Schema[T], data: dict[str, Any]) -> TypedData[T]:
    from iron_session.sessions.schemas import Misfit, TypedData  # noqa: PLC0415 - there is a schema

    try:
        return TypedData(schema, data)
    except Misfit as misfit:
        place = misfit.place and f" at {misfit.place}"
    raise NotSerializableError(_ROOT, f"does not fit the schema {schema.name}{place}")


def _check_mapping(data: object) -> None:
    if not isinstance(data, Mapping):
        problem = f"can't become a {type(data).__name__}: give a mapping of text to values"
        raise NotSerializableError(_ROOT, problem)


def _check_item(key: object, value: object) -> None:
    if not isinstance(key, str):
        raise NotSerializableError(
            _ROOT, f"has a key of type {type(key).__name__}: JSON's keys are text, use str(…)"
        )
    if key == RESERVED:
        raise NotSerializableError(_json.show((_ROOT, RESERVED)), "is a reserved name")
    is_small = type(value) is int and -_SAFE_INT < value < _SAFE_INT
    if not (is_small or type(value) in _SAFE_TYPES) or key == _json.PROTOTYPE:
        _json.check_item(value, (_ROOT, key), MOST_JSON_ITEMS)
