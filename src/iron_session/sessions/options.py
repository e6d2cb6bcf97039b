"""`CookieOptions` and `SessionOptions`: frozen, and checked once, when they are built.

Whatever browsers would silently refuse is refused here, with a message that says what to change.
Sources: RFC 6265bis (prefixes, attributes), CHIPS (Partitioned), npm's `cookie@2` (which characters
an attribute may hold), iron-session (defaults).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, KeysView, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    NoReturn,
    Self,
    TypeAlias,
)

from iron_session._frames import guard_building
from iron_session._log import warn_once
from iron_session._time import Seconds, in_words, to_milliseconds
from iron_session.errors import ConfigurationError
from iron_session.seals.kept import KeptSeals
from iron_session.seals.passwords import PasswordInput, Passwords
from iron_session.seals.sealing import DEFAULT_TTL
from iron_session.sessions.cookie_text import serialize_attributes
from iron_session.sessions.endings import Accept, Revoker
from iron_session.sessions.events import Unsealed, UnsealFailure
from iron_session.sessions.identity import UserOf
from iron_session.sessions.lifetime import cookie_max_age

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # has defaults; type checkers know it, installed or not

    from iron_session.sessions.schemas import Schema

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["CookieOptions", "Migrate", "SessionOptions", "T", "check_function"]

UnsealErrorHook: TypeAlias = Callable[[UnsealFailure], object]
UnsealHook: TypeAlias = Callable[[Unsealed], object]
Migrate: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]

_LONGEST_ATTRIBUTE = 1024  # RFC 6265bis, 5.6: browsers ignore longer values

# The character classes of cookie@2; fullmatch replaces its ^…$.
_NAME = re.compile(r"[\x21-\x3A\x3C\x3E-\x7E]+")
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"\.?{_LABEL}(?:\.{_LABEL})*", re.ASCII | re.IGNORECASE)
_PATH = re.compile(r"/[\x20-\x3A\x3D-\x7E]*")

_SAME_SITE = ("strict", "lax", "none")
_PRIORITY = ("low", "medium", "high")
_PREFIXES = ("__Host-Http-", "__Host-", "__Http-", "__Secure-")


class _Arguments:
    """A descriptor that returns a class's own signature, for tools that show it."""

    def __get__(self, instance: object, owner: type[Any]) -> inspect.Signature:
        signature = inspect.signature(owner.__init__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])


class _Options:
    """Options that refuse the arguments' names in JavaScript, and name the ones used here."""

    __slots__ = ()
    __signature__: ClassVar[_Arguments] = _Arguments()  # tools would show that of `__new__`

    def __new__(cls, *args: object, **given: object) -> Self:
        problem = _find_foreign_name(cls, given.keys())
        if problem is not None:
            del args, given  # or an error tracker would show the password
            raise ConfigurationError(problem)
        return object.__new__(cls)


def _find_foreign_name(cls: type[Any], given: KeysView[str]) -> str | None:
    """Return what to say about an argument that has another name, or another place, here."""
    known = _arguments(cls)
    if given <= set(known):
        return None
    for name in given:
        snake = _snake_case(name)
        if name not in known and snake in known:
            return f"{cls.__name__} has no {name}: it is {snake} here"
        if name not in known and snake in _arguments(CookieOptions):
            return f'{cls.__name__} has no {name}: give cookie_options={{"{snake}": …}}'
    return None  # Python refuses all others


