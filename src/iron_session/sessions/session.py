"""`Session`: the mapping that people hold in their hands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self

from iron_session.errors import (
    ConfigurationError,
    CookieTooLargeError,
    IronSessionError,
    NotSerializableError,
    SessionDestroyedError,
)
from iron_session.seals import _json, _time
from iron_session.seals.sealing import RESERVED
from iron_session.sessions import chunks, flashes, lifetime, storage
from iron_session.sessions.cookies import SetCookie
from iron_session.sessions.events import report, report_too_large, report_unsealed
from iron_session.sessions.flashes import Flash
from iron_session.sessions.jar import CookieJar
from iron_session.sessions.options import (
    CookieOptions,
    SessionOptions,
    T,
    check_options,
    override_cookie,
)

if TYPE_CHECKING:
    from iron_session.sessions.schemas import Schema, TypedData

__all__ = ["Session", "get_iron_session"]

_ROOT = "session"
_EMPTY = storage.NOTHING.json
_SAFE_TYPES = frozenset({str, bool, type(None)})


def get_iron_session(jar: CookieJar, options: SessionOptions[T]) -> Session[T]:
    """Give the session that a jar's cookies hold; empty if they hold none that opens.

    Nothing is read before the first look, nothing is written before `save()`.

    Args:
        jar: where cookies are read and written; `HeaderJar` where there is no better one.
        options: built once, at import time.

    Raises:
        ConfigurationError: the jar is no `CookieJar`, or the options are no `SessionOptions`.
    """
    if not (hasattr(jar, "read") and hasattr(jar, "write")):
        raise ConfigurationError(
            f"a cookie jar has read(name) and write(cookie), {type(jar).__name__} has not; for a "
            "framework's request, take get_iron_session from iron_session.integrations.…"
        )
    check_options(options)
    return Session(jar, options)


class Session(MutableMapping[str, Any], Generic[T]):
    """A session's data as a mapping of text to JSON values, and its life.

    It is read at the first look at it, and a cookie that can't be read gives an empty session. What
    comes back is what JSON carries: a tuple comes back as a list. With a schema in the options,
    `data` is an instance of its type, and the mapping has the keys that the type does not know.

    It is equal to any mapping of the same data. Copies, `copy()` and those of the module `copy`,
    are plain dicts: what is done to them is not written. It can't be pickled.

    Attributes:
        accessed: whether anybody has looked, so that the response depends on the cookie.
    """

    __slots__ = (
        "__weakref__",
        "_abandoned",
        "_cookie",
        "_data",
        "_destroyed",
        "_failure_known",
        "_forced",
        "_is_new",
        "_jar",
        "_options",
        "_renewal_failed",
        "_stored",
        "_typed",
        "_written",
        "accessed",
    )

    def __init__(self, jar: CookieJar, options: SessionOptions[T]) -> None:
        self._options = options
        self._jar = jar
        self._cookie: CookieOptions = options.cookie
        self._data: dict[str, Any] | None = None  # None until the first look
        self._typed: TypedData[T] | None = None  # None until there is something of it to keep
        # What the browser has, or will have once this response has reached it.
        self._stored = storage.NOTHING
        self._written: frozenset[str] = frozenset()
        self._is_new = True
        self._destroyed = False
        self._abandoned = False
        self._forced = False
        self._renewal_failed = False
        self._failure_known = False  # whether the application knows that it can't be written
        self.accessed: bool = False

    # --- the mapping ---------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        return self._load()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a value.

        Raises:
            NotSerializableError: at once, if JSON can't carry it.
            ConfigurationError: the key belongs to the schema.
        """
        _check_item(key, value)
        if self._options.prepared_schema is not None:
            self._require_own(key, self._options.prepared_schema)
        self._load()[key] = value

    def __delitem__(self, key: str) -> None:
        if self._options.prepared_schema is not None:
            self._require_own(key, self._options.prepared_schema)
        del self._load()[key]

    @staticmethod
    def _require_own(key: str, schema: Schema[Any]) -> None:
        """Refuse a key of the schema's: there would be two of it, and one of them lost."""
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

    def clear(self) -> None:
        """Take everything out and start over: what is written then is a session begun now.

        If nothing is written into it, an integration expires the cookie. `data` is another object
        from here on.
        """
        self._typed = None
        self._load().clear()
        self._typed = None  # once more, should that have been the first look
        if self._stored.mark:
            self._stored = self._stored._replace(mark={})
            self._forced = True  # the browser's seal has the old life, even if the data comes back

    def replace(self, data: Mapping[str, Any]) -> None:
        """Make the data that of a mapping; the session's life goes on.

        Raises:
            NotSerializableError: no mapping, or data that JSON can't carry, or that does not fit
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
        self._typed = typed

    def __repr__(self) -> str:
        """Tell the state, never the data, and without reading the cookie."""
        if self._destroyed:
            state = "destroyed"
        elif self._data is None:
            state = "not read yet"
        else:
            state = f"{'new, ' if self._is_new else ''}{len(self._data)} keys"
        return f"<Session {self._options.cookie_name!r}: {state}>"

    def copy(self) -> dict[str, Any]:
        """Give the data as a dict of its own; what stands in it is shared, as with `dict.copy`."""
        return dict(self._load())

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return deepcopy(self._load(), memo)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.copy(), **other} if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self.copy()} if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        if not isinstance(other, Mapping):
            return NotImplemented
        self.update(other)
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse: a pickle would hold the passwords and the data in the clear."""
        raise TypeError(
            "a Session can't be pickled, for passwords would be in the pickle: take dict(session)"
        )

    # --- typed data ----------------------------------------------------------------------

    @property
    def data(self) -> T:
        """The session's data as an instance of the schema's type; the same one at each look.

        What is changed in it, at any depth, is written with the session. After `clear`, `destroy`
        and `replace` there is another one.

        Raises:
            ConfigurationError: the options have no schema.
        """
        return self._make_data().instance

    @data.setter
    def data(self, value: T) -> None:
        """Put another instance in its place.

        Raises:
            NotSerializableError: none of the type, or one that can't be written or read back.
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
        return self._typed

    # --- messages to be shown once -------------------------------------------------------

    def flash(self, message: str, category: str = "message") -> None:
        """Keep a message for the page that is shown next, over a redirect too.

        Kept where Flask's `flash` keeps its own, whose templates find it.

        Args:
            message: text; a template must escape it as any other.
            category: `"error"`, `"success"`, or whatever the page shows in a way of its own.

        Raises:
            NotSerializableError: one of both is no text.
        """
        self[flashes.KEY] = flashes.added(self.get(flashes.KEY), message, category)

    def pop_flashes(self, category: str | None = None) -> list[Flash]:
        """Give the messages that were kept, oldest first, and forget them.

        Args:
            category: only those of this one; the others are kept on.
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
        """The options that it is read and written by."""
        return self._options

    @property
    def jar(self) -> CookieJar:
        """The jar that it is read from and written to."""
        return self._jar

    @property
    def seal(self) -> str | None:
        """The sealed text that the browser has, or will have by this response; None for none.

        Whoever has it has the session: keep it out of logs.
        """
        self._require_read()
        return self._stored.seal or None

    @property
    def is_new(self) -> bool:
        """Whether the request brought no session that could be read."""
        self._require_read()
        return self._is_new

    @property
    def modified(self) -> bool:
        """Whether the data differs, at any depth, from what the browser has."""
        return self._data is not None and self._is_change(self._encode())

    @modified.setter
    def modified(self, value: bool) -> None:
        """Have the session written though nothing in it changed; or take that back.

        Frameworks whose sessions can't see changes inside nested values ask for it. A change is
        written whatever is set here.
        """
        if value:
            self.mark_modified()
        else:
            self._forced = False

    def _encode(self) -> bytes | None:
        """Write the data as JSON; None where that can't be, which `_save` tells."""
        try:
            return _json.encode(self._load(), _ROOT)
        except NotSerializableError:
            return None

    def _is_change(self, json: bytes | None) -> bool:
        """Tell whether this is not what the browser has, which was JSON, and so never None."""
        # JavaScript writes some numbers in another way: what it wrote is brought into ours.
        stored = self._stored.json
        return json != stored and json != _json.encode(_json.decode(stored), _ROOT)

    @property
    def destroyed(self) -> bool:
        """Whether `destroy` was called; that is final for this request."""
        return self._destroyed

    @property
    def expires_at(self) -> datetime | None:
        """When the seal that the browser has expires (UTC).

        None for never, and for a session that is new and was not saved yet.
        """
        self._require_read()
        return _moment(self._stored.expires)

    @property
    def created_at(self) -> datetime | None:
        """When the session that the browser has was first saved (UTC).

        None where that was not written down: `max_lifetime` has it written.
        """
        self._require_read()
        return _moment(storage.created_ms(self._stored.mark))

    @property
    def ttl(self) -> timedelta:
        """How long it lives from each save on: its own ttl, or the options'; 0 is for ever."""
        self._require_read()
        return timedelta(milliseconds=storage.session_ttl_ms(self._stored.mark, self._options))

    @ttl.setter
    def ttl(self, value: _time.Seconds | None) -> None:
        """Give this session a life of its own ("remember me"), kept by later saves.

        Its cookie lives as long, also where those of others end with the browser.

        Args:
            value: seconds or a timedelta; 0 never expires; None for the options' ttl again.

        Raises:
            ConfigurationError: no span of time, or one beyond `max_lifetime`.
        """
        self._require_read()
        mark = self._stored.mark
        ttl_ms = None if value is None else self._own_ttl_ms(value)
        if ttl_ms != storage.own_ttl_ms(mark):
            own = storage.without_ttl(mark)
            changed = storage.update_mark(own, created=None, ttl_ms=ttl_ms)
            self._stored = self._stored._replace(mark=changed)
            self._forced = True

    def mark_accessed(self) -> None:
        """Note that the response depends on the session (Starlette calls this)."""
        self.accessed = True

    def mark_modified(self) -> None:
        """Have the integration write the session, if there is anything in it, changed or not."""
        self.accessed = True
        self._forced = True

    def abandon(self) -> None:
        """Leave the browser's session as it is: the request has failed, and commits nothing."""
        self._abandoned = True

    @property
    def abandoned(self) -> bool:
        """Whether `abandon` was called."""
        return self._abandoned

    # --- reading -------------------------------------------------------------------------

    def _load(self) -> dict[str, Any]:
        data = self._data
        if data is None:
            return self._read()
        if self._typed is not None:
            self._typed.write_into(data)
        return data

    def _require_read(self) -> None:
        """Read the cookie, but leave typed data alone: it may be between two states."""
        if self._data is None:
            self._read()

    def _read(self) -> dict[str, Any]:
        self.accessed = True
        options, now = self._options, _time.now_ms()
        found = storage.load(self._jar, options, now)
        opened = found if isinstance(found, storage.Opened) else None
        if self._data is not None:  # another thread was faster
            return self._data
        # From here to the data itself nothing is called: no other thread comes between.
        if opened is not None:
            data, self._typed, self._stored = opened
            self._is_new = False
            self._data = data
            if options.on_unseal is not None:
                report_unsealed(storage.describe(self._stored, options, now), options.on_unseal)
            return data
        data = self._data = {}
        if isinstance(found, storage.Unreadable):
            # Only now: the log's filters and the hook may look at the session themselves.
            failure = storage.describe_failure(found, options, now)
            report(failure, options.on_unseal_error)
        return data

    # --- writing -------------------------------------------------------------------------

    def save(
        self,
        *,
        ttl: _time.Seconds | None = None,
        cookie_options: CookieOptions | Mapping[str, Any] | None = None,
    ) -> None:
        """Seal the session and write its cookie; its ttl begins anew.

        Args:
            ttl: a life of its own for this session ("remember me"), in seconds or as a timedelta;
                later saves keep it. Its cookie lives as long, also where those of others end with
                the browser (`max_age=None`).
            cookie_options: other attributes for this session's cookie in this response:
                `CookieOptions`, or a mapping of the attributes to change. A later request that
                writes the session uses the options' own again.

        Raises:
            NotSerializableError: data that JSON can't carry, or that is not what the schema
                declares; the message names the path.
            CookieTooLargeError: more than the cookie, or with `chunk` four of them, can hold.
            HeadersAlreadySentError: the response's headers have gone.
            SessionDestroyedError: data was written into a destroyed session.
            ConfigurationError: a ttl beyond `max_lifetime`, attributes that no browser would take,
                `expires` in the past.

            Whatever it raises, no cookie has been written.
        """
        try:
            self._save(ttl, cookie_options)
        except IronSessionError:
            self._failure_known = True
            raise

    def _save(
        self,
        ttl: _time.Seconds | None = None,
        cookie_options: CookieOptions | Mapping[str, Any] | None = None,
        json: bytes | None = None,
    ) -> None:
        """Save, where the data was encoded already as this `json`."""
        data = self._load()
        if self._destroyed:
            if not data:
                return
            raise SessionDestroyedError(
                "data was written into a destroyed session: saving it would log the visitor in "
                "again. Destroy the session last, or use clear() to start over in it"
            )
        if ttl is None and cookie_options is None:
            ttl, cookie_options = self.own_terms()
        now, before, options = _time.now_ms(), self._stored, self._options
        own_ttl_ms = storage.own_ttl_ms(before.mark) if ttl is None else self._own_ttl_ms(ttl)
        cookie = self._cookie
        if cookie_options is not None:
            cookie = override_cookie(options, cookie_options)
        _require_future(cookie, now)
        if self._typed is not None:
            self._typed.require_untouched(data)
        if json is None:
            json = _json.encode(data, _ROOT)
        stored = storage.seal(json, before, options, own_ttl_ms, now)
        life_ms = None if stored.expires is None else stored.expires - now
        # "Remember me" is for browsers that are closed in between.
        is_remembered = own_ttl_ms is not None and cookie_options is None and cookie.max_age is None
        max_age = "auto" if is_remembered else cookie.max_age
        self._write(stored.seal, cookie, lifetime.cookie_max_age(max_age, life_ms))
        self._cookie, self._stored = cookie, stored
        self._forced = self._failure_known = False

    def own_terms(
        self,
    ) -> tuple[_time.Seconds | None, CookieOptions | Mapping[str, Any] | None]:
        """Give the ttl and the cookie's attributes for a save that names neither.

        An integration overrides this where its framework keeps them in the session's data.
        """
        return None, None

    def follow_options(self) -> None:
        """Drop what this session has of its own, a ttl and attributes given to `save`.

        From the next save on the options' hold again.
        """
        self._require_read()
        self._cookie = self._options.cookie
        if storage.own_ttl_ms(self._stored.mark) is not None:
            self._stored = self._stored._replace(mark=storage.without_ttl(self._stored.mark))
            self._forced = True  # the browser's seal has the life that it is to lose

    def destroy(self) -> None:
        """Empty the session and expire its cookies; no later save can bring it back.

        Raises:
            HeadersAlreadySentError: the response's headers have gone.
        """
        self._expire()
        self.accessed = True
        self._destroyed = True
        self._typed = None
        if self._data is None:
            self._data = {}
        self._data.clear()

    def update_config(self, options: SessionOptions[T]) -> None:
        """Use other options from here on, password and cookie name too, for the data at hand.

        Raises:
            ConfigurationError: the options are no `SessionOptions`.
            NotSerializableError: the data does not fit their schema.
        """
        check_options(options)
        data = self._load()  # by the options under which the cookie was written
        schema = options.prepared_schema
        if options.schema is not self._options.schema:
            self._typed = None if schema is None else _make_typed(schema, data)
        self._options = options
        self._cookie = options.cookie

    def commit(self) -> None:
        """Do what the response needs: save, expire, or nothing.

        An integration calls this when headers are about to go. A session is saved when it was
        modified, is due for renewal, or was opened by an old password; its cookies are expired when
        it was emptied. One that nobody looked at is not even read.

        Raises:
            IronSessionError: as `save`; once. Where the application was told already, by `save` or
                by an earlier response that it came with, the browser keeps the session it has.
        """
        told = self._failure_known
        try:
            self._commit()
        except IronSessionError:
            self._failure_known = True
            if not told:
                raise

    def _commit(self) -> None:
        if self._forced:
            self._load()
        if self._data is None or self._abandoned:
            return
        is_empty = not self._data and self._typed is None  # else only the encoding brings it in
        json = _EMPTY if is_empty else self._encode()
        if json != _EMPTY:
            if self._forced or self._is_change(json):
                self._save(json=json)
            elif storage.is_outdated(self._stored, self._options, _time.now_ms()):
                self._renew()
        elif not self._destroyed and self._is_emptied():
            self._expire()

    def _is_emptied(self) -> bool:
        """Tell whether the browser has something of it, now that it is empty."""
        return self._stored.json != _EMPTY or (self._forced and not self._is_new)

    def _renew(self) -> None:
        """Write what was only read; if it does not fit any more, the visitor did nothing wrong."""
        if self._renewal_failed:
            return
        try:
            self._save()
        except CookieTooLargeError as error:
            self._renewal_failed = True  # the log says so once, though a response commits twice
            report_too_large(self._options.cookie_name, error)

    @property
    def is_unsaved(self) -> bool:
        """Whether it holds changes that the browser does not get, and nobody was told so."""
        if self._data is None or self._failure_known or self._abandoned:
            return False
        if self._destroyed:
            return self._encode() != _EMPTY
        return self.modified

    def _own_ttl_ms(self, ttl: _time.Seconds) -> int:
        ttl_ms, most = _time.to_milliseconds(ttl, "ttl"), self._options.max_lifetime_ms
        if most is not None and not ttl_ms:
            raise ConfigurationError("ttl=0 never expires, and there is a max_lifetime")
        if most is not None and ttl_ms > most:
            raise ConfigurationError("ttl must not be longer than max_lifetime")
        return ttl_ms

    def _write(self, seal: str, cookie: CookieOptions, max_age: int | None) -> None:
        """Write the seal's cookies, and expire those that carried another shape of it."""
        name, chunk = self._options.cookie_name, self._options.chunk
        try:
            parts = chunks.split(name, seal, cookie, max_age, chunk=chunk)
        except CookieTooLargeError as error:
            raise CookieTooLargeError(f"{error}; {self._describe_size()}") from None
        for part, value in parts.items():
            self._jar.write(SetCookie(part, value, cookie, max_age))
        self._expire_present(one for one in chunks.names(name) if one not in parts)
        self._written |= set(parts)

    def _describe_size(self) -> str:
        sizes = {key: len(_json.encode(value, _ROOT)) for key, value in (self._data or {}).items()}
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:3]
        told = ", ".join(f"{_json.show((_ROOT, key))} {sizes[key]} bytes" for key in largest)
        hint = f"the largest are {told}"
        first_chunk = chunks.chunk_name(self._options.cookie_name, 0)
        if not self._options.chunk and any(storage.read_values(self._jar, first_chunk)):
            hint += "; it came in chunks, so other options for this cookie set chunk=True"
        return hint

    def _expire(self) -> None:
        name, *parts = chunks.names(self._options.cookie_name)
        self._jar.write(SetCookie(name, "", self._cookie, 0))
        self._expire_present(parts)
        self._stored = storage.NOTHING

    def _expire_present(self, names: Iterable[str]) -> None:
        """Expire those of the cookies that the browser has, with the attributes it has them by."""
        for name in names:
            if name in self._written or any(storage.read_values(self._jar, name)):
                self._jar.write(SetCookie(name, "", self._cookie, 0))
                self._written -= {name}


def _moment(milliseconds: int | None) -> datetime | None:
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):  # JavaScript's years go beyond 9999
        return datetime.max.replace(tzinfo=UTC)


def _require_future(cookie: CookieOptions, now: int) -> None:
    if cookie.expires is not None and cookie.expires.timestamp() * 1000 < now:
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
        problem = f"can't become a {type(data).__name__}: it takes a mapping of text to values"
        raise NotSerializableError(_ROOT, problem)


def _check_item(key: object, value: object) -> None:
    if not isinstance(key, str):
        raise NotSerializableError(
            _ROOT, f"has a key of type {type(key).__name__}: JSON's keys are text, use str(…)"
        )
    if key == RESERVED:
        raise NotSerializableError(_json.show((_ROOT, RESERVED)), "is a reserved name")
    if type(value) not in _SAFE_TYPES:
        _json.check(value, (_ROOT, key))
