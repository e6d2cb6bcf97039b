"""What a session's seal holds, the data and the mark: opening it, its times, and sealing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iron_session import _json, _time
from iron_session._log import warn_once
from iron_session.errors import SessionUnavailableError, UnsealError
from iron_session.seals.iron import Secret, claimed_expiration, decode_json
from iron_session.seals.mark import NO_MARK, RESERVED, Mark, split_mark
from iron_session.seals.sealing import expiration, open_json, seal_json, sealed_length
from iron_session.sessions import cookies, endings, events, lifetime
from iron_session.sessions.endings import Revoker
from iron_session.sessions.events import UnsealFailure
from iron_session.sessions.jar import CookieJar
from iron_session.sessions.limits import LONGEST_SEAL
from iron_session.sessions.options import Migrate, SessionOptions

if TYPE_CHECKING:
    from iron_session.sessions.schemas import Schema, TypedData

__all__ = [
    "NOTHING",
    "Draft",
    "Opened",
    "Stored",
    "Unreadable",
    "began_ms",
    "describe",
    "describe_failure",
    "end_ms",
    "is_outdated",
    "load",
    "may_be_outdated",
    "prepare",
    "seal",
    "session_ttl_ms",
]

_MOST_RIVALS = 4  # how many other seals of the request are opened, for a warning


class Stored(NamedTuple):
    """A session as the browser has it.

    Attributes:
        json: the data as JSON text.
        mark: the seal's mark.
        password_id: the id of the password that opened or made the seal; None without a seal.
        expires: when the seal expires, in ms; None for never.
        seal: the sealed text; empty if there is none.
        user_id: the user whose session it is, if the options ask for that.
        opened_at: when it was opened, by the clock of the store of endings; None if there is none.
    """

    json: bytes
    mark: Mark
    password_id: str | None
    expires: int | None
    seal: str
    user_id: str | None = None
    opened_at: int | None = None

    def __repr__(self) -> str:
        """Show neither data nor seal: error pages show the variables of a failed save."""
        return f"<Stored: {len(self.json)} bytes, password {self.password_id}>"

    def __sentry_repr__(self) -> str:
        """Return the repr: Sentry would send what the tuple holds."""
        return repr(self)


NOTHING: Final = Stored(b"{}", NO_MARK, None, None, "")


class Opened(NamedTuple):
    """A seal that was opened.

    Attributes:
        data: the session's data, migrated if the options ask for it.
        typed: the data as an instance of the schema's type; None without a schema.
        stored: the session as the browser has it.
    """

    data: dict[str, Any]
    typed: TypedData[Any] | None
    stored: Stored

    def __repr__(self) -> str:
        """Show no data, like `Stored`."""
        return f"<Opened: {self.stored!r}>"

    def __sentry_repr__(self) -> str:
        """Return the repr: Sentry would send what the tuple holds."""
        return repr(self)


class Unreadable(NamedTuple):
    """A text that could not be opened, and why.

    Attributes:
        text: the text.
        error: why; it has no traceback.
        mark: the seal's mark, if it is authentic; a logout ends its session all the same.
    """

    text: str
    error: UnsealError
    mark: Mark = NO_MARK

    @property
    def is_unavailable(self) -> bool:
        """Whether it may be a good session: it can't be told right now."""
        return self.error.reason == "unavailable"

    def __repr__(self) -> str:
        """Show nothing of the text: with another schema it may open."""
        return f"<Unreadable: {self.error!r}>"

    def __sentry_repr__(self) -> str:
        """Return the repr: Sentry would send what the tuple holds."""
        return repr(self)