def _arguments(cls: type[Any]) -> list[str]:
    return [one.name for one in fields(cls) if one.init]


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieOptions(_Options):
    """The attributes of the session's cookie; the defaults are iron-session's.

    Args:
        http_only: hide the cookie from JavaScript in the page.
        secure: send it over HTTPS only (browsers treat localhost as secure too). `"auto"` leaves
            the attribute out if a request came over plain http and none of its headers hints at
            https; it is for applications that are also served on a network without TLS, and can't
            be combined with anything that needs `secure=True`.
        same_site: `"strict"`, `"lax"`, `"none"` (needs `secure=True`), or None to leave it out.
        path: the path below which the cookie is sent; starts with `/`.
        domain: None for this host only; a domain sends it to all subdomains too.
        max_age: seconds for which the browser keeps it, a positive int. `"auto"` follows the
            session's ttl, ending 60 seconds earlier; None leaves it out, so that the cookie ends
            with the browser's own session, while the seal keeps its ttl.
        expires: an aware datetime, or None. A time in the past is refused when a session is saved.
        partitioned: one cookie for each top-level site (CHIPS); needs `secure=True`.
        priority: `"low"`, `"medium"`, `"high"` or None; only Chromium knows it.

    Attributes:
        header_text: the attributes as they stand in a `Set-Cookie` header, Max-Age excepted.
        scope: what, with its name, identifies the cookie to browsers: domain, path and Partitioned.

    Raises:
        ConfigurationError: a value that no browser would accept.
    """

    http_only: bool = True
    secure: bool | Literal["auto"] = True
    same_site: Literal["strict", "lax", "none"] | None = "lax"
    path: str | None = "/"
    domain: str | None = None
    max_age: int | Literal["auto"] | None = "auto"
    expires: datetime | None = None
    partitioned: bool = False
    priority: Literal["low", "medium", "high"] | None = None

    # Both are needed for each cookie that is set, and never change.
    header_text: str = field(init=False, repr=False, compare=False)
    scope: tuple[object, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("http_only", "partitioned"):
            _require_bool(f"cookie_options.{name}", getattr(self, name))
        if self.secure != "auto":
            _require_bool("cookie_options.secure", self.secure, 'True, False or "auto"')
        _normalise_choice(self, "same_site", _SAME_SITE)
        _normalise_choice(self, "priority", _PRIORITY)
        _check_text("path", self.path, _PATH, "a path starts with / and has no ; or < in it")
        _check_text("domain", self.domain, _DOMAIN, 'a domain looks like "example.com"')
        _check_max_age(self.max_age)
        _check_expires(self.expires)
        if self.same_site == "none" and self.secure is not True:
            raise ConfigurationError('cookie_options: same_site="none" needs secure=True')
        if self.partitioned and self.secure is not True:
            raise ConfigurationError("cookie_options: partitioned=True needs secure=True")
        object.__setattr__(self, "header_text", serialize_attributes(self))
        object.__setattr__(self, "scope", _scope_of(self))


def _scope_of(cookie: CookieOptions) -> tuple[object, ...]:
    """Return what, with its name, identifies a cookie to browsers (RFC 6265bis, 5.7; CHIPS)."""
    domain = cookie.domain
    if domain is not None:
        domain = domain.removeprefix(".").lower()
    return domain, cookie.path, cookie.partitioned


def _require_bool(name: str, value: object, choices: str = "True or False") -> None:
    # The text "false", as read from an environment, would count as true.
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} must be {choices}, not {value!r}")


def _normalise_choice(options: CookieOptions, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(options, name)
    if value is None:
        return
    lowered = value.lower() if isinstance(value, str) else None
    if lowered not in choices:
        raise ConfigurationError(
            f"cookie_options.{name} must be one of {', '.join(choices)}, or None"
        )
    object.__setattr__(options, name, lowered)


def _check_text(name: str, value: object, pattern: re.Pattern[str], rule: str) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ConfigurationError(f"cookie_options.{name} can't be {value!r}: {rule}")
    if len(value) > _LONGEST_ATTRIBUTE:
        raise ConfigurationError(
            f"cookie_options.{name} has {len(value)} bytes, browsers ignore more than "
            f"{_LONGEST_ATTRIBUTE}"
        )


def _check_max_age(value: object) -> None:
    if value is None or value == "auto":
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**53:
        raise ConfigurationError(
            'cookie_options.max_age must be a positive int of seconds, "auto" to follow the ttl, '
            "or None for a cookie that ends with the browser's session"
        )


def _check_expires(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ConfigurationError(
            "cookie_options.expires must be a datetime with a time zone, as "
            "datetime.now(timezone.utc) + timedelta(days=1)"
        )
    if not 1601 <= _utc_year(value) <= 9999:  # RFC 6265bis, 5.1.1
        raise ConfigurationError("cookie_options.expires must be in the years 1601 to 9999")


def _utc_year(moment: datetime) -> int:
    try:
        return moment.astimezone(UTC).year
    except OverflowError:  # in UTC it is outside the years that datetime supports
        return 0


DEFAULT_COOKIE_OPTIONS: Final = CookieOptions()


@guard_building
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions(_Options, Generic[T]):
    """How a session is sealed and which cookie carries it. Build one, at import time.

    Args:
        password: text of at least 32 characters, a mapping of ids to such texts for rotation (the
            highest id seals, all open), or `Passwords`.
        cookie_name: the cookie's name; the prefix `__Host-` binds it to this host over HTTPS.
        ttl: life of the session from its last save, in seconds or as a timedelta; 14 days by
            default; 0 never expires and is not for authentication.
        cookie_options: `CookieOptions`, or a mapping of its arguments.
        chunk: split a session that does not fit in one cookie over up to four.
        on_unseal_error: called with one `UnsealFailure` when a cookie could not be read.
        on_unseal: called with one `Unsealed` when a cookie was read: count these by password to
            see how far a rotation has come.
        renew_after: write a session that was only read again, once this much of its ttl has passed
            (seconds or timedelta, less than ttl and the cookie's Max-Age); None: write only
            changes. For a session with a shorter ttl of its own it is scaled down.
        max_lifetime: how long a session may live in all, however often it is saved or renewed
            (seconds or timedelta, at least ttl); None: no limit.
        schema: the type of `session.data`: a dataclass, a TypedDict, an attrs class or a
            msgspec.Struct, each of which needs msgspec, or a pydantic model or dataclass. All of
            its fields must have defaults. A cookie that does not fit gives an empty session, with
            the reason `"schema"`.
        migrate: brings data of old shapes up to date before it is used, or fitted to a schema: it
            takes the session's dict and returns one. Its changes are written with the response.
        former_scopes: the scopes under which earlier releases have set this cookie, as mappings of
            `domain`, `path` and `partitioned`; one that is missing is as in `cookie_options`. To
            browsers those are other cookies with this name: they are expired with each write, and
            when the session ends.
        keep_opened: how many opened seals to keep in memory for up to a minute, so that a cookie
            that comes again is not decrypted again, as 1024; None: keep none. Their plaintexts stay
            in memory meanwhile. All else is checked at each request.
        revocations: `iron_session.revocation.Revocations`, by which sessions can be ended wherever
            they are; needs `max_lifetime`. None: a session ends in its own browser, or by its ttl.
        accept: decides whether a session that opens may be used. It takes a copy of the data and an
            `Unsealed`, and returns True or False; False gives an empty session with the reason
            `"refused"`. Compare a `session_version` with the one in your database, say. It is
            called at each request that uses the session.
        user_of: returns the id of the user whose session it is, as text, from the data, or None;
            for applications whose logins do not call `session.login()`.

    Attributes:
        passwords: the `password`, as `Passwords`; `seal_data` takes it too.
        cookie: the `cookie_options`, as `CookieOptions`.
        ttl_ms: the `ttl`, in milliseconds.
        renew_after_ms: the `renew_after`, in milliseconds, or None.
        max_lifetime_ms: the `max_lifetime`, in milliseconds, or None.
        former_cookies: the `former_scopes`, as `CookieOptions`.
        prepared_schema: the `schema`, prepared for reading and writing, or None.
        kept_seals: the store that `keep_opened` asks for, or None.
        judged: whether `revocations`, `accept` or `user_of` is asked at each load.

    Raises:
        ConfigurationError: a value that can't work, or two that contradict each other.

    Values that work but are seldom meant are logged as a WARNING, once: a ttl given as a number
    below a minute or beyond ten years, `http_only=False`, a domain without a dot.
    """

    password: PasswordInput = field(repr=False)
    cookie_name: str
    ttl: Seconds = field(default=DEFAULT_TTL, compare=False)
    cookie_options: CookieOptions | Mapping[str, Any] = DEFAULT_COOKIE_OPTIONS
    chunk: bool = False
    on_unseal_error: UnsealErrorHook | None = None
    renew_after: Seconds | None = field(default=None, compare=False)
    max_lifetime: Seconds | None = field(default=None, compare=False)
    schema: type[T] | None = None
    migrate: Migrate | None = None
    on_unseal: UnsealHook | None = None
    former_scopes: Sequence[Mapping[str, Any]] = field(default=(), compare=False)
    keep_opened: int | None = None
    revocations: Revoker | None = None
    accept: Accept | None = None
    user_of: UserOf | None = None

    # The same values, prepared for sessions.
    passwords: Passwords = field(init=False, compare=False)
    cookie: CookieOptions = field(init=False, repr=False, compare=False)
    ttl_ms: int = field(init=False, repr=False)
    renew_after_ms: int | None = field(init=False, repr=False)
    max_lifetime_ms: int | None = field(init=False, repr=False)
    former_cookies: tuple[CookieOptions, ...] = field(init=False, repr=False)
    prepared_schema: Schema[T] | None = field(init=False, repr=False, compare=False)
    kept_seals: KeptSeals | None = field(init=False, repr=False, compare=False)
    judged: bool = field(init=False, repr=False, compare=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> NoReturn:
        """Refuse to be a field: FastAPI makes fields of a dependency class's arguments."""
        raise ConfigurationError(
            "SessionOptions are no parameter of a request: give the dependency its options, "
            "Depends(SessionDependency(options))"
        )

    def __post_init__(self) -> None:
        passwords = Passwords.of(self.password)
        cookie = _as_cookie_options(self.cookie_options)
        prepared = {
            "password": passwords,  # so that the options' repr shows no secret
            "passwords": passwords,
            "cookie_options": cookie,
            "cookie": cookie,
            "ttl_ms": to_milliseconds(self.ttl, "ttl"),
            "renew_after_ms": _optional_ms(self.renew_after, "renew_after"),
            "max_lifetime_ms": _optional_ms(self.max_lifetime, "max_lifetime"),
            "prepared_schema": _prepare(self.schema),
            "kept_seals": _make_store(self.keep_opened),
            "judged": (self.revocations, self.accept, self.user_of) != (None, None, None),
        }
        for name, value in prepared.items():
            object.__setattr__(self, name, value)
        _check_cookie_name(self.cookie_name)
        _check_prefix(self.cookie_name, cookie)
        former = _prepare_former(self.former_scopes, self.cookie_name, cookie)
        object.__setattr__(self, "former_cookies", former)
        object.__setattr__(self, "former_scopes", tuple(map(dict, self.former_scopes)))
        _require_bool("chunk", self.chunk)
        for name in ("on_unseal_error", "on_unseal", "migrate", "accept", "user_of"):
            check_function(name, getattr(self, name))
        _check_lifetimes(self)
        _register(self)
        _warn_of_units(self)
        _warn_of_cookie(self.cookie_name, cookie)


def override_cookie(
    options: SessionOptions[Any], changes: CookieOptions | Mapping[str, Any]
) -> CookieOptions:
    """Return the cookie's attributes with some of them changed, checked like the options' own."""
    cookie = _as_cookie_options(changes, options.cookie)
    for name in ("path", "domain", "partitioned"):
        if getattr(cookie, name) != getattr(options.cookie, name):
            raise ConfigurationError(
                f"cookie_options.{name} can't be changed for one response: browsers would keep it "
                "as a second cookie, which no logout expires. Set it in SessionOptions"
            )
    _check_prefix(options.cookie_name, cookie)
    _warn_of_cookie(options.cookie_name, cookie)
    return cookie


def check_options(options: object) -> SessionOptions[Any]:
    """Return the options, or raise ConfigurationError if they are no `SessionOptions`."""
    if not isinstance(options, SessionOptions):
        kind = type(options).__name__
        del options  # it may be a dict with a password, and an error shows variables
        raise ConfigurationError(
            f"options must be a SessionOptions, not {kind}: "
            "SessionOptions(password=…, cookie_name=…)"
        )
    return options


def _as_cookie_options(
    value: object, base: CookieOptions = DEFAULT_COOKIE_OPTIONS
) -> CookieOptions:
    """Return CookieOptions as they are, and a mapping as changes to `base`."""
    if isinstance(value, CookieOptions):
        return value
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"cookie_options must be CookieOptions or a mapping, not {type(value).__name__}"
        )
    known = _arguments(CookieOptions)
    if unknown := [name for name in value if name not in known]:
        snake = _snake_case(str(unknown[0]))
        raise ConfigurationError(
            f"cookie_options has no {unknown[0]!r}"
            f"{f', which is {snake} here' if snake in known else ''}; it takes {', '.join(known)}"
        )
    return replace(base, **value)


def _prepare(schema: type[T] | None) -> Schema[T] | None:
    if schema is None:
        return None
    from iron_session.sessions.schemas import prepare_schema  # noqa: PLC0415 - only who asks pays

    return prepare_schema(schema)


def _make_store(keep_opened: object) -> KeptSeals | None:
    """Return a store for these options alone, as many seals as they say; None for None."""
    if keep_opened is None:
        return None
    if not isinstance(keep_opened, int) or isinstance(keep_opened, bool) or keep_opened < 1:
        raise ConfigurationError(
            "keep_opened must be the number of opened seals to keep, an int of at least 1 as 1024, "
            "or None to keep none"
        )
    return KeptSeals(keep_opened)


def _optional_ms(value: Seconds | None, name: str) -> int | None:
    if value is None:
        return None
    milliseconds = to_milliseconds(value, name)
    if not milliseconds:
        raise ConfigurationError(f"{name} must be more than 0 seconds, or None")
    return milliseconds


def _check_cookie_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ConfigurationError("cookie_name must be a text that is not empty")
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"cookie_name can't be {name!r}: only visible ASCII characters except ; and ="
        )
    if len(name) > _LONGEST_ATTRIBUTE:
        raise ConfigurationError(
            f"cookie_name has {len(name)} characters: use at most {_LONGEST_ATTRIBUTE}"
        )


def _check_prefix(name: str, cookie: CookieOptions) -> None:
    """Check the cookie against its name's prefix, ignoring case as browsers do.

    Source: RFC 6265bis, 4.1.3; the two prefixes with Http are new in the draft.
    """
    lowered = name.lower()
    prefix = next((one for one in _PREFIXES if lowered.startswith(one.lower())), None)
    if prefix is None:
        return
    needs = f"a cookie name with the prefix {prefix} needs"
    if cookie.secure is not True:
        raise ConfigurationError(f"{needs} secure=True")
    if "Http" in prefix and not cookie.http_only:
        raise ConfigurationError(f"{needs} http_only=True")
    if "Host" in prefix and cookie.domain is not None:
        raise ConfigurationError(f"{needs} domain=None")
    if "Host" in prefix and cookie.path != "/":
        raise ConfigurationError(f'{needs} path="/"')


_SCOPE = ("domain", "path", "partitioned")


def _prepare_former(scopes: object, name: str, cookie: CookieOptions) -> tuple[CookieOptions, ...]:
    """Make `CookieOptions` of the cookie's former scopes; refuse the one that it has now."""
    if not isinstance(scopes, Sequence) or isinstance(scopes, str):
        raise ConfigurationError(
            'former_scopes must be a list of mappings, as [{"domain": None, "path": "/"}], '
            f"not {type(scopes).__name__}"
        )
    former = []
    known = {cookie.scope: "the scope that the cookie has now"}
    for index, scope in enumerate(scopes):
        place = f"former_scopes[{index}]"
        one = _former_cookie(scope, place, name, cookie)
        if None in (one.path, cookie.path) and one.path != cookie.path:
            raise ConfigurationError(
                f"either {place} or the cookie has path=None: that is the page's own path, which "
                "may be the other's. Name both paths"
            )
        if one.scope in known:
            raise ConfigurationError(f"{place} is {known[one.scope]}: leave it out")
        known[one.scope] = f"the same as {place}"
        former.append(one)
    return tuple(former)


def _former_cookie(scope: object, place: str, name: str, cookie: CookieOptions) -> CookieOptions:
    takes = f"it takes {', '.join(_SCOPE)}"
    if not isinstance(scope, Mapping):
        raise ConfigurationError(f"{place} must be a mapping, not {type(scope).__name__}; {takes}")
    if unknown := [key for key in scope if key not in _SCOPE]:
        raise ConfigurationError(f"{place} has no {unknown[0]!r}; {takes}")
    try:
        former = replace(cookie, **scope)
        _check_prefix(name, former)
    except ConfigurationError as error:
        problem = str(error)
    else:
        return former
    rest = problem.removeprefix("cookie_options")
    raise ConfigurationError(f"{place}: {problem}" if rest == problem else f"{place}{rest}")


def check_function(name: str, given: object) -> None:
    """Refuse anything that is no function or None, and a function that must be awaited."""
    if given is not None and not callable(given):
        raise ConfigurationError(f"{name} must be a function, or None")
    if inspect.iscoroutinefunction(given) or inspect.iscoroutinefunction(type(given).__call__):
        raise ConfigurationError(
            f"{name} must be a plain function: nothing would await a coroutine"
        )


def _check_lifetimes(options: SessionOptions[Any]) -> None:
    ttl, renew_after, most = options.ttl_ms, options.renew_after_ms, options.max_lifetime_ms
    if renew_after is not None:
        if not ttl:
            raise ConfigurationError("renew_after needs a ttl: ttl=0 never expires")
        if renew_after >= ttl:
            raise ConfigurationError("renew_after must be shorter than ttl")
        max_age = cookie_max_age(options.cookie.max_age, ttl)
        if max_age is not None and renew_after >= max_age * 1000:
            raise ConfigurationError(
                "renew_after must be shorter than the cookie's life, "
                f"{in_words(max_age * 1000)} by its max_age: browsers would drop it before"
            )
    if most is not None:
        if not ttl:
            raise ConfigurationError("max_lifetime needs a ttl: ttl=0 never expires")
        if most < ttl:
            raise ConfigurationError(
                f"max_lifetime must not be shorter than ttl, which is {in_words(ttl)}: set ttl too"
            )


def _register(options: SessionOptions[Any]) -> None:
    """Register the lives of sessions with what ends them."""
    revoker, most = options.revocations, options.max_lifetime_ms
    if revoker is None:
        return
    if not hasattr(revoker, "judge"):
        raise ConfigurationError(
            f"revocations must be iron_session.revocation.Revocations, not {type(revoker).__name__}"
        )
    if most is None:
        raise ConfigurationError(
            "revocations need a max_lifetime: what was ended could never be forgotten without it"
        )
    revoker.register(options.ttl_ms, most)


# --- values that are seldom meant ------------------------------------------------------------

_MINUTE_MS = 60 * 1000
_TEN_YEARS_MS = 3653 * 24 * 3600 * 1000


def _warn_of_units(options: SessionOptions[Any]) -> None:
    """Log a number that may be meant as days or milliseconds; a timedelta names its unit."""
    for name in ("ttl", "max_lifetime"):
        given, milliseconds = getattr(options, name), getattr(options, f"{name}_ms")
        if not milliseconds or isinstance(given, timedelta):  # 0 is for ever
            continue
        if milliseconds < _MINUTE_MS:
            size = "less than a minute"
        elif milliseconds > _TEN_YEARS_MS:
            size = "more than ten years"
        else:
            continue
        warn_once(
            (name, options.cookie_name, given),
            "session %r: %s=%s is a number of seconds, and %s. Give a timedelta, which names its "
            "unit, as timedelta(days=14)",
            *(options.cookie_name, name, given, size),
        )


def _warn_of_cookie(name: str, cookie: CookieOptions) -> None:
    """Log attributes that are right for few applications."""
    if not cookie.http_only:
        warn_once(
            ("http_only", name),
            "session %r: http_only=False lets every script in the page read the cookie, and so "
            "steal the session. Keep http_only=True, and send the page what it needs to know",
            name,
        )
    domain = (cookie.domain or "").removeprefix(".")
    if domain and "." not in domain and domain.lower() != "localhost":
        warn_once(
            ("domain", name, domain),
            "session %r: the domain %r has no dot. Browsers refuse a cookie for a whole top-level "
            "domain, and then every visitor is a new one; it is right only on an intranet",
            *(name, domain),
        )