def load(jar: CookieJar, options: SessionOptions[Any], now: int) -> Opened | Unreadable | None:
    """Open the first of the request's seals that opens; else return why the first one does not."""
    failure: Unreadable | None = None
    values = cookies.read_values(jar, options.cookie_name)
    if len(values) == 1 and cookies.may_be_seal(values[0]):  # true for almost every request
        found = _try(values[0], options, now)
        if isinstance(found, Opened):
            return found
        failure, values = found, ()
    read = partial(cookies.read_values, jar)
    texts = cookies.candidates(values, read, options.cookie_name)
    for text in texts:
        found = _try(text, options, now)
        if isinstance(found, Opened):
            _warn_of_rivals(found, texts, options, now)
            return found
        if failure is None or (found.is_unavailable and not failure.is_unavailable):
            failure = found
    return failure


def _try(text: str, options: SessionOptions[Any], now: int) -> Opened | Unreadable:
    try:
        return _open(text, options, now)
    except UnsealError as error:
        # Its traceback would show an error tracker the seal and its content.
        return Unreadable(text, error.with_traceback(None))


def _warn_of_rivals(
    opened: Opened, others: Iterator[str], options: SessionOptions[Any], now: int
) -> None:
    """Log that another seal of the request opens too, and holds other data."""
    for text in islice(others, _MOST_RIVALS):
        found = _try(text, options, now)
        if isinstance(found, Opened) and found.stored.json != opened.stored.json:
            warn_once(
                ("rivals", options.cookie_name),
                "the browser sends several cookies for the session %r that open and differ; the "
                "first counts. Two applications share the name, or the cookie was set with another "
                "domain or path before: give each application a cookie_name of its own, or list "
                "the old scopes in former_scopes",
                options.cookie_name,
            )
            return


def _open(text: str, options: SessionOptions[Any], now: int) -> Opened | Unreadable:
    if len(text) > LONGEST_SEAL:
        raise UnsealError("the text is longer than any session")
    kept, passwords = options.kept_seals, options.passwords
    # Either way, all that follows is asked at each request.
    opened = open_json(text, passwords, now) if kept is None else kept.open(text, passwords, now)
    data, mark = split_mark(decode_json(opened.plaintext))
    if mark is not NO_MARK:
        mark.require_purpose(None, opened.password_id)
    if data is None:  # as in JavaScript
        stored = Stored(NOTHING.json, NO_MARK, opened.password_id, opened.expires, text)
        return Opened({}, None, stored)
    if not isinstance(data, dict):
        raise UnsealError("the seal's content is not an object", password_id=opened.password_id)
    most = options.max_lifetime_ms
    if most is not None and lifetime.has_outlived(now, mark.created_ms, opened.expires, most):
        error = UnsealError(
            "the session is past its max_lifetime",
            reason="expired",
            password_id=opened.password_id,
        )
        return Unreadable(text, error, mark)  # elsewhere it may live longer
    json = opened.plaintext if mark is NO_MARK and data else _json.encode(data, "session")
    stored = Stored(json, mark, opened.password_id, opened.expires, text)
    try:
        if options.migrate is not None:
            data = _migrate(data, options.migrate, opened.password_id)
        if options.judged:
            judged = _judge(data, stored, options, now)
            if isinstance(judged, Unreadable):
                return judged
            stored = judged
        if options.prepared_schema is None:
            return Opened(data, None, stored)
        return Opened(data, _fit(data, options.prepared_schema, opened.password_id), stored)
    except UnsealError as error:  # it is authentic all the same
        return Unreadable(text, error.with_traceback(None), mark)


def _judge(
    data: dict[str, Any], stored: Stored, options: SessionOptions[Any], now: int
) -> Stored | Unreadable:
    """Return a session with what is known of its user, or why it may not be used."""
    revoker, mark = options.revocations, stored.mark
    opened_at = _time_of(revoker)  # first: an ending from here on is later
    reason, user_id = endings.judge(
        data, mark, options, lambda user_id: describe(stored, options, now, user_id)
    )
    if reason is None:
        return stored._replace(user_id=user_id, opened_at=opened_at)
    error = UnsealError(endings.PROBLEMS[reason], reason=reason, password_id=stored.password_id)
    return Unreadable(stored.seal, error, mark)


def _time_of(revoker: Revoker | None) -> int | None:
    if revoker is not None:
        with suppress(SessionUnavailableError):  # then `judge` says so too
            return revoker.now()
    return None


def _fit(data: dict[str, Any], schema: Schema[Any], password_id: str) -> TypedData[Any]:
    """Make typed data by the schema.

    Raises:
        UnsealError: the data does not fit; the reason is `"schema"`.
    """
    from iron_session.sessions.schemas import Misfit, TypedData  # noqa: PLC0415 - there is a schema

    try:
        return TypedData(schema, data)
    except Misfit as misfit:
        problem = f"does not fit the schema {schema.name}" + (
            misfit.place and f" at {misfit.place}"
        )
    except Exception as error:  # raised by the application's code, on data it did not foresee
        problem = f"could not be read as {schema.name}: {type(error).__name__}"
    raise UnsealError(f"the session {problem}", reason="schema", password_id=password_id)


def _migrate(data: dict[str, Any], migrate: Migrate, password_id: str) -> dict[str, Any]:
    """Call the application's `migrate`, and return a copy of its result.

    Raises:
        UnsealError: it fails, or returns no session's data; the reason is `"schema"`.
    """
    try:
        migrated = migrate(data)
        if not isinstance(migrated, dict) or RESERVED in migrated:
            raise TypeError
        # A copy: all sessions may share what it returns.
        copied: dict[str, Any] = _json.decode(_json.encode(migrated, "session"))
        return copied
    except Exception as error:  # raised by the application's code, on data it did not foresee
        problem = type(error).__name__
    raise UnsealError(
        f"the session could not be migrated: {problem}", reason="schema", password_id=password_id
    )


def describe(
    stored: Stored, options: SessionOptions[Any], now: int, user_id: str | None
) -> events.Unsealed:
    """Return the argument of `on_unseal` and `accept` for a seal that was opened."""
    return events.Unsealed(
        cookie_name=options.cookie_name,
        password_id=stored.password_id or "",
        outdated=options.passwords.is_outdated(stored.password_id),
        age=_age(stored.expires, session_ttl_ms(stored.mark, options), now),
        size=len(stored.seal),
        session_id=stored.mark.session_id,
        user_id=user_id,
        logged_in_at=_time.moment(stored.mark.login_ms),
    )


def describe_failure(failure: Unreadable, options: SessionOptions[Any], now: int) -> UnsealFailure:
    """Return the argument of `on_unseal_error` for a text that could not be opened."""
    error = failure.error
    return UnsealFailure(
        reason=error.reason,
        cookie_name=options.cookie_name,
        password_id=error.password_id,
        error=error,
        age=_age(claimed_expiration(failure.text), options.ttl_ms, now),
        size=len(failure.text),
    )


def _age(expires: int | None, ttl_ms: int, now: int) -> timedelta | None:
    if expires is None or not ttl_ms:
        return None
    age_ms = now - expires + ttl_ms
    if age_ms < 0:  # made up, or sealed with a longer ttl than this one
        return None
    return timedelta(milliseconds=age_ms)


class Draft(NamedTuple):
    """A session that is ready to be sealed.

    Attributes:
        json: the data as JSON text.
        mark: the mark for the seal.
        plaintext: both, as one JSON text.
        expires: when the seal will expire, in ms; None for never.
        secret: the password that will seal it.
        length: how many characters the seal will have.
    """

    json: bytes
    mark: Mark
    plaintext: bytes
    expires: int | None
    secret: Secret
    length: int

    def __repr__(self) -> str:
        """Show no data, like `Stored`."""
        return f"<Draft: {len(self.plaintext)} bytes>"


def prepare(
    json: bytes, mark: Mark, options: SessionOptions[Any], ttl_ms: int | None, now: int
) -> Draft:
    """Make a session's data, given as JSON text, ready to be sealed.

    `mark` is its mark until now; `ttl_ms` is this session's own ttl, None for the options'.
    """
    secret = options.passwords.primary  # once: it may be another one after a reload
    created = None if mark is NO_MARK else began_ms(mark, now)
    if created is None and options.max_lifetime_ms is not None:
        created = now
    if created is not None or ttl_ms is not None:
        mark = mark.with_life(created_ms=created, ttl_ms=ttl_ms)
    life_ms = options.ttl_ms if ttl_ms is None else ttl_ms
    expires = expiration(life_ms, now)
    if created is not None:
        expires = lifetime.end(expires, created, options.max_lifetime_ms)
    plaintext = json if mark is NO_MARK else mark.join(json)
    length = sealed_length(len(plaintext), secret, expires)
    return Draft(json, mark, plaintext, expires, secret, length)


def seal(draft: Draft) -> Stored:
    """Seal a session, and return it as the browser will have it."""
    json, mark, plaintext, expires, secret, _ = draft
    text = seal_json(plaintext, secret, expires)
    stored = Stored(json, mark, secret.id, expires, text)
    if mark is NO_MARK:
        return stored
    return stored._replace(user_id=mark.user_id, opened_at=mark.since_ms)


def may_be_outdated(stored: Stored, options: SessionOptions[Any]) -> bool:
    """Return whether `is_outdated` needs to be called at all; with most options it does not."""
    if stored is NOTHING:
        return False
    return (
        options.renew_after_ms is not None
        or options.max_lifetime_ms is not None
        or options.passwords.is_outdated(stored.password_id)
    )


def is_outdated(
    stored: Stored, options: SessionOptions[Any], now: int, *, at_navigation: bool
) -> bool:
    """Return whether what the browser has should be written again though nothing changed.

    Call `may_be_outdated` first.

    Such a write would undo a change, or a logout, by a parallel request: the navigation to a page
    is one request, and loading its content takes many. So the write waits for a navigation, but not
    until it is too late.
    """
    life_ms = session_ttl_ms(stored.mark, options)
    if _is_of_old_terms(stored, options, now):
        return at_navigation or lifetime.is_half_gone(now, stored.expires, life_ms)
    renew_after_ms = options.renew_after_ms
    if renew_after_ms is None:
        return False
    if life_ms < options.ttl_ms:
        renew_after_ms = lifetime.same_part(renew_after_ms, options.ttl_ms, life_ms)
    if not at_navigation:
        max_age = lifetime.cookie_max_age(options.cookie.max_age, life_ms)
        renew_after_ms = lifetime.late(renew_after_ms, life_ms, max_age)
    began = began_ms(stored.mark, now)
    renewed = lifetime.end(expiration(life_ms, now), began, options.max_lifetime_ms)
    return lifetime.is_due(now, stored.expires, renewed, life_ms, renew_after_ms)


def _is_of_old_terms(stored: Stored, options: SessionOptions[Any], now: int) -> bool:
    """Return whether its password is outdated, or its beginning unknown though it has a lifetime.

    Sessions of the second kind began under other options, in JavaScript, or by a clock that was
    ahead.
    """
    if options.passwords.is_outdated(stored.password_id):
        return True
    if options.max_lifetime_ms is None:
        return False
    created = stored.mark.created_ms
    return created is None or created != lifetime.began(created, now)


def end_ms(stored: Stored, options: SessionOptions[Any], now: int) -> int | None:
    """Return when a session ends: with its seal, or with its lifetime, which may be earlier."""
    return lifetime.end(stored.expires, began_ms(stored.mark, now), options.max_lifetime_ms)


def session_ttl_ms(mark: Mark, options: SessionOptions[Any]) -> int:
    """Return the ttl of a session: its own, or the options'."""
    own = mark.ttl_ms
    return options.ttl_ms if own is None else own


def began_ms(mark: Mark, now: int) -> int | None:
    """Return when the session began, at the latest now; None if that is not known."""
    return lifetime.began(mark.created_ms, now)
